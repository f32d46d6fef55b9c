"""Dispatching sdists of older versions keep working: tests/data has the files of such releases.

Their wheels are on a local mirror, because the URLs that the sdists pin do not exist.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import run
from helpers.range_server import Server
from helpers.servers import publish
from helpers.strict_reader import walk
from pyproject_hooks import BuildBackendHookCaller

RELEASES = sorted((Path(__file__).parents[1] / "data").glob("dispatching-*"))
BACKEND = "variant_backend.dispatch"
RUNTIME = {"demo_runtime-1.0.dist-info"}
# Environment variables, the label of the delivered wheel, and its requirements.
CASES: list[Any] = [
    ({}, "fast", RUNTIME),  # the best of the static properties
    ({"VARIANT_BACKEND_LABEL": "safe"}, "safe", set()),
    pytest.param({"VARIANT_BACKEND_LABEL": "demo#fast, null"}, "fast", RUNTIME, marks=pytest.mark.slow),
    pytest.param({"VARIANT_BACKEND_LABEL": "(plain)"}, None, set(), marks=pytest.mark.slow),
]
release = pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
cases = pytest.mark.parametrize(("settings", "label", "requires"), CASES)


@pytest.fixture
def mirror(server: Server, release: Path) -> Server:
    """A package index with the wheels of a release."""
    publish(release.glob("*.whl"), server.folder / "demo")
    return server


@pytest.fixture
def environment(mirror: Server, tmp_path: Path) -> dict[str, str]:
    """The variables with which a dispatching sdist uses only the mirror, and no settings of the user."""
    return {
        "VARIANT_BACKEND_INDEX_URL": mirror.url,
        "VARIANT_BACKEND_LABEL": "",
        "VARIANT_BACKEND_HARDWARE": "",
        "HTTPS_PROXY": "http://127.0.0.1:9",  # requests to the pinned URLs fail
        "https_proxy": "http://127.0.0.1:9",
        "NETRC": str(tmp_path / "no-netrc"),
    }


@pytest.fixture
def unpacked(release: Path, tmp_path: Path) -> Path:
    with tarfile.open(release / "demo-1.0.tar.gz") as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked" / "demo-1.0"


@pytest.fixture
def hooks(
    unpacked: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> BuildBackendHookCaller:
    """The hooks, called in a separate process as frontends do."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return BuildBackendHookCaller(str(unpacked), BACKEND, runner=quiet)


def quiet(cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None) -> None:
    environment: Any = dict(extra_environ or {})
    run(*cmd, cwd=Path(cwd) if cwd else None, **environment)


def name_of(label: str | None) -> str:
    return f"demo-1.0{f'-0_{label}' if label else ''}-py3-none-any.whl"


def as_published(release: Path, label: str | None) -> Path:
    return release / f"demo-1.0-py3-none-any{f'-{label}' if label else ''}.whl"


def label_in(files: Mapping[str, bytes]) -> str | None:
    document = files.get("variant.json")
    return next(iter(json.loads(document)["variants"])) if document else None


def files_in(dist_info: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in dist_info.iterdir()}


def test_the_data_has_releases_of_older_versions() -> None:
    assert [path.name for path in RELEASES][:1] == ["dispatching-0.1.0"]


@release
@cases
def test_hooks_deliver_the_published_wheel_of_the_right_variant(
    release: Path,
    hooks: BuildBackendHookCaller,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    label: str | None,
    requires: set[str],
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    dist_info = prepared / hooks.prepare_metadata_for_build_wheel(str(prepared))
    name = hooks.build_wheel(str(tmp_path), metadata_directory=str(dist_info))
    assert name == name_of(label)
    assert (tmp_path / name).read_bytes() == as_published(release, label).read_bytes()
    files = files_in(dist_info)
    assert label_in(files) == label
    assert (b"Requires-Dist: demo-runtime\n" in files["METADATA"]) == bool(requires)
    assert walk(tmp_path / name)["demo-1.0.dist-info/METADATA"] == files["METADATA"]


@pytest.mark.slow
@release
def test_a_config_setting_selects_a_label(hooks: BuildBackendHookCaller, tmp_path: Path) -> None:
    assert hooks.get_requires_for_build_wheel({"variant": "safe"}) == []
    assert hooks.build_wheel(str(tmp_path), {"variant": "safe"}) == name_of("safe")


@pytest.mark.slow
@release
def test_building_an_sdist_writes_the_same_files(
    release: Path, hooks: BuildBackendHookCaller, tmp_path: Path
) -> None:
    assert hooks.build_sdist(str(tmp_path)) == "demo-1.0.tar.gz"
    assert unpacked_files(tmp_path / "demo-1.0.tar.gz") == unpacked_files(release / "demo-1.0.tar.gz")


def unpacked_files(sdist: Path) -> list[tuple[str, int, bytes]]:
    with tarfile.open(sdist) as archive:
        return [
            (member.name, int(member.mtime), (archive.extractfile(member) or io.BytesIO()).read())
            for member in archive
        ]


@release
def test_a_wheel_that_differs_from_the_published_one_is_refused(
    hooks: BuildBackendHookCaller, mirror: Server, tmp_path: Path
) -> None:
    path = mirror.folder / "demo" / "demo-1.0-py3-none-any-fast.whl"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(AssertionError, match=r"variant-backend: error: .*expected sha256"):
        hooks.build_wheel(str(tmp_path))
    assert not list(tmp_path.glob("*.whl"))


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Path]:
    """A folder with the requirement of the fast variant."""
    make_wheel(tmp_path / "needed", "demo_runtime")
    yield tmp_path / "needed"


@pytest.mark.slow
@release
@cases
def test_pip_installs_the_right_variant_and_its_requirements(
    release: Path,
    environment: dict[str, str],
    runtime: Path,
    tmp_path: Path,
    settings: dict[str, str],
    label: str | None,
    requires: set[str],
) -> None:
    site = tmp_path / "site"
    offline = ("--no-index", "--find-links", runtime, "--no-cache-dir", "--no-build-isolation")
    sdist = release / "demo-1.0.tar.gz"
    variables: Any = {**environment, "PIP_CONFIG_FILE": os.devnull, **settings}
    run("pip", "install", *offline, "--target", site, sdist, **variables)
    installed = {path.name for path in site.glob("*.dist-info")}
    assert installed == {"demo-1.0.dist-info", *requires}
    assert label_in(files_in(site / "demo-1.0.dist-info")) == label
    assert (site / "demo.py").read_text() == "x = 1\n"
