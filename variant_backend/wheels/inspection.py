"""What a wheel or an installed distribution says of itself, and what installers make of it.

What is broken is told beside what can be read. Of a wheel, the central directory and its dist-info are
read, and no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import Problem, VariantError
from ..formats import core_metadata
from ..lowlevel.http import shown_url
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from ..variants.metadata_reading import read_metadata
from ..variants.properties import Variant
from ..variants.uv_behaviour import ACCEPTED_BY_UV, UV_FLAG, uv_never_chooses
from ..variants.validation import Document, read_json
from ..variants.wheel_metadata import label_problem
from .reading import Wheel, open_wheel

if TYPE_CHECKING:
    from importlib.metadata import Distribution

    from packaging.version import Version


class InstallerVerdict(NamedTuple):
    """What a released installer makes of a wheel: why it never installs it, or else when it does."""

    problems: tuple[Problem, ...] = ()
    condition: str = ""

    @property
    def installs(self) -> bool:
        """Whether it may install the wheel."""
        return not self.problems

    @property
    def reasons(self) -> list[str]:
        """The text of each problem, or the condition."""
        return [problem.text for problem in self.problems] or [self.condition]


class VariantJson(NamedTuple):
    """What a variant.json says, as far as it can be read, and what is wrong with it or that it is missing.

    Not each of the *problems* makes uv drop a release; *is_dropped_by_uv* tells whether one does.
    """

    metadata: VariantMetadata | None = None
    schema: str | None = None
    problems: tuple[Problem, ...] = ()
    is_dropped_by_uv: bool = False

    @property
    def label(self) -> str | None:
        """The one label, if there is just one."""
        labels = [*self.metadata.variants] if self.metadata else []
        return labels[0] if len(labels) == 1 else None


class RequirementChanges(NamedTuple):
    """The requirements that a variant has and the plain wheel beside it lacks, and the other way round."""

    added: tuple[str, ...]
    removed: tuple[str, ...]


class Inspection(NamedTuple):
    """What is known of a wheel, or of an installed distribution.

    *label* is that of the filename, or of *variant_json* where there is none. *verdicts* are those of
    released installers, by their names; there are none on what is installed already. *changes* are against
    the plain wheel beside a variant: None without one, and an error if that cannot be read.
    """

    target: str
    name: str
    version: str
    label: str | None
    requirements: tuple[str, ...] = ()
    variant_json: VariantJson = VariantJson()
    verdicts: Mapping[str, InstallerVerdict] = {}  # a default that nobody changes
    changes: RequirementChanges | VariantError | None = None

    @property
    def metadata(self) -> VariantMetadata | None:
        """What variant.json says, as far as it can be read, and None for what is no variant."""
        return self.variant_json.metadata

    @property
    def variant(self) -> Variant | None:
        """The variant, if its metadata name it."""
        variants = self.metadata.variants if self.metadata else {}
        return variants.get(self.label or "")

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with variant.json, and with the plain wheel."""
        beside = self.changes.problems if isinstance(self.changes, VariantError) else ()
        return (*self.variant_json.problems, *beside)

    @property
    def format_version(self) -> str | None:
        """The version of the format that ``$schema`` names."""
        match = re.search(r"/v(\d+(?:\.\d+)*)\.json$", self.variant_json.schema or "")
        return match[1] if match else None


def inspect_wheel(path: Path) -> Inspection:
    """Inspect a wheel; raises VariantError, with its name in front, when it is not a sound wheel."""
    with open_wheel(path) as wheel:
        result = _of_wheel(str(path), wheel)
    name = _plain_name(result, wheel.filename)
    plain = path.with_name(name) if name else None
    if plain is None or not plain.exists():
        return result
    try:
        with open_wheel(plain) as wheel:
            requirements = core_metadata.requirements(wheel.core_metadata)
    except VariantError as error:
        return result._replace(changes=error.within("beside it"))
    return _compared(result, requirements)


def _plain_name(result: Inspection, filename: WheelFilename) -> str | None:
    """Return the name of the plain wheel of a variant, or None if it is no variant."""
    is_variant = result.metadata is not None and filename.label is not None
    return str(filename._replace(label=None)) if is_variant else None


