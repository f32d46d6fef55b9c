"""Writing a wheel beside its final place, from ranges of an old one and new bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError
from ..lowlevel.ranges import Advance, HeadCopy, Source, copy_range, read_at, real_path, write_all
from ..lowlevel.workspace import workspace
from ..lowlevel.zip_archive import Range, Segment, length_of
from ..variants.filename import WheelFilename
from .reading import Wheel

# A tail up to this size is held in memory when a wheel is changed in place.
_LARGEST_TAIL = 64 << 20


@contextmanager
def faults_named(wheel: Path, out_dir: Path) -> Iterator[None]:
    """Put the name of *wheel* in front of every fault; an OSError becomes a VariantError."""
    try:
        yield
    except VariantError as error:
        raise error.within(wheel.name) from None
    except OSError as error:
        if error.filename2 is None and error.filename == str(wheel):
            from .wrong_files import unreadable

            raise unreadable(wheel, error) from None
        place = error.filename2 or error.filename or out_dir
        raise VariantError(f"{wheel.name}: {place}: {error.strerror or error}") from None


def check_is_free(target: Path, *, force: bool) -> None:
    """Check that nothing stands where a wheel is to be written; with *force* it may."""
    if os.path.lexists(target) and not force:
        raise VariantError(f"{target} exists", hint="give --force to replace it")


class Rewriting(NamedTuple):
    """A new wheel, as ranges of the old one and new bytes; and what to tell about it."""

    segments: list[Segment]
    notices: tuple[str, ...]

    @property
    def kept(self) -> int:
        """How many bytes stay the same from the start of the file on."""
        first = self.segments[0]
        return first.length if isinstance(first, Range) and first.offset == 0 else 0

    @property
    def tail(self) -> list[Segment]:
        """What comes after the bytes that stay."""
        return self.segments[1:] if self.kept else self.segments


def write_copy(
    source: int,
    filename: WheelFilename,
    rewritten: Callable[[Wheel], Rewriting],
    target: Path,
    advance: Advance,
) -> Rewriting:
    """Write what is made of an open wheel beside its final place, and give it its name once it is complete.

    Raises VariantError when it is not a sound wheel, OSError when it cannot be written.
    """
    with workspace(target.parent) as folder:
        part = folder / f"{target.name}.part"
        with part.open("xb", buffering=0) as file:
            # The bytes are copied in the background while the wheel is read and checked.
            with HeadCopy(source, file.fileno(), os.fstat(source).st_size, advance) as head:
                rewriting = rewritten(Wheel.read(filename, Source.of(source)))
                head.finish(rewriting.kept)
            _write_tail(file, rewriting.kept, rewriting.tail, source, advance)
        part.replace(target)
    return rewriting


def change_tail(wheel: Path, source: int, rewriting: Rewriting) -> bool:
    """Change a wheel that is ours, from the first difference on; tell whether its layout allows that."""
    kept, tail = rewriting.kept, rewriting.tail
    if not kept or sum(map(length_of, tail)) > _LARGEST_TAIL or os.fstat(source).st_nlink > 1:
        return False
    in_memory = [read_at(source, *reversed(part)) if isinstance(part, Range) else part for part in tail]
    with wheel.open("r+b", buffering=0) as file:
        _write_tail(file, kept, in_memory, source, lambda _: None)
    return True


def _write_tail(file: FileIO, kept: int, tail: Sequence[Segment], source: int, advance: Advance) -> None:
    """Write the segments that come behind the first *kept* bytes, which are there, and end the file."""
    file.seek(kept)
    for segment in tail:
        if isinstance(segment, Range):
            copy_range(source, file.fileno(), segment.offset, segment.length, advance)
        else:
            write_all(file.fileno(), segment)
    file.truncate()


def check_targets(targets: Iterable[tuple[Path, Path]]) -> None:
    """Raise a VariantError if two of the wheels would be written to one file; each comes with its target."""
    sources: dict[Path, list[Path]] = {}
    for wheel, target in targets:
        place = real_path(target)
        if real_path(wheel) != place:  # such a one is there already, and is not written
            sources.setdefault(place, []).append(wheel)
    clashes = [
        f"{' and '.join(map(str, several))} would both become {target}"
        for target, several in sources.items()
        if len(several) > 1
    ]
    if clashes:
        raise VariantError(*clashes, hint="convert them one by one, into folders of their own")
