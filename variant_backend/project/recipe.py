"""Recipes: what a label changes when its wheel is built or converted (``[tool.variant-backend]``)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..errors import VariantError, did_you_mean, one_of
from ..variants.abi_dependency import ABI_DEPENDENCY, REMARK
from ..variants.filename import WheelFilename, check_project_name, escape
from ..variants.properties import NULL_LABEL, Variant
from ..variants.validation import Document, join

COMMON_KEYS = ("dependencies", "remove-dependencies", "name", "strip-local-version", "markers", "variants")
_KEYS = (
    "match",
    "env",
    "env-append",
    "config-settings",
    "build-requires",
    "abi-dependency",
    "dependencies",
    "remove-dependencies",
)
_MARKERS = ("resolve", "keep")

# The parts of a wheel's name that a glob may pick by, and what each can consist of.
_PARTS = {
    "name": "A-Za-z0-9._-",
    "version": "A-Za-z0-9._!",
    "local": "A-Za-z0-9._",
    "python": "A-Za-z0-9_",
    "abi": "A-Za-z0-9_",
    "platform": "A-Za-z0-9_",
}


class Recipe(NamedTuple):
    """What the wheel of one label gets, what every label gets among it.

    *match* has globs, by the part of a wheel's name. *abi_dependency* names projects: with which of their
    versions the wheel is built becomes a property of it. *name* and *strip_local_version* are for wheels
    that are converted. Variant markers are decided, unless *keep_markers* says to leave that to
    installers.
    """

    match: Mapping[str, str] = {}
    env: Mapping[str, str] = {}
    env_append: Mapping[str, str] = {}
    config_settings: Mapping[str, str | tuple[str, ...]] = {}
    build_requires: tuple[str, ...] = ()
    abi_dependency: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    remove_dependencies: tuple[str, ...] = ()
    name: str | None = None
    strip_local_version: bool = False
    keep_markers: bool = False

    def environment(self, current: Mapping[str, str]) -> dict[str, str]:
        """Return the variables that a build gets in place of those of the *current* environment."""
        changed = dict(self.env)
        for name, text in self.env_append.items():
            there = changed.get(name, current.get(name))
            changed[name] = f"{there} {text}" if there else text
        return changed

    def settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the config settings for the wrapped backend, those that the user has *given* last.

        A list is continued by what the user gives, a string is replaced.
        """
        merged: dict[str, Any] = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in self.config_settings.items()
        }
        for key, value in given.items():
            former = merged.get(key)
            if isinstance(former, list):
                merged[key] = [*former, *(value if isinstance(value, (list, tuple)) else [value])]
            else:
                merged[key] = value
        return merged

    def requirements(self, own: Sequence[str], variant: Variant) -> list[str]:
        """Return the Requires-Dist of the wheel of *variant*, whose *own* is what stands there now.

        What stays of its own comes first, in its order and spelling; each requirement is there once.
        Raises VariantError when a variant marker cannot be read or decided.
        """
        # Mostly there is nothing to do, and it takes long to import what would do it.
        if not (self.dependencies or self.remove_dependencies or any("variant_" in text for text in own)):
            return [*own]
        from ..variants.markers import resolve

        kept = [text for text in own if not self.removes(text)]
        added = [*self.dependencies]
        if not self.keep_markers:
            kept = [decided for text in kept if (decided := _decided(text, variant)) is not None]
            added = [decided for text in added if (decided := resolve(text, variant)) is not None]
        identities = _identities([*kept, *added])
        wanted, others = _by_identity(added, identities), _by_identity(kept, identities)
        return [*(text for key, text in others.items() if key not in wanted), *wanted.values()]

    def unknown_versions(self, variant: Variant) -> list[str]:
        """Return the projects of *abi_dependency* of which the variant does not say a version."""
        known = {prop.feature for prop in variant.properties if prop.namespace == ABI_DEPENDENCY}
        return [name for name in self.abi_dependency if escape(name) not in known]

    def remarks(self) -> list[str]:
        """Return what a maintainer should be told about wheels with this recipe, ready to print."""
        remarks = [REMARK] if self.abi_dependency else []
        if not self.keep_markers:
            return remarks
        from ..variants.markers import mentions_variant

        kept = [text for text in self.dependencies if mentions_variant(text)]
        if kept:
            remarks.append(
                f'markers = "keep" leaves {kept[0]!r} to installers; pip, uv and twine of today'
                " refuse a wheel with such a marker"
            )
        return remarks

    def removes(self, requirement: str) -> bool:
        """Tell whether a requirement is on a project that is to be removed."""
        name = _project(requirement)
        return any(
            name.startswith(escape(pattern[:-1])) if pattern.endswith("*") else name == escape(pattern)
            for pattern in self.remove_dependencies
        )

    def picks(self, filename: WheelFilename) -> bool:
        """Tell whether every glob of *match* fits a wheel's name; without globs, none is picked.

        The name is compared in normalized form, the version without its local part. Of tags that are
        joined by dots, one must fit.
        """
        from fnmatch import fnmatchcase

        version, _, local = filename.version.partition("+")
        python, abi, platform = (tag.lower().split(".") for tag in filename.tags.split("-"))
        parts = {"name": [escape(filename.distribution)], "version": [version], "local": [_local(local)]}
        parts |= {"python": python, "abi": abi, "platform": platform}
        return bool(self.match) and all(
            any(
                fnmatchcase(text, {"name": escape, "local": _local}.get(part, str.lower)(glob))
                for text in parts[part]
            )
            for part, glob in self.match.items()
        )


