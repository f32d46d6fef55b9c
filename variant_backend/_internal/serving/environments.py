"""The environments that a page of the offer is for: named by a URL, described by an installer, or unknown.

pip and uv describe the running Python in the header User-Agent, as JSON. They may resolve for another one
(``pip download --platform``), so a page for it must keep the wheels of other environments installable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import product
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..errors import VariantError
from ..selection.evaluate import allows_python
from ..selection.target import Target

if TYPE_CHECKING:
    from packaging.tags import Tag
    from packaging.version import Version

# CPython, free-threaded with `t`. The newest is not released everywhere, but its wheels are.
_PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.13t", "3.14", "3.14t", "3.15", "3.15t")
_PLATFORMS = (
    *("manylinux_2_41_x86_64", "manylinux_2_41_aarch64", "musllinux_1_2_x86_64", "musllinux_1_2_aarch64"),
    *("macosx_15_0_arm64", "macosx_15_0_x86_64", "win_amd64", "win_arm64", "win32"),
)
# Older versions of these systems, which accept fewer wheels.
_OLDER = (
    *("manylinux_2_28_x86_64", "manylinux_2_28_aarch64", "manylinux_2_17_x86_64", "manylinux_2_17_aarch64"),
    *("macosx_11_0_arm64", "macosx_10_13_x86_64"),
)
# A patch release that Requires-Python rarely excludes.
_NEWEST_PATCH = 99
# The subcommands of uv that install into the environment that they describe.
_INSTALLING = (["pip", "install"], ["pip", "sync"])
_LONGEST_AGENT = 4000
# Clients name environments, so that only some are remembered.
_MOST_REMEMBERED = 256

# The group of tags with the same Python and ABI, and the platform in it; lower is better.
Place: TypeAlias = "tuple[int, int]"


class Fit(NamedTuple):
    """The position of a wheel's best tag in an environment.

    *place* is that of uv and PEP 825. *earliest* is the best one among installers: some put ``linux_ARCH``
    first, others last.
    """

    place: Place
    earliest: Place


class Slot:
    """An environment: its *name* as in URLs, its version of Python, and the positions of its tags."""

    def __init__(self, name: str, python: Version, tags: Iterable[Tag], platforms: Iterable[str]) -> None:
        self.name = name
        self._python = python
        groups = dict.fromkeys((tag.interpreter, tag.abi, tag.platform == "any") for tag in tags)
        self._groups = {group: place for place, group in enumerate(groups)}
        self._platforms = {platform: place for place, platform in enumerate(platforms)}

    @classmethod
    def of(cls, target: Target) -> Slot:
        """Return the environment of a target."""
        return cls(name_of_target(target), target.python, target.tags, _platforms_of(target))

    def fit(self, tags: str, requires_python: str | None) -> Fit | None:
        """Return the positions of a wheel with these tags, None if it cannot be installed here."""
        if not self.allows(requires_python):
            return None
        parts = [part.lower().split(".") for part in tags.split("-")]
        fits = [fit for tag in product(*parts) if (fit := self._fit(*tag))]
        if not fits:
            return None
        return Fit(min(fit.place for fit in fits), min(fit.earliest for fit in fits))

    def allows(self, requires_python: str | None) -> bool:
        """Return whether Requires-Python allows the version of Python."""
        return not requires_python or allows_python(requires_python, self._python)

    def _fit(self, python: str, abi: str, platform: str) -> Fit | None:
        group = self._groups.get((python, abi, platform == "any"))
        place = 0 if platform == "any" else self._platforms.get(platform)
        if group is None or place is None:
            return None
        return Fit((group, place), (group, 0 if platform.startswith("linux_") else place))


class Environments(NamedTuple):
    """The environments of a request: *asking* certainly get their best wheels.

    Unless they are *named* by a URL or an option, *others* stay installable: each gets the best wheels that
    do not change what *asking* install. *older* versions of their systems get wheels that change nothing for
    *asking* and *others*. *key* is the same for equal environments.
    """

    key: str
    asking: tuple[Slot, ...]
    others: tuple[Slot, ...] = ()
    older: tuple[Slot, ...] = ()

    @property
    def named(self) -> bool:
        """Whether a URL or an option names the environment."""
        return not self.others

    @property
    def slots(self) -> tuple[Slot, ...]:
        """All environments; *asking* come first."""
        return self.asking + self.others + self.older


@cache
def common_environments() -> tuple[Slot, ...]:
    """Return the environments that are served if an installer does not describe its own."""
    return _on_each(_PLATFORMS)


@cache
def older_environments() -> tuple[Slot, ...]:
    """Return the environments of older systems."""
    return _on_each(_OLDER)


def _on_each(names: Iterable[str]) -> tuple[Slot, ...]:
    """Return the environments of each Python on platforms."""
    # Tags of a Python are in the same order on all platforms, so few lists of tags need to be made.
    pythons = {python: _target(_newest(python), "win_amd64") for python in _PYTHONS}
    platforms = {platform: _platforms_of(_target("3.12", platform)) for platform in names}
    return tuple(
        Slot(f"{python}-{platform}", target.python, target.tags, listed)
        for platform, listed in platforms.items()
        for python, target in pythons.items()
    )


def _newest(python: str) -> str:
    """Return the newest patch release: ``3.13.99t`` for ``3.13t``."""
    version = python.removesuffix("t")
    return f"{version}.{_NEWEST_PATCH}{python[len(version) :]}"


def _platforms_of(target: Target) -> tuple[str, ...]:
    """Return the platforms of a target, best first."""
    return tuple(dict.fromkeys(tag.platform for tag in target.tags if tag.platform != "any"))


def unknown_environments() -> Environments:
    """Return the environments of an installer that describes none."""
    return Environments("", (), common_environments() + older_environments())


@lru_cache(_MOST_REMEMBERED)
def environments_named(text: str) -> Environments:
    """Read ``PYTHON-PLATFORM``, such as ``3.12-manylinux_2_28_x86_64``; raises VariantError.

    >>> environments_named("3.13t-musllinux_1_2_aarch64").asking[0].name
    '3.13t-musllinux_1_2_aarch64'
    """
    python, dash, platform = text.partition("-")
    if not dash:
        remedy = "write PYTHON-PLATFORM, such as 3.12-manylinux_2_28_x86_64"
        raise VariantError(f"unknown environment {text!r}", remedy=remedy)
    target = _target(python, platform)
    return Environments(text, (Slot(text, target.python, target.tags, _platforms_of(target)),))


def name_of_target(target: Target) -> str:
    """Return the name of a target: as URLs have it for CPython, with the interpreter for another one.

    >>> name_of_target(_target("3.13t", "win_amd64"))
    '3.13t-win_amd64'
    """
    first = target.tags[0]
    python = ".".join(map(str, target.python.release))
    threaded = "t" if first.abi.endswith("t") else ""
    other = "" if first.interpreter.startswith("cp") else f"{first.interpreter}-"
    return f"{other}{python}{threaded}-{target.platform}"


def environment_of_target(target: Target) -> Environments:
    """Return the environments of a target that an option names."""
    slot = Slot.of(target)
    return Environments(slot.name, (slot,))


def environments_of_agent(agent: str) -> Environments:
    """Return the environments of the header User-Agent; those of an unknown installer are unknown.

    A free-threaded Python is described as the usual build, so both get their best wheels.
    """
    described = _described(agent)
    return _described_environments(*described) if described else unknown_environments()


@lru_cache(_MOST_REMEMBERED)
def _described_environments(python: str, platform: str) -> Environments:
    pythons = [python, *([f"{python}t"] if int(python.split(".")[1]) >= 13 else [])]
    try:
        asking = tuple(Slot.of(_target(one, platform)) for one in pythons)
    except VariantError:  # a platform or a Python that is too old or too new to be known
        return unknown_environments()
    return Environments(f"~{python}-{platform}", asking, common_environments(), older_environments())


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
    version = re.match(r"3\.[0-9]{1,2}(\.[0-9]{1,3})?(?![0-9])", str(_at(described, "python")))
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
