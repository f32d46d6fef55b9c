"""The start tags of HTML: those that the standard library's reader finds, too."""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variant_backend._html import start_tags

words = st.text("ab-é", min_size=1, max_size=4)
names = st.from_regex("[aAbB][bB-]{0,3}", fullmatch=True)
spaces = st.sampled_from([" ", "\n", "  ", "\t", "/ "])
texts = st.text("ab é<>&;\"'=/-", max_size=6)


class Tags(HTMLParser):
    """What the standard library finds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in reversed(attrs)}))


@st.composite
def attributes(draw: st.DrawFn) -> str:
    name, value = draw(names), draw(texts)
    forms = [name, f'{name}="{escape(value)}"', f"{name} = '{escape(value)}'", f"{name}={draw(words)}"]
    return draw(spaces) + draw(st.sampled_from(forms))


tags = st.builds(
    "<{}{}{}>".format,
    names,
    st.lists(attributes(), max_size=3).map("".join),
    st.sampled_from(["", " ", " /"]),
)
pieces = st.one_of(
    tags,
    texts.map(escape),
    names.map("</{}>".format),
    words.map("<!-- <a> {} -->".format),
    st.sampled_from(["<!DOCTYPE html>", "<?xml?>", "< a>", "<script>'<a>'</script>", "<br/>"]),
)


@given(st.lists(pieces, max_size=6).map("".join))
def test_what_is_found_is_what_the_standard_library_finds(text: str) -> None:
    assert [*start_tags(text)] == Tags(text).found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<a x=1 x=2 X=3>", [("a", {"x": "1"})]),
        ("<a =x>", [("a", {"=x": ""})]),
        ("<a x=a/b y>", [("a", {"x": "a/b", "y": ""})]),
        ("<a x='>'><b", [("a", {"x": ">"})]),
        ("<a x='><b>", []),
        ("<a></a x='<b>'><c>", [("a", {}), ("c", {})]),
        ("<!--><a><!-- <b> --!><c><!-- <d>", [("a", {}), ("c", {})]),
        ("<![CDATA[<a>]]><b>", [("b", {})]),
        ("</ <a>><b>", [("b", {})]),
        ("<title><a></titles><b></TITLE ><c><style><d>", [("title", {}), ("c", {}), ("style", {})]),
        ("<a x='&#99999999999;&#x41;&amp'>", [("a", {"x": "\ufffdA&"})]),
    ],
)
def test_odd_pages_are_read_as_the_standard_says(text: str, expected: object) -> None:
    assert [*start_tags(text)] == expected
