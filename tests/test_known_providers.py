"""The facts, the detector and the documentation of each built-in provider agree."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest
from helpers.documentation import DOCS, shown_file
from helpers.programs import run
from packaging.requirements import Requirement
from packaging.version import Version

import variant_backend
from variant_backend._internal.formats.toml_read import read_toml
from variant_backend._internal.machine.detect import DETECTORS
from variant_backend._internal.variants.known_providers import (
    KNOWN_PROVIDERS,
    suggested_namespace,
    unknown_feature,
    unknown_property,
)
from variant_backend._internal.variants.legacy import upgrade_document
from variant_backend._internal.variants.metadata import SCHEMA_WITH_PROVIDERS, VariantMetadata
from variant_backend._internal.variants.metadata_reading import metadata_from_table
from variant_backend._internal.variants.properties import Property
from variant_backend._internal.variants.provider_aarch64 import aarch64_features
from variant_backend._internal.variants.provider_amd import amd_features
from variant_backend._internal.variants.provider_ascend import ascend_features
from variant_backend._internal.variants.provider_intel import intel_features
from variant_backend._internal.variants.provider_nvidia import nvidia_features
from variant_backend._internal.variants.provider_tpu import tpu_features
from variant_backend._internal.variants.provider_x86_64 import x86_64_features
from variant_backend._internal.variants.providers import PluginProvider
from variant_backend._internal.variants.registry_entry import Flags, KnownProvider
from variant_backend._internal.variants.uv_behaviour import UV_VERSION, uv_never_supports

PACKAGE = Path(variant_backend.__file__).parent / "_internal"
ROOT = PACKAGE.parents[1]
PAGE = (DOCS / "reference" / "providers.md").read_text(encoding="utf-8")
SECTIONS = {
    text.partition("\n")[0]: text.partition("\n")[2]
    for text in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]
}
PREFIX = "provider_"
PLACES = {
    "variants/provider_NAME.py": {
        path.stem.removeprefix(PREFIX) for path in (PACKAGE / "variants").glob(f"{PREFIX}*.py")
    },
    "variants.known_providers.KNOWN_PROVIDERS": {*KNOWN_PROVIDERS},
    "machine.detect.DETECTORS": {*DETECTORS},
    "docs/reference/providers.md": {*SECTIONS},
}
NAMES = sorted(set.union(*PLACES.values()))
COMPILERS = {"GCC and Clang": "gnu", "MSVC": "msvc", "Rust": "rust", "nvcc": "nvcc"}
SYSTEMS = {"linux": "Linux", "win32": "Windows", "darwin": "macOS"}
COMPUTED = {
    "nvidia": nvidia_features((12, 8), (9, 0)),
    "x86_64": x86_64_features([]),
    "aarch64": aarch64_features(),
    "tpu": tpu_features(True),
    "amd": amd_features(["gfx1100", "gfx942"], "7.0"),
    "ascend": ascend_features(["910b"], "24.1.0", "8.1.rc1"),
    "intel": intel_features(["12.60.7"]),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_provider_is_in_every_place(name: str) -> None:
    assert [place for place, names in PLACES.items() if name not in names] == []
    assert (
        KNOWN_PROVIDERS[name]
        in vars(import_module(f"variant_backend._internal.variants.{PREFIX}{name}")).values()
    ), "it is listed under another name"
    assert DETECTORS[name].__module__ == f"variant_backend._internal.machine.{name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_section_has_the_same_meanings_as_the_registry(name: str) -> None:
    provider = KNOWN_PROVIDERS[name]
    (heads,) = re.findall(r"^\| value \| meaning \|(?: (.*) \|)?$", SECTIONS[name], re.MULTILINE)
    compilers = [COMPILERS[head] for head in heads.split(" | ") if head]
    rows = re.findall(r"^\| `(\w+) :: (\S+)` \| (.*?) \|(.*)$", SECTIONS[name], re.MULTILINE)
    shown = {
        (feature, value): (words, [cell.strip(" `") for cell in flags.split("|")[:-1]])
        for feature, value, words, flags in rows
    }
    assert shown == {
        (feature, value): (
            provider.describe(feature, value),
            [getattr(provider.flags(feature, value), compiler) or "" for compiler in compilers],
        )
        for feature, value in shown
    }
    for meaning in provider.meanings:
        assert any(
            meaning.feature == feature and re.fullmatch(meaning.values, value) for feature, value in shown
        )


@pytest.mark.parametrize("name", NAMES)
def test_a_section_has_the_systems_and_variables_of_the_provider(name: str) -> None:
    provider = KNOWN_PROVIDERS[name]
    systems = " and ".join(SYSTEMS[system] for system in provider.systems)
    machines = " or ".join(provider.machines)
    existing = systems or (f"machines named {machines}" if machines else "every machine")
    module = import_module(f"variant_backend._internal.variants.{PREFIX}{name}")
    variables = [value for key, value in vars(module).items() if key.startswith("FORCE_")]
    if provider.forcing:
        assert [*provider.forcing(COMPUTED[name])] == variables
    forcing = ", ".join(f"`{variable}`" for variable in variables) or "nothing"
    lines = SECTIONS[name].splitlines()
    assert f"- Exists on: {existing}." in lines
    assert f"- Forced by: {forcing}." in lines


@pytest.mark.parametrize("name", NAMES)
def test_a_section_describes_the_table_that_uv_knows(name: str) -> None:
    if uv := KNOWN_PROVIDERS[name].uv:
        apis = " or ".join(f"`plugin-api` `{api}`" if api else "no `plugin-api`" for api in uv.plugin_apis)
        line = f"- uv knows `{uv.package}` in a requirement that admits {uv.version}, with {apis}."
    else:
        line = "- uv does not know it."
    assert line in SECTIONS[name].splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_uv_accepts_the_written_table(name: str) -> None:
    metadata = VariantMetadata((name,), {name: KNOWN_PROVIDERS[name].table}, {})
    assert (uv_never_supports(metadata, name) is None) == (KNOWN_PROVIDERS[name].uv is not None)


def test_the_page_shows_the_written_tables(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(shown_file(PAGE, "pyproject.toml"), encoding="utf-8")
    data = read_toml(tmp_path / "pyproject.toml")
    metadata = metadata_from_table(data["variant"], "[variant]")
    assert metadata.namespaces == (*KNOWN_PROVIDERS,)
    assert metadata.providers == {name: provider.table for name, provider in KNOWN_PROVIDERS.items()}


@pytest.mark.parametrize("name", NAMES)
def test_every_computed_value_has_a_meaning(name: str) -> None:
    for feature, values in COMPUTED[name].items():
        assert all(KNOWN_PROVIDERS[name].describe(feature, value) for value in values)


_LEVELS = "known values: v1, v2, v3, v4"
_X86 = "known features: level and 79 more such as avx2"
_NVIDIA = "known features: cuda_version_lower_bound, cuda_version_upper_bound, sm_arch"


@pytest.mark.parametrize(
    ("prop", "message"),
    [
        ("x86_64::levle::v3", f"unknown feature 'levle' of x86_64 (did you mean 'level'?); {_X86}"),
        ("x86_64::avx521f::on", f"unknown feature 'avx521f' of x86_64 (did you mean 'avx512f'?); {_X86}"),
        ("x86_64::level::v9", f"unknown value 'v9' of x86_64 :: level; {_LEVELS}"),
        ("x86_64::level::on", f"unknown value 'on' of x86_64 :: level; {_LEVELS}"),
        ("x86_64::avx2::yes", "unknown value 'yes' of x86_64 :: avx2; known values: on"),
        ("nvidia::cuda::12", f"unknown feature 'cuda' of nvidia; {_NVIDIA}"),
        (
            "nvidia::cuda_version::12",
            f"unknown feature 'cuda_version' of nvidia (did you mean 'cuda_version_upper_bound'?); {_NVIDIA}",
        ),
        (
            "nvidia::cuda_version_lower_bound::cu128",
            "unknown value 'cu128' of nvidia :: cuda_version_lower_bound; write a value such as 12.8 or 13",
        ),
        (
            "nvidia::sm_arch::90",
            "unknown value '90' of nvidia :: sm_arch; write a value such as 90_real or 90_virtual",
        ),
        (
            "aarch64::version::v8",
            "unknown value 'v8' of aarch64 :: version; write a value such as 8a or 8.2a",
        ),
        (
            "intel::device_ip::12.55.9",
            "unknown value '12.55.9' of intel :: device_ip; write a value such as 12.55.8 or 20.1.0",
        ),
        ("tpu::present::yes", "unknown value 'yes' of tpu :: present; known values: true, false"),
        ("amd::gfx::gfx942", "unknown feature 'gfx' of amd; known features: gfx_arch, rocm_version"),
        (
            "amd::gfx_arch::942",
            "unknown value '942' of amd :: gfx_arch; write a value such as gfx942 or gfx1100",
        ),
        (
            "amd::rocm_version::7",
            "unknown value '7' of amd :: rocm_version; write a value such as 7.0 or 6.4",
        ),
    ],
)
def test_unknown_properties_of_known_namespaces_get_suggestions(prop: str, message: str) -> None:
    problem = unknown_property(Property.parse(prop))
    assert problem
    assert str(problem) == f"property {str(Property.parse(prop))!r}: {message}"


def test_unknown_features_of_known_namespaces_get_suggestions() -> None:
    assert str(unknown_feature("x86_64", "levle")) == (
        f"x86_64 :: levle: unknown feature 'levle' of x86_64 (did you mean 'level'?); {_X86}"
    )
    assert unknown_feature("x86_64", "level") is None
    assert unknown_feature("x86_64", "avx2") is None


# Samples of values from `get_all_configs` of the plugins, from torch's wheels and from uv.
@pytest.mark.parametrize(
    "text",
    [
        *(f"nvidia :: cuda_version_lower_bound :: {value}" for value in ("11", "12.8", "15.20", "99.0")),
        *(f"nvidia :: cuda_version_upper_bound :: {value}" for value in ("11", "13.0", "15.20")),
        *(f"nvidia :: sm_arch :: {value}" for value in ("50_real", "90a_real", "120_virtual", "103f_real")),
        *(f"x86_64 :: level :: v{level}" for level in range(1, 5)),
        *(f"x86_64 :: {name} :: on" for name in ("avx_vnni", "ibrs_enhanced", "sse4_2", "mmx", "amx_tile")),
        *(f"aarch64 :: version :: {value}" for value in ("8a", "8.1a", "8.6a", "9.0a", "9.2a")),
        *(f"aarch64 :: {name} :: on" for name in ("sve2", "btiecv", "bti", "asimdrdmatomics", "atomics")),
        "tpu :: present :: true",
        "tpu :: present :: false",
        *(f"amd :: gfx_arch :: {value}" for value in ("gfx90a", "gfx1151", "gfx11", "gfx1300", "gfx110x")),
        *(f"amd :: rocm_version :: {value}" for value in ("6.3", "7.10", "07.01")),
        *(f"ascend :: npu_type :: {value}" for value in ("910b", "a3", "a2", "310p", "new_one")),
        *(f"ascend :: driver_version :: {value}" for value in ("24.1.0", "25.3.rc1", "24")),
        *(f"ascend :: cann_version :: {value}" for value in ("8.1.rc1", "8.2.0", "9.0.0.beta1")),
    ],
)
def test_reported_properties_are_known(text: str) -> None:
    assert unknown_property(Property.parse(text)) is None


@pytest.mark.parametrize("name", NAMES)
def test_computed_properties_are_known(name: str) -> None:
    features = [COMPUTED[name]]
    if name == "nvidia":
        features += [
            nvidia_features((major, minor), (family, minor % 10))
            for major in range(8, 18)
            for minor in range(22)
            for family in range(3, 14)
        ]
    for feature, values in {item for found in features for item in found.items()}:
        for value in values:
            assert unknown_property(Property(name, feature, value)) is None


@pytest.mark.parametrize("name", NAMES)
def test_known_values_agree_with_meanings_and_uv(name: str) -> None:
    provider = KNOWN_PROVIDERS[name]
    for feature in provider.features():
        if form := provider.open_values.get(feature):
            assert all(re.fullmatch(form.pattern, example) for example in form.examples)
            examples = form.examples
        else:
            examples = provider.values(feature)
            assert all(re.escape(value) == value for value in examples), "a pattern needs open values"
        assert all(provider.describe(feature, value) for value in examples) or feature == "version"
        if provider.uv:
            assert {*examples} <= {*provider.uv.features()[feature]}
    if provider.uv:
        assert set(provider.uv.features()) <= set(provider.features())
    assert not set(provider.switches) & set(provider.features())
    assert len(set(provider.switches)) == len(provider.switches)
    assert set(provider.switch_flags) <= set(provider.switches)


def test_properties_of_unknown_namespaces_are_not_judged() -> None:
    assert unknown_property(Property("x86_46", "levle", "v9")) is None
    assert unknown_feature("blas_lapack", "provider") is None


def test_the_nearest_known_or_declared_namespace_is_suggested() -> None:
    assert suggested_namespace("x86_46") == " (did you mean 'x86_64'?)"
    assert suggested_namespace("nvidea", ["amd"]) == " (did you mean 'nvidia'?)"
    assert suggested_namespace("blas_lapak", ["blas_lapack"]) == " (did you mean 'blas_lapack'?)"
    assert suggested_namespace("zzz") == ""


def test_a_value_without_a_meaning_has_no_text_and_no_flags() -> None:
    assert KNOWN_PROVIDERS["x86_64"].describe("level", "v5") is None
    assert KNOWN_PROVIDERS["x86_64"].flags("level", "v5") == Flags()
    assert KNOWN_PROVIDERS["x86_64"].describe("avx2", "v3") is None


def test_uv_may_not_know_a_built_in_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    table = PluginProvider(("demo-variant-provider>=0.2",), "demo_variant_provider:Plugin")
    monkeypatch.setitem(
        cast("dict[str, KnownProvider]", KNOWN_PROVIDERS), "demo", KnownProvider(table, (), None)
    )
    reason = uv_never_supports(VariantMetadata(("demo",), {"demo": table}, {}), "demo")
    assert reason
    assert reason.code == "unknown-provider"
    assert reason.text == "uv only supports its built-in providers: nvidia, x86_64, aarch64, tpu"
    written = {
        "$schema": SCHEMA_WITH_PROVIDERS,
        "default-priorities": {"namespace": ["demo"]},
        "providers": {"demo": {"requires": ["demo-variant-provider"]}},
        "variants": {"null": {}},
    }
    assert upgrade_document(written, "file").document == written


def test_one_module_has_the_version_of_uv() -> None:
    places = [path.name for path in PACKAGE.rglob("*.py") if re.search(r"0\.13\.\d", path.read_text("utf-8"))]
    assert places == ["uv_behaviour.py"]


def test_pages_and_requirements_have_the_measured_version_of_uv() -> None:
    pages = [*DOCS.rglob("*.md"), *ROOT.glob("*.md")]
    texts = [path.read_text(encoding="utf-8") for path in pages]
    assert {version for text in texts for version in re.findall(r"\buv (\d+\.\d+\.\d+)", text)} == {
        UV_VERSION
    }
    data: dict[str, Any] = read_toml(ROOT / "pyproject.toml")
    groups = data["dependency-groups"].values()
    requirements = {text for group in groups for text in group if isinstance(text, str)}
    of_uv = {text for text in requirements if Requirement(text).name == "uv"}
    assert of_uv == {f"uv>={UV_VERSION}", f"uv=={UV_VERSION}"}


def test_the_uv_of_the_tests_is_not_older_than_the_measured_version() -> None:
    assert Version(run("uv", "--version").stdout.split()[1]) >= Version(UV_VERSION)
