"""The offer of a project whose labels are other projects: generated wheels that require the one that fits."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from helpers.made_wheels import make_wheel
from helpers.offers import machine, make_variants
from helpers.overlays import JOINT_PROJECTS, make_members, write_overlay
from helpers.programs import run_here
from packaging.version import Version

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel.http import NOT_FOUND
from variant_backend._internal.machine.support import Policy
from variant_backend._internal.machine.user_config import configuration_in
from variant_backend._internal.selection import generated_wheels
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.serving.environments import environments_named
from variant_backend._internal.serving.offer import Offer, offer
from variant_backend._internal.serving.prepare import ensure_rewritten, prepared_project
from variant_backend._internal.serving.streaming import verified_content
from variant_backend._internal.serving.upstream import Upstream
from variant_backend._internal.wheels.reading import WheelFile, open_wheel

ENVIRONMENT = environments_named("3.12-manylinux_2_28_x86_64")
EXTRAS = ("Requires-Python: >=3.9", "Provides-Extra: all", 'Requires-Dist: scipy; extra == "all"')


def upstream(folder: Path, text: str = JOINT_PROJECTS) -> Upstream:
    """Return an upstream of the wheels in a folder, with an overlay."""
    sources = Sources((folder,), (), write_overlay(folder.parent / "overlay.toml", text))
    return Upstream(sources, folder.parent / "cache")


def index(folder: Path, wheels: Iterable[Path]) -> None:
    """Write an index of some wheels on disk."""
    folder.mkdir()
    for wheel in wheels:
        shutil.copy(wheel, folder)
    run_here(main, "index", "--simple", folder)


def seen(source: Upstream, spec: str, name: str = "cupy") -> Offer:
    return offer(source.project(name), machine(spec), Policy(), ENVIRONMENT)


def names(folder: Path, spec: str, text: str = JOINT_PROJECTS) -> list[str]:
    """Return the names of the files that a machine sees of CuPy."""
    return [file.filename for file in seen(upstream(folder, text), spec).files]


def metadata(folder: Path, spec: str) -> str:
    """Return METADATA of the wheel that a machine sees."""
    path = seen(upstream(folder), spec).files[0].file.path
    assert path is not None
    with open_wheel(path) as wheel:
        return wheel.core_metadata.decode()


def test_a_machine_sees_the_wheel_that_requires_its_project(tmp_path: Path) -> None:
    make_members(tmp_path / "wheels")
    seen_names = {spec: names(tmp_path / "wheels", spec) for spec in ("cuda:12.8", "cuda:13.0", "none")}
    assert seen_names == {
        "cuda:12.8": ["cupy-13.6.0-0_cuda12-py3-none-any.whl"],
        "cuda:13.0": ["cupy-13.6.0-0_cuda13-py3-none-any.whl"],
        "none": [],
    }


def test_a_generated_wheel_requires_the_release_and_hands_extras_on(tmp_path: Path) -> None:
    make_members(tmp_path / "wheels", fields=EXTRAS)
    assert metadata(tmp_path / "wheels", "cuda:12.8").splitlines()[1:] == [
        "Name: cupy",
        "Version: 13.6.0",
        "Summary: Requires cupy-cuda12x==13.6.0, which an overlay selects",
        "Requires-Python: >=3.9",
        "Requires-Dist: cupy-cuda12x==13.6.0",
        "Provides-Extra: all",
        'Requires-Dist: cupy-cuda12x[all]==13.6.0 ; extra == "all"',
    ]


def test_generated_wheels_are_sound_and_equal_on_each_run(tmp_path: Path) -> None:
    make_members(tmp_path / "wheels", fields=EXTRAS)
    (first,) = seen(upstream(tmp_path / "wheels"), "cuda:12.8").files
    content = first.file.path.read_bytes() if first.file.path else b""
    assert first.file.path and WheelFile.of(first.file.path).name.build == "0_cuda12"
    first.file.path.unlink()
    (second,) = seen(upstream(tmp_path / "wheels"), "cuda:12.8").files
    assert second.file == first.file
    assert second.file.path and second.file.path.read_bytes() == content


def test_generated_wheels_have_the_tags_of_the_members(tmp_path: Path) -> None:
    tags = ["cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-win_amd64"]
    make_members(tmp_path / "wheels", tags=tags)
    assert names(tmp_path / "wheels", "cuda:12.8") == [f"cupy-13.6.0-0_cuda12-{tag}.whl" for tag in tags]


def test_the_page_has_the_hash_of_a_generated_wheel(tmp_path: Path) -> None:
    make_members(tmp_path / "wheels")
    source = upstream(tmp_path / "wheels")
    (ready,) = prepared_project(seen(source, "cuda:12.8"), source).files
    assert ready.file.hashes == ready.offered.file.hashes != {}


def test_a_generated_wheel_is_written_again_if_the_cache_was_deleted(tmp_path: Path) -> None:
    make_members(tmp_path / "wheels")
    source = upstream(tmp_path / "wheels")
    (ready,) = prepared_project(seen(source, "cuda:12.8"), source).files
    shutil.rmtree(tmp_path / "cache")
    assert b"cupy-cuda12x==13.6.0" in source.metadata_of(ready.offered.file)
    shutil.rmtree(tmp_path / "cache")
    ensure_rewritten(ready, source)
    assert b"".join(verified_content(ready.file))[:2] == b"PK"


def test_the_cache_of_generated_wheels_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated_wheels, "_MOST_KEPT", 4)
    for overlay in (JOINT_PROJECTS, JOINT_PROJECTS.replace('["12.0"]', '["12.1"]')):
        make_members(tmp_path / "wheels", ["13.5.0", "13.6.0"])
        source = upstream(tmp_path / "wheels", overlay)
        ready = prepared_project(seen(source, "cuda:13.0"), source).files
        assert all(b"".join(verified_content(one.file))[:2] == b"PK" for one in ready)
    assert len([*(tmp_path / "cache" / "joint").iterdir()]) == 4


def test_a_damaged_generated_wheel_is_written_again(tmp_path: Path) -> None:
    make_members(tmp_path / "wheels")
    (first,) = seen(upstream(tmp_path / "wheels"), "cuda:12.8").files
    assert first.file.path is not None
    first.file.path.write_bytes(bytes(first.file.size or 0))
    assert "Requires-Dist: cupy-cuda12x==13.6.0" in metadata(tmp_path / "wheels", "cuda:12.8")


def test_releases_that_no_member_has_stay(tmp_path: Path) -> None:
    make_members(tmp_path / "wheels")
    (tmp_path / "wheels" / "cupy-12.0.0.tar.gz").write_bytes(b"")
    assert names(tmp_path / "wheels", "cuda:12.8") == [
        "cupy-12.0.0.tar.gz",
        "cupy-13.6.0-0_cuda12-py3-none-any.whl",
    ]


def test_a_release_with_variants_of_its_own_keeps_them(tmp_path: Path) -> None:
    make_members(tmp_path / "wheels")
    make_variants(tmp_path / "wheels", "cupy", {None: []}, version="13.5.0")
    make_variants(tmp_path / "wheels", "cupy", {"null": []}, version="13.6.0")
    assert [name for name in names(tmp_path / "wheels", "cuda:12.8") if "13.6" in name] == [
        "cupy-13.6.0-0_null-py3-none-any.whl"
    ]


def test_no_generated_wheel_requires_a_retired_one(tmp_path: Path) -> None:
    make_members(tmp_path / "wheels")
    new = make_wheel(tmp_path / "wheels", "cupy", "14.0")
    run_here(main, "retire", "cupy-cuda12x", new)
    shown = seen(upstream(tmp_path / "wheels"), "cuda:12.8")
    assert [file.filename for file in shown.files] == [new.name, "cupy-13.6.0-0_cuda12-py3-none-any.whl"]
    assert (shown.choices[0].version, shown.problems) == (Version("13.6.0"), ())
    make_members(tmp_path / "wheels", ["14.0"], ["cupy_cuda13x"])
    assert [str(problem) for problem in seen(upstream(tmp_path / "wheels"), "cuda:12.8").problems] == [
        "cupy-cuda12x 14.0: retired: it requires cupy, so it cannot be a variant of that"
    ]


def test_no_policy_prefers_older_releases_to_the_one_that_replaces_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_members(tmp_path / "wheels")
    new = make_wheel(tmp_path / "wheels", "cupy", "14.0")
    run_here(main, "retire", "cupy-cuda12x", "cupy-cuda13x", new)
    source = upstream(tmp_path / "wheels")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    config = tmp_path / "variant-backend" / "config.toml"
    config.parent.mkdir()
    config.write_text('[policy]\nreleases = "accelerated"\n')
    rules = configuration_in(config).rules
    files = offer(source.project("cupy"), machine("cuda:12.8"), Policy(rules=rules), ENVIRONMENT).files
    assert files[0].filename == new.name
    options = ("-f", tmp_path / "wheels", "--overlay", tmp_path / "overlay.toml", "--machine", "cuda:12.8")
    done = run_here(main, "explain", "cupy", *options)
    assert done.stdout.splitlines()[:2] == [f"cupy 14.0: {new.name} is selected", ""]
    assert "warning" not in done.stderr


def test_a_member_that_requires_the_project_for_an_extra_is_not_retired(tmp_path: Path) -> None:
    make_members(tmp_path / "wheels", fields=['Requires-Dist: cupy ; extra == "x"', "Provides-Extra: x"])
    assert names(tmp_path / "wheels", "cuda:12.8") == ["cupy-13.6.0-0_cuda12-py3-none-any.whl"]


def test_versions_that_the_entry_does_not_admit_have_no_generated_wheels(tmp_path: Path) -> None:
    make_members(tmp_path / "wheels", ["12.9.0", "13.6.0"])
    text = JOINT_PROJECTS.replace('["cupy"]', '["cupy"]\nversions = ">=13"')
    assert names(tmp_path / "wheels", "cuda:12.8", text) == ["cupy-13.6.0-0_cuda12-py3-none-any.whl"]


def test_local_and_early_versions_of_members_are_required_exactly(tmp_path: Path) -> None:
    make_members(tmp_path / "wheels", ["14.0.0rc1+fix"])
    assert "Requires-Dist: cupy-cuda12x==14.0.0rc1+fix" in metadata(tmp_path / "wheels", "cuda:12.8")


def test_a_member_asked_for_by_name_is_offered(tmp_path: Path) -> None:
    make_members(tmp_path / "wheels")
    shown = seen(upstream(tmp_path / "wheels"), "cuda:12.8", "cupy-cuda13x")
    assert [file.filename for file in shown.files] == ["cupy_cuda13x-13.6.0-py3-none-any.whl"]


@pytest.mark.parametrize("public", ["cupy", "cupy_cuda12x"])
def test_a_project_and_its_members_come_from_the_same_index(public: str, tmp_path: Path) -> None:
    """Nobody can replace them by newer releases on a later index."""
    mine = [*make_members(tmp_path / "made"), make_wheel(tmp_path / "made", "cupy", "13.5")]
    index(tmp_path / "mine", [wheel for wheel in mine if wheel.name.split("-")[0] != public])
    index(tmp_path / "public", [make_wheel(tmp_path / "made", public, "99.0")])
    write_overlay(tmp_path / "overlay.toml", JOINT_PROJECTS)
    urls = [str(tmp_path / name / "simple") for name in ("mine", "public")]
    source = Upstream(Sources.of([], urls, [tmp_path / "overlay.toml"]), tmp_path / "cache")
    assert not [one.filename for one in seen(source, "cuda:12.8").files if "99" in one.filename]
    assert seen(source, "cuda:13.0").files


def test_a_project_without_members_is_unknown(tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels")
    with pytest.raises(VariantError) as caught:
        upstream(tmp_path / "wheels").project("cupy")
    assert [problem.code for problem in caught.value.problems] == [NOT_FOUND]
    assert upstream(tmp_path / "wheels").projects() == ("demo",)


def test_a_new_release_of_a_member_is_seen(tmp_path: Path) -> None:
    make_members(tmp_path / "wheels")
    source = upstream(tmp_path / "wheels")
    before = seen(source, "cuda:12.8")
    make_members(tmp_path / "wheels", ["13.7.0"])
    assert len(before.files) == 1
    assert len(seen(source, "cuda:12.8").files) == 2
    assert "cupy" in source.projects()
