"""``variant-backend init``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..errors import VariantError
from ..lowlevel.terminal import Styled, escaped, is_terminal
from ..variants.properties import Property
from .command import Command
from .options import PATH, dry_run_option, label_option, property_option
from .output import Printer


@click.command(
    "init",
    cls=Command,
    example="variant-backend init -l x86_64_v3 -p x86_64::level::v3",
    page="docs/init.md",
)
@click.argument("path", default=".", type=PATH, metavar="[PATH]")
@label_option("Define this label in the project file.")
@property_option
@click.option("--undo", is_flag=True, help="Restore the project's own build backend.")
@dry_run_option
@click.pass_obj
def init_command(
    printer: Printer,
    path: Path,
    label: str | None,
    properties: tuple[Property, ...],
    undo: bool,
    dry_run: bool,
) -> None:
    """Wrap the build backend of a project.

    PATH is the project's folder or its pyproject.toml. Afterwards, [build-system] names
    variant_backend.hooks, and [tool.variant-backend] names the backend that it named before. The command
    shows the changes first, and keeps existing settings.
    """
    from ..building.plan import unknown_properties
    from ..project import scaffold as editing

    if undo and (label is not None or properties):
        raise click.UsageError(
            "--undo cannot be used with --label or --property: it does not change variants"
        )
    if properties and label is None:
        raise click.UsageError("--property needs a label; add --label LABEL")
    file = editing.project_file(path)
    old = editing.read_project_file(file)
    try:
        new = editing.unwrap(old) if undo else editing.wrap(old)
        if label is not None:
            if not properties and not editing.is_defined(new, label):
                raise click.UsageError(
                    f"label {label!r} is new; add its properties with --property NS::FEATURE::VALUE"
                )
            new = editing.add_variant(new, label, properties)
            for warning in unknown_properties(editing.metadata_of(new, label)):
                printer.warn(warning)
    except VariantError as error:
        raise error.within(file) from None
    printer.keys = {"path": str(file), "changed": new != old, "written": new != old and not dry_run}
    if new == old:
        printer.say(f"{file}: no change: {'it is not wrapped' if undo else 'it has all settings already'}")
        return
    _show_difference(printer, file, old, new)
    if dry_run:
        return
    if is_terminal(sys.stdin) and is_terminal(sys.stderr):
        click.confirm(f"Write {escaped(str(file))}?", default=True, abort=True, err=True)
    editing.write_project_file(file, old, new)
    printer.say(f"{file}: written")


def _show_difference(printer: Printer, file: Path, old: str, new: str) -> None:
    """Print a unified diff, in colors on a terminal."""
    import difflib

    colors = {"+": "green", "-": "red", "@": "cyan"}
    before, after = (text.replace("\r\n", "\n").removesuffix("\n").split("\n") for text in (old, new))
    for line in difflib.unified_diff(before if old else [], after, str(file), str(file), lineterm=""):
        printer.line(Styled(line, colors.get(line[0], "")))
