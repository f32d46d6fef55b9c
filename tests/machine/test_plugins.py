"""Installed plugins: they are listed without being run, asked by name, and held to the protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Collection
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from click.testing import CliRunner, Result
from helpers.made_wheels import make_wheel
from helpers.programs import printed as printed_problems
from helpers.programs import read_terminal

from variant_backend.cli.main import main
from variant_backend.machine import plugins

PLUGIN = """
from typing import NamedTuple
from pathlib import Path

Path(__file__).with_name("was-run").touch()

class Config(NamedTuple):
    name: str
    values: list
    multi_value: bool = False

class Plugin:
    namespace = "demo_ns"

    def get_supported_configs(self):
        return [Config("level", ["3", "2"]), Config("extra", ["a"], True)]

    def get_all_configs(self):
        return [Config("level", ["4", "3", "2"]), Config("extra", ["a", "b"], True)]
"""


def install(folder: Path, plugin: str = PLUGIN, name: str = "demo", reference: str = "") -> None:
    """Install a plugin, whose distribution is called after it, into a folder."""
    module = f"{name}_plugin"
    entry_points = f"[variant_plugins]\n{name} = {reference or f'{module}:Plugin'}\n"
    files = {
        f"{module}.py": plugin.encode(),
        f"{module}-1.0.dist-info/entry_points.txt": entry_points.encode(),
    }
    with ZipFile(make_wheel(folder.parent / "wheels", module, files=files)) as wheel:
        wheel.extractall(folder)  # an installer would do no more


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that Python looks into."""
    monkeypatch.chdir(tmp_path)
    paths = [str(tmp_path / "site"), os.environ.get("PYTHONPATH")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    return tmp_path / "site"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with nothing installed: listing the distributions of this one takes a while."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["providers", *map(str, arguments)], catch_exceptions=False)


def told(*arguments: object, printed: Collection[str] = (), perhaps: Collection[str] = ()) -> dict[str, Any]:
    """Return the JSON object about plugins, which *printed* lines; its errors are as they are printed.

    A plugin that ends at once has *perhaps* printed other lines before.
    """
    result = invoke(*arguments, "--json")
    document: dict[str, Any] = json.loads(result.stdout)
    document["errors"] = errors = printed_problems(document["errors"])
    assert result.exit_code == bool(errors)
    lines = result.stderr.splitlines()
    own = len(lines) - len(errors)
    assert {*printed} <= {*lines[:own]} <= {*printed, *perhaps}
    assert lines[own:] == [f"error: {error}" for error in errors]
    return document


def test_plugins_are_listed_without_being_run(site: Path) -> None:
    install(site)
    install(site, name="another", reference="another_plugin:Plugin [extra]")
    result = invoke()
    assert result.stdout.splitlines() == [
        "another  another_plugin:Plugin  another_plugin 1.0",
        "demo     demo_plugin:Plugin     demo_plugin 1.0",
    ]
    assert invoke("list").stdout == result.stdout
    assert told()["plugins"][1] == {
        "name": "demo",
        "reference": "demo_plugin:Plugin",
        "distribution": "demo_plugin",
        "version": "1.0",
    }
    assert not (site / "was-run").exists()


def test_no_plugin_is_no_fault(site: Path) -> None:
    assert not site.exists()
    for arguments in ([], ["query", "--all"], ["validate", "--all"]):
        result = invoke(*arguments)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no plugin is installed\n")


def test_the_first_of_two_places_counts_as_for_python(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, name="demo", reference="demo_plugin:first")
    install(site.parent / "behind", name="demo")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(site.parent / "behind")]))
    assert [each["reference"] for each in told()["plugins"]] == ["demo_plugin:first"]


def test_plugins_of_another_environment_are_found_and_run_there(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH")
    venv.create(site.parent / "env", with_pip=False)
    python = site.parent / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    (library,) = (site.parent / "env").glob("**/site-packages")
    shown = PLUGIN.replace('["3", "2"]', "['in_' + __import__('os').path.basename(__import__('sys').prefix)]")
    install(library, shown)
    assert told(printed=["no plugin is installed"])["plugins"] == []
    assert [each["name"] for each in told("--python", python)["plugins"]] == ["demo"]
    assert told("--python", site.parent / "env") == told("--python", python)
    features = told("query", "demo", "--python", python)["plugins"][0]["features"]
    assert features[0] == {"name": "level", "values": ["in_env"]}


@pytest.mark.parametrize("arguments", [["--python", "no-such-python"], ["query", "a", "--python", "./no"]])
def test_an_interpreter_that_cannot_be_started_is_named(site: Path, arguments: list[str]) -> None:
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout, site.exists()) == (1, "", False)
    assert result.stderr.startswith(f"error: {arguments[-1]}: cannot be started: ")


def test_a_distribution_that_cannot_be_read_does_not_hide_the_others(site: Path) -> None:
    install(site)
    install(site, name="another")
    (site / "another_plugin-1.0.dist-info" / "entry_points.txt").write_bytes(
        b"[variant_plugins]\n\xff = a:b\n"
    )
    (site / "unnamed-1.0.dist-info").mkdir()
    for arguments in ([], ["query", "--all"]):
        document = told(*arguments)
        assert [each["name"] for each in document["plugins"]] == ["demo"]
        assert document["errors"][0].startswith("another_plugin 1.0: entry_points.txt: UnicodeDecodeError: ")
    assert told("query", "demo")["errors"] == []


