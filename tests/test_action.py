"""action.yml: bash runs its steps in made-up projects, as a runner of GitHub does."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.composite_action import CompositeAction
from helpers.made_wheels import make_wheel
from helpers.programs import SCRIPTS, run
from helpers.sample_projects import ROOT

PROJECT = """
[build-system]
requires = ["hatchling", "variant-backend-core"]
build-backend = "variant_backend.hooks"

[tool.variant-backend]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"
requires-python = ">=3.10"

[variant]
default-priorities.namespace = ["x86_64"]
providers.x86_64.requires = ["x86-64-variant-provider>=0.2,<0.3"]
variants.x86_64_v3 = { x86_64 = { level = ["v3"] } }
variants.x86_64_v2 = { x86_64 = { level = ["v2"] } }
"""
LABELLED = "dist/demo-1.0-py3-none-any-x86_64_v3.whl"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the bash of Windows may be that of WSL")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "my project"
    make_wheel(folder / "wheel house")
    make_wheel(folder / "dist")
    (folder / "pyproject.toml").write_text(PROJECT)
    return folder


@pytest.fixture
def action(tmp_path: Path) -> Callable[..., CompositeAction]:
    """Return a function that makes an action with inputs."""
    temporary = tmp_path / "runner temp"
    temporary.mkdir()
    return lambda **inputs: CompositeAction(ROOT, temporary, inputs)


def ran(action: CompositeAction, project: Path) -> bool:
    """Run an action with the program of these tests, without its step Install.

    The job has variables with the names of those in the scripts.
    """
    names = dict.fromkeys(("files", "labelled", "line", "options", "paths", "wheels"), "--of-the-job")
    return action.run(project, {"steps.install.outputs.program": str(SCRIPTS / "variant-backend")}, **names)


@pytest.mark.slow  # it installs this project
@pytest.mark.usefixtures("own_wheel")
def test_the_action_installs_itself_into_an_environment_of_its_own(
    action: Callable[..., CompositeAction], project: Path
) -> None:
    (project / "venv.py").write_text("raise SystemExit('a module of the project was run')\n")
    made = action(wheels="wheel house/*.whl", label="x86_64_v3", index="false", check="false")
    assert made.run(project, PATH=f"{SCRIPTS}:/usr/bin:/bin"), made.results
    program = Path(made.output("program"))
    assert "runner temp" in program.parts[-4:]
    assert run(program, "--version").stdout == run("variant-backend", "--version").stdout
    assert made.output("wheels") == LABELLED


def test_the_action_labels_indexes_and_checks(action: Callable[..., CompositeAction], project: Path) -> None:
    made = action(wheels="wheel house/*.whl\n", label="x86_64_v3", ignore="upload")
    assert ran(made, project), made.results
    assert made.output("wheels") == LABELLED
    assert made.output("index-files") == "dist/demo-1.0-variants.json"
    names = {"demo-1.0-py3-none-any.whl", Path(LABELLED).name, "demo-1.0-variants.json"}
    assert {path.name for path in (project / "dist").iterdir()} == names
    summary = made.results["Check"].summary
    assert "variant-backend check: 2 wheels, 1 index file, pyproject.toml: no problems" in summary
    assert "<code>x86_64_v3</code></td><td>processors with AVX2, BMI2 and FMA" in summary
    assert "all installers: not a variant" in summary
    assert "::" not in made.results["Check"].log


def test_properties_and_several_wheels_are_one_a_line(
    action: Callable[..., CompositeAction], project: Path
) -> None:
    make_wheel(project / "more", version="2.0")
    properties = "x86_64 :: level :: v2\n\nx86_64::aes::on\n"
    made = action(wheels="wheel house/*.whl\nmore/*.whl", label="fast", properties=properties, output="out")
    make_wheel(project / "out")
    make_wheel(project / "out", version="2.0")
    assert ran(made, project), made.results
    paths = [f"out/demo-{version}-py3-none-any-fast.whl" for version in ("1.0", "2.0")]
    assert made.output("wheels").splitlines() == paths
    assert made.output("index-files").count("\n") == 1
    assert "x86_64 :: aes :: on" in made.results["Check"].summary


def test_labels_come_from_the_wheels_or_another_project_file(
    action: Callable[..., CompositeAction], project: Path
) -> None:
    (project / "pyproject.toml").rename(project / "other.toml")
    inputs = {"wheels": "wheel house/*.whl", "label": "x86_64_v2", "pyproject": "other.toml"}
    made = action(**inputs, output="a b", check="false")
    assert ran(made, project), made.results
    (labelled,) = (project / "a b").glob("*.whl")
    plain = (project / "built").joinpath("demo-1.0-py3-none-any.whl")
    plain.parent.mkdir()
    labelled.rename(plain)  # as -Cvariant-filename=plain names it
    made = action(wheels="built/*.whl", index="false", check="false")
    assert ran(made, project), made.results
    assert made.output("wheels") == "dist/demo-1.0-py3-none-any-x86_64_v2.whl"


def test_without_an_index_only_labelled_wheels_are_checked(
    action: Callable[..., CompositeAction], project: Path
) -> None:
    made = action(
        wheels="wheel house/*.whl", label="x86_64_v3", index="false", ignore="upload", output=" [a]*"
    )
    assert ran(made, project), made.results
    assert made.output("wheels") == " [a]*/demo-1.0-py3-none-any-x86_64_v3.whl"
    assert not [*project.rglob("*variants.json")]
    assert "1 wheel, pyproject.toml: no problems" in made.results["Check"].summary
    assert made.output("index-files") == ""


def test_a_problem_fails_the_check_and_becomes_an_annotation(
    action: Callable[..., CompositeAction], project: Path
) -> None:
    (project / "dist" / "demo-1.0-py3-none-any.whl").write_bytes(b"no archive")
    made = action(wheels="wheel house/*.whl", label="x86_64_v3", index="false", check="false")
    assert ran(made, project), made.results
    assert [*made.results] == ["Label the wheels"]
    made = action(index="false")
    assert not ran(made, project)
    log, summary = made.results["Check"].log, made.results["Check"].summary
    assert "::error file=dist/demo-1.0-py3-none-any.whl,title=bad-zip::" in log
    assert "::error file=dist,title=missing-index::demo-1.0-variants.json is missing" in log
    assert "<td>error</td><td><code>bad-zip</code></td>" in summary
    assert "variant-backend check: 2 wheels, pyproject.toml: 2 errors" in summary


def test_a_wheel_without_a_label_is_an_error(action: Callable[..., CompositeAction], project: Path) -> None:
    made = action(wheels="wheel house/*.whl")
    assert not ran(made, project)
    assert [*made.results] == ["Label the wheels"]
    assert "no variant is given for this wheel" in made.results["Label the wheels"].log
    assert made.output("wheels") == ""


def test_a_label_or_properties_without_wheels_are_errors(
    action: Callable[..., CompositeAction], project: Path
) -> None:
    for inputs in ({"label": "x86_64_v3"}, {"properties": "x86_64::level::v3"}):
        made = action(**inputs)
        assert not ran(made, project)
        assert "missing argument 'WHEEL...'" in made.results["Label the wheels"].log


HOSTILE = ["$(touch pwned)", '"; touch pwned; "', "::error::x", "a\nEND\nprogram=x", "<b>|`touch pwned`"]


def test_hostile_file_names_are_only_text(action: Callable[..., CompositeAction], project: Path) -> None:
    for text in HOSTILE:
        (project / "dist" / f"{text}.whl").write_bytes(b"")
    made = action(index="false")
    assert not ran(made, project)
    log, summary = made.results["Check"].log, made.results["Check"].summary
    assert not [*project.rglob("pwned")]
    commands = [line for line in log.splitlines() if line.startswith("::")]
    assert all(re.match("::(error|warning) file=dist/", line) for line in commands)
    assert log.count("title=bad-filename") == 1
    assert f" and {len(HOSTILE) - 3} more: " in log
    assert "<b>" not in summary
    assert "\n\n" not in summary.rstrip()


@pytest.mark.parametrize("name", ["wheels", "label", "properties", "pyproject", "output", "ignore"])
def test_hostile_inputs_are_only_text(
    action: Callable[..., CompositeAction], project: Path, name: str
) -> None:
    made = action(**{"wheels": "wheel house/*.whl", "label": "x86_64_v3", name: "$(touch pwned)\nEND\nx=y"})
    assert not ran(made, project)
    assert all(not result.outputs.keys() - {"wheels", "index-files"} for result in made.results.values())
    assert not [*project.rglob("pwned")]


def test_scripts_have_no_expressions_and_use_no_other_actions() -> None:
    definition = CompositeAction(ROOT, ROOT, {}).definition
    for step in definition["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert "uses" not in step


@pytest.mark.slow  # it starts a program
def test_github_accepts_the_action() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.github-actions", ROOT / "action.yml")
