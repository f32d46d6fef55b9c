"""The versions that a wheel was built with are recorded, read and kept."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers.made_wheels import make_wheel
from helpers.strict_reader import walk
from helpers.wrapped_project import (
    PREPARE_HOOKS,
    SMALL,
    SMALL_NAME,
    VARIANT,
    VARIANT_JSON,
    WRAPPING,
    Project,
    label_and_properties,
)
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from variant_backend._internal.building.variant_build import _installed as installed_versions
from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.make_variant import make_variant_command
from variant_backend._internal.errors import VariantError
from variant_backend._internal.variants.abi_dependency import (
    ABI_DEPENDENCY,
    built_with,
    check_property,
    prefixes,
)
from variant_backend._internal.variants.metadata_reading import metadata_from_table
from variant_backend._internal.variants.properties import Property, Variant
from variant_backend._internal.variants.wheel_metadata import select_variant

RECIPE = """
[tool.variant-backend.variants.small]
abi-dependency = ["Torch", "a.b"]
"""
SMALL_SIZE = "dictionary :: size :: small"
TORCH = "abi_dependency :: torch :: 2.10"


def install(folder: Path, **versions: str) -> None:
    """Create metadata of installed projects in a folder."""
    for name, version in versions.items():
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed projects."""
    folder = tmp_path / "installed"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", toml=WRAPPING + RECIPE + VARIANT)


def test_a_built_wheel_records_the_versions_of_its_build(project: Project, environment: Path) -> None:
    install(environment, torch="2.10.1+cu128", a_b="3")
    wheel = project.build()
    content = walk(wheel)[VARIANT_JSON]
    assert label_and_properties(content) == ("small", ["abi_dependency :: a_b :: 3.0", TORCH, SMALL_SIZE])
    assert json.loads(content)["default-priorities"]["namespace"] == ["dictionary", "x86_64"]
    assert [line for line in project.said if "drops the whole version" in line]


@pytest.mark.parametrize("hook", PREPARE_HOOKS)
def test_prepared_metadata_records_the_same_versions(project: Project, environment: Path, hook: str) -> None:
    install(environment, torch="2.10.1", a_b="3.1.2")
    text = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
    backend = (project.root / "backend/wrapped.py").read_text().replace(".touch()", f".write_text({text!r})")
    project.wrap(backend)
    folder = project.root / str(project.call(hook, SMALL, into=project.root))
    properties = label_and_properties((folder / "variant.json").read_bytes())[1]
    assert properties == ["abi_dependency :: a_b :: 3.1", TORCH, SMALL_SIZE]


def test_build_requirements_are_reported_before_their_installation(project: Project) -> None:
    assert project.call("get_requires_for_build_wheel", SMALL) == ["needed-to-build_wheel"]


def test_a_project_missing_in_the_build_is_reported_with_a_remedy(
    project: Project, environment: Path
) -> None:
    install(environment, torch="2.10.1")
    assert project.refusal(settings=SMALL) == (
        "pyproject.toml: tool.variant-backend.variants.small.abi-dependency: 'a.b' is not installed in the"
        " build environment; add it to build-system.requires, or to the build-requires of this label"
    )
    install(environment, a_b="1!2.0")
    assert "a.b: version 1!2.0 has an epoch" in project.refusal(settings=SMALL)


@pytest.mark.parametrize("said", ["2", "2.10.1"])
def test_a_matching_version_of_the_label_is_kept(tmp_path: Path, environment: Path, said: str) -> None:
    install(environment, torch="2.10.1")
    recipe = RECIPE.replace(', "a.b"', "")
    table = VARIANT.replace(
        "small.dictionary", f'small.abi_dependency.torch = ["1.13", "{said}"]\nsmall.dictionary'
    )
    project = Project(tmp_path / "project", toml=WRAPPING + recipe + table)
    _, properties = label_and_properties(walk(project.build())[VARIANT_JSON])
    assert properties == ["abi_dependency :: torch :: 1.13", f"abi_dependency :: torch :: {said}", SMALL_SIZE]
    install(environment, torch="3.0")
    (environment / "torch-2.10.1.dist-info/METADATA").unlink()
    (environment / "torch-2.10.1.dist-info").rmdir()
    assert project.refusal(settings=SMALL).endswith(
        f"variant 'small' has abi_dependency :: torch :: 1.13, {said}, but the build used Torch 3.0;"
        " require Torch==1.13.* for the build"
    )


VERSIONS = st.builds(
    "{}{}{}".format,
    st.lists(st.integers(0, 11), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts))),
    st.sampled_from(["", "a1", "rc2", ".post1", ".dev3"]),
    st.sampled_from(["", "+cpu"]),
).map(Version)
PREFIXES = st.lists(st.integers(0, 11), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))


@given(VERSIONS, PREFIXES)
def test_a_version_matches_its_own_prefixes_and_no_others(version: Version, other: str) -> None:
    for value in {*prefixes(version), other}:
        matches = SpecifierSet(f"=={value}.*").contains(version, prereleases=True)
        assert matches == (value in prefixes(version))
        check_property(Property(ABI_DEPENDENCY, "torch", value))


def test_all_problems_of_the_versions_of_a_build_are_reported() -> None:
    variant = Variant("x", frozenset({Property(ABI_DEPENDENCY, "a", "2")}))
    with pytest.raises(VariantError) as caught:
        built_with(variant, {"a": Version("3"), "b": Version("1!1")})
    assert len(caught.value.problems) == 2


