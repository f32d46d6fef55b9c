"""The values of aligned features are those that brute force finds."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import product

import pytest

from variant_backend._internal.errors import VariantError
from variant_backend._internal.graphs.aligned_packages import AlignedPackage, Domains, VariantOption
from variant_backend._internal.graphs.alignment_costs import cost_lines
from variant_backend._internal.graphs.alignment_count import AssignmentCount, is_countable
from variant_backend._internal.graphs.alignment_search import AssignmentSearch, Demand
from variant_backend._internal.graphs.assignment import Preference, best_alignment
from variant_backend._internal.variants.alignment import AlignedName, Assignment, Axis

BLAS, OPENMP = ("blas", "library"), ("openmp", "runtime")
AXES = [("n1", "f"), ("n1", "g"), ("n2", "f"), ("n3", "f")]
CASES = 1_000


def package(name: str, *options: Mapping[Axis, str], fallback: bool = True) -> AlignedPackage:
    """Return a package; in an option, several values are separated by spaces."""
    made = (
        VariantOption(
            "_".join(option.values()), {axis: frozenset(text.split()) for axis, text in option.items()}
        )
        for option in options
    )
    return AlignedPackage(name, tuple(made), fallback)


def blas(name: str, *values: str, fallback: bool = True) -> AlignedPackage:
    """Return a package with a variant for each of these values."""
    return package(name, *({BLAS: value} for value in values), fallback=fallback)


def random_case(seed: int) -> tuple[list[AlignedPackage], Domains]:
    """Return a small case: few values, so there are ties, and a third of them is impossible."""
    source = random.Random(seed)
    axes = source.sample(AXES, source.randint(0, len(AXES)))
    domains = {axis: source.sample("abcd", source.randint(0, 4)) for axis in axes}
    may_require = source.random() < 0.6
    packages = []
    for number in range(source.randint(0, 7)):
        options = []
        for label in range(source.randint(0, 4)):
            used = source.sample(AXES, source.choice([0, 1, 1, 1, 2, 2, 3]))
            values = {axis: frozenset(source.sample("abcd", source.choice([1, 1, 1, 2, 4]))) for axis in used}
            options.append(VariantOption(f"l{label % 3}", values))
        has_fallback = not (may_require and source.random() < 0.3)
        packages.append(AlignedPackage(f"p{number}", tuple(options), has_fallback))
    return packages, domains


def assignments(domains: Domains) -> list[Assignment]:
    """Return all assignments, by the order of domains."""
    filled = [axis for axis, values in domains.items() if values]
    return [dict(zip(filled, values, strict=True)) for values in product(*(domains[axis] for axis in filled))]


def kept(packages: Sequence[AlignedPackage], assignment: Assignment) -> int:
    return sum(any(option.allows(assignment) for option in package.options) for package in packages)


def is_possible(packages: Sequence[AlignedPackage], assignment: Assignment) -> bool:
    required = [package for package in packages if package.options and not package.has_fallback]
    return kept(required, assignment) == len(required)


def brute_force(
    packages: Sequence[AlignedPackage], domains: Domains, prefer: Preference
) -> Assignment | None:
    """Return the best assignment of all; None if none fits."""
    possible = [one for one in assignments(domains) if is_possible(packages, one)]
    if prefer == "best":
        return possible[0] if possible else None
    return max(possible, key=lambda one: kept(packages, one), default=None)  # of equal ones, the first


def solved(packages: Sequence[AlignedPackage], domains: Domains, prefer: Preference) -> Assignment | None:
    try:
        alignment = best_alignment(packages, domains, prefer)
    except VariantError:
        return None
    assert alignment.is_proven
    return alignment.assignment


@pytest.mark.parametrize("prefer", ["most", "best"])
def test_small_cases_equal_brute_force(prefer: Preference) -> None:
    impossible = 0
    for seed in range(CASES):
        packages, domains = random_case(seed)
        expected = brute_force(packages, domains, prefer)
        assert solved(packages, domains, prefer) == expected, seed
        impossible += expected is None
    assert CASES / 20 < impossible < CASES / 2


def test_the_order_of_packages_does_not_matter() -> None:
    for seed in range(200):
        packages, domains = random_case(seed)
        shuffled = random.Random(seed).sample(packages, len(packages))
        assert outcome(packages, domains) == outcome(shuffled, domains), seed


def outcome(packages: Sequence[AlignedPackage], domains: Domains) -> object:
    """Return all that people and programs see of an alignment."""
    try:
        alignment = best_alignment(packages, domains, align=[AlignedName(axis[0]) for axis in domains])
    except VariantError as error:
        return error.problems
    return alignment, cost_lines(alignment)


def random_demands(source: random.Random) -> tuple[list[int], list[Demand]]:
    """Return the sizes of a few axes, and demands with options of up to three axes."""
    sizes = [source.randint(1, 4) for _ in range(source.randint(0, 4))]
    demands = []
    for _ in range(source.randint(0, 8)):
        options = []
        for _ in range(source.randint(0, 3)):
            used = source.sample(range(len(sizes)), min(len(sizes), source.randint(0, 3)))
            options.append({axis: random_values(source, sizes[axis]) for axis in used})
        demands.append(Demand(tuple(options), source.choice([1, 1, 1, 5, 16])))
    return sizes, demands


def random_values(source: random.Random, size: int) -> frozenset[int]:
    return frozenset(source.sample(range(size), source.choice([1, 1, size])))


def wide_demands(source: random.Random) -> tuple[list[int], list[Demand]]:
    """Return demands that are too wide for tables: their options use all axes, with 4,860 combinations."""
    demands = []
    for weight in [1] * 12 + [32] * 2:
        axes = source.sample(range(8), 8)
        parts = [axes[:1], axes[1:2], axes[2:5], axes[5:]]
        options = [{axis: frozenset([source.randrange(3)]) for axis in part} for part in parts]
        demands.append(Demand(tuple(options[: source.choice([2, 4, 4])]), weight))
    return [3] * 8, demands


@pytest.mark.parametrize("way", [AssignmentCount, AssignmentSearch])
@pytest.mark.parametrize(("made", "cases"), [(random_demands, CASES), (wide_demands, 2)])
def test_both_ways_to_weigh_demands_equal_brute_force(
    way: type[AssignmentCount | AssignmentSearch],
    made: Callable[[random.Random], tuple[list[int], list[Demand]]],
    cases: int,
) -> None:
    for seed in range(cases):
        sizes, demands = made(random.Random(seed))
        weights = {
            values: sum(demand.weight for demand in demands if is_met(demand, values))
            for values in product(*map(range, sizes))
        }
        weighed = way(sizes, demands)
        values, most = weighed.heaviest()
        assert weights[values] == most == max(weights.values()), seed
        for weight in (0, 1, most // 2, most, most + 1, 4 * most + 1):
            first = next((values for values, own in weights.items() if own >= weight), None)
            assert weighed.first_reaching(weight) == first, (seed, weight)
        assert not weighed.is_cut


def test_many_assignments_are_searched() -> None:
    assert is_countable([8] * 6)
    assert not is_countable([8] * 7)
    assert not is_countable([10_000])


def is_met(demand: Demand, values: Sequence[int]) -> bool:
    return any(all(values[axis] in own for axis, own in option.items()) for option in demand.options)


MANY_AXES = [("n", f"f{number:02}") for number in range(12)]
MANY = dict.fromkeys(MANY_AXES, "abcd")


def test_a_search_that_is_too_long_is_not_proven() -> None:
    source = random.Random(1)
    packages = [
        package(str(number), {axis: source.choice("abcd") for axis in source.sample(MANY_AXES, 2)})
        for number in range(60)
    ]
    whole = best_alignment(packages, MANY)
    cut = best_alignment(packages, MANY, most_nodes=20)
    assert (whole.is_proven, cut.is_proven) == (True, False)
    assert kept(packages, cut.assignment) <= kept(packages, whole.assignment)
    assert "not proven optimal" in cost_lines(cut)[-1]
    assert "not proven optimal" not in "".join(cost_lines(whole))


@pytest.mark.parametrize("prefer", ["most", "best"])
def test_a_search_that_is_too_long_does_not_report_a_conflict(prefer: Preference) -> None:
    packages = [package(axis[1], {axis: "d"}, fallback=False) for axis in MANY_AXES]
    with pytest.raises(VariantError, match="no values that fit all packages in 1 steps"):
        best_alignment(packages, MANY, prefer, most_nodes=1)
    assert {*best_alignment(packages, MANY, prefer).assignment.values()} == {"d"}


def test_many_features_do_not_end_the_search() -> None:
    axes = [("n", f"f{number}") for number in range(3_000)]
    domains = {axis: ["a", "b"] for axis in axes}
    alignment = best_alignment([package("p", dict.fromkeys(axes, "b"))], domains)
    assert {*alignment.assignment.values()} == {"b"}
    assert alignment.is_proven


STACK = [blas("sklearn", "openblas"), *(blas(name, "mkl", "openblas") for name in "abcdefg")]
DOMAINS = {BLAS: ["mkl", "openblas"]}


def lines(packages: Sequence[AlignedPackage], domains: Domains, prefer: Preference = "most") -> list[str]:
    return [*cost_lines(best_alignment(packages, domains, prefer))]


def test_the_best_value_that_all_keep_has_no_lines() -> None:
    assert lines([blas("a", "mkl"), blas("b", "openblas", "mkl")], DOMAINS) == []


def test_lines_say_what_a_preferred_value_would_lose() -> None:
    assert lines(STACK, DOMAINS) == [
        "blas :: library: openblas keeps 8 of 8; mkl would lose sklearn, which has openblas only"
    ]


def test_lines_say_which_packages_fall_back() -> None:
    assert lines(STACK, DOMAINS, "best") == [
        "blas :: library: mkl keeps 7 of 8",
        "sklearn has no variant for mkl: it falls back to its null variant or plain wheel",
    ]
    assert lines(
        [blas("x", "mkl"), blas("y", "mkl"), *STACK[:2], blas("v", "openblas"), blas("z", "openblas")],
        DOMAINS,
    ) == [
        "blas :: library: openblas keeps 4 of 6; mkl would lose sklearn, v and z, which have openblas only,"
        " and keep x and y",
        "x and y have no variant for openblas: they fall back to null variants or plain wheels",
    ]


def test_lines_say_why_a_preferred_value_is_impossible() -> None:
    assert lines([*STACK[1:], blas("sklearn", "openblas", fallback=False)], DOMAINS) == [
        "blas :: library: openblas keeps 8 of 8; mkl does not fit sklearn, which has openblas only"
    ]


def test_lines_name_the_other_features_of_a_variant() -> None:
    both = package("p", {BLAS: "mkl", OPENMP: "iomp"}, {BLAS: "openblas", OPENMP: "gomp"})
    others = [package("q", {OPENMP: "gomp"}), package("r", {OPENMP: "gomp"})]
    assert lines([both, *others], {**DOMAINS, OPENMP: ["iomp", "gomp"]}) == [
        "blas :: library: openblas keeps 1 of 1; mkl would lose p, which has"
        " blas :: library :: mkl with openmp :: runtime :: iomp only",
        "openmp :: runtime: gomp keeps 3 of 3; iomp would lose p, which has"
        " openmp :: runtime :: iomp with blas :: library :: mkl only, and q and r, which have gomp only",
    ]


def test_packages_that_a_graph_has_lost_have_no_lines() -> None:
    whole = best_alignment(
        [blas("sklearn", "openblas", fallback=False), blas("a", "mkl", "openblas")], DOMAINS
    )
    (only,) = (package for package in whole.packages if package.name == "a")
    assert cost_lines(whole)
    assert cost_lines(whole._replace(packages=(only,), labels={"a": "openblas"})) == ()


def test_lines_of_large_graphs_are_short() -> None:
    source = random.Random(1)
    values = [f"v{number}" for number in range(8)]
    packages = []
    for number in range(300):
        axes = source.sample(MANY_AXES[:5], 3)
        options = [{axis: source.choice(values) for axis in axes} for _ in range(6)]
        packages.append(package(f"p{number}", *options))
    costs = lines(packages, dict.fromkeys(MANY_AXES[:5], values))
    assert "more packages fall back to null variants or plain wheels" in costs[-1]
    assert len(costs) < 20
    assert max(map(len, costs)) < 600


def conflict(packages: Sequence[AlignedPackage], domains: Domains, *align: str) -> str:
    with pytest.raises(VariantError) as caught:
        best_alignment(packages, domains, align=[AlignedName.parse(text) for text in align])
    return str(caught.value)


def test_a_conflict_names_packages_values_and_what_would_free_them() -> None:
    required = [blas("torchy", "mkl", fallback=False), blas("sklearn", "openblas", fallback=False)]
    assert conflict([*STACK[1:], *required], DOMAINS, "blas") == (
        "blas :: library: no value fits all packages that have neither a null variant nor a plain wheel:"
        " sklearn requires openblas; torchy requires mkl; leave out --align blas,"
        " or leave out sklearn (mkl fits the others), or leave out torchy (openblas fits the others)"
    )


def test_a_conflict_of_several_features_names_their_properties() -> None:
    required = [
        package("a", {BLAS: "mkl", OPENMP: "iomp"}, fallback=False),
        package("b", {BLAS: "mkl", OPENMP: "gomp"}, {BLAS: "openblas"}, fallback=False),
    ]
    domains = {**DOMAINS, OPENMP: ["iomp", "gomp"]}
    text = conflict(required, domains, "blas", "openmp::runtime")
    assert "a requires blas :: library :: mkl with openmp :: runtime :: iomp; b requires" in text
    assert "leave out --align blas, or leave out --align openmp::runtime, or leave out a (" in text


def test_a_conflict_that_no_single_package_frees_names_the_fewest() -> None:
    groups = {"a": "mkl", "b": "mkl", "c": "openblas", "d": "openblas", "e": "openblas"}
    text = conflict([blas(name, value, fallback=False) for name, value in groups.items()], DOMAINS)
    assert text.endswith("; leave out a and b (openblas fits the others)")


def test_a_package_without_variants_makes_no_conflict() -> None:
    alignment = best_alignment([package("a", fallback=False), blas("b", "mkl")], DOMAINS)
    assert alignment.labels == {"a": None, "b": "mkl"}


def test_leaving_out_what_a_conflict_names_frees_the_others() -> None:
    conflicts = 0
    for seed in range(400):
        packages, domains = random_case(seed)
        align = [AlignedName(*axis) for axis in AXES]
        try:
            best_alignment(packages, domains, align=align)
        except VariantError as error:
            (problem,) = error.problems
        else:
            continue
        assert problem.remedy, seed
        for way in problem.remedy.removeprefix("leave out ").split(", or leave out "):
            assert is_freed(packages, domains, way), (seed, way)
            conflicts += 1
    assert conflicts > 100


def is_freed(packages: Sequence[AlignedPackage], domains: Domains, way: str) -> bool:
    """Do what one way of a remedy says, and return whether brute force then finds an assignment."""
    names = way.partition(" (")[0].replace(" and ", ", ").split(", ")
    if not way.startswith("--align"):
        return brute_force([one for one in packages if one.name not in names], domains, "most") is not None
    left = {axis for axis in AXES if f"--align {'::'.join(axis)}" not in names}
    packages = [
        one._replace(
            options=tuple(
                option._replace(values={axis: own for axis, own in option.values.items() if axis in left})
                for option in one.options
            )
        )
        for one in packages
    ]
    return brute_force(packages, {axis: domains.get(axis, ()) for axis in left}, "most") is not None
