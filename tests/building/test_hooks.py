"""The hooks, called as build frontends call them, around tiny backends in the project's own tree."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from helpers.imported_libraries import BUILD_LIBRARIES, PRINT_LIBRARIES
from helpers.made_wheels import METADATA, make_wheel
from helpers.strict_reader import walk
from helpers.wrapped_project import (
    ALL_HOOKS,
    COMPLETE,
    DIST_INFO,
    MANDATORY,
    OPTIONAL,
    PLAIN_NAME,
    PREPARE_HOOKS,
    REQUIRES_HOOKS,
    SDIST_NAME,
    SMALL,
    SMALL_NAME,
    VARIANT,
    VARIANT_JSON,
    WRAPPING,
    BuildError,
    Project,
    Settings,
    label_and_properties,
    only_error,
)
from pyproject_hooks import HookMissing, UnsupportedOperation


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


# Builds without a variant are unchanged.

CALL_ALL = """
import json, sys
settings = json.loads(sys.argv[1])
for hook in sys.argv[2:]:
    getattr(hooks, hook)(*([settings] if hook.startswith("get_requires") else ["dist", settings]))
"""


@pytest.mark.parametrize(
    "settings",
    [None, {}, {"key": "a = b", "list": ["x::y", "z"], "flag": True, "variant-name": "v"}],
    ids=["None", "empty", "others"],
)
def test_settings_reach_the_wrapped_backend_unchanged(project: Project, settings: Settings) -> None:
    project.run(CALL_ALL, json.dumps(settings), *ALL_HOOKS)
    received = [(call["hook"], call["settings"]) for call in project.calls()]
    assert received == [(hook, settings) for hook in ALL_HOOKS]


@pytest.mark.parametrize(
    "others", [{}, {"setup-args": ["-Da=b", "-Dc=d"], "null-variant": ""}], ids=["alone", "among others"]
)
def test_variant_settings_never_reach_the_wrapped_backend(
    project: Project, others: dict[str, object]
) -> None:
    settings = {"variant": "small", **others, "variant-label": "small"}
    project.run(CALL_ALL, json.dumps(settings), *ALL_HOOKS)
    received = [(call["hook"], call["settings"]) for call in project.calls()]
    assert received == [(hook, others) for hook in ALL_HOOKS]


def test_settings_that_the_wrapped_backend_changes_are_a_copy(tmp_path: Path) -> None:
    clearing = "def build_sdist(sdist_directory, config_settings):\n    config_settings.clear()\n"
    script = "settings = {'a': 'b'}; hooks.build_sdist('dist', settings); print(settings)"
    assert Project(tmp_path / "project", clearing).run(script) == "{'a': 'b'}\n"


@pytest.mark.parametrize("hook", ["build_wheel", "build_editable"])
def test_a_plain_wheel_is_the_wrapped_backends_own(project: Project, hook: str) -> None:
    assert project.call(hook, {"variant": []}) == PLAIN_NAME
    assert (project.dist / PLAIN_NAME).read_bytes() == (project.root / "ready" / PLAIN_NAME).read_bytes()
    assert project.built() == [PLAIN_NAME]
    assert project.said == []


@pytest.mark.parametrize("settings", [None, SMALL])
def test_the_backend_of_an_unsound_wheel_is_named(project: Project, settings: Settings) -> None:
    path = project.root / "ready" / PLAIN_NAME
    members = walk(path)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content.replace(b"demo-1.0.dist-info/RECORD,,\n", b""))
    if settings:
        said = project.refusal(settings=settings)
    else:
        assert project.call_here("build_wheel") == PLAIN_NAME
        assert (project.dist / PLAIN_NAME).read_bytes() == path.read_bytes()
        said = "\n".join(project.said)
    assert "missing row for 'demo-1.0.dist-info/RECORD'" in said
    assert "update 'wrapped', which wrote this wheel" in said


def test_the_backend_of_a_wheel_with_a_notice_is_named(project: Project) -> None:
    with zipfile.ZipFile(project.root / "ready" / PLAIN_NAME, "a") as archive:
        archive.comment = b"made by hand"
    assert project.call_here("build_wheel", SMALL) == SMALL_NAME
    assert f"{SMALL_NAME}: the archive has a comment; update 'wrapped', which wrote" in "".join(project.said)


@pytest.mark.parametrize("hook", ["build_wheel", "prepare_metadata_for_build_wheel"])
def test_the_backend_of_metadata_that_readers_refuse_is_named(tmp_path: Path, hook: str) -> None:
    spaced = METADATA.replace("Name:", "Name :")
    prepared = spaced.format(name="demo", version="1.0")
    project = Project(tmp_path / "project", COMPLETE.replace(".touch()", f".write_text({prepared!r})"))
    make_wheel(project.root / "ready", metadata=spaced)
    said = project.refusal(hook, SMALL)
    assert "METADATA: spaces before the colon of a field" in said
    assert "update 'wrapped', which wrote this wheel" in said


@pytest.mark.parametrize("hook", ["build_wheel", "build_editable"])
def test_only_plain_builds_get_the_metadata_directory(project: Project, hook: str) -> None:
    # Some backends reject an edited metadata directory, and a variant.json would be an edit.
    project.run(f"hooks.{hook}('dist', None, 'prepared')")
    project.run(f"hooks.{hook}('dist', {{'variant': 'small'}}, 'prepared')")
    assert [call["metadata"] for call in project.calls()] == ["prepared", None]


def test_a_requested_variant_does_not_change_the_sdist(project: Project) -> None:
    nonsense = {"variant": "nonsense"}
    assert project.call("get_requires_for_build_sdist", nonsense) == ["needed-to-build_sdist"]
    assert project.call("build_sdist", nonsense) == SDIST_NAME
    assert (project.dist / SDIST_NAME).read_bytes() == (project.root / "ready" / SDIST_NAME).read_bytes()
    assert project.built() == [SDIST_NAME]


@pytest.mark.parametrize("hook", REQUIRES_HOOKS)
def test_build_requirements_of_the_wrapped_backend_are_returned(project: Project, hook: str) -> None:
    assert project.call(hook, SMALL) == [f"needed-to-{hook.removeprefix('get_requires_for_')}"]


# Existing and missing hooks.


@pytest.mark.parametrize("has", [[], *([name] for name in OPTIONAL), list(OPTIONAL)], ids="+".join)
def test_optional_hooks_exist_if_the_wrapped_backend_has_them(tmp_path: Path, has: list[str]) -> None:
    project = Project(tmp_path / "project", "".join([MANDATORY, *(OPTIONAL[name] for name in has)]))
    script = "import sys; print(*(name for name in sys.argv[1:] if hasattr(hooks, name)))"
    names = ["build_wheel", "build_sdist", *OPTIONAL, "get_requires", "build_conda"]
    expected = {"build_wheel", "build_sdist", *has}
    # A recipe may add requirements, even if the wrapped backend has none.
    expected |= {"get_requires_for_build_wheel"}
    expected -= {"get_requires_for_build_editable"}
    expected |= {"get_requires_for_build_editable"} if "build_editable" in has else set()
    assert set(project.run(script, *names).split()) == expected


def test_frontends_see_a_missing_optional_hook_as_missing(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", MANDATORY)
    assert project.call("get_requires_for_build_wheel", SMALL) == []
    with pytest.raises(HookMissing):
        project.call("build_editable", SMALL)


def test_without_a_metadata_hook_frontends_read_the_wheel(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", MANDATORY)
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    assert project.call("prepare_metadata_for_build_wheel", SMALL, into=prepared) == DIST_INFO
    assert label_and_properties((prepared / VARIANT_JSON).read_bytes())[0] == "small"
    assert walk(prepared / SMALL_NAME)


def test_unsupported_operation_reaches_the_frontend(tmp_path: Path) -> None:
    refusing = (
        "\ndef build_sdist(sdist_directory, config_settings):\n    raise UnsupportedOperation('no sdist')\n"
    )
    with pytest.raises(UnsupportedOperation) as error:
        Project(tmp_path / "project", COMPLETE + refusing).call("build_sdist", SMALL)
    assert "no sdist" in error.value.traceback


# The wrapped backend.


@pytest.mark.parametrize(
    "reference", ["wrapped:Outer.main", "wrapped:Outer.main.Outer.main", "package.inner:it"]
)
def test_the_wrapped_backend_may_be_an_object_in_a_module(tmp_path: Path, reference: str) -> None:
    project = Project(tmp_path / "project", toml=WRAPPING.replace('"wrapped"', f'"{reference}"'))
    project.wrap(f"{COMPLETE}\nimport sys\nclass Outer:\n    main = sys.modules[__name__]\n")
    (project.root / "backend/package").mkdir()
    project.wrap("", "package/__init__")
    project.wrap("import wrapped as it", "package/inner")
    assert project.call("get_requires_for_build_sdist") == ["needed-to-build_sdist"]
    assert project.build(None).name == PLAIN_NAME


@pytest.mark.parametrize("module", ["installer", "colorsys"], ids=["third party", "standard library"])
def test_backend_path_comes_before_installed_modules(tmp_path: Path, module: str) -> None:
    project = Project(tmp_path / "project", toml=WRAPPING.replace('"wrapped"', f'"{module}"'))
    project.wrap(COMPLETE, module)
    assert project.build(None).name == PLAIN_NAME


@pytest.mark.parametrize("module", ["installer", "colorsys"], ids=["third party", "standard library"])
def test_an_installed_backend_outside_backend_path_is_missing(tmp_path: Path, module: str) -> None:
    project = Project(tmp_path / "project", toml=WRAPPING.replace('"wrapped"', f'"{module}"'))
    with pytest.raises(BuildError) as failure:
        project.call("build_sdist")
    line = only_error(failure.value.lines)
    assert (
        f"no module named '{module}'" in line
        and "add its package to build-system.requires or backend-path" in line
    )


def test_the_wrapped_backend_finds_distributions_in_backend_path(tmp_path: Path) -> None:
    finding = """
