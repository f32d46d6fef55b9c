"""Which wheel of a release is the best one, and why each other one is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem
from ..formats.release import Candidate, File, Release
from ..machine.support import Machine, Policy, machine_support
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from ..variants.namespace_support import Support
from ..variants.properties import Variant
from ..variants.ranking import Verdict, rank

if TYPE_CHECKING:
    from .target import Target


class Evaluation(NamedTuple):
    """A release, what a machine supports of it, and a verdict on each of its wheels, best first.

    *problems* are those of who was asked about the machine.
    """

    release: Release
    support: Support
    verdicts: list[Verdict]
    problems: tuple[Problem, ...] = ()

    @property
    def selected(self) -> Verdict | None:
        """The best wheel, None if there is no compatible one."""
        return next((verdict for verdict in self.verdicts if verdict.key), None)

    def candidate(self, verdict: Verdict) -> Candidate:
        """Return the wheel that a verdict is about."""
        return next(wheel for wheel in self.release.candidates if wheel.name == verdict.filename)


def evaluate(release: Release, machine: Machine, policy: Policy, target: Target) -> Evaluation:
    """Return a verdict on each wheel of a release; what is installed of its package does not count."""
    support, problems = Support({}, {}), tuple[Problem, ...]()
    if release.metadata is not None:
        support, problems = machine_support(release.metadata, machine.without(release.name), policy)
    return Evaluation(release, support, ranked(release, support, target), problems)


def evaluate_label(release: Release, label: str | None, target: Target) -> Evaluation:
    """Return a verdict on each wheel of a label, or of none; whatever it stands for counts as supported."""
    wheels = release.of_label(label)
    variants = {} if label is None else {label: Variant(label, frozenset())}
    bare = wheels._replace(metadata=VariantMetadata((), {}, variants))
    nothing = Support({}, {})
    return Evaluation(wheels, nothing, ranked(bare, nothing, target))


def ranked(release: Release, support: Support, target: Target) -> list[Verdict]:
    """Return a verdict on each wheel: by tags and support, Requires-Python, and what its source says."""
    barred: dict[WheelFilename, tuple[Problem, ...]] = {
        wheel.name: (*wheel.problems, *([wrong] if (wrong := wrong_python(wheel.file, target)) else []))
        for wheel in release.candidates
    }
    return rank(barred, release.metadata, support.supported, target.tags, barred=barred)


def wrong_python(file: File, target: Target) -> Problem | None:
    """Return why Requires-Python rules a wheel out; what cannot be read rules out nothing, as for pip."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    text = file.requires_python
    try:
        fits = not text or SpecifierSet(text).contains(target.python, prereleases=True)
    except InvalidSpecifier:
        return None
    if fits:
        return None
    return Problem("requires-python", "Requires-Python", f"{text} does not admit {target.python}")
