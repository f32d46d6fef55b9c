"""Check the promises about speed: time variant-backend and its peers in the same run.

Run this file with the interpreter of an environment that has the project, in any folder. variantlib
needs older versions of the project's dependencies, so it has an environment of its own::

    python -m pip install . ./commands
    peer/bin/python -m pip install --group bench
    python benchmarks/run.py --variantlib peer/bin/variantlib

The promises:

- torch: labelling the real torch wheel takes at most 2.5 times as long as ``cp``, at least 50 times
  less than variantlib's ``make-variant``, and at most 80 MB of memory. Making its null variant by the recipe
  of ``examples/pytorch``, without its local version, takes at most 2.5 times as long as ``cp``, too.
- payload: ``variant-backend check --payload`` takes at most 1.2 times as long for the real torch wheel as
  Python takes to inflate its shared objects, and at most 100 MB of memory.
- mend: writing a sound copy of a wheel takes at most 12 times as long for 10,000 members as for 1,000.
- large: labelling a made wheel of 2 GB takes at most 1.3 times as long as ``cp``.
- hook: in the build hook, rewriting a wheel of 500 MB takes at most twice as long as one of 5 MB.
- small: labelling a small wheel takes at most 9 times as long as ``python -c pass``, and no longer
  than variantlib's ``make-variant``.
- index: ``variant-backend index`` over 500 wheels of 600 members each takes at least 5 times less than
  variantlib's ``generate-index-json``, and over wheels of 4 members at least 1.5 times less: then starting
  Python and the command line takes most of the time. Each of 10,000 wheels takes at most 1.5 times as long
  as each of 1,000.
- remember: ``variant-backend index --simple`` of a folder with 2 GB of unchanged wheels and a new wheel of
  100 MB takes at most 1.5 times as long as with that wheel alone.
- rank: ordering 1,000 variants with 8 features each takes at least 20 times less than variantlib's
  ``get_variants_by_priority``. Each gets its own input: our metadata, and parsed JSON. 100,000 variants take
  at most 15 times as long as 10,000: n log n is 12.5 times, and caches hold a smaller part of them.
- align: choosing the values of 6 features, with 8 values each, for a random graph of 300 packages takes at
  most 100 ms, and for one of 3,000 packages at most 12 times as long. A package has 1 to 8 variants with 1 to
  6 random features, and random values of them.
- pages: reading a page of 100,000 links takes at most 12 times as long as one of 10,000, and at most 250 MB
  of memory. The same is true for a page of 10,000 tags with 90 odd attributes each, against 1,000.
- growth: for ten times as many labels, features, wheels of a release, projects, local versions, members of
  a wheel or installed distributions, a command or a program that uses the API takes at most 12 times as long;
  the table is in ``growth.py``.
- build: pip builds a small project with the hooks, in an isolated environment and without network, in at most
  1.8 times the time without them.
- import: ``import variant_backend.hooks`` takes at most 7 times as long as ``python -c pass``. ``import
  variant_backend.api`` takes at most 0.85 times as long as ``import packaging.requirements``, and at least 2
  times less than ``import variantlib.api``. If ``packaging`` takes 35 ms more than ``python -c pass`` with
  10 ms, the interface takes at most 28 ms.
- detect: on a machine without libraries of GPU drivers, detecting what it supports takes at most half as long
  as ``python -c pass``, and ``variant-backend hardware`` at most 1.4 times as long as ``variant-backend
  --version``. The time for imports counts only for the second one.
- start: a command through ``variant-backend run`` takes at most 6 times as long as ``variant-backend
  --version``: with 50 ms for the latter, the command starts and ends at most 0.3 seconds later.
- dispatch: downloading a small wheel from a server on this machine, by the hook of a dispatching sdist, takes
  at most 3 times as long as Python takes to compute its tags and to import the modules for lock files and
  HTTP.
- graph: resolving a graph of 60 packages with alignment, and choosing the values, takes at most 2.3 times as
  long as resolving it once.
- load: 50 clients get the page of a project with 10,000 wheels from ``variant-backend serve`` with 4 workers
  at least 10 times faster than from pypiserver with 4 workers, and from simple-repository-server, which has
  no such option. Both serve as many plain wheels.

Whole processes are timed, in turn with their peer, after a warm-up that fills the disk cache and compiles
the imports. For the hook, only the time after the wrapped backend counts, for a ranking, only the time after
reading the document, for a choice of values, only this choice, for detecting, only the time after the
imports, and for a graph, only the time after the start of the offer. A ratio is the median of the ratios of
all turns. The ratio of the fastest runs is printed beside it: if it differs much from the median, the machine
was busy.
The exit code is 0 if every promise is kept, and 1 if one is not kept, or cannot be measured.

The torch wheel is downloaded with pip, unless ``--torch`` names it. The temporary folder needs 5 GB; set the
environment variable TMPDIR to use another one.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import importlib.metadata
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from graphs import PACKAGES, RESOLVE, write_graph
from growth import CASES, Case
from load import CLIENTS, WHEELS, load, servers, write_plain, write_upstream
from made_wheel import make_wheel
from timing import MEGABYTE, Figure, MeasuringError, Run, at_most, faster, in_turn, run, smaller, within

VARIANTLIB_VERSION = "0.2.2"
TORCH = "torch==2.13.0+cpu"
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
# The same file on every system.
TORCH_PLATFORM = ("--python-version=3.11", "--platform=manylinux_2_28_x86_64", "--only-binary=:all:")
ROOT = Path(__file__).resolve().parent.parent
TORCH_PROJECT_FILE = ROOT / "examples" / "pytorch" / "pyproject.toml"

LABEL = "cu12"
PROPERTY = "nvidia :: cuda_version_lower_bound :: 12.0"
# variantlib needs a project file.
PROJECT_FILE = """\
[variant.default-priorities]
namespace = ["nvidia"]

