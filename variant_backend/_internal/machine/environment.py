"""Find the environment that the user means, and the folders with its distributions.

A virtual environment is read by its layout, because a cloned project may contain one, and running its
interpreter would run its code. Any other interpreter is asked in a child process.
"""

from __future__ import annotations

import json
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError, did_you_mean
from ..lowlevel.processes import programs_on_path, run_within
from ..lowlevel.regular_files import read_regular
from ..lowlevel.shell_words import quoted

# Seconds.
_TIME_LIMIT = 30

_REMEDY = "use --interpreter with another interpreter or environment"

# `-I` hides the user's site-packages, which the interpreter sees otherwise.
_QUESTION = """
import json, os, site, sys, sysconfig
folders = list(sys.path)
if sys.prefix == sys.base_prefix and not os.environ.get("PYTHONNOUSERSITE"):
    folders.insert(0, site.getusersitepackages())
is_cpython = sys.implementation.name == "cpython"
suffix = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
version = ".".join(map(str, sys.version_info[:3])) + suffix if is_cpython else None
folders = list(filter(os.path.isdir, folders))
print(json.dumps({"executable": sys.executable, "folders": folders, "python": version}))
"""


class Environment(NamedTuple):
    """An environment in which distributions are installed.

    *location* is its folder, or the interpreter that was asked. *found_by* is the source of the location.
    *folders* have its distributions, in the order of the import path. *interpreter* is None if it is missing.
    *python* is the version of CPython, as ``--python`` takes it: None if unknown or another implementation.
    """

    location: str
    found_by: str
    folders: tuple[Path, ...]
    interpreter: Path | None = None
    python: str | None = None

    @classmethod
    def of_folders(cls, folders: Sequence[Path]) -> Environment:
        """Return the environment that ``--path`` names: site-packages folders, without an interpreter."""
        return cls(", ".join(map(str, folders)), "--path", tuple(folders))

    def executable(self) -> str:
        """Return the interpreter as an argument of a command; raises VariantError if there is none."""
        if self.interpreter is None:
            raise VariantError("no interpreter found", place=self, remedy="use --interpreter")
        return str(self.interpreter)

    def __str__(self) -> str:
        return f"{self.location} ({self.found_by})"


def find_environment(interpreter: str | None = None) -> Environment:
    """Return the environment of ``--interpreter``, or else the one that the user works in.

    Raises VariantError as `named_environment` and `active_environment` do, or if the current folder is gone.
    """
    if interpreter is not None:
        return named_environment(interpreter, os.environ)
    try:
        current = Path.cwd()
    except OSError as error:
        remedy = "change to another folder, or use --interpreter"
        raise VariantError(error.strerror or str(error), place="current folder", remedy=remedy) from None
    return active_environment(_without_uvx(os.environ), current) or _own_environment()


def active_environment(
    environ: Mapping[str, str], folder: Path, *, windows: bool = sys.platform == "win32"
) -> Environment | None:
    """Return the environment of ``VIRTUAL_ENV``, the project's ``.venv``, or the Python on ``PATH``.

    *folder* is the current folder. The project's ``.venv`` is in it or in a parent, up to the one with
    pyproject.toml. None if there is no environment. Raises VariantError if ``VIRTUAL_ENV`` or ``.venv`` is
    not an environment, or if no Python on ``PATH`` answers.
    """
    if active := environ.get("VIRTUAL_ENV"):
        path = Path(active)
        if not _is_dir(path):
            raise VariantError(
                f"folder not found: {active!r}",
                place="VIRTUAL_ENV",
                remedy="activate another environment, unset VIRTUAL_ENV, or use --interpreter",
            )
        return _read_environment(path, "VIRTUAL_ENV", environ)
    for parent in (folder, *folder.parents):
        if _is_dir(parent / ".venv"):
            return _read_environment(parent / ".venv", ".venv of the project", environ)
        if _is_file(parent / "pyproject.toml"):
            break
    return _environment_on_path(environ, windows=windows)


def named_environment(
    text: str, environ: Mapping[str, str], *, windows: bool = sys.platform == "win32"
) -> Environment:
    """Return the environment that ``--interpreter`` names: an executable, its name on PATH, or a folder.

    Raises VariantError if there is none, or if the interpreter does not answer.
    """
    named = "--interpreter"
    path = Path(text)
    if _is_dir(path):
        if is_virtual(path):
            return _read_environment(path, named, environ)
        if interpreter := _interpreter_in(path):
            return _ask(interpreter, named)
        from ..wheels.distributions import has_distributions  # takes long to import, and is rarely needed

        remedy = f"use --path {quoted(text)}" if has_distributions(path) else _REMEDY
        raise VariantError("no interpreter found in this folder", place=text, remedy=remedy)
    if _is_file(path):
        return _environment_of(path, named, environ)
    if path.name != text:
        raise VariantError(f"interpreter not found{_nearest(path)}", place=text, remedy=_REMEDY)
    for executable in programs_on_path(
        [text.removesuffix(".exe") if windows else text], environ, windows=windows
    ):
        return _environment_of(executable, named, environ)
    raise VariantError(f"interpreter not found on PATH{_nearest(path)}", place=text, remedy=_REMEDY)


