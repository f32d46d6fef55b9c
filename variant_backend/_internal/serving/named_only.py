"""Wheels of other local versions, which installers take only if a requirement names the version.

They are listed as yanked (PEP 592): pip, Poetry and PDM take a yanked wheel if no other one satisfies a
requirement with ``==``, and uv takes it if the user's own requirements name its version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..formats.release import Candidate, File
from ..selection.listing import Listing
from .environments import Environments, Slot

# The reason that installers show.
_REASON = "shown by --allow-local, for requirements of your own on exactly this version"


def named_only(
    listing: Listing, offered: Sequence[Candidate], environments: Environments
) -> Iterator[Candidate]:
    """Yield the wheels with a local version beside the *offered* ones, if the overlay allows them.

    In each environment, an offered wheel must fit that is not yanked. Otherwise, ``==`` with the public
    version would get a wheel that does not fit the machine.
    """
    if not listing.overlay or not listing.overlay.allows_local:
        return
    fitting = _Fitting(environments.slots)
    usable = [wheel for wheel in offered if wheel.file.yanked is None]
    served = {slot for wheel in usable for slot in fitting.slots(wheel)}
    for wheel in listing.wheels:
        if "+" in wheel.name.version and served.issuperset(fitting.slots(wheel)):
            yield wheel._replace(file=_yanked(wheel.file))


def _yanked(file: File) -> File:
    return file._replace(yanked=_REASON if file.yanked is None else file.yanked)


class _Fitting:
    """The environments where wheels can be installed; wheels of a release mostly have the same tags."""

    def __init__(self, slots: Iterable[Slot]) -> None:
        self._slots = [*slots]
        self._known: dict[tuple[str, str | None], frozenset[Slot]] = {}

    def slots(self, wheel: Candidate) -> frozenset[Slot]:
        """Return the environments where a wheel can be installed."""
        form = wheel.name.tags, wheel.file.requires_python
        if form not in self._known:
            self._known[form] = frozenset(slot for slot in self._slots if slot.fit(*form))
        return self._known[form]
