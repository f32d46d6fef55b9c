"""Install each plugin that the user trusts into an isolated environment, and run it there.

A release may name any package as the plugin of its namespace. The plugin runs only if the user has named
that package too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from ..errors import VariantError, one_of
from ..lowlevel.newer_dependencies import ENVIRONMENTS
from ..lowlevel.processes import Child, command_line, temporary_folder
from ..lowlevel.terminal import print_detail
from ..variants.filename import normalize
from ..variants.providers import PluginProvider
from .installer_settings import isolated_environ
from .plugins import query_isolated

if TYPE_CHECKING:
    from packaging.requirements import Requirement

Installer: TypeAlias = Literal["pip", "uv"]
INSTALLERS = ("pip", "uv")

_PROGRAM = Path(__file__).with_name("_install_plugin.py")

# Seconds. Sdists are built.
_TIME_LIMIT = 600


class PluginAnswer(NamedTuple):
    """What a plugin reports as supported on this machine, best first, and the plugin's name and version."""

    features: dict[str, tuple[str, ...]]
    origin: str


def objection(provider: PluginProvider, trusted: Collection[str]) -> str | None:
    """Return why the plugin of a provider must not run, None if it may; *trusted* are normalized names.

    >>> objection(PluginProvider(("Speech_Provider>=1",)), {"speech-provider"})
    >>> objection(PluginProvider(("speech-provider",)), {"nvidia"})
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
    return None


@cache  # most releases of a project have the same provider, and an environment takes seconds
def ask_trusted(
    namespace: str, provider: PluginProvider, installer: Installer
) -> PluginAnswer | VariantError:
    """Install the plugin of a provider, run it, and return its answer, or an error.

    The caller has checked that there is no `objection` to it. `build` makes the environment, and the
    environment is removed afterwards.
    """
    place = f"providers.{namespace}: plugin {provider.reference!r}"
    try:
        requirements = _applicable(provider)
    except ValueError as error:  # for example, more digits than Python converts
        return VariantError(str(error), place=place)
    names = list(map(_without_marker, requirements))
    try:
        ENVIRONMENTS.check()
        with temporary_folder() as folder:
            env = _install(names, installer, folder)
            if "error" not in env:
                features = query_isolated(namespace, provider, env["python"])
                versions = _versions(requirements, env["path"])
                return PluginAnswer(features, f"plugin {provider.reference!r} of {' and '.join(versions)}")
            reason = env["error"]
    except VariantError as error:
        return error
    except OSError as error:  # for example, the disk is full
        reason = str(error)
    return VariantError(f"{installer} cannot install {one_of(names)}: {reason}", place=place)


def _applicable(provider: PluginProvider) -> list[Requirement]:
    """Return the requirements whose markers are true for this interpreter."""
    from packaging.requirements import Requirement

    requirements = map(Requirement, provider.requires)
    return [one for one in requirements if one.marker is None or one.marker.evaluate()]


def _without_marker(requirement: Requirement) -> str:
    return str(requirement).partition(";")[0].rstrip()


def _install(requirements: Sequence[str], installer: Installer, folder: Path) -> dict[str, str]:
    """Run `_install_plugin` in *folder*, and return its output.

    All processes that it started end with it.
    """
    command = [str(_PROGRAM), installer, *requirements]
    print_detail(f"run {command_line([sys.executable, *command])}")
    process = Child(
        command,
        env={**isolated_environ(folder), **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))},
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
