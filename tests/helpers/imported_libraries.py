"""Which libraries a process has imported: those that are installed beside the standard library."""

from __future__ import annotations

# A program prints the names of the top-level modules in one line. Installers' hooks for the start of Python,
# such as those of editable installations, have an underscore before the name.
PRINT_LIBRARIES = """
import os, sys, sysconfig
folders = tuple({sysconfig.get_path(kind) + os.sep for kind in ("purelib", "platlib")})
files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
names = {name.partition(".")[0] for name, file in files.items() if file.startswith(folders)}
print(*sorted(name for name in names if not name.startswith("_")))
"""
# What builds may import: tomli on Python 3.10. This package itself may be installed like them.
BUILD_LIBRARIES = {"packaging", "tomli", "variant_backend"}
