"""What ``variant-backend installed`` reports about files with several owners, and about missing files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..errors import Problem
from ..formats.record import first_of
from .installer_commands import installation, options_for, reinstallation, removal, shown_command
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
        apart = set[str]()
        for shared in shared_files(owners):
            shared_keys.append(_shared_to_dict(environment, shared))
            (printer.error if check and not shared.is_same else printer.warn)(_shared(environment, shared))
            apart.update(() if shared.is_same else map(str, shared.owners))
        for missing in missing_files(owners) if check else ():
            missing_keys.append(_missing_to_dict(environment, missing))
            if str(missing.owner) not in apart:  # the remedy for shared files installs these, too
                printer.error(_missing(environment, missing))
    printer.keys["shared_files"] = shared_keys
    if check:
        printer.keys["missing_files"] = missing_keys


def _shared(environment: Environment, shared: SharedFiles) -> Problem:
    *others, last = map(str, shared.owners)
    text = f"each owns {first_of(shared.paths)}"
    if shared.is_same:
        text += ", with the same content"
        remedy = "if you uninstall one, reinstall the others"
    else:
        remedy = _keep_one(environment, shared.owners)
    return Problem("shared-files", f"{', '.join(others)} and {last}", text, remedy)


def _keep_one(environment: Environment, owners: Sequence[FileOwner]) -> str:
    """Return the commands after which one distribution owns its files alone."""
    if environment.interpreter is None:
        return f"keep one of them: {_NEW_FOLDER}"
    tool = _tool(owners)
    chosen = options_for(tool, environment)
    remove = shown_command(removal(tool, (owner.name for owner in owners), chosen))
    install = (_command(installation, tool, owner, chosen) for owner in owners)
    return f"keep one of them: run {remove}, then {' or '.join(install)}"


def _missing(environment: Environment, missing: MissingFiles) -> Problem:
    owner = missing.owner
    remedy = _NEW_FOLDER
    if environment.interpreter is not None:
        tool = _tool([owner])
        command = _command(reinstallation, tool, owner, options_for(tool, environment))
        remedy = f"run {command}"
    text = f"RECORD lists {first_of(missing.paths)}, but no such file exists"
    return Problem("missing-files", str(owner), text, remedy)


def _tool(owners: Sequence[FileOwner]) -> str:
    """Return the tool whose commands change these distributions."""
    return "uv" if all(owner.installer == "uv" for owner in owners) else "pip"


def _command(
    words: Callable[[str, str, Sequence[str]], list[str]], tool: str, owner: FileOwner, chosen: Sequence[str]
) -> str:
    """Return the command that installs a distribution; `run` selects the variant."""
    through = ["variant-backend", "run"] if owner.is_variant else []
    return shown_command([*through, *words(tool, f"{owner.name}=={owner.version}", chosen)])


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
