"""Requirements on local versions of releases with an overlay, through the offer, by pip and uv."""

from __future__ import annotations

import json
import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.overlays import LOCAL_VERSIONS, make_dependent, make_locals, overlaid_site
from helpers.programs import empty_cache, printed, run, run_here

from variant_backend._internal.cli.main import main
from variant_backend._internal.selection.releases import Sources

NEW = "2.10.0+cu128"
# What a machine with CUDA 12.8 gets for each requirement.
REQUIREMENTS = {
    "torch": NEW,
    "torch==2.10.0": NEW,
    "torch>=2.9,<3": NEW,
    "torch~=2.10.0": NEW,
    "torch!=2.9.1": NEW,
    "torch<=2.10.0": NEW,
    "torch>2.9.1": NEW,
    "torch==2.10.*": NEW,
    "torch==2.10.0+cu128": NEW,
    "torch<2.10": "2.9.1+cu126",
    "torch[opt]==2.10.0": NEW,
    "needsany": NEW,
    "torch!=2.10.0+cu128": "2.9.1+cu126",
    "torch==2.10.0+cu126": None,
    "torch===2.10.0": None,
    "needsexact": None,
}
# What --allow-local changes.
ALLOWED = {
    **REQUIREMENTS,
    "torch==2.10.0+cu126": "2.10.0+cu126",
    "torch===2.10.0+xpu": "2.10.0+xpu",
    "needsexact": "2.10.0+cu126",
}
# pip starts slowly, so it gets only those with different causes.
OF_PIP = ("torch===2.10.0", "needsexact")
# uv takes a yanked wheel only if the user's own requirements name it.
NOT_BY_UV = {"needsexact": None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("overlaid")
    (made / "overlay.toml").write_text(LOCAL_VERSIONS)
    wheels = made / "wheels"
    make_locals(wheels, "torch", "2.10.0", ["cu126", "cu128", "cu130", "cpu", "xpu"])
    make_locals(wheels, "torch", "2.9.1", ["cu126", "cpu"])
    make_dependent(wheels, "needsexact", "torch==2.10.0+cu126")
    make_dependent(wheels, "needsany", "torch>=2.9,<3")
    here, other = sysconfig.get_platform(), "macosx_11_0_arm64" if sys.platform == "win32" else "win_amd64"
    for local, platform in (("cu128", re.sub(r"\W", "_", here)), ("", other)):
        make_locals(wheels, "torchvision", "0.25.0", [local], tags=[f"py3-none-{platform}"])
    return made


@pytest.fixture(scope="module", params=[False, True], ids=["strict", "allow-local"])
def offered(folder: Path, request: pytest.FixtureRequest) -> Iterator[tuple[str, dict[str, str | None]]]:
    overlay = folder / "overlay.toml"
    sources = Sources.of([str(folder / "wheels")], [], [overlay], allows_local=request.param)
    with overlaid_site(sources, {"gpu": "cuda:12.8"}) as url:
        yield f"{url}gpu/simple/", ALLOWED if request.param else REQUIREMENTS


def of_uv(url: str, requirement: str, folder: Path) -> str | None:
    (folder / "requirements.in").write_text(requirement)
    done = run(
        *(
            "uv",
            "pip",
            "compile",
            "--no-config",
            *empty_cache(),
            "--index-url",
            url,
            "--python",
            sys.executable,
        ),
        folder / "requirements.in",
        ok=False,
    )
    match = re.search(r"^torch==(\S+)", done.stdout, re.MULTILINE)
    return match[1] if match else None


def of_pip(url: str, requirement: str, folder: Path) -> str | None:
    report = folder / "report.json"
    options = ("--isolated", "--no-cache-dir", "--dry-run", "--ignore-installed", "--report", report)
    done = run("pip", "install", *options, "--index-url", url, requirement, ok=False)
    if done.returncode:
        return None
    named = (one["metadata"] for one in json.loads(report.read_text())["install"])
    return next(str(one["version"]) for one in named if one["name"] == "torch")


@pytest.mark.agreement
def test_uv_resolves_requirements_on_local_versions(
    offered: tuple[str, dict[str, str | None]], tmp_path: Path
) -> None:
    url, expected = offered
    got = {text: of_uv(url, text, tmp_path) for text in expected}
    assert got == {**expected, **NOT_BY_UV}


@pytest.mark.slow
@pytest.mark.agreement
def test_pip_resolves_requirements_on_local_versions(
    offered: tuple[str, dict[str, str | None]], tmp_path: Path
) -> None:
    url, expected = offered
    got = {text: of_pip(url, text, tmp_path) for text in OF_PIP}
    assert got == {text: expected[text] for text in OF_PIP}


def explained(folder: Path, requirement: str, *options: str) -> tuple[str | None, list[str]]:
    """Return the selected file, and the errors."""
    sources = ("--find-links", folder / "wheels", "--overlay", folder / "overlay.toml")
    done = run_here(
        main, "explain", requirement, *sources, "--machine", "cuda:12.8", *options, "--json", ok=False
    )
    answer = json.loads(done.stdout)
    return answer["selected"], printed(answer["errors"])


@pytest.mark.parametrize("allowed", [False, True])
def test_explain_selects_what_installers_get(folder: Path, allowed: bool) -> None:
    options = ("--allow-local",) if allowed else ()
    expected = {
        text: f"torch-{version}-py3-none-any.whl" if version else None
        for text, version in (ALLOWED if allowed else REQUIREMENTS).items()
        if text.startswith("torch")
    }
    assert {text: explained(folder, text, *options)[0] for text in expected} == expected


NOT_HERE = "this machine gets torch 2.10.0+cu128 (NVIDIA driver for CUDA 12.8 or newer)"


@pytest.mark.parametrize(
    ("requirement", "reason"),
    [
        ("torch==2.10.0+cu126", f"{NOT_HERE}; write torch==2.10.0, or add --allow-local"),
        ("torch===2.10.0", f"'===' compares texts, and {NOT_HERE}; write torch==2.10.0"),
        ("torch==2.10.0+CU126", f"{NOT_HERE}; write torch==2.10.0, or add --allow-local"),
        (
            "torch==2.10.0+cu140",
            "unknown local version (did you mean '2.10.0+cu130'?); versions: 2.10.0+cpu,",
        ),
    ],
)
def test_a_refused_local_version_is_explained(folder: Path, requirement: str, reason: str) -> None:
    errors = explained(folder, requirement)[1]
    assert any(text.startswith(f"{requirement}: {reason}") for text in errors), errors


@pytest.mark.parametrize("resolver", ["uv", "pip"])
@pytest.mark.parametrize("requirement", ["needsexact", "torch===2.10.0"])
def test_lock_says_which_local_version_a_machine_gets(
    folder: Path, requirement: str, resolver: str, tmp_path: Path
) -> None:
    sources = ("--find-links", folder / "wheels", "--overlay", folder / "overlay.toml")
    options = ("--machine", "gpu=cuda:12.8", "--output", tmp_path, "--resolver", resolver)
    done = run_here(main, "lock", requirement, *sources, *options, ok=False)
    assert done.exit_code == 1
    assert NOT_HERE in done.stderr


@pytest.mark.parametrize(
    ("requirement", "text"),
    [
        (
            "torch==2.10.0+cu126",
            f"torch==2.10.0+cu126: {NOT_HERE}; write torch==2.10.0, or add --allow-local",
        ),
        (
            "torchvision===0.25.0",  # also has a wheel of this version, for another platform
            "torchvision===0.25.0: '===' compares texts, and this machine gets torchvision 0.25.0+cu128"
            " (NVIDIA driver for CUDA 12.8 or newer); write torchvision==0.25.0",
        ),
        ("needsexact", f"torch: {NOT_HERE}; if a package requires another local version, add --allow-local"),
    ],
)
def test_run_says_which_local_version_a_machine_gets(
    folder: Path, requirement: str, text: str, tmp_path: Path
) -> None:
    sources = ("--find-links", folder / "wheels", "--overlay", folder / "overlay.toml")
    command = ("uv", "pip", "install", "--no-config", "--no-cache", "--target", tmp_path, requirement)
    done = run("variant-backend", "run", *sources, "--machine", "cuda:12.8", *command, ok=False)
    assert done.returncode == 1
    assert f"warning: {text}\n" in done.stderr


@pytest.mark.parametrize("allowed", [False, True])
def test_a_dry_run_obeys_allow_local(folder: Path, allowed: bool) -> None:
    sources = ("--find-links", folder / "wheels", "--overlay", folder / "overlay.toml")
    options = ("--machine", "cuda:12.8", *(("--allow-local",) if allowed else ()), "--dry-run", "--json")
    done = run_here(main, "run", *sources, *options, "uv", "pip", "install", "torch==2.10.0+cu126")
    (package,) = json.loads(done.stdout)["packages"]
    assert package["version"] == ("2.10.0+cu126" if allowed else None)


def test_allow_local_without_an_overlay_is_refused(folder: Path) -> None:
    done = run_here(main, "explain", "torch", "--find-links", folder / "wheels", "--allow-local", ok=False)
    assert (done.exit_code, "add --overlay FILE" in done.stderr) == (2, True)


def test_explain_shows_what_uv_selects_without_the_overlay(folder: Path) -> None:
    sources = ("--find-links", folder / "wheels", "--overlay", folder / "overlay.toml")
    options = ("--machine", "cuda:12.8", "--installer", "uv", "--json")
    answer = json.loads(run_here(main, "explain", "torch", *sources, *options).stdout)
    assert answer["overlay"].startswith(str(folder / "overlay.toml"))
    assert answer["installer"] == {
        "name": "uv",
        "selected": "torch-2.10.0+xpu-py3-none-any.whl",
        "reasons": ["uv reads no overlay, and prefers the highest local version"],
    }
    target = ("--target", folder / "plain", "--find-links", folder / "wheels", "torch")
    run("uv", "pip", "install", "--no-config", "--no-cache", "--no-index", *target)
    assert (folder / "plain" / "torch-2.10.0+xpu.dist-info").is_dir()
