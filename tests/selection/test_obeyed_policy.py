"""A policy changes what commands select, and each command says so once."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.sample_release import write_release

from variant_backend._internal.building.asked import best_label
from variant_backend._internal.cli.main import main
from variant_backend._internal.machine import user_config

GPU, LEVEL = {"sm_arch": ["90_real"]}, {"level": ["v3"]}
DOCUMENT: dict[str, Any] = {
    "$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",
    "default-priorities": {"namespace": ["nvidia", "x86_64", "blas"]},
    "providers": {
        "nvidia": {
            "requires": ["nvidia-variant-provider>=0.0.1,<1"],
            "plugin-api": "nvidia_variant_provider.plugin:NvidiaVariantPlugin",
        },
        "x86_64": {"requires": ["x86-64-variant-provider>=0.2.1,<0.3"]},
        "blas": {"static-properties": {"library": ["mkl", "openblas"]}},
    },
    "variants": {
        "gpu": {"nvidia": GPU},
        "v3": {"x86_64": LEVEL},
        "v2": {"x86_64": {"level": ["v2"]}},
        "mkl": {"blas": {"library": ["mkl"]}},
        "openblas": {"blas": {"library": ["openblas"]}},
        "null": {},
    },
}
MACHINE = """
version = 1
[machine.nvidia.features]
sm_arch = ["90_real"]
[machine.x86_64.features]
level = ["v3", "v2", "v1"]
"""


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's configuration file in a folder with a release and a machine file."""
    path = tmp_path / "config.toml"
    monkeypatch.setattr(user_config, "config_path", lambda: path)
    monkeypatch.setattr(user_config, "site_config_paths", list)
    monkeypatch.chdir(tmp_path)
    write_release(Path("dist"), DOCUMENT, labels=DOCUMENT["variants"])
    Path("machine.toml").write_text(MACHINE)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)


def explain(*arguments: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        run("explain", "demo", "-f", "dist", "--machine", "machine.toml", *arguments, "--json").stdout
    )
    return document


def label_of(filename: str | None) -> str:
    return (filename or "").removeprefix("demo-1.0-py3-none-any").removesuffix(".whl").lstrip("-")


RULES = [
    ("", "gpu"),
    ("exclude = ['nvidia']", "v3"),
    ("exclude = ['nvidia :: sm_arch']", "v3"),
    ("exclude = ['nvidia :: sm_arch :: 90_real']", "v3"),
    ("prefer = ['x86_64']", "v3"),
    ("prefer = ['x86_64']\nlimit = ['x86_64 :: level :: v2']", "v2"),
    ("prefer = ['x86_64', 'x86_64 :: level :: v2']", "v2"),
    ("prefer = ['blas']", "mkl"),
    ("prefer = ['blas', 'blas :: library :: openblas']", "openblas"),
    ("prefer = ['blas']\nexclude = ['blas :: library :: mkl']", "openblas"),
    ("null-only = true", "null"),
    ("plain = ['Demo']", ""),
]


@pytest.mark.parametrize(("rules", "label"), RULES)
def test_a_policy_changes_what_explain_and_fetch_select(policy: Path, rules: str, label: str) -> None:
    policy.write_text(f"[policy]\n{rules}\n")
    assert label_of(explain()["selected"]) == label
    assert label_of(explain("--no-policy")["selected"]) == "gpu"
    result = run("fetch", "demo", "-f", "dist", "--machine", "machine.toml", "-o", "out")
    assert label_of(Path(result.stdout.strip()).name) == label
    assert result.stderr.count("policy: ") == bool(rules)
    stub = run(
        "stub", "dist", "--base-url", "https://example.org", "-o", "out", "--machine", "./machine.toml"
    )
    assert (f"  {label or '(plain)'}  " in stub.stdout, stub.exit_code) == (True, 0)
    assert stub.stderr.count("policy: ") == bool(rules)


