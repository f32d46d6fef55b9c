"""The content of files that the offer sends itself, verified against their size and hashes.

The last bytes are sent only if the whole content is right, so a client never gets a wrong file that looks
complete. Source: RFC 9112, section 8 (incomplete messages).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from ..errors import VariantError
from ..formats.release import ALGORITHMS, File, shown_location
from ..lowlevel.ranges import opened_file

_STEP = 1 << 20


def verified_content(file: File) -> Iterator[bytes]:
    """Yield the content of a file; raises VariantError before its last part if the content is wrong."""
    known = {name: hashlib.new(name) for name in file.hashes if name in ALGORITHMS}
    held = b""
    for part in _content(file):
        if held:
            yield held
        for digest in known.values():
            digest.update(part)
        held = part
    for name, digest in known.items():
        if digest.hexdigest() != file.hashes[name]:
            raise VariantError(f"the content does not match its {name}", place=shown_location(file))
    yield held


def _content(file: File) -> Iterator[bytes]:
    if not isinstance(file.location, Path):
        raise NotImplementedError
    with opened_file(file.location) as source:
        for offset in range(0, source.size, _STEP):
            yield source.read(min(_STEP, source.size - offset), offset)
