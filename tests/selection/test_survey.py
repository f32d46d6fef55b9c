"""Installed variants at a site: several machines and environments, better wheels, requirements."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.made_wheels import make_wheel
from helpers.programs import empty_cache, run, run_here
from hypothesis import given, settings
from hypothesis import strategies as st

from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.make_variant import make_variant_command
from variant_backend._internal.formats.hardware_file import Detected, Hardware
from variant_backend._internal.machine.common_hardware import common_hardware
from variant_backend._internal.machine.fitness import required_values
from variant_backend._internal.machine.installed import Installed
from variant_backend._internal.variants.known_providers import KNOWN_PROVIDERS
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.properties import Property, Variant
from variant_backend._internal.variants.provider_nvidia import nvidia_features
from variant_backend._internal.variants.providers import PluginProvider
from variant_backend._internal.wheels.inspection import Inspection, VariantJson

BOUND = "nvidia :: cuda_version_lower_bound"
# The driver and the GPU of each machine.
MACHINES = {"old": ((12, 6), (8, 0)), "new": ((13, 0), (9, 0))}
LABELS = {
    "cu126": [f"{BOUND} :: 12.6", "nvidia :: sm_arch :: 80_real", "nvidia :: sm_arch :: 90_real"],
    "cu128": [f"{BOUND} :: 12.8", "nvidia :: sm_arch :: 80_real", "nvidia :: sm_arch :: 90_real"],
    "cu13": [f"{BOUND} :: 13.0", "nvidia :: sm_arch :: 90_real"],
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def machine_file(name: str) -> str:
    """Write the file of a machine with a GPU; return the option's value."""
    hardware = Hardware({"nvidia": Detected(nvidia_features(*MACHINES[name]), "test")})
    Path(f"{name}.toml").write_bytes(hardware.to_toml())
    return f"{name}={name}.toml"


def both() -> list[str]:
    return [part for name in MACHINES for part in ("--machine", machine_file(name))]


def write_variants(name: str, folder: str = "dist") -> None:
    """Write a release with three variants, a plain wheel and an index file."""
    wheel = make_wheel(Path(folder), name)
    for label, properties in LABELS.items():
        options = [part for text in properties for part in ("-p", text)]
        run_here(make_variant_command, *options, "-l", label, "-o", folder, wheel)


def put(name: str, label: str | None, into: str = "site") -> None:
    """Write the dist-info folder of an installed wheel."""
    folder = Path(into, f"{name}-1.0.dist-info")
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    if label:
        table = KNOWN_PROVIDERS["nvidia"].table
        properties = frozenset(map(Property.parse, LABELS[label]))
        metadata = VariantMetadata(("nvidia",), {"nvidia": table}, {label: Variant(label, properties)})
        (folder / "variant.json").write_bytes(metadata.to_json())


def answer(*arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run_here(main, "installed", *arguments, "--json").stdout)
    return document


def test_each_machine_has_a_column() -> None:
    put("demo", "cu126")
    put("zoo", "cu13")
    result = run_here(main, "installed", "--path", "site", *both(), "--check", ok=False)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["VARIANT", "LABEL", "old", "new"]
    assert lines[1].split() == ["demo", "1.0", "cu126", "supported", "supported"]
    assert ["zoo", "1.0", "cu13", "not", "supported", "supported"] in map(str.split, lines)
    assert [
        line.partition("; 13.0 means")[0].partition("; 90_real means")[0]
        for line in lines
        if "not supported by" in line
    ] == [
        f"  not supported by old: {BOUND}: needs 13.0; supported: 12.6, 12.5, 12.4, 12.3, 12.2, 12.1, 12.0,"
        " 12 and 22 more",
        "  not supported by old: nvidia :: sm_arch: needs 90_real; supported: 80_real, 80_virtual",
    ]
    assert result.stderr.startswith(f"error: old: zoo 1.0 in site: {BOUND}: needs 13.0; supported: 12.6")
    document = answer("--path", "site", *both())
    assert {name: one["supported"] for name, one in document["machines"].items()} == {
        "old": False,
        "new": True,
    }
    (zoo,) = (variant for variant in document["variants"] if variant["name"] == "zoo")
    assert zoo["supported"] is False
    assert zoo["reasons"] == zoo["machines"]["old"]["reasons"]
    assert zoo["machines"]["new"] == {"supported": True, "reasons": [], "unknown": [], "better": None}


