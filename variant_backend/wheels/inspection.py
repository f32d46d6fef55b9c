"""What a wheel or an installed distribution says of itself, and what installers make of it.

What is broken is told beside what can be read. Of a wheel, the central directory and its dist-info are
read, and no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import VariantError
from ..formats import core_metadata
from ..lowlevel.http import shown_url
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata, label_problem
from ..variants.properties import Variant
from ..variants.uv_behaviour import ACCEPTED_BY_UV, uv_never_chooses
from ..variants.validation import Document, read_json
from .reading import Wheel, open_wheel

if TYPE_CHECKING:
    from importlib.metadata import Distribution

    from packaging.version import Version


class InstallerVerdict(NamedTuple):
    """Whether an installer may install a wheel, and why, a line for each reason."""

    installs: bool
    reasons: tuple[str, ...]


class Inspection(NamedTuple):
    """What is known of a wheel, or of an installed distribution.

    *label* is that of the filename, or of variant.json where there is none. *metadata* is what variant.json
    says, as far as it can be read, and None for what is no variant. *added* and *removed* are in what its
    requirements differ from those of the plain wheel beside it, and None without one. *verdicts* are
    those of released installers, by their names; there are none on what is installed already. Not each of
    the *faults* in variant.json makes uv drop a release; *is_dropped_by_uv* tells whether one does.
    """

    target: str
    name: str
    version: str
    label: str | None = None
    schema: str | None = None
    metadata: VariantMetadata | None = None
    requirements: tuple[str, ...] = ()
    added: tuple[str, ...] | None = None
    removed: tuple[str, ...] | None = None
    verdicts: dict[str, InstallerVerdict] = {}  # noqa: RUF012  # a default that nobody changes
    faults: tuple[str, ...] = ()
    is_dropped_by_uv: bool = False

    @property
    def variant(self) -> Variant | None:
        """The variant, if its metadata name it."""
        variants = self.metadata.variants if self.metadata else {}
        return variants.get(self.label or "")

    @property
    def format_version(self) -> str | None:
        """The version of the format that ``$schema`` names."""
        found = re.search(r"/v(\d+(?:\.\d+)*)\.json$", self.schema or "")
        return found[1] if found else None


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
            there = core_metadata.requirements(wheel.core_metadata)
    except VariantError as error:
        return result._replace(faults=(*result.faults, *error.within("beside it").lines()))
    return _compared(result, there)


def _plain_name(result: Inspection, filename: WheelFilename) -> str | None:
    """Return the name of the plain wheel of a variant, or None if it is no variant."""
    is_variant = result.metadata is not None and filename.label is not None
    return str(filename._replace(label=None)) if is_variant else None


def _all_compared(
    names: Sequence[str], results: Sequence[Inspection | VariantError]
) -> list[Inspection | VariantError]:
    """Return the results, those of variants compared with the plain wheels among them."""
    found: dict[str, list[Inspection]] = {}
    for name, result in zip(names, results, strict=True):
        if isinstance(result, Inspection):
            found.setdefault(name, []).append(result)

    def compared(name: str, result: Inspection | VariantError) -> Inspection | VariantError:
        if isinstance(result, VariantError):
            return result
        plain = found.get(_plain_name(result, WheelFilename.parse(name)) or "", [])
        # Of several in different folders, it is not known which one it was.
        return _compared(result, plain[0].requirements) if len(plain) == 1 else result

    return list(map(compared, names, results))


def _compared(result: Inspection, plain: Sequence[str]) -> Inspection:
    """Return what is known with the difference from the requirements of the plain wheel."""
    old, new = set(plain), set(result.requirements)  # there may be thousands
    return result._replace(
        added=tuple(text for text in result.requirements if text not in old),
        removed=tuple(text for text in plain if text not in new),
    )


def inspect_url(url: str) -> list[Inspection | VariantError]:
    """Inspect the wheel that a URL names, or all wheels that are listed there, each against its plain wheel.

    What is wrong with one of them stands in its place. Raises VariantError when nothing can be listed, or
    nothing is there.
    """
    from . import remote

    def inspected(wheel: remote.RemoteWheel) -> Inspection | VariantError:
        try:
            return _of_wheel(shown_url(wheel.url), remote.read_wheel(wheel))
        except VariantError as error:
            return error

    wheels = remote.find_wheels(url)
    if not wheels:
        raise VariantError(f"{shown_url(url)}: no wheel is listed there")
    results = remote.map_in_threads(inspected, wheels)
    return _all_compared([wheel.name for wheel in wheels], results)


def inspect_installed(name: str, paths: Sequence[Path] = ()) -> Inspection:
    """Inspect an installed distribution: in the folders *paths*, or else where this interpreter looks.

    Raises VariantError when there is none of that name.
    """
    found = next(_distributions(paths, name=name), None) if name else None
    if found is None:
        where = ", ".join(map(str, paths)) or "where this interpreter looks"
        raise VariantError(
            f"{name}: no distribution of that name is installed {'in ' if paths else ''}{where}",
            hint="name the site-packages folder with --path; a wheel's name ends in .whl",
        )
    return _of_distribution(name, found)


def inspect_installed_variants(paths: Sequence[Path] = ()) -> list[tuple[Path, Inspection | VariantError]]:
    """Inspect all that is installed as a variant.

    That is in the folders *paths*, or else where this interpreter looks. Each comes with its folder.
    What is installed in several of them is that of the first, as for Python. What is wrong with one of them
    stands in its place. The order is that of the names.
    """
    from packaging.utils import canonicalize_name

    seen: set[str] = set()
    results: list[tuple[str, Path, Inspection | VariantError]] = []
    for distribution in _distributions(paths):
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
    return [(folder, result) for _, folder, result in sorted(results, key=lambda each: each[:2])]


def installed_versions(paths: Sequence[Path] = ()) -> dict[str, Version]:
    """Return the versions of all that is installed, by normalized name; *paths* as in `inspect_installed`.

    What has no valid name and version is left out.
    """
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    versions: dict[str, Version] = {}
    for distribution in _distributions(paths):
        name = _installed_name(distribution)
        if name is not None and canonicalize_name(name) not in versions:
            with suppress(VariantError, InvalidVersion, UnicodeDecodeError):
                text = core_metadata.read_field(_core_metadata(distribution), "Version")
                versions[canonicalize_name(name)] = Version(text)
    return versions


def _distributions(paths: Sequence[Path], name: str | None = None) -> Iterator[Distribution]:
    """Find installed distributions, all or those of a name."""
    from importlib.metadata import Distribution, DistributionFinder

    places: dict[str, Any] = {"path": [str(path) for path in paths]} if paths else {}
    return iter(Distribution.discover(context=DistributionFinder.Context(name=name, **places)))


def _core_metadata(distribution: Distribution) -> bytes:
    return (distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or "").encode()


def _installed_name(distribution: Distribution) -> str | None:
    """Return the name of an installed distribution, None if it does not tell."""
    try:
        return core_metadata.read_field(_core_metadata(distribution), "Name")
    except (VariantError, UnicodeDecodeError):
        return None


def _is_variant(distribution: Distribution) -> bool:
    try:
        return distribution.read_text("variant.json") is not None
    except UnicodeDecodeError:
        return True


def _of_distribution(name: str, found: Distribution) -> Inspection:
    """Inspect an installed distribution; raises VariantError, with its name in front."""
    try:
        metadata = _core_metadata(found)
        result = Inspection(
            name,
            core_metadata.read_field(metadata, "Name"),
            core_metadata.read_field(metadata, "Version"),
            requirements=tuple(core_metadata.requirements(metadata)),
        )
        text = found.read_text("variant.json")
    except VariantError as error:
        raise error.within(name) from None
    except UnicodeDecodeError as error:
        raise VariantError(f"{name}: its dist-info has a file that is not UTF-8: {error}") from None
    return result if text is None else _with_variant(result, lambda: (text or "").encode())


def _of_wheel(target: str, wheel: Wheel) -> Inspection:
    """Inspect an open wheel."""
    filename = wheel.filename
    result = Inspection(
        target,
        core_metadata.read_field(wheel.core_metadata, "Name"),
        core_metadata.read_field(wheel.core_metadata, "Version"),
        filename.label,
        requirements=tuple(core_metadata.requirements(wheel.core_metadata)),
    )
    if wheel.is_variant():
        result = _with_variant(result, lambda: wheel.read_file("variant.json"))
    elif filename.label is not None:
        fault = "it has a label, but no variant.json"
        result = result._replace(faults=(fault,), is_dropped_by_uv=True)
    return result._replace(verdicts=_verdicts(result, filename))


def _with_variant(result: Inspection, read: Callable[[], bytes]) -> Inspection:
    """Return what is known with what variant.json says, and what is wrong with it."""
    document = Document()
    try:
        parsed = read_json(document, read())
    except VariantError as error:
        return result._replace(faults=tuple(error.within("variant.json").lines()), is_dropped_by_uv=True)
    metadata = VariantMetadata.read(document, parsed)
    schema = parsed.get("$schema") if isinstance(parsed, dict) else None
    faults = [f"variant.json: {issue}" for issue in document.problems]
    labels = list(metadata.variants)
    is_dropped = any(problem.code not in ACCEPTED_BY_UV for problem in document.problems)
    wrong_label = label_problem(labels, result.label)
    if wrong_label and not is_dropped:  # other faults may be the reason
        faults.append(f"variant.json: {wrong_label}")
        is_dropped = True
    return result._replace(
        label=result.label or (labels[0] if len(labels) == 1 else None),
        schema=schema if isinstance(schema, str) else None,
        metadata=metadata,
        faults=tuple(faults),
        is_dropped_by_uv=is_dropped,
    )


def _verdicts(result: Inspection, filename: WheelFilename) -> dict[str, InstallerVerdict]:
    """Return what released installers make of a wheel: pip 26.3 and uv 0.13.8."""
    if filename.label is None:
        reasons = ("as a plain wheel",)
        if result.metadata is not None or result.faults:
            reasons = ("as a plain wheel: the name has no label, and variant.json is not looked at",)
        return {"pip": InstallerVerdict(True, reasons), "uv": InstallerVerdict(True, reasons)}
    pip = InstallerVerdict(False, ("it sees plain wheels only, and rejects a name with a label",))
    if result.is_dropped_by_uv or result.variant is None or result.metadata is None:
        return {
            "pip": pip,
            "uv": InstallerVerdict(False, ("it drops a release with faults in its metadata",)),
        }
    never = uv_never_chooses(result.metadata, result.variant)
    where = "where its properties are supported" if result.variant.properties else "on every system"
    why = tuple(never) or (f"with --preview-features wheel-variants, {where}",)
    return {"pip": pip, "uv": InstallerVerdict(not never, why)}
