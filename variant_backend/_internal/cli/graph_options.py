"""The options of commands about whole graphs: requirements, alignment, and the resolver."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import click

from ..errors import VariantError
from .command import WrongValue, given_values
from .options import PATH, CommandOption, align_option

if TYPE_CHECKING:
    from ..graphs.assignment import Preference
    from ..graphs.request_files import RequestLists
    from ..graphs.resolution import Wishes
    from ..graphs.resolvers import Resolver, ResolverName
    from ..graphs.root_requirements import Requested
    from ..variants.alignment import AlignedName
    from ..variants.requirements import PackageRequest

_Function = TypeVar("_Function", bound=Callable[..., object])
_Texts: TypeAlias = tuple[str, ...]
_Paths: TypeAlias = tuple[Path, ...]

# A graph without packages, for people.
NO_PACKAGES = "no requirement is for this environment, so there are no packages"

prefer_option: CommandOption = click.option(
    "--prefer",
    type=click.Choice(["most", "best"]),
    default="most",
    show_default=True,
    help="What --align counts first: most packages with a variant, or the best values.",
)
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
assignment_option: CommandOption = click.option(
    "--assignment",
    "assignment_file",
    type=PATH,
    metavar="FILE",
    help="The value of each aligned feature: a file with [assignment], or a lock file of `lock`.",
)


def graph_options(command: _Function) -> Callable[..., object]:
    """Add REQUIREMENT, ``-r``, ``-c``, ``--align``, ``--prefer`` and ``--resolver``.

    The command gets ``request``, a `GraphRequest`. Requirements may end with ``#LABEL``, also in
    files.
    """

    @functools.wraps(command)
    def with_request(
        *args: Any, requested: Requested, wishes: Wishes, resolver: Resolver, **kwargs: Any
    ) -> object:
        from ..graphs.resolution import GraphRequest

        return command(*args, request=GraphRequest(requested, wishes, resolver), **kwargs)

    options = wishes_options(resolver_option(with_request))
    return _requirements(options, "requested", _requested)


def requests_options(command: _Function) -> Callable[..., object]:
    """Add REQUIREMENT, ``-r`` and ``-c``; the command gets ``requests``, `RequestLists`.

    All may be missing. Files may name labels, as REQUIREMENT does.
    """
    return _requirements(command, "requests", _requests)


def _requirements(
    command: Callable[..., object], name: str, read: Callable[[_Texts, _Paths, _Paths], object]
) -> Callable[..., object]:
    """Add REQUIREMENT, ``-r`` and ``-c``; the command gets what *read* returns as *name*."""

    @functools.wraps(command)
    def with_requirements(
        *args: Any, requirements: _Texts, files: _Paths, constraints: _Paths, **kwargs: Any
    ) -> object:
        return command(*args, **{name: read(requirements, files, constraints)}, **kwargs)

    function: Callable[..., object] = with_requirements
    for option in reversed(_REQUESTED):
        function = option(function)
    return click.argument("requirements", nargs=-1, metavar="[REQUIREMENT]...")(function)


def _requested(requirements: _Texts, files: _Paths, constraints: _Paths) -> Requested:
    from ..graphs.root_requirements import Requested

    if not requirements and not files:
        raise click.UsageError("missing requirement; name packages, or files with --requirement FILE")
    return Requested.of(requirements, files, constraints)


def _requests(requirements: _Texts, files: _Paths, constraints: _Paths) -> RequestLists:
    from ..graphs.request_files import read_request_files

    named = _read_requests(requirements)
    read = read_request_files(files, constraints)
    return read._replace(requests=(*named, *read.requests))


def _read_requests(texts: Sequence[str]) -> list[PackageRequest]:
    """Return the requirements of the command line; raises WrongValue with every invalid one."""
    from ..variants.requirements import PackageRequest

    lines, requests = list[str](), list[PackageRequest]()
    for text in texts:
        try:
            requests.append(PackageRequest.parse(text))
        except VariantError as error:
            lines += error.lines()
    if lines:
        raise WrongValue(lines, "REQUIREMENT")
    return requests


def wishes_options(command: _Function) -> Callable[..., object]:
    """Add ``--align`` and ``--prefer``; the command gets ``wishes``, a `Wishes`."""

    @functools.wraps(command)
    def with_wishes(*args: Any, align: tuple[AlignedName, ...], prefer: Preference, **kwargs: Any) -> object:
        from ..graphs.resolution import Wishes

        check_effect("prefer", "--align NS", effective=bool(align))
        return command(*args, wishes=Wishes(align, prefer), **kwargs)

    return align_option(prefer_option(with_wishes))


def check_effect(name: str, required: str, *, effective: bool) -> None:
    """Raise UsageError if an option is given that has no effect without a *required* one."""
    if not effective and given_values(click.get_current_context(), {name}):
        option = required.split()[0]
        raise click.UsageError(f"--{name} requires {option}; add {required}")


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
