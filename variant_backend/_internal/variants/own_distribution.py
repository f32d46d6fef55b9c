"""The names of distributions that have one variant each, for indexes and installers without variants."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import Problem, VariantError, one_of
from .filename import normalize


def distribution_name(project: str, label: str) -> str:
    """Return the normalized name of the distribution that has only the variant of a label.

    >>> distribution_name("torch", "cuda12.8")
    'torch-cuda12-8'
    """
    return normalize(f"{project}-{label}").rstrip("-")


def distribution_names(variants: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the name of the distribution of each variant, by normalized project and label.

    Raises VariantError if two variants get one name, or a variant gets that of a project with variants.

    >>> distribution_names([("torch", "cuda12.8")])
    {('torch', 'cuda12.8'): 'torch-cuda12-8'}
    """
    names = {(project, label): distribution_name(project, label) for project, label in variants}
    projects = {project for project, _ in names}
    users: dict[str, list[str]] = {}
    for (project, label), name in names.items():
        users.setdefault(name, [name] if name in projects else []).append(f"{project}#{label}")
    problems = [
        Problem("error", name, f"expected one project of this name, got {one_of(several)}")
        for name, several in users.items()
        if len(several) > 1
    ]
    if problems:
        raise VariantError(*problems, remedy="rename a label, and make its wheels again")
    return names


def is_own_distribution(name: str, label: str) -> bool:
    """Return whether a project's name is that of a distribution with only the variant of a label."""
    return normalize(name).endswith(f"-{distribution_name('-', label).lstrip('-')}")
