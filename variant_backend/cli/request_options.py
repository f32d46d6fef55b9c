"""The options that say which variant a wheel becomes, where support for it comes from, and its name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import click

from ..building.plan import Request
from ..errors import VariantError
from ..variants.filename import check_project_name
from ..variants.properties import NULL_LABEL, Property, check_name
from ..variants.providers import Provider, read_providers
from .options import PATH

_OPTIONS = (
    click.option(
        "-p",
        "--property",
        "properties",
        multiple=True,
        metavar="NS::FEATURE::VALUE",
        help="A property of the variant; repeat it for more. One value of each feature must be supported.",
    ),
    click.option(
        "--null", "is_null", is_flag=True, help="Make the null variant, the fallback without properties."
    ),
    click.option("-l", "--label", help="The variant's label; alone, one that the project file defines."),
    click.option(
        "--pyproject",
        type=PATH,
        help="The project file with the [variant] table  [default: ./pyproject.toml]",
    ),
    click.option(
        "--provider",
        "requires",
        multiple=True,
        metavar="NS=REQUIREMENT",
        help="The plugin that tells what is supported.",
    ),
    click.option(
        "--plugin-api", "plugin_apis", multiple=True, metavar="NS=OBJECT", help="The plugin's object."
    ),
    click.option(
        "--static",
        "statics",
        multiple=True,
        metavar="'NS :: FEATURE :: V1, V2'",
        help="Values that every system supports, best first.",
    ),
    click.option(
        "--known-providers/--no-known-providers",
        "known",
        default=True,
        help="Supply the providers that installers know by heart.",
    ),
    click.option("--strip-local-version", is_flag=True, help="Drop the +LOCAL part of the version."),
    click.option("--name", help="Give the project another name."),
)


def request_options(command: Callable[..., object]) -> Callable[..., object]:
    """Give a command ``request``, a `Request`, and ``pyproject``, the path of a project file."""

    @functools.wraps(command)
    def with_request(
        *args: Any,
        properties: tuple[str, ...],
        is_null: bool,
        label: str | None,
        requires: tuple[str, ...],
        plugin_apis: tuple[str, ...],
        statics: tuple[str, ...],
        known: bool,
        strip_local_version: bool,
        name: str | None,
        **kwargs: Any,
    ) -> object:
        if is_null and (properties or label not in (None, NULL_LABEL)):
            raise click.UsageError(
                "--null goes with neither --property nor --label: the null variant has no property."
            )
        if name is not None:
            check_project_name(name)
        providers = _providers(requires, plugin_apis, statics, known=known)
        label = NULL_LABEL if is_null else label
        parsed = tuple(map(Property.parse, properties))
        request = Request(label, parsed, providers, known, name, strip_local_version)
        if providers and not request.has_variant():
            raise click.UsageError("Nothing says which variant: give --property, --null or --label.")
        return command(*args, request=request, **kwargs)

    function: Callable[..., object] = with_request
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def _providers(
    requires: Iterable[str], plugin_apis: Iterable[str], statics: Iterable[str], *, known: bool
) -> dict[str, Provider]:
    """Return what --provider, --plugin-api and --static say, by namespace; raises VariantError."""
    return read_providers(
        _pairs("--provider", requires, "NS=REQUIREMENT"),
        _pairs("--plugin-api", plugin_apis, "NS=OBJECT"),
        map(_values, statics),
        _known_requirements if known else lambda _: (),
    )


def _known_requirements(namespace: str) -> Sequence[str]:
    """Return what the known provider of a namespace requires."""
    from ..variants.known_providers import KNOWN_PROVIDERS

    return KNOWN_PROVIDERS[namespace].table.requires if namespace in KNOWN_PROVIDERS else ()


def _pairs(option: str, texts: Iterable[str], shape: str) -> Iterator[tuple[str, str]]:
    """Read ``NAMESPACE=VALUE``; raises VariantError."""
    for text in texts:
        namespace, _, value = map(str.strip, text.partition("="))
        check_name(namespace, f"{option} {text!r}: namespace")
        if not value:
            raise VariantError(f"{option} {text!r}: nothing after the namespace", hint=f"write {shape}")
        yield namespace, value


def _values(text: str) -> tuple[str, str, list[str]]:
    """Read ``NS :: FEATURE :: V1, V2``; raises VariantError."""
    parts = [part.strip() for part in text.split("::")]
    if len(parts) != 3:
        raise VariantError(f"--static {text!r}: not three parts", hint="write 'NS :: FEATURE :: V1, V2'")
    namespace, feature, values = parts
    check_name(namespace, f"--static {text!r}: namespace")
    return namespace, feature, [value.strip() for value in values.split(",")]
