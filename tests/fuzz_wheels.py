"""Search for wheels and pages that cause crashes, guided by code coverage. Run it with atheris:

    python tests/fuzz_wheels.py CORPUS [-max_total_time=60] [-rss_limit_mb=1024]

CORPUS is a folder, to which new inputs are added. An input is a wheel, the content of one of its files, or a
page of a package index, depending on its last byte. Crashes are written to the current folder as `crash-*`;
add them as examples to test_fuzz.py.
"""

from __future__ import annotations

import sys
import zipfile
from functools import partial
from io import BytesIO
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["variant_backend"]):
    from helpers.fuzzed_wheels import refused, rewritten, seeds, use

    import variant_backend._internal.cli.main  # noqa: F401  # imports all code that a wheel can reach
    from variant_backend._internal.formats import simple_api
    from variant_backend._internal.formats.release import File

FILES = ("METADATA", "RECORD", "WHEEL", "variant.json")
URL = "https://host.test/simple/demo/"
FILE = File("demo-1.0.whl", "../../demo-1.0.whl", {"sha256": "ab"}, None, ">=3.8", {"sha256": "cd"}, "a & b")
ODD_PAGE = b"""<base href='../'><!-- c --!><title>x</title><script>'</script><A HREF=x-1.whl data-yanked>x</A>
<!doctype html><meta name='pypi:repository-version' content=1.1><![CDATA[x]]><?x?><a href="&amp;&#62;&gt">"""
PAGES = (
    simple_api.to_html(simple_api.Page("demo", (FILE,))),
    ODD_PAGE,
    simple_api.to_json(simple_api.Page("demo", (FILE,))),
    simple_api.projects_to_json(["demo"]),
)
PAGE_READERS = (
    simple_api.from_html,
    simple_api.projects_from_html,
    simple_api.from_json,
    simple_api.projects_from_json,
)


def wheel(data: bytes) -> bytes:
    """Return the wheel of an input."""
    chosen = data[-1] if data else len(FILES)
    if chosen >= len(FILES):
        return data[:-1]
    return rewritten(seeds()[3], f"demo-1.0.dist-info/{FILES[chosen]}", data[:-1])


def fuzz(data: bytes) -> None:
    """Use one input."""
    if data and data[-1] == len(FILES):
        for read in PAGE_READERS:
            refused(partial(read, data[:-1], URL))
    else:
        use(wheel(data))


def main() -> None:
    """Run the fuzzer with the arguments of libFuzzer."""
    corpus = Path(next(argument for argument in sys.argv[1:] if not argument.startswith("-")))
    inputs = [seed + b"\xff" for seed in seeds()]
    with zipfile.ZipFile(BytesIO(seeds()[3])) as archive:
        for chosen, name in enumerate(FILES):
            inputs.append(archive.read(f"demo-1.0.dist-info/{name}") + bytes([chosen]))
    inputs += [page + bytes([len(FILES)]) for page in PAGES]
    for number, data in enumerate(inputs):
        (corpus / f"seed-{number}").write_bytes(data)
    atheris.Setup([*sys.argv, "-timeout=10", "-max_len=20000"], fuzz)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
