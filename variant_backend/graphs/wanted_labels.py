"""The labels that a user wants in a graph: those that no release of a project has are errors."""

from __future__ import annotations

from ..errors import VariantError
from ..machine.support import Policy
from ..selection.resolve import unknown_label
from ..serving.upstream import Upstream
from ..variants.label_pattern import PLAIN, is_wanted


def check_wanted_labels(policy: Policy, upstream: Upstream) -> None:
    """Raise UnknownNameError if no release of a project has a label that the user wants.

    A project that the upstream lacks is left to the resolver, like a plain wheel.
    """
    for name, wanted in sorted(policy.labels.items()):
        labels = _labels_of(name, upstream) if wanted != PLAIN else None
        if labels is not None and not any(is_wanted(label, wanted) for label in labels):
            raise unknown_label(wanted, labels, f"{name}#{wanted}")


def _labels_of(name: str, upstream: Upstream) -> set[str | None] | None:
    """Return the labels of a project, None if the upstream lacks it or fails."""
    try:
        releases = upstream.project(name).releases
    except VariantError:
        return None
    wheels = (wheel for _, release in releases for wheel in release.candidates)
    return {wheel.label for wheel in wheels if not wheel.problems}
