"""Order wheels whose label, best tag and build number are equal, such as `py3` and `py2.py3`.

PEP 825 leaves this order open, so it is the order of the released uv in folders. It compares the tags part by
part, not as text: 2_5 comes before 2_17. Of equal plain wheels, the first one is better; of equal variants,
the last one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

from .filename import WheelFilename

Order: TypeAlias = tuple[object, ...]

_ARCHES = (
    *("aarch64", "armv5tel", "armv6l", "armv7l", "ppc64le", "ppc64", "ppc", "i686", "x86_64", "s390x"),
    *("loongarch64", "riscv64"),
)
_ARCH = f"({'|'.join(_ARCHES)})"
# The flags of an ABI, in the order of their bits.
_FLAGS = "tudm"
_MINOR, _NUMBERS = r"(\d)(\d{1,3})", r"(\d{1,5})_(\d{1,5})"

# The tags that uv knows, in its order; it ignores others in compressed sets.
_PYTHONS = (
    *("none", r"py(\d)(\d{0,2})", r"cp(\d)(\d{1,2})", f"pp{_MINOR}", f"graalpy{_MINOR}", f"pyston{_MINOR}"),
    r"cp(\d)",
)
_ABIS = (
    *("none", "abi3", "abi3t", f"cp{_MINOR}([{_FLAGS}]*)", f"pypy{_MINOR}_pp{_MINOR}"),
    *(f"graalpy{_MINOR}_{_MINOR}_native", f"pyston_{_MINOR}_x86_64_linux_gnu"),
)
_PLATFORMS = (
    *("any", f"manylinux_{_NUMBERS}_{_ARCH}", f"manylinux1_{_ARCH}", f"manylinux2010_{_ARCH}"),
    *(f"manylinux2014_{_ARCH}", f"linux_{_ARCH}", f"musllinux_{_NUMBERS}_{_ARCH}"),
    f"macosx_{_NUMBERS}_(arm64|fat|fat32|fat64|i386|intel|ppc|ppc64|universal|universal2|x86_64)",
    *("win32", "win_amd64", "win_arm64", "win_ia64", r"android_(\d{1,5})_(\w+)", r"freebsd_(\w+)"),
    *(f"pyodide_{_NUMBERS}_wasm32", f"pyemscripten_{_NUMBERS}_wasm32", rf"ios_{_NUMBERS}_(\w+)"),
)


def tag_order(wheel: WheelFilename) -> Order:
    """Return the position of a wheel among those with equal labels, best tags and build numbers.

    >>> pythons = ["py3.py2", "py3", "py2.py3"]
    >>> names = [WheelFilename("demo", "1.0", "", f"{python}-none-any", "fast") for python in pythons]
    >>> [name.tags for name in sorted(names, key=tag_order)]
    ['py2.py3-none-any', 'py3-none-any', 'py3.py2-none-any']
    """
    is_single, known = _orders(wheel.tags)
    is_short = is_single and not wheel.build and wheel.label is None
    spelled = f"{wheel.build}-{wheel.tags}" if wheel.build else wheel.tags
    return (not is_short, *known, spelled, str(wheel))


@lru_cache(maxsize=1000)
def _orders(text: str) -> tuple[bool, tuple[Order, ...]]:
    """Return whether tags are single and known ones, and the positions of the known ones, part by part."""
    texts = [part.split(".") for part in text.split("-")]
    known = tuple(
        tuple(order for tag in tags if (order := _order(kinds, tag)))
        for kinds, tags in zip((_PYTHONS, _ABIS, _PLATFORMS), texts, strict=True)
    )
    return all(len(tags) == len(orders) == 1 for tags, orders in zip(texts, known, strict=True)), known


@lru_cache(maxsize=1000)
def _order(kinds: tuple[str, ...], tag: str) -> Order:
    """Return the position of a tag, and an empty tuple for an unknown one."""
    for place, kind in enumerate(kinds):
        if match := re.fullmatch(kind, tag, re.ASCII):
            return (place, *map(_part, match.groups()))
    return ()


def _part(text: str) -> tuple[int, str]:
    """Return the position of a part of a tag: a number, an architecture, flags, or another name."""
    if text.isdecimal():
        return int(text), ""
    if text in _ARCHES:
        return _ARCHES.index(text), ""
    if set(text) <= {*_FLAGS}:
        return sum(1 << _FLAGS.index(flag) for flag in text) if text else -1, ""
    return 0, text
