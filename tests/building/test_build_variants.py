"""Recipes whose builds require a variant of another project: ``build-requires = ["calclib#openblas"]``."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import run
from helpers.strict_reader import walk

from variant_backend._internal.building.matrix import Matrix
from variant_backend._internal.errors import VariantError
from variant_backend._internal.project.pyproject import Project

# The plain calclib is required, too: a variant must replace it, and not be skipped as already installed.
PYPROJECT = """
[build-system]
requires = ["variant-backend-core", "calclib"]
build-backend = "variant_backend.hooks"

[tool.variant-backend]
build-backend = "wrapped"
backend-path = ["backend"]

[tool.variant-backend.variants.fast]
build-requires = ["calclib#openblas"]
abi-dependency = ["calclib"]

[variant]
default-priorities.namespace = ["speed"]
providers.speed.static-properties.mode = ["fast", "slow"]
variants.fast = { speed = { mode = ["fast"] } }
variants.slow = { speed = { mode = ["slow"] } }
"""
WRAPPED = """
import shutil, tarfile
from pathlib import Path
import calclib

def build_sdist(folder, settings=None):
    with tarfile.open(Path(folder, "demo-1.0.tar.gz"), "w:gz") as archive:
        for name in ("pyproject.toml", "backend", "ready"):
            archive.add(name, f"demo-1.0/{name}")
    return "demo-1.0.tar.gz"

def build_wheel(folder, settings=None, metadata=None):
    print("built with", calclib.FLAVOUR)
    (wheel,) = Path("ready").iterdir()
    return Path(shutil.copy(wheel, folder)).name
"""
MISSING = (
    "pyproject.toml: tool.variant-backend.variants.fast.build-requires: the build environment has {}, not"
    " calclib#openblas; run `variant-backend build --label fast` with --find-links DIR or --index-url URL,"
    " and let no other build requirement replace it"
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    make_wheel(root / "ready")
    (root / "backend").mkdir()
    (root / "backend/wrapped.py").write_text(WRAPPED, encoding="utf-8")
    (root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    return root


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two variants of calclib; installers find its plain wheel in another one."""
    folder = tmp_path / "links"
    for label in ("openblas", "mkl"):
        wheel = make_wheel(folder, "calclib", files={"calclib.py": f"FLAVOUR = {label!r}\n".encode()})
        run("make-variant", "-p", f"blas :: library :: {label}", "-l", label, wheel)
        wheel.unlink()
    run("variant-backend", "index", folder)
    plain = make_wheel(tmp_path / "plain", "calclib", files={"calclib.py": b"FLAVOUR = 'plain'\n"}).parent
    for variable, separator in (("PIP_FIND_LINKS", " "), ("UV_FIND_LINKS", ",")):
        monkeypatch.setenv(variable, separator.join(filter(None, [plain.as_uri(), os.environ.get(variable)])))
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("own_wheel")
@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_a_matrix_build_has_the_required_variant(project: Path, links: Path, installer: str) -> None:
    labels = ["--label=fast", "--label=slow"]
    run("variant-backend", "build", f"--build-installer={installer}", "-j2", *labels, "-f", links, project)
    logs = [(project / f"dist/.logs/{label}.log").read_text(encoding="utf-8") for label in ("fast", "slow")]
    assert "built with openblas" in logs[0] and "built with plain" in logs[1]
    assert all({"pip": "Successfully installed", "uv": "Installed"}[installer] in log for log in logs)
    document = walk(project / "dist/demo-1.0-py3-none-any-fast.whl")["demo-1.0.dist-info/variant.json"]
    assert json.loads(document)["variants"]["fast"]["abi_dependency"] == {"calclib": ["1.0"]}


@pytest.mark.slow
@pytest.mark.usefixtures("own_wheel", "links")
def test_other_frontends_report_a_missing_variant(project: Path) -> None:
    build = ["python", "-m", "build", "--wheel", "--installer=uv", "-Cvariant=fast", project]
    failed = run(*build, ok=False)
    assert failed.returncode == 1
    assert MISSING.format("calclib==1.0 without a label") in failed.stdout + failed.stderr


@pytest.mark.slow  # it builds several wheels
def test_an_environment_may_contain_the_required_variant(project: Path, links: Path, tmp_path: Path) -> None:
    build = ["variant-backend", "build", "--no-isolation", "--label=fast", project]
    for label in ("mkl", "openblas"):
        run("variant-backend", "fetch", f"calclib#{label}", "-f", links, "--plain", "-o", tmp_path / label)
        target = tmp_path / f"with-{label}"
        run("uv", "pip", "install", "--target", target, *(tmp_path / label).iterdir())
        built = run(*build, ok=label == "openblas", PYTHONPATH=str(target))
        log = (project / "dist/.logs/fast.log").read_text(encoding="utf-8")
        expected = "built with openblas" if label == "openblas" else MISSING.format("calclib==1.0#mkl")
        assert expected in log, built.stdout


def test_missing_or_unused_sources_are_reported(project: Path, links: Path) -> None:
    build = ["variant-backend", "build", project, "--label=fast"]
    failed = run(*build, ok=False)
    remedy = "add --find-links DIR or --index-url URL"
    assert failed.returncode == 2
    assert f"error: label 'fast' requires calclib#openblas for its build; {remedy}\n" in failed.stderr
    toml = project / "pyproject.toml"
    toml.write_text(PYPROJECT.replace("#openblas", "#openblast"), encoding="utf-8")
    failed = run(*build, "-f", links, ok=False)
    assert "unknown label 'openblast' (did you mean 'openblas'?)" in failed.stderr
    failed = run("variant-backend", "build", project, "--label=slow", "-f", links, "--no-isolation", ok=False)
    assert (
        "warning: no isolated build requires a variant; --find-links and --index-url are unused"
        in failed.stderr
    )


def test_a_marker_decides_about_a_required_variant(project: Path) -> None:
    for version, count in (("3.10", 1), ("4", 0)):
        table = f"""{{ "python_version >= '{version}'" = ["calclib#openblas", "other"] }}"""
        text = PYPROJECT.replace('["calclib#openblas"]', table)
        (project / "pyproject.toml").write_text(text, encoding="utf-8")
        assert list(map(len, Matrix.load(project).build_variants.values())) == [count] * count
        (required,) = Project.load(project / "pyproject.toml").recipe("fast").build_requires
        assert required.startswith("other; ")


@pytest.mark.parametrize(
    ("requirements", "problems"),
    [
        ('["calclib#a", "calclib == 1.0 # a"]', [": several variants of 'calclib'; keep one of them"]),
        ('["calclib#a b"]', ["[0]: 'calclib#a b': label 'a b': "]),
        ('["calclib>=1#a"]', ["[0]: 'calclib>=1#a': expected one version, got '>=1'; write PACKAGE"]),
        ('["a @ https://example.com/a-1-py3-none-any.whl#sha256=12"]', []),
    ],
)
def test_a_required_variant_has_a_label_and_at_most_one_version(
    tmp_path: Path, requirements: str, problems: list[str]
) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(PYPROJECT.replace('["calclib#openblas"]', requirements), encoding="utf-8")
    if problems:
        with pytest.raises(VariantError) as raised:
            Project.load(path)
        place = f"{path}: tool.variant-backend.variants.fast.build-requires"
        for line, problem in zip(raised.value.lines(), problems, strict=True):
            assert line.startswith(f"{place}{problem}")
    else:
        recipe = Project.load(path).recipe("fast")
        assert len(recipe.build_requires) == 1 and not recipe.build_variants
