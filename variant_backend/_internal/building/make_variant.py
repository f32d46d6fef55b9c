"""Make a variant of one existing wheel, for programs that call Python functions."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..lowlevel.regular_files import check_path
from ..variants.metadata import VariantMetadata
from ..variants.metadata_reading import metadata_from_dict
from ..variants.properties import Property
from ..variants.wheel_variant import WheelVariant
from ..wheel_rewrite import Outcome, Plan, write_variant
from ..wheels.reading import WheelFile


def make_variant(
    wheel: str | os.PathLike[str],
    label: str | None = None,
    properties: Iterable[Property] = (),
    *,
    metadata: VariantMetadata | None = None,
    output: str | os.PathLike[str] | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Write a variant of a *wheel* into the folder *output*, or beside the wheel (PEP 825, "Variant wheel").

    The variant has a *label* that the release's *metadata* defines, or *properties*, or both, as in
    `WheelVariant.of`. Without *metadata*, it is as there without a release.
    Requirements with variant markers are decided for the variant. The old wheel stays as it is, and the new
    one gets its name when it is complete. *force* replaces an existing file. *dry_run* checks everything and
    writes nothing. Raises RequestError if label and properties do not say which variant, and VariantError if
    the wheel or the metadata are invalid or the variant cannot be written.

    >>> v3 = Property("x86_64", "level", "v3")
    >>> made = make_variant("demo-1.0-py3-none-any.whl", "x86_64_v3", [v3])  # doctest: +SKIP
    >>> made.path.name  # doctest: +SKIP
    'demo-1.0-py3-none-any-x86_64_v3.whl'
    """
    own = WheelVariant.of(metadata, label, properties).with_answers({})
    metadata_from_dict(own.to_dict(), "metadata")  # the caller may have made it without a reader
    file = WheelFile.of(Path(wheel))
    folder = file.path.parent if output is None else Path(output)
    check_path(folder)
    plan = Plan(own)
    outcome = write_variant(file, plan, folder, force=force, dry_run=dry_run)
    return outcome._replace(warnings=(*plan.remarks(), *outcome.warnings))
