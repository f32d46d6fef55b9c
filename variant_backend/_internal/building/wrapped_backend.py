"""Import the wrapped build backend by the rules of PEP 517, and give it a private build folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..errors import Problem, VariantError, did_you_mean
from ..lowlevel.regular_files import open_regular
from ..project.pyproject import PROJECT_FILE, Project, wrapped_problem

if TYPE_CHECKING:
    from importlib.metadata import Distribution, DistributionFinder

# The name of the folders with marks of `kept_files`.
MARKS = ".variant-backend"

_KNOWN_BACKENDS = (
    "setuptools.build_meta",
    "hatchling.build",
    "mesonpy",
    "flit_core.buildapi",
    "scikit_build_core.build",
    "pdm.backend",
    "poetry.core.masonry.api",
    "maturin",
    "uv_build",
)


def wrapped_backend(project: Project, *hook: str) -> Any:
    """Import the backend that the project file names, and return it or its *hook*.

    Raises VariantError if the import fails or the hook is missing.
    """
    reference = project.build_backend or ""
    place = f"{PROJECT_FILE}: tool.variant-backend.build-backend"
    if problem := wrapped_problem(reference):
        raise VariantError(problem).within(PROJECT_FILE)
    return imported_backend(reference, project.backend_path, place, *hook)


def imported_backend(reference: str, backend_path: Sequence[str], place: str, *hook: str) -> Any:
    """Import the backend of a *reference* in the form of ``build-backend``; return it or its *hook*.

    Raises VariantError, at the *place*, if the import fails or the hook is missing.
    """
    module_name, _, object_path = reference.partition(":")
    _look_first_in(backend_path, module_name)
    try:
        backend: Any = _import(module_name)
        for attribute in filter(None, [*object_path.split("."), *hook]):
            backend = getattr(backend, attribute)
    except VariantError as error:
        raise error.within(place) from None
    except AttributeError as error:
        raise VariantError(f"{place}: {reference!r}: {error}{_suggestion(reference)}") from None
    return backend


@contextmanager
def wheel_written_by(backend: str | None) -> Iterator[None]:
    """Name the backend in errors about its wheel: the wheel is deleted, so the user cannot mend it."""
    try:
        yield
    except VariantError as error:
        raise VariantError(*(caused_by(backend, problem) for problem in error.problems)) from None


def caused_by(backend: str | None, problem: Problem) -> Problem:
    """Return a problem of a wheel with the backend in its remedy, if the remedy is to change the wheel."""
    from ..lowlevel.zip_records import MEND, REBUILD
    from ..variants.filename import RENAME
    from ..wheels.reading import IDENTIFY
    from ..wheels.soundness import REMEDIES

    if problem.remedy not in (MEND, IDENTIFY, REBUILD, RENAME, REMEDIES["bad-wheel-file"]):
        return problem
    return problem._replace(
        remedy=f"update {backend!r}, which wrote this wheel, or report the error to its project"
    )


def unsound_lines(wheel: Path, backend: str | None) -> list[str]:
    """Return a line for each problem because of which an installer refuses a wheel that *backend* wrote."""
    from ..lowlevel.ranges import Source
    from ..wheels.examination import read_sound
    from ..wheels.reading import WheelFile

    try:
        with wheel_written_by(backend), open_regular(wheel, buffering=0) as file:
            read_sound(WheelFile.of(wheel).name, Source.of(file.fileno()))
    except VariantError as error:
        return error.within(wheel.name).lines()
    except OSError:  # the frontend reports it
        return []
    return []


@contextmanager
def compiled_apart(folder: Path) -> Iterator[Path]:
    """Let setuptools compile in *folder* instead of the project's `build` folder; yield the build folder.

    Setuptools compares names and times of files, not compiler flags. So in a shared folder, it would reuse
    the object files of another variant. Setuptools 65.5 and newer read `setup.cfg`, and then the file that
    DIST_EXTRA_CONFIG names. A `build_lib` that the project sets, or that a backend such as poetry-core
    passes, is not changed.
    """
    import configparser

    variable = "DIST_EXTRA_CONFIG"
    former = os.environ.get(variable)
    config = configparser.RawConfigParser()
    config.optionxform = str  # type: ignore[assignment,method-assign]  # names stay as they are
    if former:
        try:
            config.read(former, encoding="utf-8")
        except (configparser.Error, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise VariantError(f"{former} (from {variable}): cannot be read: {reason}") from None
    path = folder / "build.cfg"
    with _build_base(folder) as base:
        config.read_dict({"build": {"build_base": str(base).replace("%", "%%")}})
        with path.open("w", encoding="utf-8") as file:
            config.write(file)
        os.environ[variable] = str(path)
        try:
            yield base
        finally:
            if former is None:
                os.environ.pop(variable, None)  # the backend may have cleared the environment
            else:
                os.environ[variable] = former


@contextmanager
def _build_base(folder: Path) -> Iterator[Path]:
    """Yield a build folder inside *folder*, or a private one in the working directory, by its relative path.

    Setuptools expands ``$name`` and ``{name}`` in the path of the tree that becomes a wheel, and nothing
    escapes a ``$``. So its own `build` folder, which has a relative path, works where an absolute path fails.
    """
    if {*"${}"}.isdisjoint(str(folder)):
        yield folder / "build"
        return
    from ..lowlevel.workspace import workspace

    with workspace(Path.cwd()) as inside:
        yield Path(inside.name, "build")


def has_marks(root: Path) -> bool:
    """Return whether an earlier build of a variant left marks in a source tree."""
    with suppress(OSError), os.scandir(root) as entries:
        return any(
            entry.name == MARKS or os.path.isdir(os.path.join(entry.path, MARKS))  # noqa: PTH112, PTH118  # fast
            for entry in entries
            if entry.is_dir()
        )
    return False


def _import(module_name: str) -> ModuleType:
    """Import a backend's module. Raises VariantError, which says whether it is missing or broken."""
    try:
        return import_module(module_name)
    except ModuleNotFoundError as error:
        if f"{module_name}.".startswith(f"{error.name}."):
            raise VariantError(
                f"no module named {error.name!r}{_suggestion(module_name)}",
                remedy="correct its name, or add its package to build-system.requires or backend-path",
            ) from None
        cause: BaseException = error
    except (Exception, SystemExit) as error:
        cause = error
    text = f"{type(cause).__name__}: {cause}".splitlines()[0]
    raise VariantError(f"importing {module_name!r} failed: {text}") from cause


