"""Real uv selects the same of equal wheels, and supports the same values, also for other platforms."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import empty_cache, run
from helpers.sample_release import DOCUMENT, encoded, only, write_wheel
from helpers.servers import publish
from packaging.version import Version

from variant_backend._internal.machine.detect import assumed
from variant_backend._internal.machine.support import Machine, Policy
from variant_backend._internal.selection.evaluate import evaluate
from variant_backend._internal.selection.releases import Sources, find_listings, read_release
from variant_backend._internal.selection.source_files import Folders
from variant_backend._internal.selection.target import Target, running_target
from variant_backend._internal.selection.uv_selection import uv_select
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.known_providers import KNOWN_PROVIDERS
from variant_backend._internal.variants.provider_nvidia import FORCE_CAPABILITY, FORCE_DRIVER
from variant_backend._internal.variants.provider_tpu import FORCE_TPU

# Each test asks real uv about many projects.
pytestmark = pytest.mark.slow

PLATFORMS = {
    "manylinux_2_28_x86_64": "linux",
    "musllinux_1_2_aarch64": "aarch64-unknown-linux-musl",
    "macosx_13_0_x86_64": "x86_64-apple-darwin",
    "win32": "i686-pc-windows-msvc",
}
PYTHONS = (
    "py3",
    "py2.py3",
    "py3.py2",
    "py312.py3",
    "cp312",
    "cp311.cp312",
    "cp312.py3",
    "py3.foo",
    "cp3.py3",
)
ABIS = ["none", "abi3", "cp312", "abi3.none", "none.abi3", "cp312.abi3", "cp312t.cp312", "foo.none"]
BUILDS = ["", "", "", "0", "007", "7", "07a", "7a", "7b", "10", "1.0", "18446744073709551615", f"{2**64}"]
VERSIONS = ("linux", "manylinux1", "manylinux2014", "manylinux_2_5", "manylinux_2_17", "manylinux_2_28")
OTHERS = ("musllinux_1_0", "musllinux_1_2", "macosx_11_0", "macosx_13_0", "macosx_10_16", "macosx_14_0")
PLATFORM_TAGS = [
    *("any", "any", "foo", "win32", "win_amd64"),
    *(f"{name}_{machine}" for name in (*VERSIONS, *OTHERS) for machine in ("x86_64", "aarch64", "arm64")),
    *("macosx_11_0_universal2", "macosx_10_9_universal2", "macosx_10_9_intel"),
]


def selected_by_uv(projects: Iterable[str], *options: object, **env: Any) -> dict[str, str]:
    """Return the wheel that uv selects of each project."""
    flags, cache = ("--dry-run", "-v", "--no-config"), empty_cache()
    where = ("--python", sys.executable, "--target", Path(cache[1], "target"))
    preview = ("--preview-features", "wheel-variants")
    command = ("uv", "pip", "install", *flags, *cache, *where, *preview)
    output = run(*command, *options, *projects, **env).stderr
    return dict(re.findall(r"Selecting: (\S+)==\S+ \[\w+\] \((\S+)\)", output))


def draw_names(source: random.Random, project: str, platforms: list[str]) -> list[str]:
    """Return filenames that often rank equally, of plain wheels, of the label `fast`, or of both."""
    labels: list[str | None] = source.choice([[None], ["fast"], [None, "fast"]])
    names = set()
    for _ in range(source.randint(2, 6)):
        python, abi = source.choice(PYTHONS), source.choice(["none", "none", *ABIS])
        platform = ".".join(source.sample(platforms, source.choice([1, 1, 2, 3])))
        build = source.choice(BUILDS)
        names.add(
            str(WheelFilename(project, "1.0", build, f"{python}-{abi}-{platform}", source.choice(labels)))
        )
    return sorted(names)


def write_release(folder: Path, names: Iterable[str], document: Any) -> None:
    """Write wheels and their index file, and an older wheel, without which uv might fail."""
    project = ""
    for name in names:
        wheel = WheelFilename.parse(name)
        project = wheel.distribution
        write_wheel(folder / name, None if wheel.label is None else only(document, wheel.label))
    (folder / f"{project}-1.0-variants.json").write_bytes(encoded(document))
    make_wheel(folder, project, "0.1")


def selected_here(project: str, sources: Sources, target: Target, folders: Folders) -> str:
    uv = uv_select(find_listings(project, sources, folders), {}, target)
    assert uv.evaluation and uv.evaluation.selected
    return str(uv.evaluation.selected.filename)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_uv_selects_the_same_of_equal_wheels(platform: str, tmp_path: Path) -> None:
    source = random.Random(platform)
    projects = [f"p{number}" for number in range(40)]
    target = Target.of("3.12", platform, running=Version("3.12"), tags=())
    fitting = [*{tag.platform for tag in target.tags} & {*PLATFORM_TAGS}]
    for project in projects:
        some = [*sorted(fitting), *source.sample(PLATFORM_TAGS, 4)]
        write_release(tmp_path, draw_names(source, project, some), DOCUMENT)
    sources, folders = Sources((tmp_path,)), Folders()
    expected = {project: selected_here(project, sources, target, folders) for project in projects}
    options = ("--python-platform", PLATFORMS[platform], "--python-version", "3.12")
    assert selected_by_uv(projects, "--no-index", "--find-links", tmp_path, *options) == expected


def test_uv_compares_the_names_of_equal_wheels_on_an_index(tmp_path: Path) -> None:
    source = random.Random(1)
    projects = [f"p{number}" for number in range(40)]
    for project in projects:
        (tmp_path / "files" / project).mkdir(parents=True)
        names = draw_names(source, project, ["any", "foo", "win32"])
        write_release(tmp_path / "files" / project, names, DOCUMENT)
        publish((tmp_path / "files" / project).iterdir(), tmp_path / "simple" / project)
    sources, folders = Sources(index_urls=((tmp_path / "simple").as_uri(),)), Folders()
    target = running_target()
    expected = {project: selected_here(project, sources, target, folders) for project in projects}
    assert selected_by_uv(projects, "--index-url", (tmp_path / "simple").as_uri()) == expected


VALUES: Mapping[str, Mapping[str, list[str]]] = {
    "nvidia": {
        "cuda_version_lower_bound": ["11", "12.0", "12.8", "12.9", "13.0"],
        "cuda_version_upper_bound": ["12.8", "12.9", "13", "15.20", "15.21"],
        "sm_arch": ["80_virtual", "86_real", "90_real", "90_virtual", "100_real"],
    },
    "x86_64": {"level": ["v1", "v2", "v3", "v4"], "avx2": ["on"]},
    "aarch64": {"version": ["8a", "8.0a", "8.1a", "9a", "9.0a"], "sve": ["on"]},
    "tpu": {"present": ["true", "false"]},
}
ENVIRONMENTS: list[dict[str, str]] = [
    {},
    {FORCE_DRIVER: "12.8", FORCE_CAPABILITY: "9.0", FORCE_TPU: "true"},
    {FORCE_DRIVER: "13", FORCE_TPU: "no"},
    {FORCE_CAPABILITY: "8.6"},
    {FORCE_DRIVER: "none", FORCE_CAPABILITY: "8.6"},
]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_uv_assumes_the_same_facts_of_another_platform(platform: str, tmp_path: Path) -> None:
    cases = [
        (name, feature, value)
        for name in VALUES
        for feature in VALUES[name]
        for value in VALUES[name][feature]
    ]
    projects = {f"p{number}": case for number, case in enumerate(cases)}
    for project, (namespace, feature, value) in projects.items():
        document = {
            "$schema": DOCUMENT["$schema"],
            "default-priorities": {"namespace": [namespace]},
            "providers": {namespace: KNOWN_PROVIDERS[namespace].table.to_dict()},
            "variants": {"fast": {namespace: {feature: [value]}}},
        }
        names = [f"{project}-1.0-py3-none-any{label}.whl" for label in ("", "-fast")]
        write_release(tmp_path, names, document)
    target = Target.of("3.12", platform, running=Version("3.12"), tags=())
    sources, folders = Sources((tmp_path,)), Folders()
    releases = {
        project: read_release(find_listings(project, sources, folders).releases[0]) for project in projects
    }
    unset = dict.fromkeys((FORCE_DRIVER, FORCE_CAPABILITY, FORCE_TPU), "")
    for environ in ENVIRONMENTS:
        machine = Machine(assumed(target.machine, environ))
        best = {
            project: evaluate(release, machine, Policy(), target).selected
            for project, release in releases.items()
        }
        expected = {project: str(verdict.filename) for project, verdict in best.items() if verdict}
        options = ("--no-index", "--find-links", tmp_path, "--python-platform", PLATFORMS[platform])
        assert selected_by_uv(projects, *options, **{**unset, **environ}) == expected
