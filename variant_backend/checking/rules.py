"""What `check` finds wrong with values: documents, METADATA, the files of a release, several releases.

Each function gives faults, whose rules are the codes of `findings`. Sources: PEP 825, the providers
draft, the binary distribution format, and what was measured with released installers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import TYPE_CHECKING

from ..errors import VariantError, one_of
from ..formats import core_metadata
from ..formats.simple_api import Page
from ..variants.abi_dependency import ABI_DEPENDENCY
from ..variants.filename import WheelFilename, index_filename, normalize, release_of_index
from ..variants.merging import combine as combined
from ..variants.metadata import VariantMetadata
from ..variants.properties import NULL_LABEL, Variant, default_label
from ..variants.providers import BuildProvider
from ..variants.uv_behaviour import uv_drops, uv_reason, uv_unsupported_features
from ..variants.validation import Fault

if TYPE_CHECKING:
    from packaging.version import Version

    from ..project.recipe import Recipe

# The fields of METADATA on which installing depends.
_FIELDS = ("Name", "Version", "Requires-Dist", "Requires-Python", "Provides-Extra")
_UNREAD = "it stands behind a line that is no field, where readers stop"
_UNPRINTABLE = "a control character, or a space that is not ASCII's, is in it"

# Platform tags that start so are mistyped if they do not look so (the specification of platform tags).
_PLATFORMS = {
    "manylinux": r"manylinux(1|2010|2014|_\d+_\d+)_\w+",
    "musllinux": r"musllinux_\d+_\d+_\w+",
    "linux": r"linux_\w+",
    "macosx": r"macosx_\d+_\d+_\w+",
    "win": r"win32|win_(amd64|arm32|arm64|ia64)",
}

# More of a text that comes from outside is not shown.
_SHOWN = 200


def of_values(data: object) -> Iterator[Fault]:
    """Find values of features that are not sorted, in a parsed variant.json or index-level file."""
    for label, namespaces in _items(_get(data, "variants")):
        for namespace, features in _items(namespaces):
            for feature, values in _items(features):
                texts = (
                    [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
                )
                if texts != sorted(texts):
                    place = f"variants.{label}.{namespace}.{feature}"
                    yield Fault("unsorted-values", place, f"{one_of(texts)} is not sorted")


def _get(data: object, key: str) -> object:
    return data.get(key) if isinstance(data, dict) else None


def _items(data: object) -> Iterable[tuple[str, object]]:
    return data.items() if isinstance(data, dict) else ()


def of_metadata(metadata: VariantMetadata) -> Iterator[Fault]:
    """Find what is no fault of the format, but keeps installers or people from choosing a variant."""
    used = {name for variant in metadata.variants.values() for name in variant.namespaces()}
    for namespace in sorted(used - {ABI_DEPENDENCY}):
        place = f"providers.{namespace}"
        if isinstance(metadata.providers.get(namespace), BuildProvider):
            continue  # wheels have its answer, a list
        if reason := uv_reason(metadata, namespace):
            yield Fault(reason.code, place, reason.text)
    for label, variant in sorted(metadata.variants.items()):
        yield from uv_drops(variant)
        for namespace, feature in metadata.never_supported(variant):
            place = f"variants.{label}.{namespace}.{feature}"
            yield Fault("unlisted-value", place, "its values are not in the provider's static-properties")
        for feature_place, reason in uv_unsupported_features(metadata, variant):
            yield Fault(reason.code, f"variants.{label}.{feature_place}", reason.text)
        if re.fullmatch("[0-9a-f]{8}", label) and (
            label == default_label(variant.properties) or not label.isdecimal()
        ):
            yield Fault("hash-label", f"variants.{label}", f"label {label!r} is a hash")
    labels: dict[frozenset[object], str] = {}
    for label, variant in sorted(metadata.variants.items()):
        first = labels.setdefault(frozenset(variant.properties), label)
        if first != label:
            text = f"label {first!r} has the same properties"
            yield Fault("equal-properties", f"variants.{label}", text)


def of_variant_json(metadata: VariantMetadata, filename: WheelFilename) -> Iterator[Fault]:
    """Compare a wheel's variant.json with its filename."""
    yield from of_count(metadata)
    labels = [*metadata.variants]
    if filename.label is None:
        text = f"the filename lacks a label, and this has {one_of(map(repr, labels))}"
        yield Fault("unlabelled-variant", "variants", text)
    elif len(labels) == 1 and filename.label != labels[0]:
        text = f"label {labels[0]!r}, but the filename says {filename.label!r}"
        yield Fault("label-mismatch", "variants", text)


def of_count(metadata: VariantMetadata) -> Iterator[Fault]:
    """Find that a variant.json has not one label."""
    if len(metadata.variants) != 1:
        yield Fault("one-label", "variants", f"{len(metadata.variants)} labels, and exactly one is needed")


