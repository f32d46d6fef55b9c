"""The interpreter and platform that a wheel is selected for: compatible tags, values of markers.

A platform is named by one platform tag. The tag implies older versions of the C library or of macOS, under
their older names too (PEP 600, PEP 656).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, cast

from ..errors import VariantError, did_you_mean, one_of
from ..variants.uv_behaviour import UV_PLATFORMS

if TYPE_CHECKING:
    from packaging.markers import Environment
    from packaging.tags import Tag
    from packaging.version import Version

_LINUX = ("x86_64", "i686", "aarch64", "armv7l", "ppc64le", "ppc64", "s390x", "riscv64", "loongarch64")
_MACOS = ("x86_64", "arm64")
_WINDOWS = ("win_amd64", "win_arm64", "win32")

# The names of some glibc versions before PEP 600, by the number after `2.`.
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}

_PLATFORMS = (
    *UV_PLATFORMS,
    "manylinux_2_N_ARCH",
    "musllinux_1_N_ARCH",
    "linux_ARCH",
    "macosx_N_N_ARCH",
    *_WINDOWS,
    "ARCH-manylinux_2_N",
    "ARCH-musllinux_1_N",
)


class Target(NamedTuple):
    """The environment that a wheel is selected for: the version of Python, and its tags, best first.

    It is *here* if no other platform was requested; then this machine's supported values are used.
    """

    python: Version
    tags: tuple[Tag, ...]
    here: bool

    @classmethod
    def of(cls, python: str | None, platform: str | None, *, running: Version, tags: Iterable[Tag]) -> Target:
        """Return the target for ``--python`` and ``--platform``, by default the running interpreter.

        *running* is the version of the running interpreter, *tags* are its tags (`packaging.tags.sys_tags`).
        *python* is a version of CPython: ``3.12`` means 3.12.0, as in pip and uv; a final ``t`` means the
        free-threaded build. Raises VariantError if the version or the platform is unknown.

        >>> from packaging.tags import sys_tags
        >>> from packaging.version import Version
        >>> target = Target.of("3.13t", "macosx_14_0_arm64", running=Version("3.14.0"), tags=sys_tags())
        >>> target.python, target.here, str(target.tags[0])
        (<Version('3.13')>, False, 'cp313-cp313t-macosx_14_0_arm64')
        """
        tags = tuple(tags)
        if python is None and platform is None:
            return cls(running, _as_in_uv(tags), here=True)
        version, abi = _running(running, tags) if python is None else _cpython(python)
        platforms = _platforms_of(tags) if platform is None else _implied(platform)
        return cls(version, _as_in_uv(_tags(version, abi, platforms)), here=platform is None)

    @property
    def platform(self) -> str:
        """The best platform tag."""
        return next(tag.platform for tag in self.tags)

    @property
    def machine(self) -> str:
        """The machine's name on another platform, as in the marker `platform_machine`."""
        return _platform_markers(self.platform)["platform_machine"]

    def environment(self, running: Environment) -> Environment:
        """Return the values of environment markers; *running* is the result of `default_environment`.

        The release and version of another platform are unknown and therefore empty.
        """
        markers = dict(running)
        release = ".".join(map(str, (*self.python.release, 0, 0)[:3]))
        if re.split("[^0-9.]", running["python_full_version"])[0] != release:  # a prerelease has a suffix
            markers["python_version"] = ".".join(release.split(".")[:2])
            markers["python_full_version"] = markers["implementation_version"] = release
            markers["implementation_name"], markers["platform_python_implementation"] = "cpython", "CPython"
        if not self.here:
            markers |= _platform_markers(self.platform)
        return cast("Environment", markers)

    @property
    def markers(self) -> dict[str, str]:
        """The values of environment markers, for the interpreter that runs this program."""
        from packaging.markers import default_environment

        return {name: str(value) for name, value in self.environment(default_environment()).items()}


def _tags(version: Version, abi: str, platforms: Sequence[str]) -> Iterable[Tag]:
    """Return the tags that `packaging.tags.sys_tags` returns on CPython of a *version*."""
    from packaging.tags import compatible_tags, cpython_tags

    release = version.release[:2]
    yield from cpython_tags(release, [abi], platforms)
    yield from compatible_tags(release, _interpreter(version), platforms)


def _as_in_uv(tags: Iterable[Tag]) -> tuple[Tag, ...]:
    """Return tags in the order of uv: after other tags of the same Python and ABI, those of `linux_ARCH`.

    Releases of packaging put them first or last, and PEP 825 leaves the order to installers.
    """
    groups = groupby(tags, key=lambda tag: (tag.interpreter, tag.abi))
    return tuple(
        tag for _, group in groups for tag in sorted(group, key=lambda tag: tag.platform.startswith("linux_"))
    )


def _cpython(text: str) -> tuple[Version, str]:
    """Return a version of CPython and its ABI tag; raises VariantError."""
    from packaging.version import Version

    match = re.fullmatch(r"(3\.([0-9]{1,4})(?:\.[0-9]{1,4})?)(t?)", text)
    oldest = 13 if match and match[3] else 8  # the first free-threaded build; the first ABI tag without `m`
    if not match or int(match[2]) < oldest:
        raise VariantError(
            f"unknown version of CPython {text!r}",
            remedy="write a version from 3.8 on, such as 3.12 or 3.12.4, or a free-threaded one such as"
            " 3.13t",
        )
    version = Version(match[1])
    return version, f"{_interpreter(version)}{match[3]}"


