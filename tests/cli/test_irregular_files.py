"""Each command reports a pipe or a device in the place of a file at once, and reads nothing from it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.make_variant import make_variant_command
from variant_backend._internal.errors import VariantError
from variant_backend._internal.machine.plugins import installed_plugins
from variant_backend._internal.wheels.distributions import plain_distributions

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")

WHEEL = "demo-1.0-py3-none-any.whl"
VARIANT = "demo-1.0-py3-none-any-fast.whl"
TEXT = "expected a regular file, got a named pipe; replace it with a regular file"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty folder, for a few seconds: without the checks, reading waits for ever."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    monkeypatch.chdir(tmp_path)
    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 10)
    yield tmp_path
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def invoke(*arguments: object) -> tuple[int, str]:
    """Run a command, and return its exit code and everything that it prints."""
    command, arguments = (
        (make_variant_command, arguments[1:]) if arguments[0] == "make-variant" else (main, arguments)
    )
    result = CliRunner().invoke(command, [*map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


# The path of the pipe, and a command that reads it. W is the name of a wheel.
COMMANDS = [
    (WHEEL, "make-variant W -l fast -p speed::mode::fast"),
    (WHEEL, "index --simple ."),
    (WHEEL, "inspect W"),
    (WHEEL, "inspect --compare W W"),
    (WHEEL, "check ."),
    (WHEEL, "check W"),
    (WHEEL, "mend W -o out"),
    (WHEEL, "unmake W -o out"),
    (WHEEL, "upgrade W"),
    (WHEEL, "explain demo --find-links ."),
    (WHEEL, "stub . --base-url https://example.org/ -o out"),
    ("demo-1.0-py3-none-any-fast.whl", "index ."),
    ("demo-1.0-variants.json", "check ."),
    ("demo-1.0-variants.json", "index . --merge demo-1.0-variants.json"),
    ("demo-1.0.tar.gz", "index --simple ."),
    ("demo-1.0.tar.gz", "check ."),
    ("demo-1.0.tar.gz", "build demo-1.0.tar.gz"),
    ("pyproject.toml", "build ."),
    ("pyproject.toml", "build . --print-matrix json"),
    ("pyproject.toml", "check ."),
    ("pyproject.toml", "init"),
    ("pyproject.toml", "make-variant x-1.0-py3-none-any.whl --pyproject pyproject.toml -l fast"),
    ("pyproject.toml", "upgrade pyproject.toml"),
    ("pylock.toml", "fetch --pylock pylock.toml -o out"),
    ("variant.json", "check variant.json"),
    ("variant.json", "upgrade variant.json"),
    ("simple/demo/index.html", "explain demo --index-url simple"),
    ("simple/demo/index.html", "check ."),
    ("demo-1.0.dist-info/METADATA", "inspect demo --path ."),
    ("demo-1.0.dist-info/METADATA", "installed --path ."),
    ("demo-1.0.dist-info/variant.json", "installed --path ."),
    ("demo-1.0.dist-info/METADATA", "state --path ."),
    ("demo-1.0.dist-info/variant.json", "state --path ."),
]


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_a_pipe_is_reported_at_once(folder: Path, path: str, command: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    if path.endswith("variant.json"):
        (folder / path).with_name("METADATA").write_text("Name: demo\nVersion: 1.0\n")
    os.mkfifo(folder / path)
    _, output = invoke(*command.replace("W", WHEEL).split())
    assert TEXT in output
    assert Path(path).name in output or command.startswith("explain")  # which shows tags
    assert not list(folder.glob("out/*"))


@pytest.mark.parametrize("name", ["RECORD", "entry_points.txt"])
def test_pipes_among_installed_files_are_reported(folder: Path, name: str) -> None:
    dist_info = folder / "demo-1.0.dist-info"
    dist_info.mkdir()
    (dist_info / "METADATA").write_text("Name: demo\nVersion: 1.0\n")
    os.mkfifo(dist_info / name)
    (found,) = plain_distributions([folder])
    _, problems = installed_plugins([folder])
    assert isinstance(found[2], VariantError) == (name == "RECORD")
    assert [TEXT in problem.text for problem in problems] == [True] * (name == "entry_points.txt")


def test_a_lock_file_cannot_fill_the_disk(folder: Path) -> None:
    hashes = f'{{sha256 = "{"0" * 64}"}}'
    (folder / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "x"\npackages = [{name = "demo", version = "1.0", wheels = ['
        f'{{name = "{WHEEL}", path = "{WHEEL}", hashes = {hashes}}}]}}]\n'
    )
    (folder / WHEEL).symlink_to("/dev/zero")
    code, output = invoke("fetch", "--pylock", "pylock.toml", "-o", "out")
    assert (code, "expected a regular file, got a character device" in output) == (1, True)
    (folder / WHEEL).unlink()
    (folder / WHEEL).touch()
    os.truncate(folder / WHEEL, 1 << 40)  # its blocks are not on the disk
    code, output = invoke("fetch", "--pylock", "pylock.toml", "-o", "out")
    assert (code, f"too large: more than {16 << 30} bytes" in output) == (1, True)
    assert not list(folder.glob("out/*"))


OTHERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "pipe": (lambda path: os.mkfifo(path), "got a named pipe"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "got a character device"),
    "folder": (Path.mkdir, "folder"),
    "broken link": (
        lambda path: path.symlink_to("missing"),
        "is a symbolic link to 'missing', which",
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("command", ["index .", "index --simple .", "check ."])
def test_what_only_looks_like_a_wheel_in_a_folder_is_reported(folder: Path, kind: str, command: str) -> None:
    make, text = OTHERS[kind]
    make(folder / VARIANT)
    code, output = invoke(*command.split())
    assert (code, VARIANT in output, text in output) == (1, True, True), output


@pytest.mark.parametrize("kind", OTHERS)
def test_what_only_looks_like_a_wheel_is_excluded(folder: Path, kind: str) -> None:
    make, _ = OTHERS[kind]
    make(folder / WHEEL)
    code, output = invoke("explain", "demo", "--find-links", ".")
    assert (code, "EXCLUDED\n  (plain)  py3-none-any\n" in output) == (1, True), output
