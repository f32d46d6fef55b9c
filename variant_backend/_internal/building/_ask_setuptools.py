"""Print the words of compiler commands that setuptools drops if environment variables are set.

This program runs in the build environment, with the environment variables of the build. It needs only the
standard library, and setuptools if that is installed.

    python _ask_setuptools.py NAME...

It prints one line of JSON: an object that maps variables to the words that setuptools uses only while the
variable is not set. Variables that setuptools ignores, or adds to its own words, are left out:

    {"CFLAGS": "-Wsign-compare -DNDEBUG -g -fwrapv -O3 -Wall"}

The object is empty if setuptools is not installed. All other output goes to stderr.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path

_VALUE = "-Dvariant_backend_value"


def main(names: Sequence[str]) -> None:
    """Print the dropped words of each variable."""
    with redirect_stdout(sys.stderr):
        dropped = {name: dropped_words(_commands({}), _commands({name: _VALUE}), _VALUE) for name in names}
    print(json.dumps({name: shlex.join(words) for name, words in dropped.items() if words}))  # noqa: T201  # the answer


def dropped_words(
    before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]], value: str
) -> list[str]:
    """Return the words that a variable with this *value* replaces in the commands *before* it was set.

    >>> dropped_words({"compiler": ["cc", "-O3", "-fPIC"]}, {"compiler": ["cc", "-x", "-fPIC"]}, "-x")
    ['-O3']
    >>> dropped_words({"compiler": ["cc", "-O3", "-fPIC"]}, {"compiler": ["cc", "-O3", "-x", "-fPIC"]}, "-x")
    []
    """
    for name, words in after.items():
        if list(words).count(value) == 1:
            start = list(words).index(value)
            end = len(before[name]) - (len(words) - start - 1)
            if end > start:
                return [*before[name][start:end]]
    return []


def _commands(environment: Mapping[str, str]) -> dict[str, Sequence[str]]:
    """Return the commands of setuptools' compiler, which are empty if setuptools is not installed."""
    try:
        import_module("setuptools")  # provides distutils
    except ModuleNotFoundError as error:
        if error.name != "setuptools":
            raise
        return {}
    former = dict(os.environ)
    os.environ.update(environment)
    try:
        compiler = import_module("distutils.ccompiler").new_compiler()
        import_module("distutils.sysconfig").customize_compiler(compiler)
    finally:
        os.environ.clear()
        os.environ.update(former)
    return {name: getattr(compiler, name) or [] for name in compiler.executables}


if __name__ == "__main__":
    if Path(sys.path[0]) == Path(__file__).parent:  # modules there must not hide others of the same name
        del sys.path[0]
    main(sys.argv[1:])