def _interpreter(version: Version) -> str:
    return f"cp{version.major}{version.minor}"


def _running(version: Version, tags: Sequence[Tag]) -> tuple[Version, str]:
    """Return the version of the running interpreter and its ABI tag; raises VariantError if not CPython."""
    if tags[0].interpreter != _interpreter(version):
        raise VariantError(
            f"the tags of another platform are known for CPython only, not for {tags[0].interpreter!r}",
            remedy="use --python with a version of CPython",
        )
    return version, tags[0].abi


def _platforms_of(tags: Iterable[Tag]) -> list[str]:
    """Return the platforms of *tags* in order."""
    return [*dict.fromkeys(tag.platform for tag in tags if tag.platform != "any")]


def _implied(platform: str) -> list[str]:
    """Return the platform tags that a platform implies, best first; raises VariantError if it is unknown."""
    tag = UV_PLATFORMS.get(platform, platform)
    tag = re.sub(r"^(\w+)-((?:many|musl)linux\w+)$", r"\2_\1", tag)  # as uv writes it
    for minor, name in _LEGACY.items():
        tag = tag.replace(f"{name}_", f"manylinux_2_{minor}_")
    if tag in _WINDOWS or tag in {f"linux_{machine}" for machine in _LINUX}:
        return [tag]
    if match := re.fullmatch(rf"(manylinux_2|musllinux_1)_([0-9]{{1,3}})_({'|'.join(_LINUX)})", tag):
        family, minor, machine = match[1], int(match[2]), match[3]
        implied = _glibc(minor, machine) if family == "manylinux_2" else _musl(minor, machine)
    elif match := re.fullmatch(rf"macosx_([0-9]{{1,3}})_([0-9]{{1,3}})_({'|'.join(_MACOS)})", tag):
        from packaging.tags import mac_platforms

        implied = [*mac_platforms((int(match[1]), int(match[2])), match[3])]
    else:
        implied = []
    if not implied:
        machines = f"ARCH is one of {one_of(_LINUX)}; on macOS one of {one_of(_MACOS)}"
        raise VariantError(
            f"unknown platform {platform!r}{_nearest(platform)}",
            remedy=f"known platforms: {one_of(_PLATFORMS)}; {machines}",
        )
    return implied


def _nearest(platform: str) -> str:
    """Return a suggestion for an unknown platform, or an empty text; ``win`` is the start of windows."""
    longer = (name for name in UV_PLATFORMS if platform and name.startswith(platform))
    return did_you_mean(next(longer, platform), _known_platforms())


def _known_platforms() -> list[str]:
    """Return names of platforms, for suggestions."""
    linux = (f"{family}_{arch}" for family in ("linux", "manylinux_2_28") for arch in _LINUX)
    return [*UV_PLATFORMS, *_WINDOWS, *linux, *(f"macosx_14_0_{arch}" for arch in _MACOS)]


def _glibc(minor: int, machine: str) -> list[str]:
    """Return the platforms of a Linux with glibc 2.*minor*; none if that is older than any manylinux."""
    oldest = 5 if machine in ("x86_64", "i686") else 17
    versions = range(minor, oldest - 1, -1)
    names = [
        name for version in versions for name in (f"manylinux_2_{version}", _LEGACY.get(version)) if name
    ]
    return [f"{name}_{machine}" for name in ("linux", *names)] if names else []


def _musl(minor: int, machine: str) -> list[str]:
    """Return the platforms of a Linux with musl 1.*minor*."""
    return [f"linux_{machine}", *(f"musllinux_1_{version}_{machine}" for version in range(minor, -1, -1))]


def _platform_markers(tag: str) -> dict[str, str]:
    """Return the values of environment markers that follow from a platform tag.

    >>> _platform_markers("macosx_14_0_arm64")["sys_platform"]
    'darwin'
    """
    if tag.startswith("win"):
        machine = {"win_amd64": "AMD64", "win_arm64": "ARM64"}.get(tag, "x86")
        os_name, sys_platform, system = "nt", "win32", "Windows"
    elif match := re.fullmatch(r"macosx_\d+_\d+_(\w+)", tag):
        machine, os_name, sys_platform, system = match[1], "posix", "darwin", "Darwin"
    else:
        machine = re.sub(r"^((many|musl)?linux)(_\d+_\d+)?_", "", tag)
        os_name, sys_platform, system = "posix", "linux", "Linux"
    return {
        "os_name": os_name,
        "platform_machine": machine,
        "platform_release": "",
        "platform_system": system,
        "platform_version": "",
        "sys_platform": sys_platform,
    }


def running_target() -> Target:
    """Return the target of the running interpreter on this machine."""
    from packaging.tags import sys_tags
    from packaging.version import Version

    return Target(Version(".".join(map(str, sys.version_info[:3]))), _as_in_uv(sys_tags()), here=True)
