"""How users name a machine: ``[NAME=]SPEC``, where SPEC is a machine file, a preset or facts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ..errors import MOST_SHOWN, VariantError
from ..variants.machine_facts import Facts


class MachineFile(NamedTuple):
    """A file with the facts of a machine: the name in tables and messages, and the path (``-`` is stdin)."""

    name: str
    path: Path

    @property
    def text(self) -> str:
        """The SPEC, without a name."""
        return str(self.path)


class GivenMachine(NamedTuple):
    """A machine with the given facts, and with no others; *text* is the SPEC, without a name."""

    name: str
    text: str
    facts: Facts


_NAME = "[a-z0-9_-]+"

MachineSpec: TypeAlias = MachineFile | GivenMachine


def is_machine_path(spec: str) -> bool:
    """Return whether a SPEC is the path of a file, by its form: other words are presets and facts."""
    return re.search(r"[/\\]|^[A-Za-z]:", spec) is not None or spec.endswith((".toml", ".json"))


def parse_machine(text: str, folder: str = "./") -> MachineSpec:
    """Read ``SPEC`` or ``NAME=SPEC``; raises VariantError. *folder* is the start of a path in its remedy.

    A file has a path separator, a drive letter, or the suffix .toml or .json: other words are presets.

    >>> parse_machine("gpu=machines/gpu.toml").name, parse_machine("gpu=cuda:12.8").name
    ('gpu', 'gpu')
    """
    match = re.match(rf"({_NAME})=(.*)", text, re.DOTALL)
    prefix, spec = (match[1], match[2]) if match else ("", text)
    if not match and (named := re.match(r"([^=/\\:,]+)=(.+)", text, re.DOTALL)):
        raise _misspelt("", text) or _invalid_name(named[1], named[2], folder)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", spec):
        from ..lowlevel.urls import shown_url

        url = f"expected a machine, got the URL {shown_url(spec)!r}"
        raise VariantError(url, remedy="download the file, and give its path")
    if spec == "-" or is_machine_path(spec):
        return MachineFile(prefix or spec, Path(spec))
    from ..variants.machine_presets import read_machine

    path = f"{prefix}={folder}" if match else folder
    try:
        return GivenMachine(prefix or spec, spec, read_machine(spec, path))
    except VariantError as error:
        raise _misspelt(prefix, spec) or error from None


def _invalid_name(name: str, spec: str, folder: str) -> VariantError:
    """Return the error for a name that `parse_machine` does not read."""
    shown = f"{name}={spec}"[:MOST_SHOWN]
    valid = re.sub(r"[^a-z0-9_-]+", "-", name.strip().lower())[:MOST_SHOWN]
    remedy = f"write {folder}{shown} if it is a file"
    remedy += f", or use a-z, 0-9, _ and - in names: {valid}={spec[:MOST_SHOWN]}"
    return VariantError(f"invalid machine name {name[:MOST_SHOWN]!r}", remedy=remedy)


def _misspelt(prefix: str, spec: str) -> VariantError | None:
    """Return the error for facts with ``=`` between key and value; None if they are not valid otherwise."""
    for name, text in (("", f"{prefix}={spec}" if prefix else spec), (f"{prefix}=", spec)):
        if "=" in text and _is_machine(facts := text.replace("=", ":")):
            return VariantError(
                f"expected KEY:VALUE, got {text[:MOST_SHOWN]!r}", remedy=f"write {name}{facts}"
            )
    return None


def _is_machine(text: str) -> bool:
    """Return whether a text is a preset or facts."""
    from ..variants.machine_presets import read_machine

    try:
        read_machine(text)
    except VariantError:
        return False
    return True
