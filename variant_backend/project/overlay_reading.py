"""Read overlays: TOML files of ``[[projects]]``, ``[projects.variant]`` and ``[projects.variants]``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import VariantError, did_you_mean, one_of
from ..formats.toml_read import read_toml
from ..variants.filename import check_project_name, normalize
from ..variants.metadata import VariantMetadata
from ..variants.metadata_reading import read_variant_table
from ..variants.properties import NULL_LABEL, NULL_VARIANT
from ..variants.validation import Document, join
from .name_globs import read_globs
from .overlay import OverlayEntry

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

_KEYS = ("names", "versions", "index-urls", "variant", "variants")
_REQUIRED = ("names", "variant", "variants")


def read_overlay(path: Path) -> tuple[OverlayEntry, ...]:
    """Read the entries of an overlay; raises VariantError with every problem of the file."""
    content = read_toml(path)
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
    document.check(path)
    return tuple(entry for entry in entries if entry)


def _entry(document: Document, value: object, place: str, path: Path, digest: str) -> OverlayEntry | None:
    table = document.table(value, place, _KEYS, _REQUIRED)
    if any(key not in table for key in _REQUIRED):
        return None
    listed = document.strings(table["names"], f"{place}.names", check_project_name)
    names = tuple(dict.fromkeys(map(normalize, listed)))
    metadata = _metadata(document, table["variant"], f"{place}.variant")
    matches, projects = _labels(document, table["variants"], place, names, metadata)
    urls = document.strings(table.get("index-urls", []), f"{place}.index-urls", _check_not_empty, least=0)
    versions = _versions(document, table, place)
    shown = f"{path}: {place}"
    if metadata is None:
        return None
    return OverlayEntry(names, metadata, matches, projects, versions, urls, shown, digest)


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
    from packaging.specifiers import SpecifierSet

    at_versions = f"{place}.versions"
    text = document.string(table["versions"], at_versions)
    if text is None:
        return None
    try:
        return SpecifierSet(text)
    except ValueError:  # InvalidSpecifier
        document.note(at_versions, f"invalid specifier {text!r}", remedy="write one such as '>=2.9,<3'")
        return None


def _check_not_empty(text: str) -> None:
    if not text:
        raise VariantError("expected the URL of an index, got ''")
