"""`init` wraps the build backend and adds labels, and `--undo` restores the file; real backends agree."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.programs import run
from hypothesis import given, settings
from hypothesis import strategies as st

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.toml_edit import with_string, without_string
from variant_backend._internal.project.pyproject import Project
from variant_backend._internal.project.scaffold import add_variant, unwrap, wrap
from variant_backend._internal.variants.known_providers import KNOWN_PROVIDERS
from variant_backend._internal.variants.metadata_reading import metadata_from_table
from variant_backend._internal.variants.properties import Property

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]

PLAIN = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"
requires-python = ">=3.10"
"""

WRAPPED = """\
[build-system]
requires = ["hatchling", "variant-backend-core"]
build-backend = "variant_backend.hooks"

[project]
name = "demo"
version = "1.0"
requires-python = ">=3.10"

[tool.variant-backend]
build-backend = "hatchling.build"
"""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def parsed(*texts: str) -> list[Property]:
    return [Property.parse(text) for text in texts]


# Project files of all styles. Each comment has a number, so that a test finds a lost one.


@st.composite
def lists(draw: st.DrawFn, *strings: str) -> str:
    """Draw a list of strings in any style."""
    quote = draw(st.sampled_from("\"'"))
    items = [f"{quote}{string}{quote}" for string in strings]
    layout = draw(st.sampled_from(["tight", "padded", "lines", "mixed", "comma first"]))
    if not items:
        return draw(st.sampled_from(["[]", "[ ]", "[\n]", "[\n  # nothing, yet\n]"]))
    comma = draw(st.sampled_from(["", ","]))
    if layout == "tight":
        return f"[{draw(st.sampled_from([',', ', ', ' , '])).join(items)}{comma}]"
    if layout == "padded":
        return f"[ {', '.join(items)}{comma} ]"
    if layout == "mixed":
        return f'[{", ".join(items)}{comma}  # a, "b", ]\n]'
    if layout == "comma first":
        joined = "\n  , ".join(items)
        return f"[\n    {joined}\n]"
    indent = draw(st.sampled_from(["", "  ", "    ", "\t"]))
    comments = draw(
        st.lists(st.sampled_from(["", '  # why, "this"', " #]"]), min_size=len(items), max_size=len(items))
    )
    ends = [*([","] * (len(items) - 1)), comma]
    lines = [f"{indent}{item}{end}{note}" for item, end, note in zip(items, ends, comments, strict=True)]
    last = draw(st.sampled_from(["", f"{indent}# the end\n"]))
    return "[\n" + "\n".join(lines) + f"\n{last}]"


@st.composite
def systems(draw: st.DrawFn) -> tuple[str, bool]:
    """Draw a [build-system] of any style, and whether it must be at the top."""
    requires = draw(st.lists(st.sampled_from(["flit_core >=3,<5", "Setuptools[x]>=61,<99"]), max_size=2))
    equals = draw(st.sampled_from([" = ", "=", "  =  "]))
    quote = draw(st.sampled_from("\"'"))
    style = draw(st.sampled_from(["header", "header", "dotted", "inline"]))
    entries = [f"requires{equals}{draw(lists(*requires))}"]
    if draw(st.booleans()):
        entries.insert(draw(st.sampled_from([0, 1])), f"build-backend{equals}{quote}a.b:c{quote}")
        if draw(st.booleans()):
            at = next(index for index, entry in enumerate(entries) if entry.startswith("build-backend"))
            folders = f"backend-path{equals}{draw(lists('.', 'b'))}"
            entries.insert(at + draw(st.sampled_from([0, 1])), folders)
    if style == "inline":
        flat = [entry for entry in entries if "\n" not in entry]
        if len(flat) == len(entries):
            pad = draw(st.sampled_from(["", " "]))
            return f"build-system{equals}{{{pad}{', '.join(entries)}{pad}}}\n", True
        style = "dotted"
    note = st.sampled_from(["", "  # NOTE"])
    if style == "dotted":
        return "".join(f"build-system.{entry}{draw(note)}\n" for entry in entries), True
    header = draw(st.sampled_from(["[build-system]", '[ "build-system" ]', "  [build-system]"]))
    indent = draw(st.sampled_from(["", "  "]))
    above = st.sampled_from(["", "", "# NOTE\n", "\n", "\n# NOTE\n# NOTE\n"])
    lines = "".join(f"{draw(above)}{indent}{entry}{draw(note)}\n" for entry in entries)
    return f"{header}{draw(note)}\n{lines}", False


OTHERS = [
    '[project]\nname = "x"  # NOTE\ndescription = """\n[tool.variant-backend]\nbuild-backend = 1\n"""\n',
    "[tool.black]\n# NOTE\nline-length = 99\n",
    '[[tool.mypy.overrides]]\nmodule = "a"\n[[tool.mypy.overrides]]\nmodule = "b"\n',
    "[variant.default-priorities]\nnamespace = ['a']\n",
]
OURS = [
    "",
    "[tool.variant-backend]  # NOTE\nname = 'x'\n",
    "[tool.variant-backend]\n# NOTE\nname = 'x'  # NOTE\n\n# NOTE\ndependencies = [\n  'a',  # NOTE\n]\n",
    "[tool.variant-backend]\n# NOTE\n",
    "[tool.variant-backend.variants.b]\n# NOTE\nenv = { A = '1' }\n",
    "[tool.variant-backend]\nname = 'x'\n[tool.variant-backend.variants.b]\n",
    "[tool.variant-backend.variants.a]\n\n[tool.other]\nx = 1\n\n[tool.variant-backend.variants.b]\n# NOTE\n",
    "[tool]\nvariant-backend.name = 'x'  # NOTE\nother.x = 1\nvariant-backend.markers = 'keep'\n",
    "[tool]\nvariant-backend = { name = 'x' }  # NOTE\n",
]


