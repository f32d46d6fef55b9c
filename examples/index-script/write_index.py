"""Write the index files of a folder of wheels, and the page of each project (PEP 691)."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import defaultdict
from pathlib import Path
from urllib.parse import quote

from packaging.version import Version

from variant_backend.api import (
    VariantMetadata,
    WheelFilename,
    index_filename,
    merge_metadata,
    read_wheel_metadata,
)


def write_index(folder: Path) -> None:
    """Write ``NAME-VERSION-variants.json`` for each release with variants, and ``simple/NAME/index.json``."""
    releases: dict[tuple[str, Version], dict[str, VariantMetadata]] = defaultdict(dict)
    projects: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.glob("*.whl")):
        release = WheelFilename.parse(path.name).release()
        projects[release[0]].append(path)
        if metadata := read_wheel_metadata(path):
            releases[release][path.name] = metadata
    for release, parts in releases.items():
        path = folder / index_filename(release)
        path.write_bytes(merge_metadata(parts).to_json())
        projects[release[0]].append(path)
    for name, paths in projects.items():
        page = {"meta": {"api-version": "1.0"}, "name": name, "files": [*map(entry, paths)]}
        target = folder / "simple" / name / "index.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(page, indent=2), encoding="utf-8")


def entry(path: Path) -> dict[str, object]:
    """Return what a page says about a file beside the folder of pages."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"filename": path.name, "url": f"../../{quote(path.name)}", "hashes": {"sha256": digest}}


if __name__ == "__main__":
    write_index(Path(sys.argv[1]))
