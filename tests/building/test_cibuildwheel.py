"""The example for cibuildwheel: its configuration, and its steps with real tools, without a container."""

from __future__ import annotations

import json
import platform
import re
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import run
from helpers.strict_reader import walk
from ruamel.yaml import YAML

from variant_backend._internal.project.pyproject import Project

EXAMPLE = Path(__file__).parents[2] / "examples" / "cibuildwheel"
WORKFLOW = EXAMPLE / ".github" / "workflows" / "wheels.yml"
LABELS = ("x86_64_v3", "x86_64_v2", "null")
VARIANTS = ("--preview-features", "wheel-variants")

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_wheel")]

linux = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="auditwheel supports Linux only, and the example has x86-64 levels",
)

NAME = "variant-example-cibuildwheel"

SHOW_INSTALLED = """
import json
from importlib.metadata import distribution
from variant_example_cibuildwheel import compiled_for

text = distribution("variant-example-cibuildwheel").read_text("variant.json")
print(json.dumps([*(json.loads(text)["variants"] if text else [None]), compiled_for()]))
"""

# The version that the workflow uses.
(VERSION,) = re.findall(r"uses: pypa/cibuildwheel@\w+ # v(\S+)", WORKFLOW.read_text(encoding="utf-8"))

# cibuildwheel requires a newer Python than these tests, so it has its own environment.
WITH_CIBUILDWHEEL = ["uv", "run", "--quiet", "--no-project", "--isolated", "--python", ">=3.11"]
WITH_CIBUILDWHEEL += ["--with", f"cibuildwheel=={VERSION}"]

# Prints the commands that cibuildwheel derives from its configuration.
SHOW_OPTIONS = """
import json, os
from cibuildwheel.frontend import get_build_frontend_extra_flags
from cibuildwheel.options import CommandLineArguments, compute_options

options = compute_options("linux", CommandLineArguments.defaults(), os.environ).build_options(None)
frontend, verbosity, settings = options.build_frontend, options.build_verbosity, options.config_settings
print(json.dumps({
    "frontend": frontend.name,
    "flags": get_build_frontend_extra_flags(frontend, verbosity, settings),
    "repair": options.repair_command,
    "audit": options.audit_command,
    "test": options.test_command,
    "environment": options.environment.as_dictionary({}),
}))
"""

# Prints each wheel that cibuildwheel reuses instead of building for the next Python.
FIND_WHEEL = """
import sys
from pathlib import Path
from cibuildwheel.util.packaging import find_compatible_wheel

for wheel in sys.argv[1:]:
    print(find_compatible_wheel([Path(wheel)], "cp314-manylinux_x86_64"))
"""


def with_cibuildwheel(*command: object, cwd: Path = EXAMPLE, **env: Any) -> str:
    """Run a command in an environment with cibuildwheel; return its output."""
    return run(*WITH_CIBUILDWHEEL, *command, cwd=cwd, **env).stdout


def workflow() -> dict[str, Any]:
    jobs: dict[str, Any] = YAML(typ="safe").load(WORKFLOW)["jobs"]
    return jobs


def variables() -> dict[str, Any]:
    """Return the environment of all jobs."""
    result: dict[str, Any] = YAML(typ="safe").load(WORKFLOW)["env"]
    return result


def settings_of(label: str) -> dict[str, Any]:
    """Return the environment that the workflow gives to cibuildwheel for a label; it is empty for plain."""
    (step,) = (step for step in workflow()["wheels"]["steps"] if "cibuildwheel" in step.get("uses", ""))
    text = step["env"].pop("CIBW_CONFIG_SETTINGS")
    match = re.fullmatch(r"\$\{\{ matrix\.label && format\('(.+)', matrix\.label\) \}\}", text)
    assert match and step["env"] == {}
    return {**variables(), "CIBW_CONFIG_SETTINGS": label and match[1].format(label)}


def script(job: str, name: str) -> str:
    """Return the script of a workflow step."""
    (step,) = (step for step in workflow()[job]["steps"] if step.get("name", "").startswith(name))
    text: str = step["run"]
    return text


def test_github_accepts_the_workflow() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", WORKFLOW)


