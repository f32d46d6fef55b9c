"""The backend of dispatching sdists: it writes the right wheel under a plain name, or no file at all."""

from __future__ import annotations

import copy
import io
import json
import os
import re
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

import pytest
from helpers.behaviors import Behavior, answer, endless
from helpers.imported_libraries import BUILD_LIBRARIES, PRINT_LIBRARIES
from helpers.made_sdists import metadata_of, write_sdist
from helpers.programs import run
from helpers.range_server import Handler, Server
from helpers.sample_release import DOCUMENT, only, patched, write_release, write_wheel
from helpers.servers import answering
from helpers.strict_reader import walk
from hypothesis import given
from hypothesis import strategies as st
from pyproject_hooks import BuildBackendHookCaller

from variant_backend import dispatch
from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats import dispatching_sdist
from variant_backend._internal.formats.simple_api import JSON_TYPE
from variant_backend._internal.machine import user_config
from variant_backend._internal.machine.user_config import KEYS
from variant_backend._internal.project import user_variables
from variant_backend._internal.selection import download
from variant_backend._internal.wheels.inspection import Inspection, inspect_installed_variants

FAST = "demo-1.0-py3-none-any-fast.whl"
SAFE = "demo-1.0-py3-none-any-safe.whl"
# Only the user knows the supported values of its namespace.
UNKNOWN = patched(
    DOCUMENT,
    {
        "providers": {"speed": {"static-properties": None, "requires": ["no-such-plugin"]}},
        "variants": {"null": None},
    },
)
SETTINGS = (user_variables.LABEL, user_variables.HARDWARE, user_variables.INDEX_URL, user_variables.NO_POLICY)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove the settings of the user who runs the tests."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Server]:
    """Another server on another port, which is another host."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with Server(folder) as result, answering(result):
        yield result


@pytest.fixture
def sdist(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that publishes a release, unpacks its dispatching sdist and enters its folder."""

    def make(document: Any = DOCUMENT, **options: Any) -> Path:
        if not list(server.folder.glob("*.whl")):
            write_release(server.folder, document, labels=document["variants"])
        root = write_sdist(tmp_path / "sdist", server.folder, document, server.url, **options)
        monkeypatch.chdir(root)
        return root

    return make


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def build(out: Path, settings: Any = None, prepared: Path | None = None) -> Path:
    name: str = dispatch.build_wheel(str(out), settings, str(prepared) if prepared else None)
    return out / name


def prepare(out: Path, settings: Any = None) -> Path:
    name: str = dispatch.prepare_metadata_for_build_wheel(str(out), settings)
    return out / name


HOOKS = pytest.mark.parametrize("hook", [build, prepare])


def fails(
    hook: Callable[..., Path], out: Path, capsys: pytest.CaptureFixture[str], settings: Any = None
) -> str:
    """Return the output of a failing hook without its prefix; the hook must leave no files behind."""
    with pytest.raises(SystemExit) as caught:
        hook(out, settings)
    assert caught.value.code == 1
    assert not out.exists() or not list(out.iterdir())
    return re.sub("^variant-backend: ", "", capsys.readouterr().err, flags=re.MULTILINE)


def error(output: str) -> str:
    """Return the only error in the output of a hook."""
    (line,) = (each for each in output.splitlines() if each.startswith("error: "))
    return line.removeprefix("error: ")


