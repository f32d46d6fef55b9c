"""A program that runs another program in this Python, and ends when its parent process ends.

    python _watched.py PROGRAM ARGUMENT...

PROGRAM is a file with Python code, and gets no input. stdin is a pipe of the parent process, which writes
nothing to it. When the parent ends, even if it is killed, the pipe is closed. Then this process ends at once,
and its process group with it if it leads one. This file needs only the standard library.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from signal import SIGTERM
from threading import Thread


def main(program: str) -> None:
    """Run a program with the other arguments of this one."""
    if sys.path and Path(sys.path[0]) == Path(__file__).parent:  # as if *program* had been started
        sys.path[0] = str(Path(program).parent)
    pipe = os.dup(0)  # programs that are started from here do not inherit it
    no_input = os.open(os.devnull, os.O_RDONLY)
    os.dup2(no_input, 0)
    os.close(no_input)
    Thread(target=_wait_and_end, args=(pipe,), daemon=True).start()
    del sys.argv[0]
    runpy.run_path(program, run_name="__main__")


def _wait_and_end(pipe: int) -> None:
    """Wait until the parent process has ended, and end this process and what it started."""
    os.read(pipe, 1)
    if sys.platform == "win32":
        with suppress(OSError):  # PATH may lack it
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(os.getpid())], capture_output=True)
    elif os.getpgrp() == os.getpid():
        os.killpg(0, 9)
    os._exit(128 + SIGTERM)


if __name__ == "__main__":
    main(sys.argv[1])
