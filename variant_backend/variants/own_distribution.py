"""The names of distributions that have one variant each, for indexes and installers without variants."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import Problem, VariantError
from .filename import normalize


def distribution_name(project: str, label: str) -> str:
    """Return the normalized name of the distribution that has only the variant of a label.

    >>> distribution_name("torch", "cuda12.8")
    'torch-cuda12-8'
    """
    return normalize(f"{project}-{label}").rstrip("-")


def distribution_names(project: str, labels: Iterable[str]) -> dict[str, str]:
    """Return the name of each label's distribution; raises VariantError if two labels get one name."""
    names = {label: distribution_name(project, label) for label in labels}
    labels_of: dict[str, list[str]] = {}
    for label, name in names.items():
        labels_of.setdefault(name, []).append(label)
    problems = [
        Problem("error", project, f"labels {', '.join(map(repr, same))} all become the project {name!r}")
        for name, same in labels_of.items()
        if len(same) > 1
    ]
    if problems:
        raise VariantError(*problems, hint="rename a label, and make its wheels again")
    return names


def is_own_distribution(name: str, label: str) -> bool:
    """Return whether a project's name is that of a distribution with only the variant of a label."""
    return normalize(name).endswith(f"-{distribution_name('-', label).lstrip('-')}")
