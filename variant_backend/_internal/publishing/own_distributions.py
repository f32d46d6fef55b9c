"""Make each variant's own distribution: a plain wheel of a project that has only this variant.

Its bytes are those of the variant wheel, except for the name of the project and decided variant markers. So
any index accepts it, and any installer installs it. It keeps variant.json, which `installed` reads.
"""

from __future__ import annotations

import filecmp
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError, problems_of
from ..lowlevel.ranges import Advance
from ..lowlevel.workspace import move, workspace
from ..project.recipe import Recipe
from ..variants.filename import normalize
from ..variants.own_distribution import distribution_names
from ..variants.wheel_metadata import label_problem
from ..wheel_rewrite import Plan, write_variant
from ..wheels.reading import WheelFile, wheel_files
from ..wheels.writing import check_targets
from ..wheels.wrong_files import folder_problem


class OwnDistribution(NamedTuple):
    """A variant wheel, the project and the path of its own distribution, and the *folder* of that path.

    *name* is the name of the project.
    """

    wheel: WheelFile
    name: str
    folder: Path

    @property
    def path(self) -> Path:
        """The path of the plain wheel."""
        filename = self.wheel.name._replace(distribution=self.name.replace("-", "_"), label=None)
        return self.folder / str(filename)


class WrittenDistribution(NamedTuple):
    """A distribution, whether its wheel was *written* or existed already, and warnings."""

    distribution: OwnDistribution
    written: bool
    warnings: tuple[str, ...]


def plan_distributions(folders: Sequence[Path], out_dir: Path | None) -> list[OwnDistribution]:
    """Return the distribution of each variant wheel in the folders; it goes into *out_dir* or beside it.

    Raises VariantError with every problem, such as labels that would become one project.
    """
    wheels = _variant_wheels(folders)
    names = distribution_names(map(_identity, wheels))
    planned = [
        OwnDistribution(wheel, names[_identity(wheel)], out_dir or wheel.path.parent) for wheel in wheels
    ]
    check_targets(((item.wheel, item.path) for item in planned), "give only one of the folders")
    return planned


def _variant_wheels(folders: Sequence[Path]) -> list[WheelFile]:
    """Return the variant wheels in the folders; raises VariantError if there are none."""
    if missing := [folder for folder in folders if not folder.is_dir()]:
        raise VariantError(*map(folder_problem, missing))
    paths = [path for folder in folders for path in sorted(folder.glob("*.whl"))]
    present = wheel_files(paths)
    if problems := problems_of(item for item in present if isinstance(item, VariantError)):
        raise VariantError(*problems)
    wheels = [item for item in present if isinstance(item, WheelFile) and item.name.label is not None]
    if not wheels:
        text = f"{', '.join(map(str, folders))}: no variant wheels"
        raise VariantError(text, remedy="create them with make-variant or variant-backend build")
    return wheels


def _identity(wheel: WheelFile) -> tuple[str, str]:
    """Return the normalized project and the label of a variant wheel."""
    return normalize(wheel.name.distribution), wheel.name.label or ""


def write_distributions(planned: Iterable[OwnDistribution], advance: Advance) -> list[WrittenDistribution]:
    """Write the distributions; each gets its final name once it is complete. An equal file is kept.

    *advance* receives the number of bytes copied. Raises VariantError if a wheel is invalid, a variant marker
    cannot be decided, or a different file exists.
    """
    return [_write(item, advance) for item in planned]


def _write(item: OwnDistribution, advance: Advance) -> WrittenDistribution:
    wheel = item.wheel
    with wheel.open() as opened:
        metadata = opened.variant_metadata()
        if problem := label_problem(metadata.variants, wheel.name.label):
            raise VariantError(problem).within(wheel.path.name)
    plan = Plan(metadata, Recipe(name=item.name), labelled=False)
    with workspace(item.folder) as scratch:
        outcome = write_variant(wheel, plan, scratch, advance=advance)
        if item.path.exists() and filecmp.cmp(outcome.path, item.path, shallow=False):
            return WrittenDistribution(item, False, outcome.warnings)
        if item.path.exists():
            raise VariantError(
                "already exists with different content",
                place=item.path,
                remedy="move it away, or use another folder (--output)",
            )
        move(outcome.path, item.path, force=False)
    return WrittenDistribution(item, True, outcome.warnings)
