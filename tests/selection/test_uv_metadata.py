"""METADATA is read as uv reads it; `test_uv_sources` compares with real uv."""

from __future__ import annotations

import pytest
from packaging.version import Version

from variant_backend._internal.errors import VariantError
from variant_backend._internal.selection.uv_metadata import (
    OtherNameError,
    OtherVersionError,
    check_uv_metadata,
)

HEAD = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
RELEASE = "demo", Version("1.0")
PYTHON = Version("3.11.7")

ACCEPTED = [
    *("Requires-Dist: a>=1.*", "Requires-Dist: a>=0.1<2", "Requires-Dist: a>='1'", "Requires-Dist: a>=1,"),
    *(
        "Requires-Dist: a!=3.0*",
        "Requires-Dist: a>dev",
        "Requires-Dist: a>=0.5a1.0",
        "Requires-Dist: UNKNOWN",
    ),
    *("Requires-Python: !=~3.0", "Requires-Python: >=3.6<4", "Provides-Extra: !", "Metadata-Version: 9.9"),
    *("License-Expression: x y", "Classifier: x", "Dynamic: Version", "Version: 9", "no field"),
]
REFUSED = [
    *(
        "Requires-Dist: none!",
        "Requires-Dist:",
        "Requires-Dist: a === foo; extra == 'x'",
        "Requires-Dist: a ~=1",
    ),
    *(
        "Requires-Dist: a @ ./a; extra == 'x'",
        'Requires-Dist: a; variant_label == "x"',
        "Requires-Python: 3.8",
    ),
    *("Requires-Python: (>=3.8)", "Requires-Python: ===x", "Requires-Python: >=99999999999999999999"),
    *(" indented", "Requires-Dist: a (1.0)", "Requires-Dist: a # comment", "Requires-Python: >=3.12"),
]


@pytest.mark.parametrize("line", ACCEPTED)
def test_uv_reads_lines_that_other_tools_may_refuse(line: str) -> None:
    check_uv_metadata(f"{HEAD}{line}\n".encode(), RELEASE, PYTHON)


@pytest.mark.parametrize("line", REFUSED)
def test_uv_drops_a_version_with_lines_that_it_cannot_read(line: str) -> None:
    with pytest.raises(VariantError):
        check_uv_metadata(f"{HEAD}{line}\n".encode(), RELEASE, PYTHON)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("demo", "other", OtherNameError),
        ("1.0", "9", OtherVersionError),
        ("demo", "!", VariantError),
        ("1.0", "x", VariantError),
        ("Name: demo\n", "", VariantError),
        ("Version: 1.0\n", "", VariantError),
    ],
)
def test_uv_compares_name_and_version(old: str, new: str, error: type[VariantError]) -> None:
    with pytest.raises(VariantError) as raised:
        check_uv_metadata(HEAD.replace(old, new).encode(), RELEASE, PYTHON)
    assert type(raised.value) is error
