"""Download the selected wheels, verify their hashes, and write lock files."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError, one_of
from ..formats import pylock
from ..formats.release import Candidate, File, Release
from ..lowlevel.file_set import Output, update
from ..lowlevel.ranges import Advance, file_digest
from ..lowlevel.workspace import move_new, move_over, workspace
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from ..wheels.plain import for_pip, plain_name
from ..wheels.reading import Wheel, WheelFile, open_wheel
from .download import download
from .resolve import Pick, SdistPick


class Fetched(NamedTuple):
    """A downloaded file: its final *path*, and the content of its variant.json, None if it has none.

    It is *verified* if a secure hash matched, and not *written* if the same file already existed.
    """

    pick: Pick | SdistPick
    path: Path
    metadata: VariantMetadata | None
    verified: bool
    written: bool


class LockFile(NamedTuple):
    """A lock file to write; *index_url* is the package index of all packages in it."""

    path: Path
    index_url: str | None


def fetch(
    picks: Sequence[Pick | SdistPick],
    folder: Path | None,
    lock: LockFile | None,
    *,
    plain: bool = False,
    force: bool = False,
    advance: Advance = lambda _: None,
) -> list[Fetched]:
    """Download files into a *folder*, unless it is None, and write the lock file, unless it is None.

    A lock file has wheels only. With *plain*, wheels get plain names and their variant markers are evaluated.
    Existing files that differ are replaced only with *force*. Raises VariantError if anything fails; no files
    are written then.
    """
    wheels = [pick for pick in picks if isinstance(pick, Pick)]
    if folder is None:
        _write_lock(wheels, [], lock, force=force)
        return []
    rename = plain_name if plain else None
    with fetched(picks, folder, plain=rename, force=force, advance=advance) as results:
        _write_lock(wheels, results, lock, force=force)
    return results


def _write_lock(
    picks: Sequence[Pick], results: Sequence[Fetched], lock: LockFile | None, *, force: bool
) -> None:
    if lock is not None:
        update([locked(picks, results, lock, force=force)])


@contextmanager
def fetched(
    picks: Sequence[Pick | SdistPick],
    folder: Path,
    *,
    plain: Callable[[WheelFilename], WheelFilename] | None = None,
    force: bool = False,
    advance: Advance = lambda _: None,
    hosts: Collection[str] | None = None,
) -> Iterator[list[Fetched]]:
    """Download files, and move them into a folder when the ``with`` block ends without an exception.

    *plain* returns the plain name of a wheel; with it, variant markers are evaluated. An existing file stays
    if it is the same, and is replaced only with *force*. *advance* gets the numbers of received bytes.
    *hosts* are the other hosts that may send the files, any host if None.
    Raises VariantError if anything fails; no files are written then.
    """
    targets = [folder / _target_name(pick, plain) for pick in picks]
    _check_targets(picks, targets)
    with workspace(folder) as scratch:
        results: list[Fetched] = []
        moves: list[tuple[Path, Path]] = []
        for number, (pick, target) in enumerate(zip(picks, targets, strict=True)):
            inner = scratch / str(number)
            inner.mkdir()
            file = pick.file
            is_kept = plain is None or isinstance(pick, SdistPick)
            if is_kept and _exists_verified(file, target, force=force):
                part, verified = target, True
            else:
                part = inner / file.filename
                verified = download(file, part, advance=advance, hosts=hosts)
            metadata = _variant_metadata(part, pick) if isinstance(pick, Pick) else None
            if plain and isinstance(pick, Pick):
                part = for_pip(WheelFile(part, pick.wheel.name.own), scratch, pick.supported, plain)
            written = part != target and not _is_same(part, target, force=force)
            results.append(Fetched(pick, target, metadata, verified, written))
            moves += [(part, target)] if written else []
        yield results
        _move_all(moves, force=force)


def _target_name(pick: Pick | SdistPick, plain: Callable[[WheelFilename], WheelFilename] | None) -> str:
    if isinstance(pick, SdistPick):
        return pick.file.filename
    return str(plain(pick.wheel.name) if plain else pick.wheel.name)


def _move_all(moves: Iterable[tuple[Path, Path]], *, force: bool) -> None:
    """Move the wheels to their targets; raises VariantError if another file has appeared at one of them."""
    moved: list[Path] = []
    try:
        for part, target in moves:
            if force:
                move_over(part, target)
            elif _is_new(part, target):
                moved.append(target)
    except BaseException:
        for target in moved:
            target.unlink()
        raise


def _is_new(part: Path, target: Path) -> bool:
    """Move a wheel, unless the same file has appeared meanwhile; return whether it was moved."""
    while not _is_same(part, target, force=False):
        with suppress(FileExistsError):  # it appeared just now, and may disappear again
            move_new(part, target)
            return True
    return False


def _check_targets(picks: Sequence[Pick | SdistPick], targets: Sequence[Path]) -> None:
    """Raise VariantError if two wheels would get the same path."""
    sources: dict[Path, list[str]] = {}
    for pick, target in zip(picks, targets, strict=True):
        sources.setdefault(target, []).append(pick.file.filename)
    if several := [(names, target) for target, names in sources.items() if len(names) > 1]:
        raise VariantError(
            *(f"{' and '.join(names)} would both become {target}" for names, target in several),
            remedy="fetch each of them into its own folder",
        )


def _exists_verified(file: File, target: Path, *, force: bool) -> bool:
    """Return whether a file already exists with a matching hash; raises VariantError if another file does."""
    if not file.proofs or not target.is_file():
        return False
    name, digest = min(file.proofs.items())
    if file_digest(target, name) == digest:
        return True
    _check_may_be_replaced(target, force=force)
    return False


def _is_same(part: Path, target: Path, *, force: bool) -> bool:
    """Return whether the same file already exists; raises VariantError if another file does."""
    if not os.path.lexists(target):
        return False
    if target.is_file() and filecmp.cmp(part, target, shallow=False):
        return True
    _check_may_be_replaced(target, force=force)
    return False


def _check_may_be_replaced(target: Path, *, force: bool) -> None:
    if target.is_dir():
        raise VariantError("expected a file, got a folder", place=target, remedy="move the folder away")
    if not force:
        text = "already exists with different content"
        raise VariantError(text, place=target, remedy="use --force to replace it")


def _variant_metadata(path: Path, picked: Pick) -> VariantMetadata | None:
    """Return the content of a wheel's variant.json; raises VariantError if the index file contradicts it."""
    if picked.label is None or picked.wheel.name.by_overlay:
        return None
    with open_wheel(path, whole=False) as wheel:
        return announced_metadata(wheel, picked)