def of_filename(filename: WheelFilename) -> Iterator[Fault]:
    """Find a build number and tags because of which installers pass a wheel over in silence."""
    if not re.fullmatch(r"(\d{1,19}[a-zA-Z0-9_.]*)?", filename.build, re.ASCII):
        yield Fault("bad-filename", "", f"{filename.build[:_SHOWN]!r} is no build number")
    for tag in filename.tags.replace("-", ".").split("."):
        if not re.fullmatch("[a-z0-9_]+", tag):
            yield Fault("bad-filename", "", f"tag {tag[:_SHOWN]!r} does not consist of a-z, 0-9 and _")
    for platform in filename.tags.split("-")[2].split("."):
        for start, pattern in _PLATFORMS.items():
            if platform.startswith(start) and not re.fullmatch(pattern, platform):
                yield Fault("unknown-platform", "", f"no system has the platform {platform[:_SHOWN]!r}")


def of_wheel_file(data: bytes) -> Iterator[Fault]:
    """Find that WHEEL cannot be read, or is of a version of the wheel format that installers do not know."""
    code = "bad-wheel-file"
    try:
        data.decode("utf-8")
        version = core_metadata.read_field(data, "Wheel-Version")
    except UnicodeDecodeError as error:
        yield Fault(code, "", f"not UTF-8 at byte {error.start}")
        return
    except VariantError as error:
        yield Fault(code, "", error.issues[0])
        return
    if not re.fullmatch(r"1\.\d+", version, re.ASCII):
        yield Fault(code, "Wheel-Version", f"{version[:_SHOWN]!r} is no version 1.x of the wheel format")
    if field := core_metadata.unread_field(data, ["Wheel-Version"]):
        yield Fault(code, field, _UNREAD)
    if field := core_metadata.unprintable_field(data, ["Wheel-Version"]):
        yield Fault(code, field, _UNPRINTABLE)


