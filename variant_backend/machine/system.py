"""What a system supports of a release: what is listed, given, detected, installed, and asked of plugins."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError
from ..formats.hardware_file import Hardware
from ..variants.abi_dependency import ABI_DEPENDENCY
from ..variants.filename import normalize
from ..variants.metadata import VariantMetadata
from ..variants.namespace_support import (
    DISABLED,
    UNKNOWN,
    Lazy,
    Support,
    abi_dependencies,
    abi_support,
    support,
)
from ..variants.providers import PluginProvider
from ..variants.ranking import Supported
from .installed import Installed, aligned, disagreements
from .trusted_plugins import Installer, ask_trusted, objection

if TYPE_CHECKING:
    from packaging.version import Version

GIVEN = "--supported"
FAILED = "its plugin failed"
_HARDWARE = "hardware"


class System(NamedTuple):
    """What is known of a system, and what its user wants of it.

    *given* is what the user says that it supports, *hardware* what a hardware file says, or what is detected.
    *trusted* are the normalized names of packages whose plugins may be run, which *installer* installs.
    *enabled*, *disabled* and *align* are namespaces. *installed* are the variants to align with. *versions*
    are those of what is installed, and *pinned* those that the user says instead, both by normalized name.
    """

    given: Supported
    hardware: Hardware | None = None
    trusted: frozenset[str] = frozenset()
    enabled: Collection[str] = ()
    disabled: Collection[str] = ()
    align: tuple[str, ...] = ()
    installed: tuple[Installed, ...] = ()
    versions: Mapping[str, Version] = {}
    pinned: Mapping[str, Version] = {}
    installer: Installer = "pip"

    def support(self, metadata: VariantMetadata) -> tuple[Support, tuple[VariantError, ...]]:
        """Return what the system supports of a release's namespaces, and what went wrong in finding out.

        Plugins that are trusted are run, in environments of their own, for what nothing else tells of. A
        namespace whose plugin fails is unsupported, and so is a feature in which installed variants to
        align with have no value in common; the others go on.
        """
        found, faults = self._asked(metadata, self._known(metadata))
        found = self._with_abi(metadata, found)
        for namespace in self.align:
            fixed = aligned(found, namespace, self.installed)
            if fixed is not found:
                apart = disagreements(self.installed, namespace)
                faults += [VariantError(f"installed variants disagree: {each}") for each in apart]
                found = fixed
        return found, tuple(faults)

    def without(self, name: str) -> System:
        """Return the system without what is installed of a package: it will be another version."""
        others = tuple(each for each in self.installed if normalize(each.inspection.name) != normalize(name))
        return self._replace(installed=others)

    def _known(self, metadata: VariantMetadata) -> Support:
        """Return what is supported as far as no plugin has to be asked."""
        hardware = self.hardware or Hardware({})
        # It may be detected only when it is looked at.
        sources: dict[str, Supported] = {GIVEN: self.given, _HARDWARE: Lazy(lambda: hardware.supported)}
        found = support(metadata, sources, disabled=self.disabled, enabled=self.enabled)
        told = {
            namespace: hardware.namespaces[namespace].source or _HARDWARE
            for namespace, origin in found.origins.items()
            if origin == _HARDWARE
        }
        return found._replace(origins={**found.origins, **told})

    def _asked(self, metadata: VariantMetadata, found: Support) -> tuple[Support, list[VariantError]]:
        """Return what is supported with what trusted plugins say of what nobody else tells."""
        supported, origins = dict(found.supported), dict(found.origins)
        faults: list[VariantError] = []
        for namespace in [name for name, origin in found.origins.items() if origin == UNKNOWN]:
            provider = metadata.providers.get(namespace)
            if not isinstance(provider, PluginProvider):
                continue
            if reason := objection(provider, self.trusted):
                origins[namespace] = f"{UNKNOWN}; {reason}"
                continue
            answer = ask_trusted(namespace, provider, self.installer)
            if isinstance(answer, VariantError):
                faults.append(answer)
                supported[namespace], origins[namespace] = {}, FAILED
            else:
                supported[namespace], origins[namespace] = answer
        return Support(supported, origins), faults

    def _with_abi(self, metadata: VariantMetadata, found: Support) -> Support:
        """Return what is supported with the versions of the packages that variants depend on."""
        names = abi_dependencies(metadata)
        if not names:
            return found
        if ABI_DEPENDENCY in self.disabled:
            return found._replace(origins={**found.origins, ABI_DEPENDENCY: DISABLED})
        if ABI_DEPENDENCY in self.given:
            values, origin = self.given[ABI_DEPENDENCY], GIVEN
        else:
            pinned = {name: self.pinned[name] for name in names if name in self.pinned}
            others = [name for name in names if name not in pinned]
            there = {name: self.versions[name] for name in others if name in self.versions}
            missing = [name for name in others if name not in there]
            values = abi_support({**there, **pinned})
            told = {
                "pinned": [f"{name} {version}" for name, version in pinned.items()],
                "installed": [f"{name} {version}" for name, version in there.items()],
                "unknown version (--pin NAME==VERSION says it)": missing,
            }
            origin = "; ".join(f"{how}: {', '.join(which)}" for how, which in told.items() if which)
        return Support({**found.supported, ABI_DEPENDENCY: values}, {**found.origins, ABI_DEPENDENCY: origin})
