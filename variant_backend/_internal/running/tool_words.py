"""The words of pip and `uv pip` that remove, install and exchange projects, in an environment or a folder."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError
from ..lowlevel.shell_words import command_line
from ..machine.environment import Environment, is_virtual, named_environment
from ..wheels.distributions import InstallationRecord, find_distributions
from .command import ToolCommand

# How environments are found that `uv pip` finds by itself.
_SEEN_BY_UV = ("VIRTUAL_ENV", ".venv of the project")
# The options that name a folder. pip never removes what it has; uv does, also after pip.
FOLDER_OPTIONS = ("--target", "--prefix")


class ToolWords(NamedTuple):
    """How a tool is started, and the options of its subcommands that name an environment or a folder.

    *through* are the arguments of ``variant-backend run`` with its options, through which it installs.
    """

    start: tuple[str, ...]
    place: tuple[str, ...] = ()
    through: tuple[str, ...] = ()

    def removal(self, names: Iterable[str]) -> list[str]:
        """Return the command that removes projects."""
        without_question = () if self._is_uv else ("--yes",)
        return [*self.start, "uninstall", *self.place, *without_question, *names]

    def removals(self, names: Sequence[str]) -> list[list[str]]:
        """Return the commands that remove projects; pip removes one of several versions, uv all of them."""
        times = 1 if self._is_uv else max(map(names.count, names))
        return [self.removal(dict.fromkeys(names))] * times

    def installation(self, requirement: str) -> list[str]:
        """Return the command that installs a project."""
        return [*self._install, requirement]

    def reinstallation(self, requirement: str) -> list[str]:
        """Return the command that installs a project again, without its dependencies."""
        again = "--reinstall" if self._is_uv else "--force-reinstall"
        return [*self._install, again, "--no-deps", requirement]

    def exchange(self, pinned: Sequence[str]) -> Iterator[list[str]]:
        """Yield the commands that replace the wheels of *pinned* releases, also if the version stays.

        The requirements of the new wheels are installed, too; those that still fit stay.
        """
        if self._is_uv:
            names = (requirement.partition("==")[0] for requirement in pinned)
            yield [*self._install, *reinstalled_by_uv(names), *pinned]
        else:  # without --no-deps, pip would upgrade all requirements
            yield [*self._install, "--force-reinstall", "--no-deps", *pinned]
            yield [*self._install, *pinned]

    @property
    def _install(self) -> list[str]:
        return [*self.through, *self.start, "install", *self.place]

    @property
    def _is_uv(self) -> bool:
        return self.start[0] == "uv"


# The start of commands whose installers get variants.
RUN = ("variant-backend", "run")
# The words in an active environment.
PIP, UV = ToolWords(("pip",)), ToolWords(("uv", "pip"))


def words_of(
    records: Sequence[InstallationRecord],
    environment: Environment,
    environ: Mapping[str, str],
    python: str | None,
) -> ToolWords:
    """Return the words of uv if it installed all distributions in an environment, or else those of pip.

    *python* is the version for a folder, None for the running one.
    """
    place = environment_or_folder(records[0].folder, environment, environ)
    if isinstance(place, Path):
        return uv_for_folder(str(place), python)
    if all(record.installer == "uv" for record in records):
        return words_of_uv(place)
    return words_of_pip(place, environ)


def environment_or_folder(
    folder: Path, environment: Environment, environ: Mapping[str, str]
) -> Environment | Path:
    """Return the environment to which a folder with distributions belongs, or the folder if there is none."""
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


def words_of_command(command: ToolCommand, place: Environment, environ: Mapping[str, str]) -> ToolWords:
    """Return the words for what a command of `run` has installed at a place: those of pip or `uv pip`.

    They have the command's own options that name the place, if the same tool can remove installed packages.
    """
    python = given_options_of(command, "-p", "--python")
    if command.tool == "uv" and command.words[:1] == ("pip",):
        return UV._replace(place=(*given_options_of(command, "-t", *FOLDER_OPTIONS), *python))
    if place.found_by in FOLDER_OPTIONS:
        return uv_for_folder(place.location, place.python, option=place.found_by)
    if command.tool == "uv":
        return UV._replace(place=("--python", place.executable())) if place.interpreter else UV
    if command.tool == "pip":
        start = command.arguments[: len(command.arguments) - len(command.options)]
        return ToolWords((*start, *python))
    return words_of_pip(place, environ)


def given_options_of(command: ToolCommand, *names: str) -> list[str]:
    """Return options of a command with their values."""
    return [text for name, value in command.given if name in names for text in (name, value)]


def words_of_pip(environment: Environment | None, environ: Mapping[str, str]) -> ToolWords:
    """Return the words of pip for an environment: its own pip, or the one on ``PATH``."""
    program = shutil.which("pip", path=environ.get("PATH"))
    interpreter = environment.interpreter if environment else None
    if interpreter is None or (program and Path(program).parent == interpreter.parent):
        return PIP
    has_pip = environment and next(find_distributions(environment.folders, "pip"), None)
    return ToolWords((str(interpreter), "-m", "pip") if has_pip else ("pip", "--python", str(interpreter)))


def uv_for_folder(folder: str, python: str | None, *, option: str = "--target") -> ToolWords:
    """Return the words of `uv pip` for a folder that an *option* names.

    *python* is the version for it, None for the running one.
    """
    running = ".".join(map(str, sys.version_info[:2]))
    return UV._replace(place=("--python", python or running, option, folder))


def words_of_uv(environment: Environment | None) -> ToolWords:
    """Return the words of `uv pip` for an environment; uv finds the active one by itself."""
    if environment is None or environment.found_by in _SEEN_BY_UV:
        return UV
    return UV._replace(place=("--python", environment.executable()))


def reinstalled_by_uv(names: Iterable[str]) -> list[str]:
    """Return the options of uv that install packages again, without the requirements that still fit."""
    return [part for name in names for part in ("--reinstall-package", name)]


def to_run(commands: Iterable[Sequence[str]]) -> str:
    """Return the remedy that names some commands, in their order."""
    return ", then ".join(f"run `{command_line(command)}`" for command in commands)
