"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from ..errors import Problem, VariantError
from ..lowlevel.urls import shown_url
from ..variants.alignment import AlignedName
from ..variants.properties import Property, check_label
from .command import WrongValue

_Function = TypeVar("_Function", bound=Callable[..., object])
_Place = TypeVar("_Place", str, Path)


class CommandOption(Protocol):
    """A decorator that adds an option to a command."""

    def __call__(self, command: _Function, /) -> _Function:
        """Return the command with the option."""
        ...


class _WrittenPath(click.Path):
    """The path of a file or folder that is written; a URL is refused, because it would become folders."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; raises BadParameter for a URL."""
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", str(value)):
            text = f"expected a path, got the URL {shown_url(str(value))!r}; write a path on this machine"
            self.fail(text, param, ctx)
        return super().convert(value, param, ctx)


# Opening the file reports a problem with its path.
PATH = click.Path(path_type=Path, readable=False)
WRITTEN_PATH = _WrittenPath(path_type=Path, readable=False)


def expanded(_: click.Context, __: click.Parameter, paths: Iterable[_Place]) -> tuple[_Place, ...]:
    """Replace each pattern by the files that match it, sorted; an existing path is not a pattern.

    Shells do not expand quoted patterns. On Windows no shell expands any, and click does it.
    """
    result: list[_Place] = []
    for path in paths:
        is_pattern = re.search(r"[*?\[]", str(path)) and not os.path.lexists(path)
        matches = sorted(glob.glob(str(path))) if is_pattern else []  # noqa: PTH207  # absolute too
        result += map(type(path), matches) if matches else [path]
    return tuple(result)


