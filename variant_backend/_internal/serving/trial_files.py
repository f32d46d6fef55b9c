"""Files for dry runs: wheels that contain only METADATA, for a pip that downloads what it does not install.

pip before 25.3 downloads all wheels of ``pip install --dry-run``, although it reads METADATA from the files
beside them. Pages of a trial list no hashes, because these wheels do not have those of the real ones. Without
RECORD, pip installs none of them, also not for a build: then the dry run fails, and requires the real wheels.
"""

from __future__ import annotations

import io
import zipfile

from ..formats.release import Candidate
from .page import Prepared, PreparedProject

_WHEEL = "Wheel-Version: 1.0\nGenerator: variant-backend\nRoot-Is-Purelib: true\n"


def trial_project(project: PreparedProject) -> PreparedProject:
    """Return a project whose wheels all come from this server, and have no hashes."""
    return project._replace(files=tuple(map(_trial_file, project.files)))


def _trial_file(ready: Prepared) -> Prepared:
    if Candidate.of(ready.file) is None:
        return ready
    return ready._replace(file=ready.file._replace(hashes={}, size=None), is_direct=False)


def trial_wheel(ready: Prepared, metadata: bytes) -> bytes | None:
    """Return a wheel that contains only METADATA, None for another file."""
    wheel = Candidate.of(ready.file)
    if wheel is None:
        return None
    info = f"{wheel.name.distribution}-{wheel.name.version}.dist-info"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", f"{_WHEEL}Tag: {wheel.name.tags}\n")
    return content.getvalue()
