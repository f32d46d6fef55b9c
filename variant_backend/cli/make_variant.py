"""``make-variant``: turning wheels that exist into variants of themselves."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from .. import __version__
from ..errors import VariantError
from ..lowlevel.source_date import source_date_epoch
from ..lowlevel.terminal import print_line, print_message
from ..project.recipe import Recipe, label_for
from ..variants.abi_dependency import ABI_DEPENDENCY
from ..variants.filename import WheelFilename, check_project_name, escape
from ..variants.metadata import VariantMetadata, declare
from ..variants.properties import NULL_LABEL, Property, Variant, check_name
from ..variants.providers import Provider, read_provider
from ..variants.wheel_metadata import left_out, select_variant, with_answers
from ..wheel_rewrite import Outcome, Plan, make_variant, renamed
from ..wheels.reading import open_wheel
from ..wheels.writing import check_targets
from .command import Command
from .options import PATH
from .output import Progress, print_json

if TYPE_CHECKING:
    from ..project.pyproject import Project

_PROJECT_FILE = Path("pyproject.toml")
_AS_IT_IS = Recipe(keep_markers=True)

# What a wheel becomes, or why that cannot be said, or None for a wheel that no recipe picks.
_Planned: TypeAlias = Plan | VariantError | None


@click.command(
    cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.argument("wheels", nargs=-1, required=True, type=PATH, metavar="WHEEL...")
@click.option(
    "-p",
    "--property",
    "properties",
    multiple=True,
    metavar="NS::FEATURE::VALUE",
    help="A property of the variant; repeat it for more. One value of each feature must be supported.",
)
@click.option(
    "--null", "is_null", is_flag=True, help="Make the null variant, the fallback without properties."
)
@click.option("-l", "--label", help="The variant's label; alone, one that the project file defines.")
@click.option(
    "--pyproject",
    type=PATH,
    help="The project file with the [variant] table  [default: ./pyproject.toml]",
)
@click.option(
    "--provider",
    "requires",
    multiple=True,
    metavar="NS=REQUIREMENT",
    help="The plugin that tells what is supported.",
)
@click.option("--plugin-api", "plugin_apis", multiple=True, metavar="NS=OBJECT", help="The plugin's object.")
@click.option(
    "--static",
    "statics",
    multiple=True,
    metavar="'NS :: FEATURE :: V1, V2'",
    help="Values that every system supports, best first.",
)
@click.option(
    "--known-providers/--no-known-providers",
    default=True,
    help="Supply the providers that installers know by heart.",
)
@click.option("--strip-local-version", is_flag=True, help="Drop the +LOCAL part of the version.")
@click.option("--name", help="Give the project another name.")
@click.option("-o", "--output-dir", type=PATH, help="Where to write  [default: beside each wheel]")
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.option("--dry-run", is_flag=True, help="Check the wheels, write nothing.")
@click.option("-j", "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Wheels at a time.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each wheel.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@click.version_option(__version__, prog_name="variant-backend")
def make_variant_command(
    wheels: tuple[Path, ...],
    properties: tuple[str, ...],
    is_null: bool,
    label: str | None,
    pyproject: Path | None,
    requires: tuple[str, ...],
    plugin_apis: tuple[str, ...],
    statics: tuple[str, ...],
    known_providers: bool,
    strip_local_version: bool,
    name: str | None,
    output_dir: Path | None,
    force: bool,
    dry_run: bool,
    jobs: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Turn wheels into variants of themselves (PEP 825), copying what stays as it is.

    The variant is given by properties, by --null, or by a --label that the project file defines.
    Given none of them, a wheel that carries a variant.json gets the label that is in there, and any other
    wheel the label that picks it: by the match of its table in the project file.
    The wheels themselves are never changed. The path of what was written is printed.
    """
    if is_null and (properties or label not in (None, NULL_LABEL)):
        raise click.UsageError(
            "--null goes with neither --property nor --label: the null variant has no property."
        )
    say: Callable[[str], object] = (lambda _: None) if quiet else print_message
    if name is not None:
        check_project_name(name)
    given = _providers(requires, plugin_apis, statics, known_providers)
    parsed = [Property.parse(text) for text in properties]
    if parsed or is_null or label is not None:
        wanted = NULL_LABEL if is_null else label
        plan = _plan_for_all(_project(pyproject), parsed, wanted, given, say, known=known_providers)
        plans: list[_Planned] = [_or_fault(wheel, plan) for wheel in wheels]
    elif given:
        raise click.UsageError("Nothing says which variant: give --property, --null or --label.")
    else:
        plans = _plans_by_themselves(wheels, pyproject, say)
    moment = source_date_epoch(os.environ)
    plans = [_with_options(plan, name, strip_local_version, moment) for plan in plans]
    for remark in dict.fromkeys(
        remark for plan in plans if isinstance(plan, Plan) for remark in plan.remarks()
    ):
        say(remark)
    folders = [output_dir or wheel.parent for wheel in wheels]
    _check_targets(wheels, plans, folders, as_json=as_json)
    convert = functools.partial(make_variant, force=force, dry_run=dry_run)
    if not _convert_all(convert, wheels, plans, folders, jobs, say, as_json=as_json, quiet=quiet):
        sys.exit(1)


