"""The wheels that dispatching sdists deliver: a mirror has these in place of the sdists.

Such an sdist downloads its wheel when it is built, which needs the network. The wheel is selected as the
sdist does, but for the machine of the mirror.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from ..errors import VariantError, one_of
from ..formats.dispatching_sdist import (
    LOCK_FILE,
    PKG_INFO,
    PROJECT,
    is_dispatching,
    load_pinned,
    load_requirable,
)
from ..formats.release import Release
from ..formats.variant_requirements import VARIANTS_FILE
from ..lowlevel.processes import temporary_folder
from ..lowlevel.regular_files import open_regular
from ..lowlevel.tarball import has_member, read_member
from ..machine.support import Machine, Policy
from ..selection.evaluate import evaluate
from ..selection.resolve import picked_of
from ..selection.target import Target
from ..serving.offer import Offered, OfferedWheel
from ..serving.page import Prepared
from ..serving.prepare import prepared_file
from ..serving.upstream import Upstream
from ..variants.filename import normalize
from ..wheels.plain import tagged_name
from .dependencies import is_active, python_in, requirements_in
from .package_files import metadata_of_file
from .resolution import GraphPackage


def delivered_wheel(
    sdist: Path, machine: Machine, policy: Policy, target: Target, upstream: Upstream
) -> Prepared | None:
    """Return the wheel that an sdist delivers to a machine; None unless it is a dispatching sdist.

    None for a dispatching sdist by requirement, too: its build needs no network. Raises VariantError if no
    wheel fits, or if it cannot be read.
    """
    try:
        with open_regular(sdist) as opened:
            if not is_dispatching(opened) or has_member(opened, VARIANTS_FILE):
                return None
    except OSError as error:
        raise VariantError(error.strerror or str(error), place=sdist) from None
    picked = picked_of(evaluate(_pinned(sdist), machine, policy, target))
    metadata = picked.release.metadata
    variant = metadata.variants.get(picked.label or "") if metadata else None
    name = picked.wheel.name
    offered = Offered(picked.wheel.file, str(tagged_name(name)), OfferedWheel(name, variant, picked.support))
    return prepared_file(offered, upstream)


def check_required_distribution(
    sdist: Path, machine: Machine, policy: Policy, target: Target, names: Collection[str]
) -> None:
    """Check that a graph has the distribution that an sdist by requirement selects for a machine.

    *names* are those of the packages in the graph. Nothing is checked for other sdists. Raises VariantError
    if the distribution is missing, or no wheel fits.
    """
    with open_regular(sdist) as opened:
        if not is_dispatching(opened) or not has_member(opened, VARIANTS_FILE):
            return
    with temporary_folder() as folder:
        _unpack(sdist, (PROJECT, PKG_INFO, VARIANTS_FILE), folder)
        requirable = load_requirable(folder)
    picked = picked_of(evaluate(requirable.release, machine, policy, target))
    distribution = requirable.selected(picked.wheel).distribution
    if normalize(distribution) not in names:
        pin = f"{distribution}=={requirable.release.version}"
        text = f"its wheel for this machine requires {pin}, and the graph lacks that"
        raise VariantError(text, place=sdist.name, remedy=f"add {pin} to the requirements")


def _pinned(sdist: Path) -> Release:
    """Return the release that a dispatching sdist pins; raises VariantError."""
    with temporary_folder() as folder:
        _unpack(sdist, (PROJECT, PKG_INFO, LOCK_FILE), folder)
        return load_pinned(folder).release


def _unpack(sdist: Path, names: Iterable[str], folder: Path) -> None:
    """Write files of an sdist into a folder; raises VariantError if one is missing."""
    for name in names:
        with open_regular(sdist) as opened:
            (folder / name).write_bytes(read_member(opened, name))


def with_delivered_wheel(
    package: GraphPackage, ready: Prepared, names: Collection[str], target: Target, upstream: Upstream
) -> GraphPackage:
    """Return a package with the wheel in place of the sdist; *names* are those of the packages in its graph.

    The sdist may not have the requirements of the wheel. Raises VariantError if the graph lacks one of them.
    """
    metadata = metadata_of_file(ready, upstream)
    environment = target.markers
    required = [one for one in requirements_in(metadata) if is_active(one, environment, [""])]
    if missing := [str(one) for one in required if normalize(one.name) not in names]:
        text = f"this wheel of a dispatching sdist requires {one_of(missing)}, and the graph lacks that"
        raise VariantError(text, place=ready.file.filename, remedy="add it to the requirements")
    requires = tuple(sorted({normalize(one.name) for one in required}))
    return package._replace(ready=ready, requires=requires, requires_python=python_in(metadata))
