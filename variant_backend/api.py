"""The public interface of this package, for build backends, installers, indexes and other tools.

Only the names in `__all__` are public. What they promise is in docs/explanation/api-stability.md. Members,
fields and parameters that their text calls internal are not part of it. All other modules may change in
every release, except the build backends `variant_backend.hooks` and `variant_backend.dispatch`.

Values are named tuples and have no effects. Functions are pure unless their text says what they read, run or
write. Errors are `VariantError`: one error has all problems of a document, each with its place and a remedy.
"""

import typing as _typing

from ._internal.errors import Problem, RequestError, UnknownNameError, VariantError
from ._internal.variants.abi_dependency import ABI_DEPENDENCY
from ._internal.variants.filename import WheelFilename, index_filename, parse_index_filename
from ._internal.variants.markers import resolve_requirement, resolve_requirement_on_machine
from ._internal.variants.merging import Conflict, combine_metadata, conflicts_with_index, merge_metadata
from ._internal.variants.metadata import VariantMetadata
from ._internal.variants.metadata_reading import (
    metadata_from_dict,
    metadata_from_json,
    metadata_from_table,
    usable_from_dict,
    usable_from_json,
)
from ._internal.variants.namespace_support import (
    Origin,
    Support,
    abi_dependencies,
    abi_support,
    supported_values,
)
from ._internal.variants.properties import (
    NULL_LABEL,
    NULL_VARIANT,
    Property,
    Variant,
    check_label,
    default_label,
)
from ._internal.variants.providers import (
    BuildProvider,
    BuiltinProvider,
    PluginProvider,
    Provider,
    StaticProvider,
    UnusableProvider,
)
from ._internal.variants.ranking import (
    FeatureRank,
    Supported,
    Verdict,
    WheelKey,
    ordered_labels,
    rank_wheels,
    unsupported_features,
    why_better,
)
from ._internal.variants.wheel_metadata import variant_of_wheel

if _typing.TYPE_CHECKING:
    from ._internal.building.make_variant import make_variant
    from ._internal.formats.hardware_file import Detected, Hardware
    from ._internal.machine.detect import detect_hardware, read_hardware
    from ._internal.machine.plugin_answers import PluginAnswer, PluginFeature
    from ._internal.machine.plugins import ask_build_plugins, ask_plugin, validate_variant
    from ._internal.project.config_settings import variant_of_settings, without_variant_settings
    from ._internal.variants.known_providers import unknown_property
    from ._internal.variants.wheel_variant import WheelVariant, resolve_requirements, wheel_variant
    from ._internal.wheel_rewrite import Outcome
    from ._internal.wheels.reading import read_wheel_metadata

__all__ = [
    "ABI_DEPENDENCY",
    "NULL_LABEL",
    "NULL_VARIANT",
    "BuildProvider",
    "BuiltinProvider",
    "Conflict",
    "Detected",
    "FeatureRank",
    "Hardware",
    "Origin",
    "Outcome",
    "PluginAnswer",
    "PluginFeature",
    "PluginProvider",
    "Problem",
    "Property",
    "Provider",
    "RequestError",
    "StaticProvider",
    "Support",
    "Supported",
    "UnknownNameError",
    "UnusableProvider",
    "Variant",
    "VariantError",
    "VariantMetadata",
    "Verdict",
    "WheelFilename",
    "WheelKey",
    "WheelVariant",
    "abi_dependencies",
    "abi_support",
    "ask_build_plugins",
    "ask_plugin",
    "check_label",
    "combine_metadata",
    "conflicts_with_index",
    "default_label",
    "detect_hardware",
    "index_filename",
    "make_variant",
    "merge_metadata",
    "metadata_from_dict",
    "metadata_from_json",
    "metadata_from_table",
    "ordered_labels",
    "parse_index_filename",
    "rank_wheels",
    "read_hardware",
    "read_wheel_metadata",
    "resolve_requirement",
    "resolve_requirement_on_machine",
    "resolve_requirements",
    "supported_values",
    "unknown_property",
    "unsupported_features",
    "usable_from_dict",
    "usable_from_json",
    "validate_variant",
    "variant_of_settings",
    "variant_of_wheel",
    "wheel_variant",
    "why_better",
    "without_variant_settings",
]

# Names that installers need not have, with their modules: these start processes, read files, or import more.
# Vendored copies lack these modules (docs/how-to/vendoring.md).
_LATER = {
    "Detected": "formats.hardware_file",
    "Hardware": "formats.hardware_file",
    "Outcome": "wheel_rewrite",
    "PluginAnswer": "machine.plugin_answers",
    "PluginFeature": "machine.plugin_answers",
    "WheelVariant": "variants.wheel_variant",
    "ask_build_plugins": "machine.plugins",
    "ask_plugin": "machine.plugins",
    "detect_hardware": "machine.detect",
    "make_variant": "building.make_variant",
    "read_hardware": "machine.detect",
    "read_wheel_metadata": "wheels.reading",
    "resolve_requirements": "variants.wheel_variant",
    "unknown_property": "variants.known_providers",
    "validate_variant": "machine.plugins",
    "variant_of_settings": "project.config_settings",
    "wheel_variant": "variants.wheel_variant",
    "without_variant_settings": "project.config_settings",
}


def _imported(name: str) -> object:
    """Import a name at its first use."""
    from importlib import import_module

    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"._internal.{_LATER[name]}", __package__), name)
    globals()[name] = value
    return value


if not _typing.TYPE_CHECKING:  # a checker would accept any name
    __getattr__ = _imported  # PEP 562


def __dir__() -> list[str]:
    """Return the public names, for completion."""
    return __all__
