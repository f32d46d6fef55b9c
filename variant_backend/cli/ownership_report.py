"""What ``variant-backend installed`` reports about files with several owners, and about missing files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import Problem
from ..formats.record import first_of
from ..lowlevel.processes import command_line
from ..lowlevel.urls import shown_url
from ..variants.filename import normalize
from ..variants.namespace_support import Lazy
from ..wheels.distributions import installed_from_source
from .installer_commands import installation, options_for, reinstallation, removal
from .output import Printer

if TYPE_CHECKING:
    from ..machine.environment import Environment
    from ..wheels.owned_files import FileOwner, MissingFiles, SharedFiles

# The remedy for a folder of --path, from which no installer removes distributions.
_NEW_FOLDER = "install the packages into an empty folder"


def report_ownership(printer: Printer, environments: Sequence[Environment], *, check: bool) -> None:
    """Report shared files, and with *check* also missing ones; set their keys of the JSON object.

    With *check*, they are errors, except for shared files with the same content.
    """
    from ..wheels.owned_files import missing_files, read_owners, shared_files

    shared_keys, missing_keys = list[dict[str, object]](), list[dict[str, object]]()
    for environment in environments:
        owners = read_owners(environment.folders)
        shared, missing = [*shared_files(owners)], [*missing_files(owners)] if check else []
        shared_keys += (_shared_to_dict(environment, one) for one in shared)
        missing_keys += (_missing_to_dict(environment, one) for one in missing)
        for problem, is_error in _ownership_problems(environment, shared, missing):
            placed = problem.within(environment.location) if len(environments) > 1 else problem
            (printer.error if check and is_error else printer.warn)(placed)
    printer.keys["shared_files"] = shared_keys
    if check:
        printer.keys["missing_files"] = missing_keys


def _ownership_problems(
    environment: Environment, shared: Sequence[SharedFiles], missing: Sequence[MissingFiles]
) -> Iterator[tuple[Problem, bool]]:
    """Yield each problem, and whether it is an error.

    The remedy for shared files restores missing files of the same distributions, too.
    """
    remedies = _OwnershipRemedies(environment)
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

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._local: Mapping[str, str] = Lazy(lambda: installed_from_source(environment.folders))

    def keep_one(self, owners: Sequence[FileOwner]) -> str:
        """Return the commands after which one distribution owns its files alone."""
        if self._environment.interpreter is None:
            return _NEW_FOLDER
        tool = "uv" if all(owner.installer == "uv" for owner in owners) else "pip"
        words = removal(tool, (owner.name for owner in owners), options_for(tool, self._environment))
        ways = (self._again(installation, tool, owner) for owner in owners)
        return f"run `{command_line(words)}`, then {' or '.join(ways)}"

    def restore(self, owner: FileOwner) -> str:
        """Return the command that restores the files of a distribution."""
        if self._environment.interpreter is None:
            return _NEW_FOLDER
        return self._again(reinstallation, "uv" if owner.installer == "uv" else "pip", owner)

    def _again(self, words: Callable[..., list[str]], tool: str, owner: FileOwner) -> str:
        """Return how a distribution is installed again; `variant-backend run` selects its variant."""
        if url := self._local.get(normalize(owner.name)):
            return f"install {owner.name} again from {shown_url(url)}"
        through = ["variant-backend", "run"] if owner.is_variant else []
        requirement = f"{owner.name}=={owner.version}"
        command = [*through, *words(tool, requirement, options_for(tool, self._environment))]
        return f"run `{command_line(command)}`"


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
