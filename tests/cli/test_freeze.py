"""`installed --freeze` and `fetch` restore the same variants in another environment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from helpers.made_wheels import make_wheel
from helpers.offers import label_in, make_variants
from helpers.programs import run, run_here

from variant_backend._internal.cli.main import main


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Write releases with variants, and others, and their index files."""
    folder = tmp_path / "source"
    cuda = {"cuda": ["nvidia :: cuda_version_lower_bound :: 12.8"], "null": [], None: []}
    for name in ("one", "two", "three"):
        make_variants(folder, name, cuda)
    make_wheel(folder, "other")
    run("variant-backend", "index", folder)
    return folder


def restored(requests: Sequence[str], source: Path, site: Path, wheels: Path) -> tuple[str, ...]:
    """Download wheels for a machine with a GPU, and install them with pip; return the names."""
    options = ("--find-links", source, "-o", wheels, "--plain", "--machine", "cuda:12.8", "--path", site)
    site.mkdir()
    run_here(main, "fetch", *requests, *options)
    names = ("one", "other", "three", "two")
    run("pip", "install", "--quiet", "--no-index", "--find-links", wheels, "--target", site, *names)
    return names


def test_frozen_packages_are_restored_with_their_labels(source: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    requests = ("one#cuda", "two#null", "three#(plain)", "other")
    restored(requests, source, here, tmp_path / "first")
    frozen = run("variant-backend", "installed", "--path", here, "--freeze").stdout
    assert frozen == "one==1.0#cuda\nother==1.0#(plain)\nthree==1.0#(plain)\ntwo==1.0#null\n"
    (tmp_path / "frozen.txt").write_text(frozen, encoding="utf-8")
    names = restored(("-r", str(tmp_path / "frozen.txt")), source, there, tmp_path / "second")
    assert {name: label_in(there, name) for name in names} == {
        "one": "cuda",
        "other": None,
        "three": None,
        "two": "null",
    }
    again = run("variant-backend", "installed", "--path", there, "--freeze").stdout
    assert again == frozen


def test_packages_from_folders_and_pip_are_left_out(tmp_path: Path) -> None:
    site = tmp_path / "site"
    for name, origin in (
        ("local", {"url": "file:///src", "dir_info": {"editable": True}}),
        ("remote", {"url": "https://user:secret@host/r.git", "vcs_info": {"vcs": "git", "commit_id": "1"}}),
        ("archive", {"url": "file:///archive-1.0-py3-none-any.whl", "archive_info": {}}),
        ("pip", None),
    ):
        folder = site / f"{name}-1.0.dist-info"
        folder.mkdir(parents=True)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        (folder / "METADATA").write_text(metadata, encoding="utf-8")
        if origin:
            (folder / "direct_url.json").write_text(json.dumps(origin), encoding="utf-8")
    result = run_here(main, "installed", "--path", site, "--freeze")
    assert result.stdout == "archive==1.0#(plain)\n"
    assert "local 1.0: left out, as it was installed from file:///src" in result.stderr
    assert "remote 1.0: left out" in result.stderr
    assert "secret" not in result.stderr


@pytest.mark.parametrize("option", ["--json", "--check", "--requirements", "--as-labels"])
def test_other_output_excludes_a_freeze(option: str, tmp_path: Path) -> None:
    result = run_here(main, "installed", "--path", tmp_path, "--freeze", option, ok=False)
    assert result.exit_code == 2
    assert "cannot be used" in result.stderr
