"""The lock files of a project: a command that `run` started must not change them.

A lock names the offer of one run, or fits one machine. `run` refuses the commands that are known to write
one; tox, nox, hatch and scripts may start them unseen.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from ..errors import Problem, VariantError
from ..lowlevel.named_paths import place_of_file
from ..lowlevel.regular_files import read_regular
from .lock_commands import LOCK_WITH_SERVE

_NAMES = (
    *("uv.lock", "pdm.lock", "Pipfile.lock", "poetry.lock", "pylock*.toml", "*.py.lock"),
    *("*requirements*.txt", "*constraints*.txt"),
)
# In folders of this name, all files with the suffix .txt are lock files.
_REQUIREMENTS = "requirements"
_ROOTS = (".git", "pyproject.toml", "Pipfile")
# A session of nox may change to another project of the repository. Large trees would take too long.
_MOST_BELOW = 200
_DEEPEST = 2


class LockWatch:
    """The lock files of the project or repository that a folder belongs to, and of projects below it."""

    def __init__(self, folder: Path) -> None:
        above = _project_folders(folder)
        projects = [*above, *filter(_is_root, islice(_folders_below(folder), _MOST_BELOW))]
        self._folders = {*projects, *(path / _REQUIREMENTS for path in projects)}
        self._before = self._digests()

    def problems(self, offer_host: str) -> list[Problem]:
        """Return the lock files that changed since; *offer_host* is the host with port of the offer."""
        problems = []
        for path, digest in self._digests().items():
            if digest != self._before.get(path):
                problems.append(_changed(path, offer_host, is_new=path not in self._before))
        return problems

    def _digests(self) -> dict[Path, str]:
        files = sorted(path for folder in self._folders for path in _locks_in(folder))
        return {path: hashlib.sha256(_content(path)).hexdigest() for path in files}


def _locks_in(folder: Path) -> Iterator[Path]:
    """Yield the lock files in a folder."""
    names = ("*.txt", *_NAMES) if folder.name == _REQUIREMENTS else _NAMES
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if any(fnmatchcase(entry.name, name) for name in names) and entry.is_file():
                yield Path(entry.path)


def _folders_below(folder: Path) -> Iterator[Path]:
    """Yield the folders below a folder, the nearest first, without hidden ones."""
    level = [folder]
    for _ in range(_DEEPEST):
        level = [path for above in level for path in _folders_in(above)]
        yield from level


def _folders_in(folder: Path) -> Iterator[Path]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if not entry.name.startswith((".", "node_modules")) and entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)


def _project_folders(folder: Path) -> list[Path]:
    """Return a folder and those above it, up to the root of its project or repository."""
    above = [folder, *folder.parents]
    roots = [number for number, path in enumerate(above) if _is_root(path)]
    return above[: max(roots, default=0) + 1]


def _is_root(folder: Path) -> bool:
    """Return whether a folder is that of a project or repository."""
    # Path.exists raises PermissionError in a closed folder.
    return any(os.path.exists(folder / name) for name in _ROOTS)  # noqa: PTH110


def _content(path: Path) -> bytes:
    with suppress(OSError, VariantError):
        return read_regular(path)
    return b""


def _changed(path: Path, offer_host: str, *, is_new: bool) -> Problem:
    names_offer = offer_host.encode() in _content(path)
    what = "names the offer of this run, which has ended" if names_offer else "may fit this machine only"
    undo = "remove it" if is_new else "restore it"
    text = f"the command {'wrote' if is_new else 'changed'} this lock file, which {what}"
    return Problem(
        "error",
        place_of_file(path),
        text,
        f"{undo}, and {LOCK_WITH_SERVE}",
    )
