"""Lock files are read as written; packaging accepts them after removing the labels from the names."""

from __future__ import annotations

import copy
import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from helpers.programs import empty_cache, run
from helpers.sample_release import DOCUMENT, PLAIN, only, write_wheel
from helpers.servers import served
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Environment, default_environment
from packaging.pylock import Pylock, PylockValidationError
from packaging.tags import Tag, parse_tag
from packaging.version import Version

from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats import pylock, toml_edit
from variant_backend._internal.formats.pylock import (
    Locked,
    check_lock_name,
    reduced,
    select_packages,
    to_dict,
)
from variant_backend._internal.formats.release import Candidate, File, Location, Release
from variant_backend._internal.lowlevel import newer_dependencies
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.metadata_reading import metadata_from_dict
from variant_backend._internal.variants.properties import NULL_VARIANT, Property, Variant
from variant_backend._internal.variants.providers import StaticProvider

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path("/home/me/project").absolute()
LOCK = FOLDER / "pylock.toml"
TAGS = [*parse_tag("py3-none-any")]
DIGEST = "0" * 64
METADATA = metadata_from_dict(DOCUMENT, "")
FAST = "demo-1.0-py3-none-any-fast.whl"


def candidate(name: str, location: Location, hashes: Mapping[str, str], *facts: Any) -> Candidate:
    return Candidate(WheelFilename.parse(name), File(name, location, hashes, *facts))


def wheel(
    label: str | None = None,
    folder: Location = "https://example.org/files",
    size: int | None = None,
    hashes: Mapping[str, str] = {"sha256": DIGEST},
) -> Candidate:
    name = f"demo-1.0-py3-none-any{f'-{label}' if label else ''}.whl"
    return candidate(name, within(folder, name), hashes, size)


def within(folder: Location, name: str) -> Location:
    """Return the location of a file in a folder on this machine, or below a URL."""
    return f"{folder}/{quote(name)}" if isinstance(folder, str) else folder / name


def demo(*wheels: Candidate, metadata: VariantMetadata | None = METADATA) -> Release:
    return Release("demo", Version("1.0"), wheels, metadata)


DEMO = Locked(demo(wheel("fast", size=7), wheel("null"), wheel()))


def read(
    data: Any, environment: Environment | None = None, tags: list[Tag] = TAGS, path: Path = LOCK
) -> list[Locked]:
    return select_packages(data, path, environment=environment or default_environment(), tags=tags)


def written(*packages: Locked) -> dict[str, Any]:
    """Write a lock file and parse it."""
    return tomllib.loads(toml_edit.from_dict(to_dict(packages, FOLDER)))


def unlabelled(data: dict[str, Any]) -> dict[str, Any]:
    """Return a lock file without the wheels that have a label."""
    result = copy.deepcopy(data)
    for package in result["packages"]:
        package["wheels"] = [entry for entry in package["wheels"] if entry["name"].count("-") == 4]
    return result


WORDS = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True)
STATIC = StaticProvider((("f", ("a", "b")),))
PROPERTIES = st.builds(Property, st.sampled_from(["one", "two", "three"]), WORDS, WORDS)
FOLDERS: list[Location] = [
    "https://example.org/a%20b",
    "http://127.0.0.1:8000/x",
    FOLDER.parent / "wheels",
    Path("C:/a b" if sys.platform == "win32" else "/C:/a b"),
    FOLDER,
]
DIGESTS = st.dictionaries(
    st.sampled_from(["sha256", "blake2b"]), st.integers(0, 2**256 - 1).map("{:064x}".format), min_size=1
)


