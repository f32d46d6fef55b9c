from __future__ import annotations

from email import message_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variant_backend.core_metadata import (
    direct_references,
    read_field,
    rename_project,
    replace_field,
    replace_version,
)
from variant_backend.errors import VariantError

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


def test_a_project_is_renamed_with_its_requirements_on_itself_and_nothing_else() -> None:
    expected = (
        METADATA.replace("Name: Cupy_CUDA12x", "Name: cupy", 1)
        .replace("Requires-Dist: cupy-cuda12x[all]", "Requires-Dist: cupy[all]")
        .replace("cupy.cuda12X [all]", "cupy [all]")
    )
    assert rename_project(METADATA.encode(), "cupy") == expected.encode()


def test_a_version_is_replaced_with_requirements_on_just_that_one() -> None:
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


def test_a_file_with_crlf_keeps_it() -> None:
    data = METADATA.replace("\n", "\r\n").encode()
    expected = METADATA.replace("13.0+local", "13.0").replace("\n", "\r\n").encode()
    assert replace_field(data, "Version", "13.0") == expected
    assert rename_project(data, "cupy").replace(b"\r\n", b"") == rename_project(
        METADATA.encode(), "cupy"
    ).replace(b"\n", b"")


@given(st.text("ab.c+1", min_size=1), st.text("Ab_1", min_size=1))
def test_what_was_replaced_is_what_is_read_and_what_email_reads(version: str, name: str) -> None:
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


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"Version: 1\n\nName: x\n", "Name is missing"),
        (b"Name: x\nName: y\n\n", "Name is there twice"),
        (b"Name: \xff\n", "Name is not UTF-8"),
    ],
)
def test_a_field_that_is_not_there_once_is_refused(data: bytes, fault: str) -> None:
    with pytest.raises(VariantError, match=fault):
        read_field(data, "Name")
