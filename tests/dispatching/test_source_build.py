"""The source distribution as last resort of a dispatching sdist: built only if the user allows it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.made_sdists import unpack_sdist
from helpers.made_wheels import METADATA
from helpers.programs import run
from helpers.range_server import Server
from helpers.sample_release import DOCUMENT, encoded, only, write_wheel
from packaging.metadata import Metadata

from variant_backend import dispatch
from variant_backend._internal.cli.main import main
from variant_backend._internal.lowlevel.tarball import pack, read_member
from variant_backend._internal.project.user_variables import BUILD_SOURCE, LABEL

PKG_INFO = METADATA.format(name="demo", version="1.0")
BUILT = "demo-1.0-py3-none-any.whl"
# A backend in the source's own tree; it says where it ran, and with which settings.
BACKEND = """
import zipfile, os
def build_wheel(folder, settings=None, metadata=None):
    name = "{name}"
    info = name.rpartition("-py3")[0] + ".dist-info"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        archive.writestr("demo.py", f"settings = {{settings!r}}")
        archive.writestr(info + "/METADATA", {metadata!r})
        archive.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(info + "/RECORD", "")
    assert os.path.exists("pyproject.toml")
    return name
"""
IN_TREE = """[build-system]
requires = ["{requires}"]
build-backend = "tree_backend_{number}"
backend-path = ["."]
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in (BUILD_SOURCE, LABEL):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    finders, modules = [*sys.meta_path], {*sys.modules}
    yield tmp_path
    sys.meta_path[:] = finders
    for name in {*sys.modules} - modules:
        if name.startswith("tree_backend"):
            del sys.modules[name]


def write_source(
    server: Server,
    name: str = BUILT,
    extra: str = "",
    number: int = 0,
    requires: str = "some-tool>=1",
    pkg_info: str = PKG_INFO,
) -> Path:
    """Write the source distribution into the folder of the server."""
    files = {
        "PKG-INFO": pkg_info.encode(),
        "pyproject.toml": IN_TREE.format(number=number, requires=requires).encode(),
        f"tree_backend_{number}.py": (BACKEND.format(name=name, metadata=PKG_INFO) + extra).encode(),
    }
    path = server.folder / "demo-1.0.tar.gz"
    path.write_bytes(pack("demo-1.0", files, time=0))
    return path


def stub(server: Server, source: object, *options: object) -> Result:
    """Make the sdist of a release for another Python, so that no wheel fits here."""
    wheels = server.folder / "wheels"
    wheels.mkdir(exist_ok=True)
    variants = {"fast": DOCUMENT["variants"]["fast"]}
    write_wheel(wheels / "demo-1.0-cp27-cp27mu-any-fast.whl", only(DOCUMENT, "fast"))
    document = {**DOCUMENT, "variants": variants}
    (wheels / "demo-1.0-variants.json").write_bytes(encoded(document))
    words = ["stub", wheels, "--base-url", server.url.rstrip("/"), "--source", source, "-o", "out", *options]
    return CliRunner().invoke(main, [*map(str, words)], catch_exceptions=False)


def enter_sdist(server: Server, source: object, monkeypatch: pytest.MonkeyPatch) -> Path:
    result = stub(server, source)
    assert result.exit_code == 0, result.stderr
    folder, built = unpack_sdist("out/demo-1.0.tar.gz"), Path("built").absolute()
    built.mkdir()
    monkeypatch.chdir(folder)
    return built


