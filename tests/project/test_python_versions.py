"""`init` and `check` warn of projects that support an older Python than their wrapped build backend."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from packaging.specifiers import SpecifierSet

from variant_backend._internal.checking.run import find_problems
from variant_backend._internal.cli.main import main
from variant_backend._internal.project.python_versions import OLDEST, newest_older, supported_pythons

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]

SYSTEM = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
"""
PROJECT = '[project]\nname = "demo"\nversion = "1.0"\n'
DYNAMIC = PROJECT + 'dynamic = ["requires-python"]\n'
DECLARED = PROJECT + 'requires-python = ">=3.9"\n'
POETRY = '[tool.poetry.dependencies]\npython = "^3.9"\n'


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str) -> Path:
    file = Path("pyproject.toml")
    file.write_text(text, encoding="utf-8")
    return file


def init(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["init", *arguments])


def codes(file: Path) -> set[str]:
    return {finding.problem.code for finding in find_problems([file])}


def test_the_oldest_version_is_the_one_of_this_package() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert SpecifierSet(data["project"]["requires-python"]) == SpecifierSet(f">={OLDEST}")


@pytest.mark.parametrize(
    ("specifier", "newest"),
    [
        (">=3.9", "3.9"),
        (">=3.8,<4", "3.9"),
        (">= 3.8, != 3.9.*", "3.8"),
        ("", "3.9"),
        ("*", "3.9"),
        ("<3", "2.7"),
        ("==2.7.*", "2.7"),
        ("~=3.9", "3.9"),
        (">=3.9.18", "3.9"),
        ("==3.9.7", "3.9"),
        ("!=3.9.*,>=3.9", None),
        (">=3.10", None),
        (">=3.10.0rc1,<4", None),
        ("~=3.10", None),
        ("==3.12.*", None),
        ("^3.8", "3.9"),
        ("^3", "3.9"),
        ("^3.10", None),
        ("~3.9", "3.9"),
        ("~3.11", None),
        ("~2.7 || ^3.10", "2.7"),
        ("^3.10 | 3.8.*", "3.8"),
        (">=3.7 <3.9", "3.8"),
        ("3.9.1", "3.9"),
        ("=3.9.1", "3.9"),
        ("not a version!", None),
    ],
)
def test_the_newest_older_version_that_a_specifier_admits(specifier: str, newest: str | None) -> None:
    assert newest_older(specifier) == newest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DECLARED, ("project.requires-python", ">=3.9")),
        (DECLARED + POETRY, ("project.requires-python", ">=3.9")),
        (PROJECT, ("project.requires-python", None)),
        (PROJECT + 'dynamic = ["readme"]', ("project.requires-python", None)),
        (POETRY, ("tool.poetry.dependencies.python", "^3.9")),
        (DYNAMIC + POETRY, ("tool.poetry.dependencies.python", "^3.9")),
        (DYNAMIC, None),
        (SYSTEM, None),
        ("project = 1", None),
        ("[project]\nrequires-python = 3.9", None),
        ("[project]\ndynamic = 1", None),
        ("tool.poetry.dependencies = 1", None),
    ],
)
def test_the_declared_versions_of_a_project_file(text: str, expected: tuple[str, str | None] | None) -> None:
    assert supported_pythons(tomllib.loads(text)) == expected


@pytest.mark.parametrize(
    ("table", "message", "line"),
    [
        (DECLARED, "project.requires-python: '>=3.9' admits Python 3.9, where", 'requires-python = ">=3.10"'),
        (PROJECT, "project.requires-python: missing, which admits", 'requires-python = ">=3.10"'),
        (POETRY, "tool.poetry.dependencies.python: '^3.9' admits Python 3.9, where", 'python = ">=3.10"'),
    ],
)
def test_init_and_check_warn_and_both_remedies_work(table: str, message: str, line: str) -> None:
    file = write(SYSTEM + table)
    result = init()
    assert result.exit_code == 0
    assert result.stderr.startswith(f"warning: pyproject.toml: {message}")
    assert f"write {line}, or run `variant-backend init --undo` and use" in result.stderr
    assert codes(file) == {"older-python"}
    wrapped = file.read_text(encoding="utf-8")
    key = line.partition(" ")[0]
    others = [other for other in table.splitlines() if not other.startswith(key)]
    write(wrapped.replace(table, "\n".join([*others, line, ""])))
    assert codes(file) == set()
    write(wrapped)
    assert init("--undo").exit_code == 0
    assert codes(file) == set()
    assert init("-n", "-l", "null").stderr.startswith("warning: ")


@pytest.mark.parametrize("table", [DYNAMIC, ""])
def test_init_reminds_of_versions_in_another_file(table: str) -> None:
    file = write(SYSTEM + table)
    result = init()
    assert result.stderr == (
        "pyproject.toml: builds now require Python 3.10 or newer; if another file declares older versions,"
        ' write ">=3.10" there\npyproject.toml: written\n'
    )
    assert codes(file) == set()


def test_a_project_for_newer_versions_gets_no_warning() -> None:
    file = write(SYSTEM + DECLARED.replace("3.9", "3.11"))
    assert init().stderr == "pyproject.toml: written\n"
    assert codes(file) == set()


def test_a_copy_in_the_tree_needs_the_same_python() -> None:
    copy = SYSTEM.replace("hatchling.build", "variant_backend.hooks") + 'backend-path = ["_vendor"]\n'
    ours = '[tool.variant-backend]\nbuild-backend = "hatchling.build"\n'
    assert codes(write(copy + ours + DECLARED)) == {"older-python"}
    assert codes(write(copy.replace("variant_backend.hooks", "own") + ours + DECLARED)) == {"older-python"}


def test_a_backend_in_the_tree_may_support_any_python() -> None:
    system = SYSTEM.replace("hatchling.build", "own") + 'backend-path = ["_vendor"]\n'
    assert codes(write(system + DECLARED)) == set()
