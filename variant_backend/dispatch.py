"""The build backend of dispatching sdists: download the best variant for this machine, build nothing.

These sdists are for installers without variant support (PEP 517). Their lock file lists the wheels of one
release. The backend downloads the best one, verifies its hash, and gives it a name that every installer
accepts. If the sdist has ``variants.toml`` instead, the backend downloads nothing: it writes an empty wheel
that requires the distribution of the best variant. It runs no plugins, and no code from the sdist or of the
project, unless the user allows the latter.

The user can override the selection: ``-Cvariant=LABEL`` or VARIANT_BACKEND_LABEL request a label, and
``(plain)`` requests the plain wheel. The variable may have several entries, separated by commas; an entry
``NAME#LABEL`` is for one project. VARIANT_BACKEND_HARDWARE describes another machine: facts, a preset, or the
absolute path of a machine file. VARIANT_BACKEND_INDEX_URL is an index or a folder with the same files.
VARIANT_BACKEND_BUILD_SOURCE lets the backend build the source distribution that an sdist may pin, if no wheel
fits.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ._internal.building.hook_shell import ends_in_clear_lines, say
from ._internal.lowlevel.terminal import is_terminal, print_message, print_status
from ._internal.project.user_variables import BUILD_SOURCE

if TYPE_CHECKING:
    from ._internal.dispatching.ways import Way

_ConfigSettings = Mapping[str, object]


@ends_in_clear_lines
def get_requires_for_build_wheel(config_settings: _ConfigSettings | None = None) -> list[str]:
    """Require nothing, or the build requirements of the source that the user lets it build (PEP 517)."""
    if not os.environ.get(BUILD_SOURCE):
        return []
    from ._internal.dispatching.ways import build_requirements_here

    return build_requirements_here(config_settings, os.environ)


def get_requires_for_build_sdist(config_settings: _ConfigSettings | None = None) -> list[str]:  # noqa: ARG001  # PEP 517
    """Require nothing (PEP 517)."""
    return []


def get_requires_for_build_editable(config_settings: _ConfigSettings | None = None) -> list[str]:  # noqa: ARG001  # PEP 660
    """Require nothing (PEP 660)."""
    return []


@ends_in_clear_lines
def build_wheel(
    wheel_directory: str,
    config_settings: _ConfigSettings | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Deliver the selected wheel (PEP 517); its label is in the build tag of the returned name."""
    way = _selected(config_settings)
    with _progress(way.size) as advance:
        return way.build(wheel_directory, metadata_directory, advance)


@ends_in_clear_lines
def prepare_metadata_for_build_wheel(
    metadata_directory: str, config_settings: _ConfigSettings | None = None
) -> str:
    """Write the metadata of the selected wheel (PEP 517); download nothing else if the server allows it."""
    way = _selected(config_settings)
    with _progress(way.size) as advance:
        return way.prepare(metadata_directory, advance)


@ends_in_clear_lines
def build_sdist(
    sdist_directory: str,
    config_settings: _ConfigSettings | None = None,  # noqa: ARG001  # PEP 517
) -> str:
    """Write an identical sdist (PEP 517)."""
    from ._internal.formats import dispatching_sdist

    return dispatching_sdist.write_again(sdist_directory, os.environ)


@ends_in_clear_lines
def build_editable(
    wheel_directory: str,  # noqa: ARG001  # PEP 660
    config_settings: _ConfigSettings | None = None,  # noqa: ARG001  # PEP 660
    metadata_directory: str | None = None,  # noqa: ARG001  # PEP 660
) -> str:
    """Raise VariantError (PEP 660): the sdist has no source code to edit."""
    from ._internal.errors import VariantError

    raise VariantError(
        "this sdist has no source code, only the URLs of wheels, so it has no editable install",
        remedy="install it without -e, or use the source code of the project",
    )


def _selected(config_settings: _ConfigSettings | None) -> Way:
    """Select a wheel, or the source distribution, and print which.

    If no wheel fits, print the reasons; then raise VariantError unless the source may be built.
    """
    from ._internal.dispatching.ways import select_way

    way = select_way(config_settings, os.environ, report=say)
    say(way.summary)
    return way


@contextmanager
def _progress(size: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that shows on a terminal how many of *size* bytes were downloaded."""
    shown = -1
    done = 0

    def advance(count: int) -> None:
        nonlocal done, shown
        done += count
        if done >> 20 != shown:  # not at every packet
            shown = done >> 20
            print_status(f"variant-backend: {shown} of {size >> 20} MiB")

    try:
        yield advance
    finally:
        if shown >= 0 and is_terminal(sys.stderr):
            print_message()
