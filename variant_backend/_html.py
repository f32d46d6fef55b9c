"""The start tags of a page of HTML, whatever else is in it, in a time in proportion to its length.

It goes by the tokenizer of the HTML standard. `html.parser` is not used as that of many a Python takes
minutes for a page of 100 kilobytes with an unfinished tag in it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_TAG = re.compile(
    r"<(?:(?P<comment>!--)|(?P<other>[!?]|/(?![a-zA-Z]))|(?P<name>/?[a-zA-Z][^\s/>]*))", re.ASCII
)
_COMMENT_END = re.compile("--!?>")
_ATTRIBUTE = re.compile(r"[\s/]*(?:(?P<end>>)|(?P<name>=?[^\s/>=]*)(?P<equals>\s*=\s*)?)", re.ASCII)
_VALUE = re.compile(r""""([^"]*)"|'([^']*)'|([^\s>"'][^\s>]*|(?=>))""", re.ASCII)
# What is inside of these is text.
_TEXTS = {"script", "style", "textarea", "title"}


def start_tags(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the name of each start tag, and its attributes, of which the first of two equal ones counts.

    Names are in lower case. What follows an unfinished tag or comment is a part of it.
    """
    position: int | None = 0
    while position is not None and (found := _TAG.search(text, position)):
        if found["comment"]:
            position = _end(_COMMENT_END.search(text, found.start() + len("<!")))
            continue
        if found["other"]:
            position = text.find(">", found.end()) + 1 or None
            continue
        name, attributes = found["name"].lower(), dict[str, str]()
        position = _read_attributes(text, found.end(), attributes)
        if position is not None and not name.startswith("/"):
            yield name, attributes
            if name in _TEXTS:
                closing = re.compile(rf"(?=</{name}[\s/>])", re.ASCII | re.IGNORECASE)
                position = _end(closing.search(text, position))


def _end(found: re.Match[str] | None) -> int | None:
    return found.end() if found else None


def _read_attributes(text: str, position: int, attributes: dict[str, str]) -> int | None:
    """Read the attributes of a tag; return where it ends, or None if it does not."""
    while part := _ATTRIBUTE.match(text, position):
        if part["end"]:
            return part.end()
        value = _VALUE.match(text, part.end()) if part["equals"] else None
        if not part["name"] or bool(value) != bool(part["equals"]):
            return None
        attributes.setdefault(part["name"].lower(), _unescaped(value[value.lastindex or 0]) if value else "")
        position = (value or part).end()
    return None


def _unescaped(value: str) -> str:
    try:
        return html.unescape(value)
    except ValueError:  # a number of more digits than Python converts
        return value
