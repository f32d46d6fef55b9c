"""Released installers install a dispatching sdist by requirement: online, offline, with locks and hashes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.made_wheels import make_wheel
from helpers.programs import run
from helpers.sample_release import DOCUMENT, only, write_wheel
from helpers.servers import publish, served
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from variant_backend._internal.cli.main import main
from variant_backend._internal.formats.toml_read import read_toml
from variant_backend._internal.variants.known_providers import KNOWN_PROVIDERS
from variant_backend._internal.variants.provider_nvidia import FORCE_CAPABILITY, FORCE_DRIVER

# They build in isolated environments, with installers from a package index.
pytestmark = pytest.mark.slow

RELEASE = {
    **DOCUMENT,
    "default-priorities": {"namespace": ["nvidia"]},
    "providers": {"nvidia": KNOWN_PROVIDERS["nvidia"].table.to_dict()},
    "variants": {"cuda12.8": {"nvidia": {"cuda_version_lower_bound": ["12.8"]}}, "null": {}},
}
EXTRA = "Provides-Extra: plot\nRequires-Dist: gate-plot; extra == 'plot'\nRequires-Dist: gate-{}\n"
# The current folder has no settings of pip; Poetry also resolves build requirements of other systems.
NO_CONFIG: Any = {"PIP_CONFIG_FILE": os.devnull}
ELSEWHERE = ("colorama", "importlib-metadata", "tomli")
CUDA: Any = {FORCE_DRIVER: "13.0", FORCE_CAPABILITY: "9.0"}
NONE: Any = {FORCE_DRIVER: "none", FORCE_CAPABILITY: "none"}
# The labels of the installed distributions.
ON_CUDA = {
    "gate_demo-1.0": "cuda12.8",
    "gate_demo_cuda12_8-1.0": "cuda12.8",
    "gate_cuda-1.0": None,
    "gate_plot-1.0": None,
}
ELSE = {"gate_demo-1.0": "null", "gate_demo_null-1.0": "null", "gate_none-1.0": None, "gate_plot-1.0": None}


@pytest.fixture(scope="module")
def files(own_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, the distributions, and all that they and the build require."""
    folder = tmp_path_factory.mktemp("gate")
    variants = folder / "variants"
    variants.mkdir()
    for label, runtime in (("cuda12.8", "cuda"), ("null", "none")):
        name = f"gate_demo-1.0-py3-none-any-{label}.whl"
        write_wheel(variants / name, only(RELEASE, label), EXTRA.format(runtime))
    for name in ("gate_cuda", "gate_none", "gate_plot"):
        make_wheel(folder / "files", name)
    for command in (
        ("index", variants),
        ("index", "--as-distributions", variants, "-o", folder / "files"),
        ("stub", "--by-requirement", variants, "-o", folder / "files"),
    ):
        result = CliRunner().invoke(main, [*map(str, command)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
    run("pip", "download", "--quiet", "--dest", folder / "files", own_wheel, *ELSEWHERE, **NO_CONFIG)
    return folder / "files"


@pytest.fixture(scope="module")
def index(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a package index with these files; it knows no variants."""
    folder = tmp_path_factory.mktemp("index")
    projects: dict[str, list[Path]] = {}
    for path in files.iterdir():
        parse = parse_wheel_filename if path.suffix == ".whl" else parse_sdist_filename
        projects.setdefault(parse(path.name)[0], []).append(path)
    for project, own in projects.items():
        publish(own, folder / project)
    with served(folder) as url:
        yield url


def installed(folder: Path) -> Mapping[str, str | None]:
    """Return the labels of the installed distributions of the release, and those that they require."""
    labels: dict[str, str | None] = {}
    for path in folder.rglob("gate_*.dist-info"):
        document = path / "variant.json"
        label = next(iter(json.loads(document.read_text())["variants"])) if document.exists() else None
        labels[path.name.removesuffix(".dist-info")] = label
    return labels


def pip(version: str) -> tuple[object, ...]:
    return ("uvx", "--quiet", "--python", sys.executable, f"pip{version}")


@pytest.mark.parametrize(
    "program", [pip("==23.*"), pip(">=26"), ("uv", "pip")], ids=["pip 23", "pip 26", "uv pip"]
)
def test_installers_need_no_network(program: tuple[object, ...], files: Path, tmp_path: Path) -> None:
    words = ("install", "--no-index", "--find-links", files, "--target", tmp_path / "site", "gate-demo[plot]")
    cache: Any = {"PIP_NO_CACHE_DIR": "1", "UV_NO_CONFIG": "1", **NO_CONFIG}
    run(*program, *words, **cache, **CUDA)
    assert installed(tmp_path / "site") == ON_CUDA
    assert (tmp_path / "site" / "gate_demo" / "__init__.py").is_file()
    shutil.rmtree(tmp_path / "site")
    if program[0] == "uv":  # pip builds in the same way
        run(*program, *words, "--no-cache", **cache, **NONE)
        assert installed(tmp_path / "site") == ELSE


def test_hashes_pin_the_variant(files: Path, tmp_path: Path) -> None:
    pinned = tmp_path / "requirements.txt"
    lines = [
        f"{name.replace('_', '-')}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in sorted(files.glob("gate_*"))
        for name in [path.name.partition("-1.0")[0]]
        if name in {"gate_demo", "gate_demo_cuda12_8", "gate_cuda"}
    ]
    pinned.write_text("".join(lines))
    where = ("--no-index", "--find-links", files, "--target", tmp_path / "site", "--require-hashes")
    words = ("pip", "install", "--no-cache-dir", *where, "-r", pinned)
    run(*words, **NO_CONFIG, **CUDA)
    assert installed(tmp_path / "site") == {
        name: ON_CUDA[name] for name in ON_CUDA if name != "gate_plot-1.0"
    }
    with pytest.raises(AssertionError, match=r"gate-demo-null==1\.0"):
        run(*words, **NO_CONFIG, **NONE)


@pytest.mark.agreement
def test_pip_removes_an_older_ordinary_wheel_after_the_upgrade(files: Path, tmp_path: Path) -> None:
    older = make_wheel(tmp_path, "gate_demo", "0.9")
    run("uv", "venv", "--quiet", "--python", sys.executable, tmp_path / "venv")
    program = ("pip", "--no-cache-dir", "--python", tmp_path / "venv")
    newer = ("install", "--no-index", "--find-links", files, "--upgrade", "gate-demo")
    run(*program, "install", "--no-index", older, **NO_CONFIG)
    (module,) = tmp_path.rglob("gate_demo/__init__.py")
    run(*program, *newer, **NO_CONFIG, **CUDA)
    assert not module.exists()
    run(*program, "uninstall", "--yes", "gate-demo", "gate-demo-cuda12-8", **NO_CONFIG)
    run(*program, *newer, **NO_CONFIG, **CUDA)
    assert module.exists()


def project(folder: Path, more: str) -> None:
    (folder / "pyproject.toml").write_text(f"""\
[project]
name = "app"
version = "0"
requires-python = ">={sys.version_info[0]}.{sys.version_info[1]}"
dependencies = ["gate-demo[plot]"]
{more}""")


def test_the_lock_of_uv_pins_the_variant_for_other_machines(index: str, tmp_path: Path) -> None:
    project(tmp_path, f'[[tool.uv.index]]\nname = "gate"\nurl = "{index}"\ndefault = true\n')
    where: Any = {"cwd": tmp_path, "UV_CACHE_DIR": str(tmp_path / "cache")}
    run("uv", "lock", "--quiet", "--python", sys.executable, **where, **CUDA)
    packages: Any = {package["name"]: package for package in read_toml(tmp_path / "uv.lock")["package"]}  # type: ignore[attr-defined]
    assert packages["gate-demo-cuda12-8"]["wheels"][0]["hash"].startswith("sha256:")
    run("uv", "sync", "--quiet", "--locked", "--python", sys.executable, **where, **CUDA)
    assert installed(tmp_path / ".venv") == ON_CUDA
    shutil.rmtree(tmp_path / ".venv")
    where["UV_CACHE_DIR"] = str(tmp_path / "other-cache")
    run("uv", "sync", "--quiet", "--locked", "--python", sys.executable, **where, **NONE)
    assert installed(tmp_path / ".venv") == {**ON_CUDA, "gate_demo-1.0": "null"}


def test_poetry_installs_and_locks_the_variant(index: str, tmp_path: Path) -> None:
    project(
        tmp_path,
        f'[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = "gate"\nurl = "{index}"\n',
    )
    places: Any = {"POETRY_CACHE_DIR": str(tmp_path / "cache"), "POETRY_VIRTUALENVS_IN_PROJECT": "true"}
    run("uvx", "--quiet", "--python", sys.executable, "poetry>=2", "install", cwd=tmp_path, **places, **CUDA)
    assert installed(tmp_path / ".venv") == ON_CUDA
    assert 'name = "gate-demo-cuda12-8"' in (tmp_path / "poetry.lock").read_text()
