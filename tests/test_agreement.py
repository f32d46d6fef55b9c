"""If `index` or `make-variant` refuses files, `check` reports an error in them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers.fuzzed_wheels import LABELLED, NAME, PLAN, wheels
from helpers.mutation import mutated
from helpers.sample_release import DOCUMENT, only, patched, write_wheel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from variant_backend._internal.checking.codes import RULES
from variant_backend._internal.checking.findings import Finding
from variant_backend._internal.checking.rule import ERROR, FORMAT
from variant_backend._internal.checking.run import find_problems
from variant_backend._internal.errors import VariantError
from variant_backend._internal.publishing.index_file import plan_index
from variant_backend._internal.wheel_rewrite import write_variant
from variant_backend._internal.wheels.reading import WheelFile

# Errors that do not come from the wheels themselves.
LACKS = {"missing-index", "no-fallback", "no-plain-wheel"}

COLOR = {"static-properties": {"tone": ["red"]}}
# Valid documents; some of them conflict with each other.
SOUND: list[Any] = [
    patched(DOCUMENT, change)
    for change in (
        {},
        {"providers": {"speed": {"static-properties": {"mode": ["safe", "fast"]}}}},
        {"default-priorities": {"namespace": ["speed", "color"]}, "providers": {"color": COLOR}},
        {"default-priorities": {"namespace": ["color", "speed"]}, "providers": {"color": COLOR}},
    )
]
documents = st.sampled_from(SOUND) | mutated()

quick = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def issues(call: Callable[[], object]) -> tuple[str, ...]:
    """Call a function; return the lines of its VariantError, or nothing."""
    try:
        call()
    except VariantError as error:
        return tuple(error.lines())
    return ()


def errors(*paths: Path) -> set[str]:
    """Return the codes of errors, and of problems of formats that readers tolerate and writers refuse."""
    codes = (one.problem.code for one in find_problems(paths) if one.severity == ERROR or is_tolerated(one))
    return {*codes} - LACKS


def is_tolerated(finding: Finding) -> bool:
    return FORMAT in RULES[finding.problem.code].groups


@given(wheels())
@quick
def test_check_finds_an_error_in_every_refused_wheel(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plain, labelled = Path(folder, "in", NAME), Path(folder, "dist", LABELLED)
        for path in (plain, labelled):
            path.parent.mkdir()
            path.write_bytes(data)
        if refused := issues(lambda: write_variant(WheelFile.of(plain), PLAN, Path(folder, "out"))):
            assert errors(plain), refused
        if refused := issues(lambda: plan_index([labelled.parent])):
            assert errors(labelled.parent), refused


@given(documents, documents, st.booleans(), st.sampled_from(["1.0", "1.0.0", "1"]))
@quick
def test_check_finds_an_error_in_every_refused_release(
    one: Any, other: Any, apart: bool, version: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "a"), Path(folder, "b" if apart else "a")
        for path in (first, second):
            path.mkdir(exist_ok=True)
        write_wheel(first / "demo-1.0-py3-none-any-fast.whl", only(one, "fast"))
        write_wheel(second / f"demo-{version}-py3-none-any-safe.whl", only(other, "safe"))
        folders = [*dict.fromkeys([first, second])]
        if refused := issues(lambda: plan_index(folders)):
            assert errors(*folders), refused
