"""Files in the user's cache folder, which no other user can change."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .user_folders import folder_facts, user_folder


def cache_path(name: str) -> Path:
    """Return the path of a file: on Linux ``~/.cache/variant-backend/NAME``."""
    return user_folder("variant-backend", "cache", folder_facts()) / name


def prepare(path: Path) -> None:
    """Create an empty file, and its folder; raises OSError or ValueError if others could change them."""
    user = prepare_folder(path.parent)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    if problem := ownership_problem(path.lstat(), user, stat.S_ISREG):
        raise ValueError(problem)


def prepare_folder(folder: Path) -> int | None:
    """Create a folder, and return its user, None on Windows.

    Raises OSError or ValueError if others could change it.
    """
    if not folder.is_absolute():  # without a home folder
        raise ValueError("the user has no cache folder")
    user = os.geteuid() if hasattr(os, "geteuid") else None
    if not folder.exists():
        # Root would leave a folder in a user's cache that the user cannot use.
        above = next(parent for parent in folder.parents if parent.exists())
        if user is not None and above.stat().st_uid not in (0, user):
            raise ValueError(f"{above} belongs to another user")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if problem := ownership_problem(folder.lstat(), user, stat.S_ISDIR):
        raise ValueError(f"the folder {problem}")
    return user


def ownership_problem(status: os.stat_result, user: int | None, is_kind: Callable[[int], bool]) -> str | None:
    """Return why a folder or file is not the user's own, None if it is; *user* is None on Windows."""
    if not is_kind(status.st_mode):
        return "is not of the expected kind"
    if user is None:
        return None
    if status.st_uid != user:
        return "belongs to another user"
    return "can be changed by other users" if status.st_mode & 0o022 else None
