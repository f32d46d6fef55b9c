"""An option that names something unknown is an error with a suggestion, as is a contradiction."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.made_wheels import make_wheel
from helpers.sample_release import DOCUMENT, patched, write_release
from packaging.version import Version

from variant_backend._internal.cli.main import main
from variant_backend._internal.formats.hardware_file import Detected, Hardware
from variant_backend._internal.machine.support import Machine, Policy
from variant_backend._internal.machine.trusted_plugins import TrustedPackage, trusting
from variant_backend._internal.selection.unknown_names import (
    contradictions,
    unknown_in_machine,
    unknown_names,
)
from variant_backend._internal.variants.alignment import AlignedName
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.namespace_support import Lazy
from variant_backend._internal.variants.properties import Property, Variant
from variant_backend._internal.variants.providers import PluginProvider, StaticProvider

MKL = Property("mkl", "level", "fast")
NUMPY = Property("abi_dependency", "numpy", "2")
RELEASE = VariantMetadata(
    ("speed", "mkl"),
    {"speed": StaticProvider((("mode", ("fast", "safe")),)), "mkl": PluginProvider(("mkl-provider>=1",))},
    {"fast": Variant("fast", frozenset({Property("speed", "mode", "fast"), MKL, NUMPY}))},
)
KNOWN = "known namespaces: aarch64, abi_dependency, amd, ascend, "


def unknown(policy: Policy, machine: Machine = Machine()) -> list[str]:  # noqa: B008  # an immutable default
    return [str(problem) for problem in unknown_names(policy, machine, [RELEASE], ["demo"])]


def given(text: str) -> Policy:
    item = Property.parse(text)
    return Policy(given={item.namespace: {item.feature: (item.value,)}})


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (
            given("sped :: mode :: fast"),
            f"--supported: unknown namespace 'sped' (did you mean 'speed'?); {KNOWN}",
        ),
        (Policy(enabled=["mlk"]), f"--enable: unknown namespace 'mlk' (did you mean 'mkl'?); {KNOWN}"),
        (
            Policy(disabled=["nvida"]),
            f"--disable: unknown namespace 'nvida' (did you mean 'nvidia'?); {KNOWN}",
        ),
        (Policy(align=(AlignedName("zzz"),)), f"--align: unknown namespace 'zzz'; {KNOWN}"),
        (
            Policy(align=(AlignedName("speed", "mdoe"),)),
            "--align: speed: unknown feature 'mdoe' (did you mean 'mode'?); known features: mode",
        ),
        (
            Policy(align=(AlignedName("x86_64", "levle"),)),
            "--align: x86_64 :: levle: unknown feature 'levle' of x86_64 (did you mean 'level'?); known",
        ),
        (
            given("mkl :: levle :: fast"),
            "--supported: mkl: unknown feature 'levle' (did you mean 'level'?); known features: level",
        ),
        (
            given("speed :: mode :: fats"),
            "--supported: speed :: mode: unknown value 'fats' (did you mean 'fast'?); known values: fast",
        ),
        (
            given("abi_dependency :: nmupy :: 2"),
            "--supported: abi_dependency: unknown feature 'nmupy' (did you mean 'numpy'?); known features",
        ),
        (
            Policy(named_plugins=frozenset({"mkl-providr"})),
            "--trust-plugin: unknown plugin 'mkl-providr' (did you mean 'mkl-provider'?); known plugins: ",
        ),
        (
            Policy(pinned={"nmupy": Version("2")}),
            "--pin: unknown package 'nmupy' (did you mean 'numpy'?); known packages: demo, numpy",
        ),
    ],
)
def test_an_unknown_name_gets_a_suggestion_and_the_known_ones(policy: Policy, message: str) -> None:
    (problem,) = unknown(policy)
    assert problem.startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x86_64 :: levle :: v3", "unknown feature 'levle' of x86_64 (did you mean 'level'?)"),
        ("x86_64 :: level :: v9", "unknown value 'v9' of x86_64 :: level; known values: v1, v2, v3, v4"),
        ("nvidia :: sm_arch :: sm90", "unknown value 'sm90' of nvidia :: sm_arch; write a value such as"),
    ],
)
def test_features_and_values_of_known_providers_are_checked(text: str, message: str) -> None:
    (problem,) = unknown(given(text))
    assert problem.startswith("--supported: ")
    assert message in problem
    item = Property.parse(text)
    hardware = Hardware({item.namespace: Detected({item.feature: (item.value,)})})
    (problem,) = unknown(Policy(), Machine(hardware))
    assert problem.startswith("--machine: ")
    assert message in problem
    assert len(unknown_in_machine(hardware)) == 1


@pytest.mark.parametrize(
    "policy",
    [
        Policy(),
        given("mkl :: level :: other"),  # only its plugin knows all values
        given("speed :: mode :: safe"),
        given("nvidia :: cuda_version_lower_bound :: 12.8"),
        given("x86_64 :: level :: v3"),
        given("abi_dependency :: numpy :: 1.26"),
        Policy(enabled=["nvidia"], disabled=["tpu"], align=(AlignedName("x86_64", "level"),)),
        Policy(
            trusted=trusting([TrustedPackage("user-trusts-it")]), named_plugins=frozenset({"mkl-provider"})
        ),
        Policy(named_plugins=frozenset({"nvidia-variant-provider"})),
        Policy(pinned={"numpy": Version("2"), "demo": Version("1")}),
    ],
)
def test_a_name_known_to_anything_in_the_run_is_accepted(policy: Policy) -> None:
    assert unknown(policy) == []


def test_names_of_a_machine_file_and_of_installed_packages_are_known() -> None:
    machine = Machine(
        Hardware({"rocm": Detected({"gfx": ("gfx90a",)})}), versions={"my-plugin": Version("1")}
    )
    policy = Policy(disabled=["rocm"], named_plugins=frozenset({"my-plugin"}))
    assert unknown(policy, machine) == []
    policy = Policy(given={"rocm": {"gxf": ("gfx90a",)}})
    assert unknown(policy, machine) == [
        "--supported: rocm: unknown feature 'gxf' (did you mean 'gfx'?); known features: gfx"
    ]


def test_the_check_starts_no_detection() -> None:
    def detect() -> dict[str, Detected]:
        raise AssertionError

    assert unknown(given("mkl :: level :: fast"), Machine(Hardware(Lazy(detect)))) == []


def test_disabling_a_requested_namespace_is_a_contradiction() -> None:
    policy = Policy(
        given={"tpu": {}},
        enabled=["speed", "mkl"],
        disabled=["mkl", "nvidia", "tpu"],
        align=(AlignedName("nvidia"), AlignedName("nvidia", "sm_arch")),
    )
    assert list(map(str, contradictions(policy))) == [
        "--supported: namespace 'tpu' is also in --disable; remove one of the two",
        "--enable: namespace 'mkl' is also in --disable; remove one of the two",
        "--align: namespace 'nvidia' is also in --disable; remove one of the two",
    ]
    assert contradictions(Policy(enabled=["speed"], disabled=["mkl"], align=(AlignedName("speed"),))) == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a release with the static namespace `speed`."""
    return write_release(tmp_path / "dist", DOCUMENT)


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


