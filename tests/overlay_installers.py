"""Install projects of the shipped overlays with every installer; `python3 dev.py overlays` runs this.

It serves made indexes with the layouts of the real ones. Each installer installs from them in an environment
of its own, through `variant-backend run --overlay` or with an index of `variant-backend serve --overlay`.
The oracle are rules that use no code of this project: each installed file must be that of the expected
wheel. The tables of results are docs/reference/overlay-installers.md. The exit code is 1 if a cell
is wrong. It runs on Linux for x86-64, and requires Python 3.11 and Python 3.12.

    --folder FOLDER   for environments and results; right cells of the same code are not measured again
    --only TEXT       the installers and columns whose names contain it; the page is not written
    --jobs N          how many installers run at the same time
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

from aligned_graphs import ALIGNING, ALIGNING_TOOLS, markdown_table
from any_installer import (
    PYTHONS,
    ROOT,
    Cell,
    Place,
    digest_of_code,
    find_python,
    is_right,
    make_environments,
    measuring_parser,
    read_cell,
    started_offer,
    tool_versions,
    unlocked_problems,
    write_cells,
)
from helpers.ecosystem import changed_file
from helpers.installers import INSTALLERS, TOOLS, FailedCommandError, Installer, Job
from helpers.made_indexes import LINUX, MadeWheel, made_wheels, overlay_for, served_tree, write_tree
from helpers.overlay_rules import COMPUTERS, MEMBERS, expected_wheels, published_wheels
from helpers.programs import SCRIPTS
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OVERLAYS_PAGE = ROOT / "docs" / "reference" / "overlay-installers.md"
EVERY_TOOL = {**TOOLS, **ALIGNING_TOOLS}
# Those of the other tables.
_NAMES = [installer.name for installer in ALIGNING]
OVERLAY_INSTALLERS = (*ALIGNING, *(one for one in INSTALLERS if one.name not in _NAMES))
# What `run` says if nothing fits a machine, or not the required local version.
REASONS = ("no wheel fits this machine", "add --allow-local")
# The projects whose index lists no hashes.
UNHASHED = ("llama-cpp-python",)
SHIPPED = ("pytorch", "llama-cpp-python", "cupy", "jax")
HERE = tuple(name for name, computer in COMPUTERS.items() if computer.platform == LINUX)


class Column(NamedTuple):
    """What an installer installs: *roots*, for *machines*, in turn with each version of Python."""

    title: str
    roots: Sequence[str]
    machines: Sequence[str]


SHAPES = (
    Column("PyTorch", ("torch", "torchvision", "torchaudio"), HERE),
    Column("llama-cpp-python", ("llama-cpp-python",), HERE),
    Column("CuPy", ("cupy[ctk]",), HERE),
    Column("JAX", ("jax", "jax-cuda-plugin[with-cuda]"), HERE),
)
_H100 = ("H100 with CUDA 12.8",)
FORMS = (
    *(
        Column(f"`{text}`", (f"torch{text}",), _H100)
        for text in ("==2.10.0", ">=2.9,<2.11", "~=2.10.0", "!=2.11.0", "[opt-einsum]")
    ),
    Column("`==2.10.0+cu126`", ("torch==2.10.0+cu126",), ("P100 behind a driver for CUDA 13",)),
    Column("`==2.10.0+cu126` where it does not fit", ("torch==2.10.0+cu126",), ("H100 with CUDA 13.0",)),
)


class Bench(NamedTuple):
    """What a measurement uses: its place, the URLs of the made indexes and of their offer, the overlays."""

    place: Place
    tree: str
    site: str
    overlays: Sequence[Path]

    @property
    def options(self) -> tuple[str, ...]:
        """The options that name the overlays."""
        return tuple(part for path in self.overlays for part in ("--overlay", str(path)))

    def job(self, folder: Path, installer: Installer, column: Column, machine: str, version: str) -> Job:
        """Return an installation in an empty folder."""
        through: tuple[str, ...] = ()
        url = f"{self.site}{slug(machine)}/simple/"
        if installer.through == "run":
            spec = ("--machine", COMPUTERS[machine].facts)
            through = (str(SCRIPTS / "variant-backend"), "run", *self.options, *spec, "--")
            url = index_of(self.tree)
        python = self.place.pythons[version]
        return Job(folder, python, version, url, self.place.tools, through, column.roots)


def main(arguments: Sequence[str]) -> int:
    """Measure all cells, and write the page; return the exit code."""
    options = _options(arguments)
    place = Place(options.folder.absolute(), {version: find_python(version) for version in PYTHONS})
    make_environments(place, EVERY_TOOL)
    shutil.rmtree(place.published, ignore_errors=True)
    write_tree(place.published, made_wheels())
    wanted = {
        (installer, column): _file(place, installer, column)
        for installer, column in product(OVERLAY_INSTALLERS, (*SHAPES, *FORMS))
        if options.only in installer.name or options.only in column.title
    }
    _measure(place, {pair: path for pair, path in wanted.items() if not is_right(path)}, options.jobs)
    cells = {(one.name, column.title): read_cell(path) for (one, column), path in wanted.items()}
    problems = [f"{name}, {title}: {text}" for (name, title), cell in cells.items() for text in cell.problems]
    print("\n".join(problems))
    if not options.only:
        OVERLAYS_PAGE.write_text(_page(cells, place), encoding="utf-8")
    return 1 if problems else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = measuring_parser(__doc__, ".venv-overlays")
    parser.add_argument("--only", default="")
    return parser.parse_args(arguments)


def slug(text: str) -> str:
    """Return the name of a machine in URLs, or of a file."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def index_of(tree: str) -> str:
    """Return the URL of the index for all projects without an index of their own."""
    return f"{tree}pypi.org/simple/"


