"""The overlays of examples/overlays select the right wheels on indexes with the layouts of the real ones."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers.made_indexes import (
    FAMILY,
    LINUX,
    MACOS,
    OVERLAYS,
    WINDOWS,
    made_wheels,
    overlay_for,
    served_tree,
    tag_of,
    write_tree,
)
from helpers.offers import machine
from helpers.overlay_rules import (
    COMPUTERS,
    DESCRIBED,
    Computer,
    expected_local,
    minor_of,
    published,
)
from helpers.programs import check_options, run, run_here
from packaging.version import Version

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.machine.support import Policy
from variant_backend._internal.project.overlay import entry_for
from variant_backend._internal.project.overlay_reading import read_overlay
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.serving.environments import environments_named
from variant_backend._internal.serving.offer import offer
from variant_backend._internal.serving.upstream import Upstream
from variant_backend._internal.variants.filename import WheelFilename


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of all made indexes."""
    folder = tmp_path_factory.mktemp("indexes")
    write_tree(folder, made_wheels())
    with served_tree(folder) as url:
        yield url


@pytest.fixture(scope="module")
def pytorch(tree: str, tmp_path_factory: pytest.TempPathFactory) -> Upstream:
    """All indexes of PyTorch, with the shipped overlay."""
    return upstream_with("pytorch", tree, tmp_path_factory.mktemp("pytorch"))


def upstream_with(name: str, tree: str, folder: Path) -> Upstream:
    overlay = overlay_for(name, tree, folder)
    return Upstream(Sources.of([], [f"{tree}pypi.org/simple"], [overlay]), folder / "cache", shortest_use=600)


def shown(upstream: Upstream, project: str, computer: Computer, python: str) -> set[str]:
    """Return the names of the files that a machine sees of a project, and can install."""
    environment = environments_named(f"{python}-{computer.platform}")
    files = offer(upstream.project(project), machine(computer.facts), Policy(), environment).files
    fits = environment.asking[0].fit
    names = [WheelFilename.parse(file.filename) for file in files]
    return {str(name) for name in names if fits(name.tags, None)}


@pytest.mark.parametrize("computer", COMPUTERS.values(), ids=COMPUTERS)
def test_each_machine_gets_the_builds_that_run_on_it(pytorch: Upstream, computer: Computer) -> None:
    locals_ = {release: expected_local(release, computer) for release in FAMILY if release in DESCRIBED}
    for position, project in enumerate(("torch", "torchvision", "torchaudio")):
        versions = {FAMILY[release][position]: local for release, local in locals_.items()}
        if computer.platform == MACOS:  # no build is for one machine only
            versions |= {FAMILY[release][position]: "" for release in FAMILY}
        for python in ("3.11", "3.12"):
            tag = tag_of(f"cp{python.replace('.', '')}", computer.platform)
            expected = {
                f"{project}-{version}{'+' if local else ''}{local}-{tag}.whl"
                for version, local in versions.items()
            }
            assert shown(pytorch, project, computer, python) == expected


def test_the_oracle_gives_old_gpus_older_builds() -> None:
    newest = {name: expected_local("2.11.0", computer) for name, computer in COMPUTERS.items()}
    assert newest == {
        "V100 behind a driver for CUDA 13": "cu128",
        "P100 behind a driver for CUDA 13": "cu126",
        "T4 with CUDA 12.2": "cu128",
        "A100 with CUDA 12.6": "cu128",
        "A100 with CUDA 11.8": "cpu",
        "H100 with CUDA 12.8": "cu128",
        "H100 with CUDA 13.0": "cu130",
        "RTX 5090 with CUDA 12.9": "cu128",
        "GH200 with CUDA 12.9": "cu128",
        "RTX 4090 on Windows": "cu130",
        "MI300X with ROCm 7.0": "rocm7.0",
        "MI300X with ROCm 6.4": "cpu",
        "Arc A770": "xpu",
        "Arc B580 on Windows": "xpu",
        "no GPU": "cpu",
        "Mac": "",
    }


