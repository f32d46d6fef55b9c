"""Each provider that is known here has its facts, its detector and its section, and they say the same."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest
from helpers.programs import run
from packaging.requirements import Requirement
from packaging.version import Version

import variant_backend
from variant_backend.formats.toml_read import read_toml
from variant_backend.machine.detect import DETECTORS
from variant_backend.variants.known_providers import KNOWN_PROVIDERS
from variant_backend.variants.legacy import upgrade_document
from variant_backend.variants.metadata import SCHEMA_WITH_PROVIDERS, VariantMetadata
from variant_backend.variants.metadata_reading import metadata_from_table
from variant_backend.variants.provider_aarch64 import aarch64_features
from variant_backend.variants.provider_nvidia import nvidia_features
from variant_backend.variants.provider_tpu import tpu_features
from variant_backend.variants.provider_x86_64 import x86_64_features
from variant_backend.variants.providers import PluginProvider
from variant_backend.variants.registry_entry import KnownProvider
from variant_backend.variants.uv_behaviour import UV_VERSION, uv_never_supports

PACKAGE = Path(variant_backend.__file__).parent
ROOT = PACKAGE.parent
PAGE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
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
    "docs/providers.md": {*SECTIONS},
}
NAMES = sorted(set.union(*PLACES.values()))
SYSTEMS = {"linux": "Linux", "win32": "Windows", "darwin": "macOS"}
COMPUTED = {
    "nvidia": nvidia_features((12, 8), (9, 0)),
    "x86_64": x86_64_features([]),
    "aarch64": aarch64_features(),
    "tpu": tpu_features(True),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_provider_is_in_every_place(name: str) -> None:
    assert [place for place, names in PLACES.items() if name not in names] == []
    assert (
        KNOWN_PROVIDERS[name] in vars(import_module(f"variant_backend.variants.{PREFIX}{name}")).values()
    ), "it is listed under another name"
    assert DETECTORS[name].__module__ == f"variant_backend.machine.{name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_section_has_every_meaning_as_the_registry_has_it(name: str) -> None:
    provider = KNOWN_PROVIDERS[name]
    rows = re.findall(r"^\| `(\w+) :: (\S+)` \| (.*?) \| (?:`(.*?)` )?\|$", SECTIONS[name], re.MULTILINE)
    shown = {(feature, value): (words, flags) for feature, value, words, flags in rows}
    assert shown == {
        (feature, value): (provider.describe(feature, value), provider.compiler_flags(feature, value))
        for feature, value in shown
    }
    for meaning in provider.meanings:
        assert any(
            meaning.feature == feature and re.fullmatch(meaning.values, value) for feature, value in shown
        )


@pytest.mark.parametrize("name", NAMES)
def test_a_section_says_where_the_provider_exists_and_what_forces_it(name: str) -> None:
    provider = KNOWN_PROVIDERS[name]
    systems = " and ".join(SYSTEMS[system] for system in provider.systems)
    machines = " or ".join(provider.machines)
    existing = systems or (f"machines named {machines}" if machines else "every machine")
    variables = provider.forcing(COMPUTED[name]) if provider.forcing else {}
    forcing = ", ".join(f"`{variable}`" for variable in variables) or "nothing"
    lines = SECTIONS[name].splitlines()
    assert f"- Exists on: {existing}." in lines
    assert f"- Forced by: {forcing}." in lines


@pytest.mark.parametrize("name", NAMES)
def test_a_section_says_what_uv_compares(name: str) -> None:
    if uv := KNOWN_PROVIDERS[name].uv:
        apis = " or ".join(f"`plugin-api` `{api}`" if api else "no `plugin-api`" for api in uv.plugin_apis)
        line = f"- uv knows `{uv.package}` in a requirement that admits {uv.version}, with {apis}."
    else:
        line = "- uv does not know it."
    assert line in SECTIONS[name].splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_uv_takes_the_table_that_is_written(name: str) -> None:
    metadata = VariantMetadata((name,), {name: KNOWN_PROVIDERS[name].table}, {})
    assert (uv_never_supports(metadata, name) is None) == (KNOWN_PROVIDERS[name].uv is not None)


def test_the_page_shows_the_tables_that_are_written(tmp_path: Path) -> None:
    block = re.search(r"^```toml pyproject.toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert block
    (tmp_path / "pyproject.toml").write_text(block[1], encoding="utf-8")
    data = read_toml(tmp_path / "pyproject.toml")
    metadata = metadata_from_table(data["variant"], "[variant]")
    assert metadata.namespaces == (*KNOWN_PROVIDERS,)
    assert metadata.providers == {name: provider.table for name, provider in KNOWN_PROVIDERS.items()}


@pytest.mark.parametrize("name", NAMES)
def test_every_value_that_is_computed_has_a_meaning(name: str) -> None:
    for feature, values in COMPUTED[name].items():
        assert all(KNOWN_PROVIDERS[name].describe(feature, value) for value in values)


def test_a_value_without_a_meaning_has_no_words_and_no_flags() -> None:
    assert KNOWN_PROVIDERS["x86_64"].describe("level", "v5") is None
    assert KNOWN_PROVIDERS["x86_64"].compiler_flags("level", "v5") == ""
    assert KNOWN_PROVIDERS["x86_64"].describe("avx2", "v3") is None


def test_a_provider_that_is_known_here_need_not_be_one_that_uv_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    table = PluginProvider(("demo-variant-provider>=0.2",), "demo_variant_provider:Plugin")
    monkeypatch.setitem(
        cast("dict[str, KnownProvider]", KNOWN_PROVIDERS), "demo", KnownProvider(table, (), None)
    )
    reason = uv_never_supports(VariantMetadata(("demo",), {"demo": table}, {}), "demo")
    assert reason
    assert reason.code == "unknown-provider"
    assert reason.text == "uv knows the providers of nvidia, x86_64, aarch64, tpu by heart, and asks no other"
    written = {
        "$schema": SCHEMA_WITH_PROVIDERS,
        "default-priorities": {"namespace": ["demo"]},
        "providers": {"demo": {"requires": ["demo-variant-provider"]}},
        "variants": {"null": {}},
    }
    assert upgrade_document(written, "file").document == written


def test_the_version_of_uv_stands_in_one_place_of_the_package() -> None:
    places = [path.name for path in PACKAGE.rglob("*.py") if re.search(r"0\.13\.\d", path.read_text("utf-8"))]
    assert places == ["uv_behaviour.py"]


def test_pages_and_requirements_name_the_version_of_uv_that_was_measured() -> None:
    pages = [*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]
    texts = [path.read_text(encoding="utf-8") for path in pages]
    assert {version for text in texts for version in re.findall(r"\buv (\d+\.\d+\.\d+)", text)} == {
        UV_VERSION
    }
    data: dict[str, Any] = read_toml(ROOT / "pyproject.toml")
    requirements = {text for group in data["dependency-groups"].values() for text in group}
    assert {text for text in requirements if Requirement(text).name == "uv"} == {f"uv>={UV_VERSION}"}


def test_the_uv_that_tests_ask_is_as_new_as_the_one_that_was_measured() -> None:
    assert Version(run("uv", "--version").stdout.split()[1]) >= Version(UV_VERSION)
