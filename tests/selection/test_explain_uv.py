"""``explain --installer uv`` names the wheel that real uv installs, and why it differs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from helpers.made_wheels import METADATA, make_wheel
from helpers.programs import empty_cache, run
from helpers.pytorch_example import EXAMPLE, LABELS, hardware, torch_wheel
from helpers.range_server import Server
from helpers.sample_release import DOCUMENT, only, patched, write_release, write_wheel
from helpers.servers import publish

from variant_backend._internal.cli.main import main
from variant_backend._internal.variants.filename import WheelFilename

# Each test starts real uv several times.
pytestmark = [pytest.mark.slow, pytest.mark.agreement]

HARDWARE = [hardware("none", "none")] + [
    hardware(driver, arch) for driver in ("12.6", "12.8", "13.0") for arch in ("7.0", "9.0", "12.0")
]


def uv_installs(package: str, target: Path, *source: object, **env: Any) -> tuple[str, str | None] | None:
    """Return version and label (None if plain) of the wheel that uv installs, None if it fails."""
    options = (*empty_cache(), "--no-config", "--preview-features", "wheel-variants", "--quiet")
    where = ("--python", sys.executable, "--target", target)
    done = run("uv", "pip", "install", *options, *where, *source, package, ok=False, **env)
    if done.returncode:
        return None
    (dist_info,) = target.glob(f"{package}-*.dist-info")
    variant = dist_info / "variant.json"
    labels = [*json.loads(variant.read_text())["variants"]] if variant.exists() else [None]
    return dist_info.name.removesuffix(".dist-info").split("-")[1], labels[0]


def explained(*arguments: object) -> dict[str, Any]:
    result = CliRunner().invoke(main, ["explain", *map(str, arguments), "--json"], catch_exceptions=False)
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def of_wheel(filename: str | None) -> tuple[str, str | None] | None:
    """Return version and label in the name of a wheel."""
    if filename is None:
        return None
    wheel = WheelFilename.parse(filename)
    return wheel.version, wheel.label


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder with ranges, as package indexes do; give its URL."""
    with Server(folder) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.url
        server.shutdown()


