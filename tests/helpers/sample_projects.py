"""Small projects, one for each wrapped backend: those of examples/, and some defined here."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

# The project file of a project that wraps setuptools, without variants.
WRAPS_SETUPTOOLS = """\
[build-system]
requires = ["setuptools", "variant-backend-core"]
build-backend = "variant_backend.hooks"
[project]
name = "demo"
version = "1.0"
requires-python = ">=3.10"
[tool.variant-backend]
build-backend = "setuptools.build_meta"
"""

# The project file of a project that wraps flit, with two variants that every machine supports.
WRAPS_FLIT = """\
[build-system]
requires = ["flit_core", "variant-backend-core"]
build-backend = "variant_backend.hooks"
[tool.variant-backend]
build-backend = "flit_core.buildapi"
[project]
name = "demo"
version = "1.0"
description = "A demo"
license = "MIT"
license-files = []
requires-python = ">=3.10"
[variant]
default-priorities.namespace = ["speed"]
providers.speed.static-properties.mode = ["fast", "safe"]
variants.fast.speed.mode = ["fast"]
variants.safe.speed.mode = ["safe"]
"""


class Example(NamedTuple):
    """A project that wraps a backend, one of its labels, and a use of its wheel with the output.

    Without files, the project is in the folder examples/NAME. The backend knows the setting, which changes
    the output of the use, or the wheel's name. Some backends have no message about unknown settings.
    """

    backend: str
    label: str
    properties: dict[str, dict[str, list[str]]]
    use: str
    prints: str
    files: Mapping[str, str] | None = None
    setting: str | None = None
    prints_then: str | None = None
    named_then: str = "-1.0-"
    unknown_setting_error: str | None = None


PYPROJECT = """\
[build-system]
requires = [{requires}, "variant-backend-core"]
build-backend = "variant_backend.hooks"

[tool.variant-backend]
build-backend = "{backend}"

[project]
name = "variant-project"
version = "1.0"
description = "Says how many bits a byte has"
requires-python = ">=3.10"
{tables}
[variant]
default-priorities.namespace = ["speech"]
providers.speech.static-properties.tone = ["warm", "short"]
variants.short = {{ speech = {{ tone = ["short"] }} }}
"""


def small(requires: str, backend: str, files: dict[str, str], tables: str = "", **more: str) -> Example:
    """Return a project that prints 8, with a label of static properties."""
    text = PYPROJECT.format(requires=requires, backend=backend, tables=tables)
    return Example(
        backend=backend,
        label="short",
        properties={"speech": {"tone": ["short"]}},
        use="import variant_project as it; print(it.bits())",
        prints="8",
        files={"pyproject.toml": text, **files},
        **more,
    )


PURE = '"""The example."""\n\n\ndef bits():\n    return 8\n'

C_EXTENSION = r"""
#include <Python.h>

#if defined(WORD)
#define BITS 16
#elif !defined(BITS)
#define BITS 8
#endif

static PyObject *bits(PyObject *module, PyObject *unused)
{
    return PyLong_FromLong(BITS);
}

