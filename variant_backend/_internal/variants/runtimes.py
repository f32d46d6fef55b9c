"""Runtimes that compiled modules link, such as CUDA and OpenBLAS, compared with properties and requirements.

The names of libraries are facts about released packages: NVIDIA's wheels and redistributables, ROCm, oneAPI,
and wheels repaired by auditwheel, delocate and delvewheel, which put a hash into the names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from ..errors import Problem, one_of
from .properties import Property

# The CUDA libraries, and the major versions of CUDA for a library's major version. Without an entry, both are
# equal. Libraries with an own version, such as cuDNN, work with several versions of CUDA.
_CUDA: Mapping[str, Mapping[int, tuple[int, ...]]] = {
    "cudart": {},
    "cublas": {},
    "cublaslt": {},
    "nvrtc": {},
    "nvjitlink": {},
    "cupti": {},
    "cufft": {10: (10, 11), 11: (12,), 12: (13,)},
    "cusolver": {10: (10, 11), 11: (11, 12), 12: (13,)},
    "cusparse": {10: (10,), 11: (11,), 12: (12, 13)},
}
_ROCM: Mapping[str, Mapping[int, tuple[int, ...]]] = {"amdhip64": {}}
# Libraries of Windows have three digits for 10.0 to 11.8, and cupti the year.
_LARGEST_VERSION = 50

# The family of a library with another name than its family; libraries of no family are ignored.
_ALIASES = {"amdhip": "amdhip64", "cufftw": "cufft", "cusolvermg": "cusolver", "iomp5md": "iomp5"}
_FAMILIES = {
    *_CUDA,
    *("cudnn", "curand", "nccl", "nvshmem_host", "cutensor", "nvinfer"),
    *_ROCM,
    *("rocblas", "hipblas", "hipblaslt", "rocsparse", "hipsparse", "rocfft", "hipfft", "rocsolver"),
    *("miopen", "rccl", "ze_loader", "sycl", "tbb", "mpi", "msmpi", "impi"),
    *("blis", "gomp", "iomp5", "omp", "vcomp"),
}
# Families with several libraries, such as libmkl_core, libcudnn_ops and libscipy_openblas64_.
_PREFIXES = {"mkl_": "mkl", "cudnn_": "cudnn", "openblas": "openblas", "scipy_openblas": "openblas"}
_FRAMEWORKS = {"Accelerate.framework": "accelerate", "vecLib.framework": "accelerate"}

_FORM = re.compile(
    r"(?P<lib>lib)?(?P<stem>[a-z0-9_]+?)(?:(?:64)?_(?P<windows>\d+)(?:_\d+)*)?(?:-[\w-]*)?"
    r"(?:\.(?P<inner>\w[\w.]*))?\.(?:so(?:\.(?P<outer>\d[\d.]*))?|dylib|(?P<dll>dll))",
    re.ASCII,
)
_LONGEST_NAME = 200


class _Implementations(NamedTuple):
    """The implementations of an interface: the families that each value of a property stands for.

    The *values* of a property count if its namespace or feature matches *context*. *known* is the namespace
    and feature that variants use, with the value of each family.
    """

    interface: str
    context: str
    values: Mapping[str, tuple[str, ...]]
    known: tuple[str, str]
    known_values: Mapping[str, str]


_INTERFACES = (
    _Implementations(
        "BLAS",
        "blas|lapack|math|x86",
        {name: (name,) for name in ("accelerate", "blis", "mkl", "openblas")},
        ("blas_lapack", "provider"),
        {"accelerate": "accelerate", "mkl": "mkl", "openblas": "openblas"},
    ),
    _Implementations(
        "OpenMP",
        "openmp|omp",
        {
            **dict.fromkeys(("gnu", "gomp", "libgomp"), ("gomp",)),
            **dict.fromkeys(("intel", "iomp", "iomp5", "libiomp5"), ("iomp5",)),
            # The runtimes of LLVM and Intel have the same source and interface.
            **dict.fromkeys(("llvm", "libomp", "omp"), ("omp", "iomp5")),
        },
        ("openmp", "provider"),
        {"gomp": "gnu", "iomp5": "intel", "omp": "llvm"},
    ),
)


class Library(NamedTuple):
    """A library of a known family, such as cudart, with its major version: None if its name has none."""

    family: str
    major: int | None


class Runtimes(NamedTuple):
    """The modules that link a library, by its name, and the paths of the libraries in the wheel."""

    linked: Mapping[str, Sequence[str]] = {}
    bundled: Sequence[str] = ()


class Suggestion(NamedTuple):
    """The properties that the content of a wheel implies, and all values of features without a provider.

    *remarks* say why a runtime implies no property.
    """

    properties: tuple[Property, ...]
    statics: Mapping[tuple[str, str], Sequence[str]]
    remarks: tuple[str, ...] = ()

    def options(self) -> list[str]:
        """Return the options of `make-variant` for these properties."""
        options = [part for prop in self.properties for part in ("-p", "::".join(prop))]
        for (namespace, feature), values in self.statics.items():
            options += ["--static", f"{namespace}::{feature}::{','.join(values)}"]
        return options


@lru_cache(4096)  # the modules of a wheel link the same libraries
def library_of(name: str) -> Library | None:
    """Return the library with a name or a path, as an import table or a wheel has it. None if it is unknown.

    >>> library_of("demo.libs/libcudart-a34b3233.so.12.8.90"), library_of("cudart64_110.dll")
    (Library(family='cudart', major=12), Library(family='cudart', major=11))
    """
    parts = re.split(r"[/\\]", name)
    for part in parts[:-1]:
        if part in _FRAMEWORKS:
            return Library(_FRAMEWORKS[part], None)
    match = _FORM.fullmatch(parts[-1].lower()) if len(parts[-1]) <= _LONGEST_NAME else None
    if match is None or not (match["lib"] or match["dll"]):
        return None
    stem, last = match["stem"], ""
    if (family := _family(stem)) is None:
        stem, last = stem.rstrip("0123456789"), stem[len(stem.rstrip("0123456789")) :]
        family = _family(stem)
    version = match["outer"] or match["windows"] or match["inner"] or last
    return Library(family, _major(version)) if family else None


def _family(stem: str) -> str | None:
    stem = _ALIASES.get(stem, stem)
    if stem in _FAMILIES:
        return stem
    return next((family for prefix, family in _PREFIXES.items() if stem.startswith(prefix)), None)


def _major(version: str) -> int | None:
    """Return the major version; in names of Windows, the last of three digits is a minor version."""
    first = re.match(r"\d{1,3}(?!\d)", version)
    number = int(first[0]) if first else None
    return number // 10 if number is not None and number >= 100 else number


def linked_for(namespace: str, linked: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Return the linked libraries that properties in a namespace are about, with their modules."""
    families = {"nvidia": {*_CUDA}, "amd": {*_ROCM}}.get(namespace, set())
    for interface in _INTERFACES:
        if re.search(interface.context, namespace):
            families |= {family for names in interface.values.values() for family in names}
    return {
        name: modules
        for name, modules in sorted(linked.items())
        if (library := library_of(name)) and library.family in families
    }


