"""Random projects whose releases mix variants, plain wheels, tags, build tags, yanked files and sdists."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

from helpers.sample_release import only
from helpers.uv_cases import INDEX, OLDEST, Case, Other, Wheel, made_sdist_that_builds
from variant_backend._internal.selection.target import running_target
from variant_backend._internal.variants.filename import WheelFilename

# A machine with CUDA 12.8 supports all variants but those of CUDA 13.
DOCUMENT: dict[str, Any] = {
    "$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",
    "default-priorities": {"namespace": ["nvidia", "speed", "blas"]},
    "providers": {
        "nvidia": {
            "requires": ["nvidia-variant-provider>=0.0.1,<1"],
            "plugin-api": "nvidia_variant_provider.plugin:NvidiaVariantPlugin",
        },
        "speed": {"static-properties": {"mode": ["fast", "safe"]}},
        "blas": {"static-properties": {"library": ["mkl", "openblas"]}},
    },
    "variants": {
        "cu128": {"nvidia": {"cuda_version_lower_bound": ["12.8"]}},
        "cu126_mkl": {"nvidia": {"cuda_version_lower_bound": ["12.6"]}, "blas": {"library": ["mkl"]}},
        "cu130": {"nvidia": {"cuda_version_lower_bound": ["13.0"]}},
        "fast": {"speed": {"mode": ["fast"]}},
        "fast.mkl": {"speed": {"mode": ["fast"]}, "blas": {"library": ["mkl"]}},
        "z1": {"speed": {"mode": ["safe"]}},
        "openblas": {"blas": {"library": ["openblas"]}},
        "null": {},
    },
}
VERSIONS = ("1.0", "2.0", "2.1rc1", "3.0.post1", "3.1+local")
BUILDS = ("", "", "", "1", "2", "10", "0", "1a", "1_x")
_MINOR = sys.version_info.minor
TAGS = (
    *(
        "py3-none-any",
        "py2.py3-none-any",
        f"py3{_MINOR}-none-any",
        f"cp3{_MINOR}-none-any",
        "cp312-cp312-win32",
    ),
    *(
        f"cp3{_MINOR}-cp3{_MINOR}-win_amd64",
        f"cp3{_MINOR}-abi3-macosx_11_0_arm64",
        "pp310-pypy310_pp73-win_amd64",
    ),
    *(
        f"cp3{_MINOR}-cp3{_MINOR}-musllinux_1_2_x86_64",
        "cp314-cp314t-manylinux_2_28_x86_64",
        "cp27-cp27mu-linux_x86_64",
    ),
)


def mixed_cases(seed: int, count: int) -> Iterator[Case]:
    """Yield projects on an index, each with an old plain wheel."""
    random = Random(seed)
    for number in range(count):
        case = Case(f"mixed_{seed}_{number}", is_json=True)
        case.wheels.append(_wheel(case, OLDEST, None, "py3-none-any", ""))
        for version in random.sample(VERSIONS, random.randint(1, 2)):
            _add_release(random, case, version)
        random.shuffle(case.wheels)
        yield case


def _add_release(random: Random, case: Case, version: str) -> None:
    labels = random.sample([*DOCUMENT["variants"]], random.randint(1, 4))
    with_plain = random.random() < 0.7
    attributes = _attributes(random)
    wheels: dict[str, Wheel] = {}
    for label in [*labels, *([None] if with_plain else [])]:
        for tags in random.sample(_tags(), random.choice([1, 1, 2, 4])):
            wheel = _wheel(case, version, label, tags, random.choice(BUILDS))
            yanked = {"yanked": "broken"} if random.random() < 0.06 else {}
            wheel.attributes = attributes | yanked
            wheel.fields = [f"Requires-Python: {text}" for text in attributes.values()]
            wheels[wheel.filename] = wheel
    case.wheels += wheels.values()
    document = DOCUMENT | {"variants": {label: DOCUMENT["variants"][label] for label in labels}}
    case.others.append(_other(f"{case.name}-{version}-variants.json", json.dumps(document).encode()))
    if random.random() < 0.2:
        case.others.append(
            made_sdist_that_builds(case, version, INDEX, attributes.get("requires-python", ""))
        )
    if random.random() < 0.2:
        name = random.choice(["{0}-{1}-py3-none-any-a b.whl", "{0}-{1}.whl", "{0}-{1}-py3-none-any (1).whl"])
        case.others.append(_other(name.format(case.name, version), b""))


@cache
def _tags() -> list[str]:
    """Return compressed sets of tags, most of them for this interpreter and platform."""
    own = [str(tag) for tag in running_target().tags]
    platforms = [tag.rpartition("-")[2] for tag in own[:60]]
    start = own[0].rpartition("-")[0]
    stable = f"cp3{_MINOR - 1}-abi3"
    compressed = [f"{start}-{'.'.join(platforms[at : at + 2])}" for at in (0, 5, 20)]
    named = [f"{kind}-{platforms[at]}" for kind in (start, stable, "py3-none") for at in (0, 10, 30, -1)]
    linux = [f"{start}-linux_x86_64", "py3-none-linux_x86_64"]
    return [*TAGS, *compressed, *named, *linux, f"cp3{_MINOR}.py3-none-any"]


def _attributes(random: Random) -> dict[str, str]:
    text = random.choice(["", "", "", ">=3.8", f">=3.{_MINOR}.1", ">=3.90"])
    return {"requires-python": text} if text else {}


def _wheel(case: Case, version: str, label: str | None, tags: str, build: str) -> Wheel:
    document = None if label is None else only(DOCUMENT, label)
    return Wheel(WheelFilename(case.name, version, build, tags, label), place=INDEX, document=document)


def _other(name: str, data: bytes) -> Other:
    return Other(name, data, place=INDEX)
