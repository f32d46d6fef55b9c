"""Time whole processes in turn, and compare the figures with the promises."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

MEGABYTE = 1_000_000


class MeasuringError(Exception):
    """A program or file that a benchmark needs is missing, or a command failed."""


class Run(NamedTuple):
    """One run of a command: its seconds, its peak memory in bytes (0 if unknown), and its output."""

    seconds: float
    peak: int
    printed: str


class Timed(NamedTuple):
    """A command's name, and its runs."""

    name: str
    runs: list[Run]

    @property
    def seconds(self) -> list[float]:
        """The time of each run."""
        return [run.seconds for run in self.runs]

    @property
    def peak(self) -> int:
        """The peak memory of all runs, in bytes."""
        if not all(run.peak for run in self.runs):
            raise MeasuringError("this system does not report the memory of a process")
        return max(run.peak for run in self.runs)


class Figure(NamedTuple):
    """A line of the report; *kept* is whether the promise is kept."""

    subject: str
    ours: str
    peer: str
    ratio: str
    promise: str
    kept: bool


def run(command: Sequence[str | Path], cwd: Path, output: Path) -> Run:
    """Run a command in the folder *cwd*, with an empty folder *output*; raises MeasuringError if it fails.

    Bytecode is written, as installers do: otherwise each run would compile its imports. Hashes of files are
    not remembered in the user's cache.
    """
    folders = {"PYTHONPYCACHEPREFIX": str(cwd / "bytecode"), "XDG_CACHE_HOME": str(cwd / "cache")}
    environment = {**os.environ, **folders}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    start = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    printed = process.stdout.read()
    if sys.platform == "win32":
        peak = 0
        process.wait()
    else:
        # Linux also counts the memory of this process at the start of the other, so it should stay small.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    seconds = time.perf_counter() - start
    process.stdout.close()
    if process.returncode:
        raise MeasuringError(f"exit code {process.returncode} from {' '.join(map(str, command))}\n{printed}")
    return Run(seconds, peak, printed)


def in_turn(runs: int, commands: dict[str, Callable[[], Run]], *, warm_up: bool = True) -> list[Timed]:
    """Run each command once, then time them in turn, *runs* times."""
    if warm_up:
        for command in commands.values():
            command()
    turns = [[command() for command in commands.values()] for _ in range(runs)]
    return [
        Timed(name, list(column)) for name, column in zip(commands, zip(*turns, strict=True), strict=True)
    ]


def at_most(limit: float, subject: str, ours: Timed, peer: Timed) -> Figure:
    """Return the figure of a command that may take at most *limit* times as long as its peer."""
    ratio, fastest = ratios(ours, peer)
    text = f"{ratio:.2f} times, fastest runs {fastest:.2f} times"
    return Figure(subject, shown(ours), shown(peer), text, f"at most {limit:g} times", ratio <= limit)


def faster(limit: float, subject: str, ours: Timed, peer: Timed) -> Figure:
    """Return the figure of a command that has to be *limit* times faster than its peer."""
    ratio, fastest = ratios(peer, ours)
    text = f"{ratio:.1f} times faster, fastest runs {fastest:.1f} times"
    promise = f"at least {limit:g} times faster"
    return Figure(subject, shown(ours), shown(peer), text, promise, ratio >= limit)


def within(milliseconds: int, subject: str, ours: Timed, peer: Timed) -> Figure:
    """Return the figure of a command that may take at most some *milliseconds*, beside that of a peer."""
    part = median(ours.seconds) * 1000 / milliseconds
    fastest = min(ours.seconds) * 1000 / milliseconds
    text = f"{part:.2f} of the limit, fastest run {fastest:.2f}"
    return Figure(subject, shown(ours), shown(peer), text, f"at most {milliseconds} ms", part <= 1)


def ratios(first: Timed, second: Timed) -> tuple[float, float]:
    """Return two ratios of the first to the second: the median of all turns, and of the fastest runs.

    The median decides. If the two ratios differ much, the machine was busy with other work.
    """
    turns = [one / other for one, other in zip(first.seconds, second.seconds, strict=True)]
    return median(turns), min(first.seconds) / min(second.seconds)


def smaller(megabytes: int, subject: str, ours: Timed, peer: Timed) -> Figure:
    """Return the figure of a command that may take at most *megabytes* of memory."""
    texts = [f"{timed.name} {timed.peak / MEGABYTE:.0f} MB" for timed in (ours, peer)]
    ratio = f"{ours.peak / peer.peak:.2f} times"
    return Figure(
        subject, texts[0], texts[1], ratio, f"at most {megabytes} MB", ours.peak <= megabytes * MEGABYTE
    )


def shown(timed: Timed) -> str:
    """Return a command's name and median, in milliseconds."""
    return f"{timed.name} {median(timed.seconds) * 1000:,.1f} ms"
