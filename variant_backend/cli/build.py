"""``variant-backend build``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from .command import Command
from .options import PATH, jobs_option, label_option, output_option
from .output import Printer, status_line

if TYPE_CHECKING:
    from ..building.matrix import Built


@click.command("build", cls=Command, example="variant-backend build -l cu12 -l cpu", page="docs/matrix.md")
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
    default="pip",
    show_default=True,
    help="The tool that installs build requirements into the isolated environments.",
)
@click.pass_obj
def build_command(
    printer: Printer,
    path: Path,
    labels: tuple[str, ...],
    plain: bool,
    sdist: Path | None,
    output: Path | None,
    jobs: int,
    no_isolation: bool,
    build_installer: Literal["pip", "uv"],
) -> None:
    """Build all variants of a project, and its plain release.

    PATH is the project's folder, its pyproject.toml or its sdist. With --label or --plain, the command builds
    only these. Each wheel is built from a fresh copy of the sdist. The logs of the builds are
    .logs/LABEL.log, plain.log and sdist.log in the output folder.
    """
    from ..building.matrix import Matrix, build_matrix

    if path.name == "pyproject.toml":
        path = path.parent
    if path.is_file() and sdist:
        raise click.UsageError("--sdist needs the project's folder as PATH; leave out one of the two sdists")
    matrix = Matrix.load(path, labels, plain=plain, sdist=sdist)
    for remark in matrix.remarks:
        printer.warn(remark)
    total = (not matrix.has_sdist) + len(matrix.labels) + matrix.plain
    started = time.monotonic()
    with status_line() as show:
        results = build_matrix(
            matrix,
            output or (path.parent if path.is_file() else path / "dist"),
            jobs=jobs,
            installer=None if no_isolation else build_installer,
            show=lambda done, names: show(
                f"{done} of {total} done, {time.monotonic() - started:.0f} s; building {', '.join(names)}"
            ),
        )
    printer.keys = {"builds": list(map(_to_dict, results))}
    printer.table(_rows(results))
    if failed := [built.name for built in results if built.error]:
        printer.error(f"not built: {', '.join(failed)}")


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
