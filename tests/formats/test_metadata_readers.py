from __future__ import annotations

import email
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.conversion import metadata
from helpers.made_wheels import make_wheel
from helpers.programs import run
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.metadata import ExceptionGroup, Metadata, parse_email
from packaging.requirements import InvalidRequirement, Requirement

from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.core_metadata import all_values, repaired, requirements
from variant_backend._internal.formats.metadata_readers import (
    FIELDS,
    check_readers,
    check_reading,
    read_by_older_uv,
    read_by_packaging,
    read_by_uv,
)
from variant_backend._internal.lowlevel.zip_records import MEND
from variant_backend._internal.project.recipe import Recipe
from variant_backend._internal.wheel_rewrite import Plan, edited_metadata, write_variant
from variant_backend._internal.wheels.mend import mend
from variant_backend._internal.wheels.reading import WheelFile

HEAD = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0+cpu\n"
PLAN = Plan(metadata(), Recipe(dependencies=("extra-dep>=1",), strip_local_version=True))

ODD_LINES = [
    "Requires-Dist: a",
    "Requires-Dist:b>=1",
    "REQUIRES-dist: c",
    "Requires-Dist : d",
    "Requires-Dist\t: e",
    "Requires-Dist: f\x0c",
    "Requires-Dist: g\x0b>=1",
    "Requires-Dist: h\x85",
    "Requires-Dist: i\u2028>=1",
    "Requires-Dist: =?utf-8?q?j?=",
    "Requires-Dist: UNKNOWN",
    "Requires-Dist: k\r>=1",
    "Requires-Dist:\n l",
    "Requires-Dist: m\n\t>=1",
    "Requires-Dist: n\x00",
    "Requires-Python: >=3.8",
    "Requires-Python: >=3.9",
    "Provides-Extra: x",
    "Provides-Extra : y",
    "Summary: one",
    "Summary: one\rRequires-Dist: o",
    "Summary: one\x1eRequires-Dist: p",
    "two",
    "two words: three",
    "From me",
    "From me: three",
    ">From me",
    ":",
    "",
    " ",
    "\t",
    " indented",
    "\x0cRequires-Dist: q",
    "\ufeffRequires-Dist: r",
    "\u2028Requires-Dist: s",
    "é: t",
    "Author: Zoë",
]
FIRST_LINES = ["", "", "", "\ufeff", "\n", "From me\n", " \n", "\r", "two\n"]
lines = st.lists(st.sampled_from(ODD_LINES), max_size=6)
ends = st.sampled_from(["\n", "\n", "\r\n", "\r\r\n"]) | st.lists(
    st.sampled_from(["\n"] * 5 + ["\r\n", "\r", "\r\r\n", "\n\r"]), min_size=12, max_size=12
)


def odd_metadata(first: str, odd: list[str], end: str | list[str]) -> bytes:
    """Return METADATA of these lines, each with its own line end if *end* is a list."""
    wanted = [*HEAD.splitlines(), *odd, "", "The text."]
    each = [end] * len(wanted) if isinstance(end, str) else end
    return (first + "".join(map("".join, zip(wanted, each, strict=False)))).encode()


def spaced(values: list[str]) -> list[str]:
    return [re.sub(r"[ \t\r\n]+", " ", value).strip(" ") for value in values]


@given(st.sampled_from(FIRST_LINES), lines, ends)
@example("", ["Summary: one", "two"], "\n")
@example("", ["Requires-Dist : a"], "\n")
@example("\ufeff", [], "\r\r\n")
def test_edited_metadata_are_refused_or_read_by_all_as_meant(
    first: str, odd: list[str], end: str | list[str]
) -> None:
    data = odd_metadata(first, odd, end)
    try:
        edited = edited_metadata(data, PLAN)
    except VariantError as error:
        assert error.problems[0].text
        return
    expected = [*dict.fromkeys(requirements(data)), "extra-dep>=1"]
    message = email.message_from_string(edited.decode())
    raw, _ = parse_email(edited)
    assert spaced(message.get_all("Requires-Dist", [])) == expected
    assert spaced(raw["requires_dist"]) == expected
    assert spaced(read_by_uv(edited)["Requires-Dist"]) == expected
    assert spaced(read_by_older_uv(edited)["Requires-Dist"]) == expected
    assert spaced([message["Name"], message["Version"], raw["version"]]) == ["demo", "1.0", "1.0"]
    assert spaced(message.get_all("Provides-Extra", [])) == all_values(data, "Provides-Extra")
    python = all_values(data, "Requires-Python")
    assert spaced(message.get_all("Requires-Python", [])) == python
    assert len(python) <= 1 or "requires_python" not in raw


