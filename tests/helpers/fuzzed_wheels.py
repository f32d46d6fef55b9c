"""Randomly damaged wheels, and all operations on a wheel."""

from __future__ import annotations

import contextlib
import functools
import io
import random
import struct
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from click.testing import CliRunner
from hypothesis import strategies as st

from helpers.made_wheels import make_wheel
from helpers.strict_reader import walk
from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.variants.metadata import declared_metadata
from variant_backend._internal.variants.properties import Property, Variant
from variant_backend._internal.wheel_rewrite import Plan, write_variant
from variant_backend._internal.wheels.mend import mend
from variant_backend._internal.wheels.reading import WheelFile, open_wheel

# Limits of reading: seconds, bytes of memory for each byte of the file, and bytes besides.
# A document of 2 MiB of empty lists needs the most memory, as each list becomes an object.
SECONDS = 15


NAME = "demo-1.0-py3-none-any.whl"


LABELLED = "demo-1.0-py3-none-any-x.whl"


PROPERTY = Property("nvidia", "a", "1")


VARIANT = Variant.of("x", frozenset({PROPERTY}))


PLAN = Plan(declared_metadata([PROPERTY]).only(VARIANT))


OTHER_PLAN = Plan(declared_metadata([PROPERTY]).only(Variant.of("y", frozenset({PROPERTY}))))


DOCUMENT = PLAN.metadata.to_json()


METADATA = b"""Metadata-Version: 2.4
Name: demo
Version: 1.0
Requires-Dist: a>=1; "nvidia" in variant_namespaces
Requires-Dist: demo[all]==1.0; extra == 'all' or os_name == 'nt'
License: one line
  and another
Requires-Dist: b @ https://example.org/b.whl
Provides-Extra: all

The text.
"""


@contextlib.contextmanager
def in_time() -> Iterator[None]:
    started = time.process_time()  # other processes may be busy
    yield
    assert time.process_time() - started < SECONDS


def mutated(data: bytes, randomly: random.Random) -> bytes:
    """Return bytes with a few changes: of bits, of numbers, and of parts that are moved or removed."""
    result = bytearray(data)
    for _ in range(randomly.choice((1, 1, 2, 4))):
        at = randomly.randrange(len(result) + 1)
        length = randomly.choice((1, 1, 2, 4, 8, randomly.randrange(len(result) + 1)))
        change = randomly.randrange(7)
        if change == 0 and at < len(result):
            result[at] ^= 1 << randomly.randrange(8)
        elif change == 1:
            result[at : at + length] = randomly.randbytes(length)
        elif change == 2:
            del result[at : at + length]
        elif change == 3:
            result[at:at] = result[at : at + length]
        elif change == 4:
            start = randomly.randrange(len(result) + 1)
            result[at : at + length] = data[start : start + length]
        elif change == 5:
            number = randomly.choice((0, 1, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF, len(result)))
            form = randomly.choice(("<H", "<L", "<Q"))
            size = struct.calcsize(form)
            result[at : at + size] = struct.pack(form, number & ((1 << 8 * size) - 1))
        else:
            del result[at:]
    return bytes(result)


def mutations(*seeds: bytes) -> st.SearchStrategy[bytes]:
    return st.builds(mutated, st.sampled_from(seeds), st.randoms(use_true_random=False))


def refused(call: Callable[[], object]) -> bool:
    """Call a function; return whether it raised VariantError with at least one readable line."""
    try:
        with in_time():
            call()
    except VariantError as error:
        assert error.problems and all(error.lines())
        return True
    return False


# Wheels.


def rewritten(data: bytes, path: str, content: bytes) -> bytes:
    """Return a zip file with other, compressed content at one path."""
    target, source = io.BytesIO(), zipfile.ZipFile(io.BytesIO(data))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for info in source.infolist():
            if info.filename != path:
                archive.writestr(info, source.read(info), info.compress_type)
        archive.writestr(path, content)
    return target.getvalue()


