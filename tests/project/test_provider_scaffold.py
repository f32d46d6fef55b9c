"""`variant-backend providers new` writes a plugin package, and replaces no file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.machine.plugins import Plugin, protocol_problems, query_plugin
from variant_backend._internal.project.provider_scaffold import plugin_files, project_of

FILES = ["pyproject.toml", "speech_variant_provider.py", "tests/test_plugin.py"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def new(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["providers", "new", *arguments], catch_exceptions=False)


def test_the_new_plugin_follows_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    result = new("speech")
    folder = Path("speech-variant-provider")
    assert result.stdout.replace("\\", "/").splitlines() == [f"{folder}/{name}" for name in FILES]
    monkeypatch.setenv("PYTHONPATH", str(folder.absolute()))
    plugin = Plugin("speech", "speech_variant_provider", "speech-variant-provider", "0.1.0")
    for forced, features in (("", {}), ("v2", {"level": ("v2", "v1")})):
        monkeypatch.setenv("SPEECH_VARIANT_PROVIDER_FORCE_LEVEL", forced)
        assert protocol_problems(plugin, sys.executable)[0] == []
        assert query_plugin(plugin, sys.executable).supported == features


def test_existing_files_are_not_replaced() -> None:
    folder = Path("out")
    (folder / "tests").mkdir(parents=True)
    (folder / FILES[0]).write_text("mine")
    result = new("speech", "-o", "out")
    assert result.exit_code == 1
    assert result.stderr.replace("\\", "/") == (
        "error: out/pyproject.toml: already exists; use another folder (--output)\n"
    )
    assert {path.name for path in folder.rglob("*")} == {FILES[0], "tests"}
    assert (folder / FILES[0]).read_text() == "mine"


def test_a_dry_run_writes_nothing() -> None:
    document = json.loads(new("speech", "-n", "--json").stdout)
    assert [Path(path).name for path in document["paths"]] == [Path(name).name for name in FILES]
    assert (document["written"], [*Path.cwd().iterdir()]) == (False, [])


def test_a_known_namespace_is_a_warning() -> None:
    (warning,) = json.loads(new("x86_64", "--json").stdout)["warnings"]
    assert warning["message"].startswith("namespace 'x86_64' is known here")


@pytest.mark.parametrize("name", ["", "a-b", "3d", "_x", "Speech", "abi_dependency", "../x", "x\n"])
def test_an_invalid_namespace_is_wrong_usage(name: str) -> None:
    assert new("--", name).exit_code == 2
    assert [*Path.cwd().iterdir()] == []
    with pytest.raises(VariantError):
        project_of(name)


@pytest.mark.parametrize("name", ["speech", "x86_64", "a__b", "class", "x_"])
def test_the_modules_of_a_new_project_compile(name: str) -> None:
    for path, text in plugin_files(name).items():
        if path.endswith(".py"):
            compile(text, path, "exec")
    assert plugin_files(name).keys() >= {f"{project_of(name).replace('-', '_')}.py"}
