"""Write HTML in which text cannot become markup.

`Html` is markup, and a plain string is text: each place that takes both escapes the text. Sources: the HTML
standard, section 13.1 (writing), and Content Security Policy Level 3.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from html import escape
from typing import Literal, TypeAlias

Child: TypeAlias = "str | Html"

# Without `script`: its text is code, from which escaping does not protect.
_Tag: TypeAlias = Literal[
    "a", "b", "body", "br", "caption", "code", "dd", "details", "dl", "dt", "footer", "h1", "h2", "h3",
    "head", "header", "html", "i", "li", "main", "meta", "nav", "p", "pre", "section", "span", "style",
    "summary", "table", "tbody", "td", "th", "thead", "title", "tr", "ul",
]  # fmt: skip
_VOID = {"br", "meta"}
_NAME = re.compile(r"[a-z-]+")
# Pages cannot have these characters: controls, and halves of surrogate pairs.
_MISFIT = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# Browsers read a scheme, such as `javascript`, from a link that has a colon before the first of these.
_SAFE_LINK = re.compile(r"https?://|[^:/?#]*([/?#]|\Z)", re.IGNORECASE)


class Html:
    """Markup. ``Html(a, b)`` has one child after the other, and escapes children that are plain strings.

    >>> str(Html("1 < 2", Html.constant("<br>")))
    '1 &lt; 2<br>'
    """

    __slots__ = ("_markup",)
    _markup: str

    def __init__(self, *children: Child) -> None:
        self._markup = "".join(
            str(child) if isinstance(child, Html) else _escaped(child) for child in children
        )

    def __str__(self) -> str:
        return self._markup

    def __bool__(self) -> bool:
        return bool(self._markup)

    @classmethod
    def constant(cls, markup: str) -> Html:
        """Return a constant of this program as markup, unchanged. Never use it for a text from outside."""
        made = cls()
        made._markup = markup
        return made

    @classmethod
    def joined(cls, separator: Child, children: Iterable[Child]) -> Html:
        """Return the children that are not empty, with a separator between them."""
        texts = [str(cls(child)) for child in children if child]
        return cls.constant(str(cls(separator)).join(texts))


def element(tag: _Tag, /, *children: Child, **attributes: str) -> Html:
    """Return an element. The attribute ``data_label`` is written as ``data-label``, ``class_`` as ``class``.

    Raises ValueError for the name of an attribute that is not a name, and for a link that may be a script.

    >>> str(element("a", "R&D", href="../a.html", class_="quiet"))
    '<a href="../a.html" class="quiet">R&amp;D</a>'
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    end = "" if tag in _VOID else f"</{tag}>"
    return Html.constant(f"<{tag}{written}>{Html(*children)}{end}")


def block(tag: _Tag, /, *children: Child, **attributes: str) -> Html:
    """Return an element as `element` does, with each of its children on its own lines."""
    return element(tag, "\n", Html.joined("\n", children), "\n", **attributes)


def _attribute(name: str, value: str) -> str:
    name = name.rstrip("_").replace("_", "-")
    if not _NAME.fullmatch(name):
        raise ValueError(f"invalid name of an attribute: {name!r}")
    if name == "href" and not _SAFE_LINK.match(value):
        raise ValueError(f"expected an http or https URL or a relative one, got {value!r}")
    return f' {name}="{_escaped(value)}"'


def _escaped(text: str) -> str:
    return escape(_MISFIT.sub("\N{REPLACEMENT CHARACTER}", text))


GENERATOR = "variant-backend"
# Pages of variant-backend have this, so that it never replaces a page of others.
GENERATOR_TAG = element("meta", name="generator", content=GENERATOR)
_DOCTYPE = Html.constant("<!DOCTYPE html>")


def whole_page(title: str, *body: Child, head: Child = "", style: Html | None = None) -> bytes:
    """Return a page with more elements in its *head*, and a *style* of constant CSS.

    Its Content-Security-Policy allows only this style: no script, no other resource, no form.
    """
    inner = block(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(style)),
        GENERATOR_TAG,
        head,
        element("title", title),
        element("style", style) if style else "",
    )
    page = block("html", inner, block("body", *body), lang="en")
    return str(Html(_DOCTYPE, "\n", page, "\n")).encode()


def _policy(style: Html | None) -> str:
    """Return the policy of a page. `default-src` covers neither `base-uri` nor `form-action`."""
    directives = ["default-src 'none'"]
    if style:
        digest = hashlib.sha256(str(style).encode()).digest()
        directives.append(f"style-src 'sha256-{base64.b64encode(digest).decode()}'")
    return "; ".join([*directives, "base-uri 'none'", "form-action 'none'"])
