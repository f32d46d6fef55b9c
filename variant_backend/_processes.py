"""Processes that can be ended with all that they have started: each is given a group of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

# What `subprocess.Popen` is told, and `end_group` relies on.
GROUP: dict[str, Any]

if sys.platform == "win32":
    GROUP = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}

    def end_group(process: subprocess.Popen[bytes]) -> None:
        """End a process, and all that it has started; it may have ended already."""
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True)
        process.wait()

else:
    GROUP = {"start_new_session": True}

    def end_group(process: subprocess.Popen[bytes]) -> None:
        """End a process, and all that it has started; it may have ended already."""
        with suppress(ProcessLookupError, PermissionError):  # it has just ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
