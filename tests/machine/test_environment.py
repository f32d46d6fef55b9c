"""The user's environment: which one it is, and that its layout is read without running anything."""

from __future__ import annotations

import os
import stat
import sys
import venv
from importlib.metadata import distributions
from pathlib import Path

import pytest
from helpers.programs import run

from variant_backend._internal.errors import VariantError
from variant_backend._internal.machine import environment
from variant_backend._internal.machine.environment import (
    active_environment,
    find_environment,
    named_environment,
)

needs_scripts = pytest.mark.skipif(sys.platform == "win32", reason="fake interpreters are shell scripts")


def make_layout(prefix: Path, *folders: str, **config: str) -> Path:
    """Make the layout of a virtual environment whose interpreter must not be run."""
    for folder in folders or ("lib/python3.11/site-packages",):
        (prefix / folder).mkdir(parents=True)
    config = {"home": str(prefix.parent / "base" / "bin"), "version": "3.11.4", **config}
    (prefix / "pyvenv.cfg").write_text("".join(f"{key} = {value}\n" for key, value in config.items()))
    make_program(prefix / "bin" / "python", 'touch "$0-was-run"')
    return prefix


def make_program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def names(folders: tuple[Path, ...]) -> set[str]:
    return {distribution.name for distribution in distributions(path=[*map(str, folders)])}


def test_virtual_env_precedes_the_project_and_path(tmp_path: Path) -> None:
    active, project = make_layout(tmp_path / "active"), tmp_path / "project"
    make_layout(project / ".venv")
    environ = {"VIRTUAL_ENV": str(active), "PATH": str(project / ".venv" / "bin")}
    assert str(active_environment(environ, project)) == f"{active} (VIRTUAL_ENV)"
    del environ["VIRTUAL_ENV"]
    assert str(active_environment(environ, project)) == f"{project / '.venv'} (.venv of the project)"
    assert str(active_environment({**environ, "VIRTUAL_ENV": ""}, project)).endswith("(.venv of the project)")


def test_the_project_environment_is_searched_up_to_pyproject_toml(tmp_path: Path) -> None:
    make_layout(tmp_path / ".venv")
    inner = tmp_path / "project" / "src" / "demo"
    inner.mkdir(parents=True)
    found = active_environment({}, inner)
    assert found and found.location == str(tmp_path / ".venv")
    (tmp_path / "project" / "pyproject.toml").touch()
    assert active_environment({}, inner) is None
    make_layout(tmp_path / "project" / ".venv")
    found = active_environment({}, inner)
    assert found and found.location == str(tmp_path / "project" / ".venv")


@needs_scripts
def test_no_interpreter_of_a_virtual_environment_is_run(tmp_path: Path) -> None:
    prefix = make_layout(tmp_path / ".venv")
    (prefix / "lib/python3.11/site-packages/evil.pth").write_text(
        f"import os; os.mkdir({str(tmp_path / 'evil')!r})\n"
    )
    environ = {"PATH": str(prefix / "bin")}
    for found in (
        active_environment({"VIRTUAL_ENV": str(prefix)}, tmp_path / "elsewhere"),
        active_environment({}, tmp_path),
        active_environment(environ, tmp_path / "none" / "pyproject.toml"),
        named_environment(str(prefix), {}),
        named_environment(str(prefix / "bin" / "python"), {}),
        named_environment("python", environ),
    ):
        assert found
        assert found[2:] == ((prefix / "lib/python3.11/site-packages",), prefix / "bin" / "python", "3.11.4")
    assert [*tmp_path.rglob("*-was-run")] == []
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("folder", "config", "python"),
    [
        ("lib/python3.12/site-packages", {"version": "3.12.1"}, "3.12.1"),
        ("lib/python3.12/site-packages", {"version": "", "version_info": "3.12.1.final.0"}, "3.12.1"),
        ("lib/python3.13t/site-packages", {"version": "3.13.0"}, "3.13.0t"),
        ("lib/python3.12/site-packages", {"version": ""}, "3.12"),
        ("lib/python3.15t/site-packages", {"version": "3.15.0"}, "3.15.0t"),
        ("Lib/site-packages", {"version": "3.12.1"}, "3.12.1"),
        ("lib/pypy3.10/site-packages", {"version": "3.10.1"}, None),
        ("Lib/site-packages", {"version": "3.10.1", "implementation": "PyPy"}, None),
    ],
)
def test_layouts_of_all_platforms_are_read(
    tmp_path: Path, folder: str, config: dict[str, str], python: str | None
) -> None:
    prefix = make_layout(tmp_path / "env", folder, **config)
    found = named_environment(str(prefix), {})
    assert (found.folders, found.python) == ((prefix / folder,), python)


