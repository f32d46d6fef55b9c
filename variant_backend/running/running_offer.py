"""Serve the offer to a command on this machine while it runs."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..lowlevel.certificates import use_certificates
from ..lowlevel.connections import use_proxy
from ..lowlevel.terminal import print_detail
from ..machine.support import Machine, Policy
from ..selection.releases import Sources
from ..serving.disk_cache import offer_cache
from ..serving.loopback import loopback_server
from ..serving.site import Served, Site
from ..serving.sources import missing_folders
from ..serving.upstream import Upstream
from .offer_place import OfferPlace, ports_of, profile_of
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
    if user.is_empty and any(configured):
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


class RunningOffer(NamedTuple):
    """An offer that is served: its *site*, and the place where tools find it."""

    site: Site
    place: OfferPlace


@contextmanager
def running_offer(sources: Sources, machine: Machine, policy: Policy) -> Iterator[RunningOffer]:
    """Serve the offer of some sources to this machine; raises VariantError if no port is free."""
    gc.enable()  # the entry point turned it off, for commands that end soon
    profile = profile_of(sources, machine, policy)
    token = os.urandom(16).hex()
    served = {profile: Served(profile, machine, policy)}
    ports = [*ports_of(profile)]
    with ExitStack() as stack:
        site = Site(Upstream(sources, stack.enter_context(offer_cache())), served, token=token)
        port = stack.enter_context(loopback_server(site.respond, iter([*ports, 0])))  # 0 is any free port
        if port != ports[0]:
            print_detail(f"port {ports[0]} is in use, so uv may download wheels again")
        place = OfferPlace(profile, port, token)
        print_detail(f"offer of {sources} at http://{place.host}{place.path}")
        yield RunningOffer(site, place)


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
