"""Read recipes: the changes by a label when its wheel is built or converted (``[tool.variant-backend]``)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import VariantError, did_you_mean, one_of
from ..variants.abi_dependency import ABI_DEPENDENCY, REMARK
from ..variants.filename import WheelFilename, check_project_name, escape
from ..variants.properties import NULL_LABEL, Variant
from ..variants.validation import Document, join

if TYPE_CHECKING:
    from ..variants.requirements import Pin

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

# The parts of a wheel's name that globs are compared with, and the characters allowed in each.
_PARTS = {
    "name": "A-Za-z0-9._-",
    "version": "A-Za-z0-9._!",
    "local": "A-Za-z0-9._",
    "python": "A-Za-z0-9_",
    "abi": "A-Za-z0-9_",
    "platform": "A-Za-z0-9_",
}


class Recipe(NamedTuple):
    """The changes for the wheel of one label, including those for every label.

    *match* has a glob for each part of a wheel's name. *build_variants* are variants of other projects that
    must be in the build environment. *abi_dependency* lists projects; the version of each
    in the build environment becomes a property. *name* and *strip_local_version* are only for conversions.
    Variant markers are decided, unless *keep_markers* leaves them to installers.
    """

    match: Mapping[str, str] = {}
    env: Mapping[str, str] = {}
    env_append: Mapping[str, str] = {}
    config_settings: Mapping[str, str | tuple[str, ...]] = {}
    build_requires: tuple[str, ...] = ()
    build_variants: tuple[Pin, ...] = ()
    abi_dependency: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    remove_dependencies: tuple[str, ...] = ()
    name: str | None = None
    strip_local_version: bool = False
    keep_markers: bool = False

    def appended(self, current: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of *env_append*, with their texts after those of the *current* environment.

        Variables that are not set have the texts of *defaults*.
        """
        former = {name: current.get(name, defaults.get(name)) for name in self.env_append}
        return {
            name: f"{former[name]} {text}" if former[name] else text for name, text in self.env_append.items()
        }

    def build_keys(self) -> dict[str, object]:
        """Return the keys that change how a wheel is built, with their values.

        Build requirements with a marker are left out, because not every build needs them.
        """
        values: dict[str, object] = {
            "env": self.env,
            "env-append": self.env_append,
            "config-settings": self.config_settings,
            "build-requires": [
                *(text for text in self.build_requires if ";" not in text),
                *map(str, self.build_variants),
            ],
        }
        return {key: value for key, value in values.items() if value}

    def settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the config settings for the wrapped backend, with the user's *given* ones last.

        A given value extends a list, and replaces a string.
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
        """Return the Requires-Dist of a *variant*, from the *own* requirements of its wheel.

        Kept requirements come first, in their order and spelling; equal requirements are listed once.
        Raises VariantError if a variant marker is invalid or cannot be decided.
        """
        # Mostly nothing changes, and the modules below take long to import.
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
        """Return the projects of *abi_dependency* for which the variant has no version."""
        known = {prop.feature for prop in variant.properties if prop.namespace == ABI_DEPENDENCY}
        return [name for name in self.abi_dependency if escape(name) not in known]

    def remarks(self) -> list[str]:
        """Return remarks for the maintainer about wheels with this recipe, to print."""
        remarks = [REMARK] if self.abi_dependency else []
        if not self.keep_markers:
            return remarks
        from ..variants.markers import mentions_variant

        kept = [text for text in self.dependencies if mentions_variant(text)]
        if kept:
            remarks.append(
                f'markers = "keep" leaves {kept[0]!r} to installers; current pip, uv and twine'
                " reject a wheel with such a marker"
            )
        return remarks

    def removes(self, requirement: str) -> bool:
        """Return whether *remove_dependencies* matches the project of a requirement."""
        name = _project(requirement)
        return any(
            name.startswith(escape(pattern[:-1])) if pattern.endswith("*") else name == escape(pattern)
            for pattern in self.remove_dependencies
        )

    def picks(self, filename: WheelFilename) -> bool:
        """Return whether every glob of *match* matches a wheel's name; false without globs.

        The project name is compared in normalized form, the version without its local part. One of several
        tags joined by dots must match.
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
    """Return the label whose ``match`` matches a wheel, or None.

    Raises VariantError if several match.
    """
    labels = [label for label, recipe in recipes.items() if recipe.picks(filename)]
    if len(labels) > 1:
        raise VariantError(
            f"{filename}: several labels match: {', '.join(labels)}",
            hint="change the globs so that only one label matches, or use --label",
        )
    return labels[0] if labels else None


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
            )
        recipes[label] = _recipe(document, value, at_label, common)
        if label == NULL_LABEL and recipes[label].abi_dependency:
            document.note(f"{at_label}.abi-dependency", "the null variant cannot have properties")
    return common, recipes


def _recipe(document: Document, value: object, place: str, common: Recipe) -> Recipe:
    """Read the table of one label, and add it to the *common* recipe."""
    table = document.table(value, place, _KEYS)
    removed = _names(document, table, place)
    others = Recipe(remove_dependencies=removed)
    return common._replace(
        match=_match(document, table, place),
        env=_variables(document, table, place, "env"),
        env_append=_variables(document, table, place, "env-append"),
        config_settings=_settings(document, table, place),
        build_requires=_requirements(document, table, place, "build-requires"),
        build_variants=_build_variants(document, table, place),
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
    """Read requirements of the wheel, or of the build, which must not have variant markers."""
    if key not in table:
        return ()
    from ..variants.markers import check_dependency, check_requirement, mentions_variant

    def check_build_requirement(text: str) -> None:
        if _names_variant(text):
            return
        if mentions_variant(text):
            raise VariantError(
                f"requirement {text!r}: build requirements must not have variant markers",
                hint="remove the marker, and move the requirement to the tables of the labels that need it",
            )
        check_requirement(text)

    check = check_build_requirement if key == "build-requires" else check_dependency
    texts = document.strings(table[key], join(place, key), check, least=0)
    return texts if check is check_dependency else tuple(text for text in texts if not _names_variant(text))


def _names_variant(requirement: str) -> bool:
    """Return whether a build requirement has the form ``PACKAGE[==VERSION]#LABEL``; URLs may have a ``#``."""
    return "#" in requirement and "@" not in requirement


