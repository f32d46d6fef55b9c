"""Releases are found in folders and on indexes, no fault of one source hides another, and one is chosen."""

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

from variant_backend.formats.simple_api import JSON_TYPE, File, Page, to_html, to_json
from variant_backend.machine.system import System
from variant_backend.selection.evaluate import Judged, judge, select_release
from variant_backend.selection.releases import Listing, find_listings, projects, read_release
from variant_backend.selection.target import Target

TARGET = Target(Version("3.12.1"), (Tag("py3", "none", "any"),), here=False)
SYSTEM = System({})
FAST, PLAIN = "demo-1.0-py3-none-any-fast.whl", "demo-1.0-py3-none-any.whl"
INDEX = "demo-1.0-variants.json"
OTHER_ORDER = patched(DOCUMENT, {"providers": {"speed": {"static-properties": {"mode": ["safe", "fast"]}}}})


def page(folder: Path, *files: File, name: str = "demo") -> None:
    """Write the page of a project into the folder of a server."""
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "index.html").write_bytes(to_html(Page(name, files)))


def listed(folder: Path, *names: str) -> list[File]:
    """Return files that lie in a folder of a server, as a page of a project lists them."""
    return [
        File(
            path.name,
            f"../{folder.name}/{path.name}",
            {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
        )
        for path in sorted(folder.iterdir())
        if not names or path.name in names
    ]


def found(*folders: Path, **sources: Any) -> Listing:
    (listing,) = find_listings("demo", find_links=folders, **sources)[0]
    return listing


def judged(listing: Listing) -> Judged:
    return judge(read_release(listing), SYSTEM, TARGET)


def chosen(*folders: Path, version: str | None = None) -> str | None:
    pinned = Version(version) if version else None
    best, _ = select_release(find_listings("demo", find_links=folders)[0], SYSTEM, TARGET, version=pinned)
    return str(best.chosen.filename) if best and best.chosen else None


def test_the_releases_of_a_project_are_listed_newest_first_and_other_files_passed_over(
    tmp_path: Path,
) -> None:
    for version in ("1.0", "1.10", "1.9"):
        write_release(tmp_path, DOCUMENT, version=version)
    make_wheel(tmp_path, "other")
    for name in ("demo.whl", "demo-x-py3-none-any.whl", "notes.txt", "x-variants.json", "demo-1.0.tar.gz"):
        (tmp_path / name).touch()
    listings, faults = find_listings("Demo", find_links=[tmp_path])
    assert [str(each.version) for each in listings] == ["1.10", "1.9", "1.0"]
    assert (len(listings[0].wheels), len(listings[0].index_files), faults) == (4, 1, [])
    assert projects([tmp_path]) == ["demo", "other"]


def test_on_an_index_the_index_file_counts_only_if_it_is_listed(server: Server) -> None:
    files = write_release(server.folder / "files", DOCUMENT)
    page(server.folder, *listed(files, FAST, PLAIN))
    listing = found(index_urls=[server.url])
    assert judged(listing).verdicts[-1].reasons == ("label: no index file says what it means",)
    page(server.folder, *listed(files))
    assert [each.filename.label for each in judged(found(index_urls=[server.url])).verdicts] == [
        "fast",
        "safe",
        "null",
        None,
    ]


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
    assert judged(found(index_urls=[server.url])).chosen


def test_a_file_that_a_page_describes_wrongly_is_told_and_the_others_remain(server: Server) -> None:
    files = write_release(server.folder / "files", DOCUMENT)
    content = json.loads(to_json(Page("demo", tuple(listed(files)))))
    wrong = next(each for each in content["files"] if each["filename"] == FAST)
    wrong["size"] = "large"
    serve_json(server, json.dumps(content).encode())
    (listing,), (fault,) = find_listings("demo", index_urls=[server.url])
    place = f"{server.url}demo/: files[{content['files'].index(wrong)}].size"
    assert str(fault) == f"{place}: a number of bytes is needed"
    assert FAST not in [each.filename for each in listing.wheels]
    assert PLAIN in [each.filename for each in listing.wheels]


def test_of_a_file_that_several_sources_have_the_first_counts(tmp_path: Path) -> None:
    first = write_release(tmp_path / "first", DOCUMENT, labels=["fast"], plain=False)
    second = write_release(tmp_path / "second", DOCUMENT)
    release = read_release(found(first, second))
    urls = {file.filename: file.url for file in release.wheels}
    assert (urls[FAST], urls[PLAIN]) == ((first / FAST).as_uri(), (second / PLAIN).as_uri())
    assert (len(release.wheels), release.faults) == (4, ())


def test_sources_may_have_different_labels_and_their_index_files_are_combined(tmp_path: Path) -> None:
    folders = [
        write_release(tmp_path / label, only(DOCUMENT, label), labels=[label], plain=False)
        for label in ("null", "safe", "fast")
    ]
    assert [each.filename.label for each in judged(found(*folders)).verdicts] == ["fast", "safe", "null"]


def test_an_index_file_may_lie_apart_from_the_wheels(tmp_path: Path) -> None:
    write_release(tmp_path / "apart", DOCUMENT, labels=[], plain=False)
    wheels = write_release(tmp_path / "wheels", None)
    assert (
        judged(found(wheels, tmp_path / "apart")).chosen == judged(found(tmp_path / "apart", wheels)).chosen
    )
    assert not find_listings("demo", find_links=[tmp_path / "apart"])[0]


def _missing(path: Path) -> None:
    path.unlink()


def _unsound(path: Path) -> None:
    path.write_text("{")


@pytest.mark.parametrize(
    ("damage", "hashed", "said"),
    [
        (_missing, True, "not found"),
        (_unsound, True, "sha256"),
        (_unsound, False, "not JSON in UTF-8"),
        (lambda path: path.write_text("{}"), False, "default-priorities: missing"),
    ],
)
def test_a_broken_index_file_rules_out_the_variants_of_its_source_and_nothing_else(
    damage: Callable[[Path], object], hashed: bool, said: str, server: Server, tmp_path: Path
) -> None:
    files = write_release(server.folder / "files", DOCUMENT)
    entries = listed(files)
    page(server.folder, *(entries if hashed else [each._replace(hashes={}) for each in entries]))
    damage(files / INDEX)
    broken = judged(found(index_urls=[server.url]))
    (fault,) = broken.release.faults
    place = f"{server.url}files/{INDEX}"
    assert all(line.startswith(place) for line in fault.lines())
    assert said in str(fault)
    assert [str(each.filename) for each in broken.verdicts if each.key] == [PLAIN]
    assert all(each.reasons[0].startswith(f"index file: {place}") for each in broken.verdicts if not each.key)
    safe = write_release(tmp_path / "safe", only(DOCUMENT, "safe"), labels=["safe"], plain=False)
    both = judged(found(safe, index_urls=[server.url]))
    assert [each.filename.label for each in both.verdicts if each.key] == ["safe", None]


def test_the_later_of_two_index_files_in_conflict_is_of_no_use(tmp_path: Path) -> None:
    first = write_release(tmp_path / "first", only(DOCUMENT, "safe"), labels=["safe"])
    second = write_release(tmp_path / "second", OTHER_ORDER, labels=["fast"])
    both = judged(found(first, second))
    assert [each.filename.label for each in both.verdicts if each.key] == ["safe", None]
    (fault,) = both.release.faults
    assert "providers.speed.static-properties.mode" in str(fault)
    assert str(first / INDEX) in str(fault)


def test_a_wheel_that_one_source_rules_out_may_come_from_another(tmp_path: Path) -> None:
    first = write_release(tmp_path / "first", b"{")
    second = write_release(tmp_path / "second", DOCUMENT)
    both = judged(found(first, second))
    assert both.chosen
    assert both.file(both.chosen).url == (second / FAST).as_uri()


def test_what_cannot_be_listed_is_told_and_the_other_sources_go_on(server: Server, tmp_path: Path) -> None:
    write_release(tmp_path / "files", DOCUMENT)
    url = server.url.replace("http://", "http://user:s3cret@")
    listings, faults = find_listings(
        "demo",
        find_links=[tmp_path / "no", tmp_path / "files"],
        index_urls=[url, "http://127.0.0.1:9/simple"],
    )
    assert len(listings) == 1
    assert [str(fault).partition(": ")[0] for fault in faults] == [
        str(tmp_path / "no"),
        f"{server.url}demo/",
        "http://127.0.0.1:9/simple/demo/",
    ]


def test_an_index_has_no_say_about_files_of_this_machine(server: Server, tmp_path: Path) -> None:
    files = write_release(tmp_path / "files", DOCUMENT)
    page(server.folder, *(each._replace(url=(files / each.filename).as_uri()) for each in listed(files)))
    assert find_listings("demo", index_urls=[server.url]) == ([], [])


@pytest.mark.parametrize("url", ["http://[bad", "files", "ftp://127.0.0.1/"])
def test_what_is_no_url_of_an_index_is_told(url: str) -> None:
    listings, (fault,) = find_listings("demo", index_urls=[url])
    assert not listings
    assert str(fault).startswith(url)


def test_an_index_file_with_another_spelling_is_told_as_no_installer_finds_it(tmp_path: Path) -> None:
    write_release(tmp_path, DOCUMENT)
    (tmp_path / INDEX).rename(
        tmp_path / INDEX.title().replace("Json", "json").replace("Variants", "variants")
    )
    listings, (fault,) = find_listings("demo", find_links=[tmp_path])
    assert not listings[0].index_files
    assert str(fault).endswith(f"call it {INDEX}")


def test_files_keep_the_credentials_of_their_page_and_messages_have_none(server: Server) -> None:
    files = write_release(server.folder / "files", b"{")
    page(server.folder, *listed(files))
    release = read_release(found(index_urls=[server.url.replace("http://", "http://user:s3cret@")]))
    assert all("//user:s3cret@127.0.0.1" in file.url for file in release.wheels)
    assert "s3cret" not in f"{release.faults}{release.barred}"


def test_a_yanked_wheel_is_left_alone_unless_its_version_is_asked_for(server: Server) -> None:
    files = write_release(server.folder / "files", DOCUMENT)
    page(server.folder, *(each._replace(yanked="it is broken") for each in listed(files)))
    listings, _ = find_listings("demo", index_urls=[server.url])
    best, (passed,) = select_release(listings, SYSTEM, TARGET, version=None)
    assert best is None
    assert {each.reasons for each in passed.verdicts} == {("yanked: it is broken",)}
    best, _ = select_release(listings, SYSTEM, TARGET, version=Version("1"))
    assert best is not None


@pytest.mark.parametrize(
    ("requires", "fits"),
    [(">=3.12", True), ("<3.12", False), (">=3.12.2", False), ("no specifier", True), ("", True)],
)
def test_requires_python_comes_from_the_page_or_from_a_wheel_in_a_folder(
    requires: str, fits: bool, server: Server
) -> None:
    files = server.folder / "files"
    field = f"Requires-Python: {requires}\n" if requires else ""
    make_wheel(files, metadata=METADATA.replace("\n\n", f"\n{field}\n", 1))
    page(server.folder, *(each._replace(requires_python=requires) for each in listed(files)))
    for listing in (found(files), found(index_urls=[server.url])):
        (verdict,) = judged(listing).verdicts
        assert verdict.is_compatible == fits
        assert fits or verdict.reasons == (f"Requires-Python: {requires} does not admit 3.12.1",)


def test_a_wheel_in_a_folder_that_cannot_be_read_is_out(tmp_path: Path) -> None:
    write_release(tmp_path, DOCUMENT)
    (tmp_path / FAST).write_bytes(b"no zip file")
    *_, last = judged(found(tmp_path)).verdicts
    assert (last.filename.label, len(last.reasons)) == ("fast", 1)


def test_a_wheel_with_a_bad_label_is_out_and_said_to_be(tmp_path: Path) -> None:
    write_release(tmp_path, DOCUMENT)
    (tmp_path / FAST).rename(tmp_path / FAST.replace("fast", "Fast"))
    bad = judged(found(tmp_path)).verdicts[-1]
    assert str(bad.filename) == FAST.replace("fast", "Fast")
    assert "character 'F' at position 1 is not allowed" in bad.reasons[0]


def test_the_newest_release_with_a_compatible_wheel_is_chosen(tmp_path: Path) -> None:
    make_wheel(tmp_path, version="3.0", tag="cp312-cp312-win32")
    make_wheel(tmp_path, version="2.0")
    make_wheel(tmp_path, version="1.0")
    best, newer = select_release(
        find_listings("demo", find_links=[tmp_path])[0], SYSTEM, TARGET, version=None
    )
    assert best
    assert (str(best.release.version), [str(each.release.version) for each in newer]) == ("2.0", ["3.0"])
    assert chosen(tmp_path, version="1") == PLAIN
    assert chosen(tmp_path, version="3") is None


def test_a_pre_release_is_chosen_if_asked_for_or_if_there_is_nothing_else(tmp_path: Path) -> None:
    early = make_wheel(tmp_path, version="2.0rc1").name
    assert chosen(tmp_path) == early
    make_wheel(tmp_path, version="1.0")
    assert chosen(tmp_path) == PLAIN
    assert chosen(tmp_path, version="2rc1") == early


def test_what_is_listed_twice_in_one_source_is_one_wheel(tmp_path: Path) -> None:
    write_wheel(tmp_path / PLAIN)
    assert len(judged(found(tmp_path, tmp_path)).verdicts) == 1
