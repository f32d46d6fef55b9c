"""Commands in messages have the quotes that the shell of this machine needs."""

from __future__ import annotations

import shlex
import subprocess

from hypothesis import example, given
from hypothesis import strategies as st

from variant_backend._internal.lowlevel.shell_words import command_line, quoted

# Both shells of Windows leave words in double quotes whole, except for these.
WORDS = st.text(st.characters(codec="ascii", min_codepoint=32, exclude_characters="%$`"), max_size=12)


@given(WORDS)
@example('a b\\"')
@example("C:\\a b\\")
def test_a_word_with_a_space_is_quoted_as_python_quotes_it_on_windows(word: str) -> None:
    assert quoted(f"{word} x", windows=True) == subprocess.list2cmdline([f"{word} x"])


@given(st.lists(WORDS))
def test_a_shell_of_posix_reads_the_same_words(words: list[str]) -> None:
    assert shlex.split(" ".join(quoted(word, windows=False) for word in words)) == words


def test_words_that_a_shell_of_windows_would_change_are_quoted() -> None:
    for word in (
        "demo>=1",
        "a&b",
        "cuda:12.8,x86_64:v3",
        "demo#v3",
        "a;b",
        "a|b",
        "(x)",
        "^x",
        "",
        "@x",
        "'a'",
    ):
        assert quoted(word, windows=True) == f'"{word}"'


def test_paths_of_windows_without_spaces_have_no_quotes() -> None:
    for path in r"C:\Users\x\demo-1.0-py3-none-any.whl", r"\\server\share\x", "dist/x.whl", "~x", "a=b":
        assert quoted(path, windows=True) == path


def test_a_command_on_this_machine_is_quoted_by_word() -> None:
    assert command_line(["pip", "install", "demo"]) == "pip install demo"
