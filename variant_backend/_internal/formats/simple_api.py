"""Write and read the pages of a package index, as HTML and as JSON.

Sources: the simple repository API (PEP 503, 592, 629, 691, 700), and the metadata files beside wheels
(PEP 658, 714), attestations (PEP 740). Pages that are read are untrusted.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from ..errors import MOST_SHOWN, Problem, VariantError
from ..lowlevel.urls import is_http, shown_url
from ..variants.filename import check_project_name, normalize, version_of
from ..variants.validation import Document, join, read_strict_json
from .html_reading import start_tags
from .html_writing import GENERATOR, GENERATOR_TAG, Html, element, whole_page
from .release import ALGORITHMS, File

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
# The media types of a page, as requested from servers.
ACCEPT = f"{JSON_TYPE}, text/html;q=0.5, */*;q=0.1"
_API_VERSION = "1.1"
# Keys that start with an underscore are for servers (PEP 691).
_META = {"api-version": _API_VERSION, "_generator": GENERATOR}
_NO_PAGE = "not a page of a package index"
# Every link is joined to the base: a long base makes reading slow.
_LONGEST_BASE = 2000
# PEP 700.
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?Z")
# The largest projects on PyPI have tens of thousands of files.
_MOST_LINKS = 150_000
# The tags and attributes that are read.
_TAGS = {
    "a": (
        "href",
        "data-requires-python",
        "data-core-metadata",
        "data-dist-info-metadata",
        "data-yanked",
        "data-provenance",
    ),
    "base": ("href",),
    "meta": ("name", "content"),
}


class Page(NamedTuple):
    """The page of a project: its normalized *name*, and its files."""

    name: str
    files: tuple[File, ...]


def to_html(page: Page) -> bytes:
    """Return the page as HTML (PEP 503)."""
    return _html(f"Links for {page.name}", map(_anchor, page.files))


def to_json(page: Page, *, compact: bool = False) -> bytes:
    """Return the page as JSON (PEP 691 and 700), *compact* or with a line for each value.

    A large page is written in a tenth of the time if it is compact.
    """
    versions = {version_of(file.filename) for file in page.files} - {None}
    files = [_entry(file) for file in page.files]
    document = {"name": page.name, "versions": sorted(map(str, versions)), "files": files}
    return _json(document, compact=compact)


def projects_to_html(names: Iterable[str]) -> bytes:
    """Return the page that lists all projects, by their normalized names, as HTML."""
    return _html("Simple index", (_line(name, href=f"{name}/") for name in names))


def projects_to_json(names: Iterable[str]) -> bytes:
    """Return the page that lists all projects as JSON."""
    return _json({"projects": [{"name": name} for name in names]})


def is_own_html(content: bytes) -> bool:
    """Return whether variant-backend wrote a page of HTML."""
    return str(GENERATOR_TAG).encode() in content


def is_own_json(content: bytes) -> bool:
    """Return whether variant-backend wrote a page of JSON."""
    try:
        return bool(json.loads(content)["meta"]["_generator"] == GENERATOR)
    except (ValueError, LookupError, TypeError, RecursionError):
        return False


def from_html(content: bytes, url: str) -> Page:
    """Read the page of a project at *url*; the URLs of its files become absolute.

    Links without a filename are ignored. Raises VariantError if the page cannot be parsed, or has an unknown
    version of the format.
    """
    base, links = _read_html(content, url)
    files = (_linked(attributes, base) for attributes in links)
    return Page(_project_of(url), tuple(file for file in files if file))


def from_json(content: bytes, url: str, *, skipped: list[VariantError] | None = None) -> Page:
    """Read the page of a project at *url*; the URLs of its files become absolute.

    Raises VariantError with every problem. With *skipped*, the problems of single files are added to it, and
    such files are left out.
    """
    document, top = _read_json(content)
    document.table(top, "", required=("meta", "name", "files"))
    name = document.string(top.get("name", ""), "name") or ""
    files = []
    for place, entry in _listed(document, top, "files"):
        own = document if skipped is None else Document()
        file = _read_entry(own, entry, place, url)
        if skipped is None or not own.problems:
            files.append(file)
        else:
            skipped.append(VariantError(*own.problems))
    document.check()
    return Page(name, tuple(files))


def projects_from_html(content: bytes, url: str) -> dict[str, str]:
    """Read the page at *url* that lists all projects; return the URLs of their pages, by their names.

    Links are ignored unless they lead to a page one level below, with a valid name. Raises VariantError as
    `from_html` does.
    """
    base, links = _read_html(content, url)
    below = re.compile(re.escape(urljoin(url, ".")) + r"([^/?#]+)/?")
    projects: dict[str, str] = {}
    for attributes in links:
        joined = _joined(base, attributes["href"])
        match = below.fullmatch(joined) if joined else None
        name = unquote(match[1]) if match else ""
        if joined and Document().passes("", check_project_name, name):
            projects.setdefault(normalize(name), joined)
    return projects


def projects_from_json(content: bytes, url: str) -> dict[str, str] | None:
    """Read the page at *url* that lists all projects; return the URLs of their pages, by their names.

    None if the page has no ``projects``, such as a project's page. Raises VariantError with every problem.
    """
    document, top = _read_json(content)
    projects: dict[str, str] = {}
    for place, entry in _listed(document, top, "projects"):
        table, place = document.table(entry, place, required=("name",)), join(place, "name")
        name = document.string(table["name"], place) if "name" in table else None
        if name is not None and document.passes(place, check_project_name, name):
            projects.setdefault(normalize(name), urljoin(url, f"{normalize(name)}/"))
    document.check(_NO_PAGE)
    return projects if "projects" in top else None


def _html(title: str, links: Iterable[Html]) -> bytes:
    version = element("meta", name="pypi:repository-version", content=_API_VERSION)
    return whole_page(title, element("h1", title), *links, head=version)


def _line(text: str, **attributes: str) -> Html:
    return Html(element("a", text, **attributes), element("br"))


def _anchor(file: File) -> Html:
    """Return the line of a file."""
    fragment = _one_hash(file.hashes)
    attributes = {"href": f"{file.location}#{fragment}" if fragment else str(file.location)}
    if file.requires_python is not None:
        attributes["data-requires-python"] = file.requires_python
    if file.core_metadata is not None:
        # With the key of PEP 658, pip 22.3 to 23.1 rejects wheels whose Name is not normalized.
        attributes["data-core-metadata"] = _one_hash(file.core_metadata) or "true"
    if file.yanked is not None:
        attributes["data-yanked"] = file.yanked
    if file.provenance is not None:
        attributes["data-provenance"] = file.provenance
    return _line(file.filename, **attributes)


def _one_hash(hashes: Mapping[str, str]) -> str | None:
    """Return ``sha256=...``, or another hash if there is no SHA-256; None if there is no hash."""
    algorithm = "sha256" if "sha256" in hashes else min(hashes, default=None)
    return f"{algorithm}={hashes[algorithm]}" if algorithm else None


def _json(document: Mapping[str, object], *, compact: bool = False) -> bytes:
    document = {"meta": _META, **document}
    form = {"separators": (",", ":")} if compact else {"indent": 1}
    return f"{json.dumps(document, **form)}\n".encode()


def _entry(file: File) -> dict[str, object]:
    """Return the table of a file."""
    entry: dict[str, object] = {"filename": file.filename, "url": file.location, "hashes": dict(file.hashes)}
    if file.requires_python is not None:
        entry["requires-python"] = file.requires_python
    if file.size is not None:
        entry["size"] = file.size
    if file.upload_time is not None:
        entry["upload-time"] = file.upload_time
    if file.provenance is not None:
        entry["provenance"] = file.provenance
    if file.core_metadata is not None:
        entry["core-metadata"] = dict(file.core_metadata) or True  # pip 22.3 to 23.1 fails with the older key
    if file.yanked is not None:
        entry["yanked"] = file.yanked or True
    return entry


def _read_html(content: bytes, url: str) -> tuple[str, Iterator[dict[str, str]]]:
    """Return the base URL of a page's links, and the attributes of its links."""
    links = deque[dict[str, str]]()
    version, base = None, None
    try:
        for tag, attributes in start_tags(content, _TAGS):
            if tag == "a" and "href" in attributes:
                if len(links) == _MOST_LINKS:
                    raise VariantError(f"expected at most {_MOST_LINKS} links, got more")
                links.append(attributes)
            elif tag == "base" and base is None:  # the first with a link counts
                base = attributes.get("href")
            elif tag == "meta" and attributes.get("name") == "pypi:repository-version":
                version = attributes.get("content", "")
    except VariantError as error:
        raise error.within(_NO_PAGE) from None
    _check_version(version)
    base = base or ""
    if len(base) > _LONGEST_BASE:
        raise VariantError(
            f"base URL too long: {len(base)} characters (limit: {_LONGEST_BASE})", place=_NO_PAGE
        )
    return _joined(url, base) or url, _taken(links)


