"""Build all wheels of a release: one sdist, and every wheel from a fresh copy of the sdist's content.

Two wheels never share a source tree, because object files of one variant would end up in the next wheel.
`_build_one` builds each wheel in a process of its own. The output of the process is the log. After each build
its process group is ended: a backend may leave processes in the background, or never end.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from ..errors import UnknownNameError, VariantError
from ..lowlevel.newer_dependencies import ENVIRONMENTS
from ..lowlevel.processes import Child, temporary_folder
from ..lowlevel.terminal import print_detail
from ..lowlevel.workspace import move_over, workspace
from ..machine.installer_settings import isolated_environ
from ..project.config_settings import AUTO
from ..project.project_file import ProjectFile
from ..project.recipe import Recipe
from ..project.user_variables import LABEL
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from ..variants.wheel_metadata import remarks_on
from ..wheels.reading import WheelFile

if TYPE_CHECKING:
    from ..variants.requirements import Pin

Distribution = Literal["sdist", "wheel"]
Installer = Literal["pip", "uv"]
ShowState: TypeAlias = Callable[[int, Sequence[str]], object]

# On Windows, files with these names are devices, also with a suffix.
_DEVICES = r"(con|prn|aux|nul|(com|lpt)\d)(\..*)?"
_PROGRAM = Path(__file__).with_name("_build_one.py")

# Hidden, so that `twine upload dist/*` skips it.
_LOG_FOLDER = ".logs"
_ERROR = "variant-backend: error: "
_COLOR = re.compile(r"\x1b\[[0-9;]*m")

# The name of the plain wheel in messages.
_PLAIN = "plain"

# Characters of a log that are read at once, and of a reason in a message.
_PIECE = 10_000
_LONGEST_REASON = 2_000

_LATE_REMEDY = "read the log to see where the build hangs, or use a longer --timeout"

# Seconds between two checks of the processes.
_TICK = 0.05


class Matrix(NamedTuple):
    """The builds from *source*, a project's folder or an sdist: the wheels of *labels*, the *plain* release.

    *remarks* are warnings about the wheels for the maintainer. *recipes* come from the file *place*.
    """

    source: Path
    labels: tuple[str, ...]
    plain: bool
    remarks: tuple[str, ...]
    place: str
    recipes: Mapping[str, Recipe]

    @classmethod
    def load(
        cls, source: Path, labels: Sequence[str] = (), *, plain: bool = False, sdist: Path | None = None
    ) -> Matrix:
        """Read the project file. Without *labels* and *plain*, everything is built.

        The wheels are built from *sdist*, an sdist of the project in the folder *source*, if it is given.
        Raises VariantError if a label is unknown, or if the project is not set up for variants. Raises
        RequestError if *sdist* is of another release, or has other variants or recipes than the folder.
        """
        file = ProjectFile.read(source)
        if sdist is not None:
            file = file.in_sdist(sdist)
        project = file.project
        metadata = project.metadata
        if not labels and not plain:
            if metadata is None and not project.recipes:
                raise VariantError(
                    f"{file.place}: missing table [variant], so no label is defined",
                    remedy="define the variants in this table, or use --plain to build the plain release",
                )
            defined = metadata.variants if metadata else ()
            labels, plain = [*dict.fromkeys([*defined, *project.recipes])], True  # null needs a recipe only
        known = metadata or VariantMetadata((), {}, {})
        if _PLAIN in labels and _PLAIN not in known.variants:
            remedy = "use --plain to build the plain release"
            raise UnknownNameError(f"unknown label {_PLAIN!r}", remedy=remedy)
        requested = known._replace(variants={label: known.variant(label) for label in labels})
        remarks = (*dict.fromkeys(_remarks(file, requested)),)
        return cls(file.source, (*requested.variants,), plain, remarks, file.place, project.recipes)

    @property
    def has_sdist(self) -> bool:
        """Whether the wheels are built from a given sdist."""
        return self.source.is_file()

    @property
    def build_variants(self) -> dict[str, tuple[Pin, ...]]:
        """The variants of other projects that must be in the build environment of a label."""
        from .variant_build import decided_here

        recipes = {label: decided_here(self.recipes[label]) for label in self.labels if label in self.recipes}
        return {label: recipe.build_variants for label, recipe in recipes.items() if recipe.build_variants}


def _remarks(file: ProjectFile, requested: VariantMetadata) -> list[str]:
    """Return warnings about the *requested* wheels; raises VariantError if they cannot be built."""
    variants = requested.variants.values()
    problems = file.build_system_problems() if variants else []
    if fatal := [problem for problem in problems if not problem.place.endswith("requires")]:
        raise file.error(*fatal)
    remarks = [*file.error(*problems).lines(), *remarks_on(requested)]
    for variant in variants:
        recipe = file.project.recipe(variant.label)
        remarks += recipe.remarks()
        try:
            recipe.requirements([], variant)
        except VariantError as error:  # reported before any build starts
            raise file.error(*error.within("tool.variant-backend").problems) from None
    return remarks


class Built(NamedTuple):
    """The result of building the sdist or a wheel; *label* is None for the sdist and the plain wheel.

    Either *path* is the location of the file, or *error* is one line that says why it was not built.
    *log* has the whole output of the build, and is None for a given sdist. *seconds* is the time that the
    build took.
    """

    distribution: Distribution
    label: str | None
    seconds: float
    path: Path | None
    log: Path | None
    error: str | None

    @property
    def name(self) -> str:
        """The name in messages: the label, ``plain`` or ``sdist``."""
        return _name(self.distribution, self.label)


def _name(distribution: Distribution, label: str | None) -> str:
    return label or ("sdist" if distribution == "sdist" else _PLAIN)


def build_matrix(
    matrix: Matrix,
    output: Path,
    *,
    jobs: int,
    installer: Installer | None,
    requires: Mapping[str, Sequence[str]] = {},
    show: ShowState,
    timeout: float | None = None,
) -> list[Built]:
    """Build the sdist and then the wheels, *jobs* at a time. Each finished file is moved to *output* at once.

    If *installer* is None, builds run in the environment of this Python. A build that takes longer than
    *timeout* seconds is ended. *show* is called repeatedly with the number of finished builds and the names
    of the running ones. *requires* are further requirements for the isolated environment of a label.
    Returns the results in the requested order; if the sdist fails, only its result is returned and no wheel
    is built. A given sdist is not built; the plain release gets a copy. Raises VariantError if *output*
    cannot be written, or `build` is too old.
    """
    ENVIRONMENTS.check()
    with temporary_folder() as temporary:
        logs = output / _LOG_FOLDER
        sdist, log = _sdist(matrix, logs, temporary, installer, timeout, show)
        with workspace(output) as private:
            logs.mkdir(exist_ok=True)
            labels = [*matrix.labels, *([None] if matrix.plain else [])]
            log_of = {label: logs / f"{_log_name('wheel', label)}.log" for label in labels}
            for path in (logs / log.name, *log_of.values()):
                path.unlink(missing_ok=True)
            if sdist.log:
                shutil.copy(log, sdist.log)
            if sdist.path is None:
                return [sdist]
            source = sdist.path
            if matrix.plain:
                sdist = sdist._replace(path=_copied(source, private, output / source.name))
            orders = [
                _Order("wheel", label, source, output, path, path, private, temporary, installer, needed)
                for label, path in log_of.items()
                for needed in [tuple(requires.get(label or "", ()))]
            ]
            built = int(not matrix.has_sdist)
            wheels = _run(orders, jobs, timeout, lambda done, names: show(done + built, names))
            return [sdist, *wheels] if matrix.plain else wheels


def _sdist(
    matrix: Matrix,
    logs: Path,
    temporary: Path,
    installer: Installer | None,
    timeout: float | None,
    show: ShowState,
) -> tuple[Built, Path]:
    """Build the sdist in the folder *temporary*, unless it is given; return it, and its log there.

    Backends pack every file in the source tree, so no file is written into *logs* before the sdist is built.
    """
    log = temporary / "sdist.log"
    if matrix.has_sdist:
        return Built("sdist", None, 0.0, matrix.source, None, None), log
    final = logs / log.name
    order = _Order("sdist", None, matrix.source, temporary, log, final, temporary, temporary, installer)
    [sdist] = _run([order], 1, timeout, show)
    return sdist, log


def _copied(source: Path, private: Path, target: Path) -> Path:
    """Copy a file by way of the folder *private*, unless *target* is the same file; return *target*."""
    if not (target.exists() and target.samefile(source)):
        move_over(Path(shutil.copy(source, private)), target)
    return target


def _log_name(distribution: Distribution, label: str | None) -> str:
    """Return a name that is unique among the builds, and that Windows accepts; no label has ``-``."""
    is_taken = label in ("sdist", _PLAIN) or re.fullmatch(_DEVICES, label or "")
    return f"{label}-variant" if is_taken else _name(distribution, label)


class _Order(NamedTuple):
    """One sdist or wheel to build from *source*; the finished file is moved to the folder *target*.

    The *log* is copied to *final_log* after the build, if that is another file.
    """

    distribution: Distribution
    label: str | None
    source: Path
    target: Path
    log: Path
    final_log: Path
    private: Path
    temporary: Path
    installer: Installer | None
    requires: tuple[str, ...] = ()


def _run(orders: Sequence[_Order], jobs: int, timeout: float | None, show: ShowState) -> list[Built]:
    """Build the *orders*, *jobs* at a time. When this function ends, even by an error, no process runs on."""
    built: dict[_Order, Built] = {}
    waiting = deque(orders)
    running: list[_Process] = []
    try:
        while len(built) < len(orders):
            while waiting and len(running) < jobs:
                running.append(_Process(waiting.popleft(), timeout))
            show(len(built), [_name(process.order.distribution, process.order.label) for process in running])
            time.sleep(_TICK)
            for process in [process for process in running if process.has_ended()]:
                running.remove(process)
                built[process.order] = process.built()
    finally:
        for process in running:
            process.end()
    return [built[order] for order in orders]


class _Process:
    """A running build, in a process of its own, for at most *timeout* seconds."""

    def __init__(self, order: _Order, timeout: float | None = None) -> None:
        self.order = order
        self._timeout = timeout
        self._is_late = False
        self._started = time.monotonic()
        folder = Path(tempfile.mkdtemp(dir=order.private)).absolute()
        self._result = folder / "result"
        request = {
            "distribution": order.distribution,
            "source": str(order.source.absolute()),
            # As `variant`, the label "auto" would request the best one.
            "settings": {"variant-label" if order.label == AUTO else "variant": order.label}
            if order.label
            else None,
            "requires": order.requires,
            "installer": order.installer,
            "output": str(folder / "built"),
            "result": str(self._result),
        }
        temporary = tempfile.mkdtemp(dir=order.temporary)
        inherited = isolated_environ(Path(temporary)) if order.installer else os.environ
        environment = {
            **{name: value for name, value in inherited.items() if name != LABEL},
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary),
            "PYTHONUNBUFFERED": "1",  # the log gets each line at once, with stdout and stderr in order
            "PYTHONIOENCODING": "utf-8:backslashreplace",
        }
        name = {"sdist": "sdist", "wheel": f"wheel {order.label}" if order.label else "plain wheel"}
        print_detail(f"build {name[order.distribution]}; log: {order.final_log}")
        with order.log.open("wb") as log:
            program = [str(_PROGRAM), json.dumps(request)]
            self._process = Child(program, env=environment, stdout=log, stderr=subprocess.STDOUT)

    def has_ended(self) -> bool:
        """Return whether the process has ended, or its time is over; its children have ended then, too."""
        if self._process.poll() is None:
            self._is_late = self._timeout is not None and time.monotonic() - self._started > self._timeout
            if not self._is_late:
                return False
        self.end()
        return True

    def end(self) -> None:
        """End the process and all its children."""
        self._process.end()

    def built(self) -> Built:
        """Move the built file to its target, and return the result."""
        order = self.order
        path = error = None
        try:
            if self._is_late:
                error = f"not finished within {self._timeout:g} s; {_LATE_REMEDY}"
            elif self._process.returncode:
                error = _reason(order.log, self._process.returncode)
            else:
                path = self._deliver()
        except VariantError as problem:
            error = str(problem)
        except OSError as problem:
            error = f"{problem.filename2 or problem.filename}: {problem.strerror}"
        seconds = round(time.monotonic() - self._started, 1)
        return Built(order.distribution, order.label, seconds, path, order.final_log, error)

    def _deliver(self) -> Path:
        path = Path(self._result.read_text(encoding="utf-8"))
        if self.order.distribution == "wheel":
            _check_label(WheelFile.of(path).name, self.order.label)
        target = self.order.target / path.name
        move_over(path, target)
        return target


def _check_label(filename: WheelFilename, label: str | None) -> None:
    """Check that a wheel has the requested label. Raises VariantError."""
    if filename.label == label:
        return
    if filename.label is None:
        text = f"{filename}: expected label {label!r}, got none"
        raise VariantError(text, remedy="set build-system.build-backend to 'variant_backend.hooks'")
    expected = f"label {label!r}" if label else "no label"
    raise VariantError(f"{filename}: expected {expected}, got {filename.label!r}")


def _reason(log: Path, code: int) -> str:
    """Return the reason of a failed build: the first error of variant-backend, or else the last line."""
    if code < 0:
        return f"the build was ended by signal {-code}"
    reason = f"the build ended with exit code {code}"
    for line in _lines(log):
        if line.startswith(_ERROR):
            return line.removeprefix(_ERROR)
        if line and not line.startswith("[notice]"):  # pip reports that a newer pip exists
            reason = line
    return reason


def _lines(log: Path) -> Iterator[str]:
    """Yield the lines of a log, without colors; long lines are cut, because they may not fit in memory."""
    with log.open(encoding="utf-8", errors="replace") as file:
        at_start = True
        while piece := file.readline(_PIECE):
            if at_start:
                line = _COLOR.sub("", piece).strip()
                yield line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]} ..."
            at_start = piece.endswith("\n")
