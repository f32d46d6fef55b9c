"""Find the installers on a machine, and what they support, without starting them.

The version of a tool is that of its distribution, beside the program or in the user's environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..formats.core_metadata import read_field
from ..lowlevel.processes import programs_on_path
from ..variants.uv_behaviour import KNOWN_TO_UV, UV_FLAG
from .environment import base_site_packages

_TOOLS = ("pip", "uv", "poetry", "pdm", "conda")


class ToolSupport(NamedTuple):
    """What a tool supports, in *words*.

    *option* makes it select variants. It detects the values of *namespaces*; None means those of this report.
    """

    words: str
    reads_variants: bool = False
    option: str | None = None
    namespaces: tuple[str, ...] | None = ()

    def to_dict(self) -> dict[str, object]:
        """Return the keys of the JSON object."""
        namespaces = None if self.namespaces is None else list(self.namespaces)
        return {
            "supports": self.words,
            "variants": self.reads_variants,
            "option": self.option,
            "namespaces": namespaces,
        }


_PLAIN = ToolSupport("plain wheels only")
_SUPPORT = {
    "variant-backend": ToolSupport("variants, for any installer", reads_variants=True, namespaces=None),
    "uv": ToolSupport(
        f"variants with {UV_FLAG}; detects {', '.join(KNOWN_TO_UV)}",
        reads_variants=True,
        option=UV_FLAG,
        namespaces=tuple(KNOWN_TO_UV),
    ),
    "conda": ToolSupport("conda packages, no wheels"),
}


class InstallTool(NamedTuple):
    """An installer: its version, None if no file says it, and its program or the folder that has it."""

    name: str
    version: str | None
    location: str

    @property
    def support(self) -> ToolSupport:
        """What it supports, as measured with the releases that `uv_behaviour` names."""
        return _SUPPORT.get(self.name, _PLAIN)


def find_tools(folders: Sequence[Path], environ: Mapping[str, str]) -> list[InstallTool]:
    """Return the installers in an environment's site-packages folders, then others on PATH.

    A tool that is in both is returned for the environment only.
    """
    tools: list[InstallTool] = []
    for name in _TOOLS:
        if version := _version_in(folders, name):
            tools.append(InstallTool(name, version[0], str(version[1])))
        else:
            tools += (
                InstallTool(name, _version_of(program, name), str(program))
                for program in programs_on_path([name], environ)
            )
    return tools


def _version_of(program: Path, name: str) -> str | None:
    """Return the version of a program, by the distribution in the environment of its real file."""
    with suppress(OSError, RuntimeError):  # for example, a loop of links
        prefix = program.resolve().parent.parent
        records = (record.stem for record in prefix.glob(f"conda-meta/{name}-*-*.json"))
        for match in filter(None, (re.fullmatch(rf"{name}-([^-]+)-[^-]+", stem) for stem in records)):
            return match[1]
        if version := _version_in(base_site_packages(prefix / "bin"), name):
            return version[0]
    return None


def _version_in(folders: Iterable[Path], name: str) -> tuple[str, Path] | None:
    """Return the version of a distribution with its folder, None if it is missing or cannot be read."""
    from ..wheels.distributions import find_distributions, read_core_metadata

    for distribution in find_distributions([*folders], name=name):
        with suppress(Exception):  # invalid files raise errors of many types
            version = read_field(read_core_metadata(distribution), "Version")
            return version, Path(str(distribution.locate_file("")))
    return None
