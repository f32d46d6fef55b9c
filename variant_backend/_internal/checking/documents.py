"""Check one document: variant.json, an index file, or a project file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..formats.release import Location
from ..formats.toml_read import read_toml, value_at
from ..project.pyproject import (
    Project,
    build_system_problems,
    may_be_wrapped,
    not_wrapped_problem,
    python_problem,
)
from ..project.recipe import Recipe
from ..variants import consistency
from ..variants.filename import normalize
from ..variants.metadata import VariantMetadata
from ..variants.metadata_reading import read_metadata
from ..variants.properties import NULL_LABEL, NULL_VARIANT, Variant
from ..variants.validation import Document, parse_json
from . import release_rules
from .findings import Findings
from .input_files import document_content

# Despite these problems, a document is still complete.
_HARMLESS = {"unsorted-values", "unknown-schema", "draft-schema", "unknown-key"}


def check_metadata(
    findings: Findings, path: Location, data: bytes, within: str = ""
) -> VariantMetadata | None:
    """Check a variant.json or an index file; return its metadata. None if problems make it incomplete."""
    document = Document()
    metadata = None
    with findings.noting(path, code="not-json", within=within):
        parsed = parse_json(data)
        metadata = read_metadata(document, parsed)
        document.problems += consistency.of_values(parsed)
        if all(problem.code != "unknown-schema" for problem in document.all_problems()):
            document.problems += consistency.of_schema(parsed)
    findings.add(path, document.all_problems(), within)
    is_complete = all(problem.code in _HARMLESS for problem in document.problems)
    return metadata if is_complete else None


class CheckedProject(NamedTuple):
    """The normalized name in a project file, None if the backend provides it, and the recipes."""

    name: str | None
    recipes: Mapping[str, Recipe]


def check_project_file(findings: Findings, path: Path) -> CheckedProject | None:
    """Check the variants and the recipes in a project file; None if it cannot be read."""
    document = Document()
    checked = None
    document_content(path)  # an unreadable file is `unreadable`, not `not-toml`
    with findings.noting(path, code="not-toml"):
        data = read_toml(path)
        project = Project.parse(document, data)
        name = value_at(data, "project", "name")
        checked = CheckedProject(normalize(name) if isinstance(name, str) else None, project.recipes)
        if project.metadata is not None:
            variants: Mapping[str, Variant] = {**project.metadata.variants, NULL_LABEL: NULL_VARIANT}
            recipes = {label: project.recipe(label) for label in variants}
            document.problems += consistency.of_metadata(project.metadata)
            document.problems += release_rules.of_newer_gpus(project.metadata)
            document.problems += release_rules.of_recipes(recipes, variants)
        if project.build_backend or may_be_wrapped(data):
            document.problems += build_system_problems(data, path)
        elif problem := not_wrapped_problem(data, path, project):
            document.problems.append(problem)
        if problem := python_problem(data, path):
            document.problems.append(problem)
    findings.add(path, document.all_problems())
    return checked
