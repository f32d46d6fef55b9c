"""``variant-backend fetch``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from ..errors import VariantError
from .command import Command, WrongValue, given_options
from .graph_options import check_effect, prefer_option, requests_options, resolver_option
from .options import WRITTEN_PATH, force_option, output_option
from .output import Printer, Progress
from .policy_options import or_configured
from .selection_options import SELECTION, check_sources, overlaid_sources_options, selection_options

if TYPE_CHECKING:
    from ..formats.release import File
    from ..graphs.assignment import Preference
    from ..graphs.fetch_packages import AlignedPicks
    from ..graphs.request_files import RequestLists
    from ..graphs.resolution import AlignedMachine
    from ..graphs.resolvers import Resolver
    from ..machine.support import Machine, Policy
    from ..selection.fetch import Fetched, LockFile
    from ..selection.releases import Sources
    from ..selection.resolve import Pick, SdistPick
    from ..selection.target import Target
    from ..variants.joined_requests import JoinedRequests

_NO_OUTPUT = "missing folder for the wheels; add --output DIR"
_NO_REQUEST = "missing REQUIREMENT; name packages, or a file with --requirement FILE or --pylock FILE"


@click.command(
    "fetch",
    cls=Command,
    example="variant-backend fetch demo -f dist -o wheels",
    page="docs/how-to/fetch.md",
    hints=dict.fromkeys(("-l", "--label"), "write PACKAGE#LABEL, such as six#fast"),
)
@requests_options
@overlaid_sources_options
@output_option("The folder for the wheels.")
@click.option("--with-dependencies", is_flag=True, help="Download all dependencies, too.")
@prefer_option
@resolver_option
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
    help="Write a lock file; without REQUIREMENT, download from it.",
)
@force_option
@partial(selection_options, aligns_packages=True)
@click.pass_obj
def fetch_command(
    printer: Printer,
    requests: RequestLists,
    sources: Sources,
    output: Path | None,
    with_dependencies: bool,
    prefer: Preference,
    resolver: Resolver,
    plain: bool,
    lock_file: Path | None,
    force: bool,
    machine: Machine,
    policy: Policy,
    target: Target,
) -> None:
    """Download the best wheel of each package.

    REQUIREMENT is as in pip. It may end with #LABEL, which is downloaded whatever the machine supports, with
    #PATTERN for the best supported one of several labels, or with #(plain). The command verifies hashes and
    prints the paths. With --pylock, FILE locks all wheels of the releases, and -o may be missing. Without
    REQUIREMENT, the command downloads the wheels that FILE locks.
    """
    from ..graphs.fetch_packages import aligned_locked

    here = _aligned_machine(machine, policy, prefer)
    _check_usage(requests, output, lock_file, plain=plain, with_dependencies=with_dependencies)
    lock, skipped = None, list[str]()
    if not requests.requests:
        selected = aligned_locked(_lock_to_read(sources, output, lock_file), here, target)
    else:
        sources = _overlaid_sources(sources, lock_file)
        names = () if with_dependencies else [request.name for request in requests.requests]
        check_sources(sources, names)
        joined = _joined(printer, requests, sources, target)
        skipped = [*map(str, joined.skipped)]
        selected = _selected_files(joined, sources, here, target, resolver if with_dependencies else None)
        lock = _lock_to_write(lock_file, sources) if lock_file and selected.picks else None
    _print_selected(printer, selected, machine, None if requests.requests else lock_file)
    results = _fetched(printer, selected.picks, output, lock, plain=plain, force=force)
    printer.keys = _keys(selected, results, skipped, lock)
    for path in [result.path for result in results] if output else [lock.path] if lock else []:
        printer.line(str(path))


def _aligned_machine(machine: Machine, policy: Policy, prefer: Preference) -> AlignedMachine:
    """Return the machine with the wishes for packages; raises UsageError for a preference without effect."""
    from ..graphs.resolution import AlignedMachine, Wishes

    check_effect("prefer", "--align NS", effective=bool(policy.align))
    return AlignedMachine(machine, policy, Wishes(policy.align, prefer))


def _check_usage(
    requests: RequestLists,
    output: Path | None,
    lock_file: Path | None,
    *,
    plain: bool,
    with_dependencies: bool,
) -> None:
    """Raise UsageError if options exclude each other, have no effect, or one is missing."""
    check_effect("resolver", "--with-dependencies", effective=with_dependencies)
    if with_dependencies and lock_file is not None:
        text = "--with-dependencies and --pylock cannot be used together; use `variant-backend lock`"
        raise click.UsageError(text)
    if not requests.requests:
        if requests.constraints or with_dependencies:
            raise click.UsageError(_NO_REQUEST)
        return
    if output is None and (lock_file is None or plain):
        raise click.UsageError(_NO_OUTPUT)
    if lock_file is not None:
        _check_lock_name(lock_file)


def _overlaid_sources(sources: Sources, lock_file: Path | None) -> Sources:
    """Return the sources; raises UsageError for a lock file of wheels whose names lack their labels."""
    if sources.overlay and lock_file:
        text = "--overlay and --pylock cannot be used together; use `variant-backend lock --overlay FILE`"
        raise click.UsageError(text)
    return or_configured(sources)


def _check_lock_name(path: Path) -> None:
    """Raise WrongValue if a lock file has an invalid name."""
    from ..formats.pylock import check_lock_name

    try:
        check_lock_name(path.name)
    except VariantError as error:
        raise WrongValue(error.lines(), "--pylock") from None


def _joined(printer: Printer, requests: RequestLists, sources: Sources, target: Target) -> JoinedRequests:
    """Return the requests that apply to the target; raises VariantError or UsageError."""
    from ..variants.joined_requests import join_requests

    joined = join_requests(requests.requests, requests.constraints, target.markers)
    for request in joined.skipped:
        printer.say(
            f"{request}: skipped, as it does not apply to Python {target.python} on {target.platform}"
        )
    warn_of_plain_http(printer, sources.every_index_url)
    return joined


def _selected_files(
    joined: JoinedRequests,
    sources: Sources,
    here: AlignedMachine,
    target: Target,
    resolver: Resolver | None,
) -> AlignedPicks:
    """Return the files of the requested packages, and with a *resolver* those of their dependencies."""
    if resolver is not None:
        from ..graphs.fetch_graph import graph_picks

        return graph_picks(joined, sources, here, target, resolver)
    from ..graphs.fetch_packages import aligned_picks

    explain = given_options(click.get_current_context(), SELECTION)
    return aligned_picks(joined, sources, here, target, explain=explain)


def _lock_to_read(sources: Sources, output: Path | None, lock_file: Path | None) -> Path:
    """Return the lock file to download from if no package is given; raises UsageError."""
    if lock_file is None:
        raise click.UsageError(_NO_REQUEST)
    if any(sources):
        raise click.UsageError(
            "a lock file names the locations of its wheels; leave out --find-links, --index-url and --overlay"
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


def _print_selected(
    printer: Printer, selected: AlignedPicks, machine: Machine, lock_file: Path | None
) -> None:
    """Print which files are selected and why, and the problems that ruled out none of them."""
    from ..graphs.alignment_costs import alignment_lines
    from ..graphs.installed_values import exclusion_lines

    if not selected.picks:  # a requested package without a wheel is an error already
        nothing = f"{lock_file}: no package" if lock_file else "no requirement"
        printer.warn(f"{nothing} is for this environment; no file is written")
    for problem in selected.problems:
        printer.warn(problem)
    selected_names = [pick.release.name for pick in selected.picks]
    installed = exclusion_lines(selected.alignment, machine, selected_names)
    for line in [*alignment_lines(selected.alignment), *installed]:
        printer.say(line)
    for pick in selected.picks:
        printer.say(f"{pick.release.name} {pick.version}: {pick.file.filename} is {pick.why}")


def _fetched(
    printer: Printer,
    picks: Sequence[Pick | SdistPick],
    output: Path | None,
    lock: LockFile | None,
    *,
    plain: bool,
    force: bool,
) -> list[Fetched]:
    """Download the selected files, and write the lock file."""
    from ..selection.fetch import fetch

    warn_of_plain_http(printer, [pick.file.url for pick in picks if output and pick.file.url])
    with Progress(size=sum(pick.file.size or 0 for pick in picks) if output else 0) as progress:
        results = fetch(picks, output, lock, plain=plain, force=force, advance=progress.advance)
    print_fetched(printer, results)
    return results


def _keys(
    selected: AlignedPicks, results: Sequence[Fetched], skipped: Sequence[str], lock: LockFile | None
) -> dict[str, object]:
    """Return the keys of the JSON object."""
    from ..graphs.assignment_file import assignment_table

    return {
        "packages": [_to_dict(pick, results) for pick in selected.picks],
        "skipped": [*skipped],
        "assignment": assignment_table(selected.alignment.assignment),
        "lock-file": str(lock.path) if lock else None,
    }


def print_fetched(printer: Printer, results: Iterable[Fetched]) -> None:
    """Print which wheels are unverified, and which existed already."""
    for result in results:
        file = result.pick.file
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


def _to_dict(pick: Pick | SdistPick, results: Sequence[Fetched]) -> dict[str, object]:
    """Return the JSON object of a package."""
    file = pick.file
    result = next((result for result in results if result.pick is pick), None)
    variants = result.metadata.variants if result and result.metadata else {}
    variant = pick.variant or variants.get(pick.label or "")
    return {
        "name": pick.release.name,
        "version": pick.version,
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