def _all_compared(
    names: Sequence[WheelFilename | None], results: Sequence[Inspection | VariantError]
) -> list[Inspection | VariantError]:
    """Return the results, those of variants compared with the plain wheels among them."""
    by_name: dict[str, list[Inspection]] = {}
    for name, result in zip(names, results, strict=True):
        if isinstance(result, Inspection):
            by_name.setdefault(str(name), []).append(result)

    def compared(name: WheelFilename | None, result: Inspection | VariantError) -> Inspection | VariantError:
        if name is None or isinstance(result, VariantError):
            return result
        plain = by_name.get(_plain_name(result, name) or "", [])
        # Of several in different folders, it is not known which one it was.
        return _compared(result, plain[0].requirements) if len(plain) == 1 else result

    return list(map(compared, names, results))


def _compared(result: Inspection, plain: Sequence[str]) -> Inspection:
    """Return what is known with the difference from the requirements of the plain wheel."""
    old, new = set(plain), set(result.requirements)  # there may be thousands
    changes = RequirementChanges(
        added=tuple(text for text in result.requirements if text not in old),
        removed=tuple(text for text in plain if text not in new),
    )
    return result._replace(changes=changes)


def inspect_url(url: str) -> list[Inspection | VariantError]:
    """Inspect the wheel that a URL names, or all wheels that are listed there, each against its plain wheel.

    What is wrong with one of them stands in its place. Raises VariantError when nothing can be listed, or
    nothing is there.
    """
    from . import remote

    def inspected(wheel: remote.RemoteWheel | VariantError) -> Inspection | VariantError:
        if isinstance(wheel, VariantError):
            return wheel
        try:
            return _of_wheel(shown_url(wheel.url), remote.read_wheel(wheel))
        except VariantError as error:
            return error

    wheels = remote.find_wheels(url)
    if not wheels:
        raise VariantError("no wheel is listed there", place=shown_url(url))
    results = remote.map_in_threads(inspected, wheels)
    names = [None if isinstance(wheel, VariantError) else wheel.name for wheel in wheels]
    return _all_compared(names, results)


def inspect_installed(name: str, folders: Sequence[Path], where: str) -> Inspection:
    """Inspect an installed distribution in site-packages folders; *where* describes these.

    Raises VariantError if none has this name.
    """
    distribution = next(_distributions(folders, name=name), None) if name else None
    if distribution is None:
        raise VariantError(
            f"not installed in {where}",
            place=name,
            hint="use --interpreter or --path to look elsewhere; for a wheel, write a path that ends in .whl",
        )
    return _of_distribution(name, distribution)


def inspect_installed_variants(folders: Sequence[Path]) -> list[tuple[Path, Inspection | VariantError]]:
    """Inspect all installed variants in site-packages folders, in the order of their names.

    Each comes with its folder, and with an error if it cannot be read. If a distribution is in several
    folders, the first one is used, as in Python.
    """
    from packaging.utils import canonicalize_name

    seen: set[str] = set()
    results: list[tuple[str, Path, Inspection | VariantError]] = []
    for distribution in _distributions(folders):
        folder = Path(str(distribution.locate_file("")))
        name = _installed_name(distribution)
        normalized = canonicalize_name(name or "")
        if name is not None and normalized in seen:
            continue
        seen.add(normalized)
        if _is_variant(distribution):
            try:
                result: Inspection | VariantError = _of_distribution(name or str(folder), distribution)
            except VariantError as error:
                result = error
            results.append((normalized, folder, result))
    results.sort(key=lambda entry: (entry[0], entry[1]))
    return [(folder, result) for _, folder, result in results]


def installed_versions(folders: Sequence[Path]) -> dict[str, Version]:
    """Return the versions of all installed distributions in site-packages folders, by normalized name.

    Distributions without a valid name and version are skipped.
    """
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    versions: dict[str, Version] = {}
    for distribution in _distributions(folders):
        name = _installed_name(distribution)
        if name is not None and canonicalize_name(name) not in versions:
            with suppress(VariantError, InvalidVersion, UnicodeDecodeError):
                text = core_metadata.read_field(_core_metadata(distribution), "Version")
                versions[canonicalize_name(name)] = Version(text)
    return versions


def has_distributions(folder: Path) -> bool:
    """Tell whether any distribution is installed in a folder."""
    return next(_distributions([folder]), None) is not None


def _distributions(folders: Sequence[Path], name: str | None = None) -> Iterator[Distribution]:
    """Find installed distributions, all or those of a name."""
    from importlib.metadata import Distribution, DistributionFinder

    places: dict[str, Any] = {"path": [str(folder) for folder in folders]}
    return iter(Distribution.discover(context=DistributionFinder.Context(name=name, **places)))


