"""Decide how the names and the dist-info files of an unsound wheel are repaired; never guess.

Each function returns the repaired value, and each repair as a text. Raises VariantError, with the reason, if
a repair is not certain. Source: the binary distribution format.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from ..errors import VariantError
from ..formats import core_metadata
from ..formats.record import first_of
from ..formats.record_repair import LooseRow, possible_paths
from ..lowlevel.zip_records import REBUILD, check_member_folders, is_unsafe
from ..variants.filename import WheelFilename, escape, is_same_stem, is_same_version
from ..variants.tag_coverage import single_tags
from . import soundness

_WHEEL_VERSION = "1.0"  # the only one so far
# A line with its line end and the indented lines that continue it, as `email` reads lines.
_LINE = re.compile(r"[^\r\n]*(?:(?:\r\n|[\r\n])[ \t][^\r\n]*)*(?:\r\n|[\r\n])|[^\r\n]+\Z")


class LooseName(NamedTuple):
    """The name of a member as bytes, and whether it is marked as UTF-8."""

    encoded: bytes
    is_marked: bool

    @property
    def text(self) -> str:
        """The name as Python's `zipfile`, pip and installer read it."""
        return self.encoded.decode("utf-8" if self.is_marked else "cp437")


class Repaired(NamedTuple):
    """The names of all members, and each repair as a text."""

    names: list[str]
    texts: list[str]


def member_names(names: Sequence[LooseName], rows: Collection[LooseRow]) -> Repaired:
    """Return the names of members in UTF-8 and with slashes; RECORD's *rows* decide between two readings.

    Raises VariantError if a name is unsafe, or can be read in two ways.
    """
    as_they_are = {row.path for row in rows}
    listed = as_they_are.union(*map(possible_paths, rows))
    decoded, texts = [_decoded(name, listed) for name in names], list[str]()
    if unmarked := [text for text, name in zip(decoded, names, strict=True) if _is_unmarked(name)]:
        texts.append(f"name marked as UTF-8: {first_of(unmarked)}")
    has_slashes = any("/" in name for name in decoded)
    result = [_slashed(name, as_they_are, listed, has_slashes=has_slashes) for name in decoded]
    if changed := [old for old, new in zip(decoded, result, strict=True) if old != new]:
        texts.append(f"backslashes in names replaced by '/': {first_of(changed)}")
    for name in result:
        if is_unsafe(name):
            text = "a name must not be absolute, nor contain '..' or characters that cannot be printed"
            raise VariantError(f"member {name!r}: {text}", remedy=REBUILD)
    return Repaired(result, texts)


def _is_unmarked(name: LooseName) -> bool:
    return not name.is_marked and not name.encoded.isascii()


def _decoded(name: LooseName, listed: Collection[str]) -> str:
    """Return a name; raises VariantError if it has two possible readings, and RECORD lists none or both."""
    if not _is_unmarked(name):
        return name.text
    readings = {name.text}
    with suppress(UnicodeDecodeError):
        readings.add(name.encoded.decode("utf-8"))
    known = [text for text in readings if text.replace("\\", "/") in listed]
    if len(known) != 1:
        text = f"member {name.text!r}: its name is not marked as UTF-8, and RECORD does not list it"
        raise VariantError(text, remedy=REBUILD)
    return known[0]


def _slashed(name: str, as_they_are: Collection[str], listed: Collection[str], *, has_slashes: bool) -> str:
    """Return a name with slashes for backslashes; raises VariantError if these may be part of the name."""
    new = name.replace("\\", "/")
    if new != name and (name in as_they_are or new not in listed) and has_slashes:
        text = f"member {name!r}: its backslashes may separate folders, or be part of the name"
        raise VariantError(text, remedy=REBUILD)
    return new


class Directories(NamedTuple):
    """The dist-info directory and the data directories of a wheel, as they are named."""

    dist_info: str
    data: list[str]

    @classmethod
    def of(cls, names: Collection[str]) -> Directories:
        """Find them; raises VariantError unless there is one dist-info directory with METADATA and WHEEL."""
        tops = sorted({name.partition("/")[0] for name in names})
        dist_infos = [top for top in tops if top.endswith(".dist-info")]
        if len(dist_infos) != 1:
            listed = " and ".join(dist_infos) or "none"
            raise VariantError(f"expected one .dist-info directory, got {listed}", remedy=REBUILD)
        for file in ("METADATA", "WHEEL"):
            if f"{dist_infos[0]}/{file}" not in names:
                raise VariantError(f"{dist_infos[0]}/{file} is missing", remedy=REBUILD)
        return cls(dist_infos[0], [top for top in tops if top.endswith(".data")])


class Identity(NamedTuple):
    """The filename and METADATA, which name the same release, and each repair as a text."""

    filename: WheelFilename
    metadata: bytes
    texts: list[str]


