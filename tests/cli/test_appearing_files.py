"""Without --force, no command replaces a file that appears while the command runs."""

from __future__ import annotations

import os
import shlex
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.conversion import convert
from helpers.made_wheels import make_wheel
from helpers.sample_release import DOCUMENT, write_release

from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.make_variant import make_variant_command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the file appears between two calls of POSIX")

EXISTS, DIFFERENT = "already exists; use --force", "already exists with different content; use --force"
FAST = "demo-1.0-py3-none-any-fast.whl"
# Each command, what it writes, and its error.
COMMANDS = [
    ("make-variant plain/demo-1.0-py3-none-any.whl -l fast -p speed::mode::fast -o out", FAST, EXISTS),
    ("unmake variant/demo-1.0-py3-none-any-v3.whl -o out", "demo-1.0-py3-none-any.whl", EXISTS),
    ("mend unsound/demo-1.0-py3-none-any.whl -o out", "demo-1.0-py3-none-any.whl", EXISTS),
    ("fetch demo#fast --find-links release -o out", FAST, DIFFERENT),
    (
        "fetch demo#fast --find-links release --pylock out/pylock.toml",
        "pylock.toml",
        "; use --force",
    ),
    (
        "stub release --base-url https://example.org/ -o out",
        "demo-1.0.tar.gz",
        "was not written by",
    ),
    ("upgrade document/variant.json -o out", "variant.json", "already exists; move it away"),
    ("init out", "pyproject.toml", "was changed by another program; run the command again"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with an input for each command."""
    monkeypatch.chdir(tmp_path)
    plain = make_wheel(tmp_path / "plain")
    convert(plain, tmp_path / "variant")
    with zipfile.ZipFile(make_wheel(tmp_path / "unsound"), "a") as archive:
        archive.comment = b"x"
    write_release(tmp_path / "release", DOCUMENT)
    (tmp_path / "document").mkdir()
    (tmp_path / "document" / "variant.json").write_bytes(
        zipfile.ZipFile(tmp_path / "release" / FAST).read("demo-1.0.dist-info/variant.json")
    )
    (tmp_path / "out").mkdir()
    return tmp_path


def invoke(command: str) -> tuple[int, str]:
    program, *arguments = shlex.split(command)
    is_other = program == "make-variant"
    if program == "init":
        Path("out", "setup.py").write_text("")
    result = CliRunner().invoke(
        make_variant_command if is_other else main,
        arguments if is_other else [program, *arguments],
        catch_exceptions=False,
    )
    return result.exit_code, result.stderr


@pytest.mark.parametrize(("command", "name", "error"), COMMANDS)
def test_a_file_that_appears_meanwhile_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, name: str, error: str
) -> None:
    link, target = os.link, folder / "out" / name

    def appearing(source: Path, path: Path) -> None:
        target.write_bytes(b"mine")  # after all checks of the command
        link(source, path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", appearing)
        code, stderr = invoke(command)
    assert (code, error in stderr) == (1, True), stderr
    assert [path.name for path in target.parent.iterdir() if path.name != "setup.py"] == [name]
    assert target.read_bytes() == b"mine"
    target.unlink()
    assert invoke(command)[0] == 0
    assert target.read_bytes() != b"mine"


def test_the_same_file_of_a_parallel_fetch_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def appearing(source: Path, path: Path) -> None:
        (folder / "out" / FAST).write_bytes((folder / "release" / FAST).read_bytes())
        link(source, path)

    monkeypatch.setattr(os, "link", appearing)
    assert invoke("fetch demo#fast --find-links release -o out")[0] == 0


def test_wheels_of_a_fetch_that_fails_last_are_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def appearing(source: Path, path: Path) -> None:
        if Path(path).name != FAST:
            Path(path).write_bytes(b"mine")
        link(source, path)

    monkeypatch.setattr(os, "link", appearing)
    code, _ = invoke("fetch demo#fast demo#safe --find-links release -o out")
    safe = FAST.replace("fast", "safe")
    assert (code, [path.name for path in (folder / "out").iterdir()]) == (1, [safe])
    assert (folder / "out" / safe).read_bytes() == b"mine"
