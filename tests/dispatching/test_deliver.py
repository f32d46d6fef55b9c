"""The backend of dispatching sdists: the right wheel is there under a plain name, or nothing is."""

from __future__ import annotations

import copy
import io
import json
import os
import re
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

import pytest
from helpers.behaviors import Behavior, answer, endless
from helpers.made_sdists import metadata_of, write_sdist
from helpers.programs import run
from helpers.range_server import Handler, Server
from helpers.sample_release import DOCUMENT, only, patched, write_release, write_wheel
from helpers.servers import answering
from helpers.strict_reader import walk
from hypothesis import given
from hypothesis import strategies as st
from pyproject_hooks import BuildBackendHookCaller

from variant_backend import dispatch
from variant_backend.dispatching import deliver
from variant_backend.errors import VariantError
from variant_backend.formats import dispatching_sdist
from variant_backend.formats.simple_api import JSON_TYPE
from variant_backend.selection import download
from variant_backend.wheels.inspection import Inspection, inspect_installed_variants

FAST = "demo-1.0-py3-none-any-fast.whl"
SAFE = "demo-1.0-py3-none-any-safe.whl"
# Nobody but the user can say what is supported of it.
UNKNOWN = patched(
    DOCUMENT,
    {
        "providers": {"speed": {"static-properties": None, "requires": ["no-such-plugin"]}},
        "variants": {"null": None},
    },
)
SETTINGS = (deliver.LABEL, deliver.HARDWARE, deliver.INDEX_URL)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let nobody's settings count."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Server]:
    """Another server, on another port, which counts as another host."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with Server(folder) as result, answering(result):
        yield result


@pytest.fixture
def sdist(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return what publishes a release, and unpacks its dispatching sdist where the hooks are then called."""

    def make(document: Any = DOCUMENT, **options: Any) -> Path:
        if not list(server.folder.glob("*.whl")):
            write_release(server.folder, document, labels=document["variants"])
        root = write_sdist(tmp_path / "sdist", server.folder, document, server.url, **options)
        monkeypatch.chdir(root)
        return root

    return make


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def build(out: Path, settings: Any = None, prepared: Path | None = None) -> Path:
    name: str = dispatch.build_wheel(str(out), settings, str(prepared) if prepared else None)
    return out / name


def prepare(out: Path, settings: Any = None) -> Path:
    name: str = dispatch.prepare_metadata_for_build_wheel(str(out), settings)
    return out / name


HOOKS = pytest.mark.parametrize("hook", [build, prepare])


def fails(
    hook: Callable[..., Path], out: Path, capsys: pytest.CaptureFixture[str], settings: Any = None
) -> str:
    """Return what is told, without our name in front; nothing may be left behind."""
    with pytest.raises(SystemExit) as caught:
        hook(out, settings)
    assert caught.value.code == 1
    assert not out.exists() or not list(out.iterdir())
    return re.sub("^variant-backend: ", "", capsys.readouterr().err, flags=re.MULTILINE)


def error(told: str) -> str:
    """Return the only error, behind the line that says what was chosen."""
    (line,) = (each for each in told.splitlines() if each.startswith("error: "))
    return line.removeprefix("error: ")


