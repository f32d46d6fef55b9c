"""The project file: its ``[variant]`` table, and ``[tool.variant-backend]``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from .document import Document
from .errors import VariantError
from .metadata import VariantMetadata

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_TOOL = "tool.variant-backend"


class Project(NamedTuple):
    """What a project file says about variants and about the build backend to wrap.

    *metadata* is None without a ``[variant]`` table, or where that is not read. *build_backend* and
    *backend_path* have the form that PEP 517 gives to the same keys of ``[build-system]``.
    """

    metadata: VariantMetadata | None
    build_backend: str | None
    backend_path: tuple[str, ...]

    @classmethod
    def load(cls, path: Path, *, variants: bool = True) -> Project:
        """Read a pyproject.toml, without *variants* not its ``[variant]`` table.

        Raises VariantError with every fault found.
        """
        try:
            data = tomllib.loads(path.read_bytes().decode("utf-8"))
        except OSError as error:
            raise VariantError(f"{path}: {error.strerror}") from None
        except ValueError as error:
            raise VariantError(f"{path}: not TOML in UTF-8: {error}") from None
        issues: list[str] = []
        metadata = None
        if variants and "variant" in data:
            try:
                metadata = VariantMetadata.from_table(data["variant"], f"{path}: [variant]")
            except VariantError as error:
                issues += error.lines()
        document = Document()
        tools = document.table(data.get("tool", {}), "tool")
        table = document.table(tools.get("variant-backend", {}), _TOOL, ("build-backend", "backend-path"))
        build_backend = backend_path = None
        if "build-backend" in table:
            build_backend = document.string(table["build-backend"], f"{_TOOL}.build-backend")
        if "backend-path" in table:
            backend_path = document.strings(table["backend-path"], f"{_TOOL}.backend-path", _check_inside)
        issues += [f"{path}: {issue}" for issue in document.issues]
        if issues:
            raise VariantError(*issues)
        return cls(metadata, build_backend, backend_path or ())


def _check_inside(text: str) -> None:
    """Check that a folder of ``backend-path`` is relative and inside the source tree (PEP 517)."""
    root = Path.cwd().resolve()
    if Path(text).is_absolute() or not (root / text).resolve().is_relative_to(root):
        raise VariantError(f"{text!r} is not a folder inside the source tree")
