"""The keys of files, from their JSON Schemas: the generated parts of two pages in docs/reference."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from helpers.documentation import headings
from helpers.sample_projects import ROOT
from variant_backend._internal.schema import overlay_schema, table_schema

# What stands for the keys that a file may name freely, by the key of their table.
PLACEHOLDERS = {
    "providers": "NAMESPACE",
    "static-properties": "FEATURE",
    "variants": "LABEL",
    "LABEL": "NAMESPACE",
    "NAMESPACE": "FEATURE",
    "machine": "NAMESPACE",
    "by-package": "PACKAGE",
    "features": "FEATURE",
}
# The pages that show how a key is used.
GUIDES = {
    "variant.default-priorities": "how-to/init.md#add-a-label",
    "variant.providers": "how-to/build.md",
    "variant.providers.NAMESPACE.static-properties": "reference/providers.md",
    "variant.providers.NAMESPACE.requires": "how-to/plugins.md",
    "variant.providers.NAMESPACE.build-requires": "how-to/plugins.md",
    "variant.providers.NAMESPACE.plugin-api": "how-to/write-a-plugin.md",
    "variant.variants": "how-to/init.md#add-a-label",
    "tool.variant-backend.build-backend": "how-to/init.md",
    "tool.variant-backend.backend-path": "how-to/build.md#build-without-a-dependency-on-pypi",
    "tool.variant-backend.dependencies": "how-to/recipes.md#keys-for-every-label",
    "tool.variant-backend.remove-dependencies": "how-to/recipes.md#keys-for-every-label",
    "tool.variant-backend.name": "how-to/convert.md#names",
    "tool.variant-backend.strip-local-version": (
        "how-to/convert.md#plain-wheels-from-wheels-with-a-local-version"
    ),
    "tool.variant-backend.markers": "how-to/recipes.md#variant-markers",
    "tool.variant-backend.plugins": "how-to/plugins.md",
    "tool.variant-backend.policy": "how-to/policy.md",
    "tool.variant-backend.variants": "how-to/recipes.md#keys-for-one-label",
    "tool.variant-backend.variants.LABEL.match": "how-to/convert.md#convert-many-wheels-at-once",
    "tool.variant-backend.variants.LABEL.flags": "how-to/compiler-flags.md#flags-from-the-properties",
    "tool.variant-backend.variants.LABEL.env": "how-to/recipes.md#recipes-that-differ-by-platform",
    "tool.variant-backend.variants.LABEL.build-requires": "how-to/other-projects.md#build-with-a-variant",
    "tool.variant-backend.variants.LABEL.abi-dependency": "how-to/other-projects.md#record-the-version",
    "hardware.machine": "how-to/hardware.md#copy-a-machine-to-a-file",
    "hardware.machine.NAMESPACE.by-package": "how-to/state.md#read-the-report-in-an-installer",
    "hardware.machine.NAMESPACE.least": "how-to/hardware.md#several-different-devices",
    "hardware.machine.cuda": "how-to/hardware.md#describe-another-machine",
    "overlay.projects": "how-to/overlays.md#write-an-overlay-for-local-versions",
    "overlay.projects[].index-urls": "how-to/overlays.md#offer-several-indexes-as-one",
    "overlay.projects[].variants.LABEL.project": "how-to/overlays.md#offer-several-projects-as-one",
    "overlay.projects[].variant": "reference/pyproject.md#variant",
    "config.policy": "how-to/policy.md#keys-of-policy",
    "config.policy.releases": "how-to/policy.md#prefer-releases-for-accelerators",
    "config.machine": "how-to/hardware.md#describe-another-machine",
    "config.detect": "how-to/policy.md#keys-at-the-top-level",
    "config.devices": "how-to/hardware.md#several-different-devices",
    "config.trust-plugins": "how-to/plugins.md#trust-a-plugin",
    "config.allow-root": "how-to/plugins.md#plugins-and-root",
    "config.build-installer": "how-to/matrix.md#isolated-environments",
    "config.keyring-provider": "how-to/remote.md#credentials",
}


def project_key_parts() -> Iterator[str]:
    """Yield the keys of pyproject.toml; the heading of the first table is on the page."""
    yield _table("variant", table_schema("variant"))
    yield "## [tool.variant-backend]"
    yield _table("tool.variant-backend", table_schema("variant-backend"))


def file_key_parts() -> Iterator[str]:
    """Yield the keys of machine files, overlays and configuration files."""
    machine, overlay = table_schema("hardware"), overlay_schema()
    yield _table("hardware", {**machine["then"], "definitions": machine["definitions"]})
    yield "An older form of machine files has the content of `machine` at the top level."
    yield "## Overlays"
    del overlay["properties"]["projects"]["items"]["properties"]["variant"]["properties"]  # on the other page
    yield _table("overlay", overlay)
    yield "## Configuration files"
    yield _table("config", table_schema("config"))


def _table(name: str, schema: Mapping[str, Any]) -> str:
    rows = [
        f"| `{key}` | {_type(part, schema)} | {_meaning(f'{name}.{key}', part, required)} |"
        for key, part, required in _keys(schema, schema)
    ]
    return "\n".join(["| key | value | meaning |", "| --- | --- | --- |", *rows])


def _keys(
    part: Mapping[str, Any], schema: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield each key below a part of a schema: its full name, its own part, and whether it is required."""
    for key, inner in _entries(part, prefix):
        entry = _resolved(inner, schema)
        if "description" not in entry:  # the text of a table says what its strings are
            continue
        yield f"{prefix}{key}", entry, key in part.get("required", ())
        yield from _keys(entry, schema, f"{prefix}{key}.")
        if "properties" in entry.get("items", {}):
            yield from _keys(entry["items"], schema, f"{prefix}{key}[].")


