"""Variant metadata in the forms of older drafts, and what they are in the current one.

Sources: PEP 817 for the versions 0.0.x of the format, and what variantlib read and wrote of them; PEP 825
for 0.1.x; the providers draft for 0.2.0. Keys that are in no old form are left to `VariantMetadata`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import VariantError, one_of
from .abi_dependency import ABI_DEPENDENCY
from .known_providers import KNOWN_PROVIDERS
from .metadata import SCHEMA_WITH_PROVIDERS, SCHEMA_WITHOUT_PROVIDERS, VariantMetadata
from .properties import NULL_LABEL, check_name, check_value
from .providers import PluginProvider
from .uv_behaviour import uv_never_supports
from .validation import Document

# What the null variant was called when labels were hashes.
OLD_NULL_LABEL = "00000000"

_HOST = "https://variants-schema.wheelnext.dev/"
_OLD_SCHEMAS = {
    _HOST,
    *(f"{_HOST}v{version}.json" for version in ("0.0.1", "0.0.2", "0.0.3", "0.1.0", "0.1.1", "0.2.0")),
    f"{_HOST}peps/825/v0.1.0.json",
}

_PLUGIN_USES = ("none", "build", "all")
_NEW_SOURCES = ("static-properties", "build-requires", "builtin")


class Upgraded(NamedTuple):
    """A document in the current form, what it means, and a report of what became of the old one.

    Each line of the report names the place: *carried* says the same in another way, *changed* says
    something else, *dropped* has no successor.
    """

    document: Mapping[str, Any]
    metadata: VariantMetadata
    carried: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def is_current(self) -> bool:
        """Whether there was nothing to do."""
        return not (self.carried or self.changed or self.dropped)

    def unservable(self) -> tuple[str, ...]:
        """Return a line for each namespace because of which no released installer can choose labels."""
        return tuple(_unservable(self.metadata))


def upgrade_document(data: object, where: str) -> Upgraded:
    """Bring the parsed form of variant.json or of an index-level file to the current form.

    Raises VariantError with every fault that a person has to mend, each behind *where*.
    """
    return _Upgrade(data, where, is_table=False).result()


def upgrade_table(data: object, where: str) -> Upgraded:
    """Bring a project file's ``[variant]`` table to the current form; errors as in `upgrade_document`."""
    return _Upgrade(data, where, is_table=True).result()


