"""Read recipes in the table ``[tool.variant-backend]`` of a project file."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import VariantError, did_you_mean, one_of
from ..variants.filename import check_project_name
from ..variants.properties import NULL_LABEL
from ..variants.validation import Document, join
from .name_globs import read_globs
from .recipe import Conditional, Recipe

if TYPE_CHECKING:
    from ..variants.requirements import Pin

COMMON_KEYS = ("dependencies", "remove-dependencies", "name", "strip-local-version", "markers", "variants")
_KEYS = (
    "match",
    "flags",
    "env",
    "env-append",
    "config-settings",
    "build-requires",
    "abi-dependency",
    "dependencies",
    "remove-dependencies",
)
_MARKERS = ("resolve", "keep")
_FLAGS = ("auto",)

# Every environment marker has quotes, and no name of a variable or setting.
_QUOTES = {"'", '"'}
_AFTER_MARKER = 'write a table after a marker: { NAME = "..." }'

_Entries = TypeVar("_Entries", bound=Mapping[str, Any])


def read_recipes(
    document: Document, table: Mapping[str, object], place: str, labels: Collection[str] | None
) -> tuple[Recipe, dict[str, Recipe]]:
    """Read the recipes in ``[tool.variant-backend]``, and add problems to *document*.

    *labels* are the labels in ``[variant.variants]``, or None if they are unknown. Returns the recipe for
    labels without a table, and the recipes of labels with one.
    """
    common = Recipe(
        dependencies=_requirements(document, table, place, "dependencies"),
        remove_dependencies=_names(document, table, place),
        name=_name(document, table, place),
        strip_local_version="strip-local-version" in table
        and document.boolean(table["strip-local-version"], f"{place}.strip-local-version"),
        keep_markers="markers" in table
        and document.choice(table["markers"], f"{place}.markers", _MARKERS) == "keep",
    )
    recipes = {}
    known = sorted({*(labels or ()), NULL_LABEL})
    for label, value in document.table(table.get("variants", {}), f"{place}.variants").items():
        at_label = f"{place}.variants.{label}"
        if labels is not None and label not in known:
            suggestion = did_you_mean(label, known)
            document.note(
                at_label,
                f"unknown label {label!r}{suggestion}; labels in [variant.variants]: {one_of(known)}",
                code="unknown-recipe",
            )
        recipes[label] = _recipe(document, value, at_label, common)
        if label == NULL_LABEL and recipes[label].auto_flags:
            document.note(f"{at_label}.flags", "the null variant has no properties", remedy="remove it")
        if label == NULL_LABEL and recipes[label].abi_dependency:
            document.note(f"{at_label}.abi-dependency", "the null variant cannot have properties")
    return common, recipes


def _recipe(document: Document, value: object, place: str, common: Recipe) -> Recipe:
    """Read the table of one label, and add it to the *common* recipe."""
    table = document.table(value, place, _KEYS)
    removed = _names(document, table, place)
    others = Recipe(remove_dependencies=removed)
    env, env_by_marker = _by_marker(document, table, place, "env", _variables)
    env_append, append_by_marker = _by_marker(document, table, place, "env-append", _variables)
    settings, settings_by_marker = _by_marker(document, table, place, "config-settings", _settings)
    requires, variants, variants_by_marker = _build_requirements(document, table, place)
    return common._replace(
        match=read_globs(document, table, place),
        auto_flags="flags" in table
        and document.choice(table["flags"], join(place, "flags"), _FLAGS) is not None,
        env=env,
        env_append=env_append,
        config_settings=settings,
        conditional=(
            *(Conditional(marker, env=entries) for marker, entries in env_by_marker),
            *(Conditional(marker, env_append=entries) for marker, entries in append_by_marker),
            *(Conditional(marker, config_settings=entries) for marker, entries in settings_by_marker),
            *(Conditional(marker, build_variants=pins) for marker, pins in variants_by_marker),
        ),
        build_requires=requires,
        build_variants=variants,
        abi_dependency=document.strings(
            table.get("abi-dependency", []), join(place, "abi-dependency"), check_project_name, least=0
        ),
        dependencies=(
            *(text for text in common.dependencies if not others.removes(text)),
            *_requirements(document, table, place, "dependencies"),
        ),
        remove_dependencies=(*common.remove_dependencies, *removed),
    )


def _requirements(document: Document, table: Mapping[str, object], place: str, key: str) -> tuple[str, ...]:
    """Read requirements of the wheel."""
    if key not in table:
        return ()
    from ..variants.markers import check_dependency

    return document.strings(table[key], join(place, key), check_dependency, least=0)


def _build_requirements(
    document: Document, table: Mapping[str, object], place: str
) -> tuple[tuple[str, ...], tuple[Pin, ...], list[tuple[str, tuple[Pin, ...]]]]:
    """Read requirements of the build: a list, or a table of lists by marker, which the requirements get.

    Returns the requirements, the variants of other projects among them, and those by marker.
    """
    key = "build-requires"
    at_key, value = join(place, key), table.get(key, [])
    if not isinstance(value, dict):
        return (*_read_build_requirements(document, value, at_key), [])
    from ..variants.markers import check_environment_marker, with_marker

    requirements: list[str] = []
    by_marker = []
    for marker, texts in value.items():
        at_marker = join(at_key, marker)
        if document.passes(at_marker, check_environment_marker, marker):
            read, pins = _read_build_requirements(document, texts, at_marker)
            requirements += [with_marker(text, marker) for text in read]
            by_marker += [(marker, pins)] if pins else []
    return tuple(requirements), (), by_marker


def _read_build_requirements(
    document: Document, value: object, place: str
) -> tuple[tuple[str, ...], tuple[Pin, ...]]:
    """Read a list of requirements, and return those of PEP 508 and those for variants of other projects."""
    texts = document.strings(value, place, _check_build_requirement, least=0)
    variants = [text for text in texts if _names_variant(text)]
    if not variants:
        return texts, ()
    from ..variants.requirements import Pin

    pins = tuple(map(Pin.parse, variants))
    names = [pin.name for pin in pins]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        document.note(place, f"several variants of {name!r}", remedy="keep one of them")
    return tuple(text for text in texts if text not in variants), pins


def _names_variant(requirement: str) -> bool:
    """Return whether a build requirement has the form ``PACKAGE[==VERSION]#LABEL``; URLs may have a ``#``."""
    return "#" in requirement and "@" not in requirement


