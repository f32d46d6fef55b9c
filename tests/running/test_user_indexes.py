"""`run` takes packages from the indexes that the user has configured for the tool."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path
from typing import Any

import platformdirs
import platformdirs.macos
import platformdirs.unix
import platformdirs.windows
import pytest
from helpers.programs import SCRIPTS, run
from pip._internal.utils import appdirs
from pip._vendor import platformdirs as pip_platformdirs
from pip._vendor.platformdirs import macos, unix, windows  # noqa: F401  # read as attributes of the package

from variant_backend._internal.errors import VariantError
from variant_backend._internal.machine.installer_files import global_files_of_pip, user_files_of_pip
from variant_backend._internal.running.command import read_command
from variant_backend._internal.running.pip_settings import pip_settings
from variant_backend._internal.running.run_sources import run_sources
from variant_backend._internal.running.tool_variables import ToolFiles, tool_environ
from variant_backend._internal.running.user_indexes import UserIndexes, check_is_safe, user_indexes
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.serving.offer_place import OfferPlace

PYPI = "https://pypi.org/simple"
A, B, C = (f"https://{name}.example/simple" for name in "abc")


@pytest.fixture(autouse=True)
def _no_files_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("XDG_CONFIG_DIRS", "PROGRAMDATA"):
        monkeypatch.setenv(name, str(tmp_path / "site"))


def indexes(folder: Path, line: str, **environ: str) -> UserIndexes:
    return user_indexes(read_command(line.split()), environ, folder)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ()),
        ({"PIP_INDEX_URL": A}, (A,)),
        ({"PIP_EXTRA_INDEX_URL": f"{A} {B}"}, (PYPI, A, B)),
        ({"PIP_INDEX_URL": A, "PIP_EXTRA_INDEX_URL": f"{B}\n{A}"}, (A, B)),
        ({"PIP_INDEX_URL": A, "PIP_NO_INDEX": "on"}, ()),
        ({"UV_INDEX": A}, (A, PYPI)),
        ({"PIP_INDEX_URL": A, "UV_INDEX": B}, (A,)),
    ],
)
def test_tools_that_start_pip_have_its_indexes(
    environ: dict[str, str], expected: tuple[str, ...], tmp_path: Path
) -> None:
    assert indexes(tmp_path, "tox", **environ).index_urls == expected


@pytest.mark.parametrize(
    ("environ", "toml", "expected"),
    [
        ({"UV_DEFAULT_INDEX": A}, "", (A,)),
        ({"UV_DEFAULT_INDEX": f"own={A}", "UV_INDEX": f"x={B} {C}"}, "", (B, C, A)),
        ({"UV_INDEX_URL": A, "UV_EXTRA_INDEX_URL": B}, "", (B, A)),
        ({"PIP_INDEX_URL": A}, "", ()),
        ({}, f"index = [{{url = '{A}', default = true}}, {{url = '{B}'}}]", (B, A)),
        ({}, f"index = [{{url = '{A}', explicit = true, name = 'a'}}]", ()),
        ({"UV_INDEX": C}, f"index-url = '{A}'\nextra-index-url = ['{B}']", (C, B, A)),
        ({}, f"pip.index-url = '{A}'", (A,)),
        ({"UV_NO_INDEX": "1"}, f"index-url = '{A}'", ()),
        (
            {"UV_INDEX_MY_ONE_USERNAME": "me", "UV_INDEX_MY_ONE_PASSWORD": "a/b"},
            f"index = [{{url = '{A}', name = 'my-one', default = true}}]",
            ("https://me:a%2Fb@a.example/simple",),
        ),
        ({"UV_NO_CONFIG": "1"}, f"index-url = '{A}'", ()),
        ({}, "index = 3\n[pip]\nindex-url = 3", ()),
        ({}, "not toml", ()),
    ],
)
def test_uv_has_its_own_indexes(
    environ: dict[str, str], toml: str, expected: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "uv.toml").write_text(toml)
    assert indexes(tmp_path, "uv --directory x pip install demo", **environ).index_urls == expected


def test_pdm_and_pipenv_have_their_own_indexes(tmp_path: Path) -> None:
    (tmp_path / "pdm.toml").write_text(f"[pypi]\nurl = '{A}'\n")
    (tmp_path / "Pipfile").write_text(f"[[source]]\nurl = '{B}'\n[[source]]\nurl = '{C}'\n")
    assert indexes(tmp_path, "pdm install").index_urls == (A,)
    assert indexes(tmp_path, "pdm install", PDM_PYPI_URL=C).index_urls == (C,)
    assert indexes(tmp_path, "pipenv install").index_urls == (B, C)
    assert indexes(tmp_path, "pipenv install", PIPENV_PYPI_MIRROR=A).index_urls == (A,)
    assert indexes(tmp_path, "/pip install", PIP_CERT="/ca.pem").certificates == "/ca.pem"


def test_further_indexes_of_pdm_are_removed(tmp_path: Path) -> None:
    """Those in the file for all users, too."""
    for name, text in {
        "home": f"url = '{A}'\n[pypi.own]\nurl = '{B}'\n",
        "site": f"corp.url = '{C}'\n",
    }.items():
        (tmp_path / name / "pdm").mkdir(parents=True)
        (tmp_path / name / "pdm" / "config.toml").write_text(f"[pypi]\n{text}")
    assert indexes(tmp_path, "pdm install").index_urls == (A,)
    offer = OfferPlace("profile", 1, "token")
    environ: dict[str, Any] = {**tool_environ(os.environ, offer, ToolFiles.below(tmp_path))}
    program = (
        "import os\nfrom pdm.core import Core\n"
        "project = Core().create_project('.', global_config=os.getenv('PDM_CONFIG_FILE'))\n"
        "print(*(source.url for source in project.sources))"
    )
    shown = run(sys.executable, "-c", program, cwd=tmp_path, **environ)
    assert shown.stdout.split() == [offer.url]


def test_pip_reads_no_file_if_it_read_none_before(tmp_path: Path) -> None:
    environ = {"PIP_PROXY": "p:1", "PIP_CONFIG_FILE": os.devnull}
    variables = tool_environ(environ, OfferPlace("x", 1, "t"), ToolFiles.below(tmp_path), proxy="p:1")
    assert variables["PIP_CONFIG_FILE"] == os.devnull
    assert variables["https_proxy"] == "http://p:1"


@pytest.mark.skipif(sys.platform == "win32", reason="the real folders come from the system")
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_files_of_pip_and_pdm_are_where_they_read_them(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ALLUSERSPROFILE", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / name))
    (tmp_path / "home" / "pip").mkdir(parents=True)
    monkeypatch.setattr(sys, "platform", system)
    prefix = "/opt/homebrew/opt/python@3.14/Frameworks/Python.framework/Versions/3.14"
    monkeypatch.setattr(sys, "base_prefix", prefix)
    for module in (platformdirs, pip_platformdirs):
        kinds = {"linux": module.unix.Unix, "darwin": module.macos.MacOS, "win32": module.windows.Windows}
        monkeypatch.setattr(module, "PlatformDirs", kinds[system])
        of_windows = module.windows.get_win_folder_from_env_vars
        monkeypatch.setattr(module.windows, "get_win_folder", of_windows)
    assert [path.parent for path in global_files_of_pip()] == [*map(Path, appdirs.site_config_dirs("pip"))]
    assert user_files_of_pip()[-1].parent == Path(appdirs.user_config_dir("pip"))
    file = Path(platformdirs.PlatformDirs("pdm").user_config_dir, "config.toml")  # as in `pdm.project.core`
    file.parent.mkdir(parents=True)
    file.write_text(f"pypi.url = '{A}'")
    assert indexes(tmp_path, "pdm install").index_urls == (A,)


@pytest.mark.agreement
@pytest.mark.skipif(sys.platform == "win32", reason="uv reads no XDG variables there")
@pytest.mark.parametrize(("variable", "is_read"), [("XDG_CONFIG_HOME", False), ("XDG_CONFIG_DIRS", True)])
def test_uv_ignores_relative_folders_of_the_user_only(
    variable: str, is_read: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "relative" / "uv").mkdir(parents=True)
    (tmp_path / "relative" / "uv" / "uv.toml").write_text(f"index-url = '{A}'")
    environ: dict[str, Any] = {variable: "relative"}
    shown = run("uv", "pip", "install", "--show-settings", "demo", cwd=tmp_path, **environ).stdout
    assert (A.split("/")[2] in shown) == is_read
    monkeypatch.chdir(tmp_path)
    assert indexes(tmp_path, "uv pip install demo", **environ).index_urls == ((A,) if is_read else ())


@pytest.mark.agreement
@pytest.mark.parametrize("is_named", [False, True])
def test_settings_of_pip_are_those_that_pip_lists(is_named: bool, tmp_path: Path) -> None:
    home, named = tmp_path / "home" / "pip" / "pip.conf", tmp_path / "named.conf"
    home.parent.mkdir(parents=True)
    home.write_text(
        f"[global]\nindex-url = {A}\nproxy = p\nextra_index_url =\n  {B}\n  {C}\n[list]\nretries = 1\n"
    )
    named.write_text(f"[global]\nproxy =\n[install]\nindex-url = {B}\n")
    environ: dict[str, Any] = {"PIP_TRUSTED_HOST": "h", "PIP_TIMEOUT": ""}
    environ |= {"PIP_CONFIG_FILE": str(named)} if is_named else {}
    lines = run("pip", "config", "list", cwd=tmp_path, **environ).stdout.splitlines()
    listed = {name: ast.literal_eval(value) for name, _, value in (line.partition("=") for line in lines)}
    expected: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):
        own = {
            name.removeprefix(section): value for name, value in listed.items() if name.startswith(section)
        }
        expected |= {name: value for name, value in own.items() if value}
    command = read_command([str(SCRIPTS / "pip"), "install"])
    assert pip_settings(command, {**os.environ, **environ}) == expected
    assert (expected["index-url"], "proxy" in expected) == ((B, False) if is_named else (A, True))


@pytest.mark.parametrize("is_on_path", [False, True])
def test_settings_of_the_environment_of_pip_are_read(
    is_on_path: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suffix, name = (".exe", "pip.ini") if sys.platform == "win32" else ("", "pip.conf")
    program = tmp_path / "env" / SCRIPTS.name / f"pip{suffix}"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o700)
    (tmp_path / "env" / name).write_text(f"[global]\nindex-url = {A}\n")
    monkeypatch.chdir(tmp_path)
    command = read_command([program.name if is_on_path else str(program.relative_to(tmp_path)), "install"])
    environ = {"PATH": str(program.parent)} if is_on_path else {}
    assert pip_settings(command, environ)["index-url"] == A
    assert "index-url" not in pip_settings(read_command(["pip", "install"]), {})


def test_configured_sources_are_used_if_the_tool_has_none() -> None:
    configured = Sources.of([], [A])
    assert run_sources(UserIndexes("pip"), configured).sources == configured
    assert run_sources(UserIndexes("pip", (B,)), configured).sources.index_urls == (B,)
    assert run_sources(UserIndexes("pip"), Sources()).sources.index_urls == (PYPI,)
    assert run_sources(UserIndexes("pip", no_index=True), Sources()).sources.index_urls == ()


def test_a_page_or_a_missing_folder_in_find_links_is_a_warning(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    known = run_sources(UserIndexes("pip", (), (f"{A}/x.html", missing, str(tmp_path))), Sources())
    assert known.sources.find_links == (tmp_path,)
    assert [problem.place for problem in known.problems] == ["find-links of pip: --find-links"] * 2
    assert "missing is not a folder" in known.problems[1].text


def test_an_index_in_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VariantError, match=r"indexes of pip: --index-url: .*missing is not a folder"):
        run_sources(UserIndexes("pip", ((tmp_path / "missing").as_uri(),)), Sources())


@pytest.mark.parametrize(
    "url", [A, "http://127.0.0.1:1/simple", "http://trusted.example/simple", "file:///x"]
)
def test_an_encrypted_local_or_trusted_index_is_safe(url: str) -> None:
    check_is_safe((url,), ("trusted.example:80",))


def test_an_index_without_encryption_is_not_safe() -> None:
    with pytest.raises(VariantError, match=r"http://a\.example/simple: is neither https"):
        check_is_safe(("http://me:secret@a.example/simple",), ())
