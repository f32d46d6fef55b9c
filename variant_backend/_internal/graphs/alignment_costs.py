"""What an alignment costs: the packages that fall back, and why other values were not chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..variants.alignment import Axis
from .aligned_packages import AlignedPackage, VariantOption
from .alignment_words import axis_words, either_words, names_words, values_words
from .assignment import GraphAlignment
from .next_assignment import failed_values

_MOST_PARTS = 3
_MOST_LINES = 8


def alignment_lines(alignment: GraphAlignment) -> tuple[str, ...]:
    """Return a line for each aligned value, and those about its costs."""
    values = (f"aligned: {axis_words(axis)} :: {value}" for axis, value in alignment.assignment.items())
    return (*values, *cost_lines(alignment))


def cost_lines(alignment: GraphAlignment) -> tuple[str, ...]:
    """Return a line for each feature whose value has a cost, and for the packages that fall back.

    A value has a cost if the machine prefers another one, or if packages that use the feature fall back.
    """
    lines = [*filter(None, (_feature_line(alignment, axis) for axis in alignment.assignment))]
    lines += _fallback_lines(alignment)
    if not alignment.is_proven:
        lines.append("alignment: not proven optimal; the search was too long, so it was ended")
    return tuple(lines)


def _feature_line(alignment: GraphAlignment, axis: Axis) -> str:
    """Return the line of a feature, empty if its value has no cost."""
    value, values = alignment.assignment[axis], alignment.domains.get(axis, ())
    using = [one for one in alignment.packages if any(axis in option.values for option in one.options)]
    kept = sum(alignment.labels[package.name] is not None for package in using)
    preferred = values[: values.index(value)] if value in values else ()
    others = [*filter(None, (_other_value(alignment, axis, other) for other in preferred[:_MOST_PARTS]))]
    if len(preferred) > _MOST_PARTS:
        others.append(f"the machine also prefers {names_words(preferred[_MOST_PARTS:])}")
    if not others and kept == len(using):
        return ""  # packages of earlier rounds, or installed ones, exclude the preferred values
    return f"{axis_words(axis)}: " + "; ".join([f"{value} keeps {kept} of {len(using)}", *others])


def _other_value(alignment: GraphAlignment, axis: Axis, value: str) -> str:
    """Return what another value of a feature would cost, if all other features kept their values."""
    other = {**alignment.assignment, axis: value}
    kept = {name for name, label in alignment.labels.items() if label is not None}
    fitting = {package.name for package in alignment.packages if package.option(other)}
    lost = [package for package in alignment.packages if package.name in kept - fitting]
    required = [package for package in lost if package.is_required]
    by_reason: dict[str, list[str]] = {}
    for package in required or lost:
        by_reason.setdefault(_only(package, axis, value), []).append(package.name)
    parts = [
        f"{names_words(names)}, which {'has' if len(names) == 1 else 'have'} {reason} only"
        for reason, names in by_reason.items()
    ]
    if len(parts) > _MOST_PARTS:
        parts = [names_words([package.name for package in required or lost])]
    if required:
        return f"{value} does not fit {', and '.join(parts)}"
    if not lost:
        return f"there is no graph with {value}" if failed_values(other, alignment.failed) else ""
    gained = sorted(fitting - kept)
    keep = f", and keep {names_words(gained)}" if gained else ""
    return f"{value} would lose {', and '.join(parts)}{keep}"


def _only(package: AlignedPackage, axis: Axis, value: str) -> str:
    """Return the values for which a package has variants, and why another value does not fit."""
    allowing = [option for option in package.options if value in option.values.get(axis, (value,))]
    if allowing:
        return either_words(_option_words(option, {axis: [value]}) for option in allowing)
    return either_words(sorted({own for option in package.options for own in option.values[axis]}))


def _option_words(option: VariantOption, first: Mapping[Axis, Iterable[str]]) -> str:
    return values_words({**first, **{axis: own for axis, own in option.values.items() if axis not in first}})


def _fallback_lines(alignment: GraphAlignment) -> list[str]:
    """Return lines about the packages that lose all their variants, by the features that they use."""
    by_values: dict[str, list[str]] = {}
    for package in alignment.packages:
        if package.options and alignment.labels[package.name] is None:
            used = {axis for option in package.options for axis in option.values}
            values = {axis: [value] for axis, value in alignment.assignment.items() if axis in used}
            by_values.setdefault(values_words(values), []).append(package.name)
    lines = [
        f"{names[0]} has no variant for {values}: it falls back to its null variant or plain wheel"
        if len(names) == 1
        else f"{names_words(names)} have no variant for {values}:"
        " they fall back to null variants or plain wheels"
        for values, names in by_values.items()
    ]
    others = sum(len(names) for names in [*by_values.values()][_MOST_LINES:])
    more = [f"{others} more packages fall back to null variants or plain wheels"] if others else []
    return lines[:_MOST_LINES] + more
