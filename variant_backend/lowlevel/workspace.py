"""A private folder in which files are finished before they get their final name."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ..errors import VariantError

_WORKSPACE_PREFIX = ".variant-backend-"

if sys.platform == "win32":
    import msvcrt

    def _acquire(lock: IO[bytes]) -> None:
        """Lock a file until it is closed; raises OSError if another one has the lock."""
        msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _acquire(lock: IO[bytes]) -> None:
        """Lock a file until it is closed; raises OSError if another one has the lock."""
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """Give a private folder inside *folder*, which is made if need be, that is gone afterwards.

    What is finished there is moved out with `os.replace`: it is on the same file system. Beside it
    lies a lock file, before it is there and until it is gone. A run that is killed leaves both
    behind: the next one in the same folder removes them, as the lock died with the run.
    Raises VariantError if *folder* cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder)
        lock_path, lock = _create_lock(folder)
    except OSError as error:
        remedy = "give a folder that can be written"
        raise VariantError(str(error.strerror), place=folder, hint=remedy) from None
    path = lock_path.with_suffix("")
    try:
        path.mkdir()
        yield path
    finally:
        _remove(path, lock_path, lock)


def _create_lock(folder: Path) -> tuple[Path, IO[bytes]]:
    """Make a lock file and lock it; try again if a cleaning run takes it in between."""
    while True:
        path = folder / f"{_WORKSPACE_PREFIX}{os.urandom(6).hex()}.lock"
        lock = path.open("xb")
        try:
            _acquire(lock)
        except (BlockingIOError, PermissionError):
            lock.close()
            continue
        except OSError:  # no locks on this file system: nobody else gets one either
            return path, lock
        if path.exists():
            return path, lock
        lock.close()


def _remove_abandoned(folder: Path) -> None:
    """Remove the workspaces of runs that have ended: those whose lock is free."""
    names: list[str] = []
    with suppress(OSError):  # a folder that can be written need not be readable
        names = os.listdir(folder)  # noqa: PTH208  # names alone, as a folder may have very many
    for name in names:
        if not (name.startswith(_WORKSPACE_PREFIX) and name.endswith(".lock")):
            continue
        lock_path = folder / name
        with suppress(OSError):
            lock = lock_path.open("r+b")
            try:
                _acquire(lock)
            except OSError:
                lock.close()
            else:
                _remove(lock_path.with_suffix(""), lock_path, lock)


def _remove(path: Path, lock_path: Path, lock: IO[bytes]) -> None:
    """Remove a workspace, and then its lock file, which is locked."""
    try:
        path.rmdir()
    except OSError:
        import shutil

        shutil.rmtree(path, ignore_errors=True)
    if not path.exists():
        for _ in range(2):  # Windows removes no file that is open; others must, before somebody locks it
            with suppress(OSError):
                lock_path.unlink()
            lock.close()
    lock.close()
