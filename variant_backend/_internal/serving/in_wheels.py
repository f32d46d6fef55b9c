"""The variants of a release whose source has no index file: variant.json in its labelled wheels says them.

One wheel of each label decides. Others are compared with it when they are read for another reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..formats.release import Candidate, Location, shown_location
from ..selection.index_documents import IndexDocument
from ..selection.listing import Listed, Listing
from ..selection.releases import against_variants
from ..variants.merging import merge_metadata
from ..variants.metadata import VariantMetadata

# Returns variant.json of a wheel; raises VariantError.
VariantsOf = Callable[[Candidate], VariantMetadata]


class SourceVariants(NamedTuple):
    """A source with the wheels that are excluded, and its variants as documents like index files."""

    source: Listed
    documents: tuple[IndexDocument, ...]
    problems: tuple[Problem, ...] = ()


def lacks_index_file(source: Listed) -> bool:
    """Return whether a source has wheels with labels in their names, but no index file."""
    return not source.index_files and any(wheel.name.own.label is not None for wheel in source.wheels)


def deciding_wheels(listings: Iterable[Listing]) -> list[Candidate]:
    """Return the wheels that are read first, one of each label."""
    sources = [source for listing in listings for source in listing.sources if lacks_index_file(source)]
    return [wheels[0] for source in sources for wheels in _by_label(source).values()]


def variants_of_source(source: Listed, variants_of: VariantsOf) -> SourceVariants:
    """Read the variants of a source in its wheels.

    A wheel that cannot be used is excluded, and another one of its label is read. If the labels contradict
    each other, the first one in the order of the source stays.
    """
    problems: list[Problem] = []
    excluded: dict[Location, Problem] = {}
    parts: dict[str, VariantMetadata] = {}
    for wheels in _by_label(source).values():
        for wheel in wheels:
            try:
                metadata = variants_of(wheel)
            except VariantError as error:
                problems += error.problems
                excluded[wheel.file.location] = error.problems[0]._replace(code="unreadable")
                continue
            part = {shown_location(wheel.file): metadata}
            try:
                merge_metadata({**parts, **part})
                parts |= part
            except VariantError as error:
                problems += error.problems
                reason = against_variants(error.problems[0])
                excluded |= {other.file.location: reason for other in wheels}
            break
    left = tuple(_without(wheel, excluded) for wheel in source.wheels)
    documents = tuple(IndexDocument(place, metadata, ()) for place, metadata in parts.items())
    return SourceVariants(source._replace(wheels=left), documents, tuple(problems))


def _by_label(source: Listed) -> dict[str, list[Candidate]]:
    """Return the labelled wheels that are not excluded, of each label the smallest first."""
    labels: dict[str, list[Candidate]] = {}
    for wheel in sorted(source.wheels, key=_size):
        label = wheel.name.own.label
        if label is not None and not wheel.problems:
            labels.setdefault(label, []).append(wheel)
    order = dict.fromkeys(wheel.label for wheel in source.wheels)
    return {label: labels[label] for label in order if label in labels}


def _size(wheel: Candidate) -> float:
    return inf if wheel.file.size is None else wheel.file.size


def _without(wheel: Candidate, excluded: Mapping[Location, Problem]) -> Candidate:
    reason = excluded.get(wheel.file.location)
    return wheel._replace(problems=(reason,)) if reason else wheel