def convert(wheel: Path, *options: str) -> Result:
    return CliRunner().invoke(make_variant_command, [*options, str(wheel)])


@pytest.mark.parametrize("value", ["2.10.0.1", "02", "2.x", "2.", ".2", "2..1", "v2"])
def test_an_invalid_start_of_a_version_is_refused(tmp_path: Path, value: str) -> None:
    result = convert(make_wheel(tmp_path), "-p", f"abi_dependency :: torch :: {value}")
    assert result.exit_code == 1
    assert f"invalid start of a version {value!r}; write one to three numbers" in result.output


@pytest.mark.parametrize("name", ["a__b", "_a", "a_"])
def test_a_feature_must_be_a_normalized_project_name(tmp_path: Path, name: str) -> None:
    result = convert(make_wheel(tmp_path), "-p", f"abi_dependency :: {name} :: 2")
    assert f"invalid project name {name!r}; write it in lower case" in result.output


@pytest.fixture
def project_file(tmp_path: Path) -> Path:
    path = tmp_path / "pyproject.toml"
    path.write_text(WRAPPING + RECIPE.replace(', "a.b"', "") + VARIANT)
    return path


def test_conversion_cannot_know_the_versions_of_the_build(tmp_path: Path, project_file: Path) -> None:
    wheel = make_wheel(tmp_path)
    options = ("--pyproject", str(project_file), "--label", "small")
    assert (
        "error: tool.variant-backend.variants.small.abi-dependency: the version of 'Torch' is not recorded in"
        " a finished wheel; use --label small --property 'abi_dependency :: torch :: 2.10' with the right"
        " version"
    ) in convert(wheel, *options).output
    for properties in ([TORCH], [TORCH, SMALL_SIZE]):
        result = convert(wheel, *options, "--force", *(text for each in properties for text in ("-p", each)))
        assert result.exit_code == 0, result.output
        content = walk(tmp_path / SMALL_NAME)[VARIANT_JSON]
        assert label_and_properties(content) == ("small", [TORCH, SMALL_SIZE])


def variant_with(*properties: str) -> Variant:
    table = {"namespace": ["a"]}
    variants = {"x": {"a": {"f": ["1"]}, ABI_DEPENDENCY: {"torch": ["2.10"]}}}
    metadata = metadata_from_table({"default-priorities": table, "variants": variants}, "table")
    return select_variant(metadata, "x", frozenset(map(Property.parse, properties)))


def test_an_option_does_not_change_a_version_of_the_label() -> None:
    defined = variant_with()
    assert variant_with(TORCH) == variant_with(TORCH, "a::f::1") == defined
    numpy = Property(ABI_DEPENDENCY, "numpy", "2")
    assert variant_with(str(numpy)).properties == defined.properties | {numpy}
    for others in (["abi_dependency::torch::2.9"], [TORCH, "a::f::2"], ["a::f::1"], [str(numpy), "a::f::1"]):
        with pytest.raises(VariantError, match="with other properties: a :: f :: 1, abi_dependency :: torch"):
            variant_with(*others)


def test_the_property_is_kept_by_all_commands(tmp_path: Path) -> None:
    plain = make_wheel(tmp_path)
    options = ("--label", "x", "-p", "blas::library::mkl", "--static", "blas::library::mkl", "-p", TORCH)
    assert convert(plain, *options).exit_code == 0
    wheel = tmp_path / "demo-1.0-py3-none-any-x.whl"
    run = CliRunner().invoke
    assert run(main, ["index", str(tmp_path)]).exit_code == 0
    index = json.loads((tmp_path / "demo-1.0-variants.json").read_text())
    assert index["variants"] == {"x": {"abi_dependency": {"torch": ["2.10"]}, "blas": {"library": ["mkl"]}}}
    assert TORCH in run(main, ["inspect", str(wheel)]).output
    checked = run(main, ["check", str(tmp_path), "--json"])
    assert "abi-dependency" in checked.output
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    shown = run(main, ["installed", "--path", str(tmp_path / "site"), "--json"]).output
    assert json.loads(shown)["variants"][0]["properties"] == index["variants"]["x"]
    assert run(main, ["unmake", str(wheel), "-o", str(tmp_path / "plain")]).exit_code == 0
    assert (tmp_path / "plain" / plain.name).read_bytes() == plain.read_bytes()


def test_wheels_of_one_label_conflict_if_built_with_different_versions(tmp_path: Path) -> None:
    for tag, version in (("cp312-cp312-any", "2.9"), ("cp313-cp313-any", "2.10")):
        wheel = make_wheel(tmp_path, tag=tag)
        properties = ("-p", "blas::library::mkl", "-p", f"abi_dependency::torch::{version}")
        assert convert(wheel, "--label", "x", *properties).exit_code == 0
    result = CliRunner().invoke(main, ["index", str(tmp_path)])
    assert result.exit_code == 1
    assert (
        'variants.x.abi_dependency.torch: built with ["2.9"] and with ["2.10"]; use a label for each'
        in result.output
    )


@pytest.mark.filterwarnings("ignore:Implicit None:DeprecationWarning")  # of Python before 3.15
@pytest.mark.parametrize("metadata", ["Metadata-Version: 2.1\nName: demo\n", None])
def test_installed_metadata_without_a_version_is_an_error(
    tmp_path: Path, metadata: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo-1.0.dist-info").mkdir()
    if metadata:
        (tmp_path / "demo-1.0.dist-info" / "METADATA").write_text(metadata, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(VariantError, match=r"^the installed .demo.: its metadata has no version$"):
        installed_versions(["demo"])
