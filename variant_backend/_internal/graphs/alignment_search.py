"""Branch and bound: one value for each axis, so that the demands with the most weight are met.

Axes and values are numbers here: a value is its position among the values of its axis. Demands are summed
into tables by the axes that they use. For each value of its first axes, a table knows the most weight that
values of its other axes can reach. The sum of these maxima bounds what the search can still reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import NamedTuple, TypeAlias

# Tables have at most this many cells; a demand that needs more of them is a `_Wide` one.
_MOST_CELLS = 4096
# A node takes 5 to 20 microseconds.
MOST_NODES = 100_000

# The weight of combinations of values. A combination is one number: its digits are the values.
_Cells: TypeAlias = "dict[int, int]"


class Demand(NamedTuple):
    """A demand for one of several options: each maps axes to the values that it allows, of other axes any."""

    options: tuple[Mapping[int, frozenset[int]], ...]
    weight: int = 1


class _Level(NamedTuple):
    """A table where the search fixes one of its axes.

    *rows* has, by the values that are fixed before, how much each value of the axis lowers the bound; *other*
    is the row of all other values.
    """

    table: int
    rows: Mapping[int, Sequence[int]]
    other: Sequence[int]


class _Wide(NamedTuple):
    """Demands that no table has, as bits; bit N stands for demand N.

    *masks* has a list for the first option of all demands, one for the second option, and so on: by axis and
    value, the demands whose option allows the value. *weights* are the demands of each weight.
    """

    masks: Sequence[Sequence[Sequence[int]]]
    weights: Mapping[int, int]

    def weight(self, alive: Iterable[int]) -> int:
        """Return the weight of demands that still have an option; *alive* has those of each list of masks."""
        left = 0
        for mask in alive:
            left |= mask
        return sum(weight * (left & own).bit_count() for weight, own in self.weights.items())


class _Node(NamedTuple):
    """The *values* of the first axes, and the most weight that is left: *keys* are their digits in tables."""

    values: tuple[int, ...]
    bound: int
    keys: list[int]
    alive: Sequence[int]


class AssignmentSearch:
    """A search for the values of axes with these *sizes*; *is_cut* is whether it ended at *most_nodes*."""

    def __init__(self, sizes: Sequence[int], demands: Iterable[Demand], most_nodes: int = MOST_NODES) -> None:
        self.is_cut: bool = False
        self._sizes = sizes
        self._most_nodes = most_nodes
        self._nodes = 0
        tables, wide = _tables(sizes, demands)
        self._wide = _wide(sizes, wide)
        self._alive = [sum(self._wide.weights.values())] * len(self._wide.masks)
        self._bound = self._wide.weight(self._alive)
        self._table_count = len(tables)
        self._levels: list[list[_Level]] = [[] for _ in sizes]
        for number, (scope, cells) in enumerate(tables.items()):
            self._bound += self._add_table(number, scope, cells)

    def heaviest(self) -> tuple[tuple[int, ...], int]:
        """Return the values that meet the demands with the most weight, and this weight."""
        best, most = (0,) * len(self._sizes), -1
        unvisited = [self._root()]
        while unvisited:
            node = unvisited.pop()
            if node.bound <= most:
                continue
            if len(node.values) == len(self._sizes):
                best, most = node.values, node.bound
            else:
                # The last one is visited first.
                unvisited += sorted(self._below(node, most + 1), key=lambda child: -child.bound, reverse=True)
        return best, most

    def first_reaching(self, weight: int) -> tuple[int, ...] | None:
        """Return the first values, in the order of axes and values, that reach a weight; None if none do."""
        unvisited = [self._root()]
        while unvisited:
            node = unvisited.pop()
            if node.bound < weight:
                continue
            if len(node.values) == len(self._sizes):
                return node.values
            unvisited += reversed(self._below(node, weight))
        return None

    def _add_table(self, number: int, scope: Sequence[int], cells: _Cells) -> int:
        """Add a table to the level of each of its axes, the last one first; return its greatest weight."""
        for axis in reversed(scope):
            size = self._sizes[axis]
            rows: dict[int, list[int]] = {}
            for key, weight in cells.items():
                fixed, value = divmod(key, size)
                rows.setdefault(fixed, [0] * size)[value] = weight
            cells = {fixed: max(row) for fixed, row in rows.items()}
            lowered = {fixed: [weight - cells[fixed] for weight in row] for fixed, row in rows.items()}
            self._levels[axis].append(_Level(number, lowered, [0] * size))
        return cells[0]

    def _root(self) -> _Node:
        return _Node((), self._bound, [0] * self._table_count, self._alive)

    def _below(self, node: _Node, least: int) -> list[_Node]:
        """Return the nodes with one more value that can reach a weight; none after the most nodes."""
        self._nodes += 1
        self.is_cut |= self._nodes > self._most_nodes
        if self.is_cut:
            return []
        axis = len(node.values)
        levels, size = self._levels[axis], self._sizes[axis]
        bounds = [node.bound] * size
        if levels:
            rows = [level.rows.get(node.keys[level.table], level.other) for level in levels]
            bounds = [node.bound + sum(column) for column in zip(*rows, strict=True)]
        alive: Sequence[Sequence[int]] = [node.alive] * size
        if node.alive:
            alive = self._narrowed(axis, node.alive)
            before = self._wide.weight(node.alive)
            bounds = [most + self._wide.weight(own) - before for most, own in zip(bounds, alive, strict=True)]
        nodes: list[_Node] = []
        for value, most in enumerate(bounds):
            if most < least:
                continue
            keys = node.keys.copy()
            for level in levels:
                keys[level.table] = keys[level.table] * size + value
            nodes.append(_Node((*node.values, value), most, keys, alive[value]))
        return nodes

    def _narrowed(self, axis: int, alive: Sequence[int]) -> list[list[int]]:
        """Return, for each value of an axis, the wide demands that still have each option."""
        masks = self._wide.masks
        return [
            [mask & own[axis][value] for mask, own in zip(alive, masks, strict=True)]
            for value in range(self._sizes[axis])
        ]


def _tables(
    sizes: Sequence[int], demands: Iterable[Demand]
) -> tuple[dict[tuple[int, ...], _Cells], list[Demand]]:
    """Return the tables of demands by the axes that they use, and the demands that need too many cells."""
    tables: dict[tuple[int, ...], _Cells] = {}
    wide: list[Demand] = []
    for demand in demands:
        if not demand.options:
            continue
        scope = tuple(sorted({axis for option in demand.options for axis in option}))
        anything = {axis: frozenset(range(sizes[axis])) for axis in scope}
        options = [{**anything, **option} for option in demand.options]
        if sum(prod(map(len, option.values())) for option in options) > _MOST_CELLS:
            wide.append(demand)
        else:
            cells = tables.setdefault(scope, {})
            for key in {key for option in options for key in _keys(sizes, scope, option)}:
                cells[key] = cells.get(key, 0) + demand.weight
    return tables, wide


def _keys(sizes: Sequence[int], scope: Sequence[int], option: Mapping[int, Iterable[int]]) -> list[int]:
    """Return the combinations that an option allows."""
    keys = [0]
    for axis in scope:
        size = sizes[axis]
        keys = [key * size + value for key in keys for value in option[axis]]
    return keys


def _wide(sizes: Sequence[int], demands: Sequence[Demand]) -> _Wide:
    """Return the demands that no table has, as bits."""
    weights: dict[int, int] = {}
    for number, demand in enumerate(demands):
        weights[demand.weight] = weights.get(demand.weight, 0) | 1 << number
    masks = [
        [[0] * size for size in sizes] for _ in range(max((len(one.options) for one in demands), default=0))
    ]
    for number, demand in enumerate(demands):
        for own, option in zip(masks, demand.options, strict=False):
            for axis, size in enumerate(sizes):
                for value in option.get(axis, range(size)):
                    own[axis][value] |= 1 << number
    return _Wide(masks, weights)
