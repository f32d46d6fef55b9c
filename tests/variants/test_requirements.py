"""A request is PACKAGE[==VERSION][#LABEL] and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from variant_backend.errors import VariantError
from variant_backend.variants.requirements import Pin, local_pins

NAMES = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)*", fullmatch=True)
VERSIONS = st.from_regex(
    r"([1-9][0-9]{0,2}!)?[0-9]{1,4}(\.[0-9]{1,4}){0,3}((a|b|rc)[0-9]{1,3})?(\+[a-z0-9]{1,5})?", fullmatch=True
)
LABELS = st.from_regex(r"[0-9a-z_.]+", fullmatch=True)
PINS = st.builds(Pin, NAMES, st.none() | VERSIONS.map(Version), st.none() | LABELS)


@given(PINS)
def test_a_pin_is_read_as_it_is_printed(pin: Pin) -> None:
    assert Pin.parse(str(pin)) == pin


def test_names_are_normalized_and_white_space_ignored() -> None:
    assert Pin.parse(" My_Package == 1.0 # x86_64_v3 ") == Pin("my-package", Version("1"), "x86_64_v3")
    assert Pin.parse("demo#null") == Pin("demo", None, "null")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("demo#", "'demo#': missing label after '#'; remove '#', or write '#null'"),
        ("demo>=1", "'demo>=1': expected one version, got '>=1'; write PACKAGE, PACKAGE==VERSION,"),
        ("demo===1", "expected one version, got '===1'"),
        ("demo==1.*", "expected one version, got '==1.*'"),
        ("demo==1,==1.0", "expected one version, got '=="),
        ("demo[fast]==1", "unexpected extra"),
        ("demo; python_version > '3'", "unexpected marker"),
        ("demo @ https://example.org/demo.zip", "unexpected URL"),
        ("dist/demo-1-py3-none-any.whl", "any.whl': expected a package, got a file; write demo==1"),
        ("https://example.org/demo-1.tar.gz", "expected a package, got a file; write demo==1"),
        ("demo=1.0", "; write '==': demo==1.0"),
        ("demo=x", "; write PACKAGE, PACKAGE==VERSION,"),
        ("demo#Fast", "'Fast'"),
        ("demo#a#b", "'a#b'"),
        ("#fast", "'#fast': "),
        ("", "'': "),
        ("demo==" + "1" * 5000, "'demo=="),
    ],
)
def test_other_forms_are_refused_with_the_valid_ones(text: str, message: str) -> None:
    with pytest.raises(VariantError) as caught:
        Pin.parse(text)
    (line,) = caught.value.lines()
    assert message in line


def test_local_pins_are_exact_requirements_on_local_versions() -> None:
    pins = ["Core_X[a] == 1.0+CU_128 ; os_name == 'nt'", "core (===1+a)"]
    others = [
        "a==1.0",
        "b!=1.0+x",
        "c @ https://host/c+x",
        "d; platform_version == '1+2'",
        "e ==1+",
        "f===x+y",
    ]
    assert [(pin.name, str(pin.version)) for pin in local_pins([*pins, *others])] == [
        ("core-x", "1.0+cu.128"),
        ("core", "1+a"),
    ]
