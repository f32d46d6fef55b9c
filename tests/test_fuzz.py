"""Any bytes give a result or a VariantError: in time, and in little memory.

The tables have cases that were found before, or the functions that make them.
"""

from __future__ import annotations

import contextlib
import json
import platform
import re
import struct
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.fuzzed_wheels import (
    DOCUMENT,
    LABELLED,
    METADATA,
    OTHER_PLAN,
    PLAN,
    VARIANT,
    mutations,
    read,
    refused,
    rewritten,
    seeds,
    use,
    wheels,
)
from helpers.made_wheels import make_wheel
from helpers.programs import run
from helpers.strict_reader import walk
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from variant_backend._internal.checking.run import find_problems
from variant_backend._internal.formats import core_metadata, simple_api
from variant_backend._internal.formats.hardware_file import Hardware
from variant_backend._internal.formats.metadata_readers import check_readers
from variant_backend._internal.formats.record import Record
from variant_backend._internal.formats.release import File
from variant_backend._internal.project.recipe import Recipe
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.legacy import upgrade_document
from variant_backend._internal.variants.metadata import SCHEMA_WITH_PROVIDERS
from variant_backend._internal.variants.metadata_reading import metadata_from_dict, metadata_from_json
from variant_backend._internal.variants.wheel_metadata import remarks_on
from variant_backend._internal.wheel_rewrite import write_variant
from variant_backend._internal.wheels.reading import WheelFile
from variant_backend._internal.wheels.soundness import of_entry_points

GROWTH, SLACK = 100, 96 << 20
RECORD = b'a/__init__.py,sha256=abc,3\n"a,b",sha256=abc,3\nRECORD,,\n'


# Documents.

OLD_DOCUMENT = json.dumps(
    {
        "$schema": "https://variants-schema.wheelnext.dev/v0.0.3.json",
        "default-priorities": {
            "namespace": ["nvidia", "b"],
            "feature": {"b": ["f"]},
            "property": {"b": {"f": ["1"]}},
        },
        "providers": {
            "nvidia": {"requires": ["nvidia-variant-provider>=0.0.2"], "enable-if": "os_name == 'nt'"},
            "b": {"install-time": False, "requires": []},
        },
        "static-properties": {"b": {"f": ["1", "2"]}},
        "variants": {"00000000": {}, "x": {"b": {"f": ["1"]}}},
    }
).encode()

KEYS = [
    "$schema",
    "default-priorities",
    "namespace",
    "providers",
    "variants",
    "requires",
    "static-properties",
]
texts = st.sampled_from([*KEYS, SCHEMA_WITH_PROVIDERS, "null", "nvidia", "a", "A", "", "\ud800", "x" * 200])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)


@given(
    st.one_of(
        st.binary(max_size=200), mutations(DOCUMENT, OLD_DOCUMENT), values.map(json.dumps).map(str.encode)
    )
)
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"1" * 5000)
@example(b"\xef\xbb\xbf" + DOCUMENT)
@example(DOCUMENT.decode().encode("utf-16"))
def test_a_document_is_read_or_refused(data: bytes) -> None:
    refused(lambda: metadata_from_json(data, "here"))
    with contextlib.suppress(ValueError, RecursionError):
        parsed = json.loads(data)
        refused(lambda: upgrade_document(parsed, "here").unservable())


# METADATA.

METADATA_READERS: dict[str, Callable[[bytes], object]] = {
    "read": lambda data: core_metadata.read_field(data, "Name"),
    "requirements": lambda data: core_metadata.missing_extras(data, core_metadata.requirements(data)),
    "replace": lambda data: core_metadata.replace_requirements(data, core_metadata.requirements(data)[::-1]),
    "rename": lambda data: core_metadata.rename_project(data, "other"),
    "version": lambda data: core_metadata.replace_version(data, "2.0"),
    "urls": core_metadata.direct_references,
    "repair": core_metadata.repaired,
    "readers": lambda data: check_readers(data, {"Name": ["demo"]}),
    "markers": lambda data: Recipe().requirements(core_metadata.requirements(data), VARIANT),
}


@given(st.one_of(st.binary(max_size=200), mutations(METADATA)))
@example(b"Metadata-Version: " + b"2" * 5000 + b".1\nName: demo\n")
def test_metadata_are_read_or_refused(data: bytes) -> None:
    for call in METADATA_READERS.values():
        refused(lambda call=call: call(data))  # type: ignore[misc]  # the default binds it


# Pages of a package index.