@pytest.mark.agreement
@given(st.sampled_from(FIRST_LINES), lines, ends)
def test_fields_are_read_as_packaging_reads_them(first: str, odd: list[str], end: str | list[str]) -> None:
    data = odd_metadata(first, odd, end)
    raw: dict[str, Any] = {**parse_email(data)[0]}
    for field, values in read_by_packaging(data).items():
        read = raw.get(field.lower().replace("-", "_"), [])
        assert spaced(values) == spaced([read] if isinstance(read, str) else read)


@pytest.mark.agreement
def test_requirements_are_read_as_uv_reads_them(tmp_path: Path) -> None:
    cases = [*ODD_LINES, *(f"{one}\n{two}" for one in ODD_LINES[:6] for two in ODD_LINES[15:])]
    cases = [f"Keywords: k\n{case}\nRequires-Dist: z" for case in cases]
    files = [odd_metadata("", [case], "\n") for case in cases]
    files += [odd_metadata(first, ["Requires-Dist: z"], "\n") for first in FIRST_LINES]
    expected = {f"m{number:03}": _shown_by_uv(read_by_uv(data)) for number, data in enumerate(files)}
    assert len(expected) > 150
    for name, data in zip(expected, files, strict=True):
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        folder.joinpath("METADATA").write_bytes(data)
    blocks = run("uv", "pip", "show", "--target", tmp_path, *expected).stdout.split("---\n")
    pairs = zip(expected, blocks, strict=True)  # uv sorts by name
    shown = {name: re.findall(r"^Requires: ?(.*)$", block, re.M) for name, block in pairs}
    assert shown == expected


def _shown_by_uv(read: dict[str, list[str]]) -> list[str]:
    """Return the line of uv with the names of all requirements; no line if a value is invalid."""
    if not read["Name"]:
        return []
    try:  # uv takes other white space for a space
        parsed = [Requirement(re.sub(r"\s", " ", text)) for text in read["Requires-Dist"]]
    except InvalidRequirement:
        return []
    return [", ".join(sorted(requirement.name for requirement in parsed))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two\nRequires-Dist: a\n", ["a"]),
        ("two: three\n Requires-Dist: a\nRequires-Dist : b\n", []),
        ("Requires-Dist: a\r\n\tb\r\nREQUIRES-dist: c\n\nRequires-Dist: d", ["a b", "c"]),
        ("Requires-Dist: =?utf-8?q?a?=\nRequires-Dist: UNKNOWN", ["a"]),
        ("Summary: one\rRequires-Dist: b", []),
        ("Requires-Dist: a\n\rx", []),
        ("Requires-Dist: a\ntwo\n x", []),
        ("\nRequires-Dist: a", []),
    ],
)
def test_requirements_are_read_as_uv_0_13_0_read_them(text: str, expected: list[str]) -> None:
    # As measured with uv 0.13.0; the installed version is newer.
    assert read_by_older_uv(text.encode())["Requires-Dist"] == expected


def is_refused(data: bytes) -> bool:
    """Return whether a reader refuses METADATA, or reads something else than it says."""
    for field in ("Requires-Dist", "Requires-Python", "Provides-Extra", "Name", "Version"):
        if spaced(read_by_older_uv(data)[field]) != spaced(read_by_uv(data)[field]):
            return True
        if spaced(read_by_packaging(data)[field]) != all_values(data, field):
            return True
    try:
        Metadata.from_email(data)
    except ExceptionGroup:
        return True
    return False


@given(st.sampled_from(FIRST_LINES), lines, ends)
@example("", ["Requires-Dist : d"], "\n")
@example("", ["Provides-Extra:\n l"], "\n")
@example("", ["Requires-Dist: m\n\t>=1"], "\r\n")
@example("\ufeff", [], "\n")
@example("", [], "\r\r\n")
@example("", [], ["\r", "\r", "\r", "\r\r\n", "\r", *["\n"] * 7])
def test_only_metadata_that_a_reader_refuses_are_repaired(
    first: str, odd: list[str], end: str | list[str]
) -> None:
    data = odd_metadata(first, odd, end)
    corrected, mistakes = repaired(data)
    assert (corrected != data) == bool(mistakes)
    assert repaired(corrected) == (corrected, [])
    assert not mistakes or is_refused(data)


@given(st.sampled_from(FIRST_LINES), lines, ends)
@example("", ["Requires-Python: >=3.8", "Requires-Python: >=3.9"], "\n")
@example("", ["Requires-Dist: =?utf-8?q?j?="], "\n")
@example("", ["Requires-Dist: UNKNOWN"], "\n")
def test_usual_metadata_are_accepted_as_by_the_comparison(
    first: str, odd: list[str], end: str | list[str]
) -> None:
    data = odd_metadata(first, odd, end)
    assert is_accepted(lambda: check_reading(data)) == is_accepted(
        lambda: check_readers(data, {field: all_values(data, field) for field in FIELDS})
    )


