"""The files of one run of `check`: each is checked alone, then kept for comparison with the others."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from ..errors import VariantError
from ..formats.release import Location
from ..lowlevel.ranges import opened_file
from ..lowlevel.regular_files import open_regular
from ..variants import consistency
from ..variants.filename import WheelFilename, normalize
from ..variants.metadata import VariantMetadata
from ..variants.requirements import LocalPin
from ..variants.wheel_metadata import label_problem
from ..wheels import soundness, upload_rules
from ..wheels.reading import WheelFile
from ..wheels.wrong_files import shown_path
from .dependency_rules import Dependencies
from .documents import CheckedProject, check_metadata, check_project_file
from .findings import Findings
from .index_pages import PAGES, check_pages, is_project_folder, pages_in, project_folders
from .input_files import document_content, file_mode, is_regular_file, name_of, sorted_entries
from .sdists import check_sdist
from .wheel_members import OpenWheel, check_wheel

if TYPE_CHECKING:
    from packaging.version import Version

_INDEX = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)-variants\.json", re.IGNORECASE)

# The kinds of files, in the order of the summary.
WHEEL, INDEX_FILE, DOCUMENT, PAGE = "wheel", "index file", "JSON document", "index page"
SDIST, PROJECT_FILE = "sdist", "project file"
KINDS = (WHEEL, INDEX_FILE, DOCUMENT, PAGE, SDIST, PROJECT_FILE)

# A folder or the URL of a page, and the normalized name and the version of a release in it.
_Key = tuple[Location, str, "Version"]
# Opens an sdist; raises VariantError or OSError.
OpenSdist = Callable[[], BinaryIO]


class ReleaseFiles(NamedTuple):
    """The files of one release in one folder, or on one page; *sizes* of the wheels are in bytes.

    A file whose metadata is broken is not in *metadata*, one whose RECORD is broken is not in *payloads*, and
    one whose METADATA is broken is not in *dependencies*. *pins* are the requirements of wheels on local
    versions.
    """

    folder: Location
    name: str
    version: Version
    wheels: dict[Location, WheelFilename]
    metadata: dict[Location, VariantMetadata]
    indexes: dict[Location, VariantMetadata | None]
    payloads: dict[Location, Mapping[str, str]]
    dependencies: dict[Location, Dependencies]
    sizes: dict[Location, int]
    pins: dict[Location, Sequence[LocalPin]]


class CheckedFiles:
    """The files of a run: wheels and index files by release, sdists, and the files that pages list.

    *folders* are the folders and pages given by the user: each has whole releases. *listed* has the filenames
    on the pages of a project, for each folder that may hold its wheels. *kinds* has the kind of each file.
    *projects* has the readable project files. With *payload*, the compiled modules of wheels are read.
    """

    def __init__(self, findings: Findings, *, payload: bool = False) -> None:
        self.findings = findings
        self._payload = payload
        self.releases: dict[_Key, ReleaseFiles] = {}
        self.sdists: dict[_Key, OpenSdist] = {}
        self.folders: set[Location] = set()
        self.listed: dict[tuple[Path, str], set[str]] = {}
        self.kinds: dict[Location, str] = {}
        self.projects: dict[Path, CheckedProject] = {}

    def check(self, path: Path) -> None:
        """Check a file or a folder."""
        with self.findings.noting(shown_path(path), code="unreadable"):
            if stat.S_ISDIR(file_mode(path)):
                if _is_of_release(path.name):
                    raise VariantError("expected a file, got a folder")
                self._check_folder(path)
            else:
                self._check_file(path)

    def _check_folder(self, folder: Path) -> None:
        """Check the release files and the package index in a folder; ignore other files."""
        self.folders.add(folder)
        entries = sorted_entries(folder)
        files = [path for path in entries if _is_of_release(path.name) or sdist_key(path.name, folder)]
        projects = project_folders(folder)
        for path in (*files, *projects):
            self.check(path)
        if is_project_folder(folder):
            self._check_pages(folder)
        elif not files and not projects:
            expected = "a wheel, an index file, a variant.json, a pyproject.toml or a package index (simple/)"
            self.findings.note(folder, f"expected {expected}, found none", code="nothing-to-check")

    def _check_file(self, path: Path) -> None:
        if path.suffix == ".whl":
            self.kinds[path] = WHEEL
            self._check_wheel(path)
        elif path.name in PAGES and is_project_folder(path.parent):
            self._check_pages(path.parent)
        elif path.suffix == ".json":
            self.check_document(path, path.parent, document_content(path))
        elif path.suffix == ".toml":
            self.kinds[path] = PROJECT_FILE
            if (project := check_project_file(self.findings, path)) is not None:
                self.projects[path] = project
        elif (key := sdist_key(path.name, path.parent)) is not None:
            self.kinds[path] = SDIST
            self.sdists[key] = partial(open_regular, path)
            check_sdist(self.findings, path, *key[1:])
        else:
            text = "expected a name that ends in .whl, .json or .toml"
            self.findings.note(path, text, code="unknown-file")

    def _release(self, key: _Key) -> ReleaseFiles:
        return self.releases.setdefault(key, ReleaseFiles(*key, {}, {}, {}, {}, {}, {}, {}))

    def _check_wheel(self, path: Path) -> None:
        """Check a wheel on this machine."""
        filename = None
        with self.findings.noting(path, code="bad-filename"):
            filename = WheelFile.of(path).name
        with opened_file(path) as source:
            self.check_wheel(OpenWheel(path, filename, source, _copy_beside(path)), path.parent)

    def add_wheel(self, location: Location, folder: Location, filename: WheelFilename) -> None:
        """Add a wheel whose content cannot be read; raises VariantError if its version is invalid."""
        self._release((folder, *filename.release())).wheels[location] = filename

    def check_wheel(self, wheel: OpenWheel, folder: Location) -> None:
        """Check the filename and the content of a wheel in a folder or on a page."""
        location, filename, source, _ = wheel
        key = None
        if filename is not None:
            with self.findings.noting(location, code="bad-filename"):
                key = (folder, *filename.release())
            problems = [*soundness.of_filename(filename)] or upload_rules.of_upload(filename, source.size)
            self.findings.add(location, problems)
        checked = check_wheel(self.findings, wheel, payload=self._payload)
        if filename is not None and key is not None:
            release = self._release(key)
            release.wheels[location] = filename
            release.sizes[location] = source.size
            release.pins[location] = checked.pins
            if checked.metadata is not None:
                release.metadata[location] = checked.metadata
            if checked.payload is not None:
                release.payloads[location] = checked.payload
            if checked.dependencies is not None:
                release.dependencies[location] = checked.dependencies

    def check_document(self, location: Location, folder: Location, content: bytes) -> None:
        """Check a variant.json or an index file in a folder or on a page."""
        name = name_of(location)
        metadata = check_metadata(self.findings, location, content)
        named = _INDEX.fullmatch(name)
        key = _release_key(folder, named["name"], named["version"]) if named else None
        self.kinds[location] = DOCUMENT if key is None else INDEX_FILE
        if key is not None:
            self._release(key).indexes[location] = metadata
            return
        if name.endswith("variants.json"):
            self.findings.note(
                location, "installers do not look for a file with this name", code="index-name"
            )
        if metadata is not None:
            self.findings.add(location, consistency.of_metadata(metadata))
            if name == "variant.json":
                self.findings.add(location, filter(None, [label_problem(metadata.variants, None)]))

    def _check_pages(self, folder: Path) -> None:
        """Check the pages of a project in a package index."""
        self.kinds.update((path, PAGE) for path in pages_in(folder))
        names = check_pages(self.findings, folder)
        if names is not None:
            for place in (folder, folder.parent.parent):
                self.listed[place, normalize(folder.absolute().name)] = names


def _is_of_release(name: str) -> bool:
    """Return whether a file in a folder belongs to a release, by its filename."""
    return name.endswith((".whl", "variants.json")) or name in ("variant.json", "pyproject.toml")


def sdist_key(filename: str, folder: Location) -> _Key | None:
    """Return the release of an sdist in a folder or on a page. None if this is not the name of an sdist."""
    name, separator, version = filename.removesuffix(".tar.gz").rpartition("-")
    return _release_key(folder, name, version) if separator and filename.endswith(".tar.gz") else None


def _copy_beside(path: Path) -> bytes | None:
    """Return the copy of METADATA beside a wheel. None if there is none, or if it cannot be read."""
    copy = path.with_name(f"{path.name}.metadata")
    try:
        return document_content(copy) if is_regular_file(copy) else None
    except VariantError:  # an unreadable copy is reported with the page that links to it
        return None


def _release_key(folder: Location, name: str, version: str) -> _Key | None:
    from packaging.version import Version

    try:
        return folder, normalize(name), Version(version)
    except ValueError:  # InvalidVersion, or more digits than Python converts
        return None
