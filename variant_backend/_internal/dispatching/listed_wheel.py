"""Select one of the wheels that a dispatching sdist lists: the machine and the user's settings decide."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from ..errors import VariantError, did_you_mean, one_of, shortened
from ..formats import pylock
from ..formats.machine_spec import MachineSpec
from ..formats.release import Release
from ..machine.detect import hardware_of
from ..machine.support import Machine, Policy
from ..machine.user_config import (
    UserConfig,
    build_policy_text,
    configured,
    machine_in_build,
    unknown_in_build,
)
from ..project.config_settings import AUTO, ConfigSettings, asked_variants, check_settings, only_label
from ..project.user_variables import (
    BUILD_SOURCE,
    HARDWARE,
    INDEX_URL,
    LABEL,
    PLAIN,
    check_variables,
    given_machine,
    labels_of,
    near_name,
)
from ..selection.evaluate import Evaluation, evaluate, evaluate_label
from ..selection.releases import Sources
from ..selection.report import Remedies, explained
from ..selection.resolve import Pick, picked_of
from ..selection.target import Target, running_target
from ..variants.known_providers import KNOWN_PROVIDERS
from ..variants.metadata import VariantMetadata
from ..variants.namespace_support import UNKNOWN, Support
from ..variants.ranking import Supported
from .other_source import user_sources

_OTHER_PYTHON = "use a Python version and platform that the list above names"
_REMEDIES = Remedies(unknown=f"set {HARDWARE}=FILE")


class Wish(NamedTuple):
    """The user's settings: a *label* and the name of its setting, a machine, another source of the wheels.

    The machine in the variable is above that in the configuration.
    """

    label: str | None = None
    source: str = ""
    hardware: MachineSpec | None = None
    sources: Sources | None = None

    @classmethod
    def read(cls, config_settings: ConfigSettings | None, environ: Mapping[str, str], *, name: str) -> Wish:
        """Return the settings for a project; an empty variable is the same as an unset one.

        A label in the config settings overrides the label in the environment. Raises VariantError if one is
        invalid.
        """
        check_settings(config_settings, None)
        check_variables(environ)
        asked = asked_variants(config_settings)
        label = only_label(asked)
        source = asked[label] if label is not None else ""
        if label is None:
            labels = labels_of(environ)
            label = labels.get(name) or labels.get("")
            source = LABEL if label is not None else ""
        if label == AUTO and source != "variant-label":  # as without a request
            label, source = None, ""
        hardware = given_machine(environ)
        redirected = environ.get(INDEX_URL)
        return cls(label, source, hardware, user_sources(redirected, name) if redirected else None)


class SelectedWheel(NamedTuple):
    """The selected wheel, the user's own *sources* of it, and a line with the reason and alternatives."""

    pick: Pick
    sources: Sources | None
    summary: str


class NothingFitsError(VariantError):
    """No wheel fits this machine, Python and platform, whatever its label."""


def select_listed_wheel(
    locked: pylock.Locked,
    config_settings: ConfigSettings | None,
    environ: Mapping[str, str],
    *,
    report: Callable[..., object],
) -> SelectedWheel:
    """Select one of the listed wheels of a release, for the running interpreter and this machine.

    Config settings and environment have the user's settings. If no wheel fits, *report* gets a table with the
    reasons, line by line. Raises NothingFitsError if no wheel fits and no label is requested, another
    VariantError if a setting is invalid or the requested label does not fit.
    """
    release = locked.release
    wish = Wish.read(config_settings, environ, name=release.name)
    target = running_target()
    config = configured(environ) if wish.label is None else UserConfig()
    evaluation = _evaluated(release, wish, config, environ, target)
    if not evaluation.selected:
        report(f"{release.name} {release.version} has different wheels for different machines; none fits:")
        for line in explained(evaluation, _REMEDIES):
            report(*line)
        raise _nothing(locked, wish, target)
    picked = picked_of(evaluation, pinned=wish.label is not None)
    summary = _summary(picked, wish, evaluation.support, build_policy_text(config, environ))
    return SelectedWheel(picked, wish.sources, summary)


def _evaluated(
    release: Release, wish: Wish, config: UserConfig, environ: Mapping[str, str], target: Target
) -> Evaluation:
    if wish.label is None:
        machine, place = machine_in_build(environ, config)
        try:
            hardware = hardware_of(machine, environ, config.detected, least=config.least)
            if machine is not None and release.metadata is not None:
                _check_names(hardware.supported, release.metadata, machine.text)
        except VariantError as error:
            raise error.within(place) from None
        evaluation = evaluate(release, Machine(hardware), Policy(rules=config.rules), target)
        return _without_plugins(evaluation, environ, config)
    labels = _labels(release)
    if wish.label not in labels:
        raise VariantError(
            f"unknown label {wish.label!r}{did_you_mean(wish.label, labels)};"
            f" labels of {release.name} {release.version}: {one_of(labels)}",
            place=_setting(wish),
            remedy="to set a label for one project only, write NAME#LABEL" if wish.source == LABEL else None,
        )
    return evaluate_label(release, None if wish.label == PLAIN else wish.label, target)


