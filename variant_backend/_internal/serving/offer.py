"""The offer: which files of a project a machine can see, so that any installer selects its variants.

For each release with variants, the best label is selected as PEP 825 says. The page lists all wheels of that
label, and no other wheel: an installer without variant support would compare them by tags alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, shortened
from ..formats.release import Candidate, File, Location, Release
from ..machine.support import Machine, Policy
from ..selection.evaluate import is_accelerated, release_support, selectable_labels
from ..selection.listing import Listing
from ..variants.filename import WheelFilename, is_same_version, version_of
from ..variants.label_pattern import PLAIN
from ..variants.namespace_support import Support
from ..variants.policy import NO_RULES, Rules
from ..variants.properties import Variant
from ..variants.ranking import build_order
from ..variants.tag_order import Order, tag_order
from ..wheels.plain import tagged_name
from .environments import Environments
from .listed_wheels import Form, listed_forms
from .named_only import named_only

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
    than their best one. *rules* are those of the policy. *accelerated* is an older release whose best label
    is for an accelerator, if that of this one is not; the policy may hide this release for it.
    """

    release: Release
    support: Support
    labels: tuple[str | None, ...]
    supported_labels: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    conflicts: tuple[Problem, ...] = ()
    rules: Rules = NO_RULES
    accelerated: Choice | None = None

    @property
    def is_accelerated(self) -> bool:
        """Whether the best label is for an accelerator."""
        return bool(self.labels) and is_accelerated(self.release, self.labels[0])

    @property
    def is_hidden(self) -> bool:
        """Whether the policy prefers an older release."""
        return self.accelerated is not None and self.rules.prefers_accelerated

    @property
    def version(self) -> Version:
        """The version of the release."""
        return self.release.version

    def has_version(self, version: str) -> bool:
        """Return whether the release, or one of its wheels by an overlay, has a version."""
        return self.release.has_version(version)

    def labels_of(self, version: str) -> frozenset[str | None]:
        """Return the labels of the wheels by an overlay that have a version, with None for a plain wheel.

        Their files do not show a label, so an installed wheel may be any of them.
        """
        wheels = (wheel.name for wheel in self.release.candidates if not wheel.problems)
        names = [name for name in wheels if name.by_overlay or name.label is None]
        return frozenset(name.label for name in names if is_same_version(name.version, version))


class Offer(NamedTuple):
    """What a machine can see of a project: its *files*, and what is offered of each release with variants."""

    name: str
    files: tuple[Offered, ...]
    choices: tuple[Choice, ...]
    problems: tuple[Problem, ...]

    def choice_of(self, version: str) -> Choice | None:
        """Return what is offered of a release, None if it has no variants."""
        return next((choice for choice in self.choices if choice.has_version(version)), None)

    def has_version(self, version: str) -> bool:
        """Return whether the project has a release that is offered or has variants."""
        versions = (version_of(offered.filename) for offered in self.files)
        return self.choice_of(version) is not None or any(
            known is not None and is_same_version(str(known), version) for known in versions
        )


def offer(project: UpstreamProject, machine: Machine, policy: Policy, environments: Environments) -> Offer:
    """Return what a machine can see of a project in some environments.

    Files of releases without variants are kept as they are, unless a label is wanted.
    """
    wanted = policy.labels.get(project.name, PLAIN)
    kept: dict[Location, Offered | None] = {}
    choices: list[Choice] = []
    chosen = [_chosen(release, machine, policy, environments) for _, release in project.releases]
    for (listing, release), (choice, wheels) in zip(project.releases, _with_older(chosen), strict=True):
        choices.append(choice)
        kept |= dict.fromkeys(_locations(listing))
        if choice.is_hidden:
            continue
        name_of = _naming(listing)
        selected = {
            wheel.file.location: _offered_wheel(wheel, name_of(wheel), release, choice.support)
            for wheel in wheels
        }
        names = {offered.filename for offered in selected.values()}
        others = ((wheel, name_of(wheel)) for wheel in named_only(listing, wheels, environments))
        kept |= {
            wheel.file.location: Offered(wheel.file, name) for wheel, name in others if name not in names
        }
        kept |= selected
        if wanted == PLAIN and not (environments.named and choice.labels):
            kept |= {sdist.location: Offered(sdist, sdist.filename) for sdist in listing.sdists}
    listed = (
        kept.get(file.location, Offered(file, file.filename) if wanted == PLAIN else None)
        for file in project.files
    )
    problems = (*project.problems, *(problem for choice in choices for problem in choice.problems))
    return Offer(project.name, (*_first_of_name(filter(None, listed)),), tuple(choices), problems)


def _with_older(
    chosen: Sequence[tuple[Choice, list[Candidate]]],
) -> Iterator[tuple[Choice, list[Candidate]]]:
    """Yield what is offered of releases, newest first, with the older release that is for an accelerator."""
    best = next((one for one, wheels in chosen if _is_preferable(one, wheels)), None)
    for choice, wheels in chosen:
        is_newer = best is not None and choice.version > best.version and not choice.is_accelerated
        yield choice._replace(accelerated=best) if is_newer else choice, wheels


def _is_preferable(choice: Choice, wheels: Iterable[Candidate]) -> bool:
    """Return whether a release is for an accelerator, and installers take it without being asked to."""
    usable = {wheel.label for wheel in wheels if wheel.file.yanked is None}
    return choice.is_accelerated and choice.labels[0] in usable and not choice.version.is_prerelease


