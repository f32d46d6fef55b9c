"""Problems that commands report, and ways to follow a remedy to the letter.

A `Scenario` runs in an empty current folder. A function that follows a remedy takes the reported problem: its
place says which file to change, and its remedy may say how.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest
from click.testing import CliRunner

from helpers.made_wheels import make_wheel
from helpers.programs import empty_cache, run, run_here
from helpers.rules_page import examples
from helpers.sample_release import DOCUMENT, encoded, lay_out, only, patched, write_release, write_wheel
from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import Problem
from variant_backend._internal.variants.filename import WheelFilename

INDEX = "demo-1.0-variants.json"
PLAIN = "demo-1.0-py3-none-any.whl"
FAST = "demo-1.0-py3-none-any-fast.whl"
VARIANT = "-p speed::mode::fast -l fast --static 'speed :: mode :: fast, safe'"


class Reported(NamedTuple):
    """A problem that a command reported, and whether it is an error; the path of its file may be unknown."""

    problem: Problem
    is_error: bool
    path: Path


Maker: TypeAlias = Callable[[], object]
Step: TypeAlias = Callable[[Reported], object]


class Scenario(NamedTuple):
    """A problem with a *code* that a *command* reports after *make*, and what its exact *remedy* tells to do.

    By default, *make* writes the bad example of docs/reference/rules.md into the folder dist. *follow* does
    what the remedy says, and nothing else. If the remedy changes the command, *again* is the new one. A
    scenario is *rebuilt* if the remedy is to build the wheel again: then `rebuild` stands for a sound build
    backend.
    """

    code: str
    remedy: str | None
    follow: Step
    make: Maker | None = None
    command: str = "check dist"
    again: str | None = None
    rebuilt: bool = False

    def __str__(self) -> str:
        return f"{self.code}: {self.remedy}"

    def begin(self) -> Reported:
        """Make the problem, and return it as the command reports it."""
        (self.make or example(self.code))()
        items = reported(self.command)
        return next(item for item in items if item.problem[::3] == (self.code, self.remedy))


def reported(command: str) -> list[Reported]:
    """Run a command in this process with --json, and return all problems that it reports.

    Some are printed as the reasons against a wheel, without their codes.
    """
    made: list[Problem] = []
    with pytest.MonkeyPatch.context() as patch:
        for method in ("__new__", "_replace"):
            patch.setattr(Problem, method, _noting(made, getattr(Problem, method)))
        result = CliRunner().invoke(main, [*shlex.split(command), "--json"], catch_exceptions=False)
    if not result.stdout:
        return [Reported(problem, True, Path()) for problem in _wrong_usage(result.stderr)]
    data = json.loads(result.stdout)
    listed = [
        Reported(_problem(item), is_error, Path(item["place"].partition(": ")[0]))
        for key, is_error in (("errors", True), ("warnings", False))
        for item in data[key]
    ]
    for item in data.get("findings", ()):
        listed.append(Reported(_problem(item), item["severity"] == "error", Path(item["file"])))
    texts = {text for wheel in _tables(data) for text in wheel.get("reasons", ())}
    reasons = [problem for problem in made if texts & {str(problem), problem.text}]
    return listed + [Reported(problem, False, Path()) for problem in dict.fromkeys(reasons)]


def _wrong_usage(output: str) -> Iterator[Problem]:
    """Yield the problems of a command line that cannot be parsed; they are only printed."""
    for line in re.findall("^error: (.*)$", output, re.MULTILINE):
        text, _, remedy = line.partition("; ")
        yield Problem("error", "", text, remedy)


def _noting(made: list[Problem], method: Callable[..., Problem]) -> Callable[..., Problem]:
    """Return a method of Problem that also adds its result to a list."""

    def noted(*arguments: Any, **named: Any) -> Problem:
        made.append(method(*arguments, **named))
        return made[-1]

    return noted


def _tables(data: Any) -> Iterator[Mapping[str, Any]]:
    """Yield a JSON object, and all objects in it."""
    if isinstance(data, dict):
        yield data
    for value in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from _tables(value)


def _problem(item: Mapping[str, Any]) -> Problem:
    return Problem(item["code"], item["place"], item["message"], item["remedy"])


# Make a problem.


def example(code: str) -> Maker:
    """Return a function that makes the bad example of docs/reference/rules.md, in the folder dist."""

    def make() -> None:
        changes = examples(code, "bad")
        lay_out(Path("dist"), changes)
        for change in changes:
            if change.target == "given":
                Path("dist", change.text.strip()).touch()

    return make


def index_of(code: str) -> Maker:
    """Return a function that writes the index file of a bad example, alone."""
    (change,) = (
        each for each in examples(code, "bad") if each.target in ("release", "index", Path(INDEX).name)
    )
    if change.target not in ("release", "index"):
        return files({INDEX: change.text})
    return index(json.loads(change.text))


def index(change: Any, name: str = INDEX) -> Maker:
    """Return a function that writes the index file of the valid release, after a change."""
    return files({name: encoded(patched(DOCUMENT, change))})


def release(*then: Maker) -> Maker:
    """Return a function that writes the valid release into dist, and *then* changes it."""
    return both(lambda: write_release(Path("dist"), DOCUMENT), *then)


def files(contents: Mapping[str, str | bytes]) -> Maker:
    """Return a function that writes files."""

    def make() -> None:
        for name, content in contents.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(content.encode() if isinstance(content, str) else content)

    return make


def wheel(name: str = PLAIN, label: str | None = None, **changes: Any) -> Maker:
    """Return a function that writes a wheel by `write_wheel`; with a *label*, it has a variant.json."""

    def make() -> None:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        write_wheel(Path(name), only(DOCUMENT, label) if label else None, **changes)

    return make


def both(*makers: Maker) -> Maker:
    """Return a function that calls others in turn."""
    return lambda: [maker() for maker in makers]


def ran(line: str) -> Maker:
    """Return a function that runs a command."""
    return lambda: run_here(main, *shlex.split(line))


def environment(**contents: Mapping[str, bytes]) -> Maker:
    """Return a function that makes the environment `.venv`, with a wheel for each name, of these files."""

    def make() -> None:
        uv("venv", "--quiet", "--python", sys.executable)
        for name, content in contents.items():
            uv("pip", "install", "--quiet", make_wheel(Path("wheels"), name, files=content))

    return make


def uv(*arguments: object) -> None:
    """Run uv with the folder `wheels` as its only source."""
    Path("wheels").mkdir(exist_ok=True)
    Path("uv.toml").write_text("no-index = true\nfind-links = ['wheels']\n")
    run("uv", *arguments, *empty_cache(), UV_CONFIG_FILE="uv.toml")


# Follow a remedy.


def nothing(_: Reported) -> None:
    """Change no file, because the remedy changes the command."""


def as_printed(item: Reported) -> None:
    """Run each command in the remedy exactly as it is printed."""
    commands = re.findall(r"`(?:variant-backend )?([^`]+)`", item.problem.remedy or "")
    assert commands
    for line in commands:
        run_here(main, *shlex.split(line))


def in_environment(*numbers: int) -> Step:
    """Return a function that runs some of the commands of uv in the remedy, as they are printed."""

    def follow(item: Reported) -> None:
        commands = re.findall(r"`uv ([^`]+)`", item.problem.remedy or "")
        for number in numbers:
            uv(*shlex.split(commands[number]))

    return follow


def command(line: str) -> Step:
    """Return a function that runs a command that the remedy names without its arguments."""

    def follow(item: Reported) -> None:
        assert shlex.split(line)[0] in (item.problem.remedy or "")
        ran(line)()

    return follow


def patch(change: Any) -> Step:
    """Return a function that changes values in the JSON document of the problem."""

    def follow(item: Reported) -> None:
        document = json.loads(item.path.read_bytes())
        item.path.write_bytes(encoded(patched(document, change)))

    return follow


def swap(old: str, new: str) -> Step:
    """Return a function that replaces a text in the file of the problem."""

    def follow(item: Reported) -> None:
        text = item.path.read_text(encoding="utf-8")
        assert old in text
        item.path.write_text(text.replace(old, new), encoding="utf-8")

    return follow


def add(*makers: Maker) -> Step:
    """Return a function that writes what the remedy tells to add."""
    return lambda _: both(*makers)()


def remove(name: str) -> Step:
    """Return a function that removes a file or a folder."""
    path = Path(name)
    return lambda _: shutil.rmtree(path) if path.is_dir() else path.unlink()


def rename(old: str, new: str) -> Step:
    """Return a function that gives a file a name, of which the remedy has only the form."""
    return lambda _: Path(old).replace(new)


def renamed(item: Reported) -> None:
    """Give the file exactly the name in the remedy."""
    named = re.fullmatch(r"rename it to (\S+)", item.problem.remedy or "")
    assert named
    item.path.replace(item.path.with_name(named[1]))


def rebuild(item: Reported, **changes: Any) -> None:
    """Build the wheel again, with a sound build backend."""
    label = WheelFilename.parse(item.path.name).label
    write_wheel(item.path, only(DOCUMENT, label) if label else None, **changes)


def mended(item: Reported) -> Path:
    """Write a sound copy by the first command in the remedy, put it beside the wheel, and return its path."""
    named = re.search("`variant-backend (mend [^`]*)`", item.problem.remedy or "")
    assert named
    ran(named[1].replace("WHEEL", shlex.quote(str(item.path))))()
    (copy,) = Path("mended").iterdir()
    item.path.unlink()
    return copy.replace(item.path.with_name(copy.name))


def rebuild_with(**changes: Any) -> Step:
    """Return a function that builds the wheel again, as the remedy describes it."""
    return lambda item: rebuild(item, **changes)


def edit_wheel(change: Callable[[dict[str, bytes]], object]) -> Step:
    """Return a function that changes the members of the wheel of the problem."""

    def follow(item: Reported) -> None:
        with zipfile.ZipFile(item.path) as archive:
            contents = {info.filename: archive.read(info) for info in archive.infolist()}
        change(contents)
        with zipfile.ZipFile(item.path, "w") as archive:
            for name, content in contents.items():
                archive.writestr(zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10)), content)

    return follow


def in_turn(*steps: Step) -> Step:
    """Return a function that follows the parts of a remedy in turn."""
    return lambda item: [step(item) for step in steps]
