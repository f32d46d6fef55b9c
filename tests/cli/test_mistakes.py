"""Sixty mistakes of users: every message says what was read, what is wrong and what to do.

``pytest -s tests/cli/test_mistakes.py`` prints all messages, with their exit codes.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

import pytest
from click.testing import CliRunner
from helpers.made_wheels import METADATA, make_wheel, record_row
from helpers.programs import run
from helpers.sample_release import DOCUMENT, patched, write_release
from helpers.servers import publish, served

from variant_backend._internal.cli.main import main

WHEEL = "demo-1.0-py3-none-any.whl"
INDEX_FILE = "demo-1.0-variants.json"
PROJECT = """\
[build-system]
requires = ["variant-backend-core"]
build-backend = "variant_backend.hooks"

[project]
name = "demo"
version = "1.0"

[tool.variant-backend]
build-backend = "wrapped"
backend-path = ["backend"]

[variant]
default-priorities.namespace = ["speed"]
providers.speed.static-properties.mode = ["fast", "safe"]
variants.fast.speed.mode = ["fast"]
variants.safe.speed.mode = ["safe"]
"""
FAST = "-p speed::mode::fast -l fast"
# The namespace x86_64 in place of speed.
KNOWN = patched(
    DOCUMENT,
    {
        "default-priorities": {"namespace": ["x86_64"]},
        "providers": {"speed": None, "x86_64": {"requires": ["x86-64-variant-provider"]}},
        "variants": {
            "fast": {"speed": None, "x86_64": {"level": ["v3"]}},
            "safe": {"speed": None, "x86_64": {"level": ["v2"]}},
        },
    },
)


class Mistake(NamedTuple):
    """A command, its exit code, and parts of its message: what was read, what is wrong, what to do.

    *change* replaces a text of project/pyproject.toml by another one. URL in the command is an index.
    """

    number: int
    name: str
    command: str
    code: int
    parts: tuple[str, ...]
    change: tuple[str, str] = ("", "")


MISTAKES = [
    Mistake(1, "label typo", "explain demo -f dist -l fsat", 2, ("'fsat'", "unknown label", "'fast'?")),
    Mistake(
        2,
        "label in upper case",
        f"make-variant -p speed::mode::fast -l FAST {WHEEL}",
        2,
        ("'FAST'", "not allowed", "'fast'"),
    ),
    Mistake(
        3,
        "option typo",
        "explain demo -f dist --lable fast",
        2,
        ("'--lable'", "unknown option", "'--label'?"),
    ),
    Mistake(4, "command typo", "exlpain demo", 2, ("'exlpain'", "unknown command", "'explain'?")),
    Mistake(
        5,
        "property with one colon",
        f"make-variant -p x86_64:level:v3 {WHEEL}",
        2,
        ("'x86_64:level:v3'", "no '::'", "write NAMESPACE :: FEATURE :: VALUE"),
    ),
    Mistake(
        6,
        "namespace typo in --supported",
        "explain demo -f dist --supported 'sped::mode::fast'",
        2,
        ("--supported", "unknown namespace 'sped'", "'speed'?"),
    ),
    Mistake(
        7,
        "namespace typo in --disable",
        "explain demo -f dist --disable sped",
        2,
        ("--disable", "unknown namespace 'sped'", "'speed'?"),
    ),
    Mistake(
        8,
        "namespace typo in --enable",
        "fetch demo -f dist -o out --enable sped",
        2,
        ("--enable", "unknown namespace 'sped'", "'speed'?"),
    ),
    Mistake(
        9,
        "namespace typo in --align",
        "explain demo -f dist --align sped",
        2,
        ("--align", "unknown namespace 'sped'", "'speed'?"),
    ),
    Mistake(
        10,
        "unknown plugin",
        "explain demo -f known --trust-plugin x86-64-variant-provdier",
        2,
        ("--trust-plugin", "unknown plugin 'x86-64-variant-provdier'", "'x86-64-variant-provider'?"),
    ),
    Mistake(
        11,
        "feature typo",
        "explain demo -f known --supported 'x86_64::levle::v3'",
        2,
        ("--supported", "unknown feature 'levle'", "'level'?"),
    ),
    Mistake(
        12,
        "value typo",
        "explain demo -f known --supported 'x86_64::level::v9'",
        2,
        ("--supported", "unknown value 'v9'", "known values: v1, v2, v3, v4"),
    ),
    Mistake(13, "package typo", "fetch dmeo -f dist -o out", 1, ("dmeo", "no wheels in dist", "'demo'?")),
    Mistake(
        14,
        "missing version",
        "fetch demo==9 -f dist -o out",
        1,
        ("demo==9", "no wheels of this version", "existing versions: 1.0"),
    ),
    Mistake(15, "missing folder", "explain demo -f dits", 1, ("dits", "folder not found", "'dist'?")),
    Mistake(
        16, "empty folder", "explain demo -f empty", 1, ("demo: ", "no wheels in empty", "use --find-links")
    ),
    Mistake(
        17,
        "folder without wheels",
        "explain demo -f texts",
        1,
        ("demo: ", "no wheels in texts", "use --find-links"),
    ),
    Mistake(
        18,
        "file for a folder",
        f"explain demo -f {WHEEL}",
        1,
        (WHEEL, "expected a folder, got a file", "use the folder that contains it"),
    ),
    Mistake(
        19,
        "folder for a wheel",
        "make-variant --null dist",
        1,
        ("dist: ", "is a folder, expected a wheel", "dist/*.whl"),
    ),
    Mistake(
        20,
        "sdist for a wheel",
        "make-variant --null demo-1.0.tar.gz",
        1,
        ("demo-1.0.tar.gz", "is an sdist, expected a wheel", "pip wheel --no-deps demo-1.0.tar.gz"),
    ),
    Mistake(
        21,
        "text file named .whl",
        "make-variant --null text-1.0-py3-none-any.whl",
        1,
        ("text-1.0", "expected a zip archive, got text: 'hello'", "download or build the wheel again"),
    ),
    Mistake(
        22,
        "wheel with (1)",
        "make-variant --null 'copy-1.0-py3-none-any (1).whl'",
        1,
        ("(1)", "as names of copies do", "copy-1.0-py3-none-any.whl"),
    ),
    Mistake(
        23,
        "no pyproject.toml",
        "build empty",
        1,
        ("empty/pyproject.toml", "file not found", "give the project's folder"),
    ),
    Mistake(
        24,
        "broken TOML",
        "build project",
        1,
        ("project/pyproject.toml", "invalid TOML", "line 1"),
        ("[build-system]", "[build-system"),
    ),
    Mistake(
        25,
        "unknown key in [variant]",
        "build project",
        1,
        ("[variant]", "unknown key 'variant'", "'variants'?"),
        ("variants.fast", "variant.fast"),
    ),
    Mistake(
        26,
        "unknown key in [tool.variant-backend]",
        "build project",
        1,
        ("tool.variant-backend", "unknown key 'backend-paht'", "'backend-path'?"),
        ("backend-path", "backend-paht"),
    ),
    Mistake(
        27,
        "unknown key in a recipe",
        "build project",
        1,
        ("variants.fast.dependncies", "unknown key", "'dependencies'?"),
        ("[variant]", "variants.fast.dependncies = []\n[variant]"),
    ),
    Mistake(
        28,
        "[varient]",
        "build project",
        1,
        ("[varient]", "unknown table", "rename it to [variant]"),
        ("[variant]", "[varient]"),
    ),
    Mistake(
        29,
        "recipe for an undefined label",
        "build project",
        1,
        ("variants.fsat", "unknown label 'fsat'", "'fast'?"),
        ("[variant]", "variants.fsat.dependencies = []\n[variant]"),
    ),
    Mistake(
        30,
        "project not wrapped",
        "build project",
        1,
        (
            "build-system.build-backend",
            "expected 'variant_backend.hooks', got 'setuptools.build_meta'",
            'write build-backend = "variant_backend.hooks"',
        ),
        ("variant_backend.hooks", "setuptools.build_meta"),
    ),
    Mistake(
        31,
        "project wraps itself",
        "HOOK {'variant': 'fast'}",
        1,
        ("tool.variant-backend.build-backend", "cannot wrap itself", 'for example "setuptools.build_meta"'),
        ('"wrapped"', '"variant_backend.hooks"'),
    ),
    Mistake(
        32,
        "hook name misspelt",
        "check project/pyproject.toml",
        1,
        (
            "build-system.build-backend",
            "got 'variant_backend.hook'",
            'write build-backend = "variant_backend.hooks"',
        ),
        ("variant_backend.hooks", "variant_backend.hook"),
    ),
    Mistake(
        33,
        "requires without variant-backend",
        "check project/pyproject.toml",
        1,
        ("build-system.requires", "missing 'variant-backend-core'", "add "),
        ('["variant-backend-core"]', "[]"),
    ),
    Mistake(
        34,
        "backend not installed",
        "HOOK {'variant': 'fast'}",
        1,
        (
            "tool.variant-backend.build-backend",
            "no module named 'no_such'",
            "add its package to build-system.requires",
        ),
        ('"wrapped"\nbackend-path = ["backend"]', '"no_such"'),
    ),
    Mistake(
        35,
        "label given twice",
        f"make-variant -l a -l b -p speed::mode::fast {WHEEL}",
        2,
        ("-l/--label", "given twice", "leave one of them out"),
    ),
    Mistake(
        36,
        "property given twice",
        f"make-variant -p speed::mode::fast -p speed::mode::fast {WHEEL}",
        2,
        ("'speed :: mode :: fast'", "duplicate property", "remove one"),
    ),
    Mistake(
        37,
        "two labels in -C",
        "HOOK {'variant': ['fast', 'safe']}",
        1,
        ("fast, safe", "2 labels", "request only one"),
    ),
    Mistake(
        38,
        "-Cvarient",
        "HOOK {'varient': 'fast'}",
        1,
        ("'varient'", "unknown config setting", "-Cvariant=LABEL"),
    ),
    Mistake(
        39,
        "-Cvariant= empty",
        "HOOK {'variant': ''}",
        1,
        ("'variant'", "expected a label, got an empty string", "write -Cvariant=LABEL, or leave it out"),
    ),
    Mistake(
        40,
        "null with properties",
        "HOOK {'variant': ['null', 'speed::mode::fast']}",
        1,
        ("'null'", "cannot have properties", "use another label or remove the properties"),
    ),
    Mistake(
        41,
        "unknown platform",
        "explain demo -f dist --platform lunix",
        2,
        ("'lunix'", "unknown platform", "'linux'?"),
    ),
    Mistake(
        42,
        "unknown Python",
        "explain demo -f dist --python 3.x",
        2,
        ("'3.x'", "unknown version of CPython", "such as 3.12"),
    ),
    Mistake(
        43,
        "index URL without scheme",
        "explain demo -i example.org/simple",
        2,
        ("'example.org/simple'", "no scheme", "write https://example.org/simple"),
    ),
    Mistake(
        44,
        "index that is down",
        "explain demo -i http://127.0.0.1:9/simple",
        1,
        ("http://127.0.0.1:9/simple/demo/", "cannot connect", "use --find-links"),
    ),
    Mistake(
        45, "no such project on the index", "explain dmeo -i URL", 1, ("dmeo", "not found", "check the name")
    ),
    Mistake(
        46,
        "index file broken",
        "explain demo -f broken -l fast",
        0,
        (INDEX_FILE, "invalid JSON", "line 1 column 2"),
    ),
    Mistake(
        47,
        "index file missing",
        "explain demo -f unindexed -l fast",
        0,
        ("EXCLUDED", "no valid index file", "(*-variants.json)"),
    ),
    Mistake(
        48,
        "hash mismatch",
        "fetch demo -i URL -o out",
        1,
        (f"/simple/demo/{WHEEL}", "expected sha256 0000", "report this to the owner"),
    ),
    Mistake(
        49,
        "machine file missing",
        "explain demo -f dist --machine gone.json",
        1,
        ("gone.json", "file not found", "variant-backend hardware"),
    ),
    Mistake(
        50,
        "unknown key in a machine file",
        "explain demo -f dist --machine key.json",
        1,
        ("machine.speed.featres", "unknown key", "'features'?"),
    ),
    Mistake(
        51,
        "unknown value in a machine file",
        "explain demo -f known --machine value.json",
        2,
        ("x86_64 :: level", "unknown value 'v9'", "known values: v1, v2, v3, v4"),
    ),
    Mistake(
        52,
        "pinned label that does not exist",
        "fetch demo#fsat -f dist -o out",
        2,
        ("demo#fsat", "unknown label 'fsat'", "'fast'?"),
    ),
    Mistake(
        53,
        "output folder unwritable",
        f"make-variant {FAST} -o {WHEEL} {WHEEL}",
        1,
        (WHEEL, "expected a folder, got a file", "use another folder"),
    ),
    Mistake(
        54,
        "output exists",
        f"make-variant {FAST} {WHEEL}",
        1,
        (f"{WHEEL[:-4]}-fast.whl", "already exists", "use --force to replace it"),
    ),
    Mistake(
        55,
        "--json with --format github",
        "check --json --format github dist",
        2,
        ("--json", "cannot be used together", "leave one of them out"),
    ),
    Mistake(
        56,
        "wheel that is a variant already",
        f"make-variant -p speed::mode::safe -l other {WHEEL[:-4]}-fast.whl",
        0,
        ("-fast.whl", "is variant 'fast' already", "replaces its properties"),
    ),
    Mistake(57, "unmake of a plain wheel", f"unmake {WHEEL}", 1, (WHEEL, "not a variant", "leave it out")),
    Mistake(
        58,
        "old metadata",
        "explain demo -f old -l fast",
        0,
        (INDEX_FILE, "$schema", "variant-backend upgrade"),
    ),
    Mistake(
        59,
        "METADATA not UTF-8",
        f"make-variant {FAST} latin-1.0-py3-none-any.whl",
        1,
        ("METADATA: line 4", "not UTF-8", "rebuild the wheel"),
    ),
    Mistake(
        60,
        "a URL where a path belongs",
        f"make-variant {FAST} https://example.org/{WHEEL}",
        1,
        ("https://example.org", "is a URL, expected the path of a wheel", "download the file"),
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with all that the commands name, as current folder."""
    folder = tmp_path_factory.mktemp("mistakes")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("VIRTUAL_ENV", sys.prefix)
        write_release(folder / "dist", DOCUMENT)
        write_release(folder / "known", KNOWN)
        write_release(folder / "broken", b"{")
        write_release(folder / "unindexed", None)
        write_release(
            folder / "old",
            patched(
                DOCUMENT,
                {
                    "$schema": "https://variants-schema.wheelnext.dev/v0.0.3.json",
                    "default-priorities": {"property": {}},
                },
            ),
        )
        make_wheel(folder)
        wheel = folder / "dist" / f"{WHEEL[:-4]}-fast.whl"
        shutil.copy(wheel, folder)
        make_wheel(folder, "copy").rename("copy-1.0-py3-none-any (1).whl")
        write_latin_wheel(folder)
        for name in ("empty", "texts", "project", "project/backend"):
            (folder / name).mkdir()
        (folder / "texts" / "notes.txt").touch()
        (folder / "text-1.0-py3-none-any.whl").write_text("hello")
        (folder / "demo-1.0.tar.gz").write_bytes(b"\x1f\x8b")
        (folder / "project" / "backend" / "wrapped.py").write_text(
            "def build_wheel(*_): raise SystemExit(1)\n"
        )
        write_machine("key.json", {"speed": {"features": {"mode": ["fast"]}, "featres": {}}})
        write_machine("value.json", {"x86_64": {"features": {"level": ["v9"]}}})
        yield folder


