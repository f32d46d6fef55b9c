"""Rounds of resolving and choosing end: with a graph that fits its choice, or with an error that says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from packaging.version import Version

from variant_backend._internal.errors import VariantError
from variant_backend._internal.graphs.aligned_packages import AlignedPackage, VariantOption
from variant_backend._internal.graphs.assignment import best_alignment
from variant_backend._internal.graphs.rounds import GraphRound, GraphState, RoundOutcome, settled_graph

BLAS = ("blas", "library")
ONE = Version("1")


def state(value: str) -> GraphState:
    return GraphState({BLAS: value})


def outcome(*names: str) -> RoundOutcome:
    return RoundOutcome(dict.fromkeys(names, ONE))


def of_value(graphs: Mapping[str | None, RoundOutcome]) -> Callable[[GraphState], RoundOutcome]:
    return lambda state: graphs[state.assignment.get(BLAS)]


def failure(*names: str) -> RoundOutcome:
    return RoundOutcome(dict.fromkeys(names, ONE), VariantError("x needs y", code="resolver"))


def test_a_graph_without_choices_is_resolved_once() -> None:
    states: list[GraphState] = []

    def resolve(state: GraphState) -> RoundOutcome:
        states.append(state)
        return outcome("x")

    assert settled_graph(resolve, lambda _: GraphState()).versions == {"x": ONE}
    assert states == [GraphState()]


def test_the_second_round_confirms_a_choice() -> None:
    settled = settled_graph(of_value({None: outcome("x"), "mkl": outcome("x", "m")}), lambda _: state("mkl"))
    assert settled.versions.keys() == {"x", "m"}


def test_all_packages_ever_seen_end_an_oscillation() -> None:
    # Each value of x requires a package that has only the other value.
    packages = {
        name: AlignedPackage(
            name, tuple(VariantOption(one, {BLAS: frozenset({one})}) for one in values), True
        )
        for name, values in {"x": "ab", "with-a": "b", "with-b": "a"}.items()
    }
    graphs = {None: outcome("x", "with-a"), "a": outcome("x", "with-a"), "b": outcome("x", "with-b")}
    rounds: list[GraphRound] = []

    def choose(done: GraphRound, *, counts_all: bool) -> GraphState:
        rounds.append(done)
        known = [packages[name] for name in (done.seen if counts_all else done.outcome.versions)]
        return GraphState(best_alignment(known, {BLAS: ["a", "b"]}).assignment)

    settled = settled_graph(of_value(graphs), lambda done: choose(done, counts_all=True))
    assert (settled.state, len(rounds)) == (state("a"), 3)
    with pytest.raises(VariantError) as caught:
        settled_graph(of_value(graphs), lambda done: choose(done, counts_all=False))
    assert str(caught.value) == (
        "graph: values and packages depend on one another, and the same choices repeat:"
        " with blas :: library :: b, the graph has with-b 1;"
        " with blas :: library :: a, the graph has with-a 1; do not align blas :: library"
    )


def test_a_choice_that_never_stays_ends_after_five_rounds() -> None:
    rounds: list[GraphRound] = []

    def choose(done: GraphRound) -> GraphState:
        rounds.append(done)
        return GraphState({}, {"torchy": Version(f"2.{len(rounds)}")})

    with pytest.raises(VariantError, match=r"differs after each of 5 rounds.*require torchy==2\.4") as caught:
        settled_graph(lambda _: RoundOutcome({"torchy": Version(f"1.{len(rounds)}")}), choose)
    assert len(rounds) == 5
    assert "with torchy 2.4, the graph has torchy 1.4" in str(caught.value)


def test_a_choice_after_a_failed_round_can_give_a_graph() -> None:
    graphs = {None: failure("x"), "mkl": outcome("x", "m")}
    assert settled_graph(of_value(graphs), lambda _: state("mkl")).versions.keys() == {"x", "m"}


def test_the_words_of_the_resolver_are_the_error_if_a_state_repeats() -> None:
    with pytest.raises(VariantError, match=r"^x needs y$"):
        settled_graph(of_value({None: failure("x")}), lambda _: GraphState())
    graphs = {None: outcome("x"), "mkl": failure("x")}
    with pytest.raises(VariantError, match=r"^x needs y$"):
        settled_graph(of_value(graphs), lambda _: state("mkl"))


def test_two_values_that_fail_alike_are_enough() -> None:
    rounds: list[GraphRound] = []

    def choose(done: GraphRound) -> GraphState:
        rounds.append(done)
        return state("abcde"[len(rounds)])

    with pytest.raises(VariantError, match=r"^x needs y$"):
        settled_graph(lambda _: failure("x"), choose)
    assert len(rounds) == 2  # and the third one, after which nothing is chosen


def test_an_impossible_choice_follows_the_words_of_the_resolver() -> None:
    def choose(_: GraphRound) -> GraphState:
        raise VariantError("no value fits")

    with pytest.raises(VariantError, match=r"^x needs y\nno value fits$"):
        settled_graph(of_value({None: failure("x")}), choose)
