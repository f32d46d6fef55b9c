"""Names of libraries, and what they say about properties and requirements."""

from __future__ import annotations

import pytest

from variant_backend._internal.variants.properties import Property
from variant_backend._internal.variants.runtimes import (
    Library,
    Runtimes,
    bundled_libraries,
    library_of,
    runtime_problems,
    suggestion,
)

# Names from NVIDIA's, AMD's and Intel's packages, conda-forge, and wheels on PyPI.
LIBRARIES = {
    "libcudart.so.12": ("cudart", 12),
    "libcudart.so.11.0": ("cudart", 11),
    "libcudart-d0da41ae.so.11.8.89": ("cudart", 11),
    "cudart64_12.dll": ("cudart", 12),
    "cudart64_110.dll": ("cudart", 11),
    "cudart64_101.dll": ("cudart", 10),
    "nvrtc64_120_0.dll": ("nvrtc", 12),
    "nvJitLink_130_0.dll": ("nvjitlink", 13),
    "libcublasLt.so.13": ("cublaslt", 13),
    "cublasLt64_13.dll": ("cublaslt", 13),
    "libcudnn_ops.so.9": ("cudnn", 9),
    "cudnn_ops64_9.dll": ("cudnn", 9),
    "libcusolverMg.so.11": ("cusolver", 11),
    "libnccl.so.2": ("nccl", 2),
    "libamdhip64.so.7": ("amdhip64", 7),
    "libamdhip64.so": ("amdhip64", None),
    "amdhip64_7.dll": ("amdhip64", 7),
    "librocblas.so.5": ("rocblas", 5),
    "libze_loader.so.1": ("ze_loader", 1),
    "libsycl.so.8": ("sycl", 8),
    "sycl9.dll": ("sycl", 9),
    "libmkl_rt.so.2": ("mkl", 2),
    "mkl_rt.2.dll": ("mkl", 2),
    "libmkl_intel_lp64.so.2": ("mkl", 2),
    "libopenblas.so.0": ("openblas", 0),
    "libopenblasp-r0-5c2b7639.3.23.so": ("openblas", 3),
    "numpy.libs/libscipy_openblas64_-ff651d7f.so": ("openblas", None),
    "libscipy_openblas-64eda39e79589aedb16f58e5547eb599.dll": ("openblas", None),
    "libgomp.so.1": ("gomp", 1),
    "scikit_learn.libs/libgomp-a34b3233.so.1.0.0": ("gomp", 1),
    "libgomp-1.dll": ("gomp", None),
    "libgomp.1.dylib": ("gomp", 1),
    "libiomp5.so": ("iomp5", None),
    "libiomp5md.dll": ("iomp5", None),
    "@rpath/libomp.dylib": ("omp", None),
    "libomp140.x86_64.dll": ("omp", None),
    "VCOMP140.DLL": ("vcomp", 14),
    "libmpi.so.40": ("mpi", 40),
    "libtbb.so.12": ("tbb", 12),
    "tbb12.dll": ("tbb", 12),
    r"C:\bin\cublas64_12.dll": ("cublas", 12),
    "/System/Library/Frameworks/Accelerate.framework/Versions/A/Accelerate": ("accelerate", None),
}
OTHERS = [
    "libc.so.6",
    "libstdc++.so.6",
    "libtorch_cuda.so",
    "libcuda.so.1",
    "cudart.abi3.so",
    "cupy/cuda/cufft.cpython-311-x86_64-linux-gnu.so",
    "demo/mkl_helpers.py",
    "cublas.pyd",
    "libcudart.so.12.txt",
    "kernel32.dll",
    "",
    "lib" + "_1" * 10_000 + ".so",
    "-" * 10_000,
]


@pytest.mark.parametrize("name", LIBRARIES)
def test_the_family_and_the_version_of_a_library_are_known(name: str) -> None:
    assert library_of(name) == Library(*LIBRARIES[name])


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_belong_to_no_family(name: str) -> None:
    assert library_of(name) is None


def test_bundled_libraries_are_known_by_their_paths() -> None:
    paths = ["demo/_core.abi3.so", "demo.libs/libgomp-a34b3233.so.1.0.0", "demo/libgomp.py"]
    assert bundled_libraries(paths) == ("demo.libs/libgomp-a34b3233.so.1.0.0",)


def found(properties: str, requirements: list[str], *linked: str, bundled: tuple[str, ...] = ()) -> list[str]:
    parsed = [Property.parse(text) for text in properties.split(",") if text]
    runtimes = Runtimes({name: ["demo/_core.so"] for name in linked}, bundled)
    problems = [*runtime_problems(parsed, requirements, runtimes)]
    assert {problem.place for problem in problems} <= {"demo/_core.so", *bundled}
    return [problem.text for problem in problems]


LOWER, UPPER = "nvidia::cuda_version_lower_bound", "nvidia::cuda_version_upper_bound"


