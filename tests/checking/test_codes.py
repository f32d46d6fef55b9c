"""Each code has a section in docs/rules.md: the bad example gives it, in the good one nothing is found."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from helpers.sample_release import DOCUMENT, Example, lay_out

from variant_backend.checking.codes import RULES
from variant_backend.checking.run import find_problems

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
BLOCK = re.compile(r"^```\w+ (bad|good) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(code: str, kind: str) -> list[Example]:
    found = [Example(target, text) for which, target, text in BLOCK.findall(SECTIONS[code]) if which == kind]
    assert found
    return found


def codes(folder: Path, changes: list[Example]) -> set[str]:
    lay_out(folder, changes)
    given = [example.text.strip() for example in changes if example.target == "given"]
    for name in given:
        (folder / name).touch()
    return {finding.code for finding in find_problems([folder / name for name in given] or [folder])}


def test_every_code_has_a_section_and_every_section_a_code() -> None:
    assert [*SECTIONS] == [*RULES]


@pytest.mark.parametrize("code", RULES)
def test_a_section_says_what_the_table_says(code: str) -> None:
    rule = RULES[code]
    text = " ".join(SECTIONS[code].split())
    assert text.startswith(f"*{rule.severity}*, {', '.join(rule.groups)}. {rule.fact}")


@pytest.mark.parametrize("code", RULES)
def test_the_bad_example_gives_the_code(code: str, tmp_path: Path) -> None:
    assert code in codes(tmp_path / "dist", examples(code, "bad"))


@pytest.mark.parametrize("code", RULES)
def test_in_the_good_example_nothing_is_found(code: str, tmp_path: Path) -> None:
    assert codes(tmp_path / "dist", examples(code, "good")) == set()


def test_the_release_that_the_examples_change_is_the_one_on_the_page() -> None:
    shown = re.search(r"^```json demo-1.0-variants.json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert shown and json.loads(shown[1]) == DOCUMENT
