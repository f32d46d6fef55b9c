"""Read and change RECORD, the list of a wheel's files, and keep its line ends (PEP 376, PEP 427)."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from ..errors import MOST_SHOWN, Problem, VariantError

# Every installer knows these algorithms; others of `hashlib` have no fixed length, or are missing somewhere.
_ALGORITHMS = hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}
# `wheel unpack` refuses them, installers do not (PEP 427).
_WEAK = {"md5", "sha1"}
_USUAL_HASH = re.compile(r"sha256=[A-Za-z0-9_-]{43}")

# A path with one of these characters may be quoted.
_SPECIAL = "'\",\r\n"


class Record(NamedTuple):
    """The text of a RECORD file, and its rows: path, hash, size."""

    text: str
    rows: list[list[str]]

    @classmethod
    def parse(cls, data: bytes) -> Record:
        """Read the content of RECORD.

        Raises VariantError if it is not UTF-8, or a row does not have three columns.
        """
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise VariantError(f"not UTF-8 at byte {error.start}") from None
        plain = text.replace("\r\n", "\n") if "\r" in text else text
        lines = plain.removesuffix("\n").split("\n")
        # Splitting is three times as fast, and large wheels have ten thousand rows.
        rows = _read_quoted(lines) if '"' in text else [line.split(",") for line in lines]
        for number, row in enumerate(rows, 1):
            if len(row) != 3:
                raise VariantError(f"row {number}: expected 3 columns, got {len(row)}")
        if "\0" in text:
            raise VariantError("NUL character")
        if len(rows) != len(lines):
            raise VariantError("a row has several lines")
        return cls(text, rows)

    def problems(self, place: str, files: Set[str], unlisted: Set[str]) -> Iterator[Problem]:
        """Compare RECORD, whose path is *place*, with the wheel's *files*; *unlisted* files need no row.

        Yields one problem for each broken rule. Sizes and hashes are only read, not compared.
        """
        paths = [path for path, _, _ in self.rows]
        listed = set(paths)
        if len(listed) < len(paths):
            twice = [path for path, count in Counter(paths).items() if count > 1]
            yield Problem("duplicate-row", place, f"duplicate row for {first_of(sorted(twice))}")
        if incomplete := self._incomplete(place, unlisted):
            expected = "no hash and no size" if place in incomplete else "a hash and a size"
            text = f"expected {expected} in the row of {first_of(sorted(incomplete))}"
            yield Problem("incomplete-row", place, text)
        yield from self._hash_problems(place)
        if missing := files - listed - unlisted:
            yield Problem("missing-row", place, f"missing row for {first_of(sorted(missing))}")
        if stray := listed - files - unlisted:
            yield Problem("stray-row", place, f"row without a file in the wheel: {first_of(sorted(stray))}")

    def _incomplete(self, place: str, unlisted: Set[str]) -> list[str]:
        """Return the files whose rows lack hash or size; the row of RECORD must have neither."""
        return [
            path
            for path, digest, size in self.rows
            if not ((not digest and not size) if path == place else (digest and size.isdecimal()))
            and path not in unlisted
        ]

    def _hash_problems(self, place: str) -> Iterator[Problem]:
        """Find hashes that installers cannot read, and those of weak algorithms."""
        is_usual = _USUAL_HASH.fullmatch
        unusual = [(path, digest) for path, digest, _ in self.rows if digest and not is_usual(digest)]
        algorithms = {path: digest.partition("=")[0] for path, digest in unusual}
        if unknown := [path for path, name in algorithms.items() if name not in _ALGORITHMS]:
            text = f"unknown hash algorithm {algorithms[min(unknown)][:MOST_SHOWN]!r} in the row of"
            yield Problem("bad-hash", place, f"{text} {first_of(sorted(unknown))}")
        known = [(path, digest) for path, digest in unusual if algorithms[path] in _ALGORITHMS]
        if bad := [path for path, digest in known if not _is_base64(digest)]:
            text = "expected the hash in URL-safe base64 without padding in the row of"
            yield Problem("bad-hash", place, f"{text} {first_of(sorted(bad))}")
        if weak := [path for path, name in algorithms.items() if name in _WEAK]:
            text = f"weak hash algorithm {algorithms[min(weak)]} in the row of {first_of(sorted(weak))}"
            yield Problem("weak-hash", place, text)

    def wrong_sizes(self, place: str, sizes: Mapping[str, int]) -> Iterator[Problem]:
        """Compare the rows with the *sizes* of the wheel's files in bytes; yields one problem or none."""
        wrong = [path for path, _, size in self.rows if size and path in sizes and size != str(sizes[path])]
        if wrong:
            yield Problem("wrong-size", place, f"wrong size of {first_of(sorted(wrong))}")

    def wrong_hashes(self, place: str, contents: Mapping[str, bytes]) -> Iterator[Problem]:
        """Compare the rows with the *contents* of some files; yields one problem or none."""
        wrong = [
            path
            for path, digest, _ in self.rows
            if digest and path in contents and not _is_hash(digest, contents[path])
        ]
        if wrong:
            yield Problem("wrong-hash", place, f"wrong hash of {first_of(sorted(wrong))}")

    def changed(
        self, contents: Mapping[str, bytes], dropped: Collection[str], moved: Mapping[str, str]
    ) -> bytes:
        """Return the content of RECORD after a change of files.

        *contents* has the new and the changed files, by their new paths; files without a row get one at the
        top. *moved* has new paths by old ones. Other rows keep their bytes.
        """
        touched = {*contents, *dropped, *moved}
        indexes = [index for index, row in enumerate(self.rows) if row[0] in touched]
        added = dict(contents)
        # A carriage return alone does not end a row, as in `parse`.
        lines = self.text.split("\n") if indexes else [self.text]
        for index in indexes:
            old_path, digest, size = self.rows[index]
            path = moved.get(old_path, old_path)
            if path in added and old_path not in dropped:
                digest, size = _hash_and_size(added.pop(path))
            lines[index] = _line(path, digest, size, like=lines[index])
        removed = {index for index in indexes if self.rows[index][0] in dropped}
        if len(lines) - 1 in removed:  # the row before the last one keeps its line end
            lines.append("")
        lines = [line for index, line in enumerate(lines) if index not in removed]
        end = "\r" if self.text.partition("\n")[0].endswith("\r") else ""
        new = [_line(path, *_hash_and_size(content), like=end) for path, content in added.items()]
        return "\n".join([*new, *lines]).encode()


