"""Requirements on exact local versions, such as ``torch==2.10.0+cu126``, of releases with an overlay.

A release with an overlay has wheels of several local versions. A machine gets those of one label.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import Problem, did_you_mean, one_of
from ..formats.release import Candidate, Release
from ..project.overlay import NO_LABEL
from ..variants.words import properties_in_words
from .evaluate import Evaluation, evaluate_label

if TYPE_CHECKING:
    from ..project.overlay import OverlayEntry
    from ..variants.ranking import Verdict
    from ..variants.requirements import PackageRequest
    from .target import Target

# The code of a reason that excludes wheels of other local versions than a requirement and a machine need.
LOCAL_VERSION = "local-version"


def as_requested(
    evaluation: Evaluation, overlay: OverlayEntry, request: PackageRequest, target: Target
) -> Evaluation:
    """Return the evaluation of a release with an overlay, in which a request excludes local versions.

    As in the offer, a machine gets wheels of its best label only. If the *overlay* allows local versions, a
    request for one gets its wheels, whatever the machine supports. So does a request for a plain wheel, which
    these are in truth.
    """
    release = evaluation.release
    admitted = _admitted(request, release.candidates)
    is_named = request.names_plain_file or (overlay.allows_local and request.names_local)
    if is_named and admitted:
        return _of_versions(release, admitted, target)
    selected = evaluation.selected
    if selected is None or all(wheel.name.version in admitted for wheel in release.candidates):
        return evaluation
    label = selected.filename.label
    fitting = [one.filename for one in evaluation.verdicts if one.key and one.filename.label == label]
    refusal = None
    if not any(name.version in admitted for name in fitting):
        other = Problem(
            LOCAL_VERSION, request.in_short, local_text(release, [label]), "change the requirement"
        )
        refusal = refused_local(request, release, [label]) or other
    verdicts = [_with_refusal(verdict, label, admitted, request, refusal) for verdict in evaluation.verdicts]
    problems = (*evaluation.problems, *([refusal] if refusal else []))
    return evaluation._replace(verdicts=verdicts, problems=problems)


def _with_refusal(
    verdict: Verdict,
    label: str | None,
    admitted: Collection[str],
    request: PackageRequest,
    refusal: Problem | None,
) -> Verdict:
    """Return the verdict on a wheel, excluded if a request excludes it or the machine gets another label."""
    if verdict.key is None:
        return verdict
    if verdict.filename.version not in admitted:
        reason = Problem(LOCAL_VERSION, request.in_short, f"excludes {verdict.filename.version}")
    elif refusal is None or verdict.filename.label == label:
        return verdict
    else:
        reason = refusal
    return verdict._replace(key=None, reasons=(*verdict.reasons, reason))


def _of_versions(release: Release, versions: Collection[str], target: Target) -> Evaluation:
    """Evaluate the wheels of local versions, without checking whether the machine supports their labels."""
    wheels = (
        wheel._replace(
            name=wheel.name.own, problems=tuple(one for one in wheel.problems if one.code != NO_LABEL)
        )
        for wheel in release.candidates
        if wheel.name.version in versions
    )
    return evaluate_label(release._replace(candidates=tuple(wheels)), None, target)


def refused_local(request: PackageRequest, release: Release, labels: Sequence[str | None]) -> Problem | None:
    """Return why a machine that gets some *labels* of a release gets nothing that a request admits.

    None if it gets a wheel, or if the request is not about this release.
    """
    wheels = _wheels_of(release, labels)
    if not wheels or not request.public.admits(release.version) or _admitted(request, wheels):
        return None
    text = local_text(release, labels)
    wanted = next((part for part in request.specifiers if part.operator in ("==", "===")), None)
    public = f"{release.name}=={release.version}"
    if wanted is None:
        return Problem(LOCAL_VERSION, request.in_short, text, "change the requirement")
    if "+" not in wanted.version:
        text = f"'===' compares texts, and {text}"
        return Problem(LOCAL_VERSION, request.in_short, text, f"write {public}")
    known = _local_versions(release.candidates)
    if _normalized(wanted.version) not in known:
        unknown = f"unknown local version{did_you_mean(wanted.version, known)}; versions: {one_of(known)}"
        return Problem(LOCAL_VERSION, request.in_short, f"{unknown}; {text}", f"write {public}")
    return Problem(LOCAL_VERSION, request.in_short, text, f"write {public}, or add --allow-local")


def _normalized(version: str) -> str:
    """Return a version in its normalized form; '===' admits any text."""
    from packaging.version import Version

    with suppress(ValueError):  # InvalidVersion
        return str(Version(version))
    return version


def local_text(release: Release, labels: Sequence[str | None]) -> str:
    """Return which versions a machine gets that gets some labels of a release, and what the labels mean."""
    versions = {wheel.name.version for wheel in _wheels_of(release, labels)}
    # Other platforms may get a wheel without a local version.
    gets = sorted({version for version in versions if "+" in version} or versions)
    variants = release.metadata.variants if release.metadata else {}
    known = [variants[label] for label in labels if label is not None and label in variants]
    words = [phrase for variant in known for phrase in properties_in_words(variant.properties)]
    return f"this machine gets {release.name} {one_of(gets)}{f' ({one_of(words)})' if words else ''}"


def _wheels_of(release: Release, labels: Sequence[str | None]) -> list[Candidate]:
    return [wheel for wheel in release.candidates if wheel.label in labels and not wheel.problems]


def _local_versions(wheels: Iterable[Candidate]) -> list[str]:
    return sorted({str(wheel.name.release()[1]) for wheel in wheels if "+" in wheel.name.version})


def _admitted(request: PackageRequest, wheels: Iterable[Candidate]) -> set[str]:
    """Return the versions of wheels that a request admits."""
    versions = {wheel.name.version: wheel.name for wheel in wheels}
    return {text for text, name in versions.items() if request.admits(name.release()[1])}
