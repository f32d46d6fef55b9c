"""Asks a variant provider plugin, and prints its answer as one line of JSON.

A script of its own, for any Python that has the plugin; it needs the standard library only.

    python _ask_plugin.py REFERENCE METHOD

REFERENCE is ``module`` or ``module:object.path``; a class is called to get an instance. METHOD is
``get_supported_configs`` or ``get_all_configs``. On stdout, it prints

    {"namespace": ..., "all_properties_compatible": ..., "configs": [{"name": ..., "values": [...],
     "multi_value": ...}, ...]}

with what the plugin has there, unchecked, or ``{"error": "..."}``, one line. What the plugin itself prints
goes to stderr. The exit code is 0 in both cases.
"""

from __future__ import annotations

import json
import os
import sys
from functools import reduce
from importlib import import_module
from pathlib import Path


def ask(reference: str, method: str) -> dict[str, object]:
    """Return what a plugin answers, as it is printed."""
    module, _, path = reference.partition(":")
    plugin = reduce(getattr, filter(None, path.split(".")), import_module(module))
    if isinstance(plugin, type):
        plugin = plugin()
    configs = [
        {
            "name": config.name,
            "values": config.values,
            "multi_value": getattr(config, "multi_value", False),
        }
        for config in getattr(plugin, method)()
    ]
    return {
        "namespace": getattr(plugin, "namespace", None),
        "all_properties_compatible": getattr(plugin, "all_properties_compatible", False),
        "configs": configs,
    }


def main() -> None:
    """Ask, and print the answer where only we can print."""
    # This script's folder has modules that are none of the plugin's business.
    sys.path[:] = [
        path for path in sys.path if Path(path or ".").resolve() != Path(__file__).resolve().parent
    ]
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answer:
        os.dup2(2, 1)
        try:
            told = json.dumps(ask(*sys.argv[1:]), default=repr)
        except (Exception, SystemExit) as error:
            message = (str(error).splitlines() or [""])[0]
            told = json.dumps({"error": f"{type(error).__name__}: {message}"})
        print(told, file=answer)


if __name__ == "__main__":
    main()
