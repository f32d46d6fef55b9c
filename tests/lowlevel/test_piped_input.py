"""Machine files may come from pipes and stdin, within limits of size and time."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel import piped_input
from variant_backend._internal.lowlevel.piped_input import read_input

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
MACHINE = '{"version": 1, "machine": {"nvidia": {"features": {"sm_arch": ["90_real"]}}}}'


@posix_only
def test_a_named_pipe_is_read_up_to_its_end(tmp_path: Path) -> None:
    os.mkfifo(path := tmp_path / "pipe")
    threading.Thread(target=path.write_bytes, args=(b"x" * 300_000,)).start()
    assert read_input(path) == b"x" * 300_000


@posix_only
@pytest.mark.parametrize("is_opened", [False, True])
def test_a_pipe_without_input_is_an_error_after_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_opened: bool
) -> None:
    monkeypatch.setattr(piped_input, "PATIENCE", 0.05)
    os.mkfifo(path := tmp_path / "pipe")
    other = os.open(path, os.O_RDWR) if is_opened else None
    with pytest.raises(VariantError, match=r"no input for 0\.05 s; start the program that writes it"):
        read_input(path)
    os.close(os.open(path, os.O_RDWR) if other is None else other)  # the waiting thread ends


@posix_only
def test_input_that_never_ends_is_an_error() -> None:
    with pytest.raises(VariantError, match=f"^too large: more than {64 << 20} bytes; use a smaller file$"):
        read_input(Path("/dev/zero"))


def test_a_file_is_read_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"content")
    assert read_input(tmp_path / "x") == b"content"
    with pytest.raises(FileNotFoundError):
        read_input(tmp_path / "missing")


def test_a_terminal_has_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(piped_input, "PATIENCE", 0)
    monkeypatch.setattr(sys, "stdin", Terminal(io.BytesIO(b"typed")))
    assert read_input(None) == b"typed"


def test_a_closed_stdin_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(VariantError, match="stdin is closed; give a file"):
        read_input(None)


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["hardware", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout


@posix_only
@pytest.mark.parametrize("is_toml", [False, True])
def test_a_machine_file_may_be_a_pipe_of_the_shell(tmp_path: Path, is_toml: bool) -> None:
    text = 'version = 1\n[machine.nvidia.features]\nsm_arch = ["90_real"]\n' if is_toml else MACHINE
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    (tmp_path / "machine.json").write_text(MACHINE)
    expected = shown("--machine", str(tmp_path / "machine.json"))
    assert shown("--machine", f"/dev/fd/{reading}") == expected
    os.close(reading)


def test_python_ends_while_stdin_is_silent() -> None:
    code = (
        "import os, sys; from variant_backend._internal.lowlevel import piped_input as p; p.PATIENCE = 0.1\n"
        "try: p.read_input(None)\nexcept Exception as error: print(error)"
    )
    reading, writing = os.pipe()
    ended = subprocess.run(
        [sys.executable, "-c", code], stdin=reading, capture_output=True, text=True, timeout=60, check=True
    )
    os.close(writing)
    os.close(reading)
    assert ended.stdout == "no input for 0.1 s; start the program that writes it, or give a file\n"
    assert ended.stderr == ""
