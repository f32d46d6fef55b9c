"""What ``variant-backend installed`` prints: tables for people, lines for tools, keys of JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import one_of
from ..lowlevel.terminal import heading, table
from ..project.user_variables import PLAIN
from ..variants.alignment import AlignedName, is_aligned
from .inspect import property_lines
from .output import Printer

if TYPE_CHECKING:
    from ..machine.fitness import Fitness, RequiredValues
    from ..selection.better import Better
    from ..selection.survey import Survey, SurveyedVariant
    from ..variants.filename import WheelFilename
    from ..wheels.inspection import Inspection

_FITS = {True: "yes", False: "no", None: "unknown"}
_UNKNOWN = "no source of supported values for {}; use --supported or --machine"


def print_variants(
    printer: Printer, survey: Survey, align: Sequence[AlignedName], *, with_heading: bool
) -> None:
    """Print the variants of an environment; with *align*, only those with such properties."""
    shown = [
        variant
        for variant in survey.variants
        if not align or _has_aligned(variant.installed.inspection, align)
    ]
    where = survey.environment.location
    if with_heading and (shown or survey.plain or survey.alignment.packages):
        printer.line(*heading(where))
    if not shown:
        text = f"no installed variant has properties in {one_of(map(str, align))}"
        text = text if align else "no variant is installed"
        printer.say(f"{where}: {text}" if with_heading else text)
        return
    machines = [*shown[0].fitness]
    titles = [heading("VARIANT", "LABEL", *machines)] if len(machines) > 1 else []
    rows = table([*titles, *map(_head, shown)], columns=sys.maxsize)
    for _ in titles:
        printer.line(*next(rows))
    for variant, head in zip(shown, rows, strict=True):
        printer.line(*head)
        for line in property_lines(variant.installed.inspection, align):
            printer.line(f"  {line}")
        for line in (*_verdict_lines(variant.fitness), *_better_lines(variant.better)):
            printer.line(f"  {line}")


def _has_aligned(inspection: Inspection, align: Sequence[AlignedName]) -> bool:
    properties = inspection.variant.properties if inspection.variant else ()
    return any(is_aligned(prop.key, align) for prop in properties)


def _head(variant: SurveyedVariant) -> list[str]:
    """Return the cells of the first line about a variant."""
    inspection = variant.installed.inspection
    verdicts = (fitness.verdict for fitness in variant.fitness.values())
    return [f"{inspection.name} {inspection.version}", inspection.label or "(none)", *verdicts]


def _verdict_lines(fitness: Mapping[str, Fitness]) -> Iterator[str]:
    """Yield why machines do not support a variant; several machines are named."""
    several = len(fitness) > 1
    reasons = ((str(reason), name) for name, one in fitness.items() for reason in one.reasons)
    for reason, names in _by_value(reasons):
        yield f"not supported{f' by {one_of(names)}' if several else ''}: {reason}"
    unknown = ((namespace, name) for name, one in fitness.items() for namespace in one.unknown)
    for namespace, names in _by_value(unknown):
        yield f"unknown{f' for {one_of(names)}' if several else ''}: {_UNKNOWN.format(namespace)}"


def _better_lines(better: Better) -> Iterator[str]:
    """Yield the better wheels; several machines are named."""
    several = len(better.by_machine) > 1
    pairs = ((_wheel(wheel), name) for name, wheel in better.by_machine.items() if wheel)
    for wheel, names in _by_value(pairs):
        if len(names) < len(better.by_machine) or better.for_all is None:
            yield f"better for {one_of(names)}: {wheel}"
    if better.for_all:
        yield f"better{' for all machines' if several else ''}: {_wheel(better.for_all)}"


def _wheel(filename: WheelFilename) -> str:
    return f"{filename.label or PLAIN} ({filename})"


def _by_value(pairs: Iterable[tuple[str, str]]) -> Iterable[tuple[str, list[str]]]:
    """Return the second members of pairs by their first members."""
    grouped: dict[str, list[str]] = {}
    for value, name in pairs:
        grouped.setdefault(value, []).append(name)
    return grouped.items()


def print_plain(printer: Printer, survey: Survey) -> None:
    """Print the plain packages with runtimes of the aligned namespaces, and those with better variants."""
    for package in survey.alignment.packages:
        printer.line(f"{package.name} {package.version}  {PLAIN}  links {', '.join(package.runtimes.linked)}")
    for plain in survey.plain:
        printer.line(f"{plain.name} {plain.version}  {PLAIN}")
        for line in _better_lines(plain.better):
            printer.line(f"  {line}")


def _requirements(surveys: Sequence[Survey]) -> list[RequiredValues]:
    from ..machine.fitness import required_values

    return required_values(variant.installed for survey in surveys for variant in survey.variants)


def requirement_lines(surveys: Sequence[Survey]) -> Iterator[str]:
    """Yield a line ``variants.NAMESPACE.FEATURE=VALUES`` for each feature that a machine must support.

    Any line is valid for images. For nodes, a value has at most 63 characters, and no mark at its ends.
    """
    rows = (
        (f"variants.{row.namespace}.{row.feature}", "-or-".join(row.values)) for row in _requirements(surveys)
    )
    for key, groups in _by_value(rows):
        yield f"{key}={'-and-'.join(groups)}"


def freeze_lines(survey: Survey, printer: Printer) -> Iterator[str]:
    """Yield a line ``NAME==VERSION#LABEL`` for each distribution, which `fetch` reads; pip is left out.

    A distribution from a folder or a repository is left out with a warning, as no index may have it.
    """
    from ..lowlevel.urls import shown_url
    from ..variants.filename import normalize
    from ..wheels.distributions import installed_from_source

    inspections = (variant.installed.inspection for variant in survey.variants)
    labels = {normalize(inspection.name): inspection.label for inspection in inspections}
    local = installed_from_source(survey.environment.folders)
    for name, version in sorted(survey.versions.items()):
        if name in local:
            printer.warn(f"{name} {version}: left out, as it was installed from {shown_url(local[name])}")
        elif name != "pip":
            yield f"{name}=={version}#{labels.get(name) or PLAIN}"


def print_requirements(printer: Printer, surveys: Sequence[Survey], machines: Sequence[str]) -> None:
    """Print what the variants of all environments require of a machine, and which *machines* fit."""
    rows = [
        [f"{row.namespace} :: {row.feature}", one_of(row.values), row.words or "", one_of(row.variants)]
        for row in _requirements(surveys)
    ]
    if rows:
        printer.table([heading("FEATURE", "ONE OF", "MEANING", "REQUIRED BY"), *rows])
    else:
        printer.say("no installed variant requires anything of a machine")
    fits = _joint(surveys, machines)
    if fits:
        printer.line("")
        printer.table([heading("MACHINE", "FITS"), *([name, _FITS[fits[name].supported]] for name in fits)])
    for name, fitness in fits.items():
        for line in _verdict_lines({name: fitness}):
            printer.line(f"  {name}: {line}")


def _joint(surveys: Sequence[Survey], machines: Iterable[str]) -> dict[str, Fitness]:
    """Return for each machine whether it supports all variants."""
    from ..machine.fitness import joint_fitness

    variants = [variant for survey in surveys for variant in survey.variants]
    return {name: joint_fitness(variant.fitness[name] for variant in variants) for name in machines}


def installed_keys(
    surveys: Sequence[Survey],
    machines: Iterable[str],
    align: Sequence[AlignedName],
    *,
    with_requirements: bool,
) -> dict[str, object]:
    """Return the keys of the JSON object."""
    return {
        "machines": {name: one.to_dict() for name, one in _joint(surveys, machines).items()},
        "variants": [_variant_to_dict(survey, variant) for survey in surveys for variant in survey.variants],
        "replaceable": [
            {
                "name": plain.name,
                "version": plain.version,
                "environment": survey.environment.location,
                "better": _filename(plain.better.for_all),
                "machines": {
                    name: {"better": _filename(wheel)} for name, wheel in plain.better.by_machine.items()
                },
            }
            for survey in surveys
            for plain in survey.plain
        ],
        **({"requirements": [*map(_row_to_dict, _requirements(surveys))]} if with_requirements else {}),
        **(_alignments_to_dict(surveys) if align else {}),
    }


def _variant_to_dict(survey: Survey, variant: SurveyedVariant) -> dict[str, object]:
    from ..machine.fitness import joint_fitness

    return {
        **variant.installed.to_dict(),
        "environment": survey.environment.location,
        **joint_fitness(variant.fitness.values()).to_dict(),
        "better": _filename(variant.better.for_all),
        "machines": {
            name: {**one.to_dict(), "better": _filename(variant.better.by_machine.get(name))}
            for name, one in variant.fitness.items()
        },
    }


def _filename(wheel: WheelFilename | None) -> str | None:
    return str(wheel) if wheel else None


def _row_to_dict(row: RequiredValues) -> dict[str, object]:
    return {
        "namespace": row.namespace,
        "feature": row.feature,
        "values": list(row.values),
        "meaning": row.words,
        "devices": list(row.devices),
        "variants": list(row.variants),
    }


def _alignments_to_dict(surveys: Sequence[Survey]) -> dict[str, object]:
    """Return the keys of --align."""
    return {
        "disagreements": [
            {**disagreement._asdict(), "environment": survey.environment.location}
            for survey in surveys
            for disagreement in survey.alignment.disagreements
        ],
        "plain": [
            {
                "name": package.name,
                "version": package.version,
                "environment": survey.environment.location,
                "linked": {name: list(modules) for name, modules in package.runtimes.linked.items()},
            }
            for survey in surveys
            for package in survey.alignment.packages
        ],
    }
