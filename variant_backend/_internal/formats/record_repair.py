"""Write a valid RECORD for the files of a wheel, from an old one that may be invalid or missing."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterator, Mapping, Set
from typing import NamedTuple

from .record import first_of

# The algorithms that the binary distribution format allows.
ALGORITHMS = ("sha256", "sha384", "sha512")


class FileFacts(NamedTuple):
    """The size of a file in bytes, and its digests by algorithm, in the form of RECORD."""

    size: int
    digests: Mapping[str, str]


class LooseRow(NamedTuple):
    """A row as it is: its line without the line end, and its columns."""

    line: str
    columns: list[str]

    @property
    def path(self) -> str:
        """The first column."""
        return self.columns[0] if self.columns else ""

    @property
    def algorithm(self) -> str:
        """The algorithm of the hash; empty without a hash."""
        return self.columns[1].partition("=")[0] if len(self.columns) > 1 else ""


def read_rows(data: bytes) -> list[LooseRow]:
    """Return the rows of any RECORD, also of an invalid one; blank ones have no columns."""
    text = data.decode("utf-8", "replace")
    lines = text.removesuffix("\n").replace("\r\n", "\n").removesuffix("\r").split("\n") if text else []
    return [LooseRow(line, _columns(line)) for line in lines]


def _columns(line: str) -> list[str]:
    if '"' not in line:
        return line.split(",") if line.strip() else []
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        return [line]


def possible_paths(row: LooseRow) -> tuple[str, str]:
    """Return the path of a row as it is, and as a relative path with slashes."""
    return row.path, row.path.replace("\\", "/").removeprefix("./").lstrip("/")


class RecordRepair(NamedTuple):
    """The content of the new RECORD, and each repair as a text."""

    content: bytes
    texts: list[str]


def repaired_record(
    old: bytes | None,
    place: str,
    files: Mapping[str, FileFacts],
    moved: Mapping[str, str],
    *,
    unlisted: Set[str],
    changed: Set[str],
) -> RecordRepair:
    """Return RECORD, whose path is *place*, with a valid row for each of the *files* and for itself.

    *moved* has new paths by old ones. *unlisted* files get no row. The rows of *changed* files change, which
    is not a repair. Valid rows keep their text, and all rows their order; if nothing is wrong, the content is
    the old one.
    """
    listing = _AcceptedRows(place, files, moved, unlisted, changed)
    lines = [line for row in read_rows(old or b"") if (line := listing.line_of(row)) is not None]
    if old is None:
        listing.note("RECORD: written, because it was missing", "")
    elif not _is_utf8(old):
        listing.note("RECORD: written in UTF-8", "")
    lines += listing.missing_lines()
    if not listing.repairs and not listing.has_changes and old is not None:
        return RecordRepair(old, [])
    end = "\r\n" if old and b"\r\n" in old else "\n"
    content = "".join(line + end for line in lines).encode()
    return RecordRepair(content, list(listing.texts()))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class _AcceptedRows:
    """The rows that were accepted so far, and the repairs: paths by the text of the repair."""

    def __init__(
        self,
        place: str,
        files: Mapping[str, FileFacts],
        moved: Mapping[str, str],
        unlisted: Set[str],
        changed: Set[str],
    ) -> None:
        self.place, self.files, self.moved = place, files, moved
        self.unlisted, self.changed = unlisted, changed
        self.listed = set[str]()
        self.repairs: dict[str, list[str]] = {}
        self.has_changes = False

    def note(self, text: str, path: str) -> None:
        """Add a repair of the row for a path."""
        self.repairs.setdefault(text, []).append(path)

    def texts(self) -> Iterator[str]:
        """Yield each repair once, with the first of its paths, and the number of others."""
        for text, paths in self.repairs.items():
            yield f"{text} {first_of(paths)}" if paths[0] else text

    def line_of(self, row: LooseRow) -> str | None:
        """Return the new line of an old row, or None if the row is removed."""
        if not row.columns:
            self.note("RECORD: blank rows removed", "")
            return None
        candidates = [(path, self.moved.get(path, path)) for path in possible_paths(row)]
        known = [pair for pair in candidates if pair[1] in self.files or pair[1] == self.place]
        if any(path in self.unlisted for _, path in candidates):
            self.note("RECORD: row of a signature removed:", row.path)
            return None
        if not known:
            self.note("RECORD: row removed, because the wheel has no such file:", row.path)
            return None
        former, path = known[0]
        if path in self.listed:
            self.note("RECORD: duplicate row removed for", path)
            return None
        self.listed.add(path)
        if former != row.path:
            self.note("RECORD: path made relative, with '/' between folders:", row.path)
        problem = self._problem(path, row)
        if former != path or (problem and path in self.changed):
            self.has_changes = True
        if problem and path not in self.changed:
            self.note(problem, path)
        return row.line if not problem and path == row.path else self._new_line(path, row, keep=not problem)

    def _problem(self, path: str, row: LooseRow) -> str | None:
        """Return the repair of a row's hash and size; None if they are right."""
        if len(row.columns) != 3:
            return "RECORD: three columns written in the row of"
        digest, size = row.columns[1:]
        if path == self.place:
            return "RECORD: hash and size removed from the row of" if digest or size else None
        facts = self.files[path]
        algorithm, _, value = digest.partition("=")
        if not digest or not size:
            return "RECORD: hash and size added for"
        if algorithm not in ALGORITHMS:
            return "RECORD: hash replaced by sha256 for"
        if value != facts.digests[algorithm]:
            if value in _other_forms(facts.digests[algorithm]):
                return "RECORD: hash written in URL-safe base64 without padding for"
            return "RECORD: wrong hash replaced for"
        return "RECORD: size corrected for" if size != str(facts.size) else None

    def _new_line(self, path: str, row: LooseRow | None = None, *, keep: bool = False) -> str:
        """Return the line for a path, with the hash and size of the old row if they are right."""
        if path == self.place:
            return _csv_line([path, "", ""])
        if row is not None and keep:
            return _csv_line([path, *row.columns[1:]])
        facts = self.files[path]
        return _csv_line([path, f"sha256={facts.digests['sha256']}", str(facts.size)])

    def missing_lines(self) -> Iterator[str]:
        """Yield the lines of files without a row, and of RECORD itself."""
        for path in [*self.files, self.place]:
            if path not in self.listed and path not in self.unlisted:
                self.listed.add(path)
                self.note("RECORD: row added for", path)
                yield self._new_line(path)


def _other_forms(digest: str) -> set[str]:
    """Return other texts of a digest that tools write into RECORD: in hex, and in base64 with padding."""
    content = base64.urlsafe_b64decode(digest + "=" * (-len(digest) % 4))
    forms = {base64.b64encode(content).decode(), base64.urlsafe_b64encode(content).decode()}
    return {content.hex(), *forms, *(form.rstrip("=") for form in forms)}


def _csv_line(columns: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(columns)
    return text.getvalue()
