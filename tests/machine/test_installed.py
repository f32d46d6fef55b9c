"""Installed variants, whether the machine supports them, and where they disagree."""

from __future__ import annotations

import json
import os
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.made_modules import made_elf
from helpers.made_wheels import make_wheel
from helpers.programs import SCRIPTS, printed, run, run_here
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import Tag

from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.make_variant import make_variant_command
from variant_backend._internal.project.user_variables import LABEL
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.properties import Property, Variant
from variant_backend._internal.variants.providers import StaticProvider
from variant_backend._internal.variants.ranking import rank_wheels, static_support, unsupported_features

CUDA = ("-p", "nvidia :: cuda_version_lower_bound :: 12.8", "-l", "cuda12.8")
# These variables make uv install variants for a GPU on a machine without one.
FORCED: dict[str, Any] = {
    "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": "12.8",
    "NV_VARIANT_PROVIDER_FORCE_SM_ARCH": "9.0",
}
OPENMP = ("--static", "openmp :: runtime :: gomp, iomp, omp", "--static", "openmp :: version :: 5, 4")
UNKNOWN = "  unknown: no source of supported values for nvidia; use --supported or --machine"
# A machine without known facts replaces the one that runs the tests.
NOWHERE = ("--machine", "nowhere.json")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nowhere.json").write_text("{}")


def install(name: str, *options: str, into: str = "site") -> Path:
    """Install a wheel with uv, a variant if *options* are given; return its dist-info folder."""
    folder = Path(f"wheels-{into}") / name
    wheel = make_wheel(folder, name)
    if options:
        run_here(make_variant_command, *options, "-o", folder / "made", wheel)
        (wheel,) = (folder / "made").iterdir()
    flags = ("--quiet", "--no-index", "--preview-features", "wheel-variants")
    run("uv", "pip", "install", *flags, "--target", into, wheel.absolute(), **FORCED)
    return Path(into, f"{name}-1.0.dist-info")


def openmp(label: str, *properties: str) -> list[str]:
    """Return the options of a variant in the namespace openmp."""
    return [*OPENMP, "-l", label, *(part for text in properties for part in ("-p", f"openmp :: {text}"))]


def invoke(*arguments: object, machine: tuple[str, ...] = NOWHERE) -> Result:
    options = ["installed", *machine, *map(str, arguments)]
    return CliRunner().invoke(main, options, catch_exceptions=False)


def answer(*arguments: object, machine: tuple[str, ...] = NOWHERE) -> dict[str, Any]:
    result = invoke(*arguments, "--path", "site", "--json", machine=machine)
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_installed_variants_are_listed_with_their_properties() -> None:
    install("plain")
    install("zoo", *openmp("gomp", "runtime :: gomp", "runtime :: iomp"))
    install("demo", *CUDA)
    install("empty", "--null")
    result = invoke("--path", "site")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "demo 1.0   cuda12.8  unknown",
        "  nvidia :: cuda_version_lower_bound :: 12.8",
        "    NVIDIA driver for CUDA 12.8 or newer",
        UNKNOWN,
        "empty 1.0  null      supported",
        "zoo 1.0    gomp      supported",
        "  openmp :: runtime :: gomp, iomp",
    ]
    demo, _, zoo = answer()["variants"]
    assert demo == {
        "name": "demo",
        "version": "1.0",
        "environment": "site",
        "path": "site",
        "label": "cuda12.8",
        "properties": {"nvidia": {"cuda_version_lower_bound": ["12.8"]}},
        "supported": None,
        "reasons": [],
        "unknown": ["nvidia"],
        "better": None,
        "machines": {
            "nowhere.json": {"supported": None, "reasons": [], "unknown": ["nvidia"], "better": None}
        },
    }
    assert (zoo["supported"], zoo["properties"]) == (True, {"openmp": {"runtime": ["gomp", "iomp"]}})


