"""Write a wheel from ranges of an old one and new bytes, and move it to its final path."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import NamedTuple, TypeVar

from ..errors import Problem, VariantError
from ..lowlevel.ranges import Advance, HeadCopy, Source, copy_range, read_at, real_path, write_all
from ..lowlevel.shell_words import quoted
from ..lowlevel.terminal import print_detail
from ..lowlevel.workspace import already_exists, move, workspace
from ..lowlevel.zip_archive import Range, Segment, length_of
from ..variants.filename import WheelFilename
from ..variants.requirements import LocalPin
from .examination import SoundWheel, read_sound
from .reading import WheelFile, wheel_files

Result = TypeVar("Result")

# A tail up to this size is held in memory when a wheel is changed in place.
_LARGEST_TAIL = 64 << 20


@contextmanager
def errors_named(wheel: Path, out_dir: Path) -> Iterator[None]:
    """Raise every VariantError with the name of *wheel* in front, and OSError as a VariantError."""
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
    """Check that no file exists at *target*, unless *force* allows it; raises VariantError."""
    if os.path.lexists(target) and not force:
        raise already_exists(target)


class Rewriting(NamedTuple):
    """A new wheel as ranges of the old one and new bytes, with *warnings* for the user.

    *notices* are problems of the old wheel that do not stop the change. *pins* are the requirements on local
    versions, if the wheel's own one was removed.
    """

    segments: list[Segment]
    warnings: tuple[str, ...]
    notices: tuple[Problem, ...] = ()
    pins: tuple[LocalPin, ...] = ()

    @property
    def kept(self) -> int:
        """The number of unchanged bytes at the start of the file."""
        first = self.segments[0]
        return first.length if isinstance(first, Range) and first.offset == 0 else 0

    @property
    def tail(self) -> list[Segment]:
        """The segments after the unchanged bytes."""
        return self.segments[1:] if self.kept else self.segments


def write_copy(
    source: int,
    filename: WheelFilename,
    rewritten: Callable[[SoundWheel], Rewriting],
    target: Path,
    advance: Advance,
    *,
    force: bool = False,
) -> Rewriting:
    """Rewrite an open wheel into a temporary file beside *target*, and rename it once it is complete.

    *force* replaces an existing file, also one that appears meanwhile. Raises VariantError if the wheel is
    not sound, OSError if the target cannot be written.
    """
    with workspace(target.parent) as folder:
        part = folder / target.name  # no longer, as a name may have 255 bytes
        with part.open("xb", buffering=0) as file:
            # The background copy runs while the wheel is read and checked.
            with HeadCopy(source, file.fileno(), os.fstat(source).st_size, advance) as head:
                rewriting = rewritten(read_sound(filename, Source.of(source)))
                head.finish(rewriting.kept)
            _write_tail(file, rewriting.kept, rewriting.tail, source, advance)
        move(part, target, force=force)
    print_detail(f"write {target}")
    return rewriting


def change_tail(wheel: Path, source: int, rewriting: Rewriting) -> bool:
    """Replace the tail of a wheel in place; return whether its layout allows that."""
    kept, tail = rewriting.kept, rewriting.tail
    if not kept or sum(map(length_of, tail)) > _LARGEST_TAIL or os.fstat(source).st_nlink > 1:
        return False
    in_memory = [read_at(source, *reversed(part)) if isinstance(part, Range) else part for part in tail]
    with wheel.open("r+b", buffering=0) as file:
        _write_tail(file, kept, in_memory, source, lambda _: None)
    return True


def _write_tail(file: FileIO, kept: int, tail: Sequence[Segment], source: int, advance: Advance) -> None:
    """Write the segments after the first *kept* bytes, which exist already, and truncate the file there."""
    file.seek(kept)
    for segment in tail:
        if isinstance(segment, Range):
            copy_range(source, file.fileno(), segment.offset, segment.length, advance)
        else:
            write_all(file.fileno(), segment)
    file.truncate()


def rewrite_all(
    paths: Iterable[Path],
    target: Callable[[WheelFile], Path],
    variants_remedy: str,
    rewrite: Callable[[WheelFile], Result],
) -> Iterator[Result | VariantError]:
    """Rewrite each wheel to its *target* by *rewrite*, and yield the result or the error of each.

    Raises VariantError as `check_targets` does, before any wheel is rewritten.
    """
    wheels = wheel_files(paths)
    named = [wheel for wheel in wheels if isinstance(wheel, WheelFile)]
    check_targets(((wheel, target(wheel)) for wheel in named), variants_remedy)

    def rewritten(wheel: WheelFile | VariantError) -> Result | VariantError:
        if isinstance(wheel, VariantError):
            return wheel
        try:
            return rewrite(wheel)
        except VariantError as error:
            return error.naming(quoted(wheel.path))

    return map(rewritten, wheels)


def check_targets(targets: Iterable[tuple[WheelFile, Path]], variants_remedy: str) -> None:
    """Check that no two pairs (wheel, target) write to the same file.

    Raises VariantError; *variants_remedy* is the remedy for variants of one plain wheel in one folder.
    """
    pairs: dict[Path, list[tuple[WheelFile, Path]]] = {}
    for wheel, target in targets:
        place = real_path(target)
        if real_path(wheel.path) != place:  # otherwise the wheel exists already and is not written
            # Windows and macOS ignore case, and the names are those of one wheel.
            pairs.setdefault(place.with_name(place.name.casefold()), []).append((wheel, target))
    problems = [
        _clash([wheel for wheel, _ in several], several[0][1], variants_remedy)
        for several in pairs.values()
        if len(several) > 1
    ]
    if problems:
        raise VariantError(*problems)


def _clash(wheels: Sequence[WheelFile], target: Path, variants_remedy: str) -> Problem:
    """Return the problem of wheels that would become the same file."""
    *first, last = [str(wheel.path) for wheel in wheels]
    text = f"{', '.join(first)} and {last} would {'all' if first[1:] else 'both'} become {target}"
    remedy = "give them one by one, each with another --output"
    if len({wheel.path.with_name(str(wheel.name._replace(label=None))) for wheel in wheels}) == 1:
        has_plain = any(wheel.name.label is None for wheel in wheels)
        kind = "one wheel and its variants" if has_plain else "variants of one wheel"
        text, remedy = f"{text}, because they are {kind}", variants_remedy
    return Problem("error", "", text, remedy)
