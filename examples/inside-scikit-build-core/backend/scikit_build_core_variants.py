"""scikit-build-core, with this project instead of variantlib in two of its functions."""

from pathlib import Path

from scikit_build_core._compat import tomllib
from scikit_build_core._logging import rich_error, rich_warning
from scikit_build_core._variants import WheelVariant
from scikit_build_core.build import *  # noqa: F403 - the hooks
from scikit_build_core.build import wheel
from scikit_build_core.builder import get_requires

from variant_backend.api import NULL_LABEL, VariantError, ask_build_plugins, variant_of_settings


def _requested(settings, pyproject):
    """Return the requested variant, or None."""
    texts = [*settings.variant_name, *settings.variant, *[NULL_LABEL] * settings.null_variant]
    asked = {"variant": texts, "variant-label": settings.variant_label or []}
    return variant_of_settings(asked, pyproject.get("variant"))


def get_wheel_variant(settings, pyproject, metadata):  # noqa: ARG001 - scikit-build-core passes it
    """Return the label and the variant.json of the wheel, or None for a plain wheel."""
    try:
        if variant := _requested(settings, pyproject):
            answers = ask_build_plugins(variant.metadata.providers)
            for text in variant.remarks(answers):
                rich_warning(text)
            return WheelVariant(variant.label, variant.variant_json(answers))
    except VariantError as error:
        rich_error(str(error))


def variant_build_requires(settings):
    """Return the requirements of the plugins that run in this build."""
    try:
        variant = _requested(settings, tomllib.loads(Path("pyproject.toml").read_text("utf-8")))
        return variant.build_requires() if variant else []
    except VariantError as error:
        rich_error(str(error))


wheel.get_wheel_variant = get_wheel_variant
get_requires.variant_build_requires = variant_build_requires
