"""A misspelt config setting of this package ends a build; the settings of real backends do not."""

from __future__ import annotations

import pytest

from variant_backend._internal.errors import VariantError
from variant_backend._internal.project.config_settings import VARIANT_SETTINGS, asked_variants, check_settings

# Settings from the documentation of released backends.
REAL = {
    "scikit_build_core.build": [
        *("variant-name", "null-variant", "skbuild.variant-name", "skbuild.variant-label", "skbuild.variant"),
        *("cmake.define.VARIANT", "cmake.build-type", "build-dir", "build.verbose", "wheel.py-api"),
        *("editable.mode", "sdist.cmake", "install.strip", "minimum-version", "env.VARIANT"),
    ],
    "mesonpy": [
        *("builddir", "build-dir", "editable-verbose", "dist-args", "setup-args", "compile-args"),
        "install-args",
    ],
    "maturin": ["build-args", "maturin.build-args"],
    "setuptools.build_meta": ["--global-option", "--build-option", "editable_mode", "editable-mode"],
    "pdm.backend": ["--python-tag", "--plat-name", "--py-limited-api", "--build-number", "no-clean-build"],
    "poetry.core.masonry.api": ["local-version"],
    "py_build_cmake.build": ["--local", "--cross", "override", "-o", "verbose"],
    "hatchling.build": [],
    "flit_core.buildapi": [],
}


def problem(key: str, backend: str | None) -> str:
    with pytest.raises(VariantError) as failure:
        check_settings({key: "x"}, backend)
    return str(failure.value)


@pytest.mark.parametrize("backend", [*REAL, "wrapped", None])
def test_settings_of_this_package_and_of_the_backend_pass(backend: str | None) -> None:
    settings = dict.fromkeys([*REAL.get(backend or "", ()), *VARIANT_SETTINGS, "variables", "validate"], "x")
    check_settings(settings, backend)
    check_settings(None, backend)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("varient", "variant"),
        ("variants", "variant"),
        ("Variant", "variant"),
        ("VARIANT", "variant"),
        ("--variant", "variant"),
        ("varaint", "variant"),
        ("variant_label", "variant-label"),
        ("variant-lable", "variant-label"),
        ("variant.label", "variant-label"),
        ("variant_filename", "variant-filename"),
        ("variant-filname", "variant-filename"),
    ],
)
@pytest.mark.parametrize("backend", [*REAL, "wrapped", "backend:object", None])
def test_a_misspelt_setting_is_an_error_for_every_backend(key: str, meant: str, backend: str | None) -> None:
    value = "plain" if meant == "variant-filename" else "LABEL"
    assert problem(key, backend) == (
        f"unknown config setting {key!r} (did you mean {meant!r}?); write -C{meant}={value}"
    )


@pytest.mark.parametrize(("key", "remedy"), [("variant-name", "PROPERTY"), ("null-variant", "null")])
def test_a_setting_of_scikit_build_core_passes_unless_the_backend_is_another(key: str, remedy: str) -> None:
    for backend in ("scikit_build_core.build", "wrapped", None):
        check_settings({key: "x"}, backend)
    for backend in ("hatchling.build", "setuptools.build_meta:__legacy__", "mesonpy"):
        expected = f"unknown config setting {key!r} (did you mean 'variant'?); write -Cvariant={remedy}"
        assert problem(key, backend) == expected
    assert "write -Cvariant=null" in problem("null_variant", "scikit_build_core.build")


def test_all_misspelt_settings_are_reported_at_once() -> None:
    with pytest.raises(VariantError) as failure:
        check_settings({"varient": "x", "other": "y", "variants": "z"}, "maturin")
    assert len(failure.value.problems) == 2


def test_the_setting_in_the_remedy_is_read() -> None:
    assert asked_variants({"variant": "null"}) == {"null": "variant"}
