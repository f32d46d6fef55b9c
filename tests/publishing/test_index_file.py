"""Index files of releases, from any number of folders and machines."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers.made_wheels import make_wheel
from helpers.programs import run_here
from hypothesis import given, settings
from hypothesis import strategies as st

from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.make_variant import make_variant_command
from variant_backend._internal.lowlevel import file_set
from variant_backend._internal.publishing.index_file import plan_index

PROJECT = """
[variant.default-priorities]
namespace = ["gpu", "blas"]
[variant.providers.gpu]
static-properties.arch = ["a1", "a2"]
[variant.providers.blas]
static-properties.library = ["mkl", "open"]
[variant.variants]
a1 = { gpu = { arch = ["a1"] } }
mkl = { blas = { library = ["mkl"] } }
open = { blas = { library = ["open"] } }
both = { gpu = { arch = ["a1", "a2"] }, blas = { library = ["mkl"] } }
"""
NAME = "demo-1.0-variants.json"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Eight variant wheels of one release, and two of another version."""
    folder = tmp_path_factory.mktemp("release")
    (folder / "pyproject.toml").write_text(PROJECT)
    plain = [make_wheel(folder, tag=f"cp31{number}-cp31{number}-any") for number in (2, 3)]
    plain.append(make_wheel(folder, version="2.0"))
    for label in ("a1", "mkl", "both", "null"):
        paths = [path.name for path in (plain if label == "mkl" else plain[:2])]
        run_here(make_variant_command, "-q", "--pyproject", "pyproject.toml", "-l", label, *paths, cwd=folder)
    shorter = PROJECT.replace(', "blas"]', "]").partition("[variant.providers.blas]")[0]
    (folder / "short.toml").write_text(f"{shorter}[variant.variants]\na2 = {{ gpu = {{ arch = ['a2'] }} }}\n")
    run_here(make_variant_command, "-q", "--pyproject", "short.toml", "-l", "a2", plain[0].name, cwd=folder)
    return sorted(set(folder.glob("*.whl")) - set(plain))


def index(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["index", *map(str, arguments)], catch_exceptions=False)


def spread(wheels: Sequence[Path], places: Sequence[int], root: Path) -> list[Path]:
    """Copy each wheel into the folder with its number; return the folders."""
    folders = [root / str(number) for number in sorted(set(places))]
    for folder in folders:
        folder.mkdir()
    for wheel, place in zip(wheels, places, strict=True):
        shutil.copy(wheel, root / str(place))
    return folders


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.json")}


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_an_index_file_does_not_depend_on_the_folders_of_wheels(
    release: list[Path], data: st.DataObject
) -> None:
    places = data.draw(st.lists(st.integers(0, 3), min_size=len(release), max_size=len(release)))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (alone,) = spread(release, [9] * len(release), root)
        file_set.write_all_files(plan_index([alone]).outputs)
        folders = data.draw(st.permutations(spread(release, places, root)))
        file_set.write_all_files(plan_index(folders, out_dir=root / "together").outputs)
        for folder in folders:
            file_set.write_all_files(plan_index([folder]).outputs)
        first, *others = folders
        merged = [path for folder in others for path in folder.glob("*.json")]
        file_set.write_all_files(plan_index([first], merged, root / "merged").outputs)
        assert set(contents(alone)) == {NAME, "demo-2.0-variants.json"}
        assert contents(root / "together") == contents(root / "merged") == contents(alone)


def test_every_folder_with_variant_wheels_gets_the_index_file(release: list[Path], tmp_path: Path) -> None:
    folders = spread(release, [0, 1, *[0] * (len(release) - 2)], tmp_path)
    (tmp_path / "plain").mkdir()
    make_wheel(tmp_path / "plain")
    result = index(*folders, tmp_path / "plain")
    assert result.exit_code == 0
    written = [folders[0] / NAME, folders[1] / NAME, folders[0] / "demo-2.0-variants.json"]
    assert result.stdout.splitlines() == [str(path) for path in written]
    assert (folders[0] / NAME).read_bytes() == (folders[1] / NAME).read_bytes()
    assert not list((tmp_path / "plain").glob("*.json"))