def test_commands_say_which_file_has_which_rule(policy: Path) -> None:
    policy.write_text("[policy]\nlimit = ['x86_64 :: level :: v2']\nprefer = ['x86_64']\n")
    arguments = ("explain", "demo", "-f", "dist", "--machine", "machine.toml")
    result = run(*arguments)
    assert result.stderr == (
        f"policy: prefer x86_64 ({policy}); limit x86_64 :: level :: v2 ({policy}); --no-policy ignores it\n"
    )
    origin = (
        f"  x86_64: machine.toml; limited by policy: x86_64 :: level :: v2 ({policy});"
        f" preferred by policy: x86_64 ({policy})"
    )
    assert origin in result.stdout.splitlines()
    assert explain()["policy"] == [
        {"key": "prefer", "value": "x86_64", "file": str(policy)},
        {"key": "limit", "value": "x86_64 :: level :: v2", "file": str(policy)},
    ]
    assert explain("--no-policy")["policy"] == []
    assert "namespace x86_64 is preferred by policy" in run(*arguments, "--why-not", "gpu").stdout


def test_a_policy_also_applies_to_values_of_options(policy: Path) -> None:
    policy.write_text("[policy]\nlimit = ['x86_64 :: level :: v2']\n")
    given = ("--disable", "nvidia", "--supported", "x86_64 :: level :: v3, v2")
    assert label_of(explain(*given)["selected"]) == "v2"
    result = run("fetch", "demo#v3", "-f", "dist", "-o", "out")  # a label is a request of its own
    assert result.exit_code == 0


def test_a_project_limits_and_another_file_cannot_undo_it(policy: Path) -> None:
    Path("pyproject.toml").write_text("[tool.variant-backend.policy]\nexclude = ['nvidia']\n")
    policy.write_text("[policy]\nprefer = ['nvidia']\n")
    assert label_of(explain()["selected"]) == "v3"
    assert label_of(explain("--no-policy")["selected"]) == "gpu"


def test_configured_sources_and_machine_replace_missing_options(policy: Path) -> None:
    policy.write_text("machine = 'machine.toml'\nfind-links = ['./dist']\n")
    result = run("explain")
    assert result.stdout.startswith("demo 1.0: demo-1.0-py3-none-any-gpu.whl is selected\n")
    assert result.stderr.count("policy: ") == 2
    assert run("fetch", "demo", "-o", "out").exit_code == 0
    assert "missing source" in run("explain", "--no-policy").stderr
    policy.write_text("machine = 'no.toml'\n")
    assert f"error: {policy.parent / 'no.toml'}" in run("explain", "-f", "dist").stderr


def test_uv_obeys_no_policy(policy: Path) -> None:
    policy.write_text("[policy]\nexclude = ['blas']\n")
    document = explain("--installer", "uv", "--disable", "nvidia", "--disable", "x86_64")
    assert label_of(document["selected"]) == "null"
    assert label_of(document["installer"]["selected"]) == "gpu"
    assert document["installer"]["reasons"][0] == (
        "uv obeys no policy, and without it, demo-1.0-py3-none-any-mkl.whl is selected:"
        f" exclude blas ({policy})"
    )
    assert explain("--installer", "uv")["installer"]["reasons"] == []


def test_the_least_device_counts_if_the_policy_says_so(policy: Path) -> None:
    Path("machine.toml").write_text(MACHINE + '[machine.nvidia.least.features]\nsm_arch = ["80_real"]\n')
    policy.write_text("devices = 'least'\n")
    document = explain("--installer", "uv")
    assert label_of(document["selected"]) == "v3"
    assert label_of(document["installer"]["selected"]) == "gpu"
    assert document["installer"]["reasons"][0] == (
        "uv obeys no policy, and without it, demo-1.0-py3-none-any-gpu.whl is selected:"
        " the machine or its devices"
    )
    assert document["policy"] == [{"key": "devices", "value": "least", "file": str(policy)}]
    assert label_of(explain("--no-policy")["selected"]) == "gpu"


def test_without_detection_the_selection_of_uv_is_unknown_despite_a_machine(policy: Path) -> None:
    policy.write_text("machine = 'machine.toml'\ndetect = false\n")
    document = json.loads(run("explain", "demo", "-f", "dist", "--installer", "uv", "--json").stdout)
    assert label_of(document["selected"]) == "gpu"
    assert f"unknown supported values: detection is off by policy ({policy}: detect)" in str(
        document["warnings"]
    )


def test_a_machine_from_stdin_has_all_devices_for_uv(policy: Path) -> None:
    policy.write_text("devices = 'least'\n")
    arguments = ("explain", "demo", "-f", "dist", "--machine", "-", "--installer", "uv", "--json")
    least = '[machine.nvidia.least.features]\nsm_arch = ["80_real"]\n'
    result = CliRunner().invoke(main, arguments, input=MACHINE + least)
    document = json.loads(result.stdout)
    assert label_of(document["selected"]) == "v3"
    assert label_of(document["installer"]["selected"]) == "gpu"


