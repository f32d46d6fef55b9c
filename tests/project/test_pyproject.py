"""Misspelt names of our tables are reported by every command that reads a project file."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.made_wheels import make_wheel
from helpers.wrapped_project import SMALL, WRAPPING, Project
from helpers.wrapped_project import VARIANT as TABLE

from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.make_variant import make_variant_command
from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.toml_read import read_toml
from variant_backend._internal.project import pyproject

UNKNOWN = "[{}]: unknown table (did you mean [{}]?); rename it to [{}]"
VARIANT, TOOL = "variant", "tool.variant-backend"


def problems(folder: Path, text: str, *, variants: bool = True) -> list[str]:
    path = folder / "pyproject.toml"
    path.write_text(text)
    try:
        pyproject.Project.load(path, variants=variants)
    except VariantError as error:
        return [line.removeprefix(f"{path}: ") for line in error.lines()]
    return []


@pytest.mark.parametrize("name", ["varient", "variants", "Variant", "varaint", "VARIANT"])
def test_a_table_that_nearly_is_variant_is_an_error(tmp_path: Path, name: str) -> None:
    text = TABLE.replace("[variant", f"[{name}")
    assert problems(tmp_path, text) == [UNKNOWN.format(name, VARIANT, VARIANT)]
    assert problems(tmp_path, TABLE) == []
    assert problems(tmp_path, text, variants=False) == []


@pytest.mark.parametrize("name", ["variant_backend", "variant-backends", "variantbackend", "varient-backend"])
def test_a_table_that_nearly_is_the_tool_s_is_an_error(tmp_path: Path, name: str) -> None:
    text = f'[tool.{name}]\nbuild-backend = "hatchling.build"\n'
    for variants in (True, False):
        assert problems(tmp_path, text, variants=variants) == [UNKNOWN.format(f"tool.{name}", TOOL, TOOL)]
    assert problems(tmp_path, text.replace(name, "variant-backend")) == []


def test_tables_of_others_pass(tmp_path: Path) -> None:
    tools = ("variantlib", "variants", "hatch", "scikit-build", "meson-python", "backend", "variables")
    text = "".join(f"[tool.{tool}]\n" for tool in tools)
    assert problems(tmp_path, f"[project]\n[build-system]\n[dependency-groups]\n[valiant-x]\n{text}") == []


def test_a_table_beside_the_right_one_is_moved_into_it(tmp_path: Path) -> None:
    text = "[tool.variant-backend]\n[tool.variant_backend]\n[variants]\n"
    assert problems(tmp_path, f"{text}{TABLE}") == [
        "[variants]: unknown table (did you mean [variant]?); move its keys to [variant], and remove it",
        "[tool.variant_backend]: unknown table (did you mean [tool.variant-backend]?);"
        " move its keys to [tool.variant-backend], and remove it",
    ]
    assert problems(tmp_path, text, variants=False) == []


def test_a_build_reports_misspelt_tables(tmp_path: Path) -> None:
    project = Project(tmp_path / "a", toml=WRAPPING + TABLE.replace("[variant", "[varient"))
    assert project.refusal(settings=SMALL) == f"pyproject.toml: {UNKNOWN.format('varient', VARIANT, VARIANT)}"
    project.build(None)
    name = "tool.variant_backend"
    project = Project(tmp_path / "b", toml=WRAPPING.replace(TOOL, name))
    assert project.refusal(settings=None) == f"pyproject.toml: {UNKNOWN.format(name, TOOL, TOOL)}"


@pytest.mark.parametrize("command", ["make-variant", "check", "upgrade", "init", "build"])
def test_a_command_reports_a_misspelt_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    wheel = make_wheel(tmp_path)
    Path("pyproject.toml").write_text("[varient]\n")
    calls = {
        "make-variant": (make_variant_command, [str(wheel), "-l", "x"]),
        "check": (main, ["check", "pyproject.toml"]),
        "upgrade": (main, ["upgrade", "pyproject.toml"]),
        "init": (main, ["init"]),
        "build": (main, ["build", "."]),
    }
    function, arguments = calls[command]
    result = CliRunner().invoke(function, arguments)
    assert result.exit_code == 1
    assert "unknown table (did you mean [variant]?); rename it to [variant]" in result.output
    assert "[varient]: " in result.output


EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/pyproject.toml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_builds_of_the_examples_get_to_the_hooks(path: Path) -> None:
    assert (pyproject.build_system_problems(read_toml(path), path) == []) == (path.parent.name != "pytorch")
