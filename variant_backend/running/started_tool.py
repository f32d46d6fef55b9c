"""A command that `run` starts, with what the user has set for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .command import ToolCommand
from .user_indexes import UserIndexes


class StartedTool(NamedTuple):
    """A command in its *folder*, with the variables and the indexes of the user.

    With *reinstall*, it replaces installed wheels if the offer has others.
    """

    command: ToolCommand
    user: UserIndexes
    environ: Mapping[str, str]
    folder: Path
    reinstall: bool
