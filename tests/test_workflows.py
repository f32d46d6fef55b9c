"""The workflows use pinned actions and the Pythons of pyproject.toml; GitHub accepts them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from helpers.programs import run
from helpers.sample_projects import ROOT
from ruamel.yaml import YAML
from workflow_lint import ACTIONS, WORKFLOWS, expanded, scripts

from variant_backend._internal.formats.toml_read import read_toml

GITHUB = ROOT / ".github"
PROJECT: Any = read_toml(ROOT / "pyproject.toml")
PINNED = re.compile(r"([\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)")
TAGGED = re.compile(r"uses: ([\w./-]+)@(v\d\S*)")


def loaded(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def uses() -> list[str]:
    """Return what the steps of all workflows and actions use, with comments."""
    texts = [path.read_text(encoding="utf-8") for path in (*WORKFLOWS, *ACTIONS)]
    return [line for text in texts for line in re.findall(r"uses: (.*)", text) if not line.startswith("./")]


def test_each_action_is_pinned_by_a_digest_with_its_version() -> None:
    assert len(uses()) > 10
    assert [line for line in uses() if not PINNED.fullmatch(line)] == []


def test_an_action_has_the_same_digest_everywhere() -> None:
    assert len({*uses()}) == len({line.partition("@")[0] for line in uses()})


def test_pages_name_the_versions_of_the_pinned_actions() -> None:
    versions = {match[1]: match[3] for match in map(PINNED.fullmatch, uses()) if match}
    for page in (ROOT / "docs").rglob("*.md"):
        for action, tag in TAGGED.findall(page.read_text(encoding="utf-8")):
            pinned = versions.get(action, tag)  # pages also use the action of this repository
            assert pinned == tag or pinned.startswith(f"{tag}."), (page, action)


def test_quick_tests_run_with_each_declared_python() -> None:
    job = loaded(GITHUB / "workflows" / "tests.yml")["jobs"]["quick"]
    classifiers = PROJECT["project"]["classifiers"]
    declared = [text.rpartition(" ")[2] for text in classifiers if re.search(r":: 3\.\d+$", text)]
    assert [name for name in job["strategy"]["matrix"]["python"] if not name.endswith("t")] == declared


def test_releases_are_uploaded_by_the_measured_uv() -> None:
    (step,) = (
        step
        for step in loaded(GITHUB / "workflows" / "release.yml")["jobs"]["publish-core"]["steps"]
        if "setup-uv" in step.get("uses", "")
    )
    assert f"uv=={step['with']['version']}" in PROJECT["dependency-groups"]["agree"]


def test_actionlint_gets_workflows_without_aliases(tmp_path: Path) -> None:
    workflow = tmp_path / "workflow.yml"
    workflow.write_text("one:\n  steps: &steps\n  - run: ls\ntwo:\n  steps: *steps\n", encoding="utf-8")
    assert expanded(workflow) == "one:\n  steps:\n  - run: ls\ntwo:\n  steps:\n  - run: ls\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", WORKFLOWS),
        ("dependabot", [GITHUB / "dependabot.yml"]),
        ("github-issue-forms", [GITHUB / "ISSUE_TEMPLATE" / "bug.yml"]),
    ],
)
def test_github_accepts_the_files(schema: str, files: list[Path]) -> None:
    run("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tag", "accepted"), [("v1.2", True), ("1.2", False), ("v1.2.1", False), ("release-1.2", False)]
)
def test_a_release_has_the_version_of_its_tag(tmp_path: Path, tag: str, accepted: bool) -> None:
    steps = dict(scripts(loaded(GITHUB / "workflows" / "release.yml")))
    for folder, name in (("core", "variant_backend_core"), ("commands", "variant_backend")):
        (tmp_path / "dist" / folder).mkdir(parents=True)
        for file in (f"{name}-1.2-py3-none-any.whl", f"{name}-1.2.tar.gz"):
            (tmp_path / "dist" / folder / file).touch()
    check = run(
        "bash", "-e", "-c", steps["Compare the versions with the tag"], cwd=tmp_path, ok=False, TAG=tag
    )
    assert (check.returncode == 0) == accepted, check.stdout
