"""Detect Ascend NPUs and CANN: the version file of CANN, and on request Huawei's program `npu-smi`.

No device has confirmed the numbers on the PCI bus and the table of the program.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from ..errors import Problem, VariantError, ascii_unless_printable
from ..formats.hardware_file import Detected
from ..variants.provider_ascend import (
    FORCED,
    OLD_PACKAGE,
    Cards,
    ascend_support,
    cann_of_file,
    cards_of,
    is_valid,
)
from .host import Host, setting
from .pci import ACCELERATOR, HUAWEI, pci_devices
from .toolkits import read_toolkit_file

TOOLKIT = "ASCEND_TOOLKIT_HOME"

_PROGRAM = "npu-smi"
_SECONDS = 10
_LARGEST_TABLE = 1 << 20  # bytes
_DEVICE = "/dev/davinci0"
_NO_NPU = "no Ascend NPU found"


class AscendFacts(NamedTuple):
    """The NPUs, the version of CANN or an empty text, the source of each fact, and problems."""

    cards: Cards = Cards()
    cards_source: str = _NO_NPU
    cann: str = ""
    cann_source: str = ""
    warnings: tuple[Problem, ...] = ()


def detect_ascend(host: Host) -> Detected:
    """Return what the Ascend NPUs and the CANN of a machine support."""
    return _support(host.environ, _find(host) if host.system == "linux" else AscendFacts())


def given_ascend(environ: Mapping[str, str]) -> Detected | None:
    """Return what *environ* forces, or None."""
    return _support(environ, AscendFacts()) if any(environ.get(name) for name in FORCED.values()) else None


def _support(environ: Mapping[str, str], facts: AscendFacts) -> Detected:
    """Return what a machine supports: facts that *environ* forces, and else the detected *facts*.

    If a forced value is invalid, nothing is supported. An empty value forces nothing.
    """
    forced = {feature: text for feature, name in FORCED.items() if (text := environ.get(name))}
    settings = {feature: setting(FORCED[feature], text) for feature, text in forced.items()}
    for feature, text in forced.items():
        if not is_valid(feature, text):
            remedy = "write lower-case letters, digits, '_' and '.'"
            return Detected({}, f"{settings[feature]}: invalid value; {remedy}", warnings=facts.warnings)
    cards_source = "" if {"npu_type", "driver_version"} <= {*forced} else facts.cards_source
    cann_source = "" if "cann_version" in forced else facts.cann_source
    source = "; ".join(filter(None, (cards_source, cann_source, *settings.values())))
    features, by_package, _ = ascend_support(facts.cards, facts.cann, forced)
    others = by_package if by_package[OLD_PACKAGE] != features else {}
    return Detected(features, source, others, facts.warnings)


def _find(host: Host) -> AscendFacts:
    """Return the NPUs and the CANN of a machine with Linux."""
    ask = _ask if host.runs_tools else _look
    cards, cards_source, warnings = ask(host)
    cann, cann_source, problems = _cann(host)
    return AscendFacts(cards, cards_source, cann, cann_source, (*warnings, *problems))


def _ask(host: Host) -> tuple[Cards, str, tuple[Problem, ...]]:
    """Return the NPUs that `npu-smi info` reports, the source, and problems with the program."""
    from ..lowlevel.processes import output_within, programs_on_path

    program = next(programs_on_path([_PROGRAM], host.environ), None)
    if program is None:
        return Cards(), f"NPU: no {_PROGRAM} on PATH", ()
    command = f"{ascii_unless_printable(str(program))} info"
    try:
        output = output_within(_SECONDS, [str(program), "info"], limit=_LARGEST_TABLE)
    except TimeoutError:
        return Cards(), _NO_NPU, (Problem("error", command, f"did not end within {_SECONDS} seconds"),)
    except OSError as error:
        return Cards(), _NO_NPU, (Problem("error", command, error.strerror or str(error)),)
    if output is None:
        return Cards(), _NO_NPU, (Problem("error", command, "failed"),)
    cards = cards_of(output.decode("utf-8", "replace"))
    return cards, f"NPU: {command}" if cards.types else f"no NPU in the output of {command}", ()


def _look(host: Host) -> tuple[Cards, str, tuple[Problem, ...]]:
    """Return no facts, and where an NPU seems to be: only its own program knows its type."""
    place, problems = "", tuple[Problem, ...]()
    try:
        # Huawei also makes network cards and graphics for servers.
        npus = (device for device in pci_devices(host, HUAWEI) if device.has_class(ACCELERATOR))
        place = next((f"PCI {ascii_unless_printable(device.address)}" for device in npus), "")
    except VariantError as error:
        problems = error.problems
    if os.path.lexists(host.path(_DEVICE)):
        place = _DEVICE
    text = f"NPU at {place} of unknown type; `hardware --run-tools` asks {_PROGRAM}" if place else _NO_NPU
    return Cards(), text, problems


def _cann(host: Host) -> tuple[str, str, tuple[Problem, ...]]:
    """Return the version of CANN, empty if it is unknown, the source, and problems with its file."""
    if not (folder := host.environ.get(TOOLKIT)):
        return "", "", ()
    name = f"{host.machine}-linux/ascend_toolkit_install.info"
    file = read_toolkit_file(host, "CANN", TOOLKIT, folder, name)
    if file.text is None:
        return "", file.source, file.problems
    cann = cann_of_file(file.text)
    return cann, file.source if cann else f"CANN: no version in {ascii_unless_printable(file.place)}", ()
