"""What an entry of the registry `known_providers` says. Each entry is in a module `provider_NAME`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from .providers import PluginProvider

# The features of one namespace with their values; both are best first.
Features: TypeAlias = Mapping[str, tuple[str, ...]]


class KnownByUv(NamedTuple):
    """What the released uv compares with the table of a provider, and the values that it computes itself.

    uv wants the one *package*, a specifier that admits its *version*, and literally one of *plugin_apis*.
    *features* are those that uv computes, each with a pattern of the values that it may ever support; none
    if that is not known. *others* is a pattern of what the package itself has, and uv has not.
    """

    package: str
    version: str
    plugin_apis: tuple[str | None, ...]
    features: Mapping[str, str] = {}
    others: str = ""


class Meaning(NamedTuple):
    """What the values of a *feature* mean that match the pattern *values*, and the compiler flags for them.

    *words* and *flags* may refer to groups of the pattern, as in `re.Match.expand`.
    """

    feature: str
    values: str
    words: str
    flags: str = ""


class OpenValues(NamedTuple):
    """The values of a feature that has no fixed list: a *pattern*, and *examples* for messages."""

    pattern: str
    examples: tuple[str, ...]


class KnownProvider(NamedTuple):
    """The facts of a provider that is known here: first of all, the table that is written for it.

    It exists on *systems* (as `sys.platform` names them) and *machines* (as `platform.machine` and wheel tags
    name them, in lower case) only; everywhere if there are none. *forcing* returns the variables under which
    installers support the given features and nothing else. *uv* is None if uv does not know the provider.

    Its features are those with a meaning, those with *open_values*, and *switches*, whose only value is `on`.
    All other values are those with a meaning.
    """

    table: PluginProvider
    meanings: tuple[Meaning, ...]
    uv: KnownByUv | None
    systems: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    forcing: Callable[[Mapping[str, Sequence[str]]], dict[str, str]] | None = None
    open_values: Mapping[str, OpenValues] = {}
    switches: tuple[str, ...] = ()

    def exists_on(self, machine: str) -> bool:
        """Tell whether a machine of this name may have what the provider reports."""
        return not self.machines or machine.lower() in self.machines

    def features(self) -> tuple[str, ...]:
        """Return the features other than switches."""
        return tuple(dict.fromkeys([*(meaning.feature for meaning in self.meanings), *self.open_values]))

    def values(self, feature: str) -> tuple[str, ...]:
        """Return the values of a feature without open values."""
        if feature in self.switches:
            return ("on",)
        return tuple(meaning.values for meaning in self.meanings if meaning.feature == feature)

    def describe(self, feature: str, value: str) -> str | None:
        """Return in words what a value means, or None if that is not known."""
        return next((match.expand(meaning.words) for meaning, match in self._matches(feature, value)), None)

    def compiler_flags(self, feature: str, value: str) -> str:
        """Return the compiler flags that a value stands for; empty if there are none."""
        return next((match.expand(meaning.flags) for meaning, match in self._matches(feature, value)), "")

    def _matches(self, feature: str, value: str) -> Iterator[tuple[Meaning, re.Match[str]]]:
        for meaning in self.meanings:
            if meaning.feature == feature and (match := re.fullmatch(meaning.values, value)):
                yield meaning, match