def test_the_workflow_builds_all_variants_before_it_publishes(tmp_path: Path) -> None:
    metadata = Project.load(EXAMPLE / "pyproject.toml").metadata
    assert metadata is not None
    assert {*LABELS} == {*metadata.variants, "null"}
    written = tmp_path / "output"
    run("bash", "-e", "-c", script("matrix", "Print"), cwd=EXAMPLE, GITHUB_OUTPUT=str(written))
    outputs = dict(line.split("=", 1) for line in written.read_text().splitlines())
    x86_64, others = (
        ("ubuntu-latest", "windows-latest", "macos-15-intel"),
        ("ubuntu-24.04-arm", "macos-latest"),
    )
    assert json.loads(outputs["x86_64"])["include"] == [
        {"label": label, "platform": platform} for label in (*LABELS, "") for platform in x86_64
    ]
    assert json.loads(outputs["others"])["include"] == [
        {"label": label, "platform": platform} for label in ("null", "") for platform in others
    ]
    jobs = workflow()
    assert jobs["matrix"]["outputs"] == {name: f"${{{{ steps.print.outputs.{name} }}}}" for name in outputs}
    for job, name in (("wheels", "x86_64"), ("others", "others")):
        assert jobs[job]["strategy"]["matrix"] == f"${{{{ fromJSON(needs.matrix.outputs.{name}) }}}}"
    assert {*jobs["release"]["needs"], "matrix", "release"} == {*jobs}


def test_the_labels_of_the_project_are_not_in_the_workflow() -> None:
    text = WORKFLOW.read_text(encoding="utf-8")
    assert not [label for label in LABELS if label in text.replace("--label null", "")]


def test_the_recipes_of_the_example_work_on_all_systems() -> None:
    recipes = Project.load(EXAMPLE / "pyproject.toml").recipes
    assert all(recipes[label].auto_flags for label in LABELS if label != "null")


@pytest.mark.parametrize("system", ["linux", "macos", "windows"])
def test_cibuildwheel_builds_for_64_bits_and_the_stable_abi(system: str) -> None:
    said = with_cibuildwheel("cibuildwheel", "--print-build-identifiers", "--platform", system)
    kinds = {"linux": "(many|musl)linux", "macos": "macosx", "windows": "win"}
    known = re.compile(rf"cp3\d\d-{kinds[system]}_(x86_64|amd64|arm64|aarch64)")
    assert said.splitlines() and all(known.fullmatch(line) for line in said.splitlines()), said
    assert {line.partition("-")[0] for line in said.splitlines()} >= {"cp310", "cp314", "cp315"}


def test_the_skip_of_the_guide_leaves_out_pythons_without_builds(tmp_path: Path) -> None:
    guide = (EXAMPLE.parents[1] / "docs" / "how-to" / "cibuildwheel.md").read_text(encoding="utf-8")
    older, both = re.findall(r'skip = "(.*?)"', guide)
    assert both == f"{older} cp3??t-*"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "1"\n', encoding="utf-8")
    command = ("cibuildwheel", "--print-build-identifiers", "--platform", "linux")
    said = with_cibuildwheel(*command, cwd=tmp_path, CIBW_SKIP=both)
    versions = {line.partition("-")[0] for line in said.splitlines()}
    assert versions >= {"cp310", "cp315"}
    assert all(re.fullmatch(r"cp3\d\d", version) for version in versions)


@pytest.mark.parametrize("label", LABELS)
def test_cibuildwheel_requests_the_variant_with_a_plain_name(label: str) -> None:
    said = with_cibuildwheel("python", "-c", SHOW_OPTIONS, **settings_of(label))
    assert json.loads(said)["flags"] == [f"-Cvariant={label}", "-Cvariant-filename=plain"]


def test_the_variables_for_the_plain_wheel_replace_existing_settings(tmp_path: Path) -> None:
    table = '[tool.cibuildwheel]\nconfig-settings = { existing = "1" }\nenvironment = { EXISTING = "1" }\n'
    (tmp_path / "pyproject.toml").write_text(table, encoding="utf-8")
    said = with_cibuildwheel("python", "-c", SHOW_OPTIONS, cwd=tmp_path, **settings_of(""))
    options = json.loads(said)
    assert (options["flags"], options["environment"]) == ([], {"PIP_FIND_LINKS": "ci/packages"})


@linux
def test_uv_selects_the_best_variant_of_the_workflows_release(tmp_path: Path, own_wheel: Path) -> None:
    dist = tmp_path / "dist"
    dist.mkdir()
    wheels = [as_cibuildwheel_does(check_out(tmp_path / "plain", own_wheel.parent), None)]
    shutil.copy(wheels[0], dist)
    for label in LABELS:
        job = check_out(tmp_path / label, own_wheel.parent)
        wheel = as_cibuildwheel_does(job, label)
        assert "variant_example_cibuildwheel-1.0-cp310-abi3-manylinux" in wheel.name
        run("bash", "-e", "-c", script("wheels", "Label"), cwd=job)
        (labelled,) = (job / "dist").iterdir()
        assert labelled.name == f"{wheel.stem}-{label}.whl"
        assert metadata_of(labelled) == metadata_of(wheel)
        assert metadata_of(labelled).count(b"\nRequires-Dist: six\n") == (label == "x86_64_v2")
        shutil.copy(labelled, dist)
        wheels.append(wheel)
    assert with_cibuildwheel("python", "-c", FIND_WHEEL, *wheels).split() == [*map(str, wheels)]

    offline = ["--no-index", "--no-deps", "--find-links", dist, "--target"]
    with_uv = ["uv", "pip", "install", "--no-config", "--python", sys.executable, *VARIANTS, *offline]
    for label in supported():
        run("bash", "-e", "-c", script("release", "Index"), cwd=tmp_path)
        run(*with_uv, tmp_path / f"uv-{label}", NAME)
        assert installed_in(tmp_path / f"uv-{label}") == (label, "any" if label == "null" else label)
        next(dist.glob(f"*-{label}.whl")).unlink()  # without it, the next one is the best
    run("python", "-m", "pip", "install", "--no-cache-dir", *offline, tmp_path / "pip", NAME)
    assert installed_in(tmp_path / "pip") == (None, "any")


