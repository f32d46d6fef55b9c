"""The kinds of providers, which define the supported values of a namespace, and their tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

from ..errors import Problem, VariantError, one_of
from .filename import name_in
from .properties import Variant, check_name, check_value
from .validation import Document, join, without_null

SOURCES = ("static-properties", "requires", "builtin")
SOURCES_OF_A_TABLE = ("static-properties", "requires", "build-requires", "builtin")


class StaticProvider(NamedTuple):
    """A provider whose supported values are in the metadata, for all machines (the providers draft).

    *features* are pairs of a feature and a tuple of its supported values, both best first. If *optional*, an
    installer uses the namespace only if the user enables it.

    >>> blas = StaticProvider((("library", ("mkl", "openblas")),))
    >>> blas.to_dict()
    {'static-properties': {'library': ['mkl', 'openblas']}}
    """

    features: tuple[tuple[str, tuple[str, ...]], ...]
    optional: bool = False

    def to_dict(self) -> dict[str, object]:
        """Return the provider's table, as under ``providers``; a single feature needs no feature-order."""
        names = [name for name, _ in self.features]
        return {
            "static-properties": {name: list(values) for name, values in self.features},
            **({"feature-order": names} if len(names) > 1 else {}),
            **({"optional": True} if self.optional else {}),
        }


class PluginProvider(NamedTuple):
    """A provider whose plugin reports a machine's supported values to the installer (the providers draft).

    *requires* are the requirements that install the plugin, at least one. *plugin_api* is its object
    reference, ``module`` or ``module:object``, or None if the name of the first required package gives it. If
    *optional*, an installer uses the namespace only if the user enables it.

    >>> PluginProvider(("gpu-provider>=1",)).reference
    'gpu_provider'
    """

    requires: tuple[str, ...]
    plugin_api: str | None = None
    optional: bool = False

    @property
    def reference(self) -> str:
        """The object reference of the plugin: *plugin_api*, or the module that is named like its package."""
        return _reference(self)

    def to_dict(self) -> dict[str, object]:
        """Return the provider's table, as under ``providers``."""
        return _plugin_table("requires", self)


class BuiltinProvider(NamedTuple):
    """A provider inside the installer, with a *name* (the providers draft).

    The draft reserves it: this package reads it, but never creates it. If *optional*, an installer uses the
    namespace only if the user enables it.

    >>> BuiltinProvider("cpu").to_dict()
    {'builtin': 'cpu'}
    """

    name: str
    optional: bool = False

    def to_dict(self) -> dict[str, object]:
        """Return the provider's table, as under ``providers``."""
        return {"builtin": self.name, **({"optional": True} if self.optional else {})}


class UnusableProvider(NamedTuple):
    """A provider whose entry is invalid: nothing is supported in its namespace (PEP 825, "Metadata format").

    *problems* say why, and *optional* is false. Only the metadata that `usable_from_json` and
    `usable_from_dict` return has it.

    >>> UnusableProvider((Problem("provider-source", "providers.gpu", "no source"),)).to_dict()
    {}
    """

    problems: tuple[Problem, ...]
    optional: bool = False

    def to_dict(self) -> dict[str, object]:
        """Return an empty table, which is read as an unusable provider, too."""
        return {}


class BuildProvider(NamedTuple):
    """A provider whose plugin reports the supported values when the wheel is built (the building draft).

    *requires*, *plugin_api* and *optional* are those of `PluginProvider`. Only the ``[variant]`` table has
    it, as ``build-requires``: wheels have the plugin's answer, a `StaticProvider`. Without an answer, its
    namespace is treated as a namespace without a provider.

    >>> BuildProvider(("gpu-provider>=1",), "gpu_provider:Plugin").to_dict()
    {'build-requires': ['gpu-provider>=1'], 'plugin-api': 'gpu_provider:Plugin'}
    """

    requires: tuple[str, ...]
    plugin_api: str | None = None
    optional: bool = False

    @property
    def reference(self) -> str:
        """The object reference of the plugin: *plugin_api*, or the module that is named like its package."""
        return _reference(self)

    def to_dict(self) -> dict[str, object]:
        """Return the provider's table, as under ``providers``."""
        return _plugin_table("build-requires", self)


