"""Build the source distribution of a dispatching sdist, where no wheel fits and the user allows it.

Its own build backend runs, with the requirements that its ``pyproject.toml`` declares: the frontend installs
them because `requirements_of_source` returns them (PEP 517). Source: PEP 517 and PEP 518.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..building._build_one import UnpackError, unpack
from ..building.wrapped_backend import imported_backend
from ..errors import VariantError, one_of
from ..formats.dispatching_sdist import BACKEND, PROJECT
from ..formats.release import shown_location
from ..formats.toml_read import read_toml, value_at
from ..lowlevel.processes import temporary_folder
from ..lowlevel.ranges import Advance
from ..project.config_settings import ConfigSettings, backend_settings
from ..selection.download import download
from ..variants.filename import normalize
from ..wheels.reading import WheelFile, open_wheel
from .deliver import SourceBuild

# What frontends use if `build-system` is missing (PEP 517 and 518).
_DEFAULT_BACKEND = "setuptools.build_meta:__legacy__"
_DEFAULT_REQUIRES = ("setuptools>=40.8.0",)


class _BuildSystem(NamedTuple):
    """The table ``build-system`` of a source distribution."""

    requires: tuple[str, ...]
    backend: str
    backend_path: tuple[str, ...]


def requirements_of_source(source: SourceBuild) -> list[str]:
    """Download the source distribution, and return its build requirements; raises VariantError."""
    with _unpacked(source) as root:
        return [*read_build_system(root).requires]


def build_source(
    source: SourceBuild,
    wheel_directory: str,
    config_settings: ConfigSettings | None,
    metadata_directory: str | None = None,
    *,
    advance: Advance = lambda _: None,
) -> str:
    """Build the wheel with the source's own backend, and return its name.

    Raises VariantError if a requirement is missing, or the wheel is of another release.
    """
    folder = Path(wheel_directory).absolute()
    prepared = str(Path(metadata_directory).absolute()) if metadata_directory else None
    with _unpacked(source, advance) as root, _entered(root):
        settings = backend_settings(config_settings)
        build = _hook(root, "build_wheel")
        _check_further_requirements(root, settings, source)
        name: str = build(str(folder), settings, prepared)
    try:
        built = WheelFile.of(folder / name).name.release()
        if built != (normalize(source.release.name), source.release.version):
            raise VariantError("a wheel of another release")
    except VariantError as error:
        raise error.within(f"{source.sdist.filename}: its backend built {name!a}") from None
    return name


def prepare_source_metadata(
    source: SourceBuild,
    metadata_directory: str,
    config_settings: ConfigSettings | None,
    *,
    advance: Advance = lambda _: None,
) -> str:
    """Write the dist-info folder of the wheel, and return its name; without such a hook, build the wheel.

    Raises VariantError.
    """
    folder = Path(metadata_directory).absolute()
    with _unpacked(source, advance) as root, _entered(root):
        settings = backend_settings(config_settings)
        _check_further_requirements(root, settings, source)
        prepare = _optional_hook(root, "prepare_metadata_for_build_wheel")
        if prepare is not None:
            return str(prepare(str(folder), settings))
        with temporary_folder() as scratch:
            name: str = _hook(root, "build_wheel")(str(scratch), settings, None)
            return _dist_info_of(scratch / name, folder)


def _dist_info_of(wheel: Path, folder: Path) -> str:
    """Write METADATA and WHEEL of a wheel into a dist-info folder in *folder*, and return its name."""
    with open_wheel(wheel) as opened:
        name = opened.path("METADATA").partition("/")[0]
        (folder / name).mkdir(parents=True, exist_ok=True)
        for filename in ("METADATA", "WHEEL"):
            (folder / name / filename).write_bytes(opened.read_file(filename))
    return name


@contextmanager
def _unpacked(source: SourceBuild, advance: Advance = lambda _: None) -> Iterator[Path]:
    """Download and verify the source distribution; yield its unpacked folder. Raises VariantError."""
    with temporary_folder() as scratch:
        path = scratch / source.sdist.filename
        download(source.sdist, path, advance=advance, hosts=source.hosts)
        inside = scratch / "unpacked"
        inside.mkdir()
        try:
            yield unpack(path, inside)
        except UnpackError as error:
            raise VariantError(str(error), place=shown_location(source.sdist)) from None


@contextmanager
def _entered(root: Path) -> Iterator[None]:
    """Change into the folder of the source, as backends expect."""
    former = Path.cwd()
    os.chdir(root)
    try:
        yield
    finally:
        os.chdir(former)


def read_build_system(root: Path) -> _BuildSystem:
    """Return the build system of an unpacked source distribution; raises VariantError if it is invalid."""
    path = root / PROJECT
    data: Mapping[str, object] = read_toml(path) if path.exists() else {}

    def strings(key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value = value_at(data, "build-system", key)
        if value is None:
            return default
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise VariantError(f"build-system.{key}: expected a list of strings", place=PROJECT)
        return tuple(value)

    backend = value_at(data, "build-system", "build-backend") or _DEFAULT_BACKEND
    if not isinstance(backend, str) or backend == BACKEND:
        text = f"build-system.build-backend: expected the backend of a source distribution, got {backend!r}"
        raise VariantError(text, place=PROJECT)
    return _BuildSystem(strings("requires", _DEFAULT_REQUIRES), backend, strings("backend-path", ()))


def _hook(root: Path, name: str) -> Callable[..., Any]:
    """Return a hook of the source's backend; raises VariantError if it cannot be imported."""
    system = read_build_system(root)
    place = f"{PROJECT}: build-system.build-backend"
    hook: Callable[..., Any] = imported_backend(system.backend, system.backend_path, place, name)
    return hook


def _optional_hook(root: Path, name: str) -> Callable[..., Any] | None:
    system = read_build_system(root)
    backend = imported_backend(system.backend, system.backend_path, f"{PROJECT}: build-system.build-backend")
    return getattr(backend, name, None)


def _check_further_requirements(root: Path, settings: Mapping[str, Any] | None, source: SourceBuild) -> None:
    """Raise VariantError if the backend requires packages that its ``pyproject.toml`` does not declare.

    A frontend asks for requirements only once, before it has installed the backend that knows them.
    """
    hook = _optional_hook(root, "get_requires_for_build_wheel")
    missing = _missing(hook(settings) if hook else ())
    if missing:
        raise VariantError(
            f"{source.sdist.filename}: its backend also requires {one_of(missing)}",
            hint=f"build it without this sdist: pip install {shown_location(source.sdist)}",
        )


def _missing(requirements: Sequence[str]) -> list[str]:
    """Return the requirements that the running environment does not have."""
    from importlib.metadata import PackageNotFoundError, version

    from packaging.requirements import Requirement

    missing = []
    for requirement in map(Requirement, requirements):
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            if not requirement.specifier.contains(version(requirement.name), prereleases=True):
                missing.append(str(requirement))
        except PackageNotFoundError:
            missing.append(str(requirement))
    return missing
