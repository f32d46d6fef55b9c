"""Recipes in builds: environment, settings, build requirements, dependencies and plugins."""

from __future__ import annotations

import json
import os
import sys
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import run
from helpers.strict_reader import walk
from helpers.wrapped_project import (
    ALL_HOOKS,
    COMPLETE,
    DIST_INFO,
    MANDATORY,
    PLAIN_NAME,
    PREPARE_HOOKS,
    REQUIRES_HOOKS,
    SMALL,
    SMALL_NAME,
    VARIANT,
    VARIANT_JSON,
    WRAPPING,
    BuildError,
    Project,
    label_and_properties,
)

from variant_backend._internal.machine import plugins

RECIPE = """
dependencies = ["common; 'dictionary' in variant_namespaces", "only-null; variant_label == 'null'"]
remove-dependencies = ["old"]
name = "never-used"
strip-local-version = true

[tool.variant-backend.variants.small]
env = { KIND = "small" }
env-append = { FLAGS = "-Os" }
config-settings = { list = ["recipe"], one = "recipe" }
build-requires = ["compressor>=2", "needed-to-build_wheel"]
dependencies = ["words ==1; platform_system=='Linux'"]
"""
NOTING = """
import os
def note(hook, config_settings, **more):
    env = {name: os.environ.get(name) for name in ("KIND", "FLAGS")}
    with open("calls.jsonl", "a") as file:
        print(json.dumps({"hook": hook, "settings": config_settings, "env": env, **more}), file=file)
"""
METADATA = """Metadata-Version: 2.4
Name: {name}
Version: {version}
Requires-Dist: old
Requires-Dist: numpy

Text
"""
PREPARED = METADATA.format(name="demo", version="1.0")
WHEEL_HOOKS = [hook for hook in ALL_HOOKS if "sdist" not in hook]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    backend = COMPLETE.replace(
        '.joinpath("METADATA").touch()', f'.joinpath("METADATA").write_text({PREPARED!r})'
    )
    project = Project(tmp_path / "project", backend + NOTING, WRAPPING + RECIPE + VARIANT)
    make_wheel(project.root / "ready", metadata=METADATA)
    return project


def call(project: Project, hook: str, settings: dict[str, Any]) -> Any:
    return project.call_here(hook, settings, into=project.root)


def requirements(metadata: bytes) -> list[str]:
    return [str(value) for value in message_from_bytes(metadata).get_all("Requires-Dist") or []]


