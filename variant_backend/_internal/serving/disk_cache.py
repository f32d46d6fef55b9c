"""What a server keeps on disk, in a folder that no other user can change.

A file gets its name only when it is complete, so several processes can use the same folder, and a killed one
leaves no part of a file under a name that is used. Files that were not used for the longest time are removed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError
from ..lowlevel.ranges import file_digest
from ..lowlevel.regular_files import read_regular
from ..lowlevel.terminal import print_detail
from ..lowlevel.user_cache import cache_path, prepare_folder
from ..lowlevel.workspace import NotWritableError, move_over, workspace

# Contents are spread over 256 folders, each with this many at most.
_MOST_IN_FOLDER = 64
_LARGEST_KEPT = 256 << 10
# The limit in bytes for all rewritten wheels together; the newest one is kept whatever its size.
_LARGEST_WHEELS = 20 << 30
_DIGEST_SIZE = 32


@contextmanager
def offer_cache() -> Iterator[Path]:
    """Yield the folder of all offers of the user; a temporary one if the user has no safe cache folder."""
    folder = cache_path("offer")
    try:
        prepare_folder(folder)
    except (OSError, ValueError) as error:
        import tempfile  # rarely needed

        print_detail(f"{folder} is not used: {error}")
        with tempfile.TemporaryDirectory(prefix="variant-backend-") as temporary:
            yield Path(temporary)
    else:
        yield folder


class KeptContents:
    """Contents by key, of at most 256 KiB. Where the folder cannot be used, nothing is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._is_usable: bool | None = None

    def find(self, key: str) -> bytes | None:
        """Return the content of a key, None if there is none."""
        if not self._usable():
            return None
        path = self._path(key)
        try:
            digest, content = _split(read_regular(path))
            if hashlib.sha256(content).digest() != digest:  # after a power failure
                return None
            os.utime(path)
        except (OSError, VariantError):
            return None
        return content

    def add(self, key: str, content: bytes) -> None:
        """Keep a content under a key."""
        if len(content) > _LARGEST_KEPT or not self._usable():
            return
        path = self._path(key)
        try:
            prepare_folder(self._folder)  # the user may have deleted it
            path.parent.mkdir(exist_ok=True)
            with workspace(self._folder / "new") as new:
                (new / "content").write_bytes(hashlib.sha256(content).digest() + content)
                move_over(new / "content", path)
            _remove_oldest(path.parent, _MOST_IN_FOLDER)
        except (OSError, ValueError, NotWritableError) as error:
            print_detail(f"{path}: not kept: {error}")

    def _path(self, key: str) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._folder / digest[:2] / digest

    def _usable(self) -> bool:
        """Return whether the folder exists, and no other user can change it."""
        if self._is_usable is None:
            try:
                prepare_folder(self._folder)
                self._is_usable = True
            except (OSError, ValueError) as error:
                print_detail(f"{self._folder} is not used: {error}")
                self._is_usable = False
        return self._is_usable


def _split(content: bytes) -> tuple[bytes, bytes]:
    return content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]


def _remove_oldest(folder: Path, most: int) -> None:
    """Remove the files of a folder that were not used for the longest time, if there are too many."""
    with os.scandir(folder) as entries:
        paths = [entry.path for entry in entries]
    if len(paths) > most:
        for path in sorted(paths, key=_last_use)[: len(paths) - most]:
            with suppress(OSError):
                os.unlink(path)  # noqa: PTH108  # a text, as scandir has it


def _last_use(path: str | Path) -> float:
    try:
        return os.stat(path).st_mtime  # noqa: PTH116  # a text, as scandir has it
    except OSError:  # another process has removed it
        return 0.0


class KeptWheel(NamedTuple):
    """A wheel on disk, with its SHA-256 and its size in bytes."""

    path: Path
    sha256: str
    size: int


class KeptWheels:
    """Wheels by key, of 20 GiB together at most."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str, make: Callable[[Path, Path], None]) -> KeptWheel:
        """Return the wheel of a key; if there is none, *make* writes it.

        *make* gets the path to write, and a folder for other files. Raises its errors, and NotWritableError.
        """
        folder = self._folder / key
        if wheel := _kept_in(folder):
            return wheel
        try:
            prepare_folder(self._folder)
        except (OSError, ValueError) as error:
            raise NotWritableError(str(error), place=self._folder, remedy="use another folder") from None
        with workspace(self._folder / "new") as new, _disk_errors(self._folder):
            (new / "done").mkdir()
            path = new / "done" / "wheel.whl"
            make(path, new)
            about = {"sha256": file_digest(path), "size": path.stat().st_size}
            (new / "done" / "about.json").write_text(json.dumps(about), encoding="utf-8")
            if folder.exists() and not _kept_in(folder):  # after a power failure
                _remove_folder(folder)
            with suppress(OSError):  # another process was faster
                (new / "done").rename(folder)
        self._remove_oldest(folder)
        if wheel := _kept_in(folder):
            return wheel
        raise NotWritableError("a new file disappears at once", place=folder, remedy="use another folder")

    def _remove_oldest(self, newest: Path) -> None:
        """Remove the wheels that were not used for the longest time, if all together are too large."""
        with suppress(OSError):
            wheels = [folder for folder in self._folder.iterdir() if folder.name != "new"]
            total = 0
            for folder in sorted(wheels, key=lambda folder: -_last_use(folder / "about.json")):
                with suppress(OSError):
                    total += (folder / "wheel.whl").stat().st_size
                if total > _LARGEST_WHEELS and folder != newest:
                    _remove_folder(folder)


def _remove_folder(folder: Path) -> None:
    import shutil  # rarely needed

    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    """Raise OSError as NotWritableError."""
    try:
        yield
    except OSError as error:
        raise NotWritableError(
            error.strerror or str(error), place=folder, remedy="use another folder"
        ) from None


def _kept_in(folder: Path) -> KeptWheel | None:
    """Return the complete wheel in a folder, None if there is none."""
    path = folder / "wheel.whl"
    try:
        about = json.loads(read_regular(folder / "about.json"))
        wheel = KeptWheel(path, str(about["sha256"]), int(about["size"]))
        if path.stat().st_size != wheel.size:
            return None
        os.utime(folder / "about.json")
    except (OSError, VariantError, ValueError, LookupError, TypeError):
        return None
    return wheel
