"""``variant-backend init``: the shim goes around a project's build backend."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..errors import VariantError
from ..lowlevel.terminal import Styled, escaped, is_terminal, print_line, print_message
from ..variants.properties import Property
from .command import Command
from .options import PATH


@click.command("init", cls=Command)
@click.argument("path", default=".", type=PATH, metavar="[PATH]")
@click.option("--variant", "label", metavar="LABEL", help="Give this label a place in the project file.")
@click.option(
    "-p",
    "--property",
    "properties",
    multiple=True,
    metavar="NS::FEATURE::VALUE",
    help="A property of a new label; repeat it for more.",
)
@click.option("--undo", is_flag=True, help="Put the project's own build backend back in place.")
@click.option("--dry-run", is_flag=True, help="Show the changes, write nothing.")
def init_command(
    path: Path, label: str | None, properties: tuple[str, ...], undo: bool, dry_run: bool
) -> None:
    """Wrap the build backend of the project in PATH (a folder or its pyproject.toml).

    [build-system] then names variant_backend.hooks, and [tool.variant-backend] the backend that it named
    before. The changes are shown first. What is there already is left as it is.
    """
    from ..project import scaffold as editing

    if undo and (label is not None or properties):
        raise click.UsageError("--undo goes with neither --variant nor --property: it leaves variants alone.")
    if properties and label is None:
        raise click.UsageError("--property needs a label: give --variant LABEL.")
    wanted = [Property.parse(text) for text in properties]
    file = editing.project_file(path)
    old = editing.read_project_file(file)
    try:
        new = editing.unwrap(old) if undo else editing.wrap(old)
        if label is not None:
            if not wanted and not editing.is_defined(new, label):
                raise click.UsageError(
                    f"Label {label!r} is new: say what it stands for with --property NS::FEATURE::VALUE."
                )
            new = editing.add_variant(new, label, wanted)
    except VariantError as error:
        raise error.within(file) from None
    if new == old:
        state = "is not wrapped" if undo else "has all that already"
        print_message(f"{file}: {state}, nothing changes")
        return
    _show_difference(file, old, new)
    if dry_run:
        return
    if is_terminal(sys.stdin) and is_terminal(sys.stderr):
        click.confirm(f"Write {escaped(str(file))}?", default=True, abort=True, err=True)
    editing.write_project_file(file, old, new)
    print_message(f"{file}: written")


def _show_difference(file: Path, old: str, new: str) -> None:
    """Print a unified diff, in colors on a terminal."""
    import difflib

    colors = {"+": "green", "-": "red", "@": "cyan"}
    before, after = (text.replace("\r\n", "\n").removesuffix("\n").split("\n") for text in (old, new))
    for line in difflib.unified_diff(before if old else [], after, str(file), str(file), lineterm=""):
        print_line(Styled(line, colors.get(line[0], "")))
