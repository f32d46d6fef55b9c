"""Find better wheels for what is installed: of the same version, for one machine or for several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, VariantError
from ..formats.release import Release
from ..lowlevel.http import NOT_FOUND
from ..machine.fitness import Fitness, joint_fitness
from ..machine.support import Machine, Policy
from ..variants.filename import WheelFilename, check_project_name
from ..variants.words import properties_in_words
from .evaluate import Evaluation, evaluate
from .read_ahead import AT_ONCE, read_ahead
from .releases import Sources, find_listings, missing_index_files, read_release
from .source_files import Folders

if TYPE_CHECKING:
    from .target import Target


class InstalledDistribution(NamedTuple):
    """An installed distribution: a variant with a *label*, or a plain one, whose label is None.

    *fitness* says by the name of a machine whether that supports it.
    """

    name: str
    version: str
    label: str | None
    fitness: Mapping[str, Fitness]


class Better(NamedTuple):
    """Better wheels of the installed version: the best one *by_machine*, and the best one *for_all* machines.

    None stands for a machine for which no wheel is better. *meanings* are those of the labels of the release,
    in words, as far as they are known.
    """

    by_machine: Mapping[str, WheelFilename | None] = {}
    for_all: WheelFilename | None = None
    problems: tuple[Problem, ...] = ()
    meanings: Mapping[str, str] = {}

    def __bool__(self) -> bool:
        """Whether there is a better wheel."""
        return self.for_all is not None or any(self.by_machine.values())

    def label_texts(self) -> list[str]:
        """Return the label of each better wheel with its meaning."""
        labels = dict.fromkeys(wheel.label for wheel in self.by_machine.values() if wheel)
        return [self._label_text(label) for label in labels]

    def _label_text(self, label: str | None) -> str:
        if label is None:
            return "the plain wheel"
        words = self.meanings.get(label)
        return f"{label} ({words})" if words else label


def find_better(
    installed: Iterable[InstalledDistribution],
    sources: Sources,
    machines: Mapping[str, Machine],
    policy: Policy,
    target: Target,
) -> Iterator[Better]:
    """Yield the better wheels for each installed distribution; *machines* are by name.

    A wheel is better if it ranks before the installed one, or if the machine does not support that one. If
    the sources lack the installed label, they have nothing better for a machine that supports it.
    """
    folders = Folders()

    def look(distribution: InstalledDistribution) -> Better:
        release, problems = _find_release(distribution, sources, folders)
        if release is None:
            return Better(problems=problems)
        evaluations = {name: evaluate(release, machine, policy, target) for name, machine in machines.items()}
        better = _compared(distribution, evaluations, problems)
        return better._replace(meanings=_meanings(release)) if better else better

    is_remote = any(url.startswith("http") for url in sources.index_urls)
    for _, result in read_ahead(look, installed, AT_ONCE if is_remote else 1):
        yield result()


def _find_release(
    distribution: InstalledDistribution, sources: Sources, folders: Folders
) -> tuple[Release | None, tuple[Problem, ...]]:
    """Return the installed release if a source has a variant of it, and the problems of the sources."""
    from packaging.version import Version

    try:
        check_project_name(distribution.name)  # it becomes a part of URLs and paths
        version = Version(distribution.version)
    except (VariantError, ValueError):  # InvalidVersion, or more digits than Python converts
        return None, ()
    listings = find_listings(distribution.name, sources, folders)
    # Most installed projects are not on the index of a site.
    problems = tuple(problem for problem in listings.problems if problem.code != NOT_FOUND)
    listing = next(listings.of_version(version), None)
    if listing is None or all(wheel.label is None for wheel in listing.wheels):
        return None, problems
    release = read_release(listing, pinned=True)
    return release, (*problems, *release.problems, *missing_index_files(listing, release.metadata))


def _meanings(release: Release) -> dict[str, str]:
    """Return the meaning of each label of a release, empty if it is unknown."""
    variants = release.metadata.variants if release.metadata else {}
    return {label: "; ".join(properties_in_words(variant.properties)) for label, variant in variants.items()}


def _compared(
    distribution: InstalledDistribution, evaluations: Mapping[str, Evaluation], problems: tuple[Problem, ...]
) -> Better:
    """Compare the installed wheel with the best wheel for each machine, and for all of them."""
    compatible = [[wheel.filename for wheel in one.verdicts if wheel.key] for one in evaluations.values()]
    others = [*map(set, compatible[1:])]
    in_all = [name for name in compatible[0] if all(name in other for other in others)]
    return Better(
        {
            name: _if_better(distribution.label, wheels, distribution.fitness.get(name, Fitness()))
            for name, wheels in zip(evaluations, compatible, strict=True)
        },
        _if_better(distribution.label, in_all, joint_fitness(distribution.fitness.values())),
        (*problems, *(problem for one in evaluations.values() for problem in one.problems)),
    )


def _if_better(label: str | None, wheels: Sequence[WheelFilename], fitness: Fitness) -> WheelFilename | None:
    """Return the first of the compatible wheels if it is better than the installed wheel of this label."""
    best = next(iter(wheels), None)
    if best is None or best.label == label:
        return None
    is_listed = label is None or any(wheel.label == label for wheel in wheels)
    return best if is_listed or fitness.supported is False else None
