"""`check` reports each mistake in a project file that keeps builds from making variants."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.sample_projects import WRAPS_SETUPTOOLS

from variant_backend._internal.checking.codes import select_codes
from variant_backend._internal.checking.run import check_files

WRAPPED = f"""\
{WRAPS_SETUPTOOLS}[tool.variant-backend.variants.fast]
env = {{ CFLAGS = "-O3" }}
[variant]
default-priorities.namespace = ["speed"]
providers.speed.static-properties.mode = ["fast", "safe"]
variants.fast = {{ speed = {{ mode = ["fast"] }} }}
"""
OWN_TABLE = '[tool.variant-backend]\nbuild-backend = "setuptools.build_meta"\n'
RECIPE = '[tool.variant-backend.variants.fast]\nenv = { CFLAGS = "-O3" }\n'
HOOKS = '"variant_backend.hooks"'
OTHER = '"setuptools.build_meta"'
REQUIREMENT = '"variant-backend-core"'

# The replacements in the wrapped project, and the code and place of each finding that it then has.
MISTAKES = {
    "not wrapped": (
        [(OWN_TABLE, ""), (HOOKS, OTHER)],
        ["not-wrapped tool.variant-backend.variants.fast"],
    ),
    "not wrapped, without recipes": (
        [(OWN_TABLE, ""), (RECIPE, ""), (HOOKS, OTHER)],
        ["not-wrapped [variant]"],
    ),
    "half wrapped": ([(HOOKS, OTHER)], ["build-system build-system.build-backend"]),
    "a backend that wraps itself": ([(OTHER, HOOKS)], ["build-system tool.variant-backend.build-backend"]),
    "no backend to wrap": ([(OWN_TABLE, "")], ["build-system tool.variant-backend.build-backend"]),
    "a misspelt hook": ([("backend.hooks", "backend.hook")], ["build-system build-system.build-backend"]),
    "a misspelt hook in an unwrapped project": (
        [("variant_backend.hooks", "variant-backend"), (OWN_TABLE, ""), (RECIPE, "")],
        ["build-system build-system.build-backend"],
    ),
    "requires without variant-backend": (
        [(f", {REQUIREMENT}", "")],
        ["build-requires build-system.requires"],
    ),
    "a marker of the requirement": (
        [(REQUIREMENT, "\"variant-backend-core; platform_machine == 'x86_64'\"")],
        ["build-requires build-system.requires"],
    ),
    "an old Python in the marker": (
        [(REQUIREMENT, "\"variant-backend-core; python_version < '3.12'\"")],
        ["build-requires build-system.requires"],
    ),
    "a version that does not exist": (
        [(REQUIREMENT, '"variant_backend[x]~=99.0"')],
        ["build-requires build-system.requires"],
    ),
    "[varient]": (
        [("[variant]", "[varient]")],
        ["misspelt-table [varient]", "unknown-recipe tool.variant-backend.variants.fast"],
    ),
    "[tool.variant]": (
        [("[variant]", "[tool.variant]")],
        ["misspelt-table [tool.variant]", "unknown-recipe tool.variant-backend.variants.fast"],
    ),
    "[tool.variant-backed]": (
        [("[tool.variant-backend]", "[tool.variant-backed]")],
        ["misspelt-table [tool.variant-backed]", "build-system tool.variant-backend.build-backend"],
    ),
    "[variant-backend]": (
        [("[tool.variant-backend]", "[variant-backend]")],
        ["misspelt-table [variant-backend]", "build-system tool.variant-backend.build-backend"],
    ),
    "a recipe for an undefined label": (
        [("variants.fast]", "variants.fsat]")],
        ["unknown-recipe tool.variant-backend.variants.fsat"],
    ),
}
UNRELATED = {
    "wrapped": WRAPPED,
    "requirements for each system": WRAPPED.replace(
        REQUIREMENT,
        "\"variant-backend-core; sys_platform == 'win32'\", \"variant-backend<99; sys_platform != 'win32'\"",
    ),
    "a requirement for an older version": WRAPPED.replace(REQUIREMENT, '"variant-backend<0.0.1"'),
    "an invalid requirement": WRAPPED.replace(REQUIREMENT, '"variant-backend-core >< 1"'),
    "conversions only": WRAPPED[WRAPPED.index("[variant]") :],
    "conversions with a backend": WRAPPED.replace(HOOKS, OTHER)
    .replace(OWN_TABLE, "")
    .replace('env = { CFLAGS = "-O3" }', 'match = { local = "fast" }'),
    "priorities and providers for another tool": WRAPPED.replace(HOOKS, OTHER)
    .replace(OWN_TABLE + RECIPE, "")
    .replace('variants.fast = { speed = { mode = ["fast"] } }\n', ""),
    "no variants": '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n[project]\n',
    "similar names of others": (
        '[build-system]\nrequires = ["my-backend", "variantlib"]\nbuild-backend = "my_backend.hooks"\n'
        "[tool.variant]\nname = 1\n[tool.variants]\n[tool.backend]\n[project]\n"
    ),
}


def findings(folder: Path, text: str, groups: tuple[str, ...] = ()) -> Iterator[tuple[str, str, str | None]]:
    path = folder / "pyproject.toml"
    path.write_text(text, encoding="utf-8")
    for file, problem in check_files([path], select_codes(groups, [], ["uv", "pip"])).findings:
        assert Path(file) == path
        yield problem.code, problem.place, problem.remedy


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_has_its_code_place_and_remedy(name: str, tmp_path: Path) -> None:
    changes, expected = MISTAKES[name]
    text = WRAPPED
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    found = [*findings(tmp_path, text, ("project",))]
    assert all(remedy for *_, remedy in found)
    assert sorted(f"{code} {place}" for code, place, _ in found) == sorted(expected)


@pytest.mark.parametrize("name", UNRELATED)
def test_a_sound_or_unrelated_project_has_no_finding(name: str, tmp_path: Path) -> None:
    assert [*findings(tmp_path, UNRELATED[name])] == []
