"""By requirement: build an empty wheel that requires the distribution of the selected variant.

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
from ..lowlevel.ranges import Advance
from ..lowlevel.regular_files import read_regular
from ..project.config_settings import ConfigSettings
from ..project.user_variables import INDEX_URL, check_variables
from ..variants.filename import WheelFilename
from ..wheels.empty import empty_wheel, wheel_fields
from ..wheels.plain import tagged_name
from .hook_results import place_dist_info, place_wheel
from .listed_wheel import select_listed_wheel


class RequiringWheel(NamedTuple):
    """The empty wheel: its name, METADATA and variant.json, and a line with the reason and alternatives."""

    name: WheelFilename
    dist_info: Mapping[str, bytes]
    summary: str

    @property
    def size(self) -> int:
        """The number of bytes to download."""
        return 0

    def build(self, wheel_directory: str, metadata_directory: str | None, _advance: Advance) -> str:
        """Write the wheel and return its name; raises VariantError as `place_wheel` does."""

        def make(scratch: Path) -> Path:
            wheel = scratch / str(self.name)
            wheel.write_bytes(empty_wheel(self.name, self.dist_info))
            return wheel

        return place_wheel(make, wheel_directory, metadata_directory)

    def prepare(self, metadata_directory: str, _advance: Advance) -> str:
        """Write the dist-info folder, without RECORD, and return its name; raises VariantError."""
        files = {**self.dist_info, "WHEEL": wheel_fields(self.name)}
        return place_dist_info(lambda _: files, metadata_directory, f"{self.name.stem}.dist-info")


def select_requirement(
    config_settings: ConfigSettings | None, environ: Mapping[str, str], *, report: Callable[..., object]
) -> RequiringWheel:
    """Select one of the distributions that an sdist names; raises VariantError as `select_listed_wheel` does.

    The index of VARIANT_BACKEND_INDEX_URL is ignored, because the installer downloads.
    """
    check_variables(environ)
    others = {name: value for name, value in environ.items() if name != INDEX_URL}
    requirable = load_requirable()
    release = requirable.release
    picked, _, summary = select_listed_wheel(Locked(release), config_settings, others, report=report)
    selected = requirable.selected(picked.wheel)
    try:
        common = read_regular(Path(PKG_INFO))
    except OSError as error:
        raise VariantError(error.strerror or str(error), place=PKG_INFO) from None
    dist_info = {"METADATA": selected.metadata(common, release.version)}
    if release.metadata is not None and picked.variant is not None:
        dist_info["variant.json"] = release.metadata.only(picked.variant).to_json()
    return RequiringWheel(
        tagged_name(picked.wheel.name),
        dist_info,
        f"{summary}; requires {selected.distribution}=={release.version}",
    )
