"""What a wheel becomes: planned in one way for wheels that are built, and for those that exist.

What is known only when a wheel is made is an argument: what plugins answer, and what it is built with.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError
from ..project.recipe import Recipe
from ..variants.abi_dependency import ABI_DEPENDENCY, built_with
from ..variants.filename import escape
from ..variants.metadata import VariantMetadata, declare
from ..variants.properties import NULL_LABEL, Property, Variant
from ..variants.providers import Provider, StaticProvider
from ..variants.wheel_label import variant_of_wheel

if TYPE_CHECKING:
    from packaging.version import Version

    from ..project.pyproject import Project
    from ..wheel_rewrite import Plan

PROJECT_FILE = Path("pyproject.toml")


class Request(NamedTuple):
    """The variant that somebody asks for: by a label, by properties, or by properties under a label.

    Without a ``[variant]`` table, support comes from the *providers*, and with *known* from those that
    installers know.
    """

    label: str | None
    properties: tuple[Property, ...] = ()
    providers: Mapping[str, Provider] = {}
    known: bool = True

    def needs_table(self) -> bool:
        """Tell whether nothing but a ``[variant]`` table can say which variant this is."""
        return not self.properties and self.label != NULL_LABEL


class Draft(NamedTuple):
    """A plan, but for what is known when the wheel is made.

    *metadata* is the release's, with the one variant; *recipe* is that of its label.
    """

    metadata: VariantMetadata
    recipe: Recipe

    @classmethod
    def of(cls, request: Request, project: Project | None) -> Draft:
        """Return what a request means, by the project file if there is one; raises VariantError."""
        release = project.metadata if project else None
        if release is None:
            release = declare(request.properties, request.providers, known=request.known)
        variant = release.select(request.label, frozenset(request.properties))
        return cls(release.only(variant), project.recipe(variant.label) if project else Recipe())

    @property
    def variant(self) -> Variant:
        """The variant that the wheel becomes."""
        return variant_of_wheel(self.metadata)

    def built_with(self, versions: Mapping[str, Version]) -> Draft:
        """Return the draft for a wheel that is built with these versions, by the names of their projects.

        Raises VariantError as `abi_dependency.built_with`.
        """
        return Draft(self.metadata.only(built_with(self.variant, versions)), self.recipe)

    def plan(
        self,
        answers: Mapping[str, StaticProvider] | None = None,
        *,
        labelled: bool = True,
        moment: int | None = None,
    ) -> Plan:
        """Return what the wheel becomes.

        *answers* are those of the plugins that are asked in builds, by namespace; *labelled* and *moment* are
        as in `Plan`. Raises VariantError when an answer is missing, or what the wheel is built with.
        """
        from ..wheel_rewrite import Plan

        variant = self.variant
        if unknown := self.recipe.unknown_versions(variant):
            example = Property(ABI_DEPENDENCY, escape(unknown[0]), "2.10")
            raise VariantError(
                f"tool.variant-backend.variants.{variant.label}.abi-dependency: a finished wheel does not say"
                f" which {unknown[0]!r} it was built with",
                hint=f"say it, as in --label {variant.label} --property '{example}'",
            )
        metadata = self.metadata.answered(answers or {}, variant.namespaces())
        return Plan(metadata, self.recipe, labelled, moment)

    def lacking(self, plan: Plan) -> str | None:
        """Say what a plan leaves out as a plugin gave no answer, or None if that is nothing."""
        return self.metadata.lacking(plan.metadata)
