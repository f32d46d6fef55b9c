"""Deliver the wheel of a dispatching sdist: select one of the pinned wheels, then download and verify it.

The machine and the user's settings decide. Only the servers that the sdist or the user names are contacted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError, did_you_mean, one_of, shortened
from ..formats import dispatching_sdist
from ..formats.machine_spec import MachineSpec
from ..formats.pylock import Locked
from ..formats.release import Candidate, Release, shown_location
from ..lowlevel.ranges import Advance
from ..lowlevel.regular_files import read_regular
from ..lowlevel.urls import UNSAFE, host_of, is_safe_line, shown_url
from ..lowlevel.workspace import workspace
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
    HARDWARE,
    INDEX_URL,
    LABEL,
    PLAIN,
    check_variables,
    given_machine,
    labels_of,
    near_name,
)
from ..selection.download import download
from ..selection.evaluate import Evaluation, evaluate, evaluate_label
from ..selection.fetch import announced_metadata, fetched
from ..selection.releases import Sources, find_listings
from ..selection.report import Remedies, explained
from ..selection.resolve import Pick, picked_of
from ..selection.target import Target, running_target
from ..variants.known_providers import KNOWN_PROVIDERS
from ..variants.metadata import VariantMetadata
from ..variants.namespace_support import UNKNOWN, Support
from ..variants.ranking import Supported
from ..wheels.plain import decided_metadata, tagged_name
from ..wheels.reading import Wheel, open_wheel

_OTHER_PYTHON = "use a Python version and platform that the list above names"
_REMEDIES = Remedies(unknown=f"set {HARDWARE}=FILE")


class Wish(NamedTuple):
    """The user's settings: a *label* and the name of its setting, a machine, the URL of a mirror.

    The machine in the variable is above that in the configuration.
    """

    label: str | None = None
    source: str = ""
    hardware: MachineSpec | None = None
    index_url: str | None = None

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
        index_url = environ.get(INDEX_URL) or None
        if index_url and not is_safe_line(index_url):
            raise VariantError(f"{shown_url(index_url)!a} {UNSAFE}", place=INDEX_URL)
        return cls(label, source, hardware, index_url)


class Dispatched(NamedTuple):
    """The selected wheel, the *hosts* that may send it, and a line with reason and alternatives."""

    pick: Pick
    hosts: frozenset[str]
    summary: str


def select_wheel(
    config_settings: ConfigSettings | None,
    environ: Mapping[str, str],
    *,
    root: Path = Path(),
    report: Callable[..., object],
) -> Dispatched:
    """Select one of the wheels that the sdist at *root* pins, for the running interpreter and this machine.

    Config settings and environment have the user's settings. Raises VariantError if the sdist is invalid or
    no wheel fits; in the latter case, *report* first gets a table with the reasons, line by line.
    """
    return select_pinned(dispatching_sdist.load_pinned(root), config_settings, environ, report=report)


def select_pinned(
    locked: Locked,
    config_settings: ConfigSettings | None,
    environ: Mapping[str, str],
    *,
    report: Callable[..., object],
) -> Dispatched:
    """Select one of the listed wheels of a release, as `select_wheel` does."""
    release = locked.release
    wish = Wish.read(config_settings, environ, name=release.name)
    target = running_target()
    config = configured(environ) if wish.label is None else UserConfig()
    evaluation = _evaluated(release, wish, config, environ, target)
    if not evaluation.selected:
        report(f"{release.name} {release.version} has different wheels for different machines; none fits:")
        for line in explained(evaluation, _REMEDIES):
            report(*line)
        raise _nothing(release, wish, target)
    picked = picked_of(evaluation, pinned=wish.label is not None)
    summary = _summary(picked, wish, evaluation.support, build_policy_text(config, environ))
    hosts = {host_of(wheel.file.url) for wheel in release.candidates if wheel.file.url}
    hosts.update(host_of(f"https://{host}") for host in locked.hosts)
    if wish.index_url is not None:
        picked = _on_mirror(picked, wish.index_url)
        hosts.add(host_of(wish.index_url))
    return Dispatched(picked, frozenset(hosts), summary)


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
            hint="to set a label for one project only, write NAME#LABEL" if wish.source == LABEL else None,
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
            raise VariantError(text, place=place, hint="rename it, or remove it")


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


def _nothing(release: Release, wish: Wish, target: Target) -> VariantError:
    """Return the error if no wheel fits."""
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
            hint=f"use one of these labels: {one_of(able)}" if able else _OTHER_PYTHON,
        )
    if not able:
        return VariantError(f"no wheel of {what} fits this Python and platform", hint=_OTHER_PYTHON)
    return VariantError(
        f"no wheel of {what} fits this machine",
        hint=f"to install one anyway, use -Cvariant=LABEL or set {LABEL}=LABEL (labels: {one_of(able)});"
        f" to describe the machine, set {HARDWARE} to facts such as cuda:12.8, a preset, or the path of a"
        " machine file",
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
    if wish.index_url is not None:
        parts.append(f"{INDEX_URL} is its source")
    if wish.label is not None:
        parts.append(f"{_setting(wish)} requests it; unset it to select a wheel for this machine")
    else:
        labels = shortened(_labels(release))
        parts.append(f"to select another, use -Cvariant=LABEL or set {LABEL}=LABEL (labels: {labels})")
    return "; ".join(parts)


def _on_mirror(picked: Pick, index_url: str) -> Pick:
    """Return the wheel with its URL on the user's index; size and hashes stay as pinned."""
    release, file = picked.release, picked.wheel.file
    listings = find_listings(release.name, Sources(index_urls=(index_url,)))
    if listings.problems:
        raise VariantError(*listings.problems).within(INDEX_URL)
    listed = [wheel for listing in listings.of_version(release.version) for wheel in listing.wheels]
    mirrored = next((wheel.file for wheel in listed if wheel.file.filename == file.filename), None)
    if mirrored is None:
        raise VariantError(
            f"{shown_url(index_url)} has no {file.filename}",
            place=INDEX_URL,
            hint="add the wheel to that index, request a label that it has, or unset the variable",
        )
    if mirrored.url is None or not is_safe_line(mirrored.url):
        raise VariantError(f"{shown_location(mirrored)!a} {UNSAFE}", place=INDEX_URL)
    return picked._replace(wheel=picked.wheel._replace(file=file._replace(location=mirrored.location)))


