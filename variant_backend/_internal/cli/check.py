"""``variant-backend check``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..checking.codes import ERROR, GROUPS, INSTALLERS, PAYLOAD, RULES, select_codes
from ..errors import VariantError, did_you_mean, shortened
from ..lowlevel.file_set import refuse_folder
from ..lowlevel.terminal import Styled, print_annotation
from ..lowlevel.urls import is_http, shown_url
from .command import Command, WrongUsage
from .network_options import network_options
from .options import WRITTEN_PATH, expanded
from .output import Printer

if TYPE_CHECKING:
    from ..checking.findings import Finding
    from ..checking.run import Report

_COLORS = {"error": "red", "warning": "yellow"}
# A line names at most so many files with the same problem.
_MOST_FILES = 3


class _PathOrUrl(click.Path):
    """A path, or a URL of HTTP, which remains a text."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path or the URL."""
        return value if is_http(str(value)) else super().convert(value, param, ctx)


@click.command("check", cls=Command, example="variant-backend check dist/", page="docs/how-to/check.md")
@click.argument(
    "paths",
    nargs=-1,
    type=_PathOrUrl(path_type=Path, readable=False),
    callback=expanded,
    metavar="[WHEEL|JSON|DIR|URL|pyproject.toml]...",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "github"]),
    default="text",
    show_default=True,
    help="Print lines for people, or annotations of GitHub Actions.",
)
@click.option(
    "--select",
    multiple=True,
    metavar="CODE|GROUP,...",
    help=f"Check only these rules; groups: {', '.join(GROUPS)}.",
)
@click.option("--ignore", multiple=True, metavar="CODE|GROUP,...", help="Skip these rules.")
@click.option(
    "--installer",
    "installers",
    multiple=True,
    type=click.Choice(INSTALLERS),
    default=INSTALLERS,
    help="An installer that must be able to install it; may be repeated.  [default: all]",
)
@click.option(
    "--payload",
    is_flag=True,
    help="Read the compiled modules of wheels, and compare the runtimes that they link with the labels.",
)
@click.option(
    "--summary",
    "summary_file",
    type=WRITTEN_PATH,
    metavar="FILE",
    help="Append tables of the problems and the wheels to this file, as Markdown for a CI service.",
)
@click.option("--list", "lists", is_flag=True, help="Print all rules.")
@click.option("--explain", metavar="CODE", help="Print the rule's section of docs/reference/rules.md.")
@network_options
@click.pass_obj
def check_command(
    printer: Printer,
    paths: tuple[Path | str, ...],
    form: str,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    installers: tuple[str, ...],
    payload: bool,
    summary_file: Path | None,
    lists: bool,
    explain: str | None,
) -> None:
    """Find problems in wheels, index files, projects and releases.

    A folder is checked as a whole release. A URL is that of a wheel, an index file, a project's page, or a
    package index on an HTTP server. The default is dist and pyproject.toml, if they exist. The exit code is 1
    if the command finds an error; warnings do not change it.
    """
    if printer.as_json and form == "github":
        raise click.UsageError("--json and --format github cannot be used together; leave one of them out")
    if explain is not None:
        others = {"paths": paths, "--list": lists, "--select": select, "--ignore": ignore}
        _refuse("--explain", {**others, "--summary": summary_file})
        _explain(printer, explain)
        return
    codes = _selected(select, ignore, installers, lists=lists)
    if lists:
        _refuse("--list", {"paths": paths, "--summary": summary_file})
        _print_list(printer, codes)
        return
    _check_payload(paths, select, payload=payload)
    from ..checking.run import check_files, numbers_by_kind, summary
    from ..lowlevel.newer_dependencies import FIELDS

    paths = paths or tuple(path for path in (Path("dist"), Path("pyproject.toml")) if path.exists())
    if not paths:
        raise click.UsageError("nothing to check: this folder has no dist and no pyproject.toml; name a path")
    report = check_files(paths, codes, payload=payload)
    printer.keys = {
        "checked": numbers_by_kind(report.checked),
        "findings": [finding.to_dict() for finding in report.findings],
    }
    if problem := FIELDS.problem():
        printer.warn(problem)
    _print_findings(printer, report.findings, form)
    printer.say(summary(report))
    printer.failed = any(finding.severity == ERROR for finding in report.findings)
    if summary_file:
        _append_summary(summary_file, report)


