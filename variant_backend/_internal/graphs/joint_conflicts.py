"""Projects that are labels of one project: a graph may have only one, as they may have the same files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from ..errors import Problem, VariantError, one_of
from ..project.overlay import OverlayEntry, members_of

_ONE = "require only one of them"


def check_members(
    overlay: Iterable[OverlayEntry],
    graph: Mapping[str, Collection[str]],
    supported: Mapping[str, Collection[str]] | None = None,
) -> None:
    """Check that no two packages of a graph are labels of one project; raises VariantError.

    *graph* has the names that each package requires, and *supported* the labels that the machine supports.
    """
    problems = [
        problem._replace(remedy=_remedy(entry, graph, supported or {}))
        for entry in overlay
        for problem in same_files(entry, graph)
    ]
    if problems:
        raise VariantError(*problems)


def same_files(entry: OverlayEntry, graph: Mapping[str, Collection[str]]) -> Iterator[Problem]:
    """Yield the problem that packages of a graph are labels of one project."""
    names = _members_in(entry, graph)
    if len(names) > 1:
        texts = (_with_dependents(name, graph) for name in names)
        text = f"{' and '.join(texts)} are labels of {entry.names[0]}, so they may have the same files"
        yield Problem("error", "", text, _ONE)


def _members_in(entry: OverlayEntry, names: Collection[str]) -> list[str]:
    return [name for name in members_of([entry]) if name in names]


def _with_dependents(name: str, graph: Mapping[str, Collection[str]]) -> str:
    """Return a name with the names of the packages that require it."""
    dependents = [package for package, required in graph.items() if name in required]
    return f"{name} (required by {one_of(dependents)})" if dependents else name


def _remedy(
    entry: OverlayEntry, graph: Mapping[str, Collection[str]], supported: Mapping[str, Collection[str]]
) -> str:
    """Return how a user gets only one of the packages: by the label of the one that others require.

    It is a label that the machine supports.
    """
    joint = [name for name in entry.names if name in graph]
    selected = {required for name in joint for required in graph[name]}
    others = [name for name in _members_in(entry, graph) if name not in selected]
    if not joint or len(others) != 1:
        return _ONE
    label = next(label for label, member in entry.projects.items() if member == others[0])
    if label not in supported.get(joint[0], ()):
        return _ONE
    return f"add the requirement {joint[0]}#{label}, or {_ONE}"
