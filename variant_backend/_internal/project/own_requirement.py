"""The requirement of a build on this package: under which names, where, and in which versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ... import __version__
from ..errors import MOST_SHOWN, Problem
from ..variants.filename import name_in

if TYPE_CHECKING:
    from packaging.requirements import Requirement

# The distribution of this package, and the one with its commands, which requires it. A build needs the first
# one, and `build-system.requires` may name either.
CORE = "variant-backend-core"
_COMMANDS = "variant-backend"

# Environments in which wheels are built: sys_platform, platform_system, os_name and platform_machine.
_SYSTEMS = (
    ("linux", "Linux", "posix", "x86_64"),
    ("linux", "Linux", "posix", "aarch64"),
    ("darwin", "Darwin", "posix", "arm64"),
    ("win32", "Windows", "nt", "AMD64"),
)
_PYTHONS = ("3.10", "3.15")
_AT_LEAST = (">=", ">", "==", "~=")


def own_requirements(requires: Sequence[str]) -> list[int]:
    """Return the indexes of the requirements on this package.

    >>> own_requirements(["setuptools", "variant_backend", "variant-backend-core==0.1.0", "variant"])
    [1, 2]
    """
    return [index for index, text in enumerate(requires) if name_in(text) in (CORE, _COMMANDS)]


def own_requirement_problem(own: Sequence[str], place: str) -> Problem | None:
    """Return why the requirements *own* of a build do not install this package everywhere, or None.

    They are also a problem if they admit only newer versions than this one. If they admit only older ones,
    installers find one.

    >>> print(own_requirement_problem(["variant-backend-core; os_name == 'nt'"], "requires"))
    requires: "variant-backend-core; os_name == 'nt'" is not required on linux x86_64; remove the marker
    """
    requirements = [*_parsed(own)]
    shown = " and ".join(repr(text[:MOST_SHOWN]) for text in own)
    if requirements and (where := _excluded(requirements)):
        return Problem("build-requires", place, f"{shown} is not required on {where}", "remove the marker")
    if any(map(_needs_newer, requirements)):
        text = f"{shown} excludes {__version__}, the version that checks this file"
        return Problem("build-requires", place, text, f"admit {__version__}, or update variant-backend")
    return None


def _excluded(requirements: Iterable[Requirement]) -> str:
    """Return the system and the machine on which all requirements are excluded; empty if there are none."""
    names = ("sys_platform", "platform_system", "os_name", "platform_machine")
    markers = [requirement.marker for requirement in requirements]
    for values in _SYSTEMS:
        for python in _PYTHONS:
            environment = dict(zip(names, values, strict=True))
            environment |= {"python_version": python, "python_full_version": f"{python}.0"}
            environment |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
            if all(marker is not None and not marker.evaluate(environment) for marker in markers):
                return f"{values[0]} {values[-1]}"
    return ""


def _needs_newer(requirement: Requirement) -> bool:
    """Return whether a requirement admits only versions that are newer than this one."""
    least = (part.version for part in requirement.specifier if part.operator in _AT_LEAST)
    return any(_is_newer(version.removesuffix(".*")) for version in least)


def _is_newer(version: str) -> bool:
    from packaging.version import Version

    try:
        return Version(version) > Version(__version__)
    except ValueError:  # more digits than Python converts
        return True


def _parsed(texts: Iterable[str]) -> Iterator[Requirement]:
    """Yield the valid requirements; installers report the others."""
    from packaging.requirements import InvalidRequirement, Requirement

    for text in texts:
        try:
            yield Requirement(text)
        except InvalidRequirement:
            continue
