"""Check a dispatching sdist before use, and pack it again.

Other tools than `stub` may write such sdists. So the lock file must agree with the sdist, and pin the URL,
size and hash of each wheel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from ..errors import Problem, VariantError
from ..lowlevel.regular_files import read_regular
from ..lowlevel.source_date import source_date_epoch
from ..lowlevel.urls import UNSAFE, is_local_file, is_safe_line
from ..lowlevel.workspace import move_over, workspace
from ..variants.filename import escape, normalize, release_of_sdist
from . import core_metadata, pylock
from .release import Candidate, File, Release, shown_location
from .toml_read import read_toml
from .variant_requirements import VARIANTS_FILE, RequirableRelease, read_requirable

if TYPE_CHECKING:
    from packaging.version import Version

BACKEND = "variant_backend.dispatch"
PROJECT = "pyproject.toml"
LOCK_FILE = "pylock.toml"
PKG_INFO = "PKG-INFO"
# All files that such an sdist may have.
_FILES = (PROJECT, PKG_INFO, LOCK_FILE, VARIANTS_FILE, "README", "README.md", "README.rst")


_FILENAME = r"[A-Za-z0-9_.!+-]+"


def is_dispatching(sdist: BinaryIO) -> bool:
    """Return whether an sdist is a dispatching one: whether it uses their build backend."""
    from ..lowlevel.tarball import read_member

    try:
        return BACKEND.encode() in read_member(sdist, PROJECT)
    except VariantError:
        return False


def load_pinned(root: Path = Path()) -> pylock.Locked:
    """Return the release that an sdist pins; raises VariantError with all its problems."""
    path = root / LOCK_FILE
    data = read_toml(path)
    packages = pylock.read_lock(data, path)
    if len(packages) != 1:
        raise VariantError(f"expected one package, got {len(packages)}", place=path)
    (locked,) = packages
    release = locked.release
    problems = [*release.problems, *_other_identity(release, root, path)]
    if _has_paths(data):
        problems.append(Problem("error", str(path), "a file has a path; expected URLs only"))
    problems += (Problem("error", str(path), text) for text in texts_about_locked(locked))
    if problems:
        raise VariantError(*problems, remedy="do not use this sdist")
    return locked


def _has_paths(lock: Mapping[str, Any]) -> bool:
    """Return whether a valid lock file names a file by its path, which would be inside the sdist."""
    (package,) = lock["packages"]
    return any("path" in file for file in [*package["wheels"], package.get("sdist", {})])


def is_by_requirement(root: Path = Path()) -> bool:
    """Return whether an unpacked sdist builds wheels that require distributions, and downloads none."""
    return (root / VARIANTS_FILE).is_file()


def load_requirable(root: Path = Path()) -> RequirableRelease:
    """Return the release of an sdist by requirement; raises VariantError with all its problems."""
    path = root / VARIANTS_FILE
    requirable = read_requirable(path)
    if problems := _other_identity(requirable.release, root, path):
        raise VariantError(*problems, remedy="do not use this sdist")
    return requirable


def _other_identity(release: Release, root: Path, path: Path) -> list[Problem]:
    """Return a problem if the release of the file at a path is not that of PKG-INFO."""
    name, version = _identity(root / PKG_INFO)
    if (normalize(release.name), release.version) == (name, version):
        return []
    text = f"expected {name} {version} as in {PKG_INFO}, got {release.name} {release.version}"
    return [Problem("error", str(path), text)]


def texts_about_locked(locked: pylock.Locked) -> Iterator[str]:
    """Yield the texts of all problems of a pinned release, with the names of the wheels."""
    release = locked.release
    known = {None, *(release.metadata.variants if release.metadata else ())}
    for wheel in release.candidates:
        name = wheel.file.filename
        yield from (f"{name!a}: {text}" for text in _texts_about(wheel, release))
        if not release.problems and wheel.label not in known:
            yield f"{name!a}: the lock file does not define its label"
    if locked.sdist is not None:
        name = locked.sdist.filename
        yield from (f"{name!a}: {text}" for text in _texts_about_source(locked.sdist, release))
    names = [wheel.file.filename.lower() for wheel in release.candidates]
    yield from (
        f"duplicate wheel {name!a}" for name in sorted({name for name in names if names.count(name) > 1})
    )
    for host in locked.hosts:
        if not is_safe_line(f"https://{host}"):
            yield f"invalid host {host!r}"


def _identity(path: Path) -> tuple[str, Version]:
    """Return normalized name and version of an sdist; raises VariantError if PKG-INFO cannot be read."""
    try:
        content = read_regular(path)
    except OSError as error:
        raise VariantError(error.strerror or str(error), place=path) from None
    try:
        return release_in(content)
    except VariantError as error:
        raise error.within(path) from None


def release_in(pkg_info: bytes) -> tuple[str, Version]:
    """Return normalized name and version in PKG-INFO; raises VariantError."""
    from packaging.version import Version

    name, version = (core_metadata.read_field(pkg_info, field) for field in ("Name", "Version"))
    try:
        return normalize(name), Version(version)
    except ValueError as error:  # InvalidVersion, or more digits than Python converts
        raise VariantError(str(error)) from None


def _texts_about(wheel: Candidate, release: Release) -> Iterator[str]:
    """Yield the texts of all problems of a pinned wheel of a release."""
    file = wheel.file
    if not re.fullmatch(_FILENAME, file.filename):
        yield "invalid characters in the filename"
    elif wheel.name.release() != (normalize(release.name), release.version):
        yield "a wheel of another release"
    yield from _texts_about_file(file)


def _texts_about_source(sdist: File, release: Release) -> Iterator[str]:
    """Yield the texts of all problems of the pinned source distribution of a release."""
    try:
        if not re.fullmatch(_FILENAME, sdist.filename) or not sdist.filename.endswith(".tar.gz"):
            yield "expected the name of an sdist, NAME-VERSION.tar.gz"
        elif release_of_sdist(sdist.filename) != (normalize(release.name), release.version):
            yield "an sdist of another release"
    except VariantError as error:
        yield error.problems[0].text
    yield from _texts_about_file(sdist)


def _texts_about_file(file: File) -> Iterator[str]:
    """Yield the texts of the problems of a pinned file's hash, size and URL."""
    if not re.fullmatch(r"[0-9a-f]{64}", file.hashes.get("sha256", "")):
        yield "missing or invalid sha256"
    if not file.size or file.size < 0:
        yield "missing or invalid size"
    url = _url_of(file)
    if not is_safe_line(url) and not is_local_file(url):
        yield f"its URL {shown_location(file)!a} {UNSAFE}, and does not name a local file"
    elif "@" in urlsplit(url).netloc:
        yield "its URL has a user or password"


