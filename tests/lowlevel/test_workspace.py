"""A complete file gets its final name in one step, and replaces no file that appears meanwhile."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel.file_set import Output, write_all_files
from variant_backend._internal.lowlevel.workspace import move, move_new, remove_tree, workspace

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has a call for this")


@pytest.fixture(params=[None, errno.EPERM, errno.ENOTSUP, errno.EXDEV], ids=str)
def part(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A complete file, on a file system with hard links or with one of the errors of those without."""

    def refuse(source: object, target: object) -> None:
        raise OSError(request.param, os.strerror(request.param), str(source), None, str(target))

    if request.param is not None:
        monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "part").write_bytes(b"new")
    return tmp_path / "part"


def test_a_new_file_gets_its_name(part: Path) -> None:
    target = part.with_name("target")
    move_new(part, target)
    assert (target.read_bytes(), part.exists(), target.stat().st_nlink) == (b"new", False, 1)


@pytest.mark.parametrize("is_link", [False, pytest.param(True, marks=posix_only)])
def test_an_existing_file_is_replaced_only_with_force(part: Path, is_link: bool) -> None:
    target = part.with_name("target")
    if is_link:
        target.symlink_to("missing")
    else:
        target.write_bytes(b"other")
    with pytest.raises(VariantError, match="target: already exists; use --force to replace it"):
        move(part, target, force=False)
    assert (target.is_symlink(), part.read_bytes()) == (is_link, b"new")
    move(part, target, force=True)
    assert (target.read_bytes(), part.exists()) == (b"new", False)


def test_a_folder_is_never_replaced(part: Path) -> None:
    (part.parent / "target").mkdir()
    with pytest.raises(FileExistsError):
        move_new(part, part.parent / "target")


def test_nothing_remains_if_the_file_cannot_be_moved(part: Path) -> None:
    part.unlink()
    with pytest.raises(FileNotFoundError):
        move_new(part, part.with_name("target"))
    assert not part.with_name("target").exists()


@pytest.mark.parametrize("is_ours", [False, True])
def test_a_file_that_appears_meanwhile_is_replaced_only_if_it_is_ours(tmp_path: Path, is_ours: bool) -> None:
    (tmp_path / "second").write_bytes(b"other")  # writing all files compares none of them before
    first = Output(tmp_path, "first", b"x")
    second = Output(tmp_path, "second", b"x", lambda content: is_ours and content == b"other")
    if is_ours:
        write_all_files([first, second])
        assert (tmp_path / "second").read_bytes() == b"x"
        return
    with pytest.raises(VariantError, match="second: already exists, and was not written by variant-backend"):
        write_all_files([first, second])
    assert (tmp_path / "second").read_bytes() == b"other"


@posix_only
def test_a_pipe_with_the_name_of_a_lock_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".variant-backend-x.lock")
    with workspace(tmp_path) as folder:
        assert folder.is_dir()


@contextmanager
def unprivileged(folder: Path) -> Iterator[None]:
    """Act as a user who is not root, and who owns a folder; paths are relative to it."""
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, 65534, -1)
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@posix_only
@pytest.mark.parametrize("mode", [0o000, 0o555])
def test_a_tree_is_removed_whatever_its_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    monkeypatch.chdir(tmp_path)
    with unprivileged(tmp_path):
        kept, tree = Path("kept"), Path("tree")
        kept.touch(mode=0o644)
        (tree / "folder" / "inner").mkdir(parents=True)
        (tree / "folder" / "link").symlink_to(kept.absolute())
        os.link(kept, tree / "folder" / "inner" / "same")
        (tree / "folder" / "inner").chmod(mode)
        (tree / "folder").chmod(mode)
        remove_tree(tree)
        assert (tree.exists(), oct(kept.stat().st_mode)) == (False, "0o100644")
