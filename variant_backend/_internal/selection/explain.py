"""Explain which wheel of a package is selected, why each other one is not, and how uv differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem
from ..formats.hardware_file import Hardware
from ..machine.support import Machine, Policy
from ..project.overlay import entries_of
from ..variants.namespace_support import Lazy
from ..variants.policy import NO_RULES
from ..variants.ranking import Verdict, why_better
from .evaluate import Evaluation
from .releases import Listings, Sources, find_listings
from .report import of_label, shown_label
from .select import Selection, check_names, older_accelerated, select_listed

if TYPE_CHECKING:
    from ..variants.requirements import PackageRequest
    from .target import Target
    from .uv_selection import UvSelection


_NO_OVERLAY = "uv reads no overlay, and prefers the highest local version"
_DETECT = "use --no-policy, or --machine SPEC"


class Explanation(NamedTuple):
    """The explained release of a project, and the *newer* releases without a compatible wheel.

    *evaluation* is None if no release was found. *differs* are the reasons why *uv* selects another wheel.
    *accelerated* is an older release whose best wheel is for an accelerator, if that of this one is not.
    *overlay* is the entry of the overlay that labels the wheels, as messages name it; empty if none does.
    """

    request: PackageRequest
    evaluation: Evaluation | None
    newer: tuple[Evaluation, ...]
    problems: tuple[Problem, ...]
    uv: UvSelection | None = None
    differs: tuple[str, ...] = ()
    accelerated: Evaluation | None = None
    overlay: str = ""

    @property
    def selected(self) -> Verdict | None:
        """The selected wheel, None if no wheel is compatible."""
        return self.evaluation.selected if self.evaluation else None

    @property
    def member(self) -> str | None:
        """The project that the selected wheel requires, None if no overlay says so."""
        if self.evaluation is None or self.selected is None:
            return None
        return self.evaluation.release.member_of(self.selected.filename.label)

    @property
    def selected_by_uv(self) -> str | None:
        """The filename of the wheel or sdist that uv selects, None if uv fails or was not requested."""
        return self.uv.filename if self.uv else None


def explain(
    request: PackageRequest,
    sources: Sources,
    machine: Machine,
    policy: Policy,
    target: Target,
    *,
    for_uv: bool = False,
) -> Explanation:
    """Select a wheel, and explain its release; if no wheel is compatible, explain the newest release."""
    listings = find_listings(request.name, sources, with_sdists=for_uv)
    selection = select_listed(request, listings, machine, policy, target)
    ignored = check_names(policy, machine, [selection])
    problems = [*selection.problems, *ignored, *_nothing(selection)]
    newer = selection.passed if selection.evaluation else ()
    evaluation = selection.evaluation or next(iter(selection.passed), None)
    accelerated = older_accelerated(selection, machine, policy, target)
    explanation = Explanation(
        *(request, evaluation, newer, tuple(problems)),
        accelerated=accelerated,
        overlay=_overlay_of(evaluation, listings),
    )
    return _with_uv(explanation, selection, sources, machine, policy, target) if for_uv else explanation


def _with_uv(
    explanation: Explanation,
    selection: Selection,
    sources: Sources,
    machine: Machine,
    policy: Policy,
    target: Target,
) -> Explanation:
    """Return the explanation with the wheel that uv selects, and why it differs."""
    from .uv_differences import why_uv_differs
    from .uv_selection import uv_listings, uv_select

    request, listings = selection.request, selection.listings
    is_overlaid = any(entries_of(sources.overlay, request.name))
    if len(sources.index_urls) > 1 or is_overlaid:
        listings = uv_listings(request.name, sources)
    facts = machine.without_policy or machine
    hardware = facts.hardware or Hardware({})
    # Detection starts only when a namespace needs it.
    uv = uv_select(listings, Lazy(lambda: hardware.supported), target, request=request)
    problems = [*explanation.problems, *(uv.unread.problems if uv.unread else ())]
    if facts.undetected:
        problems.append(Problem("warning", "uv", f"unknown supported values: {facts.undetected}", _DETECT))
    differs = why_uv_differs(selection.evaluation, selection.passed, uv)
    if differs and is_overlaid:
        differs = [_NO_OVERLAY]
    elif differs and (policy.rules != NO_RULES or machine.without_policy):
        free = select_listed(request, listings, facts, policy._replace(rules=NO_RULES), target)
        differs = [*_without_policy(selection, free, machine, policy), *differs]
    return explanation._replace(problems=tuple(problems), uv=uv, differs=tuple(differs))


def _overlay_of(evaluation: Evaluation | None, listings: Listings) -> str:
    """Return the entry of the overlay that labels the wheels of a release, as messages name it."""
    release = evaluation.release if evaluation else None
    if release is None or not any(wheel.name.by_overlay for wheel in release.candidates):
        return ""
    listed = listings.of_version(release.version)
    return "".join(listing.overlay.place for listing in listed if listing.overlay)


def _without_policy(selection: Selection, free: Selection, machine: Machine, policy: Policy) -> list[str]:
    """Return a line if another wheel would be selected without the policy."""
    selected, other = (
        evaluation.selected.filename if evaluation and evaluation.selected else None
        for evaluation in (selection.evaluation, free.evaluation)
    )
    if selected == other:
        return []
    texts = [f"{key} {value} ({file})" for key, value, file in policy.rules.effects()]
    texts += ["the machine or its devices"] if machine.without_policy else []
    return [f"uv obeys no policy, and without it, {other} is selected: {'; '.join(texts)}"]


def _nothing(selection: Selection) -> list[Problem]:
    """Return why nothing is selected, unless the problems of the sources say it."""
    request = selection.request
    if selection.evaluation or selection.listings.unread:
        return []
    if selection.passed:
        return [Problem("error", "", f"no wheel of {request.name} is compatible")]
    place = request.in_short if selection.listings.releases else request.name
    return [Problem("error", place, selection.listings.nothing_listed(request.name))]


def with_label(explanation: Explanation, label: str) -> Evaluation | None:
    """Return the first release with wheels of a label; if there is none, the explained release."""
    if explanation.evaluation is None:
        return None
    releases = (explanation.evaluation, *explanation.newer)
    having = (release for release in releases if label in map(shown_label, release.verdicts))
    return next(having, explanation.evaluation)


def why_not(evaluation: Evaluation, label: str, selected: Verdict | None) -> list[str]:
    """Return lines that explain why a label's wheel is not *selected*: a summary, then the reasons."""
    # Explain the wheel with the fewest reasons.
    best = min(of_label(evaluation, label), key=lambda verdict: (not verdict.key, len(verdict.reasons)))
    if best == selected:
        return [f"{best.filename} is selected"]
    if best.key and selected and selected.key:
        return [
            f"{best.filename} is compatible, but the selected wheel is better:",
            why_better(selected.key, best.key, preferred=evaluation.preferred),
        ]
    return [f"{best.filename} is not compatible:", *map(str, best.reasons)]
