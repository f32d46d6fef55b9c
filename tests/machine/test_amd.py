"""AMD GPUs: the facts that the kernel and ROCm show, compared with both public plugins."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers.trees import host_with, kfd_nodes, pci_device

from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.hardware_file import Detected, Hardware
from variant_backend._internal.machine.amd import detect_amd, given_amd
from variant_backend._internal.machine.host import Host
from variant_backend._internal.variants.provider_amd import (
    AMD,
    BOOTSTRAP,
    FORCE_BOOTSTRAP,
    FORCE_GFX,
    FORCE_ROCM,
)
from variant_backend._internal.variants.providers import PluginProvider

KFD = {"/dev/kfd": ""}
ROCM_7 = {"/opt/rocm/.info/version": "7.0.0-38\n"}
MI300X = pci_device("0000:c1:00.0", "0x1002", "0x74a1", "0x120000")
NODES = "/sys/class/kfd/kfd/topology/nodes"
IN_CONTAINER = "in a container, use --device /dev/kfd --device /dev/dri"
# The answers of amd-variant-provider 0.0.2 for trees like those here, with programs on PATH that print what
# rocminfo and rocm_agent_enumerator print for the tree. The package is not on PyPI.
ANSWERS = Path(__file__).parents[1] / "data" / "amd_variant_provider.json"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows forbids the names of PCI devices")


def bootstrap(support: Detected) -> Mapping[str, tuple[str, ...]]:
    """Return the supported values for releases that require rocm-bootstrap."""
    return support.features_for(PluginProvider((BOOTSTRAP,)))


def test_eight_mi300x_support_one_architecture(tmp_path: Path) -> None:
    found = detect_amd(host_with(tmp_path, {**kfd_nodes(*[90402] * 8), **KFD, **ROCM_7, **MI300X}))
    assert found.features == {"gfx_arch": ("gfx942",), "rocm_version": ("7.0",)}
    assert bootstrap(found) == {"gfx_arch": ("gfx942",)}
    assert found.source == (
        "GPUs: nodes 1, 2, 3, 4, 5, 6, 7, 8 of /sys/class/kfd/kfd/topology/nodes;"
        " ROCm: /opt/rocm/.info/version"
    )
    assert found.warnings == ()
    hardware = Hardware({"amd": found})
    assert Hardware.from_json(hardware.to_json(), "file") == hardware


def test_a_gpu_without_rocm_has_an_architecture_only(tmp_path: Path) -> None:
    found = detect_amd(host_with(tmp_path, {**kfd_nodes(110000), **KFD}))
    assert found.features == bootstrap(found) == {"gfx_arch": ("gfx1100",)}
    assert found.source.endswith("; ROCm: no /opt/rocm/.info/version")
    assert found.by_package == {}


def test_rocm_without_a_gpu_has_a_version_only(tmp_path: Path) -> None:
    found = detect_amd(host_with(tmp_path, ROCM_7))
    assert found.features == {"rocm_version": ("7.0",)}
    assert bootstrap(found) == {}
    assert found.source == "no AMD GPU found; ROCm: /opt/rocm/.info/version"


@pytest.mark.parametrize(
    ("versions", "first", "tools", "nodes"),
    [
        ([110000, 100306], 1, ["gfx1036", "gfx1100"], ["gfx1100", "gfx1036"]),
        # The node 10 comes before the node 9, as a text.
        ([110000, 100306], 9, ["gfx1036", "gfx1100"], ["gfx1036", "gfx1100"]),
        ([90010, 90402, 110501], 1, ["gfx1151", "gfx90a", "gfx942"], ["gfx90a", "gfx942", "gfx1151"]),
    ],
)
def test_rocm_sorts_names_and_rocm_bootstrap_sorts_nodes(
    tmp_path: Path, versions: list[int], first: int, tools: list[str], nodes: list[str]
) -> None:
    found = detect_amd(host_with(tmp_path, {**kfd_nodes(*versions, first=first), **KFD}))
    assert found.features == {"gfx_arch": (*tools,)}
    assert bootstrap(found) == {"gfx_arch": (*nodes,)}


def test_a_machine_without_an_amd_gpu_supports_nothing(tmp_path: Path) -> None:
    audio = pci_device("0000:01:00.1", "0x1002", "0xab30", "0x040300")
    assert detect_amd(host_with(tmp_path, audio)) == Detected({}, "no AMD GPU found")
    assert detect_amd(Host({}, tmp_path, "win32", "amd64")) == Detected({}, "no AMD GPU found")


def test_a_container_without_devices_gets_a_hint(tmp_path: Path) -> None:
    found = detect_amd(host_with(tmp_path, MI300X))
    assert found == Detected({}, f"AMD GPU at PCI 0000:c1:00.0, but no /dev/kfd; {IN_CONTAINER}")


def test_an_unreadable_node_is_skipped_and_named(tmp_path: Path) -> None:
    host = host_with(tmp_path, {**kfd_nodes(90402, 90402), **KFD, **MI300X})
    node = host.path(f"{NODES}/2/properties")
    node.unlink()
    node.mkdir()  # reading it fails, as for a GPU that is hidden from a container
    found = detect_amd(host)
    assert found.features == {"gfx_arch": ("gfx942",)}
    (warning,) = found.warnings
    assert warning.place == f"{NODES}/2/properties"
    assert warning.text.endswith("; skipped")
    assert warning.remedy == IN_CONTAINER


def test_a_device_of_another_group_gets_a_hint(tmp_path: Path) -> None:
    host = host_with(tmp_path, kfd_nodes(90402))
    host.path("/dev").mkdir()
    host.path("/dev/kfd").symlink_to("gone")  # root may open any file
    found = detect_amd(host)
    assert found.features == {}
    assert "but /dev/kfd cannot be read and written; add the user to its group" in found.source
    assert bootstrap(found) == {"gfx_arch": ("gfx942",)}  # it does not open the device


def test_an_architecture_is_computed_if_rocm_bootstrap_does_not_know_it(tmp_path: Path) -> None:
    found = detect_amd(host_with(tmp_path, {**kfd_nodes(130000, 90402), **KFD}))
    assert found.features == {"gfx_arch": ("gfx1300", "gfx942")}
    assert bootstrap(found) == {"gfx_arch": ("gfx942",)}
    assert [str(problem) for problem in found.warnings] == [
        f"{NODES}/1: rocm-bootstrap does not know gfx1300; skipped for it"
    ]


@pytest.mark.parametrize("version", [999999, -90402, 90099, "9" * 5000])
def test_a_node_with_an_impossible_version_is_skipped(tmp_path: Path, version: int | str) -> None:
    files = kfd_nodes(f"simd_count 4\ngfx_target_version {version}\n", 90402)
    found = detect_amd(host_with(tmp_path, {**files, **KFD}))
    assert found.features == {"gfx_arch": ("gfx942",)}
    (warning,) = found.warnings
    assert warning.text.startswith("unknown gfx_target_version ")
    assert warning.remedy is None


# Not confirmed by a real device.
@pytest.mark.parametrize(
    ("visible", "names"),
    [
        ("0", ["gfx906"]),
        ("2,0", ["gfx1100", "gfx906"]),
        ("1,1,2", ["gfx942"]),
        ("0,7,1", ["gfx906"]),
        ("GPU-000000000000abc2", ["gfx942"]),
        ("00,GPU-000000000000ABC2, 2", ["gfx1100", "gfx906", "gfx942"]),
        ("1,GPU-000000000000abc2,2", ["gfx942"]),
        ("", []),
        ("none", []),
    ],
)
def test_visible_devices_limit_what_the_tools_of_rocm_see(
    tmp_path: Path, visible: str, names: list[str]
) -> None:
    host = host_with(
        tmp_path, {**kfd_nodes(90006, 90402, 110000), **KFD}, environ={"ROCR_VISIBLE_DEVICES": visible}
    )
    found = detect_amd(host)
    assert found.features.get("gfx_arch", ()) == (*names,)
    assert f"ROCR_VISIBLE_DEVICES={visible}" in found.source
    assert bootstrap(found) == {"gfx_arch": ("gfx906", "gfx942", "gfx1100")}


# Not confirmed by a real device.
@pytest.mark.parametrize(
    ("text", "names"), [("10.3.0", ["gfx1030"]), ("9.0.10", ["gfx90a"]), ("10.3", []), ("9.99.0", [])]
)
def test_an_override_replaces_the_architecture_of_all_gpus(
    tmp_path: Path, text: str, names: list[str]
) -> None:
    environ = {"HSA_OVERRIDE_GFX_VERSION": text}
    found = detect_amd(host_with(tmp_path, {**kfd_nodes(100301), **KFD}, environ=environ))
    assert found.features.get("gfx_arch", ()) == (*names,)
    assert f"HSA_OVERRIDE_GFX_VERSION={text}" in found.source
    assert ("invalid version" in found.source) == (not names)


@pytest.mark.parametrize(
    ("path", "content", "version"),
    [
        ("/opt/rocm-6.4.1", "6.4.1-83\n", "6.4"),
        ("/opt/rocm-6.4.1/", "6.4\n", "6.4"),
        ("/opt/rocm-6.4.1", "7.0.0rc1", None),
        ("/opt/rocm-6.4.1", "", None),
        ("/opt/rocm-6.4.1", "7\x1b[31m.0", None),
    ],
)
def test_the_variable_of_rocm_names_its_folder(
    tmp_path: Path, path: str, content: str, version: str | None
) -> None:
    files = {"/opt/rocm-6.4.1/.info/version": content, **ROCM_7}
    found = detect_amd(host_with(tmp_path, files, environ={"ROCM_PATH": path}))
    assert found.features == ({"rocm_version": (version,)} if version else {})
    assert [problem.text for problem in found.warnings] == [
        f"expected a version such as 7.0.0, got {content!r}" for _ in range(version is None)
    ]


def test_a_relative_path_of_rocm_is_reported(tmp_path: Path) -> None:
    found = detect_amd(host_with(tmp_path, ROCM_7, environ={"ROCM_PATH": "opt/rocm"}))
    assert found.features == {}
    assert [str(problem) for problem in found.warnings] == [
        "ROCM_PATH: expected an absolute path, got 'opt/rocm'; write the whole path, or unset the variable"
    ]


@pytest.mark.parametrize(
    ("environ", "features", "words"),
    [
        ({FORCE_GFX: "gfx90a gfx942;gfx906"}, {"gfx_arch": ("gfx90a", "gfx942", "gfx906")}, "=gfx90a gfx942"),
        ({FORCE_GFX: " ; "}, {}, f"{FORCE_GFX}="),
        ({FORCE_GFX: ""}, {}, "no AMD GPU found"),
        ({FORCE_GFX: "MI300"}, {}, "=MI300: invalid GPU architecture"),
        ({FORCE_GFX: "gfx942:xnack+"}, {}, "invalid GPU architecture"),
        ({FORCE_GFX: "\x1b[2J"}, {}, "'\\x1b[2J': invalid GPU architecture"),
        ({FORCE_ROCM: "6.4.0"}, {"rocm_version": ("6.4",)}, f"{FORCE_ROCM}=6.4.0"),
        ({FORCE_ROCM: "6.4"}, {}, "=6.4: invalid ROCm version; write three numbers such as 7.0.0"),
        ({FORCE_ROCM: "a.b.c"}, {}, "invalid ROCm version"),
    ],
)
def test_the_variables_of_amd_variant_provider_force_its_facts(
    environ: dict[str, str], features: dict[str, Any], words: str
) -> None:
    found = detect_amd(Host(environ, Path("gone"), "darwin", "arm64"))
    assert found.features == features
    assert words in found.source
    assert bootstrap(found) == {}
    forced = given_amd(environ)
    assert forced is None if not any(environ.values()) else forced == found


@pytest.mark.parametrize(
    ("environ", "names", "words"),
    [
        ({FORCE_BOOTSTRAP: "gfx942, gfx90a,"}, ["gfx942", "gfx90a"], "=gfx942, gfx90a,"),
        ({FORCE_BOOTSTRAP: "gfx1250-strict"}, ["gfx1250"], "=gfx1250-strict"),
        ({FORCE_BOOTSTRAP: "gfx942 gfx90a"}, [], "=gfx942 gfx90a: unknown GPU architecture"),
        ({FORCE_BOOTSTRAP: ""}, ["gfx1100"], "nodes 1 of"),
        ({"ROCM_BOOTSTRAP_DISABLE_DETECTION": "1", FORCE_BOOTSTRAP: "gfx942"}, [], "DETECTION=1"),
        ({"ROCM_BOOTSTRAP_DISABLE_DETECTION": "yes"}, ["gfx1100"], "nodes 1 of"),
    ],
)
def test_the_variables_of_rocm_bootstrap_force_its_facts(
    tmp_path: Path, environ: dict[str, str], names: list[str], words: str
) -> None:
    found = detect_amd(host_with(tmp_path, {**kfd_nodes(110000), **KFD}, environ=environ))
    assert bootstrap(found) == ({"gfx_arch": (*names,)} if names else {})
    assert words in found.source
    assert found.features == {"gfx_arch": ("gfx1100",)}


def test_given_facts_support_what_a_machine_with_them_supports(tmp_path: Path) -> None:
    assert AMD.from_facts
    support = AMD.from_facts({"gfx": ["gfx1100", "gfx1036"], "rocm": ["7.0.2"]})
    files = {**kfd_nodes(110000, 100306), **KFD, **ROCM_7}
    found = detect_amd(host_with(tmp_path, files))
    assert (support.features, support.by_package) == (found.features, found.by_package)
    assert AMD.from_facts({}).features == {}
    for facts in ({"gfx": ["mi300"]}, {"rocm": ["7"]}):
        with pytest.raises(VariantError, match=r"expected a .*; write a (name|version) such as"):
            AMD.from_facts(facts)


@pytest.mark.parametrize("case", json.loads(ANSWERS.read_text(encoding="utf-8")))
def test_amd_variant_provider_reports_the_same(tmp_path: Path, case: dict[str, Any]) -> None:
    files = {**kfd_nodes(*case["gfx"]), **(KFD if case["kfd"] else {})}
    if case["rocm"] is not None:
        files["/opt/rocm/.info/version"] = case["rocm"]
    found = detect_amd(host_with(tmp_path, files, environ=case["environ"]))
    answer = case["answer"] or {}  # None is an AssertionError for a forced version
    assert found.features == {name: (*dict.fromkeys(values),) for name, values in answer.items()}
    if case["answer"] is None:
        assert "invalid ROCm version" in found.source


if sys.platform == "linux":

    def answer_of_bootstrap(host: Host, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, ...]] | str:
        """Return what the real rocm-bootstrap reports on a machine, or the text of its error."""
        from rocm_bootstrap import _platform
        from rocm_bootstrap.variant_provider import AMDVariantPlugin

        monkeypatch.setattr(_platform, "KFD_TOPOLOGY", host.path(NODES))
        monkeypatch.setattr(_platform, "get_env", host.environ.get)
        monkeypatch.setattr(_platform, "run_clinfo", lambda: "")
        try:
            return {config.name: (*config.values,) for config in AMDVariantPlugin.get_supported_configs()}
        except ValueError as error:
            return str(error)

    def random_machine(source: random.Random, root: Path) -> Host:
        """Write the files of a random machine with AMD GPUs."""
        from rocm_bootstrap.targets import ALL_TARGETS

        known = [target.gfx_target_version for target in ALL_TARGETS]
        nodes: list[int | str] = []
        for _ in range(source.choice([0, 1, 2, 3, 12])):
            version = source.choice(known) if source.random() < 0.98 else source.randint(1, 200000)
            simd = source.choice([0, 4, 4, 192, 1216])
            lines = [
                f"simd_count {simd}",
                f"gfx_target_version {version}",
                "device_id 29857",
                "x y z",
                "name",
            ]
            source.shuffle(lines)
            nodes.append(source.choice(["\n", "\n\n", " \n"]).join(lines))
        names = [source.choice(["gfx942", " gfx1250-strict ", "gfx90a", "", "gfx77"]) for _ in range(3)]
        forced = ",".join(names[: source.randint(0, 3)]) if source.random() < 0.2 else ""
        disabled = source.choice(["", "0", "1"]) if source.random() < 0.1 else ""
        environ = {FORCE_BOOTSTRAP: forced, "ROCM_BOOTSTRAP_DISABLE_DETECTION": disabled}
        return host_with(root, kfd_nodes(*nodes, first=source.choice([1, 5])), environ=environ)

    def test_rocm_bootstrap_reports_the_same_on_random_machines(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source, failures = random.Random(19), 0
        for number in range(int(os.environ.get("RANDOM_MACHINES", "100"))):
            host = random_machine(source, tmp_path / str(number))
            found, answer = detect_amd(host), answer_of_bootstrap(host, monkeypatch)
            if isinstance(answer, str):  # it fails for one GPU or name that it does not know
                failures += 1
                assert found.warnings or "unknown GPU architecture" in found.source, answer
            else:
                assert bootstrap(found) == answer
        assert failures < number / 5
