"""Explain why a path names no wheel, with a remedy: an sdist, a folder, a browser's copy, a missing file."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

from ..errors import Problem, VariantError, did_you_mean
from ..lowlevel.ranges import Source, path_of
from ..lowlevel.shell_words import quoted
from ..lowlevel.urls import shown_url
from ..lowlevel.zip_records import ENDING_SIZE
from ..variants.filename import WheelFilename, original_of

_SDIST = re.compile(r".+-\d[^-]*\.(tar\.gz|tgz|tar\.bz2|zip)")
# Path() has made one slash of several. One letter in front of the colon is a drive.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", re.DOTALL)

_MOST_NAMES = 100  # did_you_mean() compares no more
_AGAIN = "download or build the wheel again"


def path_problem(path: Path, expected: str = "a wheel") -> Problem | None:
    """Return why a path names no wheel, or None if the reason is not known.

    *expected* describes the expected files for the message.
    """
    if problem := missing_problem(path, expected):
        return problem
    place, name = str(path), path.name
    if _is_folder(path):
        return Problem("error", place, f"is a folder, expected {expected}", _folder_remedy(path))
    if _SDIST.fullmatch(name):
        remedy = f"build a wheel from it: pip wheel --no-deps {quoted(place)}"
        return Problem("error", place, f"is an sdist, expected {expected}", remedy)
    return _renamed_problem(path) or _other_kind(path, expected)


def missing_problem(path: Path, expected: str = "a wheel") -> Problem | None:
    """Return why nothing is at a path, or None if a file or folder is there."""
    if not _is_missing(path):
        return None
    place = shown_path(path)
    if place == "-":
        remedy = {
            "a wheel": "save the wheel to a file under its own name, and give that path",
            "a folder": "give the path of a folder with wheels",
        }.get(expected, "save the input to a file, and give its path")
        return Problem("error", place, "reading from stdin is not supported", remedy)
    if url := _URL.fullmatch(str(path)):
        return _url_problem(url, expected)
    if os.path.islink(path):  # noqa: PTH114  # Path.is_symlink raises ValueError for NUL
        text = f"is a symbolic link to {os.readlink(path)!r}, which does not exist"  # noqa: PTH115
        return Problem("error", place, text, "correct the link, or delete it")
    if place.startswith("~"):
        home = os.path.expanduser(path)  # noqa: PTH111  # Path.expanduser raises for an unknown user
        if os.path.lexists(home):
            return Problem("error", place, "the shell did not expand '~'", f"write {quoted(home)}")
        path = Path(home)
    if "\\" in place and sys.platform != "win32":
        return _backslash_problem(place)
    kinds = {"a folder": "folder", "a file or folder": "file or folder"}
    return _not_found(path, kinds.get(expected, "file"))


def shown_path(path: Path) -> str:
    """Return a path as it may be printed: a URL in its place may contain secrets."""
    url = _URL.fullmatch(str(path))
    return shown_url(f"{url[1]}://{url[2]}") if url and not os.path.lexists(path) else str(path)


def folder_problem(path: Path) -> Problem:
    """Return why a path names no folder with wheels."""
    if problem := missing_problem(path, "a folder"):
        return problem
    remedy = f"give the folder that holds it: {quoted(path.parent)}"
    return Problem("error", str(path), "is a file, expected a folder with wheels", remedy)


def unreadable(path: Path, error: OSError) -> VariantError:
    """Return the error for a wheel that cannot be opened."""
    is_denied = isinstance(error, PermissionError) and not _is_folder(path)  # Windows denies to open folders
    if not is_denied and (problem := path_problem(path)):
        return VariantError(problem)
    return VariantError(error.strerror or str(error), place=path)


def content_problem(source: Source) -> Problem | None:
    """Return the content of a file that is not a zip archive; None for a zip archive, even a damaged one."""
    start = source.read(min(source.size, 64), 0)
    remedy = _AGAIN
    end = source.read(min(source.size, ENDING_SIZE), max(source.size - ENDING_SIZE, 0))
    if start.startswith(b"PK") or b"PK\x05\x06" in end:
        return None
    if not start:
        content = "an empty file"
    elif start.startswith(b"version https://git-lfs"):
        content, remedy = "a Git LFS pointer", "download its content: git lfs pull"
    elif start.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        content = "an HTML page"
    elif start.startswith(b"\x1f\x8b"):
        content = "a gzip archive"
    else:
        content = _shown_start(start)
    return Problem("error", "", f"expected a zip archive, got {content}", remedy)


def _is_missing(path: Path) -> bool:
    """Return whether a path does not exist; false if that is unknown, such as in a folder without access."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return True
    except OSError:
        return False
    return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _shown_start(start: bytes) -> str:
    try:
        text = start[:40].decode("ascii").splitlines()[0]
    except ValueError:
        text = ""
    return f"text: {text!r}" if text.isprintable() and text else f"the bytes {start[:8].hex(' ')}"


