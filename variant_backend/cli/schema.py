"""``variant-backend schema``."""

from __future__ import annotations

import click

from .command import Command
from .output import print_json


@click.command(
    "schema", cls=Command, json=False, example="variant-backend schema pyproject", page="docs/schemas.md"
)
@click.argument("file", type=click.Choice(["pyproject", "hardware"]), default="pyproject")
def schema_command(file: str) -> None:
    """Print a JSON Schema, for editors and checkers.

    The schema of pyproject.toml describes the tables [variant] and [tool.variant-backend]; it allows any
    other table. The schema of hardware describes machine files.
    """
    from ..schema import pyproject_schema, table_schema

    print_json(pyproject_schema() if file == "pyproject" else table_schema(file))
