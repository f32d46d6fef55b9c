"""Options that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from ..errors import Problem, VariantError
from ..variants.properties import Property

# A path as it is given: what is wrong with it is said by who opens it.
PATH = click.Path(path_type=Path, readable=False)


# Of commands that choose among the wheels of a project.
find_links_option = click.option(
    "--find-links",
    multiple=True,
    type=PATH,
    metavar="DIR",
    help="A folder with wheels and their index file; may be repeated.",
)
index_url_option = click.option(
    "--index-url", multiple=True, metavar="URL", help="A package index; may be repeated."
)


def read_supported(texts: Iterable[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Read what a system supports, ``NS :: FEATURE :: V1, V2`` each; the order of all is best first.

    A feature that is met again adds its values. Raises VariantError with every fault found.

    >>> read_supported(["x86_64 :: level :: v3, v2", "x86_64 :: avx :: on"])
    {'x86_64': {'level': ('v3', 'v2'), 'avx': ('on',)}}
    """
    result: dict[str, dict[str, tuple[str, ...]]] = {}
    problems: list[Problem] = []
    for text in texts:
        before, separator, values = text.rpartition("::")
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
