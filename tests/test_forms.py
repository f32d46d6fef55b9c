"""Each concept has one class, and functions and classes are short."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import variant_backend

PACKAGE = Path(variant_backend.__file__).parent
# The modules that parse filenames of wheels: listings, paths, URLs, lock files.
EDGES = {
    "formats.release",
    "wheels.reading",
    "wheels.wrong_files",
    "wheels.remote",
    "formats.pylock",
    "variants.filename",
    "variants.wheel_variant",  # build backends give filenames
}
# Fields that only one class has.
CONCEPTS = {
    "Candidate": {"name", "file", "problems"},
    "File": {"hashes", "size", "requires_python", "core_metadata", "yanked"},
    "Problem": {"code", "place", "text", "remedy"},
    "Release": {"name", "version", "candidates", "metadata"},
    "Machine": {"hardware", "installed", "versions"},
    "Policy": {"trusted", "enabled", "disabled", "align", "pinned"},
    "Plan": {"metadata", "recipe", "labelled", "moment"},
}
READERS_OF_TEXT = {"startswith", "endswith", "removeprefix", "removesuffix", "partition", "split", "find"}


@functools.cache
def trees() -> dict[str, ast.Module]:
    """Return the syntax tree of each module; parsing all of them takes a second."""
    return {
        path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".").removeprefix("_internal."): (
            ast.parse(path.read_text(encoding="utf-8"))
        )
        for path in PACKAGE.rglob("*.py")
    }


def nodes(*kinds: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    for module, tree in trees().items():
        yield from ((module, node) for node in ast.walk(tree) if isinstance(node, kinds))


def line_count(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def fields(node: ast.ClassDef) -> set[str]:
    return {
        part.target.id
        for part in node.body
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    }


def test_few_modules_parse_filenames_of_wheels() -> None:
    found = {module for module, node in nodes(ast.Attribute) if ast.unparse(node) == "WheelFilename.parse"}
    assert found - EDGES == set()


@pytest.mark.parametrize("concept", CONCEPTS)
def test_a_concept_has_one_class(concept: str) -> None:
    having = {
        node.name
        for _, node in nodes(ast.ClassDef)
        if isinstance(node, ast.ClassDef) and CONCEPTS[concept] <= fields(node)
    }
    assert having == {concept}


def test_the_code_has_no_assertions() -> None:
    found = [f"{module}: {ast.unparse(node)}" for module, node in nodes(ast.Assert)]
    assert found == []


def test_no_code_reads_the_text_of_a_problem() -> None:
    found = []
    for module, node in nodes(ast.Call):
        assert isinstance(node, ast.Call)
        called = ast.unparse(node.func)
        text = ast.unparse(node)
        reads = called.rpartition(".")[2] in READERS_OF_TEXT or called.startswith("re.")
        if reads and re.search(r"\b(problem|error|reason)\.(text|lines\(\)|problems|remedy)\b", text):
            found.append(f"{module}: {text}")
    assert found == []


def lengths(*kinds: type[ast.stmt]) -> dict[str, int]:
    return {
        f"{module}.{node.name}:{node.lineno}": line_count(node)
        for module, node in nodes(*kinds)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }


def test_functions_are_short() -> None:
    found = lengths(ast.FunctionDef)
    assert sum(length < 25 for length in found.values()) / len(found) > 0.9
    assert {name: length for name, length in found.items() if length > 50} == {}


def test_classes_are_small() -> None:
    assert {name: length for name, length in lengths(ast.ClassDef).items() if length > 150} == {}
