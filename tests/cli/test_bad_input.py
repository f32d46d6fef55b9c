"""Bad input gives one line with the file, the place, the problem and the remedy, and writes no files."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.made_wheels import make_wheel
from helpers.programs import SCRIPTS, run, start
from helpers.strict_reader import walk

from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.make_variant import make_variant_command

NAME = "demo-1.0-py3-none-any.whl"
VARIANT = "demo-1.0-py3-none-any-x.whl"


def make(wheel: Path, *options: str) -> tuple[int, str, str]:
    """Run make-variant; return its exit code, and what it printed on stdout and stderr."""
    arguments = [str(wheel), *(options or ("-p", "nvidia::sm_arch::90_real", "-l", "x"))]
    result = CliRunner().invoke(make_variant_command, arguments, catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def zipped(members: list[tuple[str, bytes]], wheel: Path) -> None:
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)


def edited(**changes: bytes | None) -> Callable[[Path], None]:
    """Return a change of dist-info files: other content, or None to leave one out."""

    def change(wheel: Path) -> None:
        members = walk(wheel)
        for key, content in changes.items():
            path = f"demo-1.0.dist-info/{key}"
            if content is None:
                record = members["demo-1.0.dist-info/RECORD"].decode().splitlines(keepends=True)
                kept = [line for line in record if not line.startswith(path)]
                members["demo-1.0.dist-info/RECORD"] = "".join(kept).encode()
                del members[path]
            else:
                members[path] = content
        zipped(list(members.items()), wheel)

    return change


def bytes_changed(change: Callable[[bytearray], bytes | None]) -> Callable[[Path], None]:
    def apply(wheel: Path) -> None:
        data = bytearray(wheel.read_bytes())
        result = change(data)
        wheel.write_bytes(data if result is None else result)

    return apply


def renamed_member(old: bytes, new: bytes) -> Callable[[Path], None]:
    """Return a change of names in the headers of members."""
    assert len(old) == len(new)

    def change(data: bytearray) -> None:
        for header in re.finditer(rb"(?s)PK\x03\x04.{26}|PK\x01\x02.{42}", bytes(data)):
            start = header.end()
            (length,) = struct.unpack_from("<H", header[0], 26 if len(header[0]) == 30 else 28)
            data[start : start + length] = data[start : start + length].replace(old, new)

    return bytes_changed(change)


def with_flag(flag: int) -> Callable[[Path], None]:
    def change(data: bytearray) -> None:
        data[6] |= flag
        data[data.index(b"PK\x01\x02") + 8] |= flag

    return bytes_changed(change)


def with_gap(data: bytearray) -> bytes:
    """Put unused bytes before the central directory, and correct the end record."""
    start = data.index(b"PK\x01\x02")
    moved = bytearray(data[:start] + b"dead" + data[start:])
    struct.pack_into("<L", moved, len(moved) - 6, start + 4)
    return bytes(moved)


def with_prefix(data: bytearray) -> bytes:
    """Put unused bytes before the first member, and correct every offset."""
    moved = bytearray(b"dead" + data)
    position = start = moved.index(b"PK\x01\x02")
    while moved[position : position + 4] == b"PK\x01\x02":
        (offset,) = struct.unpack_from("<L", moved, position + 42)
        struct.pack_into("<L", moved, position + 42, offset + 4)
        position += 46 + sum(struct.unpack_from("<3H", moved, position + 28))
    struct.pack_into("<L", moved, len(moved) - 6, start)
    return bytes(moved)


def with_overlap(data: bytearray) -> None:
    """Make the first member so large that the second one starts inside it."""
    first = data.index(b"PK\x01\x02")
    for position in (18, 22, first + 20, first + 24):
        struct.pack_into("<L", data, position, 40)


def with_offset(data: bytearray) -> None:
    """Let the first member start one byte later, by its record in the directory."""
    data[data.index(b"PK\x01\x02") + 42] = 1


def with_newer_version(data: bytearray) -> None:
    data[data.index(b"PK\x01\x02") + 6] = 64


def with_foreign_header(data: bytearray) -> None:
    """Let the second member's directory record point to the first member."""
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    struct.pack_into("<L", data, second + 42, 0)


