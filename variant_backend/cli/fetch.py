"""``variant-backend fetch``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from ..errors import VariantError
from .command import Command, WrongValue, given_options
from .options import WRITTEN_PATH, force_option, output_option
from .output import Printer, Progress
from .policy_options import or_configured
from .selection_options import SELECTION, selection_options, sources_options

if TYPE_CHECKING:
    from ..errors import Problem
    from ..formats.release import File
    from ..machine.support import Machine, Policy
    from ..selection.fetch import Fetched, LockFile
    from ..selection.releases import Sources
    from ..selection.resolve import Pick
    from ..selection.target import Target
    from ..variants.requirements import Pin

_NO_OUTPUT = "missing folder for the wheels; add --output DIR"


@click.command(
    "fetch",
    cls=Command,
    example="variant-backend fetch demo -f dist -o wheels",
    page="docs/fetch.md",
    hints=dict.fromkeys(("-l", "--label"), "write PACKAGE#LABEL, such as six#fast"),
)
@click.argument("packages", nargs=-1, metavar="[PACKAGE[==VERSION][#LABEL]]...")
@sources_options
@output_option("The folder for the wheels.")
@click.option(
    "--plain",
    is_flag=True,
    help="Write plain wheels, which every pip installs: no label, no variant markers.",
)
@click.option(
    "--pylock",
    "lock_file",
    type=WRITTEN_PATH,
    metavar="FILE",
    help="Write a lock file; without PACKAGE, download from it.",
)
@force_option
@selection_options
@click.pass_obj
def fetch_command(
    printer: Printer,
    packages: tuple[str, ...],
    sources: Sources,
    output: Path | None,
    plain: bool,
    lock_file: Path | None,
    force: bool,
    machine: Machine,
    policy: Policy,
    target: Target,
) -> None:
    """Download the best wheel of each package.

    The command verifies hashes, does not download dependencies, and prints the paths. #LABEL selects the
    wheel of that label, whatever the machine supports. With --pylock, FILE locks all wheels of the releases,
    and -o may be missing. Without PACKAGE, the command downloads the wheels that FILE locks.
    """
    from ..selection.fetch import fetch
    from ..selection.resolve import resolve_locked, resolve_packages

    if not packages:
        picks, problems = resolve_locked(_lock_to_read(sources, output, lock_file), machine, policy, target)
    else:
        sources = or_configured(sources)
        pins = _check_picking(packages, sources, output, lock_file, plain)
        warn_of_plain_http(printer, sources.index_urls)
        explain = given_options(click.get_current_context(), SELECTION)
        picks, problems = resolve_packages(pins, sources, machine, policy, target, explain=explain)
    _print_picks(printer, picks, problems, lock_file)
    warn_of_plain_http(printer, [pick.wheel.file.url for pick in picks if output and pick.wheel.file.url])
    lock = _lock_to_write(lock_file, sources) if packages and lock_file else None
    with Progress(size=sum(pick.wheel.file.size or 0 for pick in picks) if output else 0) as progress:
        results = fetch(picks, output, lock, plain=plain, force=force, advance=progress.advance)
    print_fetched(printer, results)
    printer.keys = {
        "packages": [_to_dict(pick, results) for pick in picks],
        "lock-file": str(lock_file) if lock else None,
    }
    for path in [result.path for result in results] if output else [lock_file]:
        printer.line(str(path))


def _lock_to_read(sources: Sources, output: Path | None, lock_file: Path | None) -> Path:
    """Return the lock file to download from if no package is given; raises UsageError."""
    if lock_file is None:
        raise click.UsageError("missing PACKAGE; name packages, or a lock file with --pylock FILE")
    if any(sources):
        raise click.UsageError(
            "a lock file names the locations of its wheels; leave out --find-links and --index-url"
        )
    if output is None:
        raise click.UsageError(_NO_OUTPUT)
    return lock_file


def _lock_to_write(path: Path, sources: Sources) -> LockFile:
    """Return the lock file to write; it names the index if all packages come from one."""
    from ..lowlevel.urls import shown_url
    from ..selection.fetch import LockFile

    urls = [] if sources.find_links else [*sources.index_urls]
    return LockFile(path, shown_url(urls[0]) if len(urls) == 1 else None)


def _print_picks(
    printer: Printer, picks: Sequence[Pick], problems: Iterable[Problem], lock_file: Path | None
) -> None:
    """Print which wheels are selected and why, and the problems that ruled out none of them."""
    if not picks:  # a requested package without a wheel is an error already
        printer.warn(f"{lock_file}: no package is for this environment; no file is written")
    for problem in problems:
        printer.warn(problem)
    for pick in picks:
        release = pick.release
        printer.say(f"{release.name} {release.version}: {pick.wheel.file.filename} is {pick.why}")


def _check_picking(
    packages: Sequence[str],
    sources: Sources,
    output: Path | None,
    lock_file: Path | None,
    plain: bool,
) -> list[Pin]:
    """Return the requested packages; raises UsageError if they or the options are wrong."""
    from ..formats.pylock import check_lock_name
    from ..variants.requirements import Pin

    lines, pins = list[str](), list[Pin]()
    for text in packages:
        try:
            pins.append(Pin.parse(text))
        except VariantError as error:
            lines += error.lines()
    if lines:
        raise WrongValue(lines, "PACKAGE")
    if not any(sources):
        raise click.UsageError("missing source; add --find-links DIR or --index-url URL")
    if output is None and (lock_file is None or plain):
        raise click.UsageError(_NO_OUTPUT)
    if lock_file is not None:
        try:
            check_lock_name(lock_file.name)
        except VariantError as error:
            raise WrongValue(error.lines(), "--pylock") from None
    return pins


def print_fetched(printer: Printer, results: Iterable[Fetched]) -> None:
    """Print which wheels are unverified, and which existed already."""
    for result in results:
        file = result.pick.wheel.file
        if not result.verified and file.url:
            printer.warn(f"{file.filename}: not verified: the index has no hash that can be checked")
        if not result.written:
            printer.say(f"{result.path} already exists, with the same content")


def warn_of_plain_http(printer: Printer, urls: Iterable[str]) -> None:
    """Warn of each server that is asked over a network without encryption."""
    from ..lowlevel.urls import is_this_machine

    for url in urls:
        with suppress(ValueError):  # the download reports an invalid URL
            parts = urlsplit(url)
            if parts.scheme == "http" and parts.hostname and not is_this_machine(url):
                printer.warn(f"{parts.hostname}: http is not encrypted; others can change the download")


def _to_dict(pick: Pick, results: Sequence[Fetched]) -> dict[str, object]:
    """Return the JSON object of a package."""
    file = pick.wheel.file
    result = next((result for result in results if result.pick is pick), None)
    variants = result.metadata.variants if result and result.metadata else {}
    variant = pick.variant or variants.get(pick.label or "")
    return {
        "name": pick.release.name,
        "version": str(pick.release.version),
        "label": pick.label,
        "filename": file.filename,
        "path": str(result.path) if result else None,
        "url": _shown_url(file),
        "hashes": dict(file.hashes),
        "verified": result is not None and result.verified,
        "properties": variant.to_dict() if variant else {},
    }


def _shown_url(file: File) -> str:
    """Return the URL of a file, without secrets."""
    from ..lowlevel.urls import shown_url

    location = file.location
    return shown_url(location) if isinstance(location, str) else location.absolute().as_uri()
