"""A private folder in which files are completed before they get their final names."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ..errors import VariantError

# The names of private folders have it; the comparison of built files looks for it.
PREFIX = "variant-backend-"

# Windows' errors for a file that a program has open: ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION.
_IN_USE = (5, 32)
# Virus scanners and search indexes open new files for a moment. Seconds.
_PATIENCE = 2.0
_STEP = 0.05


class NotWritableError(VariantError):
    """A folder of this machine cannot be written."""


if sys.platform == "win32":
    import msvcrt

    def _acquire(lock: IO[bytes]) -> None:
        """Lock a file until it is closed; raises OSError if another process has the lock."""
        msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _acquire(lock: IO[bytes]) -> None:
        """Lock a file until it is closed; raises OSError if another process has the lock."""
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def workspace(folder: Path, *, hidden: bool = True) -> Iterator[Path]:
    """Yield a private folder inside *folder*, and remove it afterwards; *folder* is created if missing.

    Build tools may skip files below a *hidden* folder.

    `os.replace` can move files out of it, as it is on the same file system. A lock file beside it exists
    longer than the private folder does. A killed run leaves both: its lock is free then, and the next run in
    the same folder removes them. Raises VariantError if *folder* is not writable. An OSError without a path,
    such as that of a full disk, or with a path in the private folder, gets the path of *folder*.
    """
    prefix = f".{PREFIX}" if hidden else PREFIX
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder, prefix)
        lock_path, lock = _create_lock(folder, prefix)
    except OSError as error:
        raise folder_error(folder, error) from None
    path = lock_path.with_suffix("")
    try:
        path.mkdir(mode=0o700)
        yield path
    except OSError as error:
        if error.filename2 is None and str(error.filename or path).startswith(str(path)):
            error.filename = str(folder)
        raise
    finally:
        _remove(path, lock_path, lock)


def move_new(part: Path, target: Path) -> None:
    """Give a file in a workspace its final name in one step; raises FileExistsError if that name exists.

    On file systems without hard links, the name exists as an empty file for a moment, and remains if the
    process is killed in that moment. A file that another program puts there in that moment is replaced.
    """
    if sys.platform == "win32":
        _named(part.rename, target)
        return
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # each file system has another error for this; any other error comes again
        target.touch(exist_ok=False)
        try:
            move_over(part, target)
        except BaseException:
            target.unlink()
            raise
    else:
        part.unlink()


def move_over(part: Path, target: Path) -> None:
    """Give a file in a workspace its final name in one step, replacing an existing file.

    Windows refuses this while a program has one of the files open. Raises NotWritableError if that lasts
    longer than a moment, and OSError for other reasons.
    """
    _named(part.replace, target)


def _named(rename: Callable[[Path], object], target: Path) -> None:
    """Rename a file, if necessary a moment later; raises the errors of `move_over`."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            rename(target)
            return
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _IN_USE:
                raise
            if time.monotonic() >= deadline:
                remedy = "close the programs that have it open"
                raise NotWritableError(str(error.strerror), place=target, remedy=remedy) from None
        time.sleep(_STEP)


def move(part: Path, target: Path, *, force: bool) -> None:
    """Give a file in a workspace its final name; raises VariantError if that exists, unless *force* is true.

    A file that appears at *target* while the new one is made is not replaced, see `move_new`.
    """
    if force:
        move_over(part, target)
        return
    try:
        move_new(part, target)
    except FileExistsError:
        raise already_exists(target) from None


def remove_tree(folder: Path) -> None:
    """Remove a folder, as far as that is possible, with read-only folders and files.

    git writes read-only files, which Windows does not remove. Elsewhere, the mode of a file has no effect on
    that, and the file may have another name outside of the folder.
    """
    import shutil  # rarely needed

    def remove_writable(_: object, name: str, _error: object) -> None:
        path = Path(name)
        with suppress(OSError):
            if path.is_symlink():  # `chmod` would change its target
                return
            mode = path.stat().st_mode
            if path.is_dir():
                path.chmod(stat.S_IRWXU)
                if path.stat().st_mode != mode:  # or it would be tried forever
                    remove_tree(path)
            elif sys.platform == "win32":
                path.chmod(stat.S_IRWXU)
                path.unlink()

    if sys.version_info >= (3, 12):
        shutil.rmtree(folder, onexc=remove_writable)
    else:
        shutil.rmtree(folder, onerror=remove_writable)


def already_exists(target: Path) -> VariantError:
    """Return the error for a file that is replaced only with ``--force``."""
    return VariantError("already exists", place=target, remedy="use --force to replace it")


def folder_error(folder: Path, error: OSError) -> VariantError:
    """Return the error for an output folder that cannot be created or written."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return NotWritableError("expected a folder, got a file", place=folder, remedy="use another folder")
    remedy = "use a writable folder" if isinstance(error, PermissionError) else "use another folder"
    return NotWritableError(str(error.strerror), place=folder, remedy=remedy)


def _create_lock(folder: Path, prefix: str) -> tuple[Path, IO[bytes]]:
    """Create a lock file and lock it; try again if a cleaning run removes it in between."""
    while True:
        path = folder / f"{prefix}{os.urandom(6).hex()}.lock"
        lock = path.open("xb")
        try:
            _acquire(lock)
        except (BlockingIOError, PermissionError):
            lock.close()
            continue
        except OSError:  # this file system has no locks, for other runs neither
            return path, lock
        if path.exists():
            return path, lock
        lock.close()


def _remove_abandoned(folder: Path, prefix: str) -> None:
    """Remove the workspaces of runs that have ended: those whose lock is free."""
    names: list[str] = []
    with suppress(OSError):  # a writable folder need not be readable
        names = os.listdir(folder)  # noqa: PTH208  # names alone, as a folder may have very many
    for name in names:
        if not (name.startswith(prefix) and name.endswith(".lock")):
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
    """Remove a workspace, and then its lock file, which this process has locked."""
    try:
        path.rmdir()
    except OSError:
        remove_tree(path)
    if not path.exists():
        # Windows removes closed files only; others remove it before it can be locked again.
        for _ in range(2):
            with suppress(OSError):
                lock_path.unlink()
            lock.close()
    lock.close()
