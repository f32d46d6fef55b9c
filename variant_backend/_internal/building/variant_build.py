"""The build of a variant: its requirements, environment variables, settings and plan."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, UnknownNameError, VariantError, one_of
from ..project.config_settings import ConfigSettings, label_and_properties, without_variant_settings
from ..project.pyproject import PROJECT_FILE, Project
from ..project.recipe import Recipe
from ..project.user_variables import LABEL
from ..variants.properties import Variant
from ..variants.providers import PluginProvider, StaticProvider
from ..variants.wheel_variant import missing_table
from .default_flags import default_flags
from .frontend import Filename
from .kept_files import Owner
from .plan import Draft, Request

if TYPE_CHECKING:
    from packaging.version import Version

    from ..variants.requirements import Pin
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
        request = Request(*label_and_properties(asked))
        project = Project.load(PROJECT_FILE)
        if project.metadata is None and request.needs_table():
            raise missing_table()
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
        return cls(project, draft._replace(recipe=_for_this_build(recipe, draft.variant)), filename)

    @property
    def variant(self) -> Variant:
        """The requested variant."""
        return self.draft.variant

    @property
    def owner(self) -> Owner:
        """The owner of the compiled files that this build leaves."""
        label = self.variant.label
        return Owner.of(label, self.draft.recipe.build_keys(label))

    @contextmanager
    def environment(self) -> Iterator[list[str]]:
        """Set the recipe's environment variables in this process, and restore the former ones at the end.

        Yields a line for each variable with a text to which the recipe adds. Raises VariantError if it is
        unknown which flags a variable would replace.
        """
        recipe = self.draft.recipe
        former = {name: os.environ.get(name) for name in (*recipe.env, *recipe.env_append)}
        try:
            os.environ.update(recipe.env)
            unset = [name for name in recipe.env_append if name not in os.environ]
            appended = recipe.appended(os.environ, default_flags(unset, self.project.build_backend))
            os.environ.update(appended)
            yield [
                f"{name}: {added!r} is added to {before!r}"
                for name, added in recipe.env_append.items()
                if (before := appended[name].removesuffix(added).rstrip())
            ]
        finally:
            for name, text in former.items():
                if text is not None:
                    os.environ[name] = text
                else:
                    os.environ.pop(name, None)

    def settings(self, config_settings: ConfigSettings | None) -> dict[str, object]:
        """Return the settings for the wrapped backend."""
        return self.draft.recipe.settings(without_variant_settings(config_settings) or {})

    def build_requires(self) -> list[str]:
        """Return the build requirements of the variant, in addition to the wrapped backend's.

        Raises VariantError if a variant of another project is missing, which no frontend can install.
        """
        self._check_build_variants()
        metadata = self.draft.wheel.metadata
        plugins = self.draft.wheel.build_requires()
        for namespace in sorted(self.variant.namespaces()) if self.project.validates else ():
            provider = metadata.providers.get(namespace)
            plugins += provider.requires if isinstance(provider, PluginProvider) else ()
        return [*self.draft.recipe.build_requires, *plugins]

    def plan(self, warn: Callable[[str], object]) -> Plan:
        """Run the plugins that run in builds, and return the plan.

        The versions of ABI dependencies are read from the environment of this process. *warn* gets a
        line for each failed plugin that the variant does not use. Raises VariantError if a plugin that the
        variant uses fails, or if an ABI dependency or a required variant is not installed.
        """
        self._check_build_variants()
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

    def _check_build_variants(self) -> None:
        """Check that the required variants of other projects are installed here. Raises VariantError."""
        label = self.variant.label
        place = f"{PROJECT_FILE}: tool.variant-backend.variants.{label}.build-requires"
        remedy = (
            f"run `variant-backend build --label {label}` with --find-links DIR or --index-url URL, and let"
            " no other build requirement replace it"
        )
        problems = [
            Problem("error", place, f"the build environment has {present}, not {pin}", remedy)
            for pin in self.draft.recipe.build_variants
            if (present := _installed_instead(pin))
        ]
        if problems:
            raise VariantError(*problems)

    def _ask_plugins(self, warn: Callable[[str], object]) -> dict[str, StaticProvider]:
        """Return the answers of plugins that run in builds, by namespace. Raises VariantError."""
        metadata, variant = self.draft.wheel.metadata, self.variant
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


def decided_here(recipe: Recipe) -> Recipe:
    """Return a recipe with its markers decided for builds by this Python."""
    if not recipe.conditional:
        return recipe
    from packaging.markers import default_environment

    return recipe.decided({name: str(text) for name, text in default_environment().items()})


def _for_this_build(recipe: Recipe, variant: Variant) -> Recipe:
    """Return a recipe with its markers and flags decided for this Python and these environment variables.

    Raises VariantError if the flags cannot be derived.
    """
    recipe = decided_here(recipe)
    if not recipe.auto_flags:
        return recipe
    import sysconfig

    from ..variants.derived_flags import CompilerTarget, derived_flags

    target = CompilerTarget.of(sysconfig.get_platform(), {**os.environ, **recipe.env})
    try:
        return recipe.with_flags(derived_flags(variant, target))
    except VariantError as error:
        place = f"{PROJECT_FILE}: tool.variant-backend.variants.{variant.label}.flags"
        raise error.within(place) from None


def _installed_instead(pin: Pin) -> str | None:
    """Return what is installed in the environment of this process instead of *pin*; None if it is installed.

    Raises VariantError if its variant.json is invalid.
    """
    from importlib.metadata import PackageNotFoundError, distribution

    from packaging.version import Version

    try:
        installed = distribution(pin.name)
    except PackageNotFoundError:
        return f"no {pin.name}"
    labels: list[str] = []
    if text := installed.read_text("variant.json"):
        from ..variants.metadata_reading import metadata_from_json

        labels = [*metadata_from_json(text.encode(), f"{pin.name}: variant.json").variants]
    if labels == [pin.label] and pin.version in (None, Version(installed.version)):
        return None
    return f"{pin.name}=={installed.version}" + (f"#{one_of(labels)}" if labels else " without a label")


def _installed(names: Iterable[str]) -> dict[str, Version]:
    """Return the versions of installed projects in the environment of this process. Raises VariantError."""
    from packaging.version import Version

    versions = {}
    for name in names:
        try:
            versions[name] = Version(_recorded_version(name))
        except ValueError as error:  # InvalidVersion, or more digits than Python converts
            raise VariantError(f"the installed {name!r}: {error}") from None
    return versions


def _recorded_version(name: str) -> str:
    """Return the version in the metadata of an installed project. Raises VariantError."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        recorded: str | None = version(name)
    except PackageNotFoundError:
        raise VariantError(
            f"{name!r} is not installed in the build environment",
            remedy="add it to build-system.requires, or to the build-requires of this label",
        ) from None
    except (KeyError, FileNotFoundError):  # since Python 3.15; older versions return None
        recorded = None
    if recorded is None:
        raise VariantError(f"the installed {name!r}: its metadata has no version")
    return recorded
