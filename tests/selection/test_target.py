"""The computed tags of an interpreter and platform equal the tags of the real one."""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import run
from packaging.markers import default_environment
from packaging.tags import Tag, parse_tag, sys_tags
from packaging.version import Version

from variant_backend._internal.errors import VariantError
from variant_backend._internal.selection.target import Target
from variant_backend._internal.variants.filename import WheelFilename

RUNNING = Version("3.14.2")
LINUX = [Tag("cp314", "cp314", "manylinux_2_36_x86_64"), Tag("cp314", "cp314", "linux_x86_64")]
PLATFORMS = [
    "linux_x86_64",
    "manylinux_2_28_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux2014_x86_64",
    "manylinux_2_16_x86_64",
    "manylinux1_x86_64",
    "linux_aarch64",
    "manylinux_2_28_aarch64",
    "manylinux_2_16_aarch64",
    "musllinux_1_2_x86_64",
    "musllinux_1_1_aarch64",
    "win_amd64",
    "win_arm64",
    "macosx_13_0_arm64",
    "macosx_12_0_universal2",
    "macosx_14_0_arm64",
    "macosx_10_9_x86_64",
]
ABIS = ["cp312-cp312", "cp312-abi3", "cp310-abi3", "cp313-abi3", "py3-none", "py310-none", "py313-none"]


def requested(python: str | None, platform: str | None) -> Target:
    return Target.of(python, platform, running=RUNNING, tags=LINUX)


def is_linux(tag: Tag) -> bool:
    return tag.platform.startswith("linux_")


def platforms(target: Target) -> list[str]:
    return [*dict.fromkeys(tag.platform for tag in target.tags if tag.platform != "any")]


def test_the_running_interpreter_is_the_default() -> None:
    assert requested(None, None) == (RUNNING, tuple(LINUX), True)


def test_this_platform_has_the_tags_of_the_running_interpreter() -> None:
    here = [*sys_tags()]
    minor = here[0].interpreter.removeprefix("cp3")
    running = Version(f"3.{minor}")
    suffix = "t" if "t" in here[0].abi.removeprefix("cp") else ""
    platform = next(tag.platform for tag in here if re.match("m.*linux|mac|win", tag.platform))
    for version, system in itertools.product((None, f"3.{minor}{suffix}"), (None, platform)):
        tags = [*Target.of(version, system, running=running, tags=here).tags]
        assert {*tags} == {*here}
        assert [tag for tag in tags if not is_linux(tag)] == [tag for tag in here if not is_linux(tag)]


def test_tags_of_the_c_library_come_before_linux() -> None:
    pythons = ("cp312-cp312", "cp312-abi3", "cp39-abi3", "py3-none")
    for platform in ("manylinux_2_17_aarch64", "musllinux_1_1_aarch64", "linux_aarch64"):
        tags = [str(tag) for tag in requested("3.12", platform).tags]
        for python in pythons:
            group = [tag for tag in tags if tag.startswith(f"{python}-") and not tag.endswith("-any")]
            assert group.index(f"{python}-linux_aarch64") == len(group) - 1


@pytest.mark.parametrize(
    ("python", "platform", "version", "best", "here"),
    [
        ("3.12", None, "3.12", "cp312-cp312-manylinux_2_36_x86_64", True),
        ("3.13.4t", None, "3.13.4", "cp313-cp313t-manylinux_2_36_x86_64", True),
        (None, "win_amd64", "3.14.2", "cp314-cp314-win_amd64", False),
        ("3.12.4", "windows", "3.12.4", "cp312-cp312-win_amd64", False),
    ],
)
def test_the_running_interpreter_is_used_for_everything_not_requested(
    python: str | None, platform: str | None, version: str, best: str, here: bool
) -> None:
    target = requested(python, platform)
    assert (target.python, str(target.tags[0]), target.here) == (Version(version), best, here)


def test_the_free_threaded_build_supports_no_abi3() -> None:
    abis = {tag.abi for tag in requested("3.13t", "win_amd64").tags}
    assert abis - {"abi3t"} == {"cp313t", "none"}  # unknown to old versions of packaging


@pytest.mark.parametrize(
    ("tag", "pythons"),
    [
        ("cp315-cp315-win_amd64", {"3.15"}),
        ("cp315-cp315t-win_amd64", {"3.15t"}),
        ("cp314-cp314t-win_amd64", {"3.14t"}),
        ("cp310-abi3-win_amd64", {"3.14", "3.15"}),
        ("cp315-abi3-win_amd64", {"3.15"}),
        ("cp315-abi3t-win_amd64", {"3.15t"}),
        ("cp315-abi3.abi3t-win_amd64", {"3.15", "3.15t"}),
        ("py3-none-any", {"3.14", "3.14t", "3.15", "3.15t"}),
    ],
)
def test_new_and_free_threaded_pythons_get_their_wheels(tag: str, pythons: set[str]) -> None:
    if "abi3t" in tag and "abi3t" not in {tag.abi for tag in requested("3.15t", "win_amd64").tags}:
        pytest.skip("this version of packaging does not know abi3t (PEP 803)")
    tags = parse_tag(WheelFilename.parse(f"demo-1.0-{tag}-fast.whl").tags)
    every = ("3.14", "3.14t", "3.15", "3.15t")
    assert {python for python in every if tags.intersection(requested(python, "win_amd64").tags)} == pythons


