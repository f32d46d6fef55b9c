"""Read overlays: TOML files of ``[[projects]]``, ``[projects.variant]`` and ``[projects.variants]``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Problem, VariantError, did_you_mean, one_of
from ..formats.toml_read import read_toml
from ..variants.abi_dependency import ABI_DEPENDENCY
from ..variants.filename import check_project_name, normalize
from ..variants.known_providers import KNOWN_PROVIDERS, suggested_namespace, unknown_property
from ..variants.metadata import VariantMetadata
from ..variants.metadata_reading import read_variant_table
from ..variants.properties import NULL_LABEL, NULL_VARIANT
from ..variants.requirements import parse_specifiers
from ..variants.validation import Document, join
from .name_globs import read_globs
from .overlay import OverlayEntry

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

_KEYS = ("names", "versions", "index-urls", "variant", "variants")
_REQUIRED = ("names", "variant", "variants")


def read_overlay(path: Path) -> tuple[OverlayEntry, ...]:
    """Read the entries of an overlay; raises VariantError with every problem of the file."""
    return overlay_in(read_toml(path), path)


def overlay_in(content: object, path: Path) -> tuple[OverlayEntry, ...]:
    """Read the entries of an overlay from its *content*; raises VariantError with every problem."""
    digest = hashlib.sha256(repr(content).encode()).hexdigest()
    document = Document()
    top = document.table(content, "", ("projects",), ("projects",))
    listed = top.get("projects", [])
    if not isinstance(listed, list):
        document.note("projects", "expected [[projects]], got another value", code="wrong-type")
        listed = []
    elif not listed and "projects" in top:
        document.note("projects", "expected at least one entry [[projects]]")
    entries = [_entry(document, value, f"projects[{n}]", path, digest) for n, value in enumerate(listed)]
    _check_reachable(document, entries)
    document.check(path)
    return tuple(entry for entry in entries if entry)


def _check_reachable(document: Document, entries: Sequence[OverlayEntry | None]) -> None:
    """Note the names of entries that are never used, as an earlier entry is about the same releases."""
    for number, entry in enumerate(entries):
        for name in entry.names if entry else ():
            for earlier, other in enumerate(entries[:number]):
                if not entry or not other or name not in other.names:
                    continue
                if other.covers(entry):
                    which = "all" if other.versions is None else "the same"
                    text = f"{name!r} is never used, as projects[{earlier}] is about {which} releases of it"
                    remedy = "write other versions in one of both entries, or remove the name"
                    document.note(f"projects[{number}].names", text, code="duplicate-value", remedy=remedy)
                    break


def _entry(document: Document, value: object, place: str, path: Path, digest: str) -> OverlayEntry | None:
    table = document.table(value, place, _KEYS, _REQUIRED)
    if any(key not in table for key in _REQUIRED):
        return None
    listed = document.strings(table["names"], f"{place}.names", check_project_name)
    names = tuple(dict.fromkeys(map(normalize, listed)))
    metadata = _metadata(document, table["variant"], f"{place}.variant")
    matches, projects = _labels(document, table["variants"], place, names, metadata)
    urls = document.strings(table.get("index-urls", []), f"{place}.index-urls", _check_not_empty, least=0)
    if table["variants"] == {} and "index-urls" not in table:
        text, remedy = "expected at least one label, or index-urls", "write LABEL.match = { KEY = GLOB }"
        document.note(f"{place}.variants", text, remedy=remedy)
    versions = _versions(document, table, place)
    shown = f"{path}: {place}"
    if metadata is None:
        return None
    warnings = tuple(problem.within(shown) for problem in _unknown_properties(metadata))
    return OverlayEntry(names, metadata, matches, projects, versions, urls, shown, digest, warnings)


def _unknown_properties(metadata: VariantMetadata) -> Iterator[Problem]:
    """Yield the properties that no machine supports, as far as the providers are known."""
    for namespace in metadata.namespaces:
        if namespace not in metadata.providers and namespace not in {*KNOWN_PROVIDERS, ABI_DEPENDENCY}:
            text = f"unknown namespace {namespace!r}{suggested_namespace(namespace)}"
            remedy = f"correct it, or add [projects.variant.providers.{namespace}]"
            yield Problem("unknown-property", "variant", text, remedy)
    properties = {prop for variant in metadata.variants.values() for prop in variant.properties}
    for prop in sorted(properties):
        problem = unknown_property(prop) if prop.namespace not in metadata.providers else None
        if problem:
            yield problem.within("variant.variants")


def _metadata(document: Document, value: object, place: str) -> VariantMetadata | None:
    """Read the variants of an entry, with the null variant, which needs no table; None with problems."""
    inner = Document()
    metadata = read_variant_table(inner, value)
    for problem in inner.all_problems():
        document.add(problem.within(place))
    if inner.all_problems():
        return None
    return metadata._replace(variants={NULL_LABEL: NULL_VARIANT, **metadata.variants})


def _labels(
    document: Document, value: object, place: str, names: tuple[str, ...], metadata: VariantMetadata | None
) -> tuple[dict[str, Mapping[str, str]], dict[str, str]]:
    """Read which wheels, or which project, each label is."""
    at_variants = f"{place}.variants"
    matches: dict[str, Mapping[str, str]] = {}
    projects: dict[str, str] = {}
    known = [*metadata.variants] if metadata else None
    tables = document.table(value, at_variants)
    for label, content in tables.items():
        at_label = join(at_variants, label)
        if known is not None and label not in known:
            text = f"unknown label {label!r}{did_you_mean(label, known)}; labels: {one_of(known)}"
            document.note(at_label, text, code="unknown-recipe")
        table = document.table(content, at_label, ("match", "project"))
        if len(table) != 1:
            document.note(at_label, "expected either match or project", code="missing-key")
        matches |= {label: globs} if (globs := read_globs(document, table, at_label, with_index=True)) else {}
        if "project" in table and (name := _project(document, table["project"], at_label, names)):
            projects[label] = name
    for label in known or ():
        if label not in tables and label != NULL_LABEL:
            document.note(join(at_variants, label), "missing", code="missing-key")
    return matches, projects


def _project(document: Document, value: object, place: str, names: tuple[str, ...]) -> str | None:
    """Read the name of the project that is a label."""
    place = f"{place}.project"
    name = document.string(value, place)
    if name is None or not document.passes(place, check_project_name, name):
        return None
    if normalize(name) in names:
        document.note(place, f"{name!r} cannot stand for itself", remedy="write match to label wheels of it")
        return None
    return normalize(name)


def _versions(document: Document, table: Mapping[str, object], place: str) -> SpecifierSet | None:
    """Read the releases that an entry is about; None stands for all."""
    if "versions" not in table:
        return None
    at_versions = f"{place}.versions"
    text = document.string(table["versions"], at_versions)
    if text is None:
        return None
    try:
        specifiers = parse_specifiers(text)
    except ValueError:
        document.note(at_versions, f"invalid specifier {text!r}", remedy="write one such as '>=2.9,<3'")
        return None
    for part in specifiers:
        if "+" in part.version or part.operator == "===":
            text = f"{str(part)!r} is not about whole releases"
            document.note(at_versions, text, remedy="write '==' and no local version; match has local")
    return specifiers


def _check_not_empty(text: str) -> None:
    if not text:
        raise VariantError("expected the URL of an index, got ''")
