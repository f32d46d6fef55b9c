"""An index that no command may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import run_here
from helpers.servers import served

from variant_backend._internal.cli.main import main


@pytest.fixture(scope="module")
def decoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve an index with a newer release, which a command that goes around the offer would install."""
    folder = tmp_path_factory.mktemp("decoy")
    make_wheel(folder, "torchy", "9.0")
    run_here(main, "index", "--simple", folder)
    with served(folder) as url:
        yield f"{url}simple/"