def test_the_best_wheel_is_delivered_unchanged_with_its_label_in_the_name(
    sdist: Callable[..., Path], server: Server, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sdist()
    wheel = build(out)
    assert [path.name for path in out.iterdir()] == ["demo-1.0-0_fast-py3-none-any.whl"]
    assert wheel.read_bytes() == (server.folder / FAST).read_bytes()
    assert capsys.readouterr().err == (
        f"variant-backend: demo 1.0: selected {FAST}, the best of 4 compatible wheels: speed :: mode :: fast;"
        " to select another, use -Cvariant=LABEL or set VARIANT_BACKEND_LABEL=LABEL"
        " (labels: (plain), fast, null, safe)\n"
    )
    assert len(server.requests) == 1


def test_dispatching_imports_packaging_only(sdist: Callable[..., Path], out: Path) -> None:
    sdist()
    program = f"from variant_backend import dispatch; dispatch.build_wheel({str(out)!r})\n{PRINT_LIBRARIES}"
    assert {*run(sys.executable, "-c", program).stdout.split()} <= BUILD_LIBRARIES
    assert len([*out.iterdir()]) == 1


def test_the_output_names_unsupported_namespaces(
    sdist: Callable[..., Path], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sdist(UNKNOWN)
    build(out)
    assert capsys.readouterr().err == (
        "variant-backend: demo 1.0: selected demo-1.0-py3-none-any.whl, the only compatible wheel;"
        " speed: unknown (plugins do not run in builds);"
        " to select another, use -Cvariant=LABEL or set VARIANT_BACKEND_LABEL=LABEL"
        " (labels: (plain), fast, safe)\n"
    )


def test_the_installed_wheel_is_recognized_as_a_variant(
    sdist: Callable[..., Path], out: Path, tmp_path: Path
) -> None:
    sdist()
    with ZipFile(build(out)) as archive:
        archive.extractall(tmp_path / "site")
    ((_, found),) = inspect_installed_variants([tmp_path / "site"])
    assert isinstance(found, Inspection)
    assert (found.name, found.label, found.problems) == ("demo", "fast", ())


@pytest.mark.parametrize("label", [None, "fast", "safe"])
@pytest.mark.parametrize("has_ranges", [True, False])
def test_the_prepared_metadata_is_that_of_the_wheel(
    sdist: Callable[..., Path], server: Server, out: Path, label: str | None, has_ranges: bool
) -> None:
    requires = "Requires-Dist: a; 'speed :: mode :: fast' in variant_properties\nRequires-Dist: b"
    for name in ("fast", "safe", None):
        path = server.folder / f"demo-1.0-py3-none-any{f'-{name}' if name else ''}.whl"
        write_wheel(path, only(DOCUMENT, name) if name else None, requires)
    sdist()

    def without_ranges(handler: Handler, _: bytes | None) -> bool:
        del handler.headers["Range"]
        return False

    if not has_ranges:
        server.misbehave = without_ranges
    settings = {"variant": label or "(plain)"}
    prepared = prepare(out / "prepared", settings)
    assert [bool(wanted) for _, _, wanted, _ in server.requests] == ([True] if has_ranges else [False, False])
    wheel = build(out, settings, prepared)
    members = {name.rpartition("/")[2]: content for name, content in walk(wheel).items() if ".dist" in name}
    assert {path.name: path.read_bytes() for path in prepared.iterdir()} == {
        name: members[name] for name in ("METADATA", "WHEEL", *(["variant.json"] if label else []))
    }
    assert (b"Requires-Dist: a\n" in members["METADATA"]) == (label == "fast")
    assert b"variant_properties" not in members["METADATA"]


def test_unpinned_metadata_is_read_from_the_pinned_wheel(
    sdist: Callable[..., Path], server: Server, out: Path
) -> None:
    sdist(change=lambda package: package.pop("tool"))
    assert (prepare(out) / "METADATA").read_bytes() == metadata_of(server.folder / FAST)
    assert [wanted for _, _, wanted, _ in server.requests] == [""]


@pytest.mark.parametrize(
    ("settings", "variable", "selected"),
    [
        ({"variant": "safe"}, "", "0_safe-"),
        ({"variant-label": "safe"}, "fast", "0_safe-"),
        ({"variant": "safe", "variant-label": "safe"}, "", "0_safe-"),
        ({"other": "x"}, "null", "0_null-"),
        (None, "safe", "0_safe-"),
        (None, "(plain)", ""),
        (None, "", "0_fast-"),
        (None, "other#none.such, Demo # safe, null", "0_safe-"),
        (None, "other#none.such, null", "0_null-"),
        (None, "other#none.such", "0_fast-"),
        (None, "demo#(plain)", ""),
        (None, "demo#auto", "0_fast-"),
        ({"variant": "auto"}, "demo#safe", "0_fast-"),
    ],
)
def test_the_user_can_select_a_label(
    sdist: Callable[..., Path],
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    variable: str,
    selected: str,
) -> None:
    sdist()
    monkeypatch.setenv(user_variables.LABEL, variable)
    assert build(out, settings).name == f"demo-1.0-{selected}py3-none-any.whl"


def test_support_for_a_requested_label_is_not_checked(
    sdist: Callable[..., Path], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sdist(UNKNOWN)
    assert build(out, {"variant": "safe"}).name == "demo-1.0-0_safe-py3-none-any.whl"
    assert capsys.readouterr().err == (
        f"variant-backend: demo 1.0: selected {SAFE}, the only compatible wheel with the pinned label;"
        " support was not checked; config setting 'variant' requests it;"
        " unset it to select a wheel for this machine\n"
    )


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"variant": "sage"},
            "config setting 'variant': unknown label 'sage' (did you mean 'safe'?);"
            " labels of demo 1.0: (plain), fast, null, safe",
        ),
        (
            {"variant": "\x1b[2J"},
            "config setting 'variant': unknown label '\\x1b[2J'; labels of demo 1.0: ",
        ),
        (
            {"variant": ["fast", "safe"]},
            "config settings request 2 labels: fast, safe; request only one",
        ),
        ({"variant": True}, "config setting 'variant': expected a label, got True; write -Cvariant=LABEL,"),
        ({"variant": ""}, "config setting 'variant': expected a label, got an empty string; write -C"),
        ({"variant-label": None}, "config setting 'variant-label': expected a label, got None; write -C"),
        ({"varient": "fast"}, "unknown config setting 'varient' (did you mean 'variant'?); write -Cvariant="),
    ],
)
@HOOKS
def test_invalid_config_settings_are_errors(
    sdist: Callable[..., Path],
    out: Path,
    capsys: pytest.CaptureFixture[str],
    hook: Callable[..., Path],
    settings: Any,
    problem: str,
) -> None:
    sdist()
    assert error(fails(hook, out, capsys, settings)).startswith(problem)