def with_half_zip64(wheel: Path) -> None:
    """Write one size of a member in ZIP64 form and the other one in ordinary form, in both headers."""
    data = bytearray(wheel.read_bytes())
    first = data.index(b"PK\x01\x02")
    name_length = data[26]
    extra = struct.pack("<HHQ", 1, 8, struct.unpack_from("<L", data, 22)[0])
    for position in (first, 0):
        sizes, lengths = (24, 30) if position else (22, 28)
        struct.pack_into("<L", data, position + sizes, 0xFFFFFFFF)
        struct.pack_into("<H", data, position + lengths, len(extra))
        end = position + (46 if position else 30) + name_length
        data[end:end] = extra
    position = data.index(b"PK\x01\x02")
    struct.pack_into("<2L", data, len(data) - 10, len(data) - 22 - position, position)
    position += 46 + name_length + len(extra)
    while data[position : position + 4] == b"PK\x01\x02":
        (offset,) = struct.unpack_from("<L", data, position + 42)
        struct.pack_into("<L", data, position + 42, offset + len(extra))
        position += 46 + sum(struct.unpack_from("<3H", data, position + 28))
    wheel.write_bytes(data)


def twice(wheel: Path) -> None:
    zipped([*walk(wheel).items(), ("demo/__init__.pz", b"")], wheel)
    renamed_member(b"__init__.pz", b"__init__.py")(wheel)


def twin(wheel: Path) -> None:
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("other-2.0.dist-info/METADATA", b"")


def stale_zip64(wheel: Path) -> None:
    """Keep a ZIP64 field in a local header that also has ordinary sizes."""
    extra = struct.pack("<HHQQ", 1, 16, 1, 1)
    members = walk(wheel)
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.extra = extra if name.endswith("METADATA") else b""
            archive.writestr(info, content)


def damaged(data: bytearray) -> None:
    start = data.index(b"PK\x05\x06")
    struct.pack_into("<L", data, start + 12, 7)


def other_method(data: bytearray) -> None:
    data[data.index(b"PK\x01\x02") + 10] = 12


COMPLETE = (
    b"demo/__init__.py,sha256=x,6\ndemo-1.0.dist-info/METADATA,sha256=x,1\n"
    b"demo-1.0.dist-info/WHEEL,sha256=x,1\ndemo-1.0.dist-info/RECORD,,\n"
)
RECORD = b"demo/__init__.py,sha256=x,6\ndemo-1.0.dist-info/RECORD,,\n"

