"""The component for simple-repository servers offers variants to pip and uv."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers.offers import MACHINES, label_in, make_variants
from helpers.programs import empty_cache, run, run_here
from helpers.servers import served

from variant_backend._internal.cli.main import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.version_info < (3, 11), reason="simple-repository-server needs Python 3.11"),
]

PROGRAM = Path(__file__).parents[2] / "examples/simple-repository/offer_component.py"
CUDA = "nvidia :: cuda_version_lower_bound :: {}"


@contextmanager
def component(index_url: str, spec: str) -> Iterator[str]:
    """Start the example for a machine; yield the URL of its index."""
    command = [sys.executable, str(PROGRAM), index_url, spec, "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as server:
        try:
            lines = []
            for line in server.stderr or ():
                lines.append(line)
                if running := re.search(r"running on (http://\S+)", line):
                    yield f"{running[1]}/simple/"
                    return
            raise AssertionError("".join(lines))
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    marked = "helper; 'nvidia' in variant_namespaces"
    make_variants(
        folder,
        "torchy",
        {"cu126": [CUDA.format("12.6")], None: []},
        requires={"cu126": [marked], None: [marked]},
    )
    make_variants(folder, "helper", {None: []})
    run_here(main, "index", "--simple", folder)
    return folder


@pytest.mark.parametrize("name", ["new", "cpu"])
def test_pip_and_uv_install_the_variant_of_the_machine(index: Path, name: str, tmp_path: Path) -> None:
    with served(index) as upstream, component(f"{upstream}simple/", MACHINES[name]) as url:
        options = ("--index-url", url, "--target")
        run("pip", "install", "--isolated", "--no-cache-dir", *options, tmp_path / "pip", "torchy")
        run("uv", "pip", "install", "--no-config", *empty_cache(), *options, tmp_path / "uv", "torchy")
    for tool in ("pip", "uv"):
        assert label_in(tmp_path / tool, "torchy") == {"new": "cu126", "cpu": None}[name]
        assert (tmp_path / tool / "helper").exists() == (name == "new")