def test_the_interpreter_of_a_windows_layout_is_found(tmp_path: Path) -> None:
    prefix = make_layout(tmp_path / "env", "Lib/site-packages", "Scripts")
    (prefix / "bin" / "python").unlink()
    assert named_environment(str(prefix), {}).interpreter is None
    executable = make_program(prefix / "Scripts" / "python.exe", "exit 1")
    assert named_environment(str(prefix), {}).interpreter == executable
    assert named_environment(str(executable), {}).location == str(prefix)


def test_the_second_name_of_the_interpreter_shows_free_threading_on_windows(tmp_path: Path) -> None:
    prefix = make_layout(tmp_path / "env", "Lib/site-packages", "Scripts", version="3.15.1")
    for name in ("python.exe", "pythonw.exe", "python3.15t.exe"):
        make_program(prefix / "Scripts" / name, "exit 1")
    assert named_environment(str(prefix), {}).python == "3.15.1t"


@pytest.mark.parametrize(("own", "other"), [("3.14", "3.14t"), ("3.14t", "3.14")])
def test_packages_of_the_other_build_of_a_release_are_not_included(
    tmp_path: Path, own: str, other: str
) -> None:
    folders = [
        tmp_path / f"home/.local/lib/python{own}/site-packages",
        tmp_path / f"base/lib/python{own}/site-packages",
    ]
    for folder in folders:
        folder.mkdir(parents=True)
        Path(str(folder).replace(f"python{own}/", f"python{other}/")).mkdir(parents=True)
    config = {"version": "3.14.0", "home": str(tmp_path / "base/bin"), "include-system-site-packages": "true"}
    prefix = make_layout(tmp_path / "env", f"lib/python{own}/site-packages", **config)
    found = named_environment(str(prefix), {"HOME": str(tmp_path / "home")})
    assert found.folders[1:] == tuple(folders)


def test_an_upgraded_environment_has_the_folder_of_its_release(tmp_path: Path) -> None:
    prefix = make_layout(tmp_path / "env", "lib/python3.11/site-packages", "lib/python3.12/site-packages")
    assert named_environment(str(prefix), {}).folders == (prefix / "lib/python3.11/site-packages",)


def test_system_site_packages_are_followed_when_included(tmp_path: Path) -> None:
    base = tmp_path / "base"
    folders = [
        base / "local/lib/python3.11/dist-packages",
        base / "lib/python3/dist-packages",
        tmp_path / "home/.local/lib/python3.11/site-packages",
    ]
    for folder in folders:
        folder.mkdir(parents=True)
    (base / "lib/python3.10/dist-packages").mkdir(parents=True)
    environ = {"HOME": str(tmp_path / "home")}
    without = make_layout(tmp_path / "without")
    assert len(named_environment(str(without), environ).folders) == 1
    prefix = make_layout(tmp_path / "env", **{"include-system-site-packages": "TRUE"})
    own = prefix / "lib/python3.11/site-packages"
    assert named_environment(str(prefix), environ).folders == (own, folders[2], *folders[:2])
    hidden = {**environ, "PYTHONNOUSERSITE": "1"}
    assert named_environment(str(prefix), hidden).folders == (own, *folders[:2])


