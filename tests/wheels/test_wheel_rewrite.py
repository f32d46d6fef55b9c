from __future__ import annotations

import base64
import errno
import hashlib
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers.conversion import LEVEL, convert, metadata, null_metadata, write_sparse_wheel
from helpers.made_wheels import make_wheel, record_row
from helpers.strict_reader import walk
from hypothesis import given, settings
from hypothesis import strategies as st

from variant_backend._internal.lowlevel import ranges, workspace
from variant_backend._internal.project.recipe import Recipe
from variant_backend._internal.variants.properties import Property
from variant_backend._internal.wheel_rewrite import Outcome, Plan, write_variant
from variant_backend._internal.wheels.reading import WheelFile


def raw_members(path: Path) -> dict[str, tuple[bytes, tuple[object, ...]]]:
    """Return each member's stored data, and its directory record without sizes and offsets."""
    data = path.read_bytes()
    result: dict[str, tuple[bytes, tuple[object, ...]]] = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            start = info.header_offset + 30
            start += int.from_bytes(data[start - 4 : start - 2], "little")
            start += int.from_bytes(data[info.header_offset + 28 : info.header_offset + 30], "little")
            facts = (
                info.date_time,
                info.external_attr,
                info.create_system,
                info.flag_bits,
                info.compress_type,
            )
            result[info.filename] = (data[start : start + info.compress_size], facts)
    return result


names = st.text("ab/é,_+", min_size=1, max_size=8).map(lambda text: f"demo/{text}x".replace("//", "/"))
wheels = st.fixed_dictionaries(
    {
        "files": st.dictionaries(names, st.binary(max_size=300), max_size=5),
        "order": st.sampled_from(
            [(), ("RECORD",), ("METADATA", "WHEEL"), ("WHEEL", "RECORD", "METADATA"), ("METADATA",)]
        ),
        "compression": st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    }
)


@settings(deadline=None)
@given(wheels)
def test_making_a_variant_only_adds_variant_json_and_its_row(
    tmp_path_factory: pytest.TempPathFactory, options: dict[str, object]
) -> None:
    folder = tmp_path_factory.mktemp("wheels")
    wheel = make_wheel(folder, **options)  # type: ignore[arg-type]  # drawn by name
    before = wheel.read_bytes()
    variant = convert(wheel, folder / "out")
    assert wheel.read_bytes() == before
    assert variant.name == "demo-1.0-py3-none-any-v3.whl"
    new_members, old_members = walk(variant), walk(wheel)
    record = "demo-1.0.dist-info/RECORD"
    content = new_members.pop("demo-1.0.dist-info/variant.json")
    assert content == metadata().to_json()
    row = record_row("demo-1.0.dist-info/variant.json", content).encode()
    assert new_members.pop(record) == row + old_members.pop(record)
    assert list(new_members) == list(old_members)
    assert new_members == old_members
    old_raw, new_raw = raw_members(wheel), raw_members(variant)
    assert old_raw[record][0] == new_raw[record][0][-len(old_raw[record][0]) :], "RECORD was recompressed"
    assert {name: new_raw[name] for name in old_members} == {name: old_raw[name] for name in old_members}
    assert new_raw["demo-1.0.dist-info/variant.json"][1] == (
        (2024, 5, 6, 7, 8, 10),
        0o100644 << 16,
        3,
        0,
        zipfile.ZIP_STORED,
    )


@settings(deadline=None)
@given(wheels)
def test_a_remade_or_relabelled_variant_equals_a_new_one(
    tmp_path_factory: pytest.TempPathFactory, options: dict[str, object]
) -> None:
    folder = tmp_path_factory.mktemp("wheels")
    wheel = make_wheel(folder, **options)  # type: ignore[arg-type]  # drawn by name
    once = convert(wheel, folder / "once")
    twice = convert(once, folder / "twice")
    assert twice.read_bytes() == once.read_bytes()
    other = Plan(metadata("longer_label", Property("nvidia", "cuda", "12"), LEVEL))
    relabelled = convert(convert(once, folder / "null", Plan(null_metadata())), folder / "relabelled", other)
    assert relabelled.read_bytes() == convert(wheel, folder / "direct", other).read_bytes()


@settings(deadline=None)
@given(wheels)
def test_an_owned_wheel_changed_in_place_equals_a_copy(
    tmp_path_factory: pytest.TempPathFactory, options: dict[str, object]
) -> None:
    folder = tmp_path_factory.mktemp("wheels")
    wheel = make_wheel(folder, **options)  # type: ignore[arg-type]  # drawn by name
    copy = convert(wheel, folder / "copy")
    (folder / "owned").mkdir()
    owned = write_variant(WheelFile.of(wheel), Plan(metadata()), folder / "owned", owned=True).path
    assert owned.read_bytes() == copy.read_bytes()


