"""Fetching: the wheels that were picked are held to their hashes, and all get their names at the end."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError, one_of
from ..formats import pylock
from ..formats.release import Candidate, File, Release
from ..lowlevel.file_set import Output, update
from ..lowlevel.ranges import Advance, file_digest
from ..lowlevel.workspace import workspace
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from ..wheels.plain import for_pip, plain_name
from ..wheels.reading import Wheel, WheelFile, open_wheel
from .download import download
from .resolve import Pick

_CREATED_HERE = f'created-by = "{pylock.CREATED_BY}"'.encode()


class Fetched(NamedTuple):
    """A wheel that is there: its final *path*, and what its variant.json says, None for a plain one.

    It is *verified* if a hash proves it, and not *written* if the same file was there already.
    """

    pick: Pick
    path: Path
    metadata: VariantMetadata | None
    verified: bool
    written: bool


class LockFile(NamedTuple):
    """A lock file that is to be written; *index_url* is the package index of all that it lists."""

    path: Path
    index_url: str | None


def fetch(
    picks: Sequence[Pick],
    folder: Path | None,
    lock: LockFile | None,
    *,
    plain: bool = False,
    force: bool = False,
    advance: Advance = lambda _: None,
) -> list[Fetched]:
    """Fetch wheels into a *folder*, if they have a place to go, and write a lock file, if one is asked for.

    With *plain*, wheels get plain names, and their variant markers are decided. Files that differ are
    replaced with *force* only. Raises VariantError; nothing is left behind then.
    """
    if folder is None:
        _write_lock(picks, [], lock, force=force)
        return []
    rename = plain_name if plain else None
    with fetched(picks, folder, plain=rename, force=force, advance=advance) as results:
        _write_lock(picks, results, lock, force=force)
    return results


def _write_lock(
    picks: Sequence[Pick], results: Sequence[Fetched], lock: LockFile | None, *, force: bool
) -> None:
    if lock is not None:
        update([locked(picks, results, lock, force=force)])


@contextmanager
def fetched(
    picks: Sequence[Pick],
    folder: Path,
    *,
    plain: Callable[[WheelFilename], WheelFilename] | None = None,
    force: bool = False,
    advance: Advance = lambda _: None,
    hosts: Collection[str] | None = None,
) -> Iterator[list[Fetched]]:
    """Fetch wheels, and give them their names in a folder at the end of the ``with`` block, if it ends well.

    *plain* makes plain names of theirs, and lets the variant markers inside be decided. A file that is there
    stays if it is the same, and is replaced with *force* only. *advance* is told the bytes that came. *hosts*
    are those that may send the files beside their own; by default, that is any.
    Raises VariantError; nothing is left behind then.
    """
    names = [pick.wheel.name for pick in picks]
    targets = [folder / str(plain(name) if plain else name) for name in names]
    _check_targets(picks, targets)
    with workspace(folder) as scratch:
        results: list[Fetched] = []
        moves: list[tuple[Path, Path]] = []
        for number, (pick, target) in enumerate(zip(picks, targets, strict=True)):
            inner = scratch / str(number)
            inner.mkdir()
            file = pick.wheel.file
            if not plain and _is_there(file, target, force=force):
                part, verified = target, True
            else:
                part = inner / file.filename
                verified = download(file, part, advance=advance, hosts=hosts)
            metadata = _variant_metadata(part, pick)
            if plain:
                part = for_pip(WheelFile(part, pick.wheel.name), scratch, pick.supported, plain)
            written = part != target and not _is_same(part, target, force=force)
            results.append(Fetched(pick, target, metadata, verified, written))
            moves += [(part, target)] if written else []
        yield results
        for part, target in moves:
            part.replace(target)


def _check_targets(picks: Sequence[Pick], targets: Sequence[Path]) -> None:
    """Raise VariantError if two wheels would become one file."""
    sources: dict[Path, list[str]] = {}
    for pick, target in zip(picks, targets, strict=True):
        sources.setdefault(target, []).append(pick.wheel.file.filename)
    if several := [(names, target) for target, names in sources.items() if len(names) > 1]:
        raise VariantError(
            *(f"{' and '.join(names)} would both become {target}" for names, target in several),
            hint="fetch them one by one, into folders of their own",
        )


def _is_there(file: File, target: Path, *, force: bool) -> bool:
    """Tell whether a file is there already, and a hash proves it; raises VariantError if another one is."""
    if not file.proofs or not target.is_file():
        return False
    name, digest = min(file.proofs.items())
    if file_digest(target, name) == digest:
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
    if target.is_dir():
        raise VariantError(f"{target} is a folder", hint="move it away")
    if not force:
        raise VariantError(f"{target} is there, and is another file", hint="give --force to replace it")


def _variant_metadata(path: Path, picked: Pick) -> VariantMetadata | None:
    """Return what variant.json of a wheel says; raises VariantError if it is not what was announced."""
    if picked.label is None:
        return None
    with open_wheel(path, whole=False) as wheel:
        return announced_metadata(wheel, picked)


def announced_metadata(wheel: Wheel, picked: Pick) -> VariantMetadata | None:
    """Return what variant.json of an open wheel says, None for a plain one.

    Raises VariantError if it is not what was announced.
    """
    if picked.label is None:
        return None
    metadata = wheel.variant_metadata()
    if picked.variant not in (None, metadata.variants[picked.label]):
        raise VariantError(
            "its variant.json says other properties than were announced",
            hint="the index file does not belong to this wheel; tell who published it",
        )
    return metadata


def locked(picks: Sequence[Pick], results: Sequence[Fetched], lock: LockFile, *, force: bool) -> Output:
    """Return a lock file with all wheels of the releases that were picked; of a pinned label, with its own.

    *results* may tell of labels what no index file does.
    A file that is there may be replaced if it was made here, or with *force*. Raises VariantError.
    """
    from ..formats.toml_edit import from_dict

    path = lock.path
    pylock.check_lock_name(path.name)
    names = [pick.release.name for pick in picks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise VariantError(f"{one_of(twice)} is asked for twice, and a lock file has each package once")
    read = {result.pick.wheel.file.location: result.metadata for result in results}
    packages = [_locked(pick, read.get(pick.wheel.file.location), lock.index_url) for pick in picks]
    content = from_dict(pylock.to_dict(packages, path.parent)).encode()
    return Output(
        path.parent,
        path.name,
        content,
        is_ours=lambda present: force or _CREATED_HERE in present,
        remedy="give --force to replace it",
    )


def _locked(pick: Pick, read: VariantMetadata | None, index_url: str | None) -> pylock.Locked:
    """Return a release as it is locked, without what no reader of the lock file could choose.

    *read* is what the variant.json of the wheel says, if that is there.
    """
    metadata = pick.release.metadata
    if pick.pinned:
        metadata = metadata if pick.variant else read
        if metadata is None or pick.label is None:
            raise VariantError(
                "no index file says what its label means, and a lock file must",
                place=pick.wheel.file.filename,
                hint="with -d, the wheel is fetched and says it",
            )
        metadata = pylock.reduced(metadata, [pick.label])
    known = {None, *(metadata.variants if metadata else ())}
    wheels = tuple(
        Candidate(wheel.name, _with_hash(wheel.file))
        for wheel in pick.release.candidates
        if not wheel.problems and wheel.label in known
    )
    has_variants = any(wheel.label for wheel in wheels)
    name, version = pick.release.name, pick.release.version
    return pylock.Locked(Release(name, version, wheels, metadata if has_variants else None), index_url)


def _with_hash(file: File) -> File:
    """Return a file of this machine with its size and hash, others as they are.

    The hashes of METADATA are left out: the whole wheel is held to its own.
    """
    file = file._replace(core_metadata=None)
    if file.path is None or file.hashes:
        return file
    return file._replace(hashes={"sha256": file_digest(file.path)}, size=file.path.stat().st_size)