def test_the_same_wheel_may_be_in_two_folders(release: list[Path], tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        shutil.copy(release[0], tmp_path / name)
    assert index(tmp_path / "a", tmp_path / "b").exit_code == 0
    assert index(tmp_path / "a", tmp_path / "a").stdout.splitlines() == [str(tmp_path / "a" / NAME)]


def test_two_spellings_of_a_version_share_one_file_in_any_order(tmp_path: Path) -> None:
    for spelled in ("2.0.0", "2.0"):
        plain = make_wheel(tmp_path / spelled, version=spelled)
        run_here(
            make_variant_command, "-q", "--static", "x::y::z", "-p", "x::y::z", "-l", f"v{spelled}", plain
        )
    folders = [tmp_path / "2.0.0", tmp_path / "2.0"]
    for number, order in enumerate((folders, folders[::-1])):
        assert index(*order, "-o", tmp_path / str(number)).exit_code == 0
    index(folders[0])
    (longer,) = folders[0].glob("*.json")
    assert index(folders[1], "--merge", longer, "-o", tmp_path / "2").exit_code == 0
    assert contents(tmp_path / "0") == contents(tmp_path / "1") == contents(tmp_path / "2")
    assert [*contents(tmp_path / "0")] == ["demo-2.0-variants.json"]


def test_different_wheels_with_the_same_name_are_an_error(tmp_path: Path) -> None:
    for name in ("a", "b"):
        plain = make_wheel(tmp_path / name, files={f"demo/{name}.py": b""})
        run_here(make_variant_command, "-q", "--static", "x::y::z", "-p", "x::y::z", "-l", "l", plain)
    result = index(tmp_path / "b", tmp_path / "a")
    wheel = "demo-1.0-py3-none-any-l.whl"
    assert result.exit_code == 1
    assert (
        f"{tmp_path / 'a' / wheel} and {tmp_path / 'b' / wheel}: same name, different content"
        in result.stderr
    )


def test_a_release_that_is_only_in_merged_files_is_written(release: list[Path], tmp_path: Path) -> None:
    first, second = spread(release, [int("2.0" in wheel.name) for wheel in release], tmp_path)
    index(second)
    other = (second / "demo-2.0-variants.json").rename(tmp_path / "demo-2.0-variants.json")
    assert index(first, "--merge", other).exit_code == 0
    assert contents(first)["demo-2.0-variants.json"] == other.read_bytes()
    assert index(first, "--merge", other, "-o", tmp_path / "out").exit_code == 0
    assert contents(tmp_path / "out") == contents(first)


def test_all_problems_of_all_releases_are_reported_and_no_file_is_written(
    release: list[Path], tmp_path: Path
) -> None:
    (here,) = spread(release, [0] * len(release), tmp_path)
    index(here)
    there = tmp_path / "there"
    there.mkdir()
    for name, old, new in (
        (NAME, '"a1"', '"a9"'),
        ("demo-2.0-variants.json", '"gpu",\n      "blas"', '"blas",\n      "gpu"'),
    ):
        changed = (here / name).read_text().replace(old, new)
        assert changed != (here / name).read_text()
        (there / name).write_text(changed)
        (here / name).unlink()
    (here / "demo-3.0-py3-none-any-x.whl").write_bytes(b"no wheel")
    result = index(here, "--merge", there / NAME, "--merge", there / "demo-2.0-variants.json")
    assert result.exit_code == 1
    both = f"{there / NAME} and demo-1.0-cp312-cp312-any-both.whl"
    assert f"error: {both}: variants.both.gpu.arch: " in result.stderr
    assert ": providers.gpu.static-properties.arch: " in result.stderr
    assert "default-priorities.namespace: one list must" in result.stderr
    assert "error: demo-3.0-py3-none-any-x.whl: expected a zip archive, got text: 'no wheel'" in result.stderr
    assert not contents(here)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Demo-1.0-variants.json", "rename it to demo-1.0-variants.json"),
        ("my-demo-1.0.0+Local.1-variants.json", "rename it to my_demo-1.0.0+local.1-variants.json"),
        ("demo-1.00-variants.json", "rename it to demo-1.0-variants.json"),
        ("variants.json", "is not an index file, expected NAME-VERSION-variants.json; give the path"),
        ("demo-x-variants.json", "Invalid version"),
        ("demo-1.0-variants.json", "invalid JSON"),
        ("demo-2.0-variants.json", "file not found"),
        ("pyproject.toml", "is not an index file, expected NAME-VERSION-variants.json; give the path"),
    ],
)
def test_a_merged_file_must_have_the_right_name_and_content(
    release: list[Path], tmp_path: Path, name: str, message: str
) -> None:
    folder = tmp_path / "dist"
    folder.mkdir()
    shutil.copy(release[0], folder)
    if "not found" not in message:
        (tmp_path / name).write_text("{")
    result = index(folder, "--merge", tmp_path / name)
    assert result.exit_code == 1
    assert message in result.stderr
    assert not contents(folder)


def test_check_reports_missing_and_different_files_and_writes_none(
    release: list[Path], tmp_path: Path
) -> None:
    (folder,) = spread(release, [0] * len(release), tmp_path)
    result = index("--check", folder)
    newer = folder / "demo-2.0-variants.json"
    assert (result.exit_code, result.stdout) == (1, f"{folder / NAME}: missing\n{newer}: missing\n")
    assert not contents(folder)
    index(folder)
    assert (index("--check", folder).exit_code, index("--check", folder).stdout) == (0, "")
    (folder / NAME).write_bytes((folder / NAME).read_bytes().replace(b'"mkl"', b'"mlk"', 1))
    newer.write_bytes(newer.read_bytes().replace(b"\n", b"\r\n"))
    result = index("--check", folder)
    assert result.exit_code == 1
    first, second = result.stdout.splitlines()
    assert first.startswith(f"{folder / NAME}: differs from line ")
    assert "expected '\"mkl\",', got '\"mlk\",'" in first
    assert second == f"{newer}: differs in its line ends"


