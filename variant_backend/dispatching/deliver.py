"""The wheel that a dispatching sdist brings: which one of those that it pins, and how that comes.

It is chosen for this machine, and by its user. What comes must be what the sdist pins, and it comes from
servers that are named there, or by the user.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError, did_you_mean, one_of
from ..formats import dispatching_sdist
from ..formats.release import Candidate, Release, shown_location
from ..lowlevel import http
from ..lowlevel.ranges import Advance
from ..lowlevel.workspace import workspace
from ..machine.detect import hardware_of
from ..machine.support import Machine, Policy
from ..project.config_settings import ConfigSettings, asked_variants, check_settings, only_label
from ..selection.download import download
from ..selection.evaluate import Evaluation, evaluate, evaluate_label
from ..selection.fetch import announced_metadata, fetched
from ..selection.releases import Sources, find_listings
from ..selection.report import PLAIN, Remedies, explained
from ..selection.resolve import Pick, picked_of
from ..selection.target import Target, running_target
from ..variants.filename import check_project_name, normalize
from ..variants.namespace_support import UNKNOWN, Support
from ..variants.ranking import shortened
from ..wheels.plain import decided_metadata, tagged_name
from ..wheels.reading import Wheel, open_wheel

LABEL = "VARIANT_BACKEND_LABEL"
HARDWARE = "VARIANT_BACKEND_HARDWARE"
INDEX_URL = "VARIANT_BACKEND_INDEX_URL"

_REMEDIES = Remedies(unknown=f"{HARDWARE}=FILE says it")


class Wish(NamedTuple):
    """What the user has decided: a *label*, if any, and which setting says so; a hardware file; a mirror."""

    label: str | None = None
    source: str = ""
    hardware: Path | None = None
    index_url: str | None = None

    @classmethod
    def read(cls, config_settings: ConfigSettings | None, environ: Mapping[str, str], *, name: str) -> Wish:
        """Return what config settings and environment say of a project; an empty variable says nothing.

        A label among the config settings counts before that of the environment. Raises VariantError.
        """
        check_settings(config_settings, None)
        asked = asked_variants(config_settings)
        label = only_label(asked)
        source = asked[label] if label is not None else ""
        if label is None:
            try:
                label = _label_for(name, environ.get(LABEL, ""))
            except VariantError as error:
                raise error.within(LABEL) from None
            source = LABEL if label is not None else ""
        hardware = Path(environ[HARDWARE]) if environ.get(HARDWARE) else None
        if hardware and not hardware.is_absolute():  # the sdist has no say about this
            raise VariantError(
                f"{hardware} is not absolute", place=HARDWARE, hint="builds run in a folder of their own"
            )
        index_url = environ.get(INDEX_URL) or None
        if index_url and not http.is_safe_line(index_url):
            raise VariantError(f"{http.shown_url(index_url)!a} {http.UNSAFE}", place=INDEX_URL)
        return cls(label, source, hardware, index_url)


def _label_for(name: str, text: str) -> str | None:
    """Return the label that a list asks of a project, given by its normalized name; raises VariantError.

    Of its entries, ``NAME#LABEL`` is for one project, and ``LABEL`` for all others.

    >>> _label_for("torch", "Torch#cu128, null"), _label_for("demo", "Torch#cu128, null")
    ('cu128', 'null')
    """
    labels: dict[str, str] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        project, separator, label = map(str.strip, entry.rpartition("#"))
        if separator:
            check_project_name(project)
        if labels.setdefault(normalize(project), label) != label:
            raise VariantError(
                f"{entry!a} is not the only label that is asked for", hint="write NAME#LABEL for each project"
            )
    return labels.get(name) or labels.get("") or None


class Dispatched(NamedTuple):
    """What is chosen, the *hosts* that may send it, and a line that tells why and how to choose otherwise."""

    pick: Pick
    hosts: frozenset[str]
    summary: str


def select_wheel(
    config_settings: ConfigSettings | None,
    environ: Mapping[str, str],
    *,
    root: Path = Path(),
    tell: Callable[..., object],
) -> Dispatched:
    """Choose among the wheels that the sdist at *root* pins, for the running interpreter and this machine.

    The user has a say by config settings and environment. Raises VariantError when the sdist is not sound, or
    no wheel fits; before the latter, *tell* is given a table of the reasons.
    """
    locked = dispatching_sdist.load_pinned(root)
    release = locked.release
    wish = Wish.read(config_settings, environ, name=release.name)
    target = running_target()
    evaluation = _evaluated(release, wish, environ, target)
    if not evaluation.selected:
        for line in explained(evaluation, _REMEDIES):
            tell(*line)
        raise _nothing(release, wish, target)
    picked = picked_of(evaluation, pinned=wish.label is not None)
    summary = _summary(picked, wish, evaluation.support)
    hosts = {http.host_of(wheel.file.url) for wheel in release.candidates if wheel.file.url}
    hosts.update(http.host_of(f"https://{host}") for host in locked.hosts)
    if wish.index_url is not None:
        picked = _on_mirror(picked, wish.index_url)
        hosts.add(http.host_of(wish.index_url))
    return Dispatched(picked, frozenset(hosts), summary)


def _evaluated(release: Release, wish: Wish, environ: Mapping[str, str], target: Target) -> Evaluation:
    if wish.label is None:
        try:
            hardware = hardware_of(wish.hardware, environ)
        except VariantError as error:  # of the file
            raise error.within(HARDWARE) from None
        return _without_plugins(evaluate(release, Machine(hardware), Policy(), target))
    labels = _labels(release)
    if wish.label not in labels:
        raise VariantError(
            f"{release.name} {release.version} has no wheel with label {wish.label!r}"
            f"{did_you_mean(wish.label, labels)}; there are {one_of(labels)}",
            place=_setting(wish),
            hint=f"{LABEL}=NAME#LABEL is for one project alone" if wish.source == LABEL else None,
        )
    return evaluate_label(release, None if wish.label == PLAIN else wish.label, target)


def _without_plugins(evaluation: Evaluation) -> Evaluation:
    """Return an evaluation without the advice to trust a plugin, as none is run here."""
    supported, origins = evaluation.support
    unasked = UNKNOWN.with_more(", as no plugin is run here")
    origins = {name: unasked if origin.kind == UNKNOWN.kind else origin for name, origin in origins.items()}
    return evaluation._replace(support=Support(supported, origins))


def _labels(release: Release) -> list[str]:
    """Return the labels of a release as a user may ask for them."""
    return sorted({wheel.label or PLAIN for wheel in release.candidates})


def _setting(wish: Wish) -> str:
    return wish.source if wish.source == LABEL else f"config setting {wish.source!r}"


def _nothing(release: Release, wish: Wish, target: Target) -> VariantError:
    """Return what to tell when no wheel fits."""
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
            hint=f"wheels with other labels do: {one_of(able)}" if able else None,
        )
    if not able:
        return VariantError(f"no wheel of {what} fits this Python and platform")
    return VariantError(
        f"no wheel of {what} fits this machine",
        hint=f"-Cvariant=LABEL or {LABEL} takes one whatever is supported: {one_of(able)};"
        f" {HARDWARE}=FILE says what is supported",
    )


def _summary(picked: Pick, wish: Wish, support: Support) -> str:
    """Return the line that tells what is chosen, why, and how to choose otherwise."""
    release, (supported, origins) = picked.release, support
    parts = [f"{release.name} {release.version}: {picked.wheel.file.filename} is {picked.why}"]
    if wish.hardware is not None and wish.label is None:
        parts.append(f"{HARDWARE} says what is supported")
    parts += (f"{name}: {origin}" for name, origin in origins.items() if not supported.get(name))
    if wish.index_url is not None:
        parts.append(f"{INDEX_URL} says where it is")
    if wish.label is not None:
        parts.append(f"{_setting(wish)} asks for it, and without that this machine decides")
    else:
        parts.append(f"-Cvariant=LABEL or {LABEL} chooses otherwise: {shortened(_labels(release))}")
    return "; ".join(parts)


def _on_mirror(picked: Pick, index_url: str) -> Pick:
    """Return the wheel as an index of the user's has it: by its name, with size and hashes as pinned."""
    release, file = picked.release, picked.wheel.file
    listings = find_listings(release.name, Sources(index_urls=(index_url,)))
    if listings.problems:
        raise VariantError(*listings.problems).within(INDEX_URL)
    listed = [wheel for listing in listings.in_order(release.version) for wheel in listing.wheels]
    mirrored = next((wheel.file for wheel in listed if wheel.file.filename == file.filename), None)
    if mirrored is None:
        raise VariantError(
            f"{http.shown_url(index_url)} has no {file.filename}",
            place=INDEX_URL,
            hint="add it there, ask for a label that is there, or unset the variable",
        )
    if mirrored.url is None or not http.is_safe_line(mirrored.url):
        raise VariantError(f"{shown_location(mirrored)!a} {http.UNSAFE}", place=INDEX_URL)
    return picked._replace(wheel=picked.wheel._replace(file=file._replace(location=mirrored.location)))