class _Upgrade:
    """One document on its way. What is of no old form, or of a wrong type, stays for the reader to judge."""

    def __init__(self, data: object, where: str, *, is_table: bool) -> None:
        self.where = where
        self.is_table = is_table
        self.document = Document()
        # Copies as deep as anything is changed: a hostile document may be deeper than Python's stack.
        self.new: dict[str, Any] = self.document.table(data, "")
        if isinstance(priorities := self.new.get("default-priorities"), dict):
            self.new["default-priorities"] = dict(priorities)
        self.carried: list[str] = []
        self.changed: list[str] = []
        self.dropped: list[str] = []
        self.document.check(where)

    def result(self) -> Upgraded:
        priorities = self.new.get("default-priorities")
        inner = priorities if isinstance(priorities, dict) else {}
        self.static = self._features(self.new, "static-properties", "static-properties")
        self.values = self._features(inner, "property", "default-priorities.property")
        self.order = self._names(inner)
        self._upgrade_providers()
        self._upgrade_labels()
        if not self.is_table:
            self._upgrade_schema()
        read = VariantMetadata.from_table if self.is_table else VariantMetadata.from_dict
        problems = [problem.within(self.where) for problem in self.document.problems]
        try:
            metadata = read(self.new, self.where)
        except VariantError as error:
            raise VariantError(*problems, *error.problems) from None
        self.document.check(self.where)
        return Upgraded(self.new, metadata, tuple(self.carried), tuple(self.changed), tuple(self.dropped))

    def _features(self, table: dict[str, Any], key: str, place: str) -> dict[str, dict[str, tuple[str, ...]]]:
        """Take ``{namespace: {feature: [values]}}`` out of a table."""
        result: dict[str, dict[str, tuple[str, ...]]] = {}
        for namespace, features in self._taken(table, key, place).items():
            at = f"{place}.{namespace}"
            result[namespace] = {
                feature: self.document.strings(values, f"{at}.{feature}", check_value, least=0)
                for feature, values in self.document.table(features, at).items()
            }
        return result

    def _taken(self, table: dict[str, Any], key: str, place: str) -> dict[str, Any]:
        """Take a table with an entry for each namespace out of another one."""
        if table.get(key) == {}:
            self._carry(place, "empty, so it is left out")
        return self.document.table(table.pop(key, {}), place)

    def _names(self, priorities: dict[str, Any]) -> dict[str, tuple[str, ...]]:
        """Take the priorities of features, ``{namespace: [features]}``."""
        place = "default-priorities.feature"
        return {
            namespace: self.document.strings(
                names, f"{place}.{namespace}", lambda text: check_name(text, "feature"), least=0
            )
            for namespace, names in self._taken(priorities, "feature", place).items()
        }

    def _upgrade_providers(self) -> None:
        providers = self.new.get("providers", {})
        if not isinstance(providers, dict):
            return
        upgraded = {}
        for namespace in dict.fromkeys([*providers, *self.static, *self.values, *self.order]):
            entry = providers.get(namespace, {})
            new = self._provider(namespace, dict(entry)) if isinstance(entry, dict) else entry
            if new is not None:
                upgraded[namespace] = new
        if "providers" in self.new and not providers:
            self._carry("providers", "empty, so it is left out")
        self.new.pop("providers", None)
        if upgraded:
            self.new["providers"] = upgraded

    def _provider(self, namespace: str, entry: dict[str, Any]) -> dict[str, Any] | None:
        """Return a provider's current table, or None when nothing says where support comes from."""
        place = f"providers.{namespace}"
        is_asked = self._is_asked(entry, place)
        if not any(key in entry for key in _NEW_SOURCES):
            if "requires" in entry and entry["requires"] in ([], None):
                del entry["requires"]
                self._carry(f"{place}.requires", "empty, so it is left out")
            if not is_asked or "requires" not in entry:
                return self._without_plugin(namespace, entry)
        if namespace in self.static:
            self._drop(f"static-properties.{namespace}", "its provider tells what is supported")
        self._drop_orders(namespace)
        return self._known(namespace, entry)

    def _is_asked(self, entry: dict[str, Any], place: str) -> bool:
        """Take the keys out that have no successor; tell whether the plugin is asked when installing."""
        asked = True
        for key in ("plugin-api", "enable-if"):
            if entry.get(key, "") is None:
                del entry[key]
                self._carry(f"{place}.{key}", "null, so it is left out")
        if "enable-if" in entry:
            marker = self.document.string(entry.pop("enable-if"), f"{place}.enable-if")
            self._drop(
                f"{place}.enable-if",
                f"{_text_of(marker)} has no successor; the namespace counts on every platform, and the"
                " wheels' platform tags decide",
            )
        if "install-time" in entry:
            asked = self.document.boolean(entry.pop("install-time"), f"{place}.install-time")
            self._carry(f"{place}.install-time", f"{str(asked).lower()}, which the provider's other keys say")
        if "plugin-use" in entry:
            use = self.document.choice(entry.pop("plugin-use"), f"{place}.plugin-use", _PLUGIN_USES)
            asked = asked and use == "all"
            self._carry(f"{place}.plugin-use", f"{use!r}, which the provider's other keys say")
        return asked

    def _without_plugin(self, namespace: str, entry: dict[str, Any]) -> dict[str, Any] | None:
        """Return the table of a provider without a plugin that is asked when installing."""
        place = f"providers.{namespace}"
        if features := self._static_features(namespace):
            for key in ("requires", "plugin-api"):
                if key in entry:
                    asked = _text_of(entry.pop(key))
                    self._drop(f"{place}.{key}", f"{asked} is not asked; static-properties answer")
            order = {"feature-order": [*features]} if len(features) > 1 else {}
            return {**entry, "static-properties": features, **order}
        self._drop_orders(namespace)
        if self.is_table and "requires" in entry:
            self._carry(f"{place}.requires", "now build-requires: the plugin is asked when a wheel is built")
            return {"build-requires" if key == "requires" else key: value for key, value in entry.items()}
        if not entry.keys() <= {"requires", "plugin-api", "optional"}:
            return entry  # the reader says which key is unknown
        self._drop(
            place,
            "it has neither values nor a plugin that is asked when installing, so nothing says what is"
            " supported; list the values in its static-properties",
        )
        return None

    def _static_features(self, namespace: str) -> dict[str, list[str]]:
        """Return what is supported, features and values in their order, best first."""
        place = f"providers.{namespace}.static-properties"
        static, ranked = self.static.get(namespace, {}), self.values.get(namespace, {})
        for old, there in (("static-properties", static), ("default-priorities.property", ranked)):
            if there:
                self._carry(f"{old}.{namespace}", f"now {place}")
        features: dict[str, list[str]] = {}
        for feature in dict.fromkeys([*static, *ranked]):
            values, first = static.get(feature, ()), ranked.get(feature, ())
            supported = {*values} if feature in static else {*first}
            if strange := [each for each in first if each not in supported]:
                at = f"default-priorities.property.{namespace}.{feature}"
                self._drop(at, f"{one_of(strange)}: not in static-properties, so never supported")
                first = tuple(each for each in first if each in supported)
            if listed := list(dict.fromkeys([*first, *values])):
                features[feature] = listed
        if not features:
            return {}
        order = dict.fromkeys(self.order.get(namespace, ()))
        if namespace in self.order:
            at = f"default-priorities.feature.{namespace}"
            self._carry(at, f"now providers.{namespace}.feature-order")
            if strange := [each for each in order if each not in features]:
                self._drop(at, f"{one_of(strange)}: no such feature in static-properties")
        unranked = [feature for feature in features if feature not in order]
        if len(unranked) > 1 or (unranked and len(features) > 1 and not order):
            self.changed.append(
                f"providers.{namespace}.feature-order: {one_of(unranked)}: this order was not given before;"
                " check that the most important comes first"
            )
        ranks = [feature for feature in order if feature in features]
        return {feature: features[feature] for feature in [*ranks, *unranked]}

    def _drop_orders(self, namespace: str) -> None:
        """Report priorities of features and values that nothing takes over."""
        for key, table in (("feature", self.order), ("property", self.values)):
            if namespace in table:
                text = f"{_text_of(table[namespace])} has no successor; the provider ranks what it supports"
                self._drop(f"default-priorities.{key}.{namespace}", text)

    def _known(self, namespace: str, entry: dict[str, Any]) -> dict[str, Any]:
        """Return the table that released installers know, for their plugin under other requirements."""
        known = KNOWN_PROVIDERS[namespace].table if namespace in KNOWN_PROVIDERS else None
        requires = entry.get("requires")
        if known is None or not isinstance(requires, list) or not _names_package(requires, known):
            return entry
        given = PluginProvider(tuple(requires), entry.get("plugin-api"))
        if uv_never_supports(VariantMetadata((namespace,), {namespace: given}, {}), namespace) is None:
            return entry
        new = {**entry, **known.to_dict()}
        if known.plugin_api is None:
            new.pop("plugin-api", None)
        for key in ("requires", "plugin-api"):
            if entry.get(key) != new.get(key):
                old, now = _text_of(entry.get(key)), _text_of(new.get(key))
                text = f"{old} becomes {now}: released installers know no other"
                self.changed.append(f"providers.{namespace}.{key}: {text}")
        return new

    def _upgrade_labels(self) -> None:
        variants = self.new.get("variants")
        if not isinstance(variants, dict) or variants.get(OLD_NULL_LABEL) != {}:
            return
        if variants.get(NULL_LABEL, {}) == {}:  # else the reader says that null has properties
            self._carry(f"variants.{OLD_NULL_LABEL}", f"now {NULL_LABEL!r}")
            others = {label: each for label, each in variants.items() if label != OLD_NULL_LABEL}
            self.new["variants"] = {NULL_LABEL: {}, **others}

    def _upgrade_schema(self) -> None:
        """Give the version of the format that the document can have."""
        old, providers = self.new.get("$schema"), self.new.get("providers")
        priorities = self.new.get("default-priorities")
        namespaces = priorities.get("namespace") if isinstance(priorities, dict) else None
        if "$schema" in self.new and old not in (
            *_OLD_SCHEMAS,
            SCHEMA_WITH_PROVIDERS,
            SCHEMA_WITHOUT_PROVIDERS,
        ):
            return  # the reader says that this is unknown
        if not isinstance(namespaces, list) or not isinstance(providers, dict | None):
            return
        missing = [each for each in namespaces if isinstance(each, str) and each not in (providers or {})]
        if missing and providers is not None:
            del self.new["providers"]
            if providers:
                self._drop(
                    "providers",
                    f"{one_of(providers)}: all are left out, as {one_of(missing)} has none, and the format"
                    " wants one for every namespace, or none at all (version 0.1.1)",
                )
        new = SCHEMA_WITHOUT_PROVIDERS if missing else SCHEMA_WITH_PROVIDERS
        if old != new:
            self.new = {"$schema": new, **{key: each for key, each in self.new.items() if key != "$schema"}}
            self._carry("$schema", f"{old!r} becomes {new!r}" if old else f"none, becomes {new!r}")

    def _carry(self, place: str, text: str) -> None:
        self.carried.append(f"{place}: {text}")

    def _drop(self, place: str, text: str) -> None:
        self.dropped.append(f"{place}: {text}")


