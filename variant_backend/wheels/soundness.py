"""Check one wheel: its name, and the files of its dist-info directory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..errors import MOST_SHOWN, Problem, VariantError
from ..formats import core_metadata
from ..variants.filename import WheelFilename

# The fields of METADATA on which installing depends.
_FIELDS = ("Name", "Version", "Requires-Dist", "Requires-Python", "Provides-Extra")
_UNREAD = "follows a malformed line, where parsers stop"
_UNPRINTABLE = "contains a control character or a non-ASCII space"

# A platform tag with one of these prefixes must match its pattern (platform compatibility tags).
_PLATFORMS = {
    "manylinux": r"manylinux(1|2010|2014|_\d+_\d+)_\w+",
    "musllinux": r"musllinux_\d+_\d+_\w+",
    "linux": r"linux_\w+",
    "macosx": r"macosx_\d+_\d+_\w+",
    "win": r"win32|win_(amd64|arm32|arm64|ia64)",
}


def of_filename(filename: WheelFilename) -> Iterator[Problem]:
    """Find build numbers and tags that make installers ignore a wheel without a message."""
    if not re.fullmatch(r"(\d{1,19}[a-zA-Z0-9_.]*)?", filename.build, re.ASCII):
        yield Problem("bad-filename", "", f"invalid build number {filename.build[:MOST_SHOWN]!r}")
    for tag in filename.tags.replace("-", ".").split("."):
        if not re.fullmatch("[a-z0-9_]+", tag):
            yield Problem("bad-filename", "", f"invalid tag {tag[:MOST_SHOWN]!r}: use only a-z, 0-9 and _")
    for platform in filename.tags.split("-")[2].split("."):
        for start, pattern in _PLATFORMS.items():
            if platform.startswith(start) and not re.fullmatch(pattern, platform):
                yield Problem("unknown-platform", "", f"unknown platform {platform[:MOST_SHOWN]!r}")


def of_wheel_file(data: bytes) -> Iterator[Problem]:
    """Check that WHEEL is valid, and that installers support its version of the wheel format."""
    code = "bad-wheel-file"
    try:
        data.decode("utf-8")
        version = core_metadata.read_field(data, "Wheel-Version")
    except UnicodeDecodeError as error:
        yield Problem(code, "", f"not UTF-8 at byte {error.start}")
        return
    except VariantError as error:
        yield from (problem.at("", code) for problem in error.problems)
        return
    if not re.fullmatch(r"1\.\d+", version, re.ASCII):
        yield Problem(
            code, "Wheel-Version", f"expected version 1.x of the wheel format, got {version[:MOST_SHOWN]!r}"
        )
    if field := core_metadata.unread_field(data, ["Wheel-Version"]):
        yield Problem(code, field, _UNREAD)
    if field := core_metadata.unprintable_field(data, ["Wheel-Version"]):
        yield Problem(code, field, _UNPRINTABLE)


def of_entry_points(data: bytes) -> Iterator[Problem]:
    """Check that entry_points.txt and the scripts in it are valid (entry points specification)."""
    import configparser

    code = "bad-entry-points"
    parser = configparser.RawConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as configparser documents it
    try:
        parser.read_string(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        yield Problem(code, "", f"not UTF-8 at byte {error.start}")
        return
    except configparser.Error as error:
        yield Problem(code, "", " ".join(str(error).split())[:MOST_SHOWN])
        return
    for section in {"console_scripts", "gui_scripts"}.intersection(parser.sections()):
        for name, reference in parser.items(section):
            if not re.fullmatch(r"[\w.]+\s*(:\s*[\w.]+)?\s*(\[.*\])?", reference) or re.search(
                r"[/\\]", name
            ):
                text = f"invalid script: {name[:MOST_SHOWN]!r} = {reference[:MOST_SHOWN]!r}"
                yield Problem(code, section, text)
            elif not re.fullmatch(r"[\w.-]+", name):
                yield Problem("script-name", section, f"invalid name {name[:MOST_SHOWN]!r}")


def of_data_folders(names: Iterable[str], folder: str) -> Iterator[Problem]:
    """Find unknown subfolders of the data *folder* among the *names* of a wheel's members."""
    parts = {name.split("/")[1] for name in names if name.startswith(f"{folder}/")}
    for part in sorted(parts - {"", "data", "headers", "platlib", "purelib", "scripts"}):
        text = (
            f"unknown folder {part[:MOST_SHOWN]!r}; known folders: data, headers, platlib, purelib, scripts"
        )
        yield Problem("data-folder", folder, text)


def of_core_metadata(data: bytes) -> Iterator[Problem]:
    """Find fields of METADATA that installers cannot read, or that package indexes reject."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    code = "bad-metadata"
    try:
        core_metadata.check_utf8(data)
    except VariantError as error:
        yield Problem(code, "", error.problems[0].text)
    if field := core_metadata.unread_field(data, _FIELDS):
        yield Problem(code, field, _UNREAD)
    if field := core_metadata.unprintable_field(data, _FIELDS):
        yield Problem(code, field, _UNPRINTABLE)
    if core_metadata.has_space_behind(data, "Name"):
        yield Problem(code, "Name", "installers treat white space after the name as part of the name")
    for requirement in core_metadata.requirements(data):
        yield from _of_requirement(requirement)
    for url in core_metadata.direct_references(data):
        yield Problem("direct-reference", "Requires-Dist", f"{url[:MOST_SHOWN]!r} is a URL")
    try:
        SpecifierSet(core_metadata.find_field(data, "Requires-Python") or "")
    except InvalidSpecifier as error:
        yield Problem(code, "Requires-Python", str(error)[:MOST_SHOWN])
    except VariantError as error:
        yield from (problem.at("Requires-Python", code) for problem in error.problems)


def _of_requirement(text: str) -> Iterator[Problem]:
    from packaging.requirements import Requirement

    from ..variants.markers import check_requirement, mentions_variant

    place, shown = "Requires-Dist", text[:MOST_SHOWN]
    if mentions_variant(text):
        yield Problem("variant-marker", place, f"{shown!r} contains a variant marker")
        return
    try:
        check_requirement(text)
    except VariantError as error:
        text = error.problems[0].at(place).text
        yield Problem("bad-metadata", place, text[:MOST_SHOWN])
        return
    # packaging accepts these, uv does not.
    requirement = Requirement(text)
    if requirement.url and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", requirement.url):
        yield Problem("bad-metadata", place, f"{shown!r}: expected a URL, got a path")
    if " === " in str(requirement.marker or ""):
        yield Problem("bad-metadata", place, f"{shown!r}: uv does not support === in markers")
    for specifier in requirement.specifier:
        if specifier.operator == "===" and not _is_version(specifier.version):
            yield Problem("bad-metadata", place, f"{shown!r}: uv requires a version after ===")


def _is_version(text: str) -> bool:
    from packaging.version import Version

    try:
        Version(text)
    except ValueError:  # InvalidVersion, or more digits than Python converts
        return False
    return True
