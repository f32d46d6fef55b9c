"""``variant-backend schema``."""

from __future__ import annotations

import json

import click

from . import Command


@click.command(cls=Command)
def schema() -> None:
    """Print a JSON Schema of pyproject.toml, for editors and checkers.

    It knows the tables [variant] and [tool.variant-backend]; all others may be anything.
    """
    from ..schema import pyproject_schema

    click.echo(json.dumps(pyproject_schema(), indent=2))
