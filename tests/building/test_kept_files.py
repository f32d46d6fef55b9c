"""Compiled files that builds leave in a source tree never end up in wheels of another recipe."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import run
from helpers.sample_projects import COMPILED_BY_SETUPTOOLS, write
from helpers.wrapped_project import COMPLETE, PLAIN_NAME, SMALL, SMALL_NAME, VARIANT, WRAPPING, Project

from variant_backend._internal.building.kept_files import Owner, check_build_folder, kept_apart
from variant_backend._internal.building.wrapped_backend import has_marks
from variant_backend._internal.errors import VariantError

PLAIN = Owner()
FAST = Owner("fast", "0123abcd")
SLOW = Owner("slow", "4567cdef")
MODULE = f"_speed{EXTENSION_SUFFIXES[0]}"


def build(root: Path, owner: Owner, written: Mapping[str, str], packed: str = "") -> str:
    """Build in a source tree like a backend that writes files and packs one; return the error's remedy."""
    files = {"demo/packed.so": packed.encode()} if packed else None
    wheel = make_wheel(root.parent / "made", files=files)
    try:
        with kept_apart(root, owner) as check:
            write(written, root)
            check(wheel)
    except VariantError as error:
        return error.problems[0].remedy or ""
    return ""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write({"src/demo/__init__.py": "", "src/demo/libvendored.so": "vendored"}, tmp_path / "project")


def remedy(*paths: str) -> str:
    return f"remove {', '.join(map(str, map(Path, paths)))} and build again, or use `variant-backend build`"


SETUPTOOLS = {"build/temp/speed.o": "object", f"build/lib/demo/{MODULE}": "module"}
CMAKE = {"out/cp311/CMakeCache.txt": "state", f"out/cp311/{MODULE}": "module"}
MESON = {"here/meson-private/coredata.dat": "state", "here/speed.p/speed.o": "object"}
HIDDEN = {".build/cp311/CMakeCache.txt": "state", f".build/cp311/{MODULE}": "module"}
IN_PLACE = {f"src/demo/{MODULE}": "module"}


@pytest.mark.parametrize(
    ("left", "written", "packed", "removed"),
    [
        pytest.param(SETUPTOOLS, {}, "module", "build", id="an up-to-date module"),
        pytest.param(SETUPTOOLS, {"build/temp/more.o": "x"}, "x", "build", id="an up-to-date object"),
        pytest.param(CMAKE, {"out/cp311/CMakeCache.txt": "again"}, "new", "out/cp311", id="CMake"),
        pytest.param(HIDDEN, {".build/cp311/a.o": "new"}, "new", ".build/cp311", id="a hidden folder"),
        pytest.param(MESON, {"here/meson-private/coredata.dat": "again"}, "new", "here", id="Meson"),
        pytest.param(IN_PLACE, {}, "module", f"src/demo/{MODULE}", id="a module beside the source"),
    ],
)
@pytest.mark.parametrize(("first", "second"), [(PLAIN, FAST), (FAST, PLAIN), (FAST, SLOW)])
def test_a_wheel_with_files_of_another_recipe_is_refused(  # one for each fact
    root: Path,
    first: Owner,
    second: Owner,
    left: dict[str, str],
    written: dict[str, str],
    packed: str,
    removed: str,
) -> None:
    assert build(root, first, left, "module") == ""
    assert build(root, first, written, packed) == ""  # the same recipe may continue
    assert build(root, second, written, packed) == remedy(removed)
    path = root / removed
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert build(root, second, left, "module") == ""
    assert build(root, second, written, packed) == ""


@pytest.mark.parametrize(
    "written",
    [{}, SETUPTOOLS, {"elsewhere/CMakeCache.txt": "state"}],
    ids=["in a private folder", "all files", "in another folder"],
)
def test_a_build_that_compiles_all_files_again_is_accepted(root: Path, written: dict[str, str]) -> None:
    build(root, FAST, SETUPTOOLS)
    again = {path: f"{content} for slow" for path, content in written.items()}
    assert build(root, SLOW, again, "module for slow") == ""


def test_each_label_may_keep_a_build_folder_of_its_own(root: Path) -> None:
    for _ in range(2):
        for owner in (FAST, SLOW, PLAIN):
            files = {f"build/{owner.label}x/CMakeCache.txt": "state", f"build/{owner.label}x/a.o": "object"}
            assert build(root, owner, files) == ""


def test_a_private_copy_of_a_left_module_is_accepted(root: Path, tmp_path: Path) -> None:
    build(root, PLAIN, SETUPTOOLS)
    write(IN_PLACE, tmp_path / "private")
    wheel = make_wheel(tmp_path, files={"demo/packed.so": b"module"})
    with kept_apart(root, FAST, tmp_path / "private") as check:
        check(wheel)


@pytest.mark.parametrize("owner", [PLAIN, Owner("null")])
def test_vendored_libraries_and_other_environments_are_ignored(root: Path, owner: Owner) -> None:
    others = {
        "venv/pyvenv.cfg": "",
        f"venv/{MODULE}": "module",
        "target/.rustc_info.json": "",
        "target/speed.o": "object",
        ".tox/speed.o": "object",
        ".pixi/envs/default/conda-meta/history": "",
        ".pixi/envs/default/speed.o": "object",
    }
    write(others, root)
    assert build(root, FAST, {"src/demo/generated.so": "new"}, "vendored") == ""
    assert build(root, owner, {"target/more.o": "object"}, "module") == ""