def test_an_overlay_of_uv_has_the_folders_of_its_project(tmp_path: Path) -> None:
    project = make_layout(tmp_path / ".venv")
    overlay = make_layout(tmp_path / "overlay", **{"extends-environment": str(project)})
    assert named_environment(str(overlay), {}).folders == tuple(
        prefix / "lib/python3.11/site-packages" for prefix in (overlay, project)
    )


def test_folders_of_pth_files_are_read(tmp_path: Path) -> None:
    prefix = make_layout(tmp_path / "env")
    site = prefix / "lib/python3.11/site-packages"
    (tmp_path / "editable").mkdir()
    (site / "easy-install.pth").write_text(
        f"# a comment\n\n{tmp_path / 'editable'}\n{tmp_path / 'missing'}\n"
    )
    assert named_environment(str(prefix), {}).folders == (site, tmp_path / "editable")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_a_pipe_for_a_pth_file_is_reported(tmp_path: Path) -> None:
    prefix = make_layout(tmp_path / "env")
    os.mkfifo(prefix / "lib/python3.11/site-packages" / "x.pth")
    with pytest.raises(VariantError, match=r"x\.pth: expected a regular file, got a named pipe"):
        named_environment(str(prefix), {})


def test_a_conda_environment_is_read_by_its_layout(tmp_path: Path) -> None:
    prefix = make_layout(tmp_path / "env")
    (prefix / "pyvenv.cfg").unlink()
    (prefix / "conda-meta").mkdir()
    found = named_environment(str(prefix), {})
    assert (found.folders, found.python) == ((prefix / "lib/python3.11/site-packages",), "3.11")


def test_a_stale_virtual_env_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VariantError) as caught:
        active_environment({"VIRTUAL_ENV": str(tmp_path / "gone")}, tmp_path)
    assert str(caught.value) == (
        f"VIRTUAL_ENV: folder not found: {str(tmp_path / 'gone')!r}; "
        "activate another environment, unset VIRTUAL_ENV, or use --interpreter"
    )


def test_a_folder_that_is_not_an_environment_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    for environ, place in (({"VIRTUAL_ENV": str(tmp_path)}, "VIRTUAL_ENV"), ({}, ".venv of the project")):
        with pytest.raises(
            VariantError, match=rf"^{place}: not a virtual environment: .*pyvenv.cfg is missing; "
        ):
            active_environment(environ, tmp_path)
    with pytest.raises(VariantError, match="no interpreter found in this folder; use --interpreter"):
        named_environment(str(tmp_path), {})


@pytest.mark.parametrize("text", ["no-such-python", "./no", "x" * 5000])
def test_a_missing_interpreter_is_an_error(text: str, tmp_path: Path) -> None:
    with pytest.raises(VariantError, match=rf"^{text}: interpreter not found( on PATH)?; use --interpreter"):
        named_environment(text, {"PATH": str(tmp_path)})


@needs_scripts
def test_the_first_python_on_path_that_answers_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    make_program(folder / "python3", f'exec "{sys.executable}" "$@"')
    environ = {"PATH": os.pathsep.join(["", "relative", str(tmp_path / "missing"), str(folder)])}
    (tmp_path / "pyproject.toml").touch()
    found = active_environment(environ, tmp_path)
    assert found and (found.location, found.found_by) == (sys.executable, "PATH")
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert "pytest" in names(found.folders)
    make_program(folder / "python", "echo 'pyenv: command not found' >&2; exit 127")
    assert active_environment(environ, tmp_path) == found
    make_program(folder / "python3", "echo {}")
    with pytest.raises(
        VariantError, match="/python: not a usable Python: exit code 127: pyenv: command not f"
    ):
        active_environment(environ, tmp_path)
    make_program(folder / "python.exe", "echo the store >&2; exit 9")
    make_program(folder / "py.exe", f'exec "{sys.executable}" "$@"')
    assert active_environment(environ, tmp_path, windows=True) == found


