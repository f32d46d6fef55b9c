"""`fetch` writes all requested wheels under their names, or nothing."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.programs import run
from helpers.range_server import Server
from helpers.sample_release import DOCUMENT, PLAIN, only, patched, write_release, write_wheel
from helpers.strict_reader import walk

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.hardware_file import Hardware
from variant_backend._internal.formats.simple_api import JSON_TYPE

FAST = "demo-1.0-py3-none-any-fast.whl"
SAFE = "demo-1.0-py3-none-any-safe.whl"
NULL = "demo-1.0-py3-none-any-null.whl"
INDEX = "demo-1.0-variants.json"
# A release with a namespace whose support only the user knows.
UNKNOWN = patched(
    DOCUMENT, {"providers": {"speed": {"static-properties": None, "requires": ["no-such-plugin"]}}}
)
MARKED = """\
Requires-Dist: fast; "speed :: mode :: fast" in variant_properties
Requires-Dist: safe; "speed :: mode :: safe" in variant_properties
Requires-Dist: plain; variant_label == "\""""
BOTH = patched(UNKNOWN, {"variants": {"both": {"speed": {"mode": ["fast", "safe"]}}}})
SUPPORTED = ("--supported", "speed :: mode :: fast, safe")


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["fetch", *map(str, arguments)])


