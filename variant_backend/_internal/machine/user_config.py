"""Read configuration: the files of the site and of the user, and the policy of a project.

The site's file is in the system's folder for the configuration of all users, the user's file in that of the
user. Both are TOML with the same keys. A project file may only have rules of a policy.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from ..errors import Problem, VariantError
from ..formats.toml_read import parse_toml, read_toml, value_at
from ..lowlevel.credentials import KEYRING_PROVIDERS, KeyringProvider
from ..lowlevel.regular_files import read_regular
from ..lowlevel.user_folders import folder_facts, site_folders, user_folder
from ..project.pyproject import POLICY_TABLE, PROJECT_FILE
from ..project.user_variables import HARDWARE, NO_POLICY, given_machine, ignores_policy
from ..variants.known_providers import KNOWN_PROVIDERS
from ..variants.policy import NO_RULES, Rules, read_policy, unusual_namespaces
from ..variants.validation import Document
from .trusted_plugins import INSTALLERS, Installer, Trusted, TrustedPackage, trusting

if TYPE_CHECKING:
    from ..formats.machine_spec import MachineSpec

Devices: TypeAlias = Literal["best", "least"]
_DEVICES = ("best", "least")

# Bytes. A person writes a few hundred.
_LARGEST = 1 << 20
_IGNORE = f"correct the file; --no-policy or {NO_POLICY}=1 ignores all configuration files"


class Effect(NamedTuple):
    """A rule or a setting in force: its *key* in the file, its *value*, and the *file*."""

    key: str
    value: str
    file: str


class UserConfig(NamedTuple):
    """The settings of configuration files; those of nearer files override others, and rules add up.

    *trusted* are the packages whose plugins may always run, *installer* installs them, and *allow_root*: they
    may run as root, too. *keyring_provider* says whether `keyring` is asked for credentials.
    *build_installer* fills the environments of builds. *machine* replaces this machine. *index_urls* and
    *find_links* are the sources if no option names one. *detected* are the namespaces whose facts are
    detected, None for all; *devices* says which of several devices count. *files* has the file of each
    setting, by the key in the file. *warnings* are about names that are probably misspelt.
    """

    trusted: Trusted = {}  # noqa: RUF012  # no code changes this default
    installer: Installer = "pip"
    allow_root: bool = False
    keyring_provider: KeyringProvider = "disabled"
    build_installer: Installer = "pip"
    machine: str | None = None
    index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    detected: tuple[str, ...] | None = None
    devices: Devices = "best"
    rules: Rules = NO_RULES
    files: Mapping[str, str] = {}  # no code changes this default
    warnings: tuple[Problem, ...] = ()

    @classmethod
    def load(cls, *paths: Path, project: Path | None = None) -> UserConfig:
        """Read configuration files, the nearest last, and the policy of a project file.

        A missing file is an empty one. Raises VariantError with all errors of a file.
        """
        values: dict[str, Any] = {}
        files: dict[str, str] = {}
        trusted: dict[str, TrustedPackage] = {}
        rules = NO_RULES
        for path in filter(os.path.lexists, paths):
            read, own = read_config(read_toml(path, _LARGEST), path)
            trusted |= read.get("trusted", {})
            values |= read
            files |= {_KEYS[field]: str(path) for field in read}
            rules = rules.and_nearer(own)
        if project is not None:
            rules = rules.and_nearer(_project_rules(project))
        values["trusted"] = trusted
        return cls(**values, rules=rules, files=files, warnings=tuple(unusual_namespaces(rules)))

    @property
    def least(self) -> bool:
        """Whether the least capable of several devices counts."""
        return self.devices == "least"

    def settings(self, *keys: str) -> list[Effect]:
        """Return those of these settings that files have, for people."""
        values = {key: getattr(self, field) for field, key in _KEYS.items() if key in keys}
        return [
            Effect(key, _text(value), self.files[key]) for key, value in values.items() if key in self.files
        ]

    def effects(self) -> list[Effect]:
        """Return the rules in force."""
        return [Effect(*effect) for effect in self.rules.effects()]

    @property
    def undetected(self) -> str:
        """Why some facts of this machine are not detected, empty if all are."""
        return "" if self.detected is None else f"detection is off by policy ({self.files['detect']}: detect)"


def unknown_in_build(namespace: str, environ: Mapping[str, str], config: UserConfig) -> str:
    """Return why a build does not know the supported values of a namespace."""
    is_here = given_machine(environ) is None and config.machine is None
    off = config.undetected if is_here and namespace in KNOWN_PROVIDERS else ""
    return off or "plugins do not run in builds"


def _text(value: object) -> str:
    """Return the value of a setting for people."""
    if value is None or isinstance(value, bool) or value == ():
        return "false" if value in (False, ()) else "true"
    if isinstance(value, Mapping):
        value = tuple(map(str, value.values()))
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def policy_text(effects: Iterable[Effect]) -> str:
    """Return rules and settings in one line: a key of a file lists all its values."""
    values: dict[tuple[str, str], list[str]] = {}
    for key, value, file in effects:
        values.setdefault((key, file), []).append(value)
    return "; ".join(f"{key} {', '.join(texts)} ({file})" for (key, file), texts in values.items())


def build_policy_text(config: UserConfig, environ: Mapping[str, str]) -> str:
    """Return a text about the configuration in force in a build, empty if there is none."""
    keys = () if given_machine(environ) else ("machine",) if config.machine else ("detect",)
    effects = [*config.settings(*keys, "devices"), *config.effects()]
    parts = [f"policy: {policy_text(effects)}; {NO_POLICY}=1 ignores it"] if effects else []
    return "; ".join([*parts, *(f"warning: {warning}" for warning in config.warnings)])


# The key of each setting in a file.
_KEYS = {
    "trusted": "trust-plugins",
    "installer": "plugin-installer",
    "allow_root": "allow-root",
    "keyring_provider": "keyring-provider",
    "build_installer": "build-installer",
    "machine": "machine",
    "index_urls": "index-url",
    "find_links": "find-links",
    "detected": "detect",
    "devices": "devices",
}
KEYS = (*_KEYS.values(), "policy")


def configured(environ: Mapping[str, str], *, ignored: bool = False, project: bool = False) -> UserConfig:
    """Return the configuration in force: of the site, of the user, and if *project*, of the current folder.

    It is empty if it is *ignored*, or if a variable in *environ* says so. Raises VariantError.
    """
    if ignored or ignores_policy(environ):
        return UserConfig()
    try:
        paths = filter(Path.is_absolute, (*site_config_paths(), config_path()))  # not absolute without a home
        return UserConfig.load(*paths, project=PROJECT_FILE if project else None)
    except VariantError as error:
        problem = error.problems[-1]
        remedy = f"{problem.remedy}; {_IGNORE}" if problem.remedy else _IGNORE
        raise VariantError(*error.problems[:-1], problem._replace(remedy=remedy)) from None


def configuration_in(path: Path) -> UserConfig:
    """Return the configuration in a file that the user names, in place of the others; raises VariantError."""
    if not os.path.lexists(path):
        raise VariantError("no such file", place=path, remedy="write the path of a configuration file")
    return UserConfig.load(path)


def configured_machine(config: UserConfig) -> MachineSpec | None:
    """Return the machine in the configuration files, or None; raises VariantError."""
    if config.machine is None:
        return None
    from ..formats.machine_spec import parse_machine

    try:
        return parse_machine(config.machine)
    except VariantError as error:
        raise error.within(_place_of_machine(config)) from None


def _place_of_machine(config: UserConfig) -> str:
    return f"{config.files['machine']}: machine"


def machine_in_build(environ: Mapping[str, str], config: UserConfig) -> tuple[MachineSpec | None, str]:
    """Return the machine that replaces this machine in a build, or None, and the place that names it.

    The variable is above the configuration files. Raises VariantError.
    """
    machine = given_machine(environ)
    if machine is None and config.machine is not None:
        return configured_machine(config), _place_of_machine(config)
    return machine, HARDWARE


def config_path() -> Path:
    """Return the path of the user's file: on Linux ``~/.config/variant-backend/config.toml``."""
    return user_folder("variant-backend", "config", folder_facts()) / "config.toml"


