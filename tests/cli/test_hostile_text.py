"""No text from outside makes a command print something that controls a terminal or a CI service."""

from __future__ import annotations

import gc
import io
import logging
import os
import re
import subprocess
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from unicodedata import category

import click
import pytest
from helpers.hostile_inputs import (
    ARGUMENT,
    HERE,
    LONG,
    PROJECT,
    ROWS,
    STRING,
    TEXTS,
    WRAPPED,
    Row,
    sound_release,
    toml,
)
from helpers.programs import SCRIPTS, read_terminal
from helpers.range_server import Handler, Server
from helpers.sample_release import patched
from helpers.servers import answering

from variant_backend._internal import scripts
from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.make_variant import make_variant_command

# Commands that print a file byte for byte, unless stdout is a terminal.
DOCUMENT = re.compile(
    r"(variant-backend )?(upgrade (?!.*(--dry-run|-o|--json|--in-place|\.whl))|hardware .*--(json|toml))"
)
# Controls that the commands themselves print: bold type and colors, and on a terminal the status line.
COLOR = re.compile(r"\x1b\[(?:[01]|3[0-7])m")
WIDTH = 79
STATUS = re.compile(rf"\r([^\r\n]{{{WIDTH}}})\r")
ANNOTATION = re.compile(r"::(error|warning) file=[^:,]*,title=[^:,]*::(?P<message>.*)")
CI_COMMAND = re.compile(r"##(\[|vso\[|teamcity\[)")
SHOWN = 70  # characters on each side of a harmful part


def harm(text: str, *, is_json: bool = False, has_annotations: bool = False) -> list[str]:
    """Return one line for each harmful part of a printed text; annotations for GitHub may be allowed."""
    found = []
    for line in COLOR.sub("", STATUS.sub(r"\1\n", text)).split("\n"):
        annotation = ANNOTATION.fullmatch(line) if has_annotations else None
        stray = [] if line.isprintable() else sorted({*filter(_is_stray, line)})
        if stray:
            characters = " ".join(f"U+{ord(each):04X}" for each in stray)
            found.append(f"raw {characters}: {_around(line, min(map(line.index, stray)))}")
        if is_json and not line.isascii():
            found.append(f"not ASCII: {_around(line)}")
        if line.lstrip().startswith("::") and not annotation:
            found.append(f"a command of GitHub: {_around(line)}")
        command = CI_COMMAND.search(annotation["message"] if annotation else line)
        if command:
            found.append(f"a command of Azure: {_around(line, command.start())}")
    return found


def _is_stray(character: str) -> bool:
    return not character.isprintable() and category(character) != "Zs"


def _around(line: str, at: int = 0) -> str:
    return ascii(line[max(at - SHOWN, 0) : at + SHOWN])


def fail_if_any(found: Iterable[str]) -> None:
    """Fail without a traceback if anything was found: writing the traceback takes longer than the test."""
    if lines := [*found]:
        pytest.fail("\n".join(lines), pytrace=False)


def assert_harmless(output: bytes | str, **allowed: bool) -> None:
    """Check that an output contains nothing that controls a terminal or a CI service."""
    text = output if isinstance(output, str) else output.decode("utf-8", "surrogateescape")
    fail_if_any(harm(text, **allowed))


@pytest.mark.parametrize("name", TEXTS)
def test_the_checker_finds_each_unescaped_text(name: str) -> None:
    text = TEXTS[name]
    assert harm(f"error: {text}\n")
    assert not harm(f"error: {ascii(text).replace('##', '#-')}\n")


def test_the_checker_allows_the_output_of_the_commands() -> None:
    assert_harmless(f"\x1b[31m\x1b[1merror[x]\x1b[0m: it is so\n\r{'1 of 2':{WIDTH}}\r\r{'':{WIDTH}}\r")
    assert_harmless("::error file=x,title=y::it is ::so\n", has_annotations=True)
    assert_harmless('{"a": "#\\u0023[error]\\u001b"}\n', is_json=True)
    assert harm("::error file=x,title=y::it is so\n")
    assert harm("::error file=x,title=y::##[error]\n", has_annotations=True)
    assert harm("\x1b[8mx\n") and harm("\r1 of 2\n") and harm("\r\n") and harm('{"a": "\xe9"}', is_json=True)