[variant.providers.nvidia]
requires = ["nvidia-variant-provider>=0.0.1,<1.0.0"]
plugin-api = "nvidia_variant_provider.plugin:NvidiaVariantPlugin"
"""

# The project for the hook: its backend copies an existing wheel, and notes the time after that.
HOOK_PROJECT_FILE = """\
[build-system]
requires = []
build-backend = "variant_backend.hooks"

[tool.variant-backend]
build-backend = "ready_wheel"
backend-path = ["."]
"""
HOOK_BACKEND = """\
import shutil
import time
from pathlib import Path

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    global ended
    (wheel,) = Path().glob("*.whl")
    shutil.copyfile(wheel, Path(wheel_directory, wheel.name))
    ended = time.perf_counter()
    return wheel.name
"""
HOOK_FRONTEND = """\
import sys
import time
from variant_backend import hooks

_, output, label, prop = sys.argv
hooks.build_wheel(output, {"variant": [label, prop]})
print(time.perf_counter() - sys.modules["ready_wheel"].ended)
"""


class Bench(NamedTuple):
    """The input of every benchmark: an empty folder, the number of turns, the torch wheel, the peer."""

    folder: Path
    runs: int
    torch: Path | None
    variantlib: Path

    @property
    def output(self) -> Path:
        """The folder that commands write to; it is empty when a command starts."""
        return self.folder / "output"

    def beside_peer(self, name: str) -> Path:
        """Return the path of another program in the environment of the peers."""
        return self.variantlib.with_name(name + self.variantlib.suffix)

    def run(self, command: Sequence[str | Path]) -> Run:
        """Run a command with an empty output folder; raises MeasuringError if it fails."""
        return run(command, self.folder, self.output)


def script(name: str) -> str:
    """Return the path of an installed script beside the interpreter."""
    path = shutil.which(name, path=str(Path(sys.executable).parent))
    if path is None:
        raise MeasuringError(f"{name} is missing beside {sys.executable}; install the project")
    return path


def ours(bench: Bench, wheel: Path) -> Callable[[], Run]:
    """Return our conversion of a wheel."""
    command = [script("make-variant"), "--property", PROPERTY, "--label", LABEL]
    return lambda: bench.run([*command, "--output", bench.output, wheel])


def by_recipe(bench: Bench, wheel: Path) -> Callable[[], Run]:
    """Return our conversion of the torch wheel to its null variant, by the recipe of the example."""
    command: list[str | Path] = [script("make-variant"), "--null", "--strip-local-version"]
    command += ["--pyproject", TORCH_PROJECT_FILE, "--output", bench.output]
    return lambda: bench.run([*command, wheel])


def variantlib(bench: Bench, wheel: Path) -> Callable[[], Run]:
    """Return variantlib's conversion of a wheel, without validating properties, which installs plugins."""
    project_file = bench.folder / "for_variantlib.toml"
    project_file.write_text(PROJECT_FILE)
    command = [str(bench.variantlib), "make-variant", "--skip-plugin-validation"]
    command += ["--property", PROPERTY, "--variant-label", LABEL, "--pyproject-toml", str(project_file)]
    return lambda: bench.run([*command, "--output-directory", bench.output, "--file", wheel])


def copy(bench: Bench, wheel: Path) -> Callable[[], Run]:
    """Return a copy of a wheel by ``cp``, or by Python if there is no ``cp``."""
    in_python = [sys.executable, "-c", "import shutil, sys; shutil.copy(*sys.argv[1:])"]
    command = ["cp"] if shutil.which("cp") else in_python
    return lambda: bench.run([*command, wheel, bench.output])


def python(bench: Bench, statement: str) -> Callable[[], Run]:
    """Return an interpreter that runs one statement."""
    return lambda: bench.run([sys.executable, "-c", statement])


