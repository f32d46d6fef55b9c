"""The runtimes that the compiled modules of a wheel link."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from helpers.made_modules import made_elf, made_mach_o, made_pe, made_universal
from helpers.made_wheels import make_wheel
from helpers.programs import run

from variant_backend._internal.errors import VariantError
from variant_backend._internal.variants.runtimes import Runtimes
from variant_backend._internal.wheels.linked_runtimes import linked_runtimes, suggest_properties
from variant_backend._internal.wheels.reading import open_wheel

# A library of each family, by the name in the import table.
STUBS = (
    "libcudart.so.12",
    "libcublasLt.so.12",
    "libcudnn.so.9",
    "libnccl.so.2",
    "libamdhip64.so.7",
    "libze_loader.so.1",
    "libsycl.so.8",
    "libmkl_rt.so.2",
    "libopenblas-r0-f650aae0.3.3.so",
    "libgomp-a34b3233.so.1.0.0",
    "libiomp5.so",
    "libmpi.so.40",
    "libtbb.so.12",
)


def read(path: Path) -> tuple[Runtimes, list[str]]:
    with open_wheel(path) as wheel:
        runtimes, problems = linked_runtimes(wheel)
    assert {problem.code for problem in problems} <= {"unreadable-module"}
    return runtimes, list(map(str, problems))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("gcc"), reason="links ELF files with gcc")
def test_modules_linked_by_a_compiler_show_their_runtimes(tmp_path: Path) -> None:
    source = tmp_path / "empty.c"
    source.write_text("int none;\n")
    for name in STUBS:
        run("gcc", "-shared", f"-Wl,-soname,{name}", "-o", tmp_path / name, source)
    module = tmp_path / "_core.so"
    paths = [tmp_path / name for name in STUBS]
    run("gcc", "-shared", "-Wl,--no-as-needed", "-o", module, source, *paths)
    bundled = f"demo.libs/{STUBS[9]}"
    files = {"demo/_core.so": module.read_bytes(), bundled: paths[9].read_bytes()}
    runtimes, problems = read(make_wheel(tmp_path, files=files))
    assert problems == []
    assert runtimes == Runtimes({key: ["demo/_core.so"] for key in STUBS}, (bundled,))


def test_modules_of_all_formats_are_read(tmp_path: Path) -> None:
    files = {
        "demo/_linux.so": made_elf("libcudart.so.12", "libc.so.6"),
        "demo/_mac.so": made_universal(
            made_mach_o("@rpath/libomp.dylib"), made_mach_o("@rpath/libomp.dylib")
        ),
        "demo/_windows.pyd": made_pe("cudart64_12.dll", delayed=["mkl_rt.2.dll"]),
        "demo/text.so": b"INPUT(libcudart.so.13)",
        "demo/_data.bin": made_elf("libcudart.so.13"),
    }
    runtimes, problems = read(make_wheel(tmp_path, files=files))
    assert problems == []
    assert runtimes.linked == {
        "libcudart.so.12": ["demo/_linux.so"],
        "@rpath/libomp.dylib": ["demo/_mac.so"],
        "cudart64_12.dll": ["demo/_windows.pyd"],
        "mkl_rt.2.dll": ["demo/_windows.pyd"],
    }


def test_a_library_that_a_module_names_often_is_reported_once(tmp_path: Path) -> None:
    files = {"demo/a.so": made_elf(*["libcudart.so.12"] * 2000)}
    runtimes, _ = read(make_wheel(tmp_path, files=files))
    assert runtimes.linked == {"libcudart.so.12": ["demo/a.so"]}


def test_a_damaged_module_is_a_problem_and_others_are_read(tmp_path: Path) -> None:
    files = {"demo/_a.so": made_elf("libgomp.so.1")[:150], "demo/_b.so": made_elf("libgomp.so.1")}
    runtimes, (problem,) = read(make_wheel(tmp_path, files=files))
    assert runtimes.linked == {"libgomp.so.1": ["demo/_b.so"]}
    assert problem.startswith("demo/_a.so: truncated")


def test_suggestions_use_requirements(tmp_path: Path) -> None:
    metadata = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: cuda-toolkit==12.6.*\n"
    path = make_wheel(tmp_path, files={"demo/_a.so": made_elf("libcudart.so.12")}, metadata=metadata)
    suggested = suggest_properties(path)
    assert suggested.suggestion.options() == ["-p", "nvidia::cuda_version_lower_bound::12.6"]
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(VariantError, match=path.name):
        suggest_properties(path)
