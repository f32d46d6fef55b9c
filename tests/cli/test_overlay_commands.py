"""How commands name wheels whose labels come from an overlay, and what they write."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from helpers.overlays import LOCAL_VERSIONS, SAME_NAMES, make_locals, make_same_names, write_overlay
from helpers.programs import run, run_here
from helpers.servers import served

from variant_backend._internal.cli.main import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("overlaid")
    make_locals(folder / "w", "torch", "2.10.0", ["cu126", "cu128", "cpu"])
    make_locals(folder / "w", "torchvision", "0.25.0", ["cu126", "cpu"], requires={"cu126": ["torch"]})
    make_same_names(folder)
    write_overlay(folder / "overlay.toml", f"{LOCAL_VERSIONS}\n{SAME_NAMES}")
    return folder


def command(folder: Path, name: str, *arguments: object, ok: bool = True) -> Result:
    sources = ["--find-links", folder / "w", "--overlay", folder / "overlay.toml"]
    return run_here(main, name, *sources, *arguments, ok=ok)


def in_json(folder: Path, name: str, *arguments: object) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(command(folder, name, "--json", *arguments).stdout)
    return shown


def test_explain_names_the_overlay_and_the_wheel_of_each_label(folder: Path) -> None:
    shown = command(folder, "explain", "torch", "--machine", "cuda:12.8").stdout
    assert f"labels by overlay: {folder / 'overlay.toml'}: projects[0]" in shown
    document = in_json(folder, "explain", "torch", "--machine", "cuda:12.8")
    assert document["overlay"] == f"{folder / 'overlay.toml'}: projects[0]"
    assert {wheel["label"]: wheel["filename"] for wheel in document["wheels"]} == {
        "cu128": "torch-2.10.0+cu128-py3-none-any.whl",
        "cu126": "torch-2.10.0+cu126-py3-none-any.whl",
        "null": "torch-2.10.0+cpu-py3-none-any.whl",
    }


def test_a_lock_file_of_releases_is_wrong_usage(folder: Path) -> None:
    done = command(folder, "fetch", "torch", "--pylock", "pylock.toml", ok=False)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "overlay" in done.stderr


@pytest.mark.parametrize("options", [(), ("--plain",), ("--with-dependencies",)])
def test_fetch_writes_unchanged_wheels_under_their_own_names(
    folder: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    document = in_json(folder, "fetch", *options, "--machine", "cuda:12.8", "-o", tmp_path, "torchvision")
    (own,) = (package for package in document["packages"] if package["name"] == "torchvision")
    name = "torchvision-0.25.0+cu126-py3-none-any.whl"
    assert (own["version"], own["label"], own["filename"]) == ("0.25.0+cu126", "cu126", name)
    assert own["properties"] == {"nvidia": {"cuda_version_lower_bound": ["12.6"]}}
    assert (tmp_path / name).read_bytes() == (folder / "w" / name).read_bytes()


def test_wheels_of_one_name_do_not_replace_each_other(folder: Path, tmp_path: Path) -> None:
    done = command(folder, "fetch", "-o", tmp_path, "jaxy#cu126", "jaxy#cu130", ok=False)
    assert (done.exit_code, [*tmp_path.iterdir()]) == (1, [])
    for label, ok in (("cu126", True), ("cu130", False)):
        done = command(folder, "fetch", "-o", tmp_path, f"jaxy#{label}", ok=ok)
    assert "already exists with different content" in done.stderr
    (wheel,) = tmp_path.iterdir()
    assert wheel.read_bytes() == (folder / "cu126" / wheel.name).read_bytes()


def test_a_lock_file_has_the_index_of_each_wheel_and_pip_installs_it(folder: Path, tmp_path: Path) -> None:
    with served(folder) as url:
        overlay = re.sub(r'"(cu1\d+/simple)"', rf'"{url}\1/"', SAME_NAMES)
        write_overlay(tmp_path / "overlay.toml", f"{LOCAL_VERSIONS}\n{overlay}")
        options = ["--overlay", tmp_path / "overlay.toml", "--machine", "gpu=cuda:13.0", "-o", tmp_path]
        run_here(main, "lock", *options, "-f", folder / "w", "jaxy", "torch")
        text = (tmp_path / "pylock.gpu.toml").read_text()
        assert f'index = "{url}cu130/simple/"' in text
        assert f'name = "jaxy-1.0-0_cu130-py3-none-any.whl", url = "{url}cu130/jaxy-1.0-py3' in text
        (line,) = (line for line in text.splitlines() if "pip install" in line)
        pip = shlex.split(line.removeprefix("#"))
        target = ["--quiet", "--no-deps", "--target", str(tmp_path / "site")]
        run(*pip, *target, cwd=tmp_path)
    for name, label in (("jaxy", "cu130"), ("torch", "cu128")):
        assert f"{label!r}" in (tmp_path / "site" / name / "__init__.py").read_text()


@pytest.mark.parametrize("options", [(), ("--with-dependencies", "--machine", "cuda:12.8")])
def test_a_frozen_environment_is_fetched_again_with_its_local_versions(
    folder: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    wheel = folder / "w" / "torch-2.10.0+cu128-py3-none-any.whl"
    run("uv", "pip", "install", "--no-index", "--target", tmp_path / "site", wheel)
    (tmp_path / "site" / "torch-2.10.0+cu128.dist-info" / "direct_url.json").unlink()
    frozen = run_here(main, "installed", "--path", tmp_path / "site", "--freeze").stdout
    assert frozen == "torch==2.10.0+cu128#(plain)\n"
    (tmp_path / "frozen.txt").write_text(frozen)
    command(folder, "fetch", *options, "-r", tmp_path / "frozen.txt", "-o", tmp_path / "again")
    assert (tmp_path / "again" / wheel.name).read_bytes() == wheel.read_bytes()
    words = ("-r", tmp_path / "frozen.txt", "--machine", "gpu=cuda:12.8", "-o", tmp_path / "locks")
    command(folder, "lock", *words)
    assert wheel.name in (tmp_path / "locks" / "pylock.gpu.toml").read_text()
