"""``variant-backend fetch``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from ..errors import VariantError, lines_of
from ..lowlevel.terminal import print_line, print_message
from .command import Command, WrongValue
from .options import PATH, find_links_option, index_url_option
from .output import Progress, print_json
from .selection_options import selection_options

if TYPE_CHECKING:
    from ..machine.system import System
    from ..selection.fetch import Fetched
    from ..selection.requirements import Pin
    from ..selection.resolve import Pick
    from ..selection.target import Target


@click.command("fetch", cls=Command)
@click.argument("packages", nargs=-1, metavar="[PACKAGE[==VERSION][#LABEL]]...")
@find_links_option
@index_url_option
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
    find_links: tuple[Path, ...],
    index_url: tuple[str, ...],
    folder: Path | None,
    plain: bool,
    lock_file: Path | None,
    force: bool,
    as_json: bool,
    system: System,
    target: Target,
) -> None:
    """Fetch the best wheel of each package, or that of a pinned label, and check its hashes.

    Dependencies are not fetched. Of a package with #LABEL, nothing is asked of this machine. With --pylock,
    all wheels of the releases are locked, and -d may be left out; without PACKAGE, the wheels come from FILE.
    The paths are printed.
    """
    from ..lowlevel.http import shown_url
    from ..selection.resolve import resolve_locked, resolve_packages

    asked: list[str] = []
    if not packages:
        picks, faults = resolve_locked(
            _lock_to_read(find_links, index_url, folder, lock_file), system, target
        )
    else:
        pins = _check_picking(packages, find_links, index_url, folder, lock_file, plain)
        asked = _open_hosts(index_url)
        _warn_of_open_lines(asked)
        picks, faults = resolve_packages(
            pins, find_links=find_links, index_urls=index_url, system=system, target=target
        )
    _tell(picks, faults, lock_file)
    if folder:
        _warn_of_open_lines(
            host for host in _open_hosts(each.file.url for each in picks) if host not in asked
        )
    writes = lock_file if packages else None
    only_index = shown_url(index_url[0]) if len(index_url) == 1 and not find_links else None
    results = _fetched(picks, folder, writes, only_index, plain=plain, force=force)
    if as_json:
        print_json({"packages": [_to_dict(each, results) for each in picks]})
    else:
        for path in [each.path for each in results] if folder else [writes]:
            print_line(str(path))


def _lock_to_read(
    find_links: Sequence[Path], index_urls: Sequence[str], folder: Path | None, lock_file: Path | None
) -> Path:
    """Return the lock file to fetch from, where no package is given; raises UsageError."""
    if lock_file is None:
        raise click.UsageError("say which PACKAGE to fetch, or which lock file to fetch from: --pylock FILE")
    if find_links or index_urls:
        raise click.UsageError(
            "the lock file says where its wheels are: leave out --find-links and --index-url"
        )
    if folder is None:
        raise click.UsageError("say where the wheels go: -d DIR")
    return lock_file


def _tell(picks: Sequence[Pick], faults: Iterable[VariantError], lock_file: Path | None) -> None:
    """Tell which wheels are chosen and why, and what went wrong without ruling them out."""
    if not picks:  # a package that is asked for would have been a fault
        print_message(f"notice: {lock_file}: no package counts on this system")
    for line in dict.fromkeys(lines_of(faults)):
        print_message(f"warning: {line}")
    for each in picks:
        print_message(f"{each.release.name} {each.release.version}: {each.file.filename} is {each.why}")


def _check_picking(
    packages: Sequence[str],
    find_links: Sequence[Path],
    index_urls: Sequence[str],
    folder: Path | None,
    lock_file: Path | None,
    plain: bool,
) -> list[Pin]:
    """Return what is asked for; raises UsageError if that, or the options, cannot be right."""
    from ..formats.pylock import check_lock_name
    from ..selection.requirements import Pin

    issues, pins = list[str](), list[Pin]()
    for text in packages:
        try:
            pins.append(Pin.parse(text))
        except VariantError as error:
            issues += error.lines()
    if issues:
        raise WrongValue(issues, "PACKAGE")
    if not find_links and not index_urls:
        raise click.UsageError("say where to look: --find-links DIR or --index-url URL")
    if folder is None and (lock_file is None or plain):
        raise click.UsageError("say where the wheels go: -d DIR")
    if lock_file is not None:
        try:
            check_lock_name(lock_file.name)
        except VariantError as error:
            raise WrongValue(error.lines(), "--pylock") from None
    return pins


def _fetched(
    picks: Sequence[Pick],
    folder: Path | None,
    lock_file: Path | None,
    index_url: str | None,
    *,
    plain: bool,
    force: bool,
) -> list[Fetched]:
    """Fetch the wheels if they have a place to go, and write the lock file if one is asked for."""
    from ..selection import fetch as operation
    from ..wheels.plain import plain_name

    if folder is None:
        _write_lock(picks, [], lock_file, index_url, force=force)
        return []
    rename = plain_name if plain else None
    with (
        Progress(size=sum(each.file.size or 0 for each in picks)) as progress,
        operation.fetched(picks, folder, plain=rename, force=force, advance=progress.advance) as results,
    ):
        progress.interrupt()
        for each in results:
            if not each.verified and not each.pick.file.url.startswith("file:"):
                name = each.pick.file.filename
                print_message(f"notice: {name}: nothing proves it, as its index gives no hash that does")
        _write_lock(picks, results, lock_file, index_url, force=force)
    for each in results:
        if not each.written:
            print_message(f"notice: {each.path} was there already")
    return results


def _write_lock(
    picks: Sequence[Pick],
    results: Sequence[Fetched],
    path: Path | None,
    index_url: str | None,
    *,
    force: bool,
) -> None:
    from ..lowlevel.file_set import update
    from ..selection import fetch as operation

    if path is not None:
        update([operation.lock(picks, results, path, index_url=index_url, force=force)])


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
    from ..lowlevel.http import shown_url

    result = next((each for each in results if each.pick is pick), None)
    variants = result.metadata.variants if result and result.metadata else {}
    variant = pick.variant or variants.get(pick.label or "")
    return {
        "name": pick.release.name,
        "version": str(pick.release.version),
        "label": pick.label,
        "filename": pick.file.filename,
        "path": str(result.path) if result else None,
        "url": shown_url(pick.file.url),
        "hashes": dict(pick.file.hashes),
        "verified": result is not None and result.verified,
        "properties": variant.to_dict() if variant else {},
    }