# What defines the supported values of a namespace (the providers draft).
Provider: TypeAlias = StaticProvider | PluginProvider | BuildProvider | BuiltinProvider | UnusableProvider


def never_supported(
    variants: Iterable[Variant], providers: Mapping[str, Provider]
) -> dict[str, list[tuple[str, str]]]:
    """Return the features (with namespaces) of which a static provider lists none of a variant's values.

    The keys are the labels of the variants with such features.
    """
    listed: dict[str, set[tuple[str, str]]] = {}  # filled for used namespaces only: there may be many others
    unlisted: dict[str, list[tuple[str, str]]] = {}
    for label, properties in variants:
        features, supported = set[tuple[str, str]](), set[tuple[str, str]]()
        for namespace, feature, value in properties:
            if not isinstance(provider := providers.get(namespace), StaticProvider):
                continue
            if namespace not in listed:
                listed[namespace] = {(name, text) for name, values in provider.features for text in values}
            features.add((namespace, feature))
            if (feature, value) in listed[namespace]:
                supported.add((namespace, feature))
        if missing := sorted(features - supported):
            unlisted[label] = missing
    return unlisted


def _reference(provider: PluginProvider | BuildProvider) -> str:
    """Return the object reference of a plugin; by default, the module is named like the package."""
    return provider.plugin_api or "".join(required_packages(provider)[:1]).replace("-", "_")


def _plugin_table(key: str, provider: PluginProvider | BuildProvider) -> dict[str, object]:
    return {
        key: list(provider.requires),
        **({"plugin-api": provider.plugin_api} if provider.plugin_api else {}),
        **({"optional": True} if provider.optional else {}),
    }


_PLUGINS: Mapping[str, type[PluginProvider] | type[BuildProvider]] = {
    "requires": PluginProvider,
    "build-requires": BuildProvider,
}


# The key that belongs to a source only.
_OWN_KEYS = {"static-properties": "feature-order", **dict.fromkeys(_PLUGINS, "plugin-api")}


def read_provider(entry: object, where: str) -> Provider:
    """Read one entry of ``providers``. Raises VariantError with all problems."""
    document = Document()
    provider = read_provider_table(document, entry, "")
    document.check(where)
    return cast("Provider", provider)  # an invalid provider has a problem


def read_providers(
    requirements: Iterable[tuple[str, str]],
    plugin_apis: Iterable[tuple[str, str]],
    values: Iterable[tuple[str, str, Sequence[str]]],
    known_requirements: Callable[[str], Sequence[str]],
) -> dict[str, Provider]:
    """Return providers by namespace, from tuples that start with a namespace.

    The tuples have requirements of plugins, object references, or *values* of a feature of a static provider.
    An object reference without requirements gets the *known_requirements* of its namespace. Raises
    VariantError with the problems of an invalid provider.
    """
    tables: dict[str, dict[str, Any]] = {}
    for namespace, requirement in requirements:
        tables.setdefault(namespace, {}).setdefault("requires", []).append(requirement)
    for namespace, reference in plugin_apis:
        tables.setdefault(namespace, {})["plugin-api"] = reference
    for namespace, feature, listed in values:
        table = tables.setdefault(namespace, {})
        features = table.setdefault("static-properties", {})
        features.setdefault(feature, []).extend(listed)
        if len(features) > 1:
            table["feature-order"] = list(features)
    for namespace, table in tables.items():
        if "plugin-api" in table and "requires" not in table and (known := known_requirements(namespace)):
            table["requires"] = list(known)
    return {
        namespace: read_provider(table, f"namespace {namespace!r}") for namespace, table in tables.items()
    }


def read_features(
    document: Document, table: dict[str, object], place: str, *, least: int = 1
) -> list[tuple[str, tuple[str, ...]]]:
    """Read ``{feature: [values]}`` in the table's order; note invalid names and leave them out.

    *least* (0 or 1) is the minimum number of values.
    """
    return [
        (feature, document.strings(values, f"{place}.{feature}", check_value, least=least, code="bad-name"))
        for feature, values in table.items()
        if document.passes(
            f"{place}.{feature}", lambda text: check_name(text, "feature"), feature, code="bad-name"
        )
    ]


