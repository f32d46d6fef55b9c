"""The variant that a wheel becomes: for builds, conversions and build backends of others.

Sources: PEP 825 ("Variant wheel", "Variant metadata"), the building draft and the providers draft.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..errors import RequestError, VariantError
from .filename import WheelFilename
from .metadata import VariantMetadata, declared_metadata
from .properties import NULL_LABEL, Property, Variant, distinct_properties
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
    def of(cls, release: VariantMetadata, label: str | None, properties: Iterable[Property]) -> WheelVariant:
        """Return the variant of a *release* with a *label*, with *properties*, or with both.

        Raises RequestError if neither is given, if a property is given twice, or as `select_variant` does,
        UnknownNameError if the namespace of a property is not declared, and VariantError if a property is
        invalid.
        """
        given = distinct_properties(properties)
        if label is None and not given:
            raise RequestError("no variant is requested", hint="give a label or properties")
        return cls(release.only(select_variant(release, label, given)))

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

    def requirements(self, requires_dist: Iterable[str]) -> list[str]:
        """Return the values of Requires-Dist for the wheel: variant markers are decided.

        *requires_dist* are the values before. Requirements without variant markers keep their spelling; equal
        ones are listed once. Raises VariantError if a variant marker is invalid, or depends on the installing
        machine (PEP 825, "Environment markers").

        >>> mkl = wheel_variant(None, "mkl", [Property("blas", "library", "mkl")])
        >>> mkl.requirements(["numpy", "mkl; variant_label == 'mkl'", "slow; variant_label != 'mkl'"])
        ['numpy', 'mkl']
        """
        own = [*requires_dist]
        if not any("variant_" in text for text in own):
            return own  # the modules below take long to import
        from .markers import decided_requirements
        from .requirements import distinct_requirements

        return distinct_requirements(decided_requirements(own, self.variant))

    def remarks(self) -> list[str]:
        """Return warnings about the variant for the maintainer, to print before the wheel is built."""
        from .consistency import unknown_properties  # takes long to import

        return [*remarks_on(self.metadata), *unknown_properties(self.metadata)]


def wheel_variant(
    table: Mapping[str, object] | None, label: str | None, properties: Iterable[Property]
) -> WheelVariant:
    """Return the variant with a *label*, with *properties*, or with both (the building draft).

    *table* is the ``[variant]`` table of pyproject.toml. If it is None, only properties and the label
    ``null`` are possible, and the namespaces get the providers that this package knows.
    Raises VariantError with all problems of the table, and the errors of `WheelVariant.of`.

    >>> wheel_variant(None, None, [Property("x86_64", "level", "v3")]).label
    'fa7c1393'
    """
    given = tuple(properties)
    if table is not None:
        from .metadata_reading import metadata_from_table  # conversions do not need it

        return WheelVariant.of(metadata_from_table({**table}, f"{_PLACE}: [variant]"), label, given)
    if not given and label not in (None, NULL_LABEL):
        raise missing_table()
    return WheelVariant.of(declared_metadata(given), label, given)


def missing_table() -> VariantError:
    """Return the error for a label without a ``[variant]`` table."""
    text = "missing table [variant], so no label is defined"
    return VariantError(text, place=_PLACE, hint="define the variants in this table")