def _url_of(file: File) -> str:
    """Return the URL of a file; that of a path may name a server, or be empty."""
    if isinstance(file.location, str):
        return file.location
    try:
        return file.location.as_uri()
    except ValueError:  # without a drive on Windows
        return ""


def write_again(sdist_directory: str, environ: Mapping[str, str], *, root: Path = Path()) -> str:
    """Pack the unpacked sdist at *root* again, and return its name.

    Its time is SOURCE_DATE_EPOCH, or the time of the lock file, which unpacking keeps. Raises VariantError if
    it cannot be written; then no files remain.
    """
    from ..lowlevel.tarball import pack

    by_requirement = is_by_requirement(root)
    release = load_requirable(root).release if by_requirement else load_pinned(root).release
    top = f"{escape(release.name)}-{release.version}"
    folder = Path(sdist_directory)
    try:
        files = {path.name: read_regular(path) for name in _FILES if (path := root / name).is_file()}
        time = source_date_epoch(environ)
        listed = root / (VARIANTS_FILE if by_requirement else LOCK_FILE)
        time = int(listed.stat().st_mtime) if time is None else time
        with workspace(folder) as scratch:
            part = scratch / f"{top}.tar.gz"
            part.write_bytes(pack(top, files, time=time))
            move_over(part, folder / part.name)
    except OSError as error:
        raise VariantError(f"{error.filename2 or error.filename or folder}: {error.strerror}") from None
    return f"{top}.tar.gz"
