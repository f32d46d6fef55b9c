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
from .destination import environments_of
from .named_packages import started_requirements
from .started_commands import unwrapped
from .started_tool import StartedTool
from .tool_words import PIP, to_run, words_of_command

_REQUESTED = "the command requests several projects"


class MemberWatch:
    """Warns once of each project of which a command requests several labels, or one beside an installed one.

    *known* are the warnings of `installed_members`, which knows only packages that the command names. Several
    threads may use it.
    """

    def __init__(
        self,
        tool: StartedTool,
        overlay: Iterable[OverlayEntry],
        known: Iterable[Problem],
        warn: Callable[[Problem], object],
    ) -> None:
        self._waiting = [*overlay]
        self._tool = tool
        self._staying = _staying_names(tool)
        self._known = {problem.place for problem in known}
        self._warn = warn
        self._lock = Lock()

    def __call__(self, asked: Mapping[str, AskedProject]) -> None:
        """Compare what installers have asked for."""
        if not self._waiting:
            return
        offered = {name for name, project in asked.items() if project.offer and project.offer.files}
        with self._lock:
            for entry in [*self._waiting]:
                if problems := [*self._problems(entry, offered.difference(self._staying))]:
                    self._waiting.remove(entry)
                    for problem in problems:
                        self._warn(problem)

    def _problems(self, entry: OverlayEntry, new: Collection[str]) -> Iterator[Problem]:
        members = {*members_of([entry])}
        yield from _requested_together(entry, new)
        if wanted := members.intersection(new):
            for member in sorted(members.intersection(self._staying)):
                problem = _installed_beside(self._tool, member, wanted)
                if problem.place not in self._known:
                    yield problem


def member_watch(
    tool: StartedTool, offer: RunningOffer, known: Iterable[Problem], warn: Callable[[Problem], object]
) -> MemberWatch | None:
    """Return what warns while a command runs, None if no project has several labels that are projects."""
    overlay = [entry for entry in offer.sources.overlay if len(entry.projects) > 1]
    return MemberWatch(tool, overlay, known, warn) if overlay else None


def _requested_together(entry: OverlayEntry, names: Collection[str]) -> Iterator[Problem]:
    for problem in same_files(entry, dict.fromkeys(names, ())):
        yield problem._replace(code="warning", place=_REQUESTED)


def _installed_beside(tool: StartedTool, member: str, wanted: Collection[str]) -> Problem:
    """Return the problem that an installed project has the files of others that a command installs."""
    place = tool.before.environment
    words = words_of_command(unwrapped(tool.command), place, tool.environ) if place else PIP
    text = f"it is installed, and may have the same files as {' and '.join(sorted(wanted))}"
    remedy = f"{to_run([words.removal([member])])} first"
    return Problem("warning", str(tool.before.installed[member]), text, remedy)


def named_members(tool: StartedTool, offer: RunningOffer) -> Iterator[Problem]:
    """Yield a warning for each project of which a command names several labels, before it starts."""
    names, environments = _named(tool), environments_of(tool.before.environment)
    for entry in offer.sources.overlay:
        yield from _requested_together(entry, {*_wanted(entry, names, offer, environments)})


def _named(tool: StartedTool) -> set[str]:
    """Return the normalized names of the packages that a command names."""
    named = started_requirements(tool.command, tool.environ, tool.folder)
    return {normalize(requirement.name) for requirement in named}


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
    staying, place = _staying_names(tool), tool.before.environment
    if not overlay or not staying or place is None:
        return
    names = {*graph, *_named(tool)}
    environments = environments_of(place)
    for entry in overlay:
        wanted = {*_wanted(entry, names, offer, environments)}
        for member in members_of([entry]):
            if wanted and member in staying and member not in wanted:
                yield _installed_beside(tool, member, wanted)


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
