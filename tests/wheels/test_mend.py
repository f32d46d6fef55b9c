"""`mend` writes sound wheels from unsound ones, says what it repairs, and never guesses."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers.conversion import convert
from helpers.made_wheels import METADATA, WHEEL, make_wheel, record_row
from helpers.strict_reader import walk
from hypothesis import given, settings
from hypothesis import strategies as st
from installer.sources import WheelFile as InstallerWheel

from variant_backend._internal.checking.run import find_problems
from variant_backend._internal.cli.main import main

NAME = "demo-1.0-py3-none-any.whl"
STEM = "demo-1.0"
INFO = f"{STEM}.dist-info"
RECORD = f"{INFO}/RECORD"
FILES = {"demo/__init__.py": b"x = 1\n" * 50, "demo/données.txt": b"text", "demo/empty.py": b""}
DIGEST = hashlib.sha256(FILES["demo/__init__.py"]).hexdigest()


class Draft:
    """A wheel to be broken: its members, the rows of RECORD, and the form of its archive."""

    def __init__(self) -> None:
        self.name, self.record_path = NAME, RECORD
        self.members = {
            **FILES,
            f"{INFO}/METADATA": METADATA.format(name="demo", version="1.0").encode(),
            f"{INFO}/WHEEL": WHEEL.encode(),
        }
        self.rows = [record_row(path, content) for path, content in self.members.items()]
        self.rows.append(f"{RECORD},,\n")
        self.record: bytes | None = b""
        self.method = zipfile.ZIP_DEFLATED
        self.streamed = False
        self.infos: list[Callable[[zipfile.ZipInfo], object]] = []
        self.comment = b""
        self.copies: list[str] = []
        self.changes: list[Callable[[bytearray], bytes | None]] = []

    def set(self, name: str, content: bytes) -> None:
        """Replace a file of dist-info, and its row."""
        path = f"{INFO}/{name}"
        self.members[path] = content
        row = record_row(path, content)
        self.rows = [row if old.startswith(path) else old for old in self.rows]

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        contents = dict(self.members)
        if self.record is not None:
            contents[self.record_path] = self.record or "".join(self.rows).encode()
        buffer = Unseekable() if self.streamed else io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", self.method) as archive:
            warnings.simplefilter("ignore")  # about copies
            for path in [*contents, *self.copies]:
                info = zipfile.ZipInfo(path, (2024, 5, 6, 7, 8, 10))
                info.external_attr = (stat.S_IFREG | (0o755 if path.endswith(".py") else 0o644)) << 16
                for change in self.infos:
                    change(info)
                archive.writestr(info, contents[path], self.method)
            archive.comment = self.comment
        data = bytearray(buffer.getvalue())
        for alter in self.changes:
            data = bytearray(alter(data) or data)
        wheel = folder / self.name
        wheel.write_bytes(data)
        return wheel


class Unseekable(io.BytesIO):
    """A stream that cannot seek, so that `zipfile` writes data descriptors."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise io.UnsupportedOperation

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation


def with_gap(data: bytearray) -> bytes:
    """Put unused bytes before the central directory, and correct the end record."""
    end = data.rindex(b"PK\x05\x06")
    (start,) = struct.unpack_from("<L", data, end + 16)
    struct.pack_into("<L", data, end + 16, start + 4)
    return bytes(data[:start] + b"dead" + data[start:])


def with_other_header(data: bytearray) -> None:
    data[14:18] = b"\0\0\0\0"  # the CRC in the first local header


def with_unmarked_names(data: bytearray) -> None:
    """Remove the mark of UTF-8 from the headers of a member."""
    for signature, at, name_at in ((b"PK\x03\x04", 6, 30), (b"PK\x01\x02", 8, 46)):
        position = data.index("demo/données".encode(), name_at)
        while data[position - name_at : position - name_at + 4] != signature:
            position = data.index("demo/données".encode(), position + 1)
        data[position - name_at + at + 1] &= ~0x08


def rows(change: Callable[[list[str]], list[str]]) -> Callable[[Draft], None]:
    def apply(draft: Draft) -> None:
        draft.rows = change(draft.rows)

    return apply


def info(**values: object) -> Callable[[Draft], None]:
    def change(entry: zipfile.ZipInfo) -> None:
        for key, value in values.items():
            setattr(entry, key, value)

    return lambda draft: draft.infos.append(change)


def having(**values: object) -> Callable[[Draft], None]:
    return lambda draft: draft.__dict__.update(values)


