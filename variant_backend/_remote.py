"""Wheels behind URLs: listed, and read in ranges, so that a wheel of gigabytes costs kilobytes.

fsspec and the libraries it finds know the protocols, and where credentials are. HTTP is asked here, over
fsspec's session, as a server may ignore a range and send the whole file. Sources of that: RFC 9110,
section 14 (ranges), and the simple repository API for pages.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from . import simple_api
from ._files import Source
from ._rawzip import Archive
from ._ziprecords import ENDING_SIZE
from .errors import VariantError
from .filename import WheelFilename
from .metadata import VariantMetadata
from .wheel_rewrite import Wheel

_T = TypeVar("_T")
_R = TypeVar("_R")

_REMEDY = "pip install 'variant-backend[remote]'"

# No central directory and no file of a dist-info directory is larger, nor any page of an index.
_LARGEST = 64 << 20
# Ranges with less between them are fetched as one: a request takes longer than so many bytes.
_GAP = 16 << 10
_AT_ONCE = 16
_MOST_PROJECTS = 1000
_PATIENCE = 60  # seconds without an answer

_ACCEPT = f"{simple_api.JSON_TYPE}, text/html;q=0.5, */*;q=0.1"
# A range of compressed bytes would be no range of the file.
_IDENTITY = {"Accept-Encoding": "identity"}


class RemoteWheel(NamedTuple):
    """A wheel that lies elsewhere: its filename, its URL, and how its bytes are had."""

    name: str
    url: str
    source: Callable[[], Source]


class ReadWheel(NamedTuple):
    """A variant wheel that lies elsewhere, after its dist-info was read; *place* is what messages call it."""

    place: str
    wheel: Wheel
    metadata: VariantMetadata


def shown(url: str) -> str:
    """Return a URL as it may be printed: without user, password and query, which may be secret."""
    return re.sub(r"(://)[^/?#\s'\"]*@|[?#][^\s'\"]*", r"\1", url)


def read_wheels(url: str) -> tuple[list[ReadWheel], list[str]]:
    """Return the variant wheels at *url*, and what is wrong with the others, a line for each fault.

    It is a wheel's URL, a folder's, or an HTTP page that links to wheels or to the pages of projects.
    Raises VariantError when nothing can be listed there.
    """

    def read(remote: RemoteWheel) -> ReadWheel | VariantError | None:
        try:
            if WheelFilename.parse(remote.name).label is None:
                return None
            wheel = read_wheel(remote)
            with _within(remote.url):
                return ReadWheel(shown(remote.url), wheel, wheel.variant_metadata())
        except VariantError as error:
            return error

    results = map_in_threads(read, wheels(url))
    issues = [line for result in results if isinstance(result, VariantError) for line in result.lines()]
    return [result for result in results if isinstance(result, ReadWheel)], issues


def read_wheel(remote: RemoteWheel) -> Wheel:
    """Read what a wheel says of itself: its directory, METADATA, WHEEL and variant.json, and no more.

    Raises VariantError, with the URL in front, when it cannot be had or is not sound.
    """
    with _within(remote.url):
        filename = WheelFilename.parse(remote.name)
        source = remote.source()
        archive = Archive.read(source)
        # A member ends where the next one starts; that is known before its local header is.
        offsets = sorted([*(entry.offset for entry in archive.entries), archive.directory_offset])
        following = dict(pairwise(offsets))
        wanted = {f"{filename.stem}.dist-info/{name}" for name in ("METADATA", "WHEEL", "variant.json")}
        starts = [entry.offset for entry in archive.entries if entry.name in wanted]
        for start, end in _merged((offset, following.get(offset, offset)) for offset in starts):
            source.read(end - start, start)
        return Wheel.read(filename, source)


def wheels(url: str) -> list[RemoteWheel]:
    """Return the wheels at *url*, in the order of their names: the one that it names, or those listed there.

    Raises VariantError when that cannot be listed.
    """
    if not url.lower().startswith(("http://", "https://")):
        return _stored(url)
    with _within(url), _libraries():
        server = _Http()
        parts = urlsplit(url)
        name = unquote(parts.path).rpartition("/")[2]
        if not parts.hostname:
            raise VariantError("names no server")
    if name.endswith(".whl"):
        return [_on_server(server, name, url)]
    if name and not name.endswith((".html", ".json")):  # an index that is named without the slash at its end
        url = parts._replace(path=f"{parts.path}/").geturl()
    found, projects = _links(*server.page(url))
    if not found:
        if len(projects) > _MOST_PROJECTS:
            raise VariantError(
                f"{shown(url)}: lists {len(projects)} projects, which are too many to read",
                hint="give the URL of a project's page",
            )
        pages = map_in_threads(lambda project: _links(*server.page(project))[0], projects)
        found = {name: link for page in pages for name, link in page.items()}
    return [_on_server(server, name, link) for name, link in sorted(found.items())]


def _links(content: bytes, kind: str, url: str) -> tuple[dict[str, str], list[str]]:
    """Return the wheels that a page links to, by their names, and the pages of projects if there are none."""
    place = shown(url)
    projects: dict[str, str] | None = None
    if "json" in kind:
        projects = simple_api.projects_from_json(content, place)
        files = () if projects is not None else simple_api.from_json(content, place).files
    else:
        files = simple_api.from_html(content, place).files
    wheels = [file for file in files if file.filename.endswith(".whl")]
    if not wheels and "json" not in kind:
        projects = simple_api.projects_from_html(content, place)
    found = {file.filename: _with_credentials(file.url, url) for file in wheels}
    return found, [_with_credentials(link, url) for link in (projects or {}).values()]


def _with_credentials(link: str, url: str) -> str:
    """Return a link with the user and password that stand in the *url* of its page, if it stays there."""
    page, target = urlsplit(url), urlsplit(link)
    _, at, host = page.netloc.rpartition("@")
    stays = (target.scheme, target.netloc) == (page.scheme, host)
    return target._replace(netloc=page.netloc).geturl() if at and stays else link


def map_in_threads(function: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    """Call *function* for each item, several at a time, and return the results in order."""
    from concurrent.futures import ThreadPoolExecutor  # takes long to import

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
        raise error.within(shown(url)) from None


@contextmanager
def _libraries() -> Iterator[None]:
    """Turn what fsspec and its libraries raise into a VariantError, without the secrets of URLs in it."""
    try:
        yield
    except VariantError:
        raise
    except FileNotFoundError:
        raise VariantError("not found") from None
    except (TimeoutError, asyncio.TimeoutError):
        raise VariantError("no answer in time") from None
    except PermissionError as error:
        raise VariantError(
            f"access denied: {shown(str(error))}",
            hint="credentials are taken from where its library looks, such as ~/.aws or ~/.netrc",
        ) from None
    except ImportError as error:
        ours = any(name in str(error) for name in ("fsspec", "aiohttp", "s3fs", "gcsfs"))
        raise VariantError(str(error), hint=_REMEDY if ours else None) from None
    # Each library has a family of errors of its own, and most are no OSError.
    except Exception as error:
        raise VariantError(shown(str(error)) or type(error).__name__) from None


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


def _stored(url: str) -> list[RemoteWheel]:
    """Return the wheels at a URL that is not HTTP, by fsspec."""
    with _within(url), _libraries():
        fsspec = _fsspec()
        # A fresh instance, as fsspec keeps those with what they have listed.
        fs, path = fsspec.core.url_to_fs(url, skip_instance_cache=True)
        found = {path: fs.info(path)} if path.endswith(".whl") else fs.find(path, detail=True)

    def remote(path: str, info: dict[str, Any]) -> RemoteWheel:
        def source() -> Source:
            def fetch(offset: int, length: int) -> bytes:
                with _libraries():
                    data: bytes = fs.cat_file(path, start=offset, end=offset + length)
                return data

            if info.get("size") is None:
                raise VariantError("its size is not told")
            return _Spans(fetch, int(info["size"])).source()

        return RemoteWheel(path.rpartition("/")[2], fs.unstrip_protocol(path), source)

    listed = [remote(path, info) for path, info in found.items() if path.endswith(".whl")]
    return sorted(listed, key=lambda wheel: (wheel.name, wheel.url))


def _fsspec() -> Any:
    """Return fsspec, which takes long to import, and need not be there."""
    import fsspec.asyn
    import fsspec.core

    return fsspec


def _on_server(server: _Http, name: str, url: str) -> RemoteWheel:
    return RemoteWheel(name, url, lambda: server.source(url))


class _Http:
    """Asks HTTP servers, over a session of fsspec's; user and password may be in the URL or in ~/.netrc."""

    def __init__(self) -> None:
        self._sync = _fsspec().asyn.sync
        from aiohttp import ClientTimeout  # takes long to import, and need not be there

        timeout = ClientTimeout(total=300, sock_connect=_PATIENCE, sock_read=_PATIENCE)
        # The environment is asked for proxies, and where .netrc is.
        options = {"trust_env": True, "timeout": timeout}
        self._fs = _fsspec().filesystem("http", client_kwargs=options, skip_instance_cache=True)
        self._session = self._sync(self._fs.loop, self._fs.set_session)

    def page(self, url: str) -> tuple[bytes, str, str]:
        """Return a page, its media type, and its URL after redirections; raises VariantError."""

        async def get(response: Any) -> tuple[bytes, str, str]:
            _check_status(response, 200)
            content = await response.content.read(_LARGEST + 1)
            while len(content) <= _LARGEST and (more := await response.content.read(1 << 20)):
                content += more
            if len(content) > _LARGEST:
                raise VariantError(f"a page of more than {_LARGEST} bytes")
            return content, response.content_type, _with_credentials(str(response.url), url)

        with _within(url):
            result: tuple[bytes, str, str] = self._ask("GET", url, {"Accept": _ACCEPT}, get)
            return result

    def source(self, url: str) -> Source:
        """Return a file as a source, after one request for its end; raises VariantError."""
        try:
            start, data, size = self._range(url, f"-{ENDING_SIZE}")
        except _NoRangeError:  # some know no range that counts from the end
            size = self._ask("HEAD", url, _IDENTITY, _length)
            start, data = 0, b""
            if size:
                start, data, size = self._range(url, f"{max(size - ENDING_SIZE, 0)}-{size - 1}")
        spans = _Spans(lambda offset, length: self._range(url, f"{offset}-{offset + length - 1}")[1], size)
        spans.add(start, data)
        return spans.source()

    def _range(self, url: str, wanted: str) -> tuple[int, bytes, int]:
        """Return where a range starts that was asked for, its bytes, and the size of the whole file."""

        async def get(response: Any) -> tuple[int, bytes, int]:
            if response.status in (200, 400, 416, 501):
                raise _NoRangeError(
                    "the server sends no ranges", hint="download the wheels, and name the folder"
                )
            _check_status(response, 206)
            first, last, size = _content_range(response, wanted)
            return first, await response.content.readexactly(last + 1 - first), size

        headers = {**_IDENTITY, "Range": f"bytes={wanted}"}
        result: tuple[int, bytes, int] = self._ask("GET", url, headers, get)
        return result

    def _ask(self, method: str, url: str, headers: dict[str, str], handle: Callable[[Any], Any]) -> Any:
        """Send a request, and return what *handle* makes of the answer; the rest of it is not read."""

        async def ask() -> Any:
            async with self._session.request(method, url, headers=headers, allow_redirects=True) as response:
                try:
                    return await handle(response)
                except asyncio.IncompleteReadError as error:
                    raise VariantError(f"truncated answer: {len(error.partial)} bytes came") from None

        with _libraries():
            return self._sync(self._fs.loop, ask)


class _NoRangeError(VariantError):
    """A server does not send the range that it was asked for."""


def _check_status(response: Any, expected: int) -> None:
    if response.status in (401, 403):
        raise PermissionError(f"{response.status} {response.reason}")
    if response.status == 404:
        raise FileNotFoundError
    if response.status != expected:
        raise VariantError(f"the server answers {response.status} {response.reason}")


async def _length(response: Any) -> int:
    """Return how long a file is, from the answer to HEAD."""
    _check_status(response, 200)
    if response.content_length is None:
        raise VariantError("the server does not tell the file's size")
    return int(response.content_length)


def _content_range(response: Any, wanted: str) -> tuple[int, int, int]:
    """Return first byte, last byte and the file's size as the answer says, if that is what was *wanted*."""
    told = response.headers.get("Content-Range", "")
    found = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", told.strip())
    if found and response.headers.get("Content-Encoding", "identity") == "identity":
        first, last, size = map(int, found.groups())
        begin, _, end = wanted.partition("-")
        expected = (int(begin), int(end)) if begin else (max(size - int(end), 0), size - 1)
        if (first, last) == expected and last < size:
            return first, last, size
    raise VariantError(f"the server answers {told!r} when asked for bytes {wanted}")
