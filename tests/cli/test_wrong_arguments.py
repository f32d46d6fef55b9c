"""Arguments in a wrong form: every message names the argument and what to write instead."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers.made_wheels import make_wheel
from helpers.sample_release import DOCUMENT, write_release

from variant_backend._internal.cli.main import main


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a wheel and a release, as current folder."""
    folder = tmp_path_factory.mktemp("arguments")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_release(folder / "dist", DOCUMENT)
        make_wheel(folder)
        yield folder


def command(line: str) -> Result:
    return CliRunner().invoke(main, shlex.split(line))


WHEEL = "demo-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        (f"make-variant -p x86_64 :: level :: v3 -l v3 {WHEEL}", "-p 'x86_64 :: level :: v3'"),
        (f"make-variant --property=x86_64 :: level :: v3 {WHEEL}", "--property 'x86_64 :: level :: v3'"),
        (f"make-variant -p x86_64:: level ::v3 {WHEEL}", "-p 'x86_64 :: level :: v3'"),
        ("init -l v3 -p x86_64 :: level :: v3", "-p 'x86_64 :: level :: v3'"),
        ("explain -f dist --supported nvidia :: sm :: 90, 80", "--supported 'nvidia :: sm :: 90, 80'"),
    ],
)
def test_property_without_quotes_is_written_with_them(line: str, remedy: str) -> None:
    result = command(line)
    assert result.exit_code == 2
    assert f"error: property without quotes; put it in quotes: {remedy}\n" in result.stderr


@pytest.mark.parametrize(
    ("line", "option", "suggestion"),
    [
        (f"make-variant -label v2 {WHEEL}", "-label", "--label"),
        (f"make-variant -output=out {WHEEL}", "-output", "--output"),
        ("explain -machine=node.toml", "-machine", "--machine"),
        ("providers list -json", "-json", "--json"),
        ("-version", "-version", "--version"),
    ],
)
def test_long_option_with_one_dash_is_an_error(line: str, option: str, suggestion: str) -> None:
    result = command(line)
    assert result.exit_code == 2
    assert f"error: unknown option {option!r} (did you mean {suggestion!r}?)\n" in result.stderr


def test_group_ignores_options_of_its_commands() -> None:
    assert "unknown option '-version'" not in command("explain -version").stderr


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("installed six", "use `variant-backend inspect six`"),
        ("installed --path dist other", "repeat --path: --path dist --path other"),
        ("hardware node.toml", "use --machine node.toml"),
        (f"explain demo dist/{WHEEL}", "use -f dist"),
        ("explain demo dist", "use -f dist"),
        ("explain demo other", "remove it"),
        ("schema index other", "remove it"),
    ],
)
def test_extra_argument_has_a_remedy(line: str, remedy: str) -> None:
    result = command(line)
    assert result.exit_code == 2
    assert f"error: unexpected argument {shlex.split(line)[-1]!r}; {remedy}\n" in result.stderr


def test_help_is_shown_in_spite_of_an_extra_argument() -> None:
    assert command("installed six --help").exit_code == 0


@pytest.mark.parametrize(
    ("content", "is_replaced"),
    [
        ("", True),
        ("version = 1\n[machine]\n", True),
        ('{"version": 1, "machine": {}}', True),
        ("SOME_VARIABLE=x\n", False),
        ('{"name": "machine"}', False),
        ("[project]\nname = 'demo'\n", False),
        ("mine = 1\n", False),
        ("no TOML", False),
    ],
)
def test_machine_file_replaces_no_file_of_another_kind(content: str, is_replaced: bool) -> None:
    Path("node.toml").write_text(content)
    result = command("hardware -o node.toml")
    assert (result.exit_code == 0) == (Path("node.toml").read_text() != content) == is_replaced
    assert ("was not written by variant-backend; move it away" in result.stderr) != is_replaced


def test_machine_file_needs_no_suffix() -> None:
    assert command("hardware -o node.json").exit_code == 0
    Path("node").write_bytes(Path("node.json").read_bytes())
    Path("node.yaml").write_bytes(Path("node.json").read_bytes())
    for name in ("node", "node.yaml", "gpu=node.yaml"):
        assert command(f"hardware --machine {name}").exit_code == 0


