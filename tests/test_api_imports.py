"""Importing the public interface is light, its names are the listed ones, and its values are plain values."""

from __future__ import annotations

import ast
import copy
import pickle
import sys
import zipfile
from collections.abc import Hashable
from inspect import isclass, isroutine
from pathlib import Path
from typing import get_origin

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import run
from packaging.version import Version

from variant_backend import api

HEAVY = ["build", "click", "packaging", "ssl", "subprocess", "tomlkit", "urllib.request"]


def fresh(program: str) -> list[str]:
    """Return the lines that a new interpreter prints."""
    return run(sys.executable, "-c", program).stdout.splitlines()


def test_the_import_loads_no_slow_modules() -> None:
    assert fresh(f"import sys, variant_backend.api; print({{*{HEAVY}}} & {{*sys.modules}})") == ["set()"]


def test_values_are_read_ranked_and_written_without_slow_modules() -> None:
    program = """
import sys
from variant_backend import api
wheel = api.WheelFilename.parse("demo-1.0-py3-none-any-v3.whl")
metadata = api.wheel_variant(None, wheel.label, [api.Property.parse("x86_64 :: level :: v3")]).metadata
api.metadata_from_json(metadata.to_json(), "variant.json")
api.ordered_labels(metadata, {"x86_64": {"level": ["v3"]}})
"""
    assert fresh(f"{program}\nprint({{*{HEAVY}}} & {{*sys.modules}})") == ["set()"]


