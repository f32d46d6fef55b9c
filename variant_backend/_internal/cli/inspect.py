"""``variant-backend inspect``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import VariantError
from ..lowlevel.terminal import Styled
from ..variants.alignment import AlignedName, is_aligned
from ..variants.providers import Provider, StaticProvider, UnusableProvider
from .command import Command
from .environment_options import environment_options
from .network_options import network_options
from .options import expanded
from .output import Printer

if TYPE_CHECKING:
    from ..machine.environment import Environment
    from ..wheels.inspection import Inspection, RequirementChanges

_WIDTH = 12  # of the first column


@click.command(
    "inspect", cls=Command, example="variant-backend inspect dist/*.whl", page="docs/how-to/inspect.md"
)
@click.argument("targets", nargs=-1, required=True, callback=expanded, metavar="WHEEL|URL|NAME...")
@click.option("--compare", is_flag=True, help="List the files that differ between two wheels.")
@environment_options
@network_options
@click.pass_obj
def inspect_command(
    printer: Printer, targets: tuple[str, ...], compare: bool, environment: Callable[[], Environment]
) -> None:
    """Show the variant metadata of wheels and distributions.

    A name that ends in .whl is a wheel. A name with :// is the URL of a wheel, or of a page or folder with
    wheels. Any other name is an installed distribution.
    """
    if compare:
        _compare(printer, targets)
        return
    shown: list[Inspection] = []
    for target in targets:
        for result in _inspected(target, environment):
            if isinstance(result, VariantError):
                problems = [*result.problems]
            else:
                if shown:
                    printer.line()
                shown.append(result)
                _print(printer, result)
                problems = [problem.within(result.target) for problem in result.problems]
                for problem in result.tolerated:
                    printer.warn(problem.within(result.target))
            for problem in problems:
                printer.error(problem)
    printer.keys = {"targets": list(map(_to_dict, shown))}


def _compare(printer: Printer, targets: tuple[str, ...]) -> None:
    """Print the differences between two wheels."""
    from ..wheels.payload import compare_wheels
    from ..wheels.reading import WheelFile

    if len(targets) != 2 or any("://" in target for target in targets):
        raise click.UsageError(f"--compare: expected the paths of two wheels, got {', '.join(targets)}")
    first, second = targets
    changes = compare_wheels(WheelFile.of(Path(first)), WheelFile.of(Path(second)))
    printer.keys = {
        "compared": [*targets],
        "differences": {name.replace("_", "-"): list(lines) for name, lines in changes._asdict().items()},
    }
    meanings = {
        "only_in_first": f"only in {first}",
        "only_in_second": f"only in {second}",
        "different": "different content",
        "equivalent": "same, except for debug information, paths and times of the build",
        "metadata_only_in_first": f"METADATA: only in {first}",
        "metadata_only_in_second": f"METADATA: only in {second}",
    }
    for name, lines in changes._asdict().items():
        if lines:
            printer.line(Styled(meanings[name], "bold"))
            printer.table([(f"  {line}",) for line in lines])
    if not any(changes):
        printer.say("no file differs")


def _inspected(target: str, environment: Callable[[], Environment]) -> list[Inspection | VariantError]:
    """Return the inspections of a target, or an error."""
    from ..wheels import inspection

    try:
        if "://" in target:
            return inspection.inspect_url(target)
        if target.endswith(".whl"):
            return [inspection.inspect_wheel(Path(target))]
        if match := re.fullmatch(r"([\w.-]+)\s*(\[.*\])?\s*[=<>!~].*", target):
            remedy = f"write only the name: {match[1]}"
            raise VariantError("expected a name, got a requirement", place=target, remedy=remedy)
        place = environment()
        return [inspection.inspect_installed(target, place.folders, str(place))]
    except VariantError as error:
        return [error]


def _to_dict(result: Inspection) -> dict[str, object]:
    """Return the JSON object of a wheel or distribution."""
    metadata, variant, changes = result.metadata, result.variant, _changes(result)
    return {
        "target": result.target,
        "name": result.name,
        "version": result.version,
        "label": result.label,
        "format": result.format_version,
        "schema": result.variant_json.schema,
        "properties": variant.to_dict() if variant else {},
        "namespaces": list(metadata.namespaces) if metadata else [],
        "providers": {name: provider.to_dict() for name, provider in metadata.providers.items()}
        if metadata
        else {},
        "dependencies": list(result.requirements),
        "added-dependencies": list(changes.added) if changes else None,
        "removed-dependencies": list(changes.removed) if changes else None,
        "installers": {
            name: {"installs": verdict.installs, "reasons": verdict.reasons}
            for name, verdict in result.verdicts.items()
        },
    }


def _changes(result: Inspection) -> RequirementChanges | None:
    """Return the changed requirements, None if the plain wheel's are unknown."""
    return None if isinstance(result.changes, VariantError) else result.changes


