"""Select the wheel of each requested package: the best one, or one of a label."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, UnknownNameError, VariantError, did_you_mean, one_of, problems_of
from ..formats.release import Candidate, File, Release
from ..lowlevel.shell_words import command_line
from ..machine.support import Machine, Policy
from ..project.user_variables import PLAIN
from ..variants.label_pattern import is_pattern
from ..variants.namespace_support import Support
from ..variants.properties import Property, Variant
from .evaluate import Evaluation
from .releases import INDEX_FILE, Sources, find_listings
from .select import Selection, check_names, known_metadata, select_listed
from .source_files import Folders
from .unknown_names import ignored_values, unknown_names

if TYPE_CHECKING:
    from ..variants.requirements import PackageRequest
    from .target import Target


class Pick(NamedTuple):
    """The selected wheel of a package, and *why* it was selected.

    With a *pinned* label, *release* has only its wheels, and *support* is empty.
    """

    release: Release
    wheel: Candidate
    support: Support
    why: str
    pinned: bool = False

    @property
    def file(self) -> File:
        """The file of the wheel."""
        return self.wheel.file

    @property
    def version(self) -> str:
        """The version of the wheel; only by an overlay, it differs from that of the release."""
        return str(self.wheel.name.release()[1])

    @property
    def label(self) -> str | None:
        """The label of the wheel, None for a plain one."""
        return self.wheel.label

    @property
    def variant(self) -> Variant | None:
        """The label's variant in the index file or the lock file, None if it is not listed."""
        variants = self.release.metadata.variants if self.release.metadata else {}
        return variants.get(self.label or "")

    def supported(self, variant: Variant) -> Collection[Property]:
        """Return the supported properties of a variant; with a pinned label, all its properties."""
        if self.pinned:
            return variant.properties
        return self.support.of_variant(variant)


class SdistPick(NamedTuple):
    """The sdist of a package for which no wheel fits."""

    release: Release
    file: File
    why: str = "an sdist, as no wheel fits"
    label: None = None
    variant: None = None

    @property
    def version(self) -> str:
        """The version of the release."""
        return str(self.release.version)


def resolve_packages(
    requests: Sequence[PackageRequest], sources: Sources, machine: Machine, policy: Policy, target: Target
) -> tuple[list[Pick], list[Problem]]:
    """Return the wheel of each requested package, and the problems that did not exclude it.

    Raises VariantError with every package that has no compatible wheel.
    """
    folders = Folders()
    selections = [
        select_listed(request, find_listings(request.name, sources, folders), machine, policy, target)
        for request in requests
    ]
    return picks_of(selections, machine, policy)


def picks_of(
    selections: Sequence[Selection], machine: Machine, policy: Policy, *, explain: Sequence[str] = ()
) -> tuple[list[Pick], list[Problem]]:
    """Return the wheel of each selection, and the problems that did not exclude it.

    Support for a pinned label is not checked. *explain* are the options of `explain` that name the same
    sources and machine, for a remedy. Raises VariantError with every package that has no compatible wheel.
    """
    picks: list[Pick] = []
    errors: list[VariantError] = []
    for selection in selections:
        try:
            picks.append(_pick(selection, explain))
        except VariantError as error:
            errors.append(error)
    problems = check_names(policy, machine, selections)
    problems += (problem for selection in selections for problem in selection.problems)
    if errors:
        only_names = all(isinstance(error, UnknownNameError) for error in errors)
        kind = UnknownNameError if only_names else VariantError
        raise kind(*dict.fromkeys([*problems_of(errors), *problems]))
    return picks, problems


def _pick(selection: Selection, explain: Sequence[str]) -> Pick:
    """Return the wheel of one package; raises VariantError if there is none."""
    request = selection.request
    if selection.evaluation is None:
        _check_label(selection)
        if selection.listings.unread:
            raise VariantError(*selection.listings.problems)
        raise VariantError(_nothing(selection, explain))
    unchecked = request.label is not None and not is_pattern(request.label)
    pick = picked_of(selection.evaluation, pinned=unchecked)
    if selection.passed:
        versions = one_of(str(newer.release.version) for newer in selection.passed)
        what = (
            "a wheel for an accelerator"
            if all(one.selected for one in selection.passed)
            else "a compatible wheel"
        )
        pick = pick._replace(why=f"{pick.why}; newer, without {what}: {versions}")
    return pick


