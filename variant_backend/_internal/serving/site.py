"""The offer of an upstream to several machines: requests come in, answers go out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from ..errors import Problem, VariantError, one_of
from ..formats.release import File
from ..formats.simple_api import of_content
from ..lowlevel.http import NOT_FOUND
from ..lowlevel.urls import ascii_url
from ..machine.support import Machine, Policy
from ..variants.filename import check_project_name, normalize
from .asked_projects import AskedProject, AskedProjects
from .environments import Environments, environments_named, environments_of_agent, unknown_environments
from .offer import UpstreamProject, files_offered_as, offer
from .page import Prepared
from .prepare import ensure_rewritten, prepared_file, prepared_project
from .rendered import RenderedPages, RenderedProject
from .respond import (
    ClientRequest,
    FilePath,
    HealthPath,
    OtherPath,
    PersonPath,
    ProjectPath,
    ProjectsPath,
    ServerAnswer,
    content_response,
    error_response,
    has_token,
    html_response,
    page_response,
    redirect_response,
    route,
)
from .streaming import Delivery
from .trial_files import trial_project, trial_wheel
from .upstream import Upstream

_METADATA = ".metadata"


class Served(NamedTuple):
    """A machine of a site: its name in URLs, its facts, and the policy for it.

    *trial_of* is the name of the same machine without trial files, if this one is for dry runs.
    """

    name: str
    machine: Machine
    policy: Policy
    trial_of: str = ""


class Site:
    """The offer of an *upstream*. *token* is the password of each request, None if there is none.

    *streams*: no file is a redirect to the upstream. *report* gets the problems of projects. *remembers*:
    `asked` knows what installers asked for.
    """

    def __init__(
        self,
        upstream: Upstream,
        machines: Mapping[str, Served],
        *,
        token: str | None = None,
        streams: bool = False,
        report: Callable[[Problem], object] = lambda _: None,
        remembers: bool = True,
    ) -> None:
        self._report = report
        self.upstream = upstream
        self._machines = machines
        self._token = token
        self._streams = streams
        self._pages = RenderedPages()
        self.asked_projects: AskedProjects = AskedProjects(remembers=remembers)

    def add(self, served: Served) -> None:
        """Serve another machine, too; the same one may be added again."""
        if served.name not in self._machines:
            self._machines = {**self._machines, served.name: served}

    def asked(self, machine: str) -> Mapping[str, AskedProject]:
        """Return what installers of a machine asked for, by normalized names of projects."""
        return self.asked_projects.of(machine)

    def _asked_project(self, machine: str, name: str) -> AskedProject:
        """Return where to note what an installer asks for; a dry run asks for the same projects."""
        machine = self._machines[machine].trial_of or machine
        return self.asked_projects.project(machine, name)

    def respond(self, request: ClientRequest) -> ServerAnswer:
        """Return the answer to a request."""
        if request.method not in ("GET", "HEAD"):
            return error_response(405, "only GET and HEAD are supported")
        place = route(request.path)
        if isinstance(place, HealthPath):
            return content_response(request, b"ok\n", {"Content-Type": "text/plain; charset=utf-8"})
        if self._token is not None and not has_token(request, self._token):
            return error_response(401, "the password must be the token of this server")
        try:
            return self._answer(request, place)
        except VariantError as error:
            is_unknown = all(problem.code == NOT_FOUND for problem in error.problems)
            for problem in () if is_unknown else error.problems:
                self._report(problem)
            if not is_unknown and isinstance(place, ProjectPath | FilePath):
                self._asked_project(place.machine, normalize(place.project)).failures = error.problems
            return error_response(404 if is_unknown else 502, "\n".join(error.lines()))

    def _answer(self, request: ClientRequest, place: object) -> ServerAnswer:
        if isinstance(place, OtherPath) and place.location:
            return redirect_response(301, place.location)
        if isinstance(place, ProjectPath):
            return self._page(request, place)
        if isinstance(place, FilePath):
            return self._file(request, place)
        if isinstance(place, ProjectsPath):
            return self._projects(request, place)
        if isinstance(place, PersonPath):
            return html_response(request, *self._page_for_people(place.project))
        return error_response(404, "not found")

    def served(self, name: str) -> Served:
        """Return a machine by its name; raises VariantError with the code NOT_FOUND."""
        if name not in self._machines:
            text = f"unknown machine {name!r}; machines of this server: {one_of(self._machines)}"
            raise VariantError(text, code=NOT_FOUND)
        return self._machines[name]

    def _page(self, request: ClientRequest, place: ProjectPath) -> ServerAnswer:
        rendered = self.project(place.machine, place.project, _environments(request, place.environment))
        asked = self._asked_project(place.machine, rendered.offer.name)
        asked.offer, asked.problems, asked.failures = rendered.offer, rendered.ready.problems, ()
        self.asked_projects.report(place.machine)
        return page_response(request, partial(rendered.page, depth=1 if place.environment else 0))

    def project(self, machine: str, project: str, environments: Environments) -> RenderedProject:
        """Return what a machine sees of a project, without counting it as requested.

        Raises VariantError if the upstream lacks the project, or fails, or if the name is invalid.
        """
        served = self.served(machine)
        check_project_name(project)
        read = self.upstream.project(project)
        return self._pages.get(
            read, served.name, environments.key, lambda: self._rendered(read, served, environments)
        )

    def _rendered(
        self, project: UpstreamProject, served: Served, environments: Environments
    ) -> RenderedProject:
        offered = offer(project, served.machine, served.policy, environments)
        ready = prepared_project(offered, self.upstream, streams=self._streams)
        ready = trial_project(ready) if served.trial_of else ready
        for problem in ready.problems:
            self._report(problem)
        return RenderedProject(offered, ready)

    def _projects(self, request: ClientRequest, place: ProjectsPath) -> ServerAnswer:
        """Return the list of all projects."""
        self.served(place.machine)
        _environments(request, place.environment)
        return page_response(request, partial(self._pages.projects, self.upstream.projects()))

    def _page_for_people(self, name: str) -> tuple[int, bytes]:
        """Return the status and the content of a page for people."""
        from .people import MachineOffer, machines_page, offered_project_page, unknown_project_page

        if not name:
            return 200, machines_page((name, served.machine) for name, served in self._machines.items())
        try:
            project = self.upstream.project(name)
        except VariantError as error:
            if any(problem.code != NOT_FOUND for problem in error.problems):
                raise
            return 404, unknown_project_page(name, error.problems)
        environments = unknown_environments()
        offers = [
            MachineOffer.of(
                served.name,
                offer(project, served.machine, served.policy, environments),
                self._pages.problems(served.name, project.name),
            )
            for served in self._machines.values()
        ]
        return 200, offered_project_page(project.name, offers)

    def _file(self, request: ClientRequest, place: FilePath) -> ServerAnswer:
        """Return the answer to a request for a file."""
        served = self.served(place.machine)
        filename = place.filename.removesuffix(_METADATA)
        is_metadata = filename != place.filename
        ready = self._pages.file(served.name, normalize(place.project), place.key, filename)
        ready = ready or _ready_file(place, served, self.upstream, filename, streams=self._streams)
        if is_metadata:
            return _metadata(request, place, ready, self.upstream)
        if served.trial_of and (answer := _trial(ready, self.upstream)):
            return answer
        self._asked_project(served.name, normalize(place.project)).requested[filename] = ready.offered
        return _content(ready, self.upstream, streams=self._streams)


def _trial(ready: Prepared, upstream: Upstream) -> ServerAnswer | None:
    """Return a wheel for a dry run, which no installer may keep; None for another file."""
    if not ready.file.filename.endswith(".whl"):
        return None
    content = trial_wheel(ready, ready.core_metadata or upstream.metadata_of(ready.offered.file))
    if content is None:
        return None
    headers = {"Content-Type": "application/octet-stream", "Cache-Control": "no-store"}
    return ServerAnswer(200, {**headers, "Content-Length": str(len(content))}, content)


def _content(ready: Prepared, upstream: Upstream, *, streams: bool) -> ServerAnswer:
    """Return a file, or where the upstream has it."""
    url = ready.file.url
    if url is not None and not Delivery(streams=streams).is_streamed(ready.file):
        return redirect_response(302, ascii_url(url))
    ensure_rewritten(ready, upstream)
    return ServerAnswer(200, _headers_of(ready.file), file=ready.file)


def _environments(request: ClientRequest, named: str) -> Environments:
    """Return the environments of a request, or those that its path names; raises VariantError."""
    if not named:
        return environments_of_agent(request.headers.get("user-agent", ""))
    try:
        return environments_named(named)
    except VariantError as error:
        problems = (problem._replace(code=NOT_FOUND) for problem in error.problems)
        raise VariantError(*problems) from None


def _ready_file(
    place: FilePath, served: Served, upstream: Upstream, filename: str, *, streams: bool
) -> Prepared:
    """Return a file of a page that another process has served, or of a project that has changed."""
    for offered in files_offered_as(filename, upstream.project(place.project), served.machine, served.policy):
        ready = prepared_file(offered, upstream, streams=streams)
        if ready.key == place.key:
            return ready
    raise VariantError(f"{place.project} has no file {filename} with this hash", code=NOT_FOUND)


def _metadata(request: ClientRequest, place: FilePath, ready: Prepared, upstream: Upstream) -> ServerAnswer:
    """Return the metadata file beside a wheel."""
    content = ready.core_metadata or upstream.metadata_of(ready.offered.file)
    if [*of_content("", ready.file.core_metadata or {}, content)]:
        upstream.forget(place.project)
        raise VariantError("METADATA has changed", place=ready.file.filename, remedy="try again")
    return content_response(request, content, {"Content-Type": "text/plain; charset=utf-8"})


def _headers_of(file: File) -> Mapping[str, str]:
    size = {} if file.size is None else {"Content-Length": str(file.size)}
    return {"Content-Type": "application/octet-stream", **size}