def _check_payload(paths: Iterable[Path | str], select: tuple[str, ...], *, payload: bool) -> None:
    """Raise UsageError if a rule needs --payload, or if that cannot be read."""
    if not payload and (named := [code for code in PAYLOAD if code in _split(select)]):
        raise click.UsageError(f"--select {named[0]} reads the payload; add --payload")
    if payload and (urls := [path for path in paths if isinstance(path, str)]):
        text = f"--payload reads files on this machine; download {shown_url(urls[0])}, and name its path"
        raise click.UsageError(text)


def _refuse(option: str, others: dict[str, object]) -> None:
    """Raise UsageError if something is given beside an option."""
    for other in (name for name, value in others.items() if value):
        raise click.UsageError(f"{option} and {other} cannot be used together; leave one of them out")


def _selected(
    select: tuple[str, ...], ignore: tuple[str, ...], installers: tuple[str, ...], *, lists: bool
) -> set[str]:
    """Return the codes of the selected rules; a list has all by default. Raises WrongUsage."""
    try:
        codes = select_codes(_split(select), _split(ignore), installers)
        if lists and not select:
            codes = select_codes(GROUPS, _split(ignore), installers)
    except VariantError as error:
        raise WrongUsage(error.lines()) from None
    return codes


def _print_findings(printer: Printer, findings: Iterable[Finding], form: str) -> None:
    """Print the findings as text, or as annotations of GitHub; equal problems of several files are one."""
    from ..checking.findings import grouped

    for finding, files in grouped(findings):
        if form == "github":
            _annotate(finding, files)
        else:
            printer.line(*_as_text(finding, files))


def _append_summary(path: Path, report: Report) -> None:
    """Append the tables of a run to a file, which may have other text; raises VariantError.

    Markdown reads them as HTML only on lines of their own.
    """
    from ..checking.run_summary import summary_html

    refuse_folder(path)
    try:
        with path.open("a", encoding="utf-8", errors="replace") as file:
            file.write(f"\n{summary_html(report)}\n")
    except OSError as error:  # that of a full disk names no file
        raise VariantError(str(error.strerror), place=path, remedy="use another file") from None


def _split(names: tuple[str, ...]) -> list[str]:
    return [part.strip() for name in names for part in name.split(",") if part.strip()]


def _print_list(printer: Printer, codes: set[str]) -> None:
    """Print the rules with their severity, groups and meaning."""
    rules = {code: rule for code, rule in RULES.items() if code in codes}
    printer.keys = {"rules": {code: rule._asdict() for code, rule in rules.items()}}
    for code, rule in rules.items():
        printer.line(f"{code} ({rule.severity}, {' '.join(rule.groups)}): {rule.fact}")


def _explain(printer: Printer, code: str) -> None:
    """Print the explanation of a rule. Raises WrongUsage for an unknown code."""
    from ..checking.explanations import explanation

    if code not in RULES:
        remedy = "`variant-backend check --list` prints the codes"
        raise WrongUsage([f"unknown code {code!r}{did_you_mean(code, RULES)}; {remedy}"])
    section = explanation(code)
    printer.keys = {"rules": {code: {**RULES[code]._asdict(), "section": section}}}
    printer.line(Styled(code, "bold"))
    for line in section.split("\n"):
        printer.line(line)


def _as_text(finding: Finding, files: Sequence[str]) -> list[str]:
    """Return a finding of some files as a line."""
    code, place, text, remedy = finding.problem
    places = "".join(f"{part}: " for part in (shortened(files, _MOST_FILES), place) if part)
    severity = Styled(f"{finding.severity}[{code}]", f"{_COLORS[finding.severity]} bold")
    return [places, severity, f": {text}; {remedy}"]


def _annotate(finding: Finding, files: Sequence[str]) -> None:
    """Print a finding of some files as an annotation of GitHub Actions, which belongs to the first file.

    GitHub shows ten errors and ten warnings of a step.
    """
    places = f"{shortened(files, _MOST_FILES)}: " if len(files) > 1 else ""
    properties = {"file": finding.file, "title": finding.problem.code}
    print_annotation(finding.severity, properties, f"{places}{finding.problem}")
