"""Installed distributions in any site-packages folder, as importlib.metadata finds them, but read safely."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import Distribution, DistributionFinder, PathDistribution
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError
from ..formats import core_metadata
from ..formats.record import Record
from ..lowlevel.regular_files import read_regular
from ..variants.validation import parse_json

if TYPE_CHECKING:
    from packaging.version import Version


class InstallationRecord(NamedTuple):
    """How a distribution was installed: the text of INSTALLER, empty if unknown, and the *folder*.

    *is_local*: it was installed from a folder or a repository.
    """

    installer: str
    folder: Path
    is_local: bool


class _ReadSafely(PathDistribution):
    """A distribution that reads only regular files: importlib.metadata waits for ever for a pipe."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder = folder

    def read_text(self, filename: str) -> str | None:  # type: ignore[override]  # a str is a path
        """Return a file of the metadata folder, None if it is missing. Raises VariantError."""
        try:
            return read_regular(self._folder / filename).decode()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError):
            return None


def find_distributions(folders: Sequence[Path], name: str | None = None) -> Iterator[Distribution]:
    """Find all distributions in site-packages folders, or those with a name.

    Reading one raises VariantError if a file is not a regular file, or UnicodeDecodeError.
    """
    places = {"path": [str(folder) for folder in folders]}
    for distribution in Distribution.discover(context=DistributionFinder.Context(name=name, **places)):
        # pip uses this attribute, too. The path in a zip file has another type; all files there are regular.
        folder = getattr(distribution, "_path", None)
        yield _ReadSafely(folder) if isinstance(folder, Path) else distribution


def has_distributions(folder: Path) -> bool:
    """Return whether any distribution is installed in a folder."""
    return next(find_distributions([folder]), None) is not None


def installed_versions(folders: Sequence[Path]) -> dict[str, Version]:
    """Return the versions of all installed distributions in site-packages folders, by normalized name.

    Distributions without a valid name and version are skipped.
    """
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    versions: dict[str, Version] = {}
    for distribution in find_distributions(folders):
        with suppress(VariantError, InvalidVersion, UnicodeDecodeError):
            name = read_name(distribution)
            if name is not None and canonicalize_name(name) not in versions:
                text = core_metadata.read_field(read_core_metadata(distribution), "Version")
                versions[canonicalize_name(name)] = Version(text)
    return versions


def installed_from_source(folders: Sequence[Path]) -> dict[str, str]:
    """Return the URLs of distributions that were installed from a folder or a repository, by normalized name.

    An index may lack them. Source: PEP 610 (direct_url.json).
    """
    from packaging.utils import canonicalize_name

    urls: dict[str, str] = {}
    for distribution in find_distributions(folders):
        with suppress(VariantError, UnicodeDecodeError):
            name, text = read_name(distribution), distribution.read_text("direct_url.json")
            origin = parse_json(text.encode()) if text else None
            if name and isinstance(origin, dict) and origin.keys() & {"dir_info", "vcs_info"}:
                urls.setdefault(canonicalize_name(name), str(origin.get("url")))
    return urls


def installation_records(folders: Sequence[Path]) -> dict[str, InstallationRecord]:
    """Return how each distribution was installed, by normalized name; the first folder wins.

    Sources: PEP 376 (INSTALLER) and PEP 610 (direct_url.json).
    """
    from packaging.utils import canonicalize_name

    local = installed_from_source(folders)
    records: dict[str, InstallationRecord] = {}
    for distribution in find_distributions(folders):
        with suppress(VariantError, UnicodeDecodeError):
            if (name := read_name(distribution)) is None or canonicalize_name(name) in records:
                continue
            name = canonicalize_name(name)
            record = InstallationRecord("", Path(str(distribution.locate_file(""))), name in local)
            records[name] = record  # even if the next file cannot be read
            records[name] = record._replace(installer=(distribution.read_text("INSTALLER") or "").strip())
    return records


def find_plain(folders: Sequence[Path]) -> Iterator[tuple[str, str, Distribution]]:
    """Yield name, version and distribution of each installed distribution that is not a variant.

    Distributions without a readable name, and those hidden by an earlier folder, are skipped.
    """
    from packaging.utils import canonicalize_name

    seen: set[str] = set()
    for distribution in find_distributions(folders):
        with suppress(VariantError, UnicodeDecodeError):
            name = read_name(distribution)
            if name is None or (normalized := canonicalize_name(name)) in seen:
                continue
            seen.add(normalized)
            if not has_variant_json(distribution):
                version = core_metadata.read_field(read_core_metadata(distribution), "Version")
                yield name, version, distribution


def plain_distributions(folders: Sequence[Path]) -> Iterator[tuple[str, str, list[Path] | VariantError]]:
    """Yield name, version and files of the distributions of `find_plain`.

    If RECORD cannot be read, an error takes the place of the files.
    """
    for name, version, distribution in find_plain(folders):
        yield name, version, _files(distribution, f"{name} {version}: RECORD")


def _files(distribution: Distribution, place: str) -> list[Path] | VariantError:
    """Return the files of a distribution, or an error if its RECORD cannot be read."""
    try:
        return [Path(str(distribution.locate_file(file))) for file in distribution.files or ()]
    except VariantError as error:
        return error
    # The number of columns, a size, NUL, a long field, or the encoding is invalid.
    except (TypeError, ValueError, csv.Error):
        text = "expected rows with a path, a hash and a size, in UTF-8"
        return VariantError(text, place=place, remedy="install the package again")


def read_core_metadata(distribution: Distribution) -> bytes:
    """Return METADATA or PKG-INFO of a distribution, empty if both are missing; raises as reading does."""
    return (distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or "").encode()


def read_name(distribution: Distribution) -> str | None:
    """Return the name of an installed distribution, None if its metadata has none.

    Raises VariantError if the metadata is not a regular file.
    """
    try:
        data = read_core_metadata(distribution)
    except UnicodeDecodeError:
        return None
    with suppress(VariantError, UnicodeDecodeError):
        return core_metadata.read_field(data, "Name")
    return None


def is_requested(distribution: Distribution) -> bool:
    """Return whether the user has named a distribution, as far as the installer shows it; uv does not.

    Source: PEP 376 (REQUESTED), which uv writes for all distributions. Raises as reading does.
    """
    is_marked = distribution.read_text("REQUESTED") is not None
    return is_marked and (distribution.read_text("INSTALLER") or "").strip() != "uv"


def read_record(distribution: Distribution) -> Record | None:
    """Return RECORD of a distribution, None if it is missing.

    Raises VariantError or UnicodeDecodeError if it cannot be read.
    """
    text = distribution.read_text("RECORD")
    return None if text is None else Record.parse(text.encode())


def has_variant_json(distribution: Distribution) -> bool:
    """Return whether an installed distribution is a variant, also if its variant.json cannot be read."""
    try:
        return distribution.read_text("variant.json") is not None
    except (VariantError, UnicodeDecodeError):  # reading it again reports this
        return True


def may_have_entry_points(distribution: Distribution, group: str) -> bool:
    """Return whether the entry points of a distribution name a group, or cannot be read."""
    try:
        return group in (distribution.read_text("entry_points.txt") or "")
    except (VariantError, OSError, UnicodeDecodeError):
        return True
