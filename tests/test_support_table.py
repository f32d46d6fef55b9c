"""Installers, lock files and indexes treat labelled wheels as docs/explanation says."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from helpers.index_servers import pypiserver
from helpers.programs import SCRIPTS, empty_cache, run, run_here
from helpers.sample_release import DOCUMENT, LABELS, write_release
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from variant_backend._internal.cli.main import main

FLAG = ("--preview-features", "wheel-variants")
FAST = "demo-1.0-py3-none-any-fast.whl"
PLAIN = "demo-1.0-py3-none-any.whl"
INDEX_FILE = "demo-1.0-variants.json"
# Sources of the machine would add releases.
ALONE: dict[str, Any] = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "UV_FIND_LINKS": ""}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with labelled wheels, the index file and a plain wheel."""
    return write_release(tmp_path_factory.mktemp("release"), DOCUMENT)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with labelled wheels and the index file."""
    return write_release(tmp_path_factory.mktemp("labelled"), DOCUMENT, plain=False)


def uv(*arguments: object, ok: bool = True, cwd: Path | None = None) -> tuple[str, str]:
    """Run uv without other sources and settings; return its output and its messages."""
    done = run("uv", *arguments, *empty_cache(), "--no-config", ok=ok, cwd=cwd, **ALONE)
    return done.stdout, " ".join(done.stderr.split())


def uv_installs(target: Path, *arguments: object, ok: bool = True) -> str:
    return uv("pip", "install", "--no-index", "--target", target, *arguments, ok=ok)[1]


def pip_fails(*arguments: object) -> str:
    done = run("pip", "install", "--no-index", *arguments, ok=False, **ALONE)
    assert done.returncode
    return done.stderr


def label(target: Path) -> str:
    documents = [json.loads(path.read_text("utf-8")) for path in target.glob("*.dist-info/variant.json")]
    return next((name for document in documents for name in document["variants"]), "plain")


@pytest.mark.agreement
def test_uv_with_its_flag_installs_from_labelled_wheels_only(labelled: Path, tmp_path: Path) -> None:
    uv_installs(tmp_path, *FLAG, "--find-links", labelled, "demo")
    assert label(tmp_path) == "fast"


@pytest.mark.agreement
def test_uv_without_its_flag_refuses_labelled_wheels_only(labelled: Path, tmp_path: Path) -> None:
    message = uv_installs(tmp_path, "--find-links", labelled, "demo", ok=False)
    assert "only unsupported wheel variants" in message


@pytest.mark.agreement
def test_pip_finds_no_version_in_labelled_wheels_only(labelled: Path, tmp_path: Path) -> None:
    assert "from versions: none" in pip_fails("--target", tmp_path, "--find-links", labelled, "demo")


@pytest.mark.agreement
def test_the_path_of_a_labelled_wheel_is_installed_with_the_flag_only(release: Path, tmp_path: Path) -> None:
    assert "Invalid build number" in pip_fails("--target", tmp_path, release / FAST)
    message = uv_installs(tmp_path, release / FAST, ok=False)
    assert "requires `--preview-features wheel-variants`" in message
    uv_installs(tmp_path, *FLAG, release / FAST)
    assert label(tmp_path) == "fast"


@pytest.mark.agreement
def test_uv_replaces_a_variant_of_the_same_version_with_reinstall_only(release: Path, tmp_path: Path) -> None:
    uv_installs(tmp_path, *FLAG, release / "demo-1.0-py3-none-any-safe.whl")
    for option, expected in (("--upgrade", "safe"), ("--reinstall", "fast")):
        uv_installs(tmp_path, *FLAG, option, "--find-links", release, "demo")
        assert label(tmp_path) == expected


@pytest.mark.agreement
def test_uv_lock_has_the_plain_wheel_also_with_its_flag(release: Path, tmp_path: Path) -> None:
    project = '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["demo"]\n'
    (tmp_path / "pyproject.toml").write_text(project)
    uv("lock", *FLAG, "--no-index", "--find-links", release, "--python", sys.executable, cwd=tmp_path)
    assert {*re.findall(r"demo-[\w.-]+\.whl", (tmp_path / "uv.lock").read_text())} == {PLAIN}


@pytest.mark.agreement
def test_uv_pip_compile_has_the_hashes_of_all_wheels_of_an_index(release: Path, tmp_path: Path) -> None:
    run_here(main, "index", "--simple", shutil.copytree(release, tmp_path / "dist"))
    (tmp_path / "requirements.in").write_text("demo")
    source = ("--index-url", tmp_path / "dist" / "simple")
    command = ("pip", "compile", *FLAG, *source, tmp_path / "requirements.in")
    assert uv(*command, "--generate-hashes")[0].count("--hash=") == len(LABELS) + 1
    assert "does not support" in uv(*command, "--format", "pylock.toml", ok=False)[1]


@pytest.mark.agreement
def test_pip_lock_has_the_plain_wheel(release: Path, tmp_path: Path) -> None:
    run("pip", "lock", "--no-index", "-f", release, "-o", tmp_path / "pylock.toml", "demo", **ALONE)
    assert {*re.findall(r'name = "(demo-[^"]+)"', (tmp_path / "pylock.toml").read_text())} == {PLAIN}


@pytest.mark.agreement
def test_packaging_finds_labelled_filenames_invalid() -> None:
    with pytest.raises(InvalidWheelFilename, match="Invalid build number"):
        parse_wheel_filename(FAST)


def test_twine_accepts_labelled_wheels_and_refuses_index_files(release: Path) -> None:
    assert run("twine", "check", release / FAST).returncode == 0
    refused = run("twine", "check", release / INDEX_FILE, ok=False)
    assert refused.returncode
    assert "Unknown distribution format" in " ".join((refused.stdout + refused.stderr).split())


def test_pypiserver_lists_labelled_wheels_without_their_index_file(release: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(release, tmp_path / "packages")
    with pypiserver(folder, tmp_path, SCRIPTS) as url, urllib.request.urlopen(f"{url}demo/") as page:
        text = page.read().decode()
    assert FAST in text
    assert INDEX_FILE not in text
