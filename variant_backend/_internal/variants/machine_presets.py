"""Well-known machines by name: the facts of a preset stand for the full lists of supported values.

A preset of a device only has the facts of this device, and a preset of a processor only those of the
processor. The version of a driver is a choice of this project, and users can replace it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..errors import MOST_SHOWN, Problem, VariantError, did_you_mean
from .known_providers import KNOWN_PROVIDERS
from .machine_facts import Facts, facts_text, facts_with_value, known_facts, read_facts, support_of_facts


class Preset(NamedTuple):
    """The facts of a well-known machine, and a description for people."""

    facts: Facts
    words: str


def _nvidia(name: str, capability: str) -> Preset:
    facts = read_facts(["cuda:12.8", f"sm:{capability}"])
    return Preset(facts, f"NVIDIA {name}, with a driver for CUDA 12.8")


def _amd(name: str, architecture: str) -> Preset:
    return Preset(read_facts([f"gfx:{architecture}", "rocm:7.1"]), f"AMD {name}, with ROCm 7.1")


def _one(fact: str, words: str) -> Preset:
    return Preset(read_facts([fact]), words)


PRESETS: Mapping[str, Preset] = {
    "none": Preset((), "no accelerator, and the oldest 64-bit processor"),
    "t4": _nvidia("T4", "7.5"),
    "v100": _nvidia("V100", "7.0"),
    "a100": _nvidia("A100", "8.0"),
    "a10": _nvidia("A10", "8.6"),
    "l4": _nvidia("L4", "8.9"),
    "l40s": _nvidia("L40S", "8.9"),
    "h100": _nvidia("H100", "9.0"),
    "h200": _nvidia("H200", "9.0"),
    "b200": _nvidia("B200", "10.0"),
    "rtx3090": _nvidia("GeForce RTX 3090", "8.6"),
    "rtx4090": _nvidia("GeForce RTX 4090", "8.9"),
    "rtx5090": _nvidia("GeForce RTX 5090", "12.0"),
    "mi100": _amd("Instinct MI100", "gfx908"),
    "mi210": _amd("Instinct MI210", "gfx90a"),
    "mi250x": _amd("Instinct MI250X", "gfx90a"),
    "mi300x": _amd("Instinct MI300X", "gfx942"),
    "mi355x": _amd("Instinct MI355X", "gfx950"),
    "rx7900xtx": _amd("Radeon RX 7900 XTX", "gfx1100"),
    "rx9070xt": _amd("Radeon RX 9070 XT", "gfx1201"),
    "arc-a770": _one("xpu:12.55.8", "Intel Arc A770"),
    "arc-a380": _one("xpu:12.56.5", "Intel Arc A380"),
    "arc-b580": _one("xpu:20.1.0", "Intel Arc B580"),
    "max1550": _one("xpu:12.60.7", "Intel Data Center GPU Max 1550"),
    "ascend-910b": _one("npu:910b", "Huawei Ascend 910B; add npu_driver and cann with their versions"),
    "tpu": _one("tpu:true", "a Google TPU of any generation"),
    "graviton2": _one("aarch64:neoverse_n1", "AWS Graviton2"),
    "graviton3": _one("aarch64:neoverse_v1", "AWS Graviton3"),
    "graviton4": _one("aarch64:neoverse_v2", "AWS Graviton4"),
    "apple-m1": _one("aarch64:m1", "Mac with Apple M1"),
    "apple-m2": _one("aarch64:m2", "Mac with Apple M2"),
    "apple-m3": _one("aarch64:m3", "Mac with Apple M3"),
    "apple-m4": _one("aarch64:m4", "Mac with Apple M4"),
    "github-ubuntu": _one("x86_64:v3", "runner ubuntu-latest of GitHub Actions; some support v4"),
    "github-ubuntu-arm": _one("aarch64:neoverse_n2", "runner ubuntu-24.04-arm of GitHub Actions"),
    "github-windows": _one("x86_64:v3", "runner windows-latest of GitHub Actions; some support v4"),
    "github-macos": _one("aarch64:m1", "runner macos-latest of GitHub Actions"),
}


def read_machine(text: str, folder: str = "./") -> Facts:
    """Read facts, or a preset; facts that follow a preset replace its facts of the same key.

    Raises VariantError with every problem; *folder* is the start of a path in its remedy.

    >>> read_machine("h100,cuda:13.0")
    (('cuda', ('13.0',)), ('sm', ('9.0',)))
    """
    first, *others = (part.strip() for part in text.split(","))
    preset = PRESETS.get(first)
    if preset is None and ":" not in first and (first or not others):
        raise VariantError(_unknown(first, folder))
    given = others if preset else [first, *others]
    if problems := [_misplaced(part) for part in given if part in PRESETS]:
        raise VariantError(*problems)
    facts = dict(preset.facts if preset else ()) | dict(read_facts(given))
    support_of_facts(result := tuple(facts.items()))
    return result


def _unknown(name: str, folder: str) -> Problem:
    """Return the problem of a text that is neither a preset nor facts."""
    if fact := known_facts().get(name):
        return Problem("error", "", f"missing value of {name}", f"write {name}:{fact.examples[0]}")
    shown = name[:MOST_SHOWN]
    if suggested := [*facts_with_value(name)]:
        text, remedy = f"expected KEY:VALUE, got {shown!r}", f"write {' or '.join(suggested)}"
        return Problem("error", "", text, remedy)
    if provider := KNOWN_PROVIDERS.get(name):
        example = facts_text(tuple((key, fact.examples[:1]) for key, fact in provider.facts.items()))
        return Problem("error", "", f"{name!r} is a namespace, not a preset", f"write facts of it: {example}")
    remedy = f"write facts such as cuda:12.8, or {folder}{shown or 'machine.toml'} if it is a file"
    remedy += "; `variant-backend hardware --presets` lists the presets"
    what = f"unknown preset {shown!r}{did_you_mean(name, PRESETS)}" if name else "missing machine"
    return Problem("error", "", what, remedy)


def _misplaced(name: str) -> Problem:
    """Return the problem of a preset that is not the first part."""
    facts = facts_text(PRESETS[name].facts)
    remedy = f"write {facts} instead" if facts else "remove it"
    return Problem("error", "", f"preset {name!r} is not the first part", remedy)
