"""``variant-backend index``."""

from __future__ import annotations

from pathlib import Path

import click

from . import PATH, Command, talk


@click.command(cls=Command)
@click.argument("folder", type=PATH, metavar="DIR")
def index(folder: Path) -> None:
    """Write {name}-{version}-variants.json for the variant wheels in DIR.

    Installers need it beside the wheels to choose among them. The paths of what was written are printed.
    """
    from ..index import write_index

    for path, metadata in write_index(folder):
        for remark in metadata.remarks():
            talk(remark)
        click.echo(str(path))
