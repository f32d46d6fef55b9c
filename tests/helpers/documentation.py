"""Pages of the documentation: their code blocks, and the files that these show.

The name of a shown file stands on a line of its own above its block, as readers see it on each site:

    **`pyproject.toml`**

    ```toml
    [project]
    ```
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from helpers.sample_projects import ROOT

DOCS = ROOT / "docs"
# In a list, it is indented.
BLOCK = re.compile(r"(?:^\*\*`([^`\n]+)`\*\*\n\n)?^( {0,3})```(\w+)\n(.*?)^\2```$", re.MULTILINE | re.DOTALL)
BLOCK_OF_CODE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


class CodeBlock(NamedTuple):
    """A block of code: its *language*, the *file* that it shows (empty for none), and its *text*."""

    language: str
    file: str
    text: str


def code_blocks(text: str) -> Iterator[CodeBlock]:
    """Return the code blocks of a page that have a language, in order."""
    for file, indent, language, content in BLOCK.findall(text):
        yield CodeBlock(language, file, re.sub(f"^{indent}", "", content, flags=re.MULTILINE))


def shown_file(text: str, file: str) -> str:
    """Return the first block that shows a file; raises StopIteration if there is none."""
    return next(block.text for block in code_blocks(text) if block.file == file)


def prose(page: Path) -> str:
    """Return the text of a page without its code blocks."""
    return BLOCK_OF_CODE.sub("", page.read_text(encoding="utf-8"))


def headings(page: Path) -> dict[str, str]:
    """Return the headings of a page by the anchors that GitHub gives to them."""
    result = {}
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        result[re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")] = heading
    return result
