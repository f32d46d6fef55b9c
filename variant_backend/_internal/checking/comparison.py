"""Compare the files of a release with each other, and the releases of several projects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Problem, VariantError
from ..formats.release import Location
from ..variants import consistency
from ..variants.filename import WheelFilename, index_filename
from ..variants.merging import combine_metadata
from ..variants.metadata import VariantMetadata
from ..variants.properties import Variant
from ..variants.ranking import static_support, supported_labels
from ..wheels.payload import same_payloads
from ..wheels.reading import WheelFile
from . import release_rules
from .checked_files import CheckedFiles, OpenSdist, ReleaseFiles
from .dependency_rules import ComparedWheel, of_dependencies, of_modules, top_level_modules
from .findings import Findings
from .input_files import name_of
from .python_rules import of_pythons

if TYPE_CHECKING:
    from packaging.version import Version


def compare_files(files: CheckedFiles) -> None:
    """Compare the files of each release, its wheels across folders, and the labels of several projects."""
    findings = files.findings
    for release in files.releases.values():
        is_whole = release.folder in files.folders
        _compare_indexes(findings, release, is_whole=is_whole)
        sizes = [(release.wheels[path].label, size) for path, size in release.sizes.items()]
        findings.add(release.folder, release_rules.of_release_upload(_wanted_index(release), sizes))
        _check_documents(findings, release)
        if isinstance(release.folder, Path):
            listed = files.listed.get((release.folder, release.name))
            _find_unlisted_wheels(findings, release.folder, release, listed)
        if is_whole:
            sdist = files.sdists.get((release.folder, release.name, release.version))
            _find_missing_files(findings, release, sdist)
    _compare_wheels(files)
    _compare_payloads(files)
    _compare_projects(files)
    _find_missing_versions(files)
    _compare_versions(files)


def _compare_indexes(findings: Findings, release: ReleaseFiles, *, is_whole: bool) -> None:
    """Compare the index files of a release with its wheels, and with their own names."""
    parts = {name_of(path): part for path, part in release.metadata.items()}
    for path, index in release.indexes.items():
        if not release.wheels and is_whole:
            text = f"no wheel of {release.name} {release.version} in the same folder"
            findings.note(path, text, code="index-without-wheels")
        if problem := _name_problem(path, _wanted_index(release)):
            findings.add(path, [problem])
        if index is not None:
            findings.add(path, consistency.of_index(index, parts))
            findings.add(path, consistency.of_labels(index, [*release.wheels.values()], is_whole))


def _name_problem(path: Location, wanted: str) -> Problem | None:
    """Return the problem of an index file without the *wanted* name, or None."""
    if name_of(path) == wanted:
        return None
    remedy = f"rename it to {wanted}"
    # On some file systems, a name in other case is the same file.
    if isinstance(path, Path) and (right := path.with_name(wanted)).exists() and not right.samefile(path):
        remedy = "delete it"
    return Problem("index-name", "", f"expected the name {wanted}", remedy)


def _check_documents(findings: Findings, release: ReleaseFiles) -> None:
    """Check how installers read the documents; report a problem of index file and wheels only once."""
    noted = set[Problem]()
    for path, index in sorted(release.indexes.items(), key=_by_location):
        problems = [*consistency.of_metadata(index)] if index is not None else []
        findings.add(path, problems)
        findings.add(path, release_rules.of_newer_gpus(index) if index is not None else ())
        noted.update(problems)
    for path, metadata in sorted(release.metadata.items(), key=_by_location):
        problems = [problem for problem in consistency.of_metadata(metadata) if problem not in noted]
        findings.add(path, problems, "variant.json")
        noted.update(problems)


def _by_location(item: tuple[Location, object]) -> str:
    return str(item[0])


def _find_unlisted_wheels(
    findings: Findings, folder: Path, release: ReleaseFiles, listed: set[str] | None
) -> None:
    """Find wheels in a folder that are missing from the pages of their project, if it has pages."""
    wheels = {name_of(path) for path in release.wheels}
    for name in sorted(wheels - listed) if listed is not None else ():
        findings.note(folder / name, f"not listed in simple/{release.name}/", code="unlisted-wheel")


def _find_missing_files(findings: Findings, release: ReleaseFiles, sdist: OpenSdist | None) -> None:
    """Find missing files in a folder or on a page that has a whole release."""
    has_label = any(filename.label is not None for filename in release.wheels.values())
    # A page without the index file has the problem `unlisted-index`.
    if has_label and not release.indexes and isinstance(release.folder, Path):
        findings.note(release.folder, f"{_wanted_index(release)} is missing", code="missing-index")
    problems = [*release_rules.of_fallbacks([*release.wheels.values()], sdist is not None)]
    if sdist and any(problem.code == "plain-from-sdist" for _, problem in problems) and _dispatches(sdist):
        problems = [pair for pair in problems if pair[1].code != "plain-from-sdist"]
    locations = {filename: location for location, filename in release.wheels.items()}
    for filename, problem in problems:
        findings.add(locations[filename], [problem])


def _dispatches(sdist: OpenSdist) -> bool:
    """Return whether pip gets a variant when it builds an sdist."""
    from ..formats.dispatching_sdist import is_dispatching

    try:
        with sdist() as file:
            return is_dispatching(file)
    except (OSError, VariantError):
        return False


def _wanted_index(release: ReleaseFiles) -> str:
    """Return the correct name of a release's index file, with name and version spelled as in its wheels."""
    # Wheels may spell the version differently; `index` reads only wheels with a label.
    wheels = sorted(release.wheels.values(), key=lambda filename: (filename.label is None, str(filename)))
    spelled = (filename.release() for filename in wheels)
    return index_filename(next(spelled, (release.name, release.version)))


