"""Check the pages of a project in a package index, ``simple/NAME/``, and the files that they list."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from ..errors import Problem, VariantError
from ..formats import simple_api
from ..formats.release import File
from ..formats.simple_api import Page
from . import release_rules
from .findings import Findings
from .input_files import document_content, file_size, is_regular_file, sorted_entries

# The pages of a project, each with its parser.
PAGES: dict[str, Callable[[bytes, str], Page]] = {
    "index.html": simple_api.from_html,
    "index.json": simple_api.from_json,
}
# The file that a mirror has.
MIRROR = "mirror.json"
# Pages are parsed as if they were below this URL. A link that leaves it leads to another host or to the root
# of a server, whose folder is unknown.
_HERE = "file:///-/"
_MIRROR_AGAIN = "run the `variant-backend mirror` command of this folder again"


def is_project_folder(folder: Path) -> bool:
    """Return whether this is the folder of a project in a package index, with a page in it."""
    return folder.absolute().parent.name == "simple" and bool(pages_in(folder))


def pages_in(folder: Path) -> list[Path]:
    """Return the paths of the pages in the folder of a project; reading reports pipes and devices."""
    return [path for name in PAGES if os.path.lexists(path := folder / name) and not path.is_dir()]


def project_folders(folder: Path) -> list[Path]:
    """Return the project folders of the package index that is this folder or is in this folder.

    A mirror has an index for each machine.
    """
    roots = [folder if folder.absolute().name == "simple" else folder / "simple"]
    if is_regular_file(folder / MIRROR):
        roots += [path / "simple" for path in sorted_entries(folder)]
    return [path for root in roots for path in _projects_in(root)]


def _projects_in(root: Path) -> list[Path]:
    try:
        return [path for path in sorted_entries(root) if is_project_folder(path)]
    except VariantError:  # usually there is no package index
        return []


def check_pages(findings: Findings, folder: Path) -> set[str] | None:
    """Check the pages of a project; return the filenames on all of them. None if one is unreadable."""
    paths = pages_in(folder)
    pages = {path.name: page for path in paths if (page := _checked_page(findings, path))}
    if len(pages) == len(PAGES):
        problems = release_rules.of_pages(pages["index.json"], pages["index.html"])
        findings.add(folder / "index.json", _curable(folder, problems))
    if len(pages) < len(paths):
        return None
    return set.intersection(*({file.filename for file in page.files} for page in pages.values()))


def _checked_page(findings: Findings, path: Path) -> Page | None:
    """Check a page and return it. None if it cannot be read."""
    root = path.parent.absolute()
    url = _HERE + "/".join(quote(os.fsencode(part), safe="") for part in root.parts[1:])
    try:
        page = PAGES[path.name](document_content(path), f"{url}/{path.name}")
    except VariantError as error:
        findings.add(path, _curable(root, (problem.at("", "bad-page") for problem in error.problems)))
        return None
    problems = [*release_rules.of_page(page, root.name)]
    problems += (problem for file in page.files for problem in _of_link(root.anchor, file))
    findings.add(path, _curable(root, problems))
    return page


def _curable(folder: Path, problems: Iterable[Problem]) -> Iterable[Problem]:
    """Return the problems of a project's pages; in a mirror, the next run solves them."""
    if not is_regular_file(folder.absolute().parents[2] / MIRROR):
        return problems
    return [problem if problem.remedy else problem._replace(remedy=_MIRROR_AGAIN) for problem in problems]


def _of_link(anchor: str, file: File) -> Iterator[Problem]:
    """Compare the entry of a page with the local file and with the local copy of its METADATA."""
    if file.url is None or not file.url.startswith(_HERE):
        return
    parts = urlsplit(file.url).path.removeprefix("/-/").split("/")
    path = Path(anchor, *(unquote(part, errors="surrogateescape") for part in parts))
    is_index = path.name.endswith("variants.json")
    try:
        size = file_size(path)
        if file.size not in (None, size):
            text = f"the page says {file.size} bytes, the file has {size}"
            yield Problem("link-size", file.filename, text)
        if is_index:  # hashing wheels and sdists would mean reading their payload
            yield from simple_api.of_content(file.filename, file.hashes, document_content(path))
    except VariantError as error:
        yield _dead_link(file.filename, path, error)
    if file.core_metadata is not None and not is_index:
        yield from _of_copy(f"{file.filename}.metadata", Path(f"{path}.metadata"), file.core_metadata)


def _of_copy(place: str, path: Path, hashes: Mapping[str, str]) -> Iterator[Problem]:
    """Compare the copy of METADATA beside a wheel with the hashes on the page."""
    try:
        file_size(path)
        yield from simple_api.of_content(place, hashes, document_content(path))
    except VariantError as error:
        yield _dead_link(place, path, error)


def _dead_link(place: str, path: Path, error: VariantError) -> Problem:
    """Return the problem of a link whose file cannot be read."""
    return error.problems[0]._replace(place=str(path)).at(place, "dead-link")
