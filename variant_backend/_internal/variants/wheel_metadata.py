"""Derive the metadata of one wheel from a release's metadata: label, answers of plugins, remarks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..errors import Problem, RequestError, VariantError, one_of
from .abi_dependency import ABI_DEPENDENCY, REMARK
from .metadata import VariantMetadata
from .properties import NULL_LABEL, Property, Variant, default_label
from .providers import StaticProvider, never_supported


def label_problem(labels: Collection[str], expected: str | None) -> Problem | None:
    """Return the problem of the labels in a wheel's variant.json, or None.

    *expected* is the label in the filename, or None.
    """
    if len(labels) != 1:
        return Problem("one-label", "variants", f"expected exactly one label, got {len(labels)}")
    (label,) = labels
    if expected not in (None, label):
        text = f"label {label!r} differs from label {expected!r} in the filename"
        return Problem("label-mismatch", "variants", text)
    return None


def variant_of_wheel(metadata: VariantMetadata) -> Variant:
    """Return the variant of a wheel with this *metadata* (PEP 825, "Variant wheel").

    Raises VariantError unless it has exactly one label.

    >>> from variant_backend.api import NULL_VARIANT
    >>> metadata = VariantMetadata(("x86_64",), {}, {"null": NULL_VARIANT})
    >>> variant_of_wheel(metadata).label
    'null'
    """
    if problem := label_problem(metadata.variants, None):
        raise VariantError(problem)
    return next(iter(metadata.variants.values()))


def select_variant(release: VariantMetadata, label: str | None, properties: frozenset[Property]) -> Variant:
    """Return the variant of a *release* with a *label*, with *properties*, or with both.

    `WheelVariant.of` has the rules, and the errors.
    """
    if not properties:
        return release.variant(NULL_LABEL if label is None else label)
    if label is None:
        label = _defined_label(release, properties) or default_label(properties)
    try:
        variant = Variant.of(label, properties)
    except VariantError as error:
        raise RequestError(*error.problems) from None
    defined = release.variants.get(variant.label, variant)
    added = {prop for prop in properties - defined.properties if prop.namespace == ABI_DEPENDENCY}
    twice = {prop.key for prop in added} & {prop.key for prop in defined.properties}
    alone = all(prop.namespace == ABI_DEPENDENCY for prop in properties)
    if twice or not (alone or properties - added == defined.properties):
        raise RequestError(
            f"label {variant.label!r} is defined in [variant.variants] with other properties:"
            f" {one_of(map(str, sorted(defined.properties)))}",
            remedy="use another label or remove the properties",
        )
    return Variant.of(variant.label, defined.properties | added)


def _defined_label(release: VariantMetadata, properties: frozenset[Property]) -> str | None:
    """Return the label that is defined with exactly these properties, or None."""
    return next((label for label, known in release.variants.items() if known.properties == properties), None)


def with_answers(
    release: VariantMetadata, answers: Mapping[str, StaticProvider], used: Collection[str]
) -> VariantMetadata:
    """Return the metadata of a *release* with the answers of the plugins that ran when the wheel was built.

    *answers* are those of `ask_build_plugins`, by namespace. *used* are the namespaces of the wheel's
    variant. A namespace without an answer is left out, and so are all namespaces that rank after it: the
    list must be the start of the lists in the release's other wheels (PEP 825, "Metadata consistency"). If
    the variant uses a namespace after it, only namespaces without an answer are left out. Raises VariantError
    if the variant uses a namespace without an answer.

    """
    missing = release.build_providers().keys() - answers
    if unanswered := sorted(missing & set(used)):
        raise VariantError(
            "this plugin has not run",
            place=f"providers.{unanswered[0]}.build-requires",
            remedy="build the variant (-Cvariant=LABEL), or write static-properties",
        )
    used = {*used} - {ABI_DEPENDENCY}
    cut = next((rank for rank, name in enumerate(release.namespaces) if name in missing), None)
    namespaces = release.namespaces[:cut]
    if not used <= set(namespaces):
        namespaces = tuple(name for name in release.namespaces if name not in missing)
    providers = {**release.providers, **answers}
    kept = {name: providers[name] for name in namespaces if name in providers}
    # The format requires at least one namespace, which may have no provider.
    return VariantMetadata(namespaces or release.namespaces, kept, release.variants)


def left_out(release: VariantMetadata, metadata: VariantMetadata) -> str | None:
    """Return which namespaces are missing in the *metadata* of a wheel without answers, or None."""
    (label,) = metadata.variants
    kept = frozenset(metadata.namespaces)
    names = [name for name in release.namespaces if name not in kept]
    if not names:
        missing = metadata.build_providers()
        return f"no provider is written for {one_of(missing)} in variant {label!r}" if missing else None
    text = f"{one_of(names)} is left out, because variant {label!r} does not use it"
    if release.namespaces[: len(metadata.namespaces)] == metadata.namespaces:
        return text
    return f"{text}; the index cannot combine this wheel with wheels that rank it before other namespaces"


def remarks_on(metadata: VariantMetadata) -> list[str]:
    """Return warnings for the maintainer of wheels with this *metadata*, as texts for people."""
    remarks = []
    # The null variant needs no provider, and plugins that run in a build give an answer there.
    used = [label for label, variant in metadata.variants.items() if variant.properties]
    built = metadata.build_providers()
    if missing := [name for name in metadata.without_provider() if used and name not in built]:
        from .known_providers import suggested_namespace

        suggestion = suggested_namespace(missing[0])
        subject, verb = ("namespaces", "have") if missing[1:] else ("namespace", "has")
        remarks.append(
            f"no installer can select {_listed(used)}, because {subject} {one_of(missing)}"
            f" {verb} no provider{suggestion}; add [variant.providers.{missing[0]}] to pyproject.toml, or use"
            " --static or --provider of make-variant"
        )
    for label, features in never_supported(metadata.variants.values(), metadata.providers).items():
        for namespace, feature in features:
            remarks.append(
                f"variant {label!r} can never be selected, because the static-properties of"
                f" {namespace!r} contain none of its values of {feature!r}; add one of them there, or change"
                " the variant's properties"
            )
    if any(ABI_DEPENDENCY in variant.namespaces() for variant in metadata.variants.values()):
        remarks.append(REMARK)
    for label, variant in metadata.variants.items():
        if label == default_label(variant.properties):
            remarks.append(
                f"label {label!r} is a hash; set a readable label with --label of make-variant, or"
                " -Cvariant-label in a build"
            )
    if used:
        from .known_providers import unknown_properties  # takes long to import

        remarks += unknown_properties(metadata.variants.values(), metadata.providers)
    return remarks


def _listed(labels: Sequence[str]) -> str:
    """Return the variants of these labels for a message."""
    return f"variant{'s' if labels[1:] else ''} {one_of(map(repr, labels))}"
