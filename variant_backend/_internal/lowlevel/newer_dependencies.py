"""Features that need a dependency that may be missing, or a newer one than pyproject.toml requires.

Builds, `make-variant` and `stub` work with the lowest declared versions. Distributions carry such versions,
and build environments may pin them. Environments of builds have no dependency of the commands.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from ..errors import Problem, VariantError


class Newer(NamedTuple):
    """The *least* version of a *distribution* with which a *feature* works."""

    distribution: str
    least: str
    feature: str

    def problem(self) -> Problem | None:
        """Return the problem that no version or an older one is installed; None if it has no metadata."""
        from importlib.util import find_spec

        from packaging.version import Version

        installed = installed_version(self.distribution)
        if installed is None:
            spec = find_spec(self.distribution)
            is_bundled = spec is not None and spec.origin is not None  # a folder of that name has no origin
            return None if is_bundled else missing_dependency(self.feature, self.distribution)
        if Version(installed) >= Version(self.least):
            return None
        text = f"{self.feature} needs {self.distribution} {self.least} or newer; installed: {installed}"
        # Shells of all systems know double quotes.
        return Problem("error", "", text, f'run `pip install "{self.distribution}>={self.least}"`')

    def check(self) -> None:
        """Raise VariantError if an older version is installed."""
        if problem := self.problem():
            raise VariantError(problem)


def missing_dependency(feature: str, distribution: str) -> Problem:
    """Return the problem that a *feature* needs a dependency of the commands that is not installed."""
    text = f"{feature} needs {distribution}, which is not installed"
    return Problem("error", "", text, "run `pip install variant-backend`")


@cache  # `check` asks for each wheel
def installed_version(distribution: str) -> str | None:
    """Return the version of an installed distribution; None if it has no metadata, as in bundles."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


LOCK_FILES = Newer("packaging", "26.1", "reading lock files")  # selects from lock files
FIELDS = Newer("packaging", "26.0", "checking fields of METADATA")  # knows Metadata-Version 2.5
ENVIRONMENTS = Newer("build", "1.4.4", "building in new processes")  # logs the output of installers
PROJECT_FILES = Newer("tomlkit", "0.15", "editing project files")  # keeps the commas of inline tables
