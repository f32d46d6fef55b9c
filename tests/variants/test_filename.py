from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from variant_backend._internal.errors import VariantError
from variant_backend._internal.variants.filename import (
    WheelFilename,
    escape,
    index_filename,
    normalize,
    parse_index_filename,
    release_of_sdist,
    version_of,
)

filenames = st.builds(
    WheelFilename,
    st.sampled_from(["demo", "Demo_Pack", "a.b", "x9"]),
    st.sampled_from(["1.0", "2.13.0+cpu", "1!2.0rc1", "2024.5.6", "v1.0"]),
    st.sampled_from(["", "1", "20abc"]),
    st.sampled_from(["py3-none-any", "cp311-cp311-manylinux_2_28_x86_64", "py2.py3-none-any", "_x-none-any"]),
    st.none() | st.text("abz019_.", min_size=1, max_size=9),
)


@given(filenames)
def test_parsing_a_printed_name_gives_the_same_name(filename: WheelFilename) -> None:
    assert WheelFilename.parse(str(filename)) == filename.own


@given(filenames)
def test_packaging_reads_the_same_parts_without_the_label(filename: WheelFilename) -> None:
    name, version, build, tags = parse_wheel_filename(str(filename._replace(label=None)))
    assert filename.release() == (name, version)
    assert "".join(map(str, build)) == filename.build
    assert {str(tag) for tag in tags} >= {filename.tags} or "." in filename.tags


@pytest.mark.parametrize(
    ("filename", "build", "label"),
    [
        ("demo-1.0-py3-none-any.whl", "", None),
        ("demo-1.0-1-py3-none-any.whl", "1", None),
        ("demo-1.0-py3-none-any-1.whl", "", "1"),
        ("demo-1.0-py3-none-any-cu12.8.whl", "", "cu12.8"),
        ("demo-1.0-2b-py3-none-any-null.whl", "2b", "null"),
    ],
)
def test_a_third_of_six_parts_with_a_leading_digit_is_a_build_tag(
    filename: str, build: str, label: str | None
) -> None:
    parsed = WheelFilename.parse(filename)
    assert (parsed.build, parsed.label) == (build, label)


@pytest.mark.parametrize(
    "filename",
    [
        "demo.whl",
        "demo-1.0.tar.gz",
        "demo-1.0-py3-none-any.zip",
        "demo-1.0-py3-none.whl",
        "demo-1.0-1-py3-none-any-x-y.whl",
        "demo-1.0-py3-none-any-.whl",
        "demo-1.0-py3-none-any-Cu12.whl",
        "demo-one-py3-none-any.whl",
        "demo__x-1.0-py3-none-any.whl",
        "de mo-1.0-py3-none-any.whl",
        "demo-1.0-1-3py-none-any.whl",
        "../demo-1.0-py3-none-any.whl",
        "demo-1.0-py3-none-any.whl\n",
        "..-1.0-py3-none-any.whl",
        "_demo-1.0-py3-none-any.whl",
        "demo.-1.0-py3-none-any.whl",
        "demo-1.0-py3-none-any./../../x.whl",
        "demo-1.0-py3-none-any.\\..\\..\\x.whl",
        "demo-1.0-py3/../x-none-any.whl",
        "demo-1.0-py3-none\\x-any.whl",
        "demo-1.0-1/../x-py3-none-any.whl",
        "demo-1.0-1\\x-py3-none-any.whl",
        "demo-1.0-py3-none-any-x/../y.whl",
    ],
)
def test_an_invalid_wheel_filename_is_refused_and_quoted(filename: str) -> None:
    with pytest.raises(VariantError) as caught:
        WheelFilename.parse(filename)
    assert filename.strip() in str(caught.value)


def test_the_index_filename_has_the_normalized_name_and_version() -> None:
    release = WheelFilename.parse("My.Pack_age-1.0.0rc1+Local.1-py3-none-any-x.whl").release()
    assert index_filename(release) == "my_pack_age-1.0.0rc1+local.1-variants.json"
    assert index_filename(("demo", Version("1.00"))) == "demo-1.0-variants.json"
    assert escape("My--Pack.age") == "my_pack_age"


def test_a_release_needs_a_valid_version() -> None:
    with pytest.raises(VariantError, match=r"demo-1\.0x_y-py3"):
        WheelFilename.parse("demo-1.0x_y-py3-none-any.whl").release()


@given(
    st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9._-]{0,4}[a-zA-Z0-9])?", fullmatch=True),
    st.sampled_from(["1.0", "2!1.0rc1.post2.dev3+local.1", "0"]),
)
def test_reading_a_written_index_filename_gives_the_same_release(name: str, version: str) -> None:
    assert normalize(name) == canonicalize_name(name)
    release = canonicalize_name(name), Version(version)
    assert parse_index_filename(index_filename(release)) == release


@given(st.sampled_from(["demo", "a.b_c-d", "X9", "1"]), st.sampled_from(["1.0", "1!2.0rc1", "2.0+local"]))
def test_packaging_reads_the_same_release_of_an_sdist(name: str, version: str) -> None:
    assert release_of_sdist(f"{name}-{version}.tar.gz") == (canonicalize_name(name), Version(version))


@pytest.mark.parametrize(
    "filename",
    [
        "demo.tar.gz",
        "-1.0.tar.gz",
        "demo-x.tar.gz",
        f"demo-{'1' * 5000}.tar.gz",
        "..-1.0.tar.gz",
        "a/../b-1.0.tar.gz",
        "a\\b-1.0.tar.gz",
        "<b>-1.0.tar.gz",
        "demo_-1.0.tar.gz",
        "\u212a-1.0.tar.gz",
    ],
)
def test_an_invalid_sdist_filename_is_refused(filename: str) -> None:
    with pytest.raises(VariantError, match="invalid "):
        release_of_sdist(filename)
    assert version_of(filename) is None


@pytest.mark.parametrize("name", ["..", "_", "a/../b", "a\\b", "<b>", "-a", "", "a ", "\u212a"])
def test_an_index_file_of_an_invalid_project_name_is_refused(name: str) -> None:
    with pytest.raises(VariantError, match="invalid index filename"):
        parse_index_filename(f"{name}-1.0-variants.json")


def test_a_wheel_filename_has_a_limited_number_of_tags() -> None:
    parts = [".".join(f"{part}{number}" for number in range(10)) for part in "abc"]
    assert WheelFilename.parse(f"demo-1.0-{'-'.join(parts)}.whl").tags == "-".join(parts)
    with pytest.raises(VariantError, match="more than 1000 tags"):
        WheelFilename.parse(f"demo-1.0-{'-'.join(parts)}.c11.whl")
