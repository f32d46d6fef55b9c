"""The values that installed packages leave to a graph: variants have theirs, plain packages link runtimes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import Problem, VariantError, problems_of
from ..machine.installed import disagreements, installed_variants, linking_packages
from ..machine.support import Machine
from ..variants.alignment import AlignedName, Axis, is_aligned
from ..variants.namespace_support import Lazy
from ..variants.properties import Property
from ..variants.runtimes import runtime_problems
from ..wheels.distributions import installed_versions
from .aligned_packages import Domains
from .assignment import GraphAlignment

if TYPE_CHECKING:
    from pathlib import Path


def with_installed(
    machine: Machine, folders: Sequence[Path], align: Iterable[AlignedName]
) -> tuple[Machine, list[Problem]]:
    """Return a machine with what is installed in site-packages folders, as far as it counts for a graph.

    The problems are those of installed variants and of modules that cannot be read.
    """
    variants, errors = installed_variants(folders)
    plain, unread = linking_packages(folders, sorted({name.namespace for name in align}))
    return machine._replace(
        installed=tuple(variants), plain=tuple(plain), versions=Lazy(lambda: installed_versions(folders))
    ), [*problems_of(errors), *unread]


def staying(machine: Machine, replaced: Iterable[str]) -> Machine:
    """Return a machine without the installed packages that a graph replaces."""
    for name in replaced:
        machine = machine.without(name)
    return machine


def beside_installed(domains: Domains, supported: Mapping[Axis, Sequence[str]], machine: Machine) -> Domains:
    """Return the values that fit the installed packages of a machine.

    If no package of the graph has a value that fits, the best one of the *supported* values is assigned, so
    that the packages follow. Raises VariantError if no value fits.
    """
    return {axis: _narrowed(axis, values, supported[axis], machine) for axis, values in domains.items()}


def _narrowed(axis: Axis, used: Sequence[str], supported: Sequence[str], machine: Machine) -> Sequence[str]:
    own = sorted({value for _, values in _variants(axis, machine) for value in values})
    known = [*dict.fromkeys([*used, *supported, *own])]
    allowed = [value for value in known if next(_against(axis, value, machine), None) is None]
    if not allowed:
        raise _disagreement(axis, known, machine)
    return [value for value in used if value in allowed] or allowed[:1]


def _variants(axis: Axis, machine: Machine) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield name with version and values of each installed variant that has a feature."""
    for installed in machine.installed:
        if values := installed.values.get(axis):
            yield f"{installed.inspection.name} {installed.inspection.version}", values


def _against(axis: Axis, value: str, machine: Machine) -> Iterator[tuple[str, str]]:
    """Yield name and text of each installed package that excludes a value."""
    for name, values in _variants(axis, machine):
        if value not in values:
            yield name, f"{name} has {' or '.join(values)}"
    for package in machine.plain:
        for problem in runtime_problems([Property(*axis, value)], (), package.runtimes):
            name = f"{package.name} {package.version}"
            yield name, f"{name} {problem.text}"
            break


def shared_values(machine: Machine, align: Sequence[AlignedName]) -> dict[Axis, str]:
    """Return the value of each aligned feature of installed variants, if only one value fits them all."""
    shared: dict[Axis, str] = {}
    for axis in sorted({axis for known in machine.installed for axis in known.values}):
        own = {value for _, values in _variants(axis, machine) for value in values}
        fitting = [value for value in own if next(_against(axis, value, machine), None) is None]
        if is_aligned(axis, align) and len(fitting) == 1:
            (shared[axis],) = fitting
    return shared


def disagreeing_variants(folders: Sequence[Path], align: Sequence[AlignedName]) -> Iterator[Problem]:
    """Yield a warning for each aligned feature in which the variants in site-packages folders disagree."""
    for apart in disagreements(installed_variants(folders)[0], align):
        remedy = way_out(apart.values, [(apart.namespace, apart.feature)])
        yield Problem("warning", "", str(apart), remedy)


def excluded_by(before: Domains, after: Domains, machine: Machine) -> dict[str, str]:
    """Return why installed packages exclude values that are only in the domains *before*, by package."""
    reasons: dict[str, str] = {}
    for axis, values in before.items():
        for value in values:
            if value not in after[axis]:
                for name, text in _against(axis, value, machine):
                    reasons.setdefault(name, f"{' :: '.join(axis)}: {text}")
    return reasons


def exclusion_lines(alignment: GraphAlignment, machine: Machine, replaced: Iterable[str]) -> Iterator[str]:
    """Yield a line for each feature of which installed packages exclude values that a graph could have.

    Those that the graph has *replaced* do not count.
    """
    machine = staying(machine, replaced)
    options = [option for package in alignment.packages for option in package.options]
    for axis, chosen in alignment.assignment.items():
        others = {value for option in options for value in option.values.get(axis, ())} - {chosen}
        reasons = dict(reason for value in others for reason in _against(axis, value, machine))
        if reasons:
            texts = "; ".join(sorted(reasons.values()))
            yield f"{' :: '.join(axis)}: {chosen} fits what is installed: {texts}"


def _disagreement(axis: Axis, values: Iterable[str], machine: Machine) -> VariantError:
    reasons = dict(reason for value in values for reason in _against(axis, value, machine))
    text = f"installed packages have no value in common: {'; '.join(sorted(reasons.values()))}"
    return VariantError(text, place=" :: ".join(axis), remedy=way_out(reasons, [axis]))


def way_out(packages: Iterable[str], axes: Iterable[Axis]) -> str:
    """Return how to install a graph although installed packages (NAME VERSION) exclude its values."""
    names = sorted({package.partition(" ")[0] for package in packages})
    options = " ".join(f"--reinstall-package {name}" for name in names)
    aligned = " and ".join(sorted(" :: ".join(axis) for axis in axes))
    return (
        f"name {', '.join(names)} in the same command, too (to install it again, add {options}"
        f" for uv, or --force-reinstall for pip), or do not align {aligned}"
    )
