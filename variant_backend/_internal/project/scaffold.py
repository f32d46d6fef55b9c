"""Wrap the build backend in a pyproject.toml, unwrap it, and add variants.

Each edit takes and returns text. The expected tables are computed first; then the text is edited, parsed
again, and compared with them. Sources: PEP 517 and PEP 518 for ``[build-system]``, the building draft for
``[variant]``.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import MOST_SHOWN, Problem, VariantError
from ..formats import toml_edit
from ..variants.abi_dependency import ABI_DEPENDENCY
from ..variants.derived_flags import check_derivable
from ..variants.known_providers import KNOWN_PROVIDERS
from ..variants.metadata import VariantMetadata
from ..variants.metadata_reading import metadata_from_table
from ..variants.properties import NULL_LABEL, Property, Variant
from ..variants.validation import Document
from ..variants.wheel_metadata import select_variant
from .own_requirement import CORE, own_requirements
from .pyproject import misspelt_tables, wrapping_command
from .python_versions import older_python_problem, supported_pythons

_HOOKS = "variant_backend.hooks"

# The default build backend (PEP 517, PEP 518).
_LEGACY_BACKEND = "setuptools.build_meta:__legacy__"
_DEFAULTS = {"requires": ["setuptools"], "build-backend": _LEGACY_BACKEND}

_SYSTEM = ("build-system",)
_OURS = ("tool", "variant-backend")
_MOVED = ("build-backend", "backend-path")
_SYSTEM_BACKEND, _SYSTEM_FOLDERS = ((*_SYSTEM, key) for key in _MOVED)
_OUR_BACKEND, _OUR_FOLDERS = ((*_OURS, key) for key in _MOVED)
_REQUIRES = (*_SYSTEM, "requires")

_PRIORITIES = ("variant", "default-priorities")
_PROVIDERS = ("variant", "providers")
_VARIANTS = ("variant", "variants")
_RECIPES = (*_OURS, "variants")
_FLAGS_EXAMPLE = '# env-append = { CFLAGS = "..." }'


def wrap(text: str) -> str:
    """Return a project file with its build backend wrapped, or unchanged if it is wrapped already.

    Raises VariantError with every problem.
    """
    data = _read_tables(text)
    if _is_wrapped(data):
        return text
    missing = {key: value for key, value in _DEFAULTS.items() if key not in data.get("build-system", {})}
    complete = toml_edit.edited(text, functools.partial(_complete, missing=missing))
    return _checked(toml_edit.edited(complete, _wrap), _wrapped(data))


def unwrap(text: str) -> str:
    """Return a project file with its own build backend again; other keys and tables are kept.

    The result has the bytes from before `wrap`, with two exceptions: an added ``[build-system]`` and its
    ``requires`` are kept, and ``backend-path`` is moved next to ``build-backend``.
    Raises VariantError with every problem.
    """
    data = _read_tables(text)
    if not _is_wrapped(data):
        return text
    return _checked(toml_edit.edited(text, _unwrap), _unwrapped(data))


def wrapping_warnings(file: Path, old: str) -> list[Problem]:
    """Return what may be wrong after the build backend in the *old* text of a project file is wrapped.

    Comments beside ``build-backend`` stay there, and the project may support an older Python than its builds.
    """
    document = toml_edit.parse(old)
    problems = []
    backend = toml_edit.find(document, _SYSTEM_BACKEND)
    if backend and (comments := " ".join(backend.comments())):
        text = f"the comment {comments[:MOST_SHOWN]!r} is not moved with the value"
        remedy = "move it to [tool.variant-backend] if it describes the wrapped backend"
        problems.append(Problem("warning", ".".join(_SYSTEM_BACKEND), text, remedy))
    supported = supported_pythons(document.unwrap())
    if supported and (problem := older_python_problem(supported, f"{wrapping_command(file)} --undo")):
        problems.append(problem)
    return problems


def declares_python(text: str) -> bool:
    """Return whether a project file declares the versions of Python that the project supports."""
    return supported_pythons(toml_edit.parse(text).unwrap()) is not None


def is_defined(text: str, label: str) -> bool:
    """Return whether a label is ``null``, or defined in the project file."""
    return label == NULL_LABEL or label in _metadata(_read_tables(text)).variants


def metadata_of(text: str, label: str) -> VariantMetadata:
    """Return the variants of a project file with only one label. Raises UnknownNameError if it is unknown."""
    metadata = _metadata(_read_tables(text))
    return metadata._replace(variants={label: metadata.variant(label)})


def add_variant(text: str, label: str, properties: Sequence[Property]) -> str:
    """Return a project file that defines a label and has a table for its recipe.

    Existing content is kept. New namespaces rank last, and so do new values of a static list.
    Raises VariantError if the file has problems, or the label is unknown or has other properties.
    """
    data = _read_tables(text)
    metadata = _metadata(data)
    variant = select_variant(metadata, label, frozenset(properties))
    new = copy.deepcopy(data)
    if variant.properties and label not in metadata.variants:
        table = new.setdefault("variant", {})
        _declare(table, properties)
        table.setdefault("variants", {})[label] = variant.to_dict()
        _metadata(new)  # raises its problems before the file is written
    ours = new.setdefault("tool", {}).setdefault("variant-backend", {})
    ours.setdefault("variants", {}).setdefault(label, _recipe(variant, ours.get("build-backend", "")))
    return _checked(_extended(text, data, new), new)


# The content of a project file, as plain tables.


def _read_tables(text: str) -> dict[str, Any]:
    """Return the tables of a project file; raises VariantError with every problem for wrapping."""
    data = toml_edit.parse(text).unwrap()
    document = Document()
    document.problems += misspelt_tables(data)
    tools = document.table(data.get("tool", {}), "tool")
    ours = document.table(tools.get("variant-backend", {}), "tool.variant-backend")
    system = document.table(data.get("build-system", {}), "build-system")
    for place, table in (("build-system", system), ("tool.variant-backend", ours)):
        if "build-backend" in table:
            document.string(table["build-backend"], f"{place}.build-backend")
        for key in ("requires", "backend-path"):
            value = table.get(key, [])
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                document.note(f"{place}.{key}", "expected a list of strings", code="wrong-type")
    if "build-backend" in system and "requires" not in system:
        remedy = "list the requirements of the build backend"
        document.note("build-system.requires", "missing", code="missing-key", remedy=remedy)
    if _is_wrapped(data):
        if "build-backend" not in ours:
            remedy = "write the name of the wrapped backend"
            document.note("tool.variant-backend.build-backend", "missing", code="missing-key", remedy=remedy)
    else:
        for key in [key for key in _MOVED if key in ours]:
            text = f"exists, but build-system.build-backend is not {_HOOKS!r}"
            document.note(f"tool.variant-backend.{key}", text, remedy="remove it")
    document.check()
    return data


def _is_wrapped(data: Mapping[str, Any]) -> bool:
    """Return whether the build backend is this package, or a copy of it inside another one."""
    system = data.get("build-system")
    return isinstance(system, dict) and f".{system.get('build-backend')}".endswith(f".{_HOOKS}")


def _metadata(data: Mapping[str, Any]) -> VariantMetadata:
    if "variant" not in data:
        return VariantMetadata((), {}, {})
    return metadata_from_table(data["variant"], "[variant]")


def _wrapped(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables of a project file after wrapping."""
    system = {**_DEFAULTS, **data.get("build-system", {})}
    moved = {key: system.pop(key) for key in _MOVED if key in system}
    if not own_requirements(system["requires"]):
        system["requires"] = [*system["requires"], CORE]
    return _with(data, {**system, "build-backend": _HOOKS}, {**_ours(data), **moved})


