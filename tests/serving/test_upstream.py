"""Pages of the upstream are kept and revalidated, and an upstream that fails is an error."""

from __future__ import annotations

import json
import os
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers.behaviors import answer
from helpers.programs import run_here
from helpers.range_server import Handler, Server
from helpers.servers import served
from helpers.upstreams import (
    Revalidated,
    filenames,
    offer_of,
    publish_page,
    requested,
    upstream_of,
    variant_wheel,
)

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel.deadlines import ServerFailedError
from variant_backend._internal.lowlevel.http import NOT_FOUND

V3, PLAIN = "demo-1.0-0_v3-py3-none-any.whl", "demo-1.0-py3-none-any.whl"


def test_an_unchanged_page_is_not_sent_again(index: Server, wheels: list[Path], tmp_path: Path) -> None:
    index.misbehave = pages = Revalidated()
    publish_page(index.folder, wheels)
    upstream = upstream_of(tmp_path, index.url)
    first = upstream.project("demo")
    assert upstream.project("Demo") is first
    assert pages.statuses == [200, 304]


def test_a_page_with_the_same_bytes_is_not_read_again(
    index: Server, wheels: list[Path], tmp_path: Path
) -> None:
    publish_page(index.folder, wheels)
    upstream = upstream_of(tmp_path, index.url)
    assert upstream.project("demo") is upstream.project("demo")


def test_a_changed_page_is_read_again(index: Server, wheels: list[Path], tmp_path: Path) -> None:
    index.misbehave = Revalidated()
    publish_page(index.folder, wheels[1:])
    upstream = upstream_of(tmp_path, index.url)
    assert filenames(upstream) == [PLAIN]
    publish_page(index.folder, wheels)
    assert filenames(upstream) == [V3]


@pytest.mark.parametrize(("max_age", "count"), [(60, 1), (0, 2)])
def test_max_age_saves_requests(
    index: Server, wheels: list[Path], tmp_path: Path, max_age: int, count: int
) -> None:
    index.misbehave = pages = Revalidated(max_age)
    publish_page(index.folder, wheels[1:])
    upstream = upstream_of(tmp_path, index.url)
    upstream.project("demo")
    upstream.project("demo")
    assert len(pages.statuses) == count


