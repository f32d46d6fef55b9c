"""Patterns of recipes that match nothing: ``match`` and ``remove-dependencies``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import VariantError
from ..formats.core_metadata import requirements
from ..project.recipe import Recipe
from ..wheels.reading import WheelFile

if TYPE_CHECKING:
    from ..project.pyproject import Project

_TOOL = "tool.variant-backend"


def unmatched_removals(
    project: Project, path: Path, wheels: Mapping[str, Sequence[WheelFile]], *, common: bool
) -> list[str]:
    """Return a warning for each pattern of ``remove-dependencies`` that matches no requirement.

    *path* is the path of the project file. *wheels* has the plain wheels to which the recipe of each label
    applies. Patterns for all labels are checked only with *common*.
    """
    if not any(project.recipe(label).remove_dependencies for label in wheels):
        return []
    all_required = {label: _requirements_of(group) for label, group in wheels.items()}
    required = {label: texts for label, texts in all_required.items() if texts is not None}
    shared = len(project.common.remove_dependencies)
    problems = []
    if common and required:
        every = {text for texts in required.values() for text in texts}
        unmatched = _unmatched(project.common.remove_dependencies, every)
        problems += [(f"{_TOOL}.remove-dependencies", pattern) for pattern in unmatched]
    for label, texts in required.items():
        own = project.recipe(label).remove_dependencies[shared:]
        # A label's own patterns also remove dependencies that all labels get.
        unmatched = _unmatched(own, {*texts, *project.common.dependencies})
        problems += [(f"{_TOOL}.variants.{label}.remove-dependencies", pattern) for pattern in unmatched]
    return [
        f"{path}: {place}: {pattern!r} matches no requirement; correct or remove it"
        for place, pattern in problems
    ]


def unmatched_globs(recipes: Mapping[str, Recipe], path: Path, selected: Collection[str]) -> list[str]:
    """Return a warning for each ``match`` that selects no wheel; *selected* are the labels with wheels."""
    return [
        f"{path}: {_TOOL}.variants.{label}.match:"
        f" {', '.join(f'{part} = {glob!r}' for part, glob in recipe.match.items())} selects none of the"
        " wheels; correct it if one of them should get this label"
        for label, recipe in recipes.items()
        if recipe.match and label not in selected
    ]


def _unmatched(patterns: Iterable[str], texts: Collection[str]) -> list[str]:
    """Return the patterns that match none of the requirements."""
    return [
        pattern
        for pattern in dict.fromkeys(patterns)
        if not any(map(Recipe(remove_dependencies=(pattern,)).removes, texts))
    ]


def _requirements_of(wheels: Iterable[WheelFile]) -> set[str] | None:
    """Return the requirements of plain wheels, or None if no wheel is plain and readable.

    A wheel that is a variant already has lost the requirements that its recipe removes.
    """
    required = None
    for wheel in wheels:
        # The conversion reports the error.
        with suppress(VariantError, OSError), wheel.open(renamed=True) as opened:
            if not opened.is_variant():
                required = {*(required or ()), *requirements(opened.core_metadata)}
    return required
