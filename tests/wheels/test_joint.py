"""METADATA of wheels that require a release of another project."""

from __future__ import annotations

import pytest

from variant_backend.errors import VariantError
from variant_backend.variants.filename import WheelFilename
from variant_backend.wheels.joint import joint_metadata

DATA = "Metadata-Version: 2.1\nName: CuPy.cuda12x\nVersion: 1\n{}\n"
NAME = WheelFilename("cupy", "1", "0_cuda12", "py3-none-any", None)


def fields(more: str, requires_python: str | None = None) -> list[str]:
    """Return the lines of METADATA after the summary."""
    joint = joint_metadata(DATA.format(more).encode(), "cupy-cuda12x")
    return joint.metadata(NAME, requires_python or joint.requires_python).decode().splitlines()[4:]


@pytest.mark.parametrize(
    ("value", "written"),
    [(">=3.9,\n <4", [">=3.9, <4"]), (">=3.9\n", [">=3.9"]), ("three", []), ("", []), (">=3\nName: x", [])],
)
def test_requires_python_of_a_page_is_one_line_that_all_read(value: str, written: list[str]) -> None:
    required = [f"Requires-Python: {text}" for text in written]
    assert fields("", value) == [*required, "Requires-Dist: cupy-cuda12x==1"]


def test_invalid_and_repeated_extras_are_not_handed_on() -> None:
    assert fields("Provides-Extra: all\nProvides-Extra: all\nProvides-Extra: a b") == [
        "Requires-Dist: cupy-cuda12x==1",
        "Provides-Extra: all",
        'Requires-Dist: cupy-cuda12x[all]==1 ; extra == "all"',
    ]


@pytest.mark.parametrize(
    ("requirement", "required"),
    [
        ("cupy", {"cupy"}),
        ("CuPy[all] (>=1)", {"cupy"}),
        ("cupy ; python_version > '3'", {"cupy"}),
        ("cupy ; extra == 'all'", set()),
        ("cupy ; 'all' == extra", set()),
    ],
)
def test_requirements_without_an_extra_are_known(requirement: str, required: set[str]) -> None:
    data = DATA.format(f"Requires-Dist: {requirement}\n").encode()
    assert joint_metadata(data, "cupy-cuda12x").required == required


def test_metadata_of_another_project_is_refused() -> None:
    with pytest.raises(VariantError, match=r"expected METADATA of cupy-cuda13x, got that of 'CuPy\.cuda12x'"):
        joint_metadata(DATA.format("").encode(), "cupy-cuda13x")
