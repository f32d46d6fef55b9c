"""An index whose files are read in ranges, and two wheels for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.range_server import Server
from helpers.upstreams import ranged, variant_wheel


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("wheels")
    return [variant_wheel(folder, "v3"), variant_wheel(folder, None)]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "index").mkdir()
    with ranged(tmp_path / "index") as server:
        yield server
