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
from typing import NamedTuple

from helpers.sample_projects import ROOT

DOCS = ROOT / "docs"
# In a list, it is indented.
BLOCK = re.compile(r"(?:^\*\*`([^`\n]+)`\*\*\n\n)?^( {0,3})```(\w+)\n(.*?)^\2```$", re.MULTILINE | re.DOTALL)


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
