"""Compare files of two builds without the traces that each build leaves in them.

If the same source is compiled in two folders, the files differ: debug sections and messages have the path of
the folder, and linkers add an id of the whole file, or the time. Sources: the ELF specification (gABI),
Microsoft's PE format, and builds with setuptools, meson-python and scikit-build-core.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal

from .workspace import PREFIX

# A path from the folder of a run of `build` on. The names that vary have the same length in all runs.
_PATH = re.compile(re.escape(PREFIX.encode()) + rb"\w+[/\\][^\0\s\"'<>|:*?]*")

_ALLOCATED = 2  # SHF_ALLOC: the section is in memory when the file is used
_NOTE, _WITHOUT_CONTENT = 7, 8  # SHT_NOTE, SHT_NOBITS
_BUILD_ID = (3).to_bytes(4, "little") + b"GNU\0", (3).to_bytes(4, "big") + b"GNU\0"


def digest_without_traces(content: bytes) -> bytes:
    """Return a digest of a file that leaves out the traces of its build.

    These are paths in a folder from `temporary_folder`; in ELF files also the build id, and all sections that
    are not loaded, such as debug information; in PE files also the time stamp.
    """
    view, traces = memoryview(content), _PATH
    if stamp := _pe_time_stamp(content):
        traces = re.compile(rb"%s|%s" % (_PATH.pattern, re.escape(stamp)))
    digest = hashlib.sha256()
    for part in _elf_parts(view) if content.startswith(b"\x7fELF") else [view]:
        position = 0
        for trace in traces.finditer(part):
            digest.update(part[position : trace.start()])
            digest.update(b"\0")
            position = trace.end()
        digest.update(part[position:])
    return digest.digest()


def _pe_time_stamp(content: bytes) -> bytes | None:
    """Return the time stamp, which linkers write into several headers of a PE file. None for other files."""
    start = int.from_bytes(content[0x3C:0x40], "little")
    is_pe = content.startswith(b"MZ") and content[start : start + 4] == b"PE\0\0"
    return content[start + 8 : start + 12] if is_pe else None


def _elf_parts(data: memoryview) -> list[memoryview]:
    """Return the parts of an ELF file that are loaded: headers and sections. If it is damaged, all of it."""
    kind_of_file = bytes(data[4:6])
    order: Literal["little", "big"] = "big" if kind_of_file.endswith(b"\2") else "little"
    is_wide = kind_of_file.startswith(b"\2")
    word = 8 if is_wide else 4

    def number(offset: int, size: int) -> int:
        return int.from_bytes(data[offset : offset + size], order)

    at_table = 0x28 if is_wide else 0x20  # the offset of the section headers, then flags and sizes
    segment_size, segments, header_size, headers = (
        number(at_table + word + offset, 2) for offset in (6, 8, 10, 12)
    )
    start, table = number(at_table - word, word), number(at_table, word)
    if table + header_size * headers > len(data):
        return [data]
    parts = [data[:at_table], data[start : start + segment_size * segments]]
    for header in (table + header_size * index for index in range(headers)):
        kind, flags = number(header + 4, 4), number(header + 8, word)
        begin, size = (number(header + 8 + word * index, word) for index in (2, 3))
        is_id = kind == _NOTE and data[begin + 8 : begin + 16] in _BUILD_ID
        if flags & _ALLOCATED and not is_id:
            content = data[begin : begin + size if kind != _WITHOUT_CONTENT else begin]
            parts += [data[header + 4 : header + 8 + 2 * word], content]  # kind, flags and address
    is_sound = len(parts) > 2 and sum(map(len, parts)) <= len(data)
    return parts if is_sound else [data]