@pytest.mark.parametrize(
    ("variable", "problem"),
    [
        (
            "fats",
            "unknown label 'fats' (did you mean 'fast'?); labels of demo 1.0: (plain), fast, null, safe;"
            " to set a label for one project only, write NAME#LABEL",
        ),
        (
            "demo#fast,demo#safe",
            "several labels for project 'demo': 'fast', 'safe'; write one label, or NAME#LABEL for each",
        ),
        ("fast, safe", "several labels for all projects: 'fast', 'safe'; write one label, or NAME#LABEL for"),
        ("demo#", "missing label in 'demo#'; write NAME#LABEL"),
        ("other#, fast", "missing label in 'other#'; write NAME#LABEL"),
        ("#fast", "invalid project name ''; use letters"),
        ("\x1b[2J#fast", "invalid project name '\\x1b[2J'; use letters"),
    ],
)
def test_an_invalid_label_variable_is_an_error(
    sdist: Callable[..., Path],
    out: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    problem: str,
) -> None:
    sdist()
    monkeypatch.setenv(user_variables.LABEL, variable)
    assert error(fails(build, out, capsys)).startswith(f"{user_variables.LABEL}: {problem}")


def test_a_build_number_precedes_the_label(sdist: Callable[..., Path], server: Server, out: Path) -> None:
    write_wheel(server.folder / "demo-1.0-2b-py3-none-any-fast.whl", only(DOCUMENT, "fast"))
    sdist()
    assert build(out).name == "demo-1.0-2b_fast-py3-none-any.whl"
    assert walk(build(out))


def test_a_machine_file_replaces_this_machine(
    sdist: Callable[..., Path],
    out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sdist(UNKNOWN)
    hardware = tmp_path / "machine.toml"
    hardware.write_text('[speed.features]\nmode = ["safe"]\n')
    monkeypatch.setenv(user_variables.HARDWARE, str(hardware))
    assert build(out).name == "demo-1.0-0_safe-py3-none-any.whl"
    assert "; VARIANT_BACKEND_HARDWARE describes the machine; " in capsys.readouterr().err
    (out / "demo-1.0-0_safe-py3-none-any.whl").unlink()
    monkeypatch.setenv(user_variables.HARDWARE, "machine.toml")
    assert error(fails(build, out, capsys)) == (
        "VARIANT_BACKEND_HARDWARE: expected an absolute path, got 'machine.toml';"
        " write an absolute path: builds run in a temporary folder"
    )
    monkeypatch.setenv(user_variables.HARDWARE, f"{hardware}x")
    message = f"VARIANT_BACKEND_HARDWARE: {hardware}x: file not found (did you mean 'machine.toml'?)"
    assert error(fails(build, out, capsys)).startswith(message)
    monkeypatch.setenv(user_variables.HARDWARE, "cuda=12.8")
    message = "VARIANT_BACKEND_HARDWARE: expected KEY:VALUE, got 'cuda=12.8'; write cuda:12.8"
    assert error(fails(build, out, capsys)) == message


CUDA = {
    "$schema": DOCUMENT["$schema"],
    "default-priorities": {"namespace": ["nvidia"]},
    "providers": {"nvidia": {"requires": ["nvidia-variant-provider"]}},
    "variants": {
        "fast": {"nvidia": {"cuda_version_lower_bound": ["12.6"]}},
        "safe": {"nvidia": {"sm_arch": ["75_real"]}},
        "null": {},
    },
}


@pytest.mark.parametrize(
    ("machine", "label"),
    [("h100", "fast"), ("t4,cuda:12.4", "safe"), ("none", "null"), ("a=cuda:13", "fast")],
)
def test_a_preset_or_facts_replace_this_machine(
    machine: str, label: str, sdist: Callable[..., Path], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sdist(CUDA)
    (folder / "h100").write_text("the project cannot provide a machine")
    monkeypatch.setenv(user_variables.HARDWARE, machine)
    assert build(out).name == f"demo-1.0-0_{label}-py3-none-any.whl"


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (
            '[sped.features]\nmode = ["safe"]\n',
            "unknown namespace 'sped' (did you mean 'speed'?); rename it, or remove it",
        ),
        (
            '[speed.features]\nmod = ["safe"]\n',
            "unknown feature 'mod' of speed (did you mean 'mode'?); rename it, or remove it",
        ),
        ('[sped.features]\nmode = ["fast"]\n[speed.features]\nmode = ["safe"]\n', None),
        ('[speed]\nfeature-order = ["mode", "mod"]\nfeatures = { mode = ["safe"], mod = ["x"] }\n', None),
        ('[speed.features]\nmode = ["safe"]\n[nvidia.features]\n[other.features]\n', None),
    ],
)
def test_a_misspelt_name_in_a_machine_file_is_an_error(
    sdist: Callable[..., Path],
    out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    table: str,
    problem: str | None,
) -> None:
    sdist(UNKNOWN)
    machine = tmp_path / "machine.toml"
    machine.write_text(table)
    monkeypatch.setenv(user_variables.HARDWARE, str(machine))
    if problem is None:
        assert build(out).name == "demo-1.0-0_safe-py3-none-any.whl"
    else:
        assert error(fails(build, out, capsys)) == f"VARIANT_BACKEND_HARDWARE: {machine}: {problem}"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("VARIANT_BACKEND_LABLE", user_variables.LABEL),
        ("VARIANT_BACKEND_LABELS", user_variables.LABEL),
        ("VARIANT_BACKEND_INDEX", user_variables.INDEX_URL),
        ("VARIANT_BACKEND_MACHINE", user_variables.HARDWARE),
    ],
)
def test_a_misspelt_variable_is_an_error(
    sdist: Callable[..., Path],
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    near: str,
) -> None:
    sdist()
    monkeypatch.setenv("VARIANT_BACKEND_CACHE", "x")  # maybe a variable of a later version
    monkeypatch.setenv(name, "")
    assert build(out)
    (out / build(out).name).unlink()
    capsys.readouterr()
    monkeypatch.setenv(name, "x")
    assert error(fails(build, out, capsys)) == (
        f"unknown environment variable {name!r} (did you mean {near!r}?); rename it, or unset it"
    )


