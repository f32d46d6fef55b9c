"""The facts of the provider `tpu`: Google's TPUs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .providers import PluginProvider
from .registry_entry import Fact, FactSupport, Features, KnownByUv, KnownProvider, Meaning, invalid_fact

# With this variable, uv uses the given fact instead of detecting it.
FORCE_TPU = "TPU_VARIANT_PROVIDER_FORCE_PRESENT"


def tpu_features(present: bool) -> Features:
    """Return the supported values of a machine with or without a TPU."""
    return {"present": ("true" if present else "false",)}


def _all_features() -> Features:
    """Return the values of all machines."""
    return {"present": (*tpu_features(True)["present"], *tpu_features(False)["present"])}


def forced_tpu(text: str) -> bool:
    """Parse the value of `FORCE_TPU`: any other text than 1, true or yes means false."""
    return text.lower() in ("1", "true", "yes")


def _forcing(features: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the variable that forces the support of these features, if they are known."""
    return {FORCE_TPU: present[0]} if (present := features.get("present", ())) else {}


def _from_facts(facts: Mapping[str, Sequence[str]]) -> FactSupport:
    """Return what a machine with the fact ``tpu`` supports."""
    value = next(iter(facts.get("tpu", ())), "false")
    if value not in ("true", "false"):
        raise invalid_fact("tpu", value, "true or false")
    return FactSupport(tpu_features(value == "true"))


TPU = KnownProvider(
    PluginProvider(("tpu-variant-provider",), "tpu_variant_provider.plugin:TpuVariantPlugin"),
    (
        Meaning("present", "true", "machines with a Google TPU"),
        Meaning("present", "false", "machines without a Google TPU"),
    ),
    KnownByUv(
        "tpu-variant-provider",
        "0.1.0",
        ("tpu_variant_provider.plugin:TpuVariantPlugin",),
        _all_features,
    ),
    forcing=_forcing,
    assumed=tpu_features(False),
    facts={"tpu": Fact("whether the machine has a TPU", ("true", "false"))},
    from_facts=_from_facts,
)
