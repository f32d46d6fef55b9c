"""The manifest of a mirror: which files in its folder are its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from ..errors import VariantError
from ..formats.html_writing import GENERATOR
from ..variants.validation import Document, read_strict_json

_VERSION = 1
# No other characters: a name from an index becomes a path on any system, and a part of URLs.
_SAFE_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.!+-]*"
# A name of 255 bytes is the longest on most systems, and `.metadata` follows it.
_LONGEST_NAME = 240
_FILE = re.compile(rf"files/[0-9a-f]{{16}}/{_SAFE_NAME}")
_PAGE = re.compile(
    r"[a-z0-9_-]+/simple/([a-z0-9-]+/)?index\.(html|json)|pylock\.[a-z0-9_-]+\.toml|index\.html"
)


class KnownFile(NamedTuple):
    """A file of a mirror: its SHA-256, and the key of its source if the upstream does not list that hash."""

    sha256: str
    source: str = ""


class Manifest(NamedTuple):
    """What belongs to a mirror: its *files* and its *pages*, by paths relative to its folder."""

    files: Mapping[str, KnownFile] = {}  # no code changes this default
    pages: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """Return the content of the manifest; equal manifests have the same bytes."""
        files = {
            path: {"sha256": known.sha256, **({"source": known.source} if known.source else {})}
            for path, known in sorted(self.files.items())
        }
        document = {"version": _VERSION, "created-by": GENERATOR, "files": files, "pages": sorted(self.pages)}
        return f"{json.dumps(document, indent=1)}\n".encode()

    @classmethod
    def of_json(cls, content: bytes) -> Manifest:
        """Read a manifest; raises VariantError with every problem, also for paths outside of the mirror.

        An empty one, which a killed run may leave, has no files: they are found again by their hashes.
        """
        if not content:
            return cls()
        document = Document()
        top = document.table(read_strict_json(document, content), "", required=("version", "files", "pages"))
        if top.get("version") != _VERSION or top.get("created-by") != GENERATOR:
            raise VariantError("not written by this version of variant-backend")
        files: dict[str, KnownFile] = {}
        for path, value in document.table(top.get("files", {}), "files").items():
            entry = document.table(value, f"files.{path}")
            files[path] = KnownFile(*(str(entry.get(key, "")) for key in ("sha256", "source")))
            _check_path(_FILE, path)
        pages = document.strings(top.get("pages", []), "pages", partial(_check_path, _PAGE), least=0)
        document.check()
        return cls(files, tuple(pages))


def _check_path(pattern: re.Pattern[str], path: str) -> None:
    """Raise VariantError for a path that no mirror writes: it could lead out of the folder."""
    if not pattern.fullmatch(path):
        raise VariantError(f"invalid path {path!r}")


def path_in_mirror(filename: str, sha256: str) -> str:
    """Return where a mirror has a file, relative to its folder.

    Raises VariantError for a name that is not safe as a path.

    >>> path_in_mirror("six-1.0-py3-none-any.whl", "0123456789abcdef" * 4)
    'files/0123456789abcdef/six-1.0-py3-none-any.whl'
    """
    if not re.fullmatch(_SAFE_NAME, filename) or len(filename) > _LONGEST_NAME:
        text = f"invalid filename {filename[:_LONGEST_NAME]!a}"
        raise VariantError(text, remedy="report this to the owner of the index")
    return f"files/{sha256[:16]}/{filename}"


def sha256_of(hashes: Mapping[str, str]) -> str:
    """Return the SHA-256 among hashes, empty if there is none that can be one."""
    digest = hashes.get("sha256", "").lower()
    return digest if re.fullmatch("[0-9a-f]{64}", digest) else ""
