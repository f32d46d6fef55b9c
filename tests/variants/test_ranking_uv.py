"""Real uv selects the wheel that ranks first in this package."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import run
from packaging.tags import sys_tags

from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.properties import NULL_LABEL, NULL_VARIANT, Property, Variant
from variant_backend._internal.variants.providers import StaticProvider
from variant_backend._internal.variants.ranking import rank_wheels, static_support

pytestmark = [pytest.mark.slow, pytest.mark.agreement]

PYTHON = f"cp{sys.version_info.major}{sys.version_info.minor}"
# uv selects any of several equal wheels, so each release has only one best wheel.
EVERYWHERE = ("py3-none-any", "py2.py3-none-any")
TAGS = (f"{PYTHON}-none-any", f"{PYTHON}-{PYTHON}-win32")
LABELS = ("cu1", "cu12", "cu12.6", "cu126", "cu12_6", "nul", "nulll", "1", "0a", "_", ".", "x86_64")
VALUES = ("1", "2", "10", "1.0", "v")
PROJECTS = 100


def draw_release(source: random.Random) -> VariantMetadata:
    """Return metadata with static providers, so that uv's result does not depend on the machine."""
    namespaces = source.sample(["a", "b", "c_1"], source.randint(1, 3))
    providers = {}
    for namespace in namespaces:
        features = source.sample(["f", "g", "h"], source.randint(1, 3))
        lists = [tuple(source.sample(VALUES, source.randint(1, len(VALUES)))) for _ in features]
        providers[namespace] = StaticProvider(tuple(zip(features, lists, strict=True)))
    variants = {NULL_LABEL: NULL_VARIANT} if source.random() < 0.7 else {}
    for label in source.sample(LABELS, source.randint(1, 6)):
        chosen = [(source.choice(namespaces), source.choice("fgh")) for _ in range(source.randint(1, 4))]
        properties = {
            Property(*feature, value)
            for feature in chosen
            for value in source.sample(VALUES, source.randint(1, 3))
        }
        variants[label] = Variant.of(label, frozenset(properties))
    return VariantMetadata(tuple(namespaces), providers, variants)


def publish(source: random.Random, folder: Path, project: str, metadata: VariantMetadata) -> set[str]:
    """Write the wheels of a release and its index file; return the names of the wheels."""
    names = set()
    labels = [
        *metadata.variants,
        *([None] if source.random() < 0.5 or NULL_LABEL not in metadata.variants else []),
    ]
    for label in labels:
        # Each release has a wheel for every environment, because uv would otherwise fail for all projects.
        for tags in [source.choice(EVERYWHERE), *source.sample(TAGS, source.randint(0, 2))]:
            build = source.choice(["", "", "1", "2", "10", "2a"])
            name = str(WheelFilename(project, "1.0", build, tags, label))
            files = {f"{project}/which": name.encode()}
            if label is not None:
                document = metadata.only(metadata.variants[label]).to_json()
                files[f"{project}-1.0.dist-info/variant.json"] = document
            make_wheel(folder, project, tag=tags, files=files).rename(folder / name)
            names.add(name)
    (folder / f"{project}-1.0-variants.json").write_bytes(metadata.to_json())
    return names


@pytest.mark.parametrize("seed", range(3))
def test_real_uv_installs_the_first_wheel(seed: int, tmp_path: Path) -> None:
    source = random.Random(seed)
    wheels, target = tmp_path / "wheels", tmp_path / "target"
    expected = {}
    for number in range(PROJECTS):
        project, metadata = f"p{number}", draw_release(source)
        names = publish(source, wheels, project, metadata)
        best, *_ = rank_wheels(
            map(WheelFilename.parse, names), metadata, static_support(metadata), [*sys_tags()]
        )
        expected[project] = str(best.filename)
    install = ("uv", "pip", "install", "--quiet", "--preview-features", "wheel-variants", "--no-index")
    run(*install, "--python", sys.executable, "--find-links", wheels, "--target", target, *expected)
    assert {project: (target / project / "which").read_text() for project in expected} == expected
