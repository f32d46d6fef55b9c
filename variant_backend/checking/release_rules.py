"""Rules about whole releases: fallbacks, labels of several projects, index pages, recipes.

Each function gives faults, whose rules are those of `codes`. Sources: PEP 825, the providers
draft, and what was measured with released installers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import TYPE_CHECKING

from ..errors import MOST_SHOWN, Problem, VariantError, one_of
from ..formats.simple_api import Page
from ..variants.filename import WheelFilename, index_filename, normalize, release_of_index
from ..variants.properties import NULL_LABEL, Variant

if TYPE_CHECKING:
    from packaging.version import Version

    from ..project.recipe import Recipe


def of_recipes(recipes: Mapping[str, Recipe], variants: Mapping[str, Variant]) -> Iterator[Problem]:
    """Find dependencies of a project file whose variant markers cannot be decided, or are to be kept."""
    from ..variants.markers import mentions_variant, resolve

    for label, recipe in sorted(recipes.items()):
        place = f"tool.variant-backend: label {label}"
        for requirement in recipe.dependencies:
            if not mentions_variant(requirement):
                continue
            if recipe.keep_markers:
                text = f'markers = "keep" leaves {requirement[:MOST_SHOWN]!r} to installers'
                yield Problem("variant-marker", place, text)
                continue
            try:
                resolve(requirement, variants[label])
            except VariantError as error:
                yield error.problems[0].at(place, "undecidable-marker")


def of_fallbacks(wheels: Sequence[WheelFilename], has_sdist: bool) -> Iterator[tuple[WheelFilename, Problem]]:
    """Find platforms for which an installer has nothing but what it may not choose; gives a wheel with each.

    *wheels* are all of one release.
    """
    plain = {filename.tags for filename in wheels if filename.label is None}
    null = {filename.tags for filename in wheels if filename.label == NULL_LABEL}
    others: dict[str, WheelFilename] = {}
    labelled: dict[str, WheelFilename] = {}
    for filename in sorted(wheels, key=str):
        if filename.label is not None:
            labelled.setdefault(filename.tags, filename)
        if filename.label not in (None, NULL_LABEL):
            others.setdefault(filename.tags, filename)
    for first, fallbacks, code, what in (
        (
            others,
            plain | null,
            "fallback-from-sdist" if has_sdist else "no-fallback",
            "null variant and no plain wheel",
        ),
        (labelled, plain, "plain-from-sdist" if has_sdist else "no-plain-wheel", "plain wheel"),
    ):
        for tags, filename in first.items():
            if not covers(fallbacks, tags):
                yield filename, Problem(code, "", f"no {what} for {tags}")


def covers(fallbacks: Iterable[str], tags: str) -> bool:
    """Tell whether some wheel with one of the *fallbacks* can be installed where one with *tags* can.

    Of platforms, only system and machine are compared: a fallback may ask for another version of them.
    No installer that reads variants is for Python 2.
    """
    offered = [tag for text in fallbacks for tag in _expanded(text)]
    wanted = [tag for tag in _expanded(tags) if not re.fullmatch(r"(py|cp)2\d*", tag[0])]
    return all(any(_covers(one, each) for one in offered) for each in wanted)


def _expanded(tags: str) -> list[tuple[str, ...]]:
    return [*product(*(part.lower().split(".") for part in tags.split("-")))]


def _covers(offered: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    python, abi, platform = offered
    if platform != "any" and not _machines(wanted[2]) <= _machines(platform):
        return False
    if (python, abi) == wanted[:2]:
        return True
    ours, theirs = _version(python), _version(wanted[0])
    if ours is None or theirs is None:
        return False
    if abi == "none":
        return ours <= theirs if python.startswith("py") else python == wanted[0]
    stable = "abi3t" if wanted[1].endswith("t") else "abi3"  # free-threaded Python has another one
    return abi == stable and python[:2] == wanted[0][:2] and ours <= theirs


def _version(python: str) -> int | None:
    """Return the minor version of a Python tag, 0 for all of Python 3, or None for another Python."""
    found = re.fullmatch(r"[a-z]+3(\d*)", python)
    return int(found[1] or 0) if found else None


def _machines(platform: str) -> set[tuple[str, str]]:
    """Return systems and machines of a platform tag."""
    if found := re.fullmatch(r"(?:many)?(linux)(?:\d+|_\d+_\d+)?_(.+)|(musllinux)_\d+_\d+_(.+)", platform):
        return {(found[1] or found[3], found[2] or found[4])}
    if found := re.fullmatch(r"(macosx|ios|android)_\d+(?:_\d+)?_(.+)", platform):
        machines = {"universal2": ["x86_64", "arm64"]}.get(found[2], [found[2]])
        return {(found[1], machine) for machine in machines}
    return {(platform, "")}


def of_projects(projects: Mapping[str, Mapping[str, Variant]]) -> Iterator[tuple[str, Problem]]:
    """Compare the labels of several projects, whose names are the keys; gives the second with each fault."""
    for one, other in combinations(sorted(projects), 2):
        ours = {variant.properties: label for label, variant in sorted(projects[one].items())}
        for label, variant in sorted(projects[other].items()):
            place, known = f"variants.{label}", projects[one].get(label)
            if known is not None and known.properties != variant.properties:
                yield other, Problem("other-properties", place, f"{one} has other properties under {label!r}")
            elif known is None and variant.properties in ours:
                theirs = ours[variant.properties]
                yield other, Problem("other-label", place, f"{one} calls the same properties {theirs!r}")


def of_page(page: Page, folder: str) -> Iterator[Problem]:
    """Find what a project's page in a *folder* of an index shows to be wrong without any other file."""
    if folder != normalize(folder):
        yield Problem("page-name", "", f"installers ask for {normalize(folder)}/, and not for {folder}/")
    elif page.name != folder:
        yield Problem("page-name", "name", f"{page.name[:MOST_SHOWN]!r}, and the folder is {folder!r}")
    first: dict[tuple[str, Version], str] = {}
    indexes: set[tuple[str, Version]] = set()
    for name in sorted(file.filename for file in page.files):
        try:
            if release := release_of_index(name):
                indexes.add(release)
            elif (wheel := WheelFilename.parse(name)).label is not None:
                first.setdefault(wheel.release(), name)
        except VariantError:
            pass  # nothing that is about variants
    for release, name in first.items():
        if release not in indexes:
            yield Problem("unlisted-index", "", f"{index_filename(release)} is not listed, and {name} is")


def of_pages(page: Page, html: Page) -> Iterator[Problem]:
    """Compare the page of a project in JSON with that in HTML, which has no sizes, and one hash of a file."""
    ours, theirs = ({file.filename: file for file in each.files} for each in (page, html))
    for name in sorted(ours.keys() ^ theirs.keys()):
        yield Problem("pages-differ", name, f"{'not ' if name in ours else ''}listed in the page of HTML")
    for name in sorted(ours.keys() & theirs.keys()):
        mine, other = ours[name], theirs[name]
        core = (mine.core_metadata, other.core_metadata)
        differs = {
            "URL": mine.url != other.url,
            "hash": _contradict(mine.hashes, other.hashes),
            "Requires-Python": mine.requires_python != other.requires_python,
            "core-metadata": (core[0] is None) != (core[1] is None) or _contradict(*core),
        }
        if told := [what for what, is_other in differs.items() if is_other]:
            yield Problem("pages-differ", name, f"another {one_of(told)} than in the page of HTML")


def _contradict(one: Mapping[str, str] | None, other: Mapping[str, str] | None) -> bool:
    one, other = one or {}, other or {}
    return any(one[algorithm] != other[algorithm] for algorithm in one.keys() & other.keys())
