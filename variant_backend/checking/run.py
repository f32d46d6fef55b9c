"""What is wrong with wheels, index files, project files, and with releases as a whole.

Nothing that a file holds raises here: it is found. Of wheels, the central directory, the local headers
and the files of dist-info are read, never the payload.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from ..errors import Problem, VariantError
from ..formats import simple_api
from ..lowlevel.ranges import Source
from ..lowlevel.zip_archive import Archive
from ..project.pyproject import Project
from ..variants import consistency
from ..variants.filename import WheelFilename, index_filename, normalize
from ..variants.merging import combine
from ..variants.metadata import VariantMetadata, label_problem
from ..variants.properties import NULL_LABEL, NULL_VARIANT, Variant
from ..variants.validation import Document, read_json
from ..wheels import soundness
from ..wheels.reading import SIGNATURES, Wheel, check_directories, check_identity
from . import release_rules
from .codes import Finding

if TYPE_CHECKING:
    from packaging.version import Version

# A larger document is none that anybody wrote.
_LARGEST_DOCUMENT = 64 << 20

# With these faults a document still says all that it has to say.
_HARMLESS = {"unsorted-values", "unknown-schema", "unknown-key"}

_INDEX = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)-variants\.json", re.IGNORECASE)

# The pages of a project in a package index, ``simple/NAME/``, and what reads them.
_PAGES = {"index.html": simple_api.from_html, "index.json": simple_api.from_json}
# Pages are read as if they were below this: a link that leaves it leads to another host, or to the top of
# a server, and nobody knows which folder that serves.
_HERE = "file:///-/"


def find_problems(paths: Iterable[Path]) -> list[Finding]:
    """Return everything found in wheels, JSON documents, project files and folders of them.

    Of a folder, what a release consists of is read, and the folder is taken for the whole release; so are
    the folders of projects in a package index, ``simple/``, that lies in it.
    """
    run = _Run()
    for path in dict.fromkeys(paths):
        run.look_at(path)
    run.compare()
    return [*run.findings]


class _ReleaseFiles(NamedTuple):
    """What was read of one release in one folder; what is faulty has no metadata."""

    wheels: dict[Path, WheelFilename]
    metadata: dict[Path, VariantMetadata]
    indexes: dict[Path, VariantMetadata | None]


_Key = tuple[Path, "tuple[str, Version]"]


class _Run:
    """One run of `check`: what was found, and what is compared at its end."""

    def __init__(self) -> None:
        self.findings: dict[Finding, None] = {}
        self.releases: dict[_Key, _ReleaseFiles] = {}
        self.sdists: dict[_Key, Path] = {}
        self.folders: set[Path] = set()
        # What the pages of a project list, for the folders in which its wheels may lie.
        self.listed: dict[tuple[Path, str], set[str]] = {}

    def add(self, path: Path, faults: Iterable[Problem], within: str = "") -> None:
        """Note what is wrong with a file, or with a file *within* it, each thing once."""
        for fault in faults:
            place = ": ".join(filter(None, [within, fault.place]))
            self.findings.setdefault(Finding.of(str(path), fault._replace(place=place)))

    @contextmanager
    def noting(self, path: Path, code: str, within: str = "") -> Iterator[None]:
        """Note a VariantError as a finding with this code."""
        try:
            yield
        except VariantError as error:
            self.add(path, (Problem(code, "", each.text, each.remedy) for each in error.problems), within)

    def look_at(self, path: Path) -> None:
        """Read a file or a folder that was named."""
        with self.noting(path, "unreadable"):
            if stat.S_ISDIR(_mode(path)):
                if _belongs(path.name):
                    raise VariantError("it is a folder")
                self.look_into(path)
            elif path.suffix == ".whl":
                self.read_wheel(path)
            elif path.name in _PAGES and _is_of_project(path.parent):
                self.read_pages(path.parent)
            elif path.suffix == ".json":
                self.read_document(path)
            elif path.suffix == ".toml":
                self.read_project(path)
            elif (key := _sdist(path)) is not None:
                self.sdists[key] = path
            else:
                text = "no wheel, JSON document or pyproject.toml"
                self.add(path, [Problem("unknown-file", "", text)])

    def look_into(self, folder: Path) -> None:
        """Read what a folder holds of a release, and of a package index; other files in it are left alone."""
        self.folders.add(folder)
        files = [path for path in _entries(folder) if _belongs(path.name) or _sdist(path)]
        for path in files:
            self.look_at(path)
        inner = _project_folders(folder)
        for project in inner:
            self.look_at(project)
        if _is_of_project(folder):
            self.read_pages(folder)
        elif not files and not inner:
            text = "holds no wheel, no index file and no pyproject.toml"
            self.add(folder, [Problem("nothing-to-check", "", text)])

    def release(self, folder: Path, release: tuple[str, Version]) -> _ReleaseFiles:
        """Return what is known of a release in a folder."""
        return self.releases.setdefault((folder, release), _ReleaseFiles({}, {}, {}))

    def read_wheel(self, path: Path) -> None:
        """Read a wheel, by its name and by what it holds."""
        filename = key = None
        with self.noting(path, "bad-filename"):
            filename = WheelFilename.parse(path.name)
            key = filename.release()
            self.add(path, soundness.of_filename(filename))
        with _opened(path) as source:
            metadata = _WheelReader(self, path).read(source, filename)
        if filename is not None and key is not None:
            release = self.release(path.parent, key)
            release.wheels[path] = filename
            if metadata is not None:
                release.metadata[path] = metadata

    def read_document(self, path: Path) -> None:
        """Read a variant.json or an index file."""
        metadata = self.read_metadata(path, _content(path))
        named = _INDEX.fullmatch(path.name)
        key = _release(named["name"], named["version"]) if named else None
        if key is not None:
            self.release(path.parent, key).indexes[path] = metadata
            return
        if path.name.endswith("variants.json"):
            text = "no installer looks for a file of this name"
            self.add(path, [Problem("index-name", "", text)])
        if metadata is not None:
            faults = [*consistency.of_metadata(metadata)]
            if path.name == "variant.json":
                faults += filter(None, [label_problem(metadata.variants, None)])
            self.add(path, faults)

    def read_metadata(self, path: Path, data: bytes, within: str = "") -> VariantMetadata | None:
        """Read a document, and return what it says, or None if faults hide some of that."""
        document = Document()
        metadata = None
        with self.noting(path, "not-json", within):
            parsed = read_json(document, data)
            metadata = VariantMetadata.read(document, parsed)
            document.problems += consistency.of_values(parsed)
        self.add(path, document.problems, within)
        complete = all(fault.code in _HARMLESS for fault in document.problems)
        return metadata if complete else None

    def read_project(self, path: Path) -> None:
        """Read a project file."""
        document = Document()
        _content(path)  # so that a file that cannot be read is no TOML that is faulty
        with self.noting(path, "not-toml"):
            project = Project.read(document, path)
            if project.metadata is not None:
                variants: Mapping[str, Variant] = {**project.metadata.variants, NULL_LABEL: NULL_VARIANT}
                recipes = {label: project.recipe(label) for label in variants}
                document.problems += consistency.of_metadata(project.metadata)
                document.problems += release_rules.of_recipes(recipes, variants)
        self.add(path, document.problems)

    def read_pages(self, folder: Path) -> None:
        """Read the pages of a project in a package index, and compare them with the files that they list."""
        root = folder.absolute()
        url = _HERE + "/".join(quote(os.fsencode(part), safe="") for part in root.parts[1:])
        pages: dict[str, simple_api.Page] = {}
        paths = [path for name in _PAGES if _is_file(path := folder / name)]
        for path in paths:
            try:
                page = pages[path.name] = _PAGES[path.name](_content(path), f"{url}/{path.name}")
            except VariantError as error:
                self.add(path, (each.at("", "bad-page") for each in error.problems))
                continue
            self.add(path, release_rules.of_page(page, root.name))
            self.add(path, (fault for file in page.files for fault in _faults_of_link(root.anchor, file)))
        if len(pages) == len(_PAGES):
            self.add(folder / "index.json", release_rules.of_pages(pages["index.json"], pages["index.html"]))
        if len(pages) == len(paths):
            names = set.intersection(*({file.filename for file in page.files} for page in pages.values()))
            for place in (folder, folder.parent.parent):
                self.listed[place, normalize(root.name)] = names

    def compare(self) -> None:
        """Compare the files of each release, and several projects' releases."""
        projects: dict[str, dict[str, Variant]] = {}
        where: dict[str, Path] = {}
        wheels: dict[tuple[str, Version], dict[str, VariantMetadata]] = {}  # of a release in all folders
        for (folder, key), release in self.releases.items():
            wheels.setdefault(key, {}).update({str(path): part for path, part in release.metadata.items()})
            self.compare_indexes(folder, key, release)
            self.compare_metadata(release)
            wheel_names = {path.name for path in release.wheels}
            for name in sorted(wheel_names - self.listed.get((folder, key[0]), wheel_names)):
                self.add(folder / name, [Problem("unlisted-wheel", "", f"not listed in simple/{key[0]}/")])
            if folder in self.folders:
                self.find_what_lacks(folder, key, release)
            documents = {str(path): each for path, each in release.indexes.items() if each is not None}
            documents = documents or {str(path): each for path, each in release.metadata.items()}
            if documents:
                projects.setdefault(key[0], {}).update(combine(documents)[0].variants)
                where[key[0]] = Path(min(documents))
        for parts in filter(None, wheels.values()):
            for name, fault in consistency.of_wheels(parts):
                self.add(Path(name), [fault])
        for name, fault in release_rules.of_projects(projects):
            self.add(where[name], [fault])

    def compare_indexes(self, folder: Path, key: tuple[str, Version], release: _ReleaseFiles) -> None:
        """Compare the index files of a release with its wheels, and with their own names."""
        parts = {path.name: part for path, part in release.metadata.items()}
        for path, index in release.indexes.items():
            if not release.wheels and folder in self.folders:
                text = f"no wheel of {key[0]} {key[1]} is beside it"
                self.add(path, [Problem("index-without-wheels", "", text)])
            wanted = index_filename(_spelled(release, key))
            if path.name != wanted:
                self.add(path, [Problem("index-name", "", f"{wanted} is its name")])
            if index is not None:
                self.add(path, consistency.of_index(index, parts))
                labels = consistency.of_labels(index, [*release.wheels.values()], folder in self.folders)
                self.add(path, labels)

    def compare_metadata(self, release: _ReleaseFiles) -> None:
        """Look at what installers make of the documents; what the index file shares is said once."""
        said = set[Problem]()
        for path, index in sorted(release.indexes.items()):
            faults = [*consistency.of_metadata(index)] if index is not None else []
            self.add(path, faults)
            said.update(faults)
        for path, metadata in sorted(release.metadata.items()):
            faults = [fault for fault in consistency.of_metadata(metadata) if fault not in said]
            said.update(faults)
            self.add(path, faults, "variant.json")

    def find_what_lacks(self, folder: Path, key: tuple[str, Version], release: _ReleaseFiles) -> None:
        """Find what is missing in a folder that holds a whole release."""
        if any(filename.label is not None for filename in release.wheels.values()) and not release.indexes:
            text = f"{index_filename(_spelled(release, key))} is missing"
            self.add(folder, [Problem("missing-index", "", text)])
        sdist = self.sdists.get((folder, key))
        faults = [*release_rules.of_fallbacks([*release.wheels.values()], sdist is not None)]
        if sdist and any(fault.code == "plain-from-sdist" for _, fault in faults) and _dispatches(sdist):
            faults = [each for each in faults if each[1].code != "plain-from-sdist"]
        for filename, fault in faults:
            self.add(folder / str(filename), [fault])