def get_requires_for_build_wheel(config_settings=None):
    from importlib.metadata import entry_points, version
    return [version("plugin"), *(point.value for point in entry_points(group="of.wrapped"))]
"""
    project = Project(tmp_path / "project", COMPLETE + finding)
    dist_info = project.root / "backend/plugin-2.0.dist-info"
    dist_info.mkdir()
    (dist_info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 2.0\n", "utf-8")
    (dist_info / "entry_points.txt").write_text("[of.wrapped]\nplugin = the_plugin\n", "utf-8")
    assert project.call("get_requires_for_build_wheel") == ["2.0", "the_plugin"]


def test_without_backend_path_the_project_folder_is_not_searched(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", toml='tool.variant-backend.build-backend = "here"\n')
    (project.root / "here.py").write_text(COMPLETE, encoding="utf-8")
    assert "no module named 'here'" in project.refusal()


@pytest.mark.parametrize("hook", ALL_HOOKS)
def test_every_hook_reports_a_missing_build_backend(tmp_path: Path, hook: str) -> None:
    assert Project(tmp_path / "project", toml=VARIANT).refusal(hook) == (
        "pyproject.toml: tool.variant-backend.build-backend: missing;"
        ' name the backend to wrap, for example "setuptools.build_meta"'
    )


@pytest.mark.parametrize(
    ("table", "facts"),
    [
        ('build-backend = "hatchling.biuld"', ["(did you mean 'hatchling.build'?)", "build-system.requires"]),
        ('build-backend = "hatchlin.build"', ["no module named 'hatchlin'", "mean 'hatchling.build'?"]),
        ('build-backend = "meson_py"', ["no module named 'meson_py'", "mean 'mesonpy'?"]),
        ('build-backend = "no_such_backend_anywhere"', ["no module named 'no_such_backend_anywhere'"]),
        ('build-backend = "variant_backend.hooks"', ["cannot wrap itself"]),
        ('build-backend = "variant_backend.hooks:build_wheel"', ["cannot wrap itself"]),
        ('build-backend = ""', ["tool.variant-backend.build-backend: missing"]),
        ('build-backend = "json:no.such"', ["'json:no.such'", "has no attribute 'no'"]),
        ('build-backend = ["json"]', ["build-backend: expected a string, got a list"]),
        (
            'buildbackend = "json"',
            ["buildbackend: unknown key 'buildbackend' (did you mean 'build-backend'?)"],
        ),
        ('backendpath = ["x"]', ["backendpath: unknown key 'backendpath' (did you mean 'backend-path'?)"]),
        ('backend-path = "backend"', ["backend-path: expected a list", "got a string"]),
        ('backend-path = ["../other"]', ["backend-path[0]: '../other'", "inside the source tree"]),
        ('backend-path = ["/other"]', ["backend-path[0]: '/other'", "inside the source tree"]),
    ],
)
def test_an_invalid_wrapped_backend_is_reported_in_one_line(
    tmp_path: Path, table: str, facts: list[str]
) -> None:
    line = Project(tmp_path / "project", toml=f"[tool.variant-backend]\n{table}\n").refusal()
    assert line.startswith("pyproject.toml: tool.variant-backend.")
    for fact in facts:
        assert fact in line


@pytest.mark.parametrize("hook", ["build_wheel", "build_sdist"])
def test_a_module_without_mandatory_hooks_is_an_error(tmp_path: Path, hook: str) -> None:
    project = Project(tmp_path / "project", toml=WRAPPING.replace('"wrapped"', '"hatchling"'))
    project.wrap("", "hatchling")  # the real one has its hooks in hatchling.build, too
    with pytest.raises(BuildError) as failure:
        project.call(hook)
    assert failure.value.code == 1
    assert only_error(failure.value.lines) == (
        "pyproject.toml: tool.variant-backend.build-backend: 'hatchling':"
        f" module 'hatchling' has no attribute '{hook}' (did you mean 'hatchling.build'?)"
    )


def test_a_missing_known_backend_gets_no_suggestion(tmp_path: Path) -> None:
    toml = WRAPPING.replace('"wrapped"', '"poetry.core.masonry.api"')
    line = Project(tmp_path / "project", toml=toml).refusal()
    assert "no module named 'poetry'" in line and "did you mean" not in line


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import no_such_module_at_all", "ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("import wrapped_too.inner", "ModuleNotFoundError: No module named 'wrapped_too'"),
        ("from json import no_such_name", "ImportError: cannot import name 'no_such_name'"),
        ("from wrapped import no_such_name", "ImportError: cannot import name 'no_such_name'"),
        ("raise TypeError('first line\\nsecond line')", "TypeError: first line"),
        ("raise AttributeError('an inner error')", "AttributeError: an inner error"),
        ("raise SystemExit('goodbye')", "SystemExit: goodbye"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("def broken(:", "SyntaxError: invalid syntax"),
    ],
)
def test_a_broken_backend_is_reported_in_one_line(tmp_path: Path, source: str, cause: str) -> None:
    line = Project(tmp_path / "project", source).refusal()
    place = "pyproject.toml: tool.variant-backend.build-backend"
    assert line.startswith(f"{place}: importing 'wrapped' failed: {cause}")


@pytest.mark.parametrize("hook", ALL_HOOKS)
def test_a_broken_backend_is_not_a_missing_hook(tmp_path: Path, hook: str) -> None:
    project = Project(tmp_path / "project", "raise AttributeError('an inner error')")
    with pytest.raises(BuildError) as failure:
        project.call(hook)
    assert failure.value.code == 1
    assert only_error(failure.value.lines).endswith("'wrapped' failed: AttributeError: an inner error")


@pytest.mark.parametrize("settings", [None, SMALL], ids=["plain", "variant"])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "pyproject.toml: file not found"),
        (b"[tool", "pyproject.toml: invalid TOML: "),
        (b"\xff = 1", "pyproject.toml: invalid TOML: "),
        (b"tool = 1", "pyproject.toml: tool: expected a table, got a number"),
        (b"[tool]\nvariant-backend = []", "pyproject.toml: tool.variant-backend: expected a table"),
    ],
    ids=["missing", "invalid TOML", "not UTF-8", "tool is not a table", "own table is an array"],
)
def test_an_unreadable_project_file_is_reported_in_one_line(
    project: Project, content: bytes | None, problem: str, settings: Settings
) -> None:
    path = project.root / "pyproject.toml"
    path.unlink() if content is None else path.write_bytes(content)
    assert project.refusal(settings=settings).startswith(problem)


# The requested variant.


@pytest.mark.parametrize(
    ("settings", "label", "properties"),
    [
        ({"variant": "small"}, "small", ["dictionary :: size :: small"]),
        ({"variant-label": "small"}, "small", ["dictionary :: size :: small"]),
        ({"variant": ["small"], "variant-label": "small"}, "small", ["dictionary :: size :: small"]),
        ({"variant": "null"}, "null", []),
        ({"variant-label": "null"}, "null", []),
        ({"variant": " dictionary :: size::small"}, "small", ["dictionary :: size :: small"]),
        (
            {"variant": ["dictionary::size::small", "dictionary::size::large"]},
            "both",
            ["dictionary :: size :: large", "dictionary :: size :: small"],
        ),
        (
            {"variant": ["x86_64::level::v2", "dictionary::size::large"], "variant-label": "old"},
            "old",
            ["dictionary :: size :: large", "x86_64 :: level :: v2"],
        ),
        ({"variant": ["x86_64::level::v3", "x86_64_v3"]}, "x86_64_v3", ["x86_64 :: level :: v3"]),
        (
            {"variant": "x86_64::level::v4"},
            hashlib.sha256(b"x86_64 :: level :: v4\n").hexdigest()[:8],
            ["x86_64 :: level :: v4"],
        ),
    ],
)
def test_a_label_or_properties_request_a_variant(
    project: Project, settings: Settings, label: str, properties: list[str]
) -> None:
    wheel = project.build(settings)
    assert wheel.name == f"demo-1.0-py3-none-any-{label}.whl"
    assert project.built() == [wheel.name]
    assert label_and_properties(walk(wheel)[VARIANT_JSON]) == (label, properties)


def test_a_label_that_is_a_hash_is_reported(project: Project) -> None:
    walk(project.build({"variant": "x86_64::level::v4"}))
    (line,) = project.said
    assert line.startswith("variant-backend: warning: label 'cfdbe307' is a hash")


def test_properties_need_no_variant_table(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", toml=WRAPPING)
    wheel = project.build({"variant": "x86_64::level::v3", "variant-label": "v3"})
    document = json.loads(walk(wheel)[VARIANT_JSON])
    assert document["providers"] == {"x86_64": {"requires": ["x86-64-variant-provider>=0.2,<0.3"]}}
    assert project.said == []


@pytest.mark.parametrize(
    ("prop", "warning"),
    [
        (
            "x86_64::levle::v3",
            "property 'x86_64 :: levle :: v3': unknown feature 'levle' of x86_64 (did you mean 'level'?);"
            " known features: level and 79 more such as avx2",
        ),
        (
            "x86_64::level::v9",
            "property 'x86_64 :: level :: v9': unknown value 'v9' of x86_64 :: level; known values: v1, v2,"
            " v3, v4",
        ),
    ],
)
def test_unknown_properties_of_known_namespaces_are_warnings(tmp_path: Path, prop: str, warning: str) -> None:
    project = Project(tmp_path / "project", toml=WRAPPING)
    walk(project.build({"variant": prop, "variant-label": "odd"}))
    assert project.said == [f"variant-backend: warning: {warning}"]


def test_a_namespace_without_a_provider_is_a_warning(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", toml=WRAPPING)
    walk(project.build({"variant": "acme::speed::high", "variant-label": "fast"}))
    (line,) = project.said
    assert line.startswith("variant-backend: warning: ") and "acme" in line
    walk(project.build({"variant": "x86_46::level::v3", "variant-label": "fast"}))
    (line,) = project.said
    assert "x86_46 has no provider (did you mean 'x86_64'?)" in line


@pytest.mark.parametrize(
    ("settings", "facts"),
    [
        (
            {"variant": "smal"},
            ["label 'smal'", "mean 'small'?", "known labels: both, null, small, x86_64_v3"],
        ),
        ({"variant": "x86_64_v4"}, ["mean 'x86_64_v3'?", "known labels: both, null, small, x86_64_v3"]),
        ({"variant": "Small"}, ["label 'Small'", "mean 'small'?"]),
        ({"variant-label": "nul"}, ["label 'nul'", "mean 'null'?"]),
        ({"variant": ["small", "both"]}, ["request 2 labels: small, both", "request only one"]),
        ({"variant": "small", "variant-label": "both"}, ["request 2 labels", "small", "both"]),
        (
            {"variant": ["small", "small"]},
            ["config setting 'variant': duplicate value 'small'", "write -Cvariant=small once"],
        ),
        (
            {"variant": ["dictionary::size::small"] * 2},
            ["config setting 'variant': duplicate value 'dictionary::size::small'"],
        ),
        (
            {"variant": ["dictionary::size::small", "dictionary :: size :: small"]},
            ["duplicate property 'dictionary :: size :: small'; give it once"],
        ),
        ({"variant": ["null", "dictionary::size::small"]}, ["label 'null' cannot have properties"]),
        ({"variant": "dictionary::size"}, ["property 'dictionary::size'", "NAMESPACE :: FEATURE :: VALUE"]),
        ({"variant": "a::b::c::d"}, ["property 'a::b::c::d'", "got 4"]),
        ({"variant": "Dictionary::size::small"}, ["namespace 'Dictionary'", "character 'D' at position 1"]),
        ({"variant": "dictionary::size::"}, ["value is empty"]),
        ({"variant": "dictionry::size::small"}, ["unknown namespace 'dictionry'", "mean 'dictionary'?"]),
        ({"variant": "dictionary::size::small", "variant-label": "null"}, ["cannot have properties"]),
        ({"variant": "dictionary::size::large", "variant-label": "small"}, ["'small' is defined", "other"]),
        ({"variant": "dictionary::size::large", "variant-label": "a-b"}, ["label 'a-b'", "character '-'"]),
        (
            {"variant": ""},
            ["config setting 'variant': expected a label, got an empty string", "write -Cvariant=LABEL"],
        ),
        ({"variant-label": True}, ["config setting 'variant-label': expected a label, got True"]),
        ({"variant": None}, ["config setting 'variant': expected a label, got None"]),
        ({"variant": ["small", 1]}, ["config setting 'variant': expected a label, got 1"]),
        (
            {"variant": {"small": "both"}},
            ["config setting 'variant': expected a label, got {'small': 'both'}"],
        ),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_an_invalid_request_ends_the_build_with_one_line(
    project: Project, settings: Settings, facts: list[str]
) -> None:
    line = project.refusal(settings=settings)
    for fact in facts:
        assert fact in line
    assert project.built() == [] and not (project.root / "calls.jsonl").exists()


@pytest.mark.parametrize("hook", ALL_HOOKS)
def test_a_misspelt_setting_ends_every_hook(project: Project, hook: str) -> None:
    with pytest.raises(BuildError) as failure:
        project.call(hook, {"varient": "small"})
    assert only_error(failure.value.lines) == (
        "unknown config setting 'varient' (did you mean 'variant'?); write -Cvariant=LABEL"
    )
    assert not (project.root / "calls.jsonl").exists()


@pytest.mark.parametrize("hook", [hook for hook in ALL_HOOKS if not hook.endswith("build_sdist")])
def test_an_unknown_label_ends_every_wheel_hook(project: Project, hook: str) -> None:
    with pytest.raises(BuildError) as failure:
        project.call(hook, {"variant": "smal"})
    assert failure.value.code == 1
    assert only_error(failure.value.lines) == (
        "unknown label 'smal' (did you mean 'small'?); known labels: both, null, small, x86_64_v3"
    )


def test_a_label_without_a_variant_table_is_an_error(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", toml=WRAPPING)
    assert project.refusal(settings=SMALL).startswith("pyproject.toml: missing table [variant]")


def test_every_problem_of_the_variant_table_has_its_line(tmp_path: Path) -> None:
    wrong = VARIANT.replace("static-properties", "static-property").replace("[variant.v", "[variant.w")
    project = Project(tmp_path / "project", toml=WRAPPING + wrong)
    with pytest.raises(BuildError) as failure:
        project.build()
    place = "variant-backend: error: pyproject.toml: [variant]: "
    assert all(line.startswith(place) for line in failure.value.lines)
    assert any(
        "wariants: unknown key 'wariants' (did you mean 'variants'?)" in line for line in failure.value.lines
    )
    assert any("did you mean 'static-properties'?" in line for line in failure.value.lines)


# The results of building a variant.


def test_a_variant_is_the_plain_wheel_with_variant_json_and_label(project: Project) -> None:
    old, new = walk(project.root / "ready" / PLAIN_NAME), walk(project.build())
    assert [name for name in new if name != VARIANT_JSON] == list(old)
    assert {name for name in old if old[name] != new[name]} == {f"{DIST_INFO}/RECORD"}
    assert project.said == []


def test_a_missing_output_folder_is_created(project: Project) -> None:
    project.dist = project.root / "new/folder"
    walk(project.build())
    assert project.built() == [SMALL_NAME]


def test_an_existing_plain_wheel_is_not_replaced(project: Project) -> None:
    plain = project.dist / PLAIN_NAME
    plain.write_bytes(b"an earlier wheel")
    walk(project.build())
    assert plain.read_bytes() == b"an earlier wheel"
    assert project.built() == [SMALL_NAME, PLAIN_NAME]


def test_a_second_build_replaces_the_wheel_with_the_same_bytes(project: Project) -> None:
    first = project.build().read_bytes()
    (project.dist / SMALL_NAME).write_bytes(b"damaged")
    assert project.build().read_bytes() == first


@pytest.mark.parametrize("hook", PREPARE_HOOKS)
def test_prepared_metadata_has_the_variant_json_of_the_wheel(project: Project, hook: str) -> None:
    prepared = project.dist / project.call(hook, SMALL)
    assert sorted(path.name for path in prepared.iterdir()) == ["METADATA", "variant.json"]
    wheel = project.dist / project.call(hook.removeprefix("prepare_metadata_for_"), SMALL)
    assert (prepared / "variant.json").read_bytes() == walk(wheel)[VARIANT_JSON]


@pytest.mark.parametrize("hook", PREPARE_HOOKS)
def test_prepared_metadata_of_a_plain_wheel_is_unchanged(project: Project, hook: str) -> None:
    prepared = project.dist / project.call(hook)
    assert [path.name for path in prepared.iterdir()] == ["METADATA"]


def test_an_editable_variant_has_a_plain_name_and_variant_json(project: Project) -> None:
    assert project.call("build_editable", SMALL) == PLAIN_NAME
    assert project.built() == [PLAIN_NAME]
    assert label_and_properties(walk(project.dist / PLAIN_NAME)[VARIANT_JSON])[0] == "small"


@pytest.mark.parametrize(
    ("first", "in_place"),
    [
        pytest.param([], True, id="dist-info last"),
        pytest.param(["METADATA"], True, id="METADATA first"),
        pytest.param(["WHEEL", "METADATA", "RECORD"], True, id="dist-info first"),
        pytest.param(["RECORD"], False, id="RECORD first"),
    ],
)
def test_a_wheel_is_changed_in_place_if_its_layout_allows(
    project: Project, first: list[str], in_place: bool
) -> None:
    make_wheel(project.root / "ready", order=first)
    wheel = project.build()
    assert label_and_properties(walk(wheel)[VARIANT_JSON])[0] == "small"
    assert (wheel.stat().st_ino == project.calls()[0]["inode"]) == in_place
    assert project.built() == [SMALL_NAME]


@pytest.mark.parametrize("epoch", ["1700000000", ""])
def test_written_members_have_the_time_of_source_date_epoch(project: Project, epoch: str) -> None:
    wheel = project.build(epoch=epoch)
    walk(wheel)
    with zipfile.ZipFile(wheel) as archive:
        times = {Path(info.filename).name: info.date_time for info in archive.infolist()}
    as_built = (2024, 5, 6, 7, 8, 10)
    written = (2023, 11, 14, 22, 13, 20) if epoch else as_built
    assert times == {
        "__init__.py": as_built,
        "METADATA": as_built,
        "WHEEL": as_built,
        "variant.json": written,
        "RECORD": written,
    }


def test_an_invalid_source_date_epoch_is_reported_in_one_line(project: Project) -> None:
    with pytest.raises(BuildError) as failure:
        project.build(epoch="soon")
    assert only_error(failure.value.lines) == (
        "SOURCE_DATE_EPOCH: expected a number of seconds, got 'soon';"
        " set it to the seconds since 1970, such as 1700000000"
    )
    assert project.built() == []


def test_an_invalid_wheel_is_reported_in_one_line(project: Project) -> None:
    (project.root / "ready" / PLAIN_NAME).write_bytes(b"not a zip file")
    with pytest.raises(BuildError) as failure:
        project.build()
    assert only_error(failure.value.lines).startswith(f"{PLAIN_NAME}: ")
    assert project.built() == []


@pytest.mark.parametrize(
    "script",
    [
        "",
        "hooks.build_sdist('dist')",
        "hooks.build_wheel('dist')",
        "hooks.build_editable('dist', {'variant': 'small'})",
        "hooks.build_wheel('dist', {'variant': 'small'})",
        "hooks.build_wheel('dist', {'variant': 'auto'})",
    ],
    ids=["import", "sdist", "plain", "editable", "variant", "auto"],
)
def test_hooks_import_packaging_only(project: Project, script: str) -> None:
    loaded = project.run(f"{script}\n{PRINT_LIBRARIES}").splitlines()[-1].split()
    assert {*loaded} <= BUILD_LIBRARIES


# Failed and killed builds.


@pytest.mark.parametrize("hook", ["build_wheel", "build_editable"])
@pytest.mark.parametrize("error", ["RuntimeError", "SystemExit"])
def test_a_failing_wrapped_backend_leaves_no_file_and_no_extra_message(
    project: Project, hook: str, error: str
) -> None:
    failing = f"""
