from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from variant_backend.errors import VariantError
from variant_backend.project.pyproject import Project
from variant_backend.project.recipe import Recipe, label_for
from variant_backend.variants.filename import WheelFilename
from variant_backend.variants.properties import NULL_VARIANT, Property, Variant

VARIANT = """
[variant]
default-priorities.namespace = ["nvidia"]
providers.nvidia.requires = ["nvidia-variant-provider"]
variants.cu128 = { nvidia = { cuda = ["12.8"] } }
variants.cu126 = { nvidia = { cuda = ["12.6"] } }
"""
COMPLETE = f"""
[tool.variant-backend]
build-backend = "setuptools.build_meta"
dependencies = ["triton==3.6.0; platform_system == 'Linux' and 'nvidia' in variant_namespaces"]
remove-dependencies = ["mkl", "nvidia-*"]
name = "torch"
strip-local-version = true
markers = "resolve"
plugins = "off"

[tool.variant-backend.variants.cu128]
match = {{ local = "cu128", platform = "*linux*" }}
env = {{ TORCH_CUDA_ARCH_LIST = "9.0;12.0" }}
env-append = {{ CMAKE_ARGS = "-DUSE_X=ON" }}
config-settings = {{ setup-args = ["-Dblas=mkl"], build-dir = "b" }}
build-requires = ["mkl-devel"]
dependencies = ["nvidia-cublas==12.8.4.1; platform_system == 'Linux'"]
remove-dependencies = ["old"]

[tool.variant-backend.variants.null]
dependencies = []
{VARIANT}
"""
CUDA = Variant.of("cu128", frozenset([Property("nvidia", "cuda", "12.8")]))


def load(folder: Path, text: str) -> Project:
    path = folder / "pyproject.toml"
    path.write_text(text, encoding="utf-8")
    return Project.load(path)


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(VariantError) as error:
        load(folder, text)
    return [line.removeprefix(f"{folder / 'pyproject.toml'}: ") for line in error.value.lines()]


def test_a_label_has_its_own_recipe_behind_that_of_all_labels(tmp_path: Path) -> None:
    project = load(tmp_path, COMPLETE)
    triton = "triton==3.6.0; platform_system == 'Linux' and 'nvidia' in variant_namespaces"
    common = Recipe(
        dependencies=(triton,),
        remove_dependencies=("mkl", "nvidia-*"),
        name="torch",
        strip_local_version=True,
    )
    assert project.recipe("cu126") == project.recipe("null") == common
    assert project.recipe("cu128") == common._replace(
        match={"local": "cu128", "platform": "*linux*"},
        env={"TORCH_CUDA_ARCH_LIST": "9.0;12.0"},
        env_append={"CMAKE_ARGS": "-DUSE_X=ON"},
        config_settings={"setup-args": ("-Dblas=mkl",), "build-dir": "b"},
        build_requires=("mkl-devel",),
        dependencies=(triton, "nvidia-cublas==12.8.4.1; platform_system == 'Linux'"),
        remove_dependencies=("mkl", "nvidia-*", "old"),
    )
    assert not project.validates