# Commands run in this process, with streams that pretend to be a terminal or a pipe.


class Stream(io.TextIOWrapper):
    """A stream that records its text, and the lines of code that print something harmful."""

    def __init__(self, *, is_terminal: bool, errors: str) -> None:
        self.content = io.BytesIO()
        super().__init__(self.content, "utf-8", errors, newline="\n", write_through=True)
        self._is_terminal = is_terminal
        self.by: dict[str, None] = {}

    def isatty(self) -> bool:
        return self._is_terminal

    def write(self, text: str) -> int:
        # Click tests with bytes whether the stream accepts bytes.
        if isinstance(text, str) and harm(text, is_json=text.startswith(("{", "["))):
            self.by[_printer(sys._getframe(1))] = None
        return super().write(text)


def _printer(frame: FrameType | None) -> str:
    """Return the lines of variant_backend that called this write, the innermost first."""
    lines = []
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if "variant_backend" in path.parts and path.name != "scripts.py":
            lines.append(f"{path.parent.name}/{path.name}:{frame.f_lineno}")
        frame = frame.f_back
    return " < ".join(lines[:3]) or "a library"


class Ran(NamedTuple):
    """The output of a command, the lines of code that printed harmful text, and an unexpected exception."""

    out: bytes
    err: bytes
    by: Sequence[str]
    crash: str | None


def ran(*command: str, is_terminal: bool = False) -> Ran:
    """Run a command as the installed script does."""
    out = Stream(is_terminal=is_terminal, errors="strict")
    err = Stream(is_terminal=is_terminal, errors="backslashreplace")
    streams = {"stdin": Stream(is_terminal=is_terminal, errors="strict"), "stdout": out, "stderr": err}
    crash = None

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**streams, "argv": [*command], "excepthook": sys.excepthook}.items():
            patch.setattr(sys, name, value)
        for name in ("disable", "freeze"):  # the script does both, as its process ends soon
            patch.setattr(gc, name, lambda: None)
        patch.setattr(warnings, "showwarning", warnings.showwarning)
        patch.setattr(logging, "lastResort", logging.lastResort)
        try:
            getattr(scripts, command[0].replace("-", "_"))()
        except SystemExit:
            pass
        except Exception as error:  # the interpreter would print it
            crash = "".join(traceback.format_exception_only(error)).strip()[:300]
            frames = traceback.extract_tb(error.__traceback__)
            own = [each for each in frames if "variant_backend" in each.filename]
            err.by[f"the traceback from {Path(own[-1].filename).name}:{own[-1].lineno}"] = None
            sys.excepthook(type(error), error, error.__traceback__)
    return Ran(out.content.getvalue(), err.content.getvalue(), [*out.by, *err.by], crash)


