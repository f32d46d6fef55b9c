"""Installed plugins: listed without running, run by name, and checked against the protocol."""

from __future__ import annotations

import json
import os
import re
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

from variant_backend._internal.cli.main import main
from variant_backend._internal.formats.hardware_file import Detected
from variant_backend._internal.machine import plugins
from variant_backend._internal.machine.plugin_answers import Cost, PluginAnswer, PluginFeature
from variant_backend._internal.machine.plugins import Plugin, hardware_of_plugins, installed_plugins
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.properties import Property, Variant
from variant_backend._internal.variants.providers import PluginProvider

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
    """Install a plugin and its distribution, both of the same name, into a folder."""
    module = f"{name}_plugin"
    entry_points = f"[variant_plugins]\n{name} = {reference or f'{module}:Plugin'}\n"
    files = {
        f"{module}.py": plugin.encode(),
        f"{module}-1.0.dist-info/entry_points.txt": entry_points.encode(),
    }
    with ZipFile(make_wheel(folder.parent / "wheels", module, files=files)) as wheel:
        wheel.extractall(folder)  # as an installer does


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The site-packages folder of the active environment, in which nothing else is installed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "env"))
    return make_environment(tmp_path / "env")


def make_environment(folder: Path) -> Path:
    """Make a virtual environment without distributions, and return its site-packages folder."""
    venv.create(folder, with_pip=False)
    (library,) = folder.glob("**/site-packages")
    return library


def invoke(*arguments: object) -> Result:
    """Run a command; it may run plugins as root."""
    word = ["--allow-root"] if {"query", "validate"} & {*map(str, arguments)} else []
    return CliRunner().invoke(main, ["providers", *map(str, arguments), *word], catch_exceptions=False)


def answer(
    *arguments: object, printed: Collection[str] = (), perhaps: Collection[str] = ()
) -> dict[str, Any]:
    """Return the JSON of a command; stderr has the lines that plugins *printed*, and its own.

    A plugin that ends early has *perhaps* printed a line before.
    """
    result = invoke(*arguments, "--json")
    document: dict[str, Any] = json.loads(result.stdout)
    document["errors"] = errors = printed_problems(document["errors"])
    assert result.exit_code == bool(errors)
    first, *lines = result.stderr.splitlines()
    assert first.startswith("looking into ")
    own = len(lines) - len(errors)
    assert {*printed} <= {*lines[:own]} <= {*printed, *perhaps}
    assert lines[own:] == [f"error: {error}" for error in errors]
    return document


def test_plugins_are_listed_without_running(site: Path) -> None:
    install(site)
    install(site, name="another", reference="another_plugin:Plugin [extra]")
    result = invoke()
    assert result.stdout.splitlines() == [
        "another  another_plugin:Plugin  another_plugin 1.0",
        "demo     demo_plugin:Plugin     demo_plugin 1.0",
    ]
    assert invoke("list").stdout == result.stdout
    assert answer()["plugins"][1] == {
        "name": "demo",
        "reference": "demo_plugin:Plugin",
        "distribution": "demo_plugin",
        "version": "1.0",
    }
    assert not (site / "was-run").exists()


@pytest.mark.usefixtures("site")
def test_an_environment_without_plugins_is_not_an_error() -> None:
    for arguments in ([], ["query", "--all"], ["validate", "--all"]):
        result = invoke(*arguments)
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr.splitlines()[1:] == ["no plugin is installed"]


def test_the_first_of_two_folders_is_used_as_in_python(site: Path, tmp_path: Path) -> None:
    install(site, name="demo", reference="demo_plugin:first")
    install(tmp_path / "second", name="demo")
    (site / "second.pth").write_text(f"{tmp_path / 'second'}\n")
    assert [each["reference"] for each in answer()["plugins"]] == ["demo_plugin:first"]


def test_plugins_of_another_environment_are_found_and_run_there(tmp_path: Path) -> None:
    library = make_environment(tmp_path / "other")
    python = tmp_path / "other" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    shown = PLUGIN.replace('["3", "2"]', "['in_' + __import__('os').path.basename(__import__('sys').prefix)]")
    install(library, shown)
    assert [each["name"] for each in answer("--interpreter", python)["plugins"]] == ["demo"]
    assert answer("--interpreter", tmp_path / "other") == answer("--interpreter", python)
    features = answer("query", "demo", "--interpreter", python)["plugins"][0]["features"]
    assert features[0] == {"name": "level", "values": ["in_other"]}


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    "arguments", [["--interpreter", "no-such-python"], ["query", "a", "--interpreter", "./no"]]
)
def test_a_missing_interpreter_is_named(arguments: list[str]) -> None:
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {arguments[-1]}: interpreter not found")


