"""Ten real projects, and the steps from the sdist of a project to its installed variants.

Each project is wrapped as a user would do it: by ``variant-backend init``, which derives the compiler flags.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from timing import MeasuringError

from variant_backend._internal.formats.toml_read import read_toml

LEVELS = {"x86_64_v2": "v2", "x86_64_v3": "v3"}
VARIANTS = ("--preview-features", "wheel-variants")


class RealProject(NamedTuple):
    """A project on PyPI, and Python code that defines ``hot``, a function that takes some milliseconds.

    *recipe* are lines for the recipe of each label, besides those that ``init`` writes. *environment* has the
    variables that the project sets for all of its own wheels. *requires* are the requirements of ``hot``.
    meson-python makes an sdist only *in_git*.
    """

    name: str
    version: str
    hot: str
    recipe: str = ""
    environment: Mapping[str, str] = {}
    requires: tuple[str, ...] = ()
    in_git: bool = False

    @property
    def pin(self) -> str:
        """The requirement of exactly this version."""
        return f"{self.name}=={self.version}"


# The backends are setuptools, meson-python, scikit-build-core, maturin, poetry-core, hatchling and flit.
PROJECTS = (
    RealProject(
        "markupsafe",
        "3.0.4",
        """
from markupsafe import escape
text = "a plain sentence, without <b>markup</b> & with some more of it; " * 20_000
def hot(): escape(text)
""",
    ),
    RealProject(
        "xxhash",
        "4.1.0",
        """
import xxhash
data = bytes(range(256)) * 100_000
def hot(): xxhash.xxh3_64_intdigest(data), xxhash.xxh32_intdigest(data)
""",
    ),
    RealProject(
        "lz4",
        "4.4.5",
        """
import random
from lz4 import block
words = [b"%x " % random.Random(1).getrandbits(40 - number % 30) for number in range(2000)]
data = b"".join(random.Random(2).choices(words, k=300_000))
def hot(): block.decompress(block.compress(data))
""",
        environment={"PYLZ4_USE_SYSTEM_LZ4": "False"},
    ),
    RealProject(
        "kiwisolver",
        "1.5.1",
        """
from kiwisolver import Solver, Variable
def hot():
    solver, variables = Solver(), [Variable() for _ in range(120)]
    for left, right in zip(variables, variables[1:]):
        solver.addConstraint(left + 10 <= right)
        solver.addConstraint((right - left == 30) | "weak")
    solver.addConstraint(variables[0] >= 0)
    solver.addEditVariable(variables[-1], "strong")
    for value in range(1000, 2000, 50):
        solver.suggestValue(variables[-1], value)
        solver.updateVariables()
""",
    ),
    RealProject(
        "contourpy",
        "1.3.3",
        """
import numpy
from contourpy import contour_generator
x, y = numpy.meshgrid(numpy.linspace(0, 20, 400), numpy.linspace(0, 20, 400))
z = numpy.sin(x) * numpy.cos(y)
def hot():
    generator = contour_generator(x, y, z)
    for level in (-0.5, 0.0, 0.5):
        generator.lines(level), generator.filled(level, level + 0.25)
""",
        requires=("numpy",),
        in_git=True,
    ),
    RealProject(
        "sparse-dot-topn",
        "1.2.0",
        """
import scipy.sparse
from sparse_dot_topn import sp_matmul_topn
matrix = scipy.sparse.random(3000, 3000, density=0.01, format="csr", rng=1)
def hot(): sp_matmul_topn(matrix, matrix.T.tocsr(), top_n=10)
""",
        environment={"CMAKE_ARGS": "-DSDTN_ENABLE_ARCH_FLAGS=OFF -DSDTN_DISABLE_OPENMP=ON"},
        requires=("numpy", "scipy", "psutil"),
    ),
    # Its sdist contains all crates, and this version builds with Rust 1.85.
    RealProject(
        "orjson",
        "3.11.4",
        """
import orjson
rows = [{"id": n, "name": f"row {n}", "ratio": n / 7, "tags": ["a", "b", None]} for n in range(30_000)]
def hot(): orjson.loads(orjson.dumps(rows))
""",
    ),
    RealProject(
        "ulid-transform",
        "2.2.9",
        """
from ulid_transform import bytes_to_ulid, ulid_at_time, ulid_to_bytes
def hot():
    for number in range(20_000):
        bytes_to_ulid(ulid_to_bytes(ulid_at_time(1_700_000_000 + number)))
""",
        environment={"REQUIRE_EXTENSION": "1"},
    ),
    RealProject(
        "black",
        "26.10.1",
        """
import bisect, inspect
from black import Mode, format_str
source = inspect.getsource(bisect)
def hot(): format_str(source, mode=Mode())
""",
        environment={"HATCH_BUILD_HOOKS_ENABLE": "1", "MYPYC_OPT_LEVEL": "3", "MYPYC_DEBUG_LEVEL": "0"},
        requires=("click", "mypy-extensions", "packaging", "pathspec", "platformdirs", "pytokens"),
    ),
    # It has no code to compile: its variants require a release of another project that has variants, too.
    RealProject(
        "jinja2",
        "3.1.6",
        """
