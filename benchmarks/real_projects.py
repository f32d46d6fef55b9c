"""Build ten real projects for two x86-64 levels, and compare the run times of their wheels.

Run this file with the interpreter of an environment that has the project and uv, or run the chore::

    python3 dev.py projects
    python3 dev.py projects --folder /tmp/projects --only lz4

For each project, the script downloads the sdist of a pinned version, wraps it with ``variant-backend init``,
and writes the recipes of x86-64-v2 and x86-64-v3. ``variant-backend build`` builds both variants and the
plain wheel. uv installs each of them, from a folder that has no other wheel.

Then one function of each project runs in a process of its own, with each wheel in turn. A time is the fastest
call in all turns, in processor time: other processes do not count. The plain wheel runs twice in each turn.
The largest ratio of its two times is the noise of this run. Compilers place code differently, so ratios below
1.03 count as noise too.
The exit code is 0 if all projects ran, and no variant is slower than the plain wheel by more than the noise.

The script requires Linux, a processor with AVX2, Python 3.11, a C++ compiler, git and cargo. A first run
takes about a quarter of an hour. ``--folder`` keeps the sdists and the wheels: then ``--no-build`` times them
again.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from projects import (
    LEVELS,
    PROJECTS,
    RealProject,
    build,
    built,
    download_sdist,
    fastest_call,
    install,
    run,
    wrap,
)
from timing import MeasuringError

ROOT = Path(__file__).resolve().parent.parent

PLAIN = "plain"
AGAIN = "plain again"
# In turn: the plain wheel runs before and after the variants.
COLUMNS = (PLAIN, *LEVELS, AGAIN)

# Ratios of equally fast code; see above.
LEAST_NOISE = 1.03


class Times(NamedTuple):
    """The fastest call of a project with each wheel, in seconds."""

    project: str
    seconds: dict[str, float]

    def ratio(self, column: str) -> float:
        """Return the time with a wheel, divided by the time with the plain wheel."""
        return self.seconds[column] / self.seconds[PLAIN]

    @property
    def noise(self) -> float:
        """The larger time of the plain wheel, divided by the smaller one."""
        return max(self.ratio(AGAIN), 1 / self.ratio(AGAIN))


def slower(times: Times, limit: float) -> list[str]:
    """Return the labels whose wheel takes more than *limit* times as long as the plain wheel."""
    return [label for label in LEVELS if times.ratio(label) > limit]


def table(all_times: Sequence[Times]) -> list[str]:
    """Return the lines of the table: times in milliseconds, and ratios to the plain wheel."""
    levels = "".join(f"{level:>15}" for level in LEVELS.values())
    lines = [f"{'project':16}{PLAIN:>11}{levels}{AGAIN:>14}"]
    for times in all_times:
        cells = [f"{times.seconds[label] * 1000:8.2f} ms {times.ratio(label):.2f}" for label in LEVELS]
        plain = f"{times.seconds[PLAIN] * 1000:8.2f} ms"
        lines.append(f"{times.project:16}{plain:>11}{''.join(cells):>30}{times.ratio(AGAIN):14.2f}")
    return lines


def report(text: str) -> None:
    """Print a line about the progress."""
    print(text, file=sys.stderr, flush=True)


def prepare(project: RealProject, folder: Path, *, is_built: bool) -> dict[str, Path]:
    """Return the folder that has each wheel of a project installed; raises MeasuringError."""
    work = folder / project.name
    output = work / "dist"
    if not is_built:
        shutil.rmtree(work, ignore_errors=True)
        report(f"{project.pin}: build")
        build(project, wrap(project, download_sdist(project, folder / "sdists"), work / "source"), output)
    wheels = built(output)
    if missing := {PLAIN, *LEVELS} - wheels.keys():
        raise MeasuringError(f"{output}: no wheel of {', '.join(sorted(missing))}")
    report(f"{project.pin}: install")
    shutil.rmtree(work / "installed", ignore_errors=True)
    return {
        label: install(project, wheel, label, work / "installed" / label) for label, wheel in wheels.items()
    }


def time_all(installed: Sequence[tuple[RealProject, Mapping[str, Path]]], runs: int) -> list[Times]:
    """Time all projects in turn; raises MeasuringError if a function fails."""
    all_times = [Times(project.name, dict.fromkeys(COLUMNS, float("inf"))) for project, _ in installed]
    for turn in range(runs):
        report(f"time: turn {turn + 1} of {runs}")
        for (project, folders), times in zip(installed, all_times, strict=True):
            for column in COLUMNS:
                fastest = fastest_call(project, folders[PLAIN if column == AGAIN else column])
                times.seconds[column] = min(times.seconds[column], fastest)
    return all_times


def compare(projects: Sequence[RealProject], folder: Path, *, runs: int, is_built: bool) -> bool:
    """Print the table, and return whether all projects ran and no variant is slower."""
    own = folder / "own"
    run("uv", "build", "--wheel", "--clear", "--out-dir", own, ROOT)
    for variable, separator in (("PIP_FIND_LINKS", " "), ("UV_FIND_LINKS", ",")):
        os.environ[variable] = separator.join(filter(None, [own.as_uri(), os.environ.get(variable)]))
    installed = []
    for project in projects:
        try:
            installed.append((project, prepare(project, folder, is_built=is_built)))
        except MeasuringError as error:
            print(f"{project.name}: DID NOT RUN: {error}", flush=True)
    all_times = time_all(installed, runs)
    print(*table(all_times), sep="\n")
    noise = max([LEAST_NOISE, *(times.noise for times in all_times)])
    failures = [f"{times.project} {label}" for times in all_times for label in slower(times, noise)]
    print(f"Noise: {noise:.2f}. {len(all_times)} of {len(projects)} projects ran.")
    if failures:
        print(f"Slower than the plain wheel: {', '.join(failures)}.")
    return not failures and len(all_times) == len(projects)


def main() -> int:
    """Compare the projects that --only names, or all."""
    names = {project.name: project for project in PROJECTS}
    parser = argparse.ArgumentParser(description="Compare the variants of real projects with plain wheels.")
    parser.add_argument("--only", action="append", choices=names, help="a project to run; repeatable")
    parser.add_argument("--runs", type=int, default=9, help="how often each wheel is timed [default: 9]")
    parser.add_argument("--folder", type=Path, help="keep the sdists and the wheels in this folder")
    parser.add_argument("--no-build", action="store_true", help="time the wheels that the folder already has")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error("--runs: expected a number of at least 1")
    if arguments.no_build and not arguments.folder:
        parser.error("--no-build: name the folder with --folder")
    if sys.version_info < (3, 11) or (sys.platform, platform.machine()) != ("linux", "x86_64"):
        parser.error("expected Python 3.11 or newer on Linux and x86-64")
    projects = [project for name, project in names.items() if name in (arguments.only or names)]
    with tempfile.TemporaryDirectory(prefix="variant-backend-", ignore_cleanup_errors=True) as temporary:
        folder = (arguments.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        print(run("uv", "--version").strip(), platform.platform(), f"{os.cpu_count()} processors", sep=", ")
        is_good = compare(projects, folder, runs=arguments.runs, is_built=arguments.no_build)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
