"""The build backend of dispatching sdists: download the best variant for this machine, build nothing.

These sdists are for installers without variant support (PEP 517). Their lock file lists the wheels of one
release. The backend downloads the best one, verifies its hash, and gives it a name that every installer
accepts. If the sdist has ``variants.toml`` instead, the backend downloads nothing: it writes an empty wheel
that requires the distribution of the best variant. It runs no code from the sdist, and no plugins.

The user can override the selection: ``-Cvariant=LABEL`` or VARIANT_BACKEND_LABEL request a label, and
``(plain)`` requests the plain wheel. The variable may have several entries, separated by commas; an entry
``NAME#LABEL`` is for one project. VARIANT_BACKEND_HARDWARE describes another machine: facts, a preset, or the
absolute path of a machine file. VARIANT_BACKEND_INDEX_URL is the URL of an index with the same files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .building.hook_shell import ends_in_clear_lines, say
from .lowlevel.terminal import is_terminal, print_message, print_status

if TYPE_CHECKING:
    from .dispatching.deliver import Dispatched
    from .dispatching.require import RequiringWheel

_ConfigSettings = Mapping[str, Any]


def get_requires_for_build_wheel(config_settings: _ConfigSettings | None = None) -> list[str]:  # noqa: ARG001  # PEP 517
    """Require nothing (PEP 517)."""
    return []


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
    """Download the selected wheel (PEP 517); its label is in the build tag of the returned name."""
    from .dispatching import deliver
    from .formats import dispatching_sdist

    if dispatching_sdist.is_by_requirement():
        return _required(config_settings).build(wheel_directory, metadata_directory)
    dispatched = _selected(config_settings)
    with _progress(dispatched.pick.wheel.file.size or 0) as advance:
        return deliver.build(dispatched, wheel_directory, metadata_directory, advance=advance)


@ends_in_clear_lines
def prepare_metadata_for_build_wheel(
    metadata_directory: str, config_settings: _ConfigSettings | None = None
) -> str:
    """Write the metadata of the selected wheel (PEP 517); download nothing else if the server allows it."""
    from .dispatching import deliver
    from .formats import dispatching_sdist

    if dispatching_sdist.is_by_requirement():
        return _required(config_settings).prepare(metadata_directory)
    dispatched = _selected(config_settings)
    with _progress(dispatched.pick.wheel.file.size or 0) as advance:
        return deliver.prepare_metadata(dispatched, metadata_directory, advance=advance)


@ends_in_clear_lines
def build_sdist(
    sdist_directory: str,
    config_settings: _ConfigSettings | None = None,  # noqa: ARG001  # PEP 517
) -> str:
    """Write an identical sdist (PEP 517)."""
    from .formats import dispatching_sdist

    return dispatching_sdist.write_again(sdist_directory, os.environ)


@ends_in_clear_lines
def build_editable(
    wheel_directory: str,  # noqa: ARG001  # PEP 660
    config_settings: _ConfigSettings | None = None,  # noqa: ARG001  # PEP 660
    metadata_directory: str | None = None,  # noqa: ARG001  # PEP 660
) -> str:
    """Raise VariantError (PEP 660): the sdist has no source code to edit."""
    from .errors import VariantError

    raise VariantError(
        "this sdist has no source code, only the URLs of wheels, so it has no editable install",
        hint="install it without -e, or use the source code of the project",
    )


def _selected(config_settings: _ConfigSettings | None) -> Dispatched:
    """Select a wheel and print which. Raises VariantError if no wheel fits, after printing the reasons."""
    from .dispatching import deliver

    dispatched = deliver.select_wheel(config_settings, os.environ, report=say)
    say(dispatched.summary)
    return dispatched


def _required(config_settings: _ConfigSettings | None) -> RequiringWheel:
    """Select a distribution and print which. Raises VariantError as `_selected` does."""
    from .dispatching.require import select_requirement

    wheel = select_requirement(config_settings, os.environ, report=say)
    say(wheel.summary)
    return wheel


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
