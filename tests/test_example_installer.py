"""The selection loop of examples/installer selects what uv and `explain` select."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers.offers import CUDA, make_variants
from helpers.programs import run, run_here
from helpers.pytorch_example import hardware
from helpers.recorded_orders import RecordedOrder, recorded_orders
from helpers.uv_oracle import uv_installs
from helpers.uv_verdicts import FAILS, INDEX, LABELS, OLDER, document, recorded
from packaging.tags import Tag, sys_tags
from packaging.version import Version

from variant_backend._internal.cli.main import main
from variant_backend._internal.selection.target import Target
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend.api import read_hardware

EXAMPLE = Path(__file__).parents[1] / "examples/installer/select_wheel.py"
CUDAS: Mapping[str | None, Sequence[str]] = {
    f"cu{version.replace('.', '')}": [CUDA.format(version)] for version in ("12.6", "12.8", "13.0")
}
ANY = [Tag("py3", "none", "any")]
BUILT_WITH = "abi_dependency :: torch :: {}"


def filename(label: str | None) -> str:
    return str(WheelFilename("demo", "1.0", "", "py3-none-any", label))


def ranked(
    names: Iterable[str],
    index_file: bytes | None,
    machine: str,
    installed: Mapping[str, str] | None = None,
    tags: Iterable[Tag] | None = None,
) -> list[tuple[Any, str]]:
    """Run the selection loop for a machine, by default with the tags of this interpreter."""
    versions = {name: Version(version) for name, version in (installed or {}).items()}
    known = read_hardware(machine)
    result: list[tuple[Any, str]] = runpy.run_path(str(EXAMPLE))["ranked_wheels"](
        names,
        index_file,
        lambda metadata: known.supported_for(metadata.providers),
        versions,
        [*(tags or sys_tags())],
    )
    return result


def in_folder(folder: Path, project: str, machine: str, **installed: str) -> list[tuple[Any, str]]:
    """Run the selection loop on the release of a project in a folder."""
    names = [path.name for path in folder.glob(f"{project}-*")]
    return ranked(names, (folder / f"{project}-1.0-variants.json").read_bytes(), machine, installed)


def test_the_loop_has_at_most_30_lines() -> None:
    _, _, loop = EXAMPLE.read_text(encoding="utf-8").partition("def ranked_wheels(")
    body = loop.partition("\n\n\n")[0].rpartition('"""\n')[2]
    assert len(body.splitlines()) <= 30


@pytest.mark.parametrize("order", recorded_orders(), ids=lambda order: order.name)
def test_the_order_is_the_recorded_one(order: RecordedOrder) -> None:
    tags = Target.of("3.11", "linux_x86_64", running=Version("3.11"), tags=()).tags
    listed = ranked(map(str, order.wheels), json.dumps(order.document).encode(), "x86_64:v2", tags=tags)
    assert [verdict.filename for verdict, _ in listed if verdict.is_compatible] == order.expected


