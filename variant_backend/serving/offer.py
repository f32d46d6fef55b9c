"""The offer: which files of a project a machine can see, so that any installer selects its variants.

For each release with variants, the best label is selected as PEP 825 says. The page lists all wheels of that
label, and no other wheel: an installer without variant support would compare them by tags alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem
from ..formats.release import Candidate, File, Release
from ..machine.support import Machine, Policy
from ..selection.evaluate import labels_in_order, release_support
from ..selection.releases import Listing
from ..variants.filename import WheelFilename
from ..variants.namespace_support import Support
from ..variants.policy import NO_RULES, Rules
from ..variants.properties import Variant
from ..wheels.plain import tagged_name
from .environments import Environments, Slot, fitting

if TYPE_CHECKING:
    from packaging.version import Version


class UpstreamProject(NamedTuple):
    """A project as the upstream has it: its normalized name, and all its *files* in their order.

    *releases* are those with variants, the newest first, each with its listing. *problems* are those of its
    page and of its index files.
    """

    name: str
    files: tuple[File, ...]
    releases: tuple[tuple[Listing, Release], ...] = ()
    problems: tuple[Problem, ...] = ()


class OfferedWheel(NamedTuple):
    """A wheel of a release with variants.

    Its variant markers are evaluated for its *variant*, None for a plain wheel, and the *support* of the
    machine.
    """

    name: WheelFilename
    variant: Variant | None
    support: Support


class Offered(NamedTuple):
    """A file that a machine can see, under this *filename*.

    *wheel* is None if the file belongs to a release without variants, or is an sdist.
    """

    file: File
    filename: str
    wheel: OfferedWheel | None = None


class Choice(NamedTuple):
    """What is offered of a release with variants: the *labels*, best first; None is the plain wheel.

    *labels* is empty if no wheel fits. *supported_labels* are all labels that the machine supports, best
    first, also those without a wheel that fits. *conflicts* are about environments that may get another wheel
    than their best one. *rules* are those of the policy.
    """

    release: Release
    support: Support
    labels: tuple[str | None, ...]
    supported_labels: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    conflicts: tuple[Problem, ...] = ()
    rules: Rules = NO_RULES

    @property
    def version(self) -> Version:
        """The version of the release."""
        return self.release.version


class Offer(NamedTuple):
    """What a machine can see of a project: its *files*, and what is offered of each release with variants."""

    name: str
    files: tuple[Offered, ...]
    choices: tuple[Choice, ...]
    problems: tuple[Problem, ...]


def offer(project: UpstreamProject, machine: Machine, policy: Policy, environments: Environments) -> Offer:
    """Return what a machine can see of a project in some environments.

    Files of releases without variants are kept as they are.
    """
    kept: dict[str, Offered | None] = {}
    choices: list[Choice] = []
    for listing, release in project.releases:
        choice, wheels = _chosen(release, machine, policy, environments)
        choices.append(choice)
        kept |= dict.fromkeys(_filenames(listing))
        kept |= {wheel.file.filename: offered_wheel(wheel, release, choice.support) for wheel in wheels}
        if not (environments.named and choice.labels):
            kept |= {sdist.filename: Offered(sdist, sdist.filename) for sdist in listing.sdists}
    listed = (kept.get(file.filename, Offered(file, file.filename)) for file in _first_of_name(project.files))
    problems = (*project.problems, *(problem for choice in choices for problem in choice.problems))
    return Offer(project.name, tuple(filter(None, listed)), tuple(choices), problems)


def _first_of_name(files: Iterable[File]) -> Iterator[File]:
    """Yield the files, of those with the same name only the first one."""
    seen: set[str] = set()
    for file in files:
        if file.filename not in seen:
            seen.add(file.filename)
            yield file


def _filenames(listing: Listing) -> Iterator[str]:
    """Yield the names of all files of a release."""
    for source in listing.sources:
        for file in (*source.index_files, *source.spelled, *source.sdists):
            yield file.filename
        yield from (wheel.file.filename for wheel in source.wheels)


def offered_wheel(wheel: Candidate, release: Release, support: Support) -> Offered:
    """Return a wheel of a release with variants, with its label in the build tag."""
    variants = release.metadata.variants if release.metadata else {}
    variant = variants.get(wheel.label or "")
    return Offered(wheel.file, str(tagged_name(wheel.name)), OfferedWheel(wheel.name, variant, support))


def _chosen(
    release: Release, machine: Machine, policy: Policy, environments: Environments
) -> tuple[Choice, list[Candidate]]:
    """Return what is offered of a release, and its wheels."""
    support, problems = release_support(release, machine, policy)
    labels = labels_in_order(release, support, policy.rules)
    wheels = _Wheels(release, labels)
    listed, conflicts = wheels.offered(environments)
    order = [*labels, None]
    have = {wheel.label for wheel in listed if _fits_any(wheel, environments)}
    offered_labels = tuple(label for label in order if label in have)
    return Choice(
        release, support, offered_labels, tuple(labels), problems, tuple(conflicts), policy.rules
    ), listed


def _fits_any(wheel: Candidate, environments: Environments) -> bool:
    return any(slot.place(wheel) is not None for slot in environments.asking or environments.others)


class _Wheels:
    """The wheels of a release by label; the labels that the machine supports come first, then None."""

    def __init__(self, release: Release, labels: Sequence[str]) -> None:
        self._by_label: dict[str | None, list[Candidate]] = {label: [] for label in (*labels, None)}
        for wheel in release.candidates:
            if wheel.label in self._by_label and not wheel.problems:
                self._by_label[wheel.label].append(wheel)

    def label_for(self, slot: Slot) -> tuple[str | None] | tuple[()]:
        """Return the best label with a wheel for an environment; nothing if there is none.

        Installers select yanked wheels only if nothing else is there, or if the version is pinned.
        """
        for is_wanted in (_is_not_yanked, lambda _: True):
            for label, wheels in self._by_label.items():
                if any(is_wanted(wheel) and slot.place(wheel) is not None for wheel in wheels):
                    return (label,)
        return ()

    def offered(self, environments: Environments) -> tuple[list[Candidate], list[Problem]]:
        """Return the wheels for some environments, and the conflicts between these."""
        chosen = [(slot, self.label_for(slot)) for slot in environments.asking]
        listed = self._of_labels(label for _, labels in chosen for label in labels)
        others = [(slot, self.label_for(slot)) for slot in environments.others]
        if environments.asking:
            for slot, labels in others:
                if labels and not fitting(listed, slot):
                    listed += (wheel for _, wheel in fitting(self._by_label[labels[0]], slot))
        else:
            chosen = others
            listed = self._of_labels(label for _, labels in others for label in labels)
        listed, conflicts = _without_conflicts(listed, chosen, environments)
        return listed or list(self._by_label[None]), conflicts

    def _of_labels(self, labels: Iterable[str | None]) -> list[Candidate]:
        return [wheel for label in dict.fromkeys(labels) for wheel in self._by_label[label]]


def _is_not_yanked(wheel: Candidate) -> bool:
    return wheel.file.yanked is None


def _without_conflicts(
    listed: list[Candidate],
    chosen: Sequence[tuple[Slot, tuple[str | None] | tuple[()]]],
    environments: Environments,
) -> tuple[list[Candidate], list[Problem]]:
    """Leave out wheels that an environment would prefer to those of its best label.

    A wheel that is the only one for another environment stays; that is a conflict.
    """
    if len({wheel.label for wheel in listed}) < 2:
        return listed, []
    everyone = [*environments.asking, *environments.others]
    conflicts: list[Problem] = []
    for slot, labels in chosen:
        while (best := _first(listed, slot)) and labels and best.label != labels[0]:
            without = [wheel for wheel in listed if wheel is not best]
            if any(fitting([best], other) and not fitting(without, other) for other in everyone):
                text = f"{slot.target.python}-{slot.target.platform} may get {best.file.filename}"
                remedy = "use the URL of that environment"
                conflicts.append(Problem("offer-conflict", "", text, remedy))
                break
            listed = without
    return listed, conflicts


def _first(wheels: Iterable[Candidate], slot: Slot) -> Candidate | None:
    """Return the wheel that installers without variant support select, None if none fits."""
    placed = fitting(wheels, slot)
    return min(placed, key=lambda pair: pair[0])[1] if placed else None