def download_torch(folder: Path) -> Path:
    """Download the torch wheel, and return its path."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", *TORCH_PLATFORM, TORCH]
    for index in ([], ["--index-url", TORCH_INDEX]):
        if not subprocess.run([*command, *index], cwd=folder, stdout=sys.stderr).returncode:
            return next(folder.glob("torch-*.whl"))
    raise MeasuringError(f"cannot download {TORCH}; name the wheel with --torch")


def benchmark_torch(bench: Bench) -> Iterator[Figure]:
    """Label the real torch wheel against cp and variantlib, and convert it by its recipe."""
    wheel = bench.torch or download_torch(bench.folder)
    if "+" not in wheel.name:
        raise MeasuringError(f"{wheel.name} has no local version to drop; name another wheel with --torch")
    subject = f"{wheel.name}, {wheel.stat().st_size / MEGABYTE:.0f} MB"
    commands = {"make-variant": ours(bench, wheel), "cp": copy(bench, wheel)}
    yield at_most(2.5, subject, *in_turn(bench.runs, commands))
    commands = {"make-variant": by_recipe(bench, wheel), "cp": copy(bench, wheel)}
    yield at_most(2.5, f"{subject}: by its recipe", *in_turn(bench.runs, commands))
    # The peer takes half a minute, so there are fewer turns; the disk cache is warm already.
    commands = {"make-variant": ours(bench, wheel), "variantlib": variantlib(bench, wheel)}
    timed = in_turn((bench.runs + 2) // 3, commands, warm_up=False)
    yield faster(50, subject, *timed)
    yield smaller(80, f"{subject}: peak memory", *timed)


# The peer of the payload: the import tables are in shared objects, which have to be inflated for them.
INFLATE = """\
import sys
import zipfile

with zipfile.ZipFile(sys.argv[1]) as archive:
    for name in archive.namelist():
        if ".so" in name:
            with archive.open(name) as member:
                while member.read(1 << 20):
                    pass
"""


def benchmark_payload(bench: Bench) -> Iterator[Figure]:
    """Read the import tables of the real torch wheel, against inflating its shared objects."""
    wheel = bench.torch or download_torch(bench.folder)
    check: list[str | Path] = [script("variant-backend"), "check", "--payload", wheel]
    commands = {
        "check --payload": lambda: bench.run(check),
        "inflating": lambda: bench.run([sys.executable, "-c", INFLATE, wheel]),
    }
    timed = in_turn((bench.runs + 2) // 3, commands)
    yield at_most(1.2, f"{wheel.name}: import tables", *timed)
    yield smaller(100, f"{wheel.name}: peak memory", *timed)


def benchmark_mend(bench: Bench) -> Iterator[Figure]:
    """Mend a wheel with 10,000 members, against one with 1,000."""

    def mend(members: int) -> Callable[[], Run]:
        folder = bench.folder / f"unsound{members}"
        folder.mkdir()
        wheel = make_wheel(folder, members, 100)
        with wheel.open("ab") as file:
            file.write(b"trailing bytes")
        return lambda: bench.run([script("variant-backend"), "mend", "-q", wheel, "-o", bench.output])

    commands = {f"{count:,} members": mend(count) for count in (10_000, 1_000)}
    yield at_most(12, "10,000 members against 1,000", *in_turn(bench.runs, commands))


def benchmark_large(bench: Bench) -> Iterator[Figure]:
    """Label a made wheel of a little more than 2 GiB, against cp."""
    members, size = 8, 270 * MEGABYTE
    if shutil.disk_usage(bench.folder).free < 2.2 * members * size:
        raise MeasuringError(f"{bench.folder}: expected 5 GB of free space; set TMPDIR to another folder")
    wheel = make_wheel(bench.folder, members, size)
    commands = {"make-variant": ours(bench, wheel), "cp": copy(bench, wheel)}
    yield at_most(
        1.3, f"made wheel, {wheel.stat().st_size / MEGABYTE:,.0f} MB", *in_turn(bench.runs, commands)
    )


def benchmark_hook(bench: Bench) -> Iterator[Figure]:
    """Rewrite two wheels with equally many members in the hook: a large one, and a small one as its peer."""

    def rewriting(megabytes: int) -> Callable[[], Run]:
        project = bench.folder / f"project{megabytes}"
        project.mkdir()
        (project / "pyproject.toml").write_text(HOOK_PROJECT_FILE)
        (project / "ready_wheel.py").write_text(HOOK_BACKEND)
        make_wheel(project, 5, megabytes * MEGABYTE // 5)
        command: list[str | Path] = [sys.executable, "-c", HOOK_FRONTEND, bench.output, LABEL, PROPERTY]

        def measure() -> Run:
            whole = run(command, project, bench.output)
            return whole._replace(seconds=float(whole.printed.splitlines()[-1]))

        return measure

    commands = {"500 MB": rewriting(500), "5 MB": rewriting(5)}
    yield at_most(2, "rewriting in the hook", *in_turn(bench.runs, commands))


def benchmark_small(bench: Bench) -> Iterator[Figure]:
    """Label a small wheel, against an empty Python process and variantlib."""
    wheel = make_wheel(bench.folder, 10, 2000)
    commands = {
        "make-variant": ours(bench, wheel),
        "python -c pass": python(bench, "pass"),
        "variantlib": variantlib(bench, wheel),
    }
    mine, empty, peer = in_turn(bench.runs, commands)
    subject = f"small wheel, {wheel.stat().st_size / 1000:.0f} kB"
    yield at_most(9, subject, mine, empty)
    yield at_most(1, subject, mine, peer)


INDEX_PROJECT_FILE = """\
[variant.default-priorities]
namespace = ["nvidia"]

