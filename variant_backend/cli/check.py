"""``variant-backend check``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..checking.codes import ERROR, GROUPS, INSTALLERS, RULES, select_codes
from ..errors import VariantError
from ..lowlevel.terminal import Styled, print_annotation, print_line, print_message
from .command import Command, WrongUsage
from .options import PATH
from .output import print_json

if TYPE_CHECKING:
    from ..checking.findings import Finding

_COLORS = {"error": "red", "warning": "yellow"}


@click.command("check", cls=Command)
@click.argument("paths", nargs=-1, type=PATH, metavar="[WHEEL|JSON|DIR|pyproject.toml]...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    help="Lines for people, one JSON object, or annotations of GitHub Actions.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option(
    "--select",
    multiple=True,
    metavar="CODE|GROUP,...",
    help=f"Look for these only; groups are {', '.join(GROUPS)}.",
)
@click.option("--ignore", multiple=True, metavar="CODE|GROUP,...", help="Do not look for these.")
@click.option(
    "--installer",
    "installers",
    multiple=True,
    type=click.Choice(INSTALLERS),
    default=INSTALLERS,
    help="What must be able to install it; may be repeated. [default: all]",
)
@click.option("--list", "lists", is_flag=True, help="Print all codes, and what each says.")
def check_command(
    paths: tuple[Path, ...],
    form: str,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    installers: tuple[str, ...],
    lists: bool,
) -> None:
    """Find what is wrong with wheels, index files, project files, and releases as a whole.

    A folder is taken for a whole release. Without an argument, dist and pyproject.toml are checked, if they
    are there. The exit code is 1 if an error is found; warnings do not count.
    """
    try:
        codes = select_codes(_split(select), _split(ignore), installers)
    except VariantError as error:
        raise WrongUsage(error.lines()) from None
    if lists:
        _print_list(codes, form)
        return
    from ..checking.run import find_problems as run

    paths = paths or tuple(path for path in (Path("dist"), Path("pyproject.toml")) if path.exists())
    if not paths:
        raise click.UsageError("there is no dist and no pyproject.toml here; name what is to be checked")
    findings = [finding for finding in run(paths) if finding.problem.code in codes]
    if form == "json":
        print_json({"findings": [finding.to_dict() for finding in findings]}, indent=2)
    for finding in findings if form != "json" else ():
        if form == "github":
            _annotate(finding)
        else:
            print_line(*_as_text(finding))
    errors = sum(finding.severity == ERROR for finding in findings)
    print_message(f"{errors} error(s), {len(findings) - errors} warning(s)" if findings else "nothing found")
    sys.exit(1 if errors else 0)


def _split(names: tuple[str, ...]) -> list[str]:
    return [part.strip() for name in names for part in name.split(",") if part.strip()]


def _print_list(codes: set[str], form: str) -> None:
    """Print the codes with their groups, severity and meaning."""
    chosen = {code: rule for code, rule in RULES.items() if code in codes}
    if form == "json":
        print_json({code: rule._asdict() for code, rule in chosen.items()}, indent=2)
        return
    for code, rule in chosen.items():
        print_line(f"{code} ({rule.severity}, {' '.join(rule.groups)}): {rule.fact}")


def _as_text(finding: Finding) -> list[str]:
    """Return a finding as a line."""
    file, (code, place, text, remedy) = finding
    places = "".join(f"{part}: " for part in (file, place) if part)
    severity = Styled(f"{finding.severity}[{code}]", f"{_COLORS[finding.severity]} bold")
    return [places, severity, f": {text}; {remedy}"]


def _annotate(finding: Finding) -> None:
    """Print a finding as an annotation of GitHub Actions."""
    properties = {"file": finding.file, "title": finding.problem.code}
    print_annotation(finding.severity, properties, str(finding.problem))