def _convert_all(
    convert: Callable[..., Outcome],
    wheels: Sequence[Path],
    plans: Sequence[_Planned],
    folders: Sequence[Path],
    jobs: int,
    say: Callable[[str], object],
    *,
    as_json: bool,
    quiet: bool,
) -> bool:
    """Convert the wheels, tell what became of each, and return whether all went well."""
    progress = Progress(wheels, shown=not quiet)

    def outcome(wheel: Path, plan: _Planned, folder: Path) -> Outcome | VariantError | None:
        if not isinstance(plan, Plan):
            return plan
        try:
            return convert(wheel, plan, folder, advance=progress.advance)
        except VariantError as error:
            return error

    well = True
    with progress:
        results = _map(outcome, jobs, wheels, plans, folders)
        for wheel, plan, result in zip(wheels, plans, results, strict=True):
            progress.interrupt()
            _report(wheel, plan, result, say, as_json=as_json)
            well &= not isinstance(result, VariantError)
    if all(plan is None for plan in plans):
        print_message("error: no match in the project file picks any of these wheels")
        return False
    return well


def _or_fault(wheel: Path, plan: Plan) -> _Planned:
    """Return the plan for a wheel, or what is wrong with its name: that is not the other wheels' fault."""
    try:
        WheelFilename.parse(wheel.name)
        return plan
    except VariantError as error:
        return error


def _with_options(
    plan: _Planned, name: str | None, strip_local_version: bool, moment: int | None
) -> _Planned:
    """Return the plan with what options say in place of the recipe."""
    if not isinstance(plan, Plan):
        return plan
    recipe = plan.recipe
    if name is not None:
        recipe = recipe._replace(name=name)
    if strip_local_version:
        recipe = recipe._replace(strip_local_version=True)
    return plan._replace(recipe=recipe, moment=moment)


def _plan_for_all(
    project: Project | None,
    properties: list[Property],
    label: str | None,
    providers: Mapping[str, Provider],
    say: Callable[[str], object],
    *,
    known: bool,
) -> Plan:
    """Return what every wheel becomes, as options say."""
    if project and project.metadata and providers:
        raise click.UsageError(
            "--provider, --plugin-api and --static go without a project file; it has [variant.providers]."
        )
    if project and project.metadata:
        release = project.metadata
    elif properties or label == NULL_LABEL:
        release = declare(properties, providers, known=known)
        if not properties and not providers:
            say(
                f"hint: no namespace is given, so {release.namespaces[0]!r} is declared; name those of the"
                " release with --pyproject, --provider or --static"
            )
    else:
        raise VariantError(
            f"label {label!r} is not defined, as there is no project file with a [variant] table",
            hint="give --pyproject, or properties with --property",
        )
    return _plan(project, release, select_variant(release, label, frozenset(properties)), say)


