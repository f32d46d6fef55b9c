"""A program that installs into a new environment. It runs in a process of its own, and is not imported.

    python _install_plugin.py INSTALLER REQUIREMENT...

INSTALLER is ``pip`` or ``uv``. On stdout, it prints one line of JSON: ``{"python": ..., "path": ...}`` with
the interpreter and the folder of the environment, or ``{"error": "..."}``. The exit code is 0 in both cases.

The environment and all that is temporary are left in the folder that TMPDIR, TEMP or TMP name, for whoever
runs this to use and remove.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

# Of what an installer says when it fails, the end has the reason.
_LAST_LINES = 3
_COLOR = re.compile(r"\x1b\[[0-9;]*m")


def install(installer: Literal["pip", "uv"], requirements: Sequence[str]) -> dict[str, str]:
    """Make the environment, and return what is printed of it."""
    from build.env import DefaultIsolatedEnv

    os.environ.pop("PYTHONPATH", None)  # what is found there would not be installed
    env = DefaultIsolatedEnv(installer=installer).__enter__()  # leaving it would remove it
    env.install(requirements)
    return {"python": env.python_executable, "path": env.path}


def main(installer: Literal["pip", "uv"], *requirements: str) -> None:
    """Install what the arguments ask for, and print what came of it."""
    try:
        answer = install(installer, requirements)
    except subprocess.CalledProcessError as error:
        answer = {"error": _last_words(error)}
    except Exception as error:  # of several kinds, such as that there is no uv
        answer = {"error": str(error) or type(error).__name__}
    print(json.dumps(answer))  # noqa: T201  # stdout is the answer


def _last_words(error: subprocess.CalledProcessError) -> str:
    """Return the last lines that an installer said, as one line."""
    output = error.stderr or error.stdout or b""
    text = output if isinstance(output, str) else output.decode("utf-8", "replace")
    lines = [_COLOR.sub("", line).strip() for line in text.splitlines()]
    said = [line for line in lines if line and not line.startswith("[notice]")]  # there is a newer pip
    words = " / ".join(said[-_LAST_LINES:]) or f"it ended with exit code {error.returncode}"
    return "".join(character if character.isprintable() else "?" for character in words)


if __name__ == "__main__":
    if Path(sys.path[0]) == Path(__file__).parent:  # its modules must not hide others of their names
        del sys.path[0]
    main(*sys.argv[1:])  # type: ignore[arg-type]  # the first is an installer, by the contract above