class _WheelReader(NamedTuple):
    """Reads one wheel, and notes all that is wrong with it."""

    run: _Run
    path: Path

    def read(self, source: Source, filename: WheelFilename | None) -> VariantMetadata | None:
        """Read an open wheel, and return what its variant.json says, or None without a faultless one."""
        archive = None
        with self.run.noting(self.path, "bad-zip"):
            archive = Archive.read(source)
        if archive is None:
            return None
        with self.run.noting(self.path, "zip-layout"):
            archive.check_layout()
        if filename is None:
            return None  # nobody knows how its directories are called
        wheel = Wheel(filename, archive, {entry.name: entry for entry in archive.entries}, b"")
        with self.run.noting(self.path, "dist-info"):
            check_directories(filename, wheel.entries)
        if not any(name.startswith(wheel.path("")) for name in wheel.entries):
            return None  # nothing that follows could be found
        contents = {name: self.file(wheel, name) for name in ("METADATA", "WHEEL", "RECORD")}
        if (data := contents["METADATA"]) is not None:
            with self.run.noting(self.path, "wrong-identity", "METADATA"):
                check_identity(filename, data)
            self.run.add(self.path, soundness.of_core_metadata(data), "METADATA")
            self.compare_side_file(data)
        if (data := contents["WHEEL"]) is not None:
            self.run.add(self.path, soundness.of_wheel_file(data), "WHEEL")
        if wheel.path("entry_points.txt") in wheel.entries:
            contents["entry_points.txt"] = data = self.file(wheel, "entry_points.txt")
            self.run.add(self.path, soundness.of_entry_points(data or b""), "entry_points.txt")
        self.run.add(self.path, soundness.of_data_folders(wheel.entries, f"{filename.stem}.data"))
        metadata = None
        if wheel.is_variant():
            contents["variant.json"] = data = self.file(wheel, "variant.json")
            metadata = self.read_variant_json(filename, data)
        elif filename.label is not None:
            text = f"{wheel.path('variant.json')} is missing"
            self.run.add(self.path, [Problem("missing-variant-json", "", text)])
        if (rows := contents.pop("RECORD")) is not None:
            known = {wheel.path(name): text for name, text in contents.items() if text is not None}
            self.check_record(wheel, rows, known)
        return metadata

    def read_variant_json(self, filename: WheelFilename, data: bytes | None) -> VariantMetadata | None:
        """Return what variant.json says, or None after noting why it is not known."""
        metadata = self.run.read_metadata(self.path, data, "variant.json") if data is not None else None
        if metadata is None:
            if filename.label is None:
                text = "a plain name, and a variant.json inside"
                self.run.add(self.path, [Problem("unlabelled-variant", "variant.json", text)])
            return None
        faults = [*consistency.of_variant_json(metadata, filename)]
        self.run.add(self.path, faults, "variant.json")
        is_known = all(fault.code == "unlabelled-variant" for fault in faults)
        return metadata if is_known else None

    def compare_side_file(self, data: bytes) -> None:
        """Compare METADATA with the copy of it that may lie beside the wheel (PEP 658)."""
        path = self.path.with_name(f"{self.path.name}.metadata")
        try:
            differs = stat.S_ISREG(_mode(path)) and _content(path) != data
        except VariantError:  # there is none, as a rule
            differs = False
        if differs:
            self.run.add(path, [Problem("side-file", "", f"differs from METADATA in {self.path.name}")])

    def file(self, wheel: Wheel, name: str) -> bytes | None:
        """Return a file of dist-info, or None after noting that it is missing or damaged."""
        with self.run.noting(self.path, "missing-file"):
            return wheel.read_file(name)
        return None

    def check_record(self, wheel: Wheel, data: bytes, contents: Mapping[str, bytes]) -> None:
        """Compare RECORD with the archive, and its hashes with those *contents* that were read."""
        signatures = {wheel.path(name) for name in SIGNATURES}
        present = signatures & wheel.entries.keys()
        if present and wheel.is_variant():
            text = f"{min(present)} signs a RECORD, maybe an older one"
            self.run.add(self.path, [Problem("signature", "", text)])
        place = wheel.path("RECORD")
        with self.run.noting(self.path, "bad-record", "RECORD"):
            record = wheel.parsed_record(data)
            sizes = {name: entry.size for name, entry in wheel.entries.items() if name[-1] != "/"}
            faults = record.faults(place, sizes.keys(), signatures)
            faults += record.wrong_sizes(place, sizes)
            faults += record.wrong_hashes(place, contents)
            listed = sorted(signatures.intersection(row[0] for row in record.rows))
            faults += [Problem("signature-listed", "", f"a row for {listed[0]!r}")] if listed else []
            self.run.add(self.path, (fault._replace(place="") for fault in faults), "RECORD")


