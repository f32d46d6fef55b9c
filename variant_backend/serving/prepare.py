"""Prepare the files of an offer: read METADATA, and rewrite wheels that have variant markers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ..errors import Problem, VariantError
from ..formats.release import File, shown_location
from ..wheels.plain import has_variant_markers, resolved_metadata
from ..wheels.remote import map_in_threads
from .offer import Offer, Offered
from .page import Prepared, ReadyProject, hashes_of
from .upstream import Upstream


def prepared_project(offer: Offer, upstream: Upstream, *, streams: bool = False) -> ReadyProject:
    """Return the files of an offer with their hashes and METADATA, and the problems of those left out.

    With *streams*, no file links to the upstream. Raises VariantError if the upstream fails.
    """
    results = map_in_threads(partial(_prepared_or_problem, upstream=upstream, streams=streams), offer.files)
    ready = tuple(result for result in results if isinstance(result, Prepared))
    problems = _problems(result for result in results if isinstance(result, VariantError))
    return ReadyProject(offer.name, ready, (*offer.problems, *problems))


def _problems(errors: Iterable[VariantError]) -> tuple[Problem, ...]:
    return tuple(problem for error in errors for problem in error.problems)


def _prepared_or_problem(offered: Offered, upstream: Upstream, *, streams: bool) -> Prepared | VariantError:
    try:
        return prepared_file(offered, upstream, streams=streams)
    except VariantError as error:
        return error.within(shown_location(offered.file))


def prepared_file(offered: Offered, upstream: Upstream, *, streams: bool = False) -> Prepared:
    """Return a file with its hashes and METADATA; raises VariantError if it cannot be read."""
    file = offered.file._replace(filename=offered.filename)
    if offered.wheel is None:
        return _unchanged(offered, file, streams=streams)
    name, variant, support = offered.wheel
    metadata = upstream.core_metadata(offered.file, name)
    if not has_variant_markers(metadata):
        return Prepared(offered, file._replace(core_metadata=hashes_of(metadata)), metadata)
    properties = support.of_variant(variant) if variant else ()
    decided = resolved_metadata(metadata, variant.label if variant else "", properties)
    file = upstream.rewritten(offered.file, name, decided)._replace(filename=offered.filename)
    return Prepared(offered, file, decided)


def _unchanged(offered: Offered, file: File, *, streams: bool) -> Prepared:
    """Return a file that is served as the upstream has it.

    A wheel without a metadata file beside it gets one, which is read when an installer requests it.
    """
    is_wheel = file.filename.endswith(".whl")
    has_metadata = file.core_metadata is not None or not is_wheel
    if file.url is not None and has_metadata and not streams:
        return Prepared(offered, file, is_direct=True)
    return Prepared(offered, file if has_metadata else file._replace(core_metadata={}))
