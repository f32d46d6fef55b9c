"""The command line: what its commands share. Each command is a module; `main` gathers ``variant-backend``."""

from __future__ import annotations

import errno
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from .. import errors
from ..errors import VariantError
from ..lowlevel.ranges import real_path
from ..variants.properties import Property

# A path as it is given: what is wrong with it is said by who opens it.
PATH = click.Path(path_type=Path, readable=False)


# Of commands that read what is installed.
installed_paths = click.option(
    "--path",
    "paths",
    multiple=True,
    type=PATH,
    metavar="DIR",
    help="Where distributions are installed: a site-packages folder; may be repeated.",
)


# Of commands that choose among the wheels of a project.
find_links_option = click.option(
    "--find-links",
    multiple=True,
    type=PATH,
    metavar="DIR",
    help="A folder with wheels and their index file; may be repeated.",
)
index_url_option = click.option(
    "--index-url", multiple=True, metavar="URL", help="A package index; may be repeated."
)


class Failure(click.ClickException):
    """Faults, each on a line of its own; the exit code is 1."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = list(lines)
        super().__init__("\n".join(self.lines))

    def show(self, file: Any = None) -> None:  # noqa: ARG002  # click's signature
        """Print the faults, which may name what others wrote."""
        for line in self.lines:
            talk(f"error: {printable(line)}")


class Command(click.Command):
    """A command whose faults end in clear lines, and which SIGTERM and SIGHUP end as Ctrl-C does."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with _termination_is_an_exit():
                return super().invoke(ctx)
        except OSError as error:
            if error.errno == errno.EPIPE:  # click ends quietly when nobody reads on
                raise
            raise Failure(fault_lines(error)) from None
        except VariantError as error:
            raise Failure(fault_lines(error)) from None


def fault_lines(error: VariantError | OSError) -> list[str]:
    """Return the faults, each on a line of its own."""
    if isinstance(error, VariantError):
        return error.lines()
    return [f"{error.filename2 or error.filename or 'stdout'}: {error.strerror or error}"]


def talk(text: str) -> None:
    """Tell a person something: on stderr."""
    click.echo(text, err=True)


def printable(text: str) -> str:
    """Return a text on one line, with nothing in it that a terminal would obey or could not show."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return errors.printable(text).encode(encoding, "backslashreplace").decode(encoding)


class Progress:
    """A progress bar over files that are read, on a terminal, once the work takes longer than a second.

    *size* is that of what is not on this machine, in bytes.
    """

    def __init__(self, files: Iterable[Path] = (), *, size: int = 0, shown: bool = True) -> None:
        self._shown = shown and sys.stderr is not None and sys.stderr.isatty()
        self._total = size
        for file in files if self._shown else ():
            with suppress(OSError):  # which is said when the file is read
                self._total += file.stat().st_size
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._done = 0
        self._bar: Any = None
        self._cancelled = False

    def __enter__(self) -> Progress:
        """Start; nothing is shown yet."""
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._cancelled = kind is not None  # copies that still run in other threads end at their next step
        self.interrupt()

    def advance(self, count: int) -> None:
        """Note that so many more bytes were read."""
        if self._cancelled:
            raise VariantError("interrupted")
        with self._lock:
            self._done += count
            if self._shown and self._bar is None and time.monotonic() - self._started > 1:
                self._bar = click.progressbar(length=self._total, file=sys.stderr, update_min_steps=1 << 20)
                self._bar.update(self._done)
            elif self._bar is not None:
                self._bar.update(count)

    def interrupt(self) -> None:
        """Leave the bar as it is, so that something else can be printed below it."""
        with self._lock:
            if self._bar is not None:
                self._bar.render_finish()


@contextmanager
def status_line() -> Iterator[Callable[[str], object]]:
    """Give a function that shows a line in place of the one before, on a terminal; the last is removed."""
    import shutil  # takes long to import, and few commands need it

    shown = sys.stderr is not None and sys.stderr.isatty()
    last = ""

    def show(text: str) -> None:
        nonlocal last
        if shown and text != last:
            width = shutil.get_terminal_size().columns - 1
            click.echo(f"\r{text[:width]:{width}}\r", err=True, nl=False)
            last = text

    try:
        yield show
    finally:
        show("")


def read_supported(texts: Iterable[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Read what a system supports, ``NS :: FEATURE :: V1, V2`` each; the order of all is best first.

    A feature that is met again adds its values. Raises VariantError with every fault found.

    >>> read_supported(["x86_64 :: level :: v3, v2", "x86_64 :: avx :: on"])
    {'x86_64': {'level': ('v3', 'v2'), 'avx': ('on',)}}
    """
    result: dict[str, dict[str, tuple[str, ...]]] = {}
    issues: list[str] = []
    for text in texts:
        before, separator, values = text.rpartition("::")
        for value in values.split(","):
            try:
                item = Property.parse(f"{before}{separator}{value}")
            except VariantError as error:
                issues += error.lines()
            else:
                features = result.setdefault(item.namespace, {})
                features[item.feature] = (*features.get(item.feature, ()), item.value)
    if issues:
        raise VariantError(*issues)
    return {
        namespace: {name: tuple(dict.fromkeys(values)) for name, values in features.items()}
        for namespace, features in result.items()
    }


def check_targets(targets: Iterable[tuple[Path, Path]]) -> None:
    """Raise a VariantError if two of the wheels would be written to one file; each comes with its target."""
    sources: dict[Path, list[Path]] = {}
    for wheel, target in targets:
        place = real_path(target)
        if real_path(wheel) != place:  # such a one is there already, and is not written
            sources.setdefault(place, []).append(wheel)
    clashes = [
        f"{' and '.join(map(str, several))} would both become {target}"
        for target, several in sources.items()
        if len(several) > 1
    ]
    if clashes:
        raise VariantError(*clashes, hint="convert them one by one, into folders of their own")


@contextmanager
def _termination_is_an_exit() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the process as Ctrl-C does, so that nothing is left behind."""

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        signals = []  # only the main thread may
    former = {number: signal.signal(number, leave) for number in signals}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