def _entries(part: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from part.get("properties", {}).items()
    for inner in part.get("patternProperties", {}).values():
        yield "MARKER", inner
    if isinstance(inner := part.get("additionalProperties"), dict) and (
        "description" in inner or "$ref" in inner
    ):
        yield PLACEHOLDERS[prefix.rstrip(".").rpartition(".")[2]], inner


def _resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part with the content of the definition that it refers to."""
    definition = part.get("$ref", "").rpartition("/")[2]
    return {**schema["definitions"][definition], **part} if definition else {**part}


def _type(part: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return the type of a value in words."""
    return " or ".join(dict.fromkeys(_types(_resolved(part, schema), schema))) or "any value"


def _types(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    for option in part.get("anyOf", part.get("oneOf", [])):
        yield from _types(_resolved(option, schema), schema)
    values = part.get("enum", [part["const"]] if "const" in part else [])
    yield from (f"`{_toml(value)}`" for value in values)
    types = part.get("type", [])
    for name in [types] if isinstance(types, str) else types:
        items = _resolved(part.get("items", {}), schema)
        yield {"object": "table", "array": f"array of {_type(items, schema)}s"}.get(name, name)


def _meaning(key: str, part: Mapping[str, Any], required: bool) -> str:
    words = [re.sub(r"([*|])", r"\\\1", part["description"])]
    words += ["Required."] if required else []
    words += [f"Default: `{_toml(part['default'])}`."] if "default" in part else []
    words += [f"Example: `{_toml(example)}`." for example in part.get("examples", [])[:1]]
    if key in GUIDES:
        file, _, anchor = GUIDES[key].partition("#")
        words.append(f"See [{_title(ROOT / 'docs' / file, anchor)}]({_link(GUIDES[key])}).")
    return " ".join(words)


def _link(target: str) -> str:
    return target.removeprefix("reference/") if target.startswith("reference/") else f"../{target}"


def _title(page: Path, anchor: str) -> str:
    """Return the text of a heading of a page, or its title."""
    titles = headings(page)
    return titles[anchor] if anchor else next(iter(titles.values()))


def _toml(value: Any) -> str:
    """Return a value as TOML, on one line."""
    if isinstance(value, dict):
        keys = {key: key if re.fullmatch(r"[\w-]+", key) else json.dumps(key) for key in value}
        return f"{{ {', '.join(f'{keys[key]} = {_toml(entry)}' for key, entry in value.items())} }}"
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, list) else json.dumps(value)
