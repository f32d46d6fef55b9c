"""The place of an offer on this machine, which is the same for the same sources, machine and policy.

uv keeps downloaded wheels by the URL of their index, so a random port or path would empty its cache. Ports
are below those that systems give to connections: 32768 and above on Linux, 49152 and above elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..lowlevel.urls import shown_url
from ..machine.support import Machine, Policy
from .loopback import LOOPBACK

if TYPE_CHECKING:
    from ..selection.releases import Sources

_FIRST, _END = 20_000, 32_768
_MOST_PORTS = 8


def profile_of(sources: Sources, machine: Machine, policy: Policy) -> str:
    """Return the name of a profile in URLs; it reads what the machine supports.

    It does not depend on passwords in URLs, which may change.
    """
    hardware = machine.hardware.namespaces if machine.hardware else {}
    parts = (
        [str(path.absolute()) for path in sources.find_links],
        [shown_url(url) for url in sources.index_urls],
        {name: {**known.to_dict(), "source": ""} for name, known in hardware.items()},
        {name: {**features} for name, features in policy.given.items()},
        sorted(map(str, policy.trusted.values())),
        sorted(policy.enabled),
        sorted(policy.disabled),
        [effect[:2] for effect in policy.rules.effects()],
        sorted((*axis, value) for axis, value in policy.assignment.items()),
        sorted((name, str(version)) for name, version in policy.pinned.items()),
        policy.opens_versions,
        sorted(policy.labels.items()),
        [
            (entry.digest, entry.allows_local, [*map(shown_url, entry.index_urls)])
            for entry in sources.overlay
        ],
    )
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


class OfferPlace(NamedTuple):
    """Where tools find the offer of a *profile*: its port on this machine, and the token as the password."""

    profile: str
    port: int
    token: str

    @property
    def host(self) -> str:
        """The host with its port."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def path(self) -> str:
        """The path of the index."""
        return f"/{self.profile}/simple/"

    @property
    def url(self) -> str:
        """The URL of the index with the token."""
        return f"http://run:{self.token}@{self.host}{self.path}"


def without_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with which requests to this machine use no proxy."""
    names = ("no_proxy", "NO_PROXY")
    hosts = next((value for name in names if (value := environ.get(name))), "")
    return dict.fromkeys(names, f"{hosts},{LOOPBACK}" if hosts else LOOPBACK)


def ports_of(profile: str) -> Iterator[int]:
    """Yield the possible ports of a profile, always in the same order."""
    for number in range(_MOST_PORTS):
        digest = hashlib.sha256(f"{profile} {number}".encode()).digest()
        yield _FIRST + int.from_bytes(digest[:4], "big") % (_END - _FIRST)
