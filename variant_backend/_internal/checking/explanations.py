"""The explanation of each rule: its section of docs/reference/rules.md, which is in the wheel."""

from __future__ import annotations

import re
from pathlib import Path

from ..lowlevel.regular_files import read_regular

_INSTALLED = Path(__file__).with_name("rules.md")
_IN_CHECKOUT = Path(__file__).parents[3] / "docs" / "reference" / "rules.md"


def explanation(code: str) -> str:
    """Return the section of a rule in docs/reference/rules.md, in Markdown and without its heading."""
    return sections(rules_page())[code]


def rules_page() -> str:
    """Return docs/reference/rules.md; raises OSError if the installation is incomplete."""
    path = _INSTALLED if _INSTALLED.exists() else _IN_CHECKOUT
    return read_regular(path).decode()


def sections(page: str) -> dict[str, str]:
    """Return the sections of the rules on a page, by their codes."""
    return {
        code: text.strip()
        for code, text in re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    }
