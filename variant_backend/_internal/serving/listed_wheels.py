"""Select the wheels of a release that a page lists, so that installers that compare only tags select rightly.

A wheel rivals another one in an environment if an installer without variant support may prefer it there.
Releases of a project mostly have wheels of the same forms, so answers are remembered by these forms.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple, TypeAlias

from ..variants.tag_coverage import Coverage
from .environments import Environments, Fit, Slot


class Form(NamedTuple):
    """What decides whether an installer selects a wheel, but for its position in a release.

    *label* is the position of its label; the first is best. The yanked wheels of a release are selected if
    nothing else fits. *version* is the position of its local version, which installers compare before tags.
    """

    label: int
    tags: str
    requires_python: str | None
    is_yanked: bool
    version: int = 0

    @property
    def before_tags(self) -> tuple[bool, int]:
        """What installers compare before tags; the least is best."""
        return self.is_yanked, self.version


class ListedForms(NamedTuple):
    """The listed wheels of a release by their positions, and the labels that *asking* environments get.

    *conflicts* are environments that may get other wheels than their best one, by the position of the wheel.
    """

    wheels: tuple[int, ...]
    labels: tuple[int, ...]
    conflicts: tuple[tuple[int, tuple[str, ...]], ...] = ()


# The best wheel of each environment that has one.
_Best: TypeAlias = "Mapping[Slot, _Option]"


class _Option:
    """A wheel of a release: its position, its form, and where it can be installed."""

    def __init__(self, position: int, form: Form, fits: Mapping[Slot, Fit]) -> None:
        self.position = position
        self.form = form
        self.fits = fits

    def order(self, slot: Slot) -> tuple[object, ...]:
        """Return the sort key of PEP 825 in an environment."""
        return self.form.is_yanked, self.form.label, self.fits[slot].place, self.position

    def rivals(self, best: _Option, slot: Slot) -> bool:
        """Return whether an installer may prefer this wheel to the best one of an environment."""
        if self is best or slot not in self.fits:
            return False
        own = (self.form.before_tags, self.fits[slot].earliest)
        return own <= (best.form.before_tags, best.fits[slot].place)

    def is_harmless(self, best: _Best) -> bool:
        """Return whether all environments get their best wheel if this wheel is listed too."""
        return not any(slot in best and self.rivals(best[slot], slot) for slot in self.fits)


@lru_cache(100)
def listed_forms(forms: tuple[Form, ...], environments: Environments) -> ListedForms:
    """Return which wheels of a release to list, for the forms of its wheels: the first of equal ones is best.

    In a named environment, these are the wheels of its best label. Otherwise, all environments keep a wheel.
    """
    options = _options(forms, environments.slots)
    best = _best(options, environments.asking)
    harmless = [option for option in options if option.is_harmless(best)]
    labels = tuple(sorted({option.form.label for option in best.values()}))
    if environments.named:
        return ListedForms(_positions(one for one in harmless if one.form.label in labels), labels)
    wanted = {**_best(options, environments.others), **_best(harmless, environments.others), **best}
    listed = _reduced({*wanted.values()}, wanted, fixed={*best.values()})
    served = _best(listed, environments.asking + environments.others)
    unseen = [option for option in harmless if option.is_harmless(served)]
    listed |= {*_best(unseen, environments.older).values()}
    served = _best(listed, environments.slots)
    listed |= _for_unknown([option for option in harmless if option.is_harmless(served)], listed)
    if not environments.asking:
        best = _best(options, environments.others)
        labels = tuple(sorted({option.form.label for option in best.values() if option in listed}))
    return ListedForms(_positions(listed), labels, tuple(_conflicts(listed, best)))


def _options(forms: Iterable[Form], slots: Sequence[Slot]) -> list[_Option]:
    fits: dict[tuple[str, str | None], dict[Slot, Fit]] = {}
    for form in forms:
        tags, requires_python = form.tags, form.requires_python
        if (tags, requires_python) not in fits:
            tried = ((slot, slot.fit(tags, requires_python)) for slot in slots)
            fits[tags, requires_python] = {slot: fit for slot, fit in tried if fit}
    return [
        _Option(position, form, fits[form.tags, form.requires_python]) for position, form in enumerate(forms)
    ]


def _positions(options: Iterable[_Option]) -> tuple[int, ...]:
    return tuple(sorted(option.position for option in options))


def _best(options: Collection[_Option], slots: Iterable[Slot]) -> dict[Slot, _Option]:
    """Return the best wheel of each environment that has one."""
    fitting = {slot: [option for option in options if slot in option.fits] for slot in slots}
    return {
        slot: min(having, key=lambda option: option.order(slot)) for slot, having in fitting.items() if having
    }


def _reduced(options: set[_Option], wanted: _Best, fixed: Collection[_Option]) -> set[_Option]:
    """Leave out wheels as long as more environments get their best wheel without them.

    No environment loses its only wheel. The *fixed* wheels stay.
    """
    listed = set(options)
    while True:
        gains = _gains(listed, wanted)
        droppable = [option for option in listed - {*fixed} if gains.get(option, 0) > 0]
        if not droppable:
            return listed
        listed.remove(max(droppable, key=lambda option: (gains[option], option.position)))


def _gains(listed: Collection[_Option], wanted: _Best) -> dict[_Option, float]:
    """Return how many more environments get their best wheel without a wheel.

    A wheel that is the only one of an environment has no gain.
    """
    gains: dict[_Option, float] = {}
    for slot, best in wanted.items():
        fitting = [option for option in listed if slot in option.fits]
        if len(fitting) == 1:
            gains[fitting[0]] = float("-inf")
        if best not in listed:
            continue
        rivals = [option for option in fitting if option.rivals(best, slot)]
        for option in rivals:
            gains[option] = gains.get(option, 0) + 1 / len(rivals)
        if not rivals:
            gains[best] = gains.get(best, 0) - 1
    return gains


def _for_unknown(options: Iterable[_Option], listed: Collection[_Option]) -> set[_Option]:
    """Return the wheels for systems and Pythons for which no better label is listed."""
    result = set[_Option]()
    for (label, _), group in groupby(sorted(options, key=_label_and_python), key=_label_and_python):
        same = [*group]
        better = (
            option.form.tags
            for option in {*listed, *result}
            if option.form.label < label
            and option.form.requires_python in (None, same[0].form.requires_python)
        )
        coverage = Coverage(better)
        result |= {option for option in same if not coverage.covers(option.form.tags)}
    return result


def _label_and_python(option: _Option) -> tuple[int, str]:
    return option.form.label, option.form.requires_python or ""


def _conflicts(listed: Collection[_Option], best: _Best) -> Iterable[tuple[int, tuple[str, ...]]]:
    """Yield the wheels that environments may get instead of wheels of their best label."""
    for option in sorted(listed, key=lambda option: option.position):
        slots = [
            slot.name
            for slot, own in best.items()
            if option.form.label != own.form.label
            and (option.rivals(own, slot) or (own not in listed and option in _first(listed, slot)))
        ]
        if slots:
            yield option.position, tuple(slots)


def _first(listed: Collection[_Option], slot: Slot) -> Sequence[_Option]:
    """Return the wheels of which an installer may select any in an environment."""
    fitting = [option for option in listed if slot in option.fits]
    latest = min((option.form.before_tags, option.fits[slot].place) for option in fitting)
    return [option for option in fitting if (option.form.before_tags, option.fits[slot].earliest) <= latest]