def _read_quoted(lines: list[str]) -> list[list[str]]:
    """Return the rows of CSV; raises VariantError if it is not CSV."""
    import csv

    try:
        return list(csv.reader(lines, strict=True))
    except csv.Error as error:
        raise VariantError(f"not CSV: {error}") from None


def first_of(paths: Sequence[str]) -> str:
    """Return the first of several paths, quoted, and the number of others."""
    others = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]!r}{others}"


def _is_base64(digest: str) -> bool:
    """Return whether a hash of a known algorithm has the characters and the length of base64."""
    algorithm, _, value = digest.partition("=")
    return re.fullmatch("[A-Za-z0-9_-]*", value) is not None and len(value) == _length(algorithm)


@functools.cache
def _length(algorithm: str) -> int:
    """Return the number of characters of a hash."""
    return -(-hashlib.new(algorithm, usedforsecurity=False).digest_size * 8 // 6)


def _is_hash(digest: str, content: bytes) -> bool:
    """Return whether a row has the hash of *content*; True for hashes that `Record.problems` reports."""
    algorithm, _, value = digest.partition("=")
    if algorithm not in _ALGORITHMS or not _is_base64(digest):
        return True
    actual = hashlib.new(algorithm, content, usedforsecurity=False).digest()
    return value == _encoded(actual)


def _hash_and_size(content: bytes) -> tuple[str, str]:
    return f"sha256={_encoded(hashlib.sha256(content).digest())}", str(len(content))


def _encoded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _line(path: str, digest: str, size: str, like: str) -> str:
    """Return a row as a line without its line feed, with the carriage returns of the line *like*."""
    end = like[len(like.rstrip("\r")) :]
    if not any(special in path for special in _SPECIAL):
        return f"{path},{digest},{size}{end}"
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator=end).writerow((path, digest, size))
    return text.getvalue()
