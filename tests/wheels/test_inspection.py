"""Inspection of wheels and installed distributions, as text and as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import fsspec
import pytest
from click.testing import CliRunner, Result
from helpers.conversion import convert, metadata, null_metadata
from helpers.made_wheels import METADATA, make_wheel
from helpers.programs import printed, read_terminal, run
from helpers.range_server import Server
from helpers.remote_wheels import NAME as REMOTE_NAME
from helpers.remote_wheels import large_wheel
from helpers.strict_reader import walk

from variant_backend._internal.cli.main import main
from variant_backend._internal.project.recipe import Recipe
from variant_backend._internal.variants.metadata import declared_metadata
from variant_backend._internal.variants.properties import Property
from variant_backend._internal.variants.providers import StaticProvider
from variant_backend._internal.variants.wheel_metadata import select_variant
from variant_backend._internal.wheel_rewrite import Plan
from variant_backend._internal.wheels.inspection import inspect_wheel

PLAIN = "demo-1.0-py3-none-any.whl"
SCHEMA = "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json"
PIP = "it supports plain wheels only, and rejects a name with a label"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["inspect", *map(str, arguments)], catch_exceptions=False)


def inspected(*arguments: object) -> dict[str, Any]:
    result = invoke("--json", *arguments)
    document: dict[str, Any] = json.loads(result.stdout)
    assert (result.exit_code == 1) == bool(document["errors"])
    return document


def target(*arguments: object) -> dict[str, Any]:
    """Return the only entry of the JSON object."""
    (only,) = inspected(*arguments)["targets"]
    assert isinstance(only, dict)
    return only


def messages(document: dict[str, Any]) -> list[str]:
    """Return the errors of a JSON object as they are printed."""
    return printed(document["errors"])


def static_plan(label: str, supported: str) -> Plan:
    """Return a plan with two features; a static provider lists one value of each."""
    properties = [
        Property("mode", "kind", "fast"),
        Property("mode", "kind", "exact"),
        Property("a", "b", "c"),
    ]
    providers = {
        "mode": StaticProvider((("kind", (supported,)),)),
        "a": StaticProvider((("b", ("c", "d")), ("e", ("f",)))),
    }
    release = declared_metadata(properties, providers)
    return Plan(release.only(select_variant(release, label, frozenset(properties))))


def test_a_variant_is_printed_as_a_table() -> None:
    variant = convert(make_wheel(Path("plain")), Path(), static_plan("both", "fast"))
    result = invoke(variant)
    assert (result.exit_code, result.stderr) == (0, "")
    assert (
        result.stdout
        == f"""\
demo-1.0-py3-none-any-both.whl
  name          demo
  version       1.0
  label         both
  format        0.2.0 ({SCHEMA})
  properties    mode :: kind :: exact, fast
                a :: b :: c
  priorities    mode, a
  providers     mode: static: kind = fast
                a: static: b = c, d; e = f
  pip           never installs it: {PIP}
  uv            installs it: with --preview-features wheel-variants, where its properties are supported
