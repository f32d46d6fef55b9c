"""Wheels that exist become variants of themselves: what each of them becomes, and several at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..errors import VariantError
from ..lowlevel.ranges import Advance
from ..project.recipe import Recipe, label_for
from ..wheel_rewrite import Outcome, Plan, make_variant, renamed
from ..wheels.reading import WheelFile, wheel_files
from ..wheels.writing import check_targets
from .plan import Draft, Request

if TYPE_CHECKING:
    from ..project.pyproject import Project

_REMEDY = "give --property, --null or --label, or a project file with a match"


class RequestError(VariantError):
    """A request that contradicts the project file, or that is missing."""


class Conversion(NamedTuple):
    """A wheel that is to be converted, and what it becomes."""

    wheel: WheelFile
    plan: Plan

    def target(self, out_dir: Path | None) -> Path:
        """Return the path of the variant: in a folder, or beside the wheel."""
        return (out_dir or self.wheel.path.parent) / str(renamed(self.wheel.name, self.plan))


# Instead of a conversion, there is the reason why there is none; or None for a wheel that no match picks.
Planned: TypeAlias = Conversion | VariantError | None
Result: TypeAlias = Outcome | VariantError | None


def plan_conversions(
    paths: Sequence[Path],
    request: Request,
    project_file: Path | None,
    *,
    moment: int | None,
    warn: Callable[[str], object],
) -> list[Planned]:
    """Plan what wheels become: what is asked for, else what is in them, else what the matches say.

    Without a *project_file*, that of this folder counts, if there is one. *moment* is as in `Plan`. *tell* is
    given what a maintainer should be told, ready to print. Raises VariantError; that is a RequestError if
    other options are needed.
    """
    wheels = wheel_files(paths)
    planner = _Planner(request, moment, warn)
    if request.has_variant():
        plan = planner.plan_request(_load_project(project_file))
        planned = [_planned(wheel, lambda _: plan) for wheel in wheels]
    else:
        planned = [_planned(wheel, planner.plan_inside) for wheel in wheels]
    if None in planned:
        by_match = planner.by_match(_load_project(project_file))
        if by_match is None and not any(planned):
            raise RequestError(f"Nothing says which variant {paths[0].name} is: {_REMEDY}.")
        planned = [
            _planned(wheel, by_match or _refuse) if item is None else item
            for wheel, item in zip(wheels, planned, strict=True)
        ]
    remarks = [remark for conversion in _conversions(planned) for remark in conversion.plan.remarks()]
    for remark in dict.fromkeys(remarks):
        warn(remark)
    return planned


def convert(
    planned: Iterable[Planned],
    out_dir: Path | None,
    *,
    force: bool = False,
    dry_run: bool = False,
    jobs: int = 1,
    advance: Advance = lambda _: None,
) -> Iterator[Result]:
    """Convert wheels, several at a time, each beside itself unless there is a folder *out_dir*.

    What became of each is returned in their order; without a conversion, that is what stands in its place.
    *force*, *dry_run* and *advance* are as in `make_variant`. Raises VariantError before anything is written
    if two wheels would become one file.
    """
    planned = list(planned)
    check_targets((item.wheel.path, item.target(out_dir)) for item in _conversions(planned))

    def convert_one(item: Planned) -> Result:
        if not isinstance(item, Conversion):
            return item
        wheel, plan = item
        folder = out_dir or wheel.path.parent
        try:
            return make_variant(wheel, plan, folder, force=force, dry_run=dry_run, advance=advance)
        except VariantError as error:
            return error

    return _map(convert_one, planned, jobs)


def _conversions(planned: Iterable[Planned]) -> list[Conversion]:
    return [item for item in planned if isinstance(item, Conversion)]


def _map(convert_one: Callable[[Planned], Result], planned: Iterable[Planned], jobs: int) -> Iterator[Result]:
    """Convert wheels, several at a time, and yield the results in order."""
    if jobs == 1:
        yield from map(convert_one, planned)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(jobs) as executor:
        try:
            yield from executor.map(convert_one, planned)
        finally:
            executor.shutdown(cancel_futures=True)  # what has not started, when the run is interrupted


def _planned(wheel: WheelFile | VariantError, plan_of: Callable[[WheelFile], Plan | None]) -> Planned:
    """Return the conversion of a wheel, or what is wrong with it alone."""
    if isinstance(wheel, VariantError):
        return wheel
    try:
        plan = plan_of(wheel)
    except VariantError as error:
        return error
    return Conversion(wheel, plan) if plan else None


def _refuse(wheel: WheelFile) -> Plan | None:
    raise VariantError("nothing says which variant this is", place=wheel.path.name, hint=_REMEDY)


class _Planner:
    """Plans what wheels become by a request, by what is in them, and by the matches of a project file."""

    def __init__(self, request: Request, moment: int | None, warn: Callable[[str], object]) -> None:
        self._request = request
        self._moment = moment
        self._warn = warn

    def plan_request(self, project: Project | None) -> Plan:
        """Return what every wheel becomes, as it is asked for; raises VariantError."""
        request, table = self._request, project.metadata if project else None
        if table is not None and request.providers:
            raise RequestError(
                "--provider, --plugin-api and --static go without a project file; it has [variant.providers]."
            )
        if table is None and request.needs_table():
            raise VariantError(
                f"label {request.label!r} is not defined, as there is no project file with a [variant] table",
                hint="give --pyproject, or properties with --property",
            )
        draft = Draft.of(request, project)
        if table is None and not request.properties and not request.providers:
            self._warn(
                f"no namespace is given, so {draft.metadata.namespaces[0]!r} is declared; name those of"
                " the release with --pyproject, --provider or --static"
            )
        return self._plan(draft)

    def plan_inside(self, wheel: WheelFile) -> Plan | None:
        """Return what a wheel becomes that carries a variant.json, or None for one that does not.

        Its recipe was followed when it was made, so its requirements stay.
        """
        with wheel.open() as opened:
            if not opened.is_variant():
                return None
            recipe = self._request.overridden(Recipe(keep_markers=True))
            return Plan(opened.variant_metadata(), recipe, moment=self._moment)

    def by_match(self, project: Project | None) -> Callable[[WheelFile], Plan | None] | None:
        """Return what plans by the matches of a project file, or None if it has none."""
        if project is None or project.metadata is None:
            return None
        recipes = project.recipes
        if not any(recipe.match for recipe in recipes.values()):
            return None
        plan_label = functools.cache(
            lambda label: self._plan(Draft.of(self._request._replace(label=label), project))
        )

        def plan(wheel: WheelFile) -> Plan | None:
            label = label_for(recipes, wheel.name)
            return plan_label(label) if label else None

        return plan

    def _plan(self, draft: Draft) -> Plan:
        plan = draft.plan({}, moment=self._moment)
        if text := draft.left_out(plan):
            self._warn(f"{text}; its plugin is asked in builds only")
        return plan


def _load_project(path: Path | None) -> Project | None:
    """Return what the project file says that was named, or the one in this folder, if there is one."""
    if path is None and not Path("pyproject.toml").exists():
        return None
    # Reading TOML takes long to import, and mostly there is none to read.
    from ..project.pyproject import PROJECT_FILE, Project

    project = Project.load(path or PROJECT_FILE)
    if project.metadata is None and path is not None:
        raise VariantError("no [variant] table", place=path, hint="name the project file that has it")
    return project
