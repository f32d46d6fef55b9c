"""docs/reference/rules.md: the section of each rule of `check` with its examples, and the other codes."""

from __future__ import annotations

import re

from helpers.sample_release import Example
from variant_backend._internal.checking.explanations import rules_page, sections

PAGE = rules_page()
SECTIONS = sections(PAGE)
OTHERS = re.findall(
    r"^\| `(\S+)` \|", PAGE.partition("\n## Codes that check does not report\n")[2], re.MULTILINE
)
BLOCK = re.compile(r"^\*\*(Bad|Good): (\S+)\*\*\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(code: str, kind: str) -> list[Example]:
    """Return the changes of the bad or the good example of a rule."""
    blocks = BLOCK.findall(SECTIONS[code])
    found = [Example(target, text) for which, target, text in blocks if which == kind.capitalize()]
    assert found
    return found