def test_relative_folders_on_path_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_program(tmp_path / "python", "exit 1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    for windows in (False, True):
        assert active_environment({"PATH": os.pathsep.join(["", "."])}, tmp_path, windows=windows) is None


@needs_scripts
@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("sleep 60", "no answer within 0.2 seconds"),
        ("echo 1", "not a usable Python: exit code 0"),
        ("echo 'Unknown option: -I' >&2; exit 2", "not a usable Python: exit code 2: Unknown option: -I"),
    ],
)
def test_an_interpreter_that_does_not_answer_is_an_error(
    tmp_path: Path, script: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "_TIME_LIMIT", 0.2 if "sleep" in script else 30)
    program = make_program(tmp_path / "python", script)
    with pytest.raises(VariantError) as caught:
        named_environment(str(program), {})
    assert str(caught.value).startswith(f"{program}: {problem}; use --interpreter with another interpreter")
    program.write_text("neither a script nor a program")
    with pytest.raises(VariantError, match="/python: cannot be started: Exec format error; use "):
        named_environment(str(program), {})


def test_without_any_python_the_own_environment_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find_environment()
    assert str(found) == f"{sys.prefix} (variant-backend's own)"
    assert "variant-backend" in names(found.folders)


def test_the_environment_of_uvx_on_path_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    other = make_layout(tmp_path / "other")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), str(other / "bin")]))
    monkeypatch.delenv("UV", raising=False)
    assert find_environment().interpreter == Path(sys.executable)
    monkeypatch.setenv("UV", "uv")
    assert find_environment().location == str(other)


def test_an_environment_made_in_another_one_has_the_packages_of_the_base(tmp_path: Path) -> None:
    site = "lib/python3.10/site-packages"
    (tmp_path / "base" / site).mkdir(parents=True)
    outer = make_layout(tmp_path / "outer", site, version="3.10.13")
    # Python 3.10 writes this.
    settings = {"home": str(outer / "bin"), "include-system-site-packages": "true", "version": "3.10.13"}
    inner = make_layout(tmp_path / "inner", site, **settings)
    assert named_environment(str(inner), {}).folders == (inner / site, tmp_path / "base" / site)


@pytest.mark.parametrize("with_uv", [False, True])
@pytest.mark.parametrize("system", [False, True])
def test_layout_and_interpreter_name_the_same_distributions(
    tmp_path: Path, with_uv: bool, system: bool
) -> None:
    prefix = tmp_path / "env"
    if with_uv:
        base = getattr(sys, "_base_executable", sys.executable)
        run("uv", "venv", "--quiet", "--python", base, *["--system-site-packages"][:system], prefix)
    else:
        venv.create(prefix, with_pip=False, system_site_packages=system)
    found = named_environment(str(prefix), dict(os.environ))
    assert found.interpreter
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    (site,) = prefix.glob("**/site-packages")
    (site / "demo-1.0.dist-info").mkdir()
    (site / "demo-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
    program = (
        "import importlib.metadata as m; print(*{d.metadata['Name'] for d in m.distributions()}, sep='\\n')"
    )
    asked = run(found.interpreter, "-c", program, PYTHONPATH="").stdout.splitlines()
    assert names(found.folders) == {*asked}
    assert "demo" in asked


@pytest.mark.slow
def test_an_overlay_that_uv_makes_has_the_distributions_of_the_project(tmp_path: Path) -> None:
    run("uv", "venv", "--quiet", "--seed", "--python", sys.executable, tmp_path / ".venv")
    program = (
        f"import sys; sys.path[:0] = {[path for path in sys.path if path]!r}\n"
        "from variant_backend._internal.machine.environment import find_environment\n"
        "print(find_environment().folders)"
    )
    command = ("uv", "run", "--quiet", "--no-project", "--with", "packaging==24.2", "python", "-c", program)
    shown = run(*command, cwd=tmp_path).stdout
    assert str(tmp_path / ".venv") in shown
