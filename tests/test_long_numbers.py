"""Numbers with more digits than Python converts, where versions of others are read: no command crashes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.range_server import Server
from helpers.sample_projects import WRAPS_SETUPTOOLS
from helpers.sample_release import DOCUMENT, PLAIN, patched, write_release, write_wheel
from packaging.tags import Tag

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.release import File
from variant_backend._internal.formats.simple_api import Page, to_html
from variant_backend._internal.machine.trusted_plugins import TrustedPackage, objection, trusting
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.provider_nvidia import forced_driver
from variant_backend._internal.variants.providers import PluginProvider
from variant_backend._internal.variants.ranking import rank_wheels

LONG = "1" * 5000


def run(command: str, *, code: int) -> str:
    """Run a command; return its output."""
    result = CliRunner().invoke(main, command.split())
    assert isinstance(result.exception, (SystemExit, type(None))), result.exception
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_release(tmp_path / "dist", DOCUMENT, plain=False)


@pytest.mark.parametrize("field", [f"Requires-Python: >={LONG}\n", f"Requires-Dist: other=={LONG}\n"])
def test_a_wheel_of_others_crashes_no_selection(dist: Path, field: str) -> None:
    write_wheel(dist / PLAIN, metadata=field)
    run("index --simple dist", code=0)
    for source in ("--find-links dist", f"--index-url {(dist / 'simple').as_uri()}"):
        assert "fast" in run(f"explain demo {source}", code=0)
    run("explain demo --find-links dist --installer uv", code=0)
    run("check dist", code=0)
    run("stub dist --base-url https://wheels.example.org -o out", code=0)


def test_build_numbers_of_others_crash_no_ranking() -> None:
    wheels = [WheelFilename("demo", "1.0", build, "py3-none-any", None) for build in (LONG, "2", f"0{LONG}a")]
    ranks = [verdict.filename.build for verdict in rank_wheels(wheels, None, {}, [Tag("py3", "none", "any")])]
    assert ranks == [f"0{LONG}a", LONG, "2"]


def test_a_provider_of_others_crashes_no_command(dist: Path) -> None:
    provider = {"requires": [f"nvidia-variant-provider>={LONG}"], "plugin-api": "any:Plugin"}
    changes = {
        "default-priorities": {"namespace": ["nvidia"]},
        "providers": {"speed": None, "nvidia": provider},
        "variants": {"null": None, "safe": None, "fast": {"speed": None, "nvidia": {"sm_arch": ["90_real"]}}},
    }
    write_release(dist, patched(DOCUMENT, changes), labels=["fast"])
    run("explain demo --find-links dist --installer uv", code=0)
    assert "allows 0.0.1" in run("check dist/demo-1.0-py3-none-any-fast.whl", code=0)


@pytest.mark.parametrize("requirement", [f"other; implementation_version == '{LONG}'", f"other>={LONG}"])
def test_a_trusted_provider_of_others_is_not_run(requirement: str) -> None:
    trusted = trusting([TrustedPackage.parse("other==1.0")])
    text = objection(PluginProvider((requirement,), plugin_api="any:Plugin"), trusted)
    assert text is not None and text.startswith("its plugin is not run: ")


def test_a_trusted_version_with_a_long_number_is_an_error() -> None:
    with pytest.raises(VariantError, match="invalid version"):
        TrustedPackage.parse(f"other=={LONG}")


def test_a_project_file_with_a_long_number_is_wrapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = f'[project]\nname = "demo"\nversion = "1"\nrequires-python = ">={LONG}"\n'
    Path("pyproject.toml").write_text(text)
    run("init", code=0)


def test_a_requirement_of_a_build_with_a_long_number_crashes_no_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project = WRAPS_SETUPTOOLS.replace('"variant-backend-core"]', f'"variant-backend-core>={LONG}"]')
    Path("pyproject.toml").write_text(project)
    assert "build-requires" in run("check pyproject.toml", code=1)


def test_files_with_long_numbers_on_a_page_crash_no_check(server: Server) -> None:
    names = [f"demo-{LONG}.tar.gz", f"demo-{LONG}-py3-none-any.whl", f"demo-{LONG}-variants.json"]
    page = server.folder / "simple" / "demo" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_bytes(to_html(Page("demo", tuple(File(name, name, {}) for name in names))))
    assert "dead-link" in run(f"check {server.url}simple/demo/", code=1)
    assert "no wheels" in run(f"explain demo --index-url {server.url}simple/ --installer uv", code=1)


def test_a_forced_cuda_version_with_a_long_number_is_invalid() -> None:
    assert forced_driver(LONG) is None
