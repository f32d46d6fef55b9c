"""A program that builds one sdist or wheel. It runs in a process of its own, and is not imported.

Its one argument is a JSON object:

    distribution  "sdist" or "wheel"
    source        the project's folder, or its sdist, which is unpacked into a new folder
    settings      the config settings for the build backend, or null
    installer     "pip" or "uv" for an isolated environment; null for the environment of this Python
    output        the folder for what is built
    result        the file into which its path is written

What this program, `build`, the installer and the build backend say goes to stdout and stderr as it
comes. What is temporary goes into the folder that TMPDIR, TEMP or TMP name, so whoever ends the process
can remove it. The exit code is 0, or 1 after the reason was said.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

if TYPE_CHECKING:
    from build import ProjectBuilder

Distribution = Literal["sdist", "wheel"]
Settings = Mapping[str, str] | None


class _BuildError(Exception):
    """What is wrong, in one line."""


def main(argument: str) -> None:
    """Build what the argument asks for; raises SystemExit if that cannot be done."""
    from build import BuildBackendException

    try:
        build_one(**json.loads(argument))
    except subprocess.CalledProcessError:
        sys.exit(1)  # the installer has said why
    except BuildBackendException as error:
        fault = error.exception
        if isinstance(fault, subprocess.CalledProcessError) and fault.returncode > 0:
            sys.exit(1)  # the hook has said why
        said = str(getattr(fault, "traceback", "") or f"{type(fault).__name__}: {fault}").strip()
        _say(said)
        _fail(f"the build backend failed: {said.splitlines()[-1]}")
    except _BuildError as error:
        _fail(str(error))
    except Exception as error:
        _fail(f"{type(error).__name__}: {error}")


def build_one(
    distribution: Distribution,
    source: str,
    settings: Settings,
    installer: Literal["pip", "uv"] | None,
    output: str,
    result: str,
) -> None:
    """Build an sdist or a wheel, see the contract above."""
    from build import ProjectBuilder
    from build.env import DefaultIsolatedEnv

    _tell_what_build_does()
    with ExitStack() as stack:
        if Path(source).is_file():
            source = str(unpack(Path(source), Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        if installer:
            os.environ.pop("PYTHONPATH", None)  # what is found there would not be installed
            env = stack.enter_context(DefaultIsolatedEnv(installer=installer))
            builder = ProjectBuilder.from_isolated_env(env, source)
            env.install(builder.build_system_requires)
            env.install(builder.get_requires_for_build(distribution, settings))
        else:
            builder = ProjectBuilder(source)
            _check_requirements(builder, distribution, settings)
        path = builder.build(distribution, output, settings)
    Path(result).write_text(path, encoding="utf-8")


def _tell_what_build_does() -> None:
    """Print what `build` logs: its steps, and what the installer says."""
    printer = logging.Handler()
    printer.emit = lambda record: _say(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("build")
    logger.addHandler(printer)
    logger.setLevel(logging.INFO)
    with suppress(ImportError, AttributeError):
        # No public way gives each line at once; without this one, an installer is heard when it fails.
        from build import _ctx

        _ctx.VERBOSITY.set(1)


def _check_requirements(builder: ProjectBuilder, distribution: Distribution, settings: Settings) -> None:
    """Check that the environment of this Python has what the build needs."""
    from build import check_dependency

    # The backend can be asked what else it needs only if it is there itself.
    missing = {
        chain for requirement in builder.build_system_requires for chain in check_dependency(requirement)
    }
    missing = missing or builder.check_dependencies(distribution, settings)
    if missing:
        names = ", ".join(" -> ".join(chain) for chain in sorted(missing))
        raise _BuildError(
            f"the build needs {names}, which this environment lacks; install that, or build isolated"
        )


def unpack(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist into an empty folder, and return the project's folder in there.

    Nothing is written outside, and nothing but files, folders and links to such is made.
    """
    try:
        with tarfile.open(sdist) as archive:
            if hasattr(tarfile, "data_filter"):
                archive.extractall(folder, filter="data")
            else:  # Python 3.10 before 3.10.12, and 3.11 before 3.11.4
                check_members(archive, folder)
                archive.extractall(folder)
    except (tarfile.TarError, OSError) as error:
        raise _BuildError(f"{sdist.name}: {error}") from None
    entries = [*folder.iterdir()]
    if len(entries) != 1 or not entries[0].is_dir():
        raise _BuildError(
            f"{sdist.name}: one folder is needed at its top, found {len(entries)} files or folders"
        )
    return entries[0]


def check_members(archive: tarfile.TarFile, folder: Path) -> None:
    """Check that unpacking makes nothing but files and folders in *folder*: links are refused altogether."""
    root = folder.resolve()
    for member in archive.getmembers():
        if not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"{member.name!r} is neither a file nor a folder")
        if not (root / member.name).resolve().is_relative_to(root):
            raise tarfile.TarError(f"{member.name!r} would be outside of the folder")


def _say(text: str) -> None:
    print(text.rstrip("\n"), flush=True)  # noqa: T201  # stdout is the log


def _fail(text: str) -> NoReturn:
    _say(f"variant-backend: error: {text}")
    sys.exit(1)


if __name__ == "__main__":
    if Path(sys.path[0]) == Path(__file__).parent:  # its modules must not hide others of their names
        del sys.path[0]
    main(sys.argv[1])
