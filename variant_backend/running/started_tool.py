"""A command that `run` starts, with what the user has set for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .command import ToolCommand
from .user_indexes import UserIndexes

if TYPE_CHECKING:
    from ..graphs.resolution import Wishes
    from ..machine.support import Machine, Policy


class StartedTool(NamedTuple):
    """A command in its *folder*, with the variables and the indexes of the user.

    With *reinstall*, it replaces installed wheels if the offer has others.
    """

    command: ToolCommand
    user: UserIndexes
    environ: Mapping[str, str]
    folder: Path
    reinstall: bool


class AlignedMachine(NamedTuple):
    """A machine with the policy for it, and with the wishes for what is installed on it."""

    machine: Machine
    policy: Policy
    wishes: Wishes
