"""Programs that upload send wheels with a label, but no index files; docs/how-to/upload.md says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.index_servers import pypiserver
from helpers.programs import SCRIPTS, run
from helpers.sample_release import DOCUMENT, write_release

pytestmark = pytest.mark.slow

LABELLED = "demo-1.0-py3-none-any-fast.whl"
INDEX_FILE = "demo-1.0-variants.json"
TWINE = (
    "twine",
    "upload",
    "--non-interactive",
    "--disable-progress-bar",
    "--username",
    "me",
    "--password",
    "x",
)
UV = ("uv", "publish", "--username", "me", "--password", "x")


def test_twine_and_uv_upload_labels_but_no_index_files(tmp_path: Path) -> None:
    release = write_release(tmp_path / "release", DOCUMENT)
    (served := tmp_path / "served").mkdir()
    anyone = ("--authenticate", ".", "--passwords", ".")
    with pypiserver(served, tmp_path, SCRIPTS, *anyone) as index:
        run(*TWINE, "--repository-url", index.removesuffix("simple/"), release / LABELLED)
        run(*UV, "--publish-url", index.removesuffix("simple/"), release / "demo-1.0-py3-none-any-safe.whl")
        twine = run(*TWINE, "--repository-url", index, release / INDEX_FILE, ok=False)
        uv = run(*UV, "--publish-url", index, release / INDEX_FILE, ok=False)
    assert "Unknown distribution format" in twine.stdout + twine.stderr
    assert "No files found to publish" in uv.stderr
    assert sorted(path.name for path in served.iterdir()) == [LABELLED, "demo-1.0-py3-none-any-safe.whl"]
