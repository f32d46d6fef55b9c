"""The words of pip and `uv pip` that remove and install projects, in an environment or a folder."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError
from ..machine.environment import Environment, is_virtual, named_environment
from ..wheels.distributions import InstallationRecord

# How environments are found that `uv pip` finds by itself.
_SEEN_BY_UV = ("VIRTUAL_ENV", ".venv of the project")


class ToolWords(NamedTuple):
    """How a tool is started, and the options of its subcommands that name an environment or a folder."""

    start: tuple[str, ...]
    place: tuple[str, ...] = ()

    def removal(self, names: Iterable[str]) -> list[str]:
        """Return the command that removes projects."""
        without_question = () if self._is_uv else ("--yes",)
        return [*self.start, "uninstall", *self.place, *without_question, *names]

    def installation(self, requirement: str) -> list[str]:
        """Return the command that installs a project."""
        return [*self.start, "install", *self.place, requirement]

    def reinstallation(self, requirement: str) -> list[str]:
        """Return the command that installs a project again, without its dependencies."""
        again = "--reinstall" if self._is_uv else "--force-reinstall"
        return [*self.start, "install", *self.place, again, "--no-deps", requirement]

    @property
    def _is_uv(self) -> bool:
        return self.start[0] == "uv"


# The words in an active environment.
PIP, UV = ToolWords(("pip",)), ToolWords(("uv", "pip"))


def words_of(
    records: Sequence[InstallationRecord],
    environment: Environment,
    environ: Mapping[str, str],
    python: str | None,
    *,
    has_pip: bool,
) -> ToolWords:
    """Return the words of uv if it installed all distributions in an environment, or else those of pip.

    The other arguments are those of `words_of_pip` and `words_of_uv`.
    """
    place = environment_or_folder(records[0].folder, environment, environ)
    if isinstance(place, Path):
        return words_of_uv(None, place, python)
    if all(record.installer == "uv" for record in records):
        return words_of_uv(place, None, python)
    return words_of_pip(place, environ, has_pip=has_pip)


def environment_or_folder(
    folder: Path, environment: Environment, environ: Mapping[str, str]
) -> Environment | Path:
    """Return the environment to which a folder with distributions belongs, or the folder if there is none.

    pip never removes what such a folder has; uv does, also after pip.
    """
    if environment.interpreter is not None:
        return environment
    return _environment_around(folder, environ) or folder


def _environment_around(folder: Path, environ: Mapping[str, str]) -> Environment | None:
    """Return the environment whose site-packages a folder is, None if it is another folder."""
    folder = folder.absolute()
    for prefix in folder.parents[:4]:
        if is_virtual(prefix):
            with suppress(VariantError):
                environment = named_environment(str(prefix), environ)
                return environment if environment.interpreter and folder in environment.folders else None
    return None


def words_of_pip(environment: Environment | None, environ: Mapping[str, str], *, has_pip: bool) -> ToolWords:
    """Return the words of pip for an environment; *has_pip*: it has pip."""
    program = shutil.which("pip", path=environ.get("PATH"))
    interpreter = environment.interpreter if environment else None
    if interpreter is None or (program and Path(program).parent == interpreter.parent):
        return PIP
    return ToolWords((str(interpreter), "-m", "pip") if has_pip else ("pip", "--python", str(interpreter)))


def words_of_uv(environment: Environment | None, target: Path | None, python: str | None) -> ToolWords:
    """Return the words of `uv pip` for an environment or a *target* folder; uv finds the active environment.

    *python* is the version for a folder, None for the running one.
    """
    if target:
        running = ".".join(map(str, sys.version_info[:2]))
        return UV._replace(place=("--python", python or running, "--target", str(target)))
    if environment is None or environment.found_by in _SEEN_BY_UV:
        return UV
    return UV._replace(place=("--python", environment.executable()))