def site_config_paths() -> list[Path]:
    """Return the site's file, if there is one: on Linux ``/etc/xdg/variant-backend/config.toml``.

    If the system has several folders for such files, the first one with the file counts, as in uv.
    """
    folders = site_folders("variant-backend", "config", folder_facts())
    paths = [folder / "config.toml" for folder in folders]
    return [path for path in paths if os.path.lexists(path)][:1]


def read_config(content: object, path: Path) -> tuple[dict[str, Any], Rules]:
    """Return the settings in the content of a file, by field of `UserConfig`, and its rules.

    Raises VariantError with every problem.
    """
    document = Document()
    table = document.table(content, "", KEYS)
    rules = read_policy(document, table.get("policy", {}), "policy", str(path))
    values = {field: _value(document, key, table[key], path) for field, key in _KEYS.items() if key in table}
    document.check(str(path))
    return values, rules


def _value(document: Document, key: str, value: object, path: Path) -> object:
    """Return the value of a setting; problems are added to the document."""
    choices = {
        **dict.fromkeys(("plugin-installer", "build-installer"), INSTALLERS),
        **{"keyring-provider": KEYRING_PROVIDERS, "devices": _DEVICES},
    }
    if key in choices:
        return document.choice(value, key, choices[key])
    if key == "allow-root":
        return document.boolean(value, key)
    if key == "trust-plugins":
        return _trusted(document, value)
    if key == "detect":
        return _detected(document, value)
    if key == "machine":
        text = document.string(value, key)
        is_valid = text is not None and document.passes(key, _check_machine, text)
        return _machine(text, path.parent) if text and is_valid else None
    texts = document.strings(value, key, _check_source)
    return tuple(text if "://" in text else str(path.parent / text) for text in texts)


