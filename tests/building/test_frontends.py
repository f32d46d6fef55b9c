"""Builds by frontends that install the wheel, and requests by a variable or for the best label."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import run, run_here
from helpers.strict_reader import walk
from helpers.wrapped_project import (
    MANDATORY,
    PLAIN_NAME,
    SDIST_NAME,
    SMALL,
    SMALL_NAME,
    VARIANT,
    VARIANT_JSON,
    WRAPPING,
    Project,
    label_and_properties,
)

from variant_backend._internal.building.frontend import Installer
from variant_backend._internal.cli.make_variant import make_variant_command
from variant_backend._internal.project.user_variables import HARDWARE, LABEL

NAMED = f"""
[build-system]
requires = []
build-backend = "variant_backend.hooks"
[project]
name = "Demo"
version = "1.0"
{WRAPPING}{VARIANT}"""
TAGGED_NAME = "demo-1.0-0_small-py3-none-any.whl"
REFUSED = (
    "variant-backend: error: {} rejects a filename with a label;"
    " add -Cvariant-filename=plain, or build the wheel with `python -m build`"
)
PLAIN_FILENAME = ("-Cvariant=small", "-Cvariant-filename=plain")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", toml=NAMED)


# Frontends, as measured.

SITE = "/usr/lib/python3/site-packages"
PIP = f"{SITE}/pip/_vendor/pyproject_hooks/_in_process/_in_process.py"
OLD_PIP = f"{SITE}/pip/_vendor/pep517/in_process/_in_process.py"
ZIPPED_PIP = "/tmp/tmpc1x7_in_process.py"
BUILD = f"{SITE}/pyproject_hooks/_in_process/_in_process.py"
TOX = f"{SITE}/pyproject_api/_backend.py"
EPHEMERAL = "/tmp/pip-ephem-wheel-cache-a1/wheels/7f/06/tmpb2"
TREE = "/home/me/demo-1.0"


@pytest.mark.parametrize(
    ("program", "below_pip", "source", "wheel_directory", "installer"),
    [
        (PIP, True, TREE, None, Installer("pip")),
        (PIP, True, TREE, "/tmp/pip-modern-metadata-g7", Installer("pip")),
        (PIP, True, TREE, EPHEMERAL, Installer("pip")),
        (PIP, True, "/tmp/pip-req-build-k3", "/home/me/.cache/pip/wheels/a4/tmpc4", Installer("pip", True)),
        (PIP, True, TREE, "/tmp/pip-wheel-d5", Installer("pip")),
        (OLD_PIP, True, "/tmp/pip-req-build-k3", "/tmp/pip-wheel-d5", Installer("pip", True)),
        (PIP, True, "/tmp/pip-install-e6/demo_0a1b", "/tmp/pip-wheel-d5", Installer("pip", True)),
        (PIP, True, "/tmp/pip-req-build-k3", EPHEMERAL, Installer("pip")),
        (ZIPPED_PIP, True, TREE, EPHEMERAL, Installer("pip")),
        (BUILD, True, TREE, "/home/me/dist", None),
        (BUILD, False, TREE, "/home/me/dist", None),
        ("-c", False, TREE, "/home/me/dist", None),
        ("-c", True, TREE, "/home/me/dist/.tmpQiSgSI", None),
        ("-c", False, TREE, "/home/me/.cache/uv/builds-v0/.tmpANOGWo", Installer("uv", True)),
        ("-c", False, TREE, "/tmp/.tmpF7/sdists-v5/path/1a/2b/.tmpwG", Installer("uv", True)),
        ("-c", False, TREE, "/tmp/.tmpF7/built-wheels-v3/path/1a/2b/.tmp9x", Installer("uv", True)),
        (TOX, False, TREE, f"{TREE}/.tox/.pkg/dist", Installer("tox")),
        ("", False, TREE, "/home/me/dist", None),
    ],
)
def test_frontends_that_install_are_recognized(
    program: str, below_pip: bool, source: str, wheel_directory: str | None, installer: Installer | None
) -> None:
    environ = {"PIP_BUILD_TRACKER": "/tmp/pip-build-tracker-x"} if below_pip else {}
    assert Installer.of(program, environ, Path(source), wheel_directory) == installer


# The backend is in the tree, and this package in the environment, so no frontend needs an index.
ALONE = ("--no-build-isolation", "--no-deps", "--no-index")


@pytest.mark.slow
def test_pip_refuses_a_label_early_and_shows_it_in_its_cache(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", MANDATORY, NAMED)
    pip = ("python", "-m", "pip", "install", *ALONE, "--cache-dir", tmp_path / "cache", "--target")
    refused = run(*pip, tmp_path / "no", "-Cvariant=small", project.root, ok=False)
    assert REFUSED.format("pip") in refused.stdout + refused.stderr
    assert not (project.root / "calls.jsonl").exists()
    said = run(*pip, tmp_path / "site", "-v", *PLAIN_FILENAME, with_code(project, tmp_path))
    assert label_of(tmp_path / "site") == "small"
    assert (
        f"warning: {TAGGED_NAME} is variant 'small' without the label in its name; without --no-cache-dir,"
        " pip caches it, and later installs it for other requests too: run `pip cache remove demo`"
    ) in said.stdout + said.stderr
    assert [path.name for path in (tmp_path / "cache").rglob("*.whl")] == [TAGGED_NAME]
    run("python", "-m", "pip", "cache", "remove", "demo", "--cache-dir", tmp_path / "cache")
    assert not [*(tmp_path / "cache").rglob("*.whl")]


@pytest.mark.slow
def test_uv_refuses_a_label_only_where_it_installs(project: Project, tmp_path: Path) -> None:
    uv = ("uv", "pip", "install", *ALONE, "--python", sys.executable, "--cache-dir", tmp_path / "cache")
    refused = run(*uv, "--target", tmp_path / "no", "-Cvariant=small", project.root, ok=False)
    assert REFUSED.format("uv") in " ".join(refused.stderr.split())
    assert not (project.root / "calls.jsonl").exists()
    run(*uv, "--target", tmp_path / "site", *PLAIN_FILENAME, project.root)
    assert label_of(tmp_path / "site") == "small"
    build = ("uv", "build", "--wheel", "--no-build-isolation", "--python", sys.executable)
    run(*build, "-o", tmp_path / "dist", "-Cvariant=small", project.root)
    assert (tmp_path / "dist" / SMALL_NAME).exists()


def with_code(project: Project, folder: Path) -> Path:
    """Return an sdist of the project that builds wheels."""
    top = folder / "demo-1.0"
    top.mkdir()
    (top / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
    for name in ("backend", "ready", "pyproject.toml"):
        (project.root / name).rename(top / name)
    run("tar", "-czf", folder / SDIST_NAME, "-C", folder, top.name)
    return folder / SDIST_NAME


def label_of(site: Path) -> str:
    return label_and_properties((site / VARIANT_JSON).read_bytes())[0]


def test_make_variant_moves_the_label_of_the_build_tag_to_the_end(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    run_here(make_variant_command, "--null", "-o", tmp_path, wheel)
    tagged = (tmp_path / "demo-1.0-py3-none-any-null.whl").rename(
        tmp_path / "demo-1.0-0_null-py3-none-any.whl"
    )
    result = run_here(make_variant_command, "-o", tmp_path / "dist", tagged)
    assert result.stdout == f"{tmp_path / 'dist/demo-1.0-py3-none-any-null.whl'}\n"


# The variable.


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("demo#small", SMALL_NAME),
        ("other#x, DEMO # small", SMALL_NAME),
        ("other#small", PLAIN_NAME),
        ("demo#(plain)", PLAIN_NAME),
        ("", PLAIN_NAME),
    ],
)
def test_the_variable_requests_a_label_for_its_project(
    project: Project, monkeypatch: pytest.MonkeyPatch, variable: str, name: str
) -> None:
    monkeypatch.setenv(LABEL, variable)
    assert project.call_here("build_wheel") == name
    assert project.said == []
    assert project.call_here("build_sdist") == SDIST_NAME


def test_a_config_setting_overrides_the_variable(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LABEL, "demo#both")
    assert project.call_here("build_wheel", SMALL) == SMALL_NAME


def test_installers_get_the_label_of_the_variable_in_the_build_tag(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    # These frontends have no -C, so the user cannot request a plain filename.
    monkeypatch.setenv(LABEL, "demo#small")
    monkeypatch.setattr(sys, "argv", [TOX])
    assert project.call_here("get_requires_for_build_wheel") == ["needed-to-build_wheel"]
    assert project.call_here("build_wheel") == TAGGED_NAME
    assert label_and_properties(walk(project.dist / TAGGED_NAME)[VARIANT_JSON])[0] == "small"
    monkeypatch.setattr(sys, "argv", ["-c"])
    name = project.call_here("build_wheel", into=cache_of_uv(project))
    assert name == TAGGED_NAME
    assert project.said[-1].endswith(
        "uv caches it, and later installs it for other requests too: use --reinstall --no-cache for these"
    )


def cache_of_uv(project: Project) -> Path:
    folder = project.root.parent / "builds-v0/.tmpX"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("toml", "pkg_info", "name"),
    [(WRAPPING + VARIANT, "Name: demo\n", SMALL_NAME), (WRAPPING + VARIANT, "", PLAIN_NAME)],
)
def test_without_project_name_pkg_info_has_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toml: str, pkg_info: str, name: str
) -> None:
    project = Project(tmp_path / "project", toml=toml)
    (project.root / "PKG-INFO").write_text(pkg_info)
    monkeypatch.setenv(LABEL, "demo#small")
    assert project.call_here("build_wheel") == name
    ignored = (
        "variant-backend: warning: pyproject.toml has no project.name, so VARIANT_BACKEND_LABEL is ignored"
    )
    assert project.said == ([] if pkg_info else [f"{ignored}; use -Cvariant=LABEL"])


def test_a_label_without_project_name_is_ignored_with_a_warning(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LABEL, "small")
    assert project.call_here("build_wheel") == PLAIN_NAME
    assert project.said == [
        "variant-backend: warning: VARIANT_BACKEND_LABEL=small has no project name, so it is ignored;"
        " write Demo#small"
    ]


@pytest.mark.parametrize(
    ("variable", "value", "refusal"),
    [
        (LABEL, "demo#smal", f"{LABEL}: unknown label 'smal' (did you mean 'small'?); known labels: "),
        (LABEL, "demo#", f"{LABEL}: missing label in 'demo#'; write NAME#LABEL"),
        (LABEL, "demo#small,demo#both", f"{LABEL}: several labels for project 'demo': 'small', 'both'; "),
        (f"{LABEL}S", "demo#small", f"unknown environment variable '{LABEL}S' (did you mean '{LABEL}'?)"),
    ],
)
def test_an_invalid_variable_ends_the_build(
    project: Project, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, refusal: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert project.refusal("get_requires_for_build_wheel").startswith(refusal)
    assert not (project.root / "calls.jsonl").exists()


# The best label.

LEVELS = """
[project]
name = "demo"
[variant]
default-priorities.namespace = ["x86_64", "unheard"]
providers.x86_64.requires = ["x86-64-variant-provider>=0.2,<0.3"]
providers.unheard.requires = ["unheard-provider"]
[variant.variants]
v2.x86_64.level = ["v2"]
v3.x86_64.level = ["v3"]
loud.unheard.volume = ["11"]
"""
UNSUPPORTED = "; not 'loud': unheard :: volume: needs 11; supported: none; "
UNHEARD = "; unheard: unknown (plugins do not run in builds); request a label with -Cvariant=LABEL"


@pytest.mark.parametrize(
    ("levels", "recipes", "label", "reason"),
    [
        (
            '["v3", "v2", "v1"]',
            "",
            "v3",
            "'v3', before 'v2': x86_64 :: level :: v3 ranks before x86_64 :: level :: v2: value v3 is listed"
            " first in the supported values; ",
        ),
        (
            '["v1"]',
            "[tool.variant-backend.variants]\nnull.dependencies = []\n",
            "null",
            "'null', before the plain wheel: a variant comes before a plain wheel; ",
        ),
        ('["v1"]', "", None, "the plain wheel; "),
    ],
)
@pytest.mark.parametrize("by_variable", [False, True])
def test_auto_builds_the_label_that_fits_the_machine_best(  # one for each fact
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    levels: str,
    recipes: str,
    label: str | None,
    reason: str,
    by_variable: bool,
) -> None:
    project = Project(tmp_path / "project", toml=WRAPPING + LEVELS + recipes)
    (tmp_path / "machine.toml").write_text(f"[x86_64.features]\nlevel = {levels}\n")
    monkeypatch.setenv(HARDWARE, str(tmp_path / "machine.toml"))
    if by_variable:
        monkeypatch.setenv(LABEL, "demo#auto")
    assert project.call_here("get_requires_for_build_wheel") == ["needed-to-build_wheel"]
    assert project.said == []
    name = project.call_here("build_wheel", None if by_variable else {"variant": "auto"})
    assert name == (f"demo-1.0-py3-none-any-{label}.whl" if label else PLAIN_NAME)
    assert project.said[0].startswith(f"variant-backend: -Cvariant=auto selected {reason}")
    assert UNSUPPORTED in project.said[0] and project.said[0].endswith(UNHEARD)


def test_a_label_auto_makes_auto_ambiguous(tmp_path: Path) -> None:
    toml = WRAPPING + LEVELS.replace("loud.", "auto.")
    project = Project(tmp_path / "project", toml=toml)
    assert project.refusal(settings={"variant": "auto"}) == (
        "'auto' is a label of this project, and also requests the best label;"
        " write -Cvariant-label=auto for the label, or rename the label"
    )
    assert project.call_here("build_wheel", {"variant-label": "auto"}) == "demo-1.0-py3-none-any-auto.whl"


@pytest.mark.parametrize(
    "more", [{"variant": ["auto", "a::b::c"]}, {"variant": "auto", "variant-label": "x"}]
)
def test_auto_stands_alone(project: Project, more: dict[str, object]) -> None:
    refusal = "-Cvariant=auto selects a label itself; remove the other variant settings"
    assert project.refusal(settings=more) == refusal
