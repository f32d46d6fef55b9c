"""Upgrade variant metadata of older drafts to the current form.

Sources: PEP 817 and variantlib for the versions 0.0.x of the format, PEP 825 for 0.1.x, the providers draft
for 0.2.0. Other unknown keys are left for the reader of the current form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import VariantError, one_of
from .abi_dependency import ABI_DEPENDENCY
from .legacy_providers import ProviderUpgrade, UpgradeReport, take_old_support
from .metadata import DRAFT_SCHEMAS, SCHEMA_WITH_PROVIDERS, SCHEMA_WITHOUT_PROVIDERS, VariantMetadata
from .metadata_reading import metadata_from_dict, metadata_from_table
from .properties import NULL_LABEL
from .providers import never_supported
from .uv_behaviour import uv_never_supports
from .validation import Document

# The label of the null variant when labels were hashes.
OLD_NULL_LABEL = "00000000"


class Upgraded(NamedTuple):
    """A document in the current form, its metadata, and a report of the changes.

    Each line of the report starts with the place. *carried* lists changes of form, *changed* changes of
    meaning, and *dropped* values without a successor.
    """

    document: Mapping[str, Any]
    metadata: VariantMetadata
    carried: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def is_current(self) -> bool:
        """Whether the document was current already."""
        return not (self.carried or self.changed or self.dropped)

    def unservable(self) -> tuple[str, ...]:
        """Return a line for each reason why no released installer can select labels."""
        return tuple(_unservable(self.metadata))


def upgrade_document(data: object, where: str) -> Upgraded:
    """Upgrade the parsed form of variant.json or of an index file to the current form.

    Raises VariantError with all problems that a person must fix, each with *where* before its place.
    """
    return _upgraded(data, where, metadata_from_dict, is_table=False)


def upgrade_table(data: object, where: str) -> Upgraded:
    """Upgrade a project file's ``[variant]`` table to the current form. Raises as `upgrade_document`."""
    return _upgraded(data, where, metadata_from_table, is_table=True)


def _upgraded(
    data: object, where: str, read: Callable[[object, str], VariantMetadata], *, is_table: bool
) -> Upgraded:
    """Upgrade a copy of a document; *read* finds all problems that do not concern old forms."""
    document, report = Document(), UpgradeReport([], [], [])
    # Copies only the changed levels: a hostile document may be nested more deeply than Python's stack.
    new: dict[str, Any] = document.table(data, "")
    if isinstance(priorities := new.get("default-priorities"), dict):
        new["default-priorities"] = dict(priorities)
    document.check(where)
    support = take_old_support(document, new, report)
    _upgrade_providers(new, ProviderUpgrade(document, report, support, is_table))
    _upgrade_labels(new, report)
    if not is_table:
        _upgrade_schema(new, report)
    problems = [problem.within(where) for problem in document.problems]
    try:
        metadata = read(new, where)
    except VariantError as error:
        raise VariantError(*problems, *error.problems) from None
    document.check(where)
    return Upgraded(new, metadata, tuple(report.carried), tuple(report.changed), tuple(report.dropped))


def _upgrade_providers(new: dict[str, Any], upgrade: ProviderUpgrade) -> None:
    providers = new.get("providers", {})
    if not isinstance(providers, dict):
        return
    upgraded = {}
    for namespace in dict.fromkeys([*providers, *upgrade.support.namespaces()]):
        entry = providers.get(namespace, {})
        table = upgrade.upgraded(namespace, dict(entry)) if isinstance(entry, dict) else entry
        if table is not None:
            upgraded[namespace] = table
    if "providers" in new and not providers:
        upgrade.report.carry("providers", "empty, left out")
    new.pop("providers", None)
    if upgraded:
        new["providers"] = upgraded


def _upgrade_labels(new: dict[str, Any], report: UpgradeReport) -> None:
    variants = new.get("variants")
    if not isinstance(variants, dict) or variants.get(OLD_NULL_LABEL) != {}:
        return
    if variants.get(NULL_LABEL, {}) == {}:  # else the reader reports that null has properties
        report.carry(f"variants.{OLD_NULL_LABEL}", f"renamed to {NULL_LABEL!r}")
        others = {label: entry for label, entry in variants.items() if label != OLD_NULL_LABEL}
        new["variants"] = {NULL_LABEL: {}, **others}


def _upgrade_schema(new: dict[str, Any], report: UpgradeReport) -> None:
    """Set the newest possible version of the format."""
    old, providers = new.get("$schema"), new.get("providers")
    if "$schema" in new and old not in (*DRAFT_SCHEMAS, SCHEMA_WITH_PROVIDERS, SCHEMA_WITHOUT_PROVIDERS):
        return  # the reader reports an unknown schema
    priorities = new.get("default-priorities")
    namespaces = priorities.get("namespace") if isinstance(priorities, dict) else None
    if not isinstance(namespaces, list) or not isinstance(providers, dict | None):
        return
    missing = [name for name in namespaces if isinstance(name, str) and name not in (providers or {})]
    if missing and old == SCHEMA_WITH_PROVIDERS:
        return  # the reader reports the missing providers: a current file loses no other ones
    if missing and providers is not None:
        del new["providers"]
        if providers:
            report.drop(
                "providers",
                f"{one_of(providers)}: all are left out, because {one_of(missing)} has no provider, and the"
                " format requires a provider for every namespace or for none (version 0.1.1)",
            )
    schema = SCHEMA_WITHOUT_PROVIDERS if missing else SCHEMA_WITH_PROVIDERS
    if old != schema:
        rest = {key: value for key, value in new.items() if key != "$schema"}
        new.clear()
        new.update({"$schema": schema, **rest})
        report.carry("$schema", f"changed from {old!r} to {schema!r}" if old else f"added {schema!r}")


def _unservable(metadata: VariantMetadata) -> Iterator[str]:
    users: dict[str, list[str]] = {}
    for label, variant in metadata.variants.items():
        for namespace in variant.namespaces():
            users.setdefault(namespace, []).append(label)
    for namespace in metadata.namespaces:
        reason = uv_never_supports(metadata, namespace)
        if reason and namespace in users:
            yield f"{one_of(users[namespace])} (by {namespace}): {reason.text}"
        elif reason and not metadata.variants:
            yield f"every label that uses {namespace}: {reason.text}"
    if ABI_DEPENDENCY in users:
        yield f"{one_of(users[ABI_DEPENDENCY])} (by {ABI_DEPENDENCY}): uv drops the whole version"
    for label, features in never_supported(metadata.variants.values(), metadata.providers).items():
        for namespace, feature in features:
            listed = f"the static-properties of {namespace!r}"
            yield f"{label}: {listed} contain none of its values of {feature!r}"
