"""Edits of a TOML document that keep all other bytes. This module knows TOML, not the meaning of tables.

An edit moves keys with their values between the bodies of tables that tomlkit parsed, and writes the document
again. tomlkit's own functions for adding and removing keys would also change the space around them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeAlias, cast

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AbstractTable, AoT, Comment, InlineTable, Item, Key, Table, Trivia, Whitespace

from ..errors import VariantError
from ..lowlevel.newer_dependencies import PROJECT_FILES

Document: TypeAlias = tomlkit.TOMLDocument
Path: TypeAlias = tuple[str, ...]

# The content of a table: keys with values, and white space and comments without a key.
Body: TypeAlias = list[tuple[Key | None, Item]]

# Replaces a removed header; no document can have it. It is removed with the empty line before it.
_CUT = "\0\n"


# Deeper tables are written inline.
_DEEPEST_HEADER = 4


class Place(NamedTuple):
    """The place of a key: its path, the body of its table, and its index there."""

    path: Path
    body: Body
    at: int
    inline: bool

    @property
    def key(self) -> Key:
        """The key, as it is written."""
        return cast("Key", self.body[self.at][0])  # an entry at a place has a key

    @property
    def item(self) -> Item:
        """The value, with the comment after it."""
        return self.body[self.at][1]

    @property
    def text(self) -> str:
        """The value as it is written."""
        return self.item.as_string()

    def is_inline_table(self) -> bool:
        """Whether the value is an inline table."""
        return isinstance(self.item, InlineTable)

    def has_header(self) -> bool:
        """Whether the value is a table with a header of its own."""
        return isinstance(self.item, Table) and not self.key.is_dotted() and not self.item.is_super_table()

    def inside(self) -> Body:
        """Return the body of the table at this place."""
        return cast("AbstractTable", self.item).value.body

    def lead(self) -> int:
        """Return the index of the first comment or empty line directly above the key."""
        start = self.at
        while start and not self.inline and self.body[start - 1][0] is None:
            start -= 1
        return start

    def comments(self) -> list[str]:
        """Return the comments directly above the key, and the one after its value."""
        start = self.at
        while start > self.lead() and isinstance(self.body[start - 1][1], Comment):
            start -= 1
        items = [item for _, item in self.body[start : self.at + 1]]
        return [item.trivia.comment for item in items if item.trivia.comment]

    def set(self, text: str) -> None:
        """Replace the value; the text before and after it stays."""
        fresh = tomlkit.value(text)
        for name in ("indent", "comment_ws", "comment", "trail"):
            setattr(fresh.trivia, name, getattr(self.item.trivia, name))
        self.body[self.at] = (self.key, fresh)


def parse(text: str) -> Document:
    """Parse a document; raises VariantError if it is not TOML."""
    try:
        return tomlkit.parse(text)
    except (TOMLKitError, ValueError) as error:
        raise VariantError(f"invalid TOML: {error}", code="not-toml") from None


def edited(text: str, edit: Callable[[Document], object]) -> str:
    """Return a text after an edit; the edit gets the text with LF line ends, also at the last line.

    Raises VariantError if the result is not TOML, or tomlkit is too old.
    """
    PROJECT_FILES.check()
    crlf = 0 < text.count("\n") == text.count("\r\n")
    unix = text.replace("\r\n", "\n") if crlf else text
    open_ended = unix != "" and not unix.endswith("\n")
    source = f"{unix}\n" if open_ended else unix
    document = parse(source)
    if document.as_string() != source:
        raise too_intricate()
    edit(document)
    result = document.as_string().replace(f"\n\n{_CUT}", "\n").replace(_CUT, "")
    try:
        parse(result)
    except VariantError:
        raise too_intricate() from None
    if open_ended:
        result = result.removesuffix("\n")
    return result.replace("\n", "\r\n") if crlf else result


def too_intricate() -> VariantError:
    """Return the error for a document that cannot be edited."""
    return VariantError(
        "cannot edit tables in this form",
        remedy="rewrite inline tables and dotted keys as tables with headers",
    )


def _places(body: Body, path: Path = (), inline: bool = False) -> Iterator[Place]:
    """Yield the places of keys, in the order of the text, but not inside arrays of tables."""
    for at, (key, item) in enumerate(body):
        if key is not None:
            here = (*path, key.key)
            yield Place(here, body, at, inline)
            if isinstance(item, AbstractTable):
                yield from _places(item.value.body, here, isinstance(item, InlineTable))


def find(document: Document, *paths: Path) -> Place | None:
    """Return the place of the first of several keys that exists; None if there is none."""
    return next((place for place in _places(document.body) if place.path in paths), None)


def place_of(document: Document, *paths: Path) -> Place:
    """Return the place of the first of several keys that exists; raises VariantError if there is none."""
    place = find(document, *paths)
    if place is None:
        raise too_intricate()
    return place


def find_table(document: Document, path: Path) -> Place | None:
    """Return the place of a table to which keys can be added: its last part if it has dotted keys."""
    table = None
    for place in _places(document.body):
        if place.path == path and (place.has_header() or place.is_inline_table() or place.key.is_dotted()):
            table = place
    return table


def lines(entries: Mapping[str, object], comment: str = "") -> Body:
    """Return keys with values, each on a line of its own that ends with the comment."""
    texts = [f"{_key(key)} = {written(value)}{comment}\n" for key, value in entries.items()]
    return tomlkit.parse("".join(texts)).body


def written(value: object) -> str:
    """Return a string, a list or a table as TOML in one line."""
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(key)} = {written(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return tomlkit.item(value).as_string()


def from_dict(table: Mapping[str, object], path: Path = ()) -> str:
    """Return a new document; tables more than four levels deep are written inline.

    >>> print(from_dict({"packages": [{"name": "demo", "wheels": [{"size": 1}, {"size": 2}], "tool": {}}]}))
    [[packages]]
    name = "demo"
    wheels = [
        { size = 1 },
        { size = 2 },
    ]
    <BLANKLINE>
    [packages.tool]
    <BLANKLINE>
    """
    parts = [""]
    for key, value in table.items():
        here = (*path, key)
        header = ".".join(map(_key, here))
        entries = value if isinstance(value, list) and value and isinstance(value[0], dict) else []
        if entries and not path:
            parts += [f"[[{header}]]\n{from_dict(entry, here)}" for entry in entries]
        elif entries:
            lines = "".join(f"    {written(entry)},\n" for entry in entries)
            parts[0] += f"{_key(key)} = [\n{lines}]\n"
        elif isinstance(value, dict) and len(here) <= _DEEPEST_HEADER:
            inner = from_dict(value, here)
            # The headers of its subtables imply it.
            parts.append(inner if inner.startswith("[") else f"[{header}]\n{inner}")
        else:
            parts[0] += f"{_key(key)} = {written(value)}\n"
    return "\n".join(part for part in parts if part)


def _key(key: str) -> str:
    return tomlkit.key(key).as_string()


def insert(body: Body, at: int, added: Body, *, inline: bool) -> None:
    """Add lines to a table, with commas between them in an inline table.

    Raises VariantError if lines for an inline table have comments, which it cannot have.
    """
    if not inline:
        body[at:at] = added
        return
    if any(not isinstance(item, Whitespace) and item.trivia.comment for _, item in added):
        raise too_intricate()
    comma: Body = [(None, Whitespace(",")), (None, Whitespace(" "))]
    for key, item in added:
        if key is not None:
            item.trivia.indent = item.trivia.comment_ws = item.trivia.trail = ""
            behind = comma if at < len(body) and body[at][0] is not None else []
            before = comma if not behind and any(other is not None for other, _ in body[:at]) else []
            body[at:at] = [*before, (key, item), *behind]
            at += len(before) + 1 + len(behind)


def remove(place: Place) -> None:
    """Remove a key from its table, and a comma beside it from an inline table."""
    body, start, end = place.body, place.at, place.at + 1
    separators = enumerate(body) if place.inline else ()
    commas = [at for at, (_, item) in separators if isinstance(item, Whitespace) and item.s == ","]
    if commas and commas[-1] > start:
        end = next(at for at in commas if at > start) + 1
        while end < len(body) and body[end][0] is None:
            end += 1
    elif commas:
        start = commas[-1]
    del body[start:end]


def take(place: Place) -> Body:
    """Remove a key from its table with the comments and empty lines above it, and return all of them."""
    lead = place.lead()
    taken = place.body[lead : place.at + 1]
    remove(place)
    del place.body[lead : place.at]
    if place.inline:
        taken[-1][1].trivia.trail = "\n"
    return taken


def _end(body: Body) -> int:
    """Return the index after a table's own keys; subtables with headers may follow."""
    for at in range(len(body), 0, -1):
        key, item = body[at - 1]
        if key is not None and (key.is_dotted() or not isinstance(item, (Table, AoT))):
            return at
    return 0


