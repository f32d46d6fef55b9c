"""Find installed files that several distributions own, and owned files that are missing.

Installers remove each file in the RECORD of a distribution, also if another one owns it, too.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import Distribution
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..formats import core_metadata
from ..variants.filename import check_project_name, normalize
from .distributions import (
    find_distributions,
    has_variant_json,
    read_core_metadata,
    read_name,
    read_record,
)

_AGAIN = "install the package again"


class FileOwner(NamedTuple):
    """An installed distribution, and the hashes of its files by their paths below *folder*.

    Compiled Python files and those of dist-info are left out.
    """

    name: str
    version: str
    folder: Path
    hashes: Mapping[str, str]
    is_variant: bool

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class SharedFiles(NamedTuple):
    """The paths of files that several distributions own; *is_same* if the hashes in each RECORD are equal."""

    owners: Sequence[FileOwner]
    paths: Sequence[str]
    is_same: bool


class MissingFiles(NamedTuple):
    """The paths of files of a distribution that do not exist."""

    owner: FileOwner
    paths: Sequence[str]


def read_owners(folders: Sequence[Path]) -> tuple[list[FileOwner], list[Problem]]:
    """Return the distributions in site-packages folders with their files, by name, and unreadable RECORDs.

    Those without a valid name or a RECORD, and those hidden by an earlier folder, are left out.
    A folder may have several versions of one: with ``--target``, pip does not remove the old one.
    """
    owners, problems, folder_of = list[FileOwner](), list[Problem](), dict[str, str]()
    for distribution in find_distributions([*dict.fromkeys(folders)]):
        with suppress(VariantError, UnicodeDecodeError):
            name, folder = read_name(distribution), str(distribution.locate_file(""))
            if name is not None and folder_of.setdefault(normalize(name), folder) == folder:
                check_project_name(name)  # a command shows it
                try:
                    if owner := _owner(name, distribution):
                        owners.append(owner)
                except (VariantError, UnicodeDecodeError) as error:
                    problems.append(Problem("warning", f"{name}: RECORD", str(error), _AGAIN))
    return sorted(owners, key=lambda owner: (normalize(owner.name), owner.version)), problems


def _owner(name: str, distribution: Distribution) -> FileOwner | None:
    """Read a distribution, None if it has no RECORD; raises as reading does."""
    record = read_record(distribution)
    if record is None:
        return None
    return FileOwner(
        name,
        core_metadata.read_field(read_core_metadata(distribution), "Version"),
        Path(str(distribution.locate_file(""))),
        {
            path: digest
            for path, digest, _ in record.rows
            if path[-4:] != ".pyc" and ".dist-info/" not in path
        },
        has_variant_json(distribution),
    )


def shared_files(owners: Sequence[FileOwner]) -> Iterator[SharedFiles]:
    """Yield the files that several distributions own, for each group of owners."""
    for folder in dict.fromkeys(owner.folder for owner in owners):
        here = [owner for owner in owners if owner.folder == folder]
        first: dict[str, int] = {}
        several: dict[str, list[int]] = {}
        for number, owner in enumerate(here):
            for path in owner.hashes:
                if first.setdefault(path, number) != number:
                    several.setdefault(path, [first[path]]).append(number)
        groups: dict[tuple[int, ...], list[str]] = {}
        for path, numbers in several.items():
            groups.setdefault(tuple(numbers), []).append(path)
        for group, paths in groups.items():
            sharing = [here[number] for number in group]
            yield SharedFiles(sharing, sorted(paths), all(_have_equal(sharing, path) for path in paths))


def _have_equal(owners: Collection[FileOwner], path: str) -> bool:
    """Return whether distributions have the same hash of a file."""
    hashes = {owner.hashes[path] for owner in owners}
    return len(hashes) == 1 and "" not in hashes


def missing_files(owners: Sequence[FileOwner]) -> Iterator[MissingFiles]:
    """Yield the files of each distribution that are missing in its folder; files elsewhere are not read."""
    for owner in owners:
        if owner.folder.is_dir():  # not a zip file
            start = f"{owner.folder}{os.sep}"
            paths = [path for path in owner.hashes if _is_inside(path) and not os.path.lexists(start + path)]
            if paths:
                yield MissingFiles(owner, sorted(paths))


def _is_inside(path: str) -> bool:
    return not path.startswith(("..", "/")) and ":" not in path[:3]
