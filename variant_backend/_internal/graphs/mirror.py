"""Mirror whole graphs of several machines as static files: one index for each machine, and each file once.

Readers may use the folder while it is written. Files come first, and their names have their hashes. Then
pages list old and new files, and in the end only the new ones: at each moment, they have all that one state
of the mirror needs. A killed run leaves such a moment, and the next run continues there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError
from ..formats.release import File
from ..formats.simple_api import is_own_html, is_own_json
from ..lowlevel.file_set import Output, write_all_files
from ..lowlevel.ranges import Advance
from ..lowlevel.regular_files import read_regular
from ..serving.upstream import Upstream
from .lock_file import LockedMachine, lock_output
from .mirror_closure import MirroredMachine
from .mirror_files import MirrorFolder
from .mirror_manifest import Manifest
from .mirror_pages import (
    MirroredPackage,
    ProjectFiles,
    files_on_own_page,
    index_pages,
    mirror_page,
    project_pages,
)
from .resolution import GraphPackage

_HEAD = (
    "Made by `variant-backend mirror`. Paths are relative to this file. INDEX is the index of this machine,",
    "such as file:///srv/mirror/NAME/simple/: it has what builds sdists. Install with pip 26.1 or with uv:",
    "    pip install --index-url INDEX -r FILE",
    "    uv pip sync --default-index INDEX FILE",
)


class MirrorResult(NamedTuple):
    """What a mirror has now: the number of its *files*, and those that no page lists any more."""

    files: int
    unneeded: tuple[str, ...]


class Mirror(NamedTuple):
    """The mirror of some machines in a folder; *specs* are what the user wrote about machines, by name."""

    folder: MirrorFolder
    machines: Sequence[MirroredMachine]
    specs: Mapping[str, str]

    @property
    def packages(self) -> Iterator[GraphPackage]:
        """The packages of all machines; one may be in it several times."""
        return (package for machine in self.machines for package in machine.packages)

    def missing_size(self) -> int:
        """Return the number of bytes to download, as far as sources list sizes."""
        return self.folder.missing_size(package.ready for package in self.packages)

    def download(self, upstream: Upstream, advance: Advance) -> None:
        """Download the files that are missing or damaged; raises VariantError with all that fail."""
        self.folder.add([package.ready for package in self.packages], upstream, advance)

    def publish(self) -> MirrorResult:
        """Write the pages and the lock files; raises VariantError if one cannot be written."""
        folder, before = self.folder, self.folder.manifest
        outputs = {output.name: output for output in (*self._pages(), *self._locks())}
        folder.write_manifest(before._replace(pages=tuple(sorted({*before.pages, *outputs}))))
        _write_changed(output for output in both_states(folder.root, outputs))
        _write_changed(outputs.values())
        _remove(folder.root, [path for path in before.pages if path not in outputs])
        needed = {mirrored.path for mirrored in folder.files.values()}
        files = {path: known for path, known in before.files.items() if (folder.root / path).exists()}
        folder.write_manifest(Manifest(files, tuple(sorted(outputs))))
        return MirrorResult(len(needed), tuple(sorted(files.keys() - needed)))

    def _pages(self) -> Iterator[Output]:
        contents: dict[str, bytes] = {}
        for machine in self.machines:
            contents |= index_pages(machine.name, self._files(machine))
        names = {machine.name: machine.environments for machine in self.machines}
        contents["index.html"] = mirror_page(names, _shown_packages(self.machines))
        return (_page_output(self.folder.root, path, content) for path, content in contents.items())

    def _files(self, machine: MirroredMachine) -> ProjectFiles:
        """Return the files of a machine by project."""
        files: dict[str, dict[str, File]] = {}
        for package in machine.packages:
            mirrored = self.folder.of(package.ready)
            files.setdefault(package.name, {})[mirrored.path] = mirrored.file
        return {name: [*known.values()] for name, known in files.items()}

    def _locks(self) -> Iterator[Output]:
        for machine in self.machines:
            graphs = [mirrored.resolved for mirrored in machine.targets]
            locked = LockedMachine(machine.name, self.specs.get(machine.name, ""))
            output = lock_output(self.folder.root, locked, graphs, self._file_on_disk, _HEAD, force=False)
            yield _replacing_empty(output)

    def _file_on_disk(self, package: GraphPackage) -> File:
        path, file = self.folder.of(package.ready)
        return file._replace(location=self.folder.root / path)


def _shown_packages(machines: Iterable[MirroredMachine]) -> list[MirroredPackage]:
    """Return the packages of the graphs for people."""
    installed: dict[str, dict[str, dict[str, None]]] = {}
    for machine in machines:
        for resolved, _ in machine.targets:
            for package in resolved.graph.packages:
                installed.setdefault(package.name, {}).setdefault(machine.name, {})[package.words] = None
    return [
        MirroredPackage(name, {machine: ", ".join(texts) for machine, texts in known.items()})
        for name, known in installed.items()
    ]


def _page_output(root: Path, path: str, content: bytes) -> Output:
    is_own = is_own_json if path.endswith(".json") else is_own_html
    return _replacing_empty(Output(root, path, content, is_own))


def _replacing_empty(output: Output) -> Output:
    """Return a file that also replaces an empty one: `move_new` may leave that if it is killed."""
    return output._replace(is_ours=lambda present: not present or output.is_ours(present))


def _write_changed(outputs: Iterable[Output]) -> None:
    """Write the files that are missing or differ; raises VariantError, also for files of others."""
    write_all_files([output for output in outputs if output.difference()])


def both_states(root: Path, outputs: Mapping[str, Output]) -> Iterator[Output]:
    """Yield the pages of projects with their old and their new files; pages of new projects as they are."""
    for path, output in outputs.items():
        folder, _, name = path.rpartition("/")
        if name != "index.json" or folder.count("/") < 2:  # not MACHINE/simple/PROJECT
            continue
        new = files_on_own_page(folder, output.content)
        known = {file.location for file in new}
        old: list[File] = []
        with suppress(OSError, VariantError):  # a damaged page has no state to keep
            old = files_on_own_page(folder, read_regular(root / path))
        both = [*new, *(file for file in old if file.location not in known)]
        for place, content in project_pages(folder, folder.rpartition("/")[2], both).items():
            yield _page_output(root, place, content)


def _remove(root: Path, paths: Iterable[str]) -> None:
    """Remove files of the mirror, and folders that become empty."""
    for path in paths:
        with suppress(FileNotFoundError):
            (root / path).unlink()
        for parent in (root / path).relative_to(root).parents[:-1]:
            with suppress(OSError):  # it has other files
                (root / parent).rmdir()


def prune(folder: MirrorFolder, unneeded: Iterable[str]) -> None:
    """Remove files that no page lists any more; the manifest names them until they are gone."""
    unneeded = [*unneeded]
    for path in unneeded:
        _remove(folder.root, [f"{path}.metadata", path])
    files = {path: known for path, known in folder.manifest.files.items() if path not in {*unneeded}}
    folder.write_manifest(Manifest(files, folder.manifest.pages))
