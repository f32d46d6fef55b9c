"""Compare the tags of wheels by the systems on which installers accept them (platform compatibility tags)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import product
from typing import TypeAlias

from .platform_tags import machines_of

_Machines: TypeAlias = "frozenset[tuple[str, str]] | None"


def covers(fallbacks: Iterable[str], tags: str) -> bool:
    """Return whether a wheel with one of the *fallbacks* can be installed wherever one with *tags* can.

    Only the system and the machine of a platform tag are compared, not its version. Python 2 is ignored:
    installers that read variants do not support it.
    """
    return Coverage(fallbacks).covers(tags)


class Coverage:
    """The systems on which a wheel with one of the *fallbacks* can be installed, as in `covers`."""

    def __init__(self, fallbacks: Iterable[str]) -> None:
        # By machines, or None for any: (Python, ABI), and the least version by kind of Python and ABI.
        self._exact = set[tuple[_Machines, str, str]]()
        self._least: dict[tuple[_Machines, str, str], int] = {}
        for python, abi, platform in {tag for text in fallbacks for tag in single_tags(text)}:
            machines = machines_of(platform)
            own = {frozenset(machines), *(frozenset({machine}) for machine in machines)}
            least = _version(python)
            for key in {None} if platform == "any" else own:
                self._exact.add((key, python, abi))
                if least is not None:
                    kind = (key, python[:2], abi)
                    self._least[kind] = min(least, self._least.get(kind, least))

    def covers(self, tags: str) -> bool:
        """Return whether a wheel with *tags* has a fallback on all its systems."""
        wanted = (tag for tag in single_tags(tags) if not re.fullmatch(r"(py|cp)2\d*", tag[0]))
        return all(self._covers(*tag) for tag in wanted)

    def _covers(self, python: str, abi: str, platform: str) -> bool:
        version = _version(python)
        stable = "abi3t" if abi.endswith("t") else "abi3"  # free-threaded Python has its own stable ABI
        for machines in (None, frozenset(machines_of(platform))):
            if (machines, python, abi) in self._exact:
                return True
            if version is not None and (
                (machines, python, "none") in self._exact
                or self._least.get((machines, "py", "none"), version + 1) <= version
                or self._least.get((machines, python[:2], stable), version + 1) <= version
            ):
                return True
        return False


def single_tags(tags: str) -> list[tuple[str, str, str]]:
    """Return the single tags of a compressed set, as (Python, ABI, platform); none if it is malformed."""
    parts = [part.lower().split(".") for part in tags.split("-")]
    if len(parts) != 3:
        return []
    pythons, abis, platforms = parts
    return [*product(pythons, abis, platforms)]


def _version(python: str) -> int | None:
    """Return the minor version of a Python 3 tag, 0 if it has none. None for other Pythons."""
    match = re.fullmatch(r"[a-z]+3(\d{0,9})", python)  # Python converts no number of thousands of digits
    return int(match[1] or 0) if match else None