def _belongs(name: str) -> bool:
    """Tell whether a file of a folder is a part of a release, by its name."""
    return name.endswith((".whl", "variants.json")) or name in ("variant.json", "pyproject.toml")


def _mode(path: Path) -> int:
    """Return what a file is, as `stat` has it; raises VariantError unless it is a file or a folder."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise VariantError(getattr(error, "strerror", None) or str(error)) from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise VariantError("neither a file nor a folder")  # reading it might never end
    return mode


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise VariantError(error.strerror or str(error)) from None


@contextmanager
def _opened(path: Path) -> Iterator[Source]:
    """Open a file as a source; raises VariantError when it cannot be read."""
    try:
        with path.open("rb", buffering=0) as file:
            yield Source.of(file.fileno())
    except OSError as error:
        raise VariantError(error.strerror or str(error)) from None


def _content(path: Path) -> bytes:
    """Return a document's bytes; raises VariantError when it cannot be read, or is too large."""
    with _opened(path) as source:
        if source.size > _LARGEST_DOCUMENT:
            raise VariantError(f"{source.size} bytes are too many for a document")
        return source.read(source.size, 0)


def _is_of_project(folder: Path) -> bool:
    """Tell whether this is the folder of a project in a package index: ``simple/NAME/``, with a page."""
    return folder.absolute().parent.name == "simple" and any(_is_file(folder / name) for name in _PAGES)


