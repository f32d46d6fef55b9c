"""Install requirements into a new environment. This program runs in its own process and is not imported.

    python _install_plugin.py INSTALLER CONSTRAINTS REQUIREMENT...

INSTALLER is ``pip`` or ``uv``. CONSTRAINTS is a list in JSON: lines of a constraints file. The program prints
one line of JSON to stdout: ``{"python": ..., "path": ...}`` with the interpreter and the folder of the
environment, or ``{"error": "..."}``. The exit code is always 0.

The environment and all temporary files are in the folder that TMPDIR, TEMP or TMP names. The caller uses and
removes them.
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

# The last lines of an installer's output have the reason.
_LAST_LINES = 3
_COLOR = re.compile(r"\x1b\[[0-9;]*m")


def install(
    installer: Literal["pip", "uv"], constraints: Sequence[str], requirements: Sequence[str]
) -> dict[str, str]:
    """Make the environment, and return the answer to print."""
    from build.env import DefaultIsolatedEnv

    os.environ.pop("PYTHONPATH", None)  # its distributions would not be installed
    env = DefaultIsolatedEnv(installer=installer).__enter__()  # __exit__ would remove it
    env.install(requirements, constraints)
    return {"python": env.python_executable, "path": env.path}


def main(installer: Literal["pip", "uv"], constraints: str, *requirements: str) -> None:
    """Install the requirements, and print the answer."""
    try:
        answer = install(installer, json.loads(constraints), requirements)
    except subprocess.CalledProcessError as error:
        answer = {"error": _last_words(error)}
    except Exception as error:  # of several types; for example, uv is missing
        answer = {"error": str(error) or type(error).__name__}
    print(json.dumps(answer))  # noqa: T201  # stdout is the answer


def _last_words(error: subprocess.CalledProcessError) -> str:
    """Return the last lines of an installer's output, joined."""
    output = error.stderr or error.stdout or b""
    text = output if isinstance(output, str) else output.decode("utf-8", "replace")
    lines = [_COLOR.sub("", line).strip() for line in text.splitlines()]
    said = [
        line for line in lines if line and not line.startswith("[notice]")
    ]  # pip prints it if a newer pip exists
    words = " / ".join(said[-_LAST_LINES:]) or f"ended with exit code {error.returncode}"
    return "".join(character if character.isprintable() else "?" for character in words)


if __name__ == "__main__":
    if Path(sys.path[0]) == Path(__file__).parent:  # modules beside this file must not shadow others
        del sys.path[0]
    main(*sys.argv[1:])  # type: ignore[arg-type]  # the caller passes "pip" or "uv" first
