"""What the config settings of a build ask for: a variant, and with it the recipe of its label."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import VariantError
from ..project.pyproject import Project
from ..project.recipe import OUR_SETTINGS, Recipe
from ..variants.abi_dependency import built_with
from ..variants.metadata import VariantMetadata, declare
from ..variants.properties import NULL_LABEL, Property, Variant
from ..variants.providers import PluginProvider
from ..variants.wheel_metadata import left_out, select_variant, with_answers

if TYPE_CHECKING:
    from packaging.version import Version

    from ..wheel_rewrite import Plan

ConfigSettings = Mapping[str, Any]

PROJECT_FILE = Path("pyproject.toml")


class Request(NamedTuple):
    """The variant that is asked for.

    *metadata* is what its wheel carries, but for the answers of plugins. *labelled* says whether the
    label goes into the wheel's name. With *validates*, plugins are asked about the properties.
    """

    metadata: VariantMetadata
    variant: Variant
    recipe: Recipe
    labelled: bool
    validates: bool

    @classmethod
    def read(cls, config_settings: ConfigSettings | None) -> Request | None:
        """Return what the config settings ask for, or None if that is no variant."""
        labelled = _is_labelled(config_settings)
        texts, labels = ([*_texts(config_settings, key)] for key in ("variant", "variant-label"))
        properties = [Property.parse(text) for text in texts if "::" in text]
        labels = list(dict.fromkeys([*labels, *(text for text in texts if "::" not in text)]))
        if not properties and not labels:
            return None
        if len(labels) > 1:
            raise VariantError(
                f"config settings ask for {len(labels)} labels: {', '.join(labels)}", hint="ask for one"
            )
        project = Project.load(PROJECT_FILE)
        metadata = project.metadata
        if metadata is None:
            if not properties and labels != [NULL_LABEL]:
                raise VariantError(
                    f"{PROJECT_FILE}: no [variant] table, so no label is known",
                    hint="define the variants there",
                )
            metadata = declare(properties)
        variant = select_variant(metadata, labels[0] if labels else None, frozenset(properties))
        # What a project is called is the wrapped backend's to say.
        recipe = project.recipe(variant.label)._replace(name=None, strip_local_version=False)
        try:
            recipe.requirements([], variant)  # what cannot be decided is told before anything is built
        except VariantError as error:
            raise error.within(f"{PROJECT_FILE}: tool.variant-backend") from None
        return cls(metadata.only(variant), variant, recipe, labelled, project.validates)

    @contextmanager
    def environment(self) -> Iterator[None]:
        """Give the process the recipe's environment, and take it back whatever happens."""
        changed = self.recipe.environment(os.environ)
        former = {name: os.environ.get(name) for name in changed}
        try:
            os.environ.update(changed)
            yield
        finally:
            for name, text in former.items():
                if text is not None:
                    os.environ[name] = text
                else:
                    os.environ.pop(name, None)

    def settings(self, config_settings: ConfigSettings | None) -> dict[str, Any]:
        """Return the settings for the wrapped backend."""
        return self.recipe.settings(without_ours(config_settings) or {})

    def build_requires(self) -> list[str]:
        """Return what must be installed for the build, besides what the wrapped backend needs."""
        plugins = [plugin for each in self.metadata.build_providers().values() for plugin in each.requires]
        if self.validates:
            used = [self.metadata.providers.get(name) for name in sorted(self.variant.namespaces())]
            plugins += [
                plugin for each in used if isinstance(each, PluginProvider) for plugin in each.requires
            ]
        return [*self.recipe.build_requires, *plugins]

    def plan(self, warn: Callable[[str], object]) -> Plan:
        """Return what the wheel becomes, after asking the plugins that are asked when it is built.

        Raises VariantError when one that is needed cannot be asked; *warn* is told of the others. What the
        wheel is built with is taken from the environment of this process: raises if that is not there.
        """
        from ..lowlevel.source_date import source_date_epoch
        from ..wheel_rewrite import Plan

        moment = source_date_epoch(os.environ)
        metadata = self._ask_plugins(warn)
        if self.recipe.abi_dependency:
            try:
                variant = built_with(self.variant, _installed(self.recipe.abi_dependency))
            except VariantError as error:
                place = f"{PROJECT_FILE}: tool.variant-backend.variants.{self.variant.label}.abi-dependency"
                raise error.within(place) from None
            metadata = metadata.only(variant)
        return Plan(metadata, self.recipe, self.labelled, moment)

    def _ask_plugins(self, warn: Callable[[str], object]) -> VariantMetadata:
        build_providers = self.metadata.build_providers()
        if not build_providers and not self.validates:
            return self.metadata
        from ..machine.plugins import ask_for_static, validate_variant

        if self.validates:
            validate_variant(self.variant, self.metadata.providers)
        used = self.variant.namespaces()
        answers = {}
        for namespace, provider in build_providers.items():
            try:
                answers[namespace] = ask_for_static(namespace, provider)
            except VariantError as error:
                if namespace in used:
                    raise
                for line in error.lines():
                    warn(line)
        metadata = with_answers(self.metadata, answers, used)
        if text := left_out(self.metadata, metadata):
            warn(text)
        return metadata


def _installed(names: Iterable[str]) -> dict[str, Version]:
    """Return the versions of projects in the environment of this process; raises VariantError."""
    from importlib.metadata import PackageNotFoundError, version

    from packaging.version import InvalidVersion, Version

    found = {}
    for name in names:
        try:
            found[name] = Version(version(name))
        except PackageNotFoundError:
            raise VariantError(
                f"{name!r} is not installed where the wheel is built",
                hint="require it in build-system.requires, or in the build-requires of this label",
            ) from None
        except (InvalidVersion, TypeError) as error:  # without a version, there is None
            raise VariantError(f"the installed {name!r}: {error}") from None
    return found


def _is_labelled(config_settings: ConfigSettings | None) -> bool:
    """Tell whether the label goes into the wheel's name now, or later, when it is repaired and tested."""
    wanted = _texts(config_settings, "variant-filename")
    for text in wanted:
        if text != "plain":
            raise VariantError(
                f"config setting 'variant-filename' is {text!r}", hint="write variant-filename=plain"
            )
    return not wanted


def _texts(config_settings: ConfigSettings | None, key: str) -> Sequence[str]:
    """Return the values of a config setting: frontends give one string, or a list when it is repeated."""
    value = (config_settings or {}).get(key, [])
    values = value if isinstance(value, (list, tuple)) else [value]
    for text in values:
        if not isinstance(text, str) or not text:
            raise VariantError(f"config setting {key!r} is {text!r}", hint=f"write {key}=VALUE")
    return values


def without_ours(config_settings: ConfigSettings | None) -> dict[str, Any] | None:
    """Return the settings for the wrapped backend: a copy, as some backends change what they get."""
    if config_settings is None:
        return None
    return {key: value for key, value in config_settings.items() if key not in OUR_SETTINGS}