def test_without_permission_nothing_of_the_source_is_downloaded(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built = enter_sdist(server, write_source(server), monkeypatch)
    assert dispatch.get_requires_for_build_wheel() == []
    with pytest.raises(SystemExit):
        dispatch.build_wheel(str(built))
    output = capsys.readouterr().err
    assert f"to build its source, which runs the code in it, set {BUILD_SOURCE}=demo" in output
    assert server.requests == []


@pytest.mark.parametrize("allowed", ["1", "other, Demo"])
def test_with_permission_the_source_is_built(
    server: Server, monkeypatch: pytest.MonkeyPatch, allowed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    built = enter_sdist(server, write_source(server), monkeypatch)
    monkeypatch.setenv(BUILD_SOURCE, allowed)
    assert dispatch.get_requires_for_build_wheel() == ["some-tool>=1"]
    assert dispatch.prepare_metadata_for_build_wheel(str(built)) == "demo-1.0.dist-info"
    assert (built / "demo-1.0.dist-info/METADATA").read_text() == PKG_INFO
    assert dispatch.build_wheel(str(built), {"mode": "x"}, str(built / "demo-1.0.dist-info")) == BUILT
    assert b"settings = {'mode': 'x'}" in (built / BUILT).read_bytes()
    assert f"building the source demo-1.0.tar.gz, as {BUILD_SOURCE} allows" in capsys.readouterr().err


def test_permission_for_another_project_or_a_requested_label_build_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = enter_sdist(server, write_source(server), monkeypatch)
    for variables in ({BUILD_SOURCE: "other"}, {BUILD_SOURCE: "1", LABEL: "fast"}):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert dispatch.get_requires_for_build_wheel() == []  # the next hook prints the reasons
        with pytest.raises(SystemExit):
            dispatch.build_wheel(str(built))
    assert server.requests == []


def test_a_wheel_that_fits_is_preferred_to_the_source(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = server.folder / "wheels"
    wheels.mkdir()
    write_wheel(server.folder / BUILT)
    write_wheel(wheels / BUILT)
    built = enter_sdist(server, write_source(server), monkeypatch)
    monkeypatch.setenv(BUILD_SOURCE, "1")
    assert dispatch.get_requires_for_build_wheel() == []
    assert dispatch.build_wheel(str(built)) == BUILT
    assert (built / BUILT).read_bytes() == (wheels / BUILT).read_bytes()


def test_a_replaced_source_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built = enter_sdist(server, write_source(server), monkeypatch)
    content = (server.folder / "demo-1.0.tar.gz").read_bytes()
    (server.folder / "demo-1.0.tar.gz").write_bytes(content[:-1] + b"x")
    monkeypatch.setenv(BUILD_SOURCE, "1")
    with pytest.raises(SystemExit):
        dispatch.get_requires_for_build_wheel()
    assert "expected sha256" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        dispatch.build_wheel(str(built))
    assert "expected sha256" in capsys.readouterr().err


EXTRA = "def get_requires_for_build_wheel(settings=None):\n    return ['no-such-tool', 'pytest']\n"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"name": "demo-2.0-py3-none-any.whl"}, "'demo-2.0-py3-none-any.whl': a wheel of another release"),
        (
            {"extra": EXTRA},
            "its backend also requires no-such-tool; build it without this sdist: pip install",
        ),
        (
            {"extra": EXTRA.replace("no-such", "no such")},
            "demo-1.0.tar.gz: invalid requirement 'no such-tool'",
        ),
        ({"extra": "raise OSError('broken')"}, "importing 'tree_backend_0' failed: OSError: broken"),
        ({"extra": "import no_such"}, "missing build requirement some-tool>=1; install it, or build with"),
        (
            {"requires": "-f x"},
            "demo-1.0.tar.gz: pyproject.toml: build-system.requires: invalid requirement '-f x'",
        ),
    ],
)
def test_a_source_whose_backend_fails_is_an_error(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: dict[str, Any],
    problem: str,
) -> None:
    built = enter_sdist(server, write_source(server, **options), monkeypatch)
    monkeypatch.setenv(BUILD_SOURCE, "1")
    with pytest.raises(SystemExit):
        dispatch.build_wheel(str(built))
    assert problem in capsys.readouterr().err


