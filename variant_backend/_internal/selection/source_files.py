"""Find the files of a project in a folder or on its page of a package index, over HTTP or on disk.

As in pip and uv, an index on disk is a folder with one ``PROJECT/index.html`` for each project; neither reads
its ``index.json``. Source: the simple repository API.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import Problem, VariantError, did_you_mean, problems_of
from ..formats import simple_api
from ..formats.release import Candidate, File
from ..lowlevel import http
from ..lowlevel.ranges import path_of
from ..lowlevel.regular_files import LARGEST, read_regular
from ..lowlevel.urls import invalid_url, shown_url, with_credentials
from ..variants.filename import normalize, release_of_index

# The ends of the names of sdists that uv uses.
SDISTS = (".tar.gz", ".zip")
_PAGE = "index.html"


def read_folder(text: str) -> Path:
    """Read a value of ``--find-links``: a folder or its ``file://`` URL; raises VariantError."""
    if _scheme(text) == "file":
        return _path_of(text)
    if "://" in text:
        text = f"expected a folder, got {shown_url(text)!r}"
        raise VariantError(text, remedy="use --index-url for package indexes")
    if not text:
        raise VariantError("expected a folder, got ''", remedy="write . for the current folder")
    return Path(text)


def read_index_url(text: str) -> str:
    """Read a value of ``--index-url``, and return a URL of HTTP, or the ``file://`` URL of a folder.

    Raises VariantError if the URL is invalid, or if its scheme is missing or not supported.
    """
    scheme = _scheme(text)
    if scheme in ("http", "https"):
        try:
            urlsplit(text)
        except ValueError as error:
            raise VariantError(f"invalid URL: {invalid_url(error, text)}") from None
        return text
    if scheme == "file":
        return _path_of(text).as_uri()
    if "\0" in text:
        raise VariantError(f"invalid path {text!r}")
    if not Path(text).is_dir():
        if re.match(r"(localhost|[\w-]+(\.[\w-]+)+)(:\d+)?(/|$)", text):
            scheme = "http" if re.match(r"localhost\b|127\.", text) else "https"
            raise VariantError(f"{text!r} has no scheme", remedy=f"write {scheme}://{text}")
        if scheme:
            remedy = "use an https:// URL, a file:// URL or a folder"
            raise VariantError(f"unsupported scheme {scheme!r}", remedy=remedy)
    return Path(text).absolute().as_uri()


def _scheme(text: str) -> str:
    """Return the scheme of a URL in lower case, empty for a path; a drive of Windows is not a scheme."""
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", text)
    return match[1].lower() if match else ""


def _path_of(url: str) -> Path:
    try:
        return path_of(url).absolute()
    except VariantError as error:
        raise error.within(repr(url)) from None


def shown_source(url: str) -> str:
    """Return the URL of an index for messages: the path of one on disk, others without secrets."""
    return str(path_of(url)) if _scheme(url) == "file" else shown_url(url)


