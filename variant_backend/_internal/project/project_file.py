"""Read the project file in a project's folder, or in an sdist; replace it in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem, RequestError, VariantError
from ..formats.toml_read import parse_toml, read_toml, refuse_byte_order_mark, value_at
from ..lowlevel.regular_files import open_regular, read_regular
from ..lowlevel.tarball import read_member
from ..lowlevel.terminal import print_read
from ..lowlevel.workspace import move_new, move_over, workspace
from ..variants.filename import normalize, release_of_sdist
from ..variants.validation import Document
from .pyproject import PROJECT_FILE, Project, build_system_problems

# Paths with these endings name sdists, even if they do not exist.
_ARCHIVES = (".tar.gz", ".zip")


class ProjectFile(NamedTuple):
    """The content of the project file in *source*, a project's folder or an sdist.

    *place* names the project file in messages.
    """

    source: Path
    place: str
    data: Mapping[str, object]
    project: Project

    @classmethod
    def read(cls, source: Path) -> ProjectFile:
        """Read the project file in a folder or in an sdist.

        Raises VariantError with every problem, or OSError if the sdist cannot be opened.
        """
        if source.is_file() or source.name.endswith(_ARCHIVES):
            return cls._read_sdist(source)
        path = source / PROJECT_FILE
        if not path.exists():
            raise VariantError("file not found", place=path, remedy="give the project's folder as PATH")
        return cls._parsed(source, str(path), read_toml(path))

    def in_sdist(self, path: Path) -> ProjectFile:
        """Read the project file in an sdist of the same project.

        Raises what `read` raises. Raises RequestError if the sdist is of another release, or has other
        variants or recipes than this file: its wheels would not be as this file says.
        """
        sdist = self._read_sdist(path)
        remedy = "make a new sdist of the project, or give this sdist as PATH, without --sdist"
        if release := _other_release(self.data, path.name):
            text = f"expected an sdist of {release}, as in {self.place}"
            raise RequestError(text, place=path, remedy=remedy)
        if sdist.project != self.project:
            text = f"[variant] or [tool.variant-backend] differs from {self.place}"
            raise RequestError(text, place=sdist.place, remedy=remedy)
        return sdist

    def build_system_problems(self) -> list[Problem]:
        """Return why builds do not get to `variant_backend.hooks`, or to the wrapped backend."""
        path = PROJECT_FILE if self.source.is_file() else self.source / PROJECT_FILE
        return build_system_problems(self.data, path)

    def error(self, *problems: Problem) -> VariantError:
        """Return an error with problems of this file; only a new sdist solves those of an sdist."""
        if self.source.is_file():
            problems = tuple(
                problem._replace(remedy=f"{problem.remedy or 'correct the project'}; then make a new sdist")
                for problem in problems
            )
        return VariantError(*problems).within(self.place)

    @classmethod
    def _read_sdist(cls, path: Path) -> ProjectFile:
        if not path.exists():
            remedy = "give the project's folder or its sdist as PATH"
            raise VariantError("file not found", place=path, remedy=remedy)
        _check_sdist_name(path)
        print_read(path)
        try:
            with open_regular(path) as file:
                content = read_member(file, PROJECT_FILE.name)
        except VariantError as error:
            raise error.within(path) from None
        place = f"{path}: {PROJECT_FILE}"
        return cls._parsed(path, place, parse_toml(content, place))

    @classmethod
    def _parsed(cls, source: Path, place: str, data: Mapping[str, object]) -> ProjectFile:
        document = Document()
        file = cls(source, place, data, Project.parse(document, data))
        if document.problems:
            raise file.error(*document.problems)
        return file


def _check_sdist_name(path: Path) -> None:
    """Check that a file is named NAME-VERSION.tar.gz. Raises VariantError."""
    if path.name.endswith(".zip"):
        remedy = "unpack it, and give the unpacked folder as PATH"
        raise VariantError("expected NAME-VERSION.tar.gz, got a zip file", place=path, remedy=remedy)
    try:
        release_of_sdist(path.name)
    except VariantError:
        if path.name.endswith(".tar.gz"):
            text = f"expected the name of an sdist, NAME-VERSION.tar.gz, got {path.name!r}"
            raise VariantError(text, place=path, remedy="rename it, for example to demo-1.0.tar.gz") from None
        text = "expected a folder or an sdist NAME-VERSION.tar.gz, got another file"
        remedy = "give the project's folder, its pyproject.toml or its sdist"
        raise VariantError(text, place=path, remedy=remedy) from None


def _other_release(data: Mapping[str, object], filename: str) -> str | None:
    """Return the name and version in a project file if an sdist's filename has others; else None.

    Some backends read the name or the version elsewhere, so they may be missing in the project file.
    """
    from packaging.utils import canonicalize_version

    stated_name, stated_version = (value_at(data, "project", key) for key in ("name", "version"))
    name, version = release_of_sdist(filename)
    is_same_name = not isinstance(stated_name, str) or normalize(stated_name) == name
    is_same_version = not isinstance(stated_version, str) or (
        canonicalize_version(stated_version) == canonicalize_version(version)
    )
    if is_same_name and is_same_version:
        return None
    return f"{stated_name or name} {stated_version or version}"


def find_project_file(path: Path) -> Path:
    """Return the pyproject.toml in the folder *path*, or *path* itself.

    The file may be missing if there is a setup.py beside it. Raises VariantError if both are missing.
    """
    file = path / PROJECT_FILE if path.is_dir() else path
    is_legacy = file.name == PROJECT_FILE.name and file.with_name("setup.py").is_file()
    if (not file.exists() or file.is_dir()) and not is_legacy:
        raise VariantError(
            "file not found, and no setup.py beside it", place=file, remedy="give the folder of a project"
        )
    return file


def read_project_file(file: Path) -> str:
    """Return the text of a project file, or "" if it is missing; raises VariantError."""
    if not file.exists():
        return ""
    data = read_regular(file)
    refuse_byte_order_mark(data, file)
    try:
        return data.decode("utf-8")
    except ValueError as error:
        raise VariantError(f"invalid TOML: {error}", code="not-toml", place=file) from None


def write_project_file(file: Path, old: str, new: str) -> None:
    """Replace the *old* text of a project file by the *new* one in one step.

    The file's mode and a symbolic link to it are kept. Raises VariantError if the file has changed.
    """
    target = file.resolve()
    is_new = not target.exists()
    if read_project_file(target) != old:
        raise _changed(file)
    with workspace(target.parent) as folder:
        fresh = folder / target.name
        fresh.write_bytes(new.encode())
        if not is_new:
            import shutil  # builds import this module, and do not need it

            shutil.copymode(target, fresh)
            move_over(fresh, target)
            return
        try:
            move_new(fresh, target)
        except FileExistsError:
            raise _changed(file) from None


def _changed(file: Path) -> VariantError:
    text = "the file was changed by another program"
    return VariantError(text, place=file, remedy="run the command again")
