"""Ask the plugin provider-variant-aarch64 about other processors; this program runs in its own process.

It reads a line of JSON for each processor: `system`, and `cpuinfo` or `brand`. It writes a line of JSON with
the features and values that the plugin reports. The plugin has an old archspec, and gets the installed one.
"""

from __future__ import annotations

import io
import json
import platform
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

_MACHINES = {"Linux": "aarch64", "Darwin": "arm64", "Windows": "ARM64"}
_CACHED = ("host", "_machine", "_darwin_sysctl_data")


def main() -> None:
    """Answer all lines of stdin."""
    import_module("provider_variant_aarch64")  # this imports its old archspec
    for name in [*sys.modules]:
        if name.partition(".")[0] == "archspec":
            del sys.modules[name]
    detect = import_module("archspec.cpu.detect")
    len(detect.TARGETS)  # this reads the models
    plugin = import_module("provider_variant_aarch64.plugin").AArch64Plugin()
    for line in sys.stdin:
        fake(vars(detect), json.loads(line))
        answer = {config.name: config.values for config in plugin.get_supported_configs(None)}
        sys.stdout.write(json.dumps(answer) + "\n")


def fake(detect: dict[str, Any], processor: dict[str, str]) -> None:
    """Give archspec the facts of a processor."""
    system = processor["system"]
    platform.system = lambda: system
    platform.machine = lambda: _MACHINES[system]
    detect["open"] = constant(io.StringIO(processor.get("cpuinfo", "")))
    detect["_check_output"] = constant(f"machdep.cpu.brand_string: {processor.get('brand')}\n")
    for name in _CACHED:
        detect[name].cache_clear()


def constant(value: object) -> Callable[..., object]:
    """Return a function that returns a *value* for all arguments."""
    return lambda *_, **__: value


if __name__ == "__main__":
    main()