from jinja2 import Template
template = Template("{% for row in rows %}<li>{{ row | e }}: {{ loop.index }}</li>{% endfor %}")
rows = [f"<row> {number}" for number in range(10_000)]
def hot(): template.render(rows=rows)
""",
        recipe='remove-dependencies = ["markupsafe"]\ndependencies = ["markupsafe==3.0.4"]\n',
        requires=("markupsafe==3.0.4",),
    ),
)


def run(*command: object, cwd: Path | None = None, environment: Mapping[str, str] = {}) -> str:
    """Run a program of this environment, and return its output; raises MeasuringError if it fails."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    program = shutil.which(str(command[0]), path=path)
    if program is None:
        raise MeasuringError(f"program not found: {command[0]}")
    arguments = [program, *map(str, command[1:])]
    result = subprocess.run(
        arguments,
        cwd=cwd,
        env={**os.environ, "PATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode:
        raise MeasuringError(f"exit code {result.returncode} from {' '.join(arguments)}\n{result.stdout}")
    return result.stdout


def download_sdist(project: RealProject, folder: Path) -> Path:
    """Return the sdist in *folder*; download it from uv's index if it is missing.

    uv writes a lock file, which has the URL and the hash: pip would also start the build backend.
    Raises MeasuringError if the hash differs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    requirements, lock = folder / f"{project.name}.txt", folder / f"pylock.{project.name}.toml"
    if not lock.exists():
        requirements.write_text(f"{project.pin}\n", encoding="utf-8")
        run(
            "uv",
            "pip",
            "compile",
            "--quiet",
            "--no-deps",
            "--format",
            "pylock.toml",
            requirements,
            "-o",
            lock,
        )
    data: dict[str, Any] = read_toml(lock)
    [package] = data["packages"]
    url, expected = package["sdist"]["url"], package["sdist"]["hashes"]["sha256"]
    path = folder / Path(url).name
    if not path.exists():
        with urllib.request.urlopen(url, timeout=60) as response:
            path.write_bytes(response.read())
    if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
        raise MeasuringError(f"{path}: wrong hash; remove the file")
    return path


def wrap(project: RealProject, sdist: Path, folder: Path) -> Path:
    """Unpack an sdist, wrap the project, and define the labels; return its folder."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    [source] = folder.iterdir()
    project_file = source / "pyproject.toml"
    for label, level in LEVELS.items():
        run("variant-backend", "init", "-l", label, "-p", f"x86_64::level::{level}", source)
        header = f"[tool.variant-backend.variants.{label}]\n"
        before, found, after = project_file.read_text(encoding="utf-8").partition(header)
        assert found
        project_file.write_text(f"{before}{header}{project.recipe}{after}", encoding="utf-8")
    if project.in_git:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        for command in (["init", "-q"], ["add", "--force", "."], [*identity, "commit", "-q", "-m", "all"]):
            run("git", *command, cwd=source)
    return source


def build(project: RealProject, source: Path, output: Path, *options: str) -> dict[str, Path]:
    """Build wheels of a wrapped project, and return them by their label, or ``plain``."""
    command = ["variant-backend", "build", source, "-o", output, "--build-installer", "uv", *options]
    try:
        run(*command, environment=project.environment)
    except MeasuringError as error:
        logs = [log for log in sorted(output.glob(".logs/*.log")) if log.stat().st_size]
        tail = "".join(f"\n{log}:\n{log.read_text(encoding='utf-8')[-2000:]}" for log in logs)
        raise MeasuringError(f"{error}{tail}") from None
    return built(output)


def built(output: Path) -> dict[str, Path]:
    """Return the wheels in a folder by their label, or ``plain``."""
    return {
        next((label for label in LEVELS if wheel.stem.endswith(f"-{label}")), "plain"): wheel
        for wheel in output.glob("*.whl")
    }


def install(project: RealProject, wheel: Path, label: str, folder: Path) -> Path:
    """Let uv install a wheel from a folder without another one, and return the folder of the packages.

    Raises MeasuringError if uv installs something else.
    """
    offered, target = folder / "offered", folder / "installed"
    offered.mkdir(parents=True)
    shutil.copy(wheel, offered)
    if label != "plain":
        run("variant-backend", "index", offered)
    command = ["uv", "pip", "install", "--quiet", "--python", sys.executable, "--target", target, *VARIANTS]
    if project.requires:
        run(*command, *project.requires)
    run(*command, "--no-deps", "--no-index", "--find-links", offered, project.pin)
    name = project.name.replace("-", "_")
    [dist_info] = target.glob(f"{name}-{project.version}.dist-info")
    variant = dist_info / "variant.json"
    labels = [*json.loads(variant.read_text(encoding="utf-8"))["variants"]] if variant.exists() else ["plain"]
    if labels != [label]:
        raise MeasuringError(f"{project.name}: expected {label} to be installed, got {', '.join(labels)}")
    return target


# Counts processor time, in which other processes of a busy machine do not count.
TIMER = """
from time import process_time
hot()
end, fastest = process_time() + {seconds}, float("inf")
while fastest == float("inf") or process_time() < end:
    start = process_time()
    hot()
    fastest = min(fastest, process_time() - start)
print(fastest)
"""


def fastest_call(project: RealProject, installed: Path, seconds: float = 0.5) -> float:
    """Return the seconds of the fastest call of ``hot``, in a process that calls it for *seconds*."""
    code = project.hot + TIMER.format(seconds=seconds)
    # -S: without the packages of this environment.
    environment = {"PYTHONPATH": str(installed), "PYTHONHASHSEED": "0"}
    return float(run(sys.executable, "-S", "-c", code, environment=environment))
