"""A pin is PACKAGE[==VERSION][#LABEL] and nothing else; a request is a requirement with a label."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from variant_backend._internal.errors import VariantError
from variant_backend._internal.variants.requirements import PackageRequest, Pin, local_pins

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


@given(PINS)
def test_a_pin_is_a_request(pin: Pin) -> None:
    request = pin.request
    assert (request.name, request.exact_label) == (pin.name, pin.label)
    assert request.is_pinned == (pin.version is not None)
    assert pin.version is None or request.admits(pin.version)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" Torch >= 2.9, < 3 # cuda* ", "torch<3,>=2.9#cuda*"),
        ("Demo_X[Fast,all]", "demo-x[all,fast]"),
        ("demo#(plain)", "demo#(plain)"),
        ("demo ~= 1.0; python_version < '3.13'", 'demo~=1.0; python_version < "3.13"'),
        ("demo; os_name == 'nt' # v?", 'demo#v?; os_name == "nt"'),
        ("demo#v3; os_name == 'nt'", 'demo#v3; os_name == "nt"'),
        ("demo===1.x", "demo===1.x"),
    ],
)
def test_a_request_is_printed_in_one_form(text: str, shown: str) -> None:
    request = PackageRequest.parse(text)
    assert str(request) == shown
    assert PackageRequest.parse(shown) == request
    assert "#" not in request.requirement


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("demo#", "remove '#', or write '#null' for the null variant, or '#(plain)' for the plain wheel"),
        ("demo#[a]*", "character '[' at position 1 is not allowed; use only a-z, 0-9, '_' and '.', and '*'"),
        ("demo#(Plain)", "'(Plain)'"),
        ("demo @ https://host/demo.zip", "unexpected URL; write PACKAGE, PACKAGE==VERSION, PACKAGE>=VERSION"),
        ("demo-1-py3-none-any.whl", "expected a package, got a file; write demo==1"),
        ("demo; os_name == 'a' # x; os_name == 'b'", "write PACKAGE"),
        ("demo=1", "write '==': demo==1"),
        ("demo>=" + "1" * 5000, "Exceeds the limit"),
    ],
)
def test_another_request_is_refused(text: str, message: str) -> None:
    with pytest.raises(VariantError) as caught:
        PackageRequest.parse(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("demo>=1,!=2", "demo!=2,>=1"),
        ("demo==1!2.0+cpu,!=2.0+gpu", "demo==1!2.0"),
        ("demo===v1.0+CPU", "demo==v1.0"),
        ("demo===any.text", "demo===any.text"),
        ("demo===any+text", "demo===any+text"),
    ],
)
def test_a_request_for_releases_names_no_local_version(text: str, shown: str) -> None:
    assert str(PackageRequest.parse(text).public) == shown
