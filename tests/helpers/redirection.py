"""Settings of pip and uv, in variables and files, that redirect installations into other folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from .made_wheels import METADATA, make_wheel


class Redirection(NamedTuple):
    """Variables, and the files of a user, that install into *targets*; only the files name *wheels*."""

    variables: dict[str, str]
    targets: Path
    wheels: Path

    @classmethod
    def make(cls, home: Path) -> Redirection:
        """Make a home with configuration files, and the wheels of `needed` and its requirement `further`."""
        targets, config, wheels = home / "targets", home / "config", home / "wheels"
        targets.mkdir(parents=True)
        make_wheel(wheels, "further")
        make_wheel(
            wheels, "needed", metadata=METADATA.replace("\nSummary", "\nRequires-Dist: further\nSummary")
        )
        pip = config / "pip" / ("pip.ini" if sys.platform == "win32" else "pip.conf")
        uv = config / "uv/uv.toml"
        for path in (pip, uv):
            path.parent.mkdir(parents=True)
        to = targets.as_posix()
        pip.write_text(
            f"[global]\nno-index = true\nfind-links = {wheels.as_posix()}\ntarget = {to}/pip\n"
            f"[install]\nno-deps = true\nprefix = {to}/prefix\ndry_run = true\n"
            f"root = {to}/root\nreport = {to}/report\n"
        )
        uv.write_text(
            f'no-index = true\nfind-links = ["{wheels.as_posix()}"]\n[pip]\ntarget = "{to}/uv"\n'
            f'prefix = "{to}/uv-prefix"\nno-deps = true\nlink-mode = "copy"\n'
        )
        variables = {"HOME": str(home), "XDG_CONFIG_HOME": str(config), "APPDATA": str(config)}
        if sys.platform == "win32":  # pip asks Windows for the folder
            variables["PIP_CONFIG_FILE"] = str(pip)
        variables |= {f"PIP_{name}": f"{to}/{name}" for name in ("TARGET", "PREFIX", "ROOT", "REPORT")}
        variables |= {
            "PIP_USER": "1",
            "PIP_PYTHON": sys.executable,
            "PIP_NO_DEPS": "1",
            "UV_SYSTEM_PYTHON": "1",
        }
        return cls(variables, targets, wheels)

    def apply(self, patch: pytest.MonkeyPatch) -> None:
        """Set these variables, and no other ones of pip and uv."""
        for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
            patch.delenv(name)
        for name, value in self.variables.items():
            patch.setenv(name, value)
