"""``variant-backend stub``."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import VariantError, lines_of, one_of
from ..lowlevel.terminal import heading, print_line, print_message, print_table
from ..variants.ranking import shortened
from .command import Command
from .options import PATH
from .output import Progress, print_json
from .selection_options import platform_option, python_option, read_target, reading

if TYPE_CHECKING:
    from ..dispatching.create import Stub
    from ..lowlevel.file_set import Output
    from ..machine.system import System
    from ..selection.evaluate import Judged
    from ..selection.releases import Listing
    from ..selection.requirements import Pin


_PREFERRED = (
    "no installer builds an sdist where it finds a plain wheel; keep these off the index of the sdist"
)


def _base_url(value: str | None) -> str | None:
    from ..dispatching.create import checked_base_url

    return None if value is None else checked_base_url(value)


def _hosts(values: Sequence[str]) -> tuple[str, ...]:
    from ..formats.pylock import check_host

    for value in values:
        check_host(value)
    return tuple(values)


def _package(value: str | None) -> Pin | None:
    from ..selection.requirements import Pin

    pin = None if value is None else Pin.parse(value)
    if pin is not None and pin.label is not None:
        raise VariantError(f"{value!r}: a label has no meaning here", hint="choose labels with --only")
    return pin


@click.command("stub", cls=Command)
@click.argument("place", metavar="DIR|INDEX-URL")
@click.option(
    "--package",
    "pin",
    callback=reading(_package),
    metavar="NAME[==VERSION]",
    help="Which release, where there are several.",
)
@click.option(
    "--base-url",
    callback=reading(_base_url),
    metavar="URL",
    help="Where the wheels will lie, at URL/FILENAME  [default: where the index has them]",
)
@click.option(
    "--only", multiple=True, metavar="LABEL", help="List the wheels of this label; may be repeated."
)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    callback=reading(_hosts),
    metavar="HOST",
    help="A host to which the wheels' server redirects; may be repeated.",
)
@click.option("-o", "--output-dir", type=PATH, required=True, metavar="DIR", help="Where the sdist goes.")
@click.option(
    "--hardware",
    "machines",
    multiple=True,
    type=PATH,
    metavar="FILE",
    help="Show what this machine would get, from `variant-backend hardware`; may be repeated.",
)
@python_option
@platform_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def stub_command(
    place: str,
    pin: Pin | None,
    base_url: str | None,
    only: tuple[str, ...],
    hosts: tuple[str, ...],
    output_dir: Path,
    machines: tuple[Path, ...],
    python: str | None,
    platform: str | None,
    as_json: bool,
) -> None:
    """Make an sdist by which installers that know no variants get the best wheel for a machine.

    It has no code in it: variant_backend.dispatch chooses among the wheels that it lists, with their hashes.
    The path of the sdist is printed, and what each of some machines would get.
    """
    from ..dispatching.create import plan_stub, preferred
    from ..lowlevel.file_set import update
    from ..lowlevel.source_date import source_date_epoch
    from ..selection.evaluate import judge

    target = read_target(python, platform)
    folder = _folder(place, pin, base_url)
    if (python or platform) and not machines:
        raise click.UsageError("--python and --platform are about machines: name them with --hardware FILE")
    systems = {machine: _system(machine) for machine in machines}
    with Progress(folder.glob("*.whl") if folder else ()) as progress:
        listing = _listing(place, pin)
        planned = plan_stub(listing, base_url=base_url, only=only, hosts=hosts, advance=progress.advance)
    found = {machine: judge(planned.release, system, target) for machine, system in systems.items()}
    output = planned.output(output_dir, time=source_date_epoch(os.environ) or 0)
    update([output])
    _tell(planned, found)
    if plain := preferred(listing):
        print_message(f"warning: {_PREFERRED}: {shortened(plain)}")
    if as_json:
        print_json(_to_dict(planned, output, found))
    else:
        print_line(str(output.path))
        if found:
            print_line()
            print_table([*_rows(found)])


def _folder(place: str, pin: Pin | None, base_url: str | None) -> Path | None:
    """Return the folder with the wheels, None for those of an index; raises UsageError if more is needed."""
    folder = None if "://" in place else Path(place)
    if folder is None and pin is None:
        raise click.UsageError("say which package: --package NAME")
    if folder is not None and base_url is None:
        raise click.UsageError("say where the wheels will lie: --base-url URL")
    return folder


def _listing(place: str, pin: Pin | None) -> Listing:
    """Return the release that is asked for, or the only one; raises UsageError if there are several."""
    from ..dispatching.create import check_lines
    from ..lowlevel.http import shown_url
    from ..selection.releases import find_listings, nothing_listed, projects
    from ..selection.requirements import Pin

    find_links, index_urls = ([], [place]) if "://" in place else ([Path(place)], [])
    check_lines(index_urls)
    if pin is None:
        names = projects(find_links)
        if len(names) > 1:
            raise click.UsageError(f"say which package: --package NAME; there are {one_of(names)}")
        pin = Pin(names[0])
    listings, faults = find_listings(pin.name, find_links=find_links, index_urls=index_urls)
    if faults:
        raise VariantError(*lines_of(faults))
    chosen = [each for each in listings if pin.version in (None, each.version)]
    if len(chosen) > 1:
        versions = one_of(str(each.version) for each in listings)
        raise click.UsageError(f"say which version: --package {pin.name}==VERSION; there are {versions}")
    if not chosen:
        there = nothing_listed(listings) if listings else "no wheel"
        raise VariantError(f"{shown_url(place)}: {pin}: {there}")
    return chosen[0]


def _system(machine: Path) -> System:
    """Return a machine as its hardware file describes it; raises VariantError."""
    from ..machine.detect import hardware_of
    from ..machine.system import System

    return System({}, hardware_of(machine, os.environ))


def _tell(planned: Stub, found: Mapping[Path, Judged]) -> None:
    """Tell what is listed, and which machines would get nothing."""
    from ..selection.report import PLAIN

    release = planned.release
    labels = dict.fromkeys(file.label or PLAIN for file in release.wheels)
    print_message(f"{release.name} {release.version}: it lists wheels of {shortened([*labels])}")
    for machine, judged in found.items():
        for line in lines_of(judged.faults):
            print_message(f"warning: {machine}: {line}")
        if not judged.chosen:
            why = f"`variant-backend explain --hardware {machine}` says why"
            print_message(f"warning: {machine} would get nothing, as no wheel fits; {why}")


def _rows(found: Mapping[Path, Judged]) -> Iterator[Sequence[str]]:
    """Yield the table of what each machine would get."""
    from ..selection.report import PLAIN

    yield heading("MACHINE", "LABEL", "WHEEL")
    for machine, judged in found.items():
        name = judged.chosen.filename if judged.chosen else None
        yield [str(machine), (name.label or PLAIN) if name else "", str(name or "nothing")]


def _to_dict(planned: Stub, output: Output, found: Mapping[Path, Judged]) -> dict[str, object]:
    """Return the object for machines."""
    release = planned.release
    return {
        "path": str(output.path),
        "sha256": hashlib.sha256(output.content).hexdigest(),
        "name": release.name,
        "version": str(release.version),
        "wheels": [
            {
                "filename": file.filename,
                "url": file.url,
                "size": file.size,
                "hashes": dict(file.hashes),
            }
            for file in release.wheels
        ],
        "machines": [
            {
                "hardware": str(machine),
                "label": judged.chosen.filename.label if judged.chosen else None,
                "filename": str(judged.chosen.filename) if judged.chosen else None,
            }
            for machine, judged in found.items()
        ],
    }
