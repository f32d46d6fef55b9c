"""``variant-backend schema``."""

from __future__ import annotations

import click

from .command import Command
from .output import print_json


@click.command("schema", cls=Command)
@click.argument("file", type=click.Choice(["pyproject", "hardware"]), default="pyproject")
def schema_command(file: str) -> None:
    """Print a JSON Schema of pyproject.toml, for editors and checkers, or of hardware files.

    Of pyproject.toml, it knows the tables [variant] and [tool.variant-backend]; all others may be anything.
    """
    from ..schema import pyproject_schema, table_schema

    print_json(pyproject_schema() if file == "pyproject" else table_schema(file), indent=2)
