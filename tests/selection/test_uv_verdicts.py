"""`explain --installer uv` and `check` against uv's verdicts on documents with a single change."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from helpers.mutated_documents import HARDWARE
from helpers.uv_verdicts import FAILS, OLDER, ask_uv, changes, recorded, write_change, write_release
from packaging.tags import sys_tags
from packaging.version import Version

from variant_backend.checking.run import find_problems
from variant_backend.machine.detect import detect
from variant_backend.selection.releases import Sources, find_listings
from variant_backend.selection.target import Target
from variant_backend.selection.uv_selection import UvSelection, uv_select

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
# uv fails, because the wheel has no provider of a namespace and the index file has one.
NO_ERROR = {"$schema variants-schema.wheelnext.dev/peps/825/v0.1.1.json without providers"}


def _releases(folder: Path) -> Iterator[tuple[tuple[str, str], Path]]:
    """Yield each change with a folder of the changed release, which the next one replaces."""
    for change in changes():
        title = "nvidia" if change[1].startswith("nvidia: ") else "valid"
        if not (path := folder / title).exists():
            path.mkdir()
            write_release(path, "demo", *change)
        write_change(path, "demo", *change)
        yield change, path


def test_explain_predicts_uvs_verdict_on_each_changed_document(tmp_path: Path) -> None:
    detected = detect({**os.environ, **HARDWARE}).supported
    target = Target.of(None, None, running=Version(platform.python_version()), tags=sys_tags())
    predicted = {
        change: _verdict(uv_select(find_listings("demo", Sources((folder,))), detected, target))
        for change, folder in _releases(tmp_path)
    }
    assert _differences(predicted.items(), recorded()) == {}


def _verdict(selection: UvSelection) -> str:
    selected = selection.evaluation.selected if selection.evaluation else None
    if selected is None:
        return FAILS
    return OLDER if selected.filename.version == "0.9" else selected.filename.label or "plain"


def _differences(verdicts: Iterable[tuple[object, str]], expected: object) -> dict[object, tuple[str, str]]:
    assert isinstance(expected, dict)
    return {change: (verdict, expected[change]) for change, verdict in verdicts if verdict != expected[change]}


def test_check_reports_each_change_that_is_not_sound(tmp_path: Path) -> None:
    verdicts, silent, mild = recorded(), set[str](), set[str]()
    for (place, name), folder in _releases(tmp_path):
        severities = {finding.severity for finding in find_problems([folder])}
        if not severities:
            silent.add(name)
        elif verdicts[place, name] in (OLDER, FAILS) and "error" not in severities:
            mild.add(name)
    assert silent == SOUND
    assert mild == NO_ERROR


@pytest.mark.slow
def test_uv_still_has_the_recorded_verdicts(tmp_path: Path) -> None:
    verdicts = recorded()
    failing = [change for change, verdict in verdicts.items() if verdict == FAILS]
    # uv ends at the first failure, so each needs a call of its own.
    asked = [change for change in verdicts if change not in failing[10:]]
    assert _differences(ask_uv(asked, tmp_path).items(), verdicts) == {}
