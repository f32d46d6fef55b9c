"""The digests of files in an SQLite database in the user's cache folder.

It is read as input from outside: whatever is wrong with it, nothing is found in it, and the run goes on. On
POSIX, it is used only if no other user can change it. A damaged database is removed.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from .terminal import print_detail
from .user_cache import prepare

_DAY = 86_400
_LONGEST_UNUSED = 90  # days
_MOST = 100_000
_LARGEST = 64 << 20  # bytes; the most entries need a fifth of it
_PATIENCE = 1  # seconds for which another process may write
_WRITE_EVERY = 5  # seconds, so that a run that is killed does not lose much

# The path is hashed, so that all entries have the same size.
_TABLE = "digests (path BLOB PRIMARY KEY, digest BLOB, proof BLOB, day INTEGER) WITHOUT ROWID"
_SCHEMA = [(b"table", b"digests", f"CREATE TABLE {_TABLE}".encode())]
_UNUSED = f"DELETE FROM digests WHERE day < ? - {_LONGEST_UNUSED}"
_TOO_MANY = f"SELECT path FROM digests ORDER BY day DESC LIMIT -1 OFFSET {_MOST}"


class DigestDatabase:
    """Entries with the digest of a file, and a proof which file it was; both are bytes.

    After an error, which is printed as a detail, it is empty and stays empty.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection | None) -> None:
        self._path = path
        self._connection = connection
        self._today = int(time.time()) // _DAY
        self._new: dict[bytes, tuple[bytes, bytes]] = {}
        self._written = time.monotonic()

    @classmethod
    def open(cls, path: Path) -> DigestDatabase:
        """Open a database, or create it in a folder that only the user can write to."""
        try:
            try:
                return cls(path, _connected(path))
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                print_detail(f"remove {path}: {error}")
                _remove(path)
                return cls(path, _connected(path))
        except (OSError, ValueError, sqlite3.Error) as error:
            _report(path, error)
            return cls(path, None)

    def find(self, path: bytes) -> tuple[bytes, bytes] | None:
        """Return digest and proof of a path; its entry counts as used today."""
        key = sha256(path).digest()
        if self._connection is None or key in self._new:
            return self._new.get(key)
        query = "SELECT digest, proof, day FROM digests WHERE path = ?"
        try:
            digest, proof, day = self._connection.execute(query, [key]).fetchone() or (None, None, None)
        except sqlite3.Error as error:
            self._give_up(error)
            return None
        if not isinstance(digest, bytes) or not isinstance(proof, bytes):
            return None
        if day != self._today:
            self._new[key] = (digest, proof)
        return digest, proof

    def add(self, path: bytes, digest: bytes, proof: bytes) -> None:
        """Add an entry, or replace it."""
        self._new[sha256(path).digest()] = (digest, proof)
        if time.monotonic() - self._written > _WRITE_EVERY:
            self._write()

    def close(self) -> None:
        """Write new entries, and remove entries without use, and the oldest of too many."""
        self._write()
        if self._connection is not None:
            self._connection.close()

    def _write(self) -> None:
        """Write the new entries."""
        if self._connection is not None and self._new:
            rows = [(key, *entry, self._today) for key, entry in self._new.items()]
            try:
                with self._connection:  # a transaction
                    self._connection.execute("BEGIN IMMEDIATE")
                    self._connection.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)", rows)
                    self._connection.execute(_UNUSED, [self._today])
                    self._connection.execute(f"DELETE FROM digests WHERE path IN ({_TOO_MANY})")
            except sqlite3.Error as error:
                self._give_up(error)
        self._new.clear()
        self._written = time.monotonic()

    def _give_up(self, error: sqlite3.Error) -> None:
        """Use the database no more, and remove it if it is damaged."""
        _report(self._path, error)
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if not isinstance(error, sqlite3.OperationalError):
            with suppress(OSError):
                _remove(self._path)


def _report(path: Path, error: Exception) -> None:
    text = getattr(error, "strerror", None) or str(error)
    print_detail(f"{path}: {text}; no hashes are remembered")


def _remove(path: Path) -> None:
    """Remove a database, and the journal of an interrupted change."""
    for name in (f"{path.name}-journal", path.name):
        path.with_name(name).unlink(missing_ok=True)


def _connected(path: Path) -> sqlite3.Connection:
    """Connect to a database; raises sqlite3.Error, or OSError or ValueError if it may not be used."""
    prepare(path)
    if path.stat().st_size > _LARGEST:
        raise sqlite3.DatabaseError(f"larger than {_LARGEST} bytes")
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
    try:
        connection.text_factory = bytes  # text may be anything
        connection.execute("PRAGMA synchronous = OFF")  # after a power failure, files can be read again
        connection.execute(f"CREATE TABLE IF NOT EXISTS {_TABLE}")
        if connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall() != _SCHEMA:
            raise sqlite3.DatabaseError("another program wrote it")
    except BaseException:
        connection.close()
        raise
    return connection