@st.composite
def project_files(draw: st.DrawFn) -> str:
    system, on_top = draw(systems())
    # Comments above a moved backend-path move with it only in tables with headers: see below.
    ours = draw(st.sampled_from(OURS[:-2] if "backend-path" in system else OURS))
    blocks = draw(st.permutations([system, ours, *draw(st.sets(st.sampled_from(OTHERS)))]))
    if on_top:
        blocks = [system, *(block for block in blocks if block is not system)]
    between = st.sampled_from(["", "\n", "\n\n\n", "\n# NOTE\n", "# NOTE\n\n# NOTE\n"])
    text = "".join(f"{draw(between)}{block}" for block in blocks if block) + draw(between)
    for number in range(text.count("NOTE")):
        text = text.replace("NOTE", f"note {number}!", 1)
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


def wrapped_tables(data: dict[str, Any]) -> dict[str, Any]:
    """Return the tables of a wrapped project file, computed in another way than by the code."""
    system = dict(data.get("build-system", {}))
    system.setdefault("requires", ["setuptools"])
    ours = dict(data.get("tool", {}).get("variant-backend", {}))
    ours["build-backend"] = system.get("build-backend", "setuptools.build_meta:__legacy__")
    system["build-backend"] = "variant_backend.hooks"
    if "backend-path" in system:
        ours["backend-path"] = system.pop("backend-path")
    system["requires"] = system["requires"] + ["variant-backend-core"]
    return {**data, "build-system": system, "tool": {**data.get("tool", {}), "variant-backend": ours}}


def check_wrapping(text: str) -> None:
    result = wrap(text)
    assert tomllib.loads(result.replace("\r\n", "\n")) == wrapped_tables(
        tomllib.loads(text.replace("\r\n", "\n"))
    )
    assert unwrap(result) == text
    assert wrap(result) == result
    assert unwrap(text) == text
    assert sorted(re.findall(r"note \d+!", result)) == sorted(re.findall(r"note \d+!", text))
    assert ("\r\n" in text) == ("\r\n" in result) and result.count("\r\n") in (0, result.count("\n"))
    assert result.endswith("\n") == text.endswith("\n")


# Each choice in `project_files` has at most nine outcomes, so 40 examples draw nearly all of them. The slow
# tests draw many more combinations.
few = settings(max_examples=40, deadline=None)


@given(project_files())
@few
def test_undo_restores_the_bytes_of_any_project_file(text: str) -> None:
    check_wrapping(text)


@pytest.mark.slow
@given(project_files())
@settings(max_examples=100, deadline=None)
def test_undo_restores_the_bytes_of_many_more_project_files(text: str) -> None:
    check_wrapping(text)


def check_label(text: str) -> None:
    wrapped = wrap(text)
    properties = parsed("b::f::1", "x86_64::level::v3", "b::f::2")
    result = add_variant(wrapped, "y", properties)
    assert add_variant(result, "y", properties) == result
    before, after = (tomllib.loads(each.replace("\r\n", "\n")) for each in (wrapped, result))
    variant = after.pop("variant")
    assert variant["variants"]["y"] == {"b": {"f": ["1", "2"]}, "x86_64": {"level": ["v3"]}}
    declared = before.pop("variant", {"default-priorities": {"namespace": []}})["default-priorities"]
    assert variant["default-priorities"]["namespace"] == [*declared["namespace"], "b", "x86_64"]
    assert after["tool"]["variant-backend"]["variants"].pop("y") in ({}, {"flags": "auto"})
    before["tool"]["variant-backend"].setdefault("variants", {})
    assert before == after
    assert sorted(re.findall(r"note \d+!", result)) == sorted(re.findall(r"note \d+!", text))


@given(project_files())
@few
def test_a_label_is_added_to_any_project_file(text: str) -> None:
    check_label(text)


@pytest.mark.slow
@given(project_files())
@settings(max_examples=60, deadline=None)
def test_a_label_is_added_to_many_more_project_files(text: str) -> None:
    check_label(text)


@given(st.data(), st.lists(st.sampled_from(["a", "b-c[d]>=1", "e, f # g"]), max_size=3))
def test_a_string_is_added_to_and_removed_from_any_list(data: st.DataObject, strings: list[str]) -> None:
    array = data.draw(lists(*strings))
    longer = with_string(array, "new")
    assert tomllib.loads(f"x = {longer}")["x"] == [*strings, "new"]
    assert without_string(longer, len(strings)) == array
    assert longer.count("\n") - array.count("\n") in (0, 1)


@given(st.data(), st.lists(st.sampled_from(["a", "b-c[d]>=1", "e, f # g"]), min_size=1, max_size=4))
def test_any_string_of_a_list_can_be_removed(data: st.DataObject, strings: list[str]) -> None:
    array = data.draw(lists(*strings))
    index = data.draw(st.integers(0, len(strings) - 1))
    rest = [string for other, string in enumerate(strings) if other != index]
    assert tomllib.loads(f"x = {without_string(array, index)}")["x"] == rest