@pytest.mark.parametrize(
    ("given", "supported"),
    [
        ([], None),
        (["x86_64 :: level :: v3"], None),
        (["nvidia :: cuda_version_lower_bound :: 12.8, 12.6"], True),
        (["nvidia::cuda_version_lower_bound::12.6", "nvidia::cuda_version_lower_bound::12.8"], True),
        (["nvidia :: cuda_version_lower_bound :: 12.6"], False),
        (["nvidia :: sm_arch :: 90_real"], False),
    ],
)
def test_given_values_decide_support_and_others_are_unknown(given: list[str], supported: bool | None) -> None:
    install("demo", *CUDA)
    options = [part for text in given for part in ("--supported", text)]
    (demo,) = answer(*options)["variants"]
    assert demo["supported"] is supported
    assert bool(demo["reasons"]) == (supported is False)
    assert demo["unknown"] == (["nvidia"] if supported is None else [])
    # Unknown support is not an error.
    assert invoke("--check", "--path", "site", *options).exit_code == (supported is False)


def test_given_values_precede_a_machine_file_or_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install("demo", *CUDA)
    Path("node.toml").write_text('[nvidia.features]\ncuda_version_lower_bound = ["12.6"]\n')
    monkeypatch.setenv("NV_VARIANT_PROVIDER_FORCE_SM_ARCH", "9.0")
    given = ("--supported", "nvidia :: cuda_version_lower_bound :: 12.8, 12.6")
    for driver, supported in (("12.9", True), ("12.6", False)):
        monkeypatch.setenv("NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION", driver)
        assert answer(machine=())["variants"][0]["supported"] is supported
        assert answer(*given, machine=())["variants"][0]["supported"] is True
        assert answer(machine=("--machine", "node.toml"))["variants"][0]["supported"] is False
        assert answer(*given, machine=("--machine", "node.toml"))["variants"][0]["supported"] is True
    result = invoke("--path", "site", machine=("--machine", "nothing.toml"))
    assert (result.exit_code, result.stderr.startswith("error: nothing.toml: ")) == (1, True)


@pytest.mark.parametrize(("version", "supported"), [("2.9.1", True), ("2.90", False), (None, False)])
def test_an_abi_dependency_requires_the_installed_version(version: str | None, supported: bool) -> None:
    if version:
        install_plain(version)
    metadata = VariantMetadata(
        ("openmp",),
        {"openmp": StaticProvider((("runtime", ("gomp",)),))},
        {"x": Variant("x", frozenset({Property("abi_dependency", "my_torch", "2.9")}))},
    )
    (install("demo", *openmp("x", "runtime :: gomp")) / "variant.json").write_bytes(metadata.to_json())
    (demo,) = answer()["variants"]
    assert demo["supported"] is supported
    expected = "abi_dependency :: my_torch: needs 2.9; supported: "
    values = "2.90.0, 2.90, 2" if version else "none"
    assert demo["reasons"] == ([] if supported else [expected + values])
    (demo,) = answer("--supported", "abi_dependency :: my_torch :: 2.9")["variants"]
    assert demo["supported"] is True


def install_plain(version: str) -> None:
    """Install a plain distribution My.Torch, as an installer does."""
    folder = Path("site", f"my_torch-{version}.dist-info")
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: My.Torch\nVersion: {version}\n")


def test_check_names_unsupported_variants_and_properties() -> None:
    install("demo", *CUDA)
    install("zoo", *CUDA)
    supported = ("--supported", "nvidia :: cuda_version_lower_bound :: 12.6, 12.5")
    reason = "nvidia :: cuda_version_lower_bound: needs 12.8; supported: 12.6, 12.5; "
    reason += "12.8 means NVIDIA driver for CUDA 12.8 or newer"
    result = invoke("--path", "site", *supported, "--check")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == f"  not supported: {reason}"
    *errors, remedy = result.stderr.splitlines()
    assert errors == [f"error: {name} 1.0 in site: {reason}" for name in ("demo", "zoo")]
    assert remedy == "name your package index with --index-url to see better wheels, and how to install them"
    result = invoke("--path", "site", *supported)
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("requested", "got"),
    [
        ("zoo#gomp", "zoo 1.0: {} requests 'gomp', got 'iomp'"),
        ("zoo#(plain)", "zoo 1.0: {} requests '(plain)', got 'iomp'"),
        ("My-Torch#cu128", "my-torch 2.9: {} requests 'cu128', got a plain wheel"),
        ("Zoo#iomp, my.torch#(plain), missing#x, other", None),
        ("zoo#auto", None),
    ],
)
def test_check_compares_with_the_requested_labels(
    monkeypatch: pytest.MonkeyPatch, requested: str, got: str | None
) -> None:
    install("zoo", *openmp("iomp", "runtime :: iomp"))
    install_plain("2.9")
    monkeypatch.setenv(LABEL, requested)
    result = invoke("--path", "site", "--check")
    remedy = "install it again with --force-reinstall --no-cache-dir (pip) or --reinstall --no-cache (uv)"
    assert result.stderr == (f"error: {got.format(LABEL)}; {remedy}\n" if got else "")
    assert result.exit_code == bool(got)
    assert invoke("--path", "site").exit_code == 0


