"""Upgrade providers of older drafts, where other tables listed the values of static providers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import one_of
from .known_providers import KNOWN_PROVIDERS
from .metadata import VariantMetadata
from .properties import check_name, check_value
from .providers import PluginProvider
from .uv_behaviour import KNOWN_TO_UV, uv_never_supports
from .validation import Document

_PLUGIN_USES = ("none", "build", "all")
_NEW_SOURCES = ("static-properties", "build-requires", "builtin")


class UpgradeReport(NamedTuple):
    """The changes to an old document, a line for each; `Upgraded` describes the lists."""

    carried: list[str]
    changed: list[str]
    dropped: list[str]

    def carry(self, place: str, text: str) -> None:
        """Report a change of form."""
        self.carried.append(f"{place}: {text}")

    def change(self, place: str, text: str) -> None:
        """Report a change of meaning."""
        self.changed.append(f"{place}: {text}")

    def drop(self, place: str, text: str) -> None:
        """Report a value without a successor."""
        self.dropped.append(f"{place}: {text}")


class OldSupport(NamedTuple):
    """The data of older drafts about namespaces outside of ``providers``, by namespace.

    *static* has the supported features and values. *ranked* has the features and values with a priority,
    best first. *order* has the features with a priority, best first.
    """

    static: Mapping[str, Mapping[str, tuple[str, ...]]]
    ranked: Mapping[str, Mapping[str, tuple[str, ...]]]
    order: Mapping[str, tuple[str, ...]]

    def namespaces(self) -> list[str]:
        """Return all namespaces with such data."""
        return [*self.static, *self.ranked, *self.order]


def take_old_support(document: Document, new: dict[str, Any], report: UpgradeReport) -> OldSupport:
    """Remove the data of older drafts about namespaces from a document, and return it."""
    priorities = new.get("default-priorities")
    inner = priorities if isinstance(priorities, dict) else {}

    def taken(table: dict[str, Any], key: str, place: str) -> dict[str, Any]:
        if table.get(key) == {}:
            report.carry(place, "empty, left out")
        return document.table(table.pop(key, {}), place)

    def features(table: dict[str, Any], key: str, place: str) -> dict[str, dict[str, tuple[str, ...]]]:
        return {
            namespace: {
                feature: document.strings(values, f"{place}.{namespace}.{feature}", check_value, least=0)
                for feature, values in document.table(entry, f"{place}.{namespace}").items()
            }
            for namespace, entry in taken(table, key, place).items()
        }

    static = features(new, "static-properties", "static-properties")
    ranked = features(inner, "property", "default-priorities.property")
    place = "default-priorities.feature"
    order = {
        namespace: document.strings(
            names, f"{place}.{namespace}", lambda text: check_name(text, "feature"), least=0
        )
        for namespace, names in taken(inner, "feature", place).items()
    }
    return OldSupport(static, ranked, order)


class ProviderUpgrade(NamedTuple):
    """The upgrade of one document's providers; problems are added to the document."""

    document: Document
    report: UpgradeReport
    support: OldSupport
    is_table: bool

    def upgraded(self, namespace: str, entry: dict[str, Any]) -> dict[str, Any] | None:
        """Return a provider's current table, or None if it has no source of support."""
        place = f"providers.{namespace}"
        runs_plugin = self._runs_at_installation(entry, place)
        if not any(key in entry for key in _NEW_SOURCES):
            if "requires" in entry and entry["requires"] in ([], None):
                del entry["requires"]
                self.report.carry(f"{place}.requires", "empty, left out")
            if not runs_plugin or "requires" not in entry:
                return self._without_plugin(namespace, entry)
        elif not self.is_table and "static-properties" in entry:
            self._drop_plugin(place, entry, ("plugin-api",))  # variantlib keeps it beside them
        if namespace in self.support.static:
            self.report.drop(
                f"static-properties.{namespace}",
                "left out, because the provider's plugin reports the supported values",
            )
        self._drop_orders(namespace)
        return self._known(namespace, entry)

    def _runs_at_installation(self, entry: dict[str, Any], place: str) -> bool:
        """Remove the keys without a successor; return whether the plugin runs when installing."""
        document, report, runs = self.document, self.report, True
        for key in ("plugin-api", "enable-if"):
            if entry.get(key, "") is None:
                del entry[key]
                report.carry(f"{place}.{key}", "null, left out")
        if "enable-if" in entry:
            marker = document.string(entry.pop("enable-if"), f"{place}.enable-if")
            text = "has no successor; the namespace is now used on every platform that the wheels' tags allow"
            report.drop(f"{place}.enable-if", f"{_text_of(marker)} {text}")
        if "install-time" in entry:
            runs = document.boolean(entry.pop("install-time"), f"{place}.install-time")
            text = f"{str(runs).lower()}, now expressed by the provider's other keys"
            report.carry(f"{place}.install-time", text)
        if "plugin-use" in entry:
            use = document.choice(entry.pop("plugin-use"), f"{place}.plugin-use", _PLUGIN_USES)
            runs = runs and use == "all"
            report.carry(f"{place}.plugin-use", f"{use!r}, now expressed by the provider's other keys")
        return runs

    def _without_plugin(self, namespace: str, entry: dict[str, Any]) -> dict[str, Any] | None:
        """Return the table of a provider whose plugin does not run when installing."""
        place = f"providers.{namespace}"
        if features := self._ordered(namespace, self._static_features(namespace)):
            self._drop_plugin(place, entry, ("requires", "plugin-api"))
            order = {"feature-order": [*features]} if len(features) > 1 else {}
            return {**entry, "static-properties": features, **order}
        self._drop_orders(namespace)
        if self.is_table and "requires" in entry:
            text = "renamed to build-requires, because the plugin runs when a wheel is built"
            self.report.carry(f"{place}.requires", text)
            return {"build-requires" if key == "requires" else key: value for key, value in entry.items()}
        if not entry.keys() <= {"requires", "plugin-api", "optional"}:
            return entry  # the reader reports the unknown key
        self.report.drop(
            place,
            "left out, because it has neither values nor a plugin that runs when installing; list the"
            " values in its static-properties",
        )
        return None

    def _drop_plugin(self, place: str, entry: dict[str, Any], keys: Sequence[str]) -> None:
        """Remove and report the keys of a plugin that does not run."""
        for key in keys:
            if key in entry:
                text = f"{_text_of(entry.pop(key))} does not run; static-properties are used instead"
                self.report.drop(f"{place}.{key}", text)

    def _static_features(self, namespace: str) -> dict[str, list[str]]:
        """Return the supported features with their values, best first."""
        static, ranked = self.support.static.get(namespace, {}), self.support.ranked.get(namespace, {})
        for old, present in (("static-properties", static), ("default-priorities.property", ranked)):
            if present:
                self.report.carry(f"{old}.{namespace}", f"moved to providers.{namespace}.static-properties")
        features: dict[str, list[str]] = {}
        for feature in dict.fromkeys([*static, *ranked]):
            values, first = static.get(feature, ()), ranked.get(feature, ())
            supported = {*values} if feature in static else {*first}
            if strange := [value for value in first if value not in supported]:
                place = f"default-priorities.property.{namespace}.{feature}"
                self.report.drop(
                    place, f"{one_of(strange)}: left out, because static-properties do not have it"
                )
            best = [value for value in first if value in supported]
            if listed := list(dict.fromkeys([*best, *values])):
                features[feature] = listed
        return features

    def _ordered(self, namespace: str, features: dict[str, list[str]]) -> dict[str, list[str]]:
        """Return features in their order, most important first."""
        if not features:
            return {}
        order = dict.fromkeys(self.support.order.get(namespace, ()))
        if namespace in self.support.order:
            place = f"default-priorities.feature.{namespace}"
            self.report.carry(place, f"moved to providers.{namespace}.feature-order")
            if strange := [feature for feature in order if feature not in features]:
                self.report.drop(
                    place, f"{one_of(strange)}: left out, because static-properties do not have it"
                )
        unranked = [feature for feature in features if feature not in order]
        if len(unranked) > 1 or (unranked and len(features) > 1 and not order):
            self.report.change(
                f"providers.{namespace}.feature-order",
                f"{one_of(unranked)}: the order is new; check that the most important feature comes first",
            )
        ranks = [feature for feature in order if feature in features]
        return {feature: features[feature] for feature in [*ranks, *unranked]}

    def _drop_orders(self, namespace: str) -> None:
        """Report priorities of features and values without a successor."""
        for key, table in (("feature", self.support.order), ("property", self.support.ranked)):
            if namespace in table:
                text = f"{_text_of(table[namespace])} has no successor; the plugin ranks its supported values"
                self.report.drop(f"default-priorities.{key}.{namespace}", text)

    def _known(self, namespace: str, entry: dict[str, Any]) -> dict[str, Any]:
        """Return the built-in table of installers if a plugin of theirs has other requirements."""
        known = KNOWN_PROVIDERS[namespace].table if namespace in KNOWN_TO_UV else None
        requires = entry.get("requires")
        if known is None or not isinstance(requires, list) or not _names_package(requires, known):
            return entry
        given = PluginProvider(tuple(requires), entry.get("plugin-api"))
        if uv_never_supports(VariantMetadata((namespace,), {namespace: given}, {}), namespace) is None:
            return entry
        table = {**entry, **known.to_dict()}
        if known.plugin_api is None:
            table.pop("plugin-api", None)
        for key in ("requires", "plugin-api"):
            if entry.get(key) != table.get(key):
                old, new = _text_of(entry.get(key)), _text_of(table.get(key))
                text = f"changed from {old} to {new}, the only value that released installers know"
                self.report.change(f"providers.{namespace}.{key}", text)
        return table


def _text_of(value: object) -> str:
    """Return a text for a string, a list of strings, or a table of lists."""
    if isinstance(value, Mapping):
        return "; ".join(f"{key} = {_text_of(entry)}" for key, entry in value.items()) or "nothing"
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or "nothing"
    return "nothing" if value is None else value if isinstance(value, str) else "something else"


def _names_package(requires: list[Any], known: PluginProvider) -> bool:
    """Return whether all requirements name the package of a built-in provider."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    try:
        names = {canonicalize_name(Requirement(text).name) for text in requires}
    except (ValueError, TypeError, RecursionError):
        return False  # the reader reports it
    return names == {canonicalize_name(Requirement(known.requires[0]).name)}
