"""The PCI devices of a computer, as Linux lists them in sysfs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from ..errors import VariantError
from .host import SMALL, Host

_DEVICES = "/sys/bus/pci/devices"

# Classes by their first digits: displays, and processing accelerators without a defined interface. Vendors
# of GPUs also make audio devices, switches and network cards, which have other classes.
DISPLAY, ACCELERATOR = "03", "1200"
# Vendors.
AMD, GOOGLE, HUAWEI, INTEL, NVIDIA = 0x1002, 0x1AE0, 0x19E5, 0x8086, 0x10DE


class PciDevice(NamedTuple):
    """A PCI device: its address, and its numbers in sysfs. The *class_code* has three bytes."""

    address: str
    vendor: int
    device: int
    class_code: int

    def has_class(self, *classes: str) -> bool:
        """Return whether it has one of these classes, each given by its first digits."""
        return f"{self.class_code:06x}".startswith(classes)


def pci_devices(host: Host, only: int | None = None) -> Iterator[PciDevice]:
    """Yield the PCI devices by address, *only* those of a vendor; entries that cannot be read are skipped.

    Servers have hundreds of them, so for other vendors only one file is read. Other systems than Linux have
    none here. Raises VariantError if the folder cannot be read.
    """
    for address in host.entries(_DEVICES):
        vendor = _number(host, f"{_DEVICES}/{address}/vendor")
        if vendor is None or only not in (None, vendor):
            continue
        device, class_code = [_number(host, f"{_DEVICES}/{address}/{name}") for name in ("device", "class")]
        if device is not None:
            yield PciDevice(address, vendor, device, class_code or 0)


def _number(host: Host, name: str) -> int | None:
    """Return the hexadecimal number in a file of sysfs, None if there is none."""
    with suppress(VariantError):
        if re.fullmatch("0x[0-9a-f]{1,8}", text := host.text(name, SMALL) or ""):
            return int(text, 16)
    return None
