"""A static package index over folders of wheels: pages for installers, and pages for people.

Files stay where they are; the pages link to them. Sources: those of `simple_api`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from urllib.parse import quote, urlsplit

from ..errors import Problem, VariantError
from ..formats import core_metadata, simple_api
from ..formats.release import File
from ..lowlevel.file_set import Output
from ..lowlevel.ranges import file_digest, real_path
from ..lowlevel.tarball import read_member
from ..variants.filename import WheelFilename, index_filename
from ..variants.metadata import VariantMetadata
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

if TYPE_CHECKING:
    from .index_file import ReleaseId

Advance: TypeAlias = Callable[[int], object]


class _Facts(NamedTuple):
    """What the pages need out of METADATA or PKG-INFO, and its digest."""

    requires_python: str | None
    summary: str
    requirements: tuple[str, ...]
    digest: str


class _ListedFile(NamedTuple):
    """A file that the pages list; a *wheel* has its parsed name here.

    Its URL in *file* leads there from the index's folder.
    """

    release: ReleaseId
    file: File
    wheel: WheelFilename | None = None
    facts: _Facts | None = None


def plan_simple_index(
    folders: Sequence[Path],
    merged: Sequence[Path] = (),
    out_dir: Path | None = None,
    advance: Advance = lambda _: None,
    base_url: str | None = None,
) -> Index:
    """Return what `plan_index` does, with the pages of a package index in *out_dir* or the one folder.

    *base_url* is where that folder will be served, as `check_base_url` returns it: pages for people name it.
    *advance* is told how many bytes of wheels and sdists were read, now and then.
    Raises VariantError with every fault and conflict found.
    """
    root = out_dir or folders[0]
    wheels, problems = read_folders(folders, plain=True)
    releases, conflicts = combine_wheels(wheels, merged, out_dir, root)
    sdists, notices = _find_sdists(folders)
    unique = {str(wheel.name): wheel for wheel in sorted(wheels, key=lambda wheel: wheel.place, reverse=True)}
    facts, faults = _read_all(unique.values())
    problems += [*conflicts, *different_twins(path for path, _ in sdists), *faults]
    if not (problems or unique or sdists or releases):
        problems.append(Problem("error", ", ".join(map(str, folders)), "no wheel and no sdist"))
    if problems:
        raise VariantError(*problems)
    listed, more = _list_all(root, unique.values(), facts, sdists, releases, advance)
    side_files = [
        Output(wheel.folder, f"{wheel.name}.metadata", wheel.core_metadata) for wheel in unique.values()
    ]
    outputs = [*side_files, *(output for index in releases for output in index.outputs())]
    pages = _pages(root, listed, {index.release: index.metadata for index in releases}, base_url)
    notices += [*more, *_unlisted(folders, releases), *_left_behind(root, listed)]
    notices += _outside(root, listed, base_url)
    return Index(tuple(releases), (*outputs, *pages), tuple(notices))


def _find_sdists(folders: Iterable[Path]) -> tuple[list[tuple[Path, ReleaseId]], list[str]]:
    """Return the sdists in the folders, with their releases; and the names that are no sdist's."""
    from packaging.utils import InvalidSdistFilename, parse_sdist_filename

    sdists, notices = [], []
    for folder in distinct(folders):
        for path in sorted(folder.glob("*.tar.gz")):
            try:
                sdists.append((path, parse_sdist_filename(path.name)))
            except InvalidSdistFilename:
                notices.append(f"{path} is not listed: its name is no sdist's")
    return sorted(sdists), notices


def _read_all(wheels: Iterable[FoundWheel]) -> tuple[dict[bytes, _Facts], list[Problem]]:
    """Read each METADATA once; return what they tell by their content, and all faults."""
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
    """Read METADATA or PKG-INFO; raises VariantError when Requires-Python stands there twice."""
    summary = None
    with suppress(VariantError):  # installers need none, and a wheel of years ago cannot be changed
        summary = core_metadata.find_field(metadata, "Summary")
    return _Facts(
        core_metadata.find_field(metadata, "Requires-Python"),
        summary or "",
        tuple(core_metadata.requirements(metadata)),
        hashlib.sha256(metadata).hexdigest(),
    )


def _list_all(
    root: Path,
    wheels: Iterable[FoundWheel],
    facts: Mapping[bytes, _Facts],
    sdists: Sequence[tuple[Path, ReleaseId]],
    releases: Iterable[ReleaseIndex],
    advance: Advance,
) -> tuple[list[_ListedFile], list[str]]:
    """Return all files that the pages list, and what to tell about them."""
    listed = [_list_wheel(root, wheel, facts[wheel.core_metadata], advance) for wheel in wheels]
    notices: list[str] = []
    for path, release in {path.name: (path, release) for path, release in reversed(sdists)}.values():
        sdist, notice = _list_sdist(root, path, release, advance)
        listed.append(sdist)
        notices += notice
    return [*listed, *map(_list_index, releases)], notices


def _list_wheel(root: Path, wheel: FoundWheel, facts: _Facts, advance: Advance) -> _ListedFile:
    path = wheel.folder / str(wheel.name)
    file = _file(root, path, advance, facts.requires_python, {"sha256": facts.digest})
    return _ListedFile(wheel.release, file, wheel.name, facts)


def _list_sdist(
    root: Path, path: Path, release: ReleaseId, advance: Advance
) -> tuple[_ListedFile, list[str]]:
    """Return an sdist; without its Requires-Python, which is told, if that cannot be read."""
    facts, notices = None, list[str]()
    try:
        with path.open("rb") as opened:
            facts = _read(read_member(opened, "PKG-INFO"))
    except VariantError as error:
        lines = error.within(path.name).lines()
        notices = [f"{line}; its Requires-Python is left out" for line in lines]
    file = _file(root, path, advance, facts.requires_python if facts else None)
    return _ListedFile(release, file, None, facts), notices


