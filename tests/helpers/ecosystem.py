"""A made ecosystem of projects with variants, as scientific software has them, and what is installed of it.

The projects stand for a BLAS stack, OpenMP, MPI, and frameworks for two major versions of CUDA. Each wheel
has content of its own, so an installed distribution shows which wheel it came from.
"""

from __future__ import annotations

import hashlib
import platform
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from helpers.sample_release import write_wheel
from variant_backend._internal.lowlevel.tarball import pack
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.metadata import VariantMetadata, declared_metadata
from variant_backend._internal.variants.properties import NULL_VARIANT, Property, Variant
from variant_backend._internal.variants.providers import Provider, StaticProvider

# Three machines: a GPU for CUDA 13, one for CUDA 12, and none.
MACHINES = {
    "gpu13": "cuda:13.0,sm:9.0,x86_64:v4",
    "gpu12": "cuda:12.8,sm:8.0,x86_64:v3",
    "cpu": "x86_64:v2",
}
_LEVELS = {"gpu13": ("v4", "v3", "v2", "v1"), "gpu12": ("v3", "v2", "v1"), "cpu": ("v2", "v1")}
# Installing these installs a wheel of every project.
ROOTS = ("scispeech", "scitune", "sciboost", "scigrid", "scilegacy", "scisource", "scikernel")

# The tags of compiled wheels; on other systems, their wheels are installed without being compiled for these.
_IS_MANYLINUX = sys.platform == "linux" and platform.machine() == "x86_64"
_PLATFORM = "manylinux_2_17_x86_64" if _IS_MANYLINUX else "any"
_RUNNING = f"cp3{sys.version_info.minor}"
_CPYTHONS = tuple(
    f"{python}-{python if _IS_MANYLINUX else 'none'}-{_PLATFORM}"
    for python in dict.fromkeys(["cp311", "cp312", _RUNNING])
)
_STABLE = (f"cp310-abi3-{_PLATFORM}" if _IS_MANYLINUX else "py3-none-any",)
_NATIVE = (f"py3-none-{_PLATFORM}",)
_PURE = ("py3-none-any",)
_STATIC: Mapping[str, Provider] = {
    "blas": StaticProvider((("library", ("mkl", "openblas")),)),
    "openmp": StaticProvider((("runtime", ("iomp", "gomp")),)),
    "mpi": StaticProvider((("library", ("mpich", "openmpi")),)),
}
_CUDA = "nvidia :: cuda_version_lower_bound :: {}"
_LEVEL = "x86_64 :: level :: {}"

Labels = Mapping["str | None", Sequence[str]]


class MadeRelease(NamedTuple):
    """A release: by label its properties, None for a plain wheel, and by label its requirements.

    *requires* are those of all wheels. If *has_markers*, all its wheels have the same METADATA, in which
    variant markers decide about *by_label*; these are written as property and requirement.
    """

    name: str
    version: str
    tags: Sequence[str] = _PURE
    labels: Labels = {None: ()}  # noqa: RUF012  # no code changes this default
    requires: Sequence[str] = ()
    by_label: Labels = {}  # noqa: RUF012  # no code changes this default
    has_markers: bool = False

    @property
    def variants(self) -> Mapping[str, Variant]:
        """The variants by label."""
        return {
            label: Variant(label, frozenset(map(Property.parse, properties))) if properties else NULL_VARIANT
            for label, properties in self.labels.items()
            if label is not None
        }

    def metadata(self, levels: Sequence[str]) -> VariantMetadata:
        """Return the metadata of the release; with *levels*, these are the supported levels of x86_64."""
        ordered = [Property.parse(text) for texts in self.labels.values() for text in texts]
        namespaces = {prop.namespace for prop in ordered}
        providers = {name: provider for name, provider in _STATIC.items() if name in namespaces}
        if levels and "x86_64" in namespaces:
            providers["x86_64"] = StaticProvider((("level", tuple(levels)),))
        return declared_metadata(ordered, providers)

    def requirements(self, label: str | None, *, markers: bool) -> list[str]:
        """Return the requirements of a wheel; variant markers are decided unless *markers* is true."""
        own = self.by_label.get(label, ())
        if not (self.has_markers and markers):
            return [*self.requires, *own]
        marked = (
            f"{text}; {self.labels[other][0]!r} in variant_properties"
            for other, texts in self.by_label.items()
            for text in texts
        )
        return [*self.requires, *marked]


def _cuda(*versions: str) -> Labels:
    return {f"cuda{version}": (_CUDA.format(version),) for version in versions}


