"""`variant-backend build`: the matrix of a tiny project, and of a compiled project in isolation."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import SCRIPTS, read_terminal, run, start
from helpers.sample_projects import new_project
from helpers.strict_reader import walk

from variant_backend._internal.building._build_one import UnpackError, check_members, unpack
from variant_backend._internal.building.matrix import Matrix, _log_name
from variant_backend._internal.errors import VariantError
from variant_backend._internal.project.user_variables import LABEL

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals and terminals")

PYPROJECT = """
[build-system]
requires = ["variant-backend-core"]
build-backend = "outer"
backend-path = ["backend"]

[tool.variant-backend]
build-backend = "wrapped"
backend-path = ["backend"]

[variant]
default-priorities.namespace = ["greeting"]
providers.greeting.static-properties.tone = ["warm", "cold"]
variants.warm = { greeting = { tone = ["warm"] } }
variants.cold = { greeting = { tone = ["cold"] } }
"""

# The project's backend: it calls the hooks, and misbehaves if environment variables request that.
OUTER = """
import os, subprocess, sys, tarfile, time
from pathlib import Path
from variant_backend import hooks

def asked(variable, label):
    return label in os.environ.get(variable, "").split()

def build_sdist(folder, settings=None):
    print("packing")
    if asked("FAILING", "sdist"):
        sys.exit("there is no sdist today")
    with tarfile.open(Path(folder, "demo-1.0.tar.gz"), "w:gz") as archive:
        for name in ("pyproject.toml", "backend", "ready"):
            archive.add(name, f"demo-1.0/{name}")
    return "demo-1.0.tar.gz"

def build_wheel(folder, settings=None, metadata=None):
    label = (settings or {}).get("variant", "plain")
    Path("build").mkdir()  # fails in a source tree of an earlier build
    print(f"{label} on stdout")
    print(f"{label} on stderr", file=sys.stderr)
    subprocess.run([sys.executable, "-c", f"print('{label} in a child')"])
    if asked("FAILING", label):
        sys.exit("\\x1b[31mthe compiler gave up\\x1b[0m")
    if asked("MEETING", label):
        Path(os.environ["FOLDER"], label).touch()
        while len(os.listdir(os.environ["FOLDER"])) < 2:
            time.sleep(0.05)
    if asked("HANGING", label):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        note = Path(os.environ["FOLDER"], f"{label}.part")
        note.write_text(f"{os.getpid()} {child.pid}")
        note.rename(note.with_suffix(".pids"))
        child.wait()
    return hooks.build_wheel(folder, settings)
"""
WRAPPED = """
import shutil
from pathlib import Path

def build_wheel(folder, settings=None, metadata=None):
    (wheel,) = Path("ready").iterdir()
    return Path(shutil.copy(wheel, folder)).name
