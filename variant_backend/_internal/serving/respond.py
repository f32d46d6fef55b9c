"""Answer requests for the offer: which page or file a path names, and the answer as a value.

Sources: the simple repository API (PEP 503, 691), RFC 9110 (conditional requests, content negotiation).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote

from ..formats.release import File
from ..formats.simple_api import JSON_TYPE
from ..variants.filename import normalize

HTML_TYPE = "application/vnd.pypi.simple.v1+html"
_TEXT_TYPE = "text/html; charset=utf-8"
# The media types of a page, and the types of `Accept` that they satisfy.
_JSON_NAMES = {JSON_TYPE, "application/vnd.pypi.simple.latest+json"}
_HTML_NAMES = {HTML_TYPE, "application/vnd.pypi.simple.latest+html"}
# Other names would change the URL at the upstream, or exist nowhere: longer ones do not fit into filenames.
_PROJECT_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9])?"
# The headers that an error requires (RFC 9110, sections 10.2.1 and 11.6.1).
_MORE_HEADERS = {401: {"WWW-Authenticate": 'Basic realm="variant-backend"'}, 405: {"Allow": "GET, HEAD"}}


class ClientRequest(NamedTuple):
    """A request: its method, its path as it was sent, and its headers by names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


class ServerAnswer(NamedTuple):
    """An answer: its status, its headers, and its *body*, or the *file* whose content follows.

    The content of a *file* is verified against its size and hashes while it is sent.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    file: File | None = None


# What a server answers with.
Respond: TypeAlias = Callable[[ClientRequest], ServerAnswer]


class ProjectPath(NamedTuple):
    """The page of a project for installers; *environment* is empty if the path names none."""

    machine: str
    environment: str
    project: str


class FilePath(NamedTuple):
    """A file of a project, or the metadata file beside it."""

    machine: str
    project: str
    key: str
    filename: str


class ProjectsPath(NamedTuple):
    """The list of all projects for installers."""

    machine: str
    environment: str


class PersonPath(NamedTuple):
    """A page for people: of one project, or the start page if *project* is empty."""

    project: str


class HealthPath(NamedTuple):
    """The answer to a load balancer."""


class OtherPath(NamedTuple):
    """A path that must be written differently; *location* is relative, empty if nothing is there."""

    location: str = ""


Route: TypeAlias = "ProjectPath | FilePath | ProjectsPath | PersonPath | HealthPath | OtherPath"


def route(path: str) -> Route:
    """Return what a path names.

    >>> route("/gpu/simple/torch/")
    ProjectPath(machine='gpu', environment='', project='torch')
    >>> route("/gpu/3.12-win_amd64/simple/Some_Thing")
    OtherPath(location='some-thing/')
    """
    parts = [unquote(part) for part in path.partition("?")[0].split("/")[1:]]
    match parts:
        case [""]:
            return PersonPath("")
        case ["health"]:
            return HealthPath()
        case ["project", project, *end] if end in ([], [""]):
            return _normalized(project, has_slash=bool(end)) or PersonPath(project)
        case [machine, "files", project, key, filename] if filename and _is_normalized(project):
            return FilePath(machine, project, key, filename)
        case [machine, "simple", ""]:
            return ProjectsPath(machine, "")
        case [_, "simple", project, *end] if end in ([], [""]):  # also a project with the name `simple`
            return _project_path(parts, project)
        case [machine, environment, "simple", ""]:
            return ProjectsPath(machine, environment)
        case [_, _, "simple", project, *end] if end in ([], [""]):
            return _project_path(parts, project)
    return OtherPath()


def _project_path(parts: list[str], project: str) -> Route:
    """Return the page of a project for installers, or where it is."""
    has_slash = parts[-1] == ""
    place = len(parts) - (3 if has_slash else 2)  # of the `simple` before the project
    page = ProjectPath(parts[0], parts[1] if place == 2 else "", project)
    return _normalized(project, has_slash=has_slash) or page


def _normalized(project: str, *, has_slash: bool) -> OtherPath | None:
    """Return where a page is if its project is not normalized or its path has no slash at the end."""
    if not re.fullmatch(_PROJECT_NAME, project):
        return OtherPath()
    if not has_slash or not _is_normalized(project):
        return OtherPath(f"{'../' if has_slash else ''}{normalize(project)}/")
    return None


def _is_normalized(project: str) -> bool:
    return bool(re.fullmatch(_PROJECT_NAME, project)) and project == normalize(project)


class TaggedContent(NamedTuple):
    """A content with its ETag."""

    content: bytes
    tag: str

    @classmethod
    def of(cls, content: bytes) -> TaggedContent:
        """Return a content with the ETag of its bytes."""
        return cls(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def page_response(request: ClientRequest, page_in: Callable[[str], TaggedContent]) -> ServerAnswer:
    """Return a page for installers in the media type that a request prefers; *page_in* renders it."""
    kind = preferred_type(request.headers.get("accept", ""))
    page = page_in(kind)
    if kind == HTML_TYPE:  # the same bytes as of text/html
        page = page._replace(tag=f'"html-{page.tag[1:]}')
    return tagged_response(request, page, {"Content-Type": kind, "Vary": "Accept, User-Agent"})


def html_response(request: ClientRequest, status: int, page: bytes) -> ServerAnswer:
    """Return a page for people."""
    headers = {"Content-Type": _TEXT_TYPE}
    if status == 200:
        return content_response(request, page, headers)
    more = {"Cache-Control": "no-store", "Content-Length": str(len(page))}
    return ServerAnswer(status, {**headers, **more}, page)


def content_response(request: ClientRequest, content: bytes, headers: Mapping[str, str]) -> ServerAnswer:
    """Return a content with the ETag of its bytes; without the bytes if the client has them."""
    return tagged_response(request, TaggedContent.of(content), headers)


def tagged_response(request: ClientRequest, page: TaggedContent, headers: Mapping[str, str]) -> ServerAnswer:
    """Return a content with its ETag; without the bytes if the client has them."""
    content, tag = page
    common = {**headers, "ETag": tag, "Cache-Control": "no-cache"}
    if _matches(request.headers.get("if-none-match", ""), tag):
        return ServerAnswer(304, common)
    return ServerAnswer(200, {**common, "Content-Length": str(len(content))}, content)


def _matches(header: str, tag: str) -> bool:
    """Return whether If-None-Match has an ETag; it is compared weakly (RFC 9110, section 13.1.2)."""
    return header.strip() == "*" or tag in {part.strip().removeprefix("W/") for part in header.split(",")}


def preferred_type(accept: str) -> str:
    """Return the media type of a page for a header Accept; HTML if it names none that exists.

    >>> preferred_type("application/vnd.pypi.simple.v1+json, text/html;q=0.01")
    'application/vnd.pypi.simple.v1+json'
    """
    best, best_quality = _TEXT_TYPE, 0.0
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((_quality(text[2:]) for text in parameters if text.startswith("q=")), 1.0)
        known = JSON_TYPE if name in _JSON_NAMES else HTML_TYPE if name in _HTML_NAMES else None
        known = known or (_TEXT_TYPE if name in ("text/html", "*/*", "text/*") else None)
        if known and quality > best_quality:
            best, best_quality = known, quality
    return best


def _quality(text: str) -> float:
    return float(text) if re.fullmatch(r"[01](\.[0-9]{0,3})?", text) else 0.0


def error_response(status: int, text: str) -> ServerAnswer:
    """Return an error as plain text."""
    body = f"{text}\n".encode()
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        "Cache-Control": "no-store",
        "Content-Length": str(len(body)),
    }
    return ServerAnswer(status, headers | _MORE_HEADERS.get(status, {}), body)


def redirect_response(status: int, location: str) -> ServerAnswer:
    """Return a redirect."""
    return ServerAnswer(status, {"Location": location, "Content-Length": "0", "Cache-Control": "no-cache"})


def has_token(request: ClientRequest, token: str) -> bool:
    """Return whether a request has the token as its password, with any user name."""
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return False
    try:
        password = b64decode(encoded.strip(), validate=True).partition(b":")[2]
    except ValueError:
        return False
    return hmac.compare_digest(password, token.encode())
