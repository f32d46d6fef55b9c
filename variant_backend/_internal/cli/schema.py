"""``variant-backend schema``."""

from __future__ import annotations

import click

from ..errors import did_you_mean, one_of
from .command import Command
from .output import print_json

# Names of documents that a command writes.
_OTHER_NAMES = {"machine": "hardware", "variants.json": "index-file"}


@click.command(
    "schema",
    cls=Command,
    json=False,
    example="variant-backend schema pyproject",
    page="docs/how-to/schemas.md",
)
@click.argument("name", default="pyproject", metavar="[SCHEMA]")
def schema_command(name: str) -> None:
    """Print a JSON Schema, for editors and checkers.

    SCHEMA is one of these names. pyproject, the default, describes the tables [variant] and
    [tool.variant-backend] in pyproject.toml, and allows any other table. variant.json and index-file describe
    the metadata of a wheel and of a release. The name of a command describes its output with --json; for
    hardware, that is a machine file. config describes the configuration file of a site or a user, and
    overlay the file of --overlay.
    """
    from ..schema import (
        DOCUMENTS,
        document_schema,
        output_commands,
        output_schema,
        overlay_schema,
        pyproject_schema,
        table_schema,
    )

    known = ["pyproject", "config", "overlay", *DOCUMENTS, *output_commands()]
    if name not in known:
        raise click.UsageError(
            f"unknown schema {name!r}{did_you_mean(_OTHER_NAMES.get(name, name), known)};"
            f" schemas: {one_of(known)}"
        )
    if name == "pyproject":
        print_json(pyproject_schema())
    elif name == "overlay":
        print_json(overlay_schema())
    elif name in DOCUMENTS:
        print_json(document_schema(name))
    else:
        print_json(table_schema(name) if name in ("hardware", "config") else output_schema(name))