def harm_by(command: str, result: Ran, *, is_terminal: bool, may_crash: bool = False) -> Iterator[str]:
    """Yield the harmful parts of a command's output, with the lines of code that print them."""
    is_json = "--json" in command and "hardware" not in command
    out, err = (each.decode("utf-8", "surrogateescape") for each in (result.out, result.err))
    found = []
    if is_terminal or not DOCUMENT.match(command):
        found += harm(out, is_json=is_json, has_annotations="--format github" in command)
    found += harm(err)
    if result.crash and not may_crash:
        found.append(f"it ends in a traceback: {result.crash!a}")
    by = "; ".join(result.by) or "a line that is written in parts"
    yield from (f"{command}: {part}, by {by}" for part in found)


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore the settings of the user who runs the tests."""
    for name in ("NO_COLOR", "FORCE_COLOR", "SOURCE_DATE_EPOCH", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", str(WIDTH + 1))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")


# Inputs of commands.


class Pages(NamedTuple):
    """A server with a release; *answers* replace its answers, by path."""

    url: str
    answers: dict[str, bytes]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    answers: dict[str, bytes] = {}

    def misbehave(handler: Handler, _: bytes | None) -> bool:
        content = answers.get(handler.path)
        if content is not None:
            handler.wfile.write(content)
            handler.close_connection = True
        return content is not None

    folder = tmp_path_factory.mktemp("pages")
    write(folder / "demo", HERE)
    with Server(folder) as server, answering(server):
        server.misbehave = misbehave
        yield Pages(server.url.rstrip("/"), answers)


def words(command: str, out: str, url: str) -> list[str]:
    """Return the program and the arguments of a command; a word with ``*`` becomes the matching files."""
    result = [] if command.startswith("make-variant ") else ["variant-backend"]
    for word in command.split():
        if "*" in word:
            folder, _, name = word.rpartition("/")  # an output file need not exist
            there = sorted(map(str, Path().glob(word)))
            result += there or [str(each / name) for each in Path().glob(folder or word)]
        else:
            result.append(word.replace("OUT", out).replace("URL", url))
    return result


def row_harm(
    row: Row, commands: Sequence[str], texts: Sequence[str], pages: Pages, folder: Path, *, is_terminal: bool
) -> list[str]:
    """Run commands of a row with each of the texts; return the harmful parts of their output."""
    found: dict[str, None] = {}
    for number, text in enumerate(texts):
        here = folder / str(number)
        here.mkdir(parents=True)
        write(here, row.files(text))
        pages.answers.clear()
        pages.answers.update(row.pages(text))
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(here)
            if (here / "config").exists():
                patch.setenv("XDG_CONFIG_HOME", str(here / "config"))
            for name, value in row.variables(text).items():
                patch.setenv(name, value)
            for at, command in enumerate(commands):
                result = ran(*words(command, f"out{at}", pages.url), is_terminal=is_terminal)
                found.update(dict.fromkeys(harm_by(command, result, is_terminal=is_terminal)))
    return [*found]


STEP = 12  # for each field, the fast test runs one of this many commands that read the input
NAMES = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
EACH_ROW = pytest.mark.parametrize(
    ("number", "row"),
    [
        pytest.param(number, row, id=str(row), marks=[NAMES] if "name" in row.input else [])
        for number, row in enumerate(ROWS)
    ],
)


def quick_commands(number: int, row: Row) -> Sequence[str]:
    """Return the commands of a row that the fast test runs."""
    step = min(STEP, len(row.commands))
    return row.commands[number % step :: step]


@EACH_ROW
def test_no_input_controls_a_terminal(number: int, row: Row, pages: Pages, tmp_path: Path) -> None:
    found = row_harm(row, quick_commands(number, row), row.kind.texts(), pages, tmp_path, is_terminal=True)
    fail_if_any(found)


@pytest.mark.slow
@EACH_ROW
def test_every_third_command_is_harmless_on_a_terminal(
    number: int, row: Row, pages: Pages, tmp_path: Path
) -> None:
    quick = quick_commands(number, row)  # which the test above runs; the next one runs others on a pipe
    some = [command for command in row.commands[number % 3 :: 3] if command not in quick]
    found = row_harm(row, some, row.kind.texts(), pages, tmp_path, is_terminal=True)
    fail_if_any(found)


@pytest.mark.slow
@EACH_ROW
def test_every_third_command_is_harmless_on_a_pipe(
    number: int, row: Row, pages: Pages, tmp_path: Path
) -> None:
    found: list[str] = []
    batches = row.kind.texts(100)  # commands cut long texts, so each batch starts with other texts
    for at, command in enumerate(row.commands[(number + 1) % 3 :: 3]):
        text = batches[(number + at) % len(batches)]
        found += row_harm(row, [command], [text], pages, tmp_path / str(at), is_terminal=False)
    fail_if_any(found)


LONG_ROWS = [
    row for row in ROWS if row.input in ("METADATA", "variant.json", "hardware.json", "page of JSON")
]


@pytest.mark.slow
@pytest.mark.parametrize("row", LONG_ROWS, ids=str)
def test_a_very_long_text_is_escaped_too(row: Row, pages: Pages, tmp_path: Path) -> None:
    text = f"\x1b]0;{LONG}\x07::{LONG}"
    found = row_harm(row, row.commands[:2], [text], pages, tmp_path, is_terminal=True)
    fail_if_any(found)


# The command line itself.

# The forms of the values of options and arguments, with a text in them.
FORMS = (
    "{}",
    "{}=x",
    "speed={}",
    "speed :: mode :: {}",
    "{} :: mode :: fast",
    "demo=={}",
    "demo#{}",
    "{}.whl",
    "{}.toml",
    "http://127.0.0.1:9/{}",
    "http://{}/",
    "http://127.0.0.1:9/?{}",
)
# Valid arguments of each command, in a folder with all its input files.
SOUND_ARGUMENTS = {
    "make-variant": "demo-1.0-py3-none-any.whl --null -o out",
    "build": "",
    "check": "release pyproject.toml",
    "explain": "demo --find-links release",
    "fetch": "demo --find-links release -o out",
    "hardware": "",
    "index": "release -o out",
    "init": "--dry-run",
    "inspect": "release/demo-1.0-py3-none-any-fast.whl",
    "installed": "--path site",
    "providers list": "",
    "providers new": "speech",
    "providers query": "x",
    "providers validate": "x",
    "run": "true",
    "schema": "",
    "state": "--path site",
    "serve": "--index-url release --host 192.0.2.1",  # it cannot listen there, so it ends
    "retire": "old release/demo-1.0-py3-none-any-fast.whl -o out",
    "stub": "release --base-url https://example.org -o out",
    "lock": "demo --find-links release -o out",
    "mirror": "demo --find-links release --machine m=x86_64:v2 -o out",
    "mend": "release/demo-1.0-py3-none-any-fast.whl -o out",
    "unmake": "release/demo-1.0-py3-none-any-fast.whl -o out",
    "upgrade": "release/demo-1.0-py3-none-any-fast.whl -o out",
}


def all_commands() -> dict[str, click.Command]:
    """Return all commands by their full names, such as ``providers list``."""
    found: dict[str, click.Command] = {"make-variant": make_variant_command}
    for name, command in main.commands.items():
        if isinstance(command, click.Group):
            found.update({f"{name} {inner}": each for inner, each in command.commands.items()})
        else:
            found[name] = command
    return found


def usages(name: str, command: click.Command, text: str) -> Iterator[list[str]]:
    """Yield argument lists of a command, each with the text in another argument."""
    sound = SOUND_ARGUMENTS[name].split()
    yield [*sound, f"--{text}"]
    yield [*sound, f"-{text}"]
    yield [*sound, "-q", text, text]
    forms = FORMS if sound != ["x"] else FORMS[:2]  # each run starts an interpreter
    for parameter in command.params:
        for form in forms:
            value = form.replace("{}", text)
            if isinstance(parameter, click.Option):
                option = max(parameter.opts, key=len)
                yield [*sound, *([f"{option}={value}"] if parameter.is_flag else [option, value])]
            else:
                yield [value, *(each for each in sound[1:])]


def usage_harm(usages: Iterator[list[str]], name: str, *, is_terminal: bool = True) -> list[str]:
    program = [] if name == "make-variant" else ["variant-backend"]
    found: dict[str, None] = {}
    for arguments in usages:
        result = ran(*program, *name.split(), *arguments, is_terminal=is_terminal)
        shown = " ".join([name, *(each if each.isprintable() else "TEXT" for each in arguments)])
        found.update(dict.fromkeys(harm_by(shown, result, is_terminal=is_terminal)))
    return [*found]


@pytest.fixture
def everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with all input files of the commands."""
    here = tmp_path / "here"
    environment = {".venv/pyvenv.cfg": b"version = 3.12.1\n"}  # no command asks an interpreter on PATH
    write(here, {**HERE, **sound_release(), **environment, "pyproject.toml": toml(PROJECT)})
    monkeypatch.chdir(here)
    return here


