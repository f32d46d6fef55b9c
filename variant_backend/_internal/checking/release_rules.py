"""Rules about whole releases: fallbacks, labels of several projects, index pages, recipes.

Each function yields problems with codes of `codes`. Sources: PEP 825, the providers draft, and measurements
with released installers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from ..errors import MOST_SHOWN, Problem, VariantError, one_of, shortened
from ..formats.release import Candidate, File
from ..formats.simple_api import Page
from ..lowlevel.terminal import readable_size
from ..variants.filename import WheelFilename, index_filename, normalize, release_of_index
from ..variants.known_providers import has_known_plugin
from ..variants.properties import NULL_LABEL, Property, Variant
from ..variants.provider_nvidia import newer_gpus
from ..variants.requirements import LocalPin
from ..variants.tag_coverage import Coverage

# PyPI's default limit for all files of a project, in bytes.
_LARGEST_PROJECT = 10 << 30

# Each two of them are compared; no real project has more.
_MOST_ORDERED = 50

_Properties: TypeAlias = frozenset[Property]
_Key = TypeVar("_Key")

if TYPE_CHECKING:
    from packaging.version import Version

    from ..project.recipe import Recipe
    from ..variants.metadata import VariantMetadata


def of_recipes(recipes: Mapping[str, Recipe], variants: Mapping[str, Variant]) -> Iterator[Problem]:
    """Find dependencies in recipes whose variant markers are undecidable or are kept."""
    from ..variants.markers import mentions_variant, resolve_requirement

    for label, recipe in sorted(recipes.items()):
        place = f"tool.variant-backend: label {label}"
        for requirement in recipe.dependencies:
            if not mentions_variant(requirement):
                continue
            if recipe.keep_markers:
                text = f'markers = "keep" writes {requirement[:MOST_SHOWN]!r} into the wheel unchanged'
                yield Problem("variant-marker", place, text)
                continue
            try:
                resolve_requirement(requirement, variants[label])
            except VariantError as error:
                yield error.problems[0].at(place, "undecidable-marker")


def of_fallbacks(wheels: Sequence[WheelFilename], has_sdist: bool) -> Iterator[tuple[WheelFilename, Problem]]:
    """Yield platforms where an installer may find no usable wheel, each with a wheel for that platform.

    *wheels* are all wheels of one release.
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
    covering, any_covering = Coverage(plain), Coverage(plain | null)
    for tags, filename in others.items():
        if not any_covering.covers(tags):
            text = f"{tags} has neither a null variant nor a plain wheel"
            yield filename, Problem("fallback-from-sdist" if has_sdist else "no-fallback", "", text)
    for tags, filename in labelled.items():
        if not covering.covers(tags):
            text = f"{tags} has no plain wheel"
            yield filename, Problem("plain-from-sdist" if has_sdist else "no-plain-wheel", "", text)


def of_versions(
    wheels: Mapping[Version, Sequence[WheelFilename]], sdists: Collection[Version]
) -> Iterator[Problem]:
    """Find a newer version of a project that installers prefer to the last one with variants.

    *wheels* has the wheels of each version, *sdists* are the versions with an sdist.
    """
    final = [version for version in {*wheels, *sdists} if not version.is_prerelease]
    labelled = {
        version: tags
        for version in final
        if (tags := {name.tags for name in wheels.get(version, ()) if name.label is not None})
    }
    newest = max(final, default=None)
    if newest is None or not labelled or newest in labelled:
        return
    last = max(labelled)
    covering = Coverage({name.tags for name in wheels.get(newest, ())})
    if newest in sdists or any(map(covering.covers, labelled[last])):
        text = f"{newest} has no variants, and installers prefer it to {last}, which has some"
        yield Problem("hidden-variants", "", text)


def of_newer_gpus(metadata: VariantMetadata) -> Iterator[Problem]:
    """Find NVIDIA GPUs that are newer than all those of the variants, so that they get the fallback.

    *metadata* has all variants of a release. A variant without ``sm_arch`` is for GPUs of any architecture.
    """
    variants = [variant for variant in metadata.variants.values() if "nvidia" in variant.namespaces()]
    if not has_known_plugin("nvidia", metadata.providers):
        return
    lists = [
        {prop.value for prop in variant.properties if prop.key == ("nvidia", "sm_arch")}
        for variant in variants
    ]
    newer = newer_gpus(set[str]().union(*lists)) if all(lists) else []
    if newer:
        missing = one_of(f"{major}.{minor}" for major, minor in newer)
        text = f"no variant supports NVIDIA GPUs of compute capability {missing}"
        values = one_of(dict.fromkeys(f"{major}0_virtual" for major, _ in newer))
        remedy = f"add {values} to a variant that has PTX, or add a variant for these GPUs"
        yield Problem("newer-gpus", "variants", text, remedy)


def of_release_upload(index: str, sizes: Sequence[tuple[str | None, int]]) -> Iterator[Problem]:
    """Find what a public index refuses of a release: labelled wheels and their index file, and its size.

    *index* is the name of the index file. *sizes* has the label and the size in bytes of each wheel.
    """
    labels: dict[str | None, list[int]] = {}
    for label, size in sizes:
        labels.setdefault(label, []).append(size)
    total, parts = sum(size for _, size in sizes), list[str]()
    for label in sorted(labels, key=lambda label: label or ""):
        numbers = labels[label]
        many = f"{len(numbers)} wheel{'s' if len(numbers) > 1 else ''}"
        parts.append(f"{label or 'plain'}: {many}, {readable_size(sum(numbers))}")
    text = f"{readable_size(total)} ({'; '.join(parts)})"
    if total > _LARGEST_PROJECT:
        yield Problem("large-upload", "", f"the release has {text}, over {_LARGEST_PROJECT >> 30} GiB")
    if labels.keys() - {None}:
        number = len(sizes) - len(labels.get(None, ()))
        names = f"{number} labelled wheel{'s' if number > 1 else ''} and {index}"
        yield Problem("labelled-upload", "", f"public indexes refuse {names}; the release has {text}")


