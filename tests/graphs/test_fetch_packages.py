"""Requested packages share values and versions, whatever the order of the arguments."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.offers import label_in, make_variants
from helpers.programs import run, run_here

from variant_backend._internal.cli.main import main

MACHINE = ("--machine", "cuda:12.8,x86_64:v3")


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["fetch", *map(str, arguments)])


def fetched(*arguments: object) -> dict[str, Any]:
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def labels(*arguments: object) -> dict[str, str | None]:
    return {package["name"]: package["label"] for package in fetched(*arguments)["packages"]}


@pytest.fixture(scope="module")
def coupled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a framework, and extensions that are built for one version of it each."""
    folder = tmp_path_factory.mktemp("coupled")
    for version in ("2.9", "2.10"):
        make_variants(folder, "framework", {None: []}, version=version)
    older, newer = (["abi_dependency :: framework :: 2.9"], ["abi_dependency :: framework :: 2.10"])
    make_variants(folder, "extension", {"for29": older, "for210": newer, None: []})
    make_variants(folder, "addon", {"for29": older, None: []})
    run("variant-backend", "index", folder)
    return folder


@pytest.mark.parametrize("wanted", ["2.9", "2.10"])
def test_extensions_fit_the_requested_version_in_any_order(
    wanted: str, coupled: Path, tmp_path: Path
) -> None:
    source = ("--find-links", coupled, "-o", tmp_path / "out", "--path", tmp_path)
    addon = "for29" if wanted == "2.9" else None
    for order in permutations(["addon", "extension", f"framework=={wanted}"]):
        assert labels(*order, *source) == {
            "framework": None,
            "extension": f"for{wanted.replace('.', '')}",
            "addon": addon,
        }
    assert labels("extension", *source) == {"extension": None}
    assert labels("extension", *source, "--pin", "framework==2.9") == {"extension": "for29"}


def test_aligned_packages_do_not_depend_on_the_order(ecosystem: Path, tmp_path: Path) -> None:
    source = ("--find-links", ecosystem, "-o", tmp_path, "--path", tmp_path, *MACHINE)
    requests = ["scinum", "scialg#openblas", "scilearn", "scitorch>=2.9,<2.10"]
    answers = [
        fetched(*order, *source, "--align", "blas", "--align", "nvidia")
        for order in list(permutations(requests))[::5]
    ]
    assert answers[0]["assignment"] == {
        "blas::library": "openblas",
        "nvidia::cuda_version_lower_bound": "12.8",
    }
    for answer in answers:
        by_name = {package["name"]: package["label"] for package in answer["packages"]}
        assert by_name == {
            "scinum": "openblas",
            "scialg": "openblas",
            "scilearn": "iomp",
            "scitorch": "cuda12.8",
        }
        assert answer["assignment"] == answers[0]["assignment"]


def test_packages_of_another_platform_are_aligned_without_an_environment(
    ecosystem: Path, tmp_path: Path
) -> None:
    options = (
        "--find-links",
        ecosystem,
        "-o",
        tmp_path,
        "--platform",
        "manylinux_2_28_x86_64",
        "--python",
        "3.11",
    )
    answer = fetched("scinum", "scialg#openblas", *options, "--align", "blas::library", *MACHINE)
    assert labels_of(answer["packages"]) == {"scinum": "openblas", "scialg": "openblas"}


def test_a_lock_file_is_aligned_like_an_index(ecosystem: Path, tmp_path: Path) -> None:
    lock, out = tmp_path / "pylock.toml", tmp_path / "out"
    options = (*MACHINE, "--path", tmp_path, "--align", "blas")
    assert labels("scinum", "scialg", "--find-links", ecosystem, "--pylock", lock, *options) == {
        "scinum": "mkl",
        "scialg": "mkl",
    }
    answer = fetched("--pylock", lock, "-o", out, *options)
    assert answer["assignment"] == {"blas::library": "mkl"}
    assert {package["label"] for package in answer["packages"]} == {"mkl"}


def labels_of(packages: Sequence[dict[str, Any]]) -> dict[str, str | None]:
    return {package["name"]: package["label"] for package in packages}


