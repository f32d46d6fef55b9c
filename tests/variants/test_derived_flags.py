"""Compiler flags that are derived from properties, and whether real compilers accept them."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys

import pytest

from variant_backend._internal.errors import VariantError
from variant_backend._internal.variants.derived_flags import (
    CompilerTarget,
    check_derivable,
    derived_flags,
    gives_flags,
)
from variant_backend._internal.variants.known_providers import KNOWN_PROVIDERS
from variant_backend._internal.variants.properties import Property, Variant

X86, ARM = CompilerTarget(("x86_64",)), CompilerTarget(("aarch64",))
WINDOWS, WINDOWS_ON_ARM = CompilerTarget(("amd64",), msvc=True), CompilerTarget(("arm64",), msvc=True)


def variant(*properties: str) -> Variant:
    return Variant.of("label", frozenset(map(Property.parse, properties)))


def level(value: str) -> Variant:
    return variant(f"x86_64 :: level :: {value}")


def c_and_rust(c: str, rust: str) -> dict[str, str]:
    return {"CFLAGS": c, "CXXFLAGS": c, "RUSTFLAGS": rust}


@pytest.mark.parametrize(
    ("value", "gnu", "msvc"),
    [
        ("v1", "x86-64", {}),
        ("v2", "x86-64-v2", {"CL": "/arch:SSE4.2"}),
        ("v3", "x86-64-v3", {"CL": "/arch:AVX2"}),
        ("v4", "x86-64-v4", {"CL": "/arch:AVX512"}),
    ],
)
def test_levels_have_flags_of_each_compiler(value: str, gnu: str, msvc: dict[str, str]) -> None:
    rust = f"-C target-cpu={gnu}"
    assert derived_flags(level(value), X86) == c_and_rust(f"-march={gnu}", rust)
    assert derived_flags(level(value), WINDOWS) == {**msvc, "RUSTFLAGS": rust}


def test_single_features_add_to_a_level() -> None:
    both = variant("x86_64 :: level :: v3", "x86_64 :: avx512_vnni :: on", "x86_64 :: sha_ni :: on")
    rust = "-C target-feature=+avx512vnni -C target-cpu=x86-64-v3 -C target-feature=+sha"
    assert derived_flags(both, X86) == c_and_rust("-mavx512vnni -march=x86-64-v3 -msha", rust)


def test_msvc_gets_only_its_highest_architecture() -> None:
    features = variant("x86_64 :: avx2 :: on", "x86_64 :: avx :: on", "x86_64 :: sse4_2 :: on")
    assert derived_flags(features, WINDOWS)["CL"] == "/arch:AVX2"


@pytest.mark.parametrize(
    ("properties", "gnu", "rust"),
    [
        (["version :: 8a"], "-march=armv8-a", ""),
        (["version :: 8.2a"], "-march=armv8.2-a", "-C target-feature=+v8.2a"),
        (["version :: 9.0a"], "-march=armv9-a", "-C target-feature=+v9a"),
        (["sve :: on"], "-march=armv8-a+sve", "-C target-feature=+sve"),
        (
            ["version :: 8.2a", "asimddp :: on", "sve :: on"],
            "-march=armv8.2-a+dotprod+sve",
            "-C target-feature=+dotprod -C target-feature=+sve -C target-feature=+v8.2a",
        ),
    ],
)
def test_extensions_of_arm_follow_the_version(properties: list[str], gnu: str, rust: str) -> None:
    label = variant(*(f"aarch64 :: {prop}" for prop in properties))
    expected = {name: text for name, text in c_and_rust(gnu, rust).items() if text}
    assert derived_flags(label, ARM) == derived_flags(label, CompilerTarget(("arm64",))) == expected


def test_msvc_has_flags_for_versions_of_arm() -> None:
    assert derived_flags(variant("aarch64 :: version :: 8.2a"), WINDOWS_ON_ARM)["CL"] == "/arch:armv8.2"
    with pytest.raises(VariantError, match=r"^MSVC has no flags for 'aarch64 :: sve :: on'; remove it, and"):
        derived_flags(variant("aarch64 :: sve :: on"), WINDOWS_ON_ARM)


def test_properties_without_flags_are_ignored_beside_others() -> None:
    label = variant("x86_64 :: level :: v3", "nvidia :: sm_arch :: 90_real", "blas :: library :: mkl")
    check_derivable(label, "mesonpy")
    assert derived_flags(label, X86) == derived_flags(level("v3"), X86)


@pytest.mark.parametrize(
    ("label", "backend", "message"),
    [
        (
            variant("blas :: library :: mkl", "nvidia :: sm_arch :: 90_real"),
            "mesonpy",
            "no compiler flags are known for 'blas :: library :: mkl', 'nvidia :: sm_arch :: 90_real';"
            " remove it, and write the flags in env-append",
        ),
        (level("v9"), "", "no compiler flags are known for 'x86_64 :: level :: v9'"),
        (
            variant("x86_64 :: level :: v2", "x86_64 :: level :: v3"),
            "mesonpy",
            "x86_64 :: level has several values (v2, v3), and the wheel must run with each of them; remove",
        ),
        (level("v3"), "flit_core.buildapi", "'flit_core.buildapi' never compiles anything; remove it"),
        (level("v3"), "uv_build", "never compiles"),
    ],
)
def test_flags_without_source_or_compiler_are_errors(label: Variant, backend: str, message: str) -> None:
    with pytest.raises(VariantError) as error:
        check_derivable(label, backend)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "backend",
    [
        "setuptools.build_meta",
        "setuptools.build_meta:__legacy__",
        "mesonpy",
        "scikit_build_core.build",
        "maturin",
    ],
)
def test_compiling_and_unknown_backends_get_flags(backend: str) -> None:
    check_derivable(level("v3"), backend)
    check_derivable(level("v3"), "backend_of_the_project")
    check_derivable(level("v3"), "")


def test_a_property_must_exist_on_the_target() -> None:
    missing = (
        r"'x86_64 :: level :: v3' does not exist on aarch64; build this label for a machine named x86_64 or"
    )
    with pytest.raises(VariantError, match=missing):
        derived_flags(level("v3"), ARM)


def test_a_universal_wheel_needs_one_architecture() -> None:
    universal = CompilerTarget.of("macosx-10.13-universal2", {})
    with pytest.raises(VariantError, match=r"on arm64; set the .* ARCHFLAGS to '-arch x86_64'$"):
        derived_flags(level("v3"), universal)
    one = CompilerTarget.of("macosx-10.13-universal2", {"ARCHFLAGS": "-arch x86_64"})
    assert derived_flags(level("v3"), one) == derived_flags(level("v3"), X86)


@pytest.mark.parametrize(
    ("name", "environ", "target"),
    [
        ("linux-x86_64", {}, X86),
        ("linux-aarch64", {"ARCHFLAGS": "-arch x86_64"}, ARM),
        ("linux-armv7l", {}, CompilerTarget(("armv7l",))),
        ("freebsd-14.1-RELEASE-amd64", {}, CompilerTarget(("amd64",))),
        ("macosx-11.0-arm64", {}, CompilerTarget(("arm64",))),
        ("macosx-11.0-arm64", {"ARCHFLAGS": "-arch arm64 -arch x86_64"}, CompilerTarget(("arm64", "x86_64"))),
        ("win-amd64", {}, WINDOWS),
        ("win-amd64", {"CC": "clang-cl"}, WINDOWS),
        ("win-amd64", {"CC": r"C:\llvm\bin\clang.exe"}, CompilerTarget(("amd64",))),
        ("win-amd64", {"VSCMD_ARG_TGT_ARCH": "x64"}, WINDOWS),
        ("win-amd64", {"VSCMD_ARG_TGT_ARCH": "arm64"}, WINDOWS_ON_ARM),
        ("win32", {}, CompilerTarget(("win32",), msvc=True)),
        ("mingw_x86_64_ucrt_gnu", {}, X86),
    ],
)
def test_the_target_follows_platform_and_environment(
    name: str, environ: dict[str, str], target: CompilerTarget
) -> None:
    assert CompilerTarget.of(name, environ) == target


def test_only_properties_of_processors_give_flags() -> None:
    assert gives_flags(level("v3"))
    assert gives_flags(variant("aarch64 :: version :: 8a", "blas :: library :: mkl"))
    assert not gives_flags(variant("nvidia :: sm_arch :: 90_real", "tpu :: present :: true"))


# Real compilers.


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64") or not shutil.which("gcc"),
    reason="needs GCC for x86-64",
)
def test_gcc_accepts_all_options_of_x86_64() -> None:
    known = [flags.gnu for flags in KNOWN_PROVIDERS["x86_64"].switch_flags.values()]
    command = ["gcc", "-march=x86-64-v3", *filter(None, known), "-E", "-x", "c", "-"]
    subprocess.run(command, input=b"", capture_output=True, check=True)


@pytest.mark.skipif(not shutil.which("rustc"), reason="needs rustc")
@pytest.mark.parametrize(
    ("provider", "triple"),
    [("x86_64", "x86_64-unknown-linux-gnu"), ("aarch64", "aarch64-unknown-linux-gnu")],
)
def test_rust_knows_all_features(provider: str, triple: str) -> None:
    known = [flags.rust for flags in KNOWN_PROVIDERS[provider].switch_flags.values()]
    options = [part for text in known for part in (text or "").split()]
    command = ["rustc", "--target", triple, *options, "--print", "cfg"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "unknown" not in done.stderr