def build(
    dispatched: Dispatched,
    wheel_directory: str,
    metadata_directory: str | None,
    *,
    advance: Advance = lambda _: None,
) -> str:
    """Download the wheel and return its name.

    If *metadata_directory* is given, the METADATA of the wheel must be the same. Raises VariantError if the
    wheel cannot be delivered, and then leaves no files behind.
    """
    pick, hosts, _ = dispatched
    folder = Path(wheel_directory)
    try:
        with workspace(folder) as scratch:
            with fetched([pick], scratch, plain=tagged_name, advance=advance, hosts=hosts) as (result,):
                pass
            wheel = result.path
            if metadata_directory is not None:
                check_is_prepared(wheel, Path(metadata_directory) / "METADATA")
            wheel.replace(folder / wheel.name)
    except OSError as error:
        raise unwritable(error, folder) from None
    return wheel.name


def check_is_prepared(wheel: Path, prepared: Path) -> None:
    """Raise VariantError unless a wheel has the METADATA that was prepared."""
    with open_wheel(wheel, whole=False) as opened:
        content = opened.core_metadata
    if not prepared.is_file() or read_regular(prepared) != content:
        raise VariantError(
            "METADATA differs from the prepared METADATA",
            place=wheel.name,
            hint="use the same config settings and environment for both hooks",
        )


def prepare_metadata(
    dispatched: Dispatched, metadata_directory: str, *, advance: Advance = lambda _: None
) -> str:
    """Write the dist-info folder of the wheel, without RECORD, and return its name.

    Only these files are downloaded, in ranges. If the server sends no ranges or the hash of METADATA is not
    pinned, the whole wheel is downloaded. In ranges, METADATA is verified against its hash, and variant.json
    against the pinned properties. WHEEL is not verified, but installers read it from the wheel. Raises
    VariantError if the metadata cannot be delivered, and then leaves no files behind.
    """
    pick, hosts, _ = dispatched
    folder = Path(metadata_directory)
    name = f"{pick.wheel.name.stem}.dist-info"
    try:
        with workspace(folder) as scratch:
            files = _dist_info(pick, hosts, scratch, advance)
            for filename, content in files.items():
                (scratch / filename).write_bytes(content)
            (folder / name).mkdir(exist_ok=True)
            for filename in files:
                (scratch / filename).replace(folder / name / filename)
    except OSError as error:
        raise unwritable(error, folder) from None
    return name


def _dist_info(pick: Pick, hosts: frozenset[str], scratch: Path, advance: Advance) -> dict[str, bytes]:
    """Return the files of the dist-info folder. Raises VariantError if they differ from the pinned ones."""
    file = pick.wheel.file
    pinned = (file.core_metadata or {}).get("sha256")
    if pinned and (wheel := _in_ranges(pick.wheel, hosts)):
        try:
            digest = hashlib.sha256(wheel.core_metadata).hexdigest()
            if digest != pinned:
                raise VariantError(
                    f"METADATA: expected the sha256 {pinned}, got {digest}",
                    hint="report this to the project: the wheel was replaced after the release",
                )
            return _announced_files(wheel, pick)
        except VariantError as error:
            raise error.within(shown_location(file)) from None
    path = scratch / file.filename
    download(file, path, advance=advance, hosts=hosts)
    with open_wheel(path) as wheel:
        return _announced_files(wheel, pick)


def _in_ranges(wheel: Candidate, hosts: frozenset[str]) -> Wheel | None:
    """Read the dist-info files of a wheel in ranges. None if the server sends no ranges."""
    from ..wheels import remote

    file = wheel.file
    if file.url is None:
        return None
    try:
        return remote.read_wheel(remote.on_server(wheel.name, file.url, size=file.size, other_hosts=hosts))
    except remote.NoRangesError:
        return None


def _announced_files(wheel: Wheel, pick: Pick) -> dict[str, bytes]:
    """Return the dist-info files of a wheel. Raises VariantError if they contradict the pinned metadata."""
    announced_metadata(wheel, pick)
    names = ["WHEEL", *(["variant.json"] if wheel.is_variant() else [])]
    return {
        "METADATA": decided_metadata(wheel, pick.supported),
        **{name: wheel.read_file(name) for name in names},
    }


def unwritable(error: OSError, folder: Path) -> VariantError:
    """Return the error for a file that cannot be written."""
    return VariantError(f"{error.filename2 or error.filename or folder}: {error.strerror}")
