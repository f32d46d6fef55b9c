"""The sources of the offer of `run`: the user's own indexes, with their certificates and proxies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..lowlevel.certificates import use_certificates
from ..lowlevel.connections import use_proxy
from ..selection.releases import Sources
from ..serving.sources import missing_folders
from .user_indexes import PYPI, UserIndexes


class RunSources(NamedTuple):
    """The sources of an offer, and the *problems* of those of the user that cannot be used."""

    sources: Sources
    problems: tuple[Problem, ...] = ()


def run_sources(user: UserIndexes, configured: Sources) -> RunSources:
    """Return the user's own sources; without an index of the tool, the *configured* ones, or else PyPI.

    Missing folders of wheels are skipped, as by pip. Raises VariantError for an invalid URL, and for an index
    in a missing folder.
    """
    folders: list[str] = []
    problems: list[Problem] = []
    for text in user.find_links:
        try:
            _existing(Sources.of([text], []))
            folders.append(text)
        except VariantError as error:
            problems += error.within(f"find-links of {user.owner}").problems
    if user.is_empty and not configured.are_missing:
        return RunSources(_existing(configured))
    urls = user.index_urls or (() if user.no_index else configured.index_urls or (PYPI,))
    try:
        return RunSources(_existing(Sources.of(folders, urls)), tuple(problems))
    except VariantError as error:
        raise error.within(f"indexes of {user.owner}") from None


def _existing(sources: Sources) -> Sources:
    """Return sources; raises VariantError if one is a missing folder."""
    if missing := missing_folders(sources):
        raise VariantError(*missing)
    return sources


@contextmanager
def network_of(user: UserIndexes) -> Iterator[None]:
    """Use the user's certificates and proxy for the requests of the offer."""
    use_certificates(user.certificates, user.client_certificate)
    use_proxy(user.proxy if "://" in user.proxy or not user.proxy else f"http://{user.proxy}")
    try:
        yield
    finally:
        use_certificates("", "")
        use_proxy("")
