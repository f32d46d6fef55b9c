"""A mirror has whole graphs of machines as static files, from which installers get variants."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from helpers.ecosystem import MACHINES, MadeRelease, origins
from helpers.index_servers import nginx
from helpers.made_wheels import make_wheel
from helpers.offers import make_variants
from helpers.programs import SCRIPTS, empty_cache, run, run_here, start
from helpers.range_server import Handler
from helpers.sample_release import write_wheel
from helpers.servers import served, serving
from helpers.upstreams import ranged
from packaging.version import Version

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.release import File
from variant_backend._internal.graphs.delivered_wheels import with_delivered_wheel
from variant_backend._internal.graphs.mirror import both_states
from variant_backend._internal.graphs.mirror_manifest import Manifest, path_in_mirror
from variant_backend._internal.graphs.mirror_pages import files_on_own_page, index_pages, project_pages
from variant_backend._internal.graphs.resolution import GraphPackage
from variant_backend._internal.lowlevel.file_set import Output, write_all_files
from variant_backend._internal.lowlevel.tarball import pack
from variant_backend._internal.lowlevel.workspace import workspace
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.selection.target import running_target
from variant_backend._internal.serving.offer import Offered
from variant_backend._internal.serving.page import Prepared
from variant_backend._internal.serving.upstream import Upstream
from variant_backend._internal.variants.filename import WheelFilename

ROOTS = ("scivision", "scitoken", "scisource")
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
    assert not (copy / "cpu/simple/scinum").exists()
    assert mirror(copy, *options, "--prune", roots=("scitools",))["unneeded"] == unneeded
    left = {path.name for path in (copy / "files").rglob("*") if path.is_file()}
    assert left == {"mine.txt", "scitools-2.1-py3-none-any.whl", "scitools-2.1-py3-none-any.whl.metadata"}
    assert mirror(copy, *options, roots=("scitools",))["unneeded"] == []


def test_two_builds_of_a_python_are_refused_before_downloads(ecosystem: Path, tmp_path: Path) -> None:
    options = ("-f", ecosystem, "--python", "3.12", "--python", "3.12.1")
    (error,) = mirror(tmp_path, *options, ok=False)["errors"]
    assert error["message"] == "markers of a lock file do not distinguish 3.12-cp312 and 3.12.1-cp312"
    assert not [*tmp_path.iterdir()]


def test_empty_files_that_a_killed_run_leaves_are_completed(
    ecosystem: Path, copy: Path, pythons: list[str]
) -> None:
    before = contents(copy)
    for name in ("mirror.json", "index.html", "cpu/simple/scitools/index.json", "pylock.cpu.toml"):
        (copy / name).write_bytes(b"")
    assert mirror(copy, "-f", ecosystem, *pythons, *ALIGNED)["downloaded"] == 0
    assert contents(copy) == before


def test_a_damaged_manifest_is_named_with_its_remedy(ecosystem: Path, copy: Path) -> None:
    (copy / "mirror.json").write_text("{")
    (error,) = mirror(copy, "-f", ecosystem, "--python", HERE, ok=False)["errors"]
    assert error["place"] == str(copy / "mirror.json")
    assert error["remedy"] == "empty this file, and run the command again: it finds the downloaded files"


def test_each_file_that_cannot_be_written_is_an_error(ecosystem: Path, copy: Path) -> None:
    wheel = next(copy.glob("files/*/scitools-*.whl"))
    beside = wheel.with_name(f"{wheel.name}.metadata")
    beside.unlink()
    beside.mkdir()
    done = mirror(copy, "-f", ecosystem, "--python", HERE, ok=False, roots=("scitools",))
    assert [error["place"] for error in done["errors"]] == [str(beside)]


def test_a_folder_with_other_files_is_refused(ecosystem: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    done = mirror(tmp_path, "-f", ecosystem, "--python", HERE, ok=False)
    (error,) = done["errors"]
    assert error["message"] == "expected a mirror or an empty folder, got other files: thesis.tex"
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_two_runs_cannot_update_a_mirror_at_the_same_time(ecosystem: Path, copy: Path) -> None:
    with workspace(copy) as other:
        done = mirror(copy, "-f", ecosystem, "--python", HERE, ok=False, roots=("scitools",))
        (error,) = done["errors"]
        assert error["message"] == "another run updates this mirror"
        assert f"remove {other.name}.lock" in error["remedy"]
    mirror(copy, "-f", ecosystem, "--python", HERE, roots=("scitools",))


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
    lost = [next(upstream.glob(f"{name}-*.whl")) for name in ("scitools-2.1", "scimkl-2025.1")]
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


def test_pages_have_old_and_new_files_before_they_have_new_ones_only(tmp_path: Path) -> None:
    digests = ("0" * 64, "1" * 64)
    files = [
        File(
            f"simple-{number}-py3-none-any.whl",
            path_in_mirror(f"simple-{number}-py3-none-any.whl", digest),
            {"sha256": digest},
        )
        for number, digest in enumerate(digests)
    ]
    old, new = (
        [Output(tmp_path, path, content) for path, content in index_pages("gpu", {"simple": [file]}).items()]
        for file in files
    )
    write_all_files(old)
    pages = {
        output.name: output.content
        for output in both_states(tmp_path, {output.name: output for output in new})
    }
    assert set(pages) == {"gpu/simple/simple/index.html", "gpu/simple/simple/index.json"}
    assert files_on_own_page("gpu/simple/simple", pages["gpu/simple/simple/index.json"]) == files


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


def labels_of(wheels: dict[str, str]) -> dict[str, str | None]:
    assert wheels.pop("scisource") == "sdist"
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
            assert labels["scinum"] == "mkl"
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


BACKEND = """
import zipfile

