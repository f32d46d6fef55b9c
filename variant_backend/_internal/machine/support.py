"""Combine supported values from releases, the user, detection, plugins and installed variants."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, VariantError
from ..formats.hardware_file import Hardware
from ..variants.abi_dependency import ABI_DEPENDENCY
from ..variants.alignment import AlignedName, Assignment
from ..variants.filename import normalize
from ..variants.metadata import VariantMetadata
from ..variants.namespace_support import (
    FAILED,
    UNKNOWN,
    Lazy,
    Origin,
    Support,
    abi_dependencies,
    abi_support,
    assigned,
    open_abi_support,
    supported_values,
)
from ..variants.policy import NO_RULES, Rules, governed
from ..variants.providers import PluginProvider
from ..variants.ranking import Supported
from .installed import Installed, PlainPackage, aligned, disagreements
from .trusted_plugins import Installer, Trusted, ask_trusted, objection, root_error

if TYPE_CHECKING:
    from packaging.version import Version

GIVEN = Origin("given", "--supported")
_HARDWARE = Origin("hardware", "hardware")


class Machine(NamedTuple):
    """The facts of a machine.

    *hardware* is read from a machine file or detected. *installed* are the installed variants. *versions*
    are the versions of all installed distributions, by normalized name. *undetected* says why facts of this
    machine are not detected; it is empty if they are. *without_policy* is the machine that installers without
    a policy see, if it differs. *plain* are installed packages, not variants, that link runtimes, if they
    were read.
    """

    hardware: Hardware | None = None
    installed: tuple[Installed, ...] = ()
    versions: Mapping[str, Version] = {}
    undetected: str = ""
    without_policy: Machine | None = None
    plain: tuple[PlainPackage, ...] = ()

    def without(self, name: str) -> Machine:
        """Return the machine without an installed distribution, which another version will replace."""
        name = normalize(name)
        return self._replace(
            installed=tuple(
                variant for variant in self.installed if normalize(variant.inspection.name) != name
            ),
            plain=tuple(package for package in self.plain if normalize(package.name) != name),
        )


class Policy(NamedTuple):
    """The wishes of the user.

    *given* are supported values that the user gives. *trusted* are the packages whose plugins may run;
    *installer* installs them. *enabled* and *disabled* are namespaces. *align* are the namespaces and
    features in which wheels must agree with installed variants. *pinned* are versions by normalized name,
    which replace the installed ones. With *opens_versions*, any version of a package is possible that is
    neither pinned nor installed, the newest first. *labels* are wanted labels, patterns or ``(plain)`` by
    normalized name. *assignment* has the only value of each aligned feature. *refuses_root*: plugins would
    run as root, and the user does not allow that. *rules* are those of configuration files: they apply to
    supported values of all sources.
    """

    given: Supported = {}  # noqa: RUF012  # no code changes this default
    trusted: Trusted = {}  # noqa: RUF012  # no code changes this default
    enabled: Collection[str] = ()
    disabled: Collection[str] = ()
    align: tuple[AlignedName, ...] = ()
    pinned: Mapping[str, Version] = {}
    opens_versions: bool = False
    labels: Mapping[str, str] = {}
    assignment: Assignment = {}  # noqa: RUF012  # no code changes this default
    installer: Installer = "pip"
    # The packages of --trust-plugin that must be plugins: with a version, they may be dependencies of one.
    named_plugins: frozenset[str] = frozenset()
    refuses_root: bool = False
    # Plugins are asked again, even if an answer is remembered.
    refresh: bool = False
    rules: Rules = NO_RULES


def machine_support(
    metadata: VariantMetadata, machine: Machine, policy: Policy
) -> tuple[Support, tuple[Problem, ...]]:
    """Return the supported values of a release's namespaces, and the problems of plugins and alignment.

    A trusted plugin is run in its own environment if no other source knows its namespace. If the plugin
    fails, its namespace is unsupported. If installed variants to align with have no value in common for a
    feature, that feature is unsupported. In the end, the policy's rules narrow and reorder the values.
    """
    known, problems = _with_plugins(metadata, support_without_plugins(metadata, machine, policy), policy)
    known = governed(known, policy.rules)
    fixed = aligned(known, policy.align, machine.installed)
    for disagreement in disagreements(machine.installed, policy.align):
        if fixed.origins.get(disagreement.namespace) != known.origins.get(disagreement.namespace):
            problems += VariantError(f"installed variants disagree: {disagreement}").problems
    # Until now, the values of an unknown namespace could not be governed.
    known = governed(fixed, policy.rules, fixed.supported.keys() - known.supported.keys())
    known = assigned(known, policy.assignment)
    return _undetected(known, machine), tuple(problems)


def _undetected(known: Support, machine: Machine) -> Support:
    """Return the supported values; the origins of unknown ones say that the machine is not detected."""
    if not machine.undetected:
        return known
    more = f"; {machine.undetected}"
    origins = {
        name: origin.with_more(more) if origin.kind == UNKNOWN.kind else origin
        for name, origin in known.origins.items()
    }
    return Support(known.supported, origins)


def support_without_plugins(metadata: VariantMetadata, machine: Machine, policy: Policy) -> Support:
    """Return the supported values of a release's namespaces as far as no plugin is needed."""
    hardware = machine.hardware or Hardware({})
    # Detection starts only when a namespace needs it.
    sources: dict[Origin, Supported] = {
        GIVEN: policy.given,
        **_abi_source(metadata, machine, policy),
        _HARDWARE: Lazy(lambda: hardware.supported_for(metadata.providers)),
    }
    known = supported_values(metadata, sources, disabled=policy.disabled, enabled=policy.enabled)
    named = {
        namespace: Origin(origin.kind, hardware.namespaces[namespace].source or origin.text)
        for namespace, origin in known.origins.items()
        if origin == _HARDWARE
    }
    return Support(known.supported, {**known.origins, **named})


