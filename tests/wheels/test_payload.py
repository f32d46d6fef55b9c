"""`inspect --compare`: the files that differ between two wheels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.made_wheels import METADATA, make_wheel
from helpers.programs import run
from helpers.sample_release import write_wheel

from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel.workspace import PREFIX
from variant_backend._internal.wheels.payload import compare_wheels, have_same_payload
from variant_backend._internal.wheels.reading import WheelFile

OLD = {"demo.py": b"x = 1\n", "old.py": b"", "built.txt": f"{PREFIX}a/b".encode(), "same.py": b""}
NEW = {"demo.py": b"x = 2\n", "new.py": b"", "built.txt": f"{PREFIX}c/d".encode(), "same.py": b""}


def wheels(tmp_path: Path) -> tuple[Path, Path]:
    metadata = METADATA.replace("\n\n", "\nRequires-Dist: six\n\n")
    return (
        make_wheel(tmp_path / "old", files=OLD),
        make_wheel(tmp_path / "new", files=NEW, metadata=metadata.replace("The text", "Another")),
    )


def test_differences_are_listed_by_kind(tmp_path: Path) -> None:
    one, other = wheels(tmp_path)
    result = run("variant-backend", "inspect", "--compare", one, other)
    assert result.stdout.splitlines() == [
        f"only in {one}",
        "  old.py",
        f"only in {other}",
        "  new.py",
        "different content",
        "  demo.py",
        "  demo-1.0.dist-info/METADATA",
        "same, except for debug information, paths and times of the build",
        "  built.txt",
        f"METADATA: only in {other}",
        "  Requires-Dist: six",
    ]


def test_json_has_each_difference(tmp_path: Path) -> None:
    one, other = wheels(tmp_path)
    result = json.loads(run("variant-backend", "inspect", "--compare", "--json", one, other).stdout)
    assert result["compared"] == [str(one), str(other)]
    assert result["differences"] == {
        "only-in-first": ["old.py"],
        "only-in-second": ["new.py"],
        "different": ["demo.py", "demo-1.0.dist-info/METADATA"],
        "equivalent": ["built.txt"],
        "metadata-only-in-first": [],
        "metadata-only-in-second": ["Requires-Dist: six"],
    }


def test_equal_wheels_have_no_difference(tmp_path: Path) -> None:
    one, _ = wheels(tmp_path)
    result = run("variant-backend", "inspect", "--compare", one, one)
    assert (result.stdout, result.stderr) == ("", "no file differs\n")


@pytest.mark.parametrize(
    "targets", [["a.whl"], ["a.whl", "b.whl", "c.whl"], ["a.whl", "https://x.org/b.whl"]]
)
def test_only_two_paths_can_be_compared(targets: list[str]) -> None:
    result = run("variant-backend", "inspect", "--compare", *targets, ok=False)
    assert result.returncode == 2
    assert result.stderr.endswith(f"--compare: expected the paths of two wheels, got {', '.join(targets)}\n")


def test_wheels_with_the_same_code_have_the_same_payload(tmp_path: Path) -> None:
    one, other = (WheelFile.of(path) for path in wheels(tmp_path))
    assert not have_same_payload(one, other)
    metadata = METADATA.replace("a test", "another")
    alike = {**OLD, "built.txt": NEW["built.txt"]}
    assert have_same_payload(
        one, WheelFile.of(make_wheel(tmp_path / "alike", files=alike, metadata=metadata))
    )
    assert not have_same_payload(one, WheelFile.of(make_wheel(tmp_path / "fewer", files={"old.py": b""})))


def test_a_wheel_with_a_broken_record_is_an_error(tmp_path: Path) -> None:
    one, _ = wheels(tmp_path)
    broken = tmp_path / "demo-1.0-py3-none-any.whl"
    write_wheel(broken, rows=lambda rows: rows[1:])
    with pytest.raises(VariantError, match="missing row"):
        compare_wheels(WheelFile.of(one), WheelFile.of(broken))
