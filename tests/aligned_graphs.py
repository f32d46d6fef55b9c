"""Install graphs of conflicting packages with aligned values; `python3 dev.py aligned` runs this.

It starts each server with the made projects of `helpers.conflicts`. Each installer installs them through
`variant-backend run --align`, for each machine with each Python. The oracle is brute force over the published
files: each installed file must be that of a wheel of the best graph. Then each installer gets its
arguments in other orders. uv with its flag shows what happens without alignment. The page of the results is
docs/reference/aligned-graphs.md. The exit code is 1 if a result is wrong. It runs on Linux, and requires
nginx, Python 3.11 and Python 3.12.

    --folder FOLDER   for environments and results; right cells of the same code are not measured again
    --orders N        how many orders of arguments each installer gets
    --jobs N          how many installers run at the same time
"""

from __future__ import annotations

import argparse
import datetime
import random
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

from any_installer import (
    PYTHONS,
    ROOT,
    SERVER_PROGRAMS,
    Cell,
    Place,
    digest_of_code,
    find_python,
    is_right,
    make_environments,
    measuring_parser,
    oracle,
    read_cell,
    started_server,
    versions_in,
    write_cells,
    write_index,
)
from helpers.conflicts import (
    ALIGN,
    CONFLICT_ROOTS,
    ROOTS_FOR_FLAG,
    BestGraph,
    best_graph,
    values_in_use,
    write_conflicts,
)
from helpers.ecosystem import MACHINES, origins
from helpers.index_servers import INDEX_SERVERS
from helpers.installers import TOOLS, Installer, Job, install_with_uv, installing_with_pip
from helpers.programs import SCRIPTS
from packaging.requirements import Requirement
from packaging.version import Version

from variant_backend._internal.variants.uv_behaviour import UV_FLAG

ALIGNED_PAGE = ROOT / "docs" / "reference" / "aligned-graphs.md"
ALIGNING_TOOLS = {**{name: TOOLS[name] for name in ("pip-23", "pip-24", "pip-26")}, "pip-25": ("pip==25.*",)}
ALIGNING = (
    *(Installer(f"pip {number}", "run", installing_with_pip(number)) for number in ("23", "24", "25", "26")),
    Installer("`uv pip`", "run", install_with_uv),
)
_SEED = 825


class Installation(NamedTuple):
    """One installation: the server, the machine, the version of Python, and the order of the arguments."""

    server: str
    machine: str
    version: str
    roots: Sequence[str] = CONFLICT_ROOTS


def main(arguments: Sequence[str]) -> int:
    """Measure everything, and write the page; return the exit code."""
    options = _options(arguments)
    place = Place(options.folder.absolute(), {version: find_python(version) for version in PYTHONS})
    make_environments(place, {**ALIGNING_TOOLS, **SERVER_PROGRAMS})
    write_index(place.published, write=write_conflicts)
    cells = {
        server: _column(place, server, _each_machine(server), options.jobs, "machines")
        for server in INDEX_SERVERS
    }
    orders = _column(place, "http.server", list(_orders(options.orders)), options.jobs, "orders")
    problems = [
        f"{name}: {text}"
        for column in (*cells.values(), orders)
        for name, cell in column.items()
        for text in cell.problems
    ]
    print("\n".join(problems))
    ALIGNED_PAGE.write_text(_page(place, cells, orders, options.orders), encoding="utf-8")
    return 1 if problems else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = measuring_parser(__doc__, ".venv-aligned")
    parser.add_argument("--orders", type=int, default=20)
    return parser.parse_args(arguments)


def _each_machine(server: str) -> list[Installation]:
    return [Installation(server, machine, version) for machine, version in product(MACHINES, PYTHONS)]


def _orders(number: int) -> Iterator[Installation]:
    """Yield random orders of the arguments, each on another machine and Python than the one before."""
    shuffled = random.Random(_SEED)
    for turn in range(number):
        machine, version = [*product(MACHINES, PYTHONS)][turn % (len(MACHINES) * len(PYTHONS))]
        roots = shuffled.sample(CONFLICT_ROOTS, len(CONFLICT_ROOTS))
        yield Installation("http.server", machine, version, roots)


def _column(
    place: Place, server: str, installations: Sequence[Installation], jobs: int, kind: str
) -> dict[str, Cell]:
    """Measure all installers with a server, except for cells that were right with the same code."""
    results = place.folder / "results" / digest_of_code()
    results.mkdir(parents=True, exist_ok=True)
    names = {one: re.sub(r"[^a-z0-9]+", "-", f"{one.name} {server} {kind}".lower()) for one in ALIGNING}
    files = {one: results / f"{names[one]}-{len(installations)}" for one in ALIGNING}
    missing = [one for one in ALIGNING if not is_right(files[one])]
    if missing:
        with started_server(place, server) as url:
            measure = partial(_cell, place, url, installations)
            named = {f"{server}, {one.name}, {kind}": (partial(measure, one), files[one]) for one in missing}
            write_cells(named, jobs)
    return {one.name: read_cell(files[one]) for one in ALIGNING}


def _cell(place: Place, index_url: str, installations: Sequence[Installation], installer: Installer) -> Cell:
    problems: list[str] = []
    wheels = 0
    for one in installations:
        best = best_graph(place.published, one.machine, one.version)
        try:
            found = _problems(place, index_url, one, installer, best)
        except Exception as error:  # any failure of a tool is a result
            found = [f"{type(error).__name__}: {error}"]
        problems += (f"{one.server}, {one.machine}, Python {one.version}: {text}" for text in found)
        wheels += len(best.wheels)
    return Cell(tuple(problems), wheels)