def _file(place: Place, installer: Installer, column: Column) -> Path:
    """Return the file for the result of a cell, which depends on the code and on the column."""
    digest = hashlib.sha256(repr(column).encode()).hexdigest()[:8]
    folder = place.folder / "results" / digest_of_code()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{slug(installer.name)}-{slug(column.title)}-{digest}"


def _measure(place: Place, missing: Mapping[tuple[Installer, Column], Path], jobs: int) -> None:
    machines = {slug(name): COMPUTERS[name].facts for name in HERE}
    with served_tree(place.published) as tree:
        overlays = [overlay_for(name, tree, place.folder) for name in SHIPPED]
        bench = Bench(place, tree, "", overlays)
        with started_offer(place.folder, machines, "--index-url", index_of(tree), *bench.options) as site:
            measure = partial(measured_cell, bench._replace(site=site))
            named = {
                f"{installer.name}, {column.title}": (partial(measure, installer, column), path)
                for (installer, column), path in missing.items()
            }
            write_cells(named, jobs)


def measured_cell(bench: Bench, installer: Installer, column: Column) -> Cell:
    """Install for each machine, in turn with each Python, and compare with the rules.

    Each installer starts with another Python than the one before.
    """
    problems: list[str] = []
    first = OVERLAY_INSTALLERS.index(installer)
    for turn, machine in enumerate(column.machines):
        version = PYTHONS[(first + turn) % len(PYTHONS)]
        with tempfile.TemporaryDirectory(dir=bench.place.folder, ignore_cleanup_errors=True) as folder:
            job = bench.job(Path(folder), installer, column, machine, version)
            expected = expected_wheels(column.roots, COMPUTERS[machine], version)
            try:
                found = graph_differences(job, installer, bench.place.published, expected)
            except Exception as error:  # any failure of a tool is a result
                found = [f"{type(error).__name__}: {error}"]
        problems += (f"{machine}, Python {version}: {text}" for text in found)
    return Cell(tuple(problems), len(column.machines))


