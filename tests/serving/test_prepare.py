"""Each offered wheel has verified METADATA, without variant markers."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from helpers.behaviors import answer
from helpers.range_server import Handler, Server
from helpers.servers import served
from helpers.upstreams import METADATA, offer_of, publish_page, requested, upstream_of, variant_wheel

from variant_backend._internal.formats.simple_api import JSON_TYPE, to_html, to_json
from variant_backend._internal.lowlevel.deadlines import ServerFailedError
from variant_backend._internal.serving import disk_cache
from variant_backend._internal.serving.page import Prepared, PreparedProject, simple_page
from variant_backend._internal.serving.prepare import prepared_project
from variant_backend._internal.serving.upstream import Upstream
from variant_backend._internal.wheels.reading import WheelFile

PLAIN_METADATA = METADATA.format(name="demo", version="1.0")
MARKED = "other; 'v3' in variant_label"


def prepared(upstream: Upstream, *, streams: bool = False) -> PreparedProject:
    return prepared_project(offer_of(upstream), upstream, streams=streams)


def only_file(upstream: Upstream) -> Prepared:
    (file,) = prepared(upstream).files
    return file


def hashes(content: bytes) -> dict[str, str]:
    return {"sha256": hashlib.sha256(content).hexdigest()}


def test_metadata_beside_a_wheel_is_read_once(index: Server, wheels: list[Path], tmp_path: Path) -> None:
    publish_page(index.folder, wheels, beside=True)
    content = b""
    for count in (1, 0):
        upstream = upstream_of(tmp_path, index.url)
        file = only_file(upstream)
        content = upstream.metadata_of(file.offered.file)
        assert file.file.core_metadata == hashes(content)
        assert requested(index).count(f"{wheels[0].name}.metadata") == count
    assert content.decode() == PLAIN_METADATA


def test_metadata_with_a_wrong_hash_excludes_its_wheel(
    index: Server, wheels: list[Path], tmp_path: Path
) -> None:
    project = publish_page(index.folder, wheels, beside=True)
    (project / f"{wheels[0].name}.metadata").write_text("Name: evil")
    ready = prepared(upstream_of(tmp_path, index.url))
    assert ready.files == ()
    (problem,) = ready.problems
    assert problem.place == f"{index.url}demo/{wheels[0].name}.metadata"


@pytest.mark.parametrize("has_ranges", [True, False])
def test_metadata_that_is_not_beside_is_read_in_the_wheel(
    index: Server, wheels: list[Path], tmp_path: Path, has_ranges: bool
) -> None:
    project = publish_page(index.folder, wheels, beside=True)
    (project / f"{wheels[0].name}.metadata").unlink()
    with served(index.folder) as url:
        file = only_file(upstream_of(tmp_path, index.url if has_ranges else url))
    assert file.file.core_metadata == hashes(PLAIN_METADATA.encode())


def test_metadata_that_the_server_refuses_is_an_error(
    index: Server, wheels: list[Path], tmp_path: Path
) -> None:
    publish_page(index.folder, wheels, beside=True)
    index.misbehave = lambda handler, _: handler.path.endswith(".metadata") and answer(403)(handler, None)
    with pytest.raises(ServerFailedError, match="access denied"):
        prepared(upstream_of(tmp_path, index.url))


def test_a_wheel_that_contradicts_its_label_is_left_out(index: Server, tmp_path: Path) -> None:
    good = variant_wheel(tmp_path / "one", "v3", "v3")
    other = variant_wheel(tmp_path / "two", "v3", "v2", tag="py3-none-win_amd64")
    publish_page(index.folder, [good, other])
    ready = prepared(upstream_of(tmp_path, index.url))
    assert [file.file.filename for file in ready.files] == ["demo-1.0-0_v3-py3-none-any.whl"]
    assert [other.name in problem.place for problem in ready.problems] == [True]


def test_a_wheel_with_variant_markers_has_its_new_hash(index: Server, tmp_path: Path) -> None:
    publish_page(index.folder, [variant_wheel(tmp_path, "v3", requires=[MARKED])])
    file = only_file(upstream_of(tmp_path, index.url)).file
    assert file.path
    content = file.path.read_bytes()
    assert (file.hashes, file.size) == (hashes(content), len(content))
    metadata = f"{PLAIN_METADATA}Requires-Dist: other\n".encode()
    assert file.core_metadata == hashes(metadata)
    renamed = tmp_path / file.filename
    shutil.copy(file.path, renamed)
    with WheelFile.of(renamed).open() as wheel:
        assert wheel.core_metadata == metadata


def test_a_rewritten_wheel_is_made_once_for_all_processes(index: Server, tmp_path: Path) -> None:
    wheel = variant_wheel(tmp_path, "v3", requires=[MARKED])
    publish_page(index.folder, [wheel])
    first = only_file(upstream_of(tmp_path, index.url))
    requested(index)
    assert only_file(upstream_of(tmp_path, index.url)).file == first.file
    assert requested(index) == ["demo"]


def test_processes_that_rewrite_at_once_agree(index: Server, tmp_path: Path) -> None:
    publish_page(index.folder, [variant_wheel(tmp_path, "v3", requires=[MARKED])])
    upstreams = [upstream_of(tmp_path, index.url) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        files = {file.file.hashes["sha256"] for file in threads.map(only_file, upstreams)}
    assert len(files) == 1
    assert [*(tmp_path / "cache" / "wheels" / "new").iterdir()] == []


def test_a_damaged_rewritten_wheel_is_made_again(index: Server, tmp_path: Path) -> None:
    publish_page(index.folder, [variant_wheel(tmp_path, "v3", requires=[MARKED])])
    first = only_file(upstream_of(tmp_path, index.url)).file
    assert first.path
    first.path.write_bytes(b"")
    assert only_file(upstream_of(tmp_path, index.url)).file == first


def test_the_cache_of_rewritten_wheels_is_bounded(
    index: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_cache, "_LARGEST_WHEELS", 100)
    for version in ("1.0", "2.0"):
        publish_page(index.folder, [variant_wheel(tmp_path, "v3", version=version, requires=[MARKED])])
        file = only_file(upstream_of(tmp_path, index.url)).file
        wheels = [*(tmp_path / "cache" / "wheels").rglob("*.whl")]
        assert wheels == [file.path]


def test_the_cache_of_contents_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_cache, "_MOST_IN_FOLDER", 1)
    kept = disk_cache.KeptContents(tmp_path / "kept")
    monkeypatch.setattr(kept, "_path", lambda key: tmp_path / "kept" / "same" / key)
    for number in range(5):
        kept.add(str(number), b"x")
        assert kept.find(str(number)) == b"x"
    assert len([*(tmp_path / "kept" / "same").iterdir()]) == 1


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 100])
def test_damaged_contents_are_not_used(tmp_path: Path, content: bytes) -> None:
    kept = disk_cache.KeptContents(tmp_path / "kept")
    kept.add("key", b"right")
    assert disk_cache.KeptContents(tmp_path / "kept").find("key") == b"right"
    (path,) = (path for path in (tmp_path / "kept").rglob("*") if path.is_file())
    path.write_bytes(content)
    assert kept.find("key") is None


@pytest.mark.skipif("sys.platform == 'win32'")
def test_a_cache_that_others_can_change_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    kept = disk_cache.KeptContents(folder)
    kept.add("key", b"content")
    assert kept.find("key") is None
    assert [*folder.iterdir()] == []


def test_pages_list_what_the_upstream_says_of_each_file(index: Server, tmp_path: Path) -> None:
    files = [
        variant_wheel(tmp_path, "v3"),
        variant_wheel(tmp_path, "v3", version="2.0", requires=[MARKED]),
        variant_wheel(tmp_path, None, version="3.0"),
    ]
    facts: dict[str, object] = {
        "requires-python": ">=3.8",
        "upload-time": "2026-11-01T12:00:00.123456Z",
        "yanked": "broken",
    }
    entries = [
        {"filename": file.name, "url": file.name, "hashes": hashes(content), "size": len(content)}
        for file, content in ((file, file.read_bytes()) for file in files)
    ]
    more = {**facts, "provenance": "https://index.test/provenance"}
    document = {"meta": {"api-version": "1.3"}, "name": "demo", "files": [more | one for one in entries]}
    publish_page(index.folder, files)
    as_json = answer(200, json.dumps(document).encode(), Content_Type=JSON_TYPE)
    index.misbehave = lambda handler, rest: handler.path.endswith("/demo/") and as_json(handler, rest)
    project = prepared(upstream_of(tmp_path, index.url))
    listed = {file["filename"]: file for file in json.loads(to_json(simple_page(project)))["files"]}
    for number, (name, entry) in enumerate(zip(sorted(listed), entries, strict=True)):
        file = listed[name]
        assert {key: file.get(key) for key in facts} == facts
        is_rewritten, is_renamed = number == 1, number < 2
        assert ((file["hashes"], file["size"]) != (entry["hashes"], entry["size"])) is is_rewritten
        assert ("provenance" not in file) is is_renamed  # it contains the upstream's name of the file
    html = to_html(simple_page(project)).decode()
    assert html.count('data-requires-python="&gt;=3.8"') == html.count('data-yanked="broken"') == 3


def test_files_in_folders_have_hashes_and_sizes(wheels: list[Path], tmp_path: Path) -> None:
    upstream = upstream_of(tmp_path, folders=[wheels[0].parent])
    file = only_file(upstream).file
    content = wheels[0].read_bytes()
    assert (file.hashes, file.size) == (hashes(content), len(content))


def test_with_streams_no_file_links_to_the_upstream(
    index: Server, wheels: list[Path], tmp_path: Path
) -> None:
    publish_page(index.folder, wheels[1:], beside=True)
    is_direct = partial(map, lambda file: file.is_direct)
    upstream = upstream_of(tmp_path, index.url)
    assert [*is_direct(prepared(upstream).files)] == [True]
    assert [*is_direct(prepared(upstream, streams=True).files)] == [False]


def test_what_a_killed_process_has_left_is_removed(index: Server, tmp_path: Path) -> None:
    new = tmp_path / "cache" / "wheels" / "new"
    left = new / ".variant-backend-0123456789ab"
    left.mkdir(parents=True)
    (left / "wheel.whl").write_bytes(b"part")
    left.with_suffix(".lock").touch()
    publish_page(index.folder, [variant_wheel(tmp_path, "v3", requires=[MARKED])])
    assert only_file(upstream_of(tmp_path, index.url)).file.path
    assert [*new.iterdir()] == []


def test_metadata_without_hash_may_be_on_another_host(
    index: Server, wheels: list[Path], tmp_path: Path
) -> None:
    project = publish_page(index.folder, wheels, beside=True)
    page = project / "index.html"
    page.write_text(re.sub('data-core-metadata="[^"]*"', 'data-core-metadata="true"', page.read_text()))
    with served(index.folder) as other:

        def moved(handler: Handler, _: bytes | None) -> bool:
            is_metadata = handler.path.endswith(".metadata")
            return is_metadata and answer(302, Location=f"{other}{handler.path[1:]}")(handler, None)

        index.misbehave = moved
        file = only_file(upstream_of(tmp_path, index.url)).file
    assert file.core_metadata == hashes(PLAIN_METADATA.encode())
