"""From the metadata of a release to those of one wheel: its label, the answers of plugins, and remarks."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..errors import Problem, VariantError, one_of
from .abi_dependency import ABI_DEPENDENCY, REMARK
from .metadata import VariantMetadata
from .properties import NULL_LABEL, Property, Variant, default_label
from .providers import StaticProvider, never_supported


def label_problem(labels: Collection[str], expected: str | None) -> Problem | None:
    """Return what is wrong with the labels of a wheel's variant.json, or None.

    *expected* is the label of the filename, None if it has none.
    """
    if len(labels) != 1:
        return Problem("one-label", "variants", f"{len(labels)} labels, and exactly one is needed")
    (label,) = labels
    if expected not in (None, label):
        text = f"label {label!r}, but the filename says {expected!r}"
        return Problem("label-mismatch", "variants", text)
    return None


def variant_of_wheel(metadata: VariantMetadata) -> Variant:
    """Return the variant that a wheel with this metadata is; raises VariantError unless it has one label."""
    if problem := label_problem(metadata.variants, None):
        raise VariantError(problem)
    return next(iter(metadata.variants.values()))


def select_variant(release: VariantMetadata, label: str | None, properties: frozenset[Property]) -> Variant:
    """Return the variant asked for by a label, by properties, or by properties under a label.

    Properties without a label get the one that is defined for them, else a hash. What a wheel was
    built with (``abi_dependency``) may be given besides what the label is defined with.
    Raises VariantError when the label is unknown, or defined with other properties.
    """
    if not properties:
        return release.variant(NULL_LABEL if label is None else label)
    if label is None:
        label = _defined_label(release, properties) or default_label(properties)
    variant = Variant.of(label, properties)
    defined = release.variants.get(variant.label, variant)
    added = {prop for prop in properties - defined.properties if prop.namespace == ABI_DEPENDENCY}
    twice = {prop.key for prop in added} & {prop.key for prop in defined.properties}
    alone = all(prop.namespace == ABI_DEPENDENCY for prop in properties)
    if twice or not (alone or properties - added == defined.properties):
        raise VariantError(
            f"label {variant.label!r} is defined in [variant.variants] with other properties:"
            f" {one_of(map(str, sorted(defined.properties)))}",
            hint="choose another label, or leave the properties out",
        )
    return Variant.of(variant.label, defined.properties | added)


def _defined_label(release: VariantMetadata, properties: frozenset[Property]) -> str | None:
    """Return the label that stands for exactly these properties, if one does."""
    return next((label for label, known in release.variants.items() if known.properties == properties), None)


def with_answers(
    release: VariantMetadata, answers: Mapping[str, StaticProvider], used: Collection[str]
) -> VariantMetadata:
    """Return the metadata with what plugins answered when the wheel was built, by namespace.

    A namespace without an answer is left out, with all that rank behind it: so the list still goes
    with those of the release's other wheels. If namespaces that the wheel has *used* are among them,
    just the one without an answer is left out. Raises VariantError when that is one of the used ones.
    """
    missing = release.build_providers().keys() - answers
    if unanswered := sorted(missing & set(used)):
        raise VariantError(
            "this plugin has not been asked",
            place=f"providers.{unanswered[0]}.build-requires",
            hint="it is asked when the variant is built (-Cvariant=LABEL); else write static-properties",
        )
    used = {*used} - {ABI_DEPENDENCY}
    cut = next((rank for rank, name in enumerate(release.namespaces) if name in missing), None)
    namespaces = release.namespaces[:cut]
    if not used <= set(namespaces):
        namespaces = tuple(name for name in release.namespaces if name not in missing)
    providers = {**release.providers, **answers}
    kept = {name: provider for name, provider in providers.items() if name in namespaces}
    # The format wants one namespace at least; it may stand there without a provider.
    return VariantMetadata(namespaces or release.namespaces, kept, release.variants)


def left_out(release: VariantMetadata, metadata: VariantMetadata) -> str | None:
    """Say what the *metadata* of a wheel lack of the release's, as no plugin answered; None if nothing."""
    (label,) = metadata.variants
    names = [name for name in release.namespaces if name not in metadata.namespaces]
    if not names:
        missing = metadata.build_providers()
        return f"{one_of(missing)}: no provider is written for variant {label!r}" if missing else None
    text = f"{one_of(names)} is left out, as variant {label!r} does not use it"
    if release.namespaces[: len(metadata.namespaces)] == metadata.namespaces:
        return text
    return f"{text}; the index cannot combine this wheel with those that have it in front of others"


def remarks_on(metadata: VariantMetadata) -> list[str]:
    """Return warnings about wheels with these metadata."""
    remarks = []
    # The null variant is chosen without any; and plugins that are asked in a build give an answer there.
    used = any(variant.properties for variant in metadata.variants.values())
    asked = metadata.build_providers()
    if missing := [name for name in metadata.without_provider() if used and name not in asked]:
        remarks.append(
            f"no installer can select this variant, as the namespace {one_of(missing)} has no provider; add"
            f" [variant.providers.{missing[0]}] to pyproject.toml, or use make-variant --static or --provider"
        )
    for label, variant in metadata.variants.items():
        for namespace, feature in never_supported(variant, metadata.providers):
            remarks.append(
                f"variant {label!r} can never be selected, as the static-properties of"
                f" {namespace!r} list none of its values of {feature!r}"
            )
    if any(ABI_DEPENDENCY in variant.namespaces() for variant in metadata.variants.values()):
        remarks.append(REMARK)
    if any(label == default_label(variant.properties) for label, variant in metadata.variants.items()):
        remarks.append("the label is a hash; set a readable one with --label or -Cvariant-label")
    return remarks
