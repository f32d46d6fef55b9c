"""Install each plugin that the user trusts into an isolated environment, and run it there.

A release may name any package as the plugin of its namespace. The plugin runs only if the user has named
that package too. The user may limit it to one version, and to files with given hashes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from ..errors import VariantError, one_of
from ..lowlevel.newer_dependencies import ENVIRONMENTS
from ..lowlevel.processes import Child, temporary_folder
from ..lowlevel.shell_words import command_line
from ..lowlevel.terminal import print_detail
from ..variants.filename import check_project_name, normalize
from ..variants.providers import PluginProvider
from . import answer_cache
from .answer_cache import Remembered
from .host import Host
from .installer_settings import isolated_environ
from .plugin_answers import TODAY
from .plugins import check_isolated, run_isolated

if TYPE_CHECKING:
    from packaging.requirements import Requirement

Installer: TypeAlias = Literal["pip", "uv"]
INSTALLERS = ("pip", "uv")

_PROGRAM = Path(__file__).with_name("_install_plugin.py")

# Seconds. Sdists are built.
_TIME_LIMIT = 600


_TRUST = re.compile(r"([^=\s]+)(?:\s*==\s*([^=\s]+)((?:\s+--hash=sha256:[0-9a-f]{64})*))?")
_FORMS = "write NAME, NAME==VERSION or 'NAME==VERSION --hash=sha256:DIGEST'"

# Variables with which pip and uv install only files that have a hash. Building an sdist would download
# others without one.
_HASHES_ONLY = {
    **{"PIP_REQUIRE_HASHES": "1", "PIP_ONLY_BINARY": ":all:"},
    **{"UV_REQUIRE_HASHES": "1", "UV_NO_BUILD": "1"},
}


class TrustedAnswer(NamedTuple):
    """What a plugin reports as supported on this machine, best first, and the plugin's name and version."""

    features: dict[str, tuple[str, ...]]
    origin: str


class TrustedPackage(NamedTuple):
    """A package whose plugins may run: by normalized name, or one version of it, or files with hashes."""

    name: str
    version: str | None = None
    hashes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> TrustedPackage:
        """Read one of the forms of a requirements file; raises VariantError.

        >>> TrustedPackage.parse("Speech_Provider == 1.0")
        TrustedPackage(name='speech-provider', version='1.0', hashes=())
        """
        from packaging.version import Version

        match = _TRUST.fullmatch(text.strip())
        if match is None:
            raise VariantError(f"expected a trusted package, got {text!r}", remedy=_FORMS)
        name, version, hashes = match.groups()
        check_project_name(name)
        try:
            version = version and str(Version(version))
        except ValueError:  # InvalidVersion, or more digits than Python converts
            raise VariantError(f"{text!r}: invalid version {version!r}", remedy=_FORMS) from None
        return cls(normalize(name), version, tuple(re.findall(r"sha256:\w+", hashes or "")))

    def __str__(self) -> str:
        version = f"=={self.version}" if self.version else ""
        return " ".join([f"{self.name}{version}", *(f"--hash={digest}" for digest in self.hashes)])


# By normalized name.
Trusted: TypeAlias = Mapping[str, TrustedPackage]


def trusting(packages: Sequence[TrustedPackage]) -> dict[str, TrustedPackage]:
    """Return trusted packages by name; raises VariantError if one is given in two versions."""
    result: dict[str, TrustedPackage] = {}
    for package in packages:
        other = result.setdefault(package.name, package)
        if other.version != package.version:
            text = f"two versions of {package.name!r}: {other} and {package}"
            raise VariantError(text, remedy="leave one of them out")
        hashes = (*other.hashes, *package.hashes) if other.hashes and package.hashes else ()
        result[package.name] = package._replace(hashes=tuple(dict.fromkeys(hashes)))
    return result


def root_error(place: str = "") -> VariantError:
    """Return the error for plugins that would run as root."""
    remedy = "use --allow-root, or write allow-root = true into the configuration file"
    return VariantError("plugins do not run as root", place=place, remedy=remedy)


