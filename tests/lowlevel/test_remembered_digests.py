"""Unchanged files are not read again, and no database makes a digest wrong or ends a run."""

from __future__ import annotations

import hashlib
import os
import random
import sqlite3
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel import digest_database
from variant_backend._internal.lowlevel.digest_database import DigestDatabase
from variant_backend._internal.lowlevel.remembered_digests import RememberedDigests, is_settled, proof_of
from variant_backend._internal.lowlevel.terminal import VERBOSE, set_volume
from variant_backend._internal.lowlevel.user_cache import ownership_problem

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such times, modes or files")
Run = Callable[..., str]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The path of a database that does not exist yet."""
    return tmp_path / "cache" / "variant-backend" / "digests-1.sqlite"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.whl"
    path.write_bytes(b"content")
    return path


@pytest.fixture
def run(cache: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Ask for the digests of files a minute later, check them, and return the details that were printed."""

    def run(*paths: Path, verify: bool = False, seconds: float = 60) -> str:
        capsys.readouterr()
        before = set_volume(VERBOSE)
        with RememberedDigests(cache, verify=verify, clock=lambda: later(seconds)) as digests:
            counts: list[int] = []
            for path in paths:
                assert digests.digest(path, counts.append) == hashlib.sha256(path.read_bytes()).hexdigest()
        set_volume(before)
        assert sum(counts) == sum(path.stat().st_size for path in paths)
        return capsys.readouterr().err

    return run


def later(seconds: float) -> int:
    return time.time_ns() + int(seconds * 1e9)


def is_reused(printed: str) -> bool:
    return printed.startswith("reuse the hash of ")


def test_an_unchanged_file_is_not_read_again(file: Path, run: Run) -> None:
    assert run(file) == f"hash {file}\n"
    assert run(file) == f"reuse the hash of {file}\n"


