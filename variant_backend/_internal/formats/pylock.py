"""Write and read lock files with variants.

Sources: the specification of pylock.toml (PEP 751), and PEP 825 ("Integration with pylock.toml"). Released
readers of lock files do not know the names of variant wheels: see docs/how-to/fetch.md. The package's
``tool.variant-backend`` table has the values for which the format has no key: the hashes of each wheel's
METADATA, Requires-Python if wheels differ in it, and hosts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import Problem, VariantError
from ..lowlevel.newer_dependencies import LOCK_FILES
from ..lowlevel.ranges import path_of
from ..lowlevel.urls import without_user
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from ..variants.metadata_reading import usable_from_dict
from ..variants.validation import Document
from .release import Candidate, File, Location, Release

if TYPE_CHECKING:
    from packaging.markers import Environment
    from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock
    from packaging.tags import Tag

CREATED_BY = "variant-backend"
LOCK_VERSION = "1.0"
_VARIANTS = "variants-json"
_TOOL = ("tool", "variant-backend")
_HOSTS = "hosts"
_CORE_METADATA = "core-metadata"
_REQUIRES_PYTHON = "requires-python"


class Locked(NamedTuple):
    """A locked package: a release, and its source.

    The *problems* of the release concern variants that cannot be read. *hosts* are further hosts to which the
    servers of the wheels may redirect, as ``HOST[:PORT]``. *sdist* is the source distribution.
    """

    release: Release
    index_url: str | None = None
    hosts: tuple[str, ...] = ()
    sdist: File | None = None


def check_lock_name(name: str) -> None:
    """Check the name of a lock file; raises VariantError if it is invalid."""
    if not re.fullmatch(r"pylock\.([^.]+\.)?toml", name):
        raise VariantError(
            f"invalid name of a lock file: {name!r}", remedy="name it pylock.toml or pylock.NAME.toml"
        )


def check_host(text: str) -> None:
    """Check a host to which servers may redirect; raises VariantError if it is invalid.

    >>> check_host("objects.example.org"), check_host("127.0.0.1:8000")
    (None, None)
    """
    if not re.fullmatch(r"([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", text):
        raise VariantError(
            f"invalid host {text!r}", remedy="write HOST or HOST:PORT in lower case, without scheme and path"
        )


def is_created_here(content: bytes) -> bool:
    """Return whether this project wrote a lock file with this content."""
    return f'created-by = "{CREATED_BY}"'.encode() in content


def reduced(metadata: VariantMetadata, labels: Iterable[str]) -> VariantMetadata:
    """Return the metadata of some variants only, without namespaces that none of them uses.

    If none is used, all stay, as the format requires at least one.
    """
    variants = {label: metadata.variants[label] for label in labels}
    used = set[str]().union(*(variant.namespaces() for variant in variants.values()))
    namespaces = tuple(name for name in metadata.namespaces if name in used) or metadata.namespaces
    providers = {name: provider for name, provider in metadata.providers.items() if name in namespaces}
    return VariantMetadata(namespaces, providers, variants)


def to_dict(packages: Iterable[Locked], folder: Path | None = None) -> dict[str, object]:
    """Return the content of a lock file; paths become relative to its *folder*.

    Without a folder, paths become ``file:`` URLs. Raises VariantError with every wheel without a hash, which
    the format requires.
    """
    packages = list(packages)
    files = [wheel.file for package in packages for wheel in package.release.candidates]
    if bare := [file.filename for file in files if not file.hashes]:
        raise VariantError(
            *(f"{name}: a lock file requires a hash, and the index has none for this wheel" for name in bare),
            remedy="download the wheels, and lock them from their folder (--find-links)",
        )
    return {
        "lock-version": LOCK_VERSION,
        "created-by": CREATED_BY,
        "packages": [_package(package, folder) for package in packages],
    }


def _package(package: Locked, folder: Path | None) -> dict[str, object]:
    release = package.release
    files = [wheel.file for wheel in release.candidates]
    agreed = _agreed_requires_python(files)
    return {
        "name": release.name,
        "version": str(release.version),
        **({_REQUIRES_PYTHON: agreed} if agreed else {}),
        **({"index": package.index_url} if package.index_url else {}),
        **({"sdist": file_entry(package.sdist, folder)} if package.sdist else {}),
        "wheels": [file_entry(file, folder) for file in files],
        **({_VARIANTS: release.metadata.to_dict()} if release.metadata else {}),
        **_tool(files, package.hosts),
    }


def _tool(files: Sequence[File], hosts: Sequence[str]) -> dict[str, object]:
    """Return the values for which the format has no key."""
    by_file = {file.filename: file.requires_python for file in files if file.requires_python}
    table = {
        _HOSTS: list(hosts),
        _REQUIRES_PYTHON: by_file if _agreed_requires_python(files) is None else {},
        _CORE_METADATA: {file.filename: dict(file.core_metadata) for file in files if file.core_metadata},
    }
    table = {key: value for key, value in table.items() if value}
    return {_TOOL[0]: {_TOOL[1]: table}} if table else {}


def _agreed_requires_python(files: Iterable[File]) -> str | None:
    """Return the Requires-Python of all wheels, empty if no wheel has one; None if the wheels differ."""
    values = {file.requires_python or "" for file in files}
    return values.pop() if len(values) == 1 else None


def file_entry(file: File, folder: Path | None) -> dict[str, object]:
    """Return the entry of a wheel or an sdist; a path becomes relative to the lock file's *folder*."""
    return {
        "name": file.filename,
        **_place(file, folder),
        **({"size": file.size} if file.size is not None else {}),
        "hashes": dict(file.hashes),
    }


