"""Start a command whose tools get their packages from an offer, and see what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem
from ..lowlevel.foreground import run_in_foreground
from ..lowlevel.processes import temporary_folder
from ..serving.running_offer import RunningOffer
from .command import ToolCommand
from .guard import check_pins
from .lock_watch import LockWatch
from .project_sources import replaced_indexes
from .site_packages import installed_before
from .tool_variables import ToolFiles, tool_environ
from .user_indexes import UserIndexes

if TYPE_CHECKING:
    from .outcome import RunOutcome


class EndedCommand(NamedTuple):
    """A command that has ended: its exit *code*, negative for a signal, what it did, and to lock files."""

    code: int
    outcome: RunOutcome
    changed_locks: Sequence[Problem]


def run_through_offer(
    command: ToolCommand,
    user: UserIndexes,
    offer: RunningOffer,
    environ: Mapping[str, str],
    folder: Path,
    *,
    reinstall: bool,
) -> EndedCommand:
    """Run a command in a *folder*, the current one, with the user's variables and those of the offer.

    Raises NotStartedError, or VariantError if pinned hashes are those of another machine. With *reinstall*,
    it also raises as `with_reinstall` does.
    """
    machine = offer.place.profile
    before, locks = installed_before(command, environ, folder), LockWatch(folder)
    check_pins(command, folder, environ, offer, before.environment)
    arguments = command.arguments
    if reinstall:
        from .stale_wheels import with_reinstall  # rarely needed

        arguments = with_reinstall(offer.site, machine, command, before, environ, folder)
    with temporary_folder() as temporary:
        variables = tool_environ(
            environ,
            offer.place,
            ToolFiles.below(temporary),
            trusted_hosts=user.trusted_hosts,
            uv=user.uv,
            proxy=user.proxy,
        )
        variables |= replaced_indexes(command, folder, offer.place.url)
        code = run_in_foreground(arguments, variables)
    from .outcome import outcome  # the command is not to wait for it

    done = outcome(offer.site, machine, command, before, environ, folder)
    return EndedCommand(code, done, locks.problems(offer.place.host))
