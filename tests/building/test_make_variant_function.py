"""`make_variant` of the API writes the wheels of the command `make-variant`."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import run_here

from variant_backend._internal.cli.make_variant import make_variant_command
from variant_backend.api import (
    Property,
    RequestError,
    StaticProvider,
    UnknownNameError,
    VariantError,
    make_variant,
    metadata_from_json,
    read_wheel_metadata,
    wheel_variant,
)

LEVEL, LIBRARY = Property("x86_64", "level", "v3"), Property("blas", "library", "mkl")


def test_the_function_writes_the_wheel_of_the_command(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "demo")
    options = [word for prop in (LEVEL, LIBRARY) for word in ("-p", str(prop))]
    run_here(make_variant_command, *options, "-l", "fast", "-o", tmp_path / "command", wheel)
    made = make_variant(str(wheel), "fast", [LEVEL, LIBRARY], output=tmp_path / "function")
    assert made.written
    assert made.path.read_bytes() == (tmp_path / "command" / made.path.name).read_bytes()


def test_the_outcome_has_the_warnings_of_the_command(tmp_path: Path) -> None:
    wheel, misspelt = make_wheel(tmp_path, "demo"), Property("x86_64", "levle", "v3")
    made = make_variant(wheel, "fast", [misspelt, LIBRARY], output=tmp_path / "function")
    assert any("unknown feature 'levle'" in text for text in made.warnings)
    assert any("namespace blas has no provider" in text for text in made.warnings)
    options = ("-p", str(misspelt), "-p", str(LIBRARY), "-l", "fast", "-o", tmp_path / "command")
    printed = run_here(make_variant_command, *options, wheel).output
    assert [text for text in made.warnings if text not in printed] == []


def test_namespaces_rank_as_given_and_those_of_a_set_by_name(tmp_path: Path) -> None:
    for given, expected in (
        ([LEVEL, LIBRARY], ("x86_64", "blas")),
        ([LIBRARY, LEVEL], ("blas", "x86_64")),
        (frozenset({LEVEL, LIBRARY}), ("blas", "x86_64")),
    ):
        made = make_variant(make_wheel(tmp_path, "demo"), "fast", given, output=tmp_path, force=True)
        metadata = read_wheel_metadata(made.path)
        document = wheel_variant(None, "fast", given).variant_json()
        assert metadata == metadata_from_json(document, "variant.json")
        assert metadata.namespaces == expected


def test_a_wheel_becomes_the_variant_of_a_build_backend(tmp_path: Path) -> None:
    answered = {"gpu": StaticProvider((("api", ("v2", "v1")),))}
    table = {
        "default-priorities": {"namespace": ["gpu"]},
        "providers": {"gpu": {"build-requires": ["gpu-provider"]}},
        "variants": {"fast": {"gpu": {"api": ["v2"]}}},
    }
    torch = Property("abi_dependency", "torch", "2.10")
    wheel = make_wheel(tmp_path, "demo")
    for label, properties in (("fast", ()), ("null", ()), ("fast", [Property("gpu", "api", "v2"), torch])):
        variant = wheel_variant(table, label, properties)
        metadata = variant.with_answers(answered)
        made = make_variant(wheel, variant.label, metadata=metadata, force=True)
        assert made.path.name == variant.filename(wheel.name)
        with ZipFile(made.path) as archive:
            assert archive.read("demo-1.0.dist-info/variant.json") == variant.variant_json(answered)


def test_a_wrong_request_writes_no_file(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "demo")
    with pytest.raises(RequestError, match="no variant is requested"):
        make_variant(wheel)
    with pytest.raises(UnknownNameError, match="unknown label 'fast'"):
        make_variant(wheel, "fast")
    with pytest.raises(VariantError, match="property 'BLAS :: library :: mkl': namespace 'BLAS'"):
        make_variant(wheel, "fast", [LIBRARY._replace(namespace="BLAS")])
    assert make_variant(wheel, "fast", [LEVEL], dry_run=True).written is False
    assert [*tmp_path.iterdir()] == [wheel]
