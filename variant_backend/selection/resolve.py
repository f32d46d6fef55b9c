"""Select the wheel of each package: the best one, the one with a pinned label, or one from a lock file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, UnknownNameError, VariantError, did_you_mean, one_of, problems_of
from ..formats import pylock
from ..formats.release import Candidate, Release
from ..formats.toml_read import read_toml
from ..machine.installed import Installed, disagreements
from ..machine.support import Machine, Policy
from ..variants.metadata import VariantMetadata
from ..variants.namespace_support import Support
from ..variants.properties import Property, Variant
from ..wheels.inspection import Inspection, VariantJson
from .evaluate import Evaluation, evaluate
from .releases import INDEX_FILE, Sources, find_listings
from .select import Selection, check_names, known_metadata, select_listed
from .source_files import Folders
from .unknown_names import ignored_values, unknown_names

if TYPE_CHECKING:
    from ..variants.requirements import Pin
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


def resolve_packages(
    pins: Iterable[Pin],
    sources: Sources,
    machine: Machine,
    policy: Policy,
    target: Target,
    *,
    explain: Sequence[str] = (),
) -> tuple[list[Pick], list[Problem]]:
    """Return the wheel of each requested package, and the problems that did not exclude it.

    Each package is selected as if the wheels of the packages before it were installed. Support for a pinned
    label is not checked. *explain* are the options of `explain` that name the same sources and machine, for a
    remedy. Raises VariantError with every package that has no compatible wheel.
    """
    picks: list[Pick] = []
    selections: list[Selection] = []
    errors: list[VariantError] = []
    requested_machine, requested_policy, folders = machine, policy, Folders()
    for pin in pins:
        others = machine.without(pin.name)
        listings = find_listings(pin.name, sources, folders)
        selections.append(select_listed(pin, listings, others, policy, target))
        try:
            pick = _pick(selections[-1], others, policy, target, explain)
        except VariantError as error:
            errors.append(error)
            continue
        picks.append(pick)
        machine, policy = _as_if_installed(others, policy, pick)
    problems = check_names(requested_policy, requested_machine, selections)
    problems += (problem for selection in selections for problem in selection.problems)
    if errors:
        only_names = all(isinstance(error, UnknownNameError) for error in errors)
        kind = UnknownNameError if only_names else VariantError
        raise kind(*dict.fromkeys([*problems_of(errors), *problems]))
    return picks, problems


def _pick(
    selection: Selection, machine: Machine, policy: Policy, target: Target, explain: Sequence[str]
) -> Pick:
    """Return the wheel of one package; raises VariantError if there is none."""
    pin = selection.request
    if selection.evaluation is None:
        _check_label(selection)
        if selection.listings.unread:
            raise VariantError(*selection.listings.problems)
        raise VariantError(
            _nothing(selection, explain), *_conflicts_if_free(selection, machine, policy, target)
        )
    pick = picked_of(selection.evaluation, pinned=pin.label is not None)
    if selection.passed:
        versions = one_of(str(newer.release.version) for newer in selection.passed)
        pick = pick._replace(why=f"{pick.why}; newer, without a compatible wheel: {versions}")
    if conflicts := _conflicts(machine, policy, pick):
        raise VariantError(*conflicts)
    return pick


def _conflicts_if_free(
    selection: Selection, machine: Machine, policy: Policy, target: Target
) -> list[Problem]:
    """Return the disagreements of the wheel that would be selected without alignment."""
    request = selection.request
    if not policy.align or request.label is not None:
        return []
    unaligned = policy._replace(align=())
    free = select_listed(request, selection.listings, machine, unaligned, target).evaluation
    return _conflicts(machine, policy, picked_of(free)) if free else []


def picked_of(evaluation: Evaluation, *, pinned: bool = False) -> Pick:
    """Return the best wheel of a release; raises VariantError if no wheel fits or its filename is invalid."""
    verdict = evaluation.selected
    if verdict is None or verdict.key is None:
        release = evaluation.release
        raise VariantError(f"no wheel of {release.name} {release.version} is compatible")
    wheel = evaluation.candidate(verdict)
    # Tags may contain any character, such as a slash, a colon (a drive on Windows), or a line end.
    if not re.fullmatch(r"[\w.+!-]+", wheel.file.filename, re.ASCII):
        raise VariantError(f"invalid filename {wheel.file.filename!r}")
    compatible = sum(verdict.is_compatible for verdict in evaluation.verdicts)
    why = f"the best of {compatible} compatible wheels" if compatible > 1 else "the only compatible wheel"
    if pinned:
        why = f"{why} with the pinned label; support was not checked"
    elif verdict.key.features:
        why = f"{why}: {one_of(str(feature.best) for feature in verdict.key.features)}"
    reasons = [reason for candidate in evaluation.release.candidates for reason in candidate.problems]
    if lost := sum(reason.code == INDEX_FILE for reason in reasons):
        why = f"{why}; {lost} variants are excluded, as their index file is invalid"
    return Pick(evaluation.release, wheel, evaluation.support, why, pinned)


def _check_label(selection: Selection) -> None:
    """Raise UnknownNameError if releases were listed, but none of them has the pinned label."""
    pin = selection.request
    listed = [*selection.listings.in_order(pin.version)]
    if selection.passed or not listed:
        return
    wheels = (wheel for listing in listed for wheel in listing.wheels if not wheel.problems)
    labels = sorted({wheel.label for wheel in wheels if wheel.label})
    text = f"unknown label {pin.label!r}{did_you_mean(pin.label or '', labels)}"
    raise UnknownNameError(text, place=pin, hint=f"existing labels: {one_of(labels)}")


def _nothing(selection: Selection, explain: Sequence[str]) -> str:
    """Return why no wheel is selected for a package."""
    pin, listings = selection.request, selection.listings
    listed = [*listings.in_order(pin.version)]
    if not listed:
        return f"{pin}: {listings.nothing_listed(pin.name)}"
    newest = selection.passed[0]
    text = f"{pin}: no wheel of {newest.release.name} {newest.release.version} is compatible"
    if pin.label is None:
        return (
            f"{text}; run `{shlex.join(['variant-backend', 'explain', str(pin), *explain])}` for the reasons"
        )
    return f"{text}: {_reasons(newest)}"


def _reasons(evaluation: Evaluation) -> str:
    """Return the reasons that exclude the wheels of a release, in one line."""
    return one_of(dict.fromkeys(str(reason) for verdict in evaluation.verdicts for reason in verdict.reasons))


def _as_if_installed(machine: Machine, policy: Policy, pick: Pick) -> tuple[Machine, Policy]:
    """Return machine and policy for later packages, with this wheel as if it was installed."""
    pinned = {**policy.pinned, pick.release.name: pick.release.version}
    installed = (*machine.installed, *_installed(pick))
    return machine._replace(installed=installed), policy._replace(pinned=pinned)


def _installed(pick: Pick) -> list[Installed]:
    """Return a wheel as an installed variant, or nothing if its variant is unknown."""
    if pick.variant is None:
        return []
    metadata = VariantMetadata((), {}, {pick.variant.label: pick.variant})
    filename, version = pick.wheel.file.filename, str(pick.release.version)
    content = VariantJson(metadata)
    inspection = Inspection(filename, pick.release.name, version, pick.variant.label, variant_json=content)
    return [Installed(Path(filename), inspection)]


def _conflicts(machine: Machine, policy: Policy, pick: Pick) -> list[Problem]:
    """Return the disagreements of a wheel with installed variants in the aligned features."""
    installed = [*machine.installed, *_installed(pick)]
    return [
        Problem("error", "", str(disagreement))
        for disagreement in disagreements(installed, policy.align)
        if pick.release.name in disagreement.values
    ]


def resolve_locked(
    path: Path, machine: Machine, policy: Policy, target: Target
) -> tuple[list[Pick], list[Problem]]:
    """Return the best wheel of each package of a lock file, and the problems that did not exclude it.

    Raises VariantError if the lock file is invalid or not for the target, else with every package that has
    no compatible wheel.
    """
    from packaging.markers import default_environment

    locked = pylock.select_packages(
        read_toml(path),
        path,
        environment=target.environment(default_environment()),
        tags=target.tags,
    )
    picks: list[Pick] = []
    missing: list[Problem] = []
    problems: list[Problem] = []
    requested_machine, requested_policy = machine, policy
    for package in locked:
        release = package.release
        others = machine.without(release.name)
        evaluation = evaluate(release, others, policy, target)
        problems += (*release.problems, *evaluation.problems)
        if not evaluation.selected:
            text = f"no wheel of {release.name} {release.version} is compatible: {_reasons(evaluation)}"
            missing.append(Problem("error", str(path), text))
            continue
        pick = picked_of(evaluation)
        if not pick.wheel.file.proofs:
            text = f"no secure hash for {pick.wheel.file.filename}"
            missing.append(Problem("error", str(path), text, "add its sha256 to the lock file"))
        missing += _conflicts(others, policy, pick)
        picks.append(pick)
        machine, policy = _as_if_installed(others, policy, pick)
    problems += _check_locked_names(
        requested_policy, requested_machine, [package.release for package in locked]
    )
    if missing:
        raise VariantError(*missing, *problems)
    return picks, problems


def _check_locked_names(policy: Policy, machine: Machine, releases: Sequence[Release]) -> list[Problem]:
    """Raise UnknownNameError for names in options that nothing in the run knows; return ignored values."""
    documents = known_metadata(releases)
    packages = {release.name for release in releases}
    if documents is None or not releases:
        return []
    if problems := unknown_names(policy, machine, documents, packages):
        raise UnknownNameError(*problems)
    return ignored_values(policy, machine, documents)
