"""What a machine supports: computed from facts, read from libraries, written to files and read again."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.trees import host_with
from hypothesis import given
from hypothesis import strategies as st

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.hardware_file import Detected, Hardware
from variant_backend._internal.machine import aarch64
from variant_backend._internal.machine.detect import DETECTORS, assumed, detect, load_hardware
from variant_backend._internal.machine.host import Host
from variant_backend._internal.machine.nvidia import NO_GPU, Gpus, nvidia_support
from variant_backend._internal.machine.tpu import detect_tpu
from variant_backend._internal.machine.x86_64 import (
    detect_x86_64,
    flags_of_cpuinfo,
    flags_of_sysctl,
    flags_of_windows,
)
from variant_backend._internal.variants import provider_aarch64
from variant_backend._internal.variants.known_providers import KNOWN_PROVIDERS, forcing_variables
from variant_backend._internal.variants.provider_nvidia import (
    FORCE_CAPABILITY,
    FORCE_DRIVER,
    forced_capability,
    forced_driver,
    nvidia_features,
)
from variant_backend._internal.variants.provider_tpu import FORCE_TPU, tpu_features
from variant_backend._internal.variants.provider_x86_64 import x86_64_features
from variant_backend._internal.variants.uv_behaviour import KNOWN_TO_UV

V2 = "pni ssse3 sse4_1 sse4_2 cx16 lahf_lm popcnt"
V3 = f"{V2} avx avx2 bmi1 bmi2 f16c fma abm movbe"
V4 = f"{V3} avx512f avx512bw avx512cd avx512dq avx512vl"
OF_MACOS = "SSE3 SSSE3 CX16 SSE4.1 SSE4.2 POPCNT LAHF FMA MOVBE AVX1.0 F16C AVX2 BMI1 BMI2 LZCNT"

NOTHING = NO_GPU.source
GPU = Gpus((12, 8), ((9, 0),), "a test")
GPUS = GPU._replace(capabilities=((8, 6), (9, 0), (3, 5)))
OLD_GPU = GPU._replace(driver=(10, 2))


def levels(flags: str) -> tuple[str, ...]:
    return x86_64_features(flags.split())["level"]


# Measured: uv under a /proc/cpuinfo with these flags.
@pytest.mark.parametrize(
    ("flags", "best"),
    [
        ("fpu", 1),
        (V2, 2),
        (V3, 3),
        (V4, 4),
        (OF_MACOS, 3),
        (OF_MACOS.replace("AVX2 ", "AVX2.0 "), 3),
        (V4.upper(), 4),
    ],
)
def test_processor_flags_give_the_level_and_all_below(flags: str, best: int) -> None:
    assert levels(flags) == tuple(f"v{level}" for level in range(best, 0, -1))


@pytest.mark.parametrize("flag", V4.split())
def test_a_level_requires_each_of_its_flags(flag: str) -> None:
    expected = 1 if flag in V2.split() else 2 if flag in V3.split() else 3
    assert levels(" ".join(other for other in V4.split() if other != flag))[0] == f"v{expected}"


def test_flags_are_read_from_the_first_processor() -> None:
    first = "processor\t: 0\nvmx flags\t: x\nflags\t\t: fpu sse3\n"
    assert flags_of_cpuinfo(f"{first}\nprocessor\t: 1\nflags\t\t: avx\n\n") == ["fpu", "sse3"]
    assert flags_of_cpuinfo("processor\t: 0\nFeatures\t: fp asimd\n") == []


# Measured: uv with an interpreter that finds no flags.
def test_levels_are_assumed_without_flags(tmp_path: Path) -> None:
    assert detect_x86_64(Host({}, tmp_path, "linux", "x86_64")) == Detected(
        {"level": ("v2", "v1")}, "assumed, as by uv"
    )


@pytest.mark.parametrize(("enabled", "best"), [(b"\1\0\0\0", "v4"), (b"\0\0\0\0", "v3"), (b"", "v3")])
def test_macos_reports_whether_avx512_is_enabled(enabled: bytes, best: str) -> None:
    answers = {
        b"machdep.cpu.features": f"{OF_MACOS}\0".encode(),
        b"machdep.cpu.leaf7_features": b"AVX512F AVX512BW AVX512CD AVX512DQ AVX512VL\0",
        b"hw.optional.avx512f": enabled,
    }
    assert levels(" ".join(flags_of_sysctl(lambda name: answers.get(name, b""))))[0] == best


@pytest.mark.parametrize(
    ("features", "best"),
    [
        ({10}, "v1"),
        ({10, 13, 14, 36, 37, 38}, "v2"),
        ({10, 13, 14, 36, 37, 38, 39}, "v2"),
        ({10, 13, 14, 36, 37, 38, 39, 40, 41}, "v3"),
    ],
)
def test_windows_reports_levels_up_to_v3(features: set[int], best: str) -> None:
    assert levels(" ".join(flags_of_windows(features.__contains__)))[0] == best


ARM = {name for names in provider_aarch64._VERSIONS.values() for name in names}
V1, N1, THUNDER = ("0x41", "0xd40"), ("0x41", "0xd0c"), ("0x42", "0x516")


# Measured: uv with an interpreter that reports these cores and features, and 420 others.
@pytest.mark.parametrize(
    ("cores", "missing", "version"),
    [
        ([V1], "", "8.4a"),
        ([V1, N1], "", "8.2a"),
        ([N1, THUNDER, V1], "", "8.1a"),
        ([V1, ("0x48", "0xd40")], "", "8a"),
        ([("0x41", "d40")], "", "8a"),
        ([("0x61", "0x022")], "", "8.4a"),
        ([("0x61", "0x26")], "", "8a"),
        ([("0x61", "0x42")], "", "8.4a"),
        ([("0x61", "0x41")], "", "8a"),
        ([V1], "asimddp", "8.3a"),
        ([V1], "pacg", "8.2a"),
        ([V1], "dcpop", "8.1a"),
        ([V1], "crc32", "8a"),
        ([], "", "8a"),
    ],
)
def test_arm_versions_need_known_cores_and_their_features(
    cores: list[tuple[str, str]], missing: str, version: str
) -> None:
    names = " ".join(ARM - {missing})
    entries = [
        f"processor\t: {number}\nFeatures\t: {names}\nCPU implementer\t: {core}\nCPU part\t: {part}\n"
        for number, (core, part) in enumerate(cores)
    ]
    assert aarch64.version_of_cpuinfo("\n".join([*entries, "Hardware\t: a board\n"])) == version


# Measured: uv with an interpreter that reports these brands.
@pytest.mark.parametrize(
    ("brand", "best"),
    [
        ("Apple M1", "8.4a"),
        ("Apple M5 Max", "8.4a"),
        ("Apple M6", "8a"),
        ("Apple processor", "8a"),
        ("", "8a"),
    ],
)
def test_the_version_of_a_mac_follows_from_its_brand(
    brand: str, best: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aarch64, "sysctl", lambda _: f"{brand}\0".encode())
    host = Host.here({})._replace(system="darwin")
    assert aarch64.detect_aarch64(host).features["version"][0] == best


def test_other_systems_report_the_lowest_arm_version() -> None:
    assert aarch64.detect_aarch64(Host.here({})._replace(system="win32")).features == {"version": ("8a",)}


# Measured: uv in a mount namespace with these devices in /sys/bus/pci/devices.
@pytest.mark.parametrize(
    ("devices", "present"),
    [
        ([], "false"),
        ([("0x8086", "0x0063")], "false"),
        ([("0x1ae0", "0x0042"), ("0x1ae0", "0x0063")], "true"),
        ([("0x1ae0", "0x0027")], "true"),
        ([("0x1ae0", "0x007c")], "true"),
        ([("0x1ae0", "0x006F")], "false"),
        ([("0x1ae0", None)], "false"),
    ],
)
def test_a_tpu_is_a_known_device_on_the_pci_bus(
    tmp_path: Path, devices: list[tuple[str, str | None]], present: str
) -> None:
    files = {
        f"/sys/bus/pci/devices/{number}/{name}": f"{text}\n"
        for number, texts in enumerate(devices)
        for name, text in zip(("vendor", "device"), texts, strict=True)
        if text
    }
    assert detect_tpu(host_with(tmp_path, files)).features == {"present": (present,)}


@pytest.mark.parametrize(
    ("machine", "processors"), [("AMD64", ["x86_64"]), ("arm64", ["aarch64"]), ("riscv64", [])]
)
def test_processors_are_detected_on_their_architecture_only(machine: str, processors: list[str]) -> None:
    others = [name for name in DETECTORS if not KNOWN_PROVIDERS[name].machines]
    assert [*detect(Host.here({})._replace(machine=machine)).namespaces] == [*processors, *others]


# Measured: uv, with the variable set to this text.
@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("12", (12, 0)),
        ("12.8.1", (12, 8)),
        ("12.8rc1", (12, 8)),
        (" v012.8", (12, 8)),
        ("1!12.8+x", (12, 8)),
        ("9", (9, 0)),
        ("55.0", (55, 0)),
        ("12.1000", (12, 1000)),
        ("58.0", None),
        ("12.1001", None),
        ("570.86.16", None),
        ("12.", None),
        ("+12.8", None),
        ("none", None),
        (" ", None),
    ],
)
def test_a_forced_driver_version_is_read_as_uv_reads_it(text: str, driver: tuple[int, int] | None) -> None:
    assert forced_driver(text) == driver


@pytest.mark.parametrize(
    ("text", "capability"),
    [
        ("8.6", (8, 6)),
        (" 9. 0 ", (9, 0)),
        ("+09.0", (9, 0)),
        ("255.255", (255, 255)),
        ("256.0", None),
        ("9.256", None),
        ("9", None),
        ("90", None),
        ("9.0a", None),
        ("9.0.1", None),
        ("-9.0", None),
        ("9" * 5000 + ".0", None),
        ("none", None),
    ],
)
def test_a_forced_compute_capability_is_read_as_uv_reads_it(
    text: str, capability: tuple[int, int] | None
) -> None:
    assert forced_capability(text) == capability


@pytest.mark.parametrize(
    ("text", "present"),
    [("1", 1), ("TRUE", 1), ("yes", 1), ("0", 0), ("on", 0), ("y", 0), (" 1", 0), ("", 0)],
)
def test_a_forced_tpu_is_read_as_uv_reads_it(text: str, present: int) -> None:
    found = detect(Host.here({FORCE_TPU: text})).namespaces["tpu"]
    assert found.features == {"present": ("true" if present else "false",)}


# Measured: uv with an nvidia-smi that answers so.
@pytest.mark.parametrize(
    ("environ", "gpu", "driver", "best", "source"),
    [
        ({}, NO_GPU, None, None, NOTHING),
        ({FORCE_CAPABILITY: "9.0"}, NO_GPU, None, None, NOTHING),
        ({FORCE_DRIVER: "12.6"}, NO_GPU, "12.6", None, f"{FORCE_DRIVER}=12.6"),
        ({}, GPU, "12.8", "90_real", "a test"),
        ({}, GPUS, "12.8", "90_real", "a test"),
        ({FORCE_DRIVER: "", FORCE_CAPABILITY: ""}, GPU, "12.8", "90_real", "a test"),
        ({FORCE_DRIVER: "12.6"}, GPU, "12.6", "90_real", f"a test, {FORCE_DRIVER}=12.6"),
        ({FORCE_CAPABILITY: "4.9"}, GPU, "12.8", None, f"a test, {FORCE_CAPABILITY}=4.9"),
        ({}, OLD_GPU, None, None, "a test: CUDA 10.2 is unknown to the provider"),
        ({FORCE_CAPABILITY: "9.0"}, OLD_GPU, None, None, "CUDA 10.2 is unknown to the provider"),
        ({FORCE_DRIVER: "16.0"}, OLD_GPU, "16.0", "90_real", f"a test, {FORCE_DRIVER}=16.0"),
        ({FORCE_DRIVER: "no\x07"}, GPU, None, None, "'no\\x07': invalid CUDA version"),
        ({FORCE_CAPABILITY: "x"}, GPU, None, None, "=x: invalid compute capability"),
    ],
)
def test_support_of_a_gpu_names_its_sources(
    environ: dict[str, str], gpu: Gpus, driver: str | None, best: str | None, source: str
) -> None:
    found = nvidia_support(environ, lambda: gpu)
    assert next(iter(found.features.get("cuda_version_lower_bound", ())), None) == driver
    assert next(iter(found.features.get("sm_arch", ())), None) == best
    assert found.source.endswith(source)


def test_the_values_of_a_namespace_are_those_of_all_machines() -> None:
    nvidia = [
        nvidia_features((major, minor), (family, 9))
        for major in range(11, 16)
        for minor in range(21)
        for family in (4, major - 6)
    ]
    nvidia += [nvidia_features((12, 8), (family, 9)) for family in range(256)]
    machines = {
        "nvidia": nvidia,
        "x86_64": [x86_64_features(flags.split()) for flags in ("", V2, V3, V4)],
        "aarch64": [provider_aarch64.aarch64_features(version) for version in ("8a", "8.4a")],
        "tpu": [tpu_features(False), tpu_features(True)],
    }
    for namespace, listed in machines.items():
        known = KNOWN_TO_UV[namespace].features
        for feature, values in known().items():
            assert len({*values}) == len(values)
            assert {*values} == {value for found in listed for value in found.get(feature, ())}
    assert {*KNOWN_TO_UV} == {*machines}


@given(st.tuples(st.integers(11, 15), st.integers(0, 20)), st.tuples(st.integers(5, 12), st.integers(0, 9)))
def test_forcing_variables_give_the_same_support(
    driver: tuple[int, int], capability: tuple[int, int]
) -> None:
    for known in (capability, None):
        supported = {"nvidia": nvidia_features(driver, known), "tpu": tpu_features(True)}
        again = detect(Host.here(forcing_variables(supported))).supported
        assert {name: again[name] for name in supported} == supported


def test_forcing_variables_of_no_gpu_hide_a_gpu() -> None:
    variables = forcing_variables({"nvidia": {}, "tpu": {}})
    assert variables == {FORCE_DRIVER: "none", FORCE_CAPABILITY: "0.0"}
    assert nvidia_support(variables, lambda: GPU).features == {}


def test_the_least_device_is_known_if_devices_differ() -> None:
    assert nvidia_support({}, lambda: GPU).least is None
    assert nvidia_support({FORCE_CAPABILITY: "9.0"}, lambda: GPUS).least is None
    assert nvidia_support({}, lambda: GPUS._replace(capabilities=((9, 0), (9, 0)))).least is None
    assert nvidia_support({}, lambda: GPUS).least == nvidia_features((12, 8), (3, 5))
    both = nvidia_support({}, lambda: GPUS._replace(capabilities=((8, 6), (9, 0))))
    assert both.of_least_device().features == nvidia_features((12, 8), (8, 6))
    assert both.of_least_device().source == "a test; the least of all devices"


NAMES = st.from_regex(r"[a-z0-9_]+", fullmatch=True)
# More than three of each kind take longer and add no new case.
VALUES = st.lists(st.from_regex(r"[a-z0-9_.]+", fullmatch=True), min_size=1, max_size=3, unique=True).map(
    tuple
)
SOURCES = st.text(st.characters(exclude_categories=["Cs", "Cc"]))
FEATURES = st.dictionaries(NAMES, VALUES, max_size=3)
PACKAGES = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)?", fullmatch=True)
SUPPORT = st.builds(
    Detected,
    FEATURES,
    SOURCES,
    st.dictionaries(PACKAGES, FEATURES, max_size=2),
    st.just(()),
    st.none() | FEATURES,
)
HARDWARE = st.builds(
    Hardware, st.dictionaries(NAMES.filter(lambda name: name != "abi_dependency"), SUPPORT, max_size=3)
)


def ordered(hardware: Hardware) -> list[Any]:
    return [
        (name, [*each.features.items()], each.source, [*map(str, each.by_package.items())], str(each.least))
        for name, each in hardware.namespaces.items()
    ]


@given(HARDWARE)
def test_a_machine_file_is_read_as_written(hardware: Hardware) -> None:
    if sys.version_info >= (3, 11):
        pass
    else:
        pass

    assert ordered(Hardware.from_json(hardware.to_json(), "file")) == ordered(hardware)
    assert ordered(Hardware.from_bytes(hardware.to_toml(), "file")) == ordered(hardware)


def test_feature_order_does_not_depend_on_key_order() -> None:
    hardware = Hardware({"nvidia": Detected(nvidia_features((12, 8), (9, 0)))})
    text = json.dumps(json.loads(hardware.to_json()), sort_keys=True)
    assert ordered(Hardware.from_json(text.encode(), "file")) == ordered(hardware)


def test_all_errors_of_a_machine_file_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text('[A.features]\n[b]\n[c]\nsource = 1\n[c.features]\nf = ["x y"]\n[d]\nfeature = {}\n')
    with pytest.raises(VariantError) as caught:
        load_hardware(path)
    places = [line.removeprefix(f"{path}: ").split(": ")[0] for line in caught.value.lines()]
    assert places == ["A", "b.features", "c.source", "c.features.f[0]", "d.feature", "d.features"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", b"{", "a.json: invalid JSON"),
        ("a.toml", b"[", "a.toml: invalid TOML"),
        ("a.json", b'{"a": {"features": {}}, "a": {"features": {}}}', "duplicate key 'a'"),
        ("a.json", b"[]", "expected a table"),
        ("gone.json", None, "gone.json: file not found"),
    ],
)
def test_an_invalid_machine_file_is_named(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    result = CliRunner().invoke(main, ["hardware", "--machine", str(path)])
    assert result.exit_code == 1
    assert words in result.stderr


FORCED = {FORCE_DRIVER: "12.8", FORCE_CAPABILITY: "8.6", FORCE_TPU: "1"}


def shown(*arguments: str | Path, **env: str) -> str:
    result = CliRunner().invoke(main, ["hardware", *map(str, arguments)], env=env)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_table_shows_best_values_and_source() -> None:
    assert re.search(
        rf"^nvidia +sm_arch +86_real, 85_real, 84_real, 83_real, ... \(8 in all\) +{FORCE_DRIVER}=12.8, ",
        shown(**FORCED),
        re.MULTILINE,
    )


@pytest.mark.parametrize("form", ["json", "toml"])
def test_a_machine_file_shows_the_same_elsewhere(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"node.{form}"
    assert shown("-o", path, **FORCED) == f"{path}\n"
    assert path.read_text(encoding="utf-8") == shown(f"--{form}", **FORCED)
    assert shown("--machine", path) == shown(**FORCED)


def test_a_machine_file_may_come_from_stdin() -> None:
    document = '{"version": 1, "machine": {"nvidia": {"features": {"sm_arch": ["90_real"]}}}}'
    result = CliRunner().invoke(main, ["hardware", "--machine", "-", "--json"], input=document)
    assert json.loads(result.stdout)["machine"] == json.loads(document)["machine"]


@pytest.mark.parametrize(
    ("machine", "namespaces"),
    [
        ("x86_64", {"x86_64": {"level": ("v2", "v1")}}),
        ("AMD64", {"x86_64": {"level": ("v2", "v1")}}),
        ("arm64", {"aarch64": {"version": ("8a",)}}),
        ("x86", {}),
        ("riscv64", {}),
    ],
)
def test_assumed_facts_of_another_platform_are_those_of_uv(
    machine: str, namespaces: dict[str, object]
) -> None:
    others: dict[str, object] = {"nvidia": {}, "tpu": {"present": ("false",)}}
    assert assumed(machine, {}).supported == {**others, **namespaces}
    assert assumed(machine, {FORCE_CAPABILITY: "9.0"}).supported["nvidia"] == {}  # no driver


def test_variables_force_facts_of_another_platform() -> None:
    environ = {FORCE_DRIVER: "12.8", FORCE_CAPABILITY: "9.0", FORCE_TPU: "yes"}
    found = assumed("riscv64", environ)
    forced = {name: features for name, features in found.supported.items() if features}
    assert forced == {"nvidia": nvidia_features((12, 8), (9, 0)), "tpu": tpu_features(True)}
    assert found.namespaces["tpu"].source == f"{FORCE_TPU}=yes"


@pytest.mark.parametrize("content", ["", " \n"])
def test_an_empty_machine_file_is_refused(tmp_path: Path, content: str) -> None:
    # The command before a pipe may have failed.
    (tmp_path / "node.toml").write_text(content)
    for path, place in (("-", "stdin"), (str(tmp_path / "node.toml"), str(tmp_path / "node.toml"))):
        result = CliRunner().invoke(main, ["hardware", "--machine", path], input=content)
        assert result.exit_code == 1
        assert f"error: {place}: expected a machine file, got nothing; write it with" in result.stderr