INVALID: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty": (bytes_changed(lambda _: b""), "expected a zip archive, got an empty file"),
    "text": (bytes_changed(lambda _: b"hello\n" * 100), "expected a zip archive, got text: 'hello'"),
    "truncated": (bytes_changed(lambda data: bytes(data[:-30])), "truncated"),
    "trailing bytes": (
        bytes_changed(lambda data: bytes(data) + b"more"),
        "4 bytes after the last record of the zip file; write a sound copy with `variant-backend mend ",
    ),
    "damaged directory": (bytes_changed(damaged), "damaged central directory"),
    "damaged record": (
        bytes_changed(lambda data: bytes(data).replace(b"PK\x01\x02", b"PK\x01\x03", 1)),
        "damaged central directory: record 1",
    ),
    "encrypted": (with_flag(1), "is encrypted"),
    "data descriptor": (with_flag(8), "has a data descriptor"),
    "other method": (
        bytes_changed(other_method),
        "method 12",
    ),
    "duplicate": (twice, "duplicate member 'demo/__init__.py'"),
    "absolute": (renamed_member(b"demo/__init__.py", b"/emo/__init__.py"), "'/emo/__init__.py'"),
    "drive": (renamed_member(b"demo/__init__.py", b"C:mo/__init__.py"), "must not be absolute"),
    "parent": (renamed_member(b"demo/__init__.py", b"demo/../init_.py"), "'demo/../init_.py'"),
    "windows parent": (renamed_member(b"demo/__init__.py", b"..\\o/__init__.py"), "'..\\\\o/__init__.py'"),
    "NUL": (renamed_member(b"demo/__init__.py", b"demo/__in\0t__.py"), "__in\\x00t__"),
    "line feed": (renamed_member(b"demo/__init__.py", b"demo/__in\nt__.py"), "__in\\nt__"),
    "unmarked UTF-8": (renamed_member(b"demo/__init__.py", b"demo/__in\xc3\xa9__.py"), "not marked as UTF-8"),
    "cut": (bytes_changed(lambda data: bytes(data[4:])), "does not start with a member"),
    "wrong offset": (bytes_changed(with_offset), "does not start with a member"),
    "newer zip": (bytes_changed(with_newer_version), "needs version 6.4 of zip"),
    "gap": (bytes_changed(with_gap), "4 unused bytes before the central directory"),
    "prefix": (
        bytes_changed(with_prefix),
        "does not start with a member, as a wheel must; write a sound copy",
    ),
    "overlap": (bytes_changed(with_overlap), "demo-1.0.dist-info/METADATA' overlaps the one before it"),
    "foreign header": (bytes_changed(with_foreign_header), "differ in name"),
    "half ZIP64": (with_half_zip64, "ZIP64 extra field"),
    "backslash": (renamed_member(b"demo/__init__.py", b"demo\\__init__.py"), "'demo\\\\__init__.py'"),
    "headers differ": (bytes_changed(lambda data: data.__setitem__(14, data[14] ^ 1)), "differ in CRC"),
    "stale ZIP64": (stale_zip64, "ZIP64 extra field"),
    "no dist-info": (lambda wheel: zipped([("demo/a.py", b"")], wheel), "got none"),
    "two dist-infos": (twin, "got demo-1.0.dist-info and other-2.0.dist-info"),
    "other dist-info": (renamed_member(b"demo-1.0.dist-info", b"damo-1.0.dist-info"), "damo-1.0.dist-info"),
    "RECORD missing": (edited(RECORD=None), "demo-1.0.dist-info/RECORD is missing"),
    "RECORD not UTF-8": (edited(RECORD=b"\xff,,\n"), "RECORD: not UTF-8 at byte 0"),
    "RECORD columns": (
        edited(RECORD=b"a,b\n"),
        "RECORD: row 1: expected 3 columns, got 2",
    ),
    "RECORD incomplete": (edited(RECORD=RECORD), "missing row for 'demo-1.0.dist-info/METADATA'"),
    "RECORD too long": (edited(RECORD=b"x,sha256=y,1\n" + COMPLETE), "row without a file in the wheel: 'x'"),
    "RECORD twice": (edited(RECORD=COMPLETE + b"demo/__init__.py,sha256=x,6\n"), "duplicate row for"),
    "RECORD no hash": (edited(RECORD=COMPLETE.replace(b"sha256=x", b"")), "expected a hash and a size"),
    "RECORD no size": (edited(RECORD=COMPLETE.replace(b",6", b",x")), "expected a hash and a size"),
    "RECORD own hash": (
        edited(RECORD=COMPLETE.replace(b"RECORD,,", b"RECORD,x,1")),
        "expected no hash and no size",
    ),
    "METADATA missing": (edited(METADATA=None), "demo-1.0.dist-info/METADATA is missing"),
    "WHEEL missing": (edited(WHEEL=None), "demo-1.0.dist-info/WHEEL is missing"),
    "other name": (edited(METADATA=b"Name: damo\nVersion: 1.0\n\n"), "METADATA: expected the name 'demo'"),
    "other version": (
        edited(METADATA=b"Name: demo\nVersion: 1.1\n\n"),
        "METADATA: expected the version '1.0'",
    ),
    "no name": (edited(METADATA=b"Version: 1.0\n\n"), "METADATA: field Name is missing"),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_wheel_is_refused_with_a_line_for_each_problem(tmp_path: Path, name: str) -> None:
    change, message = INVALID[name]
    wheel = make_wheel(tmp_path, compression=zipfile.ZIP_STORED)
    change(wheel)
    before = wheel.read_bytes()
    code, stdout, stderr = make(wheel)
    assert (code, stdout) == (1, "")
    lines = [line for line in stderr.splitlines() if not line.startswith("warning: label '")]
    assert all(line.startswith(f"error: {NAME}: ") for line in lines)
    assert any(message in line for line in lines)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert wheel.read_bytes() == before


