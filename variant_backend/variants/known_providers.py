"""The registry of the providers that are known here: one entry for each namespace.

The facts of a provider stand in its module `provider_NAME`. How the machine is asked for them is a module of
`machine`. A provider need not be one that uv knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .provider_aarch64 import AARCH64
from .provider_nvidia import NVIDIA
from .provider_tpu import TPU
from .provider_x86_64 import X86_64
from .registry_entry import KnownProvider

# The first one is declared where a null variant needs a namespace.
KNOWN_PROVIDERS: Mapping[str, KnownProvider] = {
    "nvidia": NVIDIA,
    "x86_64": X86_64,
    "aarch64": AARCH64,
    "tpu": TPU,
}


def forcing_variables(supported: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, str]:
    """Return the variables under which uv supports the same elsewhere, as far as it lets itself be forced.

    >>> nvidia = {"cuda_version_lower_bound": ["12.8", "12.7"], "sm_arch": ["90_real"]}
    >>> forcing_variables({"nvidia": nvidia})  # doctest: +NORMALIZE_WHITESPACE
    {'NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION': '12.8',
     'NV_VARIANT_PROVIDER_FORCE_SM_ARCH': '9.0'}
    """
    return {
        variable: value
        for namespace, provider in KNOWN_PROVIDERS.items()
        if provider.forcing and namespace in supported
        for variable, value in provider.forcing(supported[namespace]).items()
    }
