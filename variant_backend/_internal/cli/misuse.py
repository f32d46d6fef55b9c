"""Input that click would misread: long options with one dash, properties without quotes, repeats."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import click

from ..lowlevel.shell_words import quoted

# An option, and a property or supported values, in arguments that line feeds separate.
_PROPERTY = re.compile(
    r"^(?:(-\w|--[\w-]+)[\n=])?(\w[\w-]*)\s*::\s*([\w-]+)\s*::\s*([\w.-]+(?:,\s*[\w.-]+)*)$", re.MULTILINE
)


def refuse_single_dash(ctx: click.Context, args: Sequence[str]) -> None:
    """Refuse a long option with one dash, which click reads as short ones; raises UsageError."""
    known = {name for param in ctx.command.get_params(ctx) for name in param.opts}
    for arg in args:
        if arg == "--" or not (ctx.allow_interspersed_args or arg.startswith("-")):
            return
        option = arg.partition("=")[0]
        if re.match(r"-\w\w", option) and f"-{option}" in known:
            raise click.UsageError(f"unknown option {option!r} (did you mean '-{option}'?)", ctx)


def refuse_unquoted(ctx: click.Context, args: Sequence[str]) -> None:
    """Refuse a property whose parts are several arguments: NS :: FEATURE :: VALUE; raises UsageError."""
    for match in _PROPERTY.finditer("\n".join(args)):
        option, *parts = match.groups()
        if "\n" in match[0].removeprefix(f"{option}\n"):
            text = " :: ".join(parts).replace("\n", " ")
            remedy = f"put it in quotes: {option or '-p'} {quoted(text)}"
            raise click.UsageError(f"property without quotes; {remedy}", ctx)


def refuse_repeats(ctx: click.Context, args: Sequence[str], given: Sequence[click.Parameter]) -> None:
    """Refuse an option with one value that is given twice, and ``--a --no-a``; raises UsageError."""
    counts = Counter(param.name for param in given)
    for param in given:
        is_switch = isinstance(param, click.Option) and param.is_flag and not param.secondary_opts
        if counts[param.name] > 1 and isinstance(param, click.Option) and not (param.multiple or is_switch):
            names = [name for name in (*param.opts, *param.secondary_opts) if name in args]
            text = f"{'/'.join(param.opts)} is given twice"
            if param.secondary_opts and len(names) > 1:
                text = f"{' and '.join(names)} cannot be used together"
            raise click.UsageError(f"{text}; leave one of them out", ctx)


def refuse_extra(
    ctx: click.Context, args: Sequence[str], extra: Sequence[str], remedy_for: Callable[[str], str]
) -> None:
    """Refuse an argument that is one too many, with its remedy; raises UsageError."""
    if not extra:
        return
    option, value = ["", "", *args[: args.index(extra[0])]][-2:]
    repeatable = {
        name
        for param in ctx.command.params
        if isinstance(param, click.Option) and param.multiple
        for name in param.opts
    }
    remedy = remedy_for(extra[0])
    if option in repeatable:
        remedy = f"repeat {option}: {option} {quoted(value)} {option} {quoted(extra[0])}"
    raise click.UsageError(f"unexpected argument {extra[0]!r}; {remedy}", ctx)
