"""Passwords from the program keyring: only if the user says so, only over safe lines, and never printed."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.behaviors import answer
from helpers.programs import run
from helpers.range_server import Handler, Server

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel import credentials
from variant_backend._internal.lowlevel.credentials import use_keyring
from variant_backend._internal.lowlevel.http import get

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the program is a script of Unix")

KEYRING = """#!/bin/sh
echo "$*" >> {log}
{code}
"""
# Its build needs a variant from an index.
PROJECT = """\
[build-system]
requires = ["setuptools", "variant-backend-core"]
build-backend = "variant_backend.hooks"
[project]
name = "demo"
version = "1.0"
[tool.variant-backend]
build-backend = "setuptools.build_meta"
variants.fast.build-requires = ["numpy#openblas"]
[variant]
default-priorities.namespace = ["speed"]
providers.speed.static-properties.mode = ["fast"]
variants.fast.speed.mode = ["fast"]
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put a program ``keyring`` on PATH that logs its arguments, and knows user u with password hunter2."""
    write(tmp_path, 'test "$4" = creds && echo u; test "$3" != other && echo hunter2')
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]]))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").touch()
    yield tmp_path / "log"
    use_keyring(None)


def write(folder: Path, code: str) -> None:
    path = folder / "bin" / "keyring"
    path.parent.mkdir(exist_ok=True)
    path.write_text(KEYRING.format(log=folder / "log", code=code))
    path.chmod(0o755)


def asked(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def guarded(server: Server, user: str = "u", password: str = "hunter2") -> list[str | None]:
    """Let a server answer only a user; return the headers that it gets."""
    header = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
    seen: list[str | None] = []

    def behave(handler: Handler, _: bytes | None) -> bool:
        seen.append(handler.headers["Authorization"])
        return answer(200 if seen[-1] == header else 401)(handler, None)

    server.misbehave = behave
    return seen


def test_keyring_is_asked_after_a_denial_and_once_for_a_host(server: Server, log: Path) -> None:
    seen = guarded(server)
    named = f"{server.url}simple/"
    use_keyring([named])
    for name in ("a", "b", "a"):
        get(f"{named}{name}/", limit=0)
    assert asked(log) == [f"get {named} --mode creds"]
    assert [header is None for header in seen] == [True, False, False, False]


def test_a_user_without_a_password_is_asked_for_at_once(server: Server, log: Path) -> None:
    seen = guarded(server)
    url = server.url.replace("://", "://u@")
    use_keyring([url])
    get(url, limit=0)
    assert asked(log) == [f"get {server.url} u"]
    assert len(seen) == 1


def test_the_host_is_asked_after_the_url(server: Server, log: Path) -> None:
    guarded(server)
    use_keyring([])
    with pytest.raises(
        VariantError, match=r"access denied: 401 Unauthorized; .* or store them with `keyring"
    ):
        get(f"{server.url.replace('://', '://other@')}x?token=1", limit=0)
    host = server.url.removeprefix("http://").rstrip("/")
    assert asked(log) == [f"get {server.url}x other", f"get {host} other"]


def test_passwords_in_urls_and_netrc_are_used_first(server: Server, log: Path, tmp_path: Path) -> None:
    guarded(server, "v", "p")
    use_keyring([server.url])
    get(server.url.replace("://", "://v:p@"), limit=0)
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login v password p")
    get(server.url, limit=0)
    get(server.url.replace("://", "://v@"), limit=0)
    assert asked(log) == []


@pytest.mark.parametrize(
    "url", ["http://u@example.org/", "https://-x@example.org/", "https://%00@example.org/", "https://@a.org/"]
)
def test_keyring_is_not_asked_for_unsafe_urls(url: str, log: Path) -> None:
    from urllib.parse import urlsplit

    use_keyring([url])
    for denied in (False, True):
        credentials.authorization(urlsplit(url), denied=denied)
    assert asked(log) == []


def test_a_missing_keyring_is_an_error(server: Server, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{log.parent}:.")
    guarded(server)
    use_keyring([server.url])
    with pytest.raises(VariantError, match="program keyring is not on PATH; install it, for example with"):
        get(server.url, limit=0)


def test_a_hanging_keyring_is_ended(server: Server, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(log.parent, "sleep 60")
    monkeypatch.setattr(credentials, "_PATIENCE", 0.2)
    guarded(server)
    use_keyring([server.url])
    with pytest.raises(VariantError, match=r"keyring: no answer within 0\.2 seconds"):
        get(server.url, limit=0)


@pytest.mark.parametrize("code", ["exit 1", "yes hunter2", "echo; echo", "echo a; echo b; echo c", "cat"])
def test_an_unusable_answer_is_none(code: str, server: Server, log: Path) -> None:
    write(log.parent, code)
    guarded(server)
    use_keyring([server.url])
    with pytest.raises(VariantError, match="access denied"):
        get(server.url, limit=0)


@pytest.mark.parametrize(
    "command",
    [
        "inspect URL",
        "index URL -o out",
        "explain demo -i URL",
        "fetch demo -i URL -o out",
        "stub URL --package demo -o out",
        "build -i URL -l fast -o out",
        "explain demo --overlay overlay.toml",
    ],
)
def test_commands_ask_keyring_only_when_told(
    command: str, server: Server, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(log.parent)
    Path("pyproject.toml").write_text(PROJECT)
    Path("overlay.toml").write_text(
        f'[[projects]]\nnames = ["demo"]\nindex-urls = ["{server.url}simple/"]\n'
        'variant.default-priorities.namespace = ["nvidia"]\nvariants.null.match.name = "*"\n'
    )
    monkeypatch.setenv("PIP_KEYRING_PROVIDER", "subprocess")
    monkeypatch.setenv("UV_KEYRING_PROVIDER", "subprocess")
    guarded(server)
    words = command.replace("URL", f"{server.url}simple/").split()
    assert "access denied" in CliRunner().invoke(main, words).stderr
    assert asked(log) == []
    result = CliRunner().invoke(main, [*words, "--keyring-provider", "subprocess", "-v"])
    assert "access denied" not in result.stderr
    assert asked(log) == [f"get {server.url}simple/ --mode creds"]
    assert "hunter2" not in result.output
    assert "for credentials of " in result.stderr
    assert credentials._keyring is None


def test_each_command_that_takes_urls_has_the_option() -> None:
    reads = {"DIR|URL...", "WHEEL|URL|NAME...", "DIR|INDEX-URL", "[WHEEL|JSON|DIR|URL|pyproject.toml]..."}
    for name, command in main.commands.items():
        names = {param.name for param in command.params}
        takes_urls = "index_url" in names or any(param.metavar in reads for param in command.params)
        assert takes_urls == ("keyring_provider" in names), name


def test_the_configuration_can_name_the_provider(
    server: Server, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = log.with_name("config.toml")
    path.write_text("keyring-provider = 'subprocess'")
    monkeypatch.setattr("variant_backend._internal.machine.user_config.config_path", lambda: path)
    guarded(server)
    assert "access denied" not in CliRunner().invoke(main, ["inspect", server.url]).stderr
    assert "access denied" in (
        CliRunner().invoke(main, ["inspect", server.url, "--keyring-provider", "disabled"]).stderr
    )
    assert len(asked(log)) == 1


@pytest.mark.slow  # installs keyring
def test_the_real_keyring_is_asked_as_pip_asks_it(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("uv", "venv", "--quiet", tmp_path / "env")
    run("uv", "pip", "install", "--quiet", "--python", tmp_path / "env", "keyring", "keyrings.alt")
    (program,) = tmp_path.glob("env/*/keyring")
    for name, value in {
        "PATH": os.pathsep.join([str(program.parent), os.environ["PATH"]]),
        "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring",
        "XDG_DATA_HOME": str(tmp_path),
        "HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    seen = guarded(server)
    subprocess.run([program, "set", server.url, "u"], input="hunter2\n", text=True, check=True)
    url = server.url.replace("://", "://u@")
    use_keyring([url])
    get(url, limit=0)
    run(
        *("pip", "download", "--no-deps", "--keyring-provider", "subprocess", "-i", url, "-d", tmp_path),
        *("--disable-pip-version-check", "--no-input", "demo"),
        ok=False,
    )
    use_keyring(None)
    assert seen[0] == seen[-1] == "Basic dTpodW50ZXIy"
