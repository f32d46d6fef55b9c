"""Requirements files of `fetch` are those of pip, but a requirement may have a label."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread

import pytest
from pip._internal.network.session import PipSession
from pip._internal.req.req_file import parse_requirements

from variant_backend._internal.errors import VariantError
from variant_backend._internal.graphs.request_files import read_request_files


def read(path: Path) -> list[str]:
    return [*map(str, read_request_files([path], []).requests)]


def test_lines_are_read_as_by_pip(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    other = tmp_path / "more reqs.txt"
    other.write_text("other ; \\\n  os_name != 'x'\n", encoding="utf-8")
    path.write_text(
        "\ufeff# comment\n\ndemo>=1 # why\n  spaced == 2.0\nlast[a]<3 \\\n# in between\n\n"
        "-r 'more reqs.txt'\n",
        encoding="utf-8",
    )
    by_pip = parse_requirements(str(path), session=PipSession())
    assert read(path) == ["demo>=1", "spaced==2.0", "last[a]<3", 'other; os_name != "x"']
    assert sorted(line.requirement.replace(" ", "") for line in by_pip) == sorted(
        ["demo>=1", "spaced==2.0", "last[a]<3", "other;os_name!='x'"]
    )


def test_a_label_follows_without_a_space(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text("demo>=1#cuda*  # label\nother  #comment\nplain==1#(plain)\n", encoding="utf-8")
    assert read(path) == ["demo>=1#cuda*", "other", "plain==1#(plain)"]


def test_files_may_name_others_and_themselves(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "a.txt").write_text("a\n-rinner/b.txt\n--constraint=inner/c.txt\n", encoding="utf-8")
    (inner / "b.txt").write_text("b\n--requirement ../a.txt\n-c c.txt\n", encoding="utf-8")
    (inner / "c.txt").write_text("b<2#fast\n-r d.txt\n", encoding="utf-8")
    (inner / "d.txt").write_text("d==1\n", encoding="utf-8")
    lists = read_request_files([tmp_path / "a.txt"], [inner / "d.txt"])
    assert [*map(str, lists.requests)] == ["a", "b"]
    assert [*map(str, lists.constraints)] == ["b<2#fast", "d==1"]


def test_each_unsupported_line_is_an_error_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    lines = {
        "-i https://user:secret@host/": "unsupported option -i; remove it, and use --index-url",
        "--find-links=dist": "unsupported option --find-links; remove it, and use --find-links",
        "-e .": "unsupported option -e; remove it",
        "demo==1 --hash=sha256:00": "unsupported option --hash; remove it; the hashes of the index are",
        "demo @ https://user:secret@host/demo.zip": "expected a requirement, got a URL; write",
        "-r https://host/r.txt": "-r https://host/r.txt: expected a file, got a URL; download it, and",
        "-r missing.txt": f"{tmp_path / 'missing.txt'}: No such file or directory",
        "demo#A": "'demo#A': label 'A': character 'A'",
    }
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(VariantError) as caught:
        read(path)
    for number, (line, message) in enumerate(zip(caught.value.lines(), lines.values(), strict=True), 1):
        assert line.startswith(f"{path}:{number}: {message}"), line
        assert "secret" not in line


def test_very_many_files_are_an_error(tmp_path: Path) -> None:
    for number in range(102):
        (tmp_path / f"{number}.txt").write_text(f"-r {number + 1}.txt\n", encoding="utf-8")
    with pytest.raises(VariantError, match=r"99\.txt:1: more than 100 files"):
        read(tmp_path / "0.txt")


def test_a_file_that_is_not_text_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(VariantError, match="expected UTF-8; save the file as UTF-8"):
        read(path)


def test_json_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    path.write_text('{\n  "version": 1\n}\n')
    with pytest.raises(VariantError) as caught:
        read(path)
    assert caught.value.lines() == [
        f"{path}: expected requirements, got JSON or TOML; write one requirement a line,"
        " as `variant-backend installed --freeze` does"
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in folders")
def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    Thread(target=pipe.write_text, args=["demo#fast\n"]).start()
    lists = read_request_files([pipe], [pipe])
    assert [*map(str, lists.requests)] == [*map(str, lists.constraints)] == ["demo#fast"]
