"""The compiler flags that setuptools uses only while an environment variable is not set.

Setuptools compiles extensions with the flags with which Python was compiled, such as ``-O3 -DNDEBUG``. If
``CFLAGS`` is set, version 75.7.0 and newer use it instead of these flags, and older versions use both. C++
has ``CXXFLAGS`` since version 72.2.0, which always replaces the flags. So the installed version is asked.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import VariantError
from ..lowlevel.processes import run_within

_PROGRAM = Path(__file__).with_name("_ask_setuptools.py")
_TIME_LIMIT = 60  # seconds

# They add such variables to their own flags, even if setuptools is installed beside them.
_ADDING_BACKENDS = {"maturin", "mesonpy", "scikit_build_core"}


def default_flags(names: Sequence[str], backend: str | None) -> dict[str, str]:
    """Return the flags that a build would use if the variables *names* were not set, by variable.

    Variables that replace nothing are left out. *backend* is the wrapped backend, in the form of
    ``build-backend``. The setuptools of the environment of this process is asked, as other backends may
    compile with it, too. Raises VariantError if setuptools fails.
    """
    if not names or (backend or "").partition(":")[0].partition(".")[0] in _ADDING_BACKENDS:
        return {}
    ended = run_within(_TIME_LIMIT, [sys.executable, str(_PROGRAM), *names])
    if ended is None or ended.code:
        lines = ended.errors.decode("utf-8", "backslashreplace").split("\n") if ended else []
        reason = next(filter(str.strip, reversed(lines)), f"no answer within {_TIME_LIMIT} seconds")
        raise VariantError(
            f"the compiler flags of setuptools are unknown: {reason.strip()}",
            remedy="use another version of setuptools, or env instead of env-append",
        )
    flags: dict[str, str] = json.loads(ended.output)
    return flags
