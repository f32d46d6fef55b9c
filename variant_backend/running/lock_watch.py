"""The lock files of a project: a command that `run` started must not change them.

A lock names the offer of one run, or fits one machine. `run` refuses the commands that are known to write
one; tox, nox, hatch and scripts may start them unseen.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from ..errors import Problem, VariantError
from ..lowlevel.regular_files import read_regular
from .found_files import place_of_file
from .lock_commands import LOCK_WITH_SERVE

_NAMES = (
    *("uv.lock", "pdm.lock", "Pipfile.lock", "poetry.lock", "pylock*.toml", "*.py.lock"),
    *("*requirements*.txt", "*constraints*.txt", "requirements/*.txt"),
)
_ROOTS = (".git", "pyproject.toml", "Pipfile")


class LockWatch:
    """The lock files of the project or repository that a folder belongs to, in it and in folders above it."""

    def __init__(self, folder: Path) -> None:
        self._folders = _project_folders(folder)
        self._before = self._digests()

    def problems(self, offer_host: str) -> list[Problem]:
        """Return the lock files that changed since; *offer_host* is the host with port of the offer."""
        problems = []
        for path, digest in self._digests().items():
            if digest != self._before.get(path):
                problems.append(_changed(path, offer_host, is_new=path not in self._before))
        return problems

    def _digests(self) -> dict[Path, str]:
        files = sorted({path for folder in self._folders for name in _NAMES for path in folder.glob(name)})
        return {path: hashlib.sha256(_content(path)).hexdigest() for path in files if path.is_file()}


def _project_folders(folder: Path) -> list[Path]:
    """Return a folder and those above it, up to the root of its project or repository."""
    above = [folder, *folder.parents]
    roots = [number for number, path in enumerate(above) if any((path / name).exists() for name in _ROOTS)]
    return above[: max(roots, default=0) + 1]


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
