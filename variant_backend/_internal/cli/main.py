"""``variant-backend``, the workbench, with its commands."""

from __future__ import annotations

import click

from ... import __version__
from .command import Commands, Group

# The headings in the help, and the commands below them. Each is in the module of its name.
_SECTIONS = {
    "Make variants": ("init", "build", "make-variant", "unmake", "mend"),
    "Publish them": ("index", "check", "stub", "upgrade", "retire"),
    "Offer them to any installer": ("serve", "run"),
    "Lock and mirror whole graphs": ("lock", "mirror"),
    "Select wheels": ("explain", "fetch", "hardware", "providers"),
    "Look inside": ("inspect", "installed", "state", "schema"),
}


@click.group(
    cls=Group,
    commands=Commands(name for names in _SECTIONS.values() for name in names),
    sections=_SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"]},
    example="variant-backend explain --help",
    page="README.md",
)
@click.version_option(__version__, prog_name="variant-backend")
def main() -> None:
    """Publish, check and select wheel variants (PEP 825)."""
