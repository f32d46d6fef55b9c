"""Which wheel is fetched for each package: the best one, that of a pinned label, or what a lock file says."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError, did_you_mean, lines_of, one_of
from ..formats import pylock
from ..formats.simple_api import File
from ..formats.toml_read import read_toml
from ..machine.installed import Installed, disagreements
from ..variants.metadata import VariantMetadata
from ..variants.namespace_support import Support
from ..variants.properties import Property, Variant
from ..wheels.inspection import Inspection, VariantJson
from .evaluate import Judged, in_order, judge, judge_label, select_release
from .releases import INDEX_FILE, Listing, Release, find_listings, nothing_listed, read_release

if TYPE_CHECKING:
    from ..machine.system import System
    from .requirements import Pin
    from .target import Target


class Pick(NamedTuple):
    """The wheel that is fetched for a package, and *why* it is this one.

    Of a *pinned* label, *release* has no other wheels, and *support* is empty, as nobody was asked.
    """

    release: Release
    file: File
    support: Support
    why: str
    pinned: bool = False

    @property
    def label(self) -> str | None:
        """The label of the wheel, None for a plain one."""
        return self.file.label

    @property
    def variant(self) -> Variant | None:
        """What the index file or the lock file says that the label stands for, None if they do not."""
        variants = self.release.metadata.variants if self.release.metadata else {}
        return variants.get(self.label or "")

    def supported(self, variant: Variant) -> Collection[Property]:
        """Return the properties of a variant that are supported: of a pinned label, all count as such."""
        if self.pinned:
            return variant.properties
        known = self.support.supported
        return [
            each
            for each in variant.properties
            if each.value in known.get(each.namespace, {}).get(each.feature, ())
        ]


class _Search(NamedTuple):
    """Where wheels are looked for, and what for."""

    find_links: Sequence[Path]
    index_urls: Sequence[str]
    target: Target


def resolve_packages(
    pins: Iterable[Pin],
    *,
    find_links: Sequence[Path] = (),
    index_urls: Sequence[str] = (),
    system: System,
    target: Target,
) -> tuple[list[Pick], list[VariantError]]:
    """Return the wheels that are asked for, and what went wrong without ruling them out.

    A package counts as installed for those behind it. Of a label that is pinned, nobody is asked whether
    it is supported. Raises VariantError with every package that has no wheel.
    """
    source = _Search(find_links, index_urls, target)
    picks: list[Pick] = []
    faults: list[VariantError] = []
    missing: list[str] = []
    for pin in pins:
        others = system.without(pin.name)
        try:
            found = _pick(pin, source, others, faults)
        except VariantError as error:
            missing += error.lines()
            continue
        picks.append(found)
        system = _with_installed(others, found)
    if missing:
        raise VariantError(*missing, *lines_of(faults))
    return picks, faults


def _pick(pin: Pin, source: _Search, system: System, faults: list[VariantError]) -> Pick:
    """Return the wheel for one package; what else went wrong is added to the faults."""
    listings, unlisted = find_listings(pin.name, find_links=source.find_links, index_urls=source.index_urls)
    faults += unlisted
    if pin.label is None:
        judged, passed = select_release(listings, system, source.target, version=pin.version)
    else:
        judged, passed = _choose_label(pin.label, [*in_order(listings, pin.version)], pin, source.target)
    looked = [judged, *passed] if judged else passed
    faults += [fault for each in looked for fault in (*each.release.faults, *each.faults)]
    if judged is None:
        text = _nothing(pin, listings, passed, source)
        raise VariantError(text, *_conflicts_of_choice(pin, listings, system, source.target))
    found = picked_of(judged, pinned=pin.label is not None)
    if passed:
        versions = one_of(str(each.release.version) for each in passed)
        found = found._replace(why=f"{found.why}; newer, without a wheel that fits: {versions}")
    if apart := _conflicts(system, found):
        raise VariantError(*apart)
    return found


def _choose_label(
    label: str, listings: Sequence[Listing], pin: Pin, target: Target
) -> tuple[Judged | None, list[Judged]]:
    """Do what `select_release` does among the wheels of one label, by what their names and indexes say."""
    passed: list[Judged] = []
    for listing in listings:
        sources = [
            source._replace(wheels=tuple(each for each in source.wheels if each.label == label))
            for source in listing.sources
        ]
        if not any(source.wheels for source in sources):
            continue
        release = read_release(listing._replace(sources=tuple(sources)), pinned=pin.version is not None)
        # The wheel itself says what the label stands for.
        barred = {name: why for name, why in release.barred.items() if not why.startswith(INDEX_FILE)}
        judged = judge_label(release._replace(barred=barred), label, target)
        if judged.chosen:
            return judged, [each for each in passed if each.release.version > listing.version]
        passed.append(judged)
    return None, passed


def picked_of(judged: Judged, *, pinned: bool = False) -> Pick:
    """Return what is chosen, if something is; raises VariantError if its name cannot be that of a file."""
    verdict = judged.chosen
    assert verdict and verdict.key, "somebody has looked"
    file = judged.file(verdict)
    # Tags may have anything in them: a slash, a colon, which Windows gives a meaning, or a line end.
    if not re.fullmatch(r"[\w.+!-]+", file.filename, re.ASCII):
        raise VariantError(f"{file.filename!r} is no filename")
    compatible = sum(each.is_compatible for each in judged.verdicts)
    best = f"the best of {compatible} wheels that fit" if compatible > 1 else "the only wheel that fits"
    if pinned:
        best = f"{best} and has the pinned label; whether that is supported was not looked at"
    elif verdict.key.features:
        best = f"{best}: {one_of(str(each.best) for each in verdict.key.features)}"
    if lost := sum(why.startswith(INDEX_FILE) for why in judged.release.barred.values()):
        best = f"{best}; {lost} variants are out, as their index file cannot be used"
    return Pick(judged.release, file, judged.support, best, pinned)


def _nothing(pin: Pin, listings: Sequence[Listing], passed: Sequence[Judged], source: _Search) -> str:
    """Say why there is no wheel for a package."""
    if not any(in_order(listings, pin.version)):
        told = nothing_listed(listings, find_links=source.find_links, index_urls=source.index_urls)
        return f"{pin}: {told}"
    if not passed:
        wheels = [file for each in in_order(listings, pin.version) for file in each.wheels]
        labels = sorted({label for file in wheels if (label := file.label) is not None})
        near = did_you_mean(pin.label or "", labels)
        return f"{pin}: no wheel has this label{near}; there are {one_of(labels)}"
    newest = passed[0]
    text = f"{pin}: no wheel of {newest.release.name} {newest.release.version} fits"
    if pin.label is None:
        return f"{text}; `variant-backend explain {pin}` says why"
    return f"{text}: {_reasons(newest)}"


def _reasons(judged: Judged) -> str:
    """Say what is against the wheels of a release."""
    return one_of(dict.fromkeys(why for each in judged.verdicts for why in each.reasons))


def _with_installed(system: System, found: Pick) -> System:
    """Return the system as it is for the packages behind this one."""
    version = {found.release.name: found.release.version}
    return system._replace(
        installed=(*system.installed, *_installed(found)), pinned={**system.pinned, **version}
    )


def _installed(found: Pick) -> list[Installed]:
    """Return a wheel as if it was installed, if it is known what its variant is."""
    if found.variant is None:
        return []
    metadata = VariantMetadata((), {}, {found.variant.label: found.variant})
    name, version = found.release.name, str(found.release.version)
    inspection = Inspection(
        found.file.filename, name, version, found.variant.label, variant_json=VariantJson(metadata)
    )
    return [Installed(Path(found.file.filename), inspection, supported=True)]


def _conflicts(system: System, found: Pick) -> list[str]:
    """Return in what a wheel disagrees with the installed ones that it should be aligned with."""
    installed = [*system.installed, *_installed(found)]
    apart = [each for name in system.align for each in disagreements(installed, name)]
    return [str(each) for each in apart if found.release.name in each.values]


def _conflicts_of_choice(pin: Pin, listings: Sequence[Listing], system: System, target: Target) -> list[str]:
    """Return in what the wheel that would be chosen, if nothing was aligned, disagrees."""
    if not system.align or pin.label is not None:
        return []
    judged, _ = select_release(listings, system._replace(align=()), target, version=pin.version)
    return _conflicts(system, picked_of(judged)) if judged else []


def resolve_locked(path: Path, system: System, target: Target) -> tuple[list[Pick], list[VariantError]]:
    """Return the best wheel of each package of a lock file, by what that says, and its faults.

    Raises VariantError when it cannot be read or does not hold for the target, or with every package
    that has no wheel.
    """
    from packaging.markers import default_environment

    locked = pylock.select(
        read_toml(path),
        str(path),
        pylock.folder_url(path),
        environment=target.environment(default_environment()),
        tags=target.tags,
    )
    picks: list[Pick] = []
    missing: list[str] = []
    faults: list[VariantError] = []
    for package in locked:
        release = Release(*package[:3], package.metadata, {}, package.faults)
        others = system.without(package.name)
        judged = judge(release, others, target)
        faults += [*package.faults, *judged.faults]
        if not judged.chosen:
            missing.append(f"{path}: no wheel of {package.name} {package.version} fits: {_reasons(judged)}")
            continue
        found = picked_of(judged)
        if not found.file.proofs:
            missing.append(f"{path}: {found.file.filename} has no hash that proves it")
        missing += _conflicts(others, found)
        picks.append(found)
        system = _with_installed(others, found)
    if missing:
        raise VariantError(*missing, *lines_of(faults))
    return picks, faults
