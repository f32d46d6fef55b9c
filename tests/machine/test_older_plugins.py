"""Plugins of older protocols are understood, and `providers validate` says what is old."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.programs import run, run_here
from helpers.sample_release import write_release

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.machine.plugin_answers import SUPPORTED, TODAY, read_answer
from variant_backend._internal.machine.plugins import Plugin, protocol_problems, query_plugin
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.properties import Property, Variant
from variant_backend._internal.variants.providers import PluginProvider

CONFIG = """
class Config:
    def __init__(self, name, values, **more):
        self.name, self.values = name, values
        self.__dict__.update(more)
"""
FIRST = f"""{CONFIG}
class Plugin:
    namespace = "speech"
    dynamic = False

    def validate_property(self, variant_property):
        raise AssertionError

    def get_supported_configs(self, known_properties):
        assert known_properties is None
        return [Config("tone", ["warm"])]
"""
SECOND = f"""{CONFIG}
from functools import cache

class Plugin:
    namespace = "speech"
    is_build_plugin = False

    @classmethod
    @cache
    def get_supported_configs(cls, context=None):
        print("no device")
        tones = Config("tone", ["warm", "short", "warm"], multi_value=True)
        return [tones, Config("volume", [], multi_value=False)]

    get_all_configs = get_supported_configs
"""
THIRD = SECOND.replace("is_build_plugin = False", "is_aot_plugin = True").replace(
    '"short", "warm"', '"short"'
)


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a plugin where this interpreter imports it."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def write(text: str) -> Plugin:
        (tmp_path / "speech_plugin.py").write_text(text)
        return Plugin("speech", "speech_plugin:Plugin", "speech-plugin", "1.0")

    return write


def problems_of(plugin: Plugin) -> tuple[list[str], list[str]]:
    """Return the errors and warnings of a validation, without the plugin's name."""
    problems, _ = protocol_problems(plugin, sys.executable)
    texts = [(problem.code, str(problem).removeprefix(f"{plugin}: ")) for problem in problems]
    return (
        [text for code, text in texts if code != "warning"],
        [text for code, text in texts if code == "warning"],
    )


@pytest.mark.parametrize(
    ("text", "generation", "features"),
    [
        (FIRST, 1, {"tone": ("warm",)}),
        (SECOND, 2, {"tone": ("warm", "short")}),
        (THIRD, 3, {"tone": ("warm", "short")}),
    ],
)
def test_each_older_generation_is_understood(
    text: str, generation: int, features: dict[str, tuple[str, ...]], plugin: Any
) -> None:
    answer = query_plugin(plugin(text), sys.executable)
    assert (answer.generation, answer.namespace, answer.supported) == (generation, "speech", features)
    assert answer.all_compatible == (generation == 3)
    text = "get_supported_configs().values: duplicate values of 'tone' are ignored; list each value once"
    assert [str(problem).partition(": ")[2] for problem in answer.duplicates] == [text] * (generation == 2)


def test_validation_lists_what_the_first_generation_must_change(plugin: Any) -> None:
    assert problems_of(plugin(FIRST)) == (
        [
            "get_supported_configs() requires the argument 'known_properties'; "
            "remove it: installers pass no argument",
            "get_supported_configs().multi_value: missing in tone; "
            "write True if a variant may have several values of it, and else False",
            "missing get_all_configs()",
        ],
        [
            "the attribute 'validate_property' belongs to an older protocol; "
            "list all values in get_all_configs(), and remove validate_property()",
            "the attribute 'dynamic' belongs to an older protocol; remove it",
        ],
    )


def test_a_plugin_that_does_what_validation_says_is_of_today(plugin: Any) -> None:
    text = FIRST.replace(", known_properties", "").replace("assert known_properties is None", "pass")
    text = text.replace('["warm"]', '["warm"], multi_value=False').replace("    dynamic = False\n", "")
    text = text.replace("validate_property(self, variant_property)", "get_all_configs(self)")
    mended = plugin(
        text.replace("raise AssertionError", 'return [Config("tone", ["warm"], multi_value=False)]')
    )
    assert problems_of(mended) == ([], [])
    assert query_plugin(mended, sys.executable).generation == TODAY


def test_a_leftover_name_alone_is_only_a_warning(plugin: Any) -> None:
    text = THIRD.replace('        print("no device")\n', "").replace('volume", []', 'volume", ["11"]')
    errors, (warning,) = problems_of(plugin(text))
    assert errors == []
    assert "remove is_aot_plugin" in warning


def test_an_error_inside_an_older_plugin_is_its_own(plugin: Any) -> None:
    broken = FIRST.replace("return [Config", 'raise TypeError("takes 1 argument")\n        return [Config')
    with pytest.raises(VariantError, match="TypeError: takes 1 argument"):
        query_plugin(plugin(broken), sys.executable)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("dynamic = False", "dynamic = True", "dynamic is true, so get_supported_configs() requires"),
        ("known_properties)", "known_properties, more)", "requires the arguments known_properties, more"),
    ],
)
def test_an_older_plugin_that_cannot_be_asked_says_why(
    old: str, new: str, expected: str, plugin: Any
) -> None:
    with pytest.raises(VariantError) as caught:
        query_plugin(plugin(FIRST.replace(old, new)), sys.executable)
    assert expected in str(caught.value)