[variant.providers.nvidia]
requires = ["nvidia-variant-provider>=0.0.1,<1.0.0"]
plugin-api = "nvidia_variant_provider.plugin:NvidiaVariantPlugin"

[variant.variants.null]
"""
INDEX_VARIANT = """
[variant.variants.cu{number}.nvidia]
cuda_version_lower_bound = ["12.{number}"]
sm_arch = ["70_real", "75_real", "80_real", "86_real", "90_real", "100_real", "120_real"]
"""
INDEX_LABELS = 10


def release(bench: Bench, wheels: int, members: int) -> Path:
    """Write a folder of *wheels* variants: one for each label, and copies of them with other tags."""
    folder = bench.folder / f"release{wheels}of{members}"
    folder.mkdir()
    plain = make_wheel(folder, members - 3, 1)
    project_file = folder / "pyproject.toml"
    variants = [INDEX_VARIANT.format(number=number) for number in range(INDEX_LABELS)]
    project_file.write_text("".join([INDEX_PROJECT_FILE, *variants]))
    for number in range(INDEX_LABELS):
        label = f"cu{number}"
        bench.run([script("make-variant"), "-q", "--pyproject", project_file, "-l", label, plain])
        for tag in range(wheels // INDEX_LABELS):
            name = f"made-1.0-cp3{tag}-cp3{tag}-any-{label}.whl"
            os.link(folder / f"made-1.0-py3-none-any-{label}.whl", folder / name)
        (folder / f"made-1.0-py3-none-any-{label}.whl").unlink()
    plain.unlink()
    return folder


def index(bench: Bench, folder: Path) -> Callable[[], Run]:
    """Return our index of a folder; the file of the previous run is removed first."""

    def run() -> Run:
        (folder / "made-1.0-variants.json").unlink(missing_ok=True)
        return bench.run([script("variant-backend"), "index", folder])

    return run


def with_new_wheel(bench: Bench, unchanged: int) -> Callable[[], Run]:
    """Return our index of a folder with a new wheel beside *unchanged* ones of the same size."""
    folder = bench.folder / f"new_beside{unchanged}"
    folder.mkdir()
    new = make_wheel(folder, 1, 100 * MEGABYTE)
    shutil.copy(new, folder / "first")
    for number in range(unchanged):
        os.link(folder / "first", folder / f"made-1.0-cp3{number}-cp3{number}-any.whl")

    def run() -> Run:
        new.touch()
        return bench.run([script("variant-backend"), "index", "--simple", folder])

    return run


def benchmark_remember(bench: Bench) -> Iterator[Figure]:
    """Index a folder with one new wheel and many unchanged ones, against a folder with that wheel alone."""
    commands = {
        "2 GB and a new wheel": with_new_wheel(bench, 20),
        "the wheel alone": with_new_wheel(bench, 0),
    }
    time.sleep(2.1)  # younger files are always hashed; the warm-up hashes these
    yield at_most(1.5, "unchanged wheels are remembered", *in_turn(bench.runs, commands))


def benchmark_index(bench: Bench) -> Iterator[Figure]:
    """Index 500 large or small wheels against variantlib, and 10,000 wheels against 1,000."""
    for members, limit in ((600, 5), (4, 1.5)):
        folder = release(bench, 500, members)
        peer = functools.partial(bench.run, [bench.variantlib, "generate-index-json", "-d", folder])
        commands: dict[str, Callable[[], Run]] = {"index": index(bench, folder), "variantlib": peer}
        yield faster(limit, f"500 wheels of {members} members", *in_turn(bench.runs, commands))
    many, few = release(bench, 10_000, 4), release(bench, 1_000, 4)
    commands = {"10,000 wheels": index(bench, many), "1,000 wheels": index(bench, few)}
    timed = in_turn((bench.runs + 2) // 3, commands)
    yield at_most(15, "10,000 wheels against 1,000", *timed)


# Rankings of a release from a document in a file; timing starts after reading it.
RANK_OURS = """\
import gc
import sys
import time
from pathlib import Path
from packaging.tags import sys_tags
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.metadata_reading import metadata_from_json
from variant_backend._internal.variants.ranking import rank_wheels, static_support

