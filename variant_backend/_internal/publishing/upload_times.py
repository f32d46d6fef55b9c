"""The time at which each file became part of an index, which installers compare with ``--exclude-newer``.

Source: PEP 700.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

from ..errors import VariantError
from ..formats import simple_api
from ..lowlevel.regular_files import read_regular

# Each file takes about 500 bytes of a page.
_LARGEST_PAGE = 1 << 28
_LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc).timestamp()


class UploadTimes:
    """The times of the files of an index in the folder *root*.

    A file keeps the time in the existing page while its content is the same. The time of a new file is
    *moment*, in seconds since 1970. Without a *moment*, it is the file's mtime, or now if that is later.
    """

    def __init__(self, root: Path, moment: int | None = None) -> None:
        self._root = root
        self._moment = moment
        self._known: dict[str, dict[tuple[str, str | None], str]] = {}

    def time_of(self, project: str, path: Path, sha256: str) -> str:
        """Return the time of a file of a project, as a text in ISO 8601."""
        if project not in self._known:
            self._known[project] = self._read(project)
        known = self._known[project].get((path.name, sha256))
        if known:
            return known
        return _as_text(min(path.stat().st_mtime, time.time()) if self._moment is None else self._moment)

    def _read(self, project: str) -> dict[tuple[str, str | None], str]:
        """Return the times in the existing page of a project, by filename and hash."""
        with suppress(OSError, VariantError):
            content = read_regular(self._root / "simple" / project / "index.json", _LARGEST_PAGE)
            page = simple_api.from_json(content, "", skipped=[])
            return {
                (file.filename, file.hashes.get("sha256")): file.upload_time
                for file in page.files
                if file.upload_time
            }
        return {}


def _as_text(moment: float) -> str:
    """Return a moment, in seconds since 1970, as a text in UTC."""
    within = min(max(moment, 0), _LAST_MOMENT)
    return datetime.fromtimestamp(int(within), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
