"""Find names in options that nothing in a run knows, and options that contradict each other.

Without a message, users would not notice that an option is ignored. So each of these is an error with a
suggestion.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from ..errors import Problem, UnknownNameError, did_you_mean, shortened
from ..formats.hardware_file import Hardware
from ..machine.support import Machine, Policy
from ..variants.abi_dependency import ABI_DEPENDENCY
from ..variants.alignment import AlignedName
from ..variants.filename import normalize
from ..variants.known_providers import KNOWN_PROVIDERS, unknown_feature, unknown_property
from ..variants.metadata import VariantMetadata
from ..variants.namespace_support import Lazy, abi_dependencies
from ..variants.properties import Property
from ..variants.providers import PluginProvider, Provider, StaticProvider
from ..variants.ranking import Supported

# Machine files may have the namespaces of other projects, so only names that are this similar are misspelt.
_MISSPELT = 0.8


class _Known(NamedTuple):
    """The namespaces of a run, and the properties in them; *closed* are namespaces without other values."""

    namespaces: frozenset[str]
    properties: frozenset[Property]
    closed: frozenset[str]

    def features(self, namespace: str) -> list[str]:
        """Return the features of a namespace that releases, machine files or installed variants use."""
        return sorted({known.feature for known in self.properties if known.namespace == namespace})

    def values(self, namespace: str, feature: str) -> list[str]:
        """Return the values of a feature that releases, machine files or installed variants use."""
        return sorted({known.value for known in self.properties if known[:2] == (namespace, feature)})


def contradictions(policy: Policy) -> list[Problem]:
    """Return the namespaces that one option disables, while another one needs them."""
    wishes: dict[str, Iterable[str]] = {
        "--supported": policy.given,
        "--enable": policy.enabled,
        "--align": _namespaces(policy.align),
    }
    return [
        Problem("error", option, f"namespace {name!r} is also in --disable", "remove one of the two")
        for option, namespaces in wishes.items()
        for name in namespaces
        if name in policy.disabled
    ]


def unknown_names(
    policy: Policy, machine: Machine, metadata: Iterable[VariantMetadata], packages: Collection[str] = ()
) -> list[Problem]:
    """Return the names in *policy* and in a machine file that nothing in the run knows.

    Names are known from *metadata* of releases and installed variants, the known providers, and the machine
    file; *packages* are the normalized names of the requested packages.
    """
    metadata = [*metadata, *_installed_metadata(machine)]
    known = _known(metadata, _machine_file(machine).supported)
    return [
        *_unknown_namespaces(policy, known),
        *_unknown_features(policy.align, known),
        *_unknown_properties(policy, known),
        *(problem.within("--machine") for problem in unknown_in_machine(_machine_file(machine), metadata)),
        *_unknown_plugins(policy, machine, metadata),
        *_unknown_pins(policy, metadata, packages),
    ]


def check_installed_names(policy: Policy, machine: Machine) -> None:
    """Raise UnknownNameError for names in options that no installed variant and no known provider knows."""
    if problems := unknown_names(policy, machine, []):
        raise UnknownNameError(*problems)


def ignored_values(policy: Policy, machine: Machine, metadata: Iterable[VariantMetadata]) -> list[Problem]:
    """Return the namespaces of --supported and of a machine file that have no effect on the releases."""
    metadata = list(metadata)
    closed = _known(metadata, {}).closed
    unused = unused_namespaces(_machine_file(machine), [*metadata, *_installed_metadata(machine)])
    text = "ignored, as the release lists the supported values in static-properties"
    return [
        Problem(
            "error", f"--supported: {namespace}", text, f"use --disable {namespace} instead to support none"
        )
        for namespace in policy.given
        if namespace in closed
    ] + [problem.within("--machine") for problem in unused]


def unused_namespaces(hardware: Hardware, metadata: Iterable[VariantMetadata]) -> list[Problem]:
    """Return the namespaces in a machine file that neither the releases nor known providers have."""
    known = _known(metadata, {}).namespaces
    text = "is not used, as the release does not have it"
    return [
        Problem("error", "", f"namespace {namespace!r} {text}", "check the spelling")
        for namespace in hardware.supported
        if namespace not in known
    ]


def unknown_in_machine(hardware: Hardware, metadata: Iterable[VariantMetadata] = ()) -> list[Problem]:
    """Return the misspelt namespaces in a machine file, and the unknown features and values.

    Namespaces are known from *metadata* and the known providers, features and values from the latter.
    """
    known = sorted(_known(metadata, {}).namespaces)
    misspelt = [
        _unknown("", "namespace", namespace, known)
        for namespace in hardware.supported
        if namespace not in known and did_you_mean(namespace, known, similarity=_MISSPELT)
    ]
    return misspelt + [
        problem
        for namespace, features in hardware.supported.items()
        for feature, values in features.items()
        for problem in _of_known_provider(namespace, feature, values)
    ]


def _known(metadata: Iterable[VariantMetadata], file: Supported) -> _Known:
    """Return the names in *metadata* and in the supported values of a machine *file*."""
    namespaces = {ABI_DEPENDENCY, *KNOWN_PROVIDERS, *file}
    properties = {
        Property(namespace, feature, value)
        for namespace, features in file.items()
        for feature, values in features.items()
        for value in values
    }
    static, others = set[str](), {ABI_DEPENDENCY, *KNOWN_PROVIDERS, *file}
    for document in metadata:
        namespaces |= {*document.namespaces, *document.providers}
        for variant in document.variants.values():
            namespaces |= variant.namespaces()
            properties |= variant.properties
        for namespace in document.namespaces:
            provider = document.providers.get(namespace)
            if isinstance(provider, StaticProvider):
                static.add(namespace)
                properties |= {
                    Property(namespace, feature, value)
                    for feature, values in provider.features
                    for value in values
                }
            else:
                others.add(namespace)
    return _Known(frozenset(namespaces), frozenset(properties), frozenset(static - others))


def _installed_metadata(machine: Machine) -> Iterator[VariantMetadata]:
    for installed in machine.installed:
        if installed.inspection.metadata is not None:
            yield installed.inspection.metadata


def _machine_file(machine: Machine) -> Hardware:
    """Return the content of the machine file, empty if this machine is detected (which happens lazily)."""
    hardware = machine.hardware
    return Hardware({}) if hardware is None or isinstance(hardware.namespaces, Lazy) else hardware


def _unknown_namespaces(policy: Policy, known: _Known) -> Iterator[Problem]:
    options: Mapping[str, Iterable[str]] = {
        "--supported": policy.given,
        "--enable": policy.enabled,
        "--disable": policy.disabled,
        "--align": _namespaces(policy.align),
    }
    for option, namespaces in options.items():
        for name in namespaces:
            if name not in known.namespaces:
                yield _unknown(option, "namespace", name, sorted(known.namespaces))


def _namespaces(align: Iterable[AlignedName]) -> Iterable[str]:
    return dict.fromkeys(name.namespace for name in align)


def _unknown_features(align: Iterable[AlignedName], known: _Known) -> Iterator[Problem]:
    """Yield the features of --align that are unknown in a known namespace."""
    for namespace, feature in align:
        used = known.features(namespace)
        if feature is None or feature in used:
            continue
        if namespace in KNOWN_PROVIDERS:
            if problem := unknown_feature(namespace, feature):
                yield problem.within("--align")
        elif used or namespace == ABI_DEPENDENCY:
            yield _unknown("--align", f"feature of {namespace}", feature, used)


def _unknown_properties(policy: Policy, known: _Known) -> Iterator[Problem]:
    """Yield the features and values of --supported that are unknown in a known namespace."""
    for namespace, features in policy.given.items():
        used = known.features(namespace)
        for feature, values in features.items():
            existing = known.values(namespace, feature)
            new = [value for value in values if value not in existing]
            if namespace in KNOWN_PROVIDERS:
                if new and not (feature in used and unknown_feature(namespace, feature)):
                    problems = _of_known_provider(namespace, feature, new)
                    yield from (problem.within("--supported") for problem in problems)
            elif feature not in used and (used or namespace == ABI_DEPENDENCY):
                yield _unknown("--supported", f"feature of {namespace}", feature, used)
            elif namespace in known.closed:
                for value in new:
                    yield _unknown("--supported", f"value of {namespace} :: {feature}", value, existing)


def _of_known_provider(namespace: str, feature: str, values: Iterable[str]) -> list[Problem]:
    """Return why the provider of a known namespace cannot report these values."""
    if problem := unknown_feature(namespace, feature):
        return [problem]
    problems = (unknown_property(Property(namespace, feature, value)) for value in values)
    return [problem for problem in problems if problem]


def _unknown_plugins(
    policy: Policy, machine: Machine, metadata: Iterable[VariantMetadata]
) -> Iterator[Problem]:
    providers = [provider for document in metadata for provider in document.providers.values()]
    known = sorted(_plugins([*providers, *(provider.table for provider in KNOWN_PROVIDERS.values())]))
    for name in sorted(policy.named_plugins):
        if name not in known and name not in machine.versions:
            yield _unknown("--trust-plugin", "plugin", name, known)


def _plugins(providers: Iterable[Provider]) -> set[str]:
    """Return the normalized names of the packages that providers require."""
    from packaging.requirements import Requirement

    names = set[str]()
    for provider in providers:
        for text in provider.requires if isinstance(provider, PluginProvider) else ():
            try:
                names.add(normalize(Requirement(text).name))
            except ValueError:  # reported where the metadata is read
                continue
    return names


def _unknown_pins(
    policy: Policy, metadata: Iterable[VariantMetadata], packages: Collection[str]
) -> Iterator[Problem]:
    known = sorted({*packages, *(name for document in metadata for name in abi_dependencies(document))})
    for name in policy.pinned:
        if name not in known:
            yield _unknown("--pin", "package", name, known)


def _unknown(option: str, kind: str, name: str, known: Collection[str]) -> Problem:
    """Return the problem of an unknown name: `unknown KIND 'x' (did you mean 'y'?); known: y, z`."""
    noun, _, owner = kind.partition(" of ")
    place = f"{option}: {owner}" if owner else option
    remedy = f"known {noun}s: {shortened(sorted(known)) or '(none)'}"
    return Problem("error", place, f"unknown {noun} {name!r}{did_you_mean(name, known)}", remedy)
