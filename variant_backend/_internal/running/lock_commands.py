"""The commands that may write a lock file: it would name the offer of one run, and fit one machine.

Source: measured with pip 26.3, uv 0.13, PDM 2.29.4, pipenv 2026.10.3, pip-tools 7.6.2 and hatch 1.18.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem
from ..formats.toml_read import value_at
from ..lowlevel.named_paths import place_of_file
from ..machine.installer_files import is_on
from .command import ToolCommand
from .found_files import file_above, lock_of_pipenv, text_of, toml_of

# The remedy for locks that name one run, or fit one machine.
_SERVED_INDEX = "an index of `variant-backend serve`, whose address stays"
LOCK_WITH_SERVE = f"lock with {_SERVED_INDEX}"
_ADDING = {"uv": ("add", "remove"), "pdm": ("add", "remove", "import"), "pipenv": ("uninstall",)}

# The subcommands that may write uv.lock, and the options and variables with which none does.
_WRITERS_OF_UV = ("lock", "sync", "run", "export", "tree", "audit", "check", "version")
_SAFE_OF_UV = ("--locked", "--frozen", "--check", "--check-exists", "--dry-run")
_SAFEST_OF_UV = {"run": "--no-project or --isolated", "lock": "--check", "sync": "--dry-run"}
_SAFE_RUN = ("--no-project", "--isolated", "--no-sync")
_SAFE_RUN_VARIABLES = ("UV_NO_PROJECT", "UV_ISOLATED", "UV_NO_SYNC")

_SAFE_OF_PDM = {
    "lock": ("--check",),
    "install": ("--frozen-lockfile", "--no-lock", "--check", "--dry-run"),
    "update": ("--frozen-lockfile", "--no-lock", "--dry-run", "--outdated"),
}
_SAFE_OF_PIPENV = {
    "lock": (),
    "upgrade": (),
    "install": ("--skip-lock",),
    "update": ("--outdated", "--dry-run"),
}
_OF_POETRY = ("install", "sync", "lock", "add", "update", "remove", "self", "build")


class _Asked(NamedTuple):
    """A command, its subcommand, its project's folder, and the user's variables."""

    command: ToolCommand
    subcommand: str
    folder: Path
    environ: Mapping[str, str]

    def has(self, *options: str) -> bool:
        return bool(self.command.values(*options))

    def problem(self, text: str, remedy: str) -> Problem:
        words = self.command.words[: 2 if self.subcommand in ("pip", "tool", "env", "dep") else 1]
        return Problem("error", " ".join([self.command.tool, *words]), text, remedy)


def lock_problems(command: ToolCommand, folder: Path, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the reason why a command must not run with the offer: it may write a project's lock."""
    subcommand = command.words[0] if command.words else ""
    asked = _Asked(command, subcommand, folder, environ)
    if subcommand in _ADDING.get(command.tool, ()):
        remedy = f"start it without `variant-backend run`, or {LOCK_WITH_SERVE}"
        yield asked.problem("changes the project file and its lock file", remedy)
    elif reads := _BY_TOOL.get(command.tool):
        yield from reads(asked)


def _of_uv(asked: _Asked) -> Iterator[Problem]:
    if asked.command.words[:2] == ("pip", "compile"):
        if asked.has("-o", "--output-file", "--emit-index-url"):
            remedy = f"remove -o, --output-file and --emit-index-url, or {LOCK_WITH_SERVE}"
            yield asked.problem("would write a lock for this machine only", remedy)
    elif asked.has("--emit-index-url"):
        yield asked.problem("would print the address of this run", "remove --emit-index-url")
    elif asked.command.words[:2] in [("tool", "install"), ("tool", "upgrade")]:
        text = "would keep the address of this run for later upgrades of the tool"
        yield asked.problem(text, f"use uvx, or {_SERVED_INDEX}")
    elif asked.subcommand in _WRITERS_OF_UV and _may_write_uv_lock(asked):
        remedy = f"add {_SAFEST_OF_UV.get(asked.subcommand, '--frozen')}, or {LOCK_WITH_SERVE}"
        yield asked.problem("may write the address of this run into uv.lock", remedy)
    elif lock := _frozen_lock(asked):
        text = "uv would install from the indexes that the lock file names, not from the offer"
        remedy = f"remove --frozen and UV_FROZEN, and use `uv pip install`, or {LOCK_WITH_SERVE}"
        yield Problem("error", place_of_file(lock), text, remedy)


