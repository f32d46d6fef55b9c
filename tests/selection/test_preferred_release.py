"""The policy ``releases``: the newest release, or an older one with a variant for an accelerator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.offers import CUDA, make_variants
from helpers.offers import machine as made_machine

from variant_backend.cli.main import main
from variant_backend.machine.support import Machine, Policy
from variant_backend.machine.user_config import configuration_in
from variant_backend.selection.releases import Sources
from variant_backend.serving.environments import unknown_environments
from variant_backend.serving.offer import Choice, offer
from variant_backend.serving.reasons import would_fit
from variant_backend.serving.upstream import Upstream

OLD_DRIVER = "cuda:12.6,x86_64:v3"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder whose newest release needs a newer driver, beside the file of a policy."""
    old, new = ([CUDA.format(version)] for version in ("12.6", "13.0"))
    releases: dict[str, dict[str | None, list[str]]] = {
        "3.0": {"new": new, "null": []},
        "2.0": {"old": old, "new": new, "null": []},
        "1.0": {"null": []},
    }
    for version, labels in releases.items():
        make_variants(tmp_path / "dist", "demo", labels, version=version)
    run("index", tmp_path / "dist")
    (tmp_path / "accelerated.toml").write_text('[policy]\nreleases = "accelerated"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path / "dist"


def choices(wheels: Path, machine: Machine, policy: Policy) -> tuple[list[str], tuple[Choice, ...]]:
    """Return the names of the files that a machine sees, and what is offered of each release."""
    project = Upstream(Sources((wheels,)), wheels.parent / "cache").project("demo")
    shown = offer(project, machine, policy, unknown_environments())
    return [file.filename for file in shown.files], shown.choices


def explained(monkeypatch: pytest.MonkeyPatch, machine: str, *, config: str = "") -> dict[str, Any]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(Path("home").absolute()))
    path = Path("home/variant-backend/config.toml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(config)
    document: dict[str, Any] = json.loads(
        run("explain", "demo", "-f", "dist", "--machine", machine, "--json").stdout
    )
    return document


def policy_of(path: Path) -> Policy:
    return Policy(rules=configuration_in(path).rules)


def test_the_newest_release_is_offered_and_says_what_is_lost(wheels: Path) -> None:
    names, (newest, *_) = choices(wheels, made_machine(OLD_DRIVER), Policy())
    assert "demo-3.0-0_null-py3-none-any.whl" in names
    assert would_fit(newest)[0] == (
        "the older 2.0 has old (NVIDIA driver for CUDA 12.6 or newer);"
        ' releases = "accelerated" in a policy prefers it'
    )


def test_a_policy_hides_newer_releases_without_an_accelerator(wheels: Path) -> None:
    policy = policy_of(wheels.parent / "accelerated.toml")
    names, (newest, *_) = choices(wheels, made_machine(OLD_DRIVER), policy)
    assert names == ["demo-1.0-0_null-py3-none-any.whl", "demo-2.0-0_old-py3-none-any.whl"]
    assert would_fit(newest)[0].startswith("hidden by policy: releases accelerated (")


@pytest.mark.parametrize("spec", ["none", "x86_64:v3", "cuda:13.0"])
def test_nothing_is_hidden_without_an_older_better_release(wheels: Path, spec: str) -> None:
    policy = policy_of(wheels.parent / "accelerated.toml")
    assert choices(wheels, made_machine(spec), policy) == (
        choices(wheels, made_machine(spec), Policy())[0],
        choices(wheels, made_machine(spec), policy)[1],
    )


@pytest.mark.parametrize(
    ("spec", "config", "selected", "accelerated"),
    [
        (OLD_DRIVER, "", "demo-3.0-py3-none-any-null.whl", "2.0"),
        (OLD_DRIVER, '[policy]\nreleases = "newest"\n', "demo-3.0-py3-none-any-null.whl", "2.0"),
        (OLD_DRIVER, '[policy]\nreleases = "accelerated"\n', "demo-2.0-py3-none-any-old.whl", None),
        ("none", '[policy]\nreleases = "accelerated"\n', "demo-3.0-py3-none-any-null.whl", None),
        ("cuda:13.0", '[policy]\nreleases = "accelerated"\n', "demo-3.0-py3-none-any-new.whl", None),
    ],
)
def test_explain_obeys_the_policy_and_names_what_is_lost(
    wheels: Path,
    monkeypatch: pytest.MonkeyPatch,
    spec: str,
    config: str,
    selected: str,
    accelerated: str | None,
) -> None:
    document = explained(monkeypatch, spec, config=config)
    assert (document["selected"], document["accelerated"]) == (selected, accelerated), wheels
