"""A mirror has whole graphs of machines as static files, from which installers get variants."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from helpers.ecosystem import MACHINES, origins
from helpers.index_servers import nginx
from helpers.programs import SCRIPTS, empty_cache, run, run_here, start
from helpers.range_server import Handler
from helpers.servers import served, serving
from helpers.upstreams import ranged

from variant_backend.cli.main import main
from variant_backend.errors import VariantError
from variant_backend.formats.release import File
from variant_backend.graphs.mirror_manifest import Manifest, path_in_mirror
from variant_backend.graphs.mirror_pages import files_on_own_page, project_pages
from variant_backend.variants.filename import WheelFilename

ROOTS = ("scispeech", "scitune")
ALIGNED = ("--align", "nvidia", "--align", "blas")
TWO = {name: MACHINES[name] for name in ("gpu12", "cpu")}
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHONS = tuple(dict.fromkeys(("3.11", "3.12", HERE)))


def mirror(folder: Path, *arguments: object, ok: bool = True, roots: tuple[str, ...] = ROOTS) -> Any:
    """Mirror packages for two machines; return the JSON object of the command."""
    machines = [part for name, spec in TWO.items() for part in ("--machine", f"{name}={spec}")]
    done = run_here(main, "mirror", *roots, *machines, *arguments, "-o", folder, "--json", ok=ok)
    return json.loads(done.stdout)


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder by their relative paths."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture(scope="module")
def pythons() -> list[str]:
    return [part for python in PYTHONS for part in ("--python", python)]


@pytest.fixture(scope="module")
def site(ecosystem: Path, pythons: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a mirror for two machines, which no test changes."""
    folder = tmp_path_factory.mktemp("mirror") / "site"
    mirror(folder, "-f", ecosystem, *pythons, *ALIGNED)
    return folder


@pytest.fixture
def copy(site: Path, tmp_path: Path) -> Path:
    """Return a copy of the mirror."""
    return Path(shutil.copytree(site, tmp_path / "copy"))


def test_a_second_run_downloads_and_changes_nothing(ecosystem: Path, pythons: list[str], copy: Path) -> None:
    before = contents(copy)
    done = mirror(copy, "-f", ecosystem, *pythons, *ALIGNED)
    assert (done["downloaded"], done["unneeded"]) == (0, [])
    assert contents(copy) == before


def test_each_file_is_in_the_mirror_once_under_its_hash(site: Path) -> None:
    wheels = [*site.glob("files/*/*.whl")]
    digests = {hashlib.sha256(wheel.read_bytes()).hexdigest(): wheel for wheel in wheels}
    assert len(digests) == len(wheels)
    assert all(wheel.parent.name == digest[:16] for digest, wheel in digests.items())
    assert all(Path(f"{wheel}.metadata").is_file() for wheel in wheels)
    assert any("-0_mkl-" in wheel.name for wheel in wheels)


def test_check_finds_no_problems_in_a_mirror(site: Path) -> None:
    done = run_here(main, "check", site)
    assert "index pages: no problems" in done.stderr


def test_the_next_run_repairs_what_check_reports(ecosystem: Path, pythons: list[str], copy: Path) -> None:
    before = contents(copy)
    wheels = sorted(copy.glob("files/*/*.whl"))
    wheels[0].write_bytes(b"damaged")
    Path(f"{wheels[1]}.metadata").unlink()
    done = run_here(main, "check", copy, ok=False)
    assert {"link-size", "dead-link"} <= {
        line.split("[")[-1].split("]")[0] for line in done.stdout.splitlines()
    }
    assert done.stdout.count("run the `variant-backend mirror` command of this folder again") >= 2
    assert mirror(copy, "-f", ecosystem, *pythons, *ALIGNED)["downloaded"] == 1
    assert contents(copy) == before


def test_files_that_are_not_needed_stay_until_they_are_pruned(ecosystem: Path, copy: Path) -> None:
    (copy / "files" / "mine.txt").write_text("mine")
    options = ("-f", ecosystem, "--python", HERE)
    unneeded = mirror(copy, *options, roots=("scitools",))["unneeded"]
    assert unneeded and all((copy / path).is_file() for path in unneeded)
    assert not (copy / "cpu/simple/scitune").exists()
    assert mirror(copy, *options, "--prune", roots=("scitools",))["unneeded"] == unneeded
    left = {path.name for path in (copy / "files").rglob("*") if path.is_file()}
    assert left == {"mine.txt", "scitools-2.1-py3-none-any.whl", "scitools-2.1-py3-none-any.whl.metadata"}
    assert mirror(copy, *options, roots=("scitools",))["unneeded"] == []


