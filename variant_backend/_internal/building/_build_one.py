"""A program that builds one sdist or wheel. It runs in a process of its own; only `unpack` is imported.

Its one argument is a JSON object:

    distribution  "sdist" or "wheel"
    source        the project's folder, or its sdist, which this program unpacks into a new folder
    settings      the config settings for the build backend, or null
    requires      further requirements for the isolated environment, beside those of the project
    installer     "pip" or "uv" for an isolated environment; null for the environment of this Python
    output        the folder for the sdist or wheel
    result        the file that receives the path of the sdist or wheel

This program, `build`, the installer and the build backend print to stdout and stderr without delay.
Temporary files go into the folder that TMPDIR, TEMP or TMP name, so the parent process can remove them.
The exit code is 0, or 1 after the reason is printed.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

if TYPE_CHECKING:
    from build import ProjectBuilder

Distribution = Literal["sdist", "wheel"]
Settings = Mapping[str, str] | None


class _BuildError(Exception):
    """An error that is printed as one line."""


class UnpackError(_BuildError):
    """An sdist that cannot be unpacked."""


def main(argument: str) -> None:
    """Build as the JSON *argument* says. Raises SystemExit if the build fails."""
    from build import BuildBackendException

    try:
        build_one(**json.loads(argument))
    except subprocess.CalledProcessError:
        sys.exit(1)  # the installer has printed why
    except BuildBackendException as error:
        cause = error.exception
        if isinstance(cause, subprocess.CalledProcessError) and cause.returncode > 0:
            sys.exit(1)  # the hook has printed why
        text = str(getattr(cause, "traceback", "") or f"{type(cause).__name__}: {cause}").strip()
        _print(text)
        _fail(f"the build backend failed: {text.splitlines()[-1]}")
    except _BuildError as error:
        _fail(str(error))
    except Exception as error:
        _fail(f"{type(error).__name__}: {error}")


def build_one(
    distribution: Distribution,
    source: str,
    settings: Settings,
    requires: Sequence[str],
    installer: Literal["pip", "uv"] | None,
    output: str,
    result: str,
) -> None:
    """Build an sdist or a wheel. The docstring of this module describes the arguments."""
    from build import ProjectBuilder
    from build.env import DefaultIsolatedEnv

    _print_log_of_build()
    with ExitStack() as stack:
        if Path(source).is_file():
            source = str(unpack(Path(source), Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        if installer:
            os.environ.pop("PYTHONPATH", None)  # its packages would not be installed
            env = stack.enter_context(DefaultIsolatedEnv(installer=installer))
            builder = ProjectBuilder.from_isolated_env(env, source)
            # In one run, so that the installer reports contradictions.
            env.install([*builder.build_system_requires, *requires])
            env.install(builder.get_requires_for_build(distribution, settings))
        else:
            builder = ProjectBuilder(source)
            _check_requirements(builder, distribution, settings)
        path = builder.build(distribution, output, settings)
    Path(result).write_text(path, encoding="utf-8")


def _print_log_of_build() -> None:
    """Print what `build` logs: its steps, and the output of the installer."""
    printer = logging.Handler()
    printer.emit = lambda record: _print(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("build")
    logger.addHandler(printer)
    logger.setLevel(logging.INFO)
    with suppress(ImportError, AttributeError):
        # `build` has no public setting that prints each line at once; by default, only failures are printed.
        from build import _ctx

        _ctx.VERBOSITY.set(1)


def _check_requirements(builder: ProjectBuilder, distribution: Distribution, settings: Settings) -> None:
    """Check that the environment of this Python has the build requirements."""
    from build import check_dependency

    # Only an installed backend can list its further requirements.
    missing = {
        chain for requirement in builder.build_system_requires for chain in check_dependency(requirement)
    }
    missing = missing or builder.check_dependencies(distribution, settings)
    if missing:
        names = ", ".join(" -> ".join(chain) for chain in sorted(missing))
        raise _BuildError(
            f"missing build requirements: {names}; install them, or build without --no-isolation"
        )


def unpack(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist into an empty *folder*, and return the project's folder in it.

    Only files, folders and links to them are created, all inside of *folder*. Raises UnpackError.
    """
    try:
        with tarfile.open(sdist) as archive:
            if hasattr(tarfile, "data_filter"):
                archive.extractall(folder, filter="data")
            else:  # Python 3.10 before 3.10.12, and 3.11 before 3.11.4
                check_members(archive, folder)
                archive.extractall(folder)
    except Exception as error:  # tarfile, gzip and zlib have no common error for damaged files
        raise UnpackError(f"{sdist.name}: {error}") from None
    entries = [*folder.iterdir()]
    if len(entries) != 1 or not entries[0].is_dir():
        raise UnpackError(f"{sdist.name}: expected one top-level folder, got {len(entries)} files or folders")
    return entries[0]


def check_members(archive: tarfile.TarFile, folder: Path) -> None:
    """Check that unpacking creates only files and folders, all inside of *folder*; links are refused."""
    root = folder.resolve()
    for member in archive.getmembers():
        if not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"{member.name!r} is neither a file nor a folder")
        if not (root / member.name).resolve().is_relative_to(root):
            raise tarfile.TarError(f"{member.name!r} would be unpacked outside of the folder")


def _print(text: str) -> None:
    print(text.rstrip("\n"), flush=True)  # noqa: T201  # stdout is the log


def _fail(text: str) -> NoReturn:
    _print(f"variant-backend: error: {text}")
    sys.exit(1)


if __name__ == "__main__":
    if Path(sys.path[0]) == Path(__file__).parent:  # modules there must not hide others of the same name
        del sys.path[0]
    main(sys.argv[1])
