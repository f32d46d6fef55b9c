"""The pages for people say what each machine gets, why, and what is wrong."""

from __future__ import annotations

import html
import re

import pytest
from helpers.offers import MACHINES, machine, make_variants
from helpers.programs import run

from variant_backend._internal.machine.support import Policy
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.serving.respond import ClientRequest, ServerAnswer
from variant_backend._internal.serving.site import Served, Site
from variant_backend._internal.serving.upstream import Upstream

pytestmark = pytest.mark.slow

CUDA = "nvidia :: cuda_version_lower_bound :: {}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("files")
    cuda = {"cu130": [CUDA.format("13.0")], "cu126": [CUDA.format("12.6")], None: []}
    make_variants(folder, "torchy", cuda)
    make_variants(folder, "plainy", {None: []})
    run("variant-backend", "index", folder)
    make_variants(folder, "brokeny", {"fast": ["x86_64 :: level :: v3"], None: []})
    (folder / "brokeny-1.0-variants.json").write_text("<nothing>")
    served = {name: Served(name, machine(spec), Policy()) for name, spec in MACHINES.items()}
    return Site(Upstream(Sources.of([str(folder)], []), tmp_path_factory.mktemp("cache")), served)


def answer(site: Site, path: str, **headers: str) -> ServerAnswer:
    return site.respond(ClientRequest("GET", path, headers))


def text(site: Site, path: str) -> str:
    """Return the text of a page, without its markup and style."""
    page = answer(site, path).body.decode()
    return html.unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL))


def test_the_start_page_has_each_machine_and_the_commands_of_installers(site: Site) -> None:
    page = text(site, "/")
    for name in MACHINES:
        assert f"pip install --index-url https://ADDRESS/{name}/simple/ PACKAGE" in page
    assert "NVIDIA driver for CUDA 12.8 or newer" in page
    assert "processors with SSE4.2 and POPCNT" in page


def test_the_page_of_a_project_says_what_each_machine_gets_and_why(site: Site) -> None:
    page = text(site, "/project/torchy/")
    assert page.count("cu126 (NVIDIA driver for CUDA 12.6 or newer)") == 2
    assert page.count("install a newer NVIDIA driver") == 2
    assert "2 other wheels left out" in page
    assert "Problems" not in page


def test_a_project_without_variants_is_the_same_for_all(site: Site) -> None:
    page = text(site, "/project/plainy/")
    assert "No release has variants." in page
    assert "1 file without variants: every machine gets the same." in page


def test_a_broken_index_file_is_a_problem_on_the_page(site: Site) -> None:
    page = text(site, "/project/brokeny/")
    assert "brokeny-1.0-variants.json" in page.partition("Problems")[2]
    assert "fast" in page
    assert page.count("the plain wheel") == len(MACHINES)


def test_unknown_projects_have_a_page_with_status_404(site: Site) -> None:
    unknown = answer(site, "/project/%3Cb%3E/"), answer(site, "/project/nothing/")
    assert [one.status for one in unknown] == [404, 404]
    assert b"Unknown project nothing" in unknown[1].body


@pytest.mark.parametrize(
    ("path", "location"), [("/project/Torchy/", "../torchy/"), ("/project/torchy", "torchy/")]
)
def test_pages_have_one_address(site: Site, path: str, location: str) -> None:
    moved = answer(site, path)
    assert (moved.status, moved.headers["Location"]) == (301, location)


def test_an_unchanged_page_is_not_sent_again(site: Site) -> None:
    tag = answer(site, "/").headers["ETag"]
    assert answer(site, "/", **{"if-none-match": tag}).status == 304
