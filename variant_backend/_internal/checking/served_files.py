"""Check what a server offers: a wheel or an index file at a URL, or the pages of a package index.

The same rules apply as to files on this machine. Payload is never downloaded: wheels are read in ranges, so
their layout is unknown. An sdist is downloaded only if it may be a dispatching one, which is small.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from ..errors import MOST_SHOWN, Problem, VariantError
from ..formats import simple_api
from ..formats.release import File
from ..formats.simple_api import Page
from ..lowlevel import http
from ..lowlevel.regular_files import LARGEST
from ..lowlevel.threads import map_in_threads
from ..lowlevel.urls import is_http, shown_url, with_credentials
from ..variants.filename import normalize
from ..wheels import remote
from ..wheels.remote import RemoteWheel
from . import release_rules
from .checked_files import PAGE, WHEEL, CheckedFiles, sdist_key
from .findings import Findings
from .input_files import name_of
from .wheel_members import OpenWheel

# What is read of a wheel, besides the central directory.
_DIST_INFO = ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "variant.json")
# Each wheel takes two requests or more; the largest projects on PyPI have fewer files with variants.
_MOST_FILES = 10_000
_LARGEST_DISPATCHING = 1 << 20
_HTML = "text/html, */*;q=0.1"
_EXPECTED = "name the page of a project, such as https://example.org/simple/NAME/"


class _ServedFile(NamedTuple):
    """A file that a page lists: its URL, and what was read of it.

    *content* is an open wheel, a wheel that cannot be read, the content of a document, or None for other
    files. *problems* are those of its entry on the page, *file_problems* are those of the file.
    """

    filename: str
    url: str
    content: OpenWheel | RemoteWheel | bytes | None = None
    problems: tuple[Problem, ...] = ()
    file_problems: tuple[Problem, ...] = ()


def check_url(files: CheckedFiles, url: str) -> None:
    """Check the wheel, the document, the page of a project, or all pages of a package index at a URL."""
    place = shown_url(url)
    name, folder = name_of(place), place[: place.rindex("/") + 1]
    with files.findings.noting(place, code="unreadable"):
        if name.endswith(".whl"):
            files.kinds[place] = WHEEL
            wheel = remote.wheel_at(url, name)
            if isinstance(wheel, VariantError):
                files.findings.add(place, _of_name(wheel))
            else:
                files.check_wheel(_open_wheel(wheel), folder)
        elif name.endswith("variants.json") or name == "variant.json":
            files.check_document(place, folder, _document(url))
        else:
            _check_index(files, remote.page_url(url))


def _check_index(files: CheckedFiles, url: str) -> None:
    """Check the page of a project, or the pages of all projects that a page lists."""
    answer = remote.get_page(url)
    page = _parsed(files.findings, answer)
    if isinstance(page, Page):
        _check_project(files, url, answer, page)
    elif page is not None:
        remote.check_number(answer.url, page)
        for link in page.values():
            with files.findings.noting(shown_url(link), code="unreadable"):
                own = remote.get_page(with_credentials(link, answer.url))
                if isinstance(page := _parsed(files.findings, own), Page):
                    _check_project(files, link, own, page)


def _parsed(findings: Findings, answer: http.HttpContent) -> Page | dict[str, str] | None:
    """Return a page with files, or the URLs of the pages of projects. None if the page is invalid."""
    content, kind, url = answer
    place = shown_url(url)
    try:
        if "json" in kind:
            projects = simple_api.projects_from_json(content, place)
            return simple_api.from_json(content, place) if projects is None else projects
        page = simple_api.from_html(content, place)
        if any(_is_of_release(file.filename) for file in page.files):
            return page
        if projects := simple_api.projects_from_html(content, place):
            return projects
    except VariantError as error:
        findings.add(place, (problem.at("", "bad-page") for problem in error.problems))
        return None
    text = "expected a page with wheels or projects, found none"
    findings.add(place, [Problem("nothing-to-check", "", text, _EXPECTED)])
    return None


def _is_of_release(filename: str) -> bool:
    return filename.endswith((".whl", ".tar.gz", "variants.json"))


def _check_project(files: CheckedFiles, asked: str, answer: http.HttpContent, page: Page) -> None:
    """Check the page of a project at the URL *asked*, and the files that it lists."""
    place = shown_url(answer.url)
    files.kinds[place] = PAGE
    files.folders.add(place)
    files.findings.add(place, _of_page(asked, answer, page))
    if "json" in answer.kind and not place.endswith(".json"):
        files.findings.add(place, _of_html(answer.url, page))
    listed = [file for file in page.files if _is_of_release(file.filename)]
    if len(listed) > _MOST_FILES:
        text = f"too many files: {len(listed)} (limit: {_MOST_FILES})"
        raise VariantError(text, remedy="name the URLs of single wheels")
    for item in map_in_threads(partial(_read, answer.url), listed):
        files.findings.add(place, item.problems)
        files.findings.add(shown_url(item.url), item.file_problems)
        _check_listed(files, item, place)


def _of_page(asked: str, answer: http.HttpContent, page: Page) -> Iterator[Problem]:
    """Find problems of a page. The name of its folder is the one asked for: a redirect may lead anywhere."""
    folder, final = _folder_name(asked), _folder_name(answer.url)
    if normalize(folder) == normalize(final):
        folder = final  # the server corrects the spelling
    if "json" not in answer.kind:
        page = page._replace(name=normalize(folder))
    is_list = folder.endswith((".html", ".json"))  # for --find-links; it has no folder of its own
    return release_rules.of_page(page, normalize(page.name) if is_list else folder)


def _folder_name(url: str) -> str:
    """Return the name of the folder of a page; a page with a name of its own is its folder."""
    path = urlsplit(url).path.removesuffix("index.html").removesuffix("index.json")
    return unquote(path.rstrip("/").rpartition("/")[2])


def _of_html(url: str, page: Page) -> Iterator[Problem]:
    """Compare the JSON page of a project with its HTML page, if the server has one."""
    answer = remote.get_page(url, _HTML)
    if "json" not in answer.kind:
        place = shown_url(answer.url)
        yield from release_rules.of_pages(page, simple_api.from_html(answer.content, place))


def _check_listed(files: CheckedFiles, item: _ServedFile, page: str) -> None:
    """Check a file that was read."""
    location, content = shown_url(item.url), item.content
    if isinstance(content, OpenWheel):
        files.kinds[location] = WHEEL
        files.check_wheel(content, page)
    elif isinstance(content, RemoteWheel):
        with files.findings.noting(location, code="bad-filename"):
            files.add_wheel(location, page, content.name)
    elif content is not None:
        files.check_document(location, page, content)
    elif (key := sdist_key(item.filename, page)) is not None:
        files.sdists[key] = lambda: io.BytesIO(_document(item.url, _LARGEST_DISPATCHING))


def _read(page: str, file: File) -> _ServedFile:
    """Read a file that a page lists, and compare it with its entry."""
    name, url = file.filename, with_credentials(str(file.location), page)
    if not is_http(url):
        text = f"expected an http or https URL, got {shown_url(url)[:MOST_SHOWN]!r}"
        return _ServedFile(name, url, problems=(Problem("dead-link", name, text),))
    try:
        item, size = _read_content(file, url)
    except VariantError as error:
        return _ServedFile(name, url, problems=(_dead_link(name, url, error),))
    if None not in (size, file.size) and size != file.size:
        text = f"the page says {file.size} bytes, the file has {size}"
        item = item._replace(problems=(*item.problems, Problem("link-size", name, text)))
    return item


def _read_content(file: File, url: str) -> tuple[_ServedFile, int | None]:
    """Read a file, and return its size, too; None if that is unknown. Raises VariantError."""
    name = file.filename
    if name.endswith("variants.json"):
        data = _document(url)
        problems = simple_api.of_content(name, file.hashes, data)
        return _ServedFile(name, url, data, (*problems,)), len(data)
    wheel = remote.wheel_at(url, name) if name.endswith(".whl") else None
    if not isinstance(wheel, RemoteWheel):
        wrong = _of_name(wheel) if wheel else ()
        return _ServedFile(name, url, file_problems=wrong), remote.size_at(url)
    copy, differences = _read_copy(file, url)
    try:
        opened = _open_wheel(wheel, copy)
    except remote.NoRangesError as error:
        wrong = tuple(problem.at("", "unreadable") for problem in error.problems)
        return _ServedFile(name, url, wheel, differences, wrong), None
    return _ServedFile(name, url, opened, differences), opened.source.size


def _read_copy(file: File, url: str) -> tuple[bytes | None, tuple[Problem, ...]]:
    """Return the copy of METADATA beside a wheel, if the page lists it, and problems of its entry."""
    if file.core_metadata is None:
        return None, ()
    place, url = f"{file.filename}.metadata", f"{url}.metadata"
    try:
        content = _document(url)
    except VariantError as error:
        return None, (_dead_link(place, url, error),)
    return content, (*simple_api.of_content(place, file.core_metadata, content),)


def _of_name(error: VariantError) -> tuple[Problem, ...]:
    """Return the problems of a wheel's filename."""
    return tuple(problem._replace(code="bad-filename", place="") for problem in error.problems)


def _dead_link(place: str, url: str, error: VariantError) -> Problem:
    """Return the problem of a link whose file cannot be downloaded."""
    return error.problems[0]._replace(place=shown_url(url)).at(place, "dead-link")


def _open_wheel(wheel: RemoteWheel, copy: bytes | None = None) -> OpenWheel:
    """Open a wheel, and read its dist-info directory; *copy* is that of METADATA beside it.

    Raises VariantError if it cannot be downloaded; what it contains is not checked here.
    """
    source = wheel.source()
    try:
        remote.read_dist_info(source, wheel.name, _DIST_INFO)
    except remote.RequestFailedError:
        raise
    except VariantError:
        pass  # the rules find it, too
    return OpenWheel(shown_url(wheel.url), wheel.name, source, copy)


def _document(url: str, limit: int = LARGEST) -> bytes:
    """Return the content of a small file; raises VariantError."""
    return http.get(url, limit=limit, other_hosts=True).content