def _first_of_name(files: Iterable[Offered]) -> Iterator[Offered]:
    """Yield the files, of those with the same name only the first one."""
    seen: set[str] = set()
    for offered in files:
        if offered.filename not in seen:
            seen.add(offered.filename)
            yield offered


def _locations(listing: Listing) -> Iterator[Location]:
    """Yield the locations of all files of a release."""
    for source in listing.sources:
        for file in (*source.index_files, *source.spelled, *source.sdists):
            yield file.location
        yield from (wheel.file.location for wheel in source.wheels)


def _naming(listing: Listing) -> Callable[[Candidate], str]:
    """Return a function that returns the name under which a wheel of a release is offered.

    A label is moved into the build tag. Only a wheel with the label of an overlay keeps its name, unless
    another wheel has it, too: installers keep files and their metadata by this name.
    """
    if not listing.overlay:
        return lambda wheel: str(tagged_name(wheel.name))
    contents: dict[str, set[str]] = {}
    for wheel in (wheel for source in listing.sources for wheel in source.wheels):
        content = str(sorted(wheel.file.proofs.items()) or wheel.file.location)
        contents.setdefault(wheel.file.filename, set()).add(content)

    def name_of(wheel: Candidate) -> str:
        is_unique = len(contents[wheel.file.filename]) == 1
        return str(wheel.name if wheel.name.by_overlay and is_unique else tagged_name(wheel.name))

    return name_of


def _offered_wheel(wheel: Candidate, filename: str, release: Release, support: Support) -> Offered:
    """Return a wheel of a release with variants under the name that is offered."""
    variants = release.metadata.variants if release.metadata else {}
    variant = variants.get(wheel.label or "")
    return Offered(wheel.file, filename, OfferedWheel(wheel.name, variant, support))


def files_offered_as(
    filename: str, project: UpstreamProject, machine: Machine, policy: Policy
) -> list[Offered]:
    """Return the files that a machine may see under a name in any environment."""
    matching: list[Offered] = []
    varied: set[str] = set()
    for listing, release in project.releases:
        varied |= {wheel.file.filename for wheel in listing.wheels}
        name_of = _naming(listing)
        wheels = [wheel for wheel in listing.wheels if name_of(wheel) == filename]
        if wheels:
            support, _ = release_support(release, machine, policy)
            matching += (_offered_wheel(wheel, filename, release, support) for wheel in wheels)
    plain = [file for file in project.files if file.filename == filename and filename not in varied]
    return matching + [Offered(file, filename) for file in plain]


def _chosen(
    release: Release, machine: Machine, policy: Policy, environments: Environments
) -> tuple[Choice, list[Candidate]]:
    """Return what is offered of a release, and its wheels."""
    support, problems = release_support(release, machine, policy)
    labels = selectable_labels(release, support, policy)
    supported = tuple(filter(None, labels))
    wheels = _in_order(release, labels)
    places = {label: place for place, label in enumerate(labels)}
    versions = _local_versions(wheels)
    forms = tuple(_form(wheel, places, versions[wheel.name.version]) for wheel in wheels)
    listed = listed_forms(forms, environments)
    offered_labels = tuple(labels[place] for place in listed.labels)
    conflicts = tuple(_conflict(wheels[place], names) for place, names in listed.conflicts)
    choice = Choice(release, support, offered_labels, supported, problems, conflicts, policy.rules)
    return choice, [wheels[place] for place in listed.wheels]


def _in_order(release: Release, labels: Sequence[str | None]) -> list[Candidate]:
    """Return the wheels of labels in their order; for equal tags, the order is that of PEP 825 and uv."""
    by_label: dict[str | None, list[Candidate]] = {label: [] for label in labels}
    for wheel in release.candidates:
        if wheel.label in by_label and not wheel.problems:
            by_label[wheel.label].append(wheel)
    for label, wheels in by_label.items():
        if len(wheels) > 1:
            wheels.sort(key=_name_order, reverse=label is not None)
            wheels.sort(key=lambda wheel: build_order(wheel.name.build), reverse=True)
    return [wheel for wheels in by_label.values() for wheel in wheels]


def _name_order(wheel: Candidate) -> tuple[Order, str]:
    """Return the order of a wheel with equal tags, as `tag_order` does, but remember the slow part."""
    return _unnamed_order(wheel.name._replace(distribution="", version="")), wheel.file.filename


_unnamed_order = lru_cache(1000)(tag_order)


def _local_versions(wheels: Iterable[Candidate]) -> Mapping[str, int]:
    """Return the position of each spelled version; wheels by an overlay may have several, the newest is 0."""
    spelled = {wheel.name.version for wheel in wheels}
    if len(spelled) < 2:
        return dict.fromkeys(spelled, 0)
    versions = {text: WheelFilename("", text, "", "", None).release()[1] for text in spelled}
    order = {version: place for place, version in enumerate(sorted({*versions.values()}, reverse=True))}
    return {text: order[version] for text, version in versions.items()}


def _form(wheel: Candidate, places: Mapping[str | None, int], version: int) -> Form:
    file = wheel.file
    return Form(places[wheel.label], wheel.name.tags, file.requires_python, file.yanked is not None, version)


def _conflict(wheel: Candidate, names: Sequence[str]) -> Problem:
    """Return the problem that environments may get a wheel that is not of their best label."""
    text = f"{shortened(names)} may get {wheel.file.filename}, which is not of the best label there"
    return Problem("warning", "", text, f"use the index URL that ends in /{names[0]}/simple/ there")
