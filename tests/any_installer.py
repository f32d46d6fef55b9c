"""Install a made ecosystem with every installer from every server; `python3 dev.py installers` runs this.

It starts each server with the made projects, and each installer in an environment of its own, through
`variant-backend run` or with the index of `variant-backend serve`. The oracle is uv with its preview flag:
for the same machine and the same Python, each installer must install the same wheels, by their hashes, with
the same requirements. The table of results is docs/reference/any-installer.md. The exit code is 1 if a cell
is wrong. It runs on Linux, and requires nginx, Python 3.11 and Python 3.12.

    --folder FOLDER   for environments and results; right cells of the same code are not measured again
    --only TEXT       the installers and servers whose names contain it; the table is not written
    --jobs N          how many installers run at the same time
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple, Protocol

from helpers.ecosystem import MACHINES, ROOTS, Origin, origins, write_ecosystem
from helpers.index_servers import INDEX_SERVERS
from helpers.installers import INSTALLERS, TOOLS, Installed, Installer, Job, clean_environment, start
from helpers.programs import SCRIPTS
from packaging.requirements import Requirement

from variant_backend._internal.formats.machine_spec import parse_machine
from variant_backend._internal.machine.detect import hardware_of
from variant_backend._internal.variants.known_providers import forcing_variables
from variant_backend._internal.variants.uv_behaviour import UV_FLAG, UV_VERSION

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "any-installer.md"
PYTHONS = ("3.11", "3.12")
SERVER_PROGRAMS = {"devpi": ("devpi-server",), "pypiserver": ("pypiserver",)}
_UV = SCRIPTS / "uv"


class Write(Protocol):
    """Writes an ecosystem into a folder, as `write_ecosystem` does."""

    def __call__(self, folder: Path, *, machine: str | None = None) -> None: ...


class Place(NamedTuple):
    """The folders of a measurement, and its Pythons by version."""

    folder: Path
    pythons: Mapping[str, Path]

    @property
    def published(self) -> Path:
        """The folder with all wheels, index files and pages."""
        return self.folder / "ecosystem" / "published"

    @property
    def tools(self) -> Path:
        """The folder with an environment for each tool."""
        return self.folder / "tools"


class Cell(NamedTuple):
    """What one installer does with one server: the *problems* of all installations, and how many wheels."""

    problems: tuple[str, ...]
    wheels: int


def main(arguments: Sequence[str]) -> int:
    """Measure all cells, and write the table; return the exit code."""
    options = _options(arguments)
    place = Place(options.folder.absolute(), {version: find_python(version) for version in PYTHONS})
    make_environments(place, {**TOOLS, **SERVER_PROGRAMS})
    write_index(place.published)
    expected = {
        (machine, version): oracle(place.published.parent, python, machine)
        for machine in MACHINES
        for version, python in place.pythons.items()
    }
    table: dict[str, dict[str, Cell]] = {installer.name: {} for installer in INSTALLERS}
    for server in INDEX_SERVERS:
        if options.only in server or any(options.only in installer.name for installer in INSTALLERS):
            for name, cell in _column(place, server, expected, options).items():
                table[name][server] = cell
    problems = [
        f"{name}, {server}: {text}"
        for name, row in table.items()
        for server, cell in row.items()
        for text in cell.problems
    ]
    print("\n".join(problems))
    if not options.only:
        PAGE.write_text(_page(table, place), encoding="utf-8")
    complete = all(len(row) == len(INDEX_SERVERS) for row in table.values()) or options.only
    return 0 if complete and not problems else 1


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = measuring_parser(__doc__, ".venv-installers")
    parser.add_argument("--only", default="")
    return parser.parse_args(arguments)


def measuring_parser(description: str | None, folder: str) -> argparse.ArgumentParser:
    """Return a parser of the options that all programs with installers have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=ROOT / folder)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser


