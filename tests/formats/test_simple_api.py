"""Reading the written pages of a package index gives the same values, and hostile pages are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.release import Candidate, File
from variant_backend._internal.formats.simple_api import (
    Page,
    from_html,
    from_json,
    is_own_html,
    is_own_json,
    projects_from_html,
    projects_from_json,
    projects_to_html,
    projects_to_json,
    to_html,
    to_json,
)

URL = "https://host.test/simple/my-demo/"

digests = st.text("0123456789abcdef", min_size=1, max_size=8)
one_hash: st.SearchStrategy[dict[str, str]] = st.sampled_from([{}, {"sha256": "01ab"}, {"md5": "ff"}])
texts = st.text("a.-+ \"'<>&;%#?=:@[]é\n", max_size=8)
filenames = st.text("a.-+ \"'<>&;%#?=:@[]é", min_size=1, max_size=8).filter(
    lambda name: name.strip() == name and name not in (".", "..")
)


@st.composite
def files(
    draw: st.DrawFn,
    hashes: st.SearchStrategy[dict[str, str]],
    size: st.SearchStrategy[int | None],
    time: st.SearchStrategy[str | None],
) -> File:
    name = draw(filenames)
    return File(
        name,
        f"https://files.test/a/{quote(name)}",
        draw(hashes),
        draw(size),
        draw(st.none() | texts),
        draw(st.none() | hashes),
        draw(st.none() | texts),
        draw(time),
        draw(st.none() | st.just("https://files.test/a/provenance")),
    )


def pages(of: st.SearchStrategy[File]) -> st.SearchStrategy[Page]:
    return st.builds(Page, st.just("my-demo"), st.lists(of, max_size=4).map(tuple))


@given(pages(files(one_hash, st.none(), st.none())))
def test_an_html_page_is_read_as_written(page: Page) -> None:
    assert from_html(to_html(page), URL) == page


times = st.sampled_from([None, "2026-11-29T07:58:00Z", "2026-11-29T07:58:00.123456Z"])


@given(pages(files(st.dictionaries(texts, digests, max_size=2), st.none() | st.integers(0), times)))
def test_a_json_page_is_read_as_written(page: Page) -> None:
    assert from_json(to_json(page), URL) == page


@pytest.mark.parametrize("write_and_read", [(to_html, from_html), (to_json, from_json)])
def test_links_are_relative_to_the_page(write_and_read: tuple[object, object]) -> None:
    write, read = write_and_read
    page = Page("my-demo", (File("a-1.whl", "../../a-1.whl", {"sha256": "ab"}),))
    (file,) = read(write(page), URL).files  # type: ignore[operator]
    assert file == File("a-1.whl", "https://host.test/a-1.whl", {"sha256": "ab"})


def test_html_of_other_servers_is_read() -> None:
    page = b"""<html><head><meta name="pypi:repository-version" content="1.4"><base href="/files/"></head>
    <A HREF='demo-1.0%2Bcpu-py3-none-any.whl#sha256=AB' data-requires-python="&gt;=3.8"
      data-dist-info-metadata=true data-core-metadata="sha256=cd">demo<br>
    <a href="https://[bad/x.whl">x</a> <a href="demo/">folder</a> <a name=x>y</a> <a href="y.whl#egg=y">y"""
    assert from_html(page, URL) == Page(
        "my-demo",
        (
            File(
                "demo-1.0+cpu-py3-none-any.whl",
                "https://host.test/files/demo-1.0%2Bcpu-py3-none-any.whl",
                {"sha256": "ab"},
                requires_python=">=3.8",
                core_metadata={"sha256": "cd"},
            ),
            File("y.whl", "https://host.test/files/y.whl", {}),
        ),
    )


def test_a_metadata_file_may_have_no_hash() -> None:
    table: dict[str, object] = {"filename": "a.whl", "url": "a.whl", "hashes": {}}
    tables = [table | {"core-metadata": value} for value in (True, False, {"sha256": "ab"})]
    tables += [table | {"dist-info-metadata": True}, table]
    content = json.dumps({"meta": {"api-version": "1.0"}, "name": "my-demo", "files": tables}).encode()
    read = [file.core_metadata for file in from_json(content, URL).files]
    assert read == [{}, None, {"sha256": "ab"}, {}, None]


@given(st.binary(max_size=60) | st.text("<![a href='\"=-&;#x>/", max_size=60).map(str.encode))
def test_any_html_is_read_or_raises_variant_error(content: bytes) -> None:
    try:
        assert from_html(content, URL).name == "my-demo"
    except VariantError as error:
        assert URL in str(error) or str(error).startswith("not a page of a package index: ")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 1) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(
    ["meta", "name", "files", "filename", "url", "hashes", "size", "requires-python", "core-metadata"]
)
near_misses = st.fixed_dictionaries(
    {
        "meta": json_values | st.just({}),
        "name": json_values,
        "files": st.lists(st.dictionaries(keys, json_values)),
    }
)


@given(near_misses.map(json.dumps).map(str.encode) | st.binary(max_size=20))
def test_any_json_is_read_or_raises_variant_error(content: bytes) -> None:
    try:
        page = from_json(content, URL)
        assert all(isinstance(file.filename, str) and str(file.url).startswith("http") for file in page.files)
    except VariantError as error:
        assert all(problem.text for problem in error.problems)


@pytest.mark.parametrize("version", ["2.0", "1", "x", ""])
def test_a_page_of_another_major_version_is_refused(version: str) -> None:
    html = f'<meta name="pypi:repository-version" content="{version}">'.encode()
    document = json.dumps({"meta": {"api-version": version}, "name": "x", "files": []}).encode()
    for read, content in ((from_html, html), (from_json, document)):
        with pytest.raises(VariantError, match="unknown version"):
            read(content, URL)


def test_metadata_files_are_listed_with_the_key_of_pep_714() -> None:
    # With the key of PEP 658, pip 22.3 to 23.1 fails: always for JSON, for HTML if Name is not normalized.
    page = Page("demo", (File("demo-1.0-py3-none-any.whl", "x.whl", {}, core_metadata={"sha256": "ab"}),))
    for content in (to_html(page), to_json(page)):
        assert b"core-metadata" in content
        assert b"dist-info-metadata" not in content


def test_json_lists_the_versions_of_the_filenames() -> None:
    names = ["demo-1.0-py3-none-any-x.whl", "demo-1.0-variants.json", "demo-2.0.tar.gz", "readme.txt"]
    page = Page("demo", tuple(File(name, name, {}) for name in names))
    assert json.loads(to_json(page))["versions"] == ["1.0", "2.0"]


def test_own_pages_differ_from_other_pages() -> None:
    page = Page("demo", ())
    assert all(map(is_own_html, (to_html(page), projects_to_html(["demo"]))))
    assert all(map(is_own_json, (to_json(page), projects_to_json(["demo"]))))
    assert not any(map(is_own_html, (b"", b"<html>", to_json(page))))
    assert not any(
        map(is_own_json, (b"", b"[]", b"{}", b'{"meta": {"_generator": 1}}', b"\xff", b"[" * 9999))
    )


# The page with the list of all projects.

ROOT = "https://host.test/simple/"
names = st.lists(st.from_regex(r"[a-z0-9]{1,4}(-[a-z0-9]{1,4})?", fullmatch=True), unique=True, max_size=5)
both_forms = pytest.mark.parametrize(
    ("write", "read"), [(projects_to_html, projects_from_html), (projects_to_json, projects_from_json)]
)


@both_forms
@given(names)
def test_the_list_of_projects_is_read_as_written(
    write: Callable[[list[str]], bytes], read: Callable[[bytes, str], dict[str, str]], names: list[str]
) -> None:
    projects = read(write(names), ROOT)
    assert [*projects.items()] == [(name, f"{ROOT}{name}/") for name in names]
    assert read(write(names), f"{ROOT}index.page?format=x/y") == projects


def test_html_links_one_level_below_are_projects() -> None:
    links = ["My_Demo/", "/simple/two", f"{ROOT}three/", "my-demo/", "../", "./", "", "a/b/", "x/?q", "x/#f"]
    links += ["https://elsewhere.test/simple/four/", "https://[bad/", "-five/", "s%69x/", "se%2Fven/"]
    page = "".join(f'<a href="{link}">x</a>' for link in links).encode()
    assert projects_from_html(page, ROOT) == {
        "my-demo": f"{ROOT}My_Demo/",
        "two": f"{ROOT}two",
        "three": f"{ROOT}three/",
        "six": f"{ROOT}s%69x/",
    }
    assert projects_from_html(
        b'<base href="/simple/"><a href="demo/">x</a>', "https://host.test/simple/"
    ) == {"demo": f"{ROOT}demo/"}


def test_all_problems_of_a_project_list_are_reported() -> None:
    entries = [{"name": "My.Demo"}, {"name": "../x"}, {"name": 1}, {}, "x"]
    page = json.dumps({"meta": {"api-version": "1.0"}, "projects": entries}).encode()
    with pytest.raises(VariantError) as caught:
        projects_from_json(page, ROOT)
    assert [line.split("page of a package index: ")[1][:16] for line in caught.value.lines()] == [
        "projects[1].name",
        "projects[2].name",
        "projects[3].name",
        "projects[4]: exp",
    ]
    page = json.dumps({"projects": entries[:1]}).encode()
    assert projects_from_json(page, ROOT) == {"my-demo": f"{ROOT}my-demo/"}


def test_a_project_page_has_no_list_of_projects() -> None:
    assert projects_from_json(to_json(Page("demo", ())), ROOT) is None
    assert projects_from_html(to_html(Page("demo", (File("a-1.whl", "../../a-1.whl", {}),))), URL) == {}


def test_the_first_base_with_a_link_counts_as_in_browsers() -> None:
    for bases, folder in (("<base href=''><base href='/b/'>", URL), ("<base><base href='/b/'>", "/b/")):
        (file,) = from_html(f"{bases}<a href=a-1.whl>".encode(), URL).files
        assert file.location == urljoin(urljoin(URL, folder), "a-1.whl")


def test_a_page_cannot_name_a_wheel_that_is_a_path() -> None:
    for name in (
        "demo-1.0-py3-none-any.%5C..%5Cx.whl",
        "demo-1.0-1%5C..%5Cx-py3-none-any.whl",
        "..-1.0-py3-none-any.whl",
    ):
        (file,) = from_html(f'<a href="{name}">x</a>'.encode(), URL).files
        assert Candidate.of(file) is None


def test_the_limit_of_links_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("variant_backend._internal.formats.simple_api._MOST_LINKS", 2)
    assert len(from_html(b"<a href=x-1.whl>" * 2, URL).files) == 2
    for read in (from_html, projects_from_html):
        with pytest.raises(VariantError, match="expected at most 2 links, got more"):
            read(b"<a href=x-1.whl>" * 3, URL)


def test_the_limit_of_values_in_json_is_named() -> None:
    page = b'{"meta": {}, "name": "x", "files": [' + b"[]," * 1_000_000 + b"1]}"
    with pytest.raises(VariantError, match="expected at most 2000000 values, got up to 2000006"):
        from_json(page, URL)