def _suggestion(reference: str) -> str:
    return "" if reference in _KNOWN_BACKENDS else did_you_mean(reference, _KNOWN_BACKENDS)


def _look_first_in(backend_path: Sequence[str], module_name: str) -> None:
    """Search ``backend-path`` before all other folders; search the backend's own package only there."""
    if backend_path and not any(isinstance(finder, _BackendPathFinder) for finder in sys.meta_path):
        folders = [str(Path(folder).resolve()) for folder in backend_path]
        sys.meta_path.insert(0, _BackendPathFinder(folders, module_name.partition(".")[0]))


class _BackendPathFinder:
    """Finds top-level modules in ``backend-path``; the backend's own module must be there (PEP 517)."""

    def __init__(self, folders: Sequence[str], package: str) -> None:
        self.folders = folders
        self.package = package

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Find a top-level module. The import system itself finds modules inside packages."""
        if "." in name:
            return None
        spec = PathFinder.find_spec(name, self.folders)
        if spec is None and name == self.package:
            raise ModuleNotFoundError(f"No module named {name!r} in backend-path", name=name)
        return spec

    def find_distributions(self, context: DistributionFinder.Context) -> Iterable[Distribution]:
        """Find installed distributions in ``backend-path``, where a backend may have plugins."""
        from importlib.metadata import DistributionFinder, MetadataPathFinder

        inside = DistributionFinder.Context(name=context.name, path=[*self.folders])
        return MetadataPathFinder.find_distributions(inside)