def reading(read: Callable[[Any], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Return a callback that reads the value of an option; a VariantError becomes wrong usage."""

    def callback(_: click.Context, __: click.Parameter, value: Any) -> Any:
        try:
            return read(value)
        except VariantError as error:
            raise WrongValue(error.lines()) from None

    return callback


def read_properties(texts: Iterable[str]) -> tuple[Property, ...]:
    """Read properties, ``NS :: FEATURE :: VALUE`` each; raises VariantError with every problem.

    A list in the form of TORCH_CUDA_ARCH_LIST stands for several values of ``nvidia :: sm_arch``.

    >>> [str(item) for item in read_properties(["nvidia :: sm_arch :: 8.0;9.0"])]
    ['nvidia :: sm_arch :: 80_real', 'nvidia :: sm_arch :: 90_real']
    """
    properties: dict[Property, None] = {}
    problems: list[Problem] = []
    for text in texts:
        try:
            _check_one_value(text)
            items = [*map(Property.parse, _expanded(text))]
        except VariantError as error:
            problems += error.problems
            continue
        for item in items:
            if item in properties:
                problems.append(
                    Problem("error", "", f"duplicate property {str(item)!r}", "remove one of them")
                )
            properties[item] = None
    if problems:
        raise VariantError(*problems)
    return tuple(properties)


def _expanded(text: str) -> list[str]:
    """Return a property for each GPU architecture in a list; raises VariantError if an item is invalid."""
    from ..variants.provider_nvidia import architectures_of_list

    parts = [part.strip() for part in text.split("::")]
    if parts[:-1] != ["nvidia", "sm_arch"]:
        return [text]
    try:
        values = architectures_of_list(parts[-1])
    except VariantError as error:
        raise error.within(f"property {text!r}") from None
    return [text] if values is None else [f"nvidia :: sm_arch :: {value}" for value in values]


def _check_one_value(text: str) -> None:
    """Raise VariantError if a property has several values."""
    start, separator, values = text.rpartition("::")
    parts = [value.strip() for value in values.split(",") if value.strip()]
    if separator and len(parts) > 1:
        options = " ".join(f"-p '{start.rstrip()} :: {value}'" for value in parts)
        raise VariantError(
            f"expected one value, got {len(parts)}",
            place=f"property {text!r}",
            remedy=f"repeat -p for each value: {options}",
        )


def property_option(
    help: str,  # noqa: A002
    *,
    read: Callable[[Iterable[str]], object] = read_properties,
) -> Callable[[_Function], _Function]:
    """Return ``-p/--property``, the parameter ``properties``; *read* may raise VariantError."""
    return click.option(
        "-p",
        "--property",
        "properties",
        multiple=True,
        callback=reading(read),
        metavar="NS::FEATURE::VALUE",
        help=f"{help}; may be repeated. A machine needs one value of each feature.",
    )


def output_option(help: str, *, required: bool = False) -> Callable[[_Function], _Function]:  # noqa: A002
    """Return ``-o/--output``, the parameter ``output``."""
    return click.option("-o", "--output", type=WRITTEN_PATH, metavar="PATH", required=required, help=help)


def label_option(
    help: str,  # noqa: A002
    *,
    multiple: bool = False,
    check: Callable[[str], object] = check_label,
) -> Callable[[_Function], _Function]:
    """Return ``-l/--label``, the parameter ``label``, or ``labels`` if it may be repeated.

    Each label must pass *check*, which raises VariantError.
    """

    def checked(value: Any) -> Any:
        for label in value if multiple else () if value is None else (value,):
            check(label)
        return value

    name = "labels" if multiple else "label"
    return click.option(
        "-l",
        "--label",
        name,
        multiple=multiple,
        metavar="LABEL",
        callback=reading(checked),
        help=help,
        shell_complete=_labels_of_project,
    )


def _labels_of_project(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the labels of the project file that start with a text, for the completion of shells."""
    from ..project.pyproject import PROJECT_FILE, Project

    path = Path(context.params.get("pyproject") or context.params.get("path") or PROJECT_FILE)
    try:
        metadata = Project.load(path / PROJECT_FILE if path.is_dir() else path).metadata
    except VariantError:
        return []
    return [label for label in (metadata.variants if metadata else ()) if label.startswith(incomplete)]


# ``align``: a tuple of names without duplicates.
align_option: CommandOption = click.option(
    "--align",
    multiple=True,
    callback=reading(lambda texts: tuple(dict.fromkeys(map(AlignedName.parse, texts)))),
    metavar="NS[::FEATURE]",
    help="All features of a namespace, or one feature, in which packages must agree; may be repeated.",
)
dry_run_option: CommandOption = click.option(
    "-n", "--dry-run", is_flag=True, help="Check everything, and write nothing."
)
force_option: CommandOption = click.option("--force", is_flag=True, help="Replace existing files.")
jobs_option: CommandOption = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Wheels at the same time.",
)
find_links_option: CommandOption = click.option(
    "-f",
    "--find-links",
    multiple=True,
    metavar="DIR",
    help="A folder with wheels and their index file, or its file:// URL; may be repeated.",
)
index_url_option: CommandOption = click.option(
    "-i",
    "--index-url",
    multiple=True,
    metavar="URL",
    help="A package index: a URL, or its folder; may be repeated.",
)
overlay_option: CommandOption = click.option(
    "--overlay",
    "overlays",
    multiple=True,
    type=WRITTEN_PATH,
    metavar="FILE",
    help="A file that says which existing wheels are which variants; may be repeated.",
)
allow_local_option: CommandOption = click.option(
    "--allow-local",
    "allows_local",
    is_flag=True,
    help="With --overlay, give a requirement such as torch==2.10.0+cu126 the wheel that it names.",
)


def read_supported(texts: Iterable[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Read supported values, each text ``NS :: FEATURE :: V1, V2``, best first.

    A repeated feature adds its values. Raises VariantError with every problem.

    >>> read_supported(["x86_64 :: level :: v3, v2", "x86_64 :: avx :: on"])
    {'x86_64': {'level': ('v3', 'v2'), 'avx': ('on',)}}
    """
    result: dict[str, dict[str, tuple[str, ...]]] = {}
    problems: list[Problem] = []
    for text in texts:
        before, separator, values = text.rpartition("::")
        if separator and "," in values and not all(map(str.strip, values.split(","))):
            problems.append(Problem("error", repr(text), "value is empty", "remove a comma"))
            continue
        for value in values.split(","):
            try:
                item = Property.parse(f"{before}{separator}{value}")
            except VariantError as error:
                problems += error.problems
            else:
                features = result.setdefault(item.namespace, {})
                features[item.feature] = (*features.get(item.feature, ()), item.value)
    if problems:
        raise VariantError(*problems)
    return {
        namespace: {name: tuple(dict.fromkeys(values)) for name, values in features.items()}
        for namespace, features in result.items()
    }