@pytest.mark.parametrize(
    ("array", "longer"),
    [
        ("['a']", "['a', 'new']"),
        ('["a",]', '["a", "new",]'),
        ('[\n  "a",\n  "b",  # why\n]', '[\n  "a",\n  "b",  # why\n  "new",\n]'),
        ('[\n  "a"  # why\n  # more\n]', '[\n  "a",  # why\n  "new"\n  # more\n]'),
        ("[]", '["new"]'),
        ('["""a"""]', '["""a""", "new"]'),
    ],
)
def test_a_new_string_has_the_style_of_the_last_one(array: str, longer: str) -> None:
    assert with_string(array, "new") == longer
    assert without_string(longer, len(tomllib.loads(f"x = {array}")["x"])) == array


# The text after wrapping, and after undoing it.


def test_wrapping_moves_the_backend_and_adds_the_requirement() -> None:
    assert wrap(PLAIN) == WRAPPED


def test_a_backend_in_the_tree_moves_with_folders_and_comments() -> None:
    text = PLAIN.replace(
        '"hatchling.build"\n', "'own'  # ours\n# It is in this tree.\nbackend-path = ['tools']  # here\n"
    )
    assert wrap(text) == (
        WRAPPED.replace('"variant_backend.hooks"', "'variant_backend.hooks'  # ours").replace(
            '"hatchling.build"\n', "'own'\n# It is in this tree.\nbackend-path = ['tools']  # here\n"
        )
    )
    assert unwrap(wrap(text)) == text


LEGACY = """\
[build-system]
requires = ["setuptools", "variant-backend-core"]
build-backend = "variant_backend.hooks"

[tool.variant-backend]
build-backend = "setuptools.build_meta:__legacy__"
"""


def test_a_project_without_a_build_system_gets_the_default_one() -> None:
    assert wrap("") == LEGACY
    assert wrap('[project]\nname = "demo"\n') == f'[project]\nname = "demo"\n\n{LEGACY}'
    assert wrap("[build-system]\n") == LEGACY


def test_undo_removes_an_added_default_backend() -> None:
    text = '[build-system]\nrequires = ["setuptools", "wheel"]\n'
    assert wrap(text) == LEGACY.replace('"setuptools", ', '"setuptools", "wheel", ')
    assert unwrap(wrap(text)) == text


@pytest.mark.parametrize(
    ("original", "after"),
    [
        ("", '[build-system]\nrequires = ["setuptools"]\n'),
        ("[build-system]  # none\n", '[build-system]  # none\nrequires = ["setuptools"]\n'),
        (
            '[project]\nname = "demo"',
            '[project]\nname = "demo"\n\n[build-system]\nrequires = ["setuptools"]',
        ),
        (
            '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta:__legacy__"\n',
            '[build-system]\nrequires = ["setuptools"]\n',
        ),
        (
            '[build-system]\nrequires = ["variant_backend >= 0.1", "a"]\nbuild-backend = "b"\n',
            '[build-system]\nrequires = ["a"]\nbuild-backend = "b"\n',
        ),
        (
            '[build-system]\nbuild-backend = "b"\nrequires = ["a"]\n# Here.\nbackend-path = ["."]\n',
            '[build-system]\nbuild-backend = "b"\n# Here.\nbackend-path = ["."]\nrequires = ["a"]\n',
        ),
        (
            '[build-system]\nrequires = ["a"]\nbuild-backend = "b"\n\n[tool.variant-backend]\n\n[project]\n',
            '[build-system]\nrequires = ["a"]\nbuild-backend = "b"\n\n[project]\n',
        ),
        (
            'build-system = {requires=["a"],build-backend="b",backend-path=["."]}\n',
            'build-system = {requires=["a"],build-backend="b", backend-path=["."]}\n',
        ),
        (
            'build-system.requires = ["a"]\nbuild-system.build-backend = "b"\n'
            '# Here.\nbuild-system.backend-path = ["."]\n',
            'build-system.requires = ["a"]\nbuild-system.build-backend = "b"\n'
            'build-system.backend-path = ["."]\n# Here.\n',
        ),
    ],
    ids=[
        "no build system",
        "an empty build system",
        "no build system and no final newline",
        "the default backend",
        "required already",
        "folders apart from the backend",
        "an empty table of ours",
        "an inline table with narrow commas",
        "a comment between dotted keys",
    ],
)
def test_lost_forms_are_restored_in_their_simplest_form(original: str, after: str) -> None:
    assert unwrap(wrap(original)) == after
    assert unwrap(wrap(after)) == after


def test_undo_keeps_other_keys_of_the_tables() -> None:
    text = add_variant(wrap(PLAIN), "avx2", parsed("x86_64::level::v3"))
    text = text.replace('"hatchling.build"\n', '"hatchling.build"  # before\nremove-dependencies = ["a"]\n')
    result = unwrap(text)
    assert result.startswith(f'{PLAIN}\n[tool.variant-backend]\nremove-dependencies = ["a"]\n\n[tool.variant')
    expected = tomllib.loads(text)
    expected["build-system"] = tomllib.loads(PLAIN)["build-system"]
    del expected["tool"]["variant-backend"]["build-backend"]
    assert tomllib.loads(result) == expected
    assert wrap(result).replace("  # before", "") == text.replace("  # before", "").replace(
        'build-backend = "hatchling.build"\nremove-dependencies = ["a"]\n',
        'remove-dependencies = ["a"]\nbuild-backend = "hatchling.build"\n',
    )


