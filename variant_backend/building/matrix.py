"""Build all wheels of a release: one sdist, and every wheel from a fresh copy of the sdist's content.

Two wheels never share a source tree, because object files of one variant would end up in the next wheel.
`_build_one` builds each wheel in a process of its own. The output of the process is the log, and the process
can be ended at once, with all its children.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from ..errors import UnknownNameError, VariantError
from ..lowlevel.processes import GROUP, end_group, temporary_folder
from ..lowlevel.terminal import print_detail
from ..lowlevel.workspace import workspace
from ..project.config_settings import AUTO
from ..project.pyproject import Project, build_system_problems
from ..project.user_variables import LABEL
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from ..variants.wheel_metadata import remarks_on
from ..wheels.reading import WheelFile
from .plan import unknown_properties

Distribution = Literal["sdist", "wheel"]
Installer = Literal["pip", "uv"]
ShowState: TypeAlias = Callable[[int, Sequence[str]], object]

_PROGRAM = Path(__file__).with_name("_build_one.py")

# Hidden, so that `twine upload dist/*` skips it.
_LOG_FOLDER = ".logs"
_ERROR = "variant-backend: error: "
_COLOR = re.compile(r"\x1b\[[0-9;]*m")

# The name of the plain wheel in messages.
_PLAIN = "plain"

# Seconds between two checks of the processes.
_TICK = 0.05


class Matrix(NamedTuple):
    """The builds of the project in the folder *source*: the wheels of *labels*, and the *plain* release.

    *remarks* are warnings about the wheels for the maintainer.
    """

    source: Path
    labels: tuple[str, ...]
    plain: bool
    remarks: tuple[str, ...]

    @classmethod
    def load(cls, source: Path, labels: Sequence[str] = (), *, plain: bool = False) -> Matrix:
        """Read the project file. Without *labels* and *plain*, everything is built.

        Raises VariantError if a label is unknown, or if the project is not set up for variants.
        """
        if source.is_file():
            hint = "give the project's folder or its pyproject.toml as PATH"
            raise VariantError("expected a folder, got a file", place=source, hint=hint)
        path = source / "pyproject.toml"
        if not path.exists():
            raise VariantError("file not found", place=path, hint="give the project's folder as PATH")
        project = Project.load(path)
        metadata = project.metadata
        if not labels and not plain:
            if metadata is None and not project.recipes:
                raise VariantError(
                    f"{path}: missing table [variant], so no label is defined",
                    hint="define the variants in this table, or use --plain to build the plain release",
                )
            defined = metadata.variants if metadata else ()
            labels, plain = [*dict.fromkeys([*defined, *project.recipes])], True  # null needs a recipe only
        known = metadata or VariantMetadata((), {}, {})
        if _PLAIN in labels and _PLAIN not in known.variants:
            hint = "use --plain to build the plain release"
            raise UnknownNameError(f"unknown label {_PLAIN!r}", hint=hint)
        variants = {label: known.variant(label) for label in labels}
        problems = build_system_problems(path) if variants else []
        if fatal := [problem for problem in problems if not problem.place.endswith("requires")]:
            raise VariantError(*fatal).within(path)
        requested = known._replace(variants=variants)
        remarks = [str(problem.within(path)) for problem in problems]
        remarks += [*remarks_on(requested), *unknown_properties(requested)]
        for variant in variants.values():
            remarks += project.recipe(variant.label).remarks()
            try:
                project.recipe(variant.label).requirements([], variant)
            except VariantError as error:  # reported before any build starts
                raise error.within(f"{path}: tool.variant-backend") from None
        return cls(source, tuple(variants), plain, tuple(dict.fromkeys(remarks)))


class Built(NamedTuple):
    """The result of building the sdist or a wheel; *label* is None for the sdist and the plain wheel.

    Either *path* is the location of the file, or *error* is one line that says why it was not built.
    *log* has the whole output of the build. *seconds* is the time that the build took.
    """

    distribution: Distribution
    label: str | None
    seconds: float
    path: Path | None
    log: Path
    error: str | None

    @property
    def name(self) -> str:
        """The name in messages: the label, ``plain`` or ``sdist``."""
        return _name(self.distribution, self.label)


def _name(distribution: Distribution, label: str | None) -> str:
    return label or ("sdist" if distribution == "sdist" else _PLAIN)


def build_matrix(
    matrix: Matrix, output: Path, *, jobs: int, installer: Installer | None, show: ShowState
) -> list[Built]:
    """Build the sdist and then the wheels, *jobs* at a time. Each finished file is moved to *output* at once.

    If *installer* is None, builds run in the environment of this Python. *show* is called repeatedly with the
    number of finished builds and the names of the running ones. Returns the results in the requested order;
    if the sdist fails, only its result is returned and no wheel is built.
    Raises VariantError if *output* cannot be written.
    """
    with temporary_folder() as temporary:
        # Backends pack every file in the source tree, so no file is written there before the sdist is built.
        log = temporary / "sdist.log"
        logs = output / _LOG_FOLDER
        final = logs / log.name
        order = _Order("sdist", None, matrix.source, temporary, log, final, temporary, temporary, installer)
        [sdist] = _run([order], 1, show)
        with workspace(output) as private:
            logs.mkdir(exist_ok=True)
            shutil.copy(log, final)
            labels = [*matrix.labels, *([None] if matrix.plain else [])]
            log_of = {label: logs / f"{_log_name('wheel', label)}.log" for label in labels}
            for path in log_of.values():
                path.unlink(missing_ok=True)
            source = sdist.path
            if source is None:
                return [sdist]
            if matrix.plain:
                shutil.copy(source, private)
                sdist = sdist._replace(path=(private / source.name).replace(output / source.name))
            orders = [
                _Order("wheel", label, source, output, path, path, private, temporary, installer)
                for label, path in log_of.items()
            ]
            wheels = _run(orders, jobs, lambda done, names: show(done + 1, names))
            return [sdist, *wheels] if matrix.plain else wheels


def _log_name(distribution: Distribution, label: str | None) -> str:
    """Return a name that is unique among the builds: labels never contain ``-``."""
    return f"{label}-variant" if label in ("sdist", _PLAIN) else _name(distribution, label)


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


def _run(orders: Sequence[_Order], jobs: int, show: ShowState) -> list[Built]:
    """Build the *orders*, *jobs* at a time. When this function ends, even by an error, no process runs on."""
    built: dict[_Order, Built] = {}
    waiting = deque(orders)
    running: list[_Process] = []
    try:
        while len(built) < len(orders):
            while waiting and len(running) < jobs:
                running.append(_Process(waiting.popleft()))
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
    """A running build, in a process of its own."""

    def __init__(self, order: _Order) -> None:
        self.order = order
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
            "installer": order.installer,
            "output": str(folder / "built"),
            "result": str(self._result),
        }
        temporary = tempfile.mkdtemp(dir=order.temporary)
        environment = {
            **{
                name: value for name, value in os.environ.items() if name != LABEL
            },  # also for the plain wheel
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary),
            "PYTHONUNBUFFERED": "1",  # the log gets each line at once, with stdout and stderr in order
            "PYTHONIOENCODING": "utf-8:backslashreplace",
        }
        name = {"sdist": "sdist", "wheel": f"wheel {order.label}" if order.label else "plain wheel"}
        print_detail(f"build {name[order.distribution]}; log: {order.final_log}")
        with order.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(_PROGRAM), json.dumps(request)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **GROUP,
            )

    def has_ended(self) -> bool:
        """Return whether the process has ended."""
        return self._process.poll() is not None

    def end(self) -> None:
        """End the process and all its children."""
        end_group(self._process)

    def built(self) -> Built:
        """Move the built file to its target, and return the result."""
        order = self.order
        path = error = None
        try:
            if self._process.returncode:
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
        return path.replace(self.order.target / path.name)


def _check_label(filename: WheelFilename, label: str | None) -> None:
    """Check that a wheel has the requested label. Raises VariantError."""
    if filename.label == label:
        return
    if filename.label is None:
        text = f"{filename}: expected label {label!r}, got none"
        raise VariantError(text, hint="set build-system.build-backend to 'variant_backend.hooks'")
    expected = f"label {label!r}" if label else "no label"
    raise VariantError(f"{filename}: expected {expected}, got {filename.label!r}")


def _reason(log: Path, code: int) -> str:
    """Return the reason of a failed build: the first error of variant-backend, or else the last line."""
    if code < 0:
        return f"the build was ended by signal {-code}"
    reason = f"the build ended with exit code {code}"
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in (_COLOR.sub("", line).strip() for line in lines):
            if line.startswith(_ERROR):
                return line.removeprefix(_ERROR)
            if line and not line.startswith("[notice]"):  # pip reports that a newer pip exists
                reason = line
    return reason
