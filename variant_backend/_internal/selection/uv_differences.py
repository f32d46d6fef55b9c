"""Explain why uv selects another wheel than PEP 825."""

from __future__ import annotations

from collections.abc import Iterable

from ..variants.namespace_support import STATIC
from ..variants.ranking import Verdict, why_better
from .evaluate import Evaluation
from .uv_selection import DETECTED, UvSelection

_DETECTS = "uv uses only its own detection of supported values"


def why_uv_differs(
    selected: Evaluation | None, newer: Iterable[Evaluation], uv_selection: UvSelection
) -> list[str]:
    """Return the reasons why uv selects another wheel, empty if it selects the same.

    *selected* is the release that PEP 825 selects, *newer* are newer ones without a compatible wheel.
    """
    best = selected.selected if selected else None
    other = uv_selection.evaluation.selected if uv_selection.evaluation else None
    if uv_selection.filename == (str(best.filename) if best else None):
        return []
    lines = [*uv_selection.passed]
    if uv_selection.sdist:
        lines.append(
            f"uv builds {uv_selection.sdist.filename}: the version has no wheel that is compatible for uv"
        )
    verdicts = [verdict for release in (selected, *newer) if release for verdict in release.verdicts]
    for verdict in verdicts:
        if other and verdict.filename == other.filename:
            lines += (f"uv selects {other.filename} despite: {reason}" for reason in verdict.reasons)
    if best and selected:
        lines += _against(best, selected, uv_selection)
    return lines or ["uv uses only the first index that has the project"]


def _against(best: Verdict, selected: Evaluation, uv_selection: UvSelection) -> list[str]:
    """Return why uv does not select the *best* wheel of the *selected* release, if it evaluates it."""
    evaluated = (*uv_selection.without, *([uv_selection.evaluation] if uv_selection.evaluation else []))
    by_version = {evaluation.release.version: evaluation for evaluation in reversed(evaluated)}
    uv = by_version.get(selected.release.version)
    same = (
        next((verdict for verdict in uv.verdicts if verdict.filename == best.filename), None) if uv else None
    )
    if uv is None or same is None:
        return []
    if same.key and uv.selected and uv.selected.key:
        return [f"for uv, {uv.selected.filename} is better: {why_better(uv.selected.key, same.key)}"]
    metadata = selected.release.metadata
    variant = metadata.variants.get(best.filename.label or "") if metadata else None
    namespaces = sorted(variant.namespaces()) if variant else []
    origins = [uv.support.origins[name] for name in namespaces if name in uv.support.origins]
    never = [str(origin) for origin in origins if origin not in (STATIC, DETECTED)]
    reasons = never or [*map(str, same.reasons), *([_DETECTS] if DETECTED in origins else [])]
    return [f"for uv, {best.filename} is not compatible: {reason}" for reason in reasons]
