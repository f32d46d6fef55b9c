"""Lock files with variants: what one lists of the packages, written and read.

Sources: the specification of pylock.toml (PEP 751), and PEP 825 ("Integration with pylock.toml"). Released
readers of lock files do not know the names of variant wheels: see docs/fetch.md. What the form has no place
for is in the package's ``tool.variant-backend`` table: the hashes of each wheel's METADATA, Requires-Python
where wheels differ in it, and hosts.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit

from ..errors import VariantError
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from ..variants.metadata_reading import metadata_from_dict
from ..variants.validation import Document
from .simple_api import File

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.markers import Environment
    from packaging.pylock import Package, PackageWheel, Pylock
    from packaging.tags import Tag
    from packaging.version import Version

CREATED_BY = "variant-backend"
_VERSION = "1.0"
_VARIANTS = "variants-json"
PACKAGING = "26.1"  # since then it selects from lock files
_TOOL = ("tool", "variant-backend")
_HOSTS = "hosts"
_CORE_METADATA = "core-metadata"
_REQUIRES_PYTHON = "requires-python"


class Locked(NamedTuple):
    """A package that is locked: its wheels, and what its variants are; *index_url* is where it comes from.

    *faults* are those of the variants that cannot be read.
    *hosts* are others than those of the wheels' URLs to which their servers may redirect, ``HOST[:PORT]``.
    """

    name: str
    version: Version
    wheels: tuple[File, ...]
    metadata: VariantMetadata | None = None
    index_url: str | None = None
    faults: tuple[VariantError, ...] = ()
    hosts: tuple[str, ...] = ()


def check_lock_name(name: str) -> None:
    """Check what a lock file is called; raises VariantError."""
    if not re.fullmatch(r"pylock\.([^.]+\.)?toml", name):
        raise VariantError(
            f"{name!r} is no name of a lock file", hint="call it pylock.toml or pylock.NAME.toml"
        )


def check_host(text: str) -> None:
    """Check a server to which others may redirect; raises VariantError.

    >>> check_host("objects.example.org"), check_host("127.0.0.1:8000")
    (None, None)
    """
    if not re.fullmatch(r"([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", text):
        raise VariantError(
            f"{text!r} is no host", hint="write it as it stands in URLs, HOST or HOST:PORT, in lower case"
        )


def reduced(metadata: VariantMetadata, labels: Iterable[str]) -> VariantMetadata:
    """Return the metadata of some variants only, without namespaces that none of them uses.

    If none is used, all stay: the format wants one at least.
    """
    variants = {label: metadata.variants[label] for label in labels}
    used = set[str]().union(*(variant.namespaces() for variant in variants.values()))
    namespaces = tuple(name for name in metadata.namespaces if name in used) or metadata.namespaces
    providers = {name: each for name, each in metadata.providers.items() if name in namespaces}
    return VariantMetadata(namespaces, providers, variants)


def to_dict(packages: Iterable[Locked], base: str) -> dict[str, object]:
    """Return the content of a lock file; the paths of ``file:`` URLs become relative to *base*, such a URL.

    Raises VariantError for every wheel without a hash: the form wants one.
    """
    packages = list(packages)
    if bare := [file.filename for package in packages for file in package.wheels if not file.hashes]:
        raise VariantError(
            *(f"{name}: its index gives no hash of it, and a lock file needs one" for name in bare),
            hint="download the wheels, and lock them from their folder (--find-links)",
        )
    return {
        "lock-version": _VERSION,
        "created-by": CREATED_BY,
        "packages": [_package(package, base) for package in packages],
    }


def _package(package: Locked, base: str) -> dict[str, object]:
    agreed = _agreed_requires_python(package)
    return {
        "name": package.name,
        "version": str(package.version),
        **({_REQUIRES_PYTHON: agreed} if agreed else {}),
        **({"index": package.index_url} if package.index_url else {}),
        "wheels": [_wheel(file, base) for file in package.wheels],
        **({_VARIANTS: package.metadata.to_dict()} if package.metadata else {}),
        **_tool(package),
    }


def _tool(package: Locked) -> dict[str, object]:
    """Return what the form has no place for."""
    told = {file.filename: file.requires_python for file in package.wheels if file.requires_python}
    table = {
        _HOSTS: list(package.hosts),
        _REQUIRES_PYTHON: told if _agreed_requires_python(package) is None else {},
        _CORE_METADATA: {
            file.filename: dict(file.core_metadata) for file in package.wheels if file.core_metadata
        },
    }
    table = {key: value for key, value in table.items() if value}
    return {_TOOL[0]: {_TOOL[1]: table}} if table else {}


def _agreed_requires_python(package: Locked) -> str | None:
    """Return the Requires-Python of all wheels, empty if none has any, and None if they differ."""
    told = {file.requires_python or "" for file in package.wheels}
    return told.pop() if len(told) == 1 else None


def _wheel(file: File, base: str) -> dict[str, object]:
    parts = urlsplit(file.url)
    place = {"url": parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()}  # without a password
    if parts.scheme == "file" and _root(file.url) == _root(base):
        place = {"path": posixpath.relpath(unquote(parts.path), unquote(urlsplit(base).path))}
    return {
        "name": file.filename,
        **place,
        **({"size": file.size} if file.size is not None else {}),
        "hashes": dict(file.hashes),
    }


def _root(url: str) -> tuple[str, ...]:
    """Return what two paths have in common if one can be relative to the other: server and drive."""
    parts = urlsplit(url)
    return parts.netloc, *re.findall(r"^/([A-Za-z]:)/", parts.path)


def _check_packaging(where: str) -> None:
    """Raise VariantError if the packaging that is installed cannot read lock files.

    The dependency has no such bound: builds get along with an older one, which may be pinned where they run.
    """
    from packaging import __version__
    from packaging.version import Version

    if Version(__version__) < Version(PACKAGING):
        text = (
            f"{where}: reading a lock file needs packaging {PACKAGING} or newer, and {__version__} is there"
        )
        raise VariantError(text, hint=f"run pip install 'packaging>={PACKAGING}'")


def select(
    data: Mapping[str, Any], where: str, base: str, *, environment: Environment, tags: Sequence[Tag]
) -> list[Locked]:
    """Return the packages of a lock file that count in an *environment*, with all their wheels.

    Paths are relative to *base*, a ``file:`` URL. Raises VariantError, with *where* in front, if the file
    is not valid, does not hold for the environment, or has a package without a wheel for the *tags*.
    """
    lock = _parsed(data, where)
    from packaging.pylock import PackageWheel, PylockSelectError

    try:
        found = [*lock.select(environment=environment, tags=tags)]
    except (PylockSelectError, ValueError) as error:  # of markers, too
        raise VariantError(f"{where}: {error}") from None
    return [
        _locked(package, data["packages"][at], f"{where}: packages[{at}]", base, fits=fits)
        for package, source in found
        for at, fits in [(lock.packages.index(package), isinstance(source, PackageWheel))]
    ]


def read_lock(data: Mapping[str, Any], where: str, base: str) -> list[Locked]:
    """Return all packages of a lock file, whatever environment they are for, with all their wheels.

    Raises VariantError as `select` does, if the file is not valid or a package has no wheel.
    """
    lock = _parsed(data, where)
    return [
        _locked(package, data["packages"][at], f"{where}: packages[{at}]", base, fits=bool(package.wheels))
        for at, package in enumerate(lock.packages)
    ]


def _parsed(data: Mapping[str, Any], where: str) -> Pylock:
    _check_packaging(where)
    from packaging.pylock import Pylock, PylockValidationError

    try:
        return Pylock.from_dict(_plainly_named(data))
    except (PylockValidationError, ValueError) as error:  # of markers, too
        raise VariantError(f"{where}: {error}") from None


def _plainly_named(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a lock file in which labels are off the names of wheels, as packaging knows none.

    Anything that has not the right form stays, so that packaging tells of it.
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


def _locked(package: Package, table: Mapping[str, Any], where: str, base: str, *, fits: bool) -> Locked:
    """Return a package as a value; raises VariantError unless one of its wheels *fits*."""
    if not fits:
        text = f"{where}: no wheel of {package.name} fits, only something to build one of is listed"
        raise VariantError(text, hint="wheels alone are fetched; build that one, and lock it with the others")
    own = _read_tool(package.tool, where)
    files = (
        _file(wheel, entry, base) for wheel, entry in zip(package.wheels or (), table["wheels"], strict=True)
    )
    wheels = tuple(
        each._replace(
            requires_python=own.requires_python.get(each.filename, table.get(_REQUIRES_PYTHON)),
            core_metadata=own.core_metadata.get(each.filename),
        )
        for each in files
    )
    metadata, faults = None, tuple[VariantError, ...]()
    if _VARIANTS in table:
        try:
            metadata = metadata_from_dict(table[_VARIANTS], f"{where}.{_VARIANTS}")
        except VariantError as error:
            faults = (error,)
    version = package.version or WheelFilename.parse(wheels[0].filename).release()[1]
    return Locked(package.name, version, wheels, metadata, package.index, faults, own.hosts)


class _Tool(NamedTuple):
    """What our own table says: hosts, and by the names of wheels Requires-Python and hashes of METADATA."""

    hosts: tuple[str, ...]
    requires_python: Mapping[str, str]
    core_metadata: Mapping[str, Mapping[str, str]]


def _read_tool(tool: Mapping[str, Any] | None, where: str) -> _Tool:
    """Read our own table; raises VariantError with all faults."""
    document, place = Document(), ".".join(_TOOL)
    keys = (_HOSTS, _REQUIRES_PYTHON, _CORE_METADATA)
    table = document.table((tool or {}).get(_TOOL[1], {}), place, keys)
    hosts = document.strings(table.get(_HOSTS, []), f"{place}.{_HOSTS}", check_host, least=0)
    requires_python = _strings(document, table.get(_REQUIRES_PYTHON, {}), f"{place}.{_REQUIRES_PYTHON}")
    place = f"{place}.{_CORE_METADATA}"
    core_metadata = {
        name: {each: digest.lower() for each, digest in _strings(document, its, f"{place}.{name}").items()}
        for name, its in document.table(table.get(_CORE_METADATA, {}), place).items()
    }
    document.check(where)
    return _Tool(hosts, requires_python, core_metadata)


def _strings(document: Document, value: object, place: str) -> dict[str, str]:
    """Return the strings of a table."""
    entries = document.table(value, place)
    texts = {key: document.string(entry, f"{place}.{key}") for key, entry in entries.items()}
    return {key: text for key, text in texts.items() if text is not None}


def _file(wheel: PackageWheel, entry: Mapping[str, Any], base: str) -> File:
    """Return a wheel under the name that its *entry* gives it, label and all."""
    from packaging.pylock import PackageWheel

    named = PackageWheel(name=entry.get("name"), path=wheel.path, url=wheel.url, hashes=wheel.hashes)
    path = re.sub(
        r"^(?=[A-Za-z]:/)", "/", (wheel.path or "").replace("\\", "/")
    )  # a drive begins at the root
    url = wheel.url or urljoin(base, quote(path, safe="/:" if path.startswith("/") else "/"))
    hashes = {name: digest.lower() for name, digest in wheel.hashes.items()}
    return File(named.filename, url, hashes, wheel.size)


def folder_url(path: Path) -> str:
    """Return the URL of the folder that a file is in, which the paths in a lock file are relative to."""
    return f"{path.absolute().parent.as_uri()}/"
