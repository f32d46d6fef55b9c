"""Trusted plugins: each is installed into its own environment, run there, and checked."""

from __future__ import annotations

import hashlib
import socket
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from helpers.made_wheels import make_wheel
from helpers.redirection import Redirection

from variant_backend._internal.errors import Problem, VariantError
from variant_backend._internal.machine import plugins, trusted_plugins
from variant_backend._internal.machine.support import Machine, Policy, machine_support
from variant_backend._internal.machine.trusted_plugins import (
    INSTALLERS,
    Installer,
    TrustedAnswer,
    TrustedPackage,
    ask_trusted,
    trusting,
)
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.namespace_support import FAILED, Origin, Support
from variant_backend._internal.variants.providers import PluginProvider

pytestmark = pytest.mark.slow  # makes an environment for each plugin

PLUGIN = """
from typing import NamedTuple

class Config(NamedTuple):
    name: str
    values: list
    multi_value: bool = False

class Plugin:
    def get_supported_configs(self):
        return [Config("tone", ["warm", "short"]), Config("age", ["3", "4"], True)]
"""
FEATURES = {"tone": ("warm", "short"), "age": ("3", "4")}


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which installers find distributions."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for tool in ("PIP", "UV"):
        monkeypatch.setenv(f"{tool}_NO_INDEX", "1")
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(folder))
    ask_trusted.cache_clear()
    return folder


def put(wheels: Path, namespace: str, plugin: str = PLUGIN) -> PluginProvider:
    """Make the wheel of a namespace's plugin, and return the provider that requires it."""
    make_wheel(wheels, f"{namespace}_provider", files={f"{namespace}_provider.py": plugin.encode()})
    return PluginProvider((f"{namespace}-provider==1.0",), f"{namespace}_provider:Plugin")


def support(
    providers: dict[str, PluginProvider], installer: Installer = "uv"
) -> tuple[Support, tuple[Problem, ...]]:
    trusted = trusting([TrustedPackage(f"{namespace}-provider") for namespace in providers])
    policy = Policy(trusted=trusted, installer=installer)
    return machine_support(VariantMetadata(tuple(providers), providers, {}), Machine(), policy)


