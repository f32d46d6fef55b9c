"""Packages only use lower packages, and few modules use each slow or delicate library."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import variant_backend

PACKAGE = Path(variant_backend.__file__).parent

# From top to bottom: a row uses lower rows only, and the members of a row do not use each other.
ROWS = [
    ["__main__"],
    ["scripts"],
    ["api", "cli", "dispatch", "hooks"],
    ["running"],
    ["graphs"],
    ["dispatching", "serving", "schema"],
    ["selection", "publishing", "building", "checking"],
    ["machine", "wheel_rewrite"],
    ["project", "wheels"],
    ["formats"],
    ["variants", "lowlevel"],
    ["errors"],
]
ROW_OF = {place: row for row, places in enumerate(ROWS) for place in places}
# By name, without `_internal`, where all but the public modules are.
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    .removeprefix("_internal.")
    .removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
    if path not in (PACKAGE / "__init__.py", PACKAGE / "_internal" / "__init__.py")
}

# The modules and packages that may import a library.
RESERVED = {
    "click": {"cli"},
    "struct": {
        "lowlevel.zip_archive",
        "lowlevel.zip_records",
        "lowlevel.zip_loose_records",
        "lowlevel.import_tables",
    },
    "zlib": {
        "lowlevel.zip_archive",
        "lowlevel.zip_records",
        "lowlevel.zip_repair",
        "lowlevel.inflated_member",
    },
    "zipfile": {"lowlevel.zip_repair", "serving.trial_files", "wheels.empty"},
    "tomllib": {"formats.toml_read"},
    "tomli": {"formats.toml_read"},
    "tomlkit": {"formats.toml_edit"},
    "build": {"building._build_one", "machine._install_plugin"},
    "subprocess": {
        "lowlevel.foreground",
        "lowlevel.processes",
        "lowlevel._watched",
        "building.matrix",
        "building._build_one",
        "machine._install_plugin",
        "machine.libraries",
        "machine.plugins",
        "machine.trusted_plugins",
    },
    "colorama": {"lowlevel.terminal"},
    "pwd": {"lowlevel.user_folders"},
    "sqlite3": {"lowlevel.digest_database"},
    "wheel": set(),
    "fsspec": {"wheels.remote"},
    "truststore": {"lowlevel.certificates"},
    "starlette": {"serving.asgi"},
    "uvicorn": {"serving.workers"},
    "urllib.request": {"lowlevel.http", "lowlevel.connections"},
    "http.client": {"lowlevel.http", "lowlevel.connections"},
    "ctypes": {
        "lowlevel.user_folders",
        "machine._ask_libraries",
        "machine.boot",
        "machine.sysctl",
        "machine.x86_64",
    },
}
# Modules with values and pure functions, in addition to `variants` ...
PURE = {
    "building.ci_matrix",
    "checking.codes",
    "checking.findings",
    "checking.release_rules",
    "formats.core_metadata",
    "formats.html_reading",
    "formats.html_writing",
    "formats.project_about",
    "formats.record",
    "formats.record_repair",
    "formats.simple_api",
    "formats.toml_edit",
    "graphs.abi_versions",
    "graphs.aligned_packages",
    "graphs.alignment_conflicts",
    "graphs.alignment_costs",
    "graphs.alignment_search",
    "graphs.alignment_words",
    "graphs.assignment",
    "graphs.alignment_count",
    "graphs.round_choices",
    "graphs.dependencies",
    "graphs.package_reader",
    "graphs.rounds",
    "graphs.uv_platforms",
    "lowlevel.zip_records",
    "project.config_settings",
    "project.recipe",
    "project.recipe_reading",
    "publishing.file_list",
    "publishing.html_pages",
    "publishing.install_commands",
    "publishing.label_order",
    "publishing.page_content",
    "publishing.page_parts",
    "publishing.page_style",
    "publishing.release_section",
    "publishing.tag_words",
    "selection.unknown_names",
    "serving.asked_projects",
    "serving.environments",
    "serving.listed_wheels",
    "serving.offer",
    "serving.page",
    "serving.people",
    "serving.reasons",
    "serving.rendered",
    "serving.respond",
    "wheels.repairs",
}
# ... do not use files, processes or the environment.
IMPURE = {"os", "pathlib", "subprocess", "shutil", "tempfile", "socket", "sys"}


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def imports(module: str) -> set[str]:
    """Return all imports of a module; names of this package's modules are relative to the package."""
    package = [*MODULES[module].relative_to(PACKAGE).parent.parts]
    found = set()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            found |= {name for alias in node.names for name in (alias.name, alias.name.partition(".")[0])}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            source = ".".join([*base, *filter(None, [node.module])]).removeprefix("_internal.")
            inner = {f"{source}.{alias.name}".removeprefix(".") for alias in node.names}
            if node.level:  # each name is a module or an object in a module
                found |= {name if name in MODULES else source for name in inner} - {""}
            else:
                found |= inner | {source, source.partition(".")[0]}
    return found