def test_an_unreadable_distribution_does_not_hide_others(site: Path) -> None:
    install(site)
    install(site, name="another")
    (site / "another_plugin-1.0.dist-info" / "entry_points.txt").write_bytes(
        b"[variant_plugins]\n\xff = a:b\n"
    )
    (site / "unnamed-1.0.dist-info").mkdir()
    for arguments in ([], ["query", "--all"]):
        document = answer(*arguments)
        assert [each["name"] for each in document["plugins"]] == ["demo"]
        assert document["errors"][0].startswith(
            "another_plugin 1.0: entry_points.txt: cannot be read: UnicodeDecodeError: "
        )
    assert answer("query", "demo")["errors"] == []


def test_a_plugin_without_a_version_is_listed(site: Path) -> None:
    install(site)
    (metadata,) = site.glob("demo_plugin-1.0.dist-info/METADATA")
    metadata.write_text("Metadata-Version: 2.1\nName: demo_plugin\n", encoding="utf-8")
    (plugin,), problems = installed_plugins([site])
    assert (plugin.name, plugin.distribution, plugin.version, problems) == ("demo", "demo_plugin", "", [])


def test_supported_values_are_shown_best_first(site: Path) -> None:
    install(site)
    result = invoke("query", "demo")
    assert result.stdout.splitlines() == [
        "demo  (demo_plugin 1.0)",
        "  demo_ns :: level :: 3, 2",
        "  demo_ns :: extra :: a",
    ]
    (document,) = answer("query", "--all")["plugins"]
    assert document["namespace"] == "demo_ns"
    assert document["features"] == [
        {"name": "level", "values": ["3", "2"]},
        {"name": "extra", "values": ["a"]},
    ]


def test_a_plugin_without_a_namespace_has_its_entry_points_name(site: Path) -> None:
    plugin = PLUGIN.replace('namespace = "demo_ns"', "")
    install(site, plugin.replace("return [", "return [][:0] and [", 1))
    assert invoke("query", "demo").stdout.splitlines()[1:] == ["  no value of demo is supported"]
    assert invoke("validate", "demo").stdout.startswith("demo  (demo_plugin 1.0)  follows the protocol\n")


def test_validation_shows_dependencies_imports_and_time(site: Path) -> None:
    install(site, f"import colorsys, wave\n{PLUGIN}")
    metadata = site / "demo_plugin-1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("Name:", "Requires-Dist: numpy>=2\nName:", 1))
    (plugin,) = answer("validate", "demo")["plugins"]
    assert plugin["dependencies"] == ["numpy>=2"]
    assert plugin["imports"]["modules"] >= 3
    assert 0 <= plugin["imports"]["seconds"] <= plugin["seconds"] < 60
    lines = [re.sub(r"\d+", "1", line) for line in invoke("validate", "demo").stdout.splitlines()]
    assert lines[1:] == ["  dependencies: numpy>=1", "  imported modules: 1, in 1.1 s", "  answer: 1.1 s"]


def test_a_plugin_api_must_be_an_entry_point(site: Path) -> None:
    install(site)
    providers = {"demo_ns": PluginProvider(("demo-plugin",), "demo_plugin:Other")}
    metadata = VariantMetadata(
        ("demo_ns",), providers, {"a": Variant("a", frozenset({Property("demo_ns", "level", "3")}))}
    )
    info = site / "user-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: user\nVersion: 1.0\n")
    (info / "variant.json").write_text(json.dumps(metadata.to_dict()))
    (error,) = answer("validate", "demo")["errors"]
    assert error == (
        "user 1.0: providers.demo_ns.plugin-api: 'demo_plugin:Other' is not an entry point of"
        " demo_plugin 1.0; entry points: 'demo_plugin:Plugin'"
    )
    (info / "variant.json").write_text((info / "variant.json").read_text().replace(":Other", ":Plugin"))
    assert answer("validate", "demo")["errors"] == []


@pytest.mark.parametrize("command", ["query", "validate"])
def test_plugins_run_as_root_only_with_a_word_of_the_user(
    command: str, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site)
    config = site / "config.toml"
    monkeypatch.setattr("variant_backend._internal.machine.user_config.config_path", lambda: config)
    monkeypatch.setattr("variant_backend._internal.machine.trusted_plugins.is_root", lambda: True)

    def runs(*words: str) -> str:
        result = CliRunner().invoke(main, ["providers", command, "demo", *words])
        assert (site / "was-run").exists() == (result.exit_code == 0)
        return result.stderr.splitlines()[-1]

    expected = "error: plugins do not run as root; use --allow-root, or write allow-root = true into "
    assert runs().startswith(expected)
    config.write_text("allow-root = false")
    assert runs().startswith(expected)
    config.write_text("allow-root = true")
    runs()
    (site / "was-run").unlink()
    config.unlink()
    runs("--allow-root")