@st.composite
def locked(draw: st.DrawFn) -> Locked:
    variants = {
        label: Variant(label, frozenset(items))
        for label, items in draw(st.dictionaries(WORDS, st.sets(PROPERTIES, min_size=1), max_size=3)).items()
        if label != "null"
    }
    metadata = VariantMetadata(
        ("one", "two", "three"),
        draw(st.sampled_from([{}, dict.fromkeys(("one", "two", "three"), STATIC)])),
        {**variants, "null": NULL_VARIANT},
    )
    # The same for all wheels, or not.
    values: list[list[str | None]] = [[None], [">=3.8,<4"], [None, ">=3.9", "<4"]]
    requires_python = st.sampled_from(draw(st.sampled_from(values)))
    name = draw(st.sampled_from(["demo", "other-name"]))
    version = draw(st.sampled_from(["1.0", "2!1.0rc1+cpu"]))
    wheels = []
    for label in draw(st.lists(st.sampled_from([None, *metadata.variants]), min_size=1, unique=True)):
        suffix = f"-{label}" if label else ""
        filename = f"{name.replace('-', '_')}-{version}-py3-none-any{suffix}.whl"
        location = within(draw(st.sampled_from(FOLDERS)), filename)
        facts = (draw(st.none() | st.integers(0, 10**12)), draw(requires_python), draw(st.none() | DIGESTS))
        wheels.append(candidate(filename, location, draw(DIGESTS), *facts))
    index = draw(st.none() | st.just("https://example.org/simple/"))
    hosts = tuple(draw(st.lists(st.sampled_from(["objects.example.org", "[::1]:8000"]), unique=True)))
    metadata_or_none = draw(st.none() | st.just(metadata))
    return Locked(Release(name, Version(version), tuple(wheels), metadata_or_none), index, hosts)


@given(package=locked())
def test_a_lock_file_is_read_as_written(package: Locked) -> None:
    data = written(package)
    assert read(data) == [package] == pylock.read_lock(data, LOCK)
    if len(plain := unlabelled(data)["packages"][0]["wheels"]):
        wheels = Pylock.from_dict(unlabelled(data)).packages[0].wheels or ()
        assert [wheel.filename for wheel in wheels] == [entry["name"] for entry in plain]


def test_a_local_file_url_becomes_a_path() -> None:
    data = written(DEMO)
    other = "file://elsewhere.invalid/demo-1.0-py3-none-any-null.whl"
    for entry, url in zip(data["packages"][0]["wheels"], (LOCK.as_uri(), other), strict=False):
        entry["url"] = url
    (package,) = read(data)
    near, far, _ = [wheel.file.location for wheel in package.release.candidates]
    assert near == LOCK
    assert sys.platform == "win32" or far == other  # on Windows, it is a network share


def test_the_format_follows_the_specification() -> None:
    near = wheel("fast", FOLDER.parent / "wheels", size=7)
    package = Locked(demo(near, metadata=reduced(METADATA, ["fast"])), "https://example.org/simple/")
    assert (
        toml_edit.from_dict(to_dict([package], FOLDER))
        == f"""\
lock-version = "1.0"
created-by = "variant-backend"

[[packages]]
name = "demo"
version = "1.0"
index = "https://example.org/simple/"
wheels = [
    {{ name = "demo-1.0-py3-none-any-fast.whl", path = "../wheels/demo-1.0-py3-none-any-fast.whl", size = 7, \
hashes = {{ sha256 = "{DIGEST}" }} }},
]

[packages.variants-json]
"$schema" = "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json"

[packages.variants-json.default-priorities]
namespace = ["speed"]

[packages.variants-json.providers.speed]
static-properties = {{ mode = ["fast", "safe"] }}

[packages.variants-json.variants.fast]
speed = {{ mode = ["fast"] }}
"""
    )


@pytest.mark.agreement
def test_packaging_ignores_variants_and_refuses_labelled_names() -> None:
    # If this fails, packaging accepts names with labels, and pylock.py need not remove the labels.
    data = written(DEMO)
    Pylock.from_dict(unlabelled(data))
    with pytest.raises(PylockValidationError, match="Invalid wheel filename"):
        Pylock.from_dict(data)


