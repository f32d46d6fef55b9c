"""Recipes: the changes by a label when its wheel is built or converted (``[tool.variant-backend]``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import VariantError
from ..variants.abi_dependency import ABI_DEPENDENCY, REMARK
from ..variants.filename import WheelFilename, escape, name_in
from ..variants.properties import Variant
from .name_globs import matches_globs

if TYPE_CHECKING:
    from ..variants.requirements import Pin


class Conditional(NamedTuple):
    """The changes of a recipe for builds in environments in which a *marker* is true."""

    marker: str
    env: Mapping[str, str] = {}
    env_append: Mapping[str, str] = {}
    config_settings: Mapping[str, str | tuple[str, ...]] = {}
    build_variants: tuple[Pin, ...] = ()


class Recipe(NamedTuple):
    """The changes for the wheel of one label, including those for every label.

    *match* has a glob for each part of a wheel's name. *build_variants* are variants of other projects that
    must be in the build environment. *abi_dependency* lists projects; the version of each
    in the build environment becomes a property. *name* and *strip_local_version* are only for conversions.
    Variant markers are decided, unless *keep_markers* leaves them to installers. The *conditional* changes
    follow the others. With *auto_flags*, builds use the compiler flags of the label's properties.
    """

    match: Mapping[str, str] = {}
    auto_flags: bool = False
    env: Mapping[str, str] = {}
    env_append: Mapping[str, str] = {}
    config_settings: Mapping[str, str | tuple[str, ...]] = {}
    conditional: tuple[Conditional, ...] = ()
    build_requires: tuple[str, ...] = ()
    build_variants: tuple[Pin, ...] = ()
    abi_dependency: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    remove_dependencies: tuple[str, ...] = ()
    name: str | None = None
    strip_local_version: bool = False
    keep_markers: bool = False

    def decided(self, environment: Mapping[str, str]) -> Recipe:
        """Return the recipe for builds in an *environment*, given by the values of all marker names."""
        if not self.conditional:
            return self
        from ..variants.markers import is_true

        recipe = self._replace(conditional=())
        for part in self.conditional:
            if is_true(part.marker, environment):
                recipe = recipe._replace(
                    env={**recipe.env, **part.env},
                    env_append=_joined(recipe.env_append, part.env_append),
                    config_settings=_extended(recipe.config_settings, part.config_settings),
                    build_variants=(*recipe.build_variants, *part.build_variants),
                )
        return recipe

    def with_flags(self, flags: Mapping[str, str]) -> Recipe:
        """Return the recipe with compiler *flags*, by variable, before its own ones."""
        return self._replace(env_append=_joined(flags, self.env_append))

    def appended(self, current: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of *env_append*, with their texts after those of the *current* environment.

        Variables that are not set have the texts of *defaults*.
        """
        former = {name: current.get(name, defaults.get(name)) for name in self.env_append}
        return {
            name: f"{former[name]} {text}" if former[name] else text for name, text in self.env_append.items()
        }

    def build_keys(self, label: str) -> dict[str, object]:
        """Return the keys that change how the wheel of a *label* is built, with their values.

        Keys with a marker that is false in some builds are included: there, they have no effect.
        """

        def changes(name: str) -> list[tuple[str, object]]:
            parts = [("", self), *((part.marker, part) for part in self.conditional)]
            return [(marker, change) for marker, part in parts if (change := getattr(part, name))]

        keys: dict[str, object] = {
            "flags": label if self.auto_flags else None,
            "env": changes("env"),
            "env-append": changes("env_append"),
            "config-settings": changes("config_settings"),
            "build-requires": [*self.build_requires, *changes("build_variants")],
        }
        return {key: value for key, value in keys.items() if value}

    def settings(self, given: Mapping[str, object]) -> dict[str, object]:
        """Return the config settings for the wrapped backend, with the user's *given* ones last.

        A given value extends a list, and replaces a string.
        """
        merged = _extended(self.config_settings, given)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in merged.items()}

    def requirements(self, own: Sequence[str], variant: Variant) -> list[str]:
        """Return the Requires-Dist of a *variant*, from the *own* requirements of its wheel.

        Kept requirements come first, in their order and spelling; equal requirements are listed once.
        Raises VariantError if a variant marker is invalid or cannot be decided.
        """
        # Mostly nothing changes, and the modules below take long to import.
        if not (self.dependencies or self.remove_dependencies or any("variant_" in text for text in own)):
            return [*own]
        from ..variants.markers import decided_requirements, resolve_requirement
        from ..variants.requirements import distinct_requirements

        kept = [text for text in own if not self.removes(text)]
        added = [*self.dependencies]
        if not self.keep_markers:
            kept = decided_requirements(kept, variant)
            added = [decided for text in added if (decided := resolve_requirement(text, variant)) is not None]
        return distinct_requirements(kept, added)

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
        name = escape(name_in(requirement))
        return any(
            name.startswith(escape(pattern[:-1])) if pattern.endswith("*") else name == escape(pattern)
            for pattern in self.remove_dependencies
        )

    def picks(self, filename: WheelFilename) -> bool:
        """Return whether every glob of *match* matches a wheel's name; false without globs."""
        return matches_globs(self.match, filename)


def label_for(recipes: Mapping[str, Recipe], filename: WheelFilename) -> str | None:
    """Return the label whose ``match`` matches a wheel, or None.

    Raises VariantError if several match.
    """
    labels = [label for label, recipe in recipes.items() if recipe.picks(filename)]
    if len(labels) > 1:
        raise VariantError(
            f"{filename}: several labels match: {', '.join(labels)}",
            remedy="change the globs so that only one label matches, or use --label",
        )
    return labels[0] if labels else None


def _joined(former: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables with the *added* texts after the *former* ones of the same name."""
    joined = {name: f"{former[name]} {text}" if name in former else text for name, text in added.items()}
    return {**former, **joined}


def _extended(former: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """Return config settings: an *added* value extends a *former* list, and replaces a string."""
    merged = dict(former)
    for key, value in added.items():
        own = merged.get(key)
        if isinstance(own, tuple):
            merged[key] = (*own, *(value if isinstance(value, (list, tuple)) else [value]))
        else:
            merged[key] = value
    return merged
