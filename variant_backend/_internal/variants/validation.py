"""Read untrusted documents (JSON or TOML) and collect every problem with its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

from ..errors import Problem, VariantError, did_you_mean, one_of

# A person cannot use more, and a small hostile file can have a million.
_MOST_PROBLEMS = 1000
# The largest pages of PyPI have fewer than half as many. An empty list takes 2 bytes of JSON, and 56 of
# memory: without a limit, 48 MB would take more than 1 GB.
_MOST_VALUES = 2_000_000


class _RepeatedKeys(dict[str, object]):
    """An object that has some keys several times; their last values count. *first* has their first values."""

    repeated: tuple[str, ...] = ()
    first: Mapping[str, object] = {}  # never changed in place


def read_strict_json(document: Document, data: bytes) -> object:
    """Parse JSON, and note all duplicate keys as problems of *document*. Raises as `parse_json`."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        result = _object(pairs)
        if not isinstance(result, _RepeatedKeys):
            return result
        for key in result.repeated:
            document.note("", f"duplicate key {key!r}", code="duplicate-key")
        return {**result}  # so that `Document.table` does not note the keys again

    return _parsed(data, unique)


def parse_json(data: bytes) -> object:
    """Parse JSON; `Document.table` notes the duplicate keys of its objects, each at its place.

    Raises VariantError if the data is not JSON in UTF-8 without a byte order mark, or has too many values.
    """
    return _parsed(data, _object)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object, as `_RepeatedKeys` if it has a key twice."""
    result = dict(pairs)
    if len(result) == len(pairs):
        return result
    counts = Counter(key for key, _ in pairs)
    table = _RepeatedKeys(result)
    table.repeated = tuple(sorted(key for key, count in counts.items() if count > 1))
    table.first = dict(reversed(pairs))
    return table


def _parsed(data: bytes, hook: Callable[[list[tuple[str, object]]], dict[str, object]]) -> object:
    """Parse JSON, with *hook* for its objects. Raises as `parse_json`."""
    import json

    # Each value is the first of its list or table, or follows a comma; commas in strings count too.
    if (most := sum(map(data.count, (b",", b"[", b"{"))) + 1) > _MOST_VALUES:
        text = f"expected at most {_MOST_VALUES} values, got up to {most}"
        raise VariantError(text, code="not-json")

    try:
        parsed: object = json.loads(data.decode("utf-8"), object_pairs_hook=hook)
        if b"\\u" in data:  # an escape can be half a surrogate pair, which other readers reject
            json.dumps(parsed, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise VariantError(f"invalid JSON: {error}", code="not-json") from None
    return parsed


class Document:
    """Read values from a parsed document, and collect their problems instead of raising them.

    *problems* make the document unusable. *tolerated* are the others: readers use the rest of the document,
    and writers refuse it.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.tolerated: list[Problem] = []

    @property
    def is_full(self) -> bool:
        """Whether the document has too many problems, so that further ones are not listed."""
        return len(self.problems) > _MOST_PROBLEMS

    def note(self, place: str, text: str, *, code: str = "bad-value", remedy: str | None = None) -> None:
        """Note a problem of the value at *place*."""
        self.add(Problem(code, place, text, remedy))

    def add(self, problem: Problem) -> None:
        """Note a problem, unless the document already has too many."""
        _add(self.problems, problem)

    def tolerate(self, place: str, text: str, *, code: str = "bad-value", remedy: str | None = None) -> None:
        """Note a problem of the value at *place* that leaves the rest of the document usable."""
        _add(self.tolerated, Problem(code, place, text, remedy))

    def tolerate_part(self, part: Document) -> None:
        """Note the problems of a part of the document; the rest is usable without it."""
        for problem in part.all_problems():
            _add(self.tolerated, problem)

    def all_problems(self) -> list[Problem]:
        """Return the problems for writers and checks: those of readers, then the tolerated ones."""
        return [*self.problems, *self.tolerated]

    def check(self, where: object = "") -> None:
        """Raise one VariantError with all problems, each with *where* before its place, if there are any."""
        if problems := self.all_problems():
            error = VariantError(*problems)
            raise error.within(where) if where else error

    def table(
        self, value: object, place: str, known: Sequence[str] | None = None, required: Sequence[str] = ()
    ) -> dict[str, object]:
        """Return a table's entries. If *known* is given, note other keys as problems and leave them out.

        If an object of JSON has a key twice, its last value is used; a *known* key must not occur twice.
        """
        if not isinstance(value, dict):
            self.note(place, f"expected a table, got {_kind(value)}", code="wrong-type")
            return {}
        if isinstance(value, _RepeatedKeys):
            self._note_repeated(place, value.repeated, is_map=known is None)
        for key in value:
            if not isinstance(key, str):  # no parser of JSON or TOML makes it
                self.note(place, f"expected strings as keys, got {_kind(key)}", code="wrong-type")
            elif known is not None and key not in known and not self.is_full:
                text, remedy = (
                    f"unknown key {key!r}{did_you_mean(key, known)}",
                    f"known keys: {one_of(known)}",
                )
                self.note(join(place, key), text, code="unknown-key", remedy=remedy)
        for key in required:
            if key not in value:
                self.note(join(place, key), "missing", code="missing-key")
        return {
            key: entry
            for key, entry in value.items()
            if (isinstance(key, str) if known is None else key in known)
        }

    def _note_repeated(self, place: str, keys: Sequence[str], *, is_map: bool) -> None:
        for key in keys:
            if is_map:
                text = f"duplicate entry {key!r}; the last one is used"
                self.tolerate(place, text, code="duplicate-entry")
            else:
                self.note(place, f"duplicate key {key!r}", code="duplicate-key")

    def strings(
        self,
        value: object,
        place: str,
        check: Callable[[str], object],
        *,
        least: int = 1,
        code: str = "bad-value",
    ) -> tuple[str, ...]:
        """Return a list of unique strings that pass *check*; *least* (0 or 1) is their minimum number."""
        if not isinstance(value, list) or len(value) < least:
            amount = "of at least one string" if least else "of strings"
            empty = value == []
            self.note(
                place,
                f"expected a list {amount}, got {_kind(value)}",
                code="empty-list" if empty else "wrong-type",
            )
            return ()
        result: dict[str, None] = {}
        for index, item in enumerate(value):
            text = self.string(item, f"{place}[{index}]")
            if text in result:
                self.note(f"{place}[{index}]", f"duplicate value {text!r}", code="duplicate-value")
            elif text is not None and self.passes(f"{place}[{index}]", check, text, code=code):
                result[text] = None
        return tuple(result)

    def string(self, value: object, place: str) -> str | None:
        """Return a string, or note a problem and return None if the value has another type."""
        if isinstance(value, str):
            return value
        self.note(place, f"expected a string, got {_kind(value)}", code="wrong-type")
        return None

    def boolean(self, value: object, place: str) -> bool:
        """Return a boolean, or note a problem and return False if the value has another type."""
        if isinstance(value, bool):
            return value
        self.note(place, f"expected true or false, got {_kind(value)}", code="wrong-type")
        return False

    def choice(self, value: object, place: str, known: Sequence[str]) -> str | None:
        """Return one of the *known* strings, or note a problem and return None."""
        text = self.string(value, place)
        if text is None or text in known:
            return text
        suggestion = did_you_mean(text, known)
        remedy = f"known values: {one_of(known)}"
        self.note(place, f"unknown value {text!r}{suggestion}", remedy=remedy)
        return None

    def passes(
        self, place: str, check: Callable[[str], object], text: str, *, code: str = "bad-value"
    ) -> bool:
        """Return whether *check* accepts the text; note the problems if it raises VariantError."""
        try:
            check(text)
        except VariantError as error:
            for problem in error.problems:
                self.add(problem.at(place, code))
            return False
        return True


