"""Find toolkits and libraries of other makers by their files: CUDA, ROCm, oneAPI, CANN, MPI, BLAS.

No library is loaded, and no program is started.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple, TypeVar

from ..errors import MOST_SHOWN, Problem, VariantError, ascii_unless_printable
from .host import LIBRARY_FOLDERS, LOADER_CACHE, SMALL, Host

_LONGEST_NAME = 100
_MOST_OF_A_FILE = 10_000

_Value = TypeVar("_Value")


class Toolkit(NamedTuple):
    """A toolkit or library: its name, its version if a file says so, the places where it is, its namespace.

    The namespace is that of the devices it is for; it is empty if it is for processors.
    """

    name: str
    version: str | None
    places: tuple[str, ...]
    namespace: str = ""


class ToolkitFile(NamedTuple):
    """A file of a toolkit: its *place*, its *text*, None if it cannot be read, and where the fact is from."""

    place: str
    text: str | None
    source: str
    problems: tuple[Problem, ...] = ()


class _KnownToolkit(NamedTuple):
    """How a toolkit is recognized: variables with its folder, its usual folders, and libraries.

    *version_file* is below the folder, and *version* finds the version in it. *libraries* is a pattern.
    """

    name: str
    variables: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    version_file: str = ""
    version: str = ""
    libraries: str = ""
    namespace: str = ""


_KNOWN = (
    _KnownToolkit(
        "CUDA toolkit",
        ("CUDA_HOME", "CUDA_PATH"),
        ("/usr/local/cuda",),
        "version.json",
        r'"cuda"\s*:\s*\{[^{}]*"version"\s*:\s*"([0-9.]{1,20})"',
        namespace="nvidia",
    ),
    _KnownToolkit(
        "ROCm", ("ROCM_PATH",), ("/opt/rocm",), ".info/version", r"([0-9.]{1,20})", namespace="amd"
    ),
    _KnownToolkit("oneAPI", ("ONEAPI_ROOT",), ("/opt/intel/oneapi",), namespace="intel"),
    _KnownToolkit(
        "CANN",
        ("ASCEND_TOOLKIT_HOME",),
        ("/usr/local/Ascend/ascend-toolkit/latest",),
        "version.cfg",
        r"\[([0-9][0-9A-Za-z.]{0,20})",
        namespace="ascend",
    ),
    _KnownToolkit("Open MPI", libraries=r"libmpi\.so\.(?:[2-9]\d)"),
    _KnownToolkit("MPICH", libraries=r"libmpi(?:ch)?\.so\.1\d"),
    _KnownToolkit("Intel MPI", ("I_MPI_ROOT",)),
    _KnownToolkit(
        "MKL", ("MKLROOT",), ("/opt/intel/oneapi/mkl/latest",), libraries=r"libmkl_rt\.so(?:\.\d+)?"
    ),
    _KnownToolkit("OpenBLAS", libraries=r"libopenblas\w*\.so(?:\.\d+)?"),
    _KnownToolkit("BLIS", libraries=r"libblis\w*\.so(?:\.\d+)?"),
)


def read_toolkit_file(host: Host, toolkit: str, variable: str, folder: str, name: str) -> ToolkitFile:
    """Read a file in the folder of a toolkit, which an environment *variable* may name."""
    if not folder.startswith("/"):
        text, remedy = (
            f"expected an absolute path, got {folder[:MOST_SHOWN]!r}",
            "write the whole path, or unset the variable",
        )
        return ToolkitFile("", None, "", (Problem("error", variable, text, remedy),))
    place = f"{folder.rstrip('/')}/{name}"
    source = ascii_unless_printable(place)
    try:
        content = host.text(place, SMALL)
    except VariantError as error:
        return ToolkitFile(place, None, f"{toolkit}: cannot read {source}", error.problems)
    return ToolkitFile(place, content, f"{toolkit}: {'no ' if content is None else ''}{source}")


def find_toolkits(host: Host) -> tuple[list[Toolkit], list[Problem]]:
    """Return the toolkits on a machine, and a problem for each file or folder that cannot be read."""
    problems: list[Problem] = []
    read = partial(_read_or_note, problems)
    libraries = _library_names(host, read)
    toolkits = [_as_installed(known, host, libraries, read) for known in _KNOWN]
    return [toolkit for toolkit in toolkits if toolkit.places], list(dict.fromkeys(problems))


def _read_or_note(problems: list[Problem], read: Callable[[str], _Value], name: str) -> _Value | None:
    """Return what is read under a name; None after an error, which becomes a problem."""
    try:
        return read(name)
    except VariantError as error:
        problems += error.problems
        return None


def _as_installed(
    known: _KnownToolkit, host: Host, libraries: Iterable[str], read: Callable[..., Any]
) -> Toolkit:
    """Return a toolkit with all its places; there are none if it is missing."""
    named = [host.environ.get(name, "") for name in known.variables]
    named = [folder for folder in named if re.match(r"/|[A-Za-z]:[/\\]", folder)]
    folders = [folder for folder in dict.fromkeys([*named, *known.folders]) if read(host.entries, folder)]
    versions = [
        match[1]
        for folder in folders
        if known.version_file
        and (text := read(host.text, f"{folder}/{known.version_file}"))
        and (match := re.search(known.version, text[:_MOST_OF_A_FILE]))
    ]
    names = sorted({name for name in libraries if re.fullmatch(known.libraries, name)})
    return Toolkit(known.name, next(iter(versions), None), (*folders, *names), known.namespace)


def _library_names(host: Host, read: Callable[..., Any]) -> list[str]:
    """Return the names of the shared libraries that programs find on Linux.

    They are texts between zero bytes in the cache of the loader. Without a cache, usual folders are listed.
    """
    if host.system != "linux":
        return []
    if (cache := read(host.text, LOADER_CACHE)) is not None:
        return [name for name in cache.split("\0") if name.startswith("lib") and len(name) < _LONGEST_NAME]
    return [name for folder in LIBRARY_FOLDERS for name in read(host.entries, folder) or ()]
