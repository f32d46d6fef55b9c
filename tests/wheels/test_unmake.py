"""`unmake` restores the bytes of the plain wheel, or reports what cannot be restored."""

from __future__ import annotations

import json
import os
import shutil
import struct
import sys
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result
from helpers.conversion import LEVEL, convert, metadata, null_metadata, write_sparse_wheel
from helpers.made_wheels import make_wheel, record_row
from helpers.strict_reader import walk
from hypothesis import given, settings
from hypothesis import strategies as st

from variant_backend._internal.cli.main import main
from variant_backend._internal.lowlevel import ranges
from variant_backend._internal.project.recipe import Recipe
from variant_backend._internal.variants.properties import Property
from variant_backend._internal.wheel_rewrite import Plan, write_variant
from variant_backend._internal.wheels.reading import WheelFile
from variant_backend._internal.wheels.unmake import unmake

NAME = "demo-1.0-py3-none-any.whl"
RECORD = "demo-1.0.dist-info/RECORD"


def deflate(content: bytes, kind: str) -> bytes:
    """Compress to one of the forms of a deflate stream."""
    level = 0 if kind == "stored blocks" else 9
    compressor = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = compressor.compress(content[:50]) if kind != "one block" else compressor.compress(content)
    if kind == "empty block first":
        data = b"\0\0\0\xff\xff" + data
    if kind == "several blocks":
        data += compressor.flush(zlib.Z_FULL_FLUSH)
    if kind != "one block":
        data += compressor.compress(content[50:])
    data += compressor.flush()
    if kind.endswith("stored head"):
        half = 0xFFFF if kind == "largest stored head" else len(content) // 2
        rest = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        head = struct.pack("<BHH", 0, half, half ^ 0xFFFF) + content[:half]
        data = head + rest.compress(content[half:]) + rest.flush()
    return data


KINDS = ["one block", "several blocks", "stored blocks", "empty block first", "own stored head", "stored"]


class Form(NamedTuple):
    """The form of a zip file's headers: where they have ZIP64 fields, and which other extra fields.

    *position* is the number of extra fields before the ZIP64 field. *end* is the form of the ZIP64 end
    record: "no", or its slots in the end record are "real" or "full".
    """

    zip64: str = "no"
    local: Sequence[bytes] = ()
    central: Sequence[bytes] = ()
    position: int = 0
    end: str = "no"

    def extra(self, fields: Sequence[bytes], wide: bytes) -> bytes:
        """Return the extra fields with the ZIP64 field among them."""
        return b"".join([*fields[: self.position], wide, *fields[self.position :]])


PLAIN_FORM = Form()


def write_zip(path: Path, members: dict[str, bytes], kinds: dict[str, str], form: Form = PLAIN_FORM) -> None:
    """Write members, each in its own kind of compression, with headers of a form."""
    result, directory = b"", b""
    for number, (name, content) in enumerate(members.items()):
        kind = kinds.get(name, "one block")
        data, method = (content, 0) if kind == "stored" else (deflate(content, kind), 8)
        sizes = (len(data), len(content))
        others = [form.local, form.central] if number % 2 else [(), ()]
        wide = struct.pack("<HHQQ", 1, 16, *reversed(sizes))
        is_wide = [form.zip64 != "no", form.zip64 == "both"]
        is_full = [form.zip64 in ("local", "both"), form.zip64 == "both"]
        local_extra, central_extra = (
            form.extra(fields, wide if is_there else b"")
            for fields, is_there in zip(others, is_wide, strict=True)
        )
        local_sizes, central_sizes = ((0xFFFFFFFF, 0xFFFFFFFF) if full else sizes for full in is_full)
        encoded, crc = name.encode(), zlib.crc32(content)
        common = (20, 0 if name.isascii() else 0x800, method, 1000 + number % 3, 22000, crc)
        lengths = (len(encoded), len(central_extra), 0, 0, 1, 0o100644 << 16, len(result))
        directory += struct.pack("<4sH5HL2L", b"PK\1\2", 788, *common, *central_sizes)
        directory += struct.pack("<5H2L", *lengths) + encoded + central_extra
        result += struct.pack("<4s5H3L", b"PK\3\4", *common, *local_sizes)
        result += struct.pack("<2H", len(encoded), len(local_extra)) + encoded + local_extra + data
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(result + directory + end_records(len(members), len(directory), len(result), form.end))