def bundled_libraries(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the paths of known libraries among the paths of a wheel's members."""
    named = (path for path in paths if ".so" in path or ".dll" in path or ".dylib" in path)
    return tuple(path for path in named if library_of(path))


class _Evidence(NamedTuple):
    """A library, and the module that links it, or its path in the wheel."""

    library: str
    path: str

    def of(self, name: str) -> str:
        """Return what the path has to do with a runtime, such as CUDA 12."""
        return f"belongs to {name}" if self.library == self.path else f"links {self.library} of {name}"


def _evidence(runtimes: Runtimes) -> Iterator[tuple[Library, _Evidence]]:
    """Yield all known libraries; each that is linked comes with its first module."""
    for name in sorted(runtimes.linked):
        if library := library_of(name):
            yield library, _Evidence(name, min(runtimes.linked[name]))
    for path in sorted(runtimes.bundled):
        if library := library_of(path):
            yield library, _Evidence(path, path)


def _versions(
    runtimes: Runtimes, releases: Mapping[str, Mapping[int, tuple[int, ...]]]
) -> dict[int, _Evidence]:
    """Return the major versions of CUDA or ROCm for which a wheel was built.

    A library of several versions counts only if no other library has exactly one.
    """
    exact: dict[int, _Evidence] = {}
    vague: dict[int, _Evidence] = {}
    for (family, major), evidence in _evidence(runtimes):
        if family in releases and major is not None and major <= _LARGEST_VERSION:
            versions = releases[family].get(major, ()) if releases[family] else (major,)
            for version in versions:
                (exact if len(versions) == 1 else vague).setdefault(version, evidence)
    return exact or vague


def runtime_problems(
    properties: Collection[Property], requirements: Iterable[str], runtimes: Runtimes
) -> Iterator[Problem]:
    """Find libraries that contradict the properties or the requirements of a wheel.

    One library that fits is enough: wheels may contain modules for several versions.
    """
    cuda, rocm = _versions(runtimes, _CUDA), _versions(runtimes, _ROCM)
    for prop in sorted(properties):
        if prop.namespace == "nvidia":
            yield from _of_accelerator(prop, "CUDA", cuda, "ROCm", rocm)
        elif prop.namespace == "amd":
            yield from _of_accelerator(prop, "ROCm", rocm, "CUDA", cuda)
    yield from _of_requirements(requirements, cuda)
    for interface in _INTERFACES:
        yield from _of_interface(properties, interface, runtimes)


def _of_accelerator(
    prop: Property, name: str, own: Mapping[int, _Evidence], other_name: str, other: Mapping[int, _Evidence]
) -> Iterator[Problem]:
    """Compare a property of a GPU with the versions of its runtime, and of the one for other GPUs."""
    if other and not own:
        version, evidence = min(other.items())
        yield _problem(evidence, f"{other_name} {version}", f"{prop} is for {name}")
        return
    version_text = re.fullmatch(r"(\d{1,3})(?:\.(\d{1,3}))?", prop.value)
    if not own or version_text is None:
        return
    limit = int(version_text[1]), int(version_text[2] or 0)
    version, evidence = min(own.items())
    if prop.feature in ("cuda_version_lower_bound", "rocm_version") and limit[0] not in own:
        yield _problem(evidence, f"{name} {version}", f"{prop} is for {name} {limit[0]}")
    elif prop.feature == "cuda_version_upper_bound" and (version, 0) >= limit:
        yield _problem(evidence, f"{name} {version}", f"{prop} is for older drivers")


def _problem(evidence: _Evidence, name: str, contradiction: str) -> Problem:
    return Problem("runtime-mismatch", evidence.path, f"{evidence.of(name)}, but {contradiction}")


def _of_requirements(requirements: Iterable[str], cuda: Mapping[int, _Evidence]) -> Iterator[Problem]:
    """Compare the required packages of NVIDIA with the version of CUDA for which a wheel was built."""
    required = [(version[0], text) for text in requirements for version in [_cuda_of(text)] if version]
    if cuda and required and not any(major in cuda for major, _ in required):
        (version, evidence), (major, text) = min(cuda.items()), required[0]
        yield _problem(evidence, f"CUDA {version}", f"requirement {text!r} is for CUDA {major}")


# The packages of NVIDIA that have the version of CUDA; other packages have a suffix, such as -cu12.
_CUDA_PACKAGES = r"cuda-toolkit|nvidia-(cuda-runtime|cuda-nvrtc|cuda-cupti|nvjitlink|cublas)"


def _cuda_of(text: str) -> tuple[int, int | None] | None:
    """Return the major and the minor version of CUDA that a requirement asks for.

    The minor version is None if it is not fixed. None for other requirements, and for those of extras.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    try:
        requirement = Requirement(text)
    except ValueError:  # reported by another rule
        return None
    name = canonicalize_name(requirement.name)
    if "extra" in str(requirement.marker or ""):
        return None
    suffix = re.fullmatch(r"(nvidia-[a-z0-9-]+)-cu(\d\d)", name)
    has_cuda_version = re.fullmatch(_CUDA_PACKAGES, suffix[1] if suffix else name)
    pins = [pin.version for pin in requirement.specifier if pin.operator in ("==", "~=", "===")]
    pin = re.match(r"(\d{1,3})(?:\.(\d{1,3}))?(?=\.|$)", pins[0]) if has_cuda_version and pins else None
    minor = int(pin[2]) if pin and pin[2] else None
    if suffix:
        return int(suffix[2]), minor
    return (int(pin[1]), minor) if pin else None


def _implementations(runtimes: Runtimes, interface: _Implementations) -> dict[str, _Evidence]:
    """Return the linked families that implement an interface.

    Libraries in the wheel do not count without a module that links them: another package may load them.
    """
    families = {family for names in interface.values.values() for family in names}
    linked = Runtimes(runtimes.linked)
    return {library.family: evidence for library, evidence in _evidence(linked) if library.family in families}


def _of_interface(
    properties: Iterable[Property], interface: _Implementations, runtimes: Runtimes
) -> Iterator[Problem]:
    """Compare the values of each feature for an interface with the linked implementations."""
    wanted: dict[tuple[str, str], list[Property]] = {}
    for prop in sorted(properties):
        name = f"{prop.namespace} {prop.feature}"
        if prop.value in interface.values and re.search(interface.context, name):
            wanted.setdefault(prop.key, []).append(prop)
    linked = _implementations(runtimes, interface) if wanted else {}
    for props in wanted.values():
        families = {family for prop in props for family in interface.values[prop.value]}
        if linked and not families & linked.keys():
            family, evidence = min(linked.items())
            yield _problem(evidence, family, f"the label has {one_of(map(str, props))}")


def suggestion(requirements: Iterable[str], runtimes: Runtimes) -> Suggestion:
    """Return the properties that the content of a wheel implies.

    If it has several versions or implementations, none of them is implied. The minor version of CUDA comes
    from the requirements; without one, it is 0.
    """
    properties: list[Property] = []
    statics: dict[tuple[str, str], Sequence[str]] = {}
    remarks: list[str] = []
    cuda, rocm = sorted(_versions(runtimes, _CUDA)), sorted(_versions(runtimes, _ROCM))
    if len(cuda) == 1:
        required = filter(None, map(_cuda_of, requirements))
        minors = (minor for major, minor in required if major == cuda[0] and minor is not None)
        properties.append(Property("nvidia", "cuda_version_lower_bound", f"{cuda[0]}.{next(minors, 0)}"))
    elif cuda:
        remarks.append(f"no property for CUDA: modules are for versions {one_of(map(str, cuda))}")
    if rocm:
        remarks.append(f"no property for ROCm {one_of(map(str, rocm))}: its minor version is unknown")
    for interface in _INTERFACES:
        values = {
            interface.known_values[family]
            for family in _implementations(runtimes, interface)
            if family in interface.known_values
        }
        if len(values) == 1:
            properties.append(Property(*interface.known, *values))
            statics[interface.known] = sorted(interface.known_values.values())
        elif values:
            remarks.append(f"no property for {interface.interface}: modules link {one_of(sorted(values))}")
    return Suggestion(tuple(properties), statics, tuple(remarks))
