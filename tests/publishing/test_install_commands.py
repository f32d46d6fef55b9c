"""The commands on pages for people: they work when they are followed to the letter."""

from __future__ import annotations

import html
import io
import re
import shlex
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from helpers.made_wheels import make_wheel
from helpers.offers import CUDA, label_in, make_variants
from helpers.programs import empty_cache, run, run_here
from helpers.servers import serving

from variant_backend._internal.cli.main import main

GPU: dict[str, Any] = {
    "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": "13.0",
    "NV_VARIANT_PROVIDER_FORCE_SM_ARCH": "9.0",
}
LABELS = {"cuda13": [CUDA.format("13.0")], "cuda12": [CUDA.format("12.8")], "null": [], None: []}
SDIST = {
    "PKG-INFO": b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
    "demo.py": b'"""A module."""\n__version__ = "1.0"\n',
    "pyproject.toml": b"""
[build-system]
requires = ["flit_core>=3.11,<4"]
build-backend = "flit_core.buildapi"
[project]
name = "demo"
dynamic = ["version", "description"]
""",
}
PYPI = "https://pypi.org/simple/"


def index(folder: Path, *arguments: object) -> Path:
    """Write the index of a folder; return the page of the project ``demo``."""
    run_here(main, "index", "--simple", folder, *arguments)
    return folder / "project" / "demo" / "index.html"


def commands(page: Path) -> list[list[str]]:
    """Return the commands on a page, split like a shell does."""
    blocks = re.findall(r"<pre><code>(.*?)</code></pre>", page.read_text(encoding="utf-8"))
    return [shlex.split(html.unescape(block)) for block in blocks]


def installed(command: list[str], target: Path) -> tuple[str | None, set[str]]:
    """Run a command with an empty cache for a machine with a GPU; return the label, and all projects."""
    options = empty_cache() if command[0] == "uv" else ("--no-cache-dir",)
    run(*command, *options, "--target", target, **GPU)
    return label_in(target, "demo"), {path.name.partition("-")[0] for path in target.glob("*.dist-info")}


@pytest.mark.agreement
@pytest.mark.slow  # pip and uv
def test_commands_install_from_this_index_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a site & 'more'"
    requires = {"cuda13": ["own"], "cuda12": ["own"], "null": [], None: ["own"]}
    make_variants(folder, "demo", LABELS, requires=requires)
    make_wheel(folder, "own")
    with serving(tmp_path, as_json=False) as (url, _):
        page = index(folder, "--base-url", f"{url}{quote(folder.name)}/")
        best, plain, *wheels = commands(page)
        assert "PyPI" not in page.read_text()
        assert len(wheels) == 4
        assert installed(best, tmp_path / "best") == ("cuda13", {"demo", "own"})
        assert installed(plain, tmp_path / "plain") == (None, {"demo", "own"})
        (cuda12,) = (command for command in wheels if "cuda12" in command[-1])
        assert installed(cuda12, tmp_path / "cuda12") == ("cuda12", {"demo", "own"})
        assert installed(wheels[-1], tmp_path / "one") == (None, {"demo", "own"})