def _taken(links: deque[dict[str, str]]) -> Iterator[dict[str, str]]:
    """Yield the links and remove them: a page can have so many that they take more memory than its files."""
    while links:
        yield links.popleft()


def _linked(attributes: Mapping[str, str], base: str) -> File | None:
    """Return the file that a link names; None if it has no filename."""
    joined = _joined(base, attributes["href"])
    if joined is None:
        return None
    url, fragment = urldefrag(joined)
    filename = unquote(urlsplit(url).path.rpartition("/")[2])
    if not filename or "/" in filename:
        return None
    core_metadata = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata", "false"))
    return File(
        filename,
        url,
        _hashes(fragment),
        requires_python=attributes.get("data-requires-python"),
        core_metadata=None if core_metadata == "false" else _hashes(core_metadata),
        yanked=attributes.get("data-yanked"),
        provenance=_read_provenance(attributes.get("data-provenance"), base),
    )


def _hashes(text: str) -> dict[str, str]:
    """Read ``sha256=...``; other texts are ignored."""
    match = re.fullmatch(r"([a-z0-9_]+)=([0-9a-fA-F]+)", text)
    return {match[1]: match[2].lower()} if match else {}


def _joined(base: str, link: str) -> str | None:
    """Return a link as an absolute URL; None if it is invalid."""
    try:
        return urljoin(base, link.strip())
    except ValueError:  # such as an invalid address in brackets
        return None