def test_undo_keeps_comments_of_the_next_table() -> None:
    project = PLAIN.partition("\n\n")[2]
    ours = '[tool.variant-backend]  # ours\nbuild-backend = "hatchling.build"  # before\n'
    text = f"{WRAPPED.partition('[project]')[0]}{ours}\n# About us.\n{project}"
    assert unwrap(text) == PLAIN.replace("[project]", "# About us.\n[project]")
    kept = text.replace("# ours\n", "\n# Why we have it.\n")
    assert "[tool.variant-backend]  \n# Why we have it.\n\n# About us.\n[project]" in unwrap(kept)


def test_a_copy_inside_another_package_is_a_wrapper() -> None:
    text = WRAPPED.replace('"variant_backend.hooks"', '"tools._vendor.variant_backend.hooks"')
    assert wrap(text) == text
    assert unwrap(text) == PLAIN


def test_undo_removes_the_path_of_a_copy_in_the_tree() -> None:
    text = (ROOT / "examples/in-tree/pyproject.toml").read_text(encoding="utf-8")
    assert wrap(text) == text
    system = tomllib.loads(unwrap(text))["build-system"]
    assert system["build-backend"] == "flit_core.buildapi"
    assert "backend-path" not in system


@pytest.mark.parametrize("name", ["setuptools", "hatchling", "meson-python"])
def test_undo_keeps_the_variants_of_the_examples(name: str) -> None:
    text = (ROOT / "examples" / name / "pyproject.toml").read_text(encoding="utf-8")
    assert wrap(text) == text
    before, after = tomllib.loads(text), tomllib.loads(unwrap(text))
    assert after["build-system"]["build-backend"] == before["tool"]["variant-backend"]["build-backend"]
    assert after["variant"] == before["variant"]
    assert "variant-backend" not in after.get("tool", {})


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("[build-system\n", ["invalid TOML: "]),
        ("[build-system]\nbuild-backend = 'a'\n", ["build-system.requires: missing; list the requirements"]),
        (
            "[build-system]\nrequires = 'a'\nbuild-backend = 1\nbackend-path = [1]\n",
            [
                "build-system.requires: expected a list of strings",
                "build-system.build-backend: expected a string, got a number",
                "build-system.backend-path: expected a list of strings",
            ],
        ),
        (
            "build-system = 1\n[tool]\nvariant-backend = []\n",
            ["build-system: expected a table", "tool.variant-backend: expected a table"],
        ),
        ("tool = 1\n", ["tool: expected a table"]),
        (
            "[build-system]\nrequires = []\nbuild-backend = 'variant_backend.hooks'\n",
            ["tool.variant-backend.build-backend: missing; write the name of the wrapped backend"],
        ),
        (
            f"{PLAIN}\n[tool.variant-backend]\nbuild-backend = 'a'\nbackend-path = ['.']\n",
            [
                "tool.variant-backend.build-backend: exists, but build-system.build-backend is not",
                "tool.variant-backend.backend-path: exists",
            ],
        ),
        (
            "[build-system]\nrequires = []\nbuild-backend = 'a'\nbackend-path = ['.']  # why\n"
            "[tool]\nvariant-backend = { name = 'x' }\n",
            ["cannot edit tables in this form; rewrite inline tables and dotted keys as tables with headers"],
        ),
    ],
)
def test_all_problems_of_a_project_file_are_reported(text: str, messages: list[str]) -> None:
    with pytest.raises(VariantError) as raised:
        wrap(text)
    assert len(raised.value.problems) == len(messages)
    for line, message in zip(sorted(raised.value.lines()), sorted(messages), strict=True):
        assert message in line


# Labels.


def test_a_first_label_gets_all_its_tables() -> None:
    properties = parsed("nvidia::sm_arch::12.0", "accuracy::mode::fast", "accuracy::mode::exact")
    text = add_variant(WRAPPED, "cu12.8", properties)
    assert (
        text
        == f"""{WRAPPED}
[tool.variant-backend.variants."cu12.8"]
# env-append = {{ CFLAGS = "..." }}
# dependencies = ["..."]

[variant.default-priorities]
namespace = ["nvidia", "accuracy"]  # the most important comes first

[variant.providers.nvidia]
requires = ["nvidia-variant-provider>=0.0.1,<1"]
plugin-api = "nvidia_variant_provider.plugin:NvidiaVariantPlugin"

[variant.providers.accuracy]  # every machine supports these values; the best comes first
static-properties = {{ mode = ["fast", "exact"] }}

[variant.variants]
"cu12.8" = {{ accuracy = {{ mode = ["exact", "fast"] }}, nvidia = {{ sm_arch = ["12.0"] }} }}
"""
    )