def add(document: Document, path: Path, added: Body, comment: str = "") -> None:
    """Add lines at the end of a table; a missing table is created with a header and the comment.

    A new table follows the last table with the same first two names. If there is none, it follows all tables.
    """
    if table := find_table(document, path):
        insert(table.inside(), _end(table.inside()), added, inline=table.is_inline_table())
        return
    content = tomlkit.document()
    content.body.extend(added)
    text = f"[{'.'.join(map(_key, path))}]{comment}\n{content.as_string()}"
    if document.body:
        text = f"\n{text}"
    body, at = document.body, len(document.body)
    for place in _places(document.body):
        if place.path[:2] == path[:2] and place.has_header():
            body, at = place.inside(), _end(place.inside())
    while at < len(body) and isinstance(body[at][1], Comment):
        at += 1
    body.insert(at, (None, Whitespace(text)))


def drop_if_empty(document: Document, path: Path) -> None:
    """Remove a table without keys of its own, and without a comment directly below its header."""
    place = find_table(document, path)
    if place is None or _end(place.inside()):
        return
    body = place.inside()
    if not place.has_header():
        remove(place)
    elif not body or not isinstance(body[0][1], Comment):
        _cut_header(place)


def _cut_header(place: Place) -> None:
    """Remove the header of a table without keys."""
    table, body = cast("Table", place.item), place.inside()
    # Later comments belong to the next header; as white space, they do not require this one.
    rest = [(key, item if key is not None else Whitespace(item.as_string())) for key, item in body]
    body[:] = [(None, Whitespace(_CUT)), *rest]
    place.body[place.at] = (place.key, Table(table.value, Trivia(), False, is_super_table=True))


