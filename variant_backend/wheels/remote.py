"""Wheels behind URLs: listed, and read in ranges, so that a wheel of gigabytes costs kilobytes.

HTTP is asked here, as a server may ignore a range and send the whole file. Other protocols are known to
fsspec and the libraries it finds, with where credentials are. Sources: RFC 9110, section 14 (ranges), and
the simple repository API for pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from ..errors import Problem, VariantError, problems_of
from ..formats import simple_api
from ..lowlevel import http
from ..lowlevel.http import shown_url, with_credentials
from ..lowlevel.ranges import Source
from ..lowlevel.terminal import print_logs
from ..lowlevel.zip_records import ENDING_SIZE
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from .reading import Wheel, read_archive

_T = TypeVar("_T")
_R = TypeVar("_R")

_REMEDY = "pip install 'variant-backend[remote]'"

# No central directory and no file of a dist-info directory is larger, nor any page of an index.
_LARGEST = 64 << 20
# Ranges with less between them are fetched as one: a request takes longer than so many bytes.
_GAP = 16 << 10
_AT_ONCE = 16
_MOST_PROJECTS = 1000

_ACCEPT = f"{simple_api.JSON_TYPE}, text/html;q=0.5, */*;q=0.1"


class NoRangesError(VariantError):
    """A server does not send the range that it was asked for."""


class RemoteWheel(NamedTuple):
    """A wheel that lies elsewhere: its parsed name, its URL, and how its bytes are had."""

    name: WheelFilename
    url: str
    source: Callable[[], Source]


class ReadWheel(NamedTuple):
    """A variant wheel that lies elsewhere, after its dist-info was read; *place* is what messages call it."""

    place: str
    wheel: Wheel
    metadata: VariantMetadata


def read_wheels(url: str) -> tuple[list[ReadWheel], list[Problem]]:
    """Return the variant wheels at *url*, and what is wrong with the others.

    It is a wheel's URL, a folder's, or an HTTP page that links to wheels or to the pages of projects.
    Raises VariantError when nothing can be listed there.
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
    """Read what a wheel says of itself: its directory, METADATA, WHEEL and variant.json, and no more.

    Raises VariantError, with the URL in front, when it cannot be had or is not sound.
    """
    with _within(remote.url):
        source = remote.source()
        archive = read_archive(source)
        # A member ends where the next one starts; that is known before its local header is.
        offsets = sorted([*(entry.offset for entry in archive.entries), archive.directory_offset])
        following = dict(pairwise(offsets))
        wanted = {f"{remote.name.stem}.dist-info/{name}" for name in ("METADATA", "WHEEL", "variant.json")}
        starts = [entry.offset for entry in archive.entries if entry.name in wanted]
        for start, end in _merged((offset, following.get(offset, offset)) for offset in starts):
            source.read(end - start, start)
        return Wheel.read(remote.name, source)


def find_wheels(url: str) -> list[RemoteWheel | VariantError]:
    """Return the wheels at *url*, in the order of their names: the one that it names, or those listed there.

    What is wrong with the name of one of them stands in its place. Raises VariantError when that cannot be
    listed.
    """
    if not url.lower().startswith(("http://", "https://")):
        return _stored(url)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise VariantError(f"{shown_url(url)}: not a URL: {error}") from None
    name = unquote(parts.path).rpartition("/")[2]
    if name.endswith(".whl"):
        return [_named(name, url, partial(on_server, url=url))]
    if name and not name.endswith((".html", ".json")):  # an index that is named without the slash at its end
        url = parts._replace(path=f"{parts.path}/").geturl()
    links, projects = _links(*_page(url))
    if not links:
        if len(projects) > _MOST_PROJECTS:
            raise VariantError(
                f"{shown_url(url)}: lists {len(projects)} projects, which are too many to read",
                hint="give the URL of a project's page",
            )
        pages = map_in_threads(lambda project: _links(*_page(project))[0], projects)
        links = {name: link for page in pages for name, link in page.items()}
    return [_named(name, link, partial(on_server, url=link)) for name, link in sorted(links.items())]


def _named(name: str, url: str, make: Callable[[WheelFilename], RemoteWheel]) -> RemoteWheel | VariantError:
    """Return the wheel of a name, or what is wrong with the name."""
    try:
        return make(WheelFilename.parse(name))
    except VariantError as error:
        return error.within(shown_url(url))


def _links(content: bytes, kind: str, url: str) -> tuple[dict[str, str], list[str]]:
    """Return the wheels that a page links to, by their names, and the pages of projects if there are none."""
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


