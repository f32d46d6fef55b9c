"""A graph of packages whose best values do not fit together, and a program that resolves it."""

from __future__ import annotations

import zipfile
from pathlib import Path

from growth import document

# Each package has variants; every second one has the second value only.
PACKAGES = 60
_VALUES = ("mkl", "openblas")
_WHEEL_FILE = "Wheel-Version: 1.0\nGenerator: made\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
# Resolves a graph through the offer of an index, and prints the seconds. The names after the path of the
# index are aligned; without them, the resolver only runs once.
RESOLVE = """\
import sys
import time
from variant_backend._internal.graphs.resolution import GraphRequest, Wishes, resolved_graph
from variant_backend._internal.graphs.root_requirements import Requested
from variant_backend._internal.graphs.resolvers import resolved_by_uv
from variant_backend._internal.machine.support import Machine, Policy
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.selection.target import running_target
from variant_backend._internal.serving.running_offer import running_offer
from variant_backend._internal.variants.alignment import AlignedName

_, index, *names = sys.argv
requested, machine, policy, target = Requested.of(("made0",)), Machine(), Policy(), running_target()
request = GraphRequest(requested, Wishes(tuple(map(AlignedName.parse, names))), resolved_by_uv)
with running_offer(Sources.of([], [index]), machine, policy) as offer:
    start = time.perf_counter()
    if names:
        graph = resolved_graph(offer, machine, policy, target, request)
    else:
        versions = resolved_by_uv(requested, offer.place, target)
    seconds = time.perf_counter() - start
if names:
    assert {package.label for package in graph.packages} == {"openblas"}
assert len(graph.packages if names else versions) == COUNT
print(seconds)
""".replace("COUNT", str(PACKAGES))


def write_graph(folder: Path) -> None:
    """Write the wheels and index files of all packages."""
    folder.mkdir()
    for number in range(PACKAGES):
        labels = _VALUES[number % 2 :]
        variants = {label: {"blas": {"library": [label]}} for label in labels}
        features = {"library": [*_VALUES]}
        index = document(variants, features, "blas")
        (folder / f"made{number}-1.0-variants.json").write_bytes(index)
        for label in (*labels, None):
            own = document({label: variants[label]}, features, "blas") if label else b""
            _write_package(folder, number, label, own)


def _write_package(folder: Path, number: int, label: str | None, variant: bytes) -> None:
    """Write a wheel that requires the next packages."""
    stem = f"made{number}-1.0"
    required = (f"made{after}" for after in (number + 1, 2 * number + 2) if after < PACKAGES)
    lines = "".join(f"Requires-Dist: {name}\n" for name in required)
    members = {
        "METADATA": f"Metadata-Version: 2.1\nName: made{number}\nVersion: 1.0\n{lines}".encode(),
        "WHEEL": _WHEEL_FILE.encode(),
        **({"variant.json": variant} if variant else {}),
    }
    record = "".join(f"{stem}.dist-info/{member},,\n" for member in (*members, "RECORD"))
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any{f'-{label}' if label else ''}.whl", "w") as archive:
        for member, content in {**members, "RECORD": record.encode()}.items():
            archive.writestr(f"{stem}.dist-info/{member}", content)
