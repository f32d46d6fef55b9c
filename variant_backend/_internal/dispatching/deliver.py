"""By file: deliver the wheel of a dispatching sdist; download the selected one, and verify it.

Only the servers that the sdist or the user names are contacted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError
from ..formats import pylock
from ..formats.release import Candidate, shown_location
from ..lowlevel.ranges import Advance
from ..lowlevel.urls import host_of, is_http
from ..project.config_settings import ConfigSettings
from ..selection.download import download
from ..selection.fetch import announced_metadata, fetched
from ..selection.resolve import Pick
from ..wheels.plain import decided_metadata, tagged_name
from ..wheels.reading import Wheel, open_wheel
from .hook_results import place_dist_info, place_wheel
from .listed_wheel import select_listed_wheel
from .other_source import check_local_file, on_mirror


class DeliveredWheel(NamedTuple):
    """The selected wheel, the *hosts* that may send it, and a line with reason and alternatives."""

    pick: Pick
    hosts: frozenset[str]
    summary: str

    @property
    def size(self) -> int:
        """The size of the wheel in bytes."""
        return self.pick.wheel.file.size or 0

    def build(self, wheel_directory: str, metadata_directory: str | None, advance: Advance) -> str:
        """Download the wheel and return its name.

        If *metadata_directory* is given, the METADATA of the wheel must be the same. Raises VariantError if
        the wheel cannot be delivered, and then leaves no files behind.
        """

        def make(scratch: Path) -> Path:
            with fetched([self.pick], scratch, plain=tagged_name, advance=advance, hosts=self.hosts) as (
                result,
            ):
                pass
            return result.path

        return place_wheel(make, wheel_directory, metadata_directory)

    def prepare(self, metadata_directory: str, advance: Advance) -> str:
        """Write the dist-info folder of the wheel, without RECORD, and return its name.

        Only these files are downloaded, in ranges. If the server sends no ranges or the hash of METADATA is
        not pinned, the whole wheel is downloaded. In ranges, METADATA is verified against its hash, and
        variant.json against the pinned properties. WHEEL is not verified, but installers read it from the
        wheel. Raises VariantError if the metadata cannot be delivered, and then leaves no files behind.
        """
        return place_dist_info(
            lambda scratch: _dist_info(self.pick, self.hosts, scratch, advance),
            metadata_directory,
            f"{self.pick.wheel.name.stem}.dist-info",
        )


def select_delivery(
    locked: pylock.Locked,
    config_settings: ConfigSettings | None,
    environ: Mapping[str, str],
    *,
    report: Callable[..., object],
) -> DeliveredWheel:
    """Select one of the wheels that an sdist pins; raises VariantError as `select_listed_wheel` does.

    It is taken from the source that the user names, or else from the pinned URL.
    """
    picked, sources, summary = select_listed_wheel(locked, config_settings, environ, report=report)
    hosts = sending_hosts(locked)
    if sources is not None:
        picked = on_mirror(picked, sources)
        hosts |= {*map(host_of, filter(is_http, sources.index_urls))}
    check_local_file(picked)
    return DeliveredWheel(picked, hosts, summary)


def sending_hosts(locked: pylock.Locked) -> frozenset[str]:
    """Return the hosts that may send the files that an sdist pins."""
    files = [wheel.file for wheel in locked.release.candidates]
    files += [locked.sdist] if locked.sdist else []
    urls = [*(file.url for file in files if file.url), *(f"https://{host}" for host in locked.hosts)]
    return frozenset(map(host_of, urls))


def _dist_info(pick: Pick, hosts: frozenset[str], scratch: Path, advance: Advance) -> dict[str, bytes]:
    """Return the files of the dist-info folder. Raises VariantError if they differ from the pinned ones."""
    file = pick.wheel.file
    pinned = (file.core_metadata or {}).get("sha256")
    if pinned and isinstance(file.location, Path):
        with open_wheel(file.location) as local:
            return _verified_files(local, pick, pinned)
    if pinned and (wheel := _in_ranges(pick.wheel, hosts)):
        return _verified_files(wheel, pick, pinned)
    path = scratch / file.filename
    download(file, path, advance=advance, hosts=hosts)
    with open_wheel(path) as wheel:
        return _announced_files(wheel, pick)


def _verified_files(wheel: Wheel, pick: Pick, pinned: str) -> dict[str, bytes]:
    """Return the files of the dist-info folder; raises VariantError if METADATA does not have its hash."""
    try:
        digest = hashlib.sha256(wheel.core_metadata).hexdigest()
        if digest != pinned:
            raise VariantError(
                f"METADATA: expected the sha256 {pinned}, got {digest}",
                remedy="report this to the project: the wheel was replaced after the release",
            )
        return _announced_files(wheel, pick)
    except VariantError as error:
        raise error.within(shown_location(pick.wheel.file)) from None


def _in_ranges(wheel: Candidate, hosts: frozenset[str]) -> Wheel | None:
    """Read the dist-info files of a wheel in ranges. None if the server sends no ranges."""
    from ..wheels import remote

    file = wheel.file
    if file.url is None:
        return None
    try:
        return remote.read_wheel(remote.on_server(wheel.name, file.url, size=file.size, other_hosts=hosts))
    except remote.NoRangesError:
        return None


def _announced_files(wheel: Wheel, pick: Pick) -> dict[str, bytes]:
    """Return the dist-info files of a wheel. Raises VariantError if they contradict the pinned metadata."""
    announced_metadata(wheel, pick)
    names = ["WHEEL", *(["variant.json"] if wheel.is_variant() else [])]
    return {
        "METADATA": decided_metadata(wheel, pick.supported),
        **{name: wheel.read_file(name) for name in names},
    }