def announced_metadata(wheel: Wheel, picked: Pick) -> VariantMetadata | None:
    """Return the content of an open wheel's variant.json, None for a plain wheel.

    Raises VariantError if the index file contradicts it.
    """
    if picked.label is None:
        return None
    metadata = wheel.usable_variant_metadata()
    if picked.variant not in (None, metadata.variants[picked.label]):
        raise VariantError(
            "the properties in its variant.json differ from those in the index file",
            remedy="report this to the publisher of the release",
        )
    return metadata


def locked(picks: Sequence[Pick], results: Sequence[Fetched], lock: LockFile, *, force: bool) -> Output:
    """Return a lock file with all wheels of the picked releases, or only the pinned label's wheels.

    Without an index file, *results* give the properties of a pinned label. An existing file may be replaced
    if variant-backend wrote it, or with *force*. Raises VariantError if a package is requested twice.
    """
    from ..formats.toml_edit import from_dict

    path = lock.path
    pylock.check_lock_name(path.name)
    names = [pick.release.name for pick in picks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        text = f"requested more than once: {one_of(twice)}"
        raise VariantError(
            text, place=path, remedy="a lock file has one entry per package; request each once"
        )
    read = {result.pick.file.location: result.metadata for result in results}
    packages = [_locked(pick, read.get(pick.wheel.file.location), lock.index_url) for pick in picks]
    content = from_dict(pylock.to_dict(packages, path.parent)).encode()
    return Output(
        path.parent,
        path.name,
        content,
        is_ours=lambda present: force or pylock.is_created_here(present),
        remedy="use --force to replace it",
    )


def _locked(pick: Pick, read: VariantMetadata | None, index_url: str | None) -> pylock.Locked:
    """Return the lock file entry of a release, without wheels that no reader could select.

    *read* is the content of the wheel's variant.json, None if the wheel was not downloaded.
    """
    metadata = pick.release.metadata
    if pick.pinned and pick.label is not None:
        metadata = metadata if pick.variant else read
        if metadata is None:
            raise VariantError(
                "a lock file requires the properties of this label, and no index file lists them",
                place=pick.wheel.file.filename,
                remedy="use --output DIR, so that the properties are read from the downloaded wheel",
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
    """Return a local file with its size and hash, a remote one unchanged; drop the hashes of METADATA."""
    file = file._replace(core_metadata=None)
    if file.path is None or file.hashes:
        return file
    return file._replace(hashes={"sha256": file_digest(file.path)}, size=file.path.stat().st_size)
