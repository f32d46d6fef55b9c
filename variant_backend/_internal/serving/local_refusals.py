"""Why an offer has no file for a requirement on an exact local version, such as ``torch==2.10.0+cu126``."""

from __future__ import annotations

import re
from contextlib import suppress

from ..errors import Problem, VariantError
from ..selection.local_requests import local_text, refused_local
from ..variants.filename import version_of
from ..variants.requirements import PackageRequest
from .offer import Choice, Offer, Offered


def local_refusals(offer: Offer, request: PackageRequest) -> list[Problem]:
    """Return why a requirement gets no file of an offer; empty if it gets one, or names no local version."""
    if request.public is request:
        return []
    versions = {version_of(offered.filename) for offered in offer.files if _is_for_machine(offer, offered)}
    if any(version is not None and request.admits(version) for version in versions):
        return []
    refusals = (refused_local(request, one.release, one.labels) for one in offer.choices if _is_overlaid(one))
    return [problem for problem in refusals if problem]


def refusals_in_words(offer: Offer, words: str) -> list[Problem]:
    """Return why an offer has no file for the requirements on its project that a resolver's words name."""
    name = re.escape(offer.name).replace(r"\-", "[-_.]")
    pins = rf"(?<![\w.-])(no version of )?{name}(?:\[[^\]]*\])?(===?)([\w.!+-]*\w)"
    problems: list[Problem] = []
    for is_missing, operator, version in re.findall(pins, words, re.IGNORECASE):
        # uv writes == in place of ===. An offered local version of 2.10.0 satisfies ==2.10.0.
        operator = "===" if is_missing and "+" not in version else operator
        with suppress(VariantError):
            problems += local_refusals(offer, PackageRequest.parse(f"{offer.name}{operator}{version}"))
    return [*dict.fromkeys(problems)]


def offered_local(offer: Offer) -> str | None:
    """Return which local version a machine gets of the newest release, None if it gets no such version."""
    newest = next((choice for choice in offer.choices if choice.labels and _is_overlaid(choice)), None)
    text = local_text(newest.release, newest.labels) if newest else ""
    return text if "+" in text else None


def _is_for_machine(offer: Offer, offered: Offered) -> bool:
    """Return whether a file is for the machine; pages also list wheels that only other platforms install."""
    name = offered.wheel and offered.wheel.name
    choice = name and offer.choice_of(name.version)
    return not (name and choice) or name.label in choice.labels


def _is_overlaid(choice: Choice) -> bool:
    return any(wheel.name.by_overlay for wheel in choice.release.candidates)
