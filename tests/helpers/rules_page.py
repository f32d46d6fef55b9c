"""docs/rules.md: the section of each rule of `check` with its examples, and the other codes."""

from __future__ import annotations

import re
from pathlib import Path

from helpers.sample_release import Example

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
OTHERS = re.findall(
    r"^\| `(\S+)` \|", PAGE.partition("\n## Codes that check does not report\n")[2], re.MULTILINE
)
BLOCK = re.compile(r"^```\w+ (bad|good) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(code: str, kind: str) -> list[Example]:
    """Return the changes of the bad or the good example of a rule."""
    found = [Example(target, text) for which, target, text in BLOCK.findall(SECTIONS[code]) if which == kind]
    assert found
    return found