def required_packages(provider: PluginProvider | BuildProvider) -> list[str]:
    """Return the normalized names of the packages that a provider requires.

    >>> required_packages(PluginProvider(("Speech_Provider[x]>=1",)))
    ['speech-provider']
    """
    return [*map(name_in, provider.requires)]


def read_provider_table(
    document: Document, value: object, place: str, sources: Sequence[str] = SOURCES
) -> Provider | None:
    """Read one entry of ``providers``: exactly one source of support, and its other keys."""
    entry = document.table(value, place, (*sources, "optional", "plugin-api", "feature-order"))
    if not isinstance(value, dict):
        return None
    given = [key for key in sources if entry.get(key) is not None]
    entry = without_null(document, entry, place, [_OWN_KEYS[key] for key in given if key in _OWN_KEYS])
    if len(given) != 1:
        shown = " and ".join(given) or "none"
        text = f"expected exactly one of {one_of(sources)}, got {shown}"
        document.note(place, text, code="provider-source")
        return None
    (source,) = given
    for key in ("plugin-api", "feature-order"):
        users = [user for user in sources if _OWN_KEYS.get(user) == key]
        if key in entry and source not in users:
            document.note(join(place, key), f"only allowed with {' or '.join(users)}", code="provider-source")
    optional = document.boolean(entry.get("optional", False), join(place, "optional"))
    if source in _PLUGINS:
        requires = _read_requirements(document, entry[source], join(place, source))
        plugin_api = _read_plugin_api(document, entry, join(place, "plugin-api"))
        return _PLUGINS[source](requires, plugin_api, optional)
    if "static-properties" in entry:
        at_features = join(place, source)
        features = read_ordered_features(document, entry, place, source, least=0)
        given_values = cast("dict[str, object]", entry[source])  # a table, as it has features
        for feature in [name for name, _ in features if given_values[name] == []]:
            document.tolerate(join(at_features, feature), "no value is supported", code="no-values")
        return StaticProvider(features, optional)
    return BuiltinProvider(document.string(entry["builtin"], join(place, "builtin")) or "", optional)


def _read_requirements(document: Document, value: object, place: str) -> tuple[str, ...]:
    """Read the requirements of a plugin; invalid, missing and duplicate ones are the same problem for uv."""
    from .markers import check_requirement

    part = Document()
    result = part.strings(value, place, check_requirement, code="bad-requirement")
    remedies = {"duplicate-value": "remove one of them", "empty-list": "add a requirement"}
    for problem in part.problems:
        if remedy := remedies.get(problem.code):
            problem = problem._replace(code="bad-requirement", remedy=remedy)
        document.add(problem)
    return result


def _read_plugin_api(document: Document, entry: dict[str, object], place: str) -> str | None:
    if "plugin-api" not in entry:
        return None
    text = document.string(entry["plugin-api"], place)
    if text is None or not document.passes(place, check_object_reference, text, code="bad-plugin-api"):
        return None
    return text


def read_ordered_features(
    document: Document, entry: dict[str, object], place: str, key: str, *, least: int = 1
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Read the features under *key* of a table, in the order of its ``feature-order``.

    *least* (0 or 1) is the minimum number of values of a feature.
    """
    at_features, at_order = join(place, key), join(place, "feature-order")
    table = document.table(entry[key], at_features)
    features = dict(read_features(document, table, at_features, least=least))
    if "feature-order" not in entry:
        if len(table) > 1:
            document.note(at_order, "missing; it is required with two or more features", code="feature-order")
        return tuple(features.items())
    order = document.strings(
        entry["feature-order"], at_order, lambda text: check_name(text, "feature"), code="bad-name"
    )
    if set(order) != set(features):
        text = f"expected the features {one_of(features)}, got {one_of(order)}"
        document.note(at_order, text, code="feature-order")
        return ()
    return tuple((feature, features[feature]) for feature in order)


def check_object_reference(text: str) -> None:
    """Check a plugin's ``module`` or ``module:object.path``. Raises VariantError if it is invalid."""
    if not all(part.isidentifier() for part in text.replace(":", ".", 1).split(".")):
        raise VariantError(f"invalid object reference {text!r}", remedy="write MODULE or MODULE:OBJECT")
