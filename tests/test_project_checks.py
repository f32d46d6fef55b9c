"""The how-to pages for projects: GitHub Actions, GitLab CI, nox and pre-commit, with the real tools."""

from __future__ import annotations

import json
import re
import shutil
import sys
from ast import literal_eval
from pathlib import Path
from typing import Any

import pytest
from helpers.composite_action import CompositeAction
from helpers.documentation import DOCS, code_blocks, shown_file
from helpers.programs import SCRIPTS, run
from helpers.sample_projects import ROOT
from ruamel.yaml import YAML

LABELS = ("exact", "fast", "")

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_wheel")]
with_bash = pytest.mark.skipif(sys.platform == "win32", reason="the bash of Windows may be that of WSL")


def text_of(page: str) -> str:
    return (DOCS / "how-to" / page).read_text(encoding="utf-8")


def write_files(page: str, folder: Path, wheels: Path | None = None) -> Path:
    """Write the files that a page shows into a folder, and return that.

    *wheels* is the folder of the two packages that the page has in `ci/packages`.
    """
    if wheels:
        shutil.copytree(wheels, folder / "ci" / "packages")
    for block in code_blocks(text_of(page)):
        if block.file:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
    return folder


def checked(folder: Path, schema: str, text: str) -> Any:
    """Compare a file with the schema of its CI service, and return its content."""
    path = folder / "checked.yml"
    path.write_text(text, encoding="utf-8")
    run("check-jsonschema", "--builtin-schema", f"vendor.{schema}", path)
    return YAML(typ="safe").load(text)


def is_own(step: dict[str, Any]) -> bool:
    """Whether a step uses the action of this repository, whoever owns that."""
    return "/variant-backend@" in step.get("uses", "")


def replaced(script: list[str]) -> str:
    """Return the commands of a job; the environment of these tests has what pip and pipx would install."""
    text = "\n".join(line for line in script if not line.startswith("pip install"))
    return text.replace("pipx run build", "python -m build --installer uv")


