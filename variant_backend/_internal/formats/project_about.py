"""What METADATA says about a project for people: its summary, its description and its links.

All of it is text of whoever made the file. Source: the core metadata specification.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from . import core_metadata

# Longer texts are cut, and more links are left out. 512 is the limit of PyPI.
_LONGEST_SUMMARY, _LONGEST_DESCRIPTION = 512, 20_000
_MOST_LINKS, _LONGEST_LABEL, _LONGEST_URL = 20, 100, 500
# The part of METADATA that is read: headers can be long, too.
MOST_READ = 1 << 18
# Old tools wrote this for a missing text.
_MISSING = "UNKNOWN"


class ProjectAbout(NamedTuple):
    """The summary, the description and whether it was cut, and links: pairs of a label and a URL of HTTP."""

    summary: str = ""
    description: str = ""
    is_cut: bool = False
    links: tuple[tuple[str, str], ...] = ()


def project_about(metadata: bytes) -> ProjectAbout:
    r"""Read METADATA or PKG-INFO.

    >>> about = project_about(b"Summary: a demo\nProject-URL: Source, https://example.org/\n\nA *demo*.\n")
    >>> about.summary, about.description, about.links
    ('a demo', 'A *demo*.', (('Source', 'https://example.org/'),))
    """
    part = metadata[:MOST_READ]
    text = core_metadata.description(part).decode("utf-8", "replace").strip()
    is_cut = len(text) > _LONGEST_DESCRIPTION or len(part) == MOST_READ
    links = dict.fromkeys((label, url) for label, url in _links(part) if label and _is_safe(url))
    summary = _cut(next(iter(core_metadata.all_values(part, "Summary")), ""), _LONGEST_SUMMARY)
    description = _cut(text, _LONGEST_DESCRIPTION)
    return ProjectAbout(summary, description, is_cut and bool(description), tuple(links)[:_MOST_LINKS])


def _cut(text: str, longest: int) -> str:
    """Return the start of a text, which is empty if there is none."""
    return "" if text == _MISSING else text[:longest].strip()


def _links(metadata: bytes) -> Iterator[tuple[str, str]]:
    """Yield the labels and the URLs of Home-page and Project-URL, without checks."""
    for url in core_metadata.all_values(metadata, "Home-page"):
        yield "Homepage", url
    for value in core_metadata.all_values(metadata, "Project-URL"):
        label, _, url = value.partition(",")
        yield label.strip()[:_LONGEST_LABEL], url.strip()


def _is_safe(url: str) -> bool:
    """Return whether a link may lead to *url*: of http or https, with a host, without user or password."""
    if len(url) > _LONGEST_URL or not re.fullmatch(r"https?://[!-~]+", url, re.IGNORECASE):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:  # such as an invalid address in brackets
        return False
    return bool(parts.hostname) and "@" not in parts.netloc
