"""The documentation as a site; `python3 dev.py docs` builds and serves it."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

REPOSITORY = ""

project = "variant-backend"
author = "The variant-backend maintainers"
extensions = ["myst_parser"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = "variant-backend"
html_show_copyright = False


def add_navigation(_: Sphinx, page: str, source: list[str]) -> None:
    """Make the pages that a list links to its children, as GitHub would show a directive as text."""
    if page.endswith("index"):
        pages = "\n".join(re.findall(r"^- \[[^]]*\]\(([\w/-]+\.md)\)", source[0], re.MULTILINE))
        source[0] += f"\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n"


def link_to_repository(_: Sphinx, page: str, source: list[str]) -> None:
    """Link files outside this folder to the repository; they are not linked while it has no address."""

    def linked(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), match[2]))
        if path.startswith("docs/"):
            return match[0]
        return f"[{match[1]}]({REPOSITORY}/blob/main/{path})" if REPOSITORY else match[1]

    source[0] = re.sub(r"\[([^]]*)\]\((\.\./[^)\s]+)\)", linked, source[0])


def setup(app: Sphinx) -> None:
    """Change pages before they are read."""
    app.connect("source-read", add_navigation)
    app.connect("source-read", link_to_repository)
