"""Wheels that exist become variants of themselves: what each of them becomes, and several at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from ..errors import VariantError
from ..lowlevel.ranges import Advance
from ..project.recipe import Recipe, label_for
from ..wheel_rewrite import Outcome, Plan, make_variant, renamed
from ..wheels.reading import WheelFile, wheel_files
from ..wheels.writing import check_targets
from .plan import PROJECT_FILE, Draft, Request

if TYPE_CHECKING:
    from ..project.pyproject import Project

_AS_IT_IS = Recipe(keep_markers=True)
_REMEDY = "give --property, --null or --label, or a project file with a match"


class RequestError(VariantError):
    """A request that contradicts the project file, or that is missing."""


class Overrides(NamedTuple):
    """What replaces parts of a plan: the project's name, whether the local version goes, and the moment."""

    name: str | None = None
    strip_local_version: bool = False
    moment: int | None = None

    def applied(self, plan: Plan) -> Plan:
        """Return a plan with these parts in place of its own."""
        recipe = plan.recipe
        if self.name is not None:
            recipe = recipe._replace(name=self.name)
        if self.strip_local_version:
            recipe = recipe._replace(strip_local_version=True)
        return plan._replace(recipe=recipe, moment=self.moment)


class Conversion(NamedTuple):
    """A wheel that is to be converted, and what it becomes."""

    wheel: WheelFile
    plan: Plan

    def target(self, out_dir: Path | None) -> Path:
        """Return the path of the variant: in a folder, or beside the wheel."""
        return (out_dir or self.wheel.path.parent) / str(renamed(self.wheel.name, self.plan))


# Instead of a conversion, there is the reason why there is none; or None for a wheel that no match picks.
Planned: TypeAlias = Conversion | VariantError | None
Tell: TypeAlias = Callable[[str], object]
_Planner: TypeAlias = Callable[[WheelFile], Plan | None]
_T = TypeVar("_T")
_R = TypeVar("_R")


def plan_conversions(
    paths: Sequence[Path],
    request: Request | None,
    project_file: Path | None,
    overrides: Overrides,
    tell: Tell,
) -> list[Planned]:
    """Plan what wheels become: what is asked for, else what is in them, else what the matches say.

    Without a *project_file*, that of this folder counts, if there is one. *tell* is given what a maintainer
    should be told, ready to print. Raises VariantError; that is a RequestError if options are to be changed.
    """
    wheels = wheel_files(paths)
    if request is None:
        planned = _plan_without_request(wheels, project_file, tell)
    else:
        plan = _plan_request(request, _load_project(project_file), tell)
        planned = [_planned(wheel, lambda _: plan) for wheel in wheels]
    planned = [
        Conversion(item.wheel, overrides.applied(item.plan)) if isinstance(item, Conversion) else item
        for item in planned
    ]
    remarks = [remark for conversion in _conversions(planned) for remark in conversion.plan.remarks()]
    for remark in dict.fromkeys(remarks):
        tell(remark)
    return planned


def convert(
    planned: Iterable[Planned],
    out_dir: Path | None,
    *,
    force: bool = False,
    dry_run: bool = False,
    jobs: int = 1,
    advance: Advance = lambda _: None,
) -> Iterator[Outcome | VariantError | None]:
    """Convert wheels, several at a time, each beside itself unless there is a folder *out_dir*.

    What became of each is returned in their order; without a conversion, that is what stands in its place.
    *force*, *dry_run* and *advance* are as in `make_variant`. Raises VariantError before anything is written
    if two wheels would become one file.
    """
    planned = list(planned)
    check_targets((item.wheel.path, item.target(out_dir)) for item in _conversions(planned))

    def converted(item: Planned) -> Outcome | VariantError | None:
        if not isinstance(item, Conversion):
            return item
        wheel, plan = item
        folder = out_dir or wheel.path.parent
        try:
            return make_variant(wheel, plan, folder, force=force, dry_run=dry_run, advance=advance)
        except VariantError as error:
            return error

    return _map(converted, planned, jobs)


