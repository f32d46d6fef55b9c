"""The commands that a command starts, as far as its arguments show them: ``uv run pip install demo``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..graphs.requirement_lines import split_words
from .command import ToolCommand, program_name, read_command

# The subcommands after which the arguments of another command follow, by tool.
_STARTERS = {
    "uv": (("run",), ("tool", "run")),
    "pdm": (("run",),),
    "pipenv": (("run",),),
    "poetry": (("run",),),
    "hatch": (("run",),),
}
# Programs whose arguments end with another command, and shells, which take one after -c.
_WRAPPERS = {"env", "time", "timeout", "nice", "ionice", "nohup", "setsid", "stdbuf", "sudo", "doas", "srun"}
_WRAPPERS |= {"cmd"}  # of Windows
_SHELLS = {"sh", "bash", "dash", "zsh", "ksh"}


def started_commands(command: ToolCommand) -> Iterator[ToolCommand]:
    """Yield a command without the arguments of the command that it starts, and then that command."""
    if wrapped := wrapped_commands(command):
        for one in wrapped:
            yield from started_commands(one)
        return
    starter = command.subcommand(_STARTERS)
    own, inner = _divided(command, starter) if starter else (command, [])
    yield own
    if inner:
        yield from started_commands(read_command(inner))


def wrapped_commands(command: ToolCommand) -> list[ToolCommand]:
    """Return the commands of known tools that a program such as env, sudo or a shell starts."""
    program = program_name(command.arguments[0])
    if program in _WRAPPERS:
        return [*_first_tool(command.arguments[1:])]
    if program in _SHELLS and len(command.arguments) > 2 and re.fullmatch("-[a-z]*c", command.arguments[1]):
        parts = re.split(r"&&|\|\||[;|&\n]", command.arguments[2])
        return [one for part in parts for one in _first_tool(split_words(part))]
    return []


def unwrapped(command: ToolCommand) -> ToolCommand:
    """Return the command that a program such as env or a shell starts, if it is the only one."""
    wrapped = wrapped_commands(command)
    return unwrapped(wrapped[0]) if len(wrapped) == 1 else command


def _first_tool(words: Sequence[str]) -> Iterator[ToolCommand]:
    """Yield the command in some words that starts with the name of a tool, after options and variables."""
    commands = (read_command(words[start:]) for start in range(len(words)))
    if first := next((one for one in commands if one.tool or wrapped_commands(one)), None):
        yield first


def _divided(command: ToolCommand, starter: tuple[str, ...]) -> tuple[ToolCommand, list[str]]:
    """Return a command without the arguments of the one that it starts, and these arguments."""
    options = [*command.options]
    own = read_command(command.arguments[:1])
    program = command.arguments[0] if own.tool else command.tool  # uvx, or python -m uv
    own = own if own.tool else read_command([program])
    for end in range(1, len(options) + 1):
        before, own = own, read_command([program, *options[:end]])
        inner = options[end - 1 :]
        if inner[0] == "--":
            return before, inner[1:]
        if command.tool == "uv" and starter == ("run",) and before.words == ("run",):
            if inner[0] in ("-m", "--module"):
                return before, ["python", "-m", *inner[1:]]
            if inner[0] in ("-s", "--script", "--gui-script"):
                return read_command([program, *options[: end - 1], "--script="]), inner[1:]
        if len(own.words) > len(starter):
            return before, inner
    return own, []