def is_accepted(check: Callable[[], object]) -> bool:
    try:
        check()
    except VariantError:
        return False
    return True


MENDED: dict[str, tuple[bytes, str]] = {
    "spaces": (f"{HEAD}Requires-Dist : a\n\n".encode(), "spaces before the colon of a field"),
    "several lines": (f"{HEAD}Requires-Dist: a\n  >=1\n\n".encode(), "a value on several lines"),
    "byte order mark": (f"\ufeff{HEAD}\n".encode(), "a byte order mark or an empty line before"),
    "empty line": (f"\r\n{HEAD}\n".encode(), "a byte order mark or an empty line before"),
    "line ends": (f"{HEAD}\nThe text.\n".replace("\n", "\r\r\n").encode(), "line ends CR CR LF"),
}


@pytest.mark.parametrize("name", MENDED)
def test_a_mistake_is_refused_until_it_is_mended(name: str, tmp_path: Path) -> None:
    data, text = MENDED[name]
    wheel = WheelFile.of(make_wheel(tmp_path, metadata=data.decode().replace("+cpu", "")))
    plan = Plan(metadata(), Recipe(dependencies=("extra-dep>=1",)))
    with pytest.raises(VariantError, match=f"METADATA: {text}") as raised:
        write_variant(wheel, plan, tmp_path)
    assert [problem.remedy for problem in raised.value.problems] == [MEND]
    done = mend(wheel, tmp_path / "mended")
    assert done.repairs[0].startswith(f"METADATA: corrected: {text}")
    assert write_variant(WheelFile.of(done.path), plan, tmp_path).warnings == ()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("Summary: one\ntwo", "expected 'FIELD: VALUE' or an indented line, got 'two'"),
        ("Summary: one\rtwo", "expected 'FIELD: VALUE' or an indented line, got 'two'"),
        ("Summary: one\rRequires-Dist: a", "Requires-Dist: pip reads other values than meant: 'a'"),
        (
            "Requires-Dist: =?utf-8?q?a?=",
            "Requires-Dist: uv reads other values than meant: '=?utf-8?q?a?=', 'a'",
        ),
        ("Requires-Dist: a\x85b", "Requires-Dist: pip reads other values than meant: 'a b', 'a\\x85b'"),
        (
            "Requires-Python: >=3\nRequires-Python: >=4",
            "duplicate field Requires-Python",
        ),
    ],
)
def test_metadata_that_a_tool_reads_differently_are_refused(line: str, problem: str) -> None:
    with pytest.raises(VariantError) as error:
        edited_metadata(f"{HEAD}{line}\nRequires-Dist: keep\n\n".encode(), PLAN)
    assert str(error.value).startswith(f"METADATA: {problem}")
    assert str(error.value).endswith("correct it in the project file, and rebuild the wheel")


def test_all_fields_are_compared() -> None:
    data = f"{HEAD}Requires-Dist: a\nRequires-Python: >=3\nProvides-Extra: x\n".encode()
    meant = {field: all_values(data, field) for field in FIELDS}
    check_readers(data, meant)
    for field in FIELDS:
        with pytest.raises(VariantError, match=f"METADATA: {field}: pip reads other values than meant"):
            check_readers(data, {**meant, field: ["other"]})


def test_a_field_is_read_after_its_malformed_line_is_corrected(tmp_path: Path) -> None:
    text = f"{HEAD.replace('+cpu', '')}License: MIT\nCopyright me\n\n"
    with pytest.raises(VariantError, match=r"expected .* got 'Copyright me'"):
        write_variant(WheelFile.of(make_wheel(tmp_path, metadata=text)), PLAN, tmp_path)
    wheel = make_wheel(tmp_path, metadata=text.replace("Copyright", "  Copyright"))
    assert write_variant(WheelFile.of(wheel), PLAN, tmp_path).written


def test_the_email_module_is_imported_only_for_edits(tmp_path: Path) -> None:
    make_wheel(tmp_path)
    program = (
        "import sys, variant_backend._internal.scripts as s\n"
        "try: s.make_variant()\n"
        "except SystemExit: print('email' in sys.modules)\n"
    )
    for options in ([], ["--name", "other"]):
        command = ["make-variant", "--null", *options, "demo-1.0-py3-none-any.whl"]
        shown = run("python", "-c", f"import sys; sys.argv = {command}\n{program}", cwd=tmp_path).stdout
        assert shown.splitlines()[-1] == str(bool(options))