def test_a_max_age_of_hours_is_shortened(
    index: Server, wheels: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.misbehave = pages = Revalidated(100_000)
    publish_page(index.folder, wheels[1:])
    upstream = upstream_of(tmp_path, index.url)
    upstream.project("demo")
    now = time.monotonic()
    monkeypatch.setattr("variant_backend._internal.serving.project_reading.monotonic", lambda: now + 601)
    upstream.project("demo")
    assert pages.statuses == [200, 304]


def test_clients_at_the_same_time_share_one_request(
    index: Server, wheels: list[Path], tmp_path: Path
) -> None:
    def slowly(_: Handler, __: bytes | None) -> bool:
        time.sleep(0.3)
        return False

    publish_page(index.folder, wheels[1:])
    index.misbehave = slowly
    upstream = upstream_of(tmp_path, index.url)
    with ThreadPoolExecutor(8) as threads:
        projects = [*threads.map(upstream.project, ["demo"] * 8)]
    assert all(project is projects[0] for project in projects)
    assert requested(index) == ["demo"]


@pytest.mark.parametrize("behavior", [answer(403), answer(501), answer(200, b"x" * 10, 1 << 40)])
def test_an_index_that_fails_hides_later_indexes(
    index: Server, wheels: list[Path], tmp_path: Path, behavior: object
) -> None:
    publish_page(tmp_path / "other", wheels)
    index.misbehave = behavior  # type: ignore[assignment]
    with served(tmp_path / "other") as other, pytest.raises(VariantError) as caught:
        upstream_of(tmp_path, index.url, other).project("demo")
    assert caught.value.problems[0].code != NOT_FOUND
    assert caught.value.problems[0].place.startswith(index.url)


def test_only_unknown_projects_are_taken_from_a_later_index(
    index: Server, wheels: list[Path], tmp_path: Path
) -> None:
    publish_page(tmp_path / "other", wheels)
    with served(tmp_path / "other") as other:
        upstream = upstream_of(tmp_path, index.url, other)
        assert filenames(upstream) == [V3]
        with pytest.raises(VariantError, match="unknown project") as caught:
            upstream.project("nothing")
        assert {problem.code for problem in caught.value.problems} == {NOT_FOUND}
        publish_page(index.folder, [])
        assert filenames(upstream_of(tmp_path, index.url, other)) == []


def test_an_unreadable_page_is_an_error(index: Server, tmp_path: Path) -> None:
    index.misbehave = answer(200, b"{", Content_Type="application/json")
    with pytest.raises(VariantError, match="not a page of a package index"):
        upstream_of(tmp_path, index.url).project("demo")


def test_a_broken_index_file_hides_no_other_release(
    index: Server, wheels: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "release"
    files = [variant_wheel(folder, label, version="2.0") for label in ("v3", None)]
    run_here(main, "index", folder)
    document = next(folder.glob("*.json"))
    document.write_text("{")
    publish_page(index.folder, [*wheels, *files, document])
    offered = offer_of(upstream_of(tmp_path, index.url))
    assert [file.filename for file in offered.files] == [V3, "demo-2.0-py3-none-any.whl"]
    assert any(document.name in problem.place for problem in offered.problems)


def test_an_index_file_that_the_server_refuses_is_an_error(index: Server, tmp_path: Path) -> None:
    folder = tmp_path / "release"
    files = [variant_wheel(folder, label) for label in ("v3", None)]
    run_here(main, "index", folder)
    publish_page(index.folder, [*files, *folder.glob("*.json")], hashes=False)
    index.misbehave = lambda handler, _: handler.path.endswith(".json") and answer(403)(handler, None)
    with pytest.raises(ServerFailedError, match=r"variants\.json: access denied"):
        upstream_of(tmp_path, index.url).project("demo")


def test_an_index_file_without_hash_is_requested_again(index: Server, tmp_path: Path) -> None:
    folder = tmp_path / "release"
    files = [variant_wheel(folder, label) for label in ("v3", None)]
    run_here(main, "index", folder)
    document = next(folder.glob("*.json"))
    publish_page(index.folder, [*files, document], hashes=False)
    upstream = upstream_of(tmp_path, index.url)
    assert filenames(upstream) == [V3]
    (index.folder / "demo" / document.name).write_text("{")
    assert filenames(upstream) == [PLAIN]


def test_variants_are_read_from_wheels_in_ranges_and_only_once(
    index: Server, wheels: list[Path], tmp_path: Path
) -> None:
    publish_page(index.folder, wheels)
    assert filenames(upstream_of(tmp_path, index.url)) == [V3]
    assert requested(index) == ["demo", wheels[0].name]
    assert filenames(upstream_of(tmp_path, index.url), "x86_64:v2") == [PLAIN]
    assert requested(index) == ["demo"]


def test_variants_of_wheels_without_hash_are_not_kept_on_disk(
    index: Server, wheels: list[Path], tmp_path: Path
) -> None:
    publish_page(index.folder, wheels, hashes=False)
    for _ in range(2):
        assert filenames(upstream_of(tmp_path, index.url)) == [V3]
        assert wheels[0].name in requested(index)


def test_another_url_with_the_same_hash_is_read_again(
    index: Server, wheels: list[Path], tmp_path: Path
) -> None:
    publish_page(index.folder, wheels)
    publish_page(index.folder / "other", wheels)
    upstream_of(tmp_path, index.url).project("demo")
    requested(index)
    upstream_of(tmp_path, f"{index.url}other").project("demo")
    assert wheels[0].name in requested(index)


def test_without_ranges_a_whole_wheel_is_read(wheels: list[Path], tmp_path: Path) -> None:
    publish_page(tmp_path / "index", wheels)
    with served(tmp_path / "index") as url:
        assert filenames(upstream_of(tmp_path, url)) == [V3]
    assert [*(tmp_path / "cache" / "downloads").iterdir()] == []


def test_a_whole_wheel_beyond_the_limit_is_not_read(
    wheels: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("variant_backend._internal.selection.dist_info.LARGEST_WHOLE", 100)
    publish_page(tmp_path / "index", wheels)
    with served(tmp_path / "index") as url:
        offered = offer_of(upstream_of(tmp_path, url))
    assert [file.filename for file in offered.files] == [PLAIN]
    assert "more than 100 bytes" in str(offered.problems)


def test_another_wheel_of_a_label_decides_if_one_is_broken(
    index: Server, wheels: list[Path], tmp_path: Path
) -> None:
    other = variant_wheel(tmp_path / "other", "v3", tag="py2.py3-none-any")
    project = publish_page(index.folder, [*wheels, other])
    (project / wheels[0].name).write_bytes(b"no zip file")
    offered = offer_of(upstream_of(tmp_path, index.url))
    assert [file.filename for file in offered.files] == ["demo-1.0-0_v3-py2.py3-none-any.whl"]
    assert any(wheels[0].name in problem.place for problem in offered.problems)


def test_labels_that_contradict_each_other_are_excluded(
    index: Server, wheels: list[Path], tmp_path: Path
) -> None:
    other = make_contradicting(tmp_path)
    publish_page(index.folder, [*wheels, other])
    offered = offer_of(upstream_of(tmp_path, index.url))
    assert [file.filename for file in offered.files] == [V3]
    assert any(other.name in problem.place for problem in offered.problems)


def make_contradicting(folder: Path) -> Path:
    """Write a variant whose provider differs from that of other wheels."""
    wheel = variant_wheel(folder / "other", "v4", "v4")
    changed = folder / wheel.name
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("/variant.json"):
                document = json.loads(content)
                document["providers"] = {"x86_64": {"requires": ["another-provider"]}}
                content = json.dumps(document).encode()
            new.writestr(name, content)
    return changed


@pytest.mark.parametrize("kind", ["folder", "index"])
def test_upstreams_on_disk_are_read_again_after_changes(
    wheels: list[Path], tmp_path: Path, kind: str
) -> None:
    project = publish_page(tmp_path / "index", wheels[1:])
    if kind == "folder":
        upstream = upstream_of(tmp_path, folders=[project])
    else:
        upstream = upstream_of(tmp_path, (tmp_path / "index").as_uri())
    assert filenames(upstream) == [PLAIN]
    long_ago = time.time() - 100
    for path in (project, *project.iterdir()):
        os.utime(path, (long_ago, long_ago))
    publish_page(tmp_path / "index", wheels)
    assert sorted(filenames(upstream)) == [V3]


def test_all_projects_of_all_sources_are_listed(index: Server, wheels: list[Path], tmp_path: Path) -> None:
    (index.folder / "index.html").write_text('<a href="Some_Thing/">Some_Thing</a><a href="//other/x/">x</a>')
    publish_page(tmp_path / "other", wheels)
    upstream = upstream_of(tmp_path, index.url, (tmp_path / "other").as_uri(), folders=[wheels[1].parent])
    assert upstream.projects() == ("demo", "some-thing")


@pytest.mark.parametrize("name", ["..%2F..%2Fevil-1.0-py3-none-any.whl", "..%5Cevil-1.0-py3-none-any.whl"])
def test_names_that_are_paths_write_nothing(
    index: Server, wheels: list[Path], tmp_path: Path, name: str
) -> None:
    project = publish_page(index.folder, wheels)
    page = project / "index.html"
    page.write_text(f'{page.read_text()}<a href="{name}">x</a><a href="file:///etc/passwd">demo-9.tar.gz</a>')
    files = upstream_of(tmp_path, index.url).project("demo").files
    assert not any("/" in file.filename or file.path for file in files)
    assert [*tmp_path.rglob("*evil*")] == []