@pytest.mark.parametrize(
    ("platform", "same"),
    [
        ("linux", "manylinux_2_28_x86_64"),
        ("x86_64-manylinux_2_28", "manylinux_2_28_x86_64"),
        ("manylinux2014_aarch64", "aarch64-manylinux_2_17"),
        ("riscv64-musllinux_1_2", "musllinux_1_2_riscv64"),
        ("macosx_14_6_arm64", "macosx_14_0_arm64"),
    ],
)
def test_a_platform_has_several_spellings(platform: str, same: str) -> None:
    assert requested("3.12", platform) == requested("3.12", same)


def test_a_platform_implies_the_older_ones() -> None:
    assert platforms(requested("3.12", "manylinux_2_18_aarch64")) == [
        "manylinux_2_18_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
        "linux_aarch64",
    ]
    assert platforms(requested("3.12", "musllinux_1_1_i686")) == [
        "musllinux_1_1_i686",
        "musllinux_1_0_i686",
        "linux_i686",
    ]
    assert platforms(requested("3.12", "linux_x86_64")) == ["linux_x86_64"]  # with an unknown C library


@pytest.mark.agreement
def test_uv_takes_the_same_wheels(tmp_path: Path) -> None:
    """Give every project a wheel with one tag, and an older one that fits everywhere."""
    tags = [f"{abi}-{platform}" for abi, platform in itertools.product(ABIS, PLATFORMS)]
    names = {f"demo_{number}": tag for number, tag in enumerate(tags)}
    for name, tag in names.items():
        make_wheel(tmp_path, name, "2", tag)
        make_wheel(tmp_path, name, "1")
    wanted = tmp_path / "wanted.in"
    wanted.write_text("\n".join(names))
    for platform in ("linux", "macos", "windows", "aarch64-manylinux_2_28", "x86_64-manylinux2014"):
        options = (
            "--python",
            sys.executable,
            "--no-index",
            "--find-links",
            tmp_path,
            "--no-annotate",
            "--quiet",
        )
        target = ("--python-version", "3.12", "--python-platform", platform)
        selected = run("uv", "pip", "compile", *options, *target, wanted).stdout.split()
        expected = {str(tag) for tag in requested("3.12", platform).tags} & {*tags}
        newest = [line[:-3] for line in selected if line.endswith("==2")]
        assert {names[name.replace("-", "_")] for name in newest} == expected


@pytest.mark.parametrize(
    "python", ["", "3", "2.7", "3.7", "3.12t", "3.13tt", "py312", "3.12rc1", "3.123456", " 3.12"]
)
def test_an_unknown_python_is_refused_with_examples(python: str) -> None:
    with pytest.raises(VariantError, match=r"unknown version of CPython '.*'; write a version"):
        requested(python, None)


@pytest.mark.parametrize(
    "platform",
    [
        *("", "any", "amd64", "linux_amd64", "Linux", "x86_64-linux", "win_amd64\n", "macosx_9_0_x86_64"),
        *("manylinux_2_28", "manylinux_2_16_aarch64", "manylinux_2_9999_x86_64", "musllinux_2_0_x86_64"),
        "macosx_11_0_universal2",
    ],
)
def test_an_unknown_platform_is_refused_with_the_known_ones(platform: str) -> None:
    with pytest.raises(VariantError, match=r"unknown platform '.*'.*; known platforms: linux, macos"):
        requested("3.12", platform)


def test_a_misspelt_platform_gets_a_suggestion() -> None:
    with pytest.raises(VariantError, match=re.escape("unknown platform 'lunix' (did you mean 'linux'?); ")):
        requested("3.12", "lunix")


def test_other_interpreters_have_tags_for_this_platform_only() -> None:
    tags = [Tag("pp311", "pypy311_pp73", "linux_x86_64"), Tag("pp3", "none", "any")]
    assert Target.of(None, None, running=Version("3.11.13"), tags=tags).tags == tuple(tags)
    with pytest.raises(VariantError, match="known for CPython only, not for 'pp311'; use --python"):
        Target.of(None, "windows", running=Version("3.11.13"), tags=tags)


@pytest.mark.parametrize("full", ["3.15.0rc1", "3.15.0a2+"])
def test_markers_see_the_running_prerelease(full: str) -> None:
    running = default_environment() | {"python_version": "3.15", "python_full_version": full}
    target = Target.of(None, None, running=Version("3.15.0"), tags=LINUX)
    assert target.environment(running) == running
    assert target._replace(python=Version("3.15.1")).environment(running) != running


def test_markers_see_the_requested_environment() -> None:
    def environment(python: str | None, platform: str | None) -> dict[str, object]:
        running = Version(default_environment()["python_full_version"])
        target = Target.of(python, platform, running=running, tags=sys_tags())
        return {**target.environment(default_environment())}

    assert environment(None, None) == {**default_environment()}
    facts = {
        "manylinux_2_28_aarch64": ("posix", "linux", "Linux", "aarch64"),
        "musllinux_1_2_x86_64": ("posix", "linux", "Linux", "x86_64"),
        "macosx_14_0_arm64": ("posix", "darwin", "Darwin", "arm64"),
        "win_amd64": ("nt", "win32", "Windows", "AMD64"),
        "win32": ("nt", "win32", "Windows", "x86"),
    }
    for platform, expected in facts.items():
        values = environment("3.9", platform)
        keys = ("os_name", "sys_platform", "platform_system", "platform_machine")
        assert tuple(values[key] for key in keys) == expected
        assert (values["python_version"], values["python_full_version"]) == ("3.9", "3.9.0")