def _plan(
    project: Project | None, release: VariantMetadata, variant: Variant, say: Callable[[str], object]
) -> Plan:
    """Return what a wheel becomes, once it is known which variant of the release."""
    whole = release.only(variant)
    recipe = project.recipe(variant.label) if project else Recipe()
    if unknown := recipe.unknown_versions(variant):
        example = Property(ABI_DEPENDENCY, escape(unknown[0]), "2.10")
        raise VariantError(
            f"tool.variant-backend.variants.{variant.label}.abi-dependency: a finished wheel does not say"
            f" which {unknown[0]!r} it was built with",
            hint=f"say it, as in --label {variant.label} --property '{example}'",
        )
    metadata = with_answers(whole, {}, variant.namespaces())
    if text := left_out(whole, metadata):
        say(f"warning: {text}; its plugin is asked in builds only")
    return Plan(metadata, recipe)


def _plans_by_themselves(
    wheels: Sequence[Path], pyproject: Path | None, say: Callable[[str], object]
) -> list[_Planned]:
    """Return what each wheel becomes by what is in it, or by its name, as no option says that."""
    plans: list[_Planned] = [_plan_inside(wheel) for wheel in wheels]
    if None not in plans:
        return plans
    project = _project(pyproject)
    has_match = project is not None and any(recipe.match for recipe in project.recipes.values())
    if project is None or project.metadata is None or not has_match:
        remedy = "give --property, --null or --label, or a project file with a match"
        if all(plan is None for plan in plans):
            raise click.UsageError(f"Nothing says which variant {wheels[0].name} is: {remedy}.")
        return [
            plan or VariantError(f"{wheel.name}: nothing says which variant this is", hint=remedy)
            for wheel, plan in zip(wheels, plans, strict=True)
        ]
    recipes, release = project.recipes, project.metadata
    by_label = functools.cache(lambda label: _plan(project, release, release.variant(label), say))

    def picked(wheel: Path) -> _Planned:
        try:
            label = label_for(recipes, WheelFilename.parse(wheel.name))
            return by_label(label) if label else None
        except VariantError as error:
            return error

    return [plan or picked(wheel) for wheel, plan in zip(wheels, plans, strict=True)]


def _plan_inside(wheel: Path) -> _Planned:
    """Return what a wheel becomes that carries a variant.json, or None for one that does not."""
    try:
        with open_wheel(wheel) as opened:
            # Its recipe was followed when it was made; this finishes it, and decides nothing anew.
            return Plan(opened.variant_metadata(), _AS_IT_IS) if opened.is_variant() else None
    except VariantError as error:
        return error


def _project(pyproject: Path | None) -> Project | None:
    """Return what the project file says that was named, or the one in this folder, if there is one."""
    if pyproject is None and not _PROJECT_FILE.exists():
        return None
    from ..project.pyproject import (
        Project,  # reading TOML takes long to import, and mostly there is none to read
    )

    project = Project.load(pyproject or _PROJECT_FILE)
    if project.metadata is None and pyproject is not None:
        raise VariantError(f"{pyproject}: no [variant] table", hint="name the project file that has it")
    return project