OPTIONS = [
    ("--supported", "sped :: mode :: fast"),
    ("--supported", "speed :: mdoe :: fast"),
    ("--supported", "speed :: mode :: fats"),
    ("--supported", "x86_64 :: level :: v9"),
    ("--enable", "sped"),
    ("--disable", "sped"),
    ("--align", "sped"),
    ("--align", "speed::mdoe"),
    ("--pin", "demmo==1"),
]


@pytest.mark.parametrize("option", OPTIONS, ids=" ".join)
def test_explain_and_fetch_refuse_unknown_names(
    option: tuple[str, str], folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    lock = tmp_path / "pylock.toml"
    assert invoke("fetch", "demo", "--find-links", folder, "--pylock", lock).exit_code == 0
    for command in (
        ("explain", "demo", "--find-links", folder),
        ("explain", "demo", "--find-links", folder, "--json"),
        ("fetch", "demo", "--find-links", folder, "-o", out),
        ("fetch", "demo#safe", "--find-links", folder, "-o", out),
        ("fetch", "--pylock", lock, "-o", out),
    ):
        result = invoke(*command, *option)
        assert result.exit_code == 2, command
        assert bool(result.stdout) == ("--json" in command)
        assert f"{option[0]}: " in result.stderr
        assert "unknown " in result.stderr
    assert not out.exists()


def test_values_of_a_static_namespace_are_ignored_with_a_warning(folder: Path) -> None:
    options = ("demo", "--find-links", folder, "--supported", "speed :: mode :: safe")
    text = "--supported: speed: ignored, as the release lists the supported values in static-properties"
    result = invoke("explain", *options)
    assert result.exit_code == 0
    assert result.stderr == f"warning: {text}; use --disable speed instead to support none\n"
    assert text not in invoke("explain", *options, "--disable", "speed").stderr


def test_a_name_known_only_to_an_older_release_is_accepted(folder: Path) -> None:
    mlk = {"static-properties": {"level": ["a"]}}
    namespaces = {"namespace": ["speed", "mlk"]}
    older = patched(DOCUMENT, {"default-priorities": namespaces, "providers": {"mlk": mlk}})
    write_release(folder, older, version="0.9")
    result = invoke("explain", "demo", "--find-links", folder, "--disable", "mlk")
    assert (result.exit_code, result.stderr) == (0, "")


def test_without_valid_metadata_no_name_is_refused(folder: Path) -> None:
    (folder / "demo-1.0-variants.json").write_text("{")
    result = invoke("explain", "demo", "--find-links", folder, "--disable", "sped")
    assert result.exit_code == 0


def test_unknown_labels_are_wrong_usage(folder: Path, tmp_path: Path) -> None:
    for arguments in (
        ("explain", "demo", "--find-links", folder, "--label", "saef"),
        ("explain", "demo", "--find-links", folder, "--why-not", "saef"),
        ("explain", "demo#saef", "--find-links", folder),
        ("fetch", "demo#saef", "--find-links", folder, "-o", tmp_path / "out"),
    ):
        result = invoke(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "unknown label 'saef' (did you mean 'safe'?)" in result.stderr


def test_explain_lists_no_label_outside_the_grammar(folder: Path) -> None:
    fast = folder / "demo-1.0-py3-none-any-fast.whl"
    fast.rename(folder / "demo-1.0-py3-none-any-Fast!.whl")
    result = invoke("explain", "demo", "--find-links", folder, "--label", "Fast")
    assert result.exit_code == 2
    assert "existing labels: safe, null, (plain)\n" in result.stderr
    assert "Fast!" not in result.stderr


def test_a_machine_file_with_an_unknown_value_is_refused(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "machine.json"
    document: dict[str, Any] = {"x86_64": {"features": {"level": ["v9"]}}}
    file.write_text(json.dumps(document))
    result = invoke("explain", "demo", "--find-links", folder, "--machine", file)
    assert result.exit_code == 2
    assert "unknown value 'v9' of x86_64 :: level; known values: v1, v2, v3, v4" in result.stderr


def test_plain_releases_know_only_the_known_providers(tmp_path: Path) -> None:
    make_wheel(tmp_path)
    assert invoke("explain", "--find-links", tmp_path, "--disable", "nvidia").exit_code == 0
    assert invoke("explain", "--find-links", tmp_path, "--disable", "speed").exit_code == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--enable", "speed", "--disable", "speed"), "--enable: namespace 'speed' is also in --disable;"),
        (("--align", "speed", "--disable", "speed"), "--align: namespace 'speed' is also in --disable;"),
        (("--pin", "demo==1", "--pin", "demo==2"), "two versions of 'demo': 1 and 2; leave one of them out"),
    ],
)
def test_contradicting_options_are_wrong_usage(options: tuple[str, ...], message: str, folder: Path) -> None:
    result = invoke("explain", "demo", "--find-links", folder, *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_trust_plugin_names_a_plugin_of_the_release(folder: Path) -> None:
    options = ("explain", "demo", "--find-links", folder, "--trust-plugin")
    result = invoke(*options, "nvidia-varient-provider")
    assert result.exit_code == 2
    assert "--trust-plugin: unknown plugin" in result.stderr
    assert "(did you mean 'nvidia-variant-provider'?)" in result.stderr
    assert invoke(*options, "pytest").exit_code == 0  # an installed package


def test_installed_refuses_unknown_names(folder: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(folder / "demo-1.0-py3-none-any-safe.whl") as archive:
        archive.extractall(site)
    for option in (("--align", "sped"), ("--supported", "sped :: mode :: fast")):
        result = invoke("installed", "--path", site, *option)
        assert result.exit_code == 2
        assert f"{option[0]}: unknown namespace 'sped' (did you mean 'speed'?)" in result.stderr
    assert invoke("installed", "--path", site, "--align", "speed").exit_code == 0


def test_stub_refuses_a_machine_file_with_an_unknown_value(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "machine.json"
    file.write_text(json.dumps({"x86_64": {"features": {"level": ["v9"]}}}))
    options = ("--base-url", "https://example.org/", "-o", tmp_path / "out", "--machine", file)
    result = invoke("stub", folder, *options)
    assert result.exit_code == 2
    assert f"error: {file}: " in result.stderr


@pytest.fixture
def misspelt(tmp_path: Path) -> Path:
    path = tmp_path / "node.toml"
    path.write_text("version = 1\n[machine.nvdia.features]\nsm_arch = ['90_real']\n")
    return path


def test_a_misspelt_namespace_in_a_machine_file_is_refused(
    folder: Path, tmp_path: Path, misspelt: Path
) -> None:
    out = tmp_path / "out"
    for command in (
        ("explain", "demo", "-f", folder),
        ("fetch", "demo", "-f", folder, "-o", out),
        ("stub", folder, "--base-url", "https://w.example.org", "-o", out),
        ("hardware",),
    ):
        result = invoke(*command, "--machine", misspelt)
        assert (result.exit_code, result.stdout) == (2, ""), command
        assert "unknown namespace 'nvdia' (did you mean 'nvidia'?); known namespaces: " in result.stderr
    assert not out.exists()


def test_a_namespace_of_another_project_in_a_machine_file_is_a_warning(folder: Path, tmp_path: Path) -> None:
    machine, out = tmp_path / "node.toml", tmp_path / "out"
    machine.write_text("version = 1\n[machine.blas.features]\nkind = ['mkl']\n[machine.nvidia.features]\n")
    for command in (
        ("explain", "demo", "-f", folder),
        ("fetch", "demo", "-f", folder, "-o", out),
        ("stub", folder, "--base-url", "https://w.example.org", "-o", out),
    ):
        result = invoke(*command, "--machine", machine)
        assert result.exit_code == 0, command
        assert "namespace 'blas' is not used, as the release does not have it" in result.stderr
        assert "nvidia" not in result.stderr
    assert invoke("hardware", "--machine", machine).exit_code == 0


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ("[machine.nvidia]\nfeature = {}\n", 1),
        ("[machine.nvidia.features]\nsm_arhc = ['90_real']\n", 2),
        ("[machine.nvdia.features]\n", 2),
    ],
)
def test_invalid_machine_files_exit_with_1_and_unknown_names_with_2(
    table: str, code: int, folder: Path, tmp_path: Path
) -> None:
    machine = tmp_path / "node.toml"
    machine.write_text(f"version = 1\n{table}")
    for command in (("explain", "demo", "-f", folder), ("hardware",)):
        assert invoke(*command, "--machine", machine).exit_code == code, command
