"""Every JSON object that a command prints in a test is compared with its schema, which lists all keys."""

from __future__ import annotations

import functools
import json
from typing import Any

import click
import pytest
from jsonschema import Draft7Validator

from variant_backend._internal.cli import output
from variant_backend._internal.schema import output_schema


def check_outputs(patch: pytest.MonkeyPatch) -> None:
    """Make `cli.output` compare its JSON with the schema of the running command."""

    def checked(value: object) -> None:
        context = click.get_current_context(silent=True)
        names = []
        while context is not None:
            names.append(context.command.name)
            context = context.parent
        if isinstance(value, dict) and {"version", "warnings", "errors"} <= value.keys():
            differences = check_output(names, json.loads(json.dumps(value)))
            assert differences == [], f"{names}: {differences}"
        printed(value)

    printed = output.print_json
    patch.setattr(output, "print_json", checked)


def check_output(names: list[str | None], value: object) -> list[str]:
    """Return how an object differs from the schema of the first known command of *names*."""
    for name in names:
        if name and (validator := _validator(name)):
            return [error.message for error in validator.iter_errors(value)]
    return [f"no schema for {names}"]


@functools.cache
def _validator(command: str) -> Draft7Validator | None:
    try:
        return Draft7Validator(closed(output_schema(command)))
    except KeyError:
        return None


def closed(schema: Any) -> Any:
    """Return a schema that allows the listed keys only: a key without a description is a mistake."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(part) for key, part in schema.items()}
    if isinstance(result.get("properties"), dict) and "type" in result:
        result.setdefault("additionalProperties", False)
    return result
