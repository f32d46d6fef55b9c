"""What installers asked a site for: `run` reports it after the command has ended."""

from __future__ import annotations

from ..errors import Problem
from .offer import Offer, Offered


class AskedProject:
    """A project that installers asked for.

    *offer* is the last one, None if there was none. *problems* are those of its page, also of files that
    could not be prepared. *failures* are why the last request failed. *requested* are the files that were
    sent, or redirected to, by their names in the offer.
    """

    def __init__(self) -> None:
        self.offer: Offer | None = None
        self.problems: tuple[Problem, ...] = ()
        self.failures: tuple[Problem, ...] = ()
        self.requested: dict[str, Offered] = {}