def _list_index(index: ReleaseIndex) -> _ListedFile:
    """Return the file with the variants of a release, which lies in the index's folder."""
    output = index.outputs()[0]
    digest = hashlib.sha256(output.content).hexdigest()
    file = File(output.name, quote(output.name), {"sha256": digest}, len(output.content))
    return _ListedFile(index.release, file)


def _file(
    root: Path,
    path: Path,
    advance: Advance,
    requires_python: str | None,
    core_metadata: Mapping[str, str] | None = None,
) -> File:
    """Return a file with its size and digest; raises VariantError if no relative link leads there."""
    if not path.name.isprintable():  # among them are bytes that are not UTF-8, which no page can have
        raise VariantError("the name has characters that cannot be shown", place=path, hint="rename it")
    link = quote(os.fsencode(f"{_way(root, path.parent)}{path.name}"))
    hashes = {"sha256": file_digest(path, advance=advance)}
    return File(path.name, link, hashes, path.stat().st_size, requires_python, core_metadata)


def _way(root: Path, folder: Path) -> str:
    """Return the relative link from the index's folder to another, with a slash if there is any."""
    try:
        way = Path(os.path.relpath(real_path(folder), real_path(root))).as_posix()
    except ValueError:  # on Windows
        raise VariantError(f"{folder}: on another drive than {root}, so no link can lead there") from None
    return "" if way == "." else f"{way}/"


def _unlisted(folders: Iterable[Path], releases: Iterable[ReleaseIndex]) -> list[str]:
    """Tell of index files that are of no release here."""
    known = {index_filename(index.release) for index in releases}
    paths = sorted(path for folder in distinct(folders) for path in folder.glob("*-variants.json"))
    return [
        f"{path} is not listed: no release with variant wheels here has a file of this name"
        for path in paths
        if path.name not in known
    ]


def _left_behind(root: Path, listed: Iterable[_ListedFile]) -> Iterator[str]:
    """Tell of pages that were made here for projects whose files have all gone."""
    names = {name for (name, _), *_ in listed}
    for path in sorted([*root.glob("simple/*/index.html"), *root.glob("project/*/index.html")]):
        with suppress(OSError):
            if path.parent.name not in names and simple_api.is_own_html(path.read_bytes()):
                yield f"{path} is of a project that has no file here any more; delete its folder"


def _outside(root: Path, listed: Iterable[_ListedFile], base_url: str | None) -> list[str]:
    """Tell which folder is to be served, if files lie outside of that of the index.

    Raises VariantError if no link can lead to them from *base_url*.
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
            f"--base-url {base_url}: files lie outside of {root}, and no link leads above a host",
            hint=f"serve {top}, so that this URL ends in /{place}",
        )
    return [f"files lie outside of {root}: serve {top}, so that the index is at /{place}/simple/"]


def _pages(
    root: Path,
    listed: Iterable[_ListedFile],
    variants: Mapping[ReleaseId, VariantMetadata],
    base_url: str | None,
) -> Iterable[Output]:
    """Yield all pages, those that link to others behind them."""
    files = sorted(listed, key=lambda entry: (entry.release, entry.file.filename))
    projects = []
    for name, group in groupby(files, lambda entry: entry.release[0]):
        entries = list(group)
        page = simple_api.Page(name, tuple(_from_below(entry.file) for entry in entries))
        yield Output(root, f"simple/{name}/index.html", simple_api.to_html(page), simple_api.is_own_html)
        yield Output(root, f"simple/{name}/index.json", simple_api.to_json(page), simple_api.is_own_json)
        projects.append(_project(name, entries, variants))
        content = html_pages.project_page(projects[-1], base_url)
        yield Output(root, f"project/{name}/index.html", content, simple_api.is_own_html)
    names = [project.name for project in projects]
    yield Output(root, "simple/index.html", simple_api.projects_to_html(names), simple_api.is_own_html)
    yield Output(root, "simple/index.json", simple_api.projects_to_json(names), simple_api.is_own_json)
    yield Output(root, "index.html", html_pages.projects_page(projects), simple_api.is_own_html)


def _from_below(file: File) -> File:
    """Return the file as the page in ``simple/{name}/`` links to it."""
    return file._replace(location=f"../../{file.location}")


def _project(
    name: str, listed: Iterable[_ListedFile], variants: Mapping[ReleaseId, VariantMetadata]
) -> html_pages.ProjectPage:
    """Return what the page for people tells of a project; *listed* is in the order of the releases."""
    sections, summary = [], ""
    for release, group in groupby(listed, lambda file: file.release):
        files = list(group)
        summary = next((file.facts.summary for file in files if file.facts), summary)
        sections.append(_section(release, files, variants.get(release)))
    return html_pages.ProjectPage(name, summary, tuple(reversed(sections)))


def _section(
    release: ReleaseId, listed: Iterable[_ListedFile], metadata: VariantMetadata | None
) -> html_pages.ReleaseSection:
    wheels, others, requires_python = [], [], None
    for _, file, name, facts in listed:
        link = html_pages.Link(file.filename, str(file.location), file.size or 0)
        requires_python = requires_python or file.requires_python
        if name and facts:
            wheels.append(html_pages.WheelLink(link, name.label, name.tags, facts.requirements))
        else:
            others.append(link)
    version = str(release[1])
    return html_pages.ReleaseSection(version, metadata, requires_python, tuple(wheels), tuple(others))