def of_entry_points(data: bytes) -> Iterator[Fault]:
    """Find that entry_points.txt, or a script in it, cannot be read (the entry points specification)."""
    import configparser

    code = "bad-entry-points"
    parser = configparser.RawConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as the documentation has it
    try:
        parser.read_string(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        yield Fault(code, "", f"not UTF-8 at byte {error.start}")
        return
    except configparser.Error as error:
        yield Fault(code, "", " ".join(str(error).split())[:_SHOWN])
        return
    for section in {"console_scripts", "gui_scripts"}.intersection(parser.sections()):
        for name, reference in parser.items(section):
            if not re.fullmatch(r"[\w.]+\s*(:\s*[\w.]+)?\s*(\[.*\])?", reference) or re.search(
                r"[/\\]", name
            ):
                text = f"{name[:_SHOWN]!r} = {reference[:_SHOWN]!r} is no script"
                yield Fault(code, section, text)


def of_data_folders(names: Iterable[str], folder: str) -> Iterator[Fault]:
    """Find what the *folder* for data has, by the *names* of a wheel's members, and no installer knows."""
    parts = {name.split("/")[1] for name in names if name.startswith(f"{folder}/")}
    for part in sorted(parts - {"", "data", "headers", "platlib", "purelib", "scripts"}):
        text = f"{part[:_SHOWN]!r} is none of data, headers, platlib, purelib and scripts"
        yield Fault("data-folder", folder, text)


def of_core_metadata(data: bytes) -> Iterator[Fault]:
    """Find fields of METADATA that installers cannot read, or package indexes reject."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    code = "bad-metadata"
    if field := core_metadata.unread_field(data, _FIELDS):
        yield Fault(code, field, _UNREAD)
    if field := core_metadata.unprintable_field(data, _FIELDS):
        yield Fault(code, field, _UNPRINTABLE)
    if core_metadata.has_space_behind(data, "Name"):
        yield Fault(code, "Name", "white space behind it is taken for a part of it")
    for requirement in core_metadata.requirements(data):
        yield from _of_requirement(requirement)
    for url in core_metadata.direct_references(data):
        yield Fault("direct-reference", "Requires-Dist", f"{url[:_SHOWN]!r} names a URL")
    try:
        SpecifierSet(core_metadata.read_field(data, "Requires-Python"))
    except InvalidSpecifier as error:
        yield Fault(code, "Requires-Python", str(error)[:_SHOWN])
    except VariantError as error:
        if "missing" not in error.issues[0]:
            yield Fault(code, "Requires-Python", error.issues[0])


def _of_requirement(text: str) -> Iterator[Fault]:
    from packaging.requirements import Requirement

    from ..variants.markers import check_requirement, mentions_variant

    place, shown = "Requires-Dist", text[:_SHOWN]
    if mentions_variant(text):
        yield Fault("variant-marker", place, f"{shown!r} has a variant marker")
        return
    try:
        check_requirement(text)
    except VariantError as error:
        yield Fault("bad-metadata", place, str(error.issues[0])[:_SHOWN])
        return
    # What packaging takes, and uv does not.
    requirement = Requirement(text)
    if requirement.url and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", requirement.url):
        yield Fault("bad-metadata", place, f"{shown!r} has a path where a URL is needed")
    if " === " in str(requirement.marker or ""):
        yield Fault("bad-metadata", place, f"{shown!r}: uv knows no === in markers")
    for specifier in requirement.specifier:
        if specifier.operator == "===" and not _is_version(specifier.version):
            yield Fault("bad-metadata", place, f"{shown!r}: uv wants a version behind ===")


def _is_version(text: str) -> bool:
    from packaging.version import Version

    try:
        Version(text)
    except ValueError:  # InvalidVersion, or more digits than Python converts
        return False
    return True


def of_recipes(recipes: Mapping[str, Recipe], variants: Mapping[str, Variant]) -> Iterator[Fault]:
    """Find dependencies of a project file whose variant markers cannot be decided, or are to be kept."""
    from ..variants.markers import mentions_variant, resolve

    for label, recipe in sorted(recipes.items()):
        place = f"tool.variant-backend: label {label}"
        for requirement in recipe.dependencies:
            if not mentions_variant(requirement):
                continue
            if recipe.keep_markers:
                text = f'markers = "keep" leaves {requirement[:_SHOWN]!r} to installers'
                yield Fault("variant-marker", place, text)
                continue
            try:
                resolve(requirement, variants[label])
            except VariantError as error:
                yield Fault("undecidable-marker", place, error.issues[0], error.hint)


def of_wheels(parts: Mapping[str, VariantMetadata]) -> Iterator[tuple[str, Fault]]:
    """Find conflicts between the wheels of one release; gives the wheel's name with each."""
    for conflict in combined(parts)[1]:
        yield conflict.second, Fault("wheels-differ", conflict.place, f"in {conflict.first}: {conflict.text}")


def of_index(index: VariantMetadata, parts: Mapping[str, VariantMetadata]) -> Iterator[Fault]:
    """Compare an index-level file with the wheels of its release; what several show is said once."""
    seen = set[tuple[str, str]]()
    for name, part in sorted(parts.items()):
        found = [(each.place, each.text) for each in combined({"": index, name: part})[1]]
        missing = part.namespaces[len(index.namespaces) :]
        if missing and part.namespaces == (*index.namespaces, *missing):
            found.append(("default-priorities.namespace", f"{one_of(missing)} is missing here"))
        for place, text in found:
            if (place, text) not in seen:
                seen.add((place, text))
                yield Fault("index-differs", place, f"with {name}: {text}")


def of_labels(index: VariantMetadata, wheels: Sequence[WheelFilename], complete: bool) -> Iterator[Fault]:
    """Compare the labels of an index-level file with those of the wheels beside it.

    Unless they are *complete*, others may lie elsewhere.
    """
    labels = {filename.label for filename in wheels if filename.label is not None}
    for label in sorted(labels - {*index.variants}):
        name = next(str(filename) for filename in wheels if filename.label == label)
        yield Fault("index-lacks-label", "variants", f"{label!r} is missing, the label of {name}")
    for label in sorted({*index.variants} - labels) if complete and wheels else ():
        yield Fault("index-label-without-wheel", f"variants.{label}", f"no wheel has the label {label!r}")


def of_fallbacks(wheels: Sequence[WheelFilename], has_sdist: bool) -> Iterator[tuple[WheelFilename, Fault]]:
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
                yield filename, Fault(code, "", f"no {what} for {tags}")


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


def of_projects(projects: Mapping[str, Mapping[str, Variant]]) -> Iterator[tuple[str, Fault]]:
    """Compare the labels of several projects, whose names are the keys; gives the second with each fault."""
    for one, other in combinations(sorted(projects), 2):
        ours = {variant.properties: label for label, variant in sorted(projects[one].items())}
        for label, variant in sorted(projects[other].items()):
            place, known = f"variants.{label}", projects[one].get(label)
            if known is not None and known.properties != variant.properties:
                yield other, Fault("other-properties", place, f"{one} has other properties under {label!r}")
            elif known is None and variant.properties in ours:
                theirs = ours[variant.properties]
                yield other, Fault("other-label", place, f"{one} calls the same properties {theirs!r}")


def of_page(page: Page, folder: str) -> Iterator[Fault]:
    """Find what a project's page in a *folder* of an index shows to be wrong without any other file."""
    if folder != normalize(folder):
        yield Fault("page-name", "", f"installers ask for {normalize(folder)}/, and not for {folder}/")
    elif page.name != folder:
        yield Fault("page-name", "name", f"{page.name[:_SHOWN]!r}, and the folder is {folder!r}")
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
            yield Fault("unlisted-index", "", f"{index_filename(release)} is not listed, and {name} is")


def of_pages(page: Page, html: Page) -> Iterator[Fault]:
    """Compare the page of a project in JSON with that in HTML, which has no sizes, and one hash of a file."""
    ours, theirs = ({file.filename: file for file in each.files} for each in (page, html))
    for name in sorted(ours.keys() ^ theirs.keys()):
        yield Fault("pages-differ", name, f"{'not ' if name in ours else ''}listed in the page of HTML")
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
            yield Fault("pages-differ", name, f"another {one_of(told)} than in the page of HTML")


def _contradict(one: Mapping[str, str] | None, other: Mapping[str, str] | None) -> bool:
    one, other = one or {}, other or {}
    return any(one[algorithm] != other[algorithm] for algorithm in one.keys() & other.keys())
