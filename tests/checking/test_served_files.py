"""`check URL` applies its rules to the files of a server, without downloading payload."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers.range_server import Handler, Server
from helpers.remote_wheels import NAME, large_wheel, page
from helpers.sample_release import (
    DOCUMENT,
    PLAIN,
    SDIST,
    encoded,
    made_sdist,
    patched,
    write_release,
    write_wheel,
)
from helpers.servers import answering, served

from variant_backend._internal.checking import served_files
from variant_backend._internal.checking.codes import RULES
from variant_backend._internal.checking.run import find_problems
from variant_backend._internal.cli.main import main
from variant_backend._internal.lowlevel import http
from variant_backend._internal.lowlevel.zip_records import MEND
from variant_backend._internal.wheels import remote

FAST = "demo-1.0-py3-none-any-fast.whl"
INDEX = "demo-1.0-variants.json"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Server]:
    """A server of a valid release with its index."""
    dist = write_release(tmp_path / "dist", DOCUMENT)
    assert CliRunner().invoke(main, ["index", "--simple", str(dist)]).exit_code == 0
    with Server(dist) as server, answering(server):
        yield server


def check(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", *arguments])


def without_wheel_row(rows: list[str]) -> list[str]:
    return [row for row in rows if "WHEEL" not in row]


def codes(url: str) -> list[str]:
    return [finding.problem.code for finding in find_problems([url])]


@pytest.mark.parametrize("path", ["simple/demo/", "simple/demo", "simple/", "simple/demo/index.json"])
def test_a_valid_index_has_no_problem_at_any_url(index: Server, path: str) -> None:
    result = check(index.url + path)
    assert (result.stdout, result.stderr) == ("", "4 wheels, 1 index file, 1 index page: no problems\n")
    assert result.exit_code == 0


@pytest.mark.parametrize(("name", "kind"), [(FAST, "wheel"), (INDEX, "index file")])
def test_one_file_at_a_url_is_checked(index: Server, name: str, kind: str) -> None:
    assert check(index.url + name).stderr == f"1 {kind}: no problems\n"
    assert len(index.requests) == 1
    (index.folder / name).write_bytes(b"{}")
    assert {*codes(index.url + name)} == {"bad-zip" if kind == "wheel" else "missing-key"}


def test_findings_are_those_of_the_folder_with_urls_as_files(index: Server) -> None:
    document = patched(DOCUMENT, {"providers": {"speed": {"optional": True}}})
    (index.folder / INDEX).write_bytes(encoded(document))
    write_wheel(index.folder / PLAIN, rows=without_wheel_row)
    assert CliRunner().invoke(main, ["index", "--simple", str(index.folder)]).exit_code == 0
    (index.folder / INDEX).write_bytes(encoded(document))
    local = {(finding.file, finding.problem[:3]) for finding in find_problems([index.folder])}
    remote = {(finding.file, finding.problem[:3]) for finding in find_problems([f"{index.url}simple/demo/"])}
    as_local = {(file.replace(index.url, f"{index.folder}{os.sep}"), problem) for file, problem in remote}
    pages = ("index.html", "index.json")
    assert {pair for pair in as_local if "simple" not in pair[0]} == {
        pair for pair in local if not pair[0].endswith(pages)
    }
    assert {problem[0] for _, problem in remote} == {
        "missing-row",
        "index-differs",
        "optional-provider",
        "link-hash",
    }


def test_remedies_name_no_url_as_a_file(index: Server) -> None:
    write_wheel(index.folder / PLAIN, rows=without_wheel_row)
    (index.folder / INDEX).unlink()
    found = {
        finding.problem.code: finding.problem.remedy
        for finding in find_problems([f"{index.url}simple/demo/"])
    }
    assert found["missing-row"] == MEND
    assert found["dead-link"] == f"{RULES['dead-link'].remedy}, where DIR is the folder at {index.url}"


def test_no_payload_is_downloaded(server: Server) -> None:
    large_wheel(server.folder / "files", 1 << 30)
    page(server.folder / "simple" / "demo", [f"../../files/{NAME}"])
    assert "bad-zip" not in codes(f"{server.url}simple/demo/")
    assert server.sent < 1_000_000


def test_a_server_without_ranges_is_one_problem_of_all_wheels(index: Server) -> None:
    with served(index.folder) as url:
        result = check(f"{url}simple/demo/")
    (line,) = result.stdout.splitlines()
    assert "error[unreadable]: the server does not support range requests; download the wheels, and" in line
    assert result.stderr == "1 index file, 1 index page: 4 errors\n"


def test_broken_connections_are_dead_links_and_not_damaged_wheels(
    index: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_MOST_TRIES", 1)
    monkeypatch.setattr(remote, "ENDING_SIZE", 400)  # so that dist-info takes a second request
    index.misbehave = lambda handler, data: data is not None and _refuse_second(handler)
    found = find_problems([f"{index.url}simple/demo/"])
    assert {finding.problem.code for finding in found} == {"dead-link", "index-without-wheels"}
    assert len(found) == 5


def _refuse_second(handler: Handler) -> bool:
    if handler.headers["Range"] == "bytes=-400":
        return False
    handler.send(500, b"")
    return True


def test_a_link_must_lead_to_http(server: Server, tmp_path: Path) -> None:
    write_wheel(tmp_path / PLAIN)
    page(
        server.folder / "simple" / "demo", [(tmp_path / PLAIN).as_uri(), "ftp://example.org/demo-1.0.tar.gz"]
    )
    found = find_problems([f"{server.url}simple/demo/"])
    assert [finding.problem.code for finding in found] == ["dead-link"] * 2
    assert "expected an http or https URL, got 'file:" in found[0].problem.text


@pytest.mark.parametrize("info", ["", 'x = "variant_backend.dispatch"'], ids=["source", "dispatching"])
def test_a_dispatching_sdist_replaces_the_plain_wheel(server: Server, info: str) -> None:
    files = server.folder / "files"
    write_release(files, DOCUMENT, plain=False)
    (files / SDIST).write_bytes(made_sdist(project=info))
    names = sorted(path.name for path in files.iterdir())
    page(server.folder / "simple" / "demo", [f"../../files/{name}" for name in names])
    assert codes(f"{server.url}simple/demo/") == ([] if info else ["plain-from-sdist"])
    (files / SDIST).unlink()
    assert "dead-link" in codes(f"{server.url}simple/demo/")


def test_an_invalid_filename_is_found_at_its_url(server: Server) -> None:
    write_wheel(server.folder / PLAIN)
    (server.folder / PLAIN).rename(server.folder / "demo.whl")
    page(server.folder / "simple" / "demo", ["../../demo.whl"])
    (finding,) = find_problems([f"{server.url}simple/demo/"])
    assert (finding.problem.code, finding.file) == ("bad-filename", f"{server.url}demo.whl")
    assert codes(finding.file) == ["bad-filename"]


def test_a_page_without_wheels_is_an_error(server: Server) -> None:
    page(server.folder, ["notes/a.txt"])
    assert codes(server.url) == ["nothing-to-check"]
    (server.folder / "index.html").write_bytes(b"\xff" * 10)
    assert codes(f"{server.url}gone/") == ["unreadable"]
    (server.folder / "broken.json").write_bytes(b"{")
    assert codes(f"{server.url}broken.json") == ["bad-page"]


@pytest.mark.parametrize("has_json", [False, True], ids=["HTML", "JSON"])
@pytest.mark.parametrize("target", ["cdn/Page_7/", "Page_7.html"])
def test_a_redirect_changes_no_name(index: Server, target: str, has_json: bool) -> None:
    moved = index.folder / target
    if target.endswith("/"):
        shutil.copytree(index.folder / "simple" / "demo", moved)
    else:
        shutil.copy(index.folder / "simple" / "demo" / "index.html", moved)
    index.has_json = has_json

    def redirect(handler: Handler, data: bytes | None) -> bool:
        if data is not None or handler.path != "/simple/demo/":
            return False
        handler.send(302, b"", {"Location": f"/{target}"})
        return True

    index.misbehave = redirect
    assert codes(f"{index.url}simple/demo/") == []


def test_a_list_of_links_needs_no_name_of_a_project(index: Server) -> None:
    page(index.folder, sorted(path.name for path in index.folder.iterdir() if path.is_file()))
    shutil.copy(index.folder / "index.html", index.folder / "Links.html")
    assert codes(f"{index.url}Links.html") == codes(index.url) == []


def test_remedy_for_a_url_that_cannot_be_read_names_no_file(server: Server) -> None:
    (finding,) = find_problems([f"{server.url}simple/demo/"])
    assert finding.problem[2:] == ("not found", "correct the URL, or the server")


def test_too_many_files_are_an_error(index: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_files, "_MOST_FILES", 4)
    (finding,) = find_problems([f"{index.url}simple/demo/"])
    assert str(finding.problem) == "too many files: 5 (limit: 4); name the URLs of single wheels"


def test_user_and_password_are_sent_and_not_printed(index: Server) -> None:
    sent: list[str] = []
    index.misbehave = lambda handler, _: sent.append(handler.headers.get("Authorization", "")) or False  # type: ignore[func-returns-value]
    (index.folder / INDEX).unlink()
    url = index.url.replace("://", "://user:hunter2@")
    result = check("--json", f"{url}simple/demo/")
    assert "hunter2" not in result.output
    assert json.loads(result.stdout)["checked"] == {"wheel": 4, "index-page": 1}
    assert {text.partition(" ")[0] for text in sent} == {"Basic"}


def test_each_page_of_an_index_gets_its_password(index: Server, tmp_path: Path) -> None:
    with Server(tmp_path / "dist") as other, answering(other):

        def misbehave(handler: Handler, data: bytes | None) -> bool:
            if handler.headers.get("Authorization") is None:
                handler.send(401, b"")
            elif data is None and handler.path == "/simple/alpha/":
                handler.send(302, b"", {"Location": f"{other.url}simple/demo/"})
            else:
                return False
            return True

        page(index.folder / "simple", ["alpha/", "demo/"])
        index.misbehave = misbehave
        assert codes(index.url.replace("://", "://user:secret@") + "simple/") == []


def test_payload_needs_files_on_this_machine() -> None:
    result = check("--payload", "http://127.0.0.1:9/x.whl")
    assert result.exit_code == 2
    assert (
        "--payload reads files on this machine; download http://127.0.0.1:9/x.whl, and name its path"
        in result.stderr
    )
