"""``variant-backend build``."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from click.core import ParameterSource

from ..errors import RequestError, VariantError
from ..lowlevel.terminal import print_document
from .command import Command
from .options import PATH, jobs_option, label_option, output_option, reading
from .output import Printer, Progress, status_line
from .policy_options import configuration, or_configured
from .selection_options import read_target, sources_options

if TYPE_CHECKING:
    from ..building.ci_matrix import MatrixFormat
    from ..building.matrix import Built, Matrix
    from ..selection.releases import Sources
    from ..variants.requirements import Pin


def _axis(values: Sequence[str]) -> tuple[str, ...]:
    """Return the values of an axis of the matrix, each once; raises VariantError for an empty one."""
    if not all(map(str.strip, values)):
        raise VariantError("expected a value, got an empty text", remedy="leave the option out")
    return tuple(dict.fromkeys(values))


@click.command(
    "build", cls=Command, example="variant-backend build -l cu12 -l cpu", page="docs/how-to/matrix.md"
)
@click.argument("path", default=".", type=PATH, metavar="[PATH]")
@label_option("Build the wheel of this label; may be repeated.", multiple=True)
@click.option("--plain", is_flag=True, help="Build the plain release: the sdist and the plain wheel.")
@click.option(
    "--sdist",
    type=PATH,
    metavar="FILE",
    help="Build the wheels from this sdist of the project, instead of a new one.",
)
@output_option("The output folder.  [default: PATH/dist, or the folder of the sdist PATH]")
@jobs_option
@click.option(
    "--no-isolation",
    is_flag=True,
    help="Build in the current environment, which must already contain the build requirements.",
)
@click.option(
    "--build-installer",
    type=click.Choice(["pip", "uv"]),
    help="The tool that installs build requirements into the isolated environments.  [default: pip, or as"
    " configured]",
)
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="End each sdist or wheel that takes longer.  [default: no limit]",
)
@sources_options
@click.option(
    "--print-matrix",
    "matrix_format",
    type=click.Choice(["json", "github", "gitlab"]),
    help="Build nothing, and print the labels as a matrix of jobs, in this format.",
)
@click.option(
    "--python",
    "pythons",
    multiple=True,
    callback=reading(_axis),
    metavar="VERSION",
    help="A Python version of --print-matrix, in any form; may be repeated.",
)
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    callback=reading(_axis),
    metavar="NAME",
    help="A platform of --print-matrix, such as ubuntu-24.04; may be repeated.",
)
@click.pass_context
def build_command(
    context: click.Context,
    path: Path,
    labels: tuple[str, ...],
    plain: bool,
    sdist: Path | None,
    output: Path | None,
    jobs: int,
    no_isolation: bool,
    build_installer: Literal["pip", "uv"] | None,
    timeout: int | None,
    sources: Sources,
    matrix_format: MatrixFormat | None,
    pythons: tuple[str, ...],
    platforms: tuple[str, ...],
) -> None:
    """Build all variants of a project, and its plain release.

    PATH is the project's folder, its pyproject.toml or its sdist. With --label or --plain, the command builds
    only these. Each wheel is built from a fresh copy of the sdist. The logs of the builds are
    .logs/LABEL.log, plain.log and sdist.log in the output folder.
    """
    from ..building.ineffective import recipes_without_effect
    from ..building.matrix import Matrix

    printer: Printer = context.obj
    _check_usage(context, prints_matrix=matrix_format is not None)
    if path.name == "pyproject.toml":
        path = path.parent
    if path.is_file() and sdist:
        raise click.UsageError("--sdist needs the project's folder as PATH; leave out one of the two sdists")
    matrix = Matrix.load(path, labels, plain=plain, sdist=sdist)
    for remark in matrix.remarks:
        printer.warn(remark)
    if matrix_format:
        _print_matrix(matrix, matrix_format, python=pythons, platform=platforms)
        return
    installer = None if no_isolation else build_installer or configuration().build_installer
    folder = output or (path.parent if path.is_file() else path / "dist")
    with _fetched_requirements(printer, matrix, sources, isolated=not no_isolation) as requires:
        results = _build(matrix, folder, jobs, installer, timeout, requires)
    printer.keys = {"builds": list(map(_to_dict, results))}
    printer.table(_rows(results))
    built_wheels = [built.path for built in results if built.path and built.distribution == "wheel"]
    for problem in recipes_without_effect(matrix.recipes, matrix.place, built_wheels):
        printer.warn(problem)
    if failed := [built.name for built in results if built.error]:
        printer.error(f"not built: {', '.join(failed)}")


def _build(
    matrix: Matrix,
    output: Path,
    jobs: int,
    installer: Literal["pip", "uv"] | None,
    timeout: int | None,
    requires: Mapping[str, Sequence[str]],
) -> list[Built]:
    """Build the matrix, with a status line."""
    from ..building.matrix import build_matrix

    total = (not matrix.has_sdist) + len(matrix.labels) + matrix.plain
    started = time.monotonic()
    with status_line() as show:
        return build_matrix(
            matrix,
            output,
            jobs=jobs,
            installer=installer,
            requires=requires,
            timeout=timeout,
            show=lambda done, names: show(
                f"{done} of {total} done, {time.monotonic() - started:.0f} s; building {', '.join(names)}"
            ),
        )


@contextmanager
def _fetched_requirements(
    printer: Printer, matrix: Matrix, sources: Sources, *, isolated: bool
) -> Iterator[dict[str, list[str]]]:
    """Download the variants that builds require, and give requirements on these files, by label.

    Builds that are not *isolated* get nothing: their environment must contain the variants. Raises
    RequestError if sources are missing, and VariantError if a download fails.
    """
    wanted = matrix.build_variants if isolated else {}
    if not wanted:
        if any(sources):
            printer.warn("no isolated build requires a variant; --find-links and --index-url are unused")
        yield {}
        return
    sources = or_configured(sources)
    if not any(sources):
        label, pins = next(iter(wanted.items()))
        text = f"label {label!r} requires {pins[0]} for its build"
        raise RequestError(text, remedy="add --find-links DIR or --index-url URL")
    from ..lowlevel.processes import temporary_folder

    with temporary_folder() as folder:
        yield {
            label: _fetch(printer, pins, sources, folder / str(number))
            for number, (label, pins) in enumerate(wanted.items())
        }


def _fetch(printer: Printer, pins: Sequence[Pin], sources: Sources, folder: Path) -> list[str]:
    """Download variants as files that pip installs, and return requirements on these files."""
    from ..machine.support import Machine, Policy
    from ..selection.fetch import fetch
    from ..selection.resolve import resolve_packages
    from .fetch import print_fetched, warn_of_plain_http

    picks, problems = resolve_packages(
        [pin.request for pin in pins], sources, Machine(), Policy(), read_target(None, None)
    )
    for problem in problems:
        printer.warn(problem)
    warn_of_plain_http(printer, [*sources.index_urls, *(pick.wheel.file.url or "" for pick in picks)])
    with Progress(size=sum(pick.wheel.file.size or 0 for pick in picks)) as progress:
        results = fetch(picks, folder, None, plain=True, advance=progress.advance)
    print_fetched(printer, results)
    return [f"{result.pick.release.name} @ {result.path.absolute().as_uri()}" for result in results]


def _check_usage(context: click.Context, *, prints_matrix: bool) -> None:
    """Raise UsageError if an option is given that has no effect."""
    building = {"output", "jobs", "no_isolation", "build_installer", "find_links", "index_url"}
    building |= {"timeout", "as_json", "keyring_provider"}
    unused = building if prints_matrix else {"pythons", "platforms"}
    for param in context.command.params:
        if param.name in unused and context.get_parameter_source(param.name) == ParameterSource.COMMANDLINE:
            name = max(param.opts, key=len)
            if not prints_matrix:
                raise click.UsageError(f"{name} needs --print-matrix FORMAT")
            raise click.UsageError(
                f"{name} and --print-matrix cannot be used together; leave one of them out"
            )


def _print_matrix(matrix: Matrix, form: MatrixFormat, **others: Sequence[str]) -> None:
    """Print the wheels as a matrix of jobs; axes without values are left out."""
    from ..building.ci_matrix import matrix_text

    labels = [*matrix.labels, *([""] if matrix.plain else [])]
    axes = {"label": labels, **{name: values for name, values in others.items() if values}}
    print_document(matrix_text(form, axes).encode())


def _rows(results: Sequence[Built]) -> list[tuple[str, str, str, str]]:
    """Return the table for people: each build, its result, its time, and the path or the error."""
    seconds = [f"{built.seconds:.1f} s" for built in results]
    return [
        (built.name, _outcome(built), f"{took:>{max(map(len, seconds))}}", _end(built))
        for built, took in zip(results, seconds, strict=True)
    ]


def _outcome(built: Built) -> str:
    if built.error:
        return "failed"
    return "built" if built.log else "given"


def _to_dict(built: Built) -> dict[str, object]:
    """Return the JSON object of a build."""
    return {
        "distribution": built.distribution,
        "label": built.label,
        "seconds": built.seconds,
        "path": str(built.path) if built.path else None,
        "log": str(built.log) if built.log else None,
        "error": built.error,
    }


def _end(built: Built) -> str:
    """Return the path of the result, or its log and the error."""
    return str(built.path or f"{built.log}: {built.error}")