def test_an_owned_wheel_with_another_hard_link_is_copied(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    os.link(wheel, tmp_path / "link")
    before = wheel.read_bytes()
    (tmp_path / "out").mkdir()
    variant = write_variant(WheelFile.of(wheel), Plan(metadata()), tmp_path / "out", owned=True).path
    walk(variant)
    assert (tmp_path / "link").read_bytes() == before


def test_a_new_name_changes_all_paths(tmp_path: Path) -> None:
    metadata_text = (
        "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra: all\n"
        "Requires-Dist: numpy\nRequires-Dist: cupy-cuda12x[x]; extra == 'all'\n\nName: text\n"
    )
    files = {"cupy/__init__.py": b"", "cupy_cuda12x-13.0+local.1.data/scripts/tool": b"#!python\n"}
    wheel = make_wheel(tmp_path, "cupy_cuda12x", "13.0+local.1", files=files, metadata=metadata_text)
    plan = Plan(metadata(), Recipe(name="CuPy", strip_local_version=True))
    variant = convert(wheel, tmp_path / "out", plan)
    assert variant.name == "cupy-13.0-py3-none-any-v3.whl"
    members = walk(variant)
    assert {name.replace("cupy_cuda12x-13.0+local.1", "cupy-13.0") for name in walk(wheel)} | {
        "cupy-13.0.dist-info/variant.json"
    } == set(members)
    assert members["cupy-13.0.dist-info/METADATA"].decode() == metadata_text.format(
        name="CuPy", version="13.0"
    ).replace("cupy-cuda12x[x]", "CuPy[x]")
    assert convert(variant, tmp_path / "twice", plan).read_bytes() == variant.read_bytes()


def test_signatures_of_the_old_record_are_removed_and_reported(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("demo-1.0.dist-info/RECORD.jws", b"{}")
    (tmp_path / "out").mkdir()
    outcome = write_variant(WheelFile.of(wheel), Plan(metadata()), tmp_path / "out")
    assert outcome.warnings == ("RECORD.jws was removed, because it signs the old RECORD",)
    assert "demo-1.0.dist-info/RECORD.jws" not in walk(outcome.path)


def test_directory_entries_crlf_and_other_hashes_are_kept(tmp_path: Path) -> None:
    wheel = tmp_path / "demo-1.0-py3-none-any.whl"
    digest = hashlib.sha384(b"x")
    row = f"demo/a.py,sha384={base64.urlsafe_b64encode(digest.digest()).decode().rstrip('=')},1\r\n"
    plain = make_wheel(tmp_path / "plain", files={})
    old = walk(plain)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("demo/", b"")
        archive.writestr("demo/a.py", b"x")
        archive.writestr("demo-1.0.dist-info/", b"")
        rows = row + old["demo-1.0.dist-info/RECORD"].decode().replace("\n", "\r\n")
        archive.writestr("demo-1.0.dist-info/RECORD", rows)
        archive.writestr("demo-1.0.dist-info/METADATA", old["demo-1.0.dist-info/METADATA"])
        archive.writestr("demo-1.0.dist-info/WHEEL", old["demo-1.0.dist-info/WHEEL"])
    members = walk(convert(wheel, tmp_path / "out", Plan(metadata(), Recipe(name="other"))))
    assert list(members)[:3] == ["demo/", "demo/a.py", "other-1.0.dist-info/"]
    record = members["other-1.0.dist-info/RECORD"]
    assert row.encode() in record
    assert record.count(b"\r\n") == record.count(b"\n")


def test_written_members_get_the_given_time(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    expected = {
        0: (1980, 1, 1, 0, 0, 0),
        1700000001: (2023, 11, 14, 22, 13, 20),
        1 << 40: (2107, 12, 31, 23, 59, 58),
    }
    for moment, date_time in expected.items():
        variant = convert(wheel, tmp_path / "out", Plan(metadata(), moment=moment))
        with zipfile.ZipFile(variant) as archive:
            times = {info.filename.rpartition("/")[2]: info.date_time for info in archive.infolist()}
        assert times["variant.json"] == times["RECORD"] == date_time
        assert times["METADATA"] == (2024, 5, 6, 7, 8, 10)
        assert (
            convert(variant, tmp_path / "twice", Plan(metadata(), moment=moment)).read_bytes()
            == variant.read_bytes()
        )


def test_a_zip64_member_stays_zip64(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    contents = walk(wheel)
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(content)
    assert walk(wheel) == contents
    variant = convert(wheel, tmp_path / "out", Plan(metadata(), Recipe(name="other")))
    assert len(walk(variant)) == len(contents) + 1


@pytest.mark.slow  # writes four gigabytes on a file system without sparse files
def test_offsets_over_four_gigabytes_move_to_zip64_fields(tmp_path: Path) -> None:
    members = walk(make_wheel(tmp_path / "plain", files={}, order=("METADATA",)))
    size = 0xFFFFFFFF - 700
    members["demo-1.0.dist-info/RECORD"] += b"demo/large,sha256=%s,%d\n" % (b"x" * 43, size)
    wheel = tmp_path / "demo-1.0-py3-none-any.whl"
    write_sparse_wheel(wheel, members, size)
    (tmp_path / "out").mkdir()
    variant = write_variant(WheelFile.of(wheel), Plan(metadata()), tmp_path / "out", owned=True).path
    with zipfile.ZipFile(variant) as archive:
        last = archive.getinfo("demo-1.0.dist-info/RECORD")
        assert last.header_offset > 0xFFFFFFFF
        assert archive.read("demo-1.0.dist-info/variant.json") == metadata().to_json()
        assert archive.read(last).startswith(b"demo-1.0.dist-info/variant.json,")
    with variant.open("rb") as file:
        file.seek(-22 - 20 - 56, os.SEEK_END)
        assert file.read(4) == b"PK\x06\x06"
    again = write_variant(WheelFile.of(variant), Plan(null_metadata()), tmp_path, owned=True).path
    with zipfile.ZipFile(again) as archive:
        assert archive.read("demo-1.0.dist-info/variant.json") == null_metadata().to_json()


def test_every_way_of_copying_writes_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(tmp_path, files={"demo/a": os.urandom(3 << 20)}, order=("WHEEL",))
    expected = convert(wheel, tmp_path / "first").read_bytes()

    def refused(*_: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    ways = list(ranges._KERNEL_COPIES)
    for index in range(len(ways) + 1):
        monkeypatch.setattr(ranges, "_KERNEL_COPIES", [refused] * index + ways[index:])
        assert convert(wheel, tmp_path / f"{index}").read_bytes() == expected
    monkeypatch.setattr(ranges, "_pread", ranges._seek_and_read)
    monkeypatch.setattr(ranges, "_CHUNK", 1000)
    assert convert(wheel, tmp_path / "small").read_bytes() == expected


def test_only_abandoned_workspaces_are_removed(tmp_path: Path) -> None:
    with workspace.workspace(tmp_path) as used:
        for name in ("full", "empty"):
            (tmp_path / f".variant-backend-{name}").mkdir()
        for name in ("full", "empty", "alone"):
            (tmp_path / f".variant-backend-{name}.lock").touch()
        (tmp_path / ".variant-backend-full" / "half.whl.part").write_bytes(b"half")
        with workspace.workspace(tmp_path) as other:
            names = {used.name, f"{used.name}.lock", other.name, f"{other.name}.lock"}
            assert {path.name for path in tmp_path.iterdir()} == names
        assert used.exists() and not other.exists()
    assert not list(tmp_path.iterdir())


def test_many_workspaces_work_at_once(tmp_path: Path) -> None:
    def use(number: int) -> str:
        with workspace.workspace(tmp_path) as folder:
            (folder / "file").write_text(str(number))
            return (folder / "file").read_text()

    with ThreadPoolExecutor(8) as executor:
        assert list(executor.map(use, range(300))) == [str(number) for number in range(300)]
    assert not list(tmp_path.iterdir())


def test_workspaces_work_without_locks_and_are_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(workspace, "_acquire", unsupported)
    with workspace.workspace(tmp_path) as used, workspace.workspace(tmp_path):
        assert used.exists()
    assert not list(tmp_path.iterdir())


def test_an_existing_variant_is_not_rewritten(tmp_path: Path) -> None:
    variant = convert(make_wheel(tmp_path), tmp_path)
    before = variant.stat()
    assert write_variant(WheelFile.of(variant), Plan(metadata()), tmp_path) == Outcome(
        variant, False, ("the wheel is this variant already",)
    )
    assert variant.stat() == before


def test_a_folder_that_cannot_be_listed_is_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: object) -> list[str]:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "listdir", refused)
    with workspace.workspace(tmp_path) as folder:
        assert folder.exists()
    assert not folder.exists()
