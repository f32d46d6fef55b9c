"""JSON Schemas (draft-07) of variant metadata, tables in pyproject.toml, and the files that commands read.

The readers `metadata_reading`, `providers`, `pyproject`, `recipe`, `hardware_file`, `user_config` and
`overlay_reading` decide what is valid.
A schema can express only a part of their rules. The schemas of the two tables have no ``$ref``, because not
all editors follow one if the schema is part of another schema.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from .variants.metadata import SCHEMA_WITH_PROVIDERS, SCHEMA_WITHOUT_PROVIDERS
from .variants.providers import SOURCES

# The documents with variant metadata, by the names of their schemas.
DOCUMENTS = {
    "variant.json": "The metadata of a variant wheel: DIST-INFO/variant.json (PEP 825).",
    "index-file": "The index file of a release: NAME-VERSION-variants.json (PEP 825).",
}

# The keys of commands that have the schema of another command.
_SHARED = {
    "state": {"machine": "hardware"},
    "providers": {"machine": "hardware"},
}


def table_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of a table, ``variant`` or ``variant-backend``, or of a file."""
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


def overlay_schema() -> dict[str, Any]:
    """Return the JSON Schema of an overlay: globs are those of recipes, and may be about indexes."""
    schema = _read("overlay.schema.json")
    entry = schema["properties"]["projects"]["items"]["properties"]
    recipe = table_schema("variant-backend")["properties"]["variants"]["additionalProperties"]
    globs = recipe["properties"]["match"]
    globs["description"] = "The wheels of this label: those that match every pattern; * matches any text."
    globs["properties"]["index"] = {
        "description": "A pattern for the URL of the index that has the wheel.",
        "type": "string",
        "examples": ["*/whl/cu124"],
    }
    entry["variants"]["additionalProperties"]["properties"]["match"] = globs
    variant = table_schema("variant")
    del variant["$schema"], variant["$id"]
    variant["description"] = "The variants of the projects, as in the table [variant] of pyproject.toml."
    entry["variant"] = variant
    return schema


def document_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of one of the `DOCUMENTS`: that of ``[variant]`` with the rules of documents."""
    table = table_schema("variant")
    properties = table["properties"]
    provider = properties["providers"]["additionalProperties"]
    provider["description"] = "The provider of this namespace: one source, and the keys that belong to it."
    provider["oneOf"] = [{"required": [source]} for source in SOURCES]
    provider["dependencies"]["plugin-api"] = ["requires"]
    del provider["properties"]["build-requires"]
    provider["properties"]["builtin"] = {
        "description": "The name of a provider inside the installer; reserved.",
        "type": "string",
    }
    if name == "variant.json":
        properties["variants"].update(
            description="The label of the wheel's filename, with its properties.",
            minProperties=1,
            maxProperties=1,
        )
    versions = [SCHEMA_WITH_PROVIDERS, SCHEMA_WITHOUT_PROVIDERS]
    version = {"description": "The version of the format: with or without providers.", "enum": versions}
    return {
        **table,
        "$id": f"urn:variant-backend:{name}",
        "title": name,
        "description": DOCUMENTS[name],
        "required": ["$schema", "default-priorities", "variants"],
        "properties": {"$schema": version, **properties},
        "if": {"properties": {"$schema": {"const": SCHEMA_WITH_PROVIDERS}}},
        "then": {"required": ["providers"], "properties": {"providers": {"minProperties": 1}}},
        "else": {"not": {"required": ["providers"]}},
    }


def output_schema(command: str) -> dict[str, Any]:
    """Return the JSON Schema of a command's output with ``--json``; raises KeyError for other names."""
    parts = _read("output.json")
    commands = parts["commands"]
    shared = {key: commands[other][key] for key, other in _SHARED.get(command, {}).items()}
    keys = {**parts["envelope"], **shared, **commands[command]}
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
