"""Every command in the documentation runs, and prints what the page says; every link has a target."""

from __future__ import annotations

import doctest
import json
import re
import shlex
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest
from helpers.documentation import DOCS, code_blocks, headings, prose
from helpers.made_wheels import make_wheel
from helpers.programs import check_options, run, run_here, start
from helpers.sample_projects import ROOT
from markdown_it import MarkdownIt

from variant_backend import __version__
from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.make_variant import make_variant_command
from variant_backend._internal.formats.toml_read import parse_toml

README = ROOT / "README.md"
PAGES = sorted(DOCS.rglob("*.md"))
TEXTS = sorted([*ROOT.glob("*.md"), *PAGES, *ROOT.glob("examples/**/*.md")])
OURS = {"variant-backend": main, "make-variant": make_variant_command}
# Their blocks of text are not the messages of the commands before.
OTHER_MACHINES = {"hardware", "state", "command-line", "deploy-offer", "pre-commit", "rules"}
# Pages of terms, explanations, settings and measured tables, and of commands that need PyTorch's own index.
WITHOUT_COMMANDS = {
    *("glossary", "any-installer", "aligned-graphs", "alignment", "index"),
    *("overlay-installers", "overlays-pytorch", "stub-users", "ways-to-variants"),
    *("api", "api-stability", "from-variantlib", "library", "support-policy"),
    *("github-action", "gitlab-and-nox", "pre-commit"),  # tests/test_project_checks.py runs these
    *("how-variants-work", "who-supports-what", "labels-come-last", "one-variant-for-each-environment"),
    *("alternatives", "architecture"),
    *("platforms", "python-versions", "use-a-clone"),
    *("config-settings", "environment-variables", "exit-codes", "run-commands", "uv"),
}
# Their blocks of Python are run in order. The blocks of the reference are those of docstrings.
WITH_PYTHON = [page for page in PAGES if page.stem != "api" and "\n>>> " in page.read_text("utf-8")]
SPAN = re.compile(r"`((?:variant-backend|make-variant) [^`\n]*)`")


def steps(session: str) -> list[tuple[str, list[str]]]:
    """Return each command of a console block with the lines that it prints."""
    result: list[tuple[str, list[str]]] = []
    for line in session.splitlines():
        if line.startswith("$ "):
            result.append((line[2:], []))
        else:
            result[-1][1].append(line)
    return result


def perform(command: str, folder: Path) -> tuple[int, str, str]:
    """Run a command; commands of Unix shells are imitated, for other systems."""
    command, redirected, target = command.partition(" > ")
    program, *arguments = shlex.split(command)
    variables: dict[str, str] = {}
    while "=" in program:
        name, _, value = program.partition("=")
        variables[name] = value
        program, *arguments = arguments
    paths = [folder / argument for argument in arguments]
    if program == "ls":
        names = sorted(path.name for path in paths[0].iterdir() if not path.name.startswith("."))
        return 0, "".join(f"{name}\n" for name in names), ""
    if program == "cp":
        shutil.copy(*paths)
        return 0, "", ""
    if program == "mv":
        paths[0].rename(paths[1])
        return 0, "", ""
    if program == "mkdir":
        paths[0].mkdir()
        return 0, "", ""
    if program == "grep":
        lines = paths[1].read_text(encoding="utf-8").splitlines(keepends=True)
        return 0, "".join(line for line in lines if arguments[0] in line), ""
    if arguments[:2] == ["-m", "build"]:
        arguments += ["--installer", "uv"]  # pip takes twice as long
    if arguments[:2] == ["-m", "venv"]:
        arguments += ["--without-pip"]  # copying pip takes seconds
    # These two start processes, which print, too.
    if program in OURS and arguments[:1] not in (["build"], ["run"]):
        here = run_here(OURS[program], *arguments, cwd=folder, ok=False, **variables)
        code, stdout, stderr = here.exit_code, here.stdout, here.stderr
    else:
        done = run(program, *arguments, cwd=folder, ok=False, **variables)
        code, stdout, stderr = done.returncode, done.stdout, done.stderr
    if redirected:
        (folder / target).write_text(stdout, encoding="utf-8")
        stdout = ""
    return code, stdout, stderr


