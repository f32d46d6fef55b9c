"""List installed variants, and find where they disagree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, VariantError, one_of
from ..project.config_settings import AUTO
from ..project.user_variables import LABEL, PLAIN
from ..variants.alignment import AlignedName, Axis, is_aligned
from ..variants.filename import normalize
from ..variants.metadata import VariantMetadata
from ..variants.namespace_support import DISABLED, NOT_ENABLED, Support
from ..wheels.inspection import Inspection, VariantJson, inspect_installed_variants
from .environment import Environment

if TYPE_CHECKING:
    from packaging.version import Version

    from ..variants.properties import Variant
    from ..variants.runtimes import Runtimes

_REINSTALL = "install it again with --force-reinstall --no-cache-dir (pip) or --reinstall --no-cache (uv)"


class Installed(NamedTuple):
    """An installed variant; *path* is the folder in which it is installed."""

    path: Path
    inspection: Inspection

    @classmethod
    def of(cls, name: str, version: str, variant: Variant) -> Installed:
        """Return a variant as if it were installed, without a folder."""
        content = VariantJson(VariantMetadata((), {}, {variant.label: variant}))
        inspection = Inspection(f"{name} {version}", name, version, variant.label, variant_json=content)
        return cls(Path(), inspection)

    @property
    def values(self) -> dict[Axis, tuple[str, ...]]:
        """The values of each feature of the variant, empty if they are unknown."""
        variant = self.inspection.variant
        return {
            (namespace, feature): tuple(values)
            for namespace, features in (variant.to_dict() if variant else {}).items()
            for feature, values in features.items()
        }

    def to_dict(self) -> dict[str, object]:
        """Return the keys of the JSON object that name the variant."""
        return {
            "name": self.inspection.name,
            "version": self.inspection.version,
            "path": str(self.path),
            "label": self.inspection.label,
            "properties": known.to_dict() if (known := self.inspection.variant) else {},
        }


class PlainPackage(NamedTuple):
    """An installed package that is not a variant, and the aligned runtimes that its modules link."""

    name: str
    version: str
    runtimes: Runtimes


class Alignment(NamedTuple):
    """How installed packages agree in aligned features.

    *disagreements* are those between variants. *packages* are plain packages that link runtimes of the
    aligned namespaces, and *problems* say where one links another runtime than a variant has. *unread* are
    problems of modules.
    """

    disagreements: Sequence[Disagreement] = ()
    packages: Sequence[PlainPackage] = ()
    problems: Sequence[Problem] = ()
    unread: Sequence[Problem] = ()


class Disagreement(NamedTuple):
    """A feature for which installed variants have no value in common; *values* are by distribution name."""

    namespace: str
    feature: str
    values: dict[str, tuple[str, ...]]

    def __str__(self) -> str:
        texts = (f"{name} has {one_of(values)}" for name, values in self.values.items())
        return f"{self.namespace} :: {self.feature}: no value in common: {'; '.join(texts)}"


def installed_variants(folders: Sequence[Path]) -> tuple[list[Installed], list[VariantError]]:
    """Return the installed variants in site-packages folders, and an error for each that cannot be read."""
    results: list[Installed] = []
    errors: list[VariantError] = []
    for path, inspection in inspect_installed_variants(folders):
        if isinstance(inspection, VariantError):
            errors.append(inspection)
        else:
            results.append(Installed(path, inspection))
            if inspection.problems:
                errors.append(VariantError(*inspection.problems).within(inspection.target))
    return results, errors


def empty_folders(environment: Environment) -> list[Problem]:
    """Return a problem for each folder of ``--path`` without distributions, or for an empty environment."""
    from ..wheels.distributions import has_distributions  # takes long to import

    empty = [folder for folder in environment.folders if not has_distributions(folder)]
    if environment.found_by == "--path":
        remedy = "use --path with a site-packages folder"
        return [Problem("error", str(folder), "no distributions found", remedy) for folder in empty]
    if len(empty) < len(environment.folders):
        return []
    remedy = "use --interpreter with another environment, or --path with a site-packages folder"
    return [Problem("error", str(environment), "no distributions found", remedy)]


def not_as_requested(
    installed: Sequence[Installed], requested: Mapping[str, str], versions: Mapping[str, Version]
) -> list[Problem]:
    """Return a problem for each installed distribution with another label than the user requests.

    *requested* has the labels of `labels_of`; projects that are not in *versions* are not installed.
    Installers may reuse a cached wheel that was built for another request.
    """
    labels = {normalize(variant.inspection.name): variant.inspection.label for variant in installed}
    problems = []
    for name in sorted(requested.keys() & versions.keys()):
        wanted, label = requested[name], labels.get(name)
        if wanted not in (AUTO, label or PLAIN):
            got = repr(label) if label else "a plain wheel"
            text = f"{LABEL} requests {wanted!r}, got {got}"
            problems.append(Problem("error", f"{name} {versions[name]}", text, _REINSTALL))
    return problems


def disagreements(installed: Iterable[Installed], align: Sequence[AlignedName]) -> list[Disagreement]:
    """Return the aligned features for which installed variants have no value in common, sorted."""
    return [
        Disagreement(*axis, values)
        for axis, values in sorted(_values_by_name(installed, align).items())
        if not _common(values)
    ]


def alignment_of(
    installed: Sequence[Installed], folders: Sequence[Path], align: Sequence[AlignedName]
) -> Alignment:
    """Compare the installed variants and plain packages in aligned features."""
    packages, unread = linking_packages(folders, sorted({name.namespace for name in align}))
    problems = _other_runtimes(installed, packages, align)
    return Alignment(disagreements(installed, align), packages, problems, unread)


def linking_packages(
    folders: Sequence[Path], namespaces: Sequence[str]
) -> tuple[list[PlainPackage], list[Problem]]:
    """Return the installed plain packages that link runtimes of namespaces, by name.

    The problems are those of modules and RECORDs that cannot be read. No code of a package runs.
    """
    # Only `--align` needs them, and dispatching imports this module.
    from ..variants.runtimes import Runtimes, linked_for
    from ..wheels.distributions import plain_distributions
    from ..wheels.linked_runtimes import installed_runtimes

    packages: list[PlainPackage] = []
    problems: list[Problem] = []
    for name, version, files in plain_distributions(folders):
        if isinstance(files, VariantError):
            problems += files.problems
            continue
        runtimes, unread = installed_runtimes(files)
        problems += unread
        linked = {
            library: modules
            for namespace in namespaces
            for library, modules in linked_for(namespace, runtimes.linked).items()
        }
        if linked:
            packages.append(PlainPackage(name, version, Runtimes(linked)))
    return sorted(packages), problems


def _other_runtimes(
    installed: Iterable[Installed], packages: Sequence[PlainPackage], align: Sequence[AlignedName]
) -> list[Problem]:
    """Return a problem for each plain package that links another runtime than a variant has."""
    from ..variants.runtimes import runtime_problems  # as above

    problems: list[Problem] = []
    for other in installed:
        properties = other.inspection.variant.properties if other.inspection.variant else ()
        own = [prop for prop in properties if is_aligned(prop.key, align)]
        name = f"{other.inspection.name} {other.inspection.version}"
        for package in packages:
            first = next(runtime_problems(own, (), package.runtimes), None)
            if first is not None:
                text = f"does not fit {name}: it {first.text}"
                problems.append(Problem("error", f"{package.name} {package.version}", text))
    return problems


def aligned(known: Support, align: Sequence[AlignedName], installed: Sequence[Installed]) -> Support:
    """Return the supported values after aligning features with the installed variants.

    If installed variants have a feature, only the values that all of them have remain: none if they
    disagree. If the values of a namespace are unknown, these values become supported. The origin of the
    namespace names the variants. Features that no installed variant has are as before.
    """
    users = _values_by_name(installed, align)
    supported, origins = dict(known.supported), dict(known.origins)
    for namespace in sorted({axis[0] for axis in users}):
        origin = known.origins.get(namespace)
        if origin is None or origin in (DISABLED, NOT_ENABLED):
            continue
        own = {feature: values for (owner, feature), values in sorted(users.items()) if owner == namespace}
        common = {feature: _common(values) for feature, values in own.items()}
        supported[namespace] = (
            {
                feature: tuple(value for value in values if value in common.get(feature, values))
                for feature, values in supported[namespace].items()
            }
            if namespace in supported
            else {feature: tuple(sorted(values)) for feature, values in common.items()}
        )
        names = one_of(dict.fromkeys(name for values in own.values() for name in values))
        origins[namespace] = origin.with_more(f"; aligned with installed variants: {names}")
    return Support(supported, origins)


def _values_by_name(
    installed: Iterable[Installed], align: Sequence[AlignedName]
) -> dict[Axis, dict[str, tuple[str, ...]]]:
    """Return the values of each aligned feature, by the name of the installed variant."""
    users: dict[Axis, dict[str, tuple[str, ...]]] = {}
    for variant in installed:
        for axis, values in variant.values.items():
            if is_aligned(axis, align):
                users.setdefault(axis, {})[variant.inspection.name] = values
    return users


def _common(values: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the values that all distributions have."""
    return set.intersection(*map(set, values.values()))
