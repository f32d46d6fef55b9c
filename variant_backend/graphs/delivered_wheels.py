"""The wheels that dispatching sdists deliver: a mirror has these in place of the sdists.

Such an sdist downloads its wheel when it is built, which needs the network. The wheel is selected as the
sdist does, but for the machine of the mirror.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ..errors import VariantError, one_of
from ..formats.dispatching_sdist import LOCK_FILE, PKG_INFO, PROJECT, is_dispatching, load_pinned
from ..formats.release import Release
from ..lowlevel.processes import temporary_folder
from ..lowlevel.regular_files import open_regular
from ..lowlevel.tarball import read_member
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

    Raises VariantError if no wheel fits, or if it cannot be read.
    """
    try:
        with open_regular(sdist) as opened:
            if not is_dispatching(opened):
                return None
    except OSError as error:
        raise VariantError(error.strerror or str(error), place=sdist) from None
    picked = picked_of(evaluate(_pinned(sdist), machine, policy, target))
    metadata = picked.release.metadata
    variant = metadata.variants.get(picked.label or "") if metadata else None
    name = picked.wheel.name
    offered = Offered(picked.wheel.file, str(tagged_name(name)), OfferedWheel(name, variant, picked.support))
    return prepared_file(offered, upstream)


def _pinned(sdist: Path) -> Release:
    """Return the release that a dispatching sdist pins; raises VariantError."""
    with temporary_folder() as folder:
        for name in (PROJECT, PKG_INFO, LOCK_FILE):
            with open_regular(sdist) as opened:
                (folder / name).write_bytes(read_member(opened, name))
        return load_pinned(folder).release


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
        raise VariantError(text, place=ready.file.filename, hint="add it to the requirements")
    requires = tuple(sorted({normalize(one.name) for one in required}))
    return package._replace(ready=ready, requires=requires, requires_python=python_in(metadata))