@HOOKS
def test_if_no_wheel_fits_reasons_and_remedies_are_printed(
    sdist: Callable[..., Path],
    server: Server,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    hook: Callable[..., Path],
) -> None:
    write_release(server.folder, UNKNOWN, labels=UNKNOWN["variants"], plain=False)
    write_wheel(server.folder / "demo-1.0-cp39-cp39-win32-fast.whl", only(UNKNOWN, "fast"))
    sdist(UNKNOWN)
    assert fails(hook, out, capsys).splitlines() == [
        "demo 1.0 has different wheels for different machines; none fits:",
        "EXCLUDED",
        "  fast  py3-none-any",
        "    speed :: mode: needs fast; supported: none",
        "  safe  py3-none-any",
        "    speed :: mode: needs safe; supported: none",
        "  1 wheel for other interpreters or platforms: cp39-cp39-win32",
        "",
        "SUPPORTED",
        "  speed: unknown (plugins do not run in builds); set VARIANT_BACKEND_HARDWARE=FILE",
        "error: no wheel of demo 1.0 fits this machine; to install one anyway, use -Cvariant=LABEL or set"
        " VARIANT_BACKEND_LABEL=LABEL (labels: fast, safe); to describe the machine, set"
        " VARIANT_BACKEND_HARDWARE to facts such as cuda:12.8, a preset, or the path of a machine file",
    ]


@pytest.mark.parametrize("settings", [None, {"variant": "fast"}])
def test_a_wheel_for_another_platform_never_fits(
    sdist: Callable[..., Path],
    server: Server,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    settings: dict[str, str] | None,
) -> None:
    write_wheel(server.folder / "demo-1.0-cp39-cp39-win32-fast.whl", only(DOCUMENT, "fast"))
    sdist()
    what = " with label 'fast'" if settings else ""
    place = "config setting 'variant': " if settings else ""
    output = fails(build, out, capsys, settings)
    assert error(output) == (
        f"{place}no wheel of demo 1.0{what} fits this Python and platform;"
        " use a Python version and platform that the list above names"
    )
    assert "1 wheel for other interpreters or platforms: cp39-cp39-win32" in output