def label_for(recipes: Mapping[str, Recipe], filename: WheelFilename) -> str | None:
    """Return the label whose recipe picks a wheel, or None if none does.

    Raises VariantError if several do.
    """
    labels = [label for label, recipe in recipes.items() if recipe.picks(filename)]
    if len(labels) > 1:
        raise VariantError(
            f"{filename}: picked by the match of {' and of '.join(labels)}",
            hint="make their globs exclude one another, or give --label",
        )
    return labels[0] if labels else None


def read_recipes(
    document: Document, table: Mapping[str, object], place: str, labels: Collection[str] | None
) -> tuple[Recipe, dict[str, Recipe]]:
    """Read ``[tool.variant-backend]``, as far as it is about recipes.

    *labels* are those that ``[variant.variants]`` defines, or None if that is not known. Returns the
    recipe of every label, and those of the labels that have a table of their own. What is wrong is noted
    in *document*.
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
                at_label, f"no such label in [variant.variants]{suggestion}; known are {one_of(known)}"
            )
        recipes[label] = _recipe(document, value, at_label, common)
        if label == NULL_LABEL and recipes[label].abi_dependency:
            document.note(f"{at_label}.abi-dependency", "the null variant has no properties")
    return common, recipes


def _recipe(document: Document, value: object, place: str, common: Recipe) -> Recipe:
    """Read the table of one label; what every label gets comes first."""
    table = document.table(value, place, _KEYS)
    removed = _names(document, table, place)
    others = Recipe(remove_dependencies=removed)
    return common._replace(
        match=_match(document, table, place),
        env=_variables(document, table, place, "env"),
        env_append=_variables(document, table, place, "env-append"),
        config_settings=_settings(document, table, place),
        build_requires=_requirements(document, table, place, "build-requires"),
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
    """Read requirements; those of the wheel may have variant markers, those of the build may not."""
    if key not in table:
        return ()
    from ..variants.markers import check_dependency, check_requirement, mentions_variant

    def check_build_requirement(text: str) -> None:
        if mentions_variant(text):
            raise VariantError(
                f"requirement {text!r}: a build knows its label, so its requirements have no variant markers",
                hint="put it into the tables of those labels, without that marker",
            )
        check_requirement(text)

    check = check_build_requirement if key == "build-requires" else check_dependency
    return document.strings(table[key], join(place, key), check, least=0)


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


def _match(document: Document, table: Mapping[str, object], place: str) -> dict[str, str]:
    """Read the globs by which existing wheels are picked."""
    if "match" not in table:
        return {}
    at_match = join(place, "match")
    parts = document.table(table["match"], at_match, tuple(_PARTS))
    if table["match"] == {}:
        document.note(at_match, f"names nothing to pick by; known are {one_of(_PARTS)}")
    globs = {}
    for part, value in parts.items():
        glob = document.string(value, join(at_match, part))
        if glob is not None and document.passes(join(at_match, part), partial(_check_glob, part), glob):
            globs[part] = glob
    return globs


def _check_glob(part: str, glob: str) -> None:
    """Check that a glob can pick something; raises VariantError."""
    if not glob and part != "local":  # many versions have no local part, and that can be asked for
        raise VariantError("is empty and picks nothing", hint="write '*' for anything")
    if re.search(r"\[[^\]]*$", glob):
        raise VariantError(f"glob {glob!r}: '[' without ']'", hint="close it, as in '[23]'")
    if stray := re.search(rf"[^*?{_PARTS[part]}]", re.sub(r"\[!?[^\]]+\]", "", glob)):
        raise VariantError(
            f"glob {glob!r}: no {part} has the character {stray[0]!r}", hint="write '?' or '*' in its place"
        )


def _variables(document: Document, table: Mapping[str, object], place: str, key: str) -> dict[str, str]:
    """Read environment variables."""
    result = {}
    for name, value in document.table(table.get(key, {}), join(place, key)).items():
        at_name = f"{place}.{key}.{name}"
        text = document.string(value, at_name)
        if text is not None and document.passes(at_name, partial(_check_variable, name), text):
            result[name] = text
    return result


def _check_variable(name: str, text: str) -> None:
    if not name or "=" in name or "\0" in name:
        raise VariantError(f"{name!r} is no name of an environment variable")
    if "\0" in text:
        raise VariantError("no environment variable can hold the character '\\0'")


def _settings(
    document: Document, table: Mapping[str, object], place: str
) -> dict[str, str | tuple[str, ...]]:
    """Read config settings: strings, or lists of strings."""
    from .config_settings import VARIANT_SETTINGS

    result: dict[str, str | tuple[str, ...]] = {}
    key = "config-settings"
    for name, value in document.table(table.get(key, {}), join(place, key)).items():
        at_name = f"{place}.{key}.{name}"
        if name in VARIANT_SETTINGS:
            document.note(
                at_name, "is no setting of the wrapped backend; it asks variant-backend for a variant"
            )
        elif isinstance(value, list):
            texts = [document.string(text, f"{at_name}[{index}]") for index, text in enumerate(value)]
            result[name] = tuple(text for text in texts if text is not None)
        elif (text := document.string(value, at_name)) is not None:
            result[name] = text
    return result


def _check_removal(text: str) -> None:
    """Check a project's name, or the start of one with a ``*`` behind; raises VariantError."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*\*?", text):
        raise VariantError(
            f"{text!r} is no project's name", hint="write NAME, or NAME* for all that start so"
        )