def _text_of(value: object) -> str:
    """Return what a report says of a value: texts, lists of texts, and tables of lists."""
    if isinstance(value, Mapping):
        return "; ".join(f"{key} = {_text_of(each)}" for key, each in value.items()) or "nothing"
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return ", ".join(value) or "nothing"
    return "nothing" if value is None else value if isinstance(value, str) else "something else"


def _names_package(requires: list[Any], known: PluginProvider) -> bool:
    """Tell whether all requirements are on the package of a known provider."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        names = {canonicalize_name(Requirement(text).name) for text in requires}
    except (InvalidRequirement, TypeError, RecursionError):
        return False  # which the reader says
    return names == {canonicalize_name(Requirement(known.requires[0]).name)}


def _unservable(metadata: VariantMetadata) -> Iterator[str]:
    users: dict[str, list[str]] = {}
    for label, variant in metadata.variants.items():
        for namespace in variant.namespaces():
            users.setdefault(namespace, []).append(label)
    for namespace in metadata.namespaces:
        reason = uv_never_supports(metadata, namespace)
        if reason and namespace in users:
            yield f"{one_of(users[namespace])} (by {namespace}): {reason}"
        elif reason and not metadata.variants:
            yield f"every label that uses {namespace}: {reason}"
    if ABI_DEPENDENCY in users:
        yield f"{one_of(users[ABI_DEPENDENCY])} (by {ABI_DEPENDENCY}): uv drops a whole release with it"
    for label, variant in metadata.variants.items():
        for namespace, feature in sorted(metadata.never_supported(variant)):
            yield f"{label}: the static-properties of {namespace!r} list none of its values of {feature!r}"