def test_an_invalid_permission_is_an_error(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    enter_sdist(server, write_source(server), monkeypatch)
    monkeypatch.setenv(BUILD_SOURCE, "de mo")
    with pytest.raises(SystemExit):
        dispatch.get_requires_for_build_wheel()
    assert f"{BUILD_SOURCE}: " in capsys.readouterr().err


def test_the_source_at_a_url_is_pinned(server: Server) -> None:
    path = write_source(server)
    result = stub(server, f"{server.url}demo-1.0.tar.gz")
    assert result.exit_code == 0, result.stderr
    lock = read_member(io.BytesIO(Path("out/demo-1.0.tar.gz").read_bytes()), "pylock.toml").decode()
    assert f'url = "{server.url}demo-1.0.tar.gz"\nsize = {path.stat().st_size}\n' in lock


@pytest.mark.parametrize(
    ("version", "dynamic"),
    [
        ("2.1", ["provides-extra", "requires-dist", "requires-python"]),
        ("2.2", []),
        ("2.2\nDynamic: Requires-Dist", ["requires-dist"]),
    ],
)
def test_fields_that_the_source_does_not_decide_are_dynamic(
    server: Server, version: str, dynamic: list[str]
) -> None:
    pkg_info = PKG_INFO.replace("Metadata-Version: 2.1", f"Metadata-Version: {version}")
    assert stub(server, write_source(server, pkg_info=pkg_info)).exit_code == 0
    content = read_member(io.BytesIO(Path("out/demo-1.0.tar.gz").read_bytes()), "PKG-INFO")
    assert (Metadata.from_email(content).dynamic or []) == dynamic


def _other_release(server: Server) -> Path:
    pkg_info = METADATA.format(name="demo", version="1.1")
    return write_source(server, pkg_info=pkg_info).rename(server.folder / "demo-1.1.tar.gz")


def _unreadable(server: Server) -> Path:
    return write_source(server, pkg_info="Name: demo\nVersion: 1.0\n")


def _misnamed(server: Server) -> Path:
    return write_source(server, pkg_info=PKG_INFO.replace("demo", "other"))


def _damaged(server: Server) -> Path:
    path = write_source(server)
    path.write_bytes(path.read_bytes()[:-4])
    return path


def _dispatching(server: Server) -> Path:
    assert stub(server, write_source(server)).exit_code == 0
    return Path("out/demo-1.0.tar.gz")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (lambda _: "no/demo-1.0.tar.gz", "No such file"),
        (lambda _: "demo.tar.gz", "demo.tar.gz: invalid name of an sdist"),
        (_unreadable, "/demo-1.0.tar.gz: PKG-INFO: field Metadata-Version is missing"),
        (_misnamed, "/demo-1.0.tar.gz: PKG-INFO: not the name and version in the filename"),
        (_damaged, "damaged: Compressed file ended before the end-of-stream marker"),
        (_other_release, "'demo-1.1.tar.gz': an sdist of another release"),
        (_dispatching, "this is a dispatching sdist; name the project's own sdist"),
        (lambda server: f"{server.url}demo-1.0.tar.gz", "not found"),
        (lambda server: f"{server.url}demo-1.0.tar.gz?a=b", "has a query"),
        (lambda _: "http://192.0.2.1/demo-1.0.tar.gz", "expected an https URL, got 'http://192.0.2.1/demo"),
    ],
)
def test_unusable_sources_are_refused(
    server: Server, source: Callable[[Server], object], problem: str
) -> None:
    result = stub(server, source(server), "--force")
    assert result.exit_code == 1
    assert problem in result.stderr


@pytest.mark.slow
def test_pip_and_uv_build_a_source_of_setuptools(
    server: Server,
    own_wheel: Path,  # noqa: ARG001  # builds find it
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = Path("project")
    (project / "demo").mkdir(parents=True)
    (project / "demo/__init__.py").write_text("built = True\n")
    (project / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "1.0"\n')
    run("uv", "build", "--sdist", "--quiet", "--out-dir", server.folder, project)
    stub(server, server.folder / "demo-1.0.tar.gz")
    monkeypatch.setenv(BUILD_SOURCE, "demo")
    for number, words in enumerate([("pip", "install", "--no-cache-dir"), ("uv", "pip", "install")]):
        run(*words, "--target", f"site{number}", "out/demo-1.0.tar.gz")
        assert Path(f"site{number}/demo/__init__.py").read_text() == "built = True\n"
