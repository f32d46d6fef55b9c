"""A command: the options that all have, clear errors, JSON, and a clean end at a signal."""

from __future__ import annotations

import errno
import functools
import re
import signal
import sys
import threading
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from ..errors import RequestError, VariantError, did_you_mean
from ..lowlevel.terminal import NORMAL, QUIET, VERBOSE, print_error, print_lines, print_message, set_volume
from .misuse import refuse_extra, refuse_repeats, refuse_single_dash, refuse_unquoted
from .output import Printer

# Since click 8.2, a group without a command raises this error; its message is the help.
_SHOWS_HELP: tuple[type[click.ClickException], ...] = tuple(
    filter(None, [getattr(click.exceptions, "NoArgsIsHelpError", None)])
)

# The key of the options and arguments as they were given, before their values are read.
_GIVEN = "variant_backend.given"


class WrongUsage(click.UsageError):
    """Wrong usage for several reasons, each on a line of its own; the exit code is 2."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__(lines[0])
        self.more: Sequence[str] = lines[1:]


class WrongValue(click.BadParameter):
    """A value that is wrong for several reasons, each on a line of its own; the exit code is 2."""

    def __init__(self, lines: Sequence[str], param_hint: str | None = None) -> None:
        super().__init__(lines[0], param_hint=param_hint)
        self.more: Sequence[str] = lines[1:]

    def format_message(self) -> str:
        """Return the first line, after the name of the option."""
        name = self.param_hint or ("/".join(self.param.opts) if self.param else "")
        return f"{name}: {self.message}" if name else self.message


class _Program(click.Command):
    """What the command line runs, with an *example* for its help, and the *page* of the documentation.

    Every message of click is printed by `lowlevel.terminal`.
    """

    def __init__(self, name: str | None, *, example: str, page: str, **attributes: Any) -> None:
        super().__init__(name, **attributes)
        self.example: str = example
        self.page: str = page

    def format_epilog(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example and the page into the help."""
        with formatter.section("Example"):
            formatter.write(f"{'':{formatter.current_indent}}{self.example}\n")
        formatter.write_paragraph()
        formatter.write(f"Documentation: {_address(self.page)}\n")

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the program, and end with its exit code."""
        run: Callable[[], object] = functools.partial(
            super().main, args, prog_name, complete_var, standalone_mode=False, **extra
        )
        if not standalone_mode:
            return run()
        try:
            code = run()
        except click.Abort:
            print_error("interrupted")
            code = 1
        except click.ClickException as error:
            _report(error)
            code = error.exit_code
        return sys.exit(code if isinstance(code, int) else 0)


def _report(error: click.ClickException) -> None:
    """Print the correct usage of a command, and the errors.

    Only errors in the form of the command line get here. Names are looked up by the command: if the run does
    not know them, `UnknownNameError` ends it, and the usage would not help.
    """
    if isinstance(error, _SHOWS_HELP):
        print_lines(error.format_message())
        return
    if isinstance(error, click.UsageError) and (context := error.ctx):
        print_lines(context.get_usage())
        print_lines(f"Try '{context.command_path} {max(context.help_option_names, key=len)}' for help.")
        print_lines("")
    print_error(_message(error))
    for line in error.more if isinstance(error, WrongUsage | WrongValue) else ():
        print_error(line)


def _message(error: click.ClickException) -> str:
    """Return the message of an error; those of click get the form of the others."""
    own = (click.MissingParameter, WrongValue)  # their messages name the option already
    is_value = isinstance(error, click.BadParameter) and not isinstance(error, own)
    if is_value and isinstance(param := getattr(error, "param", None), click.Option):
        return f"{'/'.join(param.opts)}: {error.message.removesuffix('.')}"
    if not isinstance(error, click.NoSuchOption) or error.ctx is None:
        text = error.format_message()
        is_of_click = re.match(r"[A-Z][a-z]+ ", text)  # other messages start with a name or in lower case
        return text[0].lower() + text[1:].removesuffix(".") if is_of_click else text
    known = [name for param in error.ctx.command.get_params(error.ctx) for name in param.opts]
    command = error.ctx.command
    remedy = command.hints.get(error.option_name) if isinstance(command, Command) else None
    near = f"; {remedy}" if remedy else did_you_mean(error.option_name, known)
    return f"unknown option {error.option_name!r}{near}"


class Command(_Program):
    """A command.

    *extra_remedy* returns the remedy for an argument that is one too many. *hints* are remedies for options
    that only other commands have.

    All commands have --quiet and --verbose. Those that print no document have --json, and print nothing else
    on stdout with it. The function gets a `Printer` as its first argument (``click.pass_obj``); if that
    printed an error, the exit code is 1. SIGTERM and SIGHUP end a command as Ctrl-C does.
    """

    def __init__(
        self,
        name: str | None,
        *,
        json: bool = True,
        extra_remedy: Callable[[str], str] = lambda _: "remove it",
        hints: Mapping[str, str] = {},
        **attributes: Any,
    ) -> None:
        super().__init__(name, **attributes)
        self.params.extend([_JSON, _QUIET, _VERBOSE] if json else [_QUIET, _VERBOSE])
        self.extra_remedy: Callable[[str], str] = extra_remedy
        self.hints: Mapping[str, str] = hints

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; raises UsageError, also for misuse that click would misread."""
        if not ctx.resilient_parsing:
            refuse_single_dash(ctx, args)
            values, extra, given = self.make_parser(ctx).parse_args([*args])
            ctx.meta[_GIVEN] = values, given
            if not any(param.is_eager for param in given):
                refuse_unquoted(ctx, args)
                refuse_repeats(ctx, args, given)
                refuse_extra(ctx, args, extra, self.extra_remedy)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        quiet, verbose = ctx.params.pop("quiet"), ctx.params.pop("verbose")
        if quiet and verbose:
            raise click.UsageError(
                "--quiet and --verbose cannot be used together; leave one of them out", ctx
            )
        ctx.obj = printer = Printer(as_json=ctx.params.pop("as_json", False))
        result, code, dry_run = None, 1, ctx.params.get("dry_run")
        before = set_volume(QUIET if quiet else VERBOSE if verbose else NORMAL)
        try:
            with _termination_is_an_exit():
                try:
                    result = super().invoke(ctx)
                except (VariantError, OSError) as error:
                    if isinstance(error, OSError) and error.errno == errno.EPIPE:
                        raise  # click ends quietly when the reader has closed the pipe
                    code = 2 if isinstance(error, RequestError) else 1
                    printer.fail(error)
                else:
                    if dry_run:
                        print_message("dry run: no file is written")
                printer.close()
        finally:
            set_volume(before)
        if printer.failed:
            ctx.exit(code)
        return result


