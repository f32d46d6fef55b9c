"""An installer can vendor the files that docs/how-to/vendoring.md lists."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import packaging
import pytest
from helpers.documentation import shown_file
from helpers.programs import run
from helpers.recorded_orders import recorded_orders

import variant_backend
from variant_backend._internal.formats.toml_read import parse_toml
from variant_backend._internal.variants.metadata import SCHEMA_WITH_PROVIDERS

ROOT = Path(__file__).parents[1]
PACKAGE = Path(variant_backend.__file__).parent
PAGE = (ROOT / "docs/how-to/vendoring.md").read_text(encoding="utf-8")
NAMESPACE = "someinstaller._vendor"
MORE_NAMES = re.findall(r"`(\w+)`", PAGE.partition("to the list of `variants`:")[2].partition("\n\n")[0])
# Plugins are declared, so that requirements are read; markers with a rare form need packaging.
RELEASE = {
    "$schema": SCHEMA_WITH_PROVIDERS,
    "default-priorities": {"namespace": ["nvidia", "x86_64"]},
    "providers": {
        "nvidia": {"requires": ["a-plugin", "b; 'x' in os_name", "c; python_version ~= '3.9'"]},
        "x86_64": {"requires": ["b-plugin>=1"]},
    },
    "variants": {
        "cu13": {"nvidia": {"cuda_version_lower_bound": ["13.0"]}, "abi_dependency": {"torch": ["2.9"]}},
        "v3": {"x86_64": {"level": ["v3"]}},
    },
}
SUPPORTED = {"nvidia": {"cuda_version_lower_bound": ["12.8"]}, "x86_64": {"level": ["v3", "v2"]}}

# Ranks the wheels of each case with the loop of examples/installer.
PROGRAM = """
import json, sys
from packaging.tags import Tag
from packaging.version import Version
from select_wheel import ranked_wheels
tags = [Tag("cp311", "cp311", "linux_x86_64"), Tag("py3", "none", "any")]
answers = [
    [
        (str(verdict.filename), verdict.is_compatible, [*map(str, verdict.reasons)])
        for verdict, _ in ranked_wheels(
            names, document.encode(), lambda _: supported, {"torch": Version("2.9.1")}, tags
        )
    ]
    for names, document, supported in json.load(open("cases.json"))
]
print(json.dumps([answers, sorted(sys.modules)]))
"""


def kept_files() -> list[str]:
    """Return the paths of the files that remain after the patterns of the page."""
    block = shown_file(PAGE, "pyproject.toml")
    table: Any = parse_toml(block.encode(), "page")
    dropped = table["tool"]["vendoring"]["transformations"]["drop"][-1]
    paths = (path.relative_to(PACKAGE.parent).as_posix() for path in PACKAGE.rglob("*.py"))
    return [path for path in paths if not re.match(dropped, path)]


def vendored(text: str) -> str:
    """Return a module with the changed imports of a vendored one."""
    return re.sub(r"^(\s*from )(packaging|variant_backend)\b", rf"\1{NAMESPACE}.\2", text, flags=re.MULTILINE)


def cases() -> list[tuple[list[str], str, Any]]:
    """Return the filenames, the index file and the supported values of each case."""
    names = [f"demo-1-py3-none-any-{label}.whl" for label in ("v3", "cu13")]
    return [(names, json.dumps(RELEASE), SUPPORTED)] + [
        ([*map(str, order.wheels)], json.dumps(order.document), {}) for order in recorded_orders()
    ]


def answers(folder: Path, *options: str) -> tuple[list[Any], set[str]]:
    """Run the loop in a folder; return the verdicts of each case, and the names of all imported modules."""
    (folder / "cases.json").write_text(json.dumps(cases()), encoding="utf-8")
    verdicts, modules = json.loads(run("python", *options, "program.py", cwd=folder).stdout)
    return verdicts, set(modules)


def write_programs(folder: Path) -> None:
    shutil.copy(ROOT / "examples/installer/select_wheel.py", folder)
    (folder / "program.py").write_text(PROGRAM, encoding="utf-8")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The verdicts of the installed package."""
    folder = tmp_path_factory.mktemp("installed")
    write_programs(folder)
    return answers(folder)[0]


def vendored_answers(folder: Path, kept: Collection[str]) -> tuple[list[Any], set[str]]:
    """Run the loop with copies of the files and of packaging, and without all installed packages."""
    vendor = folder.joinpath(*NAMESPACE.split("."))
    shutil.copytree(Path(packaging.__file__).parent, vendor / "packaging", ignore=lambda *_: ["__pycache__"])
    for path in kept:
        (vendor / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGE.parent / path, vendor / path)
    write_programs(folder)
    for module in folder.rglob("*.py"):
        module.write_text(vendored(module.read_text(encoding="utf-8")), encoding="utf-8")
    return answers(folder, "-S", "-E")


def test_a_vendored_copy_needs_exactly_the_listed_files(expected: list[Any], tmp_path: Path) -> None:
    verdicts, modules = vendored_answers(tmp_path, kept_files())
    assert [[wheel[:2] for wheel in case] for case in verdicts] == [
        [wheel[:2] for wheel in case] for case in expected
    ]
    assert [reasons for *_, reasons in verdicts[0]] == [
        [],
        ["nvidia :: cuda_version_lower_bound: needs 13.0; supported: 12.8"],
    ]
    files = {path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in kept_files()}
    own = {name.partition(f"{NAMESPACE}.")[2] for name in modules if f"{NAMESPACE}.variant" in name}
    assert (own, {"variant_backend", "packaging"} & modules) == (files, set())


def test_a_vendored_copy_with_more_files_explains_values(expected: list[Any], tmp_path: Path) -> None:
    more = [f"variant_backend/_internal/variants/{name}.py" for name in MORE_NAMES]
    verdicts, _ = vendored_answers(tmp_path, [*kept_files(), *more])
    assert verdicts == expected


def test_a_vendored_copy_works_in_a_zip_archive(tmp_path: Path) -> None:
    verdicts, _ = vendored_answers(tmp_path, kept_files())
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, NAMESPACE.partition(".")[0])
    shutil.rmtree(tmp_path / NAMESPACE.partition(".")[0])
    program = f"import sys; sys.path.insert(0, {archive!r})\n{vendored(PROGRAM)}"
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    again, modules = answers(tmp_path, "-S", "-E")
    assert again == verdicts
    assert f"{NAMESPACE}.variant_backend.api" in modules


def test_the_page_counts_the_files() -> None:
    assert f"needs {len(kept_files())} files" in PAGE
    assert f"With {len(MORE_NAMES)} more files" in PAGE
    assert sum(len((PACKAGE.parent / path).read_bytes()) for path in kept_files()) < 200_000
