"""Routes, content negotiation, conditional requests and tokens of the offer, as values."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from urllib.parse import unquote, urljoin

import pytest
from helpers.made_wheels import make_wheel
from helpers.offers import machine
from hypothesis import given
from hypothesis import strategies as st

from variant_backend._internal.formats.simple_api import JSON_TYPE, from_html, from_json
from variant_backend._internal.machine.support import Policy
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.serving.respond import (
    HTML_TYPE,
    ClientRequest,
    FilePath,
    HealthPath,
    OtherPath,
    PersonPath,
    ProjectPath,
    ProjectsPath,
    ServerAnswer,
    has_token,
    preferred_type,
    route,
)
from variant_backend._internal.serving.site import Served, Site
from variant_backend._internal.serving.upstream import Upstream

TEXT_TYPE = "text/html; charset=utf-8"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site of a folder with a plain wheel, whose local version must be quoted in URLs."""
    folder = tmp_path_factory.mktemp("dist")
    make_wheel(folder, version="1.0+local")
    upstream = Upstream(Sources.of([str(folder)], []), folder / "cache")
    return Site(upstream, {"gpu": Served("gpu", machine("x86_64:v3"), Policy())})


def ask(site: Site, path: str, method: str = "GET", **headers: str) -> ServerAnswer:
    named = {name.lower().replace("_", "-"): value for name, value in headers.items()}
    return site.respond(ClientRequest(method, path, named))


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/", PersonPath("")),
        ("/health", HealthPath()),
        ("/project/demo/", PersonPath("demo")),
        ("/project/Demo_X/", OtherPath("../demo-x/")),
        ("/gpu/simple/", ProjectsPath("gpu", "")),
        ("/gpu/3.12-win_amd64/simple/", ProjectsPath("gpu", "3.12-win_amd64")),
        ("/gpu/simple/demo/", ProjectPath("gpu", "", "demo")),
        ("/gpu/simple/demo/?x=1", ProjectPath("gpu", "", "demo")),
        ("/gpu/3.12-win_amd64/simple/demo/", ProjectPath("gpu", "3.12-win_amd64", "demo")),
        ("/gpu/simple/simple/", ProjectPath("gpu", "", "simple")),
        ("/gpu/simple/simple", OtherPath("simple/")),
        ("/gpu/3.12-win_amd64/simple/simple/", ProjectPath("gpu", "3.12-win_amd64", "simple")),
        ("/gpu/simple/demo", OtherPath("demo/")),
        ("/gpu/simple/De.mo__X/", OtherPath("../de-mo-x/")),
        ("/gpu/files/demo/0a/demo-1%2Blocal.whl", FilePath("gpu", "demo", "0a", "demo-1+local.whl")),
        # What a page lists has no such names, and the upstream must never see them.
        ("/gpu/simple/../", OtherPath()),
        ("/gpu/simple/%2e%2e/", OtherPath()),
        ("/gpu/simple/..%2Fsecret/", OtherPath()),
        ("/gpu/simple/demo%2F..%2F/", OtherPath()),
        ("/gpu/simple/demo%00/", OtherPath()),
        ("/gpu/simple/demo%0d%0a/", OtherPath()),
        ("/gpu/simple/d%C3%A9mo/", OtherPath()),
        ("/gpu/simple//", OtherPath()),
        ("/gpu/simple/-/", OtherPath()),
        (f"/gpu/simple/{'a' * 300}/", OtherPath()),
        ("/gpu/files/..%2Fsecret/0a/x.whl", OtherPath()),
        ("/gpu/files/Demo/0a/x.whl", OtherPath()),
        ("/gpu/files/demo/0a/", OtherPath()),
        ("/gpu/files/demo/0a/x/y.whl", OtherPath()),
        ("/gpu/a/b/simple/demo/", OtherPath()),
        ("//health", OtherPath()),
        ("", OtherPath()),
        ("*", OtherPath()),
    ],
)
def test_a_path_names_a_page_a_file_or_nothing(path: str, place: object) -> None:
    assert route(path) == place


@given(st.text())
def test_no_path_gets_another_answer_than_a_page_or_an_error(path: str) -> None:
    place = route(f"/{path}")
    if isinstance(place, OtherPath):
        assert ":" not in place.location
        assert not place.location.startswith("/")


@given(
    path=st.lists(st.sampled_from(["gpu", "simple", "files", "..", "%2e%2e", "demo", "", "%2F", "%00", "é"]))
)
def test_hostile_paths_get_errors(site: Site, path: list[str]) -> None:
    answer = ask(site, "/" + "/".join(path))
    assert answer.status in (200, 301, 404)
    assert "\n" not in answer.headers.get("Location", "")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        # The headers of pip, uv, Poetry and PDM, browsers, curl.
        (f"{JSON_TYPE}, {HTML_TYPE}; q=0.1, text/html; q=0.01", JSON_TYPE),
        (f"{JSON_TYPE}, {HTML_TYPE};q=0.2, text/html;q=0.01", JSON_TYPE),
        (f"{JSON_TYPE}, */*;q=0.1", JSON_TYPE),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT_TYPE),
        ("*/*", TEXT_TYPE),
        ("", TEXT_TYPE),
        (HTML_TYPE, HTML_TYPE),
        ("application/vnd.pypi.simple.latest+json", JSON_TYPE),
        ("application/vnd.pypi.simple.latest+html", HTML_TYPE),
        (f"{JSON_TYPE};q=0.2, text/html", TEXT_TYPE),
        (f"{JSON_TYPE};q=0, text/html;q=0.5", TEXT_TYPE),
        (f"{JSON_TYPE.upper()} ; Q=1.000", JSON_TYPE),
        (f"{JSON_TYPE};q=x, {HTML_TYPE};q=0.1", HTML_TYPE),
        (f"{JSON_TYPE};q=1e9, {HTML_TYPE};q=0.1", HTML_TYPE),
        ("image/png", TEXT_TYPE),
        (";;,,=;q=", TEXT_TYPE),
    ],
)
def test_the_media_type_with_the_highest_quality_is_served(accept: str, kind: str, site: Site) -> None:
    assert preferred_type(accept) == kind
    assert ask(site, "/gpu/simple/demo/", accept=accept).headers["Content-Type"] == kind


