"""Read METADATA and variant.json of upstream wheels, and index files, and keep them.

A file that the upstream names by a secure hash is read once: it is kept on disk, for all processes. METADATA
and variant.json of a wheel that is read in ranges are not verified by the wheel's hash. So they are kept for
its hash and its URL: no other server can change what is known of a wheel.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from threading import BoundedSemaphore
from typing import NamedTuple
from urllib.parse import urlsplit

from ..errors import VariantError
from ..formats.release import File, shown_location
from ..formats.simple_api import of_content
from ..lowlevel import http
from ..lowlevel.deadlines import ServerFailedError
from ..lowlevel.regular_files import LARGEST, read_regular
from ..lowlevel.urls import without_user
from ..lowlevel.workspace import NotWritableError
from ..selection.dist_info import DistInfo, read_dist_info_files, read_metadata_beside
from ..selection.index_documents import IndexDocument, parsed_index_file, unreadable_index_file
from ..variants.filename import WheelFilename
from ..wheels.remote import RequestFailedError
from .disk_cache import KeptContents
from .recent import RecentlyUsed, SharedWork

# Errors after which the content of the upstream is unknown. After others, only one file is not usable.
FAILURES = (ServerFailedError, RequestFailedError, NotWritableError)
_MOST_IN_MEMORY = 64 << 20  # bytes
_MOST_REQUESTS = 32


class KnownIndexFile(NamedTuple):
    """An index file as it was read under the *hashes* of its source, with its page if it may change."""

    document: IndexDocument
    hashes: Mapping[str, str]
    page: http.KnownPage | None = None


class UpstreamContents:
    """Reads small contents of the upstream. Several threads may use it.

    *generated* is the folder of generated wheels.
    """

    def __init__(self, cache: Path) -> None:
        self.generated: Path = cache / "joint"
        self._downloads = cache / "downloads"
        self._disk = KeptContents(cache / "contents")
        self._memory: RecentlyUsed[str, bytes] = RecentlyUsed(_MOST_IN_MEMORY)
        self._requests = BoundedSemaphore(_MOST_REQUESTS)
        self._running: SharedWork[str, bytes] = SharedWork()

    def index_file(self, file: File, known: KnownIndexFile | None) -> KnownIndexFile:
        """Return an index file; the *known* one if it has not changed.

        If its content is wrong, the document has the problem. Raises an error of FAILURES.
        """
        try:
            if not isinstance(file.location, str):
                return KnownIndexFile(parsed_index_file(file, _local(file.location)), file.hashes)
            if file.proofs:
                content = self._verified(file.location, file.proofs)
                return KnownIndexFile(parsed_index_file(file, content), file.hashes)
            with self._requests:
                page = http.get_changed(file.location, known.page if known else None, limit=LARGEST)
        except FAILURES as error:
            raise error.within(shown_location(file)) from None
        except VariantError as error:
            return KnownIndexFile(unreadable_index_file(file, error), file.hashes)
        if known and page.is_known:
            return known
        document = parsed_index_file(file, page.page.content)
        return KnownIndexFile(document, file.hashes, without_content(page))

    def metadata_beside(self, file: File) -> bytes | None:
        """Return the metadata file beside a wheel, verified by its hash; None if there is none.

        Raises VariantError.
        """
        return read_metadata_beside(file, self._verified)

    def _verified(self, url: str, hashes: dict[str, str]) -> bytes:
        """Return the content at a URL; it is kept if secure *hashes* verify it. Raises VariantError.

        The content need not match the hashes.
        """
        if not hashes:
            with self._requests:
                return http.get(url, limit=LARGEST, other_hosts=True).content
        key = "content " + _joined(hashes)
        return self._running.result(key, partial(self._verified_once, key, url, hashes))

    def _verified_once(self, key: str, url: str, hashes: dict[str, str]) -> bytes:
        if (kept := self._kept(key)) is not None:
            return kept
        with self._requests:
            content = http.get(url, limit=LARGEST, other_hosts=True).content
        if not [*of_content("", hashes, content)]:
            self._keep(key, content)
        return content

    def core_metadata(self, file: File, name: WheelFilename) -> bytes:
        """Return METADATA of a wheel: the file beside it, else a member of it; raises VariantError."""
        beside = self.metadata_beside(file)
        return self.dist_info(file, name).core_metadata if beside is None else beside

    def dist_info(self, file: File, name: WheelFilename) -> DistInfo:
        """Return METADATA and variant.json of a wheel; raises VariantError."""
        key = _wheel_key(file)
        if key and (kept := self._kept(key)) is not None:
            size, _, rest = kept.partition(b"\n")
            return DistInfo(rest[: int(size)], rest[int(size) :])
        try:
            with self._requests:
                contents = read_dist_info_files(file, name, self._downloads)
        except VariantError as error:
            raise error.within(shown_location(file)) from None
        if key:
            self._keep(
                key, b"%d\n%b%b" % (len(contents.core_metadata), contents.core_metadata, contents.variants)
            )
        return contents

    def _kept(self, key: str) -> bytes | None:
        content = self._memory.find(key)
        if content is None and (content := self._disk.find(key)) is not None:
            self._memory.put(key, content, len(content))
        return content

    def _keep(self, key: str, content: bytes) -> None:
        self._memory.put(key, content, len(content))
        self._disk.add(key, content)


def without_content(known: http.KnownPage) -> http.KnownPage:
    """Return a page without its content, which is kept in another form."""
    return known._replace(page=known.page._replace(content=b""))


def _local(path: Path) -> bytes:
    try:
        return read_regular(path)
    except OSError as error:
        raise VariantError(error.strerror or str(error)) from None


def _wheel_key(file: File) -> str:
    """Return the key of a wheel with a secure hash at a URL, empty for others."""
    if not isinstance(file.location, str) or not file.proofs:
        return ""
    place = urlsplit(without_user(file.location))._replace(query="", fragment="").geturl()
    return f"wheel {place} {_joined(file.proofs)}"


def _joined(hashes: Mapping[str, str]) -> str:
    return " ".join(f"{name}={digest}" for name, digest in sorted(hashes.items()))