"""
    )


def test_json_prints_one_object() -> None:
    variant = convert(make_wheel(Path("plain")), Path())
    assert target(variant) == {
        "target": "demo-1.0-py3-none-any-v3.whl",
        "name": "demo",
        "version": "1.0",
        "label": "v3",
        "format": "0.2.0",
        "schema": SCHEMA,
        "properties": {"x86_64": {"level": ["v3"]}},
        "namespaces": ["x86_64"],
        "providers": {"x86_64": {"requires": ["x86-64-variant-provider>=0.2,<0.3"]}},
        "dependencies": [],
        "added-dependencies": None,
        "removed-dependencies": None,
        "installers": {
            "pip": {"installs": False, "reasons": [PIP]},
            "uv": {
                "installs": True,
                "reasons": ["with --preview-features wheel-variants, where its properties are supported"],
            },
        },
    }


def test_added_dependencies_are_marked_if_the_plain_wheel_exists() -> None:
    text = METADATA.replace("Summary", "Requires-Dist: numpy>=2\nRequires-Dist: old\nSummary")
    recipe = Recipe(dependencies=("nvidia-cublas==12",), remove_dependencies=("old",))
    variant = convert(make_wheel(Path(), metadata=text), Path(), Plan(metadata(), recipe))
    assert "\n".join(invoke(variant).stdout.splitlines()[9:12]) == (
        "  dependencies  numpy>=2\n"
        "                nvidia-cublas==12  (not in the plain wheel)\n"
        "                without old, which the plain wheel has"
    )
    document = target(variant)
    assert document["dependencies"] == ["numpy>=2", "nvidia-cublas==12"]
    assert document["added-dependencies"] == ["nvidia-cublas==12"]
    assert document["removed-dependencies"] == ["old"]
    Path(PLAIN).unlink()
    assert target(variant)["added-dependencies"] is None
    assert "plain wheel)" not in invoke(variant).stdout


@pytest.mark.slow  # it compares large wheels
def test_comparing_requirements_takes_time_in_proportion() -> None:
    lines = "".join(f"Requires-Dist: a-rather-long-name-{number}\n" for number in range(10_000))
    text = METADATA.replace("\n\n", f"\n{lines}\n", 1)
    variant = convert(
        make_wheel(Path(), metadata=text), Path(), Plan(metadata(), Recipe(dependencies=("x",)))
    )
    started = time.process_time()  # others may be busy
    assert target(variant)["added-dependencies"] == ["x"]
    assert time.process_time() - started < 2.5


def test_a_broken_plain_wheel_is_reported_beside_the_variant() -> None:
    variant = convert(make_wheel(Path("plain")), Path())
    Path(PLAIN).write_text("no wheel")
    result = inspected(variant)
    (entry,) = result["targets"]
    assert (entry["label"], entry["added-dependencies"]) == ("v3", None)
    assert messages(result) == [
        f"{variant}: plain wheel: {PLAIN}: expected a zip archive, got text: 'no wheel';"
        " download or build the wheel again"
    ]


def test_a_plain_wheel_is_not_an_error() -> None:
    result = invoke(make_wheel(Path()))
    assert (result.exit_code, result.stderr) == (0, "")
    assert "  variant       no: neither a label nor a variant.json\n" in result.stdout
    assert "  uv            installs it: as a plain wheel\n" in result.stdout


def with_variant_json(variant: Path, change: Any) -> Path:
    """Rewrite a variant with another variant.json."""
    contents = walk(variant)
    with zipfile.ZipFile(variant, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, change(content) if name.endswith("variant.json") else content)
    return variant


def test_readable_parts_of_a_broken_variant_json_are_printed() -> None:
    def change(content: bytes) -> bytes:
        document = json.loads(content)
        document["variants"]["v3"]["x86_64"]["odd feature"] = ["1"]
        document["optional"] = True
        return json.dumps(document).encode()

    variant = with_variant_json(convert(make_wheel(Path("plain")), Path()), change)
    result = invoke(variant)
    assert result.exit_code == 1
    assert "  providers     x86_64: plugin: x86-64-variant-provider>=0.2,<0.3\n" in result.stdout
    assert (
        "  uv            never installs it: it ignores a release with problems in its metadata\n"
        in result.stdout
    )
    first, second = result.stderr.splitlines()
    assert first.startswith(f"error: {variant}: variant.json: optional: unknown key 'optional'")
    assert second.startswith(f"error: {variant}: variant.json: variants.v3.x86_64.odd feature: feature")
    assert [f"error: {error}" for error in messages(inspected(variant))] == [first, second]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "variant.json: invalid JSON"),
        (b"[]", "variant.json: expected a table"),
        (b"\xff", "variant.json: invalid JSON"),
        (
            null_metadata().to_json(),
            "variant.json: variants: label 'null' differs from label 'v3' in the filename",
        ),
        (
            null_metadata()
            .to_json()
            .replace(b'"variants": {', b'"variants": {"v3": {"x86_64": {"a": ["b"]}},'),
            "variant.json: variants: expected exactly one label, got 2",
        ),
    ],
)
def test_an_invalid_variant_json_is_an_error(content: bytes, message: str) -> None:
    variant = with_variant_json(convert(make_wheel(Path("plain")), Path()), lambda _: content)
    result = invoke(variant)
    assert result.exit_code == 1
    assert "  label         v3\n" in result.stdout
    assert result.stderr.startswith(f"error: {variant}: {message}"), result.stderr


def test_a_label_without_variant_json_is_an_error() -> None:
    odd = make_wheel(Path()).rename("demo-1.0-py3-none-any-odd.whl")
    result = invoke(odd)
    assert result.exit_code == 1
    assert "  label         odd\n" in result.stdout
    assert result.stderr == f"error: {odd}: the name has a label, but the wheel has no variant.json\n"


def test_missing_targets_are_reported_and_the_others_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    result = invoke("demo-2.0-py3-none-any.whl", "no-such-project", make_wheel(Path()))
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{PLAIN}\n")
    assert result.stderr.splitlines() == [
        "error: demo-2.0-py3-none-any.whl: file not found (did you mean 'demo-1.0-py3-none-any.whl'?)",
        f"looking into {sys.prefix} (VIRTUAL_ENV)",
        f"error: no-such-project: not installed in {sys.prefix} (VIRTUAL_ENV);"
        " use --interpreter or --path to look elsewhere; for a wheel, write a path that ends in .whl",
    ]
    missing = inspected("no-such-project", "--path", ".")
    assert (missing["targets"], missing["errors"][0]["place"]) == ([], "no-such-project")
    assert invoke("no-such-project", "--path", "here").stderr == "error: here: folder not found\n"


def test_installed_distributions_are_read_from_their_dist_info(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    variant = convert(make_wheel(Path("plain")), Path())
    flags = ("--quiet", "--no-index", "--preview-features", "wheel-variants", "--find-links", "found")
    assert invoke("PyTest").stdout.splitlines()[0] == "PyTest"
    assert "  variant       no: " in invoke("pytest").stdout
    for folder in ("empty", "found"):
        Path(folder).mkdir()
    installed = Path("installed")
    run(
        "uv",
        "pip",
        "install",
        *flags,
        "--target",
        installed,
        convert(variant, Path("found"), Plan(null_metadata())),
    )
    document = target("Demo", "--path", "empty", "--path", installed)
    assert (document["name"], document["version"], document["label"]) == ("demo", "1.0", "null")
    assert document["namespaces"] == ["x86_64"]
    assert document["installers"] == {}
    (installed / "demo-1.0.dist-info" / "variant.json").write_bytes(b"\xff")
    assert messages(inspected("demo", "--path", installed))[0].startswith(
        "demo: a file in dist-info is not UTF-8"
    )
    (installed / "demo-1.0.dist-info" / "METADATA").unlink()
    assert messages(inspected("demo", "--path", installed)) == ["demo: field Name is missing"]


# Problems of a variant.json: uv accepts the first one only.
FAULTS = {
    "other schema": (SCHEMA.encode(), b"https://example.org/v9.json"),
    "unknown key": (b'"default-priorities"', b'"x": {}, "default-priorities"'),
    "other label": (b'"x"', b'"y"'),
    "not JSON": (b"{", b"{!"),
}


def _changed(content: bytes, old: bytes, new: bytes) -> bytes:
    assert old in content
    return content.replace(old, new)


KINDS = ["plain", "null", "supported", "unsupported", "plain name", *FAULTS]


def wheel_of(kind: str) -> Path:
    plain = make_wheel(Path("plain"))
    if kind == "plain":
        wheel = plain
    elif kind == "null":
        wheel = convert(plain, Path(), Plan(null_metadata()))
    else:
        supported = "other" if kind in ("unsupported", "plain name") else "fast"
        wheel = convert(plain, Path(), static_plan("x", supported))
    if kind == "plain name":
        wheel = wheel.rename(PLAIN)
    if kind in FAULTS:
        wheel = with_variant_json(wheel, lambda content: _changed(content, *FAULTS[kind]))
    return wheel


@pytest.mark.parametrize("kind", KINDS)
def test_reasons_of_uv_to_reject_a_variant_are_printed(kind: str) -> None:
    inspected = inspect_wheel(wheel_of(kind))
    assert bool(inspected.problems) == (kind in FAULTS)
    assert inspected.verdicts["uv"].installs == (kind not in ("unsupported", *[*FAULTS][1:]))


@pytest.mark.slow  # pip and uv for each
@pytest.mark.parametrize("kind", KINDS)
def test_verdicts_match_pip_and_uv(kind: str) -> None:
    wheel = wheel_of(kind)
    verdicts = inspect_wheel(wheel).verdicts
    preview = ("--preview-features", "wheel-variants")
    for name, command in (("pip", ["pip"]), ("uv", ["uv", "pip"])):
        options = ["--quiet", "--no-index", "--target", name, *(preview if name == "uv" else ())]
        done = run(*command, "install", *options, wheel.absolute(), ok=False)
        assert (done.returncode == 0) == verdicts[name].installs, (done.stderr, verdicts[name])


def test_inspecting_a_url_transfers_kilobytes(server: Server) -> None:
    large_wheel(server.folder, 1 << 30)
    url = f"{server.url}{REMOTE_NAME}"
    document = target(f"{url.replace('http://', 'http://user:s3cret@')}?token=s3cret")
    assert (document["target"], document["label"]) == (url, "v3")
    assert document["added-dependencies"] is None
    assert server.sent < 200_000 and len(server.requests) == 4
    gone = inspected(server.url.replace("http://", "http://user:s3cret@") + "gone.whl?token=s3cret")
    assert gone["targets"] == [] and gone["errors"][0]["place"].startswith(f"{server.url}gone.whl")
    assert "s3cret" not in json.dumps(gone)


def test_the_url_of_a_folder_inspects_all_its_wheels() -> None:
    memory = fsspec.filesystem("memory")
    plain = make_wheel(Path("plain"))
    for path in (plain, convert(plain, Path())):
        memory.pipe_file(f"/inspected/{path.name}", path.read_bytes())
    result = invoke("memory://inspected")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = [line for line in result.stdout.splitlines() if line.startswith("memory:")]
    assert lines == ["memory:///inspected/demo-1.0-py3-none-any-v3.whl", f"memory:///inspected/{PLAIN}"]
    assert invoke("memory://nothing").stderr == "error: memory://nothing: no wheels found\n"


def test_variants_at_a_url_are_compared_with_the_listed_plain_wheel() -> None:
    memory = fsspec.filesystem("memory")
    plain = make_wheel(Path("plain"))
    variant = convert(plain, Path(), Plan(metadata(), Recipe(dependencies=("x",))))

    def added(*places: str) -> list[object]:
        return [entry["added-dependencies"] for entry in inspected(*places)["targets"]]

    memory.pipe_file(f"/compared/a/{variant.name}", variant.read_bytes())
    assert added("memory://compared") == [None]
    memory.pipe_file(f"/compared/a/{plain.name}", plain.read_bytes())
    assert added("memory://compared") == [["x"], None]
    memory.pipe_file(f"/compared/b/{plain.name}", plain.read_bytes())
    assert added("memory://compared") == [None, None, None]


@pytest.mark.parametrize("no_color", ["", "1"])
@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_long_lines_stay_in_their_column_on_a_terminal(no_color: str) -> None:
    import pty

    variant = convert(make_wheel(Path("plain")), Path(), static_plan("x", "other"))
    parent, child = pty.openpty()
    command = [
        sys.executable,
        "-c",
        "from variant_backend._internal.scripts import variant_backend as run; run()",
    ]
    environment = {**os.environ, "COLUMNS": "60", "NO_COLOR": no_color}
    done = subprocess.run([*command, "inspect", variant], stdout=child, env=environment, timeout=60)
    os.close(child)
    shown = read_terminal(parent).decode()
    assert done.returncode == 0
    assert ("\x1b[1m" in shown) != bool(no_color)
    if no_color:
        lines = shown.splitlines()
        assert max(map(len, lines)) <= 60
        at = lines.index("  uv            never installs it: the static-properties of")
        assert lines[at + 1] == "                  'mode' contain none of its values of"
