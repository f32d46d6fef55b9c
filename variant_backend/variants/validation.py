"""Reading untrusted documents (JSON or TOML): every fault is gathered, with its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from ..errors import Problem, VariantError, did_you_mean, one_of

# More are of no use to a person, and a small hostile file may have a million.
_MOST_FAULTS = 1000


def read_json(document: Document, data: bytes) -> object:
    """Parse JSON strictly: a key that stands twice in one object is a fault of the *document*.

    Raises VariantError when it is not JSON in UTF-8, without a byte order mark.
    """
    import json

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        result = dict(pairs)
        if len(result) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            for key in sorted(key for key, count in counts.items() if count > 1):
                document.note("", f"key {key!r} stands twice in one object", code="duplicate-key")
        return result

    try:
        parsed: object = json.loads(data.decode("utf-8"), object_pairs_hook=unique)
        if b"\\u" in data:  # half a surrogate pair can be escaped so, and other readers take no such text
            json.dumps(parsed, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise VariantError(f"not JSON in UTF-8: {error}", code="not-json") from None
    return parsed


class Document:
    """Takes values out of a parsed document; what is wrong with them is gathered, not raised."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def note(self, place: str, text: str, *, code: str = "bad-value", remedy: str | None = None) -> None:
        """Note that what stands at *place* is wrong."""
        self.add(Problem(code, place, text, remedy))

    def add(self, problem: Problem) -> None:
        """Note a problem; of very many, the rest is not kept."""
        if len(self.problems) == _MOST_FAULTS:
            problem = Problem(problem.code, "", f"more than {_MOST_FAULTS} faults, the others are not listed")
        if len(self.problems) <= _MOST_FAULTS:
            self.problems.append(problem)

    def check(self, where: object = "") -> None:
        """Raise one VariantError with all faults, each behind *where*, if there are any."""
        if self.problems:
            error = VariantError(*self.problems)
            raise error.within(where) if where else error

    def table(
        self, value: object, place: str, known: Sequence[str] | None = None, required: Sequence[str] = ()
    ) -> dict[str, object]:
        """Return a table's entries; with *known*, other keys are faults and left out."""
        if not isinstance(value, dict):
            self.note(place, f"a table is needed, not {_kind(value)}", code="wrong-type")
            return {}
        for key in value:
            if known is not None and key not in known:
                text = f"unknown key{did_you_mean(key, known)}; known are {one_of(known)}"
                self.note(join(place, key), text, code="unknown-key")
        for key in required:
            if key not in value:
                self.note(join(place, key), "missing", code="missing-key")
        return {key: entry for key, entry in value.items() if known is None or key in known}

    def strings(
        self,
        value: object,
        place: str,
        check: Callable[[str], object],
        *,
        least: int = 1,
        code: str = "bad-value",
    ) -> tuple[str, ...]:
        """Return a list of unique strings, *least* of them (0 or 1), each of which passes *check*."""
        if not isinstance(value, list) or len(value) < least:
            amount = "of at least one string" if least else "of strings"
            empty = value == []
            self.note(
                place,
                f"a list {amount} is needed, not {_kind(value)}",
                code="empty-list" if empty else "wrong-type",
            )
            return ()
        result: dict[str, None] = {}
        for index, item in enumerate(value):
            text = self.string(item, f"{place}[{index}]")
            if text in result:
                self.note(f"{place}[{index}]", f"{text!r} stands there twice", code="duplicate-value")
            elif text is not None and self.passes(f"{place}[{index}]", check, text, code=code):
                result[text] = None
        return tuple(result)

    def string(self, value: object, place: str) -> str | None:
        """Return a string, or None after noting that it is something else."""
        if isinstance(value, str):
            return value
        self.note(place, f"a string is needed, not {_kind(value)}", code="wrong-type")
        return None

    def boolean(self, value: object, place: str) -> bool:
        """Return a boolean, or False after noting that it is something else."""
        if isinstance(value, bool):
            return value
        self.note(place, f"true or false is needed, not {_kind(value)}", code="wrong-type")
        return False

    def choice(self, value: object, place: str, known: Sequence[str]) -> str | None:
        """Return one of the *known* strings, or None after noting that it is something else."""
        text = self.string(value, place)
        if text is None or text in known:
            return text
        self.note(place, f"{text!r} is not known{did_you_mean(text, known)}; known are {one_of(known)}")
        return None

    def passes(
        self, place: str, check: Callable[[str], object], text: str, *, code: str = "bad-value"
    ) -> bool:
        """Tell whether *check* takes the text; if it raises a VariantError, note that."""
        try:
            check(text)
        except VariantError as error:
            for problem in error.problems:
                self.add(problem.at(place, code))
            return False
        return True


def join(place: str, key: str) -> str:
    """Return the place of a table's entry."""
    return f"{place}.{key}" if place else key


def _kind(value: object) -> str:
    """Say what a value is, in the words of JSON and TOML."""
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    kinds = {dict: "a table", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return kinds.get(type(value), "nothing" if value is None else type(value).__name__)
