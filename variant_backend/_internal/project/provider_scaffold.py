"""The files of a new plugin package, by today's protocol, with its tests."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import VariantError
from ..variants.abi_dependency import ABI_DEPENDENCY
from ..variants.filename import check_project_name, normalize
from ..variants.properties import check_name

_PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{project}"
version = "0.1.0"
description = "Reports what a machine supports in the variant namespace {namespace}"
requires-python = ">=3.10"

[project.entry-points.variant_plugins]
{namespace} = "{module}"

[dependency-groups]
dev = ["pytest", "variant-backend"]
"""

_MODULE = '''\
"""Report what this machine supports in the variant namespace {namespace}."""

from __future__ import annotations

import os
from typing import NamedTuple

namespace = "{namespace}"

# All values of the feature, the best one first.
LEVELS = ["v3", "v2", "v1"]

# Users set it to try a machine that they do not have.
FORCE = "{variable}"


class Config(NamedTuple):
    """A feature and its values, best first; with multi_value, a variant may have several of them."""

    name: str
    values: list[str]
    multi_value: bool = False


def get_all_configs() -> list[Config]:
    """Return all features with all their values."""
    return [Config("level", LEVELS)]


def get_supported_configs() -> list[Config]:
    """Return the features and values that this machine supports; none without the device."""
    level = os.getenv(FORCE) or detect_level()
    if level is None:
        return []
    if level not in LEVELS:
        raise ValueError(f"unknown level {{level!r}}; known levels: {{', '.join(LEVELS)}}")
    return [Config("level", LEVELS[LEVELS.index(level) :])]


def detect_level() -> str | None:
    """Return the best level of this machine, None without the device."""
    return None  # read a file of the system, or ask a library of the driver
'''

_TESTS = '''\
"""The plugin follows the protocol, and reports the values in their order."""

from __future__ import annotations

import subprocess
import sys

import pytest

import {module} as plugin


@pytest.mark.parametrize("forced", ["", plugin.LEVELS[0]])
def test_the_installed_plugin_follows_the_protocol(monkeypatch: pytest.MonkeyPatch, forced: str) -> None:
    monkeypatch.setenv(plugin.FORCE, forced)
    command = ["-m", "variant_backend", "providers", "validate", "{namespace}", "--allow-root"]
    result = subprocess.run(
        [sys.executable, *command, "--interpreter", sys.executable], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_machine_supports_a_level_and_all_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(plugin.FORCE, "v2")
    assert plugin.get_supported_configs() == [plugin.Config("level", ["v2", "v1"])]


def test_a_machine_without_the_device_supports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(plugin.FORCE, raising=False)
    monkeypatch.setattr(plugin, "detect_level", lambda: None)
    assert plugin.get_supported_configs() == []


def test_an_unknown_forced_level_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(plugin.FORCE, "v9")
    with pytest.raises(ValueError, match="unknown level"):
        plugin.get_supported_configs()
'''


def project_of(namespace: str) -> str:
    """Return the name of the plugin's package; raises VariantError if the namespace is invalid.

    >>> project_of("x86_64")
    'x86-64-variant-provider'
    """
    check_name(namespace, "namespace")
    if namespace == ABI_DEPENDENCY:
        raise VariantError(f"{namespace!r} is reserved; no plugin reports it", remedy="use another namespace")
    if namespace[0].isdigit():
        text = f"namespace {namespace!r} starts with a digit, and no module of Python may"
        raise VariantError(text, remedy="start it with a letter")
    check_project_name(f"{namespace}-variant-provider")
    return normalize(f"{namespace}-variant-provider")


def plugin_files(namespace: str) -> Mapping[str, str]:
    """Return the text of each file of a new plugin package, by its path; raises VariantError."""
    project = project_of(namespace)
    module = project.replace("-", "_")
    names = {
        **{"namespace": namespace, "project": project, "module": module},
        "variable": f"{module.upper()}_FORCE_LEVEL",
    }
    return {
        "pyproject.toml": _PROJECT.format(**names),
        f"{module}.py": _MODULE.format(**names),
        "tests/test_plugin.py": _TESTS.format(**names),
    }
