"""The generated parts of docs/reference: help, keys of files and JSON, codes of `check`, Python API.

    python tests/reference_pages.py

This program writes these parts into the pages. tests/cli/test_command_line.py compares them.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from helpers.api_reference import api_parts
from helpers.key_reference import file_key_parts, project_key_parts

from variant_backend._internal.checking.codes import RULES
from variant_backend._internal.cli.command import Command
from variant_backend._internal.cli.main import main
from variant_backend._internal.schema import output_commands, output_schema

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "reference"
COMMAND_LINE, JSON_OUTPUT, API, RULES_PAGE, PROJECT_KEYS, FILE_KEYS = (
    FOLDER / f"{name}.md" for name in ("command-line", "json", "api", "rules", "pyproject", "files")
)
# What follows these headings is generated, up to the second one if there is one.
HEADINGS = {
    COMMAND_LINE: ("## Commands", ""),
    JSON_OUTPUT: ("## Common keys", ""),
    API: ("## All names", ""),
    RULES_PAGE: ("## All codes", "## Severity"),
    PROJECT_KEYS: ("## [variant]", ""),
    FILE_KEYS: ("## Machine files", ""),
}
COMMON = {"--json", "--quiet", "--verbose", "--version"}


def all_commands() -> Iterator[tuple[str, Command]]:
    """Yield each command with its full name, in the order of the help."""
    for name in main.list_commands(click.Context(main)):
        command = main.commands[name]
        inner = command.commands if isinstance(command, click.Group) else {"": command}
        for part, nested in inner.items():
            assert isinstance(nested, Command)
            yield f"{name} {part}".rstrip(), nested


def generated(page: Path) -> str:
    """Return the generated part of a page."""
    parts = {
        COMMAND_LINE: _command_parts,
        JSON_OUTPUT: _json_parts,
        API: api_parts,
        RULES_PAGE: _rule_parts,
        PROJECT_KEYS: project_key_parts,
        FILE_KEYS: file_key_parts,
    }[page]
    return "\n".join(f"{part}\n" for part in parts())


def written(page: Path) -> str:
    """Return the part of a page that follows its generated heading."""
    return _split(page)[1]


def update(page: Path) -> None:
    """Write the generated part of a page."""
    before, _, after = _split(page)
    page.write_text(f"{before}{generated(page)}{after}", "utf-8", newline="\n")


def _split(page: Path) -> tuple[str, str, str]:
    """Return what stands before, in and behind the generated part of a page."""
    heading, end = HEADINGS[page]
    before, heading, rest = page.read_text("utf-8").partition(f"\n{heading}\n\n")
    part, end, after = rest.partition(f"\n{end}\n") if end else (rest, "", "")
    return before + heading, part, end + after


def _command_parts() -> Iterator[str]:
    for name, command in all_commands():
        context = click.Context(command, info_name=f"variant-backend {name}")
        summary, _, text = (command.help or "").partition("\n\n")
        guide = ROOT / command.page
        title = guide.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        yield f"### {name}"
        yield _wrapped(f"{summary} Guide: [{title}](../{guide.parent.name}/{guide.name}).")
        yield f"```text\n{context.get_usage().removeprefix('Usage: ')}\n```"
        if text:
            yield "\n\n".join(_wrapped(paragraph) for paragraph in text.split("\n\n"))
        records = [
            record
            for param in command.params
            if isinstance(param, click.Option)
            and not COMMON & {*param.opts}
            and (record := param.get_help_record(context))
        ]
        if records:
            yield _table("option", [(_plain(option), _plain(text)) for option, text in records], "meaning")


def _json_parts() -> Iterator[str]:
    common = output_schema(output_commands()[0])
    yield _keys({key: common["properties"][key] for key in common["required"]})
    for name in output_commands():
        keys = output_schema(name)["properties"]
        yield f"## {name}"
        yield _keys({key: part for key, part in keys.items() if key not in common["required"]})


def _rule_parts() -> Iterator[str]:
    rows = [
        f"| [`{code}`](#{code}) | {rule.severity} | {', '.join(rule.groups)} | {_plain(rule.fact)} |"
        for code, rule in sorted(RULES.items())
    ]
    yield "\n".join(["| code | severity | groups | problem |", "| --- | --- | --- | --- |", *rows])


def _keys(keys: dict[str, Any]) -> str:
    return _table("key", [*_documented(keys)], "value")


def _documented(keys: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each key of a schema with its description."""
    for key, part in keys.items():
        yield f"{prefix}{key}", part["description"]
        for inner, mark in ((part.get("items"), "[]"), (part.get("additionalProperties"), ".*"), (part, "")):
            if isinstance(inner, dict) and "properties" in inner:
                yield from _documented(inner["properties"], f"{prefix}{key}{mark}.")


def _table(first: str, rows: list[tuple[str, str]], second: str) -> str:
    return "\n".join([f"| {first} | {second} |", "| --- | --- |", *(f"| `{a}` | {b} |" for a, b in rows)])


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", r"\|")


def _wrapped(text: str) -> str:
    escaped = re.sub(r"\s+", " ", text.strip()).replace("*", r"\*")
    return textwrap.fill(escaped, 100, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    for path in HEADINGS:
        update(path)
