"""Commands that exchange installed wheels for the ones that fit, by the tool that installed them.

The version stays, so installers keep the wheel unless an option says otherwise. The requirements of the new
wheel may differ, and are exchanged, too. Source: measured with pip 23 and 26, uv 0.13, Poetry 2.5 and
PDM 2.29, on a changed machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..formats.toml_read import value_at
from ..machine.environment import Environment
from ..variants.filename import normalize
from ..wheels.distributions import InstallationRecord, installation_records
from .found_files import file_above, text_of, toml_of
from .tool_words import environment_or_folder, reinstalled_by_uv, uv_for_folder, words_of_pip, words_of_uv
from .user_indexes import PYPI

# The lock files of tools that install what a project locks.
_LOCK_FILES = {"uv": "uv.lock", "poetry": "poetry.lock", "pdm": "pdm.lock"}


class WrongWheel(NamedTuple):
    """An installed distribution for whose version another wheel fits."""

    name: str
    version: str

    @property
    def pinned(self) -> str:
        """The requirement on exactly this version."""
        return f"{normalize(self.name)}=={self.version}"


class Repair(NamedTuple):
    """The commands of a *tool* that exchange some wheels, in their order."""

    tool: str
    wheels: tuple[WrongWheel, ...]
    commands: tuple[tuple[str, ...], ...]


class Start(NamedTuple):
    """How repairs are started: in the *current* folder, with the variables *environ*.

    *run* are the arguments of ``variant-backend run`` with its options, which name the indexes *index_urls*.
    *python* is the version for folders of ``--path``, None for the running one.
    """

    run: tuple[str, ...]
    index_urls: tuple[str, ...]
    environ: Mapping[str, str]
    current: Path
    python: str | None = None


class _InstalledBy(NamedTuple):
    """The tool that installed a distribution, and where: an environment, a project's one, or a *target*."""

    tool: str
    environment: Environment | None = None
    project: Path | None = None
    target: Path | None = None


def repairs(environment: Environment, wheels: Iterable[WrongWheel], start: Start) -> list[Repair]:
    """Return the commands that exchange wheels in an environment, by the tool that installed them.

    What was installed from a folder or a repository is left out, as no index may have it.
    """
    wheels = [*wheels]
    records = installation_records(environment.folders) if wheels else {}
    groups: dict[_InstalledBy, list[WrongWheel]] = {}
    for wheel in wheels:
        record = records.get(normalize(wheel.name))
        if record is not None and not record.is_local:
            groups.setdefault(_owner(wheel, record, environment, start), []).append(wheel)
    return [
        Repair(owner.tool, tuple(members), tuple(_commands(owner, members, start)))
        for owner, members in groups.items()
    ]


def _owner(
    wheel: WrongWheel, record: InstallationRecord, environment: Environment, start: Start
) -> _InstalledBy:
    """Return what installed a distribution. A folder of ``--path`` may belong to an environment."""
    place = environment_or_folder(record.folder, environment, start.environ)
    if isinstance(place, Path):
        return _InstalledBy("uv", target=place)
    environment = place
    tool = record.installer.partition(" ")[0].lower()
    if tool not in _LOCK_FILES:
        return _InstalledBy("pip", environment)
    project = _project_of(environment, _LOCK_FILES[tool])
    if tool == "uv" and project and _index_in_lock(project, wheel) in (None, *_plain_indexes(start)):
        project = None  # it was installed by `uv pip`, or the project has no offer
    return _InstalledBy(tool, environment, project)


def _project_of(environment: Environment, lock_file: str) -> Path | None:
    """Return the folder of the project that has an environment and a lock file, None if there is none."""
    folder = Path(environment.location).parent
    return folder if (folder / lock_file).is_file() else None


def _index_in_lock(project: Path, wheel: WrongWheel) -> str | None:
    """Return the URL of the index of a package in uv.lock, None if it is not there."""
    packages = toml_of(text_of(project / "uv.lock")).get("package")
    for table in packages if isinstance(packages, list) else []:
        if value_at(table, "name") == normalize(wheel.name):
            url = value_at(table, "source", "registry")
            return url.rstrip("/") if isinstance(url, str) else None
    return None


def _plain_indexes(start: Start) -> list[str]:
    """Return the indexes that are not offers: those that the user names, and PyPI."""
    return [url.rstrip("/") for url in (*start.index_urls, PYPI)]


def _commands(owner: _InstalledBy, wheels: Sequence[WrongWheel], start: Start) -> Iterator[tuple[str, ...]]:
    """Yield the commands of one tool."""
    names, pinned = [normalize(wheel.name) for wheel in wheels], [wheel.pinned for wheel in wheels]
    place = _project_option(owner, start.current)
    pip = words_of_pip(owner.environment, start.environ)
    if owner.tool == "poetry":
        yield tuple(pip.removal(names))
        yield ("poetry", "update", *place, "--no-cache", *names)
    elif owner.tool == "pdm":
        yield ("pdm", "cache", "clear", "metadata")
        yield ("pdm", "lock", *place)
        yield ("pdm", "sync", *place, "--reinstall")
    elif owner.project:
        upgraded = [part for text in pinned for part in ("--upgrade-package", text)]
        yield ("uv", "sync", *place, "--inexact", *upgraded, *reinstalled_by_uv(names))
    else:
        words = pip if owner.tool == "pip" else words_of_uv(owner.environment)
        words = uv_for_folder(str(owner.target), start.python) if owner.target else words
        yield from map(tuple, words._replace(through=start.run).exchange(pinned))


def _project_option(owner: _InstalledBy, current: Path) -> list[str]:
    """Return the option that names the project, unless tools find it from the current folder."""
    nearest = file_above(current, "pyproject.toml")
    if owner.project is None or (nearest and nearest.parent == owner.project):
        return []
    return ["--directory" if owner.tool == "poetry" else "--project", str(owner.project)]
