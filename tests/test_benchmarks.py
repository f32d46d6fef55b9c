"""Benchmarks time programs that are texts, which type checkers do not read."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
IMPORT = re.compile(r"^from (variant_backend[\w.]*) import ([\w, ]+)$", re.MULTILINE)
IMPORTED = sorted(
    (module, name)
    for path in BENCHMARKS.glob("*.py")
    for module, names in IMPORT.findall(path.read_text(encoding="utf-8"))
    for name in names.split(", ")
)


@pytest.mark.parametrize(("module", "name"), IMPORTED)
def test_programs_of_benchmarks_import_existing_names(module: str, name: str) -> None:
    assert hasattr(import_module(module), name) or import_module(f"{module}.{name}")