def test_values_of_another_package_count_for_its_releases() -> None:
    table = PluginProvider(("other-provider",))
    variant = Variant("x", frozenset({Property.parse("accel :: gfx :: 1")}))
    put("demo", None)
    metadata = VariantMetadata(("accel",), {"accel": table}, {"x": variant})
    Path("site/demo-1.0.dist-info/variant.json").write_bytes(metadata.to_json())
    detected = Detected({"gfx": ("2",)}, by_package={"other-provider": {"gfx": ("1",)}})
    Path("m.json").write_bytes(Hardware({"accel": detected}).to_json())
    assert answer("--path", "site", "--machine", "m.json")["variants"][0]["supported"] is True


def test_better_wheels_are_found_for_each_machine_and_for_all() -> None:
    for name in ("demo", "zoo", "bare"):
        write_variants(name)
    run_here(main, "index", "dist")
    put("demo", "cu128")
    put("zoo", "cu126")
    put("bare", None)
    put("elsewhere", None)
    result = run_here(main, "installed", "--path", "site", *both(), "-f", "dist")
    new = "{0}-1.0-py3-none-any-cu13.whl"
    old = "{0}-1.0-py3-none-any-cu126.whl"
    assert [line for line in result.stdout.splitlines() if "better" in line] == [
        f"  better for old: cu126 ({old.format('demo')})",
        f"  better for new: cu13 ({new.format('demo')})",
        f"  better for all machines: cu126 ({old.format('demo')})",
        f"  better for new: cu13 ({new.format('zoo')})",
        f"  better for old: cu126 ({old.format('bare')})",
        f"  better for new: cu13 ({new.format('bare')})",
        f"  better for all machines: cu126 ({old.format('bare')})",
    ]
    document = answer("--path", "site", *both(), "-f", "dist")
    assert [variant["better"] for variant in document["variants"]] == [old.format("demo"), None]
    (bare,) = document["replaceable"]
    assert (bare["name"], bare["better"], bare["machines"]["new"]) == (
        "bare",
        old.format("bare"),
        {"better": new.format("bare")},
    )
    checked = run_here(main, "installed", "--path", "site", *both(), "-f", "dist", "--check", ok=False)
    assert "error: bare 1.0: a plain wheel is installed, and a source has" in checked.stderr
    assert "elsewhere" not in checked.stderr


@pytest.mark.parametrize("name", MACHINES)
def test_uv_installs_what_is_better(name: str) -> None:
    write_variants("demo")
    run_here(main, "index", "dist")
    put("demo", None)
    (plain,) = answer("--path", "site", "--machine", machine_file(name), "-f", "dist")["replaceable"]
    (driver, capability) = (".".join(map(str, numbers)) for numbers in MACHINES[name])
    run(
        *("uv", "pip", "install", "--quiet", "--no-index", "--preview-features", "wheel-variants"),
        *(*empty_cache(), "--find-links", "dist", "--target", "uv", "--python", sys.executable, "demo"),
        NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION=driver,
        NV_VARIANT_PROVIDER_FORCE_SM_ARCH=capability,
    )
    label = Path("uv/demo-1.0.dist-info/variant.json").read_text()
    metadata = json.loads(label)
    assert plain["better"] == f"demo-1.0-py3-none-any-{next(iter(metadata['variants']))}.whl"


def test_nothing_is_better_if_the_sources_lack_the_installed_label() -> None:
    write_variants("demo")
    Path("dist/demo-1.0-py3-none-any-cu13.whl").unlink()
    run_here(main, "index", "dist")
    put("demo", "cu13")
    document = answer("--path", "site", *both(), "-f", "dist")
    demo = document["variants"][0]
    assert demo["machines"]["new"]["better"] is None
    assert demo["machines"]["old"]["better"] == demo["better"] == "demo-1.0-py3-none-any-cu126.whl"


def test_a_project_without_a_page_is_not_reported() -> None:
    write_variants("demo")
    run_here(main, "index", "dist", "--simple")
    put("demo", "cu126")
    put("elsewhere", None)
    document = answer("--path", "site", "--machine", machine_file("new"), "-i", "dist/simple")
    assert document["warnings"] == []
    assert document["variants"][0]["better"] == "demo-1.0-py3-none-any-cu13.whl"