class Commands(MutableMapping[str, click.Command]):
    """Commands by name. Each is imported when it is first used: importing all takes long.

    The command ``make-variant`` is ``make_variant_command`` in the module ``make_variant`` beside this one.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._commands: dict[str, click.Command | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> click.Command:
        if (command := self._commands[name]) is None:
            module = name.replace("-", "_")
            command = getattr(import_module(f".{module}", __package__), f"{module}_command")
            self._commands[name] = command
        return command

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._commands[name] = command

    def __delitem__(self, name: str) -> None:
        del self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)


class Group(_Program, click.Group):
    """A program whose first argument names a command.

    *sections* are the headings in its help, with the names of the commands below them.
    """

    def __init__(
        self, *args: Any, sections: Mapping[str, Sequence[str]] | None = None, **attributes: Any
    ) -> None:
        super().__init__(*args, **attributes)
        self.sections: Mapping[str, Sequence[str]] = sections or {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; raises UsageError, also for a long option with one dash."""
        if not ctx.resilient_parsing:
            refuse_single_dash(ctx, args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of the sections."""
        return [name for names in self.sections.values() for name in names] or super().list_commands(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands into the help, with the whole summary of each."""
        width = max(map(len, self.commands))
        for heading, names in (self.sections or {"Commands": self.list_commands(ctx)}).items():
            summaries = [self.commands[name].get_short_help_str(sys.maxsize) for name in names]
            with formatter.section(heading):
                rows = [(f"{name:{width}}", summary) for name, summary in zip(names, summaries, strict=True)]
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is named; raises UsageError with a suggestion."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            known = self.list_commands(ctx)
            raise click.UsageError(f"unknown command {args[0]!r}{did_you_mean(args[0], known)}", ctx)
        return super().resolve_command(ctx, args)


_JSON = click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object.")
_QUIET = click.Option(["-q", "--quiet"], is_flag=True, help="Print errors only, and the results.")
_VERBOSE = click.Option(["-v", "--verbose"], is_flag=True, help="Print each step, too.")


def given_values(context: click.Context, names: Container[str | None]) -> list[tuple[str, Any]]:
    """Return the parameter name and the text of each option with one of these names, in the order given.

    The text of a flag is True.
    """
    values, given = context.meta[_GIVEN]
    left = {name: iter(value if isinstance(value, list) else [value]) for name, value in values.items()}
    return [(param.name, next(left[param.name])) for param in given if param.name in names]


def given_options(context: click.Context, names: Container[str | None]) -> list[str]:
    """Return the options with these parameter names as they were given, with URLs without passwords."""
    from ..lowlevel.urls import shown_url

    options = {param.name: max(param.opts, key=len) for param in context.command.params}
    arguments: list[str] = []
    for name, value in given_values(context, names):
        values = [] if value is True else [shown_url(value) if "://" in value else value]
        arguments += [options[name], *values]
    return arguments


def _address(page: str) -> str:
    """Return the address of a page such as ``docs/how-to/run.md``, or the page if the package has none.

    Source: Project-URL in the metadata of this package. Only --help needs it, so it is read only then.
    """
    from importlib.metadata import PackageNotFoundError, metadata
    from urllib.parse import urljoin

    from ..project.own_requirement import CORE

    try:
        urls = metadata(CORE).get_all("Project-URL", [])
    except PackageNotFoundError:  # a copy of the modules
        return page
    documentation = dict(url.split(", ", 1) for url in urls).get("Documentation")
    return urljoin(documentation, f"../{page}") if documentation else page


@contextmanager
def _termination_is_an_exit() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the process as Ctrl-C does, so that no unfinished file is left."""

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # `nohup` ignores SIGHUP for a command and all that it starts.
    signals = [number for number in signals if signal.getsignal(number) != signal.SIG_IGN]
    if threading.current_thread() is not threading.main_thread():
        signals = []  # Python allows this in the main thread only
    former = {number: signal.signal(number, leave) for number in signals}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
