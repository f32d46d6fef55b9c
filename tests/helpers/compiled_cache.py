"""A cache of uv whose packages are compiled: isolated builds need no time to compile their backends again."""

from __future__ import annotations

import sys
from pathlib import Path

from helpers.programs import run

# What isolated builds import. Each would compile it again, which can take longer than the build itself.
PACKAGES = ["flit-core", "hatchling", "meson-python", "packaging", "pdm-backend", "pip", "poetry-core"]
PACKAGES += ["scikit-build-core", "setuptools", "tomli"]


def fill(cache: Path, folder: Path, *more: Path) -> None:
    """Put the packages and *more* wheels into a cache of uv, compiled; install them into a new *folder*.

    uv installs all files of a package in its cache, also those that are not from the wheel. If a later uv
    leaves them out, the tests only take longer.
    """
    where = ("--cache-dir", cache, "--python", sys.executable, "--target", folder)
    run("uv", "pip", "install", "--quiet", *where, *PACKAGES, *more)
    compiled = f"*.{sys.implementation.cache_tag}.pyc"
    new = [path for path in cache.glob("archive-v*/*") if not any(path.rglob(compiled))]
    # uv may copy the files, so their times say nothing. Templates of a package may be invalid as modules.
    how = ("-q", "--invalidation-mode", "unchecked-hash")
    if new:
        run(sys.executable, "-m", "compileall", *how, *new, ok=False)