def test_all_dependencies_are_downloaded_with_the_wanted_labels(ecosystem: Path, tmp_path: Path) -> None:
    requirements = tmp_path / "r.txt"
    requirements.write_text("scialg>=1#openblas\n-c c.txt\n", encoding="utf-8")
    (tmp_path / "c.txt").write_text("scinum==2.1#(plain)\n", encoding="utf-8")
    source = ("--find-links", ecosystem, *MACHINE, "--path", tmp_path, "--with-dependencies")
    labelled = tmp_path / "labelled"
    packages = fetched("-r", requirements, *source, "-o", labelled)["packages"]
    assert labels_of(packages) == {"scialg": "openblas", "scinum": None, "sciopenblas": None}
    assert {path.name for path in labelled.iterdir()} == {package["filename"] for package in packages}
    plain = tmp_path / "plain"
    answer = fetched("scialg", "scigrid#mp*", *source, "-o", plain, "--plain", "--align", "blas")
    assert labels_of(answer["packages"])["scigrid"] == "mpich"
    assert answer["assignment"] == {"blas::library": "mkl"}
    site = tmp_path / "site"
    install = ("install", "--quiet", "--no-index", "--find-links", plain, "--target", site)
    run("pip", *install, "scialg", "scigrid")
    assert label_in(site, "scialg") == label_in(site, "scinum") == "mkl"


def test_a_lock_and_a_mirror_take_labels(ecosystem: Path, tmp_path: Path) -> None:
    source = ("--find-links", ecosystem, "--machine", f"gpu={MACHINE[1]}", "-o", tmp_path / "out")
    result = run_here(main, "lock", "scialg>=1#openblas", "scinum#(plain)", *source, "--json")
    (file,) = json.loads(result.stdout)["files"]
    assert labels_of(file["packages"]) == {"scialg": "openblas", "scinum": None, "sciopenblas": None}
    refused = run_here(main, "lock", "scialg#mkl", "scialg#openblas", *source, ok=False)
    assert refused.exit_code == 2
    assert "scialg: two labels are requested: mkl and openblas" in refused.stderr


def test_an_sdist_is_downloaded_if_no_wheel_fits(ecosystem: Path, tmp_path: Path) -> None:
    options = ("--find-links", ecosystem, "-o", tmp_path, "--with-dependencies", "--path", tmp_path)
    packages = fetched("scisource", *options, *MACHINE)["packages"]
    (sdist,) = (package["filename"] for package in packages if package["name"] == "scisource")
    assert sdist == "scisource-1.0.tar.gz"
    assert (tmp_path / sdist).read_bytes() == (ecosystem / sdist).read_bytes()


@pytest.mark.parametrize(
    ("request_text", "message"),
    [
        ("scialg#cuda*", "scialg#cuda*: no label matches 'cuda*'; existing labels: (plain), mkl, openblas"),
        ("scialg#mlk", "scialg#mlk: unknown label 'mlk' (did you mean 'mkl'?)"),
        ("scitools#mkl", "scitools#mkl: unknown label 'mkl'; existing labels: (none)"),
    ],
)
def test_a_label_that_no_release_has_is_an_error(
    request_text: str, message: str, ecosystem: Path, tmp_path: Path
) -> None:
    options = ("--find-links", ecosystem, "-o", tmp_path / "out")
    result = invoke(request_text, *options, "--with-dependencies", *MACHINE, "--path", tmp_path)
    locked = run_here(main, "lock", request_text, *options, ok=False)
    for one in (result, locked):
        assert one.exit_code == 2
        assert f"error: {message}" in one.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        (("fetch", "six", "-o", "out", "--prefer", "best"), "--align NS"),
        (("fetch", "six", "-o", "out", "--resolver", "uv"), "--with-dependencies"),
        (("lock", "six", "-o", "out", "--prefer", "most"), "--align NS"),
        (("mirror", "six", "-o", "out", "--prefer", "best"), "--align NS"),
        (("run", "--prefer", "best", "pip", "install", "six"), "--align NS"),
    ],
    ids=" ".join,
)
def test_options_without_effect_are_wrong_usage(
    command: Sequence[str], missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, [*command])
    assert result.exit_code == 2
    assert f" requires {missing.split()[0]}; add {missing}\n" in result.stderr
    assert not [*tmp_path.iterdir()]


def test_the_installed_package_that_decides_is_named(ecosystem: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    scialg = next(ecosystem.glob(f"scialg-*-cp3{sys.version_info.minor}-*-openblas.whl"))
    zipfile.ZipFile(scialg).extractall(site)
    options = ("--find-links", ecosystem, "-o", tmp_path, "--path", site, "--align", "blas", *MACHINE)
    for more in ((), ("--with-dependencies",)):
        result = invoke("scinum", *options, *more)
        assert "blas :: library: openblas fits what is installed: scialg 1.14 has openblas" in result.stderr
