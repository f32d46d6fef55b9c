"""Ask the libraries of GPU drivers, which may crash or hang, in a process of their own.

This process never loads them. The other process is started only if the file of a library exists.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ..errors import MOST_SHOWN, Problem, VariantError, ascii_unless_printable
from ..lowlevel.shell_words import command_line
from ..lowlevel.terminal import print_detail
from ..variants.provider_intel import FORCE_DEVICE_IP
from ..variants.provider_nvidia import FORCE_CAPABILITY, FORCE_DRIVER
from .host import LIBRARY_FOLDERS, LOADER_CACHE, Host

_PROGRAM = Path(__file__).with_name("_ask_libraries.py")
# A driver may take ten seconds to start several GPUs. Seconds.
_TIME_LIMIT = 30


class DriverLibrary(NamedTuple):
    """A library that reports devices: its *kind* in `_ask_libraries`, and its files on Linux and Windows.

    If all *forcing* variables have values, its facts are not needed.
    """

    kind: str
    linux: str
    windows: tuple[str, ...]
    forcing: tuple[str, ...]


class LibraryAnswer(NamedTuple):
    """The answer of a library, as `_ask_libraries` prints it, with the name of its file.

    *is_broken*: the library has crashed, hangs, or has disturbed the answer.
    """

    file: str
    version: int | None = None
    devices: tuple[tuple[int, ...], ...] = ()
    error: str | None = None
    is_broken: bool = False

    def failure(self) -> str:
        """Return what has failed in words, or an empty text."""
        return f"{self.file}: {self.error}" if self.error else ""

    def warnings(self) -> tuple[Problem, ...]:
        """Return the problem that the library is broken, or reports only some facts, if it is so."""
        has_problem = self.error and (self.is_broken or self.devices or self.version is not None)
        return (Problem("error", self.file, self.error or ""),) if has_problem else ()

    def source(self, words: str, devices: Iterable[str]) -> str:
        """Return the source of facts: the library, its devices in words in their order, and what fails.

        >>> LibraryAnswer("libnvidia-ml.so.1").source("NVML", ["9.0", "8.6", "9.0"])
        'NVML (libnvidia-ml.so.1): 9.0 (2 devices), 8.6'
        """
        counts = Counter(devices)
        texts = [f"{text} ({count} devices)" if count > 1 else text for text, count in counts.items()]
        failure = f"; {self.error}" if self.error else ""
        return f"{words} ({self.file}): {', '.join(texts) or 'no device'}{failure}"


NVML, CUDA, LEVEL_ZERO = "nvml", "cuda", "level_zero"
_OF_NVIDIA = (FORCE_DRIVER, FORCE_CAPABILITY)
_SYSTEM32 = "{WINDIR}/System32"
_LIBRARIES = (
    DriverLibrary(
        NVML,
        "libnvidia-ml.so.1",
        (f"{_SYSTEM32}/nvml.dll", "{PROGRAMFILES}/NVIDIA Corporation/NVSMI/nvml.dll"),
        _OF_NVIDIA,
    ),
    DriverLibrary(CUDA, "libcuda.so.1", (f"{_SYSTEM32}/nvcuda.dll",), _OF_NVIDIA),
    DriverLibrary(LEVEL_ZERO, "libze_loader.so.1", (f"{_SYSTEM32}/ze_loader.dll",), (FORCE_DEVICE_IP,)),
)


def ask_libraries(host: Host) -> Mapping[str, LibraryAnswer]:
    """Return the answers of the libraries that a machine has, by their kinds.

    One process asks all of them, and the answers are kept: asking again costs nothing. macOS has none.
    """
    existing = [(library.kind, path) for library in _LIBRARIES for path in _path(host, library)]
    return _ask_once((*existing,), (*sorted(host.environ.items()),)) if existing else {}


def _path(host: Host, library: DriverLibrary) -> Iterator[str]:
    """Yield the name or the path with which a library can be loaded, unless it is missing or not needed."""
    if all(host.environ.get(variable) for variable in library.forcing):
        return
    if host.system == "linux" and _is_on_linux(host, library.linux):
        yield library.linux
    elif host.system == "win32":
        folders = {"WINDIR": "C:/Windows", "PROGRAMFILES": "C:/Program Files"}
        folders = {name: host.environ.get(name) or folder for name, folder in folders.items()}
        paths = (path.format_map(folders) for path in library.windows)
        yield from [path for path in paths if os.path.isfile(host.path(path))][:1]  # noqa: PTH113  # never raises


def _is_on_linux(host: Host, name: str) -> bool:
    """Return whether the loader may find a library: in its variable, in its cache, or in a usual folder."""
    given = host.environ.get("LD_LIBRARY_PATH", "").replace(";", ":").split(":")
    triplet = f"{host.machine}-linux-gnu"
    folders = [*(folder for folder in given if folder.startswith("/")), *LIBRARY_FOLDERS]
    folders += [f"/lib/{triplet}", f"/usr/lib/{triplet}", f"{sys.base_prefix}/lib"]
    if any(os.path.exists(host.path(f"{folder}/{name}")) for folder in folders):  # noqa: PTH110  # never raises
        return True
    with suppress(VariantError):
        return f"{name}\0" in (host.text(LOADER_CACHE) or "")
    return False


@lru_cache(maxsize=1)
def _ask_once(
    libraries: tuple[tuple[str, str], ...], environ: tuple[tuple[str, str], ...]
) -> Mapping[str, LibraryAnswer]:
    """Return the answers of libraries: pairs of a kind and a name or path.

    If one breaks the process, the next process asks the rest.
    """
    answers: dict[str, LibraryAnswer] = {}
    rest = [*libraries]
    while rest:
        lines, reason = _run([f"{kind}={path}" for kind, path in rest], dict(environ))
        for (kind, path), line in zip([*rest], [*lines, b""], strict=False):
            file = Path(path).name
            answer = _read(line, kind, file) or LibraryAnswer(file, error=reason, is_broken=True)
            answers[kind] = answer
            del rest[0]
            if answer.is_broken:
                break
    return answers


def _run(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[list[bytes], str]:
    """Run `_ask_libraries`; return its complete lines, and why there may be no more of them."""
    import subprocess

    from ..lowlevel.processes import Child

    python = (sys.executable or "python", "-I", "-S")
    if sys.platform == "win32":  # Python does not start without it
        environ = {"SYSTEMROOT": os.environ.get("SYSTEMROOT", ""), **environ}
    program = [str(_PROGRAM), *arguments]
    print_detail(f"run {command_line([*python, *program])}")
    pipe, no_file = subprocess.PIPE, subprocess.DEVNULL
    try:
        process = Child(program, python=python, stdout=pipe, stderr=no_file, env=environ)
    except OSError as error:
        return [], f"cannot start {python[0]}: {error.strerror or error}"
    with process:
        try:
            output, is_late = process.answer_within(_TIME_LIMIT)
        finally:
            process.end()
    reason = f"no answer within {_TIME_LIMIT} seconds" if is_late else _end(process.returncode)
    return output.splitlines(keepends=True), reason


def _end(code: int) -> str:
    """Return how a process has ended without an answer."""
    import signal

    with suppress(ValueError):
        return f"crashes ({signal.Signals(-code).name})"
    return f"ends the process with exit code {code if code < 256 else hex(code)}"


def _read(line: bytes, kind: str, file: str) -> LibraryAnswer | None:
    """Return the answer in a line; None if the line is missing or cut off."""
    if not line.endswith(b"\n"):
        return None
    try:
        answer = json.loads(line)
        devices = tuple(tuple(map(int, device)) for device in answer["devices"])
        if {*map(len, devices)} - {1 if kind == LEVEL_ZERO else 2}:
            raise ValueError
        version, error = answer["version"], answer["error"]
        return LibraryAnswer(
            file,
            None if version is None else int(version),
            devices,
            None if error is None else ascii_unless_printable(error[:MOST_SHOWN]),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return LibraryAnswer(file, error=f"disturbs the answer with {line[:40]!r}", is_broken=True)
