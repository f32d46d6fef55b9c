"""Building all wheels of a release: one sdist, and every wheel from a fresh copy of what is in there.

What one variant leaves behind in a source tree, such as its objects, would end up in the next one's
wheel: so no two wheels share a tree. Each is built by `_build_one`, in a process of its own: its output
is the log, and it can be ended at once, with everything that it has started.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from ..errors import VariantError
from ..lowlevel.processes import GROUP, end_group, temporary_folder
from ..lowlevel.workspace import workspace
from ..project.pyproject import Project, may_be_wrapped
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from ..variants.wheel_metadata import remarks_on
from ..wheels.reading import WheelFile

Distribution = Literal["sdist", "wheel"]
Installer = Literal["pip", "uv"]
Tell: TypeAlias = Callable[[int, Sequence[str]], object]

_PROGRAM = Path(__file__).with_name("_build_one.py")

# Hidden, so that `twine upload dist/*` does not see it.
_LOG_FOLDER = ".logs"
_ERROR = "variant-backend: error: "
_COLOR = re.compile(r"\x1b\[[0-9;]*m")

# Seconds between two looks at what is going on.
_TICK = 0.05


class Matrix(NamedTuple):
    """What to build of the project in the folder *source*: wheels by their *labels*, the *plain* release."""

    source: Path
    labels: tuple[str, ...]
    plain: bool
    remarks: tuple[str, ...]

    @classmethod
    def load(cls, source: Path, labels: Sequence[str] = (), *, plain: bool = False) -> Matrix:
        """Read the project file; if neither *labels* nor *plain* is asked for, that is everything.

        The remarks are what a maintainer should be told about the wheels, ready to print.
        Raises VariantError when a label is unknown, or the project is not set up for variants.
        """
        path = source / "pyproject.toml"
        project = Project.load(path)
        metadata = project.metadata
        if not labels and not plain:
            if metadata is None and not project.recipes:
                raise VariantError(
                    f"{path}: no [variant] table, so no label is known",
                    hint="define the variants there, or ask for the plain release with --plain",
                )
            defined = metadata.variants if metadata else ()
            labels, plain = [*dict.fromkeys([*defined, *project.recipes])], True  # null needs a recipe only
        known = metadata or VariantMetadata((), {}, {})
        variants = {label: known.variant(label) for label in labels}
        if variants and not may_be_wrapped(path):
            raise VariantError(f"{path}: {_NOT_WRAPPED}", hint=_SET_UP)
        remarks = remarks_on(known._replace(variants=variants))
        for variant in variants.values():
            remarks += project.recipe(variant.label).remarks()
            try:
                project.recipe(variant.label).requirements([], variant)
            except VariantError as error:  # told before anything is built
                raise error.within(f"{path}: tool.variant-backend") from None
        return cls(source, tuple(variants), plain, tuple(dict.fromkeys(remarks)))


_NOT_WRAPPED = "build-system.build-backend is not variant_backend.hooks"
_SET_UP = "`variant-backend init` sets it up"


class Built(NamedTuple):
    """What became of the sdist, or of a wheel; without a *label* that is plain.

    Either *path* says where it is, or *error* says in one line why there is none. Everything that was
    said is in its *log*; *seconds* is the time that it took.
    """

    distribution: Distribution
    label: str | None
    seconds: float
    path: Path | None
    log: Path
    error: str | None

    @property
    def name(self) -> str:
        """What a person calls it: the label, ``plain`` or ``sdist``."""
        return _name(self.distribution, self.label)


def _name(distribution: Distribution, label: str | None) -> str:
    return label or ("sdist" if distribution == "sdist" else "plain")


def build_matrix(
    matrix: Matrix, output: Path, *, jobs: int, installer: Installer | None, tell: Tell
) -> list[Built]:
    """Build the sdist and then, *jobs* at a time, the wheels; what is complete is moved to *output* at once.

    Without an *installer* all happens in the environment of this Python. Now and then, *tell* is told
    how many builds are done, and the names of those that run. Returns what became of all that was asked
    for, in that order; or of the sdist alone, if that failed: then no wheel was tried.
    Raises VariantError when *output* cannot be written.
    """
    with temporary_folder() as temporary:
        # Nothing of ours is in the source tree while the sdist is made: backends pack what they find there.
        log = temporary / "sdist.log"
        order = _Order("sdist", None, matrix.source, temporary, log, temporary, temporary, installer)
        [sdist] = _run([order], 1, tell)
        with workspace(output) as private:
            logs = output / _LOG_FOLDER
            logs.mkdir(exist_ok=True)
            shutil.copy(log, logs)
            sdist = sdist._replace(log=logs / log.name)
            labels = [*matrix.labels, *([None] if matrix.plain else [])]
            log_of = {label: logs / f"{_log_name('wheel', label)}.log" for label in labels}
            for path in log_of.values():
                path.unlink(missing_ok=True)
            source = sdist.path
            if source is None:
                return [sdist]
            if matrix.plain:
                shutil.copy(source, private)
                sdist = sdist._replace(path=(private / source.name).replace(output / source.name))
            orders = [
                _Order("wheel", label, source, output, log_of[label], private, temporary, installer)
                for label in labels
            ]
            wheels = _run(orders, jobs, lambda done, names: tell(done + 1, names))
            return [sdist, *wheels] if matrix.plain else wheels


def _log_name(distribution: Distribution, label: str | None) -> str:
    """Return a name of its own for each build, whatever the labels are: none has a ``-``."""
    return f"{label}-variant" if label in ("sdist", "plain") else _name(distribution, label)


class _Order(NamedTuple):
    """One thing to build from *source*, and the folder *target* that it is moved to when it is complete."""

    distribution: Distribution
    label: str | None
    source: Path
    target: Path
    log: Path
    private: Path
    temporary: Path
    installer: Installer | None


def _run(orders: Sequence[_Order], jobs: int, tell: Tell) -> list[Built]:
    """Build what is ordered, some of it at a time; nothing runs on when this ends, however it does."""
    built: dict[_Order, Built] = {}
    waiting = deque(orders)
    running: list[_Process] = []
    try:
        while len(built) < len(orders):
            while waiting and len(running) < jobs:
                running.append(_Process(waiting.popleft()))
            tell(len(built), [_name(process.order.distribution, process.order.label) for process in running])
            time.sleep(_TICK)
            for process in [process for process in running if process.has_ended()]:
                running.remove(process)
                built[process.order] = process.built()
    finally:
        for process in running:
            process.end()
    return [built[order] for order in orders]


class _Process:
    """A build that runs, in a process of its own."""

    def __init__(self, order: _Order) -> None:
        self.order = order
        self._started = time.monotonic()
        folder = Path(tempfile.mkdtemp(dir=order.private)).absolute()
        self._result = folder / "result"
        request = {
            "distribution": order.distribution,
            "source": str(order.source.absolute()),
            "settings": {"variant": order.label} if order.label else None,
            "installer": order.installer,
            "output": str(folder / "built"),
            "result": str(self._result),
        }
        temporary = tempfile.mkdtemp(dir=order.temporary)
        environment = {
            **os.environ,
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary),
            "PYTHONUNBUFFERED": "1",  # the log has each line at once, and stdout and stderr in their order
            "PYTHONIOENCODING": "utf-8:backslashreplace",
        }
        with order.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(_PROGRAM), json.dumps(request)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **GROUP,
            )

    def has_ended(self) -> bool:
        """Tell whether it ended by itself."""
        return self._process.poll() is not None

    def end(self) -> None:
        """End the process, and all that it has started."""
        end_group(self._process)

    def built(self) -> Built:
        """Move what the process has built to its place, and return what became of it."""
        order = self.order
        path = error = None
        try:
            if self._process.returncode:
                error = _reason(order.log, self._process.returncode)
            else:
                path = self._deliver()
        except VariantError as fault:
            error = str(fault)
        except OSError as fault:
            error = f"{fault.filename2 or fault.filename}: {fault.strerror}"
        seconds = round(time.monotonic() - self._started, 1)
        return Built(order.distribution, order.label, seconds, path, order.log, error)

    def _deliver(self) -> Path:
        path = Path(self._result.read_text(encoding="utf-8"))
        if self.order.distribution == "wheel":
            _check_label(WheelFile.of(path).name, self.order.label)
        return path.replace(self.order.target / path.name)


def _check_label(filename: WheelFilename, label: str | None) -> None:
    """Check that a wheel is the variant that was asked for; raises VariantError."""
    if filename.label == label:
        return
    if filename.label is None:
        raise VariantError(f"{filename} came without its label: {_NOT_WRAPPED}", hint=_SET_UP)
    raise VariantError(f"{filename} came with the label {filename.label!r}, not {label or 'plain'!r}")


def _reason(log: Path, code: int) -> str:
    """Return one line that says why a build failed: what variant-backend says, else the last one."""
    if code < 0:
        return f"it was ended by signal {-code}"
    reason = f"it ended with exit code {code}"
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in (_COLOR.sub("", line).strip() for line in lines):
            if line.startswith(_ERROR):
                return line.removeprefix(_ERROR)
            if line and not line.startswith("[notice]"):  # there is a newer pip
                reason = line
    return reason
