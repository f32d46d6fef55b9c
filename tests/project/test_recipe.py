from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import default_environment
from packaging.requirements import Requirement

from variant_backend._internal.errors import VariantError
from variant_backend._internal.project.pyproject import Project
from variant_backend._internal.project.recipe import Recipe, label_for
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.properties import NULL_VARIANT, Property, Variant

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


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(VariantError) as error:
        load(folder, text)
    return [line.removeprefix(f"{folder / 'pyproject.toml'}: ") for line in error.value.lines()]


def test_a_label_adds_to_the_recipe_of_all_labels(tmp_path: Path) -> None:
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


def test_all_problems_are_reported_at_once_with_suggestions(tmp_path: Path) -> None:
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
        (f"{place}.remove-dependencies[0]: invalid project name 'mkl==2'; write NAME", ""),
        (f"{place}.name: invalid project name '-'", "use letters"),
        (f"{place}.strip-local-version: expected true or false, got a string", ""),
        (f"{place}.markers: unknown value 'resolved'", "did you mean 'resolve'?"),
        (f"{place}.variants.cu182: unknown label 'cu182'", "did you mean 'cu128'?"),
        (f"{at}.mach: unknown key", "did you mean 'match'?"),
        (f"{at}.match.locl: unknown key", "did you mean 'local'?"),
        (f"{at}.match.platform: glob '*linux-x86_64': no platform contains the character '-'", "write '?'"),
        (f"{at}.match.abi: glob 'cp31[23': '[' without ']'", "add the ']'"),
        (f"{at}.match.name: an empty glob matches nothing", "write '*'"),
        (f"{at}.match.python: expected a string, got a number", ""),
        (f"{at}.env.N: expected a string, got a number", ""),
        (f"{at}.env-append.A=B: invalid name of an environment variable 'A=B'", ""),
        (f"{at}.config-settings.a: expected a string, got a number", ""),
        (f"{at}.config-settings.b[1]: expected a string, got a number", ""),
        (f"{at}.build-requires[0]: ", "variant_label"),
        (f"{at}.dependencies: expected a list of strings, got a string", ""),
        (f"{place}.variants.cu128.match: expected at least one glob", "known keys: name, version"),
        (f"{place}.plugins: unknown value 'on'", "known values: off, validate"),
    ]
    found = problems(tmp_path, table)
    assert len(found) == len(expected), found
    for line, (start, inside) in zip(sorted(found), sorted(expected), strict=True):
        assert line.startswith(start), line
        assert inside in line


def test_labels_are_not_checked_if_the_variant_table_is_broken(tmp_path: Path) -> None:
    text = COMPLETE.replace('cuda = ["12.8"]', "cuda = []")
    assert problems(tmp_path, text) == [
        "[variant]: variants.cu128.nvidia.cuda: expected a list of at least one string, got an empty list"
    ]


def test_a_project_without_variants_only_has_the_null_label(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, "[tool.variant-backend.variants.cu128]\n")
    assert line.endswith("; labels in [variant.variants]: null")
    assert load(tmp_path, "[tool.variant-backend.variants.null]\n").recipe("null") == Recipe()


def test_env_append_follows_the_environment_or_the_default_flags() -> None:
    recipe = Recipe(env_append={"A": "1", "B": "-x", "C": "-y"})
    current, defaults = {"A": "0", "D": "5"}, {"A": "9", "B": "-O2"}
    assert recipe.appended(current, defaults) == {"A": "0 1", "B": "-O2 -x", "C": "-y"}
    assert recipe.appended({"B": ""}, defaults)["B"] == "-x"


def test_settings_of_the_user_follow_those_of_the_recipe() -> None:
    recipe = Recipe(config_settings={"setup-args": ("-Da=1", "-Db=2"), "build-dir": "here"})
    assert recipe.settings({}) == {"setup-args": ["-Da=1", "-Db=2"], "build-dir": "here"}
    given = {"setup-args": "-Da=3", "build-dir": "there", "own": ["x"]}
    assert recipe.settings(given) == {
        "setup-args": ["-Da=1", "-Db=2", "-Da=3"],
        "build-dir": "there",
        "own": ["x"],
    }
    extended = recipe.settings({"setup-args": ["-Dc", "-Dd"]})
    assert extended["setup-args"] == ["-Da=1", "-Db=2", "-Dc", "-Dd"]


