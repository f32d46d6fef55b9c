"""JSON Schemas (draft-07) of the tables of variant-backend in pyproject.toml, and of machine files.

The readers `metadata`, `providers`, `pyproject`, `recipe` and `hardware_file` decide what is valid. A schema
can express only a part of their rules. The schemas of the two tables have no ``$ref``, because not all
editors follow one if the schema is part of another schema.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def table_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of ``[variant]``, ``[tool.variant-backend]`` or a machine file."""
    # An entry point of validate-pyproject has this signature; it shows the docstring as help.
    return _read(f"{name}.schema.json")


def pyproject_schema() -> dict[str, Any]:
    """Return the JSON Schema of a whole pyproject.toml, without rules for other tables.

    Editors use one schema for a file, and their default schema of pyproject.toml forbids ``[variant]``.
    """
    variant, tool = (
        {key: value for key, value in table_schema(name).items() if key not in ("$schema", "$id")}
        for name in ("variant", "variant-backend")
    )
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "pyproject.toml, its tables [variant] and [tool.variant-backend]",
        **_table({"variant": variant, "tool": _table({"variant-backend": tool})}),
    }


def output_schema(command: str) -> dict[str, Any]:
    """Return the JSON Schema of a command's output with ``--json``; raises KeyError for other names."""
    parts = _read("output.json")
    keys = {**parts["envelope"], **parts["commands"][command]}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": f"urn:variant-backend:output:{command}",
        "title": f"Output of variant-backend {command} --json",
        "type": "object",
        "required": [*parts["envelope"]],
        "properties": keys,
    }


def output_commands() -> list[str]:
    """Return the names of the commands with ``--json``."""
    return [*_read("output.json")["commands"]]


def _read(filename: str) -> dict[str, Any]:
    path = files(__package__) / "schemas" / filename
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _table(entries: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": True, "properties": entries}