def _providers(
    requires: Iterable[str], plugin_apis: Iterable[str], statics: Iterable[str], known: bool
) -> dict[str, Provider]:
    """Return what --provider, --plugin-api and --static say, by namespace."""
    tables: dict[str, dict[str, Any]] = {}
    for option, texts, shape in (
        ("--provider", requires, "NS=REQUIREMENT"),
        ("--plugin-api", plugin_apis, "NS=OBJECT"),
    ):
        for text in texts:
            namespace, equals, value = text.partition("=")
            check_name(namespace.strip(), f"{option} {text!r}: namespace")
            if not equals or not value.strip():
                raise VariantError(f"{option} {text!r}: nothing after the namespace", hint=f"write {shape}")
            table = tables.setdefault(namespace.strip(), {})
            if option == "--provider":
                table.setdefault("requires", []).append(value.strip())
            else:
                table["plugin-api"] = value.strip()
    for text in statics:
        parts = [part.strip() for part in text.split("::")]
        if len(parts) != 3:
            raise VariantError(f"--static {text!r}: not three parts", hint="write 'NS :: FEATURE :: V1, V2'")
        namespace, feature, values = parts
        check_name(namespace, f"--static {text!r}: namespace")
        table = tables.setdefault(namespace, {})
        features = table.setdefault("static-properties", {})
        features.setdefault(feature, []).extend(value.strip() for value in values.split(","))
        if len(features) > 1:
            table["feature-order"] = list(features)
    for namespace, table in tables.items():
        if known and "plugin-api" in table and "requires" not in table:
            _supply_requirement(namespace, table)
    return {
        namespace: read_provider(table, f"namespace {namespace!r}") for namespace, table in tables.items()
    }


def _supply_requirement(namespace: str, table: dict[str, Any]) -> None:
    """Supply the requirement of a provider that is known here."""
    from ..variants.known_providers import KNOWN_PROVIDERS

    if namespace in KNOWN_PROVIDERS:
        table["requires"] = list(KNOWN_PROVIDERS[namespace].table.requires)


def _check_targets(
    wheels: Sequence[Path], plans: Sequence[_Planned], folders: Sequence[Path], *, as_json: bool
) -> None:
    """Raise a VariantError if two wheels would be written to one file; *as_json* prints all objects first."""
    try:
        check_targets(
            (wheel, folder / str(renamed(WheelFilename.parse(wheel.name), plan)))
            for wheel, plan, folder in zip(wheels, plans, folders, strict=True)
            if isinstance(plan, Plan)
        )
    except VariantError as error:
        for wheel, plan in zip(wheels, plans, strict=True) if as_json else ():
            print_json(_told(wheel, plan, None, (), error.lines()))
        raise


def _map(convert: Callable[..., Any], jobs: int, *arguments: Iterable[Any]) -> Iterator[Any]:
    """Call *convert* for each set of arguments, several at a time, and yield the results in order."""
    if jobs == 1:
        yield from map(convert, *arguments)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(jobs) as executor:
        try:
            yield from executor.map(convert, *arguments)
        finally:
            executor.shutdown(cancel_futures=True)  # what has not started, when the run is interrupted


def _report(
    wheel: Path,
    plan: _Planned,
    result: Outcome | VariantError | None,
    say: Callable[[str], object],
    *,
    as_json: bool,
) -> None:
    """Tell what became of a wheel: the path, or the JSON object, on stdout, all else on stderr."""
    outcome = result if isinstance(result, Outcome) else None
    errors = result.lines() if isinstance(result, VariantError) else []
    notices = outcome.notices if outcome else () if errors else ("no match picks it",)
    for notice in notices:
        say(f"notice: {wheel.name}: {notice}")
    for error in errors:
        print_message(f"error: {error}")
    if as_json:
        print_json(_told(wheel, plan, outcome, notices, errors))
    elif outcome:
        print_line(str(outcome.path))


def _told(
    wheel: Path, plan: _Planned, outcome: Outcome | None, notices: Sequence[str], errors: Sequence[str]
) -> dict[str, object]:
    """Return the JSON object of a wheel."""
    variant = plan.variant if isinstance(plan, Plan) else None
    return {
        "input": str(wheel),
        "output": str(outcome.path) if outcome else None,
        "label": variant.label if variant else None,
        "properties": [str(prop) for prop in sorted(variant.properties)] if variant else [],
        "written": outcome is not None and outcome.written,
        "notices": list(notices),
        "errors": list(errors),
    }