def test_the_table_of_arguments_has_every_command() -> None:
    assert set(SOUND_ARGUMENTS) == set(all_commands())


COMMAND = pytest.mark.parametrize("name", SOUND_ARGUMENTS)
NO_NAMES = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such arguments")


@NO_NAMES
@COMMAND
@pytest.mark.usefixtures("everything")
def test_no_argument_controls_a_terminal(name: str) -> None:
    (text,) = ARGUMENT.texts()
    every = [*usages(name, all_commands()[name], text)]
    # Each parameter is tested with some of the forms, in turn.
    found = usage_harm(iter([*every[:3], *every[3 :: len(FORMS) + 1]]), name)
    fail_if_any(found)


@NO_NAMES
@pytest.mark.slow
@COMMAND
@pytest.mark.parametrize("longest", [0, 100])
@pytest.mark.usefixtures("everything")
def test_no_form_of_an_argument_controls_a_terminal(name: str, longest: int) -> None:
    found: list[str] = []
    for number, text in enumerate(ARGUMENT.texts(longest)):
        every = [*usages(name, all_commands()[name], text)]
        found += usage_harm(iter(every[number % 6 :: 6] if longest else every), name)
    fail_if_any(found)


@NO_NAMES
@pytest.mark.parametrize("is_terminal", [False, True], ids=["pipe", "terminal"])
@pytest.mark.usefixtures("everything")
def test_no_unknown_command_controls_a_terminal(is_terminal: bool) -> None:
    (text,) = ARGUMENT.texts()
    for name in ("", "providers"):
        places = iter([[text], [f"--{text}"], [f"-{text}"], [f"--version={text}"], ["--json", text]])
        found = usage_harm(places, name, is_terminal=is_terminal)
        fail_if_any(found)


