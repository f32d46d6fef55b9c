"""Weigh all assignments of a few axes at once, in the bits of long integers.

Bit N of an integer stands for assignment N: its digits are the values of the axes, the first axis first. So
the lowest bit is the first assignment. Weights are binary numbers, with an integer for each binary place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from math import prod
from operator import and_, or_

from .alignment_search import Demand

# An integer of 32 KiB: to combine two of them takes 5 microseconds.
_MOST_ASSIGNMENTS = 1 << 18
_MOST_VALUES = 256


def is_countable(sizes: Sequence[int]) -> bool:
    """Return whether the axes have few enough assignments."""
    return sum(sizes) <= _MOST_VALUES and prod(sizes) <= _MOST_ASSIGNMENTS


class AssignmentCount:
    """The weight of the demands that each assignment meets; the axes have these *sizes*."""

    # All assignments are weighed.
    is_cut = False

    def __init__(self, sizes: Sequence[int], demands: Iterable[Demand]) -> None:
        self._sizes = sizes
        self._all = (1 << prod(sizes)) - 1
        # By place, integers to add: at most two, as three become one here and one at the next place.
        self._summands: list[list[int]] = []
        masks = [_masks(sizes, axis) for axis in range(len(sizes))]
        for demand in demands:
            met = self._met(demand, masks)
            for place in range(demand.weight.bit_length()):
                if demand.weight >> place & 1:
                    self._add(met, place)
        self._places = self._sums()

    def heaviest(self) -> tuple[tuple[int, ...], int]:
        """Return the first values that meet the demands with the most weight, and this weight."""
        left, weight = self._all, 0
        for sums in reversed(self._places):
            weight *= 2
            if left & sums:
                left &= sums
                weight += 1
        return self._first(left), weight

    def first_reaching(self, weight: int) -> tuple[int, ...] | None:
        """Return the first values, in the order of axes and values, that reach a weight; None if none do."""
        if weight >> len(self._places):
            return None
        above, equal = 0, self._all
        for place in reversed(range(len(self._places))):
            sums = self._places[place]
            if not weight >> place & 1:
                above |= equal & sums
                equal &= ~sums
            else:
                equal &= sums
        return self._first(above | equal) if above | equal else None

    def _met(self, demand: Demand, masks: Sequence[Sequence[int]]) -> int:
        """Return the assignments that meet a demand."""
        fitting = (
            reduce(and_, (reduce(or_, map(masks[axis].__getitem__, own)) for axis, own in option.items()))
            if option
            else self._all
            for option in demand.options
        )
        return reduce(or_, fitting, 0)

    def _add(self, bits: int, place: int) -> None:
        """Add an integer at a place."""
        while bits:
            self._summands += [[] for _ in range(place + 1 - len(self._summands))]
            summands = self._summands[place]
            if len(summands) < 2:
                summands.append(bits)
                return
            one, other = summands
            half = one ^ other
            summands[:] = [half ^ bits]
            bits = one & other | half & bits
            place += 1

    def _sums(self) -> list[int]:
        """Return the sum of all integers at each place."""
        sums: list[int] = []
        while len(sums) < len(self._summands):
            summands = self._summands[len(sums)]
            if len(summands) == 2:
                one, other = summands
                summands[:] = [one ^ other]
                self._add(one & other, len(sums) + 1)
            sums.append(sum(summands))
        return sums

    def _first(self, assignments: int) -> tuple[int, ...]:
        """Return the values of the first of some assignments."""
        number = (assignments & -assignments).bit_length() - 1
        values: list[int] = []
        for size in reversed(self._sizes):
            number, value = divmod(number, size)
            values.insert(0, value)
        return tuple(values)


def _masks(sizes: Sequence[int], axis: int) -> list[int]:
    """Return the assignments with each value of an axis."""
    run = prod(sizes[axis + 1 :])
    first = ((1 << run) - 1) * (((1 << prod(sizes)) - 1) // ((1 << run * sizes[axis]) - 1))
    return [first << run * value for value in range(sizes[axis])]