def test_check_names_labels_that_are_missing_or_too_many(release: list[Path], tmp_path: Path) -> None:
    (folder,) = spread(release[:4], [0] * 4, tmp_path)
    index(folder)
    document = json.loads((folder / NAME).read_text())
    variants = document["variants"]
    variants["old"] = variants.pop("a1")
    (folder / NAME).write_text(json.dumps(document))
    result = index("--check", folder)
    assert result.stdout == (
        f"{folder / NAME}: label 'a1' is missing, label 'old' is no longer in the wheels\n"
    )
    assert result.stderr == "run this command without --check to write these files\n"
    assert index(folder).exit_code == index("--check", folder).exit_code == 0


def test_verbose_names_each_file_once(release: list[Path], tmp_path: Path) -> None:
    (folder,) = spread(release[:2], [0, 0], tmp_path)
    reads = [f"read {folder / wheel.name}" for wheel in release[:2]]
    assert index("-v", folder).stderr.splitlines() == [*reads, f"write {folder / NAME}"]
    assert index("--check", "-v", folder).stderr.splitlines() == reads


def test_warnings_name_the_release_and_a_remedy(tmp_path: Path) -> None:
    options = ["-q", "-p", "gpu::arch::a3", "--static", "gpu::arch::a1"]
    run_here(make_variant_command, *options, make_wheel(tmp_path).name, cwd=tmp_path)
    hashed, unsupported = sorted(index(tmp_path).stderr.splitlines())
    assert hashed.startswith("warning: demo 1.0: label '")
    assert hashed.endswith("set a readable label with --label of make-variant, or -Cvariant-label in a build")
    assert unsupported.startswith("warning: demo 1.0: variant '")
    assert unsupported.endswith("; add one of them there, or change the variant's properties")


def test_json_lists_the_index_files_with_their_state(release: list[Path], tmp_path: Path) -> None:
    (folder,) = spread(release[:2], [0, 0], tmp_path)
    entry = {"path": str(folder / NAME), "name": "demo", "version": "1.0", "labels": ["a1", "a2"]}
    missing = {"difference": "missing", "written": False}
    assert json.loads(index("--json", "--check", folder).stdout)["files"] == [entry | missing]
    assert json.loads(index("--json", folder).stdout) == {
        "files": [entry | {"difference": "missing", "written": True}],
        "version": 1,
        "warnings": [],
        "errors": [],
    }
    unchanged = {"difference": None, "written": False}
    assert json.loads(index("--json", folder).stdout)["files"] == [entry | unchanged]
    result = index("--json", folder, tmp_path / "nowhere")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert "files" not in told
    (error,) = told["errors"]
    assert f"{error['place']}: {error['message']}" in result.stderr
    assert index("--json").exit_code == 2


def test_an_output_folder_that_is_a_file_is_one_problem(release: list[Path], tmp_path: Path) -> None:
    (folder,) = spread(release, [0] * len(release), tmp_path)
    result = index("--json", folder, "--simple", "-o", folder / release[0].name)
    (error,) = json.loads(result.stdout)["errors"]
    place = str(folder / release[0].name)
    assert (error["message"], error["remedy"]) == ("expected a folder, got a file", "use another folder")
    assert error["place"] == place
    assert (result.exit_code, result.stderr) == (
        1,
        f"error: {place}: expected a folder, got a file; use another folder\n",
    )


def test_a_folder_in_the_place_of_a_file_is_refused(release: list[Path], tmp_path: Path) -> None:
    (folder,) = spread(release[:1], [0], tmp_path)
    (folder / NAME).mkdir()
    result = index(folder)
    refused = "expected a file, got a folder; use another path\n"
    assert (result.exit_code, result.stderr) == (1, f"error: {folder / NAME}: {refused}")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only some users make links")
@pytest.mark.parametrize("name", ["x" * 300, "loop"])
@pytest.mark.parametrize(
    "arguments", [("{}",), ("{}", "--simple"), (".", "-o", "{}"), (".", "--simple", "-o", "{}")]
)
def test_json_reports_an_impossible_folder(
    release: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    arguments: tuple[str, ...],
) -> None:
    (folder,) = spread(release[:1], [0], tmp_path)
    monkeypatch.chdir(folder)
    Path("loop").symlink_to("loop")
    result = index("--json", *(argument.format(name) for argument in arguments))
    (error,) = json.loads(result.stdout)["errors"]
    assert result.exit_code == 1
    assert error["message"] in result.stderr and name in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(path.name for path in folder.iterdir()) == sorted(["loop", release[0].name])


def test_current_files_are_not_rewritten(release: list[Path], tmp_path: Path) -> None:
    (folder,) = spread(release, [0] * len(release), tmp_path)
    index(folder)
    before = (folder / NAME).stat()
    assert index(folder).exit_code == 0
    assert (folder / NAME).stat().st_ino == before.st_ino
    assert (folder / NAME).stat().st_mtime_ns == before.st_mtime_ns