def test_all_faults_of_the_tables_are_told_at_once_with_a_suggestion(tmp_path: Path) -> None:
    table = f"""
[tool.variant-backend]
build-backnd = "x"
dependencies = ["triton=3", "a; 'x' in variant_namespace"]
remove-dependencies = ["mkl==2", "nvidia-*"]
name = "-"
strip-local-version = "yes"
markers = "resolved"
plugins = "on"
[tool.variant-backend.variants.cu182]
[tool.variant-backend.variants.cu126]
mach = {{ local = "x" }}
match = {{ locl = "x", platform = "*linux-x86_64", abi = "cp31[23", name = "", python = 3 }}
env = {{ N = 1 }}
env-append = {{ "A=B" = "x" }}
config-settings = {{ a = 1, b = ["x", 2] }}
build-requires = ["mkl; variant_label == 'x'"]
dependencies = "mkl"
[tool.variant-backend.variants.cu128]
match = {{}}
{VARIANT}
"""
    place = "tool.variant-backend"
    at = f"{place}.variants.cu126"
    expected = [
        (f"{place}.build-backnd: unknown key 'build-backnd'", "did you mean 'build-backend'?"),
        (f"{place}.dependencies[0]: requirement 'triton=3': ", "write NAME"),
        (f"{place}.dependencies[1]: ", "did you mean 'variant_namespaces'?"),
        (f"{place}.remove-dependencies[0]: 'mkl==2' is no project's name; write NAME", ""),
        (f"{place}.name: project name '-'", "use letters"),
        (f"{place}.strip-local-version: expected true or false, got a string", ""),
        (f"{place}.markers: unknown value 'resolved'", "did you mean 'resolve'?"),
        (f"{place}.variants.cu182: no such label in [variant.variants]", "did you mean 'cu128'?"),
        (f"{at}.mach: unknown key 'mach'", "did you mean 'match'?"),
        (f"{at}.match.locl: unknown key 'locl'", "did you mean 'local'?"),
        (f"{at}.match.platform: glob '*linux-x86_64': no platform has the character '-'", "write '?'"),
        (f"{at}.match.abi: glob 'cp31[23': '[' without ']'", "close it"),
        (f"{at}.match.name: is empty", "write '*'"),
        (f"{at}.match.python: expected a string, got a number", ""),
        (f"{at}.env.N: expected a string, got a number", ""),
        (f"{at}.env-append.A=B: 'A=B' is no name of an environment variable", ""),
        (f"{at}.config-settings.a: expected a string, got a number", ""),
        (f"{at}.config-settings.b[1]: expected a string, got a number", ""),
        (f"{at}.build-requires[0]: ", "variant_label"),
        (f"{at}.dependencies: expected a list of strings, got a string", ""),
        (f"{place}.variants.cu128.match: names nothing to pick by", "known are name, version"),
        (f"{place}.plugins: unknown value 'on'", "known values: off, validate"),
    ]
    found = faults(tmp_path, table)
    assert len(found) == len(expected), found
    for line, (start, inside) in zip(sorted(found), sorted(expected), strict=True):
        assert line.startswith(start), line
        assert inside in line


def test_a_broken_variant_table_makes_no_label_unknown(tmp_path: Path) -> None:
    text = COMPLETE.replace('cuda = ["12.8"]', "cuda = []")
    assert faults(tmp_path, text) == [
        "[variant]: variants.cu128.nvidia.cuda: expected a list of at least one string, got an empty list"
    ]


def test_a_project_without_variants_has_no_label_but_null(tmp_path: Path) -> None:
    (line,) = faults(tmp_path, "[tool.variant-backend.variants.cu128]\n")
    assert line.endswith("no such label in [variant.variants]; known are null")
    assert load(tmp_path, "[tool.variant-backend.variants.null]\n").recipe("null") == Recipe()


def test_the_environment_is_replaced_and_then_added_to() -> None:
    recipe = Recipe(env={"A": "1", "B": "2"}, env_append={"B": "3", "C": "-x", "D": "-y"})
    there = {"A": "0", "B": "0", "C": "-O2", "E": "5"}
    assert recipe.environment(there) == {"A": "1", "B": "2 3", "C": "-O2 -x", "D": "-y"}
    assert recipe.environment({"C": ""})["C"] == "-x"


def test_the_users_settings_come_after_those_of_the_recipe() -> None:
    recipe = Recipe(config_settings={"setup-args": ("-Da=1", "-Db=2"), "build-dir": "here"})
    assert recipe.settings({}) == {"setup-args": ["-Da=1", "-Db=2"], "build-dir": "here"}
    given = {"setup-args": "-Da=3", "build-dir": "there", "own": ["x"]}
    assert recipe.settings(given) == {
        "setup-args": ["-Da=1", "-Db=2", "-Da=3"],
        "build-dir": "there",
        "own": ["x"],
    }
    assert recipe.settings({"setup-args": ["-Dc", "-Dd"]})["setup-args"][2:] == ["-Dc", "-Dd"]


# Requirements.


