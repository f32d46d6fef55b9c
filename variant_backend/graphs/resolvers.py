"""Resolve requirements with an installer's own resolver, through an offer on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError
from ..lowlevel.processes import programs_on_path, run_within, temporary_folder
from ..selection.target import Target
from ..serving.offer_place import OfferPlace
from ..variants.filename import normalize

if TYPE_CHECKING:
    from packaging.version import Version

# The code of a resolver's own failure.
RESOLVER = "resolver"

_TIME_LIMIT = 3600


class Requested(NamedTuple):
    """What to resolve: requirements, requirements files, and files with constraints."""

    requirements: tuple[str, ...]
    files: tuple[Path, ...] = ()
    constraints: tuple[Path, ...] = ()


def resolved_by_uv(requested: Requested, offer: OfferPlace, target: Target) -> Mapping[str, Version]:
    """Return the versions of a whole graph by normalized name, as uv resolves it for a target.

    Raises VariantError with uv's own words if there is no such graph.
    """
    with temporary_folder() as folder:
        listed = folder / "requirements.in"
        listed.write_text("\n".join(requested.requirements), encoding="utf-8")
        command = [
            *(str(_uv()), "pip", "compile", "--no-config", "--quiet", "--no-header", "--no-annotate"),
            *("--default-index", _url_of(offer, target), "--python-version", _python(target)),
            *("--python-platform", _platform(target)),
            *(str(listed), *map(str, requested.files)),
            *(part for path in requested.constraints for part in ("--constraints", str(path))),
        ]
        done = run_within(_TIME_LIMIT, command, _environ())
    if done is None:
        raise VariantError(f"uv has not resolved the requirements within {_TIME_LIMIT} seconds")
    if done.code:
        text = done.errors.decode(errors="replace").strip()
        raise VariantError(f"uv cannot resolve the requirements: {text}", code=RESOLVER)
    return dict(_pins(done.output.decode()))


def _url_of(offer: OfferPlace, target: Target) -> str:
    """Return the URL of the index for a target alone."""
    environment = f"{target.python}-{target.platform}"
    return f"http://run:{offer.token}@{offer.host}/{offer.profile}/{environment}/simple/"


def _uv() -> Path:
    """Return the program of uv; raises VariantError."""
    beside = Path(sys.executable).with_name(f"uv{Path(sys.executable).suffix}")
    for program in [*([beside] if beside.is_file() else []), *programs_on_path(["uv"], os.environ)]:
        return program
    raise VariantError("uv is not installed", hint="run pip install uv, or use --resolver pip")


def _environ() -> dict[str, str]:
    """Return the variables without settings of uv, such as other indexes."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("UV_")}
    return {**kept, **{name: os.environ[name] for name in ("UV_CACHE_DIR",) if name in os.environ}}


def _python(target: Target) -> str:
    return str(target.python)


def _platform(target: Target) -> str:
    """Return a platform as uv names it."""
    platform = next(tag.platform for tag in target.tags if tag.platform.startswith("manylinux_2_28"))
    return f"{platform.removeprefix('manylinux_2_28_')}-manylinux_2_28"


def _pins(text: str) -> Iterator[tuple[str, Version]]:
    """Yield the names and versions of a resolution."""
    from packaging.requirements import Requirement
    from packaging.version import Version

    for line in text.splitlines():
        requirement = Requirement(line)
        (pin,) = requirement.specifier
        yield normalize(requirement.name), Version(pin.version)