def _with_plugins(metadata: VariantMetadata, known: Support, policy: Policy) -> tuple[Support, list[Problem]]:
    """Return the supported values, with the answers of trusted plugins for unknown namespaces."""
    supported, origins = dict(known.supported), dict(known.origins)
    problems: list[Problem] = []
    for namespace, origin in known.origins.items():
        provider = metadata.providers.get(namespace)
        if not isinstance(provider, PluginProvider):
            continue
        if origin.kind == _HARDWARE.kind and objection(provider, policy.trusted) is None:
            origins[namespace] = origin.with_more("; its trusted plugin is not run")
        if origin != UNKNOWN:
            continue
        if reason := objection(provider, policy.trusted):
            origins[namespace] = UNKNOWN.with_more(f"; {reason}")
            continue
        answer = (
            root_error(f"providers.{namespace}: plugin")
            if policy.refuses_root
            else ask_trusted(
                namespace, provider, policy.installer, tuple(policy.trusted.values()), policy.refresh
            )
        )
        if isinstance(answer, VariantError):
            problems += answer.problems
            supported[namespace], origins[namespace] = {}, FAILED
        else:
            supported[namespace], origins[namespace] = answer.features, Origin("plugin", answer.origin)
    return Support(supported, origins), problems


def _abi_source(metadata: VariantMetadata, machine: Machine, policy: Policy) -> dict[Origin, Supported]:
    """Return the source with the versions of the packages that abi_dependency properties name."""
    names = abi_dependencies(metadata)
    pinned = {name: policy.pinned[name] for name in names if name in policy.pinned}
    others = [name for name in names if name not in pinned]
    present = {name: machine.versions[name] for name in others if name in machine.versions}
    missing = [name for name in others if name not in present]
    opened = missing if policy.opens_versions else []
    values = {**open_abi_support(metadata, opened), **abi_support({**present, **pinned})}
    parts = {
        "pinned": [f"{name} {version}" for name, version in pinned.items()],
        "installed": [f"{name} {version}" for name, version in present.items()],
        "any version": opened,
        "unknown version (require it; explain and fetch take --pin)": [] if opened else missing,
    }
    text = "; ".join(f"{how}: {', '.join(which)}" for how, which in parts.items() if which)
    return {Origin("versions", text): {ABI_DEPENDENCY: values}} if names else {}