@pytest.mark.parametrize("hook", ALL_HOOKS)
def test_every_wheel_hook_runs_in_the_recipes_environment(
    project: Project, hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLAGS", "-g")
    monkeypatch.setenv("KIND", "any")
    for settings in ({"variant": "small"}, {}, {"variant": "both"}):
        call(project, hook, settings)
    envs = [call["env"] for call in project.calls() if call["hook"] == hook]
    outside = {"KIND": "any", "FLAGS": "-g"}
    inside = {"KIND": "small", "FLAGS": "-g -Os"}
    assert envs == [inside if hook in WHEEL_HOOKS else outside, outside, outside]


BY_PLATFORM = f"""
[tool.variant-backend.variants.x86_64_v3]
flags = "auto"
env = {{ "sys_platform == '{sys.platform}'" = {{ KIND = "here" }}, "sys_platform == 'x'" = {{ KIND = "x" }} }}
env-append = {{ CFLAGS = "-own" }}
config-settings = {{ "sys_platform == '{sys.platform}'" = {{ one = "here" }} }}
build-requires = {{ "sys_platform == '{sys.platform}'" = ["here"] }}
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no variable for another platform")
def test_markers_and_flags_are_decided_for_the_building_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = COMPLETE + NOTING.replace('"FLAGS"', '"CFLAGS"')
    project = Project(tmp_path / "project", backend, WRAPPING + BY_PLATFORM + VARIANT)
    monkeypatch.setenv("_PYTHON_HOST_PLATFORM", "linux-x86_64")  # as for a cross build
    monkeypatch.setenv("CFLAGS", "-g")
    required = call(project, "get_requires_for_build_wheel", {"variant": "x86_64_v3"})
    assert f'here; sys_platform == "{sys.platform}"' in required
    (noted,) = project.calls()
    assert noted["settings"] == {"one": "here"}
    assert noted["env"] == {"KIND": "here", "CFLAGS": "-g -march=x86-64-v3 -own"}
    assert os.environ["CFLAGS"] == "-g"
    monkeypatch.setenv("_PYTHON_HOST_PLATFORM", "linux-aarch64")
    assert project.refusal("get_requires_for_build_wheel", {"variant": "x86_64_v3"}).endswith(
        "pyproject.toml: tool.variant-backend.variants.x86_64_v3.flags: 'x86_64 :: level :: v3' does not"
        " exist on aarch64; build this label for a machine named x86_64 or amd64"
    )


ENDINGS = {"success": "", "an error": "raise ValueError('x')", "an exit": "raise SystemExit(3)"}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("hook", WHEEL_HOOKS)
def test_the_environment_is_always_restored(project: Project, hook: str, ending: str) -> None:
    project.wrap(
        COMPLETE.replace(
            "def note(hook, config_settings, **more):",
            "def note(hook, config_settings, **more):\n"
            f"    import os; os.environ['KIND'] = 'lost'; os.environ.pop('FLAGS')\n    {ENDINGS[ending]}",
        )
    )
    script = f"""
import os
os.environ.pop("KIND", None)
os.environ["FLAGS"] = "-g"
settings = {{"variant": "small"}}
try:
    hooks.{hook}(*([settings] if {hook in REQUIRES_HOOKS} else ["dist", settings]))
    print("ended well")
except (ValueError, SystemExit) as error:
    print("ended with", error)
print(os.environ.get("KIND"), os.environ["FLAGS"])
"""
    printed = {"success": "ended well", "an error": "ended with x", "an exit": "ended with 3"}[ending]
    if hook in PREPARE_HOOKS and not ENDINGS[ending]:  # that backend writes an empty METADATA
        project.wrap(
            (project.root / "backend/wrapped.py")
            .read_text()
            .replace(".touch()", f".write_text({PREPARED!r})")
        )
    assert project.run(script).splitlines()[-2:] == [printed, "None -g"]


def test_a_backend_may_clear_the_environment(project: Project) -> None:
    clearing = "def note(hook, config_settings, **more):\n    import os; os.environ.clear()"
    project.wrap(COMPLETE.replace("def note(hook, config_settings, **more):", clearing))
    assert project.build().name == SMALL_NAME


def test_an_invalid_environment_variable_is_reported_with_its_place(project: Project) -> None:
    toml = project.root / "pyproject.toml"
    toml.write_text(toml.read_text().replace('KIND = "small"', 'A = "1", KIND = "a\\u0000b"'))
    place = "pyproject.toml: tool.variant-backend.variants.small.env.KIND"
    assert (
        project.refusal(settings=SMALL)
        == f"{place}: an environment variable cannot contain the character '\\0'"
    )


def test_an_invalid_dist_extra_config_is_an_error(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.root / "extra.cfg").write_text("no section")
    monkeypatch.setenv("DIST_EXTRA_CONFIG", "extra.cfg")
    refusal = project.refusal(settings=SMALL)
    assert refusal.startswith("extra.cfg (from DIST_EXTRA_CONFIG): cannot be read: ")
    assert project.build({}).name == PLAIN_NAME


@pytest.mark.parametrize("hook", PREPARE_HOOKS)
def test_a_hook_that_returns_no_name_is_an_error(project: Project, hook: str) -> None:
    project.wrap(COMPLETE.replace("return folder.name", "return None"))
    assert project.refusal(hook, SMALL) == f"{hook} of the wrapped backend: expected a name, got None"


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("Path(wheel_directory, 'x.whl').touch(); return 'x.whl'", "x.whl: invalid wheel filename"),
        (
            "wheel = give(wheel_directory, '*.whl'); wheel.write_bytes(wheel.read_bytes() * 2)\n"
            "    return wheel.name",
            f"{PLAIN_NAME}: ",
        ),
    ],
    ids=["name", "content"],
)
def test_an_invalid_wheel_names_the_wrapped_backend(project: Project, code: str, problem: str) -> None:
    # The wheel is in a private folder, so the user can neither rename nor repack it.
    project.wrap(
        f"{COMPLETE}\ndef build_wheel(wheel_directory, config_settings, metadata_directory):\n    {code}\n"
    )
    refusal = project.refusal(settings=SMALL)
    assert refusal.startswith(problem)
    assert refusal.endswith("; update 'wrapped', which wrote this wheel, or report the error to its project")


@pytest.mark.parametrize("hook", WHEEL_HOOKS)
def test_settings_of_the_user_follow_those_of_the_recipe(project: Project, hook: str) -> None:
    call(project, hook, {"variant": "small", "list": "user", "own": "user"})
    call(project, hook, {"variant": "small", "one": "user"})
    received = [call["settings"] for call in project.calls() if call["hook"] == hook]
    assert received == [
        {"list": ["recipe", "user"], "one": "recipe", "own": "user"},
        {"list": ["recipe"], "one": "user"},
    ]


def test_a_recipe_adds_build_requirements(project: Project) -> None:
    wheel, editable, sdist = (f"get_requires_for_build_{what}" for what in ("wheel", "editable", "sdist"))
    assert project.call(wheel, SMALL) == ["needed-to-build_wheel", "compressor>=2"]
    assert project.call(editable, SMALL) == [
        "needed-to-build_editable",
        "compressor>=2",
        "needed-to-build_wheel",
    ]
    assert project.call(sdist, SMALL) == ["needed-to-build_sdist"]
    assert project.call(wheel, {"variant": "both"}) == project.call(wheel) == ["needed-to-build_wheel"]


def test_a_recipe_adds_build_requirements_if_the_backend_has_none(project: Project) -> None:
    project.wrap(MANDATORY)
    assert project.call("get_requires_for_build_wheel", SMALL) == ["compressor>=2", "needed-to-build_wheel"]
    assert project.call("get_requires_for_build_wheel") == []


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("small", ["numpy", "common", 'words==1; platform_system == "Linux"']),
        ("both", ["numpy", "common"]),
        ("x86_64_v3", ["numpy"]),
        ("null", ["numpy", "only-null"]),
    ],
)
def test_wheel_and_prepared_metadata_have_the_recipes_dependencies(
    project: Project, label: str, expected: list[str]
) -> None:
    wheel = project.build({"variant": label})
    metadata = walk(wheel)[f"{DIST_INFO}/METADATA"]
    assert requirements(metadata) == expected
    assert b"\nName: demo\n" in metadata
    for hook in PREPARE_HOOKS:
        folder = project.root / hook
        folder.mkdir()
        assert project.call_here(hook, {"variant": label}, into=folder) == DIST_INFO
        assert (folder / DIST_INFO / "METADATA").read_bytes() == metadata
        assert (folder / VARIANT_JSON).read_bytes() == walk(wheel)[VARIANT_JSON]
    editable = project.dist / str(project.call_here("build_editable", {"variant": label}))
    assert walk(editable)[f"{DIST_INFO}/METADATA"] == metadata


def test_a_recipe_does_not_change_plain_wheels_and_metadata(project: Project) -> None:
    assert project.build({}).read_bytes() == (project.root / "ready" / PLAIN_NAME).read_bytes()
    project.call("prepare_metadata_for_build_wheel", {}, into=project.root)
    assert (project.root / DIST_INFO / "METADATA").read_text() == PREPARED
    assert not (project.root / VARIANT_JSON).exists()


def test_changed_requirements_are_declared_dynamic(project: Project) -> None:
    metadata = walk(project.build())[f"{DIST_INFO}/METADATA"]
    assert message_from_bytes(metadata).get_all("Dynamic") == ["Requires-Dist"]


def test_a_plain_build_ignores_invalid_recipes(project: Project) -> None:
    toml = project.root / "pyproject.toml"
    toml.write_text(toml.read_text().replace("KIND", '"KI=ND"'))
    assert project.build({}).name == PLAIN_NAME
    assert "invalid name of an environment variable 'KI=ND'" in project.refusal(settings={"variant": "both"})


def test_an_undecidable_requirement_ends_the_build_with_its_name(project: Project) -> None:
    toml = project.root / "pyproject.toml"
    undecided = "a; 'dictionary::size::large' in variant_properties"
    toml.write_text(toml.read_text().replace("only-null; variant_label == 'null'", undecided))
    for hook in ("build_wheel", "prepare_metadata_for_build_wheel"):
        refusal = project.refusal(hook, {"variant": "both"})
        assert repr(undecided) in refusal and "define one label for each value" in refusal
    assert requirements(walk(project.build(SMALL))[f"{DIST_INFO}/METADATA"])[1:] == [
        "common",
        'words==1; platform_system == "Linux"',
    ]


def test_kept_variant_markers_are_a_warning_and_break_installers(project: Project, tmp_path: Path) -> None:
    toml = project.root / "pyproject.toml"
    toml.write_text(toml.read_text().replace('name = "never-used"', 'markers = "keep"'))
    wheel = project.build({"variant": "both"})
    kept = ["numpy", "common; 'dictionary' in variant_namespaces", "only-null; variant_label == 'null'"]
    assert requirements(walk(wheel)[f"{DIST_INFO}/METADATA"]) == kept
    assert project.said == [
        'variant-backend: warning: markers = "keep" leaves "common; \'dictionary\' in variant_namespaces"'
        " to installers; current pip, uv and twine reject a wheel with such a marker"
    ]
    plain = tmp_path / PLAIN_NAME
    plain.write_bytes(wheel.read_bytes())
    target = ["--target", tmp_path / "target", "--no-deps", plain]
    for command in (["pip", "install", "--no-index"], ["uv", "pip", "install", "--offline", "--no-cache"]):
        assert run(*command, *target, ok=False).returncode, command


def test_a_requirement_on_a_url_is_a_warning(project: Project) -> None:
    toml = project.root / "pyproject.toml"
    toml.write_text(toml.read_text().replace("words ==1", "words @ https://example.org/words.zip "))
    walk(project.build())
    (line,) = project.said
    assert line.startswith(f"variant-backend: warning: {SMALL_NAME}: ")
    assert "https://example.org/words.zip" in line


def test_removal_patterns_that_match_no_requirement_are_warnings(project: Project) -> None:
    toml = project.root / "pyproject.toml"
    text = toml.read_text().replace('remove-dependencies = ["old"]', 'remove-dependencies = ["old", "odl*"]')
    # "common" is a dependency of all labels, which the recipe of this one removes.
    toml.write_text(
        text.replace("build-requires =", 'remove-dependencies = ["common", "nmpy"]\nbuild-requires =')
    )
    metadata = walk(project.build())[f"{DIST_INFO}/METADATA"]
    assert requirements(metadata) == ["numpy", 'words==1; platform_system == "Linux"']
    place = "variant-backend: warning: pyproject.toml: tool.variant-backend"
    assert project.said == [
        f"{place}.remove-dependencies: 'odl*' matches no requirement; correct or remove it",
        f"{place}.variants.small.remove-dependencies: 'nmpy' matches no requirement; correct or remove it",
    ]


# Wheels whose name gets its label after repair and test.


def test_make_variant_adds_the_label_to_a_plain_name(project: Project) -> None:
    wheel = project.build({"variant": "small", "variant-filename": "plain"})
    assert wheel.name == PLAIN_NAME
    assert project.said == [
        f"variant-backend: warning: {PLAIN_NAME} is variant 'small' without the label in its name; do not"
        " publish it: run make-variant on it to add the label"
    ]
    assert "variant-filename" not in str(project.calls())
    run("make-variant", wheel, cwd=project.root)
    labelled = project.build(SMALL)
    assert walk(project.dist / SMALL_NAME) == walk(labelled)
    assert label_and_properties(walk(labelled)[VARIANT_JSON])[0] == "small"


def test_a_plain_wheel_ignores_variant_filename(project: Project) -> None:
    assert project.build({"variant-filename": "plain"}).name == PLAIN_NAME
    assert project.said == []


@pytest.mark.parametrize("value", ["labelled", ""])
def test_variant_filename_must_be_plain(project: Project, value: str) -> None:
    refusal = project.refusal(settings={"variant": "small", "variant-filename": value})
    assert refusal.startswith("config setting 'variant-filename': expected 'plain', got ")
    assert refusal.endswith("; write -Cvariant-filename=plain, or leave it out")


# Plugins that run in builds.

PLUGIN = """
from typing import NamedTuple

class Config(NamedTuple):
    name: str
    values: list[str]
    multi_value: bool

class Plugin:
    namespace = "blas"
    all_properties_compatible = True

    @staticmethod
    def get_supported_configs():
        print("asked")
        return [Config("library", ["mkl", "openblas"], False), Config("threads", ["on", "off"], True)]

    get_all_configs = get_supported_configs
"""
BUILD_PROVIDER = """
[tool.variant-backend]
build-backend = "wrapped"
backend-path = ["backend"]

[variant]
default-priorities.namespace = ["dictionary", "blas"]
[variant.providers.dictionary]
static-properties.size = ["large", "small"]
[variant.providers.blas]
build-requires = ["Blas-Provider>=1"]
plugin-api = "blas_provider:Plugin"
[variant.variants]
mkl.blas.library = ["mkl"]
small.dictionary.size = ["small"]
"""
STATIC = {
    "static-properties": {"library": ["mkl", "openblas"], "threads": ["on", "off"]},
    "feature-order": ["library", "threads"],
}


class WithPlugin(Project):
    """A project with a build-time provider; the plugin is beside the project."""

    def __init__(self, root: Path, toml: str = BUILD_PROVIDER) -> None:
        super().__init__(root, toml=toml)
        self.plugins = root.parent / "plugins"
        self.plugins.mkdir()
        self.write(PLUGIN)

    def write(self, plugin: str, module: str = "blas_provider") -> None:
        """Write the plugin's module."""
        (self.plugins / f"{module}.py").write_text(plugin, encoding="utf-8")

    def configure(self, old: str, new: str) -> None:
        """Change the project file."""
        toml = self.root / "pyproject.toml"
        text = toml.read_text(encoding="utf-8")
        assert old in text
        toml.write_text(text.replace(old, new), encoding="utf-8")

    def document(self, label: str) -> dict[str, Any]:
        """Build a variant, and return the content of its variant.json."""
        document: dict[str, Any] = json.loads(walk(self.build({"variant": label}))[VARIANT_JSON])
        return document


@pytest.fixture
def asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WithPlugin:
    project = WithPlugin(tmp_path / "project")
    monkeypatch.setenv("PYTHONPATH", str(project.plugins))
    return project


def test_the_answer_of_a_build_plugin_is_in_the_wheel(asking: WithPlugin) -> None:
    document = asking.document("mkl")
    assert document["providers"] == {
        "dictionary": {"static-properties": {"size": ["large", "small"]}},
        "blas": STATIC,
    }
    assert document["variants"] == {"mkl": {"blas": {"library": ["mkl"]}}}
    folder = asking.root / "prepared"
    folder.mkdir()
    asking.call("prepare_metadata_for_build_wheel", {"variant": "mkl"}, into=folder)
    assert json.loads((folder / VARIANT_JSON).read_bytes()) == document
    # All wheels of a release declare the same providers, even those that do not use them.
    for label in ("small", "null"):
        assert asking.document(label)["providers"] == document["providers"]
    run("variant-backend", "index", asking.dist)


def test_plugins_are_build_requirements_of_every_label(asking: WithPlugin) -> None:
    for label in ("mkl", "small", "null"):
        required = asking.call("get_requires_for_build_wheel", {"variant": label})
        assert required == ["needed-to-build_wheel", "Blas-Provider>=1"]
    assert asking.call("get_requires_for_build_wheel") == ["needed-to-build_wheel"]


@pytest.mark.parametrize(
    ("api", "more"),
    [
        ("blas_provider:Plugin", ""),
        ("blas_provider:plugin", "plugin = Plugin()"),
        ("blas_provider:Inner.plugin", "class Inner:\n    plugin = Plugin"),
        ("blas_provider", "namespace, all_properties_compatible = 'blas', True\n"
         "get_supported_configs = Plugin.get_supported_configs"),
        (None, "all_properties_compatible = True\nget_supported_configs = Plugin.get_supported_configs"),
    ],
)  # fmt: skip
def test_a_plugin_is_a_class_an_instance_or_a_module(asking: WithPlugin, api: str | None, more: str) -> None:
    line = 'plugin-api = "blas_provider:Plugin"\n'
    asking.configure(line, line.replace("blas_provider:Plugin", api) if api else "")
    asking.write(f"{PLUGIN}\n{more}\n")
    assert asking.document("mkl")["providers"]["blas"] == STATIC


BROKEN = {
    "missing": (None, "ModuleNotFoundError: No module named 'blas_provider'"),
    "missing object": (PLUGIN.replace("class Plugin", "class Other"), "AttributeError"),
    "failing import": ("1 / 0", "ZeroDivisionError: division by zero"),
    "an exit": ("raise SystemExit('no')", "SystemExit: no"),
    "exit of the process": ("import os; os._exit(5)", "ended with exit code 5 and no answer"),
    "exception": (PLUGIN.replace('print("asked")', "1 / 0"), "ZeroDivisionError"),
    "None": (PLUGIN.replace('print("asked")', "return None"), "TypeError"),
    "no feature": (PLUGIN.replace('print("asked")', "return []"), "get_supported_configs() lists no feature"),
    "missing method": (PLUGIN.replace("get_supported_configs", "get_any"), "missing get_supported_configs()"),
    "no values": (
        PLUGIN.replace('["mkl", "openblas"]', "[]"),
        "get_supported_configs()[0].values: expected a list of",
    ),
    "a string": (
        PLUGIN.replace('["mkl", "openblas"]', '"mkl"'),
        "[0].values: expected a list of at least one string",
    ),
    "a set": (
        PLUGIN.replace('["mkl", "openblas"]', '{"mkl"}'),
        "[0].values: expected a list of at least one string",
    ),
    "a number": (PLUGIN.replace('"mkl"', "1"), "get_supported_configs()[0].values[0]: expected a string"),
    "an invalid value": (PLUGIN.replace('"mkl"', '"MKL"'), "value 'MKL': character 'M'"),
    "a duplicate value": (PLUGIN.replace('"openblas"', '"mkl"'), "duplicate value 'mkl'"),
    "an invalid name": (PLUGIN.replace('"library"', '"lib-rary"'), "feature 'lib-rary': character '-'"),
    "a duplicate feature": (
        PLUGIN.replace('"threads"', '"library"'),
        "[1].name: duplicate feature 'library'",
    ),
    "not for all": (
        PLUGIN.replace("compatible = True", "compatible = False"),
        "all_properties_compatible is not",
    ),
    "unknown": (PLUGIN.replace("all_properties_compatible", "other"), "all_properties_compatible is not"),
    "another namespace": (
        PLUGIN.replace('"blas"', '"lapack"'),
        "namespace: expected 'blas', got 'lapack'",
    ),
}


@pytest.mark.slow  # a build for each
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_ends_only_builds_that_use_it(asking: WithPlugin, kind: str) -> None:
    plugin, message = BROKEN[kind]
    if plugin is None:
        (asking.plugins / "blas_provider.py").unlink()
    else:
        asking.write(plugin)
    refusal = asking.refusal(settings={"variant": "mkl"})
    assert refusal.startswith("providers.blas: plugin 'blas_provider:Plugin': ")
    assert message in refusal
    for label in ("small", "null"):
        wheel = asking.dist / str(asking.call_here("build_wheel", {"variant": label}))
        document = json.loads(walk(wheel)[VARIANT_JSON])
        assert document["default-priorities"] == {"namespace": ["dictionary"]}
        assert list(document["providers"]) == ["dictionary"]
        assert any(message in line for line in asking.said)
        assert asking.said[-1].endswith(f"blas is left out, because variant '{label}' does not use it")


@pytest.mark.slow  # it builds several wheels
def test_index_combines_wheels_with_and_without_the_answer(asking: WithPlugin) -> None:
    asking.document("mkl")
    (asking.plugins / "blas_provider.py").unlink()
    asking.document("small")
    asking.configure('["dictionary", "blas"]', '["blas", "dictionary"]')
    run("variant-backend", "index", asking.dist)
    # The namespace is first, and a wheel must declare at least one.
    document = asking.document("null")
    assert document["default-priorities"] == {"namespace": ["blas", "dictionary"]}
    assert "providers" not in document
    # This wheel uses the namespace after the missing one.
    assert asking.document("small")["default-priorities"] == {"namespace": ["dictionary"]}


def test_a_slow_plugin_is_stopped(asking: WithPlugin, monkeypatch: pytest.MonkeyPatch) -> None:
    asking.write("import time; time.sleep(60)")
    monkeypatch.setattr(plugins, "_TIME_LIMIT", 0.5)
    assert "no answer within 0.5 seconds" in asking.refusal(settings={"variant": "mkl"})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_process_that_a_plugin_leaves_behind_is_not_waited_for(
    asking: WithPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking.write(f"import os, time\nif not os.fork():\n    time.sleep(8)\n    os._exit(0)\n{PLUGIN}")
    monkeypatch.setattr(plugins, "_TIME_LIMIT", 4)
    assert asking.document("mkl")["providers"]["blas"] == STATIC


def test_modules_of_this_package_do_not_hide_those_of_a_plugin(asking: WithPlugin) -> None:
    asking.write(f"import record\nassert record.here\n{PLUGIN}")
    asking.write("here = True", "record")
    assert asking.document("mkl")["providers"]["blas"] == STATIC


def test_converting_a_wheel_does_not_run_a_plugin(asking: WithPlugin) -> None:
    ready = asking.root / "ready" / PLAIN_NAME
    result = run("make-variant", "-o", "dist", "--label", "mkl", ready, cwd=asking.root, ok=False)
    assert result.returncode == 1
    assert "providers.blas.build-requires: this plugin has not run; build the variant" in result.stderr
    run("make-variant", "-o", "dist", "--label", "small", ready, cwd=asking.root)
    document = json.loads(walk(asking.dist / SMALL_NAME)[VARIANT_JSON])
    assert document["default-priorities"] == {"namespace": ["dictionary"]}


# Properties that a plugin validates.

VALIDATING = BUILD_PROVIDER.replace(
    'build-backend = "wrapped"', 'build-backend = "wrapped"\nplugins = "validate"'
)
VALIDATING = (
    VALIDATING.replace("build-requires =", "requires =")
    + """
bad.blas = { libary = ["mkl"], library = ["mkl", "openblas"], threads = ["of"] }
threads.blas.threads = ["on", "off"]
"""
)


@pytest.fixture
def validating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WithPlugin:
    project = WithPlugin(tmp_path / "project", VALIDATING)
    monkeypatch.setenv("PYTHONPATH", str(project.plugins))
    return project


def test_a_project_can_validate_properties_with_the_plugin(validating: WithPlugin) -> None:
    assert validating.build({"variant": "mkl"}).exists()
    assert validating.build({"variant": "threads"}).exists()
    with pytest.raises(BuildError) as error:
        validating.build({"variant": "bad"})
    place = "variant-backend: error: variants.bad.blas"
    assert [line for line in error.value.lines if "error" in line] == [
        f"{place}.libary: unknown feature (did you mean 'library'?); known features: library, threads",
        f"{place}.library: expected one value, got 2: mkl, openblas; remove all but one",
        f"{place}.threads: unknown value 'of' (did you mean 'off'?); known values: on, off",
    ]
    validating.configure('plugins = "validate"', 'plugins = "off"')
    assert validating.build({"variant": "bad"}).exists()


def test_a_validating_plugin_is_required_by_labels_that_use_it(validating: WithPlugin) -> None:
    hook = "get_requires_for_build_wheel"
    assert validating.call(hook, {"variant": "mkl"}) == ["needed-to-build_wheel", "Blas-Provider>=1"]
    assert validating.call(hook, {"variant": "small"}) == ["needed-to-build_wheel"]
    (validating.plugins / "blas_provider.py").unlink()
    assert "No module named 'blas_provider'" in validating.refusal(settings={"variant": "mkl"})
    assert validating.build({"variant": "small"}).exists()
    validating.configure('plugins = "validate"', 'plugins = "off"')
    assert validating.call(hook, {"variant": "mkl"}) == ["needed-to-build_wheel"]


ISOLATED = """
[build-system]
requires = ["hatchling", "variant-backend-core"]
build-backend = "variant_backend.hooks"

[tool.variant-backend]
build-backend = "hatchling.build"
plugins = "validate"

[tool.variant-backend.variants.mkl]
build-requires = ["needed-by-mkl"]

[tool.hatch.build.hooks.custom]

[project]
name = "demo"
version = "1.0"

[variant]
default-priorities.namespace = ["blas"]
[variant.providers.blas]
build-requires = ["Blas-Provider>=1"]
plugin-api = "blas_provider:Plugin"
[variant.variants]
mkl.blas.library = ["mkl"]
"""
# Fails without the build requirement of the recipe.
HATCH_HOOK = """
import os
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
class Hook(BuildHookInterface):
    def initialize(self, version, build_data):
        if self.target_name == "wheel":
            import needed_by_mkl
"""


@pytest.mark.slow
@pytest.mark.usefixtures("own_wheel")
@pytest.mark.parametrize(
    "frontend", [["python", "-m", "build", "--installer=uv"], ["uv", "build"]], ids=["build", "uv"]
)
def test_frontends_install_the_plugins_and_requirements_of_a_label(
    tmp_path: Path, frontend: list[str]
) -> None:
    packages = tmp_path / "packages"
    make_wheel(packages, "blas_provider", files={"blas_provider.py": PLUGIN.encode()})
    make_wheel(packages, "needed_by_mkl")
    project = tmp_path / "project"
    (project / "demo").mkdir(parents=True)
    (project / "demo/__init__.py").touch()
    (project / "pyproject.toml").write_text(ISOLATED, encoding="utf-8")
    (project / "hatch_build.py").write_text(HATCH_HOOK, encoding="utf-8")
    links: dict[str, Any] = {"UV_FIND_LINKS": f"{os.environ['UV_FIND_LINKS']},{packages.as_uri()}"}
    run(*frontend, project, "-o", tmp_path / "dist", "-Cvariant=mkl", **links)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    assert wheel.name.endswith("-mkl.whl")
    (content,) = [text for name, text in walk(wheel).items() if name.endswith("/variant.json")]
    assert json.loads(content)["providers"] == {"blas": STATIC}
    plain = run(*frontend, project, "-o", tmp_path / "plain", "--wheel", ok=False, **links)
    assert "No module named 'needed_by_mkl'" in plain.stdout + plain.stderr
