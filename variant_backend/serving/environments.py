"""The environments that a page of the offer is for: named by a URL, described by an installer, or unknown.

pip and uv describe the running Python in the header User-Agent, as JSON. They may resolve for another one
(``pip download --platform``), so a page for it must keep the wheels of other environments installable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError
from ..selection.evaluate import allows_python
from ..selection.target import Target
from ..variants.ranking import TagPlaces

if TYPE_CHECKING:
    from ..formats.release import Candidate

# CPython, free-threaded with `t`. The newest is not released everywhere, but its wheels are.
_PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.13t", "3.14", "3.14t", "3.15", "3.15t")
_PLATFORMS = (
    *("manylinux_2_41_x86_64", "manylinux_2_41_aarch64", "musllinux_1_2_x86_64", "musllinux_1_2_aarch64"),
    *("macosx_15_0_arm64", "macosx_15_0_x86_64", "win_amd64", "win_arm64"),
)
# The subcommands of uv that install into the environment that they describe.
_INSTALLING = (["pip", "install"], ["pip", "sync"])
_LONGEST_AGENT = 4000


class Slot:
    """An environment, with the positions of its tags: they are looked up for each wheel of a project."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._places = TagPlaces(target.tags)

    def place(self, wheel: Candidate) -> int | None:
        """Return the position of a wheel's best tag, None if the wheel cannot be installed here."""
        place = self._places.of(wheel.name.tags)
        text = wheel.file.requires_python
        if place is None or (text and not allows_python(text, self.target.python)):
            return None
        return place


class Environments(NamedTuple):
    """The environments of a request: *asking* certainly get their best wheels.

    Unless they are *named* by a URL or an option, *others* stay installable: each gets the best wheels that
    do not change what *asking* install. *key* is the same for equal environments.
    """

    key: str
    asking: tuple[Slot, ...]
    others: tuple[Slot, ...] = ()

    @property
    def named(self) -> bool:
        """Whether a URL or an option names the environment."""
        return not self.others


@cache
def common_environments() -> tuple[Slot, ...]:
    """Return the environments that are served if an installer does not describe its own."""
    return tuple(Slot(_target(python, platform)) for platform in _PLATFORMS for python in _PYTHONS)


def unknown_environments() -> Environments:
    """Return the environments of an installer that describes none."""
    return Environments("", (), common_environments())


def environments_named(text: str) -> Environments:
    """Read ``PYTHON-PLATFORM``, such as ``3.12-manylinux_2_28_x86_64``; raises VariantError.

    >>> environments_named("3.13t-musllinux_1_2_aarch64").asking[0].target.platform
    'musllinux_1_2_aarch64'
    """
    python, dash, platform = text.partition("-")
    if not dash:
        hint = "write PYTHON-PLATFORM, such as 3.12-manylinux_2_28_x86_64"
        raise VariantError(f"unknown environment {text!r}", hint=hint)
    return _named(python, platform)


@cache
def _named(python: str, platform: str) -> Environments:
    return Environments(f"{python}-{platform}", (Slot(_target(python, platform)),))


def environment_of_target(target: Target) -> Environments:
    """Return the environments of a target that an option names."""
    return Environments(f"{target.python}-{target.tags[0]}", (Slot(target),))


def environments_of_agent(agent: str) -> Environments:
    """Return the environments of the header User-Agent; those of an unknown installer are unknown.

    A free-threaded Python is described as the usual build, so both get their best wheels.
    """
    described = _described(agent)
    if described is None:
        return unknown_environments()
    python, platform = described
    return _described_environments(python, platform)


@cache
def _described_environments(python: str, platform: str) -> Environments:
    pythons = [python, *([f"{python}t"] if int(python.split(".")[1]) >= 13 else [])]
    try:
        asking = tuple(Slot(_target(one, platform)) for one in pythons)
    except VariantError:  # a platform or a Python that is too old or too new to be known
        return unknown_environments()
    return Environments(f"~{python}-{platform}", asking, common_environments())


def _described(agent: str) -> tuple[str, str] | None:
    """Return ``PYTHON`` and a platform tag from the User-Agent of pip or uv. None if they are unknown."""
    match = re.match(r"(pip|uv)/[^ ]{1,40} (\{.*\})$", agent[:_LONGEST_AGENT], re.DOTALL)
    if not match:
        return None
    try:
        described = json.loads(match[2])
    except (ValueError, RecursionError):
        return None
    if match[1] == "uv" and _at(described, "installer", "subcommand") not in _INSTALLING:
        return None
    if _at(described, "implementation", "name") != "CPython":
        return None
    version = re.match(r"3\.([0-9]{1,2})(?![0-9])", str(_at(described, "python")))
    platform = _platform(described)
    return (version[0], platform) if version and platform else None


def _platform(described: object) -> str | None:
    """Return the platform tag of a described system, None if it is unknown."""
    cpu = str(_at(described, "cpu"))
    system = _at(described, "system", "name")
    libc, version = _at(described, "distro", "libc", "lib"), str(_at(described, "distro", "libc", "version"))
    match = re.match(r"[0-9]{1,2}\.([0-9]{1,3})(?![0-9])", version)
    if system == "Linux" and match and libc in ("glibc", "musl"):
        return f"{'manylinux_2' if libc == 'glibc' else 'musllinux_1'}_{match[1]}_{cpu}"
    if system == "Windows":
        return {"AMD64": "win_amd64", "ARM64": "win_arm64", "x86": "win32"}.get(cpu)
    macos = re.match(r"([0-9]{2})\.([0-9]{1,2})(?![0-9])", str(_at(described, "distro", "version")))
    if system == "Darwin" and macos:
        return f"macosx_{macos[1]}_{macos[2] if macos[1] == '10' else 0}_{cpu}"
    return None


def _at(table: object, *keys: str) -> object:
    """Return the value at a path of keys, None if there is none."""
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table


def _target(python: str, platform: str) -> Target:
    """Return an environment by name; raises VariantError."""
    from packaging.version import Version

    return Target.of(python, platform, running=Version("3.10"), tags=())


def fitting(wheels: Iterable[Candidate], slot: Slot) -> Sequence[tuple[int, Candidate]]:
    """Return the wheels that can be installed in an environment, with the positions of their best tags."""
    placed = ((slot.place(wheel), wheel) for wheel in wheels)
    return [(place, wheel) for place, wheel in placed if place is not None]
