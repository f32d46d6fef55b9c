"""Properties of the offer: what any installer selects, and what no environment loses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from packaging.tags import Tag
from packaging.version import Version

from variant_backend._internal.formats.release import Candidate, File, Release
from variant_backend._internal.machine.support import Machine, Policy
from variant_backend._internal.selection.evaluate import evaluate, evaluate_label
from variant_backend._internal.selection.listing import Listed, Listing
from variant_backend._internal.selection.target import Target
from variant_backend._internal.serving.environments import (
    Environments,
    environment_of_target,
    environments_named,
    environments_of_agent,
    unknown_environments,
)
from variant_backend._internal.serving.listed_wheels import listed_forms
from variant_backend._internal.serving.offer import Offer, Offered, UpstreamProject, offer
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.label_pattern import PLAIN
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.properties import NULL_VARIANT, Property, Variant
from variant_backend._internal.variants.providers import StaticProvider
from variant_backend._internal.variants.ranking import Verdict, rank_wheels

# The machine supports all but the last one; the first one is best.
LABELS = ("fast", "safe", "null", "other")
METADATA = VariantMetadata(
    ("speed",),
    {"speed": StaticProvider((("mode", ("fast", "safe")),))},
    {
        "null": NULL_VARIANT,
        **{
            label: Variant(label, frozenset({Property("speed", "mode", label)}))
            for label in ("fast", "safe", "other")
        },
    },
)
PYTHONS = ("3.10", "3.12", "3.13", "3.13t")
PLATFORMS = (
    "manylinux_2_41_x86_64",
    "manylinux_2_28_x86_64",
    "musllinux_1_2_x86_64",
    "win_amd64",
    "macosx_15_0_arm64",
)
TARGETS = [
    Target.of(python, platform, running=Version("3.10"), tags=())
    for platform in PLATFORMS
    for python in PYTHONS
]
# Its system is newer than that of some other environments.
DESCRIBED = (
    'pip/26.3 {"cpu":"x86_64","distro":{"libc":{"lib":"glibc","version":"2.36"}},'
    '"implementation":{"name":"CPython"},"python":"3.12.0","system":{"name":"Linux"}}'
)
DESCRIBED_TARGET = Target.of("3.12", "manylinux_2_36_x86_64", running=Version("3.10"), tags=())


def one_of_each(*parts: Sequence[str]) -> st.SearchStrategy[str]:
    return st.tuples(*map(st.sampled_from, parts)).map("-".join)


TAGS = st.sampled_from(
    ["py3-none-any", "py2.py3-none-any", "py312-none-any", "pp310-pypy310_pp73-win_amd64"]
) | (
    one_of_each(
        ("cp312-cp312", "cp310-abi3", "cp313-cp313t", "cp310-cp310", "py3-none", "cp313-cp313"),
        (
            *("manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "linux_x86_64", "musllinux_1_1_x86_64"),
            *("win_amd64", "win32", "macosx_11_0_arm64", "macosx_10_9_universal2"),
            "manylinux_2_17_x86_64.manylinux2014_x86_64",
        ),
    )
)
WHEELS = st.lists(
    st.tuples(
        st.sampled_from([None, *LABELS]),
        TAGS,
        st.sampled_from(["", "", "1", "2a"]),
        st.sampled_from([None, None, None, ">=3.12", "<3.13"]),
        st.sampled_from([None, None, None, None, "broken"]),
    ),
    max_size=10,
    unique_by=lambda wheel: wheel[:3],
)


def made_release(wheels: Iterable[Sequence[str | None]]) -> Release:
    candidates = []
    for label, tags, build, requires_python, yanked in wheels:
        name = WheelFilename("demo", "1.0", build or "", tags or "", label)
        url = f"https://host.test/{name}"
        file = File(str(name), url, {}, requires_python=requires_python, yanked=yanked)
        candidates.append(Candidate(name, file))
    return Release("demo", Version("1.0"), tuple(candidates), METADATA)


RELEASES = WHEELS.map(made_release)


def project_of(release: Release, *more: File) -> UpstreamProject:
    listing = Listing("demo", Version("1.0"), (Listed("https://host.test/", release.candidates, ()),))
    files = tuple(wheel.file for wheel in release.candidates)
    return UpstreamProject("demo", (*files, *more), ((listing, release),))


def offered(release: Release, environments: Environments, *more: File) -> Offer:
    return offer(project_of(release, *more), Machine(), Policy(), environments)


def best_file(release: Release, target: Target) -> str | None:
    """Return the file that PEP 825 selects; a yanked one only if nothing else fits."""
    for wanted in (lambda wheel: wheel.file.yanked is None, lambda _: True):
        part = release._replace(candidates=tuple(filter(wanted, release.candidates)))
        evaluation = evaluate(part, Machine(), Policy(), target)
        if evaluation.selected:
            return str(evaluation.selected.filename)
    return None


def selected_files(page: Offer, target: Target, *, linux_first: bool = False) -> set[str]:
    """Return the upstream files that an installer without variant support may select from a page."""
    tags = _with_linux_first(target) if linux_first else target.tags
    names = {WheelFilename.parse(file.filename): file.file for file in page.files}
    python = target.python
    for is_yanked in (False, True):
        fitting = [
            name
            for name, file in names.items()
            if (file.yanked is not None) <= is_yanked and _allows(file.requires_python, python)
        ]
        verdicts = [verdict for verdict in rank_wheels(fitting, None, {}, tags) if verdict.key]
        if verdicts:
            return {names[verdict.filename].filename for verdict in verdicts if _equal(verdict, verdicts[0])}
    return set()


def _with_linux_first(target: Target) -> list[Tag]:
    """Return tags in the order of pip 26: in each group, `linux_ARCH` comes first."""
    groups = groupby(target.tags, key=lambda tag: (tag.interpreter, tag.abi, tag.platform == "any"))
    return [
        tag
        for _, group in groups
        for tag in sorted(group, key=lambda tag: not tag.platform.startswith("linux_"))
    ]


def _allows(requires_python: str | None, python: Version) -> bool:
    return requires_python is None or (
        python >= Version("3.12") if ">" in requires_python else python < Version("3.13")
    )


def _equal(one: Verdict, other: Verdict) -> bool:
    keys = [(verdict.key.tag, verdict.key.build) for verdict in (one, other) if verdict.key]
    return len({*keys}) == 1


ORDERS = pytest.mark.parametrize("linux_first", [False, True])


@ORDERS
@given(release=RELEASES, target=st.sampled_from(TARGETS))
def test_a_named_environment_gets_exactly_its_best_wheel(
    release: Release, target: Target, linux_first: bool
) -> None:
    page = offered(release, environment_of_target(target))
    best = best_file(release, target)
    assert selected_files(page, target, linux_first=linux_first) == ({best} if best else set())
    assert not page.choices[0].conflicts
    labels = {WheelFilename.parse(file.file.filename).label for file in page.files}
    assert labels == {*page.choices[0].labels}


@ORDERS
@given(release=RELEASES)
def test_a_described_environment_gets_its_best_wheel_unless_a_conflict_is_reported(
    release: Release, linux_first: bool
) -> None:
    page = offered(release, environments_of_agent(DESCRIBED))
    best = best_file(release, DESCRIBED_TARGET)
    label = WheelFilename.parse(best).label if best else None
    selected = {
        WheelFilename.parse(file).label
        for file in selected_files(page, DESCRIBED_TARGET, linux_first=linux_first)
    }
    if not page.choices[0].conflicts:
        assert selected == ({label} if best else set())
        assert page.choices[0].labels == ((label,) if best else ())


@pytest.mark.parametrize("agent", ["", DESCRIBED])
@given(release=RELEASES, target=st.sampled_from(TARGETS))
def test_no_environment_loses_its_only_wheel(agent: str, release: Release, target: Target) -> None:
    page = offered(release, environments_of_agent(agent))
    is_older = target.platform == "manylinux_2_28_x86_64"
    if not (agent and is_older):  # then the wheel of the asking environment may be the only one
        assert bool(best_file(release, target)) == bool(selected_files(page, target))


@given(release=RELEASES, target=st.sampled_from(TARGETS))
def test_an_unknown_environment_gets_its_best_label_unless_a_conflict_is_reported(
    release: Release, target: Target
) -> None:
    page = offered(release, unknown_environments())
    best = best_file(release, target)
    if best and not page.choices[0].conflicts:
        labels = {WheelFilename.parse(file).label for file in selected_files(page, target)}
        assert labels == {WheelFilename.parse(best).label}


ALL = pytest.mark.parametrize(
    "environments",
    [
        environments_named("3.12-manylinux_2_28_x86_64"),
        environments_of_agent(DESCRIBED),
        unknown_environments(),
    ],
    ids=["named", "described", "unknown"],
)


@ALL
@given(wheels=WHEELS, random=st.randoms())
def test_the_order_of_files_does_not_matter(
    environments: Environments, wheels: list[tuple[str | None, ...]], random: Any
) -> None:
    page = offered(made_release(wheels), environments)
    random.shuffle(wheels)
    again = offered(made_release(wheels), environments)
    assert {*map(_names, page.files)} == {*map(_names, again.files)}
    assert [choice.labels for choice in page.choices] == [choice.labels for choice in again.choices]


def _names(file: Offered) -> tuple[str, str]:
    return file.filename, file.file.filename


@ALL
@given(release=RELEASES)
def test_the_offer_of_the_offered_files_is_the_same(environments: Environments, release: Release) -> None:
    # For several environments, a listed yanked wheel may be in the way of one that was left out.
    assume(environments.named or all(wheel.file.yanked is None for wheel in release.candidates))
    page = offered(release, environments)
    kept = {file.file.filename for file in page.files}
    part = release._replace(
        candidates=tuple(wheel for wheel in release.candidates if wheel.file.filename in kept)
    )
    assert [*map(_names, offered(part, environments).files)] == [*map(_names, page.files)]


@ALL
def test_files_of_releases_without_variants_are_untouched(environments: Environments) -> None:
    names = ["demo-0.9-py3-none-any.whl", "demo-0.9.tar.gz", "demo-0.9-cp27-cp27m-win32.whl", "demo-0.9.exe"]
    files = [File(name, f"https://host.test/{name}", {}) for name in names]
    page = offered(made_release([("fast", "py3-none-any", "", None, None)]), environments, *files)
    assert [(file.file, file.filename) for file in page.files][1:] == [
        (file, file.filename) for file in files
    ]


@given(
    wanted=st.sampled_from(["other", "null", "safe", PLAIN]),
    release=RELEASES,
    target=st.sampled_from(TARGETS),
)
def test_a_wanted_label_is_offered_whatever_the_machine_supports(
    wanted: str, release: Release, target: Target
) -> None:
    names = ["demo-0.9-py3-none-any.whl", "demo-0.9.tar.gz"]
    more = [File(name, f"https://host.test/{name}", {}) for name in names]
    project, environments = project_of(release, *more), environment_of_target(target)
    page = offer(project, Machine(), Policy(labels={"demo": wanted}), environments)
    label = None if wanted == PLAIN else wanted
    best = evaluate_label(release, label, target).selected
    assert {file.wheel.name.label for file in page.files if file.wheel} == ({label} if best else set())
    assert not best or page.choices[0].labels == (label,)
    others = [file.filename for file in page.files if not file.wheel]
    assert others == (names if wanted == PLAIN else [])


@pytest.mark.parametrize(("wanted", "labels"), [("*", ("fast",)), ("s*", ("safe",)), ("o*", ())])
def test_a_pattern_offers_the_best_supported_label(wanted: str, labels: tuple[str, ...]) -> None:
    release = made_release([(label, "py3-none-any", "", None, None) for label in (*LABELS, None)])
    policy = Policy(labels={"demo": wanted})
    page = offer(project_of(release), Machine(), policy, environment_of_target(TARGETS[0]))
    assert page.choices[0].labels == labels


@ALL
def test_wheels_have_their_label_in_the_build_tag(environments: Environments) -> None:
    release = made_release(
        [("fast", "py3-none-any", "", None, None), ("fast", "cp312-abi3-win_amd64", "3", None, None)]
    )
    page = offered(release, environments)
    assert {file.filename for file in page.files} == {
        "demo-1.0-0_fast-py3-none-any.whl",
        "demo-1.0-3_fast-cp312-abi3-win_amd64.whl",
    }


@pytest.mark.parametrize("agent", ["", DESCRIBED])
def test_unlisted_environments_keep_the_wheels_of_their_best_label(agent: str) -> None:
    others = ("pp310-pypy310_pp73-win_amd64", "cp38-cp38-win_amd64", "cp312-cp312-manylinux_2_17_ppc64le")
    wheels = [("safe", tags, "", None, None) for tags in others]
    plain = [(None, tags, "", None, None) for tags in (*others, "cp39-cp39-win_amd64", "py3-none-any")]
    release = made_release([("fast", "cp312-cp312-win_amd64", "", None, None), *wheels, *plain])
    page = offered(release, environments_of_agent(agent))
    listed = {WheelFilename.parse(file.file.filename)[3:5] for file in page.files}
    assert listed >= {("cp312-cp312-win_amd64", "fast"), *((tags, "safe") for tags in others)}
    assert ("cp39-cp39-win_amd64", None) in listed
    assert not {(tags, None) for tags in others} & listed


def test_answers_are_remembered_by_the_forms_of_wheels() -> None:
    release = made_release([(label, "py3-none-any", "", None, None) for label in LABELS])
    offered(release, unknown_environments())
    hits = listed_forms.cache_info().hits
    offered(release._replace(version=Version("2.0")), unknown_environments())
    assert listed_forms.cache_info().hits == hits + 1