def picked_of(evaluation: Evaluation, *, pinned: bool = False) -> Pick:
    """Return the best wheel of a release; raises VariantError if no wheel fits or its filename is invalid."""
    verdict = evaluation.selected
    if verdict is None or verdict.key is None:
        release = evaluation.release
        raise VariantError(f"no wheel of {release.name} {release.version} is compatible")
    wheel = evaluation.candidate(verdict)
    check_filename(wheel.file.filename)
    compatible = sum(verdict.is_compatible for verdict in evaluation.verdicts)
    why = f"the best of {compatible} compatible wheels" if compatible > 1 else "the only compatible wheel"
    if pinned and wheel.label is None:
        why = f"{why}; the plain wheel was requested"
    elif pinned:
        why = f"{why} with the pinned label; support was not checked"
    elif verdict.key.features:
        why = f"{why}: {one_of(str(feature.best) for feature in verdict.key.features)}"
    reasons = [reason for candidate in evaluation.release.candidates for reason in candidate.problems]
    if lost := sum(reason.code == INDEX_FILE for reason in reasons):
        why = f"{why}; {lost} variants are excluded, as their index file is invalid"
    return Pick(evaluation.release, wheel, evaluation.support, why, pinned)


def check_filename(filename: str) -> None:
    """Raise VariantError if a filename from a page cannot be that of a file in a folder."""
    # Tags may contain any character, such as a slash, a colon (a drive on Windows), or a line end.
    if not re.fullmatch(r"[\w.+!-]+", filename, re.ASCII):
        raise VariantError(f"invalid filename {filename!r}")


def _check_label(selection: Selection) -> None:
    """Raise UnknownNameError if releases were listed, but none of them has the wanted label."""
    request = selection.request
    listed = [*selection.listings.matching(request)]
    if selection.passed or not listed or request.label is None:
        return
    wheels = (wheel for listing in listed for wheel in listing.wheels if not wheel.problems)
    raise unknown_label(request.label, {wheel.label for wheel in wheels}, request)


def unknown_label(wanted: str, labels: Iterable[str | None], place: object) -> UnknownNameError:
    """Return the error that none of the existing labels is the wanted one."""
    known = sorted(label or PLAIN for label in labels)
    if wanted == PLAIN:
        text = "no plain wheel"
    elif is_pattern(wanted):
        text = f"no label matches {wanted!r}"
    else:
        text = f"unknown label {wanted!r}{did_you_mean(wanted, known)}"
    return UnknownNameError(text, place=place, remedy=f"existing labels: {one_of(known)}")


def _nothing(selection: Selection, explain: Sequence[str]) -> str:
    """Return why no wheel is selected for a package."""
    request, listings = selection.request, selection.listings
    if not selection.passed:
        return f"{request}: {listings.nothing_listed(request.name)}"
    newest = selection.passed[0]
    text = f"{request}: no wheel of {newest.release.name} {newest.release.version} is compatible"
    if request.label is None:
        command = command_line(["variant-backend", "explain", request.in_short, *explain])
        return f"{text}; run `{command}` for the reasons"
    return f"{text}: {reasons_against(newest)}"


def reasons_against(evaluation: Evaluation) -> str:
    """Return the reasons that exclude the wheels of a release, in one line."""
    return one_of(dict.fromkeys(str(reason) for verdict in evaluation.verdicts for reason in verdict.reasons))


def check_locked_names(policy: Policy, machine: Machine, releases: Sequence[Release]) -> list[Problem]:
    """Raise UnknownNameError for names in options that nothing in the run knows; return ignored values."""
    documents = known_metadata(releases)
    packages = {release.name for release in releases}
    if documents is None or not releases:
        return []
    if problems := unknown_names(policy, machine, documents, packages):
        raise UnknownNameError(*problems)
    return ignored_values(policy, machine, documents)
