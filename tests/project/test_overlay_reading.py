"""Each mistake in an overlay is a problem with its place, and nothing is ignored in silence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.overlays import JOINT_PROJECTS, LOCAL_VERSIONS, make_locals, write_overlay
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from variant_backend._internal.errors import VariantError
from variant_backend._internal.project.overlay_reading import overlay_in, read_overlay
from variant_backend._internal.selection.releases import Sources, find_listings

PATH = Path("overlay.toml")


def problems(folder: Path, text: str) -> list[str]:
    path = folder / "overlay.toml"
    path.write_text(text, encoding="utf-8")
    try:
        read_overlay(path)
    except VariantError as error:
        return [line.removeprefix(f"{path}: ") for line in error.lines()]
    return []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("names =", "name =", "unknown key 'name' (did you mean 'names'?)"),
        ('cu126.match = { local = "cu126" }', "", "projects[0].variants.cu126: missing"),
        ("cu128.match", "cu127.match", "unknown label 'cu127'"),
        ("cu128.match", "cu128.matches", "unknown key 'matches' (did you mean 'match'?)"),
        ("{ local", "{ locl", "unknown key 'locl' (did you mean 'local'?)"),
        ('"cu126" }', '"cu126", platform = "linux-*" }', "no platform contains the character '-'"),
        ("[[projects]]", '[[projects]]\nversions = "2.10"', "invalid specifier '2.10'"),
        ("[[projects]]", f'[[projects]]\nversions = "<{"9" * 5000}"', "versions: invalid specifier '<9999"),
        ("[[projects]]", '[[projects]]\nversions = "==2.10+cpu"', "'==2.10+cpu' is not about whole releases"),
        ("[[projects]]", '[[projects]]\nindex-urls = "x"', "projects[0].index-urls: expected a list"),
        ("[[projects]]", "[[project]]", "unknown key 'project' (did you mean 'projects'?)"),
        ('["torch",', '["torch", "a b",', "invalid project name 'a b'"),
        ('["12.8"]', '"12.8"', "variants.cu128.nvidia.cuda_version_lower_bound: expected a list"),
    ],
)
def test_a_mistake_has_a_place(old: str, new: str, problem: str, tmp_path: Path) -> None:
    assert old in LOCAL_VERSIONS
    found = problems(tmp_path, LOCAL_VERSIONS.replace(old, new, 1))
    assert any(problem in line for line in found), found
    assert all(re.match(r"projects?(\[0\]|:)", line) for line in found), found


@pytest.mark.parametrize("versions", ["", 'versions = ">=2,<3"'])
def test_an_entry_that_is_never_used_is_an_error(versions: str, tmp_path: Path) -> None:
    first = LOCAL_VERSIONS.replace("[[projects]]", f"[[projects]]\n{versions}")
    second = LOCAL_VERSIONS.replace("[[projects]]", '[[projects]]\nversions = "<3,>=2"')
    found = problems(tmp_path, first + second)
    assert len(found) == 2  # of two projects
    assert "'torch' is never used, as projects[0] is about" in found[0]
    assert problems(tmp_path, second + first) == ([] if not versions else found)


def test_the_first_of_two_files_counts(tmp_path: Path) -> None:
    make_locals(tmp_path / "wheels", "torch", "2.10.0", ["cu128", "cpu"])
    mine = write_overlay(tmp_path / "mine.toml", LOCAL_VERSIONS.replace('local = "cu128"', 'local = "cpu"'))
    shipped = write_overlay(tmp_path / "shipped.toml")
    for overlay, label in (((*mine, *shipped), None), ((*shipped, *mine), "cu128")):
        (release,) = find_listings("torch", Sources((tmp_path / "wheels",), (), overlay)).releases
        assert {wheel.name.version: wheel.label for wheel in release.wheels}["2.10.0+cu128"] == label


def test_only_the_indexes_of_entries_that_are_used_are_read(tmp_path: Path) -> None:
    """The indexes of another file might have other projects of the same names."""
    for name, index in (("mine", "one"), ("shipped", "two")):
        text = LOCAL_VERSIONS.replace("[[projects]]", f'[[projects]]\nindex-urls = ["{index}"]')
        (tmp_path / f"{name}.toml").write_text(text.replace('"torch", ', "") if name == "mine" else text)
    sources = Sources.of([], [], [tmp_path / "mine.toml", tmp_path / "shipped.toml"])
    assert sources.own_indexes("torchvision") == ((tmp_path / "one").as_uri(),)
    assert sources.own_indexes("torch") == ((tmp_path / "two").as_uri(),)


def test_projects_that_stand_for_each_other_are_an_error(tmp_path: Path) -> None:
    """Installers would get empty wheels that require each other, and no files."""
    one = JOINT_PROJECTS.replace('"cupy"', '"meta"').replace('"cupy-cuda12x"', '"cupy"')
    two = JOINT_PROJECTS.replace('"cupy-cuda12x"', '"meta"')
    (tmp_path / "one.toml").write_text(one)
    with pytest.raises(VariantError, match=r"cuda12.project: expected a project with wheels, got 'cupy', "):
        write_overlay(tmp_path / "both.toml", one + two)
    with pytest.raises(VariantError, match="which stands for meta, cupy-cuda13x; name a project that"):
        (tmp_path / "two.toml").write_text(two)
        Sources.of([], [], [tmp_path / "one.toml", tmp_path / "two.toml"])


def warnings_of(folder: Path, text: str) -> list[str]:
    sources = Sources((folder / "wheels",), (), write_overlay(folder / "overlay.toml", text))
    return [*map(str, find_listings("torch", sources).problems)]


def test_properties_that_no_machine_supports_are_reported(tmp_path: Path) -> None:
    make_locals(tmp_path / "wheels", "torch", "2.10.0", ["cu126", "cu128", "cu130", "cpu"])
    assert warnings_of(tmp_path, LOCAL_VERSIONS) == []
    (namespace,) = warnings_of(tmp_path, LOCAL_VERSIONS.replace("nvidia", "nvida"))
    assert "unknown namespace 'nvida' (did you mean 'nvidia'?)" in namespace
    (feature,) = warnings_of(tmp_path, LOCAL_VERSIONS.replace("128.nvidia.cuda_v", "128.nvidia.cuda_w"))
    assert "unknown feature 'cuda_wersion_lower_bound' of nvidia" in feature


def test_a_label_without_wheels_is_reported_beside_wheels_without_label(tmp_path: Path) -> None:
    make_locals(tmp_path / "wheels", "torch", "2.10.0", ["cu126", "cu128", "cpu"])
    assert warnings_of(tmp_path, LOCAL_VERSIONS) == []
    (warning,) = warnings_of(tmp_path, LOCAL_VERSIONS.replace('local = "cu128"', 'local = "cu12.8"'))
    assert "cu128, cu130: no wheel of torch matches; without a label: 2.10.0+cu128" in warning


@pytest.mark.parametrize(
    "text", ["projects = " + "[" * 100_000, "x." * 5000 + "y = 1", "projects = " + "{ x = " * 5000 + "1"]
)
def test_deep_files_are_invalid(text: str, tmp_path: Path) -> None:
    assert len(problems(tmp_path, text)) == 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["torch", "*", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("names", "versions", "index-urls", "variant", "variants", "match", "project", "local"),
                    *("null", "x", "default-priorities", "namespace"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(VALUES, max_size=2))
def test_any_content_is_read_or_has_problems(entries: list[object]) -> None:
    try:
        read = overlay_in({"projects": entries}, PATH)
    except VariantError as error:
        assert all(line.startswith("overlay.toml: ") for line in error.lines())
    else:
        assert len(read) == len(entries) > 0