def _project_folders(folder: Path) -> list[Path]:
    """Return the folders of projects in a package index that this folder is, or that lies in it."""
    root = folder if folder.absolute().name == "simple" else folder / "simple"
    try:
        return [path for path in _entries(root) if _is_of_project(path)]
    except VariantError:  # there is none, as a rule
        return []


def _faults_of_link(anchor: str, file: simple_api.File) -> Iterator[Problem]:
    """Compare a file that a page lists with the one that lies here, if it should.

    Of wheels and sdists, the size alone is looked at.
    """
    parts = urlsplit(file.url).path.removeprefix("/-/").split("/")
    if not file.url.startswith(_HERE):
        return
    path = Path(anchor, *(unquote(part, errors="surrogateescape") for part in parts))
    is_index = path.name.endswith("variants.json")
    try:
        size = _size(path)
        if file.size not in (None, size):
            yield Problem("link-size", file.filename, f"{file.size} bytes, but it has {size}")
        if is_index:
            yield from simple_api.of_content(file.filename, file.hashes, _content(path))
    except VariantError as error:
        yield Problem("dead-link", file.filename, f"{path}: {error}")
    if file.core_metadata is not None and not is_index:
        side_file = Path(f"{path}.metadata")
        place = f"{file.filename}.metadata"
        try:
            _size(side_file)
            yield from simple_api.of_content(place, file.core_metadata, _content(side_file))
        except VariantError as error:
            yield Problem("dead-link", place, f"{side_file}: {error}")


