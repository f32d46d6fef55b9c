"""Installers get what rules say by the shipped overlays; `dev.py overlays` tries many more."""

from __future__ import annotations

import platform
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.made_indexes import LINUX, made_wheels, overlay_for, served_tree, write_tree
from helpers.overlay_rules import COMPUTERS, Computer, expected_wheels
from helpers.programs import run
from overlay_installers import (
    FORMS,
    OVERLAY_INSTALLERS,
    OVERLAYS_PAGE,
    SHAPES,
    SHIPPED,
    identity_of,
    index_of,
    installed_wheels,
)

ROOTS = ("torch", "torchvision", "llama-cpp-python", "cupy")
COMPUTERS_WITH_CUDA = ("P100 behind a driver for CUDA 13", "H100 with CUDA 13.0")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    write_tree(folder, made_wheels())
    return folder


@pytest.fixture(scope="module")
def served(published: Path) -> Iterator[str]:
    with served_tree(published) as url:
        yield url


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["pip", "uv"])
@pytest.mark.parametrize("machine", COMPUTERS_WITH_CUDA)
def test_pip_and_uv_install_what_the_rules_say(
    published: Path, served: str, tmp_path: Path, tool: str, machine: str
) -> None:
    """pip evaluates markers for the system that it runs on, whatever it installs for."""
    target = {
        "pip": ("--python-version", "3.12", "--platform", LINUX, "--platform", "linux_x86_64"),
        "uv": ("--python-version", "3.12", "--python-platform", "x86_64-manylinux_2_28"),
    }[tool]
    words = ("uv", "pip", "install") if tool == "uv" else ("pip", "install", "--no-compile", "--no-cache-dir")
    overlays = [part for name in SHIPPED for part in ("--overlay", overlay_for(name, served, tmp_path))]
    options = ("--index-url", index_of(served), *overlays, "--machine", COMPUTERS[machine].facts)
    site = tmp_path / "site"
    install = (*words, *target, "--only-binary", ":all:", "--target", site, *ROOTS)
    home = str(tmp_path / "home")
    run("variant-backend", "run", *options, "--", *install, HOME=home, XDG_CACHE_HOME=home, UV_CACHE_DIR=home)
    system = "Linux" if tool == "uv" else platform.system()
    expected = expected_wheels(ROOTS, COMPUTERS[machine], "3.12", system)
    assert expected is not None
    assert installed_wheels(site, published) == {
        name: identity_of(wheel, published) for name, wheel in expected.items()
    }


def versions_of(roots: tuple[str, ...], computer: Computer) -> set[str] | None:
    wheels = expected_wheels(roots, computer, "3.12")
    if wheels is None:
        return None
    return {f"{name} {wheel.version} {wheel.build}".strip() for name, wheel in wheels.items()}


@pytest.mark.parametrize(
    ("machine", "wheel", "cupy", "plugin"),
    [
        ("T4 with CUDA 12.2", "cu122", "cupy-cuda12x 14.0.0", "jax-cuda12-plugin 0.8.1"),
        ("V100 behind a driver for CUDA 13", "cu125", "cupy-cuda12x 14.0.0", "jax-cuda12-plugin 0.8.1"),
        ("H100 with CUDA 13.0", "cu125", "cupy-cuda13x 14.0.0", "jax-cuda13-plugin 0.8.1"),
        ("A100 with CUDA 11.8", "cpu", "cupy-cuda11x 13.6.0", None),
        ("no GPU", "cpu", None, None),
    ],
)
def test_the_rules_know_which_project_is_for_which_driver(
    machine: str, wheel: str, cupy: str | None, plugin: str | None
) -> None:
    computer = COMPUTERS[machine]
    assert versions_of(("llama-cpp-python",), computer) == {f"llama-cpp-python 0.3.4 {wheel}"}
    for root, member in (("cupy", cupy), ("jax-cuda-plugin", plugin)):
        found = versions_of((root,), computer)
        assert found is None if member is None else member in (found or ())


def test_the_rules_refuse_the_build_of_another_machine() -> None:
    exact = ("torch==2.10.0+cu126",)
    assert versions_of(exact, COMPUTERS["H100 with CUDA 13.0"]) is None
    assert versions_of(exact, COMPUTERS["P100 behind a driver for CUDA 13"]) == {
        *("torch 2.10.0+cu126", "filelock 3.20", "nvidia-cublas-cu12 12.6.4.1", "triton 3.6.0")
    }


def extracted(folder: Path, wheel: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_an_installed_wheel_is_known_by_its_files(tmp_path: Path) -> None:
    """The same filename is on two indexes."""
    twins = [one for one in made_wheels() if one.build in ("cu122", "cpu") and one.version == "0.3.4"]
    wheels = [one for one in twins if one.tag == f"cp312-cp312-{LINUX}"]
    write_tree(tmp_path / "tree", wheels)
    identities = [identity_of(wheel, tmp_path / "tree") for wheel in wheels]
    assert len({one.filename for one in identities}) == 1
    assert len({one.sha256 for one in identities}) == 2
    for wheel, identity in zip(wheels, identities, strict=True):
        site = extracted(tmp_path / wheel.build, tmp_path / "tree" / wheel.beside / identity.filename)
        assert installed_wheels(site, tmp_path / "tree") == {"llama-cpp-python": identity}
    (site / "llama_cpp_python" / "__init__.py").write_text("changed = True")
    with pytest.raises(ValueError, match="no published wheel has the installed files"):
        installed_wheels(site, tmp_path / "tree")


def test_the_page_has_an_answer_of_each_installer_for_each_column() -> None:
    rows = re.findall(
        r"^\| (.*) \| `(?:run|serve)` \| (.*) \|$", OVERLAYS_PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [name for name, _ in rows] == [installer.name for installer in OVERLAY_INSTALLERS] * 2
    numbers = [[re.fullmatch(r"yes, (\d+)", cell) for cell in row.split(" | ")] for _, row in rows]
    counts = [[int(match[1]) if match else 0 for match in row] for row in numbers]
    expected = [[len(column.machines) for column in columns] for columns in (SHAPES, FORMS)]
    assert counts == [row for row in expected for _ in OVERLAY_INSTALLERS]