URL = "https://host.test/simple/demo/"
FILE = File("demo-1.0.whl", "../../demo-1.0.whl", {"sha256": "ab"}, 1, ">=3.8", {"sha256": "cd"})
PAGES = [write(simple_api.Page("demo", (FILE,) * 2)) for write in (simple_api.to_html, simple_api.to_json)]
PAGES += [write(["demo", "other"]) for write in (simple_api.projects_to_html, simple_api.projects_to_json)]
PAGES += [
    b"<base href='../'><!-- c --><script>x</script><A HREF=x-1.whl data-core-metadata>x</A><a href='y/'>"
]
PAGE_READERS: list[Callable[[bytes, str], object]] = [
    simple_api.from_html,
    simple_api.from_json,
    simple_api.projects_from_html,
    simple_api.projects_from_json,
]


@given(
    st.one_of(
        st.binary(max_size=200),
        mutations(*PAGES),
        st.text("<![a href='\"/=-&#;x>\\0", max_size=80).map(str.encode),
        st.dictionaries(st.sampled_from(["meta", "name", "files", "projects"]), values).map(
            lambda page: json.dumps(page).encode()
        ),
    )
)
@example(b"[" * 100_000)
@example(b"<a href='&#" + b"1" * 5000 + b";'>")
@example(b"<a href='//[x'><base href='http://[x'>")
def test_a_page_is_read_or_refused(data: bytes) -> None:
    for call in PAGE_READERS:
        refused(lambda call=call: call(data, URL))  # type: ignore[misc]  # the default binds it


# RECORD.


@given(
    st.one_of(st.binary(max_size=200), mutations(RECORD), st.text('a,"\r\n\0', max_size=50).map(str.encode))
)
@example(b'"a"b,c,d\n')
@example(b"a\rb,c,d\ne,f,g\n")
@example(b"a,b,c\re,f,g\nRECORD,,\n")
def test_a_record_is_refused_or_changed_in_one_row_only(data: bytes) -> None:
    parsed: list[Record] = []
    if refused(lambda: parsed.append(Record.parse(data))):
        return
    (record,) = parsed
    path = record.rows[-1][0]
    if sum(row[0] == path for row in record.rows) > 1:
        return
    changed = Record.parse(record.changed({path: b"new"}, [], {}))
    assert changed.rows[:-1] == record.rows[:-1]
    assert changed.rows[-1][0] == path
    assert Record.parse(record.changed({"new": b"new"}, [path], {})).rows[1:] in (record.rows[:-1], [])


