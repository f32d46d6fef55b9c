"""Check one wheel: its name, and the files of its dist-info directory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..errors import MOST_SHOWN, Problem, VariantError, one_of
from ..formats import core_metadata
from ..formats.metadata_readers import FIELDS, check_reading
from ..formats.record import first_of
from ..lowlevel.zip_archive import Archive, symbolic_links
from ..lowlevel.zip_records import MEND
from ..variants.filename import MOST_TAGS, RENAME, WheelFilename, number_of_tags
from ..variants.tag_coverage import covers

if TYPE_CHECKING:
    import configparser

# Installers accept a wheel with these problems, and with no others. So conversions accept it, too, and print
# them.
NOTICES = frozenset(
    {
        "direct-reference",
        "old-specifier",
        "script-name",
        "symbolic-link",
        "tag-mismatch",
        "weak-hash",
        "zip-comment",
    }
)
# The remedy for a variant.json that contradicts its wheel.
REMAKE = "recreate the wheel with `make-variant`, and do not edit files inside it"
# The remedy for each code; for any other, it is to rebuild the wheel.
REMEDIES = {
    **dict.fromkeys(
        (
            *("bad-hash", "duplicate-row", "incomplete-row", "missing-row", "signature-listed", "stray-row"),
            *("tag-mismatch", "weak-hash", "wrong-hash", "wrong-size", "zip-comment"),
        ),
        MEND,
    ),
    "bad-entry-points": "write each script as NAME = MODULE:FUNCTION, and rebuild the wheel",
    "bad-filename": RENAME,
    "bad-metadata": "correct it in the project file, and rebuild the wheel",
    "bad-wheel-file": "rebuild the wheel with a build backend that writes Wheel-Version 1.0",
    "data-folder": "use only the folders data, headers, platlib, purelib and scripts, and rebuild the wheel",
    "old-specifier": 'leave out ".*" after < or >, as in ">=3.5" for ">=3.5.*", and rebuild the wheel',
    "script-name": "rename the script in the project file, and rebuild the wheel",
    "symbolic-link": "replace the link with a copy of its target, and rebuild the wheel",
    "unknown-platform": "correct its spelling; `python -m pip debug --verbose` lists the tags of a machine",
}

_UNREAD = "follows a malformed line, where parsers stop"
_UNPRINTABLE = "contains a control character or a non-ASCII space"

# Versions and requirements in the usual forms are not parsed: packaging takes long to import.
_VERSION = r"\d{1,9}(?:\.\d{1,9})*(?:(?:a|b|rc)\d{1,9})?(?:\.post\d{1,9})?(?:\.dev\d{1,9})?"
_SPECIFIER = (
    rf"(?:(?:[<>]=?|[=!]=) ?{_VERSION}|[=!]= ?\d{{1,9}}(?:\.\d{{1,9}})*\.\*|~= ?\d{{1,9}}(?:\.\d{{1,9}})+)"
)
_SPECIFIERS = rf"{_SPECIFIER}(?:, ?{_SPECIFIER})*"
_NAME = r"[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*"
_MARKER = (
    r"""(?:extra|implementation_name|os_name|platform_machine|platform_python_implementation|platform_system"""
    r"""|python_full_version|python_version|sys_platform) ?(?:[<>]=?|[=!]=) ?(?:"[\w.+-]*"|'[\w.+-]*')"""
)
_MARKERS = rf"(?:{_MARKER}|\({_MARKER}(?: (?:and|or) {_MARKER})*\))"
_REQUIREMENT = (
    rf"{_NAME}(?:\[{_NAME}(?:, ?{_NAME})*\])?(?: ?{_SPECIFIERS}| ?\({_SPECIFIERS}\))?"
    rf"(?: ?; ?{_MARKERS}(?: (?:and|or) {_MARKERS})*)?"
)

# A script's module, function and extras. White space before a function belongs to it: with white space around
# an optional part, a match takes quadratic time.
_REFERENCE = r"[\w.]+(\s*:\s*[\w.]+)?\s*(\[.*\])?"

# Linux has other names for these processors: x86_64, i686 and aarch64.
_ON_LINUX = r"(?!(?:amd64|x64|x86|arm64)$)\w+"
# A platform tag with one of these prefixes must match its pattern (platform compatibility tags).
_PLATFORMS = {
    "manylinux": rf"manylinux(1|2010|2014|_\d+_\d+)_{_ON_LINUX}",
    "musllinux": rf"musllinux_\d+_\d+_{_ON_LINUX}",
    "linux": rf"linux_{_ON_LINUX}",
    "macosx": r"macosx_\d+_\d+_\w+",
    "win": r"win32|win_(amd64|arm32|arm64|ia64)",
}


def of_filename(filename: WheelFilename) -> Iterator[Problem]:
    """Find versions, build numbers and tags that make installers ignore a wheel without a message."""
    if not re.fullmatch(_VERSION, filename.version, re.ASCII):
        try:
            filename.release()
        except VariantError as error:
            remedy = "give the project a valid version (PEP 440), and rebuild the wheel"
            yield Problem("bad-filename", "", error.problems[0].text, remedy)
    if not re.fullmatch(r"(\d{1,19}[a-zA-Z0-9_.]*)?", filename.build, re.ASCII):
        yield Problem("bad-filename", "", f"invalid build number {filename.build[:MOST_SHOWN]!r}")
    for tag in filename.tags.replace("-", ".").split("."):
        if not re.fullmatch("[a-z0-9_]+", tag):
            yield Problem("bad-filename", "", f"invalid tag {tag[:MOST_SHOWN]!r}: use only a-z, 0-9 and _")
    for platform in filename.tags.split("-")[2].split("."):
        for start, pattern in _PLATFORMS.items():
            if platform.startswith(start) and not re.fullmatch(pattern, platform):
                yield Problem("unknown-platform", "", f"unknown platform {platform[:MOST_SHOWN]!r}")


def of_archive(archive: Archive) -> Iterator[Problem]:
    """Find parts of an archive that installers ignore: symbolic links and a comment."""
    if links := symbolic_links(archive.entries):
        text = f"{first_of(sorted(links))}: installers write a symbolic link as a text file"
        yield Problem("symbolic-link", "", text)
    if archive.has_comment():
        yield Problem("zip-comment", "", "the archive has a comment")


def of_wheel_file(data: bytes, filename: WheelFilename) -> Iterator[Problem]:
    """Check that installers can read WHEEL, and that it has the tags and the build number of the filename.

    WHEEL may lack the build number: tools read it from there only to repack the wheel.
    """
    code = "bad-wheel-file"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        yield Problem(code, "", f"not UTF-8 at byte {error.start}")
        return
    if field := core_metadata.unread_field(data, ["Wheel-Version"]):
        yield Problem(code, field, _UNREAD)
    elif field := core_metadata.unprintable_field(data, ["Wheel-Version"]):
        yield Problem(code, field, _UNPRINTABLE)
    elif not (versions := _values(data, "Wheel-Version")):
        yield Problem(code, "", "field Wheel-Version is missing", MEND)
    elif not re.fullmatch(r"1\.\d+", versions[0], re.ASCII):
        text = f"expected version 1.x of the wheel format, got {versions[0][:MOST_SHOWN]!r}"
        yield Problem(code, "Wheel-Version", text)
    yield from _of_tags(_values(data, "Tag"), filename)
    for build in _values(data, "Build"):
        if build != filename.build:
            expected = repr(filename.build) if filename.build else "no build number"
            text = f"expected {expected} as in the filename, got {build[:MOST_SHOWN]!r}"
            yield Problem("tag-mismatch", "Build", text)


def _of_tags(tags: Sequence[str], filename: WheelFilename) -> Iterator[Problem]:
    """Find tags because of which `pip check` reports the installed wheel, or fails."""
    code, part = "tag-mismatch", r"[^-.\s]+(?:\.[^-.\s]+)*"
    if not tags:
        yield Problem(code, "", "field Tag is missing, so `pip check` reports an unsupported platform")
        return
    if bad := [tag for tag in tags if not re.fullmatch(f"{part}-{part}-{part}", tag)]:
        text = f"expected PYTHON-ABI-PLATFORM, got {bad[0][:MOST_SHOWN]!r}; `pip check` fails"
        yield Problem(code, "Tag", text)
    elif sum(map(number_of_tags, tags)) > MOST_TAGS:
        yield Problem(code, "Tag", f"more than {MOST_TAGS} tags")
    elif not covers(tags, filename.tags):
        text = f"expected {filename.tags} as in the filename, got {one_of(tags)[:MOST_SHOWN]}"
        yield Problem(code, "Tag", f"{text}; `pip check` reports an unsupported platform")


def _values(data: bytes, field: str) -> list[str]:
    """Return the values of a field of WHEEL, up to the first line without a field, where parsers stop."""
    fields = re.match(rb"(?:(?:[!-9;-~]+:|[ \t])[^\r\n]*(?:\r\n|[\r\n]|\Z))*", data)
    # Indented lines continue the value.
    pattern = rb"(?mi)^%b:[ \t]*([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)" % field.encode()
    values = re.findall(pattern, fields[0] if fields else b"")
    return [value.decode().rstrip() for value in values]


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
        yield Problem(code, "", _unparsed(error, data.decode("utf-8").split("\n")))
        return
    for section in {"console_scripts", "gui_scripts"}.intersection(parser.sections()):
        for name, reference in parser.items(section):
            if not re.fullmatch(_REFERENCE, reference) or re.search(r"[/\\]", name):
                text = f"invalid script: {name[:MOST_SHOWN]!r} = {reference[:MOST_SHOWN]!r}"
                yield Problem(code, section, text)
            elif not re.fullmatch(r"[\w.-]+", name):
                yield Problem("script-name", section, f"invalid name {name[:MOST_SHOWN]!r}")


def _unparsed(error: configparser.Error, lines: Sequence[str]) -> str:
    """Return which of the *lines* configparser cannot parse, and why."""
    import configparser

    number = getattr(error, "lineno", None) or getattr(error, "errors", [(0, "")])[0][0]
    shown = repr(lines[number - 1].strip()[:MOST_SHOWN])
    if isinstance(error, (configparser.DuplicateSectionError, configparser.DuplicateOptionError)):
        return f"line {number}: duplicate {shown}"
    is_headless = isinstance(error, configparser.MissingSectionHeaderError)
    expected = "a section such as [console_scripts]" if is_headless else "NAME = VALUE"
    return f"line {number}: expected {expected}, got {shown}"


def of_data_folders(names: Iterable[str], folder: str) -> Iterator[Problem]:
    """Find unknown subfolders of the data *folder* among the *names* of a wheel's members."""
    if f"\n{folder}/" not in "\n".join(["", *names]):  # many wheels have ten thousand files, few this folder
        return
    parts = {name.split("/")[1] for name in names if name.startswith(f"{folder}/")}
    for part in sorted(parts - {"", "data", "headers", "platlib", "purelib", "scripts"}):
        text = (
            f"unknown folder {part[:MOST_SHOWN]!r}; known folders: data, headers, platlib, purelib, scripts"
        )
        yield Problem("data-folder", folder, text)


