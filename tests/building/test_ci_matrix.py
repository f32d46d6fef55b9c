"""`variant-backend build --print-matrix`, and the workflows that read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.documentation import DOCS, shown_file
from helpers.programs import run, run_here
from ruamel.yaml import YAML

from variant_backend._internal.building.ci_matrix import matrix_text
from variant_backend._internal.cli.build import build_command
from variant_backend._internal.cli.main import main

PAGE = DOCS / "how-to" / "matrix.md"
# A plain 3.10 is a number in YAML, and a plain null is an empty value.
AXES = {"label": ["fast", "null", ""], "python": ["3.10", "cp314t"], "platform": ["ubuntu-24.04"]}
PROJECT = """
[build-system]
requires = ["flit_core", "variant-backend-core"]
build-backend = "variant_backend.hooks"

[tool.variant-backend]
build-backend = "flit_core.buildapi"
variants.null = {}

[variant]
default-priorities.namespace = ["accuracy"]
providers.accuracy.static-properties.mode = ["exact", "fast"]
variants.fast = { accuracy = { mode = ["fast"] } }
variants.exact = { accuracy = { mode = ["exact"] } }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    return tmp_path


def jobs(*arguments: str, project: Path) -> list[dict[str, str]]:
    """Return the jobs that the command prints."""
    printed = run_here(build_command, "--print-matrix", "json", *arguments, project).stdout
    result: list[dict[str, str]] = json.loads(printed)
    return result


def labels(*arguments: str, project: Path) -> list[str]:
    return [job["label"] for job in jobs(*arguments, project=project)]


def test_the_matrix_has_the_labels_that_a_build_would_make(project: Path) -> None:
    assert labels(project=project) == ["fast", "exact", "null", ""]
    assert labels("--plain", project=project) == [""]
    assert labels("--label=exact", "--plain", project=project) == ["exact", ""]
    assert labels("--label=null", "--label=null", project=project) == ["null"]
    assert [*project.iterdir()] == [project / "pyproject.toml"]


def test_each_axis_multiplies_the_jobs(project: Path) -> None:
    axes = ["--python=3.10", "--python=3.11", "--python=3.10", "--platform=windows-2025"]
    assert jobs("--label=fast", *axes, project=project) == [
        {"label": "fast", "python": version, "platform": "windows-2025"} for version in ("3.10", "3.11")
    ]


def test_github_gets_one_line_with_the_same_jobs() -> None:
    text = matrix_text("github", AXES)
    assert text.count("\n") == 1 and text.endswith("\n")
    assert json.loads(text) == {"include": json.loads(matrix_text("json", AXES))}


def test_gitlab_gets_texts_only() -> None:
    read = YAML(typ="safe").load(matrix_text("gitlab", AXES))
    matrix = {f"WHEEL_{name.upper()}": values for name, values in AXES.items()}
    assert read == {".wheels": {"parallel": {"matrix": [matrix]}}}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--python=3.13"], "--python needs --print-matrix FORMAT"),
        (["--platform=windows"], "--platform needs --print-matrix FORMAT"),
        *(
            (["--print-matrix=json", option], f"{name} and --print-matrix cannot be used together")
            for option, name in [
                ("--jobs=1", "--jobs"),
                ("--json", "--json"),
                ("-ofolder", "--output"),
                ("--no-isolation", "--no-isolation"),
                ("--build-installer=uv", "--build-installer"),
            ]
        ),
        (["--print-matrix=json", "--python="], "--python: expected a value, got an empty text"),
        (["--print-matrix=json", "--label=fats"], "unknown label 'fats' (did you mean 'fast'?)"),
    ],
)
def test_options_without_effect_and_unknown_names_are_wrong_usage(
    project: Path, options: list[str], message: str
) -> None:
    result = CliRunner().invoke(main, ["build", *options, str(project)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"error: {message}" in result.stderr


# The workflows of the documentation.


def block(name: str) -> str:
    """Return a file of the page."""
    return shown_file(PAGE.read_text("utf-8"), name)


def check(folder: Path, name: str, text: str) -> Any:
    """Compare a file with the schema of its CI service, and return its content."""
    path = folder / "checked.yml"
    path.write_text(text, encoding="utf-8")
    run("check-jsonschema", "--builtin-schema", f"vendor.{name}", path)
    return YAML(typ="safe").load(text)


@pytest.mark.slow  # it starts a program
def test_github_accepts_the_workflow_of_the_page(tmp_path: Path) -> None:
    check(tmp_path, "github-workflows", block(".github/workflows/wheels.yml"))


@pytest.mark.slow  # it starts several programs
def test_gitlab_accepts_the_pipelines_of_the_page(project: Path) -> None:
    check(project, "gitlab-ci", block(".gitlab-ci.yml"))
    child = block("ci/wheels.yml") + run_here(build_command, "--print-matrix", "gitlab", project).stdout
    job = check(project, "gitlab-ci", child)["wheel"]
    script = "\n".join(job["script"][1:]) + " --print-matrix json"
    for label in ("fast", ""):
        printed = run("bash", "-e", "-c", script, cwd=project, WHEEL_LABEL=label).stdout
        assert json.loads(printed) == [{"label": label}]
