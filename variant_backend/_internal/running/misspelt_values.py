"""Values of an assignment that no package of a run has: without a warning, all would lose their variants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..errors import Problem, did_you_mean, shortened
from ..serving.offer import Offer
from ..variants.alignment import Assignment, Axis
from ..variants.known_providers import KNOWN_PROVIDERS
from ..variants.properties import Property
from ..variants.providers import StaticProvider


def misspelt_values(offers: Iterable[Offer], assignment: Assignment) -> Iterator[Problem]:
    """Yield a problem for each value that no package has, although packages have the feature.

    Values of known providers are checked against the machine. Features that no package has are reported if
    they are similar to one that a package has: others are for other commands.
    """
    known: dict[Axis, set[str]] = {}
    for prop in _properties(offers):
        known.setdefault(prop.key, set()).add(prop.value)
    names = [" :: ".join(axis) for axis in known]
    for axis, value in assignment.items():
        if axis[0] in KNOWN_PROVIDERS:
            continue
        name = " :: ".join(axis)
        if axis in known and value not in known[axis]:
            text = f"no package has the value {value!r}{did_you_mean(value, known[axis])}"
            yield Problem("warning", name, text, f"known values: {shortened(sorted(known[axis]))}")
        elif axis not in known and (suggestion := did_you_mean(name, names)):
            yield Problem("warning", name, f"no package has this feature{suggestion}")


def _properties(offers: Iterable[Offer]) -> Iterator[Property]:
    """Yield the properties of variants, and those of static-properties."""
    releases = (choice.release for offer in offers for choice in offer.choices)
    for metadata in (release.metadata for release in releases if release.metadata):
        for variant in metadata.variants.values():
            yield from variant.properties
        for namespace, provider in metadata.providers.items():
            for feature, values in provider.features if isinstance(provider, StaticProvider) else ():
                yield from (Property(namespace, feature, value) for value in values)
