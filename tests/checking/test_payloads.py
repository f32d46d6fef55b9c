"""`check` finds recipes without effect by the hashes in RECORD."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.sample_release import DOCUMENT, write_release

from variant_backend._internal.checking.run import find_problems
from variant_backend._internal.errors import Problem

PROJECT = """
[project]
name = "{name}"
[tool.variant-backend]
variants.fast = {{ env = {{ A = "1" }}, build-requires = ["six"] }}
variants.safe = {{ dependencies = ["six"] }}
[variant]
default-priorities.namespace = ["speed"]
providers.speed.static-properties.mode = ["fast", "safe"]
variants.fast.speed.mode = ["fast"]
variants.safe.speed.mode = ["safe"]
"""


def problems(*paths: Path) -> list[Problem]:
    found = [finding for finding in find_problems(paths) if finding.problem.code == "same-payload"]
    assert all(finding.file.endswith("pyproject.toml") for finding in found)
    return [finding.problem for finding in found]


def project(folder: Path, name: str = "demo") -> Path:
    path = folder / "pyproject.toml"
    path.write_text(PROJECT.format(name=name), encoding="utf-8")
    return path


def test_a_recipe_without_effect_is_reported_at_its_keys(tmp_path: Path) -> None:
    dist = write_release(tmp_path / "dist", DOCUMENT)
    (problem,) = problems(dist, project(tmp_path))
    assert problem.place == "tool.variant-backend.variants.fast"
    assert problem.text == "env, build-requires: same payload as demo-1.0-py3-none-any.whl"


def test_without_the_project_file_no_recipe_is_known(tmp_path: Path) -> None:
    assert problems(write_release(tmp_path / "dist", DOCUMENT)) == []


@pytest.mark.parametrize(("name", "count"), [("Demo", 1), ("other", 0)])
def test_recipes_apply_to_the_releases_of_their_project(tmp_path: Path, name: str, count: int) -> None:
    assert len(problems(write_release(tmp_path / "dist", DOCUMENT), project(tmp_path, name))) == count


def test_a_project_file_without_a_name_applies_to_every_release(tmp_path: Path) -> None:
    path = project(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace('name = "demo"', 'dynamic = ["name"]'))
    assert len(problems(write_release(tmp_path / "dist", DOCUMENT), path)) == 1


def test_wheels_in_several_folders_are_compared(tmp_path: Path) -> None:
    folders = [
        write_release(tmp_path / "one", None, lambda _: DOCUMENT, labels=["fast"], plain=False),
        write_release(tmp_path / "two", None, labels=[]),
    ]
    assert len(problems(*folders, project(tmp_path))) == 1


def test_equal_wheels_of_several_platforms_are_one_problem(tmp_path: Path) -> None:
    dist = write_release(tmp_path / "dist", DOCUMENT)
    for path in [*dist.glob("*.whl")]:
        path.with_name(path.name.replace("py3-none", "cp313-none")).write_bytes(path.read_bytes())
    (problem,) = problems(dist, project(tmp_path))
    assert problem.text.endswith(".whl, and 1 more of its wheels equal another one")
