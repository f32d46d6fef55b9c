"""Wheel filenames with a variant label (PEP 825, "Variant wheel"; the binary distribution format)."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError
from .properties import check_label

if TYPE_CHECKING:
    from packaging.version import Version

# A build tag starts with a digit and a Python tag does not, so a label can follow with or without one.
# Names come from pages and lock files, too: a name that `check_project_name` refuses, or a path, is invalid.
_WHEEL = re.compile(
    r"""
    (?P<distribution>[A-Za-z0-9](?:(?:(?!__)[A-Za-z0-9._])*[A-Za-z0-9])?)
    - (?P<version>[vV]?\d[A-Za-z0-9._+!]*)
    (?: - (?P<build>\d[^-/\\\0]*) )?
    - (?P<tags>[^\W\d][^-/\\\0]* - [^-/\\\0]+ - [^-/\\\0]+)
    (?: - (?P<label>[^-]*) )?
    \.whl
    """,
    re.VERBOSE | re.ASCII,
)

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_INDEX = rf"({_NAME})-([^-]+)-variants\.json"

# More tags than any wheel has. Readers look at each tag, and a short name can stand for millions.
MOST_TAGS = 1000

# The remedy for an invalid filename.
RENAME = "rename it to NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM[-LABEL].whl"

# Browsers, Windows, macOS and wget add these to the names of copies.
_MARK = r" ?\(\d+\)| - Copy(?: \(\d+\))?| copy(?: \d+)?"
_COPY = rf"(?P<front>Copy of )?(?P<stem>.+?)(?P<mark>{_MARK})?\.whl(?P<end>\.\d+)?"


class WheelFilename(NamedTuple):
    """The name of a wheel, in parts (PEP 825, "Variant wheel"; the binary distribution format).

    All parts are spelled as in the filename: *distribution* and *version* may not be normalized, and *tags*
    such as ``py2.py3-none-any`` may be a compressed set. *build* is the build tag, or empty. *label* is None
    if the filename has none: that is a plain wheel.

    If *by_overlay* (internal) is true, an overlay says the label of a wheel whose filename has none.

    >>> name = WheelFilename.parse("numpy-2.3.2-cp313-cp313t-musllinux_1_2_x86_64-x86_64_v3.whl")
    >>> name.label, name.tags
    ('x86_64_v3', 'cp313-cp313t-musllinux_1_2_x86_64')
    >>> str(name._replace(label=None))
    'numpy-2.3.2-cp313-cp313t-musllinux_1_2_x86_64.whl'
    """

    distribution: str
    version: str
    build: str
    tags: str
    label: str | None
    by_overlay: bool = False

    def __str__(self) -> str:
        label = None if self.by_overlay else self.label
        parts = (self.distribution, self.version, self.build, self.tags, label)
        return "-".join(part for part in parts if part) + ".whl"

    @classmethod
    def parse(cls, filename: str) -> WheelFilename:
        """Split a *filename* into its parts.

        Raises VariantError if it is not the filename of a wheel, if the label is invalid, or if a compressed
        set stands for more than 1000 tags.
        """
        match = _WHEEL.fullmatch(filename)
        if not match:
            raise VariantError(
                "invalid wheel filename",
                place=filename,
                remedy=RENAME,
            )
        distribution, version, build, tags, label = match.groups()
        if number_of_tags(tags) > MOST_TAGS:
            raise VariantError(f"more than {MOST_TAGS} tags", place=filename, remedy=RENAME)
        if label is not None:
            try:
                check_label(label)
            except VariantError as error:
                raise error.within(filename) from None
        return cls(distribution, version, build or "", tags, label)

    @property
    def stem(self) -> str:
        """Name and version, as before ``.dist-info`` in the wheel."""
        return f"{self.distribution}-{self.version}"

    @property
    def own(self) -> WheelFilename:
        """The name as the file has it, without the label of an overlay (internal)."""
        return self._replace(label=None, by_overlay=False) if self.by_overlay else self

    def public(self) -> WheelFilename:
        """Return the name without the local version."""
        return self._replace(version=self.version.partition("+")[0])

    def release(self) -> tuple[str, Version]:
        """Return the normalized name and the version, which are equal for all wheels of a release.

        The version is a ``packaging.version.Version``.
        Raises VariantError if the version is invalid (PEP 440).
        """
        from packaging.version import Version

        try:
            return normalize(self.distribution), Version(self.version)
        except ValueError as error:  # InvalidVersion, or more digits than Python converts
            raise VariantError(str(error), place=self) from None


def number_of_tags(tags: str) -> int:
    """Return how many tags a compressed set stands for.

    >>> number_of_tags("py2.py3-none-any")
    2
    """
    return math.prod(part.count(".") + 1 for part in tags.split("-"))


def original_of(filename: str) -> tuple[str, str] | None:
    """Return the name of the wheel of which a file is a copy, and the mark of the copy; None for no copy.

    >>> original_of("six-1.17.0-py3-none-any (1).whl")
    ('six-1.17.0-py3-none-any.whl', ' (1)')
    """
    copy = re.fullmatch(_COPY, filename)
    if copy and (mark := copy["front"] or copy["mark"] or copy["end"]):
        return f"{copy['stem']}.whl", mark
    return None


def check_project_name(name: str) -> None:
    """Check a project name ("Names and normalization" specification). Raises VariantError if invalid."""
    if not re.fullmatch(_NAME, name):
        raise VariantError(
            f"invalid project name {name!r}",
            remedy="use letters and digits, with '.', '_' or '-' between them",
        )


def index_filename(release: tuple[str, Version]) -> str:
    """Return the name of a release's index file (PEP 825, "Index-level metadata").

    *release* is the name of the project, normalized or not, and the version. Raises VariantError if the name
    is invalid.

    >>> index_filename(WheelFilename.parse("Demo_Pkg-1.0-py3-none-any-x86_64_v3.whl").release())
    'demo_pkg-1.0-variants.json'
    """
    name, version = release
    check_project_name(name)  # a name such as ../a would give the path of another file
    return f"{escape(name)}-{version}-variants.json"


def parse_index_filename(filename: str) -> tuple[str, Version]:
    """Return the release of an index file (PEP 825, "Index-level metadata").

    It is the normalized name and the version: the inverse of `index_filename`. Raises VariantError if the
    *filename* is invalid or not normalized.

    >>> name, version = parse_index_filename("demo_pkg-1.0-variants.json")
    >>> f"{name} {version}"
    'demo-pkg 1.0'
    """
    release = release_of_index(filename)
    if release is None:
        raise VariantError(
            "invalid index filename",
            place=filename,
            remedy="rename it to NAME-VERSION-variants.json",
        )
    if filename != index_filename(release):
        raise VariantError(
            "name or version is not normalized",
            place=filename,
            remedy=f"rename it to {index_filename(release)}",
        )
    return release


def release_of_index(filename: str) -> tuple[str, Version] | None:
    """Return the release of an index file, even if its name is not normalized; None for other files.

    Raises VariantError if the version is invalid (PEP 440).
    """
    from packaging.version import Version

    match = re.fullmatch(_INDEX, filename)
    try:
        return (normalize(match[1]), Version(match[2])) if match else None
    except ValueError as error:  # as in `WheelFilename.release`
        raise VariantError(str(error), place=filename) from None


def release_of_sdist(filename: str) -> tuple[str, Version]:
    """Return the normalized name and the version of an sdist.

    Raises VariantError if the filename is invalid, or if the name is not that of a project.
    """
    from packaging.utils import parse_sdist_filename

    try:
        release = parse_sdist_filename(filename)
    except ValueError:  # InvalidSdistFilename, or more digits than Python converts
        raise VariantError("invalid name of an sdist", remedy="rename it to NAME-VERSION.tar.gz") from None
    check_project_name(filename.rpartition("-")[0])  # `packaging` accepts any name
    return release


def is_same_version(one: str, other: str) -> bool:
    """Return whether two versions are equal, or are spellings of one version (PEP 440)."""
    from packaging.version import Version

    try:
        return one == other or Version(one) == Version(other)
    except ValueError:  # InvalidVersion, or more digits than Python converts
        return False


def is_same_stem(one: str, other: str) -> bool:
    """Return whether two texts NAME-VERSION are spellings of one release."""
    names, versions = zip(*(text.rpartition("-")[::2] for text in (one, other)), strict=True)
    return escape(names[0]) == escape(names[1]) and is_same_version(*versions)


def version_of(filename: str) -> Version | None:
    """Return the version in the filename of a wheel, an sdist or an index file, or None for other files."""
    try:
        if filename.endswith(".whl"):
            return WheelFilename.parse(filename).release()[1]
        if filename.endswith(".json"):
            return parse_index_filename(filename)[1]
        return release_of_sdist(filename)[1]
    except VariantError:
        return None


def normalize(name: str) -> str:
    """Return a project name normalized as on indexes ("Names and normalization" specification)."""
    return re.sub(r"[-_.]+", "-", name).lower()  # like packaging.utils, which is slow to import


def name_in(requirement: str) -> str:
    """Return the normalized name of the project that a requirement names; empty if there is no name.

    The requirement is not checked: `packaging` is slow to import.

    >>> name_in(" Demo_Pkg[x]>=1"), name_in(">=1"), name_in("../x")
    ('demo-pkg', '', '')
    """
    name = re.match(r"\s*(\w[\w.-]*)", requirement)
    return normalize(name[1]) if name else ""


def escape(name: str) -> str:
    """Return a project name as in filenames: normalized, with ``_`` for ``-``."""
    return normalize(name).replace("-", "_")