gc.disable()  # our programs do the same
metadata = metadata_from_json(Path(sys.argv[1]).read_bytes(), "document")
wheels = [WheelFilename("made", "1.0", "", "py3-none-any", label) for label in metadata.variants]
tags = list(sys_tags())
start = time.perf_counter()
verdicts = rank_wheels(wheels, metadata, static_support(metadata), tags)
print(time.perf_counter() - start)
assert all(verdict.is_compatible for verdict in verdicts)
"""
RANK_PEER = """\
import json
import sys
import time
from pathlib import Path
from variantlib.api import get_variants_by_priority

document = json.loads(Path(sys.argv[1]).read_bytes())
start = time.perf_counter()
get_variants_by_priority(variants_json=document)
print(time.perf_counter() - start)
"""
RANK_FEATURES = 8


def rank(bench: Bench, python: str | Path, script: str, variants: int) -> Callable[[], Run]:
    """Return a ranking of *variants* variants, each with a value of every feature."""
    features = [f"f{number}" for number in range(RANK_FEATURES)]
    values = [str(number) for number in range(9)]
    source = random.Random(variants)
    document = {
        "$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",
        "default-priorities": {"namespace": ["made"]},
        "providers": {
            "made": {"static-properties": dict.fromkeys(features, values), "feature-order": features}
        },
        "variants": {
            f"v{number}": {"made": {feature: [source.choice(values)] for feature in features}}
            for number in range(variants)
        },
    }
    path = bench.folder / f"made{variants}.json"
    path.write_text(json.dumps(document))

    def measure() -> Run:
        whole = bench.run([python, "-c", script, path])
        return whole._replace(seconds=float(whole.printed.splitlines()[-1]))

    return measure


def benchmark_rank(bench: Bench) -> Iterator[Figure]:
    """Rank 1,000 variants against variantlib, and 100,000 against 10,000."""
    peer = bench.variantlib.with_name(f"python{bench.variantlib.suffix}")
    commands = {
        "rank": rank(bench, sys.executable, RANK_OURS, 1_000),
        "variantlib": rank(bench, peer, RANK_PEER, 1_000),
    }
    yield faster(20, f"1,000 variants of {RANK_FEATURES} features", *in_turn(bench.runs, commands))
    commands = {
        f"{count:,} variants": rank(bench, sys.executable, RANK_OURS, count) for count in (100_000, 10_000)
    }
    timed = in_turn((bench.runs + 2) // 3, commands)
    yield at_most(15, "100,000 variants against 10,000", *timed)


# Chooses values for random graphs, and prints the mean time of a graph. In every other package, all variants
# have the same features.
ALIGN = """\
import gc
import random
import sys
import time
from variant_backend._internal.graphs.aligned_packages import AlignedPackage, VariantOption
from variant_backend._internal.graphs.assignment import best_alignment

AXES = [(f"n{number}", "f") for number in range(6)]
VALUES = [f"v{number}" for number in range(8)]
GRAPHS = 5

def package(name, source):
    options = []
    for label in range(source.randint(1, 8)):
        if not options or int(name[1:]) % 2:
            axes = source.sample(AXES, source.randint(1, 6))
        values = {axis: frozenset([source.choice(VALUES)]) for axis in axes}
        options.append(VariantOption(f"l{label}", values))
    return AlignedPackage(name, tuple(options), True)

gc.disable()  # our programs do the same
seconds = 0
for seed in range(GRAPHS):
    source = random.Random(seed)
    packages = [package(f"p{number}", source) for number in range(int(sys.argv[1]))]
    start = time.perf_counter()
    alignment = best_alignment(packages, dict.fromkeys(AXES, VALUES))
    seconds += time.perf_counter() - start
    assert alignment.is_proven
print(seconds / GRAPHS)
"""


def align(bench: Bench, packages: int) -> Callable[[], Run]:
    """Return an alignment of graphs of *packages* packages."""

    def measure() -> Run:
        whole = bench.run([sys.executable, "-c", ALIGN, str(packages)])
        return whole._replace(seconds=float(whole.printed.splitlines()[-1]))

    return measure


def benchmark_align(bench: Bench) -> Iterator[Figure]:
    """Choose values of 6 features with 8 values each for random graphs of 300 packages, and of 3,000."""
    commands = {"choice": align(bench, 300), "python -c pass": python(bench, "pass")}
    yield within(100, "aligned values of 300 packages", *in_turn(bench.runs, commands))
    commands = {f"{count:,} packages": align(bench, count) for count in (3_000, 300)}
    yield at_most(12, "aligned values of ten times as many packages", *in_turn(bench.runs, commands))


# Reads a page of a package index in a file; timing starts after reading the file.
PAGE = """\
import gc
import sys
import time
from pathlib import Path
from variant_backend._internal.formats.simple_api import from_html

