"""Graphs of conflicting packages are those of brute force; `dev.py aligned` installs them with many tools."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from aligned_graphs import ALIGNED_PAGE, ALIGNING, aligned_command, graph_problems
from any_installer import PYTHONS, oracle, write_index
from helpers.conflicts import (
    ALIGN,
    CONFLICT_ROOTS,
    ROOTS_FOR_FLAG,
    best_graph,
    values_in_use,
    write_conflicts,
)
from helpers.ecosystem import MACHINES
from helpers.graphs import graph_from
from helpers.index_servers import INDEX_SERVERS
from helpers.offers import machine
from helpers.programs import SCRIPTS, run

from variant_backend._internal.graphs.resolution import Graph
from variant_backend._internal.graphs.root_requirements import Requested

RUNNING = f"3.{sys.version_info.minor}"


@pytest.fixture(scope="module")
def conflicts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conflicts") / "published"
    write_index(folder, write=write_conflicts)
    return folder


def aligned_graph(folder: Path, name: str, roots: Sequence[str] = CONFLICT_ROOTS) -> Graph:
    """Resolve the graph of a machine with uv."""
    return graph_from(folder, Requested.of(tuple(roots)), ALIGN, on=machine(MACHINES[name]))


def labels_of(graph: Graph) -> Mapping[str, str | None]:
    return {package.name: package.label for package in graph.packages}


@pytest.mark.parametrize("name", MACHINES)
def test_a_graph_is_that_of_brute_force(conflicts: Path, name: str) -> None:
    graph, best = aligned_graph(conflicts, name), best_graph(conflicts, name, RUNNING)
    assert graph.alignment.assignment == best.assignment
    assert labels_of(graph) == {
        one: next(iter(Path(filename).stem.split("-")[5:]), None) for one, filename in best.wheels.items()
    }
    assert best.kept == best.variants - 1  # the package that has MKL only


def test_the_order_of_requirements_changes_no_graph(conflicts: Path) -> None:
    expected = labels_of(aligned_graph(conflicts, "gpu12"))
    for turn in (3, 6):
        roots = [*CONFLICT_ROOTS[turn:], *reversed(CONFLICT_ROOTS[:turn])]
        assert labels_of(aligned_graph(conflicts, "gpu12", roots)) == expected


@pytest.mark.slow
def test_uv_with_its_flag_mixes_values(conflicts: Path) -> None:
    alone = oracle(conflicts.parent, Path(sys.executable), "gpu13", write_conflicts, ROOTS_FOR_FLAG)
    used = values_in_use(conflicts, [origin.filename for origin in alone.values()])
    assert {axis[0] for axis, values in used.items() if len(values) > 1} == {
        "nvidia",
        "blas",
        "openmp",
        "mpi",
    }


def with_pip(target: Path) -> list[object]:
    return [sys.executable, "-m", "pip", "install", "--no-compile", "--target", target]


def with_uv(target: Path) -> list[object]:
    return ["uv", "pip", "install", "--python", sys.executable, "--target", target]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("install", "server", "name"), [(with_pip, "http.server", "gpu13"), (with_uv, "pypiserver", "cpu")]
)
def test_installers_get_the_graph_of_brute_force(
    conflicts: Path, tmp_path: Path, install: Callable[[Path], list[object]], server: str, name: str
) -> None:
    best = best_graph(conflicts, name, RUNNING)
    (tmp_path / "server").mkdir()
    with INDEX_SERVERS[server](conflicts, tmp_path / "server", SCRIPTS) as url:
        command = (*aligned_command(MACHINES[name]), "--index-url", url, "--")
        run(*command, *install(tmp_path / "target"), *CONFLICT_ROOTS, cwd=tmp_path)
    assert graph_problems(tmp_path / "target", conflicts, best) == []


def test_the_table_of_aligned_graphs_has_no_blank_cell() -> None:
    text = ALIGNED_PAGE.read_text(encoding="utf-8")
    names = [re.escape(one.name) for one in ALIGNING]
    rows = re.findall(rf"^\| ({'|'.join(names)}) \| (.*) \|$", text, re.MULTILINE)
    assert [name for name, _ in rows] == [one.name for one in ALIGNING] * 2
    cells = [cell for _, row in rows for cell in row.split(" | ")]
    assert len(cells) == len(ALIGNING) * (len(INDEX_SERVERS) + 1)
    assert [cell for cell in cells if not re.fullmatch(r"yes, \d+", cell)] == []
    chosen = re.findall(r"^\| (?:gpu\d+|cpu) \| [\d.]+ \| .+ \| \d+ of \d+ \| .+ \|$", text, re.MULTILINE)
    assert len(chosen) == len(MACHINES) * len(PYTHONS)