def _nearest(path: Path) -> str:
    """Return a suggestion of the environment whose name is nearest to a missing one, or an empty text."""
    try:
        names = [entry.name for entry in path.parent.iterdir() if is_virtual(entry)]
    except OSError:
        names = []
    return did_you_mean(path.name, names)


def _without_uvx(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment variables without the folder that uvx puts on ``PATH`` for this tool."""
    if "UV" not in environ or environ.get("VIRTUAL_ENV"):
        return environ
    folders = environ.get("PATH", "").split(os.pathsep)
    others = [folder for folder in folders if not Path(folder).is_relative_to(sys.prefix)]
    return {**environ, "PATH": os.pathsep.join(others)}


def _own_environment() -> Environment:
    """Return the environment of this interpreter."""
    folders = tuple(Path(path) for path in dict.fromkeys(sys.path) if path and _is_dir(Path(path)))
    suffix = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    version = ".".join(map(str, sys.version_info[:3])) + suffix
    python = version if sys.implementation.name == "cpython" else None
    interpreter = Path(sys.executable) if sys.executable else None
    return Environment(sys.prefix, "variant-backend's own", folders, interpreter, python)


def _environment_on_path(environ: Mapping[str, str], *, windows: bool) -> Environment | None:
    """Return the environment of the first Python on ``PATH`` that answers, or None if there is no Python.

    On Windows, ``python.exe`` may be a placeholder for the store, and ``py.exe`` starts an installed Python.
    """
    errors: list[VariantError] = []
    for executable in programs_on_path(("python", "py" if windows else "python3"), environ, windows=windows):
        try:
            return _environment_of(executable, "PATH", environ)
        except VariantError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return None


def _environment_of(executable: Path, found_by: str, environ: Mapping[str, str]) -> Environment:
    """Return the environment of an interpreter: by layout if it is a virtual environment."""
    executable = Path(os.path.abspath(executable))  # noqa: PTH100  # it keeps the symlinks of environments
    for prefix in executable.parents[:2]:
        if _is_file(prefix / "pyvenv.cfg"):
            return _read_environment(prefix, found_by, environ)._replace(interpreter=executable)
    return _ask(executable, found_by)


def _ask(executable: Path, found_by: str) -> Environment:
    """Ask an interpreter for its folders; raises VariantError if it does not answer."""
    fail = partial(VariantError, place=executable, remedy=_REMEDY)
    try:
        ended = run_within(_TIME_LIMIT, [str(executable), "-I", "-c", _QUESTION])
    except OSError as error:
        raise fail(f"cannot be started: {error.strerror or error}") from None
    if ended is None:
        raise fail(f"no answer within {_TIME_LIMIT} seconds")
    try:
        answer = json.loads(ended.output)
        folders = tuple(map(Path, dict.fromkeys(answer["folders"])))
        interpreter = Path(answer["executable"])  # the started program may be a launcher
        return Environment(str(interpreter), found_by, folders, interpreter, answer["python"])
    except (ValueError, KeyError, TypeError):
        lines = ended.errors.decode("utf-8", "replace").strip().splitlines() or [""]
        reason = lines[-1] if lines[0].startswith("Traceback") else lines[0]
        said = f": {reason}" if reason else ""
        raise fail(f"not a usable Python: exit code {ended.code}{said}") from None


def is_virtual(prefix: Path) -> bool:
    """Return whether a folder is an environment of venv, virtualenv or conda."""
    return _is_file(prefix / "pyvenv.cfg") or _is_dir(prefix / "conda-meta")


# Path.is_dir and Path.is_file raise OSError for a name that is too long, and in a folder that is closed.
def _is_dir(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113


def _interpreter_in(prefix: Path) -> Path | None:
    """Return the interpreter of an environment or installation, None if it has none."""
    names = ("bin/python", "bin/python3", "Scripts/python.exe", "bin/python.exe", "python.exe")
    return next((prefix / name for name in names if _is_file(prefix / name)), None)


def _read_environment(prefix: Path, found_by: str, environ: Mapping[str, str]) -> Environment:
    """Read an environment by its layout; raises VariantError if it is not an environment."""
    prefix = Path(os.path.abspath(prefix))  # noqa: PTH100  # it keeps symlinks
    if not is_virtual(prefix):
        text = f"not a virtual environment: {prefix / 'pyvenv.cfg'} is missing"
        raise VariantError(text, place=found_by, remedy="recreate it, or use --interpreter")
    config = _read_config(prefix / "pyvenv.cfg") if _is_file(prefix / "pyvenv.cfg") else {}
    match = re.match(r"3\.\d+(\.\d+)?", config.get("version_info") or config.get("version") or "")
    release = ".".join(match[0].split(".")[:2]) if match else ""
    folders = _site_packages(prefix, release) or _site_packages(prefix, f"{release}t")
    python = _cpython(
        prefix, match[0] if match else None, folders[:1], config.get("implementation", "CPython")
    )
    if python and python.endswith("t"):
        release += "t"  # a system may have both builds of a release
    # `uv run --with` adds an environment in front of the project's environment.
    if extended := config.get("extends-environment"):
        folders += _site_packages(Path(extended), release)
    if config.get("include-system-site-packages", "").lower() == "true":
        folders += [
            *_user_site(release, environ),
            *base_site_packages(_base_home(config), release),
        ]
    folders = [path for folder in folders for path in (folder, *_added_paths(folder))]
    return Environment(
        str(prefix),
        found_by,
        tuple(dict.fromkeys(folders)),
        _interpreter_in(prefix),
        python,
    )


def _cpython(prefix: Path, version: str | None, folders: Iterable[Path], implementation: str) -> str | None:
    """Return a version of CPython as ``--python`` takes it.

    The free-threaded build shows in the name of its folder; on Windows, in a second name of its interpreter.
    """
    name = next((folder.parent.name for folder in folders), "")
    if implementation != "CPython" or name.startswith("pypy"):
        return None
    match = re.fullmatch(r"python(3\.\d+)t?", name)
    version = version or (match[1] if match else None)
    is_free_threaded = (match and name.endswith("t")) or any((prefix / "Scripts").glob("python3.*t.exe"))
    return f"{version}t" if version and is_free_threaded else version


def _read_config(path: Path) -> dict[str, str]:
    """Read pyvenv.cfg (PEP 405); raises VariantError if it cannot be read."""
    try:
        lines = read_regular(path).decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise VariantError(f"cannot be read: {error.strerror or error}", place=path, remedy=_REMEDY) from None
    pairs = (line.partition("=") for line in lines)
    return {key.strip().lower(): value.strip() for key, separator, value in pairs if separator}


def _base_home(config: Mapping[str, str]) -> Path:
    """Return the folder of the interpreter from which an environment was created, by its pyvenv.cfg.

    Python 3.10 names the environment in which it created another one, and does not use its packages. Raises
    VariantError if the pyvenv.cfg of that environment cannot be read.
    """
    home = Path(config.get("home", ""))
    outer = home.parent / "pyvenv.cfg"
    if home.is_absolute() and _is_file(outer):
        return Path(_read_config(outer).get("home", ""))
    return home


def _site_packages(prefix: Path, release: str, name: str = "site-packages") -> list[Path]:
    """Return the existing site-packages folders below a prefix; *release* is 3.11, or empty if unknown."""
    folders = [path for lib in ("lib", "lib64") for path in sorted((prefix / lib).glob(f"*/{name}"))]
    # An environment that was upgraded in place has folders of several releases.
    pattern = rf"(python|pypy){re.escape(release) or '3.*'}"
    folders = [path for path in folders if re.fullmatch(pattern, path.parent.name)]
    windows = prefix / "Lib" / name
    return _without_links([*folders, *([windows] if _is_dir(windows) else [])])


def base_site_packages(home: Path, release: str = "") -> list[Path]:
    """Return the folders of the interpreter in *home*; without a *release*, those of all releases."""
    if not home.is_absolute():
        return []
    prefix = home.parent if home.name == "bin" else home
    prefixes = (prefix / "local", prefix)
    folders = [path for base in prefixes for path in _site_packages(base, release)]
    # Debian and its descendants install into these.
    folders += [path for base in prefixes for path in _site_packages(base, release, "dist-packages")]
    shared = prefix / "lib" / "python3" / "dist-packages"
    return _without_links([*folders, *([shared] if _is_dir(shared) else [])])


def _user_site(release: str, environ: Mapping[str, str]) -> list[Path]:
    """Return the user's site-packages folder, if it exists (`site.getusersitepackages`)."""
    linux, windows = f"lib/python{release}/site-packages", f"Python{release.replace('.', '')}/site-packages"
    candidates = [
        ("PYTHONUSERBASE", linux),
        ("PYTHONUSERBASE", windows),
        ("HOME", f".local/{linux}"),
        ("HOME", f"Library/Python/{release}/lib/python/site-packages"),
        ("APPDATA", f"Python/{windows}"),
    ]
    folders = [Path(environ[name], end) for name, end in candidates if environ.get(name)]
    return [] if environ.get("PYTHONNOUSERSITE") else [path for path in folders if _is_dir(path)][:1]


def _added_paths(folder: Path) -> list[Path]:
    """Return the folders that the .pth files of a site-packages folder add; their code is not run."""
    added: list[Path] = []
    for file in sorted(folder.glob("*.pth")):
        try:
            lines = read_regular(file).decode("utf-8", "replace").splitlines()
        except OSError:
            continue
        paths = (line.strip() for line in lines if not line.startswith(("#", "import ", "import\t")))
        added += [folder / path for path in paths if path and _is_dir(folder / path)]
    return added


def _without_links(folders: Iterable[Path]) -> list[Path]:
    """Return the folders without second names of the same folder, such as lib64."""
    first: dict[Path, Path] = {}
    for folder in folders:
        first.setdefault(folder.resolve(), folder)
    return [*first.values()]
