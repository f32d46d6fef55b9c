r"""Print safely: text from outside is escaped before it reaches a terminal, a pipe or a log.

Names, metadata, pages and error messages can contain any text. So every line is printed as one line.
Characters and commands that a terminal would execute (control characters, bidirectional overrides, invisible
characters), or that a CI service would execute (``::error``, ``##[error]``), are printed as escapes such as
``\x1b``.

Data goes to stdout, messages go to stderr. `set_volume` limits the messages: with ``--quiet`` to errors.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from types import TracebackType

_STYLES = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}

# CI services execute these: GitHub's commands at the start of a line, the others anywhere in a line.
_COMMAND = r"^\s*:(?=:)|##(?=\[|vso\[|teamcity\[)"

# No column of a table becomes narrower than this.
_NARROWEST = 12
_GAP = "  "

# The messages on stderr: errors; also warnings and results; also every step.
QUIET, NORMAL, VERBOSE = -1, 0, 1
_volume = NORMAL
_printed_files: set[str] = set()


def set_volume(volume: int) -> int:
    """Set how much is printed on stderr (`QUIET`, `NORMAL` or `VERBOSE`); return the volume before."""
    global _volume
    before, _volume = _volume, volume
    _printed_files.clear()
    return before


def current_volume() -> int:
    """Return how much is printed on stderr, for other processes of the same command."""
    return _volume


def shows_progress() -> bool:
    """Return whether progress may be shown: stderr is a terminal, and the volume is not quiet."""
    return _volume > QUIET and is_terminal(sys.stderr)


class Styled(str):
    """A part of a line in a *style*: names of `_STYLES` with spaces between them."""

    style: str

    def __new__(cls, text: str, style: str) -> Styled:
        """Return the text with its style."""
        self = super().__new__(cls, text)
        self.style = style
        return self

    def replaced(self, text: str) -> Styled:
        """Return another text in the same style."""
        return Styled(text, self.style)


class Note(str):
    """A line below a row of a table: it is indented, and has no columns."""


def heading(*texts: str) -> list[str]:
    """Return the first row of a table."""
    return [Styled(text, "bold") for text in texts]


def escaped(text: str) -> str:
    r"""Return a text on one line that is safe to print: all but printable characters and spaces is escaped.

    URLs in it lose what may be secret.

    >>> print(escaped("a\nb\x1b[2J"), escaped("::error::x"), escaped("https://me:pw@example.org/?x"))
    a\nb\x1b[2J \x3a:error::x https://example.org/
    """
    if ":/" in text or "p:\\" in text or "s:\\" in text:
        from .urls import without_secrets  # rarely needed, and slow to import

        text = without_secrets(text)
    return _harmless(text)


def _harmless(text: str) -> str:
    """Return a text with all but printable characters and spaces escaped."""
    if not text.isprintable():
        text = "".join(character if _is_harmless(character) else ascii(character)[1:-1] for character in text)
    return re.sub(_COMMAND, _as_escapes, text) if ":" in text or "#" in text else text


def _is_harmless(character: str) -> bool:
    """Return whether a terminal only shows a character; file names may have spaces outside ASCII."""
    from unicodedata import category

    return character.isprintable() or category(character) == "Zs"


def _as_escapes(match: re.Match[str]) -> str:
    """Return a command with its last character escaped."""
    return f"{match[0][:-1]}\\x{ord(match[0][-1]):02x}"


def print_line(*parts: str) -> None:
    """Print a line of data on stdout.

    Styles show as `_shows_styles` says. Raises OSError if the reader has closed the pipe.
    """
    _print(sys.stdout, parts)


def print_message(*parts: str) -> None:
    """Print a line for a person on stderr, unless the volume is quiet."""
    if _volume > QUIET:
        _print(sys.stderr, parts)


def print_detail(*parts: str) -> None:
    """Print a step of the work on stderr if the volume is verbose."""
    if _volume >= VERBOSE:
        _print(sys.stderr, parts)


def print_read(path: object) -> None:
    """Print that a file is read if the volume is verbose; each file is printed once in a command."""
    if _volume >= VERBOSE and str(path) not in _printed_files:
        _printed_files.add(str(path))
        print_detail(f"read {path}")


def print_warning(*parts: str) -> None:
    """Print a warning on stderr, unless the volume is quiet."""
    if _volume > QUIET:
        _print(sys.stderr, (Styled("warning:", "yellow bold"), " ", *parts))


def print_error(*parts: str) -> None:
    """Print an error on stderr."""
    _print(sys.stderr, (Styled("error:", "red bold"), " ", *parts))


def print_lines(text: str) -> None:
    """Print further lines of an error on stderr, such as a usage or a traceback."""
    for line in text.split("\n"):
        _print(sys.stderr, (line,))


def _print(stream: TextIO | None, parts: Sequence[str]) -> None:
    if stream is not None:  # there is none under pythonw
        _write(stream, f"{_styled(parts, stream)}\n")


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print a `table` on stdout."""
    for line in table(rows):
        print_line(*line)


def print_document(content: bytes) -> None:
    """Print a document in UTF-8 on stdout, byte for byte; on a terminal, its lines are escaped.

    URLs in it are complete.
    """
    if sys.stdout is not None and is_terminal(sys.stdout):
        for line in content.decode("utf-8", "replace").removesuffix("\n").split("\n"):
            _write(sys.stdout, f"{_harmless(line)}\n")
    elif buffer := getattr(sys.stdout, "buffer", None):
        sys.stdout.flush()
        buffer.write(content)
        buffer.flush()
    elif sys.stdout is not None:  # such as io.StringIO
        _write(sys.stdout, content.decode("utf-8", "replace"))


def print_annotation(level: str, properties: dict[str, str], message: str) -> None:
    """Print an annotation of GitHub Actions, a workflow command, on stdout.

    Commas and colons are escaped in its properties, line ends everywhere.
    """
    inner = ",".join(
        f"{name}={_percent(text).replace(':', '%3A').replace(',', '%2C')}"
        for name, text in properties.items()
    )
    if sys.stdout is not None:
        line = escaped(f"{level} {inner}::{_percent(message)}")
        _write(sys.stdout, f"::{line}\n")


def _percent(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def print_status(text: str) -> None:
    """Replace the status line on a terminal; an empty text removes it."""
    if shows_progress():
        columns = width(sys.stderr) - 1
        _write(sys.stderr, f"\r{escaped(text)[:columns]:{columns}}\r")


def print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an unexpected error with its traceback, in place of `sys.excepthook`."""
    import traceback

    for text in traceback.format_exception(kind, error, trace):
        print_lines(text.removesuffix("\n"))


def print_python_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,  # noqa: ARG001  # the signature is that of `warnings.showwarning`
    line: str | None = None,  # noqa: ARG001
) -> None:
    """Print a warning of Python or of a library, in place of `warnings.showwarning`."""
    print_warning(f"{filename}:{lineno}: {category.__name__}: {message}")


def print_logs() -> None:
    """Print the warnings and errors that libraries log in the same way."""
    import logging

    class _Printer(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            try:
                is_error = record.levelno >= logging.ERROR
                first, *others = self.format(record).split("\n")
                (print_error if is_error else print_warning)(first)
                for line in others:
                    (print_lines if is_error else print_message)(line)
            except Exception:  # as in the handlers of the standard library
                self.handleError(record)

    printer = _Printer(logging.WARNING)
    printer.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logging.lastResort = printer


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal."""
    return stream is not None and stream.isatty()


def width(stream: TextIO | None) -> int:
    """Return the number of columns of a terminal; a file has no limit."""
    if not is_terminal(stream):
        return sys.maxsize
    import shutil

    return shutil.get_terminal_size().columns


def table(rows: Sequence[Sequence[str]], *, columns: int | None = None) -> Iterator[list[str]]:
    """Yield the lines of a table, each for `print_line`; a row may lack its last cells, or be a `Note`.

    If the table is wider than *columns*, its widest cells are wrapped. The default is the width of stdout.
    """
    cells = [[] if isinstance(row, Note) else [_cell(text) for text in row] for row in rows]
    columns = width(sys.stdout) if columns is None else columns
    widths = _widths(cells, columns)
    for row, original in zip(cells, rows, strict=True):
        if isinstance(original, Note):
            yield from ([line] for line in _wrapped(f"  {escaped(original)}", columns, indent="    "))
            continue
        wrapped = [_wrapped(cell, size) for cell, size in zip(row, widths, strict=False)]
        for number in range(max(map(len, wrapped), default=0)):
            yield _row(
                [
                    cell.replaced(lines[number] if number < len(lines) else "")
                    for cell, lines in zip(row, wrapped, strict=True)
                ],
                widths,
            )


def _widths(cells: Sequence[Sequence[str]], columns: int) -> list[int]:
    """Return the widths of a table's columns, so that no word is split if *columns* allow that."""
    longest = max(map(len, cells), default=0)
    texts = [[row[at] for row in cells if at < len(row)] for at in range(longest)]
    widths = [max(map(len, column)) for column in texts]
    limit = columns - len(_GAP) * (longest - 1)
    whole_words = [_width_of_words(column) for column in texts]
    _shrink(widths, whole_words if sum(whole_words) <= limit else [_NARROWEST] * longest, limit)
    return widths


def _width_of_words(texts: Sequence[str]) -> int:
    """Return the least width of a column that splits no word; lines after the first are indented."""
    words = (len(word) + 2 * (at > 0) for text in texts for at, word in enumerate(_glued(text).split(" ")))
    return min(max(_NARROWEST, *words, 0), max(map(len, texts)))


def _shrink(widths: list[int], least: Sequence[int], limit: int) -> None:
    """Reduce the widths of the widest columns to a sum of at most *limit*, each to its *least* width."""
    while sum(widths) > limit and (able := [at for at, size in enumerate(widths) if size > least[at]]):
        widest = max(able, key=lambda at: widths[at])
        second = sorted(widths[at] for at in able)[-2] if len(able) > 1 else 0
        widths[widest] = max(widths[widest] - (sum(widths) - limit), least[widest], second - 1)


def _wrapped(text: str, size: int, *, indent: str = "  ") -> list[str]:
    """Return a text in lines of at most *size* characters."""
    if len(text) <= size:
        return [text]
    import textwrap

    lines = textwrap.wrap(_glued(text), size, subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines] or [""]


def _glued(text: str) -> str:
    """Return a text in which no line can start with ``::``, which would be escaped; no cell has NUL."""
    return text.replace(" ::", "\0::")


def _cell(text: str) -> Styled:
    return Styled(escaped(text), text.style if isinstance(text, Styled) else "")


def _row(cells: list[Styled], widths: Sequence[int]) -> list[str]:
    """Return the parts of one line of a table, without white space at its end."""
    while cells and not cells[-1]:
        cells = cells[:-1]
    parts: list[str] = []
    for number, (cell, size) in enumerate(zip(cells, widths, strict=False), start=1):
        parts += [cell, " " * (size - len(cell)) + _GAP if number < len(cells) else ""]
    return parts


def _styled(parts: Sequence[str], stream: TextIO) -> str:
    """Return the parts of a line joined, in their styles if the stream shows these."""
    whole = escaped("".join(parts))
    if not any(isinstance(part, Styled) for part in parts) or not _shows_styles(stream):
        return whole
    if "".join(map(escaped, parts)) != whole:  # together, they form a command
        return whole
    return "".join(
        _in_style(escaped(part), part.style) if isinstance(part, Styled) else escaped(part) for part in parts
    )


def _in_style(text: str, style: str) -> str:
    codes = "".join(f"\x1b[{_STYLES[name]}m" for name in style.split())
    return f"{codes}{text}\x1b[0m" if codes and text else text


def _shows_styles(stream: TextIO) -> bool:
    """Return whether a stream shows styles, by the rule of Python itself.

    NO_COLOR (no-color.org) wins over FORCE_COLOR (force-color.org), and both win over the kind of stream:
    terminals show styles, unless TERM is dumb.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if not os.environ.get("FORCE_COLOR") and (not is_terminal(stream) or os.environ.get("TERM") == "dumb"):
        return False
    if sys.platform == "win32" and is_terminal(stream):
        try:
            import colorama
        except ImportError:  # it comes with click, which builds do not have
            return False
        colorama.just_fix_windows_console()
    return True


def _write(stream: TextIO, text: str) -> None:
    """Write a text; characters that the stream's encoding lacks are escaped."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def readable_size(size: int) -> str:
    """Return a number of bytes in words.

    >>> readable_size(1_234_567)
    '1.2 MB'
    """
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"
