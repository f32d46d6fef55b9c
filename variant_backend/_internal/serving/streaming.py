"""The content of files that the offer sends itself, verified against their size and hashes.

The last bytes are sent only if the whole content is right, so a client never gets a wrong file that looks
complete. Source: RFC 9112, section 8 (incomplete messages).
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import VariantError
from ..formats.release import ALGORITHMS, File, shown_location
from ..lowlevel.credentials import authorization
from ..lowlevel.http import streamed
from ..lowlevel.ranges import file_digest, opened_file
from ..lowlevel.regular_files import too_large
from ..lowlevel.remembered_digests import RememberedDigests
from .respond import ServerAnswer, error_response

_STEP = 1 << 20
# Smaller files are read in less time than the database of hashes is opened.
_REMEMBERED = 16 << 20


class Delivery:
    """How clients get files: from the upstream, or through this server. With *streams*, all through it."""

    def __init__(self, *, streams: bool) -> None:
        self._streams = streams
        self._logins: dict[str, bool] = {}

    def is_streamed(self, file: File) -> bool:
        """Return whether a file is sent by this server: it is on its disk, or its server needs a login.

        A login in a link or a redirect would be shown to clients. Raises VariantError if `keyring` fails.
        """
        if self._streams or not isinstance(file.location, str):
            return True
        parts = urlsplit(file.location)
        if parts.netloc not in self._logins:
            self._logins[parts.netloc] = authorization(parts) is not None
        return self._logins[parts.netloc]


def verified_content(file: File) -> Generator[bytes]:
    """Yield the content of a file; raises VariantError before its last part if the content is wrong."""
    known = {name: hashlib.new(name, usedforsecurity=False) for name in file.hashes if name in ALGORITHMS}
    held, size = b"", 0
    with closing(_content(file)) as parts:
        for part in parts:
            size += len(part)
            if file.size is not None and size > file.size:
                raise too_large(file.size).within(shown_location(file))
            if held:
                yield held
            for digest in known.values():
                digest.update(part)
            held = part
    if file.size not in (None, size):
        raise VariantError(f"expected {file.size} bytes, got {size}", place=shown_location(file))
    for name, digest in known.items():
        if digest.hexdigest() != file.hashes[name]:
            raise VariantError(f"the content does not match its {name}", place=shown_location(file))
    yield held


def begun(answer: ServerAnswer) -> tuple[ServerAnswer, Iterator[bytes]]:
    """Return an answer with the parts of its body, after the first part has been read.

    If that fails, the answer is an error. Later, the parts raise VariantError: then break the connection.
    """
    if answer.file is None:
        return answer, iter((answer.body,) if answer.body else ())
    parts = _after_first(verified_content(answer.file))
    try:
        next(parts)
    except VariantError as error:
        failed = error_response(502, "\n".join(error.lines()))
        return failed, iter((failed.body,))
    return answer, parts


def _after_first(parts: Generator[bytes]) -> Generator[bytes]:
    """Yield nothing after the first part has been read, and then all parts.

    Closing this generator ends the request to the upstream. Python 3.13 does not release what a closed
    generator uses, and closes no other one by that.
    """
    with closing(parts):
        first = next(parts, b"")
        yield b""
        yield first
        yield from parts


def _content(file: File) -> Generator[bytes]:
    try:
        if isinstance(file.location, str):
            # A file with a secure hash may come from any server.
            with streamed(file.location, other_hosts=bool(file.proofs)) as response:
                response.check_status(200)
                yield from response.body
            return
        with opened_file(file.location) as source:
            for offset in range(0, source.size, _STEP):
                yield source.read(min(_STEP, source.size - offset), offset)
    except VariantError as error:
        raise error.within(shown_location(file)) from None


def digest_on_disk(path: Path) -> tuple[str, int]:
    """Return the SHA-256 and the size of a file; raises VariantError.

    The digest of a large file that has not changed is remembered between runs.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise VariantError(error.strerror or str(error), place=path) from None
    facts = status.st_ino, status.st_mtime_ns, status.st_ctime_ns
    return _digest(path, status.st_size, facts), status.st_size


@lru_cache(maxsize=10_000)
def _digest(path: Path, size: int, facts: tuple[int, ...]) -> str:  # noqa: ARG001  # the facts are a part of the key
    if size < _REMEMBERED:
        return file_digest(path)
    with RememberedDigests() as digests:
        return digests.digest(path)