def _releases() -> Iterator[MadeRelease]:
    """Yield all releases; a project may have several."""
    for version in ("2024.2", "2025.1"):
        yield MadeRelease("scimkl", version, _NATIVE)
    yield MadeRelease("sciopenblas", "0.3.27", _NATIVE)
    yield MadeRelease("sciiomp", "2025.1", _NATIVE)
    yield MadeRelease("scigomp", "13.2", _NATIVE)
    yield MadeRelease("scimpich", "4.2", _NATIVE)
    yield MadeRelease("sciopenmpi", "5.0", _NATIVE)
    for version in ("1.0", "2.0", "2.1"):
        yield MadeRelease("scitools", version)
    yield MadeRelease("sciyaml", "6.0", _CPYTHONS)
    yield from _cuda_releases()
    yield from _blas_releases()
    yield from _frameworks()


def _cuda_releases() -> Iterator[MadeRelease]:
    for version in ("12.8.90", "13.0.48"):
        yield MadeRelease("scicudart", version, _NATIVE)
        yield MadeRelease("scicublas", version, _NATIVE, requires=(f"scicudart=={version}",))
    # No plain wheel: only machines with a GPU can install it.
    runtimes: Labels = {"cuda12.8": ("scicublas==12.8.*",), "cuda13.0": ("scicublas==13.0.*",)}
    yield MadeRelease("scicudnn", "9.10", _NATIVE, _cuda("12.8", "13.0"), by_label=runtimes)
    # The newest release is for newer GPUs only: other machines get the older one.
    yield MadeRelease("scilegacy", "1.0")
    yield MadeRelease("scilegacy", "2.0", _STABLE, _cuda("13.0"), ("scicudart>=13",))


def _blas_releases() -> Iterator[MadeRelease]:
    blas: Labels = {"mkl": ("blas :: library :: mkl",), "openblas": ("blas :: library :: openblas",)}
    libraries: Labels = {"mkl": ("scimkl>=2025",), "openblas": ("sciopenblas",), None: ("sciopenblas",)}
    yield MadeRelease("scinum", "1.26", _CPYTHONS)
    yield MadeRelease("scinum", "2.1", _CPYTHONS, {**blas, None: ()}, by_label=libraries)
    yield MadeRelease("scialg", "1.14", _CPYTHONS, {**blas, None: ()}, ("scinum>=2",), libraries)
    runtimes: Labels = {"iomp": ("openmp :: runtime :: iomp",), "gomp": ("openmp :: runtime :: gomp",)}
    needed: Labels = {"iomp": ("sciiomp",), "gomp": ("scigomp",), None: ("scigomp",)}
    yield MadeRelease("scilearn", "1.6", _STABLE, {**runtimes, None: ()}, ("scialg", "scitools"), needed)
    levels: Labels = {f"v{level}": (_LEVEL.format(f"v{level}"),) for level in (4, 3, 2)}
    yield MadeRelease("scikernel", "0.9", _NATIVE, {**levels, "null": (), None: ()})
    mpi: Labels = {"mpich": ("mpi :: library :: mpich",), "openmpi": ("mpi :: library :: openmpi",)}
    needed = {"mpich": ("scimpich",), "openmpi": ("sciopenmpi",)}
    yield MadeRelease("scimpi", "4.0", _STABLE, mpi, by_label=needed)
    yield MadeRelease("scigrid", "3.12", _CPYTHONS, {**mpi, None: ()}, ("scinum",), {"mpich": ("scimpi",)})


def _frameworks() -> Iterator[MadeRelease]:
    older: Labels = {**_cuda("12.8"), "null": (), None: ()}
    both: Labels = {**_cuda("13.0", "12.8"), "null": (), None: ()}
    runtimes: Labels = {
        "cuda12.8": ("scicudart==12.8.*", "scicudnn", "scitriton"),
        "cuda13.0": ("scicudart==13.0.*", "scicudnn", "scitriton"),
        "null": ("sciopenblas",),
        None: ("sciopenblas",),
    }
    yield MadeRelease("scitorch", "2.9.0", _CPYTHONS, older, ("scitools",), runtimes)
    yield MadeRelease("scitorch", "2.10.0", _CPYTHONS, both, ("scitools",), runtimes)
    yield MadeRelease("scitriton", "3.6", _CPYTHONS)
    yield MadeRelease("scivision", "0.25", _CPYTHONS, both, ("scitorch==2.10.0", "scinum"))
    # METADATA is the same in all its wheels: variant markers decide.
    audio: Labels = {"cuda12.8": ("scicudart==12.8.*",), "cuda13.0": ("scicudart==13.0.*",)}
    yield MadeRelease("sciaudio", "2.10", _STABLE, both, ("scitorch>=2.9",), audio, has_markers=True)
    levels: Labels = {"v3": (_LEVEL.format("v3"),), "null": (), None: ()}
    yield MadeRelease("scitoken", "0.21", _STABLE, levels)
    yield MadeRelease("scispeech", "1.2", requires=("sciaudio", "scivision", "scitoken", "sciyaml"))
    yield MadeRelease("scitune", "4.1", requires=("scilearn", "scitoken", "scitools>=2"))
    boost: Labels = {**_cuda("13.0", "12.8"), None: ()}
    needed: Labels = {"cuda13.0": ("scicublas==13.0.*",), "cuda12.8": ("scicublas==12.8.*",)}
    yield MadeRelease("sciboost", "3.0", _NATIVE, boost, ("scinum", "scialg"), needed)