import scitools

FILES = {
    "needy.py": "",
    "needy-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: needy\\nVersion: 1.0\\n",
    "needy-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "needy-1.0.dist-info/RECORD": "",
}


def build_wheel(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{folder}/needy-1.0-py3-none-any.whl", "w") as archive:
        for path, text in FILES.items():
            archive.writestr(path, text)
    return "needy-1.0-py3-none-any.whl"
"""


def write_needy(folder: Path, ecosystem: Path) -> None:
    """Write an sdist, and its build backend, which requires a package of the ecosystem."""
    metadata = "Metadata-Version: 2.1\nName: scibackend\nVersion: 1.0\nRequires-Dist: scitools<2\n"
    make_wheel(folder, "scibackend", "1.0", "py3-none-any", {"scibackend.py": BACKEND.encode()}, metadata)
    shutil.copy(ecosystem / "scitools-1.0-py3-none-any.whl", folder)
    project = '[build-system]\nrequires = ["scibackend"]\nbuild-backend = "scibackend"\n'
    info = "Metadata-Version: 2.2\nName: needy\nVersion: 1.0\n"
    files = {"pyproject.toml": project.encode(), "PKG-INFO": info.encode()}
    (folder / "needy-1.0.tar.gz").write_bytes(pack("needy-1.0", files, time=1_700_000_000))


@pytest.mark.slow
def test_an_sdist_is_built_from_the_mirror_without_network(ecosystem: Path, tmp_path: Path) -> None:
    write_needy(tmp_path / "upstream", ecosystem)
    site = tmp_path / "site"
    done = mirror(site, "-f", tmp_path / "upstream", "--python", HERE, roots=("needy",))
    builds = done["machines"][0]["targets"][0]["build-requirements"]
    assert [(package["name"], package["version"]) for package in builds] == [
        ("scibackend", "1.0"),
        ("scitools", "1.0"),
    ]
    index = f"{site.as_uri()}/cpu/simple/"
    pip, uv = tmp_path / "pip", tmp_path / "uv"
    run("pip", "install", "--isolated", "--no-cache-dir", "-i", index, "--target", pip, "needy")
    options = ("--no-config", *empty_cache(), "--default-index", index, "--target", uv)
    run("uv", "pip", "install", *options, "needy")
    assert (pip / "needy.py").exists() and (uv / "needy.py").exists()
    lock, pip, uv = site / "pylock.cpu.toml", tmp_path / "pip-lock", tmp_path / "uv-lock"
    run("pip", "install", "--isolated", "--no-cache-dir", "-i", index, "--target", pip, "-r", lock)
    run("uv", "pip", "sync", "--no-config", *empty_cache(), "--default-index", index, "--target", uv, lock)
    assert (pip / "needy.py").exists() and (uv / "needy.py").exists()


def write_stub(folder: Path, url: str) -> None:
    """Write an index that has only the dispatching sdist of a release; its wheels are elsewhere."""
    labels = {"v2": ["x86_64 :: level :: v2"], None: []}
    make_variants(folder / "wheels", "stubby", labels)
    run_here(main, "index", folder / "wheels")
    project = folder / "simple" / "stubby"
    run_here(main, "stub", folder / "wheels", "--base-url", f"{url}wheels/", "-o", project)
    name = "stubby-1.0.tar.gz"
    (project / "index.html").write_text(f'<!DOCTYPE html><a href="{name}">{name}</a>')


def test_a_mirror_has_the_wheel_of_a_dispatching_sdist(tmp_path: Path) -> None:
    project = b'[build-system]\nrequires = ["stubby"]\n'
    info = b"Metadata-Version: 2.2\nName: builder\nVersion: 1.0\n"
    builder = pack("builder-1.0", {"pyproject.toml": project, "PKG-INFO": info}, time=1_700_000_000)
    with ranged(tmp_path / "upstream") as server:
        write_stub(tmp_path / "upstream", server.url)
        (tmp_path / "builder-1.0.tar.gz").write_bytes(builder)
        options = ("-i", f"{server.url}simple/", "-f", tmp_path, "--python", HERE)
        done, again = (mirror(tmp_path / "site", *options, roots=("stubby",)) for _ in range(2))
        built = mirror(tmp_path / "built", *options, roots=("builder",))
    assert (again["downloaded"], again["unneeded"]) == (0, [])
    targets = [machine["targets"][0] for machine in done["machines"]]
    assert [target["build-requirements"] for target in targets] == [[], []]
    packages = [package for target in targets for package in target["packages"]]
    # It builds an sdist, too.
    packages += (one for machine in built["machines"] for one in machine["targets"][0]["build-requirements"])
    names = [package["path"].rpartition("/")[2] for package in packages]
    assert names == ["stubby-1.0-0_v2-py3-none-any.whl"] * 4


def test_the_wheel_of_a_dispatching_sdist_cannot_require_other_packages() -> None:
    wheel, target = File("stubby-1.0-py3-none-any.whl", "", {}), running_target()
    ready = Prepared(
        Offered(wheel, wheel.filename), wheel, b"Requires-Dist: lonely>=1\nRequires-Dist: known\n\n"
    )
    package = GraphPackage("stubby", Version("1.0"), ready)
    upstream = Upstream(Sources(), Path())
    with pytest.raises(VariantError, match="requires lonely>=1, and the graph lacks that"):
        with_delivered_wheel(package, ready, {"known"}, target, upstream)
    done = with_delivered_wheel(package, ready, {"known", "lonely"}, target, upstream)
    assert done.requires == ("known", "lonely")


def test_wheels_that_the_index_cannot_tell_apart_are_reported(tmp_path: Path) -> None:
    release = MadeRelease(
        "pick", "1.0", labels={"v2": ("x86_64 :: level :: v2",), "v1": ("x86_64 :: level :: v1",)}
    )
    metadata = release.metadata(())._replace(variants=release.variants)
    for label, requires in (("v2", "<3.12"), ("v1", ">=3.10")):
        document = metadata.only(release.variants[label]).to_json()
        path = tmp_path / f"pick-1.0-py3-none-any-{label}.whl"
        write_wheel(path, document, f"Requires-Python: {requires}\n", modules={"pick.py": label.encode()})
    run_here(main, "index", "--simple", tmp_path)
    options = ("-i", tmp_path / "simple", "--python", "3.11", "--python", "3.12")
    done = mirror(tmp_path / "site", *options, roots=("pick",))
    assert [warning["message"] for warning in done["warnings"]] == [
        "installers may replace pick-1.0-0_v2-py3-none-any.whl by pick-1.0-0_v1-py3-none-any.whl"
    ] * len(TWO)
    assert {warning["place"].split("-")[0] for warning in done["warnings"]} == {"cpu, 3.11", "gpu12, 3.11"}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no such processes")
def test_a_mirror_survives_a_hundred_kills(ecosystem: Path, tmp_path: Path) -> None:
    command = (sys.executable, "-m", "helpers.killed_mirrors", ecosystem, tmp_path, "21")
    done = json.loads(run(*command, cwd=Path(__file__).parents[1]).stdout)
    assert done["problems"] == []
    assert done["killed"] >= 20
    assert contents(tmp_path / "killed") == contents(tmp_path / "state0")
