"""A build backend for dispatching sdists: it builds nothing, it brings the best variant for this machine.

Such an sdist is for installers that know no variants (PEP 517). At its root lies a lock file with the wheels
of one release; the best one is downloaded, held to its hash, and left under a name that every installer
takes. No code but this project's is run, and no plugin.

The user may decide otherwise: ``-Cvariant=LABEL`` or VARIANT_BACKEND_LABEL ask for a label, and ``(plain)``
for the wheel without one. The variable may have several labels with commas between them, as ``NAME#LABEL``
for one project each. VARIANT_BACKEND_HARDWARE names a hardware file that counts instead of this machine, and
VARIANT_BACKEND_INDEX_URL an index that has the same files.
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
    """Bring the chosen wheel (PEP 517); its label is in the build tag of the returned name."""
    from .dispatching import deliver

    dispatched = _chosen(config_settings)
    with _progress(dispatched.pick.wheel.file.size or 0) as advance:
        return deliver.build(dispatched, wheel_directory, metadata_directory, advance=advance)


@ends_in_clear_lines
def prepare_metadata_for_build_wheel(
    metadata_directory: str, config_settings: _ConfigSettings | None = None
) -> str:
    """Bring the metadata of the chosen wheel (PEP 517), and no more of it where the server allows that."""
    from .dispatching import deliver

    dispatched = _chosen(config_settings)
    with _progress(dispatched.pick.wheel.file.size or 0) as advance:
        return deliver.prepare_metadata(dispatched, metadata_directory, advance=advance)


@ends_in_clear_lines
def build_sdist(
    sdist_directory: str,
    config_settings: _ConfigSettings | None = None,  # noqa: ARG001  # PEP 517
) -> str:
    """Write the same sdist again (PEP 517)."""
    from .formats import dispatching_sdist

    return dispatching_sdist.write_again(sdist_directory, os.environ)


@ends_in_clear_lines
def build_editable(
    wheel_directory: str,  # noqa: ARG001  # PEP 660
    config_settings: _ConfigSettings | None = None,  # noqa: ARG001  # PEP 660
    metadata_directory: str | None = None,  # noqa: ARG001  # PEP 660
) -> str:
    """Refuse (PEP 660): there is nothing to edit."""
    from .errors import VariantError

    raise VariantError(
        "this sdist holds no source, only where its wheels are, so nothing in it can be edited",
        hint="install it without -e, or get the source of the project",
    )


def _chosen(config_settings: _ConfigSettings | None) -> Dispatched:
    """Choose, and say so; raises VariantError when nothing can be chosen, after saying why."""
    from .dispatching import deliver

    dispatched = deliver.select_wheel(config_settings, os.environ, tell=say)
    say(dispatched.summary)
    return dispatched


@contextmanager
def _progress(size: int) -> Iterator[Callable[[int], None]]:
    """Give what shows on a terminal how much of so many bytes has come: frontends hide it, or show it."""
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