@contextmanager
def watched() -> Iterator[list[str]]:
    """Yield the opened files of the system, loaded libraries and started processes of this process."""
    seen: list[str] = []
    active = True

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if active and event in ("open", "ctypes.dlopen", "subprocess.Popen", "os.posix_spawn", "os.fork"):
            text = str(arguments[0]) if arguments else ""
            if event != "open" or text.startswith(("/proc", "/sys", "/dev")):
                seen.append(f"{event} {text}")

    sys.addaudithook(note)  # it cannot be removed
    try:
        yield seen
    finally:
        active = False


@pytest.mark.skipif(sys.platform != "linux", reason="other systems are asked without files")
def test_without_detection_no_file_is_read_and_no_process_started(policy: Path) -> None:
    policy.write_text(
        "detect = false\ntrust-plugins = ['nvidia-variant-provider', 'x86-64-variant-provider']\n"
    )
    with watched() as seen:
        result = run("explain", "demo", "-f", "dist")
    assert seen == []
    assert "is selected" in result.stdout
    assert "  x86_64: unknown; its plugin is not trusted; use --trust-plugin x86-64-variant-provider;" in (
        result.stdout
    )
    assert f"detection is off by policy ({policy}: detect)" in result.stdout
    assert f"policy: detect false ({policy}); --no-policy ignores it\n" in result.stderr
    with watched() as seen:
        run("explain", "demo", "-f", "dist", "--no-policy")
    assert any("/proc/cpuinfo" in text for text in seen)


PROJECT = """
[build-system]
build-backend = "variant_backend.hooks"
[project]
name = "demo"
[variant]
default-priorities.namespace = ["x86_64", "blas"]
providers.blas.static-properties.library = ["mkl", "openblas"]
providers.x86_64.requires = ["x86-64-variant-provider>=0.2.1,<0.3"]
[variant.variants]
v3.x86_64.level = ["v3"]
v2.x86_64.level = ["v2"]
mkl.blas.library = ["mkl"]
openblas.blas.library = ["openblas"]
null = {}
[tool.variant-backend]
build-backend = "setuptools.build_meta"
"""


@pytest.mark.parametrize(
    ("rules", "own", "label"),
    [
        ("", "", "v3"),
        ("limit = ['x86_64 :: level :: v2']", "", "v2"),
        ("", "limit = ['x86_64 :: level :: v2']", "v2"),
        ("prefer = ['blas']", "exclude = ['blas :: library :: mkl']", "openblas"),
        ("null-only = true", "", "null"),
        ("plain = ['demo']", "", None),
    ],
)
def test_the_best_label_of_a_build_obeys_the_policy(
    policy: Path, rules: str, own: str, label: str | None
) -> None:
    policy.write_text(f"machine = 'machine.toml'\n[policy]\n{rules}\n")
    table = f"[tool.variant-backend.policy]\n{own}\n" if own else ""
    Path("pyproject.toml").write_text(PROJECT + table)
    lines: list[str] = []
    assert best_label({}, lines.append) == label
    assert f"policy: machine {policy.parent / 'machine.toml'} ({policy})" in lines[0]
    environ = {
        "VARIANT_BACKEND_NO_POLICY": "1",
        "VARIANT_BACKEND_HARDWARE": str(Path("machine.toml").resolve()),
    }
    assert best_label(environ, lines.append) == "v3"


def test_a_build_warns_of_a_misspelt_namespace_in_the_policy(policy: Path) -> None:
    policy.write_text("[policy]\nprefer = ['x86_65']\n")
    Path("pyproject.toml").write_text(PROJECT)
    lines: list[str] = []
    best_label({"VARIANT_BACKEND_HARDWARE": str(Path("machine.toml").resolve())}, lines.append)
    assert f"warning: {policy}: unknown namespace 'x86_65' (did you mean 'x86_64'?)" in lines[0]


def test_a_build_without_detection_says_why_values_are_unknown(policy: Path) -> None:
    policy.write_text("detect = false\n")
    Path("pyproject.toml").write_text(PROJECT)
    lines: list[str] = []
    assert best_label({}, lines.append) == "mkl"
    assert f"; x86_64: unknown (detection is off by policy ({policy}: detect)); request a label" in lines[0]