def bytes_by(change: Callable[[bytearray], bytes | None]) -> Callable[[Draft], None]:
    return lambda draft: draft.changes.append(change)


def renamed(old: str, new: str) -> Callable[[Draft], None]:
    def apply(draft: Draft) -> None:
        draft.members = {path.replace(old, new): content for path, content in draft.members.items()}
        draft.rows = [row.replace(old, new) for row in draft.rows]
        draft.record_path = draft.record_path.replace(old, new)

    return apply


def wheel_file(old: str, new: str) -> Callable[[Draft], None]:
    return lambda draft: draft.set("WHEEL", WHEEL.replace(old, new).encode())


def with_data_folder(name: str) -> Callable[[Draft], None]:
    def apply(draft: Draft) -> None:
        draft.members[f"{name}/scripts/x"] = b"#!python\n"
        draft.rows.insert(0, record_row(f"{name}/scripts/x", b"#!python\n"))

    return apply


def signed(draft: Draft) -> None:
    draft.members[f"{INFO}/RECORD.jws"] = b"{}"
    draft.rows.append(record_row(f"{INFO}/RECORD.jws", b"{}"))


def with_old_record(draft: Draft) -> None:
    """Put another RECORD before the valid one, under the same name."""
    draft.members[f"{INFO}/RECORZ"] = b"gone.py,,\n"
    draft.changes.append(lambda data: bytes(data).replace(b"/RECORZ", b"/RECORD"))