def write_latin_wheel(folder: Path) -> None:
    """Write a wheel whose METADATA is in Latin-1."""
    wheel = make_wheel(folder, "latin", metadata=METADATA.replace("a test", "a test of caf@@"))
    with ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    name = "latin-1.0.dist-info/METADATA"
    contents[name] = contents[name].replace(b"@@", b"\xe9")
    contents["latin-1.0.dist-info/RECORD"] = (
        "".join(
            record_row(path, content) for path, content in contents.items() if not path.endswith("RECORD")
        ).encode()
        + b"latin-1.0.dist-info/RECORD,,\n"
    )
    with ZipFile(wheel, "w") as archive:
        for path, content in contents.items():
            archive.writestr(path, content)


def write_machine(name: str, namespaces: object) -> None:
    Path(name).write_text(json.dumps({"version": 1, "machine": namespaces}))


@pytest.fixture(scope="module")
def index_url(folder: Path) -> Iterator[str]:
    """The URL of an index whose page lists the wheels with wrong hashes."""
    project = folder / "site" / "simple" / "demo"
    publish([folder / WHEEL], project)
    page = project / "index.html"
    page.write_text(re.sub(r"sha256=....", "sha256=0000", page.read_text()))
    with served(folder / "site") as url:
        yield f"{url}simple"


