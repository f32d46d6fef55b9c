"""Read the user's configuration, a TOML file in the system's folder for user configuration."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, cast

from ..errors import VariantError
from ..formats.toml_read import read_toml
from ..lowlevel.credentials import KEYRING_PROVIDERS, KeyringProvider
from ..variants.validation import Document
from .trusted_plugins import INSTALLERS, Installer, Trusted, TrustedPackage, trusting

_TRUSTED, _INSTALLER, _ROOT = "trust-plugins", "plugin-installer", "allow-root"
_KEYRING = "keyring-provider"


class UserConfig(NamedTuple):
    """The user's settings.

    *trusted* are the packages whose plugins may always run, *installer* installs them, and *allow_root*: they
    may run as root, too. *keyring_provider* says whether `keyring` is asked for credentials.
    """

    trusted: Trusted = {}  # noqa: RUF012  # no code changes this default
    installer: Installer = "pip"
    allow_root: bool = False
    keyring_provider: KeyringProvider = "disabled"

    @classmethod
    def load(cls, path: Path) -> UserConfig:
        """Read the file; a missing file is an empty one. Raises VariantError with all errors."""
        if not path.exists():
            return cls()
        document = Document()
        table = document.table(read_toml(path), "", (_TRUSTED, _INSTALLER, _ROOT, _KEYRING))
        installer: str | None = "pip"
        keyring: str | None = "disabled"
        trusted: Trusted = {}
        texts = document.strings(table.get(_TRUSTED, []), _TRUSTED, TrustedPackage.parse, least=0)
        try:
            trusted = trusting([*map(TrustedPackage.parse, texts)])
        except VariantError as error:
            for problem in error.problems:
                document.add(problem.at(_TRUSTED))
        if _INSTALLER in table:
            installer = document.choice(table[_INSTALLER], _INSTALLER, INSTALLERS)
        if _KEYRING in table:
            keyring = document.choice(table[_KEYRING], _KEYRING, KEYRING_PROVIDERS)
        allow_root = document.boolean(table.get(_ROOT, False), _ROOT)
        document.check(str(path))
        return cls(trusted, cast(Installer, installer), allow_root, cast(KeyringProvider, keyring))


def config_path() -> Path:
    """Return the path of the file: on Linux ``~/.config/variant-backend/config.toml``."""
    from platformdirs import user_config_path

    return user_config_path("variant-backend", appauthor=False) / "config.toml"