def end_records(count: int, size: int, offset: int, form: str) -> bytes:
    """Return the end records of an archive, see `Form`."""
    slots = (0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF) if form == "full" else (count, count, size, offset)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *slots, 0)
    if form == "no":
        return end
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 813, 46, 0, 0, count, count, size, offset)
    return end64 + struct.pack("<4sLQL", b"PK\6\7", 0, offset + size, 1) + end


# Extra fields: an extended timestamp, Info-ZIP's owner, an empty one of Java, an unknown one.
OTHER_FIELDS = [b"UT\5\0\1\1\2\3\4", b"ux\x0b\0\1\4\0\0\0\0\4\0\0\0\0", b"\xfe\xca\0\0", b"\xcd\xab\3\0xyz"]
fields = st.lists(st.sampled_from(OTHER_FIELDS), max_size=3)
forms = st.builds(
    Form,
    st.sampled_from(["no", "local", "local, sizes kept", "both"]),
    fields,
    fields,
    st.integers(0, 3),
    st.sampled_from(["no", "real", "full"]),
)


@st.composite
def plain_wheels(draw: st.DrawFn) -> tuple[dict[str, bytes], dict[str, str], Form]:
    """Draw members in any order, the kinds of their compression, and the form of their headers."""
    names = st.text("ab/é,_+", min_size=1, max_size=8).map(lambda text: f"demo/{text}x".replace("//", "/"))
    files = draw(st.dictionaries(names, st.binary(max_size=300), max_size=5))
    dist_info = {
        "demo-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        "demo-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
    }
    contents = {**files, **dist_info}
    lines = [record_row(name, content).rstrip("\n") for name, content in contents.items()]
    lines.insert(draw(st.integers(0, len(lines))), f"{RECORD},,")
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    text = ending.join(lines) + draw(st.sampled_from(["", ending]))
    contents[RECORD] = text.encode()
    if draw(st.booleans()):
        contents |= {"demo/": b"", "demo-1.0.dist-info/": b""}
    members = {name: contents[name] for name in draw(st.permutations(list(contents)))}
    if draw(st.booleans()):
        kinds = dict.fromkeys(members, "stored")
    else:
        kinds = {name: draw(st.sampled_from(KINDS[:-1] if name == RECORD else KINDS)) for name in members}
        kinds |= {"demo-1.0.dist-info/WHEEL": "one block", "demo-1.0.dist-info/METADATA": "one block"}
    return members, kinds, draw(forms)


plans = st.sampled_from(
    [
        Plan(null_metadata()),
        Plan(metadata("longer_label", Property("nvidia", "cuda", "12"), LEVEL)),
        Plan(metadata("v" * 200)),
    ]
)


@settings(deadline=None)
@given(plain_wheels(), st.lists(plans, max_size=3))
def test_unmake_restores_every_byte(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: tuple[dict[str, bytes], dict[str, str], Form],
    relabellings: list[Plan],
) -> None:
    folder = tmp_path_factory.mktemp("wheels")
    plain = folder / NAME
    write_zip(plain, *drawn)
    variant = convert(plain, folder / "0")
    for number, plan in enumerate(relabellings, 1):
        variant = convert(variant, folder / str(number), plan)
    before = variant.read_bytes()
    (folder / "out").mkdir()
    result = unmake(WheelFile.of(variant), folder / "out")
    assert result.path == folder / "out" / NAME
    assert result.path.read_bytes() == plain.read_bytes()
    assert variant.read_bytes() == before
    assert result.lost == ()
    members, kinds, _ = drawn
    names = list(members)
    times = [names.index(RECORD) % 3, names.index("demo-1.0.dist-info/WHEEL") % 3]
    assert bool(result.warnings) == (times[0] != times[1] or set(kinds.values()) == {"stored"})


