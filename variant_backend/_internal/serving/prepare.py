"""Prepare the files of an offer: read METADATA, and rewrite wheels that have variant markers."""

from __future__ import annotations

from functools import lru_cache, partial

from ..errors import VariantError, problems_of
from ..formats.release import File, shown_location
from ..lowlevel.threads import map_in_threads
from ..wheels.plain import has_variant_markers, resolved_metadata
from .contents import FAILURES
from .offer import Offer, Offered
from .page import Prepared, PreparedProject, hashes_of
from .streaming import Delivery, digest_on_disk
from .upstream import Upstream


def prepared_project(offer: Offer, upstream: Upstream, *, streams: bool = False) -> PreparedProject:
    """Return the files of an offer with their hashes and METADATA, and the problems of those left out.

    With *streams*, no file links to the upstream. Raises an error of FAILURES if the upstream fails.
    """
    prepare = partial(_prepared_or_problem, upstream=upstream, delivery=Delivery(streams=streams))
    keyed = [(_content_key(offered), offered) for offered in offer.files]
    # Wheels with the same METADATA follow the first one: they need no request, unless they are rewritten.
    first = {key: offered for key, offered in reversed(keyed) if key}
    read = dict(zip(first, map_in_threads(prepare, first.values()), strict=True))
    rewritten = {key for key, result in read.items() if _is_rewritten(result)}
    slow = [offered for key, offered in keyed if key in rewritten and offered is not first[key]]
    made = {first[key].filename: result for key, result in read.items()}
    made |= zip((offered.filename for offered in slow), map_in_threads(prepare, slow), strict=True)
    prepared = [made.get(offered.filename) or prepare(offered) for offered in offer.files]
    ready = tuple(result for result in prepared if isinstance(result, Prepared))
    problems = problems_of(result for result in prepared if isinstance(result, VariantError))
    return PreparedProject(offer.name, ready, (*offer.problems, *problems))


def _is_rewritten(result: Prepared | VariantError) -> bool:
    return isinstance(result, Prepared) and result.core_metadata is not None


def _content_key(offered: Offered) -> str:
    """Return what is read before a file is listed, empty if nothing is."""
    file = offered.file
    is_unchanged = offered.wheel is None or offered.wheel.name.by_overlay
    if is_unchanged and not _needs_hash(file):
        return ""
    hashes = file._replace(hashes=file.core_metadata or {}).proofs
    return str(sorted(hashes.items())) if hashes else file.filename


def _needs_hash(file: File) -> bool:
    return file.path is not None and not file.proofs


def _prepared_or_problem(offered: Offered, upstream: Upstream, delivery: Delivery) -> Prepared | VariantError:
    try:
        return _prepared(offered, upstream, delivery)
    except FAILURES:
        raise
    except VariantError as error:
        return error


def prepared_file(offered: Offered, upstream: Upstream, *, streams: bool = False) -> Prepared:
    """Return a file with its hashes and METADATA; raises VariantError if it cannot be read."""
    return _prepared(offered, upstream, Delivery(streams=streams))


def ensure_rewritten(ready: Prepared, upstream: Upstream) -> None:
    """Write a generated wheel, or one with new METADATA, again if the cache was deleted.

    Raises VariantError.
    """
    upstream.ensure_generated(ready.offered.file)
    wheel = ready.offered.wheel
    if wheel is not None and ready.core_metadata is not None:
        upstream.rewritten(ready.offered.file, wheel.name, ready.core_metadata)


def _prepared(offered: Offered, upstream: Upstream, delivery: Delivery) -> Prepared:
    file = offered.file._replace(filename=offered.filename)
    if file.path is not None and _needs_hash(file):
        digest, size = digest_on_disk(file.path)
        file = file._replace(hashes={**file.hashes, "sha256": digest}, size=size)
    if offered.wheel is None:
        return _unchanged(offered, file, is_direct=not delivery.is_streamed(file))
    if offered.filename != offered.file.filename:
        file = file._replace(provenance=None)  # attestations name the file of the upstream
    if offered.wheel.name.by_overlay:
        return _unchanged(offered, file, is_direct=False)
    name, variant, support = offered.wheel
    metadata = upstream.core_metadata(offered.file, name)
    if not _has_markers(metadata):
        return Prepared(offered, file._replace(core_metadata=hashes_of(metadata)))
    properties = support.of_variant(variant) if variant else ()
    try:
        decided = resolved_metadata(metadata, variant.label if variant else None, properties)
    except VariantError as error:
        raise error.within(shown_location(file)) from None
    file = upstream.rewritten(offered.file, name, decided)._replace(filename=offered.filename)
    return Prepared(offered, file, decided)


@lru_cache(maxsize=500)  # wheels of one release mostly have the same METADATA
def _has_markers(metadata: bytes) -> bool:
    return has_variant_markers(metadata)


def _unchanged(offered: Offered, file: File, *, is_direct: bool) -> Prepared:
    """Return a file that is served as the upstream has it.

    A wheel without a metadata file beside it gets one, which is read when an installer requests it.
    """
    has_metadata = file.core_metadata is not None or not file.filename.endswith(".whl")
    if is_direct and has_metadata:
        return Prepared(offered, file, is_direct=True)
    return Prepared(offered, file if has_metadata else file._replace(core_metadata={}))
