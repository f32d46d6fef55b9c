"""The examples, built by real frontends around real backends, each build in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple

import pytest
from support import run, walk
from wheel.wheelfile import WheelFile

ROOT = Path(__file__).parents[1]
EPOCH = "1700000000"

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_wheel")]


class Example(NamedTuple):
    """A folder of examples/: the backend it wraps, one of its labels, and what a use of it prints."""

    backend: str
    label: str
    properties: dict[str, dict[str, list[str]]]
    use: str
    prints: str


EXAMPLES = {
    "setuptools": Example(
        "setuptools.build_meta",
        "x86_64_v3",
        {"x86_64": {"level": ["v3"]}},
        "import variant_example.__main__",
        "x86_64_v3",
    ),
    "hatchling": Example(
        "hatchling.build",
        "large",
        {"dictionary": {"size": ["large"], "spelling": ["historic", "modern"]}},
        "import variant_example_hatchling as it; print(it.words('to be or not to be')['to'])",
        "2",
    ),
    "meson-python": Example(
        "mesonpy",
        "fast",
        {"checks": {"arguments": ["off"]}},
        "import variant_example_meson as it; print(it.count(255))",
        "8",
    ),
    "in-tree": Example(
        "flit_core.buildapi",
        "warm",
        {"greeting": {"tone": ["warm"]}},
        "import variant_example_in_tree as it; print(it.greeting('you'))",
        "Hello, you!",
    ),
}
WRAPPED = ["setuptools", "hatchling", "meson-python"]  # they require variant-backend; the other has a copy

FRONTENDS = {"build": ["python", "-m", "build"], "uv": ["uv", "build"]}
frontends = pytest.mark.parametrize("frontend", FRONTENDS)


def copy_example(name: str, folder: Path) -> Path:
    """Copy an example into a new folder, and fill the vendored one as its README says."""
    project = folder / name
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", "dist", "_vendor")
    shutil.copytree(ROOT / "examples" / name, project, ignore=unwanted)
    if name == "in-tree":
        shutil.copytree(ROOT / "variant_backend", project / "_vendor/variant_backend", ignore=unwanted)
        shutil.copy(ROOT / "LICENSE", project / "_vendor")
    return project


def build(frontend: str, source: Path, out: Path, *arguments: str) -> Path:
    """Build in an isolated environment, and return the one wheel that is built."""
    run(*FRONTENDS[frontend], source, "-o", out, *arguments, SOURCE_DATE_EPOCH=EPOCH)
    (wheel,) = out.glob("*.whl")
    return wheel


def commit(project: Path) -> None:
    """Make a git repository of a project: meson makes sdists of nothing else."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "--quiet"], ["add", "--all"], [*identity, "commit", "--quiet", "-m", "all"]):
        run("git", *command, cwd=project)


def new_environment(folder: Path) -> Path:
    """Make an environment that has pip, and return its Python."""
    run("uv", "venv", "--quiet", "--seed", "--python", sys.executable, folder)
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def check_variant(example: Example, document: bytes) -> None:
    assert json.loads(document)["variants"] == {example.label: example.properties}


@frontends
@pytest.mark.parametrize("name", WRAPPED)
def test_a_build_that_asks_for_no_variant_is_byte_identical_to_the_wrapped_backends_own(
    tmp_path: Path, name: str, frontend: str
) -> None:
    project = copy_example(name, tmp_path)
    wheel = build(frontend, project, tmp_path / "ours", "--wheel")
    shutil.rmtree(project)
    project = copy_example(name, tmp_path)
    toml = project / "pyproject.toml"
    text = toml.read_text(encoding="utf-8")
    direct = text.replace('"variant_backend.hooks"', f'"{EXAMPLES[name].backend}"')
    assert direct != text
    toml.write_text(direct.replace(', "variant-backend"]', "]"), encoding="utf-8")
    theirs = build(frontend, project, tmp_path / "theirs", "--wheel")
    assert wheel.name == theirs.name
    assert wheel.read_bytes() == theirs.read_bytes()


@frontends
@pytest.mark.parametrize("name", WRAPPED)
def test_a_variant_that_is_built_through_its_sdist_is_sound_and_works(
    tmp_path: Path, name: str, frontend: str
) -> None:
    example = EXAMPLES[name]
    project = copy_example(name, tmp_path)
    if name == "meson-python":
        commit(project)
    wheel = build(frontend, project, tmp_path / "dist", f"-Cvariant={example.label}")
    assert wheel.name.endswith(f"-{example.label}.whl")
    check_installs(example, wheel, tmp_path)


def check_installs(example: Example, wheel: Path, folder: Path) -> None:
    """Check a labelled wheel with foreign tools: its hashes, its installation, and that it works."""
    members = walk(wheel)
    (variant_json,) = (name for name in members if name.endswith(".dist-info/variant.json"))
    check_variant(example, members[variant_json])
    # These tools take a label in the name for a fault, as they should; so they get the plain name.
    plain = folder / wheel.name.replace(f"-{example.label}.whl", ".whl")
    shutil.copy(wheel, plain)
    with WheelFile(plain) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                archive.read(member)  # compares it with RECORD
    run("python", "-m", "installer", "--prefix", folder / "installed", plain)
    (site_packages,) = (path.parent for path in (folder / "installed").rglob("*.dist-info"))
    check_variant(example, (site_packages / variant_json).read_bytes())
    result = run("python", "-c", example.use, PYTHONPATH=str(site_packages))
    assert result.stdout.strip() == example.prints