# The first has damaged data, too. In the second, RECORD does not say how the name is to be read.
FURTHER = {"other method", "unmarked UTF-8"}


@pytest.mark.parametrize("name", sorted(INVALID.keys() - FURTHER))
def test_mend_repairs_exactly_the_wheels_whose_remedy_names_it(tmp_path: Path, name: str) -> None:
    change, _ = INVALID[name]
    wheel = make_wheel(tmp_path, compression=zipfile.ZIP_STORED)
    change(wheel)
    _, _, stderr = make(wheel)
    options = [
        "-o",
        str(tmp_path / "mended"),
        *(["--identity", "filename"] if "--identity" in stderr else []),
    ]
    result = CliRunner().invoke(main, ["mend", str(wheel), *options], catch_exceptions=False)
    remedies = [
        "`variant-backend mend " in line for line in stderr.splitlines() if line.startswith("error: ")
    ]
    assert all(remedies) == (result.exit_code == 0), (stderr, result.stderr)
    if result.exit_code == 0:
        walk(Path(result.stdout.strip()))
        assert make(Path(result.stdout.strip()))[0] == 0


def test_a_damaged_payload_is_not_noticed(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, compression=zipfile.ZIP_STORED)
    bytes_changed(lambda data: bytes(data).replace(b"x = 1", b"y = 2"))(wheel)
    assert make(wheel)[0] == 0


BAD_NAMES = ("", "..", "-", "a/b", "../evil", "My Project!", " x ", "é", "a\nName: b", "x_")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("-p", "nvidia::CUDA::1"), 2, "'C' at position 1"),
        (("-p", "nvidia::a"), 2, "write NAMESPACE :: FEATURE :: VALUE"),
        (("-p", "a::b::c", "-l", "Cu12"), 2, "label 'Cu12': character 'C' at position 1"),
        (("-p", "a::b::c", "-l", "null"), 2, "label 'null' cannot have properties"),
        (("-p", "a::b::c", "--null"), 2, "--null cannot be used with --property or --label"),
        (("--null", "-l", "x"), 2, "--null cannot be used with --property or --label"),
        ((), 2, "no variant is given for"),
        (("-l", "x"), 2, "label 'x' is not defined: there is no project file"),
        (("--null", "--no-known-providers"), 2, "would be empty"),
        (("-p", "a::b::c", "--provider", "a"), 2, "--provider 'a': missing value"),
        (("-p", "a::b::c", "--provider", "a=!"), 2, "requirement '!': "),
        (("-p", "a::b::c", "--plugin-api", "a=x:y"), 2, "exactly one of"),
        (("-p", "a::b::c", "--static", "a::b"), 2, "expected three parts"),
        (("-p", "a::b::c", "--static", "a::b::c,c"), 2, "duplicate value"),
        (("-p", "a::b::c", "--static", "a::b::c", "--provider", "a=x"), 2, "exactly one of"),
        (("-p", "a::b::c", "--provider", "A=x"), 2, "character 'A'"),
        (("-p", "a::b::c", "-l", ""), 2, "label is empty"),
        (("-l", ""), 2, "label is empty"),
        *((("--null", "--name", name), 2, "use letters and digits") for name in BAD_NAMES),
        (("-p", "a::b::c", "--no-such-option"), 2, "unknown option '--no-such-option'"),
        (("-p", "a::b::c", "-j", "0"), 2, "-j"),
        (("-p", "a::b::c", "--pyproject", "missing.toml"), 1, "missing.toml: file not found"),
    ],
)
def test_wrong_options_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    wheel = make_wheel(tmp_path)
    result = CliRunner().invoke(make_variant_command, [wheel.name, *options], catch_exceptions=False)
    assert message in " ".join(result.stderr.split())
    assert (result.exit_code, result.stdout) == (code, "")
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("[variant]\nx = 1", ["[variant]: x: unknown key 'x'", "default-priorities: missing"]),
        ("[variant\n", ["invalid TOML"]),
        (
            "[variant.default-priorities]\nnamespaces = ['a']",
            ["(did you mean 'namespace'?)"],
        ),
        (
            "[variant.default-priorities]\nnamespace = ['a']\n[variant.variants.x]\na.f = ['1']\n"
            "[tool.variant-backend]\nbuild-backnd = 'x'",
            ["tool.variant-backend.build-backnd: unknown key 'build-backnd' (did you mean 'build-backend'?)"],
        ),
        (
            "[variant]\nvariants.x.b.f = ['1']\n"
            "default-priorities.namespace = ['a']\nproviders.a.enable-if = 'x'\n",
            [
                "[variant]: variants.x.b: not in default-priorities.namespace",
                "providers.a.enable-if: unknown key 'enable-if'",
            ],
        ),
        ("", ["missing table [variant]"]),
    ],
)
def test_all_errors_of_a_project_file_are_reported(tmp_path: Path, text: str, messages: list[str]) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text(text)
    code, stdout, stderr = make(make_wheel(tmp_path / "in"), "--pyproject", str(project), "-l", "cuda13")
    assert (code, stdout) == (1, "")
    for message in messages:
        assert message in stderr


