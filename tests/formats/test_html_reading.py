"""Pages of HTML are split into tags as browsers do, in time proportional to their length.

The expected tags of odd pages are those of html5lib 1.1.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.html_reading import start_tags

WANTED = {"a": ("href", "x"), "base": ("href",), "meta": ("name", "content")}


def read(page: str) -> list[tuple[str, dict[str, str]]]:
    return [*start_tags(page.encode(), WANTED)]


class Parser(HTMLParser):
    """Collects the wanted tags of well-formed pages, which the standard library splits correctly."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in WANTED:
            attributes = {name: value or "" for name, value in reversed(attrs) if name in WANTED[tag]}
            self.tags.append((tag, attributes))


ATTRIBUTES = [
    "href",
    "HREF=''",
    "x=1.é/2",
    'x = "a > b"',
    "href='/&lt;&#62;&amp;a'",
    "name\n=\tn",
    "data-y='\"'",
]
elements = st.builds(
    "<{} {}>{}".format,
    st.sampled_from(["a", "A", "base", "meta", "p", "abbr", "/a", "/p"]),
    st.lists(st.sampled_from(ATTRIBUTES), max_size=4).map(" ".join),
    st.sampled_from(["", " text & 1 < 2 😀", "</a>"]),
)
others = st.sampled_from(
    [
        "<!-- <a href=no> -->",
        "<!DOCTYPE html>",
        "<script>'<a href=no>'</script>",
        "<STYLE> <a href=no> </style>",
        "<?xml version='1.0'?>",
    ]
)
pages = st.lists(elements | others, max_size=6).map("".join)


@given(pages)
def test_a_well_formed_page_has_the_tags_of_html_parser(page: str) -> None:
    assert read(page) == Parser(page).tags


@pytest.mark.parametrize(
    ("page", "links"),
    [
        ("<a href=1", []),
        ("<a href='1>", []),
        ("<a href=1 <a href=2>", ["1"]),
        ("<a/href=1/>", ["1/"]),
        ("<a x='>'href=1>", ["1"]),
        ("<a href>", [""]),
        ("<a href=>", [""]),
        ("<a href=1 HREF=2>", ["1"]),
        ("<a =href=1 href=2>", ["2"]),
        ("<a href = \n'1'>", ["1"]),
        ("<a\x0bhref=1>", []),
        ("<!--><a href=1>-->", ["1"]),
        ("<!---><a href=1>-->", ["1"]),
        ("<!--!><a href=1>-->", []),
        ("<!--<a href=1>--!><a href=2>", ["2"]),
        ("<!-- <a href=1>", []),
        ("<!a><a href=1>", ["1"]),
        ("<![CDATA[<a href=1>]]>", []),
        ("<![CDATA[><a href=1>]]>", ["1"]),
        ("<!DOCTYPE '><a href=1>'>", ["1"]),
        ("</a title='><a href=1>'>", []),
        ("</ ><a href=1>", ["1"]),
        ("<title><a href=1></title><a href=2>", ["2"]),
        ("<textarea><a href=1></TEXTAREA x='<a href=2>'>", []),
        ("<script/><a href=1></scripts><a href=2></script\n>", []),
        ("<style><a href=1>", []),
        ("<plaintext><a href=1></plaintext><a href=2>", []),
        ("<1><a href=1>", ["1"]),
        ("<a href='?a&copy=1&lt&amp;&notit;&#62&#x3E;&#0;'>", ["?a&copy=1<&&notit;>>\ufffd"]),
        (f"<a href='&#{'1' * 5000};'>", ["\ufffd"]),
        ("<a href='\0'>", ["\ufffd"]),
    ],
)
def test_an_odd_page_has_the_links_that_browsers_find(page: str, links: list[str]) -> None:
    assert [tag["href"] for name, tag in read(page) if name == "a" and "href" in tag] == links


def test_invalid_utf8_stays_in_its_attribute() -> None:
    assert [*start_tags(b"<a href='\xff' x='\xe2'>", WANTED)] == [("a", {"href": "\ufffd", "x": "\ufffd"})]


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("<a " * 20_000, "byte 2: expected at most 100 attributes in a tag, got more"),
        (f"x<p {'a ' * 101}>", "byte 3: expected at most 100 attributes in a tag, got more"),
        (f"xy<a href='{'z' * 65536}'>", "byte 2: expected tags of at most 65536 bytes, got 65546"),
        ("<p>" * 1_000_001, "expected at most 1000000 tags, got 1000001"),
    ],
)
def test_a_limit_is_named(page: str, message: str) -> None:
    with pytest.raises(VariantError, match=f"^{re.escape(message)}$"):
        read(page)


def test_a_long_tag_without_links_is_skipped() -> None:
    page = f"<img src='{'z' * 100_000}'><a {'b ' * 99} href=1>"
    assert read(page) == [("a", {"href": "1"})]
