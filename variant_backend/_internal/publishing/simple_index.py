"""A static package index over folders of wheels: pages for installers, and pages for people.

The wheels are not moved; the pages link to them. Sources: see `simple_api`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit

from ..errors import Problem, VariantError
from ..formats import core_metadata, simple_api
from ..formats.project_about import MOST_READ, project_about
from ..formats.release import File
from ..lowlevel.file_set import Output
from ..lowlevel.ranges import file_digest, real_path
from ..lowlevel.regular_files import open_regular, read_regular
from ..lowlevel.tarball import read_member
from ..variants.filename import WheelFilename, index_filename, name_in, release_of_sdist
from ..variants.metadata import VariantMetadata
from ..variants.uv_behaviour import never_selected_by_uv, uv_drops
from . import html_pages
from .index_file import (
    FoundWheel,
    Index,
    ReleaseIndex,
    combine_wheels,
    different_twins,
    distinct,
    read_folders,
)
from .page_content import FileLink, ProjectPage, ReleaseSection, WheelLink
from .upload_times import UploadTimes

if TYPE_CHECKING:
    from .index_file import DigestOf, ReleaseId


# The limit of PyPI.
_LONGEST_SUMMARY = 512


class _Facts(NamedTuple):
    """The fields of METADATA or PKG-INFO that the pages contain, the digest of the whole, and the start."""

    requires_python: str | None
    summary: str
    requirements: tuple[str, ...]
    digest: str
    start: bytes


class _ListedFile(NamedTuple):
    """A file that the pages list. *wheel* is the parsed name if it is a wheel.

    The URL in *file* is relative to the folder of the index.
    """

    release: ReleaseId
    file: File
    wheel: WheelFilename | None = None
    facts: _Facts | None = None


def plan_simple_index(
    folders: Sequence[Path],
    merged: Sequence[Path] = (),
    out_dir: Path | None = None,
    digest_of: DigestOf = file_digest,
    base_url: str | None = None,
    moment: int | None = None,
) -> Index:
    """Return the files of `plan_index` and the pages of a package index in *out_dir* or the only folder.

    *base_url* is the URL of that folder, as `check_base_url` returns it; pages for people contain it.
    *digest_of* reads wheels and sdists for their SHA-256. *moment* is the time of new files, in seconds since
    1970; by default, it is their mtime.
    Raises VariantError with every problem and conflict.
    """
    root = out_dir or folders[0]
    wheels, problems = read_folders(folders, digest_of, plain=True)
    releases, conflicts = combine_wheels(wheels, merged, out_dir, root)
    sdists, warnings = _find_sdists(folders)
    unique = {str(wheel.name): wheel for wheel in sorted(wheels, key=lambda wheel: wheel.place, reverse=True)}
    facts, unreadable = _read_all(unique.values())
    problems += [*conflicts, *different_twins((path for path, _ in sdists), digest_of), *unreadable]
    if not (problems or unique or sdists or releases):
        problems.append(Problem("error", ", ".join(map(str, folders)), "no wheels or sdists"))
    if problems:
        raise VariantError(*problems)
    lister = _Lister(root, digest_of, UploadTimes(root, moment))
    listed, more = _list_all(lister, unique.values(), facts, sdists, releases)
    side_files = [
        Output(wheel.folder, f"{wheel.name}.metadata", wheel.core_metadata) for wheel in unique.values()
    ]
    outputs = [*side_files, *(output for index in releases for output in index.outputs())]
    pages = _pages(root, listed, {index.release: index.metadata for index in releases}, base_url)
    warnings += [*more, *_unlisted(folders, releases), *_outdated_pages(root, listed)]
    warnings += _outside(root, listed, base_url)
    return Index(tuple(releases), (*outputs, *pages), tuple(warnings))


def _find_sdists(folders: Iterable[Path]) -> tuple[list[tuple[Path, ReleaseId]], list[str]]:
    """Return the sdists in the folders with their releases, and warnings about invalid names."""
    sdists: list[tuple[Path, ReleaseId]] = []
    warnings: list[str] = []
    for folder in distinct(folders):
        for path in sorted(folder.glob("*.tar.gz")):
            try:
                sdists.append((path, release_of_sdist(path.name)))
            except VariantError as error:
                warnings += (f"{path} is not listed: {line}" for line in error.lines())
    return sorted(sdists), warnings


def _read_all(wheels: Iterable[FoundWheel]) -> tuple[dict[bytes, _Facts], list[Problem]]:
    """Read each METADATA once; return its fields by its content, and all problems."""
    facts: dict[bytes, _Facts] = {}
    problems: list[Problem] = []
    for wheel in wheels:
        try:
            if wheel.core_metadata not in facts:
                facts[wheel.core_metadata] = _read(wheel.core_metadata)
        except VariantError as error:
            problems += error.within(f"{wheel.place}: METADATA").problems
    return facts, problems


def _read(metadata: bytes) -> _Facts:
    """Read METADATA or PKG-INFO. Raises VariantError for a duplicate Requires-Python."""
    summary = ""
    with suppress(VariantError):  # installers ignore the summary, and old wheels cannot be changed
        summary = core_metadata.find_field(metadata, "Summary") or ""
    return _Facts(
        core_metadata.find_field(metadata, "Requires-Python"),
        summary if len(summary) <= _LONGEST_SUMMARY else f"{summary[:_LONGEST_SUMMARY]}...",
        tuple(core_metadata.requirements(metadata)),
        hashlib.sha256(metadata).hexdigest(),
        metadata[:MOST_READ],
    )


def _list_all(
    lister: _Lister,
    wheels: Iterable[FoundWheel],
    facts: Mapping[bytes, _Facts],
    sdists: Sequence[tuple[Path, ReleaseId]],
    releases: Iterable[ReleaseIndex],
) -> tuple[list[_ListedFile], list[str]]:
    """Return all files that the pages list, and warnings about them."""
    listed = [lister.wheel(wheel, facts[wheel.core_metadata]) for wheel in wheels]
    warnings: list[str] = []
    for path, release in {path.name: (path, release) for path, release in reversed(sdists)}.values():
        sdist, more = lister.sdist(path, release)
        listed.append(sdist)
        warnings += more
    return [*listed, *map(_list_index, releases)], warnings


class _Lister(NamedTuple):
    """Lists the files of an index in the folder *root*."""

    root: Path
    digest_of: DigestOf
    times: UploadTimes

    def wheel(self, wheel: FoundWheel, facts: _Facts) -> _ListedFile:
        """Return a wheel with its fields."""
        file = self._file(wheel.release, wheel.folder / str(wheel.name), facts)
        core_metadata = {"sha256": facts.digest}
        return _ListedFile(wheel.release, file._replace(core_metadata=core_metadata), wheel.name, facts)

    def sdist(self, path: Path, release: ReleaseId) -> tuple[_ListedFile, list[str]]:
        """Return an sdist. If its PKG-INFO cannot be read, omit Requires-Python and return a warning."""
        facts, warnings = None, list[str]()
        try:
            with open_regular(path) as opened:
                facts = _read(read_member(opened, "PKG-INFO"))
        except VariantError as error:
            lines = error.within(path.name).lines()
            warnings = [f"{line}; the index omits its Requires-Python" for line in lines]
        return _ListedFile(release, self._file(release, path, facts), None, facts), warnings

    def _file(self, release: ReleaseId, path: Path, facts: _Facts | None) -> File:
        """Return a file as pages list it. Raises VariantError if no relative link can lead to it."""
        if (
            not path.name.isprintable()
        ):  # bytes that are not UTF-8 are among these; a page cannot contain them
            raise VariantError(
                "the name has characters that are not printable", place=path, remedy="rename the file"
            )
        digest = self.digest_of(path)
        return File(
            path.name,
            quote(os.fsencode(f"{_relative(self.root, path.parent)}{path.name}")),
            {"sha256": digest},
            path.stat().st_size,
            facts.requires_python if facts else None,
            upload_time=self.times.time_of(release[0], path, digest),
        )


def _list_index(index: ReleaseIndex) -> _ListedFile:
    """Return the index file of a release, which is in the folder of the index."""
    output = index.outputs()[0]
    digest = hashlib.sha256(output.content).hexdigest()
    file = File(output.name, quote(output.name), {"sha256": digest}, len(output.content))
    return _ListedFile(index.release, file)


def _relative(root: Path, folder: Path) -> str:
    """Return the relative link from the index's folder to another folder: empty, or with a slash at the end.

    Raises VariantError if there is none.
    """
    try:
        path = Path(os.path.relpath(real_path(folder), real_path(root))).as_posix()
    except ValueError:  # on Windows
        raise VariantError(
            f"{folder}: not on the same drive as {root}, so no page there can link to it",
            remedy="move both folders to the same drive",
        ) from None
    return "" if path == "." else f"{path}/"


def _unlisted(folders: Iterable[Path], releases: Iterable[ReleaseIndex]) -> list[str]:
    """Return warnings about index files without a release in the folders."""
    known = {index_filename(index.release) for index in releases}
    paths = sorted(path for folder in distinct(folders) for path in folder.glob("*-variants.json"))
    return [
        f"{path} is not listed: no release with variant wheels has an index file of this name"
        for path in paths
        if path.name not in known
    ]


def _outdated_pages(root: Path, listed: Iterable[_ListedFile]) -> Iterator[str]:
    """Yield warnings about earlier pages of projects that have no files any more."""
    names = {name for (name, _), *_ in listed}
    for path in sorted([*root.glob("simple/*/index.html"), *root.glob("project/*/index.html")]):
        with suppress(OSError, VariantError):
            if path.parent.name not in names and simple_api.is_own_html(read_regular(path)):
                yield f"{path} is outdated: its project has no files any more; delete {path.parent}"


def _outside(root: Path, listed: Iterable[_ListedFile], base_url: str | None) -> list[str]:
    """Return a warning that names the folder to serve, if files are outside of the index's folder.

    Raises VariantError if *base_url* is too short for links to these files.
    """
    links = [str(entry.file.location) for entry in listed]
    steps = max((link.count("../") for link in links), default=0)
    if not steps:
        return []
    here = top = real_path(root)
    for _ in range(steps):
        top = top.parent
    place = here.relative_to(top).as_posix()
    if base_url and urlsplit(base_url).path.count("/") < steps:
        raise VariantError(
            f"--base-url {base_url}: files are outside of {root}, and links cannot lead above the host",
            remedy=f"serve {top}, and use a --base-url that ends in /{place}",
        )
    return [f"files are outside of {root}; serve {top}, so that the index is at /{place}/simple/"]


def _pages(
    root: Path,
    listed: Iterable[_ListedFile],
    variants: Mapping[ReleaseId, VariantMetadata],
    base_url: str | None,
) -> Iterable[Output]:
    """Yield all pages. A page comes after the pages to which it links."""
    files = sorted(listed, key=lambda entry: (entry.release, entry.file.filename))
    names = {entry.release[0] for entry in files}
    projects = []
    for name, group in groupby(files, lambda entry: entry.release[0]):
        entries = list(group)
        page = simple_api.Page(name, tuple(_from_below(entry.file) for entry in entries))
        yield Output(root, f"simple/{name}/index.html", simple_api.to_html(page), simple_api.is_own_html)
        yield Output(root, f"simple/{name}/index.json", simple_api.to_json(page), simple_api.is_own_json)
        projects.append(_project(name, entries, variants, names))
        content = html_pages.project_page(projects[-1], base_url)
        yield Output(root, f"project/{name}/index.html", content, simple_api.is_own_html)
    ordered = [project.name for project in projects]
    yield Output(root, "simple/index.html", simple_api.projects_to_html(ordered), simple_api.is_own_html)
    yield Output(root, "simple/index.json", simple_api.projects_to_json(ordered), simple_api.is_own_json)
    yield Output(root, "index.html", html_pages.projects_page(projects), simple_api.is_own_html)


def _from_below(file: File) -> File:
    """Return the file with a URL that is relative to ``simple/{name}/``."""
    return file._replace(location=f"../../{file.location}")


def _project(
    name: str,
    listed: Sequence[_ListedFile],
    variants: Mapping[ReleaseId, VariantMetadata],
    names: Collection[str],
) -> ProjectPage:
    """Return the content of a project's page for people. *listed* is sorted by release.

    *names* are all projects of the index.
    """
    sections, newest = [], None
    for release, group in groupby(listed, lambda file: file.release):
        files = list(group)
        newest = next((file.facts for file in files if file.facts), newest)
        sections.append(_section(release, files, variants.get(release), names))
    ordered = tuple(reversed(sections))
    if newest is None:
        return ProjectPage(name, "", ordered)
    return ProjectPage(name, newest.summary, ordered, project_about(newest.start))


def _section(
    release: ReleaseId,
    listed: Iterable[_ListedFile],
    metadata: VariantMetadata | None,
    names: Collection[str],
) -> ReleaseSection:
    wheels, others, requires_python = [], [], None
    for _, file, name, facts in listed:
        link = FileLink(
            file.filename, str(file.location), file.size or 0, file.hashes["sha256"], file.upload_time
        )
        requires_python = requires_python or file.requires_python
        if name and facts:
            wheels.append(WheelLink(link, name.label, name.tags, facts.requirements))
        else:
            others.append(link)
    section = ReleaseSection(str(release[1]), metadata, requires_python, tuple(wheels), tuple(others))
    return _for_uv(section._replace(lacking=_lacking(listed, names)))


def _for_uv(section: ReleaseSection) -> ReleaseSection:
    """Return a section that says what uv makes of the variants, as pip selects none of them."""
    if section.metadata is None:
        return section
    variants = section.metadata.variants.values()
    unselected = never_selected_by_uv(section.metadata, variants)
    dropped = (problem.text for variant in variants for problem in uv_drops(section.metadata, variant))
    return section._replace(
        unselected={label: problems[0].text for label, problems in unselected.items()},
        dropped=next(dropped, ""),
    )


def _lacking(listed: Iterable[_ListedFile], names: Collection[str]) -> tuple[str, ...]:
    """Return the projects that files require without an extra, and that are not in *names*."""
    requirements = {text for entry in listed if entry.facts for text in entry.facts.requirements}
    parts = (text.partition(";") for text in requirements)
    required = {name_in(text) for text, _, marker in parts if not re.search(r"\bextra\b", marker)}
    return tuple(sorted(required - {"", *names}))
