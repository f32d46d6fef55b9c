"""Packages without a fallback for which no assignment exists: which they are, and what would free them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from ..errors import Problem, VariantError
from ..variants.alignment import AlignedName, Axis
from .aligned_packages import AlignedPackage, Domains, VariantOption, first_fitting, most_fitting
from .alignment_words import axis_words, either_words, names_words, property_words, values_words

# A remedy names all packages that it leaves out.
_MOST_LEFT_OUT = 8


def alignment_conflict(
    packages: Sequence[AlignedPackage], domains: Domains, align: Sequence[AlignedName]
) -> VariantError:
    """Return an error that names a minimal set of packages that no assignment fits, and what they require.

    Its remedies free all packages: they leave out the fewest of *align*, or the fewest packages.
    """
    required = [package for package in packages if package.is_required]
    core = _conflicting(required, domains)
    axes = list(dict.fromkeys(axis for one in core for option in one.options for axis in option.values))
    wanted = [f"{package.name} requires {_required_values(package, axes)}" for package in core]
    if len(core) == 1:
        values = {axis: domains.get(axis, ()) for axis in axes}
        wanted.append(f"possible: {values_words({axis: own or ['none'] for axis, own in values.items()})}")
    text = "no value fits all packages that have neither a null variant nor a plain wheel: "
    ways = [f"leave out {_align_words(names)}" for names in _freeing_names(required, domains, align)]
    ways += _freeing_packages(required, core, domains, axes)
    problem = Problem(
        "alignment",
        names_words([*map(axis_words, axes)]),
        text + "; ".join(wanted),
        ", or ".join(ways) or None,
    )
    return VariantError(problem)


def _conflicting(required: Sequence[AlignedPackage], domains: Domains) -> list[AlignedPackage]:
    """Return packages that no assignment fits together; without any one of them, there is an assignment."""
    core: list[AlignedPackage] = []
    while (assignment := first_fitting(core, domains).assignment) is not None:
        lacking = [package for package in required if package.option(assignment) is None]
        if not lacking:
            return []
        core.append(lacking[0])
    for package in [*core]:
        others = [other for other in core if other is not package]
        if first_fitting(others, domains).assignment is None:
            core = others
    return sorted(core, key=lambda package: package.name)


def _required_values(package: AlignedPackage, axes: Sequence[Axis]) -> str:
    """Return the values of which a package requires some."""
    if len(axes) == 1:
        own = {value for option in package.options for value in option.values.get(axes[0], ())}
        return values_words({axes[0]: own})
    return either_words(property_words(option.values) for option in package.options)


def _align_words(names: Iterable[AlignedName]) -> str:
    return " and ".join(f"--align {str(name).replace(' ', '')}" for name in names)


def _freeing_names(
    required: Sequence[AlignedPackage], domains: Domains, align: Sequence[AlignedName]
) -> list[tuple[AlignedName, ...]]:
    """Return the smallest sets of names to align without which there is an assignment, all of one size."""
    for count in range(1, len(align) + 1):
        freeing = [
            names
            for names in combinations(align, count)
            if _fits_without(required, domains, [name for name in align if name not in names])
        ]
        if freeing:
            return freeing
    return []


def _fits_without(required: Sequence[AlignedPackage], domains: Domains, align: Sequence[AlignedName]) -> bool:
    """Return whether there is an assignment of the features that *align* covers."""

    def is_aligned(axis: Axis) -> bool:
        return any(name.covers(axis) for name in align)

    def freed(option: VariantOption) -> VariantOption:
        return option._replace(values={axis: own for axis, own in option.values.items() if is_aligned(axis)})

    packages = [package._replace(options=tuple(map(freed, package.options))) for package in required]
    left = {axis: values for axis, values in domains.items() if is_aligned(axis)}
    return first_fitting(packages, left).assignment is not None


def _freeing_packages(
    required: Sequence[AlignedPackage],
    core: Sequence[AlignedPackage],
    domains: Domains,
    axes: Sequence[Axis],
) -> list[str]:
    """Return the smallest sets of packages without which there is an assignment, with the values that fit.

    None are returned if these sets are large.
    """
    most = most_fitting(required, domains).assignment or {}
    left_out = [[package.name for package in required if package.option(most) is None]]
    if len(left_out[0]) > _MOST_LEFT_OUT:
        return []
    if len(left_out[0]) == 1:
        left_out = [[package.name] for package in core]
    ways: list[str] = []
    for names in left_out:
        others = [package for package in required if package.name not in names]
        assignment = first_fitting(others, domains).assignment
        if assignment is not None:
            values = values_words({axis: [assignment[axis]] for axis in axes if axis in assignment})
            ways.append(f"leave out {names_words(names)} ({values} fits the others)")
    return ways