def test_all_names_exist_and_other_names_are_private() -> None:
    program = """
from variant_backend import api
names = {name: getattr(api, name) for name in api.__all__}
print(dir(api) == sorted(api.__all__) and len(names) == len(api.__all__))
print([name for name in vars(api) if not name.startswith("_") and name not in names])
print([name for name in names if getattr(api, name) is not names[name] or name not in vars(api)])
"""
    assert fresh(program) == ["True", "[]", "[]"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'variant_backend.api' has no attribute 'rank_wheel'"):
        api.rank_wheel  # type: ignore[attr-defined]  # noqa: B018


def test_a_star_import_gives_the_listed_names() -> None:
    program = """
from variant_backend import api
from variant_backend.api import *
print([name for name in api.__all__ if name not in globals()])
"""
    assert fresh(program) == ["[]"]


def test_all_names_work_with_the_strictest_options_of_python() -> None:
    program = """
from variant_backend import api
names = [getattr(api, name) for name in api.__all__]
made = api.wheel_variant(None, "v3", [api.Property("x86_64", "level", "v3")])
print(api.metadata_from_json(made.variant_json(), "variant.json").variants == made.metadata.variants)
"""
    command = (sys.executable, "-I", "-OO", "-bb", "-X", "dev", "-W", "error", "-c", program)
    assert run(*command).stdout.splitlines() == ["True"]


def test_freezing_tools_find_the_modules_of_late_names() -> None:
    tree = ast.parse(Path(api.__file__).read_text(encoding="utf-8"))
    blocks = [node.body for node in tree.body if isinstance(node, ast.If)]
    found = {
        name.name: (node.module or "").removeprefix("_internal.")
        for node in blocks[0]
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert found == vars(api)["_LATER"]


def test_calls_print_nothing_and_change_nothing_of_the_process(tmp_path: Path) -> None:
    make_wheel(tmp_path)
    program = """
import locale, logging, os, signal, sys, threading, warnings
from variant_backend import api
late = [getattr(api, name) for name in api.__all__]

def state():
    handlers = [signal.getsignal(number) for number in sorted(signal.valid_signals())]
    threads, streams = threading.active_count(), (sys.stdout, sys.stderr, sys.excepthook)
    settings = locale.setlocale(locale.LC_ALL), os.getcwd(), sys.getrecursionlimit(), warnings.filters[:]
    return handlers, threads, streams, settings, {**os.environ}, sys.path[:], logging.root.handlers[:]

before = state()
mkl = [api.Property("blas", "library", "mkl")]
made = api.make_variant("demo-1.0-py3-none-any.whl", "mkl", mkl)
assert api.read_wheel_metadata(made.path).variants
assert api.detect_hardware().warnings is not None and api.read_hardware("cuda:12.8").supported
try:
    api.validate_variant(api.Variant("mkl", frozenset(mkl)), {"blas": api.PluginProvider(("missing",))})
except api.VariantError as error:
    assert "ModuleNotFoundError" in str(error)
assert state() == before
"""
    result = run(sys.executable, "-c", program, cwd=tmp_path)
    assert (result.stdout, result.stderr) == ("", "")


def test_a_zip_archive_starts_no_process(tmp_path: Path) -> None:
    package = Path(api.__file__).parent
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        for path in package.rglob("*.py"):
            archive.write(path, path.relative_to(package.parent))
    program = """
import sys
sys.path.insert(0, "packed.zip")
from variant_backend import api
print(api.__file__.partition("packed.zip")[1], api.read_hardware("x86_64:v2").supported["x86_64"]["level"])
try:
    api.ask_build_plugins({"demo": api.BuildProvider(("demo",))})
except api.VariantError as error:
    print(error.problems[0].text)
"""
    assert run(sys.executable, "-c", program, cwd=tmp_path).stdout.splitlines() == [
        "packed.zip ('v2', 'v1')",
        "cannot be started: this needs variant_backend as files in a folder",
    ]


def test_public_functions_and_classes_keep_their_names() -> None:
    values = {name: getattr(api, name) for name in api.__all__}
    # For Python 3.10, an alias such as Mapping[str, str] is a class, too.
    named = {name: value for name, value in values.items() if not get_origin(value)}
    defined = {name: value for name, value in named.items() if isroutine(value) or isclass(value)}
    assert {name: value.__name__ for name, value in defined.items()} == {name: name for name in defined}


def test_threads_get_the_same_late_names() -> None:
    program = """
import sys, threading
from variant_backend import api
sys.setswitchinterval(1e-6)
late = [name for name in api.__all__ if name not in vars(api)]
start, results = threading.Barrier(8), [[] for _ in range(8)]
def read(result):
    start.wait()
    result += [getattr(api, name) for name in late]
threads = [threading.Thread(target=read, args=(result,)) for result in results]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(late) > 0, all(len(result) == len(late) for result in results))
print(all(value is getattr(api, name) for result in results for name, value in zip(late, result)))
"""
    assert fresh(program) == ["True True", "True"]


MKL = api.Variant.of("mkl", [api.Property("blas", "library", "mkl")])
METADATA = api.VariantMetadata(
    ("blas",), {"blas": api.StaticProvider((("library", ("mkl", "openblas")),))}, {"mkl": MKL}
)
WHEEL = api.WheelFilename.parse("demo-1.0-py3-none-any-mkl.whl")
PROBLEM = api.Problem("error", "variant.json", "text", "remedy")
VALUES: dict[str, object] = {
    "Property": api.Property.parse("blas :: library :: mkl"),
    "Variant": MKL,
    "VariantMetadata": METADATA,
    "StaticProvider": METADATA.providers["blas"],
    "PluginProvider": api.PluginProvider(("blas-plugin",)),
    "BuildProvider": api.BuildProvider(("blas-plugin",)),
    "BuiltinProvider": api.BuiltinProvider("cuda"),
    "UnusableProvider": api.UnusableProvider((PROBLEM,)),
    "WheelFilename": WHEEL,
    "WheelVariant": api.WheelVariant(METADATA),
    "Problem": PROBLEM,
    "Conflict": api.Conflict.between("mkl", "openblas", "variants", "text"),
    "Origin": api.Origin("given", "--supported"),
    "Support": api.supported_values(METADATA, {}),
    "Verdict": api.rank_wheels([WHEEL], METADATA, {"blas": {"library": ["mkl"]}}, [])[0],
    "Hardware": api.read_hardware("x86_64:v3"),
    "abi_support": api.abi_support({"torch": Version("2.7")}),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_values_are_equal_after_copying_and_pickling(value: object) -> None:
    assert copy.copy(value) == value
    assert copy.deepcopy(value) == value
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("name", ["Property", "Variant", "WheelFilename", "Problem", "Conflict", "Origin"])
def test_small_values_are_hashable(name: str) -> None:
    value = VALUES[name]
    assert isinstance(value, Hashable)
    assert hash(copy.deepcopy(value)) == hash(value)


@pytest.mark.parametrize("kind", [api.VariantError, api.RequestError, api.UnknownNameError])
def test_errors_keep_their_problems_after_copying_and_pickling(kind: type[api.VariantError]) -> None:
    error = kind("text", PROBLEM, code="wrong-type", place="variant.json", remedy="write a table")
    for again in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is kind
        assert (again.problems, str(again)) == (error.problems, str(error))