def with_zip64(data: bytes) -> bytes:
    """Return a zip file with the forms of large zip files."""
    target, source = io.BytesIO(), zipfile.ZipFile(io.BytesIO(data))
    with zipfile.ZipFile(target, "w") as archive:
        for info in source.infolist():
            with archive.open(zipfile.ZipInfo(info.filename), "w", force_zip64=True) as file:
                file.write(source.read(info))
    return target.getvalue()


@functools.cache
def seeds() -> list[bytes]:
    """Valid wheels of several shapes, plain and labelled."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        some = {"demo/__init__.py": b"", "demo/data.bin": bytes(range(256)), "demo-1.0.data/scripts/x": b"#!"}
        text = METADATA.decode().replace("demo", "{name}").replace("1.0", "{version}")
        plain = [
            make_wheel(path / "a", metadata=text),
            make_wheel(path / "b", files=some, compression=zipfile.ZIP_STORED),
            make_wheel(path / "c", files=some, order=["METADATA", "WHEEL", "RECORD"]),
        ]
        labelled = [write_variant(WheelFile.of(wheel), PLAN, wheel.parent / "x").path for wheel in plain]
        contents = [wheel.read_bytes() for wheel in [*plain, *labelled]]
    return [*contents, with_zip64(contents[1])]


def wheels() -> st.SearchStrategy[bytes]:
    files = ("METADATA", "WHEEL", "RECORD", "variant.json")

    def inside(data: bytes, name: str, randomly: random.Random) -> bytes:
        path = f"demo-1.0.dist-info/{name}"
        archive = zipfile.ZipFile(io.BytesIO(data))
        old = archive.read(path) if path in archive.namelist() else DOCUMENT
        return rewritten(data, path, mutated(old, randomly))

    def spliced(one: bytes, other: bytes, randomly: random.Random) -> bytes:
        return one[: randomly.randrange(len(one) + 1)] + other[randomly.randrange(len(other) + 1) :]

    seed = st.deferred(lambda: st.sampled_from(seeds()))
    randoms = st.randoms(use_true_random=False)
    return st.one_of(
        st.builds(mutated, seed, randoms),
        st.builds(spliced, seed, seed, randoms),
        st.builds(inside, seed, st.sampled_from(files), randoms),
    )


def use(data: bytes) -> bool:
    """Run all operations on a wheel; return whether all of them were refused.

    Written wheels can be read again, and refused operations leave no files.
    """
    with tempfile.TemporaryDirectory() as folder:
        wheel, labelled = Path(folder, "in", NAME), Path(folder, "dist", LABELLED)
        for path in (wheel, labelled):
            path.parent.mkdir()
            path.write_bytes(data)
        out = Path(folder, "out")
        made: list[Path] = []
        results = [refused(lambda path=path: read(path)) for path in (wheel, labelled)]  # type: ignore[misc]
        results.append(refused(lambda: made.append(write_variant(WheelFile.of(wheel), PLAN, out).path)))
        left = [*out.iterdir()] if out.exists() else []
        assert left == made
        for path in made:
            with open_wheel(path) as opened:
                assert opened.variant_metadata() == PLAN.metadata
        mended: list[Path] = []
        mend_it = functools.partial(mend, WheelFile.of(wheel), Path(folder, "mended"))
        results.append(refused(lambda: mended.append(mend_it().path)))
        for path in mended:
            walk(path)
        for command in (["index", str(labelled.parent)], ["upgrade", "--in-place", str(labelled)]):
            with in_time():
                result = CliRunner().invoke(main, command, catch_exceptions=False)
            results.append(result.exit_code == 1)
            assert result.exit_code in (0, 1)
            if results[-1]:
                assert labelled.read_bytes() == data and result.stderr.startswith("error: ")
        return all(results)


def read(path: Path) -> None:
    with open_wheel(path) as wheel:
        wheel.variant_metadata()
