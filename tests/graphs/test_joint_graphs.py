"""Graphs with a project whose labels are other projects: lock files, mirrors and downloads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.made_wheels import make_wheel, requiring
from helpers.overlays import JOINT_PROJECTS, make_members, write_overlay
from helpers.programs import empty_cache, run, run_here

from variant_backend._internal.cli.main import main

GENERATED = "cupy-13.6.0-0_cuda12-py3-none-any.whl"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("upstream") / "wheels"
    make_members(folder)
    for name, required in {"all": "cupy", "old": "cupy-cuda12x"}.items():
        metadata = requiring(required)
        make_wheel(folder, f"needs_{name}", metadata=metadata)
    write_overlay(folder.parent / "overlay.toml", JOINT_PROJECTS)
    return folder


def sources(wheels: Path) -> tuple[object, ...]:
    return ("-f", wheels, "--overlay", wheels.parent / "overlay.toml")


@pytest.fixture(scope="module")
def locks(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a lock file, and the wheel that is beside it."""
    folder = tmp_path_factory.mktemp("locks")
    machines = ("--machine", "gpu=cuda:12.8")
    done = run_here(main, "lock", "needs-all", "needs-old", *sources(wheels), *machines, "-o", folder)
    assert done.stdout.split() == [str(folder / "pylock.gpu.toml"), str(folder / GENERATED)]
    return folder


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_a_lock_file_installs_the_generated_wheel_beside_it(locks: Path, tmp_path: Path, tool: str) -> None:
    lock = locks / "pylock.gpu.toml"
    if tool == "uv":
        options = ("--target", tmp_path, "--no-config", *empty_cache())
        run("uv", "pip", "sync", "--require-hashes", *options, lock)
    else:
        run("pip", "install", "--isolated", "--no-index", "--target", tmp_path, "-r", lock)
    names = {path.stem for path in tmp_path.glob("*.dist-info")}
    assert names == {"cupy-13.6.0", "cupy_cuda12x-13.6.0", "needs_all-1.0", "needs_old-1.0"}


def test_the_check_of_lock_files_covers_the_generated_wheel(wheels: Path, locks: Path) -> None:
    machines = ("--machine", "gpu=cuda:12.8")
    words = ("lock", "needs-all", "needs-old", *sources(wheels), *machines, "-o", locks)
    assert run_here(main, *words, "--check").stdout == ""
    (locks / GENERATED).rename(locks / "moved")
    done = run_here(main, *words, "--check", ok=False)
    (locks / "moved").rename(locks / GENERATED)
    assert (done.exit_code, done.stdout) == (1, f"{locks / GENERATED}: missing\n")


def test_a_graph_with_the_same_files_twice_is_refused(wheels: Path, tmp_path: Path) -> None:
    words = ("lock", "needs-all", "needs-old", *sources(wheels), "--machine", "new=cuda:13.0", "-o", tmp_path)
    done = run_here(main, *words, ok=False)
    assert (done.exit_code, done.stderr) == (
        1,
        "error: machine new: cupy-cuda12x (required by needs-old) and cupy-cuda13x (required by cupy) are"
        " labels of cupy, so they may have the same files; add the requirement cupy#cuda12, or require only"
        " one of them\n",
    )
    run_here(main, *words, "cupy#cuda12")
    assert (tmp_path / GENERATED).is_file()


def test_the_remedy_names_only_labels_that_the_machine_supports(wheels: Path, tmp_path: Path) -> None:
    words = ("lock", "cupy", "cupy-cuda13x", *sources(wheels), "--machine", "gpu=cuda:12.8", "-o", tmp_path)
    done = run_here(main, *words, ok=False)
    assert done.stderr.endswith("so they may have the same files; require only one of them\n")


def test_members_that_nothing_else_requires_cannot_be_fetched_together(wheels: Path, tmp_path: Path) -> None:
    words = ("fetch", "cupy-cuda12x", "cupy-cuda13x", "--with-dependencies", *sources(wheels))
    done = run_here(main, *words, "--machine", "none", "-o", tmp_path, ok=False)
    assert done.stderr == (
        "error: cupy-cuda12x and cupy-cuda13x are labels of cupy, so they may have the same files;"
        " require only one of them\n"
    )


def test_a_mirror_has_the_generated_wheels(wheels: Path, tmp_path: Path) -> None:
    machines = ("--machine", "gpu=cuda:12.8", "--machine", "new=cuda:13.0")
    run_here(main, "mirror", "needs-all", *sources(wheels), *machines, "-o", tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("cupy-*.whl")) == [
        GENERATED,
        GENERATED.replace("cuda12", "cuda13"),
    ]


@pytest.mark.parametrize(
    ("options", "names"),
    [((), {GENERATED}), (("--with-dependencies",), {GENERATED, "cupy_cuda12x-13.6.0-py3-none-any.whl"})],
)
def test_fetch_writes_the_generated_wheel(
    wheels: Path, tmp_path: Path, options: tuple[str, ...], names: set[str]
) -> None:
    run_here(main, "fetch", "cupy", *options, *sources(wheels), "--machine", "cuda:12.8", "-o", tmp_path)
    assert {path.name for path in tmp_path.glob("*.whl")} == names


def test_explain_names_the_selected_project(wheels: Path) -> None:
    words = ("explain", "cupy", *sources(wheels), "--machine", "cuda:12.8")
    assert run_here(main, *words).stdout.splitlines()[0] == "cupy 13.6.0: cupy-cuda12x 13.6.0 is selected"
    printed = json.loads(run_here(main, *words, "--json").stdout)
    assert printed["requires"] == {"name": "cupy-cuda12x", "version": "13.6.0"}
    assert printed["selected"] == GENERATED


def test_explain_reports_a_retired_wheel(wheels: Path, tmp_path: Path) -> None:
    retired = requiring("cupy==14.0")
    make_wheel(tmp_path, "cupy_cuda12x", "14.0", metadata=retired)
    options = ("--overlay", wheels.parent / "overlay.toml", "--machine", "cuda:12.8")
    done = run_here(main, "explain", "cupy", "-f", tmp_path, *options, ok=False)
    assert "cupy-cuda12x 14.0: retired: it requires cupy, so it cannot be a variant of that" in done.stdout