# Each breaks a wheel so that the repair says the text. They can be combined.
LAYOUT: dict[str, tuple[Callable[[Draft], None], str]] = {
    "data descriptors": (having(streamed=True), "data descriptor removed: 'demo/__init__.py' and 5 more"),
    "bzip2": (having(method=zipfile.ZIP_BZIP2), "recompressed: package indexes reject bzip2"),
    "lzma": (having(method=zipfile.ZIP_LZMA), "recompressed: package indexes reject lzma"),
    "archive comment": (having(comment=b"hello"), "comment of the archive removed"),
    "member comments": (info(comment=b"hello"), "comment of the member removed: 'demo/__init__.py'"),
    "gap": (bytes_by(with_gap), "unused bytes between members removed"),
    "prefix": (bytes_by(lambda data: b"#!x\n" + data), "4 bytes before the archive removed"),
    "trailing bytes": (bytes_by(lambda data: bytes(data + b"more")), "4 bytes after the archive removed"),
    "stale ZIP64": (info(extra=struct.pack("<HHQQ", 1, 16, 5, 5)), "ZIP64 extra field corrected"),
    "repeated extra field": (
        info(extra=b"ab\2\0xxab\2\0xx"),
        "damaged or repeated extra field removed: 'demo/__init__.py'",
    ),
    "local header": (bytes_by(with_other_header), "local header made equal to the directory: 'demo/__init"),
    "unmarked name": (bytes_by(with_unmarked_names), "name marked as UTF-8: 'demo/données.txt'"),
    "copy": (having(copies=["demo/__init__.py"]), "copy of a member removed: 'demo/__init__.py'"),
    "two RECORDs": (with_old_record, f"copy of a member removed: '{RECORD}'"),
}
ROWS: dict[str, tuple[Callable[[Draft], None], str]] = {
    "slash": (rows(lambda rows: ["/" + row for row in rows]), "RECORD: path made relative"),
    "dot": (rows(lambda rows: ["./" + row for row in rows]), "RECORD: path made relative"),
    "backslash": (
        rows(lambda rows: [row.replace("/", "\\", 1) for row in rows]),
        r"between folders: 'demo\\__init__.py' and 5 more",
    ),
    "missing row": (rows(lambda rows: rows[1:]), "RECORD: row added for 'demo/__init__.py'"),
    "no own row": (rows(lambda rows: rows[:-1]), f"RECORD: row added for '{RECORD}'"),
    "stray row": (rows(lambda rows: ["gone.py,,\n", *rows]), "the wheel has no such file: 'gone.py'"),
    "duplicate row": (rows(lambda rows: [*rows, rows[0]]), "RECORD: duplicate row removed for 'demo/__init"),
    "blank row": (rows(lambda rows: ["\n", *rows, "\n"]), "RECORD: blank rows removed"),
    "no hash": (rows(lambda rows: ["demo/__init__.py,,\n", *rows[1:]]), "RECORD: hash and size added for"),
    "hex": (
        rows(lambda rows: [f"demo/__init__.py,sha256={'0' * 64},300\n", *rows[1:]]),
        "RECORD: wrong hash replaced for 'demo/__init__.py'",
    ),
    "padded hash": (
        rows(lambda rows: [rows[0].replace(",300", "=,300"), *rows[1:]]),
        "RECORD: hash written in URL-safe base64 without padding for 'demo/__init__.py'",
    ),
    "right hash in hex": (
        rows(lambda rows: [f"demo/__init__.py,sha256={DIGEST},300\n", *rows[1:]]),
        "RECORD: hash written in URL-safe base64 without padding for 'demo/__init__.py'",
    ),
    "weak hash": (
        rows(lambda rows: ["demo/__init__.py,md5=1234,300\n", *rows[1:]]),
        "RECORD: hash replaced by sha256 for 'demo/__init__.py'",
    ),
    "wrong size": (
        rows(lambda rows: [rows[0].replace(",300", ",301"), *rows[1:]]),
        "RECORD: size corrected for 'demo/__init__.py'",
    ),
    "own hash": (
        rows(lambda rows: [*rows[:-1], f"{RECORD},sha256=x,3\n"]),
        f"RECORD: hash and size removed from the row of '{RECORD}'",
    ),
    "two columns": (
        rows(lambda rows: ["demo/__init__.py,\n", *rows[1:]]),
        "RECORD: three columns written in the row of 'demo/__init__.py'",
    ),
    "not UTF-8": (having(record=b"demo/\xe9,,\n"), "RECORD: written in UTF-8"),
    "empty": (having(record=b"\n"), "RECORD: blank rows removed"),
    "no RECORD": (having(record=None), "RECORD: written, because it was missing"),
    "signature": (signed, f"{INFO}/RECORD.jws removed, because it signs the old RECORD"),
}
CONTENT: dict[str, tuple[Callable[[Draft], None], str]] = {
    "dist-info": (renamed(STEM, "Demo-1.0"), f"directory Demo-1.0.dist-info renamed to {INFO}"),
    "data": (with_data_folder("DEMO-1.data"), "directory DEMO-1.data renamed to demo-1.0.data"),
    "tags": (wheel_file("py3-none", "cp39-none"), "WHEEL: tags changed from cp39-none-any to py3-none-any"),
    "malformed tag": (
        wheel_file("py3-", "py3-a-"),
        "WHEEL: tags changed from py3-a-none-any to py3-none-any",
    ),
    "no tags": (wheel_file("Tag:", "Other:"), "WHEEL: tags changed from none to py3-none-any"),
    "folded tag": (wheel_file("py3-", "py3-\n "), "WHEEL: tags changed from py3- none-any to py3-none-any"),
    "tags after other line ends": (
        wheel_file(
            "test\nRoot-Is-Purelib: true\nTag: py3-none-any",
            "a\u2028b\x0cc\n d\nRoot-Is-Purelib: true\nTag: cp39-none-any",
        ),
        "WHEEL: tags changed from cp39-none-any to py3-none-any",
    ),
    "build": (wheel_file("Tag:", "Build: 7\nTag:"), "WHEEL: build number changed from 7 to none"),
    "no Wheel-Version": (wheel_file("Wheel-Version: 1.0\n", ""), "WHEEL: Wheel-Version 1.0 added"),
}
BREAKS = {**LAYOUT, **ROWS, **CONTENT}


def mend(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["mend", *map(str, arguments)], catch_exceptions=False)


def mended(wheel: Path, *options: str) -> tuple[Path, str]:
    """Return the path of the mended wheel, and what was printed on stderr."""
    result = mend(wheel, "-o", wheel.parent / "mended", *options)
    assert result.exit_code == 0, result.stderr
    return Path(result.stdout.strip()), result.stderr


def check_sound(wheel: Path, payload: Mapping[str, bytes] = FILES) -> dict[str, bytes]:
    """Assert that a wheel is sound for all readers, and has the payload; return its members."""
    members = walk(wheel)
    assert {path: content for path, content in members.items() if path.startswith("demo/")} == payload
    assert find_problems([wheel]) == []
    with InstallerWheel.open(wheel) as source:
        source.validate_record(validate_contents=True)
    return members


@pytest.mark.parametrize("kind", BREAKS)
def test_a_mended_wheel_is_sound(tmp_path: Path, kind: str) -> None:
    change, text = BREAKS[kind]
    draft = Draft()
    change(draft)
    wheel = draft.write(tmp_path)
    before = wheel.read_bytes()
    path, stderr = mended(wheel)
    assert text in stderr
    check_sound(path)
    assert wheel.read_bytes() == before
    again = mend(path)
    assert (again.stdout.strip(), again.stderr) == (str(path), f"{path}: sound already, not written\n")


