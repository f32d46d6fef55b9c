"""The page of a project in the offer: where each file is, and what installers can verify.

Paths of files are relative to the page, so that the offer can be served below any path. A path has a part of
the file's hash: other content has another URL, because installers cache files by URL.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from ..errors import Problem
from ..formats.release import File
from ..formats.simple_api import Page
from ..lowlevel.urls import without_user
from .offer import Offered

# A page is SITE/MACHINE/simple/PROJECT/, or SITE/MACHINE/ENVIRONMENT/simple/PROJECT/; a file is
# SITE/MACHINE/files/PROJECT/KEY/FILENAME.
_TO_FILES = "../../files"


class Prepared(NamedTuple):
    """A file that is ready to be served.

    *file* has the name, hashes and size that the page lists; its location is that of the content.
    *core_metadata* is the content for ``.metadata`` if the upstream's own one is not used. *is_direct*: the
    page links to the upstream.
    """

    offered: Offered
    file: File
    core_metadata: bytes | None = None
    is_direct: bool = False

    @property
    def key(self) -> str:
        """A short text that other content does not have."""
        known = self.file.hashes.get("sha256", "")
        if not known.isalnum():  # a hostile page may have a path in place of a hash
            known = hashlib.sha256(_identity(self.file).encode()).hexdigest()
        return known[:16]


def _identity(file: File) -> str:
    """Return what distinguishes a file without SHA-256: its other hashes, or else where it is."""
    if file.hashes:
        return str(sorted(file.hashes.items()))
    if isinstance(file.location, str):
        return urlsplit(without_user(file.location))._replace(query="", fragment="").geturl()
    return str(file.location)


class PreparedProject(NamedTuple):
    """All files of a project for one machine and environment, and the problems of those left out."""

    name: str
    files: tuple[Prepared, ...]
    problems: tuple[Problem, ...] = ()


def simple_page(project: PreparedProject, *, depth: int = 0) -> Page:
    """Return the page for installers; *depth* is 1 if its path names an environment."""
    start = "../" * depth + _TO_FILES
    return Page(project.name, tuple(_listed(project.name, ready, start) for ready in project.files))


def _listed(project: str, ready: Prepared, start: str) -> File:
    """Return a file as the page lists it."""
    if ready.is_direct:
        return ready.file
    path = "/".join(map(quote, (project, ready.key, ready.file.filename)))
    return ready.file._replace(location=f"{start}/{path}")


def hashes_of(content: bytes) -> Mapping[str, str]:
    """Return the SHA-256 of a content, as pages list it."""
    return {"sha256": hashlib.sha256(content).hexdigest()}