@with_bash
def test_the_workflow_for_github_makes_a_release(tmp_path: Path) -> None:
    project = write_files("github-action.md", tmp_path / "project")
    (project / "fastsum.py").touch()
    text = (project / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    steps = checked(tmp_path, "github-workflows", text)["jobs"]["release"]["steps"]
    for step in steps:
        if "run" in step:
            run("bash", "-ec", replaced([step["run"]]), cwd=project, **step.get("env", {}))
    (inputs,) = (step["with"] for step in steps if is_own(step))
    action = CompositeAction(ROOT, tmp_path, inputs)
    assert action.run(project, {"steps.install.outputs.program": str(SCRIPTS / "variant-backend")})
    names = ["fastsum-1.0-py3-none-any-x86_64_v3.whl", "fastsum-1.0-py3-none-any.whl"]
    assert sorted(path.name for path in (project / "dist").iterdir()) == sorted(
        [*names, "fastsum-1.0-variants.json"]
    )
    log = action.results["Check"].log
    assert re.findall("^::.*,title=([^:]+)::", log, re.MULTILINE).count("not-wrapped") == 1, log
    assert "::error" not in log


def test_the_page_lists_the_inputs_and_outputs_of_the_action() -> None:
    definition = CompositeAction(ROOT, ROOT, {}).definition
    text = text_of("github-action.md")
    inputs, outputs = (
        text.partition(f"## {title}\n")[2].partition("\n## ")[0] for title in ("Inputs", "Outputs")
    )
    row = re.compile(r"^\| `([\w-]+)` \| (?:(`?)([^|`]*)\2 \| )?", re.MULTILINE)
    assert [(name, default) for name, _, default in row.findall(inputs)] == [
        (name, each["default"]) for name, each in definition["inputs"].items()
    ]
    assert re.findall(r"^\| `([\w-]+)` \|", outputs, re.MULTILINE) == [*definition["outputs"]]
    for block in re.findall(r"^```yaml\n(      - .*?)^```$", text, re.MULTILINE | re.DOTALL):
        for step in YAML(typ="safe").load(block):
            assert not is_own(step) or step.get("with", {}).keys() <= definition["inputs"].keys()


def test_setuptools_finds_no_package_in_the_folder_of_our_wheels(tmp_path: Path) -> None:
    folders = {*re.findall(r"_FIND_LINKS: \$\{\{ github\.workspace \}\}/(\S+)", text_of("use-a-clone.md"))}
    for folder in ("demo", "vendor", *folders):
        (tmp_path / folder).mkdir(parents=True)
    script = "from setuptools.discovery import FlatLayoutPackageFinder as finder; print(finder.find('.'))"
    assert sorted(literal_eval(run("python", "-c", script, cwd=tmp_path).stdout)) == ["demo", "vendor"]
    assert folders == {"ci/packages"}


@with_bash
def test_the_pipelines_for_gitlab_make_a_release_and_an_index(
    tmp_path: Path, own_wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = write_files("gitlab-and-nox.md", tmp_path, own_wheel.parent)
    monkeypatch.delenv("UV_FIND_LINKS")
    first = checked(tmp_path, "gitlab-ci", (project / ".gitlab-ci.yml").read_text())["matrix"]
    run("bash", "-ec", replaced(first["script"]), cwd=project)
    published = "".join((project / name).read_text() for name in ("wheels.yml", "ci/pages.yml"))
    jobs = checked(tmp_path, "gitlab-ci", published)
    ((variable, folder),) = jobs["variables"].items()
    monkeypatch.setenv(variable.replace("PIP", "UV"), folder.replace("$CI_PROJECT_DIR", str(project)))
    assert jobs[".wheels"]["parallel"]["matrix"] == [{"WHEEL_LABEL": [*LABELS]}]
    fast = replaced(jobs["wheel"]["script"]) + " --build-installer uv"
    for label in LABELS:
        run("bash", "-ec", fast, cwd=project, WHEEL_LABEL=label)
    run("bash", "-ec", replaced(jobs["release"]["script"]), cwd=project)
    assert (project / "dist" / "fastsum-1.0-variants.json").exists()
    url = "https://me.gitlab.example/fastsum"
    run("bash", "-ec", replaced(jobs["pages"]["script"]), cwd=project, CI_PAGES_URL=url)
    pages = [path.read_text(encoding="utf-8") for path in project.glob("public/**/*.html")]
    assert any(f"--index-url {url}/simple/ fastsum==1.0" in page for page in pages)


def test_nox_tests_each_variant_and_builds_a_release(
    tmp_path: Path, own_wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = write_files("gitlab-and-nox.md", tmp_path, own_wheel.parent)
    monkeypatch.delenv("UV_FIND_LINKS")
    listed = json.loads(run("nox", "--list", "--json", cwd=project).stdout)
    assert [each["session"] for each in listed] == ["tests(label='exact')", "tests(label='fast')", "release"]
    # uv installs faster than pip, which is the default of nox, and of `build`.
    config = tmp_path / "config" / "variant-backend" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('build-installer = "uv"\n', encoding="utf-8")
    command = ("nox", "--default-venv-backend", "uv", "-s", "tests(label='fast')", "release")
    run(*command, cwd=project, XDG_CONFIG_HOME=str(config.parents[1]))
    assert len([*(project / "dist").glob("fastsum-1.0-*-*.whl")]) == 3


def test_pre_commit_installs_the_hook_and_finds_a_misspelt_property(tmp_path: Path) -> None:
    clone, project = tmp_path / "clone", tmp_path / "project"
    for name in ("variant_backend", "commands"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    (clone / "docs" / "reference").mkdir(parents=True)
    for name in (
        ".pre-commit-hooks.yaml",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "docs/reference/rules.md",
    ):
        shutil.copy(ROOT / name, clone / name)
    (project / "other").mkdir(parents=True)
    text = shown_file(text_of("github-action.md"), "pyproject.toml")
    (project / "pyproject.toml").write_text(text.replace('["v3"]', '["v33"]'), encoding="utf-8")
    (project / "other" / "pyproject.toml").touch()
    (project / "data.json").write_text("{}")
    for folder in (clone, project):
        run("git", "init", "--quiet", cwd=folder)
        run("git", "add", ".", cwd=folder)
    user = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    run("git", *user, "commit", "--quiet", "-m", "all", cwd=clone)
    home = str(tmp_path / "pre-commit")
    command = ("pre-commit", "try-repo", clone, "variant-backend-check", "--all-files")
    done = run(*command, cwd=project, ok=False, PRE_COMMIT_HOME=home)
    assert done.returncode == 1
    assert "pyproject.toml: variants.x86_64_v3.x86_64.level: error[unknown-property]" in done.stdout
    assert "2 project files: 1 error" in done.stdout
