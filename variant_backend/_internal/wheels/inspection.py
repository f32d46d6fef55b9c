"""Inspect a wheel or an installed distribution: its variant, and which installers install it.

`inspect` reports the problems together with all readable facts. It reads only the central directory and the
dist-info directory of a wheel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, VariantError
from ..formats import core_metadata
from ..lowlevel.threads import map_in_threads
from ..lowlevel.urls import shown_url
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from ..variants.metadata_reading import read_metadata
from ..variants.properties import Variant
from ..variants.uv_behaviour import UV_FLAG, dropping_uv, uv_never_selects
from ..variants.validation import Document, parse_json
from ..variants.wheel_metadata import label_problem
from .reading import Wheel, open_wheel

if TYPE_CHECKING:
    from importlib.metadata import Distribution


class InstallerVerdict(NamedTuple):
    """Why a released installer never installs a wheel, or else the condition under which it does."""

    problems: tuple[Problem, ...] = ()
    condition: str = ""

    @property
    def installs(self) -> bool:
        """Whether the installer may install the wheel."""
        return not self.problems

    @property
    def reasons(self) -> list[str]:
        """The text of each problem, or the condition."""
        return [problem.text for problem in self.problems] or [self.condition]


class VariantJson(NamedTuple):
    """The readable content of a variant.json, and its problems; a missing file is a problem, too.

    Despite the *tolerated* problems, the rest of the content is usable. *is_dropped_by_uv* is true if a
    problem makes uv ignore the release; not every problem does.
    """

    metadata: VariantMetadata | None = None
    schema: str | None = None
    problems: tuple[Problem, ...] = ()
    is_dropped_by_uv: bool = False
    tolerated: tuple[Problem, ...] = ()

    @property
    def label(self) -> str | None:
        """The label, or None if there is not exactly one."""
        labels = [*self.metadata.variants] if self.metadata else []
        return labels[0] if len(labels) == 1 else None


class RequirementChanges(NamedTuple):
    """The requirements that only the variant has, and the ones that only the plain wheel beside it has."""

    added: tuple[str, ...]
    removed: tuple[str, ...]


class Inspection(NamedTuple):
    """The facts about a wheel or an installed distribution.

    *label* comes from the filename, or else from *variant_json*. *verdicts* has a verdict for each released
    installer, by name; it is empty for an installed distribution. *changes* compare a variant with the plain
    wheel beside it: None if there is no such wheel, an error if it cannot be read.
    """

    target: str
    name: str
    version: str
    label: str | None
    requirements: tuple[str, ...] = ()
    variant_json: VariantJson = VariantJson()
    verdicts: Mapping[str, InstallerVerdict] = {}  # never changed in place
    changes: RequirementChanges | VariantError | None = None

    @property
    def metadata(self) -> VariantMetadata | None:
        """The readable content of variant.json, or None if there is no variant.json."""
        return self.variant_json.metadata

    @property
    def variant(self) -> Variant | None:
        """The variant, or None if the metadata does not define the label."""
        variants = self.metadata.variants if self.metadata else {}
        return variants.get(self.label or "")

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems of variant.json and of the plain wheel, without the tolerated ones."""
        beside = self.changes.problems if isinstance(self.changes, VariantError) else ()
        return (*self.variant_json.problems, *beside)

    @property
    def tolerated(self) -> tuple[Problem, ...]:
        """The problems of variant.json that leave the rest of it usable."""
        return self.variant_json.tolerated

    @property
    def format_version(self) -> str | None:
        """The version of the format in ``$schema``, or None."""
        match = re.search(r"/v(\d+(?:\.\d+)*)\.json$", self.variant_json.schema or "")
        return match[1] if match else None


def inspect_wheel(path: Path) -> Inspection:
    """Inspect a wheel; raises VariantError, with its name in front, if it is invalid."""
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
        return result._replace(changes=error.within("plain wheel"))
    return _compared(result, requirements)


