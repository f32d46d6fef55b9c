"""Globs that select existing wheels by the parts of their names, in the tables ``match`` of TOML files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from ..errors import VariantError, one_of
from ..variants.filename import WheelFilename, escape
from ..variants.validation import Document, join

# The parts of a wheel's name that globs are compared with, and the characters allowed in each.
_PARTS = {
    "name": "A-Za-z0-9._-",
    "version": "A-Za-z0-9._!",
    "local": "A-Za-z0-9._",
    "python": "A-Za-z0-9_",
    "abi": "A-Za-z0-9_",
    "platform": "A-Za-z0-9_",
}
# The URL of the index that has the wheel, for files that know indexes.
INDEX = "index"


def matches_globs(globs: Mapping[str, str], filename: WheelFilename, index_url: str = "") -> bool:
    """Return whether every glob matches a wheel's name, or the URL of its index; false without globs.

    The project name is compared in normalized form, the version without its local part. One of several
    tags joined by dots must match.
    """
    from fnmatch import fnmatchcase

    version, _, local = filename.version.partition("+")
    python, abi, platform = (tag.lower().split(".") for tag in filename.tags.split("-"))
    parts = {"name": [escape(filename.distribution)], "version": [version.lower()], "local": [_local(local)]}
    parts |= {"python": python, "abi": abi, "platform": platform, INDEX: [index_url.rstrip("/")]}
    return bool(globs) and all(
        any(
            fnmatchcase(text, {"name": escape, "local": _local, INDEX: _url}.get(part, str.lower)(glob))
            for text in parts[part]
        )
        for part, glob in globs.items()
    )


def _local(text: str) -> str:
    """Return a local version in the form for comparison (PEP 440)."""
    return text.lower().replace("_", ".")


def _url(glob: str) -> str:
    return glob.rstrip("/")


def read_globs(
    document: Document, table: Mapping[str, object], place: str, *, with_index: bool = False
) -> dict[str, str]:
    """Read the table ``match`` in a *table* at a *place*; problems are added to the document.

    Only *with_index*, globs may be about the URL of an index.
    """
    if "match" not in table:
        return {}
    known = (*_PARTS, *((INDEX,) if with_index else ()))
    at_match = join(place, "match")
    parts = document.table(table["match"], at_match, known)
    if table["match"] == {}:
        document.note(at_match, f"expected at least one glob; known keys: {one_of(known)}")
    globs = {}
    for part, value in parts.items():
        glob = document.string(value, join(at_match, part))
        if glob is not None and document.passes(join(at_match, part), partial(_check_glob, part), glob):
            globs[part] = glob
    return globs


def _check_glob(part: str, glob: str) -> None:
    """Check that a glob can match a part of a name; raises VariantError."""
    if not glob and part != "local":  # "" matches versions without a local part
        raise VariantError("an empty glob matches nothing", remedy="write '*' to match anything")
    if re.search(r"\[[^\]]*$", glob):
        raise VariantError(f"glob {glob!r}: '[' without ']'", remedy="add the ']', as in '[23]'")
    if part == INDEX:
        return
    if stray := re.search(rf"[^*?{_PARTS[part]}]", re.sub(r"\[!?[^\]]+\]", "", glob)):
        raise VariantError(
            f"glob {glob!r}: no {part} contains the character {stray[0]!r}", remedy="write '?' or '*' instead"
        )