@pytest.mark.agreement
@pytest.mark.slow  # pip and uv
def test_uv_installs_a_labelled_url_with_a_plain_name_and_pip_refuses_it(tmp_path: Path) -> None:
    # No documentation has these facts. uv takes the tags from the name, and needs no flag.
    write_wheel(tmp_path / FAST, only(DOCUMENT, "fast"))
    lock = tmp_path / "pylock.toml"
    digest = hashlib.sha256((tmp_path / FAST).read_bytes()).hexdigest()

    with served(tmp_path) as url:
        lock.write_text(
            'lock-version = "1.0"\ncreated-by = "test"\n[[packages]]\nname = "demo"\nversion = "1.0"\n'
            f'[[packages.wheels]]\nname = "{PLAIN}"\nurl = "{url}{FAST}"\nhashes.sha256 = "{digest}"\n'
        )
        where = ("-r", lock, "--target", tmp_path / "site")
        pip = run("pip", "install", "--no-cache-dir", *where, ok=False)
        assert pip.returncode and "invalid wheel filename" in pip.stderr
        run("uv", "pip", "install", "--no-config", *empty_cache(), "--python", sys.executable, *where)
    assert (tmp_path / "site" / "demo-1.0.dist-info" / "variant.json").exists()


def test_passwords_are_not_written() -> None:
    data = written(Locked(demo(wheel(folder="https://me:secret@example.org"))))
    assert data["packages"][0]["wheels"][0]["url"] == "https://example.org/demo-1.0-py3-none-any.whl"


def test_a_wheel_without_a_hash_is_not_locked() -> None:
    with pytest.raises(VariantError, match=r"demo-1\.0-py3-none-any\.whl: a lock file requires a hash"):
        to_dict([Locked(demo(wheel(hashes={})))], FOLDER)


def test_namespaces_without_a_variant_are_removed() -> None:
    variants = {name: Variant(name, frozenset({Property(name, "f", "v")})) for name in ("a", "b", "c")}
    whole = VariantMetadata(("a", "b", "c"), {}, {**variants, "null": NULL_VARIANT})
    assert reduced(whole, ["c", "a"]) == VariantMetadata(
        ("a", "c"), {}, {each: variants[each] for each in "ca"}
    )
    assert reduced(whole, ["null"]) == VariantMetadata(("a", "b", "c"), {}, {"null": NULL_VARIANT})


def test_packages_with_a_false_marker_are_ignored() -> None:
    wheels = (candidate("other-2-py3-none-any.whl", FOLDER / "o.whl", {"sha256": DIGEST}),)
    other = Locked(Release("other", Version("2"), wheels, None))
    data = written(DEMO, other)
    data["packages"][0]["marker"] = "sys_platform == 'never'"
    assert read(data) == [other]


def test_a_package_with_invalid_variants_is_read_with_problems() -> None:
    data = written(DEMO)
    data["packages"][0]["variants-json"]["variants"]["fast"] = {"speed": {"mode": []}}
    (package,) = read(data, path=Path("pylock.toml"))
    assert package.release.metadata is None
    assert package.release.candidates == DEMO.release.candidates
    (problem,) = package.release.problems
    assert str(problem) == (
        "pylock.toml: packages[0].variants-json: variants.fast.speed.mode:"
        " expected a list of at least one string, got an empty list"
    )


def changed(key: str, value: object, package: bool = True) -> dict[str, Any]:
    data = written(DEMO)
    (data["packages"][0] if package else data)[key] = value
    return data


