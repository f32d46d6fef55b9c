"""Settings of pip and uv redirect nothing out of an environment that this package makes."""

from __future__ import annotations

import configparser
import os
import sys
import venv
from pathlib import Path

import pytest
from helpers.programs import run
from helpers.redirection import Redirection

from variant_backend._internal.formats.toml_read import read_toml
from variant_backend._internal.machine.installer_settings import isolated_environ


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the configuration files that are written."""
    folder = tmp_path / "written"
    folder.mkdir()
    return folder


@pytest.fixture
def redirection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Redirection:
    """Settings that redirect installations, and the only source of `needed` and its requirement."""
    settings = Redirection.make(tmp_path)
    settings.apply(monkeypatch)
    return settings


def install(tmp_path: Path, tool: str, folder: Path) -> tuple[set[str], str]:
    """Install `needed` into a new environment; return what is installed there, and the output."""
    env = tmp_path / "env"
    venv.EnvBuilder(with_pip=False).create(env)
    python = env / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    command = ["uv", "pip", "install", "--python", str(python)]
    if tool == "pip":
        command = ["python", "-m", "pip", "--python", str(python), "install", "--no-input"]
    with pytest.MonkeyPatch.context() as patch:
        for name in {*os.environ} - {*(environ := isolated_environ(folder))}:
            patch.delenv(name)
        for name, value in environ.items():
            patch.setenv(name, value)
        result = run(*command, "needed", cwd=tmp_path, ok=False)
    return {path.name for path in env.rglob("*-1.0.dist-info")}, result.stdout + result.stderr


BOTH = {"needed-1.0.dist-info", "further-1.0.dist-info"}


def test_redirecting_variables_are_dropped_and_others_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "https://a.example/",
        "PIP_CONSTRAINT": "c.txt",
        "PIP_CERT": "ca.pem",
        "PIP_CACHE_DIR": "cache",
        "UV_NO_CONFIG": "1",
        "UV_INDEX": "https://a.example/",
        "UV_CONSTRAINT": "c.txt",
        "HTTPS_PROXY": "http://proxy.example/",
        "CFLAGS": "-O2",
        "TARGET": "x",
    }
    dropped = ["PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_PYTHON", "PIP_DRY_RUN", "PIP_Report"]
    dropped += ["PIP_NO_DEPS", "PIP_EDITABLE", "UV_TARGET", "UV_PREFIX", "UV_SYSTEM_PYTHON", "UV_PYTHON"]
    dropped += ["UV_PROJECT_ENVIRONMENT", "UV_NO_BUILD_ISOLATION"]
    for name, value in (kept | dict.fromkeys(dropped, "1")).items():
        monkeypatch.setenv(name, value)
    result = isolated_environ(folder)
    assert kept.items() <= result.items()
    assert not {*map(str.upper, dropped)} & {*map(str.upper, result)}
    assert not list(folder.iterdir())


@pytest.mark.slow  # makes an environment
@pytest.mark.parametrize("tool", ["pip", "uv"])
@pytest.mark.usefixtures("redirection")
def test_files_redirect_nothing_and_their_sources_are_used(tmp_path: Path, folder: Path, tool: str) -> None:
    found, output = install(tmp_path, tool, folder)
    assert found == BOTH, output
    assert not list((tmp_path / "targets").iterdir())


def uv_config(folder: Path) -> dict[str, object]:
    return read_toml(Path(isolated_environ(folder)["UV_CONFIG_FILE"]))


def test_files_of_uv_are_combined_as_uv_combines_them(
    redirection: Redirection, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = tmp_path / "root/member"
    member.mkdir(parents=True)
    (member / "pyproject.toml").write_text('[tool.uv]\nindex-url = "https://member.example/"\n')
    (member.parent / "pyproject.toml").write_text(
        '[tool.uv]\nfind-links = ["here", "https://a.example/"]\nno-index = false\nmanaged = true\n'
        '[tool.uv.workspace]\nmembers = ["member"]\n[tool.uv.pip]\nprefix = "elsewhere"\nlink-mode = "copy"\n'
    )
    monkeypatch.chdir(member)
    links = [member.parent / "here", "https://a.example/", redirection.wheels]
    assert uv_config(folder) == {
        "find-links": [*map(str, links)],
        "no-index": False,
        "pip": {"link-mode": "copy"},
    }


@pytest.mark.usefixtures("redirection")
def test_files_of_uv_without_redirection_stay_in_use(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CONFIG_FILE", str(tmp_path / "uv.toml"))
    (tmp_path / "uv.toml").write_text("no-index = true\n[pip]\nsystem = true\n")
    assert isolated_environ(folder)["UV_CONFIG_FILE"] == str(tmp_path / "uv.toml")
    (tmp_path / "uv.toml").write_text('no-index = true\n[pip]\ntarget = "elsewhere"\n')
    assert uv_config(folder) == {"no-index": True, "pip": {}}


@pytest.mark.usefixtures("redirection")
def test_an_invalid_file_is_left_to_its_installer(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "invalid"
    file.write_text("[global", encoding="utf-8")
    variables = {"PIP_CONFIG_FILE": str(file), "UV_CONFIG_FILE": str(file)}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert variables.items() <= isolated_environ(folder).items()


@pytest.mark.usefixtures("redirection")
def test_the_file_of_a_variable_replaces_the_users_file_of_pip(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nproxy = p.example\n--Target = elsewhere\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    config = configparser.RawConfigParser()
    config.read(isolated_environ(folder)["PIP_CONFIG_FILE"])
    assert {key: value for key, value in config.items("global") if value} == {"proxy": "p.example"}
    assert config["global"]["target"] == config["install"]["target"] == ""
