"""Parts of the pages for people: the frame with its style and footer, commands, tables that fit a phone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..formats.html_writing import Child, Html, block, element, whole_page
from .page_style import STYLE

# The placeholder for an address in commands that a page does not know.
ADDRESS = "https://ADDRESS"


def styled_page(title: str, *body: Html) -> bytes:
    """Return a page with the common style."""
    scale = element("meta", name="viewport", content="width=device-width, initial-scale=1")
    return whole_page(title, *body, head=scale, style=STYLE)


def breadcrumb(title: str, href: str) -> Html:
    """Return the link to the page above."""
    return element("nav", element("a", title, href=href), aria_label="Breadcrumb")


def page_footer(*text: Child) -> Html:
    """Return the footer of a page: a text, and which program made the page."""
    return element("footer", element("p", *text, "Made with variant-backend."))


def counted(number: int, word: str) -> str:
    """Return a number with its word, which has an `s` unless the number is 1."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def command_block(command: str) -> Html:
    """Return a command to copy."""
    return element("pre", element("code", command))


def command_list(rows: Iterable[tuple[str, str]]) -> Html:
    """Return commands, each below its title."""
    listed = (Html(element("dt", title), element("dd", command_block(command))) for title, command in rows)
    return element("dl", *listed, class_="commands")


def note_about_address(*replacement: Child) -> Html:
    """Return the note that says what replaces the placeholder in commands."""
    return element("p", "Replace ", element("code", ADDRESS), " with ", *replacement, ".", class_="note")


def stacking_table(
    caption: str, headings: Sequence[str], rows: Iterable[tuple[Child, Sequence[Child]]]
) -> Html:
    """Return a table whose cells stand below each other in narrow windows.

    A row is its heading and its other cells.
    """
    columns = (element("th", heading, scope="col", role="columnheader") for heading in headings)
    body = []
    for title, cells in rows:
        listed = (
            element("td", cell, role="cell", data_label=heading)
            for heading, cell in zip(headings[1:], cells, strict=False)
        )
        body.append(element("tr", element("th", title, scope="row", role="rowheader"), *listed, role="row"))
    return block(
        "table",
        element("caption", caption),
        element("thead", element("tr", *columns, role="row"), role="rowgroup"),
        block("tbody", *body, role="rowgroup"),
        role="table",
    )