def _trusted(document: Document, value: object) -> Trusted:
    texts = document.strings(value, "trust-plugins", TrustedPackage.parse, least=0)
    try:
        return trusting([*map(TrustedPackage.parse, texts)])
    except VariantError as error:
        for problem in error.problems:
            document.add(problem.at("trust-plugins"))
        return {}


def _detected(document: Document, value: object) -> tuple[str, ...] | None:
    """Return the namespaces whose facts are detected, None for all."""
    if isinstance(value, list):
        known = tuple(KNOWN_PROVIDERS)
        return tuple(
            name
            for index, item in enumerate(value)
            if (name := document.choice(item, f"detect[{index}]", known)) is not None
        )
    if not isinstance(value, bool):
        document.note("detect", "expected true, false or a list of namespaces", code="wrong-type")
    return None if value is True else ()


def _check_source(text: str) -> None:
    if not text.strip():
        raise VariantError("expected a name, a URL or a path, got an empty text", remedy="remove it")


def _check_machine(text: str) -> None:
    _check_source(text)
    if text == "-":
        raise VariantError("expected a machine, got stdin", remedy="write the path of a file")


def _machine(text: str, folder: Path) -> str:
    """Return a machine; a relative path is in the folder of its configuration file."""
    from ..formats.machine_spec import is_machine_path

    return str(folder / text) if is_machine_path(text) and "://" not in text else text


def _project_rules(path: Path) -> Rules:
    """Return the policy of a project file; raises VariantError.

    Files without the name of this package are not parsed: errors in them are the business of others.
    """
    try:
        data = read_regular(path, _LARGEST)
    except (FileNotFoundError, IsADirectoryError):
        return NO_RULES
    except OSError as error:
        if path.is_dir():  # Windows has no error of its own for a folder
            return NO_RULES
        raise VariantError(error.strerror or str(error), place=path) from None
    if b"variant-backend" not in data:
        return NO_RULES
    value = value_at(parse_toml(data, path), *POLICY_TABLE.split("."))
    if value is None:
        return NO_RULES
    document = Document()
    rules = read_policy(document, value, POLICY_TABLE, str(path), is_project=True)
    document.check(path)
    return rules
