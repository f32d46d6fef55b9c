"""What a machine supports, as a value and as a file (JSON or TOML), with where each fact came from.

The file has a table for each namespace. As tables have no order, ``feature-order`` ranks the features, as it
does in the ``[variant]`` table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from ..errors import VariantError
from ..variants.metadata_reading import check_namespace
from ..variants.providers import read_ordered_features
from ..variants.ranking import Supported
from ..variants.validation import Document, join, read_json

_KEYS = ("features", "feature-order", "source")


class Detected(NamedTuple):
    """What is supported of one namespace, features and values best first, and where the fact is from.

    No features at all mean that nothing of the namespace is supported.
    """

    features: Mapping[str, tuple[str, ...]]
    source: str = ""

    def to_dict(self) -> dict[str, object]:
        """Return the namespace's table; what goes without saying is not written."""
        return {
            **({"source": self.source} if self.source else {}),
            **({"feature-order": list(self.features)} if len(self.features) > 1 else {}),
            "features": {name: list(values) for name, values in self.features.items()},
        }


class Hardware(NamedTuple):
    """What a machine supports, by namespace."""

    namespaces: Mapping[str, Detected]

    @property
    def supported(self) -> Supported:
        """What `ranking.rank` asks for."""
        return {name: support.features for name, support in self.namespaces.items()}

    @classmethod
    def from_json(cls, data: bytes, where: str) -> Hardware:
        """Read a JSON file; raises VariantError with every fault, each behind *where*."""
        document = Document()
        try:
            parsed = read_json(document, data)
        except VariantError as error:
            raise error.within(where) from None
        return cls._read(document, parsed, where)

    @classmethod
    def from_table(cls, table: object, where: str) -> Hardware:
        """Read a parsed TOML file; raises VariantError with every fault, each behind *where*."""
        return cls._read(Document(), table, where)

    @classmethod
    def _read(cls, document: Document, value: object, where: str) -> Hardware:
        namespaces = {
            name: _read_support(document, entry, name)
            for name, entry in document.table(value, "").items()
            if document.passes(name, check_namespace, name, code="bad-name")
        }
        document.check(where)
        return cls(namespaces)

    def to_dict(self) -> dict[str, dict[str, object]]:
        """Return the file's table."""
        return {name: support.to_dict() for name, support in self.namespaces.items()}

    def to_json(self) -> str:
        """Return the JSON file."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    def to_toml(self) -> str:
        """Return the TOML file."""
        tables: list[str] = []
        for name, support in self.namespaces.items():
            head, features = support.to_dict(), support.features
            del head["features"]
            tables += [f"[{name}]\n{_toml_lines(head)}"] if head else []
            tables.append(f"[{name}.features]\n{_toml_lines(features)}")
        return "\n".join(tables)


def _toml_lines(table: Mapping[str, object]) -> str:
    """Return keys with strings or lists of strings: without control characters, TOML has JSON's form."""
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in table.items())


def _read_support(document: Document, value: object, place: str) -> Detected:
    entry = document.table(value, place, _KEYS, required=["features"])
    if "source" in entry:
        at = join(place, "source")
        source = document.string(entry["source"], at) or ""
        document.passes(at, _check_source, source)
    else:
        source = ""
    if "features" not in entry:
        return Detected({})
    return Detected(dict(read_ordered_features(document, entry, place, "features")), source)


def _check_source(text: str) -> None:
    """Check a text that is shown on terminals."""
    if match := re.search(r"[\x00-\x1f\x7f-\x9f]", text):
        raise VariantError(f"control character {match[0]!r}", hint="leave it out")
