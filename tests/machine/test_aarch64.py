"""What Arm processors support: as uv says, and as the plugin provider-variant-aarch64 reports it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from helpers.trees import host_with

from variant_backend._internal.errors import VariantError
from variant_backend._internal.machine.aarch64 import detect_aarch64, model_of_cpuinfo
from variant_backend._internal.machine.host import Host
from variant_backend._internal.variants.arm_processors import ARM_MODELS, apple_model, plugin_features
from variant_backend._internal.variants.provider_aarch64 import AARCH64, PLUGIN_PACKAGE
from variant_backend._internal.variants.providers import PluginProvider
from variant_backend._internal.variants.registry_entry import Features

PLUGIN = Path(__file__).parents[1] / "helpers" / "arm_plugin.py"
GRAVITON3 = """
    fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm jscvt fcma lrcpc dcpop
    sha3 sm3 sm4 asimddp sha512 sve asimdfhm dit uscat ilrcpc flagm ssbs paca pacg dcpodp svei8mm svebf16
    i8mm bf16 dgh rng
"""
RASPBERRY_PI_4 = "fp asimd evtstrm crc32 cpuid"
GRAVITON1 = f"{RASPBERRY_PI_4} aes pmull sha1 sha2"


def cpuinfo(implementer: str, part: str, features: Iterable[str]) -> str:
    return (
        f"processor\t: 0\nBogoMIPS\t: 2100.00\nFeatures\t: {' '.join(features)}\n"
        f"CPU implementer\t: {implementer}\nCPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: {part}\n\n"
    )


def ask_plugin(processors: Iterable[dict[str, str]]) -> list[dict[str, tuple[str, ...]]]:
    """Return what the plugin reports for each processor."""
    given = "".join(f"{json.dumps(processor)}\n" for processor in processors)
    done = subprocess.run(
        [sys.executable, str(PLUGIN)], input=given, capture_output=True, encoding="utf-8", check=True
    )
    answers = map(json.loads, done.stdout.splitlines())
    return [{name: (*values,) for name, values in answer.items()} for answer in answers]


def random_cpuinfo(chance: random.Random) -> str:
    """Return a model with some changes: other features, another implementer or part, or more cores."""
    models = [*ARM_MODELS.values()]
    model, other = chance.choice(models), chance.choice(models)
    features = {*model.features}
    for _ in range(chance.choice((0, 0, 1, 2, 20))):
        features ^= {chance.choice(sorted(other.features))}
    implementer = chance.choice((model.implementer, model.implementer, other.implementer, "0x51"))
    part = chance.choice((model.part, model.part, other.part, "0xd8e"))
    core = cpuinfo(implementer, part, sorted(features))
    return core + cpuinfo(other.implementer, other.part, sorted(other.features)) * chance.choice((0, 0, 1))


def test_linux_processors_support_what_the_plugin_reports() -> None:
    chance = random.Random(825)
    texts = [
        cpuinfo(model.implementer, part, model.features)
        for model in ARM_MODELS.values()
        for part in (model.part, "0xd8e")
    ]
    texts += [random_cpuinfo(chance) for _ in range(400)]
    models = [model_of_cpuinfo(text) for text in texts]
    assert {model.name for model in models if model} == {*ARM_MODELS}
    answers = ask_plugin({"system": "Linux", "cpuinfo": text} for text in texts)
    assert [*map(plugin_features, models)] == answers
    assert [[*plugin_features(model)] for model in models] == [[*answer] for answer in answers]


def test_other_systems_support_what_the_plugin_reports() -> None:
    brands = ["M1", "M1 Pro", "M2 Max", "M3", "M4", "M5", "M12 Ultra", "M0", "M", "processor", "A18 Pro"]
    brands = ["Apple", "apple m2, Apple", *(f"Apple {brand}" for brand in brands)]
    processors = [{"system": "Darwin", "brand": brand} for brand in brands]
    models = [apple_model(brand) for brand in brands]
    answers = ask_plugin([*processors, {"system": "Windows"}])
    assert answers == [*map(plugin_features, models), plugin_features(None)]


def test_the_registry_has_all_features_of_the_plugin() -> None:
    every = {feature for model in ARM_MODELS.values() for feature in plugin_features(model)} - {"version"}
    assert every <= {*AARCH64.switches}
    # Those that only the list of the plugin has: its two missing commas join the names.
    assert {"btiecv", "asimdrdmatomics"} <= {*AARCH64.switches}


def detected(tmp_path: Path, part: str, features: str) -> tuple[Features, Features]:
    host = host_with(tmp_path, {"/proc/cpuinfo": cpuinfo("0x41", part, features.split())}, machine="aarch64")
    found = detect_aarch64(host)
    provider = PluginProvider((f"{PLUGIN_PACKAGE}>=0.0.1",))
    assert found.features_for(provider) == found.by_package[PLUGIN_PACKAGE]
    return found.features, found.features_for(provider)


@pytest.mark.parametrize(
    ("part", "features", "uv", "plugin", "number"),
    [
        ("0xd40", GRAVITON3, "8.4a", "8.4a", 31),
        ("0xd08", RASPBERRY_PI_4, "8a", "8a", 0),
        ("0xd08", GRAVITON1, "8a", "8a", 9),
    ],
)
def test_releases_with_the_plugin_get_the_values_of_the_model(
    tmp_path: Path, part: str, features: str, uv: str, plugin: str, number: int
) -> None:
    of_uv, of_plugin = detected(tmp_path, part, features)
    assert [*of_uv] == ["version"]
    assert (of_uv["version"][0], of_plugin["version"][0], len(of_plugin) - 1) == (uv, plugin, number)


def test_flags_that_the_model_lacks_are_not_reported(tmp_path: Path) -> None:
    _, of_plugin = detected(tmp_path, "0xd40", GRAVITON3)
    assert {"ssbs", "paca", "pacg", "sm3"} & {*of_plugin} == set()
    assert [*of_plugin][1:4] == ["asimdfhm", "bf16", "dcpodp"]


def test_the_source_names_the_model(tmp_path: Path) -> None:
    files = {"/proc/cpuinfo": cpuinfo("0x41", "0xd08", GRAVITON1.split())}
    found = detect_aarch64(host_with(tmp_path, files))
    assert found.source == "cores and features in /proc/cpuinfo, model cortex_a72"


@pytest.mark.parametrize("system", ["linux", "win32"])
def test_machines_without_facts_support_the_lowest_version(tmp_path: Path, system: str) -> None:
    found = detect_aarch64(Host({}, tmp_path, system, "aarch64"))
    assert found.features == found.by_package[PLUGIN_PACKAGE] == {"version": ("8a",)}


def facts(*values: str) -> tuple[str, str, Sequence[str]]:
    assert AARCH64.from_facts
    support = AARCH64.from_facts({"aarch64": values} if values else {})
    plugin = support.by_package[PLUGIN_PACKAGE]
    return support.features["version"][0], plugin["version"][0], [*plugin][1:3]


def test_a_given_version_or_model_gives_the_values_of_both_packages() -> None:
    assert facts("neoverse_v1") == ("8.4a", "8.4a", ["asimdfhm", "bf16"])
    assert facts("Neoverse_N1") == ("8.2a", "8.2a", ["asimddp", "lrcpc"])
    assert facts("m4") == ("8.4a", "8.6a", ["flagm2", "frint"])
    assert facts("8.2a") == ("8.2a", "8.2a", [])
    assert facts("9.0a") == ("8.4a", "9.0a", [])
    assert facts() == ("8a", "8a", [])


def test_unknown_given_models_get_a_suggestion() -> None:
    with pytest.raises(VariantError, match=r"unknown version or processor 'neoverse_v9' \(did you mean"):
        facts("neoverse_v9")
