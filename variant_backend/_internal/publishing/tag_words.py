"""The tags of wheels in words: platforms and interpreters."""

from __future__ import annotations

import re
from collections.abc import Sequence


def readable_tags(tags: str) -> tuple[str, str]:
    """Return the platforms and the interpreters of wheel tags, in words.

    >>> readable_tags("cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64")
    ('Linux x86_64 (glibc 2.17+)', 'CPython 3.12')
    >>> readable_tags("py2.py3-none-any")
    ('Any system', 'Python 2 or 3')
    """
    python, abi, platform = tags.split("-")
    interpreters = " or ".join(dict.fromkeys(_python(tag) for tag in python.split(".")))
    interpreters = interpreters.replace(" or Python ", " or ")
    if "abi3" in abi.split("."):
        interpreters += " and newer"
    if re.search(r"\dt(?![a-z])", abi):
        interpreters += ", free-threaded"
    return " or ".join(dict.fromkeys(_platform(tag) for tag in platform.split("."))), interpreters


_INTERPRETERS = {"cp": "CPython", "pp": "PyPy", "py": "Python", "graalpy": "GraalPy"}


def _python(tag: str) -> str:
    match = re.fullmatch(r"([a-z]+)(\d)(\d*)", tag)
    if not match or match[1] not in _INTERPRETERS:
        return tag
    return f"{_INTERPRETERS[match[1]]} {match[2]}{'.' if match[3] else ''}{match[3]}"


_PLATFORMS: Sequence[tuple[str, str]] = (
    (r"any", "Any system"),
    (r"manylinux_(\d+)_(\d+)_(\w+)", r"Linux \3 (glibc \1.\2+)"),
    (r"manylinux2014_(\w+)", r"Linux \1 (glibc 2.17+)"),
    (r"manylinux2010_(\w+)", r"Linux \1 (glibc 2.12+)"),
    (r"manylinux1_(\w+)", r"Linux \1 (glibc 2.5+)"),
    (r"musllinux_(\d+)_(\d+)_(\w+)", r"Linux \3 (musl \1.\2+)"),
    (r"linux_(\w+)", r"Linux \1"),
    (r"macosx_(\d+)_0_(\w+)", r"macOS \1+ \2"),
    (r"macosx_(\d+)_(\d+)_(\w+)", r"macOS \1.\2+ \3"),
    (r"win32", "Windows x86"),
    (r"win_amd64", "Windows x86_64"),
    (r"win_(\w+)", r"Windows \1"),
)


def _platform(tag: str) -> str:
    for pattern, words in _PLATFORMS:
        if match := re.fullmatch(pattern, tag):
            return match.expand(words)
    return tag
