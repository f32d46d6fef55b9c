"""The computer whose facts are read: its environment variables, files and names.

Everything that a detector reads is hostile: files may be huge, endless or binary, or change meanwhile.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ..errors import MOST_SHOWN, VariantError, ascii_unless_printable
from ..lowlevel.regular_files import read_regular

# Linux writes about 2 kB for each processor in /proc/cpuinfo. Bytes.
_LARGEST = 16 << 20
# The limit in bytes for a file with few facts: files in sysfs have at most one page.
SMALL = 1 << 16
# Real folders of devices have a few hundred entries.
_MOST_ENTRIES = 4096

# Where the loader of Linux finds libraries: in its cache, and without one, in these folders.
LOADER_CACHE = "/etc/ld.so.cache"
LIBRARY_FOLDERS = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")


def setting(name: str, text: str) -> str:
    r"""Return an environment variable and the start of its value, as the source of a fact.

    >>> setting("ROCM", "7.0"), setting("ROCM", "\n"), setting("ROCM", "7" * 5000)[-5:]
    ('ROCM=7.0', "ROCM='\\n'", '77...')
    """
    shown = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
    return f"{name}={ascii_unless_printable(shown)}"


class Host(NamedTuple):
    """Where the facts of a machine are read.

    *environ* are the environment variables. *root* is the folder of the file system. *system* is the name as
    in `sys.platform`, *machine* the name as in `platform.machine`. *runs_tools* allows detectors to start
    programs of vendors.
    """

    environ: Mapping[str, str]
    root: Path
    system: str
    machine: str
    runs_tools: bool = False

    @classmethod
    def here(cls, environ: Mapping[str, str], *, runs_tools: bool = False) -> Host:
        """Return this computer, with other environment variables."""
        return cls(environ, Path("/"), sys.platform, platform.machine(), runs_tools)

    def path(self, name: str) -> Path:
        """Return the path of a file with an absolute name, such as ``/proc/cpuinfo``."""
        return self.root / name.lstrip("/")

    def text(self, name: str, limit: int = _LARGEST) -> str | None:
        """Return the content of a file without surrounding white space, or None if the file is missing.

        Bytes that are not UTF-8 are replaced. Raises VariantError with the *name* as place if the file
        cannot be read, is not a regular file, or has more than *limit* bytes.
        """
        try:
            return read_regular(self.path(name), limit).decode("utf-8", "replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except VariantError as error:
            problem = error.problems[0]
            raise VariantError(problem.text, place=name) from None
        except OSError as error:
            raise VariantError(error.strerror or str(error), place=name) from None

    def entries(self, name: str) -> list[str]:
        """Return the sorted names in a folder; there are none if the folder is missing.

        Raises VariantError with the *name* as place if the folder cannot be read, or has too many entries.
        """
        try:
            with os.scandir(self.path(name)) as listing:
                names = [entry.name for entry in islice(listing, _MOST_ENTRIES + 1)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise VariantError(error.strerror or str(error), place=name) from None
        if len(names) > _MOST_ENTRIES:
            raise VariantError(f"more than {_MOST_ENTRIES} entries", place=name)
        return sorted(names)
