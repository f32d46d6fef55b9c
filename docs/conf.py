"""The documentation as a site; `python3 dev.py docs` builds and serves it."""

from __future__ import annotations

import posixpath
import re
from html import escape
from importlib.metadata import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# `commands/hatch_build.py` gives the installed package its address, if there is one.
URLS = dict(url.split(", ", 1) for url in metadata("variant-backend-core").get_all("Project-URL", []))
REPOSITORY = URLS.get("Source")

project = "variant-backend"
author = "The variant-backend maintainers"
language = "en"
extensions = ["myst_parser", "sphinx_copybutton"]
nitpicky = True
myst_heading_anchors = 4
html_theme = "furo"
html_title = "variant-backend"
html_static_path = ["site.css", "site.js"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_use_index = False
copybutton_prompt_text = "$ "  # neither prompts nor output are copied
# Made-up addresses, and headings that a script of the host adds.
linkcheck_ignore = [r"https?://(127\.0\.0\.1|localhost|[\w.-]*\bexample(\.\w+)?)([:/]|$)"]
linkcheck_anchors_ignore_for_url = [r"https://github\.com/"]


def add_navigation(_: Sphinx, name: str, source: list[str]) -> None:
    """Make the pages that a list links to its children, under the short names of the links.

    GitHub would show a directive as text.
    """
    if name.endswith("index"):
        links = re.findall(r"^- \[([^]]*)\]\(([\w/-]+\.md)\)", source[0], re.MULTILINE)
        pages = "\n".join(f"{text.replace('`', '')} <{page}>" for text, page in links)
        source[0] += f"\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n"


def link_to_repository(app: Sphinx, page: str, source: list[str]) -> None:
    """Link what is outside this folder to the repository.

    While that has no address, files become downloads; folders and other pages are not linked.
    """

    def linked(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), match[2]))
        if path.startswith("docs/"):
            return match[0]
        if REPOSITORY:
            return f"[{match[1]}]({REPOSITORY}/blob/HEAD/{path})"
        file = Path(app.srcdir).parent / path
        return match[0] if file.is_file() and file.suffix != ".md" else match[1]

    source[0] = re.sub(r"\[([^]]*)\]\((\.\./[^)\s]+)\)", linked, source[0])


def add_captions(_: Sphinx, document: nodes.document) -> None:
    """Make each bold line above a block of code, such as the name of its file, the caption of the block."""
    for block in list(document.findall(nodes.literal_block)):
        line = block.previous_sibling()
        bold = next(line.findall(nodes.strong), None) if isinstance(line, nodes.paragraph) else None
        if bold and bold.astext() == line.astext():
            wrapper = nodes.container(classes=["literal-block-wrapper"])
            block.parent.replace(block, wrapper)
            line.parent.remove(line)
            wrapper += [nodes.container("", *bold.children, classes=["code-block-caption"]), block]


def describe_page(
    _: Sphinx, __: str, ___: str, context: dict[str, Any], document: nodes.document | None
) -> None:
    """Make the first paragraph of a page its description for search engines, and name an empty icon."""
    tags = [context.get("metatags", ""), '<link rel="icon" href="data:,">']  # browsers request one otherwise
    if document and (paragraph := next(document.findall(nodes.paragraph), None)):
        text = " ".join(paragraph.astext().split())
        tags.append(f'<meta name="description" content="{escape(text)}">')
    context["metatags"] = "".join(tags)


def setup(app: Sphinx) -> None:
    """Change pages before they are read, and after that."""
    app.connect("source-read", add_navigation)
    app.connect("source-read", link_to_repository)
    app.connect("doctree-read", add_captions)
    app.connect("html-page-context", describe_page)