def _compare_wheels(files: CheckedFiles) -> None:
    """Compare the wheels of each release across all folders."""
    releases: dict[tuple[str, Version], list[ReleaseFiles]] = {}
    for release in files.releases.values():
        releases.setdefault((release.name, release.version), []).append(release)
    for folders in releases.values():
        parts = {str(path): part for folder in folders for path, part in folder.metadata.items()}
        members = {
            str(path): ComparedWheel(folder.wheels[path], dependencies)
            for folder in folders
            for path, dependencies in folder.dependencies.items()
        }
        modules = {
            str(path): (folder.wheels[path], top_level_modules(payload, folder.wheels[path].stem))
            for folder in folders
            for path, payload in folder.payloads.items()
        }
        problems = [*consistency.of_wheels(parts)] if parts else []
        problems += [
            *of_pythons(members, _supported_always(parts)),
            *of_dependencies(members),
            *of_modules(modules),
        ]
        for path, problem in problems:
            files.findings.add(path, [problem])


def _supported_always(parts: Mapping[str, VariantMetadata]) -> list[str]:
    """Return the labels that every machine supports, in the metadata of a release's wheels."""
    if not parts:
        return []
    combined, _ = combine_metadata(parts)
    return supported_labels(combined, static_support(combined))


def _compare_payloads(files: CheckedFiles) -> None:
    """Find recipes without effect: those of project files, for the wheels of their project in all folders.

    Wheels on servers are not compared: their project files are elsewhere.
    """
    for path, project in files.projects.items():
        keys = {label: recipe.build_keys(label) for label, recipe in project.recipes.items()}
        releases: dict[tuple[str, Version], dict[WheelFile, Mapping[str, str]]] = {}
        for release in files.releases.values():
            if project.name in (None, release.name):
                wheels = releases.setdefault((release.name, release.version), {})
                wheels.update(
                    (WheelFile(wheel, release.wheels[wheel]), payload)
                    for wheel, payload in release.payloads.items()
                    if isinstance(wheel, Path)
                )
        for payloads in releases.values():
            groups = {
                wheel: (wheel.name.tags, frozenset(payload.items())) for wheel, payload in payloads.items()
            }
            files.findings.add(path, same_payloads(payloads, payloads, keys, group=groups.__getitem__))


def _compare_projects(files: CheckedFiles) -> None:
    """Compare the labels and the priorities of several projects."""
    projects: dict[str, dict[str, Variant]] = {}
    namespaces: dict[str, Sequence[str]] = {}
    places: dict[str, str] = {}
    for release in files.releases.values():
        documents = {str(path): part for path, part in release.indexes.items() if part is not None}
        documents = documents or {str(path): part for path, part in release.metadata.items()}
        if documents:
            combined, _ = combine_metadata(documents)
            projects.setdefault(release.name, {}).update(combined.variants)
            namespaces[release.name] = combined.namespaces
            places[release.name] = min(documents)
    for name, problem in [*release_rules.of_projects(projects), *release_rules.of_priorities(namespaces)]:
        files.findings.add(places[name], [problem])


def _find_missing_versions(files: CheckedFiles) -> None:
    """Find requirements on local versions that no wheel of the required project has."""
    versions: dict[str, set[Version]] = {}
    for release in files.releases.values():
        if release.wheels:
            versions.setdefault(release.name, set()).add(release.version)
    for release in files.releases.values():
        for path, pins in release.pins.items():
            files.findings.add(path, release_rules.of_local_pins(pins, versions), "METADATA")


def _compare_versions(files: CheckedFiles) -> None:
    """Compare the versions of each project in a folder or on a page."""
    versions: dict[tuple[Location, str], dict[Version, list[WheelFilename]]] = {}
    for folder, name, version in (*files.releases, *files.sdists):
        if folder in files.folders:
            release = files.releases.get((folder, name, version))
            wheels = [*release.wheels.values()] if release else []
            versions.setdefault((folder, name), {})[version] = wheels
    for (folder, name), wheels_of in versions.items():
        sdists = [version for version in wheels_of if (folder, name, version) in files.sdists]
        problems = release_rules.of_versions(wheels_of, sdists)
        files.findings.add(folder, (problem.within(name) for problem in problems))
