"""All commands share one vocabulary, one kind of help, and one way to print."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from helpers.conversion import convert
from helpers.json_output import check_output
from helpers.key_reference import GUIDES
from helpers.made_wheels import make_wheel
from helpers.programs import run
from reference_pages import (
    COMMAND_LINE,
    FILE_KEYS,
    FOLDER,
    HEADINGS,
    PROJECT_KEYS,
    all_commands,
    generated,
    written,
)

import variant_backend
from variant_backend._internal.cli.main import main
from variant_backend._internal.project.config_settings import VARIANT_SETTINGS
from variant_backend._internal.schema import output_commands

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(variant_backend.__file__).parent
NAME = "demo-1.0-py3-none-any.whl"


COMMANDS = dict(all_commands())
each_command = pytest.mark.parametrize("name", COMMANDS)


def invoke(*arguments: object, columns: int = 80) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)), terminal_width=columns)


@each_command
def test_help_ends_with_an_example_and_its_page(name: str) -> None:
    command = COMMANDS[name]
    lines = invoke(*name.split(), "--help").stdout.rstrip().split("\n")
    assert lines[-4:-1] == ["Example:", f"  {command.example}", ""]
    assert re.fullmatch(rf"Documentation: (https://\S+/)?{re.escape(command.page)}", lines[-1])
    assert (ROOT / command.page).is_file()
    program, *arguments = shlex.split(command.example)
    expected = name.split() if program == "variant-backend" else []
    assert (program, arguments[: len(expected)]) in [
        ("variant-backend", name.split()),
        ("make-variant", []),
    ]
    context = click.Context(command)
    command.make_parser(context).parse_args(arguments[len(expected) :])  # unknown options raise


@pytest.mark.parametrize(
    ("arguments", "page"), [([], "README.md"), (["providers"], "docs/how-to/plugins.md")]
)
def test_help_of_a_group_ends_with_an_example_and_its_page(arguments: list[str], page: str) -> None:
    help_text = invoke(*arguments, "--help", columns=60).stdout
    address = rf"(https://\S+/)?{re.escape(page)}"
    assert re.search(rf"\n\nExample:\n  variant-backend .*\n\nDocumentation: {address}\n$", help_text)
    assert (ROOT / page).is_file()
    assert max(len(line) for line in help_text.splitlines() if not line.startswith("Documentation: h")) <= 60


@each_command
def test_help_fits_sixty_columns(name: str) -> None:
    for line in invoke(*name.split(), "--help", columns=60).stdout.splitlines():
        assert len(line) <= 60 or line.startswith("Documentation: https://"), line


def test_each_summary_is_one_line_of_eighty_columns() -> None:
    lines = invoke("--help").stdout.splitlines()
    for name, command in main.commands.items():
        summary = command.get_short_help_str(1000)
        assert f"  {name:12}  {summary}" in lines


@pytest.mark.parametrize("page", HEADINGS, ids=lambda page: page.stem)
def test_the_reference_is_up_to_date(page: Path) -> None:
    assert written(page) == generated(page), "run tests/reference_pages.py"


def test_the_reference_lists_each_environment_variable() -> None:
    names = {"VIRTUAL_ENV", "PATH"}
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text("utf-8")
        for literal, constant in re.findall(r"environ(?:\.get\(|\[)(?:\"(\w+)\"|([A-Z_]+)\b)", text):
            module = ".".join(["variant_backend", *path.relative_to(PACKAGE).with_suffix("").parts])
            names.add(literal or getattr(importlib.import_module(module), constant))
    assert len(names) > 10
    page = (FOLDER / "environment-variables.md").read_text("utf-8")
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_the_reference_lists_each_config_setting() -> None:
    page = (FOLDER / "config-settings.md").read_text("utf-8")
    assert re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE) == [*VARIANT_SETTINGS]


def test_each_guide_of_a_key_is_linked_on_its_page() -> None:
    linked = "".join(map(generated, (PROJECT_KEYS, FILE_KEYS))).count(" See [")
    assert linked == len(GUIDES), "helpers/key_reference has a key that no schema has"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_as_in_the_reference_prints_a_script(shell: str) -> None:
    (block,) = re.findall(rf"^```{shell}\n(.*?)^```$", COMMAND_LINE.read_text("utf-8"), re.M | re.DOTALL)
    shown = re.findall(rf"(_\w+_COMPLETE)=({shell}_source) ([\w-]+)", block)
    assert [program for *_, program in shown] == ["variant-backend", "make-variant"]
    for variable, value, program in shown:
        script = run(program, **{variable: value}).stdout
        assert program in script
        assert variable in script


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
def test_bash_completes_after_the_lines_of_the_reference() -> None:
    (block,) = re.findall(r"^```bash\n(.*?)^```$", COMMAND_LINE.read_text("utf-8"), re.M | re.DOTALL)
    result = run("bash", "-c", f"{block}complete -p variant-backend make-variant")
    assert [line.split()[-1] for line in result.stdout.splitlines()] == ["variant-backend", "make-variant"]


@each_command
def test_shared_meanings_have_the_same_name(name: str) -> None:
    shorts = {"-l": "--label", "-o": "--output", "-i": "--index-url", "-f": "--find-links"}
    shorts |= {"-n": "--dry-run", "-q": "--quiet", "-v": "--verbose", "-p": "--property", "-j": "--jobs"}
    for param in COMMANDS[name].params:
        for short, long in shorts.items():
            assert (short in param.opts) == (long in param.opts)


def test_make_variant_is_a_command_of_variant_backend(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    results = [
        run(*program, "-p", "x86_64::level::v3", "-l", "v3", "--dry-run", wheel)
        for program in (["make-variant"], ["variant-backend", "make-variant"])
    ]
    assert results[0].stdout == results[1].stdout == f"{tmp_path / 'demo-1.0-py3-none-any-v3.whl'}\n"


def test_the_usage_names_the_program() -> None:
    version = run("variant-backend", "--version").stdout.split()[-1]
    assert run("make-variant", "--version").stdout == f"make-variant, version {version}\n"
    module = run("python", "-m", "variant_backend", "--version")
    assert module.stdout == f"variant-backend, version {version}\n"


def test_an_option_with_one_value_given_twice_is_refused() -> None:
    result = invoke("make-variant", "-l", "a", "--label", "b", "x.whl")
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")
    assert result.stderr.endswith("error: -l/--label is given twice; leave one of them out\n")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ((), "missing argument 'WHEEL...'"),
        (("-j", "0", "x.whl"), "-j/--jobs: 0 is not in the range x>=1"),
        (("x.whl", "-j"), "option '-j' requires an argument"),
    ],
)
def test_messages_of_click_have_the_form_of_the_others(options: tuple[str, ...], error: str) -> None:
    result = invoke("make-variant", *options)
    assert result.exit_code == 2
    assert result.stderr.endswith(f"error: {error}\n")


def test_only_errors_in_the_form_of_the_command_line_show_the_usage(tmp_path: Path) -> None:
    convert(make_wheel(tmp_path), tmp_path)
    source = ("demo", "-f", tmp_path)
    for wrong_form in (
        ["--nope"],
        ["-l", "a", "-l", "b"],
        ["--supported", "x"],
        ["-q", "-v"],
        ["--python", "x"],
    ):
        result = invoke("explain", *source, *wrong_form)
        assert (result.exit_code, result.stderr.startswith("Usage: ")) == (2, True), wrong_form
    result = invoke("explain", *source, "-l", "nope")
    assert (result.exit_code, result.stderr.startswith("error: ")) == (2, True)


def test_a_switch_and_its_opposite_are_refused() -> None:
    result = invoke("make-variant", "--known-providers", "--no-known-providers", "-l", "a", "x.whl")
    assert result.exit_code == 2
    assert result.stderr.endswith(
        "error: --known-providers and --no-known-providers cannot be used together; leave one of them out\n"
    )


def test_an_unknown_command_gets_a_suggestion() -> None:
    result = invoke("exlpain")
    assert result.exit_code == 2
    assert result.stderr.endswith("error: unknown command 'exlpain' (did you mean 'explain'?)\n")


def test_quiet_leaves_results_and_errors_only(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    options = ("-p", "own::speed::fast", "-l", "fast")
    loud = invoke("make-variant", *options, "--dry-run", wheel)
    assert "dry run: no file is written\n" in loud.stderr
    assert "warning: " in loud.stderr
    quiet = invoke("make-variant", "-q", *options, "--dry-run", wheel)
    assert (quiet.stdout, quiet.stderr) == (loud.stdout, "")
    failed = invoke("make-variant", "-q", *options, tmp_path / "no.whl")
    assert (failed.exit_code, failed.stdout) == (1, "")
    assert failed.stderr.startswith("error: ")


def test_quiet_and_verbose_cannot_be_used_together() -> None:
    result = invoke("schema", "-q", "-v")
    assert result.exit_code == 2
    assert result.stderr.endswith(
        "error: --quiet and --verbose cannot be used together; leave one of them out\n"
    )


def test_json_has_warnings_and_errors_with_their_parts(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    result = invoke("make-variant", "--json", "-p", "own::speed::fast", "-l", "fast", wheel)
    document = json.loads(result.stdout)
    assert (document["version"], document["errors"]) == (1, [])
    assert set(document["warnings"][0]) == {"code", "place", "message", "remedy"}
    assert document["warnings"][0]["message"] in result.stderr
    failed = invoke("unmake", "--json", wheel)
    (error,) = json.loads(failed.stdout)["errors"]
    assert failed.stderr == f"error: {error['place']}: {error['message']}; {error['remedy']}\n"


@pytest.mark.parametrize(
    ("environment", "is_colored"),
    [
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": ""}, False),
        ({}, False),
    ],
)
def test_no_color_wins_over_force_color(environment: dict[str, str], is_colored: bool) -> None:
    variables: dict[str, Any] = {"NO_COLOR": "", **environment}
    result = run("make-variant", "--null", "no.whl", ok=False, **variables)
    assert result.stderr.startswith("\x1b[") == is_colored


def test_each_command_with_json_has_a_schema() -> None:
    with_json = {
        name for name, command in COMMANDS.items() if any(p.name == "as_json" for p in command.params)
    }
    assert {name.split()[0] for name in with_json} == {*output_commands()}


@pytest.mark.parametrize("arguments", [("hardware",), ("init", "-n"), ("providers",), ("check", "--list")])
def test_json_is_the_only_output(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'demo'\n")
    result = run("variant-backend", *arguments, "--json", cwd=tmp_path)
    assert check_output([arguments[0]], json.loads(result.stdout)) == []


def test_an_unknown_schema_gets_a_suggestion() -> None:
    result = invoke("schema", "explian")
    assert result.exit_code == 2
    assert "error: unknown schema 'explian' (did you mean 'explain'?); schemas: pyproject, " in result.stderr


def test_shells_complete_commands_and_labels(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[variant]\ndefault-priorities.namespace = ["x86_64"]\nvariants.fast.x86_64.level = ["v3"]\n'
    )

    def completed(words: str, last: int) -> list[str]:
        result = run(
            "variant-backend",
            cwd=tmp_path,
            _VARIANT_BACKEND_COMPLETE="bash_complete",
            COMP_WORDS=words,
            COMP_CWORD=str(last),
        )
        return [line.split(",")[1] for line in result.stdout.splitlines()]

    assert completed("variant-backend ex", 1) == ["explain"]
    assert completed("variant-backend build -l f", 3) == ["fast"]
    assert completed("variant-backend make-variant --label ", 3) == ["fast"]
    assert completed("variant-backend retire old dist/n", 3) == ["dist/n"]