def of_projects(projects: Mapping[str, Mapping[str, Variant]]) -> Iterator[tuple[str, Problem]]:
    """Compare the labels of several projects, given by name.

    Each label is compared with those of the projects before; yields a problem with the name of its project.
    """
    by_label: dict[str, dict[_Properties, str]] = {}  # with the first project
    by_properties: dict[_Properties, dict[str, str]] = {}
    for project in sorted(projects):
        variants = sorted(projects[project].items())
        for label, (_, properties) in variants:
            place = f"variants.{label}"
            if one := _first_other(by_label.get(label, {}), properties):
                text = f"{one[1]} uses the label {label!r} for other properties"
                yield project, Problem("other-properties", place, text)
                continue
            same = _first_other(by_properties.get(properties, {}), label)
            if same and label not in projects[same[1]]:
                text = f"{same[1]} uses the label {same[0]!r} for the same properties"
                yield project, Problem("other-label", place, text)
        for label, (_, properties) in variants:
            by_label.setdefault(label, {}).setdefault(properties, project)
            by_properties.setdefault(properties, {}).setdefault(label, project)


def _first_other(known: Mapping[_Key, str], own: _Key) -> tuple[_Key, str] | None:
    """Return the first item whose key is not *own*. None if there is none."""
    return next((item for item in known.items() if item[0] != own), None)


def of_priorities(namespaces: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, Problem]]:
    """Compare the order of the namespaces of projects, given by name.

    Yields at most one problem with the name of a project: its first difference from the projects before.
    Only the first namespaces of a project that other projects have, too, are compared.
    """
    numbers = Counter(namespace for names in namespaces.values() for namespace in names)
    before: dict[tuple[str, str], str] = {}  # the first project with this order of two namespaces
    for project, names in sorted(namespaces.items()):
        shared = [namespace for namespace in names if numbers[namespace] > 1][:_MOST_ORDERED]
        pairs = [*combinations(shared, 2)]
        if different := next((pair for pair in pairs if pair[::-1] in before), None):
            one = before[different[::-1]]
            first, second = (
                [namespace for namespace in namespaces[name] if namespace in known]
                for name, known in ((one, {*names}), (project, {*namespaces[one]}))
            )
            text = f"{one} has the order {shortened(first)}, not {shortened(second)}"
            yield project, Problem("other-priorities", "default-priorities.namespace", text)
        for pair in pairs:
            before.setdefault(pair, project)


def of_local_pins(pins: Iterable[LocalPin], versions: Mapping[str, Collection[Version]]) -> Iterator[Problem]:
    """Find requirements on local versions that are missing in the *versions* of the required projects."""
    for pin in pins:
        known = versions.get(pin.name, ())
        if known and pin.version not in known:
            has = shortened([*map(str, sorted(known))])
            text = f"{pin.requirement[:MOST_SHOWN]!r}: the wheels of {pin.name} have the version {has}"
            yield Problem("missing-local-version", "Requires-Dist", text)


def of_page(page: Page, folder: str) -> Iterator[Problem]:
    """Find problems of a project's page that show without other files; *folder* is its folder's name."""
    if folder != normalize(folder):
        yield Problem("page-name", "", f"installers request {normalize(folder)}/, not {folder}/")
    elif page.name != folder:
        yield Problem(
            "page-name",
            "name",
            f"expected {folder!r}, the name of the folder, got {page.name[:MOST_SHOWN]!r}",
        )
    first: dict[tuple[str, Version], str] = {}
    indexes: set[tuple[str, Version]] = set()
    for file in sorted(page.files, key=lambda file: file.filename):
        try:
            if release := release_of_index(file.filename):
                indexes.add(release)
            elif (wheel := Candidate.of(file)) and wheel.label is not None and not wheel.problems:
                first.setdefault(wheel.name.release(), file.filename)
        except VariantError:
            pass  # not a file of a variant
    for release, name in first.items():
        if release not in indexes:
            yield Problem("unlisted-index", "", f"the page lists {name} but not {index_filename(release)}")


def of_pages(page: Page, html: Page) -> Iterator[Problem]:
    """Compare the JSON page of a project with its HTML page, which has no sizes and one hash per file."""
    files, html_files = ({file.filename: file for file in form.files} for form in (page, html))
    for name in sorted(files.keys() ^ html_files.keys()):
        yield Problem("pages-differ", name, f"only listed in {'JSON' if name in files else 'HTML'}")
    for name in sorted(files.keys() & html_files.keys()):
        if different := _differences(files[name], html_files[name]):
            yield Problem("pages-differ", name, f"JSON and HTML differ in: {one_of(different)}")


def _differences(file: File, other: File) -> list[str]:
    """Return the names of the attributes of one file that differ between two pages."""
    core, other_core = file.core_metadata, other.core_metadata
    differs = {
        "URL": file.location != other.location,
        "hash": _contradict(file.hashes, other.hashes),
        "Requires-Python": file.requires_python != other.requires_python,
        "core-metadata": (core is None) != (other_core is None) or _contradict(core, other_core),
    }
    return [what for what, is_other in differs.items() if is_other]


def _contradict(one: Mapping[str, str] | None, other: Mapping[str, str] | None) -> bool:
    one, other = one or {}, other or {}
    return any(one[algorithm] != other[algorithm] for algorithm in one.keys() & other.keys())