gc.disable()  # our programs do the same
content = Path(sys.argv[1]).read_bytes()
start = time.perf_counter()
files = from_html(content, "https://host.test/simple/made/").files
print(time.perf_counter() - start)
assert files
"""
LINK = (
    '<a href="https://files.test/packages/{0:064x}/made-1.{0}-py3-none-any.whl#sha256={0:064x}"'
    ' data-requires-python="&gt;=3.10" data-core-metadata="sha256={0:064x}">'
    "made-1.{0}-py3-none-any.whl</a><br>\n"
)
# Parsers that search for the end of a tag again at each "<" take quadratic time.
TAGS_IN_A_TAG = "<a href=made-1.{0}.whl " + "<a " * 90 + ">"


def page(bench: Bench, form: str, links: int) -> Callable[[], Run]:
    """Return a reading of a page of *links* links."""
    path = bench.folder / f"page{len(form)}of{links}.html"
    path.write_text("".join(form.format(number) for number in range(links)))

    def measure() -> Run:
        whole = bench.run([sys.executable, "-c", PAGE, path])
        return whole._replace(seconds=float(whole.printed.splitlines()[-1]))

    return measure


def benchmark_pages(bench: Bench) -> Iterator[Figure]:
    """Read ten times as many links, and ten times as many odd tags."""
    for what, form, most in (("links", LINK, 100_000), ("tags in a tag", TAGS_IN_A_TAG, 10_000)):
        commands = {f"{count:,} {what}": page(bench, form, count) for count in (most, most // 10)}
        timed = in_turn((bench.runs + 2) // 3, commands)
        yield at_most(12, f"a page of ten times as many {what}", *timed)
        yield smaller(250, f"a page of {most:,} {what}: peak memory", *timed)


def growing(bench: Bench, case: Case, size: int) -> Callable[[], Run]:
    """Return the command of a case, with an input of this size."""
    folder = bench.folder / case.subject / str(size)
    folder.mkdir(parents=True)
    case.make(folder, size)
    program, *words = case.command
    words = [word.replace("INPUT", str(folder)).replace("OUTPUT", str(bench.output)) for word in words]
    return lambda: bench.run([script(program), *words])


def benchmark_growth(bench: Bench) -> Iterator[Figure]:
    """Run each command with an input, and with one that is ten times as large."""
    for case in CASES:
        commands = {f"{size:,}": growing(bench, case, size) for size in (10 * case.size, case.size)}
        commands[f"{case.size:,}"]()  # compiles the imports
        yield at_most(12, case.subject, *in_turn(max(bench.runs // 6, 1), commands, warm_up=False))
        shutil.rmtree(bench.folder / case.subject)


BUILD_PROJECT_FILE = """\
[build-system]
requires = ["flit_core", {requirements}]
build-backend = "{backend}"

[tool.variant-backend]
build-backend = "flit_core.buildapi"

[project]
name = "small"
version = "1.0"
description = "A module"
"""


def benchmark_build(bench: Bench) -> Iterator[Figure]:
    """Build a small project with the hooks in an isolated environment, against its backend alone."""
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel", "--wheel-dir")
    wheels = bench.folder / "required"
    bench.run([*pip, wheels, ROOT, "flit_core"])
    offline = ("--no-index", "--find-links", wheels, "--no-deps")

    def building(backend: str, requirements: str) -> Callable[[], Run]:
        project = bench.folder / backend
        project.mkdir()
        (project / "small.py").touch()
        text = BUILD_PROJECT_FILE.format(backend=backend, requirements=requirements)
        (project / "pyproject.toml").write_text(text)
        return lambda: bench.run([*pip, bench.output, *offline, project])

    commands = {
        "hooks": building("variant_backend.hooks", '"variant-backend-core"'),
        "flit_core": building("flit_core.buildapi", ""),
    }
    yield at_most(1.8, "isolated build", *in_turn(bench.runs, commands))


def benchmark_import(bench: Bench) -> Iterator[Figure]:
    """Import the build backend and the public interface, against an empty process and their peers."""
    statement = "import variant_backend.hooks"
    commands = {"python -c import": python(bench, statement), "python -c pass": python(bench, "pass")}
    yield at_most(7, statement, *in_turn(bench.runs, commands))
    statement, parser = "import variant_backend.api", "import packaging.requirements"
    library = "import variantlib.api"
    commands = {text: python(bench, text) for text in (statement, parser)}
    commands[library] = lambda: bench.run([bench.beside_peer("python"), "-c", library])
    mine, parsing, peer = in_turn(bench.runs, commands)
    yield at_most(0.85, statement, mine, parsing)
    yield faster(2, statement, mine, peer)


DETECT = """\
import time
from variant_backend._internal.machine.detect import detect
from variant_backend._internal.machine.host import Host
from variant_backend._internal.machine.libraries import ask_libraries