# Requirements.


def test_requirements_are_removed_by_name_or_prefix_and_added_last() -> None:
    own = ["MKL>=2021", "Nvidia_cublas.cu12==12 ; extra == 'x'", "nvidiax", "mkl-devel", "numpy"]
    recipe = Recipe(remove_dependencies=("mkl", "NVIDIA_*"), dependencies=("mkl==2025",))
    assert recipe.requirements(own, CUDA) == ["nvidiax", "mkl-devel", "numpy", "mkl==2025"]


def test_requirements_without_a_recipe_keep_their_spelling() -> None:
    own = ["b >= 1", "a (>=2)", "b >= 1", "not a requirement"]
    assert Recipe().requirements(own, CUDA) == own


def test_equal_requirements_are_listed_once() -> None:
    own = ["NumPy >=2", "a; os_name=='nt'", "old (>1)"]
    recipe = Recipe(
        dependencies=("numpy>=2", 'A; os_name == "nt"', "numpy >= 2; 'nvidia' in variant_namespaces")
    )
    assert recipe.requirements(own, CUDA) == ["old (>1)", "numpy>=2", 'A; os_name == "nt"']


def test_a_label_may_remove_dependencies_of_all_labels(tmp_path: Path) -> None:
    table = '[tool.variant-backend]\ndependencies = ["triton==3", "x"]\n'
    table += "[tool.variant-backend.variants.cu128]\n"
    table += 'remove-dependencies = ["Triton"]\ndependencies = ["triton==4"]\n'
    project = load(tmp_path, table + VARIANT)
    assert project.recipe("cu128").requirements(["triton"], CUDA) == ["x", "triton==4"]
    assert project.recipe("cu126").requirements(["triton"], CUDA) == ["triton", "triton==3", "x"]


def test_a_recipe_cannot_request_a_variant(tmp_path: Path) -> None:
    table = '[tool.variant-backend.variants.cu128]\nconfig-settings = { variant = "x" }\n'
    (line,) = problems(tmp_path, table + VARIANT)
    assert "config-settings.variant: expected a setting of the wrapped backend" in line


def test_variant_markers_are_decided_or_kept() -> None:
    common = "triton; platform_system=='Linux' and 'nvidia' in variant_namespaces"
    recipe = Recipe(dependencies=(common,))
    own = ["a", "b; variant_label == 'cu128'", "c; variant_label != 'cu128'"]
    assert recipe.requirements(own, CUDA) == ["a", "b", 'triton; platform_system == "Linux"']
    assert recipe.requirements(own, NULL_VARIANT) == ["a", "c"]
    assert recipe._replace(keep_markers=True).requirements(own, CUDA) == [*own, common]
    assert Recipe().requirements(own, CUDA) == ["a", "b"]


# Changes that depend on the environment, and compiler flags.

FACTS = {name: str(value) for name, value in default_environment().items()}
LINUX = {**FACTS, "sys_platform": "linux", "os_name": "posix", "python_version": "3.12"}
BY_MARKER = """
[tool.variant-backend.variants.cu128]
env = { A = "1", "sys_platform == 'win32'" = { A = "2" }, "os_name == 'posix'" = { A = "3", B = "4" } }
config-settings = { list = ["a"], text = "a", "os_name == 'posix'" = { list = ["b"], text = "b" } }
[tool.variant-backend.variants.cu128.env-append]
CFLAGS = "-a"
"sys_platform == 'linux'" = { CFLAGS = "-b", LDFLAGS = "-l" }
"sys_platform == 'linux' and python_version >= '3.12'".CFLAGS = "-c"
"sys_platform == 'win32'".CL = "/d"
[tool.variant-backend.variants.cu128.build-requires]
"sys_platform == 'win32'" = ["a", "b>=1; os_name == 'nt' or python_version < '3'"]
"os_name == 'posix'" = ["c @ https://example.org/c.whl"]
"""


