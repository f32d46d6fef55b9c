"""`explain --installer uv` and `check` against uv's verdicts on documents with a single change."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest
from helpers.mutated_documents import HARDWARE
from helpers.uv_verdicts import (
    FAILS,
    INDEX,
    OLDER,
    WHEEL,
    ask_uv,
    changes,
    document,
    recorded,
    write_change,
    write_release,
)
from packaging.tags import Tag
from packaging.version import Version

from variant_backend._internal.checking.run import find_problems
from variant_backend._internal.machine.detect import detect
from variant_backend._internal.machine.host import Host
from variant_backend._internal.selection.releases import Sources, find_listings
from variant_backend._internal.selection.target import Target
from variant_backend._internal.selection.uv_selection import UvSelection, uv_select

Verdicts: TypeAlias = "Mapping[tuple[str, str], str]"

# The tag of the wheels; with all tags of a machine, the test would take longer.
TAGS = [Tag("py3", "none", "any")]
# Changes after which the document is as sound as before.
SOUND = {
    "valid",
    "key optional of providers.b removed",
    "key optional of providers.c removed",
    "providers.a: optional false",
    "feature-order of one feature",
    "namespaces a b with their providers",
    "more space",
    "an escaped key",
    "nvidia: valid",
    "nvidia: optional = false",
}
# Files with a document of one place alone.
ALONE = {INDEX: "demo-1.0-variants.json", WHEEL: "variant.json"}


# The quick tests take some of the changes.
some_or_all = pytest.mark.parametrize("step", [40, pytest.param(1, marks=pytest.mark.slow)])


def _releases(folder: Path, step: int) -> Iterator[tuple[tuple[str, str], Path]]:
    """Yield every *step*-th change with a folder of the changed release, which the next one replaces."""
    for change in [*changes()][::step]:
        title = "nvidia" if change[1].startswith("nvidia: ") else "valid"
        if not (path := folder / f"{change[0]}-{title}").exists():
            path.mkdir()
            write_release(path, "demo", *change)
        write_change(path, "demo", *change)
        yield change, path


@some_or_all
def test_explain_predicts_uvs_verdict_on_each_changed_document(step: int, tmp_path: Path) -> None:
    detected = detect(Host.here({**os.environ, **HARDWARE})).supported
    target = Target.of(None, None, running=Version(platform.python_version()), tags=TAGS)
    predicted = {
        change: _verdict(uv_select(find_listings("demo", Sources((folder,))), detected, target))
        for change, folder in _releases(tmp_path, step)
    }
    assert _differences(predicted, recorded()) == {}


def _verdict(selection: UvSelection) -> str:
    selected = selection.evaluation.selected if selection.evaluation else None
    if selected is None:
        return FAILS
    return OLDER if selected.filename.version == "0.9" else selected.filename.label or "plain"


def _differences(verdicts: Verdicts, expected: Verdicts) -> dict[tuple[str, str], tuple[str, str]]:
    """Return the verdicts that differ, each with the expected one."""
    different = {change: (verdict, expected[change]) for change, verdict in verdicts.items()}
    return {change: pair for change, pair in different.items() if pair[0] != pair[1]}


@some_or_all
def test_check_reports_each_change_that_is_not_sound(step: int, tmp_path: Path) -> None:
    verdicts, silent, mild = recorded(), set[str](), set[str]()
    for (place, name), folder in _releases(tmp_path, step):
        is_dropped = verdicts[place, name] in (OLDER, FAILS)
        (alone := tmp_path / ALONE[place]).write_bytes(document(place, name))
        severities = {finding.severity for finding in find_problems([alone])}
        if not severities or (is_dropped and "error" not in severities):  # other files are read only then
            severities = {finding.severity for finding in find_problems([folder])}
        if not severities:
            silent.add(name)
        elif is_dropped and "error" not in severities:
            mild.add(name)
    assert silent == SOUND if step == 1 else silent <= SOUND
    assert not mild


@pytest.mark.slow
def test_uv_still_has_the_recorded_verdicts(tmp_path: Path) -> None:
    verdicts = recorded()
    failing = [change for change, verdict in verdicts.items() if verdict == FAILS]
    asked = ask_uv(verdicts.keys() - failing, tmp_path / "others")
    # uv ends at the first failure, so each needs a call of its own: some are enough.
    for number, change in enumerate(failing[::12]):
        asked |= ask_uv([change], tmp_path / str(number))
    assert _differences(asked, verdicts) == {}
