"""Find the runtimes that the compiled modules of a wheel link, by their import tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..formats import core_metadata
from ..lowlevel.import_tables import is_shared_object, read_imports
from ..lowlevel.inflated_member import content_source
from ..lowlevel.ranges import Source, opened_file
from ..variants.runtimes import Runtimes, Suggestion, bundled_libraries, library_of, suggestion
from .reading import Wheel, open_wheel


class SuggestedProperties(NamedTuple):
    """What the content of a wheel implies; the problems are those of modules that cannot be read."""

    runtimes: Runtimes
    suggestion: Suggestion
    problems: tuple[Problem, ...]


def linked_runtimes(wheel: Wheel) -> tuple[Runtimes, list[Problem]]:
    """Return the known runtimes in a wheel, and a problem for each module that cannot be read.

    Only shared objects are inflated, as far as their tables are.
    """
    linked: dict[str, list[str]] = {}
    problems: list[Problem] = []
    for path, entry in wheel.entries.items():
        if is_shared_object(path):
            try:
                _add(linked, path, content_source(wheel.archive, entry))
            except VariantError as error:
                problems += (problem.at(path, "unreadable-module") for problem in error.problems)
    return Runtimes(linked, bundled_libraries(wheel.entries)), problems


def installed_runtimes(files: Iterable[Path]) -> tuple[Runtimes, list[Problem]]:
    """Return the known runtimes that installed modules link, and a problem for each that cannot be read."""
    linked: dict[str, list[str]] = {}
    problems: list[Problem] = []
    for path in files:
        if is_shared_object(path.name) and path.exists():
            try:
                with opened_file(path) as source:
                    _add(linked, str(path), source)
            except VariantError as error:
                problems += (problem.at(str(path), "unreadable-module") for problem in error.problems)
    return Runtimes(linked), problems


def _add(linked: dict[str, list[str]], path: str, source: Source) -> None:
    """Add the known runtimes that a module links; raises VariantError if it cannot be read."""
    imports = read_imports(source)
    for name in dict.fromkeys(imports.libraries if imports else ()):
        if library_of(name):
            linked.setdefault(name, []).append(path)


def suggest_properties(path: Path) -> SuggestedProperties:
    """Read the modules of a wheel, and return the properties that they imply.

    Raises VariantError, with the wheel's name in front, if the wheel is invalid.
    """
    with open_wheel(path) as wheel:
        wheel.archive.check_layout()  # members that overlap could be inflated again and again
        runtimes, problems = linked_runtimes(wheel)
        requirements = core_metadata.requirements(wheel.core_metadata)
    return SuggestedProperties(runtimes, suggestion(requirements, runtimes), tuple(problems))