@pytest.mark.parametrize(
    "text", ["Name: ../demo\nVersion: 1.0\n", "Name: demo\nVersion: 1.0.x\n", "Name: demo\n", "\0"]
)
def test_a_broken_distribution_has_no_better_wheel(text: str) -> None:
    write_variants("demo")
    run_here(main, "index", "dist", "--simple")
    Path("dist/simple/inner").mkdir()
    put("zoo", "cu126")
    folder = Path("site/broken-1.0.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\n{text}")
    document = answer("--path", "site", "--machine", machine_file("new"), "-i", "dist/simple/inner")
    assert (document["replaceable"], document["warnings"]) == ([], [])


def test_options_of_a_selection_require_a_source() -> None:
    put("demo", None)
    for option, value in (("--python", "3.12"), ("--platform", "windows")):
        result = run_here(main, "installed", "--path", "site", option, value, ok=False)
        assert (result.exit_code, f"{option} is only used to find better wheels" in result.stderr) == (
            2,
            True,
        )


def test_several_interpreters_are_several_environments() -> None:
    for name in ("one", "two"):
        library = f"{name}/lib/python3.11/site-packages"
        put(name, "cu126", library)
        Path(name, "pyvenv.cfg").write_text("version = 3.11.4\n")
    document = answer("--interpreter", "one", "--interpreter", "two", "--machine", machine_file("new"))
    assert [(variant["name"], Path(variant["environment"]).name) for variant in document["variants"]] == [
        ("one", "one"),
        ("two", "two"),
    ]


def test_requirements_leave_out_what_others_imply() -> None:
    put("demo", "cu126")
    put("zoo", "cu128")
    put("plain", None)
    result = run_here(main, "installed", "--path", "site", "--requirements", *both())
    lines = result.stdout.splitlines()
    assert lines[0].split("  ")[0] == "FEATURE"
    assert [" ".join(line.split()) for line in lines[1:6]] == [
        f"{BOUND} 12.8 NVIDIA driver for CUDA 12.8 or newer zoo 1.0",
        "nvidia :: sm_arch 80_real, 90_real NVIDIA GPU of compute capability 8.0, 8.6, 8.7, 8.8, 8.9, 9.0"
        " demo 1.0, zoo 1.0",
        "",
        "MACHINE FITS",
        "old no",
    ]
    assert lines[6].split() == ["new", "yes"]
    assert lines[7].startswith(f"  old: not supported: {BOUND}: needs 12.8; supported: 12.6")
    (bound, arch) = answer("--path", "site", "--requirements", *both())["requirements"]
    assert (bound["values"], bound["meaning"]) == (["12.8"], "NVIDIA driver for CUDA 12.8 or newer")
    assert arch["devices"] == ["8.0", "8.6", "8.7", "8.8", "8.9", "9.0"]
    labels = run_here(main, "installed", "--path", "site", "--as-labels").stdout
    assert labels.splitlines() == [
        "variants.nvidia.cuda_version_lower_bound=12.8",
        "variants.nvidia.sm_arch=80_real-or-90_real",
    ]


def test_static_values_and_abi_dependencies_are_not_required_of_a_machine() -> None:
    put("demo", None)
    result = run_here(main, "installed", "--path", "site", "--requirements")
    assert (result.stdout, result.stderr) == ("", "no installed variant requires anything of a machine\n")


NVIDIA_VALUES = {
    "cuda_version_lower_bound": ("12.8", "12.6", "12", "13.0", "10.2"),
    "cuda_version_upper_bound": ("13.0", "13.1", "14"),
    "sm_arch": ("80_real", "86_real", "80_virtual", "90_real", "90_virtual", "90a_real", "120_real"),
}
GROUPS = st.sampled_from([*NVIDIA_VALUES]).flatmap(
    lambda feature: st.sets(st.sampled_from(NVIDIA_VALUES[feature]), min_size=1).map(
        lambda values: frozenset(Property("nvidia", feature, value) for value in values)
    )
)


def with_properties(properties: Iterable[Property]) -> Installed:
    """Return an installed variant with these properties of one namespace."""
    variant = Variant("x", frozenset(properties))
    metadata = VariantMetadata((*variant.namespaces(),), {}, {"x": variant})
    return Installed(Path("site"), Inspection("d", "d", "1", "x", variant_json=VariantJson(metadata)))


SUPPORTED = [
    {(feature, value) for feature, values in nvidia_features(driver, capability).items() for value in values}
    for driver in ((11, 8), (12, 0), (12, 6), (12, 7), (12, 8), (13, 0), (13, 1), (14, 2))
    for capability in ((7, 5), (8, 0), (8, 6), (9, 0), (12, 0), None)
]


