"""Plan variants in the same way for builds and for existing wheels.

Some facts exist only during a build: the answers of plugins, and the installed versions. They are arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..errors import RequestError, VariantError
from ..project.recipe import Recipe
from ..variants.abi_dependency import ABI_DEPENDENCY, built_with
from ..variants.filename import escape
from ..variants.metadata import declared_metadata
from ..variants.properties import NULL_LABEL, Property, Variant
from ..variants.providers import Provider, StaticProvider
from ..variants.wheel_metadata import left_out
from ..variants.wheel_variant import WheelVariant

if TYPE_CHECKING:
    from packaging.version import Version

    from ..project.pyproject import Project
    from ..wheel_rewrite import PlainPlan, Plan


class Request(NamedTuple):
    """A requested variant: by its label, by properties, or by properties with a label; or no variant.

    Without a ``[variant]`` table, the wheel gets the *providers*, and with *known* also the built-in ones.
    *name* and *strip_local_version* override the recipe. *plain* asks for a plain wheel.
    """

    label: str | None = None
    properties: tuple[Property, ...] = ()
    providers: Mapping[str, Provider] = {}
    known: bool = True
    name: str | None = None
    strip_local_version: bool = False
    plain: bool = False

    def has_variant(self) -> bool:
        """Return whether a variant is requested."""
        return self.label is not None or bool(self.properties)

    def needs_table(self) -> bool:
        """Return whether only a ``[variant]`` table can define the requested variant."""
        return not self.properties and self.label != NULL_LABEL

    def overridden(self, recipe: Recipe) -> Recipe:
        """Return *recipe* with the requested name and version handling."""
        if self.name is not None:
            recipe = recipe._replace(name=self.name)
        return recipe._replace(strip_local_version=True) if self.strip_local_version else recipe


class Draft(NamedTuple):
    """A plan without the facts that only a build knows.

    *recipe* is the recipe of the variant's label.
    """

    wheel: WheelVariant
    recipe: Recipe

    @classmethod
    def of(cls, request: Request, project: Project | None) -> Draft:
        """Return the draft for a request, with the project file if there is one. Raises VariantError."""
        release = project.metadata if project else None
        if release is None:
            release = declared_metadata(request.properties, request.providers, known=request.known)
        wheel = WheelVariant.of(release, request.label, request.properties)
        recipe = project.recipe(wheel.label) if project else Recipe()
        return cls(wheel, request.overridden(recipe))

    @property
    def variant(self) -> Variant:
        """The variant that the wheel becomes."""
        return self.wheel.variant

    def built_with(self, versions: Mapping[str, Version]) -> Draft:
        """Return the draft for a wheel that is built with these versions, by project name.

        Raises VariantError like `abi_dependency.built_with`.
        """
        metadata = self.wheel.metadata.only(built_with(self.variant, versions))
        return self._replace(wheel=self.wheel._replace(metadata=metadata))

    def plan(
        self,
        answers: Mapping[str, StaticProvider],
        *,
        moment: int | None,
        labelled: bool = True,
    ) -> Plan:
        """Return the plan.

        *answers* are the answers of plugins that run in builds, by namespace. *moment* and *labelled* are as
        in `Plan`. Raises VariantError if a plugin's answer or the version of an ABI dependency is missing.
        """
        from ..wheel_rewrite import Plan

        variant = self.variant
        if unknown := self.recipe.unknown_versions(variant):
            example = Property(ABI_DEPENDENCY, escape(unknown[0]), "2.10")
            raise VariantError(
                f"the version of {unknown[0]!r} is not recorded in a finished wheel",
                place=f"tool.variant-backend.variants.{variant.label}.abi-dependency",
                remedy=f"use --label {variant.label} --property '{example}' with the right version",
            )
        return Plan(self.wheel.with_answers(answers), self.recipe, labelled, moment)

    def left_out(self, plan: Plan) -> str | None:
        """Return a text about namespaces that the plan omits as their plugin did not run, or None."""
        return left_out(self.wheel.metadata, plan.metadata)


def plan_plain(request: Request, project: Project | None, *, moment: int | None) -> PlainPlan:
    """Return the plan for a plain wheel: only its name and version change, as the plain wheel has no recipe.

    Raises RequestError if neither the request nor the project file changes them.
    """
    from ..wheel_rewrite import PlainPlan

    common = project.common if project else Recipe()
    recipe = Recipe(name=common.name, strip_local_version=common.strip_local_version)
    recipe = request.overridden(recipe)
    if recipe == Recipe():
        raise RequestError("--plain changes nothing", remedy="add --strip-local-version or --name")
    return PlainPlan(recipe, moment)
