"""List wheels at URLs, and read them in ranges: kilobytes of a wheel of gigabytes are transferred.

`lowlevel.http` is used for HTTP, because a server may ignore a range and send the whole file. fsspec and its
libraries are used for other protocols, and find credentials themselves. Sources: RFC 9110, section 14
(ranges), and the simple repository API for pages.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from ..errors import Problem, VariantError, problems_of
from ..formats import simple_api
from ..lowlevel import http
from ..lowlevel.ranges import Source
from ..lowlevel.regular_files import LARGEST
from ..lowlevel.terminal import print_logs
from ..lowlevel.threads import map_in_threads
from ..lowlevel.urls import OtherHosts, invalid_url, shown_url, with_credentials
from ..lowlevel.zip_records import ENDING_SIZE
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from .reading import Wheel, read_archive

_T = TypeVar("_T")

_REMEDY = "run pip install 'variant-backend[remote]'"

# Ranges with a smaller gap are one request, which is faster.
_GAP = 16 << 10
_MOST_PROJECTS = 1000


class RequestFailedError(VariantError):
    """A part of a file cannot be downloaded, so its content is unknown."""


class NoRangesError(RequestFailedError):
    """The server does not support range requests."""


class RemoteWheel(NamedTuple):
    """A wheel at a URL: its parsed name, the URL, and a function that opens it."""

    name: WheelFilename
    url: str
    source: Callable[[], Source]


class ReadWheel(NamedTuple):
    """A variant wheel at a URL whose dist-info was read; messages name it *place*."""

    place: str
    wheel: Wheel
    metadata: VariantMetadata


def read_wheels(url: str) -> tuple[list[ReadWheel], list[Problem]]:
    """Return the variant wheels at *url*, and the problems of wheels that cannot be read.

    *url* names a wheel, a folder, or an HTTP page that links to wheels or to pages of projects. Raises
    VariantError if it cannot be read.
    """

    def read(remote: RemoteWheel | VariantError) -> ReadWheel | VariantError | None:
        if isinstance(remote, VariantError):
            return remote
        if remote.name.label is None:
            return None
        try:
            wheel = read_wheel(remote)
            with _within(remote.url):
                return ReadWheel(shown_url(remote.url), wheel, wheel.variant_metadata())
        except VariantError as error:
            return error

    results = map_in_threads(read, find_wheels(url))
    problems = problems_of(result for result in results if isinstance(result, VariantError))
    return [result for result in results if isinstance(result, ReadWheel)], problems


def read_wheel(remote: RemoteWheel) -> Wheel:
    """Read only the central directory, METADATA, WHEEL and variant.json of a wheel.

    Raises VariantError, with the URL in front, if it cannot be downloaded or is invalid.
    """
    with _within(remote.url):
        source = remote.source()
        read_dist_info(source, remote.name, ("METADATA", "WHEEL", "variant.json"))
        return Wheel.read(remote.name, source)


def read_dist_info(source: Source, name: WheelFilename, files: Iterable[str]) -> None:
    """Read these files of a wheel's dist-info directory in few requests; the source keeps their bytes.

    Raises VariantError if the archive is damaged, RequestFailedError if a part cannot be downloaded.
    """
    archive = read_archive(source)
    # A member ends at the start of the next one, so one request reads it with its local header.
    offsets = sorted([*(entry.offset for entry in archive.entries), archive.directory_offset])
    following = dict(pairwise(offsets))
    wanted = {f"{name.stem}.dist-info/{file}" for file in files}
    starts = [entry.offset for entry in archive.entries if entry.name in wanted]
    for start, end in _merged((offset, following.get(offset, offset)) for offset in starts):
        source.read(end - start, start)


def find_wheels(url: str) -> list[RemoteWheel | VariantError]:
    """Return the wheel at *url*, or the wheels listed there in the order of their names.

    Returns an error in place of a wheel whose name is invalid. Raises VariantError if the URL cannot be read.
    """
    if not url.lower().startswith(("http://", "https://")):
        return _stored(url)
    page = page_url(url)
    name = unquote(urlsplit(url).path).rpartition("/")[2]
    if name.endswith(".whl"):
        return [wheel_at(url, name)]
    links, projects = _links(*get_page(page))
    if not links:
        check_number(url, projects)
        pages = map_in_threads(lambda project: _links(*get_page(project))[0], projects)
        links = {name: link for page in pages for name, link in page.items()}
    return [wheel_at(link, name) for name, link in sorted(links.items())]


def wheel_at(url: str, name: str) -> RemoteWheel | VariantError:
    """Return the wheel with a name at a URL of HTTP, or the error if the name is invalid."""
    return _named(name, url, partial(on_server, url=url))


def check_number(url: str, projects: Collection[str]) -> None:
    """Raise VariantError if the index at a URL has too many projects to read all of their pages."""
    if len(projects) > _MOST_PROJECTS:
        raise VariantError(
            f"{shown_url(url)}: too many projects: {len(projects)} (limit: {_MOST_PROJECTS})",
            remedy="give the URL of a project's page",
        )


def _named(name: str, url: str, make: Callable[[WheelFilename], RemoteWheel]) -> RemoteWheel | VariantError:
    """Return the wheel with a name, or the error if the name is invalid."""
    try:
        return make(WheelFilename.parse(name))
    except VariantError as error:
        return error.within(shown_url(url))


def _links(content: bytes, kind: str, url: str) -> tuple[dict[str, str], list[str]]:
    """Return the links to wheels on a page by their names, or else the links to pages of projects."""
    place = shown_url(url)
    projects: dict[str, str] | None = None
    with _within(url):
        if "json" in kind:
            projects = simple_api.projects_from_json(content, place)
            files = () if projects is not None else simple_api.from_json(content, place).files
        else:
            files = simple_api.from_html(content, place).files
        wheels = [file for file in files if file.filename.endswith(".whl")]
        if not wheels and "json" not in kind:
            projects = simple_api.projects_from_html(content, place)
    links = {file.filename: with_credentials(file.url, url) for file in wheels if file.url}
    return links, [with_credentials(link, url) for link in (projects or {}).values()]


@contextmanager
def _within(url: str) -> Iterator[None]:
    """Raise every VariantError with the URL in front."""
    try:
        yield
    except VariantError as error:
        raise error.within(shown_url(url)) from None


@contextmanager
def _libraries() -> Iterator[None]:
    """Raise errors of fsspec and its libraries as VariantError, without secrets in URLs."""
    try:
        yield
    except VariantError:
        raise
    except FileNotFoundError:
        raise VariantError("not found") from None
    except TimeoutError:
        raise VariantError("no answer in time") from None
    except PermissionError as error:
        raise VariantError(
            f"access denied: {shown_url(str(error))}",
            remedy="set up credentials as the protocol's library reads them, for example in ~/.aws",
        ) from None
    except ImportError as error:
        is_extra = any(name in str(error) for name in ("fsspec", "aiohttp", "s3fs", "gcsfs"))
        raise VariantError(str(error), remedy=_REMEDY if is_extra else None) from None
    # Each library has its own exceptions, most of them not derived from OSError.
    except Exception as error:
        raise VariantError(shown_url(str(error)) or type(error).__name__) from None


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges (start, end) in order, with near ones merged."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start - merged[-1][1] <= _GAP:
            start, end = merged[-1][0], max(end, merged.pop()[1])
        merged.append((start, end))
    return merged


class _Spans:
    """A file that is read by *fetch*(offset, length), each byte at most once."""

    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._spans: list[tuple[int, bytes]] = []

    def source(self) -> Source:
        """Return the file as a source."""
        return Source(self.read, self._size)

    def add(self, start: int, data: bytes) -> None:
        """Add bytes that were received already."""
        self._spans.append((start, data))

    def read(self, length: int, offset: int) -> bytes:
        """Return *length* bytes; raises VariantError if the file is too short, or the length too large."""
        end = offset + length
        if end > self._size:
            there = max(self._size - offset, 0)
            raise VariantError(f"truncated: expected {length} bytes at byte {offset}, got {there}")
        for index, (start, data) in enumerate(self._spans):
            if start < end <= start + len(data):
                if offset < start:
                    data = self._fetched(offset, start - offset) + data
                    self._spans[index] = (start, data) = (offset, data)
                return data[offset - start : end - start]
        data = self._fetched(offset, length)
        self._spans.append((offset, data))
        return data

    def _fetched(self, offset: int, length: int) -> bytes:
        if not length:
            return b""
        if length > LARGEST:
            raise VariantError(
                f"too large to read from a wheel: {length} bytes at byte {offset} (limit: {LARGEST})"
            )
        data = self._fetch(offset, length)
        if len(data) != length:
            raise VariantError(f"requested {length} bytes at byte {offset}, received {len(data)}")
        return data


def _stored(url: str) -> list[RemoteWheel | VariantError]:
    """Return the wheels at a URL of another protocol than HTTP, by fsspec."""
    with _within(url), _libraries():
        fsspec = _fsspec()
        # A new instance, because fsspec caches instances with their listings.
        fs, path = fsspec.core.url_to_fs(url, skip_instance_cache=True)
        files = {path: fs.info(path)} if path.endswith(".whl") else fs.find(path, detail=True)

    def remote(path: str, info: dict[str, Any]) -> RemoteWheel | VariantError:
        link = fs.unstrip_protocol(path)

        def source() -> Source:
            def fetch(offset: int, length: int) -> bytes:
                with _libraries():
                    data: bytes = fs.cat_file(path, start=offset, end=offset + length)
                return data

            if info.get("size") is None:
                raise VariantError("the size of the file is unknown")
            return _Spans(fetch, int(info["size"])).source()

        return _named(path.rpartition("/")[2], link, lambda name: RemoteWheel(name, link, source))

    paths = sorted(
        (path for path in files if path.endswith(".whl")), key=lambda path: (path.rpartition("/")[2], path)
    )
    return [remote(path, files[path]) for path in paths]


def _fsspec() -> Any:
    """Import fsspec, which is optional and slow to import, and print the logs of its libraries."""
    import fsspec.core

    print_logs()
    return fsspec


def on_server(
    name: WheelFilename, url: str, *, size: int | None = None, other_hosts: OtherHosts = True
) -> RemoteWheel:
    """Return a wheel on an HTTP server, which must have the *size*, if given.

    Reading it raises NoRangesError if the server does not support range requests.
    """
    return RemoteWheel(name, url, lambda: _Server(url, other_hosts).source(size))


def page_url(url: str) -> str:
    """Return the URL of a page with its final slash; raises VariantError if it is invalid."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise VariantError(f"{shown_url(url)}: not a URL: {invalid_url(error, url)}") from None
    name = parts.path.rpartition("/")[2]
    is_complete = not name or name.endswith((".html", ".json"))
    return url if is_complete else parts._replace(path=f"{parts.path}/").geturl()