def test_changes_of_true_markers_follow_the_others(tmp_path: Path) -> None:
    recipe = load(tmp_path, BY_MARKER + VARIANT).recipe("cu128").decided(LINUX)
    assert recipe.conditional == ()
    assert recipe.env == {"A": "3", "B": "4"}
    assert recipe.env_append == {"CFLAGS": "-a -b -c", "LDFLAGS": "-l"}
    assert recipe.settings({"list": "u"}) == {"list": ["a", "b", "u"], "text": "b"}
    windows = {**LINUX, "sys_platform": "win32", "os_name": "nt"}
    recipe = load(tmp_path, BY_MARKER + VARIANT).recipe("cu128").decided(windows)
    assert recipe.env == {"A": "2"}
    assert recipe.env_append == {"CFLAGS": "-a", "CL": "/d"}
    assert recipe.settings({}) == {"list": ["a"], "text": "a"}


def test_build_requirements_get_the_marker_of_their_list(tmp_path: Path) -> None:
    build_requires = load(tmp_path, BY_MARKER + VARIANT).recipe("cu128").build_requires
    expected = [
        'a; sys_platform == "win32"',
        'b>=1; (os_name == "nt" or python_version < "3") and sys_platform == "win32"',
        'c @ https://example.org/c.whl ; os_name == "posix"',
    ]
    assert [*map(Requirement, build_requires)] == [*map(Requirement, expected)]


@pytest.mark.parametrize(
    ("entry", "place", "message"),
    [
        (
            """env = { "sys_plaform == 'win32'" = { A = "1" } }""",
            "env.sys_plaform == 'win32'",
            "unknown marker name 'sys_plaform' (did you mean 'sys_platform'?); use os_name, sys_platform, ",
        ),
        (
            """env-append = { "extra == 'x'" = { A = "1" } }""",
            "env-append.extra == 'x'",
            "extra is unknown when the wheel is built; use os_name, ",
        ),
        (
            """build-requires = { "variant_label == 'x'" = ["a"] }""",
            "build-requires.variant_label == 'x'",
            "variant_label is unknown when the wheel is built; use os_name, ",
        ),
        (
            """config-settings = { "os_name = 'nt'" = { a = "b" } }""",
            "config-settings.os_name = 'nt'",
            "; write a marker such as sys_platform == 'win32'",
        ),
        (
            """env = { "os_name == 'nt'" = "1" }""",
            "env.os_name == 'nt'",
            """write a table after a marker: { NAME = "..." }""",
        ),
        (
            """config-settings = { "'nt' in os_name" = "1" }""",
            "config-settings.'nt' in os_name",
            """expected a table, as the key is a marker; write a table after a marker""",
        ),
        (
            """env = { CFLAGS = { A = "1" } }""",
            "env.CFLAGS",
            """expected a string, got a table; write a string, or a table whose key is a marker such as""",
        ),
        (
            """env = { "os_name == 'nt'" = { "os_name == 'nt'" = { A = "1" } } }""",
            "env.os_name == 'nt'.os_name == 'nt'",
            "expected a string, got a table",
        ),
        (
            """build-requires = { "os_name == 'nt'" = ["a", "b; variant_label == 'x'"] }""",
            "build-requires.os_name == 'nt'[1]",
            "build requirements must not have variant markers",
        ),
        ("""flags = "auot\"""", "flags", "unknown value 'auot' (did you mean 'auto'?); known values: auto"),
        (
            """flags = "auto\"""",
            "flags",
            "no compiler flags are known for 'nvidia :: cuda :: 12.8'; remove it, and write the flags in",
        ),
    ],
)
def test_problems_of_markers_and_flags_name_place_and_remedy(
    tmp_path: Path, entry: str, place: str, message: str
) -> None:
    (line,) = problems(tmp_path, f"[tool.variant-backend.variants.cu128]\n{entry}\n{VARIANT}")
    assert line.startswith(f"tool.variant-backend.variants.cu128.{place}: ")
    assert message in line


def test_flags_of_the_null_variant_are_an_error(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, '[tool.variant-backend.variants.null]\nflags = "auto"\n' + VARIANT)
    assert line.endswith("null.flags: the null variant has no properties; remove it")


def test_a_backend_that_compiles_nothing_cannot_have_flags(tmp_path: Path) -> None:
    text = '[tool.variant-backend]\nbuild-backend = "BACKEND"\nvariants.cu128.flags = "auto"\n'
    text += VARIANT.replace("nvidia = { cuda = [", "x86_64 = { avx2 = [").replace("12.8", "on")
    text = text.replace('namespace = ["nvidia"]', 'namespace = ["nvidia", "x86_64"]')
    assert load(tmp_path, text.replace("BACKEND", "mesonpy")).recipe("cu128").auto_flags
    (line,) = problems(tmp_path, text.replace("BACKEND", "uv_build"))
    assert "flags: 'uv_build' never compiles anything; remove it" in line


