"""``variant-backend stub``."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import VariantError
from ..lowlevel.terminal import heading, print_line, print_message, print_table
from ..variants.ranking import shortened
from .command import Command, WrongUsage
from .options import PATH
from .output import Progress, print_json
from .selection_options import platform_option, python_option, read_target, reading

if TYPE_CHECKING:
    from ..dispatching.create import Stub
    from ..formats.release import File
    from ..lowlevel.file_set import Output
    from ..machine.support import Machine
    from ..selection.evaluate import Evaluation
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
    from ..machine.support import Policy
    from ..selection.evaluate import evaluate

    target = read_target(python, platform)
    folder = _folder(place, pin, base_url)
    if (python or platform) and not machines:
        raise click.UsageError("--python and --platform are about machines: name them with --hardware FILE")
    facts = {path: _machine(path) for path in machines}
    with Progress(folder.glob("*.whl") if folder else ()) as progress:
        listing = _listing(place, pin)
        planned = plan_stub(listing, base_url=base_url, only=only, hosts=hosts, advance=progress.advance)
    evaluations = {
        path: evaluate(planned.release, machine, Policy(), target) for path, machine in facts.items()
    }
    output = planned.output(output_dir, time=source_date_epoch(os.environ) or 0)
    update([output])
    _print_plan(planned, evaluations)
    if plain := preferred(listing):
        print_message(f"warning: {_PREFERRED}: {shortened(plain)}")
    _print_result(planned, output, evaluations, as_json=as_json)


def _folder(place: str, pin: Pin | None, base_url: str | None) -> Path | None:
    """Return the folder with the wheels, None for those of an index; raises UsageError if more is needed."""
    folder = None if "://" in place else Path(place)
    if folder is None and pin is None:
        raise click.UsageError("say which package: --package NAME")
    if folder is not None and base_url is None:
        raise click.UsageError("say where the wheels will lie: --base-url URL")
    return folder


def _listing(place: str, request: Pin | None) -> Listing:
    """Return the release that is asked for, or the only one; raises UsageError if there are several."""
    from ..dispatching.create import SeveralReleasesError, find_listing

    try:
        return find_listing(place, request)
    except SeveralReleasesError as error:
        raise WrongUsage(error.lines()) from None


def _machine(path: Path) -> Machine:
    """Return a machine as its hardware file describes it; raises VariantError."""
    from ..machine.detect import hardware_of
    from ..machine.support import Machine

    return Machine(hardware_of(path, os.environ))


def _print_plan(planned: Stub, evaluations: Mapping[Path, Evaluation]) -> None:
    """Print what is listed, and which machines would get nothing."""
    from ..selection.report import PLAIN

    release = planned.release
    labels = dict.fromkeys(wheel.label or PLAIN for wheel in release.candidates)
    print_message(f"{release.name} {release.version}: it lists wheels of {shortened([*labels])}")
    for machine, evaluation in evaluations.items():
        for line in map(str, evaluation.problems):
            print_message(f"warning: {machine}: {line}")
        if not evaluation.selected:
            why = f"`variant-backend explain --hardware {machine}` says why"
            print_message(f"warning: {machine} would get nothing, as no wheel fits; {why}")


def _print_result(
    planned: Stub, output: Output, evaluations: Mapping[Path, Evaluation], *, as_json: bool
) -> None:
    """Print the path of the sdist, and what each machine would get."""
    if as_json:
        print_json(_to_dict(planned, output, evaluations))
        return
    print_line(str(output.path))
    if evaluations:
        print_line()
        print_table([*_rows(evaluations)])


def _rows(evaluations: Mapping[Path, Evaluation]) -> Iterator[Sequence[str]]:
    """Yield the table of what each machine would get."""
    from ..selection.report import PLAIN

    yield heading("MACHINE", "LABEL", "WHEEL")
    for machine, evaluation in evaluations.items():
        name = evaluation.selected.filename if evaluation.selected else None
        yield [str(machine), (name.label or PLAIN) if name else "", str(name or "nothing")]


def _to_dict(planned: Stub, output: Output, evaluations: Mapping[Path, Evaluation]) -> dict[str, object]:
    """Return the object for machines."""
    release = planned.release
    return {
        "path": str(output.path),
        "sha256": hashlib.sha256(output.content).hexdigest(),
        "name": release.name,
        "version": str(release.version),
        "wheels": [_file_to_dict(wheel.file) for wheel in release.candidates],
        "machines": [
            {
                "hardware": str(machine),
                "label": evaluation.selected.filename.label if evaluation.selected else None,
                "filename": str(evaluation.selected.filename) if evaluation.selected else None,
            }
            for machine, evaluation in evaluations.items()
        ],
    }


def _file_to_dict(file: File) -> dict[str, object]:
    return {
        "filename": file.filename,
        "url": file.url,
        "size": file.size,
        "hashes": dict(file.hashes),
    }
