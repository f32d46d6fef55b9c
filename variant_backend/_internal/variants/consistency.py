"""Find problems in valid documents, between documents, and between documents and filenames of wheels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..errors import Problem, one_of
from .abi_dependency import ABI_DEPENDENCY
from .filename import WheelFilename
from .known_providers import KNOWN_PROVIDERS, has_known_plugin
from .merging import combine_metadata, conflicts_with_index
from .metadata import DRAFT_SCHEMAS, VariantMetadata
from .own_distribution import is_own_distribution
from .platform_tags import hardware_of_tags
from .properties import default_label
from .providers import BuildProvider, never_supported
from .uv_behaviour import uv_drops, uv_never_supports, uv_unsupported_features
from .wheel_metadata import label_problem


def of_values(data: object) -> Iterator[Problem]:
    """Find unsorted values of features in a parsed variant.json or index file."""
    for label, namespaces in _items(_get(data, "variants")):
        for namespace, features in _items(namespaces):
            for feature, values in _items(features):
                texts = (
                    [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
                )
                if texts != sorted(texts):
                    place = f"variants.{label}.{namespace}.{feature}"
                    yield Problem("unsorted-values", place, f"values are not sorted: {one_of(texts)}")


def of_schema(data: object) -> Iterator[Problem]:
    """Find the schema of a draft in a parsed variant.json or index file."""
    schema = _get(data, "$schema")
    if isinstance(schema, str) and schema in DRAFT_SCHEMAS:
        yield Problem("draft-schema", "$schema", f"{schema!r} is the URL of a draft")


def _get(data: object, key: str) -> object:
    return data.get(key) if isinstance(data, dict) else None


def _items(data: object) -> Iterable[tuple[str, object]]:
    return data.items() if isinstance(data, dict) else ()


def of_metadata(metadata: VariantMetadata) -> Iterator[Problem]:
    """Find properties and labels that the format allows, but that prevent the selection of a variant."""
    used = {name for variant in metadata.variants.values() for name in variant.namespaces()}
    for namespace in sorted(used - {ABI_DEPENDENCY}):
        if isinstance(metadata.providers.get(namespace), BuildProvider):
            continue  # wheels contain the answer as static-properties
        if problem := uv_never_supports(metadata, namespace):
            yield problem
    unlisted = never_supported(metadata.variants.values(), metadata.providers)
    for label, variant in sorted(metadata.variants.items()):
        yield from uv_drops(metadata, variant)
        for namespace, feature in unlisted.get(label, ()):
            place = f"variants.{label}.{namespace}.{feature}"
            text = "the provider's static-properties contain none of the variant's values"
            yield Problem("unlisted-value", place, text)
        yield from uv_unsupported_features(metadata, variant)
        if re.fullmatch("[0-9a-f]{8}", label) and (
            label == default_label(variant.properties) or not label.isdecimal()
        ):
            yield Problem("hash-label", f"variants.{label}", f"label {label!r} is a hash")
    labels: dict[frozenset[object], str] = {}
    for label, variant in sorted(metadata.variants.items()):
        first = labels.setdefault(frozenset(variant.properties), label)
        if first != label:
            text = f"label {first!r} has the same properties"
            yield Problem("equal-properties", f"variants.{label}", text)


def of_variant_json(metadata: VariantMetadata, filename: WheelFilename) -> Iterator[Problem]:
    """Compare a wheel's variant.json with its filename."""
    if problem := label_problem(metadata.variants, filename.label):
        yield problem
    if filename.label is None and not any(
        is_own_distribution(filename.distribution, label) for label in metadata.variants
    ):
        text = f"variant.json has label {one_of(map(repr, metadata.variants))}, but the filename has no label"
        yield Problem("unlabelled-variant", "variants", text)


def of_tags(metadata: VariantMetadata, tags: str) -> Iterator[Problem]:
    """Find properties of a wheel's variant that exist on no machine for which its *tags* are.

    Only namespaces with their known plugins are checked: static properties may have any meaning.
    """
    hardware = hardware_of_tags(tags)
    tag = tags.split("-")[2]
    for label, variant in metadata.variants.items() if hardware else ():
        place, exist = f"variants.{label}", dict[str, set[tuple[str, str]]]()
        for name in sorted(variant.namespaces()):
            if has_known_plugin(name, metadata.providers):
                provider = KNOWN_PROVIDERS[name]
                exist[name] = {pair for pair in hardware if provider.exists_for(*pair)}
                if not exist[name]:
                    text = f"{name!r} exists only on {provider.existing_on()}, and the wheel is for {tag}"
                    yield Problem("impossible-variant", f"{place}.{name}", text)
        if exist and all(exist.values()) and not set.intersection(*exist.values()):
            text = f"no machine for {tag} has all of {one_of(exist)}"
            yield Problem("impossible-variant", place, text)


def of_wheels(parts: Mapping[str, VariantMetadata]) -> Iterator[tuple[str, Problem]]:
    """Find conflicts between the wheels of one release; yield each with the name of the wheel."""
    combined, conflicts = combine_metadata(parts)
    for first, second, problem in conflicts:
        yield second, Problem(problem.code, problem.place, f"conflicts with {first}: {problem.text}")
    for name, part in sorted(parts.items()):
        for namespace in _lacking(part, combined):
            text = "missing, although the variant uses the namespace and another wheel has its provider"
            yield name, Problem("wheels-differ", f"providers.{namespace}", text)


def _lacking(part: VariantMetadata, release: VariantMetadata) -> list[str]:
    """Return the namespaces that a wheel uses, and whose provider is only in the metadata of its *release*.

    uv selects the wheel by the release's provider, and fails with its own metadata.
    """
    used = {name for variant in part.variants.values() for name in variant.namespaces()}
    return sorted(name for name in used if name in release.providers and name not in part.providers)


def of_index(index: VariantMetadata, parts: Mapping[str, VariantMetadata]) -> Iterator[Problem]:
    """Compare an index file with the wheels of its release; yield each difference once."""
    first: dict[tuple[str, str], str] = {}
    in_wheels = {namespace for part in parts.values() for namespace in part.providers}
    for name, part in sorted(parts.items()):
        for namespace in _lacking(part, index):
            if namespace not in in_wheels:
                first.setdefault((f"providers.{namespace}", "missing in the wheel"), name)
        for _, _, problem in conflicts_with_index(index, part, name):
            first.setdefault((problem.place, problem.text), name)
        missing = part.namespaces[len(index.namespaces) :]
        if missing and part.namespaces == (*index.namespaces, *missing):
            first.setdefault(
                ("default-priorities.namespace", f"{one_of(missing)} is missing in the index file"), name
            )
    for (place, text), name in first.items():
        yield Problem("index-differs", place, f"conflicts with {name}: {text}")


def of_labels(index: VariantMetadata, wheels: Sequence[WheelFilename], complete: bool) -> Iterator[Problem]:
    """Compare the labels of an index file with the labels of the wheels in its folder.

    If *wheels* is not *complete*, other wheels may exist elsewhere.
    """
    first = {filename.label: filename for filename in reversed(wheels) if filename.label is not None}
    for label in sorted(first.keys() - index.variants.keys()):
        yield Problem("index-lacks-label", "variants", f"missing label {label!r} of {first[label]}")
    for label in sorted(index.variants.keys() - first.keys()) if complete and wheels else ():
        yield Problem("index-label-without-wheel", f"variants.{label}", f"no wheel has label {label!r}")
