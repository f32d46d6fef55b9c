"""The folders of a user and of the site are those of platformdirs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import platformdirs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from platformdirs import macos, unix, windows
from platformdirs.api import PlatformDirsABC

from variant_backend._internal.lowlevel.user_cache import cache_path, prepare_folder
from variant_backend._internal.lowlevel.user_folders import (
    FolderFacts,
    folder_facts,
    site_folders,
    user_folder,
)
from variant_backend._internal.machine.user_config import config_path, configured

Environ: TypeAlias = dict[str, str]

PATHS = st.sampled_from(["", "/a b", "/c/d/", "rel", "~/e", ".", "//f", "/g:h", ":/i:", "/j::/k", "rel:/l"])
HOMES = st.sampled_from(["/home/u", "/home/u/", "/"])
XDG = ["CONFIG_HOME", "DATA_HOME", "CACHE_HOME", "CONFIG_DIRS", "DATA_DIRS"]
UNIX = st.fixed_dictionaries({}, optional={**{f"XDG_{name}": PATHS for name in XDG}, "HOME": HOMES})
FRAMEWORK = "Frameworks/Python.framework/Versions/3.14"
PREFIX_OF_LINK = f"/usr/local/opt/python@3.14/{FRAMEWORK}"
PREFIXES = st.sampled_from(
    [
        "/usr",
        PREFIX_OF_LINK,
        f"/Library/{FRAMEWORK}",
        f"/opt/local/Library/{FRAMEWORK}",
    ]
)
WINDOWS_PATHS = st.sampled_from(["C:\\Users\\a b", "D:/x", "\\\\server\\share\\y", "E:\\"])
NO_FOLDERS = st.sampled_from(["", " ", "rel", "~", "\\x", "C:", "C:x", "\\\\server"])
OVERRIDES = st.one_of(WINDOWS_PATHS, st.just(" F:\\z "), st.just("//s/t"), NO_FOLDERS)
FOLDERS = {"APPDATA": "APPDATA", "LOCALAPPDATA": "LOCAL_APPDATA", "ALLUSERSPROFILE": "COMMON_APPDATA"}
WINDOWS = st.fixed_dictionaries(
    dict.fromkeys(FOLDERS, WINDOWS_PATHS),
    optional={f"WIN_PD_OVERRIDE_{name}": OVERRIDES for name in FOLDERS.values()},
)

on_unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rules for paths and HOME")


ask_windows = windows.get_win_folder


def windows_folder(name: str) -> str:
    """Return a folder as platformdirs does; elsewhere than on Windows, as where Python has no ctypes."""
    try:
        return ask_windows(name)
    except ImportError:  # of ctypes.HRESULT
        return windows.get_win_folder_from_env_vars(name)


@contextmanager
def process(platform: str, environ: Environ, prefix: str = "") -> Iterator[FolderFacts]:
    """Give this process other facts, and yield those that the package reads."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            patch.delenv(name)
        for name, value in environ.items():
            patch.setenv(name, value)
        patch.setattr(sys, "platform", platform)
        patch.setattr(sys, "base_prefix", prefix)
        patch.setattr(windows, "get_win_folder", windows_folder)
        yield folder_facts()


def ours(facts: FolderFacts, name: str, *, roaming: bool = False) -> list[list[Path]]:
    return [
        [user_folder(name, "config", facts, roaming=roaming)],
        [user_folder(name, "data", facts, roaming=roaming)],
        [user_folder(name, "cache", facts)],
        site_folders(name, "config", facts),
        site_folders(name, "data", facts),
    ]


def theirs(kind: Callable[..., PlatformDirsABC], name: str, **options: object) -> list[list[Path]]:
    folders = kind(name, multipath=True, **options)
    user = [folders.user_config_dir, folders.user_data_dir, folders.user_cache_dir]
    separator = "\n" if kind is windows.Windows else os.pathsep  # it has one folder, on each system
    site = [folders.site_config_dir, folders.site_data_dir]
    return [*([Path(path)] for path in user), *([*map(Path, path.split(separator))] for path in site)]


@on_unix
@given(UNIX, st.sampled_from(["linux", "freebsd14", "cygwin"]))
@example({}, "linux")
def test_unix_has_the_folders_of_platformdirs(environ: Environ, platform: str) -> None:
    with process(platform, environ) as facts:
        assert ours(facts, "demo") == theirs(unix.Unix, "demo")


@on_unix
@given(UNIX, PREFIXES)
def test_macos_has_the_folders_of_platformdirs(environ: Environ, prefix: str) -> None:
    with process("darwin", environ, prefix) as facts:
        assert ours(facts, "demo") == theirs(macos.MacOS, "demo")


@pytest.mark.parametrize(
    "prefix",
    [
        f"/usr/local/Cellar/python@3.14/3.14.0_1/{FRAMEWORK}",
        f"/usr/local/opt/python-freethreading/{FRAMEWORK.replace('Python.', 'PythonT.')}",
    ],
)
def test_each_python_of_homebrew_has_the_same_folders(prefix: str) -> None:  # not with platformdirs 4.12
    facts = FolderFacts("darwin", {}, "/Users/u", prefix)
    expected = site_folders("demo", "data", facts._replace(base_prefix=PREFIX_OF_LINK))
    assert site_folders("demo", "data", facts) == expected
    assert len(expected) == 2


@pytest.mark.parametrize("roaming", [False, True])
@given(environ=WINDOWS)
def test_windows_has_the_folders_of_platformdirs(environ: Environ, roaming: bool) -> None:
    with process("win32", environ) as facts:
        assert ours(facts, "demo", roaming=roaming) == theirs(
            windows.Windows, "demo", appauthor=False, roaming=roaming
        )
        assert ours(facts, "demo/demo") == theirs(windows.Windows, "demo")


@on_unix
@pytest.mark.parametrize("home", ["", "relative", "~"])
def test_a_relative_home_is_ignored(home: str) -> None:
    with process("linux", {}):
        expected = user_folder("demo", "config", folder_facts())
        assert expected == Path(unix.Unix("demo").user_config_dir)
    with process("linux", {"HOME": home}) as facts:
        assert user_folder("demo", "config", facts) == expected


def test_this_system_has_the_folders_of_platformdirs() -> None:
    for roaming in (False, True):
        folders = theirs(platformdirs.PlatformDirs, "demo", appauthor=False, roaming=roaming)
        assert ours(folder_facts(), "demo", roaming=roaming) == folders


def test_windows_without_variables_has_the_usual_folders() -> None:
    facts = FolderFacts("win32", {"LOCALAPPDATA": ""}, "C:/Users/u")
    assert user_folder("demo", "cache", facts) == Path("C:/Users/u/AppData/Local/demo/Cache")
    assert user_folder("demo", "config", facts, roaming=True) == Path("C:/Users/u/AppData/Roaming/demo")
    assert site_folders("demo", "config", facts) == [Path("C:/ProgramData/demo")]


@on_unix
def test_a_user_without_home_has_neither_configuration_nor_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 9)  # a user that the system does not know
    monkeypatch.chdir(tmp_path)
    config_path().parent.mkdir(parents=True)
    config_path().write_text("invalid")
    assert configured({}).files == {}
    with pytest.raises(ValueError, match="the user has no cache folder"):
        prepare_folder(cache_path("demo").parent)