def test_the_loop_selects_what_uv_selected_with_changed_index_files() -> None:
    # uv reads unknown versions of the format, and decides by itself which plugins of `nvidia` it replaces.
    usable = {
        name: label
        for (place, name), label in recorded().items()
        if place == INDEX and label not in (OLDER, FAILS) and not name.startswith(("$schema", "nvidia: "))
    }
    wheels = [filename(label) for label in (*LABELS, None)]
    selected = {name: ranked(wheels, document(INDEX, name), "x86_64:v2", tags=ANY)[0][0] for name in usable}
    assert {name: verdict.filename.label or "plain" for name, verdict in selected.items()} == usable
    assert len(usable) > 150


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Releases for versions of CUDA, and for versions of CUDA and torch."""
    folder = tmp_path_factory.mktemp("release")
    make_variants(folder, "torchy", {**CUDAS, "null": [], None: []})
    built: dict[str | None, Sequence[str]] = {
        f"{label}_torch{version}": [*properties, BUILT_WITH.format(version)]
        for label, properties in CUDAS.items()
        for version in ("2", "2.9", "2.10")
    }
    make_variants(folder, "extension", {**built, None: []})
    run_here(main, "index", folder)
    return folder


@pytest.mark.parametrize("machine", ["cuda:12.8", "cuda:12.6", "x86_64:v2"])
@pytest.mark.parametrize("project", ["torchy", "extension"])
def test_explain_has_the_same_order_and_reasons(release: Path, project: str, machine: str) -> None:
    pin = ("--pin", "torch==2.9.1") if project == "extension" else ()
    options = ("--machine", machine, *pin, "--json")
    done = run_here(main, "explain", project, "--find-links", release, "--path", release, *options)
    explained = [(wheel["filename"], wheel["reasons"]) for wheel in json.loads(done.stdout)["wheels"]]
    listed = in_folder(release, project, machine, torch="2.9.1")
    assert explained == [(str(verdict.filename), list(map(str, verdict.reasons))) for verdict, _ in listed]


def test_each_wheel_comes_with_its_reason(release: Path) -> None:
    listed = in_folder(release, "torchy", "cuda:12.8")
    reasons = {verdict.filename.label: why for verdict, why in listed}
    better = "the selected wheel is better: "
    too_new = reasons.pop("cu130")
    assert reasons == {
        "cu128": "selected",
        "cu126": f"{better}{CUDA.format('12.8')} ranks before {CUDA.format('12.6')}:"
        " value 12.8 is listed first in the supported values",
        "null": f"{better}it has {CUDA.format('12.8')}, and the other wheel has no more features",
        None: f"{better}a variant comes before a plain wheel",
    }
    assert too_new.startswith("nvidia :: cuda_version_lower_bound: needs 13.0; supported: 12.8, 12.7, ")
    assert too_new.endswith("; 13.0 means NVIDIA driver for CUDA 13.0 or newer")


@pytest.mark.parametrize("index_file", [None, b"{", b'{"variants": 1}'])
def test_only_plain_wheels_are_selected_without_a_usable_index_file(index_file: bytes | None) -> None:
    names = ["demo-1.0-py3-none-any-x.whl", "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"]
    (plain, selected), (variant, why) = ranked(names, index_file, "cuda:12.8")
    assert (plain.filename.label, selected, variant.filename.label) == (None, "selected", "x")
    assert why == "label: the source has no valid index file (*-variants.json)"


def test_the_program_prints_what_its_readme_shows(tmp_path: Path) -> None:
    make_variants(tmp_path, "demo", {"cu128": CUDAS["cu128"], "cu130": CUDAS["cu130"], "null": [], None: []})
    run_here(main, "index", tmp_path)
    printed = run("python", EXAMPLE, tmp_path, "cuda:12.8").stdout
    _, _, shown = EXAMPLE.with_name("README.md").read_text(encoding="utf-8").partition("dist cuda:12.8\n")
    expected = re.escape(shown.partition("```")[0]).replace(r"\.\.\.", ".*")
    assert re.fullmatch(expected, printed)
    assert ".whl: selected\n" in run("python", EXAMPLE, tmp_path).stdout  # for this machine


@pytest.mark.slow
@pytest.mark.agreement
@pytest.mark.parametrize(
    ("driver", "machine"), [("12.6", "cuda:12.6"), ("13.0", "cuda:13.0"), ("none", "x86_64:v2")]
)
def test_uv_installs_the_selected_wheel(release: Path, driver: str, machine: str, tmp_path: Path) -> None:
    sources = ("--no-index", "--find-links", release)
    answers = uv_installs(["torchy"], tmp_path, *sources, **hardware(driver, "9.0"))
    (best, why), *_ = in_folder(release, "torchy", machine)
    assert (answers, why) == ({"torchy": str(best.filename)}, "selected")
