"""A site renders each page once, and finds files of pages that another process has served."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.offers import machine
from helpers.range_server import Server
from helpers.upstreams import publish_page, ranged, requested, upstream_of, variant_wheel

from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.simple_api import JSON_TYPE
from variant_backend._internal.machine.support import Policy
from variant_backend._internal.serving import rendered
from variant_backend._internal.serving.recent import RecentlyUsed, SharedWork
from variant_backend._internal.serving.respond import ClientRequest, ServerAnswer
from variant_backend._internal.serving.site import Served, Site
from variant_backend._internal.serving.streaming import begun

PAGE = "/v3/simple/demo/"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "index"
    publish_page(folder, [variant_wheel(tmp_path, "v3"), variant_wheel(tmp_path, None)], beside=True)
    (folder / "index.html").write_text('<a href="demo/">demo</a>')
    with ranged(folder) as server:
        yield server


def site_of(cache: Path, url: str) -> Site:
    served = {name: Served(name, machine(f"x86_64:{name}"), Policy()) for name in ("v3", "v2")}
    return Site(upstream_of(cache, url), served)


def get(site: Site, path: str, accept: str = JSON_TYPE) -> ServerAnswer:
    return site.respond(ClientRequest("GET", path, {"accept": accept}))


def only_url(site: Site, page: str = PAGE) -> str:
    (file,) = json.loads(get(site, page).body)["files"]
    return str(file["url"]).replace("../../", "/v3/")


def test_an_unchanged_page_is_not_rendered_again(index: Server, tmp_path: Path) -> None:
    site = site_of(tmp_path, index.url)
    assert get(site, PAGE).body is get(site, PAGE).body
    assert get(site, PAGE, "text/html").body is get(site, PAGE, "text/html").body
    assert b"<a " in get(site, PAGE, "text/html").body


def test_machines_have_their_own_pages(index: Server, tmp_path: Path) -> None:
    site = site_of(tmp_path, index.url)
    assert "0_v3" in only_url(site)
    assert get(site, "/v2/simple/demo/").body != get(site, PAGE).body


def test_a_file_needs_no_request_after_its_page(index: Server, tmp_path: Path) -> None:
    site = site_of(tmp_path, index.url)
    url = only_url(site)
    requested(index)
    assert get(site, url).status == 302
    assert get(site, f"{url}.metadata").status == 200
    assert requested(index) == []


def test_another_process_has_the_same_files(index: Server, tmp_path: Path) -> None:
    url = only_url(site_of(tmp_path, index.url))
    other = site_of(tmp_path / "other", index.url)
    assert get(other, url).status == 302
    assert get(other, f"{url}.metadata").body.startswith(b"Metadata-Version")
    assert get(other, url.replace("/demo/", "/demo/0")).status == 404


def test_a_named_environment_with_a_wheel_gets_no_sdist(tmp_path: Path) -> None:
    wheel, sdist = variant_wheel(tmp_path, "v3", tag="cp312-cp312-win_amd64"), tmp_path / "demo-1.0.tar.gz"
    sdist.touch()
    publish_page(tmp_path / "index", [wheel, sdist])
    offered = "demo-1.0-0_v3-cp312-cp312-win_amd64.whl"
    with ranged(tmp_path / "index") as server:
        site = site_of(tmp_path, server.url)
        for path, expected in {
            "v3": [offered, sdist.name],
            "v2": [sdist.name],
            "v3/3.12-win_amd64": [offered],
            "v3/3.13-win_amd64": [sdist.name],
            "v2/3.12-win_amd64": [sdist.name],
        }.items():
            page = json.loads(get(site, f"/{path}/simple/demo/").body)
            assert [file["filename"] for file in page["files"]] == expected


def test_a_project_of_which_nothing_fits_is_an_empty_page(tmp_path: Path) -> None:
    publish_page(tmp_path / "index", [variant_wheel(tmp_path, "v3")])
    with ranged(tmp_path / "index") as server:
        site = site_of(tmp_path, server.url)
        answer = get(site, "/v2/simple/demo/")
        assert (answer.status, json.loads(answer.body)["files"]) == (200, [])
        assert get(site, "/v2/simple/unknown/").status == 404
        assert b"nothing</b>: no wheel fits" in get(site, "/project/demo/").body


def test_the_list_of_projects_is_served_in_both_forms(index: Server, tmp_path: Path) -> None:
    site = site_of(tmp_path, index.url)
    assert json.loads(get(site, "/v3/simple/").body)["projects"] == [{"name": "demo"}]
    assert b'<a href="demo/">demo</a>' in get(site, "/v3/3.12-win_amd64/simple/", "text/html").body
    assert get(site, "/unknown/simple/").status == 404


def test_an_upstream_without_a_list_of_projects_has_none(index: Server, tmp_path: Path) -> None:
    (index.folder / "index.html").unlink()
    assert get(site_of(tmp_path, index.url), "/v3/simple/").status == 404


def test_a_link_of_the_upstream_is_a_valid_header(index: Server, tmp_path: Path) -> None:
    name = "demo-2.0-py3-none-any.whl"
    index.has_json = True
    url = "https://ex\u00e4mple.org/a b/\u00fc\u20ac.whl\r\nSet-Cookie: a=b"
    file = {"filename": name, "url": url, "hashes": {"sha256": "../../../x"}}
    page = {"name": "demo", "meta": {"api-version": "1.0"}, "files": [file]}
    (index.folder / "demo" / "index.json").write_text(json.dumps(page))
    site = site_of(tmp_path, index.url)
    answer = get(site, only_url(site))
    assert answer.status == 302
    location = "https://xn--exmple-cua.org/a%20b/%C3%BC%E2%82%AC.whlSet-Cookie:%20a=b"
    assert answer.headers["Location"] == location


def test_a_deleted_cache_is_written_again(tmp_path: Path) -> None:
    wheel = variant_wheel(tmp_path, "v3", requires=["six; 'x86_64' in variant_namespaces"])
    publish_page(tmp_path / "index", [wheel])
    with ranged(tmp_path / "index") as server:
        site = site_of(tmp_path, server.url)
        url = only_url(site)
        shutil.rmtree(tmp_path / "cache")
        answer, parts = begun(get(site, url))
        assert answer.status == 200
        assert hashlib.sha256(b"".join(parts)).hexdigest().startswith(url.split("/")[-2])


def test_a_changed_wheel_is_read_again_though_its_page_is_the_same(tmp_path: Path) -> None:
    publish_page(tmp_path / "index", [variant_wheel(tmp_path, "v3")], hashes=False)
    with ranged(tmp_path / "index") as server:
        site = site_of(tmp_path, server.url)
        url = only_url(site)
        publish_page(tmp_path / "index", [variant_wheel(tmp_path, "v3", requires=["six"])], hashes=False)
        assert get(site, f"{url}.metadata").status == 502
        assert only_url(site) == url
        assert b"six" in get(site, f"{url}.metadata").body


def test_many_environments_do_not_fill_the_memory(
    index: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_of(tmp_path, index.url)
    for minor in range(17, 57):
        assert get(site, f"/v3/3.12-manylinux_2_{minor}_x86_64/simple/demo/").status == 200
    pages = site._pages._pages.find(("v3", "demo"))
    assert pages
    assert len(pages.rendered) == 32
    monkeypatch.setattr(rendered, "_MOST_FILES", 3)
    assert get(site, "/v3/3.13-win_amd64/simple/demo/").status == 200
    assert len(pages.rendered) == 3


def test_values_without_recent_use_are_removed() -> None:
    kept: RecentlyUsed[str, int] = RecentlyUsed(3)
    for number, key in enumerate("abc"):
        kept.put(key, number)
    kept.find("a")
    kept.put("d", 3)
    assert [kept.find(key) for key in "abcd"] == [0, None, 2, 3]
    kept.put("large", 4, weight=10)
    assert [kept.find(key) for key in ("a", "c", "d", "large")] == [None, None, None, 4]


def test_an_error_reaches_all_who_wait_and_is_not_kept() -> None:
    work: SharedWork[str, int] = SharedWork()
    started, ended, errors = threading.Event(), threading.Event(), list[str]()

    def fail() -> int:
        started.set()
        ended.wait()
        raise VariantError("no answer")

    def ask() -> None:
        try:
            work.result("key", fail)
        except VariantError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    threads[0].start()
    started.wait()
    for thread in threads[1:]:
        thread.start()
    ended.set()
    for thread in threads:
        thread.join()
    assert errors == ["no answer"] * 3
    assert work.result("key", lambda: 1) == 1
