"""Variant metadata with a single change each: the questions for uv, for `explain` and for `check`.

A release has the wheels `x`, `y` and `null`, and a plain one. In the valid documents, `x` is the best. If the
namespace `a` gets lost, `null` is selected; if `b` gets lost, `y`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from helpers.sample_release import only

Keys: TypeAlias = "tuple[Any, ...]"

_NVIDIA = {
    "requires": ["nvidia-variant-provider>=0.0.1,<1"],
    "plugin-api": "nvidia_variant_provider.plugin:NvidiaVariantPlugin",
}
VALID: dict[str, Any] = {
    "$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",
    "default-priorities": {"namespace": ["a", "b", "c"]},
    "providers": {
        "a": {"static-properties": {"f": ["2", "1"]}},
        "b": {
            "static-properties": {"g": ["1", "2"], "h": ["1"]},
            "feature-order": ["h", "g"],
            "optional": False,
        },
        "c": {"requires": ["c-provider>=1", "c-other"], "plugin-api": "c_provider:C", "optional": False},
    },
    "variants": {"x": {"a": {"f": ["2"]}, "b": {"g": ["1"]}}, "y": {"a": {"f": ["1", "2"]}}, "null": {}},
}
# As VALID, but the namespace that decides between x and y has a plugin that uv knows.
WITH_PLUGIN: dict[str, Any] = {
    "$schema": VALID["$schema"],
    "default-priorities": {"namespace": ["nvidia", "b"]},
    "providers": {"nvidia": _NVIDIA, "b": {"static-properties": {"g": ["1"]}}},
    "variants": {
        "x": {"b": {"g": ["1"]}, "nvidia": {"cuda_version_lower_bound": ["12.0"]}},
        "y": {"b": {"g": ["1"]}},
        "null": {},
    },
}
# What uv is made to detect for WITH_PLUGIN.
HARDWARE: dict[str, Any] = {
    "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": "12.8",
    "NV_VARIANT_PROVIDER_FORCE_SM_ARCH": "9.0",
}

_OTHER_VALUES: list[Any] = [None, 0, "", "zz", "A-b", [], {}, ["zz"], {"": {}}]
_NEW_VALUES: list[Any] = [{}, ["1"], "1"]
_REQUIREMENTS: dict[str, list[Any]] = {
    "invalid": ["foo>=x"],
    "invalid beside a valid one": ["c-provider", "foo>=x"],
    "with a space": ["c provider"],
    "twice": ["c-provider", "c-provider"],
    "twice with other specifiers": ["c-provider", "c-provider>=1"],
    "with a marker": ["c-provider; python_version >= '3.9'"],
    "with a false marker": ["c-provider; python_version < '3'"],
    "with a variant marker": ["c-provider; variant_label == 'x'"],
    "with an extra": ["c-provider[x]"],
    "with a URL": ["c-provider @ https://host.test/c.whl"],
    "with a path": ["./c-provider"],
    "with a relative URL": ["c-provider @ ./c"],
    "with an arbitrary version": ["c-provider===x"],
    "with a legacy specifier": ["c-provider>=1.*"],
    "null beside a valid one": ["c-provider", None],
    "empty beside a valid one": ["c-provider", ""],
}
_PLUGIN_APIS = [
    "c.d",
    "c:d.e",
    "c:",
    ":c",
    "c:d:e",
    "c d",
    "c-d:e",
    "c..d",
    "1c:d",
    "c:1",
    " c",
    "c:d [x]",
    "é",
    "if",
]
_SCHEMAS = [
    "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json",
    "https://variants-schema.wheelnext.dev/peps/850/v0.2.1.json",
    "https://variants-schema.wheelnext.dev/peps/850/v1.0.0.json",
    "https://variants-schema.wheelnext.dev/v0.2.0.json",
    "https://variants-schema.wheelnext.dev/v0.0.3.json",
    "https://host.test/v9.json",
]
_STATIC: dict[str, Any] = {
    "no feature": {},
    "no values": {"f": []},
    "one feature without values": {"f": ["2"], "g": []},
    "values twice": {"f": ["2", "2"]},
    "an unused feature": {"g": ["1"]},
    "two features": {"f": ["2"], "g": ["1"]},
    "an invalid feature": {"F": ["2"]},
    "an invalid feature beside a valid one": {"f": ["2"], "F-": ["2"]},
    "an invalid value": {"f": ["2", "A"]},
    "an empty value": {"f": ["2", ""]},
    "an empty feature": {"": ["2"], "f": ["2"]},
    "null for a feature": {"f": None},
    "null for another feature": {"f": ["2"], "g": None},
    "a text for a feature": {"f": "2"},
    "a number among values": {"f": ["2", 1]},
}
_ORDERS: dict[str, Any] = {
    "reversed": ["g", "h"],
    "with one missing": ["h"],
    "with one too many": ["h", "g", "i"],
    "with one twice": ["h", "g", "g"],
    "of others": ["i", "j"],
    "with an invalid one": ["h", "G"],
}
_VARIANTS: dict[str, Any] = {
    "without properties": {},
    "with a namespace without features": {"a": {}},
    "with a feature without values": {"a": {"f": []}},
    "with one of two features without values": {"a": {"f": ["2"], "g": []}},
    "with one of two namespaces without features": {"a": {"f": ["2"]}, "b": {}},
    "with a value twice": {"a": {"f": ["2", "2"]}},
    "with unsorted values": {"a": {"f": ["2", "1"]}},
    "with the declared namespace c": {"c": {"f": ["1"]}},
    "with an undeclared namespace": {"a": {"f": ["2"]}, "d": {"f": ["1"]}},
    "with an undeclared namespace without features": {"a": {"f": ["2"]}, "d": {}},
    "with abi_dependency": {"a": {"f": ["2"]}, "abi_dependency": {"pip": ["23"]}},
    "with abi_dependency without features": {"a": {"f": ["2"]}, "abi_dependency": {}},
    "with an invalid namespace": {"A": {"f": ["2"]}},
    "with an invalid feature": {"a": {"F-": ["2"]}},
    "with an invalid value": {"a": {"f": ["A"]}},
    "with an empty value": {"a": {"f": ["2", ""]}},
    "with a space in a value": {"a": {"f": ["2 "]}},
    "with a value for another machine": {"a": {"f": ["3"]}},
    "with a feature that no provider has": {"a": {"z": ["1"]}},
}


class Pairs(list[tuple[str, Any]]):
    """A JSON object that may have the same key several times."""


@functools.cache
def single_changes(label: str | None = None) -> Mapping[str, bytes]:
    """Return documents by the name of their change, for the wheel of a label or for all labels."""
    names = {document: name for name, document in reversed([*_single_changes(label)])}
    return {name: document for document, name in reversed(names.items())}


def _single_changes(label: str | None) -> Iterator[tuple[str, bytes]]:
    for title, document in (("", VALID), ("nvidia: ", WITH_PLUGIN)):
        base = as_pairs(document if label is None else only(document, label))
        yield f"{title}valid", encoded(base)
        for name, changed in _changes(base) if document is VALID else _plugin_changes(base):
            yield title + name, encoded(changed)
    yield from _broken_texts(encoded(as_pairs(VALID if label is None else only(VALID, label))))


def as_pairs(value: Any) -> Any:
    """Return a document with `Pairs` in place of its tables."""
    if isinstance(value, Pairs):
        return value
    if isinstance(value, dict):
        return Pairs((key, as_pairs(entry)) for key, entry in value.items())
    return [as_pairs(entry) for entry in value] if isinstance(value, list) else value


def encoded(value: Any) -> bytes:
    """Return a document as JSON."""
    return _text(value).encode()


def _text(value: Any) -> str:
    if isinstance(value, Pairs):
        return f"{{{', '.join(f'{json.dumps(key)}: {_text(entry)}' for key, entry in value)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    return json.dumps(value)


def _changes(base: Pairs) -> Iterator[tuple[str, Any]]:
    yield from _of_values(base)
    yield from _of_keys(base)
    yield from _of_providers(base)
    labels = [key for key, _ in _at(base, ("variants",))]
    for label in labels:
        for name, value in _VARIANTS.items():
            if label != "y":  # the documents of x show the same
                yield f"label {label} {name}", _with(base, ("variants", label), value)
    for url in _SCHEMAS:
        yield f"$schema {url.removeprefix('https://')}", _with(base, ("$schema",), url)
        without = _without(base, ("providers",))
        yield f"$schema {url.removeprefix('https://')} without providers", _with(without, ("$schema",), url)
        for name, changed in _other_providers(base):
            yield f"$schema {url.removeprefix('https://')}, {name}", _with(changed, ("$schema",), url)
    yield from _of_priorities(base)
    for name in ("X", "a-b", "a b", "", "é"):
        entry = ("variants",)
        yield f"label {name!r} added", _with_pair(base, entry, name, as_pairs({"a": {"f": ["1"]}}))
    yield "label z added without properties", _with_pair(base, ("variants",), "z", Pairs())
    yield "label z added", _with_pair(base, ("variants",), "z", as_pairs({"a": {"f": ["1"]}}))


def _other_providers(base: Pairs) -> Iterator[tuple[str, Any]]:
    """Declare other providers than the namespaces."""
    yield "no provider of c", _without(base, ("providers", "c"))
    yield "provider of an undeclared namespace", _with_pair(base, ("providers",), "d", Pairs())
    yield "providers {}", _with(base, ("providers",), {})
    yield "providers null", _with(base, ("providers",), None)
    yield "default-priorities.feature", _with_pair(base, ("default-priorities",), "feature", Pairs())


def _of_values(base: Pairs) -> Iterator[tuple[str, Any]]:
    """Replace each value by others, and each text by invalid ones."""
    yield from ((f"{json.dumps(value)}", as_pairs(value)) for value in _OTHER_VALUES)
    for path in _paths(base):
        name, old = _name(path), _at(base, path)
        for value in _OTHER_VALUES:
            if as_pairs(value) != old:
                yield f"{name} = {json.dumps(value)}", _with(base, path, value)
        if isinstance(path[-1], int):
            yield f"{name} removed", _without(base, path)
            yield f"{name} twice", _with(base, path[:-1], [*_at(base, path[:-1]), old])


def _of_keys(base: Pairs) -> Iterator[tuple[str, Any]]:
    """Remove, repeat and add keys of each table."""
    for path in [(), *(path for path in _paths(base) if isinstance(_at(base, path), Pairs))]:
        name, table = _name(path) or "the document", _at(base, path)
        for key in ("zz", "Z-z"):
            for value in _NEW_VALUES:
                yield (
                    f"key {key!r} = {json.dumps(value)} in {name}",
                    _with_pair(base, path, key, as_pairs(value)),
                )
        for key, value in table:
            where = f"key {key} of {name}"
            yield f"{where} removed", _without(base, (*path, key))
            yield f"{where} twice", _with_pair(base, path, key, value)
            yield f"{where} first as 0", _with_first(base, path, key, 0)
            yield f"{where} first as an empty value", _with_first(base, path, key, type(value)())
            yield f"{where} last as an empty value", _with_pair(base, path, key, type(value)())


def _of_providers(base: Pairs) -> Iterator[tuple[str, Any]]:
    """Change the providers of a used namespace and of an unused one, and declare other providers."""
    for namespace, static in (("a", True), ("c", False)):
        place = ("providers", namespace)
        entry = {**VALID["providers"][namespace]}
        requires = {} if static else entry
        tables = {
            "requirements " + name: {**requires, "requires": value} for name, value in _REQUIREMENTS.items()
        }
        tables.update(
            {
                f"plugin-api {text!r}": {"requires": ["c-provider"], "plugin-api": text}
                for text in _PLUGIN_APIS
            }
        )
        tables.update({f"static {name}": {"static-properties": value} for name, value in _STATIC.items()})
        tables.update(_sources(entry))
        for name, table in tables.items():
            yield f"providers.{namespace}: {name}", _with(base, place, table)
    order = ("providers", "b", "feature-order")
    for name, value in _ORDERS.items():
        yield f"feature-order {name}", _with(base, order, value)
    yield "feature-order of one feature", _with_pair(base, ("providers", "a"), "feature-order", ["f"])
    yield "feature-order of another feature", _with_pair(base, ("providers", "a"), "feature-order", ["g"])
    for name, entry in (
        ("a static", VALID["providers"]["a"]),
        ("a plugin", {"requires": ["d"]}),
        ("an empty", {}),
    ):
        yield (
            f"{name} provider of an undeclared namespace",
            _with_pair(base, ("providers",), "d", as_pairs(entry)),
        )
    for name, path, value in (
        ("a label with a namespace of another type", ("variants", "x"), {"a": 0}),
        ("a label with an invalid namespace", ("variants", "x"), {"A": {"f": ["2"]}}),
        ("a label with an undeclared namespace", ("variants", "x"), {"d": {"f": ["2"]}}),
        ("a label with a feature without values", ("variants", "x"), {"a": {"f": []}}),
        ("a provider with an unknown key", ("providers", "a"), {"requires": ["a"], "zz": 1}),
        ("a provider without a source", ("providers", "a"), {}),
        ("a feature with an invalid value", ("providers", "a", "static-properties", "f"), ["A-b"]),
        ("a feature with values twice", ("providers", "a", "static-properties", "f"), ["1", "1"]),
    ):
        yield f"{name}, overwritten", _with_first(base, path[:-1], path[-1], as_pairs(value))
    yield (
        "a provider of abi_dependency",
        _with_pair(base, ("providers",), "abi_dependency", as_pairs({"requires": ["d"]})),
    )


def _sources(entry: dict[str, Any]) -> dict[str, Any]:
    """Return provider tables with other sources."""
    static, plugin = {"static-properties": {"f": ["2"]}}, {"requires": ["c-provider"]}
    return {
        "no source": {},
        "only optional": {"optional": True},
        "both sources": {**static, **plugin},
        "both sources, one null": {**static, "requires": None},
        "both sources, one empty": {**static, "requires": []},
        "builtin": {"builtin": "cpu"},
        "builtin and static": {**static, "builtin": "cpu"},
        "builtin null": {"builtin": None},
        "builtin null and static": {**static, "builtin": None},
        "builtin with a number": {"builtin": 1},
        "builtin empty": {"builtin": ""},
        "builtin true": {"builtin": True},
        "all three sources": {**static, **plugin, "builtin": "cpu"},
        "static with plugin-api": {**static, "plugin-api": "c:d"},
        "static with plugin-api null": {**static, "plugin-api": None},
        "static with feature-order null": {**static, "feature-order": None},
        "static with feature-order empty": {**static, "feature-order": []},
        "plugin with feature-order": {**plugin, "feature-order": ["f"]},
        "plugin with feature-order null": {**plugin, "feature-order": None},
        "plugin with feature-order empty": {**plugin, "feature-order": []},
        "builtin with plugin-api": {"builtin": "cpu", "plugin-api": "c:d"},
        "plugin-api alone": {"plugin-api": "c:d"},
        "build-requires": {"build-requires": ["c-provider"]},
        "requires as a text": {"requires": "c-provider"},
        "requires as a table": {"requires": {"c-provider": "1"}},
        "plugin-api as a list": {**plugin, "plugin-api": ["c"]},
        "optional true": {**entry, "optional": True},
        "optional false": {**entry, "optional": False},
        "optional null": {**entry, "optional": None},
        "optional as a text": {**entry, "optional": "true"},
        "optional as a number": {**entry, "optional": 1},
        "enable-if": {**entry, "enable-if": "x"},
        "install-time": {**entry, "install-time": True},
        "null static-properties": {"static-properties": None},
        "null requires": {"requires": None},
        "plugin": plugin,
        "static": static,
    }


def _of_priorities(base: Pairs) -> Iterator[tuple[str, Any]]:
    place = ("default-priorities", "namespace")
    for value in (
        ["b", "a", "c"],
        ["a", "b"],
        ["a", "b", "c", "d"],
        ["a", "b", "c", "abi_dependency"],
        ["abi_dependency"],
        ["a", "b", "c", "A"],
        ["a", "b", "c", "a-b"],
        ["c"],
    ):
        yield f"namespaces {' '.join(value)}", _with(base, place, value)
    undeclared = _without(_with(base, place, ["a", "b"]), ("providers", "c"))
    yield "namespaces a b with their providers", undeclared
    for key in ("feature", "property"):
        yield f"default-priorities.{key} a list", _with_pair(base, place[:1], key, [])
        yield f"default-priorities.{key} a table", _with_pair(base, place[:1], key, Pairs())


def _plugin_changes(base: Pairs) -> Iterator[tuple[str, Any]]:
    """Change the provider that uv knows."""
    place = ("providers", "nvidia")
    for name, value in {
        **{
            name: [
                str(text).replace("c-provider", "nvidia-variant-provider") if text is not None else None
                for text in texts
            ]
            for name, texts in _REQUIREMENTS.items()
        },
        "normalized": ["NVIDIA_variant.provider"],
        "without a specifier": ["nvidia-variant-provider"],
        "with a lower bound that is too high": ["nvidia-variant-provider>=1"],
        "of another package": ["other"],
        "of two packages": ["nvidia-variant-provider", "other"],
        "exact": ["nvidia-variant-provider==0.0.1"],
        "with spaces": [" nvidia-variant-provider >= 0.0.1 "],
        "in parentheses": ["nvidia-variant-provider (>=0.0.1)"],
        "arbitrary equality": ["nvidia-variant-provider===0.0.1"],
        "with a comma at the end": ["nvidia-variant-provider>=0.0.1,"],
    }.items():
        yield f"requirements {name}", _with(base, (*place, "requires"), value)
    for value in (
        None,
        "",
        "nvidia_variant_provider.plugin",
        "nvidia_variant_provider.plugin : NvidiaVariantPlugin",
        " nvidia_variant_provider.plugin:NvidiaVariantPlugin",
        "other:Plugin",
        1,
        [],
    ):
        yield f"plugin-api = {json.dumps(value)}", _with(base, (*place, "plugin-api"), value)
    yield "plugin-api removed", _without(base, (*place, "plugin-api"))
    for key in ("optional", "feature-order", "static-properties", "builtin", "zz"):
        for value in (None, False, True, [], {}, "x"):
            yield f"{key} = {json.dumps(value)}", _with_pair(base, place, key, as_pairs(value))
    for value in (["13.0"], ["12.0", "13.0"], ["99"], []):
        path = ("variants", "x", "nvidia", "cuda_version_lower_bound")
        yield f"lower bounds {value}", _with(base, path, value)


def _broken_texts(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Change the text of the document instead of its values."""
    yield "no text", b""
    yield "cut off", data[:-1]
    yield "more text", data + b"x"
    yield "more space", b" \r\n\t" + data + b"\n"
    yield "byte order mark", b"\xef\xbb\xbf" + data
    yield "UTF-16", data.decode().encode("utf-16")
    yield "Latin-1", data.replace(b'"c_provider:C"', b'"\xe9"')
    yield "comment", data.replace(b"{", b"{/**/", 1)
    yield "comma at the end", data[:-1] + b",}"
    yield "NaN", data[:-1] + b', "zz": NaN}'
    yield "NaN for optional", data.replace(b"false", b"NaN")
    yield "half a surrogate pair", data.replace(b'"c_provider:C"', b'"\\ud800"')
    yield "an escaped key", data.replace(b'"variants"', b'"\\u0076ariants"')
    yield "a number beyond all bounds", data.replace(b"false", b"1e999", 1)
    yield "lists in lists", data[:-1] + b', "zz": ' + b"[" * 200 + b"]" * 200 + b"}"
    yield "a control character", data.replace(b"c_provider:C", b"c\x01")


