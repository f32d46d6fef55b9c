"""The chores of dev.py end without a traceback. The Python of their environment is made up."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.sample_projects import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the made-up Python is a script of a shell")


@pytest.mark.parametrize(
    ("reaction", "code", "message"),
    [
        ("*http.server*) kill -INT $PPID; sleep 1;;", 130, ""),
        ("*'uv pip install'*) exit 3;;", 1, "dev.py: a step failed with exit code 3: "),
    ],
    ids=["ctrl-c", "no network"],
)
def test_a_chore_ends_without_a_traceback(tmp_path: Path, reaction: str, code: int, message: str) -> None:
    shutil.copy(ROOT / "dev.py", tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\ncase "$*" in {reaction} esac\n')
    python.chmod(0o755)
    done = subprocess.run([sys.executable, tmp_path / "dev.py", "docs"], capture_output=True, text=True)
    assert (done.returncode, done.stderr.startswith(message)) == (code, True)
    assert "Traceback" not in done.stderr