def test_each_media_type_has_its_own_etag_and_vary(site: Site) -> None:
    answers = [ask(site, "/gpu/simple/demo/", accept=kind) for kind in (JSON_TYPE, HTML_TYPE, "text/html")]
    assert len({answer.headers["ETag"] for answer in answers}) == 3
    assert {answer.headers["Vary"] for answer in answers} == {"Accept, User-Agent"}
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-cache"}


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("{}", 304),
        ("W/{}", 304),
        ('"x", {}', 304),
        ('"x" ,W/{} , "y"', 304),
        ("*", 304),
        ('"x"', 200),
        ("", 200),
        ("{}x", 200),
    ],
)
def test_a_known_page_is_not_sent_again(form: str, status: int, site: Site) -> None:
    tag = ask(site, "/gpu/simple/demo/").headers["ETag"]
    answer = ask(site, "/gpu/simple/demo/", if_none_match=form.format(tag))
    assert answer.status == status
    assert answer.headers["ETag"] == tag
    assert bool(answer.body) is (status == 200)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get", ""])
def test_other_methods_are_refused(method: str, site: Site) -> None:
    answer = ask(site, "/gpu/simple/demo/", method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("prefix", ["http://host.test/", "https://host.test/deep/below/"])
@pytest.mark.parametrize("environment", ["", "3.12-manylinux_2_28_x86_64/"])
def test_links_lead_to_files_below_any_prefix(prefix: str, environment: str, site: Site) -> None:
    path = f"gpu/{environment}simple/demo/"
    url = f"{prefix}{path}"
    read = (
        from_json(ask(site, f"/{path}", accept=JSON_TYPE).body, url),
        from_html(ask(site, f"/{path}").body, url),
    )
    for page in read:
        (file,) = page.files
        assert str(file.location).startswith(f"{prefix}gpu/files/demo/")
        answer = ask(site, f"/{str(file.location).removeprefix(prefix)}")
        assert answer.file is not None
        metadata = ask(site, f"/{str(file.location).removeprefix(prefix)}.metadata")
        assert b"Name: demo" in metadata.body
        assert unquote(str(file.location)).endswith("/demo-1.0+local-py3-none-any.whl")


@pytest.mark.parametrize("prefix", ["http://host.test/", "https://host.test/deep/below/"])
@pytest.mark.parametrize("path", ["gpu/simple/demo", "gpu/simple/DEMO/", "gpu/3.12-win32/simple/DEMO"])
def test_redirects_lead_to_the_page_below_any_prefix(prefix: str, path: str, site: Site) -> None:
    answer = ask(site, f"/{path}")
    target = urljoin(f"{prefix}{path}", answer.headers["Location"])
    assert answer.status == 301
    assert target.startswith(prefix)
    assert ask(site, f"/{target.removeprefix(prefix)}").status == 200


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/cpu/simple/demo/", "unknown machine 'cpu'"),
        ("/gpu/3.12-lunix/simple/demo/", "lunix"),
        ("/gpu/2.7-win32/simple/demo/", "2.7"),
        ("/gpu/simple/other/", "other"),
        ("/gpu/files/demo/0a/demo-1.0-py3-none-any.whl", "no file demo-1.0-py3-none-any.whl"),
        ("/nowhere", "not found"),
    ],
)
def test_an_unknown_path_is_404_with_its_reason_as_text(path: str, text: str, site: Site) -> None:
    answer = ask(site, path)
    assert (answer.status, answer.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert text in answer.body.decode()


def _basic(text: str) -> str:
    return f"Basic {b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("header", "is_right"),
    [
        (_basic("any:secret"), True),
        (_basic(":secret"), True),
        (_basic("any:secret").replace("Basic", "bAsIc"), True),
        (_basic("any:Secret"), False),
        (_basic("secret:"), False),
        (_basic("any:x:secret"), False),
        (_basic("secret"), False),
        (_basic("any:secret\0"), False),
        ("Bearer secret", False),
        ("Basic secret", False),
        ("Basic é", False),
        ("Basic", False),
        ("", False),
    ],
)
def test_the_token_is_the_password_of_any_user(header: str, is_right: bool, tmp_path: Path) -> None:
    assert has_token(ClientRequest("GET", "/", {"authorization": header}), "secret") is is_right
    private = Site(Upstream(Sources.of([str(tmp_path)], []), tmp_path), {}, token="secret")
    answer = ask(private, "/gpu/simple/", authorization=header)
    assert answer.status == (404 if is_right else 401)
    assert b"secret" not in answer.body
    assert ("WWW-Authenticate" in answer.headers) is not is_right
    assert ask(private, "/health").status == 200


def test_a_page_lists_what_the_source_knows_of_a_file(site: Site) -> None:
    page = json.loads(ask(site, "/gpu/simple/demo/", accept=JSON_TYPE).body)
    assert page["versions"] == ["1.0+local"]
    (file,) = page["files"]
    assert file["hashes"].keys() == {"sha256"}
