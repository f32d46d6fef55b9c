"""Why a resolver has failed: what the upstream reported, and why no wheel of a release fits a machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..errors import Problem, VariantError
from ..serving.local_refusals import refusals_in_words
from ..serving.offer import Choice
from ..serving.reasons import choice_text, would_fit
from ..serving.running_offer import RunningOffer
from .resolvers import RESOLVER

_MOST_RELEASES, _MOST_REASONS = 2, 5


def explained_failure(error: VariantError, offer: RunningOffer) -> VariantError:
    """Return an error of a resolver with the reasons that only the offer knows.

    An installer shows no reason of a page that the upstream failed to send, and does not see variants.
    """
    if not any(problem.code == RESOLVER for problem in error.problems):
        return error
    asked = offer.site.asked(offer.place.profile)
    if failures := [problem for project in asked.values() for problem in project.failures]:
        return VariantError(*dict.fromkeys(failures))
    reasons: list[Problem] = []
    for name in named_in(error, asked):
        if (project := asked[name]).offer:
            refused = refusals_in_words(project.offer, _words(error))
            reasons += (problem._replace(code=RESOLVER) for problem in (*project.problems, *refused))
            without = [choice for choice in project.offer.choices if not (refused or choice.labels)]
            reasons += (problem for choice in without[:_MOST_RELEASES] for problem in _reasons(choice))
    return VariantError(*error.problems, *reasons)


def named_in(error: VariantError, names: Iterable[str]) -> list[str]:
    """Return which of the normalized names an error names, sorted."""
    words = _words(error)
    return [name for name in sorted(names) if _is_named(name, words)]


def _words(error: VariantError) -> str:
    return "\n".join(problem.text for problem in error.problems)


def _is_named(name: str, words: str) -> bool:
    pattern = re.escape(name).replace(r"\-", "[-_.]")
    return re.search(rf"(?<![\w.-]){pattern}(?![\w-])", words, re.IGNORECASE) is not None


def _reasons(choice: Choice) -> Iterator[Problem]:
    """Yield why no wheel of a release fits the machine, best label first."""
    yield Problem(RESOLVER, "", choice_text(choice, "the machine"))
    reasons = would_fit(choice)
    for reason in reasons[:_MOST_REASONS]:
        yield Problem(RESOLVER, f"{choice.release.name} {choice.version}", reason)
    if len(reasons) > _MOST_REASONS:
        command = f"`variant-backend explain {choice.release.name}=={choice.version}`"
        more = f"{len(reasons) - _MOST_REASONS} more reasons"
        remedy = f"run {command} with the same sources and machine to see all"
        yield Problem(RESOLVER, f"{choice.release.name} {choice.version}", more, remedy)
