"""The upgrade of files with old variant metadata: JSON documents, project files and wheels."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import VariantError
from ..formats import core_metadata, toml_edit
from ..formats.toml_read import parse_toml
from ..lowlevel.regular_files import read_regular
from ..lowlevel.terminal import print_detail, print_read
from ..lowlevel.workspace import move_new, move_over, workspace
from ..project.pyproject import misspelt_tables
from ..project.recipe import Recipe
from ..variants.filename import index_filename, release_of_index
from ..variants.legacy import Upgraded, upgrade_document, upgrade_table
from ..variants.validation import Document, read_strict_json
from ..variants.wheel_metadata import label_problem
from ..wheel_rewrite import Plan, edited_metadata, renamed, rewritten, write_variant
from ..wheels.examination import sound_wheel
from ..wheels.reading import WheelFile
from ..wheels.wrong_files import path_problem

_TABLE = "variant"
_PROVIDERS = (_TABLE, "providers")


class Destination(NamedTuple):
    """The target of results: a folder, or in place; if neither is set, documents are returned."""

    folder: Path | None = None
    in_place: bool = False
    dry_run: bool = False


class UpgradedFile(NamedTuple):
    """The result of an upgrade: the path of the output, in a dry run the intended path, or the *content*.

    The *content* is set if it was not written. *upgraded* is None for a plain wheel.
    """

    output: Path | None
    upgraded: Upgraded | None
    content: bytes | None = None


def upgrade_all(
    paths: Iterable[Path], to: Destination, *, moment: int | None = None
) -> Iterator[UpgradedFile | VariantError]:
    """Upgrade files one after another, see `upgrade`; yield the result or the error of each."""
    for path in paths:
        try:
            yield upgrade(path, to, moment=moment)
        except VariantError as error:
            yield error


def upgrade(path: Path, to: Destination, *, moment: int | None = None) -> UpgradedFile:
    """Upgrade one file to the current form: a ``*.json`` document, a ``*.toml`` project file, or a wheel.

    Only the given file may be replaced, and only *in_place*. *moment* (seconds since 1970) is the time of
    members that are written into wheels. Raises VariantError with the name of the file.
    """
    try:
        if path.suffix == ".whl":
            return _upgrade_wheel(path, to, moment)
        if path.suffix not in (".json", ".toml"):
            if problem := path_problem(path, "*.json, *.toml or *.whl"):
                raise VariantError(problem)
            raise VariantError(
                "unknown kind of file", place=path, remedy="name a *.json, *.toml or *.whl file"
            )
        print_read(path)
        old = read_regular(path)
        kind = _upgraded_document if path.suffix == ".json" else _upgraded_project
        name, new, upgraded = kind(path, old)
        if to.folder is None and not to.in_place:
            return UpgradedFile(None, upgraded, new)
        if upgraded.is_current:
            return UpgradedFile(_kept(path, to), upgraded)
        return UpgradedFile(_put(path, name, to, functools.partial(_write, name=name, content=new)), upgraded)
    except OSError as error:
        place = error.filename2 or error.filename or path
        if place == str(path) and (problem := path_problem(path, "*.json, *.toml or *.whl")):
            raise VariantError(problem) from None
        raise VariantError(error.strerror or str(error), place=place) from None


def _upgraded_document(path: Path, data: bytes) -> tuple[str, bytes, Upgraded]:
    """Return the new name and content of a JSON document, and its changes."""
    upgraded = upgrade_document(_parsed(data, str(path)), str(path))
    content = data if upgraded.is_current else upgraded.metadata.to_json()
    name = _document_name(path.name)
    if name != path.name:
        upgraded = upgraded._replace(carried=(*upgraded.carried, f"the file's name: becomes {name}"))
    return name, content, upgraded


def _upgraded_project(path: Path, content: bytes) -> tuple[str, bytes, Upgraded]:
    """Return the name and the new content of a project file, and its changes."""
    # tomlkit takes long for a large file, and most files are current.
    data, text = parse_toml(content, path), content.decode()
    try:
        if _TABLE not in data:
            if problems := misspelt_tables(data):
                raise VariantError(*problems)
            raise VariantError("missing table [variant]", remedy="name a project file with this table")
        upgraded = upgrade_table(data[_TABLE], f"[{_TABLE}]")
        expected = {**data, _TABLE: upgraded.document}
        if upgraded.is_current:
            return path.name, content, upgraded
        text = toml_edit.edited(text, functools.partial(_edit, old=data, new=expected))
        if _without_empty(parse_toml(text.encode(), path)) != _without_empty(expected):
            raise toml_edit.too_intricate()
    except VariantError as error:
        raise error.within(path) from None
    return path.name, text.encode(), upgraded


def _upgrade_wheel(path: Path, to: Destination, moment: int | None) -> UpgradedFile:
    file = WheelFile.of(path)
    with file.open() as wheel:
        if file.name.label is None and not wheel.is_variant():
            return UpgradedFile(_kept(path, to), None)
        data = _parsed(wheel.read_file("variant.json"), "variant.json")
        upgraded = upgrade_document(data, "variant.json")
        _check_label(data, wheel.filename.label)
        if upgraded.is_current:
            return UpgradedFile(_kept(path, to), upgraded)
        plan = Plan(upgraded.metadata, Recipe(), labelled=file.name.label is not None, moment=moment)
        # All problems are reported before any file is written, and in a dry run.
        rewritten(sound_wheel(file.name, wheel.archive), plan)
        if decided := _decided(wheel.core_metadata, edited_metadata(wheel.core_metadata, plan)):
            upgraded = upgraded._replace(changed=(*upgraded.changed, decided))
    name = str(renamed(file.name, plan))
    return UpgradedFile(_put(path, name, to, lambda folder: write_variant(file, plan, folder).path), upgraded)


def _parsed(data: bytes, where: str) -> object:
    """Parse JSON. Raises VariantError."""
    document = Document()
    try:
        parsed = read_strict_json(document, data)
    except VariantError as error:
        raise error.within(where) from None
    document.check(where)
    return parsed


def _check_label(data: object, label: str | None) -> None:
    """Check that a wheel's variant.json has only the label of the filename. Raises VariantError."""
    labels = data["variants"] if isinstance(data, dict) else ()
    if problem := label_problem(labels, label):
        raise VariantError(problem.within("variant.json"))