def map_in_threads(function: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    """Call *function* for each item, several at a time, and return the results in order."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_AT_ONCE) as executor:
        try:
            return list(executor.map(function, items))
        finally:
            executor.shutdown(cancel_futures=True)  # what has not started, when one fails


@contextmanager
def _within(url: str) -> Iterator[None]:
    """Put the URL in front of every fault."""
    try:
        yield
    except VariantError as error:
        raise error.within(shown_url(url)) from None


@contextmanager
def _libraries() -> Iterator[None]:
    """Turn what fsspec and its libraries raise into a VariantError, without the secrets of URLs in it."""
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
            hint="credentials are taken from where its library looks, such as ~/.aws",
        ) from None
    except ImportError as error:
        ours = any(name in str(error) for name in ("fsspec", "aiohttp", "s3fs", "gcsfs"))
        raise VariantError(str(error), hint=_REMEDY if ours else None) from None
    # Each library has a family of errors of its own, and most are no OSError.
    except Exception as error:
        raise VariantError(shown_url(str(error)) or type(error).__name__) from None


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges, each a start and an end, in order; near ones are one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start - merged[-1][1] <= _GAP:
            start, end = merged[-1][0], max(end, merged.pop()[1])
        merged.append((start, end))
    return merged


class _Spans:
    """Reads a file by *fetch*(offset, length), each byte once at most."""

    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._spans: list[tuple[int, bytes]] = []

    def source(self) -> Source:
        """Return the file as a source."""
        return Source(self.read, self._size)

    def add(self, start: int, data: bytes) -> None:
        """Take bytes that are known from elsewhere."""
        self._spans.append((start, data))

    def read(self, length: int, offset: int) -> bytes:
        """Return so many bytes; raises VariantError when the file ends before that, or they are too many."""
        end = offset + length
        if end > self._size:
            there = max(self._size - offset, 0)
            raise VariantError(f"truncated: {length} bytes are needed at byte {offset}, {there} are there")
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
        if length > _LARGEST:
            raise VariantError(f"{length} bytes at byte {offset} are too many for what is read of a wheel")
        data = self._fetch(offset, length)
        if len(data) != length:
            raise VariantError(f"{length} bytes were asked for at byte {offset}, and {len(data)} came")
        return data


def _stored(url: str) -> list[RemoteWheel | VariantError]:
    """Return the wheels at a URL that is not HTTP, by fsspec."""
    with _within(url), _libraries():
        fsspec = _fsspec()
        # A fresh instance, as fsspec keeps those with what they have listed.
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
                raise VariantError("its size is not told")
            return _Spans(fetch, int(info["size"])).source()

        return _named(path.rpartition("/")[2], link, lambda name: RemoteWheel(name, link, source))

    paths = sorted(
        (path for path in files if path.endswith(".whl")), key=lambda path: (path.rpartition("/")[2], path)
    )
    return [remote(path, files[path]) for path in paths]


def _fsspec() -> Any:
    """Return fsspec, which takes long to import, and need not be there; what its libraries log is printed."""
    import fsspec.core

    print_logs()
    return fsspec


def on_server(
    name: WheelFilename, url: str, *, size: int | None = None, other_hosts: http.OtherHosts = True
) -> RemoteWheel:
    """Return a wheel behind HTTP; it must have the *size*, if that is known.

    Reading it raises NoRangesError where the server sends whole files only.
    """
    return RemoteWheel(name, url, lambda: _Server(url, other_hosts).source(size))


def _page(url: str) -> http.HttpContent:
    """Return a page; other hosts may stand in for its server, as mirrors do."""
    return http.get(url, accept=_ACCEPT, limit=_LARGEST, other_hosts=True)


class _Server(NamedTuple):
    """A file behind HTTP, which is asked for in ranges; *other_hosts* may send them, too."""

    url: str
    other_hosts: http.OtherHosts

    def source(self, announced: int | None) -> Source:
        """Return the file as a source, after one request for its end; raises VariantError."""
        start, data, size = self._end() if announced is None else self._end_of(announced)
        if announced not in (None, size):
            raise VariantError(f"it has {size} bytes, and {announced} were announced")
        spans = _Spans(lambda offset, length: self._range(f"{offset}-{offset + length - 1}")[1], size)
        spans.add(start, data)
        return spans.source()

    def _end(self) -> tuple[int, bytes, int]:
        try:
            return self._range(f"-{ENDING_SIZE}")
        except NoRangesError:  # some know no range that counts from the end
            return self._end_of(self._size())

    def _end_of(self, size: int) -> tuple[int, bytes, int]:
        return self._range(f"{max(size - ENDING_SIZE, 0)}-{size - 1}") if size else (0, b"", 0)

    def _range(self, wanted: str) -> tuple[int, bytes, int]:
        """Return where a range starts that was asked for, its bytes, and the size of the whole file."""
        headers = {"Range": f"bytes={wanted}"}
        with http.request(self.url, headers=headers, other_hosts=self.other_hosts) as response:
            if response.status in (200, 400, 416, 501):
                hint = "download the wheels, and name the folder"
                raise NoRangesError("the server sends no ranges", hint=hint)
            response.check_status(206)
            first, last, size = response.content_range(wanted)
            data = response.read(last + 1 - first)
        if len(data) != last + 1 - first:
            raise VariantError(f"truncated answer: {len(data)} of {last + 1 - first} bytes came")
        return first, data, size

    def _size(self) -> int:
        """Return how long the file is."""
        with http.request(self.url, method="HEAD", other_hosts=self.other_hosts) as response:
            response.check_status(200)
            if response.size is None:
                raise VariantError("the server does not tell the file's size")
            return response.size
