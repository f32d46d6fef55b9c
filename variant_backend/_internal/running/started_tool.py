"""A command that `run` starts, with what the user has set for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from .command import ToolCommand
from .site_packages import InstalledBefore, installed_before
from .tool_words import RUN
from .user_indexes import UserIndexes


class StartedTool(NamedTuple):
    """A command in its *folder*, with the variables and the indexes of the user.

    With *reinstall*, it replaces installed wheels if the offer has others. *before* is what is installed
    before it starts. *through* are the arguments of `run` with its options.
    """

    command: ToolCommand
    user: UserIndexes
    environ: Mapping[str, str]
    folder: Path
    reinstall: bool
    before: InstalledBefore
    through: tuple[str, ...]

    @classmethod
    def of(
        cls,
        command: ToolCommand,
        user: UserIndexes,
        environ: Mapping[str, str],
        folder: Path,
        *,
        reinstall: bool,
        options: Iterable[str],
    ) -> StartedTool:
        """Return a command that starts now, by `run` with some *options*."""
        before = installed_before(command, environ, folder)
        return cls(command, user, environ, folder, reinstall, before, (*RUN, *options))