def _conversions(planned: Iterable[Planned]) -> list[Conversion]:
    return [item for item in planned if isinstance(item, Conversion)]


def _map(function: Callable[[_T], _R], items: Iterable[_T], jobs: int) -> Iterator[_R]:
    """Call a function for each item, several at a time, and yield the results in order."""
    if jobs == 1:
        yield from map(function, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(jobs) as executor:
        try:
            yield from executor.map(function, items)
        finally:
            executor.shutdown(cancel_futures=True)  # what has not started, when the run is interrupted


def _planned(wheel: WheelFile | VariantError, planner: _Planner) -> Planned:
    """Return the conversion of a wheel, or what is wrong with it alone."""
    if isinstance(wheel, VariantError):
        return wheel
    try:
        plan = planner(wheel)
    except VariantError as error:
        return error
    return Conversion(wheel, plan) if plan else None


def _plan_request(request: Request, project: Project | None, tell: Tell) -> Plan:
    """Return what every wheel becomes, as it is asked for; raises VariantError."""
    table = project.metadata if project else None
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
        tell(
            f"hint: no namespace is given, so {draft.metadata.namespaces[0]!r} is declared; name those of the"
            " release with --pyproject, --provider or --static"
        )
    return _plan_draft(draft, tell)


def _plan_draft(draft: Draft, tell: Tell) -> Plan:
    plan = draft.plan()
    if lacking := draft.lacking(plan):
        tell(f"warning: {lacking}; its plugin is asked in builds only")
    return plan


def _plan_without_request(
    wheels: Sequence[WheelFile | VariantError], project_file: Path | None, tell: Tell
) -> list[Planned]:
    """Return what wheels become by what is in them, else by the matches that pick them.

    Raises RequestError when neither says that of any.
    """
    planned = [_planned(wheel, _plan_inside) for wheel in wheels]
    if None not in planned:
        return planned
    by_match = _plan_by_match(_load_project(project_file), tell)
    if by_match is None and not any(planned):
        first = next(wheel.path.name for wheel in wheels if isinstance(wheel, WheelFile))
        raise RequestError(f"Nothing says which variant {first} is: {_REMEDY}.")
    return [
        _planned(wheel, by_match or _refuse) if item is None else item
        for wheel, item in zip(wheels, planned, strict=True)
    ]


def _plan_inside(wheel: WheelFile) -> Plan | None:
    """Return what a wheel becomes that carries a variant.json, or None for one that does not."""
    with wheel.open() as opened:
        # Its recipe was followed when it was made; this finishes it, and decides nothing anew.
        return Plan(opened.variant_metadata(), _AS_IT_IS) if opened.is_variant() else None


def _plan_by_match(project: Project | None, tell: Tell) -> _Planner | None:
    """Return what plans by the matches of a project file, or None without any."""
    if project is None or project.metadata is None:
        return None
    if not any(recipe.match for recipe in project.recipes.values()):
        return None
    recipes = project.recipes
    by_label = functools.cache(lambda label: _plan_draft(Draft.of(Request(label), project), tell))

    def by_match(wheel: WheelFile) -> Plan | None:
        label = label_for(recipes, wheel.name)
        return by_label(label) if label else None

    return by_match


def _refuse(wheel: WheelFile) -> Plan | None:
    raise VariantError(f"{wheel.path.name}: nothing says which variant this is", hint=_REMEDY)


def _load_project(path: Path | None) -> Project | None:
    """Return what the project file says that was named, or the one in this folder, if there is one."""
    if path is None and not PROJECT_FILE.exists():
        return None
    # Reading TOML takes long to import, and mostly there is none to read.
    from ..project.pyproject import Project

    project = Project.load(path or PROJECT_FILE)
    if project.metadata is None and path is not None:
        raise VariantError(f"{path}: no [variant] table", hint="name the project file that has it")
    return project
