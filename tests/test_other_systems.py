"""Commands do the same work by rules of Windows and macOS, see `helpers/other_systems.py`."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest
from helpers import other_systems
from helpers.made_wheels import make_wheel
from helpers.programs import SCRIPTS
from helpers.sample_projects import new_project
from helpers.sample_release import DOCUMENT, write_release

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Windows has its own rules, macOS no /proc")

FAST, PLAIN = "demo-1.0-py3-none-any-fast.whl", "demo-1.0-py3-none-any.whl"
MACHINE = "--machine x86_64:v3"
BUILD_SYSTEM = "[build-system]\nrequires = ['flit_core']\nbuild-backend = 'flit_core.buildapi'\n"
# Commands that write files or start processes; later ones read what earlier ones have written.
LINES = [
    f"make-variant plain/{PLAIN} -l fast -p speed::mode::fast --static speed::mode::fast -o out",
    f"make-variant plain/{PLAIN} -l fast -p speed::mode::fast --static speed::mode::fast -o out --force",
    "index out",
    "index --simple release",
    "check release",
    f"explain {MACHINE} -f release demo",
    f"fetch {MACHINE} -f release -o fetched demo",
    f"fetch {MACHINE} -f release --pylock fetched/pylock.toml demo",
    f"fetch {MACHINE} -f release --plain -o pip demo",
    f"unmake release/{FAST} -o plain --force",
    f"mend unsound/{PLAIN} -o mended",
    "stub release --base-url https://example.org/ -o stub",
    "upgrade document/variant.json --in-place",
    "init project -l fast -p speed::mode::fast",
    f"run {MACHINE} -f release -- python --version",
]


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Folders with the same input, one for each system."""
    folders = [tmp_path / system for system in ("linux", "darwin", "win32")]
    for folder in folders:
        make_wheel(folder / "plain")
        write_release(folder / "release", DOCUMENT)
        with zipfile.ZipFile(make_wheel(folder / "unsound"), "a") as archive:
            archive.comment = b"x"
        (folder / "document").mkdir()
        with zipfile.ZipFile(folder / "release" / FAST) as archive:
            content = archive.read("demo-1.0.dist-info/variant.json")
        (folder / "document" / "variant.json").write_bytes(content)
        (folder / "project").mkdir()
        (folder / "project" / "pyproject.toml").write_text(BUILD_SYSTEM, encoding="utf-8")
    return folders


def answers(folder: Path, program: list[str], line: str) -> tuple[int, str, str]:
    """Run a command in a folder; return its exit code, stdout and stderr."""
    environ = {
        **os.environ,
        "HOME": str(folder / "home"),
        "PATH": os.pathsep.join([str(folder / "bin"), str(SCRIPTS), os.environ["PATH"]]),
        "PYTHONIOENCODING": "cp1252",
        "SOURCE_DATE_EPOCH": "1700000000",
    }
    command = [sys.executable, *program, *shlex.split(line)]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, encoding="cp1252")
    return done.returncode, done.stdout, done.stderr


def files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and "home" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_commands_print_and_write_the_same(folders: list[Path]) -> None:
    linux, *others = folders
    for line in LINES:
        expected = answers(linux, ["-m", "variant_backend"], line)
        assert expected[0] == 0, (line, expected)
        for folder in others:
            answer = answers(folder, [other_systems.__file__, folder.name], line)
            assert (folder.name, line, *answer) == (folder.name, line, *expected)
    assert [files(folder) for folder in others] == [files(linux)] * 2


def test_a_build_ends_its_processes_and_keeps_its_log(tmp_path: Path) -> None:
    project = new_project("setuptools", tmp_path)
    (tmp_path / "bin").mkdir()
    taskkill = tmp_path / "bin" / "taskkill"  # the program of Windows that `end_group` starts
    taskkill.write_text('#!/bin/sh\necho "$@" >> "$0.log"\nkill -9 "$4"\n', encoding="utf-8")
    taskkill.chmod(0o755)
    line = f"build {project.name} -l fast --no-isolation -o built"
    code, stdout, stderr = answers(tmp_path, [other_systems.__file__, "win32"], line)
    assert (code, [*(tmp_path / "built").glob("*-fast.whl")] != []) == (0, True), stdout + stderr
    assert (tmp_path / "built" / ".logs" / "fast.log").stat().st_size
    assert taskkill.with_name("taskkill.log").read_text(encoding="utf-8").startswith("/F /T /PID ")


# What the rules refuse, so that the tests above mean something.
REFUSED = {
    "an open file is replaced": "open('a', 'w'); b = open('b', 'w'); os.replace('a', 'b')",
    "an open file is removed": "a = open('a', 'w'); os.remove('a')",
    "a name with a colon": "open('a:b', 'w')",
    "a name of a device": "open('nul.log', 'w')",
    "a read-only file is removed": "open('a', 'w').close(); os.chmod('a', 0o444); os.remove('a')",
    "a name that ends with a dot": "os.mkdir('a.')",
    "a call of POSIX": "os.killpg(1, 9)",
    "a module of POSIX": "import fcntl",
    "a name that exists": "open('a', 'w').close(); open('b', 'w').close(); os.rename('a', 'b')",
}


@pytest.mark.parametrize("code", REFUSED.values(), ids=REFUSED)
def test_the_rules_refuse_what_windows_refuses(tmp_path: Path, code: str) -> None:
    refusals = "(OSError, AttributeError, ImportError)"
    printed = by_rules_of_windows(f"try:\n    {code}\nexcept {refusals}:\n    print('refused')", tmp_path)
    assert printed == "refused\n"


def test_temporary_folders_with_read_only_files_are_removed(tmp_path: Path) -> None:
    code = """
        from variant_backend._internal.lowlevel.processes import temporary_folder
        with temporary_folder() as folder:
            (folder / "pack").write_bytes(b"as git writes it")
            (folder / "pack").chmod(0o444)
        print(folder.exists())
        """
    assert by_rules_of_windows(textwrap.dedent(code), tmp_path) == "False\n"


def test_a_process_ends_without_taskkill_too(tmp_path: Path) -> None:
    code = f"""
        from variant_backend._internal.lowlevel.processes import run_within
        os.environ["PATH"] = ""
        print(run_within(0.5, [{sys.executable!r}, "-c", "import time; time.sleep(30)"]))
        """
    assert by_rules_of_windows(textwrap.dedent(code), tmp_path) == "None\n"


def by_rules_of_windows(code: str, folder: Path) -> str:
    """Run code by rules of Windows in a folder, and return what it prints."""
    helpers = str(Path(other_systems.__file__).parent)
    start = f"import sys; sys.path.insert(0, {helpers!r}); import os, other_systems\n"
    program = f"{start}other_systems.act_as('win32')\n{code}"
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
