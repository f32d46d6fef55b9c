"""The files of a project in the sources of the upstream; each source is read again only if it has changed."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..formats.release import File
from ..lowlevel.http import NOT_FOUND, KnownPage
from ..lowlevel.ranges import path_of
from ..lowlevel.remembered_digests import is_settled
from ..selection.releases import Sources
from ..selection.source_files import (
    Folders,
    files_on_index,
    files_on_page,
    names_on_page,
    page_on_server,
    projects_in_folder,
    projects_on_index,
)
from .contents import without_content

# A page is used for this many seconds at most, whatever its server says.
_LONGEST_USE = 600.0
_FILE_URL = "file:"


class SourceFiles(NamedTuple):
    """The files of a project in one source, with its *place* in messages, and the problems of its page.

    *origin* is the folder or the URL of the index.
    *page* is the answer of a server, without its content. *stamp* is a value that changes with the files.
    Until the moment *fresh_until*, the source need not be asked again.
    """

    origin: str
    place: str
    files: tuple[File, ...]
    problems: tuple[Problem, ...]
    stamp: object
    page: KnownPage | None = None
    fresh_until: float = 0.0


class ProjectList(NamedTuple):
    """The names of all projects of an index, from a *page* that is used until *fresh_until*."""

    names: tuple[str, ...]
    page: KnownPage
    fresh_until: float


def missing_folders(sources: Sources) -> list[Problem]:
    """Return a problem for each folder of wheels or of an index that does not exist."""
    own = [url for entry in sources.overlay for url in entry.index_urls]
    named = [
        ("--index-url", _folders_of(sources.index_urls)),
        ("--find-links", sources.find_links),
        ("--overlay", _folders_of(dict.fromkeys(own))),
    ]
    remedy = "create it, or name another one"
    return [
        Problem("error", option, f"{folder} is not a folder", remedy)
        for option, folders in named
        for folder in folders
        if not folder.is_dir()
    ]


def _folders_of(index_urls: Iterable[str]) -> list[Path]:
    """Return the folders of the indexes on disk."""
    return [path_of(url) for url in index_urls if url.lower().startswith(_FILE_URL)]


class FolderSource:
    """A folder of wheels."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.origin: str = str(folder)
        self._listed: tuple[object, Folders] = (None, Folders())

    def read(self, name: str, known: SourceFiles | None) -> SourceFiles | None:
        """Return the files of a project, the *known* ones if they have not changed; None without files.

        Raises VariantError if the folder cannot be read.
        """
        stamp = _stamp([self._folder])
        if stamp is None or self._listed[0] != stamp:
            self._listed = stamp, Folders()
        place, files = self._listed[1].files(self._folder, name)
        if not files:
            return None
        own = _stamp(_paths(files))
        if known and stamp and own and known.stamp == (stamp, own):
            return known
        return SourceFiles(self.origin, place, tuple(files), (), (stamp, own))

    def projects(self) -> tuple[str, ...]:
        """Return the names of the projects with wheels in the folder; raises VariantError."""
        return tuple(projects_in_folder(self._folder))


class IndexSource:
    """A package index, on a server or on disk.

    A page is used for *shortest_use* seconds at least, even if its server does not allow that.
    """

    def __init__(self, url: str, shortest_use: float = 0.0) -> None:
        self.origin: str = url
        self._url = url
        self._shortest_use = shortest_use
        self._list: ProjectList | None = None

    def read(self, name: str, known: SourceFiles | None) -> SourceFiles | None:
        """Return the files of a project, the *known* ones if its page has not changed.

        None if the index does not have the project. Raises VariantError if the index fails.
        """
        try:
            return self._on_disk(name, known) if self._is_on_disk else self._on_server(name, known)
        except VariantError as error:
            if all(problem.code == NOT_FOUND for problem in error.problems):
                return None
            raise

    @property
    def _is_on_disk(self) -> bool:
        return self._url.startswith(_FILE_URL)

    def _on_disk(self, name: str, known: SourceFiles | None) -> SourceFiles:
        page = path_of(self._url) / name / "index.html"
        if known and (stamp := _stamp([page, *_paths(known.files)])) and stamp == known.stamp:
            return known
        problems: list[Problem] = []
        place, files = files_on_index(self._url, name, problems)
        stamp = _stamp([page, *_paths(files)])
        return SourceFiles(self.origin, place, tuple(files), tuple(problems), stamp)

    def _on_server(self, name: str, known: SourceFiles | None) -> SourceFiles:
        answer = page_on_server(self._url, name, known.page if known else None)
        fresh_until = time.monotonic() + max(min(answer.max_age, _LONGEST_USE), self._shortest_use)
        page = without_content(answer)
        if known and answer.is_known:
            return known._replace(page=page, fresh_until=fresh_until)
        stamp = (hashlib.sha256(answer.page.content).digest(), answer.page.kind, answer.page.url)
        if known and known.stamp == stamp:
            return known._replace(page=page, fresh_until=fresh_until)
        problems: list[Problem] = []
        place, files = files_on_page(answer.page, problems)
        return SourceFiles(self.origin, place, tuple(files), tuple(problems), stamp, page, fresh_until)

    def projects(self) -> tuple[str, ...] | None:
        """Return the names of all projects; the same object as before if the list has not changed.

        None if the server has no such list. Raises VariantError.
        """
        if self._is_on_disk:
            return tuple(projects_on_index(self._url))
        if self._list and time.monotonic() < self._list.fresh_until:
            return self._list.names
        try:
            answer = page_on_server(self._url, "", self._list.page if self._list else None)
        except VariantError as error:
            if all(problem.code == NOT_FOUND for problem in error.problems):
                return None
            raise
        names = self._list.names if self._list and answer.is_known else names_on_page(answer.page)
        fresh_until = time.monotonic() + min(answer.max_age, _LONGEST_USE)
        self._list = ProjectList(names, without_content(answer), fresh_until)
        return names


def _paths(files: Iterable[File]) -> list[Path]:
    return [file.location for file in files if isinstance(file.location, Path)]


def _stamp(paths: Iterable[Path]) -> object:
    """Return a value that changes with the files; None if a file has just changed, or does not exist."""
    now, facts = time.time_ns(), []
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116  # twice as fast as Path.stat
        except (OSError, ValueError):
            return None
        if not is_settled(status, now):
            return None
        facts.append((path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return tuple(facts)
