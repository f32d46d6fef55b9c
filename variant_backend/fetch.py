"""Fetching: one wheel for each package, chosen or pinned, held to its hashes, and all named at the end."""

from __future__ import annotations

import filecmp
import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from . import pylock
from ._files import Advance, workspace
from ._http import shown
from ._outputs import Output
from ._toml import from_dict
from .choice import Judged, choose, in_order, judge, ranked
from .download import download
from .errors import VariantError, did_you_mean, one_of
from .filename import WheelFilename, normalize
from .inspection import Inspection
from .installed import Installed, disagreements
from .metadata import VariantMetadata
from .properties import Property, Variant
from .pyproject import read_toml
from .releases import INDEX_FILE, Listing, Release, find_listings, local_path, read_release
from .simple_api import File
from .support import Support
from .unmake import for_pip, plain_name
from .wheel_rewrite import open_wheel

if TYPE_CHECKING:
    from packaging.markers import Environment

    from .pins import Pin
    from .system import System
    from .target import Target

_STEP = 1 << 20
# What proves a file: of other hashes, files can be made that have the same.
_PROOFS = {
    name for name in hashlib.algorithms_guaranteed if name not in ("md5", "sha1") and "shake" not in name
}
_CREATED_HERE = f'created-by = "{pylock.CREATED_BY}"'.encode()


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
        return _label(self.file)

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


class Fetched(NamedTuple):
    """A wheel that is there: its final *path*, and what its variant.json says, None for a plain one.

    It is *verified* if a hash proves it, and not *written* if the same file was there already.
    """

    pick: Pick
    path: Path
    metadata: VariantMetadata | None
    verified: bool
    written: bool


class _Source(NamedTuple):
    """Where wheels are looked for, and what for."""

    find_links: Sequence[Path]
    index_urls: Sequence[str]
    target: Target