def _build_variants(document: Document, table: Mapping[str, object], place: str) -> tuple[Pin, ...]:
    """Read the variants of other projects among the build requirements."""
    key = "build-requires"
    value = table.get(key)
    pins: dict[str, Pin] = {}
    for index, text in enumerate(value if isinstance(value, list) else []):
        at_index = f"{join(place, key)}[{index}]"
        if not (isinstance(text, str) and _names_variant(text)):
            continue
        from ..variants.requirements import Pin

        try:
            pin = Pin.parse(text)
        except VariantError as error:
            for problem in error.problems:
                document.add(problem.within(at_index))
            continue
        if pins.setdefault(pin.name, pin) != pin:
            document.note(
                f"{join(place, key)}[{index}]", f"two variants of {pin.name!r}", remedy="remove one"
            )
    return tuple(pins.values())


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
    """Read the globs that select existing wheels."""
    if "match" not in table:
        return {}
    at_match = join(place, "match")
    parts = document.table(table["match"], at_match, tuple(_PARTS))
    if table["match"] == {}:
        document.note(at_match, f"expected at least one glob; known keys: {one_of(_PARTS)}")
    globs = {}
    for part, value in parts.items():
        glob = document.string(value, join(at_match, part))
        if glob is not None and document.passes(join(at_match, part), partial(_check_glob, part), glob):
            globs[part] = glob
    return globs


def _check_glob(part: str, glob: str) -> None:
    """Check that a glob can match a part of a name; raises VariantError."""
    if not glob and part != "local":  # "" matches versions without a local part
        raise VariantError("an empty glob matches nothing", hint="write '*' to match anything")
    if re.search(r"\[[^\]]*$", glob):
        raise VariantError(f"glob {glob!r}: '[' without ']'", hint="add the ']', as in '[23]'")
    if stray := re.search(rf"[^*?{_PARTS[part]}]", re.sub(r"\[!?[^\]]+\]", "", glob)):
        raise VariantError(
            f"glob {glob!r}: no {part} contains the character {stray[0]!r}", hint="write '?' or '*' instead"
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
        raise VariantError(f"invalid name of an environment variable {name!r}")
    if "\0" in text:
        raise VariantError("an environment variable cannot contain the character '\\0'")


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
                at_name,
                "expected a setting of the wrapped backend, got a setting of variant-backend",
                remedy="remove it",
            )
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
            f"invalid project name {text!r}", hint="write NAME, or NAME* for all names that start with NAME"
        )


def _local(text: str) -> str:
    """Return a local version in the form for comparison (PEP 440)."""
    return text.lower().replace("_", ".")


def _decided(requirement: str, variant: Variant) -> str | None:
    """Decide a requirement of a wheel by `markers.resolve`; keep its spelling if it has no variant marker."""
    from ..variants.markers import mentions_variant, resolve

    return resolve(requirement, variant) if mentions_variant(requirement) else requirement


def _by_identity(requirements: Iterable[str], identities: Mapping[str, object]) -> dict[object, str]:
    """Return the requirements without repetitions: the first one of equal requirements stays."""
    result: dict[object, str] = {}
    for text in requirements:
        result.setdefault(identities[text], text)
    return result


def _identities(requirements: Iterable[str]) -> dict[str, object]:
    """Return an identity for each requirement; equal requirements have equal identities."""
    by_project: dict[str, list[str]] = {}
    for text in dict.fromkeys(requirements):
        by_project.setdefault(_project(text), []).append(text)
    return {
        # If a project has only one requirement, it is not parsed, because parsing takes long.
        text: text if len(texts) == 1 else _parsed(text)
        for texts in by_project.values()
        for text in texts
    }


def _parsed(requirement: str) -> object:
    """Return a parsed requirement, or its text if it is invalid, as in some old wheels."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(requirement)
    except (InvalidRequirement, RecursionError):  # variant markers are invalid here, too
        return requirement


def _project(requirement: str) -> str:
    """Return the escaped project name in a requirement, or an empty string."""
    match = re.match(r"\s*([A-Za-z0-9._-]+)", requirement)
    return escape(match[1]) if match else ""