def first_values(value: object, depth: int) -> object:
    """Return a value with the first entry of each duplicate key, down to a *depth* of objects in objects."""
    if not isinstance(value, dict) or not depth:
        return value
    first = {**value, **value.first} if isinstance(value, _RepeatedKeys) else value
    return {key: first_values(entry, depth - 1) for key, entry in first.items()}


def without_null(
    document: Document, table: dict[str, object], place: str, ignored: Collection[str]
) -> dict[str, object]:
    """Return the entries of a table that are not null; readers of JSON use null like a missing key.

    Other installers accept null for the *ignored* keys only.
    """
    for key in [key for key, value in table.items() if value is None]:
        code = "ignored-null" if key in ignored else "null-value"
        document.tolerate(
            join(place, key), "expected a value, got null", code=code, remedy="leave the key out"
        )
    return {key: value for key, value in table.items() if value is not None}


def _add(problems: list[Problem], problem: Problem) -> None:
    """Add a problem, unless there are too many already."""
    if len(problems) == _MOST_PROBLEMS:
        text = f"more than {_MOST_PROBLEMS} problems; the rest are not listed"
        problem = Problem(problem.code, "", text)
    if len(problems) <= _MOST_PROBLEMS:
        problems.append(problem)


def join(place: str, key: str) -> str:
    """Return the place of a table's entry."""
    return f"{place}.{key}" if place else key


def _kind(value: object) -> str:
    """Return the type of a value in the words of JSON and TOML."""
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    kinds = {dict: "a table", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return kinds.get(type(value), "null" if value is None else type(value).__name__)
