"""The variant that a wheel becomes: for builds, conversions and build backends of others.

Sources: PEP 825 ("Variant wheel", "Variant metadata"), the building draft and the providers draft.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..errors import RequestError, VariantError
from .filename import WheelFilename
from .metadata import VariantMetadata, declared_metadata
from .properties import NULL_LABEL, Property, Variant, distinct_properties, in_given_order
from .providers import StaticProvider
from .wheel_metadata import remarks_on, select_variant, variant_of_wheel, with_answers

_PLACE = "pyproject.toml"


class WheelVariant(NamedTuple):
    """The variant that a wheel becomes, for a build backend (PEP 825, "Variant wheel"; the building draft).

    *metadata* is the metadata of the release, with only this variant. *labelled* says whether the filename
    gets the label; without it, ``make-variant`` adds the label after other tools have changed the wheel.

    >>> mkl = wheel_variant(None, "mkl", [Property("blas", "library", "mkl")])
    >>> mkl.variant.to_dict()
    {'blas': {'library': ['mkl']}}
    """

    metadata: VariantMetadata
    labelled: bool = True

    @classmethod
    def of(
        cls, release: VariantMetadata | None, label: str | None = None, properties: Iterable[Property] = ()
    ) -> WheelVariant:
        """Return the variant of a *release* with a *label*, with *properties*, or with both.

        Properties without a label get the label that is defined for them, or `default_label`. Properties of
        ``abi_dependency`` can be added to the defined properties of a label. If *release* is None, it has the
        namespaces of *properties*, in their order (those of a set are sorted), with the providers that this
        package knows. Raises UnknownNameError if the label is unknown and there are no properties, or if the
        namespace of a property is not declared. Raises RequestError if no variant is requested, if the label
        or a property is invalid, if a property is given twice, or if the label is defined with other ones.
        """
        given = in_given_order(properties)
        if label is None and not given:
            raise RequestError("no variant is requested", remedy="give a label or properties")
        distinct = distinct_properties(given)
        if release is None:
            release = declared_metadata(given)
        return cls(release.only(select_variant(release, label, distinct)))

    @property
    def variant(self) -> Variant:
        """The label and the properties."""
        return variant_of_wheel(self.metadata)

    @property
    def label(self) -> str:
        """The label, also if the filename does not get it."""
        return self.variant.label

    @property
    def properties(self) -> tuple[Property, ...]:
        """The properties, sorted. The null variant has none."""
        return tuple(sorted(self.variant.properties))

    def build_requires(self) -> list[str]:
        """Return the requirements of the plugins that run in builds (the providers draft)."""
        providers = self.metadata.build_providers().values()
        return [*dict.fromkeys(text for provider in providers for text in provider.requires)]

    def with_answers(self, answers: Mapping[str, StaticProvider]) -> VariantMetadata:
        """Return the metadata that the wheel gets, with the *answers* of plugins by namespace.

        Raises VariantError if the variant uses a plugin that did not run.
        """
        return with_answers(self.metadata, answers, self.variant.namespaces())

    def variant_json(self, answers: Mapping[str, StaticProvider] = {}) -> bytes:
        """Return the content of the file ``{name}-{version}.dist-info/variant.json``.

        *answers* are those of the plugins that run in builds, by namespace, as `ask_build_plugins` returns
        them. A namespace without an answer is left out. Raises VariantError if the variant uses it.
        """
        return self.with_answers(answers).to_json()

    def filename(self, plain: str) -> str:
        """Return the filename of the wheel, from the one that it has without the label.

        Raises VariantError if *plain* is not the filename of a wheel.

        >>> mkl = wheel_variant(None, "mkl", [Property("blas", "library", "mkl")])
        >>> mkl.filename("demo-1.0-py3-none-any.whl")
        'demo-1.0-py3-none-any-mkl.whl'
        """
        name = WheelFilename.parse(plain)
        return str(name._replace(label=self.label if self.labelled else None))

    def remarks(self, answers: Mapping[str, StaticProvider] = {}) -> list[str]:
        """Return warnings about the variant for the maintainer, to print before the wheel is built.

        *answers* are as in `WheelVariant.variant_json`: values that a plugin does not list get a warning.
        """
        return remarks_on(self.metadata._replace(providers={**self.metadata.providers, **answers}))


def wheel_variant(
    table: Mapping[str, object] | None, label: str | None = None, properties: Iterable[Property] = ()
) -> WheelVariant:
    """Return the variant with a *label*, with *properties*, or with both (the building draft).

    *table* is the ``[variant]`` table of pyproject.toml. If it is None, only properties and the label
    ``null`` are possible, as in `WheelVariant.of` without a release. Raises VariantError with all problems of
    the table, or if it is missing, and the errors of `WheelVariant.of`.

    >>> wheel_variant(None, "v3", [Property("x86_64", "level", "v3")]).filename("demo-1.0-py3-none-any.whl")
    'demo-1.0-py3-none-any-v3.whl'
    """
    given = in_given_order(properties)
    release = None
    if table is not None:
        from .metadata_reading import metadata_from_table  # conversions do not need it

        read = {**table} if isinstance(table, Mapping) else table
        release = metadata_from_table(read, f"{_PLACE}: [variant]")
    elif not given and label not in (None, NULL_LABEL):
        raise missing_table()
    return WheelVariant.of(release, label, given)


def resolve_requirements(requires_dist: Iterable[str], variant: Variant | None) -> list[str]:
    """Return the values of Requires-Dist for the wheel of a *variant*, or for a plain wheel (None).

    *requires_dist* are the values before. Variant markers are decided, because no installer reads them yet
    (PEP 825, "Environment markers"). Other requirements keep their spelling; equal ones are listed once.
    Raises VariantError if a variant marker is invalid, or depends on the installing machine.

    >>> requires_dist = ["numpy >= 2", "mkl; variant_label == 'mkl'"]
    >>> mkl = Variant.of("mkl", [Property("blas", "library", "mkl")])
    >>> resolve_requirements(requires_dist, mkl)
    ['numpy >= 2', 'mkl']
    >>> resolve_requirements(requires_dist, None)
    ['numpy >= 2']
    """
    own = [*requires_dist]
    if not any("variant_" in text for text in own):
        return own  # the modules below take long to import
    from .markers import decided_requirements
    from .requirements import distinct_requirements

    return distinct_requirements(decided_requirements(own, variant))


def missing_table() -> VariantError:
    """Return the error for a label without a ``[variant]`` table."""
    text = "missing table [variant], so no label is defined"
    return VariantError(text, place=_PLACE, remedy="define the variants in this table")
