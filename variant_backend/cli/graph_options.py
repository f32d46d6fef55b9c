"""The options of commands about whole graphs: requirements, alignment, and the resolver."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .options import PATH, align_option

if TYPE_CHECKING:
    from ..graphs.assignment import Preference
    from ..graphs.resolvers import ResolverName
    from ..variants.alignment import AlignedName

_Function = TypeVar("_Function", bound=Callable[..., object])


_REQUESTED = (
    click.option(
        "-r",
        "--requirement",
        "files",
        multiple=True,
        type=PATH,
        metavar="FILE",
        help="A requirements file; may be repeated.",
    ),
    click.option(
        "-c",
        "--constraint",
        "constraints",
        multiple=True,
        type=PATH,
        metavar="FILE",
        help="A file of constraints; may be repeated.",
    ),
)
_WISHES = (
    align_option("Choose one value for all packages"),
    click.option(
        "--prefer",
        type=click.Choice(["most", "best"]),
        default="most",
        show_default=True,
        help="What --align counts first: most packages with a variant, or the best values.",
    ),
)


assignment_option = click.option(
    "--assignment",
    "assignment_file",
    type=PATH,
    metavar="FILE",
    help="The value of each aligned feature: a file with [assignment], or a lock file of `lock`.",
)


def requested_options(command: _Function) -> Callable[..., object]:
    """Add REQUIREMENT, ``-r`` and ``-c``; the command gets ``requested``, a `Requested`."""

    @functools.wraps(command)
    def with_requested(
        *args: Any,
        requirements: tuple[str, ...],
        files: tuple[Path, ...],
        constraints: tuple[Path, ...],
        **kwargs: Any,
    ) -> object:
        from ..graphs.resolvers import Requested

        if not requirements and not files:
            raise click.UsageError("missing requirement; name packages, or files with --requirement FILE")
        return command(*args, requested=Requested(requirements, files, constraints), **kwargs)

    function: Callable[..., object] = with_requested
    for option in reversed(_REQUESTED):
        function = option(function)
    return click.argument("requirements", nargs=-1, metavar="[REQUIREMENT]...")(function)


def wishes_options(command: _Function) -> Callable[..., object]:
    """Add ``--align`` and ``--prefer``; the command gets ``wishes``, a `Wishes`."""

    @functools.wraps(command)
    def with_wishes(*args: Any, align: tuple[AlignedName, ...], prefer: Preference, **kwargs: Any) -> object:
        from ..graphs.resolution import Wishes

        return command(*args, wishes=Wishes(align, prefer), **kwargs)

    function: Callable[..., object] = with_wishes
    for option in reversed(_WISHES):
        function = option(function)
    return function


def resolver_option(command: _Function) -> Callable[..., object]:
    """Add ``--resolver``; the command gets ``resolver``, a `Resolver`."""

    @functools.wraps(command)
    def with_resolver(*args: Any, resolver: ResolverName, **kwargs: Any) -> object:
        from ..graphs.resolvers import resolver_named

        return command(*args, resolver=resolver_named(resolver), **kwargs)

    return click.option(
        "--resolver",
        type=click.Choice(["uv", "pip"]),
        default="uv",
        show_default=True,
        help="The installer that resolves dependencies; pip does it only for the running Python.",
    )(with_resolver)
