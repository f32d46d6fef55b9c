"""Wheels from PyPI by many build tools become variants that other tools read."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
import zlib
from pathlib import Path

import pytest
from helpers.programs import run
from helpers.real_wheels import real_wheel
from helpers.strict_reader import walk
from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile as InstallerWheel
from wheel.wheelfile import WheelFile

from variant_backend._internal.checking.codes import ERROR
from variant_backend._internal.checking.run import find_problems
from variant_backend._internal.variants.filename import WheelFilename

pytestmark = pytest.mark.slow

WHEELS = {
    "six==1.17.0": "setuptools",
    "certifi==2026.10.18": "setuptools 84",
    "attrs==26.1.0": "hatchling",
    "click==8.5.1": "flit",
    "flit_core==4.2.0": "flit 4.2, with CRLF line ends",
    "rich==15.0.0": "poetry-core",
    "pdm-backend==2.5.0": "pdm-backend",
    "meson-python==0.22.1": "meson-python, pure",
    "narwhals==2.28.0": "uv_build",
    "rpds-py==0.10.6": "maturin 1.3, METADATA first",
    "orjson==3.9.0": "maturin 1.0",
    "rpds-py==2026.9.1": "maturin 1.15",
    "pyzmq==27.3.0": "scikit-build-core, repaired by auditwheel",
    "ninja==1.13.2": "scikit-build-core",
    "markupsafe==3.0.4": "setuptools, repaired by auditwheel",
    "numpy==2.4.6": "meson-python, repaired by auditwheel",
    "protobuf==7.36.2": "bazel, with ZIP64 fields in the local headers of small members",
    "torch==2.13.0": "setuptools, 12,248 members, not all dist-info at the end",
}


@pytest.fixture(scope="module", params=WHEELS)
def wheel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel from PyPI."""
    return real_wheel(request.param, tmp_path_factory)


UNSOUND = {
    "selenium==4.1.0": "'/selenium/__init__.py' and 297 more",
    "FMPy==0.3.0": "RECORD: row added for 'fmpy/fmucontainer/binaries/darwin64/FMUContainer.dylib' and 13",
}


def unlabelled(variant: Path, folder: Path) -> Path:
    """Copy a variant to its plain name, because current tools reject a name with a label."""
    folder.mkdir()
    plain = folder / str(WheelFilename.parse(variant.name)._replace(label=None))
    shutil.copy(variant, plain)
    return plain


def test_every_reader_accepts_a_variant_of_a_real_wheel(wheel: Path, tmp_path: Path) -> None:
    before = wheel.read_bytes()
    options = ["-p", "x86_64::level::v3", "-l", "v3", "-o", tmp_path / "out"]
    result = run("make-variant", *options, wheel)
    variant = Path(result.stdout.splitlines()[-1])
    assert wheel.read_bytes() == before
    members = walk(variant)
    with zipfile.ZipFile(wheel) as archive:
        old_members = {info.filename: (info.file_size, info.CRC) for info in archive.infolist()}
    assert [name for name in members if not name.endswith("variant.json")] == list(old_members)
    assert find_problems([wheel, variant], payload=True) == []
    for name in old_members:
        same = old_members[name] == (len(members[name]), zlib.crc32(members[name]))
        assert same or name.endswith("/RECORD"), name

    plain = unlabelled(variant, tmp_path / "plain")
    with WheelFile(plain) as checking:
        for name in checking.namelist():
            checking.read(name)  # verifies its checksum, and its hash in RECORD
    with InstallerWheel.open(plain) as source:
        source.validate_record(validate_contents=True)
        schemes = {scheme: str(tmp_path / "installed" / scheme) for scheme in ("purelib", "platlib")}
        schemes |= {scheme: str(tmp_path / "installed" / scheme) for scheme in ("headers", "scripts", "data")}
        install(source, SchemeDictionaryDestination(schemes, sys.executable, "posix"), {})
    (found,) = (tmp_path / "installed").glob("*lib/*.dist-info/variant.json")
    assert list(json.loads(found.read_text())["variants"]) == ["v3"]

    again = run("make-variant", *options[:-1], tmp_path / "again", variant).stdout.strip()
    assert Path(again).read_bytes() == variant.read_bytes()

    back = run("variant-backend", "unmake", variant, "-o", tmp_path / "back")
    assert Path(back.stdout.strip()).read_bytes() == before
    assert "cannot be taken back:" not in back.stderr


def test_a_renamed_real_wheel_stays_valid(wheel: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(
        "make-variant", "-q", "--null", "--name", "other-name", "--strip-local-version", "-o", out, wheel
    )
    variant = Path(result.stdout.splitlines()[-1])
    assert variant.name.startswith("other_name-") and "+" not in variant.name
    with zipfile.ZipFile(wheel) as archive:
        assert len(walk(variant)) == len(archive.namelist()) + 1
    with zipfile.ZipFile(variant) as archive:
        stem = "-".join(variant.name.split("-")[:2])
        assert b"\nName: other-name" in archive.read(f"{stem}.dist-info/METADATA").replace(b"\r", b"")


@pytest.mark.parametrize("requirement", UNSOUND)
def test_every_reader_accepts_a_mended_real_wheel(
    requirement: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wheel = real_wheel(requirement, tmp_path_factory)
    assert find_problems([wheel]) != []
    result = run("variant-backend", "mend", wheel, "-o", tmp_path / "mended")
    assert UNSOUND[requirement] in result.stderr
    mended = Path(result.stdout.strip())
    assert not [finding for finding in find_problems([mended]) if finding.severity == ERROR]
    with zipfile.ZipFile(wheel) as archive:
        old = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
    members = walk(mended)
    assert {name: members.get(name) for name in old} == old
    with InstallerWheel.open(mended) as source:
        source.validate_record(validate_contents=True)
    run("wheel", "unpack", mended, "--dest", tmp_path / "unpacked")
    run("pip", "install", "--no-deps", "--no-compile", "--target", tmp_path / "pip", mended)
    run("uv", "pip", "install", "--no-deps", "--target", tmp_path / "uv", mended)
