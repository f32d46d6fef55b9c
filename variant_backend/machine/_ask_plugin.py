"""Asks a variant provider plugin, or lists those that are installed, and prints one line of JSON.

A script of its own, for any Python that has the plugin; it needs the standard library only.

    python _ask_plugin.py REFERENCE METHOD
    python _ask_plugin.py

REFERENCE is ``module`` or ``module:object.path``; a class is called to get an instance. METHOD is
``get_supported_configs`` or ``get_all_configs``. On stdout, it prints

    {"namespace": ..., "all_properties_compatible": ..., "configs": [{"name": ..., "values": [...],
     "multi_value": ...}, ...], "printed": ...}

with what the plugin has there, unchecked, and null for what it has not; or one line about what went wrong,
and whether a module is missing:

    {"error": "...", "is_missing": ...}

What the plugin itself prints goes to stderr, and its first line is in ``printed`` too, null without one. The
exit code is 0 in both cases.

Without arguments, no plugin is imported. What distributions declare in the entry-point group
``variant_plugins`` is printed, in the order of their places on the path, a distribution once:

    {"plugins": [{"name": ..., "reference": ..., "distribution": ..., "version": ...}, ...],
     "faults": [[PLACE, TEXT], ...]}
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import suppress
from functools import reduce
from importlib import import_module
from pathlib import Path
from threading import Thread


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
            "multi_value": getattr(config, "multi_value", None),
        }
        for config in getattr(plugin, method)()
    ]
    return {
        "namespace": getattr(plugin, "namespace", None),
        "all_properties_compatible": getattr(plugin, "all_properties_compatible", None),
        "configs": configs,
    }


def installed() -> dict[str, object]:
    """Return the plugins that are installed, as they are printed."""
    from importlib.metadata import distributions

    plugins, faults, seen = [], [], {""}  # what has no name is not installed, as far as Python knows
    for distribution in distributions():
        name, version = "", ""
        with suppress(Exception):
            name, version = (distribution.metadata[key] or "" for key in ("Name", "Version"))
        normalized = re.sub("[-_.]+", "-", name).lower()
        if normalized in seen:
            continue
        seen.add(normalized)
        try:
            points = [point for point in distribution.entry_points if point.group == "variant_plugins"]
        except Exception as error:
            faults.append((f"{name} {version}: entry_points.txt", _first_line(error)))
            continue
        for point in points:
            reference = point.value.partition("[")[0].strip()  # without extras
            plugins.append(
                {"name": point.name, "reference": reference, "distribution": name, "version": version}
            )
    return {"plugins": plugins, "faults": faults}


class _Watch(Thread):
    """Passes on to stderr what is printed on stdout, and keeps its start."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._read, write = os.pipe()
        self._printed = b""
        os.dup2(write, 1)
        os.close(write)
        self.start()

    def run(self) -> None:
        """Pass everything on."""
        while data := os.read(self._read, 1 << 16):
            self._printed = (self._printed + data)[:200]
            with suppress(OSError):  # nobody reads it, and the plugin must not wait for that
                os.write(2, data)

    def end(self) -> str | None:
        """Let stdout be stderr, and return the first line that was printed, None if there was none."""
        with suppress(Exception):  # a plugin may have closed or replaced it
            sys.stdout.flush()
        os.dup2(2, 1)
        self.join(1)  # a process that the plugin has left behind may still have the pipe
        lines = self._printed.decode("utf-8", "replace").splitlines()
        return lines[0] if lines else None


def main() -> None:
    """Ask, and print the answer where only we can print."""
    # This script's folder has modules that are none of the plugin's business.
    sys.path[:] = [
        path for path in sys.path if Path(path or ".").resolve() != Path(__file__).resolve().parent
    ]
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as channel:
        watch = _Watch()
        try:
            result = ask(*sys.argv[1:]) if sys.argv[1:] else installed()
            text = json.dumps({**result, "printed": watch.end()}, default=repr)
        except (Exception, SystemExit) as error:
            watch.end()
            is_missing = isinstance(error, ModuleNotFoundError)
            text = json.dumps({"error": _first_line(error), "is_missing": is_missing})
        print(text, file=channel)


def _first_line(error: BaseException) -> str:
    message = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {message}"


if __name__ == "__main__":
    main()
