"""Machine files: the form of `hardware --json`, and the older one with namespaces at the top level."""

from __future__ import annotations

import json
from typing import Any

import pytest

from variant_backend.errors import VariantError
from variant_backend.formats.hardware_file import Detected, Hardware

NODE = Hardware(
    {"x86_64": Detected({"level": ("v3", "v2", "v1"), "avx": ("on",)}, "cpuid"), "nvidia": Detected({})}
)
TABLES = {
    "x86_64": {
        "source": "cpuid",
        "feature-order": ["level", "avx"],
        "features": {"level": ["v3", "v2", "v1"], "avx": ["on"]},
    },
    "nvidia": {"features": {}},
}
TOML = """\
version = 1

[machine.x86_64]
source = "cpuid"
feature-order = ["level", "avx"]

[machine.x86_64.features]
level = ["v3", "v2", "v1"]
avx = ["on"]

[machine.nvidia.features]
"""
RECREATE = "recreate the file with this version of `variant-backend hardware --json`"


def read(table: object) -> Hardware:
    return Hardware.from_json(json.dumps(table).encode(), "node.json")


def lines(table: object) -> list[str]:
    with pytest.raises(VariantError) as caught:
        read(table)
    return caught.value.lines()


def test_json_is_the_envelope_of_the_command() -> None:
    written = {"version": 1, "machine": TABLES, "warnings": [], "errors": []}
    assert json.loads(NODE.to_json()) == written
    assert read(written) == NODE


def test_toml_has_version_and_machine_only() -> None:
    assert NODE.to_toml() == TOML
    assert Hardware.from_bytes(TOML.encode(), "stdin") == NODE


def test_a_machine_that_supports_nothing_is_read_as_written() -> None:
    empty = Hardware({})
    assert empty.to_toml() == "version = 1\n\n[machine]\n"
    assert Hardware.from_bytes(empty.to_toml().encode(), "stdin") == empty
    assert Hardware.from_bytes(empty.to_json().encode(), "stdin") == empty


def test_namespaces_at_the_top_level_are_read() -> None:
    assert read(TABLES) == NODE
    assert read({}) == Hardware({})


def test_unknown_keys_at_the_top_level_are_ignored() -> None:
    assert read({"version": 1, "machine": TABLES, "errors": ["x"], "later": {"Not a namespace": 1}}) == NODE


@pytest.mark.parametrize("name", ["version", "machine"])
def test_a_namespace_may_have_the_name_of_a_key(name: str) -> None:
    hardware = Hardware({name: Detected({"f": ("1",)})})
    assert read(hardware.to_dict()) == hardware
    assert read(json.loads(hardware.to_json())) == hardware


@pytest.mark.parametrize(
    ("version", "got"), [(2, "2"), (True, "True"), ("1", "another value"), (1 << 99, "another value")]
)
def test_another_version_is_an_error(version: object, got: str) -> None:
    expected = f"node.json: version: expected 1, got {got}; {RECREATE}"
    assert lines({"version": version, "machine": TABLES}) == [expected]


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({"version": 1}, "node.json: machine: missing"),
        ({"machine": TABLES}, "node.json: version: missing"),
        ({"version": 1, "machine": {"x": {}}}, "node.json: machine.x.features: missing"),
    ],
)
def test_a_missing_key_is_named(table: dict[str, Any], line: str) -> None:
    assert lines(table) == [line]


def test_two_spellings_of_a_package_are_an_error() -> None:
    values: dict[str, Any] = {"features": {}}
    table = {"x": {**values, "by-package": {"one-a": values, "One_A": values}}}
    expected = "node.json: machine.x.by-package.One_A: the package 'one-a' is listed twice"
    assert lines({"version": 1, "machine": table}) == [f"{expected}; remove one of the tables"]


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"{", "stdin: invalid JSON"), (b"  {", "stdin: invalid JSON"), (b"[", "stdin: invalid TOML")],
)
def test_bytes_are_json_if_they_start_with_a_brace(data: bytes, words: str) -> None:
    with pytest.raises(VariantError) as caught:
        Hardware.from_bytes(data, "stdin")
    assert words in str(caught.value)
