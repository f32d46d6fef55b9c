"""`read_wheel_metadata` returns what the wheel says about its variant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.sample_release import DOCUMENT, only, write_wheel

from variant_backend.api import VariantError, metadata_from_dict, read_wheel_metadata


def wheel(folder: Path, document: Any, label: str = "fast") -> Path:
    path = folder / f"demo-1.0-py3-none-any-{label}.whl"
    write_wheel(path, document)
    return path


def test_a_variant_has_the_metadata_of_its_variant_json(tmp_path: Path) -> None:
    document = only(DOCUMENT, "fast")
    assert read_wheel_metadata(wheel(tmp_path, document)) == metadata_from_dict(document, "")


def test_a_plain_wheel_has_no_metadata(tmp_path: Path) -> None:
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    write_wheel(path)
    assert read_wheel_metadata(path) is None
    assert read_wheel_metadata(str(path)) is None


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (None, "variant.json"),
        (DOCUMENT, "variant.json: variants: expected exactly one label, got 3"),
        (only(DOCUMENT, "safe"), "variant.json: variants: label 'safe' differs from label 'fast'"),
        (b"{", "variant.json: "),
    ],
)
def test_invalid_metadata_is_an_error_with_the_name_of_the_wheel(
    document: Any, expected: str, tmp_path: Path
) -> None:
    path = wheel(tmp_path, document)
    with pytest.raises(VariantError) as raised:
        read_wheel_metadata(path)
    assert str(raised.value).startswith(f"{path.name}: ")
    assert expected in str(raised.value)


@pytest.mark.parametrize("name", ["demo-1.0-py3-none-any-fast.whl", "demo.zip", "demo.whl"])
def test_a_file_that_is_not_a_wheel_is_an_error(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"no zip file")
    with pytest.raises(VariantError, match=f"{name}: "):
        read_wheel_metadata(tmp_path / name)
