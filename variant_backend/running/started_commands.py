"""The commands that a command starts, as far as its arguments show them: ``uv run pip install demo``."""

from __future__ import annotations

from collections.abc import Iterator

from .command import ToolCommand, read_command

# The subcommands after which the arguments of another command follow, by tool.
_STARTERS = {
    "uv": (("run",), ("tool", "run")),
    "pdm": (("run",),),
    "pipenv": (("run",),),
    "poetry": (("run",),),
    "hatch": (("run",),),
}


def started_commands(command: ToolCommand) -> Iterator[ToolCommand]:
    """Yield a command without the arguments of the command that it starts, and then that command."""
    starter = command.subcommand(_STARTERS)
    own, inner = _divided(command, starter) if starter else (command, [])
    yield own
    if inner:
        yield from started_commands(read_command(inner))


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
