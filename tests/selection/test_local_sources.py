"""Folders, ``file://`` URLs and package indexes on disk are sources, as in pip and uv."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.made_wheels import make_wheel
from helpers.programs import run
from helpers.range_server import Server
from helpers.sample_release import DOCUMENT, write_release

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.simple_api import JSON_TYPE
from variant_backend._internal.selection.releases import (
    Listings,
    Sources,
    find_listings,
    projects,
    read_release,
)

FAST, PLAIN = "demo-1.0-py3-none-any-fast.whl", "demo-1.0-py3-none-any.whl"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a folder of wheels, and a package index on disk, in a folder with special characters."""
    root = tmp_path / "ä b%20#x"
    write_release(root / "dist", DOCUMENT)
    make_wheel(root / "dist", "other")
    run("variant-backend", "index", root / "dist", "--simple", "-o", root / "out")
    monkeypatch.chdir(root)
    return root


def on_index(*index_urls: object, name: str = "demo") -> Listings:
    return find_listings(name, Sources.of([], map(str, index_urls)))


def problem_of(listings: Listings) -> str:
    (problem,) = listings.problems
    return str(problem)


def test_find_links_takes_a_folder_or_its_file_url(root: Path) -> None:
    assert Sources.of(["dist"], []) == Sources((Path("dist"),))
    assert Sources.of([(root / "dist").as_uri()], []) == Sources((root / "dist",))
    assert projects(Sources.of([(root / "dist").as_uri()], [])) == ["demo", "other"]


def test_index_url_takes_a_folder_or_its_file_url(root: Path) -> None:
    simple = root / "out" / "simple"
    for url in (simple, f"{simple}/", "out/simple", simple.as_uri(), f"{simple.as_uri()}/"):
        (listing,) = on_index(url).releases
        assert {wheel.file.location for wheel in listing.wheels} == {*(root / "dist").glob("demo-*.whl")}
        release = read_release(listing)
        assert release.metadata
        assert (release.problems, [*release.metadata.variants]) == ((), ["fast", "null", "safe"])


@pytest.mark.usefixtures("root")
def test_hashes_of_a_local_page_are_kept() -> None:
    (listing,) = on_index("out/simple").releases
    assert all(wheel.file.proofs for wheel in listing.wheels)
    (file,) = listing.index_files
    Path(file.location).write_bytes(b"{}")
    (problem,) = read_release(listing).problems
    assert problem.code == "link-hash"


@pytest.mark.agreement
def test_pip_and_uv_find_the_same_wheel_on_a_local_index(root: Path, tmp_path: Path) -> None:
    url = (root / "out" / "simple").as_uri()
    (listing,) = on_index(url, name="other").releases
    (wheel,) = listing.wheels
    run(
        "pip",
        "download",
        "--no-deps",
        "--no-cache-dir",
        "--isolated",
        "-d",
        tmp_path / "pip",
        "-i",
        url,
        "other",
    )
    assert [path.name for path in (tmp_path / "pip").iterdir()] == [wheel.file.filename]
    options = ("--no-config", "--no-deps", "--target", tmp_path / "uv")
    run("uv", "pip", "install", *options, "--index-url", url, "other")
    assert (tmp_path / "uv" / "other-1.0.dist-info").exists()


def test_a_local_page_may_link_to_http_and_to_absolute_paths(root: Path) -> None:
    page = root / "out" / "simple" / "demo" / "index.html"
    wheel = (root / "dist" / PLAIN).as_uri()
    links = [f"https://example.org/{FAST}#sha256=00", wheel, "ftp://example.org/demo-1.1-py3-none-any.whl"]
    page.write_text("".join(f'<a href="{link}">x</a>' for link in links))
    (listing,) = on_index("out/simple").releases
    locations = {wheel.file.location for wheel in listing.wheels}
    assert locations == {f"https://example.org/{FAST}", root / "dist" / PLAIN}


@pytest.mark.parametrize("kind", ["text/html", JSON_TYPE])
@pytest.mark.parametrize("base", [True, False])
def test_a_page_from_http_never_leads_to_local_files(
    kind: str, base: bool, server: Server, root: Path
) -> None:
    wheel = (root / "dist" / PLAIN).as_uri()
    folder, _, name = wheel.rpartition("/")
    page = f'<base href="{folder}/"><a href="{name}">x</a>' if base else f'<a href="{wheel}">x</a>'
    if kind == JSON_TYPE:
        entry = {"filename": PLAIN, "url": wheel.upper() if base else wheel, "hashes": {}}
        page = json.dumps({"meta": {"api-version": "1.1"}, "name": "demo", "files": [entry]})

    def answer(handler: object, _: bytes | None) -> bool:
        handler.send(200, page.encode(), {"Content-Type": kind})  # type: ignore[attr-defined]
        return True

    server.misbehave = answer
    assert on_index(server.url).releases == ()