def test_a_folder_with_other_files_is_refused(ecosystem: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    done = mirror(tmp_path, "-f", ecosystem, "--python", HERE, ok=False)
    (error,) = done["errors"]
    assert error["message"] == "expected a mirror or an empty folder, got other files: thesis.tex"
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_page_of_others_is_not_replaced(ecosystem: Path, copy: Path) -> None:
    (copy / "index.html").write_text("<p>mine")
    done = mirror(copy, "-f", ecosystem, "--python", HERE, ok=False, roots=("scitools",))
    assert "was not written by variant-backend" in done["errors"][0]["message"]
    assert (copy / "index.html").read_text() == "<p>mine"


def test_a_missing_upstream_leaves_the_mirror_as_it_was(ecosystem: Path, copy: Path) -> None:
    before = contents(copy)
    with served(ecosystem) as url:
        pass
    done = mirror(copy, "-i", f"{url}simple/", "--python", HERE, ok=False)
    assert url.rstrip("/") in json.dumps(done["errors"])
    assert contents(copy) == before


def test_each_file_that_the_upstream_lacks_is_named(ecosystem: Path, tmp_path: Path) -> None:
    upstream = Path(shutil.copytree(ecosystem, tmp_path / "upstream"))
    run_here(main, "index", "--simple", upstream)
    lost = [next(upstream.glob(f"{name}-*.whl")) for name in ("scitune", "sciiomp")]
    for path in lost:
        path.unlink()
    with serving(upstream, as_json=True) as (url, requested):
        options = ("-i", f"{url}simple/", "--python", HERE)
        done = mirror(tmp_path / "site", *options, ok=False)
        text = json.dumps(done["errors"])
        assert all(path.name in text for path in lost)
        assert not (tmp_path / "site/index.html").exists()
        for path in lost:
            shutil.copy(ecosystem / path.name, path)
        requested.clear()
        assert mirror(tmp_path / "site", *options)["downloaded"] == 2
        assert {path[1:] for path in requested if path.endswith(".whl")} == {path.name for path in lost}


def test_an_upstream_without_hashes_is_downloaded_once(ecosystem: Path, tmp_path: Path) -> None:
    project = tmp_path / "upstream/simple/scitools"
    project.mkdir(parents=True)
    name = "scitools-2.1-py3-none-any.whl"
    shutil.copy(ecosystem / name, project)
    (project / "index.html").write_text(f'<!DOCTYPE html><a href="{name}">{name}</a>')
    with serving(tmp_path / "upstream", as_json=False) as (url, _):
        options = ("-i", f"{url}simple/", "--python", HERE)
        runs = [mirror(tmp_path / "site", *options, roots=("scitools",)) for _ in range(2)]
    assert [done["downloaded"] for done in runs] == [1, 0]
    hashes = runs[1]["machines"][0]["targets"][0]["packages"][0]["hashes"]
    assert hashes == {"sha256": hashlib.sha256((ecosystem / name).read_bytes()).hexdigest()}


@pytest.mark.parametrize(
    "name", ["../x-1-py3-none-any.whl", "..", "a\\b.whl", "a:b.whl", "", ".hidden", "a/b", "a\n", "x" * 241]
)
def test_a_name_that_is_not_safe_as_a_path_is_refused(name: str) -> None:
    with pytest.raises(VariantError, match="invalid filename"):
        path_in_mirror(name, "0" * 64)


@pytest.mark.parametrize(
    ("key", "path"),
    [("files", "../../home/x"), ("files", "files/0123456789abcdef/../../x"), ("pages", "a/../../index.html")],
)
def test_a_manifest_cannot_name_files_outside_of_the_mirror(key: str, path: str) -> None:
    document = json.loads(Manifest().to_json())
    document[key] = {path: {"sha256": "0" * 64}} if key == "files" else [path]
    with pytest.raises(VariantError, match="invalid path"):
        Manifest.of_json(json.dumps(document).encode())


def test_pages_of_a_mirror_can_be_read_again() -> None:
    name = "demo-1.0+cu128-0_x-py3-none-any.whl"
    file = File(
        name, f"files/{'0' * 16}/{name}", {"sha256": "0" * 64}, 7, ">=3.9", {"sha256": "1" * 64}, "bad"
    )
    content = project_pages("gpu/simple/demo", "demo", [file])["gpu/simple/demo/index.json"]
    assert files_on_own_page("gpu/simple/demo", content) == [file]
    assert urljoin("file:///m/gpu/simple/demo/", json.loads(content)["files"][0]["url"]) == (
        f"file:///m/files/{'0' * 16}/demo-1.0%2Bcu128-0_x-py3-none-any.whl"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_an_interrupted_mirror_says_how_to_continue(ecosystem: Path, tmp_path: Path) -> None:
    upstream = Path(shutil.copytree(ecosystem, tmp_path / "upstream"))
    run_here(main, "index", "--simple", upstream)
    requested, ended = threading.Event(), threading.Event()

    def wait(handler: Handler, _: bytes | None) -> bool:
        if not handler.path.endswith(".whl"):
            return False
        requested.set()
        return ended.wait(60)

    with ranged(upstream) as server:
        server.misbehave = wait
        command = ("mirror", "scitools", "-i", f"{server.url}simple/", "--machine", "m=x86_64:v2")
        process = start(SCRIPTS / "variant-backend", *command, "-o", tmp_path / "site")
        try:
            assert requested.wait(60)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
            ended.set()
    assert process.returncode == 1
    assert "run the same command again to continue" in errors
    done = mirror(tmp_path / "site", "-f", ecosystem, "--python", HERE, roots=("scitools",))
    assert done["downloaded"] == 1
    assert not [*(tmp_path / "site").glob(".*")]


def installed(target: Path, ecosystem: Path) -> dict[str, str]:
    """Return the wheel from which each project in a folder was installed."""
    return {name: origin.filename for name, origin in origins(target, ecosystem).items()}


def labels_of(wheels: Mapping[str, str]) -> dict[str, str | None]:
    return {name: WheelFilename.parse(wheel).label for name, wheel in wheels.items()}


@contextmanager
def from_files(site: Path, _: Path) -> Iterator[str]:
    yield site.as_uri()


@contextmanager
def from_nginx(site: Path, scratch: Path) -> Iterator[str]:
    scratch.mkdir()
    with nginx(site, scratch, SCRIPTS, "index.html") as url:
        yield url.removesuffix("/index.html")


@pytest.mark.slow
@pytest.mark.parametrize("offer_files", [from_files, from_nginx])
def test_installers_get_the_graph_of_each_machine_from_its_index(
    site: Path,
    ecosystem: Path,
    tmp_path: Path,
    offer_files: Callable[[Path, Path], AbstractContextManager[str]],
) -> None:
    with offer_files(site, tmp_path / "server") as url:
        for name in TWO:
            index, pip, uv = f"{url}/{name}/simple/", tmp_path / f"pip-{name}", tmp_path / f"uv-{name}"
            run("pip", "install", "--isolated", "--no-cache-dir", "-i", index, "--target", pip, *ROOTS)
            options = ("--no-config", *empty_cache(), "--default-index", index, "--target", uv)
            run("uv", "pip", "install", *options, *ROOTS)
            assert installed(pip, ecosystem) == installed(uv, ecosystem)
            labels = labels_of(installed(uv, ecosystem))
            assert (labels["scialg"], labels["scinum"]) == ("mkl", "mkl")
            assert labels["scitorch"] == labels["scivision"] == {"gpu12": "cuda12.8", "cpu": "null"}[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", TWO)
def test_installers_get_the_same_graph_from_the_lock_file(
    site: Path, ecosystem: Path, tmp_path: Path, name: str
) -> None:
    lock = site / f"pylock.{name}.toml"
    run("pip", "install", "--isolated", "--no-index", "--target", tmp_path / "pip", "-r", lock)
    options = ("--no-config", "--no-index", *empty_cache(), "--target", tmp_path / "uv")
    run("uv", "pip", "sync", *options, lock)
    wheels = installed(tmp_path / "uv", ecosystem)
    assert installed(tmp_path / "pip", ecosystem) == wheels
    assert labels_of(wheels)["scitorch"] == {"gpu12": "cuda12.8", "cpu": "null"}[name]