def peak(call: Callable[[], object]) -> int:
    """Return the peak memory of a call, in bytes."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def check_wheel(data: bytes) -> None:
    assert peak(lambda: use(data)) <= GROWTH * len(data) + SLACK


quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(wheels())
@quick
def test_a_wheel_is_used_or_refused(data: bytes) -> None:
    check_wheel(data)


@pytest.mark.slow
@given(wheels())
@settings(quick, max_examples=200)
def test_many_more_wheels_are_used_or_refused(data: bytes) -> None:
    check_wheel(data)


@pytest.mark.slow
@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64") or not (3, 11) <= sys.version_info < (3, 15),
    reason="atheris has wheels for Linux on x86_64 and Python 3.11 to 3.14 only",
)
def test_coverage_guided_fuzzing_finds_nothing(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    harness = Path(__file__).with_name("fuzz_wheels.py")
    # Linux counts the memory of the starting process too, and this one may have read large wheels.
    start = ("python", "-c", "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))")
    options = ("-max_total_time=5", "-rss_limit_mb=1024")
    done = run(*start, sys.executable, harness, "corpus", *options, cwd=tmp_path)
    assert "Done" in done.stderr
    found = [path for path in (tmp_path / "corpus").iterdir() if not path.name.startswith("seed-")]
    assert found  # new inputs that reached more code: the fuzzer made progress


def test_the_seeds_are_valid_wheels() -> None:
    assert not any(use(seed) for seed in seeds())


# Wheels of a few kilobytes that unpack to much more, or announce it.


def bomb(name: str, content: bytes) -> bytes:
    return rewritten(seeds()[3], f"demo-1.0.dist-info/{name}", content)


def lying(name: str, field: int, value: int, content: bytes = b"\0" * (120 << 20)) -> bytes:
    """Return a wheel with a wrong size in both headers of a member."""
    data = bytearray(bomb(name, content))
    path = f"demo-1.0.dist-info/{name}".encode()
    struct.pack_into("<L", data, data.index(path) - 30 + field, value)
    struct.pack_into("<L", data, data.rindex(path) - 46 + field + 2, value)
    return bytes(data)


def metadata_of(line: bytes, count: int) -> bytes:
    return METADATA.replace(b"\n\n", b"\n" + line * count)


MIB = 1 << 20
SMALL = 2 * MIB  # the limit for a member of the smallest wheel
FAULTY = DOCUMENT.replace(b'"variants": {', b'"variants": {' + b"".join(b'"L%d":3,' % n for n in range(5000)))
BOMBS: dict[str, Callable[[], bytes]] = {
    "METADATA": lambda: bomb("METADATA", METADATA + b" " * (60 * MIB)),
    "METADATA of short lines": lambda: bomb("METADATA", metadata_of(b"a\n", 30 * MIB)),
    "METADATA of requirements": lambda: bomb("METADATA", metadata_of(b"Requires-Dist:a\n", 3 * MIB)),
    "METADATA just small enough": lambda: bomb("METADATA", metadata_of(b"a\n", SMALL // 2 - 500)),
    "WHEEL": lambda: bomb("WHEEL", b"\n" * (60 * MIB)),
    "RECORD of short rows": lambda: bomb("RECORD", b"a,b,c\n" * (10 * MIB)),
    "RECORD of quoted rows": lambda: bomb("RECORD", b'"a",b,c\n' * (7 * MIB)),
    "RECORD of one row": lambda: bomb("RECORD", b"," * (60 * MIB)),
    "RECORD just small enough": lambda: bomb("RECORD", b"a,b,c\n" * (SMALL // 7)),
    "RECORD of one row just small enough": lambda: bomb("RECORD", b"," * (SMALL - 500)),
    "variant.json of lists": lambda: bomb("variant.json", b"[" + b"[]," * (20 * MIB) + b"1]"),
    "variant.json of problems": lambda: bomb("variant.json", FAULTY),
    "variant.json just small enough": lambda: bomb(
        "variant.json", b"[" + b"[]," * (SMALL // 3 - 500) + b"1]"
    ),
    "a size that is too small": lambda: lying("METADATA", 22, 300),
    "a size that is too large": lambda: lying("METADATA", 22, 60 * MIB),
    "a compressed size beyond the end": lambda: lying("METADATA", 18, 60 * MIB, METADATA),
}


@pytest.mark.slow  # unpacks 64 MiB each
@pytest.mark.parametrize("name", BOMBS)
def test_a_zip_bomb_takes_little_memory(name: str) -> None:
    data = BOMBS[name]()
    assert len(data) < MIB
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, LABELLED)
        path.write_bytes(data)
        assert peak(lambda: refused(lambda: read(path))) <= GROWTH * len(data) + SLACK
        results: list[bool] = []
        used = peak(
            lambda: results.append(
                refused(lambda: write_variant(WheelFile.of(path), OTHER_PLAN, Path(folder)))
            )
        )
        assert used <= GROWTH * len(data) + SLACK
        assert results == [True]  # RECORD has other sizes, if nothing else is wrong
        found: list[str] = []
        used = peak(lambda: found.extend(finding.problem.code for finding in find_problems([path])))
        assert used <= GROWTH * len(data) + SLACK
        assert found


def test_rows_of_record_are_counted_before_reading(tmp_path: Path) -> None:
    path = tmp_path / LABELLED
    path.write_bytes(bomb("RECORD", b"a,b,c\n" * 10_000))
    (finding,) = [finding for finding in find_problems([path]) if finding.problem.code == "bad-record"]
    assert re.fullmatch(r"more than \d+ rows for \d+ files", finding.problem.text)


EXTRA = "e" * 100
EXTRAS = "".join(
    f'Provides-Extra: {EXTRA}{n}\nRequires-Dist: a==1; extra == "{EXTRA}{n}"\n' for n in range(5000)
)


@pytest.mark.slow  # unpacks large metadata
@pytest.mark.parametrize(
    ("metadata", "files"),
    [
        ("The same words in a long change log.\n" * 40_000, {}),
        (EXTRAS, {}),
        ("", {f"demo/{'x' * 100}{number}.py": b"" for number in range(5000)}),
    ],
    ids=["a long description", "many extras", "many empty files"],
)
def test_a_wheel_with_well_compressed_metadata_is_read(
    metadata: str, files: dict[str, bytes], tmp_path: Path
) -> None:
    separator = "\n" if not metadata.startswith("Provides") else ""
    text = f"Metadata-Version: 2.1\nName: {{name}}\nVersion: {{version}}\n{separator}{metadata}"
    wheel = make_wheel(tmp_path, metadata=text, files={"demo/__init__.py": b"", **files})
    contents = walk(wheel)
    largest = max(len(content) for content in contents.values())
    assert largest > (MIB if metadata else wheel.stat().st_size / 2)
    assert find_problems([wheel]) == []
    made = write_variant(WheelFile.of(wheel), PLAN, tmp_path / "out").path
    assert {finding.problem.code for finding in find_problems([made])} == {"unknown-property"}


# Inputs that take forever unless reading time is proportional to length.

HEAD = "Metadata-Version: 2.2\nName: demo\nVersion: 1.0\n"


def metadata_with(text: str) -> Callable[[], object]:
    data = f"{HEAD}{text}\n".encode()
    return lambda: [call(data) for call in METADATA_READERS.values()]


def document_of(count: int, *, declared: bool, provided: bool) -> dict[str, Any]:
    """Return a document with *count* namespaces, and a label for each."""
    names = [f"n{number}" for number in range(count)]
    static = {"static-properties": {"f": ["1"]}}
    return {
        "$schema": SCHEMA_WITH_PROVIDERS,
        "default-priorities": {"namespace": names},
        "providers": dict.fromkeys(names, static) if provided else {},
        "variants": {f"l{name}": {name if declared else f"m{name}": {"f": ["1"]}} for name in names},
    }


def read_document(data: dict[str, Any]) -> None:
    remarks_on(metadata_from_dict(data, "here"))


def upgrade(data: dict[str, Any]) -> None:
    upgrade_document(data, "here").unservable()


def pages_of(text: str) -> Callable[[], object]:
    data = (text * (MIB // len(text))).encode()
    return lambda: [refused(lambda call=call: call(data, URL)) for call in PAGE_READERS]  # type: ignore[misc]


MANY = 20_000
SLOW: dict[str, Callable[[], object]] = {
    "spaces before a requirement": metadata_with("Requires-Dist:" + " " * 100_000),
    "spaces after this project's name": metadata_with("Requires-Dist: demo" + " " * 8000),
    "spaces around a bracket": metadata_with("Requires-Dist: demo" + " " * 8000 + "(" + " " * 8000 + "="),
    "spaces after extras": metadata_with("Requires-Dist: demo[]" + " " * 100_000 + "x"),
    "spaces after a requirement": metadata_with("Requires-Dist: a" + " " * 100_000 + "x"),
    "spaces after a script": lambda: [
        *of_entry_points(f"[console_scripts]\na = b{' ' * 100_000}x\n".encode())
    ],
    "extras without an end": metadata_with("Requires-Dist: demo[" + "a" * 100_000),
    "many requirements": metadata_with("".join(f"Requires-Dist: a{n}\n" for n in range(MANY))),
    "many comparisons": metadata_with(
        "Requires-Dist: a; " + " or ".join(f'os_name == "{n}"' for n in range(2000))
    ),
    "many tests of the variant": metadata_with(
        "Requires-Dist: a; " + " or ".join(['"a" in variant_namespaces'] * 2000)
    ),
    "many brackets": metadata_with('Requires-Dist: a; "a" in variant_namespaces and ' + "(" * MANY),
    "many digits": metadata_with("Requires-Dist: a==" + "1" * MANY),
    "a name of dashes": lambda: WheelFilename.parse("a" + "-_." * MANY + ".whl"),
    "a record of quotes": lambda: Record.parse(b'"' * 1_000_000),
    "undeclared namespaces": lambda: read_document(document_of(MANY, declared=False, provided=False)),
    "namespaces without a provider": lambda: read_document(document_of(MANY, declared=True, provided=False)),
    "many namespaces": lambda: read_document(document_of(MANY, declared=True, provided=True)),
    "many old namespaces": lambda: upgrade(document_of(MANY, declared=True, provided=True)),
    "many old namespaces without a provider": lambda: upgrade(
        document_of(MANY, declared=True, provided=False)
    ),
    "links": pages_of('<a href="x-1.whl">'),
    "tags without an end": pages_of("<a "),
    "attributes": pages_of("<a x='"),
    "comments without an end": pages_of("<!--"),
    "declarations without an end": pages_of("<!"),
    "end tags without an end": pages_of("</a "),
    "titles without an end": pages_of("<title>"),
    "white space before an attribute": pages_of("<a" + " " * MIB),
    "white space before a value": pages_of("<a x" + " " * MIB),
    "a TOML key of many parts": lambda: Hardware.from_bytes(b"a." * 100_000 + b"a=1", "here"),
    "links with a long base": lambda: [
        read(f"<base href='{'a/' * MIB}'>{'<a href=x>' * MANY}".encode(), URL) for read in PAGE_READERS[:1]
    ],
    "a page of projects": lambda: simple_api.projects_from_json(
        simple_api.projects_to_json(f"n{number}" for number in range(MANY)), URL
    ),
    "duplicate keys": lambda: metadata_from_json(
        f"{{{','.join(f'{json.dumps(str(n // 2))}: 1' for n in range(2 * MANY))}}}".encode(), "here"
    ),
}


@pytest.mark.slow  # reads large documents
@pytest.mark.parametrize("name", SLOW)
def test_reading_time_is_proportional_to_length(name: str) -> None:
    refused(SLOW[name])


def test_a_version_of_thousands_of_digits_gives_no_traceback(tmp_path: Path) -> None:
    digits = "1" * 5000
    wheel = make_wheel(tmp_path, metadata=f"Metadata-Version: 2.1\nName: {{name}}\nVersion: {digits}\n\n")
    assert refused(lambda: read(wheel))
    assert refused(lambda: WheelFilename("demo", digits, "", "", None).release())
