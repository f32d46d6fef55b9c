"""Select the wheel of a release for a machine, as an installer does, and explain the result."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path

from packaging.tags import Tag, sys_tags
from packaging.utils import canonicalize_name
from packaging.version import Version

from variant_backend.api import (
    ABI_DEPENDENCY,
    Origin,
    Supported,
    VariantError,
    VariantMetadata,
    Verdict,
    WheelFilename,
    abi_dependencies,
    abi_support,
    rank_wheels,
    supported_values,
    usable_from_json,
    why_better,
)


def ranked_wheels(
    filenames: Iterable[str],
    index_file: bytes | None,
    detect: Callable[[VariantMetadata], Supported],
    installed: Mapping[str, Version],
    tags: Sequence[Tag],
) -> list[tuple[Verdict, str]]:
    """Return the verdict on each wheel of a release, the best wheel first, with the reason in words.

    *filenames* are those of the release, and *index_file* is the content of NAME-VERSION-variants.json.
    *detect* returns what the machine supports, or what plugins of the release answer. *installed* has the
    versions of other packages, by normalized name. *tags* are those of the interpreter, best first.
    """
    metadata, wheels = None, []
    supported: Supported = {}
    with suppress(VariantError):  # without a usable index file, only plain wheels can be selected
        metadata, _ = usable_from_json(index_file or b"", "index file")
    for filename in filenames:
        with suppress(VariantError):  # it is not a wheel
            wheels.append(WheelFilename.parse(filename))
    if metadata:
        versions = {name: installed[name] for name in abi_dependencies(metadata) if name in installed}
        values = {**detect(metadata), ABI_DEPENDENCY: abi_support(versions)}
        supported = supported_values(metadata, {Origin("machine", "this machine"): values}).supported
    verdicts = rank_wheels(wheels, metadata, supported, tags)
    best = verdicts[0].key if verdicts else None
    result = []
    for verdict in verdicts:
        if not best or not verdict.key:
            why = "; ".join(map(str, verdict.reasons))
        elif verdict.key is best:
            why = "selected"
        else:
            why = f"the selected wheel is better: {why_better(best, verdict.key)}"
        result.append((verdict, why))
    return result


def main(folder: str, machine: str | None = None) -> None:
    """Print the wheels of the release in a folder, the best for a machine first; None is this machine."""
    from variant_backend.api import detect_hardware, read_hardware

    names = sorted(path.name for path in Path(folder).iterdir())
    index_file = next((Path(folder, name).read_bytes() for name in names if name.endswith(".json")), None)
    hardware = read_hardware(machine) if machine else detect_hardware()
    installed: dict[str, Version] = {
        canonicalize_name(one.name): Version(one.version) for one in distributions()
    }
    wheels = ranked_wheels(
        names,
        index_file,
        lambda metadata: hardware.supported_for(metadata.providers),
        installed,
        [*sys_tags()],
    )
    print(*(f"{verdict.filename}: {why}" for verdict, why in wheels), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