host = Host.here({})
start = time.perf_counter()
detect(host)
seconds = time.perf_counter() - start
print("libraries" if ask_libraries(host) else seconds)
"""


def benchmark_detect(bench: Bench) -> Iterator[Figure]:
    """Detect what this machine supports, against an empty Python process and the start of the command."""

    def detect() -> Run:
        whole = bench.run([sys.executable, "-c", DETECT])
        if whole.printed.startswith("libraries"):
            raise MeasuringError("this machine has libraries of GPU drivers; use one without them")
        return whole._replace(seconds=float(whole.printed))

    commands = {"detecting": detect, "python -c pass": python(bench, "pass")}
    yield at_most(0.5, "detecting this machine", *in_turn(bench.runs, commands))
    ours = script("variant-backend")
    commands = {name: functools.partial(bench.run, [ours, name]) for name in ("hardware", "--version")}
    yield at_most(1.4, "variant-backend hardware", *in_turn(bench.runs, commands))


def benchmark_start(bench: Bench) -> Iterator[Figure]:
    """Start a command that ends at once through the offer, against the start of the command line."""
    ours = script("variant-backend")
    run_nothing: list[str | Path] = [
        ours,
        "run",
        "--find-links",
        bench.folder,
        sys.executable,
        "-I",
        "-S",
        "-c",
        "pass",
    ]
    commands: dict[str, Callable[[], Run]] = {
        "run": functools.partial(bench.run, run_nothing),
        "--version": functools.partial(bench.run, [ours, "--version"]),
    }
    yield at_most(6, "variant-backend run", *in_turn(bench.runs, commands))


DISPATCH = "import sys; from variant_backend import dispatch; dispatch.build_wheel(sys.argv[1])"
# Newer versions of Python warn without it, and older ones do not know it.
UNPACKING: dict[str, Any] = {"filter": "data"} if sys.version_info >= (3, 12) else {}
DISPATCH_PEER = "import packaging.pylock, packaging.tags, urllib.request; list(packaging.tags.sys_tags())"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder."""

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def dispatching_sdist(bench: Bench) -> Iterator[Path]:
    """Yield an unpacked sdist that dispatches small wheels, which a server on this machine serves."""
    folder = bench.folder / "served"
    folder.mkdir()
    plain = make_wheel(folder, 10, 2000)
    project_file = folder / "pyproject.toml"
    project_file.write_text(INDEX_PROJECT_FILE + INDEX_VARIANT.format(number=0))
    for label in ("cu0", "null"):
        bench.run([script("make-variant"), "-q", "--pyproject", project_file, "-l", label, plain])
    bench.run([script("variant-backend"), "index", folder])
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        bench.run([script("variant-backend"), "stub", folder, "--base-url", url, "-o", folder])
        shutil.unpack_archive(folder / "made-1.0.tar.gz", bench.folder, **UNPACKING)
        yield bench.folder / "made-1.0"
        server.shutdown()


def benchmark_dispatch(bench: Bench) -> Iterator[Figure]:
    """Download a small wheel from a server on this machine, against the imports that this needs."""
    with dispatching_sdist(bench) as sdist:
        hook: list[str | Path] = [sys.executable, "-c", DISPATCH, bench.output]
        commands = {
            "dispatch": lambda: run(hook, sdist, bench.output),
            "imports alone": lambda: run([sys.executable, "-c", DISPATCH_PEER], sdist, bench.output),
        }
        yield at_most(3, "dispatch of a small wheel", *in_turn(bench.runs, commands))


def benchmark_graph(bench: Bench) -> Iterator[Figure]:
    """Resolve a graph with alignment, against once; only the time after the offer has started counts."""
    upstream = bench.folder / "upstream"
    write_graph(upstream)
    bench.run([script("variant-backend"), "index", "--quiet", "--simple", upstream])

    def resolve(*align: str) -> Run:
        whole = bench.run([sys.executable, "-c", RESOLVE, upstream / "simple", *align])
        return whole._replace(seconds=float(whole.printed.splitlines()[-1]))

    commands: dict[str, Callable[[], Run]] = {
        "aligned": functools.partial(resolve, "blas"),
        "once": resolve,
    }
    yield at_most(2.3, f"graph of {PACKAGES} packages", *in_turn(bench.runs, commands))