def {hook}(wheel_directory, config_settings=None, metadata_directory=None):
    give(wheel_directory, "*.whl")
    raise {error}("no compiler")
"""
    project.wrap(COMPLETE + failing)
    with pytest.raises(BuildError, match="no compiler") as failure:
        project.call(hook, SMALL)
    assert not [line for line in failure.value.lines if line.startswith("variant-backend:")]
    assert project.built() == []


posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")


@posix_only
def test_the_next_build_removes_leftovers_of_a_killed_one(
    project: Project,
) -> None:
    sleeping = """
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    import time
    give(wheel_directory, "*.whl")
    Path("asleep").touch()
    time.sleep(60)
"""
    project.wrap(COMPLETE + sleeping)
    script = "from variant_backend import hooks; hooks.build_wheel('dist', {'variant': 'small'})"
    process = subprocess.Popen([sys.executable, "-c", script], cwd=project.root)
    while not (project.root / "asleep").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert project.built() and all(name.startswith(".variant-backend-") for name in project.built())
    project.wrap(COMPLETE)
    walk(project.build())
    assert project.built() == [SMALL_NAME]


# Repeats a build, killed one step later each time: before the Nth use of a path in the folder.
# Prints for each step the exit code, the remaining files, and the files after a complete build.
KILL_AT_EVERY_STEP = """
import json, os, signal, sys