def check_out(folder: Path, vendored: Path) -> Path:
    """Copy the example and our packages, and add a dependency to the recipe of one variant."""
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", "dist", "wheelhouse")
    shutil.copytree(EXAMPLE, folder, ignore=unwanted)
    shutil.copytree(vendored, folder / "ci" / "packages")
    toml = folder / "pyproject.toml"
    table = "[tool.variant-backend.variants]\n"
    text = toml.read_text(encoding="utf-8")
    assert table in text
    toml.write_text(text.replace(table, f'{table}x86_64_v2.dependencies = ["six"]\n'), encoding="utf-8")
    return folder


def as_cibuildwheel_does(project: Path, label: str | None) -> Path:
    """Build, repair, audit and test like cibuildwheel in its container; return the wheel."""
    settings = settings_of(label or "")
    options = json.loads(with_cibuildwheel("python", "-c", SHOW_OPTIONS, cwd=project, **settings))
    assert options["frontend"] == "build"
    build = ["python", "-m", "build", "--wheel", "--installer=uv"]  # pip takes twice as long
    links = options["environment"]["PIP_FIND_LINKS"]
    run(*build, f"--outdir={project / 'built'}", *options["flags"], cwd=project, UV_FIND_LINKS=links)
    (built,) = (project / "built").iterdir()
    shell(options["repair"], project, wheel=built, dest_dir=project / "wheelhouse")
    (wheel,) = (project / "wheelhouse").iterdir()
    variant_json = {name: text for name, text in walk(built).items() if name.endswith("/variant.json")}
    assert variant_json.items() <= walk(wheel).items()
    assert len(variant_json) == bool(label)
    for command in options["audit"]:
        shell(command, project, abi3_wheel=wheel)
    if label in (None, *supported()):
        run("uv", "venv", "--python", sys.executable, project / "venv")
        run("uv", "pip", "install", "--python", project / "venv/bin/python", wheel)
        shell(f". venv/bin/activate && {options['test']}", project, project=project)
    return wheel


def shell(command: str, cwd: Path, **places: Path) -> None:
    run("sh", "-c", command.format_map(places), cwd=cwd)


def metadata_of(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read("variant_example_cibuildwheel-1.0.dist-info/METADATA")


def installed_in(target: Path) -> tuple[str | None, str]:
    """Return the label of the installed wheel, and the level for which it is compiled."""
    label, level = json.loads(run("python", "-c", SHOW_INSTALLED, PYTHONPATH=str(target)).stdout)
    return label, level


def supported() -> list[str]:
    """Return the labels that this machine's processor supports, the best first."""
    flags = set(re.findall(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)[0].split())
    v2 = {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"} <= flags
    v3 = v2 and {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"} <= flags
    return [label for label, is_supported in zip(LABELS, (v3, v2, True), strict=True) if is_supported]


@linux
@pytest.mark.parametrize(
    "command",
    [
        [*WITH_CIBUILDWHEEL, "python", "-c", FIND_WHEEL],
        ["auditwheel", "repair"],
        ["abi3audit", "--strict"],
        ["python", "-m", "pip", "install", "--no-deps", "--target", "installed"],
    ],
    ids=["cibuildwheel", "auditwheel", "abi3audit", "pip"],
)
def test_tools_of_the_earlier_steps_reject_a_labelled_name(tmp_path: Path, command: list[str]) -> None:
    files = {"demo/_speed.abi3.so": b"\x7fELF"}
    plain = make_wheel(tmp_path, tag="cp310-abi3-manylinux_2_28_x86_64", files=files)
    run("make-variant", "-p", "x86_64 :: level :: v3", "-l", "x86_64_v3", plain)
    refusal = run(*command, f"{plain.stem}-x86_64_v3.whl", cwd=tmp_path, ok=False)
    assert refusal.returncode != 0
    assert "Invalid build number" in refusal.stdout + refusal.stderr