def drop(document: Document, path: Path) -> None:
    """Remove a key, or a table with its content; comments on lines of their own stay."""
    for place in [place for place in _places(document.body) if place.path == path][::-1]:
        if place.inline or not isinstance(place.item, Table):
            remove(place)
            continue
        for key in dict.fromkeys(key.key for key, _ in place.inside() if key is not None):
            drop(document, (*path, key))
        if place.has_header():
            _cut_header(place)


# Lists of strings are edited as text. A token is a string of one of the four kinds, a comment, or the text
# between them.
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\])*"' r"|'[^']*'" r"|#[^\n]*|,|\s+|[\[\]]",
    re.DOTALL,
)


def _tokens(array: str) -> tuple[list[str], list[int]]:
    """Return the tokens of a list of strings, and the indexes of the strings."""
    tokens = _TOKEN.findall(array)
    return tokens, [index for index, token in enumerate(tokens) if token[0] in "\"'"]


def _comment(text: str) -> str:
    """Return the comment that ends the first line, with the space before it."""
    match = re.match(r"[ \t]*#[^\n]*", text)
    return match[0] if match else ""


def with_string(array: str, value: str) -> str:
    r"""Return a list of strings with one more at the end, in the style of the last one.

    >>> print(with_string("['a' ]", "b"), with_string('[\n  "a",  # note\n]', "b"))
    ['a', 'b' ] [
      "a",  # note
      "b",
    ]
    """
    tokens, strings = _tokens(array)
    if not strings:
        return f'["{value}"{array[1:]}'
    last = strings[-1]
    string = tokens[last][0] + value + tokens[last][0]
    _, newline, indent = tokens[last - 1].rpartition("\n")
    if not newline:
        return "".join([*tokens[: last + 1], ", ", string, *tokens[last + 1 :]])
    trailing = "," in tokens[last:]
    if not trailing:
        tokens.insert(last + 1, ",")
    end = tokens.index(",", last) + 1
    rest = "".join(tokens[end:])
    comment = _comment(rest)
    line = f"\n{indent}{string}{',' if trailing else ''}"
    return "".join([*tokens[:end], comment, line, rest[len(comment) :]])


def without_string(array: str, index: int) -> str:
    """Return a list of strings without one of them; the result undoes `with_string`.

    >>> without_string("['a', 'b' ]", 1)
    "['a' ]"
    """
    tokens, strings = _tokens(array)
    at = strings[index]
    space = tokens[at - 1] if tokens[at - 1].isspace() else ""
    head, tail = tokens[: at - bool(space)], tokens[at + 1 :]
    if "," in tail:
        del tail[: tail.index(",") + 1]
        if head == ["["] and not space and tail[0].isspace():
            del tail[0]
    elif "," in head:
        del head[len(head) - 1 - head[::-1].index(",")]
    rest = "".join(tail)
    if "\n" in space:
        rest = rest[len(_comment(rest)) :]
    return "".join(head) + rest