def one_identity(filename: WheelFilename, metadata: bytes, right: str | None) -> Identity:
    """Return a filename and a repaired METADATA that agree; *right* is ``filename``, ``metadata`` or None.

    Raises VariantError if they do not agree and *right* is None, or if METADATA is invalid.
    """
    core_metadata.check_utf8(metadata)
    metadata, mistakes = core_metadata.repaired(metadata)
    texts = [f"METADATA: corrected: {mistake}" for mistake in mistakes]
    name = core_metadata.read_field(metadata, "Name")
    version = core_metadata.read_field(metadata, "Version")
    if escape(name) == escape(filename.distribution) and is_same_version(version, filename.version):
        return Identity(filename, metadata, texts)
    inside, outside = f"{name} {version}", f"{filename.distribution} {filename.version}"
    if right == "filename":
        if escape(name) != escape(filename.distribution):
            metadata = core_metadata.rename_project(metadata, filename.distribution)
        if not is_same_version(version, filename.version):
            metadata = core_metadata.replace_version(metadata, filename.version)
        return Identity(filename, metadata, [*texts, f"METADATA: changed from {inside!r} to {outside!r}"])
    if right == "metadata":
        new = filename._replace(distribution=escape(name), version=_normalized(version))
        return Identity(new, metadata, [*texts, f"file renamed from {outside!r} to {inside!r}"])
    raise VariantError(
        f"the filename names {outside!r}, METADATA names {inside!r}",
        remedy="add --identity filename or --identity metadata to say which is right",
    )


def _normalized(version: str) -> str:
    from packaging.version import Version

    try:
        return str(Version(version))
    except ValueError as error:  # InvalidVersion, or more digits than Python converts
        raise VariantError(str(error), place="METADATA", remedy=REBUILD) from None


def renamed_directories(
    names: Sequence[str], directories: Directories, former: WheelFilename, stem: str
) -> Repaired:
    """Return the names after renaming the dist-info and data directories to *stem*.

    *former* is the old filename. Raises VariantError if a data directory belongs to another release.
    """
    new = {directories.dist_info: f"{stem}.dist-info"}
    known = {former.stem, stem, directories.dist_info.removesuffix(".dist-info")}
    for folder in directories.data:
        own = folder.removesuffix(".data")
        if own not in known and not any(is_same_stem(own, other) for other in known):
            text = f"directory {folder} does not belong to {stem}"
            raise VariantError(text, remedy=REBUILD)
        new[folder] = f"{stem}.data"
    texts = [f"directory {old} renamed to {name}" for old, name in new.items() if old != name]
    return Repaired([_within(name, new) for name in names], texts)


def _within(name: str, folders: Mapping[str, str]) -> str:
    top, separator, rest = name.partition("/")
    return f"{folders.get(top, top)}{separator}{rest}"


def wheel_file(data: bytes, filename: WheelFilename) -> tuple[bytes, list[str]]:
    """Return WHEEL with a Wheel-Version, and with the filename's tags and build number.

    It stays as it is if no rule finds a problem in it. Raises VariantError if it cannot be read.
    """
    if not any(soundness.of_wheel_file(data, filename)):
        return data, []
    try:
        lines = _LINE.findall(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise VariantError(f"not UTF-8 at byte {error.start}", place="WHEEL", remedy=REBUILD) from None
    if field := core_metadata.unread_field(data, ("Wheel-Version", "Root-Is-Purelib", "Tag", "Build")):
        text = f"{field} follows a malformed line, where parsers stop"
        raise VariantError(text, place="WHEEL", remedy=REBUILD)
    texts = list[str]()
    end = "\r\n" if b"\r\n" in data else "\n"
    if core_metadata.find_field(data, "Wheel-Version") is None:
        lines.insert(0, f"Wheel-Version: {_WHEEL_VERSION}{end}")
        texts.append(f"WHEEL: Wheel-Version {_WHEEL_VERSION} added")
    tags = _values(lines, "Tag")
    wanted = ["-".join(tag) for tag in single_tags(filename.tags)]
    if _single(tags) != {*wanted}:
        lines = _replaced(lines, "Tag", wanted, end)
        texts.append(f"WHEEL: tags changed from {', '.join(tags) or 'none'} to {filename.tags}")
    builds = _values(lines, "Build")
    if builds != [filename.build][: bool(filename.build)]:
        lines = _replaced(lines, "Build", [filename.build] if filename.build else [], end)
        texts.append(
            f"WHEEL: build number changed from {', '.join(builds) or 'none'} to {filename.build or 'none'}"
        )
    return "".join(lines).encode(), texts


def _values(lines: Sequence[str], field: str) -> list[str]:
    return [" ".join(match[1].split()) for line in _headers(lines) if (match := _field(line, field))]


def _headers(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines before the first blank one."""
    for line in lines:
        if not line.strip():
            return
        yield line


def _field(line: str, field: str) -> re.Match[str] | None:
    return re.match(rf"(?is){field}[ \t]*:(.*)", line)


def _replaced(lines: Sequence[str], field: str, values: Sequence[str], end: str) -> list[str]:
    """Return the lines with other values of a field, after all other fields."""
    headers = list(_headers(lines))
    rest = lines[len(headers) :]
    kept = [line.rstrip("\r\n") + end for line in headers if not _field(line, field)]
    return [*kept, *(f"{field}: {value}{end}" for value in values), *rest]


def _single(tags: Iterable[str]) -> set[str]:
    """Return the single tags of compressed sets, without malformed ones."""
    return {"-".join(tag) for text in tags for tag in single_tags(text)}


def check_folders(names: Collection[str]) -> list[str]:
    """Return directory entries that are also files, which are to be removed.

    Raises VariantError if other members are inside such a file.
    """
    files = {name for name in names if not name.endswith("/")}
    check_member_folders(files)
    return sorted(name for name in names if name.endswith("/") and name[:-1] in files)
