"""The commands of pip and uv that remove and install projects, for people to copy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..machine.environment import Environment

COPIED_TOOLS = ("pip", "uv")


def removal(tool: str, names: Iterable[str], chosen: Sequence[str] = ()) -> list[str]:
    """Return the command that removes projects; *chosen* are the options of `options_for`."""
    if tool == "uv":
        return ["uv", "pip", "uninstall", *chosen, *names]
    return ["pip", *chosen, "uninstall", "-y", *names]


def installation(tool: str, requirement: str, chosen: Sequence[str] = ()) -> list[str]:
    """Return the command that installs a project."""
    return ["uv", "pip", "install", *chosen, requirement] if tool == "uv" else _pip(chosen, requirement)


def reinstallation(tool: str, requirement: str, chosen: Sequence[str] = ()) -> list[str]:
    """Return the command that installs a project again, without its dependencies."""
    if tool == "uv":
        return ["uv", "pip", "install", *chosen, "--reinstall", "--no-deps", requirement]
    return _pip(chosen, "--force-reinstall", "--no-deps", requirement)


def _pip(chosen: Sequence[str], *words: str) -> list[str]:
    return ["pip", *chosen, "install", *words]


def options_for(tool: str, environment: Environment) -> list[str]:
    """Return the options that name an environment with an interpreter, none if the tool finds it itself."""
    by_itself = ("VIRTUAL_ENV", ".venv of the project") if tool == "uv" else ("VIRTUAL_ENV", "PATH")
    return [] if environment.found_by in by_itself else ["--python", environment.location]
