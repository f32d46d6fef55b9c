"""The rooms of the package: arrows go down only, and each heavy or delicate thing is in one room."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import variant_backend

PACKAGE = Path(variant_backend.__file__).parent

COMMANDS = [
    "make_variant",
    "build",
    "publishing.index_file",
    "checking.run",
    "schema",
    "project.scaffold",
    "inspect",
    "wheels.unmake",
    "publishing.upgrade",
    "machine.alignment",
    "machine.plugins",
    "machine.detect",
    "explain",
    "selection.fetch",
    "dispatching.create",
]

# Rooms from the top down; a module may import those of lower rooms, and what stands before it in its own.
ROOMS = [
    ["errors"],
    [
        "variants.validation",
        "variants.properties",
        "variants.filename",
        "formats.core_metadata",
        "formats.record",
        "variants.abi_dependency",
    ],
    [
        "variants.markers",
        "variants.metadata",
        "variants.uv_behaviour",
        "variants.legacy",
        "project.recipe",
        "checking.codes",
        "variants.ranking",
        "variants.namespace_support",
        "machine.features",
        "formats.hardware_file",
        "formats.simple_api",
        "selection.requirements",
        "checking.rules",
        "publishing.html_pages",
        "lowlevel.zip_records",
        "formats.toml_edit",
    ],
    [
        "lowlevel.ranges",
        "lowlevel.processes",
        "lowlevel.http",
        "lowlevel.file_set",
        "lowlevel.tarball",
        "lowlevel.zip_archive",
        "lowlevel.zip_lookup",
        "machine._ask_plugin",
        "building._build_one",
        "machine._install_plugin",
    ],
    [
        "selection.target",
        "formats.pylock",
        "project.pyproject",
        "machine.detect",
        "schema",
        "machine.plugins",
        "machine.trusted_plugins",
        "machine.user_config",
        "wheel_rewrite",
        "wheels.unmake",
        "publishing.upgrade",
        "wheels.remote",
        "selection.download",
        "wheels.inspection",
        "machine.alignment",
        "machine.system",
        "selection.releases",
        "selection.evaluate",
        "selection.report",
        "selection.uv_selection",
        "selection.resolve",
        "selection.fetch",
        "formats.dispatching_sdist",
        "dispatching.deliver",
        "publishing.index_file",
        "publishing.simple_index",
        "checking.run",
        "dispatching.create",
        "building.matrix",
        "project.scaffold",
    ],
    ["building.request", "building.wrapped_backend", "building.hook_shell"],
    [
        "hooks",
        "dispatch",
        "cli",
        "cli.selection_options",
        *(f"cli.{name}" for name in COMMANDS),
        "cli.main",
        "scripts",
    ],
]
ORDER = [module for room in ROOMS for module in room]
PURE = [module for room in ROOMS[:3] for module in room]

# What only some modules may import.
RESERVED = {
    "click": {module for module in ORDER if module.startswith("cli")},
    "struct": {"lowlevel.zip_archive", "lowlevel.zip_records"},
    "zlib": {"lowlevel.zip_archive", "lowlevel.zip_records"},
    "zipfile": set(),
    "tomllib": {"project.pyproject"},
    "tomli": {"project.pyproject"},
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
    "ctypes": {"machine.detect"},
}
# What the pure rooms do without: files, processes, the environment.
IMPURE = {"os", "pathlib", "subprocess", "shutil", "tempfile", "socket", "sys"}


def imports(module: str) -> set[str]:
    """Return what a module imports, those of the package by their names in `ORDER`."""
    path = PACKAGE / f"{module.replace('.', '/')}.py"
    package = module.split(".")[:-1]
    if not path.exists():
        path, package = path.with_suffix("") / "__init__.py", module.split(".")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name for alias in node.names for name in (alias.name, alias.name.partition(".")[0])}
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = ".".join([*package[: len(package) + 1 - node.level], *filter(None, [node.module])])
            for alias in node.names:  # each may be a module, or something in one
                inner = f"{base}.{alias.name}".removeprefix(".")
                found.add(inner if inner in ORDER else base or "__init__")
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found |= {module, module.partition(".")[0], *(f"{module}.{alias.name}" for alias in node.names)}
    return found


def test_every_module_has_its_room() -> None:
    modules = [".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")]
    assert sorted(name.removesuffix(".__init__") for name in modules) == sorted(["__init__", *ORDER])


@pytest.mark.parametrize("module", ORDER)
def test_arrows_go_down_only(module: str) -> None:
    above = {*ORDER[ORDER.index(module) :]}
    assert not imports(module) & above


@pytest.mark.parametrize("module", PURE)
def test_the_pure_rooms_know_no_file_no_process_and_no_environment(module: str) -> None:
    assert not imports(module) & IMPURE


def test_a_build_knows_nothing_of_the_command_line_and_of_editing_project_files() -> None:
    assert not _reached("hooks") & {"project.scaffold", "formats.toml_edit", "cli"}


def _reached(module: str) -> set[str]:
    """Return what a module imports, and what that does, and so on."""
    reached, new = set[str](), {module}
    while new:
        reached |= new
        new = {name for module in new for name in imports(module) if name in ORDER} - reached
    return reached


def test_a_dispatch_knows_nothing_of_the_command_line() -> None:
    assert not _reached("dispatch") & {
        "project.scaffold",
        "cli",
        "hooks",
        "building.request",
        "machine.user_config",
    }


@pytest.mark.parametrize("library", RESERVED)
def test_a_reserved_library_is_imported_in_its_room_only(library: str) -> None:
    assert {module for module in ORDER if library in imports(module)} <= RESERVED[library]
