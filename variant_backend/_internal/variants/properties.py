"""Variant properties, labels, and variants: labels with their sets of properties (PEP 825)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..errors import RequestError, VariantError

# The label of the null variant (PEP 825, "Variant label").
NULL_LABEL = "null"

_NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789_"
_VALUE_CHARACTERS = f"{_NAME_CHARACTERS}."
_PATTERN_CHARACTERS = f"{_VALUE_CHARACTERS}*?"
_LISTED = {
    _NAME_CHARACTERS: "a-z, 0-9 and '_'",
    _VALUE_CHARACTERS: "a-z, 0-9, '_' and '.'",
    _PATTERN_CHARACTERS: "a-z, 0-9, '_' and '.', and '*' and '?' in patterns",
}


def _check_text(text: str, allowed: str, what: str) -> None:
    """Raise VariantError if a character of *text* is not in *allowed*, and name the first one."""
    if not text:
        raise VariantError(f"{what} is empty")
    for position, character in enumerate(text, start=1):
        if character not in allowed:
            raise VariantError(
                f"{what} {text!r}: character {character!r} at position {position} is not allowed",
                remedy=f"use only {_LISTED[allowed]}{_corrected(text, allowed)}",
            )


def _corrected(text: str, allowed: str) -> str:
    """Return a text in lower case and without hyphens, for the end of a message, if that is valid."""
    corrected = text.lower().replace("-", "_")
    return f", such as {corrected!r}" if {*corrected} <= {*allowed} else ""


def check_label(label: str) -> None:
    """Check a variant *label* (PEP 825, "Variant label").

    Raises VariantError that names the first invalid character.

    >>> check_label("cuda12.8")
    >>> try:
    ...     check_label("cuda-12")
    ... except VariantError as error:
    ...     print(error.problems[0].text)
    label 'cuda-12': character '-' at position 5 is not allowed
    """
    _check_text(label, _VALUE_CHARACTERS, "label")


def check_label_pattern(pattern: str) -> None:
    """Check a label in which ``*`` and ``?`` may stand for characters. Raises VariantError as above."""
    _check_text(pattern, _PATTERN_CHARACTERS, "label")


def check_name(name: str, what: str) -> None:
    """Check the name of *what* (a namespace or a feature). Raises VariantError as `check_label` does."""
    _check_text(name, _NAME_CHARACTERS, what)


def check_value(value: str) -> None:
    """Check the value of a feature. Raises VariantError as `check_label` does."""
    _check_text(value, _VALUE_CHARACTERS, "value")


class Property(NamedTuple):
    """A variant property (PEP 825, "Variant properties"). Its text is ``namespace :: feature :: value``.

    *namespace* belongs to one provider, which defines the *feature* and the possible *value*. The constructor
    checks no part; `Property.parse` and `VariantMetadata.only` do.

    >>> prop = Property.parse("nvidia::cuda_version_lower_bound::12.8")
    >>> prop.feature
    'cuda_version_lower_bound'
    >>> str(prop)
    'nvidia :: cuda_version_lower_bound :: 12.8'
    """

    namespace: str
    feature: str
    value: str

    @property
    def key(self) -> tuple[str, str]:
        """The namespace and the feature."""
        return self.namespace, self.feature

    def __str__(self) -> str:
        return f"{self.namespace} :: {self.feature} :: {self.value}"

    @classmethod
    def parse(cls, text: str) -> Property:
        """Parse the *text* of a property; spaces around ``::`` are optional.

        Raises VariantError if the text does not have three parts, or if a part is invalid.
        """
        parts = [part.strip() for part in text.split("::")]
        if len(parts) != 3:
            count = f"expected three parts separated by '::', got {len(parts)}"
            raise VariantError(
                count if len(parts) > 1 else "no '::' in it",
                place=f"property {text!r}",
                remedy="write NAMESPACE :: FEATURE :: VALUE",
            )
        result = cls(*parts)
        result.check(text)
        return result

    def check(self, text: str) -> None:
        """Raise VariantError if a part is invalid; *text* is the property as it was given (internal)."""
        try:
            check_name(self.namespace, "namespace")
            check_name(self.feature, "feature")
            check_value(self.value)
        except VariantError as error:
            raise error.within(f"property {text!r}") from None


def distinct_properties(properties: Iterable[Property]) -> frozenset[Property]:
    """Return requested properties as a set. Raises RequestError if one is given twice."""
    distinct: set[Property] = set()
    for prop in properties:
        if prop in distinct:
            raise RequestError(f"duplicate property {str(prop)!r}", remedy="give it once")
        distinct.add(prop)
    return frozenset(distinct)


class Variant(NamedTuple):
    """A *label* and its *properties* (PEP 825, "Variant label").

    A variant may have several values of a feature: a machine must support one of them. The label ``null``
    has no properties. Others always have some, except in documents of other tools. The constructor checks
    nothing; `Variant.of` does.

    >>> variant = Variant.of("v3", [Property("x86_64", "level", "v3")])
    >>> variant.to_dict()
    {'x86_64': {'level': ['v3']}}
    """

    label: str
    properties: frozenset[Property]

    @classmethod
    def of(cls, label: str, properties: Iterable[Property]) -> Variant:
        """Return the variant of a *label* and its *properties*.

        Raises VariantError if the label or a property is invalid, if ``null`` has properties, or if another
        label has none.
        """
        check_label(label)
        properties = frozenset(properties)
        for prop in sorted(properties):
            prop.check(str(prop))
        if label == NULL_LABEL and properties:
            raise VariantError(
                "label 'null' cannot have properties",
                remedy="use another label or remove the properties",
            )
        if label != NULL_LABEL and not properties:
            raise VariantError(
                f"label {label!r} has no properties", remedy="add properties or use the label 'null'"
            )
        return cls(label, properties)

    def namespaces(self) -> set[str]:
        """Return the namespaces of all properties."""
        return {prop.namespace for prop in self.properties}

    def to_dict(self) -> dict[str, dict[str, list[str]]]:
        """Return ``{namespace: {feature: [values]}}``, sorted, as in variant.json."""
        result: dict[str, dict[str, list[str]]] = {}
        for prop in sorted(self.properties):
            result.setdefault(prop.namespace, {}).setdefault(prop.feature, []).append(prop.value)
        return result


# The variant without properties: every machine supports it, and it ranks after all other variants.
NULL_VARIANT = Variant(NULL_LABEL, frozenset())

# Decides the markers of a plain wheel: it has no label and no properties.
NO_VARIANT = Variant("", frozenset())


def in_given_order(properties: Iterable[Property]) -> tuple[Property, ...]:
    """Return properties in their order; those of a set, which has none, are sorted."""
    return tuple(sorted(properties) if isinstance(properties, (set, frozenset)) else properties)


def default_label(properties: Iterable[Property]) -> str:
    """Return the label of a variant without a name: eight hexadecimal digits of a SHA-256.

    The hash covers the sorted *properties* as text, each with a line feed, as in older tools. PEP 825 rejects
    hashes as a naming scheme, so a readable label is better.

    >>> default_label([Property("x86_64", "level", "v3")])
    'fa7c1393'
    """
    import hashlib

    text = "".join(f"{text}\n" for text in sorted({str(prop) for prop in properties}))
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]  # checks come later