def _check_build_requirement(text: str) -> None:
    from ..variants.markers import check_requirement, mentions_variant

    if _names_variant(text):
        from ..variants.requirements import Pin

        Pin.parse(text)
        return
    if mentions_variant(text):
        raise VariantError(
            f"requirement {text!r}: build requirements must not have variant markers",
            remedy="remove the marker, and move the requirement to the tables of the labels that need it",
        )
    check_requirement(text)


def _names(document: Document, table: Mapping[str, object], place: str) -> tuple[str, ...]:
    key = "remove-dependencies"
    return document.strings(table.get(key, []), join(place, key), _check_removal, least=0)


def _name(document: Document, table: Mapping[str, object], place: str) -> str | None:
    if "name" not in table:
        return None
    name = document.string(table["name"], join(place, "name"))
    return (
        name if name is not None and document.passes(join(place, "name"), check_project_name, name) else None
    )


def _by_marker(
    document: Document,
    table: Mapping[str, object],
    place: str,
    key: str,
    read: Callable[[Document, Mapping[str, object], str], _Entries],
) -> tuple[_Entries, list[tuple[str, _Entries]]]:
    """Read a table whose entries are tables if their keys are markers; return the others, and these."""
    at_key = join(place, key)
    entries = document.table(table.get(key, {}), at_key)
    tables = {marker: value for marker, value in entries.items() if isinstance(value, dict)}
    others = {name: value for name, value in entries.items() if name not in tables}
    by_marker = []
    for marker, value in tables.items():
        at_marker = join(at_key, marker)
        if document.passes(at_marker, _check_marker, marker):
            by_marker.append((marker, read(document, value, at_marker)))
    return read(document, others, at_key), by_marker


def _check_marker(text: str) -> None:
    """Check the key of a table. Raises VariantError if it is not an environment marker."""
    from ..variants.markers import check_environment_marker

    if re.fullmatch(r"[\w.:/-]*", text):
        raise VariantError(
            "expected a string, got a table",
            remedy="write a string, or a table whose key is a marker such as \"sys_platform == 'win32'\"",
        )
    check_environment_marker(text)


def _variables(document: Document, entries: Mapping[str, object], place: str) -> dict[str, str]:
    """Read environment variables."""
    result = {}
    for name, value in entries.items():
        at_name = join(place, name)
        text = document.string(value, at_name)
        if text is not None and document.passes(at_name, partial(_check_variable, name), text):
            result[name] = text
    return result


def _check_variable(name: str, text: str) -> None:
    if not name or "=" in name or "\0" in name or _QUOTES & {*name}:
        remedy = _AFTER_MARKER if _QUOTES & {*name} else None
        raise VariantError(f"invalid name of an environment variable {name!r}", remedy=remedy)
    if "\0" in text:
        raise VariantError("an environment variable cannot contain the character '\\0'")


def _settings(
    document: Document, entries: Mapping[str, object], place: str
) -> dict[str, str | tuple[str, ...]]:
    """Read config settings: strings, or lists of strings."""
    from .config_settings import VARIANT_SETTINGS

    result: dict[str, str | tuple[str, ...]] = {}
    for name, value in entries.items():
        at_name = join(place, name)
        if name in VARIANT_SETTINGS:
            document.note(
                at_name,
                "expected a setting of the wrapped backend, got a setting of variant-backend",
                remedy="remove it",
            )
        elif _QUOTES & {*name}:
            document.note(at_name, "expected a table, as the key is a marker", remedy=_AFTER_MARKER)
        elif isinstance(value, list):
            texts = [document.string(text, f"{at_name}[{index}]") for index, text in enumerate(value)]
            result[name] = tuple(text for text in texts if text is not None)
        elif (text := document.string(value, at_name)) is not None:
            result[name] = text
    return result


def _check_removal(text: str) -> None:
    """Check a project name, or the start of one followed by ``*``; raises VariantError."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*\*?", text):
        raise VariantError(
            f"invalid project name {text!r}", remedy="write NAME, or NAME* for all names that start with NAME"
        )
