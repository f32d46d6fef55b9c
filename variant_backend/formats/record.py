"""RECORD, the list of a wheel's files: read, and changed in its own line ends (PEP 376, PEP 427)."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Set
from typing import NamedTuple

from ..errors import Problem, VariantError


class Record(NamedTuple):
    """The text of a RECORD file, and its rows: path, hash, size."""

    text: str
    rows: list[list[str]]

    @classmethod
    def parse(cls, data: bytes) -> Record:
        """Read the content of RECORD.

        Raises VariantError when it is not UTF-8, or a row does not have three columns.
        """
        try:
            text = data.decode("utf-8")
            lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
        except UnicodeDecodeError as error:
            raise VariantError(f"not UTF-8 at byte {error.start}") from None
        # Splitting is three times as fast, and large wheels have ten thousand rows.
        rows = _read_quoted(lines) if '"' in text else [line.split(",") for line in lines]
        for number, row in enumerate(rows, 1):
            if len(row) != 3:
                raise VariantError(
                    f"row {number} has {len(row)} column(s), not three",
                    hint="write PATH,HASH,SIZE in every row",
                )
        if "\0" in text:
            raise VariantError("a NUL character", hint="no file has one in its path")
        if len(rows) != len(lines):
            raise VariantError("a row is broken over several lines", hint="write one row on each line")
        return cls(text, rows)

    def faults(self, path: str, files: Set[str], unlisted: Set[str]) -> list[Problem]:
        """Compare RECORD, which is at *path*, with the *files* of the wheel; those *unlisted* need no row.

        Each rule that is broken gives one fault. Sizes and hashes are not compared.
        """
        paths = [row[0] for row in self.rows]
        listed = set(paths)
        twice = (
            [] if len(listed) == len(paths) else [one for one, count in Counter(paths).items() if count > 1]
        )
        incomplete = [
            file
            for file, digest, size in self.rows
            if not ((not digest and not size) if file == path else (digest and size.isdecimal()))
            and file not in unlisted
        ]
        wanted = "no hash and no size" if path in incomplete else "a hash and a size"
        return [
            Problem(rule, path, text.format(_first_of(names)))
            for rule, text, names in (
                ("duplicate-row", "{} has two rows", twice),
                ("incomplete-row", f"the row of {{}} needs {wanted}", incomplete),
                ("missing-row", "no row for {}, which is in the wheel", files - listed - unlisted),
                ("stray-row", "a row for {}, which is not in the wheel", listed - files - unlisted),
            )
            if names
        ]

    def wrong_sizes(self, path: str, sizes: Mapping[str, int]) -> list[Problem]:
        """Compare the rows with the *sizes* of the wheel's files in bytes; return one fault or none."""
        wrong = [file for file, _, size in self.rows if size and file in sizes and size != str(sizes[file])]
        text = f"the size of {_first_of(wrong)} is another one" if wrong else ""
        return [Problem("wrong-size", path, text)] if wrong else []

    def wrong_hashes(self, path: str, contents: Mapping[str, bytes]) -> list[Problem]:
        """Compare the rows with the *contents* of some files; return one fault or none."""
        wrong = [
            file
            for file, digest, _ in self.rows
            if digest and file in contents and not _is_hash(digest, contents[file])
        ]
        text = f"the hash of {_first_of(wrong)} is another one" if wrong else ""
        return [Problem("wrong-hash", path, text)] if wrong else []

    def changed(
        self, contents: Mapping[str, bytes], dropped: Collection[str], moved: Mapping[str, str]
    ) -> bytes:
        """Return the content of RECORD after files were changed.

        *contents* holds the new and the changed files, by their new paths; those that had no row
        get one at the top. *moved* gives new paths for old ones. Other rows keep their bytes.
        """
        touched = {*contents, *dropped, *moved}
        added = dict(contents)
        lines = [self.text]
        if not touched.isdisjoint([row[0] for row in self.rows]):
            # As rows were found: a lone carriage return ends none.
            lines = [f"{line}\n" for line in self.text.split("\n")]
            lines[-1] = lines[-1].removesuffix("\n")
            for index, (old_path, digest, size) in enumerate(self.rows):
                if old_path not in touched:
                    continue
                path = moved.get(old_path, old_path)
                if old_path in dropped:
                    lines[index] = ""
                elif path in added:
                    lines[index] = _line(path, *_hash_and_size(added.pop(path)), like=lines[index])
                else:
                    lines[index] = _line(path, digest, size, like=lines[index])
        end = "\r\n" if self.text.partition("\n")[0].endswith("\r") else "\n"
        new = [_line(path, *_hash_and_size(content), like=end) for path, content in added.items()]
        return "".join([*new, *lines]).encode()


def _read_quoted(lines: list[str]) -> list[list[str]]:
    """Return the rows of CSV; raises VariantError."""
    import csv

    try:
        return list(csv.reader(lines, strict=True))
    except csv.Error as error:
        raise VariantError(f"not CSV: {error}") from None


def _first_of(paths: Collection[str]) -> str:
    """Name the first of several paths, and say how many more there are."""
    others = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{min(paths)!r}{others}"


def _is_hash(digest: str, content: bytes) -> bool:
    """Tell whether a row's hash is that of *content*; one of an algorithm that is not known is not."""
    algorithm, _, value = digest.partition("=")
    if algorithm not in ("sha256", "sha384", "sha512"):  # the weaker ones are not allowed in wheels
        return False
    actual = base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=")
    return value == actual.decode()


def _hash_and_size(content: bytes) -> tuple[str, str]:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}", str(len(content))


def _line(path: str, digest: str, size: str, like: str) -> str:
    """Return a row as a line with the same line end as another."""
    end = like[len(like.rstrip("\r\n")) :]
    if not {*path} & {*'",\r\n'}:
        return f"{path},{digest},{size}{end}"
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator=end).writerow((path, digest, size))
    return text.getvalue()
