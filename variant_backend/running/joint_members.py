"""Projects that are labels of one project: `run` warns before a command installs several of them.

They mostly have the same files. pip and uv install both without a word: the files of the later one replace
those of the other, and removing one of them removes the files of both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from threading import Lock

from ..errors import Problem, VariantError
from ..graphs.joint_conflicts import same_files
from ..project.overlay import OverlayEntry, members_of
from ..serving.asked_projects import AskedProject
from ..serving.environments import Environments
from ..serving.running_offer import RunningOffer
from ..variants.filename import normalize
from .command import ToolCommand
from .destination import environments_of
from .named_packages import named_requirements
from .stale_wheels import StaleWheel
from .started_commands import started_commands
from .started_tool import StartedTool

_REQUESTED = "the command requests several projects"


class MemberWatch:
    """Warns once of each project of which a command requests several labels.

    *installed* are the names of what is and stays installed. Several threads may use it.
    """

    def __init__(
        self, overlay: Iterable[OverlayEntry], installed: Iterable[str], warn: Callable[[Problem], object]
    ) -> None:
        self._waiting = [entry for entry in overlay if len(entry.projects) > 1]
        self._installed = {*installed}
        self._warn = warn
        self._lock = Lock()

    def __call__(self, asked: Mapping[str, AskedProject]) -> None:
        """Compare what installers have asked for."""
        if not self._waiting:
            return
        offered = {name for name, project in asked.items() if project.offer and project.offer.files}
        with self._lock:
            for entry in [*self._waiting]:
                names = dict.fromkeys(offered | self._installed, ())
                if offered.isdisjoint(members_of([entry])):
                    continue
                for problem in same_files(entry, names):
                    self._waiting.remove(entry)
                    self._warn(problem._replace(code="warning", place=_REQUESTED))


def member_watch(tool: StartedTool, offer: RunningOffer, warn: Callable[[Problem], object]) -> MemberWatch:
    """Return what warns while a command runs."""
    return MemberWatch(offer.sources.overlay, _staying_names(tool), warn)


def _staying_names(tool: StartedTool) -> Collection[str]:
    """Return the names of what is installed, and is not removed by the command."""
    removes = "sync" in tool.command.words[:2] or tool.command.tool == "pip-tools"
    return () if removes else tool.before.installed.keys()


def installed_members(
    tool: StartedTool, offer: RunningOffer, graph: Collection[str] = ()
) -> Iterator[Problem]:
    """Yield a warning for each installed project that has the files of one that a command installs.

    *graph* are the names of the packages that the command installs, as far as they are known.
    """
    overlay = [entry for entry in offer.sources.overlay if entry.projects]
    staying = _staying_names(tool)
    if not overlay or not staying:
        return
    names = {*graph, *_named(tool)}
    environments = environments_of(tool.before.environment)
    for entry in overlay:
        wanted = {*_wanted(entry, names, offer, environments)}
        for member in members_of([entry]):
            if wanted and member in staying and member not in wanted:
                text = f"it is installed, and may have the same files as {' and '.join(sorted(wanted))}"
                remedy = f"start {_uninstall(tool.command, [member])} first"
                yield Problem("warning", str(tool.before.installed[member]), text, remedy)


def stale_problem(stale: StaleWheel, command: ToolCommand) -> Problem:
    """Return the problem of a stale wheel; the project that it requires is to be uninstalled first."""
    problem, release = stale.problem(command), stale.choice.release
    required = release.member_of(next(iter(stale.choice.labels), None))
    members = {member for label in stale.labels if (member := release.member_of(label))}
    if not required or not (old := sorted(members - {required})):
        return problem
    return problem._replace(remedy=f"start {_uninstall(command, old)}, and then {problem.remedy}")


def _uninstall(command: ToolCommand, names: Iterable[str]) -> str:
    pip = "uv pip" if command.tool == "uv" else "pip"
    return f"`{pip} uninstall {' '.join(names)}` for this environment"


def _named(tool: StartedTool) -> Iterator[str]:
    """Yield the normalized names of the packages that a command names."""
    for command in started_commands(tool.command):
        with suppress(VariantError):  # the command itself reports a missing file
            for requirement in named_requirements(command, tool.environ, tool.folder):
                yield normalize(requirement.name)


def _wanted(
    entry: OverlayEntry, names: Collection[str], offer: RunningOffer, environments: Environments
) -> Iterator[str]:
    """Yield the projects whose files some packages install: members, or a project with own wheels."""
    yield from (member for member in members_of([entry]) if member in names)
    for name in entry.names:
        if name in names:
            with suppress(VariantError):
                project = offer.site.project(offer.place.profile, name, environments).offer
                fitting = (choice for choice in project.choices if choice.labels)
                for choice in [*fitting][:1]:
                    yield choice.release.member_of(choice.labels[0]) or name