def _read_json(content: bytes) -> tuple[Document, dict[str, object]]:
    """Return the document for problems and the top-level table of a page, after checking its version."""
    document = Document()
    try:
        top = document.table(read_strict_json(document, content), "")
    except VariantError as error:
        raise error.within(_NO_PAGE) from None
    _check_version(document.table(top.get("meta", {}), "meta").get("api-version"))
    return document, top


def _listed(document: Document, top: Mapping[str, object], key: str) -> list[tuple[str, object]]:
    """Return the entries of a list, each with its place."""
    listed = top.get(key, [])
    if not isinstance(listed, list):
        document.note(key, "expected a list", code="wrong-type")
        return []
    return [(f"{key}[{at}]", entry) for at, entry in enumerate(listed)]


def _read_entry(document: Document, value: object, place: str, url: str) -> File:
    """Read the table of a file."""
    entry = document.table(value, place, required=("filename", "url", "hashes"))
    size = entry.get("size")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
        document.note(join(place, "size"), "expected a number of bytes", code="wrong-type")
        size = None
    filename = document.string(entry.get("filename", ""), join(place, "filename")) or ""
    if "/" in filename or "\\" in filename:
        document.note(join(place, "filename"), f"invalid filename {filename!r}")
    link = document.string(entry.get("url", ""), join(place, "url")) or ""
    joined = _joined(url, link)
    if joined is None:
        document.note(join(place, "url"), f"invalid URL {link!r}")
    requires_python = entry.get("requires-python")
    if requires_python is not None:
        requires_python = document.string(requires_python, join(place, "requires-python"))
    key = "core-metadata" if "core-metadata" in entry else "dist-info-metadata"
    core_metadata = entry.get(key, False)
    return File(
        filename,
        urldefrag(joined or "")[0],
        _read_hashes(document, entry.get("hashes", {}), join(place, "hashes")),
        size,
        requires_python,
        None
        if core_metadata is False
        else _read_hashes(document, {} if core_metadata is True else core_metadata, join(place, key)),
        _read_yanked(document, entry.get("yanked", False), join(place, "yanked")),
        _read_upload_time(entry.get("upload-time")),
        _read_provenance(entry.get("provenance"), url),
    )


def _read_yanked(document: Document, value: object, place: str) -> str | None:
    """Read true, false, or a reason, which implies true."""
    if value is None or isinstance(value, bool):
        return "" if value else None
    return document.string(value, place)


def _read_provenance(value: object, url: str) -> str | None:
    """Read the URL of attestations; others, and those with a secret, are ignored: no installer needs them."""
    joined = _joined(url, value) if isinstance(value, str) and value else None
    return joined if joined and is_http(joined) and joined == shown_url(joined) else None


def _read_upload_time(value: object) -> str | None:
    """Read a moment in UTC; others are ignored, as installers select no wheel by it unless asked."""
    if isinstance(value, str) and (match := _MOMENT.fullmatch(value)):
        with suppress(ValueError):  # such as February 30
            datetime.fromisoformat(match[1])
            return value
    return None


def _read_hashes(document: Document, value: object, place: str) -> dict[str, str]:
    """Read digests by algorithm."""
    entries = document.table(value, place)
    read = {name: document.string(digest, join(place, name)) for name, digest in entries.items()}
    return {name: digest.lower() for name, digest in read.items() if digest is not None}


def _check_version(version: object) -> None:
    """Check that a page has major version 1 (PEP 629), which is the default; raises VariantError."""
    if version is not None and not re.fullmatch(r"1\.\d+", str(version)):
        raise VariantError(f"unknown version {version!r} of the simple API; known versions: 1.x")


def _project_of(url: str) -> str:
    """Return the project's name, the last part of the URL of its page."""
    parts = [part for part in urlsplit(url).path.split("/") if part and not part.startswith("index.")]
    return normalize(unquote(parts[-1])) if parts else ""


def of_content(name: str, hashes: Mapping[str, str], content: bytes) -> Iterator[Problem]:
    """Compare the content of a file with the *hashes* of a page; unknown algorithms are skipped."""
    for algorithm, announced in hashes.items():
        if algorithm in ALGORITHMS:
            actual = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
            if announced != actual:
                yield Problem(
                    "link-hash", name, f"expected {algorithm} {announced[:MOST_SHOWN]}, got {actual}"
                )
