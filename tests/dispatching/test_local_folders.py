"""Dispatching sdists whose wheels are in a local folder, and users who have them in another one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers.made_sdists import unpack_sdist
from helpers.range_server import Server
from helpers.sample_release import DOCUMENT, write_release
from helpers.servers import publish

from variant_backend import dispatch
from variant_backend._internal.cli.main import main
from variant_backend._internal.project.user_variables import INDEX_URL, LABEL

FAST = "demo-1.0-py3-none-any-fast.whl"
DELIVERED = "demo-1.0-0_fast-py3-none-any.whl"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release in a folder whose name needs quoting."""
    monkeypatch.delenv(INDEX_URL, raising=False)
    monkeypatch.setenv(LABEL, "fast")
    monkeypatch.chdir(tmp_path)
    return write_release(tmp_path / "net work", DOCUMENT, plain=False)


def stub(wheels: Path, base_url: object) -> Result:
    words = ["stub", str(wheels), "--base-url", str(base_url), "-o", "out"]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def enter_sdist(wheels: Path, base_url: object, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an sdist, and enter its folder as build frontends do; return the folder for built wheels."""
    result = stub(wheels, base_url)
    assert result.exit_code == 0, result.stderr
    folder, built = unpack_sdist("out/demo-1.0.tar.gz"), Path("built").absolute()
    monkeypatch.chdir(folder)
    return built


@pytest.mark.parametrize("start", ["", "file://", "file:"])
def test_wheels_of_a_local_folder_are_delivered(
    wheels: Path, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    base_url = f"{start}{wheels.as_uri().removeprefix('file://')}" if start else wheels
    built = enter_sdist(wheels, base_url, monkeypatch)
    dispatch.prepare_metadata_for_build_wheel(str(built))
    prepared = built / "demo-1.0.dist-info"
    assert dispatch.build_wheel(str(built), None, str(prepared)) == DELIVERED
    assert (built / DELIVERED).read_bytes() == (wheels / FAST).read_bytes()


def test_the_sdist_says_that_its_wheels_are_local(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = stub(wheels, wheels)
    assert f"only machines that have {wheels.as_uri()} can install this sdist" in result.stderr
    enter_sdist(wheels, wheels, monkeypatch)
    assert f"can install this sdist: {wheels.as_uri()}\n" in Path("pyproject.toml").read_text()


def test_a_changed_local_wheel_is_refused(
    wheels: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built = enter_sdist(wheels, wheels, monkeypatch)
    content = (wheels / FAST).read_bytes()
    (wheels / FAST).write_bytes(content[:-1] + b"x")
    with pytest.raises(SystemExit):
        dispatch.build_wheel(str(built))
    assert "expected sha256" in capsys.readouterr().err
    assert [*built.iterdir()] == []


def test_a_missing_folder_is_an_error_whose_remedy_works(
    wheels: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built = enter_sdist(wheels, wheels, monkeypatch)
    other = wheels.rename(wheels.with_name("moved"))
    with pytest.raises(SystemExit):
        dispatch.build_wheel(str(built))
    assert f"{wheels / FAST}: file not found; this sdist takes its wheels" in capsys.readouterr().err
    monkeypatch.setenv(INDEX_URL, str(other))
    assert dispatch.build_wheel(str(built)) == DELIVERED


@pytest.mark.parametrize("kind", ["folder", "URL", "index"])
def test_users_without_network_name_a_folder(
    wheels: Path, server: Server, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    built = enter_sdist(wheels, server.url, monkeypatch)
    if kind == "index":
        publish([*wheels.iterdir()], wheels / "demo")
        for path in wheels.glob("*.whl"):
            path.unlink()
    monkeypatch.setenv(INDEX_URL, wheels.as_uri() if kind == "URL" else str(wheels))
    assert dispatch.build_wheel(str(built)) == DELIVERED
    assert server.requests == []


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("wheels", "expected a URL or an absolute path, got 'wheels'; write an absolute path"),
        ("ftp://me:pw@example.org/x", "expected an index or a folder, got 'ftp://example.org/x'"),
        ("{empty}x", "net work/emptyx: folder not found"),
        ("{empty}", "net work/empty has no demo-1.0-py3-none-any-fast.whl; add the wheel to that folder"),
    ],
)
def test_an_unusable_source_of_the_user_is_an_error(
    wheels: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    value: str,
    problem: str,
) -> None:
    built = enter_sdist(wheels, "https://example.org", monkeypatch)
    (wheels / "empty").mkdir()
    monkeypatch.setenv(INDEX_URL, value.format(empty=wheels / "empty"))
    with pytest.raises(SystemExit):
        dispatch.build_wheel(str(built))
    output = capsys.readouterr().err
    assert f"error: {INDEX_URL}: " in output
    assert problem in output


@pytest.mark.parametrize(
    "url", ["file://server/share", "file:////server/share", "file:///a?b", "relative", "file:a"]
)
def test_shares_of_servers_are_refused_as_base_url(wheels: Path, url: str) -> None:
    assert stub(wheels, url).exit_code == 2


@pytest.mark.slow
def test_pip_and_uv_install_from_a_local_folder(
    wheels: Path,
    own_wheel: Path,  # noqa: ARG001  # builds find it
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from helpers.programs import run

    enter_sdist(wheels, wheels, monkeypatch)
    sdist = wheels.parent / "out/demo-1.0.tar.gz"
    for number, words in enumerate([("pip", "install", "--no-cache-dir"), ("uv", "pip", "install")]):
        target = wheels.parent / f"site{number}"
        run(*words, "--target", target, sdist)
        assert (target / "demo-1.0.dist-info/variant.json").exists()
        shutil.rmtree(target)