# Unexpected errors.


@pytest.mark.usefixtures("everything")
def test_no_traceback_controls_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = STRING.texts()

    def fail(*_: object, **__: object) -> None:
        try:
            raise KeyError(text)
        except KeyError as error:
            raise RuntimeError(text) from error

    monkeypatch.setattr("json.loads", fail)
    for is_terminal in (False, True):
        result = ran("variant-backend", "check", "release", is_terminal=is_terminal)
        assert result.crash
        found = [*harm_by("check release", result, is_terminal=is_terminal, may_crash=True)]
        fail_if_any(found)


# A real process and a real terminal. Every Python imports this module if it is on its path.
MISHAPS = """
import json, logging, os, warnings

loads = json.loads


def loads_with_mishap(*arguments, **options):
    text = os.environ["TEXT"]
    if "warns" in os.environ["MISHAP"]:
        warnings.warn(text)
    if "logs" in os.environ["MISHAP"]:
        logging.getLogger(text).error(text)
    if "fails" in os.environ["MISHAP"]:
        raise RuntimeError(text)
    return loads(*arguments, **options)


json.loads = loads_with_mishap
"""


def on_terminal(*command: str, cwd: Path, typed: bytes = b"", **env: str) -> bytes:
    """Return the unchanged output of a program on a terminal."""
    import tty

    parent, child = os.openpty()
    tty.setraw(child)  # else the terminal would add a carriage return to each line feed
    os.write(parent, typed)
    command = (str(SCRIPTS / command[0]), *command[1:])
    with subprocess.Popen(
        command, cwd=cwd, env={**os.environ, **env}, stdin=child, stdout=child, stderr=child
    ):
        os.close(child)
        return read_terminal(parent)


def on_pipe(*command: str, cwd: Path, **env: str) -> bytes:
    command = (str(SCRIPTS / command[0]), *command[1:])
    environment = {**os.environ, **env}
    return subprocess.run(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ).stdout


REAL = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
RUNS = pytest.mark.parametrize("run", [pytest.param(on_pipe, marks=pytest.mark.slow), on_terminal])


