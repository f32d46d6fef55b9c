"""`make-variant --suggest`, and what `make-variant` itself sees of the runtimes in a wheel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers.made_modules import made_elf
from helpers.made_wheels import make_wheel

from variant_backend._internal.cli.make_variant import make_variant_command


def make_variant(*arguments: object) -> Result:
    return CliRunner().invoke(make_variant_command, [*map(str, arguments)])


def wheel(folder: Path, *libraries: str, path: str = "demo/_core.so") -> Path:
    return make_wheel(folder, files={path: made_elf(*libraries)})


def test_the_suggested_options_make_a_variant_without_warnings(tmp_path: Path) -> None:
    path = wheel(tmp_path, "libcudart.so.12", "libgomp.so.1", "libopenblas.so.0")
    suggested = make_variant("--suggest", "--json", path)
    assert suggested.exit_code == 0
    assert [*tmp_path.iterdir()] == [path]
    (entry,) = json.loads(suggested.output)["suggestions"]
    assert entry["linked"]["libgomp.so.1"] == ["demo/_core.so"]
    line = make_variant("--suggest", path).output
    assert line == f"{path.name}: {' '.join(entry['options'])}\n"
    made = make_variant(*entry["options"], "--label", "cuda12", path)
    assert (made.exit_code, made.output) == (0, f"{path.with_name('demo-1.0-py3-none-any-cuda12.whl')}\n")


def test_a_wheel_without_runtimes_implies_nothing(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    assert make_variant("--suggest", path).output == f"{path.name}: no property\n"


def test_a_wheel_that_cannot_be_read_fails_alone(tmp_path: Path) -> None:
    path, broken = wheel(tmp_path, "libgomp.so.1"), tmp_path / "demo-2.0-py3-none-any.whl"
    broken.write_bytes(b"PK")
    result = make_variant("--suggest", broken, path)
    assert result.exit_code == 1
    assert f"{path.name}: -p openmp::provider::gnu" in result.output


def test_modules_that_cannot_be_read_and_several_versions_are_warnings(tmp_path: Path) -> None:
    files = {"demo/_a.so": made_elf("libgomp.so.1")[:150], "demo/_b.so": made_elf("libamdhip64.so.7")}
    output = make_variant("--suggest", make_wheel(tmp_path, files=files)).output
    assert "whl: demo/_a.so: truncated" in output
    assert "no property for ROCm 7: its minor version is unknown" in output


@pytest.mark.parametrize("options", [["-p", "x86_64::level::v3"], ["--null"], ["-o", "out"], ["--force"]])
def test_options_for_writing_cannot_be_used_with_suggest(tmp_path: Path, options: list[str]) -> None:
    result = make_variant("--suggest", *options, wheel(tmp_path, "libgomp.so.1"))
    assert result.exit_code == 2
    assert "cannot be used with --suggest" in result.output


@pytest.mark.parametrize(("version", "warns"), [("12.8", True), ("13.0", False)])
def test_a_bundled_library_of_another_version_is_a_warning(tmp_path: Path, version: str, warns: bool) -> None:
    path = wheel(tmp_path, path="demo.libs/libcudart-a34b3233.so.13.0.48")
    result = make_variant("-p", f"nvidia::cuda_version_lower_bound::{version}", "-l", "cuda", path)
    assert result.exit_code == 0
    assert ("libcudart-a34b3233.so.13.0.48: belongs to CUDA 13, but" in result.output) is warns