def benchmark_load(bench: Bench) -> Iterator[Figure]:
    """Let 50 clients request a page of 10,000 wheels from our server, and from two peers."""
    upstream, plain = bench.folder / "upstream", bench.folder / "plain"
    write_upstream(upstream)
    write_plain(plain)
    bench.run([script("variant-backend"), "index", "--quiet", "--simple", upstream])
    serve: list[str | Path] = [script("variant-backend"), "serve", "--no-access-log", "--port", "PORT"]
    serve += ["--workers", "4", "--machine", "gpu=cuda:12.8", "--index-url", upstream / "simple"]
    gunicorn: list[str | Path] = [bench.beside_peer("gunicorn"), "--workers", "4", "--bind", "127.0.0.1:PORT"]
    commands: dict[str, tuple[Sequence[str | Path], str]] = {
        "serve": (serve, "/gpu/simple/made/"),
        "pypiserver": ([*gunicorn, f"pypiserver:app(roots=[{str(plain)!r}])"], "/simple/made/"),
        "simple-repository-server": (
            [bench.beside_peer("simple-repository-server"), plain, "--port", "PORT"],
            "/simple/made/",
        ),
    }
    with servers(commands, bench.folder) as urls:
        timed = load(
            urls, {"serve": 8, "pypiserver": 1, "simple-repository-server": 1}, (bench.runs + 2) // 3
        )
    for name in ("pypiserver", "simple-repository-server"):
        yield faster(10, f"page of {WHEELS:,} wheels, {CLIENTS} clients", timed["serve"], timed[name])


BENCHMARKS = {
    "torch": benchmark_torch,
    "payload": benchmark_payload,
    "mend": benchmark_mend,
    "large": benchmark_large,
    "hook": benchmark_hook,
    "small": benchmark_small,
    "index": benchmark_index,
    "remember": benchmark_remember,
    "rank": benchmark_rank,
    "align": benchmark_align,
    "pages": benchmark_pages,
    "growth": benchmark_growth,
    "build": benchmark_build,
    "import": benchmark_import,
    "detect": benchmark_detect,
    "start": benchmark_start,
    "dispatch": benchmark_dispatch,
    "graph": benchmark_graph,
    "load": benchmark_load,
}


def describe_environment(variantlib: Path) -> str:
    """Return the versions and the machine; raises MeasuringError for a missing package or another peer."""
    try:
        own = importlib.metadata.version("variant-backend")
    except importlib.metadata.PackageNotFoundError as error:
        raise MeasuringError(f"{error.name} is not installed") from None
    ask = "import importlib.metadata; print(importlib.metadata.version('variantlib'))"
    try:
        python = variantlib.with_name(f"python{variantlib.suffix}")
        peer = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        raise MeasuringError(
            f"{variantlib} is missing; install the group bench, and name the program"
        ) from None
    if peer != VARIANTLIB_VERSION:
        raise MeasuringError(f"expected variantlib {VARIANTLIB_VERSION}, got {peer}")
    return (
        f"variant-backend {own}, variantlib {peer}, Python {platform.python_version()},"
        f" {platform.platform()}, {os.cpu_count()} processors"
    )


def benchmark(name: str, runs: int, torch: Path | None, variantlib: Path) -> bool:
    """Print the figures of a benchmark, and return whether all its promises are kept."""
    kept = True
    try:
        with tempfile.TemporaryDirectory(prefix="variant-backend-", ignore_cleanup_errors=True) as folder:
            for figure in BENCHMARKS[name](Bench(Path(folder), runs, torch, variantlib)):
                verdict = "kept" if figure.kept else "NOT KEPT"
                print(f"{figure.subject}\n  {figure.ours}, {figure.peer}:", end=" ")
                print(f"{figure.ratio} ({figure.promise}: {verdict})", flush=True)
                kept &= figure.kept
    except (MeasuringError, OSError) as error:
        print(f"{name}: NOT MEASURED: {error}", flush=True)
        return False
    return kept


def main() -> int:
    """Run the benchmarks that --only names, or all."""
    parser = argparse.ArgumentParser(description="Time variant-backend and its peers.")
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="a benchmark to run; repeatable")
    parser.add_argument("--runs", type=int, default=9, help="how often each command is timed [default: 9]")
    parser.add_argument("--torch", type=Path, help="the torch wheel [default: download it]")
    parser.add_argument("--variantlib", type=Path, required=True, help="the program of variantlib")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error("--runs: expected a number of at least 1")
    try:
        print(describe_environment(arguments.variantlib), flush=True)
    except MeasuringError as error:
        print(f"NOT MEASURED: {error}")
        return 1
    torch = arguments.torch and arguments.torch.resolve()
    variantlib = arguments.variantlib.absolute()
    names = arguments.only or BENCHMARKS
    results = [benchmark(name, arguments.runs, torch, variantlib) for name in names]
    print("All promises are kept." if all(results) else "NOT all promises are kept.")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
