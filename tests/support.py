"""What several tests need: wheels made on the spot, a strict reader of zip files, and real programs."""

from __future__ import annotations

import atexit
import base64
import csv
import functools
import hashlib
import http.server
import io
import os
import shutil
import signal
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

SCRIPTS = Path(sys.executable).parent

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: a test\n\nThe text.\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def run(
    *command: object, cwd: Path | None = None, ok: bool = True, **env: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program of the test environment; with *ok* a failure fails the test, and shows what was said."""
    program, *arguments = map(str, command)
    path = SCRIPTS / program
    executable = str(path) if path.exists() or path.with_suffix(".exe").exists() else program
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", **env}
    environment["PATH"] = os.pathsep.join([str(SCRIPTS), environment.get("PATH", "")])
    for inherited in ("VIRTUAL_ENV", "SOURCE_DATE_EPOCH"):
        if inherited not in env:
            environment.pop(inherited, None)
    result = subprocess.run(
        [executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert not ok or result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result


def run_here(command: click.Command, *arguments: object, cwd: Path | None = None) -> Result:
    """Run a command of this project in this process, which is faster; a failure fails the test."""
    with pytest.MonkeyPatch.context() as patch:
        if cwd is not None:
            patch.chdir(cwd)
        result = CliRunner().invoke(command, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, f"{arguments}\n{result.stdout}\n{result.stderr}"
    return result


def empty_cache() -> tuple[str, str]:
    """Return the options that give uv a new, empty cache, in which only this interpreter is known.

    With --no-cache, uv starts the interpreter each time to ask what it is, which takes longer than the rest.
    """
    folder = tempfile.mkdtemp(dir=_cache_with_this_interpreter().parent)
    shutil.copytree(_cache_with_this_interpreter(), folder, dirs_exist_ok=True)
    return "--cache-dir", folder


@functools.cache
def _cache_with_this_interpreter() -> Path:
    """Return a cache of uv that knows this interpreter; it is removed when the tests end."""
    folder = Path(tempfile.mkdtemp(prefix="uv-caches-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run("uv", "python", "find", "--cache-dir", folder / "template", sys.executable)
    return folder / "template"


def start(*command: object, cwd: Path | None = None, **env: str) -> subprocess.Popen[str]:
    """Start a program that can be interrupted: a shell may have started this one in the background."""
    reset = None if sys.platform == "win32" else lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(
        [*map(str, command)],
        cwd=cwd,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=reset,
        text=True,
    )


def read_terminal(terminal: int) -> bytes:
    """Return what was shown on a terminal, and close it."""
    shown = b""
    while True:
        try:
            data = os.read(terminal, 10_000)
        except OSError:  # what Linux gives at the end
            break
        if not data:
            break
        shown += data
    os.close(terminal)
    return shown


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder over HTTP on this machine; give its URL."""
    handler = functools.partial(_QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, answering(server):
        yield f"http://127.0.0.1:{server.server_port}/"


@contextmanager
def answering(server: socketserver.BaseServer) -> Iterator[None]:
    """Have a server answer in the background; it is asked often whether it ends, as that is waited for."""
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def publish(files: Iterable[Path], project: Path) -> None:
    """Copy files into a project's folder of a package index, and write the page that lists them."""
    project.mkdir(parents=True)
    links = []
    for path in sorted(files):
        shutil.copy(path, project)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        links.append(f'<a href="{path.name}#sha256={digest}">{path.name}</a>')
    page = f"<!DOCTYPE html><html><body>{'<br>'.join(links)}</body></html>"
    (project / "index.html").write_text(page)


def record_row(path: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow((path, f"sha256={digest}", len(content)))
    return text.getvalue()


def make_wheel(
    folder: Path,
    name: str = "demo",
    version: str = "1.0",
    tag: str = "py3-none-any",
    files: Mapping[str, bytes] | None = None,
    metadata: str = METADATA,
    order: Sequence[str] = (),
    compression: int = zipfile.ZIP_DEFLATED,
) -> Path:
    """Write a plain wheel; *order* names the dist-info files that come first, before all others."""
    dist_info = f"{name}-{version}.dist-info"
    contents = {
        **({f"{name}/__init__.py": b"x = 1\n"} if files is None else files),
        f"{dist_info}/METADATA": metadata.format(name=name, version=version).encode(),
        f"{dist_info}/WHEEL": WHEEL.replace("py3-none-any", tag).encode(),
    }
    rows = "".join(record_row(path, content) for path, content in contents.items())
    contents[f"{dist_info}/RECORD"] = f"{rows}{dist_info}/RECORD,,\n".encode()
    first = [f"{dist_info}/{path}" for path in order]
    path = folder / f"{name}-{version}-{tag}.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member in [*first, *(member for member in contents if member not in first)]:
            info = zipfile.ZipInfo(member, (2024, 5, 6, 7, 8, 10))
            info.external_attr = 0o100644 << 16
            archive.writestr(info, contents[member], compression)
    return path


def walk(path: Path) -> dict[str, bytes]:
    """Read a wheel from byte 0 to its end as the strictest readers do; return its members.

    Every rule that package indexes and installers apply is asserted. Nothing of the project is used.
    """
    data = path.read_bytes()
    position = 0
    members: dict[str, bytes] = {}
    local: dict[bytes, tuple[int, tuple[int, ...]]] = {}
    while data[position : position + 4] == b"PK\x03\x04":
        flags, method, crc, packed, size, name_length, extra_length = struct.unpack_from(
            "<2H4x3L2H", data, position + 6
        )
        start = position + 30 + name_length
        name, extra = data[position + 30 : start], data[start : start + extra_length]
        fields = extra_fields(extra)
        assert len(fields) == len({kind for kind, _ in fields}), f"{name!r}: an extra field is there twice"
        zip64 = dict(fields).get(1)
        if zip64 is not None or packed == size == 0xFFFFFFFF:
            assert zip64 and len(zip64) == 16
            assert (size, packed) in ((0xFFFFFFFF, 0xFFFFFFFF), struct.unpack("<QQ", zip64)), (
                f"{name!r}: ZIP64"
            )
            size, packed = struct.unpack("<QQ", zip64)
        assert not flags & ~0x0806, f"{name!r}: flags {flags:#x}"
        assert method in (0, 8)
        assert flags & 0x0800 or name.isascii()
        text = name.decode()
        assert text not in members, f"{text} is there twice"
        assert (
            not text.startswith("/")
            and ".." not in text.split("/")
            and text.isprintable()
            and "\\" not in text
        )
        start += extra_length
        raw = data[start : start + packed]
        assert len(raw) == packed
        if method == 8:
            inflater = zlib.decompressobj(-15)
            content = inflater.decompress(raw) + inflater.flush()
            assert inflater.eof and not inflater.unused_data
        else:
            content = raw
        assert len(content) == size and zlib.crc32(content) == crc
        members[text] = content
        local[name] = (position, (flags, method, crc, packed, size))
        position = start + packed
    _walk_directory(data, position, local)
    _check_wheel(path.name, members)
    return members


def extra_fields(extra: bytes) -> list[tuple[int, bytes]]:
    fields = []
    while extra:
        kind, length = struct.unpack_from("<HH", extra)
        assert 4 + length <= len(extra)
        fields.append((kind, extra[4 : 4 + length]))
        extra = extra[4 + length :]
    return fields


def _walk_directory(data: bytes, position: int, local: dict[bytes, tuple[int, tuple[int, ...]]]) -> None:
    """Walk the central directory and the end records."""
    directory_offset = position
    seen: set[bytes] = set()
    while data[position : position + 4] == b"PK\x01\x02":
        flags, method, crc, packed, size, names, extras, comments, offset = struct.unpack_from(
            "<2H4x3L3H8xL", data, position + 8
        )
        name = data[position + 46 : position + 46 + names]
        extra = extra_fields(data[position + 46 + names : position + 46 + names + extras])
        assert not comments
        assert name not in seen
        seen.add(name)
        slots = [size, packed, offset]
        wide = slots.count(0xFFFFFFFF)
        zip64 = [field for kind, field in extra if kind == 1]
        assert [len(field) for field in zip64] == ([8 * wide] if wide else []), f"{name!r}: ZIP64 field"
        values = list(struct.unpack(f"<{wide}Q", zip64[0])) if wide else []
        size, packed, offset = (values.pop(0) if slot == 0xFFFFFFFF else slot for slot in slots)
        assert local[name] == (offset, (flags, method, crc, packed, size)), f"{name!r}: headers differ"
        position += 46 + names + extras
    assert seen == set(local)
    directory_size = position - directory_offset
    needs_zip64 = len(seen) >= 0xFFFF or max(directory_offset, directory_size) >= 0xFFFFFFFF
    if data[position : position + 4] == b"PK\x06\x06":
        rest, _, _, _, _, here, total, cd_size, cd_offset = struct.unpack_from("<Q2H2L4Q", data, position + 4)
        assert (rest, here, total, cd_size, cd_offset) == (
            44,
            len(seen),
            len(seen),
            directory_size,
            directory_offset,
        )
        assert struct.unpack_from("<4sLQL", data, position + 56) == (b"PK\x06\x07", 0, position, 1)
        position += 76
    else:
        assert not needs_zip64
    signature, disk, start, here, total, cd_size, cd_offset, comment = struct.unpack_from(
        "<4s4H2LH", data, position
    )
    assert signature == b"PK\x05\x06" and disk == start == 0 and here == total
    assert total in (0xFFFF, len(seen)) and cd_size in (0xFFFFFFFF, directory_size)
    assert cd_offset in (0xFFFFFFFF, directory_offset)
    assert position + 22 + comment == len(data), "bytes follow the end"


def _check_wheel(filename: str, members: dict[str, bytes]) -> None:
    """Check what makes a zip file a wheel: directories, METADATA and RECORD."""
    name, version = filename.split("-")[:2]
    dist_info = f"{name}-{version}.dist-info"
    tops = {member.partition("/")[0] for member in members}
    assert [top for top in tops if top.endswith(".dist-info")] == [dist_info]
    assert not [top for top in tops if top.endswith(".data") and top != f"{name}-{version}.data"]
    rows = list(csv.reader(members[f"{dist_info}/RECORD"].decode().splitlines()))
    assert all(len(row) == 3 for row in rows)
    listed = [row[0] for row in rows]
    files = {member for member in members if not member.endswith("/")}
    assert sorted(listed) == sorted(files), set(listed) ^ files
    for path, digest, size in rows:
        if path == f"{dist_info}/RECORD":
            assert (digest, size) == ("", "")
            continue
        algorithm, _, value = digest.partition("=")
        actual = base64.urlsafe_b64encode(hashlib.new(algorithm, members[path]).digest()).rstrip(b"=")
        assert (value, int(size)) == (actual.decode(), len(members[path])), path
