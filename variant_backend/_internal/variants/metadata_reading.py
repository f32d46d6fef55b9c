"""Read variant metadata: variant.json, the index file and the ``[variant]`` table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import Problem, VariantError, did_you_mean
from .abi_dependency import ABI_DEPENDENCY
from .metadata import DRAFT_SCHEMAS, SCHEMA_WITH_PROVIDERS, SCHEMA_WITHOUT_PROVIDERS, VariantMetadata
from .properties import NULL_LABEL, Property, Variant, check_label, check_name
from .providers import (
    SOURCES,
    SOURCES_OF_A_TABLE,
    BuiltinProvider,
    Provider,
    UnusableProvider,
    read_features,
    read_provider_table,
)
from .validation import Document, first_values, parse_json, without_null

# How deep the objects in a section are.
_DEPTH = 4
# The problems of single values; others are problems of what an object has in the end.
_MALFORMED = {"wrong-type", "bad-name", "unknown-key", "provider-source", "feature-order"}

_PRIORITIES, _PROVIDERS, _VARIANTS = _SECTIONS = ("default-priorities", "providers", "variants")

# The codes of problems that forms of older drafts cause.
_OF_OLDER_DRAFTS = {"unknown-key", "missing-provider", "provider-source"}


def metadata_from_json(data: bytes, place: str) -> VariantMetadata:
    """Read the content of variant.json or of an index file (PEP 825; the providers draft).

    *data* is JSON in UTF-8. *place* names the file in problems. Raises VariantError with all problems of the
    document; `usable_from_json` tolerates some.

    >>> data = b'{"$schema": "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json",'
    >>> data += b' "default-priorities": {"namespace": ["x86_64"]},'
    >>> data += b' "variants": {"v3": {"x86_64": {"level": ["v3"]}}}}'
    >>> metadata_from_json(data, "variant.json").variants["v3"].properties
    frozenset({Property(namespace='x86_64', feature='level', value='v3')})
    """
    return metadata_from_dict(_parsed(data, place), place)


def usable_from_json(data: bytes, place: str) -> tuple[VariantMetadata, tuple[Problem, ...]]:
    """Read the usable parts of variant.json or of an index file (PEP 825, "Metadata format").

    Installers use it, and `metadata_from_json` checks the whole document. *data* is JSON in UTF-8, and
    *place* names the file in problems. Return the metadata, and the problems that leave the other parts
    usable. Raises VariantError with the problems that make the whole document unusable.

    >>> data = b'{"$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",'
    >>> data += b' "default-priorities": {"namespace": ["gpu"]}, "providers": {"gpu": {}},'
    >>> data += b' "variants": {"null": {}}}'
    >>> metadata, problems = usable_from_json(data, "demo-1.0-variants.json")
    >>> list(metadata.variants)
    ['null']
    >>> [problem.place for problem in problems]
    ['demo-1.0-variants.json: providers.gpu']
    """
    return usable_from_dict(_parsed(data, place), place)


def _parsed(data: bytes, place: str) -> object:
    """Parse JSON; raises VariantError with *place*."""
    try:
        return parse_json(data)
    except VariantError as error:
        raise error.within(place) from None


def metadata_from_dict(data: object, place: str) -> VariantMetadata:
    """Read the parsed form of variant.json or of an index file (PEP 825; the providers draft).

    *data* is what a JSON parser returned. Raises VariantError with all problems, each with *place* before its
    own place.

    >>> try:
    ...     metadata_from_dict({"default-priorities": {"namespace": ["GPU"]}, "variants": {}}, "index")
    ... except VariantError as error:
    ...     [problem.place for problem in error.problems]
    ['index: $schema', 'index: default-priorities.namespace[0]']
    """
    return _checked(read_metadata, data, place)


def usable_from_dict(data: object, place: str) -> tuple[VariantMetadata, tuple[Problem, ...]]:
    """Read the usable parts of a parsed variant.json or index file (PEP 825, "Metadata format").

    It is `usable_from_json` for *data* that a JSON parser returned. Return the metadata, and the problems
    that leave the other parts usable. Raises VariantError with the problems that make the whole document
    unusable. All problems have *place* before their own place.

    >>> data = {
    ...     "$schema": "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json",
    ...     "default-priorities": {"namespace": ["x86_64"]},
    ...     "variants": {"any": {}},
    ... }
    >>> metadata, problems = usable_from_dict(data, "variant.json")
    >>> metadata.variants["any"].properties
    frozenset()
    >>> [problem.text for problem in problems]
    ['no properties, so it is compatible with every machine']
    """
    document = Document()
    result = read_metadata(document, data)
    if document.problems:
        raise VariantError(*document.problems).within(place)
    return result, tuple(problem.within(place) for problem in document.tolerated)


def metadata_from_table(data: object, place: str) -> VariantMetadata:
    """Read the ``[variant]`` table of a project file, where providers may be missing (the building draft).

    *data* is what a TOML parser returned. Raises VariantError with all problems, each with *place* before its
    own place.

    >>> blas = {"static-properties": {"library": ["mkl", "openblas"]}}
    >>> table = {"default-priorities": {"namespace": ["blas"]}, "providers": {"blas": blas}}
    >>> metadata_from_table(table, "pyproject.toml: variant").providers["blas"].features
    (('library', ('mkl', 'openblas')),)
    """
    return _checked(read_variant_table, data, place)


def _checked(
    read: Callable[[Document, object], VariantMetadata], data: object, place: str
) -> VariantMetadata:
    """Read a document. Raises VariantError with all problems, each with *place* before its own place."""
    document = Document()
    result = read(document, data)
    document.check(place)
    return result


def read_metadata(document: Document, data: object) -> VariantMetadata:
    """Read the same as `metadata_from_dict`, but add problems to *document* and leave out invalid values.

    With tolerated problems only, the result is complete: invalid providers are an `UnusableProvider`.
    """
    top = document.table(data, "", ("$schema", *_SECTIONS), ("$schema", _PRIORITIES, _VARIANTS))
    if top.get(_PROVIDERS, {}) is None:
        top = without_null(document, top, "", (_PROVIDERS,))
    result = _read_sections(document, top)
    schema = document.string(top["$schema"], "$schema") if "$schema" in top else None
    has_providers = _PROVIDERS in top
    if schema == SCHEMA_WITH_PROVIDERS or has_providers:
        listed = top.get(_PROVIDERS, {})
        missing = [name for name in result.namespaces if isinstance(listed, dict) and name not in listed]
        for namespace in missing:
            text = "missing; the format requires a provider for every namespace"
            document.note(f"{_PROVIDERS}.{namespace}", text, code="missing-provider")
    if schema == SCHEMA_WITHOUT_PROVIDERS and has_providers:
        text = "not allowed in version 0.1.1 of the format"
        document.note(_PROVIDERS, text, code="schema-without-providers")
    if schema is not None:
        _note_schema(document, schema, has_providers=has_providers)
    if any(problem.code == "duplicate-entry" for problem in document.tolerated):
        _note_overwritten(document, top)
    return result


def _note_overwritten(document: Document, top: dict[str, object]) -> None:
    """Note invalid overwritten values: some readers refuse the document because of them."""
    part, known = Document(), {*document.all_problems()}
    _read_sections(part, {key: first_values(section, _DEPTH) for key, section in top.items()})
    for problem in part.all_problems():
        if problem.code in _MALFORMED and problem not in known:
            text = f"overwritten entry: {problem.text}"
            document.tolerate(problem.place, text, code=problem.code, remedy=problem.remedy)


def _note_schema(document: Document, schema: str, *, has_providers: bool) -> None:
    """Note an unknown schema, and that of a draft if the document has forms of older drafts.

    PEP 825 requires that tools reject unknown versions. The keys that the known drafts share with the current
    format have the same meaning in all of them.
    """
    if schema in (SCHEMA_WITH_PROVIDERS, SCHEMA_WITHOUT_PROVIDERS):
        return
    if schema not in DRAFT_SCHEMAS:
        text = f"unknown schema {schema!r}"
        right = SCHEMA_WITH_PROVIDERS if has_providers else SCHEMA_WITHOUT_PROVIDERS
        remedy = f"if the format is newer, update variant-backend; otherwise write {right}"
        document.note("$schema", text, code="unknown-schema", remedy=remedy)
    elif any(problem.code in _OF_OLDER_DRAFTS for problem in document.all_problems()):
        text = f"expected the current format, got the draft {schema!r}"
        remedy = "run `variant-backend upgrade --in-place FILE`"
        document.tolerate("$schema", text, code="unknown-schema", remedy=remedy)


def read_variant_table(document: Document, data: object) -> VariantMetadata:
    """Read the same as `metadata_from_table`, but add problems to *document* and leave out invalid values."""
    top = document.table(data, "", _SECTIONS, (_PRIORITIES,))
    result = _read_sections(document, top, SOURCES_OF_A_TABLE)
    for namespace, provider in result.providers.items():
        if isinstance(provider, BuiltinProvider):
            text = "reserved; no installer knows it yet"
            document.note(f"{_PROVIDERS}.{namespace}.builtin", text, code="reserved-provider")
    return result


def check_namespace(text: str) -> None:
    """Check a namespace that is not reserved. Raises VariantError if it is invalid."""
    check_name(text, "namespace")
    if text == ABI_DEPENDENCY:
        raise VariantError(f"namespace {text!r} is reserved")


def _read_sections(
    document: Document, top: dict[str, object], sources: Sequence[str] = SOURCES
) -> VariantMetadata:
    """Read the common part of variant.json, the index file and the ``[variant]`` table."""
    namespaces = _read_namespaces(document, top)
    known = frozenset(namespaces)  # for speed with many namespaces

    def is_declared(namespace: str, place: str) -> bool:
        if not known or namespace in known:  # a missing list is one problem, not many
            return True
        if document.is_full:  # a suggestion takes a millisecond
            return False
        text = f"not in default-priorities.namespace{did_you_mean(namespace, namespaces)}"
        document.note(place, text, code="undeclared-namespace")
        return False

    providers: dict[str, Provider] = {}
    for namespace, entry in document.table(top.get(_PROVIDERS, {}), _PROVIDERS).items():
        place, part = f"{_PROVIDERS}.{namespace}", Document()
        provider = read_provider_table(part, entry, place, sources)
        document.tolerate_part(part)
        if is_declared(namespace, place):
            if provider is None or part.problems:
                provider = UnusableProvider(tuple(part.problems))
            providers[namespace] = provider
    variants: dict[str, Variant] = {}
    for label, entry in document.table(top.get(_VARIANTS, {}), _VARIANTS).items():
        if variant := _read_variant(document, label, entry):
            variants[label] = variant
            for namespace in sorted(variant.namespaces() - {ABI_DEPENDENCY}):
                is_declared(namespace, f"{_VARIANTS}.{label}.{namespace}")
    return VariantMetadata(namespaces, providers, variants)


def _read_namespaces(document: Document, top: dict[str, object]) -> tuple[str, ...]:
    """Read ``default-priorities``."""
    priorities = document.table(top.get(_PRIORITIES, {}), _PRIORITIES, ("namespace",))
    if _PRIORITIES not in top:
        return ()
    place = f"{_PRIORITIES}.namespace"
    listed = priorities.get("namespace")
    namespaces = document.strings(listed, place, lambda text: check_name(text, "namespace"), code="bad-name")
    if ABI_DEPENDENCY in namespaces:  # as in documents of variantlib
        text = f"namespace {ABI_DEPENDENCY!r} is reserved and needs neither a priority nor a provider"
        document.tolerate(place, text, code="reserved-namespace", remedy="remove it there and from providers")
    return namespaces


def _read_variant(document: Document, label: str, value: object) -> Variant | None:
    """Read one entry of ``variants``."""
    place = f"{_VARIANTS}.{label}"
    problems_before = len(document.problems)
    properties: set[Property] = set()
    document.passes(place, check_label, label, code="bad-name")
    for namespace, features in document.table(value, place).items():
        at_namespace = f"{place}.{namespace}"
        document.passes(at_namespace, lambda text: check_name(text, "namespace"), namespace, code="bad-name")
        entries = document.table(features, at_namespace)
        if features == {}:
            remedy = "add a feature, or remove the namespace"
            document.tolerate(at_namespace, "no features", code="no-properties", remedy=remedy)
        for feature, values in read_features(document, entries, at_namespace):
            properties.update(Property(namespace, feature, text) for text in values)
    if len(document.problems) > problems_before:
        return None
    if not properties and label != NULL_LABEL:
        text = "no properties, so it is compatible with every machine"
        document.tolerate(place, text, code="no-properties", remedy="add properties or use the label 'null'")
        return Variant(label, frozenset())
    if label != NULL_LABEL:
        return Variant(label, frozenset(properties))  # all parts have been checked
    try:
        return Variant.of(label, properties)
    except VariantError as error:
        document.add(error.problems[0].at(place, "null-variant"))
        return None