@REAL
@RUNS
@pytest.mark.parametrize("mishap", ["warns", "logs", "fails"])
def test_no_warning_and_no_log_controls_a_terminal(
    run: Any, mishap: str, everything: Path, tmp_path: Path
) -> None:
    write(tmp_path / "path", {"sitecustomize.py": MISHAPS.encode()})
    (text,) = ARGUMENT.texts()
    environment = {"PYTHONPATH": str(tmp_path / "path"), "PYTHONWARNINGS": "default"}
    output = run(
        "variant-backend", "check", "release", cwd=everything, TEXT=text, MISHAP=mishap, **environment
    )
    assert b"forged" in output
    assert_harmless(output)


@REAL
@pytest.mark.slow
@RUNS
def test_an_installed_script_is_harmless_too(run: Any, tmp_path: Path) -> None:
    found: dict[str, None] = {}
    for row in ROWS:
        if row.input not in ("wheel's name", "index file") or row.field not in ("label", "$schema"):
            continue
        text = row.kind.texts()[-1]
        here = tmp_path / row.field
        write(here, row.files(text))
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(here)
            # stdout and stderr are mixed here, so the commands must not print JSON.
            for at, command in enumerate([each for each in row.commands if "--json" not in each][::4]):
                output = run(*words(command, f"out{at}", "http://127.0.0.1:9/"), cwd=here)
                if run is on_terminal or not DOCUMENT.match(command):
                    text = output.decode("utf-8", "surrogateescape")
                    found.update(dict.fromkeys(harm(text, has_annotations="github" in command)))
    fail_if_any(found)


@REAL
def test_the_question_of_init_shows_escaped_names(tmp_path: Path) -> None:
    (text, *_) = ARGUMENT.texts(100)
    folder = tmp_path / text.replace("/", "")
    write(folder, {"pyproject.toml": toml(PROJECT)})
    output = on_terminal("variant-backend", "init", str(folder), cwd=tmp_path, typed=b"n\n")
    assert b"[Y/n]" in output
    assert_harmless(output)


# Build backends.

BACKEND = """
import os, sys, tarfile

text = os.environ["TEXT"]


def mishap(where):
    if where in os.environ["MISHAP"]:
        print(text)
        print(text, file=sys.stderr)
        if "says" in os.environ["MISHAP"]:
            print("variant-backend: error: " + text)
            sys.exit(1)
        if "ends" in os.environ["MISHAP"]:
            sys.exit(text)
        raise RuntimeError(text)


def build_sdist(folder, settings=None):
    mishap("sdist")
    with tarfile.open(os.path.join(folder, "demo-1.0.tar.gz"), "w:gz") as archive:
        for name in ("pyproject.toml", "own.py"):
            archive.add(name, "demo-1.0/" + name)
    return "demo-1.0.tar.gz"


def build_wheel(folder, settings=None, metadata=None):
    mishap("wheel")
    name = os.environ.get("WHEEL", text.replace("/", "") + ".whl")
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)
    return name
"""
OWN = patched(
    WRAPPED,
    {
        "build-system": {"requires": []},
        "tool": {"variant-backend": {"build-backend": "own", "backend-path": ["."]}},
    },
)


