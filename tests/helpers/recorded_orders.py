"""Recorded orders of the wheels of one release, in which no machine matters; see the data file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.metadata import SCHEMA_WITH_PROVIDERS

_DATA = Path(__file__).parents[1] / "data/order_of_wheels.json"


class RecordedOrder(NamedTuple):
    """A release: its index file, its wheels, and the compatible ones, best first."""

    name: str
    document: Mapping[str, Any]
    wheels: list[WheelFilename]
    expected: list[WheelFilename]


def recorded_orders() -> list[RecordedOrder]:
    """Return all recorded orders."""
    return [
        RecordedOrder(
            case["name"],
            {
                "$schema": case.get("schema", SCHEMA_WITH_PROVIDERS),
                "default-priorities": {"namespace": case["priorities"]},
                **{key: case[key] for key in ("providers", "variants") if key in case},
            },
            _names(case["wheels"]),
            _names(case["expected"]),
        )
        for case in json.loads(_DATA.read_text(encoding="utf-8"))["cases"]
    ]


def _names(wheels: Iterable[tuple[str | None, str, str]]) -> list[WheelFilename]:
    return [WheelFilename("demo", "1.0", build, tags, label) for label, tags, build in wheels]