def files_in_folder(folder: Path) -> tuple[str, list[File]]:
    """Return a folder's name for messages, and its files; raises VariantError if it cannot be read."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.name.endswith((".whl", ".json", *SDISTS)))
    except OSError as error:
        raise _unreadable(folder, error) from None
    return str(folder), [File(path.name, path, {}) for path in paths]


class Folders:
    """The files of folders by project, for the requests of a run: each folder is listed once."""

    def __init__(self) -> None:
        self._folders: dict[Path, tuple[str, dict[str | None, list[File]]]] = {}

    def files(self, folder: Path, name: str) -> tuple[str, list[File]]:
        """Return a folder's name for messages, and the files that may belong to a project.

        The *name* is normalized. Raises VariantError if the folder cannot be read.
        """
        if folder not in self._folders:
            place, files = files_in_folder(folder)
            by_project: dict[str | None, list[File]] = {}
            for file in files:
                by_project.setdefault(_project_of(file.filename), []).append(file)
            self._folders[folder] = place, by_project
        place, by_project = self._folders[folder]
        return place, [*by_project.get(name, ()), *by_project.get(None, ())]


def _project_of(filename: str) -> str | None:
    """Return the normalized name of the project that a file may belong to. None if it is unknown."""
    if filename.endswith(".whl"):
        return normalize(filename.partition("-")[0])
    if filename.endswith(SDISTS):
        return normalize(filename.rpartition("-")[0])
    try:
        release = release_of_index(filename)
    except VariantError:
        return None
    return release[0] if release else None


def _unreadable(folder: Path, error: OSError) -> VariantError:
    """Return the error for a folder that cannot be listed."""
    if isinstance(error, FileNotFoundError):
        from ..wheels.wrong_files import missing_problem

        return VariantError(missing_problem(folder, "a folder") or "folder not found", place=folder)
    if isinstance(error, NotADirectoryError):
        remedy = "use the folder that contains it"
        return VariantError("expected a folder, got a file", place=folder, remedy=remedy)
    return VariantError(error.strerror or str(error), place=folder)


def files_on_index(url: str, name: str, problems: list[Problem]) -> tuple[str, list[File]]:
    """Return the place of a project's page for messages, and its files; raises VariantError.

    Invalid entries of files are added to *problems*. A page on disk may link to local files and to HTTP. A
    page from HTTP may link to HTTP only, as an index must not name local files.
    """
    if _scheme(url) == "file":
        return _on_disk(path_of(url), name, problems)
    return files_on_page(page_on_server(url, name).page, problems)


def page_on_server(index_url: str, name: str, known: http.KnownPage | None = None) -> http.KnownPage:
    """Return the page of a project on an index over HTTP, or the *known* one if it has not changed.

    An empty *name* is the list of all projects. Raises VariantError.
    """
    url = f"{index_url.rstrip('/')}/{name}/" if name else f"{index_url.rstrip('/')}/"
    return http.get_changed(url, known, accept=simple_api.ACCEPT, limit=LARGEST)


def files_on_page(answer: http.HttpContent, problems: list[Problem]) -> tuple[str, list[File]]:
    """Return what `files_on_index` does from the page that a server sent."""
    url = answer.url
    place = shown_url(url)
    skipped: list[VariantError] = []
    try:
        if "json" in answer.kind:
            page = simple_api.from_json(answer.content, place, skipped=skipped)
        else:
            page = simple_api.from_html(answer.content, place)
    except VariantError as error:
        raise error.within(place) from None
    problems += (problem.within(place) for problem in problems_of(skipped))
    files = (
        file._replace(location=with_credentials(file.url, url))
        for file in page.files
        if file.url and _scheme(file.url) in ("http", "https")
    )
    return place, [*files]


def names_on_page(answer: http.HttpContent) -> tuple[str, ...]:
    """Return the names of all projects on the page that a server sent; raises VariantError."""
    place = shown_url(answer.url)
    try:
        if "json" in answer.kind:
            return tuple(simple_api.projects_from_json(answer.content, place) or ())
        return tuple(simple_api.projects_from_html(answer.content, place))
    except VariantError as error:
        raise error.within(place) from None


def _on_disk(folder: Path, name: str, problems: list[Problem]) -> tuple[str, list[File]]:
    """Do what `files_on_index` does for an index in a folder."""
    page = folder / name / _PAGE
    try:
        if not page.exists() or page.is_dir():
            raise _no_page(folder, name)
        content = read_regular(page)
    except OSError as error:
        raise VariantError(error.strerror or str(error), place=page) from None
    try:
        listed = simple_api.from_html(content, page.as_uri()).files
    except VariantError as error:
        raise error.within(page) from None
    files: list[File] = []
    for file in listed:
        scheme = _scheme(file.url or "")
        try:
            if file.url and scheme == "file":
                files.append(file._replace(location=path_of(file.url)))
            elif scheme in ("http", "https"):
                files.append(file)
        except VariantError as error:
            problems += error.within(f"{page}: {file.filename}").problems
    return str(page), files


def _no_page(folder: Path, name: str) -> VariantError:
    """Return the error for a project without a page on an index on disk."""
    try:
        entries = {entry.name for entry in folder.iterdir()}
    except OSError as error:
        return _unreadable(folder, error)
    remedy = None
    if (folder / "simple" / name / _PAGE).is_file():
        remedy = f"use {folder / 'simple'}"
    elif any(entry.endswith(".whl") for entry in entries):
        remedy = "use --find-links for a folder of wheels"
    return VariantError(
        f"no page for {name!r}{did_you_mean(name, _projects_on_disk(folder))}",
        code=http.NOT_FOUND,
        place=folder,
        remedy=remedy,
    )


def projects_in_folder(folder: Path) -> Iterator[str]:
    """Yield the normalized names of the projects with wheels in a folder; raises VariantError."""
    for wheel in map(Candidate.of, files_in_folder(folder)[1]):
        if wheel:
            yield normalize(wheel.name.distribution)


def projects_on_index(url: str) -> list[str]:
    """Return the names of the projects on an index on disk, nothing for other indexes."""
    return _projects_on_disk(path_of(url)) if _scheme(url) == "file" else []


def _projects_on_disk(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir() if (entry / _PAGE).is_file())
    except OSError:
        return []
