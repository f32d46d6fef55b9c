"""What ``variant-backend installed`` reports about files with several owners, and about missing files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import Problem
from ..formats.record import first_of
from ..variants.filename import normalize
from ..variants.namespace_support import Lazy
from .output import Printer

if TYPE_CHECKING:
    from ..machine.environment import Environment
    from ..running.tool_words import ToolWords
    from ..wheels.distributions import InstallationRecord
    from ..wheels.owned_files import FileOwner, MissingFiles, SharedFiles


def report_ownership(
    printer: Printer, environments: Sequence[Environment], python: str | None, *, check: bool
) -> None:
    """Report shared files, and with *check* also missing ones; set their keys of the JSON object.

    With *check*, they are errors, except for shared files with the same content. *python* is the version for
    folders without an interpreter, None for the running one.
    """
    from ..wheels.owned_files import missing_files, read_owners, shared_files

    shared_keys, missing_keys = list[dict[str, object]](), list[dict[str, object]]()
    for environment in environments:
        owners, unread = read_owners(environment.folders)
        for problem in unread:
            printer.warn(problem)
        shared, missing = [*shared_files(owners)], [*missing_files(owners)] if check else []
        shared_keys += (_shared_to_dict(environment, one) for one in shared)
        missing_keys += (_missing_to_dict(environment, one) for one in missing)
        for problem, is_error in _ownership_problems(environment, python, shared, missing):
            placed = problem.within(environment.location) if len(environments) > 1 else problem
            (printer.error if check and is_error else printer.warn)(placed)
    printer.keys["shared_files"] = shared_keys
    if check:
        printer.keys["missing_files"] = missing_keys


def _ownership_problems(
    environment: Environment,
    python: str | None,
    shared: Sequence[SharedFiles],
    missing: Sequence[MissingFiles],
) -> Iterator[tuple[Problem, bool]]:
    """Yield each problem, and whether it is an error.

    The remedy for shared files restores missing files of the same distributions, too.
    """
    remedies = _OwnershipRemedies(environment, python)
    for one in shared:
        *others, last = map(str, one.owners)
        text, remedy = f"each owns {first_of(one.paths)}", "if you uninstall one, reinstall the others"
        if one.is_same:
            text += ", with the same content"
        else:
            remedy = f"keep one of them: {remedies.keep_one(one.owners)}"
        yield Problem("shared-files", f"{', '.join(others)} and {last}", text, remedy), not one.is_same
    apart = [owner for one in shared if not one.is_same for owner in one.owners]
    for lost in missing:
        if lost.owner not in apart:
            text = f"RECORD lists {first_of(lost.paths)}, but no such file exists"
            yield Problem("missing-files", str(lost.owner), text, remedies.restore(lost.owner)), True


class _OwnershipRemedies:
    """The remedies for distributions of an environment: commands of the tool that installed them."""

    def __init__(self, environment: Environment, python: str | None) -> None:
        self._environment = environment
        self._python = python
        self._records = Lazy(lambda: _read_records(environment))

    def keep_one(self, owners: Sequence[FileOwner]) -> str:
        """Return the commands after which one distribution owns its files alone."""
        words = self._words(owners)
        from ..running.tool_words import to_run

        removal = to_run(words.removals([owner.name for owner in owners]))
        ways = (self._way(owner, words) for owner in owners)
        return f"{removal}, then {' or '.join(ways)}"

    def restore(self, owner: FileOwner) -> str:
        """Return the command that restores the files of a distribution."""
        return self._way(owner, self._words([owner]), again=True)

    def _words(self, owners: Sequence[FileOwner]) -> ToolWords:
        from ..running.tool_words import words_of

        records = [self._records[normalize(owner.name)] for owner in owners]
        return words_of(records, self._environment, os.environ, self._python)

    def _way(self, owner: FileOwner, words: ToolWords, *, again: bool = False) -> str:
        """Return how a distribution is installed, or installed *again*; `run` selects its variant."""
        from ..running.tool_words import RUN, to_run

        if self._records[normalize(owner.name)].is_local:
            return f"install {owner.name} from its folder or repository again"
        words = words._replace(through=RUN if owner.is_variant else ())
        install = words.reinstallation if again else words.installation
        return to_run([install(f"{owner.name}=={owner.version}")])


def _read_records(environment: Environment) -> Mapping[str, InstallationRecord]:
    from ..wheels.distributions import installation_records

    return installation_records(environment.folders)


def _shared_to_dict(environment: Environment, shared: SharedFiles) -> dict[str, object]:
    """Return shared files in JSON."""
    return {
        "environment": environment.location,
        "distributions": [*map(_owner_to_dict, shared.owners)],
        "files": list(shared.paths),
        "same_content": shared.is_same,
    }


def _missing_to_dict(environment: Environment, missing: MissingFiles) -> dict[str, object]:
    """Return missing files in JSON."""
    return {
        "environment": environment.location,
        **_owner_to_dict(missing.owner),
        "files": list(missing.paths),
    }


def _owner_to_dict(owner: FileOwner) -> dict[str, object]:
    return {"name": owner.name, "version": owner.version}
