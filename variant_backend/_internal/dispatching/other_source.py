"""Take the wheel of a dispatching sdist from the user's index or folder, or from local files.

The sizes and hashes in the sdist stay in force.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import VariantError
from ..formats.release import shown_location
from ..lowlevel.urls import UNSAFE, is_http, is_safe_line, shown_url
from ..project.user_variables import INDEX_URL
from ..selection.releases import Sources, find_listings
from ..selection.resolve import Pick
from ..selection.source_files import read_folder
from ..variants.filename import normalize


def user_sources(text: str, name: str) -> Sources:
    """Return the index or the folder in the user's variable, for the project of this name.

    A folder is an index on disk if it has the page of the project. Raises VariantError if the line to the
    index is not safe, or the path of the folder is relative.
    """
    if is_http(text):
        if not is_safe_line(text):
            raise VariantError(f"{shown_url(text)!a} {UNSAFE}", place=INDEX_URL)
        return Sources(index_urls=(text,))
    try:
        folder = read_folder(text)
    except VariantError:
        remedy = "use an https URL, a file:// URL or the absolute path of a folder"
        text = f"expected an index or a folder, got {shown_url(text)!a}"
        raise VariantError(text, place=INDEX_URL, remedy=remedy) from None
    if not folder.is_absolute():
        raise VariantError(
            f"expected a URL or an absolute path, got {text!a}",
            place=INDEX_URL,
            remedy="write an absolute path: builds run in a temporary folder",
        )
    if (folder / normalize(name) / "index.html").is_file():
        return Sources(index_urls=(folder.as_uri(),))
    return Sources((folder,))


def on_mirror(picked: Pick, sources: Sources) -> Pick:
    """Return the wheel with its location in the user's source; size and hashes stay as pinned."""
    release, file = picked.release, picked.wheel.file
    listings = find_listings(release.name, sources)
    if listings.problems:
        raise VariantError(*listings.problems).within(INDEX_URL)
    listed = [wheel for listing in listings.of_version(release.version) for wheel in listing.wheels]
    mirrored = next((wheel.file for wheel in listed if wheel.file.filename == file.filename), None)
    if mirrored is None:
        kind = "index" if sources.index_urls else "folder"
        raise VariantError(
            f"{sources} has no {file.filename}",
            place=INDEX_URL,
            remedy=f"add the wheel to that {kind}, request a label that it has, or unset the variable",
        )
    if mirrored.path is None and not is_safe_line(mirrored.url or ""):
        raise VariantError(f"{shown_location(mirrored)!a} {UNSAFE}", place=INDEX_URL)
    return picked._replace(wheel=picked.wheel._replace(file=file._replace(location=mirrored.location)))


def check_local_file(picked: Pick) -> None:
    """Raise VariantError if the selected wheel is a local file that does not exist."""
    location = picked.wheel.file.location
    if isinstance(location, Path) and not location.is_file():
        raise VariantError(
            "file not found; this sdist takes its wheels from that folder",
            place=location,
            remedy=f"mount the folder, or set {INDEX_URL} to an index or a folder with the wheels",
        )