@settings(max_examples=25)
@given(st.sets(st.sampled_from(sorted(BREAKS)), min_size=2, max_size=6))
def test_wheels_broken_in_several_ways_are_mended(
    tmp_path_factory: pytest.TempPathFactory, kinds: set[str]
) -> None:
    if not ROWS.keys().isdisjoint(kinds):
        kinds -= {"unmarked name"}  # without a row, the name has two readings
    draft = Draft()
    for kind in sorted([*LAYOUT, *CONTENT, *ROWS], key="dist-info".__eq__):  # renaming comes last
        if kind in kinds:
            BREAKS[kind][0](draft)
    path, _ = mended(draft.write(tmp_path_factory.mktemp("broken")))
    check_sound(path)
    assert "sound already" in mend(path).stderr


def test_times_modes_and_compressed_data_stay(tmp_path: Path) -> None:
    draft = Draft()
    draft.streamed = True
    wheel = draft.write(tmp_path)
    path, _ = mended(wheel)
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(path) as new:
        for one, other in zip(old.infolist(), new.infolist(), strict=True):
            for key in ("filename", "date_time", "external_attr", "create_system", "CRC", "compress_size"):
                assert getattr(one, key) == getattr(other, key)


def test_names_from_windows_get_slashes(tmp_path: Path) -> None:
    draft = Draft()
    draft.infos.append(lambda entry: setattr(entry, "filename", entry.filename.replace("/", "\\")))
    path, stderr = mended(draft.write(tmp_path))
    assert r"backslashes in names replaced by '/': 'demo\\__init__.py' and 5 more" in stderr
    check_sound(path)


def test_a_directory_that_is_also_a_file_is_removed(tmp_path: Path) -> None:
    draft = Draft()
    draft.members["demo/empty.py/"] = b""
    path, stderr = mended(draft.write(tmp_path))
    assert "directory removed, because it is a file: 'demo/empty.py/'" in stderr
    check_sound(path)


def test_a_symbolic_link_is_kept_with_a_warning(tmp_path: Path) -> None:
    draft = Draft()
    draft.infos.append(
        lambda entry: (
            setattr(entry, "external_attr", (stat.S_IFLNK | 0o777) << 16)
            if entry.filename == "demo/données.txt"
            else None
        )
    )
    draft.comment = b"x"
    wheel = draft.write(tmp_path)
    path, stderr = mended(wheel)
    assert f"warning: {wheel}: symbolic link, which installers write as a text file: 'demo/don" in stderr
    with zipfile.ZipFile(path) as archive:
        assert stat.S_ISLNK(archive.getinfo("demo/données.txt").external_attr >> 16)


def test_a_label_that_contradicts_variant_json_is_an_error(tmp_path: Path) -> None:
    variant = convert(make_wheel(tmp_path, files=FILES), tmp_path / "out")
    variant.write_bytes(variant.read_bytes() + b"more")
    draft = Draft()
    draft.name, draft.comment = NAME.replace(".whl", "-v3.whl"), b"x"
    for wheel, text in (
        (variant.rename(variant.with_name(NAME.replace(".whl", "-other.whl"))), "label"),
        (draft.write(tmp_path), "demo-1.0.dist-info/variant.json is missing"),
    ):
        result = mend(wheel, "-o", tmp_path / "mended")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith(f"error: {wheel.name}: cannot be mended: ")
        assert text in result.stderr
        assert "; recreate the wheel with `make-variant`" in result.stderr


def test_label_and_build_number_stay(tmp_path: Path) -> None:
    variant = convert(make_wheel(tmp_path, files=FILES), tmp_path / "out")
    variant.write_bytes(variant.read_bytes() + b"more")
    path, _ = mended(variant)
    assert path.name == "demo-1.0-py3-none-any-v3.whl"
    check_sound(path)
    draft = Draft()
    draft.name = "demo-1.0-7-py3-none-any.whl"
    path, stderr = mended(draft.write(tmp_path))
    assert path.name == draft.name
    assert stderr.endswith("sound already, not written\n")
    wheel_file("py3-none", "cp39-none")(draft)
    path, _ = mended(draft.write(tmp_path))
    assert b"\nBuild: 7\n" in check_sound(path)[f"{INFO}/WHEEL"]