def _decided(old: bytes, new: bytes) -> str | None:
    """Return a text about changes of METADATA, or None if it is unchanged."""
    kept = set(core_metadata.requirements(new))
    count = sum(requirement not in kept for requirement in core_metadata.requirements(old))
    if not count:
        return None
    return (
        f"METADATA: {count} requirement(s) with variant markers, which no installer supports; evaluated for"
        " this label"
    )


def _document_name(name: str) -> str:
    """Return the name of a document; the parts of an index file's name are normalized."""
    release = release_of_index(name)
    return index_filename(release) if release else name


def _kept(path: Path, to: Destination) -> Path:
    """Return the path of a file that is current already; copy it if the output is another folder."""
    if to.folder is None or (to.folder.exists() and to.folder.samefile(path.parent)):
        return path
    return _put(path, path.name, to, lambda folder: Path(shutil.copyfile(path, folder / path.name)))


def _write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def _put(path: Path, name: str, to: Destination, make: Callable[[Path], Path]) -> Path:
    """Write the result for *path* with *make*, and move it to its target once it is complete.

    The result has the mode of *path*. In place, an input with another name is removed afterwards.
    """
    target = (to.folder or path.parent) / name
    is_input = target.exists() and target.samefile(path)
    if is_input and not to.in_place and not to.dry_run:
        remedy = "use --in-place, or another folder with --output"
        raise VariantError("the result would replace this file", place=path, remedy=remedy)
    if not is_input and os.path.lexists(target):
        raise _already_exists(path, target)
    if to.dry_run:
        return target
    place = target.resolve() if is_input else target  # a symbolic link stays a link
    with workspace(place.parent) as folder:
        made = make(folder)
        shutil.copymode(path, made)
        if is_input:
            move_over(made, place)
        else:
            _move_new(path, made, place)
    print_detail(f"write {target}")
    if to.in_place and not is_input:
        path.unlink()
    return target


def _move_new(path: Path, made: Path, target: Path) -> None:
    try:
        move_new(made, target)
    except FileExistsError:
        raise _already_exists(path, target) from None


def _already_exists(path: Path, target: Path) -> VariantError:
    remedy = "move it away, or use another folder with --output"
    return VariantError(f"{target} already exists", place=path, remedy=remedy)


def _edit(
    document: toml_edit.Document, old: Mapping[str, Any], new: Mapping[str, Any], path: toml_edit.Path = ()
) -> None:
    """Edit a document with the content *old* so that its content is *new*."""
    for key, value in new.items():
        here = (*path, key)
        is_table = isinstance(value, dict) and isinstance(old.get(key, {}), dict)
        if is_table and (key in old or here == _PROVIDERS):
            _edit(document, old.get(key, {}), value, here)
        elif key in old:
            if value != old[key]:
                toml_edit.place_of(document, here).set(toml_edit.written(value))
        elif path == _PROVIDERS and not toml_edit.find_table(document, path):
            toml_edit.add(document, here, toml_edit.lines(value))
        else:
            toml_edit.add(document, path, toml_edit.lines({key: value}))
    for key in [key for key in old if key not in new]:
        toml_edit.drop(document, (*path, key))


def _without_empty(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return *data* without empty tables: a table header may stay only because of its comments."""
    rest = {key: _without_empty(value) if isinstance(value, dict) else value for key, value in data.items()}
    return {key: value for key, value in rest.items() if value != {}}