def _print(printer: Printer, result: Inspection) -> None:
    """Print the table for people."""
    rows: list[tuple[str, list[str]]] = [("name", [result.name]), ("version", [result.version])]
    if result.metadata is None and result.label is None:
        rows.append(("variant", ["no: neither a label nor a variant.json"]))
    else:
        rows.append(("label", [result.label or "(none)"]))
    if schema := result.variant_json.schema:
        rows.append(("format", [f"{result.format_version or 'unknown'} ({schema})"]))
    if result.metadata:
        namespaces = result.metadata.namespaces
        rows.append(("properties", property_lines(result) or ["(none)"]))
        rows.append(("priorities", [", ".join(namespaces) or "(none)"]))
        rows.append(
            (
                "providers",
                [f"{name}: {_provider(provider)}" for name, provider in result.metadata.providers.items()],
            )
        )
    added, removed = _changes(result) or ((), ())
    rows.append(
        (
            "dependencies",
            [f"{text}  (not in the plain wheel)" if text in added else text for text in result.requirements]
            + [f"without {text}, which the plain wheel has" for text in removed],
        )
    )
    for name, verdict in result.verdicts.items():
        text = "; ".join(verdict.reasons)
        rows.append((name, [f"{'installs it' if verdict.installs else 'never installs it'}: {text}"]))
    printer.line(Styled(result.target, "bold"))
    cells = ((Styled(f"  {name:{_WIDTH}}", "bold"), line) for name, lines in rows for line in lines)
    printer.table([*_without_repeats(cells)])


def _without_repeats(rows: Iterable[tuple[Styled, str]]) -> Iterator[tuple[str, str]]:
    """Yield rows, with an empty first cell where it repeats the row before."""
    before = None
    for first, second in rows:
        yield "" if first == before else first, second
        before = first


def property_lines(result: Inspection, align: Sequence[AlignedName] = ()) -> list[str]:
    """Return a line for each feature, the most important namespace first, and lines with their meaning.

    With *align*, return only the lines of its features.
    """
    from ..variants.words import in_words

    if result.variant is None or result.metadata is None:
        return []
    ranks = {name: rank for rank, name in enumerate(result.metadata.namespaces)}
    ordered = sorted(
        result.variant.properties, key=lambda prop: (ranks.get(prop.namespace, len(ranks)), prop)
    )
    lines = []
    for (name, feature), group in groupby(ordered, key=lambda prop: prop.key):
        if not align or is_aligned((name, feature), align):
            values = [prop.value for prop in group]
            words = in_words(name, feature, values)
            lines += [f"{name} :: {feature} :: {', '.join(values)}", *([f"  {words}"] if words else [])]
    return lines


def _provider(provider: Provider) -> str:
    """Describe a provider in one line."""
    if isinstance(provider, UnusableProvider):
        return "invalid"
    if isinstance(provider, StaticProvider):
        text = "; ".join(f"{feature} = {', '.join(values)}" for feature, values in provider.features)
        text = f"static: {text}"
    else:
        table = provider.to_dict()
        requires = table.get("requires") or [table.get("builtin")]
        text = ", ".join(map(str, requires if isinstance(requires, list) else [requires]))
        text = f"{'plugin' if 'requires' in table else 'built into installers'}: {text}"
        if plugin_api := table.get("plugin-api"):
            text = f"{text} ({plugin_api})"
    return f"{text}, optional" if provider.optional else text