PRESETS = "; `variant-backend hardware --presets` lists the presets"


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            "rack7",
            f"unknown preset 'rack7'; write facts such as cuda:12.8, or ./rack7 if it is a file{PRESETS}",
        ),
        (
            "gpu=mine",
            f"unknown preset 'mine'; write facts such as cuda:12.8, or gpu=./mine if it is a file{PRESETS}",
        ),
        (
            "Node.A=h100",
            "invalid machine name 'Node.A'; write ./Node.A=h100 if it is a file,"
            " or use a-z, 0-9, _ and - in names: node-a=h100",
        ),
        (
            "https://x.org/node.toml?token=1",
            "expected a machine, got the URL 'https://x.org/node.toml'; download the file, and give its path",
        ),
    ],
)
def test_word_or_url_for_a_machine_file(file: str, message: str) -> None:
    result = command(f"explain -f dist --machine {file}")
    assert result.exit_code == 2
    assert f"error: --machine: {message}\n" in result.stderr


def test_file_with_the_name_of_a_preset_is_ambiguous() -> None:
    Path("h100").write_text("version = 1\n[machine]\n")
    for start in ("", "gpu="):
        result = command(f"hardware --machine {start}h100")
        assert result.exit_code == 2
        assert (
            "error: --machine: 'h100' is also the name of a file in this folder;"
            f" write {start}./h100 for the file; to use the preset or the facts, rename the file\n"
        ) in result.stderr
        assert command(f"hardware --machine {start}./h100").exit_code == 0


def test_presets_are_listed_alone() -> None:
    assert command("hardware --presets").stdout.startswith("PRESET ")
    presets = json.loads(command("hardware --presets --json").stdout)["presets"]
    assert {"name": "none", "facts": {}}.items() <= presets[0].items()
    for other in ("--machine none", "--toml", "-o out.toml"):
        result = command(f"hardware --presets {other}")
        assert result.exit_code == 2
        assert f"error: --presets and {other[:9].split()[0]}" in result.stderr.replace("--output", "-o")


def test_machine_file_with_a_typo_is_suggested() -> None:
    Path("rack.toml").write_text("version = 1\n[machine]\n")
    result = command("hardware --machine rak.toml")
    assert result.stderr.startswith("error: rak.toml: file not found (did you mean 'rack.toml'?); ")


@pytest.mark.parametrize(
    ("file", "kind"),
    [("dist/demo-1.0-variants.json", "an index file (variants.json)"), ("pyproject.toml", "a project file")],
)
def test_another_file_for_a_machine_file(file: str, kind: str) -> None:
    Path("pyproject.toml").write_text("[project]\nname = 'demo'\n[tool.uv]\n")
    result = command(f"explain demo -f dist --machine {file}")
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: {file}: expected a machine file, got {kind};"
        " `variant-backend hardware -o machine.toml` writes a machine file\n"
    )


def test_tables_of_namespaces_are_not_a_project_file() -> None:
    Path("old.toml").write_text("[project.features]\nmode = ['a']\n[tool.features]\nmode = ['a']\n")
    assert command("hardware --machine old.toml").exit_code == 0


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ("-o .", 1, ".: expected a file, got a folder; give a file name such as machine.toml"),
        (
            "-o x.yaml",
            2,
            "-o/--output: expected a name that ends in .toml or .json, got 'x.yaml'; use x.toml or x.json",
        ),
        (
            "--toml -o x.json",
            2,
            "-o/--output: expected a name that ends in .toml, got 'x.json'; use x.toml, or leave --toml out",
        ),
        (
            "--json -o x.toml",
            2,
            "-o/--output: expected a name that ends in .json, got 'x.toml'; use x.json, or leave --json out",
        ),
    ],
)
def test_wrong_name_for_a_new_machine_file(options: str, code: int, message: str) -> None:
    result = command(f"hardware {options}")
    assert result.exit_code == code
    if "--json" in options:  # in the document, too
        assert message in result.output
    else:
        assert f"error: {message}\n" in result.stderr
    assert not Path("x.yaml").exists()


def test_project_file_may_be_its_folder() -> None:
    Path("release").mkdir()
    Path("release", "pyproject.toml").write_text("[variant]\ndefault-priorities.namespace = ['speed']\n")
    result = command(f"make-variant --null --pyproject release -n {WHEEL}")
    assert (result.exit_code, result.stdout) == (0, f"{WHEEL[:-4]}-null.whl\n")


