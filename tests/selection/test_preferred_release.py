"""The policy ``releases``: the newest release, or an older one with a variant for an accelerator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.offers import CUDA, make_variants
from helpers.offers import machine as made_machine
from helpers.servers import publish

from variant_backend._internal.cli.main import main
from variant_backend._internal.machine.support import Machine, Policy
from variant_backend._internal.machine.user_config import configuration_in
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.serving.environments import unknown_environments
from variant_backend._internal.serving.offer import Choice, offer
from variant_backend._internal.serving.reasons import would_fit
from variant_backend._internal.serving.upstream import Upstream

OLD_DRIVER = "cuda:12.6,x86_64:v3"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_releases(tmp_path)


def make_releases(folder: Path, older: str = "2.0") -> Path:
    """Write a folder whose newest release needs a newer driver, beside the file of a policy."""
    old, new = ([CUDA.format(version)] for version in ("12.6", "13.0"))
    releases: dict[str, dict[str | None, list[str]]] = {
        "3.0": {"new": new, "null": []},
        older: {"old": old, "new": new, "null": []},
        "1.0": {"null": []},
    }
    for version, labels in releases.items():
        make_variants(folder / "dist", "demo", labels, version=version)
    run("index", folder / "dist")
    (folder / "accelerated.toml").write_text('[policy]\nreleases = "accelerated"\n')
    return folder / "dist"


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


def test_no_release_is_hidden_for_a_yanked_one(wheels: Path) -> None:
    policy = policy_of(wheels.parent / "accelerated.toml")
    index = wheels.parent / "index"
    publish(wheels.iterdir(), index / "demo")
    page = index / "demo" / "index.html"
    page.write_text(page.read_text().replace('href="demo-2.0-', 'data-yanked="" href="demo-2.0-'))
    project = Upstream(Sources((), (index.as_uri(),)), index.parent / "cache").project("demo")
    shown = offer(project, made_machine(OLD_DRIVER), policy, unknown_environments())
    assert "demo-3.0-0_null-py3-none-any.whl" in [file.filename for file in shown.files]


@pytest.mark.parametrize("releases", ["newest", "accelerated"])
def test_no_pre_release_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, releases: str) -> None:
    monkeypatch.chdir(tmp_path)
    make_releases(tmp_path, "2.0rc1")
    document = explained(monkeypatch, OLD_DRIVER, config=f'[policy]\nreleases = "{releases}"\n')
    assert (document["selected"], document["accelerated"]) == ("demo-3.0-py3-none-any-null.whl", None)


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


@pytest.mark.parametrize(
    "command",
    [
        ("fetch", "demo", "-o", "out"),
        ("fetch", "demo", "--with-dependencies", "-o", "out"),
        ("lock", "demo", "-o", "out"),
        ("mirror", "demo", "-o", "out"),
        ("run", "--dry-run", "pip", "install", "demo"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(("spec", "is_lost"), [(OLD_DRIVER, True), ("x86_64:v3", False)])
def test_other_commands_say_what_is_lost(
    wheels: Path, command: tuple[str, ...], spec: str, is_lost: bool
) -> None:
    name, *arguments = command
    machine = f"this={spec}" if name in ("lock", "mirror") else spec
    done = run(name, "-f", wheels, "--machine", machine, *arguments)
    assert done.exit_code == 0
    assert ("the older 2.0 has old" in done.output) == is_lost
    assert ('releases = "accelerated" in a policy prefers it' in done.output) == is_lost


def test_fetch_names_newer_releases_without_an_accelerator(
    wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    explained(monkeypatch, OLD_DRIVER, config='[policy]\nreleases = "accelerated"\n')
    done = run("fetch", "demo", "-f", wheels, "--machine", OLD_DRIVER, "-o", "out")
    assert "newer, without a wheel for an accelerator: 3.0" in done.output
