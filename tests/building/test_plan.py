"""Plans: wheels that are built and wheels that exist become the same variant, by the same rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.made_wheels import make_wheel

from variant_backend.building.convert import Conversion, plan_conversions
from variant_backend.building.plan import Draft, Request
from variant_backend.building.variant_build import VariantBuild
from variant_backend.errors import VariantError
from variant_backend.project.config_settings import asked_variants
from variant_backend.project.pyproject import Project
from variant_backend.variants.properties import Property
from variant_backend.wheel_rewrite import Plan

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
    plan = VariantBuild.of(asked_variants(settings), labelled=True).plan(warnings.append)
    assert warnings == []
    return plan


def plan_of_conversion(request: Request) -> Plan:
    (planned,) = plan_conversions([make_wheel(Path())], request, None, moment=None, warn=print)
    assert isinstance(planned, Conversion)
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


def test_a_name_counts_for_conversions_only() -> None:
    path = Path("pyproject.toml")
    path.write_text(f'[tool.variant-backend]\nname = "other"\nstrip-local-version = true\n{TABLE}')
    recipe = plan_of_conversion(Request("mkl")).recipe
    assert (recipe.name, recipe.strip_local_version) == ("other", True)
    recipe = plan_of_build({"variant": "mkl"}).recipe
    assert (recipe.name, recipe.strip_local_version) == (None, False)


def test_what_is_asked_for_counts_before_the_recipe() -> None:
    assert plan_of_conversion(Request("mkl", name="mine")).recipe.name == "mine"


def test_a_missing_answer_of_a_plugin_is_an_error_where_the_variant_needs_it() -> None:
    path = Path("pyproject.toml")
    static = 'static-properties = { library = ["mkl", "openblas"] }'
    path.write_text(TABLE.replace('["blas"]', '["gpu", "blas"]').replace(static, 'build-requires = ["b"]'))
    project = Project.load(path)
    with pytest.raises(VariantError, match="this plugin has not been asked"):
        Draft.of(Request("mkl"), project).plan({}, moment=None)
    draft = Draft.of(Request("null"), project)
    assert (
        draft.left_out(draft.plan({}, moment=None)) == "blas is left out, as variant 'null' does not use it"
    )