def _problems(
    place: Place, index_url: str, one: Installation, installer: Installer, best: BestGraph
) -> list[str]:
    """Install, and return the differences from the best graph, and what does not fit together."""
    through = (*aligned_command(MACHINES[one.machine]), "--")
    with tempfile.TemporaryDirectory(dir=place.folder, ignore_cleanup_errors=True) as folder:
        python = place.pythons[one.version]
        job = Job(Path(folder), python, one.version, index_url, place.tools, through, one.roots)
        return graph_problems(installer.install(job).site_packages, place.published, best)


def aligned_command(machine: str) -> tuple[str, ...]:
    """Return the first words of a command whose installer gets aligned variants."""
    align = (part for name in ALIGN for part in ("--align", name))
    return str(SCRIPTS / "variant-backend"), "run", "--machine", machine, *align


def graph_problems(site_packages: Path, published: Path, best: BestGraph) -> list[str]:
    """Return how installed wheels differ from the best graph, and which do not fit together."""
    installed = origins(site_packages, published)
    got = {name: origin.filename for name, origin in installed.items()}
    problems = [
        f"{name}: expected {best.wheels.get(name)}, got {got.get(name)}"
        for name in sorted({*got, *best.wheels})
        if got.get(name) != best.wheels.get(name)
    ]
    used = values_in_use(published, [*got.values()])
    problems += [f"{axis}: several values: {values}" for axis, values in used.items() if len(values) > 1]
    versions = {name: Version(filename.split("-")[1]) for name, filename in got.items()}
    for name, origin in installed.items():
        for text in origin.requires:
            needed = Requirement(text)
            if needed.name not in versions or versions[needed.name] not in needed.specifier:
                problems.append(f"{name}: requires {text}")
    return problems


_TEXT = """# Aligned graphs, installed by each installer

Run `python3 dev.py aligned` to measure this page again. It takes about half an hour on two cores, and
downloads the installers. This page is of {date}.

The {projects} made projects have variants that do not fit together: some packages have OpenBLAS only, one
has MKL only, and others have both, with MKL first. It is similar for two OpenMP runtimes, two
implementations of MPI and three versions of CUDA. Some packages have neither a null variant nor a plain
wheel, and the newest release of one of them is for CUDA 13 only. One package depends on the version of
another one with `abi_dependency`. For Python 3.12, a wheel is missing. See [what alignment
does](alignment-explained.md).

## Chosen values

Each installer installs {roots} packages with all their requirements through `variant-backend run
{align}`.
These are the best values, found by brute force over the published files: with them, most packages have
a variant. All installations below have these values.

{values}

The last column is what uv installs with `{flag}`, which selects the best variant
of each package alone: {mixed}. It lacks the package with `abi_dependency`, whose index
file uv does not read.

## Installers and servers

`yes` means that the installed files are those of the wheels of the best graph, for all three machines
and Python {pythons}. Then each feature has one value, and all requirements are satisfied: the
program verifies both. The number counts the installed wheels.

{table}

## Orders of arguments

Each installer gets the {roots} packages in {orders} random orders, in turn on each machine with each
version of Python. `yes` means that the order changes nothing.

{order_table}

## Versions

{versions}
"""


def _page(
    place: Place,
    cells: Mapping[str, Mapping[str, Cell]],
    orders: Mapping[str, Cell],
    number: int,
) -> str:
    """Return the page of the documentation."""
    rows = [[one.name, *(_shown(column[one.name]) for column in cells.values())] for one in ALIGNING]
    values = [*_value_rows(place)]
    mixed = sum(" and " in cell for row in values for cell in row[-1:])
    projects = {path.name.split("-")[0] for path in place.published.glob("sci*")}
    return _TEXT.format(
        date=datetime.datetime.now(datetime.timezone.utc).date(),
        projects=len(projects),
        roots=len(CONFLICT_ROOTS),
        align=" ".join(f"--align {name}" for name in ALIGN),
        flag=UV_FLAG,
        mixed=f"in {mixed} of {len(values)} cases, it mixes values",
        pythons=" and ".join(PYTHONS),
        orders=number,
        values=markdown_table(
            ["machine", "Python", "values", "packages with a variant", "uv with its flag"], values
        ),
        table=markdown_table(["installer", *INDEX_SERVERS], rows),
        order_table=markdown_table(
            ["installer", "the same"], [[one.name, _shown(orders[one.name])] for one in ALIGNING]
        ),
        versions="\n".join(f"- {text}" for text in versions_in(place, {**ALIGNING_TOOLS, **SERVER_PROGRAMS})),
    )


def _value_rows(place: Place) -> Iterator[list[str]]:
    """Yield for each machine and Python the best values, and those that uv with its flag mixes."""
    for machine, version in product(MACHINES, PYTHONS):
        best = best_graph(place.published, machine, version)
        python = place.pythons[version]
        alone = oracle(place.published.parent, python, machine, write_conflicts, ROOTS_FOR_FLAG)
        used = values_in_use(place.published, [origin.filename for origin in alone.values()])
        chosen = ", ".join(best.assignment.values())
        mixed = "; ".join(" and ".join(values) for axis, values in used.items() if axis in best.assignment)
        yield [machine, version, chosen, f"{best.kept} of {best.variants}", mixed]


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def _shown(cell: Cell) -> str:
    return f"**no**: {len(cell.problems)} problems" if cell.problems else f"yes, {cell.wheels}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
