"""The options of a conversion: which variant a wheel becomes, its providers and its name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from ..building.plan import Request
from ..errors import VariantError
from ..variants.filename import check_project_name
from ..variants.properties import NULL_LABEL, Property, check_name
from ..variants.providers import Provider, read_providers
from .command import WrongUsage
from .options import PATH, label_option, property_option, reading


def _project_name(text: str | None) -> str | None:
    if text is not None:
        check_project_name(text)
    return text


_OPTIONS = (
    property_option("A property of the label"),
    click.option(
        "--null", "is_null", is_flag=True, help="Make the null variant, the fallback without properties."
    ),
    label_option("The label. Without properties, the project file must define it."),
    click.option(
        "--pyproject",
        type=PATH,
        metavar="FILE",
        help="The project file with the [variant] table, or its folder.  [default: ./pyproject.toml]",
    ),
    click.option(
        "--provider",
        "requires",
        multiple=True,
        metavar="NS=REQUIREMENT",
        help="The plugin package that reports supported values; may be repeated.",
    ),
    click.option(
        "--plugin-api",
        "plugin_apis",
        multiple=True,
        metavar="NS=OBJECT",
        help="The object in the plugin package; may be repeated.",
    ),
    click.option(
        "--static",
        "statics",
        multiple=True,
        metavar="'NS :: FEATURE :: V1, V2'",
        help="Values that every machine supports, best first; may be repeated.",
    ),
    click.option(
        "--known-providers/--no-known-providers",
        "known",
        default=True,
        help="Add the providers that are built into installers.",
    ),
    click.option(
        "--plain",
        is_flag=True,
        help="Make a plain wheel, with another name or version, instead of a variant.",
    ),
    click.option("--strip-local-version", is_flag=True, help="Remove +LOCAL from the version."),
    click.option("--name", callback=reading(_project_name), metavar="NAME", help="Rename the project."),
)


def request_options(command: Callable[..., object]) -> Callable[..., object]:
    """Add the options of a conversion; the command gets ``request``, a `Request`, and ``pyproject``."""

    @functools.wraps(command)
    def with_request(
        *args: Any,
        pyproject: Path | None,
        properties: tuple[Property, ...],
        is_null: bool,
        label: str | None,
        requires: tuple[str, ...],
        plugin_apis: tuple[str, ...],
        statics: tuple[str, ...],
        known: bool,
        plain: bool,
        strip_local_version: bool,
        name: str | None,
        **kwargs: Any,
    ) -> object:
        if is_null and (properties or label not in (None, NULL_LABEL)):
            raise click.UsageError(
                "--null cannot be used with --property or --label: the null variant has no properties"
            )
        if plain and (is_null or properties or label is not None):
            raise click.UsageError(
                "--plain cannot be used with --property, --null or --label: a plain wheel has no label"
            )
        try:
            providers = _providers(requires, plugin_apis, statics, known=known)
        except VariantError as error:
            raise WrongUsage(error.lines()) from None
        label = NULL_LABEL if is_null else label
        request = Request(label, properties, providers, known, name, strip_local_version, plain)
        if providers and not request.has_variant():
            raise click.UsageError("missing variant; add --property, --null or --label")
        return command(*args, request=request, pyproject=_project_file(pyproject), **kwargs)

    function: Callable[..., object] = with_request
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def _project_file(path: Path | None) -> Path | None:
    """Return the project file of --pyproject, a file or its folder; raises VariantError if it is missing."""
    if path is None:
        return None
    from ..project.pyproject import PROJECT_FILE
    from ..wheels.wrong_files import missing_problem

    file = path / PROJECT_FILE if path.is_dir() else path
    if problem := missing_problem(file, "a project file"):
        raise VariantError(problem)
    return file


def _providers(
    requires: Iterable[str], plugin_apis: Iterable[str], statics: Iterable[str], *, known: bool
) -> dict[str, Provider]:
    """Return the providers by namespace; raises VariantError."""
    return read_providers(
        _pairs("--provider", requires, "NS=REQUIREMENT"),
        _pairs("--plugin-api", plugin_apis, "NS=OBJECT"),
        map(_values, statics),
        _known_requirements if known else lambda _: (),
    )


def _known_requirements(namespace: str) -> Sequence[str]:
    """Return the requirements of a namespace's known provider."""
    from ..variants.known_providers import KNOWN_PROVIDERS

    return KNOWN_PROVIDERS[namespace].table.requires if namespace in KNOWN_PROVIDERS else ()


def _pairs(option: str, texts: Iterable[str], shape: str) -> Iterator[tuple[str, str]]:
    """Read ``NAMESPACE=VALUE``; raises VariantError."""
    for text in texts:
        namespace, _, value = map(str.strip, text.partition("="))
        check_name(namespace, f"{option} {text!r}: namespace")
        if not value:
            raise VariantError(f"{option} {text!r}: missing value", remedy=f"write {shape}")
        yield namespace, value


def _values(text: str) -> tuple[str, str, list[str]]:
    """Read ``NS :: FEATURE :: V1, V2``; raises VariantError."""
    parts = [part.strip() for part in text.split("::")]
    if len(parts) != 3:
        raise VariantError(
            f"--static {text!r}: expected three parts", remedy="write 'NS :: FEATURE :: V1, V2'"
        )
    namespace, feature, values = parts
    check_name(namespace, f"--static {text!r}: namespace")
    return namespace, feature, [value.strip() for value in values.split(",")]