def find_python(version: str) -> Path:
    """Return an interpreter of this version: one on PATH, one of pyenv, or one that uv provides."""
    candidates = [shutil.which(f"python{version}"), *_pyenv_pythons(version)]
    for candidate in filter(None, candidates):
        done = subprocess.run(
            [candidate, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True
        )
        if done.returncode == 0:
            return Path(done.stdout.strip())
    path = os.pathsep.join(["/usr/bin", "/bin"])
    found = subprocess.run(
        [_UV, "python", "find", "--no-config", version],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    if found.returncode:
        raise SystemExit(f"Python {version} is missing: {found.stderr}")
    return Path(found.stdout.strip())


def _pyenv_pythons(version: str) -> list[str]:
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return [str(path) for path in sorted(root.glob(f"versions/{version}.*/bin/python"))]


def make_environments(place: Place, tools: Mapping[str, Sequence[str]]) -> None:
    """Create the environments of installers and servers that are missing."""
    newest = place.pythons[PYTHONS[0]]
    wanted = {name: (newest, packages) for name, packages in tools.items()}
    for name in [name for name in wanted if name.startswith("pip-")]:  # pip installs for its own Python
        _, packages = wanted.pop(name)
        wanted |= {f"{name}-{version}": (python, packages) for version, python in place.pythons.items()}
    for name, (python, packages) in wanted.items():
        done = place.tools / name / "complete"
        if not done.exists():
            target = place.tools / name
            subprocess.run([_UV, "venv", "--quiet", "--clear", "--python", python, target], check=True)
            subprocess.run([_UV, "pip", "install", "--quiet", "--python", target, *packages], check=True)
            done.touch()


def write_index(folder: Path, machine: str | None = None, write: Write = write_ecosystem) -> None:
    """Write an ecosystem with static index pages; *machine* as in `write_ecosystem`."""
    shutil.rmtree(folder, ignore_errors=True)
    write(folder, machine=machine)
    command = (SCRIPTS / "variant-backend", "index", "--quiet", "--simple", folder)
    subprocess.run([*map(str, command)], check=True, capture_output=True)


def oracle(
    folder: Path,
    python: Path,
    machine: str,
    write: Write = write_ecosystem,
    roots: Sequence[str] = ROOTS,
) -> dict[str, Origin]:
    """Return what uv with its flag installs from the same projects for a machine.

    The folder has the published projects, and gets those for the oracle.
    """
    wheels = folder / machine
    write_index(wheels, machine, write)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        options = ("--python", python, "--target", "target", "--no-config", "--no-cache")
        flag = ("--preview-features", "wheel-variants", "--default-index", (wheels / "simple").as_uri())
        start((_UV, "pip", "install", *options, *flag, *roots), Path(name), _forced(machine))
        return origins(Path(name, "target"), wheels, folder / "published")


def _forced(machine: str) -> dict[str, str]:
    """Return the variables that give uv the GPU of a machine, or none."""
    hardware = hardware_of(parse_machine(MACHINES[machine]), {}, None)
    supported = {name: namespace.features for name, namespace in hardware.namespaces.items()}
    return {"NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": "none", **forcing_variables(supported)}


_TEXT = """# Which installers get variants, from which package indexes

Run `python3 dev.py installers` to measure this table again. It takes about half an hour on two
cores, and downloads the installers. This table is of {date}.

The {projects} made projects have variants for two versions of CUDA, two BLAS and two OpenMP libraries, two
implementations of MPI and the levels of x86-64. In each cell, the installer installs {roots} of them with
all their requirements for three machines: with a GPU for CUDA 13.0, with a GPU for CUDA 12.8, and
without a GPU. It does so for Python {pythons}. `yes` means that each installed wheel is the wheel that
uv selects with `{flag}` on that machine: the hashes are equal, and
so are the requirements in its METADATA. The number counts the installed projects: one of them has only
an sdist, of which the requirements are compared.

Installers that write no lock file got their packages with
[`variant-backend run`](run.md), the others with [`variant-backend serve`](offer.md).

{table}

devpi and pypiserver do not list [index files](reference/glossary.md#index-file): then the offer reads the
variants from the wheels. While a mirror of devpi reads a project for the first time, it answers other
requests for that project with an empty page. So each page of the mirror was requested once before.

## Versions

{versions}
"""


def _page(table: Mapping[str, Mapping[str, Cell]], place: Place) -> str:
    """Return the page of the documentation."""
    heads = ["installer", "through", *INDEX_SERVERS]
    rows = [heads, ["---"] * len(heads)]
    for installer in INSTALLERS:
        cells = (table[installer.name].get(server) for server in INDEX_SERVERS)
        rows.append([installer.name, f"`{installer.through}`", *map(_shown, cells)])
    projects = {path.name.split("-")[0] for path in place.published.glob("sci*")}
    return _TEXT.format(
        date=datetime.datetime.now(datetime.timezone.utc).date(),
        projects=len(projects),
        roots=len(ROOTS),
        pythons=" and ".join(PYTHONS),
        flag=UV_FLAG,
        table="\n".join(f"| {' | '.join(row)} |" for row in rows),
        versions="\n".join(f"- {text}" for text in versions_in(place, {**TOOLS, **SERVER_PROGRAMS})),
    )


def _shown(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return f"**no**: {len(cell.problems)} different" if cell.problems else f"yes, {cell.wheels}"


def versions_in(place: Place, tools: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the names and versions of installers and servers."""
    yield from tool_versions(place, tools)
    yield f"moto {importlib.metadata.version('moto')}"
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True, env=clean_environment(ROOT))
    yield nginx.stderr.strip().rpartition(" ")[2].replace("/", " ")


def tool_versions(place: Place, tools: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the names and versions of tools that have environments of their own, and of uv."""
    yield f"uv {UV_VERSION}"
    for name, packages in sorted(tools.items()):
        folder = place.tools / (f"{name}-{PYTHONS[0]}" if name.startswith("pip-") else name)
        package = re.split(r"[=<\[]", packages[0])[0]
        (info,) = folder.glob(f"lib/python3*/site-packages/{package.replace('-', '_')}-*.dist-info")
        yield f"{package} {info.name.removesuffix('.dist-info').rpartition('-')[2]}"


def _column(
    place: Place,
    server: str,
    expected: Mapping[tuple[str, str], Mapping[str, Origin]],
    options: argparse.Namespace,
) -> dict[str, Cell]:
    """Measure all installers with a server, except for cells that were right with the same code."""
    results = place.folder / "results" / digest_of_code()
    results.mkdir(parents=True, exist_ok=True)
    files = {i: results / re.sub(r"[^a-z0-9]+", "-", f"{i.name} {server}".lower()) for i in INSTALLERS}
    wanted = [i for i in INSTALLERS if options.only in i.name or options.only in server]
    missing = [i for i in wanted if not is_right(files[i])]
    if missing:
        with _started(place, server) as (url, site):
            measure = partial(_cell, place, url, site, expected)
            named = {f"{server}, {i.name}": (partial(measure, i), files[i]) for i in missing}
            write_cells(named, options.jobs)
    return {i.name: read_cell(files[i]) for i in wanted}


def write_cells(named: Mapping[str, tuple[Callable[[], Cell], Path]], jobs: int) -> None:
    """Measure cells by name, several at the same time, and write each result into its file."""

    def write(name: str, measure: Callable[[], Cell], path: Path) -> None:
        cell = measure()
        path.write_text(json.dumps(cell))
        print(f"{name}: {len(cell.problems)} problems", flush=True)

    with ThreadPoolExecutor(jobs) as pool:
        written = [pool.submit(write, name, *how) for name, how in named.items()]
    for one in written:
        one.result()


def is_right(path: Path) -> bool:
    """Return whether a file has the result of a cell without problems."""
    return path.exists() and not read_cell(path).problems


def read_cell(path: Path) -> Cell:
    """Return the result in a file."""
    problems, wheels = json.loads(path.read_text())
    return Cell(tuple(problems), wheels)


def digest_of_code() -> str:
    """Return a short digest of this project's code and of the installers."""
    digest = hashlib.sha256(repr(TOOLS).encode())
    patterns = ("variant_backend/**/*.py", "tests/helpers/*.py", "examples/overlays/*.toml")
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@contextmanager
def _started(place: Place, server: str) -> Iterator[tuple[str, str]]:
    """Start a server and the offer of its index; yield the URLs of both."""
    with (
        started_server(place, server) as url,
        started_offer(place.folder, MACHINES, "--index-url", url) as site,
    ):
        yield url, site


@contextmanager
def started_server(place: Place, server: str) -> Iterator[str]:
    """Start a server of the published projects; yield the URL of its index."""
    with tempfile.TemporaryDirectory(dir=place.folder) as scratch:
        programs = place.tools / re.sub(r"\W.*", "", server) / "bin"
        with INDEX_SERVERS[server](place.published, Path(scratch), programs) as url:
            yield url


@contextmanager
def started_offer(home: Path, machines: Mapping[str, str], *sources: object) -> Iterator[str]:
    """Start `serve` for machines by name, with options for its sources; yield its URL."""
    named = [part for name, spec in machines.items() for part in ("--machine", f"{name}={spec}")]
    command = [SCRIPTS / "variant-backend", "serve", "--quiet", "--no-access-log", "--port", "0"]
    with subprocess.Popen(
        [*map(str, (*command, *sources)), *named],
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment(home),
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().partition(f"{next(iter(machines))}/")[0]
        finally:
            process.terminate()


def _cell(
    place: Place,
    index_url: str,
    site: str,
    expected: Mapping[tuple[str, str], Mapping[str, Origin]],
    installer: Installer,
) -> Cell:
    """Install for each machine with each Python, and compare with the oracle."""
    problems: list[str] = []
    wheels = 0
    for machine, version in product(MACHINES, PYTHONS):
        through: tuple[str, ...] = ()
        url = f"{site}{machine}/simple/"
        if installer.through == "run":
            through = (str(SCRIPTS / "variant-backend"), "run", "--machine", MACHINES[machine], "--")
            url = index_url
        with tempfile.TemporaryDirectory(dir=place.folder, ignore_cleanup_errors=True) as folder:
            job = Job(Path(folder), place.pythons[version], version, url, place.tools, through)
            try:
                found = _problems(job, installer, place.published, expected[machine, version])
            except Exception as error:  # any failure of a tool is a result
                found = [f"{type(error).__name__}: {error}"]
        problems += (f"{machine}, Python {version}: {text}" for text in found)
        wheels += len(expected[machine, version])
    return Cell(tuple(problems), wheels)


def _problems(job: Job, installer: Installer, published: Path, expected: Mapping[str, Origin]) -> list[str]:
    """Install, and return the differences from the oracle."""
    done = installer.install(job)
    installed = origins(done.site_packages, published)
    # The offer decides the variant markers of `sciaudio`: its wheel has another hash, which tools verify.
    hashes = {name: origin.sha256 for name, origin in installed.items() if name != "sciaudio"}
    unlocked = unlocked_problems(done, {name: text for name, text in hashes.items() if text != "sdist"})
    return [*differences(installed, expected), *unlocked]


def unlocked_problems(done: Installed, hashes: Mapping[str, str]) -> list[str]:
    """Return a problem for each installed project whose hash is not in the lock file, if there is one."""
    if done.lock is None:
        return []
    locked = set(re.findall(r"[0-9a-f]{64}", done.lock.read_text()))
    missing = [name for name, sha256 in hashes.items() if sha256 not in locked]
    return [f"{name}: its hash is not in {done.lock.name}" for name in missing]


def differences(installed: Mapping[str, Origin], expected: Mapping[str, Origin]) -> list[str]:
    """Return the differences between two installations: wheels by their hashes, and requirements."""
    problems = []
    for name in sorted({*installed, *expected}):
        got, wanted = (origin and _comparable(origin) for origin in (installed.get(name), expected.get(name)))
        if got != wanted:
            problems.append(f"{name}: expected {wanted}, got {got}")
    return problems


def _comparable(origin: Origin) -> tuple[str, str, tuple[str, ...]]:
    requires = (str(Requirement(text)) for text in origin.requires)
    return origin.filename, origin.sha256, tuple(sorted(requires))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
