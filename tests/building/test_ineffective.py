"""Recipes without effect, in real builds of an extension in C++."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import run
from helpers.sample_projects import write

from variant_backend._internal.building.ineffective import recipes_without_effect
from variant_backend._internal.errors import Problem
from variant_backend._internal.project.recipe import Conditional, Recipe

PYPROJECT = """
[build-system]
requires = ["setuptools", "variant-backend-core"]
build-backend = "variant_backend.hooks"

[tool.variant-backend]
build-backend = "setuptools.build_meta"

[tool.variant-backend.variants]
wrong.env-append = { CFLAGS = "-DANSWER=2" }
misspelt.env = { CXXFLAG = "-DANSWER=3" }
misspelt.config-settings = { answer = "3" }
right.env-append = { CXXFLAGS = "-DANSWER=4", CL = "-DANSWER=4" }
needing.dependencies = ["six"]

[project]
name = "answering"
version = "1.0"

[variant]
default-priorities.namespace = ["mood"]
providers.mood.static-properties.now = ["a", "b", "c", "d"]
variants.wrong.mood.now = ["a"]
variants.misspelt.mood.now = ["b"]
variants.right.mood.now = ["c"]
variants.needing.mood.now = ["d"]
"""
# Debug information and the path make each wheel's extension differ, as with CMake and most Pythons.
SETUP = """
import pathlib
from setuptools import Extension, setup

here = pathlib.Path().absolute().as_posix()
options = {"define_macros": [("HERE", f'"{here}"')], "extra_compile_args": ["-g"]}
setup(ext_modules=[Extension("answering", ["answering.cpp"], **options)])
"""
SOURCE = """
#include <Python.h>

#ifndef ANSWER
#define ANSWER 1
#endif

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "answering", HERE, -1, NULL};

PyMODINIT_FUNC PyInit_answering(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module)
        PyModule_AddIntConstant(module, "answer", ANSWER);
    return module;
}
"""


@pytest.mark.slow
def test_recipes_that_the_compiler_ignores_are_warnings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"pyproject.toml": PYPROJECT, "setup.py": SETUP, "answering.cpp": SOURCE}
    project = write(files, tmp_path / "answering")
    monkeypatch.chdir(project)
    for name in ("CFLAGS", "CXXFLAGS"):
        monkeypatch.delenv(name, raising=False)
    result = run("variant-backend", "build", "--no-isolation", "-j2", "--json")
    plain, *labelled = sorted((project / "dist").glob("*.whl"), key=lambda path: len(path.name))
    place = "pyproject.toml: tool.variant-backend.variants"
    cure = "if only the requirements differ; remove the label if the code gains nothing"
    assert result.stderr.splitlines() == [
        f"warning: {place}.wrong.env-append: same payload as {plain.name}; correct it; remove it {cure}",
        f"warning: {place}.misspelt: env, config-settings: same payload as {plain.name};"
        f" correct them; remove them {cure}",
    ]
    warnings = json.loads(result.stdout)["warnings"]
    assert [(warning["code"], warning["place"]) for warning in warnings] == [
        ("same-payload", f"{place}.wrong.env-append"),
        ("same-payload", f"{place}.misspelt"),
    ]

    # The wheels do differ in what the compiler and the linker write beside the code.
    wrong, right = (
        next(path for path in labelled if path.stem.endswith(name)) for name in ("wrong", "right")
    )
    for wheel, kind in ((wrong, "equivalent"), (right, "different")):
        result = run("variant-backend", "inspect", "--compare", "--json", plain, wheel)
        (path,) = (
            path for path in json.loads(result.stdout)["differences"][kind] if path.startswith("answering.")
        )
        assert path.endswith((".so", ".pyd"))


def labelled_wheel(folder: Path, label: str, content: bytes = b"") -> Path:
    plain = make_wheel(folder / "new", files={"demo.py": content})
    return plain.replace(folder / f"demo-1.0-py3-none-any-{label}.whl" if label else folder / plain.name)


def problems(recipes: dict[str, Recipe], *built: Path) -> list[Problem]:
    return recipes_without_effect(recipes, "pyproject.toml", built)


def test_labels_with_equal_recipes_may_have_equal_payloads(tmp_path: Path) -> None:
    recipe = Recipe(env={"A": "1"})
    built = [labelled_wheel(tmp_path, "one"), labelled_wheel(tmp_path, "two")]
    assert problems({"one": recipe, "two": recipe}, *built) == []
    others = {"one": recipe, "two": Recipe(build_requires=("six",))}
    assert [problem.place.rpartition(".")[2] for problem in problems(others, *built)] == [
        "env",
        "build-requires",
    ]


def test_labels_without_build_keys_are_not_compared(tmp_path: Path) -> None:
    built = [labelled_wheel(tmp_path, "one"), labelled_wheel(tmp_path, "")]
    assert problems({"one": Recipe(dependencies=("six",), match={"name": "*"})}, *built) == []


def test_the_remedy_of_a_recipe_without_effect_removes_the_warning(tmp_path: Path) -> None:
    built = [labelled_wheel(tmp_path, "one"), labelled_wheel(tmp_path, "")]
    (problem,) = problems({"one": Recipe(env_append={"A": "1"})}, *built)
    assert problem.remedy and "remove it" in problem.remedy and problem.place.endswith(".one.env-append")
    assert problems({"one": Recipe()}, *built) == []


def test_changes_for_other_platforms_have_no_effect_here(tmp_path: Path) -> None:
    built = [labelled_wheel(tmp_path, "one"), labelled_wheel(tmp_path, "")]
    here = Conditional(f"sys_platform == '{sys.platform}'", env={"A": "1"})
    elsewhere = Conditional("sys_platform == 'plan9'", env_append={"A": "1"})
    (problem,) = problems({"one": Recipe(auto_flags=True, conditional=(here, elsewhere))}, *built)
    assert problem.text.startswith("flags, env, env-append: same payload as ")
    (problem,) = problems({"one": Recipe(conditional=(elsewhere,))}, *built)
    assert problem.place.endswith(".one.env-append") and problem.text.startswith("same payload as ")
    (problem,) = problems({"one": Recipe(build_requires=("six; sys_platform == 'plan9'",))}, *built)
    assert problem.place.endswith(".one.build-requires")


def test_unreadable_wheels_in_the_output_folder_are_not_compared(tmp_path: Path) -> None:
    built = labelled_wheel(tmp_path, "one")
    (tmp_path / "demo-1.0-py3-none-any.whl").write_bytes(b"")
    (tmp_path / "other.whl").write_bytes(b"")
    assert problems({"one": Recipe(env={"A": "1"})}, built) == []
    labelled_wheel(tmp_path, "", b"x = 1")
    assert problems({"one": Recipe(env={"A": "1"})}, built) == []
    labelled_wheel(tmp_path, "")
    assert len(problems({"one": Recipe(env={"A": "1"})}, built)) == 1
