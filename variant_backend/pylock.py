"""Lock files with variants: what one lists of the packages, written and read.

Sources: the specification of pylock.toml (PEP 751), and PEP 825 ("Integration with pylock.toml"). Released
readers of lock files do not know the names of variant wheels: see docs/fetch.md.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit

from .errors import VariantError
from .filename import WheelFilename
from .metadata import VariantMetadata
from .simple_api import File

if TYPE_CHECKING:
    from packaging.markers import Environment
    from packaging.pylock import Package, PackageWheel
    from packaging.tags import Tag
    from packaging.version import Version

CREATED_BY = "variant-backend"
_VERSION = "1.0"
_VARIANTS = "variants-json"
_PACKAGING = "26.1"  # since then it selects from lock files


class Locked(NamedTuple):
    """A package that is locked: its wheels, and what its variants are; *index_url* is where it comes from.

    *faults* are those of the variants that cannot be read. All wheels have the same Requires-Python, if any.
    """

    name: str
    version: Version
    wheels: tuple[File, ...]
    metadata: VariantMetadata | None = None
    index_url: str | None = None
    faults: tuple[VariantError, ...] = ()


def check_name(name: str) -> None:
    """Check what a lock file is called; raises VariantError."""
    if not re.fullmatch(r"pylock\.([^.]+\.)?toml", name):
        raise VariantError(
            f"{name!r} is no name of a lock file", hint="call it pylock.toml or pylock.NAME.toml"
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
    requires_python = {file.requires_python or "" for file in package.wheels}
    agreed = "".join(requires_python) if len(requires_python) == 1 else ""
    return {
        "name": package.name,
        "version": str(package.version),
        **({"requires-python": agreed} if agreed else {}),
        **({"index": package.index_url} if package.index_url else {}),
        "wheels": [_wheel(file, base) for file in package.wheels],
        **({_VARIANTS: package.metadata.to_dict()} if package.metadata else {}),
    }


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

    if Version(__version__) < Version(_PACKAGING):
        text = (
            f"{where}: reading a lock file needs packaging {_PACKAGING} or newer, and {__version__} is there"
        )
        raise VariantError(text, hint=f"run pip install 'packaging>={_PACKAGING}'")


def select(
    data: Mapping[str, Any], where: str, base: str, *, environment: Environment, tags: Sequence[Tag]
) -> list[Locked]:
    """Return the packages of a lock file that count in an *environment*, with all their wheels.

    Paths are relative to *base*, a ``file:`` URL. Raises VariantError, with *where* in front, if the file
    is not valid, does not hold for the environment, or has a package without a wheel for the *tags*.
    """
    _check_packaging(where)
    from packaging.pylock import Pylock, PylockSelectError, PylockValidationError  # takes long to import

    try:
        lock = Pylock.from_dict(_plainly_named(data))
        found = [*lock.select(environment=environment, tags=tags)]
    except (PylockValidationError, PylockSelectError, ValueError) as error:  # of markers, too
        raise VariantError(f"{where}: {error}") from None
    return [
        _locked(package, source, data["packages"][at], f"{where}: packages[{at}]", base)
        for package, source in found
        for at in [lock.packages.index(package)]
    ]


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
    from packaging.pylock import PackageWheel, PylockValidationError  # takes long to import

    try:
        name = PackageWheel(**{key: wheel.get(key) for key in ("name", "path", "url", "hashes")}).filename
        return {**wheel, "name": str(WheelFilename.parse(name)._replace(label=None))}
    except (AttributeError, TypeError, PylockValidationError, VariantError):
        return wheel


def _locked(package: Package, source: object, table: Mapping[str, Any], where: str, base: str) -> Locked:
    """Return a package as a value; raises VariantError if *source*, the best that it has, is no wheel."""
    from packaging.pylock import PackageWheel  # takes long to import

    if not isinstance(source, PackageWheel):
        text = f"{where}: no wheel of {package.name} fits, only something to build one of is listed"
        raise VariantError(text, hint="wheels alone are fetched; build that one, and lock it with the others")
    wheels = tuple(
        _file(wheel, entry, base)._replace(requires_python=table.get("requires-python"))
        for wheel, entry in zip(package.wheels or (), table["wheels"], strict=True)
    )
    metadata, faults = None, tuple[VariantError, ...]()
    if _VARIANTS in table:
        try:
            metadata = VariantMetadata.from_dict(table[_VARIANTS], f"{where}.{_VARIANTS}")
        except VariantError as error:
            faults = (error,)
    version = package.version or WheelFilename.parse(wheels[0].filename).release()[1]
    return Locked(package.name, version, wheels, metadata, package.index, faults)


def _file(wheel: PackageWheel, entry: Mapping[str, Any], base: str) -> File:
    """Return a wheel under the name that its *entry* gives it, label and all."""
    from packaging.pylock import PackageWheel  # takes long to import

    named = PackageWheel(name=entry.get("name"), path=wheel.path, url=wheel.url, hashes=wheel.hashes)
    path = re.sub(
        r"^(?=[A-Za-z]:/)", "/", (wheel.path or "").replace("\\", "/")
    )  # a drive begins at the root
    url = wheel.url or urljoin(base, quote(path, safe="/:" if path.startswith("/") else "/"))
    hashes = {name: digest.lower() for name, digest in wheel.hashes.items()}
    return File(named.filename, url, hashes, wheel.size)