def _check_names(supported: Supported, metadata: VariantMetadata, place: str) -> None:
    """Raise VariantError if a machine file has a misspelt namespace or feature of a release.

    Other unknown names are for other projects: the file may describe the machine for all of them.
    """
    features: dict[str, set[str]] = {}
    for variant in metadata.variants.values():
        for item in variant.properties:
            features.setdefault(item.namespace, set()).add(item.feature)
    _check_near("namespace {}", supported, features, {*KNOWN_PROVIDERS}, place)
    for namespace in features.keys() & supported.keys() - KNOWN_PROVIDERS.keys():
        _check_near(f"feature {{}} of {namespace}", supported[namespace], features[namespace], set(), place)


def _check_near(
    what: str, names: Collection[str], wanted: Collection[str], others: Collection[str], place: str
) -> None:
    """Raise VariantError if an unknown name is a misspelling of a missing *wanted* name."""
    missing = [name for name in wanted if name not in names]
    for name in names:
        if name not in wanted and name not in others and (near := near_name(name, missing)):
            text = f"unknown {what.format(repr(name))} (did you mean {near!r}?)"
            raise VariantError(text, place=place, remedy="rename it, or remove it")


def _without_plugins(evaluation: Evaluation, environ: Mapping[str, str], config: UserConfig) -> Evaluation:
    """Return an evaluation without the advice to trust a plugin: dispatch never runs plugins."""
    supported, origins = evaluation.support
    unasked = {
        name: UNKNOWN._replace(text=f"unknown ({unknown_in_build(name, environ, config)})")
        for name, origin in origins.items()
        if origin.kind == UNKNOWN.kind
    }
    return evaluation._replace(support=Support(supported, {**origins, **unasked}))


def _labels(release: Release) -> list[str]:
    """Return the labels of a release that a user can request."""
    return sorted({wheel.label or PLAIN for wheel in release.candidates})


def _setting(wish: Wish) -> str:
    return wish.source if wish.source == LABEL else f"config setting {wish.source!r}"


def _nothing(locked: pylock.Locked, wish: Wish, target: Target) -> VariantError:
    """Return the error if no wheel fits."""
    release = locked.release
    what = f"{release.name} {release.version}"
    able = [
        label
        for label in _labels(release)
        if evaluate_label(release, None if label == PLAIN else label, target).selected
    ]
    if wish.label is not None:
        return VariantError(
            f"no wheel of {what} with label {wish.label!r} fits this Python and platform",
            place=_setting(wish),
            remedy=f"use one of these labels: {one_of(able)}" if able else _OTHER_PYTHON,
        )
    source = ""
    if locked.sdist:
        source = f"; to build its source, which runs the code in it, set {BUILD_SOURCE}={release.name}"
    if not able:
        return NothingFitsError(
            f"no wheel of {what} fits this Python and platform", remedy=_OTHER_PYTHON + source
        )
    return NothingFitsError(
        f"no wheel of {what} fits this machine",
        remedy=f"to install one anyway, use -Cvariant=LABEL or set {LABEL}=LABEL (labels: {one_of(able)});"
        f" to describe the machine, set {HARDWARE} to facts such as cuda:12.8, a preset, or the path of a"
        f" machine file{source}",
    )


def _summary(picked: Pick, wish: Wish, support: Support, policy: str) -> str:
    """Return one line: the selected wheel, the reason, and how to select another."""
    release, (supported, origins) = picked.release, support
    parts = [f"{release.name} {release.version}: selected {picked.wheel.file.filename}, {picked.why}"]
    if wish.hardware is not None and wish.label is None:
        parts.append(f"{HARDWARE} describes the machine")
    parts += (f"{name}: {origin}" for name, origin in origins.items() if not supported.get(name))
    if wish.label is None and policy:
        parts.append(policy)
    if wish.sources is not None:
        parts.append(f"{INDEX_URL} is its source")
    if wish.label is not None:
        parts.append(f"{_setting(wish)} requests it; unset it to select a wheel for this machine")
    else:
        labels = shortened(_labels(release))
        parts.append(f"to select another, use -Cvariant=LABEL or set {LABEL}=LABEL (labels: {labels})")
    return "; ".join(parts)
