"""The pages of projects as bytes: each is rendered once for a machine, its environments and a media type."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..errors import Problem
from ..formats.simple_api import JSON_TYPE, projects_to_html, projects_to_json, to_html, to_json
from .offer import Offer, UpstreamProject
from .page import Prepared, PreparedProject, simple_page
from .recent import RecentlyUsed, SharedWork
from .respond import TaggedContent

# Files on all pages that are kept in memory, each of about 2 kB.
_MOST_FILES = 100_000
# URLs and installers can name many environments.
_MOST_ENVIRONMENTS = 32


class RenderedProject:
    """A project for one machine and some environments, with its pages."""

    def __init__(self, offer: Offer, ready: PreparedProject) -> None:
        self.offer = offer
        self.ready = ready
        self._files = {(file.key, file.file.filename): file for file in ready.files}
        self._pages: dict[tuple[bool, int], TaggedContent] = {}

    def page(self, kind: str, depth: int) -> TaggedContent:
        """Return the page in a media type; *depth* is 1 if its path names an environment."""
        is_json = kind == JSON_TYPE
        known = self._pages.get((is_json, depth))
        if known is None:
            page = simple_page(self.ready, depth=depth)
            known = self._pages[is_json, depth] = TaggedContent.of(
                to_json(page, compact=True) if is_json else to_html(page)
            )
        return known

    def file(self, key: str, filename: str) -> Prepared | None:
        """Return a file by the parts of its URL, None if the page does not have it."""
        return self._files.get((key, filename))


class _MachinePages:
    """What is rendered of one content of a project for a machine, by the keys of environments."""

    def __init__(self, project: UpstreamProject) -> None:
        self.project = project
        self.rendered: Mapping[str, RenderedProject] = {}

    def add(self, key: str, rendered: RenderedProject) -> None:
        """Add the pages for some environments."""
        kept = {**self.rendered, key: rendered}
        while len(kept) > 1 and (len(kept) > _MOST_ENVIRONMENTS or _number_of_files(kept) > _MOST_FILES):
            del kept[next(iter(kept))]
        self.rendered = kept

    @property
    def weight(self) -> int:
        """The number of files on all pages."""
        return 1 + _number_of_files(self.rendered)


def _number_of_files(pages: Mapping[str, RenderedProject]) -> int:
    return sum(len(rendered.ready.files) for rendered in pages.values())


class RenderedPages:
    """The pages that were used recently. Several threads may use it."""

    def __init__(self) -> None:
        self._pages: RecentlyUsed[tuple[str, str], _MachinePages] = RecentlyUsed(_MOST_FILES)
        self._work: SharedWork[tuple[str, str, str, int], RenderedProject] = SharedWork()
        self._names: tuple[str, ...] = ()
        self._lists: Mapping[bool, TaggedContent] = {}

    def get(
        self, project: UpstreamProject, machine: str, environments: str, make: Callable[[], RenderedProject]
    ) -> RenderedProject:
        """Return a project for the name of a machine and the key of environments, by *make* if it is new."""
        pages = self._of(project, machine)
        if known := pages.rendered.get(environments):
            return known
        rendered = self._work.result((machine, project.name, environments, id(project)), make)
        pages = self._of(project, machine)
        pages.add(environments, rendered)
        self._pages.put((machine, project.name), pages, pages.weight)
        return rendered

    def projects(self, names: tuple[str, ...], kind: str) -> TaggedContent:
        """Return the list of all projects in a media type."""
        is_json = kind == JSON_TYPE
        if self._names is not names:
            self._names, self._lists = names, {}
        if is_json not in self._lists:
            content = projects_to_json(names) if is_json else projects_to_html(names)
            self._lists = {**self._lists, is_json: TaggedContent.of(content)}
        return self._lists[is_json]

    def _of(self, project: UpstreamProject, machine: str) -> _MachinePages:
        pages = self._pages.find((machine, project.name))
        return pages if pages and pages.project is project else _MachinePages(project)

    def problems(self, machine: str, project: str) -> list[Problem]:
        """Return the problems of the pages in memory, also of files that could not be prepared."""
        pages = self._pages.find((machine, project))
        rendered = pages.rendered.values() if pages else ()
        return [*dict.fromkeys(problem for one in rendered for problem in one.ready.problems)]

    def file(self, machine: str, project: str, key: str, filename: str) -> Prepared | None:
        """Return a file of a page by the parts of its URL, None if no page in memory has it."""
        pages = self._pages.find((machine, project))
        files = (rendered.file(key, filename) for rendered in pages.rendered.values()) if pages else ()
        return next(filter(None, files), None)