def of_core_metadata(data: bytes) -> Iterator[Problem]:
    """Find fields of METADATA that installers cannot read, or that package indexes reject.

    The remedy is `MEND` for each mistake that `mend` corrects. All other rules are applied after that.
    """
    code = "bad-metadata"
    repaired, mistakes = core_metadata.repaired(data)
    try:
        core_metadata.check_utf8(data)
    except VariantError as error:
        yield error.problems[0]._replace(code=code, place="")
    yield from (Problem(code, "", text, MEND) for text in mistakes)
    yield from _of_fields(repaired)


def _of_fields(data: bytes) -> Iterator[Problem]:
    code = "bad-metadata"
    if field := core_metadata.unprintable_field(data, FIELDS):
        yield Problem(code, field, _UNPRINTABLE)
    else:
        try:
            check_reading(data)
        except VariantError as error:
            yield from (problem._replace(code=code, place="", remedy=None) for problem in error.problems)
    if core_metadata.has_space_behind(data, "Name"):
        yield Problem(code, "Name", "installers treat white space after the name as part of the name")
    for requirement in core_metadata.requirements(data):
        yield from _of_requirement(requirement)
    for url in core_metadata.direct_references(data):
        yield Problem("direct-reference", "Requires-Dist", f"{url[:MOST_SHOWN]!r} is a URL")
    for python in core_metadata.all_values(data, "Requires-Python"):
        yield from _of_requires_python(python)


def _of_requires_python(text: str) -> Iterator[Problem]:
    if not text or re.fullmatch(_SPECIFIERS, text):
        return
    from packaging.specifiers import SpecifierSet

    try:
        SpecifierSet(text)
    except ValueError as error:  # InvalidSpecifier, or more digits than Python converts
        # pip ignores an invalid specifier, and uv reads only this old form.
        reason = Problem("bad-metadata", "Requires-Python", str(error)[:MOST_SHOWN])
        try:
            SpecifierSet(re.sub(r"([<>]=?\s*[\d.]+)\.\*", r"\1", text))
        except ValueError:
            yield reason
        else:
            yield reason._replace(code="old-specifier")


def _of_requirement(text: str) -> Iterator[Problem]:
    if re.fullmatch(_REQUIREMENT, text, re.ASCII):
        return
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
