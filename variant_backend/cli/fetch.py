"""``variant-backend fetch``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from ..errors import VariantError
from ..lowlevel.terminal import print_line, print_message
from .command import Command, WrongValue
from .options import PATH
from .output import Progress, print_json
from .selection_options import selection_options, sources_options

if TYPE_CHECKING:
    from ..errors import Problem
    from ..formats.release import File
    from ..machine.support import Machine, Policy
    from ..selection.fetch import Fetched, LockFile
    from ..selection.releases import Sources
    from ..selection.requirements import Pin
    from ..selection.resolve import Pick
    from ..selection.target import Target


@click.command("fetch", cls=Command)
@click.argument("packages", nargs=-1, metavar="[PACKAGE[==VERSION][#LABEL]]...")
@sources_options
@click.option("-d", "--dest", "folder", type=PATH, metavar="DIR", help="Where the wheels go.")
@click.option(
    "--plain", is_flag=True, help="Leave wheels that any pip installs: no labels, no variant markers."
)
@click.option(
    "--pylock",
    "lock_file",
    type=PATH,
    metavar="FILE",
    help="Write a lock file; without PACKAGE, fetch from it.",
)
@click.option("--force", is_flag=True, help="Replace files that differ.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of the paths.")
@selection_options
def fetch_command(
    packages: tuple[str, ...],
    sources: Sources,
    folder: Path | None,
    plain: bool,
    lock_file: Path | None,
    force: bool,
    as_json: bool,
    machine: Machine,
    policy: Policy,
    target: Target,
) -> None:
    """Fetch the best wheel of each package, or that of a pinned label, and check its hashes.

    Dependencies are not fetched. Of a package with #LABEL, nothing is asked of this machine. With --pylock,
    all wheels of the releases are locked, and -d may be left out; without PACKAGE, the wheels come from FILE.
    The paths are printed.
    """
    from ..selection.fetch import fetch
    from ..selection.resolve import resolve_locked, resolve_packages

    asked: list[str] = []
    if not packages:
        picks, problems = resolve_locked(_lock_to_read(sources, folder, lock_file), machine, policy, target)
    else:
        pins = _check_picking(packages, sources, folder, lock_file, plain)
        asked = _open_hosts(sources.index_urls)
        _warn_of_open_lines(asked)
        picks, problems = resolve_packages(pins, sources, machine, policy, target)
    _print_picks(picks, problems, lock_file)
    urls = [pick.wheel.file.url for pick in picks if folder and pick.wheel.file.url]
    _warn_of_open_lines(host for host in _open_hosts(urls) if host not in asked)
    lock = _lock_to_write(lock_file, sources) if packages and lock_file else None
    with Progress(size=sum(pick.wheel.file.size or 0 for pick in picks) if folder else 0) as progress:
        results = fetch(picks, folder, lock, plain=plain, force=force, advance=progress.advance)
    _print_results(results)
    if as_json:
        print_json({"packages": [_to_dict(pick, results) for pick in picks]})
    else:
        for path in [result.path for result in results] if folder else [lock_file]:
            print_line(str(path))


def _lock_to_read(sources: Sources, folder: Path | None, lock_file: Path | None) -> Path:
    """Return the lock file to fetch from, where no package is given; raises UsageError."""
    if lock_file is None:
        raise click.UsageError("say which PACKAGE to fetch, or which lock file to fetch from: --pylock FILE")
    if any(sources):
        raise click.UsageError(
            "the lock file says where its wheels are: leave out --find-links and --index-url"
        )
    if folder is None:
        raise click.UsageError("say where the wheels go: -d DIR")
    return lock_file


def _lock_to_write(path: Path, sources: Sources) -> LockFile:
    """Return the lock file to write; it names the index, if all packages come from one."""
    from ..lowlevel.http import shown_url
    from ..selection.fetch import LockFile

    urls = [] if sources.find_links else [*sources.index_urls]
    return LockFile(path, shown_url(urls[0]) if len(urls) == 1 else None)


def _print_picks(picks: Sequence[Pick], problems: Iterable[Problem], lock_file: Path | None) -> None:
    """Print which wheels are chosen and why, and what went wrong without ruling them out."""
    if not picks:  # a package that is asked for would have been a fault
        print_message(f"notice: {lock_file}: no package counts on this system")
    for line in dict.fromkeys(map(str, problems)):
        print_message(f"warning: {line}")
    for pick in picks:
        release = pick.release
        print_message(f"{release.name} {release.version}: {pick.wheel.file.filename} is {pick.why}")


def _check_picking(
    packages: Sequence[str],
    sources: Sources,
    folder: Path | None,
    lock_file: Path | None,
    plain: bool,
) -> list[Pin]:
    """Return what is asked for; raises UsageError if that, or the options, cannot be right."""
    from ..formats.pylock import check_lock_name
    from ..selection.requirements import Pin

    lines, pins = list[str](), list[Pin]()
    for text in packages:
        try:
            pins.append(Pin.parse(text))
        except VariantError as error:
            lines += error.lines()
    if lines:
        raise WrongValue(lines, "PACKAGE")
    if not any(sources):
        raise click.UsageError("say where to look: --find-links DIR or --index-url URL")
    if folder is None and (lock_file is None or plain):
        raise click.UsageError("say where the wheels go: -d DIR")
    if lock_file is not None:
        try:
            check_lock_name(lock_file.name)
        except VariantError as error:
            raise WrongValue(error.lines(), "--pylock") from None
    return pins


def _print_results(results: Iterable[Fetched]) -> None:
    """Print of which wheels nothing proves what they are, and which were there already."""
    for result in results:
        file = result.pick.wheel.file
        if not result.verified and file.url:
            text = "nothing proves it, as its index gives no hash that does"
            print_message(f"notice: {file.filename}: {text}")
        if not result.written:
            print_message(f"notice: {result.path} was there already")


def _open_hosts(urls: Iterable[str]) -> list[str]:
    """Return the servers that are asked over a network without encryption."""
    from ..lowlevel.http import is_this_machine

    hosts: dict[str, None] = {}
    for url in urls:
        with suppress(ValueError):  # that it is no URL is said when it is asked for
            parts = urlsplit(url)
            if parts.scheme == "http" and parts.hostname and not is_this_machine(url):
                hosts[parts.hostname] = None
    return [*hosts]


def _warn_of_open_lines(hosts: Iterable[str]) -> None:
    for host in hosts:
        print_message(f"notice: {host} is asked without encryption: who is in between can change what comes")


def _to_dict(pick: Pick, results: Sequence[Fetched]) -> dict[str, object]:
    """Return the object for machines."""
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
    """Return the URL of a file as it may be printed, that of one on this machine too."""
    from ..lowlevel.http import shown_url

    location = file.location
    return shown_url(location) if isinstance(location, str) else location.absolute().as_uri()