SDIST = {
    "name": "demo-1.0.tar.gz",
    "url": "https://example.org/demo-1.0.tar.gz",
    "hashes": {"sha256": DIGEST},
}
WHEEL = {"url": "https://example.org/x.whl", "hashes": {"sha256": DIGEST}}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "Missing required value in 'lock-version'"),
        (changed("lock-version", "2.0", package=False), "pylock version 2.0 is not supported"),
        (changed("packages", 1, package=False), "Unexpected type int"),
        (changed("packages", [1], package=False), "Unexpected type int"),
        (changed("wheels", [1]), "Unexpected type int"),
        (changed("wheels", [{}]), "in 'packages[0].wheels[0].hashes'"),
        (changed("wheels", [WHEEL]), "Invalid wheel filename 'x.whl' in 'packages[0].wheels[0]'"),
        (changed("wheels", [{**WHEEL, "name": "other-1.0-py3-none-any-a.whl"}]), "is not consistent with"),
        (
            changed("wheels", [{**WHEEL, "name": name} for name in (PLAIN, "demo-1.0-é-none-any.whl")]),
            "packages[0]: invalid wheel filename 'demo-1.0-é-none-any.whl'",
        ),
        (changed("requires-python", "<3"), "does not satisfy the Python version requirement '<3'"),
        (changed("marker", "python_version < "), "in 'packages[0].marker'"),
        (changed("wheels", []) | {}, "Exactly one of vcs, directory, archive must be set"),
        (
            {**changed("wheels", []), "packages": [{"name": "demo", "version": "1.0", "sdist": SDIST}]},
            "packages[0]: no compatible wheel of demo, only a source to build one from; build the wheel, and",
        ),
    ],
)
def test_an_invalid_or_unusable_lock_file_is_refused(data: dict[str, Any], message: str) -> None:
    with pytest.raises(VariantError) as caught:
        read(data, path=Path("pylock.toml"))
    assert str(caught.value).startswith("pylock.toml: ")
    assert message in str(caught.value)


def test_all_problems_of_the_tool_table_are_reported_together() -> None:
    name = "demo-1.0-py3-none-any.whl"
    remedy = "write HOST or HOST:PORT in lower case, without scheme and path"
    table = {"hosts": ["https://a.org", "B.org", 1], "core-metadata": {name: {"sha256": 1}, "a": 2}, "x": 1}
    with pytest.raises(VariantError) as caught:
        read(changed("tool", {"variant-backend": table}), path=Path("pylock.toml"))
    assert [
        line.removeprefix("pylock.toml: packages[0]: tool.variant-backend.") for line in caught.value.lines()
    ] == [
        "x: unknown key 'x'; known keys: hosts, requires-python, core-metadata",
        f"hosts[0]: invalid host 'https://a.org'; {remedy}",
        f"hosts[1]: invalid host 'B.org'; {remedy}",
        "hosts[2]: expected a string, got a number",
        f"core-metadata.{name}.sha256: expected a string, got a number",
        "core-metadata.a: expected a table, got a number",
    ]


def test_read_lock_ignores_markers() -> None:
    data = changed("marker", "sys_platform == 'never'")
    assert read(data) == []
    assert pylock.read_lock(data, LOCK) == [DEMO]


def test_a_package_without_a_compatible_wheel_is_refused() -> None:
    with pytest.raises(VariantError, match=r"No wheel found matching the provided tags for package 'demo'"):
        read(written(DEMO), tags=[*parse_tag("cp39-cp39-win32")])


def test_an_old_packaging_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newer_dependencies, "installed_version", {"packaging": "26.0"}.get)
    with pytest.raises(VariantError) as caught:
        read(written(DEMO), path=Path("pylock.toml"))
    assert str(caught.value) == (
        "pylock.toml: reading lock files needs packaging 26.1 or newer; installed: 26.0;"
        ' run `pip install "packaging>=26.1"`'
    )


@pytest.mark.parametrize("name", ["lock.toml", "pylock..toml", "pylock.a.b.toml", "pylock.toml.txt"])
def test_invalid_names_of_lock_files_are_refused(name: str) -> None:
    with pytest.raises(VariantError, match=r"name it pylock\.toml or pylock\.NAME\.toml"):
        check_lock_name(name)


def test_names_of_the_specification_are_accepted() -> None:
    check_lock_name("pylock.toml")
    check_lock_name("pylock.dev.toml")
