"""`run` recognizes tools, their subcommands and the values of their options."""

from __future__ import annotations

import pytest

from variant_backend._internal.running.command import read_command


@pytest.mark.parametrize(
    ("line", "tool", "words"),
    [
        ("pip install torch", "pip", "install torch"),
        ("pip3.12 install -r req.txt", "pip", "install"),
        ("/venv/bin/pip.exe --proxy p:1 install -qr req.txt torch", "pip", "install torch"),
        ("python -m pip install", "pip", "install"),
        ("py -3 -m pip install", "pip", "install"),
        ("python3 -X utf8 -Im pip install", "pip", "install"),
        ("python3 -mpip install", "pip", "install"),
        ("python -m venv --upgrade-deps --prompt x env", "venv", "env"),
        ("python -m uv sync", "uv", "sync"),
        ("uv --directory x pip install -p 3.12 torch", "uv", "pip install torch"),
        ("uv tool run ruff", "uv", "tool run ruff"),
        ("uvx --with torch ruff", "uv", "tool run ruff"),
        ("pip-compile -o out.txt in.txt", "pip-tools", "compile in.txt"),
        ("python -m piptools sync out.txt", "pip-tools", "sync out.txt"),
        ("python -m build --installer uv .", "build", "."),
        ("pyproject-build .", "build", "."),
        ("tox run -e py312", "tox", "run"),
        ("pdm -p x install", "pdm", "install"),
        ("pip install -- -x", "pip", "install -x"),
        ("python -c 'import pip' -m pip", "", ""),
        ("python script.py -m pip", "", ""),
        ("python -m", "", ""),
        ("make install", "", ""),
    ],
)
def test_a_command_has_a_tool_and_words(line: str, tool: str, words: str) -> None:
    command = read_command(line.split())
    assert (command.tool, " ".join(command.words)) == (tool, words)
    assert command.arguments == tuple(line.split())


def test_options_have_their_values_in_each_form() -> None:
    line = "pip install -rone -qr two --requirement=three --requirement four -- -r x"
    command = read_command(line.split())
    assert command.values("-r", "--requirement") == ["one", "two", "three", "four"]
    assert ("-q", "") in command.given
