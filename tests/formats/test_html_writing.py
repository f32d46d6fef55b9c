"""Text never becomes markup, and pages allow nothing but their own style."""

from __future__ import annotations

import ast
import base64
import hashlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import variant_backend
from variant_backend._internal.formats.html_writing import Html, element, whole_page

PACKAGE = Path(variant_backend.__file__).parent
texts = st.text("ab<>&\"'=/ -!;#x\n", max_size=12) | st.text(
    st.characters(exclude_categories=["Cc", "Cs"]), max_size=12
)


class Events(HTMLParser):
    """Collects the tags and the text of a page, as the standard library parses it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(texts, texts)
def test_text_and_attributes_are_read_as_written(text: str, value: str) -> None:
    read = Events(str(element("p", element("b", text), class_=value)))
    assert (read.tags, read.text) == ([("p", {"class": value}), ("b", {})], text)


@given(texts, texts)
def test_text_stays_text_however_it_is_joined(one: str, other: str) -> None:
    assert Events(str(Html.joined(one, [other, element("i", one), other]))).tags == [("i", {})]
    assert Events(str(Html(one, other, f"{element('i', one)}"))).tags == []


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x7f", "\x9b", "\udcff"])
def test_characters_that_pages_cannot_have_are_replaced(character: str) -> None:
    page = whole_page("", element("p", f"a{character}b", class_=f"\n{character}"))
    assert '<p class="\n\ufffd">a\ufffdb</p>' in page.decode()


def test_joined_markup_leaves_out_empty_parts() -> None:
    assert str(Html.joined(Html.constant("<br>"), ["a", "", Html(), "b"])) == "a<br>b"


@pytest.mark.parametrize(
    "link",
    [
        "",
        "a.whl",
        "../../a%3Ab.whl#sha256=ab",
        "#v1!2.0",
        "./a:b",
        "?x=a:b",
        "/simple/",
        "http://h.test/",
        "HTTPS://h.test/a",
    ],
)
def test_links_to_files_and_servers_are_written(link: str) -> None:
    assert Events(str(element("a", "x", href=link))).tags == [("a", {"href": link})]


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "\x01javascript:alert(1)",
        "javascript:alert(1)//http://h.test/",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "http:javascript:alert(1)",
        "https:x",
    ],
)
def test_links_that_may_be_scripts_are_refused(link: str) -> None:
    with pytest.raises(ValueError, match="expected an http or https URL"):
        element("a", "x", href=link)


@pytest.mark.parametrize("name", ["onload=alert(1) x", "x>", "x y", "", 'x"'])
def test_an_attribute_with_an_invalid_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="invalid name of an attribute"):
        element("a", "x", **{name: "x"})


def test_only_constants_become_markup_unchanged() -> None:
    uses = []
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        if path.name != "html_writing.py" and "Html.constant" in source:
            uses += [
                (path.name, node.args)
                for node in ast.walk(ast.parse(source))
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "Html.constant"
            ]
    assert uses
    for name, arguments in uses:
        (argument,) = arguments
        assert isinstance(argument, ast.Constant), name


def policy_of(page: bytes) -> tuple[dict[str, list[str]], str | None]:
    """Return the directives of a page's policy, and its style."""
    read = Events(page.decode())
    metas: list[dict[str, Any]] = [attributes for tag, attributes in read.tags if tag == "meta"]
    (policy,) = [meta["content"] for meta in metas if meta.get("http-equiv") == "Content-Security-Policy"]
    directives = {name: values for name, *values in (each.split() for each in policy.split(";"))}
    style = page.decode().partition("<style>")[2].partition("</style>")[0]
    return directives, style or None


def test_a_page_allows_nothing_but_its_own_style() -> None:
    nothing = {"default-src": ["'none'"], "base-uri": ["'none'"], "form-action": ["'none'"]}
    assert policy_of(whole_page("x", "y")) == (nothing, None)
    style = Html.constant("\np > b { color: red }\n")
    directives, written = policy_of(whole_page("x", "y", style=style))
    assert written == str(style)
    digest = base64.b64encode(hashlib.sha256(written.encode()).digest()).decode()
    assert directives == {**nothing, "style-src": [f"'sha256-{digest}'"]}


def test_the_policy_comes_before_everything_that_it_restricts() -> None:
    page = whole_page("<script>", "</title>", head=element("meta", name="x", content="y"))
    tags = [tag for tag, _ in Events(page.decode()).tags]
    assert tags == ["html", "head", "meta", "meta", "meta", "meta", "title", "body"]
    assert page.index(b"charset") < page.index(b"Content-Security-Policy") < 1024
