"""Plans: builds and conversions make the same variant by the same rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.made_wheels import make_wheel

from variant_backend._internal.building.convert import Conversion, plan_conversions
from variant_backend._internal.building.plan import Draft, Request
from variant_backend._internal.building.variant_build import VariantBuild
from variant_backend._internal.errors import VariantError
from variant_backend._internal.project.config_settings import asked_variants
from variant_backend._internal.project.pyproject import Project
from variant_backend._internal.variants.known_providers import unknown_properties
from variant_backend._internal.variants.properties import Property, Variant
from variant_backend._internal.variants.providers import PluginProvider, Provider, StaticProvider
from variant_backend._internal.wheel_rewrite import Plan

TABLE = """
[variant.default-priorities]
namespace = ["blas"]
[variant.providers.blas]
static-properties = { library = ["mkl", "openblas"] }
[variant.variants]
mkl = { blas = { library = ["mkl"] } }
[tool.variant-backend.variants.mkl]
dependencies = ["mkl"]
"""


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    Path("pyproject.toml").write_text(TABLE)


def plan_of_build(settings: dict[str, object]) -> Plan:
    warnings: list[str] = []
    plan = VariantBuild.of(asked_variants(settings), "labelled").plan(warnings.append)
    assert warnings == []
    return plan


def plan_of_conversion(request: Request) -> Plan:
    (planned,) = plan_conversions([make_wheel(Path())], request, None, moment=None, warn=print)
    assert isinstance(planned, Conversion)
    assert isinstance(planned.plan, Plan)
    return planned.plan


@pytest.mark.parametrize(
    ("settings", "request_"),
    [
        ({"variant": "mkl"}, Request("mkl")),
        ({"variant": "null"}, Request("null")),
        ({"variant": "blas :: library :: mkl"}, Request(None, (Property("blas", "library", "mkl"),))),
        (
            {"variant": "blas :: library :: openblas", "variant-label": "open"},
            Request("open", (Property("blas", "library", "openblas"),)),
        ),
    ],
)
def test_a_build_and_a_conversion_have_the_same_plan(settings: dict[str, object], request_: Request) -> None:
    assert plan_of_build(settings) == plan_of_conversion(request_)


def test_only_conversions_use_the_name_of_a_recipe() -> None:
    path = Path("pyproject.toml")
    path.write_text(f'[tool.variant-backend]\nname = "other"\nstrip-local-version = true\n{TABLE}')
    recipe = plan_of_conversion(Request("mkl")).recipe
    assert (recipe.name, recipe.strip_local_version) == ("other", True)
    recipe = plan_of_build({"variant": "mkl"}).recipe
    assert (recipe.name, recipe.strip_local_version) == (None, False)


def test_a_requested_name_overrides_the_recipe() -> None:
    assert plan_of_conversion(Request("mkl", name="mine")).recipe.name == "mine"


def test_a_property_given_twice_is_an_error() -> None:
    prop = Property("blas", "library", "mkl")
    message = "duplicate property 'blas :: library :: mkl'; give it once"
    with pytest.raises(VariantError) as error:
        plan_of_conversion(Request(None, (prop, prop)))
    assert error.value.lines() == [message]
    with pytest.raises(VariantError) as error:
        plan_of_build({"variant": ["blas::library::mkl", "blas :: library :: mkl"]})
    assert error.value.lines() == [message]


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        (None, 1),
        (PluginProvider(("X86_64.variant-provider>=0.2",)), 1),
        (PluginProvider(("my-provider",)), 0),
        (StaticProvider((("level", ("v9",)),)), 0),
    ],
    ids=["none", "known plugin", "other plugin", "static"],
)
def test_only_properties_of_the_known_plugin_can_be_unknown(provider: Provider | None, expected: int) -> None:
    providers = {"x86_64": provider} if provider else {}
    variant = Variant.of("new", frozenset({Property("x86_64", "level", "v9")}))
    assert len(unknown_properties([variant], providers)) == expected


def test_a_missing_answer_of_a_used_plugin_is_an_error() -> None:
    path = Path("pyproject.toml")
    static = 'static-properties = { library = ["mkl", "openblas"] }'
    path.write_text(TABLE.replace('["blas"]', '["gpu", "blas"]').replace(static, 'build-requires = ["b"]'))
    project = Project.load(path)
    with pytest.raises(VariantError, match="this plugin has not run"):
        Draft.of(Request("mkl"), project).plan({}, moment=None)
    draft = Draft.of(Request("null"), project)
    assert (
        draft.left_out(draft.plan({}, moment=None))
        == "blas is left out, because variant 'null' does not use it"
    )