def test_project_file_with_a_typo_is_suggested() -> None:
    result = command(f"make-variant --null --pyproject dist/demo.tml {WHEEL}")
    assert (result.exit_code, result.stderr) == (1, "error: dist/demo.tml: file not found\n")
    Path("dist", "demo.toml").touch()
    result = command(f"make-variant --null --pyproject dist/demo.tml {WHEEL}")
    assert result.stderr == "error: dist/demo.tml: file not found (did you mean 'demo.toml'?)\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--path .venv",
            ".venv: expected a site-packages folder, got an environment; use --interpreter .venv",
        ),
        (
            f"--path {WHEEL}",
            f"{WHEEL}: expected a folder, got a file; use `variant-backend inspect {WHEEL}` for a wheel",
        ),
        ("--path dist/demo-1.0-variants.json", "dist/demo-1.0-variants.json: expected a folder, got a file"),
        ("--path sites", "sites: folder not found (did you mean 'site'?)"),
        ("--interpreter site", "site: no interpreter found in this folder; use --path site"),
        ("--interpreter .vnv", ".vnv: interpreter not found on PATH (did you mean '.venv'?)"),
        ("--interpreter ./.vnv", "./.vnv: interpreter not found (did you mean '.venv'?)"),
    ],
)
def test_environment_and_folder_are_confused(options: str, message: str) -> None:
    Path(".venv").mkdir(exist_ok=True)
    Path(".venv", "pyvenv.cfg").touch()
    Path("site", "demo-1.0.dist-info").mkdir(parents=True, exist_ok=True)
    Path("site", "demo-1.0.dist-info", "METADATA").write_text("Name: demo\nVersion: 1.0\n")
    result = command(f"installed {options}")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {message}")


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        (
            "inspect six==1.17.0",
            1,
            "six==1.17.0: expected a name, got a requirement; write only the name: six",
        ),
        ("inspect six[a]>=1", 1, "six[a]>=1: expected a name, got a requirement; write only the name: six"),
        ("inspect dist", 1, "dist: is a folder, expected a wheel; give the wheels in it: dist/*.whl"),
        ("explain -f dist --pin 'torch>=2'", 2, "--pin: 'torch>=2': missing version; write torch==VERSION"),
        ("explain -f dist --platform win", 2, "unknown platform 'win' (did you mean 'windows'?); "),
        ("explain -f dist --platform macosx", 2, "unknown platform 'macosx' (did you mean 'macos'?); "),
        ("schema machine", 2, "unknown schema 'machine' (did you mean 'hardware'?); schemas: "),
        (
            f"make-variant -p 'x86_64 :: level :: v3, v2' {WHEEL}",
            2,
            "-p/--property: property 'x86_64 :: level :: v3, v2': expected one value, got 2;"
            " repeat -p for each value: -p 'x86_64 :: level :: v3' -p 'x86_64 :: level :: v2'",
        ),
        *(
            (
                f"make-variant -p 'nvidia :: sm_arch :: 8.0;{item}' {WHEEL}",
                2,
                f"-p/--property: property 'nvidia :: sm_arch :: 8.0;{item}': invalid item '{item}' in a list"
                " of architectures; write compute capabilities with a dot, such as 7.0;8.0;9.0+PTX",
            )
            for item in ("Ampere", "90", "9.0+ptx", "9.0_real")
        ),
        (
            f"make-variant -p 'nvidia :: sm_arch :: Ampere' {WHEEL}",
            2,
            "-p/--property: property 'nvidia :: sm_arch :: Ampere': invalid item 'Ampere' in a list"
            " of architectures; write compute capabilities with a dot, such as 7.0;8.0;9.0+PTX",
        ),
        (
            "explain -f dist --supported 'nvidia :: sm :: 90,,80'",
            2,
            "--supported: 'nvidia :: sm :: 90,,80': value is empty; remove a comma",
        ),
        (
            f"make-variant -p 'x86-64 :: level :: v3' {WHEEL}",
            2,
            "-p/--property: property 'x86-64 :: level :: v3': namespace 'x86-64': character '-' at position 4"
            " is not allowed; use only a-z, 0-9 and '_', such as 'x86_64'",
        ),
        (
            f"make-variant -p 'x86_64 :: level :: V3' {WHEEL}",
            2,
            "is not allowed; use only a-z, 0-9, '_' and '.', such as 'v3'",
        ),
    ],
)
def test_remedy_is_the_correct_form(line: str, code: int, message: str) -> None:
    result = command(line)
    assert result.exit_code == code
    assert message in result.stderr
