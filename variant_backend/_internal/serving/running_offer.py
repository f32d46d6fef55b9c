"""The offer of some sources on this machine, while a command needs it."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import inf
from typing import NamedTuple

from ..lowlevel.terminal import print_detail
from ..machine.support import Machine, Policy
from ..selection.releases import Sources
from .disk_cache import offer_cache
from .loopback import loopback_server
from .offer_place import OfferPlace, ports_of, profile_of
from .site import Served, Site
from .upstream import Upstream


class RunningOffer(NamedTuple):
    """An offer that is served: its *site*, the *upstream* with its *sources*, and where tools find it."""

    site: Site
    upstream: Upstream
    sources: Sources
    place: OfferPlace

    def to(self, machine: Machine, policy: Policy) -> RunningOffer:
        """Return the offer to another machine, or with another policy; the same server has it."""
        profile = profile_of(self.sources, machine, policy)
        self.site.add(Served(profile, machine, policy))
        return self._replace(place=self.place._replace(profile=profile))

    def trial(self, place: OfferPlace) -> OfferPlace:
        """Return the place of the same offer for dry runs: pip gets wheels that contain only METADATA."""
        served = self.site.served(place.profile)
        name = f"{place.profile}-trial"
        self.site.add(served._replace(name=name, trial_of=place.profile))
        return place._replace(profile=name)


@contextmanager
def running_offer(
    sources: Sources, machine: Machine, policy: Policy, *, shortest_use: float = inf
) -> Iterator[RunningOffer]:
    """Serve the offer of some sources to this machine; raises VariantError if no port is free.

    A page is used for *shortest_use* seconds at least. A graph is resolved with one state of each page.
    """
    gc.enable()  # the entry point turned it off, for commands that end soon
    profile = profile_of(sources, machine, policy)
    token = os.urandom(16).hex()
    served = {profile: Served(profile, machine, policy)}
    ports = [*ports_of(profile)]
    with ExitStack() as stack:
        upstream = Upstream(sources, stack.enter_context(offer_cache()), shortest_use=shortest_use)
        site = Site(upstream, served, token=token)
        port = stack.enter_context(loopback_server(site.respond, iter([*ports, 0])))  # 0 is any free port
        if port != ports[0]:
            print_detail(f"port {ports[0]} is in use, so uv may download wheels again")
        place = OfferPlace(profile, port, token)
        print_detail(f"offer of {sources} at http://{place.host}{place.path}")
        yield RunningOffer(site, upstream, sources, place)