@pytest.mark.parametrize("release", DESCRIBED)
def test_the_overlay_has_the_figures_that_pytorch_published(release: str) -> None:
    entries = read_overlay(OVERLAYS / "pytorch.toml")
    for name, version in zip(("torch", "torchvision", "torchaudio"), FAMILY[release], strict=True):
        entry = entry_for(entries, name, Version(version))
        assert entry
        assert {local: flat(properties) for local, properties in published(minor_of(release)).items()} == {
            globs["local"]: flat(entry.metadata.variants[label].to_dict())
            for label, globs in entry.matches.items()
        }


def flat(properties: Mapping[str, Any]) -> set[tuple[str, str, str]]:
    return {
        (namespace, feature, value)
        for namespace, features in properties.items()
        for feature, values in features.items()
        for value in values
    }


def test_a_server_may_answer_403_for_projects_that_only_other_indexes_have(
    tree: str, pytorch: Upstream, tmp_path: Path
) -> None:
    assert shown(pytorch, "triton-rocm", COMPUTERS["no GPU"], "3.12") == {
        "triton_rocm-3.6.0-cp312-cp312-linux_x86_64.whl"
    }
    sources = ("--index-url", f"{tree}pypi.org/simple", "--overlay", overlay_for("pytorch", tree, tmp_path))
    environment = ("--machine", "none", "--platform", LINUX, "--python", "3.12")
    explained = run_here(main, "explain", "triton-rocm", *sources, *environment)
    assert explained.stderr == ""
    with pytest.raises(VariantError, match="access denied: 403"):
        pytorch.project("pytorch-triton-xpu")


def offered_names(upstream: Upstream, project: str, spec: str, *, platform: str = LINUX) -> list[str]:
    """Return the names of the wheels that Python 3.12 sees of a project, without their tags."""
    environment = environments_named(f"3.12-{platform}")
    files = offer(upstream.project(project), machine(spec), Policy(), environment).files
    fits = environment.asking[0].fit
    names = (WheelFilename.parse(file.filename) for file in files if file.filename.endswith(".whl"))
    return sorted("-".join(filter(None, name[:3])) for name in names if fits(name.tags, None))


@pytest.mark.parametrize(
    ("spec", "platform", "build"),
    [
        ("cuda:12.3,sm:8.0", LINUX, "cu123"),
        ("cuda:13.0,sm:8.0", WINDOWS, "cu125"),
        ("cuda:11.8,sm:8.0", LINUX, "null"),
        ("none", MACOS, "metal"),
        ("none", WINDOWS, "null"),
    ],
)
def test_wheels_of_one_name_on_several_indexes_get_a_build_tag(
    tree: str, tmp_path: Path, spec: str, platform: str, build: str
) -> None:
    upstream = upstream_with("llama-cpp-python", tree, tmp_path)
    names = offered_names(upstream, "llama-cpp-python", spec, platform=platform)
    tag = "" if build == "metal" else f"-0_{build}"  # only one index has wheels for macOS
    assert names == [f"llama_cpp_python-{version}{tag}" for version in ("0.3.3", "0.3.4")]


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ("cuda:11.8,sm:8.0", ["13.5.1-0_cuda11", "13.6.0-0_cuda11"]),
        ("cuda:12.4,sm:9.0", ["13.5.1-0_cuda12", "13.6.0-0_cuda12", "14.0.0-0_cuda12"]),
        ("cuda:13.0,sm:7.0", ["13.5.1-0_cuda12", "13.6.0-0_cuda12", "14.0.0-0_cuda12"]),
        ("cuda:13.0,sm:12.1", ["13.5.1-0_cuda12", "13.6.0-0_cuda13", "14.0.0-0_cuda13"]),
        ("none", []),
    ],
)
def test_cupy_stands_for_the_project_of_the_driver(
    tree: str, tmp_path: Path, spec: str, names: list[str]
) -> None:
    upstream = upstream_with("cupy", tree, tmp_path)
    assert offered_names(upstream, "cupy", spec) == [f"cupy-{name}" for name in names]


@pytest.mark.parametrize(
    ("spec", "label"),
    [("cuda:12.8,sm:6.1", "cuda12"), ("cuda:13.0,sm:7.0", "cuda12"), ("cuda:13.0,sm:9.0", "cuda13")],
)
def test_the_plugin_of_jax_is_that_of_the_gpu(tree: str, tmp_path: Path, spec: str, label: str) -> None:
    upstream = upstream_with("jax", tree, tmp_path)
    names = offered_names(upstream, "jax-cuda-plugin", spec)
    assert names == [f"jax_cuda_plugin-{version}-0_{label}" for version in ("0.7.2", "0.8.1")]