def fetched(*arguments: object) -> list[dict[str, Any]]:
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    packages: list[dict[str, Any]] = json.loads(result.stdout)["packages"]
    return packages


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def publish(server: Server, source: Path, name: str = "demo", facts: Mapping[str, Any] = {}) -> str:
    """List the files of a folder on an index; *facts* replace the entries of the wheels on the page."""
    page = server.folder / "simple" / name
    page.mkdir(parents=True)
    files = []
    for path in sorted(source.iterdir()):
        (page / path.name).write_bytes(path.read_bytes())
        entry = {
            "hashes": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
            "size": path.stat().st_size,
            **(facts if path.suffix == ".whl" else {}),
        }
        files.append({"filename": path.name, "url": f"/simple/{name}/{path.name}", **entry})
    content = json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": files}).encode()
    answer = server.misbehave

    def send_page(handler: Any, data: bytes | None) -> bool:
        if handler.path == f"/simple/{name}/":
            handler.send(200, content, {"Content-Type": JSON_TYPE})
            return True
        return answer(handler, data)

    server.misbehave = send_page
    return f"{server.url}simple/"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a release whose best wheel is `fast`."""
    return write_release(tmp_path / "wheels", DOCUMENT)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_the_best_wheel_of_a_folder_is_copied_with_the_reason(folder: Path, out: Path) -> None:
    result = invoke("demo", "--find-links", folder, "-o", out)
    assert (result.exit_code, result.stdout) == (0, f"{out / FAST}\n")
    assert result.stderr == f"demo 1.0: {FAST} is the best of 4 compatible wheels: speed :: mode :: fast\n"
    assert names(out) == [FAST]
    assert (out / FAST).read_bytes() == (folder / FAST).read_bytes()


@pytest.mark.parametrize("pin", ["demo#safe", "demo==1#safe"])
def test_a_pinned_label_is_selected_without_checking_support(pin: str, tmp_path: Path, out: Path) -> None:
    folder = write_release(tmp_path / "wheels", UNKNOWN)
    (package,) = fetched(pin, "--find-links", folder, "-o", out, "--disable", "speed")
    assert package == {
        "name": "demo",
        "version": "1.0",
        "label": "safe",
        "filename": SAFE,
        "path": str(out / SAFE),
        "url": (folder / SAFE).as_uri(),
        "hashes": {},
        "verified": False,
        "properties": {"speed": {"mode": ["safe"]}},
    }


def test_no_detection_or_plugin_runs_for_a_pinned_label(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def detect(*_: object) -> Hardware:
        calls.append("machine")
        return Hardware({})

    def ask(namespace: str, *_: object) -> VariantError:
        calls.append(namespace)
        return VariantError("it fails")

    monkeypatch.setattr("variant_backend._internal.machine.detect.detect", detect)
    monkeypatch.setattr("variant_backend._internal.machine.support.ask_trusted", ask)
    folder = write_release(tmp_path / "wheels", UNKNOWN)
    trusting = ("--find-links", folder, "-o", out, "--trust-plugin", "no-such-plugin", "--allow-root")
    assert invoke("demo#safe", *trusting, "--plain").exit_code == 0
    assert (calls, names(out)) == ([], [PLAIN])
    assert invoke("demo", *trusting).exit_code == 0
    assert calls == ["machine", "speed"]


@pytest.mark.parametrize("index", [None, b"{}"])
def test_a_pinned_label_needs_no_index_file(index: bytes | None, tmp_path: Path, out: Path) -> None:
    folder = write_release(
        tmp_path / "wheels",
        index,
        wheels=lambda label: patched(
            DOCUMENT, {"variants": {other: None for other in ("fast", "null", "safe") if other != label}}
        ),
    )
    (package,) = fetched("demo#safe", "--find-links", folder, "-o", out)
    assert package["properties"] == {"speed": {"mode": ["safe"]}}


def test_the_newest_release_with_the_pinned_label_is_selected(folder: Path, out: Path) -> None:
    write_release(folder, DOCUMENT, labels=["fast"], version="2.0")
    assert [each["version"] for each in fetched("demo#null", "--find-links", folder, "-o", out)] == ["1.0"]
    assert [each["version"] for each in fetched("demo", "--find-links", folder, "-o", out)] == ["2.0"]


def test_hashes_of_an_index_are_verified(folder: Path, out: Path, server: Server) -> None:
    url = publish(server, folder)
    (package,) = fetched("demo", "--index-url", url, "-o", out)
    digest = hashlib.sha256((folder / FAST).read_bytes()).hexdigest()
    assert (package["verified"], package["hashes"]) == (True, {"sha256": digest})
    assert package["url"] == f"{url}demo/{FAST}"
    assert names(out) == [FAST]


def test_fetch_warns_of_a_download_without_a_secure_hash(folder: Path, out: Path, server: Server) -> None:
    url = publish(server, folder, facts={"hashes": {}})
    result = invoke("demo", "--index-url", url, "-o", out)
    assert result.exit_code == 0
    assert result.stderr.splitlines()[1:] == [
        f"warning: {FAST}: not verified: the index has no hash that can be checked"
    ]


def cut(handler: Any, _: bytes | None) -> bool:
    if handler.path.endswith(FAST):
        handler.send(200, b"PK", length=1000)
        handler.close_connection = True
        return True
    return False


def gone(handler: Any, _: bytes | None) -> bool:
    if handler.path.endswith(FAST):
        handler.send(404, b"")
        return True
    return False


def test_the_plain_wheel_is_selected_if_the_index_file_is_missing(
    folder: Path, out: Path, server: Server
) -> None:
    url = publish(server, folder)
    (server.folder / "simple" / "demo" / INDEX).unlink()
    result = invoke("demo", "--index-url", url, "-o", out)
    assert (result.exit_code, names(out)) == (0, [PLAIN])
    assert result.stderr.splitlines() == [
        f"warning: {url}demo/{INDEX}: not found",
        f"demo 1.0: {PLAIN} is the only compatible wheel;"
        " 3 variants are excluded, as their index file is invalid",
    ]
    (pinned,) = fetched("demo#safe", "--index-url", url, "-o", out)
    assert pinned["filename"] == SAFE


@pytest.mark.parametrize(
    ("facts", "misbehave", "message"),
    [
        ({"hashes": {"sha256": "0" * 64}}, None, f"expected sha256 {'0' * 64}, got "),
        ({"size": 1}, None, "expected 1 bytes, got "),
        ({"size": None}, cut, "expected 1000 bytes"),
        ({}, gone, "not found"),
    ],
)
def test_no_file_is_written_if_any_download_fails(
    facts: Mapping[str, Any],
    misbehave: Callable[[Any, bytes | None], bool] | None,
    message: str,
    folder: Path,
    out: Path,
    server: Server,
) -> None:
    other = write_other(folder.parent / "others")
    server.misbehave = misbehave or server.misbehave
    url = publish(server, folder, facts=facts)
    result = invoke("other", "demo", "--find-links", other, "--index-url", url, "-o", out)
    assert (result.exit_code, result.stdout) == (1, "")
    (error,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert error.startswith(f"error: {url}demo/{FAST}: ")
    assert message in error
    assert names(out) == []


def write_other(folder: Path, document: Any = None, labels: Sequence[str] = ()) -> Path:
    """Write a release of another project."""
    folder.mkdir(exist_ok=True)
    for label in labels:
        variants = {"variants": {other: None for other in document["variants"] if other != label}}
        write_wheel(folder / f"other-1.0-py3-none-any-{label}.whl", patched(document, variants))
    if not labels:
        write_wheel(folder / "other-1.0-py3-none-any.whl")
    if document:
        (folder / "other-1.0-variants.json").write_text(json.dumps(document))
    return folder


def test_an_existing_file_stays_if_it_is_the_same(folder: Path, out: Path, server: Server) -> None:
    url = publish(server, folder)
    for source in (("--find-links", folder), ("--index-url", url)):
        invoke("demo", *source, "-o", out)
        moment = (out / FAST).stat().st_mtime_ns
        server.requests.clear()
        result = invoke("demo", *source, "-o", out)
        assert (result.exit_code, result.stdout) == (0, f"{out / FAST}\n")
        assert f"{out / FAST} already exists, with the same content" in result.stderr
        assert (out / FAST).stat().st_mtime_ns == moment
        assert not [path for _, path, *_ in server.requests if path.endswith(".whl")]


def test_a_folder_with_the_name_of_a_wheel_is_an_error(folder: Path, out: Path) -> None:
    (out / FAST).mkdir(parents=True)
    lock = ("--pylock", out / "pylock.toml")
    result = invoke("demo#safe", "demo", "--find-links", folder, "-o", out, "--force", *lock)
    assert (result.exit_code, names(out)) == (1, [FAST])
    assert f"error: {out / FAST}: expected a file, got a folder; move the folder away\n" in result.stderr


@pytest.mark.parametrize("plain", [False, True])
def test_a_different_existing_file_is_replaced_only_with_force(
    plain: bool, folder: Path, out: Path, server: Server
) -> None:
    options = ["--plain"] if plain else []
    target = out / (PLAIN if plain else FAST)
    for source in (("--find-links", folder), ("--index-url", publish(server, folder))):
        out.mkdir(exist_ok=True)
        target.write_bytes(b"mine")
        result = invoke("demo", *source, "-o", out, *options)
        assert result.exit_code == 1
        text = "already exists with different content; use --force to replace it"
        assert f"error: {target}: {text}\n" in result.stderr
        assert (names(out), target.read_bytes()) == ([target.name], b"mine")
        assert invoke("demo", *source, "-o", out, *options, "--force").exit_code == 0
        assert target.read_bytes() == (folder / FAST).read_bytes()


def test_two_labels_of_a_package_cannot_become_one_plain_file(folder: Path, out: Path) -> None:
    sources = ("--find-links", folder, "-o", out)
    refused = invoke("demo#fast", "demo#safe", *sources, "--plain")
    assert refused.exit_code == 1
    assert f"error: {FAST} and {SAFE} would both become {out / PLAIN}; fetch each" in refused.stderr
    assert names(out) == []
    assert invoke("demo#fast", "demo#safe", *sources).exit_code == 0
    assert names(out) == [FAST, SAFE]


def requirements(wheel: Path) -> list[str]:
    lines = walk(wheel)["demo-1.0.dist-info/METADATA"].decode().splitlines()
    return [line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist")]


@pytest.mark.parametrize(
    ("requested", "expected"),
    [
        (["demo", *SUPPORTED], ["fast", "safe"]),
        (["demo", "--supported", "speed :: mode :: safe"], ["safe"]),
        (["demo#both"], ["fast", "safe"]),
        (["demo"], ["plain"]),
    ],
)
def test_plain_evaluates_variant_markers_by_supported_values(
    requested: list[str], expected: list[str], tmp_path: Path, out: Path
) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    only_both = patched(BOTH, {"variants": dict.fromkeys(("fast", "null", "safe"))})
    write_wheel(folder / "demo-1.0-py3-none-any-both.whl", only_both, MARKED)
    write_wheel(folder / PLAIN, metadata=MARKED)
    (folder / INDEX).write_text(json.dumps(only_both))
    result = invoke(*requested, "--find-links", folder, "-o", out, "--plain")
    assert result.exit_code == 0, result.stderr
    assert names(out) == [PLAIN]
    assert requirements(out / PLAIN) == expected


def test_aligned_packages_follow_the_first_one(tmp_path: Path, out: Path) -> None:
    folder = write_release(tmp_path / "wheels", UNKNOWN)
    write_other(folder, UNKNOWN, ["fast", "safe"])
    sources = ("--find-links", folder, "-o", out, *SUPPORTED)
    assert [each["label"] for each in fetched("demo#safe", "other", *sources)] == ["safe", "fast"]
    aligned = fetched("demo#safe", "other", *sources, "--align", "speed", "--path", folder)
    assert [each["label"] for each in aligned] == ["safe", "safe"]


@pytest.mark.parametrize("locked", [False, True])
def test_the_installed_variant_of_a_package_is_ignored_for_itself(
    locked: bool, tmp_path: Path, out: Path
) -> None:
    folder = write_release(tmp_path / "wheels", UNKNOWN)
    write_other(folder, UNKNOWN, ["fast", "safe"])
    site = tmp_path / "site"
    with zipfile.ZipFile(folder / SAFE) as archive:
        archive.extractall(site)
    requested: list[object] = ["demo", "other", "--find-links", folder, "-o", out]
    if locked:
        lock = tmp_path / "pylock.toml"
        assert invoke(*requested, *SUPPORTED, "--pylock", lock).exit_code == 0
        requested = ["--pylock", lock, "-o", out]
    packages = fetched(*requested, *SUPPORTED, "--align", "speed", "--path", site)
    assert [package["label"] for package in packages] == ["fast", "fast"]
    (bound,) = fetched(
        "other", "--find-links", folder, "-o", out, *SUPPORTED, "--align", "speed", "--path", site
    )
    assert bound["label"] == "safe"


@pytest.mark.parametrize("second", ["other", "other#fast"])
def test_a_conflict_names_both_packages(second: str, tmp_path: Path, out: Path) -> None:
    folder = write_release(tmp_path / "wheels", UNKNOWN)
    write_other(folder, UNKNOWN, ["fast"])
    options = ("--find-links", folder, "-o", out, *SUPPORTED, "--align", "speed", "--path", folder)
    result = invoke("demo#safe", second, *options)
    assert result.exit_code == 1
    assert "error: speed :: mode: no value fits all packages" in result.stderr
    assert "demo requires safe" in result.stderr
    assert "other requires fast" in result.stderr
    assert names(out) == []


def test_a_wheel_that_contradicts_its_index_file_is_refused(tmp_path: Path, out: Path) -> None:
    wrong = {"variants": {"fast": {"speed": {"mode": ["safe"]}}, "null": None, "safe": None}}
    folder = write_release(tmp_path / "wheels", DOCUMENT, lambda _: patched(DOCUMENT, wrong), labels=["fast"])
    result = invoke("demo", "--find-links", folder, "-o", out)
    assert result.exit_code == 1
    assert (
        f"error: {FAST}: the properties in its variant.json differ from those in the index file"
        in result.stderr
    )
    assert names(out) == []


@pytest.mark.parametrize(
    ("requested", "message"),
    [
        ("other", "other: no wheels in "),
        ("demo==2", "demo==2: no wheels of this version; existing versions: 1.0"),
        (
            "demo#fast --python 3.8",
            "demo#fast: no wheel of demo 1.0 is compatible: Requires-Python: >=3.9 excludes Python 3.8",
        ),
        (
            "demo --python 3.8",
            "demo: no wheel of demo 1.0 is compatible; run `variant-backend explain demo --python 3.8 ",
        ),
    ],
)
def test_a_request_without_a_compatible_wheel_is_an_error(
    requested: str, message: str, tmp_path: Path, out: Path
) -> None:
    folder = tmp_path / "wheels"
    write_release(folder, DOCUMENT, plain=False)
    for path in folder.glob("*.whl"):
        label = path.stem.rpartition("-")[2]
        others = {"variants": {other: None for other in ("fast", "null", "safe") if other != label}}
        write_wheel(path, patched(DOCUMENT, others), "Requires-Python: >=3.9")
    result = invoke(*requested.split(), "--find-links", folder, "-o", out)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"error: {message}" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "missing REQUIREMENT; name packages, or a file with --requirement FILE or --pylock FILE"),
        (["demo", "-o", "out"], "missing source; add --find-links DIR or --index-url URL"),
        (["demo", "--find-links", "."], "missing folder for the wheels; add --output DIR"),
        (["demo >> 1", "x#", "--find-links", "."], "REQUIREMENT: 'demo >> 1': "),
        (["demo", "--find-links", ".", "--pylock", "lock.toml"], "invalid name of a lock file: 'lock.toml'"),
        (["--pylock", "pylock.toml"], "missing folder for the wheels; add --output DIR"),
        (
            ["--pylock", "pylock.toml", "-o", "out", "--index-url", "x"],
            "a lock file names the locations of its wheels",
        ),
    ],
)
def test_wrong_usage_is_reported_first(arguments: list[str], message: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_a_lock_file_has_the_best_wheel_of_every_machine(folder: Path, out: Path, server: Server) -> None:
    lock = out / "pylock.toml"
    write_release(folder, UNKNOWN)
    url = publish(server, folder)
    result = invoke("demo", "--index-url", url, "--pylock", lock)
    assert (result.exit_code, result.stdout) == (0, f"{lock}\n"), result.stderr
    assert names(out) == ["pylock.toml"]
    server.requests.clear()
    for supported, name in (("safe", SAFE), ("fast", FAST), ("none", NULL)):
        (package,) = fetched("--pylock", lock, "-o", out, "--supported", f"speed :: mode :: {supported}")
        assert (package["filename"], package["verified"]) == (name, True)
    assert {path for _, path, *_ in server.requests} == {
        f"/simple/demo/{name}" for name in (SAFE, FAST, NULL)
    }
    (server.folder / "simple" / "demo" / FAST).write_bytes(b"changed")
    (out / FAST).unlink()
    result = invoke("--pylock", lock, "-o", out, *SUPPORTED)
    assert result.exit_code == 1
    assert re.search(rf"{FAST}: expected \d+ bytes, got 7", result.stderr)
    assert FAST not in names(out)


def test_a_lock_file_has_relative_paths_and_only_the_pinned_label(folder: Path, out: Path) -> None:
    lock = folder.parent / "pylock.dev.toml"
    result = invoke("demo#safe", "--find-links", folder, "--pylock", lock, "-o", out)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{out / SAFE}\n"
    text = lock.read_text(encoding="utf-8")
    assert f'name = "{SAFE}", path = "wheels/{SAFE}", size = ' in text
    assert FAST not in text
    assert 'fast = { speed = { mode = ["fast"] } }' not in text
    folder.parent.joinpath("moved").mkdir()
    moved = lock.rename(folder.parent / "moved" / "pylock.toml")
    folder.rename(moved.parent / "wheels")
    (package,) = fetched("--pylock", moved, "-o", out)
    assert package["filename"] == SAFE


def test_without_an_index_file_a_lock_reads_the_pinned_wheel(folder: Path, out: Path) -> None:
    (folder / INDEX).unlink()
    options = ("demo#safe", "--find-links", folder, "--pylock", out.parent / "pylock.toml")
    refused = invoke(*options)
    assert refused.exit_code == 1
    assert (
        f"error: {SAFE}: a lock file requires the properties of this label, and no index file lists them;"
        in refused.stderr
    )
    assert invoke(*options, "-o", out).exit_code == 0
    (package,) = fetched("--pylock", out.parent / "pylock.toml", "-o", out)
    assert package["properties"] == {"speed": {"mode": ["safe"]}}


def test_an_own_lock_file_is_replaced_without_force(folder: Path, tmp_path: Path) -> None:
    lock = tmp_path / "pylock.toml"
    options = ("--find-links", folder, "--pylock", lock)
    assert invoke("demo#safe", *options).exit_code == 0
    assert invoke("demo", *options).exit_code == 0
    lock.write_text('lock-version = "1.0"')
    refused = invoke("demo", *options, "-o", tmp_path / "out")
    assert (refused.exit_code, refused.stdout, names(tmp_path / "out")) == (1, "", [])
    assert str(lock) in refused.stderr
    assert "; use --force to replace it" in refused.stderr
    assert lock.read_text() == 'lock-version = "1.0"'
    assert invoke("demo", *options, "--force").exit_code == 0
    twice = invoke("demo", "demo#safe", *options)
    assert f"error: {lock}: requested more than once: demo; a lock file has one entry" in twice.stderr


def test_an_excluded_wheel_is_not_locked(folder: Path, tmp_path: Path) -> None:
    (folder / FAST).write_bytes(b"broken")
    lock = tmp_path / "pylock.toml"
    assert invoke("demo", "--find-links", folder, "--pylock", lock).exit_code == 0
    text = lock.read_text(encoding="utf-8")
    assert FAST not in text and SAFE in text


def test_locked_packages_without_variants_are_downloaded(folder: Path, out: Path) -> None:
    other = write_other(folder)
    lock = folder.parent / "pylock.toml"
    assert invoke("demo", "other", "--find-links", other, "--pylock", lock).exit_code == 0
    assert [each["label"] for each in fetched("--pylock", lock, "-o", out)] == ["fast", None]
    lock.write_text(
        lock.read_text().replace('name = "other"', 'name = "other"\nmarker = "os_name == \'x\'"', 1)
    )
    assert [each["name"] for each in fetched("--pylock", lock, "-o", out)] == ["demo"]
    lock.write_text(
        lock.read_text().replace("\n[[packages]]", "\n[[packages]]\nmarker = \"os_name == 'x'\"", 1)
    )
    nothing = invoke("--pylock", lock, "-o", out)
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert nothing.stderr == f"warning: {lock}: no package is for this environment; no file is written\n"


def test_a_lock_without_compatible_wheels_is_an_error_with_reasons(folder: Path, out: Path) -> None:
    lock = folder.parent / "pylock.toml"
    assert invoke("demo#safe", "--find-links", folder, "--pylock", lock).exit_code == 0
    result = invoke("--pylock", lock, "-o", out, "--disable", "speed")
    assert (result.exit_code, names(out)) == (1, [])
    text = "no wheel of demo 1.0 is compatible: speed :: mode: needs safe"
    assert result.stderr.startswith(f"error: {lock}: {text}"), result.stderr


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("sha256", "md5", f"no secure hash for {FAST}; add its sha256 to the lock file"),
        (
            f'name = "{FAST}"',
            'name = "demo-1.0-py3-none-any.linux/../../x-fast.whl"',
            "'demo-1.0-py3-none-any.linux/",
        ),
        (
            f'name = "{FAST}"',
            'name = "demo-1.0-py3-none-any.a:b-fast.whl"',
            "invalid filename 'demo-1.0-py3-none-any.a:b-fast.whl'",
        ),
        (
            'variants-json]\n"$schema"',
            'variants-json]\n"$schem"',
            "variants-json: $schem: unknown key '$schem'",
        ),
    ],
)
def test_an_invalid_or_unsafe_lock_file_is_refused(
    old: str, new: str, message: str, folder: Path, out: Path
) -> None:
    (folder / PLAIN).unlink()
    lock = folder.parent / "pylock.toml"
    assert invoke("demo", "--find-links", folder, "--pylock", lock).exit_code == 0
    text = lock.read_text(encoding="utf-8")
    assert old in text
    lock.write_text(text.replace(old, new), encoding="utf-8")
    result = invoke("--pylock", lock, "-o", out)
    assert (result.exit_code, names(out)) == (1, [])
    assert message in result.stderr


def test_an_index_controls_neither_terminal_nor_other_folders(
    folder: Path, out: Path, server: Server
) -> None:
    (folder / "page").mkdir()
    (folder / "page" / "demo-9.0-py3-none-any.\x1b[1m.whl").write_bytes(b"")
    (folder / "page" / "demo-1.0-py3-none-any-fast.whl").write_bytes((folder / FAST).read_bytes())
    url = publish(server, folder / "page", facts={"yanked": "\x1b[2J", "url": "/\x1bc"})
    result = invoke("demo#fast", "--index-url", url, "-o", out)
    assert "error: demo#fast: no wheel of demo 1.0 is compatible: yanked: \\x1b[2J\n" in result.stderr
    refused = invoke("demo==9", "--index-url", url, "-o", out)
    assert refused.stderr == "error: invalid filename 'demo-9.0-py3-none-any.\\x1b[1m.whl'\n"
    missing = invoke("demo==1#fast", "--index-url", url, "-o", out)
    assert missing.stderr.endswith("/\\x1bc: not found\n")
    assert names(out) == []


def test_fetch_warns_of_servers_without_encryption(out: Path) -> None:
    result = invoke("demo", "--index-url", "http://index.invalid/simple/", "-o", out)
    assert result.exit_code == 1
    assert result.stderr.startswith("warning: index.invalid: http is not encrypted")
    broken = invoke("demo", "--index-url", "http://[", "-o", out)
    assert broken.exit_code == 2
    assert broken.stderr.endswith("error: --index-url: invalid URL: Invalid IPv6 URL\n")


@pytest.mark.slow  # real installers, in an environment of their own
def test_an_unmodified_pip_installs_wheels_from_fetch_plain(tmp_path: Path, out: Path) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    only_both = patched(BOTH, {"variants": dict.fromkeys(("fast", "null", "safe"))})
    write_wheel(folder / "demo-1.0-py3-none-any-both.whl", only_both, MARKED)
    (folder / INDEX).write_text(json.dumps(only_both))
    for name in ("fast", "safe"):
        write_wheel(folder / f"{name}-1.0-py3-none-any.whl")
    supported = ("--supported", "speed :: mode :: fast")
    assert invoke("demo", "fast", "--find-links", folder, "-o", out, "--plain", *supported).exit_code == 0
    environment = tmp_path / "environment"
    run("uv", "venv", "--quiet", environment)
    python = environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    run("pip", "--python", python, "install", "--no-index", "--find-links", out, "demo")
    run(python, "-c", "import demo, fast")
    assert "No broken requirements" in run("pip", "--python", python, "check").stdout
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    shown = CliRunner().invoke(main, ["installed", "--path", site, *SUPPORTED])
    assert shown.stdout.startswith("demo 1.0  both  supported\n")


@pytest.mark.agreement
@pytest.mark.slow  # real installers
def test_uv_takes_the_plain_wheel_of_a_lock_file_and_pip_refuses_labelled_names(
    folder: Path, tmp_path: Path
) -> None:
    lock = tmp_path / "pylock.toml"

    def installed_by(*command: object, ok: bool = True) -> tuple[str, list[str]]:
        site = tmp_path / "site"
        done = run(*command, "-r", lock, "--target", site, ok=ok)
        found = names(site / "demo-1.0.dist-info")
        shutil.rmtree(site, ignore_errors=True)
        return " ".join(done.stderr.split()), found

    uv = ("uv", "pip", "install", "--no-index", "--preview-features", "pylock,wheel-variants")
    pip = ("pip", "install", "--no-index")
    assert invoke("demo", "--find-links", folder, "--pylock", lock).exit_code == 0
    _, found = installed_by(*uv)
    assert "METADATA" in found and "variant.json" not in found
    error, found = installed_by(*pip, ok=False)
    assert f"Invalid wheel filename '{FAST}'" in error and not found
    assert invoke("demo#safe", "--find-links", folder, "--pylock", lock).exit_code == 0
    error, found = installed_by(*uv, ok=False)
    assert "doesn't have a source distribution or wheel for the current platform" in error and not found
    for path in folder.glob("demo-1.0-*-*-*-*"):
        path.unlink()
    assert invoke("demo", "--find-links", folder, "--pylock", lock).exit_code == 0
    assert all("METADATA" in installed_by(*installer)[1] for installer in (uv, pip))


def test_a_label_outside_the_grammar_is_not_suggested(folder: Path, out: Path) -> None:
    (folder / FAST).rename(folder / FAST.replace("-fast", "-Fast!"))
    result = invoke("demo#fasd", "--find-links", folder, "-o", out)
    assert result.exit_code == 2
    assert "Fast!" not in result.stderr


def test_a_missing_index_file_is_a_warning_with_a_working_remedy(tmp_path: Path, out: Path) -> None:
    folder = write_release(tmp_path / "my wheels", None, wheels=lambda label: only(DOCUMENT, label))
    result = invoke("demo", "-f", folder, "-o", out)
    assert (result.exit_code, names(out)) == (0, [PLAIN])
    warning = result.stderr.splitlines()[0]
    assert warning == (
        f"warning: {folder}: the index file {INDEX} is missing, so 3 variants are excluded;"
        f" write it with `variant-backend index '{folder}'`"
    )
    _, *command = shlex.split(warning.split("`")[1])
    assert CliRunner().invoke(main, command).exit_code == 0
    assert names(out) == [PLAIN]
    (package,) = fetched("demo", "-f", folder, "-o", out)
    assert package["label"] == "fast"


def test_the_owner_of_an_index_is_asked_for_a_missing_index_file(
    tmp_path: Path, out: Path, server: Server
) -> None:
    folder = write_release(tmp_path / "wheels", None, wheels=lambda label: only(DOCUMENT, label))
    url = publish(server, folder)
    warning = invoke("demo", "-i", url, "-o", out).stderr.splitlines()[0]
    assert warning == (
        f"warning: {url}demo/: the index file {INDEX} is missing, so 3 variants are excluded;"
        f" ask the owner of the index to serve {INDEX} beside the wheels"
    )


def test_a_missing_index_file_of_an_older_release_is_not_reported(folder: Path, out: Path) -> None:
    write_release(folder, None, wheels=lambda label: only(DOCUMENT, label), version="0.9")
    assert "0.9" not in invoke("demo", "-f", folder, "-o", out).stderr


def test_the_command_that_explains_has_the_options_of_the_request(tmp_path: Path, out: Path) -> None:
    folder, machine = write_release(tmp_path / "my wheels", UNKNOWN, plain=False), tmp_path / "node.json"
    machine.write_bytes(Hardware({}).to_json())
    options = (
        "-f",
        folder,
        "--machine",
        machine,
        "--supported",
        "speed :: mode :: other",
        "--disable",
        "tpu",
    )
    (folder / NULL).unlink()
    result = invoke("demo", *options, "-o", out)
    assert result.exit_code == 1
    _, *command = shlex.split(result.stderr.split("`")[1])
    explained = CliRunner().invoke(main, command)
    assert (explained.exit_code, explained.stdout.splitlines()[0]) == (1, "demo 1.0: no wheel is compatible")
    assert "speed: --supported" in explained.stdout
    assert command[:4] == ["explain", "demo", "--find-links", str(folder)]


def test_a_command_in_a_remedy_shows_no_password(out: Path, folder: Path, server: Server) -> None:
    write_release(folder, UNKNOWN, labels=["fast"], plain=False)
    for path in (folder / PLAIN, folder / SAFE, folder / NULL):
        path.unlink()
    url = publish(server, folder).replace("http://", "http://me:secret@")
    errors = invoke("demo", "-i", url, "-o", out).stderr
    assert "variant-backend explain demo --index-url http://127" in errors
    assert "secret" not in errors


def test_a_label_option_is_unknown_with_a_hint() -> None:
    result = invoke("six", "-l", "fast")
    assert result.exit_code == 2
    assert result.stderr.endswith("error: unknown option '-l'; write PACKAGE#LABEL, such as six#fast\n")


def test_a_folder_that_is_missing_is_the_only_error(tmp_path: Path, out: Path) -> None:
    for command in (["explain", "demo"], ["fetch", "demo", "-o", str(out)]):
        result = CliRunner().invoke(main, [*command, "-f", str(tmp_path / "dits")])
        assert result.exit_code == 1
        assert result.stderr == f"error: {tmp_path / 'dits'}: folder not found\n"


def test_a_faulty_provider_in_the_wheel_and_the_index_does_not_stop_a_fetch(tmp_path: Path) -> None:
    change = {"default-priorities": {"namespace": ["color", "speed"]}, "providers": {"color": {}}}
    folder = write_release(tmp_path / "wheels", patched(DOCUMENT, change))
    result = invoke("demo", "--find-links", folder, "--output", tmp_path / "got")
    assert (result.exit_code, "providers.color: expected exactly one of" in result.stderr) == (0, True)
    assert names(tmp_path / "got") == ["demo-1.0-py3-none-any-fast.whl"]