def pick(
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
    source = _Source(find_links, index_urls, target)
    picks: list[Pick] = []
    faults: list[VariantError] = []
    missing: list[str] = []
    for pin in pins:
        try:
            found = _pick(pin, source, _without(system, pin.name), faults)
        except VariantError as error:
            missing += error.lines()
            continue
        picks.append(found)
        system = _with_installed(system, found)
    if missing:
        raise VariantError(*missing, *(line for fault in faults for line in fault.lines()))
    return picks, faults


def _pick(pin: Pin, source: _Source, system: System, faults: list[VariantError]) -> Pick:
    """Return the wheel for one package; what else went wrong is added to the faults."""
    listings, unlisted = find_listings(pin.name, find_links=source.find_links, index_urls=source.index_urls)
    faults += unlisted
    if pin.label is None:
        judged, passed = choose(listings, system, source.target, version=pin.version)
    else:
        judged, passed = _choose_label(pin.label, [*in_order(listings, pin.version)], pin, source.target)
    looked = [judged, *passed] if judged else passed
    faults += [fault for each in looked for fault in (*each.release.faults, *each.faults)]
    if judged is None:
        text = _nothing(pin, listings, passed, source)
        raise VariantError(text, *_conflicts_of_choice(pin, listings, system, source.target))
    found = _picked(judged, pinned=pin.label is not None)
    if passed:
        versions = one_of(str(each.release.version) for each in passed)
        found = found._replace(why=f"{found.why}; newer, without a wheel that fits: {versions}")
    if apart := _conflicts(system, found):
        raise VariantError(*apart)
    return found


def _choose_label(
    label: str, listings: Sequence[Listing], pin: Pin, target: Target
) -> tuple[Judged | None, list[Judged]]:
    """Do what `choose` does among the wheels of one label, by what their names and indexes say."""
    # Whatever the label stands for counts as supported.
    bare = VariantMetadata((), {}, {label: Variant(label, frozenset())})
    passed: list[Judged] = []
    for listing in listings:
        sources = [
            source._replace(wheels=tuple(each for each in source.wheels if _label(each) == label))
            for source in listing.sources
        ]
        if not any(source.wheels for source in sources):
            continue
        release = read_release(listing._replace(sources=tuple(sources)), pinned=pin.version is not None)
        # The wheel itself says what the label stands for.
        barred = {name: why for name, why in release.barred.items() if not why.startswith(INDEX_FILE)}
        release, nothing = release._replace(barred=barred), Support({}, {})
        judged = Judged(release, nothing, ranked(release._replace(metadata=bare), nothing, target))
        if judged.chosen:
            return judged, [each for each in passed if each.release.version > listing.version]
        passed.append(judged)
    return None, passed


def _label(file: File) -> str | None:
    """Return the label in a wheel's name, None if there is none that is one."""
    try:
        return WheelFilename.parse(file.filename).label
    except VariantError:
        return None


def _picked(judged: Judged, *, pinned: bool = False) -> Pick:
    """Return what is chosen."""
    verdict = judged.chosen
    assert verdict and verdict.key, "somebody has looked"
    file = judged.file(verdict)
    # Tags may have anything in them, such as a slash, or a drive of Windows.
    if Path(file.filename).name != file.filename or not file.filename.isprintable():
        raise VariantError(f"{file.filename!r} is no filename")
    compatible = sum(each.is_compatible for each in judged.verdicts)
    best = f"the best of {compatible} wheels that fit" if compatible > 1 else "the only wheel that fits"
    if pinned:
        best = f"{best} and has the pinned label; whether that is supported was not looked at"
    elif verdict.key.features:
        best = f"{best}: {one_of(str(each.best) for each in verdict.key.features)}"
    return Pick(judged.release, file, judged.support, best, pinned)


def _nothing(pin: Pin, listings: Sequence[Listing], passed: Sequence[Judged], source: _Source) -> str:
    """Say why there is no wheel for a package."""
    if not listings:
        places = [*map(str, source.find_links), *map(shown, source.index_urls)]
        return f"{pin}: no wheel is in {one_of(places)}"
    if not any(in_order(listings, pin.version)):
        versions = one_of(str(each.version) for each in listings)
        return f"{pin}: there is no such version with wheels; there are {versions}"
    if not passed:
        wheels = [file for each in in_order(listings, pin.version) for file in each.wheels]
        labels = sorted({label for file in wheels if (label := _label(file)) is not None})
        near = did_you_mean(pin.label or "", labels)
        return f"{pin}: no wheel has this label{near}; there are {one_of(labels)}"
    newest = passed[0]
    text = f"{pin}: no wheel of {newest.release.name} {newest.release.version} fits"
    if pin.label is None:
        return f"{text}; `variant-backend explain {pin}` says why"
    return f"{text}: {one_of(dict.fromkeys(why for each in newest.verdicts for why in each.reasons))}"


def _without(system: System, name: str) -> System:
    """Return the system without what is installed of a package: it will be another version."""
    others = tuple(each for each in system.installed if normalize(each.inspection.name) != name)
    return system._replace(installed=others)


def _with_installed(system: System, found: Pick) -> System:
    """Return the system as it is for the packages behind this one."""
    name, version, *_ = found.release
    others = _without(system, name)
    return others._replace(
        installed=(*others.installed, *_installed(found)), pinned={**system.pinned, name: version}
    )


def _installed(found: Pick) -> list[Installed]:
    """Return a wheel as if it was installed, if it is known what its variant is."""
    if found.variant is None:
        return []
    metadata = VariantMetadata((), {}, {found.variant.label: found.variant})
    name, version = found.release.name, str(found.release.version)
    inspection = Inspection(found.file.filename, name, version, found.variant.label, metadata=metadata)
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
    judged, _ = choose(listings, system._replace(align=()), target, version=pin.version)
    return _conflicts(system, _picked(judged)) if judged else []


def pick_locked(path: Path, system: System, target: Target) -> tuple[list[Pick], list[VariantError]]:
    """Return the best wheel of each package of a lock file, by what that says, and its faults.

    Raises VariantError when it cannot be read or does not hold for the target, or with every package
    that has no wheel.
    """
    locked = pylock.select(
        read_toml(path), str(path), _folder_url(path), environment=environment(target), tags=target.tags
    )
    picks: list[Pick] = []
    missing: list[str] = []
    faults: list[VariantError] = []
    for package in locked:
        release = Release(*package[:3], package.metadata, {}, package.faults)
        judged = judge(release, _without(system, package.name), target)
        faults += [*package.faults, *judged.faults]
        if not judged.chosen:
            missing.append(f"{path}: no wheel of {package.name} {package.version} fits")
            continue
        found = _picked(judged)
        if not _PROOFS & found.file.hashes.keys():
            missing.append(f"{path}: {found.file.filename} has no hash that proves it")
        missing += _conflicts(_without(system, package.name), found)
        picks.append(found)
        system = _with_installed(system, found)
    if missing:
        raise VariantError(*missing, *(line for fault in faults for line in fault.lines()))
    return picks, faults


def environment(target: Target) -> Environment:
    """Return what environment markers see on a target (packaging's "Dependency specifiers").

    Of another platform, its release and version are not known, and empty.
    """
    from packaging.markers import default_environment  # takes long to import

    result = default_environment()
    release = ".".join(map(str, (*target.python.release, 0, 0)[:3]))
    if release != result["python_full_version"]:
        result["python_version"] = ".".join(release.split(".")[:2])
        result["python_full_version"] = result["implementation_version"] = release
        result["implementation_name"], result["platform_python_implementation"] = "cpython", "CPython"
    if not target.here:
        facts = _platform(next(tag.platform for tag in target.tags))
        return cast("Environment", {**result, **facts})
    return result


def _platform(tag: str) -> dict[str, str]:
    """Return what environment markers see of the platform that a tag names, as far as it tells.

    >>> _platform("macosx_14_0_arm64")["sys_platform"]
    'darwin'
    """
    if tag.startswith("win"):
        machine = {"win_amd64": "AMD64", "win_arm64": "ARM64"}.get(tag, "x86")
        os_name, sys_platform, system = "nt", "win32", "Windows"
    elif found := re.fullmatch(r"macosx_\d+_\d+_(\w+)", tag):
        machine, os_name, sys_platform, system = found[1], "posix", "darwin", "Darwin"
    else:
        machine = re.sub(r"^((many|musl)?linux)(_\d+_\d+)?_", "", tag)
        os_name, sys_platform, system = "posix", "linux", "Linux"
    return {
        "os_name": os_name,
        "platform_machine": machine,
        "platform_release": "",
        "platform_system": system,
        "platform_version": "",
        "sys_platform": sys_platform,
    }


@contextmanager
def fetched(
    picks: Sequence[Pick],
    folder: Path,
    *,
    plain: bool = False,
    force: bool = False,
    advance: Advance = lambda _: None,
) -> Iterator[list[Fetched]]:
    """Fetch wheels, and give them their names in a folder at the end of the ``with`` block, if it ends well.

    With *plain*, these are without labels, and the variant markers inside are decided. A file that is there
    stays if it is the same, and is replaced with *force* only. *advance* is told the bytes that came.
    Raises VariantError; nothing is left behind then.
    """
    targets = [folder / (plain_name(each.file.filename) if plain else each.file.filename) for each in picks]
    _check_targets(picks, targets)
    with workspace(folder) as scratch:
        results: list[Fetched] = []
        moves: list[tuple[Path, Path]] = []
        for number, (each, target) in enumerate(zip(picks, targets, strict=True)):
            inner = scratch / str(number)
            inner.mkdir()
            if not plain and _is_there(each.file, target, force=force):
                part, verified = target, True
            else:
                part = inner / each.file.filename
                verified = download(each.file, part, advance=advance)
            metadata = _variant_metadata(part, each)
            if plain:
                part = for_pip(part, scratch, each.supported)
            written = part != target and not _is_same(part, target, force=force)
            results.append(Fetched(each, target, metadata, verified, written))
            moves += [(part, target)] if written else []
        yield results
        for part, target in moves:
            part.replace(target)


def _check_targets(picks: Sequence[Pick], targets: Sequence[Path]) -> None:
    """Raise VariantError if two wheels would become one file."""
    sources: dict[Path, list[str]] = {}
    for each, target in zip(picks, targets, strict=True):
        sources.setdefault(target, []).append(each.file.filename)
    if several := [(names, target) for target, names in sources.items() if len(names) > 1]:
        raise VariantError(
            *(f"{' and '.join(names)} would both become {target}" for names, target in several),
            hint="fetch them one by one, into folders of their own",
        )


def _is_there(file: File, target: Path, *, force: bool) -> bool:
    """Tell whether a file is there already, and a hash proves it; raises VariantError if another one is."""
    known = {name: digest for name, digest in file.hashes.items() if name in _PROOFS}
    if not known or not target.exists():
        return False
    name = min(known)
    if _digest(target, name) == known[name]:
        return True
    _check_may_be_replaced(target, force=force)
    return False


def _is_same(part: Path, target: Path, *, force: bool) -> bool:
    """Tell whether the same file is there already; raises VariantError if another one is."""
    if not os.path.lexists(target):
        return False
    if target.is_file() and filecmp.cmp(part, target, shallow=False):
        return True
    _check_may_be_replaced(target, force=force)
    return False


def _check_may_be_replaced(target: Path, *, force: bool) -> None:
    if not force:
        raise VariantError(f"{target} is there, and is another file", hint="give --force to replace it")


def _digest(path: Path, algorithm: str) -> str:
    """Return a hexadecimal digest of a file; raises VariantError when it cannot be read."""
    digest = hashlib.new(algorithm)
    try:
        with path.open("rb") as file:
            while data := file.read(_STEP):
                digest.update(data)
    except OSError as error:
        raise VariantError(f"{path}: {error.strerror}") from None
    return digest.hexdigest()


def _variant_metadata(path: Path, picked: Pick) -> VariantMetadata | None:
    """Return what variant.json of a wheel says; raises VariantError if it is not what was announced."""
    if picked.label is None:
        return None
    with open_wheel(path, whole=False) as wheel:
        metadata = wheel.variant_metadata()
    if picked.variant not in (None, metadata.variants[picked.label]):
        raise VariantError(
            f"{path.name}: its variant.json says other properties than were announced",
            hint="the index file does not belong to this wheel; tell who published it",
        )
    return metadata


def lock(
    picks: Sequence[Pick], results: Sequence[Fetched], path: Path, *, index_url: str | None, force: bool
) -> Output:
    """Return a lock file with all wheels of the releases that were picked; of a pinned label, with its own.

    *results* may tell of labels what no index file does. *index_url* is the package index of all of them.
    A file that is there is replaced if it was made here, or with *force*. Raises VariantError.
    """
    pylock.check_name(path.name)
    names = [each.release.name for each in picks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise VariantError(f"{one_of(twice)} is asked for twice, and a lock file has each package once")
    told = {each.pick.file.url: each.metadata for each in results}
    packages = [_locked(each, told.get(each.file.url), index_url) for each in picks]
    output = Output(path.parent, path.name, from_dict(pylock.to_dict(packages, _folder_url(path))).encode())
    if path.is_file() and not force and _CREATED_HERE not in path.read_bytes():
        raise VariantError(
            f"{path} is there, and was not made by variant-backend", hint="give --force to replace it"
        )
    return output


def _locked(picked: Pick, told: VariantMetadata | None, index_url: str | None) -> pylock.Locked:
    """Return a release as it is locked, without what no reader of the lock file could choose."""
    release, metadata = picked.release, picked.release.metadata
    if picked.pinned:
        metadata = metadata if picked.variant else told
        if metadata is None or picked.label is None:
            raise VariantError(
                f"{picked.file.filename}: no index file says what its label means, and a lock file must",
                hint="with -d, the wheel is fetched and says it",
            )
        metadata = pylock.reduced(metadata, [picked.label])
    known = {None, *(metadata.variants if metadata else ())}
    wheels = [
        _with_hash(file)
        for file in release.wheels
        if file.filename not in release.barred and _label(file) in known
    ]
    has_variants = any(_label(file) for file in wheels)
    return pylock.Locked(
        release.name, release.version, tuple(wheels), metadata if has_variants else None, index_url
    )


def _with_hash(file: File) -> File:
    """Return a file of this machine with its size and hash, others as they are."""
    path = local_path(file)
    if path is None or file.hashes:
        return file
    return file._replace(hashes={"sha256": _digest(path, "sha256")}, size=path.stat().st_size)


def _folder_url(path: Path) -> str:
    return f"{path.absolute().parent.as_uri()}/"