def test_missing_folders_and_files_in_their_place_are_problems(root: Path) -> None:
    (root / "file").touch()
    missing, file = root / "no", root / "file"
    listings = find_listings("demo", Sources.of(["no", "file"], [str(missing), file.as_uri()]))
    assert list(map(str, listings.problems)) == [
        "no: folder not found",
        "file: expected a folder, got a file; use the folder that contains it",
        f"{missing}: folder not found",
        f"{file}: expected a folder, got a file; use the folder that contains it",
    ]


def test_a_missing_page_is_a_problem_with_a_suggestion(root: Path) -> None:
    simple = root / "out" / "simple"
    text = f"{simple}: no page for 'dmeo' (did you mean 'demo'?)"
    assert problem_of(on_index("out/simple", name="dmeo")) == text
    assert problem_of(on_index("dist")) == (
        f"{root / 'dist'}: no page for 'demo'; use --find-links for a folder of wheels"
    )
    assert problem_of(on_index("out")) == f"{root / 'out'}: no page for 'demo'; use {simple}"


@pytest.mark.usefixtures("root")
def test_the_error_for_an_unknown_package_suggests_a_local_one() -> None:
    for sources in (Sources.of(["dist"], []), Sources.of([], ["out/simple"])):
        text = find_listings("dmeo", sources).nothing_listed("dmeo")
        assert text == f"no wheels in {sources} (did you mean 'demo'?); existing packages: demo, other"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("example.org/simple", "'example.org/simple' has no scheme; write https://example.org/simple"),
        (
            "localhost:8080/simple",
            "'localhost:8080/simple' has no scheme; write http://localhost:8080/simple",
        ),
        ("pypi.org", "'pypi.org' has no scheme; write https://pypi.org"),
        ("ftp://example.org/", "unsupported scheme 'ftp'; use an https:// URL, a file:// URL or a folder"),
        ("file://elsewhere/simple", "'file://elsewhere/simple': "),
        ("file:///a%00b", "'file:///a%00b': invalid path '/a\\x00b'"),
        ("a\0b", "invalid path 'a\\x00b'"),
    ],
)
def test_an_index_url_that_cannot_be_used_is_an_error(text: str, message: str) -> None:
    with pytest.raises(VariantError, match=f"^--index-url: {re.escape(message)}"):
        Sources.of([], [text])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "https://example.org/x",
            "expected a folder, got 'https://example.org/x'; use --index-url for package",
        ),
        ("example.org/x", None),
        ("", "expected a folder, got ''; write . for the current folder"),
    ],
)
def test_find_links_takes_no_other_url(text: str, message: str | None) -> None:
    if message is None:
        problem = problem_of(find_listings("demo", Sources.of([text], [])))
        assert problem.startswith("example.org/x: folder 'example.org' not found")
        return
    with pytest.raises(VariantError, match=f"^--find-links: {re.escape(message)}"):
        Sources.of([text], [])


def test_a_folder_with_the_name_of_a_host_is_a_folder(root: Path) -> None:
    (root / "out" / "simple").rename(root / "example.org")
    assert len(on_index("example.org").releases) == 1


def test_explain_and_fetch_take_an_index_on_disk(root: Path) -> None:
    explained = CliRunner().invoke(main, ["explain", "demo", "-i", "out/simple"])
    assert explained.stdout.startswith(f"demo 1.0: {FAST} is selected\n")
    lock = root / "pylock.toml"
    options = ["-i", (root / "out" / "simple").as_uri(), "-o", "wheels", "--pylock", str(lock)]
    assert CliRunner().invoke(main, ["fetch", "demo", *options]).stdout == f"{Path('wheels') / FAST}\n"
    assert f'index = "{(root / "out" / "simple").as_uri()}"' in lock.read_text(encoding="utf-8")
    wrong = CliRunner().invoke(main, ["explain", "demo", "-i", "example.org/simple"])
    assert wrong.exit_code == 2
    assert "--index-url: 'example.org/simple' has no scheme; write https://" in wrong.stderr