static PyMethodDef methods[] = {{"bits", bits, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_bits", NULL, 0, methods};

PyMODINIT_FUNC PyInit__bits(void)
{
    return PyModuleDef_Init(&definition);
}
"""

CMAKE_LISTS = """
cmake_minimum_required(VERSION 3.18...4.0)
project(variant_project LANGUAGES C)
find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
python_add_library(_bits MODULE bits.c WITH_SOABI)
set(BITS 8 CACHE STRING "what it says")
target_compile_definitions(_bits PRIVATE BITS=${BITS})
install(TARGETS _bits DESTINATION variant_project)
"""

# Without other crates, as their registry may be unreachable. It needs cargo and a linker.
CARGO_TOML = """
[package]
name = "bits-of-a-byte"
version = "1.0.0"
edition = "2021"

[features]
wide = []
"""

RUST_PROGRAM = """
fn main() {
    println!("{}", if cfg!(feature = "wide") { 16 } else { 8 });
}
"""

MATURIN = """
[tool.maturin]
bindings = "bin"
python-source = "python"
module-name = "variant_project"
"""

RUN_THE_PROGRAM = """
import subprocess
from importlib.metadata import files


def bits():
    (program,) = (path.locate() for path in files("variant-project") if path.stem == "bits-of-a-byte")
    return int(subprocess.run([program], stdout=subprocess.PIPE, check=True).stdout)
"""

SETUP = """
from setuptools import Extension, setup

setup(ext_modules=[Extension("_bits", ["bits.c"])])
"""

# MSVC reads CL; all other compilers that Python uses read CFLAGS.
COMPILED_BY_SETUPTOOLS = small(
    '"setuptools>=77"',
    "setuptools.build_meta",
    {
        "setup.py": SETUP,
        "bits.c": C_EXTENSION,
        "src/variant_project/__init__.py": "from _bits import bits\n",
    },
    tables='\n[tool.variant-backend.variants.short.env]\nCFLAGS = "-DWORD"\nCL = "-DWORD"\n',
)

EXAMPLES = {
    "setuptools": Example(
        "setuptools.build_meta",
        "fast",
        {"accuracy": {"mode": ["fast"]}},
        "import variant_example.__main__",
        "fast",
        setting="--build-option=--build-number=7",
        named_then="-7-",
    ),
    "hatchling": Example(
        "hatchling.build",
        "large",
        {"dictionary": {"size": ["large"], "spelling": ["historic", "modern"]}},
        "import variant_example_hatchling as it; print(it.words('to be or not to be')['to'])",
        "2",
    ),
    "meson-python": Example(
        "mesonpy",
        "fast",
        {"checks": {"arguments": ["off"]}},
        "import variant_example_meson as it; print(it.count(255))",
        "8",
        unknown_setting_error='meson-python: error: Unknown option "no-such-setting"',
    ),
    "flit-core": small(
        '"flit_core>=3.11,<5"', "flit_core.buildapi", {"src/variant_project/__init__.py": PURE}
    ),
    "scikit-build-core": small(
        '"scikit-build-core>=0.11", "cmake", "ninja"',
        "scikit_build_core.build",
        {
            "CMakeLists.txt": CMAKE_LISTS,
            "bits.c": C_EXTENSION,
            "src/variant_project/__init__.py": "from ._bits import bits\n",
        },
        setting="cmake.define.BITS=16",
        prints_then="16",
        unknown_setting_error="Unrecognized options in config-settings:",
    ),
    "pdm-backend": small(
        '"pdm-backend>=2.4"',
        "pdm.backend",
        {"src/variant_project/__init__.py": PURE},
        setting="--build-number=7",
        named_then="-7-",
    ),
    "poetry-core": small(
        '"poetry-core>=2"',
        "poetry.core.masonry.api",
        {"src/variant_project/__init__.py": PURE},
        setting="local-version=cpu",
        named_then="-1.0+cpu-",
    ),
    "maturin": small(
        '"maturin>=1.9,<2"',
        "maturin",
        {
            "Cargo.toml": CARGO_TOML,
            "src/main.rs": RUST_PROGRAM,
            "python/variant_project/__init__.py": RUN_THE_PROGRAM,
        },
        tables=MATURIN,
        setting="build-args=--features=wide",
        prints_then="16",
    ),
    "uv_build": small(
        '"uv_build>=0.9"',
        "uv_build",
        {"src/variant_project/__init__.py": PURE},
        unknown_setting_error="Config settings are not supported",
    ),
    "in-tree": Example(
        "flit_core.buildapi",
        "warm",
        {"greeting": {"tone": ["warm"]}},
        "import variant_example_in_tree as it; print(it.greeting('you'))",
        "Hello, you!",
    ),
}


def write(files: Mapping[str, str], project: Path) -> Path:
    """Write a project into a new folder, and return the folder."""
    for path, text in files.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text, encoding="utf-8", newline="\n")
    return project


def new_project(name: str, folder: Path) -> Path:
    """Create a project in a new folder; for an example with a copy of this package, follow its README."""
    project = folder / name
    files = EXAMPLES[name].files
    if files is not None:
        return write(files, project)
    new_example(name, folder)
    if name == "in-tree":
        _vendor(project)
    return project


def new_example(name: str, folder: Path) -> Path:
    """Copy the example of this name into a new folder, without the results of builds; return the folder."""
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", "dist", "_vendor")
    return Path(shutil.copytree(ROOT / "examples" / name, folder / name, ignore=unwanted))


def new_project_with_copy(name: str, folder: Path) -> Path:
    """Create a project in a new folder, with a copy of this package instead of the requirement."""
    project = new_project(name, folder)
    if name != "in-tree":
        _vendor(project)
        toml = project / "pyproject.toml"
        text = toml.read_text(encoding="utf-8")
        required = ', "variant-backend-core"]\n'
        assert required in text
        copied = """, "packaging>=24", "tomli>=2; python_version < '3.11'"]\nbackend-path = ["_vendor"]\n"""
        toml.write_text(text.replace(required, copied), encoding="utf-8")
        (project / "MANIFEST.in").write_text("graft _vendor\n", encoding="utf-8")  # setuptools reads it
    return project


def _vendor(project: Path) -> None:
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "variant_backend", project / "_vendor/variant_backend", ignore=unwanted)
    shutil.copy(ROOT / "LICENSE", project / "_vendor")
