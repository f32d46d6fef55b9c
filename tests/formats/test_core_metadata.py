from __future__ import annotations

from email import message_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.core_metadata import (
    direct_references,
    read_field,
    rename_project,
    replace_field,
    replace_requirements,
    replace_version,
    requirements,
)

METADATA = """Metadata-Version: 2.4
Name: Cupy_CUDA12x
Version: 13.0+local
Dynamic: requires-dist
Author: Zoë
 and others
Requires-Dist: numpy<2.6
Requires-Dist: cupy-cuda12x[all]; extra == 'test'
requires-dist:cupy.cuda12X [all] >=1
Requires-Dist: cupy-cuda12x-more
Requires-Dist: cupy-cuda12xy

Name: not a header
Requires-Dist: cupy-cuda12x
"""


def test_renaming_changes_name_and_requirements_on_itself_only() -> None:
    expected = (
        METADATA.replace("Name: Cupy_CUDA12x", "Name: cupy", 1)
        .replace("Requires-Dist: cupy-cuda12x[all]", "Requires-Dist: cupy[all]")
        .replace("cupy.cuda12X [all]", "cupy [all]")
    )
    assert rename_project(METADATA.encode(), "cupy") == expected.encode()


def test_a_new_version_changes_requirements_on_exactly_the_old_one() -> None:
    template = """Name: cupy
Version: {0}
Requires-Dist: cupy=={0}
Requires-Dist: Cupy [all]  == {0} ; extra == "x"
Requires-Dist: cupy[all] (==={0}); python_version > "3"
Requires-Dist: cupy==13.0+local1
Requires-Dist: cupy>=13.0+local
Requires-Dist: other==13.0+local

Requires-Dist: cupy==13.0+local
"""
    expected = template.format("13.0").encode()
    assert replace_version(template.format("13.0+local").encode(), "13.0") == expected


def test_crlf_line_ends_stay() -> None:
    data = METADATA.replace("\n", "\r\n").encode()
    expected = METADATA.replace("13.0+local", "13.0").replace("\n", "\r\n").encode()
    assert replace_field(data, "Version", "13.0") == expected
    assert rename_project(data, "cupy").replace(b"\r\n", b"") == rename_project(
        METADATA.encode(), "cupy"
    ).replace(b"\n", b"")


@given(st.text("ab.c+1", min_size=1), st.text("Ab_1", min_size=1))
def test_replaced_fields_are_read_the_same_by_email(version: str, name: str) -> None:
    data = rename_project(replace_field(METADATA.encode(), "Version", version), name)
    assert (read_field(data, "Version"), read_field(data, "Name")) == (version, name)
    message = message_from_bytes(data)
    assert (message["Version"], message["Name"]) == (version, name)


def test_requirements_on_a_url_are_found_in_the_headers() -> None:
    data = b"""Name: x
Requires-Dist: a @ https://example.org/a.whl ; python_version > '3'
Requires-Dist: b[extra]@ file:///b.whl
Requires-Dist: c; extra == 'mail@example.org'

Requires-Dist: d @ https://example.org/d.whl
"""
    assert direct_references(data) == ["a @ https://example.org/a.whl", "b[extra]@ file:///b.whl"]


def test_requirements_are_unfolded_and_from_headers_only() -> None:
    headers = b"Name: x\r\nRequires-Dist: a\r\n  >=1;\r\n\tos_name == 'nt'\r\nrequires-dist :b\r\n"
    data = headers + b"\r\nRequires-Dist: c"
    assert requirements(data) == ["a >=1; os_name == 'nt'", "b"]


def test_replacing_requirements_keeps_all_other_bytes() -> None:
    data = """Metadata-Version: 2.1
Name: x
Requires-Dist: a
  >=1
Author: Zoë
 and others
Requires-Dist:b
Provides-Extra: e
Requires-Dist: c; extra == 'e'
Keywords: k

Requires-Dist: d
""".encode()
    assert replace_requirements(data, requirements(data)) == data
    expected = data.replace(b"Requires-Dist:b\n", b"").replace(b"'e'\n", b"'e'\nRequires-Dist: new\n")
    assert replace_requirements(data, ["a >=1", "c; extra == 'e'", "new"]) == expected
    without = replace_requirements(data, [])
    assert requirements(without) == []
    assert requirements(replace_requirements(without, ["z"])) == ["z"]
    assert replace_requirements(without, ["z"]) == without.replace(b"k\n", b"k\nRequires-Dist: z\n")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_requirements_are_added_to_metadata_that_ends_with_its_headers(end: str) -> None:
    for data in (f"Metadata-Version: 2.1{end}Name: x{end}", f"Metadata-Version: 2.1{end}Name: x"):
        added = f"Metadata-Version: 2.1{end}Name: x{end}Requires-Dist: é{end}"
        assert replace_requirements(data.encode(), ["é"]).decode().startswith(added.rstrip())


@pytest.mark.parametrize(
    ("version", "declared", "expected"),
    [("2.1", "", 0), ("2.2", "", 1), ("2.10", "", 1), ("2.4", "Dynamic: requires-dist\n", 1), ("x", "", 0)],
)
def test_replaced_requirements_are_dynamic_since_metadata_2_2(
    version: str, declared: str, expected: int
) -> None:
    data = f"Metadata-Version: {version}\n{declared}Requires-Dist: a\n\nText\n".encode()
    message = message_from_bytes(replace_requirements(data, ["b"]))
    assert message.get_all("Requires-Dist") == ["b"]
    assert len(message.get_all("Dynamic") or []) == expected


words = st.text("abc>=1; ", min_size=1).map(str.strip).filter(bool)


@given(st.lists(words), st.lists(words), st.sampled_from(["\n", "\r\n"]))
def test_requirements_are_read_as_written(old: list[str], new: list[str], end: str) -> None:
    lines = ["Metadata-Version: 2.4", "Name: x", *(f"Requires-Dist: {text}" for text in old), "", "Text", ""]
    data = replace_requirements(end.join(lines).encode(), new)
    assert requirements(data) == [" ".join(text.split(end)) for text in new]
    assert message_from_bytes(data).get_all("Requires-Dist", []) == new
    assert data.count(end.encode()) == data.count(b"\n") if end == "\r\n" else b"\r" not in data
    assert data.endswith(f"{end}{end}Text{end}".encode())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"Version: 1\n\nName: x\n", "Name is missing"),
        (b"Name: x\nName: y\n\n", "duplicate field Name"),
        (b"Name: \xff\n", "Name is not UTF-8"),
    ],
)
def test_a_missing_or_duplicate_field_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(VariantError, match=message):
        read_field(data, "Name")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_indented_lines_continue_a_value(end: str) -> None:
    lines = ["Name: demo", "Version:", "  1.0", "Requires-Python: >=3.8,", "\t<4", "", "text", ""]
    data = end.join(lines).encode()
    assert read_field(data, "Requires-Python") == ">=3.8, <4"
    assert read_field(data, "Version") == "1.0"
    assert replace_version(data, "2.0") == end.join([*lines[:1], "Version:2.0", *lines[3:]]).encode()
