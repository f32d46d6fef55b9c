"""A program with strict types uses the public interface as installed, and mistakes in it are found."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import run

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("typed_program.py")
# Wrong uses, each with the error of mypy and that of pyright.
MISTAKES = {
    "api.WheelFilename.parse(b'demo-1.0-py3-none-any.whl')": ("arg-type", "reportArgumentType"),
    "api.Property('speed', 'mode')": ("call-arg", "reportCallIssue"),
    "api.Variant.of('fast', {'speed': 'fast'})": ("dict-item", "reportArgumentType"),
    "api.metadata_from_json('{}', 'variant.json')": ("arg-type", "reportArgumentType"),
    "api.rank_wheels([], None, {'speed': 'fast'}, [])": ("dict-item", "reportArgumentType"),
    "api.wheel_variant(None, 'fast', ['speed :: mode :: fast'])": ("list-item", "reportArgumentType"),
    "api.variant_of_settings('fast', None)": ("arg-type", "reportArgumentType"),
    "api.variant_of_settings({}, {}).label": ("union-attr", "reportOptionalMemberAccess"),
    "api.make_variant('demo.whl', labels=['fast'])": ("call-arg", "reportCallIssue"),
    "api.read_hardware('x86_64:v3').supported + 1": ("operator", "reportOperatorIssue"),
    "api.VariantError('text').problem": ("attr-defined", "reportAttributeAccessIssue"),
    "api.rank_wheel": ("attr-defined", "reportAttributeAccessIssue"),
    "hooks.build_wheels": ("attr-defined", "reportAttributeAccessIssue"),
    "hooks.build_wheel('dist', {1: 'fast'})": ("dict-item", "reportArgumentType"),
    "hooks.build_editable('dist', metadata=None)": ("call-arg", "reportCallIssue"),
    "hooks.prepare_metadata_for_build_wheel(None)": ("arg-type", "reportArgumentType"),
    "dispatch.build_wheel(Path('dist'))": ("arg-type", "reportArgumentType"),
}
HEADER = "from pathlib import Path\nfrom variant_backend import api, dispatch, hooks\n"
FIRST = HEADER.count("\n") + 1


@pytest.fixture(scope="module")
def project(own_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program, the mistakes, and an environment that has this project as a wheel."""
    folder = tmp_path_factory.mktemp("consumer")
    run("uv", "venv", "--quiet", "--no-config", "--python", sys.executable, folder / "env")
    run("uv", "pip", "install", "--quiet", "--no-config", "--python", interpreter(folder), own_wheel)
    shutil.copy(PROGRAM, folder / "program.py")
    (folder / "mistakes.py").write_text(HEADER + "".join(f"print({mistake})\n" for mistake in MISTAKES))
    return folder


def interpreter(folder: Path) -> Path:
    return folder / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def test_the_program_makes_and_ranks_variants(project: Path, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    printed = run(interpreter(project), "program.py", wheel, tmp_path, cwd=project).stdout.splitlines()
    assert printed == [
        "missing-key wrong-type",
        "static",
        "demo-1.0-variants.json",
        "speed :: mode :: fast ranks before speed :: mode :: safe:"
        " value fast is listed first in the supported values",
        "fast safe",
        "fast one",
        "True",
        "demo-1.0-py3-none-any-safe.whl demo-1.0-py3-none-any.whl",
    ]


def test_mypy_finds_the_mistakes_and_no_other_errors(project: Path) -> None:
    config = "[mypy]\nstrict = true\n[mypy-program]\ndisallow_any_expr = true\n"  # no Any reaches the program
    (project / "mypy.ini").write_text(config)
    options = ("--no-error-summary", "--python-executable", interpreter(project))
    printed = run("mypy", *options, "program.py", "mistakes.py", cwd=project, ok=False).stdout
    errors = re.findall(r"^(.*?):(\d+): error: .*  \[([\w-]+)\]$", printed, re.MULTILINE)
    assert len(errors) == printed.count(" error: "), printed
    expected = [("mistakes.py", str(FIRST + at), code) for at, (code, _) in enumerate(MISTAKES.values())]
    assert errors == expected, printed


def test_pyright_finds_the_mistakes_and_no_other_errors(project: Path) -> None:
    (project / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    options = ("--outputjson", "--pythonpath", interpreter(project), "program.py", "mistakes.py")
    report: Any = json.loads(run("pyright", *options, cwd=project, ok=False).stdout)
    found: dict[tuple[str, int], set[str]] = {}
    for item in report["generalDiagnostics"]:
        line = item["range"]["start"]["line"] + 1
        found.setdefault((Path(item["file"]).name, line), set()).add(item["rule"])
    for at, (mistake, (_, rule)) in enumerate(MISTAKES.items(), FIRST):
        assert rule in found.pop(("mistakes.py", at), set()), mistake
    assert found == {}


def test_all_public_types_are_complete() -> None:
    options = ("--verifytypes", "variant_backend", "--ignoreexternal", "--outputjson")
    report: Any = json.loads(run("pyright", *options).stdout)["typeCompleteness"]
    incomplete = {
        symbol["name"]: [item["message"] for item in symbol["diagnostics"]]
        for symbol in report["symbols"]
        if not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"]
    }
    assert (incomplete, report["completenessScore"]) == ({}, 1)
    assert {"variant_backend.api", "variant_backend.hooks", "variant_backend.dispatch"} <= {
        module["name"] for module in report["modules"]
    }
