"""Which wheel of a project is chosen: the newest release that has a compatible one, and its best wheel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError
from ..formats.simple_api import File
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from ..variants.namespace_support import Support
from ..variants.properties import Variant
from ..variants.ranking import Verdict, rank
from .releases import Listing, Release, parse_wheel, read_release

if TYPE_CHECKING:
    from packaging.version import Version

    from ..machine.system import System
    from .target import Target


class Judged(NamedTuple):
    """A release, what a system supports of it, and a verdict on each of its wheels, best first.

    *faults* are those of who was asked about the system.
    """

    release: Release
    support: Support
    verdicts: list[Verdict]
    faults: tuple[VariantError, ...] = ()

    @property
    def chosen(self) -> Verdict | None:
        """The best wheel, None if there is no compatible one."""
        return next((verdict for verdict in self.verdicts if verdict.key), None)

    def file(self, verdict: Verdict) -> File:
        """Return where the wheel is that a verdict is about."""
        return next(file for file in self.release.wheels if file.filename == str(verdict.filename))


def judge(release: Release, system: System, target: Target) -> Judged:
    """Return a verdict on each wheel of a release; what is installed of its package does not count."""
    support, faults = Support({}, {}), tuple[VariantError, ...]()
    if release.metadata is not None:
        support, faults = system.without(release.name).support(release.metadata)
    return Judged(release, support, ranked(release, support, target), faults)


def judge_label(release: Release, label: str | None, target: Target) -> Judged:
    """Return a verdict on each wheel of a label, or of none; whatever it stands for counts as supported."""
    wheels = tuple(each for each in release.wheels if each.label == label)
    variants = {} if label is None else {label: Variant(label, frozenset())}
    bare = release._replace(wheels=wheels, metadata=VariantMetadata((), {}, variants))
    nothing = Support({}, {})
    return Judged(release._replace(wheels=wheels), nothing, ranked(bare, nothing, target))


def ranked(release: Release, support: Support, target: Target) -> list[Verdict]:
    """Return a verdict on each wheel: by tags and support, Requires-Python, and what its source says."""
    wheels: list[WheelFilename] = []
    barred: dict[WheelFilename, tuple[str, ...]] = {}
    for file in release.wheels:
        found = parse_wheel(file.filename)
        assert found, "others are not listed"
        wheels.append(found[0])
        reasons = (release.barred.get(file.filename), wrong_python(file, target))
        if why := tuple(filter(None, reasons)):
            barred[found[0]] = why
    return rank(wheels, release.metadata, support.supported, target.tags, barred=barred)


def wrong_python(file: File, target: Target) -> str | None:
    """Return why Requires-Python rules a wheel out; what cannot be read rules out nothing, as for pip."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    text = file.requires_python
    try:
        fits = not text or SpecifierSet(text).contains(target.python, prereleases=True)
    except InvalidSpecifier:
        return None
    return None if fits else f"Requires-Python: {text} does not admit {target.python}"


def select_release(
    listings: Iterable[Listing], system: System, target: Target, *, version: Version | None = None
) -> tuple[Judged | None, list[Judged]]:
    """Return the newest release with a compatible wheel, and the newer ones that have none.

    *listings* come newest first. With a *version* only that one counts, be it a pre-release or yanked; else
    pre-releases count where no other release has a compatible wheel.
    """
    passed: list[Judged] = []
    for listing in in_order(listings, version):
        judged = judge(read_release(listing, pinned=version is not None), system, target)
        if judged.chosen:
            newer = [each for each in passed if each.release.version > listing.version]
            return judged, newer
        passed.append(judged)
    return None, passed


def in_order(listings: Iterable[Listing], version: Version | None) -> Iterator[Listing]:
    """Yield the releases in the order in which they are tried."""
    listings = [*listings]
    if version is not None:
        yield from (each for each in listings if each.version == version)
        return
    for is_early in (False, True):
        yield from (each for each in listings if each.version.is_prerelease is is_early)