def test_what_a_plugin_supports_is_shown_best_first(site: Path) -> None:
    install(site)
    result = invoke("query", "demo")
    assert result.stdout.splitlines() == [
        "demo  (demo_plugin 1.0)",
        "  demo_ns :: level :: 3, 2",
        "  demo_ns :: extra :: a",
    ]
    (document,) = told("query", "--all")["plugins"]
    assert document["namespace"] == "demo_ns"
    assert document["features"] == [
        {"name": "level", "values": ["3", "2"]},
        {"name": "extra", "values": ["a"]},
    ]


def test_a_plugin_without_a_namespace_has_that_of_its_name_and_may_support_nothing(site: Path) -> None:
    plugin = PLUGIN.replace('namespace = "demo_ns"', "")
    install(site, plugin.replace("return [", "return [][:0] and [", 1))
    assert invoke("query", "demo").stdout.splitlines()[1:] == ["  no value of demo is supported"]
    assert invoke("validate", "demo").stdout == "demo  (demo_plugin 1.0)  follows the protocol\n"


def test_only_the_plugins_that_are_named_are_run(site: Path) -> None:
    install(site, PLUGIN.replace("was-run", "demo-was-run"))
    install(site, PLUGIN.replace("was-run", "another-was-run"), name="another")
    invoke("validate", "demo")
    assert [path.name for path in site.glob("*-was-run")] == ["demo-was-run"]


@pytest.mark.parametrize("command", ["query", "validate"])
@pytest.mark.parametrize("arguments", [[], ["demo", "--all"]])
def test_which_plugins_are_run_must_be_said(site: Path, command: str, arguments: list[str]) -> None:
    install(site)
    assert invoke(command, *arguments).exit_code == 2
    assert not (site / "was-run").exists()


def test_a_name_that_is_not_there_is_told_before_anything_is_run(site: Path) -> None:
    install(site)
    result = invoke("query", "demo", "dmeo")
    assert result.exit_code == 1
    assert result.stderr == "error: unknown plugin 'dmeo' (did you mean 'demo'?); installed plugins: demo\n"
    assert not (site / "was-run").exists()


# What breaks the protocol in each answer: query tells it, and so does validate.
BROKEN = {
    "it is not there": (None, "ModuleNotFoundError: No module named 'demo_plugin'"),
    "it crashes": ("import os; os.kill(os.getpid(), 9)", "ended with exit code "),
    "it leaves": ("import os; os._exit(0)", "ended with exit code 0 and no answer"),
    "it fails": ("1 / 0", "ZeroDivisionError: division by zero"),
    "it prints": (f"print('hello\\nyou')\n{PLUGIN}", "prints to stdout: 'hello'"),
    "its child prints": (
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'print(1)'])\n{PLUGIN}",
        "prints to stdout: '1'",
    ),
    "it closes stdout": (
        f"import sys\nprint('bye'); sys.stdout.close()\n{PLUGIN}",
        "prints to stdout: 'bye'",
    ),
    "a text for values": (
        PLUGIN.replace('["3", "2"]', '"3"'),
        "[0].values: expected a list of at least one string",
    ),
    "numbers": (PLUGIN.replace('["3", "2"]', "[3, 2]"), "[0].values[0]: expected a string, got a number"),
    "a bad value": (PLUGIN.replace('"3"', '"3 GB"'), "[0].values[0]: value '3 GB': character ' '"),
    "a bad feature": (PLUGIN.replace('"level"', '"Level"'), "[0].name: feature 'Level': character 'L'"),
    "no list": (PLUGIN.replace("return [", "return 3 and [").replace("3 and [Config", "3 #"), "TypeError"),
    "multi_value is a number": (PLUGIN.replace("True)", "1)"), "[1].multi_value: true or false is needed"),
    "multi_value is missing": (
        PLUGIN.replace("    multi_value: bool = False\n", "").replace(", True)", ")"),
        "get_supported_configs()[0].multi_value: missing",
    ),
    "a number for a namespace": (PLUGIN.replace('"demo_ns"', "3"), "namespace: expected a string"),
    "a bad namespace": (PLUGIN.replace('"demo_ns"', '"a-b"'), "namespace: namespace 'a-b': character '-'"),
    "a word for a truth": (
        PLUGIN.replace('"demo_ns"', '"x"\n    all_properties_compatible = "yes"'),
        "all_properties_compatible: expected true or false, got a string",
    ),
}


PRINTED = {"it prints": ("hello", "you"), "its child prints": ("1",), "it closes stdout": ("bye",)}


