"""Make the last wheels of old projects, such as cupy-cuda12x, that one new project replaces.

Such a wheel has no modules. It requires the new project at the same version, and hands its extras on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import RequestError, VariantError
from ..formats import core_metadata
from ..formats.required_project import RequiredProject, required_names
from ..lowlevel.file_set import Output, write_all_files
from ..lowlevel.zip_records import REBUILD
from ..variants.filename import WheelFilename, check_project_name, escape, normalize
from .empty import empty_wheel
from .reading import WheelFile
from .writing import check_is_free

_TEXT = """\
The project {old} is replaced by {new}.

This release has no modules. It only requires {new} {version}.

If an older release of {old} is installed, remove it before you install {new}:

    pip uninstall --yes {old}
    pip install {new}
"""


class Successor(NamedTuple):
    """The release that replaces old projects, and the normalized names of projects that it requires.

    *version* is without *local*, the local version, which public indexes refuse.
    """

    project: RequiredProject
    version: str
    local: str | None
    required: Collection[str]

    @property
    def name(self) -> str:
        """The name of the new project."""
        return self.project.name

    @classmethod
    def of_metadata(cls, data: bytes) -> Successor:
        """Read METADATA of a wheel; raises VariantError if its name or version is invalid."""
        from packaging.version import Version

        try:
            version = Version(core_metadata.read_field(data, "Version"))
        except ValueError as error:  # InvalidVersion, or more digits than Python converts
            raise VariantError(str(error), place="Version", remedy=REBUILD) from None
        project = RequiredProject.of_metadata(data)
        return cls(project, version.public, version.local, required_names(data))

    def metadata(self, old: str) -> bytes:
        """Return METADATA of the wheel of an *old* project."""
        fields = self.project.metadata(
            old,
            self.version,
            f"Replaced by {self.name}: install {self.name} instead",
            ("Classifier", "Development Status :: 7 - Inactive"),
            ("Description-Content-Type", "text/plain"),
        )
        return fields + b"\n" + _TEXT.format(old=old, new=self.name, version=self.version).encode()


class Retired(NamedTuple):
    """The wheel of an old project: its path, and whether it was written."""

    name: str
    path: Path
    written: bool


def read_successor(wheel: WheelFile) -> Successor:
    """Read the release of a wheel that replaces old projects.

    Raises VariantError if it is invalid, or if it is the wheel of a retired project.
    """
    with wheel.open(renamed=True) as opened:
        successor = Successor.of_metadata(opened.core_metadata)
        dist_info = opened.path("")
        if not all(entry.name.startswith(dist_info) for entry in opened.archive.entries):
            return successor
    if len(successor.required) == 1:
        text = f"the wheel has no files, and only requires {min(successor.required)}"
        remedy = f"name the wheel of {min(successor.required)}"
        raise VariantError(text, place=wheel.path, remedy=remedy)
    return successor


def retire_all(
    names: Iterable[str], successor: Successor, out_dir: Path, *, force: bool, dry_run: bool
) -> Sequence[Retired]:
    """Write the last wheel of each old project into *out_dir*: all of them, or none.

    *force* replaces existing files, *dry_run* only checks. Raises RequestError if a name is invalid or that
    of the new project, another VariantError if the new project requires the old one, or a file cannot be
    written.
    """
    named = {normalize(name): name for name in names}
    outputs: dict[str, Output] = {}
    for name in named.values():
        _check(name, successor)
        filename = WheelFilename(escape(name), successor.version, "", "py3-none-any", None)
        content = empty_wheel(filename, {"METADATA": successor.metadata(name)})
        outputs[name] = Output(out_dir, str(filename), content, lambda _: force)
        check_is_free(outputs[name].path, force=force)
    if not dry_run:
        write_all_files(outputs.values())
    return [Retired(name, output.path, not dry_run) for name, output in outputs.items()]


def _check(name: str, successor: Successor) -> None:
    """Check that a project can be retired; raises VariantError."""
    try:
        check_project_name(name)
    except VariantError as error:
        raise RequestError(*error.problems) from None
    if normalize(name) == normalize(successor.name):
        text = f"expected the name of an old project, got {name!r}, which is the project of the wheel"
        raise RequestError(text, remedy="name the project that it replaces")
    if normalize(name) in successor.required:
        text = f"{successor.name} requires {name}, which would require {successor.name}"
        raise VariantError(
            text, place="Requires-Dist", remedy="remove that requirement, and rebuild the wheel"
        )
