"""Compare the files of wheels; the payload of a wheel is all its files outside of the dist-info directory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..formats import core_metadata
from ..formats.record import Record
from ..variants.filename import WheelFilename
from .reading import Wheel, WheelFile


class Changes(NamedTuple):
    """The paths of the files that only the *first* or the *second* wheel has, and of those that differ.

    *equivalent* files differ only by the traces of their builds, as in `lowlevel.binaries`. The last two are
    lines of METADATA, without its description.
    """

    only_in_first: tuple[str, ...]
    only_in_second: tuple[str, ...]
    different: tuple[str, ...]
    equivalent: tuple[str, ...]
    metadata_only_in_first: tuple[str, ...]
    metadata_only_in_second: tuple[str, ...]


def compare_wheels(one: WheelFile, other: WheelFile) -> Changes:
    """Return the differences between the files of two wheels. Raises VariantError if one cannot be read."""
    with one.open() as first, other.open() as second:
        old, new = _hashes(first), _hashes(second)
        changed = [path for path in old if path in new and old[path] != new[path]]
        equivalent = {path: None for path in changed if _differs_by_traces(path, first, second)}
        lines, new_lines = (
            dict.fromkeys(core_metadata.field_lines(wheel.core_metadata)) for wheel in (first, second)
        )
    return Changes(
        only_in_first=tuple(path for path in old if path not in new),
        only_in_second=tuple(path for path in new if path not in old),
        different=tuple(path for path in changed if path not in equivalent),
        equivalent=tuple(equivalent),
        metadata_only_in_first=tuple(line for line in lines if line not in new_lines),
        metadata_only_in_second=tuple(line for line in new_lines if line not in lines),
    )


def have_same_payload(one: WheelFile, other: WheelFile) -> bool:
    """Return whether the payloads of two wheels differ at most by the traces of their builds.

    Raises VariantError if one of them cannot be read.
    """
    with one.open() as first, other.open() as second:
        old, new = (payload_of(wheel.filename, _record(wheel)) for wheel in (first, second))
        if old.keys() != new.keys():
            return False
        changed = [path for path in old if old[path] != new[path]]
        changed.sort(key=lambda path: first.entries[path].size)  # a small file mostly shows the difference
        return all(_differs_by_traces(path, first, second) for path in changed)


def payload_of(filename: WheelFilename, record: Record) -> dict[str, str]:
    """Return the hash of each file in a wheel's payload."""
    folder = f"{filename.stem}.dist-info/"
    return {path: digest for path, digest, _ in record.rows if not path.startswith(folder)}


def same_payloads(
    wheels: Collection[WheelFile],
    others: Collection[WheelFile],
    keys: Mapping[str, Mapping[str, object]],
    is_same: Callable[[WheelFile, WheelFile], bool] = lambda _wheel, _other: True,
    group: Callable[[WheelFile], Hashable] = lambda wheel: wheel.name.tags,
) -> Iterator[Problem]:
    """Yield a problem for each label whose recipe changes builds, but not the payload of its *wheels*.

    *keys* has the keys of each label's recipe that change builds, with their values. Each wheel is compared
    with those of *others* in its *group*, by default those with the same tags, that have other *keys*; the
    plain wheel has none.
    """
    alike: dict[Hashable, list[WheelFile]] = {}
    for other in sorted(others, key=lambda other: (other.name.label is not None, other.path.name)):
        alike.setdefault(group(other), []).append(other)
    by_label: dict[str | None, list[WheelFile]] = {}
    for wheel in wheels:
        by_label.setdefault(wheel.name.label, []).append(wheel)

    def same_as(wheel: WheelFile) -> WheelFile | None:
        own = keys[wheel.name.label or ""]
        candidates = (
            other for other in alike.get(group(wheel), ()) if keys.get(other.name.label or "", {}) != own
        )
        return next((other for other in candidates if is_same(wheel, other)), None)

    for label, own in keys.items():
        labelled = by_label.get(label, []) if own else []
        if same := [other for other in map(same_as, labelled) if other is not None]:
            yield _without_effect(label, [*own], same[0].path.name, len(same) - 1)


def _without_effect(label: str, names: list[str], same: str, more: int) -> Problem:
    """Return the problem of a recipe whose keys *names* have no effect; the wheel *same* shows it."""
    place = f"tool.variant-backend.variants.{label}"
    text, keys = f"same payload as {same}", "it"
    if more:
        text = f"{text}, and {more} more of its wheels equal another one"
    if len(names) == 1:
        place = f"{place}.{names[0]}"
    else:
        text, keys = f"{', '.join(names)}: {text}", "them"
    gains = "remove the label if the code gains nothing"
    remedy = f"correct {keys}; remove {keys} if only the requirements differ; {gains}"
    return Problem("same-payload", place, text, remedy)


def _record(wheel: Wheel) -> Record:
    return wheel.checked_record(wheel.read_file("RECORD"))


def _hashes(wheel: Wheel) -> dict[str, str]:
    """Return the hash of each file; RECORD itself has none, and differs whenever another file does."""
    return {path: digest for path, digest, _ in _record(wheel).rows if digest}


def _differs_by_traces(path: str, first: Wheel, second: Wheel) -> bool:
    """Return whether a file differs only by the traces of its build. False if it is damaged or too large."""
    from ..lowlevel.binaries import digest_without_traces

    try:
        digests = {
            digest_without_traces(wheel.archive.content(wheel.entries[path])) for wheel in (first, second)
        }
    except VariantError:
        return False
    return len(digests) == 1
