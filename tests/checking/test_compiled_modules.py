"""`check --payload` compares the runtimes that modules link with labels and requirements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from click.testing import CliRunner
from helpers.made_modules import made_elf
from helpers.sample_release import DOCUMENT, patched, write_wheel

from variant_backend._internal.checking.codes import PAYLOAD
from variant_backend._internal.checking.run import find_problems
from variant_backend._internal.cli.main import main

BLAS = {
    "default-priorities": {"namespace": ["blas"]},
    "providers": {"speed": None, "blas": {"static-properties": {"library": ["mkl", "openblas"]}}},
    "variants": {"fast": {"speed": None, "blas": {"library": ["mkl"]}}, "null": None, "safe": None},
}


def wheel(folder: Path, *libraries: str, variant: Any = None, metadata: str = "") -> Path:
    path = folder / f"demo-1.0-py3-none-any{'-fast' if variant else ''}.whl"
    write_wheel(path, variant, metadata, modules={"demo/_core.so": made_elf(*libraries)})
    return path


def problems_of(path: Path, *, payload: bool = True) -> list[str]:
    problems = [finding.problem for finding in find_problems([path], payload=payload)]
    return [f"{problem.place}: {problem.text}" for problem in problems if problem.code in PAYLOAD]


def test_the_label_is_compared_with_the_modules(tmp_path: Path) -> None:
    path = wheel(tmp_path, "libopenblas.so.0", variant=patched(DOCUMENT, BLAS))
    (problem,) = problems_of(path)
    text = "links libopenblas.so.0 of openblas, but the label has blas :: library :: mkl"
    assert problem == f"demo/_core.so: {text}"
    assert problems_of(path, payload=False) == []


def test_requirements_are_compared_with_the_modules(tmp_path: Path) -> None:
    path = wheel(tmp_path, "libcudart.so.13", metadata="Requires-Dist: nvidia-cuda-runtime-cu12")
    (problem,) = problems_of(path)
    assert problem.endswith("CUDA 13, but requirement 'nvidia-cuda-runtime-cu12' is for CUDA 12")


def test_a_wheel_that_fits_has_no_finding(tmp_path: Path) -> None:
    path = wheel(
        tmp_path,
        *("libmkl_rt.so.2", "libcudart.so.12", "libgomp.so.1", "libiomp5.so"),
        variant=patched(DOCUMENT, BLAS),
        metadata="Requires-Dist: nvidia-cuda-runtime-cu12",
    )
    assert problems_of(path) == []


def test_members_that_overlap_are_not_inflated(tmp_path: Path) -> None:
    path = wheel(tmp_path, "libcudart.so.13", metadata="Requires-Dist: nvidia-cuda-runtime-cu12")
    data = path.read_bytes()
    # The directory says that the first member starts where the second one does.
    first = data.index(b"PK\1\2")
    second = data.index(b"PK\1\2", first + 4)
    path.write_bytes(data[: first + 42] + data[second + 42 : second + 46] + data[first + 46 :])
    assert problems_of(path) == []


def test_selecting_a_rule_about_modules_requires_the_option(tmp_path: Path) -> None:
    path = wheel(tmp_path, "libcudart.so.13", metadata="Requires-Dist: nvidia-cuda-runtime-cu12")
    arguments = ["check", str(path), "--select", "runtime-mismatch"]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, "add --payload" in result.output) == (2, True)
    result = CliRunner().invoke(main, [*arguments, "--payload"])
    assert (result.exit_code, "warning[runtime-mismatch]" in result.output) == (0, True)
