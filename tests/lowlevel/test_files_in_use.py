"""Windows refuses to replace a file that a program has open: commands wait for a moment, and say why."""

from __future__ import annotations

import errno
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.made_wheels import make_wheel
from helpers.sample_release import DOCUMENT, write_release

from variant_backend._internal.cli.main import main
from variant_backend._internal.lowlevel import workspace

FAST, PLAIN = "demo-1.0-py3-none-any-fast.whl", "demo-1.0-py3-none-any.whl"
IN_USE = "The process cannot access the file because it is being used by another process"
REMEDY = "close the programs that have it open"
# Each command, and the file that it replaces.
COMMANDS = [
    (
        f"make-variant {PLAIN} -l fast -p speed::mode::fast --static speed::mode::fast -o old/out --force",
        FAST,
    ),
    (f"unmake release/{FAST} -o old/out --force", PLAIN),
    ("index out", "demo-1.0-variants.json"),
    ("fetch demo#fast --find-links release -o old/out --force", FAST),
    ("stub release --base-url https://example.org/ -o old/out --force", "demo-1.0.tar.gz"),
    ("init out", "pyproject.toml"),
]


@pytest.fixture
def in_use(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Return a function: the next *count* replacements in a folder `out` fail with that error of Windows."""
    real = Path.replace

    def refuse(count: int, number: int) -> None:
        left = [count]

        def replace(source: Path, target: Path) -> Path:
            if left[0] and target.parent.name == "out":
                left[0] -= 1
                error = PermissionError(errno.EACCES, IN_USE, str(source), None, str(target))
                error.winerror = number  # type: ignore[attr-defined]  # as Windows sets it
                raise error
            return real(source, target)

        monkeypatch.setattr(Path, "replace", replace)

    return refuse


@pytest.fixture(autouse=True)
def _with_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the input and older output of each command."""
    monkeypatch.chdir(tmp_path)
    make_wheel(tmp_path)
    write_release(tmp_path / "release", DOCUMENT)
    write_release(tmp_path / "out", DOCUMENT)  # `index` reads these wheels
    build_system = "[build-system]\nrequires = ['flit_core']\nbuild-backend = 'flit_core.buildapi'\n"
    Path("out", "pyproject.toml").write_text(build_system, encoding="utf-8")
    Path("out", "demo-1.0-variants.json").write_text("{}", encoding="utf-8")
    for name in PLAIN, FAST, "demo-1.0.tar.gz":
        (tmp_path / "old" / "out").mkdir(parents=True, exist_ok=True)
        Path("old", "out", name).write_bytes(b"old")


@pytest.mark.parametrize(("line", "replaced"), COMMANDS, ids=[line.split()[0] for line, _ in COMMANDS])
def test_a_file_that_stays_open_is_an_error_with_a_remedy(
    line: str, replaced: str, in_use: Callable[[int, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path("old/out" if "old/out" in line else "out")
    before = (folder / replaced).read_bytes()
    monkeypatch.setattr(workspace, "_PATIENCE", 0)
    in_use(-1, 32)
    result = CliRunner().invoke(main, shlex.split(line))
    assert result.exit_code == 1, result.output
    assert f"{replaced}: {IN_USE}; {REMEDY}" in result.stderr
    assert (folder / replaced).read_bytes() == before
    assert not [*folder.glob(".variant-backend*")]


@pytest.mark.parametrize("number", [5, 32])
def test_a_file_that_is_open_for_a_moment_is_replaced(
    number: int, tmp_path: Path, in_use: Callable[[int, int], None]
) -> None:
    (tmp_path / "part").write_bytes(b"new")
    in_use(2, number)
    workspace.move_over(tmp_path / "part", target := tmp_path / "out" / PLAIN)
    assert target.read_bytes() == b"new"


def test_other_refusals_are_reported_at_once(tmp_path: Path, in_use: Callable[[int, int], None]) -> None:
    in_use(1, 1314)
    with pytest.raises(PermissionError):
        workspace.move_over(tmp_path / PLAIN, tmp_path / "out" / PLAIN)
