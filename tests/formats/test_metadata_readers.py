from __future__ import annotations

import email
import re
from pathlib import Path
from typing import Any

import pytest
from helpers.conversion import metadata
from helpers.made_wheels import make_wheel
from helpers.programs import run
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement

from variant_backend.errors import VariantError
from variant_backend.formats.core_metadata import all_values, repaired, requirements
from variant_backend.formats.metadata_readers import FIELDS, check_readers, read_by_packaging, read_by_uv
from variant_backend.project.recipe import Recipe
from variant_backend.wheel_rewrite import Plan, edited_metadata, make_variant
from variant_backend.wheels.reading import WheelFile

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
@example("\ufeff", ["Requires-Dist: m\n\t>=1"], "\r\r\n")
def test_edited_metadata_are_refused_or_read_by_all_as_meant(
    first: str, odd: list[str], end: str | list[str]
) -> None:
    data = odd_metadata(first, odd, end)
    try:
        edited = edited_metadata(data, PLAN).metadata
    except VariantError as error:
        assert error.problems[0].text
        return
    corrected, _ = repaired(data)
    expected = [*dict.fromkeys(requirements(corrected)), "extra-dep>=1"]
    message = email.message_from_string(edited.decode())
    raw, _ = parse_email(edited)
    assert spaced(message.get_all("Requires-Dist", [])) == expected
    assert spaced(raw["requires_dist"]) == expected
    assert spaced(read_by_uv(edited)["Requires-Dist"]) == expected
    assert spaced([message["Name"], message["Version"], raw["version"]]) == ["demo", "1.0", "1.0"]
    assert spaced(message.get_all("Provides-Extra", [])) == all_values(corrected, "Provides-Extra")
    python = all_values(corrected, "Requires-Python")
    assert spaced(message.get_all("Requires-Python", [])) == python
    assert len(python) <= 1 or "requires_python" not in raw


@given(st.sampled_from(FIRST_LINES), lines, ends)
def test_fields_are_read_as_packaging_reads_them(first: str, odd: list[str], end: str | list[str]) -> None:
    data = odd_metadata(first, odd, end)
    raw: dict[str, Any] = {**parse_email(data)[0]}
    for field, values in read_by_packaging(data).items():
        read = raw.get(field.lower().replace("-", "_"), [])
        assert spaced(values) == spaced([read] if isinstance(read, str) else read)


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
    ("data", "notice"),
    [
        ("Requires-Dist : a\n", "spaces before the colon"),
        ("Requires-Dist: a\n  >=1\n", "a Requires-Dist on several lines"),
    ],
)
def test_a_repair_is_reported(data: str, notice: str) -> None:
    edited = edited_metadata(f"{HEAD}{data}\nRequires-Dist : c\n".encode(), PLAN)
    assert edited.metadata.endswith(b"\n\nRequires-Dist : c\n")
    assert [text.startswith(f"METADATA: {notice}") for text in edited.notices] == [True]


@pytest.mark.parametrize("first", ["\ufeff", "\n", "\r\n"])
def test_a_mark_before_the_first_field_is_removed(first: str) -> None:
    edited = edited_metadata(f"{first}{HEAD}".encode(), PLAN)
    assert edited.metadata.startswith(b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
    assert "before the first field" in edited.notices[0]


def test_doubled_line_ends_are_repaired_in_the_whole_file() -> None:
    data = f"{HEAD}\nThe text.\n".replace("\n", "\r\r\n").encode()
    edited = edited_metadata(data, PLAN)
    assert edited.metadata.count(b"\n") == edited.metadata.count(b"\r\n") == edited.metadata.count(b"\r")
    assert edited.notices == ["METADATA: line ends CR CR LF were replaced by CR LF"]


def test_metadata_stay_as_they_are_if_nothing_is_edited() -> None:
    data = f"\ufeff{HEAD}Requires-Dist : a\nstray\n\n".encode()
    assert edited_metadata(data, Plan(metadata())) == (data, ())


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("Summary: one\ntwo", "line 5: expected 'FIELD: VALUE' or an indented line, got 'two'"),
        ("Summary: one\rtwo", "line 5: expected 'FIELD: VALUE' or an indented line, got 'two'"),
        ("Summary: one\rRequires-Dist: a", "Requires-Dist: pip reads other values than meant: 'a'"),
        (
            "Requires-Dist: =?utf-8?q?a?=",
            "Requires-Dist: uv reads other values than meant: '=?utf-8?q?a?=', 'a'",
        ),
        ("Requires-Dist: a\x85b", "Requires-Dist: pip reads other values than meant: 'a b', 'a\\x85b'"),
        (
            "Requires-Python: >=3\nRequires-Python: >=4",
            "Requires-Python: twine reads other values than meant",
        ),
    ],
)
def test_metadata_that_a_tool_reads_differently_are_refused(line: str, problem: str) -> None:
    with pytest.raises(VariantError) as error:
        edited_metadata(f"{HEAD}{line}\nRequires-Dist: keep\n\n".encode(), PLAN)
    assert str(error.value).startswith(f"METADATA: {problem}")
    assert str(error.value).endswith("with `wheel unpack` and `wheel pack`")


def test_all_fields_are_compared() -> None:
    data = f"{HEAD}Requires-Dist: a\nRequires-Python: >=3\nProvides-Extra: x\n".encode()
    meant = {field: all_values(data, field) for field in FIELDS}
    check_readers(data, meant)
    for field in FIELDS:
        with pytest.raises(VariantError, match=f"METADATA: {field}: pip reads other values than meant"):
            check_readers(data, {**meant, field: ["other"]})


def test_a_line_corrected_with_wheel_unpack_and_pack_is_accepted(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, metadata=f"{HEAD.replace('+cpu', '')}License: MIT\nCopyright me\n\n")
    with pytest.raises(VariantError, match=r"line 5: .* got 'Copyright me'"):
        make_variant(WheelFile.of(wheel), PLAN, tmp_path)
    run("wheel", "unpack", wheel.name, cwd=tmp_path)
    file = tmp_path / "demo-1.0" / "demo-1.0.dist-info" / "METADATA"
    file.write_text(file.read_text().replace("Copyright", "  Copyright"))
    run("wheel", "pack", "demo-1.0", cwd=tmp_path)
    assert make_variant(WheelFile.of(wheel), PLAN, tmp_path).written


def test_the_email_module_is_imported_only_for_edits(tmp_path: Path) -> None:
    make_wheel(tmp_path)
    program = (
        "import sys, variant_backend.scripts as s\n"
        "try: s.make_variant()\n"
        "except SystemExit: print('email' in sys.modules)\n"
    )
    for options in ([], ["--name", "other"]):
        command = ["make-variant", "--null", *options, "demo-1.0-py3-none-any.whl"]
        shown = run("python", "-c", f"import sys; sys.argv = {command}\n{program}", cwd=tmp_path).stdout
        assert shown.splitlines()[-1] == str(bool(options))
