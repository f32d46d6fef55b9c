"""The made ecosystem, which is written once, and resolvers that never wait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.ecosystem import write_ecosystem


@pytest.fixture(scope="session")
def ecosystem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all wheels and index files of the ecosystem."""
    folder = tmp_path_factory.mktemp("ecosystem")
    write_ecosystem(folder)
    return folder


@pytest.fixture(scope="package", autouse=True)
def _resolvers_do_not_try_again() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_HTTP_RETRIES", "0")
        patch.setenv("PIP_RETRIES", "0")
        yield
