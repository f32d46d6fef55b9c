"""docs/reference/rules.md lists each code. Each rule has a section there, with a bad and a good example.

The bad example gives a finding with the code, the good example gives no finding.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.documentation import shown_file
from helpers.rules_page import OTHERS, PAGE, SECTIONS, examples
from helpers.sample_release import DOCUMENT, Example, lay_out

import variant_backend
from variant_backend._internal.checking.codes import BY_DEFAULT, RULES
from variant_backend._internal.checking.run import check_files, find_problems
from variant_backend._internal.lowlevel.zip_records import MEND
from variant_backend._internal.wheels.mend import mend
from variant_backend._internal.wheels.reading import WheelFile


def codes(folder: Path, changes: list[Example], code: str) -> set[str]:
    """Return the codes of all findings that `check` reports by default, or for this selection."""
    lay_out(folder, changes)
    given = [example.text.strip() for example in changes if example.target == "given"]
    for name in given:
        (folder / name).touch()
    paths = [folder / name for name in given] or [folder]
    findings, _ = check_files(paths, BY_DEFAULT | {code}, payload=True)
    return {finding.problem.code for finding in findings}


def test_codes_and_sections_of_the_page_are_the_same() -> None:
    assert [*SECTIONS] == [*RULES]


def codes_in(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield each expression for a code: in Problem(...) and Problem.at(...), and values of `code`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).rpartition(".")[2]
            yield from node.args[:1] if called == "Problem" else node.args[1:2] if called == "at" else ()
            yield from (keyword.value for keyword in node.keywords if keyword.arg == "code")
        elif isinstance(node, ast.Assign):
            yield from [node.value] if "code" in map(ast.unparse, node.targets) else ()
        elif isinstance(node, ast.arguments):
            defaults = zip(node.kwonlyargs, node.kw_defaults, strict=True)
            yield from (value for argument, value in defaults if value and argument.arg == "code")


def test_source_and_page_have_the_same_codes() -> None:
    paths = Path(variant_backend.__file__).parent.rglob("*.py")
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in paths]
    constants = {
        ast.unparse(node.targets[0]): node.value
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    named = set[str]()
    for expression in (expression for tree in trees for expression in codes_in(tree)):
        for node in ast.walk(expression):
            value = constants.get(node.id) if isinstance(node, ast.Name) else node
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                named.add(value.value)
    assert OTHERS[0] == "error"
    assert not {*OTHERS} & {*RULES}
    assert named == {*RULES, *OTHERS}


@pytest.mark.parametrize("code", RULES)
def test_a_section_has_severity_groups_fact_and_remedy_of_its_rule(code: str) -> None:
    rule = RULES[code]
    text = " ".join(SECTIONS[code].split())
    assert text.startswith(f"*{rule.severity}*, {', '.join(rule.groups)}. {rule.fact} ")
    assert f" Fix: {rule.remedy}. " in text


@pytest.mark.parametrize("code", RULES)
def test_the_bad_example_has_a_finding_with_the_code(code: str, tmp_path: Path) -> None:
    assert code in codes(tmp_path / "dist", examples(code, "bad"), code)


@pytest.mark.parametrize("code", RULES)
def test_the_good_example_has_no_finding(code: str, tmp_path: Path) -> None:
    assert codes(tmp_path / "dist", examples(code, "good"), code) == set()


@pytest.mark.parametrize("code", [code for code, rule in RULES.items() if rule.remedy == MEND])
def test_mending_removes_the_problem(code: str, tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    lay_out(dist, examples(code, "bad"))
    wheel = next(Path(finding.file) for finding in find_problems([dist]) if finding.problem.code == code)
    mended = mend(WheelFile.of(wheel), tmp_path / "mended").path
    assert mended.name == wheel.name
    mended.replace(wheel)
    assert find_problems([dist]) == []


def test_the_page_shows_the_index_file_of_the_examples() -> None:
    assert json.loads(shown_file(PAGE, "demo-1.0-variants.json")) == DOCUMENT