def write_ecosystem(folder: Path, *, machine: str | None = None) -> None:
    """Write all wheels and index files into a folder.

    For the oracle, uv with its flag, *machine* names a machine. No variable forces the level of x86_64, and
    uv cannot read variant markers: then static-properties have the levels, and markers are decided.
    """
    write_releases(folder, _releases(), machine=machine)
    (folder / "scisource-1.0.tar.gz").write_bytes(_sdist("scisource", "1.0"))


def write_releases(folder: Path, releases: Iterable[MadeRelease], *, machine: str | None = None) -> None:
    """Write the wheels and index files of releases; *machine* as in `write_ecosystem`."""
    folder.mkdir(parents=True, exist_ok=True)
    levels = _LEVELS[machine] if machine else ()
    for release in releases:
        variants = release.variants
        metadata = release.metadata(levels) if variants else None
        for label in release.labels:
            document = metadata.only(variants[label]).to_json() if metadata and label else None
            for tag in release.tags:
                name = WheelFilename(release.name, release.version, "", tag, label)
                _write(folder / str(name), release, label, document, markers=machine is None)
        if metadata:
            path = folder / f"{release.name}-{release.version}-variants.json"
            path.write_bytes(metadata._replace(variants=variants).to_json())


def _write(path: Path, release: MadeRelease, label: str | None, document: object, *, markers: bool) -> None:
    """Write a wheel whose only module has the parts of its name."""
    required = release.requirements(label, markers=markers)
    lines = "".join(f"Requires-Dist: {text}\n" for text in required)
    content = f"built_as = {path.name!r}\n".encode()
    module = {f"{release.name}/__init__.py": content}
    write_wheel(path, document, f"Requires-Python: >=3.9\n{lines}", modules=module)


class Origin(NamedTuple):
    """The wheel that an installed distribution came from: its filename and SHA-256.

    Both are "sdist" for a distribution that was built from an sdist. *requires* are its requirements.
    """

    filename: str
    sha256: str
    requires: tuple[str, ...]


def origins(site_packages: Path, wheels: Path, published: Path | None = None) -> dict[str, Origin]:
    """Return the origin of each installed project of the ecosystem, whose wheels are in a folder.

    If *wheels* are those of the oracle, hashes are those of the *published* wheels. Raises ValueError if an
    installed file is not that of the wheel. METADATA may differ: the offer decides variant markers.
    """
    known = {}
    for info in sorted(site_packages.glob("sci*.dist-info")):
        name = info.name.partition("-")[0]
        metadata = (info / "METADATA").read_text()
        requires = tuple(re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE))
        module = [*site_packages.glob(f"{name}.py"), *site_packages.glob(f"{name}/__init__.py")]
        built_as = module[0].read_text().split("'")[1]
        if built_as == "sdist":
            known[name] = Origin("sdist", "sdist", requires)
            continue
        if member := changed_file(site_packages, wheels / built_as):
            raise ValueError(f"{member}: the installed file is not that of {built_as}")
        digest = hashlib.sha256(((published or wheels) / built_as).read_bytes()).hexdigest()
        known[name] = Origin(built_as, digest, requires)
    return known


def changed_file(site_packages: Path, wheel: Path) -> str | None:
    """Return the first file of a wheel that is installed with another content; METADATA is not compared."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            if member.endswith(("/METADATA", "/RECORD")):
                continue
            if (site_packages / member).read_bytes() != archive.read(member):
                return member
    return None


def _sdist(name: str, version: str) -> bytes:
    """Return an sdist that has its backend inside."""
    info = f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\nRequires-Dist: scitools\n"
    project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    backend = _BACKEND.format(name=name, version=version, info=info)
    files = {"PKG-INFO": info, "pyproject.toml": project, "backend.py": backend}
    return pack(
        f"{name}-{version}", {path: text.encode() for path, text in files.items()}, time=1_700_000_000
    )


_BACKEND = '''
import zipfile

STEM = "{name}-{version}"
FILES = {{
    "{name}.py": "built_as = 'sdist'\\n",
    f"{{STEM}}.dist-info/METADATA": """{info}""",
    f"{{STEM}}.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    f"{{STEM}}.dist-info/RECORD": "",
}}


def build_wheel(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{{folder}}/{{STEM}}-py3-none-any.whl", "w") as archive:
        for path, text in FILES.items():
            archive.writestr(path, text)
    return f"{{STEM}}-py3-none-any.whl"
'''