def test_requirements_are_removed_by_normalized_name_or_prefix_and_added_behind() -> None:
    own = ["MKL>=2021", "Nvidia_cublas.cu12==12 ; extra == 'x'", "nvidiax", "mkl-devel", "numpy"]
    recipe = Recipe(remove_dependencies=("mkl", "NVIDIA_*"), dependencies=("mkl==2025",))
    assert recipe.requirements(own, CUDA) == ["nvidiax", "mkl-devel", "numpy", "mkl==2025"]


def test_without_a_recipe_requirements_stay_in_their_spelling() -> None:
    own = ["b >= 1", "a (>=2)", "b >= 1", "not a requirement"]
    assert Recipe().requirements(own, CUDA) == own


def test_each_requirement_is_there_once_however_it_is_spelled() -> None:
    own = ["NumPy >=2", "a; os_name=='nt'", "old (>1)"]
    recipe = Recipe(
        dependencies=("numpy>=2", 'A; os_name == "nt"', "numpy >= 2; 'nvidia' in variant_namespaces")
    )
    assert recipe.requirements(own, CUDA) == ["old (>1)", "numpy>=2", 'A; os_name == "nt"']


def test_what_a_label_removes_it_does_not_get_from_the_dependencies_of_all(tmp_path: Path) -> None:
    table = '[tool.variant-backend]\ndependencies = ["triton==3", "x"]\n'
    table += "[tool.variant-backend.variants.cu128]\n"
    table += 'remove-dependencies = ["Triton"]\ndependencies = ["triton==4"]\n'
    project = load(tmp_path, table + VARIANT)
    assert project.recipe("cu128").requirements(["triton"], CUDA) == ["x", "triton==4"]
    assert project.recipe("cu126").requirements(["triton"], CUDA) == ["triton", "triton==3", "x"]


def test_our_settings_are_none_of_the_wrapped_backend(tmp_path: Path) -> None:
    table = '[tool.variant-backend.variants.cu128]\nconfig-settings = { variant = "x" }\n'
    (line,) = faults(tmp_path, table + VARIANT)
    assert "config-settings.variant: is no setting of the wrapped backend" in line


def test_markers_on_the_variant_are_decided_for_the_label_or_kept() -> None:
    common = "triton; platform_system=='Linux' and 'nvidia' in variant_namespaces"
    recipe = Recipe(dependencies=(common,))
    own = ["a", "b; variant_label == 'cu128'", "c; variant_label != 'cu128'"]
    assert recipe.requirements(own, CUDA) == ["a", "b", 'triton; platform_system == "Linux"']
    assert recipe.requirements(own, NULL_VARIANT) == ["a", "c"]
    assert recipe._replace(keep_markers=True).requirements(own, CUDA) == [*own, common]
    assert Recipe().requirements(own, CUDA) == ["a", "b"]


names = st.sampled_from(["mkl", "numpy", "nvidia-cublas", "nvidia_cudnn", "Triton", "tbb"])
markers = st.sampled_from(
    [
        "",
        "; os_name == 'nt'",
        "; 'nvidia' in variant_namespaces",
        "; variant_label == 'null' or os_name=='nt'",
    ]
)
spelled = st.sampled_from(
    [
        "a",
        "A",
        "a==1",
        "a == 1.0",
        "A==1",
        "b==1",
        "B_c>1",
        "b-c>1",
        "b.c >1.0",
        "a; os_name=='nt'",
        'a;os_name=="nt"',
    ]
)
requirement_lists = st.lists(st.builds(lambda name, marker: f"{name}>=1{marker}", names, markers), max_size=5)


@given(
    own=requirement_lists,
    added=requirement_lists,
    removed=st.lists(st.sampled_from(["mkl", "nvidia-*", "n*", "tbb"]), max_size=2),
    variant=st.sampled_from([CUDA, NULL_VARIANT]),
)
def test_a_recipe_that_is_applied_twice_gives_what_it_gives_once(
    own: list[str], added: list[str], removed: list[str], variant: Variant
) -> None:
    recipe = Recipe(dependencies=tuple(added), remove_dependencies=tuple(removed))
    once = recipe.requirements(own, variant)
    assert recipe.requirements(once, variant) == once


