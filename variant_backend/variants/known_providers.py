"""The providers that released installers know by heart, as they run no plugin: one table for each namespace.

What stands here was measured with uv 0.13.8, and tests ask the real program. A namespace that is added here
gets its detector in `machine`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .providers import PluginProvider

_CUDA_VERSION = r"\d+(\.\d+)?"


class KnownProvider(NamedTuple):
    """A provider that installers know: the table that we write, and what uv compares with a table.

    uv wants the one *package*, a specifier that admits its *version*, and literally one of *plugin_apis*.
    *features* are those that uv computes, each with a pattern of the values that it may ever support; none
    if that is not known. *others* is a pattern of what the package itself has, and uv has not.
    """

    table: PluginProvider
    package: str
    version: str
    plugin_apis: tuple[str | None, ...]
    features: Mapping[str, str] = {}
    others: str = ""


KNOWN_PROVIDERS: Mapping[str, KnownProvider] = {
    "nvidia": KnownProvider(
        PluginProvider(
            ("nvidia-variant-provider>=0.0.1,<1",), "nvidia_variant_provider.plugin:NvidiaVariantPlugin"
        ),
        "nvidia-variant-provider",
        "0.0.1",
        ("nvidia_variant_provider.plugin:NvidiaVariantPlugin",),
        {
            "cuda_version_lower_bound": _CUDA_VERSION,
            "cuda_version_upper_bound": _CUDA_VERSION,
            "sm_arch": r"\d+_(real|virtual)",
        },
        r"sm_arch :: \d+[af]_(real|virtual)",
    ),
    "x86_64": KnownProvider(
        PluginProvider(("x86-64-variant-provider>=0.2,<0.3",)),
        "x86-64-variant-provider",
        "0.2.1",
        (None, "x86_64_variant_provider"),
        {"level": "v[1-4]"},
        "[a-z0-9_]+ :: on",
    ),
    "aarch64": KnownProvider(
        PluginProvider(("aarch64-variant-provider",)),
        "aarch64-variant-provider",
        "0.2.0",
        (None, "aarch64_variant_provider"),
    ),
    "tpu": KnownProvider(
        PluginProvider(("tpu-variant-provider",), "tpu_variant_provider.plugin:TpuVariantPlugin"),
        "tpu-variant-provider",
        "0.1.0",
        ("tpu_variant_provider.plugin:TpuVariantPlugin",),
        {"present": "true|false"},
    ),
}