def build(folder, steps):
    def watch(event, arguments):
        nonlocal steps
        path = arguments[0] if arguments else None
        if isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(str(folder)):
            steps -= 1
            if steps < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if not child:
        sys.addaudithook(watch)
        hooks.build_wheel(str(folder), {"variant": "small"})
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def content(folder):
    return {path.name: path.is_file() and path.read_bytes().hex() for path in folder.iterdir()}

# Children inherit the modules that are imported here; otherwise each would import them again.
hooks.build_wheel("before", {"variant": "small"})
for steps in range(100):
    folder = hooks.Path.cwd() / f"dist{steps}"
    folder.mkdir()
    code = build(folder, steps)
    left = content(folder)
    build(folder, 1000)
    print(json.dumps([code, left, content(folder)]))
    if code == 0:
        break
"""


@pytest.mark.slow  # a build for each
@posix_only
@pytest.mark.parametrize("first", [[], ["RECORD"]], ids=["in place", "copied"])
def test_a_killed_build_leaves_a_complete_wheel_or_none(project: Project, first: list[str]) -> None:
    make_wheel(project.root / "ready", order=first)
    whole = {SMALL_NAME: project.build().read_bytes().hex()}
    *killed, alive = map(json.loads, project.run(KILL_AT_EVERY_STEP).splitlines())
    assert alive == [0, whole, whole]
    assert len(killed) > 5 and {code for code, _, _ in killed} == {-signal.SIGKILL}
    for _, left, _ in killed:
        assert {name: data for name, data in left.items() if data} in ({}, whole)
        assert all(data or name.startswith(".variant-backend-") for name, data in left.items())
    assert [step for step, (_, _, after) in enumerate(killed) if after != whole] == []
