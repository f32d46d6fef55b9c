"""Commands accept and print long paths, and characters that the encoding of stdout lacks, as on Windows."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers.sample_release import DOCUMENT, write_release

from variant_backend._internal.cli.main import main

FOLDER = "\u65e5\u672c \xe9"
# Code pages of Western Europe, of consoles in the United States, and of Japan: each lacks other characters.
CODE_PAGES = {
    "cp1252": "\\u65e5\\u672c \xe9",
    "cp437": "\\u65e5\\u672c \xe9",
    "cp932": "\u65e5\u672c \\xe9",
}

PLAIN, FAST = "demo-1.0-py3-none-any.whl", "demo-1.0-py3-none-any-fast.whl"
# The command lines that print paths on success; {} is a folder with a release.
COMMANDS = {
    "make-variant": f"make-variant -o {{}}/made --null --static speed::mode::fast {{}}/{PLAIN}",
    "index": "index {}",
    "index --simple": "index --simple {}",
    "inspect": f"inspect {{}}/{FAST}",
    "inspect --compare": f"inspect --compare {{}}/{FAST} {{}}/{PLAIN}",
    "unmake": f"unmake -o {{}}/unmade {{}}/{FAST}",
    "fetch": "fetch -f {} -o {}/fetched demo",
    "fetch --pylock": "fetch -f {} --pylock {}/pylock.toml demo",
    "stub": "stub {} -o {}/stub --base-url https://example.org/",
    "upgrade": f"upgrade -o {{}}/upgraded {{}}/{FAST}",
    "upgrade, in place": f"upgrade --in-place {{}}/{FAST}",
    "hardware": "hardware -o {}/machine.toml",
    "init": "init {}",
}
BUILD_SYSTEM = "[build-system]\nrequires = ['flit_core']\nbuild-backend = 'flit_core.buildapi'\n"
MISSING = [
    "make-variant --null {}/missing.whl",
    "index {}/missing",
    "build {}/missing",
    "inspect {}/missing.whl",
    "unmake {}/missing.whl",
    "check {}/missing.whl",
    "upgrade {}/missing.json",
    "fetch -o x -f {}/missing demo",
    "explain -f {}/missing demo",
    "stub -o x --base-url https://example.org/ {}/missing",
    "init {}/missing",
]


@pytest.fixture(autouse=True)
def _in_a_folder_with_a_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_release(Path(FOLDER), DOCUMENT)
    (folder / "pyproject.toml").write_text(BUILD_SYSTEM, encoding="utf-8")


@pytest.fixture(params=CODE_PAGES)
def code_page(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def call(line: str, *more: str, code_page: str = "cp1252") -> Result:
    arguments = [word.replace("{}", FOLDER) for word in shlex.split(line)]
    return CliRunner(charset=code_page).invoke(main, [*arguments, *more], catch_exceptions=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_paths_on_stdout_are_escaped(command: str, code_page: str) -> None:
    result = call(COMMANDS[command], code_page=code_page)
    assert (result.exit_code, CODE_PAGES[code_page] in result.stdout) == (0, True), result.output


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "hardware"])  # it prints no object
def test_paths_in_json_are_exact(command: str) -> None:
    result = call(COMMANDS[command], "--json")
    assert result.exit_code == 0
    assert result.stdout.isascii()
    assert FOLDER in json.dumps(json.loads(result.stdout), ensure_ascii=False)


@pytest.mark.parametrize("line", MISSING, ids=lambda line: line.split()[0])
def test_paths_in_errors_are_escaped(line: str, code_page: str) -> None:
    result = call(line, code_page=code_page)
    assert (result.exit_code, CODE_PAGES[code_page] in result.output) == (1, True), result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_paths_with_more_than_260_characters_work(command: str, tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a" * 100] * 3)
    deep.parent.mkdir(parents=True)
    Path(FOLDER).rename(deep)
    arguments = [word.replace("{}", str(deep)) for word in shlex.split(COMMANDS[command])]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert (result.exit_code, str(deep) in result.stdout) == (0, True), result.output
