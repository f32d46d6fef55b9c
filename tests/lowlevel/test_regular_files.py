"""Only regular files are opened: pipes, sockets and devices are reported at once."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel.ranges import file_digest, opened_file
from variant_backend._internal.lowlevel.regular_files import LARGEST, open_regular, read_regular

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))  # a longer path is refused


OTHERS: dict[str, Callable[[Path], object]] = {
    "a named pipe": lambda path: os.mkfifo(path),
    "a socket": bound_socket,
    "a character device": lambda path: path.symlink_to("/dev/zero"),
}


def opened(path: Path) -> object:
    with opened_file(path) as source:
        return source.size


@posix_only
@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("read", [open_regular, read_regular, file_digest, opened])
def test_another_kind_of_file_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, read: Callable[[Path], object]
) -> None:
    monkeypatch.chdir(tmp_path)
    OTHERS[kind](path := tmp_path / "x")
    with pytest.raises(VariantError) as caught:
        read(path)
    place = f"{path}: " if read in (read_regular, file_digest) else ""
    text = f"expected a regular file, got {kind}; replace it with a regular file"
    assert str(caught.value) == f"{place}{text}"


def test_folders_and_missing_files_are_errors_of_the_system(tmp_path: Path) -> None:
    for path, kinds in (tmp_path, (IsADirectoryError, PermissionError)), (tmp_path / "x", FileNotFoundError):
        with pytest.raises(kinds) as caught:
            read_regular(path)
        assert Path(caught.value.filename) == path


def test_a_file_above_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert read_regular(path, 5) == b"12345"
    with pytest.raises(VariantError, match="x: too large: more than 4 bytes"):
        read_regular(path, 4)
    os.truncate(path, LARGEST + 1)
    with pytest.raises(VariantError, match=f"too large: more than {LARGEST} bytes; use a smaller file"):
        read_regular(path)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_file_of_unknown_size_is_read_whole() -> None:
    assert Path("/proc/self/status").stat().st_size == 0
    assert b"Pid:" in read_regular(Path("/proc/self/status"))


@posix_only
def test_an_open_file_waits_again_and_is_not_inherited(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with open_regular(tmp_path / "x") as file:
        assert os.get_blocking(file.fileno())
        assert not os.get_inheritable(file.fileno())
