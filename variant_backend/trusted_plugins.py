"""Asking plugins that the user trusts: each is installed into an isolated environment of its own.

A release may name any package as the plugin of its namespace. Its code runs only if the user has named
that package too.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from .errors import VariantError, one_of
from .filename import normalize
from .metadata import PluginProvider
from .providers import query_isolated

if TYPE_CHECKING:
    from packaging.requirements import Requirement

Installer: TypeAlias = Literal["pip", "uv"]
INSTALLERS = ("pip", "uv")

# Of what an installer says when it fails, the end has the reason.
_LAST_LINES = 3
_COLOR = re.compile(r"\x1b\[[0-9;]*m")


class Answer(NamedTuple):
    """What a plugin says that this system supports, best first, and which plugin has said it."""

    features: dict[str, tuple[str, ...]]
    origin: str


def objection(provider: PluginProvider, trusted: Collection[str]) -> str | None:
    """Say why the plugin of a provider is not run, None if it may be; *trusted* are normalized names.

    >>> objection(PluginProvider(("Speech_Provider>=1",)), {"speech-provider"})
    >>> objection(PluginProvider(("speech-provider",)), {"nvidia"})
    'its plugin is not trusted: --trust-plugin speech-provider'
    """
    try:
        requirements = _applicable(provider)
    except ValueError as error:  # it compares what cannot be compared
        return f"its plugin is not run: {error}"
    if not requirements:
        return "its plugin requires nothing on this system"
    if urls := [each for each in requirements if each.url]:
        return f"its plugin is not run: {one_of(map(str, urls))} names a URL, which no name can vouch for"
    names = dict.fromkeys(normalize(each.name) for each in requirements)
    if missing := [name for name in names if name not in trusted]:
        return f"its plugin is not trusted: {' '.join(f'--trust-plugin {name}' for name in missing)}"
    return None


@cache  # releases of one project mostly have one provider, and an environment takes seconds
def ask(namespace: str, provider: PluginProvider, installer: Installer) -> Answer | VariantError:
    """Install the plugin of a provider, ask it, and return its answer, or what went wrong.

    There must be no `objection` to it. The environment is made by `build`, and removed.
    """
    from build.env import DefaultIsolatedEnv  # takes long to import, and few releases have a trusted plugin

    requirements = _applicable(provider)
    place = f"providers.{namespace}: plugin {provider.reference!r}"
    try:
        with DefaultIsolatedEnv(installer=installer) as env:
            with _without_pythonpath():
                env.install([_without_marker(each) for each in requirements])
            features = query_isolated(namespace, provider, env.python_executable)
            found = _versions(requirements, env.path)
            return Answer(features, f"plugin {provider.reference!r} of {' and '.join(found)}")
    except VariantError as error:
        return error
    except subprocess.CalledProcessError as error:
        reason = _last_words(error)
    except Exception as error:  # of several kinds, such as that there is no uv
        reason = str(error) or type(error).__name__
    names = one_of(map(_without_marker, requirements))
    return VariantError(f"{place}: {installer} cannot install {names}: {reason}")


def _applicable(provider: PluginProvider) -> list[Requirement]:
    """Return the requirements whose markers hold for this interpreter."""
    from packaging.requirements import Requirement  # takes long to import, and few namespaces need it

    requirements = map(Requirement, provider.requires)
    return [each for each in requirements if each.marker is None or each.marker.evaluate()]


def _without_marker(requirement: Requirement) -> str:
    return str(requirement).partition(";")[0].rstrip()


@contextmanager
def _without_pythonpath() -> Iterator[None]:
    """Hide `PYTHONPATH` from an installer: what is found there would not be installed."""
    former = os.environ.pop("PYTHONPATH", None)
    try:
        yield
    finally:
        if former is not None:
            os.environ["PYTHONPATH"] = former


def _versions(requirements: list[Requirement], folder: str) -> list[str]:
    """Return the names of the requirements with the versions that are installed in an environment."""
    from importlib.metadata import distributions  # takes long to import

    names = list(dict.fromkeys(normalize(each.name) for each in requirements))
    # Unix has the first, Windows the second.
    places = [*Path(folder).glob("lib/*/site-packages"), *Path(folder).glob("Lib/site-packages")]
    versions = {normalize(each.name): each.version for each in distributions(path=[*map(str, places)])}
    return [f"{name} {versions.get(name, '')}".rstrip() for name in names]


def _last_words(error: subprocess.CalledProcessError) -> str:
    """Return the last lines that an installer said, as one line."""
    output = error.stderr or error.stdout or b""
    text = output if isinstance(output, str) else output.decode("utf-8", "replace")
    lines = [_COLOR.sub("", line).strip() for line in text.splitlines()]
    said = [line for line in lines if line and not line.startswith("[notice]")]  # there is a newer pip
    words = " / ".join(said[-_LAST_LINES:]) or f"it ended with exit code {error.returncode}"
    return "".join(character if character.isprintable() else "?" for character in words)