def test_the_best_wheel_comes_as_it_was_under_a_name_that_says_the_label(
    sdist: Callable[..., Path], server: Server, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sdist()
    wheel = build(out)
    assert [path.name for path in out.iterdir()] == ["demo-1.0-0_fast-py3-none-any.whl"]
    assert wheel.read_bytes() == (server.folder / FAST).read_bytes()
    assert capsys.readouterr().err == (
        f"variant-backend: demo 1.0: {FAST} is the best of 4 compatible wheels: speed :: mode :: fast;"
        " -Cvariant=LABEL or VARIANT_BACKEND_LABEL chooses otherwise: (plain), fast, null, safe\n"
    )
    assert len(server.requests) == 1


def test_it_is_told_of_what_nothing_is_supported(
    sdist: Callable[..., Path], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sdist(UNKNOWN)
    build(out)
    assert capsys.readouterr().err == (
        "variant-backend: demo 1.0: demo-1.0-py3-none-any.whl is the only compatible wheel;"
        " speed: unknown, as no plugin is run here;"
        " -Cvariant=LABEL or VARIANT_BACKEND_LABEL chooses otherwise: (plain), fast, safe\n"
    )


def test_what_is_brought_is_known_as_a_variant_when_it_is_installed(
    sdist: Callable[..., Path], out: Path, tmp_path: Path
) -> None:
    sdist()
    with ZipFile(build(out)) as archive:
        archive.extractall(tmp_path / "site")
    ((_, found),) = inspect_installed_variants([tmp_path / "site"])
    assert isinstance(found, Inspection)
    assert (found.name, found.label, found.problems) == ("demo", "fast", ())


@pytest.mark.parametrize("label", [None, "fast", "safe"])
@pytest.mark.parametrize("has_ranges", [True, False])
def test_the_prepared_metadata_are_those_of_the_wheel(
    sdist: Callable[..., Path], server: Server, out: Path, label: str | None, has_ranges: bool
) -> None:
    requires = "Requires-Dist: a; 'speed :: mode :: fast' in variant_properties\nRequires-Dist: b"
    for name in ("fast", "safe", None):
        path = server.folder / f"demo-1.0-py3-none-any{f'-{name}' if name else ''}.whl"
        write_wheel(path, only(DOCUMENT, name) if name else None, requires)
    sdist()

    def without_ranges(handler: Handler, _: bytes | None) -> bool:
        del handler.headers["Range"]
        return False

    if not has_ranges:
        server.misbehave = without_ranges
    settings = {"variant": label or "(plain)"}
    prepared = prepare(out / "prepared", settings)
    assert [bool(wanted) for _, _, wanted, _ in server.requests] == ([True] if has_ranges else [False, False])
    wheel = build(out, settings, prepared)
    members = {name.rpartition("/")[2]: content for name, content in walk(wheel).items() if ".dist" in name}
    assert {path.name: path.read_bytes() for path in prepared.iterdir()} == {
        name: members[name] for name in ("METADATA", "WHEEL", *(["variant.json"] if label else []))
    }
    assert (b"Requires-Dist: a\n" in members["METADATA"]) == (label == "fast")
    assert b"variant_properties" not in members["METADATA"]


def test_metadata_that_are_not_pinned_come_out_of_a_wheel_that_is(
    sdist: Callable[..., Path], server: Server, out: Path
) -> None:
    sdist(change=lambda package: package.pop("tool"))
    assert (prepare(out) / "METADATA").read_bytes() == metadata_of(server.folder / FAST)
    assert [wanted for _, _, wanted, _ in server.requests] == [""]


@pytest.mark.parametrize(
    ("settings", "variable", "chosen"),
    [
        ({"variant": "safe"}, "", "0_safe-"),
        ({"variant-label": "safe"}, "fast", "0_safe-"),
        ({"variant": ["safe", "safe"], "variant-label": "safe"}, "", "0_safe-"),
        ({"other": "x"}, "null", "0_null-"),
        (None, "safe", "0_safe-"),
        (None, "(plain)", ""),
        (None, "", "0_fast-"),
        (None, "other#none.such, Demo # safe, null", "0_safe-"),
        (None, "other#none.such, null", "0_null-"),
        (None, "other#none.such", "0_fast-"),
        (None, "demo#(plain)", ""),
    ],
)
def test_the_user_decides(
    sdist: Callable[..., Path],
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    variable: str,
    chosen: str,
) -> None:
    sdist()
    monkeypatch.setenv(deliver.LABEL, variable)
    assert build(out, settings).name == f"demo-1.0-{chosen}py3-none-any.whl"


def test_of_a_label_that_the_user_wants_nobody_is_asked_whether_it_is_supported(
    sdist: Callable[..., Path], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sdist(UNKNOWN)
    assert build(out, {"variant": "safe"}).name == "demo-1.0-0_safe-py3-none-any.whl"
    assert capsys.readouterr().err == (
        f"variant-backend: demo 1.0: {SAFE} is the only compatible wheel with the pinned label;"
        " support was not checked; config setting 'variant' asks for it, and without that this"
        " machine decides\n"
    )


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (
            {"variant": "sage"},
            "config setting 'variant': demo 1.0 has no wheel with label 'sage' (did you mean 'safe'?);"
            " there are (plain), fast, null, safe",
        ),
        (
            {"variant": "\x1b[2J"},
            "config setting 'variant': demo 1.0 has no wheel with label '\\x1b[2J'",
        ),
        ({"variant": ["fast", "safe"]}, "config settings ask for 2 labels: fast, safe; ask for one"),
        ({"variant": True}, "config setting 'variant' is True; write variant=VALUE, or leave it out"),
        ({"variant": ""}, "config setting 'variant' is ''; write variant=VALUE, or leave it out"),
        ({"variant-label": None}, "config setting 'variant-label' is None; write variant-label=VALUE, or"),
    ],
)
@HOOKS
def test_what_cannot_be_decided_is_told(
    sdist: Callable[..., Path],
    out: Path,
    capsys: pytest.CaptureFixture[str],
    hook: Callable[..., Path],
    settings: Any,
    fault: str,
) -> None:
    sdist()
    assert error(fails(hook, out, capsys, settings)).startswith(fault)


@pytest.mark.parametrize(
    ("variable", "fault"),
    [
        (
            "fats",
            "demo 1.0 has no wheel with label 'fats' (did you mean 'fast'?); there are (plain), fast, null,",
        ),
        (
            "demo#fast,demo#safe",
            "'demo#safe' is not the only label that is asked for; write NAME#LABEL for each",
        ),
        ("fast, safe", "'safe' is not the only label that is asked for; write NAME#LABEL for each project"),
        ("#fast", "project name '' is not one; use letters"),
        ("\x1b[2J#fast", "project name '\\x1b[2J' is not one; use letters"),
    ],
)
def test_what_the_variable_does_not_decide_is_told(
    sdist: Callable[..., Path],
    out: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    fault: str,
) -> None:
    sdist()
    monkeypatch.setenv(deliver.LABEL, variable)
    told = error(fails(build, out, capsys))
    assert told.startswith(f"{deliver.LABEL}: {fault}")


def test_a_build_number_stays_in_front_of_the_label(
    sdist: Callable[..., Path], server: Server, out: Path
) -> None:
    write_wheel(server.folder / "demo-1.0-2b-py3-none-any-fast.whl", only(DOCUMENT, "fast"))
    sdist()
    assert build(out).name == "demo-1.0-2b_fast-py3-none-any.whl"
    assert walk(build(out))


def test_a_hardware_file_counts_instead_of_this_machine(
    sdist: Callable[..., Path],
    out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sdist(UNKNOWN)
    hardware = tmp_path / "machine.toml"
    hardware.write_text('[speed.features]\nmode = ["safe"]\n')
    monkeypatch.setenv(deliver.HARDWARE, str(hardware))
    assert build(out).name == "demo-1.0-0_safe-py3-none-any.whl"
    assert "; VARIANT_BACKEND_HARDWARE says what is supported; " in capsys.readouterr().err
    (out / "demo-1.0-0_safe-py3-none-any.whl").unlink()
    monkeypatch.setenv(deliver.HARDWARE, "machine.toml")
    assert error(fails(build, out, capsys)) == (
        "VARIANT_BACKEND_HARDWARE: machine.toml is not absolute; builds run in a folder of their own"
    )
    monkeypatch.setenv(deliver.HARDWARE, f"{hardware}x")
    assert error(fails(build, out, capsys)) == (
        f"VARIANT_BACKEND_HARDWARE: {hardware}x: No such file or directory"
    )


@HOOKS
def test_where_no_wheel_fits_the_reasons_and_the_way_out_are_told(
    sdist: Callable[..., Path],
    server: Server,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    hook: Callable[..., Path],
) -> None:
    write_release(server.folder, UNKNOWN, labels=UNKNOWN["variants"], plain=False)
    write_wheel(server.folder / "demo-1.0-cp39-cp39-win32-fast.whl", only(UNKNOWN, "fast"))
    sdist(UNKNOWN)
    assert fails(hook, out, capsys).splitlines() == [
        "EXCLUDED",
        "  fast  py3-none-any",
        "    speed :: mode: needs fast; this machine supports none",
        "  safe  py3-none-any",
        "    speed :: mode: needs safe; this machine supports none",
        "  1 wheel for other interpreters or platforms: cp39-cp39-win32",
        "",
        "SUPPORTED",
        "  speed: unknown, as no plugin is run here; VARIANT_BACKEND_HARDWARE=FILE says it",
        "error: no wheel of demo 1.0 fits this machine; -Cvariant=LABEL or VARIANT_BACKEND_LABEL takes one"
        " whatever is supported: fast, safe; VARIANT_BACKEND_HARDWARE=FILE says what is supported",
    ]


@pytest.mark.parametrize("settings", [None, {"variant": "fast"}])
def test_tags_and_requires_python_count_whatever_is_asked_for(
    sdist: Callable[..., Path],
    server: Server,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    settings: dict[str, str] | None,
) -> None:
    write_wheel(server.folder / "demo-1.0-cp39-cp39-win32-fast.whl", only(DOCUMENT, "fast"))
    sdist()
    what = " with label 'fast'" if settings else ""
    place = "config setting 'variant': " if settings else ""
    told = fails(build, out, capsys, settings)
    assert error(told) == f"{place}no wheel of demo 1.0{what} fits this Python and platform"
    assert "1 wheel for other interpreters or platforms: cp39-cp39-win32" in told


def test_requires_python_counts(
    sdist: Callable[..., Path], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sdist(change=lambda package: package.update({"requires-python": "<3.9"}))
    assert "    Requires-Python: <3.9 excludes Python " in fails(build, out, capsys)


def test_no_plugin_is_run_whatever_the_user_trusts_elsewhere(
    sdist: Callable[..., Path],
    out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "variant-backend").mkdir()
    (tmp_path / "variant-backend" / "config.toml").write_text('trust-plugins = ["no-such-plugin"]\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    sdist(UNKNOWN)
    assert build(out).name == "demo-1.0-py3-none-any.whl"
    assert "no-such-plugin" not in capsys.readouterr().err


def truncated(handler: Handler, data: bytes | None) -> bool:
    """Send half of what is asked for, without a way to resume it."""
    if data is None and "Range" in handler.headers:
        return False
    content = data or (handler.server.folder / FAST).read_bytes()
    size = len(content)
    told = {"Content-Range": f"bytes 0-{size - 1}/{size}"} if data else {}
    handler.send(206 if data else 200, content[: size // 2], told, length=size)
    handler.close_connection = True
    return True


def other_size(handler: Handler, data: bytes | None) -> bool:
    """Send a file that is larger by a byte."""
    content = (handler.server.folder / FAST).read_bytes()
    size = len(content)
    if "Range" not in handler.headers:
        return answer(200, content + b"x")(handler, data)
    return answer(206, content, Content_Range=f"bytes 0-{size - 1}/{size + 1}")(handler, data)


def swapped(handler: Handler, data: bytes | None) -> bool:
    """Change a byte of what METADATA says."""
    content = (handler.server.folder / FAST).read_bytes().replace(b"Summary: a", b"Summary: b")
    size = len(content)
    if "Range" not in handler.headers:
        return answer(200, content)(handler, data)
    return answer(206, content, Content_Range=f"bytes 0-{size - 1}/{size}")(handler, data)


# What a server does, and what is told by both hooks, or by the one and the other.
MISBEHAVIOR: dict[str, tuple[Behavior, str | tuple[str, str]]] = {
    "missing": (answer(404), "not found"),
    "down": (answer(500), "the server answers 500 Internal Server Error"),
    "denied": (answer(403), "access denied: 403 Forbidden; credentials are taken from the URL or from"),
    "truncated": (
        truncated,
        (r"truncated answer: \d+ of \d+ bytes came; given", r"truncated answer: \d+ of"),
    ),
    "larger": (other_size, r"(expected \d+ bytes, got \d+|it has \d+ bytes, and \d+ were announced)"),
    "endless": (endless, r"too large: more than \d+ bytes"),
    "changed": (
        swapped,
        (
            "expected sha256 [0-9a-f]{64}, got",
            "(the sha256 of its METADATA is [0-9a-f]{64}, and|.*crc|.*CRC)",
        ),
    ),
    "elsewhere": (
        answer(302, Location="http://localhost:1/x"),
        r"redirected from 127.0.0.1:\d+ to localhost:1, another host; allowed are 127.0.0.1:\d+",
    ),
    "unencrypted": (
        answer(302, Location="http://example.org/x"),
        "redirected from this machine to http://example.org/x, which is not encrypted",
    ),
    "local": (answer(302, Location="file:///x"), "redirected to file:///x, which is not HTTP"),
}


@pytest.mark.parametrize("name", MISBEHAVIOR)
@HOOKS
def test_a_server_that_misbehaves_is_told_of_and_leaves_nothing(
    sdist: Callable[..., Path],
    server: Server,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    hook: Callable[..., Path],
) -> None:
    sdist()
    server.misbehave, faults = MISBEHAVIOR[name]
    fault = faults if isinstance(faults, str) else faults[hook is prepare]
    assert re.match(f"{re.escape(server.url + FAST)}: {fault}", error(fails(hook, out, capsys)))


@HOOKS
def test_a_server_that_is_not_there_is_told_of(
    sdist: Callable[..., Path], out: Path, capsys: pytest.CaptureFixture[str], hook: Callable[..., Path]
) -> None:
    def moved(package: dict[str, Any]) -> None:
        for wheel in package["wheels"]:
            wheel["url"] = "http://127.0.0.1:9/x.whl"

    sdist(change=moved)
    fault = error(fails(hook, out, capsys))
    assert fault.startswith("http://127.0.0.1:9/x.whl: the server cannot be reached: ")


def test_a_transfer_that_breaks_is_resumed(sdist: Callable[..., Path], server: Server, out: Path) -> None:
    sdist()
    content = (server.folder / FAST).read_bytes()

    def breaking(handler: Handler, data: bytes | None) -> bool:
        if data is not None or server.requests:
            return False
        return answer(200, content[:500], length=len(content), ETag='"1"')(handler, data)

    server.misbehave = breaking
    assert build(out).read_bytes() == content
    assert [(wanted, count) for _, _, wanted, count in server.requests] == [
        ("", 500),
        ("bytes=500-", len(content) - 500),
    ]


@HOOKS
def test_hosts_that_the_lock_file_names_may_send_the_wheel(
    sdist: Callable[..., Path], server: Server, other: Server, out: Path, hook: Callable[..., Path]
) -> None:
    sdist(hosts=[f"127.0.0.1:{other.server_port}"])
    (other.folder / "x").write_bytes((server.folder / FAST).read_bytes())
    server.misbehave = answer(302, Location=f"{other.url}x")
    assert hook(out).exists()


def test_a_full_disk_leaves_nothing_behind(
    sdist: Callable[..., Path],
    out: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sdist()

    def fail(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(download, "write_all", fail)
    assert error(fails(build, out, capsys)).endswith(f"cannot write {FAST}: {os.strerror(28)}")


@HOOKS
def test_a_mirror_sends_what_is_pinned(
    sdist: Callable[..., Path],
    server: Server,
    other: Server,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    hook: Callable[..., Path],
) -> None:
    sdist()
    index = mirror(other, server)
    monkeypatch.setenv(deliver.INDEX_URL, index.replace("://", "://user:secret@"))
    assert hook(out).exists()
    told = capsys.readouterr().err
    assert "; VARIANT_BACKEND_INDEX_URL says where it is; " in told
    assert "secret" not in told
    assert server.requests == []
    assert [path for _, path, _, _ in other.requests] == ["/simple/demo/", f"/files/{FAST}"]


def mirror(other: Server, server: Server, hash_told: str = "0" * 64) -> str:
    """Let another server have the fast wheel behind the page of an index, which lies about its hash."""
    (other.folder / "files").mkdir()
    (other.folder / "files" / FAST).write_bytes((server.folder / FAST).read_bytes())
    entry = {"filename": FAST, "url": f"/files/{FAST}", "hashes": {"sha256": hash_told}, "size": 1}
    page = {"meta": {"api-version": "1.1"}, "name": "demo", "files": [entry]}

    def behave(handler: Handler, data: bytes | None) -> bool:
        if handler.path != "/simple/demo/":
            return False
        return answer(200, json.dumps(page).encode(), Content_Type=JSON_TYPE)(handler, data)

    other.misbehave = behave
    return f"{other.url}simple/"


@HOOKS
def test_a_mirror_without_the_wheel_or_with_another_one_is_told_of(
    sdist: Callable[..., Path],
    server: Server,
    other: Server,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    hook: Callable[..., Path],
) -> None:
    sdist()
    index = mirror(other, server)
    monkeypatch.setenv(deliver.INDEX_URL, index)
    assert error(fails(hook, out, capsys, {"variant": "safe"})) == (
        f"VARIANT_BACKEND_INDEX_URL: {index} has no {SAFE};"
        " add it there, ask for a label that is there, or unset the variable"
    )
    content = (server.folder / FAST).read_bytes()
    (other.folder / "files" / FAST).write_bytes(content[:-1])
    assert error(fails(hook, out, capsys)).startswith(f"{other.url}files/{FAST}: ")
    other.misbehave = answer(404)
    assert error(fails(hook, out, capsys)) == f"VARIANT_BACKEND_INDEX_URL: {index}demo/: not found"
    other.misbehave = answer(302, Location=f"{server.url}simple/demo/")
    assert "another host" in error(fails(hook, out, capsys))
    monkeypatch.setenv(deliver.INDEX_URL, "http://user:secret@example.org/simple/")
    assert error(fails(hook, out, capsys)) == (
        "VARIANT_BACKEND_INDEX_URL: 'http://example.org/simple/' is neither https nor http on this machine"
    )


def renamed(name: str) -> Callable[[dict[str, Any]], object]:
    def change(package: dict[str, Any]) -> None:
        package["wheels"][0]["name"] = name

    return change


def wheel_with(**facts: Any) -> Callable[[dict[str, Any]], object]:
    """Return what changes the first wheel of a lock file; None removes."""

    def change(package: dict[str, Any]) -> None:
        package["wheels"][0] = {
            key: value for key, value in {**package["wheels"][0], **facts}.items() if value is not None
        }

    return change


UNSOUND: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "path": (renamed("demo-1.0-py3-none-../../x-fast.whl"), "Invalid wheel filename"),
    "path of Windows": (renamed("demo-1.0-py3-none-C:\\x-fast.whl"), "no wheel's has"),
    "project": (renamed("other-1.0-py3-none-any-fast.whl"), "'other-1.0-py3-none-any.whl' is not consistent"),
    "version": (renamed("demo-1.1-py3-none-any-fast.whl"), "'demo-1.1-py3-none-any.whl' is not consistent"),
    "package": (
        lambda package: package.update(version="2.0", wheels=[_named(each) for each in package["wheels"]]),
        "it is about demo 2.0, and PKG-INFO about demo 1.0",
    ),
    "label": (renamed("demo-1.0-py3-none-any-new.whl"), "the lock file does not say what its label means"),
    "twice": (renamed("Demo-1.0-py3-none-any-safe.whl"), "'demo-1.0-py3-none-any-safe.whl' is listed twice"),
    "open": (wheel_with(url="http://example.org/x"), "is neither https nor http on this machine"),
    "file": (wheel_with(url="file:///etc/passwd"), "is neither https nor http on this machine"),
    "secret": (wheel_with(url="https://u:p@example.org/x"), "its URL has a user or password in it"),
    "no URL": (wheel_with(url="https://[/"), "is neither https nor http on this machine"),
    "weak": (wheel_with(hashes={"md5": "0"}), "its sha256 is missing, or is none"),
    "no size": (wheel_with(size=None), "its size is missing, or is none"),
    "negative": (wheel_with(size=-1), "its size is missing, or is none"),
    "host": (
        lambda package: package["tool"]["variant-backend"].update(hosts=["a.org:99999"]),
        "no host 'a.org:",
    ),
    "variants": (lambda package: package["variants-json"].pop("variants"), "variants"),
}


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place in a document where a value is: what it is in, and its key."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


VALUES = st.sampled_from(
    [0, -1, True, 1.5, "", "a", "\x00\x1b", "../x", "https://[", "http://a:99999/", "1.0+x", "é", [], {}]
) | st.text(max_size=5)


@given(choice=st.data())
def test_whatever_an_sdist_says_it_is_sound_or_all_that_is_not_is_told(choice: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        wheels = write_release(Path(folder) / "wheels", DOCUMENT)

        def change(package: dict[str, Any]) -> None:
            for _ in range(choice.draw(st.integers(1, 2))):
                inside, key = choice.draw(st.sampled_from([*_places(package)]))
                inside[key] = choice.draw(VALUES)

        root = write_sdist(Path(folder) / "sdist", wheels, copy.deepcopy(DOCUMENT), "https://a.org/", change)
        try:
            locked = dispatching_sdist.load_pinned(root)
        except VariantError as error:
            assert all("pylock.toml" in line for line in error.lines())
        else:
            for wheel in locked.release.candidates:
                assert str(wheel.file.url).startswith(("https://", "http://127.0.0.1"))
                assert re.fullmatch("[0-9a-f]{64}", wheel.file.hashes["sha256"])
                assert "/" not in wheel.file.filename
                assert (wheel.file.size or 0) > 0


def _named(wheel: dict[str, Any]) -> dict[str, Any]:
    return {**wheel, "name": wheel["name"].replace("-1.0-", "-2.0-")}


@pytest.mark.parametrize("name", UNSOUND)
@HOOKS
def test_nothing_is_taken_from_an_sdist_that_is_not_sound(
    sdist: Callable[..., Path],
    server: Server,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    hook: Callable[..., Path],
) -> None:
    change, fault = UNSOUND[name]
    sdist(copy.deepcopy(DOCUMENT), change=change)
    told = fails(hook, out, capsys)
    assert fault in told
    assert "\x1b" not in told
    assert server.requests == []


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("pylock.toml", None, "pylock.toml: No such file or directory"),
        ("PKG-INFO", None, "PKG-INFO: No such file or directory"),
        ("pylock.toml", "a", "pylock.toml: not TOML in UTF-8: "),
        (
            "pylock.toml",
            'lock-version = "1.0"\ncreated-by = ""\npackages = []',
            "pylock.toml: it has 0 packages",
        ),
        ("PKG-INFO", "Metadata-Version: 2.2\nName: demo\nVersion: x\n", "PKG-INFO: Invalid version: 'x'"),
        ("PKG-INFO", "Metadata-Version: 2.2\nName: demo\n", "PKG-INFO: field Version is missing"),
    ],
)
def test_an_sdist_that_is_broken_is_told_of(
    sdist: Callable[..., Path],
    out: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: str | None,
    fault: str,
) -> None:
    path = sdist() / name
    path.unlink()
    if content is not None:
        path.write_text(content)
    assert error(fails(build, out, capsys)).startswith(fault)


@HOOKS
def test_a_wheel_that_is_another_variant_than_is_pinned_is_refused(
    sdist: Callable[..., Path],
    server: Server,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    hook: Callable[..., Path],
) -> None:
    write_release(server.folder, DOCUMENT)
    lying = patched(only(DOCUMENT, "fast"), {"variants": {"fast": {"speed": {"mode": ["safe"]}}}})
    write_wheel(server.folder / FAST, lying)
    sdist()
    assert "its variant.json differ from those in the index file" in error(fails(hook, out, capsys))


@HOOKS
def test_a_wheel_inside_which_another_project_is_is_refused(
    sdist: Callable[..., Path],
    server: Server,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    hook: Callable[..., Path],
) -> None:
    write_release(server.folder, DOCUMENT)
    write_wheel(server.folder / "other-1.0-py3-none-any-fast.whl", only(DOCUMENT, "fast"))
    (server.folder / "other-1.0-py3-none-any-fast.whl").replace(server.folder / FAST)
    sdist()
    fault = error(fails(hook, out, capsys))
    assert "directory other-1.0.dist-info does not go with the filename, which says demo-1.0" in fault


@HOOKS
def test_progress_is_shown_on_a_terminal_and_ends_before_faults(
    sdist: Callable[..., Path],
    server: Server,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    hook: Callable[..., Path],
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    write_wheel(
        server.folder / FAST,
        only(DOCUMENT, "fast"),
        members=lambda contents: contents.update({"demo/data": b"x" * 3_000_000}),
    )
    sdist(change=lambda package: package.pop("tool"))  # so that the whole wheel comes for METADATA, too
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    hook(out)
    shown = terminal.getvalue().split("\n")
    assert shown[1] == "".join(f"\r{f'variant-backend: {number} of 2 MiB':79}\r" for number in (0, 1, 2))
    assert shown[2:] == [""]
    server.misbehave = truncated
    with pytest.raises(SystemExit):
        hook(out)
    assert re.search(r"MiB *\r\nvariant-backend: error: ", terminal.getvalue())


def test_a_wheel_that_is_not_what_was_prepared_is_refused(
    sdist: Callable[..., Path], out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sdist()
    prepared = prepare(tmp_path / "prepared")
    (prepared / "METADATA").write_text("Name: demo")

    def again(out: Path, settings: Any) -> Path:
        return build(out, settings, prepared)

    expected = "demo-1.0-0_fast-py3-none-any.whl: its METADATA are not those that were prepared before; "
    assert error(fails(again, out, capsys)).startswith(expected)
    (out / expected.partition(":")[0]).write_text("from before")
    with pytest.raises(SystemExit):
        again(out, None)
    assert [path.read_text() for path in out.iterdir()] == ["from before"]


def test_the_same_sdist_is_written_again(
    sdist: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    root = sdist()
    (root / "README.md").write_text("text")
    (root / "build.log").write_text("text")
    assert dispatch.build_sdist(str(tmp_path / "one")) == "demo-1.0.tar.gz"
    one = tmp_path / "one" / "demo-1.0.tar.gz"
    with tarfile.open(one) as archive:
        assert archive.getnames() == [
            f"demo-1.0/{name}" for name in ("PKG-INFO", "README.md", "pylock.toml", "pyproject.toml")
        ]
        if sys.version_info >= (3, 12):
            archive.extractall(tmp_path, filter="data")
        else:
            archive.extractall(tmp_path)
    monkeypatch.chdir(tmp_path / "demo-1.0")
    dispatch.build_sdist(str(tmp_path / "two"))
    assert one.read_bytes() == (tmp_path / "two" / "demo-1.0.tar.gz").read_bytes()


def test_an_editable_build_is_refused(
    sdist: Callable[..., Path], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sdist()
    assert error(fails(lambda out, _: Path(dispatch.build_editable(str(out))), out, capsys)).startswith(
        "this sdist holds no source, only where its wheels are, so nothing in it can be edited; "
    )


def test_frontends_find_the_hooks_and_nothing_has_to_be_installed_for_them(
    sdist: Callable[..., Path], out: Path
) -> None:
    caller = BuildBackendHookCaller(str(sdist()), "variant_backend.dispatch", runner=_quiet)
    assert caller.get_requires_for_build_wheel() == []
    assert caller.get_requires_for_build_sdist() == []
    assert caller.get_requires_for_build_editable() == []
    out.mkdir()
    name = caller.prepare_metadata_for_build_wheel(str(out), {"variant": "safe"})
    assert caller.build_wheel(str(out), {"variant": "safe"}, str(out / name)) == (
        "demo-1.0-0_safe-py3-none-any.whl"
    )


def _quiet(
    cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
) -> None:
    environment: dict[str, Any] = {**(extra_environ or {})}
    run(*cmd, cwd=Path(cwd) if cwd else None, **environment)


def test_a_dispatch_imports_nothing_of_the_command_line_and_no_builder(
    sdist: Callable[..., Path], out: Path
) -> None:
    root = sdist()
    script = (
        "import sys; from variant_backend import dispatch; dispatch.build_wheel(sys.argv[1]);"
        "print(*sorted({each.partition('.')[0] for each in sys.modules}))"
    )
    loaded = run(sys.executable, "-c", script, out, cwd=root).stdout.split()
    assert "variant_backend" in loaded
    assert not {"click", "build", "tomlkit", "platformdirs", "fsspec", "asyncio"} & {*loaded}