def _place(file: File, folder: Path | None) -> dict[str, object]:
    """Return the location of a wheel: a path relative to the lock file's folder, or a URL."""
    if isinstance(file.location, str):
        return {"url": without_user(file.location)}
    path = file.location.absolute()
    if folder is not None and path.anchor == folder.absolute().anchor:  # the same drive
        return {"path": os.path.relpath(path, folder.absolute()).replace(os.sep, "/")}
    return {"url": path.as_uri()}


def select_packages(
    data: Mapping[str, Any], path: Path, *, environment: Environment, tags: Sequence[Tag]
) -> list[Locked]:
    """Return the packages of a lock file for an *environment*, with all their wheels.

    Paths in the lock file are relative to the folder of its *path*. Raises VariantError, with the path as its
    place, if the file is invalid or not for the environment, or a package has no wheel for the *tags*.
    """
    lock = _parsed(data, path)
    from packaging.pylock import PackageWheel, PylockSelectError

    try:
        selected = [*lock.select(environment=environment, tags=tags)]
    except (PylockSelectError, ValueError) as error:  # ValueError: invalid markers
        raise VariantError(str(error), place=path) from None
    return [
        _locked(package, data["packages"][at], path, at, fits=isinstance(source, PackageWheel))
        for package, source in selected
        for at in [lock.packages.index(package)]
    ]


def read_lock(data: Mapping[str, Any], path: Path) -> list[Locked]:
    """Return all packages of a lock file, for any environment, with all their wheels.

    Raises VariantError, with the path as its place, if the file is invalid or a package has no wheel.
    """
    lock = _parsed(data, path)
    return [
        _locked(package, data["packages"][at], path, at, fits=bool(package.wheels))
        for at, package in enumerate(lock.packages)
    ]


def _parsed(data: Mapping[str, Any], path: Path) -> Pylock:
    if problem := LOCK_FILES.problem():
        raise VariantError(problem).within(path)
    from packaging.pylock import Pylock, PylockValidationError

    try:
        return Pylock.from_dict(_plainly_named(data))
    except (PylockValidationError, ValueError) as error:  # ValueError: invalid markers
        raise VariantError(str(error), place=path) from None


