"""Read the user's configuration, a TOML file in the system's folder for user configuration."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, cast

from ..formats.toml_read import read_toml
from ..variants.filename import check_project_name, normalize
from ..variants.validation import Document
from .trusted_plugins import INSTALLERS, Installer

_TRUSTED, _INSTALLER = "trust-plugins", "plugin-installer"


class UserConfig(NamedTuple):
    """The normalized names of packages whose plugins may always run, and the installer for them."""

    trusted: frozenset[str] = frozenset()
    installer: Installer = "pip"

    @classmethod
    def load(cls, path: Path) -> UserConfig:
        """Read the file; a missing file is an empty one. Raises VariantError with all errors."""
        if not path.exists():
            return cls()
        document = Document()
        table = document.table(read_toml(path), "", (_TRUSTED, _INSTALLER))
        trusted: tuple[str, ...] = ()
        installer: str | None = "pip"
        if _TRUSTED in table:
            trusted = document.strings(table[_TRUSTED], _TRUSTED, check_project_name, least=0)
        if _INSTALLER in table:
            installer = document.choice(table[_INSTALLER], _INSTALLER, INSTALLERS)
        document.check(str(path))
        return cls(frozenset(map(normalize, trusted)), cast(Installer, installer))


def config_path() -> Path:
    """Return the path of the file: on Linux ``~/.config/variant-backend/config.toml``."""
    from platformdirs import user_config_path

    return user_config_path("variant-backend", appauthor=False) / "config.toml"