def test_a_missing_dependency_of_a_plugin_is_named(plugin: Any) -> None:
    with pytest.raises(VariantError) as caught:
        query_plugin(plugin(f"import no_such_module.sub\n{FIRST}"), sys.executable)
    assert str(caught.value).endswith(
        "No module named 'no_such_module'; install the distribution that has the module 'no_such_module' "
        "into the plugin's environment"
    )


ANSWER = {
    "namespace": "speech",
    "all_properties_compatible": None,
    "configs": [{"name": "tone", "values": ["warm"], "multi_value": False}],
    "generation": TODAY,
    "outdated": [],
    "imports": {"modules": 1, "seconds": 0.1},
    "seconds": 0.1,
    "printed": None,
}


@pytest.mark.parametrize(
    "change",
    [
        *({key: ...} for key in ANSWER if key not in ("namespace", "all_properties_compatible")),
        {"configs": [[]]},
        {"configs": [{"name": "tone"}]},
        {"imports": {"modules": "many", "seconds": 1}},
        {"outdated": [{}]},
        {"generation": "4"},
    ],
)
def test_an_answer_of_another_form_is_an_error(change: dict[str, Any]) -> None:
    assert read_answer(ANSWER, SUPPORTED, "x", strict=True).supported == {"tone": ("warm",)}
    with pytest.raises(VariantError, match="x: unreadable answer"):
        read_answer({**ANSWER, **change}, SUPPORTED, "x", strict=True)


# The plugins of the package index, and a value that each supports on a machine of the test.
PUBLISHED = {
    "ascend": ("ascend-variant-provider==0.0.2", "ascend_variant_provider.plugin:AscendVariantPlugin", 2),
    "x86_64": ("provider-variant-x86-64==0.0.1.post2", "provider_variant_x86_64.plugin:X8664Plugin", 1),
    "amd": ("rocm-bootstrap==0.3.0", "rocm_bootstrap.variant_provider:AMDVariantPlugin", 3),
}


@pytest.fixture
def _forced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give two plugins a device that this machine does not have."""
    monkeypatch.setenv("ASCEND_VARIANT_PROVIDER_FORCE_NPU_TYPE", "910b")
    monkeypatch.setenv("ROCM_BOOTSTRAP_FORCE_GFX_ARCH", "gfx942")


@pytest.mark.slow  # installs from the package index
@pytest.mark.usefixtures("_forced")
@pytest.mark.parametrize("namespace", PUBLISHED)
def test_a_plugin_of_the_package_index_can_be_queried(namespace: str, tmp_path: Path) -> None:
    requirement, reference, generation = PUBLISHED[namespace]
    run("uv", "venv", "-q", "--python", sys.executable, tmp_path / "env")
    run("uv", "pip", "install", "-q", "--python", tmp_path / "env", requirement)
    arguments = ("providers", "query", "--all", "--json", "--allow-root", "--interpreter", tmp_path / "env")
    (plugin,) = json.loads(run_here(main, *arguments).stdout)["plugins"]
    assert (plugin["reference"], plugin["namespace"]) == (reference, namespace)
    assert plugin["generation"] == generation
    features = {feature["name"]: feature["values"] for feature in plugin["features"]}
    if namespace == "ascend":
        assert features == {"npu_type": ["910b"]}
    if namespace == "amd":
        assert features == {"gfx_arch": ["gfx942"]}


@pytest.mark.slow  # installs from the package index
@pytest.mark.usefixtures("_forced")
def test_plugins_of_the_package_index_select_variants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text('plugin-installer = "uv"\nallow-root = true\n')
    monkeypatch.setattr(
        "variant_backend._internal.machine.user_config.config_path", lambda: tmp_path / "config.toml"
    )
    providers = {name: PluginProvider((one,), reference) for name, (one, reference, _) in PUBLISHED.items()}
    properties = {Property("ascend", "npu_type", "910b"), Property("amd", "gfx_arch", "gfx942")}
    variants = {"fast": Variant("fast", frozenset(properties))}
    document = VariantMetadata(tuple(providers), providers, variants).to_dict()
    folder = write_release(tmp_path / "wheels", document, labels=["fast"])
    # In this file, no namespace is known, so the plugins report all of them.
    (tmp_path / "machine.json").write_text('{"version": 1, "machine": {}}')
    trusted = [word for one, *_ in PUBLISHED.values() for word in ("--trust-plugin", one)]
    words = ("explain", "demo", "--find-links", folder, "--json", "--machine", tmp_path / "machine.json")
    document = json.loads(run_here(main, *words, *trusted).stdout)
    assert document["selected"] == "demo-1.0-py3-none-any-fast.whl"
    support = document["support"]
    assert support["ascend"]["features"] == {"npu_type": ["910b"]}
    assert support["amd"] == {
        "origin": "plugin 'rocm_bootstrap.variant_provider:AMDVariantPlugin' of rocm-bootstrap 0.3.0 "
        "(protocol of generation 3)",
        "features": {"gfx_arch": ["gfx942"]},
    }
