"""Conversion of existing wheels: plan the variant of each wheel, and write several at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..errors import Problem, RequestError, VariantError
from ..lowlevel.ranges import Advance
from ..lowlevel.shell_words import quoted
from ..project.recipe import Recipe, label_for
from ..variants.filename import WheelFilename
from ..variants.requirements import LocalPin
from ..wheel_rewrite import AnyPlan, Outcome, PlainPlan, Plan, renamed, write_variant
from ..wheels.reading import WheelFile, wheel_files
from ..wheels.writing import check_targets
from .plan import Draft, Request, plan_plain
from .unmatched import unmatched_globs, unmatched_removals

if TYPE_CHECKING:
    from ..project.pyproject import Project

_REMEDY = "use --property, --null or --label, or add a match to the project file"


class Conversion(NamedTuple):
    """A wheel to convert, and the plan of its variant or plain wheel."""

    wheel: WheelFile
    plan: AnyPlan

    def target(self, out_dir: Path | None) -> Path:
        """Return the path of the variant: in *out_dir*, or beside the wheel if that is None."""
        return (out_dir or self.wheel.path.parent) / str(renamed(self.wheel.name, self.plan))


# The conversion of a wheel, or the error that prevents it, or None if no match selects the wheel.
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
    """Plan the variant of each wheel.

    The variant is the requested one, or the one in the wheel's own variant.json, or the one whose match
    selects the wheel; a request may ask for a plain wheel instead. If *project_file* is None, the
    pyproject.toml of the current folder is used, if there is one. *moment* is as in `Plan`. *warn* gets
    warnings for the maintainer.
    Raises VariantError; RequestError if other options are required.
    """
    wheels = wheel_files(paths)
    planner = _Planner(request, moment)
    project = None
    if request.plain:
        plain = plan_plain(request, _load_project(project_file), moment=moment)
        planned = [_planned(wheel, lambda _: plain) for wheel in wheels]
    elif request.has_variant():
        project = _load_project(project_file)
        plan = planner.plan_request(project)
        planned = [_planned(wheel, lambda _: plan) for wheel in wheels]
    else:
        planned = [_planned(wheel, planner.plan_inside) for wheel in wheels]
    if None in planned:
        project = _load_project(project_file)
        planned = _completed(planned, paths, wheels, planner.by_match(project))
    conversions = _conversions(planned)
    remarks = [remark for conversion in conversions for remark in _remarks(conversion.plan)]
    unmatched = _unmatched(project, project_file, planned) if project else ()
    about_plans = planner.remarks if conversions else []
    for remark in dict.fromkeys([*about_plans, *remarks, *unmatched]):
        warn(remark)
    return planned


def _completed(
    planned: Sequence[Planned],
    paths: Sequence[Path],
    wheels: Sequence[WheelFile | VariantError],
    by_match: Callable[[WheelFile], Plan | None] | None,
) -> list[Planned]:
    """Plan the wheels that have no plan *by_match*, or refuse them without it; raises RequestError."""
    if by_match is None and not _conversions(planned):
        raise RequestError(_no_variant(paths[planned.index(None)].name))
    return [
        _planned(wheel, by_match or _refuse) if item is None else item
        for wheel, item in zip(wheels, planned, strict=True)
    ]


def _remarks(plan: AnyPlan) -> list[str]:
    return plan.remarks() if isinstance(plan, Plan) else []


def convert(
    planned: Iterable[Planned],
    out_dir: Path | None,
    *,
    force: bool = False,
    dry_run: bool = False,
    jobs: int = 1,
    advance: Advance = lambda _: None,
) -> Iterator[Result]:
    """Convert wheels, *jobs* at a time, into *out_dir*, or each beside itself if that is None.

    Yields the results in the order of the wheels; an item without a conversion is yielded as it is.
    *force*, *dry_run* and *advance* are as in `write_variant`. Raises VariantError before any file is written
    if two wheels would become one file.
    """
    planned = list(planned)
    stripped = [item.wheel.name for item in _conversions(planned) if item.plan.recipe.strip_local_version]
    removed = [name for name in stripped if name != name.public()]
    targets = ((item.wheel, item.target(out_dir)) for item in _conversions(planned))
    check_targets(targets, "give only the plain wheel")

    def convert_one(item: Planned) -> Result:
        if not isinstance(item, Conversion):
            return item
        wheel, plan = item
        folder = out_dir or wheel.path.parent
        try:
            outcome = write_variant(wheel, plan, folder, force=force, dry_run=dry_run, advance=advance)
            return _with_pins(outcome, plan, removed)
        except VariantError as error:
            return error.naming(quoted(wheel.path))

    return _map(convert_one, planned, jobs)


def _with_pins(outcome: Outcome, plan: AnyPlan, removed: Sequence[WheelFilename]) -> Outcome:
    """Return the outcome with a warning for each requirement on a local version.

    *removed* are the old names of the wheels whose local version the run removes.
    """
    remedy = "replace it with remove-dependencies and dependencies in the project file"
    if isinstance(plan, PlainPlan):
        remedy = "change it in the project, and rebuild the wheel"
    warnings = [f"{_about(pin, removed)}; {remedy}" for pin in outcome.pins]
    return outcome._replace(warnings=(*outcome.warnings, *warnings))


def _about(pin: LocalPin, removed: Sequence[WheelFilename]) -> str:
    with suppress(VariantError):  # the conversion reports an invalid version
        if any(name.release() == (pin.name, pin.version) for name in removed):
            return f"requires {pin.requirement!r}, but this run removes that local version of {pin.name}"
    return f"requires {pin.requirement!r}, which no wheel of {pin.name} without a local version satisfies"


def _unmatched(project: Project, project_file: Path | None, planned: Sequence[Planned]) -> list[str]:
    """Return warnings about patterns of recipes that match nothing.

    A run over some of the wheels of a release is normal. So a ``match`` is reported only if a wheel is left
    over, and a ``remove-dependencies`` for all labels only if each label with a ``match`` has a wheel.
    """
    from ..project.pyproject import PROJECT_FILE

    path = project_file or PROJECT_FILE
    wheels: dict[str, list[WheelFile]] = {}
    for item in _conversions(planned):
        wheels.setdefault(item.plan.variant.label, []).append(item.wheel)
    globs = unmatched_globs(project.recipes, path, wheels) if None in planned else []
    complete = all(label in wheels for label, recipe in project.recipes.items() if recipe.match)
    removals = unmatched_removals(project, path, wheels, common=complete)
    return [*globs, *removals]


def _conversions(planned: Iterable[Planned]) -> list[Conversion]:
    return [item for item in planned if isinstance(item, Conversion)]


def _map(convert_one: Callable[[Planned], Result], planned: Iterable[Planned], jobs: int) -> Iterator[Result]:
    """Convert wheels, *jobs* at a time, and yield the results in order."""
    if jobs == 1:
        yield from map(convert_one, planned)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(jobs) as executor:
        try:
            yield from executor.map(convert_one, planned)
        finally:
            executor.shutdown(cancel_futures=True)  # an interrupted run starts no further wheel


def _planned(wheel: WheelFile | VariantError, plan_of: Callable[[WheelFile], AnyPlan | None]) -> Planned:
    """Return the conversion of a wheel, or the error of this wheel alone."""
    if isinstance(wheel, VariantError):
        return wheel
    try:
        plan = plan_of(wheel)
    except VariantError as error:
        return error
    return Conversion(wheel, plan) if plan else None


def _refuse(wheel: WheelFile) -> Plan | None:
    raise VariantError(_no_variant(wheel.path.name))


def _no_variant(wheel: str) -> Problem:
    return Problem("error", wheel, "no variant is given for this wheel", _REMEDY)


class _Planner:
    """Plans variants from a request, from the variant.json of wheels, and from matches of a project file."""

    def __init__(self, request: Request, moment: int | None) -> None:
        self.remarks: list[str] = []
        self._request = request
        self._moment = moment

    def plan_request(self, project: Project | None) -> Plan:
        """Return the plan for every wheel from the request. Raises VariantError."""
        request, table = self._request, project.metadata if project else None
        if table is not None and request.providers:
            raise RequestError(
                "--provider, --plugin-api and --static cannot be used with a project file:"
                " edit its table [variant.providers]"
            )
        if table is None and request.needs_table():
            raise RequestError(
                f"label {request.label!r} is not defined: there is no project file with a [variant] table",
                remedy="use --pyproject FILE to name a project file, or --property to give properties",
            )
        draft = Draft.of(request, project)
        if table is None and not request.properties and not request.providers:
            self.remarks.append(
                f"no namespace is given, so the wheel declares {draft.wheel.metadata.namespaces[0]!r}"
                " (a variant.json must declare at least one);"
                " use --pyproject, --provider or --static to declare the namespaces of the release"
            )
        return self._plan(draft)

    def plan_inside(self, wheel: WheelFile) -> Plan | None:
        """Return the plan for a wheel that has a variant.json, or None if it has none.

        Its requirements stay: the recipe was applied when the wheel was made.
        """
        with wheel.open(renamed=True) as opened:
            if not opened.is_variant():
                return None
            recipe = self._request.overridden(Recipe(keep_markers=True))
            return Plan(opened.variant_metadata(), recipe, moment=self._moment)

    def by_match(self, project: Project | None) -> Callable[[WheelFile], Plan | None] | None:
        """Return a function that plans a wheel by the ``match`` tables of the project file, or None."""
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
            self.remarks.append(f"{text}; plugins run in builds only")
        return plan


def _load_project(path: Path | None) -> Project | None:
    """Return the named project file, or the one in the current folder, or None if there is none."""
    if path is None and not Path("pyproject.toml").exists():
        return None
    # The TOML reader takes long to import, and most runs have no project file.
    from ..project.pyproject import PROJECT_FILE, Project

    project = Project.load(path or PROJECT_FILE)
    if project.metadata is None and path is not None:
        raise VariantError(
            "missing table [variant]", place=path, remedy="name a project file with this table"
        )
    return project