def _plainly_named(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a lock file with names of wheels without labels, which packaging does not know.

    Malformed parts stay, so that packaging reports them.
    """
    packages = data.get("packages")
    if not isinstance(packages, list):
        return dict(data)
    return {**data, "packages": [_with_wheels(package) for package in packages]}


def _with_wheels(package: Any) -> Any:
    if not isinstance(package, dict) or not isinstance(package.get("wheels"), list):
        return package
    return {**package, "wheels": [_with_plain_name(wheel) for wheel in package["wheels"]]}


def _with_plain_name(wheel: Any) -> Any:
    from packaging.pylock import PackageWheel, PylockValidationError

    try:
        name = PackageWheel(**{key: wheel.get(key) for key in ("name", "path", "url", "hashes")}).filename
        return {**wheel, "name": str(WheelFilename.parse(name)._replace(label=None))}
    except (AttributeError, TypeError, PylockValidationError, VariantError):
        return wheel


def _locked(package: Package, table: Mapping[str, Any], path: Path, at: int, *, fits: bool) -> Locked:
    """Return a package as a value; raises VariantError unless one of its wheels *fits*."""
    place = f"{path}: packages[{at}]"
    if not fits:
        text = f"no compatible wheel of {package.name}, only a source to build one from"
        remedy = "build the wheel, and lock it with the others"
        raise VariantError(text, place=place, remedy=remedy)
    tool = _read_tool(package.tool, place)
    try:
        wheels = [
            _candidate(wheel, entry, table, tool, path.parent)
            for wheel, entry in zip(package.wheels or (), table["wheels"], strict=True)
        ]
    except VariantError as error:
        raise error.within(place) from None
    metadata, problems = None, tuple[Problem, ...]()
    if _VARIANTS in table:
        try:
            metadata, problems = usable_from_dict(table[_VARIANTS], f"{place}.{_VARIANTS}")
        except VariantError as error:
            problems = error.problems
    version = package.version or wheels[0].name.release()[1]
    release = Release(package.name, version, tuple(wheels), metadata, problems)
    return Locked(release, package.index, tool.hosts, _sdist(package, path.parent))


def _sdist(package: Package, folder: Path) -> File | None:
    """Return the source distribution of a package. None if it has none."""
    if (sdist := package.sdist) is None:
        return None
    hashes = {name: digest.lower() for name, digest in sdist.hashes.items()}
    return File(sdist.filename, _location(sdist, folder), hashes, sdist.size)


class _Tool(NamedTuple):
    """The table of this project: hosts, and by wheel filename Requires-Python and hashes of METADATA."""

    hosts: tuple[str, ...]
    requires_python: Mapping[str, str]
    core_metadata: Mapping[str, Mapping[str, str]]


def _read_tool(tool: Mapping[str, Any] | None, where: str) -> _Tool:
    """Read the table of this project; raises VariantError with all problems."""
    document, place = Document(), ".".join(_TOOL)
    keys = (_HOSTS, _REQUIRES_PYTHON, _CORE_METADATA)
    table = document.table((tool or {}).get(_TOOL[1], {}), place, keys)
    hosts = document.strings(table.get(_HOSTS, []), f"{place}.{_HOSTS}", check_host, least=0)
    requires_python = _strings(document, table.get(_REQUIRES_PYTHON, {}), f"{place}.{_REQUIRES_PYTHON}")
    place = f"{place}.{_CORE_METADATA}"
    core_metadata = {
        name: {
            algorithm: digest.lower()
            for algorithm, digest in _strings(document, hashes, f"{place}.{name}").items()
        }
        for name, hashes in document.table(table.get(_CORE_METADATA, {}), place).items()
    }
    document.check(where)
    return _Tool(hosts, requires_python, core_metadata)


def _strings(document: Document, value: object, place: str) -> dict[str, str]:
    """Return the strings of a table."""
    entries = document.table(value, place)
    texts = {key: document.string(entry, f"{place}.{key}") for key, entry in entries.items()}
    return {key: text for key, text in texts.items() if text is not None}


def _candidate(
    wheel: PackageWheel, entry: Mapping[str, Any], table: Mapping[str, Any], tool: _Tool, folder: Path
) -> Candidate:
    """Return a wheel with its name in the *entry*, including the label."""
    from packaging.pylock import PackageWheel

    named = PackageWheel(name=entry.get("name"), path=wheel.path, url=wheel.url, hashes=wheel.hashes)
    file = File(
        named.filename,
        _location(wheel, folder),
        {name: digest.lower() for name, digest in wheel.hashes.items()},
        wheel.size,
        tool.requires_python.get(named.filename, table.get(_REQUIRES_PYTHON)),
        tool.core_metadata.get(named.filename),
    )
    candidate = Candidate.of(file)
    if candidate is None:
        raise VariantError(f"invalid wheel filename {file.filename!r}")
    return candidate


def _location(wheel: PackageWheel | PackageSdist, folder: Path) -> Location:
    """Return the location of a wheel or an sdist; a ``file:`` URL of this machine becomes a path."""
    if wheel.url is None:
        return Path(os.path.normpath(folder.absolute() / (wheel.path or "").replace("\\", "/")))
    if wheel.url.lower().startswith("file:"):
        with suppress(VariantError):  # on another machine: the download of this wheel reports it
            return path_of(wheel.url)
    return wheel.url