def graph_differences(
    job: Job, installer: Installer, published: Path, expected: Mapping[str, MadeWheel] | None
) -> list[str]:
    """Install, and return the differences from the expected wheels; None expects a refusal."""
    if expected is None:
        return _refusal_problems(job, installer)
    done = installer.install(job)
    installed = installed_wheels(done.site_packages, published)
    wanted = {name: identity_of(wheel, published) for name, wheel in expected.items()}
    problems = [
        f"{name}: expected {wanted.get(name)}, got {installed.get(name)}"
        for name in sorted({*installed, *wanted})
        if installed.get(name) != wanted.get(name)
    ]
    # The offer writes the wheels of projects that are one. uv locks only hashes that an index lists.
    unknown = {*MEMBERS, *(UNHASHED if done.lock and done.lock.name == "uv.lock" else ())}
    hashes = {name: wheel.sha256 for name, wheel in installed.items() if name not in unknown}
    return problems + unlocked_problems(done, hashes)


def _refusal_problems(job: Job, installer: Installer) -> list[str]:
    """Return what is wrong if an installer should say that nothing fits, and `run` why."""
    (refused,) = (required for required in map(Requirement, job.roots) if required.name != "jax")
    try:
        installer.install(job)
    except FailedCommandError as error:
        said = str(error).partition("\n")[2]
        has_reason = installer.through == "serve" or any(text in said for text in REASONS)
        return [] if refused.name in said and has_reason else [f"another failure: {error}"]
    return [f"{refused}: installed, although no wheel fits"]


class Identity(NamedTuple):
    """The wheel that an installed distribution came from: its filename and SHA-256, and its requirements.

    The hash of a wheel that the offer has written is not known here: it is empty.
    """

    filename: str
    sha256: str
    requires: tuple[str, ...]


def identity_of(wheel: MadeWheel, published: Path) -> Identity:
    """Return the identity of an expected wheel on the made indexes."""
    filename = f"{wheel.name.replace('-', '_')}-{wheel.version}-{wheel.tag}.whl"
    path = published / wheel.beside / filename
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if wheel.beside else ""
    texts = [*wheel.requires]
    for extra, required in wheel.extras.items():
        for text in required:
            name, _, marker = text.partition("; ")
            condition = f"extra == '{extra}'"
            texts.append(f"{name}; ({marker}) and {condition}" if marker else f"{name}; {condition}")
    return Identity(filename, digest, _sorted(texts))


def _sorted(requirements: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(str(Requirement(text)) for text in requirements))


def installed_wheels(site_packages: Path, published: Path) -> dict[str, Identity]:
    """Return the wheels that made projects were installed from.

    Raises ValueError if an installed file is not that of a wheel of this name.
    """
    known: dict[str, Identity] = {}
    for info in site_packages.glob("*.dist-info"):
        name = canonicalize_name(info.name.partition("-")[0])
        if name in published_wheels() or name in MEMBERS:
            (tag,) = re.findall(r"^Tag: (.*)$", (info / "WHEEL").read_text(), re.MULTILINE)
            texts = re.findall(r"^Requires-Dist: (.*)$", (info / "METADATA").read_text(), re.MULTILINE)
            filename = f"{info.name.removesuffix('.dist-info')}-{tag}.whl"
            digest = "" if name in MEMBERS else _origin(site_packages, filename, published)
            known[name] = Identity(filename, digest, _sorted(texts))
    return known


def _origin(site_packages: Path, filename: str, published: Path) -> str:
    """Return the hash of the wheel whose files are the installed ones; several have the same filename."""
    for path in _files(published).get(filename, ()):
        if not changed_file(site_packages, path):
            return hashlib.sha256(path.read_bytes()).hexdigest()
    raise ValueError(f"{filename}: no published wheel has the installed files")


@cache
def _files(published: Path) -> Mapping[str, Sequence[Path]]:
    """Return the published wheels by filename."""
    known: dict[str, list[Path]] = {}
    for path in published.glob("**/*.whl"):
        known.setdefault(path.name, []).append(path)
    return known


