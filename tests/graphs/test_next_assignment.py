"""The best assignment besides failed ones is the next one of all assignments in order."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from variant_backend._internal.graphs.aligned_packages import AlignedPackage, VariantOption
from variant_backend._internal.graphs.assignment import GraphAlignment, Preference
from variant_backend._internal.graphs.next_assignment import best_besides, values_of_named
from variant_backend._internal.variants.alignment import Assignment, Axis

AXES: tuple[Axis, ...] = (("blas", "library"), ("openmp", "runtime"), ("mpi", "library"))
DOMAINS = {axis: ["a", "b", "c"][: 2 + number % 2] for number, axis in enumerate(AXES)}


def package(random: Random, name: str) -> AlignedPackage:
    """Return a package with up to three variants for one or two features."""
    options = [
        VariantOption(
            f"v{number}",
            {
                axis: frozenset(random.sample(DOMAINS[axis], random.randint(1, 2)))
                for axis in random.sample(AXES, random.randint(1, 2))
            },
        )
        for number in range(random.randint(0, 3))
    ]
    return AlignedPackage(name, tuple(options), has_fallback=random.random() < 0.9)


def in_order(packages: list[AlignedPackage], prefer: Preference) -> list[Assignment]:
    """Return all assignments that fit the packages without a fallback, best first."""
    ordered: list[tuple[tuple[object, ...], Assignment]] = []
    for values in product(*DOMAINS.values()):
        assignment = dict(zip(DOMAINS, values, strict=True))
        kept = [one.option(assignment) is not None for one in packages]
        if all(has or not one.is_required for one, has in zip(packages, kept, strict=True)):
            places = tuple(DOMAINS[axis].index(value) for axis, value in assignment.items())
            key = (-sum(kept), places) if prefer == "most" else (places, -sum(kept))
            ordered.append((key, assignment))
    return [assignment for _, assignment in sorted(ordered, key=lambda pair: pair[0])]


@pytest.mark.parametrize("prefer", ["most", "best"])
def test_each_failed_assignment_gives_way_to_the_next_one(prefer: Preference) -> None:
    for seed in range(60):
        random = Random(seed)
        packages = [package(random, f"p{number}") for number in range(6)]
        expected = in_order(packages, prefer)[:5]
        for count, wanted in enumerate(expected):
            best = best_besides(packages, DOMAINS, prefer, (), expected[:count])
            assert best.assignment == wanted


def test_values_that_have_failed_give_way_with_all_others() -> None:
    for seed in range(60):
        random = Random(seed)
        packages = [package(random, f"p{number}") for number in range(6)]
        named = random.sample([one.name for one in packages if one.options], 1)
        for wanted in in_order(packages, "most")[:1]:
            failed = values_of_named(wanted, named, packages)
            (deciding,) = (one for one in packages if one.name in named)
            expected = [one for one in in_order(packages, "most") if failed.items() - one.items()]
            assert {axis for option in deciding.options for axis in option.values} == failed.keys()
            best = best_besides(packages, DOMAINS, "most", (), [failed])
            assert best.assignment == (expected[0] if expected else wanted)


def test_the_best_assignment_is_returned_if_all_have_failed() -> None:
    packages = [AlignedPackage("p", (VariantOption("a", {AXES[0]: frozenset("a")}),), has_fallback=False)]
    domains = {AXES[0]: ["a", "b"]}
    best: GraphAlignment = best_besides(packages, domains, "most", (), [{AXES[0]: "a"}])
    assert best.assignment == {AXES[0]: "a"}