def _core_metadata(distribution: Distribution) -> bytes:
    return (distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or "").encode()


def _installed_name(distribution: Distribution) -> str | None:
    """Return the name of an installed distribution, None if its metadata has none."""
    try:
        return core_metadata.read_field(_core_metadata(distribution), "Name")
    except (VariantError, UnicodeDecodeError):
        return None


def _is_variant(distribution: Distribution) -> bool:
    try:
        return distribution.read_text("variant.json") is not None
    except UnicodeDecodeError:
        return True


def _of_distribution(name: str, distribution: Distribution) -> Inspection:
    """Inspect an installed distribution; raises VariantError, with its name in front."""
    try:
        data = _core_metadata(distribution)
        project, version = _identity(data)
        requirements = tuple(core_metadata.requirements(data))
        document = distribution.read_text("variant.json")
    except VariantError as error:
        raise error.within(name) from None
    except UnicodeDecodeError as error:
        text = f"its dist-info has a file that is not UTF-8: {error}"
        raise VariantError(text, place=name) from None
    variant_json = VariantJson() if document is None else _read_variant_json(document.encode, None)
    return Inspection(name, project, version, variant_json.label, requirements, variant_json)


def _of_wheel(target: str, wheel: Wheel) -> Inspection:
    """Inspect an open wheel."""
    label, variant_json = wheel.filename.label, VariantJson()
    project, version = _identity(wheel.core_metadata)
    requirements = tuple(core_metadata.requirements(wheel.core_metadata))
    if wheel.is_variant():
        variant_json = _read_variant_json(lambda: wheel.read_file("variant.json"), label)
    elif label is not None:
        problem = Problem("missing-variant-json", "", "it has a label, but no variant.json")
        variant_json = VariantJson(problems=(problem,), is_dropped_by_uv=True)
    verdicts = _verdicts(label, variant_json)
    label = label or variant_json.label
    return Inspection(target, project, version, label, requirements, variant_json, verdicts)


def _identity(data: bytes) -> tuple[str, str]:
    """Return name and version that METADATA gives; raises VariantError."""
    return core_metadata.read_field(data, "Name"), core_metadata.read_field(data, "Version")


def _read_variant_json(read: Callable[[], bytes], label: str | None) -> VariantJson:
    """Return what variant.json says, and what is wrong with it; *label* is that of the filename."""
    document = Document()
    try:
        parsed = read_json(document, read())
    except VariantError as error:
        return VariantJson(problems=error.within("variant.json").problems, is_dropped_by_uv=True)
    metadata = read_metadata(document, parsed)
    schema = parsed.get("$schema") if isinstance(parsed, dict) else None
    is_dropped = any(problem.code not in ACCEPTED_BY_UV for problem in document.problems)
    # Other problems may be the reason for another label.
    if not is_dropped and (problem := label_problem(metadata.variants, label)):
        document.add(problem)
        is_dropped = True
    return VariantJson(
        metadata,
        schema if isinstance(schema, str) else None,
        tuple(problem.within("variant.json") for problem in document.problems),
        is_dropped,
    )


def _verdicts(label: str | None, content: VariantJson) -> dict[str, InstallerVerdict]:
    """Return what pip and uv make of a wheel; *label* is its name's."""
    if label is None:
        ignored = ": the name has no label, and variant.json is not looked at"
        is_ignored = content.metadata is not None or content.problems
        verdict = InstallerVerdict(condition=f"as a plain wheel{ignored if is_ignored else ''}")
        return {"pip": verdict, "uv": verdict}
    no_variants = Problem("no-variants", "", "it sees plain wheels only, and rejects a name with a label")
    variant = content.metadata.variants.get(label) if content.metadata else None
    if content.is_dropped_by_uv or variant is None or content.metadata is None:
        text = "it drops a release with faults in its metadata"
        uv = InstallerVerdict((Problem("dropped-release", "", text),))
    else:
        where = "where its properties are supported" if variant.properties else "on every system"
        condition = f"with {UV_FLAG}, {where}"
        uv = InstallerVerdict(tuple(uv_never_chooses(content.metadata, variant)), condition)
    return {"pip": InstallerVerdict((no_variants,)), "uv": uv}
