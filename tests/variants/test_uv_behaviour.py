"""Real installers handle the wheels and the index of this package as described."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import empty_cache, run, run_here
from helpers.servers import publish, served

from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.make_variant import make_variant_command

PROJECT = """
[variant.default-priorities]
namespace = ["nvidia", "blas"]
[variant.providers.nvidia]
requires = ["nvidia-variant-provider>=0.0.1,<1"]
plugin-api = "nvidia_variant_provider.plugin:NvidiaVariantPlugin"
[variant.providers.blas]
static-properties.library = ["mkl", "openblas"]
[variant.variants]
cuda13 = { nvidia = { cuda_version_lower_bound = ["13.0"], sm_arch = ["90_real", "100_real"] } }
cuda12 = { nvidia = { cuda_version_lower_bound = ["12.0"], sm_arch = ["90_real", "120_real"] } }
mkl = { blas = { library = ["mkl"] } }
openblas = { blas = { library = ["openblas"] } }
accelerate = { blas = { library = ["accelerate"] } }
"""
LABELS = ("cuda13", "cuda12", "mkl", "openblas", "accelerate", "null")

GPU: dict[str, Any] = {
    "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": "13.0",
    "NV_VARIANT_PROVIDER_FORCE_SM_ARCH": "9.0",
}
OLD_DRIVER = {**GPU, "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": "12.8"}
OLDER_DRIVER = {**GPU, "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": "11.8"}
VARIANTS = ("--preview-features", "wheel-variants")

pytestmark = pytest.mark.agreement


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plain wheel and a wheel for each label."""
    folder = tmp_path_factory.mktemp("release")
    wheel = make_wheel(folder)
    (folder / "pyproject.toml").write_text(PROJECT)
    for label in LABELS:
        run_here(
            make_variant_command, "-q", "--pyproject", "pyproject.toml", "-l", label, wheel.name, cwd=folder
        )
    return folder


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """An empty folder for wheels, and the options that make installers use it."""
    if request.param == "folder":
        yield tmp_path / "dist", ["--no-index", "--find-links", str(tmp_path / "dist")]
        return
    with served(tmp_path) as url:
        yield tmp_path / "dist", ["--index-url", f"{url}dist/"]


def release_to(folder: Path, release: Path, labels: tuple[str, ...]) -> None:
    """Copy the plain wheel and some variants into a folder, with their index file and a page."""
    folder.mkdir()
    for label in (*(f"-{label}" for label in labels), ""):
        shutil.copy(release / f"demo-1.0-py3-none-any{label}.whl", folder)
    if labels:
        run_here(main, "index", folder)
    publish([*folder.iterdir()], folder / "demo")


def installed(target: Path) -> str:
    """Return the label of the installed wheel, or `plain`."""
    path = target / "demo-1.0.dist-info" / "variant.json"
    assert (target / "demo" / "__init__.py").exists()
    if not path.exists():
        return "plain"
    (label,) = json.loads(path.read_text())["variants"]
    assert path.name in (target / "demo-1.0.dist-info" / "RECORD").read_text()
    return str(label)


def uv_installs(options: list[str], target: Path, *more: str, **env: Any) -> str:
    common = [*empty_cache(), "--no-config", "--python", sys.executable, "--target", str(target)]
    run("uv", "pip", "install", *common, *options, *more, "demo", **env)
    return installed(target)


@pytest.mark.parametrize("place", ["folder", "http"], indirect=True)
@pytest.mark.parametrize(
    ("labels", "hardware", "expected"),
    [
        (LABELS, GPU, "cuda13"),
        (LABELS, OLD_DRIVER, "cuda12"),
        (LABELS, OLDER_DRIVER, "mkl"),
        (LABELS, {}, "mkl"),
        (("cuda12", "openblas", "accelerate", "null"), {}, "openblas"),
        (("cuda12", "accelerate", "null"), OLDER_DRIVER, "null"),
        (("cuda12", "accelerate"), {}, "plain"),
        ((), GPU, "plain"),
    ],
)
def test_uv_selects_the_best_variant_then_null_then_the_plain_wheel(
    release: Path,
    place: tuple[Path, list[str]],
    tmp_path: Path,
    labels: tuple[str, ...],
    hardware: dict[str, Any],
    expected: str,
) -> None:
    folder, options = place
    release_to(folder, release, labels)
    assert uv_installs(options, tmp_path / "target", *VARIANTS, **hardware) == expected


@pytest.mark.slow  # pip and uv for each
@pytest.mark.parametrize("place", ["folder", "http"], indirect=True)
def test_other_installers_select_the_plain_wheel(
    release: Path, place: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, options = place
    release_to(folder, release, LABELS)
    assert uv_installs(options, tmp_path / "uv", **GPU) == "plain"
    run("pip", "install", "--no-cache-dir", "--target", tmp_path / "pip", *options, "demo", **GPU)
    assert installed(tmp_path / "pip") == "plain"


@pytest.mark.parametrize("label", LABELS[1:])
def test_uv_installs_a_supported_variant_wheel_by_its_path(release: Path, tmp_path: Path, label: str) -> None:
    wheel = release / f"demo-1.0-py3-none-any-{label}.whl"
    options = [
        *empty_cache(),
        "--no-config",
        "--python",
        sys.executable,
        "--target",
        tmp_path / "t",
        *VARIANTS,
    ]
    result = run("uv", "pip", "install", *options, "--no-index", wheel, ok=False, **OLD_DRIVER)
    assert (result.returncode == 0) == (label != "accelerate"), result.stderr
    if not result.returncode:
        assert installed(tmp_path / "t") == label


@pytest.mark.parametrize(
    ("property_", "hardware"),
    [
        ("nvidia::cuda_version_lower_bound::12.0", GPU),
        ("tpu::present::true", {"TPU_VARIANT_PROVIDER_FORCE_PRESENT": "1"}),
        ("x86_64::level::v1", {}),
        ("aarch64::version::8a", {}),
    ],
)
def test_uv_knows_the_built_in_providers(tmp_path: Path, property_: str, hardware: dict[str, Any]) -> None:
    import platform

    machine = platform.machine().lower().replace("amd64", "x86_64").replace("arm64", "aarch64")
    namespace = property_.partition("::")[0]
    folder = tmp_path / "dist"
    wheel = make_wheel(folder)
    run_here(make_variant_command, "-p", property_, "-l", "best", wheel)
    run_here(main, "index", folder)
    options = ["--no-index", "--find-links", str(folder)]
    expected = "plain" if namespace in ("x86_64", "aarch64") and namespace != machine else "best"
    assert uv_installs(options, tmp_path / "target", *VARIANTS, **hardware) == expected
