"""`check` finds sdists that installers cannot build: damaged ones, and ones of another release."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from helpers.sample_release import made_sdist

from variant_backend._internal.checking.run import find_problems
from variant_backend._internal.lowlevel import tarball

VALID = made_sdist()
MEMBERS = gzip.decompress(VALID)


def problems(folder: Path, content: bytes, name: str = "demo-1.0.tar.gz") -> list[tuple[str, str]]:
    """Return the codes and the texts, with their places, of what `check` finds in an sdist."""
    path = folder / name
    path.write_bytes(content)
    found = (finding.problem for finding in find_problems([path]))
    return [(problem.code, ": ".join(filter(None, [problem.place, problem.text]))) for problem in found]


def archive(*members: tarfile.TarInfo) -> bytes:
    """Return a compressed archive with members without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as target:
        for member in members:
            target.addfile(member)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "name", ["demo-1.0.tar.gz", "Demo-1.0.tar.gz", "demo-1.0.0.tar.gz"], ids=["same", "case", "version"]
)
def test_a_valid_sdist_has_no_problem(tmp_path: Path, name: str) -> None:
    assert problems(tmp_path, VALID, name) == []


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "damaged: empty file"),
        (b"text", "damaged: Not a gzipped file (b'te')"),
        (VALID[:-1], "damaged: Compressed file ended before the end-of-stream marker was reached"),
        (VALID[:-8] + b"0" * 8, "damaged: CRC check failed"),
        (gzip.compress(MEMBERS[:700]), "damaged: unexpected end of data"),
        (gzip.compress(b"x" * 1024), "damaged: invalid header"),
        (archive(tarfile.TarInfo("demo-1.0/a/PKG-INFO")), "PKG-INFO is missing"),
        (made_sdist("Version: 1.0\n"), "PKG-INFO: field Name is missing"),
    ],
    ids=["empty", "text", "cut", "CRC", "cut inside", "no tar", "nested", "no name"],
)
def test_a_damaged_sdist_is_found(tmp_path: Path, content: bytes, text: str) -> None:
    ((code, found),) = problems(tmp_path, content)
    assert code == "bad-sdist"
    assert found.startswith(text)


def test_an_sdist_of_another_release_is_found(tmp_path: Path) -> None:
    assert problems(tmp_path, made_sdist("Name: other\nVersion: 1.1\n")) == [
        ("sdist-identity", "PKG-INFO: Name: expected 'demo' from the filename, got 'other'"),
        ("sdist-identity", "PKG-INFO: Version: expected '1.0' from the filename, got '1.1'"),
    ]


def test_a_large_sdist_is_read_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = tarball.pack("demo-1.0", {"PKG-INFO": b"Name: demo\nVersion: 1.0\n", "x": bytes(10**6)}, time=0)
    monkeypatch.setattr(tarball, "_LARGEST_ARCHIVE", 10**5)
    assert problems(tmp_path, content) == []
    assert problems(tmp_path, archive(*[tarfile.TarInfo("x")] * 1000)) == [
        ("bad-sdist", "not found in the first 0 MiB")
    ]


def test_an_archive_cannot_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 30
    assert problems(tmp_path, gzip.compress(header.tobuf())) == [
        ("bad-sdist", f"extended header too large: {1 << 30} bytes (limit: {8 << 20})")
    ]
    monkeypatch.setattr(tarball, "_MOST_MEMBERS", 10)
    assert problems(tmp_path, archive(*[tarfile.TarInfo("x")] * 11)) == [("bad-sdist", "more than 10 files")]