def test_the_next_label_follows_the_first_and_ranks_last() -> None:
    text = add_variant(WRAPPED, "fast", parsed("accuracy::mode::fast"))
    text = add_variant(
        text, "exact", parsed("accuracy::mode::exact", "accuracy::size::big", "x86_64::level::v3")
    )
    assert (
        text
        == f"""{WRAPPED}
[tool.variant-backend.variants.fast]
# env-append = {{ CFLAGS = "..." }}
# dependencies = ["..."]

[tool.variant-backend.variants.exact]
flags = "auto"  # compiler flags for the properties
# dependencies = ["..."]

[variant.default-priorities]
namespace = ["accuracy", "x86_64"]  # the most important comes first

[variant.providers.accuracy]  # every machine supports these values; the best comes first
static-properties = {{ mode = ["fast", "exact"], size = ["big"] }}
feature-order = ["mode", "size"]

[variant.providers.x86_64]
requires = ["x86-64-variant-provider>=0.2,<0.3"]

[variant.variants]
fast = {{ accuracy = {{ mode = ["fast"] }} }}
exact = {{ accuracy = {{ mode = ["exact"], size = ["big"] }}, x86_64 = {{ level = ["v3"] }} }}
"""
    )


def test_null_needs_no_properties_and_no_variant_table() -> None:
    text = add_variant(WRAPPED, "null", [])
    assert "variant" not in tomllib.loads(text)
    assert tomllib.loads(text)["tool"]["variant-backend"]["variants"] == {"null": {}}


def test_an_existing_label_only_gets_a_recipe() -> None:
    table = '\n[variant]\ndefault-priorities.namespace = ["a"]\nvariants.x = { a = { f = ["1"] } }\n'
    text = add_variant(WRAPPED + table, "x", [])
    recipe = (
        '\n[tool.variant-backend.variants.x]\n# env-append = { CFLAGS = "..." }\n# dependencies = ["..."]\n'
    )
    assert text == f"{WRAPPED}{recipe}{table}"
    assert add_variant(text, "x", parsed("a::f::1")) == text


@pytest.mark.parametrize(
    ("backend", "prop", "line"),
    [
        ("setuptools.build_meta", "x86_64::level::v3", 'flags = "auto"  # compiler flags for the properties'),
        ("maturin", "aarch64::sve::on", 'flags = "auto"  # compiler flags for the properties'),
        ("setuptools.build_meta", "nvidia::sm_arch::90_real", '# env-append = { CFLAGS = "..." }'),
        ("flit_core.buildapi", "x86_64::level::v3", '# env-append = { CFLAGS = "..." }'),
    ],
)
def test_a_label_gets_automatic_flags_if_they_can_be_derived(backend: str, prop: str, line: str) -> None:
    text = add_variant(WRAPPED.replace("hatchling.build", backend), "x", parsed(prop))
    assert f'\n[tool.variant-backend.variants.x]\n{line}\n# dependencies = ["..."]\n' in text
    Path("pyproject.toml").write_text(text, encoding="utf-8")
    assert Project.load(Path("pyproject.toml")).recipe("x").auto_flags == line.startswith("flags")


VARIANT_TABLES = {
    "dotted": """
[variant]
default-priorities.namespace = ["a"]
providers.a.static-properties.f = ["1", "2"]
variants.x = { a = { f = ["1"] } }  # NOTE
""",
    "headers": """
[variant.variants.x.a]
f = ["1"]

[variant.default-priorities]
namespace = [
  "a",  # NOTE
]

[variant.providers.a.static-properties]
f = ["1", "2"]
""",
    "mixed": """
[variant]
default-priorities = { namespace = ["a"] }
providers = { a = { static-properties = { f = ["1", "2"] } } }

# NOTE
[variant.variants]
x = { a = { f = ["1"] } }
""",
    "a plugin": """
[variant]
default-priorities.namespace = ["a"]
[variant.providers]
a.requires = ["a-provider"]
[variant.variants]
x.a.f = ["1"]  # NOTE
""",
    "no providers": """
[variant]
default-priorities.namespace = ["a"]
""",
}
RECIPE_TABLES = {
    "none": "",
    "header": "\n[tool.variant-backend.variants.null]\n# NOTE\nenv = { A = '1' }\n",
    "below": "\n[tool.variant-backend.variants]\nnull = {}\n",
}


@pytest.mark.parametrize("recipes", RECIPE_TABLES)
@pytest.mark.parametrize("style", VARIANT_TABLES)
def test_a_label_is_added_to_tables_of_any_style(style: str, recipes: str) -> None:
    text = f"{WRAPPED}{RECIPE_TABLES[recipes]}{VARIANT_TABLES[style]}"
    result = add_variant(text, "y", parsed("a::f::3", "a::g::1", "b::f::1", "nvidia::f::2"))
    data, former = tomllib.loads(result), tomllib.loads(text)
    metadata = metadata_from_table(data["variant"], "[variant]")
    before = metadata_from_table(former["variant"], "[variant]")
    assert metadata.namespaces == ("a", "b", "nvidia")
    assert dict(metadata.variants) == {**before.variants, "y": metadata.variants["y"]}
    assert set(metadata.variants["y"].properties) == set(
        parsed("a::f::3", "a::g::1", "b::f::1", "nvidia::f::2")
    )
    assert metadata.providers["nvidia"] == KNOWN_PROVIDERS["nvidia"].table
    if style == "a plugin":
        assert metadata.providers["a"] == before.providers["a"]
    else:
        old = ["1", "2"] if "a" in before.providers else []
        assert metadata.providers["a"].to_dict() == {
            "static-properties": {"f": [*old, "3"], "g": ["1"]},
            "feature-order": ["f", "g"],
        }
    assert metadata.providers["b"].to_dict() == {"static-properties": {"f": ["1"]}}
    assert data["tool"]["variant-backend"]["variants"]["y"] == {}
    assert result.count("# NOTE") == text.count("# NOTE")
    assert add_variant(result, "y", []) == result
    assert add_variant(result, "y", parsed("nvidia::f::2", "a::f::3", "b::f::1", "a::g::1")) == result
    Path("pyproject.toml").write_text(result, encoding="utf-8")
    assert Project.load(Path("pyproject.toml")).metadata == metadata


