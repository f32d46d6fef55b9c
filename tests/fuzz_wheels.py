"""Looks for wheels that make more than an error, led by the code that they reach. atheris runs it:

    python tests/fuzz_wheels.py CORPUS [-max_total_time=60] [-rss_limit_mb=1024]

CORPUS is a folder, which grows. An input is a wheel, or the content of one of its files: the last byte says
which. What was found is left in the current folder as `crash-*`; make it an example in test_fuzz.py.
"""

from __future__ import annotations

import sys
import zipfile
from io import BytesIO
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["variant_backend"]):
    from helpers.fuzzed_wheels import rewritten, seeds, use

    import variant_backend.cli.main  # noqa: F401  # all that a wheel may reach is below it

FILES = ("METADATA", "RECORD", "WHEEL", "variant.json")


def wheel(data: bytes) -> bytes:
    """Return the wheel that an input stands for."""
    chosen = data[-1] if data else len(FILES)
    if chosen >= len(FILES):
        return data[:-1]
    return rewritten(seeds()[3], f"demo-1.0.dist-info/{FILES[chosen]}", data[:-1])


def fuzz(data: bytes) -> None:
    """Use one input."""
    use(wheel(data))


def main() -> None:
    """Fuzz, by the arguments of libFuzzer."""
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