def test_a_valid_row_keeps_its_text_and_algorithm(tmp_path: Path) -> None:
    draft = Draft()
    digest = "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg_SpIdNs6c5H0NE8XYXysP-DGNKHfuwvY7kxvUdBeoGlODJ6-SfaPg"
    draft.rows[2] = f'"demo/empty.py",sha512={digest},0\n'
    draft.rows.append("gone.py,,\n")
    path, _ = mended(draft.write(tmp_path))
    assert check_sound(path)[RECORD].decode() == "".join(draft.rows[:-1])


@pytest.mark.parametrize(
    ("right", "name", "fields"),
    [
        ("filename", NAME, b"Name: demo\nVersion: 1.0\n"),
        ("metadata", "other_name-2.0-py3-none-any.whl", b"Name: other-name\nVersion: 2.0\n"),
    ],
)
def test_the_option_says_which_identity_is_right(
    tmp_path: Path, right: str, name: str, fields: bytes
) -> None:
    draft = Draft()
    draft.set("METADATA", METADATA.format(name="other-name", version="2.0").encode())
    wheel = draft.write(tmp_path)
    result = mend(wheel, "-o", tmp_path / "mended")
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: {NAME}: the filename names 'demo 1.0', METADATA names 'other-name 2.0';"
        " add --identity filename or --identity metadata to say which is right\n"
    )
    path, _ = mended(wheel, "--identity", right)
    assert path.name == name
    stem = "-".join(name.split("-")[:2])
    assert fields in check_sound(path)[f"{stem}.dist-info/METADATA"]


def damaged(data: bytearray) -> None:
    data[data.index(b"x = 1\n")] += 1


def with_two_directories(data: bytearray) -> None:
    """Let the number of members in the end record contradict the directory."""
    struct.pack_into("<2H", data, data.rindex(b"PK\x05\x06") + 8, 5, 5)


def encrypted(data: bytearray) -> None:
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1


def without(name: str) -> Callable[[Draft], None]:
    return lambda draft: draft.members.__delitem__(f"{INFO}/{name}")


def member(name: str, content: bytes = b"") -> Callable[[Draft], None]:
    return lambda draft: draft.members.update({name: content})


def with_other_copy(draft: Draft) -> None:
    draft.members["demo/__init__.pz"] = b"y"
    draft.changes.append(lambda data: bytes(data).replace(b"__.pz", b"__.py"))


