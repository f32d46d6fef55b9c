"""The script of examples/index-script writes the same index files as `variant-backend index`."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from helpers.made_wheels import make_wheel
from helpers.offers import CUDA, make_variants
from helpers.programs import empty_cache, run, run_here
from helpers.pytorch_example import hardware
from helpers.servers import serving

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError

EXAMPLE = Path(__file__).parents[2] / "examples/index-script/write_index.py"


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """Three releases with variants, one with two spellings of its version, and one without variants."""
    folder = tmp_path / "dist"
    for name, version in (("torchy", "1.0"), ("torchy", "2.0"), ("other_one", "1.0")):
        properties = {"cu126": [CUDA.format("12.6")], "cu128": [CUDA.format("12.8")], "null": [], None: []}
        make_variants(folder, name, properties, version=version)
    make_variants(folder, "torchy", {"cu130": [CUDA.format("13.0")]}, version="2.0.0")
    make_wheel(folder, "plain")
    return folder


def write_index(folder: Path) -> None:
    runpy.run_path(str(EXAMPLE))["write_index"](folder)


def test_the_script_has_at_most_30_lines() -> None:
    _, _, code = EXAMPLE.read_text(encoding="utf-8").partition("\n\n\n")
    assert len([line for line in code.splitlines() if line and '"""' not in line]) <= 30


def test_the_script_writes_the_files_of_the_command(wheels: Path) -> None:
    run_here(main, "index", wheels)
    expected = {path: path.read_bytes() for path in wheels.glob("*-variants.json")}
    for path in expected:
        path.unlink()
    write_index(wheels)
    assert {path: path.read_bytes() for path in wheels.glob("*-variants.json")} == expected
    assert len(expected) == 3


def test_the_program_writes_what_its_readme_shows(tmp_path: Path) -> None:
    make_variants(tmp_path, "demo", {"cu128": [CUDA.format("12.8")], "null": [], None: []})
    run("python", EXAMPLE, tmp_path)
    _, _, shown = EXAMPLE.with_name("README.md").read_text(encoding="utf-8").partition("$ ls dist\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == shown.partition("```")[0].split()


def test_different_wheels_of_a_release_are_an_error(wheels: Path) -> None:
    make_variants(wheels, "torchy", {"v3": ["x86_64 :: level :: v3"]})
    with pytest.raises(VariantError, match="one list must be the start of the other"):
        write_index(wheels)


@pytest.mark.slow
def test_uv_and_pip_install_from_the_pages(wheels: Path, tmp_path: Path) -> None:
    write_index(wheels)
    forced = hardware("12.8", "9.0")
    with serving(wheels, as_json=True) as (url, _):
        options = ("--index-url", f"{url}simple/", "--target")
        variants = ("--preview-features", "wheel-variants", "--no-config", *empty_cache())
        run("uv", "pip", "install", *variants, *options, tmp_path / "uv", "other-one", **forced)
        run("pip", "install", "--isolated", "--no-cache-dir", *options, tmp_path / "pip", "other-one")
    assert (tmp_path / "uv/other_one/__init__.py").read_text() == "label = 'cu128'\n"
    assert (tmp_path / "pip/other_one/__init__.py").read_text() == "label = None\n"