@pytest.mark.parametrize("name", ["cupy", "jax", "llama-cpp-python", "pytorch"])
def test_the_commands_at_the_top_of_an_overlay_work(tree: str, tmp_path: Path, name: str) -> None:
    text = overlay_for(name, tree, tmp_path).read_text(encoding="utf-8")
    explain, install, serve = re.findall(r"^#     (variant-backend .*)", text, re.MULTILINE)
    arguments = [*shlex.split(explain)[1:], "--machine", "h100", "--platform", LINUX, "--python", "3.12"]
    assert " is selected\n" in run_here(main, *arguments, cwd=tmp_path).stdout
    for command in (install, serve):
        check_options(command)
    assert serve.endswith(f" --index-url {tree}pypi.org/simple")  # for all other projects


def test_without_a_source_an_overlay_must_name_the_indexes_of_each_project(tmp_path: Path) -> None:
    overlay = ("--overlay", OVERLAYS / "jax.toml")
    for arguments in (
        ("explain", "six", *overlay),
        ("fetch", "jax-cuda-plugin", "six", "-o", "out", *overlay),
        ("fetch", "jax-cuda-plugin", "--with-dependencies", "-o", "out", *overlay),
    ):
        result = run_here(main, *arguments, cwd=tmp_path, ok=False)
        assert result.exit_code == 2
        assert "missing source; add --find-links DIR or --index-url URL" in result.stderr


def test_nobody_can_publish_the_plugin_of_jax_under_its_new_name(tree: str, tmp_path: Path) -> None:
    sources = Sources.of([], [f"{tree}pypi.org/simple"], [overlay_for("jax", tree, tmp_path)])
    assert sources.own_indexes("jax-cuda-plugin") == (tmp_path.as_uri(),)


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["pip", "uv"])
@pytest.mark.parametrize(
    ("overlay", "spec", "projects", "expected"),
    [
        (
            "pytorch",
            "cuda:13.0,sm:7.0",
            ["torch", "torchvision<0.26", "torchaudio"],
            {"torch-2.10.0+cu128", "torchvision-0.25.0+cu128", "torchaudio-2.10.0+cu128"},
        ),
        (
            "pytorch",
            "rocm:7.1,gfx:gfx942",
            ["torchaudio~=2.10.0"],
            {"torch-2.10.0+rocm7.1", "torchaudio-2.10.0+rocm7.1"},
        ),
        ("cupy", "cuda:13.0,sm:7.0", ["cupy<14"], {"cupy-13.6.0", "cupy_cuda12x-13.6.0"}),
        ("llama-cpp-python", "cuda:12.4", ["llama-cpp-python==0.3.3"], {"llama_cpp_python-0.3.3"}),
    ],
    ids=["V100", "MI300X", "cupy", "llama-cpp-python"],
)
def test_pip_and_uv_install_through_a_shipped_overlay(
    tree: str, tmp_path: Path, tool: str, overlay: str, spec: str, projects: list[str], expected: set[str]
) -> None:
    """Install for Linux with Python 3.12 on any system, so requirements with markers are not compared."""
    target = {
        "pip": ("--python-version", "3.12", "--platform", LINUX, "--platform", "linux_x86_64"),
        "uv": ("--python-version", "3.12", "--python-platform", "x86_64-manylinux_2_28"),
    }[tool]
    words = ["uv", "pip", "install"] if tool == "uv" else ["pip", "install", "--no-compile"]
    sources = ("--index-url", f"{tree}pypi.org/simple", "--overlay", overlay_for(overlay, tree, tmp_path))
    home: dict[str, Any] = {
        name: str(tmp_path / "home") for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    }
    install = [*words, *target, "--only-binary", ":all:", "--target", tmp_path / "site", *projects]
    run("variant-backend", "run", *sources, "--machine", spec, "--", *install, cwd=tmp_path, **home)
    installed = {path.name.removesuffix(".dist-info") for path in (tmp_path / "site").glob("*.dist-info")}
    assert expected == {name for name in installed if name.startswith(("torch", "cupy", "llama"))}
