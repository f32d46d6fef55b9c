"""Packages that belong together by an overlay, such as torch and torchvision, on different platforms."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..formats.release import Release
from ..serving.upstream import Upstream
from ..variants.alignment import Axis
from ..variants.properties import Variant
from .alignment_words import axis_words

_NONE = "none"


class FamilyMember(NamedTuple):
    """A package whose wheels an overlay labels: its *version*, the *label* of its wheel, and its *release*.

    Packages with the same *digest* have their labels from the same file.
    """

    name: str
    version: str
    label: str
    release: Release
    digest: str

    @property
    def variant(self) -> Variant | None:
        """The variant of the label."""
        return self.release.metadata.variants.get(self.label) if self.release.metadata else None

    def values(self) -> dict[Axis, frozenset[str]]:
        """Return the values of the wheel for each feature that any variant of the release has."""
        variants = self.release.metadata.variants if self.release.metadata else {}
        labels = {wheel.label for wheel in self.release.candidates if not wheel.problems}
        axes = {prop.key for label in labels & variants.keys() for prop in variants[label or ""].properties}
        own = self.variant.properties if self.variant else ()
        return {axis: frozenset(prop.value for prop in own if prop.key == axis) for axis in sorted(axes)}


def family_member(upstream: Upstream, name: str, version: str, label: str | None) -> FamilyMember | None:
    """Return a package, None if no overlay labels its own wheels or if its project is unknown."""
    if name not in upstream.overlaid or label is None:
        return None
    try:
        releases = upstream.project(name).releases
    except VariantError:
        return None
    for listing, release in releases:
        if listing.overlay and release.has_version(version) and not release.member_of(label):
            return FamilyMember(name, version, label, release, listing.overlay.digest)
    return None


def mixed_families(members: Iterable[FamilyMember], aligned: Collection[Axis]) -> Iterator[Problem]:
    """Yield a warning for each overlay of which packages have no value of a feature in common.

    The remedy names no features that are *aligned* already.
    """
    families: dict[str, dict[Axis, dict[str, frozenset[str]]]] = {}
    for member in members:
        for axis, own in member.values().items():
            features = families.setdefault(member.digest, {})
            features.setdefault(axis, {})[f"{member.name} {member.version}"] = own
    for features in families.values():
        if mixed := {axis: values for axis, values in sorted(features.items()) if _is_mixed(values)}:
            yield _mixture(mixed, aligned)


def _is_mixed(values: Mapping[str, frozenset[str]]) -> bool:
    return len({*values.values()}) > 1 and not frozenset.intersection(*values.values())


def _mixture(mixed: Mapping[Axis, Mapping[str, frozenset[str]]], aligned: Collection[Axis]) -> Problem:
    """Return the warning about some features; lists of values, such as architectures, are not aligned."""
    single = {axis: values for axis, values in mixed.items() if all(len(own) < 2 for own in values.values())}
    axis, values = next(iter((single or mixed).items()))
    texts = (f"{name} has {' or '.join(sorted(own)) or _NONE}" for name, own in sorted(values.items()))
    text = f"packages of one overlay have no value in common: {'; '.join(texts)}"
    options = [f"--align {'::'.join(one)}" for one in single or mixed if one not in aligned]
    remedies = [f"add {' '.join(options)}"] if options else []
    remedy = ", or ".join([*remedies, "require versions that have wheels for one value"])
    return Problem("warning", axis_words(axis), text, remedy)
