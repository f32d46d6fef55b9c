"""The ways from a dispatching sdist to a wheel: by file, by requirement, or from source as last resort."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from ..errors import VariantError
from ..formats import pylock
from ..formats.dispatching_sdist import is_by_requirement, load_pinned
from ..project.config_settings import ConfigSettings
from ..project.user_variables import may_build_source
from .deliver import DeliveredWheel, select_delivery
from .listed_wheel import NothingFitsError
from .require import RequiringWheel, select_requirement

if TYPE_CHECKING:
    from .source_build import SourceBuild

Way: TypeAlias = "DeliveredWheel | RequiringWheel | SourceBuild"


def select_way(
    config_settings: ConfigSettings | None, environ: Mapping[str, str], *, report: Callable[..., object]
) -> Way:
    """Select the wheel of the sdist in the working directory, for this machine and interpreter.

    Config settings and environment have the user's settings. If no wheel fits, *report* gets a table with the
    reasons, line by line. Then, return the source distribution if the sdist has one and the user allows it.
    Raises VariantError if the sdist is invalid or no wheel fits.
    """
    if is_by_requirement():
        return select_requirement(config_settings, environ, report=report)
    locked = load_pinned()
    try:
        return select_delivery(locked, config_settings, environ, report=report)
    except NothingFitsError:
        source = _allowed_source(locked, config_settings, environ)
        if source is None:
            raise
        return source


def build_requirements_here(config_settings: ConfigSettings | None, environ: Mapping[str, str]) -> list[str]:
    """Return the build requirements of the source of the sdist in the working directory.

    They are none unless the user allows the source, and no wheel fits. Raises VariantError if the source or
    the permission is invalid; the hook that builds reports all other errors.
    """
    if is_by_requirement():
        return []
    locked = load_pinned()
    source = _allowed_source(locked, config_settings, environ)
    if source is None:
        return []
    try:
        select_delivery(locked, config_settings, environ, report=lambda *_: None)
    except NothingFitsError:
        return source.requirements()
    except VariantError:
        pass
    return []


def _allowed_source(
    locked: pylock.Locked, config_settings: ConfigSettings | None, environ: Mapping[str, str]
) -> SourceBuild | None:
    """Return the source distribution that an sdist pins. None if there is none, or it may not be built."""
    if locked.sdist is None or not may_build_source(environ, locked.release.name):
        return None
    from .source_build import source_of

    return source_of(locked, locked.sdist, config_settings)
