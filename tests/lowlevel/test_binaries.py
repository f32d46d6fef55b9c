"""Files of two builds, without the traces of the builds."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

from variant_backend._internal.lowlevel.binaries import digest_without_traces
from variant_backend._internal.lowlevel.processes import temporary_folder
from variant_backend._internal.lowlevel.workspace import PREFIX

SOURCE = "int answer(void) { return ANSWER; }\nconst char *file(void) { return __FILE__; }\n"

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no ELF files")


def compiled(*options: str) -> bytes:
    """Compile a library in a new temporary folder; its path is in messages and in debug information."""
    with temporary_folder() as folder:
        (folder / "answer.c").write_text(SOURCE, encoding="utf-8")
        command = ["cc", "-shared", "-fPIC", "-Wl,--build-id", *options, "-o", "answer.so"]
        subprocess.run([*command, str(folder / "answer.c")], cwd=folder, check=True)
        return (folder / "answer.so").read_bytes()


@pytest.mark.slow  # it needs a C compiler
@linux_only
@pytest.mark.parametrize("options", [["-g"], ["-O2"], ["-g", "-gz", "-Wl,--strip-debug"]])
def test_builds_in_two_folders_have_the_same_digest(options: list[str]) -> None:
    one, other = compiled("-DANSWER=1", *options), compiled("-DANSWER=1", *options)
    assert one != other
    assert digest_without_traces(one) == digest_without_traces(other)


@pytest.mark.slow  # it needs a C compiler
@linux_only
@pytest.mark.parametrize("option", ["-DANSWER=2", "-DNAME=x", "-Wl,-z,execstack", "-Wl,-rpath,/lib"])
def test_a_change_of_code_or_headers_changes_the_digest(option: str) -> None:
    one, other = compiled("-DANSWER=1", "-g"), compiled("-DANSWER=1", "-g", "-UANSWER", "-DANSWER=1", option)
    assert (digest_without_traces(one) == digest_without_traces(other)) == (option == "-DNAME=x")


def test_the_time_stamp_of_a_windows_program_is_left_out() -> None:
    launcher = distribution("setuptools").locate_file("setuptools/cli-64.exe")
    content = Path(str(launcher)).read_bytes()
    start = int.from_bytes(content[0x3C:0x40], "little") + 8
    later = content.replace(content[start : start + 4], b"\x12\x34\x56\x67")
    assert later != content
    assert digest_without_traces(later) == digest_without_traces(content)
    assert digest_without_traces(later.replace(b"python", b"PYTHON")) != digest_without_traces(content)


def test_only_paths_in_temporary_folders_are_left_out_of_other_files() -> None:
    def digest(folder: str) -> bytes:
        return digest_without_traces(f"file = '{folder}/x.py'; flags = '-O3'\n".encode())

    one, other = (f"/tmp/{PREFIX}{name}/tmp1" for name in ("abcd1234", "efgh5678"))
    assert digest(one) == digest(other) != digest("/tmp/efgh5678/tmp1")
    assert digest_without_traces(b"variant-backend-a b") != digest_without_traces(b"variant-backend-c b")


@pytest.mark.parametrize(
    "end", [b"", b"\2", b"\2\1" + bytes(60), b"\1\2" + bytes(range(70)), b"\2\2" + b"\xff" * 80]
)
def test_damaged_elf_files_are_compared_as_a_whole(end: bytes) -> None:
    content = b"\x7fELF" + end
    assert digest_without_traces(content) == digest_without_traces(bytes(content))
    assert digest_without_traces(content) != digest_without_traces(content + b"x")
