"""Examine a wheel by all rules of `soundness`, from its directory and the files of its dist-info directory.

`check` reports all problems. Conversions refuse a wheel with a problem because of which an installer refuses
or misinstalls it, and print the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..formats.record import Record
from ..lowlevel.ranges import Source
from ..lowlevel.zip_archive import Archive
from ..lowlevel.zip_records import REBUILD
from ..variants.filename import WheelFilename
from . import soundness
from .reading import SIGNATURES, Wheel, check_directories, check_identity, read_archive

# Conversions decide the variant markers of requirements.
_CONVERTED = {"variant-marker"}


class Examined(NamedTuple):
    """A wheel, the content of files in its dist-info directory by their names, and all problems.

    Missing or damaged files are not in *contents*. *record* is None if RECORD is one of them, or is invalid.
    """

    wheel: Wheel
    contents: Mapping[str, bytes]
    record: Record | None
    problems: tuple[Problem, ...]


class SoundWheel(NamedTuple):
    """A wheel that installers install, its RECORD, and notices about its other problems."""

    wheel: Wheel
    record: Record
    notices: tuple[Problem, ...]


def read_sound(filename: WheelFilename, source: Source) -> SoundWheel:
    """Read and examine an open wheel; raises VariantError as `sound_wheel` does."""
    return sound_wheel(filename, read_archive(source))


def sound_wheel(filename: WheelFilename, archive: Archive) -> SoundWheel:
    """Examine a wheel; raises VariantError with all problems because of which it is not sound."""
    examined = examine(filename, archive)
    notices = notices_of([*soundness.of_filename(filename), *examined.problems])
    if examined.record is None:
        raise VariantError(*examined.problems)
    # The new METADATA may have other URLs.
    kept = [problem for problem in notices if problem.code != "direct-reference"]
    return SoundWheel(examined.wheel, examined.record, tuple(kept))


def notices_of(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems for which a conversion accepts a wheel; raises VariantError with all others."""
    problems = [
        problem._replace(remedy=problem.remedy or soundness.REMEDIES.get(problem.code, REBUILD))
        for problem in problems
        if problem.code not in _CONVERTED
    ]
    if errors := [problem for problem in problems if problem.code not in soundness.NOTICES]:
        raise VariantError(*errors)
    return problems


def check_core_metadata(data: bytes) -> None:
    """Check METADATA outside of a wheel; raises VariantError as `sound_wheel` does."""
    notices_of(problem.within("METADATA") for problem in soundness.of_core_metadata(data))


def examine(filename: WheelFilename, archive: Archive, *, layout: bool = True) -> Examined:
    """Examine a wheel; its filename is not examined. The payload is never read.

    Examining the *layout* of the archive reads the headers in front of all members.
    """
    wheel = Wheel(filename, archive, {entry.name: entry for entry in archive.entries}, b"")
    problems: list[Problem] = []
    with _catching(problems, code="zip-layout"):
        if layout:
            archive.check_layout()
    problems += soundness.of_archive(archive)
    with _catching(problems, code="dist-info"):
        check_directories(filename, wheel.entries)
    if not any(name.startswith(wheel.path("")) for name in wheel.entries):
        return Examined(wheel, {}, None, tuple(problems))  # no later rule would find its file
    contents: dict[str, bytes] = {}
    for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "variant.json"):
        if name.isupper() or wheel.path(name) in wheel.entries:
            with _catching(problems, code="missing-file"):
                contents[name] = wheel.read_file(name)
    wheel = wheel._replace(core_metadata=contents.get("METADATA", b""))
    problems += of_contents(filename, contents, wheel.entries)
    record = None
    if "RECORD" in contents:
        with _catching(problems, "RECORD", code="bad-record"):
            record = wheel.parsed_record(contents["RECORD"])
            problems += _of_record(wheel, record, contents)
    return Examined(wheel, contents, record, tuple(problems))


@contextmanager
def _catching(problems: list[Problem], place: str = "", *, code: str) -> Iterator[None]:
    """Add the problems of a VariantError to *problems*, with this code and place."""
    try:
        yield
    except VariantError as error:
        problems += [Problem(code, place, problem.text, problem.remedy) for problem in error.problems]


def of_contents(
    filename: WheelFilename, contents: Mapping[str, bytes], names: Iterable[str]
) -> list[Problem]:
    """Apply the rules about single files of the dist-info directory, and about the *names* of members."""
    problems: list[Problem] = []
    if (data := contents.get("METADATA")) is not None:
        with _catching(problems, "METADATA", code="wrong-identity"):
            check_identity(filename, data)
        problems += (problem.within("METADATA") for problem in soundness.of_core_metadata(data))
    if (data := contents.get("WHEEL")) is not None:
        problems += (problem.within("WHEEL") for problem in soundness.of_wheel_file(data, filename))
    if (data := contents.get("entry_points.txt")) is not None:
        problems += (problem.within("entry_points.txt") for problem in soundness.of_entry_points(data))
    problems += soundness.of_data_folders(names, f"{filename.stem}.data")
    return problems


def _of_record(wheel: Wheel, record: Record, contents: Mapping[str, bytes]) -> Iterator[Problem]:
    """Compare RECORD with the archive, and its hashes with the *contents* that were read."""
    own, signatures = wheel.path("RECORD"), {wheel.path(name) for name in SIGNATURES}
    sizes = {name: entry.size for name, entry in wheel.entries.items() if name[-1] != "/"}
    known = {wheel.path(name): content for name, content in contents.items()}
    for problem in (
        *record.problems(own, sizes.keys(), signatures),
        *record.wrong_sizes(own, sizes),
        *record.wrong_hashes(own, known),
    ):
        yield problem._replace(place="RECORD")
    if listed := signatures.intersection(path for path, _, _ in record.rows):
        yield Problem("signature-listed", "RECORD", f"lists the signature {min(listed)!r}")
