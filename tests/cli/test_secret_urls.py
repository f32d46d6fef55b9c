"""No command shows the password or the query of a URL among its arguments, variables and files."""

from __future__ import annotations

import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from helpers.made_wheels import make_wheel
from helpers.sample_release import DOCUMENT, write_release

from variant_backend._internal.cli.main import main
from variant_backend._internal.lowlevel import terminal
from variant_backend._internal.lowlevel.urls import without_secrets
from variant_backend._internal.machine import user_config

SECRET = "hunter2"
URL = f"https://user:{SECRET}@127.0.0.1:1/x.whl?token={SECRET}#{SECRET}"
# Ways to write the URL in the value of an argument.
FORMS = (URL, f"name @ {URL}", f"NS={URL}", f"{URL}#label", URL.upper(), URL.replace("x.whl", ""), f"s3{URL}")
# Arguments with which the commands get as far as to read the others.
NEEDED = {
    "explain": ("demo", "-f", "dist"),
    "fetch": ("demo", "-f", "dist", "-o", "out"),
    "stub": ("demo", "-f", "dist", "--base-url", "https://example.org", "-o", "out"),
    "check": ("dist",),
    "serve": ("--host", "192.0.2.1"),  # it cannot listen there, so it ends
    "index": ("dist", "--check", "--simple"),
    "make-variant": ("demo-1.0-py3-none-any.whl", "--null", "-o", "out"),
    "upgrade": ("dist/demo-1.0-variants.json", "-o", "out"),
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment without distributions, which is read quickly."""
    folder = tmp_path_factory.mktemp("env")
    venv.create(folder, with_pip=False)
    return folder


@pytest.fixture(autouse=True)
def folder(environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel and a release, as current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIRTUAL_ENV", str(environment))
    write_release(tmp_path / "dist", DOCUMENT)
    make_wheel(tmp_path)


def commands(group: click.Group = main, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))
        else:
            yield *before, name


def named(names: Sequence[str]) -> click.Command:
    command: click.Command = main
    for name in names:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    return command


def lines(names: tuple[str, ...]) -> Iterator[list[str]]:
    """Yield command lines with the URL in each place, and its other forms in place of the arguments."""
    needed = NEEDED.get(names[0], ())
    for form in FORMS:
        yield [*names, *needed, form]
    yield [*names, f"--{URL}"]
    for number, param in enumerate(named(names).params):
        if isinstance(param, click.Option):
            option = max(param.opts, key=len)
            form = FORMS[number % len(FORMS)]
            yield [*names, *needed, f"{option}={form}"]
            if not param.is_flag:
                yield [*names, *needed, option, URL, "-v"]


def shown(*arguments: str) -> list[str]:
    """Run a command, and return the lines that show a secret, after the arguments."""
    result = CliRunner().invoke(main, [*arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), arguments
    output = f"{result.stdout}\n{result.stderr}".splitlines()
    return [f"{arguments}: {line}" for line in output if SECRET in line.lower()]


@pytest.mark.parametrize("names", [*commands()], ids=" ".join)
def test_no_command_shows_the_secrets_of_a_url(names: tuple[str, ...]) -> None:
    has_json = any(param.name == "as_json" for param in named(names).params)
    assert [line for arguments in lines(names) for line in shown(*arguments)] == []
    assert not has_json or shown(*names, *NEEDED.get(names[0], ()), URL, "--json") == []


@pytest.mark.parametrize(
    ("variable", "line"),
    [
        ("VIRTUAL_ENV", "inspect demo"),
        ("NETRC", f"inspect {URL}"),
        ("HTTPS_PROXY", "inspect https://example.invalid/x.whl -v"),
        ("SOURCE_DATE_EPOCH", "make-variant demo-1.0-py3-none-any.whl --null -o out"),
        ("VARIANT_BACKEND_LABEL", "installed --check"),
        ("PATH", "providers list -v"),
        ("TPU_VARIANT_PROVIDER_FORCE_PRESENT", "hardware --json"),
    ],
)
def test_no_variable_shows_the_secrets_of_a_url(
    variable: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, URL)
    assert shown(*line.split()) == []


@pytest.mark.parametrize(
    "text", [f"trust-plugins = ['{URL}']", f"'{URL}' = 1", f"plugin-installer = '{URL}'"]
)
def test_the_configuration_shows_no_secrets(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    monkeypatch.setattr(user_config, "config_path", lambda: path)
    result = CliRunner().invoke(main, ["explain", "demo", "-f", "dist"])
    assert result.exit_code == 1
    assert "x.whl" in result.stderr
    assert SECRET not in result.stderr


def test_requirements_show_no_secrets(tmp_path: Path) -> None:
    metadata = f"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: other @ {URL}\n"
    wheel = str(make_wheel(tmp_path / "with", metadata=metadata))
    assert shown("inspect", wheel) == shown("inspect", wheel, "--json") == []
    assert "other @ https://127.0.0.1:1/x.whl" in CliRunner().invoke(main, ["inspect", wheel]).stdout


def test_a_traceback_shows_no_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_traceback(ValueError, ValueError(URL), None)
    assert capsys.readouterr().err == "ValueError: https://127.0.0.1:1/x.whl\n"


def test_a_printed_document_keeps_its_urls(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    terminal.print_document(URL.encode())
    assert capfdbinary.readouterr().out == URL.encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://u:it's@h/x", "https://h/x"),
        ("https://u:p/w@h/x", "https://h/x"),
        ("https://u:p?w@h/x", "https://h/x"),
        ("https://u:p#w@h/x", "https://h/x"),
        ("https://u:8080@h/x", "https://h/x"),
        ("https:/u:p@h/x", "https:/h/x"),
        (r"https:\u:p@h\x", r"https:\h\x"),
        ("https://u:p w@h/x, c@d", "https://h/x, c@d"),
        ('https://u:p"w@h/x', "https://h/x"),
        ('https://u:p" w@h/x', "https://h/x"),
        ("https://h/x?a=it's&b='&c=1", "https://h/x"),
        ("a @ https://h, b @ https://h", "a @ https://h, b @ https://h"),
        ("https://h: expected a, got 'b@c'", "https://h: expected a, got 'b@c'"),
        ("https://h:80, a@b", "https://h:80, a@b"),
        ("got 'https://u:p@h/x?a=1'; write 'b@c'", "got 'https://h/x'; write 'b@c'"),
        ("https://h:8080/a@b", "https://h:8080/a@b"),
        ("http://[::1]:80/a@b, c:d@e", "http://[::1]:80/a@b, c:d@e"),
        ("C:\\a?b#c", "C:\\a?b#c"),
        ("x :: y :: z, demo#label?", "x :: y :: z, demo#label?"),
    ],
)
def test_urls_in_a_text_lose_their_secrets(text: str, expected: str) -> None:
    assert without_secrets(text) == expected


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{SECRET}\u2100@127.0.0.1:1/x.whl",  # urllib would read it as "a/c"
        f"https://user:{SECRET}/word@127.0.0.1:1/x.whl",
        f"https://user:a {SECRET}@127.0.0.1:1/x.whl",
        f"file://user:{SECRET}@host/simple",
    ],
)
@pytest.mark.parametrize(
    "line", ["inspect", "explain demo -v -i", "index dist --simple --base-url", "index", "check"]
)
def test_passwords_with_special_characters_are_not_shown(line: str, url: str) -> None:
    assert shown(*line.split(), url) == shown(*line.split(), url, "--json") == []


@pytest.mark.parametrize("part", ["a", "a.", "http://a:x'", "http:/a:x'", "https:\\a:x'"])
def test_long_texts_are_searched_in_linear_time(part: str) -> None:
    assert without_secrets(part * 100_000) == part * 100_000