def build(
    dispatched: Dispatched,
    wheel_directory: str,
    metadata_directory: str | None,
    *,
    advance: Advance = lambda _: None,
) -> str:
    """Bring the wheel, and return its name.

    Its METADATA must be what *metadata_directory* has, if that is given. Raises VariantError; nothing is left
    behind then.
    """
    pick, hosts, _ = dispatched
    folder = Path(wheel_directory)
    try:
        with workspace(folder) as scratch:
            with fetched([pick], scratch, plain=tagged_name, advance=advance, hosts=hosts) as (result,):
                pass
            wheel = result.path
            if metadata_directory is not None:
                _check_is_prepared(wheel, Path(metadata_directory) / "METADATA")
            wheel.replace(folder / wheel.name)
    except OSError as error:
        raise _failed(error, folder) from None
    return wheel.name


def _check_is_prepared(wheel: Path, prepared: Path) -> None:
    """Check that a wheel has the METADATA that were prepared; raises VariantError."""
    with open_wheel(wheel, whole=False) as opened:
        content = opened.core_metadata
    if not prepared.is_file() or prepared.read_bytes() != content:
        raise VariantError(
            f"{wheel.name}: its METADATA are not those that were prepared before",
            hint="give both hooks the same settings and environment",
        )


def prepare_metadata(
    dispatched: Dispatched, metadata_directory: str, *, advance: Advance = lambda _: None
) -> str:
    """Write the dist-info folder of the wheel, without RECORD, and return its name.

    Only that is asked of the server, in ranges. The whole wheel comes where it sends no ranges, or where the
    hash of METADATA is not pinned. Of what comes in ranges, METADATA is held to its hash, and variant.json to
    the properties that are pinned; WHEEL is not, but nothing is installed by it: the wheel has its own.
    Raises VariantError; nothing is left behind then.
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
        raise _failed(error, folder) from None
    return name


def _dist_info(pick: Pick, hosts: frozenset[str], scratch: Path, advance: Advance) -> dict[str, bytes]:
    """Return the files of the dist-info folder; raises VariantError."""
    file = pick.wheel.file
    pinned = (file.core_metadata or {}).get("sha256")
    if pinned and (wheel := _in_ranges(pick.wheel, hosts)):
        try:
            digest = hashlib.sha256(wheel.core_metadata).hexdigest()
            if digest != pinned:
                raise VariantError(
                    f"the sha256 of its METADATA is {digest}, and {pinned} is pinned",
                    hint="it was changed, where it lies or on its way",
                )
            return _told_by(wheel, pick)
        except VariantError as error:
            raise error.within(shown_location(file)) from None
    path = scratch / file.filename
    download(file, path, advance=advance, hosts=hosts)
    with open_wheel(path) as wheel:
        return _told_by(wheel, pick)


def _in_ranges(wheel: Candidate, hosts: frozenset[str]) -> Wheel | None:
    """Read what a wheel says of itself, None where the server sends no ranges; raises VariantError."""
    from ..wheels import remote

    file = wheel.file
    if file.url is None:
        return None
    try:
        return remote.read_wheel(remote.on_server(wheel.name, file.url, size=file.size, other_hosts=hosts))
    except remote.NoRangesError:
        return None


def _told_by(wheel: Wheel, pick: Pick) -> dict[str, bytes]:
    """Return what stands in the dist-info folder of a wheel, as installers know it; raises VariantError."""
    announced_metadata(wheel, pick)
    names = ["WHEEL", *(["variant.json"] if wheel.is_variant() else [])]
    return {
        "METADATA": decided_metadata(wheel, pick.supported),
        **{name: wheel.read_file(name) for name in names},
    }


def _failed(error: OSError, folder: Path) -> VariantError:
    """Return what to tell of a file that cannot be written."""
    return VariantError(f"{error.filename2 or error.filename or folder}: {error.strerror}")