def _local(text: str) -> str:
    """Return a local version as it is compared (PEP 440)."""
    return text.lower().replace("_", ".")


def _decided(requirement: str, variant: Variant) -> str | None:
    """Return a wheel's own requirement as `markers.resolve` does, in its own spelling if it can stay."""
    from ..variants.markers import mentions_variant, resolve

    return resolve(requirement, variant) if mentions_variant(requirement) else requirement


def _by_identity(requirements: Iterable[str], identities: Mapping[str, object]) -> dict[object, str]:
    """Return the first of all requirements that mean the same, behind their identity."""
    result: dict[object, str] = {}
    for text in requirements:
        result.setdefault(identities[text], text)
    return result


def _identities(requirements: Iterable[str]) -> dict[str, object]:
    """Return for each requirement what is equal for those that mean the same."""
    by_project: dict[str, list[str]] = {}
    for text in dict.fromkeys(requirements):
        by_project.setdefault(_project(text), []).append(text)
    return {
        # Alone on a project, it means what no other means, and need not be parsed, which takes long.
        text: text if len(texts) == 1 else _parsed(text)
        for texts in by_project.values()
        for text in texts
    }


def _parsed(requirement: str) -> object:
    """Return a requirement as packaging has it, or as it is: old wheels have some that are none today."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(requirement)
    except (InvalidRequirement, RecursionError):  # those with variant markers are such, too
        return requirement


def _project(requirement: str) -> str:
    """Return the escaped name of the project that a requirement is on, or an empty string."""
    match = re.match(r"\s*([A-Za-z0-9._-]+)", requirement)
    return escape(match[1]) if match else ""
