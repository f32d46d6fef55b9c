"""The user's own configuration: a TOML file in the folder that the system has for such files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, cast

from ..formats.toml_read import read_toml
from ..variants.filename import check_project_name, normalize
from ..variants.validation import Document
from .trusted_plugins import INSTALLERS, Installer

_TRUSTED, _INSTALLER = "trust-plugins", "plugin-installer"


class UserConfig(NamedTuple):
    """The packages whose plugins may always be run, by normalized name, and what installs them."""

    trusted: frozenset[str] = frozenset()
    installer: Installer = "pip"

    @classmethod
    def load(cls, path: Path) -> UserConfig:
        """Read the file, which need not be there; raises VariantError with every fault."""
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
    """Return where the file is, on Linux ``~/.config/variant-backend/config.toml``."""
    from platformdirs import user_config_path

    return user_config_path("variant-backend", appauthor=False) / "config.toml"
