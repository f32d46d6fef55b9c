"""What installers asked a site for: `run` reports it after the command has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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


class AskedProjects:
    """What installers of several machines asked for, by names of machines and projects.

    *remembers* is false if nothing is to be kept. *watch* gets all projects of a machine after each page, if
    it is set.
    Several threads may use it.
    """

    def __init__(self, *, remembers: bool) -> None:
        self.watch: Callable[[Mapping[str, AskedProject]], object] | None = None
        self._remembers = remembers
        self._machines: dict[str, dict[str, AskedProject]] = {}

    def of(self, machine: str) -> Mapping[str, AskedProject]:
        """Return what installers of a machine asked for."""
        return dict(self._machines.get(machine, {}))  # threads may add others

    def project(self, machine: str, name: str) -> AskedProject:
        """Return where to note what an installer asks for."""
        if not self._remembers:
            return AskedProject()
        return self._machines.setdefault(machine, {}).setdefault(name, AskedProject())

    def report(self, machine: str) -> None:
        """Call *watch* after a page of a machine."""
        if self.watch:
            self.watch(self.of(machine))