def test_relative_and_absolute_paths_name_one_file(
    file: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(file)
    monkeypatch.chdir(file.parent)
    assert is_reused(run(Path(file.name)))


def test_a_file_younger_than_two_seconds_is_neither_remembered_nor_reused(file: Path, run: Run) -> None:
    run(file, seconds=1)
    assert not is_reused(run(file))
    assert not is_reused(run(file, seconds=1))
    assert is_reused(run(file, seconds=3))


def test_without_a_settled_file_there_is_no_database(file: Path, cache: Path, run: Run) -> None:
    run(file, seconds=1)
    assert not cache.exists()


def test_a_file_with_a_time_in_the_future_is_never_reused(file: Path, run: Run) -> None:
    os.utime(file, ns=(0, later(3600)))
    run(file)
    assert not is_reused(run(file))


def status(**changes: int) -> os.stat_result:
    names = ["mode", "ino", "dev", "nlink", "uid", "gid", "size", "atime", "mtime", "ctime"]
    nanoseconds = {f"st_{name}_ns": changes.get(name, 0) for name in ("mtime", "ctime")}
    return os.stat_result([changes.get(name, 0) for name in names], nanoseconds)


@pytest.mark.parametrize("changed", ["mtime", "ctime"])
def test_both_times_must_be_two_seconds_old(changed: str) -> None:
    changes = {"mtime": 100, "ctime": 100, changed: 200}
    assert not is_settled(status(**changes), 2_000_000_199)
    assert is_settled(status(**changes), 2_000_000_200)


@pytest.mark.parametrize("changed", ["ino", "size", "mtime", "ctime"])
def test_a_proof_is_of_one_file(changed: str) -> None:
    assert proof_of(b"a", status(**{changed: 1}), b"x") != proof_of(b"a", status(), b"x")


def test_a_proof_is_of_one_path_and_digest_on_any_device() -> None:
    proof = proof_of(b"a", status(), b"x")
    assert proof not in (proof_of(b"b", status(), b"x"), proof_of(b"a", status(), b"y"))
    assert proof == proof_of(b"a", status(dev=7, atime=3, nlink=2), b"x")


def in_place(file: Path) -> None:
    """Change the content, and set mtime back, as ``touch -r`` does."""
    before = file.stat()
    file.write_bytes(b"CONTENT")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(b"CONTENT")
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.replace(file)


def longer(file: Path) -> None:
    file.write_bytes(b"longer content")


def touched(file: Path) -> None:
    os.utime(file, ns=(0, 0))


def hard_linked(file: Path) -> None:
    os.link(file, file.with_name("link"))


def linked_elsewhere(file: Path) -> None:
    target = file.with_name("target")
    target.write_bytes(b"CONTENT")
    file.unlink()
    file.symlink_to(target)


@pytest.mark.parametrize("change", [longer, touched, replaced])
def test_a_changed_file_is_read_again(file: Path, run: Run, change: Callable[[Path], None]) -> None:
    run(file)
    change(file)
    assert not is_reused(run(file))
    assert is_reused(run(file))


@posix_only
@pytest.mark.parametrize("change", [in_place, hard_linked, linked_elsewhere])
def test_ctime_or_inode_show_a_change(file: Path, run: Run, change: Callable[[Path], None]) -> None:
    run(file)
    change(file)
    assert not is_reused(run(file))
    assert is_reused(run(file))


def test_a_file_in_a_moved_folder_is_read_again(tmp_path: Path, run: Run) -> None:
    (tmp_path / "before").mkdir()
    (tmp_path / "before" / "file").write_bytes(b"x")
    run(tmp_path / "before" / "file")
    (tmp_path / "before").rename(tmp_path / "after")
    assert not is_reused(run(tmp_path / "after" / "file"))


@posix_only
def test_a_change_behind_a_symbolic_link_is_noticed(file: Path, run: Run) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    run(link)
    assert is_reused(run(link))
    in_place(file)
    assert not is_reused(run(link))


@posix_only
def test_files_on_a_read_only_file_system_are_always_read(
    file: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(file)
    flags = os.statvfs_result([0] * 8 + [os.ST_RDONLY, 255])
    monkeypatch.setattr(os, "fstatvfs", lambda _: flags)
    assert not is_reused(run(file))


def test_a_file_that_changes_while_it_is_read_is_not_remembered(cache: Path, file: Path, run: Run) -> None:
    with RememberedDigests(cache, clock=lambda: later(60)) as digests:
        digests.digest(file, lambda _: longer(file))
    assert not is_reused(run(file))


@posix_only
def test_a_file_that_has_the_path_only_while_it_is_read_is_not_remembered(
    cache: Path, file: Path, run: Run
) -> None:
    for name in ("dist", "other"):
        (file.parent / name).mkdir()
    wheel = file.replace(file.parent / "dist" / file.name)
    (file.parent / "other" / file.name).write_bytes(b"CONTENT")

    def swap_folders() -> int:
        (file.parent / "dist").replace(file.parent / "away")
        (file.parent / "other").replace(file.parent / "dist")
        (file.parent / "away").replace(file.parent / "other")
        return later(60)

    with RememberedDigests(cache, clock=swap_folders) as digests:
        digests.digest(wheel, lambda _: swap_folders())
    run(wheel)


def test_a_missing_file_is_an_error(tmp_path: Path, cache: Path) -> None:
    with RememberedDigests(cache) as digests, pytest.raises(VariantError, match="missing"):
        digests.digest(tmp_path / "missing")


def remember(cache: Path, file: Path, digest: bytes, proof: bytes | None = None) -> None:
    """Write an entry for a file with any digest; by default, with the proof that belongs to it."""
    database = DigestDatabase.open(cache)
    name = os.fsencode(file)
    database.add(name, digest, proof or proof_of(name, file.stat(), digest))
    database.close()


def test_verify_reads_all_files_and_corrects_the_memory(cache: Path, file: Path, run: Run) -> None:
    remember(cache, file, b"wrong")
    assert run(file, verify=True) == f"hash {file}\n"
    assert is_reused(run(file))


def test_a_digest_without_its_proof_is_not_used(cache: Path, file: Path, run: Run) -> None:
    name, right = os.fsencode(file), hashlib.sha256(b"content").digest()
    remember(cache, file, b"wrong", proof_of(name, file.stat(), right))
    assert not is_reused(run(file))
    assert is_reused(run(file))


def test_a_digest_is_remembered_within_a_run_and_after_an_error(cache: Path, file: Path, run: Run) -> None:
    assert run(file, file).splitlines() == [f"hash {file}", f"reuse the hash of {file}"]
    cache.unlink()
    with pytest.raises(KeyboardInterrupt), RememberedDigests(cache, clock=lambda: later(60)) as digests:
        digests.digest(file)
        raise KeyboardInterrupt
    assert is_reused(run(file))


def test_no_database_is_created_if_no_digest_is_needed(cache: Path) -> None:
    with RememberedDigests(cache):
        pass
    assert not cache.exists()


def table(statement: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        connection = sqlite3.connect(path)
        connection.executescript(statement)
        connection.close()

    return write


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, digest_database._LARGEST + 1)


DAMAGED: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_bytes(b"no database" * 1000),
    "zeros": lambda path: path.write_bytes(bytes(100_000)),
    "huge": huge,
    "foreign": table("CREATE TABLE cookies (name)"),
    "other columns": table("CREATE TABLE digests (path, digest)"),
    "view": table("CREATE VIEW digests AS SELECT 1 AS path, 2 AS digest, 3 AS proof, 4 AS day"),
    "trigger": table(
        f"CREATE TABLE {digest_database._TABLE};"
        "CREATE TRIGGER t AFTER INSERT ON digests BEGIN DELETE FROM digests; END"
    ),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_or_foreign_database_is_removed(cache: Path, file: Path, run: Run, kind: str) -> None:
    cache.parent.mkdir(parents=True, mode=0o700)
    DAMAGED[kind](cache)
    cache.chmod(0o600)
    first, *others = run(file).splitlines()
    assert first.startswith(f"remove {cache}: ")
    assert others == [f"hash {file}"]
    assert is_reused(run(file))


def test_random_damage_never_makes_a_digest_wrong(cache: Path, file: Path, run: Run) -> None:
    run(file)
    sound = cache.read_bytes()
    generator = random.Random(1)
    for _ in range(60):
        damaged = bytearray(sound)
        for _ in range(generator.choice([1, 10, 1000])):
            damaged[generator.randrange(len(sound))] = generator.randrange(256)
        cache.write_bytes(damaged[: generator.choice([len(sound), len(sound) // 2, 5000, 50])])
        run(file)
        run(file)
    assert is_reused(run(file))


@posix_only
def test_only_the_user_can_read_and_change_the_database(cache: Path, file: Path, run: Run) -> None:
    before = os.umask(0)
    run(file)
    os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (cache.parent, cache)]
    assert modes == [0o700, 0o600]


def open_to_others(path: Path) -> None:
    path.chmod(path.stat().st_mode | 0o022)


def moved_to_a_link(path: Path) -> None:
    path.symlink_to(path.rename(path.with_name("elsewhere")))


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@posix_only
@pytest.mark.parametrize(
    ("change", "of_folder", "text"),
    [
        (open_to_others, True, "the folder can be changed by other users"),
        (open_to_others, False, "can be changed by other users"),
        (moved_to_a_link, True, "the folder is not of the expected kind"),
        (moved_to_a_link, False, "is not of the expected kind"),
        (a_pipe, False, "is not of the expected kind"),
    ],
)
def test_a_database_that_others_could_change_is_not_used(
    cache: Path, file: Path, run: Run, change: Callable[[Path], None], of_folder: bool, text: str
) -> None:
    run(file)
    change(cache.parent if of_folder else cache)
    assert run(file).splitlines() == [f"{cache}: {text}; no hashes are remembered", f"hash {file}"]


def test_a_folder_of_another_user_is_not_used() -> None:
    folder = status(mode=stat.S_IFDIR | 0o700, uid=5)
    assert ownership_problem(folder, 5, stat.S_ISDIR) is None
    assert ownership_problem(folder, 6, stat.S_ISDIR) == "belongs to another user"
    assert ownership_problem(folder, None, stat.S_ISDIR) is None


@posix_only
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_root_creates_no_folder_in_the_cache_of_a_user(cache: Path, file: Path, run: Run) -> None:
    cache.parent.parent.mkdir()
    os.chown(cache.parent.parent, 12345, 12345)
    text = f"{cache}: {cache.parent.parent} belongs to another user; no hashes are remembered"
    assert run(file).splitlines() == [text, f"hash {file}"]
    assert not cache.parent.exists()


def test_all_files_are_read_if_the_folder_cannot_be_created(cache: Path, file: Path, run: Run) -> None:
    cache.parent.parent.write_bytes(b"")
    for _ in range(2):
        first, second = run(file).splitlines()
        assert first.startswith(f"{cache}: ")
        assert first.endswith("; no hashes are remembered")
        assert second == f"hash {file}"


def test_all_files_are_read_without_a_home_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    with RememberedDigests(Path("~/.cache/digests-1.sqlite"), clock=lambda: later(60)) as digests:
        digests.digest(file)
    assert [*Path().iterdir()] == [Path(file.name)]


def test_all_files_are_read_if_python_has_no_sqlite(
    cache: Path, file: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sqlite3", None)
    monkeypatch.delitem(sys.modules, "variant_backend._internal.lowlevel.digest_database")
    monkeypatch.delattr("variant_backend._internal.lowlevel.digest_database")
    first, second = run(file).splitlines()
    assert first.startswith("no hashes are remembered: ")
    assert second == f"hash {file}"
    assert not cache.exists()


def test_a_database_that_another_process_locks_is_not_waited_for(
    cache: Path, file: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(file)
    monkeypatch.setattr(digest_database, "_PATIENCE", 0.01)
    other = sqlite3.connect(cache, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert run(file) == f"{cache}: database is locked; no hashes are remembered\nhash {file}\n"
    other.close()
    assert is_reused(run(file))


def test_runs_at_the_same_time_keep_the_entries_of_each_other(tmp_path: Path, cache: Path, run: Run) -> None:
    files = [tmp_path / str(number) for number in range(4)]
    for path in files:
        path.write_bytes(path.name.encode())
    with RememberedDigests(cache, clock=lambda: later(60)) as one:
        one.digest(files[0])
        with RememberedDigests(cache, clock=lambda: later(60)) as other:
            other.digest(files[1])
            one.digest(files[2])
            other.digest(files[3])
    assert all(map(is_reused, run(*files).splitlines()))


def test_entries_without_use_and_the_oldest_of_too_many_are_removed(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(day: int, *paths: bytes) -> None:
        monkeypatch.setattr(time, "time", lambda: day * 86_400)
        database = DigestDatabase.open(cache)
        for path in paths:
            if not database.find(path):
                database.add(path, b"digest", b"proof")
        database.close()

    def known() -> set[bytes]:
        database = DigestDatabase.open(cache)
        result = {path for path in (b"a", b"b", b"c", b"d") if database.find(path)}
        database._new.clear()
        database.close()
        return result

    add(1000, b"a", b"b")
    add(1050, b"b", b"c")
    add(1091, b"d")
    assert known() == {b"b", b"c", b"d"}
    monkeypatch.setattr(digest_database, "_TOO_MANY", digest_database._TOO_MANY.replace("100000", "2"))
    add(1092, b"b")
    assert known() == {b"b", b"d"}
