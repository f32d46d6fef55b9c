"""Generated wheels of sources on servers: `explain` reads METADATA of one wheel of each project."""

from __future__ import annotations

from pathlib import Path

from helpers.overlays import JOINT_PROJECTS, make_members, write_overlay
from helpers.programs import run_here
from helpers.servers import publish, serving
from helpers.upstreams import ranged

from variant_backend._internal.cli.main import main
from variant_backend._internal.selection.generated_wheels import with_generated_wheels
from variant_backend._internal.selection.releases import Sources, find_listings, read_release

TAGS = ["cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-win_amd64"]
EXTRA = ("Requires-Python: >=3.9", "Provides-Extra: all")


def overlaid(folder: Path, url: str) -> Sources:
    return Sources((), (url,), write_overlay(folder / "overlay.toml", JOINT_PROJECTS))


def pages(folder: Path, *, yanked: bool = False) -> Path:
    """Write an index of two projects that are one; its pages have hashes, and nothing else."""
    for member in ("cupy_cuda12x", "cupy_cuda13x"):
        wheels = make_members(folder / "wheels", members=[member], tags=TAGS, fields=EXTRA)
        page = folder / "index" / member.replace("_", "-")
        publish(wheels, page)
        if yanked:
            text = (page / "index.html").read_text()
            (page / "index.html").write_text(text.replace("<a ", '<a data-yanked="broken" '))
    return folder / "index"


def generated(sources: Sources) -> list[tuple[str, str | None]]:
    """Return the filenames of the generated wheels, and their Requires-Python."""
    (listing,) = find_listings("cupy", sources).releases
    wheels = read_release(listing).candidates
    assert [wheel.problems for wheel in wheels] == [()] * len(wheels)
    return [(wheel.file.filename, wheel.file.requires_python) for wheel in wheels]


EXPECTED = [(f"cupy-13.6.0-0_{label}-{tag}.whl", ">=3.9") for label in ("cuda12", "cuda13") for tag in TAGS]


def test_metadata_is_read_in_ranges(tmp_path: Path) -> None:
    with ranged(pages(tmp_path)) as server:
        assert generated(overlaid(tmp_path, server.url)) == EXPECTED
        read = {path for _, path, *_ in server.requests if path.endswith(".whl")}
        assert len(read) == 2


def test_wheels_are_downloaded_if_the_server_has_no_ranges(tmp_path: Path) -> None:
    with serving(pages(tmp_path), as_json=False) as (url, _):
        assert generated(overlaid(tmp_path, url)) == EXPECTED


def test_wheels_are_read_if_the_metadata_files_beside_them_are_missing(tmp_path: Path) -> None:
    make_members(tmp_path / "wheels", tags=TAGS, fields=EXTRA)
    run_here(main, "index", "--simple", tmp_path / "wheels")
    for path in tmp_path.rglob("*.metadata"):
        path.unlink()
    with serving(tmp_path / "wheels", as_json=False) as (url, _):
        assert generated(overlaid(tmp_path, f"{url}simple/")) == EXPECTED


def test_the_metadata_file_beside_a_wheel_is_read(tmp_path: Path) -> None:
    make_members(tmp_path / "wheels", ["13.5.0", "13.6.0"], tags=TAGS, fields=EXTRA)
    run_here(main, "index", "--simple", tmp_path / "wheels")
    with serving(tmp_path / "wheels", as_json=False) as (url, requested):
        listings = find_listings("cupy", overlaid(tmp_path, f"{url}simple/")).releases
        assert not any(path.endswith((".whl", ".metadata")) for path in requested)
        release = read_release(listings[0])
        assert [wheel.file.filename for wheel in release.candidates] == [name for name, _ in EXPECTED]
        assert [Path(path).name for path in requested if ".whl" in path] == [
            f"{member}-13.6.0-{TAGS[0]}.whl.metadata" for member in ("cupy_cuda12x", "cupy_cuda13x")
        ]


def test_wheels_of_a_yanked_release_are_yanked(tmp_path: Path) -> None:
    with serving(pages(tmp_path, yanked=True), as_json=False) as (url, _):
        (listing,) = find_listings("cupy", overlaid(tmp_path, url)).releases
        reasons = [problem.code for wheel in read_release(listing).candidates for problem in wheel.problems]
    assert reasons == ["yanked"] * 4


def test_a_member_that_cannot_be_read_is_excluded(tmp_path: Path) -> None:
    (broken, *_) = make_members(tmp_path / "wheels")
    broken.write_bytes(b"no zip")
    overlay = write_overlay(tmp_path / "overlay.toml", JOINT_PROJECTS)
    (listing,) = find_listings("cupy", Sources((tmp_path / "wheels",), (), overlay)).releases
    codes = {
        wheel.label: [problem.code for problem in wheel.problems]
        for wheel in read_release(listing).candidates
    }
    assert codes == {"cuda12": ["unreadable"], "cuda13": []}


def test_metadata_of_another_project_excludes_a_member(tmp_path: Path) -> None:
    make_members(tmp_path / "wheels")
    overlay = write_overlay(tmp_path / "overlay.toml", JOINT_PROJECTS)
    (listing,) = find_listings("cupy", Sources((tmp_path / "wheels",), (), overlay)).releases
    data = b"Metadata-Version: 2.1\nName: CuPy.cuda12x\nVersion: 13.6.0\n"
    made = with_generated_wheels(listing, lambda _: data, lambda: tmp_path / "own")
    texts = {wheel.label: [problem.text for problem in wheel.problems] for wheel in made.wheels}
    wrong = "expected METADATA of cupy-cuda13x, got that of 'CuPy.cuda12x'"
    assert texts == {"cuda12": [], "cuda13": [wrong]}


def test_indexes_of_an_overlay_have_the_members_too(tmp_path: Path) -> None:
    index = pages(tmp_path)
    text = JOINT_PROJECTS.replace('["cupy"]', f'["cupy"]\nindex-urls = ["{index.as_uri()}"]')
    overlay = write_overlay(tmp_path / "overlay.toml", text)
    assert generated(Sources((), (), overlay)) == EXPECTED
    assert Sources((), (), overlay).own_indexes("cupy-cuda12x") == (index.as_uri(),)


def test_a_page_of_a_member_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    index = pages(tmp_path)
    page = index / "cupy-cuda13x" / "index.html"
    page.write_text('<meta name="pypi:repository-version" content="2.0">' + page.read_text())
    overlay = write_overlay(tmp_path / "overlay.toml", JOINT_PROJECTS)
    for sources in (
        Sources((), (index.as_uri(),), overlay),
        Sources((tmp_path,), (index.as_uri(),), overlay),
    ):
        (problem,) = find_listings("cupy", sources).problems
        assert "cupy-cuda13x" in problem.place
