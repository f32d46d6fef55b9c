"""Releases are listed from folders and indexes; a broken source does not hide the others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.made_wheels import METADATA, make_wheel
from helpers.range_server import Server
from helpers.sample_release import DOCUMENT, only, patched, write_release, write_wheel
from packaging.tags import Tag
from packaging.version import Version

from variant_backend._internal.formats.release import File
from variant_backend._internal.formats.simple_api import JSON_TYPE, Page, to_html, to_json
from variant_backend._internal.machine.support import Machine, Policy
from variant_backend._internal.selection.evaluate import Evaluation, evaluate
from variant_backend._internal.selection.index_documents import UNREADABLE
from variant_backend._internal.selection.listing import Listing
from variant_backend._internal.selection.releases import (
    INDEX_FILE,
    Listings,
    Sources,
    find_listings,
    projects,
    read_release,
)
from variant_backend._internal.selection.select import Selection, select
from variant_backend._internal.selection.target import Target
from variant_backend._internal.variants.requirements import PackageRequest

TARGET = Target(Version("3.12.1"), (Tag("py3", "none", "any"),), here=False)
MACHINE, POLICY = Machine(), Policy()
FAST, PLAIN = "demo-1.0-py3-none-any-fast.whl", "demo-1.0-py3-none-any.whl"
INDEX = "demo-1.0-variants.json"
OTHER_ORDER = patched(DOCUMENT, {"providers": {"speed": {"static-properties": {"mode": ["safe", "fast"]}}}})


def page(folder: Path, *files: File, name: str = "demo") -> None:
    """Write the page of a project into the folder of a server."""
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "index.html").write_bytes(to_html(Page(name, files)))


def listed(folder: Path, *names: str) -> list[File]:
    """Return the files in a folder of a server as the page of a project lists them."""
    return [
        File(
            path.name,
            f"../{folder.name}/{path.name}",
            {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
        )
        for path in sorted(folder.iterdir())
        if not names or path.name in names
    ]


def listing_in(*folders: Path, index_urls: tuple[str, ...] = ()) -> Listing:
    """Return the only release that sources have."""
    (listing,) = find_listings("demo", Sources(folders, index_urls)).releases
    return listing


def evaluated(listing: Listing) -> Evaluation:
    return evaluate(read_release(listing), MACHINE, POLICY, TARGET)


def selected_from(sources: Sources, version: str | None = None) -> Selection:
    return select(
        PackageRequest.parse(f"demo=={version}" if version else "demo"), sources, MACHINE, POLICY, TARGET
    )


def selected(*folders: Path, version: str | None = None) -> str | None:
    """Return the filename of the wheel that is selected."""
    best = selected_from(Sources(folders), version).evaluation
    return str(best.selected.filename) if best and best.selected else None


def test_releases_are_listed_newest_first_without_other_files(tmp_path: Path) -> None:
    for version in ("1.0", "1.10", "1.9"):
        write_release(tmp_path, DOCUMENT, version=version)
    make_wheel(tmp_path, "other")
    for name in ("demo.whl", "demo-x-py3-none-any.whl", "notes.txt", "x-variants.json", "demo-1.0.tar.gz"):
        (tmp_path / name).touch()
    sources = Sources((tmp_path,))
    listings = find_listings("Demo", sources)
    assert [str(listing.version) for listing in listings.releases] == ["1.10", "1.9", "1.0"]
    newest = listings.releases[0]
    assert (len(newest.wheels), len(newest.index_files), listings.problems) == (4, 1, ())
    assert projects(sources) == ["demo", "other"]


def test_an_index_file_is_used_only_if_the_page_lists_it(server: Server) -> None:
    files = write_release(server.folder / "files", DOCUMENT)
    page(server.folder, *listed(files, FAST, PLAIN))
    listing = listing_in(index_urls=(server.url,))
    (reason,) = evaluated(listing).verdicts[-1].reasons
    assert str(reason) == "label: the source has no valid index file (*-variants.json)"
    page(server.folder, *listed(files))
    verdicts = evaluated(listing_in(index_urls=(server.url,))).verdicts
    assert [verdict.filename.label for verdict in verdicts] == ["fast", "safe", "null", None]


def serve_json(server: Server, content: bytes) -> None:
    """Let the page of a project be JSON."""

    def as_json(handler: Any, data: bytes | None) -> bool:
        if handler.path != "/demo/":
            return False
        assert JSON_TYPE in handler.headers["Accept"]
        handler.send(200, content, {"Content-Type": JSON_TYPE})
        return data is None

    server.misbehave = as_json


def test_a_page_may_be_json(server: Server) -> None:
    files = write_release(server.folder / "files", DOCUMENT)
    serve_json(server, to_json(Page("demo", tuple(listed(files)))))
    assert evaluated(listing_in(index_urls=(server.url,))).selected


def test_an_invalid_entry_of_a_page_hides_no_other(server: Server) -> None:
    files = write_release(server.folder / "files", DOCUMENT)
    content = json.loads(to_json(Page("demo", tuple(listed(files)))))
    wrong = next(entry for entry in content["files"] if entry["filename"] == FAST)
    wrong["size"] = "large"
    serve_json(server, json.dumps(content).encode())
    _, (listing,), (problem,), *_ = find_listings("demo", Sources(index_urls=(server.url,)))
    place = f"{server.url}demo/: files[{content['files'].index(wrong)}].size"
    assert str(problem) == f"{place}: expected a number of bytes"
    assert FAST not in [wheel.file.filename for wheel in listing.wheels]
    assert PLAIN in [wheel.file.filename for wheel in listing.wheels]


def test_the_first_source_wins_for_equal_filenames(tmp_path: Path) -> None:
    first = write_release(tmp_path / "first", DOCUMENT, labels=["fast"], plain=False)
    second = write_release(tmp_path / "second", DOCUMENT)
    release = read_release(listing_in(first, second))
    locations = {wheel.file.filename: wheel.file.location for wheel in release.candidates}
    assert (locations[FAST], locations[PLAIN]) == (first / FAST, second / PLAIN)
    assert (len(release.candidates), release.problems) == (4, ())


def test_index_files_of_several_sources_are_combined(tmp_path: Path) -> None:
    folders = [
        write_release(tmp_path / label, only(DOCUMENT, label), labels=[label], plain=False)
        for label in ("null", "safe", "fast")
    ]
    verdicts = evaluated(listing_in(*folders)).verdicts
    assert [verdict.filename.label for verdict in verdicts] == ["fast", "safe", "null"]


def test_an_index_file_may_be_in_another_folder_than_the_wheels(tmp_path: Path) -> None:
    write_release(tmp_path / "apart", DOCUMENT, labels=[], plain=False)
    wheels = write_release(tmp_path / "wheels", None)
    apart = tmp_path / "apart"
    assert evaluated(listing_in(wheels, apart)).selected == evaluated(listing_in(apart, wheels)).selected
    assert not find_listings("demo", Sources((apart,))).releases


def _missing(path: Path) -> None:
    path.unlink()


def _invalid(path: Path) -> None:
    path.write_text("{")


@pytest.mark.parametrize(
    ("damage", "hashed", "message"),
    [
        (_missing, True, "not found"),
        (_invalid, True, "sha256"),
        (_invalid, False, "invalid JSON"),
        (lambda path: path.write_text("{}"), False, "default-priorities: missing"),
    ],
)
def test_a_broken_index_file_excludes_only_variants_of_its_source(
    damage: Callable[[Path], object], hashed: bool, message: str, server: Server, tmp_path: Path
) -> None:
    files = write_release(server.folder / "files", DOCUMENT)
    entries = listed(files)
    page(server.folder, *(entries if hashed else [entry._replace(hashes={}) for entry in entries]))
    damage(files / INDEX)
    broken = evaluated(listing_in(index_urls=(server.url,)))
    place = f"{server.url}files/{INDEX}"
    assert broken.release.problems
    assert all(str(problem).startswith(place) for problem in broken.release.problems)
    assert message in "\n".join(map(str, broken.release.problems))
    assert [str(verdict.filename) for verdict in broken.verdicts if verdict.key] == [PLAIN]
    for reason in [verdict.reasons[0] for verdict in broken.verdicts if not verdict.key]:
        assert reason.code == INDEX_FILE
        assert str(reason) == f"index file: {broken.release.problems[0]}"
    safe = write_release(tmp_path / "safe", only(DOCUMENT, "safe"), labels=["safe"], plain=False)
    both = evaluated(listing_in(safe, index_urls=(server.url,)))
    assert [verdict.filename.label for verdict in both.verdicts if verdict.key] == ["safe", None]


def test_the_first_of_two_contradicting_index_files_wins(tmp_path: Path) -> None:
    first = write_release(tmp_path / "first", only(DOCUMENT, "safe"), labels=["safe"])
    second = write_release(tmp_path / "second", OTHER_ORDER, labels=["fast"])
    both = evaluated(listing_in(first, second))
    assert [verdict.filename.label for verdict in both.verdicts if verdict.key] == ["safe", None]
    (problem,) = both.release.problems
    assert "providers.speed.static-properties.mode" in str(problem)
    assert str(first / INDEX) in str(problem)


def test_a_wheel_excluded_in_one_source_may_come_from_another(tmp_path: Path) -> None:
    first = write_release(tmp_path / "first", b"{")
    second = write_release(tmp_path / "second", DOCUMENT)
    both = evaluated(listing_in(first, second))
    assert both.selected
    assert both.candidate(both.selected).file.location == second / FAST


def test_a_source_that_cannot_be_listed_hides_no_other(server: Server, tmp_path: Path) -> None:
    write_release(tmp_path / "files", DOCUMENT)
    url = server.url.replace("http://", "http://user:s3cret@")
    folders = (tmp_path / "no", tmp_path / "files")
    listings = find_listings("demo", Sources(folders, (url, "http://127.0.0.1:9/simple")))
    assert len(listings.releases) == 1
    assert [str(problem).partition(": ")[0] for problem in listings.problems] == [
        str(tmp_path / "no"),
        f"{server.url}demo/",
        "http://127.0.0.1:9/simple/demo/",
    ]


def test_links_to_local_files_on_an_http_page_are_ignored(server: Server, tmp_path: Path) -> None:
    files = write_release(tmp_path / "files", DOCUMENT)
    page(server.folder)
    links = "".join(f'<a href="{path.as_uri()}">{path.name}</a>' for path in files.iterdir())
    (server.folder / "demo" / "index.html").write_text(links, encoding="utf-8")
    sources = Sources(index_urls=(server.url,))
    assert find_listings("demo", sources) == Listings(sources, (), ())


@pytest.mark.parametrize("url", ["http://[bad", "files", "ftp://127.0.0.1/"])
def test_an_invalid_index_url_is_a_problem(url: str) -> None:
    _, releases, (problem,), *_ = find_listings("demo", Sources(index_urls=(url,)))
    assert not releases
    assert str(problem).startswith(url)


def test_a_misspelt_name_of_an_index_file_is_a_problem(tmp_path: Path) -> None:
    write_release(tmp_path, DOCUMENT)
    (tmp_path / INDEX).rename(
        tmp_path / INDEX.title().replace("Json", "json").replace("Variants", "variants")
    )
    _, releases, (problem,), *_ = find_listings("demo", Sources((tmp_path,)))
    assert not releases[0].index_files
    assert str(problem).endswith(f"rename it to {INDEX}")


def test_files_get_the_credentials_of_their_page_but_messages_do_not(server: Server) -> None:
    files = write_release(server.folder / "files", b"{")
    page(server.folder, *listed(files))
    url = server.url.replace("http://", "http://user:s3cret@")
    release = read_release(listing_in(index_urls=(url,)))
    assert all("//user:s3cret@127.0.0.1" in str(wheel.file.url) for wheel in release.candidates)
    assert "s3cret" not in f"{release.problems}{[wheel.problems for wheel in release.candidates]}"


def test_a_yanked_wheel_is_excluded_unless_its_version_is_requested(server: Server) -> None:
    files = write_release(server.folder / "files", DOCUMENT)
    page(server.folder, *(file._replace(yanked="it is broken") for file in listed(files)))
    sources = Sources(index_urls=(server.url,))
    unpinned = selected_from(sources)
    (passed,) = unpinned.passed
    assert unpinned.evaluation is None
    assert {tuple(map(str, verdict.reasons)) for verdict in passed.verdicts} == {("yanked: it is broken",)}
    assert selected_from(sources, "1").evaluation is not None


@pytest.mark.parametrize(
    ("requires", "fits"),
    [(">=3.12", True), ("<3.12", False), (">=3.12.2", False), ("no specifier", True), ("", True)],
)
def test_requires_python_is_read_from_pages_and_from_wheels_in_folders(
    requires: str, fits: bool, server: Server
) -> None:
    files = server.folder / "files"
    field = f"Requires-Python: {requires}\n" if requires else ""
    make_wheel(files, metadata=METADATA.replace("\n\n", f"\n{field}\n", 1))
    page(server.folder, *(file._replace(requires_python=requires) for file in listed(files)))
    text = f"Requires-Python: {requires} excludes Python 3.12.1"
    for listing in (listing_in(files), listing_in(index_urls=(server.url,))):
        (verdict,) = evaluated(listing).verdicts
        assert verdict.is_compatible == fits
        assert fits or [str(reason) for reason in verdict.reasons] == [text]


def _nameless(path: Path) -> None:
    write_wheel(path, only(DOCUMENT, "fast"), inner={"METADATA": ""})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda path: path.write_bytes(b"no zip file"),
            "expected a zip archive, got text: 'no zip file'; download or build the wheel again",
        ),
        (_nameless, "demo-1.0.dist-info/METADATA: field Name is missing; rebuild the wheel"),
    ],
)
def test_an_unreadable_wheel_in_a_folder_is_excluded(
    damage: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    write_release(tmp_path, DOCUMENT)
    damage(tmp_path / FAST)
    *_, last = evaluated(listing_in(tmp_path)).verdicts
    (reason,) = last.reasons
    assert (last.filename.label, reason.code, str(reason)) == ("fast", UNREADABLE, message)


def test_a_wheel_with_an_invalid_label_is_excluded(tmp_path: Path) -> None:
    write_release(tmp_path, DOCUMENT)
    (tmp_path / FAST).rename(tmp_path / FAST.replace("fast", "Fast"))
    bad = evaluated(listing_in(tmp_path)).verdicts[-1]
    assert str(bad.filename) == FAST.replace("fast", "Fast")
    assert bad.reasons[0].code == "bad-label"
    assert "character 'F' at position 1 is not allowed" in str(bad.reasons[0])


def test_a_copy_of_a_variant_is_excluded_as_a_copy(tmp_path: Path) -> None:
    write_release(tmp_path, DOCUMENT)
    (tmp_path / FAST).rename(tmp_path / FAST.replace("fast", "fast (1)"))
    reason = evaluated(listing_in(tmp_path)).verdicts[-1].reasons[0]
    assert str(reason) == f"the name contains ' (1)', as names of copies do; rename it to {FAST}"


def test_the_newest_release_with_a_compatible_wheel_is_selected(tmp_path: Path) -> None:
    make_wheel(tmp_path, version="3.0", tag="cp312-cp312-win32")
    make_wheel(tmp_path, version="2.0")
    make_wheel(tmp_path, version="1.0")
    selection = selected_from(Sources((tmp_path,)))
    assert selection.evaluation
    assert str(selection.evaluation.release.version) == "2.0"
    assert [str(newer.release.version) for newer in selection.passed] == ["3.0"]
    assert selected(tmp_path, version="1") == PLAIN
    assert selected(tmp_path, version="3") is None


def test_a_pre_release_is_selected_if_requested_or_the_only_release(tmp_path: Path) -> None:
    early = make_wheel(tmp_path, version="2.0rc1").name
    assert selected(tmp_path) == early
    make_wheel(tmp_path, version="1.0")
    assert selected(tmp_path) == PLAIN
    assert selected(tmp_path, version="2rc1") == early


def test_a_wheel_listed_twice_is_one_wheel(tmp_path: Path) -> None:
    write_wheel(tmp_path / PLAIN)
    assert len(evaluated(listing_in(tmp_path, tmp_path)).verdicts) == 1
