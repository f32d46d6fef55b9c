"""The rooms of the package: arrows go down only, and each heavy or delicate thing is in one room."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

import variant_backend

PACKAGE = Path(variant_backend.__file__).parent

COMMANDS = [
    "make_variant",
    "build",
    "index",
    "check",
    "schema",
    "init",
    "inspect",
    "unmake",
    "upgrade",
    "installed",
    "providers",
    "hardware",
    "explain",
    "fetch",
    "stub",
]

# Rooms from the top down; a module may import those of lower rooms, and what stands before it in its own.
ROOMS = [
    ["errors"],
    ["document", "properties", "filename", "core_metadata", "record", "abi_dependency"],
    [
        "markers",
        "metadata",
        "installers",
        "old_metadata",
        "recipe",
        "findings",
        "selection",
        "support",
        "target",
        "known_providers",
        "hardware_file",
        "simple_api",
        "pins",
        "rules",
        "project_page",
        "pylock",
        "_ziprecords",
        "_toml",
    ],
    [
        "_files",
        "_processes",
        "_http",
        "_outputs",
        "_sdist",
        "_rawzip",
        "_zipglance",
        "_ask_plugin",
        "_build_one",
        "_install_plugin",
    ],
    [
        "pyproject",
        "hardware",
        "schema",
        "providers",
        "trusted_plugins",
        "user_config",
        "wheel_rewrite",
        "unmake",
        "upgrade",
        "_remote",
        "download",
        "inspection",
        "installed",
        "system",
        "releases",
        "choice",
        "explanation",
        "uv_choice",
        "picks",
        "fetch",
        "dispatching_sdist",
        "dispatched_wheel",
        "index",
        "simple_index",
        "check",
        "stub",
        "matrix",
        "init",
    ],
    ["build_request", "wrapped_backend", "hook_errors"],
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
    "struct": {"_rawzip", "_ziprecords"},
    "zlib": {"_rawzip", "_ziprecords"},
    "zipfile": set(),
    "tomllib": {"pyproject"},
    "tomli": {"pyproject"},
    "tomlkit": {"_toml"},
    "build": {"_build_one", "_install_plugin"},
    "subprocess": {"_processes", "matrix", "_build_one", "_install_plugin", "providers", "trusted_plugins"},
    "platformdirs": {"user_config"},
    "wheel": set(),
    "fsspec": {"_remote"},
    "urllib.request": {"_http"},
    "http.client": {"_http"},
    "ctypes": {"hardware"},
}
# What the pure rooms do without: files, processes, the environment.
IMPURE = {"os", "pathlib", "subprocess", "shutil", "tempfile", "socket", "sys"}


@functools.cache
def imports(module: str) -> frozenset[str]:
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
    return frozenset(found)


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
    assert not _reached("hooks") & {"init", "_toml", "cli"}


def _reached(module: str) -> set[str]:
    """Return what a module imports, and what that does, and so on."""
    reached, new = set[str](), {module}
    while new:
        reached |= new
        new = {name for module in new for name in imports(module) if name in ORDER} - reached
    return reached


def test_a_dispatch_knows_nothing_of_the_command_line() -> None:
    assert not _reached("dispatch") & {"init", "cli", "hooks", "build_request", "user_config"}


@pytest.mark.parametrize("library", RESERVED)
def test_a_reserved_library_is_imported_in_its_room_only(library: str) -> None:
    assert {module for module in ORDER if library in imports(module)} <= RESERVED[library]