def test_an_invalid_label_is_an_error_and_changes_nothing() -> None:
    text = add_variant(WRAPPED, "x", parsed("a::f::1"))
    for label, properties, message in (
        ("x", ["a::f::2"], "label 'x' is defined in [variant.variants] with other properties"),
        ("null", ["a::f::1"], "label 'null' cannot have properties"),
        ("X", ["a::f::1"], "label 'X': character 'X' at position 1 is not allowed"),
        ("y", [], "unknown label 'y'"),
    ):
        with pytest.raises(VariantError) as raised:
            add_variant(text, label, parsed(*properties))
        assert message in str(raised.value)
    with pytest.raises(
        VariantError, match=r"\[variant\]: default-priorities.namespace: expected a list of at least one"
    ):
        add_variant(WRAPPED, "x", parsed("abi_dependency::torch::2.9"))
    with pytest.raises(VariantError, match=r"\[variant\]: default-priorities: missing"):
        add_variant(f"{WRAPPED}\n[variant]\n", "x", parsed("a::f::1"))


# The command.


def init(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["init", *map(str, arguments)], catch_exceptions=False)


def write(text: str, path: str = "pyproject.toml") -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
    return file


def test_the_difference_is_printed_and_the_file_written() -> None:
    file = write(PLAIN)
    result = init()
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "--- pyproject.toml",
        "+++ pyproject.toml",
        "@@ -1,8 +1,11 @@",
        " [build-system]",
        '-requires = ["hatchling"]',
        '-build-backend = "hatchling.build"',
        '+requires = ["hatchling", "variant-backend-core"]',
        '+build-backend = "variant_backend.hooks"',
        " ",
        " [project]",
        ' name = "demo"',
        ' version = "1.0"',
        ' requires-python = ">=3.10"',
        "+",
        "+[tool.variant-backend]",
        '+build-backend = "hatchling.build"',
    ]
    assert result.stderr == "pyproject.toml: written\n"
    assert file.read_text(encoding="utf-8") == WRAPPED
    assert [*Path().iterdir()] == [file]


def test_a_second_run_reports_that_nothing_changes() -> None:
    file = write(PLAIN)
    init()
    before = file.stat().st_mtime_ns, file.stat().st_ino
    again = init()
    assert (again.exit_code, again.stdout) == (0, "")
    assert again.stderr == "pyproject.toml: no change: it has all settings already\n"
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before
    assert init("--undo").exit_code == 0
    assert file.read_text(encoding="utf-8") == PLAIN
    again = init("--undo")
    assert (again.exit_code, again.stdout) == (0, "")
    assert again.stderr == "pyproject.toml: no change: it is not wrapped\n"


@pytest.mark.parametrize("options", [(), ("--label", "x", "-p", "a::b::c"), ("--undo",)])
def test_a_dry_run_prints_the_difference_and_writes_nothing(options: tuple[str, ...]) -> None:
    text = WRAPPED if "--undo" in options else PLAIN
    file = write(text)
    planned = init("--dry-run", *options)
    assert planned.exit_code == 0
    assert planned.stderr == "dry run: no file is written\n"
    assert file.read_text(encoding="utf-8") == text
    assert init(*options).stdout == planned.stdout


def test_the_path_may_be_a_folder_or_a_file() -> None:
    for number, path in enumerate(("deep/a b", "deep/c/pyproject.toml")):
        file = write(PLAIN, f"{path.removesuffix('/pyproject.toml')}/pyproject.toml")
        result = init(path)
        assert result.exit_code == 0, number
        assert result.stdout.startswith(f"--- {file}\n")
        assert file.read_text(encoding="utf-8") == WRAPPED


def test_a_project_with_only_setup_py_gets_a_project_file() -> None:
    write("", "setup.py")
    result = init()
    assert result.stdout.splitlines()[2:4] == ["@@ -0,0 +1,6 @@", "+[build-system]"]
    assert Path("pyproject.toml").read_text(encoding="utf-8") == LEGACY
    assert init("--undo").exit_code == 0
    assert Path("pyproject.toml").read_text(encoding="utf-8") == '[build-system]\nrequires = ["setuptools"]\n'