def _plain_name(result: Inspection, filename: WheelFilename) -> str | None:
    """Return the name of a variant's plain wheel, or None if the wheel is not a variant."""
    is_variant = result.metadata is not None and filename.label is not None
    return str(filename._replace(label=None)) if is_variant else None


def _all_compared(
    names: Sequence[WheelFilename | None], results: Sequence[Inspection | VariantError]
) -> list[Inspection | VariantError]:
    """Return the results, with each variant compared with its plain wheel among them."""
    by_name: dict[str, list[Inspection]] = {}
    for name, result in zip(names, results, strict=True):
        if isinstance(result, Inspection):
            by_name.setdefault(str(name), []).append(result)

    def compared(name: WheelFilename | None, result: Inspection | VariantError) -> Inspection | VariantError:
        if name is None or isinstance(result, VariantError):
            return result
        plain = by_name.get(_plain_name(result, name) or "", [])
        # With several in different folders, it is not known which one is the original.
        return _compared(result, plain[0].requirements) if len(plain) == 1 else result

    return list(map(compared, names, results))


def _compared(result: Inspection, plain: Sequence[str]) -> Inspection:
    """Return the result with its changes against the requirements of the plain wheel."""
    old, new = set(plain), set(result.requirements)  # there may be thousands
    changes = RequirementChanges(
        added=tuple(text for text in result.requirements if text not in old),
        removed=tuple(text for text in plain if text not in new),
    )
    return result._replace(changes=changes)


def inspect_url(url: str) -> list[Inspection | VariantError]:
    """Inspect the wheel at a URL, or all wheels listed there, and compare variants with their plain wheels.

    Returns an error in place of a wheel that cannot be read. Raises VariantError if the URL cannot be read,
    or lists no wheel.
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
        raise VariantError("no wheels found", place=shown_url(url))
    results = map_in_threads(inspected, wheels)
    names = [None if isinstance(wheel, VariantError) else wheel.name for wheel in wheels]
    return _all_compared(names, results)


def inspect_installed(name: str, folders: Sequence[Path], where: str) -> Inspection:
    """Inspect an installed distribution in site-packages folders; *where* describes these.

    Raises VariantError if none has this name.
    """
    from .distributions import find_distributions  # takes long to import, and wheels do not need it

    distribution = next(find_distributions(folders, name=name), None) if name else None
    if distribution is None:
        if problem := _file_problem(name):
            raise VariantError(problem)
        raise VariantError(
            f"not installed in {where}",
            place=name,
            remedy="use --interpreter or --path to look elsewhere; for a wheel, write a path that ends in"
            " .whl",
        )
    return _of_distribution(name, distribution)


def _file_problem(target: str) -> Problem | None:
    """Return why a target that looks like a path names no wheel, or None."""
    from .wrong_files import path_problem

    path = Path(target)
    is_path = re.search(r"[/\\~]|\.(gz|tgz|bz2|zip|whl)\b|^(-|\.\.?)$", target) or path.exists()
    return path_problem(path) if is_path else None


def inspect_installed_variants(folders: Sequence[Path]) -> list[tuple[Path, Inspection | VariantError]]:
    """Inspect all installed variants in site-packages folders, in the order of their names.

    Each comes with its folder, and with an error if it cannot be read. If a distribution is in several
    folders, the first one is used, as in Python.
    """
    from packaging.utils import canonicalize_name

    from .distributions import find_distributions, has_variant_json, read_name  # as above

    seen: set[str] = set()
    results: list[tuple[str, Path, Inspection | VariantError]] = []
    for distribution in find_distributions(folders):
        folder = Path(str(distribution.locate_file("")))
        try:
            name = read_name(distribution)
        except VariantError as error:
            results.append(("", folder, error))
            continue
        normalized = canonicalize_name(name or "")
        if name is not None and normalized in seen:
            continue
        seen.add(normalized)
        if has_variant_json(distribution):
            try:
                result: Inspection | VariantError = _of_distribution(name or str(folder), distribution)
            except VariantError as error:
                result = error
            results.append((normalized, folder, result))
    results.sort(key=lambda entry: (entry[0], entry[1]))
    return [(folder, result) for _, folder, result in results]


def _of_distribution(name: str, distribution: Distribution) -> Inspection:
    """Inspect an installed distribution; raises VariantError, with its name in front."""
    from .distributions import read_core_metadata  # as above

    try:
        data = read_core_metadata(distribution)
        project, version = _identity(data)
        requirements = tuple(core_metadata.requirements(data))
        document = distribution.read_text("variant.json")
    except VariantError as error:
        raise error.within(name) from None
    except UnicodeDecodeError as error:
        text = f"a file in dist-info is not UTF-8: {error}"
        raise VariantError(text, place=name) from None
    variant_json = VariantJson() if document is None else _read_variant_json(document.encode, None)
    return Inspection(name, project, version, variant_json.label, requirements, variant_json)


def _of_wheel(target: str, wheel: Wheel) -> Inspection:
    """Return the facts about an open wheel."""
    label, variant_json = wheel.filename.label, read_variant_json(wheel)
    project, version = _identity(wheel.core_metadata)
    requirements = tuple(core_metadata.requirements(wheel.core_metadata))
    verdicts = _verdicts(label, variant_json)
    label = label or variant_json.label
    return Inspection(target, project, version, label, requirements, variant_json, verdicts)


def read_variant_json(wheel: Wheel) -> VariantJson:
    """Return the content and the problems of an open wheel's variant.json."""
    label = wheel.filename.label
    if wheel.is_variant():
        return _read_variant_json(lambda: wheel.read_file("variant.json"), label)
    if label is None:
        return VariantJson()
    problem = Problem("missing-variant-json", "", "the name has a label, but the wheel has no variant.json")
    return VariantJson(problems=(problem,), is_dropped_by_uv=True)