def test_a_label_missing_in_the_project_file_is_wrong_usage(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text("[variant]\nvariants.cuda12.a.f = ['1']\ndefault-priorities.namespace = ['a']\n")
    code, stdout, stderr = make(make_wheel(tmp_path), "--pyproject", str(project), "-l", "cuda13")
    assert (code, stdout) == (2, "")
    assert stderr == ("error: unknown label 'cuda13' (did you mean 'cuda12'?); known labels: cuda12, null\n")


def test_an_existing_file_is_replaced_with_force_only(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    (tmp_path / VARIANT).write_bytes(b"old")
    code, _, stderr = make(wheel)
    assert code == 1
    assert f"{VARIANT}: already exists; use --force" in stderr
    assert (tmp_path / VARIANT).read_bytes() == b"old"
    assert make(wheel, "-p", "nvidia::sm_arch::90_real", "-l", "x", "--force")[0] == 0
    walk(tmp_path / VARIANT)


def test_the_error_names_a_missing_wheel_or_a_folder(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    for wheel, message in ((tmp_path / NAME, "is a folder"), (tmp_path / VARIANT, "file not found")):
        code, _, stderr = make(wheel)
        assert code == 1
        assert wheel.name in stderr and message in stderr


def test_the_error_names_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    (tmp_path / "file").touch()
    code, _, stderr = make(wheel, "-p", "nvidia::sm_arch::90_real", "-l", "x", "-o", str(tmp_path / "file"))
    assert code == 1
    assert str(tmp_path / "file") in stderr
    assert len(stderr.splitlines()) == 1


def test_two_wheels_that_would_become_one_file_are_refused(tmp_path: Path) -> None:
    wheels = [make_wheel(tmp_path, version=version) for version in ("1.0+cpu", "1.0+cu128")]
    arguments = [*map(str, wheels), "--null", "--strip-local-version"]
    result = CliRunner().invoke(make_variant_command, arguments, catch_exceptions=False)
    assert result.exit_code == 1
    assert all(wheel.name in result.stderr for wheel in wheels)
    assert sorted(tmp_path.iterdir()) == sorted(wheels)
    result = CliRunner().invoke(make_variant_command, ["--json", *arguments], catch_exceptions=False)
    document = json.loads(result.stdout)
    assert [(each["input"], each["path"]) for each in document["wheels"]] == [
        (str(wheel), None) for wheel in wheels
    ]
    assert len(document["errors"]) == 1


def test_valid_wheels_are_converted_despite_an_invalid_one(tmp_path: Path) -> None:
    wheels = [make_wheel(tmp_path, name) for name in ("a", "b", "c")]
    wheels[1].write_bytes(b"hello")
    for jobs in "12":
        arguments = [
            *map(str, wheels),
            "-p",
            "nvidia::sm_arch::90_real",
            "-l",
            "x",
            "-j",
            jobs,
            "-o",
            str(tmp_path / jobs),
        ]
        result = CliRunner().invoke(make_variant_command, arguments, catch_exceptions=False)
        assert result.exit_code == 1
        assert "error: b-1.0-py3-none-any.whl: expected a zip archive, got text: 'hello'" in result.stderr
        made = ["a-1.0-py3-none-any-x.whl", "c-1.0-py3-none-any-x.whl"]
        assert result.stdout.split() == [str(tmp_path / jobs / name) for name in made]
        assert sorted(path.name for path in (tmp_path / jobs).iterdir()) == made


def test_an_invalid_wheel_prints_no_traceback(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"hello")
    result = run("make-variant", tmp_path / NAME, "-p", "nvidia::sm_arch::90_real", "-l", "x", ok=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"error: {NAME}: expected a zip archive, got text: 'hello'; download or build the wheel again\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a file's size to run into")
def test_a_full_disk_leaves_no_files(tmp_path: Path) -> None:
    import resource

    wheel = make_wheel(tmp_path, files={"demo/large": os.urandom(1 << 20)})
    result = subprocess.run(
        [SCRIPTS / "make-variant", wheel, "-p", "nvidia::sm_arch::90_real", "-l", "x"],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000)),
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert "File too large" in result.stderr and len(result.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def start_slow_run(tmp_path: Path) -> subprocess.Popen[str]:
    """Start a conversion that pauses in the middle of its temporary file, and wait for the pause."""
    wheel = make_wheel(tmp_path, files={"demo/large": os.urandom(1 << 20)})
    script = (
        "import sys, time\n"
        "from variant_backend._internal.lowlevel import ranges\n"
        "from variant_backend._internal.cli.make_variant import make_variant_command\n"
        "def slow(source, target, offset, length):\n"
        "    ranges._read_and_write(source, target, offset, 1000)\n"
        "    print('half', flush=True)\n"
        "    time.sleep(1)\n"
        "    return 1000\n"
        "ranges._KERNEL_COPIES[:] = [slow]\n"
        "make_variant_command(sys.argv[1:])\n"
    )
    process = start(sys.executable, "-c", script, wheel, "-p", "nvidia::sm_arch::90_real", "-l", "x")
    assert process.stdout and process.stdout.readline() == "half\n"
    assert list(tmp_path.glob(".variant-backend-*/*.whl"))
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals to another process")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 1), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_an_interrupted_run_leaves_no_files(tmp_path: Path, name: str, code: int) -> None:
    process = start_slow_run(tmp_path)
    time.sleep(0.3)
    process.send_signal(getattr(signal, name))
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in stderr
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_the_next_run_removes_the_files_of_a_killed_run(tmp_path: Path) -> None:
    process = start_slow_run(tmp_path)
    process.kill()
    process.communicate()
    assert [path.name for path in tmp_path.glob("*.whl")] == [NAME]
    assert make(tmp_path / NAME)[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([NAME, VARIANT])


def test_index_names_conflicting_wheels_and_writes_nothing(tmp_path: Path) -> None:
    make(make_wheel(tmp_path), "-p", "nvidia::sm_arch::90_real", "-l", "x")
    make(make_wheel(tmp_path, tag="cp311-cp311-any"), "-p", "nvidia::sm_arch::80_real", "-l", "x")
    make(make_wheel(tmp_path, tag="cp312-cp312-any"), "-p", "other::a::2", "-l", "y")
    before = sorted(tmp_path.iterdir())
    result = CliRunner().invoke(main, ["index", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 1
    assert (
        "demo-1.0-cp311-cp311-any-x.whl and demo-1.0-py3-none-any-x.whl: variants.x.nvidia.sm_arch"
        in result.stderr
    )
    assert "default-priorities.namespace" in result.stderr
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "demo-1.0.dist-info/variant.json is missing"),
        (b"{", "variant.json: invalid JSON"),
        (b'{"default-priorities": {"namespace": ["a"]}}', "variant.json: $schema: missing"),
    ],
)
def test_index_requires_a_valid_variant_json_in_every_wheel(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    wheel = make_wheel(tmp_path)
    if content is not None:
        with zipfile.ZipFile(wheel, "a") as archive:
            archive.writestr("demo-1.0.dist-info/variant.json", content)
    wheel.rename(tmp_path / VARIANT)
    result = CliRunner().invoke(main, ["index", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 1
    assert f"error: {VARIANT}: {message}" in result.stderr


def test_index_refuses_a_label_that_differs_from_the_filename(tmp_path: Path) -> None:
    make(make_wheel(tmp_path))
    (tmp_path / VARIANT).rename(tmp_path / "demo-1.0-py3-none-any-y.whl")
    result = CliRunner().invoke(main, ["index", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 1
    assert "label 'x' differs from label 'y' in the filename" in result.stderr


def test_index_refuses_a_missing_folder(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["index", str(tmp_path / "missing")], catch_exceptions=False)
    assert result.exit_code == 1
    assert "missing: folder not found" in result.stderr


def test_index_refuses_a_folder_without_variants(tmp_path: Path) -> None:
    make_wheel(tmp_path)
    result = CliRunner().invoke(main, ["index", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 1
    assert "no variant wheels" in result.stderr


def test_an_unreadable_wheel_does_not_stop_the_others(tmp_path: Path) -> None:
    good = make_wheel(tmp_path, "good")
    assert make(good, "-p", "nvidia::sm_arch::90_real", "-l", "x", "-o", str(tmp_path / "in"))[0] == 0
    inside = tmp_path / "in" / "good-1.0-py3-none-any.whl"
    (tmp_path / "in" / "good-1.0-py3-none-any-x.whl").rename(inside)
    (tmp_path / NAME).write_bytes(b"hello")
    arguments = ["--json", "bad.whl", str(tmp_path / NAME), str(inside)]
    result = CliRunner().invoke(make_variant_command, arguments, catch_exceptions=False)
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert [each["label"] for each in document["wheels"]] == [None, None, "x"]
    assert [error["place"] for error in document["errors"]] == ["bad.whl", NAME]
    assert (tmp_path / "in" / "good-1.0-py3-none-any-x.whl").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows closes no standard stream in this way")
def test_a_closed_or_full_stream_prints_no_traceback(tmp_path: Path) -> None:
    make_variant = (
        f"'{SCRIPTS / 'make-variant'}' '{make_wheel(tmp_path)}' -p nvidia::sm_arch::90_real -l x --force"
    )
    assert subprocess.run(["sh", "-c", f"{make_variant} 2>&-"], capture_output=True).returncode == 0
    walk(tmp_path / VARIANT)
    if Path("/dev/full").exists():  # on Linux
        done = subprocess.run(["sh", "-c", f"{make_variant} >/dev/full"], capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr == "error: stdout: No space left on device\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit for the size of files")
@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("init", "{}: File too large"),
        ("index --simple dist -o out", "out: File too large"),
        ("fetch demo -f dist -o out", "cannot write demo-1.0-py3-none-any.whl: File too large"),
        ("check dist --summary summary.md", "summary.md: File too large; use another file"),
        ("check dist --summary dist", "dist: expected a file, got a folder; use another path"),
    ],
)
def test_a_full_disk_is_reported_with_the_place_that_is_full(
    tmp_path: Path, command: str, message: str
) -> None:
    make_wheel(tmp_path / "dist")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "1.0"\n')
    program = f"ulimit -f 0; exec '{SCRIPTS / 'variant-backend'}' {command}"
    done = subprocess.run(["sh", "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"error: {message.format(tmp_path)}")
    assert not [*tmp_path.rglob(".variant-backend-*")]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only some users make links")
def test_two_paths_of_the_same_folder_do_not_lose_a_wheel(tmp_path: Path) -> None:
    make_wheel(tmp_path / "a")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    arguments = [str(tmp_path / folder / NAME) for folder in "ab"]
    result = CliRunner().invoke(make_variant_command, [*arguments, "--null", "--force"])
    assert result.exit_code == 1
    assert "would both become" in result.stderr
