"""Systems, machines and Python versions of wheel tags (platform compatibility tags).

The tags of a wheel decide some environment markers. Sets have all values that are possible on the machines
where the wheel can be installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product

# By the system of a tag: the values of sys_platform, platform_system and os_name.
_SYSTEMS = {
    "linux": ("linux", "Linux", "posix"),
    "musllinux": ("linux", "Linux", "posix"),
    "macosx": ("darwin", "Darwin", "posix"),
    "win": ("win32", "Windows", "nt"),
}
# By the machine of a tag: the names of the processors that run it, if they are not only this name.
# 64-bit processors also run 32-bit programs.
_PROCESSORS = {
    "amd64": {"x86_64"},
    "32": {"x86", "x86_64", "arm64"},
    **{name: {"x86", "i686", "x86_64"} for name in ("i386", "i686", "x86")},
    **{name: {"x86", "ppc", "ppc64", "x86_64"} for name in ("intel", "fat", "fat3", "fat64", "universal")},
    **{name: {"armv6l", "armv7l", "armv8l", "aarch64"} for name in ("armv6l", "armv7l")},
}
# By the machine of a tag, for the tags that decide platform_machine.
_MACHINES = {"win": {"amd64": "AMD64", "arm64": "ARM64"}, "macosx": {"x86_64": "x86_64", "arm64": "arm64"}}
_ON_LINUX = ("x86_64", "aarch64", "ppc64le", "ppc64", "s390x", "riscv64", "loongarch64")

_IMPLEMENTATIONS = {"cp": ("CPython", "cpython"), "pp": ("PyPy", "pypy")}
_NEWEST_MINOR = 40  # of any Python 3, and of its bug fix releases


def machines_of(platform: str) -> set[tuple[str, str]]:
    """Return the (system, machine) pairs of a platform tag; the machine is empty if the form is unknown.

    >>> sorted(machines_of("macosx_11_0_universal2")), machines_of("win_amd64")
    ([('macosx', 'arm64'), ('macosx', 'x86_64')], {('win', 'amd64')})
    """
    if match := re.fullmatch(r"(?:many)?(linux)(?:\d+|_\d+_\d+)?_(.+)|(musllinux)_\d+_\d+_(.+)", platform):
        return {(match[1] or match[3], match[2] or match[4])}
    if match := re.fullmatch(r"(macosx|ios|android)_\d+(?:_\d+)?_(.+)", platform):
        machines = {"universal2": ["x86_64", "arm64"]}.get(match[2], [match[2]])
        return {(match[1], machine) for machine in machines}
    if match := re.fullmatch(r"(win)_?(32|amd64|arm32|arm64|ia64)", platform):
        return {(match[1], match[2])}
    return {(platform, "")}


def hardware_of_tags(tags: str) -> set[tuple[str, str]]:
    """Return the hardware for a wheel's tags: names as in `sys.platform`, with names of processors.

    It is empty if a platform tag does not decide both.

    >>> hardware_of_tags("py3-none-win_amd64"), hardware_of_tags("py3-none-any")
    ({('win32', 'x86_64')}, set())
    """
    pairs = _pairs(tags)
    if not all(system in _SYSTEMS for system, _ in pairs):
        return set()
    return {
        (_SYSTEMS[system][0], processor)
        for system, machine in pairs
        for processor in _PROCESSORS.get(machine, {machine})
    }


def marker_values(tags: str) -> dict[str, frozenset[str]]:
    """Return the possible values of the environment markers that a wheel's tags decide.

    >>> marker_values("cp313-cp313-win_amd64")["platform_machine"]
    frozenset({'AMD64'})
    """
    values: dict[str, set[str]] = {}
    pairs = _pairs(tags)
    if all(system in _SYSTEMS for system, _ in pairs):
        for index, name in enumerate(("sys_platform", "platform_system", "os_name")):
            values[name] = {_SYSTEMS[system][index] for system, _ in pairs}
        machines = {_machine(*pair) for pair in pairs}
        if None not in machines:
            values["platform_machine"] = {machine for machine in machines if machine}
    values.update(_python_values(tags))
    return {name: frozenset(possible) for name, possible in values.items()}


def _pairs(tags: str) -> set[tuple[str, str]]:
    return {pair for platform in tags.lower().split("-")[2].split(".") for pair in machines_of(platform)}


def _machine(system: str, machine: str) -> str | None:
    """Return the value of platform_machine. None if the tag does not decide it."""
    if system in ("linux", "musllinux"):
        return machine if machine in _ON_LINUX else None
    return _MACHINES[system].get(machine)


def _python_values(tags: str) -> Mapping[str, set[str]]:
    """Return the possible values of the markers about Python."""
    pythons, abis, _ = (part.split(".") for part in tags.lower().split("-"))
    values: dict[str, set[str]] = {}
    kinds = {python[:2] for python in pythons}
    if kinds <= {*_IMPLEMENTATIONS}:
        values["platform_python_implementation"] = {_IMPLEMENTATIONS[kind][0] for kind in kinds}
        values["implementation_name"] = {_IMPLEMENTATIONS[kind][1] for kind in kinds}
    versions = [*_versions(product(pythons, abis))]
    if None not in versions:
        values["python_version"] = {f"{major}.{minor}" for major, minor in filter(None, versions)}
        if len(values["python_version"]) == 1:
            (version,) = values["python_version"]
            values["python_full_version"] = {f"{version}.{micro}" for micro in range(_NEWEST_MINOR)}
    return values


def _versions(tags: Iterable[tuple[str, str]]) -> Iterator[tuple[int, int] | None]:
    """Yield the versions of Python on which tags (Python, ABI) install; None for a tag of another form."""
    for python, abi in tags:
        match = re.fullmatch(r"(py|cp|pp)([23])(\d{0,3})", python)
        if not match:
            yield None
        elif match[2] == "2":
            yield from [(2, int(match[3]))] if match[3] else [(2, 6), (2, 7)]
        elif match[1] == "py" or abi.startswith("abi3"):
            yield from ((3, minor) for minor in range(int(match[3] or 0), _NEWEST_MINOR))
        else:
            yield (3, int(match[3])) if match[3] else None
