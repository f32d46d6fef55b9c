"""Recognize the frontends that install the wheel that they request, because they reject a label in its name.

No frontend tells a hook what it wants. Sources: pip 22.3 to 26.3, uv 0.2 to 0.13, tox 4, build 1.6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Literal, NamedTuple, TypeAlias

from ..errors import VariantError

# The label stands at the end of the filename, not at all, or in the build tag, which installers accept.
Filename: TypeAlias = Literal["labelled", "plain", "tagged"]

# In the folders of its cache, uv builds only wheels that it installs.
_UV_CACHE = re.compile(r"(builds|sdists|built-wheels)-v\d+")


class Installer(NamedTuple):
    """A frontend that installs the wheel. If *caches*, later installations may get the wheel again."""

    name: str
    caches: bool = False

    @classmethod
    def of(
        cls, program: str, environ: Mapping[str, str], source: Path, wheel_directory: str | None = None
    ) -> Installer | None:
        """Return the installer that calls a hook of the project in *source*; None for build frontends.

        *program* is the path of the script that runs the hook, or ``-c``. pip and tox are known in every
        hook, uv only by the *wheel_directory*.
        """
        parts = {*PurePath(program).parts}
        if wheel_directory and any(map(_UV_CACHE.fullmatch, PurePath(wheel_directory).parts)):
            return cls("uv", caches=True)
        if "pyproject_api" in parts:
            return cls("tox")
        # Programs below pip inherit its variable: there, build has its own script, and uv has none.
        is_pip = program.endswith("_in_process.py") and ("pip" in parts or "pyproject_hooks" not in parts)
        if is_pip and environ.get("PIP_BUILD_TRACKER"):
            return cls("pip", _pip_caches(source, wheel_directory or ""))
        return None


def _pip_caches(source: Path, wheel_directory: str) -> bool:
    """Return whether pip puts the wheel into its cache: it does so for sdists and repositories."""
    if "pip-ephem-wheel-cache-" in wheel_directory:  # with --no-cache-dir
        return False
    # pip unpacks them into a temporary folder of its own, and builds a project's folder in place.
    return source.name.startswith("pip-req-build-") or source.parent.name.startswith("pip-install-")


def filename_for(installer: Installer | None, asked: Filename | None) -> Filename:
    """Return how the wheel of a variant is named; *asked* is None if the user can only set a variable.

    The tag shows in a cache which wheel is a variant. Raises VariantError if the user asks for a label and
    the installer rejects it.
    """
    if installer is None:
        return asked or "labelled"
    if asked == "labelled":
        raise VariantError(
            f"{installer.name} rejects a filename with a label",
            remedy="add -Cvariant-filename=plain, or build the wheel with `python -m build`",
        )
    return "plain" if asked == "plain" and not installer.caches else "tagged"


def name_warning(installer: Installer | None, name: str, label: str, *, by_variable: bool) -> str:
    """Return the warning about a wheel that is a variant without its label in the name."""
    what = f"{name} is variant {label!r} without the label in its name"
    project = name.partition("-")[0]
    # uv caches the wheels of different config settings separately.
    if installer and installer.caches and (installer.name == "pip" or by_variable):
        condition, remedy = "", "use --reinstall --no-cache for these"
        if installer.name == "pip":  # whose cache is unknown if it asks for the wheel to read its metadata
            condition, remedy = "without --no-cache-dir, ", f"run `pip cache remove {project}`"
        return (
            f"{what}; {condition}{installer.name} caches it, and later installs it for other requests too:"
            f" {remedy}"
        )
    return f"{what}; do not publish it: run make-variant on it to add the label"