def _folder_remedy(folder: Path) -> str:
    if any(entry.suffix == ".whl" for entry in _entries(folder)):
        return f"give the wheels in it: {quoted(folder)}/*.whl"
    if (folder / "pyproject.toml").is_file() or (folder / "setup.py").is_file():
        return f"build a wheel from it: pip wheel --no-deps {quoted(folder.absolute())}"
    return "give the path of a wheel"


def _url_problem(url: re.Match[str], expected: str) -> Problem:
    remedy = "download the file, and give its path (inspect and index take URLs; check only those of HTTP)"
    if url[1].lower() == "file":
        path = re.sub(r"\A[^/]*:[^/]*@", "", url[2])  # without user and password
        remedy = f"write the path: {quoted(path_of(f'file:///{path}'))}"
    place = shown_url(f"{url[1]}://{url[2]}")
    return Problem("error", place, f"is a URL, expected the path of {expected}", remedy)


def _backslash_problem(place: str) -> Problem:
    slashed = place.replace("\\", "/")
    if drive := re.match("([A-Za-z]):/", slashed):  # as in the Windows Subsystem for Linux
        slashed = f"/mnt/{drive[1].lower()}/{slashed[3:]}"
    remedy = (
        f"write {quoted(slashed)}"
        if os.path.lexists(slashed)
        else "copy the file to this machine, and write its path with '/'"
    )
    return Problem("error", place, "is a Windows path, and this system is not Windows", remedy)


def _not_found(path: Path, kind: str) -> Problem:
    """Return the problem of a missing file or folder, or of the first missing folder above it."""
    if re.search(r"[*?\[]", path.name):
        return Problem("error", str(path), "no file matches this pattern", "give the path of a wheel")
    missing = path
    while _is_missing(missing.parent) and missing.parent != missing:
        missing = missing.parent
    names = [entry.name for entry in _entries(missing.parent)]
    if missing == path and path.suffix == ".whl":
        names = [name for name in names if name.endswith(".whl")]
    names.sort(key=lambda name: -_common_length(name, missing.name))
    suggestion = did_you_mean(missing.name, names[:_MOST_NAMES])
    text = f"{kind} not found" if missing == path else f"folder {str(missing)!r} not found"
    return Problem("error", str(path), f"{text}{suggestion}")


def _common_length(one: str, other: str) -> int:
    """Return the length of the common start of two names."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (mine, yours) in pairs if mine != yours), min(len(one), len(other)))


def _entries(folder: Path) -> Iterable[Path]:
    try:
        return sorted(folder.iterdir())
    except (OSError, ValueError):
        return []


def _other_kind(path: Path, expected: str) -> Problem | None:
    """Return that a file is not a wheel; None if other files are expected, or if it only lacks the ending."""
    if expected != "a wheel" or path.suffix == ".whl" or _is_wheel_name(path.with_suffix(".whl").name):
        return None
    return Problem("error", str(path), "is not a wheel, expected a .whl file", "give the path of a .whl file")


def _is_wheel_name(name: str) -> bool:
    try:
        return bool(WheelFilename.parse(name))
    except VariantError:
        return False


def _renamed_problem(path: Path) -> Problem | None:
    """Return how a file's name differs from a wheel's, if renaming the file is the remedy."""
    name = unquote(path.name)
    text = ""
    if copy := original_of(name):
        name, mark = copy
        text = f"the name contains {mark!r}, as names of copies do"
    if escapes := re.search("%[0-9A-Fa-f]{2}", path.name):
        text = f"the name contains {escapes[0]!r}, which means {unquote(escapes[0])!r} in a URL"
    if not text or not _is_wheel_name(name):
        return None
    remedy = f"rename it to {name}"
    if os.path.lexists(path.with_name(name)):
        remedy = f"use {name} in the same folder, or replace that file with this one"
    return Problem("error", path.name, text, remedy)