def test_a_mark_is_an_empty_folder_that_goes_with_its_files(root: Path) -> None:
    build(root, FAST, SETUPTOOLS)
    assert [path.name for path in root.glob("*/.variant-backend/*")] == ["fast-0123abcd-"]
    assert has_marks(root)
    for folder in ("temp", "lib"):
        shutil.rmtree(root / "build" / folder)
    assert build(root, PLAIN, SETUPTOOLS) == ""
    assert not has_marks(root)
    assert not list(root.rglob(".variant-backend"))


def test_a_build_that_fails_still_marks_its_files(root: Path) -> None:
    with pytest.raises(RuntimeError), kept_apart(root, FAST):
        write(SETUPTOOLS, root)
        raise RuntimeError
    assert build(root, PLAIN, {}, "module") == remedy("build")


# With the hooks.

KEEPING = """
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    import os
    state = Path("build/CMakeCache.txt")
    state.parent.mkdir(exist_ok=True)
    state.write_text(state.read_text() + "again" if state.exists() else os.environ.get("CFLAGS", ""))
    return give(wheel_directory, "*.whl").name
"""
WITH_FLAGS = '\n[tool.variant-backend.variants]\nsmall.env = { CFLAGS = "-O9" }\n'


@pytest.mark.parametrize(
    ("first", "second", "names"), [({}, SMALL, (PLAIN_NAME, [])), (SMALL, {}, (SMALL_NAME, []))]
)
def test_hooks_refuse_a_build_folder_of_another_build(
    tmp_path: Path, first: dict[str, str], second: dict[str, str], names: tuple[str, list[str]]
) -> None:
    project = Project(tmp_path / "project", COMPLETE + KEEPING, WRAPPING + WITH_FLAGS + VARIANT)
    assert project.call_here("build_wheel", first) == names[0]
    (project.dist / names[0]).unlink()
    whose = ("variant 'small'", "the plain wheel")
    owner, other = whose if second else reversed(whose)
    assert project.refusal(settings=second) == (
        f"the build of {owner} used compiled files that the build of {other} left in the source tree;"
        f" {remedy('build')}"
    )
    assert project.built() == names[1]
    shutil.rmtree(project.root / "build")
    project.call_here("build_wheel", second)


def test_plain_builds_leave_no_marks(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", COMPLETE + KEEPING, WRAPPING + WITH_FLAGS + VARIANT)
    for settings in ({}, {"variant": "both"}):  # the recipe of `both` changes nothing in the build
        project.call_here("build_wheel", settings)
    assert not list(project.root.rglob(".variant-backend"))


@pytest.mark.slow
@pytest.mark.usefixtures("own_wheel")
def test_setuptools_with_build_lib_never_packs_a_module_of_another_build(tmp_path: Path) -> None:
    assert COMPILED_BY_SETUPTOOLS.files
    files = {**COMPILED_BY_SETUPTOOLS.files, "setup.cfg": "[build]\nbuild_lib = out\n"}
    project = write(files, tmp_path / "project")
    command = ("uv", "build", "--wheel", "-o", tmp_path / "dist", project)
    run(*command, "-Cvariant=short")
    refused = run(*command, ok=False)
    module = Path("out", f"_bits{EXTENSION_SUFFIXES[0]}")
    assert f"remove {module} and build again" in " ".join(refused.stderr.split())
    assert [path.name.endswith("-short.whl") for path in (tmp_path / "dist").glob("*.whl")] == [True]
    (project / module).unlink()
    run(*command)


OUTSIDE = "is outside of the source tree, so builds of other labels would share its files"


@pytest.mark.parametrize(
    ("given", "environ", "configured", "place"),
    [
        ({"build-dir": "../out"}, {}, None, "config setting 'build-dir': '../out'"),
        ({"builddir": "../out"}, {}, "inside", "config setting 'builddir': '../out'"),
        ({}, {"SKBUILD_BUILD_DIR": "../out"}, "inside", "SKBUILD_BUILD_DIR: '../out'"),
        ({}, {}, "../{wheel_tag}", "tool.scikit-build.build-dir: '../{wheel_tag}'"),
        ({"build-dir": "inside"}, {"SKBUILD_BUILD_DIR": "../out"}, "../out", ""),
        ({}, {}, "build/{wheel_tag}", ""),
        ({}, {}, None, ""),
    ],
)
def test_labels_cannot_share_a_build_folder_outside_of_the_tree(
    root: Path, given: dict[str, str], environ: dict[str, str], configured: str | None, place: str
) -> None:
    table = f'[tool.scikit-build]\nbuild-dir = "{configured}"\n' if configured else ""
    write({"pyproject.toml": table}, root)
    if not place:
        check_build_folder(root, given, (), environ)
        return
    with pytest.raises(VariantError) as error:
        check_build_folder(root, given, (), environ)
    assert str(error.value).startswith(f"{place} {OUTSIDE}; write a folder in the source tree, or ")
    if not given:  # the remedy
        check_build_folder(root, given, ("build-dir",), environ)


def test_a_hook_refuses_a_shared_build_folder_outside_of_the_tree(tmp_path: Path) -> None:
    recipe = '[tool.variant-backend.variants.small]\nenv = { A = "1" }\n'
    project = Project(tmp_path / "project", COMPLETE, WRAPPING + recipe + VARIANT)
    outside = str(tmp_path / "out")
    assert OUTSIDE in project.refusal(settings={"variant": "small", "build-dir": outside})
    project.call_here("build_wheel", {"build-dir": outside})
