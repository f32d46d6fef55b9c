"""The form of an entry in the registry `known_providers`. Each entry is in a module `provider_NAME`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from ..errors import VariantError
from .providers import PluginProvider

_SYSTEMS = {"linux": "Linux", "win32": "Windows", "darwin": "macOS"}

# The features of a namespace with their values; both are best first.
Features: TypeAlias = Mapping[str, tuple[str, ...]]


class KnownByUv(NamedTuple):
    """What the released uv compares with a provider's table, and the values that it computes itself.

    uv requires exactly this *package*, a specifier that allows *version*, and one of *plugin_apis* literally.
    *features* returns all values that uv can list, each on some machine.
    """

    package: str
    version: str
    plugin_apis: tuple[str | None, ...]
    features: Callable[[], Features]


class Flags(NamedTuple):
    """The flags that make compilers use a value: *gnu* are those of GCC and Clang.

    A flag is empty if the compiler needs none, and None if it has none. A *gnu* flag that starts with ``+``
    follows ``-march=...`` directly.
    """

    gnu: str | None = None
    msvc: str | None = None
    rust: str | None = None
    nvcc: str | None = None


NO_FLAGS = Flags()


class Meaning(NamedTuple):
    """The meaning and the compiler flags of those values of a *feature* that match the pattern *values*.

    *words* and *flags* can refer to groups of the pattern, as in `re.Match.expand`. *examples* are well-known
    devices of some values; they follow the words in parentheses.

    The words say what a machine must have: "NVIDIA driver for CUDA 12.8 or newer", "AMD MI300 (gfx942)".
    Only their end differs between the values of a feature, so that `words.in_words` can join them.
    """

    feature: str
    values: str
    words: str
    flags: Flags = NO_FLAGS
    examples: Mapping[str, str] = {}


class OpenValues(NamedTuple):
    """The values of a feature that has no fixed list: a *pattern*, and *examples* for messages.

    *listed* says in words which of them the provider's plugin lists on some machine, if these are not all.
    """

    pattern: str
    examples: tuple[str, ...]
    listed: str = ""


class Fact(NamedTuple):
    """A fact about a machine that users give, such as ``cuda:12.8``: the *words* are for help and messages.

    *several* facts of this kind may be given, for example for several devices.
    """

    words: str
    examples: tuple[str, ...]
    several: bool = False


class Devices(NamedTuple):
    """The known devices that support values of a feature; *words* come before their names in a text.

    *supporting* returns the names of those that support one of several values.
    """

    words: str
    supporting: Callable[[Sequence[str]], tuple[str, ...]]


class FactSupport(NamedTuple):
    """What facts support: the *features* of the registry's provider, and those of other packages by name.

    *least* has what the least capable device supports, if the devices differ.
    """

    features: Features
    by_package: Mapping[str, Features] = {}
    least: Features | None = None


def invalid_fact(key: str, value: str, expected: str) -> VariantError:
    """Return the error for an invalid value of a fact; *expected* describes a valid one."""
    return VariantError(f"invalid value {value!r} of {key}", remedy=f"write {expected}")


class KnownProvider(NamedTuple):
    """The facts of a built-in provider, such as the *table* to write for it.

    It only exists on *systems* (names as in `sys.platform`) and *machines* (lower-case names as in wheel tags
    and `platform.machine`), or everywhere if they are empty. *forcing* returns the variables with which
    installers support exactly the given features. *uv* is None if uv does not know the provider. *assumed*
    are the features that uv assumes on another platform, where it detects nothing.

    Its features are all features in the meanings, in *open_values* and in *switches*. The only value of a
    switch is `on`. All other values have a meaning. *switch_flags* has the flags of some switches. *march* is
    the flag that a ``+`` follows if no value has one.

    *facts* are what users may give, by key. *from_facts* returns what machines with the given facts of this
    provider support, without any fact for the *assumed* machine. It raises VariantError for an invalid value.

    *chain* returns the chain of a feature's value, and its position there, or None: a machine that supports a
    value supports all values of the chain at lower positions. *devices* are by feature.
    """

    table: PluginProvider
    meanings: tuple[Meaning, ...]
    uv: KnownByUv | None
    systems: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    forcing: Callable[[Mapping[str, Sequence[str]]], dict[str, str]] | None = None
    open_values: Mapping[str, OpenValues] = {}
    switches: tuple[str, ...] = ()
    switch_flags: Mapping[str, Flags] = {}
    march: str = ""
    assumed: Mapping[str, tuple[str, ...]] = {}
    facts: Mapping[str, Fact] = {}
    from_facts: Callable[[Mapping[str, Sequence[str]]], FactSupport] | None = None
    chain: Callable[[str, str], tuple[str, tuple[int, ...]] | None] | None = None
    devices: Mapping[str, Devices] = {}

    def exists_on(self, machine: str) -> bool:
        """Return whether the provider exists on machines of this name."""
        return not self.machines or machine.lower() in self.machines

    def exists_for(self, system: str, machine: str) -> bool:
        """Return whether the provider exists on a system and a machine."""
        return self.exists_on(machine) and (not self.systems or system in self.systems)

    def existing_on(self) -> str:
        """Return the systems or the machines on which the provider exists, in words."""
        machines = f"machines named {' or '.join(self.machines)}"
        return machines if self.machines else " and ".join(_SYSTEMS[system] for system in self.systems)

    def features(self) -> tuple[str, ...]:
        """Return the features other than switches."""
        return tuple(dict.fromkeys([*(meaning.feature for meaning in self.meanings), *self.open_values]))

    def values(self, feature: str) -> tuple[str, ...]:
        """Return the values of a feature without open values."""
        if feature in self.switches:
            return ("on",)
        return tuple(meaning.values for meaning in self.meanings if meaning.feature == feature)

    def describe(self, feature: str, value: str) -> str | None:
        """Return the meaning of a value in words, or None if it is unknown."""
        for meaning, match in self._matches(feature, value):
            words, example = match.expand(meaning.words), meaning.examples.get(value)
            return f"{words} ({example})" if example else words
        return None

    def flags(self, feature: str, value: str) -> Flags:
        """Return the compiler flags of a value."""
        if value == "on" and feature in self.switch_flags:
            return self.switch_flags[feature]
        for meaning, match in self._matches(feature, value):
            return Flags(*(text if text is None else match.expand(text) for text in meaning.flags))
        return NO_FLAGS

    def _matches(self, feature: str, value: str) -> Iterator[tuple[Meaning, re.Match[str]]]:
        for meaning in self.meanings:
            if meaning.feature == feature and (match := re.fullmatch(meaning.values, value)):
                yield meaning, match