@pytest.mark.parametrize(
    ("content", "path", "message"),
    [
        (
            None,
            ".",
            "pyproject.toml: file not found, and no setup.py beside it; give the folder of a project",
        ),
        (None, "nowhere", "nowhere: file not found"),
        (b"\xef\xbb\xbf[project]\n", ".", "pyproject.toml: expected TOML in UTF-8, got a byte order mark"),
        (
            "[project]\n".encode("utf-16"),
            ".",
            "pyproject.toml: expected TOML in UTF-8, got a byte order mark",
        ),
        ("[project]\nname = 'ä'\n".encode("latin-1"), ".", "pyproject.toml: invalid TOML"),
        (b"[project\n", ".", "pyproject.toml: invalid TOML: "),
        (b"a = 1\rb = 2\r", ".", "pyproject.toml: invalid TOML: "),
        (b"[build-system]\nbuild-backend = 'a'\n", ".", "pyproject.toml: build-system.requires: missing"),
    ],
)
def test_an_unusable_file_is_reported_and_not_changed(content: bytes | None, path: str, message: str) -> None:
    if content is not None:
        Path("pyproject.toml").write_bytes(content)
    for options in ((), ("--undo",), ("--label", "null")):
        result = init(path, *options)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.startswith(f"error: {message}")
    if content is not None:
        assert Path("pyproject.toml").read_bytes() == content


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--undo", "--label", "x"), "--undo cannot be used with --label or --property"),
        (("--undo", "-p", "a::b::c"), "--undo cannot be used with --label or --property"),
        (("-p", "a::b::c"), "--property needs a label; add --label LABEL"),
        (
            ("--label", "x"),
            "label 'x' is new; add its properties after it with --property NS::FEATURE::VALUE\n",
        ),
        (
            ("-l", "x", "-l", "y", "-p", "a::b::c", "-l", "z"),
            "error: label 'x' is new; add its properties after it with --property NS::FEATURE::VALUE\n"
            "error: label 'z' is new; add its",
        ),
        (
            ("-p", "a::b::c", "-l", "x", "-l", "y", "-p", "a::b::d"),
            "--property 'a::b::c' comes before the first of several labels; move it after the label",
        ),
        (
            ("-l", "x", "-p", "a::b::c", "-l", "y", "-p", "a::b::d", "-l", "x"),
            "label 'x' is given twice; give it once, before all its properties",
        ),
        (
            ("-l", "x", "-p", "a::b::c", "-l", "y", "-p", "a::b::d", "--property=a :: b :: d"),
            "-p/--property: duplicate property 'a :: b :: d'; remove one of them",
        ),
    ],
)
def test_conflicting_options_are_wrong_usage(arguments: tuple[str, ...], message: str) -> None:
    file = write(PLAIN)
    result = init(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert file.read_text(encoding="utf-8") == PLAIN


def test_a_property_that_its_provider_does_not_know_is_a_warning() -> None:
    write(PLAIN)
    result = init("-l", "x", "-p", "x86_64::level::v9")
    assert result.exit_code == 0
    assert result.stderr.startswith(
        "warning: property 'x86_64 :: level :: v9': unknown value 'v9' of x86_64 :: level; known values: v1,"
    )


def test_wrapping_and_a_label_in_one_run_give_a_valid_file() -> None:
    file = write(PLAIN)
    assert init("--label", "avx2", "-p", "x86_64 :: level :: v3").exit_code == 0
    assert init("--label", "avx2").stderr == "pyproject.toml: no change: it has all settings already\n"
    assert init("--label", "null").exit_code == 0
    project = Project.load(file)
    assert project.build_backend == "hatchling.build"
    assert project.metadata is not None
    assert project.metadata.variant("avx2").properties == frozenset(parsed("x86_64::level::v3"))
    assert not project.metadata.without_provider()
    assert list(project.recipes) == ["avx2", "null"]
    result = init("--label", "avx2", "-p", "x86_64::level::v4")
    assert result.exit_code == 2
    assert "error: pyproject.toml: label 'avx2' is defined in [variant.variants] with other" in result.stderr


COMMENTED = PLAIN.replace("]\nbuild", "]\n\n# not beside it\n\n# Hatchling\n# is good.\nbuild").replace(
    '.build"', '.build"  # the best'
)


def test_comments_beside_the_build_backend_are_pointed_out_and_kept() -> None:
    file = write(COMMENTED)
    result = init()
    assert result.stderr == (
        "warning: pyproject.toml: build-system.build-backend: the comment '# Hatchling # is good. # the best'"
        " is not moved with the value; move it to [tool.variant-backend] if it describes the wrapped backend"
        "\npyproject.toml: written\n"
    )
    assert file.read_text(encoding="utf-8").count("#") == COMMENTED.count("#")
    for options in ((), ("-l", "null"), ("--undo",)):
        assert "comment" not in init(*options).stderr
    assert file.read_text(encoding="utf-8").startswith(COMMENTED)


def test_a_comment_of_the_requirements_does_not_describe_the_backend() -> None:
    write(PLAIN.replace('"]\n', '"]  # for the backend\n').replace('.build"\n', '.build"\n# below\n'))
    assert init().stderr == "pyproject.toml: written\n"


def test_several_labels_get_the_properties_after_them() -> None:
    file = write(PLAIN)
    arguments = ["-l", "a", "-p", "x::f::1", "--property=y::g::2", "-l", "null", "--label=b", "-px::f::1"]
    assert init(*arguments, "-p", "x::f::2").exit_code == 0
    project = Project.load(file)
    assert project.metadata is not None
    assert list(project.metadata.variants) == ["a", "b"]
    assert project.metadata.variant("a").properties == frozenset(parsed("x::f::1", "y::g::2"))
    assert project.metadata.variant("b").properties == frozenset(parsed("x::f::1", "x::f::2"))
    assert list(project.recipes) == ["a", "null", "b"]
    assert init(*arguments, "-p", "x::f::2").stderr == f"{file}: no change: it has all settings already\n"
    assert init("-l", "b", "-l", "c", "-p", "x::f::3").exit_code == 0


def test_a_single_label_gets_properties_before_it_too() -> None:
    file = write(PLAIN)
    assert init("-p", "x::f::1", "-l", "a", "-p", "x::f::2").exit_code == 0
    metadata = Project.load(file).metadata
    assert metadata is not None
    assert metadata.variant("a").properties == frozenset(parsed("x::f::1", "x::f::2"))


def test_line_ends_are_kept_and_not_printed() -> None:
    file = write(PLAIN.replace("\n", "\r\n"))
    result = init()
    assert file.read_bytes() == WRAPPED.replace("\n", "\r\n").encode()
    assert "\r" not in result.stdout
    init("--undo")
    assert file.read_bytes() == PLAIN.replace("\n", "\r\n").encode()


def test_an_unprintable_name_does_not_stop_the_command() -> None:
    file = write(PLAIN.replace('"1.0"', '"1.0"\nauthors = [{ name = "Łukasz" }]'))
    result = run("variant-backend", "init", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert "\\u0141ukasz" in result.stdout
    assert "Łukasz" in file.read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither these modes nor links for everybody")
def test_the_mode_and_a_symbolic_link_are_kept() -> None:
    file = write(PLAIN, "real/project.toml")
    file.chmod(0o640)
    Path("pyproject.toml").symlink_to(file)
    assert init().exit_code == 0
    assert Path("pyproject.toml").is_symlink()
    assert file.read_text(encoding="utf-8") == WRAPPED
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [*Path("real").iterdir()] == [file]


def test_a_file_changed_during_the_question_is_not_overwritten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = write(PLAIN)
    changed = f"{PLAIN}\n# Changed.\n"
    # `init` prints the difference just before it writes. An editor changes the file at that moment.
    monkeypatch.setattr(
        "variant_backend._internal.cli.init._show_difference", lambda *_: file.write_bytes(changed.encode())
    )
    result = init()
    assert result.exit_code == 1
    assert (
        result.stderr
        == "error: pyproject.toml: the file was changed by another program; run the command again\n"
    )
    assert file.read_text(encoding="utf-8") == changed


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals in the standard library")
@pytest.mark.parametrize(
    ("answer", "no_color", "written"), [("y", "", True), ("", "", True), ("n", "1", False)]
)
def test_a_terminal_gets_a_question_and_colors(answer: str, no_color: str, written: bool) -> None:
    import pty

    file = write(PLAIN)
    parent, child = pty.openpty()
    os.write(parent, f"{answer}\n".encode())
    environment = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    program = Path(sys.executable).with_name("variant-backend")
    done = subprocess.run(
        [program, "init"], stdin=child, stdout=child, stderr=child, env=environment, timeout=60
    )
    os.close(child)
    shown = b""
    with suppress(OSError):  # Linux raises it at the end
        while data := os.read(parent, 10_000):
            shown += data
    os.close(parent)
    assert b"Write pyproject.toml? [Y/n]" in shown
    assert (b"\x1b[32m+requires" in shown) == (not no_color)
    assert done.returncode == (0 if written else 1)
    assert file.read_text(encoding="utf-8") == (WRAPPED if written else PLAIN)


# Real backends.

BUILD = ["python", "-m", "build", "--wheel", "--installer=uv"]  # pip takes twice as long

SETUP_PY = "from setuptools import setup\nsetup(name='demo', version='1.0', py_modules=['demo'])\n"
PROJECT = '[project]\nname = "demo"\nversion = "1.0"\ndescription = "A demo"\n'
PROJECTS = {
    "setup.py alone": {"setup.py": SETUP_PY},
    "setuptools without a build system": {"pyproject.toml": PROJECT},
    "hatchling": {"pyproject.toml": PLAIN},
    "flit_core in the tree": {
        "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'flit_core.buildapi'\n"
        f"backend-path = ['_vendor']\n\n{PROJECT}"
    },
}


def build(name: str, out: Path, *, wrapped: bool) -> Path:
    """Recreate a project in the same folder, wrapped or not, and return the wheel that it builds."""
    project = Path("project").absolute()
    shutil.rmtree(project, ignore_errors=True)
    for path, text in {**PROJECTS[name], "demo.py": '"""A demo."""\n'}.items():
        write(text, str(project / path))
    if name == "flit_core in the tree":
        run("uv", "pip", "install", "--quiet", "--target", project / "_vendor", "flit_core")
    if wrapped:
        run("variant-backend", "init", project)
    run(*BUILD, "-o", out, project, SOURCE_DATE_EPOCH="1700000000")
    (wheel,) = out.iterdir()
    return wheel


@pytest.mark.slow
@pytest.mark.usefixtures("own_wheel")
@pytest.mark.parametrize("name", PROJECTS)
def test_a_wrapped_project_builds_the_same_wheel(tmp_path: Path, name: str) -> None:
    before = build(name, tmp_path / "before", wrapped=False)
    after = build(name, tmp_path / "after", wrapped=True)
    assert 'build-backend = "variant_backend.hooks"' in Path("project/pyproject.toml").read_text().replace(
        "'", '"'
    )
    assert after.name == before.name
    assert after.read_bytes() == before.read_bytes()


@pytest.mark.slow
@pytest.mark.usefixtures("own_wheel")
def test_an_added_label_can_be_built_at_once(tmp_path: Path) -> None:
    build("hatchling", tmp_path / "before", wrapped=False)
    run("variant-backend", "init", "project", "--label", "avx2", "--property", "x86_64::level::v3")
    run(*BUILD, "-o", tmp_path / "out", "project", "-Cvariant=avx2")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["demo-1.0-py3-none-any-avx2.whl"]
