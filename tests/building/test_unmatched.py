"""Recipes whose patterns match nothing are reported when existing wheels are converted."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.made_wheels import make_wheel

from variant_backend._internal.building.convert import convert, plan_conversions
from variant_backend._internal.building.plan import Request

PROJECT = """
[tool.variant-backend]
remove-dependencies = ["shared", "never*"]
[tool.variant-backend.variants.mkl]
match = { local = "mkl", platform = "*linux*" }
remove-dependencies = ["old-mkl", "mkl-typo"]
[tool.variant-backend.variants.open]
match = { local = "open" }
[variant]
default-priorities.namespace = ["blas"]
providers.blas.static-properties.library = ["mkl", "open"]
variants.mkl.blas.library = ["mkl"]
variants.open.blas.library = ["open"]
"""
METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: shared\n"
COMMON = "pyproject.toml: tool.variant-backend.remove-dependencies"
OWN = "pyproject.toml: tool.variant-backend.variants.mkl.remove-dependencies"
UNPICKED = "selects none of the wheels; correct it if one of them should get this label"
END = "matches no requirement; correct or remove it"


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pyproject.toml").write_text(PROJECT)


def wheel(local: str, tag: str = "py3-none-linux_x86_64", requirement: str = "") -> Path:
    more = f"Requires-Dist: {requirement}\n" if requirement else ""
    return make_wheel(Path(), version=f"1.0+{local}", tag=tag, metadata=f"{METADATA}{more}\n")


def messages(*wheels: Path, label: str | None = None) -> list[str]:
    """Return the warnings about these wheels."""
    texts: list[str] = []
    plan_conversions(wheels, Request(label), None, moment=None, warn=texts.append)
    return texts


def test_patterns_for_all_labels_are_checked_with_wheels_of_all_labels() -> None:
    mkl, other = wheel("mkl", requirement="old-mkl"), wheel("open")
    typo = f"{OWN}: 'mkl-typo' {END}"
    assert messages(mkl, other) == [f"{COMMON}: 'never*' {END}", typo]
    assert messages(mkl) == [typo]
    assert messages(other) == []


def test_patterns_of_a_label_need_a_requirement_in_one_of_its_wheels() -> None:
    linux = wheel("mkl", requirement="old-mkl")
    other = wheel("mkl", "py3-none-manylinux_2_28_aarch64", "mkl-typo")
    assert messages(linux, other) == []


def test_patterns_are_not_checked_with_a_wheel_that_is_a_variant() -> None:
    planned = plan_conversions([wheel("mkl")], Request("mkl"), None, moment=None, warn=print)
    (outcome,) = convert(planned, None)
    assert outcome
    labelled = Path("demo-1.0+mkl-py3-none-linux_x86_64-mkl.whl")
    assert messages(labelled, label="mkl") == []


def test_an_unmatched_match_is_a_warning_if_a_wheel_is_left() -> None:
    Path("pyproject.toml").write_text(PROJECT.replace(', "mkl-typo"', "").replace('"never*"', ""))
    other, windows = wheel("open"), wheel("mkl", "py3-none-win_amd64")
    assert messages(other) == []
    warning = f"pyproject.toml: tool.variant-backend.variants.{{}} {UNPICKED}".format
    mkl = warning("mkl.match: local = 'mkl', platform = '*linux*'")
    assert messages(other, windows) == [mkl]
    assert messages(windows) == [mkl, warning("open.match: local = 'open'")]
