"""The rules about what installers do with a release."""

from __future__ import annotations

from collections.abc import Mapping

from ..variants.metadata import SCHEMA_WITH_PROVIDERS
from ..wheels.soundness import REMEDIES
from .rule import BOTH, ERROR, PIP, REINDEX, REPAGE, UPLOAD, UV, WARNING, Rule

INSTALLER_RULES: Mapping[str, Rule] = {
    "pages-differ": Rule(BOTH, ERROR, "The HTML page and the JSON page of a project differ.", REPAGE),
    "unlisted-wheel": Rule(BOTH, ERROR, "A page of the project does not list a wheel.", REPAGE),
    "dead-link": Rule(BOTH, ERROR, "A page lists a file that does not exist.", REPAGE),
    "link-hash": Rule(BOTH, ERROR, "A page has another hash than the file.", REPAGE),
    "unlisted-index": Rule(
        UV, ERROR, "A page lists variant wheels but not the index file of their release.", REPAGE
    ),
    "missing-index": Rule(UV, ERROR, "Variant wheels have no index file in the same folder.", REINDEX),
    "index-lacks-label": Rule(UV, ERROR, "The index file lacks the label of a wheel.", REINDEX),
    "unknown-platform": Rule(
        (*BOTH, UPLOAD),
        ERROR,
        "A platform tag does not exist on any system.",
        REMEDIES["unknown-platform"],
    ),
    "variant-marker": Rule(
        (*BOTH, UPLOAD),
        ERROR,
        "A dependency has a variant marker, which no released installer can read.",
        'make the wheel with `make-variant` or the build hook, and without `markers = "keep"`',
    ),
    "bad-metadata": Rule(
        (*BOTH, UPLOAD),
        ERROR,
        "A field of METADATA cannot be read.",
        REMEDIES["bad-metadata"],
    ),
    "abi-dependency": Rule(
        UV,
        ERROR,
        "A variant has a property in the reserved namespace abi_dependency.",
        "remove it until installers support it",
    ),
    "side-file": Rule(
        PIP,
        ERROR,
        "The .metadata file beside a wheel differs from METADATA in the wheel.",
        "copy METADATA from the wheel unchanged",
    ),
    "python-differs": Rule(
        UV,
        ERROR,
        "A wheel needs a newer Python than another wheel that could be installed instead.",
        "give all wheels of the release the same Requires-Python",
    ),
    "provider-mismatch": Rule(
        UV,
        WARNING,
        "uv knows the namespace, but with another provider.",
        "copy the provider from docs/reference/providers.md",
    ),
    "unknown-property": Rule(
        UV,
        ERROR,
        "The namespace's provider lists none of a variant's values of a feature, on any machine.",
        "correct the spelling of the feature and its values",
    ),
    "no-fallback": Rule(
        UV,
        ERROR,
        "A platform has only variant wheels.",
        "add a null variant or a plain wheel for the platform",
    ),
    "no-plain-wheel": Rule(
        PIP,
        ERROR,
        "A platform has only labelled wheels.",
        "add a plain wheel for the platform, or a dispatching sdist (`variant-backend stub`)",
    ),
    "fallback-from-sdist": Rule(
        UV,
        WARNING,
        "A platform has only variant wheels and an sdist.",
        "add a null variant or a plain wheel for the platform",
    ),
    "plain-from-sdist": Rule(
        PIP,
        WARNING,
        "A platform has only labelled wheels and an sdist that is not a dispatching one.",
        "add a plain wheel for the platform, or a dispatching sdist (`variant-backend stub`)",
    ),
    "hidden-variants": Rule(
        UV,
        WARNING,
        "A newer version without variants hides those of an older one.",
        "make variants of the newer version, too, or remove it from the folder",
    ),
    "unsupported-property": Rule(
        UV,
        WARNING,
        "The namespace's provider lists this property, but uv does not support it yet.",
        "use a property that uv supports, or --ignore unsupported-property",
    ),
    "newer-gpus": Rule(
        UV,
        WARNING,
        "No variant supports the newest NVIDIA GPUs.",
        "add values for newer GPUs to a variant that has PTX, or add a variant for these GPUs",
    ),
    "unknown-provider": Rule(
        UV,
        WARNING,
        "uv has no provider for the namespace.",
        "use static-properties if the values are few and known",
    ),
    "no-provider": Rule(
        UV,
        WARNING,
        "A namespace has no provider.",
        f'add a provider for the namespace; in JSON, also write "$schema": "{SCHEMA_WITH_PROVIDERS}"',
    ),
    "optional-provider": Rule(
        UV,
        WARNING,
        "A provider is optional, and uv has no way to enable it.",
        "remove optional, unless you need it for later installers",
    ),
    "unusable-provider": Rule(
        UV, ERROR, "A variant uses a namespace with an invalid provider.", "correct the provider's entry"
    ),
    "builtin-provider": Rule(
        UV, WARNING, "A provider uses builtin, which is reserved.", "use static-properties or requires"
    ),
}
