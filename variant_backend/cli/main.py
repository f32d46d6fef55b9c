"""``variant-backend``, the workbench, with its commands."""

from __future__ import annotations

import click

from .. import __version__
from .build import build_command
from .check import check_command
from .command import Group
from .explain import explain_command
from .fetch import fetch_command
from .hardware import hardware_command
from .index import index_command
from .init import init_command
from .inspect import inspect_command
from .installed import installed_command
from .make_variant import make_variant_command
from .mend import mend_command
from .providers import providers_group
from .schema import schema_command
from .state import state_command
from .stub import stub_command
from .unmake import unmake_command
from .upgrade import upgrade_command


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    example="variant-backend explain --help",
    page="README.md",
)
@click.version_option(__version__, prog_name="variant-backend")
def main() -> None:
    """Publish, check and select wheel variants (PEP 825)."""


main.add_section(
    "Make variants", [init_command, build_command, make_variant_command, unmake_command, mend_command]
)
main.add_section("Publish them", [index_command, check_command, stub_command, upgrade_command])
main.add_section("Select wheels", [explain_command, fetch_command, hardware_command, providers_group])
main.add_section("Look inside", [inspect_command, installed_command, state_command, schema_command])
