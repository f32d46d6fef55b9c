"""METADATA of wheels that require a release of another project."""

from __future__ import annotations

import pytest

from variant_backend._internal.formats.required_project import RequiredProject, required_names

DATA = "Metadata-Version: 2.1\nName: CuPy.cuda12x\nVersion: 1\n{}\n"


def fields(more: str, requires_python: str | None = None) -> list[str]:
    """Return the lines of METADATA after the summary."""
    project = RequiredProject.of_metadata(DATA.format(more).encode())
    if requires_python is not None:
        project = project._replace(requires_python=requires_python)
    return project.metadata("cupy", "1", "a test").decode().splitlines()[4:]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (">=3.9,\n <4", [">=3.9, <4"]),
        (">=3.9\n", [">=3.9"]),
        ("three", []),
        ("", []),
        (">=3\nName: x", []),
        (f">{'9' * 5000}", []),
    ],
)
def test_requires_python_of_a_page_is_one_line_that_all_read(value: str, written: list[str]) -> None:
    required = [f"Requires-Python: {text}" for text in written]
    assert fields("", value) == [*required, "Requires-Dist: CuPy.cuda12x==1"]


def test_invalid_and_repeated_extras_are_not_handed_on() -> None:
    assert fields("Provides-Extra: Al_l\nProvides-Extra: Al_l\nProvides-Extra: a b") == [
        "Requires-Dist: CuPy.cuda12x==1",
        "Provides-Extra: Al_l",
        'Requires-Dist: CuPy.cuda12x[Al_l]==1 ; extra == "Al_l"',
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
    assert required_names(data, always=True) == required
    assert required_names(data) == {"cupy"}
