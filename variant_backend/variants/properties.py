"""Variant properties, labels, and a variant: a label with its set of properties (PEP 825)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..errors import VariantError

NULL_LABEL = "null"

_NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789_"
_VALUE_CHARACTERS = f"{_NAME_CHARACTERS}."


def _check_text(text: str, allowed: str, what: str) -> None:
    """Raise a VariantError that shows the first character of *text* outside *allowed*."""
    if not text:
        raise VariantError(f"{what} is empty")
    for position, character in enumerate(text, start=1):
        if character not in allowed:
            raise VariantError(
                f"{what} {text!r}: character {character!r} at position {position} is not allowed",
                hint=f"allowed are {' '.join(['a-z', '0-9', *allowed[36:]])}",
            )


def check_label(label: str) -> None:
    """Check a variant label against its grammar (PEP 825, "Variant label").

    Raises VariantError, showing the offending character.
    """
    _check_text(label, _VALUE_CHARACTERS, "label")


def check_name(name: str, what: str) -> None:
    """Check the name of *what*, a namespace or a feature; raises VariantError as `check_label` does."""
    _check_text(name, _NAME_CHARACTERS, what)


def check_value(value: str) -> None:
    """Check the value of a feature; raises VariantError as `check_label` does."""
    _check_text(value, _VALUE_CHARACTERS, "value")


class Property(NamedTuple):
    """A variant property ``namespace :: feature :: value`` (PEP 825, "Variant properties").

    >>> str(Property.parse("nvidia::cuda_version_lower_bound::12.8"))
    'nvidia :: cuda_version_lower_bound :: 12.8'
    """

    namespace: str
    feature: str
    value: str

    @property
    def key(self) -> tuple[str, str]:
        """Return the namespace and the feature: what properties with different values have in common."""
        return self.namespace, self.feature

    def __str__(self) -> str:
        return f"{self.namespace} :: {self.feature} :: {self.value}"

    @classmethod
    def parse(cls, text: str) -> Property:
        """Read a property; spaces around ``::`` are optional.

        Raises VariantError when there are not three parts, or one is outside the grammar.
        """
        parts = [part.strip() for part in text.split("::")]
        if len(parts) != 3:
            raise VariantError(
                f"found {len(parts)} part(s) between '::'",
                place=f"property {text!r}",
                hint="write NAMESPACE :: FEATURE :: VALUE",
            )
        result = cls(*parts)
        try:
            check_name(result.namespace, "namespace")
            check_name(result.feature, "feature")
            check_value(result.value)
        except VariantError as error:
            raise error.within(f"property {text!r}") from None
        return result


class Variant(NamedTuple):
    """A label and the properties that it stands for.

    The label ``null`` and the empty set of properties belong to each other, and to nothing else.
    """

    label: str
    properties: frozenset[Property]

    @classmethod
    def of(cls, label: str, properties: frozenset[Property]) -> Variant:
        """Return a variant; raises VariantError when label and properties do not go together."""
        check_label(label)
        if label == NULL_LABEL and properties:
            raise VariantError(
                "label 'null' with properties: the null variant has none",
                hint="choose another label, or leave the properties out",
            )
        if label != NULL_LABEL and not properties:
            raise VariantError(
                f"label {label!r} without properties: only the null variant has none",
                hint="give it properties, or the label 'null'",
            )
        return cls(label, properties)

    def namespaces(self) -> set[str]:
        """Return the namespaces of all properties."""
        return {prop.namespace for prop in self.properties}

    def to_dict(self) -> dict[str, dict[str, list[str]]]:
        """Return ``{namespace: {feature: [values]}}``, everything sorted, as variant.json has it."""
        result: dict[str, dict[str, list[str]]] = {}
        for prop in sorted(self.properties):
            result.setdefault(prop.namespace, {}).setdefault(prop.feature, []).append(prop.value)
        return result


NULL_VARIANT = Variant(NULL_LABEL, frozenset())


def default_label(properties: Iterable[Property]) -> str:
    """Return the label of a variant that nobody named: eight hexadecimal digits of a SHA-256.

    It is taken over the sorted serialized properties, each followed by a line feed, as older
    tools do. PEP 825 rejects hashes as a naming scheme, so a readable label is better.
    """
    import hashlib

    text = "".join(f"{text}\n" for text in sorted({str(prop) for prop in properties}))
    return hashlib.sha256(text.encode()).hexdigest()[:8]