def get_page(url: str, accept: str = simple_api.ACCEPT) -> http.HttpContent:
    """Download a page; redirects to other hosts are followed, because mirrors use them.

    Raises VariantError.
    """
    return http.get(url, accept=accept, limit=LARGEST, other_hosts=True)


def size_at(url: str) -> int:
    """Return the size of the file at a URL of HTTP; raises VariantError, without the URL."""
    return http.request(url, _size_of, method="HEAD", other_hosts=True)


class _Piece(NamedTuple):
    """A part of a file: its first byte, its bytes, the size of the file, and the version of the file."""

    start: int
    data: bytes
    size: int
    version: http.FileVersion


class _Server(NamedTuple):
    """A file on an HTTP server, read in ranges; redirects to *other_hosts* are followed."""

    url: str
    other_hosts: OtherHosts

    def source(self, announced: int | None) -> Source:
        """Return the file as a source, after one request for its end; raises VariantError."""
        first = self._end() if announced is None else self._end_of(announced)
        if announced not in (None, first.size):
            raise VariantError(f"expected {announced} bytes, got {first.size}")

        def fetch(offset: int, length: int) -> bytes:
            try:
                part = self._range(f"{offset}-{offset + length - 1}")
            except RequestFailedError:
                raise
            except VariantError as error:
                raise RequestFailedError(*error.problems) from None
            if part.version.is_other(first.version):
                raise VariantError("the file was replaced while it was read", remedy="run the command again")
            return part.data

        spans = _Spans(fetch, first.size)
        spans.add(first.start, first.data)
        return spans.source()

    def _end(self) -> _Piece:
        try:
            return self._range(f"-{ENDING_SIZE}")
        except NoRangesError:  # some servers do not support a range from the end
            return self._end_of(self._request(_size_of, method="HEAD"))

    def _end_of(self, size: int) -> _Piece:
        if not size:
            return _Piece(0, b"", 0, http.FileVersion("", "", 0))
        return self._range(f"{max(size - ENDING_SIZE, 0)}-{size - 1}")

    def _range(self, wanted: str) -> _Piece:
        """Request a range."""
        return self._request(partial(_read_range, wanted), headers=lambda: {"Range": f"bytes={wanted}"})

    def _request(self, read: Callable[[http.Response], _T], **options: Any) -> _T:
        return http.request(self.url, read, other_hosts=self.other_hosts, **options)


def _read_range(wanted: str, response: http.Response) -> _Piece:
    """Read an answer that has the *wanted* range."""
    if response.status in (200, 400, 416, 501):
        remedy = "download the wheels, and give them or their folder"
        raise NoRangesError("the server does not support range requests", remedy=remedy)
    response.check_status(206)
    first, last, size = response.content_range(wanted)
    data = response.read(last + 1 - first)
    if len(data) != last + 1 - first:
        raise VariantError(f"truncated response: received {len(data)} of {last + 1 - first} bytes")
    return _Piece(first, data, size, response.version(size))


def _size_of(response: http.Response) -> int:
    """Return the size of a file in bytes from the answer to a HEAD request."""
    response.check_status(200)
    if response.size is None:
        raise VariantError("the server does not send the file's size")
    return response.size
