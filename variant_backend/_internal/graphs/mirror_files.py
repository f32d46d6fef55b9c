"""The files of a mirror: each is downloaded once, and verified by its hash whenever the mirror is updated."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..checking.index_pages import MIRROR
from ..errors import VariantError, problems_of
from ..formats.release import File
from ..lowlevel.file_set import Output, write_all_files
from ..lowlevel.ranges import Advance
from ..lowlevel.regular_files import read_regular
from ..lowlevel.threads import map_in_threads
from ..lowlevel.workspace import PREFIX, move_over, workspace
from ..selection.download import download
from ..serving.page import Prepared, hashes_of
from ..serving.prepare import ensure_rewritten
from ..serving.streaming import digest_on_disk
from ..serving.upstream import Upstream
from ..wheels.reading import open_wheel
from .dependencies import python_in
from .mirror_manifest import KnownFile, Manifest, path_in_mirror, sha256_of

_METADATA = ".metadata"


class MirroredFile(NamedTuple):
    """A file of a mirror: *path* is relative to the folder, and *file* is as pages list it, at that path."""

    path: str
    file: File


class MirrorFolder:
    """The folder of a mirror, with its *manifest*; *scratch* is a private folder in it.

    `files` are the files that this run needs, by the key of their source.
    """

    def __init__(self, root: Path, scratch: Path, manifest: Manifest) -> None:
        self.root = root
        self.manifest: Manifest = manifest
        self.files: dict[tuple[str, str], MirroredFile] = {}
        self.downloaded: int = 0
        self._scratch = scratch

    def missing_size(self, wanted: Iterable[Prepared]) -> int:
        """Return the number of bytes to download, as far as sources list sizes."""
        return sum(ready.file.size or 0 for ready in wanted if self._existing(ready) is None)

    def add(self, wanted: Iterable[Prepared], upstream: Upstream, advance: Advance = lambda _: None) -> None:
        """Download the files that are missing or damaged; raises VariantError with all that fail.

        The manifest names a file before it appears, so that no file of the mirror is taken for another one.
        """
        new = {_source(ready): ready for ready in wanted if _source(ready) not in self.files}
        known = {
            path_in_mirror(ready.file.filename, digest): KnownFile(digest)
            for ready in new.values()
            if (digest := sha256_of(ready.file.hashes))
        }
        self.write_manifest(self.manifest._replace(files={**self.manifest.files, **known}))
        store = partial(self._stored_or_error, upstream=upstream, advance=advance)
        results = map_in_threads(store, new.values())
        if problems := problems_of(result for result in results if isinstance(result, VariantError)):
            raise VariantError(*problems)
        stored = dict(zip(new, results, strict=True))
        self.files |= {key: result for key, result in stored.items() if isinstance(result, MirroredFile)}
        sources = {
            self.files[key].path: KnownFile(self.files[key].file.hashes["sha256"], key[0])
            for key, ready in new.items()
            if not sha256_of(ready.file.hashes)
        }
        self.write_manifest(self.manifest._replace(files={**self.manifest.files, **sources}))

    def of(self, ready: Prepared) -> MirroredFile:
        """Return a file that was added."""
        return self.files[_source(ready)]

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest if it differs."""
        if manifest != self.manifest or not (self.root / MIRROR).exists():
            write_all_files([Output(self.root, MIRROR, manifest.to_json())])
            self.manifest = manifest

    def _existing(self, ready: Prepared) -> str | None:
        """Return the path of the existing file with the right content, None if there is none."""
        digest = sha256_of(ready.file.hashes)
        for path, known in self._places(ready, digest):
            with suppress(VariantError):
                if digest_on_disk(self.root / path)[0] == known:
                    return path
        return None

    def _places(self, ready: Prepared, digest: str) -> Iterator[tuple[str, str]]:
        if digest:
            yield path_in_mirror(ready.file.filename, digest), digest
            return
        for path, known in self.manifest.files.items():
            if known.source == ready.key and path.rpartition("/")[2] == ready.file.filename:
                yield path, known.sha256

    def _stored_or_error(
        self, ready: Prepared, upstream: Upstream, advance: Advance
    ) -> MirroredFile | VariantError:
        try:
            path = self._existing(ready) or self._downloaded(ready, upstream, advance)
            return self._with_metadata(ready.file, path)
        except VariantError as error:
            return error
        except OSError as error:
            place = error.filename2 or error.filename or ready.file.filename
            return VariantError(error.strerror or str(error), place=place)

    def _downloaded(self, ready: Prepared, upstream: Upstream, advance: Advance) -> str:
        """Download a file, give it its name, and return its path; raises VariantError."""
        path_in_mirror(ready.file.filename, "")  # before its name becomes a path
        ensure_rewritten(ready, upstream)
        folder = self._scratch / os.urandom(6).hex()
        folder.mkdir()
        part = folder / ready.file.filename
        download(ready.file, part, advance=advance)
        path = path_in_mirror(part.name, digest_on_disk(part)[0])
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        move_over(part, self.root / path)
        self.downloaded += 1
        return path

    def _with_metadata(self, file: File, path: str) -> MirroredFile:
        """Return a file as pages list it, after METADATA was written beside a wheel."""
        place = self.root / path
        digest, size = digest_on_disk(place)
        requires_python, beside = file.requires_python, None
        if place.suffix == ".whl":
            content = None
            with suppress(VariantError), open_wheel(place, whole=False) as wheel:
                content = wheel.core_metadata
            if content is not None:
                self._write_beside(place, content)
                requires_python, beside = python_in(content), hashes_of(content)
        listed = File(
            place.name,
            path,
            {"sha256": digest},
            size,
            requires_python,
            beside,
            file.yanked,
            file.upload_time,
        )
        return MirroredFile(path, listed)

    def _write_beside(self, wheel: Path, content: bytes) -> None:
        """Write METADATA beside a wheel, unless it is there."""
        beside = wheel.with_name(f"{wheel.name}{_METADATA}")
        with suppress(OSError, VariantError):
            if read_regular(beside) == content:
                return
        part = self._scratch / os.urandom(6).hex()
        part.write_bytes(content)
        move_over(part, beside)