REFUSED: dict[str, tuple[Callable[[Draft], None], str]] = {
    "damaged data": (
        lambda draft: (having(method=zipfile.ZIP_STORED)(draft), bytes_by(damaged)(draft))[0],
        "member 'demo/__init__.py': damaged data: its size or CRC differs",
    ),
    "two directories": (bytes_by(with_two_directories), "end records contradict the central directory"),
    "encrypted": (bytes_by(encrypted), "member 'demo/__init__.py' is encrypted"),
    "truncated": (bytes_by(lambda data: bytes(data[:-40])), "cannot be read: File is not a zip file"),
    "no METADATA": (without("METADATA"), f"{INFO}/METADATA is missing"),
    "no WHEEL": (without("WHEEL"), f"{INFO}/WHEEL is missing"),
    "METADATA in Latin-1": (
        lambda draft: draft.set("METADATA", METADATA.encode() + b"\xe9"),
        "METADATA: line 7 is not UTF-8; save the project's metadata and README in UTF-8, and rebuild",
    ),
    "Wheel-Version 2": (wheel_file("1.0", "2.0"), "Wheel-Version: expected version 1.x"),
    "two dist-infos": (member("other-1.dist-info/METADATA"), "expected one .dist-info directory, got "),
    "foreign data": (with_data_folder("other-1.data"), "directory other-1.data does not belong to demo-1.0"),
    "data folder": (member("demo-1.0.data/lib/x"), "demo-1.0.data: unknown folder 'lib'"),
    "absolute name": (member("/demo/x"), "member '/demo/x': a name must not be absolute"),
    "parent": (member("demo/../../x"), "member 'demo/../../x': a name must not be absolute, nor contain"),
    "zero-width": (member("demo/a\u200bb"), "characters that cannot be printed"),
    "backslash": (member("demo\\x"), r"member 'demo\\x': its backslashes may separate folders, or be part"),
    "file and folder": (member("demo/empty.py/x"), "member 'demo/empty.py' is a file, and a folder of"),
    "directory with content": (member("demo/x/", b"x"), "directory 'demo/x/' has content"),
    "other copy": (with_other_copy, "member 'demo/__init__.py' exists twice, with different contents"),
    "unmarked unlisted name": (
        lambda draft: (bytes_by(with_unmarked_names)(draft), draft.rows.pop(1))[0],
        "its name is not marked as UTF-8, and RECORD does not list it",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_mend_never_guesses(tmp_path: Path, kind: str) -> None:
    change, text = REFUSED[kind]
    draft = Draft()
    change(draft)
    result = mend(draft.write(tmp_path), "-o", tmp_path / "mended")
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {NAME}: ")
    assert text in line
    assert "rebuild" in line
    assert [*tmp_path.iterdir()] == [tmp_path / NAME]


def test_a_small_archive_that_unpacks_to_very_much_is_refused(tmp_path: Path) -> None:
    draft = Draft()
    draft.members["demo/zeros"] = bytes(65 << 20)
    result = mend(draft.write(tmp_path))
    assert "over 50 times its size" in result.stderr


def test_no_wheel_of_the_same_run_is_replaced(tmp_path: Path) -> None:
    draft = Draft()
    plain = draft.write(tmp_path)
    draft.name = "demo-1.0+x-py3-none-any.whl"
    local = draft.write(tmp_path)
    draft.name = "demo-1.0+y-py3-none-any.whl"
    before = plain.read_bytes()
    for wheels, options, name in (
        ([plain, local], [], "demo-1.0+x"),
        ([local, draft.write(tmp_path)], ["-o", tmp_path / "mended"], "demo-1.0+y"),
    ):
        result = mend(*wheels, "--identity", "metadata", "--force", *options)
        assert result.exit_code == 1
        *_, line = (line for line in result.stderr.splitlines() if line.startswith("error"))
        assert line.startswith(f"error: {name}-py3-none-any.whl: would become ")
        assert line.endswith(
            f"{NAME}, which is another wheel of this run; mend it alone, with another --output"
        )
    assert plain.read_bytes() == before


def test_the_input_is_never_replaced(tmp_path: Path) -> None:
    draft = Draft()
    draft.comment = b"x"
    wheel = draft.write(tmp_path)
    before = wheel.read_bytes()
    for options in ([], ["--force"], ["-n"], ["-o", tmp_path, "--force"]):
        result = mend(wheel, *options)
        assert result.exit_code == 1
        text = "the mended wheel would have the same path; give another --output"
        assert result.stderr.splitlines()[0] == f"error: {NAME}: {text}"
    assert wheel.read_bytes() == before


def test_an_existing_file_is_replaced_only_with_force(tmp_path: Path) -> None:
    draft = Draft()
    draft.comment = b"x"
    wheel = draft.write(tmp_path)
    path, _ = mended(wheel)
    result = mend(wheel, "-o", path.parent)
    assert (result.exit_code, "already exists; use --force" in result.stderr) == (1, True)
    path.write_bytes(b"")
    mended(wheel, "--force")
    check_sound(path)


def test_a_dry_run_writes_nothing_and_json_lists_the_repairs(tmp_path: Path) -> None:
    draft = Draft()
    draft.comment = b"x"
    wheel = draft.write(tmp_path / "unsound")
    sound = Draft().write(tmp_path / "sound")
    out = tmp_path / "mended"
    result = mend(wheel, sound, "-o", out, "-n", "--json", "--force")
    assert json.loads(result.stdout)["errors"][0]["message"].endswith(f"would both become {out / NAME}")
    result = mend(wheel, "-o", out, "-n", "--json")
    assert json.loads(result.stdout)["wheels"] == [
        {
            "input": str(wheel),
            "path": str(out / NAME),
            "written": False,
            "repairs": ["comment of the archive removed"],
        }
    ]
    assert not out.exists()
    assert json.loads(mend(sound, "--json").stdout)["wheels"] == [
        {"input": str(sound), "path": str(sound), "written": False, "repairs": []}
    ]


def test_problems_of_metadata_without_a_certain_repair_are_errors(tmp_path: Path) -> None:
    draft = Draft()
    text = METADATA.format(name="demo", version="1.0").replace("\nSummary", "\nRequires-Dist: ?\nSummary")
    draft.set("METADATA", text.encode())
    draft.comment = b"x"
    result = mend(draft.write(tmp_path), "-o", tmp_path / "mended")
    assert result.exit_code == 1
    assert "error: demo-1.0-py3-none-any.whl: METADATA: Requires-Dist: requirement '?'" in result.stderr
    assert not (tmp_path / "mended").exists()