@pytest.mark.slow  # four processes for each
@pytest.mark.parametrize("fault", BROKEN)
def test_a_plugin_that_breaks_the_protocol_is_named_with_its_fault(
    site: Path, bare: Path, fault: str
) -> None:
    plugin, expected = BROKEN[fault]
    install(site, plugin or PLUGIN)
    if plugin is None:
        (site / "demo_plugin.py").unlink()
    install(site, name="sound")
    for command in ("query", "validate"):
        printed = PRINTED.get(fault, ())
        broken, sound = told(command, "--all", "--python", bare, printed=printed)["plugins"]
        assert broken["errors"][0].startswith("plugin 'demo' of demo_plugin 1.0: ")
        assert expected in broken["errors"][0]
        assert broken.get("features", []) == []
        assert sound["errors"] == []


def test_a_plugin_that_hangs_is_given_up_and_named(
    site: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "import time\nprint('waiting', flush=True)\ntime.sleep(60)")
    monkeypatch.setattr(plugins, "_TIME_LIMIT", 1)
    for command in ("query", "validate"):
        (error,) = told(command, "demo", "--python", bare, perhaps=["waiting"])["errors"]
        assert error == "plugin 'demo' of demo_plugin 1.0: no answer within 1 seconds"


def test_what_is_no_object_reference_is_named(site: Path) -> None:
    install(site, reference="demo plugin:Plugin")
    assert "'demo plugin:Plugin' is no object reference" in told("query", "demo")["errors"][0]


CONTRADICTIONS = {
    "a value that is not known": (
        PLUGIN.replace('["3", "2"]', '["5", "3"]'),
        "get_supported_configs() has 5 of 'level', which get_all_configs() lacks",
    ),
    "a feature that is not known": (
        PLUGIN.replace('"level"', '"lever"', 1),
        "get_supported_configs() has feature 'lever', which get_all_configs() lacks",
    ),
    "several values here, one there": (
        PLUGIN.replace(', ["a"], True', ', ["a"]'),
        "multi_value of 'extra' is False in get_supported_configs(), and not in get_all_configs()",
    ),
    "not all of what all systems have": (
        PLUGIN.replace('"demo_ns"', '"x"\n    all_properties_compatible = True').replace(
            '"b"], True', '"a2"]'
        ),
        "all_properties_compatible is true, but get_supported_configs() lacks 4 of 'level'",
    ),
    "nothing is known": (
        PLUGIN.replace("return [", "return [][:0] and ["),
        "get_all_configs() lists no feature",
    ),
}


@pytest.mark.slow  # two processes for each
@pytest.mark.parametrize("fault", CONTRADICTIONS)
def test_answers_that_do_not_go_together_are_told(site: Path, bare: Path, fault: str) -> None:
    plugin, expected = CONTRADICTIONS[fault]
    install(site, plugin)
    errors = told("validate", "demo", "--python", bare)["errors"]
    assert f"plugin 'demo' of demo_plugin 1.0: {expected}" in errors
    assert told("query", "demo", "--python", bare)["errors"] == []


def test_every_fault_of_both_answers_is_told_once(site: Path) -> None:
    plugin = PLUGIN.replace('["3", "2"]', '["3", ""]').replace('["a", "b"]', "[]")
    install(site, f"print('x')\n{plugin}")
    place = "plugin 'demo' of demo_plugin 1.0: get_"
    assert told("validate", "demo", printed="x")["errors"] == [
        f"{place}supported_configs()[0].values[1]: value is empty",
        "plugin 'demo' of demo_plugin 1.0: prints to stdout: 'x'",
        f"{place}all_configs()[1].values: expected a list of at least one string, got an empty list",
    ]


def test_what_a_plugin_prints_is_not_taken_for_its_answer(site: Path) -> None:
    install(site, 'print(\'{"error": "x"}\', flush=True)\nimport os; os._exit(0)')
    assert told("query", "demo", perhaps=['{"error": "x"}'])["errors"] == [
        "plugin 'demo' of demo_plugin 1.0: ended with exit code 0 and no answer"
    ]


def test_a_plugin_must_have_a_name_that_can_be_a_namespace(site: Path) -> None:
    install(site, PLUGIN.replace('namespace = "demo_ns"', ""))
    path = site / "demo_plugin-1.0.dist-info" / "entry_points.txt"
    path.write_text(path.read_text().replace("demo =", "my-demo ="))
    expected = (
        "namespace: it has none, and the name of its entry point 'my-demo': character '-' at position 3"
    )
    for command in ("query", "validate"):
        (error,) = told(command, "my-demo")["errors"]
        assert error.startswith(f"plugin 'my-demo' of demo_plugin 1.0: {expected}")


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_which_plugin_is_asked_is_shown_on_a_terminal_and_nowhere_else(site: Path) -> None:
    import pty

    install(site)
    command = [sys.executable, "-c", "from variant_backend.scripts import variant_backend as run; run()"]
    parent, child = pty.openpty()
    script = [*command, "providers", "validate", "demo"]
    done = subprocess.run(script, stdout=subprocess.PIPE, stderr=child, text=True, timeout=60)
    os.close(child)
    assert "1 of 1: running plugin 'demo' of demo_plugin 1.0" in read_terminal(parent).decode()
    assert done.stdout == "demo  (demo_plugin 1.0)  follows the protocol\n"
    assert subprocess.run(script, capture_output=True, timeout=60).stderr == b""
