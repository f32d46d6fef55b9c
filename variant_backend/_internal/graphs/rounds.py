"""Resolve a graph and choose values for it in turn, until the choice stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, VariantError, shortened
from ..variants.alignment import Assignment

if TYPE_CHECKING:
    from packaging.version import Version

_MOST_ROUNDS = 5


class GraphState(NamedTuple):
    """What the offer to a graph depends on.

    *versions* are those of the packages that `abi_dependency` properties name; packages without a version
    are then unknown. None: all their versions are open.
    """

    assignment: Assignment = {}  # noqa: RUF012  # no code changes this default
    versions: Mapping[str, Version] | None = None

    def __str__(self) -> str:
        values = [f"{' :: '.join(axis)} :: {value}" for axis, value in self.assignment.items()]
        pins = [f"{name} {version}" for name, version in (self.versions or {}).items()]
        return ", ".join(sorted(values) + sorted(pins)) or "nothing chosen"


class RoundOutcome(NamedTuple):
    """The versions of a graph by normalized name; with an *error*, there is no graph.

    Then the versions are those of the packages that the resolver has asked for, as far as they are known. It
    *named* some of them in its words.
    """

    versions: Mapping[str, Version]
    error: VariantError | None = None
    named: tuple[str, ...] = ()


class FailedState(NamedTuple):
    """A state for which there is no graph; the resolver has *named* packages as the reason."""

    state: GraphState
    named: tuple[str, ...]


class GraphRound(NamedTuple):
    """A round: the *state* for which a graph was resolved, and the *outcome*.

    *seen* are the last versions of all packages of all rounds until then; versions in a graph count more than
    others. *failed* are the states until then for which there is no graph.
    """

    state: GraphState
    outcome: RoundOutcome
    seen: Mapping[str, Version]
    failed: tuple[FailedState, ...] = ()


class Settled(NamedTuple):
    """The state of a graph that has settled, and its *versions* by normalized name."""

    state: GraphState
    versions: Mapping[str, Version]


def settled_graph(
    resolve: Callable[[GraphState], RoundOutcome], choose: Callable[[GraphRound], GraphState]
) -> Settled:
    """Return the graph for which the choice stays.

    *resolve* returns the versions for a state, and *choose* the state for a round. A choice may follow a
    round without a graph. Raises VariantError if the choice does not stay, or the error of a round without a
    graph that stays.
    """
    rounds: list[GraphRound] = []
    state = GraphState()
    for _ in range(_MOST_ROUNDS):
        rounds.append(_next_round(rounds, state, resolve(state)))
        if _fails_alike(rounds):
            raise VariantError(*_words(rounds))
        try:
            chosen = choose(rounds[-1])
        except VariantError as error:
            raise VariantError(*_words(rounds), *error.problems) from None
        if chosen == state and rounds[-1].outcome.error is None:
            return Settled(state, rounds[-1].outcome.versions)
        if (first := _repeated(rounds, chosen)) is not None:
            raise _unsettled(rounds, first, "the same choices repeat")
        state = chosen
    raise _unsettled(rounds, 0, f"the choice differs after each of {_MOST_ROUNDS} rounds")


def _next_round(before: Sequence[GraphRound], state: GraphState, outcome: RoundOutcome) -> GraphRound:
    last = before[-1] if before else GraphRound(state, outcome, {})
    if outcome.error is None:
        return GraphRound(state, outcome, {**last.seen, **outcome.versions}, last.failed)
    failed = FailedState(state, outcome.named)
    return GraphRound(state, outcome, {**outcome.versions, **last.seen}, (*last.failed, failed))


def _repeated(rounds: Sequence[GraphRound], chosen: GraphState) -> int | None:
    """Return the first round with a state, None if it may be tried: other values have failed since then."""
    failed = len(rounds[-1].failed)
    return next(
        (
            number
            for number, done in enumerate(rounds)
            if done.state == chosen and (done.outcome.error or len(done.failed) == failed)
        ),
        None,
    )


def _fails_alike(rounds: Sequence[GraphRound]) -> bool:
    """Return whether the last two rounds fail for the same reason, although they have other values."""
    if len(rounds) < 3 or rounds[-2].state.versions != rounds[-1].state.versions:
        return False  # the first round has no values
    one, other = (done.outcome.error for done in rounds[-2:])
    return one is not None and other is not None and one.problems == other.problems


def _words(rounds: Sequence[GraphRound]) -> tuple[Problem, ...]:
    """Return why the last round has no graph: the words of the resolver about the best values."""
    if rounds[-1].outcome.error is None:
        return ()
    failed = [done for done in rounds if done.outcome.error is not None]
    best = next((done for done in failed if done.state != GraphState()), failed[0])
    return best.outcome.error.problems if best.outcome.error else ()


def _unsettled(rounds: Sequence[GraphRound], first: int, reason: str) -> VariantError:
    """Return why there is no graph: the words of a resolver, or the packages that differ between rounds."""
    if words := _words(rounds):
        return VariantError(*words)
    *before, last = rounds[first:]
    other = next((done for done in reversed(before) if done.outcome.error is None), rounds[first])
    graphs = "; ".join(
        f"with {one.state}, {_difference(one, two)}" for one, two in ((other, last), (last, other))
    )
    text = f"values and packages depend on one another, and {reason}: {graphs}"
    return VariantError(text, place="graph", remedy=_remedy(other.state, last.state))


def _difference(one: GraphRound, other: GraphRound) -> str:
    """Return what the first of two graphs has, and the other one lacks."""
    if one.outcome.error is not None:
        return "there is no graph"
    versions = other.outcome.versions
    own = (item for item in one.outcome.versions.items() if versions.get(item[0]) != item[1])
    return f"the graph has {shortened(sorted(f'{name} {version}' for name, version in own)) or 'no more'}"


def _remedy(one: GraphState, other: GraphState) -> str:
    """Return how to decide what differs between two states."""
    return ", and ".join(_decisions(one, other))


def _decisions(one: GraphState, other: GraphState) -> Iterator[str]:
    axes = {axis for axis, _ in {*one.assignment.items()} ^ {*other.assignment.items()}}
    for axis in sorted(axes):
        yield f"do not align {' :: '.join(axis)}"
    versions = one.versions or {}, other.versions or {}
    for name in sorted({name for name, _ in {*versions[0].items()} ^ {*versions[1].items()}}):
        yield f"require {name}=={versions[1].get(name, versions[0].get(name))}"
