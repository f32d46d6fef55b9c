"""Installed distributions in any site-packages folder, as importlib.metadata finds them, but read safely."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, DistributionFinder, PathDistribution
from pathlib import Path

from ..lowlevel.regular_files import read_regular


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
