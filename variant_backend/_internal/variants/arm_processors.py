"""The models of 64-bit Arm processors, as archspec 0.2.7 knows them: their versions and their features.

The plugin provider-variant-aarch64 reports the model of a processor, not the features that the system lists.
Only facts are taken from archspec. Tests compare the results with archspec and the plugin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .registry_entry import Features

# A line has the model, its implementer and its part in /proc/cpuinfo, its version, and its features. The name
# of a model stands for its features. Among models of one implementer, later ones are better.
_TABLE = """
    thunderx2     0x43 0x0af 8.1a  fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid atomics asimdrdm
    a64fx         0x46 0x001 8.2a  fp asimd evtstrm sha1 sha2 crc32 cpuid atomics asimdrdm
                                   fphp asimdhp fcma dcpop sve
    cortex_a72    0x41 0xd08 8a    fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid
    neoverse_n1   0x41 0xd0c 8.2a  thunderx2 asimddp asimdhp dcpop fphp lrcpc
    neoverse_v1   0x41 0xd40 8.4a  neoverse_n1 asimdfhm bf16 dcpodp dgh dit fcma flagm i8mm ilrcpc jscvt rng
                                   sha3 sha512 sve svebf16 svei8mm uscat
    neoverse_n2   0x41 0xd49 9.0a  neoverse_n1 asimdfhm bf16 dcpodp fcma flagm flagm2 frint i8mm ilrcpc jscvt
                                   sb sha3 sha512 sve sve2 svebf16 svei8mm uscat
    neoverse_v2   0x41 0xd4f 9.0a  neoverse_n2
    neoverse_v3ae 0x41 0xd83 9.2a  neoverse_v2 afp bti dgh dit ecv paca pacg sm3 sm4 sveaes svebitperm
                                   svepmull svesha3 svesm4 wfxt
    ampere1       0xc0 0xac3 8.6a  neoverse_n1 asimdfhm bf16 bti dcpodp dit ecv fcma flagm flagm2 frint i8mm
                                   ilrcpc jscvt paca pacg rng sb sha3 sha512 ssbs uscat
    ampere1a      0xc0 0xac4 8.6a  ampere1 sm3 sm4
    olympus       0x4e 0x010 9.2a  neoverse_v3ae f8cvt f8dp2 f8dp4 f8e4m3 f8e5m2 f8fma faminmax fpmr ls64 lut
                                   rng ssbs
    m1            0x61 0x022 8.4a  neoverse_n1 asimdfhm dcpodp dit fcma flagm flagm2 frint ilrcpc jscvt
                                   paca pacg sb sha3 sha512 ssbs uscat
    m2            0x61 0x032 8.5a  m1 bf16 bti ecv i8mm
    m3            0x61 -     8.6a  m2
    m4            0x61 -     8.6a  m3 sme sme2
"""
_LINE = r"^ +(\w+) +(0x\w+) +(\S+) +([89]\S*a) +(.*(?:\n {20,}.*)*)"

# The versions that the plugin lists for each newest version. It knows no newer one than 9.0a.
_OLDER = ("8.5a", "8.4a", "8.3a", "8.2a", "8.1a", "8a")
ARM_VERSIONS: Mapping[str, Sequence[str]] = {
    **{version: _OLDER[number:] for number, version in reversed([*enumerate(_OLDER)])},
    "8.6a": ("8.6a", *_OLDER),
    "9.0a": ("9.0a", *_OLDER),
    "9.2a": ("9.0a", *_OLDER),
}
# The features that the plugin lists, best first.
_LISTED = """
    sve2 flagm2 frint sb btiecv paca pacg ssbs asimdfhm bf16 dcpodp dgh dit flagm i8mm ilrcpc jscvt rng sha3
    sha512 svebf16 svei8mm uscat asimddp lrcpc asimdhp dcpop fcma fphp sve asimdrdmatomics aes asimd cpuid
    crc32 evtstrm fp pmull sha1 sha2
"""


class Model(NamedTuple):
    """A model: its *implementer* and *part* in /proc/cpuinfo, its version, and its features.

    The *part* is ``-`` if it is unknown.
    """

    name: str
    implementer: str
    part: str
    version: str
    features: frozenset[str]


def _models() -> dict[str, Model]:
    """Return the models of the table, by name."""
    models: dict[str, Model] = {}
    for name, implementer, part, version, words in re.findall(_LINE, _TABLE, re.MULTILINE):
        features: set[str] = set()
        for word in words.split():
            features |= models[word].features if word in models else {word}
        models[name] = Model(name, implementer, part, version, frozenset(features))
    return models


ARM_MODELS: Mapping[str, Model] = _models()


def linux_model(implementer: str, part: str, features: Iterable[str]) -> Model | None:
    """Return the best model of a processor by its facts in /proc/cpuinfo; None if no model has only these.

    >>> cpu = [*ARM_MODELS["neoverse_v1"].features, "paca"]
    >>> [getattr(linux_model("0x41", part, cpu), "name", None) for part in ("0xd40", "0xd0c", "0xd8e")]
    ['neoverse_v1', 'neoverse_n1', 'neoverse_v1']
    """
    present = {*features}
    fitting = [
        model
        for model in ARM_MODELS.values()
        if model.implementer == implementer and model.features <= present
    ]
    of_part = [model for model in fitting if model.part == part]
    best = of_part or fitting
    return best[-1] if best else None


def apple_model(brand: str) -> Model | None:
    """Return the model of a processor by its brand on macOS; None if it is unknown.

    >>> [getattr(apple_model(f"Apple {name}"), "name", None) for name in ("M2 Pro", "M9", "processor", "A18")]
    ['m2', 'm4', 'm1', None]
    """
    if match := re.search(r"Apple\s+M0*([1-9]\d*)", brand, re.ASCII | re.IGNORECASE):
        known = [name for name in ARM_MODELS if name[0] == "m"]
        return ARM_MODELS[f"m{match[1]}" if f"m{match[1]}" in known else known[-1]]
    return ARM_MODELS["m1"] if brand.lower() == "apple processor" else None


def plugin_features(model: Model | str | None) -> Features:
    """Return what the plugin reports for a model, or for a version without a known model; the default is 8a.

    >>> plugin_features("8.2a")
    {'version': ('8.2a', '8.1a', '8a')}
    >>> [*plugin_features(ARM_MODELS["thunderx2"])][:4]
    ['version', 'aes', 'asimd', 'cpuid']
    """
    if not isinstance(model, Model):
        return {"version": (*ARM_VERSIONS[model or "8a"],)}
    listed = {feature: ("on",) for feature in _LISTED.split() if feature in model.features}
    return {"version": (*ARM_VERSIONS[model.version],), **listed}
