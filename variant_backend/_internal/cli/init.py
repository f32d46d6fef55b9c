"""``variant-backend init``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from ..errors import VariantError
from ..lowlevel.terminal import Styled, escaped, is_terminal
from ..variants.properties import Property
from .command import Command, WrongUsage, WrongValue, given_values
from .options import PATH, dry_run_option, label_option, property_option, read_properties
from .output import Printer


@click.command(
    "init",
    cls=Command,
    example="variant-backend init -l x86_64_v3 -p x86_64::level::v3",
    page="docs/how-to/init.md",
)
@click.argument("path", default=".", type=PATH, metavar="[PATH]")
@label_option("Define this label in the project file; may be repeated.", multiple=True)
@property_option("A property of the label before it", read=tuple)  # each label has its own
@click.option("--undo", is_flag=True, help="Restore the project's own build backend.")
@dry_run_option
@click.pass_obj
def init_command(
    printer: Printer,
    path: Path,
    labels: tuple[str, ...],
    properties: tuple[str, ...],
    undo: bool,
    dry_run: bool,
) -> None:
    """Wrap the build backend of a project.

    PATH is the project's folder or its pyproject.toml. Afterwards, [build-system] names
    variant_backend.hooks, and [tool.variant-backend] names the backend that it named before. The command
    shows the changes first, and keeps existing settings. With several labels, write the properties of each
    after it: -l a -p NS::FEATURE::VALUE -l b -p NS::FEATURE::VALUE.
    """
    from ..project.project_file import find_project_file, read_project_file, write_project_file
    from ..project.scaffold import unwrap

    if undo and (labels or properties):
        raise click.UsageError(
            "--undo cannot be used with --label or --property: it does not change variants"
        )
    if properties and not labels:
        raise click.UsageError("--property needs a label; add --label LABEL")
    file = find_project_file(path)
    old = read_project_file(file)
    try:
        new = unwrap(old) if undo else _wrapped(printer, file, old)
        new = _with_labels(printer, new, _by_label(click.get_current_context()))
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
    write_project_file(file, old, new)
    printer.say(f"{file}: written")


def _wrapped(printer: Printer, file: Path, old: str) -> str:
    """Return the text of a project file with its build backend wrapped; print warnings if it was not."""
    from ..project import scaffold as editing
    from ..project.python_versions import OLDEST

    new = editing.wrap(old)
    if new != old:
        for warning in editing.wrapping_warnings(file, old):
            printer.warn(warning.within(file))
        if not editing.declares_python(old):
            remedy = f'if another file declares older versions, write ">={OLDEST}" there'
            printer.say(f"{file}: builds now require Python {OLDEST} or newer; {remedy}")
    return new


def _by_label(context: click.Context) -> dict[str, tuple[Property, ...]]:
    """Return the properties of each label: those after it. Those before a single label are its own, too.

    Raises UsageError if a property is invalid, if a label is given twice, or if properties come before the
    first of several labels.
    """
    texts: dict[str, list[str]] = {}
    first: list[str] = []
    for name, text in given_values(context, {"labels", "properties"}):
        if name == "properties":
            [first, *texts.values()][-1].append(text)
        elif text in texts:
            raise click.UsageError(f"label {text!r} is given twice; give it once, before all its properties")
        else:
            texts[text] = []
    if first and len(texts) > 1:
        text = f"--property {first[0]!r} comes before the first of several labels"
        raise click.UsageError(f"{text}; move it after the label that it belongs to")
    try:
        return {label: read_properties([*first, *own]) for label, own in texts.items()}
    except VariantError as error:
        raise WrongValue(error.lines(), "-p/--property") from None


def _with_labels(printer: Printer, text: str, wanted: Mapping[str, Sequence[Property]]) -> str:
    """Return the text of a project file with labels; raises UsageError if new ones have no properties."""
    from ..project import scaffold as editing
    from ..variants.known_providers import unknown_properties

    new = [label for label, own in wanted.items() if not own and not editing.is_defined(text, label)]
    if new:
        remedy = "add its properties after it with --property NS::FEATURE::VALUE"
        raise WrongUsage([f"label {label!r} is new; {remedy}" for label in new])
    for label, properties in wanted.items():
        text = editing.add_variant(text, label, properties)
        metadata = editing.metadata_of(text, label)
        for warning in unknown_properties(metadata.variants.values(), metadata.providers):
            printer.warn(warning)
    return text


def _show_difference(printer: Printer, file: Path, old: str, new: str) -> None:
    """Print a unified diff, in colors on a terminal."""
    import difflib

    colors = {"+": "green", "-": "red", "@": "cyan"}
    before, after = (text.replace("\r\n", "\n").removesuffix("\n").split("\n") for text in (old, new))
    for line in difflib.unified_diff(before if old else [], after, str(file), str(file), lineterm=""):
        printer.line(Styled(line, colors.get(line[0], "")))