def is_root() -> bool:
    """Return whether this process has the rights of root; false on Windows."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def objection(provider: PluginProvider, trusted: Trusted) -> str | None:
    """Return why the plugin of a provider must not run, None if it may.

    >>> objection(PluginProvider(("Speech_Provider>=1",)), trusting([TrustedPackage("speech-provider")]))
    >>> objection(PluginProvider(("speech-provider",)), {})
    'its plugin is not trusted; use --trust-plugin speech-provider'
    """
    try:
        requirements = _applicable(provider)
    except ValueError as error:  # a marker compares versions that are invalid
        return f"its plugin is not run: {error}"
    if not requirements:
        return "its plugin is not run: none of its requirements applies to this machine"
    if urls := [requirement for requirement in requirements if requirement.url]:
        return f"its plugin is not run: a requirement with a URL is never trusted: {one_of(map(str, urls))}"
    names = dict.fromkeys(normalize(requirement.name) for requirement in requirements)
    if missing := [name for name in names if name not in trusted]:
        return f"its plugin is not trusted; use {' '.join(f'--trust-plugin {name}' for name in missing)}"
    for requirement in requirements:
        package = trusted[normalize(requirement.name)]
        if package.version and not _allows(requirement, package.version):
            text = f"{package.name}=={package.version} is trusted, and the release requires {requirement}"
            return f"its plugin is not run: {text}; use --trust-plugin {package.name} to trust all versions"
    return None


@cache  # most releases of a project have the same provider, and an environment takes seconds
def ask_trusted(
    namespace: str,
    provider: PluginProvider,
    installer: Installer,
    trusted: tuple[TrustedPackage, ...] = (),
    refresh: bool = False,
) -> TrustedAnswer | VariantError:
    """Return the answer of a provider's plugin, or an error.

    The caller has checked that there is no `objection` to the plugin, and that it may run. *trusted* packages
    with a version limit what is installed, also as dependencies. An answer of the last day is used again,
    see `answer_cache`, unless *refresh* is true.
    """
    pins = {package.name: package for package in trusted if package.version}
    names = tuple(_installed_as(requirement, pins) for requirement in _applicable(provider))
    question = (namespace, provider.reference, names, [*map(repr, pins.values())], installer)
    path, key = answer_cache.answers_path(), answer_cache.key_of(question, Host.here(os.environ))
    try:
        if key and not refresh and (recalled := answer_cache.recall(path, key, time.time())):
            with suppress(VariantError):  # a damaged answer
                return _plugin_answer(namespace, provider, recalled, "; remembered, --refresh asks again")
        answer = _ask_isolated(namespace, provider, installer, pins, names)
        result = _plugin_answer(namespace, provider, answer)
    except VariantError as error:
        return error
    if key:
        answer_cache.remember(path, key, answer, time.time())
    return result


def _plugin_answer(
    namespace: str, provider: PluginProvider, asked: Remembered, more: str = ""
) -> TrustedAnswer:
    """Check an answer, and return its values; raises VariantError."""
    answer = check_isolated(namespace, provider, asked.printed)
    notes = [f"protocol of generation {answer.generation}"] if answer.generation < TODAY else []
    notes += [problem.text for problem in answer.duplicates]
    text = f"plugin {provider.reference!r} of {' and '.join(asked.versions)}"
    return TrustedAnswer(answer.supported, f"{text}{f' ({one_of(notes)})' if notes else ''}{more}")


def _ask_isolated(
    namespace: str, provider: PluginProvider, installer: Installer, pins: Trusted, names: Sequence[str]
) -> Remembered:
    """Install the requirements *names* of a provider, run its plugin, and return its answer, unchecked.

    `build` makes the environment, and the environment is removed afterwards. Raises VariantError.
    """
    has_hashes = any(package.hashes for package in pins.values())
    ENVIRONMENTS.check()
    try:
        with temporary_folder() as folder:
            env = _install(names, list(map(str, pins.values())), installer, folder, has_hashes)
            if "error" not in env:
                printed = run_isolated(namespace, provider, env["python"])
                return Remembered(printed, _versions(_applicable(provider), env["path"]))
            reason = env["error"]
    except OSError as error:  # for example, the disk is full
        reason = str(error)
    raise VariantError(
        f"{installer} cannot install {one_of(names)}: {reason}",
        place=f"providers.{namespace}: plugin {provider.reference!r}",
        remedy="trust each dependency in this form: 'NAME==VERSION --hash=sha256:DIGEST'"
        if has_hashes
        else None,
    )


def _applicable(provider: PluginProvider) -> list[Requirement]:
    """Return the requirements whose markers are true for this interpreter."""
    from packaging.requirements import Requirement

    requirements = map(Requirement, provider.requires)
    return [one for one in requirements if one.marker is None or one.marker.evaluate()]


def _allows(requirement: Requirement, version: str) -> bool:
    try:
        return requirement.specifier.contains(version, prereleases=True)
    except ValueError:  # more digits than Python converts
        return False


def _installed_as(requirement: Requirement, pins: Trusted) -> str:
    """Return a requirement without its marker, with the trusted version in place of the release's."""
    if package := pins.get(normalize(requirement.name)):
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        return f"{package.name}{extras}=={package.version}"
    return str(requirement).partition(";")[0].rstrip()


def _install(
    requirements: Sequence[str],
    constraints: Sequence[str],
    installer: Installer,
    folder: Path,
    has_hashes: bool,
) -> dict[str, str]:
    """Run `_install_plugin` in *folder*, and return its output.

    All processes that it started end with it.
    """
    command = [str(_PROGRAM), installer, json.dumps(constraints), *requirements]
    print_detail(f"run {command_line([sys.executable, *command])}")
    env = {**isolated_environ(folder), **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))}
    process = Child(
        command,
        env={**env, **_HASHES_ONLY} if has_hashes else env,
        stdout=subprocess.PIPE,
    )
    with process:
        try:
            stdout, _ = process.communicate(timeout=_TIME_LIMIT)
        except subprocess.TimeoutExpired:
            return {"error": f"not finished within {_TIME_LIMIT} seconds"}
        finally:
            process.end()
    try:
        answer: dict[str, str] = json.loads(stdout)
    except ValueError:
        return {"error": f"ended with exit code {process.returncode} and no answer"}
    return answer


def _versions(requirements: list[Requirement], folder: str) -> list[str]:
    """Return the names of the requirements with their installed versions."""
    from importlib.metadata import distributions

    names = list(dict.fromkeys(normalize(requirement.name) for requirement in requirements))
    # On Unix and on Windows.
    places = [*Path(folder).glob("lib/*/site-packages"), *Path(folder).glob("Lib/site-packages")]
    installed = distributions(path=[*map(str, places)])
    versions = {normalize(distribution.name): distribution.version for distribution in installed}
    return [f"{name} {versions.get(name, '')}".rstrip() for name in names]
