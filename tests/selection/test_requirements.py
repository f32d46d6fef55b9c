"""What can be asked for: PACKAGE[==VERSION][#LABEL], and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from variant_backend.errors import VariantError
from variant_backend.selection.requirements import Pin

NAMES = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)*", fullmatch=True)
VERSIONS = st.from_regex(
    r"([1-9][0-9]{0,2}!)?[0-9]{1,4}(\.[0-9]{1,4}){0,3}((a|b|rc)[0-9]{1,3})?(\+[a-z0-9]{1,5})?", fullmatch=True
)
LABELS = st.from_regex(r"[0-9a-z_.]+", fullmatch=True)
PINS = st.builds(Pin, NAMES, st.none() | VERSIONS.map(Version), st.none() | LABELS)


@given(PINS)
def test_a_pin_is_read_as_it_is_printed(pin: Pin) -> None:
    assert Pin.parse(str(pin)) == pin


def test_names_are_normalized_and_white_space_is_ignored() -> None:
    assert Pin.parse(" My_Package == 1.0 # x86_64_v3 ") == Pin("my-package", Version("1"), "x86_64_v3")
    assert Pin.parse("demo#null") == Pin("demo", None, "null")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("demo#", "'demo#': no label stands behind '#'; the format has no label for plain wheels"),
        ("demo>=1", "'demo>=1': >=1 is not one version; write PACKAGE, PACKAGE==VERSION, PACKAGE#LABEL or"),
        ("demo===1", "===1 is not one version"),
        ("demo==1.*", "==1.* is not one version"),
        ("demo==1,==1.0", "is not one version"),
        ("demo[fast]==1", "an extra has no meaning here"),
        ("demo; python_version > '3'", "a marker has no meaning here"),
        ("demo @ https://example.org/demo-1-py3-none-any.whl", "a URL has no meaning here"),
        ("demo#Fast", "'Fast'"),
        ("demo#a#b", "'a#b'"),
        ("#fast", "'#fast': "),
        ("", "'': "),
        ("demo==" + "1" * 5000, "'demo=="),
    ],
)
def test_anything_else_is_refused_with_what_may_be_written(text: str, fault: str) -> None:
    with pytest.raises(VariantError) as caught:
        Pin.parse(text)
    (line,) = caught.value.lines()
    assert fault in line