@settings(max_examples=40)
@given(st.lists(GROUPS, min_size=1, max_size=5))
def test_machines_meet_the_requirements_exactly_if_they_support_all(
    groups: list[frozenset[Property]],
) -> None:
    rows = required_values(map(with_properties, groups))
    for known in SUPPORTED:
        supports = all(any((item.feature, item.value) in known for item in group) for group in groups)
        assert supports == all(any((row.feature, value) in known for value in row.values) for row in rows)


@pytest.mark.parametrize("namespace", ["nvidia", "x86_64", "aarch64"])
def test_supported_values_imply_the_lower_ones_of_their_chain(namespace: str) -> None:
    provider = KNOWN_PROVIDERS[namespace]
    assert provider.chain
    assert provider.uv
    machines: list[Any] = [nvidia_features(*facts) for facts in MACHINES.values()]
    listed = provider.uv.features()
    if namespace != "nvidia":
        ((feature, values),) = listed.items()
        machines = [{feature: values[first:]} for first in range(len(values))]
    for feature, values in listed.items():
        places = {value: place for value in values if (place := provider.chain(feature, value))}
        assert places
        for known in machines:
            for own, highest in (places[value] for value in known.get(feature, ())):
                lower = {value for value, place in places.items() if place[0] == own and place[1] <= highest}
                assert lower <= {*known[feature]}


def test_thousands_of_different_requirements_are_kept() -> None:
    groups = [{Property("n", "f", f"v{number}"), Property("n", "f", "w")} for number in range(5000)]
    assert len(required_values([with_properties(group) for group in groups])) == 5000


def test_common_values_keep_the_order_of_the_first_machine() -> None:
    for name in MACHINES:
        machine_file(name)
    result = run_here(main, "hardware", "--machine", "new.toml", "--machine", "old.toml", "-o", "common.toml")
    assert "nvidia :: sm_arch: no value in common" in result.stderr
    shown = run_here(main, "hardware", "--machine", "common.toml", "--json").stdout
    features = json.loads(shown)["machine"]["nvidia"]
    assert features["features"]["cuda_version_lower_bound"][:3] == ["12.6", "12.5", "12.4"]
    assert features["features"]["cuda_version_upper_bound"][-1] == "13.1"
    assert features["source"] == "common to new.toml, old.toml"
    put("demo", "cu126")
    (demo,) = answer("--path", "site", "--machine", "common.toml")["variants"]
    assert demo["supported"] is False


def test_common_values_by_package_fall_back_to_those_of_the_registry() -> None:
    other = {"other": {"gfx": ("x", "y")}}
    one = Detected({"gfx": ("a", "b")}, by_package=other, least={"gfx": ("b",)})
    two = Detected({"gfx": ("b", "x", "a")})
    common = common_hardware({"one": Hardware({"amd": one}), "two": Hardware({"amd": two, "tpu": two})})
    assert (common.namespaces["amd"].features, common.namespaces["amd"].by_package, [*common.namespaces]) == (
        {"gfx": ("a", "b")},
        {"other": {"gfx": ("x",)}},
        ["amd"],
    )
    assert common.of_least_devices().supported == {"amd": {"gfx": ("b",)}}


def run_program(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["installed", *arguments], input="", catch_exceptions=False)


def test_only_one_machine_comes_from_stdin() -> None:
    result = run_program("--machine", "a=-", "--machine", "b=-")
    assert result.exit_code == 2
    assert "two machines from stdin" in result.stderr


@pytest.mark.parametrize("record", [b"a,,,\n", b"\n", b"a,,size\n", b"\xe9,,\n", b"a" * 200_000])
def test_a_broken_record_of_a_plain_package_is_a_warning(record: bytes) -> None:
    put("broken", None)
    Path("site/broken-1.0.dist-info/RECORD").write_bytes(record)
    Path("site/a").touch()
    result = run_program("--path", "site", "--align", "nvidia", "--check")
    assert "warning: broken 1.0: RECORD: expected rows with a path, a hash and a size" in result.stderr
    assert result.exit_code == 0


def test_a_variant_in_two_environments_is_named_once() -> None:
    put("demo", "cu13", "one")
    put("demo", "cu13", "two")
    result = run_program("--path", "one", "--path", "two", "--requirements", "--json")
    assert [row["variants"] for row in json.loads(result.stdout)["requirements"]] == [["demo 1.0"]] * 2
