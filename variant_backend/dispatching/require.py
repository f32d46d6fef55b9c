"""Build the wheel of a dispatching sdist by requirement: an empty one that requires the selected variant.

The machine and the user's settings decide, as for other dispatching sdists. Nothing is downloaded: the
installer does that with its own indexes, credentials, caches and hashes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError
from ..formats.dispatching_sdist import PKG_INFO, load_requirable
from ..formats.pylock import Locked
from ..lowlevel.regular_files import read_regular
from ..lowlevel.workspace import workspace
from ..project.config_settings import ConfigSettings
from ..project.user_variables import INDEX_URL, check_variables
from ..variants.filename import WheelFilename
from ..wheels.empty import empty_wheel, wheel_fields
from ..wheels.plain import tagged_name
from .deliver import check_is_prepared, select_pinned, unwritable


class RequiringWheel(NamedTuple):
    """The empty wheel: its name, METADATA and variant.json, and a line with the reason and alternatives."""

    name: WheelFilename
    dist_info: Mapping[str, bytes]
    summary: str

    def build(self, wheel_directory: str, metadata_directory: str | None) -> str:
        """Write the wheel and return its name.

        If *metadata_directory* is given, it must have the same METADATA. Raises VariantError if that differs,
        or the wheel cannot be written; then no files remain.
        """
        folder = Path(wheel_directory)
        try:
            with workspace(folder) as scratch:
                wheel = scratch / str(self.name)
                wheel.write_bytes(empty_wheel(self.name, self.dist_info))
                if metadata_directory is not None:
                    check_is_prepared(wheel, Path(metadata_directory) / "METADATA")
                wheel.replace(folder / wheel.name)
        except OSError as error:
            raise unwritable(error, folder) from None
        return str(self.name)

    def prepare(self, metadata_directory: str) -> str:
        """Write the dist-info folder, without RECORD, and return its name.

        Raises VariantError if it cannot be written.
        """
        folder = Path(metadata_directory) / f"{self.name.stem}.dist-info"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for file, content in {**self.dist_info, "WHEEL": wheel_fields(self.name)}.items():
                (folder / file).write_bytes(content)
        except OSError as error:
            raise unwritable(error, folder) from None
        return folder.name


def select_requirement(
    config_settings: ConfigSettings | None,
    environ: Mapping[str, str],
    *,
    root: Path = Path(),
    report: Callable[..., object],
) -> RequiringWheel:
    """Select one of the distributions that the sdist at *root* names; the arguments are as in `select_wheel`.

    The index of VARIANT_BACKEND_INDEX_URL is ignored, because the installer downloads. Raises VariantError
    as `select_wheel` does.
    """
    check_variables(environ)
    others = {name: value for name, value in environ.items() if name != INDEX_URL}
    requirable = load_requirable(root)
    release = requirable.release
    dispatched = select_pinned(Locked(release), config_settings, others, report=report)
    picked = dispatched.pick
    selected = requirable.selected(picked.wheel)
    try:
        common = read_regular(root / PKG_INFO)
    except OSError as error:
        raise VariantError(error.strerror or str(error), place=root / PKG_INFO) from None
    dist_info = {"METADATA": selected.metadata(common, release.version)}
    if release.metadata is not None and picked.variant is not None:
        dist_info["variant.json"] = release.metadata.only(picked.variant).to_json()
    return RequiringWheel(
        tagged_name(picked.wheel.name),
        dist_info,
        f"{dispatched.summary}; requires {selected.distribution}=={release.version}",
    )
