"""Run a variant provider plugin, and print its answer as one line of JSON.

This program runs in any Python that has the plugin. It needs only the standard library.

    python _ask_plugin.py REFERENCE METHOD

REFERENCE is ``module`` or ``module:object.path``; a class is called to get an instance. METHOD is
``get_supported_configs`` or ``get_all_configs``. The program prints the answer of the plugin, unchecked, with
null for missing attributes:

    {"namespace": ..., "all_properties_compatible": ..., "configs": [{"name": ..., "values": [...],
     "multi_value": ...}, ...], "generation": ..., "outdated": [...],
     "imports": {"modules": ..., "seconds": ...}, "seconds": ..., "printed": ...}

``generation`` is that of the protocol: 4 is today's. ``outdated`` are the names that only older generations
have, and the argument that only the first one requires:

1. ``get_supported_configs(known_properties)`` and ``validate_property``; no ``get_all_configs``.
2. ``is_build_plugin`` or ``dynamic``.
3. ``is_aot_plugin``.

``imports`` is the number of modules that importing the plugin adds, and the time it takes. ``seconds`` is
the time of all. If that fails, it prints one line about the error, and the missing module if that is the
reason:

    {"error": "...", "missing": ...}

The plugin's own output goes to stderr. Its first line is in ``printed``, which is null if there is none.
The exit code is always 0.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import reduce
from importlib import import_module
from pathlib import Path
from threading import Thread
from time import perf_counter
from typing import Any, cast

# The names that today's protocol does not have, and their generation.
_OUTDATED = {"validate_property": 1, "is_build_plugin": 2, "dynamic": 2, "is_aot_plugin": 3}
_TODAY = 4


class NoAnswerError(Exception):
    """The plugin cannot be asked; the text says why."""


def ask(reference: str, method: str) -> dict[str, object]:
    """Return the answer of a plugin, as printed."""
    name, _, path = reference.partition(":")
    before, started = len(sys.modules), perf_counter()
    module = import_module(name)
    imports = {"modules": len(sys.modules) - before, "seconds": round(perf_counter() - started, 3)}
    plugin = reduce(getattr, filter(None, path.split(".")), module)
    if isinstance(plugin, type):
        plugin = plugin()
    arguments = _required_arguments(plugin)
    outdated = [name for name in _OUTDATED if hasattr(plugin, name)]
    configs = [
        {
            "name": config.name,
            "values": config.values,
            "multi_value": getattr(config, "multi_value", None),
        }
        for config in _called(plugin, method, arguments)
    ]
    # Older generations have other names for it.
    older = ("is_aot_plugin", "is_build_plugin")
    all_compatible = True if any(getattr(plugin, name, None) is True for name in older) else None
    return {
        "namespace": getattr(plugin, "namespace", None),
        "all_properties_compatible": getattr(plugin, "all_properties_compatible", all_compatible),
        "configs": configs,
        "generation": min([1 if arguments else _TODAY, *(_OUTDATED[name] for name in outdated)]),
        "outdated": [*arguments, *outdated],
        "imports": imports,
        "seconds": round(perf_counter() - started, 3),
    }


def _required_arguments(plugin: object) -> list[str]:
    """Return the names of the positional arguments that ``get_supported_configs`` requires."""
    from inspect import Parameter, signature  # not before the plugin's modules are counted

    try:
        parameters = signature(plugin.get_supported_configs).parameters.values()  # type: ignore[attr-defined]
    except (AttributeError, TypeError, ValueError):  # it is missing, or has no signature
        return []
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return [one.name for one in parameters if one.kind in kinds and one.default is Parameter.empty]


def _called(plugin: object, method: str, arguments: list[str]) -> Iterable[Any]:
    """Return what a method returns: the first generation gets None, for unknown properties of a release."""
    function = getattr(plugin, method, None)
    if function is None:
        raise NoAnswerError(f"missing {method}()")
    if method != "get_supported_configs" or not arguments:
        return cast("Iterable[Any]", function())
    if len(arguments) > 1:
        raise NoAnswerError(f"{method}() requires the arguments {', '.join(arguments)}")
    if getattr(plugin, "dynamic", False):
        raise NoAnswerError(f"dynamic is true, so {method}() requires the properties of a release")
    return cast("Iterable[Any]", function(None))


class _Watch(Thread):
    """Forwards stdout to stderr, and keeps the start of it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._read, write = os.pipe()
        self._printed = b""
        os.dup2(write, 1)
        os.close(write)
        self.start()

    def run(self) -> None:
        """Forward everything."""
        while data := os.read(self._read, 1 << 16):
            self._printed = (self._printed + data)[:200]
            with suppress(OSError):  # without a reader, the plugin must go on
                os.write(2, data)

    def end(self) -> str | None:
        """Redirect stdout to stderr, and return the first printed line, or None if nothing is printed."""
        with suppress(Exception):  # the plugin may have closed or replaced it
            sys.stdout.flush()
        os.dup2(2, 1)
        self.join(1)  # a process that the plugin left behind may still hold the pipe
        lines = self._printed.decode("utf-8", "replace").splitlines()
        return lines[0] if lines else None


def main() -> None:
    """Run the plugin, and print the answer to a copy of stdout that the plugin does not have."""
    # The plugin must not import the modules beside this file.
    sys.path[:] = [
        path for path in sys.path if Path(path or ".").resolve() != Path(__file__).resolve().parent
    ]
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as channel:
        watch = _Watch()
        try:
            result = ask(*sys.argv[1:])
            text = json.dumps({**result, "printed": watch.end()}, default=repr)
        except (Exception, SystemExit) as error:
            watch.end()
            missing = error.name if isinstance(error, ModuleNotFoundError) else None
            text = json.dumps({"error": _first_line(error), "missing": missing})
        print(text, file=channel)


def _first_line(error: BaseException) -> str:
    message = (str(error).splitlines() or [""])[0]
    if isinstance(error, NoAnswerError):
        return message
    return f"{type(error).__name__}: {message}"


if __name__ == "__main__":
    main()
