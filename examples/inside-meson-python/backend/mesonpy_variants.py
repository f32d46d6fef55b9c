"""meson-python, with the label and the variant.json of a requested variant in its wheels."""

import warnings
from contextlib import contextmanager
from pathlib import Path

import mesonpy
from mesonpy import build_editable, build_sdist, get_requires_for_build_sdist  # noqa: F401 - unchanged hooks

from variant_backend.api import (
    VariantError,
    ask_build_plugins,
    variant_of_settings,
    without_variant_settings,
)

_validate_config_settings = mesonpy._validate_config_settings


@contextmanager
def _clear_errors():
    try:
        yield
    except VariantError as error:
        raise mesonpy.ConfigError(str(error)) from None


@_clear_errors()
def _requested(config_settings):
    """Return the requested variant, or None."""
    pyproject = mesonpy.tomllib.loads(Path("pyproject.toml").read_text("utf-8"))
    return variant_of_settings(config_settings, pyproject.get("variant"))


def _validated(config_settings):
    """Return the settings of meson-python. The Meson option `variant` gets the variant's properties."""
    settings = _validate_config_settings(without_variant_settings(config_settings))
    if variant := _requested(config_settings):
        properties = f"-Dvariant={[*map(str, variant.properties)]}"
        settings["setup-args"] = [*settings.get("setup-args", []), properties]
    return settings


@mesonpy._pyproject_hook
def get_requires_for_build_wheel(config_settings=None):
    """Return the requirements of meson-python, and of the plugins that run in this build."""
    variant = _requested(config_settings)
    return [*mesonpy.get_requires_for_build_wheel(), *(variant.build_requires() if variant else [])]


@mesonpy._pyproject_hook
@_clear_errors()
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """Build a wheel. If a variant is requested, its name has the label, and it has a variant.json."""
    if variant := _requested(config_settings):
        answers = ask_build_plugins(variant.metadata.providers)
        for text in variant.remarks(answers):
            warnings.warn(text, stacklevel=2)
        document = variant.variant_json(answers)

        class VariantWheelBuilder(mesonpy._WheelBuilder):
            @property
            def name(self):
                return variant.filename(f"{super().name}.whl").removesuffix(".whl")

            def _wheel_write_metadata(self, whl):
                super()._wheel_write_metadata(whl)
                whl.writestr(f"{self._distinfo_dir}/variant.json", document)

        mesonpy._WheelBuilder = VariantWheelBuilder
    return mesonpy.build_wheel(wheel_directory, config_settings, metadata_directory)


get_requires_for_build_editable = get_requires_for_build_wheel
mesonpy._validate_config_settings = _validated
