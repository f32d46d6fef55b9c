"""The files that pages of the documentation show."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def files_of(page: str) -> dict[str, str]:
    """Return the text of each code block that has a file name above it, by that name."""
    pattern = r"^\*\*`([^`]+)`\*\*\n\n```\w+\n(.*?)^```$"
    text = (DOCS / page).read_text(encoding="utf-8")
    return dict(re.findall(pattern, text, re.MULTILINE | re.DOTALL))


def write_files(page: str, folder: Path) -> Path:
    """Write the files of a page into a folder, and return that."""
    for name, text in files_of(page).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
