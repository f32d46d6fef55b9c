"""Survey an environment: its variants, the machines that support them, and better wheels in sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, VariantError
from ..formats.hardware_file import Hardware
from ..machine.environment import Environment
from ..machine.fitness import Fitness, fitness
from ..machine.installed import Alignment, Installed, alignment_of, installed_variants
from ..machine.support import Machine, Policy
from ..variants.namespace_support import Lazy
from ..wheels.distributions import find_plain, installed_versions
from .better import Better, InstalledDistribution, find_better
from .releases import Sources

if TYPE_CHECKING:
    from packaging.version import Version

    from .target import Target


class SurveyedVariant(NamedTuple):
    """An installed variant, whether each machine supports it, and better wheels."""

    installed: Installed
    fitness: Mapping[str, Fitness]
    better: Better = Better()


class SurveyedPlain(NamedTuple):
    """An installed plain distribution for which the sources have a supported variant."""

    name: str
    version: str
    better: Better


class Survey(NamedTuple):
    """An environment, and what it has: variants, and plain distributions that variants could replace.

    *errors* are about variants that cannot be read, *problems* about sources. *versions* are those of all
    distributions, by normalized name.
    """

    environment: Environment
    variants: Sequence[SurveyedVariant]
    plain: Sequence[SurveyedPlain]
    alignment: Alignment
    errors: Sequence[VariantError]
    problems: Sequence[Problem]
    versions: Mapping[str, Version]


def survey(
    environment: Environment,
    machines: Mapping[str, Hardware],
    policy: Policy,
    sources: Sources = Sources(),  # noqa: B008  # an immutable value
    target: Target | None = None,
) -> Survey:
    """Survey an environment for machines by name; no plugin runs.

    Better wheels are looked for only with a *target*, in the *sources*. The *policy* has the supported values
    that the user gives, and the names to align.
    """
    folders = environment.folders
    variants, errors = installed_variants(folders)
    versions = Lazy(lambda: installed_versions(folders))
    facts = {name: Machine(known, tuple(variants), versions) for name, known in machines.items()}
    installed = [
        InstalledDistribution(
            variant.inspection.name,
            variant.inspection.version,
            variant.inspection.label,
            {name: fitness(variant, machine, policy.given) for name, machine in facts.items()},
        )
        for variant in variants
    ]
    others, better = list[InstalledDistribution](), [Better()] * len(installed)
    if target is not None:
        others = [InstalledDistribution(name, version, None, {}) for name, version, _ in find_plain(folders)]
        better = [*find_better([*installed, *others], sources, facts, policy, target)]
    alignment = alignment_of(variants, folders, policy.align) if policy.align else Alignment()
    return Survey(
        environment,
        [*map(SurveyedVariant, variants, (one.fitness for one in installed), better)],
        _replaceable(others, better[len(installed) :]),
        alignment,
        errors,
        [problem for answer in better for problem in answer.problems],
        versions,
    )


def _replaceable(plain: Sequence[InstalledDistribution], better: Sequence[Better]) -> Sequence[SurveyedPlain]:
    """Return the plain distributions for which there is a better wheel, by name."""
    pairs = zip(plain, better, strict=True)
    found_better = (SurveyedPlain(one.name, one.version, answer) for one, answer in pairs if answer)
    return sorted(found_better, key=lambda one: one.name)
