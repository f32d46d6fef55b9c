"""From source: read the source distribution that a dispatching sdist pins as last resort."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from ..errors import RequestError, VariantError
from ..formats import core_metadata
from ..formats.dispatching_sdist import PKG_INFO, is_dispatching, release_in
from ..formats.release import File
from ..lowlevel.ranges import file_digest
from ..lowlevel.regular_files import open_regular
from ..lowlevel.tarball import read_member
from ..lowlevel.urls import is_http, shown_url, without_user
from ..selection.download import download
from ..variants.filename import release_of_sdist
from .sound_release import check_lines


class PinnedSource(NamedTuple):
    """A source distribution at the URL from which users download it, and its PKG-INFO."""

    file: File
    pkg_info: bytes


def read_source(text: str, base_url: str | None, hosts: Collection[str] = ()) -> PinnedSource:
    """Read the source distribution at a path or a URL; a path gets its URL from *base_url*.

    Raises RequestError for a path without *base_url*, or VariantError if it cannot be read, the line to its
    server is not safe, or it is itself a dispatching sdist.
    """
    if not is_http(text):
        path = Path(text)
        if base_url is None:
            remedy = "write its URL, or add --base-url with the URL of its folder"
            raise RequestError("expected a URL, got a path", place=path, remedy=remedy)
        _check_name(path.name)
        return _described(path, f"{base_url}/{quote(path.name)}")
    check_lines([text])
    if urlsplit(text).query:
        raise VariantError("the URL has a query, which may be secret and may expire", place=shown_url(text))
    name = unquote(urlsplit(text).path.rpartition("/")[2])
    _check_name(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        download(File(name, text, {}), path, hosts=hosts)
        return _described(path, without_user(text))


def _check_name(name: str) -> None:
    """Raise VariantError if a filename is not that of an sdist."""
    try:
        release_of_sdist(name)
    except VariantError as error:
        raise error.within(name) from None


def _check_release(pkg_info: bytes, filename: str) -> None:
    """Raise VariantError if PKG-INFO is invalid, or not that of the sdist with this name."""
    try:
        if release_in(pkg_info) != release_of_sdist(filename):
            raise VariantError("not the name and version in the filename")
        core_metadata.undecided_fields(pkg_info)
    except VariantError as error:
        raise error.within(PKG_INFO) from None


def _described(path: Path, url: str) -> PinnedSource:
    """Return a local source distribution as the sdist pins it, at *url*."""
    try:
        with open_regular(path) as file:
            if is_dispatching(file):
                raise VariantError("this is a dispatching sdist", remedy="name the project's own sdist")
        with open_regular(path) as file:
            pkg_info = read_member(file, PKG_INFO, to_end=True)
        _check_release(pkg_info, path.name)
        file_hash = file_digest(path)
        return PinnedSource(File(path.name, url, {"sha256": file_hash}, path.stat().st_size), pkg_info)
    except VariantError as error:
        raise error.within(shown_url(url) if is_http(url) else path) from None
    except OSError as error:
        raise VariantError(error.strerror or str(error), place=path) from None