@NO_NAMES
@pytest.mark.slow
@pytest.mark.parametrize(
    "mishap", ["sdist", "sdist says", "sdist ends", "wheel", "wheel says", "wheel ends", "name"]
)
def test_no_output_of_a_build_backend_controls_a_terminal(
    mishap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = ARGUMENT.texts(150)[-1] if mishap == "name" else ARGUMENT.texts()[0]
    write(tmp_path / "here", {"own.py": BACKEND.encode(), "pyproject.toml": toml(OWN)})
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("TEXT", text)
    monkeypatch.setenv("MISHAP", mishap)
    found: list[str] = []
    for command in ("build --no-isolation --plain", "build --no-isolation --label fast --json"):
        result = ran(*words(command, "", ""), is_terminal=True)
        assert b"own.py" not in result.out
        found += harm_by(command, result, is_terminal=True)
    fail_if_any(found)


# Plugins.

CONFIG = "type('Config', (), dict(name={name}, values={values}, multi_value={several}))()"


def plugin(name: str = "'mode'", values: str = "['fast']", several: str = "False", **more: str) -> str:
    """Return the source of a plugin; the text is ``text``."""
    return f"""
{more.get("first", "")}


class Plugin:
    namespace = {more.get("namespace", "'speed'")}

    def get_supported_configs(self):
        {more.get("says", "")}
        return [{CONFIG.format(name=name, values=values, several=several)}]

    get_all_configs = get_supported_configs
"""


PLUGINS = {
    "namespace": plugin(namespace="text"),
    "namespace_type": plugin(namespace="[text]"),
    "feature": plugin(name="text"),
    "value": plugin(values="[text]"),
    "values_type": plugin(values="text"),
    "several": plugin(several="text"),
    "repr": plugin(name="type('Name', (), dict(__repr__=lambda self: text))()"),
    "fails": plugin(says="raise RuntimeError(text)"),
    "ends": plugin(says="raise SystemExit(text)"),
    "import_fails": plugin(first="raise ImportError(text)"),
    "prints": plugin(says="print(text)"),
    "warns": plugin(says="import sys; print(text, file=sys.stderr)"),
}


def installed_plugins(text: str) -> dict[str, bytes]:
    """Return installed files: a distribution for each plugin, and one for each field of an entry point."""
    files = {}
    for name, source in PLUGINS.items():
        files[f"site/plugin_{name}.py"] = f"text = {text!a}\n{source}".encode()
        files[f"site/plugin_{name}-1.0.dist-info/METADATA"] = f"Name: plugin-{name}\nVersion: 1.0\n".encode()
        points = f"[variant_plugins]\n{name} = plugin_{name}:Plugin\n"
        files[f"site/plugin_{name}-1.0.dist-info/entry_points.txt"] = points.encode()
    line = text.replace("\n", " ").replace("\r", " ")
    for number, (metadata, points) in enumerate(
        [
            (f"Name: {line}\nVersion: 1.0\n", "[variant_plugins]\na = x:y\n"),
            (f"Name: b\nVersion: {line}\n", "[variant_plugins]\nb = x:y\n"),
            ("Name: c\nVersion: 1.0\n", f"[variant_plugins]\n{line} = x:y\n"),
            ("Name: d\nVersion: 1.0\n", f"[variant_plugins]\nd = {line}\n"),
            ("Name: e\nVersion: 1.0\n", f"[variant_plugins]\ne = plugin_feature:{line}\n"),
            ("Name: f\nVersion: 1.0\n", f"[variant_plugins]\n{line}\n"),
            ("Name: g\nVersion: 1.0\n", f"{line}\n[variant_plugins]\ng = x:y\n"),
            (f"{line}\nName: h\nVersion: 1.0\n", "[variant_plugins]\nh = x:y\n"),
        ]
    ):
        files[f"site/field{number}-1.0.dist-info/METADATA"] = metadata.encode()
        files[f"site/field{number}-1.0.dist-info/entry_points.txt"] = points.encode()
    return files


def provider_harm(
    commands: Sequence[str], text: str, here: Path, capfd: pytest.CaptureFixture[str], patch: Any
) -> list[str]:
    write(here, installed_plugins(text))
    patch.setenv("PYTHONPATH", str(here / "site"))
    patch.chdir(here)
    found: list[str] = []
    for command in commands:
        result = ran("variant-backend", *command.split(), is_terminal=True)
        found += harm_by(command, result, is_terminal=True)
        passed = capfd.readouterr()  # the output of the plugin itself
        found += (f"{command}: passed on: {each}" for each in harm(passed.out) + harm(passed.err))
    return list(dict.fromkeys(found))


def test_no_installed_plugin_controls_a_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = STRING.texts()
    found = provider_harm(["providers", "providers --json"], text, tmp_path, capfd, monkeypatch)
    fail_if_any(found)


@pytest.mark.slow
def test_no_running_plugin_controls_a_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = STRING.texts()
    commands = ["providers query --all", "providers validate --all", "providers query --all --json"]
    found = provider_harm(commands, text, tmp_path, capfd, monkeypatch)
    fail_if_any(found)