@frontends
def test_a_copy_of_the_package_in_the_tree_builds_a_variant_from_the_sdist_that_holds_it(
    tmp_path: Path, frontend: str
) -> None:
    project = copy_example("in-tree", tmp_path)
    wheel = build(frontend, project, tmp_path / "dist", "-Cvariant=warm")
    with tarfile.open(tmp_path / "dist/variant_example_in_tree-1.0.tar.gz") as sdist:
        assert "variant_example_in_tree-1.0/_vendor/variant_backend/hooks.py" in sdist.getnames()
    assert not [member for member in walk(wheel) if "vendor" in member]
    check_installs(EXAMPLES["in-tree"], wheel, tmp_path)


def test_an_sdist_is_the_same_whatever_variant_is_asked_for(tmp_path: Path) -> None:
    project = copy_example("hatchling", tmp_path)
    for out, arguments in (("plain", []), ("variant", ["-Cvariant=small"])):
        command = ["build", "--sdist", "--outdir", tmp_path / out, *arguments, project]
        run("python", "-m", *command, SOURCE_DATE_EPOCH=EPOCH)
    name = "variant_example_hatchling-1.0.tar.gz"
    assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "variant" / name).read_bytes()


def test_settings_of_the_wrapped_backend_reach_it_beside_ours(tmp_path: Path) -> None:
    project = copy_example("meson-python", tmp_path)
    settings = ["-Cvariant=null", "-Cbuild-dir=here", "-Csetup-args=-Dwarning_level=0"]
    walk(build("uv", project, tmp_path / "dist", "--wheel", *settings, "-Csetup-args=-Dwerror=true"))
    options = json.loads((project / "here/meson-info/intro-buildoptions.json").read_text(encoding="utf-8"))
    values = {option["name"]: option["value"] for option in options}
    assert (values["warning_level"], values["werror"]) == ("0", True)
    unknown = ["--wheel", "-o", tmp_path / "none", "-Cvariant=null", "-Cno-such-setting=1"]
    result = run("uv", "build", project, *unknown, ok=False)
    assert result.returncode != 0
    assert 'meson-python: error: Unknown option "no-such-setting"' in result.stderr


@frontends
def test_a_misspelt_label_is_told_by_the_frontend_in_our_words(tmp_path: Path, frontend: str) -> None:
    project = copy_example("hatchling", tmp_path)
    out = tmp_path / "dist"
    result = run(*FRONTENDS[frontend], project, "-o", out, "--wheel", "-Cvariant=lage", ok=False)
    assert result.returncode != 0
    said = "variant-backend: error: label 'lage' is not defined in [variant.variants] (did you mean 'large'?)"
    assert said in result.stdout + result.stderr
    assert not list(out.glob("*.whl"))


@pytest.mark.parametrize("name", WRAPPED)
def test_pip_builds_the_plain_wheel_and_installs_it(tmp_path: Path, name: str) -> None:
    example = EXAMPLES[name]
    project = copy_example(name, tmp_path)
    python = new_environment(tmp_path / "environment")
    run(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path / "dist", project)
    (wheel,) = (tmp_path / "dist").iterdir()
    assert not [member for member in walk(wheel) if member.endswith("variant.json")]
    run(python, "-m", "pip", "install", "--quiet", project)
    said = run(python, "-c", example.use, cwd=tmp_path).stdout.strip()
    assert said == ("a plain wheel, no variant" if name == "setuptools" else example.prints)


@pytest.mark.parametrize("name", WRAPPED)
def test_pip_installs_a_variant_as_editable(tmp_path: Path, name: str) -> None:
    example = EXAMPLES[name]
    project = copy_example(name, tmp_path)
    python = new_environment(tmp_path / "environment")
    more = []
    path = os.environ["PATH"]
    if name == "meson-python":  # its editable package is built again when it is imported, with these tools
        run("uv", "pip", "install", "--quiet", "--python", python, "meson-python", "ninja", "variant-backend")
        more = ["--no-build-isolation"]
        path = os.pathsep.join([str(python.parent), path])
    setting = f"-Cvariant={example.label}"
    run(python, "-m", "pip", "install", "--quiet", *more, setting, "--editable", project, PATH=path)
    assert run(python, "-c", example.use, cwd=tmp_path, PATH=path).stdout.strip() == example.prints
    (variant_json,) = (tmp_path / "environment").rglob("*.dist-info/variant.json")
    check_variant(example, variant_json.read_bytes())
    source = next((project / "src").glob("*/__init__.py"))
    source.write_text("raise SystemExit('edited')\n", encoding="utf-8")
    assert "edited" in run(python, "-c", example.use, cwd=tmp_path, ok=False, PATH=path).stderr