@pytest.mark.agreement
@pytest.mark.slow  # pip and uv, and PyPI
def test_commands_get_requirements_that_the_index_lacks_from_pypi(tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    make_variants(folder, "demo", LABELS, requires={label: ["six==1.17.0", "own"] for label in LABELS})
    make_wheel(folder, "own")
    with serving(folder, as_json=False) as (url, _):
        page = index(folder, "--base-url", url)
        best, plain, *wheels = commands(page)
        assert "This index lacks six: these commands also use PyPI." in page.read_text()
        everything = {"demo", "own", "six"}
        assert installed(best, tmp_path / "best") == ("cuda13", everything)
        assert installed(plain, tmp_path / "plain") == (None, everything)
        assert installed(wheels[0], tmp_path / "one") == ("cuda13", everything)


@pytest.mark.parametrize(
    ("requirement", "for_uv", "for_pip"),
    [("other; extra == 'more'", "--index-url", []), ("other", "--index", ["--extra-index-url", PYPI])],
)
def test_a_second_index_is_named_only_if_it_is_needed(
    tmp_path: Path, requirement: str, for_uv: str, for_pip: list[str]
) -> None:
    make_variants(tmp_path, "demo", LABELS, requires={None: [requirement]})
    best, plain, *_ = commands(index(tmp_path))
    assert best[5:] == [for_uv, "https://ADDRESS/simple/", "demo==1.0"]
    assert plain[2:] == ["--index-url", "https://ADDRESS/simple/", *for_pip, "demo==1.0"]


@pytest.mark.agreement
@pytest.mark.slow  # pip builds an sdist
def test_building_an_sdist_gets_its_build_requirements_from_pypi(tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    folder.mkdir()
    with tarfile.open(folder / "demo-1.0.tar.gz", "w:gz") as archive:
        for name, content in SDIST.items():
            member = tarfile.TarInfo(f"demo-1.0/{name}")
            member.size, member.mtime = len(content), 1_700_000_000
            archive.addfile(member, io.BytesIO(content))
    with serving(folder, as_json=False) as (url, _):
        page = index(folder, "--base-url", url)
        (command,) = commands(page)
        assert "Built from source, with any installer" in page.read_text()
        assert installed(command, tmp_path / "t") == (None, {"demo"})


def test_pages_name_the_variants_that_no_released_installer_selects(tmp_path: Path) -> None:
    make_variants(tmp_path, "demo", {"future": [CUDA.format("99.0")], "null": []})
    page = index(tmp_path)
    assert page.read_text().count("No released installer selects it:") == 1
    assert {command[0] for command in commands(page)} == {"uv"}
    assert len(commands(page)) == 2
    assert page.read_text().count("No released installer accepts this wheel.") == 1


def test_no_command_lets_uv_select_from_variants_that_it_never_selects(tmp_path: Path) -> None:
    make_variants(tmp_path, "demo", {"mi300": ["amd :: gfx_arch :: gfx942"]})
    page = index(tmp_path)
    assert "uv only supports its built-in providers" in page.read_text()
    assert commands(page) == []


def test_only_the_newest_final_release_is_open_with_the_best_variant_first(tmp_path: Path) -> None:
    for version in ("1.0", "2.0"):
        make_variants(tmp_path, "demo", {"old": [CUDA.format("9.2")], **LABELS}, version=version)
    make_wheel(tmp_path, "demo", "3.0rc1")
    early, newest, older = index(tmp_path).read_text().split("<section")[1:4]
    assert re.match(r'[^>]*>\s*<h2 id="v3.0rc1">demo 3.0rc1</h2>\s*<details>', early)
    assert re.match(r'[^>]*>\s*<h2 id="v2.0">demo 2.0</h2>\s*<p', newest)
    labels = re.findall(r'<th scope="row" role="rowheader">(?:<code>)?([^<]*)', newest)
    assert labels == ["cuda13", "cuda12", "old", "null", "plain wheel"]
    assert "<li>NVIDIA driver for CUDA 13.0 or newer</li>" in newest
    assert re.match(r'[^>]*>\s*<h2 id="v1.0">demo 1.0</h2>\s*<details>\s*<summary>4 variants', older)
    card = (tmp_path / "index.html").read_text()
    assert "<span>2.0</span>" in card
    assert "Labels, best first: cuda13, cuda12, old, null" in card


@pytest.mark.agreement
def test_uv_refuses_a_wheel_that_the_machine_does_not_support(tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    make_variants(folder, "demo", LABELS)
    with serving(folder, as_json=False) as (url, _):
        page = index(folder, "--base-url", url)
        (command,) = (command for command in commands(page) if "cuda13" in command[-1])
        done = run(*command, *empty_cache(), "--target", tmp_path / "t", ok=False)
    assert "uv refuses it if the machine does not support it." in page.read_text()
    assert "unsupported wheel variants" in " ".join(done.stderr.split())


def test_no_command_is_shown_for_a_release_that_uv_drops(tmp_path: Path) -> None:
    make_variants(tmp_path, "demo", {"torch28": ["abi_dependency :: torch :: 2.8"]})
    page = index(tmp_path)
    assert "No released installer reads the variants of this release: uv requires" in page.read_text()
    assert commands(page) == []