def _source(ready: Prepared) -> tuple[str, str]:
    return ready.key, ready.file.filename


@contextmanager
def mirror_folder(root: Path) -> Iterator[MirrorFolder]:
    """Open the folder of a mirror, or of a new one; raises VariantError if it has other files.

    Unfinished files of an earlier run that was killed are removed.
    """
    _manifest_in(root)  # before anything is written into a folder with other files
    with workspace(root) as scratch:
        _check_alone(root, scratch)
        yield MirrorFolder(root, scratch, _manifest_in(root))


def _check_alone(root: Path, scratch: Path) -> None:
    """Raise VariantError if another run has the mirror: files of ended runs have been removed."""
    locks = {path.name for path in root.glob(f".{PREFIX}*.lock")} - {f"{scratch.name}.lock"}
    if locks:
        remedy = f"wait until it ends; if there is none, remove {min(locks)}"
        raise VariantError("another run updates this mirror", place=root, remedy=remedy)


def _manifest_in(root: Path) -> Manifest:
    """Return the manifest of a mirror, an empty one for a new folder; raises VariantError."""
    remedy = "use an empty folder, or a mirror (--output)"
    try:
        return Manifest.of_json(read_regular(root / MIRROR))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise VariantError(error.strerror or str(error), place=root, remedy=remedy) from None
    except VariantError as error:
        remedy = "empty this file, and run the command again: it finds the downloaded files"
        raise VariantError(*error.problems, remedy=remedy).within(root / MIRROR) from None
    try:
        others = [path.name for path in root.iterdir() if not path.name.startswith(f".{PREFIX}")]
    except FileNotFoundError:
        return Manifest()
    except OSError as error:
        raise VariantError(error.strerror or str(error), place=root, remedy=remedy) from None
    if others:
        raise VariantError(
            f"expected a mirror or an empty folder, got other files: {min(others)}", place=root, remedy=remedy
        )
    return Manifest()
