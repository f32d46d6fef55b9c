"""A lock file that a command changed is an error in the end."""

from __future__ import annotations

from pathlib import Path

from helpers.programs import run

from variant_backend._internal.running.lock_watch import LockWatch


def test_changed_and_new_locks_are_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    folder = tmp_path / "src"
    folder.mkdir()
    for path in (folder / "packages" / "app", folder / "site" / "installed"):
        path.mkdir(parents=True)
        (path / "requirements.txt").touch()
    (folder / "packages" / "app" / "pyproject.toml").touch()
    for name in ("pdm.lock", "requirements-dev.txt", "notes.txt"):
        (tmp_path / name).write_text("before")
    watch = LockWatch(folder)
    assert watch.problems("127.0.0.1:20000") == []
    for path in folder.rglob("requirements.txt"):
        path.write_text("after")
    (tmp_path / "pdm.lock").write_text("after")
    (tmp_path / "notes.txt").write_text("after")
    (folder / "uv.lock").write_text('url = "http://127.0.0.1:20000/x/simple"')
    texts = [*map(str, watch.problems("127.0.0.1:20000"))]
    remedy = "and lock with an index of `variant-backend serve`, whose address stays"
    changed = "the command changed this lock file, which may fit this machine only"
    new = "the command wrote this lock file, which names the offer of this run, which has ended"
    assert texts == [
        f"{tmp_path / 'pdm.lock'}: {changed}; restore it, {remedy}",
        f"{folder / 'packages' / 'app' / 'requirements.txt'}: {changed}; restore it, {remedy}",
        f"{folder / 'uv.lock'}: {new}; remove it, {remedy}",
    ]


def test_a_lock_that_uv_writes_unseen_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "app"\nversion = "1"\n')
    watch = LockWatch(tmp_path)
    run("uv", "lock", "--offline", cwd=tmp_path)
    assert [problem.place for problem in watch.problems("x")] == [str(tmp_path / "uv.lock")]
