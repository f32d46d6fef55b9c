"""Start a command whose tools get their packages from an offer, and see what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem
from ..lowlevel.foreground import run_in_foreground
from ..lowlevel.processes import temporary_folder
from ..serving.offer_place import OfferPlace
from ..serving.running_offer import RunningOffer
from ..variants.alignment import Assignment
from .guard import check_pins
from .lock_watch import LockWatch
from .project_sources import replaced_indexes
from .started_tool import StartedTool
from .tool_variables import ToolFiles, tool_environ

if TYPE_CHECKING:
    from .outcome import RunOutcome


class EndedCommand(NamedTuple):
    """A command that has ended: its exit *code*, negative for a signal, what it did, and to lock files."""

    code: int
    outcome: RunOutcome
    changed_locks: Sequence[Problem]


def run_through_offer(
    started: StartedTool, offer: RunningOffer, assignment: Assignment, graph: Iterable[str] = ()
) -> EndedCommand:
    """Run a command in its folder, the current one, with the user's variables and those of the offer.

    *assignment* are the values that the user assigns, which may be misspelt. *graph* are the names of the
    packages that the command installs, as far as they are known.
    Raises NotStartedError, or VariantError if pinned hashes are those of another machine. With *reinstall*,
    it also raises as `with_reinstall` does.
    """
    command, _, environ, folder, reinstall, before, through = started
    machine, locks = offer.place.profile, LockWatch(folder)
    check_pins(command, folder, environ, offer, before.environment)
    arguments = command.arguments
    if reinstall:
        from .stale_wheels import with_reinstall  # rarely needed

        arguments = with_reinstall(offer.site, machine, started, graph)
    with temporary_folder() as temporary:
        variables = offer_environ(started, offer.place, ToolFiles.below(temporary))
        code = run_in_foreground(arguments, variables)
    from .outcome import outcome  # the command is not to wait for it
    from .refused_locals import refused_locals

    done = outcome(offer.site, machine, command, before, environ, folder, through, code)
    refused = refused_locals(offer, command, environ, folder, failed=code != 0)
    done = done._replace(warnings=[*done.warnings, *_misspelt(offer, assignment), *refused])
    return EndedCommand(code, done, locks.problems(offer.place.host))


def _misspelt(offer: RunningOffer, assignment: Assignment) -> Iterator[Problem]:
    """Yield the problems of the values that the user assigns."""
    if assignment:
        from .misspelt_values import misspelt_values  # rarely needed

        asked = offer.site.asked(offer.place.profile).values()
        yield from misspelt_values([project.offer for project in asked if project.offer], assignment)


def offer_environ(started: StartedTool, place: OfferPlace, files: ToolFiles) -> Mapping[str, str]:
    """Return the variables of a command, with those of the offer at a place."""
    command, user, environ, folder, *_ = started
    variables = tool_environ(
        environ, place, files, trusted_hosts=user.trusted_hosts, uv=user.uv, proxy=user.proxy
    )
    return variables | replaced_indexes(command, folder, place.url)
