"""The packages of this project are one-way, and each heavy or delicate library is used in one place."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import variant_backend

PACKAGE = Path(variant_backend.__file__).parent

# From the top down: a row may use what is below it, and the members of a row do not use each other.
ROWS = [
    ["__main__"],
    ["scripts"],
    ["cli", "dispatch", "hooks"],
    ["dispatching", "schema"],
    ["selection", "publishing", "building", "checking"],
    ["machine", "wheel_rewrite"],
    ["project", "wheels"],
    ["formats"],
    ["variants", "lowlevel"],
    ["errors"],
]
ROW_OF = {place: row for row, places in enumerate(ROWS) for place in places}
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
    if path != PACKAGE / "__init__.py"
}

# The modules and packages that may import a library.
RESERVED = {
    "click": {"cli"},
    "struct": {"lowlevel.zip_archive", "lowlevel.zip_records"},
    "zlib": {"lowlevel.zip_archive", "lowlevel.zip_records"},
    "zipfile": set(),
    "tomllib": {"formats.toml_read"},
    "tomli": {"formats.toml_read"},
    "tomlkit": {"formats.toml_edit"},
    "build": {"building._build_one", "machine._install_plugin"},
    "subprocess": {
        "lowlevel.processes",
        "building.matrix",
        "building._build_one",
        "machine._install_plugin",
        "machine.plugins",
        "machine.trusted_plugins",
    },
    "platformdirs": {"machine.user_config"},
    "wheel": set(),
    "fsspec": {"wheels.remote"},
    "urllib.request": {"lowlevel.http"},
    "http.client": {"lowlevel.http"},
    "ctypes": {"machine.nvidia", "machine.x86_64"},
}
# Values and pure functions, besides those of `variants` ...
PURE = {
    "checking.codes",
    "checking.findings",
    "checking.release_rules",
    "formats.core_metadata",
    "formats.record",
    "formats.simple_api",
    "formats.toml_edit",
    "lowlevel.zip_records",
    "project.config_settings",
    "project.recipe",
    "publishing.html_pages",
    "selection.requirements",
    "selection.unknown_names",
}
# ... do without: files, processes, the environment.
IMPURE = {"os", "pathlib", "subprocess", "shutil", "tempfile", "socket", "sys"}


@cache
def imports(module: str) -> set[str]:
    """Return what a module imports anywhere in it; of this package, the dotted names below it."""
    path = MODULES[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name for alias in node.names for name in (alias.name, alias.name.partition(".")[0])}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            source = ".".join([*base, *filter(None, [node.module])])
            inner = {f"{source}.{alias.name}".removeprefix(".") for alias in node.names}
            if node.level:  # each name may be a module, or something in one
                found |= {name if name in MODULES else source for name in inner} - {""}
            else:
                found |= inner | {source, source.partition(".")[0]}
    return found


@cache
def reached(module: str) -> set[str]:
    """Return what a module imports of this package, and what that does, and so on."""
    result, new = set[str](), {module}
    while new:
        result |= new
        new = {name for module in new for name in imports(module) if name in MODULES} - result
    return result


def place_of(module: str) -> str:
    return module.partition(".")[0]


def test_every_module_and_package_has_its_row() -> None:
    assert {place_of(module) for module in MODULES} == {*ROW_OF}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_uses_its_own_package_and_lower_rows_only(module: str) -> None:
    place = place_of(module)
    used = {place_of(name) for name in imports(module) & {*MODULES}} - {place}
    assert {name for name in used if ROW_OF[name] <= ROW_OF[place]} == set()


@pytest.mark.parametrize(
    "module", [name for name in MODULES if {name, place_of(name)} & {"errors", "variants", *PURE}]
)
def test_values_and_pure_functions_know_no_file_no_process_and_no_environment(module: str) -> None:
    assert not imports(module) & IMPURE


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_reached_from_what_it_imports(module: str) -> None:
    assert module not in {name for used in imports(module) & {*MODULES} for name in reached(used)}


def test_a_build_knows_nothing_of_the_command_line_and_of_editing_project_files() -> None:
    used = reached("hooks")
    assert not used & {"project.scaffold", "formats.toml_edit"}
    assert "cli" not in {place_of(name) for name in used}


def test_a_dispatch_knows_nothing_of_the_command_line_and_of_builds() -> None:
    used = reached("dispatch")
    assert not used & {"hooks", "project.scaffold", "building.variant_build", "machine.user_config"}
    assert "cli" not in {place_of(name) for name in used}


@pytest.mark.parametrize("library", RESERVED)
def test_a_reserved_library_is_imported_where_it_belongs_only(library: str) -> None:
    users = {module for module in MODULES if library in imports(module)}
    assert {user for user in users if not {user, place_of(user)} & RESERVED[library]} == set()


SPEAKERS = {"lowlevel.terminal", "building._build_one", "machine._ask_plugin", "machine._install_plugin"}


@pytest.mark.parametrize("module", sorted({*MODULES} - SPEAKERS))
def test_only_the_terminal_prints(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    uses = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not uses & {"echo", "secho", "echo_via_pager", "stdout", "style", "isatty"}
    assert "print" not in names
