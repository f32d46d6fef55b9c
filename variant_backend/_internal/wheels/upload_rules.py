"""Rules about one wheel that a public index such as PyPI refuses, although installers take it.

Sources: the code of PyPI (warehouse, August 2026), twine 7 and the core metadata specification.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from ..errors import MOST_SHOWN, Problem, one_of
from ..formats import core_metadata
from ..lowlevel.newer_dependencies import FIELDS
from ..lowlevel.terminal import readable_size
from ..variants.filename import WheelFilename, escape

LARGEST_FILE = 100 << 20  # PyPI's default limit

_MACOS_REMEDY = "set MACOSX_DEPLOYMENT_TARGET to a version such as 11.0, and rebuild the wheel"

_VERSIONS = ("1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5")
_LONGEST_SUMMARY = 512
# Other rules of `check` report these fields.
_CHECKED_ELSEWHERE = {"name", "version", "requires-dist", "requires-python"}

_MANYLINUX = r"x86_64|i686|aarch64|armv7l|ppc64le|s390x"
_PLATFORMS = (
    r"any|win32|win_(amd64|arm64|ia64)|linux_armv[67]l"
    rf"|manylinux(1|2010)_(x86_64|i686)|manylinux2014_({_MANYLINUX}|ppc64)"
    rf"|manylinux_\d+_\d+_({_MANYLINUX}|ppc64|riscv64)|musllinux_\d+_\d+_({_MANYLINUX}|riscv64)"
    r"|macosx_(10_\d+|[1-9]\d_0)_(ppc|ppc64|i386|x86_64|arm64|intel|fat|fat3|fat64|universal2?)"
    r"|ios_\d+_\d+_(arm64|x86_64)_(iphoneos|iphonesimulator)"
    r"|android_\d+_(armeabi_v7a|arm64_v8a|x86|x86_64)|pyemscripten_\d+_\d+_wasm32"
)


def of_upload(filename: WheelFilename, size: int) -> Iterator[Problem]:
    """Find parts of a wheel's name, and a *size* in bytes, that PyPI refuses. The label is not checked."""
    spelled = escape(filename.distribution)
    if filename.distribution != spelled:
        text = f"expected {spelled!r} at the start of the filename, got {filename.distribution!r}"
        yield Problem("name-spelling", "", text)
    if "+" in filename.version:
        yield Problem("local-version", "", f"local version {filename.version[:MOST_SHOWN]!r}")
    for platform in filename.tags.split("-")[2].split("."):
        if not re.fullmatch(_PLATFORMS, platform):
            remedy = _MACOS_REMEDY if re.match(r"macosx_[1-9]\d_", platform) else ""
            yield Problem("refused-platform", "", f"public indexes refuse {platform[:MOST_SHOWN]!r}", remedy)
    if size > LARGEST_FILE:
        yield Problem("large-upload", "", f"{readable_size(size)}, over {LARGEST_FILE >> 20} MiB")


def of_fields(data: bytes) -> Iterator[Problem]:
    """Find fields of METADATA that twine and PyPI refuse; none if packaging is too old (`FIELDS`)."""
    if FIELDS.problem():
        return
    from packaging.metadata import ExceptionGroup, InvalidMetadata, Metadata, parse_email

    code = "refused-field"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return  # another rule reports it
    raw, unparsed = parse_email(data)
    if (version := raw.get("metadata_version")) not in _VERSIONS:
        if version is not None:  # otherwise the field is missing or duplicate
            text = f"expected one of {one_of(_VERSIONS)}, got {version[:MOST_SHOWN]!r}"
            yield Problem(code, "Metadata-Version", text, "rebuild the wheel with a current build backend")
        return
    if _VERSIONS.index(version) < _VERSIONS.index("2.4"):
        # Old setuptools writes them into older versions, so twine leaves them out.
        raw.pop("license_files", None)
        unparsed.pop("license-file", None)
    for field, values in sorted(unparsed.items()):
        is_repeated = len(values) > 1 and field.replace("-", "_") in vars(Metadata)
        if field not in _CHECKED_ELSEWHERE:
            text = (
                f"expected one value, got {len(values)}" if is_repeated else "unknown field or invalid value"
            )
            yield Problem(code, field.title()[:MOST_SHOWN], text)
    if len(raw.get("summary", "")) > _LONGEST_SUMMARY:
        yield Problem(code, "Summary", f"longer than {_LONGEST_SUMMARY} characters")
    try:
        Metadata.from_raw(raw)
    except ExceptionGroup as group:
        errors = [error for error in group.exceptions if isinstance(error, InvalidMetadata)]
        for error in sorted(errors, key=str):
            if error.field not in _CHECKED_ELSEWHERE:
                yield Problem(code, error.field.title(), str(error)[:MOST_SHOWN])
    except (ValueError, LookupError, RecursionError, MemoryError) as error:  # packaging did not expect it
        yield Problem(code, "", str(error)[:MOST_SHOWN] or type(error).__name__)


def of_licenses(data: bytes, names: Collection[str], folder: str) -> Iterator[Problem]:
    """Find license files in METADATA that are missing among *names*, the members of the wheel.

    *folder* is the .dist-info directory. License-File has this meaning since version 2.4 (PEP 639).
    """
    older = _VERSIONS[: _VERSIONS.index("2.4")]
    if any(version in older for version in core_metadata.all_values(data, "Metadata-Version")):
        return
    listed = core_metadata.all_values(data, "License-File")
    files = [file for file in listed if f"{folder}/licenses/{file}" not in names]
    if files:
        text = f"{one_of(map(repr, files[:3]))} is missing in {folder}/licenses/"
        yield Problem("missing-license-file", "License-File", text)