@pytest.mark.parametrize(
    ("properties", "requirements", "linked", "text"),
    [
        (f"{LOWER}::12.8", [], ["libcudart.so.13"], "is for CUDA 12"),
        (f"{LOWER}::13", [], ["cudart64_12.dll"], "is for CUDA 13"),
        (f"{LOWER}::12.8", [], ["libcufft.so.12"], "links libcufft.so.12 of CUDA 13"),
        (f"{LOWER}::11.8", [], ["libcusparse.so.12"], "links libcusparse.so.12 of CUDA 12"),
        (f"{UPPER}::13", [], ["libcudart.so.13"], "is for older drivers"),
        (f"{LOWER}::12.8", [], ["libamdhip64.so.7"], "is for CUDA"),
        ("amd::rocm_version::7.0", [], ["libamdhip64.so.6"], "is for ROCm 7"),
        ("amd::gfx_arch::gfx942", [], ["libcudart.so.12"], "is for ROCm"),
        ("", ["nvidia-cublas-cu12==12.8.4.1"], ["libcudart.so.13"], "is for CUDA 12"),
        ("", ["nvidia-cuda-runtime~=13.0"], ["libcudart.so.12"], "is for CUDA 13"),
        ("", ["cuda-toolkit[cudart]==13.0.2"], ["libcudart.so.12"], "is for CUDA 13"),
        ("x86::blas::mkl", [], ["libopenblas.so.0"], "links libopenblas.so.0 of openblas"),
        ("blas::library::openblas", [], ["mkl_rt.2.dll"], "the label has blas :: library :: openblas"),
        ("openmp::runtime::iomp", [], ["libgomp.so.1"], "links libgomp.so.1 of gomp"),
        ("openmp::provider::gnu", [], ["libiomp5.so"], "the label has openmp :: provider :: gnu"),
    ],
)
def test_a_library_of_another_runtime_is_reported(
    properties: str, requirements: list[str], linked: list[str], text: str
) -> None:
    (problem,) = found(properties, requirements, *linked)
    assert text in problem


@pytest.mark.parametrize(
    ("properties", "requirements", "linked"),
    [
        (f"{LOWER}::12.8", ["nvidia-cublas-cu12"], ["libcudart.so.12", "libcudnn.so.9", "libnccl.so.2"]),
        (f"{LOWER}::13.0", [], ["libcudart.so.13", "libcusparse.so.12", "libcurand.so.10"]),
        (f"{LOWER}::11.8", [], ["libcublas.so.11", "libcufft.so.10", "libcusolver.so.11"]),
        (f"{LOWER}::12.0,{UPPER}::13", [], ["libcudart.so.12"]),
        (f"{LOWER}::12.0", [], ["libcudart.so.11.0", "libcudart.so.12", "libcudart.so.13"]),
        ("nvidia::sm_arch::90_real", [], ["libcudart.so.13"]),
        ("amd::rocm_version::7.0", [], ["libamdhip64.so.7", "librocblas.so.5"]),
        ("amd::rocm_version::7.0", [], ["libamdhip64.so"]),
        ("", ["nvidia-cuda-runtime-cu12; extra == 'gpu'"], ["libcudart.so.13"]),
        ("", ["nvidia-cuda-runtime-cu12", "nvidia-cuda-runtime==13.*"], ["libcudart.so.13"]),
        ("", ["nvidia-cuda-runtime>=13", "six", "a b c"], ["libcudart.so.12"]),
        ("", [], ["libcudart.so.12", "libcudart.so.13", "libgomp.so.1", "libiomp5.so"]),
        ("blas::library::mkl,blas::library::openblas", [], ["libopenblas.so.0"]),
        ("blas::library::mkl", [], ["libmkl_rt.so.2", "libopenblas.so.0"]),
        ("blas::library::mkl", [], []),
        ("hf::library::accelerate", [], ["libopenblas.so.0"]),
        ("cpu::maker::intel", [], ["libgomp.so.1"]),
        ("openmp::provider::llvm", [], ["libiomp5.so"]),
    ],
)
def test_a_library_that_fits_is_enough(properties: str, requirements: list[str], linked: list[str]) -> None:
    assert found(properties, requirements, *linked) == []


def test_bundled_libraries_count_for_gpus_only() -> None:
    bundled = ("demo.libs/libcudart-a34b3233.so.13.0.48", "demo.libs/libgomp-a34b3233.so.1.0.0")
    (problem,) = found(f"{LOWER}::12.8,openmp::provider::intel", [], bundled=bundled)
    assert problem == f"belongs to CUDA 13, but {Property.parse(f'{LOWER}::12.8')} is for CUDA 12"


def test_one_version_and_one_implementation_imply_properties() -> None:
    linked = {key: ["demo/_core.so"] for key in ["libcudart.so.12", "libmkl_rt.so.2", "libgomp.so.1"]}
    result = suggestion(["nvidia-cuda-runtime-cu12==12.8.90", "six"], Runtimes(linked))
    assert result.options() == [
        *("-p", "nvidia::cuda_version_lower_bound::12.8"),
        *("-p", "blas_lapack::provider::mkl"),
        *("-p", "openmp::provider::gnu"),
        *("--static", "blas_lapack::provider::accelerate,mkl,openblas"),
        *("--static", "openmp::provider::gnu,intel,llvm"),
    ]
    assert result.remarks == ()


def test_several_versions_imply_no_property() -> None:
    names = ["libcudart.so.12", "libcudart.so.13", "libamdhip64.so.7", "libgomp.so.1", "libiomp5.so"]
    result = suggestion([], Runtimes({key: ["demo/_core.so"] for key in names}))
    assert result.options() == []
    assert result.remarks == (
        "no property for CUDA: modules are for versions 12, 13",
        "no property for ROCm 7: its minor version is unknown",
        "no property for OpenMP: modules link gnu, intel",
    )
