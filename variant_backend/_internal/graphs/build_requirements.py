"""The build requirements of sdists, read from their ``pyproject.toml`` without running their code.

Sources: PEP 517 and 518. A backend may ask for more requirements when it runs; of those, only that of old
versions of setuptools is known here: they need the package wheel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import VariantError
from ..formats.dispatching_sdist import PROJECT
from ..formats.toml_read import parse_toml, value_at
from ..lowlevel.ranges import opened_file
from ..lowlevel.regular_files import open_regular
from ..lowlevel.tarball import MissingMemberError, read_member
from ..lowlevel.zip_archive import Archive

if TYPE_CHECKING:
    from packaging.version import Version

# What pip and uv use if `build-system.requires` is missing.
_DEFAULT = ["setuptools>=40.8.0"]
# Since this version, setuptools builds wheels without the package wheel.
_WITHOUT_WHEEL = "70.1"


def static_requirements(sdist: Path) -> list[str]:
    """Return the build requirements that an sdist declares; raises VariantError, with its path as place."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requires = value_at(parse_toml(_project_in(sdist), PROJECT), "build-system", "requires")
        if requires is None:
            return _DEFAULT
        if not isinstance(requires, list) or not all(isinstance(text, str) for text in requires):
            raise VariantError("expected a list of strings in build-system.requires", place=PROJECT)
        for text in requires:
            Requirement(text)
    except InvalidRequirement as error:
        raise VariantError(str(error), place=f"{sdist}: {PROJECT}") from None
    except VariantError as error:
        raise error.within(sdist) from None
    return requires


def _project_in(sdist: Path) -> bytes:
    """Return the content of pyproject.toml, empty if there is none; raises VariantError."""
    try:
        if sdist.suffix == ".zip":
            return _project_in_zip(sdist)
        with open_regular(sdist) as opened:
            return read_member(opened, PROJECT)
    except MissingMemberError:
        return b""
    except OSError as error:
        raise VariantError(error.strerror or str(error)) from None


def _project_in_zip(sdist: Path) -> bytes:
    with opened_file(sdist) as source:
        archive = Archive.read(source)
        name = re.compile(rf"[^/]+/{re.escape(PROJECT)}")
        entry = next((entry for entry in archive.entries if name.fullmatch(entry.name)), None)
        return archive.content(entry) if entry else b""


def build_versions(
    requires: Sequence[str], resolve: Callable[[Sequence[str]], Mapping[str, Version]]
) -> Mapping[str, Version]:
    """Return the versions of the build environment of an sdist, by normalized name."""
    from packaging.version import Version

    if not requires:
        return {}
    versions = resolve(requires)
    setuptools = versions.get("setuptools")
    if setuptools and setuptools < Version(_WITHOUT_WHEEL) and "wheel" not in versions:
        return resolve([*requires, "wheel"])
    return versions
