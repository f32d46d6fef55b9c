"""A static package index over folders of wheels: pages for installers, and pages for people.

The wheels are not moved; the pages link to them. Sources: see `simple_api`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import Problem, VariantError
from ..formats import simple_api
from ..formats.project_about import project_about
from ..formats.release import File
from ..formats.required_project import names_in
from ..lowlevel.file_set import Output
from ..lowlevel.ranges import file_digest, real_path
from ..lowlevel.regular_files import read_regular
from ..variants.filename import index_filename
from ..variants.metadata import VariantMetadata
from ..variants.uv_behaviour import never_selected_by_uv, uv_drops
from . import html_pages
from .index_entries import EntryLister, IndexEntry, find_sdists, read_all_metadata
from .index_file import (
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
    1970; by default, see `UploadTimes`.
    Raises VariantError with every problem and conflict.
    """
    root = out_dir or folders[0]
    wheels, problems = read_folders(folders, digest_of, plain=True)
    releases, conflicts = combine_wheels(wheels, merged, out_dir, root)
    sdists, warnings = find_sdists(folders)
    unique = {str(wheel.name): wheel for wheel in sorted(wheels, key=lambda wheel: wheel.place, reverse=True)}
    facts, unreadable = read_all_metadata(unique.values())
    problems += [*conflicts, *different_twins((path for path, _ in sdists), digest_of), *unreadable]
    if not (problems or unique or sdists or releases):
        problems.append(Problem("error", ", ".join(map(str, folders)), "no wheels or sdists"))
    if problems:
        raise VariantError(*problems)
    lister = EntryLister(root, digest_of, UploadTimes(root, moment))
    listed, more = lister.list_all(unique.values(), facts, sdists, releases)
    side_files = [
        Output(wheel.folder, f"{wheel.name}.metadata", wheel.core_metadata) for wheel in unique.values()
    ]
    outputs = [*side_files, *(output for index in releases for output in index.outputs())]
    pages = _pages(root, listed, {index.release: index.metadata for index in releases}, base_url)
    warnings += [*more, *_unlisted(folders, releases), *_outdated_pages(root, listed)]
    warnings += _outside(root, listed, base_url)
    return Index(tuple(releases), (*outputs, *pages), tuple(warnings))


def _unlisted(folders: Iterable[Path], releases: Iterable[ReleaseIndex]) -> list[str]:
    """Return warnings about index files without a release in the folders."""
    known = {index_filename(index.release) for index in releases}
    paths = sorted(path for folder in distinct(folders) for path in folder.glob("*-variants.json"))
    return [
        f"{path} is not listed: no release with variant wheels has an index file of this name"
        for path in paths
        if path.name not in known
    ]


def _outdated_pages(root: Path, listed: Iterable[IndexEntry]) -> Iterator[str]:
    """Yield warnings about earlier pages of projects that have no files any more."""
    names = {name for (name, _), *_ in listed}
    for path in sorted([*root.glob("simple/*/index.html"), *root.glob("project/*/index.html")]):
        with suppress(OSError, VariantError):
            if path.parent.name not in names and simple_api.is_own_html(read_regular(path)):
                yield f"{path} is outdated: its project has no files any more; delete {path.parent}"


def _outside(root: Path, listed: Iterable[IndexEntry], base_url: str | None) -> list[str]:
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
    listed: Iterable[IndexEntry],
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
    listed: Sequence[IndexEntry],
    variants: Mapping[ReleaseId, VariantMetadata],
    names: Collection[str],
) -> ProjectPage:
    """Return the content of a project's page for people. *listed* is sorted by release.

    *names* are all projects of the index.
    """
    releases = {release: list(group) for release, group in groupby(listed, lambda entry: entry.release)}
    sections = {
        release: _section(release, files, variants.get(release), names) for release, files in releases.items()
    }
    preferred = sorted(releases, key=lambda release: (not release[1].is_prerelease, release), reverse=True)
    starts = (entry.facts.start for release in preferred for entry in releases[release] if entry.facts)
    about = project_about(next(starts, b""))
    return ProjectPage(name, tuple(reversed(sections.values())), sections[preferred[0]], about)


def _section(
    release: ReleaseId,
    listed: Iterable[IndexEntry],
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


def _lacking(listed: Iterable[IndexEntry], names: Collection[str]) -> tuple[str, ...]:
    """Return the projects that files require without an extra, and that are not in *names*."""
    requirements = {text for entry in listed if entry.facts for text in entry.facts.requirements}
    return tuple(sorted(names_in(requirements, always=True).difference(names)))
