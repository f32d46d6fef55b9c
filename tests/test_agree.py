"""The comparison of `python3 dev.py agree`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from agree import Fact, facts, measured, summary

from variant_backend._internal.variants.uv_behaviour import UV_VERSION

PYPROJECT = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
OLD = {"uv": "1.0", "pip": "2.0"}
SAME, APART = Fact("uv sorts labels", 3), Fact("pip refuses labels", 2, ("assert 0 == 1", "other"))
REPORT = """\
<testsuites><testsuite>
<testcase name="test_uv_sorts_labels[a]"/><testcase name="test_uv_sorts_labels[b]"/>
<testcase name="test_pip_refuses_labels"><failure message="assert  0&#10;== 1">trace</failure></testcase>
<testcase name="test_uv_is_found"><error message="no uv"/></testcase>
<testcase name="test_pip_is_new"><skipped message="too old"/></testcase>
</testsuite></testsuites>
"""


def test_each_test_function_of_a_report_is_a_fact() -> None:
    assert facts(REPORT) == [
        Fact("uv sorts labels", 2),
        Fact("pip refuses labels", 1, ("assert 0 == 1",)),
        Fact("uv is found", 1, ("no uv",)),
    ]


@pytest.mark.parametrize(
    ("new", "found", "last"),
    [
        (OLD, [SAME], "all 1 facts are as before"),
        ({**OLD, "uv": "1.1"}, [SAME], "all 1 facts are as before; write 1.1 for uv into pyproject.toml"),
        (OLD, [SAME, APART], "1 of 2 facts have changed; CONTRIBUTING.md says what to do"),
        (OLD, [], "no fact was checked"),
    ],
)
def test_the_summary_ends_with_what_to_do(new: dict[str, str], found: list[Fact], last: str) -> None:
    assert summary(OLD, new, found)[-1] == last


def test_the_summary_has_versions_and_then_facts_with_changes_last() -> None:
    assert summary(OLD, {**OLD, "uv": "1.1"}, [APART, SAME])[:-1] == [
        "uv           measured 1.0        newest 1.1",
        "pip          measured 2.0        newest 2.0",
        "",
        "as before: uv sorts labels (3 cases)",
        "changed:   pip refuses labels: in 2 of 2 cases: assert 0 == 1",
        "",
    ]


def test_the_measured_versions_are_those_of_the_project() -> None:
    versions = measured(PYPROJECT)
    assert [*versions] == ["packaging", "pip", "uv", "variantlib"]
    assert versions["uv"] == UV_VERSION
    assert re.findall(r"variantlib\[cli\]==([\d.]+)", PYPROJECT) == [versions["variantlib"]] * 2
