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

from ..errors import VariantError
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
    from .index_file import Release

Advance: TypeAlias = Callable[[int], object]


class _Told(NamedTuple):
    """What the pages need out of METADATA or PKG-INFO, and its digest."""

    requires_python: str | None
    summary: str
    requirements: tuple[str, ...]
    digest: str


class _ListedFiles(NamedTuple):
    """A file that the pages list. Its URL in *file* leads there from the index's folder."""

    release: Release
    file: File
    told: _Told | None = None


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
    wheels, issues = read_folders(folders, plain=True)
    releases, conflicts = combine_wheels(wheels, merged, out_dir, root)
    sdists, notices = _find_sdists(folders)
    unique = {wheel.path.name: wheel for wheel in sorted(wheels, key=lambda wheel: wheel.place, reverse=True)}
    told, faults = _read_all(unique.values())
    issues += [*conflicts, *different_twins(path for path, _ in sdists), *faults]
    if not (issues or unique or sdists or releases):
        issues.append(f"{', '.join(map(str, folders))}: no wheel and no sdist")
    if issues:
        raise VariantError(*issues)
    listed, more = _list_all(root, unique.values(), told, sdists, releases, advance)
    side_files = [
        Output(wheel.path.parent, f"{wheel.path.name}.metadata", wheel.core_metadata)
        for wheel in unique.values()
    ]
    outputs = [*side_files, *(output for each in releases for output in each.outputs())]
    pages = _pages(root, listed, {each.release: each.metadata for each in releases}, base_url)
    notices += [*more, *_unlisted(folders, releases), *_left_behind(root, listed)]
    notices += _outside(root, listed, base_url)
    return Index(tuple(releases), (*outputs, *pages), tuple(notices))


def _find_sdists(folders: Iterable[Path]) -> tuple[list[tuple[Path, Release]], list[str]]:
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


def _read_all(wheels: Iterable[FoundWheel]) -> tuple[dict[bytes, _Told], list[str]]:
    """Read each METADATA once; return what they tell by their content, and all faults."""
    told: dict[bytes, _Told] = {}
    issues: list[str] = []
    for wheel in wheels:
        try:
            if wheel.core_metadata not in told:
                told[wheel.core_metadata] = _read(wheel.core_metadata)
        except VariantError as error:
            issues += error.within(f"{wheel.place}: METADATA").lines()
    return told, issues


def _read(metadata: bytes) -> _Told:
    """Read METADATA or PKG-INFO; raises VariantError when Requires-Python stands there twice."""
    summary = None
    with suppress(VariantError):  # installers need none, and a wheel of years ago cannot be changed
        summary = core_metadata.find_field(metadata, "Summary")
    return _Told(
        core_metadata.find_field(metadata, "Requires-Python"),
        summary or "",
        tuple(core_metadata.requirements(metadata)),
        hashlib.sha256(metadata).hexdigest(),
    )


def _list_all(
    root: Path,
    wheels: Iterable[FoundWheel],
    told: Mapping[bytes, _Told],
    sdists: Sequence[tuple[Path, Release]],
    releases: Iterable[ReleaseIndex],
    advance: Advance,
) -> tuple[list[_ListedFiles], list[str]]:
    """Return all files that the pages list, and what to tell about them."""
    listed = [_list_wheel(root, wheel, told[wheel.core_metadata], advance) for wheel in wheels]
    notices: list[str] = []
    for path, release in {path.name: (path, release) for path, release in reversed(sdists)}.values():
        sdist, notice = _list_sdist(root, path, release, advance)
        listed.append(sdist)
        notices += notice
    return [*listed, *map(_list_index, releases)], notices


def _list_wheel(root: Path, wheel: FoundWheel, told: _Told, advance: Advance) -> _ListedFiles:
    file = _file(root, wheel.path, advance)
    core = {"sha256": told.digest}
    return _ListedFiles(
        wheel.release, file._replace(requires_python=told.requires_python, core_metadata=core), told
    )


def _list_sdist(root: Path, path: Path, release: Release, advance: Advance) -> tuple[_ListedFiles, list[str]]:
    """Return an sdist; without its Requires-Python, which is told, if that cannot be read."""
    file = _file(root, path, advance)
    try:
        with path.open("rb") as opened:
            told = _read(read_member(opened, "PKG-INFO"))
    except VariantError as error:
        return _ListedFiles(release, file), [
            f"{line}; its Requires-Python is left out" for line in error.within(path.name).lines()
        ]
    return _ListedFiles(release, file._replace(requires_python=told.requires_python), told), []


