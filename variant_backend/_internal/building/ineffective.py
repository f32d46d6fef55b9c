"""Recipes that change a build, but not the wheel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import Problem, VariantError
from ..project.recipe import Recipe
from ..wheels.payload import have_same_payload, same_payloads
from ..wheels.reading import WheelFile, wheel_files


def recipes_without_effect(recipes: Mapping[str, Recipe], place: str, built: Sequence[Path]) -> list[Problem]:
    """Return a problem for each label of the *built* wheels whose recipe has no effect on the payload.

    The wheels are also compared with other wheels of the release in the same folder. *place* names the
    project file of the *recipes* in the problems.
    """
    wheels = [WheelFile.of(path) for path in built]
    keys = {label: recipe.build_keys(label) for label, recipe in recipes.items()}
    if not any(keys.get(wheel.name.label or "") for wheel in wheels):
        return []
    beside = {path for wheel in wheels for path in wheel.path.parent.glob("*.whl")}
    stems = {wheel.name.stem for wheel in wheels}
    candidates = [wheel for wheel in wheel_files(sorted(beside)) if isinstance(wheel, WheelFile)]
    others = [wheel for wheel in candidates if wheel.name.stem in stems]
    return [problem.within(place) for problem in same_payloads(wheels, others, keys, _is_same)]


def _is_same(one: WheelFile, other: WheelFile) -> bool:
    """Return whether two wheels have the same payload. False if an older wheel cannot be read."""
    try:
        return have_same_payload(one, other)
    except VariantError:
        return False
