"""Find the best wheel of a release, and the reasons against each other one."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ..errors import Problem
from ..formats.release import Candidate, File, Release
from ..machine.support import Machine, Policy, machine_support
from ..variants.abi_dependency import ABI_DEPENDENCY
from ..variants.filename import WheelFilename
from ..variants.known_providers import ACCELERATORS
from ..variants.label_pattern import is_wanted
from ..variants.metadata import VariantMetadata
from ..variants.namespace_support import Origin, Support
from ..variants.policy import NO_RULES, Rules
from ..variants.properties import Variant
from ..variants.ranking import Verdict, ordered_labels, rank_wheels, why_label_better

if TYPE_CHECKING:
    from packaging.version import Version

    from .target import Target

_WANTED = Origin("wanted", "the requested label")


class Evaluation(NamedTuple):
    """A release, its namespaces' supported values, and a verdict on each of its wheels, best first.

    *problems* come from detection and plugins. *preferred* are the namespaces whose priority is that of the
    policy.
    """

    release: Release
    support: Support
    verdicts: list[Verdict]
    problems: tuple[Problem, ...] = ()
    preferred: frozenset[str] = frozenset()

    @property
    def selected(self) -> Verdict | None:
        """The best wheel, None if no wheel is compatible."""
        return next((verdict for verdict in self.verdicts if verdict.key), None)

    def candidate(self, verdict: Verdict) -> Candidate:
        """Return the wheel of a verdict."""
        return next(wheel for wheel in self.release.candidates if wheel.name == verdict.filename)


def evaluate(release: Release, machine: Machine, policy: Policy, target: Target) -> Evaluation:
    """Return a verdict on each wheel of a release; an installed version of the package is ignored."""
    support, problems = release_support(release, machine, policy)
    rules = policy.rules
    verdicts = ranked(release, support, target, rules)
    return Evaluation(release, support, verdicts, problems, rules.preferred_namespaces())


def release_support(
    release: Release, machine: Machine, policy: Policy
) -> tuple[Support, tuple[Problem, ...]]:
    """Return the supported values of a release's namespaces, and the problems of plugins and alignment.

    If the user wants a variant, its properties are supported, whatever the machine supports.
    """
    if release.metadata is None:
        return Support({}, {}), ()
    if variant := _wanted_variant(release, policy):
        return _support_of(variant), ()
    return machine_support(release.metadata, machine.without(release.name), policy)


def evaluate_label(release: Release, label: str | None, target: Target) -> Evaluation:
    """Return a verdict on each wheel of a label (None: plain wheels), without checking support."""
    wheels = release.of_label(label)
    variants = {} if label is None else {label: Variant(label, frozenset())}
    bare = wheels._replace(metadata=VariantMetadata((), {}, variants))
    nothing = Support({}, {})
    return Evaluation(wheels, nothing, ranked(bare, nothing, target))


def ranked(release: Release, support: Support, target: Target, rules: Rules = NO_RULES) -> list[Verdict]:
    """Return a verdict on each wheel by tags, support, Requires-Python, and the problems of its source.

    The *rules* of a policy may put other namespaces first, and exclude all variants of the release.
    """
    against = rules.objection(release.name)
    barred: dict[WheelFilename, tuple[Problem, ...]] = {
        wheel.name: (
            *wheel.problems,
            *([wrong] if (wrong := wrong_python(wheel.file, target)) else []),
            *([against] if against and wheel.label is not None else []),
        )
        for wheel in release.candidates
    }
    metadata = _in_order(release.metadata, rules)
    return rank_wheels(barred, metadata, support.supported, target.tags, barred=barred)


def labels_in_order(release: Release, support: Support, rules: Rules = NO_RULES) -> list[str]:
    """Return the labels of a release that a machine supports, in the order of `ranked`; best first."""
    if release.metadata is None or rules.objection(release.name):
        return []
    return ordered_labels(_in_order(release.metadata, rules), support.supported)


def selectable_labels(release: Release, support: Support, policy: Policy) -> tuple[str | None, ...]:
    """Return the labels that a machine may get of a release, best first; None is the plain wheel."""
    labels = (*labels_in_order(release, support, policy.rules), None)
    wanted = policy.labels.get(release.name)
    if wanted is None:
        return labels
    if variant := _wanted_variant(release, policy):
        return (variant.label,)
    return tuple(label for label in labels if is_wanted(label, wanted))


def is_accelerated(release: Release, label: str | None) -> bool:
    """Return whether a label of a release is for an accelerator, such as a GPU."""
    variant = release.metadata.variants.get(label or "") if release.metadata else None
    return variant is not None and not ACCELERATORS.isdisjoint(variant.namespaces())


def has_accelerated(release: Release) -> bool:
    """Return whether a release has wheels for an accelerator."""
    labels = dict.fromkeys(wheel.label for wheel in release.candidates)
    return any(is_accelerated(release, label) for label in labels)


def _wanted_variant(release: Release, policy: Policy) -> Variant | None:
    """Return the variant of the label that the user wants, None if it is missing or several may fit."""
    variants = release.metadata.variants if release.metadata else {}
    return variants.get(policy.labels.get(release.name, ""))


def _support_of(variant: Variant) -> Support:
    """Return the supported values of a machine for which a variant is wanted: its own."""
    supported = {
        namespace: {feature: tuple(values) for feature, values in features.items()}
        for namespace, features in variant.to_dict().items()
    }
    return Support(supported, dict.fromkeys(supported, _WANTED))


def why_label(release: Release, support: Support, rules: Rules, better: str, other: str) -> str:
    """Return why a label of a release ranks before another one; the machine supports both."""
    metadata = _in_order(release.metadata, rules)
    if metadata is None:
        return ""
    return why_label_better(metadata, support.supported, better, other, rules.preferred_namespaces())


_Metadata = TypeVar("_Metadata", VariantMetadata, VariantMetadata | None)


def _in_order(metadata: _Metadata, rules: Rules) -> _Metadata:
    """Return metadata with its namespaces in the order of a policy."""
    if metadata is None or not rules.prefer:
        return metadata
    return metadata._replace(namespaces=rules.in_order([*metadata.namespaces, ABI_DEPENDENCY]))


def wrong_python(file: File, target: Target) -> Problem | None:
    """Return why Requires-Python excludes a wheel, or None; like pip, ignore an invalid Requires-Python."""
    text = file.requires_python
    if not text or allows_python(text, target.python):
        return None
    return Problem("requires-python", "Requires-Python", f"{text} excludes Python {target.python}")


@lru_cache(maxsize=10_000)
def allows_python(requires_python: str, python: Version) -> bool:
    """Return whether Requires-Python allows a version; an invalid Requires-Python allows all."""
    from packaging.specifiers import SpecifierSet

    try:
        return SpecifierSet(requires_python).contains(python, prereleases=True)
    except ValueError:  # InvalidSpecifier, or more digits than Python converts
        return True
