"""Read a TOML file; a build must not load what edits one."""

from __future__ import annotations

import sys
from pathlib import Path

from ..errors import VariantError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(path: Path) -> dict[str, object]:
    """Read a TOML file; raises VariantError when it cannot be read, or is not TOML."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise VariantError(error.strerror or str(error), place=path) from None
    except (ValueError, RecursionError) as error:
        raise VariantError(f"not TOML in UTF-8: {error}", code="not-toml", place=path) from None