@pytest.fixture(scope="module")
def torch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release of torch 2.10, as stubs, in a folder and beside it on an index."""
    folder = tmp_path_factory.mktemp("torch")
    wheels = [torch_wheel(folder, local, "py3-none-any") for local in LABELS]
    run("make-variant", "--pyproject", EXAMPLE, "-o", folder / "dist", *wheels)
    make_wheel(folder / "dist", "torch", "2.10.0")
    run("variant-backend", "index", folder / "dist")
    publish((folder / "dist").iterdir(), folder / "simple" / "torch")
    return folder


@pytest.fixture(scope="module")
def torch_index(torch: Path) -> Iterator[str]:
    with served(torch / "simple") as url:
        yield url


@pytest.mark.parametrize("forced", HARDWARE, ids=lambda forced: "/".join(forced.values()))
def test_explain_predicts_the_torch_wheel_of_uv_on_each_machine(
    forced: dict[str, Any], torch: Path, torch_index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in forced.items():
        monkeypatch.setenv(name, value)
    for number, (options, uv_options) in enumerate(
        [
            (("--find-links", torch / "dist"), ("--no-index", "--find-links", torch / "dist")),
            (("--index-url", torch_index), ("--index-url", torch_index)),
        ]
    ):
        document = explained("torch", *options, "--installer", "uv")
        installed = uv_installs("torch", tmp_path / str(number), "--no-deps", *uv_options)
        assert installed == of_wheel(document["selected"])
        assert document["installer"] == {"name": "uv", "selected": document["selected"], "reasons": []}


def _unchanged(_: Path) -> None:
    """Leave the folder of the index as it is."""


class Case(NamedTuple):
    """The differences of release 2.0 from a valid one: its documents, and the served folder."""

    document: dict[str, Any] = {}  # noqa: RUF012  # a default that nobody changes
    wheels: dict[str, Any] = {}  # noqa: RUF012  # as above
    change: Callable[[Path], object] = _unchanged


FILE = "demo-2.0-variants.json"
OPTIONAL = {"providers": {"speed": {"optional": True}}}
PLUGIN = {"providers": {"speed": {"static-properties": None, "requires": ["speed-provider"]}}}
CASES = {
    "sound": Case(),
    "missing": Case(change=lambda folder: (folder / FILE).unlink()),
    "other hash": Case(change=lambda folder: (folder / FILE).write_text("{}")),
    "not listed": Case(
        change=lambda folder: (folder / "index.html").write_text(
            (folder / "index.html").read_text().replace(FILE, "x.json")
        )
    ),
    "unknown key": Case({"x": 1}, {"x": 1}),
    "unknown key in the wheels": Case(wheels={"x": 1}),
    "unknown schema": Case({"$schema": "https://host.test/v9.json"}),
    "label is missing": Case({"variants": {"fast": None}}),
    "abi_dependency": Case({"variants": {"safe": {"abi_dependency": {"pip": ["23"]}}}}),
    "abi_dependency in the wheels": Case(wheels={"variants": {"fast": {"abi_dependency": {"pip": ["23"]}}}}),
    "optional": Case(OPTIONAL, OPTIONAL),
    "unknown plugin": Case(PLUGIN, PLUGIN),
    "wheels are not supported": Case(
        wheels={"providers": {"speed": {"static-properties": {"mode": ["other"]}}}}
    ),
    "no label of its own in the wheels": Case(wheels={"variants": {"fast": None}}),
}


@pytest.mark.parametrize("name", CASES)
def test_explain_predicts_what_uv_installs_of_invalid_releases(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    files = write_release(tmp_path / "files", DOCUMENT)
    index = patched(DOCUMENT, case.document)
    write_release(files, index, lambda label: patched(only(DOCUMENT, label), case.wheels), version="2.0")
    publish(files.iterdir(), tmp_path / "demo")
    case.change(tmp_path / "demo")
    with served(tmp_path) as url:
        installed = uv_installs("demo", tmp_path / "target", "--index-url", url)
        document = explained(
            "demo", "--index-url", url, "--installer", "uv", "--supported", "speed :: mode :: fast"
        )
    assert of_wheel(document["installer"]["selected"]) == installed
    assert bool(document["installer"]["reasons"]) == (
        document["selected"] != document["installer"]["selected"]
    )
    sound = name in ("sound", "not listed", "label is missing")
    assert not document["installer"]["reasons"] or not sound


LOWER_BOUNDS = {"<3": False, ">=3.90": True, "==3.8.*": False, "!=3.*": False, "~=3.8.0": False}


@pytest.mark.parametrize("requires", LOWER_BOUNDS)
def test_uv_uses_only_lower_bounds_of_requires_python(requires: str, tmp_path: Path) -> None:
    make_wheel(tmp_path / "dist")
    field = METADATA.replace("\n\n", f"\nRequires-Python: {requires}\n\n", 1)
    make_wheel(tmp_path / "dist", version="2.0", metadata=field)
    document = explained("demo", "--find-links", tmp_path / "dist", "--installer", "uv")
    installed = uv_installs("demo", tmp_path / "target", "--no-index", "--find-links", tmp_path / "dist")
    assert of_wheel(document["installer"]["selected"]) == installed
    assert of_wheel(document["selected"]) == ("1.0", None)
    assert bool(document["installer"]["reasons"]) is not LOWER_BOUNDS[requires]


@pytest.mark.parametrize("named", [True, False])
def test_uv_uses_requires_python_of_a_page_on_disk(named: bool, tmp_path: Path) -> None:
    make_wheel(tmp_path / "dist")
    field = METADATA.replace("\n\n", "\nRequires-Python: >=3.90\n\n", 1)
    make_wheel(tmp_path / "dist", version="2.0", metadata=field)
    publish((tmp_path / "dist").iterdir(), tmp_path / "simple" / "demo")
    page = tmp_path / "simple" / "demo" / "index.html"
    attribute = 'data-requires-python="&gt;=3.90" ' if named else ""
    page.write_text(page.read_text().replace('href="demo-2.0', f'{attribute}href="demo-2.0'))
    document = explained("demo", "--index-url", (tmp_path / "simple").as_uri(), "--installer", "uv")
    source = ("--index-url", (tmp_path / "simple").as_uri())
    assert of_wheel(document["installer"]["selected"]) == uv_installs("demo", tmp_path / "target", *source)


def test_uv_drops_a_version_whose_best_wheel_needs_a_newer_python(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "dist", DOCUMENT)
    write_release(folder, DOCUMENT, labels=["safe"], version="2.0")
    newer = "Requires-Python: >=3.90"
    write_wheel(folder / "demo-2.0-py3-none-any-fast.whl", only(DOCUMENT, "fast"), newer)
    document = explained("demo", "--find-links", folder, "--installer", "uv")
    installed = uv_installs("demo", tmp_path / "target", "--no-index", "--find-links", folder)
    assert of_wheel(document["installer"]["selected"]) == installed == ("1.0", "fast")
    assert of_wheel(document["selected"]) == ("2.0", "safe")
    assert (
        "uv drops demo 2.0: demo-2.0-py3-none-any-fast.whl: Requires-Python: >=3.90"
        in (document["installer"]["reasons"][0])
    )


def test_uv_uses_the_first_index_with_the_project_and_all_folders(tmp_path: Path) -> None:
    for version in ("1.0", "2.0"):
        files = write_release(tmp_path / f"files-{version}", DOCUMENT, version=version)
        publish(files.iterdir(), tmp_path / version / "demo")
    publish([], tmp_path / "empty" / "demo")
    with (
        served(tmp_path / "1.0") as one,
        served(tmp_path / "2.0") as two,
        served(tmp_path / "empty") as empty,
    ):
        sources = {
            "empty": (("--index", empty, "--default-index", two), ("--index-url", empty, "--index-url", two)),
            "indexes": (("--index", one, "--default-index", two), ("--index-url", one, "--index-url", two)),
            "folder": (("--index-url", one, "--find-links", files),) * 2,
        }
        for name, (uv_options, options) in sources.items():
            document = explained("demo", *options, "--installer", "uv")
            assert of_wheel(document["selected"]) == ("2.0", "fast")
            installed = uv_installs("demo", tmp_path / name, *uv_options)
            assert of_wheel(document["installer"]["selected"]) == installed


OF_FAST, OF_SAFE = only(DOCUMENT, "fast"), only(DOCUMENT, "safe")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (b"{", OF_SAFE, ("1.0", "safe")),
        (b"{", None, None),
        (None, DOCUMENT, ("1.0", "safe")),
        (OF_SAFE, OF_FAST, ("1.0", None)),
        (OF_FAST, OF_SAFE, ("1.0", "fast")),
    ],
)
def test_uv_uses_the_index_file_of_the_wheels_own_source(
    first: Any, second: Any, expected: tuple[str, str | None] | None, order: tuple[int, int], tmp_path: Path
) -> None:
    folders = [
        write_release(tmp_path / "first", first, lambda _: OF_FAST, labels=["fast"]),
        write_release(tmp_path / "second", second, lambda _: OF_SAFE, labels=["safe"], plain=False),
    ]
    sources = [part for place in order for part in ("--find-links", folders[place])]
    document = explained("demo", *sources, "--installer", "uv")
    installed = uv_installs("demo", tmp_path / "target", "--no-index", *sources)
    assert of_wheel(document["installer"]["selected"]) == installed == expected
    assert bool(document["installer"]["reasons"]) == (
        document["selected"] != document["installer"]["selected"]
    )


def test_uv_takes_the_first_of_equal_filenames_with_an_index_file(tmp_path: Path) -> None:
    folders = [
        write_release(tmp_path / "first", None, lambda _: OF_FAST, labels=["fast"]),
        write_release(tmp_path / "second", OF_FAST, plain=False, labels=["fast"]),
    ]
    sources = [part for folder in folders for part in ("--find-links", folder)]
    installed = uv_installs("demo", tmp_path / "target", "--no-index", *sources)
    selected = explained("demo", *sources, "--installer", "uv")["installer"]["selected"]
    assert of_wheel(selected) == installed == ("1.0", "fast")
