"""Run a command of variant-backend on Linux by rules of another system: no proof that it runs there.

    python other_systems.py win32|darwin ARGUMENT...

The code of variant-backend takes its branches for that system, without the calls and modules that it lacks.
As on Windows, open files are neither renamed nor removed, `os.rename` replaces nothing, and some names are
invalid. As on macOS, names that differ in case only are one. Child processes and folders are those of Linux.
`os.name` stays, so paths have slashes.
"""

from __future__ import annotations

import errno
import importlib
import os
import platform
import re
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

# What Windows lacks. The standard library has read what it uses before.
CALLS: dict[types.ModuleType, tuple[str, ...]] = {
    os: (
        *("fork", "killpg", "getpgrp", "setsid", "getuid", "geteuid", "getgroups", "tcgetpgrp", "mkfifo"),
        *("copy_file_range", "sendfile", "pread", "pwrite", "fstatvfs", "statvfs", "fchmod", "set_blocking"),
        *("O_NONBLOCK", "O_NOCTTY", "O_NOFOLLOW", "O_DIRECTORY", "ST_RDONLY", "sysconf", "uname", "link"),
    ),
    # `Popen.kill` of Linux needs SIGKILL.
    signal: ("SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCHLD"),
}
# What macOS lacks; its `sendfile` only sends to sockets.
CALLS_OF_LINUX = ("copy_file_range", "sendfile", "posix_fadvise", "memfd_create", "splice")
MODULES = ("fcntl", "pwd", "grp", "resource", "termios", "tty", "pty")
# These read `sys.platform` or `os` when they are imported.
FIRST = (
    *("http.server", "importlib.metadata", "sqlite3", "ssl", "urllib.request"),
    *("click", "click.shell_completion", "packaging.markers", "packaging.tags"),
)
DEVICES = r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?"
REFUSED = rf'.*[<>:"|?*\x00-\x1f\\].*|.*[. ]|{DEVICES}'


def act_as(system: str) -> None:
    """Change this process; imports that must see Linux come first."""
    for name in FIRST:
        importlib.import_module(name)
    platform.uname()
    sysconfig.get_config_vars()
    tempfile.gettempdir()
    for name in ("_USE_CP_SENDFILE", "_USE_CP_COPY_FILE_RANGE", "_use_fd_functions"):  # as elsewhere
        setattr(shutil, name, False)
    searches = types.SimpleNamespace(NeedCurrentDirectoryForExePath=lambda _: False)
    shutil._winapi = searches  # type: ignore[attr-defined]  # `which` of Python 3.12 asks it
    sys.platform = system
    if system == "darwin":
        without({os: CALLS_OF_LINUX})
        sys.addaudithook(_refuse_other_case)
        return
    import fcntl

    sys.modules["msvcrt"] = _locks_of(fcntl.flock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    subprocess.CREATE_NEW_PROCESS_GROUP = 0  # type: ignore[attr-defined]
    _refuse_to_replace(os.rename)
    sys.addaudithook(_refuse_names_and_open_files)
    without(CALLS)
    sys.modules.update(dict.fromkeys(MODULES))  # type: ignore[arg-type]


def without(calls: dict[types.ModuleType, tuple[str, ...]]) -> None:
    """Remove names of modules."""
    for module, names in calls.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)


def _locks_of(flock: Callable[[int, int], None], exclusive: int) -> types.ModuleType:
    """Return a module whose `locking` works as that of Windows, by the locks of Linux."""
    module: Any = types.ModuleType("msvcrt")
    module.LK_NBLCK = 2

    def locking(descriptor: int, mode: int, length: int) -> None:
        assert (mode, length) == (module.LK_NBLCK, 1)
        try:
            flock(descriptor, exclusive)
        except BlockingIOError:
            raise PermissionError(errno.EACCES, "Permission denied") from None

    module.locking = locking
    return cast("types.ModuleType", module)


def _refuse_to_replace(rename: Callable[..., None]) -> None:
    def refusing(source: Any, target: Any, **options: Any) -> None:
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "file exists", os.fspath(source), None, os.fspath(target))
        rename(source, target, **options)

    os.rename = refusing  # type: ignore[assignment]  # options as a whole


def _refuse_names_and_open_files(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("os.remove", "os.rename"):
        opened = _opened()
        for path in (str(os.fsdecode(one)) for one in arguments[:2] if isinstance(one, str | bytes | Path)):
            real = os.path.realpath(path)
            if any(f"{place}/".startswith(f"{real}/") for place in opened):
                raise _windows_error(32, "The process cannot access the file because it is in use", path)
    if event == "os.remove" and not os.lstat(arguments[0]).st_mode & stat.S_IWUSR:
        raise _windows_error(5, "Access is denied", str(arguments[0]))
    if event in ("open", "os.mkdir", "os.rename") and isinstance(arguments[0], str | bytes | Path):
        name = Path(os.fsdecode(arguments[event == "os.rename"])).name
        if re.fullmatch(REFUSED, name, re.IGNORECASE):
            raise _windows_error(123, "The filename, directory name, or volume label is incorrect", name)
    if event in ("os.symlink", "os.fork"):
        raise _windows_error(1314, "A required privilege is not held by the client", "")


def _refuse_other_case(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse a name beside another one that macOS takes for it: the command would expect two files."""
    if event in ("open", "os.mkdir", "os.rename") and isinstance(arguments[0], str | bytes | Path):
        path = Path(os.fsdecode(arguments[event == "os.rename"]))
        if path.parent.is_dir() and not str(path).startswith(("/dev/", "/proc/")):
            same = [name for name in os.listdir(path.parent) if name.casefold() == path.name.casefold()]  # noqa: PTH208
            if same and path.name not in same:
                raise FileExistsError(errno.EEXIST, "another name differs in case only", str(path))


def _opened() -> set[str]:
    places = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            places.add(str(link.readlink()))
        except OSError:  # that of the listing itself
            continue
    return places


def _windows_error(number: int, text: str, path: str) -> OSError:
    error = PermissionError(errno.EACCES, text, path)
    error.winerror = number  # type: ignore[attr-defined]
    return error


if __name__ == "__main__":
    act_as(sys.argv.pop(1))
    from variant_backend._internal.cli.main import main

    main(prog_name="variant-backend")