@pytest.mark.parametrize("kind", [*KINDS, "largest stored head"])
def test_a_large_record_is_restored_or_reported(tmp_path: Path, kind: str) -> None:
    files = {f"demo/{'x' * 200}{number}": b"" for number in range(400)}
    members = walk(make_wheel(tmp_path / "first", files=files))
    assert len(members[RECORD]) > 0xFFFF
    wheel = tmp_path / NAME
    write_zip(wheel, members, {RECORD: kind})
    walk(wheel)
    variant = convert(wheel, tmp_path / "out")
    result = unmake(WheelFile.of(variant), tmp_path / "back")
    assert walk(result.path) == members
    if kind in ("stored", "stored blocks", "largest stored head"):  # such a block has no room for the row
        (lost,) = result.lost
        assert lost == "RECORD is not compressed: if it was compressed, its bytes cannot be restored"
    else:
        assert result.lost == ()
        assert result.path.read_bytes() == wheel.read_bytes()


@pytest.mark.slow  # 65,000 files each
@pytest.mark.parametrize("count", [65_533, 65_534, 65_540])
def test_zip64_end_records_come_and_go_with_variant_json(tmp_path: Path, count: int) -> None:
    files = {f"demo/{number}": b"" for number in range(count - 3)}
    wheel = make_wheel(tmp_path, files=files, compression=zipfile.ZIP_STORED)
    variant = convert(wheel, tmp_path / "out")
    assert len(walk(variant)) == count + 1
    assert (b"PK\x06\x06" in variant.read_bytes()) == (count + 1 >= 0xFFFF)
    result = unmake(WheelFile.of(variant), tmp_path / "back")
    assert result.path.read_bytes() == wheel.read_bytes()
    assert any("ZIP64" in text for text in result.warnings) == (count == 65_534)


def copy_with_holes(source: int, target: int, offset: int, length: int) -> int:
    """Copy data, and holes as holes, as `cp` does, which is fast."""
    hole = os.lseek(source, offset, os.SEEK_HOLE)
    if hole > offset:
        return os.write(target, os.pread(source, min(hole - offset, length), offset))
    data = os.lseek(source, offset, os.SEEK_DATA)
    copied = min(data - offset, length)
    os.lseek(target, copied, os.SEEK_CUR)
    return copied