def _paths(value: Any, path: Keys = ()) -> Iterator[Keys]:
    """Yield the paths of all values inside a document."""
    entries = value if isinstance(value, Pairs) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        yield (*path, key)
        yield from _paths(entry, (*path, key))


def _name(path: Keys) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def _at(value: Any, path: Keys) -> Any:
    for key in path:
        value = dict(value)[key] if isinstance(value, Pairs) else value[key]
    return value


def _with(base: Any, path: Keys, value: Any) -> Any:
    """Return a document with another value at a path."""
    if not path:
        return as_pairs(value)
    key, *rest = path
    if isinstance(base, Pairs):
        return Pairs((name, _with(old, tuple(rest), value) if name == key else old) for name, old in base)
    return [_with(old, tuple(rest), value) if index == key else old for index, old in enumerate(base)]


def _without(base: Any, path: Keys) -> Any:
    *place, last = path
    table = _at(base, tuple(place))
    if isinstance(table, Pairs):
        return _with(base, tuple(place), Pairs(pair for pair in table if pair[0] != last))
    return _with(base, tuple(place), [old for index, old in enumerate(table) if index != last])


def _with_pair(base: Any, path: Keys, key: str, value: Any) -> Any:
    """Return a document with another pair at the end of a table, even if it has the key."""
    return _with(base, path, Pairs([*_at(base, path), (key, value)]))


def _with_first(base: Any, path: Keys, key: str, value: Any) -> Any:
    return _with(base, path, Pairs([(key, value), *_at(base, path)]))
