"""A dispatching sdist: what it must be before anything is taken from it, and the same one written again.

It is made by `stub`, or by anybody else. So its lock file must be of one piece with it, and pin each wheel:
where it is, how large it is, and its hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from ..errors import Problem, VariantError
from ..lowlevel import http
from ..lowlevel.source_date import source_date_epoch
from ..lowlevel.workspace import workspace
from ..variants.filename import escape, normalize
from . import core_metadata, pylock
from .release import Candidate, Release, shown_location
from .toml_read import read_toml

if TYPE_CHECKING:
    from packaging.version import Version

BACKEND = "variant_backend.dispatch"
PROJECT = "pyproject.toml"
LOCK_FILE = "pylock.toml"
PKG_INFO = "PKG-INFO"
# All that such an sdist has.
_FILES = (PROJECT, PKG_INFO, LOCK_FILE, "README", "README.md", "README.rst")


def is_dispatching(sdist: BinaryIO) -> bool:
    """Tell whether an sdist is a dispatching one: whether it names the backend of those."""
    from ..lowlevel.tarball import read_member

    try:
        return BACKEND.encode() in read_member(sdist, PROJECT)
    except VariantError:
        return False


def load_pinned(root: Path = Path()) -> pylock.Locked:
    """Return the release that an sdist pins; raises VariantError with all that is not sound about it."""
    path = root / LOCK_FILE
    packages = pylock.read_lock(read_toml(path), path)
    if len(packages) != 1:
        raise VariantError(f"it has {len(packages)} packages, and needs one", place=path)
    (locked,) = packages
    release = locked.release
    problems = [*release.problems]
    name, version = _identity(root / PKG_INFO)
    if (normalize(release.name), release.version) != (name, version):
        about = f"{release.name} {release.version}, and {PKG_INFO} about {name} {version}"
        problems.append(Problem("error", str(path), f"it is about {about}"))
    problems += (Problem("error", str(path), fault) for fault in faults_of_locked(locked))
    if problems:
        raise VariantError(*problems, hint="this sdist is not sound, so nothing is taken from it")
    return locked


def faults_of_locked(locked: pylock.Locked) -> Iterator[str]:
    """Yield what is wrong with a release that is pinned, each with the name of the wheel that it is about."""
    release = locked.release
    known = {None, *(release.metadata.variants if release.metadata else ())}
    for wheel in release.candidates:
        name = wheel.file.filename
        yield from (f"{name!a}: {fault}" for fault in _faults(wheel, release))
        if not release.problems and wheel.label not in known:
            yield f"{name!a}: the lock file does not say what its label means"
    names = [wheel.file.filename.lower() for wheel in release.candidates]
    yield from (
        f"{name!a} is listed twice" for name in sorted({name for name in names if names.count(name) > 1})
    )
    for host in locked.hosts:
        if not http.is_safe_line(f"https://{host}"):
            yield f"there is no host {host!r}"


def _identity(path: Path) -> tuple[str, Version]:
    """Return normalized name and version of an sdist; raises VariantError."""
    from packaging.version import Version

    try:
        content = path.read_bytes()
        name, version = (core_metadata.read_field(content, field) for field in ("Name", "Version"))
        return normalize(name), Version(version)
    except VariantError as error:
        raise error.within(path) from None
    except OSError as error:
        raise VariantError(error.strerror or str(error), place=path) from None
    except ValueError as error:
        raise VariantError(str(error), place=path) from None


def _faults(wheel: Candidate, release: Release) -> Iterator[str]:
    """Yield what is wrong with a pinned wheel of a release."""
    file = wheel.file
    if not re.fullmatch(r"[A-Za-z0-9_.!+-]+", file.filename):
        yield "the name has characters that no wheel's has"
    elif wheel.name.release() != (normalize(release.name), release.version):
        yield "it is a wheel of another release"
    if not re.fullmatch(r"[0-9a-f]{64}", file.hashes.get("sha256", "")):
        yield "its sha256 is missing, or is none"
    if not file.size or file.size < 0:
        yield "its size is missing, or is none"
    if file.url is None or not http.is_safe_line(file.url):
        yield f"its URL {shown_location(file)!a} {http.UNSAFE}"
    elif "@" in urlsplit(file.url).netloc:
        yield "its URL has a user or password in it"


def write_again(sdist_directory: str, environ: Mapping[str, str], *, root: Path = Path()) -> str:
    """Write the sdist at *root* again, and return its name.

    Its time is SOURCE_DATE_EPOCH, or that of the lock file: unpacking gives files the time that they had.
    Raises VariantError; nothing is left behind then.
    """
    from ..lowlevel.tarball import pack

    release = load_pinned(root).release
    top = f"{escape(release.name)}-{release.version}"
    folder = Path(sdist_directory)
    try:
        files = {path.name: path.read_bytes() for name in _FILES if (path := root / name).is_file()}
        time = source_date_epoch(environ)
        time = int((root / LOCK_FILE).stat().st_mtime) if time is None else time
        with workspace(folder) as scratch:
            part = scratch / f"{top}.tar.gz"
            part.write_bytes(pack(top, files, time=time))
            part.replace(folder / part.name)
    except OSError as error:
        raise VariantError(f"{error.filename2 or error.filename or folder}: {error.strerror}") from None
    return f"{top}.tar.gz"
