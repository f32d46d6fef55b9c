"""Turn variants into wheels for installers without variants: a plain name, and decided markers."""

from __future__ import annotations

from collections.abc import Iterable
from email import message_from_bytes
from pathlib import Path

import pytest
from helpers.sample_release import only, write_wheel
from helpers.strict_reader import walk

from variant_backend._internal.errors import VariantError
from variant_backend._internal.wheels.plain import for_pip
from variant_backend._internal.wheels.reading import WheelFile

DOCUMENT = {
    "$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",
    "default-priorities": {"namespace": ["speed"]},
    "providers": {"speed": {"static-properties": {"mode": ["fast", "safe"]}}},
    "variants": {"both": {"speed": {"mode": ["fast", "safe"]}}},
}
FAST = "speed :: mode :: fast"
REQUIREMENTS = """\
Requires-Dist: always>=1
Requires-Dist: fast; "speed :: mode :: fast" in variant_properties
Requires-Dist: safe; "speed::mode::safe" in variant_properties and python_version >= "3"
Requires-Dist: plain; variant_label == "\""""
DECIDED = {
    "both": ["always>=1", "fast"],
    None: ["always>=1", "plain"],
}


def moved(
    folder: Path, label: str | None, metadata: str, supported: Iterable[str] = (FAST,)
) -> tuple[Path, bytes]:
    suffix = f"-{label}" if label else ""
    wheel = folder / f"demo-1.0-py3-none-any{suffix}.whl"
    write_wheel(wheel, only(DOCUMENT, label) if label else None, metadata)
    before = wheel.read_bytes()
    (folder / "out").mkdir()
    chosen = frozenset(supported)
    path = for_pip(
        WheelFile.of(wheel),
        folder / "out",
        lambda variant: [each for each in variant.properties if str(each) in chosen],
    )
    assert path == folder / "out" / "demo-1.0-py3-none-any.whl"
    return path, before


@pytest.mark.parametrize("label", DECIDED)
def test_markers_are_decided_by_supported_properties(label: str | None, tmp_path: Path) -> None:
    path, _ = moved(tmp_path, label, REQUIREMENTS)
    members = walk(path)
    metadata = message_from_bytes(members["demo-1.0.dist-info/METADATA"])
    assert metadata.get_all("Requires-Dist") == DECIDED[label]
    assert ("demo-1.0.dist-info/variant.json" in members) == (label is not None)


def test_other_markers_and_fields_are_kept(tmp_path: Path) -> None:
    path, _ = moved(
        tmp_path, "both", f"License: MIT\n{REQUIREMENTS}\nKeywords: a\n", [FAST, "speed :: mode :: safe"]
    )
    text = walk(path)["demo-1.0.dist-info/METADATA"].decode()
    assert text == (
        "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nSummary: a test\nLicense: MIT\n"
        'Requires-Dist: always>=1\nRequires-Dist: fast\nRequires-Dist: safe; python_version >= "3"\n'
        "Keywords: a\n\nThe text.\n"
    )


@pytest.mark.parametrize("label", DECIDED)
def test_a_wheel_without_variant_markers_keeps_its_bytes(label: str | None, tmp_path: Path) -> None:
    path, before = moved(tmp_path, label, 'Requires-Dist: other; python_version >= "3"')
    assert path.read_bytes() == before


def test_an_invalid_marker_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(
        VariantError, match=r"^demo-1\.0-py3-none-any-both\.whl: requirement .x; variant_label"
    ):
        moved(tmp_path, "both", "Requires-Dist: x; variant_label > 'a'")
    assert not list((tmp_path / "out").iterdir())


def test_a_label_that_differs_from_the_metadata_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "demo-1.0-py3-none-any-fast.whl"
    write_wheel(wheel, DOCUMENT, REQUIREMENTS)
    with pytest.raises(VariantError, match="label 'both' differs from label 'fast' in the filename"):
        for_pip(WheelFile.of(wheel), tmp_path, lambda variant: variant.properties)
