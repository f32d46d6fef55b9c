"""What each package that a command names would get from the offer, without starting the command."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError
from ..formats.release import Candidate, File
from ..lowlevel.threads import map_in_threads
from ..serving.environments import Environments
from ..serving.local_refusals import local_refusals
from ..serving.offer import Choice, Offer
from ..serving.reasons import is_fallback, label_meaning, would_fit
from ..serving.site import Site
from ..variants.filename import normalize, release_of_sdist
from ..variants.requirements import PackageRequest

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version


class PlannedPackage(NamedTuple):
    """What a package would get: *version* is None if nothing fits, *label* is None without a variant.

    *reason* says why, in words.
    """

    name: str
    version: Version | None
    label: str | None
    reason: str

    def to_dict(self) -> dict[str, object]:
        """Return the keys of the JSON object."""
        version = None if self.version is None else str(self.version)
        return {"name": self.name, "version": version, "label": self.label, "reason": self.reason}


def planned_packages(
    site: Site, machine: str, requirements: Sequence[Requirement], environments: Environments
) -> list[PlannedPackage | VariantError]:
    """Return what each required package would get: the newest version that its specifiers allow.

    Requirements of the packages themselves are not considered. If the upstream lacks a project, or fails, an
    error takes its place.
    """
    specifiers: dict[str, SpecifierSet] = {}
    for requirement in requirements:
        name = normalize(requirement.name)
        known = specifiers.get(name)
        specifiers[name] = requirement.specifier if known is None else known & requirement.specifier
    plan = partial(_planned, site, machine, environments)
    return map_in_threads(plan, specifiers.items())


def _planned(
    site: Site, machine: str, environments: Environments, wanted: tuple[str, SpecifierSet]
) -> PlannedPackage | VariantError:
    """Return what one package would get."""
    name, specifiers = wanted
    try:
        offer = site.project(machine, name, environments).offer
    except VariantError as error:
        return error
    request = PackageRequest.parse(f"{name}{specifiers}")
    version = max(specifiers.filter(_installable(offer, environments)), default=None)
    if version is None and request.is_pinned:
        version = max(specifiers.filter(_installable(offer, environments, yanked=True)), default=None)
        if version is not None and version.local:
            return PlannedPackage(name, version, None, "the requirement names this local version")
    if version is None:
        refused = local_refusals(offer, request)
        reason = str(refused[0]) if refused else _why_nothing(offer, specifiers)
        return PlannedPackage(name, None, None, reason)
    choice = offer.choice_of(str(version))
    if choice is None:
        return PlannedPackage(name, version, None, "the release has no variants")
    label = choice.labels[0] if choice.labels else None
    words = (label_meaning(choice, label) or "the best variant that fits") if label else "the plain wheel"
    reason = _first_reason(choice) if is_fallback(choice, {label}) else ""
    return PlannedPackage(name, version, label, f"{words}{reason}")


def _why_nothing(offer: Offer, specifiers: SpecifierSet) -> str:
    """Return why no version of a package can be installed."""
    choices = {choice.version: choice for choice in offer.choices}
    newest = max(specifiers.filter(choices), default=None)
    if newest is None:
        return f"no version with a fitting file matches {str(specifiers)!r}"
    return f"no wheel of {newest} fits{_first_reason(choices[newest])}"


def _first_reason(choice: Choice) -> str:
    """Return why the best variant of a release does not fit."""
    return "".join(f"; {reason}" for reason in would_fit(choice)[:1])


def _installable(offer: Offer, environments: Environments, *, yanked: bool = False) -> set[Version]:
    """Return the versions that have a file for an environment, which is *yanked* or not."""
    versions = (
        _version(offered.file._replace(filename=offered.filename), environments)
        for offered in offer.files
        if (offered.file.yanked is not None) == yanked
    )
    return {version for version in versions if version is not None}


def _version(file: File, environments: Environments) -> Version | None:
    """Return the version of a file, None if it cannot be installed in the environment."""
    wheel = Candidate.of(file)
    try:
        if wheel is None:
            return release_of_sdist(file.filename)[1]
        is_fitting = any(slot.fit(wheel.name.tags, file.requires_python) for slot in environments.asking)
        return wheel.name.release()[1] if is_fitting else None
    except VariantError:  # another kind of file, or an invalid version
        return None
