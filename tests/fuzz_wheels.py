"""Search for wheels that cause crashes, guided by code coverage. Run it with atheris:

    python tests/fuzz_wheels.py CORPUS [-max_total_time=60] [-rss_limit_mb=1024]

CORPUS is a folder, to which new inputs are added. An input is a wheel, or the content of one of its files,
depending on its last byte. Crashes are written to the current folder as `crash-*`; add them as examples to
test_fuzz.py.
"""

from __future__ import annotations

import sys
import zipfile
from io import BytesIO
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["variant_backend"]):
    from helpers.fuzzed_wheels import rewritten, seeds, use

    import variant_backend.cli.main  # noqa: F401  # imports all code that a wheel can reach

FILES = ("METADATA", "RECORD", "WHEEL", "variant.json")


def wheel(data: bytes) -> bytes:
    """Return the wheel of an input."""
    chosen = data[-1] if data else len(FILES)
    if chosen >= len(FILES):
        return data[:-1]
    return rewritten(seeds()[3], f"demo-1.0.dist-info/{FILES[chosen]}", data[:-1])


def fuzz(data: bytes) -> None:
    """Use one input."""
    use(wheel(data))


def main() -> None:
    """Run the fuzzer with the arguments of libFuzzer."""
    corpus = Path(next(argument for argument in sys.argv[1:] if not argument.startswith("-")))
    inputs = [seed + b"\xff" for seed in seeds()]
    with zipfile.ZipFile(BytesIO(seeds()[3])) as archive:
        for chosen, name in enumerate(FILES):
            inputs.append(archive.read(f"demo-1.0.dist-info/{name}") + bytes([chosen]))
    for number, data in enumerate(inputs):
        (corpus / f"seed-{number}").write_bytes(data)
    atheris.Setup([*sys.argv, "-timeout=10", "-max_len=20000"], fuzz)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