@pytest.mark.slow  # writes twelve gigabytes on a file system without sparse files
@pytest.mark.parametrize(
    ("spare", "extra"), [(100, OTHER_FIELDS[0]), (450, OTHER_FIELDS[2]), (700, b""), (900, b"")]
)
def test_zip64_fields_are_removed_with_variant_json(
    tmp_path: Path, spare: int, extra: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    if hasattr(os, "SEEK_HOLE"):
        monkeypatch.setattr(ranges, "_KERNEL_COPIES", [copy_with_holes])
    members = walk(make_wheel(tmp_path / "plain", files={}, order=("METADATA", "RECORD")))
    size = 0xFFFFFFFF - spare - sum(map(len, members.values())) - (30 + len(extra)) * 4 - 150
    members[RECORD] += b"demo/large,sha256=%b,%d\n" % (b"x" * 43, size)
    wheel = tmp_path / NAME
    write_sparse_wheel(wheel, members, size, extra)
    tail = wheel.stat().st_size - size
    with wheel.open("rb") as file:
        file.seek(size)
        before = file.read()
    (tmp_path / "out").mkdir()
    variant = write_variant(WheelFile.of(wheel), Plan(metadata()), tmp_path / "out", owned=True).path
    with variant.open("rb") as file:
        file.seek(size)
        has_zip64 = b"PK\6\6" in file.read()
    assert has_zip64 == (spare < 500)
    result = unmake(WheelFile.of(variant), tmp_path)
    variant.unlink()
    with result.path.open("rb") as file:
        file.seek(size)
        assert file.read() == before
    assert result.path.stat().st_size == size + tail


def test_other_changes_than_variant_json_are_reported(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    for number, recipe in enumerate((Recipe(name="other"), Recipe(dependencies=("numpy",)))):
        variant = convert(wheel, tmp_path / str(number), Plan(metadata(), recipe))
        result = unmake(WheelFile.of(variant), tmp_path / "back", force=True)
        assert [text.split()[0] for text in result.lost] == ["METADATA", "RECORD"]
        assert walk(result.path).keys() == {
            name.replace("demo-1.0", recipe.name + "-1.0" if recipe.name else "demo-1.0")
            for name in walk(wheel)
        }


def test_a_time_from_source_date_epoch_is_reported(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    variant = convert(wheel, tmp_path / "out", Plan(metadata(), moment=1_700_000_000))
    result = unmake(WheelFile.of(variant), tmp_path / "back")
    assert result.lost == ()
    (warning,) = result.warnings
    assert warning.startswith("RECORD and WHEEL have different times: if SOURCE_DATE_EPOCH was set")


def test_undetectable_changes_without_compression_are_reported(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, compression=zipfile.ZIP_STORED)
    result = unmake(WheelFile.of(convert(wheel, tmp_path / "out")), tmp_path / "back")
    assert result.path.read_bytes() == wheel.read_bytes()
    assert result.warnings == ("no member is compressed, so a change of METADATA cannot be detected",)


def test_recompression_by_another_tool_is_reported(tmp_path: Path) -> None:
    members = walk(convert(make_wheel(tmp_path), tmp_path / "out"))
    variant = tmp_path / "demo-1.0-py3-none-any-v3.whl"
    with zipfile.ZipFile(variant, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    result = unmake(WheelFile.of(variant), tmp_path / "back")
    assert walk(result.path) == walk(tmp_path / NAME)
    assert result.lost == (
        "RECORD was compressed by another tool: its bytes cannot be restored, and other changes cannot be"
        " detected",
    )


def test_signatures_are_removed(tmp_path: Path) -> None:
    variant = convert(make_wheel(tmp_path), tmp_path / "out")
    with zipfile.ZipFile(variant, "a") as archive:
        archive.writestr("demo-1.0.dist-info/RECORD.jws", b"{}")
    result = unmake(WheelFile.of(variant), tmp_path / "back")
    assert result.warnings == ("RECORD.jws was removed, because it signs the old RECORD",)
    assert walk(result.path).keys() == walk(tmp_path / NAME).keys()


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["unmake", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def variant(tmp_path: Path) -> Path:
    """Make a variant in an empty folder."""
    path = convert(make_wheel(tmp_path / "first"), tmp_path)
    assert list(path.parent.glob("*.whl")) == [path]
    return path


def test_the_plain_wheel_is_written_beside_the_variant(variant: Path) -> None:
    result = invoke(variant)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{variant.parent / NAME}\n", "")
    assert (variant.parent / NAME).read_bytes() == (variant.parent / "first" / NAME).read_bytes()
    again = invoke(variant)
    assert again.exit_code == 1
    assert again.stderr == (
        f"error: {variant.name}: {variant.parent / NAME}: already exists; use --force to replace it\n"
    )
    assert invoke("--force", variant).exit_code == 0


def test_keep_metadata_removes_only_the_label(variant: Path) -> None:
    result = invoke("--keep-metadata", "-o", variant.parent / "out", variant)
    assert (result.exit_code, result.stderr) == (0, "")
    assert (variant.parent / "out" / NAME).read_bytes() == variant.read_bytes()
    again = invoke("--keep-metadata", variant.parent / "out" / NAME)
    assert again.exit_code == 1
    assert again.stderr == f"error: {NAME}: the name has no label\n"


def test_a_variant_with_a_plain_name_needs_another_output(variant: Path) -> None:
    invoke("--keep-metadata", variant)
    named = variant.parent / NAME
    refused = invoke(named)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"error: {NAME}: the plain wheel would have the same name; give another --output\n"
    )
    assert invoke(named, "-o", variant.parent / "out").exit_code == 0
    assert (variant.parent / "out" / NAME).read_bytes() == (variant.parent / "first" / NAME).read_bytes()


def test_plain_wheels_are_refused_and_variants_unmade(variant: Path) -> None:
    plain = variant.parent / "first" / NAME
    labelled = plain.with_name("demo-1.0-py3-none-any-odd.whl")
    labelled.write_bytes(plain.read_bytes())
    out = variant.parent / "out"
    result = invoke(plain, "-o", out, "--json")
    assert (
        result.stderr
        == f"error: {NAME}: not a variant: the wheel has neither a label nor a variant.json; leave it out\n"
    )
    (error,) = json.loads(result.stdout)["errors"]
    assert f"error: {error['place']}: {error['message']}; {error['remedy']}\n" == result.stderr
    result = invoke(labelled)
    assert result.exit_code == 1
    assert result.stderr == f"error: {labelled.name}: {plain}: already exists; use --force to replace it\n"
    result = invoke("-o", out, labelled, "nothing.txt")
    assert result.stderr.splitlines() == [
        f"error: {labelled.name}: the name has the label 'odd', but the wheel has no variant.json;"
        " use --keep-metadata to remove the label",
        "error: nothing.txt: file not found",
    ]
    assert not list(out.glob("*"))
    result = invoke("-o", out, "--json", "nothing.txt", variant)
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)["wheels"]
    assert (first["path"], first["written"]) == (None, False)
    assert second == {"input": str(variant), "path": str(out / NAME), "written": True, "lost": []}


def test_names_that_differ_in_case_only_are_refused(variant: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / variant.name.replace("demo", "Demo", 1)
    other.parent.mkdir()
    shutil.copy(variant, other)
    result = invoke(variant, other, "-o", tmp_path / "out", "--force")
    assert (result.exit_code, f"{variant} and {other} would both become" in result.stderr) == (1, True)
    assert not (tmp_path / "out").exists()


def test_two_variants_of_one_wheel_are_refused_before_writing(variant: Path) -> None:
    other = convert(variant, variant.parent, Plan(null_metadata()))
    result = invoke(variant, other, "--force")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"error: {variant} and {other} would both become {variant.with_name(NAME)}, because they are variants"
        " of one wheel; give only one of them\n"
    )
    again = invoke(variant, other, "--force", "--json")
    document = json.loads(again.stdout)
    assert (again.exit_code, again.stderr) == (1, result.stderr)
    written = [(each["input"], each["written"]) for each in document["wheels"]]
    assert written == [(str(variant), False), (str(other), False)]
    assert [error["message"] in result.stderr for error in document["errors"]] == [True]
    assert not (variant.parent / NAME).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only some users make links")
def test_broken_links_are_errors(variant: Path) -> None:
    for name in ("loop", NAME):
        (variant.parent / name).symlink_to(name)
    for out, place in ((variant.parent / "loop", "loop"), (variant.parent, NAME)):
        result = invoke(variant, "-o", out)
        assert (result.exit_code, result.stdout) == (1, "")
        assert place in result.stderr


def test_a_dry_run_prints_the_path_and_writes_nothing(variant: Path) -> None:
    result = invoke("--dry-run", variant)
    assert (result.exit_code, result.stdout) == (0, f"{variant.parent / NAME}\n")
    assert not (variant.parent / NAME).exists()


def test_a_damaged_variant_leaves_no_file(variant: Path) -> None:
    data = variant.read_bytes()
    for damaged in (data[:-1], data.replace(b"variant.json,sha256", b"variant.jsoN,sha256")):
        variant.write_bytes(damaged)
        result = invoke("-o", variant.parent / "out", variant)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"error: {variant.name}: ")
        assert not list((variant.parent / "out").glob("*"))
