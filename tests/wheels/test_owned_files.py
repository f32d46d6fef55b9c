"""`installed` reports files that several distributions own, and with --check those that are missing."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from helpers.made_wheels import make_wheel
from helpers.programs import empty_cache, run, run_here

from variant_backend._internal.cli.main import main

GUI = {"cv2/__init__.py": b"gui = True\n", "cv2/data.py": b"data\n", "cv2/window.py": b"window\n"}
HEADLESS = {"cv2/__init__.py": b"gui = False\n", "cv2/data.py": b"data\n"}


@pytest.fixture(autouse=True)
def _environment_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.setenv("UV_CACHE_DIR", empty_cache()[1])
    monkeypatch.setenv("UV_CONFIG_FILE", str(tmp_path / "uv.toml"))
    Path("uv.toml").write_text(f"no-index = true\nfind-links = [{str(tmp_path / 'dist')!r}]\n")
    run("uv", "venv", "--quiet", "--python", sys.executable)


def install(name: str, files: Mapping[str, bytes], *options: str) -> None:
    wheel = make_wheel(Path("dist"), name, files=files)
    run("uv", "pip", "install", "--quiet", *options, wheel)


def installed(*options: str, ok: bool = True) -> Result:
    return run_here(main, "installed", *options, ok=ok)


def keys(*options: str) -> Any:
    return json.loads(installed(*options, "--json", ok=False).stdout)


def site() -> Path:
    (folder,) = Path(".venv").glob("[Ll]ib/**/site-packages")
    return folder


def install_both() -> None:
    install("cv_gui", GUI)
    install("cv_headless", HEADLESS)


def test_files_with_two_owners_are_a_warning_and_an_error_with_check() -> None:
    install_both()
    text = "cv_gui 1.0 and cv_headless 1.0: each owns 'cv2/__init__.py' and 1 more; keep one of them"
    assert f"warning: {text}" in installed().stderr
    result = installed("--check", ok=False)
    assert f"error: {text}" in result.stderr
    assert result.exit_code == 1
    (shared,) = keys()["shared_files"]
    assert [one["name"] for one in shared["distributions"]] == ["cv_gui", "cv_headless"]
    assert shared["files"] == ["cv2/__init__.py", "cv2/data.py"]
    assert not shared["same_content"]


@pytest.mark.parametrize("kept", [0, 1])
def test_the_printed_commands_leave_one_owner(kept: int) -> None:
    install_both()
    remove, *install = re.findall("`([^`]*)`", keys("--check")["errors"][0]["remedy"])
    run(*shlex.split(remove))
    run(*shlex.split(install[kept]))
    assert {path.name for path in site().glob("cv_*")} == {f"cv_{('gui', 'headless')[kept]}-1.0.dist-info"}
    assert installed("--check").exit_code == 0


def test_shared_files_with_the_same_content_are_a_warning() -> None:
    for name in ("one", "two"):
        install(name, {"space/__init__.py": b"", f"space/{name}.py": b""})
    result = installed("--check")
    assert "with the same content; if you uninstall one, reinstall the others" in result.stderr
    assert keys()["shared_files"][0]["same_content"]


def test_compiled_modules_and_metadata_are_not_compared() -> None:
    install("one", {"__pycache__/x.pyc": b"1"})
    install("two", {"__pycache__/x.pyc": b"2"})
    for path in site().glob("__pycache__/*"):
        path.unlink()
    document = keys("--check")
    assert (document["shared_files"], document["missing_files"], document["errors"]) == ([], [], [])


def test_missing_files_are_an_error_of_check_only() -> None:
    install("demo", {"demo/a.py": b"", "demo/b.py": b"", "demo/c.py": b""})
    (site() / "demo/b.py").unlink()
    assert "missing_files" not in keys()
    document = keys("--check")
    assert document["missing_files"][0]["files"] == ["demo/b.py"]
    (error,) = document["errors"]
    assert error["message"] == "RECORD lists 'demo/b.py', but no such file exists"
    (command,) = re.findall("`([^`]*)`", error["remedy"])
    run(*shlex.split(command))
    assert not keys("--check")["errors"]


def test_the_commands_name_an_environment_that_is_not_active() -> None:
    install_both()
    Path(".venv").rename("other")
    (error,) = keys("--check", "--interpreter", "other")["errors"]
    remove, *again = re.findall("`([^`]*)`", error["remedy"])
    assert f"uv pip uninstall --python {Path('other').absolute()}" in remove
    assert all("--python" in command for command in again)
    run(*shlex.split(remove))
    run(*shlex.split(again[0]))
    assert not keys("--check", "--interpreter", "other")["errors"]


def test_the_commands_repair_a_folder() -> None:
    install("cv_gui", GUI, "--target", "site")
    install("cv_headless", HEADLESS, "--target", "site")
    (error,) = keys("--check", "--path", "site")["errors"]
    remove, again, _ = re.findall("`([^`]*)`", error["remedy"])
    run(*shlex.split(remove))
    run(*shlex.split(again))
    assert not keys("--check", "--path", "site")["errors"]


def test_two_versions_of_a_project_in_a_folder_own_the_same_files() -> None:
    for version in ("1.0+cu126", "1.0+cu130"):
        wheel = make_wheel(Path("dist"), version=version, files={"demo/__init__.py": version.encode()})
        run("pip", "install", "-q", "--no-index", "--no-deps", "--upgrade", "--target", "site", wheel)
    (error,) = keys("--check", "--path", "site")["errors"]
    assert error["place"] == "demo 1.0+cu126 and demo 1.0+cu130"
    remove, _, again = re.findall("`([^`]*)`", error["remedy"])
    run(*shlex.split(remove))
    run(*shlex.split(again))
    assert [path.name for path in Path("site").glob("*.dist-info")] == ["demo-1.0+cu130.dist-info"]
    assert not keys("--check", "--path", "site")["errors"]


def test_a_project_from_a_folder_is_installed_from_there_again() -> None:
    install_both()
    origin = {"url": Path("project").absolute().as_uri(), "dir_info": {}}
    (site() / "cv_gui-1.0.dist-info/direct_url.json").write_text(json.dumps(origin))
    (error,) = keys("--check")["errors"]
    ways = "install cv_gui from its folder or repository again or run `uv pip install cv_headless==1.0`"
    assert error["remedy"].endswith(f", then {ways}")


def test_unreadable_files_of_dist_info_leave_remedies() -> None:
    install_both()
    (site() / "cv_gui-1.0.dist-info/INSTALLER").write_bytes(b"\xff")
    (site() / "cv_headless-1.0.dist-info/direct_url.json").write_text("[" * 100_000)
    (error,) = keys("--check")["errors"]
    assert "install cv_gui==1.0` or run" in error["remedy"]


@pytest.mark.parametrize("content", [b"\xff", b'a,"b\n', b"a,b,c,d\n"])
def test_a_record_that_cannot_be_read_is_a_warning(content: bytes) -> None:
    install("cv_gui", GUI)
    (site() / "cv_gui-1.0.dist-info/RECORD").write_bytes(content)
    assert "warning: cv_gui: RECORD: " in installed("--check").stderr


def test_problems_of_several_environments_name_theirs() -> None:
    install("cv_gui", GUI, "--target", "site")
    install("cv_headless", HEADLESS, "--target", "site")
    install("demo", {}, "--target", "other")
    (error,) = keys("--check", "--path", "site", "--path", "other")["errors"]
    assert error["place"] == "site: cv_gui 1.0 and cv_headless 1.0"


def test_a_missing_file_of_a_variant_is_installed_through_run() -> None:
    wheel = make_wheel(Path("dist"))
    run("make-variant", wheel, "--null", "-o", "dist")
    run(
        "uv",
        "pip",
        "install",
        "-q",
        "--preview-features",
        "wheel-variants",
        "dist/demo-1.0-py3-none-any-null.whl",
    )
    (site() / "demo/__init__.py").unlink()
    (error,) = keys("--check")["errors"]
    assert error["remedy"] == "run `variant-backend run uv pip install --reinstall --no-deps demo==1.0`"