def test_requires_python_is_respected(
    sdist: Callable[..., Path], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sdist(change=lambda package: package.update({"requires-python": "<3.9"}))
    assert "    Requires-Python: <3.9 excludes Python " in fails(build, out, capsys)


def test_plugins_never_run_even_if_the_user_trusts_them(
    sdist: Callable[..., Path],
    out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "variant-backend").mkdir()
    (tmp_path / "variant-backend" / "config.toml").write_text('trust-plugins = ["no-such-plugin"]\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    sdist(UNKNOWN)
    assert build(out).name == "demo-1.0-py3-none-any.whl"
    assert "no-such-plugin" not in capsys.readouterr().err


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the user's configuration file, which does not exist yet."""
    path = tmp_path / "config.toml"
    monkeypatch.setattr(user_config, "config_path", lambda: path)
    return path


@pytest.mark.parametrize(
    ("rules", "selected"),
    [
        ("prefer = ['speed :: mode :: safe']", "0_safe-"),
        ("exclude = ['speed :: mode :: fast']", "0_safe-"),
        ("limit = ['speed :: mode :: safe']", "0_safe-"),
        ("exclude = ['speed']", "0_null-"),
        ("null-only = true", "0_null-"),
        ("plain = ['demo']", ""),
    ],
)
def test_the_policy_of_the_user_decides_which_wheel_is_delivered(
    sdist: Callable[..., Path],
    out: Path,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rules: str,
    selected: str,
) -> None:
    root = sdist()
    config.write_text(f"[policy]\n{rules}\n")
    # The folder of the sdist belongs to its maker.
    with (root / "pyproject.toml").open("a") as file:
        file.write("\n[tool.variant-backend.policy]\nexclude = ['speed']\n")
    assert build(out).name == f"demo-1.0-{selected}py3-none-any.whl"
    key = rules.partition(" ")[0]
    assert f"; policy: {key} " in capsys.readouterr().err
    assert build(out, {"variant": "fast"}).name == "demo-1.0-0_fast-py3-none-any.whl"
    assert "policy: " not in capsys.readouterr().err
    monkeypatch.setenv(user_variables.NO_POLICY, "1")
    assert build(out).name == "demo-1.0-0_fast-py3-none-any.whl"


def test_an_invalid_policy_ends_the_build_with_a_remedy(
    sdist: Callable[..., Path],
    out: Path,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sdist()
    config.write_text("detetc = false\n")
    assert error(fails(build, out, capsys)) == (
        f"{config}: detetc: unknown key 'detetc' (did you mean 'detect'?); known keys: {', '.join(KEYS)};"
        " correct the file; --no-policy or VARIANT_BACKEND_NO_POLICY=1 ignores all configuration files"
    )
    monkeypatch.setenv(user_variables.NO_POLICY, "1")
    assert build(out).name == "demo-1.0-0_fast-py3-none-any.whl"


def test_a_configured_machine_replaces_this_machine_in_builds(
    sdist: Callable[..., Path],
    out: Path,
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sdist(UNKNOWN)
    for name, mode in (("one", "fast"), ("two", "safe")):
        text = f'version = 1\n[machine.speed.features]\nmode = ["{mode}"]\n'
        (tmp_path / f"{name}.toml").write_text(text)
    config.write_text("machine = './one.toml'\n")
    assert build(out).name == "demo-1.0-0_fast-py3-none-any.whl"
    assert f"policy: machine {tmp_path / 'one.toml'} ({config})" in capsys.readouterr().err
    monkeypatch.setenv(user_variables.HARDWARE, str(tmp_path / "two.toml"))
    assert build(out).name == "demo-1.0-0_safe-py3-none-any.whl"
    monkeypatch.delenv(user_variables.HARDWARE)
    (tmp_path / "one.toml").unlink()
    assert error(fails(build, tmp_path / "other", capsys)).startswith(f"{config}: machine: {tmp_path}")


@HOOKS
def test_keyring_is_never_asked_even_if_the_user_allows_it(
    sdist: Callable[..., Path],
    server: Server,
    other: Server,
    out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    hook: Callable[..., Path],
) -> None:
    (tmp_path / "variant-backend").mkdir()
    (tmp_path / "variant-backend" / "config.toml").write_text("keyring-provider = 'subprocess'\n")
    (tmp_path / "keyring").write_text(f"#!/bin/sh\ntouch {tmp_path / 'was-run'}\n")
    (tmp_path / "keyring").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for tool in ("PIP", "UV", "VARIANT_BACKEND"):
        monkeypatch.setenv(f"{tool}_KEYRING_PROVIDER", "subprocess")
    sdist()
    index = mirror(other, server)
    other.misbehave = answer(401)
    monkeypatch.setenv(user_variables.INDEX_URL, index.replace("://", "://user@"))
    assert "access denied: 401 Unauthorized" in error(fails(hook, out, capsys))
    assert not (tmp_path / "was-run").exists()


def truncated(handler: Handler, data: bytes | None) -> bool:
    """Send half of the requested bytes, and offer no way to resume."""
    if data is None and "Range" in handler.headers:
        return False
    content = data or (handler.server.folder / FAST).read_bytes()
    size = len(content)
    headers = {"Content-Range": f"bytes 0-{size - 1}/{size}"} if data else {}
    handler.send(206 if data else 200, content[: size // 2], headers, length=size)
    handler.close_connection = True
    return True


def other_size(handler: Handler, data: bytes | None) -> bool:
    """Send a file that is larger by a byte."""
    content = (handler.server.folder / FAST).read_bytes()
    size = len(content)
    if "Range" not in handler.headers:
        return answer(200, content + b"x")(handler, data)
    return answer(206, content, Content_Range=f"bytes 0-{size - 1}/{size + 1}")(handler, data)


def swapped(handler: Handler, data: bytes | None) -> bool:
    """Change a byte of METADATA."""
    content = (handler.server.folder / FAST).read_bytes().replace(b"Summary: a", b"Summary: b")
    size = len(content)
    if "Range" not in handler.headers:
        return answer(200, content)(handler, data)
    return answer(206, content, Content_Range=f"bytes 0-{size - 1}/{size}")(handler, data)


# The behavior of a server, and the error of both hooks, or of each hook.
MISBEHAVIOR: dict[str, tuple[Behavior, str | tuple[str, str]]] = {
    "missing": (answer(404), "not found"),
    "down": (answer(500), "the server answers 500 Internal Server Error"),
    "denied": (answer(403), "access denied: 403 Forbidden; add the credentials to the URL or to"),
    "truncated": (
        truncated,
        (r"truncated answer: expected \d+ bytes, got \d+; try again later", r"truncated answer: expected"),
    ),
    "larger": (other_size, r"expected \d+ bytes, got \d+"),
    "endless": (endless, r"too large: more than \d+ bytes"),
    "changed": (
        swapped,
        (
            "expected sha256 [0-9a-f]{64}, got",
            "(METADATA: expected the sha256 [0-9a-f]{64}, got|.*crc|.*CRC)",
        ),
    ),
    "elsewhere": (
        answer(302, Location="http://localhost:1/x"),
        r"redirected from 127.0.0.1:\d+ to localhost:1, another host; allowed hosts: 127.0.0.1:\d+",
    ),
    "unencrypted": (
        answer(302, Location="http://example.org/x"),
        "redirected from this machine to http://example.org/x, which is not encrypted",
    ),
    "local": (answer(302, Location="file:///x"), "redirected to file:///x, which is not HTTP"),
}


@pytest.mark.parametrize("name", MISBEHAVIOR)
@HOOKS
def test_a_misbehaving_server_is_an_error_and_leaves_no_files(
    sdist: Callable[..., Path],
    server: Server,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    hook: Callable[..., Path],
) -> None:
    sdist()
    server.misbehave, problems = MISBEHAVIOR[name]
    problem = problems if isinstance(problems, str) else problems[hook is prepare]
    assert re.match(f"{re.escape(server.url + FAST)}: {problem}", error(fails(hook, out, capsys)))


@HOOKS
def test_an_unreachable_server_is_an_error(
    sdist: Callable[..., Path], out: Path, capsys: pytest.CaptureFixture[str], hook: Callable[..., Path]
) -> None:
    def moved(package: dict[str, Any]) -> None:
        for wheel in package["wheels"]:
            wheel["url"] = "http://127.0.0.1:9/x.whl"

    sdist(change=moved)
    problem = error(fails(hook, out, capsys))
    assert problem.startswith("http://127.0.0.1:9/x.whl: cannot connect to the server: ")


def test_a_broken_transfer_is_resumed(sdist: Callable[..., Path], server: Server, out: Path) -> None:
    sdist()
    content = (server.folder / FAST).read_bytes()

    def breaking(handler: Handler, data: bytes | None) -> bool:
        if data is not None or server.requests:
            return False
        return answer(200, content[:500], length=len(content), ETag='"1"')(handler, data)

    server.misbehave = breaking
    assert build(out).read_bytes() == content
    assert [(wanted, count) for _, _, wanted, count in server.requests] == [
        ("", 500),
        ("bytes=500-", len(content) - 500),
    ]


@HOOKS
@pytest.mark.parametrize("failure", [answer(503), answer(429, Retry_After="0")])
def test_a_server_that_fails_once_does_not_end_a_build(
    sdist: Callable[..., Path], server: Server, out: Path, hook: Callable[..., Path], failure: Behavior
) -> None:
    sdist()
    server.misbehave = lambda handler, data: not server.requests and failure(handler, data)
    assert hook(out).exists()
    assert len(server.requests) > 1


@HOOKS
def test_hosts_in_the_lock_file_may_send_the_wheel(
    sdist: Callable[..., Path], server: Server, other: Server, out: Path, hook: Callable[..., Path]
) -> None:
    sdist(hosts=[f"127.0.0.1:{other.server_port}"])
    (other.folder / "x").write_bytes((server.folder / FAST).read_bytes())
    server.misbehave = answer(302, Location=f"{other.url}x")
    assert hook(out).exists()


def test_a_full_disk_leaves_no_files_behind(
    sdist: Callable[..., Path],
    out: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sdist()

    def fail(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(download, "write_all", fail)
    assert error(fails(build, out, capsys)).endswith(f"cannot write {FAST}: {os.strerror(28)}")


@HOOKS
def test_a_mirror_can_send_the_pinned_wheel(
    sdist: Callable[..., Path],
    server: Server,
    other: Server,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    hook: Callable[..., Path],
) -> None:
    sdist()
    index = mirror(other, server)
    monkeypatch.setenv(user_variables.INDEX_URL, index.replace("://", "://user:secret@"))
    assert hook(out).exists()
    output = capsys.readouterr().err
    assert "; VARIANT_BACKEND_INDEX_URL is its source; " in output
    assert "secret" not in output
    assert server.requests == []
    assert [path for _, path, _, _ in other.requests] == ["/simple/demo/", f"/files/{FAST}"]


def mirror(other: Server, server: Server) -> str:
    """Copy the fast wheel to another server, behind an index page with a wrong hash."""
    (other.folder / "files").mkdir()
    (other.folder / "files" / FAST).write_bytes((server.folder / FAST).read_bytes())
    entry = {"filename": FAST, "url": f"/files/{FAST}", "hashes": {"sha256": "0" * 64}, "size": 1}
    page = {"meta": {"api-version": "1.1"}, "name": "demo", "files": [entry]}

    def behave(handler: Handler, data: bytes | None) -> bool:
        if handler.path != "/simple/demo/":
            return False
        return answer(200, json.dumps(page).encode(), Content_Type=JSON_TYPE)(handler, data)

    other.misbehave = behave
    return f"{other.url}simple/"


@HOOKS
def test_a_mirror_without_the_pinned_wheel_is_an_error(
    sdist: Callable[..., Path],
    server: Server,
    other: Server,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    hook: Callable[..., Path],
) -> None:
    sdist()
    index = mirror(other, server)
    monkeypatch.setenv(user_variables.INDEX_URL, index)
    assert error(fails(hook, out, capsys, {"variant": "safe"})) == (
        f"VARIANT_BACKEND_INDEX_URL: {index} has no {SAFE};"
        " add the wheel to that index, request a label that it has, or unset the variable"
    )
    content = (server.folder / FAST).read_bytes()
    (other.folder / "files" / FAST).write_bytes(content[:-1])
    assert error(fails(hook, out, capsys)).startswith(f"{other.url}files/{FAST}: ")
    other.misbehave = answer(404)
    assert error(fails(hook, out, capsys)) == f"VARIANT_BACKEND_INDEX_URL: {index}demo/: not found"
    other.misbehave = answer(302, Location=f"{server.url}simple/demo/")
    assert "another host" in error(fails(hook, out, capsys))
    monkeypatch.setenv(user_variables.INDEX_URL, "http://user:secret@example.org/simple/")
    assert error(fails(hook, out, capsys)) == (
        "VARIANT_BACKEND_INDEX_URL: 'http://example.org/simple/' is neither https nor http on this machine"
    )


def renamed(name: str) -> Callable[[dict[str, Any]], object]:
    def change(package: dict[str, Any]) -> None:
        package["wheels"][0]["name"] = name

    return change


def wheel_with(**facts: Any) -> Callable[[dict[str, Any]], object]:
    """Return a function that changes the first wheel of a lock file; None removes a key."""

    def change(package: dict[str, Any]) -> None:
        package["wheels"][0] = {
            key: value for key, value in {**package["wheels"][0], **facts}.items() if value is not None
        }

    return change


INVALID: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "path": (renamed("demo-1.0-py3-none-../../x-fast.whl"), "Invalid wheel filename"),
    # Newer versions of packaging refuse the name first.
    "path of Windows": (renamed("demo-1.0-py3-none-C:\\x-fast.whl"), "demo-1.0-py3-none-C:\\\\x-fast.whl"),
    "project": (renamed("other-1.0-py3-none-any-fast.whl"), "'other-1.0-py3-none-any.whl' is not consistent"),
    "version": (renamed("demo-1.1-py3-none-any-fast.whl"), "'demo-1.1-py3-none-any.whl' is not consistent"),
    "package": (
        lambda package: package.update(version="2.0", wheels=[_named(each) for each in package["wheels"]]),
        "expected demo 1.0 as in PKG-INFO, got demo 2.0",
    ),
    "label": (renamed("demo-1.0-py3-none-any-new.whl"), "the lock file does not define its label"),
    "twice": (renamed("Demo-1.0-py3-none-any-safe.whl"), "duplicate wheel 'demo-1.0-py3-none-any-safe.whl'"),
    "open": (wheel_with(url="http://example.org/x"), "is neither https nor http on this machine"),
    "share": (wheel_with(url="file://server/x.whl"), "does not name a local file"),
    "share of four slashes": (wheel_with(url="file:////server/x.whl"), "does not name a local file"),
    "quoted share": (wheel_with(url="file:///%5C%5Cserver/x.whl"), "does not name a local file"),
    "inside": (wheel_with(url=None, path="x.whl"), "a file has a path; expected URLs only"),
    "secret": (wheel_with(url="https://u:p@example.org/x"), "its URL has a user or password"),
    "no URL": (wheel_with(url="https://[/"), "is neither https nor http on this machine"),
    "weak": (wheel_with(hashes={"md5": "0"}), "missing or invalid sha256"),
    "no size": (wheel_with(size=None), "missing or invalid size"),
    "negative": (wheel_with(size=-1), "missing or invalid size"),
    "host": (
        lambda package: package["tool"]["variant-backend"].update(hosts=["a.org:99999"]),
        "invalid host 'a.org:",
    ),
    "variants": (lambda package: package["variants-json"].pop("variants"), "variants"),
}


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the container and the key of every value in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


VALUES = st.sampled_from(
    [0, -1, True, 1.5, "", "a", "\x00\x1b", "../x", "https://[", "http://a:99999/", "1.0+x", "é", [], {}]
) | st.text(max_size=5)


@given(choice=st.data())
def test_a_mutated_lock_file_is_valid_or_an_error(choice: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        wheels = write_release(Path(folder) / "wheels", DOCUMENT)

        def change(package: dict[str, Any]) -> None:
            for _ in range(choice.draw(st.integers(1, 2))):
                inside, key = choice.draw(st.sampled_from([*_places(package)]))
                inside[key] = choice.draw(VALUES)

        root = write_sdist(Path(folder) / "sdist", wheels, copy.deepcopy(DOCUMENT), "https://a.org/", change)
        try:
            locked = dispatching_sdist.load_pinned(root)
        except VariantError as error:
            assert all("pylock.toml" in line for line in error.lines())
        else:
            for wheel in locked.release.candidates:
                assert str(wheel.file.url).startswith(("https://", "http://127.0.0.1"))
                assert re.fullmatch("[0-9a-f]{64}", wheel.file.hashes["sha256"])
                assert "/" not in wheel.file.filename
                assert (wheel.file.size or 0) > 0


def _named(wheel: dict[str, Any]) -> dict[str, Any]:
    return {**wheel, "name": wheel["name"].replace("-1.0-", "-2.0-")}


@pytest.mark.parametrize("name", INVALID)
@HOOKS
def test_an_invalid_sdist_is_refused_without_requests(
    sdist: Callable[..., Path],
    server: Server,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    hook: Callable[..., Path],
) -> None:
    change, problem = INVALID[name]
    sdist(copy.deepcopy(DOCUMENT), change=change)
    output = fails(hook, out, capsys)
    assert problem in output
    assert "\x1b" not in output
    assert server.requests == []


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("pylock.toml", None, "pylock.toml: file not found"),
        ("PKG-INFO", None, "PKG-INFO: No such file or directory"),
        ("pylock.toml", "a", "pylock.toml: invalid TOML: "),
        (
            "pylock.toml",
            'lock-version = "1.0"\ncreated-by = ""\npackages = []',
            "pylock.toml: expected one package, got 0",
        ),
        ("PKG-INFO", "Metadata-Version: 2.2\nName: demo\nVersion: x\n", "PKG-INFO: Invalid version: 'x'"),
        ("PKG-INFO", "Metadata-Version: 2.2\nName: demo\n", "PKG-INFO: field Version is missing"),
    ],
)
def test_a_broken_sdist_is_an_error(
    sdist: Callable[..., Path],
    out: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: str | None,
    problem: str,
) -> None:
    path = sdist() / name
    path.unlink()
    if content is not None:
        path.write_text(content)
    assert error(fails(build, out, capsys)).startswith(problem)


@HOOKS
def test_a_wheel_with_other_properties_is_refused(
    sdist: Callable[..., Path],
    server: Server,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    hook: Callable[..., Path],
) -> None:
    write_release(server.folder, DOCUMENT)
    lying = patched(only(DOCUMENT, "fast"), {"variants": {"fast": {"speed": {"mode": ["safe"]}}}})
    write_wheel(server.folder / FAST, lying)
    sdist()
    assert "its variant.json differ from those in the index file" in error(fails(hook, out, capsys))


@HOOKS
def test_a_wheel_of_another_project_is_refused(
    sdist: Callable[..., Path],
    server: Server,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    hook: Callable[..., Path],
) -> None:
    write_release(server.folder, DOCUMENT)
    write_wheel(server.folder / "other-1.0-py3-none-any-fast.whl", only(DOCUMENT, "fast"))
    (server.folder / "other-1.0-py3-none-any-fast.whl").replace(server.folder / FAST)
    sdist()
    problem = error(fails(hook, out, capsys))
    assert "directory other-1.0.dist-info does not match demo-1.0 in the filename" in problem


@HOOKS
def test_progress_on_a_terminal_ends_before_errors(
    sdist: Callable[..., Path],
    server: Server,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    hook: Callable[..., Path],
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    write_wheel(
        server.folder / FAST,
        only(DOCUMENT, "fast"),
        members=lambda contents: contents.update({"demo/data": b"x" * 3_000_000}),
    )
    sdist(change=lambda package: package.pop("tool"))  # forces a full download for METADATA
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    hook(out)
    shown = terminal.getvalue().split("\n")
    assert shown[1] == "".join(f"\r{f'variant-backend: {number} of 2 MiB':79}\r" for number in (0, 1, 2))
    assert shown[2:] == [""]
    server.misbehave = truncated
    with pytest.raises(SystemExit):
        hook(out)
    assert re.search(r"MiB *\r\nvariant-backend: error: ", terminal.getvalue())


def test_a_wheel_with_other_metadata_than_prepared_is_refused(
    sdist: Callable[..., Path], out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sdist()
    prepared = prepare(tmp_path / "prepared")
    (prepared / "METADATA").write_text("Name: demo")

    def again(out: Path, settings: Any) -> Path:
        return build(out, settings, prepared)

    expected = "demo-1.0-0_fast-py3-none-any.whl: METADATA differs from the prepared METADATA; use the same "
    assert error(fails(again, out, capsys)).startswith(expected)
    (out / expected.partition(":")[0]).write_text("from before")
    with pytest.raises(SystemExit):
        again(out, None)
    assert [path.read_text() for path in out.iterdir()] == ["from before"]


def test_building_an_sdist_writes_the_same_sdist(
    sdist: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    root = sdist()
    (root / "README.md").write_text("text")
    (root / "build.log").write_text("text")
    assert dispatch.build_sdist(str(tmp_path / "one")) == "demo-1.0.tar.gz"
    one = tmp_path / "one" / "demo-1.0.tar.gz"
    with tarfile.open(one) as archive:
        assert archive.getnames() == [
            f"demo-1.0/{name}" for name in ("PKG-INFO", "README.md", "pylock.toml", "pyproject.toml")
        ]
        if sys.version_info >= (3, 12):
            archive.extractall(tmp_path, filter="data")
        else:
            archive.extractall(tmp_path)
    monkeypatch.chdir(tmp_path / "demo-1.0")
    dispatch.build_sdist(str(tmp_path / "two"))
    assert one.read_bytes() == (tmp_path / "two" / "demo-1.0.tar.gz").read_bytes()


def test_an_editable_build_is_refused(
    sdist: Callable[..., Path], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sdist()
    assert error(fails(lambda out, _: Path(dispatch.build_editable(str(out))), out, capsys)).startswith(
        "this sdist has no source code, only the URLs of wheels, so it has no editable install; install it "
    )


def test_frontends_find_the_hooks_and_install_nothing_for_them(sdist: Callable[..., Path], out: Path) -> None:
    caller = BuildBackendHookCaller(str(sdist()), "variant_backend.dispatch", runner=_quiet)
    assert caller.get_requires_for_build_wheel() == []
    assert caller.get_requires_for_build_sdist() == []
    assert caller.get_requires_for_build_editable() == []
    out.mkdir()
    name = caller.prepare_metadata_for_build_wheel(str(out), {"variant": "safe"})
    assert caller.build_wheel(str(out), {"variant": "safe"}, str(out / name)) == (
        "demo-1.0-0_safe-py3-none-any.whl"
    )


def _quiet(
    cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
) -> None:
    environment: dict[str, Any] = {**(extra_environ or {})}
    run(*cmd, cwd=Path(cwd) if cwd else None, **environment)


def test_the_backend_imports_neither_the_command_line_nor_builders(
    sdist: Callable[..., Path], out: Path
) -> None:
    root = sdist()
    script = (
        "import sys; from variant_backend import dispatch; dispatch.build_wheel(sys.argv[1]);"
        "print(*sorted({each.partition('.')[0] for each in sys.modules}))"
    )
    loaded = run(sys.executable, "-c", script, out, cwd=root).stdout.split()
    assert "variant_backend" in loaded
    assert not {"click", "build", "tomlkit", "fsspec", "asyncio"} & {*loaded}