def _frozen_lock(asked: _Asked) -> Path | None:
    """Return the lock file from which uv installs unchecked, None if it does not."""
    if asked.subcommand not in ("sync", "run"):
        return None
    if asked.has("--no-sync", "--no-project", "--isolated", "--check", "--dry-run"):
        return None
    is_frozen = asked.has("--frozen") or is_on(asked.environ, "UV_FROZEN")
    return file_above(asked.folder, "uv.lock") if is_frozen else None


def _may_write_uv_lock(asked: _Asked) -> bool:
    if asked.has(*_SAFE_OF_UV) or is_on(asked.environ, "UV_LOCKED", "UV_FROZEN"):
        return False
    if asked.subcommand == "version":
        return bool(asked.command.words[1:] or asked.has("--bump"))
    if asked.subcommand == "run":
        is_safe = asked.has(*_SAFE_RUN, "--script") or is_on(asked.environ, *_SAFE_RUN_VARIABLES)
        return not is_safe and _has_project(asked.folder)
    return True


def _has_project(folder: Path) -> bool:
    """Return whether uv finds a project that it manages."""
    path = file_above(folder, "pyproject.toml")
    document = toml_of(text_of(path)) if path else {}
    has_project = "project" in document or value_at(document, "tool", "uv", "workspace") is not None
    return has_project and value_at(document, "tool", "uv", "managed") is not False


def _of_pip(asked: _Asked) -> Iterator[Problem]:
    if asked.subcommand == "lock" and asked.command.values("-o", "--output")[-1:] != ["-"]:
        text = "would write a lock for this machine only"
        yield asked.problem(text, f"add `-o -`, which prints it, or {LOCK_WITH_SERVE}")


def _of_pip_tools(asked: _Asked) -> Iterator[Problem]:
    if asked.subcommand == "compile" and not asked.has("-n", "--dry-run"):
        text = "would write the address of this run into its output"
        yield asked.problem(text, f"add --dry-run, or {LOCK_WITH_SERVE}")


def _of_pdm(asked: _Asked) -> Iterator[Problem]:
    safe = _SAFE_OF_PDM.get(asked.subcommand)
    if safe is None or asked.has(*safe):
        return
    if asked.subcommand != "lock" and is_on(asked.environ, "PDM_FROZEN_LOCKFILE", "PDM_NO_LOCK"):
        return
    yield asked.problem("may write pdm.lock for this machine only", f"add {safe[0]}, or {LOCK_WITH_SERVE}")


def _of_pipenv(asked: _Asked) -> Iterator[Problem]:
    if asked.subcommand == "requirements":
        text = "would print the address of this run"
        yield asked.problem(text, "start it without `variant-backend run`: it installs nothing")
    safe = _SAFE_OF_PIPENV.get(asked.subcommand)
    if asked.subcommand == "install":
        if asked.command.words[1:] or asked.has("-e", "--editable", "-r", "--requirements"):
            remedy = f"use `variant-backend run pipenv run pip install`, or {LOCK_WITH_SERVE}"
            yield asked.problem("changes the Pipfile", remedy)
            return
        if asked.has("--deploy", "--ignore-pipfile") and lock_of_pipenv(asked.folder, asked.environ):
            return
    if safe is not None and not asked.has(*safe):
        option = f"add {safe[0]}, or " if safe else ""
        yield asked.problem("may write Pipfile.lock for this machine only", option + LOCK_WITH_SERVE)


def _of_poetry(asked: _Asked) -> Iterator[Problem]:
    if asked.subcommand in _OF_POETRY:
        remedy = "name an index of `variant-backend serve` as a source in pyproject.toml"
        yield asked.problem("Poetry takes no index from variables, so it goes around the offer", remedy)


def _of_hatch(asked: _Asked) -> Iterator[Problem]:
    if asked.subcommand == "lock" or asked.command.words[:2] in [("dep", "lock"), ("env", "lock")]:
        yield asked.problem("would write a lock for this machine only", LOCK_WITH_SERVE)


_BY_TOOL: dict[str, Callable[[_Asked], Iterator[Problem]]] = {
    "uv": _of_uv,
    "pip": _of_pip,
    "pip-tools": _of_pip_tools,
    "pdm": _of_pdm,
    "pipenv": _of_pipenv,
    "poetry": _of_poetry,
    "hatch": _of_hatch,
}