def test_only_named_plugins_run(site: Path) -> None:
    install(site, PLUGIN.replace("was-run", "demo-was-run"))
    install(site, PLUGIN.replace("was-run", "another-was-run"), name="another")
    invoke("validate", "demo")
    assert [path.name for path in site.glob("*-was-run")] == ["demo-was-run"]


@pytest.mark.parametrize("command", ["query", "validate"])
@pytest.mark.parametrize("arguments", [[], ["demo", "--all"]])
def test_plugins_must_be_named_or_all(site: Path, command: str, arguments: list[str]) -> None:
    install(site)
    assert invoke(command, *arguments).exit_code == 2
    assert not (site / "was-run").exists()


def test_an_unknown_plugin_is_an_error_before_any_runs(site: Path) -> None:
    install(site)
    result = invoke("query", "demo", "dmeo")
    assert result.exit_code == 2
    (_, error) = result.stderr.splitlines()
    assert error == "error: unknown plugin 'dmeo' (did you mean 'demo'?); installed plugins: demo"
    assert not (site / "was-run").exists()


# Violations in a single answer: query and validate report them.
BROKEN = {
    "it is missing": (None, "ModuleNotFoundError: No module named 'demo_plugin'"),
    "it crashes": ("import os; os.kill(os.getpid(), 9)", "ended with exit code "),
    "it exits": ("import os; os._exit(0)", "ended with exit code 0 and no answer"),
    "it answers itself": (
        "import os\nfor file in range(3, 9):\n    try: os.write(file, b'[' * 30_000)\n"
        "    except OSError: pass\nos._exit(0)",
        "ended with exit code 0 and no answer",
    ),
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
    "multi_value is a number": (PLUGIN.replace("True)", "1)"), "[1].multi_value: expected true or false"),
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
@pytest.mark.parametrize("case", BROKEN)
def test_a_violation_of_the_protocol_names_the_plugin(site: Path, case: str) -> None:
    plugin, expected = BROKEN[case]
    install(site, plugin or PLUGIN)
    if plugin is None:
        (site / "demo_plugin.py").unlink()
    install(site, name="sound")
    for command in ("query", "validate"):
        document = answer(command, "--all", printed=PRINTED.get(case, ()))
        broken, sound = document["plugins"]
        assert all(error.startswith("plugin 'demo' of demo_plugin 1.0: ") for error in document["errors"])
        assert expected in document["errors"][0]
        assert not broken.get("features") and not broken.get("valid")
        assert sound.get("features") or sound.get("valid")


def test_a_hanging_plugin_is_ended_and_named(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "import time\nprint('waiting', flush=True)\ntime.sleep(60)")
    monkeypatch.setattr(plugins, "_TIME_LIMIT", 1)
    for command in ("query", "validate"):
        (error,) = answer(command, "demo", perhaps=["waiting"])["errors"]
        assert error == "plugin 'demo' of demo_plugin 1.0: no answer within 1 seconds"


def test_an_invalid_object_reference_is_named(site: Path) -> None:
    install(site, reference="demo plugin:Plugin")
    assert "invalid object reference 'demo plugin:Plugin'" in answer("query", "demo")["errors"][0]


CONTRADICTIONS = {
    "a value that is not known": (
        PLUGIN.replace('["3", "2"]', '["5", "3"]'),
        "get_supported_configs() has 5 of 'level', which get_all_configs() lacks",
    ),
    "a feature that is not known": (
        PLUGIN.replace('"level"', '"lever"', 1),
        "get_supported_configs() has feature 'lever', which get_all_configs() lacks",
    ),
    "several values in one answer only": (
        PLUGIN.replace(', ["a"], True', ', ["a"]'),
        "multi_value of 'extra' is False in get_supported_configs(), but not in get_all_configs()",
    ),
    "missing values of all_properties_compatible": (
        PLUGIN.replace('"demo_ns"', '"x"\n    all_properties_compatible = True').replace(
            '"b"], True', '"a2"]'
        ),
        "all_properties_compatible is true, but get_supported_configs() lacks 4 of 'level'",
    ),
    "no features": (
        PLUGIN.replace("return [", "return [][:0] and ["),
        "get_all_configs() lists no feature",
    ),
}


@pytest.mark.slow  # two processes for each
@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_contradicting_answers_are_reported(site: Path, case: str) -> None:
    plugin, expected = CONTRADICTIONS[case]
    install(site, plugin)
    errors = answer("validate", "demo")["errors"]
    assert f"plugin 'demo' of demo_plugin 1.0: {expected}" in errors
    assert answer("query", "demo")["errors"] == []


def test_every_error_of_both_answers_is_reported_once(site: Path) -> None:
    plugin = PLUGIN.replace('["3", "2"]', '["3", ""]').replace('["a", "b"]', "[]")
    install(site, f"print('x')\n{plugin}")
    place = "plugin 'demo' of demo_plugin 1.0: get_"
    assert answer("validate", "demo", printed="x")["errors"] == [
        f"{place}supported_configs()[0].values[1]: value is empty",
        "plugin 'demo' of demo_plugin 1.0: prints to stdout: 'x'",
        f"{place}all_configs()[1].values: expected a list of at least one string, got an empty list",
    ]


def test_output_of_a_plugin_is_not_its_answer(site: Path) -> None:
    install(site, 'print(\'{"error": "x"}\', flush=True)\nimport os; os._exit(0)')
    assert answer("query", "demo", perhaps=['{"error": "x"}'])["errors"] == [
        "plugin 'demo' of demo_plugin 1.0: ended with exit code 0 and no answer"
    ]


def test_an_entry_point_that_is_not_a_namespace_is_an_error(site: Path) -> None:
    install(site, PLUGIN.replace('namespace = "demo_ns"', ""))
    path = site / "demo_plugin-1.0.dist-info" / "entry_points.txt"
    path.write_text(path.read_text().replace("demo =", "my-demo ="))
    expected = "namespace: missing, and the name of the entry point 'my-demo': character '-' at position 3"
    for command in ("query", "validate"):
        (error,) = answer(command, "my-demo")["errors"]
        assert error.startswith(f"plugin 'my-demo' of demo_plugin 1.0: {expected}")


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_progress_is_shown_only_on_a_terminal(site: Path) -> None:
    import pty

    install(site)
    command = [
        sys.executable,
        "-c",
        "from variant_backend._internal.scripts import variant_backend as run; run()",
    ]
    parent, child = pty.openpty()
    script = [*command, "providers", "validate", "demo", "--allow-root"]
    done = subprocess.run(script, stdout=subprocess.PIPE, stderr=child, text=True, timeout=60)
    os.close(child)
    assert "1 of 1: running plugin 'demo' of demo_plugin 1.0" in read_terminal(parent).decode()
    assert done.stdout.startswith("demo  (demo_plugin 1.0)  follows the protocol\n")
    assert subprocess.run(script, capture_output=True, timeout=60).stderr.splitlines()[1:] == []


def test_other_commands_read_the_answers_as_a_machine_file(site: Path, tmp_path: Path) -> None:
    install(site)
    path = tmp_path / "answers.json"
    text = invoke("query", "demo", "--json").stdout
    path.write_text(text)
    shown = CliRunner().invoke(main, ["hardware", "--machine", str(path), "--json"])
    assert json.loads(shown.stdout)["machine"] == json.loads(text)["machine"]
    assert [*json.loads(text)["machine"]] == ["demo_ns"]


def answered(namespace: str, features: dict[str, tuple[str, ...]]) -> PluginAnswer:
    """Return the answer of a plugin that supports these values."""
    read = {name: PluginFeature(values, several=False) for name, values in features.items()}
    return PluginAnswer(read, False, namespace, 2, (), (), (), (), Cost(0.0, 0, 0.0))


def test_two_plugins_of_a_namespace_are_for_releases_with_their_packages() -> None:
    answers = [
        (Plugin("a", "a:P", "First_Provider", "1.0"), answered("amd", {"gfx_arch": ("gfx942",)})),
        (Plugin("b", "b:P", "Other_Provider", "1.0"), answered("amd", {"gfx_arch": ("gfx90a",)})),
        (Plugin("c", "c:P", "Empty", "1.0"), answered("empty", {})),
    ]
    assert hardware_of_plugins(answers).namespaces == {
        "amd": Detected(
            {"gfx_arch": ("gfx942",)},
            "plugin 'a' of First_Provider 1.0",
            {"other-provider": {"gfx_arch": ("gfx90a",)}},
        ),
        "empty": Detected({}, "plugin 'c' of Empty 1.0"),
    }