@cache
def reached(module: str, without: str = "") -> set[str]:
    """Return the modules of this package that a module imports directly or indirectly."""
    result, new = set[str](), {module}
    while new:
        result |= new
        new = {name for module in new for name in imports(module) if name in MODULES} - result - {without}
    return result


def place_of(module: str) -> str:
    return module.partition(".")[0]


def test_every_module_and_package_has_a_row() -> None:
    assert {place_of(module) for module in MODULES} == {*ROW_OF}


def test_a_module_only_uses_its_package_and_lower_rows() -> None:
    used = {
        module: {place_of(name) for name in imports(module) & {*MODULES}} - {place_of(module)}
        for module in MODULES
    }
    assert [
        (module, name)
        for module, names in used.items()
        for name in names
        if ROW_OF[name] <= ROW_OF[place_of(module)]
    ] == []


def test_the_picture_of_the_architecture_has_these_rows() -> None:
    assert [[name for name, _ in row] for row in drawn_rows()] == ROWS


def test_the_picture_of_the_architecture_marks_builds_and_selections() -> None:
    build = {place_of(module) for module in reached("hooks", without="machine.trusted_plugins")}
    selection = {place_of(module) for module in reached("cli.explain")}
    marks = {"build": build - selection, "select": selection - build, "both": build & selection}
    expected = {place: mark for mark, places in marks.items() for place in places}
    drawn = {name: mark for row in drawn_rows() for name, mark in row}
    assert drawn == {place: expected.get(place, "other") for place in ROW_OF}


def drawn_rows() -> list[list[tuple[str, str]]]:
    """Return the rows of the picture: the name and the mark of each place."""
    picture = ElementTree.parse(Path(__file__).parents[1] / "docs" / "pictures" / "architecture.svg")
    rows = picture.iterfind("{*}g")
    return [[*zip(_names(row), _marks(row), strict=True)] for row in rows]


def _names(row: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in row.iterfind("{*}text[@class='package']")]


def _marks(row: ElementTree.Element) -> list[str]:
    return [mark for box in row.iterfind("{*}rect") if (mark := box.get("class", "")) != "row"]


def test_pure_modules_use_no_files_processes_or_environment() -> None:
    pure = [module for module in MODULES if {module, place_of(module)} & {"errors", "variants", *PURE}]
    assert {module: imports(module) & IMPURE for module in pure if imports(module) & IMPURE} == {}


def test_there_are_no_circular_imports() -> None:
    assert [
        module
        for module in MODULES
        if module in {name for used in imports(module) & {*MODULES} for name in reached(used)}
    ] == []


def test_builds_do_not_import_the_command_line() -> None:
    used = reached("hooks", without="machine.trusted_plugins")  # a build installs no plugin
    assert not used & {"project.scaffold", *RESERVED["build"], *RESERVED["tomlkit"]}
    assert "cli" not in {place_of(name) for name in used}


def test_dispatching_imports_neither_the_command_line_nor_builds() -> None:
    used = reached("dispatch")
    assert not used & {"hooks", "project.scaffold", "building.variant_build"}
    assert "cli" not in {place_of(name) for name in used}


def test_a_reserved_library_is_imported_only_by_its_modules() -> None:
    assert [
        (module, library)
        for module in MODULES
        for library in imports(module) & {*RESERVED}
        if not {module, place_of(module)} & RESERVED[library]
    ] == []


# Each reads own files or files of the system; `read_text` of a distribution from `distributions` is safe.
READERS = {
    "lowlevel.piped_input",
    "schema",
    "building.matrix",
    "building.variant_build",
    "machine.aarch64",
    "machine.tpu",
    "machine.x86_64",
    "wheels.distributions",
    "wheels.inspection",
}


def test_files_are_read_by_the_module_that_refuses_pipes() -> None:
    assert [(module, line) for module in {*MODULES} - READERS for line in reads(module)] == []


def reads(module: str) -> Iterator[int]:
    """Yield the lines of a module that open or read a file by themselves."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            arguments = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            is_open = node.func.attr == "open" and "rb" in arguments
            if is_open or node.func.attr in ("read_bytes", "read_text"):
                yield node.lineno


PRINTING = {"echo", "secho", "echo_via_pager", "stdout", "style", "isatty"}
SPEAKERS = {
    "lowlevel.terminal",
    "building._ask_setuptools",
    "building._build_one",
    "machine._ask_plugin",
    "machine._install_plugin",
}


def test_only_the_terminal_prints() -> None:
    assert [(module, line) for module in {*MODULES} - SPEAKERS for line in prints(module)] == []


def prints(module: str) -> Iterator[int]:
    """Yield the lines of a module that print."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Attribute | ast.Name) and _is_output(node):
            yield node.lineno


def _is_output(node: ast.Attribute | ast.Name) -> bool:
    return node.attr in PRINTING if isinstance(node, ast.Attribute) else node.id == "print"
