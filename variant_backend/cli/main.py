"""``variant-backend``, the workbench, with its commands."""

from __future__ import annotations

import click

from .. import __version__
from .build import build_all
from .check import check
from .explain import explain
from .fetch import fetch
from .hardware import hardware
from .index import index
from .init import init
from .inspect import inspect
from .installed import installed
from .providers import providers
from .schema import schema
from .stub import stub
from .unmake import unmake
from .upgrade import upgrade


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="variant-backend")
def main() -> None:
    """Publish wheel variants (PEP 825)."""


for _command in (
    init,
    build_all,
    index,
    stub,
    check,
    inspect,
    explain,
    fetch,
    hardware,
    installed,
    providers,
    schema,
    unmake,
    upgrade,
):
    main.add_command(_command)