def _size(path: Path) -> int:
    """Return the size of a file; raises VariantError if there is none."""
    if not stat.S_ISREG(_mode(path)):
        raise VariantError("it is a folder")
    return path.stat().st_size


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(_mode(path))
    except VariantError:
        return False


def _sdist(path: Path) -> _Key | None:
    """Return which release an sdist is of, by its name, or None if it is none."""
    name, separator, version = path.name.removesuffix(".tar.gz").rpartition("-")
    key = _release(name, version) if separator and path.name.endswith(".tar.gz") else None
    return (path.parent, key) if key else None


def _dispatches(sdist: Path) -> bool:
    """Tell whether pip gets a variant by building an sdist."""
    from ..formats.dispatching_sdist import is_dispatching

    try:
        with sdist.open("rb") as file:
            return is_dispatching(file)
    except OSError:
        return False


def _release(name: str, version: str) -> tuple[str, Version] | None:
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    try:
        return canonicalize_name(name), Version(version)
    except InvalidVersion:
        return None


def _spelled(release: _ReleaseFiles, key: tuple[str, Version]) -> tuple[str, Version]:
    """Return a release's name and version as its wheels spell them, where there are any."""
    # Not all may spell them alike; `index` reads those with a label only.
    wheels = sorted(release.wheels.values(), key=lambda filename: (filename.label is None, str(filename)))
    return next((filename.release() for filename in wheels), key)
