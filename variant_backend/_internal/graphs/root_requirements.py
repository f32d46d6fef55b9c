"""The requirements that a user names: those of a graph, checked before a resolver starts.

Installers obey options in files with requirements. Some of them go around the offer, and requirements on
URLs have no entry in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, RequestError, VariantError
from ..lowlevel.urls import shown_url, without_secrets
from ..variants.filename import normalize
from ..variants.label_pattern import PLAIN
from ..variants.requirements import PackageRequest, names_local_version
from .dependencies import is_active
from .request_files import problems_of_files
from .requirement_lines import RequirementLine

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from ..selection.target import Target

_HASH = re.compile(r"\s+--hash[\s=]+(\w+:[0-9A-Fa-f]+)")
# What installers read as a path, or as a URL, also of a repository.
_PATH = re.compile(r"\.|[\w.~-]*[/\\]|[A-Za-z]:[/\\]|([\w.-]+\s*(\[[^\]]*\])?\s*@\s*)?[a-z+]+:/")
_ARCHIVES = (".whl", ".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_INDEXES = ("-i", "--index-url", "--pypi-url", "--extra-index-url", "--index")
_FOLDERS = ("-f", "--find-links", "--no-index")
_EDITABLE = ("-e", "--editable")
# Options that change which versions are resolved, and go around nothing.
_ALLOWED = ("--pre", "--prefer-binary", "--only-binary", "--require-hashes")
_NAMED = "name a release that it has: NAME==VERSION"


class RootRequirement(NamedTuple):
    """A requirement or constraint of the user: its place, and the hashes that it pins, as ``sha256:...``.

    *label* is the wanted one, or a pattern, as in `PackageRequest`.
    """

    place: str
    requirement: Requirement
    hashes: frozenset[str] = frozenset()
    label: str | None = None
    is_constraint: bool = False

    @property
    def line(self) -> str:
        """The line of a requirements file that any installer reads: it has no label."""
        return " ".join([str(self.requirement), *(f"--hash={text}" for text in sorted(self.hashes))])


class Requested(NamedTuple):
    """What to resolve: the requirements and constraints of a user, and *options* such as ``--pre``."""

    roots: tuple[RootRequirement, ...]
    options: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, requirements: Iterable[str], files: Iterable[Path] = (), constraints: Iterable[Path] = ()
    ) -> Requested:
        """Read requirements, requirements files, and files with constraints; ``-`` is stdin.

        Raises RequestError with all problems: also those of requirements that the offer cannot have.
        """
        reader = _RootReader()
        for text in requirements:
            reader.try_to_use(RequirementLine("", text, Path()))
        problems = problems_of_files(files, constraints, reader.use)
        if problems := [*reader.problems, *problems]:
            raise RequestError(*problems)
        return cls(tuple(reader.roots), tuple(dict.fromkeys(reader.options)))

    def labels(self, target: Target, overlaid: Collection[str]) -> dict[str, str]:
        """Return the wanted labels for a target by normalized name; raises RequestError if two are wanted.

        A wheel of an *overlaid* project that `installed --freeze` names as a plain one has a label here: its
        local version selects it.
        """
        environment = target.markers
        labels: dict[str, str] = {}
        for _, requirement, _, label, _ in self.roots:
            if label is None or not is_active(requirement, environment, [""]):
                continue
            name = normalize(requirement.name)
            if label == PLAIN and name in overlaid and names_local_version(requirement.specifier):
                continue
            if labels.setdefault(name, label) != label:
                text = f"two labels are requested: {labels[name]} and {label}"
                raise RequestError(text, place=name, remedy="remove one of them")
        return labels


class _RootReader:
    """Collects the requirements of lines."""

    def __init__(self) -> None:
        self.roots: list[RootRequirement] = []
        self.options: list[str] = []
        self.problems: list[Problem] = []

    def use(self, line: RequirementLine, is_constraint: bool) -> None:
        """Add the requirement or the options of a line; raises VariantError."""
        if not (line.options and line.place):
            self.roots.append(_root(line)._replace(is_constraint=is_constraint))
            return
        if problems := [*_refused(line)]:
            raise VariantError(*problems)
        self.options += (" ".join(filter(None, option)) for option in line.options)

    def try_to_use(self, line: RequirementLine) -> None:
        """Add the requirement of an argument, or its problems."""
        try:
            self.use(line, is_constraint=False)
        except VariantError as error:
            self.problems += error.problems


def _root(line: RequirementLine) -> RootRequirement:
    """Return the requirement of a line; raises VariantError."""
    from packaging.requirements import InvalidRequirement, Requirement

    text = _HASH.sub("", line.text).strip()
    hashes = frozenset(match.lower() for match in _HASH.findall(line.text))
    shown = without_secrets(text)
    place = line.place or repr(shown)
    got = f" {shown!r}" if line.place else ""
    label = None
    if "#" in text and "://" not in text and not _PATH.match(text):
        try:
            request = PackageRequest.parse(text)
        except VariantError as error:
            raise (error.within(line.place) if line.place else error) from None
        text, label = request.requirement, request.label
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        if not _PATH.match(text):
            reason = str(error).splitlines()[0]
            remedy = "write NAME, or NAME with a version, such as NAME>=1.0"
            raise VariantError(f"invalid requirement{got}: {reason}", place=place, remedy=remedy) from None
        requirement = None
    is_archive = re.split("[;#]", line.text)[0].strip().endswith(_ARCHIVES)
    if requirement is None or requirement.url is not None or is_archive:
        raise VariantError(
            f"expected a package of the index, got the path or URL{got}", place=place, remedy=_NAMED
        )
    return RootRequirement(line.place or text, requirement, hashes, label)


def _refused(line: RequirementLine) -> Iterator[Problem]:
    """Yield the options of a line that the resolver must not obey."""
    for name, value in line.options:
        shown = f"{name} {shown_url(value)}".rstrip()
        if name in _INDEXES:
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
