"""`check` reads the pages of a package index, and finds errors that mislead uv or pip."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from helpers.programs import empty_cache, run
from helpers.range_server import Server
from helpers.sample_release import DOCUMENT, PLAIN, write_release, write_wheel
from helpers.servers import answering, serving
from hypothesis import given
from hypothesis import strategies as st

from variant_backend._internal.checking.codes import RULES
from variant_backend._internal.checking.run import find_problems
from variant_backend._internal.cli.main import main
from variant_backend._internal.formats import simple_api
from variant_backend._internal.formats.release import File
from variant_backend._internal.formats.simple_api import Page

FAST = "demo-1.0-py3-none-any-fast.whl"
INDEX = "demo-1.0-variants.json"
WRONG = {"sha256": "0" * 64}
PAGES = ("index.html", "index.json")

Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_release(tmp_path_factory.mktemp("indexed") / "dist", DOCUMENT)
    assert CliRunner().invoke(main, ["index", "--simple", str(folder)]).exit_code == 0
    return folder


@pytest.fixture
def dist(indexed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(indexed, tmp_path / "dist")


def codes(*paths: Path) -> set[str]:
    return {finding.problem.code for finding in find_problems(paths) if finding.severity == "error"}


def files(change: Callable[[File], File | None], *names: str) -> Change:
    """Return a function that changes entries of the pages, or removes them."""

    def edit(folder: Path) -> None:
        project = folder / "simple" / "demo"
        entries = json.loads((project / "index.json").read_bytes())["files"]
        listed = [
            File(each["filename"], each["url"], each["hashes"], each["size"], None, each.get("core-metadata"))
            for each in entries
        ]
        page = Page("demo", tuple(filter(None, map(change, listed))))
        for name in names or PAGES:
            write = simple_api.to_html if name == "index.html" else simple_api.to_json
            (project / name).write_bytes(write(page))

    return edit


def with_other(filename: str, *names: str, **changes: Any) -> Change:
    return files(lambda file: file._replace(**changes) if file.filename == filename else file, *names)


def without(filename: str, *names: str) -> Change:
    return files(lambda file: file if file.filename != filename else None, *names)


def in_json(old: str, new: str) -> Change:
    def edit(folder: Path) -> None:
        path = folder / "simple" / "demo" / "index.json"
        path.write_text(path.read_text().replace(old, new))

    return edit


def unlink_side_files(folder: Path) -> None:
    for path in folder.glob("*.metadata"):
        path.unlink()


class Case(NamedTuple):
    """A change of a valid index, the label that uv and pip install from HTML and from JSON, and the code."""

    change: Change
    uv: tuple[str | None, str | None]
    pip: tuple[str | None, str | None]
    code: str


def both(label: str | None) -> tuple[str | None, str | None]:
    return label, label


FINE = both("plain")
CASES: dict[str, Case] = {
    "another hash of the index file": Case(with_other(INDEX, hashes=WRONG), both(None), FINE, "link-hash"),
    "a missing index file": Case(lambda folder: (folder / INDEX).unlink(), both(None), FINE, "dead-link"),
    "an index file not listed": Case(without(INDEX), both("plain"), FINE, "unlisted-index"),
    "a missing variant": Case(lambda folder: (folder / FAST).unlink(), both(None), FINE, "dead-link"),
    "a missing plain wheel": Case(
        lambda folder: (folder / PLAIN).unlink(), both("fast"), both(None), "dead-link"
    ),
    "another hash of METADATA": Case(
        files(lambda file: file._replace(core_metadata=file.core_metadata and WRONG)),
        both(None),
        both(None),
        "link-hash",
    ),
    "no METADATA beside the wheels": Case(unlink_side_files, both(None), both(None), "dead-link"),
    "a folder with another name": Case(
        lambda folder: (folder / "simple" / "demo").rename(folder / "simple" / "De_mo"),
        both(None),
        both(None),
        "page-name",
    ),
    "JSON that is cut": Case(in_json("]", ""), ("fast", None), ("plain", None), "bad-page"),
    "JSON without hashes": Case(in_json('"hashes"', '"hash"'), ("fast", None), FINE, "bad-page"),
    # uv installs the second best.
    "a variant that is not listed": Case(without(FAST), both("safe"), FINE, "unlisted-wheel"),
    "a variant that JSON does not list": Case(
        without(FAST, "index.json"), ("fast", "safe"), FINE, "pages-differ"
    ),
    # Problems that installers do not notice.
    "another size": Case(with_other(FAST, "index.json", size=1), both("fast"), FINE, "link-size"),
    "another name in JSON": Case(
        in_json('"name": "demo"', '"name": "other"'), both("fast"), FINE, "page-name"
    ),
    "version 2 of the form": Case(in_json('"1.1"', '"2.0"'), both("fast"), FINE, "bad-page"),
}


def served(installer: str, folder: Path, target: Path, *, as_json: bool) -> str | None:
    """Return the label that an installer installs from an index. None if it fails."""
    with serving(folder, as_json=as_json) as (url, _):
        options: tuple[object, ...] = ("--target", target, "--index-url", f"{url}simple/", "demo")
        if installer == "uv":
            always = (*empty_cache(), "--no-config", "--python", sys.executable)
            variants = ("--preview-features", "wheel-variants")
            result = run("uv", "pip", "install", *always, *variants, *options, ok=False)
        else:
            result = run("pip", "install", "--no-cache-dir", *options, ok=False)
    if result.returncode:
        return None
    (inner,) = target.glob("demo-1.0.dist-info")
    document = inner / "variant.json"
    return next(iter(json.loads(document.read_bytes())["variants"])) if document.exists() else "plain"


def test_a_valid_index_has_no_finding_from_any_starting_folder(dist: Path, monkeypatch: Any) -> None:
    places = [dist, dist / "simple", dist / "simple" / "demo", dist / "simple" / "demo" / "index.json"]
    assert [codes(place) for place in places] == [set()] * 4
    monkeypatch.chdir(dist / "simple")
    assert codes(Path()) == codes(Path("demo")) == set()
    (dist / INDEX).unlink()
    assert [*map(codes, places), codes(Path())] == [{"missing-index", "dead-link"}, *[{"dead-link"}] * 4]


def test_a_dead_link_names_the_missing_file_once(dist: Path) -> None:
    (dist / INDEX).unlink()
    (text,) = {each.problem.text for each in find_problems([dist]) if each.problem.code == "dead-link"}
    assert text == f"{dist / INDEX}: file not found"


@pytest.mark.parametrize("name", CASES)
def test_a_change_of_a_valid_index_is_found(name: str, dist: Path) -> None:
    case = CASES[name]
    case.change(dist)
    assert case.code in codes(dist)


@pytest.mark.parametrize("name", CASES)
def test_a_change_is_found_at_the_url_of_the_page(name: str, dist: Path) -> None:
    case = CASES[name]
    case.change(dist)
    with Server(dist) as server, answering(server):
        server.has_json = True
        (folder,) = (path for path in (dist / "simple").iterdir() if path.is_dir())
        found = {finding.problem.code for finding in find_problems([f"{server.url}simple/{folder.name}/"])}
    # What is not listed is unknown; the index file shows that a variant is missing.
    assert (case.code if case.code != "unlisted-wheel" else "index-label-without-wheel") in found


@pytest.mark.agreement
@pytest.mark.slow  # four installations each
@pytest.mark.parametrize("name", CASES)
def test_a_change_that_misleads_installers_is_found(name: str, dist: Path, tmp_path: Path) -> None:
    case = CASES[name]
    case.change(dist)
    assert case.code in codes(dist)
    for number, as_json in enumerate((False, True)):
        assert served("uv", dist, tmp_path / f"uv{number}", as_json=as_json) == case.uv[number]
        assert served("pip", dist, tmp_path / f"pip{number}", as_json=as_json) == case.pip[number]


@pytest.mark.agreement
@pytest.mark.slow  # pip and uv
def test_uv_and_pip_install_the_best_wheel_from_a_valid_index(dist: Path, tmp_path: Path) -> None:
    for as_json in (False, True):
        assert served("uv", dist, tmp_path / f"uv{as_json}", as_json=as_json) == "fast"
        assert served("pip", dist, tmp_path / f"pip{as_json}", as_json=as_json) == "plain"


def test_wheels_beside_their_page_are_a_release(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "simple" / "demo", DOCUMENT)
    links = "".join(f'<a href="{path.name}">x</a>' for path in folder.iterdir())
    (folder / "index.html").write_text(links)
    assert codes(tmp_path) == codes(tmp_path / "simple") == set()
    write_wheel(folder / "demo-1.1-py3-none-any.whl")
    (folder / INDEX).unlink()
    assert codes(tmp_path) == {"unlisted-wheel", "dead-link", "missing-index"}


def test_links_to_other_hosts_are_ignored(dist: Path) -> None:
    project = dist / "simple" / "demo"
    (project / "index.json").unlink()
    hosts = (
        "https://example.org/x",
        "//example.org",
        "/files",
        "file:///files",
        "../../../../../../../../..",
    )
    for host in hosts:
        files_ = [*(path.name for path in dist.glob("demo*")), "demo-0.9-py3-none-any.whl"]
        links = "".join(f'<a href="{host}/{name}#sha256=00">x</a>' for name in files_)
        (project / "index.html").write_text(links)
        assert codes(dist) == set(), host
    (project / "index.html").write_text(f'<base href="../../">{links.replace(hosts[-1] + "/", "")}')
    assert codes(dist) == {"link-hash", "dead-link"}


def test_links_are_unquoted_as_servers_do(dist: Path) -> None:
    for name in ("a b#?%é", "100%25"):
        (dist / name).mkdir()
        path = dist / name / "simple"
        shutil.copytree(dist / "simple", path)
        for each in dist.glob("demo-*"):
            shutil.copy(each, dist / name)
        assert codes(dist / name) == set()
        (dist / name / INDEX).write_bytes(b"{}")
        assert "link-hash" in codes(path)


def test_folders_without_an_index_are_ignored(dist: Path, tmp_path: Path) -> None:
    (dist / "simple" / "notes").mkdir()
    (dist / "simple" / "notes" / "readme.txt").touch()
    (dist / "other" / "demo").mkdir(parents=True)
    (dist / "other" / "demo" / "index.html").write_text('<a href="x-1.0-py3-none-any.whl">x</a>')
    assert codes(dist) == set()
    (tmp_path / "simple").mkdir()
    assert codes(tmp_path / "simple") == {"nothing-to-check"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_a_pipe_behind_a_link_does_not_block(dist: Path) -> None:
    (dist / INDEX).unlink()
    os.mkfifo(dist / INDEX)
    (dist / "simple" / "demo" / "index.html").unlink()
    os.mkfifo(dist / "simple" / "demo" / "index.html")
    assert codes(dist) == {"unreadable", "bad-page", "dead-link", "missing-index"}


texts = st.sampled_from(
    ["", "/", ".", "..", "../..", "x", INDEX, FAST, "\0", "%00", "%2F", "é", "x" * 300, "[::"]
)
links = st.lists(texts, max_size=4).map("/".join)


@given(
    st.one_of(
        st.binary(max_size=60),
        links.map(lambda link: f'<base href="{link}"><a href="{link}" data-core-metadata="true">x'.encode()),
    ),
    st.one_of(
        st.binary(max_size=60),
        st.builds(
            lambda name, link: simple_api.to_json(Page("demo", (File(name, link, WRONG, 1, None, WRONG),))),
            texts,
            links,
        ),
    ),
)
def test_no_page_raises(tmp_path_factory: pytest.TempPathFactory, html: bytes, other: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "simple" / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_bytes(html)
    (folder / "index.json").write_bytes(other)
    for finding in find_problems([folder.parent]):
        assert finding.problem.text and finding.problem.remedy and finding.problem.code in RULES