"""

SDIST = "demo-1.0.tar.gz"
WHEELS = {None: "demo-1.0-py3-none-any.whl"} | {
    label: f"demo-1.0-py3-none-any-{label}.whl" for label in ("warm", "cold", "null")
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a backend in its own tree, and a private folder for temporary files."""
    return write_project(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Such a project with its whole matrix, built in parallel, and the output of the build."""
    with pytest.MonkeyPatch.context() as patch:
        project = write_project(tmp_path_factory.mktemp("built"), patch)
        return project, build(project, "-j3")


def write_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    make_wheel(root / "ready")
    (root / "backend").mkdir()
    (root / "backend/outer.py").write_text(OUTER, encoding="utf-8")
    (root / "backend/wrapped.py").write_text(WRAPPED, encoding="utf-8")
    (root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    for variable in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(variable, str(temporary))
    return root


def edit(project: Path, old: str, new: str) -> None:
    path = project / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def build(
    project: Path, *arguments: object, ok: bool = True, code: int = 1, **env: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command in the project's folder, without isolation; check that no temporary file remains."""
    command = ["variant-backend", "build", "--no-isolation", *arguments]
    result = run(*command, cwd=project, ok=False, **env)
    assert result.returncode == (0 if ok else code), result.stdout + result.stderr
    assert not list(Path(os.environ["TMPDIR"]).iterdir())
    assert not list(project.rglob(".variant-backend-*"))
    return result


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def rows(table: str) -> list[tuple[str, str, str]]:
    """Return name, result and location of each row; check that each has a duration."""
    found = [
        re.fullmatch(r"(\S+) +(built|failed|given) +\d+\.\d s  (.+)", line) for line in table.splitlines()
    ]
    return [(row[1], row[2], row[3].replace("\\", "/")) for row in found if row]


@pytest.mark.slow  # it builds the whole matrix
def test_all_labels_in_order_and_the_plain_release_are_built(
    built: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    project, result = built
    assert rows(result.stdout) == [
        ("sdist", "built", f"dist/{SDIST}"),
        ("warm", "built", f"dist/{WHEELS['warm']}"),
        ("cold", "built", f"dist/{WHEELS['cold']}"),
        ("plain", "built", f"dist/{WHEELS[None]}"),
    ]
    assert len(result.stdout.splitlines()) == 4 and result.stderr == ""
    dist = project / "dist"
    assert contents(dist) == sorted([".logs", SDIST, WHEELS["warm"], WHEELS["cold"], WHEELS[None]])
    assert contents(dist / ".logs") == ["cold.log", "plain.log", "sdist.log", "warm.log"]
    document = walk(dist / WHEELS["warm"])["demo-1.0.dist-info/variant.json"]
    assert list(json.loads(document)["variants"]) == ["warm"]
    assert "demo-1.0.dist-info/variant.json" not in walk(dist / WHEELS[None])


@pytest.mark.slow  # it builds the whole matrix
def test_null_is_built_if_it_has_a_recipe(
    project: Path,
) -> None:
    toml = project / "pyproject.toml"
    recipes = '[tool.variant-backend.variants]\nwarm.dependencies = ["hot"]\nnull.dependencies = ["mild"]\n'
    toml.write_text(toml.read_text(encoding="utf-8") + recipes, encoding="utf-8")
    result = build(project)
    assert [name for name, _, _ in rows(result.stdout)] == ["sdist", "warm", "cold", "null", "plain"]
    required = [b"hot", None, b"mild", None]
    for label, name in zip(["warm", "cold", "null", None], required, strict=True):
        metadata = walk(project / "dist" / WHEELS[label])["demo-1.0.dist-info/METADATA"]
        assert re.findall(rb"Requires-Dist: (.*)", metadata) == ([name] if name else [])


@pytest.mark.slow  # it builds the whole matrix
def test_only_named_builds_run_and_only_plain_keeps_the_sdist(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LABEL, "demo#warm")  # only for other builds
    edit(project, "[variant]", '[project]\nname = "demo"\n[variant]')
    result = build(project, "--label", "null", "--label", "cold", "--label", "null", "-o", "some")
    assert [name for name, _, _ in rows(result.stdout)] == ["null", "cold"]
    assert contents(project / "some") == sorted([".logs", WHEELS["null"], WHEELS["cold"]])
    build(project, "--plain", "-o", "plain")
    assert contents(project / "plain") == sorted([".logs", SDIST, WHEELS[None]])


def test_wheels_go_to_dist_of_the_project_from_any_folder(project: Path, tmp_path: Path) -> None:
    result = run("variant-backend", "build", "--no-isolation", "--label=warm", "project", cwd=tmp_path)
    assert rows(result.stdout) == [("warm", "built", f"project/dist/{WHEELS['warm']}")]
    assert WHEELS["warm"] in contents(project / "dist")


def test_an_unknown_label_is_an_error_before_any_build(project: Path) -> None:
    result = build(project, "--label=warm", "--label=cald", ok=False, code=2)
    assert result.stderr == (
        "error: unknown label 'cald' (did you mean 'cold'?); known labels: cold, null, warm\n"
    )
    assert not (project / "dist").exists()


def test_the_label_plain_is_an_error_that_names_the_option(project: Path) -> None:
    result = build(project, "--label=plain", ok=False, code=2)
    assert result.stderr == "error: unknown label 'plain'; use --plain to build the plain release\n"


def test_a_file_is_not_a_project(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.touch()
    with pytest.raises(VariantError) as raised:
        Matrix.load(file)
    assert str(raised.value) == (
        f"{file}: expected a folder or an sdist NAME-VERSION.tar.gz, got another file;"
        " give the project's folder, its pyproject.toml or its sdist"
    )


def test_a_project_without_a_variant_table_has_only_a_plain_release(project: Path) -> None:
    edit(project, PYPROJECT[PYPROJECT.index("[variant]") :], "")
    result = build(project, ok=False)
    assert result.stderr.startswith("error: pyproject.toml: missing table [variant]")
    assert not (project / "dist").exists()
    build(project, "--plain")
    assert contents(project / "dist") == sorted([".logs", SDIST, WHEELS[None]])


def test_a_project_without_the_hooks_is_an_error_that_names_them(project: Path) -> None:
    edit(project, 'build-backend = "outer"\nbackend-path = ["backend"]', 'build-backend = "hatchling.build"')
    result = build(project, ok=False)
    assert result.stderr == (
        "error: pyproject.toml: build-system.build-backend: expected 'variant_backend.hooks',"
        " got 'hatchling.build'; write build-backend = \"variant_backend.hooks\"\n"
    )
    assert not (project / "dist").exists()


@pytest.mark.parametrize(
    ("backend", "known"),
    [
        ("variant_backend.hooks", True),
        ("tools.vendored.variant_backend.hooks", True),
        ("my_variant_backend.hooks", False),
    ],
)
def test_vendored_hooks_are_recognized(project: Path, backend: str, known: bool) -> None:
    edit(project, 'build-backend = "outer"\nbackend-path = ["backend"]', f'build-backend = "{backend}"')
    if known:
        assert Matrix.load(project).labels == ("warm", "cold")
    else:
        with pytest.raises(VariantError, match=r"expected 'variant_backend\.hooks', got "):
            Matrix.load(project)
    assert Matrix.load(project, plain=True).labels == ()


@pytest.mark.slow  # it builds the whole matrix
def test_a_variant_that_can_never_be_selected_is_a_warning(project: Path) -> None:
    edit(project, '{ tone = ["cold"] }', '{ tone = ["colder"] }')
    result = build(project, "--label=cold")
    assert result.stderr.startswith("warning: variant 'cold' can never be selected")
    assert len(result.stderr.splitlines()) == 1
    assert build(project, "--label=warm").stderr == ""


def test_an_unknown_value_of_a_known_namespace_is_a_warning(project: Path) -> None:
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    table = (
        '[variant]\ndefault-priorities.namespace = ["x86_64"]\n'
        'providers.x86_64.requires = ["x86-64-variant-provider>=0.2,<0.3"]\n'
        'variants.new.x86_64.level = ["v9"]\n'
    )
    head = text[: text.index("[variant")]
    (project / "pyproject.toml").write_text(f"{head}\n{table}", encoding="utf-8")
    (remark,) = Matrix.load(project).remarks
    assert remark.startswith("property 'x86_64 :: level :: v9': unknown value 'v9'")


@pytest.mark.slow  # it builds the whole matrix
def test_a_wheel_without_the_requested_label_is_a_failure(
    project: Path,
) -> None:
    edit(project, 'build-backend = "outer"', 'build-backend = "deaf"')
    deaf = OUTER.replace("hooks.build_wheel(folder, settings)", "hooks.build_wheel(folder, None)")
    (project / "backend/deaf.py").write_text(deaf, encoding="utf-8")
    result = build(project, ok=False)
    ((_, warm, error), _, (name, plain, _)) = rows(result.stdout)[1:]
    assert (warm, name, plain) == ("failed", "plain", "built")
    assert error == (
        f"dist/.logs/warm.log: {WHEELS[None]}: expected label 'warm', got none;"
        " set build-system.build-backend to 'variant_backend.hooks'"
    )
    assert contents(project / "dist") == sorted([".logs", SDIST, WHEELS[None]])


@pytest.mark.slow  # it builds the whole matrix
def test_a_wheel_with_another_label_is_a_failure(project: Path) -> None:
    edit(project, 'build-backend = "outer"', 'build-backend = "stubborn"')
    stubborn = OUTER.replace("(folder, settings)", "(folder, {'variant': 'cold'})")
    (project / "backend/stubborn.py").write_text(stubborn, encoding="utf-8")
    result = build(project, ok=False)
    errors = [place for _, result, place in rows(result.stdout) if result == "failed"]
    assert errors == [
        f"dist/.logs/{log}.log: {WHEELS['cold']}: expected {expected}, got 'cold'"
        for log, expected in (("warm", "label 'warm'"), ("plain", "no label"))
    ]


@pytest.mark.slow  # it builds the whole matrix
@pytest.mark.parametrize("jobs", [1, 3])
def test_a_failed_label_has_log_and_reason_and_others_are_kept(project: Path, jobs: int) -> None:
    result = build(project, "--jobs", jobs, ok=False, FAILING="warm")
    assert [row[:2] for row in rows(result.stdout)] == [
        ("sdist", "built"),
        ("warm", "failed"),
        ("cold", "built"),
        ("plain", "built"),
    ]
    assert rows(result.stdout)[1][2] == "dist/.logs/warm.log: the compiler gave up"
    assert result.stderr == "error: not built: warm\n"
    assert contents(project / "dist") == sorted([".logs", SDIST, WHEELS["cold"], WHEELS[None]])


def test_the_source_tree_is_clean_while_the_sdist_is_built(project: Path) -> None:
    with (project / "backend/outer.py").open("a", encoding="utf-8") as backend:
        backend.write("import os\nprint('here are', sorted(os.listdir()))\n")
    build(project, "--label=null")
    log = (project / "dist/.logs/sdist.log").read_text(encoding="utf-8")
    (shown,) = {line for line in log.splitlines() if line.startswith("here are")}
    assert "pyproject.toml" in shown and "dist" not in shown and ".variant-backend" not in shown


def test_an_undecidable_recipe_is_an_error_before_any_build(project: Path) -> None:
    tool = "[tool.variant-backend.variants.warm]\ndependencies = [\"a; 'x::y::1' in variant_properties\"]\n"
    toml = (project / "pyproject.toml").read_text(encoding="utf-8")
    several = (
        '[variant]\ndefault-priorities.namespace = ["x"]\nproviders.x.static-properties.y = ["1", "2"]\n'
    )
    several += 'variants.warm.x.y = ["1", "2"]\n'
    head = toml[: toml.index("[variant")]
    (project / "pyproject.toml").write_text(f"{head}\n{tool}\n{several}", encoding="utf-8")
    result = build(project, ok=False)
    assert "pyproject.toml: tool.variant-backend: requirement" in result.stderr
    assert not (project / "dist").exists()


def test_the_project_file_may_be_named_instead_of_its_folder(project: Path) -> None:
    assert build(project, "pyproject.toml", "--label=null").stdout.startswith("null  built")


def test_verbose_names_each_build_and_its_log_once(project: Path) -> None:
    result = build(project, "-v", "--label=null")
    assert result.stderr.replace("\\", "/").splitlines() == [
        "read pyproject.toml",
        "build sdist; log: dist/.logs/sdist.log",
        "build wheel null; log: dist/.logs/null.log",
    ]


def test_a_failed_sdist_prevents_all_other_builds(project: Path) -> None:
    result = build(project, ok=False, FAILING="sdist")
    assert rows(result.stdout) == [("sdist", "failed", "dist/.logs/sdist.log: there is no sdist today")]
    assert result.stderr == "error: not built: sdist\n"
    assert [path.name for path in (project / "dist").rglob("*.*")] == [".logs", "sdist.log"]


@pytest.mark.slow  # it builds the whole matrix
def test_the_reason_is_the_first_error_of_variant_backend(project: Path) -> None:
    (project / "ready" / WHEELS[None]).write_bytes(b"no zip file")
    result = build(project, ok=False)
    (_, _, reason) = rows(result.stdout)[1]
    log = (project / "dist/.logs/warm.log").read_text(encoding="utf-8")
    first = next(line for line in log.splitlines() if line.startswith("variant-backend: error: "))
    assert reason == f"dist/.logs/warm.log: {first.removeprefix('variant-backend: error: ')}"
    assert rows(result.stdout)[3][1] == "built", "plain wheels are not checked"


@pytest.mark.slow  # it builds the whole matrix
def test_json_has_the_same_results(project: Path) -> None:
    result = build(project, "--json", ok=False, FAILING="warm")
    builds = json.loads(result.stdout)["builds"]
    for each in builds:
        assert 0 < each.pop("seconds") < 60
    dist, logs = Path("dist"), Path("dist/.logs")
    assert builds == [
        {
            "distribution": distribution,
            "label": label,
            "path": path and str(dist / path),
            "log": str(logs / log),
            "error": None if path else "the compiler gave up",
        }
        for distribution, label, path, log in (
            ("sdist", None, SDIST, "sdist.log"),
            ("wheel", "warm", None, "warm.log"),
            ("wheel", "cold", WHEELS["cold"], "cold.log"),
            ("wheel", None, WHEELS[None], "plain.log"),
        )
    ]


def test_a_log_has_only_the_output_of_its_build_in_order(
    built: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    project, _ = built
    for name in ("warm", "cold", "plain"):
        log = (project / f"dist/.logs/{name}.log").read_text(encoding="utf-8")
        lines = [line for line in log.splitlines() if re.match("warm|cold|plain", line)]
        assert lines == [f"{name} on stdout", f"{name} on stderr", f"{name} in a child"]
        assert log.startswith("Getting build dependencies for wheel...\n")


@pytest.mark.slow  # it builds the whole matrix
def test_another_run_replaces_wheels_and_logs(project: Path) -> None:
    build(project, "--label=warm")
    ready = project / "ready" / WHEELS[None]
    ready.unlink()
    make_wheel(project / "ready", files={"demo/__init__.py": b"x = 2\n"})
    log = project / "dist/.logs/warm.log"
    log.write_text("of another time", encoding="utf-8")
    build(project, "--label=warm")
    assert walk(project / "dist" / WHEELS["warm"])["demo/__init__.py"] == b"x = 2\n"
    assert "of another time" not in log.read_text(encoding="utf-8")
    build(project, ok=False, FAILING="sdist")
    assert contents(project / "dist/.logs") == ["sdist.log"], "builds that did not run have no log"


@pytest.mark.parametrize("label", ["con", "nul.x", "com1", "lpt9", "plain"])
def test_no_log_has_the_name_of_another_file_or_of_a_device_of_windows(label: str) -> None:
    assert _log_name("wheel", label) == f"{label}-variant"


@pytest.mark.parametrize("label", ["null", "console", "com", "x.con", "com12"])
def test_other_labels_are_the_names_of_their_logs(label: str) -> None:
    assert _log_name("wheel", label) == label


@pytest.mark.slow  # it builds the whole matrix
def test_labels_named_plain_and_sdist_have_their_own_logs(project: Path) -> None:
    edit(project, "variants.warm", "variants.plain")
    edit(project, "variants.cold", "variants.sdist")
    build(project)
    logs = ["plain-variant.log", "plain.log", "sdist-variant.log", "sdist.log"]
    assert contents(project / "dist/.logs") == logs


@pytest.mark.slow  # it builds the whole matrix
def test_jobs_run_in_parallel(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "meeting"
    folder.mkdir()
    build(project, "-j2", "--label=warm", "--label=cold", MEETING="warm cold", FOLDER=str(folder))
    assert contents(folder) == ["cold", "warm"]


def test_wrong_usage_exits_with_code_2(project: Path) -> None:
    for arguments in (["--jobs", "0"], ["--build-installer", "conda"], ["one", "two"]):
        assert run("variant-backend", "build", *arguments, cwd=project, ok=False).returncode == 2


def test_missing_build_requirements_are_named_without_isolation(project: Path) -> None:
    edit(project, '["variant-backend-core"]', '["variant-backend-core", "no-such-project>=3"]')
    result = build(project, ok=False)
    assert rows(result.stdout) == [
        (
            "sdist",
            "failed",
            "dist/.logs/sdist.log: missing build requirements: no-such-project>=3; install them, or build"
            " without --no-isolation",
        )
    ]


def test_a_missing_outer_backend_is_named(project: Path) -> None:
    edit(project, 'build-backend = "outer"', 'build-backend = "absent"')
    ((_, _, place),) = rows(build(project, ok=False).stdout)
    assert place.startswith("dist/.logs/sdist.log: the build backend failed: ") and "absent" in place


# Given sdists.


@pytest.fixture
def sdist(project: Path, tmp_path: Path) -> Path:
    """An sdist of the project, which its backend did not make."""
    path = tmp_path / "given" / SDIST
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as archive:
        for name in ("pyproject.toml", "backend", "ready"):
            archive.add(project / name, f"demo-1.0/{name}")
    return path


@pytest.mark.slow  # it builds the whole matrix
def test_the_matrix_is_built_from_a_given_sdist(project: Path, sdist: Path) -> None:
    content = sdist.read_bytes()
    (project / "pyproject.toml").unlink()
    result = build(project, "../given/" + SDIST, FAILING="sdist")
    assert rows(result.stdout) == [
        ("sdist", "given", f"../given/{SDIST}"),
        ("warm", "built", f"../given/{WHEELS['warm']}"),
        ("cold", "built", f"../given/{WHEELS['cold']}"),
        ("plain", "built", f"../given/{WHEELS[None]}"),
    ]
    assert contents(sdist.parent) == sorted(
        [".logs", SDIST, *(WHEELS[each] for each in ("warm", "cold", None))]
    )
    assert contents(sdist.parent / ".logs") == ["cold.log", "plain.log", "warm.log"]
    assert sdist.read_bytes() == content and not (project / "dist").exists()


@pytest.mark.slow  # it builds several wheels
def test_a_project_is_built_from_a_given_sdist(project: Path, sdist: Path) -> None:
    result = build(project, "--plain", "--sdist", sdist, "--json", FAILING="sdist")
    copy = project / "dist" / SDIST
    (given, _) = json.loads(result.stdout)["builds"]
    assert (given["path"], given["log"], given["seconds"]) == (str(Path("dist", SDIST)), None, 0)
    assert copy.read_bytes() == sdist.read_bytes()
    build(project, "--label=warm", "--sdist", copy, "-o", "other", FAILING="sdist")
    assert contents(project / "other") == [".logs", WHEELS["warm"]]


def test_an_sdist_as_path_and_another_one_are_wrong_usage(project: Path, sdist: Path) -> None:
    result = build(project, sdist, "--sdist", sdist, ok=False, code=2)
    assert result.stderr.endswith(
        "error: --sdist needs the project's folder as PATH; leave out one of the two sdists\n"
    )


def test_an_sdist_of_another_state_of_the_project_is_refused(project: Path, sdist: Path) -> None:
    edit(project, "variants.cold", "variants.cool")
    result = build(project, "--sdist", sdist, ok=False, code=2)
    assert result.stderr == (
        f"error: {sdist}: pyproject.toml: [variant] or [tool.variant-backend] differs from pyproject.toml;"
        " make a new sdist of the project, or give this sdist as PATH, without --sdist\n"
    )
    assert Matrix.load(sdist).labels == ("warm", "cold"), "the second remedy"


# Interruption.


def is_alive(pid: int) -> bool:
    """Return whether a process runs; an ended process may still be listed as a zombie."""
    state = run("ps", "-o", "stat=", "-p", pid, ok=False).stdout.strip()
    return bool(state) and not state.startswith("Z")


@pytest.mark.slow  # it builds and waits
@posix_only
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 1), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_an_interrupted_run_ends_all_processes_and_keeps_finished_wheels(
    project: Path, tmp_path: Path, name: str, code: int
) -> None:
    folder = tmp_path / "pids"
    folder.mkdir()
    labels = ["--label=null", "--label=warm", "--label=cold"]
    command = (SCRIPTS / "variant-backend", "build", "--no-isolation", "-j2", *labels)
    process = start(*command, cwd=project, HANGING="warm cold", FOLDER=str(folder))
    deadline = time.monotonic() + 60
    while contents(folder) != ["cold.pids", "warm.pids"]:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    pids = [int(pid) for note in folder.iterdir() for pid in note.read_text().split()]
    assert len(pids) == 4 and all(map(is_alive, pids))
    log = (project / "dist/.logs/warm.log").read_text(encoding="utf-8")
    assert "warm on stdout\nwarm on stderr\nwarm in a child\n" in log, "a log has each line at once"
    started = time.monotonic()
    process.send_signal(getattr(signal, name))
    stdout, stderr = process.communicate(timeout=30)
    assert time.monotonic() - started < 5
    assert process.returncode == code
    assert stdout == "" and "Traceback" not in stderr
    assert not any(map(is_alive, pids))
    assert not list((tmp_path / "temporary").iterdir())
    assert contents(project / "dist") == [".logs", WHEELS["null"]]


@pytest.mark.slow  # it builds the whole matrix
@posix_only
@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_a_terminal_only(project: Path, terminal: bool) -> None:
    import pty

    parent, child = pty.openpty()
    result = subprocess.run(
        [SCRIPTS / "variant-backend", "build", "--no-isolation", "--label=warm"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=child if terminal else subprocess.PIPE,
        check=True,
    )
    os.close(child)
    shown = read_terminal(parent)
    assert (b"0 of 2 done, 0 s; building sdist" in shown) == terminal
    assert (b"1 of 2 done" in shown and b"building warm" in shown) == terminal
    assert b"\x1b" not in shown and b"\n" not in shown
    assert not result.stderr
    assert len(result.stdout.splitlines()) == 1


# Untrusted sdists.


def pack(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    result = tarfile.TarInfo(name)
    result.type, result.linkname, result.size = kind, link, int(kind == tarfile.REGTYPE)
    return result


HOSTILE = {
    "a path to the outside": member("demo-1.0/../../evil"),
    "a link to the outside": member("demo-1.0/evil", tarfile.SYMTYPE, "../../evil"),
    "a hard link to the outside": member("demo-1.0/evil", tarfile.LNKTYPE, "../evil"),
    "a device": member("demo-1.0/evil", tarfile.CHRTYPE),
    "a pipe": member("demo-1.0/evil", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_an_sdist_with_unsafe_members_is_refused(tmp_path: Path, hostile: str) -> None:
    sdist = pack(tmp_path / SDIST, member("demo-1.0/pyproject.toml"), HOSTILE[hostile])
    folder = tmp_path / "in/there"
    folder.mkdir(parents=True)
    with pytest.raises(Exception, match=r"demo-1\.0\.tar\.gz: .*evil"):
        unpack(sdist, folder)
    with tarfile.open(sdist) as archive, pytest.raises(tarfile.TarError, match="evil"):
        check_members(archive, folder)  # for versions of Python without this check
    assert not list(tmp_path.rglob("evil"))


def test_a_damaged_sdist_is_refused(tmp_path: Path) -> None:
    content = pack(tmp_path / SDIST, member("demo-1.0/x")).read_bytes()
    for number, damaged in enumerate((content[:60], content[:30] + b"x" + content[31:])):
        (tmp_path / SDIST).write_bytes(damaged)
        with pytest.raises(UnpackError):
            unpack(tmp_path / SDIST, tmp_path / str(number))


def test_an_sdist_without_a_single_top_level_folder_is_refused(tmp_path: Path) -> None:
    for number, names in enumerate((["a/x", "b/x"], ["x"], [])):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(Exception, match="expected one top-level folder, got"):
            unpack(pack(tmp_path / SDIST, *map(member, names)), folder)


def test_a_valid_sdist_is_unpacked(tmp_path: Path) -> None:
    sdist = pack(tmp_path / SDIST, member("demo-1.0", tarfile.DIRTYPE), member("demo-1.0/src/x.c"))
    with tarfile.open(sdist) as archive:
        check_members(archive, tmp_path / "folder")
    root = unpack(sdist, tmp_path / "folder")
    assert (root.name, (root / "src/x.c").read_bytes()) == ("demo-1.0", b"x")


# Real backends.


@pytest.mark.slow
@pytest.mark.usefixtures("own_wheel")
def test_meson_python_builds_from_an_sdist_outside_version_control(tmp_path: Path) -> None:
    folder = new_project("meson-python", tmp_path)  # meson-python itself makes no sdist there
    name = "variant_example_meson-1.0"
    with tarfile.open(tmp_path / f"{name}.tar.gz", "w:gz") as archive:
        archive.add(folder, name)
    build = ["variant-backend", "build", "--build-installer=uv", "--label=fast", folder]
    ((label, result, place),) = rows(run(*build, "--sdist", f"{folder}/../{name}.tar.gz").stdout)
    assert (label, result) == ("fast", "built") and place.endswith("-fast.whl")
    assert any(path.endswith((".so", ".pyd")) for path in walk(Path(place)))


# Isolated builds with a real compiler.

COMPILED = """
[build-system]
requires = ["setuptools>=77", "variant-backend-core"]
build-backend = "variant_backend.hooks"

[tool.variant-backend]
build-backend = "setuptools.build_meta"

[project]
name = "answering"
version = "1.0"

[tool.setuptools]
ext-modules = [{ name = "answering", sources = ["answering.c"] }]

[variant]
default-priorities.namespace = ["mood"]
providers.mood.static-properties.now = ["good", "bad"]
variants.good = { mood = { now = ["good"] } }
variants.bad = { mood = { now = ["bad"] } }
"""
ANSWERING = """
#include <Python.h>

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "answering", NULL, -1, NULL};

PyMODINIT_FUNC PyInit_answering(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module)
        PyModule_AddIntConstant(module, "answer", ANSWER);
    return module;
}
"""


@pytest.fixture
def compiled(project: Path) -> Path:
    """A project with one module in C, whose `answer` is the compiler flag ANSWER."""
    root = project.parent / "compiled"
    root.mkdir()
    (root / "pyproject.toml").write_text(COMPILED, encoding="utf-8")
    (root / "answering.c").write_text(ANSWERING, encoding="utf-8")
    return root


def flags(answer: int) -> dict[str, Any]:
    """Return the variables that pass the answer to the compilers of Unix and Windows."""
    return {"CFLAGS": f"-DANSWER={answer}", "CL": f"/DANSWER={answer}"}


def answer(wheel: Path, folder: Path) -> int:
    """Return the answer of the module in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return int(run("python", "-c", "import answering; print(answering.answer)", cwd=folder).stdout)


@pytest.mark.slow
@pytest.mark.usefixtures("own_wheel")
def test_each_wheel_is_compiled_from_scratch_in_isolation(compiled: Path, tmp_path: Path) -> None:
    # The classic wrong wheel: setuptools reuses object files of an earlier build.
    for number in (1, 2):
        run("python", "-m", "build", "--wheel", "--installer=uv", compiled, **flags(number))
    (stale,) = (compiled / "dist").glob("*.whl")
    assert answer(stale, tmp_path / "stale") == 1

    result = run("variant-backend", "build", "--build-installer=uv", "-j2", compiled, **flags(3))
    assert [row[:2] for row in rows(result.stdout)] == [
        (name, "built") for name in ("sdist", "good", "bad", "plain")
    ]
    wheels = sorted((compiled / "dist").glob("*.whl"))
    assert len(wheels) == 3
    for wheel in wheels:
        assert answer(wheel, tmp_path / wheel.stem) == 3
    for name in ("good", "bad", "plain"):
        log = (compiled / f"dist/.logs/{name}.log").read_text(encoding="utf-8")
        assert "building 'answering' extension" in log
        assert "Installed" in log, "the output of the installer is in the log, too"
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("own_wheel")
def test_an_error_of_the_compiler_is_a_failure(compiled: Path) -> None:
    result = run("variant-backend", "build", "--build-installer=uv", "--label=good", compiled, ok=False)
    ((name, outcome, reason),) = rows(result.stdout)
    assert (result.returncode, name, outcome) == (1, "good", "failed")
    assert "good.log: error: " in reason and "answering.c" in reason
    log = (compiled / "dist/.logs/good.log").read_text(encoding="utf-8")
    assert re.search(r"answering\.c.*error.*ANSWER", log), "the message of the compiler"


@pytest.mark.slow
@pytest.mark.usefixtures("own_wheel")
@pytest.mark.parametrize(("installer", "error"), [("pip", "ResolutionImpossible"), ("uv", "unsatisfiable")])
def test_an_error_of_the_installer_is_a_failure(compiled: Path, installer: str, error: str) -> None:
    edit(compiled, '"setuptools>=77"', '"setuptools>=77", "setuptools<77"')
    build = ["variant-backend", "build", f"--build-installer={installer}", "--label=good", compiled]
    ((name, _, reason),) = rows(run(*build, ok=False).stdout)
    assert name == "sdist"
    assert error in reason
