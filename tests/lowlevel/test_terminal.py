"""Each text is printed as one safe line; tables fit the terminal, and only terminals get styles."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variant_backend._internal.building.hook_shell import say
from variant_backend._internal.lowlevel import terminal
from variant_backend._internal.lowlevel.terminal import Styled, escaped, heading, table

COMMAND = re.compile(r"^\s*::|##\[|##vso\[|##teamcity\[")
SGR = re.compile(r"\x1b\[[0-9;]*m")
texts = st.text() | st.text("ab :#[vso\x1b\n\r\t\u202e\ud800", max_size=12)
cells = st.text("abc  defgh\x1b", max_size=40)
tables = st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=5)


class Stream(io.TextIOWrapper):
    """A stream that can pretend to be a terminal."""

    def __init__(self, *, is_terminal: bool, encoding: str = "utf-8") -> None:
        self.content = io.BytesIO()
        self.is_terminal = is_terminal
        super().__init__(self.content, encoding, newline="\n", write_through=True)

    def isatty(self) -> bool:
        return self.is_terminal

    def text(self) -> str:
        return self.content.getvalue().decode(self.encoding)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    yield


def replaced(name: str, monkeypatch: pytest.MonkeyPatch, **options: object) -> Stream:
    stream = Stream(**options)  # type: ignore[arg-type]  # the options have these types
    monkeypatch.setattr(sys, name, stream)
    return stream


@given(texts)
def test_an_escaped_text_is_printable_and_contains_no_command(text: str) -> None:
    result = escaped(text)
    assert all(each.isprintable() or category(each) == "Zs" for each in result)
    assert not COMMAND.search(result)
    assert escaped(result) == result


@given(st.text("abc xyz.:/-_\\é☃\u3000", max_size=30))
def test_a_harmless_text_stays_as_it_is(text: str) -> None:
    if not COMMAND.search(text):
        assert escaped(text) == text


@given(tables, st.integers(1, 100))
def test_a_table_fits_unless_each_column_has_its_least_width(rows: list[list[str]], columns: int) -> None:
    lines = [terminal._styled(line, Stream(is_terminal=False)) for line in table(rows, columns=columns)]
    widest = max(map(len, lines), default=0)
    assert widest <= max(columns, 3 * 12 + 2 * 2)


@given(tables)
def test_a_table_in_a_file_has_one_complete_line_for_each_row(rows: list[list[str]]) -> None:
    lines = [*table(rows, columns=sys.maxsize)]
    assert len(lines) == len(rows)
    for row, line in zip(rows, lines, strict=True):
        assert _cells(line, len(row)) == [*map(escaped, row)]


def _cells(line: list[str], count: int) -> list[str]:
    """Return the cells of a line; every second part is a gap."""
    found = [str(part) for part in line[::2]]
    return [*found, *[""] * (count - len(found))]


@given(tables)
def test_wrapped_cells_have_all_their_words(rows: list[list[str]]) -> None:
    words = "".join("".join(str(part) for part in line) for line in table(rows, columns=45))
    assert sorted(words.replace(" ", "")) == sorted(
        "".join(escaped(cell) for row in rows for cell in row).replace(" ", "")
    )


def test_columns_are_aligned_and_rows_have_no_white_space_at_their_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = replaced("stdout", monkeypatch, is_terminal=False)
    terminal.print_table([heading("A", "LONG", "C"), ("aaa", "b", ""), ("a", "b", "c\nd")])
    assert stream.text() == "A    LONG  C\naaa  b\na    b     c\\nd\n"


def test_wrapped_cells_stay_in_their_column(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = replaced("stdout", monkeypatch, is_terminal=True)
    terminal.print_table([("name", "one two three four five six seven eight nine ten")])
    assert stream.text() == ("name  one two three four five six seven\n        eight nine ten\n")


def test_words_stay_whole_if_the_columns_can_hold_them() -> None:
    row = ("cuda_version_lower_bound", "12.8, 12.7, 12.6, 12.5, ... (32 in all)", "the driver of a GPU")
    lines = ["".join(line) for line in table([row], columns=60)]
    assert max(map(len, lines)) <= 60
    assert sorted(" ".join(lines).split()) == sorted(" ".join(row).split())


def test_no_wrapped_line_starts_with_two_colons() -> None:
    lines = ["".join(line) for line in table([("nvidia :: sm_arch :: 90_real", "x" * 12)], columns=30)]
    assert lines == ["nvidia ::         xxxxxxxxxxxx", "  sm_arch ::", "  90_real"]


def test_a_note_spans_all_columns() -> None:
    rows = [("a", "b"), terminal.Note("one two three\x1b"), ("c", "d")]
    lines = ["".join(line) for line in table(rows, columns=13)]
    assert lines == ["a  b", "  one two", "    three\\x1b", "c  d"]


@pytest.mark.parametrize(
    ("is_terminal", "environment", "has_style"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (False, {"FORCE_COLOR": "1"}, True),
        (False, {"FORCE_COLOR": ""}, False),
        (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
        (False, {"TERM": "dumb", "FORCE_COLOR": "1"}, True),
    ],
)
def test_styles_show_on_terminals_unless_a_variable_changes_that(
    is_terminal: bool, environment: dict[str, str], has_style: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = replaced("stderr", monkeypatch, is_terminal=is_terminal)
    terminal.print_error("a\x1bb")
    assert stream.text() == ("\x1b[31m\x1b[1merror:\x1b[0m a\\x1bb\n" if has_style else "error: a\\x1bb\n")


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        (terminal.QUIET, ["error: a"]),
        (terminal.NORMAL, ["error: a", "warning: b", "c"]),
        (terminal.VERBOSE, ["error: a", "warning: b", "c", "d"]),
    ],
)
def test_the_volume_decides_which_messages_are_printed(
    volume: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = replaced("stderr", monkeypatch, is_terminal=False)
    before = terminal.set_volume(volume)
    terminal.print_error("a")
    terminal.print_warning("b")
    terminal.print_message("c")
    terminal.print_detail("d")
    assert terminal.set_volume(before) == volume
    assert stream.text().splitlines() == expected


def test_a_command_that_two_parts_make_together_is_escaped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = replaced("stdout", monkeypatch, is_terminal=True)
    terminal.print_line(":", Styled(":error::x", "bold"))
    terminal.print_line("#", Styled("#[error]x", "bold"))
    assert [COMMAND.search(SGR.sub("", line)) for line in stream.text().splitlines()] == [None, None]


def test_a_character_missing_in_the_encoding_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = replaced("stdout", monkeypatch, is_terminal=False, encoding="ascii")
    terminal.print_line("snow ☃")
    assert stream.text() == "snow \\u2603\n"


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_without_a_stream_nothing_is_printed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, name, None)
    terminal.print_line("x")
    terminal.print_message("x")
    terminal.print_document(b"x")
    terminal.print_status("x")
    terminal.print_annotation("error", {}, "x")


def test_a_document_goes_to_a_stream_of_text_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    terminal.print_document(b"x\n")
    assert stream.getvalue() == "x\n"


def test_logs_are_escaped_and_a_wrong_call_prints_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging, "lastResort", logging.lastResort)
    monkeypatch.setattr(logging, "raiseExceptions", False)
    stream = replaced("stderr", monkeypatch, is_terminal=False)
    terminal.print_logs()
    logger = logging.Logger("library")
    logger.warning("%s items\x1b", "two")
    logger.warning("%d items", "two")
    try:
        raise ValueError("\x1b")
    except ValueError:
        logger.exception("it failed")
    lines = stream.text().splitlines()
    assert lines[:2] == ["warning: library: two items\\x1b", "error: library: it failed"]
    assert lines[-1] == "ValueError: \\x1b"


DOCUMENT = 'a = "☃"  # \u202e\n::error::x\n'.encode()


def test_a_document_is_printed_byte_for_byte_where_it_may_be_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = replaced("stdout", monkeypatch, is_terminal=False, encoding="ascii")
    terminal.print_line("before")
    terminal.print_document(DOCUMENT)
    assert stream.content.getvalue() == b"before\n" + DOCUMENT


def test_a_document_is_escaped_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = replaced("stdout", monkeypatch, is_terminal=True)
    terminal.print_document(DOCUMENT)
    assert stream.text() == 'a = "☃"  # \\u202e\n\\x3a:error::x\n'


def test_an_annotation_cannot_contain_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = replaced("stdout", monkeypatch, is_terminal=False)
    terminal.print_annotation("error", {"file": "a:b,c\n::x", "title": "t"}, "50%\r\n::error::y\x1b")
    expected = "::error file=a%3Ab%2Cc%0A%3A%3Ax,title=t::50%25%0D%0A::error::y\\x1b\n"
    assert stream.text() == expected


def test_a_status_takes_one_line_and_is_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = replaced("stderr", monkeypatch, is_terminal=True)
    terminal.print_status("x" * 100)
    terminal.print_status("\n")
    second = "\\n".ljust(39)
    assert stream.text() == f"\r{'x' * 39}\r\r{second}\r"
    silent = replaced("stderr", monkeypatch, is_terminal=False)
    terminal.print_status("x")
    assert silent.text() == ""


def test_hooks_print_messages_as_one_escaped_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = replaced("stderr", monkeypatch, is_terminal=True)
    say("error: \x1b[2J\n##[error]x\u202e")
    assert stream.text() == "variant-backend: error: \\x1b[2J\\n#\\x23[error]x\\u202e\n"
