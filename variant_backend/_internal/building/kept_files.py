"""Refuse wheels with compiled files that an earlier build with another recipe left in the source tree.

Build systems compare the names and times of files, not all compiler flags. Most backends compile each wheel
in a new folder, but some keep compiled files. A build of a variant marks the files that it leaves with its
label and a digest of its recipe. A plain build only looks for marks, if a tree has none.

A mark is an empty folder in the folder `.variant-backend` of a top-level folder, as no backend packs it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ..errors import VariantError
from ..lowlevel.ranges import opened_file
from .wrapped_backend import MARKS, has_marks

_OBJECTS = (".o", ".obj")
_LIBRARIES = (".so", ".pyd", ".dylib", ".dll")
# The state of CMake and of Meson, which keep the flags of their first run.
_STATES = ("CMakeCache.txt", "meson-private/coredata.dat")
# Extension modules for this Python: a build made them, while other libraries may be part of the source.
_MODULES = tuple(suffix for suffix in EXTENSION_SUFFIXES if suffix != ".so")
# Setuptools compiles there, and most users of other backends do.
_BUILD = "build"
# Files in caches, in environments, and in the `target` of cargo, which compares flags.
_OTHER_FOLDERS = ("CACHEDIR.TAG", "conda-meta", "pyvenv.cfg", ".rustc_info.json")
# Starts of the names of folders of other tools and of one build alone; other hidden folders may be kept.
_OTHER_NAMES = (".git", ".hg", ".mesonpy-", ".nox", ".svn", ".tmp", ".tox", MARKS, "node_modules")
# In a mark, it means the files of a folder that existed before, but not those of its subfolders.
_FILES = "*"


# The settings of meson-python and scikit-build-core for the folder in which they compile.
_BUILD_SETTINGS = ("build-dir", "builddir")


class Owner(NamedTuple):
    """A build that leaves compiled files; a build without recipe has no digest, and a plain one no label."""

    label: str = ""
    digest: str = ""

    @classmethod
    def of(cls, label: str, changes: Mapping[str, object]) -> Owner:
        """Return the build of a label whose recipe has these *changes*, see `Recipe.build_keys`."""
        from hashlib import sha256

        return cls(label, sha256(repr(changes).encode()).hexdigest()[:8] if changes else "")

    def __str__(self) -> str:
        return f"variant {self.label!r}" if self.label else "the plain wheel"


_Owners: TypeAlias = Mapping[str, Owner]  # by digest
_Marks: TypeAlias = dict[Path, dict[str, Owner]]


class _Tree(NamedTuple):
    """The compiled files of a source tree, with times and sizes, and its folders; paths are relative."""

    root: Path
    files: Mapping[Path, tuple[int, int]]
    folders: Collection[Path]

    @classmethod
    def scan(cls, root: Path) -> _Tree:
        """Return the compiled files."""
        files: dict[Path, tuple[int, int]] = {}
        folders = set()
        for place, names, filenames in os.walk(root):
            folder = Path(place)
            if not {*names, *filenames}.isdisjoint(_OTHER_FOLDERS):
                names.clear()
                continue
            names[:] = [name for name in names if not name.startswith(_OTHER_NAMES)]
            folders.add(folder.relative_to(root))
            for name in filenames:
                if name.endswith((*_OBJECTS, *_LIBRARIES, "CMakeCache.txt", "coredata.dat")):
                    with suppress(OSError):
                        stat = (folder / name).stat()
                        files[(folder / name).relative_to(root)] = stat.st_mtime_ns, stat.st_size
        return cls(root, files, folders)

    def build_folder(self, path: Path) -> Path | None:
        """Return the folder in which a build system keeps a file, or None if it is beside source code."""
        for folder in [*path.parents][-2::-1]:
            if any(folder / state in self.files for state in _STATES):
                return folder
        return Path(_BUILD) if path.parts[0] == _BUILD else None

    def area(self, path: Path) -> Path:
        """Return the folder of files that one build combines."""
        return self.build_folder(path) or path.parent


def check_build_folder(
    root: Path, given: Mapping[str, object], own: Collection[str], environ: Mapping[str, str]
) -> None:
    """Check that a build folder of all labels is in the source tree *root*: others are not searched.

    *given* are the user's config settings, and *own* the names of those of the recipe. Raises VariantError.
    """
    folders = {f"config setting {key!r}": given[key] for key in _BUILD_SETTINGS if key in given}
    if not folders and not {*own}.intersection(_BUILD_SETTINGS):
        name, key = "SKBUILD_BUILD_DIR", "tool.scikit-build.build-dir"
        folders = {name: environ[name]} if environ.get(name) else {key: _configured_folder(root)}
    for place, folder in folders.items():
        if isinstance(folder, str) and not (root / folder).resolve().is_relative_to(root.resolve()):
            raise VariantError(
                f"{folder!r} is outside of the source tree, so builds of other labels would share its files",
                place=place,
                remedy="write a folder in the source tree, or one of its own into the config-settings of each"
                " label in [tool.variant-backend.variants]",
            )


def _configured_folder(root: Path) -> object:
    """Return the build folder that a project file configures for scikit-build-core, or None."""
    from ..formats.toml_read import read_toml, value_at

    return value_at(read_toml(root / "pyproject.toml"), "tool", "scikit-build", "build-dir")


@contextmanager
def kept_apart(root: Path, owner: Owner, private: Path | None = None) -> Iterator[Callable[[Path], object]]:
    """Yield a function that takes the wheel of a build in a source tree; then mark the files of the build.

    *private* is a folder of this build alone. Raises VariantError if the build used files of another owner.
    """
    if not (owner.digest or has_marks(root)):
        yield str
        return
    before = _Tree.scan(root)
    marks = _read_marks(before)
    wheels: list[Path] = []
    try:
        yield wheels.append
    finally:
        after = _Tree.scan(root)
        written = {path for path, stat in after.files.items() if before.files.get(path) != stat}
        foreign = {
            path: owners for path in before.files if {*(owners := _owners(path, marks))} != {owner.digest}
        }
        kept = {path for path in foreign if path in after.files} - written
        mixed_in = _mixed(before, written, foreign, kept)
        for wheel in wheels:
            mixed_in |= _reused(before, private, wheel, kept)
        _write_marks(before, written, {path: foreign[path] for path in kept}, marks, owner)
    if mixed_in:
        others = {other for path in mixed_in for other in foreign[path].values()}
        raise _error(mixed_in, before, min(other for other in others if other.digest != owner.digest), owner)


def _owners(path: Path, marks: _Marks) -> _Owners:
    """Return the builds that left a file; without a mark, it is a plain build."""
    return next((marks[place] for place in _places(path) if place in marks), {"": Owner()})


def _places(path: Path) -> list[Path]:
    """Return the places of marks that cover a file, the nearest first."""
    return [path.parent / _FILES, *path.parents]


def _mixed(
    tree: _Tree, written: Iterable[Path], foreign: Iterable[Path], kept: Collection[Path]
) -> set[Path]:
    """Return the state and the unchanged objects of other owners where a build wrote files."""
    areas = {*map(tree.area, written)}
    states = {area / state for area in areas for state in _STATES}
    return {
        path
        for path in foreign
        if path in states or (path in kept and path.suffix in _OBJECTS and tree.area(path) in areas)
    }


def _reused(tree: _Tree, private: Path | None, wheel: Path, kept: Iterable[Path]) -> set[Path]:
    """Return the unchanged libraries of other owners that a wheel contains."""
    contents = _libraries_in(wheel)
    sizes = {size for size, _ in contents}
    same = {
        path: _content(tree.root / path)
        for path in kept
        if path.suffix in _LIBRARIES and tree.files[path][1] in sizes
    }
    compiled = {path for path in same if tree.build_folder(path) or path.name.endswith(_MODULES)}
    sources = {same[path] for path in same.keys() - compiled}
    for folder, _, names in os.walk(private) if private and compiled else ():
        sources |= {_content(Path(folder, name)) for name in names if name.endswith(_LIBRARIES)}
    return {path for path in compiled if same[path] in contents - sources}


def _libraries_in(wheel: Path) -> set[tuple[int, int]]:
    """Return the sizes and checksums of the libraries in a wheel."""
    from ..wheels.reading import open_wheel

    with suppress(VariantError), open_wheel(wheel, whole=False) as opened:
        return {
            (entry.size, entry.crc) for entry in opened.entries.values() if entry.name.endswith(_LIBRARIES)
        }
    return set()


def _content(path: Path) -> tuple[int, int]:
    from binascii import crc32

    with opened_file(path) as source:
        data = source.read(source.size, 0)
    return len(data), crc32(data)


def _read_marks(tree: _Tree) -> _Marks:
    """Return the owners of the marked places, and remove marks of places without compiled files."""
    from urllib.parse import unquote

    marks: _Marks = {}
    for top in (folder for folder in tree.folders if len(folder.parts) < 2):
        folder = tree.root / top / MARKS
        with suppress(OSError):
            for mark in [*folder.iterdir()]:
                label, digest, quoted = mark.name.split("-", 2)
                place = top / unquote(quoted)
                if any(place in _places(path) for path in tree.files):
                    marks.setdefault(place, {})[digest] = Owner(label, digest)
                else:
                    mark.rmdir()
            folder.rmdir()  # if it is empty
    return marks


def _write_marks(
    tree: _Tree, written: Iterable[Path], kept: Mapping[Path, _Owners], marks: _Marks, owner: Owner
) -> None:
    """Mark new folders with *owner*, and existing ones also with the owners of the files that they kept."""
    for place in {_place(tree, path) for path in written}:
        owners = {owner.digest: owner}
        for path, others in kept.items():
            if place in _places(path) and (path.name.endswith(_MODULES) or path.suffix not in _LIBRARIES):
                owners |= others
        if _owners(place.with_name("file") if place.name == _FILES else place / "file", marks) == owners:
            continue
        for former in marks.get(place, {}).values():
            with suppress(OSError):
                _mark(tree, place, former).rmdir()
        for one in owners.values():
            with suppress(OSError):
                _mark(tree, place, one).mkdir(parents=True, exist_ok=True)


def _place(tree: _Tree, path: Path) -> Path:
    """Return the place to mark for a written file: the topmost new folder, or the files of its folder."""
    new = [folder for folder in path.parents if folder not in tree.folders]
    return new[-1] if new else path.parent / _FILES


def _mark(tree: _Tree, place: Path, owner: Owner) -> Path:
    """Return the path of a mark."""
    from urllib.parse import quote

    top = Path(*place.parts[:1]) if place.name != _FILES or len(place.parts) > 1 else Path()
    # Windows removes a dot at the end of a name, and reads it as one at the end of another.
    name = quote(place.relative_to(top).as_posix(), safe="") if place != top else ""
    return tree.root / top / MARKS / f"{owner.label}-{owner.digest}-{name}"


def _error(mixed_in: Iterable[Path], tree: _Tree, other: Owner, owner: Owner) -> VariantError:
    """Return the error about a build that used compiled files of another one."""
    paths = sorted({str(tree.build_folder(path) or path) for path in mixed_in})
    return VariantError(
        f"the build of {owner} used compiled files that the build of {other} left in the source tree",
        remedy=f"remove {', '.join(paths)} and build again, or use `variant-backend build`",
    )