@pytest.mark.parametrize("installer", INSTALLERS)
def test_a_trusted_plugin_reports_support_in_its_order(
    installer: Installer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_trusted.cache_clear()
    # The user's settings must install nothing elsewhere, and name the only folder with the plugin.
    redirection = Redirection.make(tmp_path / "user")
    redirection.apply(monkeypatch)
    # Distributions on PYTHONPATH must neither satisfy requirements nor be imported.
    (tmp_path / "speech_provider.py").write_text("raise OSError")
    (tmp_path / "speech_provider-1.0.dist-info").mkdir()
    (tmp_path / "speech_provider-1.0.dist-info" / "METADATA").write_text(
        "Name: speech-provider\nVersion: 1.0"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    known, problems = support({"speech": put(redirection.wheels, "speech")}, installer)
    assert problems == ()
    assert not list(redirection.targets.iterdir())
    assert known.supported == {"speech": FEATURES}
    assert list(known.supported["speech"]) == list(FEATURES)
    text = "plugin 'speech_provider:Plugin' of speech-provider 1.0"
    assert known.origins == {"speech": Origin("plugin", text)}
    assert not list(temporary.iterdir())


BROKEN = {
    "crashes": ("import os; os.kill(os.getpid(), 9)", "ended with exit code"),
    "prints": (f"print('hello')\n{PLUGIN}", "prints to stdout: 'hello'"),
    "lies": (PLUGIN.replace('["warm", "short"]', "[1]"), "[0].values[0]: expected a string, got a number"),
    "strays": (f"{PLUGIN}\n    namespace = 'nvidia'\n", "expected 'strays', got 'nvidia'"),
}


def test_failing_plugins_are_named_and_others_answer(wheels: Path) -> None:
    asked = {"first": put(wheels, "first")}
    asked |= {namespace: put(wheels, namespace, plugin) for namespace, (plugin, _) in BROKEN.items()}
    asked["gone"] = PluginProvider(("gone-provider>=2",))
    asked["last"] = put(wheels, "last")
    known, problems = support(asked)
    assert known.supported == {name: FEATURES if name in ("first", "last") else {} for name in asked}
    assert {name for name, origin in known.origins.items() if origin == FAILED} == {*BROKEN, "gone"}
    *broken, gone = map(str, problems)
    for text, (namespace, (_, expected)) in zip(broken, BROKEN.items(), strict=True):
        assert text.startswith(f"providers.{namespace}: plugin '{namespace}_provider:Plugin': ")
        assert expected in text
    assert gone.startswith("providers.gone: plugin 'gone_provider': uv cannot install gone-provider>=2: ")
    assert "gone-provider was not found" in gone


@contextmanager
def hanging() -> Iterator[str]:
    """Give code that waits for a child process; fail if that process does not end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        port = server.getsockname()[1]
        child = f"import socket, time; c = socket.create_connection(('127.0.0.1', {port})); time.sleep(60)"
        yield f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"
        connection, _ = server.accept()
        with connection:
            connection.settimeout(20)
            with suppress(ConnectionResetError):  # Windows reports a closed connection so
                assert connection.recv(1) == b""


def test_a_hanging_plugin_ends_with_its_child_processes(
    wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins, "_TIME_LIMIT", 3)
    with hanging() as code:
        known, (problem,) = support({"slow": put(wheels, "slow", code)})
        assert (known.supported, known.origins) == ({"slow": {}}, {"slow": FAILED})
        assert str(problem) == "providers.slow: plugin 'slow_provider:Plugin': no answer within 3 seconds"


@pytest.mark.parametrize("installer", INSTALLERS)
def test_a_hanging_build_ends_and_leaves_no_files(
    wheels: Path, installer: Installer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trusted_plugins, "_TIME_LIMIT", 5)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with hanging() as code:
        sdist = tmp_path / "slow_provider-1.0"
        sdist.mkdir()
        (sdist / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: slow-provider\nVersion: 1.0\n")
        (sdist / "pyproject.toml").write_text(
            "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
        )
        (sdist / "backend.py").write_text(code)
        with tarfile.open(wheels / f"{sdist.name}.tar.gz", "w:gz") as archive:
            archive.add(sdist, sdist.name)
        known, (problem,) = support({"slow": PluginProvider(("slow-provider",))}, installer)
        assert (known.supported, known.origins) == ({"slow": {}}, {"slow": FAILED})
        assert str(problem) == (
            f"providers.slow: plugin 'slow_provider': {installer} cannot install slow-provider: "
            "not finished within 5 seconds"
        )
    assert not list(temporary.iterdir())


def test_a_plugin_runs_once_for_all_releases(wheels: Path) -> None:
    provider = put(wheels, "speech")
    first = support({"speech": provider})
    for wheel in wheels.iterdir():
        wheel.unlink()
    assert support({"speech": provider}) == first


@pytest.mark.parametrize("installer", INSTALLERS)
def test_only_trusted_versions_and_files_are_installed(installer: Installer, wheels: Path) -> None:
    provider = put(wheels, "speech")._replace(requires=("speech-provider>=1",))
    needed = make_wheel(wheels, "needed")
    metadata = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: needed>=1\n"
    files = {"speech_provider.py": PLUGIN.encode()}
    first = make_wheel(wheels, "speech_provider", files=files, metadata=metadata)
    make_wheel(wheels, "speech_provider", "2.0", files={"speech_provider.py": b"raise OSError"})

    def ask(*trusted: str) -> TrustedAnswer | VariantError:
        return ask_trusted("speech", provider, installer, tuple(map(TrustedPackage.parse, trusted)))

    def digest(path: Path) -> str:
        return f"--hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"

    pinned, other = f"speech-provider==1.0 {digest(first)}", f"needed==1.0 {digest(needed)}"
    expected = TrustedAnswer({**FEATURES}, "plugin 'speech_provider:Plugin' of speech-provider 1.0")
    assert ask(pinned, other) == expected
    for trusted in ([pinned], [f"speech-provider==1.0 {digest(needed)}", other]):
        answer = ask(*trusted)
        assert isinstance(answer, VariantError)
        assert str(answer).endswith(
            "trust each dependency in this form: 'NAME==VERSION --hash=sha256:DIGEST'"
        )
