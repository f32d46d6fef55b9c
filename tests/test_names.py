"""Names of modules, classes and functions are unique."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import variant_backend

PACKAGE = Path(variant_backend.__file__).parent
MODULES = [path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"]
# PEP 517 and entry points define the names of some functions. Programs are not imported.
GIVEN = {
    "hooks.py",
    "dispatch.py",
    "scripts.py",
    "_build_one.py",
    "_ask_libraries.py",
    "_ask_plugin.py",
    "_ask_setuptools.py",
    "_install_plugin.py",
    "_watched.py",
}


def defined(path: Path, *kinds: type[ast.stmt]) -> list[str]:
    """Return the names of a module's top-level definitions of these kinds."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return [
        node.name
        for node in body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and isinstance(node, kinds)
    ]


def repeated(names: list[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)


def test_only_a_command_and_its_operation_share_a_module_name() -> None:
    assert repeated([path.stem for path in MODULES if path.parent.name != "cli"]) == []
    assert repeated([path.stem for path in MODULES if path.parent.name == "cli"]) == []


def test_no_module_has_the_name_of_a_package() -> None:
    assert {path.stem for path in MODULES} & {
        path.name for path in (PACKAGE / "_internal").iterdir() if path.is_dir()
    } == set()


def test_class_names_are_unique() -> None:
    names = [name.lstrip("_") for path in MODULES for name in defined(path, ast.ClassDef)]
    assert repeated(names) == []


def test_names_of_public_functions_are_unique() -> None:
    own = [path for path in MODULES if path.name not in GIVEN]
    names = [name for path in own for name in defined(path, ast.FunctionDef)]
    assert repeated([name for name in names if not name.startswith("_")]) == []


def test_a_leading_underscore_marks_programs() -> None:
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert path.stem.startswith("_") == ('if __name__ == "__main__":' in text), path.name


def test_names_are_not_pronouns() -> None:
    pronouns = {"its", "told", "each", "found"}
    named = set[str]()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Name | ast.arg | ast.Attribute | ast.FunctionDef):
                name = next(getattr(node, key) for key in ("id", "arg", "attr", "name") if hasattr(node, key))
                named |= {f"{path.name}:{node.lineno}: {name}"} if name.strip("_") in pronouns else set()
    assert named == set()