def _unwrapped(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables of a project file after unwrapping."""
    system = {key: value for key, value in data["build-system"].items() if key not in _MOVED}
    own = own_requirements(system["requires"])
    system["requires"] = [item for index, item in enumerate(system["requires"]) if index not in own]
    ours = _ours(data)
    moved = {key: ours.pop(key) for key in _MOVED if key in ours}
    if moved["build-backend"] == _LEGACY_BACKEND:
        del moved["build-backend"]
    return _with(data, {**system, **moved}, ours)


def _ours(data: Mapping[str, Any]) -> dict[str, Any]:
    return dict(data.get("tool", {}).get("variant-backend", {}))


def _with(data: Mapping[str, Any], system: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    return {**data, "build-system": system, "tool": {**data.get("tool", {}), "variant-backend": ours}}


def _declare(table: dict[str, Any], properties: Sequence[Property]) -> None:
    """Declare the namespaces of properties in a ``[variant]`` table, each with a provider."""
    priorities = table.setdefault("default-priorities", {}).setdefault("namespace", [])
    for namespace, feature, value in properties:
        if namespace == ABI_DEPENDENCY:  # needs neither priority nor provider
            continue
        if namespace not in priorities:
            priorities.append(namespace)
        known = KNOWN_PROVIDERS[namespace].table.to_dict() if namespace in KNOWN_PROVIDERS else None
        provider = table.setdefault("providers", {}).setdefault(namespace, known or {"static-properties": {}})
        if "static-properties" in provider:
            features = provider["static-properties"]
            values = features.setdefault(feature, [])
            values += [value] if value not in values else []
            if len(features) > 1:
                order = provider.setdefault("feature-order", [])
                order += [name for name in features if name not in order]


def _recipe(variant: Variant, backend: str) -> dict[str, str]:
    """Return the recipe of a new label: with automatic flags if they can be derived, and else empty."""
    try:
        check_derivable(variant, backend)
    except VariantError:
        return {}
    return {"flags": "auto"}


def _checked(text: str, expected: Mapping[str, Any]) -> str:
    """Return an edited text if it has the expected tables; raises VariantError if not."""
    if _pruned(toml_edit.parse(text).unwrap()) != _pruned(expected):
        raise toml_edit.too_intricate()
    return text


def _pruned(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return tables without ``[tool.variant-backend]`` if it is empty, and then without ``[tool]``."""
    rest = {key: value for key, value in data.items() if key != "tool"}
    tools = {key: value for key, value in data.get("tool", {}).items() if value or key != "variant-backend"}
    return {**rest, "tool": tools} if tools else rest


# The edits of the text.


def _complete(document: toml_edit.Document, missing: Mapping[str, object]) -> None:
    """Write the default keys of ``[build-system]``."""
    if "requires" in missing:
        toml_edit.add(document, _SYSTEM, toml_edit.lines(missing))
    elif missing:
        requires = toml_edit.place_of(document, _REQUIRES)
        toml_edit.insert(requires.body, requires.at + 1, toml_edit.lines(missing), inline=requires.inline)


def _wrap(document: toml_edit.Document) -> None:
    requires = toml_edit.place_of(document, _REQUIRES)
    if not own_requirements(requires.item.unwrap()):
        requires.set(toml_edit.with_string(requires.text, CORE))
    # Keep the order of the two keys, so that _unwrap() can restore it.
    first = toml_edit.place_of(document, _SYSTEM_BACKEND, _SYSTEM_FOLDERS).path
    folders = toml_edit.find(document, _SYSTEM_FOLDERS)
    moved = toml_edit.take(folders) if folders else []
    backend = toml_edit.place_of(document, _SYSTEM_BACKEND)
    line = toml_edit.parse(f"{backend.key.as_string()}{backend.key.sep}{backend.text}\n").body
    quote = backend.text[0]
    backend.set(f"{quote}{_HOOKS}{quote}")
    toml_edit.add(document, _OURS, [*moved, *line] if first == _SYSTEM_FOLDERS else [*line, *moved])


def _unwrap(document: toml_edit.Document) -> None:
    requires = toml_edit.place_of(document, _REQUIRES)
    for index in reversed(own_requirements(requires.item.unwrap())):
        requires.set(toml_edit.without_string(requires.text, index))
    if folders := toml_edit.find(document, _SYSTEM_FOLDERS):
        toml_edit.remove(folders)  # they belong to a copy of this package
    first = toml_edit.place_of(document, _OUR_BACKEND, _OUR_FOLDERS).path
    if folders := toml_edit.find(document, _OUR_FOLDERS):
        moved = toml_edit.take(folders)
        backend = toml_edit.place_of(document, _SYSTEM_BACKEND)
        at = backend.lead() if first == _OUR_FOLDERS else backend.at + 1
        toml_edit.insert(backend.body, at, moved, inline=backend.inline)
    wrapped = toml_edit.place_of(document, _OUR_BACKEND)
    backend = toml_edit.place_of(document, _SYSTEM_BACKEND)
    if wrapped.item.unwrap() == _LEGACY_BACKEND:
        toml_edit.remove(backend)  # it is the default
    else:
        backend.set(wrapped.text)
    toml_edit.remove(wrapped)
    toml_edit.drop_if_empty(document, _OURS)


def _extended(text: str, old: Mapping[str, Any], new: Mapping[str, Any], path: toml_edit.Path = ()) -> str:
    """Return a text with tables *old* extended by the new keys and list items of *new*."""
    for key, value in new.items():
        here = (*path, key)
        is_entry = key not in old and path in (_PROVIDERS, _VARIANTS, _RECIPES)
        if isinstance(value, dict) and not is_entry:
            text = _extended(text, old.get(key, {}), value, here)
        elif key not in old:
            text = toml_edit.edited(text, functools.partial(_add_entry, path=here, value=value))
        elif isinstance(value, list) and value != old[key]:
            text = toml_edit.edited(
                text, functools.partial(_append, path=here, values=value[len(old[key]) :])
            )
    return text


def _add_entry(document: toml_edit.Document, path: toml_edit.Path, value: Any) -> None:
    """Write a new key, as a table with its own header if similar tables have one."""
    table, key = path[:-1], path[-1]
    place = toml_edit.find_table(document, table)
    comment = ""
    if table == _PRIORITIES:
        comment = "  # the most important comes first"
    elif table == _PROVIDERS and "static-properties" in value and not (place and place.is_inline_table()):
        comment = "  # every machine supports these values; the best comes first"
    if table == _RECIPES and (place is None or place.has_header()):
        ours = toml_edit.find_table(document, _OURS)
        if ours is None or ours.has_header():
            flags = 'flags = "auto"  # compiler flags for the properties' if value else _FLAGS_EXAMPLE
            example = f'{flags}\n# dependencies = ["..."]\n'
            toml_edit.add(document, path, toml_edit.parse(example).body)
        else:
            toml_edit.add(document, _OURS, toml_edit.lines({"variants": {key: value}}))
    elif table == _PROVIDERS and place is None:
        toml_edit.add(document, path, toml_edit.lines(value), comment)
    else:
        toml_edit.add(document, table, toml_edit.lines({key: value}, comment))


def _append(document: toml_edit.Document, path: toml_edit.Path, values: Sequence[str]) -> None:
    """Write values at the end of a list."""
    place = toml_edit.place_of(document, path)
    for value in values:
        place.set(toml_edit.with_string(place.text, value))
