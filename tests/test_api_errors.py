"""Public functions report wrong data as VariantError, whose text says what is wrong and where."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from variant_backend import api

V3 = api.Property("x86_64", "level", "v3")
UPPER = api.Property("x86_64", "Level", "v3")
TABLE: dict[object, object] = {
    "default-priorities": {"namespace": ["x86_64"]},
    "variants": {"v3": {"x86_64": {"level": ["v3"]}}},
}
NUMBER: Any = 3  # as a TOML parser returns it for `variant = 3`
KEYS = "expected strings as keys, got a number"


def nested() -> object:
    """Return a list in more lists than Python calls functions in functions."""
    value: list[object] = []
    for _ in range(sys.getrecursionlimit()):
        value = [value]
    return value


CALLS: dict[str, tuple[Callable[[], object], str]] = {
    "an invalid property of a variant": (
        lambda: api.Variant.of("v3", [UPPER]),
        "property 'x86_64 :: Level :: v3': feature 'Level': character 'L' at position 1 is not allowed",
    ),
    "an invalid property for a build": (
        lambda: api.wheel_variant(None, "v3", [UPPER]),
        "property 'x86_64 :: Level :: v3': feature 'Level'",
    ),
    "an invalid property for make_variant": (
        lambda: api.make_variant("demo-1.0-py3-none-any.whl", "v3", [UPPER]),
        "property 'x86_64 :: Level :: v3': feature 'Level'",
    ),
    "keys of a document": (lambda: api.metadata_from_dict({**TABLE, 1: {}}, "index"), f"index: {KEYS}"),
    "keys of a table": (
        lambda: api.metadata_from_table({**TABLE, "variants": {1: {}}}, "table"),
        f"table: variants: {KEYS}",
    ),
    "a number in pyproject.toml": (
        lambda: api.variant_of_settings({"variant": "v3"}, NUMBER),
        "pyproject.toml: [variant]: expected a table, got a number",
    ),
    "keys of usable metadata": (
        lambda: api.usable_from_dict({**TABLE, "variants": {"v3": {"x86_64": {2: ["v3"]}}}}, "index"),
        f"index: $schema: missing\nindex: variants.v3.x86_64: {KEYS}",
    ),
    "deeply nested metadata": (
        lambda: api.metadata_from_table({**TABLE, "variants": nested()}, "table"),
        "table: variants: expected a table, got a list",
    ),
    "deeply nested JSON": (lambda: api.metadata_from_json(b"[" * 100_000, "index"), "index: invalid JSON"),
    "deeply nested machine file": (lambda: api.Hardware.from_bytes(b"a=" + b"[" * 100_000, "m"), "m: "),
    "a missing plugin": (
        lambda: api.ask_plugin("gpu", api.PluginProvider(("no-such-plugin",)), sys.executable),
        "providers.gpu: plugin 'no_such_plugin': ModuleNotFoundError: No module named",
    ),
    "a missing wheel": (
        lambda: api.read_wheel_metadata("demo-1.0-py3-none-any-v3.whl"),
        "demo-1.0-py3-none-any-v3.whl: file not found",
    ),
    "a misspelt marker": (
        lambda: api.resolve_requirements(["a; variant_lable == 'v3'"], None),
        "requirement \"a; variant_lable == 'v3'\": marker variant_lable == 'v3': unknown marker",
    ),
    "a deeply nested marker": (
        lambda: api.resolve_requirement("a; " + "(" * 10_000, api.NULL_VARIANT),
        "requirement 'a; ((((",
    ),
}


@pytest.mark.parametrize(("call", "expected"), CALLS.values(), ids=CALLS)
def test_wrong_data_is_a_variant_error(call: Callable[[], object], expected: str) -> None:
    with pytest.raises(api.VariantError) as failure:
        call()
    assert str(failure.value).startswith(expected)