@pytest.mark.slow
@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.relative_to(ROOT).as_posix())
@pytest.mark.usefixtures("own_wheel")
def test_commands_of_a_page_print_what_it_shows(
    page: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path_factory.mktemp("config") / "variant-backend" / "config.toml"
    config.parent.mkdir()
    # Tests may run as root; pip takes twice as long.
    config.write_text('allow-root = true\nbuild-installer = "uv"\n', encoding="utf-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config.parents[1]))
    ran, messages = 0, ""
    with ExitStack() as servers:
        for language, name, text in code_blocks(as_run_here(page.read_text(encoding="utf-8"))):
            if name:
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            for command, expected in steps(text) if language == "console" else ():
                if command.endswith(" &"):
                    servers.enter_context(running(command.removesuffix(" &"), expected, tmp_path))
                    continue
                code, stdout, stderr = perform(command, tmp_path)
                check(command, expected, code, stdout, stderr)
                ran, messages = ran + 1, messages + stderr
            if language == "text" and not name and page.stem not in OTHER_MACHINES:
                assert re.search(pattern_of(text.splitlines()), messages), messages
    assert ran or page.stem in WITHOUT_COMMANDS


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_python_examples_of_a_page_print_what_it_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_wheel(tmp_path)  # demo-1.0-py3-none-any.whl
    blocks = [*code_blocks(page.read_text("utf-8"))]
    for _, name, text in blocks:
        if name:
            (tmp_path / name).write_text(text, encoding="utf-8")
    session = "\n".join(text for language, _, text in blocks if language == "python")
    example = doctest.DocTestParser().get_doctest(session, {}, page.name, str(page), 0)
    messages: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=messages.append)
    assert messages == [], "".join(messages)


def as_run_here(text: str) -> str:
    """Return a page that names the version of this tree, not the released one.

    A server on port 8000 uses a free port, as other tests may use that one.
    """
    text = re.sub(r"(variant-backend-core==)\d[\d.]*", rf"\g<1>{__version__}", text)
    if " 8000 &" not in text:
        return text
    with socket.create_server(("127.0.0.1", 0)) as server:
        return text.replace("8000", str(server.getsockname()[1]))


@contextmanager
def running(command: str, expected: list[str], folder: Path) -> Iterator[None]:
    """Run a server in the background, once it has printed its lines."""
    program, *arguments = shlex.split(command)
    options = {"variant-backend": ["-m", "variant_backend"], "python": []}[program]
    with start(sys.executable, *options, *arguments, cwd=folder) as server:
        try:
            printed = [server.stdout.readline().rstrip() for _ in expected] if server.stdout else []
            assert printed == expected
            yield
        finally:
            server.terminate()


def check(command: str, expected: list[str], code: int, stdout: str, stderr: str) -> None:
    """Compare the output of a command with the page.

    On the page, `! ` marks an error, which may be all that is shown. A first line `...` stands for all lines
    except the last, and `...` in a line stands for any text.
    """
    shown = f"$ {command}\n{stdout}\n{stderr}"
    errors = [line.removeprefix("! ") for line in expected if line.startswith("! ")]
    assert (code != 0) == bool(errors), shown
    assert all(error in stdout + stderr for error in errors), shown
    expected = [line for line in expected if not line.startswith("! ")]
    if expected or not errors:
        printed = [line.rstrip() for line in stdout.replace("\\", "/").splitlines()]
        if expected[:1] == ["..."]:
            expected, printed = expected[1:], printed[-1:]
        assert re.fullmatch(pattern_of(expected), "\n".join(printed)), shown


def pattern_of(lines: list[str]) -> str:
    """Return a regular expression for lines in which `...` stands for any text."""
    return "\n".join(re.escape(line).replace(r"\.\.\.", ".*") for line in lines)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_relative_link_has_a_target(path: Path) -> None:
    links = re.findall(r"(?:\[([^\]]*))?\]\(([^)\s]+)\)", prose(path))
    broken = []
    for text, link in links:
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        if "://" not in link and not (target.exists() and (not anchor or anchor in headings(target))):
            broken.append(link)
        if "/" in text and text.endswith(".md") and target.resolve() != ROOT / text:
            broken.append(text)
    assert broken == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_these_tests_find_each_block_of_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    kinds = ("fence", "code_block") if path in PAGES else ("fence",)
    blocks = [(block.info, block.content) for block in MarkdownIt().parse(text) if block.type in kinds]
    assert blocks == [(language, content) for language, _, content in code_blocks(text)]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_block_of_toml_and_json_is_valid(path: Path) -> None:
    for language, _, block in code_blocks(path.read_text(encoding="utf-8")):
        if language == "toml":
            parse_toml(block.encode(), path)
        if language == "json":
            json.loads(block)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_options_of_each_shown_command_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    blocks = [block for language, _, block in code_blocks(text) if language in ("sh", "yaml")]
    lines = [line.strip().removeprefix("- run: ") for block in blocks for line in block.splitlines()]
    ours = re.compile("(variant-backend|make-variant) ")
    for line in [*SPAN.findall(prose(path)), *filter(ours.match, lines)]:
        check_options(line)


def test_each_promise_of_the_threat_model_names_existing_tests() -> None:
    text = (DOCS / "explanation" / "threat-model.md").read_text(encoding="utf-8")
    table = text.partition("| tested by |\n")[2].partition("\n\n")[0].splitlines()[1:]
    assert len(table) > 10
    tests = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/test_*.py"))
    for row in table:
        named = re.findall(r"`([\w./]+)`", row.split("|")[-2])
        assert named, row
        for name in named:
            assert (ROOT / name).is_file() or f"def {name}(" in tests, name


@pytest.mark.parametrize("kind", sorted(path.name for path in DOCS.iterdir() if (path / "index.md").exists()))
def test_the_list_of_a_kind_links_to_each_page_once(kind: str) -> None:
    index = DOCS / kind / "index.md"
    linked = re.findall(r"\]\(([\w-]+\.md)\)", prose(index))
    assert sorted(linked) == sorted(path.name for path in index.parent.glob("*.md") if path != index)


@pytest.mark.parametrize("page", [README, DOCS / "index.md"], ids=lambda page: page.stem)
def test_a_start_page_links_to_the_list_of_each_kind(page: Path) -> None:
    linked = {page.parent / link for link in re.findall(r"\]\(([^)#\s]+)", prose(page))}
    assert {*DOCS.glob("*/index.md")} <= linked
    assert {page.parent for page in PAGES} == {DOCS, *(path.parent for path in DOCS.glob("*/index.md"))}


@pytest.mark.slow
def test_the_demo_of_the_readme_installs_the_best_of_three_variants() -> None:
    shown = run("python", ROOT / "examples" / "demo.py").stdout.split("\n")
    labels = ("x86_64_v3", "x86_64_v2", "null")
    for label in labels:
        assert any(line.strip().startswith(label) and line.endswith(f"-{label}.whl") for line in shown)
    assert shown[-2] in labels


@pytest.mark.parametrize("picture", sorted(DOCS.rglob("*.svg")), ids=lambda path: path.stem)
def test_each_picture_has_a_description_and_dark_colors(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    tags = [element.tag.rpartition("}")[2] for element in ElementTree.fromstring(text)]  # our own
    assert tags[:3] == ["title", "desc", "style"]
    assert "prefers-color-scheme: dark" in text
