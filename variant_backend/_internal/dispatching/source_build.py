"""From source: build the source distribution that a dispatching sdist pins, as last resort.

The user must allow it, and no wheel fits. Its own build backend runs, with the requirements that its
``pyproject.toml`` declares: the frontend installs them because the hook returns them. Source: PEP 517 and
PEP 518.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement

from ..building._build_one import UnpackError, unpack
from ..building.wrapped_backend import imported_backend
from ..errors import Problem, VariantError, one_of
from ..formats.dispatching_sdist import BACKEND, PROJECT
from ..formats.pylock import Locked
from ..formats.release import File, Release, shown_location
from ..formats.toml_read import read_toml, value_at
from ..lowlevel.processes import temporary_folder
from ..lowlevel.ranges import Advance
from ..project.config_settings import ConfigSettings, without_variant_settings
from ..project.user_variables import BUILD_SOURCE
from ..selection.download import download
from ..variants.filename import normalize
from ..wheels.reading import WheelFile, open_wheel
from .deliver import sending_hosts
from .hook_results import place_dist_info

# What frontends use if `build-system` is missing (PEP 517 and 518).
_DEFAULT_BACKEND = "setuptools.build_meta:__legacy__"
_DEFAULT_REQUIRES = ("setuptools>=40.8.0",)


class _BuildSystem(NamedTuple):
    """The table ``build-system`` of a source distribution."""

    requires: tuple[str, ...]
    backend: str
    backend_path: tuple[str, ...]

    def hooks(self, *hook: str) -> Any:
        """Return the backend, or one of its hooks; raises VariantError if it cannot be imported."""
        try:
            place = f"{PROJECT}: build-system.build-backend"
            return imported_backend(self.backend, self.backend_path, place, *hook)
        except VariantError as error:
            missing = _missing(self.requires)  # without build isolation
            remedy = "install it, or build with build isolation"
            problems = [Problem("error", "", f"missing build requirement {text}", remedy) for text in missing]
            raise VariantError(*error.problems, *problems) from None


class SourceBuild(NamedTuple):
    """The pinned source distribution of a release, and the *hosts* that may send it.

    *settings* are the config settings for its backend.
    """

    release: Release
    sdist: File
    hosts: frozenset[str]
    settings: ConfigSettings | None

    @property
    def size(self) -> int:
        """The size of the source distribution in bytes."""
        return self.sdist.size or 0

    @property
    def summary(self) -> str:
        """A line that says what is built, and why."""
        what = f"{self.release.name} {self.release.version}"
        return f"{what}: building the source {self.sdist.filename}, as {BUILD_SOURCE} allows"

    def requirements(self) -> list[str]:
        """Download the source distribution, and return its build requirements; raises VariantError."""
        with self._unpacked(lambda _: None) as root:
            return [*read_build_system(root).requires]

    def build(self, wheel_directory: str, metadata_directory: str | None, advance: Advance) -> str:
        """Build the wheel with the source's own backend, and return its name.

        Raises VariantError if a requirement is missing, or the wheel is of another release.
        """
        folder = Path(wheel_directory).absolute()
        prepared = str(Path(metadata_directory).absolute()) if metadata_directory else None
        with self._entered(advance) as system:
            name: str = system.hooks("build_wheel")(str(folder), self.settings, prepared)
            try:
                built = WheelFile.of(folder / name).name.release()
                if built != (normalize(self.release.name), self.release.version):
                    raise VariantError("a wheel of another release")
            except VariantError as error:
                raise error.within(f"its backend built {name!a}") from None
        return name

    def prepare(self, metadata_directory: str, advance: Advance) -> str:
        """Write the dist-info folder of the wheel, and return its name; without such a hook, build the wheel.

        Raises VariantError.
        """
        folder = str(Path(metadata_directory).absolute())
        with self._entered(advance) as system, temporary_folder() as scratch:
            prepare = getattr(system.hooks(), "prepare_metadata_for_build_wheel", None)
            if prepare is not None:
                return str(prepare(folder, self.settings))
            name: str = system.hooks("build_wheel")(str(scratch), self.settings, None)
            with open_wheel(scratch / name) as wheel:
                files = {filename: wheel.read_file(filename) for filename in ("METADATA", "WHEEL")}
                dist_info = wheel.path("METADATA").partition("/")[0]
            return place_dist_info(lambda _: files, folder, dist_info)

    @contextmanager
    def _unpacked(self, advance: Advance) -> Iterator[Path]:
        """Download and verify the source distribution; yield its unpacked folder. Raises VariantError."""
        with temporary_folder() as scratch:
            path = scratch / self.sdist.filename
            download(self.sdist, path, advance=advance, hosts=self.hosts)
            inside = scratch / "unpacked"
            inside.mkdir()
            try:
                yield unpack(path, inside)
            except UnpackError as error:
                raise VariantError(str(error)) from None
            except VariantError as error:
                raise error.within(self.sdist.filename) from None

    @contextmanager
    def _entered(self, advance: Advance) -> Iterator[_BuildSystem]:
        """Yield the build system, in the folder of the source, as backends expect; raises VariantError."""
        with self._unpacked(advance) as root:
            former = Path.cwd()
            os.chdir(root)
            try:
                system = read_build_system(root)
                self._check_further_requirements(system)
                yield system
            finally:
                os.chdir(former)

    def _check_further_requirements(self, system: _BuildSystem) -> None:
        """Raise VariantError if the backend requires packages that its ``pyproject.toml`` does not declare.

        A frontend asks for requirements only once, before it has installed the backend that knows them.
        """
        hook = getattr(system.hooks(), "get_requires_for_build_wheel", None)
        if missing := _missing(hook(self.settings) if hook else ()):
            raise VariantError(
                f"its backend also requires {one_of(missing)}",
                remedy=f"build it without this sdist: pip install {shown_location(self.sdist)}",
            )


def source_of(locked: Locked, sdist: File, config_settings: ConfigSettings | None) -> SourceBuild:
    """Return the source distribution of an sdist as a way to a wheel."""
    return SourceBuild(
        locked.release, sdist, sending_hosts(locked), without_variant_settings(config_settings)
    )


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
    requires = strings("requires", _DEFAULT_REQUIRES)
    try:
        [*map(_requirement, requires)]
    except VariantError as error:
        raise error.within(f"{PROJECT}: build-system.requires") from None
    return _BuildSystem(requires, backend, strings("backend-path", ()))


def _requirement(text: str) -> Requirement:
    """Return a build requirement; raises VariantError if it is invalid, such as an option of pip."""
    try:
        return Requirement(text)
    except InvalidRequirement:
        raise VariantError(f"invalid requirement {text!a}") from None


def _missing(requirements: Iterable[str]) -> list[str]:
    """Return the requirements that the running environment does not have; raises VariantError."""
    from importlib.metadata import PackageNotFoundError, version

    missing = []
    for requirement in map(_requirement, requirements):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            if not requirement.specifier.contains(version(requirement.name), prereleases=True):
                missing.append(str(requirement))
        except PackageNotFoundError:
            missing.append(str(requirement))
    return missing
