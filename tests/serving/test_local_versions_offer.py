"""Properties of the offer of local versions, which installers compare before tags."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from variant_backend._internal.formats.release import Candidate, File, Release
from variant_backend._internal.machine.support import Machine, Policy
from variant_backend._internal.project.overlay import OverlayEntry
from variant_backend._internal.selection.evaluate import evaluate
from variant_backend._internal.selection.listing import Listed, Listing
from variant_backend._internal.selection.releases import Listings, Sources
from variant_backend._internal.selection.select import select_listed
from variant_backend._internal.selection.target import Target
from variant_backend._internal.serving.environments import (
    Environments,
    environment_of_target,
    environments_of_agent,
    unknown_environments,
)
from variant_backend._internal.serving.offer import Offer, UpstreamProject, offer
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.properties import NULL_VARIANT, Property, Variant
from variant_backend._internal.variants.providers import StaticProvider
from variant_backend._internal.variants.ranking import rank_wheels
from variant_backend._internal.variants.requirements import PackageRequest

# The machine supports all but the last one; the first one is best, but has not the highest local version.
LOCAL = {"fast": ("1.0+b", "1.0+b.1"), "safe": ("1.0+c",), "null": ("1.0+a", "1.0"), "other": ("1.0+d",)}
LABEL_OF = {version: label for label, versions in LOCAL.items() for version in versions}
METADATA = VariantMetadata(
    ("speed",),
    {"speed": StaticProvider((("mode", ("fast", "safe")),))},
    {
        "null": NULL_VARIANT,
        **{
            one: Variant(one, frozenset({Property("speed", "mode", one)}))
            for one in ("fast", "safe", "other")
        },
    },
)
TARGETS = [
    Target.of(python, platform, running=Version("3.10"), tags=())
    for platform in ("manylinux_2_41_x86_64", "manylinux_2_28_x86_64", "win_amd64", "macosx_15_0_arm64")
    for python in ("3.10", "3.12", "3.13t")
]
DESCRIBED = (
    'pip/26.3 {"cpu":"x86_64","distro":{"libc":{"lib":"glibc","version":"2.41"}},'
    '"implementation":{"name":"CPython"},"python":"3.12.0","system":{"name":"Linux"}}'
)
WHEELS = st.lists(
    st.tuples(
        st.sampled_from([*LABEL_OF]),
        st.sampled_from(
            [
                *("py3-none-any", "cp312-cp312-win_amd64", "cp310-abi3-manylinux_2_28_x86_64"),
                *("cp312-cp312-manylinux_2_28_x86_64", "cp310-abi3-macosx_11_0_arm64"),
                *("cp310-cp310-manylinux_2_17_x86_64", "cp313-cp313t-manylinux_2_28_x86_64"),
            ]
        ),
        st.sampled_from([None, None, None, None, "broken"]),
    ),
    max_size=9,
    unique_by=lambda wheel: wheel[:2],
)


def made_release(wheels: Iterable[tuple[str, str, str | None]]) -> Release:
    candidates = []
    for version, tags, yanked in wheels:
        name = WheelFilename("demo", version, "", tags, LABEL_OF[version], by_overlay=True)
        candidates.append(Candidate(name, File(str(name), f"https://host.test/{name}", {}, yanked=yanked)))
    return Release("demo", Version("1.0"), tuple(candidates), METADATA)


RELEASES = WHEELS.map(made_release)


def listed(release: Release, *, allows_local: bool = False) -> Listing:
    entry = OverlayEntry(("demo",), METADATA, {}, {}, None, (), "overlay", "", (), allows_local)
    source = Listed("https://host.test/", release.candidates, ())
    return Listing("demo", Version("1.0"), (source,), entry)


def offered(release: Release, environments: Environments, *, allows_local: bool = False) -> Offer:
    listing = listed(release, allows_local=allows_local)
    files = tuple(wheel.file for wheel in release.candidates)
    project = UpstreamProject("demo", files, ((listing, release),))
    return offer(project, Machine(), Policy(), environments)


def best_label(release: Release, target: Target) -> str | None:
    """Return the label that PEP 825 selects; that of a yanked wheel only if nothing else fits."""
    for wanted in (lambda wheel: wheel.file.yanked is None, lambda _: True):
        part = release._replace(candidates=tuple(filter(wanted, release.candidates)))
        if selected := evaluate(part, Machine(), Policy(), target).selected:
            return selected.filename.label
    return None


def installed(page: Offer, target: Target, request: str = "demo==1.0") -> str | None:
    """Return the label of the wheel that an installer takes for a pinned version: no yanked one, the highest
    version, then the best tag."""
    names = {WheelFilename.parse(one.filename): one.file for one in page.files}
    admits = PackageRequest.parse(request).admits
    admitted = {name: file for name, file in names.items() if admits(name.release()[1])}
    fitting = [verdict.filename for verdict in rank_wheels(admitted, None, {}, target.tags) if verdict.key]
    usable = [name for name in fitting if names[name].yanked is None] or fitting
    newest = max((Version(name.version) for name in usable), default=None)
    return next((LABEL_OF[name.version] for name in usable if Version(name.version) == newest), None)


ALLOWED = pytest.mark.parametrize("allowed", [False, True])


@ALLOWED
@given(release=RELEASES, target=st.sampled_from(TARGETS))
def test_a_named_environment_gets_its_best_label(allowed: bool, release: Release, target: Target) -> None:
    page = offered(release, environment_of_target(target), allows_local=allowed)
    assert installed(page, target) == best_label(release, target)


@given(
    release=RELEASES,
    target=st.sampled_from(TARGETS),
    request=st.sampled_from(["demo==1.0", "demo==1+C", "demo==1.0+d", "demo==1.0,!=1.0+c", "demo===1.0+c"]),
)
def test_selected_is_what_an_installer_gets(release: Release, target: Target, request: str) -> None:
    found = Listings(Sources(), (listed(release),) if release.candidates else (), ())
    selection = select_listed(PackageRequest.parse(request), found, Machine(), Policy(), target)
    selected = selection.evaluation.selected if selection.evaluation else None
    page = offered(release, environment_of_target(target))
    assert installed(page, target, request) == (selected.filename.label if selected else None)


@ALLOWED
@pytest.mark.parametrize("agent", ["", DESCRIBED])
@given(release=RELEASES, target=st.sampled_from(TARGETS))
def test_other_labels_are_installed_only_where_a_conflict_is_reported(
    agent: str, allowed: bool, release: Release, target: Target
) -> None:
    environments = environments_of_agent(agent) if agent else unknown_environments()
    page = offered(release, environments, allows_local=allowed)
    if (agent and target not in TARGETS[1:2]) or page.choices[0].conflicts:
        return
    assert installed(page, target) == best_label(release, target)


@given(release=RELEASES, target=st.sampled_from(TARGETS))
def test_allowed_local_versions_are_yanked(release: Release, target: Target) -> None:
    environments = environment_of_target(target)
    without = {one.filename for one in offered(release, environments).files}
    for one in offered(release, environments, allows_local=True).files:
        assert one.filename in without or (one.file.yanked is not None and "+" in one.filename)


def test_no_local_version_is_allowed_where_nothing_fits() -> None:
    release = made_release([("1.0+d", "py3-none-any", None), ("1.0+b", "cp312-cp312-win_amd64", None)])
    for environments in (environment_of_target(TARGETS[0]), unknown_environments()):
        names = [one.filename for one in offered(release, environments, allows_local=True).files]
        assert "demo-1.0+d-py3-none-any.whl" not in names
