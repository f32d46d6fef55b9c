"""`check`, `make-variant` and `unmake` apply the same rules to a wheel, as installers do."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.made_wheels import METADATA, WHEEL
from helpers.strict_reader import walk

from variant_backend._internal.checking.codes import ERROR, RULES, WARNING
from variant_backend._internal.checking.run import find_problems
from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel.zip_records import _REFUSED, MEND
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.properties import Property, Variant
from variant_backend._internal.variants.providers import StaticProvider
from variant_backend._internal.wheel_rewrite import Plan, write_variant
from variant_backend._internal.wheels.mend import mend
from variant_backend._internal.wheels.reading import WheelFile
from variant_backend._internal.wheels.soundness import NOTICES, REMEDIES, of_entry_points
from variant_backend._internal.wheels.unmake import unmake

NAME = "demo-1.0-py3-none-any.whl"
DIST_INFO = "demo-1.0.dist-info"
PLAN = Plan(
    VariantMetadata(
        ("acc",),
        {"acc": StaticProvider((("mode", ("fast",)),))},
        {"fast": Variant("fast", frozenset({Property("acc", "mode", "fast")}))},
    )
)
HEAD = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"


def digest(content: bytes, algorithm: str = "sha256") -> str:
    value = base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=").decode()
    return f"{algorithm}={value}"


def usual_row(path: str, content: bytes) -> str:
    return f"{path},{digest(content)},{len(content)}\n"


def write(
    path: Path,
    files: dict[str, bytes] | None = None,
    metadata: bytes = METADATA.format(name="demo", version="1.0").encode(),
    wheel: bytes = WHEEL.encode(),
    row: Callable[[str, bytes], str] = usual_row,
    own_row: str = f"{DIST_INFO}/RECORD,,\n",
    mode: int = 0o100644,
    comment: bytes = b"",
) -> Path:
    """Write a wheel whose parts may break a rule."""
    contents = {"demo/__init__.py": b"x = 1\n"} if files is None else dict(files)
    contents |= {f"{DIST_INFO}/METADATA": metadata, f"{DIST_INFO}/WHEEL": wheel}
    rows = "".join(row(name, content) for name, content in contents.items() if not name.endswith("/"))
    contents[f"{DIST_INFO}/RECORD"] = (rows + own_row).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = comment
        for name, content in contents.items():
            info = zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10))
            info.external_attr = (mode if name.startswith("demo/") else 0o100644) << 16
            archive.writestr(info, content)
    return path


def patched(path: Path, local: int | None, central: int, value: bytes) -> Path:
    """Write bytes into the headers of the first member."""
    data = bytearray(write(path).read_bytes())
    start = data.index(b"PK\1\2")
    if local is not None:
        data[local : local + len(value)] = value
    data[start + central : start + central + len(value)] = value
    path.write_bytes(data)
    return path


def of_algorithm(algorithm: str) -> Callable[[str, bytes], str]:
    return lambda path, content: f"{path},{digest(content, algorithm)},{len(content)}\n"


def hex_row(path: str, content: bytes) -> str:
    return f"{path},sha256={hashlib.sha256(content).hexdigest()},{len(content)}\n"


def row_of(name: str, changed: Callable[[str], str]) -> Callable[[str, bytes], str]:
    return lambda path, content: (
        changed(usual_row(path, content)) if path.endswith(name) else usual_row(path, content)
    )


UNSOUND: dict[str, tuple[str, Callable[[Path], object]]] = {
    "METADATA in latin-1": (
        "bad-metadata",
        lambda path: write(
            path, metadata=b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nAuthor: J\xf6rg\n"
        ),
    ),
    "requirement": (
        "bad-metadata",
        lambda path: write(
            path, metadata=b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: a b\n"
        ),
    ),
    "other name": (
        "wrong-identity",
        lambda path: write(path, metadata=b"Metadata-Version: 2.1\nName: other\nVersion: 1.0\n"),
    ),
    "hash in hex": ("bad-hash", lambda path: write(path, row=hex_row)),
    "hash with padding": (
        "bad-hash",
        lambda path: write(path, row=lambda name, data: f"{name},{digest(data)}=,{len(data)}\n"),
    ),
    "hash without algorithm": (
        "bad-hash",
        lambda path: write(path, row=lambda name, data: f"{name},{digest(data)[7:]},{len(data)}\n"),
    ),
    "unknown algorithm": (
        "bad-hash",
        lambda path: write(path, row=row_of("py", lambda row: row.replace("sha", "SHA"))),
    ),
    "no hash": (
        "incomplete-row",
        lambda path: write(path, row=lambda name, data: f"{name},,{len(data)}\n"),
    ),
    "wrong size of a file that is not read": (
        "wrong-size",
        lambda path: write(path, row=row_of("py", lambda row: row.replace(",6\n", ",7\n"))),
    ),
    "wrong hash of METADATA": (
        "wrong-hash",
        lambda path: write(path, row=row_of("METADATA", lambda row: re.sub("=[^,]+", digest(b"")[6:], row))),
    ),
    "wrong BLAKE2 hash of WHEEL": (
        "wrong-hash",
        lambda path: write(
            path, row=row_of("WHEEL", lambda row: re.sub(",[^,]+=[^,]+", f",{digest(b'', 'blake2b')}", row))
        ),
    ),
    "no row of RECORD": ("missing-row", lambda path: write(path, own_row="")),
    "Wheel-Version 2.0": (
        "bad-wheel-file",
        lambda path: write(path, wheel=WHEEL.replace("1.0", "2.0").encode()),
    ),
    "WHEEL in latin-1": ("bad-wheel-file", lambda path: write(path, wheel=WHEEL.encode() + b"X: \xe9\n")),
    "empty WHEEL": ("bad-wheel-file", lambda path: write(path, wheel=b"")),
    "folded Wheel-Version": (
        "bad-wheel-file",
        lambda path: write(path, wheel=WHEEL.replace(" 1.0", "\n 1.0").encode()),
    ),
    "continued Wheel-Version": (
        "bad-wheel-file",
        lambda path: write(path, wheel=WHEEL.replace(" 1.0", " 1.0\n none").encode()),
    ),
    "entry points": (
        "bad-entry-points",
        lambda path: write(
            path, files={f"{DIST_INFO}/entry_points.txt": b"[console_scripts]\na = the main\n"}
        ),
    ),
    ".data folder": ("data-folder", lambda path: write(path, files={"demo-1.0.data/bin/demo": b""})),
    "newer zip format": ("bad-zip", lambda path: patched(path, 4, 6, struct.pack("<H", 64))),
    "newer zip format of a local header": (
        "zip-layout",
        lambda path: patched(path, 4, 6, b"\x14\0") and patch_local(path),
    ),
    "two sizes of a stored member": ("bad-zip", lambda path: patched(path, 22, 24, struct.pack("<L", 5))),
    "a file that is a folder": ("bad-zip", lambda path: write(path, files={"demo/a": b"", "demo/a/b": b""})),
    "a file that is a folder entry": (
        "bad-zip",
        lambda path: write(path, files={"demo/a": b"", "demo/a/": b""}),
    ),
    "a bidirectional mark": ("bad-zip", lambda path: write(path, files={"demo/a\u202eb": b""})),
}


def patch_local(path: Path) -> Path:
    data = bytearray(path.read_bytes())
    data[4] = 64
    path.write_bytes(data)
    return path


NOTICED: dict[str, tuple[str, Callable[[Path], object]]] = {
    "MD5": ("weak-hash", lambda path: write(path, row=of_algorithm("md5"))),
    "SHA-1": ("weak-hash", lambda path: write(path, row=of_algorithm("sha1"))),
    "no Tag": ("tag-mismatch", lambda path: write(path, wheel=HEAD.encode())),
    "Tag after a blank line": (
        "tag-mismatch",
        lambda path: write(path, wheel=f"{HEAD}\nTag: py3-none-any\n".encode()),
    ),
    "Tag after a line with only CR": (
        "tag-mismatch",
        lambda path: write(path, wheel=WHEEL.replace("Tag:", "\rTag:").encode()),
    ),
    "malformed Tag": ("tag-mismatch", lambda path: write(path, wheel=f"{HEAD}Tag: py3-any\n".encode())),
    "Tag of another wheel": (
        "tag-mismatch",
        lambda path: write(path, wheel=f"{HEAD}Tag: cp39-cp39-win_amd64\n".encode()),
    ),
    "many tags": (
        "tag-mismatch",
        lambda path: write(path, wheel=f"{HEAD}Tag: {'a.' * 99}a-{'b.' * 99}b-any\n".encode()),
    ),
    "another build": ("tag-mismatch", lambda path: write(path, wheel=WHEEL.encode() + b"Build: 7\n")),
    "name of a script": (
        "script-name",
        lambda path: write(path, files={f"{DIST_INFO}/entry_points.txt": b"[console_scripts]\na+b = a:b\n"}),
    ),
    "symbolic link": ("symbolic-link", lambda path: write(path, mode=0o120777)),
    "archive comment": ("zip-comment", lambda path: write(path, comment=b"hello")),
    "old Requires-Python": (
        "old-specifier",
        lambda path: write(
            path, metadata=b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Python: >=3.5.*\n"
        ),
    ),
}
SOUND: dict[str, Callable[[Path], object]] = {
    **{
        f"{algorithm} hashes": lambda path, algorithm=algorithm: write(path, row=of_algorithm(algorithm))  # type: ignore[misc]
        for algorithm in ("sha224", "sha384", "sha512", "sha3_256", "blake2b", "blake2s")
    },
    "more tags": lambda path: write(path, wheel=f"{HEAD}Tag: py2-none-any\nTag: py3-none-any\n".encode()),
    "compressed tags": lambda path: write(path, wheel=f"{HEAD}Tag: py2.py3-none-any\n".encode()),
    "Wheel-Version twice": lambda path: write(path, wheel=WHEEL.encode() + b"Wheel-Version: 2.0\n"),
    "ideographic space": lambda path: write(path, files={"demo/\u4e2d\u3000\u6587": b""}),
    "no-break space": lambda path: write(path, files={"demo/a\u00a0b": b""}),
    "newer Unicode": lambda path: write(path, files={"demo/\U0001fae9": b""}),
    "two slashes": lambda path: write(path, files={"demo/a/": b"", "demo/a//b": b""}),
    "zip version with a system": lambda path: patched(path, 4, 6, b"\x14\xff"),
    "requirements": lambda path: write(
        path,
        metadata=b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Python: >=3.8, !=3.9.*\n"
        b"Requires-Dist: a[b,c]>=1.0rc1,<2; (python_version < '3.11' or os_name == 'nt') and extra == \"x\"\n"
        b"Requires-Dist: a.b (~=1.0)\nRequires-Dist: c ; extra == 'y'\n"
        b"Provides-Extra: x\nProvides-Extra: y\n",
    ),
}


def codes(path: Path) -> dict[str, str]:
    return {finding.problem.code: finding.severity for finding in find_problems([path])}


@pytest.mark.parametrize("name", UNSOUND)
def test_an_unsound_wheel_is_an_error_in_every_command(name: str, tmp_path: Path) -> None:
    code, make = UNSOUND[name]
    make(path := tmp_path / NAME)
    assert codes(path).get(code) == ERROR
    for dry_run in (True, False):
        with pytest.raises(VariantError) as raised:
            write_variant(WheelFile.of(path), PLAN, tmp_path, dry_run=dry_run)
        assert all(problem.remedy for problem in raised.value.problems)
    assert [file.name for file in tmp_path.iterdir()] == [NAME]
    path.rename(labelled := tmp_path / NAME.replace(".whl", "-fast.whl"))
    with pytest.raises(VariantError):
        unmake(WheelFile.of(labelled), tmp_path, keep_metadata=True)


@pytest.mark.parametrize("name", NOTICED)
def test_what_installers_accept_is_a_warning_in_every_command(name: str, tmp_path: Path) -> None:
    code, make = NOTICED[name]
    make(path := tmp_path / NAME)
    assert codes(path) == {code: WARNING}
    outcome = write_variant(WheelFile.of(path), PLAN, tmp_path)
    assert [notice.code for notice in outcome.notices] == [code]
    plain = unmake(WheelFile.of(outcome.path), tmp_path / "out")
    assert plain.notices == outcome.notices
    assert plain.path.read_bytes() == path.read_bytes()


MENDABLE = [name for name, (code, _) in {**UNSOUND, **NOTICED}.items() if REMEDIES.get(code) == MEND]


@pytest.mark.parametrize("name", MENDABLE)
def test_mend_removes_each_problem_whose_remedy_it_is(name: str, tmp_path: Path) -> None:
    _, make = {**UNSOUND, **NOTICED}[name]
    make(path := tmp_path / NAME)
    mended = mend(WheelFile.of(path), tmp_path / "mended")
    assert codes(mended.path) == {}
    walk(mended.path)


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_wheel_has_no_problem_and_no_warning(name: str, tmp_path: Path) -> None:
    SOUND[name](path := tmp_path / NAME)
    assert codes(path) == {}
    outcome = write_variant(WheelFile.of(path), PLAN, tmp_path)
    assert (outcome.notices, outcome.warnings) == ((), ())
    walk(outcome.path)


@pytest.mark.parametrize("code", sorted({*NOTICES, *REMEDIES}))
def test_severity_and_remedy_of_a_rule_agree_with_check(code: str) -> None:
    assert (RULES[code].severity == WARNING) == (code in NOTICES)
    if code in REMEDIES and code != "bad-filename":  # `check` may name the files of a folder
        assert RULES[code].remedy == REMEDIES[code]


def test_every_other_rule_about_wheels_is_an_error() -> None:
    source = (Path(__file__).parents[2] / "variant_backend" / "wheels").glob("[es]*.py")
    text = "".join(path.read_text(encoding="utf-8") for path in source)
    warnings = {code for code, rule in RULES.items() if rule.severity == WARNING and f'"{code}"' in text}
    assert warnings <= NOTICES


@pytest.mark.parametrize("name", ["demo-1.0-PY3-none-any.whl", "demo-1.7+a+b-py3-none-any.whl"])
def test_a_name_that_installers_refuse_is_refused(name: str, tmp_path: Path) -> None:
    version = name.split("-")[1]
    write(path := tmp_path / NAME)
    members = {key.replace("1.0", version): value for key, value in walk(path).items()}
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        for member, content in members.items():
            archive.writestr(
                member, content.replace(b"Version: 1.0\nSummary", f"Version: {version}\nSummary".encode())
            )
    assert codes(tmp_path / name)["bad-filename"] == ERROR
    with pytest.raises(VariantError, match="nvalid"):
        write_variant(WheelFile.of(tmp_path / name), PLAN, tmp_path)


def test_all_problems_are_one_error(tmp_path: Path) -> None:
    write(path := tmp_path / NAME, wheel=b"", row=hex_row, own_row="")
    with pytest.raises(VariantError) as raised:
        write_variant(WheelFile.of(path), PLAN, tmp_path)
    assert [problem.code for problem in raised.value.problems] == [
        "bad-wheel-file",
        "bad-hash",
        "missing-row",
    ]


def test_refused_characters_are_those_of_unicode() -> None:
    refused = {"Cc", "Cf", "Co", "Zl", "Zp"}
    for number in range(0x110000):
        if (category := unicodedata.category(chr(number))) in refused:
            assert re.fullmatch(_REFUSED, chr(number)), hex(number)
        elif category not in ("Cn", "Cs"):
            assert not re.fullmatch(_REFUSED, chr(number)), hex(number)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a = b:c\n", "line 1: expected a section such as [console_scripts], got 'a = b:c'"),
        ("[console_scripts]\na\n", "line 2: expected NAME = VALUE, got 'a'"),
        ("[console_scripts]\na = b:c\na = b:c\n", "line 3: duplicate 'a = b:c'"),
        ("[console_scripts]\n\n[console_scripts]\n", "line 3: duplicate '[console_scripts]'"),
    ],
)
def test_a_line_of_entry_points_that_cannot_be_parsed_is_quoted(content: str, text: str) -> None:
    assert [problem.text for problem in of_entry_points(content.encode())] == [text]
