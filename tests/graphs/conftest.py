"""The made ecosystem, which is written once."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.ecosystem import write_ecosystem


@pytest.fixture(scope="session")
def ecosystem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all wheels and index files of the ecosystem."""
    folder = tmp_path_factory.mktemp("ecosystem")
    write_ecosystem(folder)
    return folder
