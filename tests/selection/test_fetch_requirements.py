"""`fetch` selects versions as uv and pip do, and labels by patterns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.made_wheels import make_wheel
from helpers.programs import empty_cache, run
from helpers.range_server import Server
from helpers.sample_release import DOCUMENT, write_release

from variant_backend._internal.cli.main import main
from variant_backend._internal.lowlevel.tarball import pack

EARLY = ("1.0", "1.5", "2.0", "2.1rc1", "3.0", "3.0+local", "4.0.dev1")
# No version is final.
ONLY_EARLY = ("1.0a1", "1.0b2")
YANKED = "3.0"


def invoke(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["fetch", *map(str, arguments)], input=stdin)


def fetched(*arguments: object, stdin: str | None = None) -> list[dict[str, Any]]:
    result = invoke(*arguments, "--json", stdin=stdin)
    assert result.exit_code == 0, result.stderr
    packages: list[dict[str, Any]] = json.loads(result.stdout)["packages"]
    return packages


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write two releases with the variants `fast`, `null` and `safe`, and plain wheels."""
    for version in ("1.0", "2.0"):
        labels = ("fast", "null", "safe") if version == "1.0" else ("null", "safe")
        write_release(tmp_path / "wheels", DOCUMENT, labels=labels, version=version)
    return tmp_path / "wheels"


@pytest.fixture
def index(server: Server) -> str:
    """Serve an index with pre-releases, a yanked release and a local version."""
    for name, versions in (("demo", EARLY), ("early", ONLY_EARLY)):
        page = server.folder / name
        wheels = [make_wheel(page, name, version).name for version in versions]
        yanked = {wheel: " data-yanked=broken" if f"-{YANKED}-" in wheel else "" for wheel in wheels}
        links = (
            f'<a href="{wheel.replace("+", "%2B")}"{attribute}>{wheel}</a>'
            for wheel, attribute in yanked.items()
        )
        (page / "index.html").write_text("\n".join(links), encoding="utf-8")
    return server.url


@pytest.mark.agreement
@pytest.mark.parametrize(
    "requirement",
    [
        *(
            "demo",
            "demo>=1,<2",
            "demo>=2.1",
            "demo<=3.0",
            "demo==3.0",
            "demo===3.0",
            "demo==2.*",
            "demo!=3.*",
        ),
        *("demo~=1.0", "demo>=2.1rc1,<3", "demo==2.1rc1", "demo>3.0", "demo>=4.0.dev0", "demo==3.0+local"),
        *("early", "early<1.0b2", "early>=1.0a1"),
    ],
)
def test_uv_selects_the_same_version(requirement: str, index: str, tmp_path: Path) -> None:
    (tmp_path / "r.in").write_text(requirement, encoding="utf-8")
    options = ("--no-header", "--no-annotate", "--quiet", "--index-url", index, *empty_cache())
    by_uv = run("uv", "pip", "compile", tmp_path / "r.in", *options, ok=False)
    result = invoke(requirement, "-i", index, "-o", tmp_path / "out", "--json")
    answer = json.loads(result.stdout)
    versions = [f"{package['name']}=={package['version']}" for package in answer.get("packages", ())]
    assert versions == by_uv.stdout.split(), result.stderr


def test_a_pattern_admits_the_best_supported_label(folder: Path, tmp_path: Path) -> None:
    source = ("--find-links", folder, "-o", tmp_path / "out")
    assert [one["label"] for one in fetched("demo#s*", *source)] == ["safe"]
    (oldest,) = fetched("demo#f?st", *source)
    assert (oldest["label"], oldest["version"]) == ("fast", "1.0")
    (other,) = fetched("demo#*a*", *source, "--supported", "speed :: mode :: fast")
    assert other["label"] == "safe"  # static-properties say what is supported
    (plain,) = fetched("demo<2#(plain)", *source)
    assert (plain["label"], plain["filename"]) == (None, "demo-1.0-py3-none-any.whl")


@pytest.mark.parametrize(
    ("request_text", "message"),
    [
        ("demo#x*", "demo#x*: no label matches 'x*'; existing labels: (plain), fast, null, safe"),
        ("demo>=2#fast", "demo>=2#fast: unknown label 'fast'; existing labels: (plain), null, safe"),
        ("demo>2", "demo>2: no wheels of this version; existing versions: 2.0, 1.0"),
    ],
)
def test_a_request_that_nothing_fits_is_an_error(
    request_text: str, message: str, folder: Path, tmp_path: Path
) -> None:
    result = invoke(request_text, "--find-links", folder, "-o", tmp_path / "out")
    assert result.exit_code in (1, 2)
    assert result.stderr == f"error: {message}\n"


def test_without_a_plain_wheel_the_request_for_it_is_an_error(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "wheels", DOCUMENT, plain=False)
    result = invoke("demo#(plain)", "--find-links", folder, "-o", tmp_path / "out")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: demo#(plain): no plain wheel; existing labels: fast, null, safe\n",
    )


def test_a_project_with_only_sdists_has_a_remedy(tmp_path: Path) -> None:
    content = pack("demo-1.0", {"PKG-INFO": b"Metadata-Version: 2.2\nName: demo\nVersion: 1.0\n"}, time=0)
    (tmp_path / "demo-1.0.tar.gz").write_bytes(content)
    result = invoke("demo", "--find-links", tmp_path, "-o", tmp_path / "out")
    assert "only sdists; use `fetch --with-dependencies`, or build a wheel" in result.stderr
    (package,) = fetched("demo", "--find-links", tmp_path, "-o", tmp_path / "out", "--with-dependencies")
    assert package["filename"] == "demo-1.0.tar.gz"


def test_requirements_come_from_stdin_and_files(folder: Path, tmp_path: Path) -> None:
    source = ("--find-links", folder, "-o", tmp_path / "out")
    stdin = "demo[extra]>=1#safe  # why\n"
    (package,) = fetched("-r", "-", *source, stdin=stdin)
    assert (package["version"], package["label"]) == ("2.0", "safe")
    (tmp_path / "c.txt").write_text("demo<2\n", encoding="utf-8")
    (older,) = fetched("-r", "-", "-c", tmp_path / "c.txt", *source, stdin=stdin)
    assert (older["version"], older["label"]) == ("1.0", "safe")


def test_a_requirement_of_another_environment_is_skipped(folder: Path, tmp_path: Path) -> None:
    source = ("--find-links", folder, "-o", tmp_path / "out", "--platform", "windows", "--python", "3.12")
    result = invoke("demo; sys_platform == 'linux'", "demo#safe; os_name == 'nt'", *source, "--json")
    answer = json.loads(result.stdout)
    assert answer["skipped"] == ['demo; sys_platform == "linux"']
    assert [package["label"] for package in answer["packages"]] == ["safe"]
    assert "skipped, as it does not apply to Python 3.12 on win_amd64" in result.stderr
    nothing = invoke("demo; sys_platform == 'linux'", *source, "--pylock", tmp_path / "pylock.toml")
    assert not (tmp_path / "pylock.toml").exists()
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "no requirement is for this environment; no file is written" in nothing.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-c", "c.txt", "-o", "out"], "missing REQUIREMENT"),
        (["--with-dependencies", "-o", "out"], "missing REQUIREMENT"),
        (
            ["demo", "--with-dependencies", "-o", "out", "--pylock", "pylock.toml"],
            "--with-dependencies and --pylock cannot be used together; use `variant-backend lock`",
        ),
    ],
)
def test_options_without_effect_are_refused(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.txt").touch()
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
