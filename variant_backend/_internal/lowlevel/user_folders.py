"""The folders of a user and of the site for configuration, data and caches, on each system.

They are those of platformdirs 4, which other programs use; builds do not need that library.

Sources: the XDG Base Directory Specification 0.8, Apple's File System Programming Guide, and the reference of
Windows' `SHGetFolderPathW`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

FolderKind: TypeAlias = Literal["config", "data", "cache"]


class _KindFolders(NamedTuple):
    """Where a kind of files is: below the home folder, and for all users."""

    unix: str
    macos: str
    site: tuple[str, ...]


_APPLICATIONS = "Library/Application Support"
_FOLDERS = {
    "config": _KindFolders(".config", _APPLICATIONS, ("/etc/xdg",)),
    "data": _KindFolders(".local/share", _APPLICATIONS, ("/usr/local/share", "/usr/share")),
    "cache": _KindFolders(".cache", "Library/Caches", ()),
}

# By variable of Windows: the number of the folder (CSIDL), the variable with which platformdirs replaces it,
# and the folder if the system names none.
_OF_WINDOWS = {
    "APPDATA": (26, "WIN_PD_OVERRIDE_APPDATA", "~/AppData/Roaming"),
    "LOCALAPPDATA": (28, "WIN_PD_OVERRIDE_LOCAL_APPDATA", "~/AppData/Local"),
    "ALLUSERSPROFILE": (35, "WIN_PD_OVERRIDE_COMMON_APPDATA", "C:/ProgramData"),
}
_WITHOUT_CHECK = 0x4000  # CSIDL_FLAG_DONT_VERIFY: the folder need not exist
_LONGEST = 260  # characters with the final null: MAX_PATH

_OF_DRIVE_OR_SERVER = re.compile(r"[A-Za-z]:[\\/]|[\\/]{2}[^\\/]+[\\/]+[^\\/]")

# The Python of Homebrew, below Homebrew's own folder.
_OF_HOMEBREW = re.compile(r"(.+)/(?:opt|Cellar)/python.*\.framework/Versions/[^/]+")


class FolderFacts(NamedTuple):
    """What the folders depend on.

    *platform* and *base_prefix* are those of `sys`. *home* is the home folder, ``~`` if the user has none:
    the user's folders are relative paths then. *environ* has the environment variables; on Windows, those of
    the user's and the site's folders have the values that the system names.
    """

    platform: str
    environ: Mapping[str, str]
    home: str
    base_prefix: str = ""


def folder_facts() -> FolderFacts:
    """Return the facts about this process."""
    environ = {**os.environ, **_known_folders()}
    return FolderFacts(sys.platform, environ, _home_folder(os.environ), sys.base_prefix)


def user_folder(name: str, kind: FolderKind, facts: FolderFacts, *, roaming: bool = False) -> Path:
    r"""Return the user's folder of a program; *roaming* settings follow a user of Windows to other machines.

    >>> linux = FolderFacts("linux", {"XDG_CACHE_HOME": "/tmp/cache"}, "/home/user")
    >>> user_folder("demo", "config", linux).as_posix(), user_folder("demo", "cache", linux).as_posix()
    ('/home/user/.config/demo', '/tmp/cache/demo')
    """
    if facts.platform == "win32":
        folder = Path(_of_windows("APPDATA" if roaming else "LOCALAPPDATA", facts), name)
        return folder / "Cache" if kind == "cache" else folder
    path = facts.environ.get(f"XDG_{kind.upper()}_HOME", "")
    if _is_absolute(path):
        return Path(path, name)
    return Path(facts.home, _FOLDERS[kind].macos if facts.platform == "darwin" else _FOLDERS[kind].unix, name)


def site_folders(name: str, kind: Literal["config", "data"], facts: FolderFacts) -> list[Path]:
    """Return the folders of a program for all users, at least one, the one with the highest priority first.

    >>> [path.as_posix() for path in site_folders("demo", "config", FolderFacts("linux", {}, "/root"))]
    ['/etc/xdg/demo']
    """
    if facts.platform == "win32":
        return [Path(_of_windows("ALLUSERSPROFILE", facts), name)]
    folders = [*filter(_is_absolute, facts.environ.get(f"XDG_{kind.upper()}_DIRS", "").split(":"))]
    if not folders and facts.platform == "darwin":
        homebrew = _OF_HOMEBREW.fullmatch(facts.base_prefix)
        folders = [f"{homebrew[1]}/share"] if homebrew else []
        folders.append(f"/{_APPLICATIONS}")
    return [Path(folder, name) for folder in folders or _FOLDERS[kind].site]


def _is_absolute(path: str) -> bool:
    """Return whether a path counts in an XDG variable: relative ones are ignored."""
    return path.startswith("/")


def _of_windows(variable: str, facts: FolderFacts) -> str:
    _, override, default = _OF_WINDOWS[variable]
    replaced = facts.environ.get(override, "").strip()
    if _OF_DRIVE_OR_SERVER.match(replaced):
        return replaced
    return facts.environ.get(variable) or default.replace("~", facts.home)


def _known_folders() -> dict[str, str]:
    """Return the folders that Windows names, by variable; programs may have changed the variables."""
    folders: dict[str, str] = {}
    if sys.platform == "win32":
        try:
            from ctypes import create_unicode_buffer, windll
        except ImportError:  # some builds of Python lack it
            return {}
        for variable, (number, _, _) in _OF_WINDOWS.items():
            buffer = create_unicode_buffer(_LONGEST)
            windll.shell32.SHGetFolderPathW(None, number | _WITHOUT_CHECK, None, 0, buffer)
            folders[variable] = buffer.value
    return {variable: folder for variable, folder in folders.items() if folder}


def _home_folder(environ: Mapping[str, str]) -> str:
    """Return the home folder, ``~`` if there is none; on Unix, a relative HOME is ignored."""
    if sys.platform != "win32" and not _is_absolute(environ.get("HOME", "")):
        with suppress(ImportError, KeyError):  # a system or a user without an entry
            import pwd

            return pwd.getpwuid(os.getuid()).pw_dir
        return "~"
    return os.path.expanduser("~")  # noqa: PTH111  # Path.expanduser raises for an unknown user
