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
@output_option("The output folder.  [default: PATH/dist]")
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
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="End each sdist or wheel that takes longer.  [default: no limit]",
)
@click.pass_obj
def build_command(
    printer: Printer,
    path: Path,
    labels: tuple[str, ...],
    plain: bool,
    output: Path | None,
    jobs: int,
    no_isolation: bool,
    build_installer: Literal["pip", "uv"],
    timeout: int | None,
) -> None:
    """Build all variants of a project, and its plain release.

    PATH is the project's folder or its pyproject.toml. With --label or --plain, the command builds only
    these. Each wheel is built from a fresh copy of the sdist. The logs of the builds are .logs/LABEL.log,
    plain.log and sdist.log in the output folder.
    """
    from ..building.ineffective import recipes_without_effect
    from ..building.matrix import Matrix, build_matrix

    if path.name == "pyproject.toml":
        path = path.parent
    matrix = Matrix.load(path, labels, plain=plain)
    for remark in matrix.remarks:
        printer.warn(remark)
    total = 1 + len(matrix.labels) + matrix.plain
    started = time.monotonic()
    with status_line() as show:
        results = build_matrix(
            matrix,
            output or path / "dist",
            jobs=jobs,
            installer=None if no_isolation else build_installer,
            timeout=timeout,
            show=lambda done, names: show(
                f"{done} of {total} done, {time.monotonic() - started:.0f} s; building {', '.join(names)}"
            ),
        )
    printer.keys = {"builds": list(map(_to_dict, results))}
    printer.table(_rows(results))
    built_wheels = [built.path for built in results if built.path and built.distribution == "wheel"]
    for problem in recipes_without_effect(matrix.recipes, matrix.place, built_wheels):
        printer.warn(problem)
    if failed := [built.name for built in results if built.error]:
        printer.error(f"not built: {', '.join(failed)}")


def _rows(results: Sequence[Built]) -> list[tuple[str, str, str, str]]:
    """Return the table for people: each build, its result, its time, and the path or the error."""
    seconds = [f"{built.seconds:.1f} s" for built in results]
    return [
        (built.name, "failed" if built.error else "built", f"{took:>{max(map(len, seconds))}}", _end(built))
        for built, took in zip(results, seconds, strict=True)
    ]


def _to_dict(built: Built) -> dict[str, object]:
    """Return the JSON object of a build."""
    return {
        "distribution": built.distribution,
        "label": built.label,
        "seconds": built.seconds,
        "path": str(built.path) if built.path else None,
        "log": str(built.log),
        "error": built.error,
    }


def _end(built: Built) -> str:
    """Return the path of the result, or its log and the error."""
    return str(built.path or f"{built.log}: {built.error}")
