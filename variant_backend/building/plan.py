"""What a wheel becomes: planned in one way for wheels that are built, and for those that exist.

What is known only when a wheel is made is an argument: what plugins answer, and what it is built with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError
from ..project.recipe import Recipe
from ..variants.abi_dependency import ABI_DEPENDENCY, built_with
from ..variants.filename import escape
from ..variants.metadata import VariantMetadata, declare
from ..variants.properties import NULL_LABEL, Property, Variant
from ..variants.providers import Provider, StaticProvider
from ..variants.wheel_metadata import left_out, select_variant, variant_of_wheel, with_answers

if TYPE_CHECKING:
    from packaging.version import Version

    from ..project.pyproject import Project
    from ..wheel_rewrite import Plan


class Request(NamedTuple):
    """What somebody asks for: a variant by its label, by properties, or by properties under a label; or none.

    Without a ``[variant]`` table, support comes from the *providers*, and with *known* from those that
    installers know. *name* and *strip_local_version* count in place of what the recipe says.
    """

    label: str | None = None
    properties: tuple[Property, ...] = ()
    providers: Mapping[str, Provider] = {}
    known: bool = True
    name: str | None = None
    strip_local_version: bool = False

    def has_variant(self) -> bool:
        """Tell whether a variant is asked for."""
        return self.label is not None or bool(self.properties)

    def needs_table(self) -> bool:
        """Tell whether nothing but a ``[variant]`` table can say which variant this is."""
        return not self.properties and self.label != NULL_LABEL

    def overridden(self, recipe: Recipe) -> Recipe:
        """Return a recipe with what is asked for in place of its own."""
        if self.name is not None:
            recipe = recipe._replace(name=self.name)
        return recipe._replace(strip_local_version=True) if self.strip_local_version else recipe


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
        variant = select_variant(release, request.label, frozenset(request.properties))
        recipe = project.recipe(variant.label) if project else Recipe()
        return cls(release.only(variant), request.overridden(recipe))

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
        answers: Mapping[str, StaticProvider],
        *,
        moment: int | None,
        labelled: bool = True,
    ) -> Plan:
        """Return what the wheel becomes.

        *answers* are those of the plugins that are asked in builds, by namespace; *moment* and *labelled* are
        as in `Plan`. Raises VariantError when an answer is missing, or what the wheel is built with.
        """
        from ..wheel_rewrite import Plan

        variant = self.variant
        if unknown := self.recipe.unknown_versions(variant):
            example = Property(ABI_DEPENDENCY, escape(unknown[0]), "2.10")
            raise VariantError(
                f"a finished wheel does not say which {unknown[0]!r} it was built with",
                place=f"tool.variant-backend.variants.{variant.label}.abi-dependency",
                hint=f"say it, as in --label {variant.label} --property '{example}'",
            )
        metadata = with_answers(self.metadata, answers, variant.namespaces())
        return Plan(metadata, self.recipe, labelled, moment)

    def left_out(self, plan: Plan) -> str | None:
        """Say what a plan leaves out as a plugin gave no answer, or None if that is nothing."""
        return left_out(self.metadata, plan.metadata)
