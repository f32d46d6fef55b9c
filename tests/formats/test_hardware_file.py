"""Machine files: the form of `hardware --json`, and the older one with namespaces at the top level."""

from __future__ import annotations

import json
from typing import Any

import pytest

from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.hardware_file import Detected, Hardware
from variant_backend._internal.variants.machine_presets import read_machine

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
    assert NODE.to_toml().decode() == TOML
    assert Hardware.from_bytes(TOML.encode(), "stdin") == NODE


def test_a_machine_that_supports_nothing_is_read_as_written() -> None:
    empty = Hardware({})
    assert empty.to_toml() == b"version = 1\n\n[machine]\n"
    assert Hardware.from_bytes(empty.to_toml(), "stdin") == empty
    assert Hardware.from_bytes(empty.to_json(), "stdin") == empty


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


def machine(text: str) -> Hardware:
    return Hardware.from_bytes(f"version = 1\n[machine]\n{text}".encode(), "node.toml")


def machine_lines(text: str) -> list[str]:
    with pytest.raises(VariantError) as caught:
        machine(text)
    return caught.value.lines()


def test_facts_in_a_file_stand_for_the_full_lists() -> None:
    expected = Hardware.from_facts(read_machine("cuda:12.8,sm:9.0,sm:8.9,x86_64:v3"))
    assert machine('cuda = "12.8"\nsm = ["9.0", "8.9"]\nx86_64 = ["v3"]') == expected
    assert read({"cuda": "12.8", "sm": ["9.0", "8.9"], "x86_64": "v3"}) == expected
    assert Hardware.from_bytes(expected.to_toml(), "node.toml") == expected
    assert expected.namespaces["nvidia"].source == "cuda:12.8,sm:9.0,sm:8.9"


def test_a_table_beside_facts_stays_as_written() -> None:
    hardware = machine('cuda = "12.8"\n[machine.x86_64.features]\nlevel = ["v2"]')
    assert hardware.supported["x86_64"] == {"level": ("v2",)}
    assert hardware.supported["tpu"] == {"present": ("false",)}
    assert "aarch64" not in hardware.namespaces
    assert len(hardware.supported["nvidia"]["cuda_version_lower_bound"]) > 30


def test_a_file_without_facts_has_its_tables_only() -> None:
    text = '[machine.nvidia.features]\ncuda_version_lower_bound = ["12.8"]'
    assert machine(text).supported == {"nvidia": {"cuda_version_lower_bound": ("12.8",)}}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('cudaa = "1"', "machine.cudaa: unknown fact 'cudaa' (did you mean 'cuda'?); known facts: cuda, sm,"),
        ('nvidia = "12.8"', "machine.nvidia: unknown fact 'nvidia'; known facts of nvidia: cuda, sm"),
        ("cuda = 12.8", "machine.cuda: expected a string, got a number"),
        ("tpu = true", "machine.tpu: expected a string, got a boolean"),
        ("cuda = []", "machine.cuda: expected a list of at least one string, got an empty list"),
        ('cuda = ["12.8", "12.6"]', "machine.cuda: 2 values of cuda: 12.8, 12.6; leave one value,"),
        ('cuda = "128"', "machine: invalid value '128' of cuda; write the driver's CUDA version, 11.0 to"),
        ('sm = "9.0"', "machine: sm requires cuda, without which no GPU works; add cuda with"),
        (
            'cuda = "12.8"\n[machine.nvidia.features]',
            "machine.nvidia: the facts cuda describe the same namespace; remove the facts, or this table",
        ),
    ],
)
def test_an_invalid_fact_in_a_file_is_an_error(text: str, line: str) -> None:
    (problem,) = machine_lines(text)
    assert problem.startswith(f"node.toml: {line}")