@given(own=st.lists(spelled, max_size=5), added=st.lists(spelled, max_size=5))
def test_of_requirements_that_mean_the_same_the_first_stays_unless_it_is_added(
    own: list[str], added: list[str]
) -> None:
    def first_ones(texts: list[str]) -> dict[Requirement, str]:
        result: dict[Requirement, str] = {}
        for text in texts:
            result.setdefault(Requirement(text), text)
        return result

    wanted = first_ones(added)
    kept = [text for meaning, text in first_ones(own).items() if meaning not in wanted]
    recipe = Recipe(dependencies=tuple(added), keep_markers=True)
    assert recipe.requirements(own, CUDA) == ([*kept, *wanted.values()] if added else own)


def test_simple_requirements_are_changed_without_loading_packaging(tmp_path: Path) -> None:
    table = "[tool.variant-backend]\nremove-dependencies = ['mkl']\ndependencies = ['numpy==2']\n"
    dependencies = """["triton >= 3, < 4; platform_system == 'Linux' and variant_label != 'null'"]"""
    table += f"[tool.variant-backend.variants.cu128]\ndependencies = {dependencies}\n"
    (tmp_path / "pyproject.toml").write_text(table + VARIANT)
    program = """
import sys
from pathlib import Path
from variant_backend.project.pyproject import Project

project = Project.load(Path("pyproject.toml"))
variant = project.metadata.variants["cu128"]
print(project.recipe("cu128").requirements(["mkl", "jinja2>=3; extra == 'x'"], variant))
print(any(name.startswith("packaging") for name in sys.modules))
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    requirements = ["jinja2>=3; extra == 'x'", "numpy==2", 'triton<4,>=3; platform_system == "Linux"']
    assert done.stdout == f"{requirements}\nFalse\n"


# Which wheels a recipe is for.

WHEEL = "Torch_Audio-2.10.0+cu128-1-cp312.cp313-none-manylinux_2_28_x86_64.manylinux_2_34_x86_64.whl"


@pytest.mark.parametrize(
    ("match", "picked"),
    [
        ({"local": "cu128"}, True),
        ({"local": "CU12?"}, True),
        ({"local": "cu12[67]"}, False),
        ({"local": ""}, False),
        ({"name": "torch-audio"}, True),
        ({"name": "torch_*"}, True),
        ({"name": "torch"}, False),
        ({"version": "2.10.*"}, True),
        ({"version": "2.10.0+cu128"}, False),
        ({"python": "cp313"}, True),
        ({"python": "cp311"}, False),
        ({"abi": "none"}, True),
        ({"platform": "*linux*"}, True),
        ({"platform": "manylinux_2_34_*"}, True),
        ({"platform": "win_*"}, False),
        ({"local": "cu128", "platform": "win_*"}, False),
        ({}, False),
    ],
)
def test_a_wheel_is_picked_when_every_glob_fits_its_part(match: dict[str, str], picked: bool) -> None:
    assert Recipe(match=match).picks(WheelFilename.parse(WHEEL)) == picked


def test_local_versions_are_compared_as_pep_440_says() -> None:
    recipe = Recipe(match={"local": "Ubuntu_1"})
    assert recipe.picks(WheelFilename.parse("a-1+ubuntu.1-py3-none-any.whl"))
    assert recipe.picks(WheelFilename.parse("a-1+ubuntu_1-py3-none-any.whl"))


def test_no_local_version_can_be_asked_for() -> None:
    recipe = Recipe(match={"local": ""})
    assert recipe.picks(WheelFilename.parse("a-1-py3-none-any.whl"))
    assert not recipe.picks(WheelFilename.parse("a-1+b-py3-none-any.whl"))


def test_a_wheel_that_two_labels_pick_is_an_error() -> None:
    recipes = {"a": Recipe(match={"local": "cu*"}), "b": Recipe(match={"python": "cp313"}), "c": Recipe()}
    with pytest.raises(VariantError, match=r"picked by the match of a and of b; make their globs exclude"):
        label_for(recipes, WheelFilename.parse(WHEEL))
    del recipes["a"]
    assert label_for(recipes, WheelFilename.parse(WHEEL)) == "b"
    assert label_for({}, WheelFilename.parse(WHEEL)) is None
