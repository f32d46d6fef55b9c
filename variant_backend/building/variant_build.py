"""The build of a variant: its requirements, environment variables, settings and plan."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UnknownNameError, VariantError
from ..project.config_settings import ConfigSettings, backend_settings, only_label
from ..project.pyproject import PROJECT_FILE, Project
from ..project.user_variables import LABEL
from ..variants.properties import Property, Variant
from ..variants.providers import PluginProvider, StaticProvider
from .frontend import Filename
from .kept_files import Owner
from .plan import Draft, Request

if TYPE_CHECKING:
    from packaging.version import Version

    from ..wheel_rewrite import Plan


class VariantBuild(NamedTuple):
    """The build of the variant that the user requests.

    *filename* says how the wheel is named: None if the user leaves it open.
    """

    project: Project
    draft: Draft
    filename: Filename | None

    @classmethod
    def of(cls, asked: Mapping[str, str], filename: Filename | None) -> VariantBuild:
        """Return the build of the *asked* variant, see `asked_variants`. Raises VariantError."""
        properties = [text for text, key in asked.items() if key == "variant" and "::" in text]
        parsed = tuple(map(Property.parse, properties))
        request = Request(only_label([text for text in asked if text not in properties]), parsed)
        project = Project.load(PROJECT_FILE)
        if project.metadata is None and request.needs_table():
            raise VariantError(
                "missing table [variant], so no label is defined",
                place=PROJECT_FILE,
                hint="define the variants in this table",
            )
        try:
            draft = Draft.of(request, project)
        except UnknownNameError as error:
            raise (error.within(LABEL) if LABEL in asked.values() else error) from None
        try:
            draft.recipe.requirements([], draft.variant)  # an undecidable marker ends the build early
        except VariantError as error:
            raise error.within(f"{PROJECT_FILE}: tool.variant-backend") from None
        # In builds, the wrapped backend decides name and version.
        recipe = draft.recipe._replace(name=None, strip_local_version=False)
        return cls(project, draft._replace(recipe=recipe), filename)

    @property
    def variant(self) -> Variant:
        """The requested variant."""
        return self.draft.variant

    @property
    def owner(self) -> Owner:
        """The owner of compiled files: the label, and a digest of what its recipe changes in the build."""
        recipe = self.draft.recipe
        changes = (recipe.env, recipe.env_append, recipe.config_settings, recipe.build_requires)
        if not any(changes):
            return Owner(self.variant.label)
        from hashlib import sha256

        return Owner(self.variant.label, sha256(repr(changes).encode()).hexdigest()[:8])

    @contextmanager
    def environment(self) -> Iterator[None]:
        """Set the recipe's environment variables in this process, and restore the former ones at the end."""
        changed = self.draft.recipe.environment(os.environ)
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
        return self.draft.recipe.settings(backend_settings(config_settings) or {})

    def build_requires(self) -> list[str]:
        """Return the build requirements of the variant, in addition to the wrapped backend's."""
        metadata = self.draft.metadata
        plugins = [text for provider in metadata.build_providers().values() for text in provider.requires]
        for namespace in sorted(self.variant.namespaces()) if self.project.validates else ():
            provider = metadata.providers.get(namespace)
            plugins += provider.requires if isinstance(provider, PluginProvider) else ()
        return [*self.draft.recipe.build_requires, *plugins]

    def plan(self, warn: Callable[[str], object]) -> Plan:
        """Run the plugins that run in builds, and return the plan.

        The versions of ABI dependencies are read from the environment of this process. *warn* gets a
        line for each failed plugin that the variant does not use. Raises VariantError if a plugin that the
        variant uses fails, or if an ABI dependency is not installed.
        """
        from ..lowlevel.source_date import source_date_epoch

        moment = source_date_epoch(os.environ)
        answers = self._ask_plugins(warn)
        draft = self.draft
        if names := draft.recipe.abi_dependency:
            try:
                draft = draft.built_with(_installed(names))
            except VariantError as error:
                place = f"{PROJECT_FILE}: tool.variant-backend.variants.{self.variant.label}.abi-dependency"
                raise error.within(place) from None
        plan = draft.plan(answers, labelled=self.filename == "labelled", moment=moment)
        if text := draft.left_out(plan):
            warn(text)
        return plan

    def _ask_plugins(self, warn: Callable[[str], object]) -> dict[str, StaticProvider]:
        """Return the answers of plugins that run in builds, by namespace. Raises VariantError."""
        metadata, variant = self.draft.metadata, self.variant
        build_providers = metadata.build_providers()
        if not build_providers and not self.project.validates:
            return {}
        from ..machine.plugins import ask_for_static, validate_variant

        if self.project.validates:
            validate_variant(variant, metadata.providers)
        answers = {}
        for namespace, provider in build_providers.items():
            try:
                answers[namespace] = ask_for_static(namespace, provider)
            except VariantError as error:
                if namespace in variant.namespaces():
                    raise
                for line in error.lines():
                    warn(line)
        return answers


def _installed(names: Iterable[str]) -> dict[str, Version]:
    """Return the versions of installed projects in the environment of this process. Raises VariantError."""
    from importlib.metadata import PackageNotFoundError, version

    from packaging.version import InvalidVersion, Version

    versions = {}
    for name in names:
        try:
            versions[name] = Version(version(name))
        except PackageNotFoundError:
            raise VariantError(
                f"{name!r} is not installed in the build environment",
                hint="add it to build-system.requires, or to the build-requires of this label",
            ) from None
        except (InvalidVersion, TypeError) as error:  # TypeError: the metadata has no version
            raise VariantError(f"the installed {name!r}: {error}") from None
    return versions