def test_an_unsupported_property_outweighs_unknown_ones() -> None:
    install("demo", *CUDA, *OPENMP, "-p", "openmp :: runtime :: gomp", "-p", "x86_64 :: level :: v1")
    (demo,) = answer("--supported", "nvidia :: sm_arch :: 90_real")["variants"]
    assert (demo["supported"], demo["unknown"], len(demo["reasons"])) == (False, ["x86_64"], 1)


def test_static_properties_of_the_variant_precede_given_values() -> None:
    install("zoo", *openmp("iomp", "runtime :: iomp"))
    (zoo,) = answer("--supported", "openmp :: runtime :: gomp")["variants"]
    assert zoo["supported"] is True


def test_joined_folders_are_one_environment_as_in_python() -> None:
    install("demo", into="first")
    install("demo", *CUDA, into="second")
    install("zoo", *CUDA, into="second")
    joined = os.pathsep.join(("first", "second"))
    found = json.loads(invoke("--json", "--path", joined).stdout)["variants"]
    assert [(each["name"], each["path"]) for each in found] == [("zoo", "second")]
    lines = invoke("--path", "first", "--path", "second").stdout.splitlines()
    assert lines[0] == "second"
    assert [line.split()[0] for line in lines if "cuda12.8" in line] == ["demo", "zoo"]


def test_the_environment_of_the_user_is_read_and_not_that_of_the_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = [SCRIPTS / "variant-backend", "installed", *NOWHERE]
    install("demo", *CUDA)
    run("uv", "venv", "--quiet", "--python", sys.executable, "active")
    (library,) = Path("active").glob("**/site-packages")
    Path("site/demo-1.0.dist-info").rename(library / "demo-1.0.dist-info")
    words = "    NVIDIA driver for CUDA 12.8 or newer\n"
    listed = "demo 1.0  cuda12.8  unknown\n  nvidia :: cuda_version_lower_bound :: 12.8\n" + words + UNKNOWN
    shown = run(*tool, VIRTUAL_ENV=str(tmp_path / "active"))
    assert (shown.stdout.strip(), shown.stderr) == (
        listed,
        f"looking into {tmp_path / 'active'} (VIRTUAL_ENV)\n",
    )
    Path("active").rename(".venv")
    shown = run(*tool)
    assert (shown.stdout.strip(), shown.stderr) == (
        listed,
        f"looking into {tmp_path / '.venv'} (.venv of the project)\n",
    )
    Path(".venv").rename("other")
    assert invoke("--interpreter", "other").stdout.strip() == listed
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.setenv(
        "PATH", str(Path("other/Scripts" if sys.platform == "win32" else "other/bin").absolute())
    )
    result = invoke()
    assert (result.stdout.strip(), result.stderr) == (listed, f"looking into {tmp_path / 'other'} (PATH)\n")


def test_no_variant_is_not_an_error_but_a_missing_folder_is() -> None:
    install("plain")
    result = invoke("--path", "site", "--check")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no variant is installed\n")
    assert json.loads(invoke("--path", "site", "--json").stdout) == {
        "version": 1,
        "machines": {"nowhere.json": {"supported": True, "reasons": [], "unknown": []}},
        "variants": [],
        "replaceable": [],
        "shared_files": [],
        "repair": [],
        "warnings": [],
        "errors": [],
    }
    result = invoke("--path", "no", "--path", "site")
    assert (result.exit_code, result.stderr) == (1, "error: no: folder not found\n")


