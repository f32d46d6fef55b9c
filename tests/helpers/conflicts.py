"""A made ecosystem in which the best values of packages do not fit together, and its best graph.

For BLAS, OpenMP, MPI and CUDA, some packages lack the value that others prefer. `best_graph` finds the values
by brute force in the published files. No code of the project takes part.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from packaging.requirements import Requirement
from packaging.version import Version

from helpers.ecosystem import Labels, MadeRelease, write_releases

Axis: TypeAlias = "tuple[str, str]"
_Values: TypeAlias = "Mapping[Axis, Sequence[str]]"

# What installers install, and what they align.
CONFLICT_ROOTS = (
    *("scilearn", "scistat", "scichem", "sciforest", "sciboost"),
    *("scigrid", "scivision", "sciext", "scikernel"),
)
# uv with its flag refuses a release whose priorities lack `abi_dependency`.
ROOTS_FOR_FLAG = tuple(name for name in CONFLICT_ROOTS if name != "sciext")
ALIGN = ("blas", "openmp", "mpi", "nvidia::cuda_version_lower_bound")
_ALIGNED = (
    ("nvidia", "cuda_version_lower_bound"),
    ("blas", "library"),
    ("openmp", "runtime"),
    ("mpi", "library"),
)
# The values that machines support, best first. Those of other namespaces are in static-properties.
_CUDA_12 = tuple(f"12.{minor}" for minor in range(9, -1, -1))
_SUPPORTED: Mapping[str, _Values] = {
    "gpu13": {_ALIGNED[0]: ("13.0", *_CUDA_12), ("x86_64", "level"): ("v4", "v3", "v2", "v1")},
    "gpu12": {_ALIGNED[0]: _CUDA_12[1:], ("x86_64", "level"): ("v3", "v2", "v1")},
    "cpu": {("x86_64", "level"): ("v2", "v1")},
}
_CPYTHONS = tuple(f"cp3{minor}-none-any" for minor in range(10, 16))


def _labels(feature: str, *values: str, prefix: str = "") -> Labels:
    return {f"{prefix}{value}": (f"{feature} :: {value}",) for value in values}


def _cuda(*versions: str) -> Labels:
    return _labels("nvidia :: cuda_version_lower_bound", *versions, prefix="cuda")


def _releases() -> Iterator[MadeRelease]:
    runtimes = ("scimkl", "sciopenblas", "sciiomp", "scigomp", "scimpich", "sciopenmpi")
    for name in (*runtimes, "scicuda126", "scicuda128", "scicuda130"):
        yield MadeRelease(name, "1.0")
    yield from _libraries()
    yield from _frameworks()


def _libraries() -> Iterator[MadeRelease]:
    both = _labels("blas :: library", "mkl", "openblas")
    needed: Labels = {"mkl": ("scimkl",), "openblas": ("sciopenblas",), None: ("sciopenblas",)}
    yield MadeRelease("scinum", "2.1", _CPYTHONS, {**both, None: ()}, by_label=needed)
    yield MadeRelease("scialg", "1.14", _CPYTHONS, {**both, None: ()}, ("scinum>=2",), needed)
    # One package has MKL only, and two have OpenBLAS only.
    mkl = _labels("blas :: library", "mkl")
    yield MadeRelease("scichem", "2.8", labels={**mkl, None: ()}, requires=("scinum",), by_label=needed)
    openblas: Labels = {"openblas_gomp": ("blas :: library :: openblas", "openmp :: runtime :: gomp")}
    own: Labels = {"openblas_gomp": ("sciopenblas", "scigomp"), None: ("sciopenblas",)}
    yield MadeRelease("scilearn", "1.6", labels={**openblas, None: ()}, requires=("scialg",), by_label=own)
    openblas = _labels("blas :: library", "openblas")
    yield MadeRelease("scistat", "0.14", labels={**openblas, None: ()}, requires=("scialg",), by_label=needed)
    runtimes = _labels("openmp :: runtime", "iomp", "gomp")
    needed = {"iomp": ("sciiomp",), "gomp": ("scigomp",), None: ("scigomp",)}
    yield MadeRelease("sciforest", "4.0", labels={**runtimes, None: ()}, by_label=needed)
    gomp = _labels("openmp :: runtime", "gomp")
    yield MadeRelease("sciboost", "3.0", labels={**gomp, None: ()}, requires=("scinum",), by_label=needed)
    # A package without null and plain wheel requires a value.
    libraries = _labels("mpi :: library", "mpich", "openmpi")
    needed = {"mpich": ("scimpich",), "openmpi": ("sciopenmpi",)}
    yield MadeRelease("scimpi", "4.0", labels=libraries, by_label=needed)
    openmpi = _labels("mpi :: library", "openmpi")
    yield MadeRelease("scigrid", "3.12", labels={**openmpi, None: ()}, requires=("scimpi", "scinum"))


def _frameworks() -> Iterator[MadeRelease]:
    versions = ("13.0", "12.8", "12.6")
    runtimes: Labels = {f"cuda{version}": (f"scicuda{version.replace('.', '')}",) for version in versions}
    # The newest release is for CUDA 13 only, and has no fallback.
    yield MadeRelease("scidnn", "9.10", labels=_cuda("12.8", "12.6"), by_label=runtimes)
    yield MadeRelease("scidnn", "9.20", labels=_cuda("13.0"), by_label=runtimes)
    more = {label: (*texts, "scidnn", "scidali") for label, texts in runtimes.items()}
    torch: Labels = {**_cuda(*versions), "null": (), None: ()}
    yield MadeRelease("scitorch", "2.10.0", _CPYTHONS, torch, by_label=more)
    yield MadeRelease("scidali", "1.48", _CPYTHONS, _cuda("12.8", "12.6"), by_label=runtimes)
    older: Labels = {**_cuda("12.8", "12.6"), None: ()}
    yield MadeRelease("scivision", "0.25", _CPYTHONS, older, ("scitorch", "scinum"), runtimes)
    abi = _labels("abi_dependency :: scitorch", "2.10", "2.9", prefix="torch")
    yield MadeRelease("sciext", "0.5", labels={**abi, "null": (), None: ()}, requires=("scitorch",))
    levels = _labels("x86_64 :: level", "v4", "v3", "v2")
    yield MadeRelease("scikernel", "0.9", labels={**levels, "null": (), None: ()})


def write_conflicts(folder: Path, *, machine: str | None = None) -> None:
    """Write all wheels and index files into a folder; *machine* as in `write_ecosystem`.

    For Python 3.12, there is no wheel of `scidali` for CUDA 12.8.
    """
    write_releases(folder, _releases(), machine=machine)
    (folder / "scidali-1.48-cp312-none-any-cuda12.8.whl").unlink()


class BestGraph(NamedTuple):
    """The values of aligned features, and the filename of each package's wheel by name.

    *kept* of the *variants* packages with a supported variant have one.
    """

    assignment: Mapping[Axis, str]
    wheels: Mapping[str, str]
    kept: int
    variants: int


class _Wheel(NamedTuple):
    path: Path
    name: str
    version: Version
    tag: str
    label: str | None
    requires: tuple[Requirement, ...]
    properties: Mapping[Axis, Sequence[str]]
    static: _Values
    namespaces: Sequence[str]


@cache
def _published(folder: Path) -> Mapping[str, list[_Wheel]]:
    """Read all wheels in a folder by the name of their project."""
    wheels: dict[str, list[_Wheel]] = {}
    for path in sorted(folder.glob("*.whl")):
        name, version, tag, _, _, *labels = path.stem.split("-")
        index = folder / f"{name}-{version}-variants.json"
        document: Any = json.loads(index.read_text()) if index.exists() else {}
        providers = document.get("providers", {})
        static = {
            (namespace, feature): values
            for namespace, table in providers.items()
            for feature, values in table.get("static-properties", {}).items()
        }
        label = labels[0] if labels else None
        variant = document["variants"][label] if label else {}
        properties = {
            (ns, feature): values for ns, table in variant.items() for feature, values in table.items()
        }
        with zipfile.ZipFile(path) as archive:
            metadata = archive.read(f"{name}-{version}.dist-info/METADATA").decode().splitlines()
        lines = [line.removeprefix("Requires-Dist: ") for line in metadata if line.startswith("Requires-D")]
        requires = tuple(map(Requirement, lines))
        namespaces = document.get("default-priorities", {}).get("namespace", ())
        wheels.setdefault(name, []).append(
            _Wheel(path, name, Version(version), tag, label, requires, properties, static, namespaces)
        )
    return wheels


class _View(NamedTuple):
    """What one machine and Python see; *versions* are those of packages that `abi_dependency` names."""

    published: Mapping[str, list[_Wheel]]
    machine: str
    python: str
    assignment: Mapping[Axis, str] = {}
    versions: Mapping[str, Version] = {}

    def values(self, wheel: _Wheel, axis: Axis) -> list[str]:
        """Return the supported values of a feature, best first."""
        if axis[0] == "abi_dependency":
            version = self.versions.get(axis[1])
            return [f"{version.major}.{version.minor}"] if version else []
        known = wheel.static.get(axis) or _SUPPORTED[self.machine].get(axis, ())
        return [value for value in known if self.assignment.get(axis, value) == value]

    def fits(self, wheel: _Wheel) -> bool:
        """Return whether tags and label are supported."""
        return wheel.tag in ("py3", f"cp{self.python.replace('.', '')}") and all(
            set(values) & set(self.values(wheel, axis)) for axis, values in wheel.properties.items()
        )

    def place(self, wheel: _Wheel) -> tuple[object, ...]:
        """Return the key by which the best wheel of a release comes first."""
        order = [*wheel.namespaces, "abi_dependency"]
        axes = sorted(wheel.properties, key=lambda axis: (order.index(axis[0]), axis))
        ranks = [
            (order.index(axis[0]), axis, min(map(self.values(wheel, axis).index, values)))
            for axis, values in ((axis, wheel.properties[axis]) for axis in axes)
        ]
        return ranks == [], ranks, wheel.label is None

    def graph(self, roots: Sequence[str]) -> dict[str, _Wheel]:
        """Return the best wheel of each package that the roots require; versions are the newest that fit."""
        required = [*map(Requirement, roots)]
        while True:
            selected = {name: self.selected(name, required) for name in {one.name for one in required}}
            again = [
                *map(Requirement, roots),
                *(one for wheel in selected.values() for one in wheel.requires),
            ]
            if {*map(str, again)} == {*map(str, required)}:
                return selected
            required = again

    def selected(self, name: str, required: Sequence[Requirement]) -> _Wheel:
        """Return the best wheel of a project."""
        specifiers = [one.specifier for one in required if one.name == name]
        fitting = [
            wheel
            for wheel in self.published[name]
            if self.fits(wheel) and all(wheel.version in specifier for specifier in specifiers)
        ]
        newest = max(wheel.version for wheel in fitting)
        return min((wheel for wheel in fitting if wheel.version == newest), key=self.place)


def best_graph(folder: Path, machine: str, python: str, *, align: bool = True) -> BestGraph:
    """Return the best graph of the roots, found by brute force over all values.

    All packages that were ever in the graph count. Without *align*, each package has its own best variant.
    """
    free = _View(_published(folder), machine, python)
    view, seen = free, dict[str, _Wheel]()
    while True:
        graph = view.graph(CONFLICT_ROOTS)
        seen |= graph
        named = {"scitorch": graph["scitorch"].version}
        free = free._replace(versions=named)
        assignment = _best_values(free, seen) if align else {}
        after = view._replace(assignment=assignment, versions=named)
        if after == view:
            break
        view = after
    having = [name for name, wheel in graph.items() if any(map(free.fits, _labelled(free, wheel)))]
    kept = [name for name in having if graph[name].properties]
    wheels = {name: wheel.path.name for name, wheel in graph.items()}
    return BestGraph(assignment, wheels, len(kept), len(having))


def values_in_use(folder: Path, filenames: Sequence[str]) -> dict[Axis, list[str]]:
    """Return the values of each aligned feature that published wheels have, in order."""
    wheels = {wheel.path.name: wheel for several in _published(folder).values() for wheel in several}
    used: dict[Axis, dict[str, None]] = {axis: {} for axis in _ALIGNED}
    for filename in filenames:
        for axis, values in (wheels[filename].properties if filename in wheels else {}).items():
            if axis in used:
                used[axis] |= dict.fromkeys(values)
    return {axis: [*values] for axis, values in used.items() if values}


def _labelled(view: _View, wheel: _Wheel) -> list[_Wheel]:
    """Return the variants of a package; a package without fallback has those of older releases, too."""
    releases = [other for other in view.published[wheel.name] if other.version <= wheel.version]
    own = [other for other in releases if other.version == wheel.version]
    if any(not other.properties for other in own):
        releases = own
    return [other for other in releases if other.properties]


def _best_values(free: _View, seen: Mapping[str, _Wheel]) -> dict[Axis, str]:
    """Return the values with which most packages have a variant, of these the best ones."""
    packages = {
        wheel.name: [variant for variant in _labelled(free, wheel) if free.fits(variant)]
        for wheel in seen.values()
    }
    packages = {name: variants for name, variants in packages.items() if variants}
    domains: dict[Axis, list[str]] = {}
    for axis in _ALIGNED:
        using = [one for variants in packages.values() for one in variants if axis in one.properties]
        used = {value for one in using for value in one.properties[axis]}
        if using:
            domains[axis] = [value for value in free.values(using[0], axis) if value in used]
    best: tuple[tuple[int, tuple[int, ...]], dict[Axis, str]] | None = None
    for chosen in product(*domains.values()):
        assignment = dict(zip(domains, chosen, strict=True))
        view = free._replace(assignment=assignment)
        kept = {name for name, variants in packages.items() if any(map(view.fits, variants))}
        required = (name for name in packages if all(w.properties for w in free.published[name]))
        if kept >= set(required):
            key = -len(kept), tuple(domains[axis].index(value) for axis, value in assignment.items())
            best = min(filter(None, (best, (key, assignment))), key=lambda pair: pair[0])
    if best is None:
        raise ValueError("no values fit")
    return best[1]
