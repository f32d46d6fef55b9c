"""uv supports the same values on forced hardware, and selects the wheel that ranks first here."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import run
from packaging.tags import sys_tags

from variant_backend._internal.formats.hardware_file import Hardware
from variant_backend._internal.machine.detect import detect
from variant_backend._internal.machine.host import Host
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.machine_presets import read_machine
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.properties import NULL_LABEL, NULL_VARIANT, Property, Variant
from variant_backend._internal.variants.provider_nvidia import FORCE_CAPABILITY, FORCE_DRIVER
from variant_backend._internal.variants.provider_tpu import FORCE_TPU
from variant_backend._internal.variants.providers import PluginProvider
from variant_backend._internal.variants.ranking import rank_wheels

pytestmark = [pytest.mark.slow, pytest.mark.agreement]

PROVIDERS = {
    "nvidia": PluginProvider(
        ("nvidia-variant-provider>=0.0.1,<1",), "nvidia_variant_provider.plugin:NvidiaVariantPlugin"
    ),
    "x86_64": PluginProvider(("x86-64-variant-provider>=0.2,<0.3",)),
    "aarch64": PluginProvider(("aarch64-variant-provider>=0.2,<0.3",)),
    "tpu": PluginProvider(("tpu-variant-provider>=0.1,<1",), "tpu_variant_provider.plugin:TpuVariantPlugin"),
}
HARDWARE = [
    ("12.8", "9.0", ""),
    ("12.6", "7.0", "1"),
    ("13.0", "12.0", "no"),
    ("13", "8.9", "TRUE"),
    ("12.8.1", "12.12", "yes"),
    ("11.0", "5.0", ""),
    ("10.2", "9.0", ""),
    ("15.20", "10.3", ""),
    ("17.3", "4.9", ""),
    ("12.8", "", ""),
    ("", "9.0", ""),
    ("", "", ""),
    ("none", "9.0", "on"),
    ("12.8", "none", ""),
    ("55.0", "255.0", ""),
    ("58.0", "9.0", ""),
]
PROJECTS = 50


def environment(hardware: tuple[str, str, str]) -> dict[str, Any]:
    return dict(zip((FORCE_DRIVER, FORCE_CAPABILITY, FORCE_TPU), hardware, strict=True))


def installed(releases: list[VariantMetadata], folder: Path, env: dict[str, Any]) -> list[str]:
    """Return the label that uv installs of each release; each has a null variant and a plain wheel."""
    wheels, target = folder / "wheels", folder / "target"
    projects = [f"p{number}" for number in range(len(releases))]
    for project, metadata in zip(projects, releases, strict=True):
        for label in [*metadata.variants, None]:
            name = str(WheelFilename(project, "1.0", "", "py3-none-any", label))
            files = {f"{project}/which": str(label).encode()}
            if label is not None:
                document = metadata.only(metadata.variants[label]).to_json()
                files[f"{project}-1.0.dist-info/variant.json"] = document
            make_wheel(wheels, project, files=files).rename(wheels / name)
        (wheels / f"{project}-1.0-variants.json").write_bytes(metadata.to_json())
    install = ("uv", "pip", "install", "--quiet", "--preview-features", "wheel-variants", "--no-index")
    run(*install, "--python", sys.executable, "--find-links", wheels, "--target", target, *projects, **env)
    return [(target / project / "which").read_text() for project in projects]


def release(namespaces: Iterable[str], variants: Iterable[set[Property]]) -> VariantMetadata:
    named = {f"v{number}": Variant(f"v{number}", frozenset(each)) for number, each in enumerate(variants)}
    order = tuple(namespaces)
    return VariantMetadata(
        order, {name: PROVIDERS[name] for name in order}, {NULL_LABEL: NULL_VARIANT, **named}
    )


def candidates() -> dict[str, dict[str, list[str]]]:
    """Return values that some machine may support, and values that no machine supports."""
    versions = [*map(str, range(10, 18)), *(f"{major}.{minor}" for major in range(10, 18) for minor in SOME)]
    families = [(family, minor) for family in (4, 5, 7, 8, 9, 10, 12, 25) for minor in range(10)]
    architectures = [f"{family}{minor}_{kind}" for family, minor in families for kind in ("real", "virtual")]
    return {
        "nvidia": {
            "cuda_version_lower_bound": versions,
            "cuda_version_upper_bound": versions,
            "sm_arch": [*architectures, "1212_real", "2550_real", "90a_real"],
        },
        "x86_64": {"level": ["v1", "v2", "v3", "v4", "v5"], "avx2": ["on"]},
        "aarch64": {"version": ["8a"]},
        "tpu": {"present": ["true", "false", "yes"]},
    }


SOME = (0, 1, 2, 5, 6, 8, 9, 19, 20, 21)
ALL = [
    Property(namespace, feature, value)
    for namespace, features in candidates().items()
    for feature, values in features.items()
    for value in values
]


@pytest.mark.parametrize("hardware", [*HARDWARE[:2], *HARDWARE[4:9]], ids="/".join)
def test_uv_supports_exactly_the_detected_values(hardware: tuple[str, str, str], tmp_path: Path) -> None:
    env = environment(hardware)
    supported = detect(Host.here({**os.environ, **env})).supported
    expected = {prop for prop in ALL if prop.value in supported.get(prop.namespace, {}).get(prop.feature, ())}
    labels = installed([release([item.namespace], [{item}]) for item in ALL], tmp_path, env)
    assert {item for item, label in zip(ALL, labels, strict=True) if label != NULL_LABEL} == expected


@pytest.mark.parametrize("hardware", HARDWARE, ids="/".join)
def test_uv_installs_the_first_ranked_wheel_on_forced_hardware(
    hardware: tuple[str, str, str], tmp_path: Path
) -> None:
    env, source = environment(hardware), random.Random("/".join(hardware))
    supported = detect(Host.here({**os.environ, **env})).supported
    likely = [prop for prop in ALL if prop.value in supported.get(prop.namespace, {}).get(prop.feature, ())]

    def draw() -> set[Property]:
        """Return a variant, mostly of supported values, so that the ranking matters."""
        return {source.choice(likely if source.random() < 0.9 else ALL) for _ in range(source.randint(1, 4))}

    releases = []
    for _ in range(PROJECTS):
        namespaces = source.sample(list(PROVIDERS), len(PROVIDERS))
        variants = {frozenset(draw()): None for _ in range(source.randint(2, 6))}
        releases.append(release(namespaces, map(set, variants)))
    expected = []
    for metadata in releases:
        wheels = [WheelFilename("p", "1.0", "", "py3-none-any", label) for label in metadata.variants]
        best, *_ = rank_wheels(wheels, metadata, supported, [*sys_tags()])
        expected.append(best.filename.label)
    assert installed(releases, tmp_path, env) == expected


def test_uv_supports_exactly_the_values_of_a_machine_by_facts(tmp_path: Path) -> None:
    facts = read_machine("rtx4090,cuda:12.6,tpu:true")
    supported = Hardware.from_facts(facts).supported
    forced = [prop for prop in ALL if prop.namespace in ("nvidia", "tpu")]
    expected = {prop for prop in forced if prop.value in supported[prop.namespace].get(prop.feature, ())}
    labels = installed(
        [release([item.namespace], [{item}]) for item in forced],
        tmp_path,
        environment(("12.6", "8.9", "true")),
    )
    assert {item for item, label in zip(forced, labels, strict=True) if label != NULL_LABEL} == expected