def test_flags_come_before_the_other_ones_of_a_recipe() -> None:
    recipe = Recipe(env_append={"CFLAGS": "-own"}).with_flags({"CFLAGS": "-march=x", "CL": "/x"})
    assert recipe.env_append == {"CFLAGS": "-march=x -own", "CL": "/x"}


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
def test_applying_a_recipe_twice_changes_nothing_more(
    own: list[str], added: list[str], removed: list[str], variant: Variant
) -> None:
    recipe = Recipe(dependencies=tuple(added), remove_dependencies=tuple(removed))
    once = recipe.requirements(own, variant)
    assert recipe.requirements(once, variant) == once


@given(own=st.lists(spelled, max_size=5), added=st.lists(spelled, max_size=5))
def test_the_first_of_equal_requirements_is_kept(own: list[str], added: list[str]) -> None:
    def first_ones(texts: list[str]) -> dict[Requirement, str]:
        result: dict[Requirement, str] = {}
        for text in texts:
            result.setdefault(Requirement(text), text)
        return result

    wanted = first_ones(added)
    kept = [text for meaning, text in first_ones(own).items() if meaning not in wanted]
    recipe = Recipe(dependencies=tuple(added), keep_markers=True)
    assert recipe.requirements(own, CUDA) == ([*kept, *wanted.values()] if added else own)


def test_simple_requirements_need_no_import_of_packaging(tmp_path: Path) -> None:
    table = "[tool.variant-backend]\nremove-dependencies = ['mkl']\ndependencies = ['numpy==2']\n"
    dependencies = """["triton >= 3, < 4; platform_system == 'Linux' and variant_label != 'null'"]"""
    table += f"[tool.variant-backend.variants.cu128]\ndependencies = {dependencies}\n"
    (tmp_path / "pyproject.toml").write_text(table + VARIANT)
    program = """
import sys
from pathlib import Path
from variant_backend._internal.project.pyproject import Project

project = Project.load(Path("pyproject.toml"))
variant = project.metadata.variants["cu128"]
print(project.recipe("cu128").requirements(["mkl", "jinja2>=3; extra == 'x'"], variant))
print(any(name.startswith("packaging") for name in sys.modules))
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    requirements = ["jinja2>=3; extra == 'x'", "numpy==2", 'triton<4,>=3; platform_system == "Linux"']
    assert done.stdout == f"{requirements}\nFalse\n"


# The wheels that a recipe matches.

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
        ({"version": "2.10.0"}, True),
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
def test_every_glob_must_match_its_part(match: dict[str, str], picked: bool) -> None:
    assert Recipe(match=match).picks(WheelFilename.parse(WHEEL)) == picked


def test_local_versions_are_compared_by_pep_440() -> None:
    recipe = Recipe(match={"local": "Ubuntu_1"})
    assert recipe.picks(WheelFilename.parse("a-1+ubuntu.1-py3-none-any.whl"))
    assert recipe.picks(WheelFilename.parse("a-1+ubuntu_1-py3-none-any.whl"))


def test_the_case_of_a_version_is_ignored() -> None:
    recipe = Recipe(match={"version": "2.11.0RC*"})
    assert recipe.picks(WheelFilename.parse("a-2.11.0RC1-py3-none-any.whl"))
    assert recipe.picks(WheelFilename.parse("a-2.11.0rc1-py3-none-any.whl"))


def test_an_empty_glob_matches_no_local_version() -> None:
    recipe = Recipe(match={"local": ""})
    assert recipe.picks(WheelFilename.parse("a-1-py3-none-any.whl"))
    assert not recipe.picks(WheelFilename.parse("a-1+b-py3-none-any.whl"))


def test_two_matching_labels_are_an_error() -> None:
    recipes = {"a": Recipe(match={"local": "cu*"}), "b": Recipe(match={"python": "cp313"}), "c": Recipe()}
    with pytest.raises(VariantError, match=r"several labels match: a, b; change the globs"):
        label_for(recipes, WheelFilename.parse(WHEEL))
    del recipes["a"]
    assert label_for(recipes, WheelFilename.parse(WHEEL)) == "b"
    assert label_for({}, WheelFilename.parse(WHEEL)) is None