def _identity(data: bytes) -> tuple[str, str]:
    """Return the name and version in METADATA; raises VariantError."""
    return core_metadata.read_field(data, "Name"), core_metadata.read_field(data, "Version")


def _read_variant_json(read: Callable[[], bytes], label: str | None) -> VariantJson:
    """Return the content and the problems of variant.json; *label* is the label in the filename."""
    document = Document()
    try:
        parsed = parse_json(read())
    except VariantError as error:
        return VariantJson(problems=error.within("variant.json").problems, is_dropped_by_uv=True)
    metadata = read_metadata(document, parsed)
    schema = parsed.get("$schema") if isinstance(parsed, dict) else None
    is_dropped = bool(dropping_uv(document.all_problems()))
    # A wrong label may only be a result of the other problems.
    if not is_dropped and (problem := label_problem(metadata.variants, label)):
        document.add(problem)
        is_dropped = True
    return VariantJson(
        metadata,
        schema if isinstance(schema, str) else None,
        tuple(problem.within("variant.json") for problem in document.problems),
        is_dropped,
        tuple(problem.within("variant.json") for problem in document.tolerated),
    )


def _verdicts(label: str | None, content: VariantJson) -> dict[str, InstallerVerdict]:
    """Return whether pip and uv install a wheel; *label* is the label in the filename."""
    if label is None:
        ignored = ": the name has no label, so variant.json is ignored"
        is_ignored = content.metadata is not None or content.problems
        verdict = InstallerVerdict(condition=f"as a plain wheel{ignored if is_ignored else ''}")
        return {"pip": verdict, "uv": verdict}
    no_variants = Problem("no-variants", "", "it supports plain wheels only, and rejects a name with a label")
    variant = content.metadata.variants.get(label) if content.metadata else None
    if content.is_dropped_by_uv or variant is None or content.metadata is None:
        text = "it ignores a release with problems in its metadata"
        uv = InstallerVerdict((Problem("dropped-release", "", text),))
    else:
        where = "where its properties are supported" if variant.properties else "on every machine"
        condition = f"with {UV_FLAG}, {where}"
        uv = InstallerVerdict(tuple(uv_never_selects(content.metadata, variant)), condition)
    return {"pip": InstallerVerdict((no_variants,)), "uv": uv}
