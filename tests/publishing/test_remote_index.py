"""``variant-backend index`` for wheels behind URLs."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers.range_server import Server
from helpers.remote_wheels import page, variants

from variant_backend._internal.cli.main import main

FILE = "demo-1.0-variants.json"


def index(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["index", *map(str, arguments)], catch_exceptions=False)


def test_the_index_file_of_remote_wheels_is_the_same(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wheels = variants(server.folder)
    page(server.folder, [path.name for path in wheels.values()])
    url = server.url.replace("http://", "http://user:s3cret@")
    for arguments, written in (((url,), Path(FILE)), ((url, "-o", "out"), Path("out", FILE))):
        result = index(*arguments)
        assert (result.exit_code, result.stdout, result.stderr) == (0, f"{written}\n", "")
    assert index(server.folder).exit_code == 0
    assert Path(FILE).read_bytes() == Path("out", FILE).read_bytes() == (server.folder / FILE).read_bytes()
    assert index(url, "--check").exit_code == 0
    assert not [path for _, path, *_ in server.requests if path.endswith(wheels["plain"].name)]


def test_all_problems_of_remote_wheels_are_reported_and_no_file_is_written(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    variants(server.folder)
    page(server.folder, ["demo-1.0-py3-none-any-v3.whl", "a-1-py3-none-any-x.whl", "b-1-py3-none-any-x.whl"])
    result = index(server.url)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        f"error: {server.url}a-1-py3-none-any-x.whl: not found",
        f"error: {server.url}b-1-py3-none-any-x.whl: not found",
    ]
    assert not list(tmp_path.glob("*.json"))
    empty = index("memory://nothing")
    assert empty.stderr == (
        "error: memory://nothing: no variant wheels; create them with make-variant or variant-backend build\n"
    )


def test_simple_with_a_url_is_wrong_usage() -> None:
    assert index("--simple", "memory://nothing").exit_code == 2