def test_check_requires_distributions_in_each_folder(tmp_path: Path) -> None:
    install("plain")
    Path("empty").mkdir()
    text = "empty: no distributions found; use --path with a site-packages folder"
    none = "site: no variant is installed\nempty: no variant is installed\n"
    result = invoke("--path", "site", "--path", "empty", "--check")
    assert (result.exit_code, result.stderr) == (1, f"error: {text}\n{none}")
    result = invoke("--path", "site", "--path", "empty")
    assert (result.exit_code, result.stderr) == (0, f"warning: {text}\n{none}")
    venv.create("bare", with_pip=False)
    result = invoke("--interpreter", "bare", "--check")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[1] == (
        f"error: {tmp_path / 'bare'} (--interpreter): no distributions found;"
        " use --interpreter with another environment, or --path with a site-packages folder"
    )


def test_path_and_interpreter_exclude_each_other() -> None:
    result = invoke("--path", "site", "--interpreter", "bare")
    assert result.exit_code == 2
    assert "--path and --interpreter cannot be used together; leave one of them out" in result.stderr


BROKEN = {
    "no JSON": (b"{", "demo: variant.json: invalid JSON: "),
    "no UTF-8": (b"\xff", "demo: a file in dist-info is not UTF-8: "),
    "no variants": (b"{}", "demo: variant.json: $schema: missing"),
    "a list": (b"[]", "demo: variant.json: expected a table, got an empty list"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_metadata_is_an_error_and_others_are_listed(case: str) -> None:
    content, expected = BROKEN[case]
    (install("demo", *CUDA) / "variant.json").write_bytes(content)
    install("zoo", *openmp("gomp", "runtime :: gomp"))
    result = invoke("--path", "site")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {expected}")
    assert "zoo 1.0" in result.stdout
    document = answer()
    assert printed(document["errors"])[0].startswith(expected)
    assert [each["supported"] for each in document["variants"] if each["name"] == "demo"] in ([], [None])


def test_a_distribution_without_a_name_is_reported_by_its_folder() -> None:
    (install("demo", *CUDA) / "METADATA").write_bytes(b"Version: 1.0\n")
    result = invoke("--path", "site")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == "error: site: field Name is missing"


def test_align_shows_a_namespace_and_names_disagreeing_variants() -> None:
    install("one", *openmp("gomp", "runtime :: gomp", "version :: 5"))
    install("two", *openmp("iomp", "runtime :: iomp", "version :: 5", "version :: 4"))
    install("other", *CUDA)
    result = invoke("--path", "site", "--align", "openmp")
    disagreement = "openmp :: runtime: no value in common: one has gomp; two has iomp"
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "one 1.0  gomp  supported",
        "  openmp :: runtime :: gomp",
        "  openmp :: version :: 5",
        "two 1.0  iomp  supported",
        "  openmp :: runtime :: iomp",
        "  openmp :: version :: 4, 5",
        disagreement,
    ]
    result = invoke("--path", "site", "--align", "openmp", "--check")
    assert (result.exit_code, result.stderr) == (1, f"error: {disagreement}\n")
    document = answer("--align", "openmp")
    assert document["disagreements"] == [
        {
            "namespace": "openmp",
            "feature": "runtime",
            "values": {"one": ["gomp"], "two": ["iomp"]},
            "environment": "site",
        }
    ]
    assert len(document["variants"]) == 3


def test_align_of_a_feature_compares_only_this_feature() -> None:
    install("one", *openmp("gomp", "runtime :: gomp", "version :: 5"))
    install("two", *openmp("iomp", "runtime :: iomp", "version :: 5"))
    install("other", *CUDA)
    result = invoke("--path", "site", "--align", "openmp::version", "--align", "nvidia", "--check")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "  openmp :: version :: 5" in result.stdout.splitlines()
    assert "runtime" not in result.stdout
    result = invoke("--path", "site", "--align", "openmp::runtime", "--align", "openmp", "--check")
    assert (result.exit_code, result.stderr.count("no value in common")) == (1, 1)


def test_three_that_agree_only_in_pairs_disagree() -> None:
    for name, values in {"one": ("gomp", "iomp"), "two": ("iomp", "omp"), "three": ("omp", "gomp")}.items():
        install(name, *openmp(name, *(f"runtime :: {value}" for value in values)))
        apart = answer("--align", "openmp")["disagreements"]
        assert len(apart) == (name == "three")


def test_an_unused_namespace_is_aligned() -> None:
    install("demo", *CUDA)
    result = invoke("--path", "site", "--align", "x86_64", "--check")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "no installed variant has properties in x86_64\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--supported", "nvidia :: 12.8"], "expected three parts separated by '::', got 2"),
        (["--supported", "nvidia :: sm :: 9, "], "value is empty"),
        (["--supported", "NVIDIA :: sm :: 9"], "character 'N' at position 1"),
        (["--align", "open-mp"], "character '-' at position 5"),
    ],
)
def test_invalid_values_are_wrong_usage(arguments: list[str], said: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr


PROPERTIES = st.builds(Property, *[st.sampled_from("abc")] * 3)
SUPPORTED = st.dictionaries(
    st.sampled_from("abc"),
    st.dictionaries(st.sampled_from("abc"), st.lists(st.sampled_from("abc"), unique=True)),
)


@given(st.frozensets(PROPERTIES, min_size=1), SUPPORTED)
def test_unsupported_variants_are_those_that_selection_excludes(
    properties: frozenset[Property], supported: dict[str, dict[str, list[str]]]
) -> None:
    variant = Variant("x", properties)
    metadata = VariantMetadata(("a", "b", "c"), {"a": StaticProvider((("a", ("a",)),))}, {"x": variant})
    known = {**supported, **static_support(metadata)}
    reasons = unsupported_features(variant, metadata, known)
    wheel = WheelFilename("demo", "1.0", "", "py3-none-any", "x")
    (verdict,) = rank_wheels([wheel], metadata, known, [Tag("py3", "none", "any")])
    assert verdict.reasons == tuple(reasons.values())
    assert set(reasons) == {
        item[:2]
        for item in properties
        if not {each.value for each in properties if each[:2] == item[:2]}
        & set(known.get(item.namespace, {}).get(item.feature, ()))
    }


LINKING = [("new", 13), ("old", 12)]


def plain_package(name: str, *libraries: str, into: str = "site") -> None:
    """Write an installed package with a module that links libraries."""
    dist_info = Path(into, f"{name}-1.0.dist-info")
    dist_info.mkdir(parents=True)
    (dist_info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (dist_info / "RECORD").write_text(f"{name}.so,,\n{name}.dll,,\nmissing.so,,\n")
    Path(into, f"{name}.so").write_bytes(made_elf(*libraries))
    Path(into, f"{name}.dll").write_bytes(b"no module")


def test_align_compares_variants_with_the_runtimes_of_plain_packages() -> None:
    install("demo", *CUDA)
    plain_package("new", "libcudart.so.13", "libgomp.so.1")
    plain_package("old", "libcudart.so.12")
    plain_package("other", "libc.so.6")
    options = ("--path", "site", *NOWHERE, "--align", "nvidia")
    lines = run_here(main, "installed", *options).stdout.splitlines()
    assert lines[-3:-1] == [f"{name} 1.0  (plain)  links libcudart.so.{version}" for name, version in LINKING]
    text = "new 1.0: does not fit demo 1.0: it links libcudart.so.13 of CUDA 13, but"
    assert lines[-1].startswith(text)
    result = CliRunner().invoke(main, ["installed", *options, "--check"])
    assert (result.exit_code, f"error: {text}" in result.stderr) == (1, True)
    plain = json.loads(run_here(main, "installed", *options, "--json").stdout)["plain"]
    assert [package["linked"] for package in plain] == [
        {f"libcudart.so.{version}": [str(Path("site", f"{name}.so"))]} for name, version in LINKING
    ]