def _list_index(index: ReleaseIndex) -> _ListedFiles:
    """Return the file with the variants of a release, which lies in the index's folder."""
    output = index.outputs()[0]
    digest = hashlib.sha256(output.content).hexdigest()
    file = File(output.name, quote(output.name), {"sha256": digest}, len(output.content))
    return _ListedFiles(index.release, file)


def _file(root: Path, path: Path, advance: Advance) -> File:
    """Return a file with its size and digest; raises VariantError if no relative link leads there."""
    if not path.name.isprintable():  # among them are bytes that are not UTF-8, which no page can have
        raise VariantError(f"{path}: the name has characters that cannot be shown", hint="rename it")
    digest = file_digest(path, advance=advance)
    return File(
        path.name,
        quote(os.fsencode(f"{_way(root, path.parent)}{path.name}")),
        {"sha256": digest},
        path.stat().st_size,
    )


def _way(root: Path, folder: Path) -> str:
    """Return the relative link from the index's folder to another, with a slash if there is any."""
    try:
        way = Path(os.path.relpath(real_path(folder), real_path(root))).as_posix()
    except ValueError:  # on Windows
        raise VariantError(f"{folder}: on another drive than {root}, so no link can lead there") from None
    return "" if way == "." else f"{way}/"


def _unlisted(folders: Iterable[Path], releases: Iterable[ReleaseIndex]) -> list[str]:
    """Tell of index files that are of no release here."""
    known = {index_filename(each.release) for each in releases}
    found = sorted(path for folder in distinct(folders) for path in folder.glob("*-variants.json"))
    return [
        f"{path} is not listed: no release with variant wheels here has a file of this name"
        for path in found
        if path.name not in known
    ]


def _left_behind(root: Path, listed: Iterable[_ListedFiles]) -> Iterator[str]:
    """Tell of pages that were made here for projects whose files have all gone."""
    names = {each.release[0] for each in listed}
    for path in sorted([*root.glob("simple/*/index.html"), *root.glob("project/*/index.html")]):
        with suppress(OSError):
            if path.parent.name not in names and simple_api.is_own_html(path.read_bytes()):
                yield f"{path} is of a project that has no file here any more; delete its folder"


def _outside(root: Path, listed: Iterable[_ListedFiles], base_url: str | None) -> list[str]:
    """Tell which folder is to be served, if files lie outside of that of the index.

    Raises VariantError if no link can lead to them from *base_url*.
    """
    links = [str(each.file.location) for each in listed]
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
    listed: Iterable[_ListedFiles],
    variants: Mapping[Release, VariantMetadata],
    base_url: str | None,
) -> Iterable[Output]:
    """Yield all pages, those that link to others behind them."""
    files = sorted(listed, key=lambda each: (each.release, each.file.filename))
    projects = []
    for name, group in groupby(files, lambda each: each.release[0]):
        its = list(group)
        page = simple_api.Page(name, tuple(_from_below(each.file) for each in its))
        yield Output(root, f"simple/{name}/index.html", simple_api.to_html(page), simple_api.is_own_html)
        yield Output(root, f"simple/{name}/index.json", simple_api.to_json(page), simple_api.is_own_json)
        projects.append(_project(name, its, variants))
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
    name: str, listed: Iterable[_ListedFiles], variants: Mapping[Release, VariantMetadata]
) -> html_pages.ProjectPage:
    """Return what the page for people tells of a project; *listed* is in the order of the releases."""
    releases, summary = [], ""
    for release, group in groupby(listed, lambda each: each.release):
        its = list(group)
        summary = next((each.told.summary for each in its if each.told), summary)
        releases.append(_release(release, its, variants.get(release)))
    return html_pages.ProjectPage(name, summary, tuple(reversed(releases)))


def _release(
    release: Release, listed: Iterable[_ListedFiles], metadata: VariantMetadata | None
) -> html_pages.ReleaseSection:
    wheels, others, requires_python = [], [], None
    for each in listed:
        file, told = each.file, each.told
        link = html_pages.Link(file.filename, str(file.location), file.size or 0)
        requires_python = requires_python or file.requires_python
        if told and file.core_metadata:
            name = WheelFilename.parse(file.filename)
            wheels.append(html_pages.WheelLink(link, name.label, name.tags, told.requirements))
        else:
            others.append(link)
    return html_pages.ReleaseSection(str(release[1]), metadata, requires_python, tuple(wheels), tuple(others))
