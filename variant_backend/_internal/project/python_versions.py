"""The versions of Python that a project supports, compared with those that can build it.

If the build backend is wrapped, each build of the sdist needs this package, which requires a recent Python. A
copy of this package in the source tree requires the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ..errors import MOST_SHOWN, Problem
from ..formats.toml_read import value_at

# The `requires-python` of this package.
OLDEST_PYTHON = (3, 10)
OLDEST = ".".join(map(str, OLDEST_PYTHON))

# The older versions, and more micro versions than any of them has.
_OLDER = ((2, 7), *((OLDEST_PYTHON[0], minor) for minor in range(OLDEST_PYTHON[1])))
_MICROS = range(30)

# An operator and a version; Poetry does not require a comma between two of them.
_CONSTRAINT = re.compile(r"([\^~<>=!]*)\s*([\w.*+-]+)\s*,?\s*")


class Supported(NamedTuple):
    """The versions of Python that a project file declares: the place of the key, and its value.

    An empty value admits all versions, and so does a missing one: None.
    """

    place: str
    specifier: str | None


def supported_pythons(data: Mapping[str, object]) -> Supported | None:
    """Return the versions that a project file declares; None if another file or the backend does.

    >>> supported_pythons({"project": {"requires-python": ">=3.9"}})
    Supported(place='project.requires-python', specifier='>=3.9')
    """
    project = data.get("project")
    if isinstance(project, dict):
        text, dynamic = project.get("requires-python"), project.get("dynamic", [])
        if isinstance(text, str):
            return Supported("project.requires-python", text)
        if text is None and isinstance(dynamic, list) and "requires-python" not in dynamic:
            return Supported("project.requires-python", None)
    value = value_at(data, "tool", "poetry", "dependencies", "python")
    return Supported("tool.poetry.dependencies.python", value) if isinstance(value, str) else None


def older_python_problem(supported: Supported, undo: str) -> Problem | None:
    """Return the problem of a wrapped project that supports a Python before `OLDEST_PYTHON`, or None.

    *undo* is the command that unwraps the project's build backend.
    """
    place, specifier = supported
    newest = newest_older(specifier or "")
    if newest is None:
        return None
    admits = "missing, which admits" if specifier is None else f"{specifier[:MOST_SHOWN]!r} admits"
    text = f"{admits} Python {newest}, where the sdist cannot be built: variant-backend requires {OLDEST}"
    key = place.rpartition(".")[2]
    remedy = f'write {key} = ">={OLDEST}", or run `{undo}` and use `make-variant` on finished wheels'
    return Problem("older-python", place, text, remedy)


def newest_older(specifier: str) -> str | None:
    """Return the newest version before `OLDEST_PYTHON` that a specifier admits; None if it admits none.

    The specifier has the form of Requires-Python or of Poetry. An invalid one admits none: the build backend
    reports it.

    >>> [newest_older(text) for text in (">=3.8,<4", ">=3.9,!=3.9.*", "~2.7 || ^3.10", "")]
    ['3.9', None, '2.7', '3.9']
    """
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    try:
        alternatives = [SpecifierSet(_standard(text)) for text in re.split(r"\|\|?", specifier)]
        for major, minor in reversed(_OLDER):
            releases = [Version(f"{major}.{minor}.{micro}") for micro in _MICROS]
            if any([*alternative.filter(releases)] for alternative in alternatives):
                return f"{major}.{minor}"
    except ValueError:  # InvalidSpecifier, or more digits than Python converts
        pass
    return None


def _standard(constraints: str) -> str:
    """Return constraints of Poetry as a specifier of Requires-Python; such a specifier stays the same."""

    def replaced(match: re.Match[str]) -> str:
        operator, version = match.groups()
        if operator in ("^", "~"):
            same = ".".join(version.split(".")[: 1 if operator == "^" else 2])
            return f">={version},=={same}.*,"
        return ">=0," if version == "*" else f"{'==' if operator in ('', '=') else operator}{version},"

    return _CONSTRAINT.sub(replaced, constraints)
