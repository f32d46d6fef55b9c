"""The wheels that are installed in an environment, read fast: names and versions are those of dist-info."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError
from ..lowlevel.regular_files import read_regular
from ..machine.environment import Environment
from ..variants.filename import normalize
from .command import ToolCommand
from .destination import destination

_DIST_INFO = ".dist-info"


class InstalledWheel(NamedTuple):
    """An installed distribution; its *label* is None if it is not a variant.

    *is_direct*: it was installed from a file or URL that the user named. *stamp* differs after it was
    installed again.
    """

    name: str
    version: str
    label: str | None
    is_direct: bool
    stamp: int

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def pinned(self) -> str:
        """The requirement on exactly this version."""
        return f"{self.name}=={self.version}"


class InstalledBefore(NamedTuple):
    """The environment of a command before it starts.

    *environment* is None if it is unknown or does not exist yet.
    """

    environment: Environment | None
    installed: Mapping[str, InstalledWheel]


def installed_wheels(folders: Iterable[Path]) -> dict[str, InstalledWheel]:
    """Return the distributions in site-packages folders by normalized name; the first folder wins.

    pip keeps the old dist-info in a target folder, and mostly its files, too, so the older one wins there.
    """
    wheels: dict[str, InstalledWheel] = {}
    for folder in folders:
        here: dict[str, InstalledWheel] = {}
        for entry in _dist_infos(folder):
            name, _, version = entry.name.removesuffix(_DIST_INFO).partition("-")
            name = normalize(name)
            with suppress(OSError):
                if name not in wheels and version:
                    wheel = _read(entry, name, version)
                    here[name] = min(here.get(name, wheel), wheel, key=lambda one: one.stamp)
        wheels |= here
    return wheels


def _dist_infos(folder: Path) -> Iterator[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as entries:
        yield from (entry for entry in entries if entry.name.endswith(_DIST_INFO))


def _read(entry: os.DirEntry[str], name: str, version: str) -> InstalledWheel:
    files = {*os.listdir(entry.path)}  # noqa: PTH208  # only names, which is faster
    label = _label(Path(entry.path, "variant.json")) if "variant.json" in files else None
    return InstalledWheel(name, version, label, "direct_url.json" in files, entry.stat().st_mtime_ns)


def _label(path: Path) -> str:
    """Return the label in variant.json of an installed wheel; empty if it cannot be read."""
    try:
        document = json.loads(read_regular(path))
        (label,) = document["variants"]
    except (OSError, VariantError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    return str(label)


def changed(
    before: Mapping[str, InstalledWheel], after: Mapping[str, InstalledWheel]
) -> Mapping[str, InstalledWheel]:
    """Return the distributions that are new, or were installed again."""
    return {name: wheel for name, wheel in after.items() if before.get(name) != wheel}


def environment_after(
    before: InstalledBefore, command: ToolCommand, environ: Mapping[str, str], folder: Path
) -> Environment | None:
    """Return the environment of a command that has ended, which may have made it; None if it is unknown."""
    place = before.environment
    return place if place is not None and place.folders else destination(command, environ, folder)


def installed_before(command: ToolCommand, environ: Mapping[str, str], folder: Path) -> InstalledBefore:
    """Return what is installed before a command starts in a *folder*."""
    place = destination(command, environ, folder)
    return InstalledBefore(place, installed_wheels(place.folders) if place else {})
