"""Kill mirrors at random moments, and check each time what readers see.

``python -m helpers.killed_mirrors UPSTREAM FOLDER SEED`` updates a mirror to one of two states in turn, in
forked processes, because starting Python takes longer than an update. It writes JSON to stdout: how many were
killed, and the problems.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.version import Version

from helpers.offers import machine
from variant_backend._internal.graphs.machine_graphs import machine_graphs
from variant_backend._internal.graphs.mirror import Mirror, prune
from variant_backend._internal.graphs.mirror_closure import mirrored_machines
from variant_backend._internal.graphs.mirror_files import mirror_folder
from variant_backend._internal.graphs.resolution import GraphRequest, Wishes
from variant_backend._internal.graphs.root_requirements import Requested
from variant_backend._internal.machine.support import Policy
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.selection.target import running_target
from variant_backend._internal.serving.running_offer import running_offer
from variant_backend._internal.serving.site import Served

_RUNS = 100
_MACHINES = {"new": "cuda:13.0,sm:9.0,x86_64:v4", "cpu": "x86_64:v2"}
# Packages with variants, some only in one state and some in both, with other versions.
_STATES = (
    {"scinum": "2.1", "scitoken": "0.21", "scitools": "1.0", "scikernel": "0.9", "scitorch": "2.9.0"},
    {"scinum": "1.26", "scitoken": "0.21", "scitools": "2.1", "scivision": "0.25", "scitorch": "2.10.0"},
)


def update(upstream: Path, folder: Path, state: int) -> None:
    """Update a mirror; the resolver is a constant, as resolving takes longer than all else."""
    target, policy = running_target(), Policy()
    served = [Served(name, machine(spec), policy) for name, spec in _MACHINES.items()]
    versions = {name: Version(text) for name, text in _STATES[state].items()}
    requested = Requested.of(tuple(f"{name}=={version}" for name, version in versions.items()))

    def resolver(*_: object) -> Mapping[str, Version]:
        return versions

    sources = Sources.of([str(upstream)], [])
    with mirror_folder(folder) as opened, running_offer(sources, served[0].machine, policy) as offer:
        request = GraphRequest(requested, Wishes(), resolver)
        graphs = machine_graphs(offer, served, [target], request, lambda _: None)
        mirror = Mirror(opened, mirrored_machines(graphs, resolver, opened), {})
        mirror.download(offer.upstream, lambda _: None)
        prune(opened, mirror.publish().unneeded)


def problems_of_readers(folder: Path, states: list[dict[str, set[str]]]) -> Iterator[str]:
    """Yield what readers of a mirror would miss: files of pages, and after the first update, of any state."""
    listed: dict[str, set[str]] = {}
    for page in folder.glob("*/simple/*/index.json"):
        if not page.with_name("index.html").exists():  # not published yet
            continue
        for file in json.loads(page.read_bytes())["files"]:
            path = Path(os.path.normpath(page.parent / file["url"].replace("%2B", "+")))
            beside = Path(f"{path}.metadata")
            hashes = {path: file["hashes"]["sha256"], beside: file["core-metadata"]["sha256"]}
            for place, digest in hashes.items():
                if not place.exists() or hashlib.sha256(place.read_bytes()).hexdigest() != digest:
                    yield f"{page}: {place} is missing or wrong"
            listed.setdefault(page.parents[2].name, set()).add(file["filename"])
    is_published = (folder / "pylock.cpu.toml").exists()
    if is_published and not any(
        all(files <= listed.get(name, set()) for name, files in state.items()) for state in states
    ):
        yield f"{folder}: the pages have neither state: {listed}"


def files_by_machine(folder: Path) -> dict[str, set[str]]:
    """Return the files that a complete mirror lists."""
    files: dict[str, set[str]] = {}
    for page in folder.glob("*/simple/*/index.json"):
        names = {file["filename"] for file in json.loads(page.read_bytes())["files"]}
        files.setdefault(page.parents[2].name, set()).update(names)
    return files


def main() -> None:
    """Run and kill updates; the last one, to the first state, is complete."""
    upstream, folder, seed = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    gc.enable()
    states = []
    for state in range(len(_STATES)):
        began = time.monotonic()
        update_in_fork(upstream, folder / f"state{state}", state, None)
        longest = time.monotonic() - began
        states.append(files_by_machine(folder / f"state{state}"))
    chance, killed, problems = random.Random(seed), 0, list[str]()
    for run in range(_RUNS):
        delay = chance.uniform(0, 0.8 * longest)
        killed += update_in_fork(upstream, folder / "killed", run // 3 % 2, delay)
        problems += problems_of_readers(folder / "killed", states)
    update_in_fork(upstream, folder / "killed", 0, None)
    sys.stdout.write(json.dumps({"killed": killed, "problems": problems, "seconds": longest}))


def update_in_fork(upstream: Path, folder: Path, state: int, delay: float | None) -> bool:
    """Update a mirror in another process, and kill that after a delay; return whether it was killed."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            update(upstream, folder, state)
            code = 0
        finally:
            os._exit(code)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError(f"the update of {folder} has failed")
    return os.WIFSIGNALED(status)


if __name__ == "__main__":
    main()