def outcome(mistake: Mistake, index_url: str) -> tuple[int, str]:
    """Make a mistake; return the exit code and all output, and print both."""
    Path("project", "pyproject.toml").write_text(PROJECT.replace(*mistake.change))
    if mistake.command.startswith("HOOK "):
        settings = mistake.command.removeprefix("HOOK ")
        script = f"from variant_backend import hooks; hooks.build_wheel('../out', {settings})"
        done = run("python", "-c", script, cwd=Path("project"), ok=False)
        code, output = done.returncode, done.stdout + done.stderr
    else:
        arguments = shlex.split(mistake.command.replace("URL", index_url))
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        code, output = result.exit_code, result.output
    sys.stdout.write(f"\n{mistake.number}. {mistake.name}: {mistake.command}\n[exit code {code}]\n{output}")
    return code, output


@pytest.mark.parametrize("mistake", MISTAKES, ids=[f"{each.number} {each.name}" for each in MISTAKES])
def test_a_mistake_gets_what_was_read_what_is_wrong_and_what_to_do(mistake: Mistake, index_url: str) -> None:
    code, output = outcome(mistake, index_url)
    assert code == mistake.code, output
    for part in mistake.parts:
        assert part in output


def test_there_are_sixty_mistakes() -> None:
    assert [mistake.number for mistake in MISTAKES] == [*range(1, 61)]
