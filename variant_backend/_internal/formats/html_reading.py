"""Read the tags of a page of HTML, one after the other, in time proportional to its length.

The page is untrusted. It is split into tags as browsers do (the tokenizer of the HTML standard), with two
exceptions: no element is foreign, such as those in ``svg``, and the first ``</script>`` ends a script.

The standard library's parser is not used. In many releases of Python, it takes 2 seconds for 10 kB of
``<a ``, and four times as long for twice the length. The newest releases split some pages into other tags, so
the same page would have other links on another machine. For a page of PyPI, this reader takes 0.6 times as
long. No part of a page is searched again from another position.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator, Mapping
from html.entities import html5 as names_of_references

from ..errors import VariantError

# The largest tags on pages of PyPI have 5 attributes and 500 bytes.
_LONGEST_TAG = 64 << 10
_MOST_ATTRIBUTES = 100
# A link with its line break has 3 tags.
_MOST_TAGS = 1_000_000

# The content of these elements is text; `plaintext` has no end.
_TEXT_ENDS = {
    name: re.compile(rb"</%s(?=[ \t\n\f\r/>])" % name, re.IGNORECASE)
    for name in (b"script", b"style", b"title", b"textarea", b"xmp", b"iframe", b"noembed", b"noframes")
}
_TEXT_ENDS[b"plaintext"] = re.compile(rb"\Z")
# The slash and the name of a tag; or the start of a comment, with its end if it is empty; or other markup,
# which ends at the next ">". A "<" before another character is text.
_MARKUP = re.compile(rb"<(?:(/?)([a-zA-Z][^ \t\n\f\r/>]*)|(!--)(-?>)?|[!?/][^>]*)")
_COMMENT_END = re.compile(rb"--!?>")
# An attribute, or only what is before the end of a tag. It matches everywhere, and never backtracks more than
# once over white space. A value without its end reaches to the end of the page.
_ATTRIBUTE = re.compile(
    rb"""[ \t\n\f\r/]*
    (?:([^ \t\n\f\r/>][^ \t\n\f\r/>=]*)
        (?:[ \t\n\f\r]*=[ \t\n\f\r]*(?:"([^"]*)"?|'([^']*)'?|([^ \t\n\f\r>]*)))?
    )?""",
    re.VERBOSE,
)
_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[a-zA-Z][a-zA-Z0-9]*[;=]?)")


def start_tags(content: bytes, wanted: Mapping[str, Collection[str]]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the start tags of a page whose names are *wanted*, each with its wanted attributes.

    The first of two attributes with the same name is used. Raises VariantError, with the number of the byte
    as its place, if a wanted tag is too long, or if any tag has too many attributes.
    """
    if (count := content.count(b"<")) > _MOST_TAGS:
        raise VariantError(f"expected at most {_MOST_TAGS} tags, got {count}")
    known = {name.encode(): frozenset(map(str.encode, keys)) for name, keys in wanted.items()}
    at = 0
    while markup := _MARKUP.search(content, at):
        slash, name, comment, empty = markup.groups()
        at = markup.end()
        if name is not None:
            name = name.lower()
            keys = None if slash else known.get(name)
            attributes, at = _attributes(content, at, keys or ())
            if at == len(content):  # a tag without its end is ignored
                return
            if keys is not None:
                _check_length(at - markup.start(), markup.start())
                yield name.decode(), {key.decode(): _text(value) for key, value in attributes.items()}
            if not slash and name in _TEXT_ENDS:
                end = _TEXT_ENDS[name].search(content, at)
                at = end.start() if end else len(content)
        elif comment and not empty:
            end = _COMMENT_END.search(content, at)
            at = end.end() if end else len(content)


def _attributes(content: bytes, at: int, keys: Collection[bytes]) -> tuple[dict[bytes, bytes], int]:
    """Return the attributes of a tag that are named in *keys*, and the end of the tag."""
    values: dict[bytes, bytes] = {}
    for number, match in enumerate(_ATTRIBUTE.finditer(content, at)):
        name = match[1]
        if name is None:
            return values, match.end()
        if number == _MOST_ATTRIBUTES:
            text = f"expected at most {_MOST_ATTRIBUTES} attributes in a tag, got more"
            raise VariantError(text, place=f"byte {at}")
        if keys and (name := name.lower()) in keys:
            values.setdefault(name, match[2] or match[3] or match[4] or b"")
    return values, len(content)


def _check_length(length: int, at: int) -> None:
    if length > _LONGEST_TAG:
        text = f"expected tags of at most {_LONGEST_TAG} bytes, got {length}"
        raise VariantError(text, place=f"byte {at}")


def _text(value: bytes) -> str:
    """Return the text of an attribute's value."""
    return _REFERENCE.sub(_referenced, value.decode("utf-8", "replace").replace("\0", "\ufffd"))


def _referenced(match: re.Match[str]) -> str:
    """Return the character of a reference, or the same text if the name is unknown or ends in "="."""
    reference = match[0]
    if reference[1] != "#" and (reference[-1] == "=" or reference[1:] not in names_of_references):
        return reference
    try:
        return html.unescape(reference)
    except ValueError:  # thousands of digits
        return "\ufffd"
