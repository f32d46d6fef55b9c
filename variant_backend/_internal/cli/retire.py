"""``variant-backend retire``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from ..errors import Problem, one_of
from ..lowlevel.shell_words import command_line
from .command import Command
from .options import PATH, dry_run_option, force_option, output_option
from .output import Printer

if TYPE_CHECKING:
    from ..running.tool_words import ToolWords
    from ..wheels.retire import Retired, Successor


def _paths(*words: object) -> list[CompletionItem]:
    """Complete paths, because shells cannot know which argument is the last one, WHEEL."""
    return [CompletionItem(words[-1], type="file")]


@click.command(
    "retire",
    cls=Command,
    example="variant-backend retire old dist/new-1.0-py3-none-any.whl",
    page="docs/how-to/retire.md",
)
@click.argument("old", nargs=-1, required=True, metavar="OLD...", shell_complete=_paths)
@click.argument("wheel", type=PATH, metavar="WHEEL")
@output_option("The output folder.  [default: beside the wheel]")
@force_option
@dry_run_option
@click.pass_obj
def retire_command(
    printer: Printer, old: tuple[str, ...], wheel: Path, output: Path | None, force: bool, dry_run: bool
) -> None:
    """Make the last wheels of projects that another one replaces.

    Each new wheel is empty: it requires the project of WHEEL at the same version, and hands on its extras.
    WHEEL is any wheel of that release. The command prints the path of each new wheel, and the commands with
    which users upgrade. Without these commands, pip deletes files of the new project.
    """
    from ..running.tool_words import PIP, UV
    from ..wheels.reading import WheelFile
    from ..wheels.retire import read_successor, retire_all

    tools = {"pip": PIP, "uv": UV}
    successor = read_successor(WheelFile.of(wheel))
    retired = retire_all(old, successor, output or wheel.parent, force=force, dry_run=dry_run)
    printer.keys = {
        "wheels": [{**one._asdict(), "path": str(one.path)} for one in retired],
        "upgrade": {tool: _upgrade(successor, retired, words) for tool, words in tools.items()},
        "repair": {tool: _repair(successor, words) for tool, words in tools.items()},
    }
    if successor.local:
        text = f"the local version +{successor.local} is left out, because public indexes refuse it"
        printer.warn(Problem("warning", str(wheel), text))
    for one in retired:
        printer.line(str(one.path))
    for line in _notes(successor, retired, tools):
        printer.say(line)


def _upgrade(successor: Successor, retired: Sequence[Retired], words: ToolWords) -> list[list[str]]:
    """Return the commands with which users of the old projects upgrade."""
    return [words.removal(one.name for one in retired), words.installation(successor.name)]


def _repair(successor: Successor, words: ToolWords) -> list[str]:
    """Return the command that restores the files of the new project."""
    return words.reinstallation(f"{successor.name}=={successor.version}")


def _notes(successor: Successor, retired: Sequence[Retired], tools: Mapping[str, ToolWords]) -> Iterator[str]:
    """Yield the lines that release notes should have."""
    olds = one_of(one.name for one in retired)
    yield f"for your release notes: users of {olds} upgrade with these commands:"
    for words in tools.values():
        yield from (f"  {command_line(command)}" for command in _upgrade(successor, retired, words))
    yield f"if pip upgraded without them, files of {successor.name} are missing; this command restores them:"
    yield f"  {command_line(_repair(successor, tools['pip']))}"
