"""RECORD, the list of a wheel's files: read, and changed in its own line ends (PEP 376, PEP 427)."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from .errors import VariantError


@dataclass(frozen=True, slots=True)
class Record:
    """The rows of a RECORD file: (path, hash, size), and the line that each was read from."""

    rows: tuple[tuple[str, str, str], ...]
    lines: tuple[str, ...]

    @classmethod
    def parse(cls, data: bytes) -> Record:
        """Read the content of RECORD.

        Raises VariantError when it is not UTF-8, or a row does not have three columns.
        """
        try:
            lines = io.StringIO(data.decode("utf-8"), newline="").readlines()
        except UnicodeDecodeError as error:
            raise VariantError(f"not UTF-8 at byte {error.start}") from None
        try:
            rows = list(csv.reader(lines, strict=True))
        except csv.Error as error:
            raise VariantError(f"not CSV: {error}") from None
        issues = [
            f"row {number} has {len(row)} column(s), not three: {', '.join(row)!r}"
            for number, row in enumerate(rows, 1)
            if len(row) != 3
        ]
        if len(rows) != len(lines):
            issues.append("a row is broken over several lines")
        if issues:
            raise VariantError(issues[0], hint="write PATH,HASH,SIZE in every row")
        return cls(tuple((row[0], row[1], row[2]) for row in rows), tuple(lines))

    def paths(self) -> list[str]:
        """Return every path, in order."""
        return [row[0] for row in self.rows]

    def changed(
        self, contents: Mapping[str, bytes], dropped: Collection[str], renamed: Callable[[str], str]
    ) -> bytes:
        """Return the content of RECORD after files were changed.

        *contents* holds the new and the changed files, by their new paths. Those that had no row
        get one at the top. Rows of files that stay as they are keep their bytes.
        """
        end = "\r\n" if self.lines and self.lines[0].endswith("\r\n") else "\n"
        missing = dict(contents)
        kept = []
        for row, line in zip(self.rows, self.lines, strict=True):
            if row[0] in dropped:
                continue
            path = renamed(row[0])
            content = missing.pop(path, None)
            if content is not None:
                line_end = line[len(line.rstrip("\r\n")) :]
                kept.append(_line(path, *_hash_and_size(content)) + line_end)
            elif path != row[0]:
                kept.append(_line(path, *row[1:]) + line[len(line.rstrip("\r\n")) :])
            else:
                kept.append(line)
        added = [_line(path, *_hash_and_size(content)) + end for path, content in missing.items()]
        return "".join([*added, *kept]).encode()


def _hash_and_size(content: bytes) -> tuple[str, str]:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}", str(len(content))


def _line(*columns: str) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(columns)
    return text.getvalue()
