"""The requirements that a user names: those of a graph, checked before a resolver starts.

Installers obey options in files with requirements. Some of them go around the offer, and requirements on
URLs have no entry in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, RequestError, VariantError
from ..lowlevel.named_paths import place_of_file
from ..lowlevel.urls import shown_url, without_secrets
from ..variants.filename import normalize
from .requirement_lines import CONSTRAINTS, REQUIREMENTS, RequirementLine, lines_of_files

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_HASH = re.compile(r"\s+--hash[\s=]+(\w+:[0-9A-Fa-f]+)")
# What installers read as a path, or as a URL, also of a repository.
_PATH = re.compile(r"\.|[\w.~-]*[/\\]|[A-Za-z]:[/\\]|([\w.-]+\s*(\[[^\]]*\])?\s*@\s*)?[a-z+]+:/")
_ARCHIVES = (".whl", ".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_INDEXES = ("-i", "--index-url", "--pypi-url", "--extra-index-url", "--index")
_FOLDERS = ("-f", "--find-links", "--no-index")
_EDITABLE = ("-e", "--editable")
# Options that change which versions are resolved, and go around nothing.
_ALLOWED = (*REQUIREMENTS, *CONSTRAINTS, "--pre", "--prefer-binary", "--only-binary", "--require-hashes")
_NO_FILES = (".toml", ".py", ".cfg")
_NAMED = "name a release that it has: NAME==VERSION"


class RootRequirement(NamedTuple):
    """A requirement or constraint of the user: its place, and the hashes that it pins, as ``sha256:...``."""

    place: str
    requirement: Requirement
    hashes: frozenset[str] = frozenset()


def read_roots(
    requirements: Iterable[str], files: Iterable[Path], environ: Mapping[str, str]
) -> tuple[RootRequirement, ...]:
    """Return all requirements and constraints, also of files; raises RequestError with all problems.

    A file that cannot be read is left to the resolver.
    """
    paths = tuple(files)
    problems = [_no_requirements_file(path) for path in paths if path.suffix in _NO_FILES]
    roots: list[RootRequirement] = []
    named = (RequirementLine("", text, Path()) for text in requirements)
    for line in (*named, *lines_of_files(paths, environ, (*REQUIREMENTS, *CONSTRAINTS))):
        if line.options and line.place:
            problems += _refused(line)
            continue
        try:
            roots.append(_root(line))
        except VariantError as error:
            problems += error.problems
    if problems:
        raise RequestError(*problems)
    return tuple(roots)


def _root(line: RequirementLine) -> RootRequirement:
    """Return the requirement of a line; raises VariantError."""
    from packaging.requirements import InvalidRequirement, Requirement

    text = _HASH.sub("", line.text).strip()
    hashes = frozenset(match.lower() for match in _HASH.findall(line.text))
    shown = without_secrets(text)
    place = line.place or repr(shown)
    got = f" {shown!r}" if line.place else ""
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        if not _PATH.match(text):
            reason = str(error).splitlines()[0]
            hint = "write NAME, or NAME with a version, such as NAME>=1.0"
            raise VariantError(f"invalid requirement{got}: {reason}", place=place, hint=hint) from None
        requirement = None
    if requirement is None or requirement.url is not None or requirement.name.endswith(_ARCHIVES):
        raise VariantError(
            f"expected a package of the index, got the path or URL{got}", place=place, hint=_NAMED
        )
    return RootRequirement(line.place or text, requirement, hashes)


def _refused(line: RequirementLine) -> Iterator[Problem]:
    """Yield the options of a line that the resolver must not obey."""
    for name, value in line.options:
        shown = f"{name} {shown_url(value)}".rstrip()
        if name in (*REQUIREMENTS, *CONSTRAINTS):
            if "://" in value and not value.lower().startswith("file:"):
                remedy = "download the file, and name the copy"
                yield Problem("error", line.place, f"{shown} is a file on a server", remedy)
        elif name in _INDEXES:
            remedy = "remove it, and name the index on the command line: --index-url URL"
            yield Problem("error", line.place, f"{shown} names an index beside the offer", remedy)
        elif name in _FOLDERS:
            remedy = "remove it, and name the folder on the command line: --find-links DIR"
            yield Problem("error", line.place, f"{shown} changes the sources of packages", remedy)
        elif name in _EDITABLE:
            yield Problem(
                "error", line.place, f"{shown} is a folder or repository, not a package of the index", _NAMED
            )
        elif name not in _ALLOWED:
            yield Problem("error", line.place, f"the option {name} is not supported here", "remove it")


def _no_requirements_file(path: Path) -> Problem:
    text = "expected a file with requirements"
    return Problem(
        "error", place_of_file(path), text, "write one requirement a line into a file with suffix .txt"
    )


def extras_of(roots: Iterable[RootRequirement]) -> dict[str, set[str]]:
    """Return the extras that are named for each project, by normalized names."""
    extras: dict[str, set[str]] = {}
    for root in roots:
        own = extras.setdefault(normalize(root.requirement.name), set())
        own |= {normalize(extra) for extra in root.requirement.extras}
    return extras


def hash_of_none(roots: Iterable[RootRequirement], name: str, hashes: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the requirements on a project that pin other hashes than those of its file."""
    known = {f"{algorithm}:{digest}".lower() for algorithm, digest in hashes.items()}
    for root in roots:
        if root.hashes and normalize(root.requirement.name) == name and not known & root.hashes:
            text = f"no hash of {root.requirement} is that of the file that this machine gets"
            wanted = " ".join(f"--hash={text}" for text in sorted(known)) or "no hash"
            yield Problem("error", root.place, text, f"replace its hashes by {wanted}")
