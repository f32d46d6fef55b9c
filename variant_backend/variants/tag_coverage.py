"""Compare the tags of wheels by the systems on which installers accept them (platform compatibility tags)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import product

from .platform_tags import machines_of


def covers(fallbacks: Iterable[str], tags: str) -> bool:
    """Return whether a wheel with one of the *fallbacks* can be installed wherever one with *tags* can.

    Only the system and the machine of a platform tag are compared, not its version. Python 2 is ignored:
    installers that read variants do not support it.
    """
    offered = [tag for text in fallbacks for tag in single_tags(text)]
    wanted = [tag for tag in single_tags(tags) if not re.fullmatch(r"(py|cp)2\d*", tag[0])]
    return all(any(_covers(one, other) for one in offered) for other in wanted)


def single_tags(tags: str) -> list[tuple[str, ...]]:
    """Return the single tags of a compressed set, each as (Python, ABI, platform)."""
    return [*product(*(part.lower().split(".") for part in tags.split("-")))]


def _covers(offered: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    python, abi, platform = offered
    if platform != "any" and not machines_of(wanted[2]) <= machines_of(platform):
        return False
    if (python, abi) == wanted[:2]:
        return True
    least, version = _version(python), _version(wanted[0])
    if least is None or version is None:
        return False
    if abi == "none":
        return least <= version if python.startswith("py") else python == wanted[0]
    stable = "abi3t" if wanted[1].endswith("t") else "abi3"  # free-threaded Python has its own stable ABI
    return abi == stable and python[:2] == wanted[0][:2] and least <= version


def _version(python: str) -> int | None:
    """Return the minor version of a Python 3 tag, 0 if it has none. None for other Pythons."""
    match = re.fullmatch(r"[a-z]+3(\d*)", python)
    return int(match[1] or 0) if match else None
