"""What the tags of a wheel decide about machines and environment markers."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from packaging.tags import mac_platforms

from variant_backend._internal.variants.consistency import of_tags
from variant_backend._internal.variants.known_providers import KNOWN_PROVIDERS
from variant_backend._internal.variants.markers import resolve_requirement_for
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.platform_tags import hardware_of_tags, machines_of, marker_values
from variant_backend._internal.variants.properties import Property, Variant
from variant_backend._internal.variants.providers import Provider, StaticProvider


@pytest.mark.parametrize(
    ("tags", "marker", "value"),
    [
        ("cp313-cp313-manylinux_2_28_x86_64", "sys_platform == 'linux'", True),
        ("cp313-cp313-musllinux_1_2_aarch64", "platform_machine == 'aarch64'", True),
        ("py3-none-macosx_11_0_arm64", "platform_system == 'Darwin'", True),
        ("py3-none-macosx_11_0_universal2", "platform_machine == 'arm64'", None),
        ("py3-none-macosx_11_0_universal2", "platform_machine in 'x86_64 arm64'", True),
        ("py3-none-win_amd64", "platform_machine == 'AMD64'", True),
        ("py3-none-win_amd64", "os_name == 'posix'", False),
        ("py3-none-win32", "platform_machine == 'x86'", None),
        ("py3-none-manylinux_2_17_i686", "platform_machine == 'i686'", None),
        ("py3-none-win_amd64.manylinux_2_28_x86_64", "sys_platform == 'win32'", None),
        ("py3-none-win_amd64.manylinux_2_28_x86_64", "sys_platform == 'darwin'", False),
        ("py3-none-any", "sys_platform == 'linux'", None),
        ("cp313-cp313-emscripten_3_1_58_wasm32", "sys_platform == 'linux'", None),
        ("cp313-cp313-win_amd64", "python_version < '3.13'", False),
        ("cp313-cp313-win_amd64", "python_full_version >= '3.13.1'", None),
        ("cp313-cp313-win_amd64", "python_full_version >= '3.12.4'", True),
        ("cp39-abi3-win_amd64", "python_version >= '3.8'", True),
        ("cp39-abi3-win_amd64", "python_version >= '3.10'", None),
        ("py3-none-any", "python_version >= '3'", True),
        ("py2.py3-none-any", "python_version >= '3'", None),
        ("py2-none-any", "python_version < '3'", True),
        ("cp313-cp313-win_amd64", "implementation_name == 'cpython'", True),
        ("pp311-pypy311_pp73-win_amd64", "platform_python_implementation == 'CPython'", False),
        ("py3-none-win_amd64", "implementation_name == 'cpython'", None),
        ("cp313-cp313-win_amd64", "platform_release >= '6'", None),
        ("cp313-cp313-win_amd64", "extra == 'test'", None),
    ],
)
def test_tags_decide_markers(tags: str, marker: str, value: bool | None) -> None:
    resolved = resolve_requirement_for(f"six; {marker}", marker_values(tags))
    assert {None: False, "six": True}.get(resolved) == value


def test_equal_requirements_give_equal_texts() -> None:
    spellings = [
        "Foo.Bar [b, A] >=1.0, <2 ; os_name == 'nt' and extra == 'X_y'",
        "foo-bar[a,b]<2,>=1; extra == 'x-y' and (os_name=='nt')",
    ]
    assert {resolve_requirement_for(text, {}) for text in spellings} == {
        'foo-bar[a,b]<2,>=1; extra == "x-y" and os_name == "nt"'
    }


def test_every_tag_of_a_mac_names_darwin() -> None:
    tags = {f"py3-none-{platform}" for platform in mac_platforms((14, 0), "arm64")}
    assert all(system == "darwin" for tag in tags for system, _ in hardware_of_tags(tag))
    assert machines_of("macosx_14_0_universal2") == {("macosx", "x86_64"), ("macosx", "arm64")}


X86, ARM = Property("x86_64", "level", "v3"), Property("aarch64", "version", "8a")
CUDA = Property("nvidia", "sm_arch", "90_real")


@pytest.mark.parametrize(
    ("platform", "properties", "text"),
    [
        ("manylinux_2_28_aarch64", [X86], "'x86_64' exists only on machines named x86_64 or amd64"),
        ("macosx_11_0_arm64", [X86], "'x86_64' exists only on machines"),
        ("win_arm64", [X86], "'x86_64' exists only on machines"),
        ("manylinux_2_28_x86_64", [ARM], "'aarch64' exists only on machines named aarch64 or arm64"),
        ("macosx_11_0_arm64", [CUDA], "'nvidia' exists only on Linux and Windows"),
        ("macosx_11_0_universal2", [X86, ARM], "no machine for macosx_11_0_universal2 has all of"),
        ("macosx_11_0_universal2", [X86], None),
        ("manylinux_2_28_x86_64.musllinux_1_2_aarch64", [ARM, CUDA], None),
        ("manylinux_2_17_i686", [X86], None),
        ("win32", [X86], None),
        ("manylinux_2_17_armv7l", [ARM], None),
        ("win_amd64", [X86, CUDA], None),
        ("manylinux_2_28_aarch64", [ARM, CUDA], None),
        ("emscripten_3_1_58_wasm32", [X86], None),
        ("any", [X86], None),
        ("macosx_11_0_arm64", [Property("gpu", "mode", "on")], None),
    ],
)
def test_an_impossible_variant_is_a_problem(
    platform: str, properties: list[Property], text: str | None
) -> None:
    problems = [*of_tags(metadata(properties, {}), f"py3-none-{platform}")]
    assert [problem.code for problem in problems] == (["impossible-variant"] if text else [])
    assert all(problem.text.startswith(text or "") for problem in problems)


def test_static_properties_may_have_any_meaning() -> None:
    providers = {"x86_64": StaticProvider((("level", ("v3",)),))}
    assert not [*of_tags(metadata([X86], providers), "py3-none-win_arm64")]


def metadata(properties: list[Property], providers: Mapping[str, Provider]) -> VariantMetadata:
    variant = Variant.of("new", frozenset(properties))
    namespaces = (*variant.namespaces(),) or ("x86_64",)
    tables = {name: KNOWN_PROVIDERS[name].table for name in namespaces if name in KNOWN_PROVIDERS}
    return VariantMetadata(namespaces, {**tables, **providers}, {"new": variant})