_TEXT = """# Which installers get existing wheels by overlays

Run `python3 dev.py overlays` to measure this page again. It takes about 15 minutes on two cores, and
downloads the installers. This page is of {date}.

The program makes {wheels} wheels on indexes with the layouts of the real ones, and uses the overlays of
`examples/overlays`. Each installer installs projects for {machines_number} machines, in turn with
{pythons}. The number in each cell counts these installations. `yes` means that exactly the
expected wheels are installed:

- The files, hashes and requirements are those of published wheels. Lock files have these hashes, except that
  uv locks none for llama-cpp-python, whose index lists none.
- Generated wheels, such as `cupy`, require the expected project.
- No other project is installed, such as a runtime for another version of CUDA.
- Where nothing fits, such as CuPy without an NVIDIA GPU, the installer fails and names the
  project, and `run` says why.

What is expected is computed by rules, without code of this project: from what PyTorch published about
its variants, and from the GPUs and drivers that run code for a version of CUDA. [What the machines
get](#machines) is below.

Installers that write no lock file got their packages with [`variant-backend run`](run.md), the others
with [`variant-backend serve`](offer.md); both had the option [`--overlay`](overlays.md).

The installers ran on Linux for x86-64, so the machines differ in their GPUs and drivers only. What
machines with Windows, macOS or aarch64 get is tested without installers.

## Overlays

{requirements}

{shapes}

## Requirements

All requirements are on `torch`. They are installed for an H100 with CUDA 12.8, which gets `+cu128`.
The exact local version `+cu126` is installed for a P100, which it fits. For an H100 with CUDA 13.0, it
does not fit: there, the installer must fail, and `run` must say why.

{forms}

## Machines

{machines}

## Versions

{versions}
"""
_SHAPE_TEXTS = (
    "one index for each local version",
    "the same filenames on several indexes, which list no hashes",
    "several projects as one, by generated wheels",
    "plugins as one project, by generated wheels",
)


def _page(cells: Mapping[tuple[str, str], Cell], place: Place) -> str:
    """Return the page of the documentation."""
    machines = [[name, COMPUTERS[name].facts, *_expected(name)] for name in HERE]
    requirements = [
        [column.title, " ".join(f"`{root}`" for root in column.roots), text]
        for column, text in zip(SHAPES, _SHAPE_TEXTS, strict=True)
    ]
    return _TEXT.format(
        date=datetime.datetime.now(datetime.timezone.utc).date(),
        wheels=sum(1 for _ in made_wheels()),
        machines_number=len(HERE),
        pythons=" and ".join(f"Python {version}" for version in PYTHONS),
        requirements=markdown_table(["overlay", "requirements", "shape"], requirements),
        shapes=_table_of(SHAPES, cells),
        forms=_table_of(FORMS, cells),
        machines=markdown_table(["machine", "facts", *(column.title for column in SHAPES)], machines),
        versions="\n".join(f"- {text}" for text in tool_versions(place, EVERY_TOOL)),
    )


def _table_of(columns: Sequence[Column], cells: Mapping[tuple[str, str], Cell]) -> str:
    rows = [
        [one.name, f"`{one.through}`", *(_shown(cells[one.name, column.title]) for column in columns)]
        for one in OVERLAY_INSTALLERS
    ]
    return markdown_table(["installer", "through", *(column.title for column in columns)], rows)


def _shown(cell: Cell) -> str:
    return f"**no**: {len(cell.problems)} problems" if cell.problems else f"yes, {cell.wheels}"


def _expected(machine: str) -> Iterator[str]:
    """Yield for each overlay the wheel that a machine should get."""
    for column in SHAPES:
        wheels = expected_wheels(column.roots, COMPUTERS[machine], PYTHONS[-1])
        if wheels is None:
            yield "nothing"
            continue
        first = wheels[canonicalize_name(Requirement(column.roots[-1]).name)]
        names = [f"`{name}`" for text in first.requires if (name := Requirement(text).name) in wheels]
        yield names[0] if first.name in MEMBERS else f"`{first.build or first.version}`"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
