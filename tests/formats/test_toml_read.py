"""Files of Windows are read, or their encoding is named."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.toml_read import read_toml


def test_line_ends_of_windows_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"a = 1\r\n[b]\r\nc = 'd'\r\n")
    assert read_toml(tmp_path / "x.toml") == {"a": 1, "b": {"c": "d"}}


# What `>` of Windows PowerShell, and Notepad, write.
@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF16_LE + "a = 1\r\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "a = 1\r\n".encode("utf-16-be"),
        "a = 1\r\n".encode("utf-8-sig"),
    ],
)
def test_a_byte_order_mark_is_refused_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(VariantError) as caught:
        read_toml(tmp_path / "x.toml")
    (problem,) = caught.value.problems
    assert (problem.code, problem.text) == ("not-toml", "expected TOML in UTF-8, got a byte order mark")
    assert problem.remedy == "save the file as UTF-8 without a byte order mark"
